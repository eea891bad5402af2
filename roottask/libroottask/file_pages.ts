// The pages of regular files. What nobody has changed or mapped of a file from the archive lies there, at `data` of its
// node (its base); every other page is a frame of its own, which mappings share, or nothing: a hole. A radix tree has an
// entry for each page that is not simply base or hole. Its tables are pages of 1024 entries, and it is as high as the
// highest index needs: the only page of a small file is the root itself.

import { PAGE_BITS, PAGE_SIZE } from "../libhedron/abi";
import { pagesLeft, systemOf } from "./file_system";
import { dropFrame } from "./frames";
import { Node } from "./node";
import { allocatePages, releasePages } from "./pages";

/** An entry: frame address, and one of these at most. */
const FLAGS: u32 = PAGE_SIZE - 1;
/** There is no frame, and the base does not count either. */
const HOLE: u32 = 1;
/** The frame is a copy of the base that nobody has changed. */
const COPY: u32 = 2;
/** The frame is kept for the file, which reads as a hole there: fallocate(2). */
const RESERVED: u32 = 4;

const FANOUT_BITS: u64 = 10;
const FANOUT_MASK: u64 = 1023;
const PAGE_MASK: u64 = PAGE_SIZE - 1;

type Close = (node: Node) => void;

function nothingToClose(_node: Node): void {}

let closeWindows: Close = nothingToClose;

/** `close` takes the windows of mediators on a node away (shared_files.ts), whose contents are about to move. */
export function setCloseWindows(close: Close): void {
  closeWindows = close;
}

/** Reads of `node` are to be seen from now on: takes its windows away. */
export function showReads(node: Node): void {
  if (node.windows !== 0) closeWindows(node);
}

/** Pages that the base fills at least in part. */
function basePages(node: Node): u64 {
  return ((node.base as u64) + PAGE_MASK) >> PAGE_BITS;
}

/** Bits of an index that tables below level `level` look at. */
function shiftOf(level: u32): u64 {
  return (level as u64) * FANOUT_BITS;
}

/** Address of the entry of page `index`, or 0 where there is none and none is made, or memory is out. */
function slotOf(node: Node, index: u64, make: bool): usize {
  const root = changetype<usize>(node) + offsetof<Node>("pages");
  while (index >> shiftOf(node.height) !== 0) {
    if (!make) return 0;
    // An empty tree has no table, however high it is.
    if (node.pages !== 0) {
      const table = allocatePages(0);
      if (table === 0) return 0;
      store<u32>(table, node.pages as u32);
      node.pages = table;
    }
    node.height++;
  }
  let slot = root;
  for (let level = node.height; level !== 0; level--) {
    let table = load<u32>(slot) as usize;
    if (table === 0) {
      if (!make) return 0;
      table = allocatePages(0);
      if (table === 0) return 0;
      store<u32>(slot, table as u32);
    }
    const within = ((index >> shiftOf(level - 1)) & FANOUT_MASK) as usize;
    slot = table + (within << 2);
  }
  return slot;
}

function entryOf(node: Node, index: u64): u32 {
  if (node.pages === 0) return 0;
  const slot = slotOf(node, index, false);
  return slot === 0 ? 0 : load<u32>(slot);
}

/** The first page in [from, end) that has an entry, or `end`. */
function nextEntry(node: Node, from: u64, end: u64): u64 {
  let index = from;
  if (node.pages === 0) return end;
  while (index < end) {
    let height = node.height;
    if (index >> shiftOf(height) !== 0) return end;
    let value = node.pages as u32;
    while (value !== 0 && height !== 0) {
      height--;
      const within = ((index >> shiftOf(height)) & FANOUT_MASK) as usize;
      value = load<u32>((value as usize) + (within << 2));
    }
    if (value !== 0) return index;
    index = ((index >> shiftOf(height)) + 1) << shiftOf(height);
  }
  return end;
}

/** The frame of page `index`, or 0. */
export function frameAt(node: Node, index: u64): usize {
  return (entryOf(node, index) & ~FLAGS) as usize;
}

/** Page `index` of `node` is in memory: it is neither a hole nor behind the end. */
export function hasPage(node: Node, index: u64): bool {
  const entry = entryOf(node, index);
  return (entry & ~FLAGS) !== 0 || (entry === 0 && index < basePages(node));
}

/** Bytes at the pointer that `contentsAt` returned. */
export let runLength: u32 = 0;

const zeroes = memory.data(4096);

