// The table of file descriptors of WASI preview 1: what each is in Linux, its type and its rights; and the
// directories that are there from the start (docs/toolchain.md, "WASI").

import { preopenList } from "./arguments";
import {
  AT_FDCWD,
  call1,
  call2,
  call3,
  call4,
  call5,
  exit,
  map,
  O_CLOEXEC,
  O_DIRECTORY,
  O_RDWR,
  O_WRONLY,
  SYS_CLOSE,
  SYS_FSTAT,
  SYS_GETSOCKOPT,
  SYS_IOCTL,
  SYS_OPENAT,
  SYS_RT_SIGACTION,
  SYS_WRITEV,
  unmap,
} from "./calls";
import { EBADF, EINVAL, ENOTCAPABLE, errorOf, SUCCESS } from "./errno";
import { ALL, DIRECTORY, FD_READ, FD_WRITE, REGULAR_FILE, SOCKET, TTY } from "./rights";
import { IOVECS, STAT, scratch, WORDS } from "./scratch";
import { load8, load32, load64, store8, store32, store64 } from "./x86";

export const TYPE_UNKNOWN: u32 = 0;
export const TYPE_BLOCK_DEVICE: u32 = 1;
export const TYPE_CHARACTER_DEVICE: u32 = 2;
export const TYPE_DIRECTORY: u32 = 3;
export const TYPE_REGULAR_FILE: u32 = 4;
export const TYPE_SOCKET_DGRAM: u32 = 5;
export const TYPE_SOCKET_STREAM: u32 = 6;
export const TYPE_SYMBOLIC_LINK: u32 = 7;

/** Fields of an entry: u32 Linux descriptor, u32 type, u64 rights (twice), u64 name and length of a preopen. */
const HOST: u64 = 0;
const TYPE: u64 = 4;
const RIGHTS: u64 = 8;
const INHERITING: u64 = 16;
const NAME: u64 = 24;
const NAME_SIZE: u64 = 32;
const ENTRY: u64 = 40;
/** Type of an entry that is free. */
const FREE: u32 = 0xff;
/** Entries of the first table; it doubles where they are not enough. */
const FIRST_CAPACITY: u32 = 100;

const SIGPIPE: u64 = 13;
/** Exit status where a directory of WASI_PREOPENS cannot be opened. */
const NO_PREOPEN_STATUS: u32 = 126;

let table: u64 = 0;
let capacity: u32 = 0;
/** Address of the entry that `find` has found. */
let entry: u64 = 0;

/** Types of file in the upper bits of `st_mode` that WASI makes one of. */
const S_IFIFO: u32 = 1;
const S_IFSOCK: u32 = 12;

/** Type of file that `st_mode` says. */
export function typeOf(mode: u32): u32 {
  switch (mode >> 12) {
    case S_IFIFO:
    case S_IFSOCK:
      return TYPE_SOCKET_STREAM;
    case 2:
      return TYPE_CHARACTER_DEVICE;
    case 4:
      return TYPE_DIRECTORY;
    case 6:
      return TYPE_BLOCK_DEVICE;
    case 8:
      return TYPE_REGULAR_FILE;
    case 10:
      return TYPE_SYMBOLIC_LINK;
  }
  return TYPE_UNKNOWN;
}

/** Offset of `st_mode`. */
export const STAT_MODE: u64 = 24;

/** Puts the `stat` of a Linux descriptor into the scratch area. */
export function stat(host: u64): i32 {
  return errorOf(call2(SYS_FSTAT, host, scratch(STAT)));
}

function slot(fd: u32): u64 {
  return table + <u64>fd * ENTRY;
}

function grow(to: u32): void {
  const larger = map(<u64>to * ENTRY);
  const used = <u64>capacity * ENTRY;
  for (let i: u64 = 0; i < used; i += 8) store64(larger + i, load64(table + i));
  if (table !== 0) unmap(table, used);
  table = larger;
  for (let fd = capacity; fd < to; fd++) store32(slot(fd) + TYPE, FREE);
  capacity = to;
}

function set(fd: u32, host: u32, type: u32, rights: u64, inheriting: u64): void {
  const at = slot(fd);
  store32(at + HOST, host);
  store32(at + TYPE, type);
  store64(at + RIGHTS, rights);
  store64(at + INHERITING, inheriting);
  store64(at + NAME, 0);
}

