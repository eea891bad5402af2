// Processes: the record of each program, its kernel objects (PD, main EC, SC, portals, the roottask's
// handler EC for it), its start and its end. A further thread of a program is a record of its own that
// shares space and files with the first, its leader. A thread ends inside its own handler EC, which never
// replies and parks; the main EC takes the program's capabilities and memory back when all of it has ended.

import {
  BAD_PAR,
  CRD_OBJECT,
  EVENTS,
  MTD_FS_GS,
  MTD_GPR_ACDB,
  MTD_GPR_BSD,
  MTD_GPR_R8_R15,
  MTD_QUAL,
  MTD_RFLAGS,
  MTD_RIP_LEN,
  MTD_RSP,
  PAGE_SIZE,
  RIGHT_ALL,
  ROOT_PD,
  SUCCESS,
} from "../libhedron/abi";
import {
  createForeignPd,
  createGlobalEc,
  createLocalEc,
  createPd,
  createPt,
  createSc,
  createSm,
  delegateRange,
  ptCtrl,
  revoke,
  smUp,
} from "../libhedron/hypercalls";
import { portal_entry } from "../libhedron/symbol";
import { Utcb } from "../libhedron/utcb";
import {
  SEL_ALLOCATE,
  SEL_EC,
  SEL_ECHO,
  SEL_EVENTS,
  SEL_EXIT,
  SEL_FILES,
  SEL_FOREIGN,
  SEL_PD,
  SEL_RAW_ECHO,
  SEL_SC,
  SEL_STDERR,
  SEL_STDOUT,
  SERVICES,
  UTCB_ADDRESS,
} from "../libhrstd/layout";
import { destroyFiles, newFiles } from "./files";
import { allocate, create } from "./heap";
import { park } from "./lock";
import { UTCB_BASE } from "./machine";
import { allocatePages } from "./pages";
import {
  BLOCK_DONE,
  BLOCK_EC,
  BLOCK_EVENTS,
  BLOCK_HANDLER,
  BLOCK_PD,
  BLOCK_SC,
  BLOCK_SERVICES,
  BLOCK_SLEEP,
  BLOCK_SYSCALL,
  processBlock,
} from "./selectors";
import { block, destroySpace, newSpace, Space } from "./space";
import { Node, root } from "./tree";

export const ABI_LINUX: u32 = 0;
export const ABI_NATIVE: u32 = 1;

export const STATE_NEW: u32 = 0;
export const STATE_RUNNING: u32 = 1;
export const STATE_EXITED: u32 = 2;
export const STATE_KILLED: u32 = 3;
export const STATE_FAILED: u32 = 4;

/** Portal ids: process number and what happened to it. */
export const ID_SHIFT: u64 = 8;
export const ID_SERVICE: u32 = 32;
export const ID_SYSCALL: u32 = 64;
/** Process number in the ids of the roottask's own event portals. */
export const OWN_EVENTS: u32 = 0;

export const PROCESSES_MAX: u32 = 1023;
/** Stack of a handler EC, as an order of pages. */
const STACK_ORDER: u32 = 2;
/** Every program gets the same share: lowest priority above idle, 10 ms. */
const PRIORITY: u64 = 1;
const QUANTUM: u64 = 10_000;

@unmanaged
export class Process {
  /** 1, 2, … in order of start; also the process id a Linux program sees. */
  id: u32;
  abi: u32;
  /** Path as written in the start file. */
  name: usize;
  nameLength: u32;
  state: u32;
  /** Exit status, signal number, or the loader's error. */
  status: u32;
  space: Space;
  utcb: Utcb;
  files: usize;
  directory: Node;
  executable: Node;
  /** First selector of its block. */
  block: u64;
  /** RIP and RSP of its start. */
  entry: u64;
  stack: u64;
  handlerStack: usize;
  /** Record of the personality. */
  personality: usize;
  startTime: u64;
  /** System calls of a foreign program, service calls of any. */
  calls: u64;
  faults: u64;
  /** Most pages it had at a time, set when it is reaped. */
  peak: u32;
  /** Number of the program in the log. */
  number: u32;
  /** First thread of the program, and the next one in its list. */
  leader: Process;
  nextThread: Process | null;
  /** Threads that have not ended, and all there ever were; kept in the leader. */
  alive: u32;
  threads: u32;
  /** The program has ended: this thread must not go on. */
  dead: u32;
  /** Its handler has parked: it will never run again. */
  parked: u32;
  /** WAIT_…: what the handler sleeps for. */
  waiting: u32;
  /** Futex it waits for. */
  waitAddress: u64;
  /** It has been woken, by a futex operation or a signal. */
  woken: u32;
  interrupted: u32;
  /** Registers a new thread starts with, and those of a sleeping one. */
  registers: usize;
}

