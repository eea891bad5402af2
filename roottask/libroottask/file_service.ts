// The file service of native and hybrid programs, one portal for all requests. Opening, reading, writing, seeking and
// closing are as the published runtime environment has them (libhrstd: rt/services/fs); status, unlinking and
// directories follow in the same manner. Whatever is wrong is answered with -1, and nothing has happened.

import {
  FILES_CLOSE,
  FILES_MAKE_DIRECTORY,
  FILES_OPEN,
  FILES_READ,
  FILES_READ_DIRECTORY,
  FILES_REMOVE_DIRECTORY,
  FILES_SEEK,
  FILES_STAT,
  FILES_STAT_OPEN,
  FILES_UNLINK,
  FILES_WRITE,
  WRITE_BYTE,
  WRITE_EMBEDDED,
  WRITE_POINTER,
} from "../libhrstd/layout";
import {
  bytesAddress,
  bytesLength,
  read16,
  read32,
  read64,
  readBytes,
  readVarint,
  wireClose,
  wireError,
  wireSkip,
  wireWrite,
  write8,
  write32,
  write64,
  writeBytes,
} from "../libhrstd/postcard";
import { endLine, say, sayDecimal, saySigned, sayText } from "./console";
import { closeFile, fileAt, fileOf } from "./descriptors";
import { EBADF, EINVAL, ENOENT, ENOTDIR } from "./errno";
import { makeNode, removeName } from "./file_names";
import { directoryType, typeOf } from "./file_type";
import { LOG_TRACE, lineAbout, logs, MODULE_SERVICES } from "./log";
import {
  endCall,
  O_CREAT,
  O_PATH,
  OpenFile,
  readFile,
  SEEK_SET,
  seekFile,
  writeFile,
} from "./open_file";
import { openPath } from "./open_path";
import { Program, Thread } from "./program";
import {
  entryEnd,
  entryName,
  entryNameLength,
  entryNode,
  openEntries,
  readEntry,
} from "./read_directory";
import { equalsLiteral } from "./text";
import { transferOf } from "./transfer";
import { KIND_DIRECTORY, NAME_MAX, Node, sizeOf, walk, walkNode } from "./tree";

/** The largest position the answer to a seek has room for. */
const POSITION_MAX: i64 = 0x7fff_ffff;

const SLASH: u8 = 47;
/** Permissions of directories that are made on the way to a file. */
const PARENT_MODE: u32 = 0o755;

/** The path of the request in work. */
let path: usize = 0;
let pathLength: u32 = 0;
/** What the answer to FILES_STAT and FILES_READ_DIRECTORY is about. */
let statNode: Node | null = null;
let isEntry: bool = false;

/** Reads a path; false where there is none in the message or it has a NUL, which no name can have. */
function readPath(): bool {
  if (!readBytes()) return false;
  path = bytesAddress as usize;
  pathLength = bytesLength;
  for (let i: u32 = 0; i < pathLength; i++) {
    if (load<u8>(path + i) === 0) return false;
  }
  return true;
}

/** Every component of the path is a name that a directory or file can have, the last one included. */
function hasNames(): bool {
  let length: u32 = 0;
  for (let i: u32 = 0; i <= pathLength; i++) {
    if (i < pathLength && load<u8>(path + i) !== SLASH) {
      length++;
      continue;
    }
    const name = path + i - length;
    if (length > NAME_MAX || (i === pathLength && length === 0)) return false;
    if (equalsLiteral(name, length, ".") || equalsLiteral(name, length, "..")) return false;
    length = 0;
  }
  return true;
}

/**
 * Makes the directories on the way to the path's last component that are not there. The published file system has no
 * directories, so its programs make files in any.
 */
function makeParents(program: Program): bool {
  if (!hasNames()) return false;
  for (let i: u32 = 1; i < pathLength; i++) {
    if (load<u8>(path + i) !== SLASH) continue;
    if (walk(program.directoryMount, program.directory, path, i, true) !== 0) return false;
    if (walkNode === null && makeNode(KIND_DIRECTORY, PARENT_MODE) !== 0) return false;
  }
  return true;
}

function open(thread: Thread): i64 {
  const program = thread.program;
  if (!readPath()) return -EINVAL;
  const flags = read32() as u32;
  const mode = read16() as u32;
  if (wireError) return -EINVAL;
  const result = openPath(
    thread,
    program.directoryMount,
    program.directory,
    path,
    pathLength,
    flags,
    mode,
  );
  if (result !== -ENOENT || (flags & O_CREAT) === 0 || !makeParents(program)) return result;
  return openPath(thread, program.directoryMount, program.directory, path, pathLength, flags, mode);
}

function read(thread: Thread): i64 {
  const fd = read32();
  const address = read64();
  const length = read64();
  if (wireError) return -EINVAL;
  const file = fileOf(thread, fd);
  if (file === null) return -EBADF;
  transferOf(thread.transfer, thread.program.space, address, length);
  return readFile(thread, file, thread.transfer);
}

function write(thread: Thread): i64 {
  const fd = read32();
  const kind = readVarint();
  let address: u64 = 0;
  let length: u64 = 0;
  if (kind === WRITE_POINTER) {
    address = read64();
  } else if (kind === WRITE_EMBEDDED && readBytes()) {
    address = bytesAddress;
    length = bytesLength as u64;
  } else if (kind === WRITE_BYTE) {
    address = wireSkip(1);
    length = 1;
  } else {
    return -EINVAL;
  }
  const count = read64();
  if (wireError || (kind !== WRITE_POINTER && count !== length)) return -EINVAL;
  const file = fileOf(thread, fd);
  if (file === null) return -EBADF;
  const space = kind === WRITE_POINTER ? thread.program.space : null;
  transferOf(thread.transfer, space, address, count);
  const result = writeFile(thread, file, thread.transfer);
  // There are no signals here.
  thread.broken = 0;
  return result;
}

