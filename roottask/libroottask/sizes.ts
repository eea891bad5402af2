// How large address spaces are, as Linux counts them: what is mapped, the stack as far as it has been used, since it would
// grow there. What the roottask has in a program is not the program's.

import { MEM_W } from "../libhedron/abi";
import { STACK_TOP } from "../libhrstd/layout";
import { Area, areaAt, Space } from "./areas";
import { nextPresent } from "./space";

/** `area` is the stack that a program begins with. */
export function isStack(area: Area): bool {
  return area.end === STACK_TOP;
}

/** Only its own process writes to `area`, which is no stack (is_data_mapping() of Linux). */
export function isData(area: Area): bool {
  return area.shared === 0 && (area.rights & MEM_W) !== 0 && !isStack(area);
}

/** Where `area` begins, which a stack does with the last page that has been used. */
export function usedStart(space: Space, area: Area): u64 {
  return isStack(area) ? nextPresent(space, area.start, area.end) : area.start;
}

function sizeOfArea(space: Space, area: Area): u64 {
  return area.fixed !== 0 ? 0 : area.end - usedStart(space, area);
}

/** Bytes that are mapped in `space`. */
export function mappedSize(space: Space): u64 {
  let size: u64 = 0;
  let area = space.areas;
  while (area !== null) {
    size += sizeOfArea(space, area);
    area = area.next;
  }
  return size;
}

/** Bytes of data in `space`. */
export function dataSize(space: Space): u64 {
  let size: u64 = 0;
  let area = space.areas;
  while (area !== null) {
    if (isData(area)) size += sizeOfArea(space, area);
    area = area.next;
  }
  return size;
}

/** Bytes of `space` that are locked: mlock(2). */
export function lockedSize(space: Space): u64 {
  let size: u64 = 0;
  let area = space.areas;
  while (area !== null) {
    if (area.locked !== 0) size += sizeOfArea(space, area);
    area = area.next;
  }
  return size;
}

/** Those in [start, end). */
export function lockedWithin(space: Space, start: u64, end: u64): u64 {
  let size: u64 = 0;
  let area = space.areas;
  while (area !== null && area.start < end) {
    if (area.locked !== 0 && area.end > start) {
      size += min<u64>(end, area.end) - max<u64>(start, usedStart(space, area));
    }
    area = area.next;
  }
  return size;
}

/** Bytes of [start, end) that are mapped. */
export function sizeWithin(space: Space, start: u64, end: u64): u64 {
  let size: u64 = 0;
  let area = space.areas;
  while (area !== null && area.start < end) {
    if (area.end > start && area.fixed === 0) {
      size += min<u64>(end, area.end) - max<u64>(start, area.start);
    }
    area = area.next;
  }
  return size;
}

/** Bytes of [start, end) that would become data if they could be written to. */
export function newData(space: Space, start: u64, end: u64): u64 {
  let size: u64 = 0;
  let area = space.areas;
  while (area !== null && area.start < end) {
    const becomes = area.shared === 0 && !isData(area) && !isStack(area);
    if (becomes && area.end > start) size += min<u64>(end, area.end) - max<u64>(start, area.start);
    area = area.next;
  }
  return size;
}

/** Bytes of the stack. */
export function stackSize(space: Space): u64 {
  const area = areaAt(space, STACK_TOP - 1);
  return area === null ? 0 : sizeOfArea(space, area);
}