export const WAIT_NONE: u32 = 0;
/** Asleep until a time; asleep until a time or a wake-up; asleep until a wake-up. */
export const WAIT_TIME: u32 = 1;
export const WAIT_FUTEX: u32 = 2;
export const WAIT_FUTEX_FOREVER: u32 = 3;

/** Bytes of a UTCB that hold the registers of an exception message. */
export const REGISTERS_BYTES: u32 = offsetof<Utcb>() as u32;
/** Event base of thread n of a program: n times this. */
const EVENTS_PER_THREAD: u64 = 0x1000;
/** UTCB pages of threads, between the stack and where memory is mapped. */
const THREAD_UTCBS: u64 = 0x7fff_f400_0000;

const table = memory.data(1024 * 4);
let processes: u32 = 0;
let programs: u32 = 0;
let cpu: u32 = 0;

/** Must be called first; `number` is the CPU the roottask runs on. */
export function initProcesses(number: u32): void {
  processes = 0;
  programs = 0;
  cpu = number;
}

export function processCount(): u32 {
  return processes;
}

/** Programs among them; the others are further threads. */
export function programCount(): u32 {
  return programs;
}

/** Process `id`, 1…processCount(). */
export function processAt(id: u32): Process {
  return changetype<Process>(load<usize>(table + id * 4));
}

/** What a program and a thread have alike: a number, selectors, a handler stack. */
function newRecord(): Process | null {
  if (processes === PROCESSES_MAX) return null;
  const process = create<Process>();
  if (process === null) return null;
  const id = processes + 1;
  process.id = id;
  process.block = processBlock(id);
  process.handlerStack = allocatePages(STACK_ORDER);
  process.registers = allocate(REGISTERS_BYTES);
  process.utcb = changetype<Utcb>(UTCB_BASE + id * PAGE_SIZE);
  process.leader = process;
  if (process.handlerStack === 0 || process.registers === 0) return null;
  processes = id;
  store<usize>(table + id * 4, changetype<usize>(process));
  return process;
}

/** A new record with an empty space and the standard descriptors, or null when memory is out. */
export function newProcess(abi: u32, name: usize, nameLength: u32): Process | null {
  const process = newRecord();
  if (process === null) return null;
  process.abi = abi;
  process.name = name;
  process.nameLength = nameLength;
  process.number = ++programs;
  process.alive = 1;
  process.threads = 1;
  process.directory = root();
  const space = newSpace(process.block + BLOCK_PD);
  process.files = newFiles();
  if (space === null || process.files === 0) return null;
  process.space = space;
  const blocked = block(space, UTCB_ADDRESS, UTCB_ADDRESS + (PAGE_SIZE as u64));
  return blocked === 0 ? process : null;
}

/** One more thread of the program of `leader`, not started; null when memory is out. */
export function newThread(leader: Process): Process | null {
  const thread = newRecord();
  if (thread === null) return null;
  thread.abi = leader.abi;
  thread.name = leader.name;
  thread.nameLength = leader.nameLength;
  thread.number = leader.number;
  thread.leader = leader;
  thread.space = leader.space;
  thread.files = leader.files;
  thread.executable = leader.executable;
  thread.startTime = leader.startTime;
  return thread;
}

const EXCEPTION_MTD: u64 =
  MTD_GPR_ACDB |
  MTD_GPR_BSD |
  MTD_GPR_R8_R15 |
  MTD_RSP |
  MTD_RIP_LEN |
  MTD_RFLAGS |
  MTD_FS_GS |
  MTD_QUAL;
