// Signals that have been sent and not been taken: those to a thread, and those to its process, which any thread takes
// that lets them in (signal(7)). Each has its siginfo_t; real-time signals queue, others are there once.

import { allocate, create, destroy, release } from "../libroottask/heap";
import { Program, Thread, threadWithId } from "../libroottask/program";
import { RLIMIT_SIGPENDING } from "./limit_numbers";
import { addQueued, dropQueued, queuedOf } from "./queued_signals";
import { SIGKILL, SIGSTOP } from "./signal_numbers";
import { limitOf, linuxThread } from "./state";

export const SIGRTMIN: u32 = 32;

/** siginfo_t: number, errno, code, then a union. */
export const INFO_BYTES: u32 = 128;
export const INFO_ERROR: usize = 4;
export const INFO_CODE: usize = 8;
export const INFO_PID: usize = 16;
export const INFO_UID: usize = 20;
export const INFO_VALUE: usize = 24;
/** Of SIGCHLD. */
export const INFO_STATUS: usize = 24;
export const INFO_ADDRESS: usize = 16;
/** Of SIGSYS: the call's number, and the architecture. */
export const INFO_CALL: usize = 24;
export const INFO_ARCHITECTURE: usize = 28;

/** SIGKILL and SIGSTOP, as a set. */
export const UNBLOCKABLE: u64 = ((1 as u64) << (SIGKILL - 1)) | ((1 as u64) << (SIGSTOP - 1));

/** si_code of who sends: kill, sigqueue, a timer, tgkill; the kernel itself. */
export const SI_USER: i32 = 0;
export const SI_QUEUE: i32 = -1;
export const SI_TIMER: i32 = -2;
export const SI_TKILL: i32 = -6;
export const SI_KERNEL: i32 = 0x80;

/** Exceptions' signals, which are taken first: ILL, TRAP, BUS, FPE, SEGV, SYS. */
const SYNCHRONOUS: u64 = (1 << 3) | (1 << 4) | (1 << 6) | (1 << 7) | (1 << 10) | ((1 as u64) << 30);

@unmanaged
export class Queued {
  next: Queued | null;
  /** The thread it is for, 0 for any. */
  thread: u32;
  signal: u32;
  /** The timer whose signal it is, which it belongs to whether it is queued or not; 0 for none. */
  timer: usize;
  queued: u32;
  /** The user that it counts for. */
  user: u32;
  /** siginfo_t begins here; 16 words. */
  info: u64;
}

const INFO: usize = offsetof<Queued>("info");
const QUEUED_BYTES: u32 = (INFO as u32) + INFO_BYTES;

/** What happens to a process beside its end: it stops and continues. */
export const CHANGE_NONE: u32 = 0;
export const CHANGE_STOPPED: u32 = 1;
export const CHANGE_CONTINUED: u32 = 2;

/** What a process has of signals: in no record that a child could inherit. */
@unmanaged
export class ProcessSignals {
  pending: u64;
  /** Its queue, in the order of sending, of all threads. */
  first: Queued | null;
  last: Queued | null;
  /** Stopped by this signal, until SIGCONT or SIGKILL; 0 while it runs. */
  stopped: u32;
  /** CHANGE_…: what has happened last, as long as no parent has waited for it. */
  change: u32;
  /** The tree of its timers (timers.ts), and the id of the next one. */
  timers: usize;
  nextTimer: u32;
}

/** The siginfo_t that `take` has found, or that is about to be sent. */
export const signalInfo = memory.data(128);

/** A thread of `program` has taken `signal`; where a timer sent it, its siginfo_t may be completed. */
export type Taken = (program: Program, signal: u32, timer: usize) => void;
/** The signal of a timer has been forgotten, since its process ignores it. */
export type Dropped = (timer: usize) => void;

function nothingTaken(_program: Program, _signal: u32, _timer: usize): void {}

function nothingDropped(_timer: usize): void {}

let taken: Taken = nothingTaken;
let dropped: Dropped = nothingDropped;

/** Timers want to know what becomes of signals. */
export function setTimerSignals(whenTaken: Taken, whenDropped: Dropped): void {
  taken = whenTaken;
  dropped = whenDropped;
}

/**
 * Of `program`; null where memory is out. They are made with the process (start.ts, clone.ts), so that signals reach it
 * when there is no memory any more, which those that end processes are for.
 */
export function processSignals(program: Program): ProcessSignals | null {
  if (program.signals === 0) {
    program.signals = changetype<usize>(create<ProcessSignals>());
  }
  return changetype<ProcessSignals | null>(program.signals);
}

export function signalBit(signal: u32): u64 {
  return (1 as u64) << ((signal - 1) as u64);
}

