// Threads: their start, their waits and their end, and on which processor they run. What a thread needs in the
// roottask is a slot (thread_slots.ts): when it ends, its EC and SC are destroyed, and the slot goes to the next one.

import { CRD_OBJ, MTD_RIP_LEN, PAGE_SIZE, PERM_ALL, ROOT_SEL_PD, SUCCESS } from "../libhedron/abi";
import {
  copyState,
  createGlobalEc,
  createLocalEc,
  createSc,
  delegateRange,
  recall,
  reply,
  revoke,
  revokeCopies,
  smDown,
  smUp,
  timeOfSc,
} from "../libhedron/hypercalls";
import { Utcb } from "../libhedron/utcb";
import { SEL_EVENTS, SEL_FOREIGN, SERVICE_RAW_ECHO } from "../libhrstd/layout";
import { OTHER_PAGES } from "../libhrstd/mediator_layout";
import { deadline } from "./clock";
import { actAs, dropCredentials, keepCredentials, rootCredentials } from "./credentials";
import { stuckAwaited } from "./deadlock";
import { destroyFiles, shareFiles } from "./descriptors";
import { dropFsState, FsState } from "./fs_state";
import { beginHandling, endHandling } from "./handling";
import { enter, leave } from "./lock";
import { decoyUtcb, UTCB_BASE } from "./machine";
import { attachMediator, detachMediator } from "./mediator";
import { endCall } from "./open_file";
import { allProcessors, cpuOf, noteUse, processorCount, usedBefore } from "./processors";
import {
  ABI_LINUX,
  dropThreadId,
  firstProgram,
  Program,
  REGISTERS_BYTES,
  resumeThread,
  STATE_EXITED,
  THREAD_PERSONALITY_BYTES,
  THREADS_MAX,
  Thread,
  takeId,
  tellThreads,
  WAIT_INTERRUPTED,
  WAIT_NONE,
  WAIT_TIMED_OUT,
} from "./program";
import { leaveRemains } from "./remains";
import { RFLAGS_FIXED } from "./rflags";
import {
  DECOY_EC,
  DECOY_PT,
  processorBlock,
  programDone,
  THREAD_DIRECT,
  THREAD_EC,
  THREAD_EVENTS,
  THREAD_SC,
  THREAD_SERVICES,
  THREAD_SLEEP,
  THREAD_SYSCALL,
  threadBlock,
} from "./selectors";
import {
  findRested,
  freeSlot,
  ID_SERVICE,
  initSlots,
  portal,
  SYSCALL_MTD,
  takeSlot,
} from "./thread_slots";
import { seeFrom } from "./tree";
import { dequeue, enqueue, interrupt } from "./wait_queue";

/** How long at a time the end of other threads is waited for, in nanoseconds. */
const MOMENT: u64 = 100_000;
/** Every thread gets the same share: lowest priority above idle, 10 ms. */
const PRIORITY: u64 = 1;
const QUANTUM: u64 = 10_000;

/**
 * Event bases of threads of foreign programs; their system calls go to a portal at the same distance. The first one's
 * portals are at 0 and SEL_FOREIGN, too, where the published environment has them.
 *
 * The published kernel writes the registers of any thread's system call into the message buffer of whoever handles the
 * portal at SEL_FOREIGN, before it goes the right way: into the handler of the first thread, whatever that is at. So a
 * program that gets a second thread has a decoy there, whose buffer nobody reads.
 */
const EVENT_BASES: u64 = 0x1000;
const EVENT_BASE_STRIDE: u64 = 0x80;
/** UTCB pages of further threads, between the stack and where memory is mapped. */
export const THREAD_UTCBS: u64 = OTHER_PAGES;
export const THREAD_UTCBS_END: u64 = THREAD_UTCBS + (((THREADS_MAX + 1) * PAGE_SIZE) as u64);

/** Processors that have a decoy, as a set. */
let decoys: u64 = 0;

