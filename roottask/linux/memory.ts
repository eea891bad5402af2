// Memory: brk(2), mmap(2), munmap(2), mprotect(2), msync(2), mincore(2). Protection bits are the rights
// bits of the kernel interface. What is shared is a file's: anonymous memory gets one without a name, as on Linux.

import { MEM_W, MEM_X } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import {
  Area,
  areaAt,
  blocked,
  findAreaThrough,
  findRoom,
  hasRoomForArea,
  isStack,
  joinNeighbours,
  LOCKED,
  LOCKED_ON_FAULT,
  MARK_GROWS,
  ownAreaFrom,
  ownUntil,
  rangeFree,
  SPACE_END,
  SPACE_START,
  Space,
} from "../libroottask/areas";
import { fileAt } from "../libroottask/descriptors";
import {
  EACCES,
  EAGAIN,
  EBADF,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
} from "../libroottask/errno";
import { isAppendOnly } from "../libroottask/file_flags";
import { hasPage } from "../libroottask/file_pages";
import { hasFlag, Mount, MS_NOEXEC } from "../libroottask/mount";
import { backingNode, O_PATH, OpenFile, readable, writable } from "../libroottask/open_file";
import { totalPages } from "../libroottask/pages";
import { grant, recordHandedOut, takeBack } from "../libroottask/pregrant";
import { Program } from "../libroottask/program";
import { isWriteSealed } from "../libroottask/seals";
import { lockedSize, newData, sizeWithin } from "../libroottask/sizes";
import {
  copyTo,
  isUntouched,
  map,
  mapShared,
  present,
  protect,
  touch,
  unmap,
} from "../libroottask/space";
import { dispose, KIND_FILE, Node, newNode } from "../libroottask/tree";
import { mayExpand } from "./memory_limits";
import { mayLock, mayLockSize } from "./memory_locks";

const PAGE: u64 = 4096;

const PROT_ALL: u64 = 7;
const PROT_SEM: u64 = 8;
const PROT_GROWSDOWN: u64 = 0x100_0000;
/** PROT_GROWSDOWN and PROT_GROWSUP. */
const PROT_GROWS: u64 = 0x300_0000;
const MS_ASYNC: u64 = 1;
const MS_INVALIDATE: u64 = 2;
const MS_SYNC: u64 = 4;
const MAP_SHARED: u64 = 1;
const MAP_PRIVATE: u64 = 2;
const MAP_SHARED_VALIDATE: u64 = 3;
const MAP_TYPE: u64 = 15;
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_32BIT: u64 = 0x40;
const MAP_GROWSDOWN: u64 = 0x100;
const MAP_LOCKED: u64 = 0x2000;
const MAP_NORESERVE: u64 = 0x4000;
const MAP_POPULATE: u64 = 0x8000;
const MAP_HUGETLB: u64 = 0x4_0000;
const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;
/** LEGACY_MAP_MASK of Linux, which MAP_SHARED_VALIDATE refuses others than; the place is found before. */
const MAP_KNOWN: u64 = 0x407_f973 | MAP_FIXED_NOREPLACE;

/** Of the files of shared anonymous memory, which nobody opens. */
const ZEROES_MODE: u32 = 0o777;

/** A byte of mincore(2). */
const resident = memory.data(8);

/** `value` rounded up to whole pages; beyond the last one it is 0. */
export function up(value: u64): u64 {
  return (value + PAGE - 1) & ~(PAGE - 1);
}

/** [start, start + length) is page-aligned, not empty and below the end. */
export function inRange(start: u64, length: u64): bool {
  return (start & (PAGE - 1)) === 0 && length <= SPACE_END && start <= SPACE_END - length;
}

/** Brings in the pages of [start, end), as far as there is memory. */
export function populate(space: Space, start: u64, end: u64, rights: u32 = 0): void {
  for (let page = start; page < end; page += PAGE) if (!touch(space, page, rights)) return;
}

/** Moves the break of `program` to `wanted`: where it is then. */
function moveBreak(program: Program, wanted: u64): i64 {
  const space = program.space;
  const old = up(space.breakEnd);
  if (wanted < space.breakStart || wanted > space.top) return space.breakEnd as i64;
  const end = up(wanted);
  if (end > old) {
    if (!rangeFree(space, old, end)) return space.breakEnd as i64;
    if (end - old > (totalPages() as u64) * PAGE) return space.breakEnd as i64;
    if (!mayExpand(program, end - old, end - old) || !hasRoomForArea(space)) {
      return space.breakEnd as i64;
    }
    if (space.locksNew !== 0 && !mayLockSize(program, lockedSize(space) + end - old)) {
      return space.breakEnd as i64;
    }
    if (map(space, old, end, 3, null, 0) !== 0) return space.breakEnd as i64;
    if (space.locksNew === LOCKED) populate(space, old, end);
  } else if (end < old && unmap(space, end, old) !== 0) {
    return space.breakEnd as i64;
  }
  space.breakEnd = wanted;
  return wanted as i64;
}

