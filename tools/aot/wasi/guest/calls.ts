// Linux system calls with fewer arguments than the instruction has, and their numbers and flags for x86-64
// (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h).

import { syscall } from "./linux";

export const SYS_FSTAT: u64 = 5;
export const SYS_CLOSE: u64 = 3;
export const SYS_LSEEK: u64 = 8;
export const SYS_MMAP: u64 = 9;
export const SYS_MUNMAP: u64 = 11;
export const SYS_RT_SIGACTION: u64 = 13;
export const SYS_IOCTL: u64 = 16;
export const SYS_READV: u64 = 19;
export const SYS_WRITEV: u64 = 20;
export const SYS_SCHED_YIELD: u64 = 24;
export const SYS_GETPID: u64 = 39;
export const SYS_GETSOCKOPT: u64 = 55;
export const SYS_KILL: u64 = 62;
export const SYS_FCNTL: u64 = 72;
export const SYS_FSYNC: u64 = 74;
export const SYS_FDATASYNC: u64 = 75;
export const SYS_FTRUNCATE: u64 = 77;
export const SYS_GETDENTS64: u64 = 217;
export const SYS_FADVISE64: u64 = 221;
export const SYS_CLOCK_GETTIME: u64 = 228;
export const SYS_CLOCK_GETRES: u64 = 229;
export const SYS_EXIT_GROUP: u64 = 231;
export const SYS_OPENAT: u64 = 257;
export const SYS_MKDIRAT: u64 = 258;
export const SYS_NEWFSTATAT: u64 = 262;
export const SYS_UNLINKAT: u64 = 263;
export const SYS_RENAMEAT: u64 = 264;
export const SYS_LINKAT: u64 = 265;
export const SYS_SYMLINKAT: u64 = 266;
export const SYS_READLINKAT: u64 = 267;
export const SYS_PPOLL: u64 = 271;
export const SYS_UTIMENSAT: u64 = 280;
export const SYS_FALLOCATE: u64 = 285;
export const SYS_PREADV: u64 = 295;
export const SYS_PWRITEV: u64 = 296;
export const SYS_GETRANDOM: u64 = 318;

export const AT_FDCWD: u64 = -100;
export const AT_SYMLINK_NOFOLLOW: u64 = 0x100;
export const AT_REMOVEDIR: u64 = 0x200;

export const O_WRONLY: u32 = 1;
export const O_RDWR: u32 = 2;
export const O_CREAT: u32 = 0x40;
export const O_EXCL: u32 = 0x80;
export const O_TRUNC: u32 = 0x200;
export const O_APPEND: u32 = 0x400;
export const O_NONBLOCK: u32 = 0x800;
export const O_DSYNC: u32 = 0x1000;
export const O_DIRECTORY: u32 = 0x10000;
export const O_NOFOLLOW: u32 = 0x20000;
export const O_CLOEXEC: u32 = 0x80000;
export const O_SYNC: u32 = 0x101000;
export const O_PATH: u32 = 0x200000;

export function call1(number: u64, a: u64): i64 {
  return syscall(number, a, 0, 0, 0, 0, 0);
}

export function call2(number: u64, a: u64, b: u64): i64 {
  return syscall(number, a, b, 0, 0, 0, 0);
}

export function call3(number: u64, a: u64, b: u64, c: u64): i64 {
  return syscall(number, a, b, c, 0, 0, 0);
}

export function call4(number: u64, a: u64, b: u64, c: u64, d: u64): i64 {
  return syscall(number, a, b, c, d, 0, 0);
}

export function call5(number: u64, a: u64, b: u64, c: u64, d: u64, e: u64): i64 {
  return syscall(number, a, b, c, d, e, 0);
}

/** Ends the program. */
export function exit(status: u32): void {
  call1(SYS_EXIT_GROUP, status);
}

/** Exit status where Linux has no memory left for the layer itself, as for the program's own. */
const NO_MEMORY_STATUS: u32 = 127;

/** Address of `size` new bytes of zeros outside of linear memory; ends the program where there are none. */
export function map(size: u64): u64 {
  // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
  const address = syscall(SYS_MMAP, 0, size, 3, 0x22, -1, 0);
  if (address < 0 && address >= -4095) exit(NO_MEMORY_STATUS);
  return address;
}

export function unmap(address: u64, size: u64): void {
  call2(SYS_MUNMAP, address, size);
}
