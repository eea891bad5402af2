// How large address spaces are, as Linux counts them: what is mapped, the stack as far as it has been used, since it would
// grow there. What the roottask has in a program is not the program's.

import { STACK_TOP } from "../libhrstd/layout";
import { Area, areaAt, firstAbove, isData, isStack, Space } from "./areas";
import { nextPresent } from "./space";

/** Where `area` begins, which a stack does with the last page that has been used. */
export function usedStart(space: Space, area: Area): u64 {
  return isStack(area) ? nextPresent(space, area.start, area.end) : area.start;
}

function sizeOfArea(space: Space, area: Area): u64 {
  return area.fixed !== 0 ? 0 : area.end - usedStart(space, area);
}

/** Bytes that are mapped in `space`. */
export function mappedSize(space: Space): u64 {
  return space.mapped + stackSize(space);
}

/** Bytes of data in `space`. */
export function dataSize(space: Space): u64 {
  return space.data;
}

/** Bytes of `space` that are locked: mlock(2). */
export function lockedSize(space: Space): u64 {
  const stack = stackOf(space);
  if (stack === null || stack.locked === 0) return space.locked;
  return space.locked + sizeOfArea(space, stack);
}

/** Those in [start, end). */
export function lockedWithin(space: Space, start: u64, end: u64): u64 {
  let size: u64 = 0;
  let area = firstAbove(space, start);
  while (area !== null && area.start < end) {
    if (area.locked !== 0) {
      size += min<u64>(end, area.end) - max<u64>(start, usedStart(space, area));
    }
    area = area.next;
  }
  return size;
}

/** Bytes of [start, end) that are mapped. */
export function sizeWithin(space: Space, start: u64, end: u64): u64 {
  let size: u64 = 0;
  let area = firstAbove(space, start);
  while (area !== null && area.start < end) {
    if (area.fixed === 0) {
      size += min<u64>(end, area.end) - max<u64>(start, area.start);
    }
    area = area.next;
  }
  return size;
}

/** Bytes of [start, end) that would become data if they could be written to. */
export function newData(space: Space, start: u64, end: u64): u64 {
  let size: u64 = 0;
  let area = firstAbove(space, start);
  while (area !== null && area.start < end) {
    const becomes = area.shared === 0 && !isData(area) && !isStack(area);
    if (becomes) size += min<u64>(end, area.end) - max<u64>(start, area.start);
    area = area.next;
  }
  return size;
}

/** The area of the stack; null where the program has taken it away. */
function stackOf(space: Space): Area | null {
  const area = areaAt(space, STACK_TOP - 1);
  return area !== null && isStack(area) ? area : null;
}

/** Bytes of the stack. */
export function stackSize(space: Space): u64 {
  const area = stackOf(space);
  return area === null ? 0 : sizeOfArea(space, area);
}
