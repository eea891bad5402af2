// Signals: who gets one, actions, masks, the alternate stack, the default action. signal_queue.ts keeps what is
// pending, signal_frame.ts builds the frames; signal_calls.ts has the calls that send signals and wait for them.

import { EXC_DB, EXC_PF, EXC_UD } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { endLine, say, sayDecimal, sayText } from "../libroottask/console";
import { writeEnd } from "../libroottask/contents";
import { endProgram } from "../libroottask/domain";
import { EFAULT, EFBIG, EINVAL } from "../libroottask/errno";
import { LOG_ERROR, lineAbout, MODULE_PROGRAMS } from "../libroottask/log";
import { inMediator, leaveMediator } from "../libroottask/mediator";
import { seenBy, seenId } from "../libroottask/pid_numbers";
import { ALL_REGISTERS } from "../libroottask/portals";
import { firstProgram, Program, STATE_KILLED, Thread } from "../libroottask/program";
import { copyFrom, copyTo, FAULT_MEMORY, faultReason, keepFault } from "../libroottask/space";
import { kick, kickAll } from "../libroottask/thread";
import { FILE_MAX } from "../libroottask/tree";
import { wake } from "../libroottask/wait_queue";
import { leaveStack } from "./alternate_stack";
import { dumpCore } from "./core_dump";
import { addressOf, codeOf, signalOf } from "./exception_signal";
import { chosenSignal, hasEntered, returnTraced, stopTraced, tellEvent } from "./ptrace/hooks";
import { EVENT_EXIT } from "./ptrace/numbers";
import { armStep, beginTraced, isBetween } from "./ptrace/steps";
import { Tracee, tellContinued, tellStop, traceeOf } from "./ptrace/tracee";
import { settleCall } from "./restart";
import { ACTION_BYTES, actionOf } from "./signal_actions";
import {
  hasLeft,
  isEntering,
  leaveHandler,
  popFrame,
  poppedMask,
  pushFrame,
  undoEntry,
} from "./signal_frame";
import {
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGPIPE,
  SIGSEGV,
  SIGSTOP,
  SIGURG,
  SIGWINCH,
  SIGXFSZ,
} from "./signal_numbers";
import {
  CHANGE_CONTINUED,
  CHANGE_STOPPED,
  dropSignals,
  INFO_ADDRESS,
  INFO_BYTES,
  INFO_CODE,
  INFO_PID,
  INFO_UID,
  ProcessSignals,
  pendingOf,
  processPending,
  processSignals,
  Queued,
  queueSignal,
  queueTimerSignal,
  SI_KERNEL,
  SI_USER,
  signalBit,
  signalInfo,
  takeSignal,
  UNBLOCKABLE,
} from "./signal_queue";
import { tellSignalFiles } from "./signalfd";
import { linuxThread, SIGNALS } from "./state";
import { waitForever } from "./wait";

/** Beside a signal that a process dies of: there is a core dump. */
const CORE_DUMPED: u32 = 0x80;

const SIG_DFL: u64 = 0;
const SIG_IGN: u64 = 1;

const SA_RESTART: u64 = 0x1000_0000;
const SA_ONSTACK: u64 = 0x0800_0000;
const SA_RESTORER: u64 = 0x0400_0000;
const SA_NODEFER: u64 = 0x4000_0000;
const SA_RESETHAND: u64 = 0x8000_0000;

/** How rt_sigprocmask changes the mask. */
const SIG_BLOCK: u32 = 0;
const SIG_UNBLOCK: u32 = 1;
const SIG_SETMASK: u32 = 2;
/** Bytes of a signal set. */
export const SET_BYTES: u32 = 8;

/** A signal set or an action on its way from or to a program. */
const buffer = memory.data(32);

/** SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU, as a set. */
const STOPS: u64 = (15 as u64) << (SIGSTOP - 1);

function stopsByDefault(signal: u32): bool {
  return (STOPS & signalBit(signal)) !== 0;
}

/** No program can do anything about it. */
function isKernelOnly(signal: u32): bool {
  return signal === SIGKILL || signal === SIGSTOP;
}

/** The process has been stopped, and not continued. */
export function isStopped(program: Program): bool {
  return program.signals !== 0 && changetype<ProcessSignals>(program.signals).stopped !== 0;
}

function ignoredByDefault(signal: u32): bool {
  return signal === SIGCHLD || signal === SIGCONT || signal === SIGURG || signal === SIGWINCH;
}

