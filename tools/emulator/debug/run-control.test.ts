// Breakpoints, watchpoints and steps on a small guest whose addresses are known from its symbols.

import { expect, test } from "vitest";
import { al, dword, eax, ecx, edi, esi, mem } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";
import { type Halt, RunControl } from "./run-control.ts";

const BUFFER = 0x200000;

/** Counts to ten in a subroutine, stores each value, reads one back. */
const kernel = guest((a) => {
  a.mov(ecx, 0);
  a.label("loop", { global: true });
  a.call("count")
    .cmp(ecx, 10)
    .jb("loop")
    .mov(eax, mem(BUFFER + 20))
    .jmp("poweroff");
  a.label("count", { global: true });
  a.inc(ecx)
    .mov(mem(BUFFER, { index: ecx, scale: 4 }), ecx)
    .ret();
});

async function paused(): Promise<{ control: RunControl; machine: Machine; halts: Halt[] }> {
  const machine = await Machine.create({ kernel, memory: "16M" });
  const control = new RunControl(machine, true);
  const halts: Halt[] = [];
  control.onHalt.add((halt) => halts.push(halt));
  return { control, machine, halts };
}

/** Lets the machine go on until it halts for the debugger or is over. */
async function untilHalt(control: RunControl, halts: Halt[]): Promise<Halt> {
  const before = halts.length;
  control.resume();
  while (halts.length === before) await new Promise((resolve) => setImmediate(resolve));
  return halts.at(-1) as Halt;
}

test("a breakpoint stops before its instruction, every time it is reached", async () => {
  const { control, machine, halts } = await paused();
  const count = machine.symbols()?.address("count") as bigint;
  control.setBreakpoint(count);
  const run = control.run();
  const cpu = machine.cpus[0];
  for (let i = 0; i < 3; i++) {
    expect(await untilHalt(control, halts)).toEqual({ kind: "breakpoint", cpu: 0 });
    expect([cpu?.linearRip, cpu?.general("rcx")]).toEqual([count, BigInt(i)]);
  }
  control.clearBreakpoint(count);
  expect((await untilHalt(control, halts)).kind).toBe("ended");
  expect(await run).toEqual({ kind: "power-off" });
});

test("a breakpoint in code that has run already stops it", async () => {
  const { control, machine, halts } = await paused();
  const [loop, count] = ["loop", "count"].map((n) => machine.symbols()?.address(n) as bigint);
  control.setBreakpoint(loop as bigint);
  void control.run();
  await untilHalt(control, halts);
  await untilHalt(control, halts);
  control.clearBreakpoint(loop as bigint);
  control.setBreakpoint(count as bigint);
  await untilHalt(control, halts);
  expect(machine.cpus[0]?.general("rcx")).toBe(1n);
  expect(machine.cpus[0]?.linearRip).toBe(count);
});

test("steps execute one instruction each", async () => {
  const { control, machine } = await paused();
  const cpu = machine.cpus[0];
  const seen: bigint[] = [];
  for (let i = 0; i < 6; i++) {
    expect(control.step(0)).toEqual({ kind: "step", cpu: 0 });
    seen.push(cpu?.linearRip ?? 0n);
  }
  const [loop, count] = ["loop", "count"].map((n) => machine.symbols()?.address(n) as bigint);
  // mov esp, mov ecx, call, inc, mov, ret.
  expect(seen[1]).toBe(loop);
  expect(seen[2]).toBe(count);
  expect(seen[5]).toBe((loop as bigint) + 5n);
  expect(machine.core.instructions()).toBe(6);
});

test("a write watchpoint stops after the store, a read watchpoint after the load", async () => {
  const { control, machine, halts } = await paused();
  const write = { kind: "write", address: BigInt(BUFFER + 20), length: 4 } as const;
  control.setWatchpoint(write);
  void control.run();
  expect(await untilHalt(control, halts)).toEqual({ kind: "watchpoint", cpu: 0, watch: write });
  expect(machine.cpus[0]?.general("rcx")).toBe(5n);
  expect(machine.readPhysical(BUFFER + 20, 1)[0]).toBe(5);
  control.clearWatchpoint(write);
  const read = { kind: "read", address: BigInt(BUFFER + 20), length: 4 } as const;
  control.setWatchpoint(read);
  expect(await untilHalt(control, halts)).toEqual({ kind: "watchpoint", cpu: 0, watch: read });
  expect(machine.cpus[0]?.general("rax")).toBe(5n);
});

test("string instructions hit watchpoints", async () => {
  const copier = guest((a) => {
    a.mov(esi, BUFFER)
      .mov(edi, BUFFER + 0x1000)
      .mov(ecx, 64)
      .cld()
      .rep.movsd();
    a.mov(al, 1).mov(dword(BUFFER), eax);
  });
  const machine = await Machine.create({ kernel: copier, memory: "16M" });
  const control = new RunControl(machine, true);
  const halts: Halt[] = [];
  control.onHalt.add((halt) => halts.push(halt));
  const watch = { kind: "write", address: BigInt(BUFFER + 0x1080), length: 4 } as const;
  control.setWatchpoint(watch);
  void control.run();
  expect(await untilHalt(control, halts)).toEqual({ kind: "watchpoint", cpu: 0, watch });
});
