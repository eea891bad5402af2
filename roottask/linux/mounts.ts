// mount(2), umount2(2) and pivot_root(2), as fs/namespace.c of Linux 6.1 answers them. There are file systems of type tmpfs and
// proc. Left out: what the calls around fsopen(2) do.

import { Utcb } from "../libhedron/utcb";
import { actor, CAP_SYS_ADMIN, capable } from "../libroottask/credentials";
import {
  EAGAIN,
  EBUSY,
  EFAULT,
  EINVAL,
  ELOOP,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  EPERM,
} from "../libroottask/errno";
import { FileSystem, systemOfType, TYPE_PROC, TYPE_TMPFS } from "../libroottask/file_system";
import { markCreated } from "../libroottask/file_time";
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
  newMount,
  topOf,
} from "../libroottask/mount";
import {
  canCarry,
  copyMount,
  copyTree,
  following,
  isBelow,
  isUsed,
  mountTree,
  moveTree,
  nameSource,
  noteMounts,
  standsOn,
  unmountTree,
} from "../libroottask/mount_tree";
import { freeMount, putOn, takeOff } from "../libroottask/mount_users";
import { replaceRoots } from "../libroottask/namespaces";
import { totalPages } from "../libroottask/pages";
import { Program } from "../libroottask/program";
import { makePrivate, makeShared, makeSlave } from "../libroottask/propagation";
import { copyFrom, copyText, inPage } from "../libroottask/space";
import { equalsLiteral } from "../libroottask/text";
import {
  Entry,
  KIND_DIRECTORY,
  Node,
  newFileSystem,
  PATH_MAX,
  walk,
  walkEntry,
  walkMount,
  walkNode,
} from "../libroottask/tree";
import { AT_FDCWD, nodeAt } from "./lookup";
import {
  groupGiven,
  groupWanted,
  inodesGiven,
  inodesMost,
  modeGiven,
  modeWanted,
  optionsCleared,
  optionsSet,
  ownerGiven,
  ownerWanted,
  readOptions,
  sizeGiven,
  sizePages,
} from "./tmpfs_options";

/** Flags of mount(2) beyond those that a mount keeps (include/uapi/linux/mount.h, include/linux/fs.h). */
const MS_SYNCHRONOUS: u32 = 0x10;
const MS_REMOUNT: u32 = 0x20;
const MS_MANDLOCK: u32 = 0x40;
const MS_DIRSYNC: u32 = 0x80;
const MS_BIND: u32 = 0x1000;
const MS_MOVE: u32 = 0x2000;
const MS_REC: u32 = 0x4000;
const MS_SILENT: u32 = 0x8000;
const MS_UNBINDABLE: u32 = 0x2_0000;
const MS_PRIVATE: u32 = 0x4_0000;
const MS_SLAVE: u32 = 0x8_0000;
const MS_SHARED: u32 = 0x10_0000;
const MS_STRICTATIME: u32 = 0x100_0000;
const MS_LAZYTIME: u32 = 0x200_0000;
const MS_NOUSER: u32 = 0x8000_0000;
const MS_MGC_VAL: u32 = 0xc0ed_0000;
const MS_MGC_MSK: u32 = 0xffff_0000;
const PROPAGATION: u32 = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
/** What a mount keeps, and what of it is about times of access. */
const ATIME: u32 = MS_NOATIME | MS_NODIRATIME | MS_RELATIME;
const KEPT: u32 = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | ATIME;
/** What a file system keeps, and what of it a remount changes. */
const OF_SYSTEM: u32 = MS_SYNCHRONOUS | MS_MANDLOCK | MS_DIRSYNC | MS_LAZYTIME;
const CHANGED: u32 = MS_SYNCHRONOUS | MS_MANDLOCK | MS_LAZYTIME;

/** Flags of umount2(2). */
const MNT_FORCE: u32 = 1;
const MNT_DETACH: u32 = 2;
const MNT_EXPIRE: u32 = 4;
const UMOUNT_NOFOLLOW: u32 = 8;

const PAGE: u32 = 4096;
const TMPFS_MODE: u32 = 0o1777;

const typeText = memory.data(4096);
const sourceText = memory.data(4096);
const optionText = memory.data(4096);
/** Their lengths, -1 where the caller has given none. */
let typeLength: i32 = -1;
let sourceLength: i32 = -1;
let optionLength: u32 = 0;