/** The program of `thread` dies of `signal`, which nobody handles. Does not return. */
function die(thread: Thread, signal: u32): void {
  const program = thread.program;
  lineAbout(program, LOG_ERROR, MODULE_PROGRAMS, "killed ");
  sayDecimal(program.number as u64);
  say(" (");
  sayText(program.name, program.nameLength);
  say(") by signal ");
  sayDecimal(signal as u64);
  endLine();
  leaveCore(thread, thread.utcb, signal);
  tellEvent(thread, EVENT_EXIT, (signal | (thread.program.dumped !== 0 ? CORE_DUMPED : 0)) as u64);
  endProgram(thread, STATE_KILLED, signal);
}

/** The program of `thread` is about to die of `signal`, of which `signalInfo` tells: it leaves a core dump where it is to. */
function leaveCore(thread: Thread, regs: Utcb, signal: u32): void {
  const reason = faultReason;
  if (dumpCore(thread, regs, signal)) thread.program.dumped = 1;
  keepFault(reason);
}

/** Lets the handler of `signal` run next, which is told `signalInfo`. False: it has no stack. */
function enterHandler(thread: Thread, regs: Utcb, signal: u32): bool {
  const own = linuxThread(thread);
  const action = actionOf(thread.program, signal);
  const flags = load<u64>(action + 8);
  if ((flags & SA_RESTORER) === 0) return false;
  // A mask that was set for a wait alone ends with the handler.
  const mask = own.suspended !== 0 ? own.resumeMask : own.mask;
  const alternate = (flags & SA_ONSTACK) !== 0;
  const entered = pushFrame(thread, regs, action, alternate, mask, signal);
  if ((flags & SA_RESETHAND) !== 0) store<u64>(action, SIG_DFL);
  if (!entered) return false;
  leaveStack(own);
  own.suspended = 0;
  own.mask |= load<u64>(action + 24) & ~UNBLOCKABLE;
  if ((flags & SA_NODEFER) === 0) own.mask |= signalBit(signal);
  return true;
}

/** `signal`, which `thread` cannot put off, has no handler that it could enter now. */
function isFatal(thread: Thread, signal: u32): bool {
  const handler = load<u64>(actionOf(thread.program, signal));
  const blocked = (linuxThread(thread).mask & signalBit(signal)) !== 0;
  return handler === SIG_DFL || handler === SIG_IGN || blocked;
}

/**
 * Lets the handler of `signal` run next; where its frame cannot be written, that of SIGSEGV, whose stack may be another.
 * 0, or the signal that the program dies of.
 */
function handle(thread: Thread, regs: Utcb, signal: u32): u32 {
  if (enterHandler(thread, regs, signal)) return 0;
  if (signal === SIGSEGV || isFatal(thread, SIGSEGV)) return SIGSEGV;
  fillInfo(SIGSEGV, SI_KERNEL);
  return enterHandler(thread, regs, SIGSEGV) ? 0 : SIGSEGV;
}

/** The set of `size` bytes at `address` is the mask of `thread` for a wait. Returns 0, -EINVAL or -EFAULT. */
export function suspendMask(thread: Thread, address: u64, size: u64): i64 {
  if (size !== (SET_BYTES as u64)) return -EINVAL;
  const own = linuxThread(thread);
  if (!copyFrom(thread.program.space, buffer, address, SET_BYTES)) return -EFAULT;
  own.resumeMask = own.mask;
  own.suspended = 1;
  own.mask = load<u64>(buffer) & ~UNBLOCKABLE;
  return 0;
}

/** The mask is again what it was before `suspendMask`, if it was called and no handler has been entered. */
export function endSuspension(thread: Thread): void {
  const own = linuxThread(thread);
  if (own.suspended === 0) return;
  own.suspended = 0;
  own.mask = own.resumeMask;
}

/** `thread` is to stand still: with its process, of whose stop a tracee tells once, or for its tracer. */
function mustStand(thread: Thread): bool {
  const record = traceeOf(thread);
  if (record === null) return isStopped(thread.program);
  return record.trapping !== 0 || (record.passed === 0 && isStopped(thread.program));
}

/** A signal waits to be taken by `thread`. */
export function signalPending(thread: Thread): bool {
  const own = linuxThread(thread);
  return mustStand(thread) || (pendingOf(thread) & ~(own.mask & ~own.awaited)) !== 0;
}

