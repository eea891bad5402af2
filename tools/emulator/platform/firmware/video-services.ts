// INT 10h: modes, cursor, text and pixels (IBM PS/2 and PC BIOS interface technical reference; Ralf Brown's interrupt
// list). Palette and fonts are palette-services.ts and font-services.ts, VESA's functions vbe-services.ts. Characters
// are drawn in text modes alone: graphics programs bring letters of their own.

import { VGA_WINDOW } from "../../devices/vga.ts";
import type { Board } from "../pc.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import { FontServices } from "./font-services.ts";
import type { GuestSpace } from "./guest-space.ts";
import { PaletteServices } from "./palette-services.ts";
import type { Registers } from "./registers.ts";
import { VbeServices } from "./vbe-services.ts";
import { vgaFont } from "./vga-font.ts";
import {
  ACTIVE_PAGE,
  CHARACTER_LINES,
  COLUMNS,
  CRTC_PORT,
  CURSOR_SHAPE,
  CURSORS,
  DISPLAY_COMBINATION,
  EQUIPMENT,
  MODE,
  MODE_SETTINGS,
  PAGE_BYTES,
  PAGE_START,
  PAGES,
  ROWS,
  VIDEO_CONTROL,
} from "./video-data-area.ts";
import { VideoHardware } from "./video-hardware.ts";
import { VIDEO_MODES, type VideoMode } from "./video-modes.ts";

const TEXT_CURSOR = 0x0607;
const TEXT_MODE = 3;
const MONO_MODE = 7;
const NO_CLEAR = 0x80;
const COLOUR_VGA = 8;
/** Of a VGA: 400 lines of text. */
const FRESH_SETTINGS = 0x11;
/** Control byte: 256 KiB, cursor emulation; bit 7 repeats that memory was not cleared. */
const CONTROL = 0x60;
/** Bit 3 of the mode settings: the palette is not loaded with a mode. */
const KEEP_PALETTE = 0x08;

const CURSOR_START = 0x0a;
const CURSOR_END = 0x0b;
const START_HIGH = 0x0c;
const START_LOW = 0x0d;
const CURSOR_HIGH = 0x0e;
const CURSOR_LOW = 0x0f;

const MAP_MASK = 2;
const SET_RESET = 0;
const ENABLE_SET_RESET = 1;
const DATA_ROTATE = 3;
const READ_MAP = 4;
const BIT_MASK = 8;
const XOR = 0x18;

const BELL = 7;
const BACKSPACE = 8;
const LINE_FEED = 10;
const RETURN = 13;

export class VideoServices {
  readonly #hardware: VideoHardware;
  readonly #bios: BiosStateHolder;
  readonly #palette: PaletteServices;
  readonly #fonts: FontServices;
  readonly #vbe: VbeServices;

  constructor(board: Board, space: GuestSpace, bios: BiosStateHolder) {
    this.#bios = bios;
    this.#hardware = new VideoHardware(board);
    this.#palette = new PaletteServices(this.#hardware, space);
    this.#fonts = new FontServices(this.#hardware, space);
    this.#vbe = new VbeServices(this.#hardware, space, bios, (r, mode) => this.setMode(r, mode));
  }

  /** Sets a mode of the VGA's as AH=00h does; bit 7 keeps what is in video memory. False if there is none of this number. */
  setMode(r: Registers, value: number): boolean {
    const number = value & 0x7f;
    const mode = VIDEO_MODES.get(number);
    if (mode === undefined) return false;
    const { vga } = this.#hardware;
    vga?.leaveLinearMode();
    this.#hardware.program(mode, (r.byte(MODE_SETTINGS) & KEEP_PALETTE) !== 0);
    if (!(value & NO_CLEAR)) this.#hardware.clear(mode);
    if (mode.kind === "text") vga?.loadFont(vgaFont());
    this.#bios.state.vbeMode = number;
    this.#describe(r, number, mode, value & NO_CLEAR);
    this.#fonts.select(r, mode.lines);
    if (mode.kind === "text") r.setWord(CURSOR_SHAPE, TEXT_CURSOR);
    this.#showPage(r, 0);
    return true;
  }

