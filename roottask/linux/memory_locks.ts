// Memory that is to stay: mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2), RLIMIT_MEMLOCK. Nothing is ever
// swapped out, so what follows is that pages are there at once, and that MADV_DONTNEED leaves them alone.

import { MEM_R } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import {
  Area,
  count,
  discount,
  firstAbove,
  joinNeighbours,
  LOCKED,
  LOCKED_ON_FAULT,
  mappedUntil,
  ownUntil,
  SPACE_END,
  Space,
  splitRange,
} from "../libroottask/areas";
import { CAP_IPC_LOCK, capable } from "../libroottask/credentials";
import { EAGAIN, EINVAL, ENOMEM, EPERM } from "../libroottask/errno";
import { grant, takeBack } from "../libroottask/pregrant";
import { Program } from "../libroottask/program";
import { lockedSize, lockedWithin, mappedSize, usedStart } from "../libroottask/sizes";
import { FAULT_MEMORY, faultReason, touch } from "../libroottask/space";
import { RLIMIT_MEMLOCK } from "./limit_numbers";
import { pregrantMemory } from "./limits";
import { softLimit } from "./state";

const PAGE: u64 = 4096;
const MLOCK_ONFAULT: u64 = 1;
const MCL_CURRENT: u64 = 1;
const MCL_FUTURE: u64 = 2;
const MCL_ONFAULT: u64 = 4;

function up(value: u64): u64 {
  return (value + PAGE - 1) & ~(PAGE - 1);
}

/** `program` may have locked memory at all. */
export function mayLock(program: Program): bool {
  return softLimit(program, RLIMIT_MEMLOCK) !== 0 || capable(CAP_IPC_LOCK);
}

/** `program` may have `size` bytes locked. */
export function mayLockSize(program: Program, size: u64): bool {
  return size <= (softLimit(program, RLIMIT_MEMLOCK) & ~(PAGE - 1)) || capable(CAP_IPC_LOCK);
}

function setLocked(space: Space, area: Area, locked: u32): void {
  discount(space, area);
  area.locked = locked;
  count(space, area);
}

/** Whether [start, end) is locked from now on, as far as there is no hole. Returns where that is, or -ENOMEM. */
function markRange(space: Space, start: u64, end: u64, locked: u32): i64 {
  const limit = ownUntil(space, start, mappedUntil(space, start, end));
  if (!splitRange(space, start, limit)) return -ENOMEM;
  let area = firstAbove(space, start);
  while (area !== null && area.start < limit) {
    setLocked(space, area, locked);
    area = area.next;
  }
  joinNeighbours(space, start, limit);
  return limit as i64;
}

/** Whether [start, end) is locked from now on. Returns 0, or -ENOMEM, what lies before a hole having changed. */
function mark(space: Space, start: u64, end: u64, locked: u32): i64 {
  if (end > SPACE_END) return -ENOMEM;
  takeBack(space);
  const limit = markRange(space, start, end, locked);
  grant(space);
  return limit === (end as i64) ? 0 : -ENOMEM;
}

/** munlock(address, length). */
export function sysMunlock(program: Program, regs: Utcb): i64 {
  const start = regs.rdi & ~(PAGE - 1);
  const end = start + up(regs.rsi + (regs.rdi - start));
  if (end < start) return -EINVAL;
  return end === start ? 0 : mark(program.space, start, end, 0);
}

/** Locks memory, and brings its pages in where `populates`. */
function lock(program: Program, regs: Utcb, populates: bool): i64 {
  if (!mayLock(program)) return -EPERM;
  const space = program.space;
  const start = regs.rdi & ~(PAGE - 1);
  const length = up(regs.rsi + (regs.rdi - start));
  const end = start + length;
  const before = lockedSize(space);
  // What is locked already counts once.
  const already = end < start ? 0 : lockedWithin(space, start, end);
  if (!mayLockSize(program, before - already + length)) return -ENOMEM;
  if (end < start) return -EINVAL;
  if (end === start) return 0;
  const error = mark(space, start, end, populates ? LOCKED : LOCKED_ON_FAULT);
  if (error !== 0 || !populates) return error;
  for (let page = start; page < end; page += PAGE) {
    if (!touch(space, page, MEM_R)) return faultReason === FAULT_MEMORY ? -EAGAIN : -ENOMEM;
  }
  return 0;
}

/** mlock(address, length). */
export function sysMlock(program: Program, regs: Utcb): i64 {
  return lock(program, regs, true);
}

/** mlock2(address, length, flags): with MLOCK_ONFAULT pages come when they are touched. */
export function sysMlock2(program: Program, regs: Utcb): i64 {
  if ((regs.rdx & ~MLOCK_ONFAULT) !== 0) return -EINVAL;
  return lock(program, regs, regs.rdx === 0);
}

/** Brings in the pages of `area` as far as there is memory and it may be read. */
function populate(space: Space, area: Area): void {
  for (let page = usedStart(space, area); page < area.end; page += PAGE) {
    if (!touch(space, page, MEM_R)) return;
  }
}

/** Marks all areas, and brings in their pages where `populates`. */
function markAll(space: Space, locked: u32, populates: bool): void {
  takeBack(space);
  let area = space.areas;
  while (area !== null) {
    if (area.fixed === 0) {
      setLocked(space, area, locked);
      if (populates) populate(space, area);
    }
    area = area.next;
  }
  joinNeighbours(space, 0, SPACE_END);
  grant(space);
}

/** mlockall(flags). */
export function sysMlockall(program: Program, regs: Utcb): i64 {
  const flags = regs.rdi;
  const known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
  if (flags === 0 || (flags & ~known) !== 0 || flags === MCL_ONFAULT) return -EINVAL;
  if (!mayLock(program)) return -EPERM;
  const space = program.space;
  if ((flags & MCL_CURRENT) !== 0 && !mayLockSize(program, mappedSize(space))) return -ENOMEM;
  const kind = (flags & MCL_ONFAULT) === 0 ? LOCKED : LOCKED_ON_FAULT;
  space.locksNew = (flags & MCL_FUTURE) !== 0 ? kind : 0;
  pregrantMemory(program);
  if ((flags & MCL_CURRENT) !== 0) markAll(space, kind, kind === LOCKED);
  return 0;
}

/** munlockall(). */
export function sysMunlockall(program: Program, _regs: Utcb): i64 {
  program.space.locksNew = 0;
  pregrantMemory(program);
  markAll(program.space, 0, false);
  return 0;
}
