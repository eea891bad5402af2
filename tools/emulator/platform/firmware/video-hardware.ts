// The VGA as services of INT 10h drive it: registers by their ports, characters by the window at 0xA0000.

import type { MmioHandler } from "../../devices/device.ts";
import { VGA_WINDOW, type Vga } from "../../devices/vga.ts";
import type { Board } from "../pc.ts";
import { palette, type VideoMode } from "./video-modes.ts";

const ATTRIBUTE = 0x3c0;
const MISCELLANEOUS = 0x3c2;
const SEQUENCER = 0x3c4;
const DAC_MASK = 0x3c6;
const DAC_READ = 0x3c7;
const DAC_WRITE = 0x3c8;
const DAC_DATA = 0x3c9;
const MISCELLANEOUS_READ = 0x3cc;
const GRAPHICS = 0x3ce;
/** Of the CRTC at 3B4h (monochrome) or 3D4h, and of input status 1 behind it. */
const CRTC_MONO = 0x3b4;
const CRTC_COLOUR = 0x3d4;
const STATUS_FROM_CRTC = 6;
/** The palette's source bit: while it is off the screen is. */
const PALETTE_ON = 0x20;
const CRTC_PROTECTION = 0x11;
const TEXT = { colour: 0xb8000, mono: 0xb0000 } as const;
const PLANAR_BYTES = 0x10000;
const TEXT_BYTES = 0x8000;
/** A blank, grey on black. */
const BLANK = 0x0720;

export class VideoHardware {
  readonly vga: Vga | undefined;
  readonly #board: Board;
  readonly #window: MmioHandler | undefined;

  constructor(board: Board) {
    this.#board = board;
    this.vga = board.vga;
    this.#window = board.vga?.window();
  }

  #in(port: number): number {
    return this.#board.ports.read(port, 1);
  }

  #out(port: number, value: number): void {
    this.#board.ports.write(port, value, 1);
  }

  get #crtcPort(): number {
    return this.#in(MISCELLANEOUS_READ) & 1 ? CRTC_COLOUR : CRTC_MONO;
  }

  setCrtc(index: number, value: number): void {
    const port = this.#crtcPort;
    this.#out(port, index);
    this.#out(port + 1, value);
  }

  crtc(index: number): number {
    const port = this.#crtcPort;
    this.#out(port, index);
    return this.#in(port + 1);
  }

  setSequencer(index: number, value: number): void {
    this.#out(SEQUENCER, index);
    this.#out(SEQUENCER + 1, value);
  }

  setGraphics(index: number, value: number): void {
    this.#out(GRAPHICS, index);
    this.#out(GRAPHICS + 1, value);
  }

  /** Makes the next write to the attribute port an index. */
  #attributeIndex(index: number): void {
    this.#in(this.#crtcPort + STATUS_FROM_CRTC);
    this.#out(ATTRIBUTE, index);
  }

  attribute(index: number): number {
    this.#attributeIndex(index);
    const value = this.#in(ATTRIBUTE + 1);
    this.#attributeIndex(PALETTE_ON);
    return value;
  }

  setAttribute(index: number, value: number): void {
    this.#attributeIndex(index);
    this.#out(ATTRIBUTE, value);
    this.#attributeIndex(PALETTE_ON);
  }

  set colourMask(value: number) {
    this.#out(DAC_MASK, value);
  }

  get colourMask(): number {
    return this.#in(DAC_MASK);
  }

  /** `count` colours from `first`: red, green, blue. */
  colours(first: number, count: number): Uint8Array {
    this.#out(DAC_READ, first);
    return Uint8Array.from({ length: count * 3 }, () => this.#in(DAC_DATA));
  }

  setColours(first: number, values: Uint8Array): void {
    this.#out(DAC_WRITE, first);
    for (const value of values) this.#out(DAC_DATA, value);
  }

  /** Programs all registers for a mode, with its palette unless that is to stay. */
  program(mode: VideoMode, keepPalette: boolean): void {
    this.#out(MISCELLANEOUS, mode.miscellaneous);
    mode.sequencer.forEach((value, i) => {
      this.setSequencer(i + 1, value);
    });
    this.setCrtc(CRTC_PROTECTION, 0);
    mode.crtc.forEach((value, i) => {
      this.setCrtc(i, value);
    });
    mode.graphics.forEach((value, i) => {
      this.setGraphics(i, value);
    });
    mode.attribute.forEach((value, i) => {
      this.setAttribute(i, value);
    });
    this.colourMask = 0xff;
    if (!keepPalette) this.setColours(0, palette(mode.palette));
  }

  /** Empties the mode's video memory: blanks in text modes, else zeros. */
  clear(mode: VideoMode): void {
    if (mode.kind === "text") {
      const base = this.textBase;
      for (let at = 0; at < TEXT_BYTES; at += 2) this.write16(base + at, BLANK);
    } else if (mode.kind === "cga") {
      for (let at = 0; at < TEXT_BYTES; at += 2) this.write16(TEXT.colour + at, 0);
    } else {
      for (let at = 0; at < PLANAR_BYTES; at += 2) this.write16(VGA_WINDOW + at, 0);
    }
  }

  /** Where characters are: 0xB8000, or 0xB0000 of a monochrome mode. */
  get textBase(): number {
    return this.#crtcPort === CRTC_COLOUR ? TEXT.colour : TEXT.mono;
  }

  read8(address: number): number {
    return this.#window?.read(address - VGA_WINDOW, 1) ?? 0;
  }

  write8(address: number, value: number): void {
    this.#window?.write(address - VGA_WINDOW, value, 1);
  }

  read16(address: number): number {
    return this.#window?.read(address - VGA_WINDOW, 2) ?? 0;
  }

  write16(address: number, value: number): void {
    this.#window?.write(address - VGA_WINDOW, value, 2);
  }
}
