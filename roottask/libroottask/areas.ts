// The areas of a program's address space: what may be touched, as a sorted list without overlaps. Their pages are in
// space.ts.

import { MEM_W } from "../libhedron/abi";
import { dropCopies } from "./file_pages";
import { create, destroy } from "./heap";
import { Mount } from "./mount";
import { addWriter, dropMount, keepMount } from "./mount_users";
import { dispose, Node } from "./tree";

/** Largest address a program may map, exclusive; UTCB and stack end below it. */
export const SPACE_END: u64 = 0x7fff_ffff_f000;
/** Lowest address that may be mapped (Linux: vm.mmap_min_addr). */
export const SPACE_START: u64 = 0x1_0000;

/** It grows downwards when somebody touches what lies below it (MAP_GROWSDOWN). */
export const MARK_GROWS: u32 = 1;
/** What fork(2) does with it: the child has nothing there (MADV_DONTFORK), or zeroes (MADV_WIPEONFORK). */
export const MARK_DONT_FORK: u32 = 2;
export const MARK_WIPE_ON_FORK: u32 = 4;
/** It is in no core dump (MADV_DONTDUMP). */
export const MARK_DONT_DUMP: u32 = 8;

/** Bytes that stay free between an area that grows and what is below it (stack_guard_gap of Linux). */
const GUARD: u64 = 256 * 4096;

/** One run of addresses with the same rights and backing; the list is sorted and free of overlaps. */
@unmanaged
export class Area {
  next: Area | null;
  start: u64;
  end: u64;
  /** RIGHT_… bits. */
  rights: u32;
  /** Not to be given to anybody else by a search (the UTCB). */
  fixed: u32;
  node: Node | null;
  /** What is written to it goes to `node`, and to every space it is copied to by fork(2). */
  shared: u32;
  /** Offset in `node` of `start`. */
  offset: u64;
  /** Its pages are to stay: mlock(2). */
  locked: u32;
  /** Rights it cannot get: writing where the file of a shared mapping was not opened for that. */
  denied: u32;
  /** MARK_… bits. */
  marks: u32;
  /** The mount that `node` was found through, null where it has no place. */
  mount: Mount | null;
  /** Where `node` is: the space it is in, and other areas of the node. */
  space: Space | null;
  nextOfNode: Area | null;
  previousOfNode: Area | null;
}

@unmanaged
export class Space {
  /** Its slot, 1…SPACES_MAX, and the selector of the PD that mirrors it. */
  slot: u32;
  pd: u64;
  /** Programs that run in it: more than one between vfork(2) and execve(2). */
  users: u32;
  /** Threads in it that wait for a futex or are about to. */
  futexWaiters: u32;
  /** Processors on which it has a decoy, since it has had more than one thread; bit n is number n. */
  decoys: u64;
  /** Root of a four-level table of page entries, indexed like the processor's. */
  table: usize;
  areas: Area | null;
  /** Searches for room go downwards from here. */
  top: u64;
  breakStart: u64;
  breakEnd: u64;
  /** Where the strings of the arguments and of the environment are, the second behind the first. */
  argumentsStart: u64;
  argumentsEnd: u64;
  variablesEnd: u64;
  /** What its mediator may hand out by itself (pregrant.ts): bytes above the break and for mmap(2) each, 0 for none. */
  pregrant: u64;
  /** Page with its words, which the program can write to, 0 where there is no mediator. */
  words: usize;
  /** Where the piece above the break ends, and the one for mmap(2) begins. */
  heapLimit: u64;
  poolStart: u64;
  /** What has been handed out of each since they were granted; null where there is none. */
  heap: Area | null;
  pool: Area | null;
  /** What is mapped from now on is to stay: mlockall(2). */
  locksNew: u32;
  /** The marks of what is mapped from now on. */
  marksNew: u32;
  /** How large areas that grow may become, bytes: RLIMIT_STACK. */
  growthLimit: u64;
  /** Commands of membarrier(2) that it has registered for. */
  barriers: u32;
  /** Pages in use. */
  resident: u32;
  /** Highest value `resident` had. */
  peak: u32;
  /** Pages of its table. */
  tables: u32;
}

