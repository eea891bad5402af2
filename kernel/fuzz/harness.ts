// Runs operations on the kernel and compares everything they say and change with the model: status and
// results, capabilities, pages through the TLBs, ports through the TSS, portal entries, counters.

import * as abi from "../abi.ts";
import { WINDOW } from "../asm/index.ts";
import { EXIT_SYSRET } from "../layout.ts";
import { IA32_BIOS_UPDT_TRIG } from "../msr_number.ts";
import {
  type Hardware,
  HPET_BASE,
  Idle,
  Machine,
  PCI_CONFIG,
  PCI_CONFIG_BYTES,
  rootElf,
} from "../testing/machine.ts";
import { ARENAS, KEPT, UNKNOWN } from "./memory.ts";
import {
  crdKind,
  Domain,
  type EcItem,
  type Item,
  Model,
  makeCrd,
  ORIGINAL_PERMISSIONS,
  type PdItem,
  type PtItem,
  type ScItem,
  type SmItem,
  type Type,
} from "./model.ts";
import type { Call, Operation } from "./operation.ts";
import { type Answer, Msrs, machineControl } from "./privileged.ts";
import { Tlbs } from "./tlb.ts";
import {
  CONT_DEAD,
  CONT_HYPERCALL,
  CONT_IRET,
  CONT_RECEIVE,
  CONT_RECV_ITEMS,
  CONT_SYSRET,
  View,
} from "./view.ts";

/** What the kernel did is not what the interface says. */
export class Mismatch extends Error {}

/** User addresses that calls return to and portals begin at. */
const USER_RIP = 0x40_0000n;
export const PORTAL_RIP = 0x41_0000n;
const NO_VALUE = -1;
/** Bytes of an update of microcode in front of what the CPU gets the address of, Intel SDM vol. 3A, 9.11.1. */
const MICROCODE_HEADER = 48n;
/** Interrupts that come by pins of the IOAPIC; the others are messages. */
const PINS = 24;
/** Selectors where most things happen; full comparisons look at all. */
export const PLAY_END = 0x400;
const TYPES: Type[] = ["pd", "ec", "sc", "pt", "sm"];
/** Untouched words of every UTCB: beyond the longest message, in front of the typed items. */
const CANARY_FIRST = 0x400;
const CANARY_END = 0xe00;
/** Steps between comparisons of everything, and between audits of the kernel's pages. */
const FULL_CHECK_EVERY = 256;
const AUDIT_EVERY = 4096;

const NAMES = Object.entries(abi).flatMap(([name, id]): [number, string][] =>
  name.startsWith("HC_") ? [[id as number, name.slice(3).toLowerCase()]] : [],
);
const HYPERCALL_NAMES = new Map(NAMES);
const PD_CTRL_NAMES = ["lookup", "access page", "delegate"];
const STATUS_NAMES = "SUCCESS TIMEOUT ABORT BAD_HYP BAD_CAP BAD_PAR BAD_FTR BAD_CPU BAD_DEV".split(
  " ",
);

/** What docs/kernel-interface.md calls a hypercall: those that do several things have a name for each. */
function nameOf({ id, flags }: Call, status: number): string {
  const name = HYPERCALL_NAMES.get(id) ?? "unknown hypercall";
  if (id === abi.HC_PD_CTRL) {
    const access = flags & abi.MSR_ACCESS_WRITE ? "MSR write" : "MSR read";
    return `${name} ${PD_CTRL_NAMES[flags & 3] ?? access}`;
  }
  if (id === abi.HC_SM_CTRL) return `${name} ${flags & 1 ? "down" : "up"}`;
  if (id !== abi.HC_MACHINE_CTRL || status === abi.BAD_CAP) return name;
  return (flags & 3) > 1 ? name : `${name} ${flags & 3 ? "microcode" : "suspend"}`;
}

/** What a system call must come to. Fields that are missing are not known beforehand. */
interface Expected {
  status?: number;
  rsi?: bigint;
  rdx?: bigint;
  rax?: bigint;
  /** Learns what the kernel has made. */
  after?: () => void;
}

/** Why an EC is not back from its system call. */
interface Pending {
  statuses: number[];
}

export class Harness {
  readonly m: Machine;
  readonly view: View;
  readonly model = new Model();
  readonly tlbs: Tlbs;
  readonly cpus: number;
  /** By the address of the kernel's object. */
  readonly ecs = new Map<number, EcItem>();
  private readonly pending = new Map<EcItem, Pending>();
  private readonly idle: boolean[];
  private readonly canaries = new Map<EcItem, number>();
  hypercalls = 0;
  /** Hypercalls by status, and by number with the share of successes. */
  readonly statuses = new Map<number, number>();
  readonly byId = new Map<number, { calls: number; good: number }>();
  /** Hypercalls with their statuses, by the names of docs/kernel-interface.md. */
  readonly answers = new Set<string>();
  steps = 0;
  /** When each EC last had the CPU, in steps. */
  readonly lastRan = new Map<EcItem, number>();
  private readonly msrs = new Msrs();
  private probe = 1;
  private hadWindow = false;
  /** A long operation has let another thread run before its end: the model is ahead of the kernel, the run over. */
  interrupted = false;

  static async boot(hardware: Hardware): Promise<Harness> {
    const m = await Machine.boot(rootElf(), undefined, [], hardware);
    return new Harness(m, hardware);
  }

