// Open files: the functions fd_* of WASI preview 1 but for those of directories.

import {
  call2,
  call3,
  call4,
  O_APPEND,
  O_DSYNC,
  O_NONBLOCK,
  O_SYNC,
  SYS_FADVISE64,
  SYS_FALLOCATE,
  SYS_FCNTL,
  SYS_FDATASYNC,
  SYS_FSYNC,
  SYS_FTRUNCATE,
  SYS_LSEEK,
  SYS_PREADV,
  SYS_PWRITEV,
  SYS_READV,
  SYS_UTIMENSAT,
  SYS_WRITEV,
} from "./calls";
import {
  find,
  host,
  inheriting,
  preopenName,
  preopenNameLength,
  restrict,
  rights,
  STAT_MODE,
  stat,
  TYPE_DIRECTORY,
  type,
  typeOf,
} from "./descriptors";
import { EBADF, EINVAL, ENOBUFS, EOVERFLOW, errorOf, SUCCESS } from "./errno";
import * as Rights from "./rights";
import { absolute, IOVEC_COUNT, IOVECS, isInside, STAT, scratch, WORDS } from "./scratch";
import { load8, load32, load64, store64 } from "./x86";

const F_GETFL: u64 = 3;
const F_SETFL: u64 = 4;

/** `fdflags` */
export const FDFLAGS_APPEND: u32 = 1;
export const FDFLAGS_DSYNC: u32 = 2;
export const FDFLAGS_NONBLOCK: u32 = 4;
export const FDFLAGS_RSYNC: u32 = 8;
export const FDFLAGS_SYNC: u32 = 16;

/** Flags of Linux for `fdflags`. */
export function openFlags(flags: u32): u32 {
  let out: u32 = 0;
  if ((flags & FDFLAGS_APPEND) !== 0) out |= O_APPEND;
  if ((flags & FDFLAGS_DSYNC) !== 0) out |= O_DSYNC;
  if ((flags & FDFLAGS_NONBLOCK) !== 0) out |= O_NONBLOCK;
  // Linux has no O_RSYNC; its C libraries make it O_SYNC.
  if ((flags & (FDFLAGS_RSYNC | FDFLAGS_SYNC)) !== 0) out |= O_SYNC;
  return out;
}

/** A vector of buffers is read, 1024 of them at a time: 0 in `error`, and how many were taken. */
let vectorError: i32 = SUCCESS;

/** Turns at most 1024 pairs of u32 pointer and length into iovecs; returns the bytes they have. */
function vector(iovecs: u32, count: u32): u64 {
  const out = scratch(IOVECS);
  let bytes: u64 = 0;
  vectorError = SUCCESS;
  for (let i: u32 = 0; i < count; i++) {
    const pointer = load<u32>(iovecs + (i << 3));
    const length = load<u32>(iovecs + (i << 3) + 4);
    if (!isInside(pointer, length)) {
      vectorError = EOVERFLOW;
      return 0;
    }
    store64(out + ((<u64>i) << 4), absolute(pointer));
    store64(out + ((<u64>i) << 4) + 8, length);
    bytes += length;
  }
  return bytes;
}

/** All buffers are checked before the first one is used. */
function check(iovecs: u32, count: u32, at: u32): i32 {
  if (!isInside(iovecs, (<u64>count) << 3) || !isInside(at, 4)) return EOVERFLOW;
  for (let i: u32 = 0; i < count; i++) {
    if (!isInside(load<u32>(iovecs + (i << 3)), load<u32>(iovecs + (i << 3) + 4))) return EOVERFLOW;
  }
  return SUCCESS;
}

/** Reads or writes the buffers with `call`, at `offset` where it takes one, and stores how many bytes it was. */
function transfer(call: u64, iovecs: u32, count: u32, offset: u64, at: u32): i32 {
  let done: u64 = 0;
  while (count > 0) {
    const some = min(count, IOVEC_COUNT);
    const bytes = vector(iovecs, some);
    // What has been transferred counts, whatever comes behind it.
    if (vectorError !== SUCCESS) {
      if (done === 0) return vectorError;
      break;
    }
    const result = call4(call, host(), scratch(IOVECS), some, offset + done);
    if (result < 0) {
      if (done === 0) return errorOf(result);
      break;
    }
    done += <u64>result;
    if (<u64>result < bytes) break;
    iovecs += some << 3;
    count -= some;
  }
  store<u32>(at, <u32>done);
  return SUCCESS;
}

