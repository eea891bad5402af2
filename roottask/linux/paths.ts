// Names: open(2), stat(2), access(2), readlink(2), mkdir(2), unlink(2), rename(2), symlink(2),
// link(2), getdents64(2), chdir(2) and their *at forms. /proc/self/exe is answered.

import { Utcb } from "../libhedron/utcb";
import { truncateContents } from "../libroottask/contents";
import { fileAt } from "../libroottask/descriptors";
import { setDirectory } from "../libroottask/domain";
import {
  EACCES,
  EBADF,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  ERANGE,
} from "../libroottask/errno";
import {
  clockNanoseconds,
  clockSeconds,
  markChanged,
  markCreated,
  markModified,
} from "../libroottask/file_time";
import { allocate, release } from "../libroottask/heap";
import { O_CREAT, O_PATH, O_TRUNC, O_WRONLY } from "../libroottask/open_file";
import { openPath } from "../libroottask/open_path";
import { freePages, totalPages } from "../libroottask/pages";
import { Program } from "../libroottask/program";
import { copyFrom, copyText, copyTo } from "../libroottask/space";
import { copyLiteral, equalsLiteral } from "../libroottask/text";
import {
  attach,
  detach,
  dispose,
  Entry,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  Node,
  newNode,
  PATH_MAX,
  pathOf,
  root,
  walk,
  walkDirectory,
  walkEntry,
  walkName,
  walkNameLength,
  walkNode,
  walkSlash,
} from "../libroottask/tree";
import {
  directoryType,
  fillStat,
  fillStatfs,
  fillStatx,
  STAT_BYTES,
  STATFS_BYTES,
  STATX_BYTES,
  statBuffer,
} from "./stat";
import { linuxProgram } from "./state";

const AT_FDCWD: i32 = -100;
const AT_SYMLINK_NOFOLLOW: u64 = 0x100;
const AT_REMOVEDIR: u64 = 0x200;
const AT_SYMLINK_FOLLOW: u64 = 0x400;
const AT_EMPTY_PATH: u64 = 0x1000;
/** Permissions that access(2) asks for. */
const R_OK: u64 = 4;
const W_OK: u64 = 2;
const X_OK: u64 = 1;
const RENAME_NOREPLACE: u64 = 1;

const path = memory.data(4096);
const second = memory.data(4096);
let pathLength: u32 = 0;

/** Reads a path of the program into `target`. Returns its length or a negative error. */
function readPath(program: Program, target: usize, address: u64): i64 {
  const length = copyText(program.space, target, address, PATH_MAX);
  if (length === -1) return -EFAULT;
  return length < 0 ? -ENAMETOOLONG : (length as i64);
}

/** The directory a relative path starts from, through `base`. Returns 0 or a negative error. */
let base: Node = changetype<Node>(0);

function findBase(program: Program, fd: u64, text: usize, length: u32): i64 {
  base = program.directory;
  if ((fd as i32) === AT_FDCWD || (length !== 0 && load<u8>(text) === 47)) return 0;
  const file = fileAt(program.files, fd);
  if (file === null) return -EBADF;
  base = file.node;
  return length !== 0 && base.kind !== KIND_DIRECTORY ? -ENOTDIR : 0;
}

/** Walks the path at `address` from descriptor `fd`; the result is in walkNode and its fellows. */
function walkAt(program: Program, fd: u64, address: u64, follow: bool): i64 {
  const length = readPath(program, path, address);
  if (length < 0) return length;
  pathLength = length as u32;
  const error = findBase(program, fd, path, pathLength);
  return error === 0 ? walk(base, path, pathLength, follow) : error;
}

/** As `walkAt`, for calls that need the node to be there. */
function nodeAt(program: Program, fd: u64, address: u64, follow: bool): i64 {
  const error = walkAt(program, fd, address, follow);
  return error === 0 && walkNode === null ? -ENOENT : error;
}

