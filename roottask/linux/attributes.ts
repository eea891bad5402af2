// What stat(2) tells about files, and the calls that set it: chmod(2), chown(2), utimensat(2), truncate(2),
// umask(2); statfs(2), access(2).

import { Utcb } from "../libhedron/utcb";
import { dropCapabilities } from "../libroottask/attribute_list";
import { truncateContents } from "../libroottask/contents";
import {
  actAs,
  actor,
  CAP_CHOWN,
  capable,
  dropCredentials,
  inGroup,
  MAY_EXECUTE,
  MAY_WRITE,
} from "../libroottask/credentials";
import { fileAt } from "../libroottask/descriptors";
import { EACCES, EBADF, EFAULT, EINVAL, EISDIR, ENOMEM, EPERM, EROFS } from "../libroottask/errno";
import { IN_ATTRIB, IN_MODIFY, noteFile } from "../libroottask/file_events";
import { isAppendOnly, isFixed } from "../libroottask/file_flags";
import { pagesForFiles } from "../libroottask/file_system";
import { markChanged } from "../libroottask/file_time";
import { hasFlag, isReadOnly, Mount, MS_NOEXEC, permitChange } from "../libroottask/mount";
import { O_PATH, O_WRONLY } from "../libroottask/open_file";
import { awaitLease } from "../libroottask/open_path";
import { totalPages } from "../libroottask/pages";
import { dangerousBits, mayKeepGroup, owns, permit, S_ISGID } from "../libroottask/permission";
import { Program, Thread } from "../libroottask/program";
import { F_SEAL_EXEC } from "../libroottask/seals";
import { copyTo } from "../libroottask/space";
import {
  Entry,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  Node,
  walkEntry,
  walkMount,
  walkNode,
} from "../libroottask/tree";
import { mayWriteTo } from "../libroottask/write_access";
import { realCredentials } from "./credentials";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  base,
  baseEntry,
  baseMount,
  nodeAt,
  nodeOrDescriptor,
} from "./lookup";
import { sizeResult } from "./signals";
import {
  fillStat,
  fillStatfs,
  fillStatx,
  STAT_BYTES,
  STATFS_BYTES,
  STATX_BYTES,
  statBuffer,
} from "./stat";

/** What access(2) may ask for: R_OK, W_OK and X_OK are MAY_…. */
const ACCESS_MODES: u64 = 7;
const AT_EACCESS: u64 = 0x200;
const AT_NO_AUTOMOUNT: u64 = 0x800;
/** AT_STATX_FORCE_SYNC and AT_STATX_DONT_SYNC: nothing has to be asked of a server; not both. */
const AT_STATX_SYNC: u64 = 0x6000;
const STAT_FLAGS: u64 = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC;
const STATX_RESERVED: u64 = 0x8000_0000;

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
  return statPath(program, AT_FDCWD, regs.rdi, regs.rsi, true);
}

export function sysLstat(program: Program, regs: Utcb): i64 {
  return statPath(program, AT_FDCWD, regs.rdi, regs.rsi, false);
}

/** fstat(fd, stat). */
export function sysFstat(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : putStat(program, file.node, regs.rsi);
}

/** newfstatat(fd, path, stat, flags). */
export function sysNewfstatat(program: Program, regs: Utcb): i64 {
  if ((regs.r10 & ~STAT_FLAGS) !== 0) return -EINVAL;
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, regs.r10);
  return error === 0 ? putStat(program, base, regs.rdx) : error;
}

/** statx(fd, path, flags, mask, statx). */
export function sysStatx(program: Program, regs: Utcb): i64 {
  if ((regs.r10 & STATX_RESERVED) !== 0) return -EINVAL;
  if ((regs.rdx & ~STAT_FLAGS) !== 0 || (regs.rdx & AT_STATX_SYNC) === AT_STATX_SYNC) {
    return -EINVAL;
  }
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, regs.rdx);
  if (error !== 0) return error;
  fillStatx(baseMount, base);
  return copyTo(program.space, regs.r8, statBuffer, STATX_BYTES) ? 0 : -EFAULT;
}

function putStatfs(program: Program, mount: Mount | null, node: Node, address: u64): i64 {
  fillStatfs(mount, node, totalPages(), pagesForFiles());
  return copyTo(program.space, address, statBuffer, STATFS_BYTES) ? 0 : -EFAULT;
}

/** statfs(path, statfs). */
export function sysStatfs(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, AT_FDCWD, regs.rdi, true);
  return error === 0 ? putStatfs(program, walkMount, walkNode as Node, regs.rsi) : error;
}

export function sysFstatfs(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : putStatfs(program, file.mount, file.node, regs.rsi);
}

function accessNode(program: Program, fd: u64, address: u64, mode: u64, flags: u64): i64 {
  const error = nodeOrDescriptor(program, fd, address, flags);
  if (error !== 0) return error;
  const executes = (mode & (MAY_EXECUTE as u64)) !== 0 && base.kind === KIND_FILE;
  if (executes && hasFlag(baseMount, MS_NOEXEC)) return -EACCES;
  const refused = permit(base, mode as u32);
  if (refused !== 0 || (mode & (MAY_WRITE as u64)) === 0) return refused;
  return isStored(base) ? permitChange(baseMount) : 0;
}

/** What is written to `node` is the file system's to keep. */
function isStored(node: Node): bool {
  return node.kind === KIND_FILE || node.kind === KIND_DIRECTORY || node.kind === KIND_LINK;
}