/** `thread` is to die by SIGKILL. */
export function killPending(thread: Thread): bool {
  return (pendingOf(thread) & signalBit(SIGKILL)) !== 0;
}

/** `thread` stands still until its process continues, its tracer lets it go on, or it is to die. */
function standStill(thread: Thread, regs: Utcb): void {
  if (traceeOf(thread) !== null) {
    stopTraced(thread, regs);
    return;
  }
  const state = processSignals(thread.program) as ProcessSignals;
  while (state.stopped !== 0 && traceeOf(thread) === null && !killPending(thread)) {
    waitForever(thread, changetype<usize>(state), 0);
  }
}

/** A process has stopped or continued. */
export type Changed = (program: Program) => void;

function nobodyToTell(_program: Program): void {}

let changed: Changed = nobodyToTell;

/** Parents are told of stops by `hook`. */
export function setChanged(hook: Changed): void {
  changed = hook;
}

/** Nobody outside the group of `program` is there to let it continue: a parent in the same session (setpgid(2)). */
function isOrphaned(program: Program): bool {
  let member = firstProgram();
  while (member !== null) {
    const parent = member.parent;
    const near = member.entry === program.entry && member.group === program.group;
    if (near && member.ended === 0 && parent !== null && parent.group !== program.group) {
      if (parent.session === program.session) return false;
    }
    member = member.next;
  }
  return true;
}

/** All threads of the process of `thread` come to a stop by `signal`, unless nobody could undo what a terminal does. */
function stop(thread: Thread, signal: u32): void {
  const program = thread.program;
  if (signal !== SIGSTOP && isOrphaned(program)) return;
  const state = processSignals(program) as ProcessSignals;
  state.stopped = signal;
  state.change = CHANGE_STOPPED;
  tellStop(program);
  kickAll(program, thread);
  // Who is told makes a signal of it, in the place of the one that is acted on.
  changed(program);
}

/**
 * Acts on the signals that are pending and not blocked, lowest first, and on a stop, before the program goes on. Like
 * Linux it makes a frame for each, so that the last one's handler runs first where none blocks another.
 */
export function deliverPending(thread: Thread, regs: Utcb): void {
  const own = linuxThread(thread);
  while (true) {
    if (mustStand(thread) && !killPending(thread)) {
      standStill(thread, regs);
      continue;
    }
    let signal = takeSignal(thread, ~own.mask);
    if (signal === 0) break;
    if (own.tracee !== 0 && signal !== SIGKILL) {
      signal = chosenSignal(thread, regs, signal);
      if (signal === 0) continue;
    }
    const handler = load<u64>(actionOf(thread.program, signal));
    if (handler === SIG_IGN) continue;
    if (handler === SIG_DFL) {
      if (thread.program.unkillable !== 0 && !isKernelOnly(signal)) continue;
      if (stopsByDefault(signal)) stop(thread, signal);
      else if (!ignoredByDefault(signal)) die(thread, signal);
      continue;
    }
    const flags = load<u64>(actionOf(thread.program, signal) + 8);
    settleCall(thread, regs, true, (flags & SA_RESTART) !== 0);
    const fatal = handle(thread, regs, signal);
    if (fatal !== 0) die(thread, fatal);
  }
  settleCall(thread, regs, false, false);
  endSuspension(thread);
}

/** The exception `event` of `thread`: 0 when a handler of the program takes it, else the signal it dies of. */
export function linuxException(thread: Thread, event: u32): u32 {
  // Out of memory: Linux's choice for the victim, and no handler is asked.
  if (event === EXC_PF && faultReason === FAULT_MEMORY) return SIGKILL;
  const own = linuxThread(thread);
  const regs = thread.utcb;
  if (event === EXC_UD && hasLeft(regs.rip)) {
    goOn(thread, regs);
    return 0;
  }
  own.call = ~(0 as u64);
  if (event === EXC_PF && isEntering(regs.rip)) return refuseEntry(thread, regs);
  if (event === EXC_DB && own.tracee !== 0 && stepped(thread, regs)) return 0;
  const signal = signalOf(event);
  own.trap = event as u64;
  own.trapError = regs.qual0;
  if (event === EXC_PF) own.faultAddress = regs.qual1;
  fillInfo(signal, codeOf(thread, event, regs));
  store<u64>(signalInfo + INFO_ADDRESS, addressOf(event, regs));
  if (own.tracee !== 0) {
    regs.mtd = ALL_REGISTERS;
    beginTraced(thread, regs);
    force(thread, signal, false);
    deliverPending(thread, regs);
    armStep(thread, regs);
    return 0;
  }
  const fatal = isFatal(thread, signal) ? signal : handle(thread, regs, signal);
  if (fatal !== 0) leaveCore(thread, regs, fatal);
  return fatal;
}

