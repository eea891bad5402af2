// Descriptor tables: which open file a program's numbers mean, and whether a number closes on exec.

import { PAGE_SIZE } from "../libhedron/abi";
import { EBADF, EMFILE, ENOMEM } from "./errno";
import { forgetFileMark } from "./file_events";
import { allocate, create, destroy, release } from "./heap";
import { dropFile, hold, O_PATH, O_RDONLY, O_WRONLY, OpenFile, openNode } from "./open_file";
import { totalPages } from "./pages";
import { Thread } from "./program";
import { releaseRecords } from "./record_locks";
import { forgetDescriptor } from "./shared_files";
import { Node } from "./tree";

/** Descriptors that a table may have at most, and does unless /proc/sys/fs/nr_open says otherwise: Linux's default for that. */
export const FILES_MAX: u32 = 1 << 20;
/** Limits of the first programs, as include/asm-generic/resource.h has them: without privilege, and unless they ask for more. */
export const FILES_HARD: u32 = 4096;
export const FILES_SOFT: u32 = 1024;
/** Descriptors that tables grow to at present. */
const most = memory.data<u32>([1 << 20]);
/** What tables for more than FILES_HARD descriptors may take together, as a part of RAM, and the bytes they do take. */
const LARGE_PART: u32 = 16;
let largeBytes: u64 = 0;

@unmanaged
class Table {
  /** Threads that have it. */
  users: u32;
  /** Descriptors there is room for: as many as in Linux's. */
  room: u32;
  /** Below it all descriptors are open. */
  full: u32;
  /** Pointers to open files, then a byte for each: it closes on exec. 0 where `room` is 0. */
  entries: usize;
}

/** Bytes that a descriptor takes. */
const ENTRY_BYTES: u32 = 5;

/** What a table of Linux begins with, and what larger ones are multiples of: fs/file.c, alloc_fdtable(). */
export const ROOM_LEAST: u32 = 64;
const ROOM_UNIT: u32 = 128;

/**
 * The last descriptor that there is room for in the table of a line's first process: bash(1) keeps its script or terminal
 * there, the table that fork(2) makes of its own is as large, and execve(2), which closes it, leaves it so.
 */
const SHELLS_LAST: u32 = 255;

/** Room for descriptor `fd`: 64, or 128 times a power of two. */
function roomFor(fd: u32): u32 {
  if (fd < ROOM_LEAST) return ROOM_LEAST;
  let room = ROOM_UNIT;
  while (room <= fd) room *= 2;
  return room;
}

/** Descriptors for which `table` has room: it grows with what is opened, and does not shrink but for a copy. */
export function filesRoom(table: usize): u32 {
  return changetype<Table>(table).room;
}

/** Where the number is that tables do not grow beyond (u32), as programs set it: /proc/sys/fs/nr_open. */
export function filesMost(): usize {
  return most;
}

/** `table` has room for descriptor `fd`, or may grow for it: expand_files() of Linux. */
function mayReach(table: Table, fd: u32): bool {
  return fd < table.room || fd < load<u32>(most);
}

/** Entries for `room` descriptors; 0 when memory, or what of it is for large tables, is out. */
function allocateEntries(room: u32): usize {
  const bytes = room * ENTRY_BYTES;
  const large = room > FILES_HARD;
  const allowed = ((totalPages() as u64) * PAGE_SIZE) / LARGE_PART;
  if (large && largeBytes + (bytes as u64) > allowed) return 0;
  const entries = allocate(bytes);
  if (large && entries !== 0) largeBytes += bytes as u64;
  return entries;
}

function releaseEntries(entries: usize, room: u32): void {
  const bytes = room * ENTRY_BYTES;
  if (room > FILES_HARD) largeBytes -= bytes as u64;
  release(entries, bytes);
}

/** Gives `table` room for descriptor `fd`. False when memory is out. */
function makeRoom(table: Table, fd: u32): bool {
  const old = table.room;
  if (fd < old) return true;
  const room = roomFor(fd);
  const entries = allocateEntries(room);
  if (entries === 0) return false;
  if (old !== 0) {
    memory.copy(entries, table.entries, old * 4);
    memory.copy(entries + room * 4, table.entries + old * 4, old);
    releaseEntries(table.entries, old);
  }
  table.entries = entries;
  table.room = room;
  return true;
}

