// Guest-physical memory as the host sees it: bytes in the core's linear memory, RAM and ROM alone.
// Accesses to devices are left out, so that looking at memory changes nothing.

import type { CoreExports } from "../core/interface.ts";
import type { GuestMemory } from "../devices/device.ts";

export class GuestRam implements GuestMemory {
  readonly #core: CoreExports;
  readonly size: number;
  #last: Uint8Array<ArrayBuffer>;

  constructor(core: CoreExports, size: number) {
    this.#core = core;
    this.size = size;
    this.#last = new Uint8Array(core.memory.buffer);
  }

  /** The core's memory, which moves when it grows. */
  get #bytes(): Uint8Array<ArrayBuffer> {
    const { buffer } = this.#core.memory;
    if (this.#last.buffer !== buffer) this.#last = new Uint8Array(buffer);
    return this.#last;
  }

  /** A copy of up to `length` bytes from physical `address`; shorter where RAM ends. */
  read(address: number, length: number): Uint8Array {
    if (address >= this.size || length <= 0) return new Uint8Array(0);
    const base = this.#core.ram_base() + address;
    const end = base + Math.min(length, this.size - address);
    return this.#bytes.slice(base, end);
  }

  /** Writes bytes to physical `address`; what lies beyond RAM is dropped. */
  write(address: number, bytes: Uint8Array): void {
    if (address >= this.size || bytes.length === 0) return;
    const fits = bytes.subarray(0, this.size - address);
    this.#bytes.set(fits, this.#core.ram_base() + address);
    this.#core.ram_written(address, fits.length);
  }

  fill(address: number, length: number): void {
    const base = this.#core.ram_base() + address;
    this.#bytes.fill(0, base, base + length);
    this.#core.ram_written(address, length);
  }

  /** A little-endian 64-bit value, or undefined outside RAM. */
  read64(address: number): bigint | undefined {
    if (address + 8 > this.size || address < 0) return undefined;
    const view = new DataView(this.#core.memory.buffer, this.#core.ram_base() + address, 8);
    return view.getBigUint64(0, true);
  }

  read32(address: number): number | undefined {
    if (address + 4 > this.size || address < 0) return undefined;
    return new DataView(this.#core.memory.buffer, this.#core.ram_base() + address, 4).getUint32(
      0,
      true,
    );
  }

  /** A view of all RAM. */
  view(): Uint8Array {
    return new Uint8Array(this.#core.memory.buffer, this.#core.ram_base(), this.size);
  }
}