/** A step of `thread`, a tracee, in the code around handlers or out of it; false where it is one that is to be told as a signal. */
function stepped(thread: Thread, regs: Utcb): bool {
  const own = linuxThread(thread);
  const between = isBetween(thread, regs);
  regs.mtd = ALL_REGISTERS;
  if (!between) {
    if (changetype<Tracee>(own.tracee).entering === 0) return false;
    beginTraced(thread, regs);
    own.deferred = 0;
    if (!hasEntered(thread, regs)) return false;
    if (signalPending(thread)) deliverPending(thread, regs);
  }
  armStep(thread, regs);
  return true;
}

/**
 * `thread` cannot store its extended state in the frame of a handler, which another thread has made unwritable since it was
 * pushed: it is as if it could not have been pushed. 0, or the signal that the program dies of.
 */
function refuseEntry(thread: Thread, regs: Utcb): u32 {
  const signal = regs.rdi as u32;
  let fatal: u32 = SIGSEGV;
  fillInfo(SIGSEGV, SI_KERNEL);
  if (undoEntry(thread, regs)) {
    linuxThread(thread).mask = poppedMask & ~UNBLOCKABLE;
    if (signal !== SIGSEGV && !isFatal(thread, SIGSEGV)) fatal = handle(thread, regs, SIGSEGV);
  }
  if (fatal !== 0) leaveCore(thread, regs, fatal);
  return fatal;
}

/**
 * Sends `thread` the signal of what it does itself, with `signalInfo`. It cannot put it off: where it is blocked or ignored,
 * or `dies` says so, the default action is taken (force_sig_info_to_task()).
 */
export function force(thread: Thread, signal: u32, dies: bool): void {
  if (dies || isFatal(thread, signal)) {
    thread.program.unkillable = 0;
    store<u64>(actionOf(thread.program, signal), SIG_DFL);
    linuxThread(thread).mask &= ~signalBit(signal);
  }
  queueSignal(thread.program, thread, signal);
}

/** Makes `signalInfo` that of `signal`, with nothing but its `code`. */
export function fillInfo(signal: u32, code: i32): void {
  memory.fill(signalInfo, 0, INFO_BYTES);
  store<u32>(signalInfo, signal);
  store<i32>(signalInfo + INFO_CODE, code);
}

/** `sender` is of a process that `program` does not see, or the roottask. */
function isAbove(sender: Thread | null, program: Program): bool {
  return sender === null || seenBy(program, sender.program.id) === 0;
}

/**
 * Blocked or waited for, a signal is kept whatever its action is. The first process of a PID namespace has none that it does not
 * handle, but SIGKILL and SIGSTOP of who is `above` (sig_task_ignored()).
 */
function isIgnored(thread: Thread, signal: u32, above: bool): bool {
  const own = linuxThread(thread);
  if (own.tracee !== 0 && signal !== SIGKILL) return false;
  if (((own.mask | own.awaited) & signalBit(signal)) !== 0) return false;
  const handler = load<u64>(actionOf(thread.program, signal));
  if (handler === SIG_DFL && thread.program.unkillable !== 0) {
    return !above || !isKernelOnly(signal);
  }
  return handler === SIG_IGN || (handler === SIG_DFL && ignoredByDefault(signal));
}

/** `thread` blocks `signal`, or its process ignores it by choice. */
export function turnsDown(thread: Thread, signal: u32): bool {
  if ((linuxThread(thread).mask & signalBit(signal)) !== 0) return true;
  return load<u64>(actionOf(thread.program, signal)) === SIG_IGN;
}

/** `thread` lets `signal` in, or waits for it. */
function letsIn(thread: Thread, signal: u32): bool {
  const own = linuxThread(thread);
  return (own.mask & ~own.awaited & signalBit(signal)) === 0;
}

/** The first thread of `program`, or another where that has ended. */
function leader(program: Program): Thread {
  let thread = program.threads as Thread;
  while (thread.id !== program.id && thread.next !== null) thread = thread.next as Thread;
  return thread;
}

