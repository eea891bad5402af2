// Timers of timer descriptors. Nothing runs when one is due: whoever looks at descriptors lets those that are due
// expire first, and a thread that waits for descriptors wakes up when the next one is.

import { monotonic } from "./clock";
import { POLLIN } from "./poll_events";
import { Node } from "./tree";
import { notify } from "./watches";

/** A timer of `node`, which becomes readable when it expires. */
@unmanaged
export class Timer {
  node: Node;
  previous: Timer | null;
  next: Timer | null;
  /** It is in the list of those that will expire. */
  armed: u32;
  /** It has expired since it was set or read. */
  expired: u32;
  /** When it expires, as monotonic nanoseconds. */
  due: u64;
  /** Nanoseconds from one expiration to the next, 0 for none. */
  interval: u64;
  /** Expirations that have not been read. */
  ticks: u64;
}

let first: Timer | null = null;

/** Must be called before a timer is made. */
export function initExpiry(): void {
  first = null;
}

export function arm(timer: Timer): void {
  timer.previous = null;
  timer.next = first;
  if (first !== null) (first as Timer).previous = timer;
  first = timer;
  timer.armed = 1;
}

export function disarm(timer: Timer): void {
  if (timer.armed === 0) return;
  const previous = timer.previous;
  const next = timer.next;
  if (previous === null) first = next;
  else previous.next = next;
  if (next !== null) next.previous = previous;
  timer.armed = 0;
}

/** When the next timer is due, as monotonic nanoseconds; 0 where none is set. */
export function nextDue(): u64 {
  let due: u64 = 0;
  let timer = first;
  while (timer !== null) {
    if (due === 0 || timer.due < due) due = timer.due;
    timer = timer.next;
  }
  return due;
}

/** Lets the timers that are due expire: each once, until it is set or read again. */
export function expire(): void {
  if (first === null) return;
  const now = monotonic();
  let timer = first;
  while (timer !== null) {
    const next: Timer | null = timer.next;
    if (timer.due <= now) {
      disarm(timer);
      timer.expired = 1;
      timer.ticks++;
      notify(timer.node, POLLIN);
    }
    timer = next;
  }
}

/** Sets an interval timer that has expired again, and counts what it has missed meanwhile. */
export function goOn(timer: Timer): void {
  if (timer.expired === 0 || timer.interval === 0) return;
  const missed = (monotonic() - timer.due) / timer.interval;
  timer.ticks += missed;
  timer.due += (missed + 1) * timer.interval;
  timer.expired = 0;
  arm(timer);
}
