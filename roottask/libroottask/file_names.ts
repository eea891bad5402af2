// Giving names to nodes and taking them away, at the place the last walk found (tree.ts): what mkdir(2),
// symlink(2), unlink(2) and rmdir(2) do once the path has been followed.

import { CAP_MKNOD, capable } from "./credentials";
import { operationsOfDevice } from "./device_numbers";
import {
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
} from "./errno";
import { IN_ATTRIB, IN_DELETE, IN_ISDIR, noteCreated, noteName, noteNode } from "./file_events";
import { FLAGS_INHERITED } from "./file_flags";
import { hasInode } from "./file_system";
import { markChanged, markCreated, markModified } from "./file_time";
import { permitChange } from "./mount";
import { isMountPoint, unmountFrom } from "./mount_tree";
import { mayKeepGroup, permitNew, permitRemoval, S_ISGID } from "./permission";
import { equalsLiteral } from "./text";
import {
  attach,
  detach,
  dispose,
  dropEntry,
  Entry,
  KIND_BLOCK,
  KIND_DEVICE,
  KIND_DIRECTORY,
  keepEntry,
  Node,
  newNode,
  walkDirectory,
  walkDirectoryMount,
  walkEntry,
  walkName,
  walkNameLength,
  walkNode,
  walkSlash,
} from "./tree";

/** What the last component of a path is; all but LAST_NORMAL have no entry to make, move or remove. */
export const LAST_NORMAL: u32 = 0;
export const LAST_ROOT: u32 = 1;
export const LAST_DOT: u32 = 2;
export const LAST_DOTDOT: u32 = 3;

/** LAST_… of the last walk. */
export function lastKind(): u32 {
  if (walkNameLength === 0) return LAST_ROOT;
  if (equalsLiteral(walkName, walkNameLength, ".")) return LAST_DOT;
  return equalsLiteral(walkName, walkNameLength, "..") ? LAST_DOTDOT : LAST_NORMAL;
}

/** Gives `node` the last walk's name in `directory`. Returns 0 or a negative error, and `node` is gone then. */
export function giveName(node: Node, directory: Node): i64 {
  let error = permitNew(directory);
  if (error === 0) error = attach(directory, node, walkName, walkNameLength);
  if (error !== 0) {
    dispose(node);
    return error;
  }
  markModified(directory);
  noteCreated(node.names as Entry);
  return 0;
}

/** Set-group-ID and execution by the group: the bit means the group's rights. */
const GROUP_RIGHTS: u32 = S_ISGID | 0o010;

/** What a new node gets from its directory (inode(7)): flags; with the set-group-ID bit its group, and a directory the bit. */
export function inherit(node: Node, directory: Node): void {
  node.flags = directory.flags & FLAGS_INHERITED;
  if ((directory.mode & S_ISGID) === 0) return;
  node.group = directory.group;
  if (node.kind === KIND_DIRECTORY) node.mode |= S_ISGID;
  else if ((node.mode & GROUP_RIGHTS) === GROUP_RIGHTS && !mayKeepGroup(node.group)) {
    node.mode &= ~S_ISGID;
  }
}

/** Takes a name away, and tells those who watch. */
function takeName(entry: Entry): void {
  const node = entry.node;
  const directory = node.kind === KIND_DIRECTORY;
  markChanged(node);
  markModified(entry.directory);
  if (!directory) noteNode(node, IN_ATTRIB);
  keepEntry(entry);
  detach(entry);
  noteName(entry, directory ? IN_DELETE | IN_ISDIR : IN_DELETE);
  dropEntry(entry);
}

/** A node of `kind` can be made at the last walk's place, as far as names go: 0 or a negative error. */
function isFree(kind: u32): i64 {
  if (walkNode !== null || lastKind() !== LAST_NORMAL) return -EEXIST;
  if (walkSlash && kind !== KIND_DIRECTORY) return -ENOENT;
  return permitChange(walkDirectoryMount);
}

/** Makes a device at the last walk's place, KIND_DEVICE or KIND_BLOCK, with that number. Returns 0 or a negative error. */
export function makeDevice(kind: u32, mode: u32, device: u32): i64 {
  const taken = isFree(kind);
  if (taken !== 0) return taken;
  const refused = permitNew(walkDirectory as Node);
  if (refused !== 0) return refused;
  // A character device 0, which overlays of file systems use, is nobody's.
  if (!capable(CAP_MKNOD) && (kind === KIND_BLOCK || device !== 0)) return -EPERM;
  return placeNode(kind, mode, device);
}

/** Makes a node of `kind` at the last walk's place. Returns 0 or a negative error. */
export function makeNode(kind: u32, mode: u32): i64 {
  const taken = isFree(kind);
  return taken === 0 ? placeNode(kind, mode, 0) : taken;
}

function placeNode(kind: u32, mode: u32, device: u32): i64 {
  const refused = permitNew(walkDirectory as Node);
  if (refused !== 0) return refused;
  const node = newNodeFor(walkDirectory as Node, kind, mode, device);
  return node === null ? newNodeError : giveName(node, walkDirectory as Node);
}

/** Why `newNodeFor` has made none: a negative error. */
export let newNodeError: i64 = 0;

/** A node of `kind` for `directory`, where it has no name yet; null where there is no room, or memory is out. */
export function newNodeFor(directory: Node, kind: u32, mode: u32, device: u32): Node | null {
  newNodeError = -ENOSPC;
  if (!hasInode(directory)) return null;
  newNodeError = -ENOMEM;
  const node = newNode(kind, mode);
  if (node === null) return null;
  node.device = device;
  if (kind === KIND_DEVICE) node.operations = operationsOfDevice(device);
  markCreated(node);
  inherit(node, directory);
  return node;
}

/** Something is mounted on `node` by the name `entry`, in the namespace of the last walk's directory. */
export function carries(node: Node, entry: Entry): bool {
  if (node.covers === 0) return false;
  const mount = walkDirectoryMount;
  if (mount === null) return false;
  const namespace = mount.namespace;
  return namespace !== null && isMountPoint(namespace, node, entry);
}

/** unlink(2), or with `directory` rmdir(2), of what the last walk found. Returns 0 or a negative error. */
export function removeName(directory: bool): i64 {
  const node = walkNode;
  const last = lastKind();
  if (!directory && last !== LAST_NORMAL) return -EISDIR;
  if (directory) {
    if (last === LAST_ROOT) return -EBUSY;
    if (last === LAST_DOT) return -EINVAL;
    if (last === LAST_DOTDOT) return -ENOTEMPTY;
  }
  let error = permitChange(walkDirectoryMount);
  if (error !== 0) return error;
  if (node === null) return -ENOENT;
  const isDirectory = node.kind === KIND_DIRECTORY;
  if (!directory && walkSlash) return isDirectory ? -EISDIR : -ENOTDIR;
  error = permitRemoval(walkDirectory as Node, node);
  if (error !== 0) return error;
  if (!directory) {
    if (isDirectory) return -EISDIR;
  } else {
    if (!isDirectory) return -ENOTDIR;
  }
  const entry = walkEntry as Entry;
  if (carries(node, entry)) return -EBUSY;
  if (directory && node.entries !== null) return -ENOTEMPTY;
  unmountFrom(node, entry);
  takeName(entry);
  return 0;
}
