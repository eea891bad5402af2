// Ranges of capabilities at every alignment, against a simple model: what the receiver gets is what the sender
// has in the naturally aligned block of its range, as far as the window's block has room for it. Ports keep
// their numbers; a range of ports that is not aligned gives nothing.

import { beforeEach, describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { KERNEL_END, KERNEL_START } from "./layout.ts";
import { crd, Machine } from "./testing/machine.ts";

const FROM_KERNEL = BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL);
const ROOT = abi.ROOT_SEL_PD;
const SENDER = 50;

/** A range: first index and log2 of the number of indices. */
type Range = readonly [base: number, order: number];

const block = ([base, order]: Range) => Math.floor(base / 2 ** order) * 2 ** order;
const isAligned = (range: Range) => range[0] === block(range);
const has = (range: Range, index: number) => block([index, range[1]]) === block(range);

/** Every order up to `orders` at every base. */
function ranges(first: number, count: number, orders: number): Range[] {
  const all: Range[] = [];
  for (let order = 0; order <= orders; order++) {
    for (let base = first; base < first + count; base++) all.push([base, order]);
  }
  return all;
}

/** Where the model puts the sender's indices: pairs of the receiver's and the sender's index. */
function moved(sent: Range, window: Range, hotspot: number): [number, number][] {
  const order = Math.min(sent[1], window[1]);
  let from = block(sent);
  let to = block(window);
  const inside = (value: number, low: number, high: number) =>
    block([value % 2 ** high, low]) * (low < high ? 1 : 0);
  if (sent[1] < window[1]) to += inside(hotspot, sent[1], window[1]);
  else from += inside(hotspot, window[1], sent[1]);
  return Array.from({ length: 2 ** order }, (_, i) => [to + i, from + i]);
}

let m: Machine;

function revoke(range: bigint): number {
  return m.hypercall(abi.HC_REVOKE, 0, 1, { rsi: range });
}

beforeEach(async () => {
  m = await Machine.boot();
  m.createPd(SENDER);
});

