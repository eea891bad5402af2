// A roottask that walks the hypercalls through their statuses and the boundaries of their arguments, and prints
// one line per call. It runs on this kernel and on the reference alike; what the reference printed is in
// interface.*.expected.txt, and where this kernel means to differ is in differences.ts. Calls are rows of a table
// that a loop works through: the line says the status, each output register that is not what it was before the
// call, and whether a register changed that is no output. doc/kernel-interface.md of the reference.

import {
  al,
  byte,
  dword,
  dx,
  eax,
  edx,
  qword,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rdi,
  rdx,
  rip,
  rsi,
} from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import * as msr from "../msr_number.ts";
import { crd } from "./crd.ts";
import { PROBE_BASE, PROBE_ORDER, Probe } from "./probe.ts";

const PD = abi.ROOT_SEL_PD;
const SC = abi.ROOT_SEL_SC;

// --- Selectors of what the calls are made on ---
const SEM = 0x200;
const SEM_UP = 0x201;
const SEM_DOWN = 0x202;
/** What is delegated and revoked. */
const SOURCE = 0x203;
/** Nobody ever ups it: threads sleep here. */
const SLEEP = 0x204;
const GLOBAL_EC = 0x210;
const LOCAL_EC = 0x211;
const EC_CTRL = 0x212;
const EC_SC = 0x213;
const EC_PT = 0x214;
const REMOTE_EC = 0x216;
const RETRY_EC = 0x217;
const PORTAL = 0x220;
const PORTAL_CTRL = 0x221;
const PORTAL_CALL = 0x222;
const REMOTE_PORTAL = 0x223;
const RETRY_PORTAL = 0x224;
const CHILD = 0x240;
const CHILD_EC = 0x241;
const CHILD_GO = 0x243;
const CHILD_DONE = 0x244;
const FOREIGN = 0x248;
const BOUND = 0x250;
const SIGNAL_A = 0x251;
const SIGNAL_B = 0x252;
const RETRY_SEM = 0x253;
const REVOKED_SEM = 0x254;
const WORKER_EC = 0x260;
const WORKER_GO = 0x262;
const WORKER_DONE = 0x263;
/** Interrupt semaphores: this and the GSI. */
const INTERRUPT = 0x300;
/** New objects of the calls under test. */
const NEW = 0x400;
const NOTHING = 0x999;
const LAST = abi.NUM_SELECTORS - 1;
/** Event bases: of sleepers, of the worker, of the foreign EC. */
const SLEEPER_EVENTS = 0x700;
const WORKER_EVENTS = 0x740;
const FOREIGN_EVENTS = 0x100;
const FOREIGN_BASE = 64;

const HIP = abi.USER_ADDR - abi.PAGE_SIZE;
const HANDLER_UTCB = 0x2000_0000;
const WORKER_UTCB = 0x2000_1000;
const CHILD_UTCB = 0x2000_2000;
const RETRY_UTCB = 0x2000_3000;
const FOREIGN_UTCB = 0x2000_4000;
const CONFIG_PAGE = 0x3100_0000;
const HPET_PAGE = 0x3100_1000;
const RAM_PAGE = 0x3100_2000;
/** On QEMU's q35: PCI configuration space, HPET, RAM that nobody uses. */
const MCFG = 0xb000_0000;
const HPET = 0xfed0_0000;
const RAM = 0xc00_0000;
/** GSIs there: a pin that no device uses, a number beyond the pins, the PIT's pin. */
const PIN = 7;
const MESSAGE = 30;
const PIT = 2;
const INTERRUPT_VALUE = 0x1177;

const HIGH_PRIORITY = 2;
const qpd = (priority: number, quantum: bigint | number = 10_000) =>
  (BigInt(quantum) << BigInt(abi.QPD_QUANTUM_SHIFT)) | BigInt(priority);
const obj = (base: bigint | number, order = 0, attr = 0x1f) => crd(abi.CRD_OBJ, base, order, attr);
const port = (base: number, order = 0, attr = 0x1f) => crd(abi.CRD_PIO, base, order, attr);
const mem = (base: bigint | number, order = 0, attr = 0x1f) => crd(abi.CRD_MEM, base, order, attr);
const FROM_KERNEL = BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL);
/** A deadline that has passed: such a `down` never waits. */
const PAST = 1;

/** Offsets in a row: arguments, name, outputs that are not shown. */
const ROW = { rdi: 0, rsi: 8, rdx: 16, rax: 24, r8: 32, name: 40, hidden: 48, bytes: 56 };
const OUTPUTS = ["rsi", "rdx", "rax", "r8"] as const;
const ARGUMENTS = { rdi, rsi, rdx, rax, r8 };
/** Bit of `hidden` in a row: Options.patient. How often, and ticks of the TSC between two attempts. */
const PATIENT = 0x80;
const ATTEMPTS = 1000;
const PAUSE = 10_000_000;
/** Registers that no hypercall may change. */
const KEPT = { r9, r10, r12, r13, r14, r15 };

type Arguments = Partial<Record<(typeof OUTPUTS)[number], bigint | number>>;
interface Options {
  flags?: number;
  /** Outputs that depend on time. */
  hidden?: (typeof OUTPUTS)[number][];
  /** A `down` whose semaphore is upped some time soon: repeated for a while when it times out. */
  patient?: boolean;
}
interface Row {
  label: string;
  name: string;
  rdi: bigint;
  args: Arguments;
  hidden: number;
}

export class InterfaceProbe extends Probe {
  private rows: Row[] = [];
  private flushed = 0;

  /** Adds a call to the table; its line starts with the hypercall's name. */
  private row(
    name: string,
    id: number,
    selector: bigint | number,
    args: Arguments = {},
    { flags = 0, hidden = [], patient = false }: Options = {},
  ): void {
    this.rows.push({
      label: this.text(name),
      name,
      rdi: (BigInt(selector) << 12n) | BigInt(flags << 8) | BigInt(id),
      args,
      hidden: OUTPUTS.reduce(
        (mask, each, i) => (hidden.includes(each) ? mask | (1 << i) : mask),
        patient ? PATIENT : 0,
      ),
    });
  }

  /** RBX and RBP become the rows added since the last flush. */
  private takeRows(): void {
    this.a.lea(rbx, rip("rows"));
    this.a.lea(rbp, rip("rows"));
    this.a.add(rbx, this.flushed * ROW.bytes);
    this.a.add(rbp, this.rows.length * ROW.bytes);
    this.flushed = this.rows.length;
  }

  /**
   * Calls that are made on one CPU alone: the reference ends an object's life some time after its revocation, when
   * every CPU has been through the kernel, which with several may be never.
   */
  private alone(emit: () => void): void {
    const over = this.fresh("not_alone");
    this.flush();
    this.load(rbx, HIP);
    this.a.test(byte(rbx, { disp: abi.HIP_CPUS + abi.HIP_CPU_BYTES }), 1);
    this.a.jne(over);
    emit();
    this.flush();
    this.a.label(over);
  }

  /** Makes the calls added since the last flush. */
  private flush(): void {
    this.takeRows();
    this.a.call("run_rows");
  }

  /** The same in the child's domain. */
  private flushInChild(): void {
    const { a } = this;
    this.takeRows();
    a.mov(qword(rip("child_first")), rbx);
    a.mov(qword(rip("child_end")), rbp);
    this.control(CHILD_GO, abi.SM_CTRL_UP);
    this.control(CHILD_DONE, abi.SM_CTRL_DOWN);
  }

  /** sm_ctrl without a line. */
  private control(selector: number, operation: number): void {
    this.load(rsi, 0);
    this.load(rdx, 0);
    this.load(rdi, (selector << 12) | (operation << 8) | abi.HC_SM_CTRL);
    this.a.syscall();
  }

