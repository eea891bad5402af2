// What threads need of the roottask, in slots that are used again: a local EC, which handles all portals of the thread,
// with stack, message buffer and portals, and a semaphore. Calls do not leave a processor, so a slot belongs to one. Free
// slots beyond some give back all but their records: who makes many threads once does not keep the memory for good.
//
// Nothing of a dead thread can reach the next one in its slot: its capabilities for the portals are gone
// before the slot is free, and a slot is taken only when its handler has answered a call, so that the last reply
// to the dead one is over. Only on the slot's processor it can be asked, so free slots are asked there, whenever a
// thread begins or ends there, and others take those that have answered.

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
  ROOT_SEL_PD,
  SUCCESS,
} from "../libhedron/abi";
import {
  callIfIdle,
  createLocalEc,
  createPt,
  createSm,
  ptCtrl,
  revoke,
} from "../libhedron/hypercalls";
import { portal_entry, raw_echo_entry } from "../libhedron/symbol";
import { Utcb } from "../libhedron/utcb";
import { SEL_EVENTS, SERVICE_RAW_ECHO, SERVICES } from "../libhrstd/layout";
import { allocate, create, destroy, release } from "./heap";
import { handlerUtcb, UTCB_BASE } from "./machine";
import { allocatePages, releasePages, totalPages } from "./pages";
import { cpuOf, PROCESSORS_MAX, processorCount } from "./processors";
import {
  enterSlot,
  REGISTERS_BYTES,
  THREAD_PERSONALITY_BYTES,
  THREADS_MAX,
  Thread,
} from "./program";
import {
  OWN_EVENTS,
  OWN_HANDLER,
  processorBlock,
  THREAD_DIRECT,
  THREAD_EVENTS,
  THREAD_HANDLER,
  THREAD_ORDER,
  THREAD_PROBE,
  THREAD_SERVICES,
  THREAD_SLEEP,
  THREAD_SYSCALL,
  threadBlock,
} from "./selectors";
import { Transfer } from "./transfer";

/** Portal ids: slot of the thread and what happened to it. */
export const ID_SHIFT: u64 = 8;
export const ID_SERVICE: u32 = 32;
export const ID_SYSCALL: u32 = 64;
export const ID_PROBE: u32 = 65;
/** Slot in the ids of the roottask's own event portals; the processor is in the bits from this one on. */
export const OWN_SLOT: u32 = 0;
export const ID_PROCESSOR_SHIFT: u64 = 40;

/**
 * Stack of a handler EC, as an order of pages. The portal stub rounds RSP up to this size, so that a handler
 * may reply from anywhere in it; asm/layout.ts says the same to the stub.
 */
const STACK_ORDER: u32 = 2;
export const HANDLER_STACK: u32 = PAGE_SIZE << STACK_ORDER;

const EXCEPTION_MTD: u64 =
  MTD_GPR_ACDB |
  MTD_GPR_BSD |
  MTD_GPR_R8_R15 |
  MTD_RSP |
  MTD_RIP_LEN |
  MTD_RFLAGS |
  MTD_FS_GS |
  MTD_QUAL;
export const SYSCALL_MTD: u64 = MTD_GPR_ACDB | MTD_GPR_BSD | MTD_GPR_R8_R15 | MTD_RFLAGS;

/** Free slots, first freed first, and how many. */
@unmanaged
class Slots {
  first: Thread | null;
  last: Thread | null;
  count: u32;
}

const SLOTS_BYTES: u32 = offsetof<Slots>() as u32;
/** Per processor those that can be taken, and those whose handlers have not been found at rest. */
const rested = memory.data(64 * 12);
const leaving = memory.data(64 * 12);
/** Those that have nothing but their records: they were too many, or memory was out. */
const bare = memory.data(12);

/** Pages that a slot has, about. */
const SLOT_PAGES: u32 = 6;
/** Share of RAM that the free slots of a processor keep, as a divisor, and how many they are at most. */
const KEPT_SHARE: u32 = 64;
const KEPT_MOST: u32 = 64;
/** How many of a processor give back what they have each time it is looked for those at rest. */
const LET_GO: u32 = 4;

let slotCount: u32 = 0;