/** A thread of `program` that lets `signal` in, its first one before others; null where there is none. */
function receiver(program: Program, signal: u32): Thread | null {
  const first = leader(program);
  if (letsIn(first, signal)) return first;
  let thread = program.threads;
  while (thread !== null) {
    if (letsIn(thread, signal)) return thread;
    thread = thread.next;
  }
  return null;
}

/**
 * What a signal does before anybody has taken it: stops and SIGCONT take each other back, SIGCONT continues. True where
 * it has done that.
 */
function prepare(program: Program, signal: u32): bool {
  if ((STOPS & signalBit(signal)) !== 0) dropSignals(program, signalBit(SIGCONT));
  if (signal !== SIGCONT) return false;
  dropSignals(program, STOPS);
  tellContinued(program);
  if (!isStopped(program)) return false;
  const state = processSignals(program) as ProcessSignals;
  state.stopped = 0;
  state.change = CHANGE_CONTINUED;
  wake(changetype<usize>(state), 0, ~(0 as u64));
  return true;
}

/**
 * Sends `signal` with `signalInfo` to `thread`, or with null to its whole process; who takes it is made to look at it,
 * unless it is the `sender`, who will anyway. False: no more real-time signals may queue.
 */
export function raise(
  sender: Thread | null,
  program: Program,
  thread: Thread | null,
  signal: u32,
): bool {
  if (program.alive === 0 || program.ending !== 0) return true;
  const continues = prepare(program, signal);
  const sent = send(sender, program, thread, signal);
  if (continues) changed(program);
  return sent;
}

/** The same once the signal has had its effect on others. */
function send(sender: Thread | null, program: Program, thread: Thread | null, signal: u32): bool {
  const first = thread === null ? leader(program) : thread;
  if (isIgnored(first, signal, isAbove(sender, program))) return true;
  if (!queueSignal(program, thread, signal)) return false;
  alert(sender, program, thread, signal);
  return true;
}

/** Makes who takes `signal`, which has been queued, look at it, and who waits for it at a descriptor. */
function alert(sender: Thread | null, program: Program, thread: Thread | null, signal: u32): void {
  tellSignalFiles(signal);
  const target = thread === null ? receiver(program, signal) : thread;
  if (target !== null && target !== sender && letsIn(target, signal)) kick(target);
}

/** Sends the signal of a timer by its `record`, as `raise` does. False: it is ignored, and nothing has happened. */
export function raiseTimer(program: Program, thread: Thread | null, record: Queued): bool {
  if (program.alive === 0 || program.ending !== 0) return false;
  const continues = prepare(program, record.signal);
  const ignored = isIgnored(thread === null ? leader(program) : thread, record.signal, true);
  if (!ignored) {
    queueTimerSignal(program, thread, record);
    alert(null, program, thread, record.signal);
  }
  if (continues) changed(program);
  return !ignored;
}

/** Threads look for what `thread`, which has changed its mask or ends, does not take of its process' signals. */
export function retarget(thread: Thread): void {
  let left = processPending(thread.program) & linuxThread(thread).mask;
  while (left !== 0) {
    const signal = (ctz<u64>(left) as u32) + 1;
    left &= left - 1;
    const target = receiver(thread.program, signal);
    if (target !== null && target !== thread) kick(target);
  }
}

/** A call of `thread` earns it `signal`, as if it had sent it to itself. */
function earn(thread: Thread, signal: u32): void {
  fillInfo(signal, SI_USER);
  store<u32>(signalInfo + INFO_PID, seenId(thread.program.id));
  store<u32>(signalInfo + INFO_UID, thread.credentials.user);
  raise(thread, thread.program, thread, signal);
}

/**
 * `result` of a call of `thread` that would make a file larger: where the program's own limit is what stands
 * against it, a signal tells it (setrlimit(2), RLIMIT_FSIZE).
 */
export function sizeResult(thread: Thread, result: i64): i64 {
  if (result === -EFBIG && writeEnd(thread.program.fileLimit) < (FILE_MAX as u64)) {
    earn(thread, SIGXFSZ);
  }
  return result;
}

/** `result` of a call of `thread` that has written: a signal tells it of a pipe that nobody reads (pipe(7)). */
export function pipeResult(thread: Thread, result: i64): i64 {
  if (thread.broken !== 0) earn(thread, SIGPIPE);
  thread.broken = 0;
  return result;
}