  /** create_pt for an entry point given by its label. */
  private portal(name: string, selector: number, ec: number, label: string, mtd = 0, id = 0): void {
    this.flush();
    this.createPt(`create_pt: ${name}`, selector, ec, mtd, label);
    this.row(`pt_ctrl: ${name}`, abi.HC_PT_CTRL, selector, { rsi: id });
  }

  private move(name: string, source: bigint, target: bigint, meta = 1n, to = PD, from = PD): void {
    this.row(
      `pd_ctrl delegate: ${name}`,
      abi.HC_PD_CTRL,
      from,
      { rsi: to, rdx: source, rax: meta, r8: target },
      { flags: abi.PD_CTRL_DELEGATE },
    );
  }

  private look(name: string, range: bigint): void {
    this.row(`pd_ctrl lookup: ${name}`, abi.HC_PD_CTRL, 0, { rsi: range });
  }

  private revoke(name: string, range: bigint, self = 1, semaphore: bigint | number = 0): void {
    this.row(`revoke: ${name}`, abi.HC_REVOKE, semaphore, { rsi: range }, { flags: self });
  }

  private down(name: string, selector: number, zero = 0, deadline = PAST): void {
    const flags = abi.SM_CTRL_DOWN | zero;
    this.row(`sm_ctrl down: ${name}`, abi.HC_SM_CTRL, selector, { rdx: deadline }, { flags });
  }

  /** A `down` for something that comes soon; its deadline is not the same in every run. */
  private downPatiently(name: string, selector: number): void {
    this.row(
      `sm_ctrl down: ${name}`,
      abi.HC_SM_CTRL,
      selector,
      {},
      { flags: abi.SM_CTRL_DOWN, patient: true },
    );
  }

  private up(name: string, selector: bigint | number, flags = 0): void {
    this.row(`sm_ctrl up: ${name}`, abi.HC_SM_CTRL, selector, {}, { flags });
  }

  /** Selectors that are not of the wanted type, by what they are. */
  private others(type: string): [string, number | bigint][] {
    const all: [string, number][] = [
      ["a PD", PD],
      ["an EC", LOCAL_EC],
      ["an SC", SC],
      ["a portal", PORTAL],
      ["a semaphore", SEM],
    ];
    return [
      ["nothing", NOTHING],
      ["the last selector, empty", LAST],
      ...all.filter(([name]) => !name.endsWith(type)),
    ];
  }

  /** A global EC whose startup portal is at its event base, with an SC of higher priority. */
  private thread(
    name: string,
    ec: number,
    utcb: number,
    events: number,
    pd = PD,
    run = true,
  ): void {
    const args = { rsi: pd, rdx: utcb, r8: events };
    this.row(`create_ec: ${name}`, abi.HC_CREATE_EC, ec, args, { flags: abi.CREATE_EC_GLOBAL });
    if (!run) return;
    const time = { rsi: PD, rdx: ec, rax: qpd(HIGH_PRIORITY) };
    this.row(`create_sc: ${name}`, abi.HC_CREATE_SC, ec + 1, time);
  }

  private emitPreparation(): void {
    const sm = (name: string, selector: number, rdx = 0) =>
      this.row(`create_sm: ${name}`, abi.HC_CREATE_SM, selector, { rsi: PD, rdx });
    sm("a semaphore", SEM, 3);
    sm("for sleepers", SLEEP);
    this.move("up only", obj(SEM, 0, 1), obj(SEM_UP));
    this.move("down only", obj(SEM, 0, 2), obj(SEM_DOWN));
    const ec = (name: string, selector: number, rdx: bigint | number, stack: number, global = 0) =>
      this.row(
        `create_ec: ${name}`,
        abi.HC_CREATE_EC,
        selector,
        { rsi: PD, rdx, rax: PROBE_BASE + stack, r8: SLEEPER_EVENTS },
        { flags: global },
      );
    // Local ECs use the ends of the image's last pages as stacks.
    const image = 4096 << PROBE_ORDER;
    ec("global", GLOBAL_EC, 0, 0, abi.CREATE_EC_GLOBAL);
    ec("local", LOCAL_EC, HANDLER_UTCB, image);
    ec("local for repeated calls", RETRY_EC, RETRY_UTCB, image - 2048);
    ec("local on CPU 1", REMOTE_EC, 1, image - 4096);
    this.move("EC for ec_ctrl", obj(GLOBAL_EC, 0, abi.PERM_EC_CTRL), obj(EC_CTRL));
    this.move("EC for create_sc", obj(GLOBAL_EC, 0, abi.PERM_EC_CREATE_SC), obj(EC_SC));
    this.move("EC for create_pt", obj(LOCAL_EC, 0, abi.PERM_EC_CREATE_PT), obj(EC_PT));
    this.portal("a portal", PORTAL, LOCAL_EC, "echo_portal");
    this.portal("a portal on CPU 1", REMOTE_PORTAL, REMOTE_EC, "echo_portal");
    this.portal("one that repeats", RETRY_PORTAL, RETRY_EC, "retry_portal");
    const startup = abi.EVENT_STARTUP;
    this.portal("startup of sleepers", SLEEPER_EVENTS + startup, LOCAL_EC, "sleeper_startup", 0xc);
    this.portal("startup of the worker", WORKER_EVENTS + startup, LOCAL_EC, "worker_startup", 0xc);
    this.move("portal for pt_ctrl", obj(PORTAL, 0, abi.PERM_PT_CTRL), obj(PORTAL_CTRL));
    this.move("portal for call", obj(PORTAL, 0, abi.PERM_PT_CALL), obj(PORTAL_CALL));
    this.flush();
  }

  private emitNumbers(): void {
    for (const id of [16, 17, 0x7f, 0x80, 0xff]) {
      this.row(`unknown hypercall: ${id}`, id, SEM, {}, { flags: id & 15 });
    }
  }

  private emitCalls(): void {
    for (const [what, selector] of this.others("portal")) {
      this.row(`call: ${what}`, abi.HC_CALL, selector);
    }
    this.row("call: on another CPU", abi.HC_CALL, REMOTE_PORTAL);
    for (let flags = 0; flags < 16; flags++) {
      this.row(`call: flags ${flags}`, abi.HC_CALL, PORTAL, {}, { flags });
    }
    this.row("call: with permission to call alone", abi.HC_CALL, PORTAL_CALL);
    this.row("call: without permission to call", abi.HC_CALL, PORTAL_CTRL);
    this.row("call: beyond the last selector", abi.HC_CALL, PORTAL + abi.NUM_SELECTORS);
    for (const [what, selector] of this.others("portal")) {
      this.row(`pt_ctrl: ${what}`, abi.HC_PT_CTRL, selector);
    }
    for (const flags of [0, 1, 2, 4, 8, 15]) {
      this.row(`pt_ctrl: flags ${flags}`, abi.HC_PT_CTRL, PORTAL, { rsi: -1n }, { flags });
    }
    this.row("pt_ctrl: with permission to control alone", abi.HC_PT_CTRL, PORTAL_CTRL);
    this.row("pt_ctrl: without permission to control", abi.HC_PT_CTRL, PORTAL_CALL);
  }

