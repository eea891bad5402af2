// The pages of a program's address space (what has been touched of its areas), kept here and mirrored into the
// program's PD by delegation. Anonymous areas get memory on first touch, 64 KiB at a time where
// they can; reservations without access cost nothing. Mappings of a file have its frames (file_pages.ts): a shared one
// to write to, a private one until it is written to.

import {
  CRD_MEM,
  CRD_OBJ,
  MEM_R,
  MEM_W,
  MEM_X,
  PAGE_BITS,
  PAGE_SIZE,
  ROOT_SEL_PD,
  XFER_FROM_KERNEL,
} from "../libhedron/abi";
import { delegateRange, revoke } from "../libhedron/hypercalls";
import {
  Area,
  areaAt,
  areasMax,
  backArea,
  count,
  discount,
  findAreaThrough,
  firstAbove,
  firstMapping,
  growDown,
  insertArea,
  joinNeighbours,
  listArea,
  MARK_DONT_FORK,
  MARK_UNREADABLE,
  MARK_WIPE_ON_FORK,
  plantAll,
  removeAll,
  removeArea,
  SPACE_END,
  Space,
  splitAt,
  splitForRights,
} from "./areas";
import { EFAULT, EINVAL, ENOMEM } from "./errno";
import { copyContents, frameAt, frameToRead, frameToWrite, isCopy } from "./file_pages";
import { dropFrame, isShared, shareFrame } from "./frames";
import { create, destroy } from "./heap";
import { copyImages, dropImages } from "./images";
import { allocatePages, releasePages, takePages } from "./pages";
import { recordHandedOut } from "./pregrant";
import { processorCount } from "./processors";
import { freeSpaceSlot } from "./space_slots";
import { Node } from "./tree";

const PAGE: u64 = 4096;
const PAGE_MASK: u64 = 4095;
/** A page entry: frame address, PRESENT, and the rights the program has now. */
const PRESENT: u64 = 8;
const RIGHTS: u64 = 7;
/** The same: a touch of another page has brought it in, and nobody is known to have touched it since. */
const AROUND: u64 = 16;
/** Pages that a first touch brings in at most, as an order. */
const TOUCH_ORDER: u32 = 4;

/** Why the last `touch` failed. */
export const FAULT_NONE: u32 = 0;
export const FAULT_UNMAPPED: u32 = 1;
export const FAULT_RIGHTS: u32 = 2;
export const FAULT_BEYOND_FILE: u32 = 3;
export const FAULT_MEMORY: u32 = 4;
export let faultReason: u32 = FAULT_NONE;

/** What the last `touch` said is `reason` again, whatever has been looked at since. */
export function keepFault(reason: u32): void {
  faultReason = reason;
}

/** How a call fails for which a page could not be had since `expectMemory`, and that is done again then; 0 for none. */
export let lackError: i64 = 0;

/** A call begins: nothing has been lacking yet. */
export function expectMemory(): void {
  lackError = 0;
}

/** A page could not be had for a call that has done nothing yet, and fails with -ENOMEM. */
export function lackMemory(): void {
  lackError = -ENOMEM;
}

/** Memory is out for what `touch` has made usable. */
export function refuseMemory(): void {
  faultReason = FAULT_MEMORY;
}

/** An empty space in `slot` with one user, mirrored by the PD at selector `pd`; null when memory is out. */
export function newSpace(slot: u32, pd: u64): Space | null {
  const space = create<Space>();
  if (space === null) return null;
  space.slot = slot;
  space.pd = pd;
  space.users = 1;
  space.table = allocatePages(0);
  space.top = 0x7fff_f000_0000;
  if (space.table === 0) {
    destroy<Space>(space);
    return null;
  }
  return space;
}

/** Address of the entry of page `address`, or 0 where there is none and none is made. */
function entryOf(space: Space, address: u64, make: bool): usize {
  let table = space.table;
  for (let shift: u64 = 39; shift > 12; shift -= 9) {
    const slot = table + ((((address >> shift) & 511) as usize) << 3);
    let next = load<u64>(slot) as usize;
    if (next === 0) {
      if (!make) return 0;
      next = allocatePages(0);
      if (next === 0) return 0;
      space.tables++;
      store<u64>(slot, next as u64);
    }
    table = next;
  }
  return table + ((((address >> 12) & 511) as usize) << 3);
}