  /** The data area's account of a mode. */
  #describe(r: Registers, number: number, mode: VideoMode, kept: number): void {
    r.setByte(MODE, number);
    r.setWord(COLUMNS, mode.columns);
    r.setWord(PAGE_BYTES, mode.pageBytes);
    r.setWord(PAGE_START, 0);
    for (let page = 0; page < PAGES; page++) r.setWord(CURSORS + 2 * page, 0);
    r.setWord(CURSOR_SHAPE, 0);
    r.setByte(ACTIVE_PAGE, 0);
    r.setWord(CRTC_PORT, mode.miscellaneous & 1 ? 0x3d4 : 0x3b4);
    r.setByte(ROWS, mode.rows - 1);
    r.setWord(CHARACTER_LINES, mode.lines);
    r.setByte(VIDEO_CONTROL, CONTROL | kept);
    const equipment = r.word(EQUIPMENT) & ~0x30;
    r.setWord(EQUIPMENT, equipment | (number === MONO_MODE ? 0x30 : 0x20));
  }

  get #isText(): boolean {
    return this.#hardware.vga?.isText ?? false;
  }

  // ---- Cells

  #address(r: Registers, page: number, row: number, column: number): number {
    const cell = row * r.word(COLUMNS) + column;
    return this.#hardware.textBase + page * r.word(PAGE_BYTES) + 2 * cell;
  }

  /** Address of a page's cell under the cursor. */
  #atCursor(r: Registers, page: number): number {
    const cursor = r.word(CURSORS + 2 * (page % PAGES));
    return this.#address(r, page, cursor >> 8, cursor & 0xff);
  }

  #cell(address: number): number {
    return this.#isText ? this.#hardware.read16(address) : 0;
  }

  #setCell(address: number, character: number, attribute: number): void {
    if (this.#isText) this.#hardware.write16(address, character | (attribute << 8));
  }

  // ---- Cursor and pages

  #setShape(r: Registers, shape: number): void {
    r.setWord(CURSOR_SHAPE, shape);
    let start = (shape >> 8) & 0x3f;
    let end = shape & 0x1f;
    const lines = r.word(CHARACTER_LINES);
    // Shapes for characters of eight lines are stretched.
    if (lines > 8 && end < 8 && start < 0x20) {
      start =
        end === start + 1
          ? Math.floor(((end + 1) * lines) / 8) - 2
          : Math.floor(((start + 1) * lines) / 8) - 1;
      end = Math.floor(((end + 1) * lines) / 8) - 1;
    }
    this.#hardware.setCrtc(CURSOR_START, start);
    this.#hardware.setCrtc(CURSOR_END, end);
  }

  /** `position` is row << 8 | column. */
  #moveCursor(r: Registers, page: number, position: number): void {
    if (page >= PAGES) return;
    r.setWord(CURSORS + 2 * page, position);
    if (page === r.byte(ACTIVE_PAGE)) this.#showCursor(r, page);
  }

  #showCursor(r: Registers, page: number): void {
    const cell = (this.#atCursor(r, page) - this.#hardware.textBase) >> 1;
    this.#hardware.setCrtc(CURSOR_HIGH, (cell >> 8) & 0xff);
    this.#hardware.setCrtc(CURSOR_LOW, cell & 0xff);
  }

  #showPage(r: Registers, page: number): void {
    if (page >= PAGES) return;
    const start = page * r.word(PAGE_BYTES);
    r.setWord(PAGE_START, start);
    r.setByte(ACTIVE_PAGE, page);
    // In cells of text modes, in addresses of the planes else.
    const address = this.#isText ? start >> 1 : start;
    this.#hardware.setCrtc(START_HIGH, (address >> 8) & 0xff);
    this.#hardware.setCrtc(START_LOW, address & 0xff);
    this.#showCursor(r, page);
  }

  // ---- Text

  /** Scrolls rows top–bottom, columns left–right of a page by `lines` (0 clears), up or down. */
  #scroll(
    r: Registers,
    page: number,
    lines: number,
    attribute: number,
    window: readonly [top: number, left: number, bottom: number, right: number],
    up: boolean,
  ): void {
    const [top, left] = window;
    const bottom = Math.min(window[2], r.byte(ROWS));
    const right = Math.min(window[3], r.word(COLUMNS) - 1);
    const height = bottom - top + 1;
    const n = lines === 0 || lines > height ? height : lines;
    for (let i = 0; i < height; i++) {
      const row = up ? top + i : bottom - i;
      const from = up ? row + n : row - n;
      const inside = from >= top && from <= bottom;
      for (let x = left; x <= right; x++) {
        const cell = inside ? this.#cell(this.#address(r, page, from, x)) : 0x20 | (attribute << 8);
        this.#setCell(this.#address(r, page, row, x), cell & 0xff, cell >> 8);
      }
    }
  }

  /** Writes one character at a page's cursor as a terminal does; without an attribute it takes that of the cell. */
  #teletype(r: Registers, page: number, character: number, attribute?: number): void {
    const cursor = r.word(CURSORS + 2 * page);
    let row = cursor >> 8;
    let column = cursor & 0xff;
    if (character === RETURN) column = 0;
    else if (character === LINE_FEED) row = (row + 1) & 0xff;
    else if (character === BACKSPACE) column = Math.max(0, column - 1);
    else if (character !== BELL) {
      const at = this.#address(r, page, row, column);
      this.#setCell(at, character, attribute ?? this.#cell(at) >> 8);
      column = (column + 1) & 0xff;
      if (column === r.word(COLUMNS)) {
        column = 0;
        row = (row + 1) & 0xff;
      }
    }
    const last = r.byte(ROWS);
    if (row > last) {
      // The new line looks like the end of the one before it.
      const below = attribute ?? this.#cell(this.#address(r, page, last, column)) >> 8;
      row--;
      this.#scroll(r, page, 1, below, [0, 0, last, r.word(COLUMNS) - 1], true);
    }
    this.#moveCursor(r, page, (row << 8) | column);
  }

  /** On the page that is shown. */
  print(r: Registers, text: string): void {
    for (const c of text) this.#teletype(r, r.byte(ACTIVE_PAGE), c.charCodeAt(0) & 0xff);
  }

  /** AH=13h: AL bit 0 moves the cursor, bit 1 says that attributes are in the string. */
  #writeString(r: Registers): void {
    const page = (r.bx >> 8) % PAGES;
    const before = r.word(CURSORS + 2 * page);
    this.#moveCursor(r, page, r.dx);
    let at = r.at("es", r.bp);
    for (let i = 0; i < r.cx; i++) {
      const character = r.byte(at++);
      this.#teletype(r, page, character, r.al & 2 ? r.byte(at++) : r.bx & 0xff);
    }
    if (!(r.al & 1)) this.#moveCursor(r, page, before);
  }

  // ---- Pixels of the VGA's own modes

  /** AH=0Ch and 0Dh: where a pixel is; undefined in modes that have none. */
  #pixel(r: Registers): { mode: VideoMode; address: number } | undefined {
    const mode = VIDEO_MODES.get(r.byte(MODE) & 0x7f);
    if (mode === undefined || this.#bios.state.vbeMode >= 0x100) return undefined;
    if (mode.kind === "packed") return { mode, address: VGA_WINDOW + r.dx * 320 + r.cx };
    if (mode.kind !== "planar") return undefined;
    const page = (r.bx >> 8) * mode.pageBytes;
    return { mode, address: VGA_WINDOW + page + r.dx * mode.columns + (r.cx >> 3) };
  }

  #writePixel(r: Registers): void {
    const pixel = this.#pixel(r);
    if (pixel === undefined) return;
    const h = this.#hardware;
    if (pixel.mode.kind === "packed") {
      h.write8(pixel.address, r.al);
      return;
    }
    // Set/reset gives the colour, the latches what is beside the pixel.
    h.setGraphics(BIT_MASK, 0x80 >> (r.cx & 7));
    h.setGraphics(SET_RESET, r.al & 15);
    h.setGraphics(ENABLE_SET_RESET, 15);
    h.setGraphics(DATA_ROTATE, r.al & 0x80 ? XOR : 0);
    h.setSequencer(MAP_MASK, 15);
    h.read8(pixel.address);
    h.write8(pixel.address, 0);
    h.setGraphics(BIT_MASK, 0xff);
    h.setGraphics(ENABLE_SET_RESET, 0);
    h.setGraphics(SET_RESET, 0);
    h.setGraphics(DATA_ROTATE, 0);
  }

  #readPixel(r: Registers): void {
    const pixel = this.#pixel(r);
    const h = this.#hardware;
    if (pixel === undefined || pixel.mode.kind === "packed") {
      r.al = pixel === undefined ? 0 : h.read8(pixel.address);
      return;
    }
    let colour = 0;
    for (let plane = 0; plane < 4; plane++) {
      h.setGraphics(READ_MAP, plane);
      if (h.read8(pixel.address) & (0x80 >> (r.cx & 7))) colour |= 1 << plane;
    }
    h.setGraphics(READ_MAP, 0);
    r.al = colour;
  }

  // ---- INT 10h

  serve(r: Registers): void {
    if (this.#hardware.vga === undefined) return;
    const page = r.bx >> 8;
    switch (r.ah) {
      case 0x00: {
        const mode = r.al & 0x7f;
        this.setMode(r, r.al);
        r.al = mode === 6 ? 0x3f : mode > MONO_MODE ? 0x20 : 0x30;
        break;
      }
      case 0x01:
        this.#setShape(r, r.cx);
        break;
      case 0x02:
        this.#moveCursor(r, page, r.dx);
        break;
      case 0x03:
        r.cx = r.word(CURSOR_SHAPE);
        r.dx = page < PAGES ? r.word(CURSORS + 2 * page) : 0;
        break;
      // There is no light pen.
      case 0x04:
        r.ax = 0;
        break;
      case 0x05:
        this.#showPage(r, r.al);
        break;
      case 0x06:
      case 0x07: {
        const window = [r.cx >> 8, r.cx & 0xff, r.dx >> 8, r.dx & 0xff] as const;
        this.#scroll(r, r.byte(ACTIVE_PAGE), r.al, page, window, r.ah === 6);
        break;
      }
      case 0x08:
        r.ax = this.#cell(this.#atCursor(r, page));
        break;
      case 0x09:
      case 0x0a:
        this.#repeat(r, page, r.ah === 9 ? r.bx & 0xff : undefined);
        break;
      case 0x0b:
        this.#palette.background(r);
        break;
      case 0x0c:
        this.#writePixel(r);
        break;
      case 0x0d:
        this.#readPixel(r);
        break;
      case 0x0e:
        this.#teletype(r, r.byte(ACTIVE_PAGE), r.al);
        break;
      case 0x0f:
        r.ax = (r.word(COLUMNS) << 8) | r.byte(MODE) | (r.byte(VIDEO_CONTROL) & NO_CLEAR);
        r.bx = (r.byte(ACTIVE_PAGE) << 8) | (r.bx & 0xff);
        break;
      case 0x10:
        this.#palette.serve(r);
        break;
      case 0x11:
        this.#fonts.serve(r);
        break;
      case 0x12:
        this.#fonts.alternateSelect(r);
        break;
      case 0x13:
        this.#writeString(r);
        break;
      case 0x1a:
        this.#displayCombination(r);
        break;
      case 0x1b:
        this.#fonts.stateInformation(r);
        break;
      case 0x4f:
        this.#vbe.serve(r);
        break;
    }
  }

  /** AH=09h and 0Ah: a character CX times from the cursor on, with an attribute or those that are there. */
  #repeat(r: Registers, page: number, attribute: number | undefined): void {
    const at = this.#atCursor(r, page);
    // A page at most, whatever the count says.
    const count = Math.min(r.cx, r.word(PAGE_BYTES) >> 1);
    for (let i = 0; i < count; i++) {
      const here = at + 2 * i;
      this.#setCell(here, r.al, attribute ?? this.#cell(here) >> 8);
    }
  }

  /** AH=1Ah: the active display and the other one; VGA with colour display unless a program has said otherwise. */
  #displayCombination(r: Registers): void {
    if (r.al > 1) return;
    if (r.al === 0) r.bx = r.byte(DISPLAY_COMBINATION);
    else r.setByte(DISPLAY_COMBINATION, r.bx & 0xff);
    r.al = 0x1a;
  }

  /** At power-on. */
  start(r: Registers): void {
    r.setByte(DISPLAY_COMBINATION, COLOUR_VGA);
    r.setByte(MODE_SETTINGS, FRESH_SETTINGS);
    this.setMode(r, TEXT_MODE);
  }
}
