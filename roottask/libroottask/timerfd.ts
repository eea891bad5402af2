// Timers as descriptors: timerfd_create(2). A read takes the number of expirations since the last one.

import {
  ANONYMOUS_TIMERFD,
  closeAnonymous,
  newAnonymousOperations,
  openAnonymous,
} from "./anonymous_file";
import { monotonic } from "./clock";
import { EAGAIN, EFAULT, EINTR, EINVAL } from "./errno";
import { arm, disarm, expire, goOn, initExpiry, Timer } from "./expiry";
import { create, destroy } from "./heap";
import { O_NONBLOCK, OpenFile } from "./open_file";
import { POLLIN } from "./poll_events";
import { Thread, WAIT_INTERRUPTED } from "./program";
import { waitUntil } from "./readiness";
import { fillBytes, Transfer } from "./transfer";
import { notify, READABLE, timerSet } from "./watches";

/** Bytes of a number of expirations. */
const TICKS_BYTES: u32 = 8;

const storage = memory.data(64);
const value = memory.data(8);

export function isTimerfd(file: OpenFile): bool {
  return changetype<usize>(file.operations) === storage;
}

export function timerOf(file: OpenFile): Timer {
  return changetype<Timer>(file.node.object);
}

/** An open file with a timer that is not set; null when memory is out. */
export function openTimerfd(flags: u32): OpenFile | null {
  const timer = create<Timer>();
  if (timer === null) return null;
  const file = openAnonymous(storage, flags);
  if (file === null) {
    destroy<Timer>(timer);
    return null;
  }
  timer.node = file.node;
  file.node.object = changetype<usize>(timer);
  return file;
}

/** Nanoseconds until the timer of `file` expires, 0 where it is not set. */
export function timeLeft(file: OpenFile): u64 {
  const timer = timerOf(file);
  expire();
  goOn(timer);
  if (timer.armed === 0) return 0;
  const now = monotonic();
  // It has not expired, so there is some time.
  return timer.due > now ? timer.due - now : 1;
}

/** Sets the timer to monotonic time `due` in nanoseconds (0: to nothing), and then every `interval`. */
export function setTimer(file: OpenFile, due: u64, interval: u64): void {
  const timer = timerOf(file);
  disarm(timer);
  timer.ticks = 0;
  timer.expired = 0;
  timer.due = due;
  timer.interval = interval;
  if (due !== 0) arm(timer);
  // Those who wait for it wait for another time.
  notify(file.node, POLLIN);
  timerSet();
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  const timer = timerOf(file);
  if (transfer.left < (TICKS_BYTES as u64)) return -EINVAL;
  expire();
  while (timer.ticks === 0) {
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    const channel = changetype<usize>(file.node);
    const due = timer.armed !== 0 ? timer.due : 0;
    if (waitUntil(thread, channel, READABLE, due) === WAIT_INTERRUPTED) return -EINTR;
    expire();
  }
  goOn(timer);
  store<u64>(value, timer.ticks);
  timer.ticks = 0;
  timer.expired = 0;
  return fillBytes(transfer, value, TICKS_BYTES) === TICKS_BYTES ? (TICKS_BYTES as i64) : -EFAULT;
}

function poll(file: OpenFile): u32 {
  return timerOf(file).ticks !== 0 ? POLLIN : 0;
}

function release(file: OpenFile): void {
  const timer = timerOf(file);
  disarm(timer);
  destroy<Timer>(timer);
  closeAnonymous(file);
}

export function initTimerfds(): void {
  initExpiry();
  const operations = newAnonymousOperations(storage, ANONYMOUS_TIMERFD);
  operations.read = read;
  operations.poll = poll;
  operations.release = release;
}
