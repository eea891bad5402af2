// Iterations of loops that wait are skipped where their outcome is known. The run that executes every one of them is
// the oracle: time, instruction count, registers, memory and devices are the same at every stop, on 1 and several CPUs.

import { describe, expect, test } from "vitest";
import type { Assembler } from "../../asm/index.ts";
import * as o from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import { guest, loadIdt, startOtherCpus } from "../platform/testdata/guest.ts";

const { al, byte, cx, dword, eax, ebx, ecx, edi, edx, esi, esp, mem } = o;

const APIC = 0xfee0_0000;
const TICK = 0x41;
/** What the guest and its interrupt handler count, and the ring of clock readings. */
const TICKS = 0x20_0000;
const ROUND = TICKS + 4;
const RING = 0x21_0000;
const RING_MASK = 0xffc;

/** Remembers EAX. */
function record(a: Assembler): void {
  a.mov(edi, dword(ROUND)).and(edi, RING_MASK).add(dword(ROUND), 4);
  a.mov(mem(edi, { disp: RING }), eax);
}

/** Ways to wait; labels are unique by the name given. */
const waits: Record<string, (a: Assembler, label: string) => void> = {
  "memory that an interrupt writes": (a, label) => {
    a.mov(eax, dword(TICKS));
    a.label(label);
    a.db(0xf3, 0x90).cmp(eax, dword(TICKS)).jz(label);
  },
  "a bit of memory": (a, label) => {
    a.and(dword(TICKS), ~1);
    a.label(label);
    a.mov(al, byte(TICKS)).and(al, 1).jz(label);
  },
  "the time, 32 bits": (a, label) => {
    a.rdtsc().mov(ebx, eax);
    a.label(label);
    a.rdtsc().sub(eax, ebx).cmp(eax, 31_337).jb(label);
  },
  "the time, 32 bits, against a moment": (a, label) => {
    a.rdtsc().mov(ebx, eax).add(ebx, 7777);
    a.label(label);
    a.db(0xf3, 0x90).rdtsc().cmp(ebx, eax).jnb(label);
  },
  "the time by a condition that is not an order": (a, label) => {
    a.label(label);
    a.rdtsc().test(eax, 0x400).jz(label);
  },
  "a number of rounds": (a, label) => {
    a.mov(ecx, 54_321);
    a.label(label);
    a.dec(ecx).jnz(label);
  },
  "a number of rounds, by subtraction, with PAUSE": (a, label) => {
    a.mov(esi, 300);
    a.label(label);
    a.db(0xf3, 0x90).sub(esi, 1).jnz(label);
  },
  "a number of rounds, by LOOP": (a, label) => {
    a.mov(ecx, 3000);
    a.label(label);
    a.loop(label);
  },
  "rounds that count up": (a, label) => {
    a.xor(ecx, ecx);
    a.label(label);
    a.inc(cx).cmp(cx, 4000).jb(label);
  },
  "a sum that only looks like waiting": (a, label) => {
    a.xor(edx, edx).mov(ecx, 500);
    a.label(label);
    a.add(edx, dword(TICKS)).cmp(edx, ecx).jb(label);
  },
};

const waitingGuest = (cpus: number): Uint8Array =>
  guest((a) => {
    const apic = (register: number) => dword(APIC + register);
    loadIdt(a, { [TICK]: "tick" });
    a.mov(dword(TICKS), 1);
    if (cpus > 1) startOtherCpus(a, "other");
    a.jmp("start");
    a.label("tick");
    a.inc(dword(TICKS))
      .push(eax)
      .mov(eax, dword(esp, { disp: 4 }))
      .push(edi);
    record(a);
    a.pop(edi).pop(eax).mov(apic(0xb0), 0).iretd();
    a.label("other");
    const shared: [string, (a: Assembler, label: string) => void][] = Object.entries(waits).filter(
      ([name]) => !name.includes("interrupt") && !name.includes("bit of"),
    );
    a.label("other_again");
    for (const [name, wait] of shared) wait(a, `other ${name}`);
    a.mov(eax, dword(TICKS)).mov(ebx, eax);
    a.label("other_waits");
    a.mov(eax, dword(TICKS)).cmp(eax, ebx).jz("other_waits");
    a.jmp("other_again");
    a.label("start");
    a.mov(apic(0xf0), 0x1ff)
      .mov(apic(0x3e0), 0xb)
      .mov(apic(0x320), 0x2_0000 | TICK)
      .mov(apic(0x380), 23_456)
      .sti();
    a.label("again");
    for (const [name, wait] of Object.entries(waits)) {
      wait(a, name);
      a.rdtsc();
      record(a);
    }
    a.jmp("again");
  });

/** Hashes of the state at stops of uneven distance. */
async function states(cpus: number, options: { skipWaits: boolean; icount?: boolean }) {
  const machine = await Machine.create({
    kernel: waitingGuest(cpus),
    memory: "8M",
    cpus,
    ...options,
  });
  const hashes: string[] = [];
  for (let step = 0; step < 250; step++) {
    machine.runSync({ nanoseconds: 5000 + ((step * 7919) % 30_011) });
    if (step % 25 === 24) hashes.push(`${machine.core.instructions()} ${machine.stateHash()}`);
  }
  return hashes;
}

describe("a run that skips iterations of loops that wait", () => {
  test.each([1, 2, 3])("is the run that executes them all, on %i CPUs", async (cpus) => {
    const executed = await states(cpus, { skipWaits: false });
    expect(new Set(executed).size).toBe(executed.length);
    expect(await states(cpus, { skipWaits: true })).toEqual(executed);
  });

  test("is so where time counts instructions", async () => {
    const executed = await states(1, { skipWaits: false, icount: true });
    expect(await states(1, { skipWaits: true, icount: true })).toEqual(executed);
  });
});

test("minutes of waiting take no longer than their slices", async () => {
  const seconds = 1e9;
  const kernel = guest((a) => {
    for (const wait of ["first", "second"]) {
      a.rdtsc().mov(ebx, eax);
      a.label(wait);
      a.rdtsc()
        .sub(eax, ebx)
        .cmp(eax, 2 * seconds)
        .jb(wait);
      a.mov(ecx, 4 * seconds);
      a.label(`${wait} count`);
      a.dec(ecx).jnz(`${wait} count`);
    }
    a.mov(eax, dword(TICKS));
    a.label("forever");
    a.cmp(eax, dword(TICKS)).jz("forever");
  });
  const machine = await Machine.create({ kernel, memory: "8M" });
  expect(machine.runSync({ nanoseconds: 120 * seconds }).kind).toBe("limit");
  expect(machine.cpus[0]?.general("rcx")).toBe(0n);
  // Two instructions a nanosecond would be: 8 s of counting, 104 s of comparing.
  expect(machine.core.instructions()).toBeGreaterThan(112 * seconds);
});
