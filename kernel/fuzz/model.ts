// Who holds what: the model of authority that the kernel is compared with. It knows the interface's rules
// (doc/kernel-interface.md of the reference: "Capability Range Descriptor", "Delegate Flags", "revoke") and
// nothing of how the kernel keeps them: capabilities are a tree, spaces are maps.

import * as abi from "../abi.ts";
import { delegatePages, KEPT, Memory, READ, USUAL_POOL, WRITE } from "./memory.ts";

export type Type = "pd" | "ec" | "sc" | "pt" | "sm";

/** Capabilities a new object's creator has. */
export const ORIGINAL_PERMISSIONS: Record<Type, number> = {
  pd: abi.PERM_PD_CREATE,
  ec: abi.PERM_EC_ALL,
  sc: abi.PERM_SC_CTRL,
  pt: abi.PERM_PT_CTRL | abi.PERM_PT_CALL,
  sm: abi.PERM_SM_UP | abi.PERM_SM_DOWN,
};

/** A kernel object. `address` is where the kernel has it, to be filled in by whoever creates it there. */
export interface Item {
  type: Type;
  address: number;
  /** Its last capability is gone. */
  gone: boolean;
}

export interface SmItem extends Item {
  type: "sm";
  counter: bigint;
  /** The interrupt it stands for. */
  gsi?: number;
  /** A signal: nothing can be taken from it. */
  isSignal?: boolean;
  /** Signals are bound to it: it counts those that are pending as well, which is not followed. */
  hasSignals?: boolean;
}

export interface PtItem extends Item {
  type: "pt";
  ec: EcItem;
  id: bigint;
  ip: bigint;
}

export interface EcItem extends Item {
  type: "ec";
  domain: Domain;
  cpu: number;
  isGlobal: boolean;
  /** Page number of the UTCB in `utcbDomain`, 0 for none. */
  utcbPage: number;
  utcbDomain: Domain;
}

export interface ScItem extends Item {
  type: "sc";
  ec: EcItem;
}

export interface PdItem extends Item {
  type: "pd";
  domain: Domain;
}

export class Cap {
  readonly children = new Set<Cap>();
  readonly domain: Domain;
  readonly kind: number;
  readonly base: number;
  readonly order: number;
  /** First index behind it. */
  readonly end: number;
  /** The object; for ports the number of the first one. */
  readonly target: Item | number;
  attr: number;
  /** For ports: whether the bitmap is changed. */
  readonly effective: boolean;
  readonly parent: Cap | undefined;

  constructor(
    domain: Domain,
    kind: number,
    base: number,
    order: number,
    target: Item | number,
    attr: number,
    effective: boolean,
    parent?: Cap,
  ) {
    this.domain = domain;
    this.kind = kind;
    this.base = base;
    this.order = order;
    this.end = base + 2 ** order;
    this.target = target;
    this.attr = attr;
    this.effective = effective;
    this.parent = parent;
  }

  /** First port, or 0: an object is one index long. */
  get first(): number {
    return typeof this.target === "number" ? this.target : 0;
  }
}

/** The capabilities of one kind, by first index. */
export class Space {
  readonly caps = new Map<number, Cap>();

  /** The capability that contains an index. */
  at(index: number): Cap | undefined {
    const cap = this.caps.get(index);
    if (cap !== undefined) return cap;
    for (let order = 1; order <= 16; order++) {
      const base = index - (index % 2 ** order);
      const wider = this.caps.get(base);
      if (wider !== undefined && wider.end > index) return wider;
    }
    return undefined;
  }

  /** Those that meet [base, base + count), ascending. */
  within(base: number, count: number): Cap[] {
    const found: Cap[] = [];
    if (count <= 64) {
      let last: Cap | undefined;
      for (let index = base; index < base + count; index++) {
        const cap = this.at(index);
        if (cap !== undefined && cap !== last) found.push(cap);
        last = cap;
      }
      return found;
    }
    for (const cap of this.caps.values()) {
      if (cap.base < base + count && cap.end > base) found.push(cap);
    }
    return found.sort((a, b) => a.base - b.base);
  }
}

/** Object spaces hold single selectors: `at` is one look. */
class ObjectSpace extends Space {
  override at(index: number): Cap | undefined {
    return this.caps.get(index);
  }
}