/** The frame of the page `address`; 0 where it is not present. */
export function frameOfPage(space: Space, address: u64): usize {
  const slot = entryOf(space, address, false);
  const entry: u64 = slot === 0 ? 0 : load<u64>(slot);
  return (entry & PRESENT) === 0 ? 0 : ((entry & ~PAGE_MASK) as usize);
}

/** The page `address` of `area`, which is present in `frame`, is a copy that its file does not have, or of no file. */
export function isAnonymous(area: Area, address: u64, frame: usize): bool {
  const node = area.node;
  return node === null || frameAt(node, indexOf(area, address)) !== frame;
}

/** The first page in [from, end) that is present, or `end`. */
export function nextPresent(space: Space, from: u64, end: u64): u64 {
  let address = from;
  while (address < end) {
    let table = space.table;
    let shift: u64 = 39;
    while (shift > 12) {
      table = load<u64>(table + ((((address >> shift) & 511) as usize) << 3)) as usize;
      if (table === 0) break;
      shift -= 9;
    }
    if (table === 0) {
      address = ((address >> shift) + 1) << shift;
      continue;
    }
    const slot = ((address >> 12) & 511) as u32;
    const last = min<u64>(512, (slot as u64) + ((end - address + PAGE_MASK) >> 12)) as u32;
    for (let i = slot; i < last; i++) {
      if ((load<u64>(table + (i << 3)) & PRESENT) !== 0) {
        return (address & ~(0x1f_ffff as u64)) | ((i as u64) << 12);
      }
    }
    address = ((address >> 21) + 1) << 21;
  }
  return end;
}

/** The page of `address` is there. */
export function present(space: Space, address: u64): bool {
  const slot = entryOf(space, address, false);
  return slot !== 0 && (load<u64>(slot) & PRESENT) !== 0;
}

/** Mirrors `pages` pages at `address`, which lie at `frame` in one piece, with `rights` (0 takes them away). */
export function mirror(space: Space, address: u64, frame: u64, pages: u32, rights: u32): void {
  let left = pages as u64;
  let to = address >> PAGE_BITS;
  let from = frame >> PAGE_BITS;
  while (left !== 0) {
    let order: u64 = 0;
    while (((to | from) & ((1 as u64) << order)) === 0 && (2 as u64) << order <= left) order++;
    delegateRange(ROOT_SEL_PD, space.pd, CRD_MEM, from, to, order, rights, XFER_FROM_KERNEL);
    left -= (1 as u64) << order;
    to += (1 as u64) << order;
    from += (1 as u64) << order;
  }
}

/** Readable follows from writable and from executable, as on every x86. */
function effective(rights: u32): u32 {
  return rights === 0 ? 0 : rights | MEM_R;
}

/** MARK_UNREADABLE where that is so because of it. */
function readMark(rights: u32): u32 {
  return rights !== 0 && (rights & MEM_R) === 0 ? MARK_UNREADABLE : 0;
}

/** Gives back the pages of [start, end). */
function discard(space: Space, start: u64, end: u64): void {
  let address = nextPresent(space, start, end);
  while (address < end) {
    let run = address;
    let pages: u32 = 0;
    const first = load<u64>(entryOf(space, address, false)) & ~PAGE_MASK;
    while (run < end) {
      const slot = entryOf(space, run, false);
      if (slot === 0) break;
      const entry = load<u64>(slot);
      if ((entry & PRESENT) === 0 || (entry & ~PAGE_MASK) !== first + ((pages as u64) << 12)) break;
      store<u64>(slot, 0);
      pages++;
      run += PAGE;
    }
    mirror(space, address, first, pages, 0);
    for (let i: u32 = 0; i < pages; i++) dropFrame((first as usize) + (i << 12));
    space.resident -= pages;
    address = nextPresent(space, run, end);
  }
}

