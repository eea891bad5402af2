// Memory: brk(2), mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2). Protection bits are the rights
// bits of the kernel interface. What is shared is a file's: anonymous memory gets one without a name, as on Linux.

import { MEM_W } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import {
  Area,
  areaAt,
  blocked,
  findRoom,
  mapped,
  rangeFree,
  SPACE_END,
  SPACE_START,
  Space,
} from "../libroottask/areas";
import { allocateContents } from "../libroottask/contents";
import { fileAt } from "../libroottask/descriptors";
import {
  EACCES,
  EAGAIN,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
} from "../libroottask/errno";
import {
  backingNode,
  FALLOC_KEEP_SIZE,
  FALLOC_PUNCH_HOLE,
  O_PATH,
  OpenFile,
  readable,
  writable,
} from "../libroottask/open_file";
import { totalPages } from "../libroottask/pages";
import { grant, recordHandedOut, takeBack } from "../libroottask/pregrant";
import { Program } from "../libroottask/program";
import { isWriteSealed } from "../libroottask/seals";
import { isData, lockedSize, lockedWithin, newData, sizeWithin } from "../libroottask/sizes";
import {
  copyTo,
  forget,
  map,
  mapShared,
  movePages,
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
const MAP_LOCKED: u64 = 0x2000;
const MAP_NORESERVE: u64 = 0x4000;
const MAP_POPULATE: u64 = 0x8000;
const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;
/** LEGACY_MAP_MASK of Linux, which MAP_SHARED_VALIDATE refuses others than; the place is found before. */
const MAP_KNOWN: u64 = 0x407_f973 | MAP_FIXED_NOREPLACE;

const MREMAP_MAYMOVE: u64 = 1;
const MREMAP_FIXED: u64 = 2;

/** Of the files of shared anonymous memory, which nobody opens. */
const ZEROES_MODE: u32 = 0o777;

const MADV_DONTNEED: u64 = 4;
const MADV_FREE: u64 = 8;
const MADV_REMOVE: u64 = 9;
const MADV_LAST: u64 = 25;

/** A byte of mincore(2). */
const resident = memory.data(8);

function up(value: u64): u64 {
  return (value + PAGE - 1) & ~(PAGE - 1);
}

/** [start, start + length) is page-aligned, not empty and below the end. */
function inRange(start: u64, length: u64): bool {
  return (start & (PAGE - 1)) === 0 && length <= SPACE_END && start <= SPACE_END - length;
}

/** Brings in the pages of [start, end), as far as there is memory. */
function populate(space: Space, start: u64, end: u64): void {
  for (let page = start; page < end; page += PAGE) if (!touch(space, page, 0)) return;
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
    if (!mayExpand(program, end - old, end - old)) return space.breakEnd as i64;
    if (space.locksNew !== 0 && !mayLockSize(program, lockedSize(space) + end - old)) {
      return space.breakEnd as i64;
    }
    if (map(space, old, end, 3, null, 0) !== 0) return space.breakEnd as i64;
    if (space.locksNew !== 0) populate(space, old, end);
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
    if ((hint & (PAGE - 1)) !== 0) return -EINVAL;
    if (!inRange(hint, length) || hint < SPACE_START || blocked(space, hint, hint + length)) {
      return -ENOMEM;
    }
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
let denied: u32 = 0;

/** Finds what backs a mapping of `file`, for `backing`. Returns 0 or a negative error. */
function findBacking(file: OpenFile, protection: u64, flags: u64): i64 {
  const type = flags & MAP_TYPE;
  if (type !== MAP_SHARED && type !== MAP_PRIVATE && type !== MAP_SHARED_VALIDATE) return -EINVAL;
  const shared = type !== MAP_PRIVATE;
  if (type === MAP_SHARED_VALIDATE && (flags & ~MAP_KNOWN) !== 0) return -EOPNOTSUPP;
  const writing = (protection & (MEM_W as u64)) !== 0;
  if (!readable(file) || (shared && writing && !writable(file))) return -EACCES;
  const map = file.operations.map;
  const error = map(file, shared, writing);
  backing = backingNode;
  denied = shared && (!writable(file) || isWriteSealed(file.node)) ? MEM_W : 0;
  return error;
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
  const at = place(space, regs.rdi, length, flags);
  if (at < 0) return at;
  const start = at as u64;
  const locks = (flags & MAP_LOCKED) !== 0 || space.locksNew !== 0;
  if ((flags & MAP_LOCKED) !== 0 && !mayLock(program)) return -EPERM;
  if (locks && !mayLockSize(program, lockedSize(space) + length)) return -EAGAIN;
  backing = null;
  denied = 0;
  if (file !== null) {
    // Positions in a file are up to 2^63 - 1.
    if (((regs.r9 + length) as i64) < 0) return -EOVERFLOW;
    const refused = findBacking(file, regs.rdx, flags);
    if (refused !== 0) return refused;
  } else if ((flags & MAP_TYPE) !== MAP_SHARED && (flags & MAP_TYPE) !== MAP_PRIVATE) {
    return -EINVAL;
  }
  const rights = (regs.rdx & PROT_ALL) as u32;
  if (!mayMap(program, start, length, rights, flags)) return -ENOMEM;
  const future = space.locksNew;
  space.locksNew = locks ? 1 : 0;
  const error = enterMapping(space, start, length, rights, flags, regs.r9);
  space.locksNew = future;
  if (error !== 0) return error;
  if ((locks || (flags & MAP_POPULATE) !== 0) && rights !== 0)
    populate(space, start, start + length);
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
  if (regs.rsi === 0) return -EINVAL;
  const length = up(regs.rsi);
  if (length === 0) return -ENOMEM;
  if (regs.r9 + length < length) return -EOVERFLOW;
  if (length > SPACE_END) return -ENOMEM;
  const limited = (flags & MAP_NORESERVE) === 0 && (regs.rdx & (MEM_W as u64)) !== 0;
  const reserves = file === null || (flags & MAP_TYPE) === MAP_PRIVATE;
  if (reserves && limited && length > (totalPages() as u64) * PAGE) return -ENOMEM;
  takeBack(space);
  const at = mapAt(program, regs, length, file);
  grant(space);
  return at;
}

/** munmap(address, length). */
export function sysMunmap(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  if (regs.rsi === 0 || regs.rsi > SPACE_END) return -EINVAL;
  const length = up(regs.rsi);
  if (!inRange(start, length) || blocked(program.space, start, start + length)) return -EINVAL;
  takeBack(program.space);
  const error = unmap(program.space, start, start + length);
  grant(program.space);
  return error;
}

/** The end of what may be changed from `start` on, at most `limit`: up to the first area that is not the program's. */
function changeableUntil(space: Space, start: u64, limit: u64): u64 {
  const end = min<u64>(limit, SPACE_END);
  let area = space.areas;
  while (area !== null && area.start < end) {
    if (area.end > start && area.fixed !== 0) return max<u64>(start, area.start);
    area = area.next;
  }
  return end;
}

/** mprotect(address, length, protection). */
export function sysMprotect(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const protection = regs.rdx;
  const grows = protection & PROT_GROWS;
  if (grows === PROT_GROWS || (start & (PAGE - 1)) !== 0) return -EINVAL;
  const length = up(regs.rsi);
  if (regs.rsi === 0) return 0;
  if (length === 0 || start + length <= start) return -ENOMEM;
  if ((protection & ~(PROT_ALL | PROT_SEM | PROT_GROWS)) !== 0) return -EINVAL;
  const space = program.space;
  if (grows !== 0) {
    recordHandedOut(space);
    // No mapping grows by itself.
    return mapped(space, start, start + PAGE) ? -EINVAL : -ENOMEM;
  }
  takeBack(space);
  // What lies before the first address that cannot be changed is.
  const end = changeableUntil(space, start, start + length);
  const rights = (protection & PROT_ALL) as u32;
  let error: i64 = 0;
  if (end > start) {
    // What becomes data by that counts as such.
    const more = (rights & MEM_W) !== 0 ? newData(space, start, end) : 0;
    error = mayExpand(program, 0, more) ? protect(space, start, end, rights) : -ENOMEM;
  }
  grant(space);
  return end === start + length ? error : -ENOMEM;
}

/** All of the range is mapped, which is not empty: 0, or -ENOMEM. */
function wholly(space: Space, start: u64, end: u64): i64 {
  recordHandedOut(space);
  return end <= SPACE_END && mapped(space, start, end) ? 0 : -ENOMEM;
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
  return end === start ? 0 : wholly(program.space, start, end);
}

/** Maps [to, to + size) as `area` has it from `from` on. Returns 0 or -ENOMEM. */
function mapAlike(space: Space, area: Area, from: u64, to: u64, size: u64): i64 {
  const offset = area.offset + (from - area.start);
  const rights = area.rights;
  const node = area.node;
  const future = space.locksNew;
  space.locksNew = area.locked;
  const error =
    node === null || area.shared === 0
      ? map(space, to, to + size, rights, node, offset)
      : mapShared(space, to, to + size, rights, node, offset, area.denied);
  space.locksNew = future;
  return error;
}

/** Moves a mapping to [to, to + size), of which the first `kept` bytes have contents. */
function move(space: Space, from: u64, oldLength: u64, to: u64, size: u64): i64 {
  const area = areaAt(space, from);
  if (area === null) return -EINVAL;
  const error = mapAlike(space, area, from, to, size);
  if (error !== 0) return error;
  const moved = movePages(space, from, to, min<u64>(oldLength, size));
  if (moved !== 0) return moved;
  const gone = unmap(space, from, from + oldLength);
  return gone === 0 ? (to as i64) : gone;
}

function remap(program: Program, regs: Utcb): i64 {
  const space = program.space;
  const start = regs.rdi;
  const flags = regs.r10;
  if ((start & (PAGE - 1)) !== 0 || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) !== 0)
    return -EINVAL;
  if (regs.rdx === 0 || regs.rdx > SPACE_END || regs.rsi > SPACE_END) return -EINVAL;
  const oldLength = up(regs.rsi);
  const size = up(regs.rdx);
  const area = areaAt(space, start);
  if (area === null) return -EFAULT;
  // No length asks for a second mapping of what is shared.
  if (oldLength === 0 && area.shared === 0) return -EINVAL;
  if (!inRange(start, oldLength) || blocked(space, start, start + oldLength)) return -EINVAL;
  const fixed = (flags & MREMAP_FIXED) !== 0;
  // What a mapping is cut by may belong to others; what moves or grows may not.
  if (area.end < start + oldLength && (fixed || size >= oldLength)) return -EFAULT;
  if (fixed) {
    const to = regs.r8;
    if ((flags & MREMAP_MAYMOVE) === 0 || !inRange(to, size) || to < SPACE_START) return -EINVAL;
    if (to < start + oldLength && start < to + size) return -EINVAL;
    if (blocked(space, to, to + size)) return -EINVAL;
    return move(space, start, oldLength, to, size);
  }
  if (size <= oldLength) {
    const error = size === oldLength ? 0 : unmap(space, start + size, start + oldLength);
    return error === 0 ? (start as i64) : error;
  }
  if (area.shared === 0 && size > (totalPages() as u64) * PAGE) return -ENOMEM;
  const more = size - oldLength;
  if (area.locked !== 0 && !mayLockSize(program, lockedSize(space) + more)) return -EAGAIN;
  if (!mayExpand(program, more, isData(area) ? more : 0)) return -ENOMEM;
  const end = start + oldLength;
  if (inRange(start, size) && end === area.end && rangeFree(space, end, start + size)) {
    const error = mapAlike(space, area, end, end, size - oldLength);
    return error === 0 ? (start as i64) : error;
  }
  if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM;
  const room = findRoom(space, size);
  return room === 0 ? -ENOMEM : move(space, start, oldLength, room, size);
}

/** mremap(address, old length, new length, flags, new address). */
export function sysMremap(program: Program, regs: Utcb): i64 {
  const space = program.space;
  takeBack(space);
  const result = remap(program, regs);
  grant(space);
  return result;
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
    if (areaAt(space, page) === null) return -ENOMEM;
    store<u8>(resident, present(space, page) ? 1 : 0);
    if (!copyTo(space, to++, resident, 1)) return -EFAULT;
  }
  return 0;
}

