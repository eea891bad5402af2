// Clocks that all CPUs share, read on several CPUs under a lock: what one CPU reads is never less than
// what another has read before it. The oracle is the guest's own comparison.

import { expect, test } from "vitest";
import { type Assembler, al, dword, dx, eax, ebp, ebx, edx, esi, mem } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import { type Access, busGuest, encodeScript } from "./testdata/bus-guest.ts";
import { guest, outb, startOtherCpus } from "./testdata/guest.ts";

const LAPIC = 0xfee00000;
const HPET = 0xfed00000;
const ROUNDS = 400;

/** Each leaves a reading in EAX that grows, modulo 2^32; they may use EDX and EBX. */
const CLOCKS: Readonly<Record<string, (a: Assembler) => void>> = {
  hpet: (a) => a.mov(eax, dword(HPET + 0xf0)),
  pm_timer: (a) => a.mov(dx, 0x608).in(eax, dx).shl(eax, 8),
  pit: (a) => {
    // Channel 2 counts down from 65536.
    a.mov(al, 0x80).out(0x43, al).xor(eax, eax).in(al, 0x42).mov(ebx, eax).in(al, 0x42);
    a.shl(eax, 8).or(eax, ebx).neg(eax).shl(eax, 16);
  },
  rtc: (a) => {
    // The time bytes of this second.
    a.mov(al, 0).out(0x70, al).xor(eax, eax).in(al, 0x71);
  },
  tsc: (a) => a.rdtsc(),
};

/** The guest prints how often each clock went back, and then how often a local APIC's timer did. */
function clockGuest(a: Assembler, cpus: number): void {
  outb(a, 0x61, 1);
  outb(a, 0x43, 0xb4);
  outb(a, 0x42, 0);
  outb(a, 0x42, 0);
  startOtherCpus(a, "measure");
  // The others read the HPET already when it is started.
  a.mov(dword(HPET + 0x10), 1);

  a.label("measure");
  // The local APIC's timer: masked, one-shot, divided by 1.
  a.mov(dword(LAPIC + 0x3e0), 0x0b).mov(dword(LAPIC + 0x320), 0x10000);
  a.mov(dword(LAPIC + 0x380), -1)
    .mov(ebp, -1)
    .mov(esi, ROUNDS);
  a.label("round");
  for (const [name, read] of Object.entries(CLOCKS)) {
    a.label(`lock_${name}`);
    a.mov(al, 1).xchg(mem("lock"), al).test(al, al).jnz(`lock_${name}`);
    read(a);
    a.mov(edx, eax)
      .sub(edx, dword(`last_${name}`))
      .mov(dword(`last_${name}`), eax);
    a.test(edx, edx)
      .jns(`forward_${name}`)
      .inc(dword(`back_${name}`));
    a.label(`forward_${name}`);
    a.mov(al, 0).xchg(mem("lock"), al);
  }
  a.mov(eax, dword(LAPIC + 0x390))
    .cmp(eax, ebp)
    .mov(ebp, eax)
    .jbe("timer_forward");
  a.lock.inc(dword("back_timer"));
  a.label("timer_forward");
  a.dec(esi).jnz("round");
  a.lock.inc(dword("done"));
  a.mov(eax, dword(LAPIC + 0x20))
    .shr(eax, 24)
    .jz("first");
  a.label("parked");
  a.cli().hlt().jmp("parked");
  a.label("first");
  a.cmp(dword("done"), cpus).jb("first");
  for (const name of [...Object.keys(CLOCKS), "timer"]) {
    a.mov(eax, dword(`back_${name}`)).call("hex");
  }
  a.jmp("poweroff");

  for (const name of ["lock", "done", "back_timer"]) {
    a.label(name);
    a.dd(0);
  }
  for (const name of Object.keys(CLOCKS)) {
    a.label(`last_${name}`);
    a.dd(0);
    a.label(`back_${name}`);
    a.dd(0);
  }
}

test.each([2, 4, 7])("no clock goes back between %i CPUs", async (cpus) => {
  const kernel = guest((a) => clockGuest(a, cpus));
  const machine = await Machine.create({ kernel, memory: "16M", cpus });
  expect(machine.runSync({ nanoseconds: 20e9 })).toEqual({ kind: "power-off" });
  const names = [...Object.keys(CLOCKS), "timer"];
  const back = machine.serialOutput.trim().split("\n");
  expect(Object.fromEntries(names.map((name, i) => [name, back[i]]))).toEqual(
    Object.fromEntries(names.map((name) => [name, "00000000"])),
  );
});

test("a device's timer is on time for a lone CPU that waits for it busily", async () => {
  // The 8259A anew, its requests to be read: the 8254's, a tenth of a millisecond after it is asked to count.
  const [command, count] = [0x43, 0x40];
  const script: Access[] = [
    ["out", 0x20, 0x11],
    ["out", 0x21, 0x20],
    ["out", 0x21, 0x04],
    ["out", 0x21, 0x01],
    ["out", 0x20, 0x0a],
    ["store", HPET + 0x10, 1, 4],
    ...Array.from({ length: 20 }, (): Access[] => [
      ["out", command, 0x30],
      ["load", HPET + 0xf0, 4],
      ["out", count, 119],
      ["out", count, 0],
      ["until-port-set", 0x20, 1],
      ["load", HPET + 0xf0, 4],
      // Its line is low again, and the request taken back with it.
      ["out", 0x20, 0x11],
      ["out", 0x21, 0x20],
      ["out", 0x21, 0x04],
      ["out", 0x21, 0x01],
      ["out", 0x20, 0x0a],
    ]).flat(),
  ];
  let output = "";
  const machine = await Machine.create({
    kernel: busGuest(),
    modules: [{ file: encodeScript(script) }],
    memory: "16M",
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (byte) => {
      output += String.fromCharCode(byte);
    },
  });
  expect(machine.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  const ticks = output.trim().split("\n");
  const waits = Array.from({ length: ticks.length / 2 }, (_, i) => {
    const [from, to] = ticks.slice(2 * i, 2 * i + 2).map((text) => Number.parseInt(text, 16));
    return ((to as number) - (from as number)) * 10;
  });
  expect(waits.length).toBe(20);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(99_000);
  expect(Math.max(...waits)).toBeLessThan(120_000);
});