function openAt(program: Program, fd: u64, address: u64, flags: u64, mode: u64): i64 {
  const length = readPath(program, path, address);
  if (length < 0) return length;
  const error = findBase(program, fd, path, length as u32);
  if (error !== 0) return error;
  const bits = (mode as u32) & ~linuxProgram(program).umask;
  return openPath(program, base, path, length as u32, flags as u32, bits);
}

/** open(path, flags, mode). */
export function sysOpen(program: Program, regs: Utcb): i64 {
  return openAt(program, AT_FDCWD as u64, regs.rdi, regs.rsi, regs.rdx);
}

/** openat(fd, path, flags, mode). */
export function sysOpenat(program: Program, regs: Utcb): i64 {
  return openAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10);
}

/** creat(path, mode). */
export function sysCreat(program: Program, regs: Utcb): i64 {
  const flags = (O_CREAT | O_WRONLY | O_TRUNC) as u64;
  return openAt(program, AT_FDCWD as u64, regs.rdi, flags, regs.rsi);
}

function putStat(program: Program, node: Node, address: u64): i64 {
  fillStat(node);
  return copyTo(program.space, address, statBuffer, STAT_BYTES) ? 0 : -EFAULT;
}

function statPath(program: Program, fd: u64, address: u64, target: u64, follow: bool): i64 {
  const error = nodeAt(program, fd, address, follow);
  return error === 0 ? putStat(program, walkNode as Node, target) : error;
}

/** stat(path, stat). */
export function sysStat(program: Program, regs: Utcb): i64 {
  return statPath(program, AT_FDCWD as u64, regs.rdi, regs.rsi, true);
}

export function sysLstat(program: Program, regs: Utcb): i64 {
  return statPath(program, AT_FDCWD as u64, regs.rdi, regs.rsi, false);
}

/** fstat(fd, stat). */
export function sysFstat(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : putStat(program, file.node, regs.rsi);
}

/** The node of an *at call that may have an empty path, in `base`. Returns 0 or a negative error. */
function nodeOrDescriptor(program: Program, fd: u64, address: u64, flags: u64): i64 {
  if ((flags & AT_EMPTY_PATH) !== 0) {
    const length = address === 0 ? 0 : readPath(program, path, address);
    if (length < 0) return length;
    if (length === 0) return findBase(program, fd, path, 0);
  }
  const error = nodeAt(program, fd, address, (flags & AT_SYMLINK_NOFOLLOW) === 0);
  if (error === 0) base = walkNode as Node;
  return error;
}

/** newfstatat(fd, path, stat, flags). */
export function sysNewfstatat(program: Program, regs: Utcb): i64 {
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, regs.r10);
  return error === 0 ? putStat(program, base, regs.rdx) : error;
}

/** statx(fd, path, flags, mask, statx). */
export function sysStatx(program: Program, regs: Utcb): i64 {
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, regs.rdx);
  if (error !== 0) return error;
  fillStatx(base);
  return copyTo(program.space, regs.r8, statBuffer, STATX_BYTES) ? 0 : -EFAULT;
}

function putStatfs(program: Program, address: u64): i64 {
  fillStatfs(totalPages(), freePages());
  return copyTo(program.space, address, statBuffer, STATFS_BYTES) ? 0 : -EFAULT;
}

/** statfs(path, statfs). */
export function sysStatfs(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, AT_FDCWD as u64, regs.rdi, true);
  return error === 0 ? putStatfs(program, regs.rsi) : error;
}

export function sysFstatfs(program: Program, regs: Utcb): i64 {
  return fileAt(program.files, regs.rdi) === null ? -EBADF : putStatfs(program, regs.rsi);
}

/** access(path, mode): root may do everything but execute what nobody may. */
function accessAt(program: Program, fd: u64, address: u64, mode: u64): i64 {
  if ((mode & ~(R_OK | W_OK | X_OK)) !== 0) return -EINVAL;
  const error = nodeAt(program, fd, address, true);
  if (error !== 0) return error;
  const node = walkNode as Node;
  const executable = node.kind === KIND_DIRECTORY || (node.mode & 0o111) !== 0;
  return (mode & X_OK) !== 0 && !executable ? -EACCES : 0;
}

