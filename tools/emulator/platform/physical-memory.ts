// Physical memory as debuggers see it: RAM and ROM, and memory of devices whose reading has no effect on them. Looking
// at it changes nothing about the machine.

import type { MmioBus } from "./bus.ts";
import type { BoardMemory } from "./core-pages.ts";

/** Addresses have 39 bits (CPUID leaf 80000008h). */
const END = 2 ** 39;
const PAGE = 4096;

export class PhysicalMemory {
  readonly #memory: BoardMemory;
  readonly #mmio: MmioBus;

  constructor(memory: BoardMemory, mmio: MmioBus) {
    this.#memory = memory;
    this.#mmio = mmio;
  }

  /** A copy of up to `length` bytes from `address`; it ends where there is nothing, or nothing that may be looked at. */
  read(address: number, length: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let at = address;
    const end = Math.min(address + Math.max(0, length), END);
    while (at < end) {
      const part = this.#part(at, end - at);
      if (part.length === 0) break;
      parts.push(part);
      at += part.length;
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

  /** What is at `at`; of a device to the end of its page at most, since something else may begin there. */
  #part(at: number, length: number): Uint8Array {
    const inPage = Math.min(length, PAGE - (at % PAGE));
    return this.#memory.read(at, length) ?? this.#mmio.peek(at, inPage);
  }
}
