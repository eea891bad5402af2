// Every alignment of ranges: what is sent, the window for it and the hot spot lie on, before, behind and across the
// places where the kernel's tables branch and end, for all kinds of capabilities and all ways to pass them on. The
// model (model.ts) says exactly what each side holds afterwards and what it is told; everything it holds is compared
// after each step, ports and pages as the CPU that runs the domain finds them.

import { beforeAll, describe, expect, it } from "vitest";
import * as abi from "../abi.ts";
import { KERNEL_END, KERNEL_START, LAPIC_BASE } from "../layout.ts";
import { HPET_BASE, PCI_CONFIG, PCI_CONFIG_BYTES } from "../testing/machine.ts";
import { fuzzKernel } from "./campaign.ts";
import { Generator, NO_MESSAGE, SELF, SERVICES, slotBase } from "./generator.ts";
import { Harness } from "./harness.ts";
import { crdBase, crdOrder, type Domain, makeCrd, type PdItem, type Space } from "./model.ts";
import type { Call, Message } from "./operation.ts";

const ALL = 0x1f;
const SENDER = 0;
const RECEIVER = 1;
const FROM_KERNEL = BigInt(abi.XFER_FROM_KERNEL);
/** Free selectors of the roottask. */
const OWN = 0x80_0000;
const GIB_512 = 2 ** 27;
const LAST_PAGES = abi.USER_ADDR / 4096;

type Range = readonly [base: number, order: number];

const crdOf = (kind: number, [base, order]: Range, attr = ALL) => makeCrd(kind, base, order, attr);

/** Every order at every base around an edge. */
function around(edge: number, before: number, behind: number, orders: readonly number[]): Range[] {
  const all: Range[] = [];
  for (const order of orders) {
    for (let base = Math.max(0, edge - before); base < edge + behind; base++) {
      all.push([base, order]);
    }
  }
  return all;
}

/** A machine whose receiving domain runs on the second CPU, and a sending domain. */
class Sweep {
  readonly h: Harness;
  readonly sender: Domain;
  readonly receiver: Domain;
  /** What both had when they were made. */
  private readonly atFirst = new Map<Space, Set<number>>();

  static async start(): Promise<Sweep> {
    const h = await Harness.boot({ cpus: 2, pcid: true, kernel: await fuzzKernel() });
    new Generator(h, 0);
    h.step({ kind: "spawn", slot: RECEIVER });
    // Its thread is started, and its handler lets it go.
    h.step({ kind: "timer", cpu: 1 });
    h.step(Sweep.operation(1, false, abi.HC_REPLY));
    h.step({ kind: "spawn", slot: SENDER });
    return new Sweep(h);
  }

  private constructor(h: Harness) {
    this.h = h;
    const domainOf = (slot: number) => {
      const item = h.model.root.objects.caps.get(slotBase(slot))?.target as PdItem;
      return item.domain;
    };
    this.sender = domainOf(SENDER);
    this.receiver = domainOf(RECEIVER);
    for (const domain of [this.sender, this.receiver]) {
      for (const space of [domain.objects, domain.ports]) {
        this.atFirst.set(space, new Set(space.caps.keys()));
      }
    }
    expect(h.current(1)?.domain).toBe(this.receiver);
    expect(h.current(1)?.isGlobal).toBe(true);
  }

  static operation(
    cpu: number,
    byRoot: boolean,
    id: number,
    flags = 0,
    selector = 0,
    rest: Partial<Call> = {},
  ): Call {
    const registers = { rsi: 0n, rdx: 0n, rax: 0n, r8: 0n, message: NO_MESSAGE };
    return {
      kind: "call",
      cpu,
      byRoot,
      id,
      flags,
      selector: BigInt(selector),
      ...registers,
      ...rest,
    };
  }

  /** A hypercall of the roottask. */
  root(id: number, selector: number, flags = 0, rest: Partial<Call> = {}): void {
    if (!this.h.step(Sweep.operation(0, true, id, flags, selector, rest))) {
      throw new Error("the roottask does not run");
    }
  }

  selectorOf(domain: Domain): number {
    if (domain === this.h.model.root) return SELF;
    return slotBase(domain === this.sender ? SENDER : RECEIVER);
  }