export function sysAccess(program: Program, regs: Utcb): i64 {
  return accessAt(program, AT_FDCWD as u64, regs.rdi, regs.rsi);
}

export function sysFaccessat(program: Program, regs: Utcb): i64 {
  return accessAt(program, regs.rdi, regs.rsi, regs.rdx);
}

function readlinkAt(program: Program, fd: u64, address: u64, target: u64, room: u64): i64 {
  if ((room as i64) <= 0) return -EINVAL;
  const length = readPath(program, path, address);
  if (length < 0) return length;
  let text: usize = second;
  let size: i64 = 0;
  if (equalsLiteral(path, length as u32, "/proc/self/exe")) {
    size = pathOf(program.executable as Node, second);
    if (size < 0) return size;
  } else {
    const error = nodeAt(program, fd, address, false);
    if (error !== 0) return error;
    const node = walkNode as Node;
    if (node.kind !== KIND_LINK) return -EINVAL;
    text = node.data;
    size = node.size as i64;
  }
  const count = min<u64>(size as u64, room);
  return copyTo(program.space, target, text, count as u32) ? (count as i64) : -EFAULT;
}

/** readlink(path, buffer, size). */
export function sysReadlink(program: Program, regs: Utcb): i64 {
  return readlinkAt(program, AT_FDCWD as u64, regs.rdi, regs.rsi, regs.rdx);
}

export function sysReadlinkat(program: Program, regs: Utcb): i64 {
  return readlinkAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10);
}

/** Makes a node of `kind` at the place the last walk found. */
function make(kind: u32, mode: u32): i64 {
  if (walkNode !== null) return -EEXIST;
  const node = newNode(kind, mode);
  if (node === null) return -ENOMEM;
  markCreated(node);
  return name(node, walkDirectory as Node);
}

/** Gives `node` the last walk's name in `directory`. */
function name(node: Node, directory: Node): i64 {
  const error = attach(directory, node, walkName, walkNameLength);
  if (error !== 0) dispose(node);
  else markModified(directory);
  return error;
}

/** Takes a name away. */
function unname(entry: Entry): void {
  markChanged(entry.node);
  markModified(entry.directory);
  detach(entry);
}

function mkdirAt(program: Program, fd: u64, address: u64, mode: u64): i64 {
  const error = walkAt(program, fd, address, false);
  if (error !== 0) return error;
  return make(KIND_DIRECTORY, (mode as u32) & 0o7777 & ~linuxProgram(program).umask);
}

/** mkdir(path, mode). */
export function sysMkdir(program: Program, regs: Utcb): i64 {
  return mkdirAt(program, AT_FDCWD as u64, regs.rdi, regs.rsi);
}

export function sysMkdirat(program: Program, regs: Utcb): i64 {
  return mkdirAt(program, regs.rdi, regs.rsi, regs.rdx);
}

function symlinkAt(program: Program, target: u64, fd: u64, address: u64): i64 {
  const length = readPath(program, second, target);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  const error = walkAt(program, fd, address, false);
  if (error !== 0) return error;
  const directory = walkDirectory as Node;
  const made = make(KIND_LINK, 0o777);
  if (made !== 0) return made;
  walk(directory, walkName, walkNameLength, false);
  const node = walkNode as Node;
  const text = allocate(length as u32);
  if (text === 0) {
    detach(walkEntry as Entry);
    return -ENOMEM;
  }
  memory.copy(text, second, length as u32);
  node.data = text;
  node.size = length as u32;
  node.capacity = length as u32;
  return 0;
}

/** symlink(target, path). */
export function sysSymlink(program: Program, regs: Utcb): i64 {
  return symlinkAt(program, regs.rdi, AT_FDCWD as u64, regs.rsi);
}

