// File status as programs see it: struct stat, struct statx and struct statfs of x86-64
// (arch/x86/include/uapi/asm/stat.h, include/uapi/linux/stat.h, include/uapi/asm-generic/statfs.h).

import { majorOf, minorOf, packedMinor } from "../libroottask/device_numbers";
import { FS_APPEND_FL, FS_IMMUTABLE_FL, FS_NODUMP_FL } from "../libroottask/file_flags";
import { pagesTaken } from "../libroottask/file_pages";
import { FileSystem, pagesLeft, systemOf } from "../libroottask/file_system";
import { typeOf } from "../libroottask/file_type";
import {
  Mount,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_RELATIME,
} from "../libroottask/mount";
import { isComputed, KIND_BLOCK, KIND_DEVICE, KIND_FILE, Node, sizeOf } from "../libroottask/tree";

const BLOCK_SIZE: u32 = 4096;
/** st_blocks counts these. */
const SECTOR: u32 = 512;
/** Device number of what has no place in a file system. */
const NO_DEVICE: u32 = 1;
const STATX_BASIC_STATS: u32 = 0x7ff;
const STATX_MNT_ID: u32 = 0x1000;
const STATX_ATTR_MOUNT_ROOT: u64 = 0x2000;
/** STATX_ATTR_IMMUTABLE and its like are the flags' own bits. */
const STATX_ATTR_FLAGS: u64 = (FS_APPEND_FL | FS_IMMUTABLE_FL | FS_NODUMP_FL) as u64;
/** Flags of statfs(2), include/linux/statfs.h. */
const ST_VALID: u64 = 0x20;
const ST_NOATIME: u64 = 0x400;
const ST_NODIRATIME: u64 = 0x800;
const ST_RELATIME: u64 = 0x1000;
const ST_NOSYMFOLLOW: u64 = 0x2000;
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
  mountId: u64;
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

/** Bytes of a block of the file system that `node` is in: FIGETBSZ, st_blksize. Those of /proc are smaller. */
export function blockSizeOf(node: Node): u32 {
  return isComputed(node) ? 1024 : BLOCK_SIZE;
}

/** Sectors a node takes: those of the pages of a file. */
function blocksOf(node: Node): u64 {
  if (node.kind !== KIND_FILE) return 0;
  return pagesTaken(node) * ((BLOCK_SIZE / SECTOR) as u64);
}

/** Minor number of the device that `node` is on. */
export function deviceOf(node: Node): u32 {
  const system = systemOf(node);
  return system === null ? NO_DEVICE : system.device;
}

/** The number of the device that `node` is, 0 where it is none. */
function ownNumber(node: Node): u32 {
  return node.kind === KIND_DEVICE || node.kind === KIND_BLOCK ? node.device : 0;
}

/** Fills `statBuffer` with struct stat of `node`. */
export function fillStat(node: Node): void {
  memory.fill(statBuffer, 0, STAT_BYTES);
  const stat = changetype<Stat>(statBuffer);
  stat.dev = packedMinor(deviceOf(node)) as u64;
  stat.ino = node.inode as u64;
  stat.nlink = node.links as u64;
  stat.mode = typeOf(node) | node.mode;
  stat.uid = node.owner;
  stat.gid = node.group;
  stat.rdev = ownNumber(node) as u64;
  stat.size = sizeOf(node);
  stat.blksize = blockSizeOf(node) as u64;
  stat.blocks = blocksOf(node);
  stat.atime = node.accessTime;
  stat.atimeNsec = node.accessNanoseconds as u64;
  stat.mtime = node.time;
  stat.mtimeNsec = node.nanoseconds as u64;
  stat.ctime = node.changeTime;
  stat.ctimeNsec = node.changeNanoseconds as u64;
}

