// Physical memory as debuggers see it: RAM and ROM, and memory of devices whose reading has no effect on them. Looking
// at it changes nothing about the machine.

import { VGA_WINDOW, VGA_WINDOW_BYTES } from "../devices/vga.ts";
import type { MmioBus } from "./bus.ts";
import type { GuestRam } from "./guest-ram.ts";
import { BIOS_SEGMENT, MIB } from "./memory-map.ts";

const END = 0x1_0000_0000;
/** The BIOS segment shows here as well (core-pages.ts). */
const BIOS_ALIAS = END - (MIB - BIOS_SEGMENT);

export class PhysicalMemory {
  readonly #ram: GuestRam;
  readonly #mmio: MmioBus;

  constructor(ram: GuestRam, mmio: MmioBus) {
    this.#ram = ram;
    this.#mmio = mmio;
  }

  /** A copy of up to `length` bytes from `address`; it ends where there is nothing, or nothing that may be looked at. */
  read(address: number, length: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let at = address;
    const end = Math.min(address + Math.max(0, length), END);
    while (at < end) {
      const stop = Math.min(end, this.#boundary(at));
      const part = this.#part(at, stop - at);
      parts.push(part);
      at += part.length;
      if (at < stop) break;
    }
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    const bytes = new Uint8Array(at - Math.min(at, address));
    let done = 0;
    for (const part of parts) {
      bytes.set(part, done);
      done += part.length;
    }
    return bytes;
  }

  /** A little-endian value, or undefined where not all of its bytes may be looked at. */
  read32(address: number): number | undefined {
    return this.#view(address, 4)?.getUint32(0, true);
  }

  read64(address: number): bigint | undefined {
    return this.#view(address, 8)?.getBigUint64(0, true);
  }

  #view(address: number, length: number): DataView | undefined {
    const bytes = this.read(address, length);
    return bytes.length < length ? undefined : new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  /** Where what is at `at` ends, at the latest. */
  #boundary(at: number): number {
    const ends = [VGA_WINDOW, VGA_WINDOW + VGA_WINDOW_BYTES, this.#ram.size, BIOS_ALIAS, END];
    return Math.min(...ends.filter((end) => end > at));
  }

  #part(at: number, length: number): Uint8Array {
    const isWindow = at >= VGA_WINDOW && at < VGA_WINDOW + VGA_WINDOW_BYTES;
    if (at >= BIOS_ALIAS) return this.#ram.read(BIOS_SEGMENT + at - BIOS_ALIAS, length);
    if (at < this.#ram.size && !isWindow) return this.#ram.read(at, length);
    return this.#mmio.peek(at, length);
  }
}
