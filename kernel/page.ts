// Physical pages of the kernel's pool (pool.ts). A page is given out zeroed. Pages that other CPUs may still reach through stale translations are parked with
// `freePageLater` and return to the pool in `releaseParkedPages`, after the TLB shootdown.

import { PAGE_SIZE } from "./abi";
import { KERNEL_END, KERNEL_POOL } from "./layout";

export const PAGE_BYTES: usize = 4096;

/** Per page of the pool two u16: how many entries of a table are in use, and the next page of a list. */
const records: usize = memory.data(((KERNEL_END - KERNEL_POOL) >> 12) * 4);

/** Where the record of the page at address 0 would be. */
let recordZero: usize = 0;
/** The pool's first byte, less a page: lists number its pages from 1 on. */
let beforeFirst: usize = 0;
let fresh: usize = 0;
let end: usize = 0;
let freeList: usize = 0;
let parked: usize = 0;
let available: u32 = 0;

/** Makes [start, limit) the pool, at most KERNEL_END - KERNEL_POOL bytes; both are rounded inwards to pages. */
export function initPages(start: usize, limit: usize): void {
  fresh = (start + <usize>PAGE_SIZE - 1) & ~(<usize>PAGE_SIZE - 1);
  end = limit & ~(<usize>PAGE_SIZE - 1);
  freeList = 0;
  parked = 0;
  recordZero = records - ((fresh >> 12) << 2);
  beforeFirst = fresh - PAGE_BYTES;
  available = <u32>((end - fresh) / <usize>PAGE_SIZE);
}

function recordOf(page: usize): usize {
  return recordZero + ((page >> 12) << 2);
}

/** A zeroed page, or 0 when the pool is empty. */
export function allocPage(): usize {
  let page = freeList;
  if (page !== 0) {
    freeList = load<u32>(page);
  } else {
    if (fresh >= end) return 0;
    page = fresh;
    fresh += <usize>PAGE_SIZE;
  }
  available--;
  memory.fill(page, 0, <usize>PAGE_SIZE);
  store<u32>(recordOf(page), 0);
  return page;
}

/** `count` zeroed pages in a row, or 0. Only from memory never used before: for boot time. */
export function allocPages(count: u32): usize {
  const bytes = <usize>count * <usize>PAGE_SIZE;
  if (end - fresh < bytes) return 0;
  const start = fresh;
  fresh += bytes;
  available -= count;
  memory.fill(start, 0, bytes);
  return start;
}

export function freePage(page: usize): void {
  store<u32>(page, <u32>freeList);
  freeList = page;
  available++;
}

/** Entries in use of a page that is a table; 0 for a new page. */
export function entriesOf(page: usize): u32 {
  return load<u16>(recordOf(page));
}

/** Counts `change` more entries in use and returns how many there are then. */
export function countEntries(page: usize, change: i32): u32 {
  const at = recordOf(page);
  const count = <u32>load<u16>(at) + <u32>change;
  store<u16>(at, <u16>count);
  return count;
}

/** Puts a page before the list that starts with `head`, 0 for an empty one; its content stays as it is. */
export function linkPage(page: usize, head: usize): void {
  store<u16>(recordOf(page), head === 0 ? 0 : <u16>((head - beforeFirst) >> 12), 2);
}

/** The page behind this one in the list that `linkPage` has made, or 0. */
export function linkedPage(page: usize): usize {
  const number = <usize>load<u16>(recordOf(page), 2);
  return number === 0 ? 0 : beforeFirst + (number << 12);
}

/** Gives a page-table page back once no CPU can walk it any more. */
export function freePageLater(page: usize): void {
  linkPage(page, parked);
  parked = page;
}

export function releaseParkedPages(): void {
  while (parked !== 0) {
    const page = parked;
    parked = linkedPage(page);
    freePage(page);
  }
}

/** First page of the list of free ones, linked by their first word; 0 for none. For tests. */
export function firstFreePage(): usize {
  return freeList;
}

/** First of the pages that have never been used, up to the pool's end. For tests. */
export function firstFreshPage(): usize {
  return fresh;
}

/** Free pages in the pool. */
export function availablePages(): u32 {
  return available;
}