/** Must be called first. */
export function initThreads(): void {
  decoys = 0;
  initSlots();
}

type End = (program: Program) => void;

let programEnded: End = noEnd;

function noEnd(_program: Program): void {}

/** Registers what is done with the lock held when the last thread of a program has ended; the record may be gone then. */
export function setProgramEnd(end: End): void {
  programEnded = end;
}

type ThreadEnd = (thread: Thread) => void;

let threadEnded: ThreadEnd = nothingEnds;

function nothingEnds(_thread: Thread): void {}

/** Registers what is done with the lock held when a thread is about to end; it and its program are whole yet. */
export function setThreadEnd(end: ThreadEnd): void {
  threadEnded = end;
}

/** Threads of each processor that do not wait. */
const busy = memory.data(64 * 4);

/** The processor in the set `allowed` with the fewest threads that do not wait, the first of several. */
export function leastBusy(allowed: u64): u32 {
  const count = processorCount();
  if (count === 1) return 0;
  memory.fill(busy, 0, count * 4);
  let program = firstProgram();
  while (program !== null) {
    let thread = program.threads;
    while (thread !== null) {
      const at = busy + thread.processor * 4;
      if (thread.waiting === 0) store<u32>(at, load<u32>(at) + 1);
      thread = thread.next;
    }
    program = program.next;
  }
  let least: u32 = 0;
  let fewest: u32 = 0xffff_ffff;
  for (let processor: u32 = 0; processor < count; processor++) {
    if (((allowed >> (processor as u64)) & 1) === 0) continue;
    const threads = load<u32>(busy + processor * 4);
    if (threads >= fewest) continue;
    fewest = threads;
    least = processor;
  }
  return least;
}

/**
 * One more thread of `program`, not started; null when slots or memory are out. It runs where the fewest do, among the
 * processors of `maker`, whose handler this is; the first of an entry of the start file, which nobody makes, on the
 * roottask's.
 */
export function newThread(program: Program, maker: Thread | null): Thread | null {
  const allowed = maker === null ? allProcessors() : maker.processors;
  const here = maker === null ? 0 : maker.processor;
  const thread = takeSlot(maker === null ? 0 : leastBusy(allowed), here);
  if (thread === null) return null;
  thread.processors = allowed;
  memory.fill(thread.personality, 0, THREAD_PERSONALITY_BYTES);
  memory.fill(thread.registers, 0, REGISTERS_BYTES);
  thread.waiting = 0;
  thread.choiceCount = 0;
  thread.outcome = WAIT_NONE;
  thread.forever = 0;
  thread.lends = 0;
  thread.lender = 0;
  thread.recordOwner = 0;
  thread.usedTime = 0;
  thread.handledTicks = 0;
  thread.handledSince = 0;
  thread.toldUserTime = 0;
  thread.likeSlot = 0;
  thread.files = 0;
  thread.fs = changetype<FsState>(0);
  thread.entryFlags = RFLAGS_FIXED;
  thread.moved = 0;
  thread.alerted = 0;
  thread.direct = 0;
  thread.credentials = keepCredentials(rootCredentials());
  thread.program = program;
  takeId(thread);
  thread.next = program.threads;
  program.threads = thread;
  program.alive++;
  tellThreads(program);
  return thread;
}

/** `thread` has the descriptor table `files` and `fs` from now on, which count it; its program has what its last thread was given. */
export function setFileState(thread: Thread, files: usize, fs: FsState): void {
  fs.users++;
  shareFiles(files);
  dropFileState(thread);
  thread.files = files;
  thread.fs = fs;
  thread.program.files = files;
  thread.program.fs = fs;
}

function dropFileState(thread: Thread): void {
  if (thread.files !== 0) destroyFiles(thread.files);
  if (changetype<usize>(thread.fs) !== 0) dropFsState(thread.fs);
  thread.files = 0;
  thread.fs = changetype<FsState>(0);
}

