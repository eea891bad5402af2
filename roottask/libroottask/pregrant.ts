// Memory that a program's mediator hands out by itself: a piece of free addresses above the break, and one for mmap(2),
// from its end downwards. Each has a word in a page that the program can write to (libhrstd/mediator_layout.ts): where the
// piece begins now, and how many pages are left. A word says all that there is to know, so that whoever exchanges one for
// another has seen what holds at that moment.
//
// The words are claims. What one may claim has been granted, and is free: whoever changes areas takes the pieces back
// first. What has been handed out becomes part of an area that is there already, empty at first, so that no claim can
// fail.

import { MEM_R, MEM_W } from "../libhedron/abi";
import {
  WORD_ADDRESS_BITS,
  WORD_BREAK,
  WORD_PAGES_MAX,
  WORD_POOL,
} from "../libhrstd/mediator_layout";
import { Area, findRoom, freeUntil, insertArea, joinNeighbours, resize, Space } from "./areas";
import { create } from "./heap";
import { totalPages } from "./pages";

const PAGE: u64 = 4096;
const ADDRESS: u64 = ((1 as u64) << WORD_ADDRESS_BITS) - 1;

/** Largest piece, bytes. */
export const PREGRANT_MAX: u64 = 256 << 20;
if (PREGRANT_MAX / PAGE > (WORD_PAGES_MAX as u64)) ERROR("PREGRANT_MAX");

function up(value: u64): u64 {
  return (value + PAGE - 1) & ~(PAGE - 1);
}

/** Records what `heapWord` and `poolWord` claim; what they cannot claim is ignored. */
function record(space: Space, heapWord: u64, poolWord: u64): void {
  const heap = space.heap;
  const end = heapWord & ADDRESS;
  if (heap !== null && end > space.breakEnd && end <= space.heapLimit) {
    space.breakEnd = end;
    resize(space, heap, heap.start, up(end));
  }
  const pool = space.pool;
  const start = poolWord & ADDRESS & ~(PAGE - 1);
  if (pool !== null && start < pool.start && start >= space.poolStart) {
    resize(space, pool, start, pool.end);
  }
}

/** Records what the mediator has handed out up to now. False where it cannot have. */
export function recordHandedOut(space: Space): bool {
  if (space.pregrant === 0) return false;
  const words = space.words;
  record(space, atomic.load<u64>(words + WORD_BREAK), atomic.load<u64>(words + WORD_POOL));
  return true;
}

/**
 * Takes back what the mediator has not handed out; it forwards what would need any, until `grant`. To be called before
 * areas change.
 */
export function takeBack(space: Space): void {
  if (space.pregrant === 0) return;
  const words = space.words;
  const heapWord = atomic.xchg<u64>(words + WORD_BREAK, 0);
  record(space, heapWord, atomic.xchg<u64>(words + WORD_POOL, 0));
  const heap = space.heap;
  const pool = space.pool;
  space.heap = null;
  space.pool = null;
  if (heap !== null) joinNeighbours(space, heap.start, heap.end);
  if (pool !== null) joinNeighbours(space, pool.start, pool.end);
}

/** An empty area at `address`, or null when memory is out. */
function emptyArea(space: Space, address: u64): Area | null {
  const area = create<Area>();
  if (area === null) return null;
  area.start = address;
  area.end = address;
  area.rights = MEM_R | MEM_W;
  insertArea(space, area);
  return area;
}

/** The word for a piece of [from, to), which begins at `at`. */
function wordOf(at: u64, from: u64, to: u64): u64 {
  return at | (((to - from) / PAGE) << WORD_ADDRESS_BITS);
}

/** The highest free addresses that are enough. */
function grantPool(space: Space): void {
  const room = findRoom(space, space.pregrant);
  if (room === 0) return;
  const end = room + space.pregrant;
  space.pool = emptyArea(space, end);
  space.poolStart = room;
  if (space.pool !== null) atomic.store<u64>(space.words + WORD_POOL, wordOf(end, room, end));
}

/** What is free above the break, up to the piece for mmap(2) at most. */
function grantHeap(space: Space): void {
  const from = up(space.breakEnd);
  let limit = min<u64>(from + space.pregrant, space.top);
  if (space.pool !== null && space.poolStart >= from) limit = min<u64>(limit, space.poolStart);
  limit = freeUntil(space, from, limit);
  if (limit <= from) return;
  space.heap = emptyArea(space, from);
  space.heapLimit = limit;
}

/** Tells the mediator where the break is, and grants it memory to hand out where the program is to have that. */
export function grant(space: Space): void {
  const words = space.words;
  if (words === 0) return;
  if (space.pregrant !== 0) {
    grantPool(space);
    grantHeap(space);
  }
  const from = up(space.breakEnd);
  const limit = space.heap === null ? from : space.heapLimit;
  atomic.store<u64>(words + WORD_BREAK, wordOf(space.breakEnd, from, limit));
}

/** The mediator may hand out `bytes` above the break and as many for mmap(2) from now on, whole pages; 0 is nothing. */
export function setPregrant(space: Space, bytes: u64): void {
  if (space.words === 0) return;
  takeBack(space);
  space.pregrant = min<u64>(up(bytes), (totalPages() as u64) * PAGE);
  grant(space);
}
