// Advisory locks of whole files, flock(2): they belong to open files, and end with them.

import { Node } from "./tree";
import { wake } from "./wait_queue";

export const LOCK_NONE: u32 = 0;
export const LOCK_SHARED: u32 = 1;
export const LOCK_EXCLUSIVE: u32 = 2;

/** Channel of those who wait for a lock on `node`: nothing else waits for a word of a node. */
export function lockChannel(node: Node): usize {
  return changetype<usize>(node) + offsetof<Node>("locks");
}

/** Who has the lock `own` of `node` may have one of `kind` in its place. */
export function mayLock(node: Node, own: u32, kind: u32): bool {
  const others = node.locks - (own !== LOCK_NONE ? 1 : 0);
  if (kind === LOCK_EXCLUSIVE) return others === 0;
  return kind === LOCK_NONE || others === 0 || node.lockedExclusively === 0;
}

/** Puts a lock of `kind`, which may be had, in the place of `own`; LOCK_NONE is none. Returns `kind`. */
export function changeLock(node: Node, own: u32, kind: u32): u32 {
  if (own === kind) return kind;
  if (own === LOCK_NONE) node.locks++;
  else if (kind === LOCK_NONE) node.locks--;
  if (own === LOCK_EXCLUSIVE) node.lockedExclusively = 0;
  if (kind === LOCK_EXCLUSIVE) node.lockedExclusively = 1;
  else wake(lockChannel(node), 0, ~(0 as u64));
  return kind;
}
