// Guest-physical memory as the host sees it: RAM and ROM alone, in the core's linear memory as far as it is below 4 GiB.
// Accesses to devices are left out, so that looking at memory changes nothing.

import type { CoreExports } from "../core/interface.ts";
import { MAX_RESIDENT } from "../core/state.ts";
import type { GuestMemory } from "../devices/device.ts";
import { HighRam } from "./high-ram.ts";
import { FOUR_GIB } from "./memory-map.ts";
import { PageStore } from "./page-store.ts";

const PAGE = 4096;
const WORDS_PER_PAGE = PAGE / 4;

/** RAM from 4 GiB on, bytes; where its pages are kept, and how much is in the core's memory at most, if not as much as can. */
export interface HighRamOptions {
  bytes: number;
  store: PageStore;
  residentBytes?: number | undefined;
}

export class GuestRam implements GuestMemory {
  readonly #core: CoreExports;
  /** Bytes from 0 on. */
  readonly lowBytes: number;
  /** Bytes from 4 GiB on. */
  readonly highBytes: number;
  readonly #high: HighRam;
  #last: Uint8Array<ArrayBuffer>;

  constructor(core: CoreExports, lowBytes: number, high?: HighRamOptions) {
    const { bytes = 0, store = new PageStore(), residentBytes = MAX_RESIDENT * PAGE } = high ?? {};
    this.#core = core;
    this.lowBytes = lowBytes;
    this.highBytes = bytes;
    this.#high = new HighRam(core, store, bytes, Math.ceil(residentBytes / PAGE));
    this.#last = new Uint8Array(core.memory.buffer);
  }

  /** Bytes of RAM. */
  get size(): number {
    return this.lowBytes + this.highBytes;
  }

  /** The core's memory, which moves when it grows. */
  get #bytes(): Uint8Array<ArrayBuffer> {
    const { buffer } = this.#core.memory;
    if (this.#last.buffer !== buffer) this.#last = new Uint8Array(buffer);
    return this.#last;
  }

  /** How many of `length` bytes from `address` on are RAM without a gap. */
  #reach(address: number, length: number): number {
    const end = address >= FOUR_GIB ? FOUR_GIB + this.highBytes : this.lowBytes;
    return Math.max(0, Math.min(length, end - address));
  }

  holds(address: number, length: number): boolean {
    return this.#reach(address, length) === length;
  }

  /** A copy of up to `length` bytes from physical `address`; shorter where RAM ends. */
  read(address: number, length: number): Uint8Array {
    const there = this.#reach(address, length);
    if (address < FOUR_GIB) {
      const base = this.#core.ram_base() + address;
      return there === 0 ? new Uint8Array(0) : this.#bytes.slice(base, base + there);
    }
    const bytes = new Uint8Array(there);
    this.#high.read(address - FOUR_GIB, bytes);
    return bytes;
  }

  /** Writes bytes to physical `address`; what lies beyond RAM is dropped. */
  write(address: number, bytes: Uint8Array): void {
    const fits = bytes.subarray(0, this.#reach(address, bytes.length));
    if (fits.length === 0) return;
    if (address >= FOUR_GIB) {
      this.#high.write(address - FOUR_GIB, fits);
      return;
    }
    this.#bytes.set(fits, this.#core.ram_base() + address);
    this.#core.ram_written(address, fits.length);
  }

  /** A little-endian 64-bit value, or undefined outside RAM. */
  read64(address: number): bigint | undefined {
    return this.#view(address, 8)?.getBigUint64(0, true);
  }

  read32(address: number): number | undefined {
    return this.#view(address, 4)?.getUint32(0, true);
  }

  #view(address: number, length: number): DataView | undefined {
    if (address < 0 || !this.holds(address, length)) return undefined;
    if (address < FOUR_GIB) {
      return new DataView(this.#core.memory.buffer, this.#core.ram_base() + address, length);
    }
    return new DataView(this.read(address, length).buffer);
  }

  /** A view of RAM below 4 GiB. */
  view(): Uint8Array {
    return new Uint8Array(this.#core.memory.buffer, this.#core.ram_base(), this.lowBytes);
  }

  /** Pages that hold something, in order: page frame number, and bytes that the next change may take away. */
  *usedPages(): Generator<[frame: number, bytes: Uint8Array]> {
    const base = this.#core.ram_base();
    const end = base + this.lowBytes;
    for (let at = base; ; at += PAGE) {
      at = this.#core.used_page(at, end) >>> 0;
      if (at >= end) break;
      yield [(at - base) / PAGE, this.#bytes.subarray(at, at + PAGE)];
    }
    for (const [page, bytes] of this.#high.pages()) {
      for (const _ of usedPagesOf(bytes)) yield [FOUR_GIB / PAGE + page, bytes];
    }
  }

  /** Zeros from now on. */
  fill(address: number, length: number): void {
    const there = this.#reach(address, length);
    if (address >= FOUR_GIB) {
      this.#high.clear(address - FOUR_GIB, there);
      return;
    }
    const base = this.#core.ram_base() + address;
    this.#bytes.fill(0, base, base + there);
    this.#core.ram_written(address, there);
  }
}

/** Pages of a memory that hold something, in order. */
export function* usedPagesOf(memory: Uint8Array): Generator<[frame: number, bytes: Uint8Array]> {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length / 4);
  for (let frame = 0; frame < memory.length / PAGE; frame++) {
    let at = frame * WORDS_PER_PAGE;
    const end = at + WORDS_PER_PAGE;
    while (at < end && words[at] === 0) at++;
    if (at < end) yield [frame, memory.subarray(frame * PAGE, (frame + 1) * PAGE)];
  }
}
