// Object, port and memory capabilities: delegation, translation, revocation. Expectations are from the
// reference's interface description ("Delegate Flags", "revoke") and observed behaviour.

import { describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { KERNEL_END, KERNEL_START } from "./layout.ts";
import { crd, Machine } from "./testing/machine.ts";

const FROM_KERNEL = BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL);
const ROOT = abi.ROOT_SEL_PD;

function revoke(m: Machine, range: bigint, self = true): number {
  return m.hypercall(abi.HC_REVOKE, 0, self ? 1 : 0, { rsi: range });
}

describe("object capabilities", () => {
  it("keep only the permissions that CRDs of both sides have", async () => {
    const m = await Machine.boot();
    m.createSm(200, 0);
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 200, 0, 1), crd(abi.CRD_OBJ, 201));
    expect(m.lookup(abi.CRD_OBJ, 201)).toBe(crd(abi.CRD_OBJ, 201, 0, abi.PERM_SM_UP));
    expect(m.hypercall(abi.HC_SM_CTRL, 201, abi.SM_CTRL_UP)).toBe(abi.SUCCESS);
    expect(m.hypercall(abi.HC_SM_CTRL, 201, abi.SM_CTRL_DOWN)).toBe(abi.BAD_CAP);
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 200), crd(abi.CRD_OBJ, 202, 0, 0));
    expect(m.lookup(abi.CRD_OBJ, 202)).toBe(0n);
  });

  it("are delegated as a range, placed by the hotspot when the window is larger", async () => {
    const m = await Machine.boot();
    for (const selector of [200, 201, 203]) m.createSm(selector, 0);
    m.delegate(
      ROOT,
      ROOT,
      crd(abi.CRD_OBJ, 200, 2),
      crd(abi.CRD_OBJ, 0x1000, 8),
      (0x44n << 12n) | 1n,
    );
    const found = [0, 1, 2, 3].map((i) => m.lookup(abi.CRD_OBJ, 0x1044 + i) !== 0n);
    expect(found).toEqual([true, true, false, true]);
    expect(m.lookup(abi.CRD_OBJ, 0x1000)).toBe(0n);
  });

  it("do not replace a capability that is there already", async () => {
    const m = await Machine.boot();
    m.createSm(200, 0);
    m.createSm(201, 7);
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 200), crd(abi.CRD_OBJ, 201));
    expect(m.hypercall(abi.HC_SM_CTRL, 201, abi.SM_CTRL_DOWN)).toBe(abi.SUCCESS);
  });

  it("are revoked with every copy made from them, and the selectors are free at once", async () => {
    const m = await Machine.boot();
    m.createPd(50);
    m.createSm(200, 0);
    m.delegate(ROOT, 50, crd(abi.CRD_OBJ, 200), crd(abi.CRD_OBJ, 7));
    m.delegate(50, ROOT, crd(abi.CRD_OBJ, 7), crd(abi.CRD_OBJ, 300));
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 200), crd(abi.CRD_OBJ, 301));
    expect(revoke(m, crd(abi.CRD_OBJ, 200), false)).toBe(abi.SUCCESS);
    expect(m.lookup(abi.CRD_OBJ, 200)).not.toBe(0n);
    expect(m.lookup(abi.CRD_OBJ, 300)).toBe(0n);
    expect(m.lookup(abi.CRD_OBJ, 301)).toBe(0n);
    revoke(m, crd(abi.CRD_OBJ, 200));
    expect(m.lookup(abi.CRD_OBJ, 200)).toBe(0n);
    expect(m.createSm(200, 0)).toBe(abi.SUCCESS);
  });

  it("revoked in the middle of a chain stay with those before", async () => {
    const m = await Machine.boot();
    m.createSm(200, 0);
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 200), crd(abi.CRD_OBJ, 201));
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 201), crd(abi.CRD_OBJ, 202));
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 202), crd(abi.CRD_OBJ, 203));
    revoke(m, crd(abi.CRD_OBJ, 202));
    expect([200, 201, 202, 203].map((s) => m.lookup(abi.CRD_OBJ, s) !== 0n)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it("do not come to a domain that is gone while a thread in it still runs", async () => {
    const m = await Machine.boot();
    m.createPd(50);
    m.createEc(51, { pd: 50, utcb: 0x60_0000n });
    m.createPt(52, 51, 0, 0x41_0000);
    m.createPt(53, 51, 0, 0x41_0000);
    m.createSm(200, 0);
    const call = { rdi: (52n << 12n) | BigInt(abi.HC_CALL), rcx: 0x40_0000 };
    // The handler opens its window and answers.
    m.syscall(call);
    m.view.setBigUint64(m.utcb + abi.UTCB_DEL, crd(abi.CRD_OBJ, 7), true);
    m.syscall({ rdi: abi.HC_REPLY, rcx: 0x41_0000, r11: 0 });
    revoke(m, crd(abi.CRD_OBJ, 50));
    m.view.setUint32(m.utcb + abi.UTCB_ITEMS, 1 << 16, true);
    m.view.setBigUint64(m.utcb + abi.UTCB_XFER, crd(abi.CRD_OBJ, 200), true);
    m.view.setBigUint64(m.utcb + abi.UTCB_XFER + 8, 1n, true);
    m.syscall(call);
    expect(m.lookup(abi.CRD_OBJ, 7)).toBe(0n);
    m.syscall({ rdi: abi.HC_REPLY, rcx: 0x41_0000, r11: 0 });
    // With the last that needs it the domain is taken apart: nothing of it may be left where 200 leads.
    revoke(m, crd(abi.CRD_OBJ, 48, 3));
    m.audit();
    revoke(m, crd(abi.CRD_OBJ, 200));
    m.audit();
  });

  it("lose single permissions in every copy", async () => {
    const m = await Machine.boot();
    m.createSm(200, 0);
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 200), crd(abi.CRD_OBJ, 201));
    revoke(m, crd(abi.CRD_OBJ, 200, 0, abi.PERM_SM_DOWN), false);
    expect(m.lookup(abi.CRD_OBJ, 201)).toBe(crd(abi.CRD_OBJ, 201, 0, abi.PERM_SM_UP));
    expect(m.lookup(abi.CRD_OBJ, 200)).toBe(crd(abi.CRD_OBJ, 200, 0, 3));
  });

  it("translate to the selector under which the receiver gave them away", async () => {
    const m = await Machine.boot();
    m.createSm(200, 0);
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 200), crd(abi.CRD_OBJ, 201));
    const window = crd(abi.CRD_OBJ, 0, 31);
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 201), window, 0n);
    expect(m.get("rdx")).toBe(crd(abi.CRD_OBJ, 200, 0, 3));
    m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, 999), window, 0n);
    expect(m.get("rdx")).toBe(0n);
  });

  it("give their memory back: creating and revoking in a loop does not run out", async () => {
    const m = await Machine.boot();
    for (let i = 0; i < 20000; i++) {
      expect(m.createEc(400, { utcb: 0x60_0000n })).toBe(abi.SUCCESS);
      expect(m.createPd(401)).toBe(abi.SUCCESS);
      revoke(m, crd(abi.CRD_OBJ, 400, 1));
    }
    expect(m.translate(0x60_0000n)).toBeUndefined();
  });

  it("run out of memory with a status, and work again once some is freed", async () => {
    const m = await Machine.boot();
    let selector = 1024;
    while (m.createEc(selector) === abi.SUCCESS) selector++;
    expect(selector).toBeGreaterThan(5000);
    expect(m.createEc(selector)).toBe(abi.ABORT);
    for (let base = 1024; base <= selector; base += 1024) revoke(m, crd(abi.CRD_OBJ, base, 10));
    expect(m.createEc(selector)).toBe(abi.SUCCESS);
  });
});

