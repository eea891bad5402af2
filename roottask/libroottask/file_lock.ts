// Advisory locks of whole files, flock(2): they belong to open files, and end with them.

import { create, destroy } from "./heap";
import { HELD_WHOLE, HeldLock, listLock, unlistLock } from "./held_locks";
import { RECORD_READ, RECORD_WRITE } from "./record_locks";
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

/** LOCK_… that `held` is. */
export function kindOfLock(held: HeldLock | null): u32 {
  if (held === null) return LOCK_NONE;
  return held.type === RECORD_READ ? LOCK_SHARED : LOCK_EXCLUSIVE;
}

/**
 * Puts a lock of `kind`, which may be had, in the place of `held`, for `process`: the lock, null for LOCK_NONE and when memory
 * is out.
 */
export function changeLock(
  node: Node,
  held: HeldLock | null,
  kind: u32,
  process: i32,
): HeldLock | null {
  const own = kindOfLock(held);
  if (own === kind) return held;
  let lock = held;
  if (lock === null) {
    lock = create<HeldLock>();
    if (lock === null) return null;
    node.locks++;
  } else {
    unlistLock(lock);
  }
  if (own === LOCK_EXCLUSIVE) node.lockedExclusively = 0;
  if (kind === LOCK_EXCLUSIVE) node.lockedExclusively = 1;
  else wake(lockChannel(node), 0, ~(0 as u64));
  if (kind === LOCK_NONE) {
    node.locks--;
    destroy<HeldLock>(lock);
    return null;
  }
  lock.form = HELD_WHOLE;
  lock.process = process;
  lock.type = kind === LOCK_SHARED ? RECORD_READ : RECORD_WRITE;
  lock.start = 0;
  lock.end = i64.MAX_VALUE as u64;
  listLock(lock, node);
  return lock;
}