/** access(path, mode): for the real ids, unless `flags` say otherwise. */
function accessAt(thread: Thread, fd: u64, address: u64, mode: u64, flags: u64): i64 {
  if ((mode & ~ACCESS_MODES) !== 0) return -EINVAL;
  if ((flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const program = thread.program;
  if ((flags & AT_EACCESS) !== 0) return accessNode(program, fd, address, mode, flags);
  const real = realCredentials(thread.credentials);
  if (real === null) return -ENOMEM;
  actAs(real);
  const result = accessNode(program, fd, address, mode, flags);
  actAs(thread.credentials);
  dropCredentials(real);
  return result;
}

export function sysAccess(thread: Thread, regs: Utcb): i64 {
  return accessAt(thread, AT_FDCWD, regs.rdi, regs.rsi, 0);
}

/** faccessat(fd, path, mode). */
export function sysFaccessat(thread: Thread, regs: Utcb): i64 {
  return accessAt(thread, regs.rdi, regs.rsi, regs.rdx, 0);
}

/** faccessat2(fd, path, mode, flags). */
export function sysFaccessat2(thread: Thread, regs: Utcb): i64 {
  return accessAt(thread, regs.rdi, regs.rsi, regs.rdx, regs.r10);
}

/** truncate(path, length). */
export function sysTruncate(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const size = regs.rsi as i64;
  if (size < 0) return -EINVAL;
  const error = nodeAt(program, AT_FDCWD, regs.rdi, true);
  if (error !== 0) return error;
  const node = walkNode as Node;
  if (node.kind === KIND_DIRECTORY) return -EISDIR;
  if (node.kind !== KIND_FILE) return -EINVAL;
  let refused = permitChange(walkMount);
  if (refused === 0) refused = permit(node, MAY_WRITE);
  if (refused === 0 && isAppendOnly(node)) refused = -EPERM;
  if (refused !== 0) return refused;
  const busy = mayWriteTo(node);
  if (busy !== 0) return busy;
  const entry = walkEntry;
  const leased = awaitLease(thread, walkMount, node, entry, O_WRONLY);
  if (leased !== 0) return leased;
  const result = truncateContents(node, size, program.fileLimit);
  if (result === 0) noteFile(node, entry, IN_MODIFY);
  return sizeResult(thread, result);
}

function setMode(mount: Mount | null, node: Node, entry: Entry | null, mode: u64): i64 {
  if (isReadOnly(mount)) return -EROFS;
  if (isFixed(node) || !owns(node)) return -EPERM;
  let bits = (mode as u32) & 0o7777;
  if (!mayKeepGroup(node.group)) bits &= ~S_ISGID;
  if ((node.seals & F_SEAL_EXEC) !== 0 && ((node.mode ^ bits) & 0o111) !== 0) return -EPERM;
  node.mode = bits;
  markChanged(node);
  noteFile(node, entry, IN_ATTRIB);
  return 0;
}

/** chmod(path, mode). */
export function sysChmod(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, AT_FDCWD, regs.rdi, true);
  if (error !== 0) return error;
  return setMode(walkMount, walkNode as Node, walkEntry, regs.rsi);
}

export function sysFchmod(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  return setMode(file.mount, file.node, file.entry, regs.rsi);
}

/** fchmodat(fd, path, mode). */
export function sysFchmodat(program: Program, regs: Utcb): i64 {
  const error = nodeAt(program, regs.rdi, regs.rsi, true);
  if (error !== 0) return error;
  return setMode(walkMount, walkNode as Node, walkEntry, regs.rdx);
}

/** The caller may give `node` that owner and group; -1 leaves one alone. */
function mayOwn(node: Node, owner: u64, group: u64): bool {
  if (capable(CAP_CHOWN)) return true;
  const own = actor.fileUser === node.owner;
  if ((owner as i32) !== -1 && !(own && (owner as u32) === node.owner)) return false;
  return (group as i32) === -1 || (own && ((group as u32) === node.group || inGroup(group as u32)));
}

/** Sets user and group; -1 leaves one alone. */
function setOwner(
  mount: Mount | null,
  node: Node,
  entry: Entry | null,
  owner: u64,
  group: u64,
): i64 {
  if (isReadOnly(mount)) return -EROFS;
  const named = (owner as i32) !== -1 || (group as i32) !== -1;
  if ((named && isFixed(node)) || !mayOwn(node, owner, group)) return -EPERM;
  // A program that runs as somebody else must not come to do so as the new owner.
  if (node.kind !== KIND_DIRECTORY) {
    node.mode &= ~dangerousBits(node);
    dropCapabilities(node);
  }
  if ((owner as i32) !== -1) node.owner = owner as u32;
  if ((group as i32) !== -1) node.group = group as u32;
  markChanged(node);
  if (named) noteFile(node, entry, IN_ATTRIB);
  return 0;
}

function chownPath(program: Program, regs: Utcb, follow: bool): i64 {
  const error = nodeAt(program, AT_FDCWD, regs.rdi, follow);
  return error === 0 ? setOwner(walkMount, walkNode as Node, walkEntry, regs.rsi, regs.rdx) : error;
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
  return setOwner(file.mount, file.node, file.entry, regs.rsi, regs.rdx);
}

/** fchownat(fd, path, owner, group, flags). */
export function sysFchownat(program: Program, regs: Utcb): i64 {
  if ((regs.r8 & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, regs.r8);
  return error === 0 ? setOwner(baseMount, base, baseEntry, regs.rdx, regs.r10) : error;
}

/** umask(mask). */
export function sysUmask(program: Program, regs: Utcb): i64 {
  const own = program.fs;
  const old = own.umask;
  own.umask = (regs.rdi as u32) & 0o777;
  return old as i64;
}
