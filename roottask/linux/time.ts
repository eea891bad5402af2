// Clocks and sleeping: clock_gettime(2), gettimeofday(2), nanosleep(2) and relatives. All clocks run from
// the TSC but those of CPU time (cpu_clocks.ts).

import { Utcb } from "../libhedron/utcb";
import { bootTime, deadline, monotonic } from "../libroottask/clock";
import { EFAULT, EINTR, EINVAL, EOPNOTSUPP } from "../libroottask/errno";
import { Program, Thread, WAIT_INTERRUPTED } from "../libroottask/program";
import { copyFrom, copyTo, put64 } from "../libroottask/space";
import { waitFor } from "../libroottask/thread";
import {
  CLOCK_BOOTTIME,
  CLOCK_REALTIME,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
  CLOCK_THREAD_CPUTIME,
  isAlarmClock,
} from "./clock_ids";
import {
  clockProgram,
  clockThread,
  cpuTime,
  findCpuClock,
  isCpuClock,
  resolutionOfCpuClock,
} from "./cpu_clocks";
import { clockOffset } from "./namespaces/time";
import { linuxThread } from "./state";
import { waitForever } from "./wait";

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
/** Longest time that is told from longer ones, seconds: in the year 2255, and 7 years less than 2^63 nanoseconds. */
const SECONDS_MAX: i64 = 9_000_000_000;
const TIMER_ABSTIME: u64 = 1;

/** How long the clock of a process is left alone while nothing of it runs, in nanoseconds. */
const IDLE: u64 = 10_000_000;

const value = memory.data(32);

/** CLOCK_REALTIME in nanoseconds. */
function realtime(): i64 {
  return bootTime() * (SECOND as i64) + (monotonic() as i64);
}

/** Clock `id` as `thread` sees it in nanoseconds, or -1 where there is no such clock. */
function clock(thread: Thread, id: u32): i64 {
  if (isCpuClock(id)) return findCpuClock(thread, id, true) ? (cpuTime() as i64) : -1;
  if (id === CLOCK_REALTIME || id === CLOCK_REALTIME_COARSE || id === CLOCK_TAI) return realtime();
  return id <= CLOCK_BOOTTIME ? (monotonic() as i64) + clockOffset(thread.program, id) : -1;
}

function putTime(program: Program, address: u64, nanoseconds: i64, divisor: i64): i64 {
  store<i64>(value, nanoseconds / (SECOND as i64));
  store<i64>(value + 8, (nanoseconds % (SECOND as i64)) / divisor);
  return copyTo(program.space, address, value, 16) ? 0 : -EFAULT;
}

/** clock_gettime(clock, timespec). */
export function sysClockGettime(thread: Thread, regs: Utcb): i64 {
  const now = clock(thread, regs.rdi as u32);
  return now < 0 ? -EINVAL : putTime(thread.program, regs.rsi, now, 1);
}

/** clock_getres(clock, timespec): one nanosecond, but of some clocks of CPU time. */
export function sysClockGetres(thread: Thread, regs: Utcb): i64 {
  const id = regs.rdi as u32;
  if (clock(thread, id) < 0) return -EINVAL;
  const resolution = isCpuClock(id) ? resolutionOfCpuClock(id) : 1;
  return regs.rsi === 0 ? 0 : putTime(thread.program, regs.rsi, resolution, 1);
}

/** gettimeofday(timeval, zone). */
export function sysGettimeofday(program: Program, regs: Utcb): i64 {
  if (regs.rdi !== 0) {
    const error = putTime(program, regs.rdi, realtime(), 1000);
    if (error !== 0) return error;
  }
  return regs.rsi !== 0 && !put64(program.space, regs.rsi, 0) ? -EFAULT : 0;
}

/** time(seconds). */
export function sysTime(program: Program, regs: Utcb): i64 {
  const now = realtime() / (SECOND as i64);
  return regs.rdi !== 0 && !put64(program.space, regs.rdi, now as u64) ? -EFAULT : now;
}

/** Lets `thread` sleep: 0, or -EINTR where a signal came. */
export function sleep(thread: Thread, nanoseconds: u64): i64 {
  if (nanoseconds === 0) return 0;
  return waitFor(thread, 0, 0, deadline(nanoseconds)) === WAIT_INTERRUPTED ? -EINTR : 0;
}

/** Reads the timespec at `address` in nanoseconds, at most `SECONDS_MAX` seconds: -EFAULT, -EINVAL, or the time. */
export function timespec(program: Program, address: u64): i64 {
  if (!copyFrom(program.space, value, address, 16)) return -EFAULT;
  const seconds = load<i64>(value);
  const rest = load<i64>(value + 8);
  if (seconds < 0 || rest < 0 || rest >= (SECOND as i64)) return -EINVAL;
  return min<i64>(seconds, SECONDS_MAX) * (SECOND as i64) + rest;
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

/** Sleeps until clock `id`, one of CPU time, is at `end`: 0, or -EINTR where a signal came. */
function sleepUntil(thread: Thread, id: u32, end: u64): i64 {
  while (findCpuClock(thread, id, true) && cpuTime() < end) {
    // Nothing but this thread is left that could use any.
    if (clockProgram === thread.program && thread.program.alive === 1) {
      return waitForever(thread, 0, 0) === WAIT_INTERRUPTED ? -EINTR : 0;
    }
    const rest = end - cpuTime();
    const result = sleep(thread, min<u64>(max<u64>(rest, MILLISECOND), IDLE));
    if (result !== 0) return result;
  }
  return 0;
}

/** clock_nanosleep(2) of `time` nanoseconds by clock `id`, one of CPU time, with the call's flags and place for the rest. */
function sleepOnCpu(thread: Thread, id: u32, regs: Utcb, time: i64): i64 {
  if (!findCpuClock(thread, id, true)) return -EINVAL;
  // A thread cannot wait for its own CPU time.
  if (clockThread === thread) return -EINVAL;
  const own = linuxThread(thread);
  if ((regs.rsi & TIMER_ABSTIME) !== 0) return sleepUntil(thread, id, time as u64);
  const end = own.sleepEnd !== 0 ? own.sleepEnd : cpuTime() + (time as u64);
  own.sleepEnd = 0;
  const result = sleepUntil(thread, id, end);
  if (result !== -EINTR) return result;
  own.sleepEnd = end;
  if (regs.r10 === 0 || !findCpuClock(thread, id, true)) return result;
  const now = cpuTime();
  const error = putTime(thread.program, regs.r10, now < end ? ((end - now) as i64) : 0, 1);
  return error === 0 ? result : error;
}

/** There is clock `id`, but it is only read; of those that wake a machine, none keeps time here. */
function isOnlyRead(id: u32): bool {
  return (id >= CLOCK_THREAD_CPUTIME && id < CLOCK_BOOTTIME) || isAlarmClock(id);
}

/** clock_nanosleep(clock, flags, wanted, left). */
export function sysClockNanosleep(thread: Thread, regs: Utcb): i64 {
  const id = regs.rdi as u32;
  if (isOnlyRead(id)) return -EOPNOTSUPP;
  const now = clock(thread, id);
  if (now < 0) return -EINVAL;
  const time = timespec(thread.program, regs.rdx);
  if (time < 0) return time;
  if (isCpuClock(id)) return sleepOnCpu(thread, id, regs, time);
  if ((regs.rsi & TIMER_ABSTIME) === 0) return sleepFor(thread, time as u64, regs.r10);
  return time > now ? sleep(thread, (time - now) as u64) : 0;
}