/** Advice that there is: MADV_NORMAL to MADV_DONTNEED, MADV_FREE to MADV_COLLAPSE. */
function isAdvice(advice: u64): bool {
  return advice <= MADV_DONTNEED || (advice >= MADV_FREE && advice <= MADV_LAST);
}

/** MADV_REMOVE: makes a hole in the files behind [start, end), where mappings may write them. Returns 0 or an error. */
function punch(space: Space, start: u64, end: u64): i64 {
  let area = space.areas;
  while (area !== null && area.start < end) {
    if (area.end > start) {
      const node = area.node;
      if (node === null) return -EINVAL;
      if (area.shared === 0 || (area.denied & MEM_W) !== 0) return -EACCES;
      const from = max<u64>(start, area.start);
      const length = min<u64>(end, area.end) - from;
      const offset = (area.offset + (from - area.start)) as i64;
      const mode = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE;
      const error = allocateContents(node, mode, offset, length as i64, ~(0 as u64));
      if (error !== 0) return error;
    }
    area = area.next;
  }
  return 0;
}

/** madvise(address, length, advice): what is mapped of the range is advised, also where it is not all mapped. */
export function sysMadvise(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const advice = regs.rdx;
  if (!isAdvice(advice) || (start & (PAGE - 1)) !== 0) return -EINVAL;
  const length = up(regs.rsi);
  const end = start + length;
  if ((regs.rsi !== 0 && length === 0) || end < start) return -EINVAL;
  if (length === 0) return 0;
  const space = program.space;
  recordHandedOut(space);
  const last = min<u64>(end, SPACE_END);
  if (advice === MADV_REMOVE) {
    const error = punch(space, start, last);
    if (error !== 0) return error;
  }
  if (advice === MADV_DONTNEED || advice === MADV_FREE) {
    if (lockedWithin(space, start, last) !== 0) return -EINVAL;
    forget(space, start, last);
  }
  return wholly(space, start, end);
}
