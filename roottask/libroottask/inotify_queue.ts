// The queue of an inotify instance (inotify(7)): events in the order they came, equal neighbours once, and one that tells
// of those that were lost. What all queues hold together is limited as well.

import { allocate, create, destroy, release } from "./heap";
import { Node } from "./node";
import { totalPages } from "./pages";
import { POLLIN, POLLRDNORM } from "./poll_events";
import { bytesEqual } from "./text";
import { notify } from "./watches";

export const IN_Q_OVERFLOW: u32 = 0x4000;
export const IN_IGNORED: u32 = 0x8000;
/** Events that a new instance keeps by default, and bytes that all keep: this share of RAM. */
const QUEUE_MAX: u32 = 16384;
const QUEUES_SHARE: u32 = 32;
const PAGE_BYTES: u64 = 4096;

/** struct inotify_event up to the name: descriptor, mask, cookie, bytes of the name with what fills it up. */
export const EVENT_BYTES: u32 = 16;

@unmanaged
export class Event {
  next: Event | null;
  watch: i32;
  mask: u32;
  cookie: u32;
  nameLength: u32;
  name: usize;
}

@unmanaged
export class Instance {
  /** The node of its open file, which is told of events. */
  node: Node;
  /** The tree of the marks of its watches (file_events.ts). */
  marks: usize;
  /** Number of the last watch. */
  lastWatch: i32;
  first: Event | null;
  last: Event | null;
  count: u32;
  /** Bytes that reading all of them would give. */
  bytes: u32;
  /** Events were lost, which the event `overflow` tells once. */
  overflowing: u32;
  overflow: Event;
  /** Events it keeps. */
  limit: u32;
}

const limits = memory.data(4);

/** Where the number of events is that a new instance keeps (i32): /proc/sys/fs/inotify/max_queued_events. */
export function maxQueuedEvents(): usize {
  return limits;
}

/** Must be called before an instance is made. */
export function initInotifyQueues(): void {
  store<u32>(maxQueuedEvents(), QUEUE_MAX);
}

let queuedBytes: u64 = 0;

/** A queue for the open file on `node`; null when memory is out. */
export function newInstance(node: Node): Instance | null {
  const overflow = create<Event>();
  if (overflow === null) return null;
  overflow.watch = -1;
  overflow.mask = IN_Q_OVERFLOW;
  const instance = create<Instance>();
  if (instance === null) {
    destroy<Event>(overflow);
    return null;
  }
  instance.node = node;
  instance.overflow = overflow;
  instance.limit = load<u32>(maxQueuedEvents());
  return instance;
}

/** Bytes that an event takes of who reads it: a name has a NUL at least, and is filled up with more. */
export function eventBytes(event: Event): u32 {
  if (event.nameLength === 0) return EVENT_BYTES;
  return EVENT_BYTES + ((event.nameLength + EVENT_BYTES) & ~(EVENT_BYTES - 1));
}

function costOf(nameLength: u32): u64 {
  return (offsetof<Event>() as u64) + (nameLength as u64);
}

/** An event with a copy of the name; null when there is no room for it. */
function newEvent(name: usize, length: u32): Event | null {
  const cost = costOf(length);
  const limit = ((totalPages() / QUEUES_SHARE) as u64) * PAGE_BYTES;
  if (queuedBytes + cost > limit) return null;
  const event = create<Event>();
  if (event === null) return null;
  if (length !== 0) {
    event.name = allocate(length);
    if (event.name === 0) {
      destroy<Event>(event);
      return null;
    }
    memory.copy(event.name, name, length);
    event.nameLength = length;
  }
  queuedBytes += cost;
  return event;
}

function append(instance: Instance, event: Event): void {
  const last = instance.last;
  if (last === null) instance.first = event;
  else last.next = event;
  instance.last = event;
  instance.count++;
  instance.bytes += eventBytes(event);
  notify(instance.node, POLLIN | POLLRDNORM);
}

function overflow(instance: Instance): void {
  if (instance.overflowing !== 0) return;
  instance.overflowing = 1;
  append(instance, instance.overflow);
}

/** The last event says the same. */
function isRepeated(last: Event | null, watch: i32, mask: u32, name: usize, length: u32): bool {
  if (last === null || last.watch !== watch || last.mask !== mask) return false;
  return (mask & IN_IGNORED) === 0 && bytesEqual(last.name, last.nameLength, name, length);
}

/** Adds an event for watch `watch`, about the `length` bytes at `name` of the directory that is watched. */
export function queueEvent(
  instance: Instance,
  watch: i32,
  mask: u32,
  cookie: u32,
  name: usize,
  length: u32,
): void {
  if (instance.count >= instance.limit) {
    overflow(instance);
    return;
  }
  if (isRepeated(instance.last, watch, mask, name, length)) return;
  const event = newEvent(name, length);
  if (event === null) {
    overflow(instance);
    return;
  }
  event.watch = watch;
  event.mask = mask;
  event.cookie = cookie;
  append(instance, event);
}

/** Takes the first event, which the caller gives to `freeEvent`; null where there is none. */
export function takeEvent(instance: Instance): Event | null {
  const event = instance.first;
  if (event === null) return null;
  instance.first = event.next;
  if (event.next === null) instance.last = null;
  event.next = null;
  instance.count--;
  instance.bytes -= eventBytes(event);
  return event;
}

export function freeEvent(instance: Instance, event: Event): void {
  if (event === instance.overflow) {
    instance.overflowing = 0;
    return;
  }
  queuedBytes -= costOf(event.nameLength);
  if (event.nameLength !== 0) release(event.name, event.nameLength);
  destroy<Event>(event);
}

/** Frees the queue with all that is in it; there are no marks any more. */
export function freeInstance(instance: Instance): void {
  let event = takeEvent(instance);
  while (event !== null) {
    freeEvent(instance, event);
    event = takeEvent(instance);
  }
  destroy<Event>(instance.overflow);
  destroy<Instance>(instance);
}