describe("delegation", () => {
  it("of ports", () => {
    const held: Range[] = [
      [0x3f8, 2],
      [0x400, 1],
    ];
    for (const range of held) {
      const ports = crd(abi.CRD_PIO, ...range);
      m.delegate(ROOT, SENDER, ports, ports, FROM_KERNEL);
    }
    const windows: Range[] = [
      [0x3f0, 4],
      [0x3f8, 3],
      [0x3fc, 2],
      [0x3ff, 3],
      [0x401, 1],
      [0, 16],
      [0x200, 10],
    ];
    for (const sent of ranges(0x3f4, 16, 5)) {
      for (const window of [sent, ...windows]) {
        m.delegate(SENDER, ROOT, crd(abi.CRD_PIO, ...sent), crd(abi.CRD_PIO, ...window));
        const usable = isAligned(sent) && isAligned(window);
        for (let port = 0x3e8; port < 0x418; port++) {
          const given =
            usable &&
            has(sent, port) &&
            has(window, port) &&
            held.some((range) => has(range, port));
          const found = m.lookup(abi.CRD_PIO, port) !== 0n;
          expect(found, `port ${port} of ${sent} into ${window}`).toBe(given);
        }
        revoke(crd(abi.CRD_PIO, 0, 16));
      }
    }
  });

  it("of ports does not touch what lies behind a table of ports", () => {
    const wide = crd(abi.CRD_PIO, 0x200, 9);
    m.delegate(ROOT, SENDER, wide, wide, FROM_KERNEL);
    m.delegate(SENDER, ROOT, crd(abi.CRD_PIO, 0x200), crd(abi.CRD_PIO, 0x200));
    for (let i = 0; i < 100; i++) expect(m.createSm(500 + i, 1)).toBe(abi.SUCCESS);
    m.delegate(SENDER, ROOT, crd(abi.CRD_PIO, 0x3ff, 9), wide);
    for (const range of [crd(abi.CRD_PIO, 0x200, 10), wide]) {
      expect(m.hypercall(abi.HC_REVOKE, 0, 3, { rsi: range, rdx: SENDER })).toBe(abi.SUCCESS);
      revoke(range);
    }
    for (let i = 0; i < 100; i++) {
      expect(m.hypercall(abi.HC_SM_CTRL, 500 + i, abi.SM_CTRL_DOWN)).toBe(abi.SUCCESS);
    }
  });

  it("of objects", () => {
    const held = [0x3f9, 0x3fe, 0x3ff, 0x400, 0x403];
    for (const selector of held) {
      m.createSm(0x2_0000 + selector, 0);
      m.delegate(ROOT, SENDER, crd(abi.CRD_OBJ, 0x2_0000 + selector), crd(abi.CRD_OBJ, selector));
    }
    const to = 0x1_0000;
    const windows: Range[] = [
      [to, 0],
      [to + 3, 2],
      [to + 5, 3],
      [to + 9, 5],
      [to + 31, 4],
    ];
    const everything = crd(abi.CRD_OBJ, 0, 31);
    for (const sent of ranges(0x3f8, 13, 4)) {
      for (const window of windows) {
        for (const hotspot of [0, 5, 0x3f_ffff]) {
          const what = crd(abi.CRD_OBJ, ...sent);
          const flags = (BigInt(hotspot) << 12n) | 1n;
          m.delegate(SENDER, ROOT, what, crd(abi.CRD_OBJ, ...window), flags);
          const expected = moved(sent, window, hotspot).filter(([, from]) => held.includes(from));
          const found: [number, number][] = [];
          for (let selector = to - 4; selector < to + 40; selector++) {
            if (m.lookup(abi.CRD_OBJ, selector) === 0n) continue;
            m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, selector), everything, 0n);
            found.push([selector, Number(m.get("rdx") >> 12n) - 0x2_0000]);
          }
          expect(found, `${sent} into ${window} at ${hotspot}`).toEqual(expected);
          revoke(crd(abi.CRD_OBJ, to - 64, 6));
          revoke(crd(abi.CRD_OBJ, to, 6));
        }
      }
    }
  });

  it("of memory, and of no more rights to it than sender and window have", () => {
    const rights = new Map([
      [0x3f9, 1],
      [0x3fe, 3],
      [0x3ff, 5],
      [0x400, 7],
      [0x403, 7],
    ]);
    const physical = 0x4_0000;
    for (const [page, attr] of rights) {
      const source = crd(abi.CRD_MEM, physical + page, 0, attr);
      m.delegate(ROOT, SENDER, source, crd(abi.CRD_MEM, page), FROM_KERNEL);
    }
    const to = 0x8_0000;
    const windows: Range[] = [
      [to, 0],
      [to + 3, 2],
      [to + 5, 3],
      [to + 9, 5],
      [to + 31, 4],
    ];
    for (const sent of ranges(0x3f8, 13, 4)) {
      for (const [index, window] of windows.entries()) {
        const [sentRights = 7, windowRights = 7] = [[], [3], [7, 3], [5], [1]][index] ?? [];
        const hotspot = index * 7;
        const flags = (BigInt(hotspot) << 12n) | 1n;
        const what = crd(abi.CRD_MEM, ...sent, sentRights);
        m.delegate(SENDER, ROOT, what, crd(abi.CRD_MEM, ...window, windowRights), flags);
        const expected = moved(sent, window, hotspot).flatMap(([at, from]) => {
          const attr = (rights.get(from) ?? 0) & sentRights & windowRights;
          return rights.has(from) ? [[at, physical + from, attr]] : [];
        });
        const found: number[][] = [];
        for (let page = to - 4; page < to + 40; page++) {
          const mapping = m.translate(BigInt(page) << 12n);
          if (!mapping) continue;
          const writable = mapping.entry & 2n ? abi.MEM_W : 0;
          const executable = mapping.entry >> 63n ? 0 : abi.MEM_X;
          found.push([page, mapping.phys / 4096, abi.MEM_R | writable | executable]);
        }
        expect(found, `${sent} into ${window} at ${hotspot}`).toEqual(expected);
        revoke(crd(abi.CRD_MEM, to - 64, 6));
        revoke(crd(abi.CRD_MEM, to, 6));
      }
    }
  });

  it.each(["call", "reply"])("of objects by the typed item of a %s", (way) => {
    const held = [0x23f9, 0x23fe, 0x23ff, 0x2400, 0x2403];
    for (const selector of held) m.createSm(selector, 0);
    m.createEc(60, { utcb: 0x10_0000n });
    m.createPt(61, 60, 0, 0x41_0000);
    const call = { rdi: (61n << 12n) | BigInt(abi.HC_CALL), rcx: 0x40_0000 };
    const reply = { rdi: abi.HC_REPLY, rcx: 0x41_0000, r11: 0x1000 };
    const caller = m.utcb;
    m.syscall(call);
    const handler = m.utcb;
    m.syscall(reply);
    const [from, to] = way === "call" ? [caller, handler] : [handler, caller];
    const first = 0x1_0000;
    const windows: Range[] = [
      [first, 0],
      [first + 3, 2],
      [first + 9, 5],
    ];
    for (const sent of ranges(0x23f8, 13, 4)) {
      for (const window of windows) {
        for (const hotspot of [0, 5, 0x3f_ffff]) {
          m.view.setBigUint64(to + abi.UTCB_DEL, crd(abi.CRD_OBJ, ...window), true);
          const send = () => {
            m.view.setUint32(from + abi.UTCB_ITEMS, 1 << 16, true);
            m.view.setBigUint64(from + abi.UTCB_XFER, crd(abi.CRD_OBJ, ...sent), true);
            m.view.setBigUint64(from + abi.UTCB_XFER + 8, (BigInt(hotspot) << 12n) | 1n, true);
          };
          m.view.setUint32(caller + abi.UTCB_ITEMS, 0, true);
          if (way === "call") send();
          m.syscall(call);
          m.view.setUint32(handler + abi.UTCB_ITEMS, 0, true);
          if (way === "reply") send();
          m.syscall(reply);
          const expected = moved(sent, window, hotspot).filter(([, index]) => held.includes(index));
          const found: [number, number][] = [];
          for (let selector = first - 4; selector < first + 40; selector++) {
            if (m.lookup(abi.CRD_OBJ, selector) === 0n) continue;
            m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, selector), crd(abi.CRD_OBJ, 0, 31), 0n);
            found.push([selector, Number(m.get("rdx") >> 12n)]);
          }
          expect(found, `${sent} into ${window} at ${hotspot}`).toEqual(expected);
          revoke(crd(abi.CRD_OBJ, first - 64, 6));
          revoke(crd(abi.CRD_OBJ, first, 6));
        }
      }
    }
  });

  it("of the machine's ports", () => {
    const windows: Range[] = [
      [0x3f0, 4],
      [0x3fc, 2],
      [0x3ff, 3],
      [0, 16],
    ];
    for (const sent of ranges(0x3f4, 16, 5)) {
      for (const window of [sent, ...windows]) {
        m.delegate(ROOT, ROOT, crd(abi.CRD_PIO, ...sent), crd(abi.CRD_PIO, ...window), FROM_KERNEL);
        const usable = isAligned(sent) && isAligned(window);
        for (let port = 0x3d8; port < 0x428; port++) {
          const given = usable && has(sent, port) && has(window, port);
          const what = `port ${port} of ${sent} into ${window}`;
          expect(m.lookup(abi.CRD_PIO, port) !== 0n, what).toBe(given);
        }
        revoke(crd(abi.CRD_PIO, 0, 16));
      }
    }
  });

  it.each([
    ["first", KERNEL_START / 4096],
    ["last", KERNEL_END / 4096],
  ])("of the machine's memory, around the kernel's %s page", (_name, edge) => {
    const to = 0x8_0000;
    const windows: Range[] = [
      [to, 0],
      [to + 3, 2],
      [to + 9, 5],
    ];
    const isKernels = (page: number) => page >= KERNEL_START / 4096 && page < KERNEL_END / 4096;
    for (const sent of ranges(edge - 6, 12, 4)) {
      for (const [index, window] of windows.entries()) {
        const hotspot = index * 7;
        const flags = (BigInt(hotspot) << 12n) | FROM_KERNEL;
        m.delegate(ROOT, ROOT, crd(abi.CRD_MEM, ...sent), crd(abi.CRD_MEM, ...window), flags);
        const expected = moved(sent, window, hotspot).filter(([, page]) => !isKernels(page));
        const found: [number, number][] = [];
        for (let page = to - 4; page < to + 40; page++) {
          const mapping = m.translate(BigInt(page) << 12n);
          if (mapping) found.push([page, mapping.phys / 4096]);
        }
        expect(found, `${sent} into ${window} at ${hotspot}`).toEqual(expected);
        revoke(crd(abi.CRD_MEM, to - 64, 6));
        revoke(crd(abi.CRD_MEM, to, 6));
      }
    }
  });

  it("of memory at the end of the address space does nothing", () => {
    const entry = () => m.view.getBigUint64(Number(m.cr3) + 511 * 8, true);
    const before = entry();
    for (let order = 0; order <= 31; order++) {
      const top = crd(abi.CRD_MEM, (1n << 52n) - (1n << BigInt(order)), order);
      m.delegate(ROOT, ROOT, crd(abi.CRD_MEM, 0, order), top, FROM_KERNEL);
      m.delegate(ROOT, ROOT, top, crd(abi.CRD_MEM, 0, order));
      revoke(top);
      expect(entry()).toBe(before);
    }
  });
});

