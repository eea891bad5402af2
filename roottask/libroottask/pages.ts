// The physical page allocator: a buddy system over the RAM the HIP lists as free. Memory below 4 GiB is
// mapped one to one, so an address is at once physical and the roottask's pointer. Knuth, The Art of
// Computer Programming vol. 1, 2.5. RAM above 4 GiB is left alone.

import { PAGE_BITS, PAGE_SIZE } from "../libhedron/abi";

/** Largest block: 2^16 pages, 256 MiB. */
export const MAX_ORDER: u32 = 16;
/** One state byte per page frame below 4 GiB. */
export const STATE_BYTES: u32 = 1 << 20;

/** A free block starts with these links. */
@unmanaged
class FreeBlock {
  next: FreeBlock | null;
  previous: FreeBlock | null;
}

/** State of a frame: 0, or 1 + order where it heads a free block. */
let states: usize = 0;
const heads = memory.data((MAX_ORDER as i32) * 4 + 4);
let free: u32 = 0;
let total: u32 = 0;

/** Must be called first; `memory` is STATE_BYTES of storage, which stays in use. */
export function initPages(memoryForStates: usize): void {
  states = memoryForStates;
  memory.fill(states, 0, STATE_BYTES);
  memory.fill(heads, 0, (MAX_ORDER + 1) * 4);
  free = 0;
  total = 0;
}

/** Pages that can still be allocated, and all that were ever given to `addPages`. */
export function freePages(): u32 {
  return free;
}

export function totalPages(): u32 {
  return total;
}

function push(block: usize, order: u32): void {
  const head = changetype<FreeBlock | null>(load<usize>(heads + order * 4));
  const node = changetype<FreeBlock>(block);
  node.next = head;
  node.previous = null;
  if (head !== null) head.previous = node;
  store<usize>(heads + order * 4, block);
  store<u8>(states + (block >> PAGE_BITS), (order + 1) as u8);
}

function unlink(block: usize, order: u32): void {
  const node = changetype<FreeBlock>(block);
  const next = node.next;
  const previous = node.previous;
  if (next !== null) next.previous = previous;
  if (previous !== null) previous.next = next;
  else store<usize>(heads + order * 4, changetype<usize>(next));
  store<u8>(states + (block >> PAGE_BITS), 0);
}

/** A block of 2^order pages, aligned to its size, for who writes to all of it at once; or 0 when memory is out. */
export function takePages(order: u32): usize {
  let have = order;
  while (have <= MAX_ORDER && load<usize>(heads + have * 4) === 0) have++;
  if (have > MAX_ORDER) return 0;
  const block = load<usize>(heads + have * 4);
  unlink(block, have);
  while (have > order) {
    have--;
    push(block + (PAGE_SIZE << have), have);
  }
  free -= 1 << order;
  return block;
}

/** The same, filled with zeroes. */
export function allocatePages(order: u32): usize {
  const block = takePages(order);
  if (block !== 0) memory.fill(block, 0, PAGE_SIZE << order);
  return block;
}

/** Gives back 2^order pages; a part of an allocated block may be given back on its own. */
export function releasePages(page: usize, order: u32): void {
  free += 1 << order;
  let block = page;
  let size = order;
  while (size < MAX_ORDER) {
    const buddy = block ^ (PAGE_SIZE << size);
    if (load<u8>(states + (buddy >> PAGE_BITS)) !== size + 1) break;
    unlink(buddy, size);
    block &= ~(PAGE_SIZE << size);
    size++;
  }
  push(block, size);
}

/** Adds the whole pages of [start, end), addresses below 4 GiB. */
export function addPages(start: u64, end: u64): void {
  let at = (start + PAGE_SIZE - 1) & ~((PAGE_SIZE as u64) - 1);
  const stop = end & ~((PAGE_SIZE as u64) - 1);
  while (at < stop) {
    let order: u32 = 0;
    while (
      order < MAX_ORDER &&
      (at & ((PAGE_SIZE as u64) << order)) === 0 &&
      at + ((PAGE_SIZE as u64) << (order + 1)) <= stop
    ) {
      order++;
    }
    releasePages(at as usize, order);
    total += 1 << order;
    at += (PAGE_SIZE as u64) << order;
  }
}

/** The smallest order whose block holds `bytes`. */
export function orderFor(bytes: u32): u32 {
  let order: u32 = 0;
  while ((PAGE_SIZE as u64) << order < (bytes as u64)) order++;
  return order;
}