function give(program: Program, from: u64, to: u64, order: u64): u64 {
  return delegateRange(ROOT_SEL_PD, program.space.pd, CRD_OBJ, from, to, order, PERM_ALL, 0);
}

/** Gives the first thread's portals to the places where the published environment has them. */
function giveFirst(thread: Thread): u64 {
  const program = thread.program;
  const status = give(program, thread.block + THREAD_EVENTS, SEL_EVENTS, 5);
  if (status !== SUCCESS || program.abi !== ABI_LINUX) return status;
  return give(
    program,
    thread.block + THREAD_DIRECT,
    callSelector(SEL_FOREIGN, thread.processor),
    0,
  );
}

/**
 * Gives the program the portals of `thread` and creates its EC, whose UTCB it sees at `utcb`. Returns the kernel's
 * status.
 */
export function prepareThread(thread: Thread, utcb: u64): u64 {
  const program = thread.program;
  const block = thread.block;
  thread.utcbAddress = utcb;
  let events: u64 = SEL_EVENTS;
  if (program.space.decoys === 0 && program.threads === thread && thread.next === null) {
    const status = giveFirst(thread);
    if (status !== SUCCESS) return status;
  }
  if (program.abi === ABI_LINUX) {
    events = EVENT_BASES + (thread.slot as u64) * EVENT_BASE_STRIDE;
    let status = give(program, block + THREAD_EVENTS, events, 5);
    if (status !== SUCCESS) return status;
    const at = callSelector(events + SEL_FOREIGN, thread.processor);
    status = give(program, block + THREAD_SYSCALL, at, 0);
    if (status !== SUCCESS) return status;
  }
  const cpu = cpuOf(thread.processor);
  const status = createGlobalEc(block + THREAD_EC, program.space.pd, cpu, utcb, events);
  if (status === SUCCESS && program.abi === ABI_LINUX) attachMediator(thread);
  return status;
}

/** Where the portal of system calls on `processor` is, those of the kernel's CPU 0 being at `first`. */
function callSelector(first: u64, processor: u32): u64 {
  return first + (cpuOf(processor) as u64);
}

/** Creates the decoy of `processor` when it is needed first. Returns the kernel's status. */
function createDecoy(processor: u32): u64 {
  const bit = (1 as u64) << (processor as u64);
  if ((decoys & bit) !== 0) return SUCCESS;
  const block = processorBlock(processor);
  const utcb = decoyUtcb(processor);
  const cpu = cpuOf(processor);
  const slot = (utcb - (UTCB_BASE as usize)) / (PAGE_SIZE as usize);
  let status = createLocalEc(block + DECOY_EC, ROOT_SEL_PD, cpu, utcb as u64, 0, SEL_EVENTS);
  if (status !== SUCCESS) return status;
  status = portal(
    block + DECOY_PT,
    block + DECOY_EC,
    SYSCALL_MTD,
    slot as u32,
    ID_SERVICE + SERVICE_RAW_ECHO,
  );
  if (status === SUCCESS) decoys |= bit;
  return status;
}

/** Puts a decoy in the place of the portal for calls on `processor`. Returns the kernel's status. */
function giveDecoy(program: Program, processor: u32): u64 {
  const space = program.space;
  const bit = (1 as u64) << (processor as u64);
  if ((space.decoys & bit) !== 0) return SUCCESS;
  const status = createDecoy(processor);
  if (status !== SUCCESS) return status;
  space.decoys |= bit;
  const from = processorBlock(processor) + DECOY_PT;
  return give(program, from, callSelector(SEL_FOREIGN, processor), 0);
}

