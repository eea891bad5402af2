// Balanced trees by a number (balanced_tree.ts). Of records with the same number, later ones come behind.

import { firstIn, Link, noSum, plant, uproot } from "./balanced_tree";

@unmanaged
export class Keyed extends Link {
  order: u64;
}

/** Puts `record`, which is in no tree, into the tree. */
export function enterTree(tree: usize, record: Keyed): void {
  let parent: Keyed | null = null;
  let low = false;
  let at = changetype<Keyed | null>(load<usize>(tree));
  while (at !== null) {
    parent = at;
    low = record.order < at.order;
    at = changetype<Keyed | null>(low ? at.low : at.high);
  }
  plant(tree, parent, low, record, noSum);
}

export function leaveTree(tree: usize, record: Keyed): void {
  uproot(tree, record, noSum);
}

/** The first record of the tree, or null. */
export function firstKeyed(tree: usize): Keyed | null {
  return changetype<Keyed | null>(firstIn(tree));
}

/** The first record of the tree with that number, or null. */
export function withOrder(tree: usize, order: u64): Keyed | null {
  let found: Keyed | null = null;
  let at = changetype<Keyed | null>(load<usize>(tree));
  while (at !== null) {
    if (at.order === order) found = at;
    at = changetype<Keyed | null>(order <= at.order ? at.low : at.high);
  }
  return found;
}
