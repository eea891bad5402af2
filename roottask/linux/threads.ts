// Threads: their start and end, futex(2). They are made in clone.ts. Locks with priority inheritance are in pi_futex.ts,
// robust lists in robust.ts.

import { MTD_FS_GS } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { Space } from "../libroottask/areas";
import { deadline, monotonic } from "../libroottask/clock";
import { endProgram, endThread } from "../libroottask/domain";
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOSYS, ETIMEDOUT } from "../libroottask/errno";
import {
  Program,
  STATE_KILLED,
  Thread,
  tellWaiters,
  WAIT_INTERRUPTED,
  WAIT_WOKEN,
} from "../libroottask/program";
import { get32, got } from "../libroottask/space";
import { waitFor } from "../libroottask/thread";
import { requeue, wake, wakeBits } from "../libroottask/wait_queue";
import {
  FUTEX_CLOCK_REALTIME,
  FUTEX_COMMAND,
  FUTEX_PRIVATE,
  FUTEX_WAIT,
  FUTEX_WAKE,
  wakeCount,
} from "./futex_operations";
import { checkFutex, findFutex, futexChannel, futexKey } from "./futex_place";
import { lockFutex } from "./pi_futex";
import { tellEvent } from "./ptrace/hooks";
import { EVENT_EXIT } from "./ptrace/numbers";
import {
  FUTEX_CMP_REQUEUE_PI,
  FUTEX_WAIT_REQUEUE_PI,
  firstIsRequeued,
  requeueToLock,
  waitToBeRequeued,
} from "./requeue_pi";
import { dropThreadSignals } from "./signal_queue";
import { retarget } from "./signals";
import { linuxThread } from "./state";
import { timespec } from "./time";
import { absoluteEnd } from "./time_limit";
import { waitForever } from "./wait";

const FUTEX_REQUEUE: u32 = 3;
const FUTEX_CMP_REQUEUE: u32 = 4;
const FUTEX_WAIT_BITSET: u32 = 9;
const FUTEX_WAKE_BITSET: u32 = 10;
const ALL_BITS: u64 = 0xffff_ffff;
/** What sched_yield sleeps, in nanoseconds: enough for others to get the processor. */
const YIELD: u64 = 1000;

/** Adds the thread-local base to the first registers of a thread. */
export function linuxStart(thread: Thread): void {
  const own = linuxThread(thread);
  const regs = thread.utcb;
  regs.fsBase = own.fsBase;
  regs.gsBase = own.gsBase;
  regs.mtd |= MTD_FS_GS;
}

/** Waits for the futex that has been found, until monotonic time `end` in nanoseconds, 0 for ever. */
function wait(thread: Thread, end: u64): i64 {
  let outcome: u32 = 0;
  if (end === 0) {
    outcome = waitForever(thread, futexChannel, futexKey);
  } else {
    const now = monotonic();
    if (end <= now) return -ETIMEDOUT;
    outcome = waitFor(thread, futexChannel, futexKey, deadline(end - now));
  }
  if (outcome === WAIT_INTERRUPTED) return -EINTR;
  return outcome === WAIT_WOKEN ? 0 : -ETIMEDOUT;
}

/**
 * Counts the threads of `space` that wait for a futex. Its mediator answers private wakes where there are none: a thread
 * is counted before the futex is looked at, so that whoever has changed it and then finds nobody counted has been seen.
 */
export function countWaiter(space: Space, by: i32): void {
  space.futexWaiters += by;
  tellWaiters(space);
}

/** The time limit of a wait as monotonic nanoseconds: relative for FUTEX_WAIT, else absolute; 0 for none. */
function limit(program: Program, regs: Utcb, command: u32): i64 {
  if (command !== FUTEX_WAIT) {
    return absoluteEnd(program, regs.r10, ((regs.rsi as u32) & FUTEX_CLOCK_REALTIME) !== 0);
  }
  if (regs.r10 === 0) return 0;
  const time = timespec(program, regs.r10);
  return time < 0 ? time : time + (monotonic() as i64);
}