/** Where the call under way mounts, and whose it is. */
let point: Node = changetype<Node>(0);
let pointEntry: Entry | null = null;
let pointMount: Mount = changetype<Mount>(0);

/** Reads a text of the program into `target`: its length, -1 for none, or a negative error below that. */
function readText(program: Program, target: usize, address: u64): i64 {
  if (address === 0) return -1;
  const length = copyText(program.space, target, address, PATH_MAX);
  if (length >= 0) return length as i64;
  return length === -1 ? -EFAULT : -EINVAL;
}

/** Reads the page of options: 0, or -EFAULT where nothing of it is there. */
function readPage(program: Program, address: u64): i64 {
  optionLength = 0;
  if (address === 0) return 0;
  memory.fill(optionText, 0, PAGE);
  const first = inPage(address, PAGE as u64);
  if (!copyFrom(program.space, optionText, address, first)) return -EFAULT;
  if (first < PAGE) {
    const rest = PAGE - first;
    if (!copyFrom(program.space, optionText + first, address + (first as u64), rest)) {
      memory.fill(optionText + first, 0, rest);
    }
  }
  while (optionLength < PAGE - 1 && load<u8>(optionText + optionLength) !== 0) optionLength++;
  return 0;
}

/** `mount` is one of those that `program` sees. */
function isSeen(program: Program, mount: Mount): bool {
  return mount.namespace === program.fs.namespace;
}

/** What stands at the place is a mount's root, so that the call is about that mount. */
function isAtRoot(): bool {
  return pointMount.root === point;
}

/** The place of the last walk, for `point` and its fellows: what stands on top there. Returns 0 or -EINVAL. */
function takePoint(): i64 {
  const mount = walkMount;
  if (mount === null) return -EINVAL;
  point = walkNode as Node;
  pointEntry = walkEntry;
  pointMount = mount;
  return 0;
}

/** The place is what stands topmost on it: "." leads below that. */
function climb(): void {
  if (point !== pointMount.root) return;
  const top = topOf(pointMount);
  if (top === pointMount) return;
  pointMount = top;
  point = top.root;
  pointEntry = null;
}

/** Walks to what the source names, for the last walk's place. Returns 0 or a negative error. */
function findSource(program: Program): i64 {
  if (sourceLength <= 0) return -EINVAL;
  const fs = program.fs;
  const error = walk(fs.directoryMount, fs.directory, sourceText, sourceLength as u32, true);
  if (error !== 0) return error;
  return walkNode === null ? -ENOENT : 0;
}

/** Something can be mounted at the place: 0 or a negative error. */
function mayCarry(program: Program): i64 {
  if (!canCarry(point, pointEntry)) return -ENOENT;
  return isSeen(program, pointMount) ? 0 : -EINVAL;
}

/** Mounts the tree of `top`, which nobody has, at the place. Returns 0 or a negative error, and it is gone then. */
function graft(top: Mount): i64 {
  const directory = point.kind === KIND_DIRECTORY;
  let error: i64 = 0;
  if (directory !== (top.root.kind === KIND_DIRECTORY)) error = -ENOTDIR;
  if (error === 0) error = mountTree(top, pointMount, point, pointEntry);
  if (error !== 0) unmountTree(top, false);
  return error;
}

/** MS_BIND: what the source names appears at the place, with MS_REC and what is mounted below it. */
function bind(program: Program, recursive: bool): i64 {
  const error = findSource(program);
  if (error !== 0) return error;
  const from = walkMount;
  const node = walkNode as Node;
  const entry = walkEntry === null ? node.names : walkEntry;
  const refused = mayCarry(program);
  if (refused !== 0) return refused;
  if (from === null || from.unbindable !== 0 || !isSeen(program, from)) return -EINVAL;
  // The root of what is bound again was bound by another name.
  const name = node === from.root ? from.rootEntry : entry;
  const top = recursive ? copyTree(from, node, name, false) : copyMount(from, node, name);
  return top === null ? -ENOMEM : graft(top);
}

/** The tree of `top` has a mount that cannot be bound. */
function hasUnbindable(top: Mount): bool {
  let at: Mount | null = top;
  while (at !== null && at.unbindable === 0) at = following(at, top);
  return at !== null;
}

