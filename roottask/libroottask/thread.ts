// Threads: their kernel objects, their start, their waits and their end. Every thread has a local EC of its
// own in the roottask, which handles all its portals. These handlers, with their portals, semaphore and
// stack, are slots: when a thread ends, its EC and SC are destroyed, and the slot goes to the next one.
//
// Nothing of a dead thread can reach the next one in its slot: its capabilities for the portals are gone
// before the slot is free, and a slot is taken only when its handler answers a call, so that the last reply
// to the dead one is over.

import {
  CRD_OBJ,
  MTD_FS_GS,
  MTD_GPR_ACDB,
  MTD_GPR_BSD,
  MTD_GPR_R8_R15,
  MTD_QUAL,
  MTD_RFLAGS,
  MTD_RIP_LEN,
  MTD_RSP,
  NUM_EXC,
  PAGE_SIZE,
  PERM_ALL,
  ROOT_SEL_PD,
  SUCCESS,
} from "../libhedron/abi";
import {
  callIfIdle,
  copyState,
  createGlobalEc,
  createLocalEc,
  createPt,
  createSc,
  createSm,
  delegateRange,
  ptCtrl,
  recall,
  reply,
  revoke,
  revokeCopies,
  smDown,
  smUp,
  timeOfSc,
} from "../libhedron/hypercalls";
import { portal_entry, raw_echo_entry } from "../libhedron/symbol";
import { Utcb } from "../libhedron/utcb";
import { SEL_EVENTS, SEL_FOREIGN, SERVICE_RAW_ECHO, SERVICES } from "../libhrstd/layout";
import { OTHER_PAGES } from "../libhrstd/mediator_layout";
import { deadline } from "./clock";
import { actAs, dropCredentials, keepCredentials, rootCredentials } from "./credentials";
import { stuckAwaited } from "./deadlock";
import { destroyFiles, shareFiles } from "./descriptors";
import { dropFsState, FsState } from "./fs_state";
import { allocate, create, destroy, release } from "./heap";
import { enter, leave } from "./lock";
import { UTCB_BASE } from "./machine";
import { attachMediator, detachMediator } from "./mediator";
import { endCall } from "./open_file";
import { allocatePages, releasePages } from "./pages";
import {
  ABI_LINUX,
  dropThreadId,
  enterSlot,
  Program,
  REGISTERS_BYTES,
  resumeThread,
  STATE_EXITED,
  THREAD_PERSONALITY_BYTES,
  THREADS_MAX,
  Thread,
  takeId,
  tellThreads,
  WAIT_NONE,
  WAIT_TIMED_OUT,
} from "./program";
import {
  programDone,
  SEL_DECOY_EC,
  SEL_DECOY_PT,
  THREAD_DIRECT,
  THREAD_EC,
  THREAD_EVENTS,
  THREAD_HANDLER,
  THREAD_ORDER,
  THREAD_PROBE,
  THREAD_SC,
  THREAD_SERVICES,
  THREAD_SLEEP,
  THREAD_SYSCALL,
  threadBlock,
} from "./selectors";
import { Transfer } from "./transfer";
import { seeFrom } from "./tree";
import { dequeue, enqueue, interrupt } from "./wait_queue";

/** Portal ids: slot of the thread and what happened to it. */
export const ID_SHIFT: u64 = 8;
export const ID_SERVICE: u32 = 32;
export const ID_SYSCALL: u32 = 64;
export const ID_PROBE: u32 = 65;
/** Slot in the ids of the roottask's own event portals. */
export const OWN_EVENTS: u32 = 0;

/**
 * Stack of a handler EC, as an order of pages. The portal stub rounds RSP up to this size, so that a handler
 * may reply from anywhere in it; asm/layout.ts says the same to the stub.
 */
const STACK_ORDER: u32 = 2;
export const HANDLER_STACK: u32 = PAGE_SIZE << STACK_ORDER;
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

const EXCEPTION_MTD: u64 =
  MTD_GPR_ACDB |
  MTD_GPR_BSD |
  MTD_GPR_R8_R15 |
  MTD_RSP |
  MTD_RIP_LEN |
  MTD_RFLAGS |
  MTD_FS_GS |
  MTD_QUAL;
const SYSCALL_MTD: u64 = MTD_GPR_ACDB | MTD_GPR_BSD | MTD_GPR_R8_R15 | MTD_RFLAGS;

let cpu: u32 = 0;
let slotCount: u32 = 0;
/** Free slots, first freed first. */
let freeSlots: Thread | null = null;
let lastFree: Thread | null = null;
let hasDecoy: bool = false;

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

