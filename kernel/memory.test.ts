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
      m.view.setBigUint64(table, value(m, utcb), true);
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

describe("what is still held", () => {
  /** A handler in a domain of its own, 96, that holds capabilities for itself and the roottask's; it runs. */
  async function asHandler(): Promise<Machine> {
    const m = await Machine.boot();
    m.createPd(96);
    m.delegate(ROOT, 96, crd(abi.CRD_OBJ, 96), crd(abi.CRD_OBJ, ROOT));
    m.delegate(ROOT, 96, crd(abi.CRD_OBJ, ROOT), crd(abi.CRD_OBJ, 41));
    m.createEc(97, { pd: 96, utcb: 0x60_0000n });
    m.createPt(98, 97, 0, 0x1234);
    m.syscall({ rdi: (98n << 12n) | BigInt(abi.HC_CALL), rcx: 0x40_0000 });
    return m;
  }

  it("is owned when the domain that made it is gone", async () => {
    const m = await asHandler();
    expect(m.createPd(40)).toBe(abi.SUCCESS);
    m.delegate(ROOT, 41, crd(abi.CRD_OBJ, 40), crd(abi.CRD_OBJ, 210));
    m.syscall({ rdi: BigInt(abi.HC_REPLY) });
    const before = m.freePages;
    // A thread of the inner domain outlives both domains' capabilities.
    expect(m.createEc(200, { pd: 210 })).toBe(abi.SUCCESS);
    revoke(m, crd(abi.CRD_OBJ, 96, 2));
    expect(m.lookup(abi.CRD_OBJ, 210)).toBe(0n);
    m.audit();
    revoke(m, crd(abi.CRD_OBJ, 200));
    m.audit();
    expect(m.freePages).toBeGreaterThan(before);
  });

  it("is owned while a long operation lets others in", async () => {
    const m = await Machine.boot();
    m.createPd(96);
    m.createEc(97, { pd: 96 });
    for (let i = 0; i < 40; i++) {
      const at = crd(abi.CRD_MEM, 2 ** 18 * (i + 1));
      m.delegate(ROOT, 96, crd(abi.CRD_MEM, 0x4_0000), at, FROM_KERNEL);
    }
    for (let i = 0; i < 600; i++) m.createSm(0x1000 + i, 0);
    m.delegate(ROOT, 96, crd(abi.CRD_OBJ, 0x1000, 10), crd(abi.CRD_OBJ, 0, 31));
    let windows = 0;
    m.onWindow = () => {
      windows++;
      m.audit();
    };
    revoke(m, crd(abi.CRD_OBJ, 96, 1));
    revoke(m, crd(abi.CRD_OBJ, 0x1000, 10));
    expect(windows).toBeGreaterThan(5);
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

  it("from object spaces with selectors far apart, and from what could not be entered", async () => {
    const m = await Machine.boot();
    const before = m.freePages;
    for (let i = 1; i <= 3000; i++) expect(m.createSm(i * 1024, 0)).toBe(abi.SUCCESS);
    m.audit();
    expect(before - m.freePages).toBeGreaterThan(3000);
    revoke(m, crd(abi.CRD_OBJ, 1024, 10));
    for (let order = 11; order < 26; order++) revoke(m, crd(abi.CRD_OBJ, 2 ** order, order));
    m.audit();
    expect(m.freePages).toBe(before);
  });

  it("from page tables, whether they are emptied page by page, at once, or covered by a large page", async () => {
    const m = await Machine.boot();
    const before = m.freePages;
    const page = crd(abi.CRD_MEM, 0x4_0000, 0);
    const map = (at: number) => m.delegate(ROOT, ROOT, page, crd(abi.CRD_MEM, at), FROM_KERNEL);
    const places = [0x10_0000, 0x10_0001, 0x10_0200, 0x14_0000, 0x1000_0000];
    for (const at of places) map(at);
    m.audit();
    for (const at of places) revoke(m, crd(abi.CRD_MEM, at));
    m.audit();
    expect(m.freePages).toBe(before);
    for (const at of places) map(at);
    revoke(m, crd(abi.CRD_MEM, 0x10_0000, 20));
    revoke(m, crd(abi.CRD_MEM, 0x1000_0000, 28));
    m.audit();
    expect(m.freePages).toBe(before);
    map(0x10_0000);
    const tables = m.freePages;
    const large = crd(abi.CRD_MEM, 0x10_0000, 9);
    m.delegate(ROOT, ROOT, crd(abi.CRD_MEM, 0x4_0000, 9), large, FROM_KERNEL);
    m.audit();
    expect(m.freePages).toBe(tables + 1);
    revoke(m, large);
    expect(m.freePages).toBe(before);
  });

  it("after a message, a domain or a mapping for which there was too little", async () => {
    const m = await Machine.boot();
    let hoard = 0;
    while (m.createEc(0x1000 + hoard) === abi.SUCCESS) hoard++;
    const before = m.freePages;
    for (let spare = 0; spare < 12; spare++) {
      // One page more each time, at first none at all.
      const source = crd(abi.CRD_MEM, 0x4_0000);
      m.delegate(ROOT, ROOT, source, crd(abi.CRD_MEM, 0x1000_0000), FROM_KERNEL);
      m.createPd(0x10_0000);
      m.createEc(0x20_0000, { utcb: 0x1000_0000_0000n });
      const ports = crd(abi.CRD_PIO, 0x3f8, 3);
      m.delegate(ROOT, ROOT, ports, ports, FROM_KERNEL);
      m.audit();
      revoke(m, crd(abi.CRD_OBJ, 0x10_0000));
      revoke(m, crd(abi.CRD_OBJ, 0x20_0000));
      revoke(m, crd(abi.CRD_MEM, 0x1000_0000));
      revoke(m, ports);
      m.audit();
      if (spare === 0) expect(m.freePages).toBe(before);
      revoke(m, crd(abi.CRD_OBJ, 0x1000 + spare));
    }
  });

  it("from what a domain that is gone would still get", async () => {
    const m = await Machine.boot();
    const before = m.freePages;
    m.createPd(96);
    m.delegate(ROOT, 96, crd(abi.CRD_OBJ, 96), crd(abi.CRD_OBJ, abi.ROOT_SEL_PD));
    m.createEc(97, { pd: 96, utcb: 0x60_0000n });
    m.createPt(98, 97, 0, 0x1234);
    m.createSm(99, 0);
    // The handler's domain is revoked while it runs, then takes a capability out of the next message.
    m.syscall({ rdi: (98n << 12n) | BigInt(abi.HC_CALL), rcx: 0x40_0000 });
    revoke(m, crd(abi.CRD_OBJ, 0, 26));
    m.hypercall(abi.HC_CREATE_SM, 5, 0, { rsi: abi.ROOT_SEL_PD });
    m.view.setBigUint64(m.utcb + abi.UTCB_DEL, crd(abi.CRD_OBJ, 0, 31), true);
    m.syscall({ rdi: BigInt(abi.HC_REPLY) });
    revoke(m, crd(abi.CRD_OBJ, 96, 2));
    m.audit();
    expect(m.freePages).toBe(before);
  });
});
