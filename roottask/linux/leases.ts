// Leases: F_SETLEASE and F_GETLEASE of fcntl(2). Who has one on a file is told by a signal that somebody else wants to open
// or cut it, and that one waits until the lease is given up or has become a smaller one, or time is up (fs/locks.c).

import { monotonic } from "../libroottask/clock";
import { actor, CAP_LEASE, capable } from "../libroottask/credentials";
import { EACCES, EAGAIN, EINTR, EINVAL, ENOMEM } from "../libroottask/errno";
import { create, destroy } from "../libroottask/heap";
import { HELD_LEASE, HeldLock, listLock, unlistLock } from "../libroottask/held_locks";
import {
  O_ACCMODE,
  O_NONBLOCK,
  O_RDONLY,
  OpenFile,
  setForgetLease,
} from "../libroottask/open_file";
import { setLeaseBreak } from "../libroottask/open_path";
import { Thread, WAIT_INTERRUPTED } from "../libroottask/program";
import { waitUntil } from "../libroottask/readiness";
import { KIND_FILE, Node } from "../libroottask/tree";
import { wake } from "../libroottask/wait_queue";
import { disownForLease, ownIfNobody, tellMessage } from "./file_signals";

const F_RDLCK: u32 = 0;
const F_WRLCK: u32 = 1;
const F_UNLCK: u32 = 2;

/** How long who has a lease may take to give it up (/proc/sys/fs/lease-break-time), nanoseconds. */
const BREAK_TIME: u64 = 45_000_000_000;

@unmanaged
class Lease extends HeldLock {
  /** Next lease on the same file. */
  next: Lease | null;
  file: OpenFile;
  /** When it becomes one for reading, and when it goes, as monotonic nanoseconds, where that has been asked for; else 0. */
  downgrade: u64;
  until: u64;
  /** The descriptor that it was asked for by. */
  fd: u32;
}

function firstLease(node: Node): Lease | null {
  return changetype<Lease | null>(node.leases);
}

/** Channel of those who wait for a lease on `node`. */
function channelOf(node: Node): usize {
  return changetype<usize>(node) + offsetof<Node>("leases");
}

function tellWaiting(node: Node): void {
  wake(channelOf(node), 0, ~(0 as u64));
}

function leaseOf(file: OpenFile): Lease | null {
  let lease = firstLease(file.node);
  while (lease !== null && lease.file !== file) lease = lease.next;
  return lease;
}

/** Takes `lease` away. */
function remove(node: Node, lease: Lease): void {
  if (firstLease(node) === lease) {
    node.leases = changetype<usize>(lease.next);
  } else {
    let at = firstLease(node) as Lease;
    while (at.next !== lease) at = at.next as Lease;
    at.next = lease.next;
  }
  disownForLease(lease.file);
  unlistLock(lease);
  destroy<Lease>(lease);
  tellWaiting(node);
}

function forget(file: OpenFile): void {
  const lease = leaseOf(file);
  if (lease !== null) remove(file.node, lease);
}

/** Makes `lease` one of `type`, which may be what it was asked to become: lease_modify(). */
function change(node: Node, lease: Lease, type: u32): void {
  if (type === F_UNLCK) {
    remove(node, lease);
    return;
  }
  lease.type = type;
  if (type === F_RDLCK) lease.downgrade = 0;
  tellWaiting(node);
}

/** Makes leases on `node` whose time is up what they were to become. */
function expire(node: Node): void {
  const now = monotonic();
  let lease = firstLease(node);
  while (lease !== null) {
    const next: Lease | null = lease.next;
    if (lease.downgrade !== 0 && lease.downgrade <= now) change(node, lease, F_RDLCK);
    if (lease.until !== 0 && lease.until <= now) change(node, lease, F_UNLCK);
    lease = next;
  }
}

/** `lease` stands against an open for reading, or for writing where `writes`. */
function conflicts(lease: Lease, writes: bool): bool {
  return writes || lease.type === F_WRLCK;
}