/** Must be called first; `number` is the CPU the roottask runs on. */
export function initThreads(number: u32): void {
  cpu = number;
  slotCount = 0;
  freeSlots = null;
  lastFree = null;
  hasDecoy = false;
}

/** Creates a portal into `handler` with the id for `what` of slot `slot`. */
function portal(selector: u64, handler: u64, mtd: u64, slot: u32, what: u32): u64 {
  const entry = what === ID_SERVICE + SERVICE_RAW_ECHO ? raw_echo_entry() : portal_entry();
  const status = createPt(selector, ROOT_SEL_PD, handler, mtd, entry);
  if (status !== SUCCESS) return status;
  return ptCtrl(selector, ((slot as u64) << ID_SHIFT) | (what as u64));
}

/** A stack for `createHandler`, or 0 when memory is out. */
export function allocateHandlerStack(): usize {
  return allocatePages(STACK_ORDER);
}

/** Creates the EC at `selector` that handles portals, with its UTCB at `utcb`. Returns the kernel's status. */
export function createHandler(selector: u64, utcb: usize, stack: usize): u64 {
  const top = stack + (PAGE_SIZE << STACK_ORDER);
  return createLocalEc(selector, ROOT_SEL_PD, cpu, utcb as u64, top as u64, SEL_EVENTS);
}

/** Creates the 32 event portals from `first` on. */
export function createEventPortals(first: u64, handler: u64, slot: u32): u64 {
  for (let event: u32 = 0; event < (NUM_EXC as u32); event++) {
    const status = portal(first + (event as u64), handler, EXCEPTION_MTD, slot, event);
    if (status !== SUCCESS) return status;
  }
  return SUCCESS;
}

/** The kernel objects that stay with a slot. */
function createSlotObjects(thread: Thread): u64 {
  const block = thread.block;
  const handler = block + THREAD_HANDLER;
  let status = createHandler(handler, changetype<usize>(thread.utcb), thread.stack);
  if (status !== SUCCESS) return status;
  status = createEventPortals(block + THREAD_EVENTS, handler, thread.slot);
  if (status !== SUCCESS) return status;
  for (let service: u32 = 0; service < SERVICES; service++) {
    const selector = block + THREAD_SERVICES + (service as u64);
    status = portal(selector, handler, 0, thread.slot, ID_SERVICE + service);
    if (status !== SUCCESS) return status;
  }
  status = portal(block + THREAD_SYSCALL, handler, SYSCALL_MTD, thread.slot, ID_SYSCALL);
  if (status !== SUCCESS) return status;
  status = portal(block + THREAD_DIRECT, handler, SYSCALL_MTD, thread.slot, ID_SYSCALL);
  if (status !== SUCCESS) return status;
  status = portal(block + THREAD_PROBE, handler, 0, thread.slot, ID_PROBE);
  if (status !== SUCCESS) return status;
  return createSm(block + THREAD_SLEEP, ROOT_SEL_PD, 0);
}

function discardSlot(thread: Thread): void {
  revoke(CRD_OBJ, thread.block, THREAD_ORDER);
  if (thread.stack !== 0) releasePages(thread.stack, STACK_ORDER);
  if (thread.registers !== 0) release(thread.registers, REGISTERS_BYTES);
  if (thread.page !== 0) releasePages(thread.page, 0);
  if (thread.personality !== 0) release(thread.personality, THREAD_PERSONALITY_BYTES);
  if (changetype<usize>(thread.transfer) !== 0) destroy<Transfer>(thread.transfer);
  destroy<Thread>(thread);
}

function newSlot(): Thread | null {
  if (slotCount === THREADS_MAX) return null;
  const thread = create<Thread>();
  if (thread === null) return null;
  const slot = slotCount + 1;
  thread.slot = slot;
  thread.block = threadBlock(slot);
  thread.stack = allocateHandlerStack();
  thread.registers = allocate(REGISTERS_BYTES);
  thread.personality = allocate(THREAD_PERSONALITY_BYTES);
  thread.utcb = changetype<Utcb>(UTCB_BASE + slot * PAGE_SIZE);
  const transfer = create<Transfer>();
  if (transfer !== null) thread.transfer = transfer;
  const complete = thread.stack !== 0 && thread.registers !== 0 && thread.personality !== 0;
  if (!complete || transfer === null || createSlotObjects(thread) !== SUCCESS) {
    discardSlot(thread);
    return null;
  }
  slotCount = slot;
  enterSlot(thread);
  return thread;
}

