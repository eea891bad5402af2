// Storage for the roottask's own records: power-of-two classes of 16 to 2048 bytes cut from pages, larger
// pieces from the page allocator. The caller says the size again when it gives storage back. A page none of whose pieces
// is in use goes back to the page allocator, unless it is the last one with free pieces of its class.

import { PAGE_SIZE } from "../libhedron/abi";
import { dropFrame, isShared, shareFrame } from "./frames";
import { allocatePages, orderFor, releasePages, takePages } from "./pages";

const SMALLEST: u32 = 4;
const LARGEST: u32 = 11;
const lists = memory.data(8 * 4);
/** Free pieces of each class. */
const counts = memory.data(8 * 4);
/** Pages of each class. */
const pages = memory.data(8 * 4);
/** How many classes there are. */
export const PIECE_CLASSES: u32 = LARGEST - SMALLEST + 1;
/** Largest size of which several share a page. */
export const PIECE_MAX: u32 = 1 << LARGEST;

function classOf(size: u32): u32 {
  return size <= 16 ? SMALLEST : 32 - (clz<u32>(size - 1) as u32);
}

/** A free piece starts with these links. */
@unmanaged
class Piece {
  next: Piece | null;
  previous: Piece | null;
}

function pageOf(piece: usize): usize {
  return piece & ~((PAGE_SIZE as usize) - 1);
}

function addCount(order: u32, pieces: u32): u32 {
  const place = counts + ((order - SMALLEST) << 2);
  const value = load<u32>(place) + pieces;
  store<u32>(place, value);
  return value;
}

function addSlab(order: u32, more: i32): void {
  const place = pages + ((order - SMALLEST) << 2);
  store<u32>(place, load<u32>(place) + more);
}

/** Bytes of a piece of class `index`. */
export function pieceSize(index: u32): u32 {
  return 1 << (SMALLEST + index);
}

/** Pages that have been cut into pieces of class `index`. */
export function piecePages(index: u32): u32 {
  return load<u32>(pages + (index << 2));
}

/** Pieces of class `index` that are free. */
export function freePieces(index: u32): u32 {
  return load<u32>(counts + (index << 2));
}

function push(piece: usize, order: u32): void {
  const list = lists + ((order - SMALLEST) << 2);
  const first = changetype<Piece | null>(load<usize>(list));
  const links = changetype<Piece>(piece);
  links.next = first;
  links.previous = null;
  if (first !== null) first.previous = links;
  store<usize>(list, piece);
}

function unlink(piece: usize, order: u32): void {
  const links = changetype<Piece>(piece);
  const next = links.next;
  const previous = links.previous;
  if (next !== null) next.previous = previous;
  if (previous !== null) previous.next = next;
  else store<usize>(lists + ((order - SMALLEST) << 2), changetype<usize>(next));
}

/** Cuts a page into pieces, the lowest of which is taken first. False when memory is out. */
function addPage(order: u32): bool {
  const page = takePages(0);
  if (page === 0) return false;
  // The count of the pieces in use is that of a shared frame: here it gets its place.
  if (!shareFrame(page)) {
    releasePages(page, 0);
    return false;
  }
  dropFrame(page);
  for (let at: u32 = PAGE_SIZE; at > 0; at -= 1 << order) push(page + at - (1 << order), order);
  addCount(order, PAGE_SIZE >> order);
  addSlab(order, 1);
  return true;
}

/** Gives `page` back, none of whose pieces is in use, where there is another one's worth of free pieces of its class. */
function dropPage(page: usize, order: u32, free: u32): void {
  const pieces: u32 = PAGE_SIZE >> order;
  if (free < 2 * pieces) return;
  for (let at: u32 = 0; at < (PAGE_SIZE as u32); at += 1 << order) unlink(page + at, order);
  addCount(order, 0 - pieces);
  addSlab(order, -1);
  releasePages(page, 0);
}

/** `size` bytes of zeroes, aligned to the next power of two (at most a page), or 0 when memory is out. */
export function allocate(size: u32): usize {
  const order = classOf(size);
  if (order > LARGEST) return allocatePages(orderFor(size));
  const list = lists + ((order - SMALLEST) << 2);
  if (load<usize>(list) === 0 && !addPage(order)) return 0;
  const piece = load<usize>(list);
  shareFrame(pageOf(piece));
  unlink(piece, order);
  addCount(order, -1);
  memory.fill(piece, 0, 1 << order);
  return piece;
}

export function release(piece: usize, size: u32): void {
  const order = classOf(size);
  if (order > LARGEST) {
    releasePages(piece, orderFor(size));
    return;
  }
  const page = pageOf(piece);
  push(piece, order);
  const free = addCount(order, 1);
  dropFrame(page);
  if (!isShared(page)) dropPage(page, order, free);
}

/** A zeroed record of an unmanaged class, or null when memory is out. */
export function create<T>(): T | null {
  return changetype<T | null>(allocate(offsetof<T>() as u32));
}

export function destroy<T>(record: T): void {
  release(changetype<usize>(record), offsetof<T>() as u32);
}
