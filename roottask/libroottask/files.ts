// Open files: the descriptor table of a process and reading, writing and positioning through it, with the
// results POSIX gives (negative error numbers). Used by the file service and by the Linux personality.
// Standard input is empty; standard output and error are the log.

import { RIGHT_READ, RIGHT_WRITE } from "../libhedron/abi";
import { bootTime, monotonic } from "./clock";
import { put } from "./console";
import {
  EBADF,
  EEXIST,
  EFAULT,
  EFBIG,
  EINVAL,
  EISDIR,
  ELOOP,
  EMFILE,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  ESPIPE,
} from "./errno";
import { allocate, create, destroy, release } from "./heap";
import { randomBytes } from "./random";
import { inPage, pointerTo, Space } from "./space";
import {
  attach,
  dispose,
  FILE_MAX,
  KIND_CONSOLE,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  KIND_NULL,
  KIND_RANDOM,
  KIND_ZERO,
  Node,
  newNode,
  reserve,
  resize,
  setTime,
  walk,
  walkDirectory,
  walkName,
  walkNameLength,
  walkNode,
  walkSlash,
} from "./tree";

/** Flags of open(2), include/uapi/asm-generic/fcntl.h. */
export const O_ACCMODE: u32 = 3;
export const O_RDONLY: u32 = 0;
export const O_WRONLY: u32 = 1;
export const O_RDWR: u32 = 2;
export const O_CREAT: u32 = 0o100;
export const O_EXCL: u32 = 0o200;
export const O_TRUNC: u32 = 0o1000;
export const O_APPEND: u32 = 0o2000;
export const O_NONBLOCK: u32 = 0o4000;
export const O_DIRECTORY: u32 = 0o200000;
export const O_NOFOLLOW: u32 = 0o400000;
export const O_CLOEXEC: u32 = 0o2000000;
export const O_PATH: u32 = 0o10000000;

export const SEEK_SET: u32 = 0;
export const SEEK_CUR: u32 = 1;
export const SEEK_END: u32 = 2;

/** Descriptors per process, as Linux limits them by default. */
export const FILES_MAX: u32 = 1024;

@unmanaged
export class OpenFile {
  node: Node;
  /** Flags of open(2) that last: access mode, O_APPEND, O_NONBLOCK, O_PATH. */
  flags: u32;
  /** Descriptors that share it. */
  users: u32;
  position: i64;
}

/** A table: FILES_MAX pointers, then FILES_MAX close-on-exec bytes. */
const TABLE_BYTES: u32 = FILES_MAX * 5;

let console: Node | null = null;

/** Seconds since 1970 now, for new and changed files. */
export function fileTime(): i64 {
  return bootTime() + ((monotonic() / 1_000_000_000) as i64);
}

function openNode(node: Node, flags: u32): OpenFile | null {
  const file = create<OpenFile>();
  if (file === null) return null;
  file.node = node;
  file.flags = flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_PATH | O_DIRECTORY);
  node.users++;
  return file;
}

/** The node behind the standard descriptors of all programs; it is never freed. */
function consoleNode(): Node | null {
  if (console === null) {
    console = newNode(KIND_CONSOLE, 0o600);
    const made = console;
    if (made !== null) made.users = 1;
  }
  return console;
}

/** A table with the three standard descriptors, or 0 when memory is out. */
export function newFiles(): usize {
  const table = allocate(TABLE_BYTES);
  const node = consoleNode();
  if (table === 0 || node === null) return 0;
  for (let fd: u32 = 0; fd < 3; fd++) {
    const file = openNode(node, fd === 0 ? O_RDONLY : O_WRONLY);
    if (file === null) return 0;
    file.users = 1;
    store<usize>(table + fd * 4, changetype<usize>(file));
  }
  return table;
}

/** The open file behind descriptor `fd`, or null. */
export function fileAt(table: usize, fd: u64): OpenFile | null {
  const number = fd as u32;
  if (number >= FILES_MAX) return null;
  return changetype<OpenFile | null>(load<usize>(table + number * 4));
}

