// From a path of the program to the node it names, for the calls that take one: relative to the working
// directory or to a descriptor (the *at forms), with or without following a symbolic link at the end.

import { fileAt } from "../libroottask/descriptors";
import { EBADF, EFAULT, ENAMETOOLONG, ENOENT, ENOTDIR } from "../libroottask/errno";
import { Mount } from "../libroottask/mount";
import { Program } from "../libroottask/program";
import { copyText } from "../libroottask/space";
import {
  Entry,
  KIND_DIRECTORY,
  Node,
  PATH_MAX,
  walk,
  walkEntry,
  walkMount,
  walkNode,
  walkToName,
} from "../libroottask/tree";

export const AT_FDCWD: u64 = -100 as i64 as u64;
export const AT_SYMLINK_NOFOLLOW: u64 = 0x100;
export const AT_EMPTY_PATH: u64 = 0x1000;

/** The path of the last look-up, and room for another text. */
export const path = memory.data(4096);
export const second = memory.data(4096);

/** Reads a path of the program into `target`. Returns its length or a negative error. */
export function readPath(program: Program, target: usize, address: u64): i64 {
  const length = copyText(program.space, target, address, PATH_MAX);
  if (length === -1) return -EFAULT;
  return length < 0 ? -ENAMETOOLONG : (length as i64);
}

/** The directory a relative path starts from, through `base`. Returns 0 or a negative error. */
export let base: Node = changetype<Node>(0);
/** The mount that `base` was found through. */
export let baseMount: Mount | null = null;
/** The name that `nodeOrDescriptor` has found `base` by, or null. */
export let baseEntry: Entry | null = null;

export function findBase(program: Program, fd: u64, text: usize, length: u32): i64 {
  base = program.directory;
  baseMount = program.directoryMount;
  baseEntry = null;
  if ((fd as u32) === (AT_FDCWD as u32) || (length !== 0 && load<u8>(text) === 47)) return 0;
  const file = fileAt(program.files, fd);
  if (file === null) return -EBADF;
  base = file.node;
  baseMount = file.mount;
  baseEntry = file.entry;
  return length !== 0 && base.kind !== KIND_DIRECTORY ? -ENOTDIR : 0;
}

/** Walks the path at `address` from descriptor `fd`; the result is in walkNode and its fellows. */
export function walkAt(program: Program, fd: u64, address: u64, follow: bool): i64 {
  const length = readPath(program, path, address);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  const error = findBase(program, fd, path, length as u32);
  return error === 0 ? walk(baseMount, base, path, length as u32, follow) : error;
}

/** As `walkAt`, for calls that make, move or remove what the path names. */
export function nameAt(program: Program, fd: u64, address: u64): i64 {
  const length = readPath(program, path, address);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  const error = findBase(program, fd, path, length as u32);
  return error === 0 ? walkToName(baseMount, base, path, length as u32) : error;
}

/** As `walkAt`, for calls that need the node to be there. */
export function nodeAt(program: Program, fd: u64, address: u64, follow: bool): i64 {
  const error = walkAt(program, fd, address, follow);
  return error === 0 && walkNode === null ? -ENOENT : error;
}

/** The node of an *at call that may have an empty path, in `base`. Returns 0 or a negative error. */
export function nodeOrDescriptor(program: Program, fd: u64, address: u64, flags: u64): i64 {
  if ((flags & AT_EMPTY_PATH) !== 0) {
    const length = address === 0 ? 0 : readPath(program, path, address);
    if (length < 0) return length;
    if (length === 0) return findBase(program, fd, path, 0);
  }
  const error = nodeAt(program, fd, address, (flags & AT_SYMLINK_NOFOLLOW) === 0);
  if (error !== 0) return error;
  base = walkNode as Node;
  baseMount = walkMount;
  baseEntry = walkEntry;
  return 0;
}
