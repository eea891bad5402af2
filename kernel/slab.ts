// Small objects: pages cut into slots of one size class (64, 128, 256, 512, 1024 bytes). The first slot
// of a page is its header, so that the address of an object leads to its page; a page without objects
// goes back to the pool.

import { PAGE_SIZE } from "./abi";
import { allocPage, freePage } from "./page";

@unmanaged
export class SlabPage {
  next: usize;
  prev: usize;
  freeSlots: usize;
  used: u32;
  slotSize: u32;
}

const MIN_SHIFT: u32 = 6;
/** Bytes of the smallest slot. */
export const SLAB_MIN_BYTES: u32 = 64;
const CLASSES: u32 = 5;

/** Heads of the lists of pages that have a free slot, one u32 per size class. */
const heads: usize = memory.data(20);

function classOf(bytes: u32): u32 {
  let index: u32 = 0;
  while ((<u32>1) << (MIN_SHIFT + index) < bytes) index++;
  return index;
}

function link(page: SlabPage, index: u32): void {
  const head = heads + (index << 2);
  const first = <usize>load<u32>(head);
  page.next = first;
  page.prev = 0;
  if (first !== 0) changetype<SlabPage>(first).prev = changetype<usize>(page);
  store<u32>(head, <u32>changetype<usize>(page));
}

function unlink(page: SlabPage, index: u32): void {
  if (page.prev !== 0) changetype<SlabPage>(page.prev).next = page.next;
  else store<u32>(heads + (index << 2), <u32>page.next);
  if (page.next !== 0) changetype<SlabPage>(page.next).prev = page.prev;
}

/** Zeroed memory for an object of up to 1024 bytes, aligned to 64; 0 when the pool is empty. */
export function allocObject(bytes: u32): usize {
  const index = classOf(bytes);
  if (index >= CLASSES) return 0;
  const size: u32 = (<u32>1) << (MIN_SHIFT + index);
  let page = changetype<SlabPage>(<usize>load<u32>(heads + (index << 2)));
  if (changetype<usize>(page) === 0) {
    const start = allocPage();
    if (start === 0) return 0;
    page = changetype<SlabPage>(start);
    page.slotSize = size;
    for (let slot = <u32>PAGE_SIZE - size; slot >= size; slot -= size) {
      store<u32>(start + slot, <u32>page.freeSlots);
      page.freeSlots = start + slot;
    }
    link(page, index);
  }
  const object = page.freeSlots;
  page.freeSlots = <usize>load<u32>(object);
  page.used++;
  if (page.freeSlots === 0) unlink(page, index);
  memory.fill(object, 0, size);
  return object;
}

export function freeObject(object: usize): void {
  const page = changetype<SlabPage>(object & ~(<usize>PAGE_SIZE - 1));
  const index = classOf(page.slotSize);
  const wasFull = page.freeSlots === 0;
  store<u32>(object, <u32>page.freeSlots);
  page.freeSlots = object;
  page.used--;
  if (wasFull) link(page, index);
  if (page.used === 0) {
    unlink(page, index);
    freePage(changetype<usize>(page));
  }
}