/** Takes [start, end) away, whatever is there. Returns 0 or -ENOMEM, also for a hole that would make too many areas. */
export function unmap(space: Space, start: u64, end: u64): i64 {
  const spans = areaAt(space, start);
  const isHole = spans !== null && spans.start < start && spans.end > end;
  if (isHole && space.areaCount >= areasMax()) return -ENOMEM;
  if (!splitAt(space, start) || !splitAt(space, end)) return -ENOMEM;
  discard(space, start, end);
  let area = firstAbove(space, start);
  while (area !== null && area.start < end) {
    const next: Area | null = area.next;
    removeArea(space, area);
    area = next;
  }
  return 0;
}

/** Forgets the contents of [start, end) of anonymous areas: the next touch finds zeroes. */
export function forget(space: Space, start: u64, end: u64): void {
  let area = firstAbove(space, start);
  while (area !== null && area.start < end) {
    if (area.fixed === 0) {
      discard(space, max<u64>(start, area.start), min<u64>(end, area.end));
    }
    area = area.next;
  }
}

/**
 * Maps [start, end), which replaces what is there. `node` backs it from byte `offset` on, null is
 * anonymous memory. Returns 0 or -ENOMEM.
 */
export function map(
  space: Space,
  start: u64,
  end: u64,
  rights: u32,
  node: Node | null,
  offset: u64,
): i64 {
  return mapArea(space, start, end, rights, node, offset, false, 0);
}

/** As `map`, shared with all that map `node`; it can never get the rights `denied`. */
export function mapShared(
  space: Space,
  start: u64,
  end: u64,
  rights: u32,
  node: Node,
  offset: u64,
  denied: u32,
): i64 {
  return mapArea(space, start, end, rights, node, offset, true, denied);
}

function mapArea(
  space: Space,
  start: u64,
  end: u64,
  rights: u32,
  node: Node | null,
  offset: u64,
  shared: bool,
  denied: u32,
): i64 {
  const area = create<Area>();
  if (area === null) return -ENOMEM;
  const error = unmap(space, start, end);
  if (error !== 0) {
    destroy<Area>(area);
    return error;
  }
  area.start = start;
  area.end = end;
  area.rights = effective(rights);
  area.shared = shared ? 1 : 0;
  area.denied = denied;
  area.locked = space.locksNew;
  area.marks = space.marksNew | readMark(rights);
  area.offset = offset;
  if (node !== null) backArea(space, area, node);
  insertArea(space, area);
  joinNeighbours(space, start, end);
  return 0;
}

/** Marks [start, end) as taken by something that is not memory of the program (its UTCB). */
export function block(space: Space, start: u64, end: u64): i64 {
  const error = map(space, start, end, 0, null, 0);
  if (error !== 0) return error;
  const area = areaAt(space, start);
  if (area === null) return 0;
  discount(space, area);
  area.fixed = 1;
  count(space, area);
  return 0;
}

/** Index in its node of the page `address` of `area`. */
function indexOf(area: Area, address: u64): u64 {
  return (area.offset + (address - area.start)) >> PAGE_BITS;
}

/** What of `rights` the page `address` may have, whose frame is `frame`: not writing where that would change others' pages. */
function allowed(space: Space, address: u64, frame: u64, rights: u32): u32 {
  if ((rights & MEM_W) === 0 || !isShared(frame as usize)) return rights;
  const area = areaAt(space, address);
  if (area === null || area.shared === 0) return rights & ~MEM_W;
  return isCopy(area.node as Node, indexOf(area, address)) ? rights & ~MEM_W : rights;
}

/**
 * Gives [start, end), which is within one area, the rights `rights`, which it can get. Returns 0 or -ENOMEM, also where there
 * would be too many areas.
 */
