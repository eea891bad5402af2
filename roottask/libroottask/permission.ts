// Who may do what with a node: path_resolution(7), inode(7), capabilities(7), for the credentials that the call under way
// is made with. Every function returns 0 or a negative error.

import { dropCapabilities } from "./attribute_list";
import {
  actor,
  CAP_FOWNER,
  CAP_FSETID,
  capable,
  inGroup,
  MAY_EXECUTE,
  MAY_READ,
  MAY_WRITE,
  mayAccess,
} from "./credentials";
import { EACCES, ENOENT, EPERM, EROFS } from "./errno";
import { isAppendOnly, isFixed, isImmutable } from "./file_flags";
import { systemOf } from "./file_system";
import { KIND_DIRECTORY, KIND_FILE, KIND_LINK, Node } from "./tree";

const S_ISUID: u32 = 0o4000;
export const S_ISGID: u32 = 0o2000;
const S_ISVTX: u32 = 0o1000;
const S_IXGRP: u32 = 0o010;

/** `wanted`, MAY_… bits, may be done with `node`; -EACCES otherwise, or what stands against every change. */
export function permit(node: Node, wanted: u32): i64 {
  if (node.kind === KIND_LINK) return 0;
  const directory = node.kind === KIND_DIRECTORY;
  if ((wanted & MAY_WRITE) !== 0 && (directory || node.kind === KIND_FILE)) {
    const system = systemOf(node);
    if (system !== null && system.readOnly !== 0) return -EROFS;
  }
  if ((wanted & MAY_WRITE) !== 0 && isImmutable(node)) return -EPERM;
  return mayAccess(node.owner, node.group, node.mode, directory, wanted) ? 0 : -EACCES;
}

/** Names may be added to `directory`. */
export function permitNew(directory: Node): i64 {
  // A directory that has been removed takes no more names, and none that is computed does.
  const closed = directory.links === 0 || directory.refresh !== 0;
  return closed ? -ENOENT : permit(directory, MAY_WRITE | MAY_EXECUTE);
}

/** The name of `node` in `directory` may be taken away; a sticky directory lets owners alone. */
export function permitRemoval(directory: Node, node: Node): i64 {
  if (directory.refresh !== 0) return -EPERM;
  const error = permit(directory, MAY_WRITE | MAY_EXECUTE);
  if (error !== 0) return error;
  if (isAppendOnly(directory) || isFixed(node)) return -EPERM;
  if ((directory.mode & S_ISVTX) === 0) return 0;
  const own = actor.fileUser === node.owner || actor.fileUser === directory.owner;
  return own || capable(CAP_FOWNER) ? 0 : -EPERM;
}

/** A directory that moves from `from` to `to` has a new "..", which is a change of its own. */
export function permitMove(node: Node, from: Node, to: Node): i64 {
  return node.kind === KIND_DIRECTORY && from !== to ? permit(node, MAY_WRITE) : 0;
}

/** The caller owns `node`, or may do as if. */
export function owns(node: Node): bool {
  return actor.fileUser === node.owner || capable(CAP_FOWNER);
}

/** `node` may have the set-group-ID bit for `group`: the caller is in it, or may do as if. */
export function mayKeepGroup(group: u32): bool {
  return inGroup(group) || capable(CAP_FSETID);
}

/** `node` may be given another name; what is not one's own has to be harmless (protected_hardlinks of proc(5)). */
export function permitLink(node: Node): i64 {
  if (owns(node)) return 0;
  const dangerous =
    (node.mode & S_ISUID) !== 0 || (node.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
  if (node.kind !== KIND_FILE || dangerous) return -EPERM;
  return permit(node, MAY_READ | MAY_WRITE) === 0 ? 0 : -EPERM;
}

/** Bits of a mode that go when somebody writes to `node`, or it gets another owner (chown(2), write(2)). */
export function dangerousBits(node: Node): u32 {
  let bits = node.mode & S_ISUID;
  if ((node.mode & S_ISGID) === 0) return bits;
  if ((node.mode & S_IXGRP) !== 0 || !mayKeepGroup(node.group)) bits |= S_ISGID;
  return bits;
}

/** Contents of `node` change: a file that runs as somebody else must not come to do other things than they wanted. */
export function noteWriter(node: Node): void {
  if (node.attributes !== 0) dropCapabilities(node);
  if ((node.mode & (S_ISUID | S_ISGID)) === 0 || node.kind !== KIND_FILE) return;
  if (!capable(CAP_FSETID)) node.mode &= ~dangerousBits(node);
}
