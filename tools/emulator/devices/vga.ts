// A VGA with Bochs' linear framebuffer extension (IBM VGA registers as in FreeVGA's "VGA hardware";
// QEMU docs/specs/standard-vga.rst): all register files read back, planar memory with write and read
// modes, text and graphics rendered on request. Timing, panning between frames and CGA tricks are
// left out: nothing draws unless somebody looks.

import type { Device, DeviceKind, MmioHandler, PortHandler, Slot } from "./device.ts";
import { MONITOR } from "./edid.ts";
import type { Clock } from "./timers.ts";

/** Video memory, bytes: what the DISPI registers report and BAR 0 decodes. */
export const VRAM_BYTES = 16 << 20;
/** The window of the IBM VGA. */
export const VGA_WINDOW = 0xa0000;
export const VGA_WINDOW_BYTES = 0x20000;
/** Where firmware places BAR 0 and BAR 2. */
export const FRAMEBUFFER_BASE = 0xfd000000;
const REGISTERS_BASE = 0xfebd4000;

const DISPI_ID = 0xb0c5;
const DISPI_XRES = 1;
const DISPI_YRES = 2;
const DISPI_BPP = 3;
const DISPI_ENABLE = 4;
const DISPI_BANK = 5;
const DISPI_VIRT_WIDTH = 6;
const DISPI_VIRT_HEIGHT = 7;
const DISPI_X_OFFSET = 8;
const DISPI_Y_OFFSET = 9;
const ENABLED = 1;
const LINEAR = 0x40;
const GET_CAPS = 2;
const EIGHT_BIT_DAC = 0x20;
const NO_CLEAR = 0x80;
const MAX_XRES = 16000;
const MAX_YRES = 12000;

/** The registers of text mode 3, as a VGA BIOS sets them (FreeVGA, "mode 03h"). */
const MODE3 = {
  misc: 0x67,
  sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00,
    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
  ],
  graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff],
  attribute: [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
    0x0c, 0x00, 0x0f, 0x08, 0x00,
  ],
} as const;

/** The 64 colours of the default palette: two bits of each primary, EGA order rgbRGB. */
function defaultPalette(): number[] {
  const dac: number[] = [];
  for (let i = 0; i < 256; i++) {
    const level = (high: number, low: number): number =>
      (i & high ? 0x2a : 0) + (i & low ? 0x15 : 0);
    dac.push(level(4, 32), level(2, 16), level(1, 8));
  }
  return dac;
}

const freshState = () => ({
  misc: MODE3.misc as number,
  sequencerIndex: 0,
  sequencer: [...MODE3.sequencer, 0, 0, 0] as number[],
  crtcIndex: 0,
  crtc: [...MODE3.crtc, ...new Array(231).fill(0)] as number[],
  graphicsIndex: 0,
  graphics: [...MODE3.graphics, ...new Array(7).fill(0)] as number[],
  attributeIndex: 0x20,
  attributeData: false,
  attribute: [...MODE3.attribute, ...new Array(11).fill(0)] as number[],
  dac: defaultPalette(),
  dacMask: 0xff,
  dacIndex: 0,
  dacPart: 0,
  dacReading: false,
  feature: 0,
  latches: [0, 0, 0, 0],
  dispiIndex: 0,
  dispi: [DISPI_ID, 0, 0, 0, 0, 0, 0, 0, 0, 0, VRAM_BYTES >> 16] as number[],
});

/** A picture: 32-bit pixels 0x00RRGGBB, row by row. */
export interface Picture {
  width: number;
  height: number;
  pixels: Uint32Array;
}

