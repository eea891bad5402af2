// What has to hold of the areas of a space whatever has been done to it: list, tree and sums say the same.

import { Area, isData, isStack, SPACE_START, Space } from "../libroottask/areas";
import { Link } from "../libroottask/balanced_tree";

let next: Area | null = null;
let fault: u32 = 0;

function wrong(what: u32): void {
  if (fault === 0) fault = what;
}

/** Goes through the tree below `link`, whose parent is `parent`, along the list: its height. */
function check(link: Link | null, parent: Link | null): u32 {
  if (link === null) return 0;
  const area = changetype<Area>(link);
  if (link.parent !== parent) wrong(1);
  const low = check(link.low, link);
  if (next !== area) wrong(2);
  next = area.next;
  const high = check(link.high, link);
  const height = max<u32>(low, high) + 1;
  if (link.height !== height) wrong(3);
  if (low > high + 1 || high > low + 1) wrong(4);
  const previous = area.previous;
  const from = previous === null ? SPACE_START : max<u64>(previous.end, SPACE_START);
  if (area.gap !== (area.start > from ? area.start - from : 0)) wrong(5);
  let widest = area.gap;
  if (link.low !== null) widest = max<u64>(widest, changetype<Area>(link.low).widest);
  if (link.high !== null) widest = max<u64>(widest, changetype<Area>(link.high).widest);
  if (area.widest !== widest) wrong(6);
  return height;
}

/** 0 where all is as it has to be, the number of what is not otherwise. */
export function areaFault(space: Space): u32 {
  fault = 0;
  next = space.areas;
  check(changetype<Link | null>(space.areaTree), null);
  if (next !== null) wrong(7);
  let count: u32 = 0;
  let mapped: u64 = 0;
  let data: u64 = 0;
  let locked: u64 = 0;
  let previous: Area | null = null;
  let area = space.areas;
  while (area !== null) {
    if (area.previous !== previous) wrong(8);
    if (area.start >= area.end || (previous !== null && previous.end > area.start)) wrong(9);
    if (area.fixed === 0) count++;
    if (area.fixed === 0 && !isStack(area)) {
      const size = area.end - area.start;
      mapped += size;
      if (isData(area)) data += size;
      if (area.locked !== 0) locked += size;
    }
    previous = area;
    area = area.next;
  }
  if (space.lastArea !== previous) wrong(10);
  if (space.areaCount !== count) wrong(11);
  if (space.mapped !== mapped || space.data !== data || space.locked !== locked) wrong(12);
  return fault;
}

/** Writes up to `most` areas to `to`: start, end, rights and 8 for one that is locked, u64 each; their number. */
export function listAreas(space: Space, to: usize, most: u32): u32 {
  let count: u32 = 0;
  let area = space.areas;
  while (area !== null && count < most) {
    const at = to + count++ * 24;
    store<u64>(at, area.start);
    store<u64>(at + 8, area.end);
    store<u64>(at + 16, (area.rights | (area.locked !== 0 ? 8 : 0)) as u64);
    area = area.next;
  }
  return count;
}
