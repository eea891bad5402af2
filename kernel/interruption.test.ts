// What comes between two pieces of a long operation: recall, the death of the thread whose operation it is, of its
// domain or of the domain it is about, another CPU with a long operation of its own. The operation is preempted
// after every piece, so that the test can act in between.

import { describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { crd, EXIT_IRET, Idle, Machine, type Registers } from "./testing/machine.ts";

const ROOT = abi.ROOT_SEL_PD;
/** Domains of the thread and of the other side, and their selectors in both. */
const OWN = 50;
const OTHER = 60;
const HANDLER = 90;
const RECEIVER = 92;
const PORTAL = 93;
const THREAD = 100;
const CROWD = 0x1000;
const CROWD_ORDER = 10;
const COPY = 0x2000;
const TIMER = 224;
const SELF = abi.REVOKE_SELF;
const CODE = 0x40_0000;

const crowd = (at = CROWD, attr = 31) => crd(abi.CRD_OBJ, at, CROWD_ORDER, attr);

/** Registers of a hypercall. */
function hypercall(id: number, selector = 0, flags = 0, rest: Registers = {}): Registers {
  const rdi = (BigInt(selector) << 12n) | BigInt((flags << 8) | id);
  return { rsi: 0, rdx: 0, rax: 0, r8: 0, rcx: CODE, ...rest, rdi };
}

const revocation = (range: bigint) => hypercall(abi.HC_REVOKE, 0, SELF, { rsi: range });

/** Ends the quantum of whoever runs between two pieces. */
function preempt(m: Machine): void {
  m.onWindow = () => {
    m.tsc = m.deadline;
    m.interruptIdle(TIMER);
  };
}

/** Lets the next thread of the priority run. */
const yieldTo = (m: Machine) => m.timer(m.deadline);

function handleReply(m: Machine): void {
  m.syscall({ ...hypercall(abi.HC_REPLY), r11: 0x1000 });
}

/** A thread of the root's priority, started and preempted at once, so that the root is current again; its EC. */
function startThread(m: Machine, selector: number, pd = ROOT): number {
  const root = m.ec;
  m.createEc(selector, { pd, global: true, utcb: BigInt(selector) << 20n });
  m.createSc(selector + 1, selector, 1, 1000);
  yieldTo(m);
  handleReply(m);
  const thread = m.ec;
  expect(thread).not.toBe(root);
  yieldTo(m);
  expect(m.ec).toBe(root);
  return thread;
}

function revoke(m: Machine, range: bigint): void {
  expect(m.hypercall(abi.HC_REVOKE, 0, SELF, { rsi: range })).toBe(abi.SUCCESS);
}

function createCrowd(m: Machine, at = CROWD): void {
  for (let i = 0; i < 2 ** CROWD_ORDER; i++) m.createSm(at + i, 0);
}

/** How many of a crowd the root has. */
function countCrowd(m: Machine, at: number): number {
  let count = 0;
  for (let i = 0; i < 2 ** CROWD_ORDER; i++) {
    if (m.lookup(abi.CRD_OBJ, at + i) !== 0n) count++;
  }
  return count;
}

/** How many of the crowd a domain has. */
function countIn(m: Machine, pd: number): number {
  m.delegate(pd, ROOT, crowd(), crowd(COPY));
  const count = countCrowd(m, COPY);
  revoke(m, crowd(COPY));
  return count;
}

/** A machine on which threads can be started and recalled. */
async function machine(): Promise<Machine> {
  const m = await Machine.boot();
  m.createEc(HANDLER, { utcb: 0x10_0000n });
  for (const event of [abi.EVENT_STARTUP, abi.EVENT_RECALL]) m.createPt(event, HANDLER, 0, CODE);
  return m;
}

describe("a long operation of a thread that is recalled", () => {
  it("comes to its end first, and its status is seen afterwards", async () => {
    const m = await machine();
    const root = m.ec;
    createCrowd(m);
    const thread = startThread(m, THREAD);
    yieldTo(m);
    expect(m.ec).toBe(thread);
    preempt(m);
    const rest = { rsi: ROOT, rdx: crowd(), rax: 1, r8: crowd(COPY) };
    m.syscall(hypercall(abi.HC_PD_CTRL, ROOT, abi.PD_CTRL_DELEGATE, rest));
    expect(m.ec).toBe(root);
    expect(m.hypercall(abi.HC_EC_CTRL, THREAD, abi.EC_CTRL_RECALL)).toBe(abi.SUCCESS);
    let pieces = 1;
    for (yieldTo(m); m.ec === root; yieldTo(m)) pieces++;
    expect(pieces).toBeGreaterThan(3);
    // The handler of the recall.
    expect(m.ec).not.toBe(thread);
    expect(countCrowd(m, COPY)).toBe(2 ** CROWD_ORDER);
    handleReply(m);
    expect(m.ec).toBe(thread);
    expect(m.exit).toBe(EXIT_IRET);
    expect(m.get("rip")).toBe(BigInt(CODE));
    expect(m.get("rdi")).toBe(BigInt(abi.SUCCESS));
    expect(m.get("rdx")).toBe(crowd(COPY));
  });
});

/** Long operations of a thread in OWN, which has the crowd, as has OTHER. */
const operations: Record<string, (m: Machine) => Registers> = {
  delegation: () =>
    hypercall(abi.HC_PD_CTRL, OWN, abi.PD_CTRL_DELEGATE, {
      rsi: OTHER,
      rdx: crowd(),
      rax: 1,
      r8: crowd(COPY),
    }),
  revocation: () => revocation(crowd()),
  "revocation of a permission": () => revocation(crowd(CROWD, abi.PERM_SM_UP)),
  "revocation from another domain": () =>
    hypercall(abi.HC_REVOKE, 0, SELF | abi.REVOKE_REMOTE, { rsi: crowd(), rdx: OTHER }),
  "creation of a domain": () => hypercall(abi.HC_CREATE_PD, 70, 0, { rsi: OWN, rdx: crowd() }),
  "message with typed items": (m) => {
    m.view.setUint32(m.utcb + abi.UTCB_ITEMS, 8 << 16, true);
    for (let i = 0; i < 8; i++) {
      const item = m.utcb + abi.UTCB_XFER - i * 16;
      m.view.setBigUint64(item, crd(abi.CRD_OBJ, CROWD + i * 128, 7), true);
      m.view.setBigUint64(item + 8, (BigInt(i * 128) << 12n) | 1n, true);
    }
    return hypercall(abi.HC_CALL, PORTAL);
  },
};

const victims: Record<string, (m: Machine) => void> = {
  thread: (m) => revoke(m, crd(abi.CRD_OBJ, THREAD, 1)),
  "thread, but not its time": (m) => revoke(m, crd(abi.CRD_OBJ, THREAD)),
  "thread's domain": (m) => revoke(m, crd(abi.CRD_OBJ, OWN)),
  "domain on the other side": (m) => revoke(m, crd(abi.CRD_OBJ, OTHER)),
};

const pairs = Object.keys(operations).flatMap((operation) =>
  Object.keys(victims).map((victim) => [victim, operation] as const),
);

describe("death in the middle", () => {
  it.each(pairs)("of the %s: %s", async (victim, operation) => {
    const m = await machine();
    const root = m.ec;
    const before = m.freePages;
    m.createPd(OWN);
    m.createPd(OTHER);
    m.createEc(RECEIVER, { pd: OTHER, utcb: 0x20_0000n });
    m.createPt(PORTAL, RECEIVER, 0, CODE);
    const given = [abi.EVENT_STARTUP, OWN, OTHER, PORTAL];
    for (const each of given) m.delegate(ROOT, OWN, crd(abi.CRD_OBJ, each), crd(abi.CRD_OBJ, each));
    createCrowd(m);
    for (const pd of [OWN, OTHER]) m.delegate(ROOT, pd, crowd(), crowd());
    // The receiver opens its window.
    m.syscall(hypercall(abi.HC_CALL, PORTAL));
    m.view.setBigUint64(m.utcb + abi.UTCB_DEL, crowd(COPY), true);
    handleReply(m);
    const thread = startThread(m, THREAD, OWN);
    yieldTo(m);
    expect(m.ec).toBe(thread);
    preempt(m);
    m.syscall(operations[operation]?.(m) ?? {});
    expect(m.ec).toBe(root);

    const cut = m.onWindow;
    m.onWindow = undefined;
    victims[victim]?.(m);
    m.audit();
    m.onWindow = cut;
    // Whoever is left goes on, or ends.
    for (let i = 0; i < 40 && m.ec === root; i++) yieldTo(m);
    m.onWindow = undefined;
    if (m.ec === thread) yieldTo(m);
    else if (m.ec !== root) {
      // The message has come.
      handleReply(m);
      if (m.ec !== root) yieldTo(m);
    }
    expect(m.ec).toBe(root);
    m.audit();
    if (victim === "thread" && operation === "revocation") expect(countIn(m, OWN)).toBe(0);
    if (victim !== "domain on the other side" && operation.endsWith("another domain")) {
      expect(countIn(m, OTHER)).toBe(0);
    }

    revoke(m, crowd());
    for (const [base, order] of [
      [48, 4],
      [PORTAL - 1, 1],
      [THREAD, 1],
    ] as const) {
      revoke(m, crd(abi.CRD_OBJ, base, order));
    }
    yieldTo(m);
    expect(m.ec).toBe(root);
    revoke(m, crd(abi.CRD_OBJ, HANDLER));
    for (const event of [abi.EVENT_STARTUP, abi.EVENT_RECALL]) revoke(m, crd(abi.CRD_OBJ, event));
    m.audit();
    expect(m.freePages).toBeGreaterThanOrEqual(before);
  });
});

describe("an interrupt's semaphore that is bound to one which many wait for", () => {
  it("wakes as many as interrupts have come, in pieces", async () => {
    const m = await machine();
    const root = m.ec;
    const [gsi, interrupts, bound, never, count] = [4, 300, 301, 302, 400];
    const kernels = crd(abi.CRD_OBJ, abi.NUM_CPU + gsi);
    m.delegate(ROOT, ROOT, kernels, crd(abi.CRD_OBJ, interrupts), 0x801n);
    for (const selector of [bound, never]) m.createSm(selector, 0);
    for (let i = 0; i < count; i++) {
      const thread = 0x1000 + 2 * i;
      m.createEc(thread, { global: true });
      const rest = { rsi: ROOT, rdx: thread, rax: (1000n << 12n) | 2n };
      m.syscall(hypercall(abi.HC_CREATE_SC, thread + 1, 0, rest));
      handleReply(m);
      m.syscall(hypercall(abi.HC_SM_CTRL, bound, abi.SM_CTRL_DOWN));
      expect(m.ec).toBe(root);
    }
    for (let i = 1; i < count; i++) m.trap(abi.NUM_EXC + gsi);
    let windows = 0;
    m.onWindow = () => windows++;
    m.syscall(hypercall(abi.HC_ASSIGN_GSI, interrupts, 0, { rax: bound }));
    let woken = 0;
    for (; m.ec !== root; woken++) {
      expect(m.get("rdi")).toBe(BigInt(abi.SUCCESS));
      m.syscall(hypercall(abi.HC_SM_CTRL, never, abi.SM_CTRL_DOWN));
    }
    expect(woken).toBe(count - 1);
    expect(windows).toBeGreaterThan(1);
    // Without an IOAPIC the model's interrupts are messages.
    expect(m.get("rdi")).toBe(BigInt(abi.BAD_DEV));
    m.audit();
  });
});

/** Handler of the second CPU and the base of its events. */
const HANDLER_1 = 91;
const EVENTS_1 = 0x200;
const THREADS_1 = [110, 120];

/** Takes the interrupts that the second CPU has got while it is idle, and runs what is to run then. */
function wakeSecond(m: Machine): void {
  m.cpu = 1;
  for (let vector = m.pendingInterrupt(); vector !== undefined; vector = m.pendingInterrupt()) {
    m.interruptIdle(vector);
  }
  m.exit = m.exports.ap_run();
}

/** Two threads on each CPU, of which one is the root and one of each is current. */
async function twoCpus(): Promise<Machine> {
  const m = await Machine.boot(undefined, undefined, [], { cpus: 2 });
  m.cpu = 1;
  expect(() => m.exports.ap_run()).toThrow(Idle);
  m.cpu = 0;
  m.createEc(HANDLER, { utcb: 0x10_0000n });
  m.createPt(abi.EVENT_STARTUP, HANDLER, 0, CODE);
  m.createEc(HANDLER_1, { utcb: 0x20_0000n, cpu: 1 });
  m.createPt(EVENTS_1 + abi.EVENT_STARTUP, HANDLER_1, 0, CODE);
  startThread(m, THREAD);
  for (const selector of THREADS_1) {
    const utcb = BigInt(selector) << 20n;
    m.createEc(selector, { global: true, utcb, cpu: 1, events: EVENTS_1 });
    m.createSc(selector + 1, selector, 1, 1000);
  }
  wakeSecond(m);
  handleReply(m);
  yieldTo(m);
  handleReply(m);
  m.cpu = 0;
  return m;
}

/** Which CPU goes on after each piece, over and over. */
const orders = ["01", "10", "001", "0111", "0000001", "1111110", "0010111"];

const CHAIN = 0x3000;

/** What the CPUs revoke. The chain is CHAIN, CHAIN + 1, and so on, each given by the one before. */
const races: Record<string, [bigint, bigint]> = {
  "different objects": [crowd(), crowd(COPY)],
  "the same objects": [crowd(), crowd()],
  "objects and their copies": [crowd(), crowd(COPY)],
  "a chain, from its top and from its middle": [
    crd(abi.CRD_OBJ, CHAIN),
    crd(abi.CRD_OBJ, CHAIN + 2000),
  ],
  "a permission of a chain, and the chain": [
    crd(abi.CRD_OBJ, CHAIN, 0, abi.PERM_SM_UP),
    crd(abi.CRD_OBJ, CHAIN + 1),
  ],
};

describe("long revocations on two CPUs", () => {
  it.each(Object.entries(races))("of %s both come to their ends", async (name, [first, second]) => {
    for (const order of orders) {
      const m = await twoCpus();
      const before = m.freePages;
      createCrowd(m);
      if (name.endsWith("copies")) m.delegate(ROOT, ROOT, crowd(), crowd(COPY));
      else if (name === "different objects") createCrowd(m, COPY);
      if (name.includes("chain")) {
        m.createSm(CHAIN, 0);
        for (let i = CHAIN; i < CHAIN + 4000; i++) {
          m.delegate(ROOT, ROOT, crd(abi.CRD_OBJ, i), crd(abi.CRD_OBJ, i + 1));
        }
      }
      preempt(m);
      // The operations of the two CPUs: what they revoke, whose they are, and whether they are done.
      const ends = [first, second].map((range, cpu) => {
        m.cpu = cpu;
        const ec = m.ec;
        m.syscall(revocation(range));
        return { ec, isDone: m.ec === ec };
      });
      expect(ends.map(({ isDone }) => isDone)).toEqual([false, false]);
      for (let step = 0; !ends.every(({ isDone }) => isDone); step++) {
        expect(step, `${order} ${JSON.stringify(ends)}`).toBeLessThan(2000);
        m.cpu = Number(order[step % order.length]);
        const end = ends[m.cpu];
        if (!end || end.isDone) continue;
        yieldTo(m);
        end.isDone = m.ec === end.ec;
        if (end.isDone) expect(m.get("rdi")).toBe(BigInt(abi.SUCCESS));
        if (step % 8 === 0) m.audit();
      }
      m.audit();
      m.onWindow = undefined;
      m.cpu = 0;
      if (name.endsWith("and the chain")) {
        const left = [0, 1, 2000].map((i) => m.lookup(abi.CRD_OBJ, CHAIN + i));
        expect(left).toEqual([crd(abi.CRD_OBJ, CHAIN, 0, abi.PERM_SM_DOWN), 0n, 0n]);
      } else if (name.includes("chain")) {
        const left = [0, 1, 1999, 2000, 4000].map((i) => m.lookup(abi.CRD_OBJ, CHAIN + i));
        expect(left).toEqual([0n, 0n, 0n, 0n, 0n]);
      } else expect([countCrowd(m, CROWD), countCrowd(m, COPY)]).toEqual([0, 0]);
      revoke(m, crowd());
      revoke(m, crd(abi.CRD_OBJ, CHAIN, 12));
      m.audit();
      expect(m.freePages, order).toBeGreaterThanOrEqual(before);
    }
  });
});