export function protect(space: Space, start: u64, end: u64, rights: u32): i64 {
  const wanted = effective(rights);
  const whole = areaAt(space, start) as Area;
  const marks = (whole.marks & ~MARK_UNREADABLE) | readMark(rights);
  if (whole.rights === wanted && whole.marks === marks) return 0;
  if (!splitForRights(space, whole, start, end, wanted, marks)) return -ENOMEM;
  const area = areaAt(space, start) as Area;
  discount(space, area);
  area.rights = wanted;
  area.marks = marks;
  count(space, area);
  let address = nextPresent(space, start, end);
  while (address < end) {
    const first = load<u64>(entryOf(space, address, false)) & ~PAGE_MASK;
    const rights = allowed(space, address, first, wanted);
    let run = address;
    let pages: u32 = 0;
    while (run < end) {
      const slot = entryOf(space, run, false);
      if (slot === 0) break;
      const entry = load<u64>(slot);
      if ((entry & PRESENT) === 0 || (entry & ~PAGE_MASK) !== first + ((pages as u64) << 12)) break;
      if (allowed(space, run, entry & ~PAGE_MASK, wanted) !== rights) break;
      store<u64>(slot, (entry & ~RIGHTS) | (rights as u64));
      pages++;
      run += PAGE;
    }
    mirror(space, address, first, pages, rights);
    address = nextPresent(space, run, end);
  }
  joinNeighbours(space, start, end);
  return 0;
}

/** Moves the pages of [from, from + length) to `to`, where they take the rights of the area there. */
export function movePages(space: Space, from: u64, to: u64, length: u64): i64 {
  let address = nextPresent(space, from, from + length);
  while (address < from + length) {
    const slot = entryOf(space, address, false);
    const entry = load<u64>(slot);
    const goal = entryOf(space, to + (address - from), true);
    if (goal === 0) return -ENOMEM;
    const area = areaAt(space, to + (address - from));
    if (area === null) return -EINVAL;
    const frame = entry & ~PAGE_MASK;
    const rights = allowed(space, to + (address - from), frame, area.rights);
    mirror(space, address, frame, 1, 0);
    store<u64>(slot, 0);
    store<u64>(goal, (entry & ~RIGHTS) | (rights as u64));
    mirror(space, to + (address - from), frame, 1, rights);
    address = nextPresent(space, address + PAGE, from + length);
  }
  return 0;
}

function countResident(space: Space, pages: u32): void {
  space.resident += pages;
  if (space.resident > space.peak) space.peak = space.resident;
}

/** Puts `pages` frames at `address`. When there is no storage for the entries: false, and the frames are let go. */
function install(space: Space, address: u64, frames: usize, pages: u32, rights: u32): bool {
  for (let i: u32 = 0; i < pages; i++) {
    const slot = entryOf(space, address + ((i as u64) << 12), true);
    if (slot === 0) {
      for (let left: u32 = 0; left < i; left++) {
        store<u64>(entryOf(space, address + ((left as u64) << 12), false), 0);
      }
      for (let left: u32 = 0; left < pages; left++) dropFrame(frames + (left << 12));
      return false;
    }
    store<u64>(slot, ((frames as u64) + ((i as u64) << 12)) | PRESENT | (rights as u64));
  }
  mirror(space, address, frames as u64, pages, rights);
  countResident(space, pages);
  return true;
}

/** A page of a private mapping that is written to: a copy at once. */
function populateCopy(space: Space, area: Area, node: Node, address: u64): bool {
  const index = indexOf(area, address);
  const offset = index << PAGE_BITS;
  // A hole is one no more, whoever touches it.
  if (offset >= (node.base as u64) && frameToRead(node, index) === 0) return false;
  const page = allocatePages(0);
  if (page === 0) return false;
  copyContents(node, offset, page, PAGE_SIZE);
  return install(space, address, page, 1, area.rights);
}

/** Backs the page at `address` of `area`, which maps `node`, for use with `rights`. */
function populateFrom(space: Space, area: Area, node: Node, address: u64, rights: u32): bool {
  const index = indexOf(area, address);
  if (index << PAGE_BITS >= node.size) {
    faultReason = FAULT_BEYOND_FILE;
    return false;
  }
  const shared = area.shared !== 0;
  if (!shared && (rights & MEM_W) !== 0) return populateCopy(space, area, node, address);
  const writes = shared && (area.rights & MEM_W) !== 0;
  const frame = writes ? frameToWrite(node, index) : frameToRead(node, index);
  if (frame === 0 || !shareFrame(frame)) return false;
  return install(space, address, frame, 1, shared ? area.rights : area.rights & ~MEM_W);
}

