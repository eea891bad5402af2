// A roottask with as many threads and scheduling contexts as matter: all wait for one thread, for one semaphore or for
// one point in time, and are made ready, woken up or ended at once. To be measured as long_operations.ts is.

import { qword, r8, r12, rax, rcx, rdi, rdx, rip, rsi } from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { crd } from "./crd.ts";
import { MEASURED, MeasuredProbe, RUNNING } from "./measured_probe.ts";

const PD = abi.ROOT_SEL_PD;
const HANDLER = 0x110;
const HANDLER_UTCB = 0x2000_0000;
const EVENTS = 0x200;
/** What the one thread waits for, what the crowd waits for after its deadline, and what nobody ups. */
const ONE = 0x120;
const MANY = 0x121;
const NEVER = 0x122;
const SLEEPER = 0x130;
const SCS = 0x10_0000;
const SC_ORDER = 13;
const SC_COUNT = 1 << SC_ORDER;
const LATE_SCS = 0x20_0000;
const LATE_ORDER = 12;
const WAITERS = 0x30_0000;
const WAITER_COUNT = 2000;
/** Handlers that call one another in turn, more than can be nested, and their portals. */
const NESTED = 0x40_0000;
const NESTED_PORTALS = 0x50_0000;
const NESTED_COUNT = 1100;
const QUANTUM = 1000n << 12n;
/** TSC ticks: until the crowd has gone to sleep, and after its deadline. */
const LONG_AFTER = 400_000_000;
const SOON = 100_000_000;

/** Operations in the order in which they come. */
export const CROWD_OPERATIONS = [
  "up for 8,192 SCs",
  "wait while 8,192 SCs find their thread blocked",
  "revoke 8,192 SCs that wait",
  "up for 8,192 SCs that are revoked",
  "revoke 4,096 SCs that are ready",
  "wait while 4,096 revoked SCs are ready",
  "wait until 2,000 deadlines have passed",
  "revoke a semaphore with 2,000 waiting threads",
  "sleep at the end of as many calls as can be nested",
] as const;

type Operation = (typeof CROWD_OPERATIONS)[number];

class CrowdedThreads extends MeasuredProbe {
  private semaphore(name: string, selector: number): void {
    this.hypercall(name, abi.HC_CREATE_SM, selector, 0, { rsi: PD });
  }

  /** R12 := a point in time, so many ticks from now. */
  private later(ticks: number): void {
    const { a } = this;
    a.rdtsc();
    a.shl(rdx, 32);
    a.or(rax, rdx);
    a.add(rax, ticks);
    a.mov(r12, rax);
  }

  /** Sleeps until R12. The status is TIMEOUT. */
  private sleep(name?: Operation): void {
    this.split(r12);
    this.load(rdi, (NEVER << 12) | (abi.SM_CTRL_DOWN << 8) | abi.HC_SM_CTRL);
    if (name) this.enter(name);
    else this.a.syscall();
  }

  /** Lets the one thread run; those that wait for it go on. */
  private up(name?: Operation): void {
    this.load(rdi, (ONE << 12) | (abi.SM_CTRL_UP << 8) | abi.HC_SM_CTRL);
    if (name) this.enter(name);
    else this.a.syscall();
  }

  /** RSI and RDX := the halves of a deadline. */
  private split(deadline: typeof r12): void {
    const { a } = this;
    a.mov(rsi, deadline);
    a.shr(rsi, 32);
    a.mov(rdx, deadline);
    a.shl(rdx, 32);
    a.shr(rdx, 32);
  }

  private revoke(name: Operation, base: number, order: number): void {
    this.measure(name, abi.HC_REVOKE, 0, abi.REVOKE_SELF, [crd(abi.CRD_OBJ, base, order)]);
  }

  private createScs(first: number, count: number): void {
    this.times(count, () => {
      this.arguments(abi.HC_CREATE_SC, first, 0, [BigInt(PD), BigInt(SLEEPER), QUANTUM | 1n]);
      this.addTurn(rdi);
      this.a.syscall();
    });
  }

  private emitHandler(): void {
    const { a } = this;
    a.lea(r8, rip("handler_stack")).push(r8);
    this.load(rsi, PD);
    this.load(rdx, HANDLER_UTCB);
    a.pop(rax);
    this.load(r8, 0);
    this.load(rdi, (HANDLER << 12) | abi.HC_CREATE_EC);
    a.syscall();
    const state = abi.MTD_RIP_LEN;
    this.createPt("portal", EVENTS + abi.EVENT_STARTUP, HANDLER, state, "start_sleeper");
    this.createPt("portal", EVENTS + 32 + abi.EVENT_STARTUP, HANDLER, state, "start_waiter");
  }