/** Contents from byte `position` on, to the end of its page or of the base, or zeroes; up to `limit` bytes, not 0. */
export function contentsAt(node: Node, position: u64, limit: u64): usize {
  const index = position >> PAGE_BITS;
  const within = (position & PAGE_MASK) as u32;
  const entry = entryOf(node, index);
  let source: usize = zeroes + (within as usize);
  runLength = PAGE_SIZE - within;
  if ((entry & ~FLAGS) !== 0) {
    if ((entry & RESERVED) === 0) source = (entry & ~FLAGS) + within;
  } else if (entry === 0 && position < (node.base as u64)) {
    source = node.data + (position as usize);
    const left = node.base - (position as u32);
    runLength = node.pages === 0 && node.mappings === 0 ? left : min<u32>(runLength, left);
  }
  runLength = min<u64>(runLength as u64, limit) as u32;
  return source;
}

/** Copies [position, position + length) of the contents to `target`. */
export function copyContents(node: Node, position: u64, target: usize, length: u32): void {
  for (let done: u32 = 0; done < length; done += runLength) {
    const left = (length - done) as u64;
    const source = contentsAt(node, position + (done as u64), left);
    memory.copy(target + done, source, runLength);
  }
}

/** The slot of page `index`, which is to have a frame; 0 when memory is out. */
function slotToFill(node: Node, index: u64): usize {
  if (node.windows !== 0 && frameAt(node, index) === 0) closeWindows(node);
  return slotOf(node, index, true);
}

/** A frame with the contents of page `index` at `slot`, which has none. 0 when memory is out. */
function fillSlot(node: Node, index: u64, slot: usize, flags: u32): usize {
  if (pagesLeft(node) === 0) return 0;
  const frame = allocatePages(0);
  if (frame === 0) return 0;
  const start = index << PAGE_BITS;
  const copies = load<u32>(slot) === 0 && start < (node.base as u64);
  if (copies) {
    const at = start as u32;
    memory.copy(frame, node.data + at, min<u32>(node.base - at, PAGE_SIZE));
  }
  store<u32>(slot, (frame as u32) | (copies || flags !== COPY ? flags : 0));
  node.pageCount++;
  const system = systemOf(node);
  if (system !== null) system.pages++;
  return frame;
}

/** The frame of page `index`, for its contents to be changed; 0 when memory is out. */
export function frameToWrite(node: Node, index: u64): usize {
  const slot = slotToFill(node, index);
  if (slot === 0) return 0;
  const frame = (load<u32>(slot) & ~FLAGS) as usize;
  if (frame === 0) return fillSlot(node, index, slot, 0);
  store<u32>(slot, frame as u32);
  return frame;
}

/** The frame of page `index`, for a mapping that does not change it; 0 when memory is out. */
export function frameToRead(node: Node, index: u64): usize {
  const slot = slotToFill(node, index);
  if (slot === 0) return 0;
  const entry = load<u32>(slot);
  const frame = (entry & ~FLAGS) as usize;
  if (frame === 0) return fillSlot(node, index, slot, COPY);
  store<u32>(slot, entry & ~RESERVED);
  return frame;
}

/** The frame of page `index` is a copy of the base, which nobody has changed. */
export function isCopy(node: Node, index: u64): bool {
  return (entryOf(node, index) & COPY) !== 0;
}

/**
 * Keeps a frame for page `index` where it has none: 1 where there was none, 0 where there was, -1 when memory is out.
 * One that is kept already becomes contents, so that nothing takes it back: shmem_get_folio_gfp of Linux's mm/shmem.c.
 */
export function reserveFrame(node: Node, index: u64): i32 {
  const slot = slotOf(node, index, true);
  if (slot === 0) return -1;
  const entry = load<u32>(slot);
  if ((entry & RESERVED) !== 0) store<u32>(slot, entry & ~RESERVED);
  if ((entry & ~FLAGS) !== 0 || (entry === 0 && index < basePages(node))) return 0;
  return fillSlot(node, index, slot, RESERVED) === 0 ? -1 : 1;
}

/** Drops the entries of [first, end) below the table at `slot`, whose first page is `base`, and tables that are empty then. */
function clear(node: Node, slot: usize, level: u32, base: u64, first: u64, end: u64): void {
  const value = load<u32>(slot);
  if (value === 0) return;
  if (level === 0) {
    store<u32>(slot, 0);
    if ((value & ~FLAGS) === 0) return;
    dropFrame((value & ~FLAGS) as usize);
    node.pageCount--;
    const system = systemOf(node);
    if (system !== null) system.pages--;
    return;
  }
  const shift = shiftOf(level - 1);
  const table = value as usize;
  let used = false;
  for (let i: u32 = 0; i <= (FANOUT_MASK as u32); i++) {
    const entry = table + (i << 2);
    if (load<u32>(entry) === 0) continue;
    const start = base + ((i as u64) << shift);
    if (start < end && start + ((1 as u64) << shift) > first) {
      clear(node, entry, level - 1, start, first, end);
    }
    if (load<u32>(entry) !== 0) used = true;
  }
  if (used) return;
  releasePages(table, 0);
  store<u32>(slot, 0);
}

