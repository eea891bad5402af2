// Where the parts of a boot go in RAM: the kernel where it wants to be, everything else where nothing is yet. A
// protocol's usual address is taken while it is free.

import { VGA_WINDOW, VGA_WINDOW_BYTES } from "../devices/vga.ts";
import { LoadError } from "../load-error.ts";
import { FOUR_GIB, type MemoryMap, MIB } from "../platform/memory-map.ts";
import type { Chunk } from "./boot-image.ts";

export const PAGE = 4096;

/** The interrupt vectors and the BIOS data area are in the first page. */
const LOWEST = PAGE;

/** A stretch of addresses; `end` is exclusive. */
interface Stretch {
  start: number;
  end: number;
}

/** What an address must satisfy. */
export interface Wish {
  /** Bytes, a power of two; a page by default. */
  align?: number;
  /** Taken if there is room. */
  at?: number;
  /** The lowest address that is liked; there may be none that high. */
  from?: number;
  /** The last address that will do, + 1. */
  below?: number;
  /** The highest address that will do instead of the lowest. */
  high?: boolean;
}

const hex = (n: number): string => `0x${n.toString(16)}`;

export class Placement {
  /** What has been placed, in the order in which it is to be written. */
  readonly chunks: Chunk[] = [];
  /** RAM that a kernel may be linked to. All addresses of boot protocols are below 4 GiB. */
  readonly #memory: readonly Stretch[];
  /** RAM that firmware calls free. */
  readonly #free: readonly Stretch[];

  constructor(map: MemoryMap) {
    const usable = map.ranges
      .filter((r) => r.type === 1 && r.start < FOUR_GIB)
      .map((r) => ({ start: r.start, end: r.start + r.length }));
    const high = usable.filter((s) => s.start >= MIB);
    // A kernel's own addresses may lie in what firmware keeps below 1 MiB: loaders write there, and in the BIOS
    // segment the writing has no effect on what firmware has there.
    this.#memory = [
      { start: 0, end: VGA_WINDOW },
      ...high.map((s) =>
        s.start === MIB ? { start: VGA_WINDOW + VGA_WINDOW_BYTES, end: s.end } : s,
      ),
    ];
    this.#free = usable.map((s) => ({ start: Math.max(s.start, LOWEST), end: s.end }));
  }

  /** Adds what must be at its address. Throws `LoadError` if there is no RAM, or something else. */
  fix(chunk: Chunk): void {
    const { address, size, what } = chunk;
    const end = address + size;
    if (size > 0 && !this.#memory.some((s) => address >= s.start && end <= s.end)) {
      throw new LoadError(
        `${what} needs memory ${hex(address)}–${hex(end)}, where the machine has no usable RAM; give it more with -m, or link it elsewhere`,
      );
    }
    const other = size > 0 ? this.#at({ start: address, end }) : undefined;
    if (other !== undefined) {
      const [low, high] = other.address < address ? [other, chunk] : [chunk, other];
      throw new LoadError(
        `${high.what} at ${hex(high.address)} overlaps ${low.what}, which ends at ${hex(low.address + low.size)}`,
      );
    }
    this.chunks.push(chunk);
  }

  /** Adds what may be anywhere. Throws `LoadError` if there is no room. */
  place(what: string, data: Uint8Array, wish: Wish = {}): Chunk {
    const chunk = { address: this.#find(data.length, wish), data, size: data.length, what };
    if (Number.isNaN(chunk.address)) {
      throw new LoadError(
        `${what}: there is no room for ${data.length} bytes in the machine's RAM; give it more with -m`,
      );
    }
    this.chunks.push(chunk);
    return chunk;
  }

  /** Something of what is placed in a stretch. */
  #at({ start, end }: Stretch): Chunk | undefined {
    return this.chunks.find((c) => c.size > 0 && c.address < end && c.address + c.size > start);
  }

  /** An address that will do, or NaN. */
  #find(size: number, wish: Wish): number {
    const { align = PAGE, at, from = 0, below = 2 ** 32, high = false } = wish;
    const bytes = Math.max(size, 1);
    if (at !== undefined && this.#isFree({ start: at, end: at + bytes })) return at;
    const stretches = this.#free
      .map((s) => ({ start: Math.max(s.start, from), end: Math.min(s.end, below) }))
      .sort((a, b) => (high ? b.start - a.start : a.start - b.start));
    for (const s of stretches) {
      const found = high ? this.#down(s, bytes, align) : this.#up(s, bytes, align);
      if (found !== undefined) return found;
    }
    return from === 0 ? Number.NaN : this.#find(size, { ...wish, from: 0 });
  }

  #isFree({ start, end }: Stretch): boolean {
    return (
      this.#free.some((s) => start >= s.start && end <= s.end) &&
      this.#at({ start, end }) === undefined
    );
  }

  #up({ start, end }: Stretch, bytes: number, align: number): number | undefined {
    let at = Math.ceil(start / align) * align;
    while (at + bytes <= end) {
      const taken = this.#at({ start: at, end: at + bytes });
      if (taken === undefined) return at;
      at = Math.ceil((taken.address + taken.size) / align) * align;
    }
    return undefined;
  }

  #down({ start, end }: Stretch, bytes: number, align: number): number | undefined {
    let at = Math.floor((end - bytes) / align) * align;
    while (at >= start) {
      const taken = this.#at({ start: at, end: at + bytes });
      if (taken === undefined) return at;
      at = Math.floor((taken.address - bytes) / align) * align;
    }
    return undefined;
  }
}

/** Wish for what a loader puts behind the kernel: at the next page, else anywhere above 1 MiB. */
export function behind(end: number): Wish {
  return { at: Math.ceil(end / PAGE) * PAGE, from: MIB };
}