describe("port capabilities", () => {
  it("come from the kernel for the roottask alone, and are where the map in the TSS says", async () => {
    const m = await Machine.boot();
    m.createPd(50);
    const com1 = crd(abi.CRD_PIO, 0x3f8, 3);
    m.delegate(ROOT, ROOT, com1, com1, FROM_KERNEL);
    expect(m.lookup(abi.CRD_PIO, 0x3fb)).toBe(crd(abi.CRD_PIO, 0x3f8, 3, 7));
    m.delegate(ROOT, 50, com1, crd(abi.CRD_PIO, 0, 16));
    m.delegate(50, 50, crd(abi.CRD_PIO, 0x60), crd(abi.CRD_PIO, 0x60), FROM_KERNEL);
    expect(m.lookup(abi.CRD_PIO, 0x60)).toBe(0n);
    revoke(m, crd(abi.CRD_PIO, 0x3f8, 3));
    expect(m.lookup(abi.CRD_PIO, 0x3f8)).toBe(0n);
  });

  it("of a domain that is gone are not those of the next one at its place", async () => {
    const m = await Machine.boot();
    const com1 = crd(abi.CRD_PIO, 0x3f8, 3);
    m.delegate(ROOT, ROOT, com1, com1, FROM_KERNEL);
    // A handler in the domain, so that the CPU loads the domain's ports.
    const visit = (port: number) => {
      expect(m.createPd(50)).toBe(abi.SUCCESS);
      const wanted = crd(abi.CRD_PIO, port);
      m.delegate(ROOT, 50, wanted, wanted);
      m.createEc(51, { pd: 50 });
      m.createPt(52, 51, 0, 0x41_0000);
      m.syscall({ rdi: (52n << 12n) | BigInt(abi.HC_CALL), rcx: 0x40_0000 });
      const allowed = [0x3f8, 0x3f9].map((each) => m.mayUsePort(each));
      m.syscall({ rdi: abi.HC_REPLY, rcx: 0x41_0000, r11: 0 });
      revoke(m, crd(abi.CRD_OBJ, 48, 3));
      return allowed;
    };
    for (let i = 0; i < 4; i++) {
      expect(visit(0x3f8)).toEqual([true, false]);
      expect(visit(0x3f9)).toEqual([false, true]);
    }
  });

  it("cover all ports at once", async () => {
    const m = await Machine.boot();
    const all = crd(abi.CRD_PIO, 0, 16);
    m.delegate(ROOT, ROOT, all, all, FROM_KERNEL);
    expect(m.lookup(abi.CRD_PIO, 0xffff)).toBe(crd(abi.CRD_PIO, 0, 16, 7));
    revoke(m, all);
    expect(m.lookup(abi.CRD_PIO, 0x80)).toBe(0n);
  });
});

