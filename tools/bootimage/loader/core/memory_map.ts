// The machine's memory map: what the firmware reports (INT 15h E820 or its elders, or the UEFI memory map), sorted, free
// of overlaps, and with equal neighbours joined. Where two ranges overlap, the type that allows less wins; what no range
// mentions is a hole. Range types: ACPI Specification 6.5, table 15.1.

import {
  firmware,
  MEMORY_ACPI,
  MEMORY_BAD,
  MEMORY_NVS,
  MEMORY_PERSISTENT,
  MEMORY_RESERVED,
  MEMORY_USABLE,
} from "./firmware";

/** Ranges that are kept apart while the map is read: joined as they come, a PC has some dozens. */
const CAPACITY: i32 = 512;

@unmanaged
class Range {
  base: u64;
  /** The byte behind it; 2^64 - 1 where it reaches to the end. */
  end: u64;
  type: u32;
  unused: u32;
}

const SIZE: usize = offsetof<Range>();
const reported: usize = memory.data(24 * 512, 8);
let reportedCount: i32 = 0;
let overflow: bool = false;

/** Twice as many borders as ranges make one range less than that. */
const ranges: usize = memory.data(24 * 1024, 8);
let rangeTotal: i32 = 0;
const borders: usize = memory.data(8 * 1024, 8);

function reportedAt(index: i32): Range {
  return changetype<Range>(reported + <usize>index * SIZE);
}

function rangeAt(index: i32): Range {
  return changetype<Range>(ranges + <usize>index * SIZE);
}

/** How little may be done with memory of a type: the higher, the less. */
function restriction(type: u32): u32 {
  if (type === MEMORY_USABLE) return 1;
  if (type === MEMORY_PERSISTENT) return 2;
  if (type === MEMORY_ACPI) return 3;
  if (type === MEMORY_NVS) return 4;
  if (type === MEMORY_BAD) return 6;
  return 5;
}

/** A range as the firmware reports it, in any order; types that are not known here count as reserved. */
export function addRange(base: u64, length: u64, type: u32): void {
  if (length === 0) return;
  const end = length > ~base ? u64.MAX_VALUE : base + length;
  const known = restriction(type) === 5 ? MEMORY_RESERVED : type;
  if (reportedCount > 0) {
    const last = reportedAt(reportedCount - 1);
    if (last.type === known && last.end === base) {
      last.end = end;
      return;
    }
  }
  if (reportedCount === CAPACITY) {
    overflow = true;
    return;
  }
  const range = reportedAt(reportedCount++);
  range.base = base;
  range.end = end;
  range.type = known;
}

/** Sorts the borders of all ranges in place (insertion: maps come nearly sorted) and drops those that repeat. */
function collectBorders(): i32 {
  let count = 0;
  for (let i = 0; i < 2 * reportedCount; i++) {
    const range = reportedAt(i >> 1);
    const border = (i & 1) === 0 ? range.base : range.end;
    let at = count;
    while (at > 0 && load<u64>(borders + ((<usize>(at - 1)) << 3)) > border) at--;
    if (at > 0 && load<u64>(borders + ((<usize>(at - 1)) << 3)) === border) continue;
    for (let j = count; j > at; j--) {
      store<u64>(borders + ((<usize>j) << 3), load<u64>(borders + ((<usize>(j - 1)) << 3)));
    }
    store<u64>(borders + ((<usize>at) << 3), border);
    count++;
  }
  return count;
}

/** The type that counts between two neighbouring borders, 0 in a hole. */
function typeFrom(base: u64): u32 {
  let type: u32 = 0;
  for (let i = 0; i < reportedCount; i++) {
    const range = reportedAt(i);
    if (range.base > base || range.end <= base) continue;
    if (type === 0 || restriction(range.type) > restriction(type)) type = range.type;
  }
  return type;
}

function settle(): void {
  rangeTotal = 0;
  const count = collectBorders();
  for (let i = 0; i + 1 < count; i++) {
    const base = load<u64>(borders + ((<usize>i) << 3));
    const end = load<u64>(borders + ((<usize>(i + 1)) << 3));
    const type = typeFrom(base);
    if (type === 0) continue;
    if (rangeTotal > 0) {
      const last = rangeAt(rangeTotal - 1);
      if (last.type === type && last.end === base) {
        last.end = end;
        continue;
      }
    }
    const range = rangeAt(rangeTotal++);
    range.base = base;
    range.end = end;
    range.type = type;
  }
}

/** Asks the firmware; false where it has no map with usable memory, or one that is too long. */
export function readMap(): bool {
  reportedCount = 0;
  overflow = false;
  if (!firmware.readMemoryMap() || overflow) return false;
  settle();
  for (let i = 0; i < rangeTotal; i++) if (rangeType(i) === MEMORY_USABLE) return true;
  return false;
}

/** Ranges of the settled map, ascending. */
export function rangeCount(): i32 {
  return rangeTotal;
}

export function rangeBase(index: i32): u64 {
  return rangeAt(index).base;
}

/** The byte behind the range. */
export function rangeEnd(index: i32): u64 {
  return rangeAt(index).end;
}

/** MEMORY_… */
export function rangeType(index: i32): u32 {
  return rangeAt(index).type;
}

/** Whether every byte from `start` to before `end` is usable memory. */
export function isUsable(start: u64, end: u64): bool {
  for (let i = 0; i < rangeTotal; i++) {
    if (rangeType(i) !== MEMORY_USABLE) continue;
    if (rangeBase(i) <= start && end <= rangeEnd(i)) return start < end;
  }
  return false;
}

/** The end of the usable memory that `address` lies in; `address` itself where it lies in none. */
export function usableEnd(address: u64): u64 {
  for (let i = 0; i < rangeTotal; i++) {
    if (rangeType(i) === MEMORY_USABLE && rangeBase(i) <= address && address < rangeEnd(i)) {
      return rangeEnd(i);
    }
  }
  return address;
}
