// INT 10h, AH=4Fh: VESA BIOS extensions 3.0, core functions, power management (10h) and display data channel (15h)
// for the linear modes of the board's VGA. Answers where the standard leaves room are those of QEMU's video BIOS.

import { MONITOR } from "../../devices/edid.ts";
import { FRAMEBUFFER_BASE, type Vga, VRAM_BYTES } from "../../devices/vga.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import type { GuestSpace } from "./guest-space.ts";
import type { Registers } from "./registers.ts";
import { BIOS_CODE, VIDEO_MAKER } from "./rom.ts";
import { bytesPerPixel, MASKS, VBE_MODES, type VbeMode } from "./vbe-modes.ts";
import {
  ACTIVE_PAGE,
  CHARACTER_LINES,
  COLUMNS,
  CURSOR_SHAPE,
  MODE,
  PAGE_BYTES,
  ROWS,
} from "./video-data-area.ts";
import type { VideoHardware } from "./video-hardware.ts";
import { VIDEO_MODES, type VideoMode } from "./video-modes.ts";

const DONE = 0x004f;
const FAILED = 0x014f;
/** Not in this mode. */
const INVALID = 0x034f;
const UNSUPPORTED = 0x0100;

const VERSION = 0x0300;
/** The converter can be switched to eight bits a primary. */
const CAPABILITIES = 1;
/** Where the list of modes begins in the information block. */
const MODE_LIST = 0x22;
const INFORMATION_BYTES = 256;
const VBE2_INFORMATION_BYTES = 512;

/** Bits of BX of function 02h. */
const NUMBER = 0x1ff;
const LINEAR = 0x4000;
const NO_CLEAR = 0x8000;

/** Mode attributes: supported, optional information, BIOS text, colour, graphics, not VGA compatible, linear. */
const GRAPHICS_ATTRIBUTES = 0xbb;
const TEXT_ATTRIBUTES = 0x2f;
const BANK_KIB = 64;
/** What the data area says of pages in linear modes, which have none. */
const LINEAR_PAGE_BYTES = 0x8000;
const WINDOW_SEGMENT = 0xa000;
/** Window A exists, readable and writable. */
const WINDOW_ATTRIBUTES = 7;
const PACKED_PIXELS = 4;
const DIRECT_COLOUR = 6;

/** Power states: standby, suspend, off, reduced, of PM version 3.0. */
const POWER = 0x0f30;
const DDC_LEVEL = 0x03;
const EDID_BLOCK = 128;

const DISPI_ENABLE = 4;
const DISPI_BANK = 5;
const DISPI_VIRT_WIDTH = 6;
const DISPI_VIRT_HEIGHT = 7;
const DISPI_X = 8;
const DISPI_Y = 9;
const DISPI_8BIT_DAC = 0x20;

/** Sequencer and graphics registers under which the window at A0000h reaches banks: all planes, chained; 64 KiB. */
const BANKED = { mapMask: 0x0f, memoryMode: 0x0e, window: 0x05 } as const;

export class VbeServices {
  readonly #hardware: VideoHardware;
  readonly #space: GuestSpace;
  readonly #bios: BiosStateHolder;
  readonly #setLegacyMode: (r: Registers, mode: number) => boolean;

  constructor(
    hardware: VideoHardware,
    space: GuestSpace,
    bios: BiosStateHolder,
    setLegacyMode: (r: Registers, mode: number) => boolean,
  ) {
    this.#hardware = hardware;
    this.#space = space;
    this.#bios = bios;
    this.#setLegacyMode = setLegacyMode;
  }

  serve(r: Registers): void {
    const { vga } = this.#hardware;
    if (vga !== undefined) r.ax = this.#function(r, vga);
  }