export class Domain {
  readonly name: string;
  readonly objects = new ObjectSpace();
  readonly ports = new Space();
  readonly memory = new Memory();
  address = 0;
  privileged = false;
  passthrough = false;
  foreign = false;
  portalBase = 0n;
  isKernel = false;
  /** The last capability for it is gone: it can have no capabilities any more. */
  gone = false;
  /** Bit set: the port is denied. */
  readonly denied = new Uint8Array(8192).fill(0xff);

  constructor(name: string) {
    this.name = name;
  }

  space(kind: number): Space {
    return kind === abi.CRD_OBJ ? this.objects : this.ports;
  }
}

export const crdKind = (crd: bigint) => Number(crd & 3n);
export const crdAttr = (crd: bigint) => Number((crd >> 2n) & 0x1fn);
export const crdOrder = (crd: bigint) => Number((crd >> 7n) & 0x1fn);
export const crdBase = (crd: bigint) => Number(crd >> 12n);
const blockBase = (crd: bigint) => {
  const base = crd >> 12n;
  return Number(base - (base & ((1n << BigInt(crdOrder(crd))) - 1n)));
};
const isAligned = (crd: bigint) => blockBase(crd) === crdBase(crd);

export function makeCrd(kind: number, base: number, order: number, attr: number): bigint {
  return (BigInt(base) << 12n) | BigInt((order << 7) | (attr << 2) | kind);
}

function meets(baseA: number, orderA: number, baseB: number, orderB: number): boolean {
  return baseA < baseB + 2 ** orderB && baseB < baseA + 2 ** orderA;
}

export class Model {
  readonly kernel = new Domain("kernel");
  readonly root = new Domain("root");
  /** Page number of the hypervisor information page. */
  informationPage = 0;
  pool = USUAL_POOL;
  /** Domains whose objects, ports or pages the last operation may have changed. */
  readonly touched = new Set<Domain>();
  /** Pages that the last operation may have changed. */
  touchedPages: { domain: Domain; first: number; count: number }[] = [];
  /** Depth of the deepest capability so far. */
  deepest = 0;

  constructor() {
    this.kernel.isKernel = true;
    this.root.privileged = true;
    this.root.passthrough = true;
    const all = new Cap(this.kernel, abi.CRD_PIO, 0, 16, 0, 7, true);
    this.kernel.ports.caps.set(0, all);
  }

  // --- Objects ---

  /** Enters a new object. */
  add(owner: Domain, selector: number, item: Item): void {
    const attr = ORIGINAL_PERMISSIONS[item.type];
    owner.objects.caps.set(selector, new Cap(owner, abi.CRD_OBJ, selector, 0, item, attr, false));
    this.touched.add(owner);
  }

  /** The object of this type that `domain` may use with these permissions. */
  find(domain: Domain, selector: bigint, type: Type, permissions: number): Item | undefined {
    if (selector >= BigInt(abi.NUM_SELECTORS)) return undefined;
    const cap = domain.objects.caps.get(Number(selector));
    if (cap === undefined || (cap.attr & permissions) !== permissions) return undefined;
    const item = cap.target as Item;
    return item.type === type ? item : undefined;
  }

  /** A UTCB becomes a page of a domain, whatever was there. */
  mapUtcb(domain: Domain, page: number, phys: number): void {
    domain.memory.set(page, phys, READ | WRITE | KEPT);
    this.touchedPages.push({ domain, first: page, count: 1 });
  }

  // --- Delegation ---

  private insert(cap: Cap): boolean {
    if (cap.domain.gone) return false;
    const space = cap.domain.space(cap.kind);
    if (cap.order === 0 ? space.at(cap.base) : space.within(cap.base, 2 ** cap.order).length > 0) {
      return false;
    }
    space.caps.set(cap.base, cap);
    cap.parent?.children.add(cap);
    this.touched.add(cap.domain);
    if (cap.kind === abi.CRD_PIO && cap.effective) this.setPorts(cap, true);
    let depth = 0;
    for (let up = cap.parent; up !== undefined; up = up.parent) depth++;
    this.deepest = Math.max(this.deepest, depth);
    return true;
  }

  private setPorts(cap: Cap, allowed: boolean): void {
    const { denied } = cap.domain;
    if (cap.order >= 3) {
      denied.fill(allowed ? 0 : 0xff, cap.base / 8, cap.end / 8);
      return;
    }
    for (let port = cap.base; port < cap.end; port++) {
      const bit = 1 << (port & 7);
      const old = denied[port >> 3] ?? 0;
      denied[port >> 3] = allowed ? old & ~bit : old | bit;
    }
  }