/** brk(address): the new break, or the old one where it cannot be. */
export function sysBrk(program: Program, regs: Utcb): i64 {
  const space = program.space;
  takeBack(space);
  const result = moveBreak(program, regs.rdi);
  grant(space);
  return result;
}

/** Where a mapping of `length` bytes goes, or a negative error. */
function place(space: Space, hint: u64, length: u64, flags: u64): i64 {
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) {
    if (length > SPACE_END || hint > SPACE_END - length) return -ENOMEM;
    if ((hint & (PAGE - 1)) !== 0) return -EINVAL;
    if (hint < SPACE_START) return -EPERM;
    if (blocked(space, hint, hint + length)) return -ENOMEM;
    if ((flags & MAP_FIXED_NOREPLACE) !== 0 && !rangeFree(space, hint, hint + length)) {
      return -EEXIST;
    }
    return hint as i64;
  }
  const wish = up(hint);
  if (wish >= SPACE_START && inRange(wish, length) && rangeFree(space, wish, wish + length)) {
    return wish as i64;
  }
  const limit = space.top;
  if ((flags & MAP_32BIT) !== 0) space.top = 0x8000_0000;
  const room = findRoom(space, length);
  space.top = limit;
  return room === 0 ? -ENOMEM : (room as i64);
}

/** What backs a mapping, null for zeroes, and the rights it cannot get. */
let backing: Node | null = null;
let backingMount: Mount | null = null;
let denied: u32 = 0;

/** Finds what backs a mapping of `file`, for `backing`. Returns 0 or a negative error. */
function findBacking(file: OpenFile, protection: u64, flags: u64): i64 {
  const type = flags & MAP_TYPE;
  if (type !== MAP_SHARED && type !== MAP_PRIVATE && type !== MAP_SHARED_VALIDATE) return -EINVAL;
  const shared = type !== MAP_PRIVATE;
  if (type === MAP_SHARED_VALIDATE && (flags & ~MAP_KNOWN) !== 0) return -EOPNOTSUPP;
  const writing = (protection & (MEM_W as u64)) !== 0;
  if (!readable(file) || (shared && writing && !writable(file))) return -EACCES;
  if (shared && writable(file) && isAppendOnly(file.node)) return -EACCES;
  const map = file.operations.map;
  const error = map(file, shared, writing);
  backing = backingNode;
  backingMount = file.mount;
  denied = shared && (!writable(file) || isWriteSealed(file.node)) ? MEM_W : 0;
  if (error !== 0 || !hasFlag(file.mount, MS_NOEXEC)) return error;
  denied |= MEM_X;
  return (protection & (MEM_X as u64)) !== 0 ? -EPERM : 0;
}

/** Lets a shared mapping of zeroes have a file of its own for `backing`. Returns 0 or -ENOMEM. */
function backZeroes(length: u64): i64 {
  const node = newNode(KIND_FILE, ZEROES_MODE);
  if (node === null) return -ENOMEM;
  node.size = length;
  backing = node;
  return 0;
}

/** Maps `length` bytes of `backing` from `offset` on. Returns 0 or -ENOMEM. */
function enterMapping(
  space: Space,
  start: u64,
  length: u64,
  rights: u32,
  flags: u64,
  offset: u64,
): i64 {
  if ((flags & MAP_TYPE) === MAP_PRIVATE) {
    return map(space, start, start + length, rights, backing, offset);
  }
  let from = offset;
  if (backing === null) {
    if (backZeroes(length) !== 0) return -ENOMEM;
    from = 0;
  }
  const node = backing as Node;
  const error = mapShared(space, start, start + length, rights, node, from, denied);
  if (error !== 0) dispose(node);
  return error;
}

/** `program` may map `length` bytes at `start` in place of what is there. */
function mayMap(program: Program, start: u64, length: u64, rights: u32, flags: u64): bool {
  const isData = (flags & MAP_TYPE) === MAP_PRIVATE && (rights & MEM_W) !== 0;
  const more = length - sizeWithin(program.space, start, start + length);
  return mayExpand(program, more, isData ? more : 0);
}