export function areaAt(space: Space, address: u64): Area | null {
  let area = space.areas;
  while (area !== null) {
    if (address < area.start) return null;
    if (address < area.end) return area;
    area = area.next;
  }
  return null;
}

/** The first area of the program's own that ends above `address`, or null. */
export function ownAreaFrom(space: Space, address: u64): Area | null {
  let area = space.areas;
  while (area !== null && (area.end <= address || area.fixed !== 0)) area = area.next;
  return area;
}

/** The area above `address`, where nothing is mapped, if it can grow to there; null otherwise. */
export function growDown(space: Space, address: u64): Area | null {
  let below = SPACE_START;
  let area = space.areas;
  while (area !== null && area.end <= address) {
    if (area.end > below) below = area.end;
    // What the mediator may hand out is not to be had.
    if (area === space.heap) below = max<u64>(below, space.heapLimit);
    // One that nobody can touch, or that grows itself, needs no distance.
    if (area.rights !== 0 && (area.marks & MARK_GROWS) === 0)
      below = max<u64>(below, area.end + GUARD);
    area = area.next;
  }
  if (area === null || (area.marks & MARK_GROWS) === 0 || area.fixed !== 0) return null;
  const start = address & ~(4095 as u64);
  if (start < below || area.end - start > space.growthLimit) return null;
  area.start = start;
  return area;
}

/** Nothing is mapped in [start, end). */
export function rangeFree(space: Space, start: u64, end: u64): bool {
  let area = space.areas;
  while (area !== null && area.start < end) {
    if (area.end > start) return false;
    area = area.next;
  }
  return true;
}

/** The highest free range of `length` bytes below `space.top`, or 0. */
export function findRoom(space: Space, length: u64): u64 {
  let best: u64 = 0;
  let floor = SPACE_START;
  let area = space.areas;
  while (area !== null) {
    const limit = min<u64>(area.start, space.top);
    if (limit > floor && limit - floor >= length) best = limit - length;
    if (area.end > floor) floor = area.end;
    if (floor >= space.top) return best;
    area = area.next;
  }
  if (floor < space.top && space.top - floor >= length) best = space.top - length;
  return best;
}

/** Cuts the area that spans `address` in two. False when memory is out. */
export function splitAt(space: Space, address: u64): bool {
  const area = areaAt(space, address);
  if (area === null || area.start === address) return true;
  const tail = create<Area>();
  if (tail === null) return false;
  tail.next = area.next;
  tail.start = address;
  tail.end = area.end;
  tail.rights = area.rights;
  tail.fixed = area.fixed;
  tail.shared = area.shared;
  tail.denied = area.denied;
  tail.locked = area.locked;
  tail.marks = area.marks;
  tail.offset = area.offset + (address - area.start);
  const node = area.node;
  if (node !== null) backArea(space, tail, node);
  findAreaThrough(tail, area.mount);
  area.end = address;
  area.next = tail;
  return true;
}

function joins(a: Area, b: Area): bool {
  return (
    a.end === b.start &&
    a.rights === b.rights &&
    a.fixed === b.fixed &&
    a.shared === b.shared &&
    a.locked === b.locked &&
    a.marks === b.marks &&
    a.node === null &&
    b.node === null
  );
}

/** The number of areas that map `node`, a segment's, changes by `by`: 1 or -1. */
export type Attached = (node: Node, by: i32) => void;

function notCounted(_node: Node, _by: i32): void {}

let attached: Attached = notCounted;

/** Who counts mappings of segments wants to know. */
export function setAttached(hook: Attached): void {
  attached = hook;
}

/** `area` of `space` maps `node` from now on. */
export function backArea(space: Space, area: Area, node: Node): void {
  area.node = node;
  area.space = space;
  const next = changetype<Area | null>(node.mappings);
  area.nextOfNode = next;
  if (next !== null) next.previousOfNode = area;
  node.mappings = changetype<usize>(area);
  node.users++;
  if (node.segment !== 0) attached(node, 1);
}

