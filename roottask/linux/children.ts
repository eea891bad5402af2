// The tree of processes: what becomes of one that has ended, and waiting for it: wait4(2), waitid(2). All that descend
// from one line of the start file are a tree of their own, whose first process is what init is elsewhere.

import { Utcb } from "../libhedron/utcb";
import { usableFileAt } from "../libroottask/descriptors";
import { reapProgram, releaseProgram } from "../libroottask/domain";
import { EAGAIN, EBADF, ECHILD, EFAULT, EINTR, EINVAL, ESRCH } from "../libroottask/errno";
import { O_NONBLOCK } from "../libroottask/open_file";
import { meantId, seenBy, seenId } from "../libroottask/pid_numbers";
import { firstProgram, Program, STATE_EXITED, Thread, WAIT_WOKEN } from "../libroottask/program";
import { collectOwed } from "../libroottask/socket_garbage";
import { copyTo, put32 } from "../libroottask/space";
import { wake } from "../libroottask/wait_queue";
import { endRequests } from "./aio/contexts";
import { endIpc } from "./ipc/lifetime";
import { leaveProcessKeys } from "./keys/rings";
import { adopt } from "./makers";
import { closedPids, closePids } from "./namespaces/pid";
import { isProcessFile, processFilesEnd, processOf } from "./pidfd";
import {
  firstTracee,
  isTracedByOther,
  isTracedByParent,
  Tracee,
  traceeWithId,
} from "./ptrace/tracee";
import { endTracee, leaveTracing, setUntraced } from "./ptrace/tracing";
import {
  anyTracee,
  changedTracee,
  reapTracee,
  traceeCode,
  traceeDetail,
  traceeStatus,
} from "./ptrace/waits";
import { threadEnded } from "./robust";
import { actionOf, dropActions } from "./signal_actions";
import { idOfNumber } from "./signal_calls";
import { SIGCHLD, SIGCONT } from "./signal_numbers";
import {
  CHANGE_CONTINUED,
  CHANGE_NONE,
  CHANGE_STOPPED,
  INFO_BYTES,
  INFO_CODE,
  INFO_PID,
  INFO_STATUS,
  ProcessSignals,
  signalInfo,
} from "./signal_queue";
import { fillInfo, raise } from "./signals";
import { linuxProgram, linuxThread, passMissing } from "./state";
import { removeTimers } from "./timers";
import { addUsage, fillUsage, RUSAGE_BYTES, usage } from "./usage";
import { waitForever } from "./wait";

const WNOHANG: u32 = 1;
const WSTOPPED: u32 = 2;
const WEXITED: u32 = 4;
const WCONTINUED: u32 = 8;
const WNOWAIT: u32 = 0x0100_0000;
const WNOTHREAD: u32 = 0x2000_0000;
const WALL: u32 = 0x4000_0000;
const WCLONE: u32 = 0x8000_0000;
const KINDS: u32 = WNOTHREAD | WALL | WCLONE;

const P_ALL: u32 = 0;
const P_PID: u32 = 1;
const P_PGID: u32 = 2;
const P_PIDFD: u32 = 3;

const CLD_EXITED: u32 = 1;
const CLD_KILLED: u32 = 2;
const CLD_DUMPED: u32 = 3;
const CLD_STOPPED: u32 = 5;
const CLD_CONTINUED: u32 = 6;

const SIG_IGN: u64 = 1;
const SA_NOCLDSTOP: u64 = 1;
const SA_NOCLDWAIT: u64 = 2;

/** Statuses of wait4(2): of a stop, with the signal above; of a child that continues. */
const STATUS_STOPPED: u32 = 0x7f;
const STATUS_CONTINUED: u32 = 0xffff;
/** Beside a signal: there is a core dump. */
const STATUS_DUMPED: u32 = 0x80;

const ALL: u64 = 0xffff_ffff;

/** Key of the wait for a child; the channel is the parent. */
const CHILD: u64 = 2;