/** The open file behind descriptor `fd`, or null. */
export function fileAt(table: usize, fd: u64): OpenFile | null {
  const number = fd as u32;
  const own = changetype<Table>(table);
  if (number >= own.room) return null;
  return changetype<OpenFile | null>(load<usize>(own.entries + number * 4));
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

/** The lowest descriptor from `from` on that is free. */
function firstFree(table: Table, from: u32): u32 {
  let fd = max<u32>(from, table.full);
  while (fd < table.room && load<usize>(table.entries + fd * 4) !== 0) fd++;
  if (from <= table.full) table.full = fd;
  return fd;
}

/** There is a free descriptor below `limit`. */
export function hasFreeDescriptor(table: usize, limit: u32): bool {
  return firstFree(changetype<Table>(table), 0) < limit;
}

/** The lowest free descriptor from `from` on, below `limit`, with room for it; or -EMFILE or -ENOMEM. */
export function freeDescriptor(table: usize, from: u32, limit: u32): i64 {
  const own = changetype<Table>(table);
  const fd = firstFree(own, from);
  if (fd >= limit || !mayReach(own, fd)) return -EMFILE;
  return makeRoom(own, fd) ? (fd as i64) : -ENOMEM;
}

/** Puts `file` at the lowest free descriptor from `from` on, below `limit`. Returns it, -EMFILE or -ENOMEM. */
export function installFile(
  table: usize,
  file: OpenFile,
  from: u32,
  limit: u32,
  closing: bool,
): i64 {
  const free = freeDescriptor(table, from, limit);
  if (free < 0) return free;
  const own = changetype<Table>(table);
  const fd = free as u32;
  file.users++;
  store<usize>(own.entries + fd * 4, changetype<usize>(file));
  setCloseOnExec(table, fd, closing);
  return free;
}

export function closeOnExec(table: usize, fd: u32): bool {
  const own = changetype<Table>(table);
  return fd < own.room && load<u8>(own.entries + own.room * 4 + fd) !== 0;
}

/** `fd` is open. */
export function setCloseOnExec(table: usize, fd: u32, on: bool): void {
  const own = changetype<Table>(table);
  store<u8>(own.entries + own.room * 4 + fd, on ? 1 : 0);
}

/** Closes descriptor `fd`. Returns 0 or -EBADF. */
export function closeFile(table: usize, fd: u64): i64 {
  const file = fileAt(table, fd);
  if (file === null) return -EBADF;
  const own = changetype<Table>(table);
  store<usize>(own.entries + (fd as u32) * 4, 0);
  own.full = min<u32>(own.full, fd as u32);
  setCloseOnExec(table, fd as u32, false);
  if (file.share !== 0) forgetDescriptor(file, fd as u32);
  // Whichever of its descriptors a program closes, its locks go, and what it has asked to be told.
  const node = file.node;
  if (node.records !== 0) releaseRecords(node, table);
  if (node.marks !== 0) forgetFileMark(node, table, changetype<usize>(file));
  const close = file.operations.close;
  close(file);
  file.users--;
  dropFile(file);
  return 0;
}

/** Makes descriptor `to` the same open file as `file`, closing what it was. Returns 0, -EBADF or -ENOMEM. */
export function replaceFile(table: usize, file: OpenFile, to: u32, closing: bool): i64 {
  const own = changetype<Table>(table);
  if (!mayReach(own, to)) return -EBADF;
  if (!makeRoom(own, to)) return -ENOMEM;
  file.users++;
  closeFile(table, to as u64);
  store<usize>(own.entries + to * 4, changetype<usize>(file));
  setCloseOnExec(table, to, closing);
  return 0;
}

/**
 * A table that nobody has yet with the three standard descriptors, open on `input` and `output`, as a shell leaves it to
 * the programs that it starts; 0 when memory is out.
 */
export function newFiles(input: Node, output: Node): usize {
  const table = changetype<usize>(create<Table>());
  if (table === 0) return 0;
  if (!makeRoom(changetype<Table>(table), SHELLS_LAST)) {
    freeFiles(table);
    return 0;
  }
  for (let fd: u32 = 0; fd < 3; fd++) {
    const file = fd === 0 ? openNode(input, O_RDONLY) : openNode(output, O_WRONLY);
    if (file !== null && installFile(table, file, fd, FILES_MAX, false) >= 0) continue;
    if (file !== null) dropFile(file);
    freeFiles(table);
    return 0;
  }
  return table;
}

/** One more thread has `table`. */
export function shareFiles(table: usize): void {
  changetype<Table>(table).users++;
}

/** One past the last open descriptor of `table`. */
function openUntil(table: Table): u32 {
  let end = table.room;
  while (end > 0 && load<usize>(table.entries + (end - 1) * 4) === 0) end--;
  return end;
}

/** What of `table` is below descriptor `end` may be copied, by units of the smallest table: dup_fd() of Linux. */
export function mayCopyFiles(table: usize, end: u32 = FILES_MAX): bool {
  const units = (load<u32>(most) + ROOM_LEAST - 1) / ROOM_LEAST;
  return min<u32>(openUntil(changetype<Table>(table)), end) <= units * ROOM_LEAST;
}

/** A table that nobody has yet with the open files of `table`; 0 when memory is out. */
export function copyFiles(table: usize): usize {
  const from = changetype<Table>(table);
  const end = openUntil(from);
  const copy = create<Table>();
  if (copy === null) return 0;
  if (!makeRoom(copy, end === 0 ? 0 : end - 1)) {
    destroy<Table>(copy);
    return 0;
  }
  copy.full = min<u32>(from.full, end);
  memory.copy(copy.entries, from.entries, end * 4);
  memory.copy(copy.entries + copy.room * 4, from.entries + from.room * 4, end);
  for (let fd: u32 = 0; fd < end; fd++) {
    const file = fileAt(changetype<usize>(copy), fd as u64);
    if (file !== null) file.users++;
  }
  return changetype<usize>(copy);
}

/** More than one thread has `table`. */
export function filesAreShared(table: usize): bool {
  return changetype<Table>(table).users > 1;
}

/** Closes what closes on exec. */
export function closeForExec(table: usize): void {
  for (let fd: u32 = 0; fd < filesRoom(table); fd++) {
    if (closeOnExec(table, fd)) closeFile(table, fd as u64);
  }
}

/** A thread has `table` no more; the last one closes what is open. */
export function destroyFiles(table: usize): void {
  const own = changetype<Table>(table);
  own.users--;
  if (own.users === 0) freeFiles(table);
}

/** Closes what is open in a table that nobody has, and frees it. */
function freeFiles(table: usize): void {
  const own = changetype<Table>(table);
  for (let fd: u32 = 0; fd < own.room; fd++) closeFile(table, fd as u64);
  if (own.room !== 0) releaseEntries(own.entries, own.room);
  destroy<Table>(own);
}