/** Signals that wait for any thread of `program`. */
export function processPending(program: Program): u64 {
  return program.signals === 0 ? 0 : changetype<ProcessSignals>(program.signals).pending;
}

/** Signals that wait for `thread`: its own, and those of its process. */
export function pendingOf(thread: Thread): u64 {
  return linuxThread(thread).pending | processPending(thread.program);
}

/** The real user of `thread`, or of the first thread of `program`. */
function userOf(program: Program, thread: Thread | null): u32 {
  const target = thread === null ? program.threads : thread;
  return target === null ? 0 : target.credentials.user;
}

/** A record that counts for `user`, whatever is queued already where it is `unlimited`; null when it may not be, or memory is out. */
function newRecord(program: Program, user: u32, unlimited: bool): Queued | null {
  const limit = load<u64>(limitOf(program, RLIMIT_SIGPENDING));
  if (!unlimited && (queuedOf(user) as u64) >= limit) return null;
  const record = changetype<Queued | null>(allocate(QUEUED_BYTES));
  if (record === null) return null;
  record.user = user;
  if (addQueued(user)) return record;
  release(changetype<usize>(record), QUEUED_BYTES);
  return null;
}

function freeRecord(record: Queued): void {
  dropQueued(record.user);
  release(changetype<usize>(record), QUEUED_BYTES);
}

function append(state: ProcessSignals, record: Queued): void {
  record.queued = 1;
  record.next = null;
  const last = state.last;
  if (last === null) state.first = record;
  else last.next = record;
  state.last = record;
}

/** Takes the record behind `previous` (null: the first) out of the queue and frees it where it is no timer's. */
function remove(state: ProcessSignals, previous: Queued | null, record: Queued): void {
  if (previous === null) state.first = record.next;
  else previous.next = record.next;
  if (state.last === record) state.last = previous;
  record.queued = 0;
  if (record.timer === 0) freeRecord(record);
}

function addPending(state: ProcessSignals, thread: Thread | null, signal: u32): void {
  if (thread === null) state.pending |= signalBit(signal);
  else linuxThread(thread).pending |= signalBit(signal);
}

/** The record for the signals of `timer` of `program`; null when no more may queue, or memory is out. */
export function newTimerSignal(program: Program, timer: usize, signal: u32): Queued | null {
  if (processSignals(program) === null) return null;
  const record = newRecord(program, userOf(program, null), false);
  if (record === null) return null;
  record.timer = timer;
  record.signal = signal;
  record.queued = 0;
  return record;
}

/** Sends the signal of `record`, which is not queued, with `signalInfo` to `thread`, or to the whole process with null. */
export function queueTimerSignal(program: Program, thread: Thread | null, record: Queued): void {
  const state = changetype<ProcessSignals>(program.signals);
  record.thread = thread === null ? 0 : thread.id;
  memory.copy(changetype<usize>(record) + INFO, signalInfo, INFO_BYTES);
  append(state, record);
  addPending(state, thread, record.signal);
}

/** A signal like that of `record`, for the same threads, is queued. */
function isQueued(state: ProcessSignals, like: Queued): bool {
  let record = state.first;
  while (record !== null) {
    if (record.signal === like.signal && record.thread === like.thread) return true;
    record = record.next;
  }
  return false;
}

/** Takes back the signal of `record` where it is queued. */
export function unqueueTimerSignal(program: Program, record: Queued): void {
  if (record.queued === 0) return;
  const state = changetype<ProcessSignals>(program.signals);
  let previous: Queued | null = null;
  let at = state.first as Queued;
  while (at !== record) {
    previous = at;
    at = at.next as Queued;
  }
  remove(state, previous, record);
  if (isQueued(state, record)) return;
  const thread = threadWithId(record.thread);
  if (thread !== null) linuxThread(thread).pending &= ~signalBit(record.signal);
  else if (record.thread === 0) state.pending &= ~signalBit(record.signal);
}

/** The timer of `record` goes. */
export function freeTimerSignal(program: Program, record: Queued): void {
  unqueueTimerSignal(program, record);
  freeRecord(record);
}

/**
 * Adds `signal` with `signalInfo` to those of `thread`, or of the whole process with null. False: a real-time signal
 * finds the queue full, and nothing has happened. One that is no real-time signal is pending even without its siginfo_t.
 */
