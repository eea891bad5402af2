// Protection domain: three capability spaces (memory: the page table; ports; objects), and how its
// system calls are taken. A foreign domain's system calls become messages to a portal, unless the
// caller's UTCB says otherwise (syscall.ts).

import { CRD_OBJ, CRD_PIO, NUM_PORTS, NUM_SELECTORS, PERM_ALL } from "./abi";
import { Ec, leaveDomain } from "./ec";
import { addRef, dropRef, Kobject, TYPE_PD } from "./kobject";
import { forgetEc } from "./lost_thread";
import { initOriginal } from "./mdb";
import { allocNodeTable, freeNodeTable } from "./node_table";
import { freePage } from "./page";
import { allocPageTable, freePageTable } from "./page_table";
import { allocPcid, freePcid } from "./pcid";
import { pieceIsOver, spend } from "./piece";
import { revokeNodes } from "./revoke";
import { allocObject } from "./slab";

@unmanaged
export class Pd extends Kobject {
  /** Root of the page table; 0 for the kernel's own domain, whose memory is computed. */
  pageTable: usize;
  objects: usize;
  ports: usize;
  /** Two pages of the I/O permission bitmap, 0 while no port has ever been delegated. */
  portMap0: usize;
  portMap1: usize;
  /** A number no other state of any domain's bitmap has or had; CPUs compare it with what they have loaded. */
  portMapVersion: u64;
  foreign: bool;
  /** May take resources from the kernel's domain; the roottask alone. */
  privileged: bool;
  /** May use MSRs and machine_ctrl. */
  passthrough: bool;
  isKernel: bool;
  /** Its capability is gone, and with it all it held: it can get none any more, for nobody would take them back. */
  retired: bool;
  /** First of its ECs; empty when it is gone, whatever is left of them. */
  firstEc: Ec;
  /** How many of its two spaces of nodes have been emptied since, and the revocation that does it. */
  retiredSpaces: u8;
  ticket: u64;
  /** Selector of the portal for foreign system calls on CPU 0. */
  syscallBase: u64;
  /** Process-context identifier, 0 for none of its own (pcid.ts). */
  pcid: u32;
  /** CPUs, one bit each, that have to drop their translations before they run this domain again. */
  staleOn: u64;
}

/** Fills in the node that makes `object` a capability of `owner`; selector `base`, permissions `attr`. */
export function initKobject(object: Kobject, type: u32, owner: Pd, base: u32, attr: u32): void {
  initOriginal(object);
  object.type = type;
  object.refs = 1;
  object.pd = owner;
  object.kind = CRD_OBJ;
  object.target = <u32>changetype<usize>(object);
  object.base = base;
  object.order = 0;
  object.attr = attr;
}

/**
 * A domain known to `owner` under selector `base`; null when memory is out. A null `owner` makes the
 * domain its own owner (roottask, kernel).
 */
export function createPd(owner: Pd, base: u32, attr: u32, kernel: bool): Pd {
  const pd = changetype<Pd>(allocObject(offsetof<Pd>()));
  if (changetype<usize>(pd) === 0) return pd;
  initKobject(pd, TYPE_PD, changetype<usize>(owner) === 0 ? pd : owner, base, attr);
  pd.isKernel = kernel;
  pd.objects = allocNodeTable();
  pd.ports = allocNodeTable();
  if (!kernel) {
    pd.pageTable = allocPageTable();
    pd.pcid = allocPcid();
  }
  pd.staleOn = ~(<u64>0);
  if (pd.objects === 0 || pd.ports === 0 || (!kernel && pd.pageTable === 0)) {
    dropRef(pd);
    return changetype<Pd>(0);
  }
  return pd;
}

/** Units of work (piece.ts) of letting go of an EC. */
const EC_COST: u32 = 60;

/**
 * The domain's capability is gone: so is everything it held or passed on, except memory, and it gets nothing
 * more. Its threads end, but for those that somebody can name. Until the piece is over; true when done.
 */
export function retirePd(pd: Pd): bool {
  pd.retired = true;
  while (pd.retiredSpaces < 2) {
    const kind: u32 = pd.retiredSpaces === 0 ? CRD_PIO : CRD_OBJ;
    pd.ticket = revokeNodes(pd, kind, 0, kind === CRD_PIO ? 16 : 26, PERM_ALL, true, pd.ticket);
    if (pd.ticket !== 0) return false;
    pd.retiredSpaces++;
  }
  for (let ec = pd.firstEc; changetype<usize>(ec) !== 0; ec = pd.firstEc) {
    if (pieceIsOver()) return false;
    leaveDomain(ec);
    forgetEc(ec);
    spend(EC_COST);
  }
  return true;
}

export function destroyPd(pd: Pd): void {
  if (pd.objects !== 0) freeNodeTable(pd.objects);
  if (pd.ports !== 0) freeNodeTable(pd.ports);
  if (pd.portMap0 !== 0) freePage(pd.portMap0);
  if (pd.portMap1 !== 0) freePage(pd.portMap1);
  if (pd.pageTable !== 0) freePageTable(pd.pageTable);
  if (pd.pcid !== 0) freePcid(pd.pcid);
}

/** The table of a domain's nodes of kind CRD_OBJ or CRD_PIO. */
export function nodeTable(pd: Pd, kind: u32): usize {
  return kind === CRD_OBJ ? pd.objects : pd.ports;
}

/** Number of indices in a space of this kind. */
export function spaceLimit(kind: u32): u32 {
  return kind === CRD_OBJ ? <u32>NUM_SELECTORS : <u32>NUM_PORTS;
}

export function holdPd(pd: Pd): Pd {
  addRef(pd);
  return pd;
}