  pass(from: Domain, to: Domain, crd: bigint, window: bigint, meta: bigint): void {
    this.root(abi.HC_PD_CTRL, this.selectorOf(from), abi.PD_CTRL_DELEGATE, {
      rsi: BigInt(this.selectorOf(to)),
      rdx: crd,
      rax: meta,
      r8: window,
    });
  }

  revoke(from: Domain, crd: bigint, self = true): void {
    const flags = abi.REVOKE_REMOTE | (self ? abi.REVOKE_SELF : 0);
    const rdx = BigInt(this.selectorOf(from));
    this.root(abi.HC_REVOKE, 0xfff, flags, { rsi: crd, rdx });
  }

  private compared = 0;

  /** Compares all that both have, and what the receiver's CPU lets it do; now and then all of the roottask's. */
  compare(): void {
    this.h.checkDomain(this.sender);
    this.h.checkDomain(this.receiver);
    if (this.compared++ % 16 === 0) this.h.checkDomain(this.h.model.root);
    this.h.checkPorts(1);
  }

  /** The roottask's call of the receiver's handler, and the answer; each with items and windows. */
  exchange(call: Message, reply: Message): void {
    this.root(abi.HC_CALL, slotBase(RECEIVER) + SERVICES, 0, { message: call });
    this.compare();
    this.h.step(Sweep.operation(0, false, abi.HC_REPLY, 0, 0, { message: reply }));
    this.compare();
  }

  /** Takes from a domain what it has got since it was made. */
  clean(domain: Domain, kind: number): void {
    const { caps } = domain.space(kind);
    const had = this.atFirst.get(domain.space(kind)) ?? new Set();
    for (const { base, order } of [...caps.values()]) {
      if (!had.has(base) && caps.has(base)) this.revoke(domain, crdOf(kind, [base, order]));
    }
  }

  /** New semaphores of the roottask become the sender's at these selectors. */
  giveSemaphores(selectors: readonly number[]): void {
    this.root(abi.HC_REVOKE, 0xfff, abi.REVOKE_SELF, { rsi: crdOf(abi.CRD_OBJ, [OWN, 8]) });
    for (const [i, selector] of selectors.entries()) {
      this.root(abi.HC_CREATE_SM, OWN + i, 0, { rsi: BigInt(SELF), rdx: 1n });
      const from = crdOf(abi.CRD_OBJ, [OWN + i, 0]);
      const attr = i % 3 === 0 ? abi.PERM_SM_UP : ALL;
      const to = makeCrd(abi.CRD_OBJ, selector, 0, attr);
      this.pass(this.h.model.root, this.sender, from, to, 1n);
    }
  }

  /** Ports of the machine become the sender's. */
  givePorts(ranges: readonly Range[]): void {
    this.clean(this.sender, abi.CRD_PIO);
    for (const range of ranges) {
      const ports = crdOf(abi.CRD_PIO, range);
      this.pass(this.h.model.root, this.sender, ports, ports, FROM_KERNEL | 1n);
    }
  }

  /** Pages of the machine become the sender's, with rights in turn. */
  givePages(ranges: readonly (readonly [page: number, order: number, phys: number])[]): void {
    for (const [i, [page, order, phys]] of ranges.entries()) {
      const rights = [7, 1, 3, 5][i % 4] ?? 7;
      const from = makeCrd(abi.CRD_MEM, phys, order, rights);
      const to = makeCrd(abi.CRD_MEM, page, order, ALL);
      this.pass(this.h.model.root, this.sender, from, to, FROM_KERNEL | 1n);
    }
  }
}