export function sysSymlinkat(program: Program, regs: Utcb): i64 {
  return symlinkAt(program, regs.rdi, regs.rsi, regs.rdx);
}

function removeAt(program: Program, fd: u64, address: u64, directory: bool): i64 {
  const error = nodeAt(program, fd, address, false);
  if (error !== 0) return error;
  const node = walkNode as Node;
  if (node === root()) return -EPERM;
  if (directory) {
    if (node.kind !== KIND_DIRECTORY) return -ENOTDIR;
    if (node.entries !== null) return -ENOTEMPTY;
    if (equalsLiteral(walkName, walkNameLength, ".")) return -EINVAL;
  } else if (node.kind === KIND_DIRECTORY) {
    return -EISDIR;
  }
  unname(walkEntry as Entry);
  return 0;
}

/** unlink(path). */
export function sysUnlink(program: Program, regs: Utcb): i64 {
  return removeAt(program, AT_FDCWD as u64, regs.rdi, false);
}

export function sysRmdir(program: Program, regs: Utcb): i64 {
  return removeAt(program, AT_FDCWD as u64, regs.rdi, true);
}

export function sysUnlinkat(program: Program, regs: Utcb): i64 {
  return removeAt(program, regs.rdi, regs.rsi, (regs.rdx & AT_REMOVEDIR) !== 0);
}

/** `directory` is `node` or lies below it. */
function below(directory: Node, node: Node): bool {
  let at = directory;
  while (at !== root()) {
    if (at === node) return true;
    at = at.parent as Node;
  }
  return node === root();
}

function renameAt(program: Program, from: u64, old: u64, to: u64, target: u64, flags: u64): i64 {
  if ((flags & ~RENAME_NOREPLACE) !== 0) return -EINVAL;
  let error = nodeAt(program, from, old, false);
  if (error !== 0) return error;
  const node = walkNode as Node;
  const source = walkEntry;
  if (source === null) return -EBUSY;
  error = walkAt(program, to, target, false);
  if (error !== 0) return error;
  const directory = walkDirectory as Node;
  const present = walkNode;
  const replaced = walkEntry;
  if (node.kind === KIND_DIRECTORY && below(directory, node)) return -EINVAL;
  const copy = allocate(walkNameLength);
  if (copy === 0) return -ENOMEM;
  const length = walkNameLength;
  memory.copy(copy, walkName, length);
  if (present !== null) {
    if (present === node) return 0;
    if ((flags & RENAME_NOREPLACE) !== 0) return -EEXIST;
    if (present.kind === KIND_DIRECTORY) {
      if (node.kind !== KIND_DIRECTORY) return -EISDIR;
      if (present.entries !== null) return -ENOTEMPTY;
    } else if (node.kind === KIND_DIRECTORY) {
      return -ENOTDIR;
    }
    if (replaced === null) return -EBUSY;
    unname(replaced);
  }
  node.users++;
  unname(source);
  error = attach(directory, node, copy, length);
  node.users--;
  if (error === 0) markModified(directory);
  release(copy, length);
  return error;
}

/** rename(old, new). */
export function sysRename(program: Program, regs: Utcb): i64 {
  const cwd = AT_FDCWD as u64;
  return renameAt(program, cwd, regs.rdi, cwd, regs.rsi, 0);
}

export function sysRenameat(program: Program, regs: Utcb): i64 {
  return renameAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10, 0);
}

export function sysRenameat2(program: Program, regs: Utcb): i64 {
  return renameAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8);
}

/** truncate(path, length). */
export function sysTruncate(program: Program, regs: Utcb): i64 {
  const size = regs.rsi as i64;
  if (size < 0) return -EINVAL;
  const error = nodeAt(program, AT_FDCWD as u64, regs.rdi, true);
  if (error !== 0) return error;
  const node = walkNode as Node;
  if (node.kind === KIND_DIRECTORY) return -EISDIR;
  if (node.kind !== KIND_FILE) return -EINVAL;
  return truncateContents(node, size, program.fileLimit);
}

