// System calls and the start stack for programs in TypeScript: numbers of x86-64 Linux
// (arch/x86/entry/syscalls/syscall_64.tbl), results as the kernel gives them.

import { stack, syscall } from "./linux";
import { load8, load64, window } from "./x86";

export const STDIN: i64 = 0;
export const STDOUT: i64 = 1;
export const STDERR: i64 = 2;

export const ENOENT: i64 = 2;
export const EIO: i64 = 5;
export const EBADF: i64 = 9;
export const EACCES: i64 = 13;
export const ENOTDIR: i64 = 20;
export const EISDIR: i64 = 21;
export const EMFILE: i64 = 24;
export const ENAMETOOLONG: i64 = 36;
export const ELOOP: i64 = 40;

const SYS_READ: u64 = 0;
const SYS_WRITE: u64 = 1;
const SYS_OPEN: u64 = 2;
const SYS_CLOSE: u64 = 3;
const SYS_LSEEK: u64 = 8;
const SYS_UNLINK: u64 = 87;
const SYS_EXIT_GROUP: u64 = 231;

export function read(fd: i64, target: usize, length: u32): i64 {
  return syscall(SYS_READ, fd as u64, window() + (target as u64), length as u64, 0, 0, 0);
}

export function write(fd: i64, source: usize, length: u32): i64 {
  return syscall(SYS_WRITE, fd as u64, window() + (source as u64), length as u64, 0, 0, 0);
}

/** Flags of open(2), include/uapi/asm-generic/fcntl.h. */
export const O_RDONLY: u32 = 0;
export const O_WRONLY: u32 = 1;
export const O_RDWR: u32 = 2;
export const O_CREAT: u32 = 0o100;

/** Opens the file whose NUL-terminated path is at `path` for reading. */
export function open(path: usize): i64 {
  return openWith(path, O_RDONLY, 0);
}

/** As `open`, with the flags and, for a new file, the mode of open(2). */
export function openWith(path: usize, flags: u32, mode: u32): i64 {
  return syscall(SYS_OPEN, window() + (path as u64), flags as u64, mode as u64, 0, 0, 0);
}

/** Sets the position to `position` from the file's start. */
export function rewindTo(fd: i64, position: u64): i64 {
  return syscall(SYS_LSEEK, fd as u64, position, 0, 0, 0, 0);
}

/** Removes the name at `path`, which ends with a NUL. */
export function unlink(path: usize): i64 {
  return syscall(SYS_UNLINK, window() + (path as u64), 0, 0, 0, 0, 0);
}

export function close(fd: i64): i64 {
  return syscall(SYS_CLOSE, fd as u64, 0, 0, 0, 0, 0);
}

export function exit(status: i32): void {
  while (true) syscall(SYS_EXIT_GROUP, status as u64, 0, 0, 0, 0, 0);
}

/** Writes all of [source, source + length). Returns 0 or a negative error. */
export function writeAll(fd: i64, source: usize, length: u32): i64 {
  let done: u32 = 0;
  while (done < length) {
    const result = write(fd, source + done, length - done);
    if (result < 0) return result;
    if (result === 0) return -EIO;
    done += result as u32;
  }
  return 0;
}

export function argumentCount(): u32 {
  return load64(stack()) as u32;
}

/** Copies the NUL-terminated text at absolute address `from`; its length, or `room` where it does not fit. */
function copyOut(from: u64, target: usize, room: u32): u32 {
  let length: u32 = 0;
  while (length < room) {
    const value = load8(from + (length as u64)) as u8;
    store<u8>(target + length, value);
    if (value === 0) break;
    length++;
  }
  return length;
}

/** Copies argument `index` with its NUL to `target`; its length, or `room` where it does not fit. */
export function argument(index: u32, target: usize, room: u32): u32 {
  return copyOut(load64(stack() + 8 + (index as u64) * 8), target, room);
}

/** Copies environment variable number `index` ("NAME=VALUE"); its length, or -1 behind the last. */
export function environment(index: u32, target: usize, room: u32): i32 {
  const first = stack() + 8 + ((argumentCount() + 1) as u64) * 8;
  const at = load64(first + (index as u64) * 8);
  return at === 0 ? -1 : (copyOut(at, target, room) as i32);
}