// Where the table of selectors has its leaves and its middle level end, and where it ends itself.
const SELECTORS = [0x400, 0x10_0000, abi.NUM_SELECTORS];
const HELD_SELECTORS = SELECTORS.flatMap((edge) => [-7, -4, -1, 0, 3].map((i) => edge + i)).filter(
  (selector) => selector < abi.NUM_SELECTORS,
);
const SELECTOR_WINDOWS: Range[] = [
  ...SELECTORS.flatMap((edge): Range[] => [
    [edge - 8, 3],
    [edge - 3, 4],
    [edge - 1, 0],
    [edge, 2],
  ]),
  [0x40_0005, 31],
  [2 ** 52 - 1, 0],
  [2 ** 52 - 8, 3],
];
// Where bytes, halves of the bitmap and leaves of the table end, and the last port.
const PORT_EDGES = [0x3f8, 0x400, 0x8000, abi.NUM_PORTS];
const HELD_PORTS: Range[] = [
  [0, 1],
  [0x3f0, 2],
  [0x3f8, 3],
  [0x400, 0],
  [0x7ffc, 2],
  [0x8000, 12],
  [0xfff8, 3],
];
const PORT_WINDOWS: Range[] = [
  [0, 16],
  [0, 31],
  [0x3f0, 4],
  [0x3ff, 3],
  [0x400, 10],
  [0x8000, 15],
  [0x8001, 1],
  [0xffff, 0],
  [abi.NUM_PORTS, 0],
];
// Where page tables of three levels end, in pages; what is there at first, with the machine's page.
const PAGE_EDGES = [0x200, GIB_512, LAST_PAGES];
const HELD_PAGES: readonly (readonly [page: number, order: number, phys: number])[] = [
  [0x1f8, 1, 0x4_0000],
  [0x1ff, 0, 0x4_0007],
  // One large page.
  [0x200, 9, 0x4_0200],
  [GIB_512 - 0x200, 9, 0x4_1001],
  [GIB_512, 2, 0x4_2003],
  [GIB_512 + 5, 0, 0x4_2005],
  [LAST_PAGES - 16, 2, 0x4_3000],
  [LAST_PAGES - 9, 0, 0x4_3009],
];
const PAGE_WINDOWS: Range[] = [
  ...PAGE_EDGES.flatMap((edge): Range[] => [
    [edge - 24, 3],
    [edge - 19, 2],
    [edge - 8, 0],
  ]),
  [0x400, 9],
  [0x5ff, 10],
  [GIB_512 + 0x233, 5],
  [LAST_PAGES - 1, 4],
  [2 ** 52 - 1, 3],
];

const hotspotOf = (i: number) => [0n, 5n, 0x3ff_ffffn, 0xf_fffen, (1n << 52n) - 1n][i % 5] ?? 0n;
const metaOf = (i: number, kind: number = abi.XFER_DELEGATE) =>
  (hotspotOf(i) << 12n) | BigInt(kind);

let sweep: Sweep;

beforeAll(async () => {
  sweep = await Sweep.start();
});

describe("pd_ctrl delegates at every alignment", () => {
  it("objects", () => {
    const { sender, receiver } = sweep;
    sweep.giveSemaphores(HELD_SELECTORS);
    let turn = 0;
    for (const edge of SELECTORS) {
      for (const sent of around(edge, 6, 4, [0, 1, 2, 3, 4])) {
        for (const window of SELECTOR_WINDOWS) {
          const rights = turn % 7 === 0 ? abi.PERM_SM_DOWN : ALL;
          const crd = crdOf(abi.CRD_OBJ, sent);
          sweep.pass(sender, receiver, crd, crdOf(abi.CRD_OBJ, window, rights), metaOf(turn++));
          sweep.compare();
          sweep.clean(receiver, abi.CRD_OBJ);
        }
      }
    }
  });

  it("ports", () => {
    const { sender, receiver } = sweep;
    sweep.givePorts(HELD_PORTS);
    let turn = 0;
    for (const edge of PORT_EDGES) {
      for (const sent of around(edge, 9, 5, [0, 1, 2, 3, 4, 9, 10, 31])) {
        for (const window of [sent, ...PORT_WINDOWS]) {
          // Some of them for the other subspaces alone, which the bitmap does not show.
          const subspaces = BigInt(turn % 11 === 0 ? turn % 8 : 0) << 8n;
          const crds = [crdOf(abi.CRD_PIO, sent), crdOf(abi.CRD_PIO, window)] as const;
          sweep.pass(sender, receiver, ...crds, metaOf(turn++) | subspaces);
          sweep.compare();
          sweep.clean(receiver, abi.CRD_PIO);
        }
      }
    }
  });

  it("memory", () => {
    const { sender, receiver } = sweep;
    sweep.givePages(HELD_PAGES);
    let turn = 0;
    for (const edge of PAGE_EDGES) {
      for (const sent of around(edge, 9, 4, [0, 1, 2, 3, 4, 9])) {
        for (const window of PAGE_WINDOWS) {
          const rights = [7, 3, 1, 5, 8, 0][turn % 6] ?? 7;
          const crd = crdOf(abi.CRD_MEM, sent);
          sweep.pass(sender, receiver, crd, crdOf(abi.CRD_MEM, window, rights), metaOf(turn++));
          sweep.compare();
          sweep.revoke(receiver, crdOf(abi.CRD_MEM, window));
        }
      }
    }
  });

  it("the machine's memory, around what nobody gets", () => {
    const { h, receiver } = sweep;
    const edges = [
      KERNEL_START / 4096,
      KERNEL_END / 4096,
      LAPIC_BASE / 4096,
      0xfec0_0000 / 4096,
      h.model.informationPage,
      2 ** 28,
    ];
    let turn = 0;
    for (const edge of edges) {
      for (const sent of around(edge, 5, 3, [0, 1, 2, 3, 10])) {
        for (const window of PAGE_WINDOWS) {
          const crd = crdOf(abi.CRD_MEM, sent);
          const meta = metaOf(turn++) | FROM_KERNEL;
          sweep.pass(h.model.root, receiver, crd, crdOf(abi.CRD_MEM, window), meta);
          sweep.compare();
          sweep.revoke(receiver, crdOf(abi.CRD_MEM, window));
        }
      }
    }
  });
});

