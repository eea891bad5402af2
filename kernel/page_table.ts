// Host page tables: four levels, 4 KiB pages and larger ones where alignment and CPU allow. Intel SDM
// vol. 3A, 4.5. Only the user half is handled here; entry 511 is shared and made by the boot stub. The
// entries of a table are counted (page.ts): a table without any is freed.

import { PAGE_SIZE } from "./abi";
import { largestPageOrder } from "./cpu";
import { askToReap } from "./kobject";
import {
  allocPage,
  countEntries,
  entriesOf,
  freePage,
  freePageLater,
  linkedPage,
  linkPage,
} from "./page";
import { pieceIsOver, spend } from "./piece";
import { kernel_pml4 } from "./symbol";

export const PTE_P: u64 = 1;
export const PTE_W: u64 = 1 << 1;
export const PTE_U: u64 = 1 << 2;
/** Write-combining: PWT, which selects entry 1 of the PAT (pat.ts). */
export const PTE_WC: u64 = 1 << 3;
const PTE_A: u64 = 1 << 5;
const PTE_D: u64 = 1 << 6;
export const PTE_LARGE: u64 = 1 << 7;
/** The translation stays over loads of CR3. */
export const PTE_GLOBAL: u64 = 1 << 8;
/** Ignored by the CPU: a page the kernel takes back, not to be delegated (UTCBs). */
export const PTE_NODELEG: u64 = 1 << 9;
export const PTE_NX: u64 = (<u64>1) << 63;
/** The bits of an entry that are an address. */
export const PTE_ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const ATTRIBUTES: u64 = PTE_P | PTE_W | PTE_U | PTE_WC | PTE_A | PTE_D | PTE_NODELEG | PTE_NX;
/** What user pages always have. */
export const PTE_USER: u64 = PTE_P | PTE_U | PTE_A | PTE_D;

/** Result of `findMapping`: physical address of the mapping's first byte, attributes (0: none), log2 of its size. */
export let foundPhys: u64 = 0;
export let foundAttr: u64 = 0;
export let foundOrder: u32 = 0;
/** Address of the entry. */
export let foundEntry: usize = 0;

/** Physical address of the page table that maps the window alone. */
export function kernelRoot(): u64 {
  return kernel_pml4();
}

/** An empty user half with the kernel's window; 0 when memory is out. */
export function allocPageTable(): usize {
  const root = allocPage();
  if (root !== 0) store<u64>(root, load<u64>(<usize>kernelRoot(), 511 * 8), 511 * 8);
  return root;
}

function entryOrder(level: u32): u32 {
  return 12 + 9 * level;
}

function isTable(entry: u64, level: u32): bool {
  return level > 0 && (entry & (PTE_P | PTE_LARGE)) === PTE_P;
}

/** Tables nobody uses any more, lists by level 1 to 3; those of level 0 have nothing below them. */
const detached: usize = memory.data(16);

/** Gives up a table and all below it; TLBs are flushed before the caller lets anybody in. */
function detachTable(table: usize, level: u32): void {
  if (level === 0) {
    freePageLater(table);
    return;
  }
  const list = detached + (level << 2);
  linkPage(table, <usize>load<u32>(list));
  store<u32>(list, <u32>table);
  askToReap();
}

/** Frees a table that has been given up, with what is below it given up in turn. */
function freeDetachedTable(table: usize, level: u32): void {
  let left = entriesOf(table);
  for (let i: usize = 0; left !== 0; i += 8) {
    const entry = load<u64>(table + i);
    if (entry === 0) continue;
    left--;
    if (!isTable(entry, level)) continue;
    const child = <usize>(entry & PTE_ADDRESS);
    if (level === 1) freePage(child);
    else detachTable(child, level - 1);
  }
  freePage(table);
  spend(4096);
}

/** Frees tables that have been given up, until the piece is over; true if none is left. */
export function freeDetachedTables(): bool {
  let level: u32 = 1;
  while (level < 4) {
    const list = detached + (level << 2);
    const table = <usize>load<u32>(list);
    if (table === 0) {
      level++;
      continue;
    }
    if (pieceIsOver()) return false;
    store<u32>(list, <u32>linkedPage(table));
    freeDetachedTable(table, level);
    // What was below it has come to a list before.
    level = 1;
  }
  return true;
}

