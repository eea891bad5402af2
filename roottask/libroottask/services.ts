// The services native and hybrid programs call through portals: standard output and error, memory, files,
// echo, exit. Message formats are those of the published runtime environment; a malformed message gets the
// error value of its service and changes nothing.

import { MEM_R, MEM_W, UTCB_BYTES } from "../libhedron/abi";
import {
  ALLOCATE_ALLOC,
  ALLOCATE_FREE,
  FILES_CLOSE,
  FILES_OPEN,
  FILES_READ,
  FILES_SEEK,
  FILES_WRITE,
  SERVICE_ALLOCATE,
  SERVICE_ECHO,
  SERVICE_EXIT,
  SERVICE_FILES,
  SERVICE_STDERR,
  SERVICE_STDOUT,
  WRITE_EMBEDDED,
  WRITE_POINTER,
} from "../libhrstd/layout";
import {
  readFixed,
  readVarint,
  wireAddress,
  wireClose,
  wireError,
  wireOpen,
  wireRoom,
  wireSkip,
  writeFixed,
} from "../libhrstd/postcard";
import { put } from "./console";
import { closeFile, fileOf } from "./descriptors";
import { endProgram } from "./domain";
import { EBADF, EINVAL } from "./errno";
import { endCall, readFile, SEEK_SET, seekFile, writeFile } from "./open_file";
import { openPath } from "./open_path";
import { Program, STATE_EXITED, Thread } from "./program";
import { findRoom, map, rangeFree, SPACE_END, unmap } from "./space";
import { transferOf } from "./transfer";

const PAGE: u64 = 4096;

/** Text of the message, length first. */
function output(): void {
  const length = readVarint();
  if (wireError || length > (wireRoom() as u64)) return;
  put(wireAddress() as usize, length as u32);
}

function pages(size: u64): u64 {
  return (size + PAGE - 1) & ~(PAGE - 1);
}

/** Maps memory of its own for the program, below 4 GiB where a native program's pointers reach. */
function allocation(thread: Thread): void {
  const program = thread.program;
  const variant = readVarint() as u32;
  const space = program.space;
  let result: u64 = 0;
  if (variant === ALLOCATE_ALLOC) {
    const size = pages(readFixed(8));
    const asked = readFixed(8);
    const align = max<u64>(asked, PAGE);
    if (!wireError && size !== 0 && size < SPACE_END && (asked & (asked - 1)) === 0) {
      const limit = space.top;
      space.top = min<u64>(limit, 0xf000_0000);
      const room = align < SPACE_END ? findRoom(space, size + align - PAGE) : 0;
      space.top = limit;
      const start = (room + align - 1) & ~(align - 1);
      if (room !== 0 && map(space, start, start + size, MEM_R | MEM_W, null, 0) === 0) {
        result = start;
      }
    }
  } else if (variant === ALLOCATE_FREE) {
    const start = readFixed(8);
    const size = pages(readFixed(8));
    readFixed(8);
    const inside = start < SPACE_END && size <= SPACE_END - start;
    if (
      !wireError &&
      (start & (PAGE - 1)) === 0 &&
      inside &&
      !rangeFree(space, start, start + size)
    ) {
      unmap(space, start, start + size);
    }
  }
  wireOpen(changetype<usize>(thread.utcb) as u64);
  writeFixed(result, 8);
  wireClose();
}

/** A write whose bytes are in the message itself. */
function writeEmbedded(thread: Thread, fd: u64): i64 {
  const length = readVarint();
  if (wireError || length > (wireRoom() as u64)) return -EINVAL;
  const from = wireAddress();
  wireSkip(length as u32);
  const file = fileOf(thread, fd);
  if (file === null) return -EBADF;
  transferOf(thread.transfer, null, from, length);
  return writeFile(thread, file, thread.transfer);
}

function fileOpen(program: Program): i64 {
  const length = readVarint();
  if (wireError || length > (wireRoom() as u64)) return -EINVAL;
  const path = wireAddress() as usize;
  wireSkip(length as u32);
  const flags = readFixed(4) as u32;
  const mode = readFixed(2) as u32;
  if (wireError) return -EINVAL;
  return openPath(program, program.directory, path, length as u32, flags, mode);
}

function fileTransfer(thread: Thread, variant: u32): i64 {
  const fd = readFixed(4);
  if (variant === FILES_WRITE) {
    const kind = readVarint() as u32;
    if (kind === WRITE_EMBEDDED) return writeEmbedded(thread, fd);
    if (kind !== WRITE_POINTER) return -EINVAL;
  }
  const address = readFixed(8);
  const length = readFixed(8);
  if (wireError) return -EINVAL;
  const file = fileOf(thread, fd);
  if (file === null) return -EBADF;
  transferOf(thread.transfer, thread.program.space, address, length);
  if (variant === FILES_READ) return readFile(thread, file, thread.transfer);
  return writeFile(thread, file, thread.transfer);
}

function fileSeek(thread: Thread): i64 {
  const file = fileOf(thread, readFixed(4));
  const position = readFixed(8);
  return wireError || file === null ? -EBADF : seekFile(file, position as i64, SEEK_SET);
}

/** One request of the file service; errors are all -1. */
function fileRequest(thread: Thread): void {
  const program = thread.program;
  const variant = readVarint() as u32;
  let result: i64 = -1;
  let wide = false;
  if (variant === FILES_OPEN) {
    result = fileOpen(program);
  } else if (variant === FILES_READ || variant === FILES_WRITE) {
    result = fileTransfer(thread, variant);
    wide = true;
  } else if (variant === FILES_SEEK) {
    result = fileSeek(thread);
  } else if (variant === FILES_CLOSE) {
    result = closeFile(program.files, readFixed(4));
  }
  endCall(thread);
  wireOpen(changetype<usize>(thread.utcb) as u64);
  writeFixed((result < 0 ? -1 : result) as u64, wide ? 8 : 4);
  wireClose();
}

/** Handles a call of `service` by `thread`; the message and the reply are in its handler's UTCB. */
export function handleService(thread: Thread, service: u32): void {
  const program = thread.program;
  const utcb = thread.utcb;
  wireOpen(changetype<usize>(utcb) as u64);
  program.calls++;
  if (service === SERVICE_STDOUT || service === SERVICE_STDERR) {
    output();
    utcb.items = 0;
  } else if (service === SERVICE_ALLOCATE) {
    allocation(thread);
  } else if (service === SERVICE_FILES) {
    fileRequest(thread);
  } else if (service === SERVICE_EXIT) {
    endProgram(thread, STATE_EXITED, (readFixed(8) & 0xff) as u32);
  } else if (service === SERVICE_ECHO) {
    utcb.items = min<u32>(utcb.items & 0xffff, UTCB_BYTES / 8);
  } else {
    utcb.items = 0;
  }
}