describe("typed items of calls and replies at every alignment", () => {
  // The roottask is the sender and receiver of what its call and the handler's reply have.
  const kinds: [string, number, readonly Range[], readonly Range[]][] = [
    [
      "objects",
      abi.CRD_OBJ,
      SELECTORS.slice(0, 2).flatMap((edge) => around(edge, 3, 2, [0, 1, 3])),
      SELECTOR_WINDOWS,
    ],
    [
      "ports",
      abi.CRD_PIO,
      PORT_EDGES.flatMap((edge) => around(edge, 3, 2, [0, 1, 3, 10])),
      PORT_WINDOWS,
    ],
    ["memory", abi.CRD_MEM, around(GIB_512, 5, 3, [0, 1, 2, 3]), PAGE_WINDOWS.slice(3)],
  ];

  it.each(kinds)("of %s", (_name, kind, ranges, windows) => {
    const { sender, receiver } = sweep;
    const { root } = sweep.h.model;
    sweep.giveSemaphores(HELD_SELECTORS);
    sweep.givePorts(HELD_PORTS);
    sweep.givePages(HELD_PAGES);
    // What the sender has is the roottask's at the same place for as long.
    const all = (k: number, first: number, order: number) => crdOf(k, [first, order]);
    for (const edge of SELECTORS.slice(0, 2)) {
      const block = all(abi.CRD_OBJ, edge - 16, 5);
      sweep.pass(sender, root, block, block, 1n);
    }
    sweep.pass(sender, root, all(abi.CRD_PIO, 0, 16), all(abi.CRD_PIO, 0, 16), 1n);
    const pages = all(abi.CRD_MEM, GIB_512 - 0x400, 11);
    sweep.pass(sender, root, pages, pages, 1n);
    let turn = 0;
    let opened = 0n;
    for (const [i, sent] of ranges.entries()) {
      for (const window of windows) {
        const transfer = [1, 1, 0, 2, 1][turn % 5] ?? 1;
        const items = [sent, ranges[(i * 7 + turn) % ranges.length] ?? sent].map(
          (range): [bigint, bigint] => [crdOf(kind, range), metaOf(turn, transfer)],
        );
        const next = crdOf(kind, window, turn % 4 === 0 ? 3 : ALL);
        const reach = turn % 2 ? all(kind, 0, 31) : next;
        const windowsOf = { delegateWindow: next, translateWindow: reach };
        const message = { ...NO_MESSAGE, words: turn % 3, typed: items };
        sweep.exchange(
          { ...message, ...windowsOf },
          { ...message, typed: items.slice(0, turn % 3), ...windowsOf },
        );
        turn++;
        sweep.clean(receiver, kind === abi.CRD_MEM ? abi.CRD_OBJ : kind);
        if (kind === abi.CRD_MEM) sweep.revoke(receiver, opened);
        opened = next;
      }
    }
  });

  it("of memory, in the answer to a page fault", () => {
    const { h, receiver } = sweep;
    sweep.givePages(HELD_PAGES);
    const pages = crdOf(abi.CRD_MEM, [GIB_512 - 0x400, 11]);
    sweep.pass(sweep.sender, receiver, pages, pages, 1n);
    let turn = 0;
    for (const sent of around(GIB_512, 6, 4, [0, 1, 2, 3])) {
      for (const target of [0x1ff, 0x200, GIB_512 - 0x600, GIB_512 + 0x7ff, LAST_PAGES - 1]) {
        const address = (BigInt(target) << 12n) + 0x234n;
        h.step({ kind: "trap", cpu: 1, vector: abi.EXC_PF, error: 4, address });
        // Where the page is to be; some of them elsewhere.
        const place = turn++ % 3 === 0 ? BigInt(target) ^ 5n : BigInt(target);
        const typed: [bigint, bigint][] = [[crdOf(abi.CRD_MEM, sent), (place << 12n) | 1n]];
        h.step(
          Sweep.operation(1, false, abi.HC_REPLY, 0, 0, { message: { ...NO_MESSAGE, typed } }),
        );
        sweep.compare();
        sweep.revoke(receiver, crdOf(abi.CRD_MEM, [target, 4]));
      }
    }
    sweep.revoke(receiver, pages);
  });
});

