// Who traces whom: the ways to become a tracee (ptrace(2), "Attaching and detaching"; clone(2), CLONE_PTRACE), and what becomes of
// it at the end of either.

import { deadline } from "../../libroottask/clock";
import {
  CAP_SYS_ADMIN,
  CAP_SYS_PTRACE,
  capable,
  hasCapability,
} from "../../libroottask/credentials";
import { EINVAL, EIO, ENOMEM, EPERM, ESRCH } from "../../libroottask/errno";
import { seenBy } from "../../libroottask/pid_numbers";
import { ABI_LINUX, Program, Thread, threadWithId } from "../../libroottask/program";
import { isRemains } from "../../libroottask/remains";
import { kick, waitFor } from "../../libroottask/thread";
import { CLONE_PTRACE, CLONE_UNTRACED, CLONE_VFORK, CSIGNAL } from "../clone_flags";
import { mayInspect, visibleThread } from "../inspect";
import { MODE_NONE } from "../seccomp/numbers";
import { SIGCHLD, SIGKILL, SIGSTOP } from "../signal_numbers";
import { SI_KERNEL, signalBit } from "../signal_queue";
import { fillInfo, isStopped, killPending, raise } from "../signals";
import { linuxProgram, linuxThread } from "../state";
import {
  CLD_DUMPED,
  CLD_EXITED,
  CLD_KILLED,
  EVENT_CLONE,
  EVENT_FORK,
  EVENT_VFORK,
  OPTION_EXITKILL,
  OPTION_SUSPEND_SECCOMP,
  OPTIONS,
} from "./numbers";
import { tellTracer, wantsEvent } from "./stops";
import {
  firstTracee,
  freeTracee,
  letGo,
  makeTracee,
  Tracee,
  traceeOf,
  traceeWithId,
  unlinkTracee,
} from "./tracee";

/** What a wait status has of a core dump, beside the signal. */
const DUMPED: u32 = 0x80;

/** The options `wanted` may be set by `tracer`: 0 or a negative error. */
export function checkOptions(tracer: Thread, wanted: u64): i64 {
  if ((wanted & ~(OPTIONS as u64)) !== 0) return -EINVAL;
  if ((wanted & (OPTION_SUSPEND_SECCOMP as u64)) === 0) return 0;
  if (!capable(CAP_SYS_ADMIN) || linuxThread(tracer).seccomp !== MODE_NONE) return -EPERM;
  return 0;
}

/** The thread of the parent of `program` that made it, or another of that; null where there is none that could trace. */
function maker(program: Program): Thread | null {
  const parent = program.parent;
  if (parent === null || parent.personality === 0 || parent.alive === 0) return null;
  const thread = threadWithId(linuxProgram(program).maker);
  return thread !== null && thread.program === parent ? thread : parent.threads;
}

/** `thread` is traced since `actor` has wanted that. */
function trust(thread: Thread, actor: Thread): void {
  const record = traceeOf(thread) as Tracee;
  record.trusted = hasCapability(actor.credentials, CAP_SYS_PTRACE) ? 1 : 0;
}

/** PTRACE_TRACEME: the parent of `thread` traces it. */
export function traceMe(thread: Thread): i64 {
  if (traceeOf(thread) !== null) return -EPERM;
  const tracer = maker(thread.program);
  if (tracer === null) return -EPERM;
  if (!makeTracee(thread, tracer, 0, 0)) return -ENOMEM;
  trust(thread, thread);
  return 0;
}

/** What is waited at a time for a tracee to come into its stop, in nanoseconds. */
const MOMENT: u64 = 100_000;

/** `thread`, which `tracer` has begun to trace, tells of the stop of its process; one that `stands` in that does so at once. */
function awaitStanding(tracer: Thread, thread: Thread, stands: bool): void {
  const id = thread.id;
  kick(thread);
  while (stands && thread.id === id && !killPending(tracer)) {
    const record = traceeOf(thread);
    if (record === null || record.tracer !== tracer || record.stopped !== 0) return;
    waitFor(tracer, 0, 0, deadline(MOMENT));
  }
}

/** PTRACE_ATTACH, or PTRACE_SEIZE with `options`. */
export function attach(tracer: Thread, id: u32, seizes: bool, address: u64, options: u64): i64 {
  const thread = visibleThread(tracer, id);
  if (thread === null) return -ESRCH;
  if (seizes) {
    if (address !== 0) return -EIO;
    const wrong = (options & ~(OPTIONS as u64)) !== 0 ? -EIO : checkOptions(tracer, options);
    if (wrong !== 0) return wrong;
  }
  const program = thread.program;
  if (program === tracer.program || program.abi !== ABI_LINUX) return -EPERM;
  if (!mayInspect(tracer, thread)) return -EPERM;
  if (isRemains(thread) || program.ending !== 0 || traceeOf(thread) !== null) return -EPERM;
  const stopped = isStopped(program);
  const stands = stopped && thread.waiting !== 0 && thread.channel === program.signals;
  if (!makeTracee(thread, tracer, seizes ? 1 : 0, seizes ? (options as u32) : 0)) return -ENOMEM;
  trust(thread, tracer);
  if (!seizes) {
    fillInfo(SIGSTOP, SI_KERNEL);
    raise(null, program, thread, SIGSTOP);
  }
  if (stopped) awaitStanding(tracer, thread, stands);
  return 0;
}

