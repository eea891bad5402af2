// Timers that send signals: what all of them are. Interval timers (setitimer(2)) and those of timer_create(2) have calls
// of their own (interval_timers.ts, posix_timers.ts). Times are those of the timer's clock in nanoseconds: monotonic
// ones, since nothing sets the clock, or CPU time. A timer that repeats is set again when its signal is taken, and
// counts what it has missed: one of a nanosecond costs nobody but its program.

import { alarmSet, setAlarms } from "../libroottask/alarms";
import { firstIn, nextIn } from "../libroottask/balanced_tree";
import { monotonic } from "../libroottask/clock";
import { create, destroy } from "../libroottask/heap";
import { enterTree, firstKeyed, Keyed, leaveTree, withOrder } from "../libroottask/keyed_tree";
import { Program, programWithId, threadWithId } from "../libroottask/program";
import { cpuTimeOf, isUserClock } from "./cpu_clocks";
import { SIGALRM, SIGPROF, SIGVTALRM } from "./signal_numbers";
import {
  freeTimerSignal,
  INFO_PID,
  INFO_UID,
  INFO_VALUE,
  ProcessSignals,
  processSignals,
  Queued,
  SI_KERNEL,
  SI_TIMER,
  setTimerSignals,
  signalInfo,
  unqueueTimerSignal,
} from "./signal_queue";
import { fillInfo, raise, raiseTimer } from "./signals";

/** Ids of interval timers: ITIMER_REAL, ITIMER_VIRTUAL and ITIMER_PROF as complements. Those of others count from 0. */
export const REAL_ID: i32 = -1;
export const VIRTUAL_ID: i32 = -2;
export const PROF_ID: i32 = -3;
/** Of the timer of RLIMIT_CPU (cpu_limit.ts). */
export const LIMIT_ID: i32 = -4;

/** What a timer measures. */
export const MEASURES_TIME: u32 = 0;
export const MEASURES_PROCESS: u32 = 1;
export const MEASURES_THREAD: u32 = 2;

/** How often CPU time is looked at, where little is left; while nothing runs that would use it; nanoseconds. */
const MOMENT: u64 = 1_000_000;
const IDLE: u64 = 10_000_000;
/** The shortest interval at which a timer goes on whose signal is ignored, nanoseconds. */
const IGNORED: u64 = 1_000_000;

const OVERRUN_MAX: i64 = 0x7fff_ffff;

/** When a timer is due, as monotonic nanoseconds, in the tree of all that are set. */
@unmanaged
class Ring extends Keyed {
  timer: SignalTimer;
}

/** By its id in a tree of its process. */
@unmanaged
export class SignalTimer extends Keyed {
  program: Program;
  id: i32;
  /** MEASURES_…, and the id of the process or thread whose CPU time that is. */
  measures: u32;
  whose: u32;
  /** Id of its clock. */
  clock: u32;
  /** It will expire at `due`. What measures time and is not silent rings then; of CPU time, it is in a list to be looked at. */
  armed: u32;
  ring: Ring;
  rings: u32;
  previous: SignalTimer | null;
  next: SignalTimer | null;
  /** It has expired, and goes on when its signal is taken. */
  expired: u32;
  due: u64;
  /** From one expiration to the next, 0 for none. */
  interval: u64;
  /** Expirations beyond the one whose signal is to come, and beyond the one whose signal came last. */
  overrun: i64;
  lastOverrun: i64;
  /** Nobody is told when it expires. */
  silent: u32;
  /** The thread it is for, 0 for any. */
  thread: u32;
  value: u64;
  /** Its signal: null for interval timers, whose signals are the kernel's. */
  record: Queued | null;
}

/** The tree of the timers that ring, and the first of those that measure CPU time and are set. */
const ringing = memory.data(4);
let measuring: SignalTimer | null = null;

/** Must be called before there is a program. */
export function initTimers(): void {
  store<usize>(ringing, 0);
  measuring = null;
  setAlarms(nextRing, ringTimers, isTimeMeasured);
  setTimerSignals(signalTaken, signalDropped);
}

/** A timer of `program` that is not set; null when memory is out. */
export function newTimer(program: Program, id: i32): SignalTimer | null {
  const state = processSignals(program);
  if (state === null) return null;
  const timer = create<SignalTimer>();
  if (timer === null) return null;
  const ring = create<Ring>();
  if (ring === null) {
    destroy<SignalTimer>(timer);
    return null;
  }
  ring.timer = timer;
  timer.ring = ring;
  timer.program = program;
  timer.id = id;
  timer.order = orderOf(id);
  enterTree(timersOf(state), timer);
  return timer;
}

function timersOf(state: ProcessSignals): usize {
  return changetype<usize>(state) + offsetof<ProcessSignals>("timers");
}

/** Those that are not of timer_create(2) come behind the others. */
function orderOf(id: i32): u64 {
  return id as u32 as u64;
}

