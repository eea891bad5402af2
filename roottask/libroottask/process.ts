// Processes: the record of each program, its kernel objects (PD, main EC, SC, portals, the roottask's
// handler EC for it), its start and its end. A process ends inside its own handler EC, which never replies
// and parks; the main EC then takes its capabilities and memory back.

import {
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
import { create } from "./heap";
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
  endTime: u64;
  /** System calls of a foreign program, service calls of any. */
  calls: u64;
  faults: u64;
  /** Most pages it had at a time, set when it is reaped. */
  peak: u32;
}

const table = memory.data(1024 * 4);
let processes: u32 = 0;
let cpu: u32 = 0;

/** Must be called first; `number` is the CPU the roottask runs on. */
export function initProcesses(number: u32): void {
  processes = 0;
  cpu = number;
}

export function processCount(): u32 {
  return processes;
}

/** Process `id`, 1…processCount(). */
export function processAt(id: u32): Process {
  return changetype<Process>(load<usize>(table + id * 4));
}

/** A new record with an empty space and the standard descriptors, or null when memory is out. */
export function newProcess(abi: u32, name: usize, nameLength: u32): Process | null {
  if (processes === PROCESSES_MAX) return null;
  const process = create<Process>();
  if (process === null) return null;
  const id = processes + 1;
  process.id = id;
  process.abi = abi;
  process.name = name;
  process.nameLength = nameLength;
  process.block = processBlock(id);
  const space = newSpace(process.block + BLOCK_PD);
  const files = newFiles();
  const stack = allocatePages(STACK_ORDER);
  if (space === null || files === 0 || stack === 0) return null;
  process.space = space;
  process.files = files;
  process.handlerStack = stack;
  process.directory = root();
  process.utcb = changetype<Utcb>(UTCB_BASE + id * PAGE_SIZE);
  if (block(space, UTCB_ADDRESS, UTCB_ADDRESS + (PAGE_SIZE as u64)) !== 0) return null;
  processes = id;
  store<usize>(table + id * 4, changetype<usize>(process));
  return process;
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
  return delegateRange(
    ROOT_PD,
    process.block + BLOCK_PD,
    CRD_OBJECT,
    from,
    to,
    order,
    RIGHT_ALL,
    0,
  );
}

function createPortals(process: Process): u64 {
  const first = process.block;
  const handler = first + BLOCK_HANDLER;
  const stackTop = process.handlerStack + (PAGE_SIZE << STACK_ORDER);
  let status = createHandler(handler, changetype<usize>(process.utcb), stackTop);
  if (status !== SUCCESS) return status;
  status = createEventPortals(first + BLOCK_EVENTS, handler, process.id);
  if (status !== SUCCESS) return status;
  status = give(process, first + BLOCK_EVENTS, SEL_EVENTS, 5);
  store<u64>(serviceSelectors, SEL_STDOUT);
  store<u64>(serviceSelectors + 8, SEL_STDERR);
  store<u64>(serviceSelectors + 16, SEL_ALLOCATE);
  store<u64>(serviceSelectors + 24, SEL_FILES);
  store<u64>(serviceSelectors + 32, SEL_ECHO);
  store<u64>(serviceSelectors + 40, SEL_RAW_ECHO);
  store<u64>(serviceSelectors + 48, SEL_EXIT);
  for (let service: u32 = 0; service < SERVICES; service++) {
    const selector = first + BLOCK_SERVICES + (service as u64);
    status = portal(selector, handler, 0, process.id, ID_SERVICE + service);
    if (status !== SUCCESS) return status;
    status = give(process, selector, load<u64>(serviceSelectors + service * 8), 0);
    if (status !== SUCCESS) return status;
  }
  if (process.abi === ABI_LINUX) {
    status = portal(first + BLOCK_SYSCALL, handler, SYSCALL_MTD, process.id, ID_SYSCALL);
    if (status !== SUCCESS) return status;
    status = give(process, first + BLOCK_SYSCALL, SEL_FOREIGN + (cpu as u64), 0);
  }
  return status;
}

/** Creates the PD; memory can be mirrored into it from then on. Returns the kernel's status. */
export function createDomain(process: Process): u64 {
  const selector = process.block + BLOCK_PD;
  if (process.abi === ABI_LINUX) return createForeignPd(selector, ROOT_PD, SEL_FOREIGN);
  return createPd(selector, ROOT_PD);
}

/** Creates the other kernel objects of `process` and lets it run. Returns the kernel's status. */
export function startProcess(process: Process): u64 {
  const first = process.block;
  let status = createPortals(process);
  if (status !== SUCCESS) return status;
  status = createSm(first + BLOCK_DONE, ROOT_PD, 0);
  if (status !== SUCCESS) return status;
  status = createSm(first + BLOCK_SLEEP, ROOT_PD, 0);
  if (status !== SUCCESS) return status;
  status = createGlobalEc(first + BLOCK_EC, first + BLOCK_PD, cpu, UTCB_ADDRESS, SEL_EVENTS);
  if (status !== SUCCESS) return status;
  status = give(process, first + BLOCK_PD, SEL_PD, 0) | give(process, first + BLOCK_EC, SEL_EC, 0);
  if (status !== SUCCESS) return status;
  process.state = STATE_RUNNING;
  status = createSc(first + BLOCK_SC, ROOT_PD, first + BLOCK_EC, PRIORITY, QUANTUM);
  return status === SUCCESS ? give(process, first + BLOCK_SC, SEL_SC, 0) : status;
}

/** Ends `process`, called in its handler EC with the lock held. Does not return. */
export function endProcess(process: Process, state: u32, status: u32): void {
  process.state = state;
  process.status = status;
  smUp(process.block + BLOCK_DONE);
  park();
}

/** Takes back what an ended process had; its record stays for the summary. */
export function reapProcess(process: Process): void {
  process.peak = process.space.peak;
  destroyFiles(process.files);
  destroySpace(process.space);
  revoke(CRD_OBJECT, process.block + BLOCK_EVENTS, 5);
  for (let i = BLOCK_SERVICES; i < BLOCK_EC; i++) revoke(CRD_OBJECT, process.block + i, 0);
  process.files = 0;
}