/** Takes the first free slot whose handler is at rest, or makes one. */
function takeSlot(): Thread | null {
  let previous: Thread | null = null;
  let thread = freeSlots;
  while (thread !== null) {
    const next: Thread | null = thread.nextFree;
    if (callIfIdle(thread.block + THREAD_PROBE) === SUCCESS) {
      if (previous === null) freeSlots = next;
      else previous.nextFree = next;
      if (next === null) lastFree = previous;
      return thread;
    }
    previous = thread;
    thread = next;
  }
  return newSlot();
}

function freeSlot(thread: Thread): void {
  thread.nextFree = null;
  if (lastFree === null) freeSlots = thread;
  else (lastFree as Thread).nextFree = thread;
  lastFree = thread;
}

/** One more thread of `program`, not started; null when slots or memory are out. */
export function newThread(program: Program): Thread | null {
  const thread = takeSlot();
  if (thread === null) return null;
  memory.fill(thread.personality, 0, THREAD_PERSONALITY_BYTES);
  memory.fill(thread.registers, 0, REGISTERS_BYTES);
  thread.waiting = 0;
  thread.outcome = WAIT_NONE;
  thread.forever = 0;
  thread.lends = 0;
  thread.lender = 0;
  thread.recordOwner = 0;
  thread.usedTime = 0;
  thread.likeSlot = 0;
  thread.files = 0;
  thread.fs = changetype<FsState>(0);
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
  return give(program, thread.block + THREAD_DIRECT, SEL_FOREIGN + (cpu as u64), 0);
}

/**
 * Gives the program the portals of `thread` and creates its EC, whose UTCB it sees at `utcb`. Returns the kernel's
 * status.
 */
export function prepareThread(thread: Thread, utcb: u64): u64 {
  const program = thread.program;
  const block = thread.block;
  let events: u64 = SEL_EVENTS;
  if (program.space.threaded === 0 && program.threads === thread && thread.next === null) {
    const status = giveFirst(thread);
    if (status !== SUCCESS) return status;
  }
  if (program.abi === ABI_LINUX) {
    events = EVENT_BASES + (thread.slot as u64) * EVENT_BASE_STRIDE;
    let status = give(program, block + THREAD_EVENTS, events, 5);
    if (status !== SUCCESS) return status;
    status = give(program, block + THREAD_SYSCALL, events + SEL_FOREIGN + (cpu as u64), 0);
    if (status !== SUCCESS) return status;
  }
  const status = createGlobalEc(block + THREAD_EC, program.space.pd, cpu, utcb, events);
  if (status === SUCCESS && program.abi === ABI_LINUX) attachMediator(thread);
  return status;
}

/** Creates the decoy when it is needed first. Returns the kernel's status. */
function createDecoy(): u64 {
  if (hasDecoy) return SUCCESS;
  const slot: u32 = THREADS_MAX + 1;
  const utcb = (UTCB_BASE + slot * PAGE_SIZE) as u64;
  let status = createLocalEc(SEL_DECOY_EC, ROOT_SEL_PD, cpu, utcb, 0, SEL_EVENTS);
  if (status !== SUCCESS) return status;
  status = portal(SEL_DECOY_PT, SEL_DECOY_EC, SYSCALL_MTD, slot, ID_SERVICE + SERVICE_RAW_ECHO);
  hasDecoy = status === SUCCESS;
  return status;
}

/** Puts the decoy in the place of the first thread's portal. Returns the kernel's status. */
function becomeThreaded(program: Program): u64 {
  const space = program.space;
  if (space.threaded !== 0) return SUCCESS;
  const status = createDecoy();
  if (status !== SUCCESS) return status;
  space.threaded = 1;
  let thread = program.threads;
  while (thread !== null) {
    revokeCopies(CRD_OBJ, thread.block + THREAD_DIRECT, 0);
    thread = thread.next;
  }
  return give(program, SEL_DECOY_PT, SEL_FOREIGN + (cpu as u64), 0);
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
  let status = becomeThreaded(program);
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

/** Takes from a thread what runs: its EC, its SC, and what its program has of it. */
export function detachThread(thread: Thread): void {
  endCall(thread);
  detachMediator(thread);
  thread.usedTime = timeOfThread(thread);
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
  const utcb = thread.utcb;
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
  enqueue(thread, channel, key);
  thread.forever = until === 0 ? 1 : 0;
  leave();
  const status = smDown(thread.block + THREAD_SLEEP, until);
  enter();
  actAs(thread.credentials);
  resumeThread(thread);
  seeFrom(thread.fs.root);
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
