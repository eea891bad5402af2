// Physical pages of the kernel's pool: the memory between the image's end and KERNEL_END. A page is
// given out zeroed. Pages that other CPUs may still reach through stale translations are parked with
// `freePageLater` and return to the pool in `releaseParkedPages`, after the TLB shootdown.

import { PAGE_SIZE } from "./abi";

export const PAGE_BYTES: usize = 4096;

let fresh: usize = 0;
let end: usize = 0;
let freeList: usize = 0;
let parked: usize = 0;
let available: u32 = 0;

/** Makes [start, limit) the pool; both are byte addresses, rounded inwards to pages. */
export function initPages(start: usize, limit: usize): void {
  fresh = (start + <usize>PAGE_SIZE - 1) & ~(<usize>PAGE_SIZE - 1);
  end = limit & ~(<usize>PAGE_SIZE - 1);
  freeList = 0;
  parked = 0;
  available = <u32>((end - fresh) / <usize>PAGE_SIZE);
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

/** Gives a page-table page back once no CPU can walk it any more. */
export function freePageLater(page: usize): void {
  // The link is at the end of the page: entry 511 of a dead table; its low bit, "present", stays 0.
  store<u32>(page, <u32>parked, 0xff8);
  store<u32>(page, 0, 0xffc);
  parked = page;
}

export function releaseParkedPages(): void {
  while (parked !== 0) {
    const page = parked;
    parked = load<u32>(page, 0xff8);
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
