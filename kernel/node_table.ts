// Finds the mapping node of a selector or port: a radix tree of up to 2^26 indices with three levels
// (64, 1024, 1024 entries). A node of order 10 and more is entered at the middle level (tagged by bit 0,
// nodes never overlap), smaller ones at the leaf level once per index. Pages of the tree are counted
// (page.ts) and go back to the pool as soon as they are empty.

import { NUM_SELECTORS } from "./abi";
import { Mdb } from "./mdb";
import { allocPage, countEntries, entriesOf, freePage } from "./page";
import { spend } from "./piece";
import { allocObject, freeObject } from "./slab";

/** Bytes of the root, an object. */
export const NODE_TABLE_BYTES: u32 = 256;
const LEAF_BITS: u32 = 10;
const LEAF_ENTRIES: u32 = 1024;
const DIRECT: u32 = 1;

/** An empty table, or 0 when memory is out. */
export function allocNodeTable(): usize {
  return allocObject(NODE_TABLE_BYTES);
}

/** Frees the table; its nodes have been removed before, and its pages with them. */
export function freeNodeTable(root: usize): void {
  freeObject(root);
}

/** Address of the middle-level entry for `index`, or 0 where the page for it is missing. */
function middleEntry(root: usize, index: u32, create: bool): usize {
  const slot = root + ((index >> 20) << 2);
  let middle = <usize>load<u32>(slot);
  if (middle === 0) {
    if (!create) return 0;
    middle = allocPage();
    if (middle === 0) return 0;
    store<u32>(slot, <u32>middle);
  }
  return middle + (((index >> LEAF_BITS) & (LEAF_ENTRIES - 1)) << 2);
}

/** The page that an entry is in. */
function pageOf(entry: usize): usize {
  return entry & ~(<usize>0xfff);
}

/** Frees the middle page for `index` if nothing is entered in it. */
function freeIfEmpty(root: usize, index: u32, middle: usize): void {
  if (entriesOf(middle) !== 0) return;
  store<u32>(root + ((index >> 20) << 2), 0);
  freePage(middle);
}

/** Clears the middle-level entry at `slot`. */
function clearMiddle(root: usize, index: u32, slot: usize): void {
  store<u32>(slot, 0);
  if (countEntries(pageOf(slot), -1) === 0) freeIfEmpty(root, index, pageOf(slot));
}

/** Part of those who use it. */
export class NodeTable {
  /** The leaf-level entry for `index`, 0 for none, where the table has no node of order 10 and more. */
  @inline static leafEntry(root: usize, index: u64): u32 {
    if (index >= <u64>NUM_SELECTORS) return 0;
    const selector = <u32>index;
    const middle = <usize>load<u32>(root + ((selector >> 20) << 2));
    if (middle === 0) return 0;
    const leaf = load<u32>(middle + (((selector >> LEAF_BITS) & (LEAF_ENTRIES - 1)) << 2));
    if (leaf === 0) return 0;
    return load<u32>(<usize>leaf + ((selector & (LEAF_ENTRIES - 1)) << 2));
  }
}

/** The node that contains `index`, or null. Any 64-bit value is a valid question. */
export function lookupNode(root: usize, index: u64): Mdb {
  if (index >= <u64>NUM_SELECTORS) return changetype<Mdb>(0);
  const selector = <u32>index;
  const middle = <usize>load<u32>(root + ((selector >> 20) << 2));
  if (middle === 0) return changetype<Mdb>(0);
  const entry = load<u32>(middle + (((selector >> LEAF_BITS) & (LEAF_ENTRIES - 1)) << 2));
  if (entry & DIRECT) return changetype<Mdb>(<usize>(entry & ~DIRECT));
  if (entry === 0) return changetype<Mdb>(0);
  return changetype<Mdb>(<usize>load<u32>(<usize>entry + ((selector & (LEAF_ENTRIES - 1)) << 2)));
}

/** Index of the first entry from `from` on that is not 0, or LEAF_ENTRIES. */
function firstUsed(page: usize, from: u32): u32 {
  let i = from;
  if (i & 1) {
    if (load<u32>(page + (i << 2)) !== 0) return i;
    i++;
  }
  while (i < LEAF_ENTRIES && load<u64>(page + (i << 2)) === 0) i += 2;
  spend((i - from) << 1);
  if (i >= LEAF_ENTRIES) return LEAF_ENTRIES;
  return load<u32>(page + (i << 2)) !== 0 ? i : i + 1;
}

