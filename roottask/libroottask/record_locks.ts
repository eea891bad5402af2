// Locks of ranges of a file, fcntl(2) "Advisory record locking": of a descriptor table (POSIX) or of an open file. The
// locks of a node are a list: those of one owner are together, sorted and free of overlaps, and owners stand in the order
// in which they came; F_GETLK tells of the first that is in the way, as on Linux.

import { create, destroy } from "./heap";
import { HELD_OPEN, HELD_POSIX, HeldLock, listLock, replaceLock, unlistLock } from "./held_locks";
import { Node } from "./node";
import { firstProgram, Thread } from "./program";
import { wake } from "./wait_queue";

export const RECORD_READ: u32 = 0;
export const RECORD_WRITE: u32 = 1;
/** Takes locks away. */
export const RECORD_NONE: u32 = 2;

/** Owners that are followed to find out whether they wait for each other, as many as Linux follows. */
const DEADLOCK_STEPS: u32 = 10;

@unmanaged
export class RecordLock extends HeldLock {
  next: RecordLock | null;
  /** Address of the descriptor table or of the open file. */
  owner: usize;
}

/** Process of a lock that belongs to an open file. */
export const NOBODY: i32 = -1;

/** Channel of those who wait for a lock of a range of `node`. */
export function recordChannel(node: Node): usize {
  return changetype<usize>(node) + offsetof<Node>("records");
}

function firstRecord(node: Node): RecordLock | null {
  return changetype<RecordLock | null>(node.records);
}

function setNext(node: Node, previous: RecordLock | null, next: RecordLock | null): void {
  if (previous === null) node.records = changetype<usize>(next);
  else previous.next = next;
}

function overlaps(lock: RecordLock, start: u64, end: u64): bool {
  return lock.start <= end && lock.end >= start;
}

/** The first lock that keeps `owner` from one of `type`, or null. */
export function conflictingRecord(
  node: Node,
  owner: usize,
  type: u32,
  start: u64,
  end: u64,
): RecordLock | null {
  let lock = firstRecord(node);
  while (lock !== null) {
    const excludes = type === RECORD_WRITE || lock.type === RECORD_WRITE;
    if (lock.owner !== owner && excludes && overlaps(lock, start, end)) return lock;
    lock = lock.next;
  }
  return null;
}

/** The first lock of `owner` in [start, end], or null. */
export function ownRecord(node: Node, owner: usize, start: u64, end: u64): RecordLock | null {
  let lock = firstRecord(node);
  while (lock !== null) {
    if (lock.owner === owner && overlaps(lock, start, end)) return lock;
    lock = lock.next;
  }
  return null;
}

/** The owner that `owner` waits for, or 0. */
function awaitedBy(owner: usize): usize {
  let program = firstProgram();
  while (program !== null) {
    let thread = program.threads;
    while (thread !== null) {
      if (thread.waiting !== 0 && thread.recordOwner === owner) return thread.recordAwaited;
      thread = thread.next;
    }
    program = program.next;
  }
  return 0;
}

/** `owner` would wait for itself if it waited for `other`. */
export function wouldDeadlock(owner: usize, other: usize): bool {
  let at = other;
  for (let step: u32 = 0; step < DEADLOCK_STEPS && at !== 0; step++) {
    if (at === owner) return true;
    at = awaitedBy(at);
  }
  return false;
}

/** Says what the wait of `thread` is for; 0 and 0 is nothing. */
export function setAwaitedRecord(thread: Thread, owner: usize, other: usize): void {
  thread.recordOwner = owner;
  thread.recordAwaited = other;
}

/** The lock that is set has the place of another among all locks. */
let placed = false;

/** `other` becomes a part of `added`, which stands where the first such one stood: posix_lock_inode() of Linux. */
function takeIn(added: RecordLock, other: RecordLock): void {
  if (placed) unlistLock(other);
  else replaceLock(added, other);
  placed = true;
}

/**
 * Takes what the owner of `added` has in its range, apart from itself, away; `spare` is for the rest of a lock that is
 * cut in the middle. True where it was used.
 */
