// Chooses what happens next: mostly what the model says is possible, with arguments on both sides of what is
// allowed, and now and then anything at all. The roottask keeps domains alive: it makes them, and makes them
// again when their threads have not run for long.

import { Random } from "../../tools/aot/fuzz/random.ts";
import * as abi from "../abi.ts";
import { KERNEL_END, KERNEL_START } from "../layout.ts";
import { HPET_BASE, PCI_CONFIG } from "../testing/machine.ts";
import { type Harness, PORTAL_RIP } from "./harness.ts";
import { ARENAS } from "./memory.ts";
import {
  crdKind,
  type Domain,
  type EcItem,
  type Item,
  makeCrd,
  type PdItem,
  type PtItem,
  type SmItem,
  type Type,
} from "./model.ts";
import type { Call, Message, Operation } from "./operation.ts";
import { MSRS } from "./privileged.ts";
import { CONT_RECEIVE } from "./view.ts";

/** Domains that the roottask keeps, one a place. */
export const SLOTS = 4;
/** The place of the one that may use the machine's registers; the last one's is foreign. */
const PASSTHROUGH_SLOT = 1;
/** The place of the one that the first one's domain is the parent of. */
const UNDERLING_SLOT = 2;
/** Steps without any of its threads after which a domain is made again. */
const LOST_AFTER = 1500;

/** Quanta after which everybody who is ready has had its turn. */
const TURNS = 200;

const PLAY = 64;
const PLAY_SIZE = 64;
/** Selectors in every domain: itself, a portal per CPU, exception portals per CPU of the two handlers. */
export const SELF = 32;
const SERVICE = 0x300;
const EVENTS = 0x1000;
const EVENT_BLOCK = 64;

/** What the roottask has of a place, from this selector on. */
export const slotBase = (slot: number) => 0x1_0000 + slot * 0x4000;
const PORTALS = 0x1000;
export const SERVICES = 0x2000;
const ALL = 0x1f;

const HOSTILE = [
  0n,
  1n,
  2n,
  3n,
  0x1fn,
  0x20n,
  0x3fn,
  0x40n,
  0x3ffn,
  0x400n,
  0x401n,
  0xfffn,
  0x1000n,
  0xffffn,
  0x1_0000n,
  0xf_ffffn,
  0x10_0000n,
  0x3ff_fffen,
  0x3ff_ffffn,
  0x400_0000n,
  0x7fff_ffff_dn,
  0x7fff_ffff_en,
  0x7fff_ffff_fn,
  0x8_0000_0000n,
  (1n << 47n) - 1n,
  (1n << 52n) - 1n,
  (1n << 52n) - 64n,
  1n << 63n,
  (1n << 64n) - 1n,
];
const HOT_PORTS = [
  0, 1, 0x60, 0x64, 0x3f0, 0x3f8, 0x3fb, 0x3ff, 0x400, 0x7fff, 0x8000, 0xfc00, 0xfff8, 0xffff,
];
/** Around where an update of microcode can be: the kernel's memory, and the end of what it reaches. */
const MICROCODE = [
  0n,
  BigInt(KERNEL_START) - 64n,
  BigInt(KERNEL_START),
  BigInt(KERNEL_END) - 32n,
  BigInt(KERNEL_END),
  (1n << 32n) - 80n,
  (1n << 64n) - 64n,
];
const EXCEPTIONS = [0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19];

export const NO_MESSAGE: Message = {
  words: 0,
  typed: [],
  translateWindow: 0n,
  delegateWindow: 0n,
  hypercall: true,
  mtd: 0n,
};

interface Slot {
  domain: Domain | undefined;
  threads: EcItem[];
  madeAt: number;
}

export class Generator {
  private readonly random: Random;
  private readonly h: Harness;
  private readonly slots: Slot[];

  constructor(harness: Harness, seed: number) {
    this.h = harness;
    this.random = new Random(seed);
    this.slots = Array.from({ length: SLOTS }, () => ({
      domain: undefined,
      threads: [],
      madeAt: 0,
    }));
    harness.spawn = (slot) => this.spawn(slot);
  }

  // --- Housekeeping: hypercalls of the roottask ---