/** MS_MOVE: the mount that the source names moves to the place. */
function moveMount(program: Program): i64 {
  const error = findSource(program);
  if (error !== 0) return error;
  const from = walkMount;
  const node = walkNode as Node;
  const refused = mayCarry(program);
  if (refused !== 0) return refused;
  if (from === null || from.parent === null || !isSeen(program, from)) return -EINVAL;
  if (from.root !== node) return -EINVAL;
  if ((point.kind === KIND_DIRECTORY) !== (node.kind === KIND_DIRECTORY)) return -EINVAL;
  if (sharesBelow(from)) return -EINVAL;
  if (pointMount.group !== 0 && hasUnbindable(from)) return -EINVAL;
  if (standsOn(pointMount, from)) return -ELOOP;
  return moveTree(from, pointMount, point, pointEntry);
}

/** `mount` shares what is mounted on it as `type`, one of MS_SHARED and its like, says. */
function changeSharing(mount: Mount, type: u32): void {
  if (type === MS_SHARED) {
    makeShared(mount);
    mount.unbindable = 0;
  } else if (type === MS_SLAVE) {
    makeSlave(mount);
  } else {
    makePrivate(mount);
    mount.unbindable = type === MS_UNBINDABLE ? 1 : 0;
  }
}

/** MS_SHARED and its like, with MS_REC for all that stands on the mount. */
function changePropagation(flags: u32): i64 {
  if (!isAtRoot()) return -EINVAL;
  const type = flags & ~(MS_REC | MS_SILENT);
  if ((type & ~PROPAGATION) !== 0 || (type & (type - 1)) !== 0) return -EINVAL;
  const top = pointMount;
  changeSharing(top, type);
  if ((flags & MS_REC) === 0) return 0;
  let at = following(top, top);
  while (at !== null) {
    changeSharing(at, type);
    at = following(at, top);
  }
  return 0;
}

/** The file system can be made one that nothing is changed in. */
function mayBecomeReadOnly(system: FileSystem): bool {
  return system.readOnly !== 0 || system.writers === 0;
}

/** Limits of a tmpfs that the options have changed: 0, or -EINVAL where it has more already or had no limit. */
function limitTmpfs(system: FileSystem): i64 {
  if (sizeGiven && sizePages !== 0) {
    if (system.pagesMax === 0 || system.pages > sizePages) return -EINVAL;
  }
  if (inodesGiven && inodesMost !== 0) {
    if (system.inodesMax === 0 || system.inodes > inodesMost) return -EINVAL;
  }
  if (sizeGiven) system.pagesMax = sizePages;
  if (inodesGiven) system.inodesMax = inodesMost;
  return 0;
}

/** MS_REMOUNT: the file system and the mount get other flags, and a tmpfs other limits. */
function remount(program: Program, flags: u32, kept: u32): i64 {
  if (!isSeen(program, pointMount) || !isAtRoot()) return -EINVAL;
  const system = pointMount.system;
  const tmpfs = system.type === TYPE_TMPFS;
  const wrong = readOptions(optionText, optionLength, tmpfs);
  if (wrong !== 0) return wrong;
  const wanted = ((flags & (CHANGED | MS_RDONLY)) | optionsSet) & ~optionsCleared;
  // There is one file system of what is computed, whoever has mounted it how.
  if (tmpfs) {
    const becomes = (wanted & MS_RDONLY) !== 0;
    if (becomes && !mayBecomeReadOnly(system)) return -EBUSY;
    const refused = limitTmpfs(system);
    if (refused !== 0) return refused;
    system.readOnly = becomes ? 1 : 0;
    system.flags = (system.flags & ~CHANGED) | (wanted & OF_SYSTEM);
  }
  pointMount.flags = kept;
  noteMounts(program.fs.namespace);
  return 0;
}

/** MS_REMOUNT with MS_BIND: the mount alone gets other flags. */
function remountAlone(program: Program, kept: u32): i64 {
  if (!isSeen(program, pointMount) || !isAtRoot()) return -EINVAL;
  const becomes = (kept & ~pointMount.flags & MS_RDONLY) !== 0;
  if (becomes && pointMount.writers !== 0) return -EBUSY;
  pointMount.flags = kept;
  noteMounts(program.fs.namespace);
  return 0;
}