function seek(program: Program): i64 {
  const fd = read32();
  const offset = read64() as i64;
  if (wireError) return -EINVAL;
  const file = fileAt(program.files, fd);
  if (file === null) return -EBADF;
  return min<i64>(seekFile(file, offset, SEEK_SET), POSITION_MAX);
}

function close(program: Program): i64 {
  const fd = read32();
  return wireError ? -EINVAL : closeFile(program.files, fd);
}

function statPath(program: Program): i64 {
  if (!readPath()) return -EINVAL;
  const error = walk(program.directoryMount, program.directory, path, pathLength, true);
  if (error !== 0) return error;
  statNode = walkNode;
  return statNode === null ? -ENOENT : 0;
}

/** The open file a request names, or null. */
function requestedFile(program: Program): OpenFile | null {
  const fd = read32();
  return wireError ? null : fileAt(program.files, fd);
}

function statOpen(program: Program): i64 {
  const file = requestedFile(program);
  if (file === null) return -EBADF;
  statNode = file.node;
  return 0;
}

function remove(program: Program, directory: bool): i64 {
  if (!readPath()) return -EINVAL;
  const error = walk(program.directoryMount, program.directory, path, pathLength, false);
  return error === 0 ? removeName(directory) : error;
}

function makeDirectory(program: Program): i64 {
  if (!readPath()) return -EINVAL;
  const mode = read16() as u32;
  if (wireError) return -EINVAL;
  const error = walk(program.directoryMount, program.directory, path, pathLength, false);
  return error === 0 ? makeNode(KIND_DIRECTORY, mode & 0o7777) : error;
}

/** 1 where there is a next entry, 0 at the end. */
function readDirectory(program: Program): i64 {
  const file = requestedFile(program);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const node = file.node;
  if (node.kind !== KIND_DIRECTORY) return -ENOTDIR;
  // A directory that has been removed has no entries any more.
  if (node.links === 0) return -ENOENT;
  openEntries(node, file.position as u64);
  isEntry = readEntry();
  if (!isEntry) return 0;
  file.position = entryEnd as i64;
  return 1;
}

function requestName(variant: u64): string {
  if (variant === FILES_OPEN) return "open";
  if (variant === FILES_READ) return "read";
  if (variant === FILES_SEEK) return "seek";
  if (variant === FILES_WRITE) return "write";
  if (variant === FILES_CLOSE) return "close";
  if (variant === FILES_STAT) return "stat";
  if (variant === FILES_STAT_OPEN) return "stat of an open file";
  if (variant === FILES_UNLINK) return "unlink";
  if (variant === FILES_MAKE_DIRECTORY) return "make directory";
  if (variant === FILES_REMOVE_DIRECTORY) return "remove directory";
  return variant === FILES_READ_DIRECTORY ? "read directory" : "unknown request";
}

function serve(thread: Thread, variant: u64): i64 {
  const program = thread.program;
  if (variant === FILES_OPEN) return open(thread);
  if (variant === FILES_READ) return read(thread);
  if (variant === FILES_SEEK) return seek(program);
  if (variant === FILES_WRITE) return write(thread);
  if (variant === FILES_CLOSE) return close(program);
  if (variant === FILES_STAT) return statPath(program);
  if (variant === FILES_STAT_OPEN) return statOpen(program);
  if (variant === FILES_UNLINK) return remove(program, false);
  if (variant === FILES_MAKE_DIRECTORY) return makeDirectory(program);
  if (variant === FILES_REMOVE_DIRECTORY) return remove(program, true);
  return variant === FILES_READ_DIRECTORY ? readDirectory(program) : -EINVAL;
}

/** Inode, mode, links, size, time of the last change of the contents. */
function writeStatus(node: Node): void {
  write64(node.inode as u64);
  write32((typeOf(node) | node.mode) as u64);
  write32(node.links as u64);
  write64(sizeOf(node));
  write64(node.time as u64);
  write32(node.nanoseconds as u64);
}

/** Inode, type, name. */
function writeEntry(): void {
  write64(entryNode.inode as u64);
  write8(directoryType(entryNode) as u64);
  writeBytes(entryName as u64, entryNameLength);
}

/** One request of the file service: the message that is being read; the answer goes to the UTCB of the thread's handler. */
export function fileRequest(thread: Thread): void {
  pathLength = 0;
  statNode = null;
  isEntry = false;
  const variant = readVarint();
  const result = wireError ? -EINVAL : serve(thread, variant);
  endCall(thread);
  if (logs(LOG_TRACE, MODULE_SERVICES, thread.program)) {
    lineAbout(thread.program, LOG_TRACE, MODULE_SERVICES, "");
    sayDecimal(thread.program.number as u64);
    say(": ");
    say(requestName(variant));
    if (pathLength !== 0) say(" ");
    sayText(path, pathLength);
    say(": ");
    saySigned(result);
    endLine();
  }
  wireWrite(changetype<usize>(thread.utcb) as u64);
  const value = (result < 0 ? -1 : result) as u64;
  if (variant === FILES_READ || variant === FILES_WRITE) write64(value);
  else write32(value);
  if (statNode !== null) writeStatus(statNode as Node);
  if (isEntry) writeEntry();
  wireClose();
}