/** Timer `id` of `program`, or null. */
export function timerWithId(program: Program, id: i32): SignalTimer | null {
  if (program.signals === 0) return null;
  const state = changetype<ProcessSignals>(program.signals);
  return changetype<SignalTimer | null>(withOrder(timersOf(state), orderOf(id)));
}

export function removeTimer(timer: SignalTimer): void {
  const program = timer.program;
  disarm(timer);
  leaveTree(timersOf(changetype<ProcessSignals>(program.signals)), timer);
  const record = timer.record;
  if (record !== null) freeTimerSignal(program, record);
  destroy<Ring>(timer.ring);
  destroy<SignalTimer>(timer);
}

/** Takes back the timers of `program`: all, or those of timer_create(2) alone. */
export function removeTimers(program: Program, all: bool): void {
  if (program.signals === 0) return;
  const tree = timersOf(changetype<ProcessSignals>(program.signals));
  let timer = changetype<SignalTimer | null>(firstIn(tree));
  while (timer !== null && (all || timer.id >= 0)) {
    const next = changetype<SignalTimer | null>(nextIn(timer));
    removeTimer(timer);
    timer = next;
  }
}

/** The clock of `timer` now; 0 where whoever it is of has gone. */
export function clockOf(timer: SignalTimer): u64 {
  if (timer.measures === MEASURES_TIME) return monotonic();
  if (timer.measures === MEASURES_THREAD) {
    const thread = threadWithId(timer.whose);
    return thread === null ? 0 : cpuTimeOf(thread.program, thread, isUserClock(timer.clock));
  }
  const program = programWithId(timer.whose);
  const user = timer.id === VIRTUAL_ID || isUserClock(timer.clock);
  return program === null ? 0 : cpuTimeOf(program, null, user);
}

/** Moves the time at which a repeating timer is due behind `now`, and counts the expirations that takes. */
function advance(timer: SignalTimer, now: u64): void {
  if (timer.due > now) return;
  const count = (now - timer.due) / timer.interval + 1;
  timer.overrun += count as i64;
  timer.due += count * timer.interval;
}

/** `timer` is set no more. */
function disarm(timer: SignalTimer): void {
  timer.armed = 0;
  if (timer.rings === 0) return;
  timer.rings = 0;
  if (timer.measures === MEASURES_TIME) {
    leaveTree(ringing, timer.ring);
    return;
  }
  const previous = timer.previous;
  const next = timer.next;
  if (previous === null) measuring = next;
  else previous.next = next;
  if (next !== null) next.previous = previous;
}

/** Lets `timer` expire at `due`. */
export function armTimer(timer: SignalTimer, due: u64): void {
  disarm(timer);
  timer.due = due;
  timer.armed = 1;
  if (timer.silent !== 0) return;
  timer.rings = 1;
  if (timer.measures === MEASURES_TIME) {
    timer.ring.order = due;
    enterTree(ringing, timer.ring);
    alarmSet(due);
    return;
  }
  const first = measuring;
  timer.previous = null;
  timer.next = first;
  if (first !== null) first.previous = timer;
  measuring = timer;
  alarmSet(monotonic());
}

/** Sets `timer` to `due` by its clock, 0 for nothing, and then every `interval`; it has nothing from before. */
export function setTimer(timer: SignalTimer, due: u64, interval: u64): void {
  const record = timer.record;
  if (record !== null) unqueueTimerSignal(timer.program, record);
  disarm(timer);
  timer.expired = 0;
  timer.overrun = -1;
  timer.lastOverrun = 0;
  // One of CPU time that is not set keeps its interval, and one of time does not.
  timer.interval = due === 0 && timer.measures === MEASURES_TIME ? 0 : interval;
  if (due === 0) return;
  armTimer(timer, due);
  ringTimers();
}

/**
 * Nanoseconds until `timer` expires, 0 where it is not set; one that has expired and goes on counts what it has missed. Of
 * one by which nobody is told Linux does not know whether it is set: until when it was counts (common_timer_get()).
 */
export function timeLeft(timer: SignalTimer): u64 {
  const isForgotten = timer.silent === 0 || timer.measures !== MEASURES_TIME;
  if (timer.armed === 0 && timer.expired === 0 && isForgotten) return 0;
  const now = clockOf(timer);
  if (timer.interval !== 0 && (timer.expired !== 0 || timer.silent !== 0)) advance(timer, now);
  if (timer.due > now) return timer.due - now;
  // What has not been told yet has some time left.
  return timer.silent !== 0 ? 0 : 1;
}

/** Overruns as programs are told them. */
export function overrunOf(timer: SignalTimer): i64 {
  return min<i64>(timer.lastOverrun, OVERRUN_MAX);
}

type LimitRing = (timer: SignalTimer) => void;

function noLimit(_timer: SignalTimer): void {}

let ringLimit: LimitRing = noLimit;

