// INT 10h, AH=11h (fonts), 12h (alternate select) and 1Bh (state), after Ralf Brown's interrupt list. The ROM has our
// font in 16 lines, without its first and last line in 14, and with two lines in one in 8.

import type { GuestSpace } from "./guest-space.ts";
import type { Registers } from "./registers.ts";
import { BIOS_CODE, FONTS, FUNCTIONALITY_TABLE } from "./rom.ts";
import { GLYPH_STRIDE } from "./vga-font.ts";
import {
  CHARACTER_LINES,
  COLUMNS,
  CURSOR_SHAPE,
  DISPLAY_COMBINATION,
  MODE,
  PAGE_BYTES,
  ROWS,
} from "./video-data-area.ts";
import type { VideoHardware } from "./video-hardware.ts";
import { VIDEO_MODES } from "./video-modes.ts";

/** Vectors that point at fonts: of the upper 128 characters of 8 lines, and of graphics modes. */
const UPPER_VECTOR = 0x1f * 4;
const FONT_VECTOR = 0x43 * 4;

const MAXIMUM_LINE = 9;
const CURSOR_START = 0x0a;
const CURSOR_END = 0x0b;
const DISPLAY_END = 0x12;
const CHARACTER_MAP = 3;

export class FontServices {
  readonly #hardware: VideoHardware;
  readonly #space: GuestSpace;

  constructor(hardware: VideoHardware, space: GuestSpace) {
    this.#hardware = hardware;
    this.#space = space;
  }