/** The node that contains `index` or else the first one behind it, or null. */
export function nextNode(root: usize, index: u64): Mdb {
  while (index < <u64>NUM_SELECTORS) {
    const middle = <usize>load<u32>(root + ((<u32>index >> 20) << 2));
    if (middle === 0) {
      spend(8);
      index = ((index >> 20) + 1) << 20;
      continue;
    }
    const from = (<u32>index >> LEAF_BITS) & (LEAF_ENTRIES - 1);
    const at = firstUsed(middle, from);
    if (at !== from) {
      index = ((index >> 20) << 20) + ((<u64>at) << LEAF_BITS);
      if (at === LEAF_ENTRIES) continue;
    }
    const entry = load<u32>(middle + (at << 2));
    if (entry & DIRECT) return changetype<Mdb>(<usize>(entry & ~DIRECT));
    const i = firstUsed(<usize>entry, <u32>index & (LEAF_ENTRIES - 1));
    if (i < LEAF_ENTRIES) return changetype<Mdb>(<usize>load<u32>(<usize>entry + (i << 2)));
    index = ((index >> LEAF_BITS) + 1) << LEAF_BITS;
  }
  return changetype<Mdb>(0);
}

function insertSmall(root: usize, node: Mdb): bool {
  const slot = middleEntry(root, node.base, true);
  if (slot === 0) return false;
  let leaf = load<u32>(slot);
  if (leaf & DIRECT) return false;
  if (leaf === 0) {
    leaf = <u32>allocPage();
    if (leaf === 0) {
      freeIfEmpty(root, node.base, pageOf(slot));
      return false;
    }
    store<u32>(slot, leaf);
    countEntries(pageOf(slot), 1);
  }
  const first = <usize>leaf + ((node.base & (LEAF_ENTRIES - 1)) << 2);
  const bytes: u32 = (<u32>4) << node.order;
  spend(bytes);
  for (let i: u32 = 0; i < bytes; i += 4) if (load<u32>(first + i) !== 0) return false;
  for (let i: u32 = 0; i < bytes; i += 4) store<u32>(first + i, <u32>changetype<usize>(node));
  countEntries(<usize>leaf, (<i32>1) << node.order);
  return true;
}

/** Takes the first `count` indices of a large node out again. */
function clearLarge(root: usize, node: Mdb, count: u64): void {
  const last: u64 = <u64>node.base + count;
  for (let index = <u64>node.base; index < last; index += LEAF_ENTRIES) {
    clearMiddle(root, <u32>index, middleEntry(root, <u32>index, false));
  }
}

/** Only ports have large nodes: 64 entries at most. */
function insertLarge(root: usize, node: Mdb): bool {
  const count: u64 = (<u64>1) << node.order;
  for (let done: u64 = 0; done < count; done += LEAF_ENTRIES) {
    const index = <u32>(<u64>node.base + done);
    const slot = middleEntry(root, index, true);
    // A leaf that is there has nodes: empty ones are freed.
    if (slot === 0 || load<u32>(slot) !== 0) {
      clearLarge(root, node, done);
      return false;
    }
    store<u32>(slot, <u32>changetype<usize>(node) | DIRECT);
    countEntries(pageOf(slot), 1);
  }
  return true;
}

/**
 * Enters a node for its whole range; false if the range is not free, not in the table, not naturally aligned
 * (it could reach beyond a leaf), or memory is out.
 */
export function insertNode(root: usize, node: Mdb, limit: u32): bool {
  if (node.order > 26 || node.base & (((<u32>1) << node.order) - 1)) return false;
  if (<u64>node.base + ((<u64>1) << node.order) > <u64>limit) return false;
  return node.order < LEAF_BITS ? insertSmall(root, node) : insertLarge(root, node);
}

/** Removes a node that has been entered. */
export function removeNode(root: usize, node: Mdb): void {
  if (node.order >= LEAF_BITS) {
    clearLarge(root, node, (<u64>1) << node.order);
    return;
  }
  const slot = middleEntry(root, node.base, false);
  const leaf = <usize>load<u32>(slot);
  const bytes = (<usize>4) << node.order;
  spend(<u32>bytes);
  memory.fill(leaf + ((node.base & (LEAF_ENTRIES - 1)) << 2), 0, bytes);
  if (countEntries(leaf, -((<i32>1) << node.order)) !== 0) return;
  freePage(leaf);
  clearMiddle(root, node.base, slot);
}
