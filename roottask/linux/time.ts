// Clocks and sleeping: clock_gettime(2), gettimeofday(2), nanosleep(2) and relatives. All clocks run from
// the TSC; processor time is the time since the program's start.

import { SUCCESS } from "../libhedron/abi";
import { smDown } from "../libhedron/hypercalls";
import { Utcb } from "../libhedron/utcb";
import { bootTime, deadline, monotonic } from "../libroottask/clock";
import { EFAULT, EINTR, EINVAL } from "../libroottask/errno";
import { enter, leave } from "../libroottask/lock";
import { Process, REGISTERS_BYTES, retire, WAIT_NONE, WAIT_TIME } from "../libroottask/process";
import { BLOCK_SLEEP } from "../libroottask/selectors";
import { copyFrom, copyTo, put64 } from "../libroottask/space";

const SECOND: u64 = 1_000_000_000;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_PROCESS_CPUTIME: u32 = 2;
const CLOCK_THREAD_CPUTIME: u32 = 3;
const CLOCK_REALTIME_COARSE: u32 = 5;
const CLOCK_BOOTTIME: u32 = 7;
const CLOCK_TAI: u32 = 11;
const TIMER_ABSTIME: u64 = 1;

/** Ticks per second of times(2). */
const TICKS: u64 = 100;

const value = memory.data(32);

/** The clock in nanoseconds, or -1 where there is no such clock. */
function clock(process: Process, id: u32): i64 {
  if (id === CLOCK_REALTIME || id === CLOCK_REALTIME_COARSE || id === CLOCK_TAI) {
    return bootTime() * (SECOND as i64) + (monotonic() as i64);
  }
  if (id === CLOCK_PROCESS_CPUTIME || id === CLOCK_THREAD_CPUTIME) {
    return (monotonic() - process.startTime) as i64;
  }
  return id <= CLOCK_BOOTTIME ? (monotonic() as i64) : -1;
}

function putTime(process: Process, address: u64, nanoseconds: i64, divisor: i64): i64 {
  store<i64>(value, nanoseconds / (SECOND as i64));
  store<i64>(value + 8, (nanoseconds % (SECOND as i64)) / divisor);
  return copyTo(process.space, address, value, 16) ? 0 : -EFAULT;
}

/** clock_gettime(clock, timespec). */
export function sysClockGettime(process: Process, regs: Utcb): i64 {
  const now = clock(process, regs.rdi as u32);
  return now < 0 ? -EINVAL : putTime(process, regs.rsi, now, 1);
}

/** clock_getres(clock, timespec): one nanosecond. */
export function sysClockGetres(process: Process, regs: Utcb): i64 {
  if (clock(process, regs.rdi as u32) < 0) return -EINVAL;
  return regs.rsi === 0 ? 0 : putTime(process, regs.rsi, 1, 1);
}

/** gettimeofday(timeval, zone). */
export function sysGettimeofday(process: Process, regs: Utcb): i64 {
  if (regs.rdi !== 0) {
    const error = putTime(process, regs.rdi, clock(process, CLOCK_REALTIME), 1000);
    if (error !== 0) return error;
  }
  return regs.rsi !== 0 && !put64(process.space, regs.rsi, 0) ? -EFAULT : 0;
}

/** time(seconds). */
export function sysTime(process: Process, regs: Utcb): i64 {
  const now = clock(process, CLOCK_REALTIME) / (SECOND as i64);
  return regs.rdi !== 0 && !put64(process.space, regs.rdi, now as u64) ? -EFAULT : now;
}

/** times(tms): user time alone. */
export function sysTimes(process: Process, regs: Utcb): i64 {
  const now = monotonic();
  if (regs.rdi !== 0) {
    memory.fill(value, 0, 32);
    store<u64>(value, (now - process.startTime) / (SECOND / TICKS));
    if (!copyTo(process.space, regs.rdi, value, 32)) return -EFAULT;
  }
  return (now / (SECOND / TICKS)) as i64;
}

/**
 * Gives up the processor until the TSC reaches `until` (0: for ever) or somebody wakes this thread. Other
 * threads and programs are served meanwhile, so nothing but the thread's own record may be relied on
 * afterwards; its registers are kept.
 */
export function suspend(process: Process, reason: u32, until: u64): void {
  const message = changetype<usize>(process.utcb);
  memory.copy(process.registers, message, REGISTERS_BYTES);
  process.waiting = reason;
  process.woken = 0;
  process.interrupted = 0;
  leave();
  const status = smDown(process.block + BLOCK_SLEEP, until);
  enter();
  process.waiting = WAIT_NONE;
  if (process.dead !== 0) retire(process);
  // Woken between the timeout and the lock: the semaphore's count must not stay.
  if (status !== SUCCESS && process.woken !== 0) smDown(process.block + BLOCK_SLEEP, 0);
  memory.copy(message, process.registers, REGISTERS_BYTES);
}

/** Lets `process` sleep: 0, or -EINTR where a signal came. */
export function sleep(process: Process, nanoseconds: u64): i64 {
  if (nanoseconds === 0) return 0;
  suspend(process, WAIT_TIME, deadline(nanoseconds));
  return process.interrupted !== 0 ? -EINTR : 0;
}

/** Reads the timespec at `address` in nanoseconds: -EFAULT, -EINVAL, or the time. */
export function timespec(process: Process, address: u64): i64 {
  if (!copyFrom(process.space, value, address, 16)) return -EFAULT;
  const seconds = load<i64>(value);
  const rest = load<i64>(value + 8);
  if (seconds < 0 || rest < 0 || rest >= (SECOND as i64)) return -EINVAL;
  return min<i64>(seconds, 1_000_000_000) * (SECOND as i64) + rest;
}

/** nanosleep(wanted, left). */
export function sysNanosleep(process: Process, regs: Utcb): i64 {
  const time = timespec(process, regs.rdi);
  if (time < 0) return time;
  return sleep(process, time as u64);
}

/** clock_nanosleep(clock, flags, wanted, left). */
export function sysClockNanosleep(process: Process, regs: Utcb): i64 {
  const now = clock(process, regs.rdi as u32);
  if (now < 0) return -EINVAL;
  const time = timespec(process, regs.rdx);
  if (time < 0) return time;
  if ((regs.rsi & TIMER_ABSTIME) === 0) return sleep(process, time as u64);
  return time > now ? sleep(process, (time - now) as u64) : 0;
}
