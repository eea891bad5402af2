// Descriptor tables: which open file a program's numbers mean, and whether a number closes on exec.

import { EBADF, EMFILE } from "./errno";
import { allocate, release } from "./heap";
import { dropFile, hold, O_PATH, O_RDONLY, O_WRONLY, OpenFile, openNode } from "./open_file";
import { Thread } from "./program";
import { releaseRecords } from "./record_locks";
import { forgetDescriptor } from "./shared_files";
import { Node } from "./tree";

/** Descriptors per program, as Linux limits them by default. */
export const FILES_MAX: u32 = 1024;

/**
 * A table: FILES_MAX pointers, FILES_MAX close-on-exec bytes, the number of threads that have it, for how many
 * descriptors Linux's would have room, beyond which none is open, and a descriptor below which all are.
 */
const TABLE_USERS: u32 = FILES_MAX * 5;
const TABLE_ROOM: u32 = TABLE_USERS + 4;
const TABLE_FULL: u32 = TABLE_ROOM + 4;
const TABLE_BYTES: u32 = TABLE_FULL + 4;

/** What a table of Linux begins with, and what larger ones are multiples of: fs/file.c, alloc_fdtable(). */
const ROOM_LEAST: u32 = 64;
const ROOM_UNIT: u32 = 128;

/** Room for descriptor `fd`: 64, or 128 times a power of two. */
function roomFor(fd: u32): u32 {
  if (fd < ROOM_LEAST) return ROOM_LEAST;
  let room = ROOM_UNIT;
  while (room <= fd) room *= 2;
  return room;
}

/** Descriptors for which `table` has room: it grows with what is opened, and does not shrink but for a copy. */
export function filesRoom(table: usize): u32 {
  return load<u32>(table + TABLE_ROOM);
}

function makeRoom(table: usize, fd: u32): void {
  if (fd >= filesRoom(table)) store<u32>(table + TABLE_ROOM, roomFor(fd));
}

/** The open file behind descriptor `fd`, or null. */
export function fileAt(table: usize, fd: u64): OpenFile | null {
  const number = fd as u32;
  if (number >= FILES_MAX) return null;
  return changetype<OpenFile | null>(load<usize>(table + number * 4));
}

/** The same, unless it was opened for its path alone (O_PATH). */
export function usableFileAt(table: usize, fd: u64): OpenFile | null {
  const file = fileAt(table, fd);
  return file !== null && (file.flags & O_PATH) === 0 ? file : null;
}

/** As `fileAt` for a call of `thread`, which holds it until the call is over. */
export function fileOf(thread: Thread, fd: u64): OpenFile | null {
  const file = fileAt(thread.program.files, fd);
  if (file !== null) hold(thread, file);
  return file;
}

/** The lowest free descriptor from `from` on; `limit` where there is none below that. */
function lowestFree(table: usize, from: u32, limit: u32): u32 {
  const full = load<u32>(table + TABLE_FULL);
  let fd = max<u32>(from, full);
  while (fd < limit && load<usize>(table + fd * 4) !== 0) fd++;
  if (from <= full && fd > full) store<u32>(table + TABLE_FULL, fd);
  return min<u32>(fd, limit);
}

/** There is a free descriptor below `limit`. */
export function hasFreeDescriptor(table: usize, limit: u32): bool {
  return lowestFree(table, 0, limit) < limit;
}

/** Puts `file` at the lowest free descriptor from `from` on, below `limit`. Returns it, or -EMFILE. */
export function installFile(
  table: usize,
  file: OpenFile,
  from: u32,
  limit: u32,
  closing: bool,
): i64 {
  const fd = lowestFree(table, from, limit);
  if (fd >= limit) return -EMFILE;
  file.users++;
  makeRoom(table, fd);
  store<usize>(table + fd * 4, changetype<usize>(file));
  setCloseOnExec(table, fd, closing);
  return fd as i64;
}

export function closeOnExec(table: usize, fd: u32): bool {
  return load<u8>(table + FILES_MAX * 4 + fd) !== 0;
}

export function setCloseOnExec(table: usize, fd: u32, on: bool): void {
  store<u8>(table + FILES_MAX * 4 + fd, on ? 1 : 0);
}

/** Closes descriptor `fd`. Returns 0 or -EBADF. */
export function closeFile(table: usize, fd: u64): i64 {
  const file = fileAt(table, fd);
  if (file === null) return -EBADF;
  store<usize>(table + (fd as u32) * 4, 0);
  if ((fd as u32) < load<u32>(table + TABLE_FULL)) store<u32>(table + TABLE_FULL, fd as u32);
  setCloseOnExec(table, fd as u32, false);
  if (file.share !== 0) forgetDescriptor(file, fd as u32);
  // Whichever of its descriptors a program closes, its locks go.
  if (file.node.records !== 0) releaseRecords(file.node, table);
  const close = file.operations.close;
  close(file);
  file.users--;
  dropFile(file);
  return 0;
}

/** Makes descriptor `to` the same open file as `file`, closing what it was. */
export function replaceFile(table: usize, file: OpenFile, to: u32, closing: bool): void {
  file.users++;
  closeFile(table, to as u64);
  makeRoom(table, to);
  store<usize>(table + to * 4, changetype<usize>(file));
  setCloseOnExec(table, to, closing);
}

/** A table that nobody has yet with the three standard descriptors, open on `input` and `output`; 0 when memory is out. */
export function newFiles(input: Node, output: Node): usize {
  const table = allocate(TABLE_BYTES);
  if (table === 0) return 0;
  for (let fd: u32 = 0; fd < 3; fd++) {
    const file = fd === 0 ? openNode(input, O_RDONLY) : openNode(output, O_WRONLY);
    if (file === null) {
      freeFiles(table);
      return 0;
    }
    installFile(table, file, fd, FILES_MAX, false);
  }
  return table;
}

/** One more thread has `table`. */
export function shareFiles(table: usize): void {
  store<u32>(table + TABLE_USERS, load<u32>(table + TABLE_USERS) + 1);
}

/** A table that nobody has yet with the open files of `table`; 0 when memory is out. */
export function copyFiles(table: usize): usize {
  const copy = allocate(TABLE_BYTES);
  if (copy === 0) return 0;
  const room = filesRoom(table);
  memory.copy(copy, table, room * 4);
  memory.copy(copy + FILES_MAX * 4, table + FILES_MAX * 4, room);
  store<u32>(copy + TABLE_FULL, load<u32>(table + TABLE_FULL));
  for (let fd: u32 = 0; fd < room; fd++) {
    const file = fileAt(copy, fd as u64);
    if (file === null) continue;
    file.users++;
    makeRoom(copy, fd);
  }
  makeRoom(copy, 0);
  return copy;
}

/** More than one thread has `table`. */
export function filesAreShared(table: usize): bool {
  return load<u32>(table + TABLE_USERS) > 1;
}

/** Closes what closes on exec. */
export function closeForExec(table: usize): void {
  const room = filesRoom(table);
  for (let fd: u32 = 0; fd < room; fd++) {
    if (closeOnExec(table, fd)) closeFile(table, fd as u64);
  }
}

/** A thread has `table` no more; the last one closes what is open. */
export function destroyFiles(table: usize): void {
  const users = load<u32>(table + TABLE_USERS) - 1;
  store<u32>(table + TABLE_USERS, users);
  if (users === 0) freeFiles(table);
}

/** Closes what is open in a table that nobody has, and frees it. */
function freeFiles(table: usize): void {
  const room = filesRoom(table);
  for (let fd: u32 = 0; fd < room; fd++) closeFile(table, fd as u64);
  release(table, TABLE_BYTES);
}
