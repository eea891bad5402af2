// The entries that frequent hypercalls have of their own must do what the general one does, on every kind of CPU;
// and what may happen at the wrong moment to a message, a recall, the end of a thread or of its time, a portal into
// nowhere, is dealt with whatever way the message goes.

import { describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { CPU_HAZARD } from "./layout.ts";
import { IA32_FS_BASE, IA32_KERNEL_GS_BASE } from "./msr_number.ts";
import { crd, EXIT_IRET, EXIT_SYSRET, Idle, Machine } from "./testing/machine.ts";
import { generator } from "./testing/random.ts";

const HANDLER_UTCB = 0x10_0000n;
const EVENTS = 0x300;
const HANDLER = 0x100;
const PORTAL = 0x101;
const SEMAPHORE = 0x200;
const PORTAL_RIP = 0x41_0000n;
const CALLER_RIP = 0x40_0000n;
const VEC_IPI = 231;
const NON_CANONICAL = [1n << 47n, 0xffff_8000_0000_0000n, 0xffff_fffe_0020_0000n, (1n << 64n) - 1n];

const boot = (modern: boolean) => Machine.boot(undefined, undefined, undefined, { modern });

const hypercall = (id: number, selector = 0, flags = 0) => ({
  rdi: (BigInt(selector) << 12n) | BigInt(flags << 8) | BigInt(id),
});
const call = { ...hypercall(abi.HC_CALL, PORTAL), rcx: CALLER_RIP, r11: 0x1000 };
const reply = { ...hypercall(abi.HC_REPLY), rcx: PORTAL_RIP + 2n, r11: 0x2000 };

/** The roottask with a handler, a portal into it, and portals for all of its events into another handler. */
async function withHandlers(): Promise<Machine> {
  const m = await boot(true);
  m.createEc(HANDLER, { utcb: HANDLER_UTCB, stack: 0x9000n, events: EVENTS });
  m.createPt(PORTAL, HANDLER, 0, PORTAL_RIP);
  m.createEc(0x102, { utcb: HANDLER_UTCB + 4096n, stack: 0xa000n });
  for (let event = 0; event < abi.NUM_EXC; event++) {
    for (const base of [0, EVENTS]) {
      m.createPt(base + event, 0x102, abi.MTD_RIP_LEN | abi.MTD_RSP, 0x42_0000n + BigInt(event));
    }
  }
  m.createSm(SEMAPHORE, 0);
  return m;
}

describe("entries of their own", () => {
  const HANDLERS = 4;
  const SERVER = 0x400;

  /** Threads of one priority with quanta of their own, handlers in two domains, each with a portal for anything. */
  async function crowd(modern: boolean, fastPaths: boolean): Promise<Machine> {
    const m = await boot(modern);
    m.fastPaths = fastPaths;
    m.createPd(SERVER);
    m.createPd(SERVER + 1, 0x20);
    for (let i = 0; i < HANDLERS; i++) {
      const pd = i === 1 ? SERVER : undefined;
      const utcb = HANDLER_UTCB + BigInt(i) * 4096n;
      m.createEc(HANDLER + i, { utcb, pd, events: EVENTS + ((i + 1) % HANDLERS) * 32 });
      m.createPt(0x40 + i, HANDLER + i, 0, PORTAL_RIP);
      for (let event = 0; event < abi.NUM_EXC; event++) {
        m.createPt(EVENTS + i * 32 + event, HANDLER + i, 0xffff_ffff, PORTAL_RIP);
      }
    }
    for (let i = 0; i < 6; i++) m.createSm(0x50 + i, i & 1);
    for (let i = 0; i < 8; i++) {
      const foreign = i === 7;
      m.createEc(0x500 + i, {
        global: true,
        pd: foreign ? SERVER + 1 : undefined,
        utcb: 0x20_0000n + BigInt(i) * 4096n,
        events: foreign ? 0 : EVENTS + (i % HANDLERS) * 32,
      });
      m.createSc(0x510 + i, 0x500 + i, 1, 300 + i);
    }
    // A foreign thread's events and system calls go to the same handlers.
    for (const event of [abi.EVENT_STARTUP, abi.EVENT_RECALL, abi.EXC_UD, abi.EXC_GP, abi.EXC_PF]) {
      m.delegate(0, SERVER + 1, crd(abi.CRD_OBJ, EVENTS + event), crd(abi.CRD_OBJ, event));
    }
    m.delegate(0, SERVER + 1, crd(abi.CRD_OBJ, 0x43), crd(abi.CRD_OBJ, 0x20));
    // Nobody needs the roottask's own thread: its end would be that of the machine.
    m.createSm(0x60, 0);
    let idled = 0;
    m.onIdle = () => {
      // All threads are dead or wait for ever: the idle thread's own quantum is all that ends.
      if (++idled === 8) throw new Idle("idle");
      m.tsc = m.deadline;
      m.interruptIdle(224);
    };
    m.syscall(hypercall(abi.HC_SM_CTRL, 0x60, abi.SM_CTRL_DOWN));
    return m;
  }

  /** One step of user space, the same for the same numbers and state; true if nobody can run any more. */
  function step(m: Machine, random: (limit: number) => number): boolean {
    try {
      tryStep(m, random);
      return false;
    } catch (error) {
      if (error instanceof Idle || m.log.includes("the roottask has ended")) return true;
      throw error;
    }
  }

  const handlers = new Set<number>();

  function tryStep(m: Machine, random: (limit: number) => number): void {
    if (m.exit === EXIT_SYSRET && m.get("rcx") === PORTAL_RIP) handlers.add(m.ec);
    const dice = random(24);
    const value = BigInt(random(0x1_0000));
    m.extended.xmm0 = value;
    m.msrs.set(IA32_FS_BASE, value << 4n);
    m.msrs.set(IA32_KERNEL_GS_BASE, value << 5n);
    const { utcb } = m;
    m.view.setUint32(utcb, random(2), true);
    const typed = random(12) === 0 ? 1 : 0;
    m.view.setUint32(utcb + 4, (typed << 16) | (random(3) === 0 ? random(520) : random(4)), true);
    m.view.setBigUint64(utcb + 0x10, crd(abi.CRD_OBJ, 0x80, 4), true);
    m.view.setBigUint64(utcb + 0x20, random(3) === 0 ? 0xffff_ffbfn : value, true);
    m.view.setBigUint64(utcb + abi.UTCB_RIP, random(9) === 0 ? 1n << 60n : CALLER_RIP, true);
    m.view.setBigUint64(utcb + 0xff0, crd(abi.CRD_OBJ, 0x50 + random(8)), true);
    m.view.setBigUint64(utcb + 0xff8, 1n, true);
    if (dice === 0) m.timer(m.tsc + BigInt(random(400_000)));
    else if (dice === 1 && !handlers.has(m.ec))
      m.trap([VEC_IPI, abi.EXC_UD, abi.EXC_PF, abi.EXC_GP][random(4)] ?? 6, 2);
    else {
      const common = { rcx: CALLER_RIP + value, r11: value, rsi: value, rdx: 0, rax: value, r8: 0 };
      m.syscall({ ...common, ...choice(random, handlers.has(m.ec)) });
    }
  }

  /** A handler answers mostly; a thread that replies, or waits for ever, is lost: that is tried seldom. */
  function choice(random: (limit: number) => number, isHandler: boolean) {
    if (isHandler && random(2) === 0) return hypercall(abi.HC_REPLY);
    const dice = random(40);
    if (dice < 20) return hypercall(abi.HC_CALL, 0x40 + random(5), isHandler ? 1 : random(2));
    if (dice < 28) return hypercall(abi.HC_PT_CTRL, 0x3f + random(6), random(16));
    if (dice < 36) {
      const down = random(8) === 0 ? abi.SM_CTRL_DOWN : 0;
      return hypercall(abi.HC_SM_CTRL, 0x50 + random(8), down | (random(2) << 1));
    }
    if (dice < 38)
      return hypercall(abi.HC_EC_CTRL, random(2) ? HANDLER + random(4) : 0x500 + random(9));
    const range = crd(abi.CRD_OBJ, [0x40, 0x50, 0x80, 0x510][random(4)] ?? 0, random(3));
    return { ...hypercall(abi.HC_REVOKE, 0, random(60) === 0 ? 1 : 0), rsi: range };
  }

  function registers(m: Machine): string {
    const names = "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15 rip rsp rflags";
    const bases = [IA32_FS_BASE, IA32_KERNEL_GS_BASE].map((msr) => m.msrs.get(msr) ?? 0n);
    const rest = [m.ec, m.exit, m.cr3, m.tsc, m.extended.xmm0, ...bases, m.log];
    return [...names.split(" ").map((name) => `${name} ${m.get(name)}`), ...rest].join("\n");
  }

  /** All of memory; the continuation of the current EC is set anew at the next entry. */
  function memory(m: Machine): Buffer {
    m.view.setUint32(m.ec + m.exports.ec_cont_offset(), 0xffff, true);
    return Buffer.from(m.view.buffer);
  }

  it.each([false, true])("do what the general entry does, modern CPU: %s", async (modern) => {
    let steps = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const [a, b] = [await crowd(modern, true), await crowd(modern, false)];
      handlers.clear();
      const [randomA, randomB] = [generator(seed * 7919), generator(seed * 7919)];
      for (let i = 0; i < 500; i++) {
        const isOver = step(a, randomA);
        expect(step(b, randomB)).toBe(isOver);
        if (isOver) break;
        if (registers(a) !== registers(b)) {
          expect(registers(a), `seed ${seed}, step ${i}`).toBe(registers(b));
        }
        steps++;
        if (i % 100 === 0)
          expect(memory(a).equals(memory(b)), `seed ${seed}, step ${i}`).toBe(true);
      }
    }
    expect(steps).toBeGreaterThan(1000);
  });
});

