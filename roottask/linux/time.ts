// Clocks and sleeping: clock_gettime(2), gettimeofday(2), nanosleep(2) and relatives. All clocks run from
// the TSC; processor time is the time since the program's start.

import { Utcb } from "../libhedron/utcb";
import { bootTime, deadline, monotonic } from "../libroottask/clock";
import { EFAULT, EINTR, EINVAL } from "../libroottask/errno";
import { Program, Thread, WAIT_INTERRUPTED } from "../libroottask/program";
import { copyFrom, copyTo, put64 } from "../libroottask/space";
import { waitFor } from "../libroottask/thread";
import {
  CLOCK_BOOTTIME,
  CLOCK_PROCESS_CPUTIME,
  CLOCK_REALTIME,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
  CLOCK_THREAD_CPUTIME,
} from "./clock_ids";
import { linuxThread } from "./state";

const SECOND: u64 = 1_000_000_000;
const TIMER_ABSTIME: u64 = 1;

/** Ticks per second of times(2). */
const TICKS: u64 = 100;

const value = memory.data(32);

/** The clock in nanoseconds, or -1 where there is no such clock. */
function clock(program: Program, id: u32): i64 {
  if (id === CLOCK_REALTIME || id === CLOCK_REALTIME_COARSE || id === CLOCK_TAI) {
    return bootTime() * (SECOND as i64) + (monotonic() as i64);
  }
  if (id === CLOCK_PROCESS_CPUTIME || id === CLOCK_THREAD_CPUTIME) {
    return (monotonic() - program.startTime) as i64;
  }
  return id <= CLOCK_BOOTTIME ? (monotonic() as i64) : -1;
}

function putTime(program: Program, address: u64, nanoseconds: i64, divisor: i64): i64 {
  store<i64>(value, nanoseconds / (SECOND as i64));
  store<i64>(value + 8, (nanoseconds % (SECOND as i64)) / divisor);
  return copyTo(program.space, address, value, 16) ? 0 : -EFAULT;
}

/** clock_gettime(clock, timespec). */
export function sysClockGettime(program: Program, regs: Utcb): i64 {
  const now = clock(program, regs.rdi as u32);
  return now < 0 ? -EINVAL : putTime(program, regs.rsi, now, 1);
}

/** clock_getres(clock, timespec): one nanosecond. */
export function sysClockGetres(program: Program, regs: Utcb): i64 {
  if (clock(program, regs.rdi as u32) < 0) return -EINVAL;
  return regs.rsi === 0 ? 0 : putTime(program, regs.rsi, 1, 1);
}

/** gettimeofday(timeval, zone). */
export function sysGettimeofday(program: Program, regs: Utcb): i64 {
  if (regs.rdi !== 0) {
    const error = putTime(program, regs.rdi, clock(program, CLOCK_REALTIME), 1000);
    if (error !== 0) return error;
  }
  return regs.rsi !== 0 && !put64(program.space, regs.rsi, 0) ? -EFAULT : 0;
}

/** time(seconds). */
export function sysTime(program: Program, regs: Utcb): i64 {
  const now = clock(program, CLOCK_REALTIME) / (SECOND as i64);
  return regs.rdi !== 0 && !put64(program.space, regs.rdi, now as u64) ? -EFAULT : now;
}

/** times(tms): user time alone. */
export function sysTimes(program: Program, regs: Utcb): i64 {
  const now = monotonic();
  if (regs.rdi !== 0) {
    memory.fill(value, 0, 32);
    store<u64>(value, (now - program.startTime) / (SECOND / TICKS));
    if (!copyTo(program.space, regs.rdi, value, 32)) return -EFAULT;
  }
  return (now / (SECOND / TICKS)) as i64;
}

/** Lets `thread` sleep: 0, or -EINTR where a signal came. */
export function sleep(thread: Thread, nanoseconds: u64): i64 {
  if (nanoseconds === 0) return 0;
  return waitFor(thread, 0, 0, deadline(nanoseconds)) === WAIT_INTERRUPTED ? -EINTR : 0;
}

/** Reads the timespec at `address` in nanoseconds: -EFAULT, -EINVAL, or the time. */
export function timespec(program: Program, address: u64): i64 {
  if (!copyFrom(program.space, value, address, 16)) return -EFAULT;
  const seconds = load<i64>(value);
  const rest = load<i64>(value + 8);
  if (seconds < 0 || rest < 0 || rest >= (SECOND as i64)) return -EINVAL;
  return min<i64>(seconds, 1_000_000_000) * (SECOND as i64) + rest;
}

/**
 * Sleeps for `time` nanoseconds, or until where the same sleep, interrupted without a handler, was to end; where a signal
 * ends that, what is left goes to `left`, if not 0.
 */
function sleepFor(thread: Thread, time: u64, left: u64): i64 {
  const own = linuxThread(thread);
  const end = own.sleepEnd !== 0 ? own.sleepEnd : monotonic() + time;
  own.sleepEnd = 0;
  const begin = monotonic();
  const result = sleep(thread, end > begin ? end - begin : 0);
  if (result !== -EINTR) return result;
  own.sleepEnd = end;
  if (left === 0) return result;
  const now = monotonic();
  const rest = now < end ? ((end - now) as i64) : 0;
  const error = putTime(thread.program, left, rest, 1);
  return error === 0 ? -EINTR : error;
}

/** nanosleep(wanted, left). */
export function sysNanosleep(thread: Thread, regs: Utcb): i64 {
  const time = timespec(thread.program, regs.rdi);
  return time < 0 ? time : sleepFor(thread, time as u64, regs.rsi);
}

/** clock_nanosleep(clock, flags, wanted, left). */
export function sysClockNanosleep(thread: Thread, regs: Utcb): i64 {
  const id = regs.rdi as u32;
  const now = clock(thread.program, id);
  // A thread cannot wait for its own processor time.
  if (now < 0 || id === CLOCK_THREAD_CPUTIME) return -EINVAL;
  const time = timespec(thread.program, regs.rdx);
  if (time < 0) return time;
  if ((regs.rsi & TIMER_ABSTIME) === 0) return sleepFor(thread, time as u64, regs.r10);
  return time > now ? sleep(thread, (time - now) as u64) : 0;
}
