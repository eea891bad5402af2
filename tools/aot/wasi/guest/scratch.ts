// Memory of the layer's own, outside of linear memory, and the check of what the program points to.

import { map } from "./calls";
import { window } from "./x86";

/** A timespec or two, words that Linux writes. */
export const WORDS: u64 = 0;
/** A struct stat. */
export const STAT: u64 = 0x100;
/** 1024 iovecs, as many as Linux takes. */
export const IOVECS: u64 = 0x1000;
export const IOVEC_COUNT: u32 = 1024;
/** Two paths, each with room for one that a link is put in front of. */
export const PATHS: u64 = 0x5000;
export const PATH_ROOM: u64 = 0x3000;
/** What a link points to. */
export const TARGET: u64 = 0xb000;
/** Entries of a directory. */
export const ENTRIES: u64 = 0xd000;
export const ENTRIES_ROOM: u64 = 0x8000;
const SIZE: u64 = 0x15000;

let base: u64 = 0;

/** Absolute address of an area above. */
export function scratch(area: u64): u64 {
  if (base === 0) base = map(SIZE);
  return base + area;
}

/** Whether `length` bytes at `pointer` are in linear memory; no bytes at its very end are not, as Node has it. */
export function isInside(pointer: u32, length: u64): bool {
  const size = (<u64>(<u32>memory.size())) << 16;
  return pointer < size && length <= size - pointer;
}

/** Absolute address of linear memory at `pointer`. */
export function absolute(pointer: u32): u64 {
  return window() + pointer;
}
