// The functions path_* of WASI preview 1.

import {
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  call3,
  call4,
  call5,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  SYS_LINKAT,
  SYS_MKDIRAT,
  SYS_NEWFSTATAT,
  SYS_OPENAT,
  SYS_READLINKAT,
  SYS_RENAMEAT,
  SYS_SYMLINKAT,
  SYS_UNLINKAT,
  SYS_UTIMENSAT,
} from "./calls";
import { find, host, insert, insertError } from "./descriptors";
import { EINVAL, EISDIR, ENOBUFS, EOVERFLOW, EPERM, errorOf, SUCCESS } from "./errno";
import {
  areTimes,
  FDFLAGS_DSYNC,
  FDFLAGS_RSYNC,
  FDFLAGS_SYNC,
  openFlags,
  storeFilestat,
  times,
} from "./files";
import * as Rights from "./rights";
import { isInside, STAT, scratch, TARGET } from "./scratch";
import {
  ALWAYS,
  BEFORE_SLASH,
  check,
  hasSlash,
  leave,
  NEVER,
  name,
  parent,
  putSlash,
  walk,
} from "./walk";
import { load8, store8 } from "./x86";

/** `lookupflags` */
const SYMLINK_FOLLOW: u32 = 1;
/** `oflags` */
const OFLAGS_CREAT: u32 = 1;
const OFLAGS_DIRECTORY: u32 = 2;
const OFLAGS_EXCL: u32 = 4;
const OFLAGS_TRUNC: u32 = 8;

/** How a call treats a link that its path ends in. */
function asLookup(flags: u32): i32 {
  return (flags & SYMLINK_FOLLOW) !== 0 ? ALWAYS : BEFORE_SLASH;
}

/** Looks up a directory and the path in it; what it has opened is to be given to `done`. */
function enter(fd: u32, rights: u64, path: u32, length: u32, follow: i32): i32 {
  if (!isInside(path, length)) return EOVERFLOW;
  const error = find(fd, rights);
  return error !== SUCCESS ? error : walk(host(), path, length, follow, 0);
}

/** Ends a call whose one path has been walked. */
function done(result: i64): i32 {
  leave(parent, host());
  return errorOf(result);
}

export function path_create_directory(fd: u32, path: u32, length: u32): i32 {
  const error = enter(fd, Rights.PATH_CREATE_DIRECTORY, path, length, NEVER);
  if (error !== SUCCESS) return error;
  return done(call3(SYS_MKDIRAT, parent, name, 0x1ff));
}

export function path_remove_directory(fd: u32, path: u32, length: u32): i32 {
  const error = enter(fd, Rights.PATH_REMOVE_DIRECTORY, path, length, NEVER);
  if (error !== SUCCESS) return error;
  putSlash();
  return done(call3(SYS_UNLINKAT, parent, name, AT_REMOVEDIR));
}

export function path_unlink_file(fd: u32, path: u32, length: u32): i32 {
  const error = enter(fd, Rights.PATH_UNLINK_FILE, path, length, NEVER);
  if (error !== SUCCESS) return error;
  putSlash();
  return done(call3(SYS_UNLINKAT, parent, name, 0));
}

export function path_filestat_get(fd: u32, flags: u32, path: u32, length: u32, at: u32): i32 {
  if (!isInside(path, length) || !isInside(at, 64)) return EOVERFLOW;
  let error = enter(fd, Rights.PATH_FILESTAT_GET, path, length, asLookup(flags));
  if (error !== SUCCESS) return error;
  error = done(call4(SYS_NEWFSTATAT, parent, name, scratch(STAT), AT_SYMLINK_NOFOLLOW));
  if (error === SUCCESS) storeFilestat(at);
  return error;
}

export function path_filestat_set_times(
  fd: u32,
  flags: u32,
  path: u32,
  length: u32,
  access: u64,
  modification: u64,
  which: u32,
): i32 {
  which &= 0xffff;
  if (!isInside(path, length)) return EOVERFLOW;
  const capable = find(fd, Rights.PATH_FILESTAT_SET_TIMES);
  if (capable !== SUCCESS) return capable;
  if (!areTimes(which)) return EINVAL;
  const error = walk(host(), path, length, asLookup(flags), 0);
  if (error !== SUCCESS) return error;
  const at = times(access, modification, which);
  return done(call4(SYS_UTIMENSAT, parent, name, at, AT_SYMLINK_NOFOLLOW));
}

