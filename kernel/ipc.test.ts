// Calls, replies and event messages between ECs, against the interface description of the reference.

import { describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { IA32_FS_BASE, IA32_KERNEL_GS_BASE } from "./msr_number.ts";
import { crd, EXIT_IRET, EXIT_SYSRET, Machine, Panic } from "./testing/machine.ts";

const UTCB = 0x7fff_ffff_d000n;
const HANDLER_UTCB = 0x10_0000n;

/** A machine whose roottask has a handler EC (selector 100) with a portal (101) into it. */
async function withPortal(mtd = 0n): Promise<Machine> {
  const m = await Machine.boot();
  expect(m.createEc(100, { utcb: HANDLER_UTCB, stack: 0x20_0000n })).toBe(abi.SUCCESS);
  expect(m.createPt(101, 100, mtd, 0x41_0000)).toBe(abi.SUCCESS);
  return m;
}

const call = (selector: number, flags = 0) => ({
  rdi: BigInt(selector) * 4096n + BigInt(flags << 8),
  rcx: 0x40_0000,
  r11: 0x1000,
});
const reply = { rdi: abi.HC_REPLY, rcx: 0x41_0100, r11: 0x1f_ff00 };

describe("call and reply", () => {
  it("enters the portal with its id in RDI, its address, the handler's stack and the words of the message", async () => {
    const m = await withPortal();
    expect(m.hypercall(abi.HC_PT_CTRL, 101, 0, { rsi: 0x1234_5678_9abcn })).toBe(abi.SUCCESS);
    m.poke(UTCB + 4n, 3);
    m.poke(UTCB + 0x20n, 11, 22, 33);
    const caller = m.ec;
    expect(m.syscall(call(101))).toBe(EXIT_SYSRET);
    expect(m.ec).not.toBe(caller);
    expect(m.get("rdi")).toBe(0x1234_5678_9abcn);
    expect(m.get("rcx")).toBe(0x41_0000n);
    expect(m.get("r11")).toBe(0x20_0000n);
    expect([0, 8, 16].map((i) => m.peek(HANDLER_UTCB + 0x20n + BigInt(i)))).toEqual([
      11n,
      22n,
      33n,
    ]);
  });

  it("returns the reply's words to the caller, with status SUCCESS, and leaves words beyond the count alone", async () => {
    const m = await withPortal();
    m.poke(UTCB + 0x30n, 77);
    m.syscall(call(101));
    m.poke(HANDLER_UTCB + 4n, 1);
    m.poke(HANDLER_UTCB + 0x20n, 42, 43, 44);
    expect(m.syscall(reply)).toBe(EXIT_SYSRET);
    expect(m.get("rdi") & 0xffn).toBe(0n);
    expect(m.get("rcx")).toBe(0x40_0000n);
    expect(m.peek(UTCB + 0x20n)).toBe(42n);
    expect(m.peek(UTCB + 0x30n)).toBe(77n);
  });

  it("gives the handler back the stack pointer it replied with", async () => {
    const m = await withPortal();
    m.syscall(call(101));
    m.syscall(reply);
    m.syscall(call(101));
    expect(m.get("r11")).toBe(0x1f_ff00n);
  });

  it("can be nested 1,024 deep: further calls answer ABORT, exceptions there end the handler", async () => {
    const m = await Machine.boot();
    const root = m.ec;
    const depth = 1024;
    for (let i = 0; i <= depth; i++) {
      m.createEc(0x1000 + i);
      m.createPt(0x2000 + i, 0x1000 + i, 0, 0x41_0000);
    }
    const ecs = [root];
    for (let i = 0; i < depth; i++) {
      expect(m.syscall(call(0x2000 + i))).toBe(EXIT_SYSRET);
      ecs.push(m.ec);
    }
    expect(new Set(ecs).size).toBe(depth + 1);
    m.syscall(call(0x2000 + depth));
    expect(m.ec).toBe(ecs[depth]);
    expect(m.get("rdi") & 0xffn).toBe(BigInt(abi.ABORT));
    // Every thread has a portal for it, whose handler is the one that is still free.
    m.createPt(abi.EXC_UD, 0x1000 + depth, 0, 0x41_0000);
    m.trap(abi.EXC_UD);
    expect(m.log).toContain("EC killed: calls are nested too deeply");
    expect(m.ec).toBe(ecs[depth - 1]);
    expect(m.get("rdi") & 0xffn).toBe(BigInt(abi.ABORT));
    m.trap(abi.EXC_UD);
    expect(ecs).not.toContain(m.ec);
    m.syscall(reply);
    for (let i = depth - 1; i > 0; i--) {
      expect(m.ec).toBe(ecs[i]);
      m.syscall(reply);
    }
    expect(m.ec).toBe(root);
    expect(m.get("rdi") & 0xffn).toBe(BigInt(abi.SUCCESS));
    m.audit();
  });

  it("answers BAD_CAP for a selector that is no portal, whatever its size", async () => {
    const m = await withPortal();
    for (const selector of [999n, 100n, 32n, (1n << 52n) - 1n, 1n << 26n]) {
      expect(m.hypercall(abi.HC_CALL, selector)).toBe(abi.BAD_CAP);
    }
  });

  it("delegates typed items into the handler's receive window and tells both parts", async () => {
    const m = await withPortal();
    m.createSm(200, 0);
    m.poke(HANDLER_UTCB + 0x10n, crd(abi.CRD_OBJ, 300));
    m.poke(UTCB + 4n, 1 << 16);
    m.poke(UTCB + 0xff0n, crd(abi.CRD_OBJ, 200), 1);
    m.syscall(call(101));
    expect(m.peek(HANDLER_UTCB + 0xff0n)).toBe(crd(abi.CRD_OBJ, 300));
    expect(m.hypercall(abi.HC_SM_CTRL, 300)).toBe(abi.SUCCESS);
  });

  it("a handler that calls itself is ended and its caller gets ABORT", async () => {
    const m = await withPortal();
    m.syscall(call(101));
    m.syscall(call(101));
    expect(m.log).toContain("livelock");
    expect(m.get("rdi")).toBe(BigInt(abi.ABORT));
    expect(m.get("rcx")).toBe(0x40_0000n);
    expect(m.hypercall(abi.HC_CALL, 101)).toBe(abi.TIMEOUT);
  });

  it("does not wait for a busy handler if the call is non-blocking", async () => {
    const m = await withPortal();
    m.syscall(call(101));
    expect(m.hypercall(abi.HC_CALL, 101, 1)).toBe(abi.TIMEOUT);
  });
});

describe("events", () => {
  it("a new global EC sends the startup event; the reply sets RIP and RSP", async () => {
    const m = await Machine.boot();
    m.createEc(100, { utcb: HANDLER_UTCB });
    m.createPt(500 + abi.EVENT_STARTUP, 100, abi.MTD_RSP | abi.MTD_RIP_LEN, 0x41_0000);
    m.createEc(102, { global: true, events: 500, stack: 0x7000n });
    expect(m.createSc(103, 102, 1, 1000)).toBe(abi.SUCCESS);
    // The new SC has the same priority: it runs when the root's quantum is used up.
    m.timer(m.deadline);
    expect(m.get("rcx")).toBe(0x41_0000n);
    expect(m.peek(HANDLER_UTCB + BigInt(abi.UTCB_RSP))).toBe(0x7000n);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_MTD), abi.MTD_RSP | abi.MTD_RIP_LEN);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_RIP), 0x42_0000);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_RSP), 0x8000);
    expect(m.syscall(reply)).toBe(EXIT_IRET);
    expect([m.get("rip"), m.get("rsp"), m.get("cs"), m.get("ss")]).toEqual([
      0x42_0000n,
      0x8000n,
      0x1bn,
      0x23n,
    ]);
    expect(m.get("rflags")).toBe(0x202n);
  });

  it("an exception goes to event base + vector with the state its portal asks for, and nothing else", async () => {
    const m = await Machine.boot();
    m.createEc(100, { utcb: HANDLER_UTCB });
    m.createPt(6, 100, abi.MTD_GPR_ACDB | abi.MTD_RIP_LEN, 0x41_0000);
    m.set({ rax: 0xaaaan, rsi: 0xbbbbn });
    m.trap(6, 0, 0x40_1234);
    expect(m.get("rcx")).toBe(0x41_0000n);
    expect(m.peek(HANDLER_UTCB + BigInt(abi.UTCB_RAX))).toBe(0xaaaan);
    expect(m.peek(HANDLER_UTCB + BigInt(abi.UTCB_RIP))).toBe(0x40_1234n);
    expect(m.peek(HANDLER_UTCB + BigInt(abi.UTCB_RSI))).toBe(0n);
    expect(m.peek(HANDLER_UTCB + BigInt(abi.UTCB_MTD))).toBe(9n);
    expect(m.peek(HANDLER_UTCB) >> 32n).toBe(BigInt(abi.UTCB_STATE_WORDS));
  });

  it("a reply cannot set privileged flags, and interrupts stay on", async () => {
    const m = await Machine.boot();
    m.createEc(100, { utcb: HANDLER_UTCB });
    m.createPt(6, 100, abi.MTD_RFLAGS, 0x41_0000);
    m.trap(6);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_MTD), abi.MTD_RFLAGS);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_RFLAGS), (1n << 64n) - 1n);
    m.syscall(reply);
    expect(m.get("rflags")).toBe(0x244fd7n);
  });

  it("a recalled EC sends the recall event before it goes on", async () => {
    const m = await Machine.boot();
    m.createEc(100, { utcb: HANDLER_UTCB });
    m.createPt(abi.EVENT_RECALL, 100, abi.MTD_RSP | abi.MTD_RIP_LEN, 0x41_0000);
    m.syscall({ rdi: (33n << 12n) | BigInt(abi.HC_EC_CTRL), rcx: 0x40_0042, r11: 0x9000 });
    expect(m.get("rcx")).toBe(0x41_0000n);
    expect(m.peek(HANDLER_UTCB + BigInt(abi.UTCB_RIP))).toBe(0x40_0042n);
    expect(m.peek(HANDLER_UTCB + BigInt(abi.UTCB_RSP))).toBe(0x9000n);
  });

  it("memory delegated in the reply to a page fault is mapped at the fault address", async () => {
    const m = await Machine.boot();
    m.createEc(100, { utcb: HANDLER_UTCB });
    m.createPt(14, 100, abi.MTD_QUAL, 0x41_0000);
    m.trap(14, 6);
    m.poke(HANDLER_UTCB, 1n << 48n);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_MTD), 0);
    m.poke(HANDLER_UTCB + 0xff0n, crd(abi.CRD_MEM, 0x400, 0, 3), (0x5555n << 12n) | 1n);
    expect(m.syscall(reply)).toBe(EXIT_IRET);
    expect(m.translate(0x555_5000n)?.phys).toBe(m.translate(0x40_0000n)?.phys);
  });

  it("an EC without a portal for its exception is ended with a line in the log", async () => {
    const m = await Machine.boot();
    expect(() => m.trap(13, 0x18, 0x40_4444)).toThrow(Panic);
    expect(m.log).toContain(
      "EC killed: no portal for the event, vector 0xd error 0x18 rip 0x404444",
    );
    // It was the roottask's: nothing is left that could do anything.
    expect(m.log).toContain("fatal: the roottask has ended");
  });

  it("a RIP outside user space becomes a general protection event instead of a fault in the kernel", async () => {
    const m = await Machine.boot();
    m.createEc(100, { utcb: HANDLER_UTCB });
    m.createPt(13, 100, abi.MTD_RIP_LEN, 0x41_0000);
    m.createEc(110);
    m.createPt(111, 110, 0, 0x8000_0000_0000n);
    m.syscall(call(111));
    expect(m.get("rcx")).toBe(0x41_0000n);
    expect(m.peek(HANDLER_UTCB + BigInt(abi.UTCB_RIP))).toBe(0x8000_0000_0000n);
  });
});

