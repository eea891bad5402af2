// Takes capabilities back: everything in a domain's range and what has been delegated from it, down the
// mapping database. A revocation that is longer than a piece of work (piece.ts) is the kernel's, not its
// caller's: there is one at a time, whoever needs one goes on with it first, and it is brought to its end
// even if its caller never runs again. Between pieces a mark in the ring of nodes says where it was.

import { CRD_OBJ, CRD_PIO } from "./abi";
import { addRef, askToReap, capabilitiesGone, dropRef, Kobject } from "./kobject";
import { disconnect, freeMdb, hasChildren, insertMark, Mdb, mark, overlaps } from "./mdb";
import { nextNode, removeNode } from "./node_table";
import { nodeTable, Pd } from "./pd";
import { pieceIsOver, spend } from "./piece";
import { updatePorts } from "./space_pio";

@unmanaged
class Revocation {
  ticket: u64;
  pd: Pd;
  kind: u32;
  /** The range: first index and order; and the index to go on with. */
  base: u64;
  order: u32;
  index: u64;
  rights: u32;
  self: bool;
  /** The mark stands in the subtree of a node of this depth, whose range is that of `target` and `common`. */
  inSubtree: bool;
  depth: u32;
  target: u64;
  common: u32;
  affected: bool;
}

/** The one that goes on in pieces, if `isActive`. */
const active = changetype<Revocation>(memory.data(offsetof<Revocation>(), 8));
let isActive: bool = false;
/** One that has just begun. */
const fresh = changetype<Revocation>(memory.data(offsetof<Revocation>(), 8));
/** The ticket of a revocation that has to wait until the active one is done. */
const WAIT: u64 = 1;
let lastTicket: u64 = WAIT;
let isOrphaned: bool = false;

/** Units of work (piece.ts) of looking at a node and of removing one. */
const NODE_COST: u32 = 60;
const DISCARD_COST: u32 = 200;

function takeRights(node: Mdb, rights: u32): void {
  if (node.kind === CRD_PIO && (node.attr & ~rights) === 0 && node.sub & 1)
    updatePorts(node, false);
  node.attr &= ~rights;
}

/** Removes a node without rights and without children. */
function discard(node: Mdb): void {
  spend(DISCARD_COST);
  removeNode(nodeTable(node.pd, node.kind), node);
  disconnect(node);
  if (node.kind === CRD_OBJ && node.target === <u32>changetype<usize>(node)) {
    capabilitiesGone(changetype<Kobject>(node));
  } else freeMdb(node);
}

/**
 * Removes `node` if it has no rights left, and then its ancestors down to the depth of the subtree's top, as far
 * as everything in them is done: `next` is the first node that is not. False if the piece is over before.
 */
function close(node: Mdb, next: Mdb, top: u32): bool {
  const end = max<u32>(next.depth, top);
  while (node.depth >= end) {
    if (pieceIsOver()) return false;
    // One that stays is a child of all above it: they stay too.
    if (node.attr !== 0 || hasChildren(node)) break;
    const parent = node.parent;
    discard(node);
    if (changetype<usize>(parent) === 0) break;
    node = parent;
  }
  return true;
}

/**
 * The walk through a subtree stops before `next`. There is one mark: a revocation that has to wait for another one
 * starts again.
 */
function stopBefore(r: Revocation, next: Mdb): void {
  if (r === active || !isActive) insertMark(next);
}

/** Goes through a subtree from `node` on, or from the mark if that is null; true if all of it is done. */
function walk(r: Revocation, node: Mdb): bool {
  const top = r.depth;
  if (changetype<usize>(node) === 0) {
    const before = mark.prev;
    node = mark.next;
    disconnect(mark);
    // Everything in the ring is gone.
    if (before === mark) return true;
    // What stood before the mark may not be closed yet, or have lost its last child to another revocation.
    if (!close(before, node, top)) {
      insertMark(node);
      return false;
    }
    if (node.depth <= top) return true;
  }
  do {
    if (node.depth === top + (r.self ? 0 : 1)) {
      r.affected = overlaps(node.target, node.order, r.target, r.common);
    }
    if (r.affected && node.attr & r.rights) takeRights(node, r.rights);
    spend(NODE_COST);
    let next = node.next;
    if (next === mark) next = mark.next;
    const ends = next.depth <= top;
    if (!close(node, next, top)) {
      stopBefore(r, next);
      return false;
    }
    if (ends) return true;
    node = next;
  } while (!pieceIsOver());
  stopBefore(r, node);
  return false;
}

/** Goes on until the piece is over; true if everything is done. */
function proceed(r: Revocation): bool {
  const table = nodeTable(r.pd, r.kind);
  do {
    let node = changetype<Mdb>(0);
    if (!r.inSubtree) {
      node = nextNode(table, r.index);
      if (changetype<usize>(node) === 0) return true;
      if (!overlaps(node.base, node.order, r.base, r.order)) return true;
      r.index = <u64>node.base + ((<u64>1) << (<u64>node.order));
      r.common = min<u32>(node.order, r.order);
      r.target = (<u64>node.base > r.base ? 0 : r.base - <u64>node.base) + <u64>node.target;
      r.depth = node.depth;
      r.affected = false;
      r.inSubtree = true;
    }
    if (!walk(r, node)) return false;
    r.inSubtree = false;
  } while (!pieceIsOver());
  return false;
}

/** Goes on with the revocation that is under way, until the piece is over; true if there is none any more. */
export function proceedRevocation(): bool {
  if (!isActive) return true;
  if (!proceed(active)) return false;
  isActive = false;
  isOrphaned = false;
  dropRef(active.pd);
  return true;
}

/** Nobody waits for this revocation any more; it is brought to its end all the same. */
export function orphanRevocation(ticket: u64): void {
  if (!isActive || active.ticket !== ticket) return;
  isOrphaned = true;
  askToReap();
}

export function isRevocationOrphaned(): bool {
  return isOrphaned;
}

/**
 * Revokes `rights` for the 2^order selectors or ports from `base` on: from everybody who got them from
 * `pd`, and with `self` from `pd` too. Returns 0 when that is done; when the piece is over before, a ticket to go
 * on with, which is 0 at first.
 */
export function revokeNodes(
  pd: Pd,
  kind: u32,
  base: u64,
  order: u32,
  rights: u32,
  self: bool,
  ticket: u64,
): u64 {
  if (ticket > WAIT) {
    const isOurs = isActive && active.ticket === ticket;
    return isOurs && !proceedRevocation() ? ticket : 0;
  }
  if (ticket === WAIT && !proceedRevocation()) return WAIT;
  fresh.pd = pd;
  fresh.kind = kind;
  fresh.base = base;
  fresh.order = order;
  fresh.index = base;
  fresh.rights = rights;
  fresh.self = self;
  fresh.inSubtree = false;
  // A short one is done even while a long one is under way.
  if (proceed(fresh)) return 0;
  if (isActive) return WAIT;
  memory.copy(changetype<usize>(active), changetype<usize>(fresh), offsetof<Revocation>());
  addRef(pd);
  isActive = true;
  active.ticket = ++lastTicket;
  return lastTicket;
}