const buffer = memory.data(128);

/** Who inherits the children of `program`: the nearest ancestor that reaps (PR_SET_CHILD_SUBREAPER), or the first process
 * of its PID namespace. */
function heirOf(program: Program): Program {
  let at = program.parent;
  const namespace = program.pidNamespace;
  while (at !== null && at.parent !== null && at.pidNamespace === namespace) {
    if (at.ending === 0 && at.personality !== 0 && linuxProgram(at).subreaper !== 0) return at;
    at = at.parent;
  }
  const first: usize = namespace === null ? 0 : namespace.init;
  return first === 0 ? program.entry : changetype<Program>(first);
}

/** The children of `program`, which has ended, go on to another. */
function passOn(program: Program): void {
  const heir = heirOf(program);
  let child = firstProgram();
  let found = false;
  while (child !== null) {
    const next: Program | null = child.next;
    if (child.parent === program) {
      child.parent = heir;
      child.exitSignal = SIGCHLD;
      if (heir.closing !== 0 && child.ended !== 0) {
        reapProgram(child);
      } else {
        adopt(heir, child);
        found = true;
      }
    }
    child = next;
  }
  if (found) wake(changetype<usize>(heir), CHILD, ALL);
}

/** Nobody will wait for a child of `parent`: SIGCHLD is ignored, or SA_NOCLDWAIT set. */
function disregards(parent: Program): bool {
  const action = actionOf(parent, SIGCHLD);
  return load<u64>(action) === SIG_IGN || (load<u64>(action + 8) & SA_NOCLDWAIT) !== 0;
}

/** What has become of `child` that its parent has not waited for, beside its end: CHANGE_…. */
function changeOf(child: Program): u32 {
  const gone = child.ended !== 0 || child.signals === 0;
  return gone ? CHANGE_NONE : changetype<ProcessSignals>(child.signals).change;
}

/** CLD_… of a child that has ended, stopped or continued. */
function codeOf(child: Program): u32 {
  const change = changeOf(child);
  if (change === CHANGE_STOPPED) return CLD_STOPPED;
  if (change === CHANGE_CONTINUED) return CLD_CONTINUED;
  if (child.state === STATE_EXITED) return CLD_EXITED;
  return child.dumped !== 0 ? CLD_DUMPED : CLD_KILLED;
}

/** What siginfo_t tells with that: the exit status, or the signal. */
function detailOf(child: Program): u32 {
  const change = changeOf(child);
  if (change === CHANGE_STOPPED) return changetype<ProcessSignals>(child.signals).stopped;
  return change === CHANGE_CONTINUED ? SIGCONT : child.status;
}

/** Sends `parent` the signal that `child` ends with, or SIGCHLD where it has stopped or continued. */
function tell(parent: Program, child: Program): void {
  const signal = child.ended !== 0 ? child.exitSignal : SIGCHLD;
  fillInfo(signal, codeOf(child));
  store<u32>(signalInfo + INFO_PID, seenBy(parent, child.id));
  store<u32>(signalInfo + INFO_STATUS, detailOf(child));
  raise(null, parent, null, signal);
}

/** `child` has stopped or continued: its parent may wait for that, and gets SIGCHLD unless it does not want it. */
export function processChanged(child: Program): void {
  const parent = child.parent;
  if (parent === null || parent.personality === 0) return;
  wake(changetype<usize>(parent), CHILD, ALL);
  if (changeOf(child) === CHANGE_STOPPED && isTracedByParent(child)) return;
  if ((load<u64>(actionOf(parent, SIGCHLD) + 8) & SA_NOCLDSTOP) === 0) tell(parent, child);
}

/** How `thread`, which is about to end, does so, as wait4(2) tells it. */
function endOf(thread: Thread): u32 {
  const program = thread.program;
  if (program.ending !== 0) return statusOf(program);
  // Others may execute another program in its place.
  return program.survivor !== null ? 0 : linuxThread(thread).exitStatus;
}