describe("revoke takes the block that a range lies in, at every alignment,", () => {
  const kinds: [string, number, readonly Range[]][] = [
    ["objects", abi.CRD_OBJ, SELECTORS.flatMap((edge) => around(edge, 8, 4, [0, 1, 2, 3, 4]))],
    ["ports", abi.CRD_PIO, PORT_EDGES.flatMap((edge) => around(edge, 8, 4, [0, 1, 2, 3, 10]))],
    ["memory", abi.CRD_MEM, PAGE_EDGES.flatMap((edge) => around(edge, 9, 4, [0, 1, 2, 3, 9]))],
  ];

  it.each(kinds)("of %s, from others alone or from both", (_name, kind, ranges) => {
    const { sender, receiver } = sweep;
    const hold = () => {
      if (kind === abi.CRD_OBJ) sweep.giveSemaphores(HELD_SELECTORS);
      else if (kind === abi.CRD_PIO) sweep.givePorts(HELD_PORTS);
      else sweep.givePages(HELD_PAGES);
    };
    const edges = kind === abi.CRD_OBJ ? SELECTORS : kind === abi.CRD_PIO ? [] : PAGE_EDGES;
    for (const [i, taken] of ranges.entries()) {
      hold();
      if (kind === abi.CRD_PIO) {
        const all = crdOf(kind, [0, 16]);
        sweep.pass(sender, receiver, all, all, 1n);
      }
      for (const edge of edges) {
        // As they are, and another one elsewhere for each.
        for (const first of [edge - 16, edge].filter(
          (base) => base < abi.NUM_SELECTORS || kind === abi.CRD_MEM,
        )) {
          const block = crdOf(kind, [first, 4]);
          sweep.pass(sender, receiver, block, block, 1n);
          sweep.pass(sender, receiver, block, crdOf(kind, [first - 32, 4]), 1n);
        }
      }
      sweep.compare();
      const rights = [ALL, 1, 2, 3, 0][i % 5] ?? ALL;
      const crd = makeCrd(kind, taken[0], taken[1], i % 3 === 0 ? rights : ALL);
      sweep.revoke(i % 4 === 3 ? receiver : sender, crd, i % 2 === 0);
      sweep.compare();
      if (kind === abi.CRD_MEM) sweep.revoke(receiver, crdOf(kind, [GIB_512 - 64, 7]));
      else sweep.clean(receiver, kind);
      if (kind !== abi.CRD_MEM) sweep.clean(sender, kind);
    }
  });
});

/** Indices of a naturally aligned range. */
const indicesOf = (base: number, order: number) =>
  Array.from({ length: 2 ** order }, (_, i) => base - (base % 2 ** order) + i);