describe("a message at the wrong moment", () => {
  it.each(NON_CANONICAL)("a portal at %s raises #GP in its handler", async (rip) => {
    const m = await withHandlers();
    m.createPt(0x110, HANDLER, 0, rip);
    m.syscall({ ...call, ...hypercall(abi.HC_CALL, 0x110) });
    expect([m.get("rcx"), m.exit]).toEqual([0x42_0000n + BigInt(abi.EXC_GP), EXIT_SYSRET]);
    expect(m.peek(HANDLER_UTCB + 4096n + BigInt(abi.UTCB_RIP))).toBe(rip);
  });

  it.each(NON_CANONICAL)("an exception's reply to RIP %s raises #GP", async (rip) => {
    const m = await withHandlers();
    m.trap(abi.EXC_UD);
    m.view.setBigUint64(m.utcb + abi.UTCB_MTD, BigInt(abi.MTD_RIP_LEN), true);
    m.view.setBigUint64(m.utcb + abi.UTCB_RIP, rip, true);
    expect(m.syscall(reply)).toBe(EXIT_SYSRET);
    expect(m.get("rcx")).toBe(0x42_0000n + BigInt(abi.EXC_GP));
    expect(m.view.getBigUint64(m.utcb + abi.UTCB_RIP, true)).toBe(rip);
  });

  it("a recalled handler sends its event before it takes a call", async () => {
    const m = await withHandlers();
    expect(m.hypercall(abi.HC_EC_CTRL, HANDLER, abi.EC_CTRL_RECALL)).toBe(abi.SUCCESS);
    m.syscall(call);
    expect(m.get("rcx")).toBe(0x42_0000n + BigInt(abi.EVENT_RECALL));
    m.view.setBigUint64(m.utcb + abi.UTCB_MTD, 0n, true);
    expect(m.syscall(reply)).toBe(EXIT_IRET);
    expect([m.get("rip"), m.get("rsp"), m.get("rflags")]).toEqual([PORTAL_RIP, 0x9000n, 0x202n]);
    expect([m.get("cs"), m.get("ss")]).toEqual([0x2bn, 0x23n]);
  });

  it("a caller recalled meanwhile sends its event when the answer is there", async () => {
    const m = await withHandlers();
    m.syscall(call);
    expect(m.hypercall(abi.HC_EC_CTRL, abi.ROOT_SEL_EC, abi.EC_CTRL_RECALL)).toBe(abi.SUCCESS);
    expect(m.syscall(reply)).toBe(EXIT_SYSRET);
    expect(m.get("rcx")).toBe(0x42_0000n + BigInt(abi.EVENT_RECALL));
    const event = m.utcb;
    expect(m.view.getBigUint64(event + abi.UTCB_RIP, true)).toBe(CALLER_RIP);
    expect(m.view.getBigUint64(event + abi.UTCB_RSP, true)).toBe(0x1000n);
  });

  it("time that ends during a call ends when the kernel is entered next, whatever is asked for", async () => {
    for (const request of [call, reply, hypercall(abi.HC_PT_CTRL, PORTAL)]) {
      const m = await withHandlers();
      m.createEc(0x500, { global: true, utcb: HANDLER_UTCB + 0x8000n, events: EVENTS });
      m.createSc(0x501, 0x500, abi.ROOT_PRIORITY, 1000);
      const caller = m.ec;
      // As another CPU does it; its interrupt comes only after SYSRET.
      m.view.setUint32(m.cpuArea + CPU_HAZARD, 1, true);
      m.tsc = m.deadline;
      m.syscall({ ...call, ...request });
      expect(m.ec).not.toBe(caller);
      expect(m.view.getUint32(m.cpuArea + CPU_HAZARD, true)).toBe(0);
    }
  });

  it("a handler without capabilities answers its last call and is gone", async () => {
    const m = await withHandlers();
    const revoke = (selector: number) =>
      m.hypercall(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi: crd(abi.CRD_OBJ, selector) });
    const before = m.audit().get("UTCB") ?? 0;
    m.syscall(call);
    revoke(PORTAL);
    revoke(HANDLER);
    expect(m.syscall(reply)).toBe(EXIT_SYSRET);
    expect([m.get("rcx"), m.get("rdi") & 0xffn]).toEqual([CALLER_RIP, BigInt(abi.SUCCESS)]);
    expect(m.audit().get("UTCB")).toBe(before - 1);
    expect(m.hypercall(abi.HC_CALL, PORTAL)).toBe(abi.BAD_CAP);
  });

  it("a portal revoked between two calls is not found", async () => {
    const m = await withHandlers();
    m.syscall(call);
    m.syscall(reply);
    m.hypercall(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi: crd(abi.CRD_OBJ, PORTAL) });
    expect(m.hypercall(abi.HC_CALL, PORTAL)).toBe(abi.BAD_CAP);
    expect(m.hypercall(abi.HC_PT_CTRL, PORTAL)).toBe(abi.BAD_CAP);
  });

  it("a handler is as often held after a thousand messages as before", async () => {
    const m = await withHandlers();
    const holds = () => {
      m.syscall(call);
      const held = m.view.getUint32(m.ec + m.exports.ec_refs_offset(), true);
      m.syscall(reply);
      return held;
    };
    const first = holds();
    for (let i = 0; i < 1000; i++) holds();
    expect(holds()).toBe(first);
  });

  it("a foreign program's flag decides between hypercall and message, call by call", async () => {
    const m = await withHandlers();
    m.createPd(0x600, 0x40);
    m.createEc(0x601, { pd: 0x600, global: true, utcb: HANDLER_UTCB, events: 0 });
    for (const [from, to] of [
      [abi.EVENT_STARTUP, abi.EVENT_STARTUP],
      [PORTAL, 0x40],
      [SEMAPHORE, 0x50],
    ] as const) {
      m.delegate(abi.ROOT_SEL_PD, 0x600, crd(abi.CRD_OBJ, from), crd(abi.CRD_OBJ, to));
    }
    m.syscall({
      ...hypercall(abi.HC_CREATE_SC, 0x602),
      ...{ rsi: abi.ROOT_SEL_PD, rdx: 0x601, rax: (1000n << 12n) | BigInt(abi.ROOT_PRIORITY + 1) },
    });
    const state = abi.MTD_RIP_LEN | abi.MTD_RSP;
    m.view.setBigUint64(m.utcb + abi.UTCB_MTD, BigInt(state), true);
    m.view.setBigUint64(m.utcb + abi.UTCB_RIP, 0x50_0000n, true);
    expect(m.syscall(reply)).toBe(EXIT_IRET);
    const foreign = m.ec;
    const up = { ...hypercall(abi.HC_SM_CTRL, 0x50), rcx: 0x50_0002n };
    m.view.setUint32(m.utcb, abi.UTCB_NSCT, true);
    expect(m.syscall(up)).toBe(EXIT_SYSRET);
    expect([m.ec, m.get("rdi")]).toEqual([foreign, BigInt(abi.SUCCESS)]);
    m.view.setUint32(m.utcb, 0, true);
    expect(m.syscall(up)).toBe(EXIT_SYSRET);
    expect([m.ec === foreign, m.get("rcx")]).toEqual([false, PORTAL_RIP]);
  });
});
