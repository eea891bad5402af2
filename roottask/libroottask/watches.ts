// Watches: who is told when a node may have become ready. A thread that reads or writes waits for its direction of the
// node itself; one that looks at many (poll(2), epoll_wait(2)) has a watch on each, as has an entry of an epoll instance.

import { create, destroy } from "./heap";
import { POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from "./poll_events";
import { Thread } from "./program";
import { dispose, Node } from "./tree";
import { wake, wakeThread } from "./wait_queue";

/** Keys of the channel that a node is. */
export const READABLE: u64 = 0;
export const WRITABLE: u64 = 1;
/** Another open file is on it. */
export const OPENED: u64 = 2;
export const EVERYBODY: u64 = ~(0 as u64);

const READ_EVENTS: u32 = POLLIN | POLLRDNORM | POLLPRI | POLLHUP;
const WRITE_EVENTS: u32 = POLLOUT | POLLWRNORM;

/** The channel of threads that have watches. */
export const watching = memory.data(4);

/** A watch's node may be ready for `events` (0: any); true where that is of use to whom it belongs to. */
export type Told = (watch: Watch, events: u32) => bool;

@unmanaged
export class Watch {
  node: Node;
  told: Told;
  /** Whom it belongs to: a thread, or an entry of an epoll instance. */
  owner: usize;
  /** Of the watches that are exclusive, one that has use for an event is enough (EPOLLEXCLUSIVE). */
  exclusive: u32;
  /** It is told of each transfer, whether that changes what the node is ready for or not. */
  each: u32;
  previous: Watch | null;
  next: Watch | null;
  /** Next watch of the same thread. */
  other: usize;
}

/** Watches `node`, which stays while it is watched; null when memory is out. */
export function watch(node: Node, told: Told, owner: usize, exclusive: bool): Watch | null {
  const made = create<Watch>();
  if (made === null) return null;
  made.node = node;
  made.told = told;
  made.owner = owner;
  made.exclusive = exclusive ? 1 : 0;
  const first = changetype<Watch | null>(node.watches);
  made.next = first;
  if (first !== null) first.previous = made;
  node.watches = changetype<usize>(made);
  node.users++;
  return made;
}

export function unwatch(made: Watch): void {
  const node = made.node;
  const previous = made.previous;
  const next = made.next;
  if (previous === null) node.watches = changetype<usize>(next);
  else previous.next = next;
  if (next !== null) next.previous = previous;
  destroy<Watch>(made);
  node.users--;
  dispose(node);
}

/** `node` may have become ready for `events`, POLL…; 0 where both directions are to be looked at. */
export function notify(node: Node, events: u32): void {
  const channel = changetype<usize>(node);
  if (events === 0 || (events & READ_EVENTS) !== 0) wake(channel, READABLE, EVERYBODY);
  if (events === 0 || (events & WRITE_EVENTS) !== 0) wake(channel, WRITABLE, EVERYBODY);
  let taken = false;
  let at = changetype<Watch | null>(node.watches);
  while (at !== null) {
    const exclusive = at.exclusive !== 0;
    if (!exclusive || !taken) {
      const told = at.told;
      if (told(at, events) && exclusive) taken = true;
    }
    at = at.next;
  }
}

/** Bytes have passed at `node`, which is as ready for `events` as it was. */
export function notePassed(node: Node, events: u32): void {
  let at = changetype<Watch | null>(node.watches);
  while (at !== null) {
    if (at.each !== 0) {
      const told = at.told;
      told(at, events);
    }
    at = at.next;
  }
}

function wakeWatcher(made: Watch, _events: u32): bool {
  wakeThread(changetype<Thread>(made.owner));
  return true;
}

/** Lets `thread` be woken by what happens to `node`, until its call is over. False when memory is out. */
export function watchFor(thread: Thread, node: Node): bool {
  const made = watch(node, wakeWatcher, changetype<usize>(thread), false);
  if (made === null) return false;
  made.other = thread.watches;
  thread.watches = changetype<usize>(made);
  return true;
}

export function stopWatching(thread: Thread): void {
  while (thread.watches !== 0) {
    const made = changetype<Watch>(thread.watches);
    thread.watches = made.other;
    unwatch(made);
  }
}

/** A timer has been set: threads that wait have to look when they must wake up. */
export function timerSet(): void {
  wake(changetype<usize>(watching), 0, EVERYBODY);
}
