// Semaphore sets of System V: what operations do to them, and to whom waits for them (semop(2)). Operations of a call
// happen all or not at all. Calls, and what is undone at a process' end, are in semaphore_calls.ts and undo.ts.

import { EAGAIN, EIDRM, ENOMEM, ENOSPC, ERANGE } from "../../libroottask/errno";
import { create, destroy } from "../../libroottask/heap";
import { addObject, giveUp, keep, nextObject, removeObject, secondsNow } from "./objects";
import { IpcSpace, Sleeper } from "./records";
import {
  dropUndosOf,
  SEMAPHORE_BYTES,
  SEMVMX,
  SETTER,
  SemaphoreSet,
  semaphore,
  semaphoreValue,
  Undo,
} from "./semaphore_sets";
import { CHANGES, finish, finishAll, WAITS_FOR_ZERO } from "./sleepers";

/** Flags of an operation: not to wait (IPC_NOWAIT), to be undone when the process ends. */
const NOWAIT: u32 = 0o4000;
export const SEM_UNDO: u32 = 0x1000;

/** struct sembuf: number, change and flags of 16 bits each. */
export const OPERATION_BYTES: u32 = 6;
const CHANGE: usize = 2;
const FLAGS: usize = 4;

/** Results of `attempt` beside negative errors. */
export const DONE: i64 = 0;
export const BLOCKED: i64 = 1;

/** Waits until its operations, in `storage`, can happen. */
@unmanaged
export class SemaphoreSleeper extends Sleeper {
  count: u32;
  /** The operation that could not happen when it was tried last. */
  blocking: u32;
  undo: Undo | null;
}

export function operationNumber(operations: usize, index: u32): u32 {
  return load<u16>(operations + index * OPERATION_BYTES);
}

export function operationChange(operations: usize, index: u32): i32 {
  return load<i16>(operations + index * OPERATION_BYTES + CHANGE);
}

export function operationFlags(operations: usize, index: u32): u32 {
  return load<u16>(operations + index * OPERATION_BYTES + FLAGS);
}

/** A new set; its id or a negative error. */
export function newSet(space: IpcSpace, key: u32, count: u32, flags: u64): i64 {
  if (space.semaphores + (count as u64) > (space.semmns as u64)) return -ENOSPC;
  const set = create<SemaphoreSet>();
  if (set === null) return -ENOMEM;
  set.semaphores = keep((count as u64) * SEMAPHORE_BYTES);
  set.size = count as u64;
  const id =
    set.semaphores === 0 ? -ENOMEM : addObject(space, space.sets, set, key, flags, space.semmni);
  if (id < 0) {
    if (set.semaphores !== 0) giveUp(set.semaphores, count * SEMAPHORE_BYTES);
    destroy<SemaphoreSet>(set);
    return id;
  }
  space.semaphores += count as u64;
  return id;
}

/** Takes `set` away; whoever waits for it is told. */
export function removeSet(set: SemaphoreSet): void {
  const space = set.space;
  finishAll(set, -EIDRM);
  dropUndosOf(set);
  removeObject(space.sets, set);
  space.semaphores -= set.size;
  giveUp(set.semaphores, (set.size as u32) * SEMAPHORE_BYTES);
  destroy<SemaphoreSet>(set);
}

/** Nobody is in `space` any more. */
export function freeSets(space: IpcSpace): void {
  for (let at = nextObject(space.sets, 0); at !== null; at = nextObject(space.sets, 0)) {
    removeSet(changetype<SemaphoreSet>(at));
  }
}

/** The operation at which `attempt` has ended. */
export let stoppedAt: u32 = 0;

/** Takes back the first `count` of operations that have been done. */
function takeBackOperations(
  set: SemaphoreSet,
  operations: usize,
  count: u32,
  undo: Undo | null,
): void {
  for (let i = count; i > 0; i--) {
    const number = operationNumber(operations, i - 1);
    const change = operationChange(operations, i - 1);
    store<i32>(semaphore(set, number), semaphoreValue(set, number) - change);
    if ((operationFlags(operations, i - 1) & SEM_UNDO) !== 0 && undo !== null) {
      undo.add(number, change);
    }
  }
}

/** Does operation `index`: DONE, BLOCKED or -ERANGE. */
function operate(set: SemaphoreSet, operations: usize, index: u32, undo: Undo | null): i64 {
  const number = operationNumber(operations, index);
  const change = operationChange(operations, index);
  const value = semaphoreValue(set, number);
  if (change === 0) return value === 0 ? DONE : BLOCKED;
  if (value + change < 0) return BLOCKED;
  if (value + change > SEMVMX) return -ERANGE;
  if ((operationFlags(operations, index) & SEM_UNDO) !== 0 && undo !== null) {
    const adjusted = undo.adjustment(number) - change;
    if (adjusted < -SEMVMX - 1 || adjusted > SEMVMX) return -ERANGE;
    undo.add(number, -change);
  }
  store<i32>(semaphore(set, number), value + change);
  return DONE;
}

/** Does `count` operations of process `id`, one after the other, or none: DONE, BLOCKED or a negative error. */
export function attempt(
  set: SemaphoreSet,
  operations: usize,
  count: u32,
  undo: Undo | null,
  id: u32,
): i64 {
  let result = DONE;
  let index: u32 = 0;
  while (index < count) {
    result = operate(set, operations, index, undo);
    if (result !== DONE) break;
    index++;
  }
  stoppedAt = index;
  if (result === DONE) {
    for (let i: u32 = 0; i < count; i++) {
      store<u32>(semaphore(set, operationNumber(operations, i)) + SETTER, id);
    }
    set.operationTime = secondsNow();
    return DONE;
  }
  takeBackOperations(set, operations, index, undo);
  if (result !== BLOCKED) return result;
  return (operationFlags(operations, index) & NOWAIT) !== 0 ? -EAGAIN : BLOCKED;
}

/** Tries those of the sleepers of `set` that are of `kind`, in their order, until one has changed semaphores: true then. */
function tryAll(set: SemaphoreSet, kind: u32): bool {
  let at = set.sleepers;
  while (at !== null) {
    const next = at.next;
    if (at.kind === kind) {
      const sleeper = changetype<SemaphoreSleeper>(at);
      const id = sleeper.thread.program.id;
      const result = attempt(set, sleeper.storage, sleeper.count, sleeper.undo, id);
      sleeper.blocking = stoppedAt;
      if (result !== BLOCKED) finish(sleeper, result);
      if (result === DONE && kind === CHANGES) return true;
    }
    at = next;
  }
  return false;
}

/** Semaphores of `set` have changed: whoever waits for that goes on, those first who wait for 0. */
export function tellSleepers(set: SemaphoreSet): void {
  let changed = true;
  while (changed) {
    tryAll(set, WAITS_FOR_ZERO);
    changed = tryAll(set, CHANGES);
  }
}

/** How many wait for semaphore `number` to be 0, or else to become larger. */
export function countWaiting(set: SemaphoreSet, number: u32, zero: bool): i64 {
  let count: i64 = 0;
  let at = set.sleepers;
  while (at !== null) {
    const sleeper = changetype<SemaphoreSleeper>(at);
    const blocking = sleeper.blocking;
    const here = operationNumber(sleeper.storage, blocking) === number;
    if (here && (operationChange(sleeper.storage, blocking) === 0) === zero) count++;
    at = at.next;
  }
  return count;
}