describe("translation at every alignment", () => {
  // Ports keep their numbers, so that what is told can be computed port by port.
  it("of ports is what was sent, the origin and the window have in common", () => {
    const { h, sender, receiver } = sweep;
    const { root } = h.model;
    const edge = 0x400;
    const held: Range[] = [
      [edge - 8, 3],
      [edge, 2],
    ];
    sweep.givePorts([]);
    sweep.clean(receiver, abi.CRD_PIO);
    for (const range of held) {
      const ports = crdOf(abi.CRD_PIO, range);
      sweep.pass(root, sender, ports, ports, FROM_KERNEL | 1n);
    }
    // The receiver has less of it.
    const passed: Range[] = [
      [edge - 8, 2],
      [edge - 2, 0],
      [edge, 1],
    ];
    for (const range of passed) {
      const ports = crdOf(abi.CRD_PIO, range);
      sweep.pass(sender, receiver, ports, ports, 1n);
    }
    for (const sent of around(edge, 10, 5, [0, 1, 2, 3, 4])) {
      for (const window of [...around(edge, 9, 5, [0, 1, 2, 3]), [0, 16] as Range]) {
        const crd = crdOf(abi.CRD_PIO, sent);
        const reach = crdOf(abi.CRD_PIO, window);
        sweep.pass(receiver, sender, crd, reach, metaOf(sent[0], abi.XFER_TRANSLATE));
        const told = h.m.get("rdx");
        const cap = receiver.ports.at(sent[0]);
        const isUsable = sent[0] % 2 ** sent[1] === 0 && window[0] % 2 ** window[1] === 0;
        const inWindow = new Set(indicesOf(...window));
        const inSent = new Set(indicesOf(...sent));
        const common = cap
          ? indicesOf(cap.base, cap.order).filter((i) => inSent.has(i) && inWindow.has(i))
          : [];
        const what = `${sent} in ${window}`;
        if (!isUsable || common.length === 0) expect(told, what).toBe(0n);
        else expect(indicesOf(crdBase(told), crdOrder(told)), what).toEqual(common);
      }
    }
    sweep.clean(receiver, abi.CRD_PIO);
  });

  it("of objects is the selector that the receiver passed on", () => {
    const { h, sender, receiver } = sweep;
    const { root } = h.model;
    sweep.giveSemaphores(HELD_SELECTORS);
    // From the roottask to the sender, to the receiver, and back to another place of the sender's.
    for (const edge of SELECTORS.slice(0, 2)) {
      const block = crdOf(abi.CRD_OBJ, [edge, 4]);
      const before = crdOf(abi.CRD_OBJ, [edge - 16, 4]);
      for (const [from, to] of [
        [block, crdOf(abi.CRD_OBJ, [edge - 64, 4])],
        [before, crdOf(abi.CRD_OBJ, [edge - 48, 4])],
      ] as const) {
        sweep.pass(sender, receiver, from, to, 1n);
        sweep.pass(receiver, sender, to, to, 1n);
      }
    }
    let turn = 0;
    for (const edge of SELECTORS.slice(0, 2)) {
      const sends = [...around(edge - 48, 3, 18, [0, 2, 4]), ...around(edge, 8, 5, [0, 1, 3])];
      for (const sent of sends) {
        for (const window of [...SELECTOR_WINDOWS, [OWN, 5] as Range, [edge - 64, 5] as Range]) {
          const pairs = [
            [receiver, sender],
            [sender, receiver],
            [sender, root],
            [receiver, root],
            [sender, sender],
          ] as const;
          const [from, to] = pairs[turn % pairs.length] ?? pairs[0];
          const kind = turn++ % 9 === 0 ? abi.XFER_TRANS_DELEGATE : abi.XFER_TRANSLATE;
          const crd = crdOf(abi.CRD_OBJ, sent);
          sweep.pass(from, to, crd, crdOf(abi.CRD_OBJ, window), metaOf(turn, kind));
          const told = h.m.get("rdx");
          if (kind === abi.XFER_TRANSLATE && told !== 0n) {
            // It is the same object.
            const target = to.objects.at(crdBase(told))?.target;
            expect(target).toBe(from.objects.at(sent[0])?.target);
            expect(crdOrder(told)).toBe(0);
          }
        }
      }
    }
    sweep.compare();
    sweep.clean(receiver, abi.CRD_OBJ);
    sweep.clean(sender, abi.CRD_OBJ);
  });
});