  private emitCreatePd(): void {
    const pd = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
      this.row(`create_pd: ${name}`, abi.HC_CREATE_PD, selector, { rsi: PD, ...args }, { flags });
    for (const [what, selector] of this.others("PD"))
      pd(`parent is ${what}`, NEW, { rsi: selector });
    pd("selector taken", SEM);
    pd("parent is nothing, selector taken", SEM, { rsi: NOTHING });
    for (let flags = 0; flags < 16; flags += 3) pd(`flags ${flags}`, NEW + flags, {}, flags);
    pd("last selector", LAST);
    pd("beyond the last selector", abi.NUM_SELECTORS + 0x3000);
    const ranges: [string, bigint][] = [
      ["null", 0n],
      ["null with garbage", 0xffff_fffcn],
      ["one capability", obj(SEM)],
      ["all capabilities", obj(0, 31)],
      ["memory", mem(PROBE_BASE >> 12, PROBE_ORDER)],
      ["a port", port(0x3f8)],
      ["a port it does not have", port(0x60)],
      ["beyond all selectors", obj(1n << 40n)],
    ];
    for (const [i, [what, rdx]] of ranges.entries()) pd(`range ${what}`, NEW + 0x20 + i, { rdx });
    const foreign: [string, bigint | number][] = [
      ["base 0", 1],
      ["base 64", (64 << 1) | 1],
      ["largest base", -1n],
      ["base but not foreign", 64 << 1],
    ];
    for (const [i, [what, rax]] of foreign.entries())
      pd(`foreign, ${what}`, NEW + 0x30 + i, { rax });
    for (const flags of [0, 3]) this.revoke(`PD of flags ${flags}`, obj(NEW + flags));
    this.revoke("all the PDs", obj(NEW, 6));
    this.revoke("PD of the last selector", obj(LAST));
  }

  private emitCreateEc(): void {
    const ec = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
      this.row(`create_ec: ${name}`, abi.HC_CREATE_EC, selector, { rsi: PD, ...args }, { flags });
    for (const [what, selector] of this.others("PD"))
      ec(`parent is ${what}`, NEW, { rsi: selector });
    for (const cpu of [8, 63, 64, 0x3ff, 0xfff]) ec(`CPU ${cpu}`, NEW, { rdx: cpu });
    ec("selector taken", SEM);
    ec("last selector", LAST);
    this.revoke("EC of the last selector", obj(LAST));
    const pages: [string, bigint][] = [
      ["right behind user space", 0x7fff_ffff_f000n],
      ["first not canonical", 1n << 47n],
      ["in the kernel's half", 0xffff_8000_0000_0000n],
      ["last page", 0xffff_ffff_ffff_f000n],
    ];
    for (const [what, rdx] of pages) ec(`UTCB ${what}`, NEW, { rdx });
    ec("virtual CPU", NEW, {}, abi.CREATE_EC_GLOBAL | abi.CREATE_EC_VCPU);
    ec("local virtual CPU", NEW, {}, abi.CREATE_EC_VCPU);
    // Which of two faults is told.
    const bad = 1n << 47n;
    ec("CPU 63 and parent is nothing", NEW, { rdx: 63, rsi: NOTHING });
    ec("CPU 63 and virtual CPU", NEW, { rdx: 63 }, 3);
    ec("virtual CPU and parent is nothing", NEW, { rsi: NOTHING }, 3);
    ec("parent is nothing and bad UTCB", NEW, { rsi: NOTHING, rdx: bad });
    ec("bad UTCB and selector taken", SEM, { rdx: bad });
    for (const flags of [0, 1, 4, 5, 8, 9, 12, 13]) {
      ec(`flags ${flags}`, NEW + flags, { rax: -1n, r8: -1n }, flags);
    }
    ec("UTCB of its own", NEW + 0x10, { rdx: 0x4000_0000 });
    ec("UTCB over another's", NEW + 0x11, { rdx: 0x4000_0000 });
    this.revoke("all the ECs", obj(NEW, 5));
  }

  private emitCreateSc(): void {
    const sc = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
      this.row(
        `create_sc: ${name}`,
        abi.HC_CREATE_SC,
        selector,
        { rsi: PD, rdx: GLOBAL_EC, rax: qpd(HIGH_PRIORITY), ...args },
        { flags },
      );
    for (const [what, selector] of this.others("PD"))
      sc(`parent is ${what}`, NEW, { rsi: selector });
    for (const [what, selector] of this.others("EC")) sc(`of ${what}`, NEW, { rdx: selector });
    sc("of a local EC", NEW, { rdx: LOCAL_EC });
    sc("of an EC without permission", NEW, { rdx: EC_CTRL });
    for (const priority of [0, 128, 255]) sc(`priority ${priority}`, NEW, { rax: qpd(priority) });
    sc("quantum 0", NEW, { rax: qpd(1, 0) });
    sc("quantum 2^32", NEW, { rax: qpd(1, 1n << 32n) });
    sc("priority 0 and quantum 0", NEW, { rax: 0 });
    sc("selector taken", SEM);
    sc("priority 0 and selector taken", SEM, { rax: qpd(0) });
    sc("parent is nothing and of nothing", NEW, { rsi: NOTHING, rdx: NOTHING });
    sc("of nothing and priority 0", NEW, { rdx: NOTHING, rax: qpd(0) });
    sc("of an EC with the permission alone", NEW, { rdx: EC_SC });
    sc("a second one", NEW + 1);
    sc("priority 127", NEW + 2, { rax: qpd(127) });
    sc("quantum 1", NEW + 3, { rax: qpd(HIGH_PRIORITY, 1) });
    sc("largest quantum", NEW + 4, { rax: qpd(HIGH_PRIORITY, 0xffff_ffff) });
    sc("bits between priority and quantum", NEW + 5, { rax: qpd(HIGH_PRIORITY) | 0xf00n });
    sc("flags 15", NEW + 6, {}, 15);
    for (const [what, selector] of this.others("SC")) {
      this.row(`sc_ctrl: ${what}`, abi.HC_SC_CTRL, selector);
    }
    for (const flags of [0, 1, 15]) {
      const hidden: Options["hidden"] = ["rsi", "rdx"];
      this.row(`sc_ctrl: flags ${flags}`, abi.HC_SC_CTRL, NEW, {}, { flags, hidden });
    }
    this.revoke("all the SCs", obj(NEW, 3));
  }

  private emitCreatePt(): void {
    const pt = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
      this.row(
        `create_pt: ${name}`,
        abi.HC_CREATE_PT,
        selector,
        { rsi: PD, rdx: LOCAL_EC, ...args },
        { flags },
      );
    for (const [what, selector] of this.others("PD"))
      pt(`parent is ${what}`, NEW, { rsi: selector });
    for (const [what, selector] of this.others("EC")) pt(`of ${what}`, NEW, { rdx: selector });
    pt("of a global EC", NEW, { rdx: GLOBAL_EC });
    pt("of an EC without permission", NEW, { rdx: EC_CTRL });
    pt("selector taken", SEM);
    pt("parent is nothing and of nothing", NEW, { rsi: NOTHING, rdx: NOTHING });
    pt("of an EC with the permission alone", NEW, { rdx: EC_PT });
    pt("largest MTD and address", NEW + 1, { rax: -1n, r8: -1n });
    pt("address 0", NEW + 2);
    pt("flags 15", NEW + 3, {}, 15);
    pt("last selector", LAST);
    this.revoke("all the portals", obj(NEW, 2));
    this.revoke("portal of the last selector", obj(LAST));
  }