/** Puts `file` at the lowest free descriptor from `from` on. Returns it, or -EMFILE. */
export function installFile(table: usize, file: OpenFile, from: u32, closeOnExec: bool): i64 {
  for (let fd = from; fd < FILES_MAX; fd++) {
    if (load<usize>(table + fd * 4) !== 0) continue;
    file.users++;
    store<usize>(table + fd * 4, changetype<usize>(file));
    setCloseOnExec(table, fd, closeOnExec);
    return fd as i64;
  }
  return -EMFILE;
}

export function closeOnExec(table: usize, fd: u32): bool {
  return load<u8>(table + FILES_MAX * 4 + fd) !== 0;
}

export function setCloseOnExec(table: usize, fd: u32, on: bool): void {
  store<u8>(table + FILES_MAX * 4 + fd, on ? 1 : 0);
}

function dropFile(file: OpenFile): void {
  if (file.users !== 0) return;
  const node = file.node;
  node.users--;
  dispose(node);
  destroy<OpenFile>(file);
}

/** Closes descriptor `fd`. Returns 0 or -EBADF. */
export function closeFile(table: usize, fd: u64): i64 {
  const file = fileAt(table, fd);
  if (file === null) return -EBADF;
  store<usize>(table + (fd as u32) * 4, 0);
  file.users--;
  dropFile(file);
  return 0;
}

/** Makes descriptor `to` the same open file as `file`, closing what it was. */
export function replaceFile(table: usize, file: OpenFile, to: u32, closing: bool): void {
  file.users++;
  closeFile(table, to as u64);
  store<usize>(table + to * 4, changetype<usize>(file));
  setCloseOnExec(table, to, closing);
}

export function destroyFiles(table: usize): void {
  for (let fd: u32 = 0; fd < FILES_MAX; fd++) closeFile(table, fd as u64);
  release(table, TABLE_BYTES);
}

/** Opens `path`, seen from directory `base`. Returns a descriptor or a negative error number. */
export function openPath(
  table: usize,
  base: Node,
  path: usize,
  length: u32,
  flags: u32,
  mode: u32,
): i64 {
  const follow = (flags & O_NOFOLLOW) === 0 && (flags & (O_CREAT | O_EXCL)) !== (O_CREAT | O_EXCL);
  const error = walk(base, path, length, follow);
  if (error !== 0) return error;
  let node = walkNode;
  if (node === null) {
    if ((flags & O_CREAT) === 0) return -ENOENT;
    if (walkSlash) return -EISDIR;
    const made = newNode(KIND_FILE, mode & 0o7777);
    if (made === null) return -ENOMEM;
    setTime(made, fileTime(), 0);
    const attached = attach(walkDirectory as Node, made, walkName, walkNameLength);
    if (attached !== 0) return attached;
    node = made;
  } else {
    if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
    if (node.kind === KIND_LINK && (flags & O_PATH) === 0) return -ELOOP;
    if (node.kind === KIND_DIRECTORY) {
      if ((flags & O_ACCMODE) !== O_RDONLY || (flags & O_CREAT) !== 0) return -EISDIR;
    } else if ((flags & O_DIRECTORY) !== 0) {
      return -ENOTDIR;
    }
    if ((flags & O_TRUNC) !== 0 && (flags & O_ACCMODE) !== O_RDONLY && node.kind === KIND_FILE) {
      const emptied = resize(node, 0);
      if (emptied !== 0) return emptied;
      setTime(node, fileTime(), 0);
    }
  }
  const file = openNode(node, flags);
  if (file === null) return -ENOMEM;
  const fd = installFile(table, file, 0, (flags & O_CLOEXEC) !== 0);
  dropFile(file);
  return fd;
}

export function readable(file: OpenFile): bool {
  return (file.flags & O_ACCMODE) !== O_WRONLY && (file.flags & O_PATH) === 0;
}

export function writable(file: OpenFile): bool {
  return (file.flags & O_ACCMODE) !== O_RDONLY && (file.flags & O_PATH) === 0;
}

/** The node has no position: pread, pwrite and lseek fail with ESPIPE. */
export function isStream(node: Node): bool {
  return node.kind === KIND_CONSOLE;
}