/** Maps what mmap asks for, `length` being in whole pages: where, or a negative error. */
function mapAt(program: Program, regs: Utcb, length: u64, file: OpenFile | null): i64 {
  const space = program.space;
  const flags = regs.r10;
  if (!hasRoomForArea(space)) return -ENOMEM;
  const at = place(space, regs.rdi, length, flags);
  if (at < 0) return at;
  const start = at as u64;
  const locks = (flags & MAP_LOCKED) !== 0 || space.locksNew !== 0;
  if ((flags & MAP_LOCKED) !== 0 && !mayLock(program)) return -EPERM;
  if (locks && !mayLockSize(program, lockedSize(space) + length)) return -EAGAIN;
  backing = null;
  backingMount = null;
  denied = 0;
  if (file !== null) {
    // Positions in a file are up to 2^63 - 1.
    if ((regs.r9 as i64) < 0 || ((regs.r9 + length) as i64) < 0) return -EOVERFLOW;
    const refused = findBacking(file, regs.rdx, flags);
    if (refused !== 0) return refused;
    if ((flags & MAP_GROWSDOWN) !== 0) return -EINVAL;
  } else if ((flags & MAP_TYPE) !== MAP_SHARED && (flags & MAP_TYPE) !== MAP_PRIVATE) {
    return -EINVAL;
  } else if ((flags & MAP_GROWSDOWN) !== 0 && (flags & MAP_TYPE) === MAP_SHARED) {
    return -EINVAL;
  }
  const rights = (regs.rdx & PROT_ALL) as u32;
  if (!mayMap(program, start, length, rights, flags)) return -ENOMEM;
  const future = space.locksNew;
  if (locks && future === 0) space.locksNew = LOCKED;
  space.marksNew = (flags & MAP_GROWSDOWN) !== 0 ? MARK_GROWS : 0;
  const error = enterMapping(space, start, length, rights, flags, regs.r9);
  space.locksNew = future;
  space.marksNew = 0;
  if (error !== 0) return error;
  const area = areaAt(space, start);
  if (area !== null && backingMount !== null) {
    area.denied = denied;
    findAreaThrough(area, backingMount);
    joinNeighbours(space, start, start + length);
  }
  // What is locked as it is touched is not brought in, whoever asks for that.
  const wanted = future !== LOCKED_ON_FAULT && (locks || (flags & MAP_POPULATE) !== 0);
  if (wanted && rights !== 0) populate(space, start, start + length);
  return at;
}

/** mmap(address, length, protection, flags, fd, offset). */
export function sysMmap(program: Program, regs: Utcb): i64 {
  const space = program.space;
  const flags = regs.r10;
  if ((regs.r9 & (PAGE - 1)) !== 0) return -EINVAL;
  let file: OpenFile | null = null;
  if ((flags & MAP_ANONYMOUS) === 0) {
    file = fileAt(program.files, regs.r8);
    if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  }
  // Of no size are there huge pages.
  if ((flags & MAP_HUGETLB) !== 0) return -EINVAL;
  if (regs.rsi === 0) return -EINVAL;
  const length = up(regs.rsi);
  if (length === 0) return -ENOMEM;
  if (length > SPACE_END) return -ENOMEM;
  const limited = (flags & MAP_NORESERVE) === 0 && (regs.rdx & (MEM_W as u64)) !== 0;
  const reserves = file === null || (flags & MAP_TYPE) === MAP_PRIVATE;
  if (reserves && limited && length > (totalPages() as u64) * PAGE) return -ENOMEM;
  takeBack(space);
  const at = mapAt(program, regs, length, file);
  grant(space);
  return at;
}

/** Takes what is the program's of [start, end) away. Returns 0 or -ENOMEM. */
function unmapOwn(space: Space, start: u64, end: u64): i64 {
  let at = start;
  while (at < end) {
    const until = ownUntil(space, at, end);
    const error = unmap(space, at, until);
    if (error !== 0) return error;
    at = until;
    const other = areaAt(space, at);
    if (other !== null && other.fixed !== 0) at = other.end;
  }
  return 0;
}

/** munmap(address, length). */
export function sysMunmap(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const length = up(regs.rsi);
  if (regs.rsi > SPACE_END || length === 0 || !inRange(start, length)) return -EINVAL;
  takeBack(program.space);
  const error = unmapOwn(program.space, start, start + length);
  grant(program.space);
  return error;
}

