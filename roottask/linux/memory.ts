// Memory: brk(2), mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2). Protection bits are the rights
// bits of the kernel interface. Shared writable mappings of files are refused: nothing writes them back.

import { MEM_W } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import {
  areaAt,
  blocked,
  findRoom,
  mapped,
  rangeFree,
  SPACE_END,
  SPACE_START,
  Space,
} from "../libroottask/areas";
import { fileAt } from "../libroottask/descriptors";
import { EACCES, EBADF, EEXIST, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP } from "../libroottask/errno";
import { backingNode, readable, writable } from "../libroottask/open_file";
import { totalPages } from "../libroottask/pages";
import { grant, recordHandedOut, takeBack } from "../libroottask/pregrant";
import { Program } from "../libroottask/program";
import { forget, map, movePages, protect, touch, unmap } from "../libroottask/space";
import { Node } from "../libroottask/tree";

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
const MAP_NORESERVE: u64 = 0x4000;
const MAP_POPULATE: u64 = 0x8000;
const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;

const MREMAP_MAYMOVE: u64 = 1;
const MREMAP_FIXED: u64 = 2;

const MADV_DONTNEED: u64 = 4;
const MADV_FREE: u64 = 8;
const MADV_REMOVE: u64 = 9;
const MADV_LAST: u64 = 25;

function up(value: u64): u64 {
  return (value + PAGE - 1) & ~(PAGE - 1);
}

/** [start, start + length) is page-aligned, not empty and below the end. */
function inRange(start: u64, length: u64): bool {
  return (start & (PAGE - 1)) === 0 && length <= SPACE_END && start <= SPACE_END - length;
}

