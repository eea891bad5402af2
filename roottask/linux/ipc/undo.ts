// What processes undo of their semaphore operations when they end (semop(2), SEM_UNDO): for each set a number per
// semaphore that is added to it then. Processes have a list, which those share that were made with CLONE_SYSVSEM.

import { create, destroy } from "../../libroottask/heap";
import { Program } from "../../libroottask/program";
import { linuxProgram } from "../state";
import { keep } from "./objects";
import {
  ADJUSTMENT_BYTES,
  freeUndo,
  SEMVMX,
  SemaphoreSet,
  semaphoreValue,
  setValue,
  Undo,
  UndoList,
} from "./semaphore_sets";
import { tellSleepers } from "./semaphores";

function listOf(program: Program): UndoList | null {
  const own = linuxProgram(program);
  if (own.undos === 0) {
    const list = create<UndoList>();
    if (list === null) return null;
    list.users = 1;
    own.undos = changetype<usize>(list);
  }
  return changetype<UndoList>(own.undos);
}

/** What `program` undoes of `set`; null where it has undone nothing so far and memory is out. */
export function undoOf(program: Program, set: SemaphoreSet): Undo | null {
  const list = listOf(program);
  if (list === null) return null;
  let undo = list.first;
  while (undo !== null && undo.set !== set) undo = undo.next;
  if (undo !== null) return undo;
  undo = create<Undo>();
  if (undo === null) return null;
  undo.adjustments = keep(set.size * ADJUSTMENT_BYTES);
  if (undo.adjustments === 0) {
    destroy<Undo>(undo);
    return null;
  }
  undo.set = set;
  undo.list = list;
  undo.next = list.first;
  list.first = undo;
  undo.nextOfSet = set.undos;
  set.undos = undo;
  return undo;
}

/** Takes `undo`, which is in no list any more, out of its set. */
function leaveSet(undo: Undo): void {
  const set = undo.set;
  if (set.undos === undo) {
    set.undos = undo.nextOfSet;
    return;
  }
  let at = set.undos as Undo;
  while (at.nextOfSet !== undo) at = at.nextOfSet as Undo;
  at.nextOfSet = undo.nextOfSet;
}

/** Adds what `undo` has to its semaphores, as process `id`; values stay within what they may be. */
function adjust(undo: Undo, id: u32): void {
  const set = undo.set;
  for (let number: u32 = 0; (number as u64) < set.size; number++) {
    const adjustment = undo.adjustment(number);
    if (adjustment === 0) continue;
    const value = semaphoreValue(set, number) + adjustment;
    setValue(set, number, min<i32>(max<i32>(value, 0), SEMVMX), id);
  }
}

/** `program` ends: what it is to undo is undone, unless others share it. */
export function undoAll(program: Program): void {
  if (program.personality === 0) return;
  const own = linuxProgram(program);
  if (own.undos === 0) return;
  const list = changetype<UndoList>(own.undos);
  own.undos = 0;
  list.users--;
  if (list.users !== 0) return;
  for (let undo = list.first; undo !== null; undo = list.first) {
    list.first = undo.next;
    leaveSet(undo);
    const set = undo.set;
    adjust(undo, program.id);
    freeUndo(undo);
    tellSleepers(set);
  }
  destroy<UndoList>(list);
}

/** CLONE_SYSVSEM: `child` undoes with `parent`. False when memory is out. */
export function shareUndos(child: Program, parent: Program): bool {
  const list = listOf(parent);
  if (list === null) return false;
  list.users++;
  linuxProgram(child).undos = changetype<usize>(list);
  return true;
}
