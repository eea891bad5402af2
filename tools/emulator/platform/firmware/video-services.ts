// INT 10h: text output and VESA modes (IBM VGA BIOS functions; VBE core functions 3.0). Graphics
// modes of the VGA itself, palettes and fonts are left out: programs for those set registers.

import type { MmioHandler } from "../../devices/device.ts";
import { FRAMEBUFFER_BASE, VRAM_BYTES } from "../../devices/vga.ts";
import type { Board } from "../pc.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import type { Registers } from "./registers.ts";
import { vgaFont } from "./vga-font.ts";

const BDA = 0x400;
const MODE = BDA + 0x49;
const COLUMNS = BDA + 0x4a;
const CURSOR = BDA + 0x50;
const CURSOR_SHAPE = BDA + 0x60;
const ROWS = BDA + 0x84;
const TEXT = 0xb8000;
const WINDOW = 0xa0000;
const TEXT_ATTRIBUTE = 0x07;

const CRTC_INDEX = 0x3d4;
const CURSOR_HIGH = 0x0e;
const CURSOR_LOW = 0x0f;

/** VBE modes with linear framebuffers, 32 bits a pixel from 0x140 on as Bochs numbers them. */
const VBE_MODES: readonly [number: number, width: number, height: number, depth: number][] = [
  [0x111, 640, 480, 16],
  [0x112, 640, 480, 24],
  [0x114, 800, 600, 16],
  [0x115, 800, 600, 24],
  [0x117, 1024, 768, 16],
  [0x118, 1024, 768, 24],
  [0x141, 640, 480, 32],
  [0x143, 800, 600, 32],
  [0x144, 1024, 768, 32],
];
const VBE_OK = 0x004f;
const VBE_FAILED = 0x014f;

export class VideoServices {
  readonly #board: Board;
  readonly #window: MmioHandler | undefined;
  readonly #bios: BiosStateHolder;

  constructor(board: Board, bios: BiosStateHolder) {
    this.#board = board;
    this.#bios = bios;
    this.#window = board.vga?.window();
  }

  /** Clears the screen and sets up the data area for 80×25. */
  setTextMode(r: Registers): void {
    this.#board.vga?.reset();
    this.#board.vga?.loadFont(vgaFont());
    r.setByte(MODE, 3);
    r.setWord(COLUMNS, 80);
    r.setByte(ROWS, 24);
    r.setWord(CURSOR_SHAPE, 0x0607);
    this.#bios.state.vbeMode = 3;
    this.#fill(0, 80 * 25, 0x20, TEXT_ATTRIBUTE);
    this.#moveCursor(r, 0);
  }