function setMode(node: Node, mode: u64): i64 {
  node.mode = (mode as u32) & 0o7777;
  markChanged(node);
  return 0;
}

/** chmod(path, mode). */
export function sysChmod(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, AT_FDCWD as u64, regs.rdi, true);
  if (error !== 0) return error;
  return setMode(walkNode as Node, regs.rsi);
}

export function sysFchmod(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  return setMode(file.node, regs.rsi);
}

function enterDirectory(program: Program, node: Node): i64 {
  if (node.kind !== KIND_DIRECTORY) return -ENOTDIR;
  setDirectory(program, node);
  return 0;
}

/** chdir(path). */
export function sysChdir(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, AT_FDCWD as u64, regs.rdi, true);
  return error === 0 ? enterDirectory(program, walkNode as Node) : error;
}

export function sysFchdir(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : enterDirectory(program, file.node);
}

/** getcwd(buffer, size): the length with the NUL. */
export function sysGetcwd(program: Program, regs: Utcb): i64 {
  const length = pathOf(program.directory, second);
  if (length < 0) return length;
  store<u8>(second + (length as u32), 0);
  if (regs.rsi < ((length + 1) as u64)) return -ERANGE;
  return copyTo(program.space, regs.rdi, second, (length + 1) as u32) ? length + 1 : -EFAULT;
}

/** umask(mask). */
export function sysUmask(program: Program, regs: Utcb): i64 {
  const own = linuxProgram(program);
  const old = own.umask;
  own.umask = (regs.rdi as u32) & 0o777;
  return old as i64;
}

/** Bytes of struct linux_dirent64 before the name. */
const RECORD_HEAD: u32 = 19;
const DOTS: string = "..";

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

/** The first entry of `directory` from `cookie` on, or null. */
function entryFrom(directory: Node, cookie: u64): Entry | null {
  let entry = directory.entries;
  while (entry !== null && entry.cookie < cookie) entry = entry.next;
  return entry;
}

/** getdents64(fd, buffer, size): the file's position is the cookie of the next entry. */
export function sysGetdents64(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  const directory = file.node;
  if (directory.kind !== KIND_DIRECTORY) return -ENOTDIR;
  if (directory.links === 0) return -ENOENT;
  const dots = path;
  copyLiteral(dots, DOTS);
  let position = file.position as u64;
  let entry = entryFrom(directory, position);
  let done: u64 = 0;
  while (position < 2 || entry !== null) {
    let size: u32 = 0;
    let next = position + 1;
    if (position === 0) {
      size = record(directory, next, dots, 1);
    } else if (position === 1) {
      size = record(directory.parent as Node, next, dots, 2);
    } else {
      const found = entry as Entry;
      next = found.cookie + 1;
      size = record(found.node, next, found.name, found.nameLength);
    }
    if (done + (size as u64) > regs.rdx) return done === 0 ? -EINVAL : (done as i64);
    if (!copyTo(program.space, regs.rsi + done, second, size)) {
      return done === 0 ? -EFAULT : (done as i64);
    }
    if (position >= 2) entry = (entry as Entry).next;
    done += size as u64;
    position = next;
    file.position = next as i64;
  }
  return done as i64;
}

const UTIME_NOW: i64 = 0x3fff_ffff;
const UTIME_OMIT: i64 = 0x3fff_fffe;
/** Bytes of struct timespec. */
const TIMESPEC: usize = 16;

/** The fraction of the timespec at `at` is one. */
function validTime(at: usize): bool {
  const fraction = load<i64>(at + 8);
  if (fraction === UTIME_NOW || fraction === UTIME_OMIT) return true;
  return fraction >= 0 && fraction < 1_000_000_000;
}