/** Fills `statBuffer` with struct statx of `node`, found through `mount`. */
export function fillStatx(mount: Mount | null, node: Node): void {
  memory.fill(statBuffer, 0, STATX_BYTES);
  const stat = changetype<Statx>(statBuffer);
  stat.mask = STATX_BASIC_STATS;
  stat.blksize = blockSizeOf(node);
  stat.nlink = node.links;
  stat.uid = node.owner;
  stat.gid = node.group;
  stat.mode = (typeOf(node) | node.mode) as u16;
  stat.ino = node.inode as u64;
  stat.size = sizeOf(node);
  stat.blocks = blocksOf(node);
  stat.atime = node.accessTime;
  stat.atimeNsec = node.accessNanoseconds as u64;
  stat.mtime = node.time;
  stat.mtimeNsec = node.nanoseconds as u64;
  stat.ctime = node.changeTime;
  stat.ctimeNsec = node.changeNanoseconds as u64;
  const number = ownNumber(node);
  stat.rdevMajor = majorOf(number);
  stat.rdevMinor = minorOf(number);
  stat.devMinor = deviceOf(node);
  stat.attributesMask = STATX_ATTR_MOUNT_ROOT;
  if (!isComputed(node)) {
    stat.attributesMask |= STATX_ATTR_FLAGS;
    stat.attributes = (node.flags as u64) & STATX_ATTR_FLAGS;
  }
  if (mount === null) return;
  stat.mask |= STATX_MNT_ID;
  stat.mountId = mount.id as u64;
  if (mount.root === node) stat.attributes |= STATX_ATTR_MOUNT_ROOT;
}

/** ST_… of `mount`. */
function statfsFlags(mount: Mount | null): u64 {
  if (mount === null) return ST_VALID;
  const flags = mount.flags;
  // The first four are alike in both.
  let told = ST_VALID | ((flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)) as u64);
  if (mount.system.readOnly !== 0) told |= MS_RDONLY as u64;
  if ((flags & MS_NOATIME) !== 0) told |= ST_NOATIME;
  if ((flags & MS_NODIRATIME) !== 0) told |= ST_NODIRATIME;
  if ((flags & MS_RELATIME) !== 0) told |= ST_RELATIME;
  return (flags & MS_NOSYMFOLLOW) !== 0 ? told | ST_NOSYMFOLLOW : told;
}

/** Blocks and files of `system`, of whose pages there are `total` in all and `free` for anybody. */
function fillRoom(stat: Statfs, system: FileSystem, total: u32, free: u32): void {
  const limited = system.pagesMax !== 0;
  stat.blocks = limited ? (system.pagesMax as u64) : (total as u64);
  stat.bfree = min<u32>(free, pagesLeft(system.root)) as u64;
  stat.bavail = stat.bfree;
  // As many files as there are pages: what a file without contents takes is less than one.
  stat.files = total as u64;
  stat.ffree = free as u64;
  if (system.inodesMax === 0) return;
  stat.files = system.inodesMax as u64;
  stat.ffree = system.inodes < system.inodesMax ? stat.files - (system.inodes as u64) : 0;
}

/** Fills `statBuffer` with struct statfs of where `node` of `mount` is; pages in all and free, where it takes any. */
export function fillStatfs(mount: Mount | null, node: Node, total: u32, free: u32): void {
  const computed = isComputed(node);
  memory.fill(statBuffer, 0, STATFS_BYTES);
  const stat = changetype<Statfs>(statBuffer);
  stat.type = computed ? PROC_MAGIC : TMPFS_MAGIC;
  stat.bsize = BLOCK_SIZE as u64;
  stat.flags = statfsFlags(mount);
  const system = systemOf(node);
  if (system !== null && !computed) fillRoom(stat, system, total, free);
  stat.namelen = NAME_MAX;
  stat.frsize = BLOCK_SIZE as u64;
}

/** Blocks free for anybody, and files, as the last `fillStatfs` has found. */
export function freeRoom(): u64 {
  return changetype<Statfs>(statBuffer).bfree;
}

export function freeFiles(): u64 {
  return changetype<Statfs>(statBuffer).ffree;
}
