// Names of files: open(2), mkdir(2), symlink(2), link(2), unlink(2), rmdir(2), rename(2), readlink(2) and
// their *at forms.

import { Utcb } from "../libhedron/utcb";
import {
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EXDEV,
} from "../libroottask/errno";
import { IN_ATTRIB, IN_ISDIR, IN_MOVE_SELF, noteMove, noteNode } from "../libroottask/file_events";
import { isFixed } from "../libroottask/file_flags";
import {
  carries,
  giveName,
  LAST_NORMAL,
  lastKind,
  makeDevice,
  makeNode,
  newNodeError,
  newNodeFor,
  removeName,
} from "../libroottask/file_names";
import { hasInode } from "../libroottask/file_system";
import { markChanged, markCreated, markModified } from "../libroottask/file_time";
import { allocate } from "../libroottask/heap";
import { permitChange } from "../libroottask/mount";
import { isWithin, unmountFrom } from "../libroottask/mount_tree";
import {
  O_CLOEXEC,
  O_CREAT,
  O_LARGEFILE,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from "../libroottask/open_file";
import { checkFlags, openDescriptor, openPath } from "../libroottask/open_path";
import { permitLink, permitMove, permitNew, permitRemoval } from "../libroottask/permission";
import { Program, Thread } from "../libroottask/program";
import { F_SEAL_EXEC } from "../libroottask/seals";
import { copyText, copyTo } from "../libroottask/space";
import {
  attachEntry,
  detach,
  dispose,
  Entry,
  freeEntry,
  KIND_BLOCK,
  KIND_DEVICE,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  KIND_PIPE,
  KIND_SOCKET,
  moveEntry,
  Node,
  newEntry,
  newNode,
  refreshNode,
  swapNames,
  walk,
  walkDirectory,
  walkDirectoryMount,
  walkEntry,
  walkName,
  walkNameLength,
  walkNode,
  walkSlash,
} from "../libroottask/tree";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  base,
  baseMount,
  findBase,
  nameAt,
  nodeOrDescriptor,
  path,
  readPath,
  second,
} from "./lookup";

/** Types of node in a mode, include/uapi/linux/stat.h. */
const S_IFMT: u32 = 0o170000;
const S_IFIFO: u32 = 0o010000;
const S_IFCHR: u32 = 0o020000;
const S_IFDIR: u32 = 0o040000;
const S_IFBLK: u32 = 0o060000;
const S_IFREG: u32 = 0o100000;
const S_IFSOCK: u32 = 0o140000;

const AT_REMOVEDIR: u64 = 0x200;
const AT_SYMLINK_FOLLOW: u64 = 0x400;
const RENAME_NOREPLACE: u64 = 1;
const RENAME_EXCHANGE: u64 = 2;
const RENAME_WHITEOUT: u64 = 4;

function openAt(thread: Thread, fd: u64, address: u64, flags: u64, mode: u64): i64 {
  const program = thread.program;
  const wrong = checkFlags(flags as u32);
  if (wrong !== 0) return wrong;
  const length = readPath(program, path, address);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  const error = findBase(program, fd, path, length as u32);
  if (error !== 0) return error;
  const bits = (mode as u32) & ~program.fs.umask;
  return openPath(thread, baseMount, base, path, length as u32, flags as u32, bits);
}

/** open(path, flags, mode). */
export function sysOpen(thread: Thread, regs: Utcb): i64 {
  return openAt(thread, AT_FDCWD, regs.rdi, regs.rsi, regs.rdx);
}

/** openat(fd, path, flags, mode). */
export function sysOpenat(thread: Thread, regs: Utcb): i64 {
  return openAt(thread, regs.rdi, regs.rsi, regs.rdx, regs.r10);
}

/** creat(path, mode). */
export function sysCreat(thread: Thread, regs: Utcb): i64 {
  const flags = (O_CREAT | O_WRONLY | O_TRUNC) as u64;
  return openAt(thread, AT_FDCWD, regs.rdi, flags, regs.rsi);
}

const MFD_CLOEXEC: u64 = 1;
const MFD_ALLOW_SEALING: u64 = 2;
const MFD_NOEXEC_SEAL: u64 = 8;
const MFD_EXEC: u64 = 16;
/** Longest name of memfd_create(2), with its NUL: NAME_MAX without the prefix that Linux gives it, and the NUL. */
const MFD_NAME: u32 = 250;

