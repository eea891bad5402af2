// What becomes of the threads of a domain that is gone, wherever they wait: they leave queues and call chains, those
// who wait for them go on, and their memory comes back.

import { beforeEach, describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { crd, Machine } from "./testing/machine.ts";

const ROOT = abi.ROOT_SEL_PD;
/** The roottask's selectors: of the domain and what is in it, the second of a pair is a thread's SC. */
const DOMAIN = 0x400;
const [PD, THREAD, THREAD_SC, HANDLER, HANDLER_PT, SECOND, SECOND_PT] = Array.from(
  { length: 7 },
  (_, i) => DOMAIN + i,
) as [number, number, number, number, number, number, number];
const ALL_OF_IT = crd(abi.CRD_OBJ, DOMAIN, 4);
/** Its own: a server with a portal, a client thread, and the semaphore that everybody waits for. */
const SERVER = 0x500;
const SERVER_PT = 0x501;
const CLIENT = 0x502;
const HELPER = 0x504;
const SEMAPHORE = 0x510;
const STARTER = 0x511;
/** The domain's selectors for what it may use; the roottask has the same ones. */
const EVENTS = 0x200;
const WAIT = 0x220;
const TO_SERVER = 0x221;
const TO_HANDLER = 0x222;
const TO_SECOND = 0x223;

let m: Machine;
let root: number;

const arg = (id: number, selector = 0, flags = 0) =>
  (BigInt(selector) << 12n) | BigInt((flags << 8) | id);
const user = { rcx: 0x40_0000, r11: 0x1000 };
const call = (selector: number) => m.syscall({ ...user, rdi: arg(abi.HC_CALL, selector) });
const reply = () => m.syscall({ ...user, rdi: BigInt(abi.HC_REPLY) });
const down = (deadline = 0n) =>
  m.syscall({
    ...user,
    rdi: arg(abi.HC_SM_CTRL, WAIT, abi.SM_CTRL_DOWN),
    rsi: deadline >> 32n,
    rdx: deadline & 0xffff_ffffn,
  });
const up = () => m.syscall({ ...user, rdi: arg(abi.HC_SM_CTRL, WAIT) });
const status = () => Number(m.get("rdi") & 0xffn);
const object = (selector: number) => crd(abi.CRD_OBJ, selector);
/** By whoever runs, to go on with whoever runs then. */
const revoke = (range: bigint) =>
  m.syscall({ ...user, rdi: arg(abi.HC_REVOKE, 0, abi.REVOKE_SELF), rsi: range });

function give(pd: number, source: number, target: number): void {
  expect(m.delegate(ROOT, pd, object(source), object(target))).toBe(abi.SUCCESS);
}

/** A thread at its first instruction, as soon as its priority lets it run. */
function thread(selector: number, pd: number, priority: number): number {
  m.createEc(selector, {
    pd,
    global: true,
    events: EVENTS,
    utcb: 0x1000_0000n + BigInt(selector) * 4096n,
  });
  const rax = (10_000n << 12n) | BigInt(priority);
  const rdi = arg(abi.HC_CREATE_SC, selector + 1);
  m.syscall({ ...user, rdi, rsi: ROOT, rdx: selector, rax });
  if (m.ec === root) m.timer(m.deadline);
  // The handler of the startup event lets it begin.
  reply();
  expect(m.ec).not.toBe(root);
  return m.ec;
}

function handler(selector: number, pd: number, portal: number): void {
  m.createEc(selector, { pd, utcb: 0x1000_0000n + BigInt(selector) * 4096n });
  m.createPt(portal, selector, 0, 0x41_0000);
}

function makeDomain(): void {
  m.createPd(PD);
  handler(HANDLER, PD, HANDLER_PT);
  handler(SECOND, PD, SECOND_PT);
  give(PD, SEMAPHORE, WAIT);
  give(PD, EVENTS + abi.EVENT_STARTUP, EVENTS + abi.EVENT_STARTUP);
  give(PD, SERVER_PT, TO_SERVER);
  give(PD, HANDLER_PT, TO_HANDLER);
  give(PD, SECOND_PT, TO_SECOND);
  give(ROOT, HANDLER_PT, TO_HANDLER);
}

/** Pages by owner, all that depends on threads and domains. */
function pages(): Record<string, number> {
  const owned = m.audit();
  const of = (owner: "UTCB" | "FPU state" | "page table" | "node table") => owned.get(owner) ?? 0;
  return {
    utcbs: of("UTCB"),
    fpu: of("FPU state"),
    pageTables: of("page table"),
    nodeTables: of("node table"),
    free: m.freePages,
  };
}

/** Every order of some selectors. */
function* orders(selectors: readonly number[]): Generator<number[]> {
  if (selectors.length === 0) yield [];
  for (const first of selectors) {
    for (const rest of orders(selectors.filter((each) => each !== first))) yield [first, ...rest];
  }
}

beforeEach(async () => {
  m = await Machine.boot();
  root = m.ec;
  m.createEc(STARTER, { utcb: 0x1100_0000n });
  m.createPt(EVENTS + abi.EVENT_STARTUP, STARTER, 0, 0x41_0000);
  m.createSm(SEMAPHORE, 0);
  give(ROOT, SEMAPHORE, WAIT);
  handler(SERVER, ROOT, SERVER_PT);
  give(ROOT, SERVER_PT, TO_SERVER);
  // Once for everything that stays: tables, pages of objects.
  makeDomain();
  thread(THREAD, PD, 9);
  down();
  expect(m.ec).toBe(root);
  revoke(ALL_OF_IT);
});

/** The semaphore has nobody in its queue and counts. */
function expectNobodyWaits(): void {
  up();
  expect(m.ec).toBe(root);
  expect(m.hypercall(abi.HC_SM_CTRL, WAIT, abi.SM_CTRL_DOWN)).toBe(abi.SUCCESS);
}

describe("a thread of a domain that is gone", () => {
  const waits: [string, () => void][] = [
    ["for another domain's semaphore", () => down()],
    ["for another domain's semaphore, with a deadline", () => down(m.tsc + 1_000_000_000n)],
    [
      "for a handler of its domain that waits for another domain's semaphore",
      () => {
        call(TO_HANDLER);
        down();
      },
    ],
    [
      "for a handler of its domain that waits for another one that waits",
      () => {
        call(TO_HANDLER);
        call(TO_SECOND);
        down(m.tsc + 1_000_000_000n);
      },
    ],
  ];

  it.each(waits)(
    "that waits %s leaves nothing, in whatever order it is taken apart",
    (_what, wait) => {
      const parts = [PD, THREAD, THREAD_SC, HANDLER];
      const before = pages();
      for (const order of [[], ...orders(parts)]) {
        makeDomain();
        thread(THREAD, PD, 9);
        wait();
        expect(m.ec).toBe(root);
        for (const selector of order) {
          revoke(object(selector));
          m.audit();
        }
        revoke(ALL_OF_IT);
        expect(m.ec).toBe(root);
        expect(pages(), order.join()).toEqual(before);
        expectNobodyWaits();
        m.timer(m.tsc + 2_000_000_000n);
        expect(m.ec).toBe(root);
      }
    },
  );

  it("whose call another domain's handler is at is gone at once, and the handler comes to its end", () => {
    const before = pages();
    for (const order of [[], ...orders([PD, THREAD, THREAD_SC])]) {
      makeDomain();
      thread(THREAD, PD, 9);
      call(TO_SERVER);
      const server = m.ec;
      down();
      expect(m.ec).toBe(root);
      for (const selector of order) revoke(object(selector));
      revoke(ALL_OF_IT);
      const { utcbs, fpu, pageTables } = pages();
      expect({ utcbs, fpu, pageTables }).toEqual({
        utcbs: before.utcbs,
        fpu: before.fpu,
        pageTables: before.pageTables,
      });
      // What is left of the thread is its time, for what it has asked for.
      up();
      expect(m.ec).toBe(server);
      m.timer(m.deadline);
      expect(m.ec).toBe(server);
      reply();
      expect(m.ec).toBe(root);
      expect(pages()).toEqual(before);
      call(TO_SERVER);
      expect(m.ec).toBe(server);
      reply();
    }
  });

  it("in the middle of calls is taken out of them, and the time goes to the handler behind it", () => {
    const before = pages();
    makeDomain();
    thread(THREAD, PD, 9);
    call(TO_HANDLER);
    call(TO_SERVER);
    const server = m.ec;
    down();
    revoke(ALL_OF_IT);
    expect(pages().utcbs).toBe(before.utcbs);
    expect(pages().pageTables).toBe(before.pageTables);
    up();
    expect(m.ec).toBe(server);
    reply();
    expect(m.ec).toBe(root);
    expect(pages()).toEqual(before);
  });

  it("ends when its time does, if somebody has given it some", () => {
    const before = pages();
    makeDomain();
    const victim = thread(THREAD, PD, 1);
    m.timer(m.deadline);
    expect(m.ec).toBe(root);
    revoke(ALL_OF_IT);
    expect(pages()).toEqual(before);
    for (let i = 0; i < 4; i++) {
      m.timer(m.deadline);
      expect(m.ec).toBe(root);
    }
    expect(victim).not.toBe(root);
  });

  it("goes on as long as somebody has a capability for its time", () => {
    makeDomain();
    const victim = thread(THREAD, PD, 9);
    down();
    give(ROOT, THREAD_SC, 0x600);
    revoke(object(PD));
    revoke(object(THREAD));
    up();
    expect(m.ec).toBe(victim);
    expect(status()).toBe(abi.SUCCESS);
    m.timer(m.deadline);
    expect(m.ec).toBe(victim);
  });
});

describe("who waits for a handler of a domain that is gone", () => {
  it("learns it by ABORT when the handler waits for a semaphore", () => {
    const before = pages();
    for (const order of [[], ...orders([PD, HANDLER, HANDLER_PT])]) {
      makeDomain();
      const client = thread(CLIENT, ROOT, 9);
      call(TO_HANDLER);
      down();
      expect(m.ec).toBe(root);
      const parts = [...order.map(object), ALL_OF_IT];
      while (m.ec === root && parts.length > 0) revoke(parts.shift() ?? 0n);
      expect(m.ec).toBe(client);
      expect(status()).toBe(abi.ABORT);
      m.audit();
      // It goes to sleep, and the roottask on.
      down();
      for (const part of parts) revoke(part);
      revoke(crd(abi.CRD_OBJ, CLIENT, 1));
      expect(pages(), order.join()).toEqual(before);
      expectNobodyWaits();
    }
  });

  it("learns it when the handler waits for another one, which can be called again", () => {
    const before = pages();
    makeDomain();
    const client = thread(CLIENT, ROOT, 9);
    call(TO_HANDLER);
    call(TO_SERVER);
    const server = m.ec;
    down();
    revoke(ALL_OF_IT);
    expect(m.ec).toBe(client);
    expect(status()).toBe(abi.ABORT);
    m.audit();
    up();
    // The server is busy with what nobody waits for: whoever calls it helps it to its end.
    call(TO_SERVER);
    expect(m.ec).toBe(server);
    reply();
    expect(m.ec).toBe(server);
    reply();
    expect(m.ec).toBe(client);
    expect(status()).toBe(abi.SUCCESS);
    down();
    revoke(crd(abi.CRD_OBJ, CLIENT, 1));
    expect(pages()).toEqual(before);
  });

  it("learns it when the handler runs", () => {
    const before = pages();
    makeDomain();
    const client = thread(CLIENT, ROOT, 1);
    call(TO_HANDLER);
    const running = m.ec;
    m.timer(m.deadline);
    expect(m.ec).toBe(root);
    revoke(ALL_OF_IT);
    m.timer(m.deadline);
    expect(m.ec).toBe(client);
    expect(m.ec).not.toBe(running);
    expect(status()).toBe(abi.ABORT);
    down();
    revoke(crd(abi.CRD_OBJ, CLIENT, 1));
    expect(pages()).toEqual(before);
  });

  it("learns it when it waits to call the handler", () => {
    const before = pages();
    makeDomain();
    thread(CLIENT, ROOT, 9);
    call(TO_HANDLER);
    down();
    thread(HELPER, ROOT, 8);
    call(TO_HANDLER);
    expect(m.ec).toBe(root);
    revoke(ALL_OF_IT);
    expect(status()).toBe(abi.ABORT);
    down();
    expect(m.ec).not.toBe(root);
    expect(status()).toBe(abi.BAD_CAP);
    down();
    expect(m.ec).toBe(root);
    revoke(crd(abi.CRD_OBJ, CLIENT, 1));
    revoke(crd(abi.CRD_OBJ, HELPER, 1));
    expect(pages()).toEqual(before);
    expectNobodyWaits();
  });
});