/** Most rights that an open file of a type can have, for itself and for what is opened below it. */
let maximum: u64 = 0;
let maximumInheriting: u64 = 0;

/** The type of the open file, with `maximum` of it; `flags` are those it was opened with. */
function classify(host: u32, flags: u32): u32 {
  const mode = <u32>load32(scratch(STAT) + STAT_MODE);
  let type = typeOf(mode);
  maximumInheriting = 0;
  if (type === TYPE_REGULAR_FILE) maximum = REGULAR_FILE;
  else if (type === TYPE_DIRECTORY) {
    maximum = DIRECTORY;
    maximumInheriting = DIRECTORY | REGULAR_FILE;
  } else if (type === TYPE_SOCKET_STREAM) {
    // SOL_SOCKET, SO_TYPE: SOCK_DGRAM is 2.
    const words = scratch(WORDS);
    store64(words + 8, 4);
    if (
      mode >> 12 === S_IFSOCK &&
      call5(SYS_GETSOCKOPT, host, 1, 3, words, words + 8) === 0 &&
      load32(words) === 2
    ) {
      type = TYPE_SOCKET_DGRAM;
    }
    maximum = SOCKET;
    maximumInheriting = ALL;
  } else if (type === TYPE_CHARACTER_DEVICE && isTerminal(host)) maximum = TTY;
  else {
    maximum = ALL;
    maximumInheriting = ALL;
  }
  const access = flags & (O_WRONLY | O_RDWR);
  if (access === 0) maximum &= ~FD_WRITE;
  else if (access === O_WRONLY) maximum &= ~FD_READ;
  return type;
}

function isTerminal(host: u32): bool {
  // TCGETS
  return call3(SYS_IOCTL, host, 0x5401, scratch(WORDS)) === 0;
}

/** Makes the table: standard streams, then the directories of WASI_PREOPENS. */
function prepare(): void {
  grow(FIRST_CAPACITY);
  // A pipe without a reader is an error of the call, as under a runtime that has no signals.
  const action = scratch(WORDS);
  store64(action, 1);
  for (let i: u64 = 8; i < 32; i += 8) store64(action + i, 0);
  call4(SYS_RT_SIGACTION, SIGPIPE, action, 0, 8);
  for (let fd: u32 = 0; fd < 3; fd++) {
    if (stat(fd) !== SUCCESS) continue;
    const type = classify(fd, O_RDWR);
    if (type !== TYPE_UNKNOWN) set(fd, fd, type, maximum, maximumInheriting);
  }
  const list = preopenList();
  if (list !== 0) preopenAll(list);
  else {
    const here = scratch(IOVECS) - 8;
    store64(here, 0x2e);
    // Where it cannot be opened nobody has asked for it.
    preopen(3, here, here, 1);
  }
}

/** Opens what `NAME=DIRECTORY:…` lists; a name alone is the directory's own. The text is cut where it is. */
function preopenAll(list: u64): void {
  let fd: u32 = 3;
  while (load8(list) !== 0) {
    let directory = list;
    let length: u64 = 0;
    let end = list;
    for (; load8(end) !== 0 && load8(end) !== 0x3a; end++) {
      if (load8(end) === 0x3d && directory === list) {
        length = end - list;
        directory = end + 1;
      }
    }
    if (directory === list) length = end - list;
    const more = load8(end) !== 0;
    store8(end, 0);
    if (end !== list) {
      if (fd === capacity) grow(capacity * 2);
      if (!preopen(fd++, directory, list, length)) fail(directory);
    }
    list = more ? end + 1 : end;
  }
}

/** Whether the directory could be opened. */
function preopen(fd: u32, path: u64, name: u64, length: u64): bool {
  const host = call4(SYS_OPENAT, AT_FDCWD, path, O_DIRECTORY | O_CLOEXEC, 0);
  if (host < 0) return false;
  set(fd, <u32>host, TYPE_DIRECTORY, DIRECTORY, DIRECTORY | REGULAR_FILE);
  store64(slot(fd) + NAME, name);
  store64(slot(fd) + NAME_SIZE, length);
  return true;
}

