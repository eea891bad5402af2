// Where the kernel's pool is: in memory below 4 GiB that the loader's map calls available and that neither the image,
// nor a boot module, nor the boot information, nor a framebuffer lies in. It is one piece, so that it has one
// entry in the information page, and right behind the image where that is free.

import {
  framebufferAddress,
  framebufferBytes,
  isFramebuffer,
} from "../tools/screen/guest/framebuffer";
import {
  findInfo,
  findModuleString,
  firstMapEntry,
  firstModule,
  framebuffer,
  infoEnd,
  infoStart,
  MEMORY_AVAILABLE,
  moduleEnd,
  moduleStart,
  nextMapEntry,
  nextModule,
} from "./boot_info";
import { KERNEL_END, KERNEL_POOL, KERNEL_START, POOL_MIN } from "./layout";

const PAGE: u64 = 4096;
/** The window has devices from here on. */
const LIMIT: u64 = 0xfe00_0000;
const WANTED: u64 = KERNEL_END - KERNEL_POOL;

let start: usize = 0;
let end: usize = 0;

/** Physical address of the pool's first byte. */
export function poolStart(): usize {
  return start;
}

export function poolEnd(): usize {
  return end;
}

/** Whether [first, limit) has a byte of the kernel's memory. */
export function isKernelMemory(first: u64, limit: u64): bool {
  if (first < <u64>KERNEL_POOL && limit > <u64>KERNEL_START) return true;
  return first < <u64>end && limit > <u64>start;
}

/** Whether every module ends behind its start and lies outside of the kernel's image, in whose place nothing can be. */
export function modulesAreUsable(): bool {
  for (let module = firstModule(); module !== 0; module = nextModule(module)) {
    const first = <u64>moduleStart(module);
    const limit = <u64>moduleEnd(module);
    if (first > limit || (first < <u64>KERNEL_POOL && limit > <u64>KERNEL_START)) return false;
  }
  return true;
}

/** Whether [first, limit) has a byte of the image, the modules or the boot information. */
export function isBootMemory(first: u64, limit: u64): bool {
  if (first < <u64>KERNEL_POOL && limit > <u64>KERNEL_START) return true;
  for (let part: u32 = 0; findInfo(part); part++) {
    if (first < infoEnd && limit > infoStart) return true;
  }
  for (let module = firstModule(); module !== 0; module = nextModule(module)) {
    if (first < <u64>moduleEnd(module) && limit > <u64>moduleStart(module)) return true;
    findModuleString(module);
    if (first < infoEnd && limit > infoStart) return true;
  }
  return false;
}

/** Results of `isFree`: the end of what is taken where it looks, and the next start of something behind. */
let until: u64 = 0;
let nextTaken: u64 = 0;

/** Accounts for [first, limit), which is taken, rounded outwards to pages. */
function take(at: u64, first: u64, limit: u64): void {
  if (first >= limit) return;
  first &= ~(PAGE - 1);
  limit = (min<u64>(limit, LIMIT) + PAGE - 1) & ~(PAGE - 1);
  if (first > at) nextTaken = min<u64>(nextTaken, first);
  else until = max<u64>(until, limit);
}

/** Whether nothing that must stay is at `at`, a multiple of a page, as far as `nextTaken`; otherwise it ends at `until`. */
function isFree(at: u64): bool {
  until = at;
  nextTaken = LIMIT;
  take(at, KERNEL_START, KERNEL_POOL);
  for (let part: u32 = 0; findInfo(part); part++) take(at, infoStart, infoEnd);
  for (let module = firstModule(); module !== 0; module = nextModule(module)) {
    take(at, moduleStart(module), moduleEnd(module));
    findModuleString(module);
    take(at, infoStart, infoEnd);
  }
  for (let entry = firstMapEntry(); entry !== 0; entry = nextMapEntry(entry)) {
    if (load<u32>(entry, 16) === MEMORY_AVAILABLE) continue;
    const first = load<u64>(entry);
    const bytes = load<u64>(entry, 8);
    take(at, first, bytes > ~first ? LIMIT : first + bytes);
  }
  const screen = framebuffer();
  if (screen !== 0 && isFramebuffer(screen)) {
    const first = framebufferAddress(screen);
    take(at, first, first + framebufferBytes(screen));
  }
  return until === at;
}

/** The largest piece so far, and how much memory is free in all. */
let best: u64 = 0;
let bestBytes: u64 = 0;
let free: u64 = 0;

/** Looks for free pieces in [first, limit), as long as none is as large as is wanted. */
function search(first: u64, limit: u64): void {
  let at = max<u64>(first, KERNEL_POOL);
  while (at < limit) {
    if (!isFree(at)) {
      at = until;
      continue;
    }
    const stop = min<u64>(nextTaken, limit);
    free += stop - at;
    if (bestBytes < WANTED && stop - at > bestBytes) {
      best = at;
      bestBytes = stop - at;
    }
    at = stop;
  }
}

/**
 * Chooses the pool; false if there is too little memory. It leaves at least half of what is free below 4 GiB to user
 * space.
 */
export function choosePool(): bool {
  for (let entry = firstMapEntry(); entry !== 0; entry = nextMapEntry(entry)) {
    if (load<u32>(entry, 16) !== MEMORY_AVAILABLE) continue;
    const first = load<u64>(entry);
    const bytes = load<u64>(entry, 8);
    if (first >= LIMIT) continue;
    const limit = bytes > LIMIT - first ? LIMIT : first + bytes;
    search((first + PAGE - 1) & ~(PAGE - 1), limit & ~(PAGE - 1));
  }
  const bytes = min<u64>(min<u64>(bestBytes, WANTED), (free / 2) & ~(PAGE - 1));
  if (bytes < <u64>POOL_MIN) return false;
  start = <usize>best;
  end = <usize>(best + bytes);
  return true;
}