/** Puts decoys in the places of the first thread's portal and that of `thread`. Returns the kernel's status. */
function becomeThreaded(program: Program, thread: Thread): u64 {
  let other = program.threads;
  if (program.space.decoys === 0) {
    // The first thread's portal goes before a decoy comes, wherever that thread is among them: the published kernel puts
    // nothing where something is.
    while (other !== null) {
      revokeCopies(CRD_OBJ, other.block + THREAD_DIRECT, 0);
      other = other.next;
    }
    other = program.threads;
    while (other !== null) {
      const status = giveDecoy(program, other.processor);
      if (status !== SUCCESS) return status;
      other = other.next;
    }
  }
  return giveDecoy(program, thread.processor);
}

/** Lets a prepared thread run. Returns the kernel's status. */
export function runThread(thread: Thread): u64 {
  const block = thread.block;
  // A kernel that cannot do it leaves the initial state.
  if (thread.likeSlot !== 0) {
    copyState(block + THREAD_EC, threadBlock(thread.likeSlot) + THREAD_EC);
    thread.likeSlot = 0;
  }
  return createSc(block + THREAD_SC, ROOT_SEL_PD, block + THREAD_EC, PRIORITY, QUANTUM);
}

/**
 * Lets a further thread run in the space of `program`, which runs: its own program, or the one whose memory it borrows.
 * Returns the kernel's status.
 */
export function startThread(thread: Thread, program: Program): u64 {
  let status = becomeThreaded(program, thread);
  if (status !== SUCCESS) return status;
  status = prepareThread(thread, THREAD_UTCBS + (thread.slot as u64) * (PAGE_SIZE as u64));
  return status === SUCCESS ? runThread(thread) : status;
}

/** CPU time that `thread` has used, in microseconds; that of its calls counts. */
export function timeOfThread(thread: Thread): u64 {
  return thread.usedTime + timeOfSc(thread.block + THREAD_SC);
}

/** CPU time that `program` has used, in microseconds. */
export function timeOfProgram(program: Program): u64 {
  let time = program.usedTime;
  let thread = program.threads;
  while (thread !== null) {
    time += timeOfThread(thread);
    thread = thread.next;
  }
  return time;
}

/** Microseconds that threads have used `processor`. */
export function timeOfProcessor(processor: u32): u64 {
  let time = usedBefore(processor);
  let program = firstProgram();
  while (program !== null) {
    let thread = program.threads;
    while (thread !== null) {
      if (thread.processor === processor) time += timeOfSc(thread.block + THREAD_SC);
      thread = thread.next;
    }
    program = program.next;
  }
  return time;
}

/** The SC of `thread` is about to go: what it has used is kept. */
export function keepTime(thread: Thread): void {
  const time = timeOfSc(thread.block + THREAD_SC);
  thread.usedTime += time;
  noteUse(thread.processor, time);
}

/** Takes from a thread what runs: its EC, its SC, and what its program has of it. */
export function detachThread(thread: Thread): void {
  endCall(thread);
  detachMediator(thread);
  keepTime(thread);
  const block = thread.block;
  revokeCopies(CRD_OBJ, block + THREAD_EVENTS, 5);
  revokeCopies(CRD_OBJ, block + THREAD_SERVICES, 3);
  revokeCopies(CRD_OBJ, block + THREAD_SYSCALL, 0);
  revokeCopies(CRD_OBJ, block + THREAD_DIRECT, 0);
  revoke(CRD_OBJ, block + THREAD_SC, 0);
  revoke(CRD_OBJ, block + THREAD_EC, 0);
}

/** Takes everything from a thread that will never run again, and frees its slot and id. */
export function releaseThread(thread: Thread): void {
  const program = thread.program;
  detachThread(thread);
  program.usedTime += thread.usedTime;
  program.handledTicks += thread.handledTicks;
  if (program.threads === thread) {
    program.threads = thread.next;
  } else {
    let at = program.threads as Thread;
    while (at.next !== thread) at = at.next as Thread;
    at.next = thread.next;
  }
  program.alive--;
  tellThreads(program);
  // Others may wait for the other ends of its pipes.
  dropFileState(thread);
  const rest = program.threads;
  program.files = rest === null ? 0 : rest.files;
  program.fs = rest === null ? changetype<FsState>(0) : rest.fs;
  leaveRemains(thread);
  dropCredentials(thread.credentials);
  dropThreadId(thread);
  thread.id = 0;
  freeSlot(thread);
}

