// The areas of a program's address space: what may be touched, without overlaps, as a list in the order of addresses and as
// a tree over it. Their pages are in space.ts.

import { MEM_W } from "../libhedron/abi";
import { STACK_TOP } from "../libhrstd/layout";
import { Link, plant, settle, uproot } from "./balanced_tree";
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
/** The loader has put a part of a file there (images.ts). */
export const MARK_LOADED: u32 = 16;
/** It was not asked for to be read, which every x86 lets it be. */
export const MARK_UNREADABLE: u32 = 32;

/** Most areas that a program may have whatever is set, and where what is set is (u32): /proc/sys/vm/max_map_count. */
const AREAS_MOST: u32 = 65530;
const mostAreas = memory.data(4);

export function maxMapCount(): usize {
  return mostAreas;
}

/** Comes before the first program. */
export function initAreas(): void {
  store<u32>(mostAreas, AREAS_MOST);
}

/** Areas that a program may have and still be given one more. */
export function areasMax(): u32 {
  return min<u32>(load<u32>(mostAreas), AREAS_MOST);
}

/** Bytes that stay free between an area that grows and what is below it (stack_guard_gap of Linux). */
const GUARD: u64 = 256 * 4096;

/** How areas are locked: their pages come at once, or when they are touched (MLOCK_ONFAULT). */
export const LOCKED: u32 = 1;
export const LOCKED_ON_FAULT: u32 = 2;

/** One run of addresses with the same rights and backing; the list is sorted and free of overlaps. */
@unmanaged
export class Area extends Link {
  previous: Area | null;
  next: Area | null;
  /** Both change by `resize` alone, and what else `count` looks at between `discount` and `count`. */
  start: u64;
  end: u64;
  /** Free bytes between the area in front of it, or SPACE_START, and it; the most that an area of the tree below it has. */
  gap: u64;
  widest: u64;
  /** RIGHT_… bits. */
  rights: u32;
  /** Not to be given to anybody else by a search (the UTCB). */
  fixed: u32;
  node: Node | null;
  /** What is written to it goes to `node`, and to every space it is copied to by fork(2). */
  shared: u32;
  /** Offset in `node` of `start`. */
  offset: u64;
  /** Its pages are to stay: mlock(2), LOCKED or, where they come when they are touched, LOCKED_ON_FAULT. */
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
  /** A touch brings in one page, as somebody asks which are there (mincore(2)). */
  touchesAlone: u32;
  /** Processors on which it has a decoy, since it has had more than one thread; bit n is number n. */
  decoys: u64;
  /** Root of a four-level table of page entries, indexed like the processor's. */
  table: usize;
  /** The first area, the last one, and the root of the tree of all. */
  areas: Area | null;
  lastArea: Area | null;
  areaTree: usize;
  /** What the last search has found: the next one is mostly near it. */
  recentArea: Area | null;
  /** Areas of the program's own, and their bytes: all, data, and those that are locked. The stack's are not among them. */
  areaCount: u32;
  mapped: u64;
  data: u64;
  locked: u64;
  /** Searches for room go downwards from here. */
  top: u64;
  breakStart: u64;
  breakEnd: u64;
  /** Where the strings of the arguments and of the environment are, the second behind the first. */
  argumentsStart: u64;
  argumentsEnd: u64;
  variablesEnd: u64;
  /** Where the auxiliary vector is that it was started with. */
  auxiliaryStart: u64;
  auxiliaryEnd: u64;
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
  /** The first of its contexts of asynchronous I/O (linux/aio/contexts.ts), 0 for none. */
  contexts: usize;
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
  /** The first of the files it was loaded from (images.ts). */
  images: usize;
}

function treeOf(space: Space): usize {
  return changetype<usize>(space) + offsetof<Space>("areaTree");
}

/** `area` is the stack that a program begins with. */
export function isStack(area: Area): bool {
  return area.end === STACK_TOP;
}

/** Only its own process writes to `area`, which is no stack (is_data_mapping() of Linux). */
export function isData(area: Area): bool {
  return area.shared === 0 && (area.rights & MEM_W) !== 0 && !isStack(area);
}

/** `area` counts in the sums of `space`. */
export function count(space: Space, area: Area): void {
  if (area.fixed !== 0) return;
  space.areaCount++;
  if (isStack(area)) return;
  const size = area.end - area.start;
  space.mapped += size;
  if (isData(area)) space.data += size;
  if (area.locked !== 0) space.locked += size;
}