/** `thread` is about to end. */
export function threadEnds(thread: Thread): void {
  threadEnded(thread);
  if (thread.program.personality !== 0) leaveTracing(thread, endOf(thread));
}

/** Nobody traces `program`, which has ended, any more. */
function untraced(program: Program): void {
  if (program.parent !== null && program.entry.ending === 0) tellParent(program, false);
}

/** Tracing is told of what becomes of processes here. */
export function initChildren(): void {
  setUntraced(untraced);
}

type Leaving = (program: Program) => void;

function nobodyAsks(_program: Program): void {}

let leaving: Leaving = nobodyAsks;

/** `hook` is told of each process that has ended, before its parent is. */
export function setLeaving(hook: Leaving): void {
  leaving = hook;
}

/** No thread of `program` is left: what it had goes back, and its parent is told. */
export function processEnded(program: Program): void {
  removeTimers(program, true);
  endIpc(program);
  endRequests(program);
  if (program.personality !== 0) leaveProcessKeys(program);
  leaving(program);
  if (!closePids(program, reapProgram)) complete(program);
  finishClosed();
}

/** First processes of PID namespaces have ended when all others there have gone. */
export function finishClosed(): void {
  for (let program = closedPids(); program !== null; program = closedPids()) complete(program);
}

/** The rest of the end of `program`, when nobody is left in the PID namespace whose first process it is. */
function complete(program: Program): void {
  processFilesEnd(program);
  collectOwed();
  const parent = program.parent;
  if (parent === null || program.personality === 0) return;
  const entry = program.entry;
  entry.calls += program.calls;
  entry.faults += program.faults;
  passMissing(program, entry);
  program.peak = program.space.peak;
  dropActions(program);
  releaseProgram(program);
  // All that is left of the tree is taken back as soon as its first process has ended.
  if (entry.ending !== 0) return;
  passOn(program);
  const record = traceeWithId(program.id);
  // Who traces it is told first.
  if (record !== null && record.tracer.program !== parent) {
    endTracee(record, statusOf(program));
    return;
  }
  tellParent(program, record !== null);
}

/** The parent of `program`, which has ended, is told; that may not turn away what it has `traced`. */
function tellParent(program: Program, traced: bool): void {
  const parent = program.parent as Program;
  // A first process that ends waits for all of its children.
  if (parent.closing !== 0 || (!traced && program.exitSignal === SIGCHLD && disregards(parent))) {
    reapProgram(program);
    wake(changetype<usize>(parent), CHILD, ALL);
    return;
  }
  wake(changetype<usize>(parent), CHILD, ALL);
  if (program.exitSignal !== 0) tell(parent, program);
}

/** The status of wait4(2) that `child` has ended, stopped or continued with. */
function statusOf(child: Program): u32 {
  const change = changeOf(child);
  if (change === CHANGE_STOPPED) return (detailOf(child) << 8) | STATUS_STOPPED;
  if (change === CHANGE_CONTINUED) return STATUS_CONTINUED;
  if (child.state === STATE_EXITED) return (child.status & 0xff) << 8;
  return (child.status & 0x7f) | (child.dumped !== 0 ? STATUS_DUMPED : 0);
}

/** What wait4(2) calls `id` means `child`, which `options` let in. */
function isMeant(parent: Program, child: Program, id: i32, options: u32): bool {
  if (child.parent !== parent) return false;
  if ((options & WALL) === 0 && !isTracedByParent(child)) {
    if ((child.exitSignal === SIGCHLD) === ((options & WCLONE) !== 0)) return false;
  }
  if (id > 0) return child.id === (id as u32);
  return id === -1 || child.group === (id === 0 ? parent.group : (-id as u32));
}

