// malloc(3) and its kin, for native programs. Small blocks come from chunks that the allocation service gives, in
// classes of powers of two, and go to a list of their class when they are freed; large ones, and those of wide alignment,
// are the service's own. In front of every block is a header, which tells a pointer that is none.

import { allocateMemory, freeMemory } from "./services";

/** Blocks are aligned to it; a header is as large. */
const ALIGN: usize = 16;
/** Sizes of the smallest and the largest class, headers included, as powers of two. */
const SMALLEST: u32 = 5;
const LARGEST: u32 = 12;
const CHUNK: u32 = 0x1_0000;
const PAGE: u64 = 4096;
/** Larger blocks are refused: sizes with header and alignment stay below 2^32. */
const SIZE_MAX: usize = 0x7fff_ffff;

/** Marks of blocks in use. */
const SMALL: u32 = 0x6c6c_6d73;
const LARGE: u32 = 0x6772_6c61;
const FREE: u32 = 0x6565_7266;

@unmanaged
class Header {
  mark: u32;
  /** Where the block begins, with what lies in front of the header. */
  start: usize;
  /** Bytes from there on. */
  bytes: u32;
  /** Next free block of the class. */
  next: Header | null;
}

if (offsetof<Header>() !== 16) ERROR("ALIGN");

/** A list per class. */
const lists = memory.data(8 * 4);

function headerOf(block: usize): Header {
  return changetype<Header>(block - ALIGN);
}

function blockOf(header: Header): usize {
  return changetype<usize>(header) + ALIGN;
}

function classOf(size: u32): u32 {
  return size <= 1 << SMALLEST ? SMALLEST : 32 - (clz<u32>(size - 1) as u32);
}

function listOf(order: u32): usize {
  return lists + (order - SMALLEST) * 4;
}

function pushFree(header: Header, order: u32): void {
  header.mark = FREE;
  header.next = load<Header | null>(listOf(order));
  store<Header | null>(listOf(order), header);
}

/** Cuts a new chunk into blocks of a class. */
function cutChunk(order: u32): void {
  const chunk = allocateMemory(CHUNK as u64, PAGE) as usize;
  if (chunk === 0) return;
  for (let at = CHUNK; at > 0; at -= 1 << order) {
    const header = changetype<Header>(chunk + at - (1 << order));
    header.start = changetype<usize>(header);
    header.bytes = 1 << order;
    pushFree(header, order);
  }
}

function small(size: u32): usize {
  const order = classOf(size + (ALIGN as u32));
  if (load<Header | null>(listOf(order)) === null) cutChunk(order);
  const header = load<Header | null>(listOf(order));
  if (header === null) return 0;
  store<Header | null>(listOf(order), header.next);
  header.mark = SMALL;
  return blockOf(header);
}

function large(size: u32, align: u32): usize {
  const bytes = (((size + align) as u64) + PAGE - 1) & ~(PAGE - 1);
  const start = allocateMemory(bytes, align as u64) as usize;
  if (start === 0) return 0;
  const header = headerOf(start + align);
  header.mark = LARGE;
  header.start = start;
  header.bytes = bytes as u32;
  return blockOf(header);
}

/** `size` bytes, aligned to 16; 0 when memory is out. What they hold is undefined. */
export function malloc(size: usize): usize {
  return alignedAlloc(ALIGN, size);
}

/** `size` bytes aligned to `align`, a power of two; 0 when memory is out or `align` is none. */
export function alignedAlloc(align: usize, size: usize): usize {
  if (align === 0 || (align & (align - 1)) !== 0) return 0;
  if (size > SIZE_MAX || align > SIZE_MAX / 2) return 0;
  if (align <= ALIGN && size + ALIGN <= 1 << LARGEST) return small(size as u32);
  return large(size as u32, max<usize>(align, ALIGN) as u32);
}

/** `count` times `size` zeroes; 0 when memory is out. */
export function calloc(count: usize, size: usize): usize {
  const bytes = (count as u64) * (size as u64);
  if (bytes > (SIZE_MAX as u64)) return 0;
  const block = malloc(bytes as usize);
  if (block !== 0) memory.fill(block, 0, bytes as usize);
  return block;
}

function inUse(block: usize): bool {
  if (block < ALIGN || (block & (ALIGN - 1)) !== 0) return false;
  const mark = headerOf(block).mark;
  return mark === SMALL || mark === LARGE;
}

/** Bytes that fit into `block`. */
export function usableSize(block: usize): usize {
  if (!inUse(block)) return 0;
  const header = headerOf(block);
  return header.start + header.bytes - block;
}

/**
 * Makes `block` (0: none yet) one of `size` bytes, moved where it does not fit, with what it holds. 0 when memory is out
 * or `block` is none; it is as it was then.
 */
export function realloc(block: usize, size: usize): usize {
  if (block === 0) return malloc(size);
  if (!inUse(block)) return 0;
  const room = usableSize(block);
  if (size <= room) return block;
  const moved = malloc(size);
  if (moved === 0) return 0;
  memory.copy(moved, block, room);
  free(block);
  return moved;
}

/**
 * Gives `block` back. False where it is none of this allocator's, or a small one that is free already; a large one's
 * memory is gone then, and looking at it a page fault.
 */
export function free(block: usize): bool {
  if (block === 0) return true;
  if (!inUse(block)) return false;
  const header = headerOf(block);
  if (header.mark === SMALL) {
    pushFree(header, classOf(header.bytes));
    return true;
  }
  header.mark = FREE;
  return freeMemory(header.start as u64, header.bytes as u64, PAGE);
}