/** First of the tables of a level, 1 to 3, that have been given up; linked by `linkedPage`. For tests. */
export function firstDetachedTable(level: u32): usize {
  return <usize>load<u32>(detached + (level << 2));
}

/** Gives up the table of an address space that no CPU uses. */
export function freePageTable(root: usize): void {
  store<u64>(root, 0, 511 * 8);
  detachTable(root, 3);
}

/** Looks up a user address; the result is in foundPhys, foundAttr, foundOrder (the order of a hole too), foundEntry. */
export function findMapping(root: usize, address: u64): void {
  let table = root;
  for (let level: u32 = 3; ; level--) {
    const order = entryOrder(level);
    const slot = table + ((<usize>(address >> <u64>order) & 511) << 3);
    const entry = load<u64>(slot);
    if (isTable(entry, level)) {
      table = <usize>(entry & PTE_ADDRESS);
      continue;
    }
    foundEntry = slot;
    foundOrder = order;
    foundAttr = entry & PTE_P ? entry & ATTRIBUTES : 0;
    // Bit 12 of a large page's entry is PAT; the kernel never sets it.
    foundPhys = entry & PTE_ADDRESS & ~(((<u64>1) << (<u64>order)) - 1);
    return;
  }
}

/** Whether translations have become stale since `takeStale`, and whether memory ran out since. */
let stale: bool = false;
let exhausted: bool = false;

/** Whether translations have become stale since the last call. */
export function takeStale(): bool {
  const was = stale;
  stale = false;
  return was;
}

/** Whether memory for tables has run out since the last `takeExhausted`. */
export function isExhausted(): bool {
  return exhausted;
}

/** Whether memory for tables has run out since the last call. */
export function takeExhausted(): bool {
  const was = exhausted;
  exhausted = false;
  return was;
}

/** Addresses of the entries that lead to the table last found by `descend`, by their level: 1 to 3. */
const path: usize = memory.data(16);

/** Replaces a large page, or a hole, by a table that maps the same; 0 when memory is out. */
function splitEntry(slot: usize, level: u32): usize {
  const entry = load<u64>(slot);
  const table = allocPage();
  spend(1024);
  if (table === 0) return 0;
  if (entry & PTE_P) {
    const child = level - 1;
    const step: u64 = (<u64>1) << (<u64>entryOrder(child));
    let page = (entry & ~PTE_LARGE) | (child > 0 ? PTE_LARGE : 0);
    for (let i: usize = 0; i < <usize>PAGE_SIZE; i += 8) {
      store<u64>(table + i, page);
      page += step;
    }
    countEntries(table, 512);
    stale = true;
    spend(2048);
  } else countEntries(slot & ~(<usize>0xfff), 1);
  // Rights are in the leaf entries alone.
  store<u64>(slot, <u64>table | PTE_P | PTE_W | PTE_U | PTE_A);
  return table;
}

/** Frees the table last found by `descend`, of `level`, if it is empty, and those above that become so. */
function prune(table: usize, level: u32): void {
  while (level < 3 && entriesOf(table) === 0) {
    level++;
    const slot = <usize>load<u32>(path + (level << 2));
    store<u64>(slot, 0);
    freePageLater(table);
    // CPUs may have kept the way to the table.
    stale = true;
    table = slot & ~(<usize>0xfff);
    countEntries(table, -1);
  }
}

/** Result of `descend`: the level of the table. */
let reachedLevel: u32 = 0;

/**
 * The table whose entry for `at` can become a leaf for what reaches to `end` and lies in physical memory
 * `offset` behind it, or is a hole that stays one; 0 when memory is out. Tables on the way are made.
 */
function descend(root: usize, at: u64, end: u64, offset: u64, attr: u64): usize {
  const bytes = end - at;
  let table = root;
  let level: u32 = 3;
  let order: u64 = 39;
  while (table !== 0) {
    const slot = table + ((<usize>(at >> order) & 511) << 3);
    const entry = load<u64>(slot);
    if (bytes >> order !== 0 && ctz<u64>(at) >= order && fits(<u32>order, at + offset, attr)) break;
    if (attr === 0 && entry === 0) break;
    store<u32>(path + (level << 2), <u32>slot);
    const child = isTable(entry, level) ? <usize>(entry & PTE_ADDRESS) : splitEntry(slot, level);
    if (child === 0) {
      exhausted = true;
      prune(table, level);
    }
    table = child;
    level--;
    order -= 9;
  }
  reachedLevel = level;
  return table;
}