/** `area` counts no more: it goes, or something of it changes. */
export function discount(space: Space, area: Area): void {
  if (area.fixed !== 0) return;
  space.areaCount--;
  if (isStack(area)) return;
  const size = area.end - area.start;
  space.mapped -= size;
  if (isData(area)) space.data -= size;
  if (area.locked !== 0) space.locked -= size;
}

/** The program may be given one more area. */
export function hasRoomForArea(space: Space): bool {
  return space.areaCount <= areasMax();
}

/** The last area that begins at `address` or below, or null. */
function lastFrom(space: Space, address: u64): Area | null {
  const recent = space.recentArea;
  if (recent !== null && recent.start <= address) {
    const next = recent.next;
    if (next === null || address < next.start) return recent;
  }
  let found: Area | null = null;
  let at = changetype<Area | null>(space.areaTree);
  while (at !== null) {
    if (at.start <= address) {
      found = at;
      at = changetype<Area | null>(at.high);
    } else {
      at = changetype<Area | null>(at.low);
    }
  }
  space.recentArea = found;
  return found;
}

export function areaAt(space: Space, address: u64): Area | null {
  const area = lastFrom(space, address);
  return area !== null && address < area.end ? area : null;
}

/** The first area that ends above `address`, or null. */
export function firstAbove(space: Space, address: u64): Area | null {
  const area = lastFrom(space, address);
  if (area === null) return space.areas;
  return address < area.end ? area : area.next;
}

/** The first area of the program's own that ends above `address`, or null. */
export function ownAreaFrom(space: Space, address: u64): Area | null {
  let area = firstAbove(space, address);
  while (area !== null && area.fixed !== 0) area = area.next;
  return area;
}

/** The area above `address`, where nothing is mapped, if it can grow to there; null otherwise. */
export function growDown(space: Space, address: u64): Area | null {
  const previous = lastFrom(space, address);
  const area = previous === null ? space.areas : previous.next;
  if (area === null || (area.marks & MARK_GROWS) === 0 || area.fixed !== 0) return null;
  let below = SPACE_START;
  if (previous !== null) {
    below = max<u64>(below, previous.end);
    // What the mediator may hand out is not to be had.
    if (previous === space.heap) below = max<u64>(below, space.heapLimit);
    // One that nobody can touch, or that grows itself, needs no distance.
    if (previous.rights !== 0 && (previous.marks & MARK_GROWS) === 0)
      below = max<u64>(below, previous.end + GUARD);
  }
  const start = address & ~(4095 as u64);
  if (start < below || area.end - start > space.growthLimit) return null;
  resize(space, area, start, area.end);
  return area;
}

/** Nothing is mapped in [start, end). */
export function rangeFree(space: Space, start: u64, end: u64): bool {
  const area = firstAbove(space, start);
  return area === null || area.start >= end;
}

/** What is free in front of `area`. */
function gapOf(area: Area): u64 {
  const previous = area.previous;
  const from = previous === null ? SPACE_START : max<u64>(previous.end, SPACE_START);
  return area.start > from ? area.start - from : 0;
}

function sumGaps(link: Link): void {
  const area = changetype<Area>(link);
  const low = changetype<Area | null>(area.low);
  const high = changetype<Area | null>(area.high);
  let widest = area.gap;
  if (low !== null) widest = max<u64>(widest, low.widest);
  if (high !== null) widest = max<u64>(widest, high.widest);
  area.widest = widest;
}

/** What is free in front of `area`, unless that is null, may have changed. */
function measureGap(space: Space, area: Area | null): void {
  if (area === null) return;
  const gap = gapOf(area);
  if (gap === area.gap) return;
  area.gap = gap;
  settle(treeOf(space), area, sumGaps);
}

/** `area` becomes [start, end); it stays where it is in the order. */
export function resize(space: Space, area: Area, start: u64, end: u64): void {
  discount(space, area);
  area.start = start;
  area.end = end;
  count(space, area);
  measureGap(space, area);
  measureGap(space, area.next);
}

