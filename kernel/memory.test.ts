// The kernel's own memory: every page has one owner at any time (testing/audit.ts), and what programs made the
// kernel allocate comes back when they let go of it.

import { describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { crd, Machine } from "./testing/machine.ts";

const FROM_KERNEL = BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL);
const ROOT = abi.ROOT_SEL_PD;

function revoke(m: Machine, range: bigint): number {
  return m.hypercall(abi.HC_REVOKE, 0, 1, { rsi: range });
}

describe("the audit", () => {
  it("finds an owner for every page", async () => {
    const m = await Machine.boot();
    m.createPd(50);
    m.createEc(51, { pd: 50, utcb: 0x60_0000n });
    m.createPt(52, 51, 0, 0);
    const ports = crd(abi.CRD_PIO, 0x3f8, 3);
    m.delegate(ROOT, 50, ports, ports, FROM_KERNEL);
    const owners = m.audit();
    expect(owners.get("nobody")).toBe(0);
    expect(owners.get("UTCB")).toBe(2);
    expect(owners.get("port map")).toBe(2);
    expect(owners.get("page table")).toBeGreaterThan(4);
    expect((owners.get("free") ?? 0) + (owners.get("never used") ?? 0)).toBe(m.freePages);
  });

  it("notices a page with two owners, one with none, and one that user space must not see", async () => {
    const entry = async (value: (m: Machine, utcb: number) => bigint) => {
      const m = await Machine.boot();
      m.createEc(51, { utcb: 0x60_0000n });
      let table = Number(m.cr3);
      for (const shift of [39n, 30n, 21n]) {
        const index = Number((0x60_0000n >> shift) & 511n);
        table = Number(m.view.getBigUint64(table + index * 8, true) & 0xf_ffff_f000n);
      }
      const utcb = m.translate(0x60_0000n)?.phys ?? 0;
      m.view.setBigUint64(table + 8, value(m, utcb), true);
      return () => m.audit();
    };
    // Without the mark of a UTCB, a page could be delegated; what is mapped with it has to be a UTCB.
    expect(await entry((_, utcb) => BigInt(utcb) | 0x7n)).toThrow("mapped to user space");
    expect(await entry((m) => BigInt(Number(m.cr3) & -4096) | 0x207n)).toThrow("mapped to user");
    const m = await Machine.boot();
    m.createSm(60, 0);
    m.createEc(61);
    m.view.setUint32(m.utcb, 1, true);
    const utcbField = m.exports.ec_utcb_offset();
    const own = m.utcb;
    m.view.setUint32(m.ec + utcbField, own + 4096, true);
    expect(() => m.audit()).toThrow("has two owners");
    m.view.setUint32(m.ec + utcbField, 0, true);
    expect(() => m.audit()).toThrow(/has no owner|mapped to user space/);
  });
});

describe("memory comes back", () => {
  it("after domains with threads, portals, memory and ports", async () => {
    const m = await Machine.boot();
    const generation = () => {
      expect(m.createPd(96)).toBe(abi.SUCCESS);
      m.createEc(97, { pd: 96, utcb: 0x60_0000n });
      m.createEc(98, { pd: 96, utcb: 0x60_1000n, global: true });
      for (let i = 0; i < 8; i++) m.createPt(104 + i, 97, 0, 0);
      m.createSm(100, 0);
      m.delegate(ROOT, 96, crd(abi.CRD_OBJ, 96, 5), crd(abi.CRD_OBJ, 0, 31));
      const memory = crd(abi.CRD_MEM, 0x4_0000, 9);
      m.delegate(ROOT, 96, memory, memory, FROM_KERNEL);
      m.delegate(96, ROOT, crd(abi.CRD_MEM, 0x4_0003), crd(abi.CRD_MEM, 0x9_0000));
      const ports = crd(abi.CRD_PIO, 0x3f8, 3);
      m.delegate(ROOT, 96, ports, ports, FROM_KERNEL);
      revoke(m, crd(abi.CRD_OBJ, 96, 5));
      revoke(m, crd(abi.CRD_MEM, 0x9_0000));
    };
    generation();
    m.audit();
    const before = m.freePages;
    for (let i = 0; i < 100; i++) generation();
    m.audit();
    expect(m.freePages).toBe(before);
  });
});
