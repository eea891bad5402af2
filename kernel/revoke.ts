// Takes capabilities back: everything in a domain's range and what has been delegated from it, down the
// mapping database.

import { CRD_OBJ, CRD_PIO } from "./abi";
import { capabilitiesGone, Kobject } from "./kobject";
import { disconnect, freeMdb, Mdb, overlaps } from "./mdb";
import { nextNode, removeNode } from "./node_table";
import { nodeTable, Pd } from "./pd";
import { updatePorts } from "./space_pio";

function takeRights(node: Mdb, rights: u32): void {
  if (node.kind === CRD_PIO && (node.attr & ~rights) === 0 && node.sub & 1)
    updatePorts(node, false);
  node.attr &= ~rights;
}

/** Removes a node without rights and without children. */
function discard(node: Mdb): void {
  removeNode(nodeTable(node.pd, node.kind), node);
  disconnect(node);
  if (node.kind === CRD_OBJ && node.target === <u32>changetype<usize>(node)) {
    capabilitiesGone(changetype<Kobject>(node));
  } else freeMdb(node);
}

/**
 * Revokes `rights` for the 2^order selectors or ports from `base` on: from everybody who got them from
 * `pd`, and with `self` from `pd` too.
 */
export function revokeNodes(
  pd: Pd,
  kind: u32,
  base: u64,
  order: u32,
  rights: u32,
  self: bool,
): void {
  const table = nodeTable(pd, kind);
  let index = base;
  for (;;) {
    const top = nextNode(table, index);
    if (changetype<usize>(top) === 0) return;
    if (!overlaps(top.base, top.order, base, order)) return;
    index = <u64>top.base + ((<u64>1) << (<u64>top.order));
    const common = top.order < order ? top.order : order;
    const target = (<u64>top.base > base ? 0 : base - <u64>top.base) + <u64>top.target;
    const depth = top.depth;

    let node = top;
    let affected = false;
    for (;;) {
      if (node.depth === depth + (self ? 0 : 1)) {
        affected = overlaps(node.target, node.order, target, common);
      }
      if (affected && node.attr & rights) takeRights(node, rights);
      if (node.next.depth <= depth) break;
      node = node.next;
    }

    // Backwards, so that children go before their parents.
    for (;;) {
      const before = node.prev;
      const isTop = node.depth <= depth;
      if (node.attr === 0 && node.next.depth <= node.depth) discard(node);
      if (isTop) break;
      node = before;
    }
  }
}
