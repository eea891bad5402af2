// Clients of the roottask's services, for native programs: standard output and error, memory, files, directories,
// echo, exit. Each is one message in this program's UTCB and its answer (docs/userland.md); what does not fit is sent in
// pieces.

import { SUCCESS, UTCB_BYTES } from "../libhedron/abi";
import { call } from "../libhedron/hypercalls";
import { load8, window } from "../libhedron/x86";
import {
  ALLOCATE_ALLOC,
  ALLOCATE_FREE,
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
  SEL_ALLOCATE,
  SEL_ECHO,
  SEL_EXIT,
  SEL_FILES,
  SEL_RAW_ECHO,
  SEL_STDERR,
  SEL_STDOUT,
  UTCB_ADDRESS,
  WRITE_EMBEDDED,
  WRITE_POINTER,
} from "./layout";
import {
  bytesAddress,
  bytesLength,
  read8,
  read32,
  read64,
  readBytes,
  wireClose,
  wireError,
  wireRead,
  wireWrite,
  write16,
  write32,
  write64,
  writeBytes,
  writeVarint,
} from "./postcard";

/** Bytes of text per message: the capacity less a two-byte length. */
const PIECE: u32 = UTCB_BYTES - 2;
/** Bytes a file write can embed: the capacity less variants, descriptor, length and count. */
export const EMBEDDED_MAX: u32 = UTCB_BYTES - 1 - 4 - 1 - 2 - 8;

/** Sends the message; false where it could not be built or sent. The answer is read next. */
function ask(portal: u64): bool {
  if (wireError) return false;
  wireClose();
  if (call(portal) !== SUCCESS) return false;
  wireRead(UTCB_ADDRESS);
  return true;
}

function sendText(portal: u64, text: u64, length: u32): void {
  let done: u32 = 0;
  while (done < length) {
    const piece = min<u32>(length - done, PIECE);
    wireWrite(UTCB_ADDRESS);
    writeBytes(text + (done as u64), piece);
    ask(portal);
    done += piece;
  }
}

/** Writes `length` bytes at `text` of this program's memory to standard output. */
export function stdout(text: usize, length: u32): void {
  sendText(SEL_STDOUT, window() + (text as u64), length);
}

export function stderr(text: usize, length: u32): void {
  sendText(SEL_STDERR, window() + (text as u64), length);
}

/** Asks for `size` bytes aligned to `align`, a power of two: the address of whole pages, or 0. */
export function allocateMemory(size: u64, align: u64): u64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(ALLOCATE_ALLOC);
  write64(size);
  write64(align);
  if (!ask(SEL_ALLOCATE)) return 0;
  const address = read64();
  return wireError ? 0 : address;
}

/** Gives back what `allocateMemory` returned. False where the program does not have it. */
export function freeMemory(address: u64, size: u64, align: u64): bool {
  wireWrite(UTCB_ADDRESS);
  writeVarint(ALLOCATE_FREE);
  write64(address);
  write64(size);
  write64(align);
  return ask(SEL_ALLOCATE) && read64() === 0 && !wireError;
}

/** Sends a file request: the number that its answer begins with, or -1. */
function askNumber(): i64 {
  if (!ask(SEL_FILES)) return -1;
  const value = read32() as i32;
  return wireError ? -1 : (value as i64);
}

/** Sends a file request that is answered by a number of bytes, or -1. */
function askLength(): i64 {
  if (!ask(SEL_FILES)) return -1;
  const value = read64() as i64;
  return wireError ? -1 : value;
}

function beginPath(request: u64, path: usize, length: u32): void {
  wireWrite(UTCB_ADDRESS);
  writeVarint(request);
  writeBytes(window() + (path as u64), length);
}

function beginFile(request: u64, fd: i64): void {
  wireWrite(UTCB_ADDRESS);
  writeVarint(request);
  write32(fd as u64);
}

/** Opens the file at path `path`; `flags` and `mode` as open(2) has them. A descriptor, or -1. */
export function openFile(path: usize, length: u32, flags: u32, mode: u32): i64 {
  beginPath(FILES_OPEN, path, length);
  write32(flags as u64);
  write16(mode as u64);
  return askNumber();
}

/** Reads up to `length` bytes to `target`; the number read, or -1. */
export function readFile(fd: i64, target: usize, length: u32): i64 {
  beginFile(FILES_READ, fd);
  write64(window() + (target as u64));
  write64(length as u64);
  return askLength();
}