/** Where a change of rights from `start` to `end` begins, PROT_GROWSDOWN being where the area does, or an error. */
function protectedFrom(space: Space, start: u64, end: u64, grows: u64): i64 {
  const area = ownAreaFrom(space, start);
  if (area === null || area.start >= end) return -ENOMEM;
  if (grows === PROT_GROWSDOWN) {
    return isStack(area) || (area.marks & MARK_GROWS) !== 0 ? (area.start as i64) : -EINVAL;
  }
  if (area.start > start) return -ENOMEM;
  // Nothing grows upwards.
  return grows === 0 ? (start as i64) : -EINVAL;
}

/** Changes the rights of [start, end), area by area up to the first that is not there or cannot have them: 0 or an error. */
function protectAreas(program: Program, start: u64, end: u64, rights: u32): i64 {
  const space = program.space;
  let from = start;
  while (from < end) {
    const area = areaAt(space, from);
    if (area === null || area.fixed !== 0) return -ENOMEM;
    if ((area.denied & rights) !== 0) return -EACCES;
    const until = min<u64>(area.end, end);
    // What becomes data by that counts as such.
    const more = (rights & MEM_W) !== 0 ? newData(space, from, until) : 0;
    // A private locked area is there when it may be written to: mprotect_fixup() of Linux.
    const isLocked = area.locked === LOCKED && area.shared === 0;
    const fills = isLocked && (area.rights & MEM_W) === 0 && (rights & MEM_W) !== 0;
    if (!mayExpand(program, 0, more) || protect(space, from, until, rights) !== 0) return -ENOMEM;
    if (fills) populate(space, from, until, MEM_W);
    from = until;
  }
  return 0;
}

/** mprotect(address, length, protection). */
export function sysMprotect(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const protection = regs.rdx;
  const grows = protection & PROT_GROWS;
  if (grows === PROT_GROWS || (start & (PAGE - 1)) !== 0) return -EINVAL;
  const length = up(regs.rsi);
  if (regs.rsi === 0) return 0;
  const end = start + length;
  if (length === 0 || end <= start) return -ENOMEM;
  if ((protection & ~(PROT_ALL | PROT_SEM | PROT_GROWS)) !== 0) return -EINVAL;
  const space = program.space;
  takeBack(space);
  const from = protectedFrom(space, start, end, grows);
  const rights = (protection & PROT_ALL) as u32;
  const error = from < 0 ? from : protectAreas(program, from as u64, end, rights);
  grant(space);
  return error;
}

/** The areas of [start, end), which is not empty, could be written back: 0 or an error. */
function writeBack(space: Space, start: u64, end: u64, flags: u64): i64 {
  let at = start;
  let result: i64 = 0;
  while (at < end) {
    const area = ownAreaFrom(space, at);
    if (area === null) return -ENOMEM;
    if (area.start > at) {
      if (flags === MS_ASYNC || area.start >= end) return -ENOMEM;
      result = -ENOMEM;
    }
    if ((flags & MS_INVALIDATE) !== 0 && area.locked !== 0) return -EBUSY;
    at = area.end;
  }
  return result;
}

/** msync(address, length, flags): files and their mappings are one, there is nothing to write back. */
export function sysMsync(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const flags = regs.rdx;
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0) return -EINVAL;
  if ((start & (PAGE - 1)) !== 0 || (flags & (MS_ASYNC | MS_SYNC)) === (MS_ASYNC | MS_SYNC)) {
    return -EINVAL;
  }
  const end = start + up(regs.rsi);
  if (end < start) return -ENOMEM;
  recordHandedOut(program.space);
  return end === start ? 0 : writeBack(program.space, start, end, flags);
}

/** The page `address` of `area` is in memory: of a file also where nobody has touched it here, of others where somebody has. */
function isResident(space: Space, area: Area, address: u64): bool {
  const node = area.node;
  const untouched = isUntouched(space, address);
  if (present(space, address)) return !untouched;
  return node !== null && hasPage(node, (area.offset + (address - area.start)) / PAGE);
}

/** mincore(address, length, vector): a byte per page, 1 where it is there. */
export function sysMincore(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  if ((start & (PAGE - 1)) !== 0) return -EINVAL;
  if (regs.rsi > SPACE_END || start > SPACE_END - regs.rsi) return -ENOMEM;
  const space = program.space;
  const end = start + up(regs.rsi);
  const room = (end - start) / PAGE;
  if (regs.rdx > SPACE_END || room > SPACE_END - regs.rdx) return -EFAULT;
  recordHandedOut(space);
  let to = regs.rdx;
  for (let page = start; page < end; page += PAGE) {
    const area = areaAt(space, page);
    if (area === null || area.fixed !== 0) return -ENOMEM;
    store<u8>(resident, isResident(space, area, page) ? 1 : 0);
    if (!copyTo(space, to++, resident, 1)) return -EFAULT;
  }
  return 0;
}