  private emitSemaphores(): void {
    const sm = (name: string, selector: bigint | number, args: Arguments = {}, flags = 0) =>
      this.row(`create_sm: ${name}`, abi.HC_CREATE_SM, selector, { rsi: PD, ...args }, { flags });
    for (const [what, selector] of this.others("PD"))
      sm(`parent is ${what}`, NEW, { rsi: selector });
    sm("selector taken", SEM);
    sm("last selector", LAST);
    this.up("last selector", LAST);
    this.down("last selector", LAST);
    this.revoke("SM of the last selector", obj(LAST));
    sm("largest count", NEW, { rdx: -1n });
    sm("flags 15", NEW + 1, { rdx: 5 }, 15);
    this.down("takes one", NEW + 1);
    this.down("takes all", NEW + 1, abi.SM_CTRL_ZERO);
    this.down("nothing to take", NEW + 1);
    this.down("nothing to take, to zero", NEW + 1, abi.SM_CTRL_ZERO);
    this.down("bits of the operation that are ignored", NEW, 0xc);
    this.up("bits of the operation that are ignored", NEW + 1, 0xe);
    this.down("after it", NEW + 1);
    for (const [what, selector] of this.others("semaphore")) {
      this.up(what, selector);
      this.down(what, Number(selector));
    }
    this.up("beyond the last selector", SEM + abi.NUM_SELECTORS);
    this.up("with permission alone", SEM_UP);
    this.up("without permission", SEM_DOWN);
    this.down("with permission alone", SEM_DOWN);
    this.down("without permission", SEM_UP);
    this.revoke("all the SMs", obj(NEW, 1));
  }

  private emitControls(): void {
    const ec = (name: string, selector: number | bigint, flags = 0) =>
      this.row(`ec_ctrl: ${name}`, abi.HC_EC_CTRL, selector, {}, { flags });
    for (const [what, selector] of this.others("EC")) ec(what, selector);
    for (const flags of [1, 2, 3, 5, 13]) ec(`operation ${flags}`, GLOBAL_EC, flags);
    ec("operation 1 on nothing", NOTHING, 1);
    ec("with the permission alone", EC_CTRL);
    ec("without permission", EC_PT);
    ec("bits of the operation that are ignored", EC_CTRL, 12);
    this.row("create_ec: to recall", abi.HC_CREATE_EC, NEW, { rsi: PD });
    ec("a local EC", NEW);
    this.revoke("the recalled EC", obj(NEW));
  }

  private emitAccess(): void {
    this.row("create_sm: to delegate", abi.HC_CREATE_SM, SOURCE, { rsi: PD });
    this.move("source is nothing", obj(SOURCE), obj(NEW), 1n, PD, NOTHING);
    this.move("target is nothing", obj(SOURCE), obj(NEW), 1n, NOTHING);
    this.move("source is an EC", obj(SOURCE), obj(NEW), 1n, PD, LOCAL_EC);
    this.move("target is a semaphore", obj(SOURCE), obj(NEW), 1n, SEM);
    for (const order of [1, 5, 10, 25, 26, 27, 31]) {
      this.move(`window of order ${order}`, obj(SOURCE), obj(0, order), (0x410n << 12n) | 1n);
    }
    this.look("one of them", obj(0x410));
    this.revoke("the copies", obj(SOURCE), 0);
    const unaligned: [string, bigint, bigint, bigint][] = [
      ["objects, base inside its block", obj(SOURCE + 1, 2), obj(NEW, 2), obj(NEW + 3)],
      [
        "objects, window's base inside its block",
        obj(SOURCE, 2),
        obj(NEW + 0x11, 2),
        obj(NEW + 0x13),
      ],
      ["ports, base inside its block", port(0x3f9, 3), port(0x3f8, 3), port(0x3f9)],
      ["ports, window's base inside its block", port(0x3f8, 3), port(0x3fd, 3), port(0x3f8)],
      ["ports, last of a block", port(0x3ff, 3), port(0x3ff, 3), port(0x3ff)],
    ];
    for (const [what, source, target, seen] of unaligned) {
      this.move(what, source, target);
      this.look(`after ${what}`, seen);
    }
    this.revoke("what came of it", obj(NEW, 8));
    this.move("the last selector", obj(SOURCE), obj(LAST));
    this.look("the last selector", obj(LAST));
    this.revoke("the copies again", obj(SOURCE), 0);
    this.move("no permissions in the range", obj(SOURCE, 0, 0), obj(NEW));
    this.move("no permissions in the window", obj(SOURCE), obj(NEW, 0, 0));
    this.move("permissions that nobody has", obj(SOURCE, 0, 0x1c), obj(NEW));
    this.look("after it", obj(NEW));
    this.move("object into memory", obj(SOURCE), mem(0x5_0000));
    this.move("null into null", 0n, 0n);
    this.move("object into null", obj(SOURCE), 0n);
    this.move("bits 7:2 and 63:12 of the flags", obj(SOURCE), obj(NEW), (0xabcden << 12n) | 0xfdn);
    this.revoke("the copies a third time", obj(SOURCE), 0);
    this.move("from the kernel", port(0x80), port(0x80), FROM_KERNEL);
    this.move("from the kernel, larger window", port(0x80), port(0, 16), FROM_KERNEL);
    this.move("ports into a larger window", port(0x3f8, 1), port(0, 16));
    this.move("ports into a smaller window", port(0x3f8, 3), port(0x3fa, 1));
    this.move("ports into a window elsewhere", port(0x3f8, 3), port(0x2f8, 3));
    this.move("ports into one of order 31", port(0x3f8), port(0, 31));
    this.move("memory without permissions", mem(PROBE_BASE >> 12, 0, 0), mem(0x6_0000));
    this.move(
      "memory into a larger window",
      mem(PROBE_BASE >> 12),
      mem(0x6_0000, 4),
      (3n << 12n) | 1n,
    );
    this.move(
      "memory into a smaller window",
      mem(PROBE_BASE >> 12, 4),
      mem(0x6_0000),
      (5n << 12n) | 1n,
    );
    this.move("memory behind user space", mem(PROBE_BASE >> 12), mem(1n << 35n));
    this.move("memory at the last page", mem(PROBE_BASE >> 12), mem((1n << 52n) - 1n));
    this.revoke("the memory", mem(0x6_0000, 4, 7));
    for (const [what, range] of [
      ["null", 0n],
      ["memory", mem(PROBE_BASE >> 12)],
      ["beyond the last selector", obj(abi.NUM_SELECTORS + SOURCE)],
      ["beyond all", obj((1n << 52n) - 1n)],
      ["port beyond the last", port(0x1_0000 + 0x3f8)],
      ["first port of a range", port(0x3f8)],
      ["garbage in order and permissions", obj(SOURCE, 31, 0)],
    ] as const) {
      this.look(what, range);
    }
    const translate = (name: string, source: bigint, window: bigint, meta = 0n) =>
      this.move(`translate: ${name}`, source, window, meta);
    translate("an object", obj(SOURCE), obj(0, 31));
    translate("outside the window", obj(SOURCE), obj(0x1000, 4));
    translate("larger than the object", obj(SOURCE, 4), obj(0, 31));
    translate("memory", mem(PROBE_BASE >> 12), mem(0, 31));
    translate("a port", port(0x3f8, 3), port(0, 16));
    translate("into nothing", obj(SOURCE), 0n);
    translate("unknown, or delegate", obj(SOURCE), obj(NEW), 2n);
    this.look("after it", obj(NEW));
    this.revoke("the copies a fourth time", obj(SOURCE), 0);
    const page = (name: string, rsi: bigint) =>
      this.row(
        `pd_ctrl access page: ${name}`,
        abi.HC_PD_CTRL,
        0,
        { rsi },
        { flags: abi.PD_CTRL_MAP_ACCESS_PAGE },
      );
    page("null", 0n);
    page("object", obj(0, 0, 3));
    page("of order 1", mem(0x100, 1, 3));
    page("read-only", mem(0x100, 0, 1));
    page("executable", mem(0x100, 0, 7));
    page("as it has to be", mem(0x100, 0, 3));
  }