const SYSCALL_MTD: u64 = MTD_GPR_ACDB | MTD_GPR_BSD | MTD_GPR_R8_R15;

/** Creates a portal of `process` with the id for `what`. */
function portal(selector: u64, handler: u64, mtd: u64, id: u32, what: u32): u64 {
  const status = createPt(selector, ROOT_PD, handler, mtd, portal_entry());
  if (status !== SUCCESS) return status;
  return ptCtrl(selector, ((id as u64) << ID_SHIFT) | (what as u64));
}

/** Creates the EC at `selector` that handles portals, with its UTCB at `utcb` and `stack` bytes of stack. */
export function createHandler(selector: u64, utcb: usize, stackTop: usize): u64 {
  return createLocalEc(selector, ROOT_PD, cpu, utcb as u64, stackTop as u64, SEL_EVENTS);
}

/** Creates the 32 event portals from `first` on. */
export function createEventPortals(first: u64, handler: u64, id: u32): u64 {
  for (let event: u32 = 0; event < EVENTS; event++) {
    const status = portal(first + (event as u64), handler, EXCEPTION_MTD, id, event);
    if (status !== SUCCESS) return status;
  }
  return SUCCESS;
}

const serviceSelectors = memory.data(7 * 8);

function give(process: Process, from: u64, to: u64, order: u64): u64 {
  return delegateRange(ROOT_PD, process.space.pd, CRD_OBJECT, from, to, order, RIGHT_ALL, 0);
}

/** The handler EC and the portals for events and system calls; the program sees them from `events` on. */
function createPortals(process: Process, events: u64): u64 {
  const first = process.block;
  const handler = first + BLOCK_HANDLER;
  const stackTop = process.handlerStack + (PAGE_SIZE << STACK_ORDER);
  let status = createHandler(handler, changetype<usize>(process.utcb), stackTop);
  if (status !== SUCCESS) return status;
  status = createEventPortals(first + BLOCK_EVENTS, handler, process.id);
  if (status !== SUCCESS) return status;
  status = give(process, first + BLOCK_EVENTS, events + SEL_EVENTS, 5);
  if (status !== SUCCESS || process.abi !== ABI_LINUX) return status;
  status = portal(first + BLOCK_SYSCALL, handler, SYSCALL_MTD, process.id, ID_SYSCALL);
  if (status !== SUCCESS) return status;
  return give(process, first + BLOCK_SYSCALL, events + SEL_FOREIGN + (cpu as u64), 0);
}

function createServices(process: Process): u64 {
  const first = process.block;
  store<u64>(serviceSelectors, SEL_STDOUT);
  store<u64>(serviceSelectors + 8, SEL_STDERR);
  store<u64>(serviceSelectors + 16, SEL_ALLOCATE);
  store<u64>(serviceSelectors + 24, SEL_FILES);
  store<u64>(serviceSelectors + 32, SEL_ECHO);
  store<u64>(serviceSelectors + 40, SEL_RAW_ECHO);
  store<u64>(serviceSelectors + 48, SEL_EXIT);
  for (let service: u32 = 0; service < SERVICES; service++) {
    const selector = first + BLOCK_SERVICES + (service as u64);
    let status = portal(selector, first + BLOCK_HANDLER, 0, process.id, ID_SERVICE + service);
    if (status !== SUCCESS) return status;
    status = give(process, selector, load<u64>(serviceSelectors + service * 8), 0);
    if (status !== SUCCESS) return status;
  }
  return SUCCESS;
}

/** Creates the PD; memory can be mirrored into it from then on. Returns the kernel's status. */
export function createDomain(process: Process): u64 {
  const selector = process.block + BLOCK_PD;
  if (process.abi === ABI_LINUX) return createForeignPd(selector, ROOT_PD, SEL_FOREIGN);
  return createPd(selector, ROOT_PD);
}