/** Reads up to `length` bytes at `position` of the node into the program at `address`. */
function readNode(space: Space, node: Node, position: i64, address: u64, length: u64): i64 {
  if (node.kind === KIND_DIRECTORY) return -EISDIR;
  if (node.kind === KIND_NULL || node.kind === KIND_CONSOLE) return 0;
  let left = length;
  if (node.kind === KIND_FILE) {
    if (position >= (node.size as i64)) return 0;
    left = min<u64>(left, (node.size as u64) - (position as u64));
  }
  let done: u64 = 0;
  while (done < left) {
    const to = pointerTo(space, address + done, RIGHT_WRITE);
    if (to === 0) return done === 0 ? -EFAULT : (done as i64);
    const piece = inPage(address + done, left - done);
    if (node.kind === KIND_FILE) memory.copy(to, node.data + ((position + done) as u32), piece);
    else if (node.kind === KIND_ZERO) memory.fill(to, 0, piece);
    else randomBytes(to, piece);
    done += piece as u64;
  }
  return done as i64;
}

/** Writes `length` bytes of the program at `address` to `position` of the node. */
function writeNode(space: Space, node: Node, position: i64, address: u64, length: u64): i64 {
  if (node.kind === KIND_DIRECTORY) return -EISDIR;
  if (node.kind === KIND_FILE) {
    if (length === 0) return 0;
    if (position > (FILE_MAX as i64) || length > (FILE_MAX as u64) - (position as u64))
      return -EFBIG;
    if (pointerTo(space, address, RIGHT_READ) === 0) return -EFAULT;
    const end = (position as u32) + (length as u32);
    const error = end > node.size ? resize(node, end) : reserve(node, node.size);
    if (error !== 0) return error;
    setTime(node, fileTime(), 0);
  }
  let done: u64 = 0;
  while (done < length) {
    const from = pointerTo(space, address + done, RIGHT_READ);
    if (from === 0) return done === 0 ? -EFAULT : (done as i64);
    const piece = inPage(address + done, length - done);
    if (node.kind === KIND_FILE) memory.copy(node.data + ((position + done) as u32), from, piece);
    else if (node.kind === KIND_CONSOLE) put(from, piece);
    else if (node.kind === KIND_RANDOM) return length as i64;
    done += piece as u64;
  }
  return done as i64;
}

/** read(2): at and past the file's position. */
export function readFile(space: Space, file: OpenFile, address: u64, length: u64): i64 {
  if (!readable(file)) return -EBADF;
  const result = readNode(space, file.node, file.position, address, length);
  if (result > 0) file.position += result;
  return result;
}

/** pread(2). */
export function readFileAt(
  space: Space,
  file: OpenFile,
  address: u64,
  length: u64,
  position: i64,
): i64 {
  if (position < 0) return -EINVAL;
  if (!readable(file)) return -EBADF;
  if (isStream(file.node)) return -ESPIPE;
  return readNode(space, file.node, position, address, length);
}

/** write(2). */
export function writeFile(space: Space, file: OpenFile, address: u64, length: u64): i64 {
  if (!writable(file)) return -EBADF;
  if ((file.flags & O_APPEND) !== 0) file.position = file.node.size as i64;
  const result = writeNode(space, file.node, file.position, address, length);
  if (result > 0) file.position += result;
  return result;
}

/** pwrite(2). */
export function writeFileAt(
  space: Space,
  file: OpenFile,
  address: u64,
  length: u64,
  position: i64,
): i64 {
  if (position < 0) return -EINVAL;
  if (!writable(file)) return -EBADF;
  if (isStream(file.node)) return -ESPIPE;
  const at = (file.flags & O_APPEND) !== 0 ? (file.node.size as i64) : position;
  return writeNode(space, file.node, at, address, length);
}

/** lseek(2). */
export function seekFile(file: OpenFile, offset: i64, whence: u32): i64 {
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  if (isStream(file.node)) return -ESPIPE;
  if (whence > SEEK_END) return -EINVAL;
  let base: i64 = 0;
  if (whence === SEEK_CUR) base = file.position;
  else if (whence === SEEK_END && file.node.kind === KIND_FILE) base = file.node.size as i64;
  const position = base + offset;
  if (position < 0 || (offset > 0 && position < base)) return -EINVAL;
  file.position = position;
  return position;
}
