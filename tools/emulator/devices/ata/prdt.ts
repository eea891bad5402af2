// The memory that a command of an AHCI host bus adapter moves: physical region descriptors (AHCI 1.3.1, 4.2.3.3),
// read one at a time. They are the guest's: whatever they say, no more is moved than the command asks for.

import type { GuestMemory } from "../device.ts";

const ENTRY_BYTES = 16;
const BYTE_COUNT = 0x003f_ffff;
const INTERRUPT = 0x8000_0000;

/** What went wrong: the list ends before the data, or names what is no memory. */
export type RegionFault = "overflow" | "bus";

/** Guest memory, and how much of it there is. */
export interface BusMaster {
  readonly memory: GuestMemory;
  readonly ramBytes: number;
}

/** `length` bytes at an address of 64 bits, or undefined if they are not all memory. */
export function readAll(
  { memory, ramBytes }: BusMaster,
  low: number,
  high: number,
  length: number,
): Uint8Array | undefined {
  if (high !== 0 || low + length > ramBytes) return undefined;
  const bytes = memory.read(low, length);
  return bytes.length === length ? bytes : undefined;
}

/** False if the place is not all memory; nothing is written then. */
export function writeAll(to: BusMaster, low: number, high: number, bytes: Uint8Array): boolean {
  // A function that is no bus master gets nothing.
  if (readAll(to, low, high, Math.min(bytes.length, 1)) === undefined) return false;
  if (low + bytes.length > to.ramBytes) return false;
  to.memory.write(low, bytes);
  return true;
}

export class Regions {
  /** Bytes moved. */
  moved = 0;
  /** The guest wants to know that one of the regions is done. */
  interrupt = false;
  fault: RegionFault | undefined;
  readonly #master: BusMaster;
  readonly #table: number;
  readonly #tableHigh: number;
  readonly #entries: number;
  #next = 0;
  /** Of the present region. */
  #address = 0;
  #addressHigh = 0;
  #left = 0;
  #wanted = false;

  /** `table` is the physical address of the first of `entries` descriptors. */
  constructor(master: BusMaster, table: number, tableHigh: number, entries: number) {
    this.#master = master;
    this.#table = table;
    this.#tableHigh = tableHigh;
    this.#entries = entries;
  }

  /** Bytes of the present region, at most `limit`; 0 with `fault` set where there are no more. */
  #available(limit: number): number {
    if (this.#left === 0) {
      if (this.#next === this.#entries) {
        this.fault = "overflow";
        return 0;
      }
      const at = this.#table + this.#next * ENTRY_BYTES;
      const entry = readAll(this.#master, at, this.#tableHigh, ENTRY_BYTES);
      if (entry === undefined) {
        this.fault = "bus";
        return 0;
      }
      this.#next++;
      const view = new DataView(entry.buffer, entry.byteOffset, ENTRY_BYTES);
      const last = view.getUint32(12, true);
      // Word aligned, and an even number of bytes.
      this.#address = (view.getUint32(0, true) & ~1) >>> 0;
      this.#addressHigh = view.getUint32(4, true);
      this.#left = ((last & BYTE_COUNT) | 1) + 1;
      this.#wanted = (last & INTERRUPT) !== 0;
    }
    return Math.min(limit, this.#left);
  }

  #advance(bytes: number): void {
    this.#address += bytes;
    this.#left -= bytes;
    this.moved += bytes;
    if (this.#left === 0 && this.#wanted) this.interrupt = true;
  }

  /** Puts bytes into the regions; false with `fault` set where they do not go. */
  put(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      const length = this.#available(bytes.length - at);
      if (length === 0) return false;
      const part = bytes.subarray(at, at + length);
      if (!writeAll(this.#master, this.#address, this.#addressHigh, part)) {
        this.fault = "bus";
        return false;
      }
      this.#advance(length);
      at += length;
    }
    return true;
  }

  /** `length` bytes of the regions; undefined with `fault` set where they are not there. */
  get(length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const here = this.#available(length - at);
      if (here === 0) return undefined;
      const part = readAll(this.#master, this.#address, this.#addressHigh, here);
      if (part === undefined) {
        this.fault = "bus";
        return undefined;
      }
      bytes.set(part, at);
      this.#advance(here);
      at += here;
    }
    return bytes;
  }
}