/** What a touch of page `address` has brought in from `start` on, which is in one table of entries, is there because of it. */
function markAround(space: Space, start: u64, address: u64): void {
  const first = entryOf(space, start, false);
  const touched = first + ((((address - start) >> PAGE_BITS) as usize) << 3);
  for (let slot = first; slot < first + (8 << TOUCH_ORDER); slot += 8) {
    if (slot !== touched) store<u64>(slot, load<u64>(slot) | AROUND);
  }
}

/**
 * The page of `address` is in memory because a touch of another one has brought it in, and has nothing but zeroes. Who has
 * only read it is not known, until somebody asks of the space: from then on a touch brings in one page.
 */
export function isUntouched(space: Space, address: u64): bool {
  space.touchesAlone = 1;
  const slot = entryOf(space, address, false);
  if (slot === 0 || (load<u64>(slot) & AROUND) === 0) return false;
  const frame = (load<u64>(slot) & ~PAGE_MASK) as usize;
  for (let at = 0; at < PAGE_SIZE; at += 8) {
    if (load<u64>(frame + at) === 0) continue;
    store<u64>(slot, load<u64>(slot) & ~AROUND);
    return false;
  }
  return true;
}

/** Backs the page at `address` of `area` for use with `rights`, and its neighbours where they are free too. */
function populate(space: Space, area: Area, address: u64, rights: u32): bool {
  const node = area.node;
  if (node !== null) return populateFrom(space, area, node, address, rights);
  const size = PAGE << TOUCH_ORDER;
  const start = address & ~(size - 1);
  if (space.touchesAlone === 0 && start >= area.start && start + size <= area.end) {
    if (nextPresent(space, start, start + size) === start + size) {
      const frames = allocatePages(TOUCH_ORDER);
      if (frames !== 0) {
        if (!install(space, start, frames, 1 << TOUCH_ORDER, area.rights)) return false;
        markAround(space, start, address);
        return true;
      }
    }
  }
  const page = allocatePages(0);
  return page !== 0 && install(space, address, page, 1, area.rights);
}

/** The page at `address` of `area` is to be written to: a private one gets a frame that nobody else has. False when memory is out. */
function unshare(space: Space, area: Area, address: u64): bool {
  const page = address & ~PAGE_MASK;
  const slot = entryOf(space, page, false);
  let frame = (load<u64>(slot) & ~PAGE_MASK) as usize;
  if (area.shared !== 0) {
    frameToWrite(area.node as Node, indexOf(area, page));
  } else if (isShared(frame)) {
    const copy = takePages(0);
    if (copy === 0) return false;
    memory.copy(copy, frame, PAGE_SIZE);
    // While one processor maps the copy, a second one must not write to it that a third one reads here still.
    if (processorCount() > 2) mirror(space, page, frame as u64, 1, 0);
    dropFrame(frame);
    frame = copy;
  }
  store<u64>(slot, (frame as u64) | PRESENT | (area.rights as u64));
  mirror(space, page, frame as u64, 1, area.rights);
  return true;
}

/** Makes the page of `address` usable with `rights`. False: `faultReason` says why it cannot be. */
export function touch(space: Space, address: u64, rights: u32): bool {
  faultReason = FAULT_UNMAPPED;
  if (address >= SPACE_END) return false;
  let area = areaAt(space, address);
  if (area === null && recordHandedOut(space)) area = areaAt(space, address);
  if (area === null) area = growDown(space, address);
  if (area === null || area.fixed !== 0) return false;
  faultReason = FAULT_RIGHTS;
  if ((area.rights & rights) !== rights) return false;
  const slot = entryOf(space, address, false);
  faultReason = FAULT_MEMORY;
  if (slot !== 0 && (load<u64>(slot) & PRESENT) !== 0) {
    store<u64>(slot, load<u64>(slot) & ~AROUND);
    return (load<u64>(slot) & (rights as u64)) === (rights as u64) || unshare(space, area, address);
  }
  return populate(space, area, address & ~PAGE_MASK, rights);
}