/** A tmpfs as the options want it; null when memory is out. */
function makeTmpfs(): FileSystem | null {
  const system = newFileSystem(TYPE_TMPFS, modeGiven ? modeWanted : TMPFS_MODE);
  if (system === null) return null;
  const half = totalPages() / 2;
  system.listed = 1;
  system.pagesMax = sizeGiven ? sizePages : half;
  system.inodesMax = inodesGiven ? inodesMost : half;
  system.owner = ownerGiven ? ownerWanted : actor.fileUser;
  system.group = groupGiven ? groupWanted : actor.fileGroup;
  const root = system.root;
  root.owner = system.owner;
  root.group = system.group;
  markCreated(root);
  return system;
}

/** A mount of the file system that the call asks for, which stands nowhere; null and an error in `madeError`. */
let madeError: i64 = 0;

function makeMount(flags: u32, kept: u32, tmpfs: bool): Mount | null {
  madeError = readOptions(optionText, optionLength, tmpfs);
  if (madeError !== 0) return null;
  madeError = -ENOMEM;
  const system = tmpfs ? makeTmpfs() : systemOfType(TYPE_PROC);
  if (system === null) return null;
  const wanted = ((flags & (OF_SYSTEM | MS_RDONLY)) | optionsSet) & ~optionsCleared;
  if (tmpfs) {
    system.readOnly = wanted & MS_RDONLY;
    system.flags = wanted & OF_SYSTEM;
  }
  const mount = newMount(system, system.root, kept);
  if (mount === null) return null;
  if (sourceLength < 0 || nameSource(mount, sourceText, sourceLength as u32)) return mount;
  freeMount(mount);
  return null;
}

/** Mounts a file system of the type that is named. */
function mountNew(program: Program, flags: u32, kept: u32): i64 {
  if (typeLength < 0) return -EINVAL;
  const tmpfs = equalsLiteral(typeText, typeLength as u32, "tmpfs");
  if (!tmpfs && !equalsLiteral(typeText, typeLength as u32, "proc")) return -ENODEV;
  const mount = makeMount(flags, kept, tmpfs);
  if (mount === null) return madeError;
  const refused = mayCarry(program);
  if (refused === 0) return graft(mount);
  freeMount(mount);
  return refused;
}

/** Flags that a mount keeps of those that mount(2) is given. */
function keptFlags(given: u32, present: u32): u32 {
  let flags = given & KEPT & ~MS_RELATIME;
  if ((given & MS_NOATIME) === 0) flags |= MS_RELATIME;
  if ((given & MS_STRICTATIME) !== 0) flags &= ~(MS_RELATIME | MS_NOATIME);
  const silent = (given & (ATIME | MS_STRICTATIME)) === 0;
  return (given & MS_REMOUNT) !== 0 && silent ? (flags & ~ATIME) | (present & ATIME) : flags;
}

/** Does what `given` says at the place. */
function mountAt(program: Program, given: u32): i64 {
  const flags = (given & MS_MGC_MSK) === MS_MGC_VAL ? given & ~MS_MGC_MSK : given;
  if ((flags & MS_NOUSER) !== 0) return -EINVAL;
  if (!capable(CAP_SYS_ADMIN)) return -EPERM;
  const error = takePoint();
  if (error !== 0) return error;
  const kept = keptFlags(flags, pointMount.flags);
  const both = MS_REMOUNT | MS_BIND;
  if ((flags & both) === both) return remountAlone(program, kept);
  if ((flags & MS_REMOUNT) !== 0) return remount(program, flags, kept);
  if ((flags & MS_BIND) === 0 && (flags & PROPAGATION) !== 0) return changePropagation(flags);
  climb();
  if ((flags & MS_BIND) !== 0) return bind(program, (flags & MS_REC) !== 0);
  if ((flags & MS_MOVE) !== 0) return moveMount(program);
  return mountNew(program, flags, kept);
}

/** mount(source, target, type, flags, options). */
export function sysMount(program: Program, regs: Utcb): i64 {
  const type = readText(program, typeText, regs.rdx);
  if (type < -1) return type;
  const source = readText(program, sourceText, regs.rdi);
  if (source < -1) return source;
  typeLength = type as i32;
  sourceLength = source as i32;
  const lost = readPage(program, regs.r8);
  if (lost !== 0) return lost;
  const error = nodeAt(program, AT_FDCWD, regs.rsi, true);
  return error === 0 ? mountAt(program, regs.r10 as u32) : error;
}