  #cell(index: number): number {
    return this.#window?.read(TEXT - WINDOW + index * 2, 2) ?? 0;
  }

  #setCell(index: number, character: number, attribute: number): void {
    this.#window?.write(TEXT - WINDOW + index * 2, character | (attribute << 8), 2);
  }

  #fill(first: number, count: number, character: number, attribute: number): void {
    for (let i = 0; i < count; i++) this.#setCell(first + i, character, attribute);
  }

  /** `position` is row << 8 | column. */
  #moveCursor(r: Registers, position: number): void {
    r.setWord(CURSOR, position);
    const linear = (position >> 8) * 80 + (position & 0xff);
    for (const [index, value] of [
      [CURSOR_HIGH, linear >> 8],
      [CURSOR_LOW, linear & 0xff],
    ] as const) {
      this.#board.ports.write(CRTC_INDEX, index, 1);
      this.#board.ports.write(CRTC_INDEX + 1, value, 1);
    }
  }

  /** Scrolls rows top–bottom, columns left–right by `lines` (0 clears), up or down. */
  #scroll(
    lines: number,
    attribute: number,
    window: [top: number, left: number, bottom: number, right: number],
    up: boolean,
  ): void {
    const [top, left, bottom, right] = window;
    const height = bottom - top + 1;
    const n = lines === 0 || lines > height ? height : lines;
    for (let i = 0; i < height; i++) {
      const row = up ? top + i : bottom - i;
      const from = up ? row + n : row - n;
      for (let x = left; x <= Math.min(right, 79); x++) {
        const inside = from >= top && from <= bottom;
        const cell = inside ? this.#cell(from * 80 + x) : 0x20 | (attribute << 8);
        this.#setCell(row * 80 + x, cell & 0xff, cell >> 8);
      }
    }
  }

  /** Writes one character at the cursor as a terminal does. */
  teletype(r: Registers, character: number): void {
    const cursor = r.word(CURSOR);
    let row = cursor >> 8;
    let column = cursor & 0xff;
    if (character === 13) column = 0;
    else if (character === 10) row++;
    else if (character === 8) column = Math.max(0, column - 1);
    else if (character !== 7) {
      const attribute = this.#cell(row * 80 + column) >> 8 || TEXT_ATTRIBUTE;
      this.#setCell(row * 80 + column, character, attribute);
      if (++column === 80) {
        column = 0;
        row++;
      }
    }
    if (row > 24) {
      this.#scroll(1, TEXT_ATTRIBUTE, [0, 0, 24, 79], true);
      row = 24;
    }
    this.#moveCursor(r, (row << 8) | column);
  }

  print(r: Registers, text: string): void {
    for (const c of text) this.teletype(r, c.charCodeAt(0) & 0xff);
  }

  serve(r: Registers): void {
    const cursor = r.word(CURSOR);
    const at = (cursor >> 8) * 80 + (cursor & 0xff);
    switch (r.ah) {
      case 0x00:
        this.setTextMode(r);
        break;
      case 0x01:
        r.setWord(CURSOR_SHAPE, r.cx);
        break;
      case 0x02:
        this.#moveCursor(r, r.dx);
        break;
      case 0x03:
        r.cx = r.word(CURSOR_SHAPE);
        r.dx = cursor;
        break;
      case 0x06:
      case 0x07:
        this.#scroll(r.al, r.bx >> 8, [r.cx >> 8, r.cx & 0xff, r.dx >> 8, r.dx & 0xff], r.ah === 6);
        break;
      case 0x08:
        r.ax = this.#cell(at);
        break;
      case 0x09:
        this.#fill(at, r.cx, r.al, r.bx & 0xff);
        break;
      case 0x0a:
        for (let i = 0; i < r.cx; i++) this.#setCell(at + i, r.al, this.#cell(at + i) >> 8);
        break;
      case 0x0e:
        this.teletype(r, r.al);
        break;
      case 0x0f:
        r.ax = (80 << 8) | r.byte(MODE);
        r.bx = r.bx & 0xff;
        break;
      case 0x12:
        // EGA information: colour, 256 KiB.
        if ((r.bx & 0xff) === 0x10) {
          r.bx = 3;
          r.cx = 9;
        }
        break;
      case 0x13:
        this.#writeString(r);
        break;
      case 0x1a:
        // Display combination: VGA with colour display.
        r.al = 0x1a;
        r.bx = 8;
        break;
      case 0x4f:
        this.#vbe(r);
        break;
    }
  }

  /** AL bit 0 moves the cursor, bit 1 says that attributes are in the string. */
  #writeString(r: Registers): void {
    const before = r.word(CURSOR);
    this.#moveCursor(r, r.dx);
    let at = r.at("es", r.bp);
    for (let i = 0; i < r.cx; i++) {
      const character = r.byte(at++);
      const attribute = r.al & 2 ? r.byte(at++) : r.bx & 0xff;
      const cursor = r.word(CURSOR);
      if (character >= 0x20) {
        this.#setCell((cursor >> 8) * 80 + (cursor & 0xff), character, attribute);
      }
      this.teletype(r, character);
    }
    if (!(r.al & 1)) this.#moveCursor(r, before);
  }

  #vbe(r: Registers): void {
    if (this.#board.vga === undefined) return;
    const buffer = r.at("es", r.di);
    switch (r.al) {
      case 0x00:
        this.#controllerInfo(r, buffer);
        break;
      case 0x01:
        r.ax = this.#modeInfo(r, buffer, r.cx & 0x1ff) ? VBE_OK : VBE_FAILED;
        break;
      case 0x02: {
        const mode = VBE_MODES.find(([n]) => n === (r.bx & 0x1ff));
        if (mode !== undefined) {
          this.#board.vga.setMode({ width: mode[1], height: mode[2], depth: mode[3] });
          this.#bios.state.vbeMode = r.bx & 0x7fff;
          r.ax = VBE_OK;
        } else if ((r.bx & 0x1ff) === 3) {
          this.#board.vga.writeDispi(4, 0);
          this.setTextMode(r);
          r.ax = VBE_OK;
        } else r.ax = VBE_FAILED;
        break;
      }
      case 0x03:
        r.bx = this.#bios.state.vbeMode;
        r.ax = VBE_OK;
        break;
      default:
        r.ax = VBE_FAILED;
    }
  }

  #controllerInfo(r: Registers, buffer: number): void {
    const info = new Uint8Array(256);
    const view = new DataView(info.buffer);
    info.set(new TextEncoder().encode("VESA"));
    view.setUint16(4, 0x0200, true);
    const far = (offset: number): number => ((buffer >> 4) << 16) | ((buffer & 15) + offset);
    view.setUint32(6, far(0xd0), true);
    view.setUint32(14, far(0x22), true);
    view.setUint16(18, VRAM_BYTES >> 16, true);
    VBE_MODES.forEach(([n], i) => {
      view.setUint16(0x22 + 2 * i, n, true);
    });
    view.setUint16(0x22 + 2 * VBE_MODES.length, 0xffff, true);
    info.set(new TextEncoder().encode("trihedron\0"), 0xd0);
    r.ram.write(buffer, info);
    r.ax = VBE_OK;
  }

  #modeInfo(r: Registers, buffer: number, number: number): boolean {
    const mode = VBE_MODES.find(([n]) => n === number);
    if (mode === undefined) return false;
    const [, width, height, depth] = mode;
    const info = new Uint8Array(256);
    const view = new DataView(info.buffer);
    const pitch = width * (depth >> 3);
    // Supported, colour, graphics, linear framebuffer, no banks.
    view.setUint16(0, 0x9b | 0x40, true);
    view.setUint16(0x10, pitch, true);
    view.setUint16(0x12, width, true);
    view.setUint16(0x14, height, true);
    info.set([8, 16, 1, depth, 1, 6], 0x16);
    info.set(depth === 16 ? [5, 11, 6, 5, 5, 0] : [8, 16, 8, 8, 8, 0], 0x1f);
    view.setUint32(0x28, FRAMEBUFFER_BASE, true);
    view.setUint16(0x32, pitch, true);
    info.set(depth === 16 ? [5, 11, 6, 5, 5, 0] : [8, 16, 8, 8, 8, 0], 0x36);
    r.ram.write(buffer, info);
    return true;
  }
}
