// The stops of tracees (ptrace(2), "Stopped states"), as kernel/signal.c of Linux has them: a tracee waits in the handler of its
// call or event, whose message has its registers, until its tracer lets it go on or it is killed.

import { Utcb } from "../../libhedron/utcb";
import { ENOSYS } from "../../libroottask/errno";
import { seenBy } from "../../libroottask/pid_numbers";
import { ALL_REGISTERS } from "../../libroottask/portals";
import { Program, Thread } from "../../libroottask/program";
import { wake } from "../../libroottask/wait_queue";
import { hideInterrupted, showInterrupted } from "../restart";
import { actionOf } from "../signal_actions";
import { isSignalCode } from "../signal_frame";
import { SIGCHLD, SIGTRAP } from "../signal_numbers";
import {
  INFO_ADDRESS,
  INFO_BYTES,
  INFO_PID,
  INFO_STATUS,
  INFO_UID,
  ProcessSignals,
  queueSignal,
  SI_KERNEL,
  SI_USER,
  signalBit,
  signalInfo,
} from "../signal_queue";
import { fillInfo, force, killPending, raise, signalPending } from "../signals";
import { linuxThread } from "../state";
import { waitForever } from "../wait";
import { setTracing } from "./hooks";
import {
  CLD_STOPPED,
  CLD_TRAPPED,
  EVENT_EXEC,
  EVENT_STOP,
  MARK_OF_CALLS,
  MESSAGE_ENTRY,
  MESSAGE_EXIT,
  OPTION_MARKS_CALLS,
} from "./numbers";
import { disarmStep, steps } from "./steps";
import {
  freeTracee,
  infoOf,
  RUNS_STEP,
  RUNS_STEP_EMULATED,
  RUNS_TO_CALL,
  RUNS_TO_EMULATED,
  Tracee,
  traceeOf,
} from "./tracee";

const SIG_IGN: u64 = 1;
const SA_NOCLDSTOP: u64 = 1;
const TRAP_BRKPT: i32 = 1;
/** Key of waits for children; the channel is who waits (children.ts). */
const CHILD: u64 = 2;
const ALL: u64 = 0xffff_ffff;

/** What `record` tells of has happened: who traces it may wait for that, and gets SIGCHLD with `kind`, CLD_…, unless it does not want it. */
export function tellTracer(record: Tracee, kind: u32, status: u32): void {
  const tracer = record.tracer.program;
  wake(changetype<usize>(tracer), CHILD, ALL);
  const action = actionOf(tracer, SIGCHLD);
  if (load<u64>(action) === SIG_IGN || (load<u64>(action + 8) & SA_NOCLDSTOP) !== 0) return;
  fillInfo(SIGCHLD, kind as i32);
  store<u32>(signalInfo + INFO_PID, seenBy(tracer, record.id));
  const thread = record.thread;
  const user = thread === null ? record.user : thread.credentials.user;
  store<u32>(signalInfo + INFO_UID, user);
  store<u32>(signalInfo + INFO_STATUS, status);
  raise(null, tracer, null, SIGCHLD);
}

/** Stops for the tracer of `record`, told by `code`: returns the signal that it lets `thread` go on with, or 0. */
function halt(thread: Thread, regs: Utcb, record: Tracee, code: u32, kind: u32): u32 {
  const own = linuxThread(thread);
  const status = kind === CLD_STOPPED ? stopSignal(thread.program) : code & 0x7f;
  disarmStep(regs, record);
  showInterrupted(thread, regs);
  own.halt = changetype<usize>(record);
  record.code = code;
  record.listening = 0;
  record.stopped = 1;
  tellTracer(record, kind, status);
  while (record.stopped !== 0 && !killPending(thread)) {
    waitForever(thread, changetype<usize>(record), 0);
  }
  const given = record.stopped !== 0 ? 0 : record.code;
  own.halt = 0;
  record.stopped = 0;
  record.listening = 0;
  record.code = 0;
  hideInterrupted(thread, regs);
  regs.mtd |= ALL_REGISTERS;
  return given;
}

function stopSignal(program: Program): u32 {
  const stopped = changetype<ProcessSignals>(program.signals).stopped;
  return stopped === 0 ? SIGTRAP : stopped;
}

/** The stop that `thread` has left was for `record`, which goes where it has been let go meanwhile. */
function leave(thread: Thread, record: Tracee): void {
  record.hasInfo = 0;
  if (traceeOf(thread) !== record) freeTracee(record);
}

/** Whom siginfo_t names where nobody else has done it. */
function nameSelf(thread: Thread): void {
  store<u32>(signalInfo + INFO_PID, seenBy(thread.program, thread.id));
  store<u32>(signalInfo + INFO_UID, thread.credentials.user);
}

/** A stop with a siginfo_t of `signal` that has `code`, and `message` (ptrace_do_notify()). Returns what `halt` does. */
function notify(
  thread: Thread,
  regs: Utcb,
  record: Tracee,
  signal: u32,
  code: u32,
  message: u64,
  kind: u32,
): u32 {
  fillInfo(signal, code as i32);
  nameSelf(thread);
  memory.copy(infoOf(record), signalInfo, INFO_BYTES);
  record.hasInfo = 1;
  record.message = message;
  const given = halt(thread, regs, record, code, kind);
  leave(thread, record);
  return given;
}

