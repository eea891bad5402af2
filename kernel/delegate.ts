// Transfer of capabilities described by CRDs: delegation, translation, typed items of messages, and the
// revoke hypercall's view of them. doc/kernel-interface.md of the reference, "Capability Range
// Descriptor" and "Delegate Flags".

import {
  CRD_BASE_SHIFT,
  CRD_MEM,
  CRD_OBJ,
  CRD_ORDER_MAX,
  CRD_ORDER_SHIFT,
  CRD_PERM_SHIFT,
  CRD_PIO,
  PAGE_SIZE,
  PERM_ALL,
  XFER_DELEGATE,
  XFER_FROM_KERNEL,
  XFER_TRANS_DELEGATE,
  XFER_TRANSLATE,
} from "./abi";
import { Ec } from "./ec";
import { kernelPd } from "./kernel_pd";
import { allocMdb, freeMdb, insertBelow, Mdb, overlaps } from "./mdb";
import { insertNode, lookupNode, nextNode, removeNode } from "./node_table";
import { nodeTable, Pd, spaceLimit } from "./pd";
import { pieceIsOver, spend } from "./piece";
import { revokeNodes } from "./revoke";
import { delegateMemory } from "./space_mem";
import { updatePorts } from "./space_pio";

export function crdKind(crd: u64): u32 {
  return <u32>(crd & 3);
}

export function crdAttr(crd: u64): u32 {
  return <u32>((crd >> CRD_PERM_SHIFT) & PERM_ALL);
}

export function crdOrder(crd: u64): u32 {
  return <u32>((crd >> CRD_ORDER_SHIFT) & CRD_ORDER_MAX);
}

export function crdBase(crd: u64): u64 {
  return crd >> CRD_BASE_SHIFT;
}

export function makeCrd(kind: u32, base: u64, order: u32, attr: u32): u64 {
  const permissions = (<u64>attr) << CRD_PERM_SHIFT;
  return (base << CRD_BASE_SHIFT) | ((<u64>order) << CRD_ORDER_SHIFT) | permissions | <u64>kind;
}

/** First index of the naturally aligned block of the CRD's order that its base lies in. */
function alignedBase(crd: u64): u64 {
  return crdBase(crd) & ~(((<u64>1) << (<u64>crdOrder(crd))) - 1);
}

/**
 * Whether a range of ports can be used. Ports keep their numbers, and cutting two ranges to what they have in
 * common needs natural alignment: without it the result would be neither's.
 */
function isPortRange(crd: u64): bool {
  return crdBase(crd) === alignedBase(crd);
}

/** Units of work (piece.ts) of delegating one capability, and of a step up the mapping database. */
const NODE_COST: u32 = 300;
const STEP_COST: u32 = 8;

/**
 * How far the delegation was when the piece was over, for the next call; 0 if it is done. Indices for objects and
 * ports, bytes for memory.
 */
export let unfinished: u64 = 0;

function delegateNodes(
  to: Pd,
  from: Pd,
  kind: u32,
  sndBase: u64,
  rcvBase: u64,
  order: u32,
  attr: u32,
  sub: u32,
  progress: u64,
): void {
  if (to.retired) return;
  const source = nodeTable(from, kind);
  const target = nodeTable(to, kind);
  let index = sndBase + progress;
  for (;;) {
    if (index !== sndBase + progress && pieceIsOver()) {
      unfinished = index - sndBase;
      return;
    }
    spend(NODE_COST);
    const parent = nextNode(source, index);
    if (changetype<usize>(parent) === 0) return;
    if (!overlaps(parent.base, parent.order, sndBase, order)) return;
    index = <u64>parent.base + ((<u64>1) << (<u64>parent.order));
    const first = max<u64>(<u64>parent.base, sndBase);
    const base = first - sndBase + rcvBase;
    if (base >= <u64>spaceLimit(kind)) return;
    const common = min<u32>(parent.order, order);
    const node: Mdb = allocMdb(
      to,
      kind,
      parent.target + <u32>(first - <u64>parent.base),
      <u32>base,
      common,
      sub,
    );
    if (changetype<usize>(node) === 0) return;
    if (!insertNode(target, node, spaceLimit(kind))) {
      freeMdb(node);
      continue;
    }
    if (!insertBelow(node, parent, attr)) {
      removeNode(target, node);
      freeMdb(node);
      continue;
    }
    if (kind === CRD_PIO && sub & 1) updatePorts(node, true);
  }
}

/**
 * What is left of `crd`, from the view of `to`, after delegation from `from` into the window `window`. Goes on from
 * `progress`, 0 at first; `unfinished` tells whether there is more to do.
 */