describe("revocation takes the block that the range lies in", () => {
  it.each([
    ["objects", abi.CRD_OBJ],
    ["ports", abi.CRD_PIO],
  ])("of %s", (_name, kind) => {
    for (const taken of ranges(0x3fc, 9, 3)) {
      for (let index = 0x3f0; index < 0x410; index++) {
        if (kind === abi.CRD_OBJ) m.createSm(index, 0);
        else m.delegate(ROOT, ROOT, crd(kind, index), crd(kind, index), FROM_KERNEL);
      }
      revoke(crd(kind, ...taken));
      for (let index = 0x3f0; index < 0x410; index++) {
        expect(m.lookup(kind, index) === 0n, `${index} of ${taken}`).toBe(has(taken, index));
      }
    }
  });

  it("of memory", () => {
    for (const taken of ranges(0x803fc, 9, 3)) {
      const all = crd(abi.CRD_MEM, 0x80380, 8);
      m.delegate(ROOT, ROOT, crd(abi.CRD_MEM, 0x40300, 8), all, FROM_KERNEL);
      revoke(crd(abi.CRD_MEM, ...taken));
      for (let page = 0x803f0; page < 0x80400; page++) {
        const gone = m.translate(BigInt(page) << 12n) === undefined;
        expect(gone, `page ${page} of ${taken}`).toBe(has(taken, page));
      }
    }
  });
});

