// Contexts of asynchronous I/O (io_setup(2)), as fs/aio.c of Linux 6.1 has them. A context is a ring of events in memory that
// its program has mapped, and may read by itself; it goes by the address of that. What is written there by the program is
// never more than a place in the ring.

import { MEM_R, MEM_W, PAGE_SIZE } from "../../libhedron/abi";
import { Area, areaAt, findRoom, hasRoomForArea, Space } from "../../libroottask/areas";
import { EAGAIN, EINVAL, ENOMEM } from "../../libroottask/errno";
import { frameToWrite } from "../../libroottask/file_pages";
import { pagesForFiles } from "../../libroottask/file_system";
import { create, destroy } from "../../libroottask/heap";
import { newOperations } from "../../libroottask/open_file";
import { grant, takeBack } from "../../libroottask/pregrant";
import { Program } from "../../libroottask/program";
import { get32, got, mapShared, setSpaceEnd, unmap } from "../../libroottask/space";
import { dispose, KIND_FILE, Node, newNode } from "../../libroottask/tree";
import { notify } from "../../libroottask/watches";
import { mayExpand } from "../memory_limits";

/** struct aio_ring: id, number of events, head, tail, magic, features, incompatible features, bytes of the header. */
const RING_BYTES: u32 = 32;
const RING_NR: usize = 4;
const RING_HEAD: usize = 8;
const RING_TAIL: usize = 12;
const RING_MAGIC: u32 = 0xa10a_10a1;
/** struct io_event: data, address of the iocb, result, second result. */
export const EVENT_BYTES: u32 = 32;
/** Of the file of a ring. */
const MODE: u32 = 0o600;
/** Most requests of one context, as far as its ring is concerned; and what all contexts together may ask for by default. */
const EVENTS_MAX: u32 = 0x1000_0000 / EVENT_BYTES;
const REQUESTS_MAX: u64 = 65536;
/** A ring has room for so many requests at least, twice. */
const REQUESTS_LEAST: u32 = 4;

/** A context. Its node is the file of the ring, which is told when there are events. */
@unmanaged
export class Context {
  /** Calls that work with it, and its being there. */
  users: u32;
  dead: u32;
  space: Space;
  node: Node;
  id: u32;
  /** Events that the ring has room for, and what was asked for. */
  events: u32;
  requests: u32;
  /** The place of the next event. */
  tail: u32;
  /** Requests that wait (polls.ts), the first of them and how many. */
  pending: usize;
  pendingCount: u32;
  previous: Context | null;
  next: Context | null;
}

/** Marks the nodes of rings; nobody opens them. */
const storage = memory.data(64);
/** fs.aio-nr and fs.aio-max-nr, u64 each. */
const counts = memory.data(16);
let lastId: u32 = 0;

/** Where the number of requests is that all contexts have been made for (u64), and behind it the most that may be. */
export function requestCount(): usize {
  return counts;
}

export function requestMax(): usize {
  return counts + 8;
}

type Cancel = (context: Context) => void;

function nothingToCancel(_context: Context): void {}

let cancelAll: Cancel = nothingToCancel;

/** `cancel` takes back all requests that wait. */
export function initContexts(cancel: Cancel): void {
  cancelAll = cancel;
  newOperations(storage);
  store<u64>(requestCount(), 0);
  store<u64>(requestMax(), REQUESTS_MAX);
  setSpaceEnd(endContexts);
}

/** The frame of the ring's page with byte `offset`, at that byte; 0 when memory is out. */
function ringAt(context: Context, offset: u32): usize {
  const frame = frameToWrite(context.node, (offset / PAGE_SIZE) as u64);
  return frame === 0 ? 0 : frame + (offset & (PAGE_SIZE - 1));
}

/** The place of the oldest event that has not been taken, as the program may have moved it. */
export function ringHead(context: Context): u32 {
  const header = ringAt(context, 0);
  return header === 0 ? context.tail : load<u32>(header + RING_HEAD) % context.events;
}

export function setRingHead(context: Context, head: u32): void {
  const header = ringAt(context, 0);
  if (header !== 0) store<u32>(header + RING_HEAD, head);
}

/** The event at place `index` of the ring; 0 when memory is out. */
export function eventAt(context: Context, index: u32): usize {
  return ringAt(context, RING_BYTES + index * EVENT_BYTES);
}

/** Events in the ring. */
function eventCount(context: Context): u32 {
  const head = ringHead(context);
  return head <= context.tail ? context.tail - head : context.events - head + context.tail;
}

/** There is room for the event of one request more. */
export function hasRoomForRequest(context: Context): bool {
  return eventCount(context) + context.pendingCount < context.events - 1;
}

/** Puts the end of the request at `iocb` into the ring, and tells who waits. */
export function addEvent(context: Context, data: u64, iocb: u64, result: i64): void {
  const event = eventAt(context, context.tail);
  if (event === 0) return;
  store<u64>(event, data);
  store<u64>(event + 8, iocb);
  store<i64>(event + 16, result);
  store<u64>(event + 24, 0);
  context.tail = (context.tail + 1) % context.events;
  const header = ringAt(context, 0);
  if (header !== 0) store<u32>(header + RING_TAIL, context.tail);
  notify(context.node, 0);
}

