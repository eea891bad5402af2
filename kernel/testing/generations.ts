// A roottask that creates domains, uses what they consist of (memory, ports, threads, portals, semaphores, UTCBs)
// and destroys them, over and over, on two CPUs that revoke each other's while they do. Before and after it counts
// how many objects the kernel can be made to hold: each takes a page of its own.

import { qword, r8, r12, r13, rax, rbx, rdi, rdx, rip, rsi } from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { crd } from "./crd.ts";
import { PROBE_BASE, PROBE_ORDER, Probe } from "./probe.ts";

const PD = abi.ROOT_SEL_PD;
const GO = 0x100;
const DONE = 0x101;
const REMOTE = 0x102;
const REMOTE_SC = 0x103;
/** Event base of the thread on the second CPU. */
const REMOTE_EVENTS = 0x200;
/** By CPU: the handler of startup events, its portal and UTCB; a generation's selectors and memory. */
const HANDLERS = [0x110, 0x111];
const STARTUPS = [0x112, 0x113];
const HANDLER_UTCBS = [0x2000_0000, 0x2000_1000];
const RANGES = [0x1000, 0x1040];
const RANGE_ORDER = 6;
const SHARED = [0x4000_0000, 0x4020_0000];
const SHARED_ORDER = 9;
const THREAD_UTCB = 0x2000_2000;
/** In the domain: UTCBs of its threads, the selector of its semaphore. */
const UTCB = 0x3000_0000;
const SEMAPHORE = 100;
/** Selectors so far apart that each object needs a page, enough for more than all memory. */
const HOARD = 0x100_0000;
const QUANTUM = 10_000n << BigInt(abi.QPD_QUANTUM_SHIFT);
const STACKS = ["foreign_stack", "remote_stack"];

export const LAST_LINE = "generations end";
export const CAPACITY_LINES = ["capacity before ", "capacity after "];

interface Values {
  rsi?: bigint | number;
  rdx?: bigint | number;
  rax?: bigint | number;
  r8?: bigint | number | string;
}

class Generations extends Probe {
  private readonly count: number;

  constructor(count: number) {
    super();
    this.count = count;
  }

  /** A hypercall whose status nobody looks at; the value of RAX or R8 can be the address of a label. */
  private ask(id: number, selector: number, flags: number, values: Values, stack?: string): void {
    const { a } = this;
    this.load(rsi, values.rsi ?? 0);
    this.load(rdx, values.rdx ?? 0);
    if (stack) a.lea(rax, rip(stack));
    else this.load(rax, values.rax ?? 0);
    if (typeof values.r8 === "string") a.lea(r8, rip(values.r8));
    else this.load(r8, values.r8 ?? 0);
    this.load(rdi, (BigInt(selector) << 12n) | BigInt((flags << 8) | id));
    a.syscall();
  }

  private give(source: bigint, target: bigint, to: number, from = PD, flags = 1): void {
    const values = { rsi: to, rdx: source, rax: flags, r8: target };
    this.ask(abi.HC_PD_CTRL, from, abi.PD_CTRL_DELEGATE, values);
  }