describe("memory", () => {
  const page = (address: number) => BigInt(address) >> 12n;

  function claim(m: Machine, phys: number, virt: bigint, order = 0, attr = 7): void {
    const source = crd(abi.CRD_MEM, page(phys), order, attr);
    m.delegate(ROOT, ROOT, source, crd(abi.CRD_MEM, virt >> 12n, order), FROM_KERNEL);
  }

  it("of the machine is mapped where the roottask wants it, with large pages where they fit", async () => {
    const m = await Machine.boot();
    claim(m, 0x4000_0000, 0x8000_0000n, 10);
    const mapping = m.translate(0x8012_3000n);
    expect(mapping?.phys).toBe(0x4012_3000);
    expect((mapping?.entry ?? 0n) & 0x87n).toBe(0x87n);
  });

  it("has the permissions asked for", async () => {
    const m = await Machine.boot();
    claim(m, 0x4000_0000, 0x8000_0000n, 0, 1);
    claim(m, 0x4000_0000, 0x8000_1000n, 0, 3);
    claim(m, 0x4000_0000, 0x8000_2000n, 0, 5);
    const bits = [0, 1, 2].map((i) => {
      const entry = m.translate(0x8000_0000n + BigInt(i) * 4096n)?.entry ?? 0n;
      return [(entry >> 1n) & 1n, entry >> 63n];
    });
    expect(bits).toEqual([
      [0n, 1n],
      [1n, 1n],
      [0n, 0n],
    ]);
  });

  it("cannot get more permissions by being passed on", async () => {
    const m = await Machine.boot();
    claim(m, 0x4000_0000, 0x8000_0000n, 0, 1);
    m.delegate(ROOT, ROOT, crd(abi.CRD_MEM, 0x80000), crd(abi.CRD_MEM, 0x90000));
    expect((m.translate(0x9000_0000n)?.entry ?? 2n) & 2n).toBe(0n);
  });

  it("of the kernel, its devices and UTCBs cannot be had", async () => {
    const m = await Machine.boot();
    for (const phys of [KERNEL_START, KERNEL_START + 0x30_0000, KERNEL_END - 4096, 0xfee0_0000]) {
      claim(m, phys, 0x8000_0000n);
      expect(m.translate(0x8000_0000n)).toBeUndefined();
    }
    claim(m, 0, 0x8_0000_0000n, 19);
    expect(m.translate(0x8_0000_0000n + BigInt(KERNEL_START))).toBeUndefined();
    expect(m.translate(0x8_0000_0000n + BigInt(KERNEL_END))?.phys).toBe(KERNEL_END);
    m.delegate(ROOT, ROOT, crd(abi.CRD_MEM, 0x7fff_ffff_dn), crd(abi.CRD_MEM, 0x90000));
    expect(m.translate(0x9000_0000n)).toBeUndefined();
  });

  it("is taken from the middle of a large page without touching the rest", async () => {
    const m = await Machine.boot();
    claim(m, 0x4000_0000, 0x8000_0000n, 9);
    revoke(m, crd(abi.CRD_MEM, 0x80005));
    expect(m.translate(0x8000_5000n)).toBeUndefined();
    expect(m.translate(0x8000_4000n)?.phys).toBe(0x4000_4000);
    expect(m.translate(0x8000_6000n)?.phys).toBe(0x4000_6000);
  });

  it("outside user space is refused", async () => {
    const m = await Machine.boot();
    for (const base of [0x7fff_ffff_fn, 0x8_0000_0000n, (1n << 52n) - 1n]) {
      m.delegate(ROOT, ROOT, crd(abi.CRD_MEM, 0x40000), crd(abi.CRD_MEM, base), FROM_KERNEL);
      expect(m.translate(base << 12n)).toBeUndefined();
    }
    const kernelEntry = m.view.getBigUint64(Number(m.cr3) + 511 * 8, true);
    m.delegate(ROOT, ROOT, crd(abi.CRD_MEM, 0, 31), crd(abi.CRD_MEM, 0, 31), FROM_KERNEL);
    revoke(m, crd(abi.CRD_MEM, 0xf_f800_0000n, 31));
    expect(m.view.getBigUint64(Number(m.cr3) + 511 * 8, true)).toBe(kernelEntry);
  });
});
