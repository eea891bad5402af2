// Counters and timers as descriptors: eventfd(2), timerfd_create(2) and its companions.

import { Utcb } from "../libhedron/utcb";
import { usableFileAt } from "../libroottask/descriptors";
import { EBADF, EFAULT, EINVAL, ENOMEM } from "../libroottask/errno";
import { openEventfd } from "../libroottask/eventfd";
import { O_CLOEXEC, O_NONBLOCK, OpenFile } from "../libroottask/open_file";
import { giveDescriptor } from "../libroottask/open_path";
import { Program } from "../libroottask/program";
import { copyFrom, copyTo } from "../libroottask/space";
import { isTimerfd, openTimerfd, setTimer, timeLeft, timerOf } from "../libroottask/timerfd";
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
} from "./clock_ids";
import { dueTime, fillSpec, isSpec, SPEC_BYTES, SPEC_VALUE, spec, timeAt } from "./itimerspec";

const EFD_SEMAPHORE: u32 = 1;

const TFD_TIMER_ABSTIME: u32 = 1;
/** Nothing sets the clock, so nothing is cancelled. */
const TFD_TIMER_CANCEL_ON_SET: u32 = 2;

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

function mayHaveDescriptor(clock: u32): bool {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
      return true;
    default:
      return false;
  }
}

/** timerfd_create(clock, flags). */
export function sysTimerfdCreate(program: Program, regs: Utcb): i64 {
  const clock = regs.rdi as u32;
  const flags = regs.rsi as u32;
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  if (!mayHaveDescriptor(clock)) return -EINVAL;
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

/** Writes what the timer has left, and its interval, to `address`; 0 or -EFAULT. */
function tell(program: Program, file: OpenFile, address: u64): i64 {
  fillSpec(timeLeft(file), timerOf(file).interval);
  return copyTo(program.space, address, spec, SPEC_BYTES) ? 0 : -EFAULT;
}

/** timerfd_settime(fd, flags, new, old). */
export function sysTimerfdSettime(program: Program, regs: Utcb): i64 {
  const flags = regs.rsi as u32;
  if (!copyFrom(program.space, spec, regs.rdx, SPEC_BYTES)) return -EFAULT;
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) !== 0) return -EINVAL;
  if (!isSpec()) return -EINVAL;
  const file = timerAt(program, regs.rdi);
  if (file === null) return timerError;
  const interval = timeAt(spec) as u64;
  const absolute = (flags & TFD_TIMER_ABSTIME) !== 0;
  const due = dueTime(file.object as u32, timeAt(spec + SPEC_VALUE), absolute);
  // What it was is told last, so that an address that is none changes nothing about the timer.
  fillSpec(timeLeft(file), timerOf(file).interval);
  setTimer(file, due, interval);
  timerOf(file).flags = flags;
  return regs.r10 === 0 || copyTo(program.space, regs.r10, spec, SPEC_BYTES) ? 0 : -EFAULT;
}

/** timerfd_gettime(fd, current). */
export function sysTimerfdGettime(program: Program, regs: Utcb): i64 {
  const file = timerAt(program, regs.rdi);
  return file === null ? timerError : tell(program, file, regs.rsi);
}