/** Must be called first. */
export function initSlots(): void {
  slotCount = 0;
  memory.fill(rested, 0, PROCESSORS_MAX * SLOTS_BYTES);
  memory.fill(leaving, 0, PROCESSORS_MAX * SLOTS_BYTES);
  memory.fill(bare, 0, SLOTS_BYTES);
}

function slotsOf(lists: usize, processor: u32): Slots {
  return changetype<Slots>(lists + processor * SLOTS_BYTES);
}

function append(slots: Slots, thread: Thread): void {
  thread.nextFree = null;
  const last = slots.last;
  if (last === null) slots.first = thread;
  else last.nextFree = thread;
  slots.last = thread;
  slots.count++;
}

/** Takes `thread` out, which comes behind `previous`. */
function remove(slots: Slots, previous: Thread | null, thread: Thread): void {
  const next: Thread | null = thread.nextFree;
  if (previous === null) slots.first = next;
  else previous.nextFree = next;
  if (next === null) slots.last = previous;
  slots.count--;
}

/** Creates a portal into `handler` with the id for `what` of slot `slot`. */
export function portal(selector: u64, handler: u64, mtd: u64, slot: u32, what: u32): u64 {
  const entry = what === ID_SERVICE + SERVICE_RAW_ECHO ? raw_echo_entry() : portal_entry();
  const status = createPt(selector, ROOT_SEL_PD, handler, mtd, entry);
  if (status !== SUCCESS) return status;
  return ptCtrl(selector, ((slot as u64) << ID_SHIFT) | (what as u64));
}

/** A stack for the roottask's ECs, or 0 when memory is out. */
export function allocateHandlerStack(): usize {
  return allocatePages(STACK_ORDER);
}

/** The event base of the roottask's ECs on `processor`. */
function ownEvents(processor: u32): u64 {
  return processor === 0 ? SEL_EVENTS : processorBlock(processor) + OWN_EVENTS;
}

/** Creates the EC at `selector` that handles portals on `processor`, with its UTCB at `utcb`. Returns the kernel's status. */
function createHandler(selector: u64, processor: u32, utcb: usize, stack: usize): u64 {
  const top = stack + (PAGE_SIZE << STACK_ORDER);
  const cpu = cpuOf(processor);
  return createLocalEc(selector, ROOT_SEL_PD, cpu, utcb as u64, top as u64, ownEvents(processor));
}

/** Creates the 32 event portals from `first` on. */
function createEventPortals(first: u64, handler: u64, slot: u32): u64 {
  for (let event: u32 = 0; event < (NUM_EXC as u32); event++) {
    const status = portal(first + (event as u64), handler, EXCEPTION_MTD, slot, event);
    if (status !== SUCCESS) return status;
  }
  return SUCCESS;
}

/**
 * Creates the EC that handles exceptions of the roottask's ECs on `processor`, and its portals. Returns the kernel's
 * status; `stack` is one of `allocateHandlerStack`.
 */
export function watchProcessor(processor: u32, stack: usize): u64 {
  const handler = processorBlock(processor) + OWN_HANDLER;
  let status = createHandler(handler, processor, handlerUtcb(processor), stack);
  const first = ownEvents(processor);
  for (let event: u32 = 0; event < (NUM_EXC as u32) && status === SUCCESS; event++) {
    const selector = first + (event as u64);
    status = createPt(selector, ROOT_SEL_PD, handler, EXCEPTION_MTD, portal_entry());
    const id = ((processor as u64) << ID_PROCESSOR_SHIFT) | (event as u64);
    if (status === SUCCESS) status = ptCtrl(selector, id);
  }
  return status;
}