  private root(id: number, selector: number, flags = 0, rest: Partial<Call> = {}): void {
    const { h } = this;
    const root = h.current(0);
    if (root === undefined) throw new Error("the roottask does not run");
    const args = { rsi: 0n, rdx: 0n, rax: 0n, r8: 0n, message: NO_MESSAGE };
    h.call(root, {
      kind: "call",
      cpu: 0,
      byRoot: true,
      id,
      flags,
      selector: BigInt(selector),
      ...args,
      ...rest,
    });
  }

  private handOver(slot: number, source: bigint, target: bigint): void {
    const args = { rsi: BigInt(slotBase(slot)), rdx: source, rax: 1n, r8: target };
    this.root(abi.HC_PD_CTRL, SELF, abi.PD_CTRL_DELEGATE, args);
  }

  /** (Re)makes a domain: two handlers, exception portals and a thread on every CPU. */
  private spawn(slot: number): void {
    const { h } = this;
    const base = slotBase(slot);
    const place = this.slots[slot] as Slot;
    // All selectors of the place, then those of its portals: a revocation each.
    for (const first of [base, base + PORTALS, base + SERVICES]) {
      this.root(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi: makeCrd(abi.CRD_OBJ, first, 9, ALL) });
    }
    // A foreign domain's portals are its services.
    const foreign = slot === SLOTS - 1 ? 1n | (BigInt(SERVICE) << 1n) : 0n;
    const self = BigInt(SELF);
    // Made in the name of another one that is not to have it, a domain does not get it either.
    const ordinary = h.model.find(h.model.root, BigInt(slotBase(0)), "pd", abi.PERM_PD_CREATE);
    const parent = slot === UNDERLING_SLOT && ordinary ? BigInt(slotBase(0)) : self;
    const flags = slot === PASSTHROUGH_SLOT || parent !== self ? abi.CREATE_PD_PASSTHROUGH : 0;
    this.root(abi.HC_CREATE_PD, base, flags, { rsi: parent, rax: foreign });
    const pd = BigInt(base);
    this.handOver(slot, makeCrd(abi.CRD_OBJ, base, 0, ALL), makeCrd(abi.CRD_OBJ, SELF, 0, ALL));
    const threads: number[] = [];
    const utcb = (n: number) => BigInt(1024 + slot * 16 + n) << 12n;
    for (let cpu = 0; cpu < h.cpus; cpu++) {
      const at = base + 1 + cpu * 8;
      for (let handler = 0; handler < 2; handler++) {
        this.root(abi.HC_CREATE_EC, at + handler, 0, {
          rsi: pd,
          rdx: utcb(cpu * 4 + handler) | BigInt(cpu),
          r8: BigInt(EVENTS + cpu * EVENT_BLOCK + 32 * (1 - handler)),
        });
        // Every event of the other handler, and of the thread, comes to one.
        for (let event = 0; event < 32; event++) {
          const selector = base + PORTALS + cpu * EVENT_BLOCK + 32 * handler + event;
          this.root(abi.HC_CREATE_PT, selector, 0, {
            rsi: self,
            rdx: BigInt(at + handler),
            rax: 0x40_805fn,
            r8: PORTAL_RIP,
          });
        }
      }
      this.root(abi.HC_CREATE_PT, base + SERVICES + cpu, 0, {
        rsi: self,
        rdx: BigInt(at),
        rax: 0x40_805fn,
        r8: PORTAL_RIP + 0x100n,
      });
    }
    const order = h.cpus > 1 ? 7 : 6;
    const portals = makeCrd(abi.CRD_OBJ, base + PORTALS, order, ALL);
    this.handOver(slot, portals, makeCrd(abi.CRD_OBJ, EVENTS, order, ALL));
    const services = makeCrd(abi.CRD_OBJ, base + SERVICES, 1, ALL);
    this.handOver(slot, services, makeCrd(abi.CRD_OBJ, SERVICE, 1, ALL));
    for (let cpu = 0; cpu < h.cpus; cpu++) {
      const at = base + 1 + cpu * 8;
      this.root(abi.HC_CREATE_EC, at + 2, abi.CREATE_EC_GLOBAL, {
        rsi: pd,
        rdx: utcb(cpu * 4 + 2) | BigInt(cpu),
        r8: BigInt(EVENTS + cpu * EVENT_BLOCK + 32),
      });
      this.root(abi.HC_CREATE_SC, at + 3, 0, {
        rsi: self,
        rdx: BigInt(at + 2),
        rax: (1000n << 12n) | 1n,
      });
      threads.push(at + 2);
    }
    const { caps } = h.model.root.objects;
    const target = <T extends Item>(selector: number) =>
      caps.get(selector)?.target as T | undefined;
    place.domain = target<PdItem>(base)?.domain;
    place.threads = threads.flatMap((selector) => target<EcItem>(selector) ?? []);
    place.madeAt = h.steps;
  }

  /** Takes all domains apart, if the roottask gets its turn; false if not. */
  endAll(): boolean {
    const { h } = this;
    const turn = () => {
      for (let cpu = 0; cpu < h.cpus; cpu++) h.step({ kind: "timer", cpu });
    };
    for (let i = 0; i < TURNS && h.current(0)?.domain !== h.model.root; i++) turn();
    if (h.current(0)?.domain !== h.model.root) return false;
    for (let slot = 0; slot < SLOTS; slot++) {
      for (const first of [0, PORTALS, SERVICES]) {
        const rsi = makeCrd(abi.CRD_OBJ, slotBase(slot) + first, 9, ALL);
        this.root(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi });
      }
    }
    // What it has made and been given.
    for (let order = 6; order < 10; order++) {
      const rsi = makeCrd(abi.CRD_OBJ, 2 ** order, order, ALL);
      this.root(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi });
    }
    // Time that was given to handlers ends with its turn.
    for (let i = 0; i < 4 || (i < TURNS && h.cpus > 1 && !h.isIdle(1)); i++) turn();
    return true;
  }

  /** A place whose domain is gone or has a thread that is. */
  private lostSlot(): number {
    const { h } = this;
    return this.slots.findIndex(({ domain, threads, madeAt }) => {
      if (domain === undefined || domain.gone) return true;
      const since = (ec: EcItem) => h.steps - Math.max(madeAt, h.lastRan.get(ec) ?? 0);
      return threads.some((ec) => ec.gone || since(ec) > LOST_AFTER);
    });
  }

  // --- The next step ---

  next(): Operation {
    const { h, random } = this;
    const cpu = h.cpus > 1 ? random.below(h.cpus) : 0;
    const ec = h.current(cpu);
    if (ec === undefined || random.chance(8)) return { kind: "timer", cpu };
    if (ec.domain === h.model.root) {
      const slot = this.lostSlot();
      if (slot >= 0) return { kind: "spawn", slot };
      // It keeps the machine going: it takes part, but for what could end it.
      return this.rootCall(cpu);
    }
    if (random.chance(2)) return { kind: "gsi", cpu, gsi: random.below(32) };
    if (random.chance(2)) {
      const vector = random.pick(EXCEPTIONS);
      return { kind: "trap", cpu, vector, error: random.below(16), address: this.page() << 12n };
    }
    return this.domainCall(cpu, ec);
  }

  private hostile(): bigint {
    return this.random.chance(50) ? this.random.pick(HOSTILE) : this.random.u64();
  }

  private playSelector(): number {
    return PLAY + this.random.below(PLAY_SIZE);
  }

  /** A selector that most probably leads to an object of this type. */
  private selector(domain: Domain, type: Type): bigint {
    const { random } = this;
    const dice = random.below(100);
    if (dice < 4) return this.hostile() & ((1n << 52n) - 1n);
    if (dice < 10) return BigInt(this.playSelector());
    for (let tries = 0; tries < 24; tries++) {
      const selector = this.playSelector();
      const item = domain.objects.caps.get(selector)?.target as Item | undefined;
      if (item?.type === type) return BigInt(selector);
    }
    if (type === "pd") return BigInt(SELF);
    if (type === "pt") return BigInt(SERVICE + random.below(2));
    return BigInt(this.playSelector());
  }

  private freeSelector(domain: Domain): bigint {
    if (this.random.chance(8)) return this.hostile() & ((1n << 52n) - 1n);
    for (let tries = 0; tries < 12; tries++) {
      const selector = this.playSelector();
      if (!domain.objects.caps.has(selector)) return BigInt(selector);
    }
    return BigInt(this.playSelector());
  }

  /** A page number of the arenas, mostly near where tables branch. */
  private page(): bigint {
    const { random } = this;
    if (random.chance(3)) return this.hostile() & ((1n << 52n) - 1n);
    const arena = random.pick(ARENAS);
    const offset = random.chance(60)
      ? arena.count / 2 - 32 + random.below(64)
      : random.below(arena.count);
    return BigInt(arena.first + (random.chance(20) ? random.below(64) : offset));
  }

  private permissions(): number {
    return this.random.chance(65) ? ALL : this.random.below(32);
  }

  private pages(machine: boolean): bigint {
    const { random } = this;
    const dice = random.below(100);
    let order = random.below(4);
    if (dice < 12) order = 9 + random.below(3);
    else if (dice < 18) order = random.below(12);
    else if (dice < 19) order = random.below(32);
    let base = this.page();
    if (machine) {
      // The machine's memory: RAM at 1 GiB, the kernel's edges, its devices.
      base = random.chance(85)
        ? BigInt(0x4_0000 + random.below(4096))
        : random.pick([
            0xffn,
            0x100n,
            0x3fffn,
            0x4000n,
            0xfee00n,
            0xfec00n,
            BigInt(PCI_CONFIG / 4096),
            BigInt(HPET_BASE / 4096),
            BigInt(this.h.model.informationPage),
            0xfff_ffffn,
            0x1000_0000n,
          ]);
    }
    if (!random.chance(10)) base -= base % (1n << BigInt(order));
    return (base << 12n) | BigInt((order << 7) | (this.permissions() << 2) | abi.CRD_MEM);
  }

  private ports(): bigint {
    const { random } = this;
    let order = random.below(5);
    const dice = random.below(20);
    if (dice === 0) order = 16;
    else if (dice === 1) order = random.below(32);
    else if (dice < 4) order = 8 + random.below(6);
    let base = BigInt(random.pick(HOT_PORTS));
    if (random.chance(3)) base = this.hostile() & ((1n << 52n) - 1n);
    if (!random.chance(15)) base -= base % (1n << BigInt(order));
    return (base << 12n) | BigInt((order << 7) | (this.permissions() << 2) | abi.CRD_PIO);
  }

  private objects(): bigint {
    const { random } = this;
    const dice = random.below(100);
    let order = 0;
    if (dice >= 50) order = random.below(4);
    if (dice >= 85) order = random.below(8);
    if (dice >= 97) order = random.below(32);
    let base = BigInt(this.playSelector());
    if (random.chance(4)) base = this.hostile() & ((1n << 52n) - 1n);
    else if (random.below(25) === 0) base = BigInt(random.pick([SELF, SERVICE, SERVICE + 1]));
    if (!random.chance(25)) base -= base % (1n << BigInt(order));
    return (base << 12n) | BigInt((order << 7) | (this.permissions() << 2) | abi.CRD_OBJ);
  }

  /** Two ranges of one kind: what is sent, and the window for it. */
  private transferPair(machine: boolean): [bigint, bigint] {
    const { random } = this;
    const dice = random.below(100);
    if (dice < 2) return [this.hostile(), this.hostile()];
    if (dice < 4) return [this.objects(), this.ports()];
    const kind = random.below(10);
    if (kind < 5)
      return [machine && random.chance(50) ? this.interrupts() : this.objects(), this.objects()];
    if (kind < 7) {
      const ports = this.ports();
      return [ports, random.chance(70) ? makeCrd(abi.CRD_PIO, 0, 16, ALL) : this.ports()];
    }
    return [this.pages(machine), this.pages(false)];
  }

  /** Selectors of the kernel's own domain: interrupt semaphores. */
  private interrupts(): bigint {
    const base = abi.NUM_CPU + this.random.below(40);
    return makeCrd(abi.CRD_OBJ, base, this.random.below(3), this.permissions());
  }

  private meta(machine: boolean): bigint {
    const { random } = this;
    const kind = random.chance(80) ? 1 : random.below(4);
    const sub = random.chance(92) ? 0 : random.below(8);
    const hotspot = random.chance(70) ? BigInt(this.playSelector()) : this.page();
    return (hotspot << 12n) | BigInt(kind | (sub << 8) | (machine ? abi.XFER_FROM_KERNEL : 0));
  }

  private message(items: number): Message {
    const { random } = this;
    const typed: [bigint, bigint][] = [];
    for (let i = 0; i < items; i++)
      typed.push([this.transferPair(false)[0], this.meta(random.chance(10))]);
    const window = random.below(10);
    let delegateWindow = makeCrd(abi.CRD_OBJ, PLAY, 6, ALL);
    if (window < 3) delegateWindow = this.objects();
    else if (window === 3) delegateWindow = makeCrd(abi.CRD_PIO, 0, 16, ALL);
    else if (window < 6) delegateWindow = this.pages(false);
    return {
      words: random.below(32),
      typed,
      translateWindow: random.chance(50) ? makeCrd(abi.CRD_OBJ, 0, 31, ALL) : this.objects(),
      delegateWindow,
      hypercall: true,
      mtd: random.chance(80) ? 0n : BigInt(random.below(0x80)),
    };
  }

  private make(
    cpu: number,
    id: number,
    flags: number,
    selector: bigint,
    rest: Partial<Call> = {},
  ): Call {
    const byRoot = this.h.current(cpu)?.domain === this.h.model.root;
    const message = rest.message ?? this.message(0);
    return {
      kind: "call",
      byRoot,
      cpu,
      id,
      flags,
      selector,
      rsi: 0n,
      rdx: 0n,
      rax: 0n,
      r8: 0n,
      ...rest,
      message,
    };
  }

  private pdCtrl(cpu: number, domain: Domain, machine: boolean): Call {
    const [rdx, r8] = this.transferPair(machine);
    return this.make(cpu, abi.HC_PD_CTRL, abi.PD_CTRL_DELEGATE, this.selector(domain, "pd"), {
      rsi: this.selector(domain, "pd"),
      rdx,
      rax: this.meta(machine),
      r8,
    });
  }

  private lookup(cpu: number): Call {
    const { random } = this;
    const rsi = random.chance(60)
      ? this.objects()
      : random.chance(70)
        ? this.ports()
        : this.hostile();
    return this.make(cpu, abi.HC_PD_CTRL, abi.PD_CTRL_LOOKUP, 0n, { rsi });
  }

  private create(cpu: number, domain: Domain): Call {
    const { random } = this;
    const to = this.freeSelector(domain);
    const rsi = this.selector(domain, "pd");
    const dice = random.below(100);
    if (dice < 40) {
      const rax = random.chance(10) ? this.selector(domain, "sm") : 0n;
      return this.make(cpu, abi.HC_CREATE_SM, 0, to, { rsi, rdx: BigInt(random.below(4)), rax });
    }
    if (dice < 60) {
      const rdx = this.selector(domain, "ec");
      const r8 = PORTAL_RIP + BigInt(random.below(16));
      return this.make(cpu, abi.HC_CREATE_PT, 0, to, {
        rsi,
        rdx,
        rax: BigInt(random.below(0x80)),
        r8,
      });
    }
    if (dice < 80) {
      const flags = random.chance(30) ? abi.CREATE_EC_GLOBAL : 0;
      const where = random.chance(20) ? abi.CREATE_EC_UTCB_IN_CALLER : 0;
      const odd = random.chance(3) ? abi.CREATE_EC_VCPU : 0;
      const utcb = random.chance(10) ? 0n : this.page() << 12n;
      const on = random.chance(95) ? random.below(this.h.cpus) : random.below(0x1000);
      return this.make(cpu, abi.HC_CREATE_EC, flags | where | odd, to, {
        rsi,
        rdx: utcb | BigInt(on),
        r8: BigInt(EVENTS + on * EVENT_BLOCK),
      });
    }
    if (dice < 90) {
      const rax = random.chance(92) ? (500n << 12n) | 1n : this.hostile() & ~0xffn;
      return this.make(cpu, abi.HC_CREATE_SC, 0, to, {
        rsi,
        rdx: this.selector(domain, "ec"),
        rax,
      });
    }
    const rax = random.chance(20) ? BigInt(random.below(256)) : 0n;
    const rdx = random.chance(70) ? this.objects() : this.hostile();
    return this.make(cpu, abi.HC_CREATE_PD, random.below(4), to, { rsi, rdx, rax });
  }

  private revoke(cpu: number, domain: Domain): Call {
    const { random } = this;
    const kind = random.below(10);
    let rsi = this.objects();
    if (kind > 5) rsi = kind > 7 ? this.pages(false) : this.ports();
    if (random.chance(1)) rsi = this.hostile();
    const self = random.chance(50) ? abi.REVOKE_SELF : 0;
    const done = random.chance(30) ? this.selector(domain, "sm") : 0n;
    const remote = random.chance(10) ? abi.REVOKE_REMOTE : 0;
    return this.make(cpu, abi.HC_REVOKE, self | remote, done, {
      rsi,
      rdx: this.selector(domain, "pd"),
    });
  }

  private semaphore(cpu: number, domain: Domain, mayBlock: boolean): Call {
    const { random, h } = this;
    const selector = this.selector(domain, "sm");
    const sm = h.model.find(domain, selector, "sm", 0) as SmItem | undefined;
    let flags = random.below(2);
    if (flags === abi.SM_CTRL_DOWN && sm?.counter === 0n && (!mayBlock || random.chance(60)))
      flags = 0;
    if (random.chance(20)) flags |= abi.SM_CTRL_ZERO;
    const deadline = random.chance(85) ? h.m.tsc + BigInt(random.below(3_000_000)) : 0n;
    return this.make(cpu, abi.HC_SM_CTRL, flags, selector, {
      rsi: deadline >> 32n,
      rdx: deadline & 0xffff_ffffn,
    });
  }

  private portalCall(cpu: number, ec: EcItem, mayWait: boolean): Call {
    const { random, h } = this;
    const selector = this.selector(ec.domain, "pt");
    const pt = h.model.find(ec.domain, selector, "pt", 0) as PtItem | undefined;
    const isFree = pt !== undefined && h.view.field(pt.ec.address, "cont") === CONT_RECEIVE;
    // What a busy handler gets later is not known now: a caller that waits sends words alone.
    const flags = mayWait && random.chance(30) ? 0 : abi.CALL_NONBLOCKING;
    const items = flags === 0 && !isFree ? 0 : random.below(4);
    return this.make(cpu, abi.HC_CALL, flags, selector, { message: this.message(items) });
  }

  private domainCall(cpu: number, ec: EcItem): Call {
    const { random } = this;
    const { domain } = ec;
    if (domain.foreign && random.chance(15)) {
      const message = { ...this.message(0), hypercall: false };
      return this.make(cpu, random.below(256), 0, BigInt(random.below(64)), { message });
    }
    // Handlers answer soon: others wait for them.
    const isHandler = !ec.isGlobal;
    if (isHandler && random.chance(45)) {
      return this.make(cpu, abi.HC_REPLY, 0, 0n, { message: this.message(random.below(3)) });
    }
    const dice = random.below(100);
    if (dice < 24) return this.pdCtrl(cpu, domain, random.chance(10));
    if (dice < 37) return this.revoke(cpu, domain);
    if (dice < 57) return this.portalCall(cpu, ec, !isHandler);
    if (dice < 71) return this.create(cpu, domain);
    if (dice < 79) return this.lookup(cpu);
    if (dice < 88) return this.semaphore(cpu, domain, !isHandler);
    if (dice < 92) {
      return this.make(cpu, abi.HC_PT_CTRL, 0, this.selector(domain, "pt"), {
        rsi: BigInt(random.below(1000)),
      });
    }
    if (dice < 93) return this.make(cpu, abi.HC_SC_CTRL, 0, this.selector(domain, "sc"));
    if (dice < 95) return this.ecCtrl(cpu, this.selector(domain, "ec"));
    if (dice < 96) return this.privileged(cpu);
    if (dice < 97) return this.assignGsi(cpu, domain);
    if (dice < 98) return this.make(cpu, abi.HC_ASSIGN_PCI, 0, this.selector(domain, "pd"));
    // A thread that replies is lost.
    if (dice < 99 && random.chance(3)) return this.make(cpu, abi.HC_REPLY, 0, 0n);
    return this.make(
      cpu,
      16 + random.below(240),
      random.below(16),
      this.hostile() & ((1n << 52n) - 1n),
      {
        rsi: this.hostile(),
        rdx: this.hostile(),
      },
    );
  }

  private ecCtrl(cpu: number, ec: bigint): Call {
    const { random } = this;
    if (random.chance(50)) return this.make(cpu, abi.HC_EC_CTRL, abi.EC_CTRL_RECALL, ec);
    if (random.chance(30)) {
      const domain = this.h.current(cpu)?.domain;
      const other = domain ? this.selector(domain, "ec") : ec;
      const rsi = random.chance(90) ? other : this.hostile();
      return this.make(cpu, abi.HC_EC_CTRL, abi.EC_CTRL_STATE, ec, { rsi });
    }
    // Regions at both ends of user space, and anything.
    const end = BigInt(abi.USER_ADDR) - BigInt(random.below(4)) * 0x1000n;
    const start = random.chance(50) ? end : BigInt(random.below(4)) * 0x1000n;
    const region = random.chance(70) ? start + BigInt(random.below(4)) : this.hostile();
    const args = { rsi: region, rdx: this.hostile() };
    return this.make(cpu, abi.HC_EC_CTRL, abi.EC_CTRL_ENTRY, ec, args);
  }

  /** What is for passthrough domains alone: MSRs, suspend, microcode, and the page for virtual machines. */
  private privileged(cpu: number): Call {
    const { random } = this;
    const dice = random.below(10);
    const rsi = random.chance(30)
      ? this.hostile()
      : random.pick(MICROCODE) + BigInt(random.below(64));
    if (dice < 5) {
      const number = random.chance(90) ? random.pick(MSRS) : random.u32();
      const flags = abi.PD_CTRL_MSR_ACCESS | (random.below(2) * abi.MSR_ACCESS_WRITE);
      return this.make(cpu, abi.HC_PD_CTRL, flags, BigInt(number), { rsi });
    }
    if (dice < 6) {
      const flags = abi.PD_CTRL_MAP_ACCESS_PAGE;
      return this.make(cpu, abi.HC_PD_CTRL, flags, 0n, { rsi: this.pages(false) & 0xfffn });
    }
    // Sleep types; the size of an update.
    const arg1 = random.chance(50) ? BigInt(random.below(0x1010)) : this.hostile();
    const flags = random.below(16);
    return this.make(cpu, abi.HC_MACHINE_CTRL, flags, arg1 & ((1n << 52n) - 1n), { rsi });
  }

  private assignGsi(cpu: number, domain: Domain): Call {
    const rdx = BigInt(
      this.random.chance(90) ? this.random.below(this.h.cpus) : this.random.below(0x1000),
    );
    return this.make(cpu, abi.HC_ASSIGN_GSI, this.random.below(2), this.selector(domain, "sm"), {
      rsi: this.page() << 12n,
      rdx,
      rax: (1n << 64n) - 1n,
    });
  }

  /** The roottask gives machine resources and domains away, and takes back. */
  private rootCall(cpu: number): Operation {
    const { random } = this;
    const { root } = this.h.model;
    const dice = random.below(100);
    if (dice < 12) return { kind: "timer", cpu };
    if (dice < 30) {
      // Between domains, or to a domain, by their selectors.
      const pd = () => BigInt(random.chance(20) ? SELF : slotBase(random.below(SLOTS)));
      const machine = random.chance(60);
      let [rdx, r8] = this.transferPair(machine);
      // Not its own thread: a recall would end the machine.
      if (!machine && crdKind(rdx) === abi.CRD_OBJ) {
        rdx = makeCrd(abi.CRD_OBJ, this.playSelector(), random.below(4), this.permissions());
      }
      return this.make(cpu, abi.HC_PD_CTRL, abi.PD_CTRL_DELEGATE, machine ? BigInt(SELF) : pd(), {
        rsi: pd(),
        rdx,
        rax: this.meta(machine),
        r8,
      });
    }
    if (dice < 45) {
      // A domain gets another one's domain, thread or service.
      const other = slotBase(random.below(SLOTS));
      const what = random.pick([0, 1, 2, 3, 4, SERVICES, SERVICES + 1]);
      return this.make(cpu, abi.HC_PD_CTRL, abi.PD_CTRL_DELEGATE, BigInt(SELF), {
        rsi: BigInt(slotBase(random.below(SLOTS))),
        rdx: makeCrd(abi.CRD_OBJ, other + what, 0, this.permissions()),
        rax: 1n,
        r8: makeCrd(abi.CRD_OBJ, this.playSelector(), 0, ALL),
      });
    }
    if (dice < 60) {
      const to = this.freeSelector(root) & 0x3ffn;
      return this.make(cpu, abi.HC_CREATE_SM, 0, to, {
        rsi: BigInt(SELF),
        rdx: BigInt(random.below(4)),
      });
    }
    if (dice < 75) {
      const kind = random.below(3);
      let rsi = makeCrd(abi.CRD_OBJ, this.playSelector(), random.below(4), this.permissions());
      if (kind === 1) rsi = this.ports();
      if (kind === 2) rsi = this.pages(false);
      return this.make(cpu, abi.HC_REVOKE, random.below(2), 0n, { rsi });
    }
    if (dice < 90) return this.lookup(cpu);
    return this.semaphore(cpu, root, false);
  }
}