  /** The mode that is set, if it is one of VBE's. */
  get #mode(): VbeMode | undefined {
    return VBE_MODES.find((m) => m.number === (this.#bios.state.vbeMode & NUMBER));
  }

  #function(r: Registers, vga: Vga): number {
    switch (r.al) {
      case 0x00:
        return this.#controllerInformation(r);
      case 0x01:
        return this.#modeInformation(r);
      case 0x02:
        return this.#setMode(r, vga);
      case 0x03:
        r.bx = this.#bios.state.vbeMode;
        return DONE;
      case 0x05:
        return this.#bank(r, vga);
      case 0x06:
        return this.#lineLength(r, vga);
      case 0x07:
        return this.#displayStart(r, vga);
      case 0x08:
        return this.#paletteFormat(r, vga);
      case 0x09:
        return this.#palette(r);
      case 0x10:
        return this.#power(r);
      case 0x15:
        return this.#displayData(r);
      default:
        return UNSUPPORTED;
    }
  }

  /** 00h: the block at ES:DI; the list of modes is in it. */
  #controllerInformation(r: Registers): number {
    const at = r.at("es", r.di);
    const asked = new TextDecoder("latin1").decode(this.#space.read(at, 4));
    const info = new Uint8Array(asked === "VBE2" ? VBE2_INFORMATION_BYTES : INFORMATION_BYTES);
    const view = new DataView(info.buffer);
    const maker = ((BIOS_CODE << 16) | VIDEO_MAKER) >>> 0;
    info.set(new TextEncoder().encode("VESA"));
    view.setUint16(4, VERSION, true);
    view.setUint32(6, maker, true);
    view.setUint32(10, CAPABILITIES, true);
    view.setUint16(14, r.di + MODE_LIST, true);
    view.setUint16(16, r.es, true);
    view.setUint16(18, VRAM_BYTES >> 16, true);
    // Vendor, product and revision.
    for (const field of [22, 26, 30]) view.setUint32(field, maker, true);
    VBE_MODES.forEach(({ number }, i) => {
      view.setUint16(MODE_LIST + 2 * i, number, true);
    });
    view.setUint16(MODE_LIST + 2 * VBE_MODES.length, 0xffff, true);
    this.#space.write(at, info);
    return DONE;
  }