describe("translation", () => {
  it("names no more than sender and receiver know", () => {
    const ports = crd(abi.CRD_PIO, 0x3f8, 3);
    m.delegate(ROOT, ROOT, ports, ports, FROM_KERNEL);
    m.delegate(ROOT, SENDER, ports, ports);
    for (let i = 0; i < 4; i++) m.createSm(0x100 + i, 0);
    m.delegate(ROOT, SENDER, crd(abi.CRD_OBJ, 0x100, 2), crd(abi.CRD_OBJ, 0x204, 2));
    const cases = [
      [abi.CRD_PIO, 0x3f8, 8, 0],
      [abi.CRD_OBJ, 0x204, 4, 0x104],
    ] as const;
    for (const [kind, first, count, shift] of cases) {
      for (const sent of ranges(first - 4, count + 8, 4)) {
        for (const window of ranges(first - shift - 4, count + 8, 4)) {
          m.delegate(SENDER, ROOT, crd(kind, ...sent), crd(kind, ...window), 0n);
          const answer = m.get("rdx");
          if (answer === 0n) continue;
          const told: Range = [Number(answer >> 12n), Number((answer >> 7n) & 31n)];
          expect(isAligned(told), `${told} for ${sent} in ${window}`).toBe(true);
          for (let index = told[0]; index < told[0] + 2 ** told[1]; index++) {
            const known = index + shift >= first && index + shift < first + count;
            const meant = has(sent, index + shift) && has(window, index);
            expect(known && meant, `${told} for ${sent} in ${window}`).toBe(true);
          }
        }
      }
    }
  });
});
