// The three timers that every process has: setitimer(2), getitimer(2), alarm(2). A child begins without, execve(2) keeps
// them. ITIMER_VIRTUAL goes by the time of the program's own, ITIMER_PROF by all.

import { Utcb } from "../libhedron/utcb";
import { EFAULT, EINVAL, ENOMEM } from "../libroottask/errno";
import { Program } from "../libroottask/program";
import { copyFrom, copyTo } from "../libroottask/space";
import {
  clockOf,
  MEASURES_PROCESS,
  MEASURES_TIME,
  newTimer,
  PROF_ID,
  REAL_ID,
  SignalTimer,
  setTimer,
  timeLeft,
  timerWithId,
} from "./timers";

/** struct itimerval: interval, then value, each seconds and microseconds. */
const BYTES: u32 = 32;
const VALUE: usize = 16;

const SECOND: u64 = 1_000_000_000;
const MICROSECOND: u64 = 1000;
const MICROSECONDS: u64 = 1_000_000;
/** Longest time that counts as one, seconds. */
const SECONDS_MAX: u64 = 9_000_000_000;

const value = memory.data(32);

/** Timer ITIMER_… `which` of `program`, made where it was not there; null when memory is out. */
function intervalTimer(program: Program, which: u32): SignalTimer | null {
  const id = ~(which as i32);
  const found = timerWithId(program, id);
  if (found !== null) return found;
  const timer = newTimer(program, id);
  if (timer === null) return null;
  timer.measures = id === REAL_ID ? MEASURES_TIME : MEASURES_PROCESS;
  timer.whose = program.id;
  return timer;
}

function isTimer(which: u32): bool {
  return ~(which as i32) <= REAL_ID && ~(which as i32) >= PROF_ID;
}

function isTime(at: usize): bool {
  return load<i64>(at) >= 0 && load<u64>(at, 8) < MICROSECONDS;
}

function timeAt(at: usize): u64 {
  return min<u64>(load<u64>(at), SECONDS_MAX) * SECOND + load<u64>(at, 8) * MICROSECOND;
}

function storeTime(at: usize, nanoseconds: u64): void {
  store<u64>(at, nanoseconds / SECOND);
  store<u64>(at, (nanoseconds % SECOND) / MICROSECOND, 8);
}

/** Fills in `value` from `timer`, whose time is at least a microsecond while it is set. */
function fillValue(timer: SignalTimer | null): void {
  memory.fill(value, 0, BYTES);
  if (timer === null) return;
  const left = timeLeft(timer);
  storeTime(value + VALUE, left === 0 ? 0 : max<u64>(left, MICROSECOND));
  storeTime(value, timer.interval);
}

/** Sets `timer` to what comes `time` nanoseconds from now, 0 for nothing. */
function set(timer: SignalTimer, time: u64, interval: u64): void {
  setTimer(timer, time === 0 ? 0 : clockOf(timer) + time, interval);
}

/** getitimer(which, value). */
export function sysGetitimer(program: Program, regs: Utcb): i64 {
  const which = regs.rdi as u32;
  if (!isTimer(which)) return -EINVAL;
  fillValue(timerWithId(program, ~(which as i32)));
  return copyTo(program.space, regs.rsi, value, BYTES) ? 0 : -EFAULT;
}

/** setitimer(which, new, old): nothing at address 0 means a timer that is not set. */
export function sysSetitimer(program: Program, regs: Utcb): i64 {
  const which = regs.rdi as u32;
  memory.fill(value, 0, BYTES);
  if (regs.rsi !== 0 && !copyFrom(program.space, value, regs.rsi, BYTES)) return -EFAULT;
  if (!isTime(value) || !isTime(value + VALUE) || !isTimer(which)) return -EINVAL;
  const time = timeAt(value + VALUE);
  const interval = timeAt(value);
  const timer = intervalTimer(program, which);
  if (timer === null) return -ENOMEM;
  fillValue(timer);
  set(timer, time, interval);
  return regs.rdx === 0 || copyTo(program.space, regs.rdx, value, BYTES) ? 0 : -EFAULT;
}

/** alarm(seconds): seconds that were left, rounded, and never 0 where something was. */
export function sysAlarm(program: Program, regs: Utcb): i64 {
  const timer = intervalTimer(program, ~REAL_ID as u32);
  if (timer === null) return -ENOMEM;
  const left = timeLeft(timer);
  set(timer, (regs.rdi & 0xffff_ffff) * SECOND, 0);
  const seconds = left / SECOND;
  const rest = left % SECOND;
  const up = rest >= SECOND / 2 || (seconds === 0 && rest !== 0);
  return (up ? seconds + 1 : seconds) as i64;
}