/** What has become of `child` is something that `options` ask for: WEXITED, WSTOPPED, WCONTINUED. */
function isWanted(child: Program, options: u32): bool {
  if (child.ended !== 0) return (options & WEXITED) !== 0;
  const change = changeOf(child);
  if (change === CHANGE_STOPPED) return (options & WSTOPPED) !== 0;
  return change === CHANGE_CONTINUED && (options & WCONTINUED) !== 0;
}

/** There is a child of those meant of which something that is asked for may still come. */
let anyChild: bool = false;

/** Its parent hears of its end from its tracer's waiting, and of its stops as a tracer. */
function isTracersNews(child: Program): bool {
  if (child.ended !== 0) return isTracedByOther(child);
  return changeOf(child) === CHANGE_STOPPED && isTracedByParent(child);
}

/** The first child of those meant of which there is something to tell, or null. */
function changedChild(parent: Program, id: i32, options: u32): Program | null {
  anyChild = false;
  let found: Program | null = null;
  let child = firstProgram();
  while (child !== null) {
    if (isMeant(parent, child, id, options)) {
      if (child.ended === 0 || (options & WEXITED) !== 0) anyChild = true;
      // The list is newest first.
      if (isWanted(child, options) && !isTracersNews(child)) found = child;
    }
    child = child.next;
  }
  return found;
}

/** Results of `awaitChild`: the child, or the tracee; null where there is nothing to tell and nobody wants to wait. */
let awaited: Program | null = null;
let awaitedTracee: Tracee | null = null;

/** Looks for a child or tracee of `thread` that `id` means and of which there is something to tell: whether there is one. */
function findAwaited(thread: Thread, id: i32, options: u32): bool {
  awaited = changedChild(thread.program, id, options);
  awaitedTracee = null;
  if (awaited !== null || firstTracee() === null) return awaited !== null;
  const ends = (options & WEXITED) !== 0;
  awaitedTracee = changedTracee(thread, id, ends, (options & WNOTHREAD) !== 0);
  anyChild = anyChild || anyTracee;
  return awaitedTracee !== null;
}

/**
 * Waits for a child that `id` means. Returns 0 or a negative error. A signal that comes first ends the wait, whatever has
 * become of a child by the time that this goes on: on Linux who waits is there before a child has come to its end.
 */
function awaitChild(thread: Thread, id: i32, options: u32): i64 {
  const parent = thread.program;
  let found = findAwaited(thread, id, options);
  while (!found && anyChild && (options & WNOHANG) === 0) {
    const woken = waitForever(thread, changetype<usize>(parent), CHILD) === WAIT_WOKEN;
    // Others have waited meanwhile: what was found is not known any more.
    if (!woken) return -EINTR;
    found = findAwaited(thread, id, options);
  }
  return anyChild ? 0 : -ECHILD;
}

/** `parent` has waited for `child`: one that has ended goes. */
function reap(parent: Program, child: Program): void {
  if (child.ended === 0) {
    changetype<ProcessSignals>(child.signals).change = CHANGE_NONE;
    return;
  }
  addUsage(parent, child);
  reapProgram(child);
  finishClosed();
}

/** wait4(pid, status, options, rusage): the child's id. */
export function sysWait4(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const options = regs.rdx as u32;
  if ((options & ~(WNOHANG | WSTOPPED | WCONTINUED | KINDS)) !== 0) return -EINVAL;
  // There is no such group, and its number has no opposite.
  if ((regs.rdi as i32) === i32.MIN_VALUE) return -ESRCH;
  const error = awaitChild(thread, idOfNumber(regs.rdi as i32), options | WEXITED);
  if (error !== 0) return error;
  const child = awaited;
  const tracee = awaitedTracee;
  if (child === null && tracee === null) return 0;
  const id = tracee !== null ? seenId(tracee.id) : seenId((child as Program).id);
  const status = tracee !== null ? traceeStatus(tracee) : statusOf(child as Program);
  fillUsage(tracee !== null ? tracee.program : (child as Program));
  if (tracee !== null) reapTracee(tracee);
  else reap(program, child as Program);
  if (regs.rsi !== 0 && !put32(program.space, regs.rsi, status)) return -EFAULT;
  if (regs.r10 !== 0 && !copyTo(program.space, regs.r10, usage(), RUSAGE_BYTES)) return -EFAULT;
  return id as i64;
}