  private emitMsrs(): void {
    const access = (name: string, index: number, rsi?: bigint | number) =>
      this.row(
        `pd_ctrl MSR ${rsi === undefined ? "read" : "write"}: ${name}`,
        abi.HC_PD_CTRL,
        index,
        { rsi: rsi ?? 0xaa },
        { flags: abi.PD_CTRL_MSR_ACCESS | (rsi === undefined ? 0 : abi.MSR_ACCESS_WRITE) },
      );
    const refused: [string, number][] = [
      ["IA32_TSC", msr.IA32_TSC],
      ["IA32_APIC_BASE", msr.IA32_APIC_BASE],
      ["IA32_TSC_ADJUST", msr.IA32_TSC_ADJUST],
      ["IA32_SYSENTER_CS", msr.IA32_SYSENTER_CS],
      ["IA32_SYSENTER_ESP", msr.IA32_SYSENTER_CS + 1],
      ["IA32_SYSENTER_EIP", msr.IA32_SYSENTER_EIP],
      ["IA32_VMX_BASIC", msr.IA32_VMX_BASIC],
      ["IA32_VMX_VMFUNC", msr.IA32_VMX_VMFUNC],
      ["IA32_DS_AREA", msr.IA32_DS_AREA],
      ["IA32_TSC_DEADLINE", msr.IA32_TSC_DEADLINE],
      ["first of x2APIC", msr.IA32_X2APIC],
      ["last of x2APIC", msr.IA32_X2APIC_END],
      ["IA32_EFER", msr.IA32_EFER],
      ["IA32_GS_BASE", msr.IA32_GS_BASE],
      ["IA32_KERNEL_GS_BASE", msr.IA32_KERNEL_GS_BASE],
      ["IA32_TSC_AUX", msr.IA32_TSC_AUX],
      ["VM_HSAVE_PA", msr.VM_HSAVE_PA],
    ];
    for (const [name, index] of refused) {
      access(name, index);
      access(name, index, 0);
    }
    access("IA32_STAR", msr.IA32_STAR);
    access("IA32_STAR as it is", msr.IA32_STAR, 0x1b_0008_0000_0000n);
    access("IA32_PAT", msr.IA32_PAT, 0);
    access("IA32_FEATURE_CONTROL", msr.IA32_FEATURE_CONTROL, 0);
    access("first of the MTRRs", msr.IA32_MTRR_PHYSBASE0, 0);
    access("last of the MTRRs", msr.IA32_MTRR_FIX4K_F8000, 0);
    access("IA32_MTRR_DEF_TYPE", msr.IA32_MTRR_DEF_TYPE, 0);
    access("bits 63:32 of the index", msr.IA32_STAR + 2 ** 32);
  }

  private emitRevocations(): void {
    const remote = (name: string, rdx: number | bigint, range = obj(NEW)) =>
      this.row(`revoke: remote, ${name}`, abi.HC_REVOKE, 0, { rsi: range, rdx }, { flags: 3 });
    for (const [what, selector] of this.others("PD")) remote(what, selector);
    remote("own PD", PD);
    const sm = (selector: number) =>
      this.row("create_sm: to revoke", abi.HC_CREATE_SM, selector, { rsi: PD });
    for (const kind of [0, 1, 2, 3]) {
      for (const order of [0, 26, 31]) {
        this.revoke(`kind ${kind} order ${order} where nothing is`, crd(kind, 1n << 31n, order));
      }
    }
    sm(NEW);
    this.move("a copy", obj(NEW), obj(NEW + 1));
    this.revoke("no permissions", obj(NEW, 0, 0));
    this.look("after it", obj(NEW));
    this.revoke("permission to up", obj(NEW, 0, 1), 0);
    this.look("after it, the original", obj(NEW));
    this.look("after it, the copy", obj(NEW + 1));
    this.revoke("permission to up, with self", obj(NEW, 0, 1));
    this.look("after it, the original", obj(NEW));
    this.revoke("the last permission", obj(NEW, 0, 2));
    this.look("after it, the original", obj(NEW));
    sm(NEW);
    this.revoke("base inside its block", obj(NEW + 1, 1));
    this.look("after a base inside its block", obj(NEW));
    this.revoke("beyond the last selector", obj(abi.NUM_SELECTORS + SEM));
    this.look("after it", obj(SEM));
    this.revoke("flags 12", obj(NEW), 12);
    // The semaphore, if there is one, is upped when the revocation is over.
    sm(REVOKED_SEM);
    this.move("up only", obj(REVOKED_SEM, 0, 1), obj(NEW + 1));
    this.move("down only", obj(REVOKED_SEM, 0, 2), obj(NEW + 2));
    this.alone(() => {
      this.revoke("semaphore", obj(NEW), 1, REVOKED_SEM);
      this.downPatiently("after the revocation", REVOKED_SEM);
      this.revoke("semaphore with permission to up", obj(NEW), 1, NEW + 1);
      this.downPatiently("after the revocation", REVOKED_SEM);
    });
    this.revoke("semaphore without permission to up", obj(NEW), 1, NEW + 2);
    this.revoke("no semaphore", obj(NEW), 1, NOTHING);
    this.revoke("semaphore is an EC", obj(NEW), 1, LOCAL_EC);
    this.down("after the revocations", REVOKED_SEM);
    this.revoke("its own semaphore", obj(REVOKED_SEM), 1, REVOKED_SEM);
  }

  private emitDevices(): void {
    const pci = (name: string, pd: number | bigint, rsi: number) =>
      this.row(`assign_pci: ${name}`, abi.HC_ASSIGN_PCI, pd, { rsi });
    for (const [what, selector] of this.others("PD")) pci(what, selector, CONFIG_PAGE);
    pci("page that is not mapped", PD, 0x3200_0000);
    pci("no configuration page", PD, RAM_PAGE);
    const page = (name: string, phys: number, virt: number) =>
      this.move(name, mem(phys / 4096, 0, 7), mem(virt / 4096, 0, 7), FROM_KERNEL);
    page("PCI configuration page", MCFG, CONFIG_PAGE);
    page("HPET", HPET, HPET_PAGE);
    page("RAM", RAM, RAM_PAGE);
    pci("configuration page, no IOMMU", PD, CONFIG_PAGE);
    for (const gsi of [PIT, PIN, MESSAGE, abi.NUM_GSI - 1]) {
      this.move(`GSI ${gsi}`, obj(abi.NUM_CPU + gsi), obj(INTERRUPT + gsi), FROM_KERNEL);
    }
    this.move("a GSI too many", obj(abi.NUM_CPU + abi.NUM_GSI), obj(NEW), FROM_KERNEL);
    const gsi = (name: string, sm: number | bigint, args: Arguments = {}, flags = 0) =>
      this.row(`assign_gsi: ${name}`, abi.HC_ASSIGN_GSI, sm, { rax: -1n, ...args }, { flags });
    for (const [what, selector] of this.others("semaphore")) gsi(what, selector);
    gsi("a semaphore of a program", SEM);
    for (const cpu of [0, 1, 8, 63, 64, 0xfff, 0xffff_ffff]) {
      gsi(`CPU ${cpu}`, INTERRUPT + PIN, { rdx: cpu });
    }
    gsi("CPU 63 and no semaphore", NOTHING, { rdx: 63 });
    gsi("level, low", INTERRUPT + PIN, { rdx: 3n << 32n }, abi.ASSIGN_GSI_RECONFIGURE);
    gsi("edge, high", INTERRUPT + PIN, { rdx: 0 }, abi.ASSIGN_GSI_RECONFIGURE);
    gsi("bits of ARG3 that are ignored", INTERRUPT + PIN, { rdx: 0xffff_fffcn << 32n });
    gsi("flags 14", INTERRUPT + PIN, {}, 14);
    gsi("message, no page", INTERRUPT + MESSAGE);
    gsi("message, page that is not mapped", INTERRUPT + MESSAGE, { rsi: 0x3200_0000 });
    gsi("message, RAM", INTERRUPT + MESSAGE, { rsi: RAM_PAGE });
    gsi("message, address that is no user's", INTERRUPT + MESSAGE, { rsi: -4096n });
    gsi("message, configuration page", INTERRUPT + MESSAGE, { rsi: CONFIG_PAGE });
    gsi("message, inside the page", INTERRUPT + MESSAGE, { rsi: CONFIG_PAGE + 0x123 });
    gsi("message, HPET", INTERRUPT + MESSAGE, { rsi: HPET_PAGE });
    gsi("message, CPU 1", INTERRUPT + MESSAGE, { rsi: CONFIG_PAGE, rdx: 1 });
    gsi("message, reconfigured", INTERRUPT + MESSAGE, { rsi: CONFIG_PAGE, rdx: 3n << 32n }, 1);
    gsi("last GSI", INTERRUPT + abi.NUM_GSI - 1, { rsi: CONFIG_PAGE });
    for (const [what, selector] of this.others("semaphore")) {
      gsi(`signal is ${what}`, INTERRUPT + PIN, { rax: selector });
    }
    gsi("signal is another interrupt", INTERRUPT + PIN, { rax: INTERRUPT + MESSAGE });
    gsi("signal is itself", INTERRUPT + PIN, { rax: INTERRUPT + PIN });
    gsi("signal is itself, CPU 63", INTERRUPT + PIN, { rax: INTERRUPT + PIN, rdx: 63 });
    gsi("signal is a semaphore", INTERRUPT + PIN, { rax: SEM });
    gsi("signal without permission to up", INTERRUPT + PIN, { rax: SEM_DOWN });
    gsi("signal, message without page", INTERRUPT + MESSAGE, { rax: SEM });
    gsi("no signal any more", INTERRUPT + MESSAGE, { rax: INTERRUPT + MESSAGE });
    gsi("no signal any more", INTERRUPT + PIN, { rax: INTERRUPT + PIN });
    // ~0 leaves the signal as it is.
    gsi("signal stays", INTERRUPT + PIN, { rax: -1n });
  }