describe("foreign system calls", () => {
  async function foreign(): Promise<Machine> {
    const m = await Machine.boot();
    m.createEc(100, { utcb: HANDLER_UTCB, stack: 0x20_0000n });
    m.createPt(120, 100, 0x40_001f, 0x41_0000);
    m.createPt(121, 100, abi.MTD_RIP_LEN, 0x41_2000);
    expect(m.createPd(130, 64)).toBe(abi.SUCCESS);
    expect(m.delegate(32, 130, crd(abi.CRD_OBJ, 120), crd(abi.CRD_OBJ, 64))).toBe(abi.SUCCESS);
    const startup = crd(abi.CRD_OBJ, abi.EVENT_STARTUP);
    expect(m.delegate(32, 130, crd(abi.CRD_OBJ, 121), startup)).toBe(abi.SUCCESS);
    expect(m.createEc(131, { pd: 130, global: true, utcb: 0x50_0000n })).toBe(abi.SUCCESS);
    m.syscall({
      rdi: (132n << 12n) | BigInt(abi.HC_CREATE_SC),
      rsi: abi.ROOT_SEL_PD,
      rdx: 131,
      rax: (1000n << 12n) | 2n,
    });
    // The higher priority runs at once: its startup event is with the handler now.
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_MTD), abi.MTD_RIP_LEN | abi.MTD_RSP);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_RIP), 0x60_0000);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_RSP), 0x70_0000);
    expect(m.syscall(reply)).toBe(EXIT_IRET);
    return m;
  }

  it("become messages to portal base + CPU with the registers of the call; the reply's go back", async () => {
    const m = await foreign();
    m.syscall({
      rax: 60,
      rdi: 17,
      rsi: 18,
      rdx: 19,
      r10: 20,
      r8: 21,
      r9: 22,
      rcx: 0x60_0002,
      r11: 0x6f_ff00,
      rip: 0x60_0002,
      rsp: 0x6f_ff00,
    });
    expect(m.get("rcx")).toBe(0x41_0000n);
    const at = (offset: number) => m.peek(HANDLER_UTCB + BigInt(offset));
    expect(at(abi.UTCB_RAX)).toBe(60n);
    expect([at(abi.UTCB_RDI), at(abi.UTCB_RSI), at(abi.UTCB_RDX)]).toEqual([17n, 18n, 19n]);
    expect([at(abi.UTCB_R8 + 16), at(abi.UTCB_R8), at(abi.UTCB_R8 + 8)]).toEqual([20n, 21n, 22n]);
    expect([at(abi.UTCB_RCX), at(abi.UTCB_R8 + 24)]).toEqual([0x60_0002n, 0x6f_ff00n]);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_MTD), abi.MTD_GPR_ACDB | abi.MTD_RIP_LEN | abi.MTD_RSP);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_RAX), -38);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_RIP), 0x60_0002);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_RSP), 0x6f_ff00);
    expect(m.syscall(reply)).toBe(EXIT_IRET);
    expect(BigInt.asIntN(64, m.get("rax"))).toBe(-38n);
    expect([m.get("rip"), m.get("rsp"), m.get("rdi")]).toEqual([0x60_0002n, 0x6f_ff00n, 17n]);
  });

  it("are hypercalls while the caller's UTCB has the toggle set", async () => {
    const m = await foreign();
    m.poke(0x50_0000n, abi.UTCB_NSCT);
    expect(m.hypercall(200)).toBe(abi.BAD_HYP);
  });

  it("set FS and GS bases through the reply, but only canonical ones", async () => {
    const m = await foreign();
    m.syscall({ rax: 158, rcx: 0x60_0002, r11: 0x6f_ff00, rip: 0x60_0002 });
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_MTD), abi.MTD_FS_GS);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_FS_BASE), 0x12_3450);
    m.poke(HANDLER_UTCB + BigInt(abi.UTCB_GS_BASE), 1n << 63n);
    m.syscall(reply);
    expect(m.msrs.get(IA32_FS_BASE)).toBe(0x12_3450n);
    expect(m.msrs.get(IA32_KERNEL_GS_BASE)).toBe(0n);
  });
});
