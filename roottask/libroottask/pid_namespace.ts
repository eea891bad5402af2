// PID namespaces (pid_namespaces(7)) beside those of the lines of the start file, which have ids for numbers. One below them has
// numbers of its own for the threads in it and in those below it. All that the roottask keeps are ids; numbers are what
// programs say and are told.

import { allocate, release } from "./heap";
import { allocatePages, releasePages } from "./pages";

/** Levels below the lines' (MAX_PID_NS_LEVEL). */
export const PID_LEVELS: u32 = 32;

/** One past the largest id, and the largest number, as Linux has it by default. */
export const PIDS: u32 = 32768;

/** Numbers are of 16 bits, in pages that come when they are written to. */
const PAGE_NUMBERS: u32 = 2048;
const TABLE_PAGES: u32 = PIDS / PAGE_NUMBERS;
const TABLE_BYTES: u32 = TABLE_PAGES * 4;

@unmanaged
export class PidNamespace {
  /** What counts who has it (linux/namespaces/records.ts). */
  record: usize;
  /** The one that it is in, null for the line's. */
  parent: PidNamespace | null;
  /** How many there are above it. */
  level: u32;
  /** Its first process has ended: nothing begins in it any more. */
  dead: u32;
  /** Its first process, a Program, 0 before it has one. */
  init: usize;
  /** The number that was given last. */
  last: u32;
  /** Pages of the numbers of ids, and of the ids of numbers, as u16; 0 where there is none yet. */
  numbers: usize;
  ids: usize;
  next: PidNamespace | null;
}

const NAMESPACE_BYTES: u32 = offsetof<PidNamespace>() as u32;
const ALL_BYTES: u32 = NAMESPACE_BYTES + 2 * TABLE_BYTES;

let first: PidNamespace | null = null;

/** Must be called first. */
export function initPidNamespaces(): void {
  first = null;
}

/** A namespace in `parent`, null for the line's, that nobody is in; null when memory is out. */
export function newPidNamespace(parent: PidNamespace | null): PidNamespace | null {
  const storage = allocate(ALL_BYTES);
  if (storage === 0) return null;
  memory.fill(storage, 0, ALL_BYTES);
  const namespace = changetype<PidNamespace>(storage);
  namespace.parent = parent;
  namespace.level = parent === null ? 1 : parent.level + 1;
  namespace.numbers = storage + NAMESPACE_BYTES;
  namespace.ids = storage + NAMESPACE_BYTES + TABLE_BYTES;
  namespace.next = first;
  first = namespace;
  return namespace;
}

function dropTable(table: usize): void {
  for (let i: u32 = 0; i < TABLE_PAGES; i++) {
    const page = load<usize>(table + i * 4);
    if (page !== 0) releasePages(page, 0);
  }
}

/** Frees `namespace`, which nobody has. */
export function destroyPidNamespace(namespace: PidNamespace): void {
  if (first === namespace) {
    first = namespace.next;
  } else {
    let at = first as PidNamespace;
    while (at.next !== namespace) at = at.next as PidNamespace;
    at.next = namespace.next;
  }
  dropTable(namespace.numbers);
  dropTable(namespace.ids);
  release(changetype<usize>(namespace), ALL_BYTES);
}

function entryOf(table: usize, index: u32): u32 {
  const page = load<usize>(table + (index / PAGE_NUMBERS) * 4);
  return page === 0 ? 0 : (load<u16>(page + (index % PAGE_NUMBERS) * 2) as u32);
}

/** False when memory is out. */
export function setEntry(table: usize, index: u32, value: u32): bool {
  const at = table + (index / PAGE_NUMBERS) * 4;
  let page = load<usize>(at);
  if (page === 0) {
    page = allocatePages(0);
    if (page === 0) return false;
    memory.fill(page, 0, PAGE_NUMBERS * 2);
    store<usize>(at, page);
  }
  store<u16>(page + (index % PAGE_NUMBERS) * 2, value as u16);
  return true;
}

/** What `namespace`, null for a line's, calls `id`; 0 where that is of nobody in it. */
export function numberIn(namespace: PidNamespace | null, id: u32): u32 {
  if (namespace === null) return id;
  return id < PIDS ? entryOf(namespace.numbers, id) : 0;
}

/** Whose id `namespace` calls `number`; 0 for nobody's. */
export function idIn(namespace: PidNamespace, number: u32): u32 {
  if (number === 0 || number >= PIDS) return 0;
  const id = entryOf(namespace.ids, number);
  return id !== 0 && entryOf(namespace.numbers, id) === number ? id : 0;
}

/** `id` is somebody else's from now on. */
export function forgetNumbers(id: u32): void {
  let namespace = first;
  while (namespace !== null) {
    if (entryOf(namespace.numbers, id) !== 0) setEntry(namespace.numbers, id, 0);
    namespace = namespace.next;
  }
}