  private delegateCaps(
    to: Domain,
    from: Domain,
    kind: number,
    sndBase: number,
    rcvBase: number,
    order: number,
    attr: number,
    effective: boolean,
  ): void {
    const limit = kind === abi.CRD_OBJ ? abi.NUM_SELECTORS : abi.NUM_PORTS;
    for (const parent of from.space(kind).within(sndBase, 2 ** order)) {
      const first = Math.max(parent.base, sndBase);
      const base = first - sndBase + rcvBase;
      const common = Math.min(parent.order, order);
      if (base + 2 ** common > limit || (parent.attr & attr) === 0) continue;
      const target =
        typeof parent.target === "number" ? parent.target + first - parent.base : parent.target;
      this.insert(new Cap(to, kind, base, common, target, parent.attr & attr, effective, parent));
    }
  }

  /** Delegates `crd` of `from` into `window` of `to`; what the receiver is told. `sub`: bits 10:8 of the item. */
  delegate(
    to: Domain,
    from: Domain,
    window: bigint,
    crd: bigint,
    sub: number,
    hotspot: bigint,
  ): bigint {
    const kind = crdKind(crd);
    const attr = crdAttr(crd) & crdAttr(window);
    if (kind === abi.CRD_NULL || kind !== crdKind(window)) return 0n;
    if (attr === 0 && kind !== abi.CRD_MEM) return 0n;
    const sndOrder = crdOrder(crd);
    const rcvOrder = crdOrder(window);
    const order = Math.min(sndOrder, rcvOrder);
    const host = (sub & 1) === 0;
    if (kind === abi.CRD_PIO) {
      if (!isAligned(crd) || !isAligned(window)) return 0n;
      if (!meets(crdBase(crd), sndOrder, crdBase(window), rcvOrder)) return 0n;
      // The smaller of two aligned ranges that meet lies in the other.
      const base = sndOrder < rcvOrder ? crdBase(crd) : crdBase(window);
      this.delegateCaps(to, from, kind, base, base, order, attr, host);
      return makeCrd(kind, base, order, attr);
    }
    // The larger range is cut to the part of the smaller one's size that the hotspot is in.
    const sndBase = BigInt(blockBase(crd));
    const rcvBase = BigInt(blockBase(window));
    const larger = (1n << BigInt(Math.max(sndOrder, rcvOrder))) - 1n;
    const offset = hotspot & larger & ~((1n << BigInt(order)) - 1n);
    const source = Number(sndOrder > rcvOrder ? sndBase + offset : sndBase);
    const place = Number(sndOrder < rcvOrder ? rcvBase + offset : rcvBase);
    if (kind === abi.CRD_MEM) {
      if (host && !to.isKernel) {
        const memory = from.isKernel ? undefined : from.memory;
        const pages = delegatePages(to.memory, memory, this, source, place, order, attr);
        if (pages !== undefined) this.touchedPages.push({ domain: to, ...pages });
      }
    } else this.delegateCaps(to, from, kind, source, place, order, attr, false);
    return makeCrd(kind, place, order, attr);
  }

  // --- Translation ---

  private translate(to: Domain, from: Domain, window: bigint, crd: bigint): bigint {
    const kind = crdKind(window);
    if (kind === abi.CRD_MEM) return crd;
    if (kind === abi.CRD_NULL || kind !== crdKind(crd)) return 0n;
    if (kind === abi.CRD_PIO && (!isAligned(crd) || !isAligned(window))) return 0n;
    if (crdBase(crd) >= abi.NUM_SELECTORS) return 0n;
    const cap = from.space(kind).at(crdBase(crd));
    if (cap === undefined) return 0n;
    const base = blockBase(window);
    const order = crdOrder(window);
    const seen = (c: Cap) => c.domain === to && meets(c.base, c.order, base, order);
    let ancestor = cap.parent;
    while (ancestor !== undefined && !seen(ancestor)) ancestor = ancestor.parent;
    if (ancestor === undefined && seen(cap)) ancestor = cap;
    if (ancestor === undefined) return 0n;
    // What was sent, in the ancestor's numbers; what of the window the ancestor covers.
    const sentOrder = Math.min(cap.order, crdOrder(crd));
    const sent = Math.max(blockBase(crd), cap.base) - cap.base + cap.first;
    const there = sent - ancestor.first + ancestor.base;
    const seenOrder = Math.min(ancestor.order, order);
    const seenBase = ancestor.order < order ? ancestor.base : base;
    if (!meets(there, sentOrder, seenBase, seenOrder)) return 0n;
    const result = sentOrder < seenOrder ? there : seenBase;
    return makeCrd(kind, result, Math.min(sentOrder, seenOrder), cap.attr);
  }

