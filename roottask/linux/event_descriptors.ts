// Counters and timers as descriptors: eventfd(2), timerfd_create(2) and its companions.

import { Utcb } from "../libhedron/utcb";
import { bootTime, monotonic } from "../libroottask/clock";
import { usableFileAt } from "../libroottask/descriptors";
import { EBADF, EFAULT, EINVAL, ENOMEM } from "../libroottask/errno";
import { openEventfd } from "../libroottask/eventfd";
import { O_CLOEXEC, O_NONBLOCK, OpenFile } from "../libroottask/open_file";
import { giveDescriptor } from "../libroottask/open_path";
import { Program } from "../libroottask/program";
import { copyFrom, copyTo } from "../libroottask/space";
import { isTimerfd, openTimerfd, setTimer, timeLeft, timerOf } from "../libroottask/timerfd";
import { CLOCK_BOOTTIME, CLOCK_REALTIME } from "./clock_ids";

const EFD_SEMAPHORE: u32 = 1;

const CLOCK_MONOTONIC: u32 = 1;
const CLOCK_REALTIME_ALARM: u32 = 8;
const CLOCK_BOOTTIME_ALARM: u32 = 9;

const TFD_TIMER_ABSTIME: u32 = 1;
/** Nothing sets the clock, so nothing is cancelled. */
const TFD_TIMER_CANCEL_ON_SET: u32 = 2;

const SECOND: i64 = 1_000_000_000;
/** Times beyond this, in seconds, are this: what nanoseconds in an i64 have room for. */
const SECONDS_MAX: i64 = 9_000_000_000;

/** struct itimerspec: interval, then value, each seconds and nanoseconds. */
const SPEC_BYTES: u32 = 32;
const spec = memory.data(32);

function makeEventfd(program: Program, count: u32, flags: u32): i64 {
  if ((flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const file = openEventfd(count, (flags & EFD_SEMAPHORE) !== 0, flags & O_NONBLOCK);
  return file === null ? -ENOMEM : giveDescriptor(program, file, flags);
}

/** eventfd(count). */
export function sysEventfd(program: Program, regs: Utcb): i64 {
  return makeEventfd(program, regs.rdi as u32, 0);
}

/** eventfd2(count, flags). */
export function sysEventfd2(program: Program, regs: Utcb): i64 {
  return makeEventfd(program, regs.rdi as u32, regs.rsi as u32);
}

function isRealtime(clock: u32): bool {
  return clock === CLOCK_REALTIME || clock === CLOCK_REALTIME_ALARM;
}

/** timerfd_create(clock, flags). */
export function sysTimerfdCreate(program: Program, regs: Utcb): i64 {
  const clock = regs.rdi as u32;
  const flags = regs.rsi as u32;
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const steady =
    clock === CLOCK_MONOTONIC || clock === CLOCK_BOOTTIME || clock === CLOCK_BOOTTIME_ALARM;
  if (!isRealtime(clock) && !steady) return -EINVAL;
  const file = openTimerfd(flags & O_NONBLOCK);
  if (file === null) return -ENOMEM;
  file.object = clock as usize;
  return giveDescriptor(program, file, flags);
}

/** The timer behind descriptor `fd`, or null; `timerError` says why. */
let timerError: i64 = 0;

function timerAt(program: Program, fd: u64): OpenFile | null {
  const file = usableFileAt(program.files, fd);
  timerError = file === null ? -EBADF : -EINVAL;
  return file !== null && isTimerfd(file) ? file : null;
}

/** Seconds and nanoseconds at `at` are a time. */
function isTime(at: usize): bool {
  return load<i64>(at) >= 0 && load<u64>(at + 8) < (SECOND as u64);
}

function timeAt(at: usize): i64 {
  return min<i64>(load<i64>(at), SECONDS_MAX) * SECOND + load<i64>(at + 8);
}

function storeTime(at: usize, nanoseconds: u64): void {
  store<u64>(at, nanoseconds / (SECOND as u64));
  store<u64>(at + 8, nanoseconds % (SECOND as u64));
}

/** Writes what the timer has left, and its interval, to `address`; 0 or -EFAULT. */
function tell(program: Program, file: OpenFile, address: u64): i64 {
  storeTime(spec + 16, timeLeft(file));
  storeTime(spec, timerOf(file).interval);
  return copyTo(program.space, address, spec, SPEC_BYTES) ? 0 : -EFAULT;
}

/** When a timer of `clock` is due that is set to `value`, as monotonic nanoseconds; 0 for 0, which is never. */
function dueTime(clock: u32, value: i64, absolute: bool): u64 {
  if (value === 0) return 0;
  if (!absolute) return (monotonic() + (value as u64)) as u64;
  return max<i64>(isRealtime(clock) ? value - bootTime() * SECOND : value, 1) as u64;
}

/** timerfd_settime(fd, flags, new, old). */
export function sysTimerfdSettime(program: Program, regs: Utcb): i64 {
  const flags = regs.rsi as u32;
  if (!copyFrom(program.space, spec, regs.rdx, SPEC_BYTES)) return -EFAULT;
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) !== 0) return -EINVAL;
  if (!isTime(spec) || !isTime(spec + 16)) return -EINVAL;
  const file = timerAt(program, regs.rdi);
  if (file === null) return timerError;
  const interval = timeAt(spec) as u64;
  const absolute = (flags & TFD_TIMER_ABSTIME) !== 0;
  const due = dueTime(file.object as u32, timeAt(spec + 16), absolute);
  // What it was is told last, so that an address that is none changes nothing about the timer.
  storeTime(spec + 16, timeLeft(file));
  storeTime(spec, timerOf(file).interval);
  setTimer(file, due, interval);
  return regs.r10 === 0 || copyTo(program.space, regs.r10, spec, SPEC_BYTES) ? 0 : -EFAULT;
}

/** timerfd_gettime(fd, current). */
export function sysTimerfdGettime(program: Program, regs: Utcb): i64 {
  const file = timerAt(program, regs.rdi);
  return file === null ? timerError : tell(program, file, regs.rsi);
}