/** Semaphores, EC and SC of a thread whose UTCB the program sees at `utcb`. */
function run(process: Process, utcb: u64, events: u64): u64 {
  const first = process.block;
  let status = createSm(first + BLOCK_DONE, ROOT_PD, 0);
  if (status !== SUCCESS) return status;
  status = createSm(first + BLOCK_SLEEP, ROOT_PD, 0);
  if (status !== SUCCESS) return status;
  status = createGlobalEc(first + BLOCK_EC, process.space.pd, cpu, utcb, events);
  if (status !== SUCCESS) return status;
  process.state = STATE_RUNNING;
  if (process.leader === process) {
    status =
      give(process, first + BLOCK_PD, SEL_PD, 0) | give(process, first + BLOCK_EC, SEL_EC, 0);
    if (status !== SUCCESS) return status;
  }
  return createSc(first + BLOCK_SC, ROOT_PD, first + BLOCK_EC, PRIORITY, QUANTUM);
}

/** Creates the other kernel objects of `process` and lets it run. Returns the kernel's status. */
export function startProcess(process: Process): u64 {
  let status = createPortals(process, 0);
  if (status !== SUCCESS) return status;
  status = createServices(process);
  if (status !== SUCCESS) return status;
  status = run(process, UTCB_ADDRESS, SEL_EVENTS);
  return status === SUCCESS ? give(process, process.block + BLOCK_SC, SEL_SC, 0) : status;
}

/** The same for a thread made by `newThread`; it joins its leader's list. */
export function startThread(thread: Process): u64 {
  const leader = thread.leader;
  const number = leader.threads as u64;
  const utcb = THREAD_UTCBS + number * (PAGE_SIZE as u64);
  if (block(thread.space, utcb, utcb + (PAGE_SIZE as u64)) !== 0) return BAD_PAR;
  const events = number * EVENTS_PER_THREAD;
  const status = createPortals(thread, events);
  if (status !== SUCCESS) return status;
  leader.threads++;
  leader.alive++;
  thread.nextThread = leader.nextThread;
  leader.nextThread = thread;
  return run(thread, utcb, events);
}

/** Thread `id` of the program of `process`, or null. */
export function threadOf(process: Process, id: u32): Process | null {
  let thread: Process | null = process.leader;
  while (thread !== null) {
    if (thread.id === id && thread.dead === 0) return thread;
    thread = thread.nextThread;
  }
  return null;
}

/** The end of a thread: its handler parks, and it never gets its reply. Does not return. */
export function retire(process: Process): void {
  process.parked = 1;
  park();
}

/** Ends the program of `process`, called in its handler EC with the lock held. Does not return. */
export function endProcess(process: Process, state: u32, status: u32): void {
  const leader = process.leader;
  let thread: Process | null = leader;
  while (thread !== null) {
    thread.dead = 1;
    thread = thread.nextThread;
  }
  leader.state = state;
  leader.status = status;
  smUp(leader.block + BLOCK_DONE);
  retire(process);
}

/** Ends one thread; the last one ends the program, with the status of the first. Does not return. */
export function endThread(process: Process, status: u32): void {
  const leader = process.leader;
  if (process === leader) leader.status = status;
  if (leader.alive === 1) endProcess(process, STATE_EXITED, leader.status);
  leader.alive--;
  process.dead = 1;
  retire(process);
}

/** Revokes its portals and objects, unless it may still run up to its next page fault. */
function takeBack(process: Process): void {
  if (process.parked === 0 && process.state === STATE_RUNNING) return;
  revoke(CRD_OBJECT, process.block + BLOCK_EVENTS, 5);
  for (let i = BLOCK_SERVICES; i < BLOCK_EC; i++) revoke(CRD_OBJECT, process.block + i, 0);
}

/** Takes back what an ended program had; its record stays for the summary. */
export function reapProcess(process: Process): void {
  process.peak = process.space.peak;
  destroyFiles(process.files);
  destroySpace(process.space);
  let thread = process.nextThread;
  while (thread !== null) {
    process.calls += thread.calls;
    process.faults += thread.faults;
    takeBack(thread);
    thread = thread.nextThread;
  }
  takeBack(process);
  process.files = 0;
}
