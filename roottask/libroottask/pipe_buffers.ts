// What is in a pipe: a ring of buffers of a page each, as Linux has it (pipe(7)), because a program can tell. Short
// writes share a page while they fit; a page counts as used until its last byte has been read.

import { PAGE_SIZE } from "../libhedron/abi";
import { EBUSY, EINVAL, ENOMEM, EPERM } from "./errno";
import { allocate, create, destroy, release } from "./heap";
import { allocatePages, releasePages, totalPages } from "./pages";
import {
  enterPipeUser,
  initPipeUsers,
  isMuch,
  isTooMuch,
  leavePipeUser,
  maySize,
  PipeUser,
} from "./pipe_users";
import { Transfer, takeBytes } from "./transfer";

/** Buffers of a new pipe, and of one that is made when pipes have much already. */
const SLOTS: u32 = 16;
const FEW_SLOTS: u32 = 2;
/** Share of RAM that pipes may have in all when full, and from which on new ones get less, as divisors. */
const SHARE: u32 = 4;
const LARGE_SHARE: u32 = 8;
/** Largest size a caller may ask for, bytes: as a power of two no larger one has room in an i32. */
const SIZE_MAX: u32 = 1 << 31;

@unmanaged
export class Pipe {
  /** Buffers: `slots` (a power of two) of BUFFER_BYTES. */
  ring: usize;
  slots: u32;
  /** Buffers ever filled, and ever emptied, modulo 2^32. */
  head: u32;
  tail: u32;
  /** Open files that read and that write, and how many there have been of each. */
  readers: u32;
  writers: u32;
  readerOpens: u32;
  writerOpens: u32;
  /** Open files in all. */
  files: u32;
  /** Whose buffers they count as. */
  user: PipeUser;
}

/** A page with the bytes from `offset` on. */
@unmanaged
export class PipeBuffer {
  page: usize;
  offset: u32;
  length: u32;
  /** BUFFER_…. */
  flags: u32;
}

/** One write, which one read takes (O_DIRECT). */
export const BUFFER_PACKET: u32 = 1;
/** A copy of what is elsewhere: nothing is added to it. */
export const BUFFER_CLOSED: u32 = 2;

const BUFFER_BYTES: u32 = 16;
if (offsetof<PipeBuffer>() !== (BUFFER_BYTES as usize)) ERROR("BUFFER_BYTES");

/** Buffers of all pipes there are. */
let reserved: u32 = 0;

/** Must be called before a pipe is made. */
export function initPipeBuffers(): void {
  reserved = 0;
  initPipeUsers();
}

/** Buffers that a new pipe of `user` has; 0 where there are too many. */
function slotsFor(user: PipeUser): u32 {
  let slots = SLOTS;
  while (slots > 1 && !maySize(slots)) slots >>= 1;
  if (isMuch(user, slots)) slots = FEW_SLOTS;
  if (isTooMuch(user, slots)) return 0;
  if (reserved + slots > totalPages() / LARGE_SHARE) slots = min<u32>(slots, FEW_SLOTS);
  return reserved + slots > totalPages() / SHARE ? 0 : slots;
}

/** An empty pipe of the calling thread's user, or null when memory or the share that pipes may have is out. */
export function createPipe(): Pipe | null {
  const user = enterPipeUser();
  if (user === null) return null;
  const slots = slotsFor(user);
  const pipe: Pipe | null = slots === 0 ? null : create<Pipe>();
  const ring: usize = pipe === null ? 0 : allocate(slots * BUFFER_BYTES);
  if (pipe === null || ring === 0) {
    if (pipe !== null) destroy<Pipe>(pipe);
    leavePipeUser(user);
    return null;
  }
  pipe.ring = ring;
  pipe.slots = slots;
  pipe.user = user;
  user.slots += slots as u64;
  reserved += slots;
  return pipe;
}

export function destroyPipe(pipe: Pipe): void {
  while (!isEmpty(pipe)) dropBuffer(pipe);
  release(pipe.ring, pipe.slots * BUFFER_BYTES);
  reserved -= pipe.slots;
  pipe.user.slots -= pipe.slots as u64;
  leavePipeUser(pipe.user);
  destroy<Pipe>(pipe);
}

export function usedBuffers(pipe: Pipe): u32 {
  return pipe.head - pipe.tail;
}

export function isEmpty(pipe: Pipe): bool {
  return pipe.head === pipe.tail;
}

export function isFull(pipe: Pipe): bool {
  return usedBuffers(pipe) === pipe.slots;
}