export function path_open(
  fd: u32,
  lookup: u32,
  path: u32,
  length: u32,
  how: u32,
  rights: u64,
  inheriting: u64,
  fdflags: u32,
  at: u32,
): i32 {
  if (!isInside(path, length) || !isInside(at, 4)) return EOVERFLOW;
  const read = (rights & (Rights.FD_READ | Rights.FD_READDIR)) !== 0;
  const write =
    (rights &
      (Rights.FD_DATASYNC | Rights.FD_WRITE | Rights.FD_ALLOCATE | Rights.FD_FILESTAT_SET_SIZE)) !==
    0;
  let flags: u32 = write ? (read ? O_RDWR : O_WRONLY) : 0;
  let needed = Rights.PATH_OPEN;
  let passed = rights | inheriting;
  if ((how & OFLAGS_CREAT) !== 0) {
    flags |= O_CREAT;
    needed |= Rights.PATH_CREATE_FILE;
  }
  if ((how & OFLAGS_DIRECTORY) !== 0) flags |= O_DIRECTORY;
  if ((how & OFLAGS_EXCL) !== 0) flags |= O_EXCL;
  if ((how & OFLAGS_TRUNC) !== 0) {
    flags |= O_TRUNC;
    needed |= Rights.PATH_FILESTAT_SET_SIZE;
  }
  flags |= openFlags(fdflags & 0xffff);
  if ((fdflags & FDFLAGS_DSYNC) !== 0) passed |= Rights.FD_DATASYNC;
  if ((fdflags & (FDFLAGS_RSYNC | FDFLAGS_SYNC)) !== 0) passed |= Rights.FD_SYNC;
  // Without O_APPEND and O_TRUNC the program writes where it likes.
  if (write && (fdflags & 1) === 0 && (how & OFLAGS_TRUNC) === 0) passed |= Rights.FD_SEEK;
  let error = find(fd, needed, passed);
  if (error !== SUCCESS) return error;
  // As for the other implementations a link is followed also where `lookup` does not say so, unless it must be new.
  const isNew = (how & (OFLAGS_CREAT | OFLAGS_EXCL)) === (OFLAGS_CREAT | OFLAGS_EXCL);
  const follow = isNew ? asLookup(lookup) : ALWAYS;
  error = walk(host(), path, length, follow, 0);
  if (error !== SUCCESS) return error;
  if (hasSlash) {
    if ((how & OFLAGS_CREAT) !== 0) {
      leave(parent, host());
      return EISDIR;
    }
    flags |= O_DIRECTORY;
  }
  const file = call4(SYS_OPENAT, parent, name, flags | O_NOFOLLOW | O_CLOEXEC, 0x1b6);
  error = done(file);
  if (error !== SUCCESS) return error;
  const number = insert(<u32>file, flags, rights, inheriting);
  if (insertError === SUCCESS) store<u32>(at, number);
  return insertError;
}

export function path_readlink(
  fd: u32,
  path: u32,
  length: u32,
  buffer: u32,
  room: u32,
  at: u32,
): i32 {
  if (!isInside(path, length) || !isInside(buffer, room) || !isInside(at, 4)) return EOVERFLOW;
  let error = enter(fd, Rights.PATH_READLINK, path, length, BEFORE_SLASH);
  if (error !== SUCCESS) return error;
  const target = scratch(TARGET);
  const size = call4(SYS_READLINKAT, parent, name, target, 4096);
  error = done(size);
  if (error !== SUCCESS) return error;
  // Node's implementation ends the text with a zero, which needs room.
  if (<u64>size >= room) return ENOBUFS;
  for (let i: u32 = 0; i < <u32>size; i++) store<u8>(buffer + i, <u8>load8(target + i));
  store<u8>(buffer + <u32>size, 0);
  store<u32>(at, <u32>size);
  return SUCCESS;
}

export function path_symlink(old: u32, oldLength: u32, fd: u32, path: u32, length: u32): i32 {
  if (!isInside(old, oldLength) || !isInside(path, length)) return EOVERFLOW;
  let error = find(fd, Rights.PATH_SYMLINK);
  if (error !== SUCCESS) return error;
  if (oldLength > 0 && load<u8>(old) === 0x2f) return EPERM;
  error = check(old, oldLength);
  if (error !== SUCCESS) return error;
  error = walk(host(), path, length, NEVER, 0);
  if (error !== SUCCESS) return error;
  putSlash();
  const target = scratch(TARGET);
  for (let i: u32 = 0; i < oldLength; i++) store8(target + i, load<u8>(old + i));
  store8(target + oldLength, 0);
  return done(call3(SYS_SYMLINKAT, target, parent, name));
}

/** Walks both paths and gives `call` the two names. */
function both(
  call: u64,
  fd: u32,
  rights: u64,
  follow: i32,
  path: u32,
  length: u32,
  newFd: u32,
  newRights: u64,
  newPath: u32,
  newLength: u32,
): i32 {
  if (!isInside(path, length) || !isInside(newPath, newLength)) return EOVERFLOW;
  let error = find(fd, fd === newFd ? rights | newRights : rights);
  if (error !== SUCCESS) return error;
  const top = host();
  error = find(newFd, newRights);
  if (error !== SUCCESS) return error;
  const newTop = host();
  error = walk(top, path, length, follow, 0);
  if (error !== SUCCESS) return error;
  if (follow === NEVER) putSlash();
  const from = parent;
  const fromName = name;
  error = walk(newTop, newPath, newLength, NEVER, 1);
  if (error === SUCCESS) {
    putSlash();
    error = errorOf(call5(call, from, fromName, parent, name, 0));
    leave(parent, newTop);
  }
  leave(from, top);
  return error;
}

export function path_rename(
  fd: u32,
  path: u32,
  length: u32,
  newFd: u32,
  newPath: u32,
  newLength: u32,
): i32 {
  return both(
    SYS_RENAMEAT,
    fd,
    Rights.PATH_RENAME_SOURCE,
    NEVER,
    path,
    length,
    newFd,
    Rights.PATH_RENAME_TARGET,
    newPath,
    newLength,
  );
}

export function path_link(
  fd: u32,
  flags: u32,
  path: u32,
  length: u32,
  newFd: u32,
  newPath: u32,
  newLength: u32,
): i32 {
  return both(
    SYS_LINKAT,
    fd,
    Rights.PATH_LINK_SOURCE,
    asLookup(flags),
    path,
    length,
    newFd,
    Rights.PATH_LINK_TARGET,
    newPath,
    newLength,
  );
}