  private emitMachine(): void {
    const machine = (
      name: string,
      selector: bigint | number,
      flags: number,
      args: Arguments = {},
    ) => this.row(`machine_ctrl ${name}`, abi.HC_MACHINE_CTRL, selector, args, { flags });
    machine("operation 2", 0, 2);
    machine("operation 3", 0, 3);
    machine("operation 3 and ignored bits", 0, 15);
    // SLP_TYP has three bits.
    for (const type of [0x8, 0x80, 0xff, 0x800, 0xff00]) {
      machine(`suspend: types 0x${type.toString(16)}`, type, abi.MACHINE_CTRL_SUSPEND, { rsi: 5 });
    }
    const update = (name: string, size: bigint | number, rsi: bigint | number) =>
      machine(`microcode: ${name}`, size, abi.MACHINE_CTRL_UPDATE_MICROCODE, { rsi });
    update("size 0", 0, RAM);
    update("a page", 0x1000, RAM);
    update("largest size", 0xf_ffff, RAM);
    update("bits 63:32", 1n << 40n, RAM);
    update("ignored bits", 0x1000, RAM);
  }

  /** A domain without passthrough or privilege makes calls. */
  private emitChild(): void {
    const semaphore = (selector: number) =>
      this.row("create_sm: for the child", abi.HC_CREATE_SM, selector, { rsi: PD });
    semaphore(CHILD_GO);
    semaphore(CHILD_DONE);
    this.row("create_pd: a child", abi.HC_CREATE_PD, CHILD, { rsi: PD });
    this.portal("startup of the child", NEW, LOCAL_EC, "child_startup", 0xc);
    const image = mem(PROBE_BASE >> 12, PROBE_ORDER, 7);
    this.move("the image", image, image, 1n, CHILD);
    this.move("COM1", port(0x3f8, 3), port(0x3f8, 3), 1n, CHILD);
    this.move("startup portal", obj(NEW), obj(abi.EVENT_STARTUP), 1n, CHILD);
    for (const each of [CHILD_GO, CHILD_DONE, SEM]) {
      this.move("a semaphore", obj(each), obj(each), 1n, CHILD);
    }
    this.move("its own PD", obj(CHILD), obj(PD), 1n, CHILD);
    this.move("its parent's PD", obj(PD), obj(PD + 1), 1n, CHILD);
    this.thread("in the child", CHILD_EC, CHILD_UTCB, 0, CHILD);
    this.flush();

    const access = (name: string, index: number, flags: number) =>
      this.row(name, abi.HC_PD_CTRL, index, {}, { flags: abi.PD_CTRL_MSR_ACCESS | flags });
    access("pd_ctrl MSR read: no passthrough", msr.IA32_STAR, 0);
    access("pd_ctrl MSR write: no passthrough", msr.IA32_STAR, abi.MSR_ACCESS_WRITE);
    for (const flags of [0, 1, 2, 3]) {
      this.row(`machine_ctrl: no passthrough, ${flags}`, abi.HC_MACHINE_CTRL, 0, {}, { flags });
    }
    this.move("from the kernel, no privilege", port(0x60), port(0x60), FROM_KERNEL);
    this.look("after it", port(0x60));
    this.move("memory from the kernel, no privilege", mem(RAM / 4096), mem(0x7_0000), FROM_KERNEL);
    this.move("from the parent by its privilege", port(0x61), port(0x61), FROM_KERNEL, PD, PD + 1);
    this.look("after it", port(0x61));
    const child = (name: string, selector: number, flags: number) =>
      this.row(`create_pd: ${name}`, abi.HC_CREATE_PD, selector, { rsi: PD }, { flags });
    child("passthrough asked for by a domain without", NEW, abi.CREATE_PD_PASSTHROUGH);
    this.row("create_sm: in the child", abi.HC_CREATE_SM, NEW + 1, { rsi: PD });
    this.up("in the child", SEM);
    this.up("what the child does not have", SEM_UP);
    this.row("call: no portal in the child", abi.HC_CALL, PORTAL);
    this.row("ec_ctrl: no EC in the child", abi.HC_EC_CTRL, LOCAL_EC);
    this.row("sc_ctrl: no SC in the child", abi.HC_SC_CTRL, SC);
    this.flushInChild();
  }

  /** A thread of higher priority: what it is to do is at "worker_task", what came of it in "worker_*". */
  private emitWorker(): void {
    const semaphore = (selector: number) =>
      this.row("create_sm: for the worker", abi.HC_CREATE_SM, selector, { rsi: PD });
    semaphore(WORKER_GO);
    semaphore(WORKER_DONE);
    this.thread("worker", WORKER_EC, WORKER_UTCB, WORKER_EVENTS);
    this.flush();
  }

  /** Lets the worker run `label`; returns when it waits or is done. */
  private work(label: string): void {
    this.flush();
    this.a.mov(qword(rip("worker_rdi")), -1);
    this.a.lea(rax, rip(label));
    this.a.mov(qword(rip("worker_task")), rax);
    this.control(WORKER_GO, abi.SM_CTRL_UP);
  }

  /** `over`: the worker's task ends, now or soon. */
  private showWorker(name: string, over = true): void {
    if (over) this.downPatiently("the worker is done", WORKER_DONE);
    this.flush();
    for (const register of ["rdi", "rsi", "rdx"]) {
      this.show(`${name}: ${register}`, qword(rip(`worker_${register}`)));
    }
  }