export function queueSignal(program: Program, thread: Thread | null, signal: u32): bool {
  const state = processSignals(program);
  if (state === null) return false;
  const pending = thread === null ? state.pending : linuxThread(thread).pending;
  // A signal that is pending already keeps what it came with.
  if (signal < SIGRTMIN && (pending & signalBit(signal)) !== 0) return true;
  const unlimited = signal < SIGRTMIN && load<i32>(signalInfo + INFO_CODE) >= 0;
  const record = newRecord(program, userOf(program, thread), unlimited);
  if (record === null) {
    if (signal >= SIGRTMIN && load<i32>(signalInfo + INFO_CODE) !== SI_USER) return false;
  } else {
    record.signal = signal;
    record.thread = thread === null ? 0 : thread.id;
    record.timer = 0;
    memory.copy(changetype<usize>(record) + INFO, signalInfo, INFO_BYTES);
    append(state, record);
  }
  addPending(state, thread, signal);
  return true;
}

/** The lowest signal of `set`, exceptions' before all others. */
function choose(set: u64): u32 {
  const first = (set & SYNCHRONOUS) !== 0 ? set & SYNCHRONOUS : set;
  return (ctz<u64>(first) as u32) + 1;
}

/** The timer whose signal `takeRecord` has taken, 0 for none. */
let takenTimer: usize = 0;

/** Takes the next of `signal` for thread `id` (0: the process) to `signalInfo`; true where there are more. */
function takeRecord(state: ProcessSignals, id: u32, signal: u32): bool {
  let previous: Queued | null = null;
  let record = state.first;
  let found = false;
  takenTimer = 0;
  memory.fill(signalInfo, 0, INFO_BYTES);
  store<u32>(signalInfo, signal);
  while (record !== null) {
    const next: Queued | null = record.next;
    if (record.signal !== signal || record.thread !== id) {
      previous = record;
    } else if (found) {
      return true;
    } else {
      found = true;
      takenTimer = record.timer;
      memory.copy(signalInfo, changetype<usize>(record) + INFO, INFO_BYTES);
      remove(state, previous, record);
    }
    record = next;
  }
  return false;
}

/** What `takeSignal` does but telling of it. */
function takeNext(thread: Thread, set: u64): u32 {
  const own = linuxThread(thread);
  const state = processSignals(thread.program);
  if (state === null) return 0;
  if ((own.pending & set) !== 0) {
    const signal = choose(own.pending & set);
    if (!takeRecord(state, thread.id, signal)) own.pending &= ~signalBit(signal);
    return signal;
  }
  if ((state.pending & set) === 0) return 0;
  const signal = choose(state.pending & set);
  if (!takeRecord(state, 0, signal)) state.pending &= ~signalBit(signal);
  return signal;
}

/** Takes the signal that `thread` is to get next out of `set`, to `signalInfo`; 0 where there is none. */
export function takeSignal(thread: Thread, set: u64): u32 {
  const signal = takeNext(thread, set);
  if (signal !== 0) taken(thread.program, signal, takenTimer);
  return signal;
}

/** Signals of `set` that have been sent to the process or a thread of it are forgotten. */
export function dropSignals(program: Program, set: u64): void {
  if (program.signals === 0) return;
  const state = changetype<ProcessSignals>(program.signals);
  let previous: Queued | null = null;
  let record = state.first;
  while (record !== null) {
    const next: Queued | null = record.next;
    if ((signalBit(record.signal) & set) !== 0) {
      const timer = record.timer;
      remove(state, previous, record);
      if (timer !== 0) dropped(timer);
    } else {
      previous = record;
    }
    record = next;
  }
  state.pending &= ~set;
  let thread = program.threads;
  while (thread !== null) {
    linuxThread(thread).pending &= ~set;
    thread = thread.next;
  }
}

/** Copies the siginfo_t of signal `index` of those queued for thread `id` of `program` (0: for the process) to `to`. False: there are no more. */
export function copyQueued(program: Program, id: u32, index: u64, to: usize): bool {
  const state = processSignals(program);
  let record: Queued | null = state === null ? null : state.first;
  let left = index;
  while (record !== null) {
    if (record.thread === id) {
      if (left === 0) {
        memory.copy(to, changetype<usize>(record) + INFO, INFO_BYTES);
        return true;
      }
      left--;
    }
    record = record.next;
  }
  return false;
}

/** `thread` ends: what was sent to it alone is forgotten. */
export function dropThreadSignals(thread: Thread): void {
  const program = thread.program;
  if (program.signals === 0) return;
  const state = changetype<ProcessSignals>(program.signals);
  let previous: Queued | null = null;
  let record = state.first;
  while (record !== null) {
    const next: Queued | null = record.next;
    if (record.thread === thread.id) remove(state, previous, record);
    else previous = record;
    record = next;
  }
  linuxThread(thread).pending = 0;
}

/** The record of `program` is about to go; it has no timers any more. */
export function forgetSignals(program: Program): void {
  if (program.signals === 0) return;
  const state = changetype<ProcessSignals>(program.signals);
  while (state.first !== null) remove(state, null, state.first as Queued);
  destroy<ProcessSignals>(state);
  program.signals = 0;
}
