// What programs say and are told for ids: the numbers of the PID namespace that they are in (pid_namespace.ts).

import { idIn, numberIn, PidNamespace, setEntry } from "./pid_namespace";
import { currentThread, IDS, idIsTaken, lastPid, Program, pidMax } from "./program";

/** Where numbers begin again. */
const AGAIN: u32 = 300;

/** What the calling process calls `id`, 0 for nobody. */
export function seenId(id: u32): u32 {
  return numberIn(currentThread().program.pidNamespace, id);
}

/** What `program` calls `id`, 0 for nobody. */
export function seenBy(program: Program, id: u32): u32 {
  return numberIn(program.pidNamespace, id);
}

/** Where the number is that was given last in the PID namespace of `program` (u32): /proc/sys/kernel/ns_last_pid. */
export function lastNumber(program: Program): usize {
  const namespace = program.pidNamespace;
  if (namespace === null) return lastPid();
  return changetype<usize>(namespace) + offsetof<PidNamespace>("last");
}

/** The id that the calling process means by `number`: the same for 0, IDS, which nobody has, for nobody's. */
export function meantId(number: u32): u32 {
  const namespace = currentThread().program.pidNamespace;
  if (namespace === null || number === 0) return number;
  const id = idIn(namespace, number);
  return id === 0 ? IDS : id;
}

function isFree(namespace: PidNamespace, number: u32): bool {
  const id = idIn(namespace, number);
  return id === 0 || !idIsTaken(id);
}

function freeNumber(namespace: PidNamespace): u32 {
  const end = min<u32>(load<u32>(pidMax()), IDS);
  const last = namespace.last;
  for (let number = last + 1; number < end; number++) if (isFree(namespace, number)) return number;
  for (let number = min<u32>(AGAIN, last + 1); number < end; number++) {
    if (isFree(namespace, number)) return number;
  }
  return 0;
}

/** How `giveNumber` ends. */
export const NUMBER_GIVEN: u32 = 0;
export const NUMBER_TAKEN: u32 = 1;
export const NUMBERS_OUT: u32 = 2;
export const NUMBER_MEMORY: u32 = 3;

/** `namespace` calls `id` by the number `wanted`, or for 0 by the next one: NUMBER_…. */
export function giveNumber(namespace: PidNamespace, id: u32, wanted: u32): u32 {
  if (wanted !== 0 && !isFree(namespace, wanted)) return NUMBER_TAKEN;
  const number = wanted !== 0 ? wanted : freeNumber(namespace);
  if (number === 0) return NUMBERS_OUT;
  if (!setEntry(namespace.ids, number, id)) return NUMBER_MEMORY;
  if (!setEntry(namespace.numbers, id, number)) return NUMBER_MEMORY;
  if (wanted === 0) namespace.last = number;
  return NUMBER_GIVEN;
}