/** futex(address, operation, value, timeout or count, second address, value). */
export function sysFutex(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const space = program.space;
  const command = (regs.rsi as u32) & FUTEX_COMMAND;
  const own = ((regs.rsi as u32) & FUTEX_PRIVATE) !== 0;
  const address = regs.rdi;
  const value = regs.rdx & ALL_BITS;
  const requeues = command === FUTEX_WAIT_REQUEUE_PI;
  const waits = command === FUTEX_WAIT || command === FUTEX_WAIT_BITSET || requeues;
  // A limit that cannot be read is told first.
  const end = waits ? limit(program, regs, command) : 0;
  if (end < 0) return end;
  const realtime = ((regs.rsi as u32) & FUTEX_CLOCK_REALTIME) !== 0;
  if (realtime && command <= FUTEX_CMP_REQUEUE) return -ENOSYS;
  const bits = regs.r9 as u32;
  const selects = command === FUTEX_WAKE_BITSET || command === FUTEX_WAIT_BITSET;
  if (selects && bits === 0) return -EINVAL;
  const moves = command === FUTEX_REQUEUE || command === FUTEX_CMP_REQUEUE;
  if (moves && ((value | regs.r10) as i32) < 0) return -EINVAL;
  let wrong = checkFutex(space, address, own);
  if (wrong === 0 && moves) wrong = checkFutex(space, regs.r8, own);
  if (wrong !== 0) return wrong;
  findFutex(space, address, own);
  const wakes = command === FUTEX_WAKE || command === FUTEX_WAKE_BITSET;
  if (wakes && firstIsRequeued()) return -EINVAL;
  if (command === FUTEX_CMP_REQUEUE_PI) return requeueToLock(thread, regs);
  if (command === FUTEX_WAKE) return wake(futexChannel, futexKey, wakeCount(value)) as i64;
  if (command === FUTEX_WAKE_BITSET) {
    return wakeBits(futexChannel, futexKey, wakeCount(value), bits) as i64;
  }
  if (moves) {
    if (command === FUTEX_CMP_REQUEUE) {
      if (!get32(space, address)) return -EFAULT;
      if (got !== (regs.r9 & ALL_BITS)) return -EAGAIN;
    }
    const from = futexChannel;
    const fromKey = futexKey;
    const woken = wake(from, fromKey, value);
    findFutex(space, regs.r8, own);
    return (woken + requeue(from, fromKey, futexChannel, futexKey, regs.r10 & ALL_BITS)) as i64;
  }
  if (!waits) return lockFutex(thread, regs, command);
  thread.bits = selects ? bits : (ALL_BITS as u32);
  countWaiter(space, 1);
  const result = requeues
    ? waitToBeRequeued(thread, regs, end as u64)
    : waitWhile(thread, regs, value, end as u64);
  countWaiter(space, -1);
  return result;
}

/** Waits until `end` where the futex that has been found has `value`. */
function waitWhile(thread: Thread, regs: Utcb, value: u64, end: u64): i64 {
  if (!get32(thread.program.space, regs.rdi)) return -EFAULT;
  return got === value ? wait(thread, end) : -EAGAIN;
}

/** exit(status): ends the thread. */
export function sysExit(thread: Thread, regs: Utcb): i64 {
  const status = (regs.rdi & 0xff) as u32;
  tellEvent(thread, EVENT_EXIT, (status << 8) as u64);
  linuxThread(thread).exitStatus = status << 8;
  turnAway(thread);
  endThread(thread, status);
  return 0;
}

/** `thread` is about to end and takes no signal any more; others look at those of its process. */
function turnAway(thread: Thread): void {
  linuxThread(thread).mask = ~(0 as u64);
  retarget(thread);
  dropThreadSignals(thread);
}

/** Ends `thread` alone, as by `signal`, of which its process dies if it is the last one. Does not return. */
export function endAlone(thread: Thread, signal: u32): void {
  tellEvent(thread, EVENT_EXIT, signal as u64);
  linuxThread(thread).exitStatus = signal;
  turnAway(thread);
  if (thread.program.alive === 1) endProgram(thread, STATE_KILLED, signal);
  else endThread(thread, signal);
}

/** sched_yield(): lets the other threads run. */
export function sysSchedYield(thread: Thread, _regs: Utcb): i64 {
  if (thread.program.alive > 1) waitFor(thread, 0, 0, deadline(YIELD));
  return 0;
}
