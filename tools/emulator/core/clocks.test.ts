// Clocks that all CPUs share, as software on several CPUs sees them: under a lock, a reading is never less than the
// one before it, whichever CPU made it. The oracle is the guest's own comparison.

import { expect, test } from "vitest";
import { al, byte, dword, dx, eax, ebx, ecx, edx, mem } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";
import { S_APIC_BASE, S_CPU, S_TLB, STATE, STATE_SIZE } from "./state.ts";

const HPET = 0xfed0_0000;
const PM_TIMER = 0x608;
/** Of each clock, 16 bytes: latest reading, readings that went back, all readings. */
const CLOCKS = 0x20_0000;
const LOCK = 0x20_1000;
const NAMES = ["HPET", "PM timer", "PIT", "TSC"] as const;

const readers = guest((a) => {
  a.mov(dword(HPET + 0x10), 1)
    .mov(al, 0x34)
    .out(0x43, al)
    .mov(al, 0xff)
    .out(0x40, al)
    .out(0x40, al);
  a.label("again");
  NAMES.forEach((name, clock) => {
    const spin = a.label();
    a.mov(ecx, 1).xchg(mem(LOCK), ecx).test(ecx, ecx).jnz(spin);
    if (name === "HPET") a.mov(eax, dword(HPET + 0xf0));
    else if (name === "PM timer") a.mov(edx, PM_TIMER).in(eax, dx);
    else if (name === "TSC") a.rdtsc();
    else {
      // Counts down: the complement goes up.
      a.xor(eax, eax)
        .out(0x43, al)
        .in(al, 0x40)
        .mov(ebx, eax)
        .in(al, 0x40)
        .shl(eax, 8)
        .or(eax, ebx);
      a.xor(eax, 0xffff);
    }
    const at = CLOCKS + 16 * clock;
    a.mov(ebx, dword(at))
      .mov(dword(at), eax)
      .inc(dword(at + 8))
      .cmp(eax, ebx);
    a.setb(byte(at + 12))
      .movzx(eax, byte(at + 12))
      .add(dword(at + 4), eax);
    a.mov(dword(LOCK), 0);
  });
  a.jmp("again");
});

test.each([1, 2, 4])("no clock goes back on %i CPUs", async (cpus) => {
  const machine = await Machine.create({ kernel: readers, memory: "4M", cpus });
  const { core } = machine;
  machine.runSync({ nanoseconds: 200 });
  // The others go on where CPU 0 is.
  const memory = new Uint8Array(core.memory.buffer);
  const first = core.cpu_state(0);
  const own = [S_CPU, S_APIC_BASE, S_TLB].map((field) => field - STATE);
  for (let cpu = 1; cpu < cpus; cpu++) {
    const state = core.cpu_state(cpu);
    const kept = own.map((offset) => memory.slice(state + offset, state + offset + 4));
    memory.copyWithin(state, first, first + STATE_SIZE);
    own.forEach((offset, i) => {
      memory.set(kept[i] as Uint8Array, state + offset);
    });
    core.cpu_state_changed(cpu);
  }
  machine.runSync({ nanoseconds: 2_000_000 });
  const view = new DataView(core.memory.buffer, core.ram_base() + CLOCKS);
  const seen = NAMES.map((name, clock) => ({
    name,
    back: view.getUint32(16 * clock + 4, true),
    often: view.getUint32(16 * clock + 8, true) > 1000,
  }));
  expect(seen).toEqual(NAMES.map((name) => ({ name, back: 0, often: true })));
});
