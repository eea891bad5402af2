// What a boot loader makes of a kernel and its modules: bytes at physical addresses and the registers with which
// the kernel is entered.

import { LoadError } from "../load-error.ts";

/** A file given to a loader. */
export interface Input {
  /** For messages, and for the guest's command line. */
  name: string;
  data: Uint8Array;
}

/** Bytes to be written to guest memory, followed by zeros up to `size`. */
export interface Chunk {
  /** Physical address. */
  address: number;
  data: Uint8Array;
  /** Bytes in memory, at least `data.length`. */
  size: number;
  /** For messages. */
  what: string;
}

/** Registers with which a boot protocol enters a kernel. */
export interface EntryState {
  mode: "protected32" | "long64";
  rip: bigint;
  rax: bigint;
  rbx: bigint;
  rsi: bigint;
  /** Physical address of the page tables, in long mode. */
  cr3?: number;
}

/** A linear graphics mode; `depth` is bits per pixel: 15, 16, 24 or 32. */
export interface FramebufferMode {
  width: number;
  height: number;
  depth: number;
}

/** A kernel and what comes with it, ready to be put into memory. */
export interface BootImage {
  chunks: Chunk[];
  entry: EntryState;
  /** Mode the display is to be in. */
  framebuffer?: FramebufferMode;
  /** File whose symbols describe the kernel. */
  kernel: Input;
}

/** Checks that chunks lie in usable RAM and apart from each other. */
export function checkPlacement(
  chunks: readonly Chunk[],
  usable: readonly { start: number; length: number; type: number }[],
): void {
  for (const c of chunks) {
    const end = c.address + c.size;
    const fits = usable.some(
      (r) => r.type === 1 && c.address >= r.start && end <= r.start + r.length,
    );
    if (!fits && c.size > 0) {
      throw new LoadError(
        `${c.what} needs memory 0x${c.address.toString(16)}–0x${end.toString(16)}, where the machine has no usable RAM; give it more with -m, or link it elsewhere`,
      );
    }
  }
  const sorted = chunks.filter((c) => c.size > 0).sort((a, b) => a.address - b.address);
  for (let i = 1; i < sorted.length; i++) {
    const [a, b] = [sorted[i - 1] as Chunk, sorted[i] as Chunk];
    if (a.address + a.size > b.address) {
      throw new LoadError(
        `${b.what} at 0x${b.address.toString(16)} overlaps ${a.what}, which ends at 0x${(a.address + a.size).toString(16)}`,
      );
    }
  }
}