/** `thread` is to get `signal`, of which `signalInfo` tells: the one that its tracer gives it instead, 0 for none. */
export function traceSignal(thread: Thread, regs: Utcb, signal: u32): u32 {
  const record = traceeOf(thread) as Tracee;
  const info = infoOf(record);
  memory.copy(info, signalInfo, INFO_BYTES);
  record.hasInfo = 1;
  const tracer = record.tracer;
  const user = tracer.credentials.user;
  const number = seenBy(thread.program, tracer.id);
  const given = halt(thread, regs, record, signal, CLD_TRAPPED);
  if (given === load<u32>(info)) {
    memory.copy(signalInfo, info, INFO_BYTES);
  } else if (given !== 0) {
    fillInfo(given, SI_USER);
    store<u32>(signalInfo + INFO_PID, number);
    store<u32>(signalInfo + INFO_UID, user);
  }
  leave(thread, record);
  if (given === 0 || (linuxThread(thread).mask & signalBit(given)) === 0) return given;
  queueSignal(thread.program, thread, given);
  return 0;
}

/** `thread` stops with its process, or since its tracer wants it to. */
export function traceStop(thread: Thread, regs: Utcb): void {
  const record = traceeOf(thread) as Tracee;
  const state = changetype<ProcessSignals>(thread.program.signals);
  record.trapping = 0;
  record.passed = state.stopped !== 0 ? 1 : 0;
  const signal = stopSignal(thread.program);
  if (record.seized !== 0) {
    notify(thread, regs, record, signal, signal | (EVENT_STOP << 8), 0, CLD_STOPPED);
    return;
  }
  record.hasInfo = 0;
  halt(thread, regs, record, signal, CLD_STOPPED);
  leave(thread, record);
}

/** The tracer has let `thread` go on from a stop that no signal is behind with signal `given`, or 0. */
function sendSelf(thread: Thread, given: u32): void {
  if (given === 0) return;
  fillInfo(given, SI_KERNEL);
  raise(thread, thread.program, thread, given);
}

/** A stop of `thread` in front of a call or behind it. */
function stopAtCall(thread: Thread, regs: Utcb, record: Tracee, message: u64): void {
  const mark: u32 = (record.options & OPTION_MARKS_CALLS) !== 0 ? MARK_OF_CALLS : 0;
  sendSelf(thread, notify(thread, regs, record, SIGTRAP, SIGTRAP | mark, message, CLD_TRAPPED));
}

/**
 * `thread` makes the call that its registers say: its tracer may look at it first, and make it another one. False: it is not
 * made, and RAX is what it returns.
 */
export function enterCall(thread: Thread, regs: Utcb): bool {
  const record = traceeOf(thread);
  if (record === null) return true;
  disarmStep(regs, record);
  // What SYSCALL leaves there.
  regs.rcx = regs.rip;
  regs.r11 = regs.rflags;
  regs.mtd |= ALL_REGISTERS;
  const own = linuxThread(thread);
  const runs = record.runs;
  const emulated = runs === RUNS_TO_EMULATED || runs === RUNS_STEP_EMULATED;
  if (runs !== RUNS_TO_CALL && !emulated) return true;
  regs.rax = -ENOSYS as u64;
  stopAtCall(thread, regs, record, MESSAGE_ENTRY);
  if (signalPending(thread)) thread.alerted = 1;
  if (emulated || killPending(thread) || (own.call as i32) === -1) return false;
  regs.rax = own.call;
  return true;
}

/** Behind a call of `thread`, with its result in RAX. One that goes on in the code around handlers is not over. */
export function leaveCall(thread: Thread, regs: Utcb): void {
  const record = traceeOf(thread);
  if (record === null || isSignalCode(regs.rip)) return;
  if (record.runs === RUNS_TO_CALL) {
    stopAtCall(thread, regs, record, MESSAGE_EXIT);
  } else if (record.runs === RUNS_STEP) {
    fillInfo(SIGTRAP, TRAP_BRKPT);
    store<u64>(signalInfo + INFO_ADDRESS, regs.rip);
    force(thread, SIGTRAP, false);
  }
}

/** The tracer of `thread` wants to know of `event`, EVENT_…. */
export function wantsEvent(thread: Thread, event: u32): bool {
  const record = traceeOf(thread);
  return record !== null && (record.options & ((1 as u32) << event)) !== 0;
}

/** Stops `thread` for `event`, EVENT_…, where its tracer wants that. */
export function traceEvent(thread: Thread, event: u32, message: u64): void {
  if (!wantsEvent(thread, event)) return;
  const record = traceeOf(thread) as Tracee;
  notify(thread, thread.utcb, record, SIGTRAP, SIGTRAP | (event << 8), message, CLD_TRAPPED);
}

/** The same of a new thread or process `made`. */
export function traceMade(thread: Thread, event: u32, made: u32): void {
  const record = traceeOf(thread);
  if (record !== null) traceEvent(thread, event, seenBy(record.tracer.program, made) as u64);
}

/** `thread`, a tracee, begins: as another program, where it has executed one. */
export function traceExecuted(thread: Thread, regs: Utcb): void {
  const record = traceeOf(thread) as Tracee;
  if (record.executed === 0) return;
  const before = record.executed as u64;
  record.executed = 0;
  if (wantsEvent(thread, EVENT_EXEC)) {
    traceEvent(thread, EVENT_EXEC, before);
  } else if (record.seized === 0) {
    fillInfo(SIGTRAP, SI_USER);
    nameSelf(thread);
    raise(thread, thread.program, thread, SIGTRAP);
  }
  leaveCall(thread, regs);
}

/** `thread` has stepped to the first instruction of a handler: a stop without a signal (signal_delivered() of Linux). False: it has not. */
export function traceEntered(thread: Thread, regs: Utcb): bool {
  const record = traceeOf(thread);
  if (record === null || record.entering === 0) return false;
  record.entering = 0;
  if (steps(record))
    sendSelf(thread, notify(thread, regs, record, SIGTRAP, SIGTRAP, 0, CLD_TRAPPED));
  return true;
}

/** Tracing is done by what is here. */
export function initTracing(): void {
  setTracing(traceSignal, traceStop, leaveCall, traceEntered, traceEvent);
}