  /** A handler calls the portal that its own portal's identifier says; the last one that can sleeps. */
  private emitNested(): void {
    const { a } = this;
    this.times(NESTED_COUNT, () => {
      this.arguments(abi.HC_CREATE_EC, NESTED, 0, [BigInt(PD)]);
      this.addTurn(rdi);
      a.syscall();
      this.arguments(abi.HC_CREATE_PT, NESTED_PORTALS, 0, [BigInt(PD), BigInt(NESTED)]);
      a.add(rdx, r12);
      a.lea(r8, rip("nested"));
      this.addTurn(rdi);
      a.syscall();
      const next = (BigInt(NESTED_PORTALS + 1) << 12n) | BigInt(abi.HC_CALL);
      this.arguments(abi.HC_PT_CTRL, NESTED_PORTALS, 0, [next]);
      this.addTurn(rsi);
      this.addTurn(rdi);
      a.syscall();
    });
    this.later(SOON);
    a.mov(qword(rip("counter")), r12);
    const name: Operation = "sleep at the end of as many calls as can be nested";
    this.measure(name, abi.HC_CALL, NESTED_PORTALS, 0, []);
  }

  override build(): Uint8Array {
    const { a } = this;
    this.emitStart();
    for (const selector of [ONE, MANY, NEVER]) this.semaphore("semaphore", selector);
    this.emitHandler();
    this.hypercall("sleeper", abi.HC_CREATE_EC, SLEEPER, 1, { rsi: PD, r8: EVENTS });
    this.createScs(SCS, SC_COUNT);
    this.later(SOON);
    this.sleep();
    this.up("up for 8,192 SCs");
    this.later(SOON);
    this.sleep("wait while 8,192 SCs find their thread blocked");
    this.revoke("revoke 8,192 SCs that wait", SCS, SC_ORDER);
    this.up("up for 8,192 SCs that are revoked");
    this.createScs(LATE_SCS, 1 << LATE_ORDER);
    this.later(SOON);
    this.sleep();
    this.up();
    this.revoke("revoke 4,096 SCs that are ready", LATE_SCS, LATE_ORDER);
    this.later(SOON);
    this.sleep("wait while 4,096 revoked SCs are ready");

    this.later(LONG_AFTER);
    a.mov(qword(rip("counter")), r12);
    this.times(WAITER_COUNT, () => {
      this.arguments(abi.HC_CREATE_EC, WAITERS, 1, [BigInt(PD), 0n, 0n, BigInt(EVENTS + 32)]);
      this.addTurn(rdi, 2);
      a.syscall();
      this.arguments(abi.HC_CREATE_SC, WAITERS + 1, 0, [BigInt(PD), BigInt(WAITERS), QUANTUM | 2n]);
      this.addTurn(rdi, 2);
      a.imul(rcx, r12, 2);
      a.add(rdx, rcx);
      a.syscall();
    });
    a.mov(r12, qword(rip("counter")));
    a.add(r12, 1);
    this.sleep("wait until 2,000 deadlines have passed");
    this.revoke("revoke a semaphore with 2,000 waiting threads", MANY, 0);
    this.emitNested();
    this.emitEnd(MEASURED);

    const startAt = (label: string, target: string) => {
      a.label(label);
      a.lea(rax, rip(target));
      this.load(rcx, HANDLER_UTCB);
      a.mov(qword(rcx, { disp: abi.UTCB_RIP }), rax);
      a.mov(qword(rcx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN);
      this.reply();
    };
    startAt("start_sleeper", "sleeper");
    startAt("start_waiter", "waiter");
    const wait = (selector: number) => {
      this.load(rdi, (selector << 12) | (abi.SM_CTRL_DOWN << 8) | abi.HC_SM_CTRL);
      a.syscall();
    };
    a.label("sleeper");
    this.load(rsi, 0);
    this.load(rdx, 0);
    wait(ONE);
    a.jmp("sleeper");
    a.label("waiter");
    a.mov(r12, qword(rip("counter")));
    this.split(r12);
    wait(NEVER);
    a.label(RUNNING[0], { global: true });
    this.load(rsi, 0);
    this.load(rdx, 0);
    wait(MANY);
    a.label(RUNNING[1], { global: true });
    wait(NEVER);
    a.ud2();
    a.label("nested");
    a.label(RUNNING[2], { global: true });
    a.syscall();
    a.label(RUNNING[3], { global: true });
    a.and(rdi, abi.STATUS_MASK);
    a.cmp(rdi, abi.ABORT);
    a.jne("nested_done");
    a.mov(r12, qword(rip("counter")));
    this.split(r12);
    wait(NEVER);
    a.label("nested_done");
    this.reply();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable. */
export function buildCrowdedThreads(): Uint8Array {
  return new CrowdedThreads().build();
}
