// Extended attributes: setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their forms for links and descriptors,
// with arguments read in the order of Linux 6.1 (fs/xattr.c). What they mean is libroottask/extended_attributes.ts.

import { Utcb } from "../libhedron/utcb";
import { usableFileAt } from "../libroottask/descriptors";
import { E2BIG, EBADF, EFAULT, EINVAL, ENOMEM, ERANGE, EROFS } from "../libroottask/errno";
import {
  ATTRIBUTE_MAX,
  dropAttribute,
  foundValue,
  listAttributes,
  readAttribute,
  setAttribute,
  XATTR_CREATE,
  XATTR_REPLACE,
} from "../libroottask/extended_attributes";
import { IN_ATTRIB, noteFile } from "../libroottask/file_events";
import { allocate, release } from "../libroottask/heap";
import { isReadOnly, Mount } from "../libroottask/mount";
import { Program } from "../libroottask/program";
import { copyFrom, copyText, copyTo } from "../libroottask/space";
import { Entry, Node, walkEntry, walkMount, walkNode } from "../libroottask/tree";
import { AT_FDCWD, nodeAt } from "./lookup";

/** Room for a name with its NUL: XATTR_NAME_MAX is 255. */
const NAME_ROOM: u32 = 256;
const name = memory.data(256);

/** The node that the last look-up found. */
let found: Node = changetype<Node>(0);
let foundEntry: Entry | null = null;
let foundMount: Mount | null = null;

/** Finds what the path in the first argument names. Returns 0 or a negative error. */
function findPath(program: Program, regs: Utcb, follow: bool): i64 {
  const error = nodeAt(program, AT_FDCWD, regs.rdi, follow);
  if (error !== 0) return error;
  found = walkNode as Node;
  foundEntry = walkEntry;
  foundMount = walkMount;
  return 0;
}

/** Finds what the descriptor in the first argument is open on. Returns 0 or -EBADF. */
function findFile(program: Program, regs: Utcb): i64 {
  const file = usableFileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  found = file.node;
  foundEntry = file.entry;
  foundMount = file.mount;
  return 0;
}

/** Reads a name of the program: its length, -ERANGE where it is empty or too long, or -EFAULT. */
function readName(program: Program, address: u64): i64 {
  const length = copyText(program.space, name, address, NAME_ROOM);
  if (length === -1) return -EFAULT;
  return length <= 0 ? -ERANGE : (length as i64);
}

/** Sets an attribute of `found`: name, value, size and flags are the arguments behind the first. */
function set(program: Program, regs: Utcb): i64 {
  const flags = regs.r8 as u32;
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) return -EINVAL;
  const length = readName(program, regs.rsi);
  if (length < 0) return length;
  if (regs.r10 > (ATTRIBUTE_MAX as u64)) return -E2BIG;
  const size = regs.r10 as u32;
  let value: usize = 0;
  if (size !== 0) {
    value = allocate(size);
    if (value === 0) return -ENOMEM;
    if (!copyFrom(program.space, value, regs.rdx, size)) {
      release(value, size);
      return -EFAULT;
    }
  }
  const error = isReadOnly(foundMount)
    ? -EROFS
    : setAttribute(found, name, length as u32, value, size, flags);
  if (error === 0) noteFile(found, foundEntry, IN_ATTRIB);
  else if (size !== 0) release(value, size);
  return error;
}

/** setxattr(path, name, value, size, flags). */
export function sysSetxattr(program: Program, regs: Utcb): i64 {
  const error = findPath(program, regs, true);
  return error === 0 ? set(program, regs) : error;
}

export function sysLsetxattr(program: Program, regs: Utcb): i64 {
  const error = findPath(program, regs, false);
  return error === 0 ? set(program, regs) : error;
}

/** fsetxattr(fd, name, value, size, flags). */
export function sysFsetxattr(program: Program, regs: Utcb): i64 {
  const error = findFile(program, regs);
  return error === 0 ? set(program, regs) : error;
}

/** Tells the value of an attribute of `found`, or without room its size: name, value and size are the arguments. */
function get(program: Program, regs: Utcb): i64 {
  const length = readName(program, regs.rsi);
  if (length < 0) return length;
  const size = readAttribute(found, name, length as u32);
  if (size < 0 || regs.r10 === 0) return size;
  if ((size as u64) > regs.r10) return -ERANGE;
  return copyTo(program.space, regs.rdx, foundValue, size as u32) ? size : -EFAULT;
}

/** getxattr(path, name, value, size). */
export function sysGetxattr(program: Program, regs: Utcb): i64 {
  const error = findPath(program, regs, true);
  return error === 0 ? get(program, regs) : error;
}

export function sysLgetxattr(program: Program, regs: Utcb): i64 {
  const error = findPath(program, regs, false);
  return error === 0 ? get(program, regs) : error;
}

/** fgetxattr(fd, name, value, size). */
export function sysFgetxattr(program: Program, regs: Utcb): i64 {
  const error = findFile(program, regs);
  return error === 0 ? get(program, regs) : error;
}

/** Tells the names of the attributes of `found`, or without room their bytes: list and size are the arguments. */
function list(program: Program, regs: Utcb): i64 {
  const room = min<u64>(regs.rdx, ATTRIBUTE_MAX as u64) as u32;
  if (room === 0) return listAttributes(found, 0, 0);
  const names = allocate(room);
  if (names === 0) return -ENOMEM;
  let result = listAttributes(found, names, room);
  if (result > 0 && !copyTo(program.space, regs.rsi, names, result as u32)) result = -EFAULT;
  release(names, room);
  return result === -ERANGE && room === ATTRIBUTE_MAX ? -E2BIG : result;
}

/** listxattr(path, list, size). */
export function sysListxattr(program: Program, regs: Utcb): i64 {
  const error = findPath(program, regs, true);
  return error === 0 ? list(program, regs) : error;
}

export function sysLlistxattr(program: Program, regs: Utcb): i64 {
  const error = findPath(program, regs, false);
  return error === 0 ? list(program, regs) : error;
}

/** flistxattr(fd, list, size). */
export function sysFlistxattr(program: Program, regs: Utcb): i64 {
  const error = findFile(program, regs);
  return error === 0 ? list(program, regs) : error;
}

/** Removes an attribute of `found`: its name is the second argument. */
function remove(program: Program, regs: Utcb): i64 {
  const length = readName(program, regs.rsi);
  if (length < 0) return length;
  if (isReadOnly(foundMount)) return -EROFS;
  const error = dropAttribute(found, name, length as u32);
  if (error === 0) noteFile(found, foundEntry, IN_ATTRIB);
  return error;
}

/** removexattr(path, name). */
export function sysRemovexattr(program: Program, regs: Utcb): i64 {
  const error = findPath(program, regs, true);
  return error === 0 ? remove(program, regs) : error;
}

export function sysLremovexattr(program: Program, regs: Utcb): i64 {
  const error = findPath(program, regs, false);
  return error === 0 ? remove(program, regs) : error;
}

/** fremovexattr(fd, name). */
export function sysFremovexattr(program: Program, regs: Utcb): i64 {
  const error = findFile(program, regs);
  return error === 0 ? remove(program, regs) : error;
}