/** The root of `program` is told to be unmounted: its file system becomes one that nothing is changed in. */
function closeRoot(mount: Mount): i64 {
  const system = mount.system;
  if (!mayBecomeReadOnly(system)) return -EBUSY;
  system.readOnly = 1;
  return 0;
}

/** MNT_EXPIRE: 0 where nobody has used `mount` since it was asked the last time, or a negative error. */
function expire(mount: Mount): i64 {
  if (mount.users !== 0 || mount.children !== null) return -EBUSY;
  if (mount.expiring !== 0 && mount.expiring === mount.crossings) return 0;
  // The next one who asks crosses it, too.
  mount.expiring = mount.crossings + 1;
  return -EAGAIN;
}

/** Takes the mount at the place away. */
function unmount(program: Program, flags: u32): i64 {
  if (!capable(CAP_SYS_ADMIN)) return -EPERM;
  const error = takePoint();
  if (error !== 0) return error;
  const walked = pointMount;
  climb();
  if (!isAtRoot() || !isSeen(program, pointMount)) return -EINVAL;
  const mount = pointMount;
  if (mount !== walked) mount.crossings++;
  const own = program.fs.rootMount === mount;
  if ((flags & MNT_EXPIRE) !== 0) {
    if (own || (flags & (MNT_FORCE | MNT_DETACH)) !== 0) return -EINVAL;
    const refused = expire(mount);
    if (refused !== 0) return refused;
  }
  if ((flags & MNT_DETACH) === 0) {
    if (own) return closeRoot(mount);
    if (mount.children !== null || isUsed(mount)) return -EBUSY;
  }
  // What everything stands on stays.
  if (mount.parent === null) return -EINVAL;
  unmountTree(mount, true);
  return 0;
}

/** umount2(target, flags). */
export function sysUmount2(program: Program, regs: Utcb): i64 {
  const flags = regs.rsi as u32;
  if ((flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) !== 0) return -EINVAL;
  const error = nodeAt(program, AT_FDCWD, regs.rdi, (flags & UMOUNT_NOFOLLOW) === 0);
  return error === 0 ? unmount(program, flags) : error;
}

/** Walks to a directory that the program names. Returns 0 or a negative error. */
function directoryAt(program: Program, address: u64): i64 {
  const error = nodeAt(program, AT_FDCWD, address, true);
  if (error !== 0) return error;
  const node = walkNode as Node;
  return node.kind === KIND_DIRECTORY ? 0 : -ENOTDIR;
}

/** What `mount` stands on is shared. */
function sharesBelow(mount: Mount): bool {
  const parent = mount.parent;
  return parent !== null && parent.group !== 0;
}

/** pivot_root(new root, place of the old one). */
export function sysPivotRoot(program: Program, regs: Utcb): i64 {
  if (!capable(CAP_SYS_ADMIN)) return -EPERM;
  let error = directoryAt(program, regs.rdi);
  if (error !== 0) return error;
  const next = walkMount;
  const nextNode = walkNode as Node;
  error = directoryAt(program, regs.rsi);
  if (error !== 0) return error;
  if (takePoint() !== 0 || next === null) return -EINVAL;
  climb();
  if (!canCarry(point, null)) return -ENOENT;
  const fs = program.fs;
  const old = fs.rootMount;
  if (pointMount.group !== 0 || sharesBelow(next) || sharesBelow(old)) return -EINVAL;
  if (!isSeen(program, old) || !isSeen(program, next)) return -EINVAL;
  if (nextNode.links === 0) return -ENOENT;
  if (next === old || pointMount === old) return -EBUSY;
  const base = old.parent;
  if (old.root !== fs.root || base === null) return -EINVAL;
  if (next.root !== nextNode || next.parent === null) return -EINVAL;
  if (!isBelow(pointMount, point, next, nextNode)) return -EINVAL;
  if (!isBelow(next, nextNode, old, fs.root)) return -EINVAL;
  const under = old.point as Node;
  const name = old.entry;
  takeOff(next);
  takeOff(old);
  putOn(old, pointMount, point, null);
  putOn(next, base, under, name);
  noteMounts(fs.namespace);
  replaceRoots(old, old.root, next, nextNode);
  return 0;
}
