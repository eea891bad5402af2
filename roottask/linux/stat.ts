// File status as programs see it: struct stat, struct statx and struct statfs of x86-64
// (arch/x86/include/uapi/asm/stat.h, include/uapi/linux/stat.h, include/uapi/asm-generic/statfs.h).

import { majorOf, minorOf } from "../libroottask/device_numbers";
import { pagesTaken } from "../libroottask/file_pages";
import { typeOf } from "../libroottask/file_type";
import { isComputed, KIND_FILE, Node } from "../libroottask/tree";

const BLOCK_SIZE: u32 = 4096;
/** st_blocks counts these. */
const SECTOR: u32 = 512;
/** Device numbers of the file tree and of what is computed in it. */
const TREE_DEVICE: u32 = 1;
const COMPUTED_DEVICE: u32 = 2;
const STATX_BASIC_STATS: u32 = 0x7ff;
const TMPFS_MAGIC: u64 = 0x0102_1994;
const PROC_MAGIC: u64 = 0x9fa0;
const NAME_MAX: u64 = 255;

@unmanaged
class Stat {
  dev: u64;
  ino: u64;
  nlink: u64;
  mode: u32;
  uid: u32;
  gid: u32;
  pad: u32;
  rdev: u64;
  size: u64;
  blksize: u64;
  blocks: u64;
  atime: i64;
  atimeNsec: u64;
  mtime: i64;
  mtimeNsec: u64;
  ctime: i64;
  ctimeNsec: u64;
  unused0: u64;
  unused1: u64;
  unused2: u64;
}

@unmanaged
class Statx {
  mask: u32;
  blksize: u32;
  attributes: u64;
  nlink: u32;
  uid: u32;
  gid: u32;
  mode: u16;
  pad: u16;
  ino: u64;
  size: u64;
  blocks: u64;
  attributesMask: u64;
  atime: i64;
  atimeNsec: u64;
  btime: i64;
  btimeNsec: u64;
  ctime: i64;
  ctimeNsec: u64;
  mtime: i64;
  mtimeNsec: u64;
  rdevMajor: u32;
  rdevMinor: u32;
  devMajor: u32;
  devMinor: u32;
}

@unmanaged
class Statfs {
  type: u64;
  bsize: u64;
  blocks: u64;
  bfree: u64;
  bavail: u64;
  files: u64;
  ffree: u64;
  fsid: u64;
  namelen: u64;
  frsize: u64;
  flags: u64;
}

export const STAT_BYTES: u32 = offsetof<Stat>() as u32;
/** The last fields of struct statx and struct statfs are spare. */
export const STATX_BYTES: u32 = 256;
export const STATFS_BYTES: u32 = 120;

/** Record for the functions below. */
export const statBuffer = memory.data(256);

/** Sectors a node takes: those of the pages of a file. */
function blocksOf(node: Node): u64 {
  if (node.kind !== KIND_FILE) return 0;
  return pagesTaken(node) * ((BLOCK_SIZE / SECTOR) as u64);
}

function deviceOf(node: Node): u32 {
  return isComputed(node) ? COMPUTED_DEVICE : TREE_DEVICE;
}

/** Fills `statBuffer` with struct stat of `node`. */
export function fillStat(node: Node): void {
  memory.fill(statBuffer, 0, STAT_BYTES);
  const stat = changetype<Stat>(statBuffer);
  stat.dev = deviceOf(node) as u64;
  stat.ino = node.inode as u64;
  stat.nlink = node.links as u64;
  stat.mode = typeOf(node) | node.mode;
  stat.uid = node.owner;
  stat.gid = node.group;
  stat.rdev = node.device as u64;
  stat.size = node.size;
  stat.blksize = BLOCK_SIZE as u64;
  stat.blocks = blocksOf(node);
  stat.atime = node.accessTime;
  stat.atimeNsec = node.accessNanoseconds as u64;
  stat.mtime = node.time;
  stat.mtimeNsec = node.nanoseconds as u64;
  stat.ctime = node.changeTime;
  stat.ctimeNsec = node.changeNanoseconds as u64;
}

/** Fills `statBuffer` with struct statx of `node`. */
export function fillStatx(node: Node): void {
  memory.fill(statBuffer, 0, STATX_BYTES);
  const stat = changetype<Statx>(statBuffer);
  stat.mask = STATX_BASIC_STATS;
  stat.blksize = BLOCK_SIZE;
  stat.nlink = node.links;
  stat.uid = node.owner;
  stat.gid = node.group;
  stat.mode = (typeOf(node) | node.mode) as u16;
  stat.ino = node.inode as u64;
  stat.size = node.size;
  stat.blocks = blocksOf(node);
  stat.atime = node.accessTime;
  stat.atimeNsec = node.accessNanoseconds as u64;
  stat.mtime = node.time;
  stat.mtimeNsec = node.nanoseconds as u64;
  stat.ctime = node.changeTime;
  stat.ctimeNsec = node.changeNanoseconds as u64;
  stat.rdevMajor = majorOf(node.device);
  stat.rdevMinor = minorOf(node.device);
  stat.devMinor = deviceOf(node);
}

/** Fills `statBuffer` with struct statfs of where `node` is; pages in all and free, where it takes any. */
export function fillStatfs(node: Node, total: u32, free: u32): void {
  const computed = isComputed(node);
  memory.fill(statBuffer, 0, STATFS_BYTES);
  const stat = changetype<Statfs>(statBuffer);
  stat.type = computed ? PROC_MAGIC : TMPFS_MAGIC;
  stat.bsize = BLOCK_SIZE as u64;
  stat.blocks = computed ? 0 : (total as u64);
  stat.bfree = computed ? 0 : (free as u64);
  stat.bavail = stat.bfree;
  // As many files as there are pages: what a file without contents takes is less than one.
  stat.files = stat.blocks;
  stat.ffree = stat.bfree;
  stat.namelen = NAME_MAX;
  stat.frsize = BLOCK_SIZE as u64;
}
