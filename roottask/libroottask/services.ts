// The services native and hybrid programs call through portals: standard output and error, memory, files,
// echo, exit. Message formats are those of the published runtime environment; a malformed message gets the
// error value of its service and changes nothing.

import { RIGHT_READ, RIGHT_WRITE } from "../libhedron/abi";
import { UTCB_CAPACITY } from "../libhedron/utcb";
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
import { endProgram } from "./domain";
import { EBADF, EINVAL } from "./errno";
import {
  closeFile,
  fileAt,
  openPath,
  readFile,
  SEEK_SET,
  seekFile,
  writable,
  writeFile,
} from "./files";
import { Program, STATE_EXITED, Thread } from "./program";
import { findRoom, map, rangeFree, SPACE_END, unmap } from "./space";
import { FILE_MAX, KIND_CONSOLE, KIND_FILE, resize } from "./tree";

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
      if (room !== 0 && map(space, start, start + size, RIGHT_READ | RIGHT_WRITE, null, 0) === 0) {
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
function writeEmbedded(program: Program, fd: u64): i64 {
  const length = readVarint();
  if (wireError || length > (wireRoom() as u64)) return -EINVAL;
  const file = fileAt(program.files, fd);
  if (file === null || !writable(file)) return -EBADF;
  const from = wireAddress() as usize;
  const size = length as u32;
  wireSkip(size);
  if (file.node.kind === KIND_CONSOLE) {
    put(from, size);
    return length as i64;
  }
  if (file.node.kind !== KIND_FILE) return -EINVAL;
  if (file.position > (FILE_MAX as i64)) return -EINVAL;
  const end = (file.position as u32) + size;
  const error = resize(file.node, max<u32>(end, file.node.size));
  if (error !== 0) return error;
  memory.copy(file.node.data + (file.position as u32), from, size);
  file.position = end as i64;
  return length as i64;
}

function fileOpen(program: Program): i64 {
  const length = readVarint();
  if (wireError || length > (wireRoom() as u64)) return -1;
  const path = wireAddress() as usize;
  wireSkip(length as u32);
  const flags = readFixed(4) as u32;
  const mode = readFixed(2) as u32;
  if (wireError) return -1;
  return openPath(program.files, program.directory, path, length as u32, flags, mode);
}

function fileTransfer(program: Program, variant: u32): i64 {
  const fd = readFixed(4);
  if (variant === FILES_WRITE) {
    const kind = readVarint() as u32;
    if (kind === WRITE_EMBEDDED) return writeEmbedded(program, fd);
    if (kind !== WRITE_POINTER) return -1;
  }
  const address = readFixed(8);
  const length = readFixed(8);
  const file = fileAt(program.files, fd);
  if (wireError || file === null) return -1;
  if (variant === FILES_READ) return readFile(program.space, file, address, length);
  return writeFile(program.space, file, address, length);
}

function fileSeek(program: Program): i64 {
  const file = fileAt(program.files, readFixed(4));
  const position = readFixed(8);
  return wireError || file === null ? -1 : seekFile(file, position as i64, SEEK_SET);
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
    result = fileTransfer(program, variant);
    wide = true;
  } else if (variant === FILES_SEEK) {
    result = fileSeek(program);
  } else if (variant === FILES_CLOSE) {
    result = closeFile(program.files, readFixed(4));
  }
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
    utcb.items = min<u32>(utcb.items & 0xffff, UTCB_CAPACITY / 8);
  } else {
    utcb.items = 0;
  }
}