  private take(range: bigint): void {
    this.ask(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi: range });
  }

  private emitGeneration(cpu: 0 | 1): void {
    const first = RANGES[cpu] ?? 0;
    const [pd, ec, pt, sm, thread, sc, copy, copy2] = Array.from(
      { length: 8 },
      (_, i) => first + i,
    );
    const obj = (selector = 0, order = 0) => crd(abi.CRD_OBJ, selector, order);
    const image = crd(abi.CRD_MEM, PROBE_BASE >> 12, PROBE_ORDER, 7);
    const shared = crd(abi.CRD_MEM, (SHARED[cpu] ?? 0) >> 12, SHARED_ORDER, 7);
    const fromKernel = abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL;
    if (!pd || !ec || !pt || !sm || !thread || !sc || !copy || !copy2) throw new Error("selectors");
    this.ask(abi.HC_CREATE_PD, pd, 0, { rsi: PD });
    this.give(image, image, pd);
    this.give(obj(STARTUPS[cpu]), obj(abi.EVENT_STARTUP), pd);
    this.ask(abi.HC_CREATE_EC, ec, 0, { rsi: pd, rdx: UTCB | cpu }, STACKS[cpu]);
    this.ask(abi.HC_CREATE_PT, pt, 0, { rsi: PD, rdx: ec, r8: "service" });
    this.ask(abi.HC_CREATE_SM, sm, 0, { rsi: PD, rdx: 1 });
    this.give(obj(sm), obj(SEMAPHORE), pd);
    this.ask(abi.HC_SM_CTRL, sm, abi.SM_CTRL_UP, {});
    this.ask(abi.HC_SM_CTRL, sm, abi.SM_CTRL_DOWN, {});
    // A thread that takes what is left of the semaphore, then waits for ever.
    const global = abi.CREATE_EC_GLOBAL;
    this.ask(abi.HC_CREATE_EC, thread, global, { rsi: pd, rdx: (UTCB + 0x1000) | cpu });
    this.ask(abi.HC_CREATE_SC, sc, 0, { rsi: PD, rdx: thread, rax: QUANTUM | 2n });
    const ports = crd(abi.CRD_PIO, 0x80, 3);
    this.give(ports, ports, pd, PD, fromKernel);
    this.give(crd(abi.CRD_MEM, 0x8100, 8, 7), shared, pd, PD, fromKernel);
    this.give(shared, shared, PD, pd);
    this.ask(abi.HC_CALL, pt, 0, {});
    this.give(obj(sm), obj(copy), PD);
    this.give(obj(copy), obj(copy2), PD);
    this.take(crd(abi.CRD_MEM, (SHARED[cpu] ?? 0) >> 12, SHARED_ORDER, 7));
    this.take(obj(first, RANGE_ORDER));
    this.take(obj(RANGES[1 - cpu], RANGE_ORDER));
  }

  private emitGenerations(cpu: 0 | 1): void {
    const { a } = this;
    const loop = this.fresh("generation");
    this.load(r13, this.count);
    a.label(loop);
    this.emitGeneration(cpu);
    a.dec(r13);
    a.jne(loop);
  }

  /** Counts in R12 how many objects there can be, and revokes them. */
  private emitCapacity(line: string): void {
    const { a } = this;
    const loop = this.fresh("hoard");
    a.xor(r12, r12);
    a.label(loop);
    this.load(rsi, PD);
    this.load(rdx, 0);
    this.load(rax, 0);
    this.load(rdi, (BigInt(HOARD) << 12n) | BigInt(abi.HC_CREATE_SM));
    a.mov(rbx, r12);
    a.shl(rbx, 22);
    a.add(rdi, rbx);
    a.syscall();
    a.inc(r12);
    a.and(rdi, abi.STATUS_MASK);
    a.je(loop);
    for (let order = 24; order < 26; order++) this.take(crd(abi.CRD_OBJ, 2 ** order, order));
    this.show(line.trim(), r12);
  }

  private emitSetUp(): void {
    for (const [cpu, handler] of HANDLERS.entries()) {
      const utcb = (HANDLER_UTCBS[cpu] ?? 0) | cpu;
      const stack = cpu === 0 ? "handler_stack" : "other_stack";
      this.ask(abi.HC_CREATE_EC, handler, 0, { rsi: PD, rdx: utcb }, stack);
      const label = `start_${cpu}`;
      this.createPt("startup portal", STARTUPS[cpu] ?? 0, handler, abi.MTD_RIP_LEN, label);
    }
    const portal = REMOTE_EVENTS + abi.EVENT_STARTUP;
    this.createPt("portal of the other CPU", portal, HANDLERS[1] ?? 0, 8, "start_remote");
    this.hypercall("semaphore", abi.HC_CREATE_SM, GO, 0, { rsi: PD });
    this.hypercall("semaphore", abi.HC_CREATE_SM, DONE, 0, { rsi: PD });
    const args = { rdx: THREAD_UTCB | 1, r8: REMOTE_EVENTS };
    this.createEc("thread of the other CPU", REMOTE, abi.CREATE_EC_GLOBAL, args);
    const sc = { rsi: PD, rdx: REMOTE, rax: QUANTUM | 1n };
    this.hypercall("its SC", abi.HC_CREATE_SC, REMOTE_SC, 0, sc);
    this.hypercall("it is ready", abi.HC_SM_CTRL, DONE, abi.SM_CTRL_DOWN);
  }

  private emitHandlers(): void {
    const { a } = this;
    const start = (label: string, cpu: number, entry: string, stack: string) => {
      a.label(label);
      this.load(rbx, HANDLER_UTCBS[cpu] ?? 0);
      a.lea(rax, rip(entry)).mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
      a.lea(rax, rip(stack)).mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
      a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
      this.reply();
    };
    start("start_0", 0, "wait", "foreign_stack");
    start("start_1", 1, "wait", "remote_stack");
    start("start_remote", 1, "remote", "thread_stack");
    a.label("service");
    this.reply();
    a.label("wait");
    this.ask(abi.HC_SM_CTRL, SEMAPHORE, abi.SM_CTRL_DOWN, {});
    // Without the semaphore it would run for ever, at a higher priority than whoever could end it.
    a.and(rdi, abi.STATUS_MASK);
    a.je("wait");
    a.ud2();
    a.label("remote");
    this.ask(abi.HC_SM_CTRL, DONE, abi.SM_CTRL_UP, {});
    this.ask(abi.HC_SM_CTRL, GO, abi.SM_CTRL_DOWN, {});
    this.emitGenerations(1);
    a.jmp("remote");
  }

  override build(): Uint8Array {
    const [before = "", after = ""] = CAPACITY_LINES;
    this.emitStart();
    this.emitSetUp();
    this.emitCapacity(before);
    this.ask(abi.HC_SM_CTRL, GO, abi.SM_CTRL_UP, {});
    this.emitGenerations(0);
    this.hypercall("the other CPU is done", abi.HC_SM_CTRL, DONE, abi.SM_CTRL_DOWN);
    for (const first of RANGES) this.take(crd(abi.CRD_OBJ, first, RANGE_ORDER));
    for (const at of SHARED) this.take(crd(abi.CRD_MEM, at >> 12, SHARED_ORDER, 7));
    this.emitCapacity(after);
    this.emitEnd(LAST_LINE);
    this.emitHandlers();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable, with so many generations of domains on each of two CPUs. */
export function buildGenerations(count: number): Uint8Array {
  return new Generations(count).build();
}
