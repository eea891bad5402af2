// Timers that a process makes: timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2),
// timer_delete(2). A child has none of its parent's, and execve(2) leaves none. Left out: timers of the alarm clocks, for
// which Linux needs a clock that wakes the machine up.

import { Utcb } from "../libhedron/utcb";
import { EAGAIN, EFAULT, EINVAL, EOPNOTSUPP } from "../libroottask/errno";
import { meantId } from "../libroottask/pid_numbers";
import { Program, Thread, threadWithId } from "../libroottask/program";
import { copyFrom, copyTo, put32 } from "../libroottask/space";
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
} from "./clock_ids";
import { clockProgram, clockThread, findCpuClock, isCpuClock } from "./cpu_clocks";
import { dueTime, fillSpec, isSpec, SPEC_BYTES, SPEC_VALUE, spec, timeAt } from "./itimerspec";
import { SIGALRM } from "./signal_numbers";
import { newTimerSignal, processSignals } from "./signal_queue";
import { SIGNALS } from "./state";
import {
  clockOf,
  MEASURES_PROCESS,
  MEASURES_THREAD,
  MEASURES_TIME,
  newTimer,
  overrunOf,
  removeTimer,
  SignalTimer,
  setTimer,
  timeLeft,
  timerWithId,
} from "./timers";

/** struct sigevent: value, signal, how to notify, thread. */
const EVENT_BYTES: u32 = 64;
const EVENT_SIGNAL: usize = 8;
const EVENT_NOTIFY: usize = 12;
const EVENT_THREAD: usize = 16;

const SIGEV_SIGNAL: u32 = 0;
const SIGEV_NONE: u32 = 1;
const SIGEV_THREAD: u32 = 2;
const SIGEV_THREAD_ID: u32 = 4;

const TIMER_ABSTIME: u64 = 1;

const event = memory.data(64);

/** 0 where timers can be made of `clock`, or a negative error. */
function clockError(clock: u32): i64 {
  if (isCpuClock(clock)) return 0;
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
      return 0;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
      return -EOPNOTSUPP;
    default:
      return -EINVAL;
  }
}

/** `event` says something that can be done for `program`. */
function isGoodEvent(program: Program): bool {
  const notify = load<u32>(event + EVENT_NOTIFY);
  if (notify === SIGEV_NONE) return true;
  const signal = load<u32>(event + EVENT_SIGNAL);
  if (signal === 0 || signal > SIGNALS) return false;
  if (notify === SIGEV_SIGNAL || notify === SIGEV_THREAD) return true;
  const thread = threadWithId(meantId(load<u32>(event + EVENT_THREAD)));
  return notify === SIGEV_THREAD_ID && thread !== null && thread.program === program;
}

/** What a timer does of which nobody says anything: SIGALRM with the timer's id. */
function fillEvent(id: i32): void {
  memory.fill(event, 0, EVENT_BYTES);
  store<i32>(event, id);
  store<u32>(event + EVENT_SIGNAL, SIGALRM);
}

/** Lets `timer` be one of `clock` of `caller`. False where there is no such clock. */
function measure(timer: SignalTimer, caller: Thread, clock: u32): bool {
  timer.clock = clock;
  timer.measures = MEASURES_TIME;
  if (!isCpuClock(clock)) return true;
  if (!findCpuClock(caller, clock, false)) return false;
  const thread = clockThread;
  timer.measures = thread === null ? MEASURES_PROCESS : MEASURES_THREAD;
  timer.whose = thread === null ? clockProgram.id : thread.id;
  return true;
}

/** Fills in `timer` from `event`; 0 or a negative error. */
function prepare(timer: SignalTimer, program: Program): i64 {
  const notify = load<u32>(event + EVENT_NOTIFY);
  const signal = load<u32>(event + EVENT_SIGNAL);
  timer.value = load<u64>(event);
  timer.silent = notify === SIGEV_NONE ? 1 : 0;
  if (notify === SIGEV_THREAD_ID) timer.thread = meantId(load<u32>(event + EVENT_THREAD));
  timer.record = newTimerSignal(program, changetype<usize>(timer), signal);
  if (timer.record === null) return -EAGAIN;
  return 0;
}

/** timer_create(clock, sigevent, id): what the timer does, by default SIGALRM; where its id goes. */
export function sysTimerCreate(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const clock = regs.rdi as u32;
  if (regs.rsi !== 0 && !copyFrom(program.space, event, regs.rsi, EVENT_BYTES)) return -EFAULT;
  const unusable = clockError(clock);
  if (unusable !== 0) return unusable;
  const state = processSignals(program);
  if (state === null) return -EAGAIN;
  const id = (state.nextTimer & 0x7fff_ffff) as i32;
  if (regs.rsi === 0) fillEvent(id);
  else if (!isGoodEvent(program)) return -EINVAL;
  const timer = newTimer(program, id);
  if (timer === null) return -EAGAIN;
  let error = prepare(timer, program);
  if (error === 0 && !put32(program.space, regs.rdx, id as u32)) error = -EFAULT;
  if (error === 0 && !measure(timer, thread, clock)) error = -EINVAL;
  if (error === 0) state.nextTimer++;
  else removeTimer(timer);
  return error;
}

/** Fills in `spec` from `timer`. */
function fillFrom(timer: SignalTimer): void {
  fillSpec(timeLeft(timer), timer.interval);
}

/** When `timer` is due that is set to `value`, by its clock; 0 for never. */
function due(timer: SignalTimer, value: i64, absolute: bool): u64 {
  if (timer.measures === MEASURES_TIME) return dueTime(timer.clock, value, absolute);
  return value === 0 || absolute ? (value as u64) : clockOf(timer) + (value as u64);
}

/** Timer `id` of `program`, as its calls name it, or null. */
function named(program: Program, id: u64): SignalTimer | null {
  return (id as i32) < 0 ? null : timerWithId(program, id as i32);
}

/** timer_settime(id, flags, new, old). */
export function sysTimerSettime(program: Program, regs: Utcb): i64 {
  if (regs.rdx === 0) return -EINVAL;
  if (!copyFrom(program.space, spec, regs.rdx, SPEC_BYTES)) return -EFAULT;
  if (!isSpec()) return -EINVAL;
  const timer = named(program, regs.rdi);
  if (timer === null) return -EINVAL;
  const time = due(timer, timeAt(spec + SPEC_VALUE), (regs.rsi & TIMER_ABSTIME) !== 0);
  const interval = timeAt(spec) as u64;
  fillFrom(timer);
  setTimer(timer, time, interval);
  return regs.r10 === 0 || copyTo(program.space, regs.r10, spec, SPEC_BYTES) ? 0 : -EFAULT;
}

/** timer_gettime(id, current). */
export function sysTimerGettime(program: Program, regs: Utcb): i64 {
  const timer = named(program, regs.rdi);
  if (timer === null) return -EINVAL;
  fillFrom(timer);
  return copyTo(program.space, regs.rsi, spec, SPEC_BYTES) ? 0 : -EFAULT;
}

/** timer_getoverrun(id). */
export function sysTimerGetoverrun(program: Program, regs: Utcb): i64 {
  const timer = named(program, regs.rdi);
  return timer === null ? -EINVAL : overrunOf(timer);
}

/** timer_delete(id). */
export function sysTimerDelete(program: Program, regs: Utcb): i64 {
  const timer = named(program, regs.rdi);
  if (timer === null) return -EINVAL;
  removeTimer(timer);
  return 0;
}