  private emitSignals(): void {
    const sm = (name: string, selector: number, args: Arguments) =>
      this.row(`create_sm: ${name}`, abi.HC_CREATE_SM, selector, { rsi: PD, ...args });
    sm("bound", BOUND, {});
    sm("signal A", SIGNAL_A, { rdx: 0xaaaa, rax: BOUND });
    sm("signal B", SIGNAL_B, { rdx: -1n, rax: BOUND });
    for (const [what, selector] of this.others("semaphore")) {
      sm(`signal to ${what}`, NEW, { rax: selector });
    }
    sm("signal to one without permission to up", NEW, { rax: SEM_DOWN });
    sm("signal to a signal", NEW, { rax: SIGNAL_A });
    sm("signal, selector taken", SEM, { rax: BOUND });
    sm("signal with permission to up alone", NEW + 1, { rax: SEM_UP });
    this.look("a signal", obj(SIGNAL_A));
    this.down("of a signal", SIGNAL_A);
    this.down("no signal pending", BOUND);
    this.up("signal A", SIGNAL_A);
    this.up("signal A again", SIGNAL_A);
    this.up("signal B", SIGNAL_B);
    this.up("signal A a third time", SIGNAL_A);
    this.down("the first signal", BOUND);
    this.down("the second signal", BOUND);
    this.down("no signal left", BOUND);
    this.up("signal A", SIGNAL_A);
    this.up("the bound semaphore itself", BOUND);
    this.down("signal and count, first", BOUND);
    this.down("signal and count, second", BOUND);
    this.down("signal and count, third", BOUND);
    this.up("signal B", SIGNAL_B);
    this.down("one signal, to zero", BOUND, abi.SM_CTRL_ZERO);
    this.down("nothing after it", BOUND);
    this.work("worker_waits");
    this.up("signal A for a waiting thread", SIGNAL_A);
    this.showWorker("signal received");
    this.down("nothing left", BOUND);
    this.work("worker_waits");
    this.up("the bound semaphore for a waiting thread", BOUND);
    this.showWorker("no signal received");
    this.up("signal A", SIGNAL_A);
    this.up("signal B", SIGNAL_B);
    this.down("two signals, to zero", BOUND, abi.SM_CTRL_ZERO);
    this.down("the one that was not told", BOUND);
    this.down("nothing after it", BOUND);
    this.alone(() => {
      this.work("worker_waits");
      this.revoke("the bound semaphore", obj(BOUND));
      this.showWorker("wait for a semaphore that ends");
    });
    this.revoke("the bound semaphore, again", obj(BOUND));
    this.up("signal of a semaphore that is gone", SIGNAL_B);
    this.revoke("the first signal", obj(SIGNAL_A));
    this.revoke("the second signal", obj(SIGNAL_B));
    this.revoke("the third signal", obj(NEW + 1));
  }

  /** The PIT interrupts once: as a plain interrupt semaphore, and through a signal. */
  private emitInterrupts(): void {
    const { a } = this;
    const sm = (name: string, selector: number, args: Arguments) =>
      this.row(`create_sm: ${name}`, abi.HC_CREATE_SM, selector, { rsi: PD, ...args });
    const gsi = (name: string, rax: bigint | number) =>
      this.row(`assign_gsi: ${name}`, abi.HC_ASSIGN_GSI, INTERRUPT + PIT, { rax });
    const shoot = () => {
      this.flush();
      // Channel 0, mode 0: one interrupt when the count is over.
      for (const [to, value] of [
        [0x43, 0x30],
        [0x40, 0xff],
        [0x40, 0x0f],
      ] as const) {
        a.mov(eax, value);
        a.mov(edx, to);
        a.out(dx, al);
      }
    };
    this.move("PIT", port(0x40, 2), port(0x40, 2), FROM_KERNEL);
    this.flush();
    a.mov(eax, 0x30);
    a.mov(edx, 0x43);
    a.out(dx, al);
    gsi("PIT", -1n);
    this.down("what has come before", INTERRUPT + PIT, abi.SM_CTRL_ZERO);
    shoot();
    this.downPatiently("interrupt", INTERRUPT + PIT);
    this.down("no second interrupt", INTERRUPT + PIT);
    sm("bound", BOUND, {});
    sm("signal of the PIT", SIGNAL_A, { rdx: INTERRUPT_VALUE, rax: BOUND });
    gsi("PIT with a signal", SIGNAL_A);
    this.down("interrupt with a signal", INTERRUPT + PIT);
    shoot();
    this.downPatiently("its signal", BOUND);
    this.down("no second signal", BOUND);
    gsi("PIT without a signal", INTERRUPT + PIT);
    shoot();
    this.downPatiently("interrupt without a signal", INTERRUPT + PIT);
    // What has arrived before goes to the signal.
    this.up("as if an interrupt had come", INTERRUPT + PIN);
    this.up("as if an interrupt had come", INTERRUPT + PIN);
    const route = { rax: SIGNAL_A };
    this.row("assign_gsi: signal after two interrupts", abi.HC_ASSIGN_GSI, INTERRUPT + PIN, route);
    this.down("both", BOUND);
    this.down("none left", BOUND);
    this.revoke("the signal", obj(SIGNAL_A));
    this.revoke("what was bound", obj(BOUND));
    this.flush();
  }

  private emitRepeats(): void {
    const { a } = this;
    const portal = (name: string) => {
      this.flush();
      a.mov(qword(rip("retries")), 0);
      this.row(`call: ${name}`, abi.HC_CALL, RETRY_PORTAL);
      this.flush();
      this.show(`${name}: rounds`, qword(rip("retries")));
    };
    this.row("create_sm: to reply with", abi.HC_CREATE_SM, RETRY_SEM, { rsi: PD, rdx: 1 });
    portal("reply with a semaphore that can be taken");
    this.down("it has been taken", RETRY_SEM);
    this.flush();
    a.mov(qword(rip("retries")), 0);
    this.work("worker_calls");
    this.show("reply with a semaphore to wait for: rounds", qword(rip("retries")));
    this.showWorker("waiting for it", false);
    this.up("for the waiting caller", RETRY_SEM);
    this.flush();
    this.show("repeated: rounds", qword(rip("retries")));
    this.showWorker("repeated");
    this.alone(() => {
      a.mov(qword(rip("retries")), 0);
      this.work("worker_calls");
      this.revoke("the semaphore it waits for", obj(RETRY_SEM));
      this.showWorker("the semaphore is gone");
    });
    this.revoke("the semaphore to reply with", obj(RETRY_SEM));
    portal("reply with a semaphore that is gone");
  }

  /** A foreign domain's EC with an event base: which portal gets its system call. */
  private emitForeignBase(): void {
    const pd = { rsi: PD, rax: (FOREIGN_BASE << 1) | 1 };
    this.row("create_pd: foreign", abi.HC_CREATE_PD, FOREIGN, pd);
    const image = mem(PROBE_BASE >> 12, PROBE_ORDER, 7);
    this.move("the image", image, image, 1n, FOREIGN);
    this.portal("startup", NEW + 0x10, LOCAL_EC, "foreign_startup", 0xc);
    this.portal("system calls", NEW + 0x11, LOCAL_EC, "foreign_portal", 0xc, 1);
    this.portal("the event of that number", NEW + 0x12, LOCAL_EC, "foreign_portal", 0xc, 2);
    const startup = FOREIGN_EVENTS + abi.EVENT_STARTUP;
    this.move("startup portal", obj(NEW + 0x10), obj(startup), 1n, FOREIGN);
    this.move("system call portal", obj(NEW + 0x11), obj(FOREIGN_BASE), 1n, FOREIGN);
    const event = FOREIGN_EVENTS + FOREIGN_BASE;
    this.move("event portal", obj(NEW + 0x12), obj(event), 1n, FOREIGN);
    this.thread("foreign with an event base", FOREIGN + 1, FOREIGN_UTCB, FOREIGN_EVENTS, FOREIGN);
    this.flush();
    this.show("foreign system call: portal id", qword(rip("foreign_id")));
  }

