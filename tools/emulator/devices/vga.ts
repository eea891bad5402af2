// A VGA with Bochs' linear framebuffer extension (IBM VGA registers as in FreeVGA's "VGA hardware";
// QEMU docs/specs/standard-vga.rst): all register files read back, planar memory with write and read
// modes. Timing is left out: nothing is drawn unless somebody looks (vga-scanout.ts).

import type { Device, DeviceKind, DeviceMemory, MmioHandler, PortHandler, Slot } from "./device.ts";
import { MONITOR } from "./edid.ts";
import type { Clock } from "./timers.ts";
import {
  DISPI_BANK,
  DISPI_BPP,
  DISPI_ENABLE,
  DISPI_ID,
  DISPI_VIRT_HEIGHT,
  DISPI_VIRT_WIDTH,
  DISPI_X_OFFSET,
  DISPI_XRES,
  DISPI_Y_OFFSET,
  DISPI_YRES,
  EIGHT_BIT_DAC,
  ENABLED,
  freshState,
  GET_CAPS,
  LINEAR,
  linearPitch,
  NO_CLEAR,
  showsText,
  type VgaState,
  VRAM_BYTES,
} from "./vga-state.ts";
import { VideoChanges } from "./video-changes.ts";

export { VRAM_BYTES };

/** The window of the IBM VGA. */
export const VGA_WINDOW = 0xa0000;
export const VGA_WINDOW_BYTES = 0x20000;
/** Where firmware places BAR 0. */
export const FRAMEBUFFER_BASE = 0xfd000000;

const MAX_XRES = 16000;
const MAX_YRES = 12000;

