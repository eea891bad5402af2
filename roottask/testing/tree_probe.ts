// Trees by number with a handle for tests (libroottask/keyed_tree.test.ts): records are numbered places in memory.

import { firstIn, Link, nextIn } from "../libroottask/balanced_tree";
import { enterTree, Keyed, leaveTree, withOrder } from "../libroottask/keyed_tree";

const RECORD: u32 = 32;
const records = memory.data(4096 * 32);
const root = memory.data(4);
const listed = memory.data(4096 * 4);

function record(index: u32): Keyed {
  return changetype<Keyed>(records + index * RECORD);
}

function indexOf(link: Link | null): i32 {
  return link === null ? -1 : ((((changetype<usize>(link) as u32) - (records as u32)) / 32) as i32);
}

export function insert(index: u32, order: u32): void {
  record(index).order = order;
  enterTree(root, record(index));
}

export function remove(index: u32): void {
  leaveTree(root, record(index));
}

export function find(order: u32): i32 {
  return indexOf(withOrder(root, order));
}

/** Writes the numbers of the records in their order to `list()`; how many there are. */
export function walk(): u32 {
  let count: u32 = 0;
  let link = firstIn(root);
  while (link !== null) {
    store<i32>(listed + count++ * 4, indexOf(link));
    link = nextIn(link);
  }
  return count;
}

export function list(): usize {
  return listed;
}

/** Height of the tree below `link`, or more than 1000 where it is not one that is balanced. */
function heightOf(link: Link | null, parent: Link | null): u32 {
  if (link === null) return 0;
  if (link.parent !== parent) return 1001;
  const low = heightOf(link.low, link);
  const high = heightOf(link.high, link);
  const height = max<u32>(low, high) + 1;
  if (low > high + 1 || high > low + 1 || link.height !== height) return 1002;
  return height;
}

export function height(): u32 {
  return heightOf(changetype<Link | null>(load<usize>(root)), null);
}