/** The roottask's pointer to the byte at `address`, or 0 where the program may not use it so. */
export function pointerTo(space: Space, address: u64, rights: u32): usize {
  if (address >= SPACE_END) return 0;
  let slot = entryOf(space, address, false);
  let entry: u64 = slot === 0 ? 0 : load<u64>(slot);
  if ((entry & PRESENT) === 0 || (entry & (rights as u64)) !== (rights as u64)) {
    if (!touch(space, address, rights)) {
      if (faultReason === FAULT_MEMORY) lackError = -EFAULT;
      return 0;
    }
    slot = entryOf(space, address, false);
    entry = load<u64>(slot);
  }
  if ((entry & (rights as u64)) !== (rights as u64)) return 0;
  if ((entry & AROUND) !== 0) store<u64>(slot, entry & ~AROUND);
  return ((entry & ~PAGE_MASK) | (address & PAGE_MASK)) as usize;
}

/** As `pointerTo` to write, whatever rights the program has: pages that others have too are its own then. 0 where a shared mapping forbids it. */
export function pointerToWriteAnyway(space: Space, address: u64): usize {
  const area = areaAt(space, address);
  if (area === null || (area.rights & MEM_W) !== 0) return pointerTo(space, address, MEM_W);
  if (area.shared !== 0 || pointerTo(space, address, 0) === 0) return 0;
  return unshare(space, area, address) ? pointerTo(space, address, 0) : 0;
}

/** Bytes from `address` to the end of its page, at most `limit`. */
export function inPage(address: u64, limit: u64): u32 {
  return min<u64>(PAGE - (address & PAGE_MASK), limit) as u32;
}

/** Copies `length` bytes from the program to `target`. False at the first byte it cannot read. */
export function copyFrom(space: Space, target: usize, address: u64, length: u32): bool {
  let done: u32 = 0;
  while (done < length) {
    const from = pointerTo(space, address + (done as u64), MEM_R);
    if (from === 0) return false;
    const piece = inPage(address + (done as u64), (length - done) as u64);
    memory.copy(target + done, from, piece);
    done += piece;
  }
  return true;
}

function copyWith(space: Space, address: u64, source: usize, length: u32, rights: u32): bool {
  let done: u32 = 0;
  while (done < length) {
    const to = pointerTo(space, address + (done as u64), rights);
    if (to === 0) return false;
    const piece = inPage(address + (done as u64), (length - done) as u64);
    memory.copy(to, source + done, piece);
    done += piece;
  }
  return true;
}

/** Copies `length` bytes to the program. False at the first byte it may not write. */
export function copyTo(space: Space, address: u64, source: usize, length: u32): bool {
  return copyWith(space, address, source, length, MEM_W);
}

/** As `copyTo`, for the loader: pages the program itself may not write, too. */
export function copyInto(space: Space, address: u64, source: usize, length: u32): bool {
  return copyWith(space, address, source, length, 0);
}

/** The NUL-terminated text at `address` into `target`: its length, or -1 bad address, -2 longer than `room` - 1. */
export function copyText(space: Space, target: usize, address: u64, room: u32): i32 {
  let done: u32 = 0;
  while (done < room) {
    const from = pointerTo(space, address + (done as u64), MEM_R);
    if (from === 0) return -1;
    const piece = inPage(address + (done as u64), (room - done) as u64);
    for (let i: u32 = 0; i < piece; i++) {
      const value = load<u8>(from + i);
      store<u8>(target + done + i, value);
      if (value === 0) return (done + i) as i32;
    }
    done += piece;
  }
  return -2;
}

/** Bytes of the text at `address` in front of its NUL: -1 bad address, -2 no NUL among the first `room` bytes. */
export function textLength(space: Space, address: u64, room: u32): i32 {
  let done: u32 = 0;
  while (done < room) {
    const from = pointerTo(space, address + (done as u64), MEM_R);
    if (from === 0) return -1;
    const piece = inPage(address + (done as u64), (room - done) as u64);
    for (let i: u32 = 0; i < piece; i++) {
      if (load<u8>(from + i) === 0) return (done + i) as i32;
    }
    done += piece;
  }
  return -2;
}

const word = memory.data(8);

