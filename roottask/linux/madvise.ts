// madvise(2): what is mapped of a range is advised, also where it is not all mapped. What follows for errors and
// their order is that of mm/madvise.c of Linux 6.1. Nothing is swapped out and read ahead, so advice about that
// is taken and changes nothing; there are no huge pages, so that making some (MADV_COLLAPSE) fails.

import { MEM_R, MEM_W } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import {
  Area,
  joinNeighbours,
  MARK_DONT_DUMP,
  MARK_DONT_FORK,
  MARK_WIPE_ON_FORK,
  ownAreaFrom,
  Space,
  splitRange,
} from "../libroottask/areas";
import { allocateContents } from "../libroottask/contents";
import { EACCES, EAGAIN, EFAULT, EINVAL, ENOMEM } from "../libroottask/errno";
import { FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE } from "../libroottask/open_file";
import { grant, takeBack } from "../libroottask/pregrant";
import { Program } from "../libroottask/program";
import { FAULT_BEYOND_FILE, FAULT_RIGHTS, faultReason, forget, touch } from "../libroottask/space";
import { up } from "./memory";

const PAGE: u64 = 4096;

const MADV_DONTNEED: u64 = 4;
const MADV_FREE: u64 = 8;
const MADV_REMOVE: u64 = 9;
const MADV_DONTFORK: u64 = 10;
const MADV_DOFORK: u64 = 11;
const MADV_DONTDUMP: u64 = 16;
const MADV_DODUMP: u64 = 17;
const MADV_WIPEONFORK: u64 = 18;
const MADV_KEEPONFORK: u64 = 19;
const MADV_COLD: u64 = 20;
const MADV_PAGEOUT: u64 = 21;
const MADV_POPULATE_READ: u64 = 22;
const MADV_POPULATE_WRITE: u64 = 23;
const MADV_DONTNEED_LOCKED: u64 = 24;
const MADV_COLLAPSE: u64 = 25;

/** Advice that there is: MADV_NORMAL to MADV_DONTNEED, MADV_FREE to MADV_COLLAPSE. */
function isAdvice(advice: u64): bool {
  return advice <= MADV_DONTNEED || (advice >= MADV_FREE && advice <= MADV_COLLAPSE);
}

/** Makes a hole in the file behind [start, end) of `area`, where the mapping may write to it: 0 or an error. */
function punch(area: Area, start: u64, end: u64): i64 {
  const node = area.node;
  if (node === null) return -EINVAL;
  if (area.shared === 0 || (area.denied & MEM_W) !== 0) return -EACCES;
  const offset = (area.offset + (start - area.start)) as i64;
  const mode = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE;
  return allocateContents(node, mode, offset, (end - start) as i64, ~(0 as u64));
}

/** Takes marks from [start, end) of an area, and gives it others. Returns 0, or -EAGAIN where there is no room for another. */
function mark(space: Space, start: u64, end: u64, taken: u32, given: u32): i64 {
  const whole = ownAreaFrom(space, start) as Area;
  const marks = (whole.marks & ~taken) | given;
  if (whole.marks === marks) return 0;
  if (!splitRange(space, start, end)) return -EAGAIN;
  const area = ownAreaFrom(space, start) as Area;
  area.marks = marks;
  joinNeighbours(space, start, end);
  return 0;
}

/** Brings the pages of [start, end) in, as reads or writes would: 0 or an error. */
function populate(space: Space, start: u64, end: u64, rights: u32): i64 {
  for (let page = start; page < end; page += PAGE) {
    if (touch(space, page, rights)) continue;
    if (faultReason === FAULT_RIGHTS) return -EINVAL;
    return faultReason === FAULT_BEYOND_FILE ? -EFAULT : -ENOMEM;
  }
  return 0;
}

/** Advice that has effects on [start, end) of `area`: 0 or an error. */
function advise(space: Space, area: Area, start: u64, end: u64, advice: u64): i64 {
  const locked = area.locked !== 0;
  if (advice === MADV_DONTNEED || advice === MADV_DONTNEED_LOCKED || advice === MADV_FREE) {
    if (locked && advice !== MADV_DONTNEED_LOCKED) return -EINVAL;
    if (advice === MADV_FREE && area.node !== null) return -EINVAL;
    forget(space, start, end);
    return 0;
  }
  if (advice === MADV_REMOVE) return locked ? -EINVAL : punch(area, start, end);
  if (advice === MADV_COLD || advice === MADV_PAGEOUT) return locked ? -EINVAL : 0;
  if (advice === MADV_DONTFORK) return mark(space, start, end, 0, MARK_DONT_FORK);
  if (advice === MADV_DOFORK) return mark(space, start, end, MARK_DONT_FORK, 0);
  if (advice === MADV_WIPEONFORK) {
    return area.node === null ? mark(space, start, end, 0, MARK_WIPE_ON_FORK) : -EINVAL;
  }
  if (advice === MADV_KEEPONFORK) return mark(space, start, end, MARK_WIPE_ON_FORK, 0);
  if (advice === MADV_DONTDUMP) return mark(space, start, end, 0, MARK_DONT_DUMP);
  if (advice === MADV_DODUMP) return mark(space, start, end, MARK_DONT_DUMP, 0);
  if (advice === MADV_POPULATE_READ) return populate(space, start, end, MEM_R);
  if (advice === MADV_POPULATE_WRITE) return populate(space, start, end, MEM_W);
  return advice === MADV_COLLAPSE ? -EINVAL : 0;
}

/** Advises the areas of [start, end), up to the first that refuses: 0 or an error, -ENOMEM where there were holes. */
function adviseAreas(space: Space, start: u64, end: u64, advice: u64): i64 {
  let at = start;
  let result: i64 = 0;
  while (at < end) {
    const area = ownAreaFrom(space, at);
    if (area === null) return -ENOMEM;
    if (area.start > at) {
      // Filling in ends where it first fails: madvise_populate() of Linux.
      if (advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE) return -ENOMEM;
      result = -ENOMEM;
    }
    at = max<u64>(at, area.start);
    if (at >= end) break;
    const until = min<u64>(area.end, end);
    const error = advise(space, area, at, until, advice);
    if (error !== 0) return error;
    at = until;
  }
  return result;
}

/** madvise(address, length, advice). */
export function sysMadvise(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const advice = regs.rdx;
  if (!isAdvice(advice) || (start & (PAGE - 1)) !== 0) return -EINVAL;
  const length = up(regs.rsi);
  const end = start + length;
  if ((regs.rsi !== 0 && length === 0) || end < start) return -EINVAL;
  if (length === 0) return 0;
  const space = program.space;
  takeBack(space);
  const error = adviseAreas(space, start, end, advice);
  grant(space);
  return error;
}