  /** 01h: the block of mode CX at ES:DI. */
  #modeInformation(r: Registers): number {
    const number = r.cx & NUMBER;
    const mode = VBE_MODES.find((m) => m.number === number);
    const legacy = VIDEO_MODES.get(number);
    const info = new Uint8Array(INFORMATION_BYTES);
    if (mode !== undefined) describe(mode, info);
    else if (legacy?.kind === "text") describeText(legacy, info);
    else return FAILED;
    this.#space.write(r.at("es", r.di), info);
    return DONE;
  }

  /** 02h: mode BX; bit 14 asks for the linear framebuffer, bit 15 keeps what is in video memory. */
  #setMode(r: Registers, vga: Vga): number {
    const number = r.bx & NUMBER;
    const mode = VBE_MODES.find((m) => m.number === number);
    if (mode === undefined) {
      const kept = r.bx & NO_CLEAR ? 0x80 : 0;
      return number < 0x80 && this.#setLegacyMode(r, number | kept) ? DONE : FAILED;
    }
    const h = this.#hardware;
    vga.setMode(mode, (r.bx & NO_CLEAR) === 0);
    h.setSequencer(2, BANKED.mapMask);
    h.setSequencer(4, BANKED.memoryMode);
    h.setGraphics(6, BANKED.window);
    this.#bios.state.vbeMode = r.bx & (NUMBER | LINEAR | NO_CLEAR);
    this.#describeToPrograms(r, mode);
    return DONE;
  }

  /** The data area in a VBE mode: number FFh, and as many characters as there is room for. */
  #describeToPrograms(r: Registers, mode: VbeMode): void {
    r.setByte(MODE, 0xff);
    r.setWord(COLUMNS, mode.width >> 3);
    r.setByte(ROWS, (mode.height >> 4) - 1);
    r.setWord(CHARACTER_LINES, 16);
    r.setByte(ACTIVE_PAGE, 0);
    r.setWord(CURSOR_SHAPE, 0);
    r.setWord(PAGE_BYTES, LINEAR_PAGE_BYTES);
  }

  /** 05h: BH 0 sets, 1 gets the bank of window BL in DX. */
  #bank(r: Registers, vga: Vga): number {
    const [what, window] = [r.bx >> 8, r.bx & 0xff];
    const mode = this.#mode;
    if (mode === undefined || window !== 0 || what > 1) return FAILED;
    if (this.#bios.state.vbeMode & LINEAR) return INVALID;
    if (what === 1) {
      r.dx = vga.readDispi(DISPI_BANK);
      return DONE;
    }
    if (r.dx * BANK_KIB * 1024 >= VRAM_BYTES) return FAILED;
    vga.writeDispi(DISPI_BANK, r.dx);
    return DONE;
  }

  /** 06h: BL 0 sets (CX pixels), 1 gets, 2 sets (CX bytes), 3 gets the most; BX bytes, CX pixels, DX lines. */
  #lineLength(r: Registers, vga: Vga): number {
    const mode = this.#mode;
    const what = r.bx & 0xff;
    if (mode === undefined || what > 3) return FAILED;
    const bytes = bytesPerPixel(mode.depth);
    if (what === 3) {
      // All of video memory with the lines that show.
      const pixels = Math.min(0x3fff, Math.floor(VRAM_BYTES / mode.height / bytes)) & ~7;
      return this.#answerLineLength(r, pixels, bytes, mode.height);
    }
    if (what !== 1) {
      // The adapter counts by eight pixels.
      const pixels = Math.ceil((what === 0 ? r.cx : r.cx / bytes) / 8) * 8;
      const fits = pixels * bytes * mode.height <= VRAM_BYTES;
      if (!fits) return FAILED;
      vga.writeDispi(DISPI_VIRT_WIDTH, Math.max(mode.width, pixels));
    }
    const pixels = vga.readDispi(DISPI_VIRT_WIDTH);
    return this.#answerLineLength(r, pixels, bytes, vga.readDispi(DISPI_VIRT_HEIGHT));
  }

  #answerLineLength(r: Registers, pixels: number, bytes: number, lines: number): number {
    r.bx = pixels * bytes;
    r.cx = pixels;
    r.dx = Math.min(0xffff, lines);
    return DONE;
  }

  /** 07h: BL 0 and 80h (at the retrace) set, 1 gets the first pixel (CX) and line (DX) that show. */
  #displayStart(r: Registers, vga: Vga): number {
    if (this.#mode === undefined) return FAILED;
    switch (r.bx & 0xff) {
      case 0x00:
      case 0x80:
        vga.writeDispi(DISPI_X, r.cx);
        vga.writeDispi(DISPI_Y, r.dx);
        return DONE;
      case 0x01:
        r.cx = vga.readDispi(DISPI_X);
        r.dx = vga.readDispi(DISPI_Y);
        r.bx &= 0xff;
        return DONE;
      default:
        return FAILED;
    }
  }

  /** 08h: BL 0 sets the bits of a primary (BH), 1 gets them, in modes with a palette. */
  #paletteFormat(r: Registers, vga: Vga): number {
    if (this.#mode !== undefined && this.#mode.depth !== 8) return INVALID;
    const what = r.bx & 0xff;
    if (what > 1) return FAILED;
    const enable = vga.readDispi(DISPI_ENABLE);
    let bits = enable & DISPI_8BIT_DAC ? 8 : 6;
    if (what === 0) {
      const wanted = r.bx >> 8;
      if (wanted !== 6 && wanted !== 8) return FAILED;
      vga.writeDispi(
        DISPI_ENABLE,
        wanted === 8 ? enable | DISPI_8BIT_DAC : enable & ~DISPI_8BIT_DAC,
      );
      bits = wanted;
    }
    r.bx = (bits << 8) | what;
    return DONE;
  }

  /** 09h: BL 0 and 80h set, 1 gets CX colours from DX at ES:DI, each blue, green, red and a byte of padding. */
  #palette(r: Registers): number {
    const mode = this.#mode;
    const what = r.bx & 0xff;
    if (mode !== undefined && mode.depth !== 8) return INVALID;
    if (r.cx > 256 || r.dx > 255 || r.dx + r.cx > 256) return FAILED;
    const at = r.at("es", r.di);
    if (what === 1) {
      this.#space.write(at, padded(this.#hardware.colours(r.dx, r.cx)));
    } else if (what === 0 || what === 0x80) {
      this.#hardware.setColours(r.dx, packed(this.#space.read(at, r.cx * 4)));
    } else return what === 2 || what === 3 ? 0x024f : FAILED;
    return DONE;
  }

  /** 10h: BL 0 tells the states, 1 sets BH and 2 gets it; the display has no power to save. */
  #power(r: Registers): number {
    switch (r.bx & 0xff) {
      case 0x00:
        r.bx = POWER;
        return DONE;
      case 0x01:
        return DONE;
      case 0x02:
        r.bx = 0x0002;
        return DONE;
      default:
        return FAILED;
    }
  }

  /** 15h: BL 0 tells the level of DDC, 1 reads block DX of the monitor's EDID to ES:DI. */
  #displayData(r: Registers): number {
    switch (r.bx & 0xff) {
      case 0x00:
        r.bx = 0x0100 | DDC_LEVEL;
        return DONE;
      case 0x01: {
        const block = MONITOR.subarray(r.dx * EDID_BLOCK, (r.dx + 1) * EDID_BLOCK);
        if (block.length === 0) return FAILED;
        this.#space.write(r.at("es", r.di), block);
        return DONE;
      }
      default:
        return FAILED;
    }
  }
}

