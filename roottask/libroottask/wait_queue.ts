// The queue of waiting threads. A thread waits for a channel (the address of an object of the roottask: an
// address space for futexes, a file's record for its readiness) and a key within it; whoever changes the
// object wakes by channel and key, first come, first served. The waiting itself is in thread.ts.

import { smUp } from "../libhedron/hypercalls";
import { Thread, WAIT_INTERRUPTED, WAIT_NONE, WAIT_WOKEN } from "./program";
import { THREAD_SLEEP } from "./selectors";

let first: Thread | null = null;
let last: Thread | null = null;

/** Must be called before any thread waits. */
export function initWaitQueue(): void {
  first = null;
  last = null;
}

export function enqueue(thread: Thread, channel: usize, key: u64): void {
  thread.channel = channel;
  thread.key = key;
  thread.outcome = WAIT_NONE;
  thread.waiting = 1;
  thread.waitNext = null;
  thread.waitPrevious = last;
  if (last === null) first = thread;
  else (last as Thread).waitNext = thread;
  last = thread;
}

export function dequeue(thread: Thread): void {
  const previous = thread.waitPrevious;
  const next = thread.waitNext;
  if (previous === null) first = next;
  else previous.waitNext = next;
  if (next === null) last = previous;
  else next.waitPrevious = previous;
  thread.waiting = 0;
}

function end(thread: Thread, outcome: u32): void {
  dequeue(thread);
  thread.outcome = outcome;
  smUp(thread.block + THREAD_SLEEP);
}

/** A signal or its program's end has come for a waiting thread. */
export function interrupt(thread: Thread): void {
  end(thread, WAIT_INTERRUPTED);
}

/** Wakes `thread` if it waits, whatever for. */
export function wakeThread(thread: Thread): void {
  if (thread.waiting !== 0) end(thread, WAIT_WOKEN);
}

/** Bytes of a pair of channel and key in `choices` of a thread. */
export const CHOICE_BYTES: u32 = 16;

/** The pair among the choices of `thread` that is `channel` and `key`, which `choice` says then, or 0. */
function choiceOf(thread: Thread, channel: usize, key: u64): usize {
  for (let i: u32 = 0; i < thread.choiceCount; i++) {
    const pair = thread.choices + i * CHOICE_BYTES;
    if (load<u64>(pair) !== (channel as u64) || load<u64>(pair + 8) !== key) continue;
    thread.choice = i;
    return pair;
  }
  return 0;
}

/** `thread` waits for `key` of `channel`, or for that among others. */
function waitsFor(thread: Thread, channel: usize, key: u64): bool {
  if (thread.channel === channel && thread.key === key) return true;
  return thread.choiceCount !== 0 && choiceOf(thread, channel, key) !== 0;
}

/** Wakes up to `count` threads that wait for `key` of `channel`; the number woken. */
export function wake(channel: usize, key: u64, count: u64): u64 {
  let woken: u64 = 0;
  let thread = first;
  while (thread !== null && woken < count) {
    const next: Thread | null = thread.waitNext;
    if (waitsFor(thread, channel, key)) {
      end(thread, WAIT_WOKEN);
      woken++;
    }
    thread = next;
  }
  return woken;
}

/** As `wake`, of those that wait for one of `bits`. */
export function wakeBits(channel: usize, key: u64, count: u64, bits: u32): u64 {
  let woken: u64 = 0;
  let thread = first;
  while (thread !== null && woken < count) {
    const next: Thread | null = thread.waitNext;
    if (waitsFor(thread, channel, key) && (thread.bits & bits) !== 0) {
      end(thread, WAIT_WOKEN);
      woken++;
    }
    thread = next;
  }
  return woken;
}

/** The first thread that waits for `key` of `channel`, or null. */
export function waiting(channel: usize, key: u64): Thread | null {
  let thread = first;
  while (thread !== null && (thread.channel !== channel || thread.key !== key)) {
    thread = thread.waitNext;
  }
  return thread;
}

/** Lets `thread`, which waits, wait for `key` of `channel`, behind all others. */
export function moveBehind(thread: Thread, channel: usize, key: u64): void {
  dequeue(thread);
  enqueue(thread, channel, key);
}

/** Lets up to `count` threads that wait for `key` of `channel` wait for `toKey` of `to`; the number moved. */
export function requeue(channel: usize, key: u64, to: usize, toKey: u64, count: u64): u64 {
  let moved: u64 = 0;
  let thread = first;
  while (thread !== null && moved < count) {
    if (thread.channel === channel && thread.key === key) {
      thread.channel = to;
      thread.key = toKey;
      moved++;
    } else if (thread.choiceCount !== 0) {
      const pair = choiceOf(thread, channel, key);
      if (pair !== 0) {
        store<u64>(pair, to as u64);
        store<u64>(pair + 8, toKey);
        moved++;
      }
    }
    thread = thread.waitNext;
  }
  return moved;
}
