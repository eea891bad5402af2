// All locks and leases that anybody has on files, newest first, as fs/locks.c of Linux keeps them for /proc/locks. What
// stands against what is not looked up here, but at the files.

import { Node } from "./node";

/** Of a range and of a descriptor table (POSIX); of a range and of an open file; of a whole file (flock(2)); a lease. */
export const HELD_POSIX: u32 = 0;
export const HELD_OPEN: u32 = 1;
export const HELD_WHOLE: u32 = 2;
export const HELD_LEASE: u32 = 3;

/** What all of them have; kinds of locks add to it. */
@unmanaged
export class HeldLock {
  newer: HeldLock | null;
  older: HeldLock | null;
  node: Node;
  /** HELD_…. */
  form: u32;
  /** Process that took it, -1 for HELD_OPEN. */
  process: i32;
  /** 0 for reading (sharing it), 1 for writing. */
  type: u32;
  /** First and last byte. */
  start: u64;
  end: u64;
}

let newest: HeldLock | null = null;

/** The newest; `older` leads on. */
export function newestLock(): HeldLock | null {
  return newest;
}

/** `lock`, on `node`, is the newest. */
export function listLock(lock: HeldLock, node: Node): void {
  lock.node = node;
  const older = newest;
  lock.newer = null;
  lock.older = older;
  if (older !== null) older.newer = lock;
  newest = lock;
}

export function unlistLock(lock: HeldLock): void {
  const newer = lock.newer;
  const older = lock.older;
  if (newer === null) newest = older;
  else newer.older = older;
  if (older !== null) older.newer = newer;
}

/** `lock` stands where `other` does, which is in the list no more. */
export function replaceLock(lock: HeldLock, other: HeldLock): void {
  unlistLock(lock);
  const newer = other.newer;
  const older = other.older;
  lock.newer = newer;
  lock.older = older;
  if (newer === null) newest = lock;
  else newer.older = lock;
  if (older !== null) older.newer = lock;
}
