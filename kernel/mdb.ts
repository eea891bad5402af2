// The mapping database: who got which capability from whom. Nodes that stem from one object form a
// ring in depth-first order; a node's subtree is what follows it with a greater depth. Object and port
// capabilities have nodes, memory has none (its page table is the only record).

import { Pd } from "./pd";
import { allocObject, freeObject } from "./slab";

/** How far a capability can be passed on: bounds the way from a node to its origin. */
const MAX_DEPTH: u32 = 4096;

@unmanaged
export class Mdb {
  prev: Mdb;
  next: Mdb;
  /** The node this one was delegated from; null for an original. */
  parent: Mdb;
  /** The domain in whose space the node is. */
  pd: Pd;
  /** CRD_OBJ or CRD_PIO. */
  kind: u32;
  depth: u32;
  /** Address of the kernel object, or first port: what the capability is for. */
  target: u32;
  /** First selector or port under which the domain knows it. */
  base: u32;
  order: u32;
  /** Permissions; 0 is a node about to be removed. */
  attr: u32;
  /** Subspaces a port delegation is for. */
  sub: u32;
}

/** Makes `node` an original: a ring of its own. */
export function initOriginal(node: Mdb): void {
  node.prev = node;
  node.next = node;
  node.parent = changetype<Mdb>(0);
  node.depth = 0;
}

/** A node for a capability delegated to `pd`, not yet connected; null when memory is out. */
export function allocMdb(pd: Pd, kind: u32, target: u32, base: u32, order: u32, sub: u32): Mdb {
  const node = changetype<Mdb>(allocObject(offsetof<Mdb>()));
  if (changetype<usize>(node) === 0) return node;
  initOriginal(node);
  node.pd = pd;
  node.kind = kind;
  node.target = target;
  node.base = base;
  node.order = order;
  node.sub = sub;
  return node;
}

export function freeMdb(node: Mdb): void {
  freeObject(changetype<usize>(node));
}

/** Connects `node` below `parent` with the permissions both `parent` and `attr` have; false if none is left, or too far from its origin. */
export function insertBelow(node: Mdb, parent: Mdb, attr: u32): bool {
  node.attr = parent.attr & attr;
  if (node.attr === 0 || parent.depth === MAX_DEPTH) return false;
  node.parent = parent;
  node.depth = parent.depth + 1;
  node.prev = parent;
  node.next = parent.next;
  parent.next.prev = node;
  parent.next = node;
  return true;
}

/** Takes a node out of its ring; the caller has made sure that it has no children. */
export function disconnect(node: Mdb): void {
  node.next.prev = node.prev;
  node.prev.next = node.next;
}

/** Stands in a ring where a revocation goes on; it is no node, and there is one (revoke.ts). */
export const mark = changetype<Mdb>(memory.data(offsetof<Mdb>(), 8));

/** Puts the mark before `node`. */
export function insertMark(node: Mdb): void {
  mark.prev = node.prev;
  mark.next = node;
  node.prev.next = mark;
  node.prev = mark;
}

/** Whether nodes stem from this one. */
export function hasChildren(node: Mdb): bool {
  let next = node.next;
  if (next === mark) next = mark.next;
  return next.depth > node.depth;
}

/** Whether two naturally aligned ranges, base and order, have anything in common. */
export function overlaps(baseA: u64, orderA: u32, baseB: u64, orderB: u32): bool {
  const order = orderA > orderB ? orderA : orderB;
  return (baseA ^ baseB) >> <u64>order === 0;
}