  private emitCode(): void {
    const { a } = this;
    // RBX: first row, RBP: end of the rows.
    a.label("run_rows");
    a.cmp(rbx, rbp);
    a.jae("rows_end");
    a.mov(rsi, qword(rbx, { disp: ROW.name }));
    a.call("print");
    a.mov(qword(rip("attempts")), ATTEMPTS);
    a.label("row_attempt");
    a.test(byte(rbx, { disp: ROW.hidden }), PATIENT);
    a.je("row_call");
    a.rdtsc();
    a.shl(rdx, 32);
    a.add(rdx, rax);
    a.add(rdx, PAUSE);
    a.mov(dword(rbx, { disp: ROW.rdx }), edx);
    a.shr(rdx, 32);
    a.mov(dword(rbx, { disp: ROW.rsi }), edx);
    a.label("row_call");
    for (const [i, register] of Object.values(KEPT).entries())
      this.load(register, 0x1111_1111 * (i + 1));
    for (const name of [...OUTPUTS, "rdi"] as const) {
      a.mov(ARGUMENTS[name], qword(rbx, { disp: ROW[name] }));
    }
    a.syscall();
    for (const name of [...OUTPUTS, "rdi"] as const) {
      a.mov(qword(rip(`row_${name}`)), ARGUMENTS[name]);
    }
    for (const [i, register] of Object.values(KEPT).entries()) {
      this.load(r11, 0x1111_1111 * (i + 1));
      a.cmp(register, r11);
      a.jne("row_other");
    }
    a.test(byte(rbx, { disp: ROW.hidden }), PATIENT);
    a.je("row_status");
    a.cmp(qword(rip("row_rdi")), abi.TIMEOUT);
    a.jne("row_status");
    a.dec(qword(rip("attempts")));
    a.jne("row_attempt");
    a.label("row_status");
    this.print(": status ");
    a.mov(rax, qword(rip("row_rdi")));
    a.call("print_hex");
    for (const [i, name] of OUTPUTS.entries()) {
      const skip = this.fresh("same");
      a.test(byte(rbx, { disp: ROW.hidden }), 1 << i);
      a.jne(skip);
      a.mov(rax, qword(rip(`row_${name}`)));
      a.cmp(rax, qword(rbx, { disp: ROW[name] }));
      a.je(skip);
      this.print(` ${name} `);
      a.mov(rax, qword(rip(`row_${name}`)));
      a.call("print_hex");
      a.label(skip);
    }
    this.print("\n");
    a.add(rbx, ROW.bytes);
    a.jmp("run_rows");
    a.label("row_other");
    this.print(": another register changed");
    a.jmp("row_status");
    a.label("rows_end");
    a.ret();

    const startup = (label: string, task: string, stack: string) => {
      a.label(label);
      this.load(rbx, HANDLER_UTCB);
      a.lea(rax, rip(task));
      a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
      a.lea(rax, rip(stack));
      a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
      a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
      this.reply();
    };
    startup("sleeper_startup", "sleeper", "thread_stack");
    startup("worker_startup", "worker", "thread_stack");
    startup("child_startup", "child", "foreign_stack");
    startup("foreign_startup", "foreign", "remote_stack");

    a.label("sleeper");
    this.control(SLEEP, abi.SM_CTRL_DOWN);
    a.jmp("sleeper");

    a.label("worker");
    this.control(WORKER_GO, abi.SM_CTRL_DOWN);
    a.jmp(qword(rip("worker_task")));
    a.label("worker_done");
    for (const [name, register] of [
      ["rdi", rdi],
      ["rsi", rsi],
      ["rdx", rdx],
    ] as const) {
      a.mov(qword(rip(`worker_${name}`)), register);
    }
    this.control(WORKER_DONE, abi.SM_CTRL_UP);
    a.jmp("worker");
    a.label("worker_waits");
    this.control(BOUND, abi.SM_CTRL_DOWN);
    a.jmp("worker_done");
    a.label("worker_calls");
    this.load(rsi, 0);
    this.load(rdx, 0);
    this.load(rdi, (RETRY_PORTAL << 12) | abi.HC_CALL);
    a.syscall();
    a.jmp("worker_done");

    a.label("child");
    this.control(CHILD_GO, abi.SM_CTRL_DOWN);
    a.mov(rbx, qword(rip("child_first")));
    a.mov(rbp, qword(rip("child_end")));
    a.call("run_rows");
    this.control(CHILD_DONE, abi.SM_CTRL_UP);
    a.jmp("child");

    a.label("foreign");
    this.load(rax, 0x99);
    a.syscall();
    a.ud2();

    a.label("echo_portal");
    this.load(rbx, HANDLER_UTCB);
    a.mov(dword(rbx, { disp: abi.UTCB_ITEMS }), 0);
    this.reply();

    // Asks its caller to wait for the semaphore and to call again, once.
    a.label("retry_portal");
    this.load(rbx, RETRY_UTCB);
    a.mov(dword(rbx, { disp: abi.UTCB_ITEMS }), 0);
    a.inc(qword(rip("retries")));
    a.test(byte(rip("retries")), 1);
    a.je("retry_over");
    this.load(rdi, (RETRY_SEM << 12) | abi.HC_REPLY);
    a.syscall();
    a.label("retry_over");
    this.reply();

    // Leaves the caller asleep.
    a.label("foreign_portal");
    a.mov(qword(rip("foreign_id")), rdi);
    this.load(rbx, HANDLER_UTCB);
    a.lea(rax, rip("foreign_over"));
    a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.lea(rax, rip("remote_stack"));
    a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
    this.reply();
    a.label("foreign_over");
    this.load(rbx, FOREIGN_UTCB);
    a.mov(dword(rbx), abi.UTCB_NSCT);
    this.load(rdi, abi.HC_REPLY);
    a.syscall();
  }

  private emitTables(): void {
    const { a } = this;
    a.align(8);
    for (const name of [
      ...[...OUTPUTS, "rdi"].map((each) => `row_${each}`),
      ...["child_first", "child_end", "worker_task", "worker_rdi", "worker_rsi", "worker_rdx"],
      ...["retries", "foreign_id", "attempts"],
    ]) {
      a.label(name);
      a.dq(0);
    }
    a.label("rows");
    for (const { rdi: first, args, label, hidden } of this.rows) {
      a.dq(first);
      for (const name of OUTPUTS) a.dq(BigInt.asUintN(64, BigInt(args[name] ?? 0)));
      a.dq(label);
      a.dq(hidden);
    }
  }

  override build(): Uint8Array {
    this.emitStart();
    this.emitPreparation();
    this.emitNumbers();
    this.emitCalls();
    this.emitCreatePd();
    this.emitCreateEc();
    this.emitCreateSc();
    this.emitCreatePt();
    this.emitSemaphores();
    this.emitControls();
    this.emitAccess();
    this.emitMsrs();
    this.emitRevocations();
    this.emitDevices();
    this.emitMachine();
    this.flush();
    this.emitChild();
    this.emitWorker();
    this.emitSignals();
    this.emitInterrupts();
    this.emitRepeats();
    this.emitForeignBase();
    this.flush();
    this.emitEnd("probe ends");
    this.emitCode();
    this.emitTables();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable. */
export function buildInterfaceProbe(): Uint8Array {
  return new InterfaceProbe().build();
}