export function delegateCrd(
  to: Pd,
  from: Pd,
  window: u64,
  crd: u64,
  sub: u32,
  hotspot: u64,
  progress: u64,
): u64 {
  unfinished = 0;
  const kind = crdKind(crd);
  const attr = crdAttr(crd) & crdAttr(window);
  if (kind === 0 || kind !== crdKind(window) || (attr === 0 && kind !== CRD_MEM)) return 0;
  let sndBase = crdBase(crd);
  let rcvBase = crdBase(window);
  const sndOrder = crdOrder(crd);
  const rcvOrder = crdOrder(window);
  let order = min<u32>(sndOrder, rcvOrder);

  if (kind === CRD_PIO) {
    if (!isPortRange(crd) || !isPortRange(window)) return 0;
    if (!overlaps(sndBase, sndOrder, rcvBase, rcvOrder)) return 0;
    rcvBase |= sndBase;
    delegateNodes(to, from, kind, rcvBase, rcvBase, order, attr, sub, progress);
    return makeCrd(kind, rcvBase, order, attr);
  }

  const sndMask: u64 = ((<u64>1) << (<u64>sndOrder)) - 1;
  const rcvMask: u64 = ((<u64>1) << (<u64>rcvOrder)) - 1;
  sndBase = alignedBase(crd);
  rcvBase = alignedBase(window);
  if (sndMask < rcvMask) {
    rcvBase |= hotspot & rcvMask & ~sndMask;
    order = sndOrder;
  } else {
    sndBase |= hotspot & sndMask & ~rcvMask;
    order = rcvOrder;
  }
  if (kind === CRD_MEM) {
    const bytes: u64 = (<u64>PAGE_SIZE) << (<u64>order);
    const done = delegateMemory(
      to,
      from,
      sndBase << 12,
      rcvBase << 12,
      order + 12,
      attr,
      sub,
      progress,
    );
    if (done < bytes) unfinished = done;
  } else delegateNodes(to, from, CRD_OBJ, sndBase, rcvBase, order, attr, 1, progress);
  return makeCrd(kind, rcvBase, order, attr);
}

/** The ancestor of `node` in the space of `pd` that meets the window, or null. */
function findAncestor(node: Mdb, pd: Pd, base: u64, order: u32): Mdb {
  let ancestor = node.parent;
  while (changetype<usize>(ancestor) !== 0) {
    if (ancestor.pd === pd && overlaps(ancestor.base, ancestor.order, base, order)) return ancestor;
    ancestor = ancestor.parent;
    spend(STEP_COST);
  }
  // Sender and receiver in one domain: the item translates to itself.
  if (node.pd === pd && overlaps(node.base, node.order, base, order)) return node;
  return changetype<Mdb>(0);
}

/** What `to`, from which `from` got the capabilities `crd`, knows them as within `window`; 0 for nothing. */
function translateCrd(to: Pd, from: Pd, window: u64, crd: u64): u64 {
  const kind = crdKind(window);
  // Memory has no mapping database: such an item passes unchanged, as in the reference.
  if (kind === CRD_MEM) return crd;
  if (kind === 0 || kind !== crdKind(crd)) return 0;
  if (kind === CRD_PIO && (!isPortRange(crd) || !isPortRange(window))) return 0;
  const node = lookupNode(nodeTable(from, kind), crdBase(crd));
  if (changetype<usize>(node) === 0) return 0;
  let rcvBase = alignedBase(window);
  let rcvOrder = crdOrder(window);
  const ancestor = findAncestor(node, to, rcvBase, rcvOrder);
  if (changetype<usize>(ancestor) === 0) return 0;
  // The part of the window that the ancestor covers, and the part of the node that was sent.
  rcvBase |= <u64>ancestor.base;
  if (ancestor.order < rcvOrder) rcvOrder = ancestor.order;
  const sent = crdOrder(crd);
  const order = min<u32>(node.order, sent);
  const first = max<u64>(alignedBase(crd), <u64>node.base);
  const base =
    first - <u64>node.base + (<u64>node.target - <u64>ancestor.target) + <u64>ancestor.base;
  if (!overlaps(base, order, rcvBase, rcvOrder)) return 0;
  return makeCrd(kind, rcvBase | base, min<u32>(order, rcvOrder), node.attr);
}

/** Second word of the last item transferred by `transferItem`. */
export let transferredMeta: u64 = 0;

/**
 * Transfers one typed item, from `progress` on, 0 at first; returns its CRD as the receiver sees it and sets
 * `transferredMeta`. `unfinished` tells whether there is more to do.
 */
export function transferItem(
  to: Pd,
  from: Pd,
  translateWindow: u64,
  delegateWindow: u64,
  crd: u64,
  meta: u64,
  progress: u64,
): u64 {
  const kind = <u32>(meta & 3);
  let result: u64 = 0;
  unfinished = 0;
  transferredMeta = meta & 0xfff;
  // What has begun to be delegated could not be translated.
  if (progress === 0 && (kind === XFER_TRANSLATE || kind === XFER_TRANS_DELEGATE)) {
    result = translateCrd(to, from, translateWindow, crd);
  }
  if (kind === XFER_DELEGATE || (kind === XFER_TRANS_DELEGATE && crdKind(result) === 0)) {
    if (kind === XFER_TRANS_DELEGATE) transferredMeta |= 1;
    const source = from.privileged && meta & XFER_FROM_KERNEL ? kernelPd() : from;
    const sub = (<u32>(meta >> 8) & 7) ^ 1;
    result = delegateCrd(to, source, delegateWindow, crd, sub, meta >> 12, progress);
  }
  return result;
}

/**
 * The revoke hypercall of `ec`, for `pd`: of a range that is not naturally aligned, the block that its base lies
 * in. Goes on where it was; false if the piece is over before it is done.
 */
export function revokeCrd(ec: Ec, pd: Pd, crd: u64, self: bool): bool {
  const kind = crdKind(crd);
  const base = alignedBase(crd);
  const order = crdOrder(crd);
  if (kind === CRD_MEM) {
    const address = base << 12;
    const bytes: u64 = (<u64>PAGE_SIZE) << (<u64>order);
    ec.progress = delegateMemory(pd, pd, address, address, order + 12, 0, 1, ec.progress);
    return ec.progress >= bytes;
  }
  if (kind === 0) return true;
  ec.ticket = revokeNodes(pd, kind, base, order, crdAttr(crd), self, ec.ticket);
  return ec.ticket === 0;
}
