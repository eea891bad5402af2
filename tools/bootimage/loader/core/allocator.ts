// Memory from the map for firmware that hands out none itself (BIOS): whole pages, from the top down, so that low memory
// stays for kernels that want to be there. What is taken is never given back: a boot ends with everything in use.

import { MEMORY_USABLE } from "./firmware";
import { isUsable, rangeBase, rangeCount, rangeEnd, rangeType } from "./memory_map";

export const PAGE: u64 = 4096;
export const BELOW_4_GIB: u64 = 0x1_0000_0000;
const MIB: u64 = 0x10_0000;

@unmanaged
class Taken {
  base: u64;
  end: u64;
}

/** Neighbours are joined, so that one after the other takes one place. */
const CAPACITY: i32 = 512;
const taken: usize = memory.data(16 * 512, 8);
let takenCount: i32 = 0;

function takenAt(index: i32): Taken {
  return changetype<Taken>(taken + ((<usize>index) << 4));
}

/** A range taken that overlaps, or null. */
function overlapping(base: u64, end: u64): Taken | null {
  for (let i = 0; i < takenCount; i++) {
    const range = takenAt(i);
    if (range.base < end && base < range.end) return range;
  }
  return null;
}

/** Keeps memory from being handed out: the loader's own, the firmware's tables. False where there are too many such ranges. */
export function reserve(base: u64, bytes: u64): bool {
  const end = base + bytes;
  for (let i = 0; i < takenCount; i++) {
    const range = takenAt(i);
    if (range.base === end) {
      range.base = base;
      return true;
    }
    if (range.end === base) {
      range.end = end;
      return true;
    }
  }
  if (takenCount === CAPACITY) return false;
  const range = takenAt(takenCount++);
  range.base = base;
  range.end = end;
  return true;
}

/** `firmware.allocate` on the map: the highest place that ends at or below `below`; 0 where there is none. */
export function allocateFromMap(bytes: u64, below: u64): u64 {
  const size = (bytes + PAGE - 1) & ~(PAGE - 1);
  if (bytes === 0 || size < bytes) return 0;
  for (let i = rangeCount() - 1; i >= 0; i--) {
    if (rangeType(i) !== MEMORY_USABLE) continue;
    // The first MiB is the firmware's and the kernels' playground: only for those who ask for nothing above.
    const lowest = below > MIB && rangeBase(i) < MIB ? MIB : rangeBase(i);
    const found = highestIn(lowest < PAGE ? PAGE : lowest, min(rangeEnd(i), below), size);
    if (found !== 0) return reserve(found, size) ? found : 0;
  }
  return 0;
}

/** The highest free place of `size` bytes from `lowest` on and below `end`, or 0. */
function highestIn(lowest: u64, end: u64, size: u64): u64 {
  let top = end & ~(PAGE - 1);
  while (top > lowest && top - lowest >= size) {
    const base = top - size;
    const other = overlapping(base, top);
    if (other === null) return base;
    top = other.base & ~(PAGE - 1);
  }
  return 0;
}

/** `firmware.claim` on the map: the pages from `address` on, as long as all are usable and free. */
export function claimFromMap(address: u64, bytes: u64): bool {
  const base = address & ~(PAGE - 1);
  if (bytes === 0 || address + bytes < address || address + bytes > ~(PAGE - 1)) return false;
  const end = (address + bytes + PAGE - 1) & ~(PAGE - 1);
  // The map may end within a page.
  if (!isUsable(address, address + bytes) || overlapping(base, end) !== null) return false;
  return reserve(base, end - base);
}