/** Red, green, blue to blue, green, red and padding. */
function padded(colours: Uint8Array): Uint8Array {
  const out = new Uint8Array((colours.length / 3) * 4);
  for (let i = 0; i < colours.length / 3; i++) {
    out.set(
      colours
        .subarray(i * 3, i * 3 + 3)
        .slice()
        .reverse(),
      i * 4,
    );
  }
  return out;
}

function packed(colours: Uint8Array): Uint8Array {
  const out = new Uint8Array((colours.length / 4) * 3);
  for (let i = 0; i < colours.length / 4; i++) {
    out.set(
      colours
        .subarray(i * 4, i * 4 + 3)
        .slice()
        .reverse(),
      i * 3,
    );
  }
  return out;
}

/** Fields that modes with windows and text have in common. */
function describeWindow(view: DataView, attributes: number, segment: number, pitch: number): void {
  view.setUint16(0, attributes, true);
  view.setUint8(2, WINDOW_ATTRIBUTES);
  view.setUint16(4, BANK_KIB, true);
  view.setUint16(6, BANK_KIB, true);
  view.setUint16(8, segment, true);
  view.setUint16(0x10, pitch, true);
}

function describe(mode: VbeMode, info: Uint8Array): void {
  const view = new DataView(info.buffer);
  const { width, height, depth } = mode;
  const pitch = width * bytesPerPixel(depth);
  describeWindow(view, GRAPHICS_ATTRIBUTES, WINDOW_SEGMENT, pitch);
  view.setUint16(0x12, width, true);
  view.setUint16(0x14, height, true);
  const banks = Math.ceil((pitch * height) / (BANK_KIB * 1024));
  const images = Math.floor(VRAM_BYTES / (BANK_KIB * 1024) / banks) - 1;
  const model = depth === 8 ? PACKED_PIXELS : DIRECT_COLOUR;
  // Character size, planes, bits, banks, model, bank size, further images, and a reserved 1.
  info.set([8, 16, 1, depth, 1, model, 0, Math.min(0xff, Math.max(0, images)), 1], 0x16);
  const masks = MASKS[depth];
  info.set(masks, 0x1f);
  // The reserved bits may be used for what the program likes.
  info[0x27] = depth === 32 ? 2 : 0;
  view.setUint32(0x28, FRAMEBUFFER_BASE, true);
  view.setUint16(0x32, pitch, true);
  info[0x34] = info[0x35] = info[0x1d] as number;
  info.set(masks, 0x36);
}

function describeText(mode: VideoMode, info: Uint8Array): void {
  const view = new DataView(info.buffer);
  describeWindow(view, TEXT_ATTRIBUTES, 0xb800, mode.columns * 2);
  view.setUint16(0x12, mode.columns, true);
  view.setUint16(0x14, mode.rows, true);
  info.set([9, mode.lines, 1, 4, 1, 0, 0, 1, 1], 0x16);
}
