// Storage for the roottask's own records: power-of-two classes of 16 to 2048 bytes cut from pages, larger
// pieces from the page allocator. The caller says the size again when it gives storage back.

import { PAGE_SIZE } from "../libhedron/abi";
import { allocatePages, orderFor, releasePages } from "./pages";

const SMALLEST: u32 = 4;
const LARGEST: u32 = 11;
const lists = memory.data(8 * 4);
/** Largest size of which several share a page. */
export const PIECE_MAX: u32 = 1 << LARGEST;

function classOf(size: u32): u32 {
  return size <= 16 ? SMALLEST : 32 - (clz<u32>(size - 1) as u32);
}

/** `size` bytes of zeroes, aligned to the next power of two (at most a page), or 0 when memory is out. */
export function allocate(size: u32): usize {
  const order = classOf(size);
  if (order > LARGEST) return allocatePages(orderFor(size));
  const list = lists + (order - SMALLEST) * 4;
  let piece = load<usize>(list);
  if (piece === 0) {
    const page = allocatePages(0);
    if (page === 0) return 0;
    for (let at: u32 = PAGE_SIZE; at > 0; at -= 1 << order) {
      store<usize>(page + at - (1 << order), piece);
      piece = page + at - (1 << order);
    }
  }
  store<usize>(list, load<usize>(piece));
  memory.fill(piece, 0, 1 << order);
  return piece;
}

export function release(piece: usize, size: u32): void {
  const order = classOf(size);
  if (order > LARGEST) {
    releasePages(piece, orderFor(size));
    return;
  }
  const list = lists + (order - SMALLEST) * 4;
  store<usize>(piece, load<usize>(list));
  store<usize>(list, piece);
}

/** A zeroed record of an unmanaged class, or null when memory is out. */
export function create<T>(): T | null {
  return changetype<T | null>(allocate(offsetof<T>() as u32));
}

export function destroy<T>(record: T): void {
  release(changetype<usize>(record), offsetof<T>() as u32);
}