export class Vga implements Device {
  readonly name: string;
  state = freshState();
  /** Video memory; pixel p of planar modes has its four planes at bytes 4p … 4p + 3. */
  readonly memory = new Uint8Array(VRAM_BYTES);
  readonly #clock: Clock;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#clock = slot.clock;
    slot.ports(0x3b0, 0x30, this.#ports());
    slot.ports(0x1ce, 2, this.#dispiPorts(), 2);
    slot.mmio(VGA_WINDOW, VGA_WINDOW_BYTES, this.window());
    slot.pci({
      device: 1,
      vendor: 0x1234,
      deviceId: 0x1111,
      classCode: 0x030000,
      revision: 2,
      bars: [
        {
          index: 0,
          kind: "memory",
          size: VRAM_BYTES,
          prefetchable: true,
          address: FRAMEBUFFER_BASE,
          handler: this.#framebuffer(),
        },
        {
          index: 2,
          kind: "memory",
          size: 0x1000,
          address: REGISTERS_BASE,
          handler: this.#registers(),
        },
      ],
    });
  }

  reset(): void {
    this.state = freshState();
  }

  // ---- Ports 0x3B0–0x3DF

  #ports(): PortHandler {
    return {
      read: (port) => this.#readPort(port),
      write: (port, value) => this.#writePort(port, value & 0xff),
    };
  }

