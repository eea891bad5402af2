// Threads that others trace: a record for each, from the request that makes it a tracee until its tracer lets it go, or has
// waited for its end. One that stands in a stop while it is let go keeps the record until it leaves that.

import { allocate, release } from "../../libroottask/heap";
import { bypassMediator } from "../../libroottask/mediator";
import { Program, Thread } from "../../libroottask/program";
import { wake } from "../../libroottask/wait_queue";
import { INFO_BYTES } from "../signal_queue";
import { linuxThread } from "../state";
import { OPTION_SUSPEND_SECCOMP } from "./numbers";

/** How a tracee goes on: up to a signal, a system call, behind an instruction; calls only shown instead of made (SYSEMU). */
export const RUNS: u32 = 0;
export const RUNS_TO_CALL: u32 = 1;
export const RUNS_STEP: u32 = 2;
export const RUNS_TO_EMULATED: u32 = 3;
export const RUNS_STEP_EMULATED: u32 = 4;

@unmanaged
export class Tracee {
  next: Tracee | null;
  /** Its thread's id, its process, and itself: null once it has ended. */
  id: u32;
  program: Program;
  thread: Thread | null;
  tracer: Thread;
  /** PTRACE_SEIZE, and PTRACE_O_…. */
  seized: u32;
  options: u32;
  /** Who has had it traced could trace all (CAP_SYS_PTRACE). */
  trusted: u32;
  /** It stands in a stop; and listens for the end of its process' stop there (PTRACE_LISTEN). */
  stopped: u32;
  listening: u32;
  /** What wait4(2) tells of the stop, 0 once it has; then what it goes on with, a signal or 0. */
  code: u32;
  /** The stop has a siginfo_t. */
  hasInfo: u32;
  /** It is to stop by PTRACE_EVENT_STOP. */
  trapping: u32;
  /** It has told of the stop of its process, and goes on whatever the others do. */
  passed: u32;
  /** RUNS…. */
  runs: u32;
  /** The trap flag is in its flags for its tracer's sake; it steps through the code around handlers. */
  forced: u32;
  entering: u32;
  /** What its tracer called it before execve(2), until that is told; 0 for none. */
  executed: u32;
  /** It has ended with `status`, as wait4(2) has it, as a thread of `user`. */
  user: u32;
  ended: u32;
  status: u32;
  /** PTRACE_GETEVENTMSG. */
  message: u64;
  /** siginfo_t begins here. */
  info: u64;
}

const INFO: usize = offsetof<Tracee>("info");
const TRACEE_BYTES: u32 = (INFO as u32) + INFO_BYTES;

/** Newest first. */
let tracees: Tracee | null = null;

export function firstTracee(): Tracee | null {
  return tracees;
}

/** What tells of `thread` as a tracee, null where nobody traces it. */
export function traceeOf(thread: Thread): Tracee | null {
  return changetype<Tracee | null>(linuxThread(thread).tracee);
}

/** The record of thread `id`, which may have ended. */
export function traceeWithId(id: u32): Tracee | null {
  let record = tracees;
  while (record !== null && record.id !== id) record = record.next;
  return record;
}

/** Where the siginfo_t of its stop is. */
export function infoOf(record: Tracee): usize {
  return changetype<usize>(record) + INFO;
}

/** `thread` is traced by `tracer` from now on, which sees all its calls. False when memory is out. */
export function makeTracee(thread: Thread, tracer: Thread, seized: u32, options: u32): bool {
  const storage = allocate(TRACEE_BYTES);
  if (storage === 0) return false;
  memory.fill(storage, 0, TRACEE_BYTES);
  const record = changetype<Tracee>(storage);
  record.id = thread.id;
  record.program = thread.program;
  record.thread = thread;
  record.tracer = tracer;
  record.seized = seized;
  record.options = options;
  record.next = tracees;
  tracees = record;
  linuxThread(thread).tracee = storage;
  bypassMediator(thread);
  return true;
}

/** `record` is nobody's any more. */
export function freeTracee(record: Tracee): void {
  release(changetype<usize>(record), TRACEE_BYTES);
}

/** Takes `record` out of the list; its thread is no tracee. */
export function unlinkTracee(record: Tracee): void {
  const thread = record.thread;
  if (thread !== null) linuxThread(thread).tracee = 0;
  if (tracees === record) {
    tracees = record.next;
    return;
  }
  let at = tracees as Tracee;
  while (at.next !== record) at = at.next as Tracee;
  at.next = record.next;
}

/** `thread` stands in a stop for its tracer. */
export function isHalted(thread: Thread): bool {
  const record = changetype<Tracee | null>(linuxThread(thread).halt);
  return record !== null && record.stopped !== 0;
}

/** The tracer of `thread` wants its filters of calls not to be asked. */
export function suspendsFilters(thread: Thread): bool {
  const record = traceeOf(thread);
  return record !== null && (record.options & OPTION_SUSPEND_SECCOMP) !== 0;
}

/** `thread` is traced for somebody who may not trace all. */
export function isDistrusted(thread: Thread): bool {
  const record = traceeOf(thread);
  return record !== null && record.trusted === 0;
}

/** The tracer of `thread`, or null. */
export function tracerOf(thread: Thread): Thread | null {
  const record = traceeOf(thread);
  return record === null ? null : record.tracer;
}

/** Who traces the first thread of `program` is another process than its parent. */
export function isTracedByOther(program: Program): bool {
  const record = traceeWithId(program.id);
  return record !== null && record.tracer.program !== program.parent;
}

/** The parent of `program` traces its first thread. */
export function isTracedByParent(program: Program): bool {
  const record = traceeWithId(program.id);
  return record !== null && record.tracer.program === program.parent;
}

/** `record` is to stop by PTRACE_EVENT_STOP as soon as it can; one that listens leaves the stop that it is in for that. */
export function trap(record: Tracee): void {
  record.trapping = 1;
  if (record.stopped !== 0 && record.listening !== 0) letGo(record, 0);
}

/** `record`, which stands in a stop, goes on with signal `given`, or 0. */
export function letGo(record: Tracee, given: u32): void {
  record.code = given;
  record.listening = 0;
  record.stopped = 0;
  wake(changetype<usize>(record), 0, 1);
}

/** The process of tracees has come to a stop: each has to tell. */
export function tellStop(program: Program): void {
  let thread = program.threads;
  while (thread !== null) {
    const record = traceeOf(thread);
    if (record !== null) {
      record.passed = 0;
      if (record.seized !== 0) trap(record);
    }
    thread = thread.next;
  }
}

/** SIGCONT has been sent to the process of tracees: those that are seized tell that. */
export function tellContinued(program: Program): void {
  let thread = program.threads;
  while (thread !== null) {
    const record = traceeOf(thread);
    if (record !== null && record.seized !== 0) trap(record);
    thread = thread.next;
  }
}