/** Whether an entry of this order can map `phys`, or be cleared if `attr` is 0. */
function fits(order: u32, phys: u64, attr: u64): bool {
  if (attr === 0) return true;
  return order <= largestPageOrder() && (phys & (((<u64>1) << (<u64>order)) - 1)) === 0;
}

/** Replaces an entry of a table of `level`; returns the change in entries used. */
function replace(slot: usize, level: u32, value: u64): i32 {
  const entry = load<u64>(slot);
  if (entry === value) return 0;
  store<u64>(slot, value);
  if (entry === 0) return 1;
  stale = true;
  if (isTable(entry, level)) detachTable(<usize>(entry & PTE_ADDRESS), level - 1);
  return value === 0 ? -1 : 0;
}

/**
 * Maps the user addresses [first, first + bytes) to physical memory from `phys` on with `attr`, or
 * unmaps them if `attr` is 0; all multiples of 4 KiB. Returns how much has been done when the piece was over or
 * memory out (`takeExhausted`), at least one entry's worth otherwise. Stale translations: `takeStale`.
 */
export function updateRange(root: usize, first: u64, bytes: u64, phys: u64, attr: u64): u64 {
  const end = first + bytes;
  const offset = phys - first;
  let at = first;
  while (at < end) {
    const table = descend(root, at, end, offset, attr);
    if (table === 0) break;
    const level = reachedLevel;
    const order = entryOrder(level);
    const size: u64 = (<u64>1) << (<u64>order);
    let slot = table + ((<usize>(at >> <u64>order) & 511) << 3);
    const stop = slot | 0xff8;
    let used: i32 = 0;
    const from = at;
    for (;;) {
      const next = (at & ~(size - 1)) + size;
      if (next > end || at & (size - 1) || !fits(order, at + offset, attr)) {
        // A hole, of which a part is to become one.
        if (attr !== 0 || load<u64>(slot) !== 0) break;
      } else {
        const value = attr === 0 ? 0 : (at + offset) | attr | (level > 0 ? PTE_LARGE : 0);
        used += replace(slot, level, value);
      }
      spend(16);
      at = next;
      if (at >= end || slot === stop) break;
      slot += 8;
    }
    if (used !== 0) countEntries(table, used);
    if (attr === 0) prune(table, level);
    spend(100);
    if (pieceIsOver() && at < end && at !== from) break;
  }
  return min<u64>(at, end) - first;
}

/**
 * Copies entries of a table of 4 KiB pages, from `source` on to the end of that table or of `count`, with their
 * rights reduced to those in `wanted`; entries that may not be passed on count as holes. They are mapped from the
 * user address `at` on. Returns how many have been done, 0 if memory is out.
 */
export function copySmallPages(root: usize, at: u64, source: usize, count: u32, wanted: u64): u32 {
  const table = descend(root, at, at + <u64>PAGE_SIZE, 0, wanted);
  if (table === 0) return 0;
  let slot = table + ((<usize>(at >> 12) & 511) << 3);
  const room = <u32>((0x1000 - max<usize>(slot & 0xfff, source & 0xfff)) >> 3);
  const done = min<u32>(count, room);
  let used: i32 = 0;
  for (let i: u32 = 0; i < done; i++) {
    const entry = load<u64>(source);
    const attr = passedOn(entry, wanted);
    used += replace(slot, 0, attr === 0 ? 0 : (entry & PTE_ADDRESS) | attr);
    source += 8;
    slot += 8;
  }
  if (used !== 0) countEntries(table, used);
  prune(table, 0);
  spend(done * 24 + 100);
  return done;
}

/** Attributes of a page that is passed on: what source and `wanted` allow; 0 for nothing. */
export function passedOn(source: u64, wanted: u64): u64 {
  if ((source & wanted & PTE_P) === 0 || source & PTE_NODELEG || (source & PTE_U) === 0) return 0;
  return PTE_USER | (source & wanted & (PTE_W | PTE_WC)) | ((source | wanted) & PTE_NX);
}