/** Moves the break to `wanted`: where it is then. */
function moveBreak(space: Space, wanted: u64): i64 {
  const old = up(space.breakEnd);
  if (wanted < space.breakStart || wanted > space.top) return space.breakEnd as i64;
  const end = up(wanted);
  if (end > old) {
    if (!rangeFree(space, old, end)) return space.breakEnd as i64;
    if (end - old > (totalPages() as u64) * PAGE) return space.breakEnd as i64;
    if (map(space, old, end, 3, null, 0) !== 0) return space.breakEnd as i64;
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
  const result = moveBreak(space, regs.rdi);
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

/** Finds what backs a mapping of descriptor `fd`, for `backing`. Returns 0 or a negative error. */
let backing: Node | null = null;

function findBacking(program: Program, fd: u64, protection: u64, flags: u64): i64 {
  const file = fileAt(program.files, fd);
  if (file === null) return -EBADF;
  const shared = (flags & MAP_TYPE) !== MAP_PRIVATE;
  const writing = (protection & (MEM_W as u64)) !== 0;
  if (!readable(file) || (shared && writing && !writable(file))) return -EACCES;
  const map = file.operations.map;
  const error = map(file, shared, writing);
  backing = backingNode;
  return error;
}

/** Maps what mmap asks for, `length` being in whole pages: where, or a negative error. */
function mapAt(space: Space, regs: Utcb, length: u64): i64 {
  const flags = regs.r10;
  const at = place(space, regs.rdi, length, flags);
  if (at < 0) return at;
  const start = at as u64;
  const rights = (regs.rdx & PROT_ALL) as u32;
  const error = map(space, start, start + length, rights, backing, regs.r9);
  if (error !== 0) return error;
  if ((flags & MAP_POPULATE) !== 0 && rights !== 0) {
    for (let page = start; page < start + length; page += PAGE) touch(space, page, 0);
  }
  return at;
}

/** mmap(address, length, protection, flags, fd, offset). */
export function sysMmap(program: Program, regs: Utcb): i64 {
  const space = program.space;
  const protection = regs.rdx;
  const flags = regs.r10;
  const type = flags & MAP_TYPE;
  if (regs.rsi === 0 || (regs.r9 & (PAGE - 1)) !== 0) return -EINVAL;
  if (type !== MAP_SHARED && type !== MAP_PRIVATE && type !== MAP_SHARED_VALIDATE) return -EINVAL;
  if (regs.rsi > SPACE_END) return -ENOMEM;
  const length = up(regs.rsi);
  backing = null;
  if ((flags & MAP_ANONYMOUS) === 0) {
    const error = findBacking(program, regs.r8, protection, flags);
    if (error !== 0) return error;
  }
  const limited = (flags & MAP_NORESERVE) === 0 && (protection & (MEM_W as u64)) !== 0;
  if (limited && length > (totalPages() as u64) * PAGE) return -ENOMEM;
  takeBack(space);
  const at = mapAt(space, regs, length);
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

/** mprotect(address, length, protection). */
export function sysMprotect(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const protection = regs.rdx & 0xffff_ffff;
  const grows = protection & PROT_GROWS;
  if (grows === PROT_GROWS || (start & (PAGE - 1)) !== 0) return -EINVAL;
  if (regs.rsi > SPACE_END) return -ENOMEM;
  const length = up(regs.rsi);
  if (length === 0) return 0;
  if (!inRange(start, length)) return -ENOMEM;
  if ((protection & ~(PROT_ALL | PROT_SEM | PROT_GROWS)) !== 0) return -EINVAL;
  const space = program.space;
  if (grows !== 0) {
    recordHandedOut(space);
    // No mapping grows by itself.
    return mapped(space, start, start + PAGE) ? -EINVAL : -ENOMEM;
  }
  if (blocked(space, start, start + length)) return -ENOMEM;
  takeBack(space);
  const error = protect(space, start, start + length, (protection & PROT_ALL) as u32);
  grant(space);
  return error;
}

/** msync(address, length, flags): there is nothing to write back. */
export function sysMsync(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const flags = regs.rdx & 0xffff_ffff;
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0) return -EINVAL;
  if ((start & (PAGE - 1)) !== 0 || (flags & (MS_ASYNC | MS_SYNC)) === (MS_ASYNC | MS_SYNC)) {
    return -EINVAL;
  }
  return sysMlock(program, regs);
}

/** mlock(address, length), munlock(2): pages stay where they are anyway; the range has to be mapped. */
export function sysMlock(program: Program, regs: Utcb): i64 {
  const start = regs.rdi & ~(PAGE - 1);
  if (regs.rsi > SPACE_END) return -ENOMEM;
  const length = up(regs.rsi + (regs.rdi - start));
  if (length === 0) return 0;
  recordHandedOut(program.space);
  return inRange(start, length) && mapped(program.space, start, start + length) ? 0 : -ENOMEM;
}

/** Moves a mapping to [to, to + size), of which the first `kept` bytes have contents. */
function move(space: Space, from: u64, oldLength: u64, to: u64, size: u64): i64 {
  const area = areaAt(space, from);
  if (area === null) return -EINVAL;
  const offset = area.offset + (from - area.start);
  const error = map(space, to, to + size, area.rights, area.node, offset);
  if (error !== 0) return error;
  const moved = movePages(space, from, to, min<u64>(oldLength, size));
  if (moved !== 0) return moved;
  const gone = unmap(space, from, from + oldLength);
  return gone === 0 ? (to as i64) : gone;
}

function remap(space: Space, regs: Utcb): i64 {
  const start = regs.rdi;
  const flags = regs.r10;
  if ((start & (PAGE - 1)) !== 0 || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) !== 0)
    return -EINVAL;
  if (regs.rdx === 0 || regs.rdx > SPACE_END || regs.rsi === 0 || regs.rsi > SPACE_END)
    return -EINVAL;
  const oldLength = up(regs.rsi);
  const size = up(regs.rdx);
  if (!inRange(start, oldLength) || blocked(space, start, start + oldLength)) return -EINVAL;
  const area = areaAt(space, start);
  if (area === null || area.end < start + oldLength) return -EFAULT;
  if ((flags & MREMAP_FIXED) !== 0) {
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
  if (size > (totalPages() as u64) * PAGE) return -ENOMEM;
  const end = start + oldLength;
  if (inRange(start, size) && end === area.end && rangeFree(space, end, start + size)) {
    const offset = area.offset + (end - area.start);
    const error = map(space, end, start + size, area.rights, area.node, offset);
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
  const result = remap(space, regs);
  grant(space);
  return result;
}

/** madvise(address, length, advice). */
export function sysMadvise(program: Program, regs: Utcb): i64 {
  const start = regs.rdi;
  const advice = regs.rdx;
  if (regs.rsi > SPACE_END) return -EINVAL;
  const length = up(regs.rsi);
  if (!inRange(start, length) || advice > MADV_LAST) return -EINVAL;
  if (advice === MADV_REMOVE) return -EOPNOTSUPP;
  if (length === 0) return 0;
  recordHandedOut(program.space);
  if (!mapped(program.space, start, start + length)) return -ENOMEM;
  if (advice === MADV_DONTNEED || advice === MADV_FREE)
    forget(program.space, start, start + length);
  return 0;
}
