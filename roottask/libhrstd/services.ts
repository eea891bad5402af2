// Clients of the roottask's services, for native programs: standard output and error, memory, files,
// exit. A message that does not fit a UTCB is sent in pieces.

import { call } from "../libhedron/hypercalls";
import { load8, window } from "../libhedron/x86";
import {
  ALLOCATE_ALLOC,
  ALLOCATE_FREE,
  FILES_CLOSE,
  FILES_OPEN,
  FILES_READ,
  FILES_SEEK,
  FILES_WRITE,
  SEL_ALLOCATE,
  SEL_EXIT,
  SEL_FILES,
  SEL_STDERR,
  SEL_STDOUT,
  UTCB_ADDRESS,
  WRITE_POINTER,
} from "./layout";
import {
  readFixed,
  wireByte,
  wireClose,
  wireRead,
  wireWrite,
  writeFixed,
  writeVarint,
} from "./postcard";

/** Bytes of text per message: the capacity less a two-byte length. */
const PIECE: u32 = 4096 - 32 - 8;

function sendText(portal: u64, text: u64, length: u32): void {
  let done: u32 = 0;
  while (done < length) {
    const piece = min<u32>(length - done, PIECE);
    wireWrite(UTCB_ADDRESS);
    writeVarint(piece as u64);
    for (let i: u32 = 0; i < piece; i++) wireByte(load8(text + ((done + i) as u64)));
    wireClose();
    call(portal);
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

/** Asks for `size` bytes aligned to `align`; the address, or 0. */
export function allocateMemory(size: u64, align: u64): u64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(ALLOCATE_ALLOC);
  writeFixed(size, 8);
  writeFixed(align, 8);
  wireClose();
  if (call(SEL_ALLOCATE) !== 0) return 0;
  wireRead(UTCB_ADDRESS);
  return readFixed(8);
}

/** Gives back what `allocateMemory` returned. */
export function freeMemory(address: u64, size: u64, align: u64): void {
  wireWrite(UTCB_ADDRESS);
  writeVarint(ALLOCATE_FREE);
  writeFixed(address, 8);
  writeFixed(size, 8);
  writeFixed(align, 8);
  wireClose();
  call(SEL_ALLOCATE);
}

function filesCall(bytes: u32): i64 {
  wireClose();
  if (call(SEL_FILES) !== 0) return -1;
  wireRead(UTCB_ADDRESS);
  const value = readFixed(bytes);
  return bytes === 4 ? (value as i32 as i64) : (value as i64);
}

/** Opens the file at path `path`; `flags` and `mode` as open(2) has them. A descriptor, or -1. */
export function openFile(path: usize, length: u32, flags: u32, mode: u32): i64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(FILES_OPEN);
  writeVarint(length as u64);
  for (let i: u32 = 0; i < length; i++) wireByte(load<u8>(path + i) as u64);
  writeFixed(flags as u64, 4);
  writeFixed(mode as u64, 2);
  return filesCall(4);
}

/** Reads up to `length` bytes to `target`; the number read, or -1. */
export function readFile(fd: i64, target: usize, length: u32): i64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(FILES_READ);
  writeFixed(fd as u64, 4);
  writeFixed(window() + (target as u64), 8);
  writeFixed(length as u64, 8);
  return filesCall(8);
}

/** Writes `length` bytes from `source`; the number written, or -1. */
export function writeFile(fd: i64, source: usize, length: u32): i64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(FILES_WRITE);
  writeFixed(fd as u64, 4);
  writeVarint(WRITE_POINTER);
  writeFixed(window() + (source as u64), 8);
  writeFixed(length as u64, 8);
  return filesCall(8);
}

/** Sets the position from the file's start; the position, or -1. */
export function seekFile(fd: i64, position: u64): i64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(FILES_SEEK);
  writeFixed(fd as u64, 4);
  writeFixed(position, 8);
  return filesCall(4);
}

export function closeFile(fd: i64): i64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(FILES_CLOSE);
  writeFixed(fd as u64, 4);
  return filesCall(4);
}

/** Ends this program. */
export function exit(status: i32): void {
  wireWrite(UTCB_ADDRESS);
  writeFixed(status as u64, 8);
  wireClose();
  while (true) call(SEL_EXIT);
}