  private constructor(m: Machine, hardware: Hardware) {
    this.m = m;
    this.view = new View(m);
    m.safeMsrs = new Map(this.msrs.values);
    this.cpus = hardware.cpus ?? 1;
    this.tlbs = new Tlbs(this.cpus, hardware.pcid ?? false);
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      m.cpu = cpu;
      this.tlbs.load(cpu, m.cr3);
    }
    m.cpu = 0;
    m.onCr3 = (cpu, value) => this.tlbs.load(cpu, value);
    // Every page has its owner in the middle of a long operation, too.
    m.onWindow = () => {
      m.audit();
      this.hadWindow = true;
    };
    this.idle = Array.from({ length: this.cpus }, () => false);
    this.adopt();
    for (let cpu = 1; cpu < this.cpus; cpu++) {
      m.cpu = cpu;
      this.enter(() => m.exports.ap_run());
    }
    m.cpu = 0;
  }

  /** Takes over what the kernel has made while it started. */
  private adopt(): void {
    const { model, view, m } = this;
    const { root, kernel } = model;
    const rootEc = m.ec;
    root.address = view.field(rootEc, "domain");
    kernel.address = view.field(view.field(view.exports.inspect_cpu(0), "idleEc"), "domain");
    const ec: EcItem = {
      type: "ec",
      address: rootEc,
      gone: false,
      domain: root,
      cpu: 0,
      isGlobal: true,
      utcbPage: abi.USER_ADDR / 4096 - 2,
      utcbDomain: root,
    };
    this.ecs.set(rootEc, ec);
    const pd: PdItem = { type: "pd", address: root.address, gone: false, domain: root };
    for (const domain of [root, kernel]) {
      for (const cap of view.caps(domain.address, abi.CRD_OBJ, 0, abi.NUM_SELECTORS)) {
        const type = TYPES[view.field(cap.target, "type")] as Type;
        let item: Item = { type, address: cap.target, gone: false };
        if (item.address === root.address) item = pd;
        if (item.address === rootEc) item = ec;
        if (type === "sc") (item as ScItem).ec = ec;
        if (type === "sm") {
          (item as SmItem).counter = 0n;
          (item as SmItem).gsi = cap.base - abi.NUM_CPU;
        }
        if (cap.attr !== ORIGINAL_PERMISSIONS[type]) throw new Mismatch("permissions at start");
        model.add(domain, cap.base, item);
      }
    }
    const table = view.field(root.address, "pageTable");
    for (const { first, count } of ARENAS) {
      for (let page = first; page < first + count; page++) {
        const { phys, rights } = view.walk(table, page);
        root.memory.set(page, phys, rights);
      }
    }
    model.informationPage = root.memory.get(abi.USER_ADDR / 4096 - 1).phys;
    model.unmapUtcb = (gone) => this.unmapUtcb(gone);
    this.plantCanary(ec);
  }

  // --- UTCBs ---

  private unmapUtcb(ec: EcItem): void {
    const { domain, page, phys } = {
      domain: ec.utcbDomain,
      page: ec.utcbPage,
      phys: this.utcbPhys.get(ec) ?? 0,
    };
    if (domain.memory.get(page).phys !== phys || domain.memory.get(page).rights === 0) return;
    domain.memory.set(page, 0, 0);
    this.model.touchedPages.push({ domain, first: page, count: 1 });
  }

  private readonly utcbPhys = new Map<EcItem, number>();

  private plantCanary(ec: EcItem): void {
    const utcb = this.view.field(ec.address, "utcb");
    this.utcbPhys.set(ec, utcb >>> 12);
    this.canaries.set(ec, utcb);
    for (let at = CANARY_FIRST; at < CANARY_END; at += 4) {
      this.view.words[(utcb + at) >> 2] = (ec.address ^ at) >>> 0;
    }
  }

  private checkCanaries(): void {
    for (const [ec, utcb] of this.canaries) {
      if (ec.gone) {
        this.canaries.delete(ec);
        continue;
      }
      for (let at = CANARY_FIRST; at < CANARY_END; at += 4) {
        if (this.view.words[(utcb + at) >> 2] !== (ec.address ^ at) >>> 0) {
          throw new Mismatch(`a UTCB was written to at 0x${(utcb + at).toString(16)}`);
        }
      }
    }
  }

  // --- Running ---

  /** The EC in user mode on a CPU, undefined while it idles. */
  current(cpu: number): EcItem | undefined {
    if (this.idle[cpu]) return undefined;
    this.m.cpu = cpu;
    return this.ecs.get(this.m.ec);
  }

  /** Its state is not in memory alone; the CPU that is chosen stays the one. */
  private runs(ec: EcItem): boolean {
    const { cpu } = this.m;
    const isCurrent = this.current(ec.cpu) === ec;
    this.m.cpu = cpu;
    return isCurrent;
  }

  isIdle(cpu: number): boolean {
    return this.idle[cpu] ?? false;
  }

  /** Enters the kernel on the CPU chosen; an idle kernel is left where it waits. */
  private enter(entry: () => number): void {
    const { m } = this;
    const { cpu } = m;
    this.hadWindow = false;
    try {
      m.exit = entry();
      this.idle[cpu] = false;
      this.arrived(cpu);
    } catch (error) {
      if (!(error instanceof Idle)) throw error;
      this.idle[cpu] = true;
    }
    if (this.hadWindow && this.isOperationUnderWay()) this.interrupted = true;
  }

  private isOperationUnderWay(): boolean {
    for (const address of this.ecs.keys()) {
      const cont = this.view.field(address, "cont");
      if (cont === CONT_HYPERCALL || cont === CONT_RECV_ITEMS) return true;
    }
    return false;
  }

  /** User code runs: whoever it is has to be known, and back with a status it may have. */
  private arrived(cpu: number): void {
    const ec = this.current(cpu);
    if (ec === undefined)
      throw new Mismatch(
        `an EC runs that was never created, on CPU ${cpu}, at 0x${this.m.ec.toString(16)}`,
      );
    if (ec.cpu !== cpu) throw new Mismatch("an EC runs on another CPU than its own");
    this.lastRan.set(ec, this.steps);
    const pending = this.pending.get(ec);
    if (pending === undefined) return;
    this.pending.delete(ec);
    // A recall on the way back: its handler may have changed the registers.
    if (this.m.exit !== EXIT_SYSRET) return;
    const status = Number(this.m.get("rdi") & 0xffn);
    if (!pending.statuses.includes(status)) {
      throw new Mismatch(`status ${status} after waiting, expected one of ${pending.statuses}`);
    }
  }

  /** Interrupts that other CPUs have sent. */
  private deliver(cpu: number): void {
    const { m } = this;
    m.cpu = cpu;
    for (let vector = m.pendingInterrupt(); vector !== undefined; vector = m.pendingInterrupt()) {
      this.interrupt(cpu, vector);
    }
  }

  private interrupt(cpu: number, vector: number): void {
    const { m } = this;
    m.cpu = cpu;
    if (this.idle[cpu]) {
      m.interruptIdle(vector);
      this.enter(() => m.exports.ap_run());
    } else this.enter(() => m.trap(vector));
  }

  /** Does one step; false if it is not possible now. Throws `Mismatch`, or what the kernel trapped with. */
  step(operation: Operation): boolean {
    const { m } = this;
    this.steps++;
    const cpu = operation.kind === "spawn" ? 0 : operation.cpu;
    if (cpu >= this.cpus) return false;
    this.deliver(cpu);
    m.cpu = cpu;
    const done = this.perform(operation, cpu);
    if (!this.interrupted) this.check(cpu);
    return done;
  }

  private perform(operation: Operation, cpu: number): boolean {
    const { m } = this;
    switch (operation.kind) {
      case "timer":
        if (m.deadline === 0n) return false;
        if (m.tsc < m.deadline) m.tsc = m.deadline;
        this.interrupt(cpu, 224);
        return true;
      case "gsi": {
        const sm = this.model.kernel.objects.caps.get(abi.NUM_CPU + operation.gsi);
        if (sm === undefined) return false;
        this.up(sm.target as SmItem);
        this.interrupt(cpu, 32 + operation.gsi);
        this.checkCounter(sm.target as SmItem);
        return true;
      }
      case "trap":
        if (this.isRoot(this.current(cpu)) !== false) return false;
        m.faultAddress = operation.address;
        this.enter(() => m.trap(operation.vector, operation.error));
        return true;
      case "spawn": {
        const root = this.current(0);
        if (root?.domain !== this.model.root) return false;
        this.spawn(operation.slot);
        return true;
      }
      case "call": {
        const ec = this.current(cpu);
        if (ec === undefined || this.isRoot(ec) !== operation.byRoot) return false;
        // Without the roottask nothing goes on.
        if (operation.byRoot && this.mayBlock(ec, operation)) return false;
        this.call(ec, operation);
        return true;
      }
    }
  }

  private mayBlock(ec: EcItem, call: Call): boolean {
    if (call.id !== abi.HC_SM_CTRL || (call.flags & 1) === abi.SM_CTRL_UP) return false;
    const sm = this.model.find(ec.domain, call.selector, "sm", 0) as SmItem | undefined;
    return sm !== undefined && (sm.counter === 0n || sm.hasSignals === true);
  }

  private isRoot(ec: EcItem | undefined): boolean | undefined {
    return ec && ec.domain === this.model.root;
  }

  /** A system call of `ec`, which runs on the CPU chosen. */
  call(ec: EcItem, call: Call): void {
    const { m, view } = this;
    this.hypercalls++;
    const utcb = view.field(ec.address, "utcb");
    if (utcb !== 0) this.writeMessage(utcb, call);
    if (call.id === abi.HC_REPLY) this.count(call, abi.SUCCESS);
    const isForeign = ec.domain.foreign && !call.message.hypercall;
    const expected = isForeign ? {} : this.predict(ec, call);
    const rdi = (call.selector << 12n) | BigInt((call.flags << 8) | call.id);
    const { rsi, rdx, rax, r8 } = call;
    m.set({ rdi, rsi, rdx, rax, r8, rcx: USER_RIP, r11: 0x1000n });
    this.enter(() => m.enter());
    if (this.interrupted) return;
    const seen = Number(view.register(ec.address, "rdi") & 0xffn);
    expected.after?.();
    if (expected.status !== undefined && (!ec.gone || this.current(m.cpu) === ec)) {
      this.count(call, expected.status);
      if (seen !== expected.status) {
        throw new Mismatch(`status ${seen}, expected ${expected.status}`);
      }
      for (const register of ["rsi", "rdx", "rax"] as const) {
        const wanted = expected[register];
        const value = view.register(ec.address, register);
        if (wanted !== undefined && wanted !== value) {
          throw new Mismatch(
            `${register} 0x${value.toString(16)}, expected 0x${wanted.toString(16)}`,
          );
        }
      }
    }
  }

  private count(call: Call, status: number): void {
    const { id } = call;
    this.answers.add(`${nameOf(call, status)} ${STATUS_NAMES[status]}`);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const entry = this.byId.get(id) ?? { calls: 0, good: 0 };
    entry.calls++;
    if (status === abi.SUCCESS) entry.good++;
    this.byId.set(id, entry);
  }

  private writeMessage(utcb: number, { message }: Call): void {
    const { view } = this.m;
    view.setUint32(utcb, message.hypercall ? 1 : 0, true);
    view.setUint32(utcb + abi.UTCB_ITEMS, (message.typed.length << 16) | message.words, true);
    view.setBigUint64(utcb + abi.UTCB_XLT, message.translateWindow, true);
    view.setBigUint64(utcb + abi.UTCB_DEL, message.delegateWindow, true);
    view.setBigUint64(utcb + abi.UTCB_MTD, message.mtd, true);
    for (const [i, [crd, meta]] of message.typed.entries()) {
      view.setBigUint64(utcb + abi.UTCB_XFER - 16 * i, crd, true);
      view.setBigUint64(utcb + abi.UTCB_XFER - 16 * i + 8, BigInt.asUintN(64, meta), true);
    }
  }

  // --- What must come of a system call ---

  private free(domain: Domain, selector: bigint): boolean {
    return (
      selector < BigInt(abi.NUM_SELECTORS) &&
      domain.objects.caps.get(Number(selector)) === undefined
    );
  }

  private predict(ec: EcItem, call: Call): Expected {
    const { model } = this;
    const { domain } = ec;
    const { selector, flags, rsi, rdx, rax, r8 } = call;
    const find = (sel: bigint, type: Type, permissions: number) =>
      model.find(domain, sel, type, permissions);
    switch (call.id) {
      case abi.HC_CALL:
        return this.predictCall(ec, call);
      case abi.HC_REPLY:
        return this.predictReply(ec, call);
      case abi.HC_CREATE_PD: {
        if (!find(rsi, "pd", abi.PERM_PD_CREATE) || !this.free(domain, selector)) {
          return { status: abi.BAD_CAP };
        }
        const created = new Domain(`pd${this.steps}`);
        const parent = (find(rsi, "pd", abi.PERM_PD_CREATE) as PdItem).domain;
        created.passthrough = parent.passthrough && (flags & abi.CREATE_PD_PASSTHROUGH) !== 0;
        created.foreign = (rax & 1n) !== 0n;
        created.portalBase = rax >> 1n;
        const item: PdItem = { type: "pd", address: 0, gone: false, domain: created };
        model.add(domain, Number(selector), item);
        model.delegate(created, domain, makeCrd(abi.CRD_OBJ, 0, 31, 31), rdx, 0, 0n);
        const after = () => {
          item.address = this.objectAt(domain, selector, "pd");
          created.address = item.address;
        };
        return { status: abi.SUCCESS, after };
      }
      case abi.HC_CREATE_EC:
        return this.predictCreateEc(domain, call);
      case abi.HC_CREATE_SC: {
        const target = find(rdx, "ec", abi.PERM_EC_CREATE_SC) as EcItem | undefined;
        if (!find(rsi, "pd", abi.PERM_PD_CREATE) || !target?.isGlobal)
          return { status: abi.BAD_CAP };
        const prio = Number(rax & 0xffn);
        const quantum = Number((rax >> 12n) & 0xffff_ffffn);
        if (prio === 0 || prio >= abi.NUM_PRIORITIES || quantum === 0) {
          return { status: abi.BAD_PAR };
        }
        if (!this.free(domain, selector)) return { status: abi.BAD_CAP };
        const item: ScItem = { type: "sc", address: 0, gone: false, ec: target };
        return this.creates(domain, selector, item);
      }
      case abi.HC_CREATE_PT: {
        const handler = find(rdx, "ec", abi.PERM_EC_CREATE_PT) as EcItem | undefined;
        if (!find(rsi, "pd", abi.PERM_PD_CREATE) || handler === undefined || handler.isGlobal) {
          return { status: abi.BAD_CAP };
        }
        if (!this.free(domain, selector)) return { status: abi.BAD_CAP };
        const item: PtItem = { type: "pt", address: 0, gone: false, ec: handler, id: 0n, ip: r8 };
        return this.creates(domain, selector, item);
      }
      case abi.HC_CREATE_SM: {
        if (!find(rsi, "pd", abi.PERM_PD_CREATE)) return { status: abi.BAD_CAP };
        const bound = find(rax, "sm", abi.PERM_SM_UP) as SmItem | undefined;
        const isSignal = rax !== 0n;
        if (isSignal && (bound === undefined || bound.isSignal)) return { status: abi.BAD_CAP };
        if (!this.free(domain, selector)) return { status: abi.BAD_CAP };
        if (isSignal && bound !== undefined) bound.hasSignals = true;
        const item: SmItem = { type: "sm", address: 0, gone: false, counter: rdx, isSignal };
        return this.creates(domain, selector, item);
      }
      case abi.HC_REVOKE: {
        let from: Domain | undefined = domain;
        if (flags & abi.REVOKE_REMOTE) {
          from = (find(rdx, "pd", 0) as PdItem | undefined)?.domain;
          if (from === undefined) return { status: abi.BAD_CAP };
        }
        model.revoke(from, rsi, (flags & abi.REVOKE_SELF) !== 0);
        // A semaphore that is left is told that it is done.
        const done = find(selector, "sm", abi.PERM_SM_UP) as SmItem | undefined;
        if (done === undefined) return { status: abi.SUCCESS };
        this.up(done);
        return { status: abi.SUCCESS, after: () => this.checkCounter(done) };
      }
      case abi.HC_PD_CTRL:
        return this.predictPdCtrl(domain, call);
      case abi.HC_EC_CTRL: {
        const target = find(selector, "ec", abi.PERM_EC_CTRL) as EcItem | undefined;
        if ((flags & 3) === abi.EC_CTRL_ENTRY) {
          const pages = rsi & BigInt(abi.ENTRY_PAGES_MASK);
          const isInside = rsi - pages + pages * 0x1000n <= BigInt(abi.USER_ADDR);
          const isTaken = target?.domain.foreign === true && isInside;
          return { status: isTaken ? abi.SUCCESS : abi.BAD_PAR };
        }
        if ((flags & 3) === abi.EC_CTRL_STATE) {
          const source = find(rsi, "ec", abi.PERM_EC_CTRL) as EcItem | undefined;
          const bothSaved = [target, source].every((each) => each && !this.runs(each));
          return { status: bothSaved ? abi.SUCCESS : abi.BAD_PAR };
        }
        return { status: target ? abi.SUCCESS : abi.BAD_CAP };
      }
      case abi.HC_SC_CTRL:
        return { status: find(selector, "sc", abi.PERM_SC_CTRL) ? abi.SUCCESS : abi.BAD_CAP };
      case abi.HC_PT_CTRL: {
        const pt = find(selector, "pt", abi.PERM_PT_CTRL) as PtItem | undefined;
        if (pt === undefined) return { status: abi.BAD_CAP };
        pt.id = rsi;
        return { status: abi.SUCCESS };
      }
      case abi.HC_SM_CTRL:
        return this.predictSmCtrl(ec, call);
      case abi.HC_ASSIGN_GSI: {
        if ((rdx & 0xffff_ffffn) >= BigInt(this.cpus)) return { status: abi.BAD_CPU };
        const sm = find(selector, "sm", 0) as SmItem | undefined;
        if (sm?.gsi === undefined) return { status: abi.BAD_CAP };
        if (sm.gsi < PINS) return { status: abi.SUCCESS, rsi: 0n, rdx: 0n };
        return this.predictMessageInterrupt(domain, sm.gsi, rsi, rdx & 0xffff_ffffn);
      }
      case abi.HC_ASSIGN_PCI:
        return { status: find(selector, "pd", 0) ? abi.BAD_DEV : abi.BAD_CAP };
      case abi.HC_MACHINE_CTRL:
        if (!domain.passthrough) return { status: abi.BAD_CAP };
        return this.privileged(() => {
          const answer = machineControl(flags, selector, rsi);
          if (answer.status === abi.SUCCESS) {
            this.msrs.values.set(IA32_BIOS_UPDT_TRIG, WINDOW + rsi + MICROCODE_HEADER);
          }
          return answer;
        }, rsi);
      default:
        return { status: abi.BAD_HYP };
    }
  }

  /** What a passthrough domain does to the machine; the machine's registers are those of the model then. */
  private privileged(predict: () => Answer, rsi: bigint): Expected {
    const answer = predict();
    const after = () => {
      for (const [number, value] of this.m.safeMsrs) {
        if (this.msrs.values.get(number) !== value) {
          throw new Mismatch(`MSR 0x${number.toString(16)} is 0x${value.toString(16)}`);
        }
      }
    };
    return { rsi, ...answer, after };
  }

  private objectAt(domain: Domain, selector: bigint, type: Type): number {
    for (const cap of this.view.caps(
      domain.address,
      abi.CRD_OBJ,
      Number(selector),
      Number(selector) + 1,
    )) {
      if (TYPES[this.view.field(cap.target, "type")] === type) return cap.target;
    }
    throw new Mismatch(`a new ${type} is not where it was to be`);
  }

  private creates(domain: Domain, selector: bigint, item: Item): Expected {
    this.model.add(domain, Number(selector), item);
    const after = () => {
      item.address = this.objectAt(domain, selector, item.type);
    };
    return { status: abi.SUCCESS, after };
  }

  private predictCreateEc(domain: Domain, call: Call): Expected {
    const { model } = this;
    const { selector, flags, rsi, rdx } = call;
    const cpu = Number(rdx & 0xfffn);
    const page = Number(rdx >> 12n);
    if (cpu >= this.cpus) return { status: abi.BAD_CPU };
    if (flags & abi.CREATE_EC_VCPU) return { status: abi.BAD_FTR };
    const pd = model.find(domain, rsi, "pd", abi.PERM_PD_CREATE) as PdItem | undefined;
    if (pd === undefined) return { status: abi.BAD_CAP };
    if (page >= abi.USER_ADDR / 4096) return { status: abi.BAD_PAR };
    if (!this.free(domain, selector)) return { status: abi.BAD_CAP };
    const item: EcItem = {
      type: "ec",
      address: 0,
      gone: false,
      domain: pd.domain,
      cpu,
      isGlobal: (flags & abi.CREATE_EC_GLOBAL) !== 0,
      utcbPage: page,
      utcbDomain: flags & abi.CREATE_EC_UTCB_IN_CALLER ? domain : pd.domain,
    };
    model.add(domain, Number(selector), item);
    const after = () => {
      item.address = this.objectAt(domain, selector, "ec");
      const old = this.ecs.get(item.address);
      if (old !== undefined) this.pending.delete(old);
      this.ecs.set(item.address, item);
      this.plantCanary(item);
      if (page !== 0) model.mapUtcb(item.utcbDomain, page, this.utcbPhys.get(item) ?? 0);
    };
    return { status: abi.SUCCESS, after };
  }

  /** Who has a device's configuration page may let it interrupt a CPU by a message, Intel SDM vol. 3A, 11.11. */
  private predictMessageInterrupt(
    domain: Domain,
    gsi: number,
    address: bigint,
    cpu: bigint,
  ): Expected {
    if (address >> 47n !== 0n) return { status: abi.BAD_DEV };
    const { phys, rights } = domain.memory.get(Number(address >> 12n));
    if (rights === UNKNOWN) return {};
    const isConfig = phys >= PCI_CONFIG / 4096 && phys < (PCI_CONFIG + PCI_CONFIG_BYTES) / 4096;
    if (rights === 0 || !(isConfig || phys === HPET_BASE / 4096)) return { status: abi.BAD_DEV };
    const rsi = 0xfee0_0000n | (cpu << 12n);
    return { status: abi.SUCCESS, rsi, rdx: (rsi << 32n) | BigInt(32 + gsi) };
  }

  private predictPdCtrl(domain: Domain, call: Call): Expected {
    const { model } = this;
    const { selector, flags, rsi, rdx, rax, r8 } = call;
    if ((flags & 3) === abi.PD_CTRL_LOOKUP) {
      const kind = crdKind(rsi);
      if (kind === abi.CRD_NULL || kind === abi.CRD_MEM) return { status: abi.SUCCESS, rsi: 0n };
      const base = rsi >> 12n;
      const cap =
        base < BigInt(abi.NUM_SELECTORS) ? domain.space(kind).at(Number(base)) : undefined;
      const found = cap === undefined ? 0n : makeCrd(kind, cap.base, cap.order, cap.attr);
      return { status: abi.SUCCESS, rsi: found };
    }
    if ((flags & 3) === abi.PD_CTRL_MSR_ACCESS) {
      if (!domain.passthrough) return { status: abi.BAD_CAP };
      const number = Number(selector & 0xffff_ffffn);
      const { msrs } = this;
      const isWrite = (flags & abi.MSR_ACCESS_WRITE) !== 0;
      return this.privileged(() => (isWrite ? msrs.write(number, rsi) : msrs.read(number)), rsi);
    }
    if ((flags & 3) === abi.PD_CTRL_MAP_ACCESS_PAGE) {
      const right =
        crdKind(rsi) === abi.CRD_MEM && (rsi & 0xffcn) === BigInt((abi.MEM_R | abi.MEM_W) << 2);
      return { status: right ? abi.BAD_FTR : abi.BAD_PAR };
    }
    const from = (model.find(domain, selector, "pd", 0) as PdItem | undefined)?.domain;
    const to = (model.find(domain, rsi, "pd", 0) as PdItem | undefined)?.domain;
    if (from === undefined || to === undefined) return { status: abi.BAD_CAP };
    const [crd, meta] = model.transfer(to, from, r8, r8, rdx, rax);
    return { status: abi.SUCCESS, rdx: crd, rax: meta };
  }

  /** Unless an EC waits for it. That is asked of the semaphore: an EC that had waited may be gone, its memory another's. */
  private up(sm: SmItem): void {
    if (this.view.field(sm.address, "waiting") === 0) {
      sm.counter = BigInt.asUintN(64, sm.counter + 1n);
    }
  }

  private checkCounter(sm: SmItem): void {
    if (sm.gone || sm.isSignal || sm.hasSignals) return;
    const counter = this.view.wide(sm.address, "counter");
    if (counter !== sm.counter) throw new Mismatch(`counter ${counter}, expected ${sm.counter}`);
  }

  private predictSmCtrl(ec: EcItem, call: Call): Expected {
    const operation = call.flags & 1;
    const sm = this.model.find(ec.domain, call.selector, "sm", 1 << operation) as
      | SmItem
      | undefined;
    if (sm === undefined) return { status: abi.BAD_CAP };
    const after = () => this.checkCounter(sm);
    if (operation === abi.SM_CTRL_UP) {
      this.up(sm);
      return { status: abi.SUCCESS, after };
    }
    if (sm.isSignal) return { status: abi.BAD_CAP };
    if (sm.counter !== 0n && !sm.hasSignals) {
      sm.counter = call.flags & abi.SM_CTRL_ZERO ? 0n : sm.counter - 1n;
      return { status: abi.SUCCESS, after };
    }
    this.pending.set(ec, { statuses: [abi.SUCCESS, abi.TIMEOUT, abi.BAD_CAP] });
    return { after };
  }

  // --- Messages ---

  private moveItems(
    from: EcItem,
    to: Domain,
    call: Call,
    xlt: bigint,
    del: bigint,
  ): [bigint, bigint][] {
    return call.message.typed.map(([crd, meta]) =>
      this.model.transfer(to, from.domain, xlt, del, crd, BigInt.asUintN(64, meta)),
    );
  }

  private windows(utcb: number): [bigint, bigint] {
    const { view } = this.m;
    return [
      view.getBigUint64(utcb + abi.UTCB_XLT, true),
      view.getBigUint64(utcb + abi.UTCB_DEL, true),
    ];
  }

  private checkItems(utcb: number, wanted: [bigint, bigint][]): void {
    for (const [i, [crd, meta]] of wanted.entries()) {
      const at = utcb + abi.UTCB_XFER - 16 * i;
      const seen = this.m.view.getBigUint64(at, true);
      const told = this.m.view.getBigUint64(at + 8, true);
      if (seen !== crd || told !== meta) {
        throw new Mismatch(
          `item ${i}: 0x${seen.toString(16)} 0x${told.toString(16)}, expected 0x${crd.toString(16)} 0x${meta.toString(16)}`,
        );
      }
    }
  }

  private predictCall(ec: EcItem, call: Call): Expected {
    const { view } = this;
    const pt = this.model.find(ec.domain, call.selector, "pt", 0) as PtItem | undefined;
    if (pt === undefined) return { status: abi.BAD_CAP };
    const callee = pt.ec;
    if (callee.cpu !== ec.cpu) return { status: abi.BAD_CPU };
    const cont = view.field(callee.address, "cont");
    // One that is repeated may find another portal under the selector, of another CPU.
    const statuses = [abi.SUCCESS, abi.ABORT, abi.TIMEOUT, abi.BAD_CAP, abi.BAD_CPU];
    if (cont === CONT_RECEIVE) {
      const utcb = view.field(callee.address, "utcb");
      const items = this.moveItems(ec, callee.domain, call, ...this.windows(utcb));
      this.pending.set(ec, { statuses });
      const { id, ip } = pt;
      return {
        after: () => {
          this.checkItems(utcb, items);
          this.count(call, abi.SUCCESS);
          // It may be preempted before its first instruction; its registers are those of the portal.
          if (view.register(callee.address, "rdi") !== id) throw new Mismatch("portal id");
          const rip = view.register(callee.address, "rcx");
          if (rip !== ip) throw new Mismatch(`a portal leads to 0x${rip.toString(16)}`);
        },
      };
    }
    if (call.flags & abi.CALL_NONBLOCKING || cont === CONT_DEAD) return { status: abi.TIMEOUT };
    this.pending.set(ec, { statuses });
    return {};
  }

  private predictReply(ec: EcItem, call: Call): Expected {
    const { view } = this;
    const address = view.field(ec.address, "caller");
    const caller = this.ecs.get(address);
    if (address === 0 || caller === undefined || call.message.typed.length === 0) return {};
    const cont = view.field(address, "cont");
    const utcb = view.field(address, "utcb");
    if (cont === CONT_SYSRET) {
      const items = this.moveItems(ec, caller.domain, call, ...this.windows(utcb));
      // A caller whose time is over is gone by now.
      const after = () => {
        if (this.current(this.m.cpu) === caller) this.checkItems(utcb, items);
      };
      return { after };
    }
    const page = cont === CONT_IRET ? Number(view.register(address, "cr2") >> 12n) : 0;
    this.moveItems(ec, caller.domain, call, 0n, makeCrd(abi.CRD_MEM, page, 31, 31));
    return {};
  }

  // --- What has to be true now ---

  private check(cpu: number): void {
    for (const domain of this.model.touched) this.checkCaps(domain, PLAY_END);
    for (const { domain, first, count } of this.model.touchedPages) {
      this.checkPages(domain, first, count);
    }
    this.model.touched.clear();
    this.model.touchedPages = [];
    this.touch(cpu);
    if (this.steps % FULL_CHECK_EVERY === 0) this.checkAll();
    if (this.steps % AUDIT_EVERY === 0) this.m.audit();
  }

  /** Domains that exist: somebody holds a capability for them. */
  *domains(): Generator<Domain> {
    yield this.model.root;
    const seen = new Set<Domain>();
    const open = [this.model.root];
    for (let domain = open.pop(); domain !== undefined; domain = open.pop()) {
      for (const cap of domain.objects.caps.values()) {
        const item = cap.target as Item;
        if (item.type !== "pd") continue;
        const inner = (item as PdItem).domain;
        if (seen.has(inner) || inner === this.model.root) continue;
        seen.add(inner);
        open.push(inner);
        yield inner;
      }
    }
  }

  /** Where the pattern in free memory has been found damaged, 0 for nowhere. */
  strayWrite(): number {
    return this.view.exports.stray_at?.() ?? 0;
  }

  /** After the end of all domains: nothing of them is left. */
  checkNothingIsLeft(): void {
    const utcbs = this.m.audit().get("UTCB");
    if (utcbs !== 1) throw new Mismatch(`${utcbs} threads are left when all domains are gone`);
  }

  /** Compares everything there is. */
  checkAll(): void {
    for (const domain of this.domains()) this.checkDomain(domain);
    this.checkCanaries();
    this.view.exports.check_free_pages?.();
    for (let cpu = 0; cpu < this.cpus; cpu++) this.checkPorts(cpu);
  }

  /** Compares everything a domain has, whether or not anything was to change. */
  checkDomain(domain: Domain): void {
    this.checkCaps(domain, abi.NUM_SELECTORS);
    this.checkAllPages(domain);
  }

  private checkCaps(domain: Domain, end: number): void {
    if (domain.isKernel || domain.address === 0) return;
    // One whose capability is gone may have been taken apart.
    if (domain.gone) return;
    for (const kind of [abi.CRD_OBJ, abi.CRD_PIO]) {
      const { caps } = domain.space(kind);
      let real = 0;
      for (const cap of this.view.caps(
        domain.address,
        kind,
        0,
        kind === abi.CRD_PIO ? 0x1_0000 : end,
      )) {
        real++;
        const wanted = caps.get(cap.base);
        const target =
          typeof wanted?.target === "number" ? wanted.target : (wanted?.target.address ?? NO_VALUE);
        if (
          wanted === undefined ||
          wanted.order !== cap.order ||
          wanted.attr !== cap.attr ||
          target !== cap.target
        ) {
          throw new Mismatch(
            `${domain.name} holds ${kind === abi.CRD_PIO ? "port" : "selector"} 0x${cap.base.toString(16)}, order ${cap.order}, permissions ${cap.attr}; expected ${wanted === undefined ? "nothing" : `order ${wanted.order}, permissions ${wanted.attr}`}`,
          );
        }
      }
      let wanted = 0;
      for (const base of caps.keys()) if (kind === abi.CRD_PIO || base < end) wanted++;
      if (wanted !== real)
        throw new Mismatch(
          `${domain.name} has ${real} capabilities of kind ${kind}, expected ${wanted}`,
        );
    }
  }

  private checkPages(domain: Domain, first: number, count: number): void {
    if (domain.isKernel || domain.gone) return;
    const table = this.view.field(domain.address, "pageTable");
    // Of a large range the ends and samples; the comparison of everything follows from time to time.
    const step = count <= 64 ? 1 : Math.max(1, Math.floor(count / 48));
    for (let page = first; page < first + count; page += step)
      this.comparePage(domain, table, page);
    this.comparePage(domain, table, first + count - 1);
  }

  private checkAllPages(domain: Domain): void {
    const table = this.view.field(domain.address, "pageTable");
    const { phys, rights } = domain.memory;
    let at = 0;
    for (const { first, count } of ARENAS) {
      for (let page = first; page < first + count; page += 512) {
        const here = Math.min(512 - (page % 512), first + count - page);
        const wrong = this.view.differs(table, page, here, phys, rights, at + page - first);
        if (wrong >= 0) this.comparePage(domain, table, wrong);
      }
      at += count;
    }
  }

  private comparePage(domain: Domain, table: number, page: number): void {
    const wanted = domain.memory.get(page);
    if (wanted.rights === UNKNOWN) return;
    const seen = this.view.walk(table, page);
    if (seen.rights !== wanted.rights || (wanted.rights !== 0 && seen.phys !== wanted.phys)) {
      throw new Mismatch(
        `${domain.name} has at page 0x${page.toString(16)} page 0x${seen.phys.toString(16)} with rights ${seen.rights}; expected 0x${wanted.phys.toString(16)}, ${wanted.rights}`,
      );
    }
  }

  /** User code on this CPU tries pages and ports. */
  private touch(cpu: number): void {
    const ec = this.current(cpu);
    if (ec === undefined) return;
    const walk = (root: number, page: number) => this.view.walk(root, page);
    for (let i = 0; i < 4; i++) {
      this.probe = (Math.imul(this.probe, 1664525) + 1013904223) >>> 0;
      const arena = ARENAS[(this.probe >>> 8) % ARENAS.length] as (typeof ARENAS)[number];
      // Both sides of the boundaries, more often than the rest.
      const offset = (this.probe >>> 12) % (this.probe & 1 ? arena.count : 96);
      const page =
        arena.first + (this.probe & 2 ? offset : (arena.count / 2 + offset) % arena.count);
      const seen = this.tlbs.use(cpu, page, walk);
      const wanted = ec.domain.memory.get(page);
      if (wanted.rights === UNKNOWN) continue;
      if (seen.rights !== wanted.rights || (wanted.rights !== 0 && seen.phys !== wanted.phys)) {
        throw new Mismatch(
          `CPU ${cpu} uses for page 0x${page.toString(16)} of ${ec.domain.name} page 0x${seen.phys.toString(16)} with rights ${seen.rights & ~KEPT}; it has 0x${wanted.phys.toString(16)}, ${wanted.rights}`,
        );
      }
    }
    this.portsTouched(cpu, ec.domain);
  }

  private portsTouched(cpu: number, domain: Domain): void {
    const tss = this.view.field(this.view.exports.inspect_cpu(cpu), "tss");
    for (const port of [0x3f8 + (this.probe & 7), 0x60, (this.probe >>> 4) & 0xffff, 0xffff, 0]) {
      const allowed = ((domain.denied[port >> 3] ?? 0) & (1 << (port & 7))) === 0;
      if (this.view.portAllowed(tss, port) !== allowed) {
        throw new Mismatch(
          `CPU ${cpu} ${allowed ? "denies" : "lets"} ${domain.name} ${allowed ? "" : "use "}port 0x${port.toString(16)}`,
        );
      }
    }
  }

  /** All ports of the domain that runs on a CPU. */
  checkPorts(cpu: number): void {
    const ec = this.current(cpu);
    if (ec === undefined) return;
    const tss = this.view.field(this.view.exports.inspect_cpu(cpu), "tss");
    const real = this.view.portMap(tss);
    for (const [i, denied] of ec.domain.denied.entries()) {
      if ((real?.[i] ?? 0xff) !== denied) {
        throw new Mismatch(
          `CPU ${cpu} has ports 0x${(i * 8).toString(16)} of ${ec.domain.name} wrong`,
        );
      }
    }
  }

  // --- The roottask's housekeeping ---

  /** Set by whoever makes the domains: what the roottask does for a place. */
  spawn: (slot: number) => void = () => undefined;
}
