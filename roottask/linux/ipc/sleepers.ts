// Threads that wait for a semaphore set or a message queue. Whoever changes the object looks through its sleepers in the
// order of their coming, does for each what it waits for, and tells it the result: a sleeper that is woken has nothing
// left to do.

import { EAGAIN, EINTR } from "../../libroottask/errno";
import { release } from "../../libroottask/heap";
import { Thread, WAIT_TIMED_OUT } from "../../libroottask/program";
import { waitUntil } from "../../libroottask/readiness";
import { wake } from "../../libroottask/wait_queue";
import { linuxThread } from "../state";
import { giveUp } from "./objects";
import { Sleeper, Slept } from "./records";

/** What a sleeper waits for: to change semaphores, for them to be 0, for a message, for room for its own. */
export const CHANGES: u32 = 0;
export const WAITS_FOR_ZERO: u32 = 1;
export const RECEIVES: u32 = 2;
export const SENDS: u32 = 3;

/** A status of sleepers alone: to look again. */
export const AGAIN: i64 = 1;

/** Puts `sleeper` behind all others of `object`. */
function append(object: Slept, sleeper: Sleeper): void {
  sleeper.next = null;
  let last = object.sleepers;
  if (last === null) {
    object.sleepers = sleeper;
    return;
  }
  while (last.next !== null) last = last.next as Sleeper;
  last.next = sleeper;
}

function unlink(sleeper: Sleeper): void {
  const object = sleeper.object;
  if (object.sleepers === sleeper) {
    object.sleepers = sleeper.next;
    return;
  }
  let at = object.sleepers as Sleeper;
  while (at.next !== sleeper) at = at.next as Sleeper;
  at.next = sleeper.next;
}

/** Frees `sleeper`, whose wait is over. */
export function letGo(sleeper: Sleeper): void {
  if (sleeper.storage !== 0) giveUp(sleeper.storage, sleeper.storageBytes);
  release(changetype<usize>(sleeper), sleeper.bytes);
}

/** `sleeper` has what it waits for, or will never have it: its result is `status`. */
export function finish(sleeper: Sleeper, status: i64): void {
  unlink(sleeper);
  sleeper.done = 1;
  sleeper.status = status;
  wake(changetype<usize>(sleeper), 0, 1);
}

/** Finishes all sleepers of `object` with `status`. */
export function finishAll(object: Slept, status: i64): void {
  for (let sleeper = object.sleepers; sleeper !== null; sleeper = object.sleepers) {
    finish(sleeper, status);
  }
}

/**
 * Lets `thread` wait as `sleeper` until monotonic time `end` in nanoseconds, 0 for ever: its status, -EAGAIN when the time
 * is over, -EINTR where a signal has come. `letGo` comes after it.
 */
export function sleep(thread: Thread, object: Slept, sleeper: Sleeper, end: u64): i64 {
  sleeper.object = object;
  sleeper.thread = thread;
  append(object, sleeper);
  linuxThread(thread).sleeper = changetype<usize>(sleeper);
  const outcome = waitUntil(thread, changetype<usize>(sleeper), 0, end);
  linuxThread(thread).sleeper = 0;
  if (sleeper.done !== 0) return sleeper.status;
  unlink(sleeper);
  return outcome === WAIT_TIMED_OUT ? -EAGAIN : -EINTR;
}

/** `thread` ends, wherever it waits. */
export function leaveSleep(thread: Thread): void {
  const own = linuxThread(thread);
  if (own.sleeper === 0) return;
  const sleeper = changetype<Sleeper>(own.sleeper);
  own.sleeper = 0;
  if (sleeper.done === 0) unlink(sleeper);
  letGo(sleeper);
}