  /** CRTC and status ports are at 3Bx or 3Dx, as the miscellaneous output register says. */
  #decodes(port: number): boolean {
    const colour = (this.state.misc & 1) !== 0;
    if (port >= 0x3b0 && port <= 0x3bf) return !colour;
    return port < 0x3d0 || colour;
  }

  #readPort(port: number): number {
    const s = this.state;
    if (!this.#decodes(port)) return 0xff;
    switch (port) {
      case 0x3c0:
        return s.attributeData ? 0 : s.attributeIndex;
      case 0x3c1:
        return s.attribute[s.attributeIndex & 31] as number;
      case 0x3c2:
        return 0;
      case 0x3c4:
        return s.sequencerIndex;
      case 0x3c5:
        return s.sequencer[s.sequencerIndex & 7] as number;
      case 0x3c6:
        return s.dacMask;
      case 0x3c7:
        return s.dacReading ? 3 : 0;
      case 0x3c8:
        return s.dacIndex;
      case 0x3c9:
        return this.#readDac();
      case 0x3ca:
        return s.feature;
      case 0x3cc:
        return s.misc;
      case 0x3ce:
        return s.graphicsIndex;
      case 0x3cf:
        return s.graphics[s.graphicsIndex & 15] as number;
      case 0x3b4:
      case 0x3d4:
        return s.crtcIndex;
      case 0x3b5:
      case 0x3d5:
        return s.crtc[s.crtcIndex] as number;
      case 0x3ba:
      case 0x3da:
        s.attributeData = false;
        return this.#inputStatus();
      default:
        return 0xff;
    }
  }

  /** Retrace bits of a 70 Hz picture with 449 lines, of which 400 show. */
  #inputStatus(): number {
    const line = Math.floor(((this.#clock.now() % 14_285_714) * 449) / 14_285_714);
    const column = (this.#clock.now() % 31_817) / 31_817;
    const vertical = line >= 412 && line < 414;
    return (vertical ? 8 : 0) | (line >= 400 || column > 0.8 ? 1 : 0);
  }

  #readDac(): number {
    const s = this.state;
    const value = s.dac[s.dacIndex * 3 + s.dacPart] as number;
    this.#nextDac();
    return value;
  }

  #nextDac(): void {
    const s = this.state;
    if (++s.dacPart < 3) return;
    s.dacPart = 0;
    s.dacIndex = (s.dacIndex + 1) & 0xff;
  }

  #writePort(port: number, value: number): void {
    const s = this.state;
    if (!this.#decodes(port)) return;
    switch (port) {
      case 0x3c0:
        this.#writeAttribute(value);
        break;
      case 0x3c2:
        s.misc = value & ~0x10;
        break;
      case 0x3c4:
        s.sequencerIndex = value & 7;
        break;
      case 0x3c5:
        s.sequencer[s.sequencerIndex] = value & (SEQUENCER_MASK[s.sequencerIndex] ?? 0);
        break;
      case 0x3c6:
        s.dacMask = value;
        break;
      case 0x3c7:
      case 0x3c8:
        s.dacIndex = value;
        s.dacPart = 0;
        s.dacReading = port === 0x3c7;
        break;
      case 0x3c9:
        s.dac[s.dacIndex * 3 + s.dacPart] =
          (s.dispi[DISPI_ENABLE] as number) & EIGHT_BIT_DAC ? value : value & 0x3f;
        this.#nextDac();
        break;
      case 0x3ce:
        s.graphicsIndex = value & 15;
        break;
      case 0x3cf:
        s.graphics[s.graphicsIndex] = value & (GRAPHICS_MASK[s.graphicsIndex] ?? 0);
        break;
      case 0x3b4:
      case 0x3d4:
        s.crtcIndex = value;
        break;
      case 0x3b5:
      case 0x3d5:
        this.#writeCrtc(value);
        break;
      case 0x3ba:
      case 0x3da:
        s.feature = value & 0x10;
        break;
    }
  }

  #writeAttribute(value: number): void {
    const s = this.state;
    s.attributeData = !s.attributeData;
    if (s.attributeData) s.attributeIndex = value & 0x3f;
    else {
      const index = s.attributeIndex & 31;
      s.attribute[index] = value & (index < 16 ? 0x3f : 0xff);
    }
  }

  /** CR11 bit 7 protects CR0–CR7, except for bit 4 of CR7. */
  #writeCrtc(value: number): void {
    const { crtc, crtcIndex } = this.state;
    if (crtcIndex <= 7 && (crtc[0x11] as number) & 0x80) {
      if (crtcIndex === 7) crtc[7] = ((crtc[7] as number) & ~0x10) | (value & 0x10);
      return;
    }
    crtc[crtcIndex] = value;
  }

  // ---- Bochs DISPI: ports 0x1CE and 0x1CF (16 bits), and BAR 2

  #dispiPorts(): PortHandler {
    return {
      read: (port) => {
        if ((port & 1) === 0) return this.state.dispiIndex;
        return this.readDispi(this.state.dispiIndex);
      },
      write: (port, value) => {
        if ((port & 1) === 0) this.state.dispiIndex = value;
        else this.writeDispi(this.state.dispiIndex, value);
      },
    };
  }

  readDispi(index: number): number {
    const { dispi } = this.state;
    if ((dispi[DISPI_ENABLE] as number) & GET_CAPS) {
      if (index === DISPI_XRES) return MAX_XRES;
      if (index === DISPI_YRES) return MAX_YRES;
      if (index === DISPI_BPP) return 32;
    }
    return dispi[index] ?? 0;
  }

  writeDispi(index: number, value: number): void {
    const { dispi } = this.state;
    switch (index) {
      case 0:
        if (value >= 0xb0c0 && value <= DISPI_ID) dispi[0] = value;
        break;
      case DISPI_XRES:
      case DISPI_YRES:
      case DISPI_BPP:
      case DISPI_VIRT_WIDTH:
      case DISPI_X_OFFSET:
      case DISPI_Y_OFFSET:
      case DISPI_BANK:
        dispi[index] = value;
        this.#limitDispi();
        break;
      case DISPI_ENABLE: {
        const rising = (value & ENABLED) !== 0 && ((dispi[DISPI_ENABLE] as number) & ENABLED) === 0;
        dispi[DISPI_ENABLE] = value;
        if (!rising) break;
        dispi[DISPI_VIRT_WIDTH] = dispi[DISPI_XRES] as number;
        dispi[DISPI_X_OFFSET] = 0;
        dispi[DISPI_Y_OFFSET] = 0;
        this.#limitDispi();
        if (!(value & NO_CLEAR))
          this.memory.fill(0, 0, this.#pitch() * (dispi[DISPI_YRES] as number));
        break;
      }
    }
  }

  /** Sets a linear mode, as a video BIOS does for a boot loader; video memory is cleared unless it is to be kept. */
  setMode(mode: { width: number; height: number; depth: number }, clear = true): void {
    this.writeDispi(DISPI_ENABLE, 0);
    this.writeDispi(DISPI_XRES, mode.width);
    this.writeDispi(DISPI_YRES, mode.height);
    this.writeDispi(DISPI_BPP, mode.depth);
    this.writeDispi(DISPI_BANK, 0);
    this.writeDispi(DISPI_ENABLE, ENABLED | LINEAR | (clear ? 0 : NO_CLEAR));
  }

  /** Back to what the VGA's own registers show. */
  leaveLinearMode(): void {
    this.writeDispi(DISPI_ENABLE, 0);
    this.writeDispi(DISPI_BANK, 0);
  }

  /** Puts a font (characters of 32 bytes) into plane 2 at offset `at`, where text modes find it. */
  loadFont(font: Uint8Array, at = 0): void {
    font.forEach((byte, i) => {
      this.memory[(at + i) * 4 + 2] = byte;
    });
  }

  #bytesPerPixel(): number {
    return ((this.state.dispi[DISPI_BPP] as number) + 7) >> 3 || 1;
  }

  /** Bytes from one line to the next in linear modes. */
  #pitch(): number {
    const { dispi } = this.state;
    return (
      Math.max(dispi[DISPI_VIRT_WIDTH] as number, dispi[DISPI_XRES] as number) *
      this.#bytesPerPixel()
    );
  }

  #limitDispi(): void {
    const { dispi } = this.state;
    dispi[DISPI_XRES] = Math.min(dispi[DISPI_XRES] as number, MAX_XRES) & ~7;
    dispi[DISPI_YRES] = Math.min(dispi[DISPI_YRES] as number, MAX_YRES);
    dispi[DISPI_VIRT_WIDTH] = Math.max(
      dispi[DISPI_VIRT_WIDTH] as number,
      dispi[DISPI_XRES] as number,
    );
    const pitch = Math.max(1, this.#pitch());
    dispi[DISPI_VIRT_HEIGHT] = Math.min(0xffff, Math.floor(VRAM_BYTES / pitch));
  }

  /** BAR 2: the monitor's EDID, VGA ports 0x3C0–0x3DF at 0x400, DISPI at 0x500, byte order at 0x604. */
  #registers(): MmioHandler {
    const spread = (size: number, one: (i: number) => number): number => {
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + one(i);
      return value;
    };
    return {
      read: (offset, size) => {
        if (offset < MONITOR.length) return spread(size, (i) => MONITOR[offset + i] ?? 0);
        if (offset >= 0x400 && offset < 0x420) {
          return spread(size, (i) => this.#readPort(0x3c0 + offset - 0x400 + i));
        }
        if (offset >= 0x500 && offset < 0x516) return this.readDispi((offset - 0x500) >> 1);
        if (offset === 0x600) return 8;
        return offset === 0x604 ? 0x1e1e1e1e : 0;
      },
      write: (offset, value, size) => {
        if (offset >= 0x400 && offset < 0x420) {
          for (let i = 0; i < size; i++) {
            this.#writePort(0x3c0 + offset - 0x400 + i, (value >>> (8 * i)) & 0xff);
          }
        } else if (offset >= 0x500 && offset < 0x516) {
          this.writeDispi((offset - 0x500) >> 1, value & 0xffff);
        }
      },
    };
  }

  // ---- The window at 0xA0000

  /** 128 KiB from 0xA0000, through the graphics controller. */
  window(): MmioHandler {
    return {
      read: (offset, size) => {
        let value = 0;
        for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#readWindow(offset + i);
        return value;
      },
      write: (offset, value, size) => {
        for (let i = 0; i < size; i++) this.#writeWindow(offset + i, (value >>> (8 * i)) & 0xff);
      },
    };
  }

  /** The linear framebuffer, BAR 0. */
  #framebuffer(): MmioHandler {
    return {
      read: (offset, size) => {
        let value = 0;
        for (let i = size - 1; i >= 0; i--) value = value * 256 + (this.memory[offset + i] ?? 0);
        return value;
      },
      write: (offset, value, size) => {
        for (let i = 0; i < size; i++) this.memory[offset + i] = (value >>> (8 * i)) & 0xff;
      },
    };
  }

  /** Offset in the selected window (GR6 bits 3:2), or -1 outside it. */
  #windowOffset(offset: number): number {
    switch (((this.state.graphics[6] as number) >> 2) & 3) {
      case 0:
        return offset;
      case 1:
        return offset < 0x10000 ? offset + (this.state.dispi[DISPI_BANK] as number) * 0x10000 : -1;
      case 2:
        return offset >= 0x10000 && offset < 0x18000 ? offset - 0x10000 : -1;
      default:
        return offset >= 0x18000 ? offset - 0x18000 : -1;
    }
  }

  #readWindow(offset: number): number {
    const s = this.state;
    const at = this.#windowOffset(offset);
    if (at < 0) return 0xff;
    if ((s.sequencer[4] as number) & 8) return this.memory[at] ?? 0xff;
    let cell = at;
    let plane = (s.graphics[4] as number) & 3;
    if ((s.graphics[5] as number) & 0x10) {
      plane = (plane & 2) | (at & 1);
      cell = at & ~1;
    }
    const base = cell * 4;
    for (let p = 0; p < 4; p++) s.latches[p] = this.memory[base + p] ?? 0;
    if (!((s.graphics[5] as number) & 8)) return s.latches[plane] as number;
    // Read mode 1: which pixels have the colour in GR2, planes not cared for by GR7 ignored.
    let equal = 0xff;
    for (let p = 0; p < 4; p++) {
      if (!((s.graphics[7] as number) & (1 << p))) continue;
      const want = (s.graphics[2] as number) & (1 << p) ? 0xff : 0;
      equal &= ~((s.latches[p] as number) ^ want);
    }
    return equal & 0xff;
  }

  #writeWindow(offset: number, value: number): void {
    const s = this.state;
    const at = this.#windowOffset(offset);
    if (at < 0) return;
    const planes = s.sequencer[2] as number;
    if ((s.sequencer[4] as number) & 8) {
      if (planes & (1 << (at & 3))) this.memory[at] = value;
      return;
    }
    if (!((s.sequencer[4] as number) & 4)) {
      // Odd/even: even addresses in planes 0 and 2, odd ones in 1 and 3.
      const cell = (at & ~1) * 4;
      for (const p of at & 1 ? [1, 3] : [0, 2])
        if (planes & (1 << p)) this.memory[cell + p] = value;
      return;
    }
    const [data, mask] = this.#writeMode(value);
    for (let p = 0; p < 4; p++) {
      if (!(planes & (1 << p))) continue;
      const old = s.latches[p] as number;
      this.memory[at * 4 + p] = ((data[p] as number) & mask) | (old & ~mask);
    }
  }

  /** The four write modes of the graphics controller: data for each plane and the bit mask. */
  #writeMode(value: number): [number[], number] {
    const g = this.state.graphics;
    const mode = (g[5] as number) & 3;
    const rotate = (g[3] as number) & 7;
    const rotated = ((value >> rotate) | (value << (8 - rotate))) & 0xff;
    const spread = (bits: number, p: number): number => (bits & (1 << p) ? 0xff : 0);
    const latches = this.state.latches;
    const mask = g[8] as number;
    const combine = (v: number, p: number): number => {
      const latch = latches[p] as number;
      switch (((g[3] as number) >> 3) & 3) {
        case 1:
          return v & latch;
        case 2:
          return v | latch;
        case 3:
          return v ^ latch;
        default:
          return v;
      }
    };
    const planes = [0, 1, 2, 3];
    if (mode === 1) return [[...latches], 0xff];
    if (mode === 2) return [planes.map((p) => combine(spread(value, p), p)), mask];
    if (mode === 3) return [planes.map((p) => spread(g[0] as number, p)), mask & rotated];
    const source = (p: number): number =>
      (g[1] as number) & (1 << p) ? spread(g[0] as number, p) : rotated;
    return [planes.map((p) => combine(source(p), p)), mask];
  }

  // ---- Looking at the screen

  /** True while the CRTC shows characters. */
  get isText(): boolean {
    const { dispi, graphics } = this.state;
    return !((dispi[DISPI_ENABLE] as number) & ENABLED) && !((graphics[6] as number) & 1);
  }

  /** The characters on the screen as [character, attribute] pairs, row by row; undefined in graphics modes. */
  textCells(): { columns: number; rows: number; cells: Uint8Array } | undefined {
    if (!this.isText) return undefined;
    const { crtc } = this.state;
    const at = (i: number): number => crtc[i] as number;
    const columns = at(1) + 1;
    const displayEnd = at(0x12) | ((at(7) & 2) << 7) | ((at(7) & 0x40) << 3);
    const rows = Math.min(100, Math.floor((displayEnd + 1) / ((at(9) & 31) + 1)));
    const start = (at(0x0c) << 8) | at(0x0d);
    const pitch = at(0x13) * 2;
    const cells = new Uint8Array(columns * rows * 2);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        // Cell n: character in plane 0, attribute in plane 1 of even address 2n.
        const cell = (start + y * pitch + x) * 2 * 4;
        cells[(y * columns + x) * 2] = this.memory[cell] ?? 0;
        cells[(y * columns + x) * 2 + 1] = this.memory[cell + 1] ?? 0;
      }
    }
    return { columns, rows, cells };
  }

  /** The screen in pixels: graphics modes, and text with the font that plane 2 holds. */
  picture(): Picture {
    if ((this.state.dispi[DISPI_ENABLE] as number) & ENABLED) return this.#linearPicture();
    if (this.isText) return this.#textPicture();
    return this.#planarPicture();
  }

  #colour(index: number): number {
    const { dac, dacMask, dispi } = this.state;
    const at = (index & dacMask) * 3;
    const shift = (dispi[DISPI_ENABLE] as number) & EIGHT_BIT_DAC ? 0 : 2;
    const part = (i: number): number => ((dac[at + i] as number) << shift) & 0xff;
    return (part(0) << 16) | (part(1) << 8) | part(2);
  }

  #linearPicture(): Picture {
    const { dispi } = this.state;
    const width = dispi[DISPI_XRES] as number;
    const bytes = this.#bytesPerPixel();
    const pitch = this.#pitch();
    // Lines beyond video memory do not exist, whatever the guest has asked for.
    const fitting = Math.floor(VRAM_BYTES / Math.max(1, pitch));
    const height = Math.min(dispi[DISPI_YRES] as number, fitting);
    const start =
      (dispi[DISPI_Y_OFFSET] as number) * pitch + (dispi[DISPI_X_OFFSET] as number) * bytes;
    const pixels = new Uint32Array(width * height);
    const byte = (at: number): number => this.memory[at] ?? 0;
    const bpp = dispi[DISPI_BPP] as number;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = start + y * pitch + x * bytes;
        const word = byte(at) | (byte(at + 1) << 8);
        let colour: number;
        if (bpp === 8) colour = this.#colour(byte(at));
        else if (bpp === 15)
          colour = ((word & 0x7c00) << 9) | ((word & 0x3e0) << 6) | ((word & 31) << 3);
        else if (bpp === 16)
          colour = ((word & 0xf800) << 8) | ((word & 0x7e0) << 5) | ((word & 31) << 3);
        else colour = word | (byte(at + 2) << 16);
        pixels[y * width + x] = colour;
      }
    }
    return { width, height, pixels };
  }

  #paletteColour(index: number): number {
    return this.#colour(this.state.attribute[index & 15] as number);
  }

  /** The cursor: cell counted from the start of the screen, first and last line; -1 when it is off. */
  #cursor(): { at: number; first: number; last: number } {
    const at = (i: number): number => this.state.crtc[i] as number;
    const start = (at(0x0c) << 8) | at(0x0d);
    const off = (at(0x0a) & 0x20) !== 0;
    return {
      at: off ? -1 : ((at(0x0e) << 8) | at(0x0f)) - start,
      first: at(0x0a) & 31,
      last: at(0x0b) & 31,
    };
  }

  #textPicture(): Picture {
    const text = this.textCells();
    if (text === undefined) return { width: 0, height: 0, pixels: new Uint32Array(0) };
    const { crtc, sequencer, attribute: registers } = this.state;
    const lines = ((crtc[9] as number) & 31) + 1;
    const width = text.columns * 8;
    const height = text.rows * lines;
    const pixels = new Uint32Array(width * height);
    // Character map select: font B for attribute bit 3 clear, A for set.
    const select = sequencer[3] as number;
    const fonts = [
      fontBase((select & 3) | ((select >> 2) & 4)),
      fontBase(((select >> 2) & 3) | ((select >> 3) & 4)),
    ] as const;
    // With blinking on, attribute bit 7 is no colour. A picture shows what blinks.
    const blink = ((registers[0x10] as number) & 8) !== 0;
    const cursor = this.#cursor();
    const colours = Array.from({ length: 16 }, (_, i) => this.#paletteColour(i));
    for (let i = 0; i < text.columns * text.rows; i++) {
      const character = text.cells[i * 2] as number;
      const attribute = text.cells[i * 2 + 1] as number;
      const font = fonts[attribute & 8 ? 1 : 0];
      const front = colours[attribute & 15] as number;
      const back = colours[(attribute >> 4) & (blink ? 7 : 15)] as number;
      const column = i % text.columns;
      const row = Math.floor(i / text.columns);
      const here = cursor.at === row * (crtc[0x13] as number) * 2 + column;
      for (let y = 0; y < lines; y++) {
        const inCursor = here && y >= cursor.first && y <= cursor.last;
        const bits = inCursor ? 0xff : (this.memory[(font + character * 32 + y) * 4 + 2] ?? 0);
        const at = (row * lines + y) * width + column * 8;
        for (let x = 0; x < 8; x++) pixels[at + x] = bits & (0x80 >> x) ? front : back;
      }
    }
    return { width, height, pixels };
  }

  #planarPicture(): Picture {
    const { crtc, graphics } = this.state;
    const at = (i: number): number => crtc[i] as number;
    const wide = (at(1) + 1) * 8;
    const displayEnd = at(0x12) | ((at(7) & 2) << 7) | ((at(7) & 0x40) << 3);
    const repeat = ((at(9) & 31) + 1) * (at(9) & 0x80 ? 2 : 1);
    const height = Math.floor((displayEnd + 1) / repeat);
    const start = (at(0x0c) << 8) | at(0x0d);
    const pitch = at(0x13) * 2;
    const chunky = ((graphics[5] as number) & 0x40) !== 0;
    const width = chunky ? wide >> 1 : wide;
    const pixels = new Uint32Array(width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (chunky) {
          pixels[y * width + x] = this.#colour(this.memory[start * 4 + y * pitch * 4 + x] ?? 0);
          continue;
        }
        const cell = (start + y * pitch + (x >> 3)) * 4;
        let index = 0;
        for (let p = 0; p < 4; p++) {
          if ((this.memory[cell + p] ?? 0) & (0x80 >> (x & 7))) index |= 1 << p;
        }
        pixels[y * width + x] = this.#paletteColour(index);
      }
    }
    return { width, height, pixels };
  }
}

/** Offset in plane 2 of font `n` (FreeVGA, "Character Map Select"). */
function fontBase(n: number): number {
  return (n & 3) * 0x4000 + (n & 4 ? 0x2000 : 0);
}

/** Writable bits of sequencer and graphics registers (FreeVGA). */
const SEQUENCER_MASK = [0x03, 0x3d, 0x0f, 0x3f, 0x0e] as const;
const GRAPHICS_MASK = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff] as const;

export const vga: DeviceKind = {
  name: "VGA",
  what: "VGA with Bochs' linear framebuffer",
  nameOf: () => "vga",
  create: (slot) => new Vga(slot),
};
