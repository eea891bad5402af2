// Hostile user space: random system calls, traps and interrupts with random registers and messages. The
// kernel may end the threads that do it, but it must not trap, panic or lose memory (testing/audit.ts). A wasm access
// outside the 128 MiB of physical memory traps by itself.

import { expect, it } from "vitest";
import * as abi from "./abi.ts";
import { crd, EXIT_SYSRET, Idle, Machine, type Registers } from "./testing/machine.ts";
import { generator } from "./testing/random.ts";

/** Where all portals point to. */
const HANDLER = 0x41_0000n;

const INTERESTING = [
  0n,
  1n,
  2n,
  3n,
  0x1fn,
  0xfffn,
  0x1000n,
  0xffffn,
  0x10000n,
  0x3ff_ffffn,
  0x400_0000n,
  0x7fff_ffff_d000n,
  0x7fff_ffff_f000n,
  0x8000_0000_0000n,
  0xffff_fffe_0020_0000n,
  (1n << 52n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];

class Attacker {
  private readonly random: (limit: number) => number;
  private readonly m: Machine;

  constructor(machine: Machine, seed: number) {
    this.m = machine;
    this.random = generator(seed);
  }

  private value(): bigint {
    switch (this.random(6)) {
      case 0:
        return INTERESTING[this.random(INTERESTING.length)] ?? 0n;
      case 1:
        return this.crd();
      case 2:
        return (BigInt(this.random(2 ** 32)) << 32n) | BigInt(this.random(2 ** 32));
      case 3:
        return BigInt(this.random(64)) << 12n;
      default:
        return BigInt(this.random(64));
    }
  }

  private crd(): bigint {
    const kind = this.random(4);
    const order = this.random(8) === 0 ? this.random(32) : this.random(7);
    const base = this.random(4) === 0 ? this.random(2 ** 32) : this.random(0x500);
    // Memory from low addresses on, so that page tables get crowded.
    return crd(kind, base, order, this.random(32));
  }

  private messages(): void {
    const utcb = this.m.utcb;
    if (utcb === 0) return;
    const words = this.random(4);
    const typed = this.random(4) === 0 ? this.random(65536) : this.random(3);
    this.m.view.setUint32(utcb + 4, (typed << 16) | words, true);
    this.m.view.setUint32(utcb, this.random(2), true);
    this.m.view.setBigUint64(utcb + 8, this.crd(), true);
    this.m.view.setBigUint64(utcb + 0x10, this.crd(), true);
    this.m.view.setBigUint64(utcb + 0x20, BigInt.asUintN(64, this.value()), true);
    for (let i = 0; i < 2; i++) {
      this.m.view.setBigUint64(utcb + 0xff0 - i * 16, this.crd(), true);
      this.m.view.setBigUint64(utcb + 0xff8 - i * 16, this.value() & ~0x7fcn, true);
    }
  }

  step(): void {
    const { m } = this;
    this.messages();
    // A handler is recognised by where its portals point to; it keeps that address all its life.
    const inHandler = m.exit === EXIT_SYSRET && m.get("rcx") === HANDLER;
    const dice = this.random(20);
    if (dice === 0) {
      m.tsc += BigInt(this.random(20_000_000));
      m.trap(224);
    } else if (dice === 1 && (!inHandler || this.random(20) === 0)) {
      const vectors = [0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19, 32, 231, 240];
      m.trap(vectors[this.random(vectors.length)] ?? 6, this.random(16));
    } else {
      const rcx = inHandler ? HANDLER : this.random(100) === 0 ? this.value() : 0x40_0000n;
      m.syscall({ ...this.hypercall(inHandler), rcx, r11: this.value() });
    }
  }

  private hypercall(inHandler: boolean): Registers {
    let id = this.random(40) === 0 ? this.random(256) : this.random(13);
    let flags = this.random(16);
    // A thread that replies, or waits for ever, is lost: that is tried, but not often.
    if (inHandler && this.random(2) === 0) id = abi.HC_REPLY;
    else if (id === abi.HC_REPLY && this.random(50) !== 0) id = abi.HC_CALL;
    if (id === abi.HC_SM_CTRL && this.random(10) !== 0) flags &= ~abi.SM_CTRL_DOWN;
    if (id === abi.HC_CALL && inHandler) flags |= 1;
    const selector = this.random(8) === 0 ? this.value() : BigInt(this.random(64));
    return {
      rdi: (selector << 12n) | BigInt(flags << 8) | BigInt(id),
      rsi: this.random(3) === 0 ? this.value() : abi.ROOT_SEL_PD,
      rdx: this.value(),
      rax: this.value(),
      r8: this.value(),
    };
  }
}

/** Threads, and handlers for all their events, so that most of what goes wrong is survived. */
async function victim(): Promise<Machine> {
  const m = await Machine.boot();
  for (let i = 0; i < 4; i++) {
    m.createEc(0x2000 + i, {
      utcb: 0x10_0000n + BigInt(i) * 4096n,
      events: 0x3000 + ((i + 1) % 4) * 32,
    });
    for (let event = 0; event < 32; event++) {
      m.createPt(0x3000 + i * 32 + event, 0x2000 + i, 0xffff_ffff, HANDLER);
    }
    m.createPt(60 + i, 0x2000 + i, 0xffff_ffff, HANDLER);
  }
  for (let i = 0; i < 20; i++) {
    m.createEc(0x2100 + i, {
      global: true,
      utcb: 0x20_0000n + BigInt(i) * 4096n,
      events: 0x3000 + (i % 4) * 32,
    });
    m.createSc(0x2200 + i, 0x2100 + i, 1, 500 + i);
  }
  // The roottask's own thread stays out of it at first: its end is the end of the machine.
  m.createSm(0x2300, 0);
  m.syscall({ rdi: (0x2300n << 12n) | BigInt((abi.SM_CTRL_DOWN << 8) | abi.HC_SM_CTRL) });
  return m;
}

/** Runs until nothing is left to run or the number of steps is reached. */
function attack(m: Machine, seed: number, steps: number): number {
  const attacker = new Attacker(m, seed);
  let idled = 0;
  m.onIdle = () => {
    // All threads are dead or wait for ever: the idle thread's own quantum is all that ends.
    if (++idled === 20) throw new Idle("idle");
    m.tsc = m.deadline;
    m.interruptIdle(224);
  };
  for (let step = 0; step < steps; step++) {
    try {
      attacker.step();
    } catch (error) {
      if (error instanceof Idle || m.log.includes("fatal: the roottask has ended")) return step;
      throw error;
    }
  }
  return steps;
}

it("random system calls neither panic nor trap the kernel", async () => {
  let total = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const m = await victim();
    try {
      total += attack(m, seed * 7919, 2000);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).stack}\n${m.log}`);
    }
    expect(m.log).not.toContain("panic");
    m.audit();
  }
  expect(total).toBeGreaterThan(3_000);
});
