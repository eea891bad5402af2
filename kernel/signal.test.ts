// Signals: semaphores that are bound to another one, and interrupts that are bound to them; replies that let the
// caller wait for a semaphore. Expectations are what the reference does (testing/interface.1.expected.txt).

import { describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { crd, Machine } from "./testing/machine.ts";

const ROOT = abi.ROOT_SEL_PD;
const BOUND = 200;
const A = 201;
const B = 202;
/** A deadline that has passed: nobody waits. */
const PAST = { rdx: 1 };

async function withSignals(): Promise<Machine> {
  const m = await Machine.boot();
  expect(m.createSm(BOUND, 0)).toBe(abi.SUCCESS);
  for (const [selector, value] of [
    [A, 0xaaaa],
    [B, 0xbbbb],
  ] as const) {
    const args = { rsi: ROOT, rdx: value, rax: BOUND };
    expect(m.hypercall(abi.HC_CREATE_SM, selector, 0, args)).toBe(abi.SUCCESS);
  }
  return m;
}

const up = (m: Machine, selector: number) => m.hypercall(abi.HC_SM_CTRL, selector, abi.SM_CTRL_UP);

/** What a `down` with a deadline says: its status, value and count of a signal. */
function down(m: Machine, selector: number, flags = 0): (number | bigint)[] {
  m.onIdle = () => m.timer(m.tsc + 1n);
  const status = m.hypercall(abi.HC_SM_CTRL, selector, abi.SM_CTRL_DOWN | flags, PAST);
  return [status, m.get("rsi"), m.get("rdx")];
}

describe("signals", () => {
  it("tell their value and how often they came, in the order of their first coming", async () => {
    const m = await withSignals();
    for (const selector of [A, B, A, A]) expect(up(m, selector)).toBe(abi.SUCCESS);
    expect(down(m, BOUND)).toEqual([abi.SUCCESS, 0xaaaan, 3n]);
    expect(down(m, BOUND)).toEqual([abi.SUCCESS, 0xbbbbn, 1n]);
    up(m, BOUND);
    expect(down(m, BOUND)).toEqual([abi.SUCCESS, 0n, 1n]);
  });

  it("are not lost by a down to zero that tells another one", async () => {
    const m = await withSignals();
    for (const selector of [A, BOUND, B]) up(m, selector);
    expect(down(m, BOUND, abi.SM_CTRL_ZERO)).toEqual([abi.SUCCESS, 0xaaaan, 1n]);
    expect(down(m, BOUND)).toEqual([abi.SUCCESS, 0xbbbbn, 1n]);
  });

  it("can be upped only, and be bound one level deep", async () => {
    const m = await withSignals();
    expect(m.hypercall(abi.HC_SM_CTRL, A, abi.SM_CTRL_DOWN)).toBe(abi.BAD_CAP);
    const args = { rsi: ROOT, rax: A };
    expect(m.hypercall(abi.HC_CREATE_SM, 203, 0, args)).toBe(abi.BAD_CAP);
    expect(m.lookup(abi.CRD_OBJ, 203)).toBe(0n);
  });

  it("leave nothing behind when they are revoked while they are pending", async () => {
    const m = await withSignals();
    for (const selector of [A, B]) up(m, selector);
    m.hypercall(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi: crd(abi.CRD_OBJ, A) });
    expect(down(m, BOUND)).toEqual([abi.SUCCESS, 0xbbbbn, 1n]);
    m.hypercall(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi: crd(abi.CRD_OBJ, BOUND) });
    expect(up(m, B)).toBe(abi.SUCCESS);
  });

  it("get the interrupts of a GSI, those that came before included", async () => {
    const m = await withSignals();
    const gsi = 30;
    const source = crd(abi.CRD_OBJ, abi.NUM_CPU + gsi);
    const meta = BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL);
    m.delegate(ROOT, ROOT, source, crd(abi.CRD_OBJ, 300), meta);
    m.trap(abi.NUM_EXC + gsi);
    m.trap(abi.NUM_EXC + gsi);
    // There is no device: the binding holds all the same, as in the reference.
    expect(m.hypercall(abi.HC_ASSIGN_GSI, 300, 0, { rax: A })).toBe(abi.BAD_DEV);
    m.trap(abi.NUM_EXC + gsi);
    expect(down(m, BOUND)).toEqual([abi.SUCCESS, 0xaaaan, 3n]);
    expect(m.hypercall(abi.HC_ASSIGN_GSI, 300, 0, { rax: 300 })).toBe(abi.SUCCESS);
    m.trap(abi.NUM_EXC + gsi);
    expect(down(m, 300)[0]).toBe(abi.SUCCESS);
  });

  it("stay what they are while an interrupt is bound to them, even when their domain is gone", async () => {
    const m = await Machine.boot();
    const [gsi, inner] = [30, 96];
    m.createSm(BOUND, 0);
    const source = crd(abi.CRD_OBJ, abi.NUM_CPU + gsi);
    const meta = BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL);
    m.delegate(ROOT, ROOT, source, crd(abi.CRD_OBJ, 300), meta);
    for (let pd = 64; pd < 128; pd++) m.createPd(pd);
    for (const selector of [ROOT, BOUND, inner]) {
      m.delegate(ROOT, inner, crd(abi.CRD_OBJ, selector), crd(abi.CRD_OBJ, selector));
    }
    // A handler in the inner domain makes the signal and passes it on.
    m.createEc(210, { pd: inner, utcb: 0x60_0000n });
    m.createPt(211, 210, 0, 0x1234);
    m.syscall({ rdi: (211n << 12n) | BigInt(abi.HC_CALL), rcx: 0x40_0000 });
    const args = { rsi: ROOT, rdx: 0xcccc, rax: BOUND };
    expect(m.hypercall(abi.HC_CREATE_SM, A, 0, args)).toBe(abi.SUCCESS);
    m.delegate(inner, ROOT, crd(abi.CRD_OBJ, A), crd(abi.CRD_OBJ, A));
    m.syscall({ rdi: BigInt(abi.HC_REPLY) });
    expect(m.hypercall(abi.HC_ASSIGN_GSI, 300, 0, { rax: A })).toBe(abi.BAD_DEV);
    for (const range of [crd(abi.CRD_OBJ, 210, 1), crd(abi.CRD_OBJ, 64, 6)]) {
      m.hypercall(abi.HC_REVOKE, 0, abi.REVOKE_SELF, { rsi: range });
    }
    expect(m.lookup(abi.CRD_OBJ, A)).toBe(0n);
    // Memory of the domain is given out again, as UTCBs, and written to.
    for (let i = 0; i < 200; i++) {
      const address = 0x70_0000 + 4096 * i;
      m.createEc(0x1000 + i, { utcb: BigInt(address) });
      const { phys } = m.translate(BigInt(address)) ?? { phys: 0 };
      new Uint8Array(m.view.buffer, phys, 4096).fill(1);
    }
    m.trap(abi.NUM_EXC + gsi);
    expect(down(m, BOUND)).toEqual([abi.SUCCESS, 0xccccn, 1n]);
    m.audit();
  });
});

