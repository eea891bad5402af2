// mremap(2): grows, cuts and moves mappings. What is looked at, in which order, and what has happened by then is that of
// mm/mremap.c of Linux 6.1.

import { Utcb } from "../libhedron/utcb";
import {
  Area,
  areaAt,
  areasMax,
  blocked,
  count,
  discount,
  findAreaThrough,
  findRoom,
  isData,
  joinNeighbours,
  LOCKED,
  rangeFree,
  SPACE_START,
  Space,
  splitAt,
} from "../libroottask/areas";
import { EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM } from "../libroottask/errno";
import { totalPages } from "../libroottask/pages";
import { grant, takeBack } from "../libroottask/pregrant";
import { Program } from "../libroottask/program";
import { lockedSize } from "../libroottask/sizes";
import { map, mapShared, movePages, unmap } from "../libroottask/space";
import { inRange, populate, up } from "./memory";
import { mayExpand } from "./memory_limits";
import { mayLockSize } from "./memory_locks";

const PAGE: u64 = 4096;
const MREMAP_MAYMOVE: u64 = 1;
const MREMAP_FIXED: u64 = 2;
const MREMAP_DONTUNMAP: u64 = 4;

/** Maps [to, to + size) as `area` has it from `from` on. Returns 0 or -ENOMEM. */
export function mapAlike(space: Space, area: Area, from: u64, to: u64, size: u64): i64 {
  const offset = area.offset + (from - area.start);
  const rights = area.rights;
  const node = area.node;
  const mount = area.mount;
  const denied = area.denied;
  const future = space.locksNew;
  space.locksNew = area.locked;
  space.marksNew = area.marks;
  const error =
    node === null || area.shared === 0
      ? map(space, to, to + size, rights, node, offset)
      : mapShared(space, to, to + size, rights, node, offset, denied);
  space.locksNew = future;
  space.marksNew = 0;
  const made = error === 0 ? areaAt(space, to) : null;
  if (made !== null && mount !== null) {
    made.denied = denied;
    findAreaThrough(made, mount);
    joinNeighbours(space, to, to + size);
  }
  return error;
}

/** What has been moved away from [start, end) stays mapped, but is not locked (MREMAP_DONTUNMAP). Returns 0 or -ENOMEM. */
function unlock(space: Space, start: u64, end: u64): i64 {
  if (!splitAt(space, start) || !splitAt(space, end)) return -ENOMEM;
  const area = areaAt(space, start);
  if (area !== null) {
    discount(space, area);
    area.locked = 0;
    count(space, area);
  }
  joinNeighbours(space, start, end);
  return 0;
}

/** Moves a mapping to [to, to + size), of which the first `length` bytes have contents. */
function move(space: Space, from: u64, length: u64, to: u64, size: u64, flags: u64): i64 {
  const area = areaAt(space, from);
  if (area === null) return -EFAULT;
  if (space.areaCount >= areasMax() - 3) return -ENOMEM;
  const locked = area.locked === LOCKED;
  const error = mapAlike(space, area, from, to, size);
  if (error !== 0) return error;
  const moved = movePages(space, from, to, min<u64>(length, size));
  if (moved !== 0) return moved;
  const end = from + length;
  const stays = (flags & MREMAP_DONTUNMAP) !== 0;
  const left = stays ? unlock(space, from, end) : unmap(space, from, end);
  if (left !== 0) return left;
  if (locked) populate(space, to + min<u64>(length, size), to + size);
  return to as i64;
}

/** The mapping at `start` may become `size` bytes in place of `length`: 0 or an error. */
function mayResize(program: Program, start: u64, length: u64, size: u64): i64 {
  const space = program.space;
  const area = areaAt(space, start);
  if (area === null || area.fixed !== 0) return -EFAULT;
  // No length asks for a second mapping of what is shared.
  if (length === 0 && area.shared === 0) return -EINVAL;
  if (length > area.end - start) return -EFAULT;
  if (size <= length) return 0;
  const more = size - length;
  if (area.locked !== 0 && !mayLockSize(program, lockedSize(space) + more)) return -EAGAIN;
  if (!mayExpand(program, more, isData(area) ? more : 0)) return -ENOMEM;
  return area.shared === 0 && size > (totalPages() as u64) * PAGE ? -ENOMEM : 0;
}

/** MREMAP_FIXED and MREMAP_DONTUNMAP: moves `length` bytes at `start` to `to`, or where there is room. */
function moveTo(program: Program, start: u64, length: u64, to: u64, size: u64, flags: u64): i64 {
  const space = program.space;
  const fixed = (flags & MREMAP_FIXED) !== 0;
  if (!inRange(to, size)) return -EINVAL;
  if (start + length > to && to + size > start) return -EINVAL;
  // What moving needs at most is asked for before anything is taken away.
  if (space.areaCount + 2 >= areasMax() - 3) return -ENOMEM;
  if (fixed) {
    if (blocked(space, to, to + size)) return -EINVAL;
    const error = unmap(space, to, to + size);
    if (error !== 0) return error;
  }
  let kept = length;
  if (length > size) {
    if (!inRange(start, length) || blocked(space, start + size, start + length)) return -EINVAL;
    const error = unmap(space, start + size, start + length);
    if (error !== 0) return error;
    kept = size;
  }
  const refused = mayResize(program, start, kept, size);
  if (refused !== 0) return refused;
  const area = areaAt(space, start) as Area;
  const stays = (flags & MREMAP_DONTUNMAP) !== 0;
  if (stays && !mayExpand(program, kept, isData(area) ? kept : 0)) return -ENOMEM;
  if (fixed) return to < SPACE_START ? -EPERM : move(space, start, kept, to, size, flags);
  const room = findRoom(space, size);
  return room === 0 ? -ENOMEM : move(space, start, kept, room, size, flags);
}

function remap(program: Program, regs: Utcb): i64 {
  const space = program.space;
  const start = regs.rdi;
  const length = up(regs.rsi);
  const size = up(regs.rdx);
  const flags = regs.r10;
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) return -EINVAL;
  const mayMove = (flags & MREMAP_MAYMOVE) !== 0;
  if ((flags & MREMAP_FIXED) !== 0 && !mayMove) return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && (!mayMove || regs.rsi !== regs.rdx)) return -EINVAL;
  if ((start & (PAGE - 1)) !== 0 || size === 0) return -EINVAL;
  const area = areaAt(space, start);
  if (area === null || area.fixed !== 0) return -EFAULT;
  if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) {
    return moveTo(program, start, length, regs.r8, size, flags);
  }
  if (size === length) return start as i64;
  if (size < length) {
    // What a mapping is cut by may belong to others.
    if (!inRange(start, length) || blocked(space, start, start + length)) return -EINVAL;
    const error = unmap(space, start + size, start + length);
    return error === 0 ? (start as i64) : error;
  }
  const refused = mayResize(program, start, length, size);
  if (refused !== 0) return refused;
  const end = start + length;
  if (inRange(start, size) && end === area.end && rangeFree(space, end, start + size)) {
    const locked = area.locked === LOCKED;
    const error = mapAlike(space, area, end, end, size - length);
    if (error === 0 && locked) populate(space, end, start + size);
    return error === 0 ? (start as i64) : error;
  }
  if (!mayMove) return -ENOMEM;
  const room = findRoom(space, size);
  return room === 0 ? -ENOMEM : move(space, start, length, room, size, 0);
}

/** mremap(address, old length, new length, flags, new address). */
export function sysMremap(program: Program, regs: Utcb): i64 {
  const space = program.space;
  takeBack(space);
  const result = remap(program, regs);
  grant(space);
  return result;
}