function cut(node: Node, added: RecordLock, spare: RecordLock): bool {
  const owner = added.owner;
  const start = added.start;
  const end = added.end;
  let used = false;
  let previous: RecordLock | null = null;
  let lock = firstRecord(node);
  while (lock !== null) {
    const next: RecordLock | null = lock.next;
    if (lock === added || lock.owner !== owner || !overlaps(lock, start, end)) {
      previous = lock;
    } else if (lock.start < start && lock.end > end) {
      spare.owner = owner;
      spare.process = lock.process;
      spare.form = lock.form;
      spare.type = lock.type;
      spare.start = end + 1;
      spare.end = lock.end;
      lock.end = start - 1;
      // What replaces the middle stands behind the lock already.
      const front = next === added ? added : lock;
      spare.next = front.next;
      front.next = spare;
      // As on Linux it is the part in front that is new.
      listLock(spare, node);
      replaceLock(spare, lock);
      listLock(lock, node);
      used = true;
      previous = lock;
    } else if (lock.start < start) {
      lock.end = start - 1;
      previous = lock;
    } else if (lock.end > end) {
      lock.start = end + 1;
      previous = lock;
    } else {
      setNext(node, previous, next);
      if (added.type === lock.type) takeIn(added, lock);
      else unlistLock(lock);
      destroy<RecordLock>(lock);
    }
    lock = next;
  }
  return used;
}

/** Puts `added` where it belongs: among its owner's by its start, or last. */
function insert(node: Node, added: RecordLock): void {
  let previous: RecordLock | null = null;
  let lock = firstRecord(node);
  let found = false;
  while (lock !== null) {
    const same = lock.owner === added.owner;
    if ((found && !same) || (same && lock.start > added.start)) break;
    found = found || same;
    previous = lock;
    lock = lock.next;
  }
  added.next = lock;
  setNext(node, previous, added);
}

/** Makes one of neighbours of `owner` that are alike; `fresh` is the one that was set. */
function join(node: Node, owner: usize, fresh: RecordLock | null): void {
  let lock = firstRecord(node);
  while (lock !== null) {
    const next: RecordLock | null = lock.next;
    if (next === null) return;
    const same = lock.owner === owner && next.owner === owner && lock.type === next.type;
    if (same && lock.end + 1 === next.start) {
      lock.end = next.end;
      lock.next = next.next;
      if (lock === fresh) takeIn(lock, next);
      else unlistLock(next);
      destroy<RecordLock>(next);
    } else {
      lock = next;
    }
  }
}

/** Gives `owner` a lock of `type`, which nobody stands against, or with RECORD_NONE none. False when memory is out. */
export function setRecord(
  node: Node,
  owner: usize,
  process: i32,
  type: u32,
  start: u64,
  end: u64,
): bool {
  if (type === RECORD_NONE && node.records === 0) return true;
  const added = create<RecordLock>();
  if (added === null) return false;
  const spare = create<RecordLock>();
  if (spare === null) {
    destroy<RecordLock>(added);
    return false;
  }
  added.owner = owner;
  added.form = process === NOBODY ? HELD_OPEN : HELD_POSIX;
  added.process = process;
  added.type = type;
  added.start = start;
  added.end = end;
  placed = false;
  // Before the others go, so that the owner keeps its place in the list.
  if (type !== RECORD_NONE) {
    insert(node, added);
    listLock(added, node);
  }
  if (!cut(node, added, spare)) destroy<RecordLock>(spare);
  if (type === RECORD_NONE) destroy<RecordLock>(added);
  join(node, owner, type === RECORD_NONE ? null : added);
  wake(recordChannel(node), 0, ~(0 as u64));
  return true;
}

/** Takes all locks of `owner` on `node` away. */
export function releaseRecords(node: Node, owner: usize): void {
  let previous: RecordLock | null = null;
  let lock = firstRecord(node);
  while (lock !== null) {
    const next: RecordLock | null = lock.next;
    if (lock.owner === owner) {
      setNext(node, previous, next);
      unlistLock(lock);
      destroy<RecordLock>(lock);
    } else {
      previous = lock;
    }
    lock = next;
  }
  wake(recordChannel(node), 0, ~(0 as u64));
}