/** Fills in the header, and lets all pages of the ring be there. False when memory is out. */
function fillRing(context: Context, pages: u32): bool {
  for (let page: u32 = 0; page < pages; page++) {
    if (frameToWrite(context.node, page as u64) === 0) return false;
  }
  const header = ringAt(context, 0);
  store<u32>(header, context.id);
  store<u32>(header + RING_NR, context.events);
  store<u32>(header + 16, RING_MAGIC);
  store<u32>(header + 20, 1);
  store<u32>(header + 28, RING_BYTES);
  return true;
}

/** Where the ring of `context`, of `pages`, is mapped: its address, or a negative error. */
function mapRing(program: Program, context: Context, pages: u32): i64 {
  const space = program.space;
  const length = (pages as u64) * (PAGE_SIZE as u64);
  if (!hasRoomForArea(space) || !mayExpand(program, length, 0)) return -ENOMEM;
  const start = findRoom(space, length);
  if (start === 0) return -ENOMEM;
  const error = mapShared(space, start, start + length, MEM_R | MEM_W, context.node, 0, 0);
  return error === 0 ? (start as i64) : error;
}

function enterContext(context: Context, space: Space): void {
  const first = changetype<Context | null>(space.contexts);
  context.space = space;
  context.next = first;
  if (first !== null) first.previous = context;
  space.contexts = changetype<usize>(context);
  store<u64>(requestCount(), load<u64>(requestCount()) + (context.requests as u64));
}

function leaveSpace(context: Context): void {
  const previous = context.previous;
  const next = context.next;
  if (previous === null) context.space.contexts = changetype<usize>(next);
  else previous.next = next;
  if (next !== null) next.previous = previous;
  store<u64>(requestCount(), load<u64>(requestCount()) - (context.requests as u64));
}

export function dropContext(context: Context): void {
  if (--context.users !== 0) return;
  const node = context.node;
  node.object = 0;
  node.users--;
  dispose(node);
  destroy<Context>(context);
}

/** `context` is there no more; who waits for it is told. Its ring stays mapped. */
function kill(context: Context): void {
  cancelAll(context);
  leaveSpace(context);
  context.dead = 1;
  context.node.object = 0;
  notify(context.node, 0);
  dropContext(context);
}

/** Nobody is in `space` any more, or nobody will be. */
function endContexts(space: Space): void {
  while (space.contexts !== 0) kill(changetype<Context>(space.contexts));
}

/** No thread of `program` is left. */
export function endRequests(program: Program): void {
  if (program.space.users === 1) endContexts(program.space);
}

/** A context for `requests` whose ring has `pages`; null when memory is out. */
function newContext(requests: u32, pages: u32): Context | null {
  if (pagesForFiles() < pages) return null;
  const context = create<Context>();
  if (context === null) return null;
  const node = newNode(KIND_FILE, MODE);
  if (node === null) {
    destroy<Context>(context);
    return null;
  }
  node.size = (pages as u64) * (PAGE_SIZE as u64);
  node.users = 1;
  node.operations = storage;
  node.object = changetype<usize>(context);
  context.users = 1;
  context.node = node;
  context.id = ++lastId;
  context.requests = requests;
  context.events = (pages * PAGE_SIZE - RING_BYTES) / EVENT_BYTES;
  return context;
}

/** Makes a context for `requests` of `program`: its address, or a negative error (ioctx_alloc()). */
export function makeContext(program: Program, requests: u32): i64 {
  // All in 32 bits, as Linux counts.
  const doubled = max<u32>(requests, REQUESTS_LEAST) * 2;
  if (doubled > EVENTS_MAX) return -EINVAL;
  const most = load<u64>(requestMax());
  if (doubled === 0 || (requests as u64) > most) return -EAGAIN;
  if (load<u64>(requestCount()) + (requests as u64) > most) return -EAGAIN;
  const bytes = RING_BYTES + (doubled + 2) * EVENT_BYTES;
  const pages = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
  const context = newContext(requests, pages);
  if (context === null) return -ENOMEM;
  takeBack(program.space);
  const at = fillRing(context, pages) ? mapRing(program, context, pages) : -ENOMEM;
  grant(program.space);
  if (at < 0) dropContext(context);
  else enterContext(context, program.space);
  return at;
}

/** The area with the ring that `address` is the beginning of, or null. */
function ringArea(space: Space, address: u64): Area | null {
  const area = areaAt(space, address);
  if (area === null || area.start !== address || area.offset !== 0) return null;
  const node = area.node;
  return node !== null && node.operations === storage && node.object !== 0 ? area : null;
}

/** The context that `address` is of, or null (lookup_ioctx()). */
export function contextAt(program: Program, address: u64): Context | null {
  const area = ringArea(program.space, address);
  if (area === null) return null;
  const context = changetype<Context>((area.node as Node).object);
  if (context.space !== program.space || !get32(program.space, address)) return null;
  return (got as u32) === context.id ? context : null;
}

/** Takes `context` of `program`, at `address`, away. */
export function destroyContext(program: Program, context: Context, address: u64): void {
  const space = program.space;
  const size = context.node.size;
  kill(context);
  takeBack(space);
  unmap(space, address, address + size);
  grant(space);
}
