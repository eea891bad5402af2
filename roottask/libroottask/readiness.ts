// Waiting for readiness, of a node or of all that a thread watches (watches.ts). Timers make nodes ready without
// anybody's doing (expiry.ts): whoever waits for watches wakes up for the next one.

import { deadline, monotonic } from "./clock";
import { expire, nextDue } from "./expiry";
import { Thread, WAIT_INTERRUPTED, WAIT_TIMED_OUT } from "./program";
import { waitFor } from "./thread";
import { Node } from "./tree";
import { watching } from "./watches";

export type ForeverWait = (thread: Thread, channel: usize, key: u64) => u32;
export type PendingSignal = (thread: Thread) => bool;

function waitsAnyway(thread: Thread, channel: usize, key: u64): u32 {
  return waitFor(thread, channel, key, 0);
}

function noSignal(_thread: Thread): bool {
  return false;
}

let waitForever: ForeverWait = waitsAnyway;
let signalPending: PendingSignal = noSignal;
let killPending: PendingSignal = noSignal;

/** What the personality has to say about waits: those without a limit, signals that have come before, and one that kills. */
export function setWaiting(
  forever: ForeverWait,
  pending: PendingSignal,
  killing: PendingSignal,
): void {
  waitForever = forever;
  signalPending = pending;
  killPending = killing;
}

/** Waits for `key` of `channel`, until monotonic time `end` in nanoseconds (0: for ever): WAIT_…. */
export function waitUntil(thread: Thread, channel: usize, key: u64, end: u64): u32 {
  if (signalPending(thread)) return WAIT_INTERRUPTED;
  if (end === 0) return waitForever(thread, channel, key);
  const now = monotonic();
  return end <= now ? WAIT_TIMED_OUT : waitFor(thread, channel, key, deadline(end - now));
}

/** Waits for `key` of `channel`, whatever signals come, but one that kills: false for that. */
export function waitUnlessKilled(thread: Thread, channel: usize, key: u64): bool {
  if (killPending(thread)) return false;
  waitFor(thread, channel, key, 0);
  return !killPending(thread);
}

/** Waits for `key` of `node`, which the thread's call holds. False where a signal has come. */
export function waitAt(thread: Thread, node: Node, key: u64): bool {
  return waitUntil(thread, changetype<usize>(node), key, 0) !== WAIT_INTERRUPTED;
}

/**
 * Waits for the thread's watches until monotonic time `end` in nanoseconds, 0 for ever, or less: the caller looks again.
 * False where a signal has come.
 */
export function waitForWatches(thread: Thread, end: u64): bool {
  const due = nextDue();
  const first = due !== 0 && (end === 0 || due < end) ? due : end;
  const outcome = waitUntil(thread, changetype<usize>(watching), 0, first);
  expire();
  return outcome !== WAIT_INTERRUPTED;
}
