// Tells the core which pages of the physical address space are RAM and which are read-only; every other page is a
// device's or nobody's. Firmware's flash ends at 4 GiB, its last 128 KiB show below 1 MiB, too, until the host bridge has
// RAM there (Intel 3 Series datasheet, 5.1.15; system address map, 9.2).

import { type CoreExports, PageKind } from "../core/interface.ts";
import type { FlashMemory, ShadowedArea } from "../devices/device.ts";
import { VGA_WINDOW, VGA_WINDOW_BYTES } from "../devices/vga.ts";
import type { GuestRam } from "./guest-ram.ts";
import { BIOS_SEGMENT, FOUR_GIB, MIB } from "./memory-map.ts";

const PAGE = 4096;
/** Most of flash that shows below 1 MiB. */
const LOW_FLASH = 0x20000;

/** The board's RAM and ROM. Flash lies behind RAM below 4 GiB in the core's memory; without one the BIOS segment in RAM is the ROM. */
export class BoardMemory {
  readonly #core: CoreExports;
  readonly #ram: GuestRam;
  /** Where the ROM is from RAM's beginning on, and its bytes. */
  readonly #rom: { readonly offset: number; readonly length: number };
  #areas: readonly ShadowedArea[] = [];

  /** `flash` is a multiple of 64 KiB, for which the core has room behind RAM. */
  constructor(core: CoreExports, ram: GuestRam, flash?: Uint8Array) {
    this.#core = core;
    this.#ram = ram;
    this.#rom =
      flash === undefined
        ? { offset: BIOS_SEGMENT, length: MIB - BIOS_SEGMENT }
        : { offset: ram.lowBytes, length: flash.length };
    if (flash !== undefined) new Uint8Array(core.memory.buffer).set(flash, this.#romBase);
    const map = (start: number, end: number, kind: number): void =>
      core.map_pages(start / PAGE, (end - start) / PAGE, kind);
    map(0, VGA_WINDOW, PageKind.Ram);
    map(VGA_WINDOW, VGA_WINDOW + VGA_WINDOW_BYTES, PageKind.Mmio);
    map(MIB, ram.lowBytes, PageKind.Ram);
    this.#showRom(this.romStart, this.#rom.length);
  }

  get #romBase(): number {
    return this.#core.ram_base() + this.#rom.offset;
  }

  /** Where the ROM begins, below 4 GiB. */
  get romStart(): number {
    return FOUR_GIB - this.#rom.length;
  }

  /** Has a piece of the ROM's end show at `start`, which is as far from 1 MiB or 4 GiB as the piece from the ROM's end. */
  #showRom(start: number, length: number): void {
    const end = start < MIB ? MIB : FOUR_GIB;
    const backing = this.#romBase + this.#rom.length - (end - start);
    this.#core.map_backed(start / PAGE, length / PAGE, PageKind.Rom, backing);
  }

  /** Has C0000–FFFFF be what the host bridge says. */
  shadow(areas: readonly ShadowedArea[]): void {
    if (JSON.stringify(areas) === JSON.stringify(this.#areas)) return;
    this.#areas = areas;
    for (const { start, length, readsRam, writesRam } of areas) {
      const pages = [start / PAGE, length / PAGE] as const;
      if (readsRam) this.#core.map_pages(...pages, writesRam ? PageKind.Ram : PageKind.Rom);
      else if (this.#isLowRom(start)) this.#showRom(start, length);
      else this.#core.map_pages(...pages, PageKind.Mmio);
    }
  }

  #isLowRom(address: number): boolean {
    return address >= MIB - Math.min(LOW_FLASH, this.#rom.length);
  }

  #areaOf(address: number): ShadowedArea | undefined {
    return this.#areas.find((a) => address >= a.start && address < a.start + a.length);
  }

  /** A write to C0000–FFFFF that is not to RAM alone: it goes there where reads alone do not; false where it is lost. */
  writeShadowed(address: number, value: number, size: number): boolean {
    if (this.#areaOf(address)?.writesRam !== true) return false;
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.#ram.write(address, bytes.subarray(0, size));
    return true;
  }

  /** Up to `length` bytes of ROM or RAM at `address`, which end where something else begins; undefined where a device is. */
  read(address: number, length: number): Uint8Array | undefined {
    if (address >= FOUR_GIB) return this.#ram.read(address, length);
    if (address >= this.romStart) return this.#readRom(address - this.romStart, length);
    const isWindow = address >= VGA_WINDOW && address < VGA_WINDOW + VGA_WINDOW_BYTES;
    if (isWindow || address >= this.#ram.lowBytes) return undefined;
    const area = this.#areaOf(address);
    if (area === undefined) {
      const end = address < VGA_WINDOW ? VGA_WINDOW : this.#ram.lowBytes;
      return this.#ram.read(address, Math.min(length, end - address));
    }
    const fits = Math.min(length, area.start + area.length - address);
    if (area.readsRam) return this.#ram.read(address, fits);
    if (!this.#isLowRom(area.start)) return undefined;
    return this.#readRom(this.#rom.length - (MIB - address), fits);
  }

  /** A chip of flash: bytes of the ROM from `offset` on. `store` takes what is written to the image; false where it cannot. */
  chip(
    offset: number,
    length: number,
    store: (offset: number, bytes: Uint8Array) => boolean,
  ): FlashMemory {
    const start = this.romStart + offset;
    const view = (): Uint8Array =>
      new Uint8Array(this.#core.memory.buffer, this.#romBase + offset, length);
    // Code of it may have been seen below 1 MiB, too.
    const changed = (from: number, bytes: number): void => {
      this.#core.ram_written(start + from, bytes);
      const low = start + from - FOUR_GIB + MIB;
      const first = Math.max(low, MIB - LOW_FLASH);
      if (first < low + bytes) this.#core.ram_written(first, low + bytes - first);
    };
    return {
      start,
      get bytes() {
        return view();
      },
      write: (at, bytes) => {
        if (!store(at, bytes)) return false;
        view().set(bytes, at);
        changed(at, bytes.length);
        return true;
      },
      changed,
      show: (contents) => {
        if (contents) this.#showRom(start, length);
        else this.#core.map_pages(start / PAGE, length / PAGE, PageKind.Mmio);
      },
    };
  }

  #readRom(offset: number, length: number): Uint8Array {
    const base = this.#romBase + offset;
    const end = this.#romBase + Math.min(this.#rom.length, offset + length);
    return new Uint8Array(this.#core.memory.buffer).slice(base, end);
  }
}