export class Vga implements Device {
  readonly name: string;
  state: VgaState = freshState();
  readonly #video: DeviceMemory;
  readonly #changes = new VideoChanges(VRAM_BYTES);
  readonly #clock: Clock;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#clock = slot.clock;
    this.#video = slot.videoMemory(VRAM_BYTES);
    slot.ports(0x3b0, 0x30, this.#ports());
    slot.ports(0x1ce, 2, this.#dispiPorts(), 2);
    slot.mmio(VGA_WINDOW, VGA_WINDOW_BYTES, this.window());
    slot.pci({
      device: slot.board.chipset.display.device,
      vendor: 0x1234,
      deviceId: 0x1111,
      classCode: 0x030000,
      revision: 2,
      rom: slot.board.vgaRom,
      bars: [
        {
          index: 0,
          kind: "memory",
          size: VRAM_BYTES,
          prefetchable: true,
          address: FRAMEBUFFER_BASE,
          handler: this.#framebuffer(),
          memory: this.#video,
        },
        {
          index: 2,
          kind: "memory",
          size: 0x1000,
          address: slot.board.chipset.display.registers,
          handler: this.#registers(),
        },
      ],
    });
  }

  /** Video memory; pixel p of planar modes has its four planes at bytes 4p … 4p + 3. */
  get memory(): Uint8Array {
    return this.#video.bytes;
  }

  /** What was written since whoever looks has looked. */
  changesNow(): VideoChanges {
    // What CPUs store in pages of the linear framebuffer may be glyphs.
    for (const page of this.#video.takeWritten()) this.#changes.wroteGlyph(page * 4096);
    return this.#changes;
  }

  /** The device itself has changed bytes of video memory. */
  #wrote(at: number, length: number, glyphs: boolean): void {
    if (glyphs) this.#changes.wroteGlyph(at);
    else this.#changes.wrote(at);
    this.#video.changed(at, length);
  }

  reset(): void {
    this.state = freshState();
    this.#changes.changedMode();
  }

  restored(): void {
    this.#changes.changedAll();
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
        // The map mask is set for every plane that is drawn to, and shows in nothing.
        if (s.sequencerIndex !== 2) this.#changes.changedMode();
        break;
      case 0x3c6:
        s.dacMask = value;
        this.#changes.changedMode();
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
        this.#changes.changedMode();
        this.#nextDac();
        break;
      case 0x3ce:
        s.graphicsIndex = value & 15;
        break;
      case 0x3cf:
        this.#writeGraphics(value);
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

  #writeGraphics(value: number): void {
    const { graphics, graphicsIndex: index } = this.state;
    const old = graphics[index] as number;
    graphics[index] = value & (GRAPHICS_MASK[index] ?? 0);
    // The others, and the read and write modes, are of those who draw, not of the picture.
    const shown = index === 5 ? 0x60 : index === 6 ? 0xff : 0;
    if (((graphics[index] as number) ^ old) & shown) this.#changes.changedMode();
  }

  #writeAttribute(value: number): void {
    const s = this.state;
    s.attributeData = !s.attributeData;
    this.#changes.changedMode();
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
      this.#changes.changedMode();
      return;
    }
    crtc[crtcIndex] = value;
    if (CURSOR_REGISTERS.includes(crtcIndex)) this.#changes.movedCursor();
    else this.#changes.changedMode();
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
    // The bank is of those who draw.
    if (index !== DISPI_BANK) this.#changes.changedMode();
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
        if (value & NO_CLEAR) break;
        this.#clear(linearPitch(this.state) * (dispi[DISPI_YRES] as number));
        break;
      }
    }
  }

  #clear(bytes: number): void {
    this.memory.fill(0, 0, bytes);
    this.#video.changed(0, bytes);
    this.#changes.changedAll();
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
      this.#changes.wroteGlyph((at + i) * 4);
    });
    this.#video.changed(at * 4, font.length * 4);
  }

  #limitDispi(): void {
    const { dispi } = this.state;
    dispi[DISPI_XRES] = Math.min(dispi[DISPI_XRES] as number, MAX_XRES) & ~7;
    dispi[DISPI_YRES] = Math.min(dispi[DISPI_YRES] as number, MAX_YRES);
    dispi[DISPI_VIRT_WIDTH] = Math.max(
      dispi[DISPI_VIRT_WIDTH] as number,
      dispi[DISPI_XRES] as number,
    );
    const pitch = Math.max(1, linearPitch(this.state));
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
      peek: (offset) => (offset < MONITOR.length ? MONITOR[offset] : undefined),
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
      peek: (offset) => this.#readWindow(offset, [...this.state.latches]),
    };
  }

  /** The linear framebuffer, BAR 0, where its memory does not answer by itself. */
  #framebuffer(): MmioHandler {
    return {
      read: (offset, size) => {
        let value = 0;
        for (let i = size - 1; i >= 0; i--) value = value * 256 + (this.memory[offset + i] ?? 0);
        return value;
      },
      write: (offset, value, size) => {
        for (let i = 0; i < size; i++) this.memory[offset + i] = (value >>> (8 * i)) & 0xff;
        this.#wrote(offset, size, true);
        this.#wrote(offset + size - 1, 1, true);
      },
      peek: (offset) => this.memory[offset],
    };
  }

  /** Bochs' modes show a bank of their picture, whatever the VGA's registers say. */
  get #isBanked(): boolean {
    return ((this.state.dispi[DISPI_ENABLE] as number) & ENABLED) !== 0;
  }

  /** Whether bytes of the window are bytes of video memory: planes that are chained, and pixels without planes. */
  get #isChained(): boolean {
    return ((this.state.sequencer[4] as number) & 8) !== 0 || this.#isBanked;
  }

  /** Offset in the selected window (GR6 bits 3:2), or -1 outside it. */
  #windowOffset(offset: number): number {
    switch (this.#isBanked ? 1 : ((this.state.graphics[6] as number) >> 2) & 3) {
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

  /** Reading planes fills the latches, by which writing works. */
  #readWindow(offset: number, latches = this.state.latches): number {
    const s = this.state;
    const at = this.#windowOffset(offset);
    if (at < 0) return 0xff;
    if (this.#isChained) return this.memory[at] ?? 0xff;
    let cell = at;
    let plane = (s.graphics[4] as number) & 3;
    if ((s.graphics[5] as number) & 0x10) {
      plane = (plane & 2) | (at & 1);
      cell = at & ~1;
    }
    const base = cell * 4;
    for (let p = 0; p < 4; p++) latches[p] = this.memory[base + p] ?? 0;
    if (!((s.graphics[5] as number) & 8)) return latches[plane] as number;
    // Read mode 1: which pixels have the colour in GR2, planes not cared for by GR7 ignored.
    let equal = 0xff;
    for (let p = 0; p < 4; p++) {
      if (!((s.graphics[7] as number) & (1 << p))) continue;
      const want = (s.graphics[2] as number) & (1 << p) ? 0xff : 0;
      equal &= ~((latches[p] as number) ^ want);
    }
    return equal & 0xff;
  }

  #writeWindow(offset: number, value: number): void {
    const s = this.state;
    const at = this.#windowOffset(offset);
    if (at < 0) return;
    const planes = s.sequencer[2] as number;
    if (this.#isChained) {
      if (!this.#isBanked && !(planes & (1 << (at & 3)))) return;
      this.memory[at] = value;
      this.#wrote(at, 1, true);
      return;
    }
    if (!((s.sequencer[4] as number) & 4)) {
      // Odd/even: even addresses in planes 0 and 2, odd ones in 1 and 3.
      const cell = (at & ~1) * 4;
      for (const p of at & 1 ? [1, 3] : [0, 2])
        if (planes & (1 << p)) this.memory[cell + p] = value;
      this.#wrote(cell, 4, (planes & GLYPH_PLANE) !== 0 && (at & 1) === 0);
      return;
    }
    const [data, mask] = this.#writeMode(value);
    for (let p = 0; p < 4; p++) {
      if (!(planes & (1 << p))) continue;
      const old = s.latches[p] as number;
      this.memory[at * 4 + p] = ((data[p] as number) & mask) | (old & ~mask);
    }
    this.#wrote(at * 4, 4, (planes & GLYPH_PLANE) !== 0);
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

  /** True while the CRTC shows characters. */
  get isText(): boolean {
    return showsText(this.state);
  }
}

/** Plane 2, by its bit in the map mask. */
const GLYPH_PLANE = 4;

/** CRTC registers of the cursor's lines and place. */
const CURSOR_REGISTERS: readonly number[] = [0x0a, 0x0b, 0x0e, 0x0f];

/** Writable bits of sequencer and graphics registers (FreeVGA). */
const SEQUENCER_MASK = [0x03, 0x3d, 0x0f, 0x3f, 0x0e] as const;
const GRAPHICS_MASK = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff] as const;

export const vga: DeviceKind = {
  name: "VGA",
  what: "VGA with Bochs' linear framebuffer",
  nameOf: () => "vga",
  create: (slot) => new Vga(slot),
};