describe("interrupts", () => {
  it("of every number go to whoever got their semaphore, around both ends of them", () => {
    const { h, receiver } = sweep;
    const { root } = h.model;
    const first = abi.NUM_CPU;
    const edges = [first, first + 24, first + abi.NUM_GSI];
    const play = 0x60_0000;
    let turn = 0;
    for (const edge of edges) {
      for (const sent of around(edge, 4, 3, [0, 1, 2, 3, 8])) {
        for (const window of [[play, 3] as Range, [play + 5, 1] as Range, [play + 9, 8] as Range]) {
          const crd = crdOf(abi.CRD_OBJ, sent);
          const meta = metaOf(turn++) | FROM_KERNEL;
          sweep.pass(root, receiver, crd, crdOf(abi.CRD_OBJ, window), meta);
          sweep.compare();
          sweep.clean(receiver, abi.CRD_OBJ);
        }
      }
    }
  });

  it("are routed by those who have the semaphore, messages with a page of configuration space alone", () => {
    const { h } = sweep;
    const { root } = h.model;
    const play = 0x60_0000;
    const gsis = [0, 1, 23, 24, 25, abi.NUM_GSI - 1];
    for (const [i, gsi] of gsis.entries()) {
      const window = crdOf(abi.CRD_OBJ, [play + i, 0], i % 2 ? ALL : abi.PERM_SM_DOWN);
      sweep.pass(
        root,
        root,
        makeCrd(abi.CRD_OBJ, abi.NUM_CPU + gsi, 0, ALL),
        window,
        FROM_KERNEL | 1n,
      );
    }
    const edges = [PCI_CONFIG, PCI_CONFIG + PCI_CONFIG_BYTES, HPET_BASE].map((at) => at / 4096);
    // The pages around each edge, in a large page where they can be.
    for (const [i, edge] of edges.entries()) {
      const order = i === 2 ? 3 : 9;
      for (let part = 0; part < 2; part++) {
        const from = crdOf(abi.CRD_MEM, [edge + (part - 1) * 2 ** order, order]);
        const to = crdOf(abi.CRD_MEM, [GIB_512 + (2 * i + part - 3) * 512, order]);
        sweep.pass(root, root, from, to, FROM_KERNEL | 1n);
      }
    }
    const before = h.byId.get(abi.HC_ASSIGN_GSI) ?? { calls: 0, good: 0 };
    const places = [-3, -2, -1, 0, 1, 2, 3].flatMap((n) =>
      [-2, -1, 0, 1, 255, 256, 257].map((page) => BigInt(GIB_512 + n * 512 + page) << 12n),
    );
    places.push(0n, 0x1000n, BigInt(LAST_PAGES) << 12n, 1n << 47n, 1n << 63n, (1n << 64n) - 1n);
    for (const [i] of gsis.entries()) {
      for (const [j, place] of places.entries()) {
        const rsi = place | BigInt(j % 3 === 0 ? 0xfff : 0);
        for (const cpu of [0n, 1n, 2n, 63n, 64n, 0xfffn, 1n << 31n, (1n << 32n) | 1n, 3n << 32n]) {
          const rest = { rsi, rdx: cpu, rax: (1n << 64n) - 1n };
          sweep.root(abi.HC_ASSIGN_GSI, play + i, Number(cpu >> 32n) & 1, rest);
        }
      }
    }
    const after = h.byId.get(abi.HC_ASSIGN_GSI) ?? before;
    const messages = after.good - before.good - (3 / 6) * (4 / 9) * (after.calls - before.calls);
    expect(messages).toBeGreaterThan(100);
    // A selector that is none, and one beyond all.
    for (const selector of [play + gsis.length, SELF, abi.NUM_SELECTORS + play]) {
      sweep.root(abi.HC_ASSIGN_GSI, selector, 0, { rax: (1n << 64n) - 1n });
    }
    sweep.root(abi.HC_REVOKE, 0xfff, abi.REVOKE_SELF, { rsi: crdOf(abi.CRD_OBJ, [play, 4]) });
  });
});