  #point(r: Registers, vector: number, offset: number, segment = BIOS_CODE): void {
    r.setWord(vector, offset);
    r.setWord(vector + 2, segment);
  }

  /** Points the vectors at the font of a mode. */
  select(r: Registers, lines: number): void {
    this.#point(r, UPPER_VECTOR, FONTS.upper8);
    this.#point(r, FONT_VECTOR, lines === 8 ? FONTS.of8 : lines === 14 ? FONTS.of14 : FONTS.of16);
  }

  /** AH=11h. */
  serve(r: Registers): void {
    const block = r.bx & 7;
    const rom = (offset: number): number => BIOS_CODE * 16 + offset;
    const [count, first, lines] = [r.cx, r.dx, r.bx >> 8];
    switch (r.al) {
      case 0x00:
      case 0x10:
        this.#load(r.at("es", r.bp), count, first, lines, block);
        if (r.al === 0x10) this.#setLines(r, lines);
        break;
      case 0x01:
      case 0x11:
        this.#load(rom(FONTS.of14), 256, 0, 14, block);
        if (r.al === 0x11) this.#setLines(r, 14);
        break;
      case 0x02:
      case 0x12:
        this.#load(rom(FONTS.of8), 256, 0, 8, block);
        if (r.al === 0x12) this.#setLines(r, 8);
        break;
      case 0x03:
        this.#hardware.setSequencer(CHARACTER_MAP, r.bx & 0xff);
        break;
      case 0x04:
      case 0x14:
        this.#load(rom(FONTS.of16), 256, 0, 16, block);
        if (r.al === 0x14) this.#setLines(r, 16);
        break;
      case 0x20:
        this.#point(r, UPPER_VECTOR, r.bp, r.es);
        break;
      case 0x21:
        this.#graphicsFont(r, r.bp, r.es, r.cx);
        break;
      case 0x22:
        this.#graphicsFont(r, FONTS.of14, BIOS_CODE, 14);
        break;
      case 0x23:
        this.#graphicsFont(r, FONTS.of8, BIOS_CODE, 8);
        break;
      case 0x24:
        this.#graphicsFont(r, FONTS.of16, BIOS_CODE, 16);
        break;
      case 0x30:
        this.#pointer(r);
        break;
    }
  }

  /** Characters of `lines` bytes into plane 2. */
  #load(at: number, count: number, first: number, lines: number, block: number): void {
    // Blocks 0–3 are 16 KiB apart, 4–7 in between.
    const base = (block & 3) * 0x4000 + (block & 4 ? 0x2000 : 0);
    const shown = Math.min(lines, GLYPH_STRIDE);
    for (let i = 0; i < count && first + i < 256; i++) {
      const glyph = this.#space.read(at + i * lines, shown);
      this.#hardware.vga?.loadFont(glyph, base + (first + i) * GLYPH_STRIDE);
    }
  }

  /** As many rows as the screen has room for with characters of `lines`. */
  #setLines(r: Registers, lines: number): void {
    if (lines === 0) return;
    const h = this.#hardware;
    h.setCrtc(MAXIMUM_LINE, (h.crtc(MAXIMUM_LINE) & 0xe0) | ((lines - 1) & 31));
    const end = lines === 8 ? [6, 7] : [lines - 3, lines - 2];
    const [first, last] = end as [number, number];
    h.setCrtc(CURSOR_START, first);
    h.setCrtc(CURSOR_END, last);
    r.setWord(CURSOR_SHAPE, lines === 8 ? 0x0607 : (first << 8) | last);
    const mode = VIDEO_MODES.get(r.byte(MODE));
    if (mode === undefined) return;
    const rows = Math.floor((mode.rows * mode.lines) / lines);
    const displayed = rows * lines - 1;
    h.setCrtc(DISPLAY_END, displayed & 0xff);
    r.setByte(ROWS, rows - 1);
    r.setWord(CHARACTER_LINES, lines);
    // A page begins at a multiple of 2 KiB.
    const bytes = rows * r.word(COLUMNS) * 2;
    r.setWord(PAGE_BYTES, Math.ceil(bytes / 0x800) * 0x800);
  }

  /** AX=1121h to 1124h: the font of graphics modes, and how many rows (BL, or DL for BL=0). */
  #graphicsFont(r: Registers, offset: number, segment: number, lines: number): void {
    this.#point(r, FONT_VECTOR, offset, segment);
    const rows = [r.dx & 0xff, 14, 25, 43][r.bx & 0xff] ?? 25;
    r.setByte(ROWS, rows - 1);
    r.setWord(CHARACTER_LINES, lines);
  }

  /** AX=1130h: a font's address in ES:BP; lines of a character and the last row of the screen. */
  #pointer(r: Registers): void {
    const fonts = [FONTS.of14, FONTS.of8, FONTS.upper8, FONTS.none, FONTS.of16, FONTS.none];
    const which = r.bx >> 8;
    const vector = which === 0 ? UPPER_VECTOR : FONT_VECTOR;
    if (which <= 1) {
      r.bp = r.word(vector);
      r.es = r.word(vector + 2);
    } else {
      const offset = fonts[which - 2];
      if (offset === undefined) return;
      r.bp = offset;
      r.es = BIOS_CODE;
    }
    r.cx = r.word(CHARACTER_LINES);
    r.dx = r.byte(ROWS);
  }

  /** AH=12h: BL 10h tells of the adapter; 30h to 36h switch what this one has no use for. */
  alternateSelect(r: Registers): void {
    const what = r.bx & 0xff;
    if (what === 0x10) {
      // Colour, 256 KiB; switches of a colour display.
      r.bx = 3;
      r.cx = 9;
    } else if (what >= 0x30 && what <= 0x36) {
      r.al = 0x12;
    }
  }

  /** AX=1Bh: 64 bytes about the mode at ES:DI. */
  stateInformation(r: Registers): void {
    const state = new Uint8Array(64);
    const view = new DataView(state.buffer);
    view.setUint16(0, FUNCTIONALITY_TABLE, true);
    view.setUint16(2, BIOS_CODE, true);
    state.set(this.#space.read(MODE, 30), 4);
    state[0x22] = r.byte(ROWS);
    view.setUint16(0x23, r.word(CHARACTER_LINES), true);
    state[0x25] = r.byte(DISPLAY_COMBINATION);
    // Colours of a text mode, pages, scan lines: 400.
    view.setUint16(0x27, 16, true);
    state[0x29] = 8;
    state[0x2a] = 2;
    // 256 KiB.
    state[0x31] = 3;
    this.#space.write(r.at("es", r.di), state);
    r.al = 0x1b;
  }
}
