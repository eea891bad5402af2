// The memory that a command's data are in, as the host says by physical region descriptors (AHCI 1.3.1, 4.2.3.3; for
// IDE "Programming interface for bus master IDE controller", 1.2), read one at a time. They are the guest's: whatever
// they say, no more is moved than the command asks for.

import type { GuestMemory } from "../device.ts";

const AHCI_ENTRY_BYTES = 16;
const BYTE_COUNT = 0x003f_ffff;
const INTERRUPT = 0x8000_0000;

const IDE_ENTRY_BYTES = 8;
const LAST = 0x8000_0000;
/** A table is in 64 KiB that it does not leave. */
const IDE_TABLE = 0x1_0000;

const FOUR_GIB = 2 ** 32;

/** What went wrong: the list ends before the data, or names what is no memory. */
export type RegionFault = "overflow" | "bus";

/** `length` bytes at an address of 64 bits, or undefined if they are not all memory. */
export function readAll(
  memory: GuestMemory,
  low: number,
  high: number,
  length: number,
): Uint8Array | undefined {
  const address = high * FOUR_GIB + low;
  return memory.holds(address, length) ? memory.read(address, length) : undefined;
}

/** False if the place is not all memory; nothing is written then. */
export function writeAll(
  memory: GuestMemory,
  low: number,
  high: number,
  bytes: Uint8Array,
): boolean {
  const address = high * FOUR_GIB + low;
  if (!memory.holds(address, bytes.length)) return false;
  memory.write(address, bytes);
  return true;
}

export interface Region {
  address: number;
  addressHigh: number;
  bytes: number;
  /** The guest wants to be told when it is done. */
  interrupt: boolean;
}

/** The next region each time. */
export type RegionSource = () => Region | RegionFault;

/** `entries` descriptors of AHCI from physical address `table` on. */
export function ahciRegions(
  master: GuestMemory,
  table: number,
  tableHigh: number,
  entries: number,
): RegionSource {
  let next = 0;
  return () => {
    if (next === entries) return "overflow";
    const at = table + next * AHCI_ENTRY_BYTES;
    const entry = readAll(master, at, tableHigh, AHCI_ENTRY_BYTES);
    if (entry === undefined) return "bus";
    next++;
    const view = new DataView(entry.buffer, entry.byteOffset, AHCI_ENTRY_BYTES);
    const last = view.getUint32(12, true);
    return {
      // Word aligned, and an even number of bytes.
      address: (view.getUint32(0, true) & ~1) >>> 0,
      addressHigh: view.getUint32(4, true),
      bytes: ((last & BYTE_COUNT) | 1) + 1,
      interrupt: (last & INTERRUPT) !== 0,
    };
  };
}

/** Descriptors of a bus master IDE controller, up to the one that says that it is the last. */
export function ideRegions(master: GuestMemory, table: number): RegionSource {
  let next = 0;
  let ended = false;
  return () => {
    if (ended || next === IDE_TABLE) return "overflow";
    const entry = readAll(master, table + next, 0, IDE_ENTRY_BYTES);
    if (entry === undefined) return "bus";
    next += IDE_ENTRY_BYTES;
    const view = new DataView(entry.buffer, entry.byteOffset, IDE_ENTRY_BYTES);
    ended = (view.getUint32(4, true) & LAST) !== 0;
    return {
      address: (view.getUint32(0, true) & ~1) >>> 0,
      addressHigh: 0,
      bytes: view.getUint16(4, true) & ~1 || 0x1_0000,
      interrupt: false,
    };
  };
}

export class Regions {
  /** Bytes moved. */
  moved = 0;
  /** The guest wants to know that one of the regions is done. */
  interrupt = false;
  fault: RegionFault | undefined;
  readonly #master: GuestMemory;
  readonly #next: RegionSource;
  #region: Region = { address: 0, addressHigh: 0, bytes: 0, interrupt: false };

  constructor(master: GuestMemory, next: RegionSource) {
    this.#master = master;
    this.#next = next;
  }

  /** Bytes of the present region, at most `limit`; 0 with `fault` set where there are no more. */
  #available(limit: number): number {
    if (this.#region.bytes === 0) {
      const next = this.#next();
      if (typeof next === "string") {
        this.fault = next;
        return 0;
      }
      this.#region = next;
    }
    return Math.min(limit, this.#region.bytes);
  }

  #advance(bytes: number): void {
    const region = this.#region;
    region.address += bytes;
    region.bytes -= bytes;
    this.moved += bytes;
    if (region.bytes === 0 && region.interrupt) this.interrupt = true;
  }

  /** Puts bytes into the regions; false with `fault` set where they do not go. */
  put(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      const length = this.#available(bytes.length - at);
      if (length === 0) return false;
      const part = bytes.subarray(at, at + length);
      const { address, addressHigh } = this.#region;
      if (!writeAll(this.#master, address, addressHigh, part)) {
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
      const { address, addressHigh } = this.#region;
      const part = readAll(this.#master, address, addressHigh, here);
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