/** The last area with at least `length` free bytes in front of it, `from` or in front of that; null where there is none. */
function lastWide(from: Area | null, length: u64): Area | null {
  let at = from;
  while (at !== null) {
    if (at.gap >= length) return at;
    let low = changetype<Area | null>(at.low);
    if (low !== null && low.widest >= length) return lastWideBelow(low, length);
    // Up to the next one in front that is not below.
    low = at;
    at = changetype<Area | null>(at.parent);
    while (at !== null && at.low === low) {
      low = at;
      at = changetype<Area | null>(at.parent);
    }
  }
  return null;
}

/** The same in the tree below `top`, where there is one. */
function lastWideBelow(top: Area, length: u64): Area {
  let at = top;
  while (true) {
    const high = changetype<Area | null>(at.high);
    if (high !== null && high.widest >= length) at = high;
    else if (at.gap >= length) return at;
    else at = changetype<Area>(at.low);
  }
}

/** The highest free range of `length` bytes below `space.top`, or 0. */
export function findRoom(space: Space, length: u64): u64 {
  const top = space.top;
  // The last that begins below it, behind which room ends there.
  const last = lastFrom(space, top - 1);
  const floor = last === null ? SPACE_START : max<u64>(last.end, SPACE_START);
  if (floor < top && top - floor >= length) return top - length;
  const area = lastWide(last, length);
  return area === null ? 0 : area.start - length;
}

/** Cuts the area that spans `address` in two. False when memory is out. */
export function splitAt(space: Space, address: u64): bool {
  const area = areaAt(space, address);
  if (area === null || area.start === address) return true;
  const tail = create<Area>();
  if (tail === null) return false;
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
  resize(space, area, area.start, address);
  insertArea(space, tail);
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
    a.node === b.node &&
    (a.node === null || continues(a, b))
  );
}