/** memfd_create(name, flags): a file without a name in the tree, which may be sealed (seals.ts). */
export function sysMemfdCreate(thread: Thread, regs: Utcb): i64 {
  const flags = regs.rsi;
  const known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
  const executable = flags & (MFD_NOEXEC_SEAL | MFD_EXEC);
  if ((flags & ~known) !== 0 || executable === (MFD_NOEXEC_SEAL | MFD_EXEC)) return -EINVAL;
  const length = copyText(thread.program.space, second, regs.rdi, MFD_NAME);
  if (length < 0) return length === -1 ? -EFAULT : -EINVAL;
  const node = newNode(KIND_FILE, executable === MFD_NOEXEC_SEAL ? 0o666 : 0o777);
  if (node === null) return -ENOMEM;
  if (executable === MFD_NOEXEC_SEAL) node.seals = F_SEAL_EXEC;
  else if ((flags & MFD_ALLOW_SEALING) !== 0) node.seals = 0;
  markCreated(node);
  return openDescriptor(
    thread,
    null,
    node,
    null,
    O_RDWR | O_LARGEFILE | ((flags & MFD_CLOEXEC) !== 0 ? O_CLOEXEC : 0),
  );
}

function readlinkAt(program: Program, fd: u64, address: u64, target: u64, room: u64): i64 {
  if ((room as i64) <= 0) return -EINVAL;
  const mayBeEmpty = address === 0 ? 0 : AT_EMPTY_PATH;
  const error = nodeOrDescriptor(program, fd, address, mayBeEmpty | AT_SYMLINK_NOFOLLOW);
  if (error !== 0) return error;
  const node = base;
  // Without a path it is about the descriptor, which only O_PATH | O_NOFOLLOW opens on a link.
  if (node.kind !== KIND_LINK) return load<u8>(path) === 0 ? -ENOENT : -EINVAL;
  refreshNode(node);
  if (node.size === 0) return -ENOENT;
  const count = min<u64>(node.size as u64, room);
  return copyTo(program.space, target, node.data, count as u32) ? (count as i64) : -EFAULT;
}

/** readlink(path, buffer, size). */
export function sysReadlink(program: Program, regs: Utcb): i64 {
  return readlinkAt(program, AT_FDCWD, regs.rdi, regs.rsi, regs.rdx);
}

export function sysReadlinkat(program: Program, regs: Utcb): i64 {
  return readlinkAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10);
}

function mkdirAt(program: Program, fd: u64, address: u64, mode: u64): i64 {
  const error = nameAt(program, fd, address);
  if (error !== 0) return error;
  return makeNode(KIND_DIRECTORY, (mode as u32) & 0o1777 & ~program.fs.umask);
}

/** mkdir(path, mode). */
export function sysMkdir(program: Program, regs: Utcb): i64 {
  return mkdirAt(program, AT_FDCWD, regs.rdi, regs.rsi);
}

export function sysMkdirat(program: Program, regs: Utcb): i64 {
  return mkdirAt(program, regs.rdi, regs.rsi, regs.rdx);
}

function symlinkAt(program: Program, target: u64, fd: u64, address: u64): i64 {
  const length = readPath(program, second, target);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  const error = nameAt(program, fd, address);
  if (error !== 0) return error;
  const directory = walkDirectory as Node;
  const mount = walkDirectoryMount;
  const made = makeNode(KIND_LINK, 0o777);
  if (made !== 0) return made;
  walk(mount, directory, walkName, walkNameLength, false);
  const node = walkNode as Node;
  const text = allocate(length as u32);
  if (text === 0) {
    detach(walkEntry as Entry);
    return -ENOMEM;
  }
  memory.copy(text, second, length as u32);
  node.data = text;
  node.size = length as u64;
  node.capacity = length as u32;
  return 0;
}

/** symlink(target, path). */
export function sysSymlink(program: Program, regs: Utcb): i64 {
  return symlinkAt(program, regs.rdi, AT_FDCWD, regs.rsi);
}

export function sysSymlinkat(program: Program, regs: Utcb): i64 {
  return symlinkAt(program, regs.rdi, regs.rsi, regs.rdx);
}

function removeAt(program: Program, fd: u64, address: u64, directory: bool): i64 {
  const error = nameAt(program, fd, address);
  return error === 0 ? removeName(directory) : error;
}

/** unlink(path). */
export function sysUnlink(program: Program, regs: Utcb): i64 {
  return removeAt(program, AT_FDCWD, regs.rdi, false);
}

/** rmdir(path). */
export function sysRmdir(program: Program, regs: Utcb): i64 {
  return removeAt(program, AT_FDCWD, regs.rdi, true);
}

/** unlinkat(fd, path, flags). */
export function sysUnlinkat(program: Program, regs: Utcb): i64 {
  if ((regs.rdx & 0xffff_ffff & ~AT_REMOVEDIR) !== 0) return -EINVAL;
  return removeAt(program, regs.rdi, regs.rsi, (regs.rdx & AT_REMOVEDIR) !== 0);
}

