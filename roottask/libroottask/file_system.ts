// File systems: what nodes of one tree have in common, and what they may take. There are the tree of the archive, /proc, and
// those of mount(2) on type tmpfs (mm/shmem.c). A record lives as long as a mount shows it or a node belongs to it.

import { create, destroy } from "./heap";
import { FileSystem, Node } from "./node";
import { freePages, totalPages } from "./pages";

export { FileSystem };

export const TYPE_ROOTFS: u32 = 0;
export const TYPE_TMPFS: u32 = 1;
export const TYPE_PROC: u32 = 2;

/** Kinds that programs are told of, by sysfs(2) and in /proc/filesystems; index below SYSTEM_TYPES. */
export const SYSTEM_TYPES: u32 = 3;

export function systemTypeName(index: u32): string {
  if (index === 0) return "proc";
  return index === 1 ? "tmpfs" : "devpts";
}

let first: FileSystem | null = null;

/** There is none any more. */
export function forgetFileSystems(): void {
  first = null;
}

/** A file system without a root, a mount and nodes; null when memory is out. */
export function newSystemRecord(type: u32): FileSystem | null {
  const system = create<FileSystem>();
  if (system === null) return null;
  system.type = type;
  number(system);
  return system;
}

/** Gives `system` the lowest device number that is free. */
function number(system: FileSystem): void {
  let before: FileSystem | null = null;
  let at = first;
  let device: u32 = 1;
  while (at !== null && at.device === device) {
    device++;
    before = at;
    at = at.next;
  }
  system.device = device;
  system.next = at;
  if (before === null) first = system;
  else before.next = system;
}

/** `node`, which has no place yet, belongs to `system`. */
export function enterSystem(node: Node, system: FileSystem): void {
  node.system = changetype<usize>(system);
  system.inodes++;
  // The tree of the archive and what is computed have the numbers that nodes come with.
  if (system.type === TYPE_TMPFS) node.inode = ++system.lastInode;
}

/** The file system of `type`, of which there is one; null where there is none. */
export function systemOfType(type: u32): FileSystem | null {
  let system = first;
  while (system !== null && system.type !== type) system = system.next;
  return system;
}

/** The one on device `minor` of major number 0, null where there is none. */
export function systemOfDevice(minor: u32): FileSystem | null {
  let system = first;
  while (system !== null && system.device !== minor) system = system.next;
  return system;
}

export function systemOf(node: Node): FileSystem | null {
  return changetype<FileSystem | null>(node.system);
}

/** `node` is about to be freed. */
export function leaveSystem(node: Node): void {
  const system = changetype<FileSystem>(node.system);
  system.inodes--;
  node.system = 0;
  freeSystem(system);
}

/** Pages that files and their names leave to programs: this share of RAM. */
const SPARE_SHARE: u32 = 16;

/** Pages there are for files: what statfs(2) calls free. */
export function pagesForFiles(): u32 {
  const spare = totalPages() / SPARE_SHARE;
  const free = freePages();
  return free > spare ? free - spare : 0;
}

/** There may be another node in the system of `directory`, or another name of a file there. */
export function hasInode(directory: Node): bool {
  if (pagesForFiles() === 0) return false;
  const system = systemOf(directory);
  return system === null || system.inodesMax === 0 || system.inodes < system.inodesMax;
}

/** Pages that contents of `node` may take further, as far as its system limits them. */
export function pagesLeft(node: Node): u32 {
  const system = systemOf(node);
  if (system === null || system.pagesMax === 0) return u32.MAX_VALUE;
  return system.pages < system.pagesMax ? system.pagesMax - system.pages : 0;
}

/** Frees the record of `system` where nothing of it is left. */
export function freeSystem(system: FileSystem): void {
  if (system.inodes !== 0 || system.mounts !== 0) return;
  if (first === system) {
    first = system.next;
  } else {
    let at = first as FileSystem;
    while (at.next !== system) at = at.next as FileSystem;
    at.next = system.next;
  }
  destroy<FileSystem>(system);
}
