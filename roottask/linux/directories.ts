// Directories: the working directory (chdir(2), getcwd(2)) and reading one, getdents64(2).

import { Utcb } from "../libhedron/utcb";
import { CAP_SYS_CHROOT, capable, MAY_EXECUTE } from "../libroottask/credentials";
import { fileAt } from "../libroottask/descriptors";
import {
  EACCES,
  EBADF,
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EPERM,
  ERANGE,
} from "../libroottask/errno";
import { IN_ACCESS, noteFile } from "../libroottask/file_events";
import { directoryType } from "../libroottask/file_type";
import { setDirectory, setRoot } from "../libroottask/fs_state";
import { Mount } from "../libroottask/mount";
import { O_PATH } from "../libroottask/open_file";
import { permit } from "../libroottask/permission";
import { Program } from "../libroottask/program";
import {
  entryEnd,
  entryName,
  entryNameLength,
  entryNode,
  openEntries,
  readEntry,
} from "../libroottask/read_directory";
import { copyTo } from "../libroottask/space";
import { copyLiteral } from "../libroottask/text";
import {
  KIND_DIRECTORY,
  Node,
  PATH_MAX,
  pathOf,
  pathOutside,
  walkMount,
  walkNode,
} from "../libroottask/tree";
import { AT_FDCWD, nodeAt, second } from "./lookup";

function enterDirectory(program: Program, mount: Mount | null, node: Node): i64 {
  if (node.kind !== KIND_DIRECTORY) return -ENOTDIR;
  const error = permit(node, MAY_EXECUTE);
  if (error !== 0) return error;
  if (mount === null) return -EACCES;
  setDirectory(program.fs, mount, node);
  return 0;
}

/** chdir(path). */
export function sysChdir(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, AT_FDCWD, regs.rdi, true);
  return error === 0 ? enterDirectory(program, walkMount, walkNode as Node) : error;
}

export function sysFchdir(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : enterDirectory(program, file.mount, file.node);
}

/** chroot(path): the working directory stays, be it outside. */
export function sysChroot(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, AT_FDCWD, regs.rdi, true);
  if (error !== 0) return error;
  const node = walkNode as Node;
  const mount = walkMount;
  if (node.kind !== KIND_DIRECTORY) return -ENOTDIR;
  if (mount === null) return -EACCES;
  const refused = permit(node, MAY_EXECUTE);
  if (refused !== 0) return refused;
  if (!capable(CAP_SYS_CHROOT)) return -EPERM;
  setRoot(program.fs, mount, node);
  return 0;
}

/** What getcwd(2) puts in front of a directory that is not below the root. */
const UNREACHABLE = "(unreachable)";

/** getcwd(buffer, size): the length with the NUL. */
export function sysGetcwd(program: Program, regs: Utcb): i64 {
  let length = pathOf(program.directoryMount, program.directory, second);
  if (length < 0) return length;
  if (pathOutside) {
    const head = UNREACHABLE.length as u32;
    if (length + (head as i64) >= (PATH_MAX as i64)) return -ENAMETOOLONG;
    memory.copy(second + head, second, length as u32);
    copyLiteral(second, UNREACHABLE);
    length += head as i64;
  }
  store<u8>(second + (length as u32), 0);
  if (regs.rsi < ((length + 1) as u64)) return -ERANGE;
  return copyTo(program.space, regs.rdi, second, (length + 1) as u32) ? length + 1 : -EFAULT;
}

/** Bytes of struct linux_dirent64 before the name. */
const RECORD_HEAD: u32 = 19;

/**
 * Writes one struct linux_dirent64 to `second`: the name is `length` bytes at `text`, reading goes on at
 * `next`. Returns its length.
 */
function record(node: Node, next: u64, text: usize, length: u32): u32 {
  const size = (RECORD_HEAD + length + 1 + 7) & ~7;
  memory.fill(second, 0, size);
  store<u64>(second, node.inode as u64);
  store<u64>(second + 8, next);
  store<u16>(second + 16, size as u16);
  store<u8>(second + 18, directoryType(node));
  memory.copy(second + RECORD_HEAD, text, length);
  return size;
}

/** Bytes of struct linux_dirent before the name; the type is its last byte. */
const OLD_HEAD: u32 = 18;

/** As `record`, one struct linux_dirent. */
function oldRecord(node: Node, next: u64, text: usize, length: u32): u32 {
  const size = (OLD_HEAD + length + 2 + 7) & ~7;
  memory.fill(second, 0, size);
  store<u64>(second, node.inode as u64);
  store<u64>(second + 8, next);
  store<u16>(second + 16, size as u16);
  memory.copy(second + OLD_HEAD, text, length);
  store<u8>(second + size - 1, directoryType(node));
  return size;
}

/** Reads the entries of a directory as the one record or the other: the file's position is the cookie of the next. */
function readEntries(program: Program, regs: Utcb, old: bool): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const directory = file.node;
  if (directory.kind !== KIND_DIRECTORY) return -ENOTDIR;
  if (directory.links === 0) return -ENOENT;
  // The kernel takes an unsigned size and counts it down as an int.
  const room = regs.rdx as i32 as i64;
  openEntries(directory, file.position as u64);
  noteFile(directory, file.entry, IN_ACCESS);
  let done: u64 = 0;
  while (readEntry()) {
    const size = old
      ? oldRecord(entryNode, entryEnd, entryName, entryNameLength)
      : record(entryNode, entryEnd, entryName, entryNameLength);
    if (((done + (size as u64)) as i64) > room) return done === 0 ? -EINVAL : (done as i64);
    if (!copyTo(program.space, regs.rsi + done, second, size)) {
      return done === 0 ? -EFAULT : (done as i64);
    }
    done += size as u64;
    file.position = entryEnd as i64;
  }
  return done as i64;
}

/** getdents64(fd, buffer, size). */
export function sysGetdents64(program: Program, regs: Utcb): i64 {
  return readEntries(program, regs, false);
}

/** getdents(fd, buffer, size). */
export function sysGetdents(program: Program, regs: Utcb): i64 {
  return readEntries(program, regs, true);
}
