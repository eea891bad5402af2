// Finds the mapping node of a selector or port: a radix tree of up to 2^26 indices with three levels
// (64, 1024, 1024 entries). A node of order 10 and more is entered at the middle level (tagged by bit 0,
// nodes never overlap), smaller ones at the leaf level once per index.

import { NUM_SELECTORS } from "./abi";
import { Mdb } from "./mdb";
import { allocPage, freePage } from "./page";
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

/** Frees the tree; its nodes have been removed before. */
export function freeNodeTable(root: usize): void {
  for (let i: u32 = 0; i < NODE_TABLE_BYTES; i += 4) {
    const middle = <usize>load<u32>(root + i);
    if (middle === 0) continue;
    for (let j: u32 = 0; j < LEAF_ENTRIES << 2; j += 4) {
      const entry = load<u32>(middle + j);
      if (entry !== 0 && (entry & DIRECT) === 0) freePage(<usize>entry);
    }
    freePage(middle);
  }
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

/** The node that contains `index` or else the first one behind it, or null. */
export function nextNode(root: usize, index: u64): Mdb {
  while (index < <u64>NUM_SELECTORS) {
    const slot = middleEntry(root, <u32>index, false);
    if (slot === 0) {
      index = ((index >> 20) + 1) << 20;
      continue;
    }
    const entry = load<u32>(slot);
    if (entry & DIRECT) return changetype<Mdb>(<usize>(entry & ~DIRECT));
    if (entry !== 0) {
      for (let i = <u32>index & (LEAF_ENTRIES - 1); i < LEAF_ENTRIES; i++) {
        const node = load<u32>(<usize>entry + (i << 2));
        if (node !== 0) return changetype<Mdb>(<usize>node);
      }
    }
    index = ((index >> LEAF_BITS) + 1) << LEAF_BITS;
  }
  return changetype<Mdb>(0);
}

function leafIsEmpty(leaf: usize): bool {
  for (let i: u32 = 0; i < LEAF_ENTRIES; i++) if (load<u32>(leaf + (i << 2)) !== 0) return false;
  return true;
}

function insertSmall(root: usize, node: Mdb): bool {
  const slot = middleEntry(root, node.base, true);
  if (slot === 0) return false;
  let leaf = load<u32>(slot);
  if (leaf & DIRECT) return false;
  if (leaf === 0) {
    leaf = <u32>allocPage();
    if (leaf === 0) return false;
    store<u32>(slot, leaf);
  }
  const first = <usize>leaf + ((node.base & (LEAF_ENTRIES - 1)) << 2);
  const bytes: u32 = (<u32>4) << node.order;
  for (let i: u32 = 0; i < bytes; i += 4) if (load<u32>(first + i) !== 0) return false;
  for (let i: u32 = 0; i < bytes; i += 4) store<u32>(first + i, <u32>changetype<usize>(node));
  return true;
}

function insertLarge(root: usize, node: Mdb): bool {
  const last: u64 = <u64>node.base + ((<u64>1) << node.order);
  for (let index = <u64>node.base; index < last; index += LEAF_ENTRIES) {
    const slot = middleEntry(root, <u32>index, true);
    if (slot === 0) return false;
    const entry = load<u32>(slot);
    if (entry === 0) continue;
    if (entry & DIRECT || !leafIsEmpty(<usize>entry)) return false;
    freePage(<usize>entry);
    store<u32>(slot, 0);
  }
  for (let index = <u64>node.base; index < last; index += LEAF_ENTRIES) {
    const slot = middleEntry(root, <u32>index, false);
    store<u32>(slot, <u32>changetype<usize>(node) | DIRECT);
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
  if (node.order < LEAF_BITS) {
    const leaf = load<u32>(middleEntry(root, node.base, false));
    memory.fill(<usize>leaf + ((node.base & (LEAF_ENTRIES - 1)) << 2), 0, (<usize>4) << node.order);
    return;
  }
  const last: u64 = <u64>node.base + ((<u64>1) << node.order);
  for (let index = <u64>node.base; index < last; index += LEAF_ENTRIES) {
    store<u32>(middleEntry(root, <u32>index, false), 0);
  }
}
