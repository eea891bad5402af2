// Files by what identifies them in place of a name: name_to_handle_at(2), open_by_handle_at(2), as fs/fhandle.c and mm/shmem.c
// of Linux 6.1 have them. A handle is three numbers of 32 bits: generation, and the inode's number.

import { Utcb } from "../libhedron/utcb";
import { CAP_DAC_READ_SEARCH, capable } from "../libroottask/credentials";
import { hasFreeDescriptor, usableFileAt } from "../libroottask/descriptors";
import {
  EBADF,
  EFAULT,
  EINVAL,
  EMFILE,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  ESTALE,
} from "../libroottask/errno";
import { systemOf, TYPE_PROC } from "../libroottask/file_system";
import { Mount } from "../libroottask/mount";
import { openKnown } from "../libroottask/open_path";
import { Program, Thread } from "../libroottask/program";
import { copyFrom, copyTo, put32 } from "../libroottask/space";
import { Entry, KIND_DIRECTORY, Node } from "../libroottask/tree";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  base,
  baseMount,
  nodeOrDescriptor,
} from "./lookup";

const AT_SYMLINK_FOLLOW: u64 = 0x400;
/** struct file_handle: bytes of the handle, type, handle; and the most bytes of one. */
const HEAD_BYTES: u32 = 8;
const HANDLE_MAX: u32 = 128;
/** Type and bytes of ours. Numbers are not given twice, so that there is one generation. */
const HANDLE_TYPE: u32 = 1;
const HANDLE_BYTES: u32 = 12;
const INVALID_TYPE: u32 = 255;
const handle = memory.data(136);

/** name_to_handle_at(fd, path, handle, mount, flags). */
export function sysNameToHandleAt(program: Program, regs: Utcb): i64 {
  const flags = regs.r8;
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const follow: u64 = (flags & AT_SYMLINK_FOLLOW) !== 0 ? 0 : AT_SYMLINK_NOFOLLOW;
  const found = nodeOrDescriptor(program, regs.rdi, regs.rsi, (flags & AT_EMPTY_PATH) | follow);
  if (found !== 0) return found;
  const node = base;
  const mount = baseMount;
  const system = systemOf(node);
  if (mount === null || system === null || system.type === TYPE_PROC) return -EOPNOTSUPP;
  const space = program.space;
  if (!copyFrom(space, handle, regs.rdx, HEAD_BYTES)) return -EFAULT;
  const room = load<u32>(handle);
  if (room > HANDLE_MAX) return -EINVAL;
  const fits = room >= HANDLE_BYTES;
  store<u32>(handle, HANDLE_BYTES);
  store<u32>(handle + 4, fits ? HANDLE_TYPE : INVALID_TYPE);
  store<u32>(handle + 8, 0);
  store<u32>(handle + 12, node.inode);
  store<u32>(handle + 16, 0);
  if (!put32(space, regs.r10, mount.id)) return -EFAULT;
  const bytes = fits ? HEAD_BYTES + HANDLE_BYTES : HEAD_BYTES;
  if (!copyTo(space, regs.rdx, handle, bytes)) return -EFAULT;
  return fits ? 0 : -EOVERFLOW;
}

/** The entry behind `entry` of a walk through all names below `top`, or null at the end. */
function nextEntry(entry: Entry, top: Node): Entry | null {
  const node = entry.node;
  if (node.kind === KIND_DIRECTORY && node.entries !== null) return node.entries;
  let at = entry;
  while (at.next === null) {
    const directory = at.directory;
    if (directory === top) return null;
    // A directory has one name.
    at = directory.names as Entry;
  }
  return at.next;
}

/** A name of the node with number `inode` in the file system that `mount` is of; null where it has none. */
function nameOf(mount: Mount, inode: u32): Entry | null {
  const top = mount.system.root;
  let entry = top.entries;
  while (entry !== null) {
    if (entry.node.inode === inode) return entry;
    entry = nextEntry(entry, top);
  }
  return null;
}

/** Opens the node that `handle` means in `mount`'s file system. */
function openHandle(thread: Thread, mount: Mount, flags: u32): i64 {
  if (mount.system.type === TYPE_PROC) return -ESTALE;
  if (load<u32>(handle) < HANDLE_BYTES) return -ESTALE;
  if (load<u32>(handle + 8) !== 0 || load<u32>(handle + 16) !== 0) return -ESTALE;
  const inode = load<u32>(handle + 12);
  const root = mount.system.root;
  const entry: Entry | null = root.inode === inode ? null : nameOf(mount, inode);
  if (entry === null && root.inode !== inode) return -ESTALE;
  const program = thread.program;
  if (!hasFreeDescriptor(program.files, program.filesLimit)) return -EMFILE;
  return openKnown(thread, mount, entry === null ? root : entry.node, entry, flags);
}

/** open_by_handle_at(fd, handle, flags): the descriptor tells the file system. */
export function sysOpenByHandleAt(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const space = program.space;
  if (!capable(CAP_DAC_READ_SEARCH)) return -EPERM;
  if (!copyFrom(space, handle, regs.rsi, HEAD_BYTES)) return -EFAULT;
  const bytes = load<u32>(handle);
  if (bytes === 0 || bytes > HANDLE_MAX) return -EINVAL;
  if (!copyFrom(space, handle + HEAD_BYTES, regs.rsi + (HEAD_BYTES as u64), bytes)) return -EFAULT;
  let mount: Mount | null = program.directoryMount;
  if ((regs.rdi as u32) !== (AT_FDCWD as u32)) {
    const file = usableFileAt(program.files, regs.rdi);
    if (file === null) return -EBADF;
    mount = file.mount;
  }
  return mount === null ? -ESTALE : openHandle(thread, mount, regs.rdx as u32);
}
