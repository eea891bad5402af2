// Host page tables: four levels, 4 KiB pages and larger ones where alignment and CPU allow. Intel SDM
// vol. 3A, 4.5. Only the user half is handled here; entry 511 is shared and made by the boot stub.

import { PAGE_SIZE } from "./abi";
import { largestPageOrder } from "./cpu";
import { allocPage, freePage, freePageLater } from "./page";
import { kernel_pml4 } from "./symbol";

export const PTE_P: u64 = 1;
export const PTE_W: u64 = 1 << 1;
export const PTE_U: u64 = 1 << 2;
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
const ATTRIBUTES: u64 = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NODELEG | PTE_NX;
/** What user pages always have. */
export const PTE_USER: u64 = PTE_P | PTE_U | PTE_A | PTE_D;

/** Result of `findMapping`: physical address of the mapping's first byte, attributes (0: none), log2 of its size. */
export let foundPhys: u64 = 0;
export let foundAttr: u64 = 0;
export let foundOrder: u32 = 0;

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

function freeTable(table: usize, level: u32, later: bool): void {
  for (let i: usize = 0; i < <usize>PAGE_SIZE; i += 8) {
    const entry = load<u64>(table + i);
    if (isTable(entry, level)) freeTable(<usize>(entry & PTE_ADDRESS), level - 1, later);
  }
  if (later) freePageLater(table);
  else freePage(table);
}

/** Frees a table that no CPU uses. */
export function freePageTable(root: usize): void {
  store<u64>(root, 0, 511 * 8);
  freeTable(root, 3, false);
}

/** Looks up a user address; the result is in foundPhys, foundAttr, foundOrder (the order of a hole too). */
export function findMapping(root: usize, address: u64): void {
  let table = root;
  for (let level: u32 = 3; ; level--) {
    const order = entryOrder(level);
    const entry = load<u64>(table + ((<usize>(address >> <u64>order) & 511) << 3));
    if (isTable(entry, level)) {
      table = <usize>(entry & PTE_ADDRESS);
      continue;
    }
    foundOrder = order;
    foundAttr = entry & PTE_P ? entry & ATTRIBUTES : 0;
    // Bit 12 of a large page's entry is PAT; the kernel never sets it.
    foundPhys = entry & PTE_ADDRESS & ~(((<u64>1) << (<u64>order)) - 1);
    return;
  }
}

/** Replaces a large page, or a hole, by a table that maps the same; 0 when memory is out. */
function splitEntry(slot: usize, level: u32): usize {
  const entry = load<u64>(slot);
  const table = allocPage();
  if (table === 0) return 0;
  if (entry & PTE_P) {
    const child = level - 1;
    const step: u64 = (<u64>1) << (<u64>entryOrder(child));
    let page = (entry & ~PTE_LARGE) | (child > 0 ? PTE_LARGE : 0);
    for (let i: usize = 0; i < <usize>PAGE_SIZE; i += 8) {
      store<u64>(table + i, page);
      page += step;
    }
  }
  // Rights are in the leaf entries alone.
  store<u64>(slot, <u64>table | PTE_P | PTE_W | PTE_U | PTE_A);
  return table;
}

function updateLevel(table: usize, level: u32, first: u64, end: u64, offset: u64, attr: u64): bool {
  const order = entryOrder(level);
  const size: u64 = (<u64>1) << (<u64>order);
  let flush = false;
  let at = first;
  while (at < end) {
    const slot = table + ((<usize>(at >> <u64>order) & 511) << 3);
    const next = (at & ~(size - 1)) + size;
    const stop = next < end ? next : end;
    const entry = load<u64>(slot);
    const whole = (at & (size - 1)) === 0 && stop === next;
    const phys = at + offset;
    const leaf = attr === 0 || (order <= largestPageOrder() && (phys & (size - 1)) === 0);
    if (whole && leaf) {
      const value = attr === 0 ? 0 : phys | attr | (level > 0 ? PTE_LARGE : 0);
      if (entry !== value) {
        store<u64>(slot, value);
        if (entry & PTE_P) {
          flush = true;
          if (isTable(entry, level)) freeTable(<usize>(entry & PTE_ADDRESS), level - 1, true);
        }
      }
    } else if (attr !== 0 || entry & PTE_P) {
      let child: usize;
      if (isTable(entry, level)) child = <usize>(entry & PTE_ADDRESS);
      else {
        child = splitEntry(slot, level);
        if (entry & PTE_P) flush = true;
      }
      // Out of memory: what is mapped so far stays, as the interface says of delegations.
      if (child === 0) return flush;
      if (updateLevel(child, level - 1, at, stop, offset, attr)) flush = true;
    }
    at = stop;
  }
  return flush;
}

/**
 * Maps the user addresses [first, first + bytes) to physical memory from `phys` on with `attr`, or
 * unmaps them if `attr` is 0; all multiples of 4 KiB. Returns whether translations became stale.
 */
export function updateRange(root: usize, first: u64, bytes: u64, phys: u64, attr: u64): bool {
  return updateLevel(root, 3, first, first + bytes, phys - first, attr);
}