/** Stores one value, at once where it is aligned; false where the program may not write there. */
export function put64(space: Space, address: u64, value: u64): bool {
  if ((address & 7) === 0) {
    const to = pointerTo(space, address, MEM_W);
    if (to !== 0) store<u64>(to, value);
    return to !== 0;
  }
  store<u64>(word, value);
  return copyTo(space, address, word, 8);
}

export function put32(space: Space, address: u64, value: u32): bool {
  if ((address & 3) === 0) {
    const to = pointerTo(space, address, MEM_W);
    if (to !== 0) store<u32>(to, value);
    return to !== 0;
  }
  store<u32>(word, value);
  return copyTo(space, address, word, 4);
}

/** The value the last `get64`, `get32` or `exchange32` read. */
export let got: u64 = 0;

/** Reads one value, at once where it is aligned, whatever the program's threads do; false where it cannot be read. */
export function get64(space: Space, address: u64): bool {
  if ((address & 7) === 0) {
    const from = pointerTo(space, address, MEM_R);
    if (from !== 0) got = load<u64>(from);
    return from !== 0;
  }
  if (!copyFrom(space, word, address, 8)) return false;
  got = load<u64>(word);
  return true;
}

export function get32(space: Space, address: u64): bool {
  if ((address & 3) === 0) {
    const from = pointerTo(space, address, MEM_R);
    if (from !== 0) got = load<u32>(from) as u64;
    return from !== 0;
  }
  if (!copyFrom(space, word, address, 4)) return false;
  got = load<u32>(word) as u64;
  return true;
}

/**
 * Makes the aligned word at `address`, which was `got`, `value`, where it still is that, in one step that threads which
 * run meanwhile see whole: 1. 0 where it has become another, which `got` is then; -1 where the program may not write there.
 */
export function exchange32(space: Space, address: u64, value: u32): i32 {
  const at = pointerTo(space, address, MEM_R | MEM_W);
  if (at === 0) return -1;
  const before = got as u32;
  const found = atomic.cmpxchg<u32>(at, before, value);
  got = found as u64;
  return found === before ? 1 : 0;
}

function freeTable(table: usize, level: u32): void {
  if (level > 1) {
    for (let i: u32 = 0; i < 512; i++) {
      const next = load<u64>(table + (i << 3)) as usize;
      if (next !== 0) freeTable(next, level - 1);
    }
  }
  releasePages(table, 0);
}

/** Takes the pages [first, end) of `node` from all that map it; with `copies` what private mappings have written to as well. */
export function unmapPages(node: Node, first: u64, end: u64, copies: bool): void {
  let area = firstMapping(node);
  while (area !== null) {
    const from = area.offset >> PAGE_BITS;
    const low = max<u64>(first, from);
    const high = min<u64>(end, from + ((area.end - area.start) >> PAGE_BITS));
    const space = area.space as Space;
    if (low < high) {
      const start = area.start + ((low - from) << PAGE_BITS);
      const limit = area.start + ((high - from) << PAGE_BITS);
      if (copies || area.shared !== 0) discard(space, start, limit);
      else discardFrames(space, area, node, start, limit);
    }
    area = area.nextOfNode;
  }
}

/** Takes the frames of `node` in [start, limit) of its private mapping `area` away, but not copies. */
function discardFrames(space: Space, area: Area, node: Node, start: u64, limit: u64): void {
  let page = nextPresent(space, start, limit);
  while (page < limit) {
    const frame = (load<u64>(entryOf(space, page, false)) & ~PAGE_MASK) as usize;
    if (frame === frameAt(node, indexOf(area, page))) discard(space, page, page + PAGE);
    page = nextPresent(space, page + PAGE, limit);
  }
}