/** A thread recalled for a signal: delivers it before the program goes on. */
export function linuxRecall(thread: Thread): void {
  if (!signalPending(thread)) return;
  const regs = thread.utcb;
  const own = linuxThread(thread);
  own.call = ~(0 as u64);
  if (inMediator(thread, regs.rip)) leaveMediator(thread, regs);
  beginTraced(thread, regs);
  own.deferred = isBetween(thread, regs) ? 1 : 0;
  if (own.deferred === 0) deliverPending(thread, regs);
  armStep(thread, regs);
}

/** The error for a signal that there is none of: the action at `from`, if there is one, is read before. */
function invalidAction(program: Program, from: u64): i64 {
  return from !== 0 && !copyFrom(program.space, buffer, from, ACTION_BYTES) ? -EFAULT : -EINVAL;
}

/** rt_sigaction(signal, new, old, size). */
export function sysSigaction(program: Program, regs: Utcb): i64 {
  const signal = regs.rdi;
  if (regs.r10 !== (SET_BYTES as u64)) return -EINVAL;
  if (signal === 0 || signal > (SIGNALS as u64)) return invalidAction(program, regs.rsi);
  const action = actionOf(program, signal as u32);
  if (regs.rsi !== 0) {
    if (!copyFrom(program.space, buffer, regs.rsi, ACTION_BYTES)) return -EFAULT;
    if (signal === (SIGKILL as u64) || signal === (SIGSTOP as u64)) return -EINVAL;
  }
  if (regs.rdx !== 0 && !copyTo(program.space, regs.rdx, action, ACTION_BYTES)) return -EFAULT;
  if (regs.rsi === 0) return 0;
  memory.copy(action, buffer, ACTION_BYTES);
  const handler = load<u64>(action);
  const ignored = handler === SIG_IGN || (handler === SIG_DFL && ignoredByDefault(signal as u32));
  if (ignored) dropSignals(program, signalBit(signal as u32));
  return 0;
}

/** rt_sigprocmask(how, new, old, size). */
export function sysSigprocmask(thread: Thread, regs: Utcb): i64 {
  const own = linuxThread(thread);
  if (regs.r10 !== (SET_BYTES as u64)) return -EINVAL;
  const old = own.mask;
  if (regs.rsi !== 0) {
    if (!copyFrom(thread.program.space, buffer, regs.rsi, 8)) return -EFAULT;
    const set = load<u64>(buffer);
    const how = regs.rdi as u32;
    if (how === SIG_BLOCK) own.mask |= set;
    else if (how === SIG_UNBLOCK) own.mask &= ~set;
    else if (how === SIG_SETMASK) own.mask = set;
    else return -EINVAL;
    own.mask &= ~UNBLOCKABLE;
    retarget(thread);
  }
  store<u64>(buffer, old);
  return regs.rdx !== 0 && !copyTo(thread.program.space, regs.rdx, buffer, 8) ? -EFAULT : 0;
}

/** rt_sigpending(set, size). */
export function sysSigpending(thread: Thread, regs: Utcb): i64 {
  if (regs.rsi > (SET_BYTES as u64)) return -EINVAL;
  store<u64>(buffer, pendingOf(thread) & linuxThread(thread).mask);
  const bytes = regs.rsi as u32;
  return copyTo(thread.program.space, regs.rdi, buffer, bytes) ? 0 : -EFAULT;
}

/** rt_sigreturn: RSP points behind the restorer's address, at the context of the frame. */
export function sysSigreturn(thread: Thread, regs: Utcb): i64 {
  if (!leaveHandler(thread, regs)) die(thread, SIGSEGV);
  linuxThread(thread).returning = 1;
  return 0;
}

/** The thread has its extended state from before the handler again: the rest of rt_sigreturn. */
function goOn(thread: Thread, regs: Utcb): void {
  const own = linuxThread(thread);
  if (!popFrame(thread, regs)) die(thread, SIGSEGV);
  own.mask = poppedMask & ~UNBLOCKABLE;
  own.interrupted = 0;
  own.deferred = 0;
  own.call = ~(0 as u64);
  beginTraced(thread, regs);
  returnTraced(thread, regs);
  if (signalPending(thread)) deliverPending(thread, regs);
  armStep(thread, regs);
}