/** What `area` maps may be changed through it. */
function writes(area: Area): bool {
  return area.shared !== 0 && (area.denied & MEM_W) === 0;
}

/** What `area`, whose rights cannot become others any more, maps was found through `mount`. */
export function findAreaThrough(area: Area, mount: Mount | null): void {
  area.mount = mount;
  keepMount(mount);
  if (mount !== null && writes(area)) addWriter(mount, 1);
}

function leaveNode(area: Area, node: Node): void {
  const next = area.nextOfNode;
  const previous = area.previousOfNode;
  if (next !== null) next.previousOfNode = previous;
  if (previous !== null) previous.nextOfNode = next;
  else node.mappings = changetype<usize>(next);
  if (node.mappings === 0) dropCopies(node);
  if (node.segment !== 0) attached(node, -1);
  node.users--;
  dispose(node);
}

export function dropArea(area: Area): void {
  const node = area.node;
  const mount = area.mount;
  if (mount !== null && writes(area)) addWriter(mount, -1);
  if (node !== null) leaveNode(area, node);
  destroy<Area>(area);
  dropMount(mount);
}

/** Makes one of neighbours that are alike, and drops areas that are empty. */
export function joinNeighbours(space: Space): void {
  let previous: Area | null = null;
  let area = space.areas;
  while (area !== null) {
    const next: Area | null = area.next;
    if (area.start === area.end || (previous !== null && joins(previous, area))) {
      if (previous === null) space.areas = next;
      else previous.next = next;
      if (previous !== null && area.start !== area.end) previous.end = area.end;
      dropArea(area);
    } else {
      previous = area;
    }
    area = next;
  }
}

/** The first of the areas that map `node`. */
export function firstMapping(node: Node): Area | null {
  return changetype<Area | null>(node.mappings);
}

/** Puts `area` where it belongs: in front of the first that does not begin below it. */
export function insertArea(space: Space, area: Area): void {
  let previous: Area | null = null;
  let at = space.areas;
  while (at !== null && at.start < area.start) {
    previous = at;
    at = at.next;
  }
  area.next = at;
  if (previous === null) space.areas = area;
  else previous.next = area;
}

/** The end of what is free from `start` on, at most `limit`; `start` where nothing is. */
export function freeUntil(space: Space, start: u64, limit: u64): u64 {
  let area = space.areas;
  while (area !== null && area.end <= start) area = area.next;
  if (area === null) return limit;
  return max<u64>(start, min<u64>(area.start, limit));
}

/** Where what is free below `end` begins: behind the last area that ends there or below. */
export function freeFrom(space: Space, end: u64): u64 {
  let from = SPACE_START;
  let area = space.areas;
  while (area !== null && area.end <= end) {
    from = area.end;
    area = area.next;
  }
  return from;
}

/** The end of what the program may have changed from `start` on, at most `limit`: where an area that is not its own begins. */
export function ownUntil(space: Space, start: u64, limit: u64): u64 {
  let area = space.areas;
  while (area !== null && area.start < limit) {
    if (area.end > start && area.fixed !== 0) return max<u64>(start, area.start);
    area = area.next;
  }
  return limit;
}

/** [start, end) touches an area that is not the program's to change. */
export function blocked(space: Space, start: u64, end: u64): bool {
  let area = space.areas;
  while (area !== null && area.start < end) {
    if (area.end > start && area.fixed !== 0) return true;
    area = area.next;
  }
  return false;
}

/** The first address of [start, end) that is not mapped, or `end`. */
export function mappedUntil(space: Space, start: u64, end: u64): u64 {
  let at = start;
  let area = space.areas;
  while (area !== null && at < end) {
    if (area.start > at) return at;
    if (area.end > at) at = area.end;
    area = area.next;
  }
  return min<u64>(at, end);
}

/** All of [start, end) is mapped. */
export function mapped(space: Space, start: u64, end: u64): bool {
  return mappedUntil(space, start, end) === end;
}