/** What stands against `node` taking the place of `present`: 0 or a negative error. */
function mayReplace(node: Node, present: Node): i64 {
  if (node.kind === KIND_DIRECTORY) {
    if (present.kind !== KIND_DIRECTORY) return -ENOTDIR;
  } else if (present.kind === KIND_DIRECTORY) {
    return -EISDIR;
  }
  return 0;
}

/** What stands against the move of `source` to the last walk's place, for whoever calls: 0 or a negative error. */
function permitRename(source: Entry, directory: Node, exchanging: bool): i64 {
  const from = source.directory;
  let error = permitRemoval(from, source.node);
  if (error !== 0) return error;
  const present = walkNode;
  error = present === null ? permitNew(directory) : permitRemoval(directory, present);
  if (error !== 0) return error;
  error = permitMove(source.node, from, directory);
  return error === 0 && exchanging ? permitMove(present as Node, directory, from) : error;
}

/** Two entries change their names. */
function exchange(a: Entry, b: Entry): i64 {
  const first = a.node;
  const other = b.node;
  swapNames(a, b);
  markChanged(first);
  markChanged(other);
  markModified(a.directory);
  markModified(b.directory);
  noteMove(first, b.directory, b.name, b.nameLength, a);
  noteNode(first, IN_MOVE_SELF);
  noteMove(other, a.directory, a.name, a.nameLength, b);
  noteNode(other, IN_MOVE_SELF);
  return 0;
}

/** The name `source` becomes the last walk's in `directory`, in the place of `replaced`. Returns 0 or -ENOMEM. */
function move(source: Entry, directory: Node, replaced: Entry | null): i64 {
  const node = source.node;
  const from = source.directory;
  const length = source.nameLength;
  // Those who watch are told of the old name, too.
  memory.copy(second, source.name, length);
  const error = moveEntry(source, directory, walkName, walkNameLength);
  if (error !== 0) return error;
  const gone: Node | null = replaced === null ? null : replaced.node;
  if (gone !== null) gone.users++;
  if (replaced !== null) {
    markChanged(replaced.node);
    detach(replaced);
  }
  markChanged(node);
  markModified(from);
  markModified(directory);
  noteMove(node, from, second, length, source);
  if (gone !== null)
    noteNode(gone, gone.kind === KIND_DIRECTORY ? IN_ATTRIB | IN_ISDIR : IN_ATTRIB);
  noteNode(node, IN_MOVE_SELF);
  if (gone !== null) {
    gone.users--;
    dispose(gone);
  }
  return 0;
}

/** `move`, and a character device 0 without rights stays at the old name, which overlays take for a file that is gone. */
function moveLeaving(source: Entry, directory: Node, replaced: Entry | null): i64 {
  const from = source.directory;
  const device = newNodeFor(from, KIND_DEVICE, 0, 0);
  if (device === null) return newNodeError;
  const entry = newEntry(source.name, source.nameLength);
  const error: i64 = entry === null ? -ENOMEM : move(source, directory, replaced);
  if (entry !== null) {
    if (error === 0) attachEntry(entry, from, device);
    else freeEntry(entry);
  }
  if (error !== 0) dispose(device);
  return error;
}

function renameAt(program: Program, from: u64, old: u64, to: u64, target: u64, flags: u64): i64 {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0) return -EINVAL;
  if ((flags & RENAME_EXCHANGE) !== 0 && flags !== RENAME_EXCHANGE) return -EINVAL;
  let error = nameAt(program, from, old);
  if (error !== 0) return error;
  const slash = walkSlash;
  const last = lastKind();
  const node = walkNode;
  const source = walkEntry;
  const mount = walkDirectoryMount;
  error = nameAt(program, to, target);
  if (error !== 0) return error;
  if (mount !== walkDirectoryMount) return -EXDEV;
  if (last !== LAST_NORMAL) return -EBUSY;
  if (lastKind() !== LAST_NORMAL) return (flags & RENAME_NOREPLACE) !== 0 ? -EEXIST : -EBUSY;
  error = permitChange(mount);
  if (error !== 0) return error;
  if (node === null || source === null) return -ENOENT;
  const directory = walkDirectory as Node;
  const present = walkNode;
  const replaced = walkEntry;
  if (present !== null && (flags & RENAME_NOREPLACE) !== 0) return -EEXIST;
  const exchanging = (flags & RENAME_EXCHANGE) !== 0;
  if (exchanging) {
    if (present === null) return -ENOENT;
    if (walkSlash && present.kind !== KIND_DIRECTORY) return -ENOTDIR;
  }
  if (node.kind !== KIND_DIRECTORY && (slash || (!exchanging && walkSlash))) return -ENOTDIR;
  if (node.kind === KIND_DIRECTORY && isWithin(directory, node)) return -EINVAL;
  if (present !== null && present.kind === KIND_DIRECTORY && isWithin(source.directory, present)) {
    return exchanging ? -EINVAL : -ENOTEMPTY;
  }
  if (present === node) return 0;
  error = permitRename(source, directory, exchanging);
  if (error !== 0) return error;
  if (present !== null && !exchanging) {
    error = mayReplace(node, present);
    if (error !== 0) return error;
  }
  if (carries(node, source) || (replaced !== null && carries(replaced.node, replaced))) {
    return -EBUSY;
  }
  unmountFrom(node, source);
  if (replaced !== null) unmountFrom(replaced.node, replaced);
  if (exchanging) {
    return replaced === null ? -ENOENT : exchange(source, replaced);
  }
  if (present !== null && present.entries !== null) return -ENOTEMPTY;
  return (flags & RENAME_WHITEOUT) !== 0
    ? moveLeaving(source, directory, replaced)
    : move(source, directory, replaced);
}