/**
 * The end of a thread, called in its handler EC with the lock held. Its SC is revoked, so that the kernel
 * drops it with this reply; where a kernel lets it go on for a moment, it meets an address that is never
 * mapped and no portal. Does not return.
 */
export function retire(thread: Thread): void {
  const program = thread.program;
  threadEnded(thread);
  findRested(thread.processor);
  releaseThread(thread);
  if (program.alive === 0) {
    if (program.ending === 0) {
      program.ending = 1;
      program.state = STATE_EXITED;
    }
    const done = programDone(program.slot);
    programEnded(program);
    smUp(done);
    const stuck = stuckAwaited();
    if (stuck !== null) smUp(programDone(stuck.slot));
  }
  dismiss(thread);
  leave();
  while (true) reply();
}

/** Makes the reply of the handler of `thread` one after which nothing can run. */
export function dismiss(thread: Thread): void {
  dismissHandler(thread.utcb);
}

/** The same by the message buffer `utcb` of a handler. */
export function dismissHandler(utcb: Utcb): void {
  utcb.items = 0;
  utcb.mtd = MTD_RIP_LEN;
  utcb.rip = 0;
}

/** The thread may not go on. */
export function isEnding(thread: Thread): bool {
  const program = thread.program;
  return program.ending !== 0 || (program.survivor !== null && program.survivor !== thread);
}

/** Lets all threads of the program of `thread` but itself come to their end, and waits for that. */
export function endOtherThreads(thread: Thread): void {
  const program = thread.program;
  program.survivor = thread;
  kickAll(program, thread);
  while (program.alive > 1) waitFor(thread, 0, 0, deadline(MOMENT));
  program.survivor = null;
}

/** Makes another thread look for what has changed: a waiting one is woken, a running one recalled. */
export function kick(thread: Thread): void {
  if (thread.waiting !== 0) interrupt(thread);
  else if (thread.outcome === WAIT_NONE) recall(thread.block + THREAD_EC);
}

/** Does so with all threads of `program` but `except`. */
export function kickAll(program: Program, except: Thread | null): void {
  let thread = program.threads;
  while (thread !== null) {
    const next: Thread | null = thread.next;
    if (thread !== except) kick(thread);
    thread = next;
  }
}

/**
 * Gives up the processor until the TSC reaches `until` (0: for ever), somebody wakes `key` of `channel`, or
 * a signal comes: WAIT_…. Other threads and programs are served meanwhile, so nothing but the records the
 * caller holds may be relied on afterwards, and the thread's message.
 */
export function waitFor(thread: Thread, channel: usize, key: u64, until: u64): u32 {
  if (thread.alerted !== 0) {
    thread.alerted = 0;
    return WAIT_INTERRUPTED;
  }
  enqueue(thread, channel, key);
  thread.forever = until === 0 ? 1 : 0;
  endHandling(thread);
  leave();
  const status = smDown(thread.block + THREAD_SLEEP, until);
  enter();
  beginHandling(thread);
  actAs(thread.credentials);
  resumeThread(thread);
  seeFrom(thread.fs.rootMount, thread.fs.root);
  let outcome = thread.outcome;
  if (outcome === WAIT_NONE) {
    dequeue(thread);
    outcome = WAIT_TIMED_OUT;
  } else if (status !== SUCCESS) {
    // Woken between the timeout and the lock: the semaphore's count must not stay.
    smDown(thread.block + THREAD_SLEEP, 0);
  }
  thread.outcome = WAIT_NONE;
  if (isEnding(thread)) retire(thread);
  return outcome;
}