describe("a reply with a semaphore", () => {
  const HANDLER_UTCB = 0x10_0000n;
  const call = { rdi: BigInt(101) << 12n, rcx: 0x40_0000, r11: 0x1000 };
  const reply = (selector: number) => ({
    rdi: (BigInt(selector) << 12n) | BigInt(abi.HC_REPLY),
    rcx: 0x41_0100,
    r11: 0x1f_ff00,
  });

  async function called(count: number, permissions = 3): Promise<Machine> {
    const m = await Machine.boot();
    m.createSm(210, count);
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 210, 0, permissions), crd(abi.CRD_OBJ, 211));
    m.createEc(100, { utcb: HANDLER_UTCB, stack: 0x20_0000n });
    m.createPt(101, 100, 0, 0x41_0000);
    m.syscall(call);
    return m;
  }

  it("repeats the call when it could take from it", async () => {
    const m = await called(1);
    const handler = m.ec;
    m.syscall(reply(211));
    expect([m.ec, m.get("rcx")]).toEqual([handler, 0x41_0000n]);
    m.syscall(reply(0));
    expect(m.get("rcx")).toBe(0x40_0000n);
  });

  it("lets the caller wait until it is upped", async () => {
    const m = await called(0);
    const handler = m.ec;
    let idle = 0;
    m.onIdle = () => {
      idle++;
      throw new Error("waits");
    };
    expect(() => m.syscall(reply(211))).toThrow("waits");
    expect([idle, m.ec === handler]).toEqual([1, false]);
  });

  it("is an ordinary one without permission to take from it", async () => {
    const m = await called(0, abi.PERM_SM_UP);
    m.syscall(reply(211));
    expect(m.get("rcx")).toBe(0x40_0000n);
  });
});
