// Where things go: the destinations that a kernel names, everything else around them, and the moves that are left to
// the hand-off for destinations which the firmware or the loader itself still uses.

import { BELOW_4_GIB, PAGE } from "./allocator";
import { print, printHex } from "./console";
import { beginFileError, endError } from "./failure";
import { firmware } from "./firmware";
import { ImageFile, roomFor } from "./image_file";
import { isUsable } from "./memory_map";
import { copy_physical, zero_physical } from "./stub";

/** Steps in which low memory is looked for. */
const STEP: u64 = 16 << 20;
const MIB: u64 = 1 << 20;

/** What the kernel's file says: bytes at `source` (physical) go to `to`, zeros behind them up to `memory` bytes. */
@unmanaged
export class Segment {
  to: u64;
  source: u64;
  bytes: u64;
  memory: u64;
  /** Whether the memory there is the loader's already. */
  claimed: u64;
}

export const MOST_SEGMENTS: i32 = 64;
const SEGMENT_SIZE: usize = offsetof<Segment>();
const segments: usize = memory.data(40 * 64, 8);
export let segmentCount: i32 = 0;

export function segmentAt(index: i32): Segment {
  return changetype<Segment>(segments + <usize>index * SEGMENT_SIZE);
}

/** Adds a segment; false where there is no place for more. Empty ones count for nothing. */
export function addSegment(to: u64, source: u64, bytes: u64, size: u64): bool {
  if (size === 0) return true;
  if (segmentCount === MOST_SEGMENTS) return false;
  const segment = segmentAt(segmentCount++);
  segment.to = to;
  segment.source = source;
  segment.bytes = bytes;
  segment.memory = size;
  segment.claimed = 0;
  return true;
}

/** The end of the highest segment. */
export function kernelEnd(): u64 {
  let end: u64 = 0;
  for (let i = 0; i < segmentCount; i++) end = max(end, segmentAt(i).to + segmentAt(i).memory);
  return end;
}

/** The start of the lowest one. */
export function kernelStart(): u64 {
  let start: u64 = u64.MAX_VALUE;
  for (let i = 0; i < segmentCount; i++) start = min(start, segmentAt(i).to);
  return start;
}

/** Moves all segments to memory that has been allocated for them, for kernels that can be anywhere. */
export function moveSegments(by: u64): void {
  for (let i = 0; i < segmentCount; i++) {
    segmentAt(i).to += by;
    segmentAt(i).claimed = 1;
  }
}

/** The lowest segment that shares a page with these bytes, or null. */
function segmentIn(base: u64, end: u64): Segment | null {
  let found: Segment | null = null;
  for (let i = 0; i < segmentCount; i++) {
    const segment = segmentAt(i);
    const first = segment.to & ~(PAGE - 1);
    const last = roomFor(segment.to + segment.memory);
    if (first < end && base < last && (found === null || segment.to < found.to)) found = segment;
  }
  return found;
}

/** Memory that no segment goes to: whole pages that end at or below `below`, as high as there are any; 0 where there are none. */
export function allocateOutside(bytes: u64, below: u64): u64 {
  // What is in a segment's way stays taken: then the next answer is another one.
  for (let limit = below; limit >= bytes; ) {
    const found = firmware.allocate(bytes, limit);
    if (found === 0) return 0;
    const other = segmentIn(found, found + bytes);
    if (other === null) return found;
    limit = other.to & ~(PAGE - 1);
  }
  return 0;
}

/** The same, near behind the kernel and below 4 GiB: many kernels see little more than that at first. */
export function allocateNear(bytes: u64): u64 {
  let limit = roomFor(max(kernelEnd(), MIB)) + roomFor(bytes);
  for (; limit < BELOW_4_GIB; limit += STEP) {
    const found = allocateOutside(bytes, limit);
    if (found !== 0) return found;
  }
  return allocateOutside(bytes, BELOW_4_GIB);
}

/** Says that a file's segment cannot be where it must be. */
function noPlace(file: ImageFile, segment: Segment, what: string): bool {
  beginFileError(file.path, file.pathLength);
  print("must be at ");
  printHex(segment.to);
  print(" to ");
  printHex(segment.to + segment.memory - 1);
  print(what);
  return endError();
}

/** Whether memory of the same page has been claimed for another segment. */
function claimedPage(page: u64, before: i32): bool {
  for (let i = 0; i < before; i++) {
    const other = segmentAt(i);
    if (other.claimed === 0) continue;
    if ((other.to & ~(PAGE - 1)) <= page && page < roomFor(other.to + other.memory)) return true;
  }
  return false;
}

/** Claims the pages of a segment but for those at its ends that other segments share. */
function claimSegment(index: i32): bool {
  const segment = segmentAt(index);
  let first = segment.to & ~(PAGE - 1);
  let end = roomFor(segment.to + segment.memory);
  while (first < end && claimedPage(first, index)) first += PAGE;
  while (first < end && claimedPage(end - PAGE, index)) end -= PAGE;
  return (
    first === end ||
    firmware.claim(
      max(first, segment.to),
      min(end, segment.to + segment.memory) - max(first, segment.to),
    )
  );
}

/**
 * Claims the destinations. What is in use there now is moved at the hand-off, unless `final`: then the firmware stays.
 * False after an error has been printed.
 */
export function claimSegments(file: ImageFile, final: bool): bool {
  for (let i = 0; i < segmentCount; i++) {
    const segment = segmentAt(i);
    if (segment.claimed !== 0) continue;
    if (claimSegment(i)) {
      segment.claimed = 1;
      continue;
    }
    if (!isUsable(segment.to, segment.to + segment.memory)) {
      return noPlace(file, segment, ", which is no free memory of this machine");
    }
    if (final) return noPlace(file, segment, ", which the firmware uses");
  }
  return true;
}

/**
 * Puts what can be put to its destination already; what cannot keeps its source, which is then outside of all
 * destinations: `buffer` (the file's `bytes` bytes) is copied where it is not. False where there is no memory.
 */
export function fillSegments(buffer: u64, bytes: u64): bool {
  let shift: u64 = 0;
  if (segmentIn(buffer, buffer + bytes) !== null) {
    const other = allocateOutside(bytes, BELOW_4_GIB);
    if (other === 0) return false;
    copy_physical(other, buffer, bytes);
    shift = other - buffer;
  }
  for (let i = 0; i < segmentCount; i++) {
    const segment = segmentAt(i);
    segment.source += shift;
    if (segment.claimed === 0) continue;
    copy_physical(segment.to, segment.source, segment.bytes);
    zero_physical(segment.to + segment.bytes, segment.memory - segment.bytes);
  }
  return true;
}