/** Tells those who have leases on `node` that stand against an open: until when the last one does, 0 where none does. */
function ask(node: Node, writes: bool): u64 {
  const end = monotonic() + BREAK_TIME;
  let last: u64 = 0;
  let lease = firstLease(node);
  while (lease !== null) {
    const next: Lease | null = lease.next;
    if (conflicts(lease, writes)) {
      const asked = lease.until !== 0 || (!writes && lease.downgrade !== 0);
      if (!asked && writes) lease.until = end;
      else if (!asked) lease.downgrade = end;
      last = max<u64>(last, lease.until !== 0 ? lease.until : lease.downgrade);
      if (!asked) tellMessage(lease.file, lease.fd);
    }
    lease = next;
  }
  return last;
}

/** `thread` wants to open `node`, which stays meanwhile, with `flags`, or to cut it: 0, -EAGAIN where it does not wait, or -EINTR. */
function breakLease(thread: Thread, node: Node, flags: u32): i64 {
  const writes = (flags & O_ACCMODE) !== O_RDONLY;
  while (true) {
    expire(node);
    const end = ask(node, writes);
    if (end === 0) return 0;
    if ((flags & O_NONBLOCK) !== 0) return -EAGAIN;
    if (waitUntil(thread, channelOf(node), 0, end) === WAIT_INTERRUPTED) return -EINTR;
  }
}

/** What the lease `lock` is to become is asked for. */
export function isBreaking(lock: HeldLock): bool {
  const lease = changetype<Lease>(lock);
  return lease.downgrade !== 0 || lease.until !== 0;
}

/** What the lease `lock` is, or is to become: F_RDLCK, F_WRLCK or F_UNLCK, as target_leasetype() tells it. */
export function typeToBe(lock: HeldLock): u32 {
  const lease = changetype<Lease>(lock);
  if (lease.until !== 0) return F_UNLCK;
  return lease.downgrade !== 0 ? F_RDLCK : lease.type;
}

/** Must be called before files are opened by programs. */
export function initLeases(): void {
  setLeaseBreak(breakLease);
  setForgetLease(forget);
}

/** What others have of `file` stands against a lease of `type`: check_conflicting_open(). */
function inUse(file: OpenFile, type: u32): bool {
  const node = file.node;
  if (type === F_RDLCK) return node.writers !== 0;
  // The call under way holds the file, whose own use is one.
  return node.users !== 1 || node.writers > 1 || node.executions !== 0;
}

/** A lease of somebody else stands against one of `type`. */
function refused(node: Node, own: Lease | null, type: u32): bool {
  let lease = firstLease(node);
  while (lease !== null) {
    if (lease !== own && (type === F_WRLCK || lease.until !== 0)) return true;
    lease = lease.next;
  }
  return false;
}

/** F_SETLEASE by descriptor `fd`: 0 or a negative error. */
export function setLease(thread: Thread, file: OpenFile, fd: u32, type: u32): i64 {
  const node = file.node;
  if (type > F_UNLCK) return -EINVAL;
  if (actor.fileUser !== node.owner && !capable(CAP_LEASE)) return -EACCES;
  if (node.kind !== KIND_FILE) return -EINVAL;
  expire(node);
  let own = leaseOf(file);
  if (type === F_UNLCK) {
    if (own === null) return -EAGAIN;
    remove(node, own);
    return 0;
  }
  if (inUse(file, type) || refused(node, own, type)) return -EAGAIN;
  if (own === null) {
    if (!ownIfNobody(thread, file)) return -ENOMEM;
    own = create<Lease>();
    if (own === null) return -ENOMEM;
    own.file = file;
    own.form = HELD_LEASE;
    own.process = thread.program.id as i32;
    own.fd = fd;
    own.next = firstLease(node);
    node.leases = changetype<usize>(own);
    listLock(own, node);
  }
  change(node, own, type);
  return 0;
}

/** F_GETLEASE. */
export function leaseType(file: OpenFile): i64 {
  expire(file.node);
  const own = leaseOf(file);
  if (own === null || own.until !== 0) return F_UNLCK as i64;
  return own.downgrade !== 0 ? (F_RDLCK as i64) : (own.type as i64);
}
