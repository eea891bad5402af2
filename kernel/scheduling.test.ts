// Scheduling contexts and semaphores: priorities, quanta, blocking, timeouts.

import { describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { crd, Machine } from "./testing/machine.ts";
import { generator } from "./testing/random.ts";

/** Threads 100, 110, …: global EC, its SC one selector later, a handler that starts it at once. */
async function withThreads(priorities: number[], quantum = 1000): Promise<Machine> {
  const m = await Machine.boot();
  m.createEc(90, { utcb: 0x10_0000n });
  m.createPt(abi.EVENT_STARTUP, 90, 0, 0x41_0000);
  for (const [i, priority] of priorities.entries()) {
    const selector = 100 + i * 10;
    expect(m.createEc(selector, { global: true, utcb: 0x20_0000n + BigInt(i) * 4096n })).toBe(0);
    const root = m.ec;
    m.syscall({
      rdi: (BigInt(selector + 1) << 12n) | BigInt(abi.HC_CREATE_SC),
      rsi: abi.ROOT_SEL_PD,
      rdx: selector,
      rax: (BigInt(quantum) << 12n) | BigInt(priority),
      rcx: 0x40_0000,
    });
    if (m.ec !== root) start(m);
  }
  return m;
}

/** The startup handler is current: it replies. */
function start(m: Machine): void {
  m.syscall({ rdi: abi.HC_REPLY, rcx: 0x41_0000, r11: 0x1000 });
}

const down = (selector: number, deadline = 0n, flags = 0) => ({
  rdi: (BigInt(selector) << 12n) | BigInt(((abi.SM_CTRL_DOWN | flags) << 8) | abi.HC_SM_CTRL),
  rsi: deadline >> 32n,
  rdx: deadline & 0xffff_ffffn,
  rcx: 0x40_0000,
});

describe("scheduling contexts", () => {
  it("with a higher priority run at once, with a lower one not while others can", async () => {
    const m = await Machine.boot();
    const root = m.ec;
    m.createEc(90, { utcb: 0x10_0000n });
    m.createPt(abi.EVENT_STARTUP, 90, 0, 0x41_0000);
    m.createEc(100, { global: true });
    m.syscall({
      rdi: (101n << 12n) | BigInt(abi.HC_CREATE_SC),
      rsi: 32,
      rdx: 100,
      rax: (1000n << 12n) | 5n,
      rcx: 0x40_0000,
    });
    expect(m.ec).not.toBe(root);
    start(m);
    const thread = m.ec;
    m.timer(m.deadline);
    expect(m.ec).toBe(thread);
  });

  it("of the same priority take turns when their quanta end", async () => {
    const m = await withThreads([1, 1]);
    const seen = [m.ec];
    for (let i = 0; i < 6; i++) {
      m.timer(m.deadline);
      if (m.get("rcx") === 0x41_0000n && m.exit === 0) start(m);
      seen.push(m.ec);
    }
    expect(new Set(seen).size).toBe(3);
    expect(seen[3]).toBe(seen[0]);
    expect(seen.slice(3, 6)).toEqual(seen.slice(0, 3));
  });

  it("need a priority between 1 and 127, a quantum, and a global EC", async () => {
    const m = await Machine.boot();
    m.createEc(100, { global: true });
    m.createEc(110);
    expect(m.createSc(101, 100, 0, 1000)).toBe(abi.BAD_PAR);
    expect(m.createSc(101, 100, 128, 1000)).toBe(abi.BAD_PAR);
    expect(m.createSc(101, 100, 1, 0)).toBe(abi.BAD_PAR);
    expect(m.createSc(101, 110, 1, 1000)).toBe(abi.BAD_CAP);
  });

  it("stop running their EC once their capability is revoked", async () => {
    const m = await withThreads([1]);
    m.timer(m.deadline);
    start(m);
    const thread = m.ec;
    m.timer(m.deadline);
    expect(m.ec).not.toBe(thread);
    m.hypercall(abi.HC_REVOKE, 0, 1, { rsi: crd(abi.CRD_OBJ, 101) });
    for (let i = 0; i < 4; i++) {
      m.timer(m.deadline);
      expect(m.ec).not.toBe(thread);
    }
  });

  it("revoked while they wait for their turn do not get it", async () => {
    const m = await withThreads([1, 1, 1]);
    const root = m.ec;
    for (const selector of [101, 111, 121]) {
      m.hypercall(abi.HC_REVOKE, 0, 1, { rsi: crd(abi.CRD_OBJ, selector) });
    }
    for (let i = 0; i < 6; i++) {
      m.timer(m.deadline);
      expect(m.ec).toBe(root);
    }
  });

  it("do not wait for an EC that has ended by a reply", async () => {
    const m = await withThreads([1]);
    const before = m.freePages;
    m.createEc(500, { global: true, utcb: 0x30_0000n });
    m.createSc(501, 500, 1, 1000);
    m.createSc(502, 500, 1, 1000);
    const root = m.ec;
    for (let i = 0; i < 8; i++) {
      m.timer(m.deadline);
      if (m.ec === root) continue;
      // The startup handler starts a thread, a thread replies and ends.
      m.syscall({ rdi: abi.HC_REPLY, rcx: 0x40_0000, r11: 0x1000 });
    }
    while (m.ec !== root) m.timer(m.deadline);
    m.hypercall(abi.HC_REVOKE, 0, 1, { rsi: crd(abi.CRD_OBJ, 500, 2) });
    m.timer(m.deadline);
    m.audit();
    expect(m.freePages).toBeGreaterThanOrEqual(before - 1);
  });

  it("report the time they have used in microseconds", async () => {
    const m = await Machine.boot();
    m.timer(m.deadline);
    expect(m.hypercall(abi.HC_SC_CTRL, 34)).toBe(abi.SUCCESS);
    // 10 ms of quantum at the model's 1 GHz.
    expect(Number(m.get("rdx"))).toBeGreaterThanOrEqual(9_990);
    expect(Number(m.get("rdx"))).toBeLessThan(10_500);
  });

  it("count the time since they were given the CPU", async () => {
    const m = await Machine.boot();
    m.hypercall(abi.HC_SC_CTRL, 34);
    const before = Number(m.get("rdx"));
    m.tsc += 3_000_000n;
    m.hypercall(abi.HC_SC_CTRL, 34);
    expect(Number(m.get("rdx")) - before).toBeGreaterThanOrEqual(3_000);
    expect(Number(m.get("rdx")) - before).toBeLessThan(3_500);
  });
});

describe("semaphores", () => {
  it("count: down succeeds as often as the counter says", async () => {
    const m = await Machine.boot();
    m.createSm(50, 2);
    expect(m.hypercall(abi.HC_SM_CTRL, 50, 1)).toBe(abi.SUCCESS);
    expect(m.hypercall(abi.HC_SM_CTRL, 50, 1)).toBe(abi.SUCCESS);
    expect(() => m.syscall(down(50))).toThrow("idle");
  });

  it("wake waiting ECs in the order they came", async () => {
    const m = await withThreads([9, 8]);
    const up = { rdi: (50n << 12n) | BigInt(abi.HC_SM_CTRL), rcx: 0x40_0000 };
    m.createSm(50, 0);
    const first = m.ec;
    m.syscall(down(50));
    start(m);
    const second = m.ec;
    expect(second).not.toBe(first);
    m.syscall(down(50));
    m.syscall(up);
    expect(m.ec).toBe(first);
    m.syscall(down(50));
    m.syscall(up);
    expect(m.ec).toBe(second);
  });

  it("time out at the deadline with status TIMEOUT", async () => {
    const m = await Machine.boot();
    const root = m.ec;
    m.createSm(50, 0);
    let slept = 0n;
    m.onIdle = () => {
      slept = m.deadline;
      m.tsc = m.deadline;
      m.interruptIdle(224);
    };
    const deadline = m.tsc + 123_456_789n;
    m.syscall(down(50, deadline));
    expect(m.ec).toBe(root);
    expect(m.get("rdi")).toBe(BigInt(abi.TIMEOUT));
    expect(slept).toBe(deadline);
    expect(m.hypercall(abi.HC_SM_CTRL, 50, 0)).toBe(abi.SUCCESS);
    expect(m.hypercall(abi.HC_SM_CTRL, 50, 1)).toBe(abi.SUCCESS);
  });

  it("time out in the order of their deadlines, whoever was woken up or came in between", async () => {
    const count = 90;
    const m = await withThreads(Array.from({ length: count }, () => 9));
    const random = generator(8);
    const sleep = (i: number, at: bigint) => {
      deadlines.set(m.ec, at);
      m.syscall(down(5000 + i, at));
    };
    for (let i = 0; i < count; i++) m.createSm(5000 + i, 0);
    m.createSm(50, 0);
    const deadlines = new Map<number, bigint>();
    const threads: number[] = [];
    const first = m.tsc + 1_000_000_000n;
    for (let i = 0; i < count; i++) {
      if (i > 0) start(m);
      threads.push(m.ec);
      // Some have the same one.
      sleep(i, first + BigInt(random(64)) * 10_000_000n);
      m.audit();
    }
    const root = m.ec;
    expect(threads).not.toContain(root);
    for (let i = 0; i < count; i += 3) {
      m.syscall({ rdi: (BigInt(5000 + i) << 12n) | BigInt(abi.HC_SM_CTRL), rcx: 0x40_0000 });
      const woken = m.ec;
      expect(woken).toBe(threads[i]);
      deadlines.delete(woken);
      if (i % 2) m.syscall(down(50));
      else sleep(i, first + BigInt(random(64)) * 10_000_000n);
      expect(m.ec).toBe(root);
      m.audit();
    }
    while (deadlines.size > 0) {
      const [least = 0n] = [...deadlines.values()].sort((a, b) => (a < b ? -1 : 1));
      m.timer(least);
      expect(deadlines.get(m.ec)).toBe(least);
      expect(m.get("rdi")).toBe(BigInt(abi.TIMEOUT));
      deadlines.delete(m.ec);
      m.syscall(down(50));
      m.audit();
      // The others of this point in time.
      while (m.ec !== root) {
        expect(deadlines.get(m.ec)).toBe(least);
        deadlines.delete(m.ec);
        m.syscall(down(50));
      }
    }
  });

  it("wake a thread of higher priority at once", async () => {
    const m = await withThreads([9]);
    const thread = m.ec;
    m.createSm(50, 0);
    m.syscall(down(50));
    const root = m.ec;
    expect(root).not.toBe(thread);
    m.syscall({ rdi: (50n << 12n) | BigInt(abi.HC_SM_CTRL), rcx: 0x40_0000 });
    expect(m.ec).toBe(thread);
    expect(m.get("rdi")).toBe(0n);
  });

  it("let go of their waiters with BAD_CAP when they are revoked", async () => {
    const m = await withThreads([9]);
    const thread = m.ec;
    m.createSm(50, 0);
    m.syscall(down(50));
    m.syscall({
      rdi: BigInt(abi.HC_REVOKE) | 0x100n,
      rsi: crd(abi.CRD_OBJ, 50),
      rcx: 0x40_0000,
    });
    expect(m.ec).toBe(thread);
    expect(m.get("rdi")).toBe(BigInt(abi.BAD_CAP));
  });
});

describe("interrupt semaphores", () => {
  const gsi = 4;

  async function withInterrupt(): Promise<Machine> {
    const m = await Machine.boot();
    const root = abi.ROOT_SEL_PD;
    const source = crd(abi.CRD_OBJ, abi.NUM_CPU + gsi);
    expect(m.delegate(root, root, source, crd(abi.CRD_OBJ, 50), 0x801n)).toBe(abi.SUCCESS);
    return m;
  }

  it("come from the kernel and count interrupts", async () => {
    const m = await withInterrupt();
    m.trap(32 + gsi);
    m.trap(32 + gsi);
    expect(m.hypercall(abi.HC_SM_CTRL, 50, abi.SM_CTRL_DOWN)).toBe(abi.SUCCESS);
    expect(m.hypercall(abi.HC_SM_CTRL, 50, abi.SM_CTRL_DOWN)).toBe(abi.SUCCESS);
    m.onIdle = () => m.interruptIdle(32 + gsi);
    m.syscall(down(50));
    expect(m.get("rdi")).toBe(BigInt(abi.SUCCESS));
  });

  it("of an MSI need the device's configuration page", async () => {
    const m = await withInterrupt();
    const status = m.hypercall(abi.HC_ASSIGN_GSI, 50, 0, { rsi: 0x40_0000, rax: -1 });
    expect(status).toBe(abi.BAD_DEV);
  });
});