/** The kernel objects that stay with a slot. */
function createSlotObjects(thread: Thread): u64 {
  const block = thread.block;
  const handler = block + THREAD_HANDLER;
  let status = createHandler(
    handler,
    thread.processor,
    changetype<usize>(thread.utcb),
    thread.stack,
  );
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

/** Gives back all that a free slot has but its record. */
function strip(thread: Thread): void {
  revoke(CRD_OBJ, thread.block, THREAD_ORDER);
  if (thread.stack !== 0) releasePages(thread.stack, STACK_ORDER);
  if (thread.registers !== 0) release(thread.registers, REGISTERS_BYTES);
  if (thread.page !== 0) releasePages(thread.page, 0);
  if (thread.personality !== 0) release(thread.personality, THREAD_PERSONALITY_BYTES);
  if (changetype<usize>(thread.transfer) !== 0) destroy<Transfer>(thread.transfer);
  thread.stack = 0;
  thread.registers = 0;
  thread.page = 0;
  thread.personality = 0;
  thread.transfer = changetype<Transfer>(0);
}

/** Gives a slot that has a record alone what threads on `processor` need. False, and it has nothing, when memory is out. */
function equip(thread: Thread, processor: u32): bool {
  thread.processor = processor;
  thread.stack = allocateHandlerStack();
  thread.registers = allocate(REGISTERS_BYTES);
  thread.personality = allocate(THREAD_PERSONALITY_BYTES);
  const transfer = create<Transfer>();
  if (transfer !== null) thread.transfer = transfer;
  const complete = thread.stack !== 0 && thread.registers !== 0 && thread.personality !== 0;
  if (complete && transfer !== null && createSlotObjects(thread) === SUCCESS) return true;
  strip(thread);
  return false;
}

function newSlot(processor: u32): Thread | null {
  if (slotCount === THREADS_MAX) return null;
  const thread = create<Thread>();
  if (thread === null) return null;
  const slot = slotCount + 1;
  thread.slot = slot;
  thread.block = threadBlock(slot);
  thread.utcb = changetype<Utcb>(UTCB_BASE + slot * PAGE_SIZE);
  if (!equip(thread, processor)) {
    destroy<Thread>(thread);
    return null;
  }
  slotCount = slot;
  enterSlot(thread);
  return thread;
}

/** How many free slots of a processor keep what they have, to be taken at once. */
function keptSlots(): u32 {
  return min<u32>(totalPages() / (KEPT_SHARE * SLOT_PAGES), KEPT_MOST);
}

/** Some of the free slots that are more than those to be kept give back what they have. */
function letGo(slots: Slots): void {
  const kept = keptSlots();
  for (let i: u32 = 0; i < LET_GO && slots.count > kept; i++) {
    const thread = takeFirst(slots) as Thread;
    strip(thread);
    append(slotsOf(bare, 0), thread);
  }
}

/** Called on `processor`: those of its free slots whose handlers are at rest may be taken from now on. */
export function findRested(processor: u32): void {
  const from = slotsOf(leaving, processor);
  const to = slotsOf(rested, processor);
  let previous: Thread | null = null;
  let thread = from.first;
  while (thread !== null) {
    const next: Thread | null = thread.nextFree;
    if (callIfIdle(thread.block + THREAD_PROBE) === SUCCESS) {
      remove(from, previous, thread);
      append(to, thread);
    } else {
      previous = thread;
    }
    thread = next;
  }
  letGo(to);
}

function takeFirst(slots: Slots): Thread | null {
  const thread = slots.first;
  if (thread !== null) remove(slots, null, thread);
  return thread;
}

/** A slot that has nothing, or is at rest on another processor, becomes one of `processor`; null when memory is out. */
function takeForeign(processor: u32): Thread | null {
  let thread = takeFirst(slotsOf(bare, 0));
  for (let other: u32 = 0; other < processorCount() && thread === null; other++) {
    thread = takeFirst(slotsOf(rested, other));
    if (thread !== null) strip(thread);
  }
  if (thread === null || equip(thread, processor)) return thread;
  append(slotsOf(bare, 0), thread);
  return null;
}

/** Called on processor `here`: a free slot of `processor` whose handler is at rest, or a new one; null when memory is out. */
export function takeSlot(processor: u32, here: u32): Thread | null {
  findRested(here);
  const thread = takeFirst(slotsOf(rested, processor));
  if (thread !== null) return thread;
  const isNew = slotsOf(bare, 0).count === 0 && slotCount < THREADS_MAX;
  return isNew ? newSlot(processor) : takeForeign(processor);
}

export function freeSlot(thread: Thread): void {
  append(slotsOf(leaving, thread.processor), thread);
}