/** What `b` maps of the node of both comes behind what `a` maps of it. Mappings of segments are counted, and stay. */
function continues(a: Area, b: Area): bool {
  const node = a.node as Node;
  if (node.segment !== 0 || a.denied !== b.denied || a.mount !== b.mount) return false;
  return a.offset + (a.end - a.start) === b.offset;
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

/** Takes `area` out of list and tree. */
function takeOut(space: Space, area: Area): void {
  const previous = area.previous;
  const next = area.next;
  if (previous === null) space.areas = next;
  else previous.next = next;
  if (next === null) space.lastArea = previous;
  else next.previous = previous;
  if (space.recentArea === area) space.recentArea = previous;
  discount(space, area);
  if (next !== null) next.gap = gapOf(next);
  uproot(treeOf(space), area, sumGaps);
}

/** Takes `area` away. */
export function removeArea(space: Space, area: Area): void {
  takeOut(space, area);
  dropArea(area);
}

/** Takes all areas away. */
export function removeAll(space: Space): void {
  let area = space.areas;
  while (area !== null) {
    const next: Area | null = area.next;
    dropArea(area);
    area = next;
  }
  space.areas = null;
  space.lastArea = null;
  space.areaTree = 0;
  space.recentArea = null;
  space.areaCount = 0;
  space.mapped = 0;
  space.data = 0;
  space.locked = 0;
}

/** Makes one of areas that touch [start, end), or are in it, where neighbours are alike, and drops those that are empty. */
export function joinNeighbours(space: Space, start: u64, end: u64): void {
  let area: Area | null = null;
  if (start !== 0) area = lastFrom(space, start - 1);
  if (area === null) area = space.areas;
  while (area !== null && area.start <= end) {
    const next: Area | null = area.next;
    const previous = area.previous;
    if (area.start === area.end) {
      removeArea(space, area);
    } else if (previous !== null && joins(previous, area)) {
      const limit = area.end;
      removeArea(space, area);
      resize(space, previous, previous.start, limit);
    }
    area = next;
  }
}

/** Cuts the areas at both ends of [start, end). False when memory is out, or there would be too many areas. */
export function splitRange(space: Space, start: u64, end: u64): bool {
  let cuts: u32 = 0;
  const first = areaAt(space, start);
  if (first !== null && first.start < start) cuts++;
  const last = areaAt(space, end);
  if (last !== null && last.start < end) cuts++;
  if (cuts !== 0 && space.areaCount + cuts > areasMax()) return false;
  return splitAt(space, start) && splitAt(space, end);
}

/**
 * The same, of [start, end) within `area` that is to have `rights` and `marks`: where what is next to it has them too,
 * that becomes larger, and there is no area more.
 */
export function splitForRights(
  space: Space,
  area: Area,
  start: u64,
  end: u64,
  rights: u32,
  marks: u32,
): bool {
  const old = area.rights;
  const oldMarks = area.marks;
  const before = area.start === start ? area.previous : null;
  const behind = area.end === end ? area.next : null;
  area.rights = rights;
  area.marks = marks;
  const joined =
    (before !== null && joins(before, area)) || (behind !== null && joins(area, behind));
  area.rights = old;
  area.marks = oldMarks;
  return joined ? splitAt(space, start) && splitAt(space, end) : splitRange(space, start, end);
}

/** The first of the areas that map `node`. */
export function firstMapping(node: Node): Area | null {
  return changetype<Area | null>(node.mappings);
}

/** Puts `area` where it belongs; one that is empty comes in front of another that begins there. */
export function insertArea(space: Space, area: Area): void {
  let previous: Area | null = null;
  let parent: Area | null = null;
  let low = false;
  let at = changetype<Area | null>(space.areaTree);
  const isEmpty = area.start === area.end;
  while (at !== null) {
    parent = at;
    low = area.start < at.start || (isEmpty && area.start === at.start);
    if (low) {
      at = changetype<Area | null>(at.low);
    } else {
      previous = at;
      at = changetype<Area | null>(at.high);
    }
  }
  listArea(space, previous, area);
  area.gap = gapOf(area);
  const next = area.next;
  if (next !== null) next.gap = gapOf(next);
  plant(treeOf(space), parent, low, area, sumGaps);
}

/** The next area to be put into the tree that `grow` makes. */
let growing: Area | null = null;

/** A tree of the next `size` areas: its root. */
function grow(size: u32): Area | null {
  if (size === 0) return null;
  const half = size >> 1;
  const low = grow(half);
  const area = growing as Area;
  growing = area.next;
  const high = grow(size - half - 1);
  area.low = low;
  area.high = high;
  if (low !== null) low.parent = area;
  if (high !== null) high.parent = area;
  area.height = low === null ? 1 : low.height + 1;
  sumGaps(area);
  return area;
}

/**
 * Puts `area` into the list behind `previous`, the last of those that come in front of it (null: it is the first), but not
 * into the tree: `plantAll` can do that when all have been listed.
 */
export function listArea(space: Space, previous: Area | null, area: Area): void {
  const next = previous === null ? space.areas : previous.next;
  area.previous = previous;
  area.next = next;
  if (previous === null) space.areas = area;
  else previous.next = area;
  if (next === null) space.lastArea = area;
  else next.previous = area;
  count(space, area);
}

/** Makes the tree of what has been listed. */
export function plantAll(space: Space): void {
  let size: u32 = 0;
  let area = space.areas;
  while (area !== null) {
    area.gap = gapOf(area);
    area = area.next;
    size++;
  }
  growing = space.areas;
  const root = grow(size);
  if (root !== null) root.parent = null;
  space.areaTree = changetype<usize>(root);
}

/** The end of what is free from `start` on, at most `limit`; `start` where nothing is. */
export function freeUntil(space: Space, start: u64, limit: u64): u64 {
  const area = firstAbove(space, start);
  if (area === null) return limit;
  return max<u64>(start, min<u64>(area.start, limit));
}

/** Where what is free in front of `area` begins. */
export function freeFrom(area: Area): u64 {
  return area.start - gapOf(area);
}

/** The end of what the program may have changed from `start` on, at most `limit`: where an area that is not its own begins. */
export function ownUntil(space: Space, start: u64, limit: u64): u64 {
  let area = firstAbove(space, start);
  while (area !== null && area.start < limit) {
    if (area.fixed !== 0) return max<u64>(start, area.start);
    area = area.next;
  }
  return limit;
}

/** [start, end) touches an area that is not the program's to change. */
export function blocked(space: Space, start: u64, end: u64): bool {
  return ownUntil(space, start, end) !== end;
}

/** The first address of [start, end) that is not mapped, or `end`. */
export function mappedUntil(space: Space, start: u64, end: u64): u64 {
  let at = start;
  let area = firstAbove(space, start);
  while (area !== null && at < end) {
    if (area.start > at) return at;
    at = area.end;
    area = area.next;
  }
  return min<u64>(at, end);
}

/** All of [start, end) is mapped. */
export function mapped(space: Space, start: u64, end: u64): bool {
  return mappedUntil(space, start, end) === end;
}
