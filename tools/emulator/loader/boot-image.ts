// What a boot loader makes of a kernel and its modules: bytes at physical addresses and the registers with which
// the kernel is entered.

import type { Chipset } from "../devices/chipset.ts";
import type { MemoryMap } from "../platform/memory-map.ts";

/** What boot protocols tell a kernel about the machine. */
export interface BootMachine {
  /** Bytes of RAM. */
  ramBytes: number;
  /** There is a display adapter with a linear framebuffer. */
  hasDisplay: boolean;
  /** Q35 unless given. */
  chipset?: Chipset;
  /** Firmware leaves ACPI tables; it does unless given. */
  hasAcpi?: boolean;
}

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

/** Entry of a kernel's 16-bit setup code at offset 0x200 of `segment`, with the stack there. */
export interface RealEntry {
  mode: "real16";
  segment: number;
  /** Offset of the stack's top. */
  stack: number;
}

/** A linear graphics mode; `depth` is bits per pixel: 15, 16, 24 or 32. */
export interface FramebufferMode {
  width: number;
  height: number;
  depth: number;
}

/** A kernel and what comes with it, ready to be put into memory. */
export interface BootImage {
  /** The memory map that the kernel is told, with firmware's part where the kernel is not. */
  map: MemoryMap;
  chunks: Chunk[];
  entry: EntryState | RealEntry;
  /** Mode the display is to be in. */
  framebuffer?: FramebufferMode;
  /** File whose symbols describe the kernel. */
  kernel: Input;
}

/** One whose kernel is entered with flat segments. */
export interface FlatImage extends BootImage {
  entry: EntryState;
}