/** What waitid(2) calls its first two arguments, as wait4(2) has it in one; 0 is no such kind. */
let selected: i32 = 0;

/** Returns 0 or a negative error. */
function select(program: Program, kind: u32, id: i32): i64 {
  selected = -1;
  nonblocking = false;
  if (kind === P_ALL) return 0;
  if (kind === P_PID) {
    selected = meantId(id as u32) as i32;
    return id > 0 ? 0 : -EINVAL;
  }
  if (kind === P_PIDFD) return selectDescriptor(program, id);
  selected = -((id === 0 ? program.group : meantId(id as u32)) as i32);
  return kind === P_PGID && id >= 0 ? 0 : -EINVAL;
}

/** What is asked of is a descriptor that lets nobody wait. */
let nonblocking: bool = false;

function selectDescriptor(program: Program, fd: i32): i64 {
  if (fd < 0) return -EINVAL;
  const file = usableFileAt(program.files, fd as u64);
  if (file === null || !isProcessFile(file)) return -EBADF;
  const process = processOf(file);
  // Nobody's child has the largest number.
  selected = process === null ? i32.MAX_VALUE : (process.id as i32);
  nonblocking = (file.flags & O_NONBLOCK) !== 0;
  return 0;
}

/** waitid(kind, id, siginfo, options, rusage): 0 and what is known of a child in `buffer`, or a negative error. */
function findChange(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const options = regs.r10 as u32;
  const states = WEXITED | WSTOPPED | WCONTINUED;
  if ((options & ~(states | WNOHANG | WNOWAIT | KINDS)) !== 0) return -EINVAL;
  if ((options & states) === 0) return -EINVAL;
  const wrong = select(program, regs.rdi as u32, regs.rsi as i32);
  if (wrong !== 0) return wrong;
  const mayWait = !nonblocking || (options & WNOHANG) !== 0;
  const error = awaitChild(thread, selected, mayWait ? options : options | WNOHANG);
  if (error !== 0) return error;
  const child = awaited;
  const tracee = awaitedTracee;
  memory.fill(buffer, 0, INFO_BYTES);
  if (child === null && tracee === null) return mayWait ? 0 : -EAGAIN;
  if (regs.r8 !== 0) {
    fillUsage(tracee !== null ? tracee.program : (child as Program));
    if (!copyTo(program.space, regs.r8, usage(), RUSAGE_BYTES)) return -EFAULT;
  }
  store<u32>(buffer, SIGCHLD);
  if (tracee !== null) {
    store<u32>(buffer + INFO_CODE, traceeCode(tracee));
    store<u32>(buffer + INFO_PID, seenId(tracee.id));
    store<u32>(buffer + INFO_STATUS, traceeDetail(tracee));
    if ((options & WNOWAIT) === 0) reapTracee(tracee);
  } else if (child !== null) {
    store<u32>(buffer + INFO_CODE, codeOf(child));
    store<u32>(buffer + INFO_PID, seenId(child.id));
    store<u32>(buffer + INFO_STATUS, detailOf(child));
    if ((options & WNOWAIT) === 0) reap(program, child);
  }
  return 0;
}

/** waitid(kind, id, siginfo, options, rusage). Whatever comes of it, siginfo is written. */
export function sysWaitid(thread: Thread, regs: Utcb): i64 {
  const result = findChange(thread, regs);
  if (result !== 0) memory.fill(buffer, 0, INFO_BYTES);
  if (regs.rdx === 0) return result;
  // The kernel's own siginfo ends behind si_status here.
  return copyTo(thread.program.space, regs.rdx, buffer, 28) ? result : -EFAULT;
}