/** Writes `length` bytes from `source`; the number written, or -1. */
export function writeFile(fd: i64, source: usize, length: u32): i64 {
  beginFile(FILES_WRITE, fd);
  writeVarint(WRITE_POINTER);
  write64(window() + (source as u64));
  write64(length as u64);
  return askLength();
}

/** The same with the bytes in the message, at most EMBEDDED_MAX: how programs of the published environment write. */
export function writeFileEmbedded(fd: i64, source: usize, length: u32): i64 {
  if (length > EMBEDDED_MAX) return -1;
  beginFile(FILES_WRITE, fd);
  writeVarint(WRITE_EMBEDDED);
  writeBytes(window() + (source as u64), length);
  write64(length as u64);
  return askLength();
}

/** Sets the position from the file's start; the position, at most 2^31 - 1, or -1. */
export function seekFile(fd: i64, position: u64): i64 {
  beginFile(FILES_SEEK, fd);
  write64(position);
  return askNumber();
}

/** 0, or -1. */
export function closeFile(fd: i64): i64 {
  beginFile(FILES_CLOSE, fd);
  return askNumber();
}

/** What is known of a file. */
@unmanaged
export class Metadata {
  inode: u64;
  size: u64;
  /** Seconds since 1970 of the last change of the contents, and nanoseconds of that second. */
  modified: i64;
  modifiedNanoseconds: u32;
  /** Type and permission bits as st_mode of stat(2) has them. */
  mode: u32;
  links: u32;
}

function readMetadata(metadata: Metadata): i64 {
  const result = askNumber();
  if (result !== 0) return -1;
  metadata.inode = read64();
  metadata.mode = read32() as u32;
  metadata.links = read32() as u32;
  metadata.size = read64();
  metadata.modified = read64() as i64;
  metadata.modifiedNanoseconds = read32() as u32;
  return wireError ? -1 : 0;
}

/** What is at `path`, links followed: 0, or -1. */
export function statFile(path: usize, length: u32, metadata: Metadata): i64 {
  beginPath(FILES_STAT, path, length);
  return readMetadata(metadata);
}

/** What is open as `fd`: 0, or -1. */
export function statOpenFile(fd: i64, metadata: Metadata): i64 {
  beginFile(FILES_STAT_OPEN, fd);
  return readMetadata(metadata);
}

/** Takes the name of a file away: 0, or -1. */
export function unlinkFile(path: usize, length: u32): i64 {
  beginPath(FILES_UNLINK, path, length);
  return askNumber();
}

/** 0, or -1. */
export function makeDirectory(path: usize, length: u32, mode: u32): i64 {
  beginPath(FILES_MAKE_DIRECTORY, path, length);
  write16(mode as u64);
  return askNumber();
}

/** Removes an empty directory: 0, or -1. */
export function removeDirectory(path: usize, length: u32): i64 {
  beginPath(FILES_REMOVE_DIRECTORY, path, length);
  return askNumber();
}

/** Longest name in a directory. */
export const NAME_MAX: u32 = 255;

/** What `readDirectory` found. */
@unmanaged
export class DirectoryEntry {
  inode: u64;
  /** As d_type of getdents64(2) has it. */
  type: u32;
  /** The name is behind this record: NAME_MAX bytes at most. */
  nameLength: u32;

  get name(): usize {
    return changetype<usize>(this) + offsetof<DirectoryEntry>();
  }
}

/** The next entry of the directory that is open as `fd`: 1, 0 at the end, or -1. */
export function readDirectory(fd: i64, entry: DirectoryEntry): i64 {
  beginFile(FILES_READ_DIRECTORY, fd);
  const result = askNumber();
  if (result !== 1) return result === 0 ? 0 : -1;
  entry.inode = read64();
  entry.type = read8() as u32;
  if (!readBytes() || bytesLength > NAME_MAX) return -1;
  entry.nameLength = bytesLength;
  for (let i: u32 = 0; i < bytesLength; i++) {
    store<u8>(entry.name + i, load8(bytesAddress + (i as u64)) as u8);
  }
  return 1;
}

/** Calls the echo service with the message as it is in the UTCB; the kernel's status. */
export function callEcho(): u64 {
  return call(SEL_ECHO);
}

export function callRawEcho(): u64 {
  return call(SEL_RAW_ECHO);
}

/** Ends this program. */
export function exit(status: i32): void {
  while (true) {
    wireWrite(UTCB_ADDRESS);
    write64(status as u64);
    ask(SEL_EXIT);
  }
}