export function fd_read(fd: u32, iovecs: u32, count: u32, at: u32): i32 {
  let error = check(iovecs, count, at);
  if (error === SUCCESS) error = find(fd, Rights.FD_READ);
  return error !== SUCCESS ? error : transfer(SYS_READV, iovecs, count, 0, at);
}

export function fd_write(fd: u32, iovecs: u32, count: u32, at: u32): i32 {
  let error = check(iovecs, count, at);
  if (error === SUCCESS) error = find(fd, Rights.FD_WRITE);
  return error !== SUCCESS ? error : transfer(SYS_WRITEV, iovecs, count, 0, at);
}

export function fd_pread(fd: u32, iovecs: u32, count: u32, offset: u64, at: u32): i32 {
  let error = check(iovecs, count, at);
  if (error !== SUCCESS) return error;
  if (<i64>offset < 0) return EINVAL;
  error = find(fd, Rights.FD_READ | Rights.FD_SEEK);
  return error !== SUCCESS ? error : transfer(SYS_PREADV, iovecs, count, offset, at);
}

export function fd_pwrite(fd: u32, iovecs: u32, count: u32, offset: u64, at: u32): i32 {
  let error = check(iovecs, count, at);
  if (error !== SUCCESS) return error;
  if (<i64>offset < 0) return EINVAL;
  error = find(fd, Rights.FD_WRITE | Rights.FD_SEEK);
  return error !== SUCCESS ? error : transfer(SYS_PWRITEV, iovecs, count, offset, at);
}

function seek(offset: u64, whence: u32, at: u32): i32 {
  const result = call3(SYS_LSEEK, host(), offset, whence);
  if (result < 0) return errorOf(result);
  store<u64>(at, result);
  return SUCCESS;
}

/** `whence` is SET, CUR, END, as Linux counts them. */
export function fd_seek(fd: u32, offset: u64, whence: u32, at: u32): i32 {
  if (!isInside(at, 8)) return EOVERFLOW;
  const error = find(fd, Rights.FD_SEEK);
  if (error !== SUCCESS) return error;
  return (whence & 0xff) > 2 ? EINVAL : seek(offset, whence & 0xff, at);
}

export function fd_tell(fd: u32, at: u32): i32 {
  if (!isInside(at, 8)) return EOVERFLOW;
  const error = find(fd, Rights.FD_TELL);
  return error !== SUCCESS ? error : seek(0, 1, at);
}

export function fd_sync(fd: u32): i32 {
  const error = find(fd, Rights.FD_SYNC);
  return error !== SUCCESS ? error : errorOf(call2(SYS_FSYNC, host(), 0));
}

export function fd_datasync(fd: u32): i32 {
  const error = find(fd, Rights.FD_DATASYNC);
  return error !== SUCCESS ? error : errorOf(call2(SYS_FDATASYNC, host(), 0));
}

/** `advice` is NORMAL, SEQUENTIAL, RANDOM, WILLNEED, DONTNEED, NOREUSE; Linux has the second two the other way. */
export function fd_advise(fd: u32, offset: u64, length: u64, advice: u32): i32 {
  advice &= 0xff;
  if (advice > 5) return EINVAL;
  let error = find(fd, Rights.FD_ADVISE);
  if (error !== SUCCESS) return error;
  error = stat(host());
  if (error !== SUCCESS) return error;
  if (typeOf(<u32>load32(scratch(STAT) + STAT_MODE)) === TYPE_DIRECTORY) return EBADF;
  const number = advice === 1 || advice === 2 ? 3 - advice : advice;
  return errorOf(call4(SYS_FADVISE64, host(), offset, length, number));
}

export function fd_allocate(fd: u32, offset: u64, length: u64): i32 {
  const error = find(fd, Rights.FD_ALLOCATE);
  // Nothing is what Linux refuses to allocate.
  if (error !== SUCCESS || length === 0) return error;
  return errorOf(call4(SYS_FALLOCATE, host(), 0, offset, length));
}

export function fd_fdstat_get(fd: u32, at: u32): i32 {
  if (!isInside(at, 24)) return EOVERFLOW;
  const error = find(fd, 0);
  if (error !== SUCCESS) return error;
  const result = call2(SYS_FCNTL, host(), F_GETFL);
  if (result < 0) return errorOf(result);
  const set = <u32>result;
  let flags: u32 = 0;
  if ((set & O_APPEND) !== 0) flags |= FDFLAGS_APPEND;
  if ((set & O_DSYNC) !== 0) flags |= FDFLAGS_DSYNC;
  if ((set & O_NONBLOCK) !== 0) flags |= FDFLAGS_NONBLOCK;
  if ((set & O_SYNC) === O_SYNC) flags |= FDFLAGS_RSYNC | FDFLAGS_SYNC;
  store<u8>(at, <u8>type());
  store<u16>(at + 2, <u16>flags);
  store<u64>(at + 8, rights());
  store<u64>(at + 16, inheriting());
  return SUCCESS;
}