/** The buffer that is number `index` of all there ever were, between tail and head. */
export function bufferAt(pipe: Pipe, index: u32): PipeBuffer {
  return changetype<PipeBuffer>(pipe.ring + (index & (pipe.slots - 1)) * BUFFER_BYTES);
}

/** Bytes that can be read. */
export function bytesIn(pipe: Pipe): u32 {
  let bytes: u32 = 0;
  for (let at = pipe.tail; at !== pipe.head; at++) bytes += bufferAt(pipe, at).length;
  return bytes;
}

/** Empties the first buffer. */
export function dropBuffer(pipe: Pipe): void {
  releasePages(bufferAt(pipe, pipe.tail).page, 0);
  pipe.tail++;
}

/** Adds the `length` bytes at the start of `page`, which is the pipe's from now on; there is room. */
export function addBuffer(pipe: Pipe, page: usize, length: u32, flags: u32): void {
  const buffer = bufferAt(pipe, pipe.head);
  buffer.page = page;
  buffer.offset = 0;
  buffer.length = length;
  buffer.flags = flags;
  pipe.head++;
}

/** Moves the first buffer of `from` to `to`, which has room. */
export function moveBuffer(from: Pipe, to: Pipe): void {
  const buffer = changetype<usize>(bufferAt(from, from.tail));
  memory.copy(changetype<usize>(bufferAt(to, to.head)), buffer, BUFFER_BYTES);
  from.tail++;
  to.head++;
}

/** Adds a copy of the first `length` bytes of `buffer` to `to`, which has room. False when memory is out. */
export function copyBuffer(buffer: PipeBuffer, length: u32, to: Pipe): bool {
  const page = newBufferPage();
  if (page === 0) return false;
  memory.copy(page, buffer.page + buffer.offset, length);
  addBuffer(to, page, length, (buffer.flags & BUFFER_PACKET) | BUFFER_CLOSED);
  return true;
}

/** `length` bytes of the first buffer have been taken. */
export function consume(pipe: Pipe, length: u32): void {
  const buffer = bufferAt(pipe, pipe.tail);
  buffer.offset += length;
  buffer.length -= length;
  if (buffer.length === 0) dropBuffer(pipe);
}

/** Whether the last buffer has room for `length` bytes more. */
export function lastTakes(pipe: Pipe, length: u32): bool {
  if (isEmpty(pipe)) return false;
  const last = bufferAt(pipe, pipe.head - 1);
  return last.flags === 0 && last.offset + last.length + length <= (PAGE_SIZE as u32);
}

/** Puts the next `length` bytes of `transfer` into the last buffer, which takes them; false where they cannot be read. */
export function extendLast(pipe: Pipe, transfer: Transfer, length: u32): bool {
  const last = bufferAt(pipe, pipe.head - 1);
  const to = last.page + (last.offset + last.length);
  if (takeBytes(transfer, to, length) !== length) return false;
  last.length += length;
  return true;
}

/** Gives the pipe room for `size` bytes: the size it has then, -EINVAL, -EPERM (too much, in all or for the caller), -EBUSY (too little) or -ENOMEM. */
export function resizePipe(pipe: Pipe, size: u32): i64 {
  if (size > SIZE_MAX) return -EINVAL;
  let slots: u32 = 1;
  while (slots * PAGE_SIZE < size) slots <<= 1;
  if (slots > pipe.slots) {
    const more = (slots - pipe.slots) as i64;
    if (!maySize(slots) || isTooMuch(pipe.user, more) || isMuch(pipe.user, more)) return -EPERM;
    if (reserved + (more as u32) > totalPages() / SHARE) return -EPERM;
  }
  const used = usedBuffers(pipe);
  if (slots < used) return -EBUSY;
  const ring = allocate(slots * BUFFER_BYTES);
  if (ring === 0) return -ENOMEM;
  for (let i: u32 = 0; i < used; i++) {
    const from = changetype<usize>(bufferAt(pipe, pipe.tail + i));
    memory.copy(ring + i * BUFFER_BYTES, from, BUFFER_BYTES);
  }
  release(pipe.ring, pipe.slots * BUFFER_BYTES);
  reserved += slots - pipe.slots;
  pipe.user.slots += (slots as u64) - (pipe.slots as u64);
  pipe.ring = ring;
  pipe.slots = slots;
  pipe.tail = 0;
  pipe.head = used;
  return (slots * PAGE_SIZE) as i64;
}

/** A page to be filled, or 0 when memory is out. */
export function newBufferPage(): usize {
  return allocatePages(0);
}

export function freeBufferPage(page: usize): void {
  releasePages(page, 0);
}