/** Ends the program with "WASI_PREOPENS: cannot open PATH" on standard error. */
function fail(path: u64): void {
  const iovecs = scratch(IOVECS);
  const text = iovecs + 0x100;
  store64(text, 0x4552505f49534157); // "WASI_PRE"
  store64(text + 8, 0x63203a534e45504f); // "OPENS: c"
  store64(text + 16, 0x706f20746f6e6e61); // "annot op"
  store64(text + 24, 0x0a206e65); // "en ", and the line's end
  let length: u64 = 0;
  while (load8(path + length) !== 0) length++;
  store64(iovecs, text);
  store64(iovecs + 8, 27);
  store64(iovecs + 16, path);
  store64(iovecs + 24, length);
  store64(iovecs + 32, text + 27);
  store64(iovecs + 40, 1);
  call3(SYS_WRITEV, 2, iovecs, 3);
  exit(NO_PREOPEN_STATUS);
}

/**
 * Looks up an open file that has the rights given; the functions below then speak of it. Returns the error where
 * it does not exist or lacks rights.
 */
export function find(fd: u32, rights: u64, inheriting: u64 = 0): i32 {
  if (table === 0) prepare();
  if (fd >= capacity) return EBADF;
  const at = slot(fd);
  if (load32(at + TYPE) === FREE) return EBADF;
  if ((~load64(at + RIGHTS) & rights) !== 0 || (~load64(at + INHERITING) & inheriting) !== 0) {
    return ENOTCAPABLE;
  }
  entry = at;
  return SUCCESS;
}

/** Linux descriptor of the file found. */
export function host(): u64 {
  return load32(entry + HOST);
}

export function type(): u32 {
  return <u32>load32(entry + TYPE);
}

export function rights(): u64 {
  return load64(entry + RIGHTS);
}

export function inheriting(): u64 {
  return load64(entry + INHERITING);
}

/** Takes rights away; error where one is asked for that the file does not have. */
export function restrict(rights: u64, inheriting: u64): i32 {
  if ((rights & ~load64(entry + RIGHTS)) !== 0) return ENOTCAPABLE;
  if ((inheriting & ~load64(entry + INHERITING)) !== 0) return ENOTCAPABLE;
  store64(entry + RIGHTS, rights);
  store64(entry + INHERITING, inheriting);
  return SUCCESS;
}

/** Address of the name of a directory that was there from the start, 0 for other files. */
export function preopenName(): u64 {
  return load64(entry + NAME);
}

export function preopenNameLength(): u64 {
  return load64(entry + NAME_SIZE);
}

/** The lowest number that is free. */
function lowestFree(): u32 {
  for (let fd: u32 = 0; fd < capacity; fd++) {
    if (load32(slot(fd) + TYPE) === FREE) return fd;
  }
  const fd = capacity;
  grow(capacity * 2);
  return fd;
}

/** Error of the last `insert`. */
export let insertError: i32 = SUCCESS;

/**
 * Gives the Linux descriptor, opened with `flags`, the lowest free number, with those of the rights that its type
 * can have; closes it where `insertError` is set.
 */
export function insert(host: u32, flags: u32, rights: u64, inheriting: u64): u32 {
  insertError = stat(host);
  let type = TYPE_UNKNOWN;
  if (insertError === SUCCESS) {
    type = classify(host, flags);
    if (type === TYPE_UNKNOWN) insertError = EINVAL;
  }
  if (insertError !== SUCCESS) {
    call1(SYS_CLOSE, host);
    return 0;
  }
  const fd = lowestFree();
  set(fd, host, type, rights & maximum, inheriting & maximumInheriting);
  return fd;
}

export function fd_close(fd: u32): i32 {
  let error = find(fd, 0);
  if (error !== SUCCESS) return error;
  error = errorOf(call1(SYS_CLOSE, host()));
  if (error === SUCCESS) store32(entry + TYPE, FREE);
  return error;
}

export function fd_renumber(from: u32, to: u32): i32 {
  let error = find(from, 0);
  if (error !== SUCCESS) return from === to ? SUCCESS : error;
  if (from === to) return SUCCESS;
  const source = entry;
  error = find(to, 0);
  if (error !== SUCCESS) return error;
  error = errorOf(call1(SYS_CLOSE, host()));
  if (error !== SUCCESS) return error;
  for (let i: u64 = 0; i < ENTRY; i += 8) store64(entry + i, load64(source + i));
  store32(source + TYPE, FREE);
  return SUCCESS;
}