/** utimensat(fd, path, times, flags): times of access and modification. */
export function sysUtimensat(program: Program, regs: Utcb): i64 {
  const times = second + PATH_MAX / 2;
  if (regs.rdx !== 0) {
    if (!copyFrom(program.space, times, regs.rdx, 2 * (TIMESPEC as u32))) return -EFAULT;
    if (!validTime(times) || !validTime(times + TIMESPEC)) return -EINVAL;
  } else {
    store<i64>(times + 8, UTIME_NOW);
    store<i64>(times + TIMESPEC + 8, UTIME_NOW);
  }
  const flags = regs.rsi === 0 ? regs.r10 | AT_EMPTY_PATH : regs.r10;
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, flags);
  if (error !== 0) return error;
  const access = load<i64>(times + 8);
  const modification = load<i64>(times + TIMESPEC + 8);
  if (access === UTIME_OMIT && modification === UTIME_OMIT) return 0;
  markChanged(base);
  if (access !== UTIME_OMIT) {
    base.accessTime = access === UTIME_NOW ? clockSeconds : load<i64>(times);
    base.accessNanoseconds = access === UTIME_NOW ? clockNanoseconds : (access as u32);
  }
  if (modification !== UTIME_OMIT) {
    base.time = modification === UTIME_NOW ? clockSeconds : load<i64>(times + TIMESPEC);
    base.nanoseconds = modification === UTIME_NOW ? clockNanoseconds : (modification as u32);
  }
  return 0;
}

/** Sets user and group; -1 leaves one alone. */
function setOwner(node: Node, owner: u64, group: u64): i64 {
  if ((owner as i32) !== -1) node.owner = owner as u32;
  if ((group as i32) !== -1) node.group = group as u32;
  markChanged(node);
  return 0;
}

function chownPath(program: Program, regs: Utcb, follow: bool): i64 {
  const error = nodeAt(program, AT_FDCWD as u64, regs.rdi, follow);
  return error === 0 ? setOwner(walkNode as Node, regs.rsi, regs.rdx) : error;
}

/** chown(path, owner, group). */
export function sysChown(program: Program, regs: Utcb): i64 {
  return chownPath(program, regs, true);
}

export function sysLchown(program: Program, regs: Utcb): i64 {
  return chownPath(program, regs, false);
}

/** fchown(fd, owner, group). */
export function sysFchown(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  return setOwner(file.node, regs.rsi, regs.rdx);
}

/** fchownat(fd, path, owner, group, flags). */
export function sysFchownat(program: Program, regs: Utcb): i64 {
  if ((regs.r8 & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, regs.r8);
  return error === 0 ? setOwner(base, regs.rdx, regs.r10) : error;
}

/** fchmodat(fd, path, mode). */
export function sysFchmodat(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, regs.rdi, regs.rsi, true);
  if (error !== 0) return error;
  return setMode(walkNode as Node, regs.rdx);
}

/** Gives the node at `old` the name at `added` too; a symbolic link is followed only where `flags` say so. */
function linkAt(program: Program, from: u64, old: u64, to: u64, added: u64, flags: u64): i64 {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const stay = (flags & AT_SYMLINK_FOLLOW) !== 0 ? 0 : AT_SYMLINK_NOFOLLOW;
  let error = nodeOrDescriptor(program, from, old, flags | stay);
  if (error !== 0) return error;
  const node = base;
  error = walkAt(program, to, added, false);
  if (error !== 0) return error;
  if (walkNode !== null) return -EEXIST;
  if (node.kind === KIND_DIRECTORY) return -EPERM;
  if (walkSlash || node.links === 0) return -ENOENT;
  markChanged(node);
  return name(node, walkDirectory as Node);
}

/** link(old, new). */
export function sysLink(program: Program, regs: Utcb): i64 {
  const cwd = AT_FDCWD as u64;
  return linkAt(program, cwd, regs.rdi, cwd, regs.rsi, 0);
}

/** linkat(fd, old, fd, new, flags). */
export function sysLinkat(program: Program, regs: Utcb): i64 {
  return linkAt(program, regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8);
}

/** mknod(2): the tree has no new devices. */
export function sysNotPermitted(_program: Program, _regs: Utcb): i64 {
  return -EPERM;
}