export function fd_fdstat_set_flags(fd: u32, flags: u32): i32 {
  const error = find(fd, Rights.FD_FDSTAT_SET_FLAGS);
  return error !== SUCCESS
    ? error
    : errorOf(call3(SYS_FCNTL, host(), F_SETFL, openFlags(flags & 0xffff)));
}

export function fd_fdstat_set_rights(fd: u32, rights: u64, inheriting: u64): i32 {
  const error = find(fd, 0);
  return error !== SUCCESS ? error : restrict(rights, inheriting);
}

/** Stores the `stat` in the scratch area as a `filestat`. */
export function storeFilestat(at: u32): void {
  const from = scratch(STAT);
  store<u64>(at, load64(from));
  store<u64>(at + 8, load64(from + 8));
  store<u64>(at + 16, typeOf(<u32>load32(from + STAT_MODE)));
  store<u64>(at + 24, load64(from + 16));
  store<u64>(at + 32, load64(from + 48));
  for (let i: u32 = 0; i < 3; i++) {
    const time = from + 72 + ((<u64>i) << 4);
    store<u64>(at + 40 + (i << 3), load64(time) * 1000000000 + load64(time + 8));
  }
}

export function fd_filestat_get(fd: u32, at: u32): i32 {
  if (!isInside(at, 64)) return EOVERFLOW;
  let error = find(fd, Rights.FD_FILESTAT_GET);
  if (error === SUCCESS) error = stat(host());
  if (error === SUCCESS) storeFilestat(at);
  return error;
}

export function fd_filestat_set_size(fd: u32, size: u64): i32 {
  const error = find(fd, Rights.FD_FILESTAT_SET_SIZE);
  return error !== SUCCESS ? error : errorOf(call2(SYS_FTRUNCATE, host(), size));
}

/** One timespec of utimensat: the time given, now, or what it is. */
function storeTime(at: u64, time: u64, flags: u32): void {
  const UTIME_NOW: u64 = 0x3fffffff;
  const UTIME_OMIT: u64 = 0x3ffffffe;
  if ((flags & 1) !== 0) {
    store64(at, time / 1000000000);
    store64(at + 8, time % 1000000000);
  } else store64(at + 8, (flags & 2) !== 0 ? UTIME_NOW : UTIME_OMIT);
}

/** Whether `fstflags` (access time, access time now, and modification times) make sense. */
export function areTimes(flags: u32): bool {
  return flags < 16 && (flags & 3) !== 3 && (flags & 12) !== 12;
}

/** Puts the argument of utimensat into the scratch area and returns its address. */
export function times(access: u64, modification: u64, flags: u32): u64 {
  const at = scratch(WORDS);
  storeTime(at, access, flags);
  storeTime(at + 16, modification, flags >> 2);
  return at;
}

export function fd_filestat_set_times(fd: u32, access: u64, modification: u64, flags: u32): i32 {
  flags &= 0xffff;
  if (!areTimes(flags)) return EINVAL;
  const error = find(fd, Rights.FD_FILESTAT_SET_TIMES);
  if (error !== SUCCESS) return error;
  return errorOf(call4(SYS_UTIMENSAT, host(), 0, times(access, modification, flags), 0));
}

export function fd_prestat_get(fd: u32, at: u32): i32 {
  if (!isInside(at, 8)) return EOVERFLOW;
  const error = find(fd, 0);
  if (error !== SUCCESS) return error;
  if (preopenName() === 0) return EINVAL;
  store<u32>(at, 0);
  store<u32>(at + 4, <u32>preopenNameLength());
  return SUCCESS;
}

export function fd_prestat_dir_name(fd: u32, buffer: u32, length: u32): i32 {
  if (!isInside(buffer, length)) return EOVERFLOW;
  const error = find(fd, 0);
  if (error !== SUCCESS) return error;
  if (preopenName() === 0) return EBADF;
  const size = <u32>preopenNameLength();
  if (size > length) return ENOBUFS;
  for (let i: u32 = 0; i < size; i++) store<u8>(buffer + i, <u8>load8(preopenName() + i));
  return SUCCESS;
}
