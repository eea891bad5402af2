// Moves of threads from one processor to another. A kernel object stays where it was made, so a thread that moves gets a
// slot of the other processor, and there an EC with the registers and the floating-point state of the one it had; its
// record, and all that points to it, stays. It moves itself, where an event of it ends, whose message has all registers:
// whoever changes what a thread is allowed recalls it. Only on a kernel that can copy an EC's state: on others it stays
// where it began, whatever it is allowed.

import { CRD_OBJ, PAGE_SIZE, SUCCESS } from "../libhedron/abi";
import { copyState, recall, reply, revoke, revokeCopies } from "../libhedron/hypercalls";
import { UTCB_ADDRESS } from "../libhrstd/layout";
import { endProgram, giveFirstObjects, giveServices } from "./domain";
import { leave } from "./lock";
import { detachMediator, inMediator, keepsFrames, leaveMediator } from "./mediator";
import { enterSlot, Program, REGISTERS_BYTES, SIGKILL, STATE_KILLED, Thread } from "./program";
import {
  THREAD_DIRECT,
  THREAD_EC,
  THREAD_EVENTS,
  THREAD_SC,
  THREAD_SERVICES,
  THREAD_SYSCALL,
} from "./selectors";
import {
  dismissHandler,
  keepTime,
  leastBusy,
  prepareThread,
  runThread,
  THREAD_UTCBS,
} from "./thread";
import { freeSlot, takeSlot } from "./thread_slots";

/** `thread` may run on the processors of the set `allowed`, of which there is one, and no others. */
export function allow(thread: Thread, allowed: u64): void {
  thread.processors = allowed;
  // One that is in a call sends the event when that ends.
  if (mustMove(thread)) recall(thread.block + THREAD_EC);
}

/** `thread` is on a processor that it may not use. */
export function mustMove(thread: Thread): bool {
  return ((thread.processors >> (thread.processor as u64)) & 1) === 0;
}

/** Records `thread` and `other`, which is free, have each other's kernel objects. */
function exchangeSlots(thread: Thread, other: Thread): void {
  const slot = thread.slot;
  const block = thread.block;
  const stack = thread.stack;
  const utcb = thread.utcb;
  const processor = thread.processor;
  thread.slot = other.slot;
  thread.block = other.block;
  thread.stack = other.stack;
  thread.utcb = other.utcb;
  thread.processor = other.processor;
  other.slot = slot;
  other.block = block;
  other.stack = stack;
  other.utcb = utcb;
  other.processor = processor;
  enterSlot(thread);
  enterSlot(other);
}

/** Takes from the program what it has of the slot with first selector `block`. */
function takePortals(block: u64): void {
  revokeCopies(CRD_OBJ, block + THREAD_EVENTS, 5);
  revokeCopies(CRD_OBJ, block + THREAD_SERVICES, 3);
  revokeCopies(CRD_OBJ, block + THREAD_SYSCALL, 0);
  revokeCopies(CRD_OBJ, block + THREAD_DIRECT, 0);
}

/** Lets `thread`, in its new slot, go on with the state of EC `from`. Returns the kernel's status. */
function goOn(thread: Thread, from: u64): u64 {
  const program: Program = thread.program;
  const first = thread.utcbAddress === UTCB_ADDRESS;
  let status: u64 = SUCCESS;
  if (first) status = giveServices(program, thread);
  if (status === SUCCESS) {
    const further = THREAD_UTCBS + (thread.slot as u64) * (PAGE_SIZE as u64);
    status = prepareThread(thread, first ? UTCB_ADDRESS : further);
  }
  if (status === SUCCESS) status = copyState(thread.block + THREAD_EC, from);
  if (status === SUCCESS) status = runThread(thread);
  return status === SUCCESS && first ? giveFirstObjects(thread) : status;
}

/**
 * Moves `thread`, to whose event its handler is about to reply, to the processor with the fewest threads of those that
 * it may use; called with the lock held. Returns where it has to stay for now.
 */
export function migrate(thread: Thread): void {
  if (!keepsFrames) return;
  const other = takeSlot(leastBusy(thread.processors), thread.processor);
  if (other === null) return;
  const regs = thread.utcb;
  if (inMediator(thread, regs.rip)) leaveMediator(thread, regs);
  memory.copy(thread.registers, changetype<usize>(regs), REGISTERS_BYTES);
  thread.entryRip = regs.rip;
  thread.entryRsp = regs.rsp;
  thread.entryFlags = regs.rflags;
  thread.moved = 1;
  keepTime(thread);
  detachMediator(thread);
  takePortals(thread.block);
  exchangeSlots(thread, other);
  const status = goOn(thread, other.block + THREAD_EC);
  revoke(CRD_OBJ, other.block + THREAD_SC, 0);
  revoke(CRD_OBJ, other.block + THREAD_EC, 0);
  freeSlot(other);
  // The handler that this is belongs to the slot that is free now.
  if (status !== SUCCESS) endProgram(thread, STATE_KILLED, SIGKILL);
  dismissHandler(regs);
  leave();
  while (true) reply();
}
