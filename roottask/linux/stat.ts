// File status as programs see it: struct stat and struct statx of x86-64 (include/uapi/asm/stat.h,
// include/uapi/linux/stat.h), struct statfs. Owner is root; times are all the modification time.

import {
  KIND_CONSOLE,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  KIND_NULL,
  KIND_ZERO,
  Node,
} from "../libroottask/tree";

export const STAT_BYTES: u32 = 144;
export const STATX_BYTES: u32 = 256;
export const STATFS_BYTES: u32 = 120;

const S_IFIFO: u32 = 0o010000;
const S_IFCHR: u32 = 0o020000;
const S_IFDIR: u32 = 0o040000;
const S_IFREG: u32 = 0o100000;
const S_IFLNK: u32 = 0o120000;

const BLOCK_SIZE: u32 = 4096;
/** Device number of the file tree, and of the pipe-like console. */
const TREE_DEVICE: u32 = 1;
/** Major number of /dev/null and its neighbours, and their minors. */
const MEMORY_MAJOR: u32 = 1;
const STATX_BASIC: u32 = 0x7ff;
/** f_type of tmpfs. */
const TMPFS: u64 = 0x0102_1994;

/** Record for `statInto` and `statxInto`. */
export const statBuffer = memory.data(256);

function typeOf(node: Node): u32 {
  if (node.kind === KIND_FILE) return S_IFREG;
  if (node.kind === KIND_DIRECTORY) return S_IFDIR;
  if (node.kind === KIND_LINK) return S_IFLNK;
  return node.kind === KIND_CONSOLE ? S_IFIFO : S_IFCHR;
}

function minorOf(node: Node): u32 {
  if (node.kind === KIND_NULL) return 3;
  return node.kind === KIND_ZERO ? 5 : 9;
}

function linksOf(node: Node): u32 {
  return node.kind === KIND_CONSOLE ? 1 : node.links;
}

function isDevice(node: Node): bool {
  return typeOf(node) === S_IFCHR;
}

/** d_type of getdents64(2). */
export function directoryType(node: Node): u8 {
  return (typeOf(node) >> 12) as u8;
}

/** Fills `statBuffer` with struct stat of `node`. */
export function fillStat(node: Node): void {
  const at = statBuffer;
  memory.fill(at, 0, STAT_BYTES);
  store<u64>(at, TREE_DEVICE as u64);
  store<u64>(at + 8, node.inode as u64);
  store<u64>(at + 16, linksOf(node) as u64);
  store<u32>(at + 24, typeOf(node) | node.mode);
  if (isDevice(node)) store<u64>(at + 40, ((MEMORY_MAJOR << 8) | minorOf(node)) as u64);
  store<u64>(at + 48, node.size as u64);
  store<u64>(at + 56, BLOCK_SIZE as u64);
  store<u64>(at + 64, ((node.size + 511) / 512) as u64);
  store<i64>(at + 72, node.time);
  store<u64>(at + 80, node.nanoseconds as u64);
  store<i64>(at + 88, node.time);
  store<u64>(at + 96, node.nanoseconds as u64);
  store<i64>(at + 104, node.time);
  store<u64>(at + 112, node.nanoseconds as u64);
}

/** Fills `statBuffer` with struct statx of `node`. */
export function fillStatx(node: Node): void {
  const at = statBuffer;
  memory.fill(at, 0, STATX_BYTES);
  store<u32>(at, STATX_BASIC);
  store<u32>(at + 4, BLOCK_SIZE);
  store<u32>(at + 16, linksOf(node));
  store<u16>(at + 28, (typeOf(node) | node.mode) as u16);
  store<u64>(at + 32, node.inode as u64);
  store<u64>(at + 40, node.size as u64);
  store<u64>(at + 48, ((node.size + 511) / 512) as u64);
  store<i64>(at + 64, node.time);
  store<u32>(at + 72, node.nanoseconds);
  store<i64>(at + 96, node.time);
  store<u32>(at + 104, node.nanoseconds);
  store<i64>(at + 112, node.time);
  store<u32>(at + 120, node.nanoseconds);
  if (isDevice(node)) {
    store<u32>(at + 128, MEMORY_MAJOR);
    store<u32>(at + 132, minorOf(node));
  }
  store<u32>(at + 140, TREE_DEVICE);
}

/** Fills `statBuffer` with struct statfs; pages in all and free. */
export function fillStatfs(total: u32, free: u32): void {
  const at = statBuffer;
  memory.fill(at, 0, STATFS_BYTES);
  store<u64>(at, TMPFS);
  store<u64>(at + 8, BLOCK_SIZE as u64);
  store<u64>(at + 16, total as u64);
  store<u64>(at + 24, free as u64);
  store<u64>(at + 32, free as u64);
  store<u64>(at + 64, 255);
  store<u64>(at + 72, BLOCK_SIZE as u64);
}
