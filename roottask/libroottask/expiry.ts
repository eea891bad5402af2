// Timers of timer descriptors. Nothing runs when one is due: whoever looks at descriptors lets those that are due
// expire first, and a thread that waits for descriptors wakes up when the next one is.

import { monotonic } from "./clock";
import { enterTree, firstKeyed, Keyed, leaveTree } from "./keyed_tree";
import { POLLIN } from "./poll_events";
import { Node } from "./tree";
import { notify } from "./watches";

/** A timer of `node`, which becomes readable when it expires; by its time in the tree of those that will. */
@unmanaged
export class Timer extends Keyed {
  node: Node;
  /** It is in the tree. */
  armed: u32;
  /** It has expired since it was set or read. */
  expired: u32;
  /** When it expires, as monotonic nanoseconds. */
  due: u64;
  /** Nanoseconds from one expiration to the next, 0 for none. */
  interval: u64;
  /** Expirations that have not been read. */
  ticks: u64;
  /** TFD_TIMER_… that it was set with. */
  flags: u32;
}

const armed = memory.data(4);

function firstArmed(): Timer | null {
  return changetype<Timer | null>(firstKeyed(armed));
}

/** Must be called before a timer is made. */
export function initExpiry(): void {
  store<usize>(armed, 0);
}

export function arm(timer: Timer): void {
  timer.order = timer.due;
  enterTree(armed, timer);
  timer.armed = 1;
}

export function disarm(timer: Timer): void {
  if (timer.armed === 0) return;
  leaveTree(armed, timer);
  timer.armed = 0;
}

/** When the next timer is due, as monotonic nanoseconds; 0 where none is set. */
export function nextDue(): u64 {
  const timer = firstArmed();
  return timer === null ? 0 : timer.due;
}

/** Lets the timers that are due expire: each once, until it is set or read again. */
export function expire(): void {
  let timer = firstArmed();
  if (timer === null) return;
  const now = monotonic();
  while (timer !== null && timer.due <= now) {
    disarm(timer);
    timer.expired = 1;
    timer.ticks++;
    notify(timer.node, POLLIN);
    timer = firstArmed();
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
