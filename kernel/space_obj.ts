// Object capabilities: selectors to kernel objects. Looking one up checks type and permissions; a
// selector is any 64-bit value.

import { CRD_OBJ, NUM_SELECTORS } from "./abi";
import { Ec } from "./ec";
import { Kobject, TYPE_EC, TYPE_PD, TYPE_PT, TYPE_SC, TYPE_SM } from "./kobject";
import { Mdb } from "./mdb";
import { insertNode, lookupNode, NodeTable } from "./node_table";
import { Pd } from "./pd";
import { Pt } from "./pt";
import { Sc } from "./sc";
import { Sm } from "./sm";

/** Part of those who use it. */
export class Objects {
  /** What a selector leads to, or null. A capability is for one object: the table of objects has no large nodes. */
  @inline static nodeOf(pd: Pd, selector: u64): Mdb {
    return changetype<Mdb>(<usize>NodeTable.leafEntry(pd.objects, selector));
  }

  /** Whether a node, or null, is a capability for an object of this type that has the permissions. */
  @inline static allows(node: Mdb, type: u32, permissions: u32): bool {
    if (changetype<usize>(node) === 0) return false;
    if ((node.attr & permissions) !== permissions) return false;
    return changetype<Kobject>(<usize>node.target).type === type;
  }

  /** The object of this type, or 0 if the selector is empty, of another type, or lacks a permission. */
  @inline static find(pd: Pd, selector: u64, type: u32, permissions: u32): usize {
    const node = Objects.nodeOf(pd, selector);
    if (!Objects.allows(node, type, permissions)) return 0;
    return <usize>node.target;
  }

  /** A portal; the reference asks for no permission to call one. */
  @inline static findPt(pd: Pd, selector: u64): Pt {
    return changetype<Pt>(Objects.find(pd, selector, TYPE_PT, 0));
  }
}

function lookup(pd: Pd, selector: u64, type: u32, permissions: u32): usize {
  return Objects.find(pd, selector, type, permissions);
}

export function lookupPd(pd: Pd, selector: u64, permissions: u32): Pd {
  return changetype<Pd>(lookup(pd, selector, TYPE_PD, permissions));
}

export function lookupEc(pd: Pd, selector: u64, permissions: u32): Ec {
  return changetype<Ec>(lookup(pd, selector, TYPE_EC, permissions));
}

export function lookupSc(pd: Pd, selector: u64, permissions: u32): Sc {
  return changetype<Sc>(lookup(pd, selector, TYPE_SC, permissions));
}

/** A portal; the reference asks for no permission to call one. */
export function lookupPt(pd: Pd, selector: u64): Pt {
  return changetype<Pt>(lookup(pd, selector, TYPE_PT, 0));
}

export function lookupPtWith(pd: Pd, selector: u64, permissions: u32): Pt {
  return changetype<Pt>(lookup(pd, selector, TYPE_PT, permissions));
}

export function lookupSm(pd: Pd, selector: u64, permissions: u32): Sm {
  return changetype<Sm>(lookup(pd, selector, TYPE_SM, permissions));
}

/** Whether a new object can get this selector at all. */
export function isSelector(selector: u64): bool {
  return selector < <u64>NUM_SELECTORS;
}

/** Whether the selector is taken. */
export function isTaken(pd: Pd, selector: u64): bool {
  return changetype<usize>(lookupNode(pd.objects, selector)) !== 0;
}

/** Enters a new object into the space of the domain that owns it; false if the selector is taken. */
export function insertObject(object: Kobject): bool {
  if (object.kind !== CRD_OBJ || object.pd.retired) return false;
  return insertNode(object.pd.objects, object, NUM_SELECTORS);
}