/** Both spaces have the pages of the private `area` from now on; what is written to is copied first. */
function sharePages(from: Space, to: Space, area: Area): bool {
  const keep = RIGHTS & ~(MEM_W as u64);
  let address = nextPresent(from, area.start, area.end);
  while (address < area.end) {
    const begin = address;
    const old = load<u64>(entryOf(from, begin, false));
    const first = old & ~PAGE_MASK;
    let pages: u32 = 0;
    while (address < area.end) {
      const slot = entryOf(from, address, false);
      if (slot === 0) break;
      const entry = load<u64>(slot);
      if (((entry ^ (old + ((pages as u64) << 12))) & ~AROUND) !== 0) break;
      const goal = entryOf(to, address, true);
      if (goal === 0 || !shareFrame((entry & ~PAGE_MASK) as usize)) return false;
      const kept = entry & (~RIGHTS | keep);
      store<u64>(slot, kept);
      store<u64>(goal, kept);
      to.resident++;
      pages++;
      address += PAGE;
    }
    const rights = (old & RIGHTS & keep) as u32;
    if ((old & RIGHTS) !== (rights as u64)) mirror(from, begin, first, pages, rights);
    mirror(to, begin, first, pages, rights);
    address = nextPresent(from, address, area.end);
  }
  return true;
}

/** Copies `area` of `from`, with its pages, behind `previous` among those of `to`: the copy, or null when memory is out. */
function copyArea(from: Space, to: Space, area: Area, previous: Area | null): Area | null {
  const copy = create<Area>();
  if (copy === null) return null;
  copy.start = area.start;
  copy.end = area.end;
  copy.rights = area.rights;
  copy.shared = area.shared;
  copy.offset = area.offset;
  copy.denied = area.denied;
  copy.marks = area.marks;
  const node = area.node;
  if (node !== null) backArea(to, copy, node);
  findAreaThrough(copy, area.mount);
  listArea(to, previous, copy);
  // Shared pages are the node's: the copy finds them there.
  const wiped = area.shared !== 0 || (area.marks & MARK_WIPE_ON_FORK) !== 0;
  return wiped || sharePages(from, to, area) ? copy : null;
}

/** Copies the areas of `from` that a child has, with their pages, between those of `to`. False when memory is out. */
function copyAreas(from: Space, to: Space): bool {
  let previous: Area | null = null;
  let following = to.areas;
  let area = from.areas;
  while (area !== null) {
    if (area.fixed === 0 && (area.marks & MARK_DONT_FORK) === 0) {
      while (following !== null && following.start < area.start) {
        previous = following;
        following = following.next;
      }
      previous = copyArea(from, to, area, previous);
      if (previous === null) return false;
    }
    area = area.next;
  }
  return true;
}

/**
 * Makes `to`, which has nothing but fixed areas, a copy of `from` as fork(2) has it. What the mediator may hand out has
 * been taken back. False when memory is out.
 */
export function copySpace(from: Space, to: Space): bool {
  to.breakStart = from.breakStart;
  to.breakEnd = from.breakEnd;
  to.argumentsStart = from.argumentsStart;
  to.argumentsEnd = from.argumentsEnd;
  to.variablesEnd = from.variablesEnd;
  to.auxiliaryStart = from.auxiliaryStart;
  to.auxiliaryEnd = from.auxiliaryEnd;
  to.barriers = from.barriers;
  to.touchesAlone = from.touchesAlone;
  to.growthLimit = from.growthLimit;
  const copied = copyImages(from, to) && copyAreas(from, to);
  plantAll(to);
  to.peak = to.resident;
  return copied;
}

type SpaceEnd = (space: Space) => void;

function nothingEnds(_space: Space): void {}

let spaceEnded: SpaceEnd = nothingEnds;

/** `end` takes away what the personality has in a space that is about to go. */
export function setSpaceEnd(end: SpaceEnd): void {
  spaceEnded = end;
}

/** A program has the space no more; the last one takes everything away and frees it with its PD. */
export function destroySpace(space: Space): void {
  space.users--;
  if (space.users !== 0) return;
  spaceEnded(space);
  discard(space, 0, SPACE_END + PAGE);
  removeAll(space);
  freeTable(space.table, 4);
  dropImages(space);
  revoke(CRD_OBJ, space.pd, 0);
  freeSpaceSlot(space.slot);
  destroy<Space>(space);
}

/** What an access that needs `rights` is called in a report. */
export function accessName(rights: u32): string {
  if ((rights & MEM_W) !== 0) return "write to ";
  return (rights & MEM_X) !== 0 ? "execution at " : "read from ";
}
