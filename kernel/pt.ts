// Portal: an entry point into a local EC, with the message transfer descriptor of its exceptions.

import { PERM_PT_CALL, PERM_PT_CTRL } from "./abi";
import { Ec } from "./ec";
import { addRef, dropRef, Kobject, TYPE_PT } from "./kobject";
import { forgetEc } from "./lost_thread";
import { initKobject, Pd } from "./pd";
import { allocObject } from "./slab";

@unmanaged
export class Pt extends Kobject {
  mtd: u64;
  ip: u64;
  /** What the handler finds in RDI. */
  id: u64;
  ec: Ec;
}

/** A portal into `ec`, known to `owner` under selector `base`; null when memory is out. */
export function createPt(owner: Pd, base: u32, ec: Ec, mtd: u64, ip: u64): Pt {
  const pt = changetype<Pt>(allocObject(offsetof<Pt>()));
  if (changetype<usize>(pt) === 0) return pt;
  initKobject(pt, TYPE_PT, owner, base, PERM_PT_CTRL | PERM_PT_CALL);
  addRef(ec);
  pt.ec = ec;
  pt.mtd = mtd;
  pt.ip = ip;
  return pt;
}

export function destroyPt(pt: Pt): void {
  dropRef(pt.ec);
  forgetEc(pt.ec);
}