/** rename(old, new). */
export function sysRename(program: Program, regs: Utcb): i64 {
  return renameAt(program, AT_FDCWD, regs.rdi, AT_FDCWD, regs.rsi, 0);
}

/** renameat(fd, old, fd, new). */
export function sysRenameat(program: Program, regs: Utcb): i64 {
  return renameAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10, 0);
}

/** renameat2(fd, old, fd, new, flags). */
export function sysRenameat2(program: Program, regs: Utcb): i64 {
  return renameAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8 & 0xffff_ffff);
}

/** Gives the node at `old` the name at `added` too; a symbolic link is followed only where `flags` say so. */
function linkAt(program: Program, from: u64, old: u64, to: u64, added: u64, flags: u64): i64 {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const stay = (flags & AT_SYMLINK_FOLLOW) !== 0 ? 0 : AT_SYMLINK_NOFOLLOW;
  let error = nodeOrDescriptor(program, from, old, flags | stay);
  if (error !== 0) return error;
  const node = base;
  const mount = baseMount;
  error = nameAt(program, to, added);
  if (error !== 0) return error;
  if (walkNode !== null) return -EEXIST;
  if (walkSlash) return -ENOENT;
  error = permitChange(walkDirectoryMount);
  if (error !== 0) return error;
  if (mount !== walkDirectoryMount) return -EXDEV;
  error = permitLink(node);
  if (error === 0) error = permitNew(walkDirectory as Node);
  if (error !== 0) return error;
  if (isFixed(node) || node.kind === KIND_DIRECTORY) return -EPERM;
  if (node.links === 0 && node.linkable === 0) return -ENOENT;
  if (node.links !== 0 && !hasInode(node)) return -ENOSPC;
  node.linkable = 0;
  markChanged(node);
  noteNode(node, IN_ATTRIB);
  return giveName(node, walkDirectory as Node);
}

/** link(old, new). */
export function sysLink(program: Program, regs: Utcb): i64 {
  const cwd = AT_FDCWD;
  return linkAt(program, cwd, regs.rdi, cwd, regs.rsi, 0);
}

/** linkat(fd, old, fd, new, flags). */
export function sysLinkat(program: Program, regs: Utcb): i64 {
  return linkAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8);
}

/** Makes a node that is no directory: a file, a FIFO, the name of a socket that nobody listens to, a device. */
function mknodAt(program: Program, fd: u64, address: u64, mode: u64, device: u64): i64 {
  const type = (mode as u32) & S_IFMT;
  const bits = (mode as u32) & 0o7777 & ~program.fs.umask;
  if (type === S_IFDIR) return -EPERM;
  const special = type === S_IFCHR || type === S_IFBLK;
  const plain = type === 0 || type === S_IFREG || type === S_IFIFO || type === S_IFSOCK;
  if (!special && !plain) return -EINVAL;
  const error = nameAt(program, fd, address);
  if (error !== 0) return error;
  if (special) return makeDevice(type === S_IFCHR ? KIND_DEVICE : KIND_BLOCK, bits, device as u32);
  if (type === S_IFSOCK) return makeNode(KIND_SOCKET, bits);
  return makeNode(type === S_IFIFO ? KIND_PIPE : KIND_FILE, bits);
}

/** mknod(path, mode, device). */
export function sysMknod(program: Program, regs: Utcb): i64 {
  return mknodAt(program, AT_FDCWD, regs.rdi, regs.rsi, regs.rdx);
}

/** mknodat(fd, path, mode, device). */
export function sysMknodat(program: Program, regs: Utcb): i64 {
  return mknodAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10);
}
