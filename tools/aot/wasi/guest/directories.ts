// Reading directories: fd_readdir of WASI preview 1. A cookie counts the entries before it, `.` and `..` left out,
// and inode numbers are 0, as libuv's implementation has it: C libraries ask for them where they are needed.

import {
  call1,
  call3,
  call4,
  O_CLOEXEC,
  O_DIRECTORY,
  SYS_CLOSE,
  SYS_GETDENTS64,
  SYS_OPENAT,
} from "./calls";
import { find, host, TYPE_UNKNOWN, typeOf } from "./descriptors";
import { EOVERFLOW, errorOf, SUCCESS } from "./errno";
import { FD_READDIR } from "./rights";
import { ENTRIES, ENTRIES_ROOM, isInside, scratch, WORDS } from "./scratch";
import { load8, load16, store16 } from "./x86";

/** Bytes of a `dirent` before the name. */
const DIRENT: u32 = 24;

/** Fields of `linux_dirent64`. */
const RECORD_LENGTH: u64 = 16;
const RECORD_TYPE: u64 = 18;
const RECORD_NAME: u64 = 19;
const DT_FIFO: u32 = 1;

/** Type of file that `d_type` says, which has the upper bits of `st_mode`; a FIFO is of unknown type here. */
function typeOfEntry(type: u32): u32 {
  return type === DT_FIFO ? TYPE_UNKNOWN : typeOf(type << 12);
}

/** Whether a name is `.` or `..`. */
function isDots(name: u64): bool {
  if (load8(name) !== 0x2e) return false;
  return load8(name + 1) === 0 || (load8(name + 1) === 0x2e && load8(name + 2) === 0);
}

/** Copies what fits of an entry with its name to the buffer; returns the bytes it took. */
function put(record: u64, next: u64, buffer: u32, room: u32): u32 {
  const name = record + RECORD_NAME;
  let length: u32 = 0;
  while (load8(name + length) !== 0) length++;
  store<u64>(buffer, next);
  store<u64>(buffer + 8, 0);
  store<u32>(buffer + 16, length);
  store<u8>(buffer + 20, <u8>typeOfEntry(<u32>load8(record + RECORD_TYPE)));
  const copied = min(length, room - DIRENT);
  for (let i: u32 = 0; i < copied; i++) store<u8>(buffer + DIRENT + i, <u8>load8(name + i));
  return DIRENT + copied;
}

/** Fills the buffer with the entries of an open directory from `cookie` on; returns the bytes or an error. */
function fill(directory: u64, buffer: u32, room: u32, cookie: u64): i64 {
  const entries = scratch(ENTRIES);
  let used: u32 = 0;
  let index: u64 = 0;
  while (true) {
    const bytes = call3(SYS_GETDENTS64, directory, entries, ENTRIES_ROOM);
    if (bytes < 0) return bytes;
    if (bytes === 0) return used;
    for (let at = entries; at < entries + bytes; at += load16(at + RECORD_LENGTH)) {
      if (isDots(at + RECORD_NAME) || ++index <= cookie) continue;
      // A full buffer says that there is more.
      if (room - used < DIRENT) return room;
      used += put(at, index, buffer + used, room - used);
      if (used === room) return room;
    }
  }
}

export function fd_readdir(fd: u32, buffer: u32, room: u32, cookie: u64, at: u32): i32 {
  if (!isInside(buffer, room) || !isInside(at, 4)) return EOVERFLOW;
  const error = find(fd, FD_READDIR);
  if (error !== SUCCESS) return error;
  // A description of its own: others that share the program's are not moved.
  const path = scratch(WORDS);
  store16(path, 0x2e);
  const directory = call4(SYS_OPENAT, host(), path, O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return errorOf(directory);
  const used = fill(directory, buffer, room, cookie);
  call1(SYS_CLOSE, directory);
  if (used < 0) return errorOf(used);
  store<u32>(at, <u32>used);
  return SUCCESS;
}