  /** A typed item; its two words as the receiver gets them. */
  transfer(
    to: Domain,
    from: Domain,
    translateWindow: bigint,
    delegateWindow: bigint,
    crd: bigint,
    meta: bigint,
  ): [bigint, bigint] {
    const kind = Number(meta & 3n);
    let told = meta & 0xfffn;
    let result = 0n;
    if (kind === abi.XFER_TRANSLATE || kind === abi.XFER_TRANS_DELEGATE) {
      result = this.translate(to, from, translateWindow, crd);
    }
    if (kind === abi.XFER_DELEGATE || (kind === abi.XFER_TRANS_DELEGATE && crdKind(result) === 0)) {
      if (kind === abi.XFER_TRANS_DELEGATE) told |= 1n;
      const machine = from.privileged && (meta & BigInt(abi.XFER_FROM_KERNEL)) !== 0n;
      const source = machine ? this.kernel : from;
      result = this.delegate(
        to,
        source,
        delegateWindow,
        crd,
        Number((meta >> 8n) & 7n),
        meta >> 12n,
      );
    }
    return [result, told];
  }

  // --- Revocation ---

  /** The revoke hypercall on a domain's space. */
  revoke(domain: Domain, crd: bigint, self: boolean): void {
    const kind = crdKind(crd);
    if (kind === abi.CRD_NULL) return;
    if (kind === abi.CRD_MEM) {
      const base = blockBase(crd);
      const pages = delegatePages(domain.memory, undefined, this, base, base, crdOrder(crd), 0);
      if (pages !== undefined) this.touchedPages.push({ domain, ...pages });
      return;
    }
    this.revokeRange(domain, kind, blockBase(crd), crdOrder(crd), crdAttr(crd), self);
  }

  private revokeRange(
    domain: Domain,
    kind: number,
    base: number,
    order: number,
    rights: number,
    self: boolean,
  ): void {
    const space = domain.space(kind);
    for (const cap of space.within(base, 2 ** order)) {
      // One that came from another of the range may be gone by now.
      if (space.caps.get(cap.base) !== cap) continue;
      if (self) this.take(cap, rights);
      else {
        const common = Math.min(cap.order, order);
        const first = Math.max(base - cap.base, 0) + cap.first;
        for (const child of [...cap.children]) {
          if (meets(child.first, child.order, first, common)) this.take(child, rights);
        }
      }
    }
  }

  /** Takes rights from a capability and all that came from it; those without rights are gone. */
  private take(cap: Cap, rights: number): void {
    for (const child of [...cap.children]) this.take(child, rights);
    const had = cap.attr;
    cap.attr &= ~rights;
    this.touched.add(cap.domain);
    if (cap.attr !== 0 || cap.children.size > 0) return;
    if (cap.kind === abi.CRD_PIO && cap.effective && had !== 0) this.setPorts(cap, false);
    cap.domain.space(cap.kind).caps.delete(cap.base);
    cap.parent?.children.delete(cap);
    if (cap.parent === undefined && typeof cap.target !== "number") this.retire(cap.target);
  }

  private retire(item: Item): void {
    item.gone = true;
    if (item.type === "pd") {
      const { domain } = item as PdItem;
      domain.gone = true;
      this.revokeRange(domain, abi.CRD_PIO, 0, 16, abi.PERM_ALL, true);
      this.revokeRange(domain, abi.CRD_OBJ, 0, 26, abi.PERM_ALL, true);
    } else if (item.type === "ec") {
      const ec = item as EcItem;
      if (ec.utcbPage === 0) return;
      this.unmapUtcb?.(ec);
    }
  }

  /** Set by whoever knows the UTCB's page: takes it from its domain, unless something else is there by now. */
  unmapUtcb: ((ec: EcItem) => void) | undefined;
}