/** `ring` is called when the timer of a limit, which is set no more, has expired. */
export function setLimitRing(ring: LimitRing): void {
  ringLimit = ring;
}

/** The signal of an interval timer, from the kernel. */
function ringInterval(timer: SignalTimer): void {
  const real = timer.id === REAL_ID;
  const signal = real ? SIGALRM : timer.id === VIRTUAL_ID ? SIGVTALRM : SIGPROF;
  disarm(timer);
  // ITIMER_REAL goes on when SIGALRM is taken.
  if (!real && timer.interval !== 0) armTimer(timer, timer.due + timer.interval);
  fillInfo(signal, SI_KERNEL);
  raise(null, timer.program, null, signal);
}

/** The signal of a timer of timer_create(2). */
function ringPosix(timer: SignalTimer, record: Queued, now: u64): void {
  const program = timer.program;
  const thread = threadWithId(timer.thread);
  disarm(timer);
  if (timer.thread !== 0 && (thread === null || thread.program !== program)) return;
  fillInfo(record.signal, SI_TIMER);
  store<i32>(signalInfo + INFO_PID, timer.id);
  store<u32>(signalInfo + INFO_UID, 0);
  store<u64>(signalInfo + INFO_VALUE, timer.value);
  const sent = raiseTimer(program, thread, record);
  if (timer.interval === 0) return;
  if (sent) timer.expired = 1;
  else skip(timer, now);
}

/** A repeating timer whose signal is ignored goes on, not too often. */
function skip(timer: SignalTimer, now: u64): void {
  advance(timer, now + IGNORED);
  armTimer(timer, timer.due);
}

/** Lets `timer`, which is due, send its signal; it is set to a later time afterwards, or to none. */
function ring(timer: SignalTimer, now: u64): void {
  const record = timer.record;
  if (timer.id === LIMIT_ID) {
    disarm(timer);
    ringLimit(timer);
  } else if (record === null) ringInterval(timer);
  else ringPosix(timer, record, now);
}

function firstRing(): Ring | null {
  return changetype<Ring | null>(firstKeyed(ringing));
}

/** Lets timers that are due send their signals. */
function ringTimers(): void {
  let first = firstRing();
  const now = first === null ? 0 : monotonic();
  while (first !== null && first.order <= now) {
    ring(first.timer, now);
    first = firstRing();
  }
  let timer = measuring;
  while (timer !== null) {
    const next: SignalTimer | null = timer.next;
    const used = clockOf(timer);
    if (timer.due <= used) ring(timer, used);
    timer = next;
  }
}

/** A signal has been taken: its timer goes on, and the siginfo_t tells what it has missed. */
function signalTaken(program: Program, signal: u32, address: usize): void {
  if (address !== 0) {
    const timer = changetype<SignalTimer>(address);
    if (timer.interval === 0) return;
    advance(timer, clockOf(timer));
    timer.lastOverrun = timer.overrun;
    timer.overrun = -1;
    timer.expired = 0;
    store<u32>(signalInfo + INFO_UID, overrunOf(timer) as u32);
    armTimer(timer, timer.due);
  } else if (signal === SIGALRM) {
    const timer = timerWithId(program, REAL_ID);
    if (timer === null || timer.armed !== 0 || timer.interval === 0) return;
    advance(timer, monotonic());
    armTimer(timer, timer.due);
  }
}

/** The signal of a timer was queued and is ignored now. */
function signalDropped(address: usize): void {
  const timer = changetype<SignalTimer>(address);
  timer.expired = 0;
  if (timer.interval !== 0) skip(timer, clockOf(timer));
}

/** Some thread that uses the CPU time of `timer` does not wait. */
function isRunning(timer: SignalTimer): bool {
  if (timer.measures === MEASURES_THREAD) {
    const own = threadWithId(timer.whose);
    return own !== null && own.waiting === 0;
  }
  const program = programWithId(timer.whose);
  if (program === null) return false;
  let thread = program.threads;
  while (thread !== null) {
    if (thread.waiting === 0) return true;
    thread = thread.next;
  }
  return false;
}

/**
 * When `timer`, of CPU time, is to be looked at, in monotonic nanoseconds: all threads together use a second of CPU time in a
 * second.
 */
function ringTime(timer: SignalTimer): u64 {
  const now = clockOf(timer);
  const left = timer.due > now ? timer.due - now : 0;
  return monotonic() + max<u64>(left, isRunning(timer) ? MOMENT : IDLE);
}

/** When the next timer is to be looked at, 0 for never. */
function nextRing(): u64 {
  const first = firstRing();
  let due: u64 = first === null ? 0 : first.order;
  let timer = measuring;
  while (timer !== null) {
    const time = ringTime(timer);
    if (due === 0 || time < due) due = time;
    timer = timer.next;
  }
  return due;
}

/** A timer is set that expires though all threads wait. */
function isTimeMeasured(): bool {
  return firstRing() !== null;
}
