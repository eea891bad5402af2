// The records of semaphore sets, and of what processes undo of their operations when they end.

import { destroy } from "../../libroottask/heap";
import { giveUp } from "./objects";
import { IpcObject } from "./records";

/** Largest value of a semaphore. */
export const SEMVMX: i32 = 32767;

/** A semaphore: its value, and the id of the process that has set it last. */
export const SEMAPHORE_BYTES: u32 = 8;
export const SETTER: usize = 4;

/** A number of an undo. */
export const ADJUSTMENT_BYTES: u32 = 2;

@unmanaged
export class Undo {
  /** Next of the list, and of the set. */
  next: Undo | null;
  nextOfSet: Undo | null;
  list: UndoList;
  set: SemaphoreSet;
  /** An i16 per semaphore. */
  adjustments: usize;

  adjustment(number: u32): i32 {
    return load<i16>(this.adjustments + number * ADJUSTMENT_BYTES);
  }

  add(number: u32, change: i32): void {
    store<i16>(
      this.adjustments + number * ADJUSTMENT_BYTES,
      (this.adjustment(number) + change) as i16,
    );
  }
}

@unmanaged
export class SemaphoreSet extends IpcObject {
  semaphores: usize;
  /** Last operations that have happened, seconds since 1970. */
  operationTime: i64;
  /** What processes undo at their end: the first of this set. */
  undos: Undo | null;
}

@unmanaged
export class UndoList {
  first: Undo | null;
  /** Processes that have it. */
  users: u32;
}

export function clearUndo(undo: Undo, number: u32): void {
  store<i16>(undo.adjustments + number * ADJUSTMENT_BYTES, 0);
}

/** The address of a semaphore. */
export function semaphore(set: SemaphoreSet, number: u32): usize {
  return set.semaphores + number * SEMAPHORE_BYTES;
}

export function semaphoreValue(set: SemaphoreSet, number: u32): i32 {
  return load<i32>(semaphore(set, number));
}

export function setterOf(set: SemaphoreSet, number: u32): u32 {
  return load<u32>(semaphore(set, number) + SETTER);
}

/** Process `id` sets a semaphore, whoever waits for it. */
export function setValue(set: SemaphoreSet, number: u32, value: i32, id: u32): void {
  store<i32>(semaphore(set, number), value);
  store<u32>(semaphore(set, number) + SETTER, id);
}

export function freeUndo(undo: Undo): void {
  giveUp(undo.adjustments, (undo.set.size as u32) * ADJUSTMENT_BYTES);
  destroy<Undo>(undo);
}

/** `set` goes: there is nothing to undo any more. */
export function dropUndosOf(set: SemaphoreSet): void {
  for (let undo = set.undos; undo !== null; undo = set.undos) {
    set.undos = undo.nextOfSet;
    const list = undo.list;
    if (list.first === undo) {
      list.first = undo.next;
    } else {
      let at = list.first as Undo;
      while (at.next !== undo) at = at.next as Undo;
      at.next = undo.next;
    }
    freeUndo(undo);
  }
}

/** SETVAL and SETALL: what processes would undo of semaphore `number` is forgotten. */
export function forgetUndo(set: SemaphoreSet, number: u32): void {
  let undo = set.undos;
  while (undo !== null) {
    clearUndo(undo, number);
    undo = undo.nextOfSet;
  }
}