/** Takes the frames of [first, end) from the file; what its base has there counts again. */
function clearEntries(node: Node, first: u64, end: u64): void {
  if (first >= end || node.pages === 0 || (node.height === 0 && first !== 0)) return;
  clear(node, changetype<usize>(node) + offsetof<Node>("pages"), node.height, 0, first, end);
  if (node.pages === 0) node.height = 0;
}

/** Makes the pages [first, end) holes. False when memory is out; some are then. */
export function dropPages(node: Node, first: u64, end: u64): bool {
  clearEntries(node, first, end);
  const last = min<u64>(end, basePages(node));
  if (first >= last) return true;
  if (last === basePages(node)) {
    node.base = min<u64>(node.base as u64, first << PAGE_BITS) as u32;
    return true;
  }
  for (let index = first; index < last; index++) {
    const slot = slotOf(node, index, true);
    if (slot === 0) return false;
    store<u32>(slot, HOLE);
  }
  return true;
}

/** Takes back the frame that `reserveFrame` has given page `index`. */
export function unreserveFrame(node: Node, index: u64): void {
  if ((entryOf(node, index) & RESERVED) !== 0) clearEntries(node, index, index + 1);
}

/** Makes [from, end), which is in one page, zeroes. False when memory is out. */
export function clearBytes(node: Node, from: u64, end: u64): bool {
  const index = from >> PAGE_BITS;
  if (from >= end || !hasContents(node, index)) return true;
  const frame = frameToWrite(node, index);
  if (frame === 0) return false;
  memory.fill(frame + ((from & PAGE_MASK) as usize), 0, (end - from) as usize);
  return true;
}

/** Ends the contents at byte `size`: pages behind it go, and what the last one has beyond reads as zeroes. */
export function cutContents(node: Node, size: u64): void {
  const index = size >> PAGE_BITS;
  node.base = min<u64>(node.base as u64, size) as u32;
  clearEntries(node, (size + PAGE_MASK) >> PAGE_BITS, ~(0 as u64));
  const within = (size & PAGE_MASK) as u32;
  const frame = frameAt(node, index);
  if (within !== 0 && frame !== 0) memory.fill(frame + within, 0, PAGE_SIZE - within);
}

/** Frees all that the contents take. */
export function freeContents(node: Node): void {
  clearEntries(node, 0, ~(0 as u64));
}

/** No mapping is left: frames that are only copies of the base go. */
export function dropCopies(node: Node): void {
  const end = basePages(node);
  for (let index = nextEntry(node, 0, end); index < end; index = nextEntry(node, index + 1, end)) {
    if ((entryOf(node, index) & COPY) !== 0) clearEntries(node, index, index + 1);
  }
}

/** Page `index` is no hole. */
function hasContents(node: Node, index: u64): bool {
  const entry = entryOf(node, index);
  if ((entry & ~FLAGS) !== 0) return (entry & RESERVED) === 0;
  return entry === 0 && index < basePages(node);
}

/** The first page in [from, end) that is no hole, or `end`. */
export function nextContents(node: Node, from: u64, end: u64): u64 {
  let index = from;
  while (index < end && !hasContents(node, index)) {
    index = index < basePages(node) ? index + 1 : nextEntry(node, index + 1, end);
  }
  return index;
}

/** The first hole in [from, end), or `end`. */
export function nextHole(node: Node, from: u64, end: u64): u64 {
  let index = from;
  if (node.pages === 0) index = max<u64>(index, min<u64>(basePages(node), end));
  while (index < end && hasContents(node, index)) index++;
  return index;
}

/** Pages that the file takes, the archive's included. */
export function pagesTaken(node: Node): u64 {
  const end = basePages(node);
  let taken = (node.pageCount as u64) + end;
  for (let index = nextEntry(node, 0, end); index < end; index = nextEntry(node, index + 1, end)) {
    taken--;
  }
  return taken;
}

/** All contents lie in one piece, at `data`. */
export function inOnePiece(node: Node): bool {
  return node.pages === 0 && (node.base as u64) === node.size;
}

/** The first page without a frame of its own, at most `end`. */
export function framesUntil(node: Node, end: u64): u64 {
  let index: u64 = 0;
  while (index < end) {
    const entry = entryOf(node, index);
    if ((entry & ~FLAGS) === 0 || (entry & RESERVED) !== 0) return index;
    index++;
  }
  return end;
}