/** `record` is no tracee any more, and goes on with `given` where it stands in a stop. */
export function letFree(record: Tracee, given: u32): void {
  const thread = record.thread;
  unlinkTracee(record);
  if (thread === null || linuxThread(thread).halt !== changetype<usize>(record)) {
    freeTracee(record);
    return;
  }
  // It frees the record when it leaves the stop.
  if (record.stopped !== 0) letGo(record, given);
}

/** The event by which the tracer of `parent` is told of what it makes with `flags` and this signal at its end, 0 for none. */
export function eventOf(parent: Thread, flags: u64, exitSignal: u64): u32 {
  if ((flags & CLONE_UNTRACED) !== 0) return 0;
  let event: u32 = EVENT_FORK;
  if ((flags & CLONE_VFORK) !== 0) event = EVENT_VFORK;
  else if ((exitSignal & CSIGNAL) !== (SIGCHLD as u64)) event = EVENT_CLONE;
  return wantsEvent(parent, event) ? event : 0;
}

/** `made` is traced like `parent`, which has made it with `flags` and of which `event` is told. False when memory is out. */
export function traceNew(made: Thread, parent: Thread, flags: u64, event: u32): bool {
  const record = traceeOf(parent);
  if (record === null || (event === 0 && (flags & CLONE_PTRACE) === 0)) return true;
  if (!makeTracee(made, record.tracer, record.seized, record.options)) return false;
  const own = traceeOf(made) as Tracee;
  own.trusted = record.trusted;
  if (record.seized !== 0) own.trapping = 1;
  else linuxThread(made).pending |= signalBit(SIGSTOP);
  return true;
}

/** `thread` has never run, and goes. */
export function untrace(thread: Thread): void {
  const record = traceeOf(thread);
  if (record !== null) letFree(record, 0);
}

/** `thread`, which had the id `before`, has executed another program. */
export function tellExecuted(thread: Thread, before: u32): void {
  const record = traceeOf(thread);
  if (record !== null) record.executed = seenBy(record.tracer.program, before);
}

/** `thread` goes by the id of its process from now on, whose first thread has gone. */
export function takeLeadersPlace(thread: Thread): void {
  const leader = traceeWithId(thread.program.id);
  if (leader !== null && leader.thread === null) letFree(leader, 0);
  const record = traceeOf(thread);
  if (record !== null) record.id = thread.program.id;
}

/** What is done with a process whose first thread nobody traces any more, once it has ended. */
type Untraced = (program: Program) => void;

function nothing(_program: Program): void {}

let untraced: Untraced = nothing;

/** `hook` is told of processes that have ended, and whose tracer has gone since. */
export function setUntraced(hook: Untraced): void {
  untraced = hook;
}

/** Nobody asks for `record`, which has ended, any more. */
export function forgetEnded(record: Tracee): void {
  const program = record.program;
  const reported = record.ended !== 0 && record.id === program.id;
  const other = record.tracer.program !== program.parent;
  letFree(record, 0);
  if (reported && other) untraced(program);
}

/** `thread` ends: those that it traces are free, or are killed. */
function leaveTracees(thread: Thread): void {
  let record = firstTracee();
  while (record !== null) {
    const next: Tracee | null = record.next;
    if (record.tracer === thread) {
      const program = record.program;
      const kills = (record.options & OPTION_EXITKILL) !== 0 && record.thread !== null;
      if (record.ended !== 0) forgetEnded(record);
      else letFree(record, record.code);
      if (kills) {
        fillInfo(SIGKILL, SI_KERNEL);
        raise(null, program, null, SIGKILL);
      }
      // Others may have gone with it.
      record = firstTracee();
      continue;
    }
    record = next;
  }
}

/** CLD_… of a wait status. */
function kindOf(status: u32): u32 {
  if ((status & 0x7f) === 0) return CLD_EXITED;
  return (status & DUMPED) !== 0 ? CLD_DUMPED : CLD_KILLED;
}

/** `record` has ended with `status`, as wait4(2) tells it. */
export function endTracee(record: Tracee, status: u32): void {
  record.ended = 1;
  record.status = status;
  const kind = kindOf(status);
  tellTracer(record, kind, kind === CLD_EXITED ? status >> 8 : status & 0x7f);
}

/** `thread` is about to end with `status`: what it traces, and who traces it. The first of a process is told of with that. */
export function leaveTracing(thread: Thread, status: u32): void {
  leaveTracees(thread);
  const own = linuxThread(thread);
  const halted = changetype<Tracee | null>(own.halt);
  const record = traceeOf(thread);
  own.halt = 0;
  if (halted !== null && halted !== record) freeTracee(halted);
  if (record === null) return;
  own.tracee = 0;
  record.thread = null;
  record.user = thread.credentials.user;
  record.stopped = 0;
  record.code = 0;
  if (record.id !== thread.program.id) endTracee(record, status);
}

/** The record of `program` is about to go; threads of it that were taken away have not told that they end. */
export function forgetTraced(program: Program): void {
  let record = firstTracee();
  while (record !== null) {
    const next: Tracee | null = record.next;
    if (record.program === program || record.tracer.program === program) letFree(record, 0);
    record = next;
  }
}
