// A tier cannot be seen by the guest: machines that run the same guest, interpreted and compiled at several thresholds,
// are in the same state at every stop. The guest writes over its own code, changes translations and faults.

import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import {
  ax,
  cr0,
  cr3,
  cr4,
  ds,
  dword,
  eax,
  ebx,
  ecx,
  edx,
  es,
  mem,
  qword,
  si,
  xmm0,
} from "../../asm/index.ts";
import { derivedStateGuest } from "../core/testdata/derived_state_guest.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Accel } from "./accel.ts";

const STEPS = 120;
const PIECES = 40;

async function hashes(
  accel: Accel,
  cpus: number,
  between: (machine: Machine, step: number) => void = () => {},
): Promise<{ states: string[]; machine: Machine }> {
  const kernel = derivedStateGuest();
  const machine = await Machine.create({ kernel, memory: "6M", cpus, cpu: "max", accel });
  const states: string[] = [];
  for (let step = 0; step < STEPS; step++) {
    expect(machine.runSync({ nanoseconds: 500 + ((step * 7919) % 3001) }).kind).toBe("limit");
    if (step % PIECES === PIECES - 1) states.push(machine.stateHash());
    between(machine, step);
  }
  return { states, machine };
}

test.each([1, 2])(
  "compiled code leaves %i CPUs in the states that interpreting does",
  async (n) => {
    const { states } = await hashes({ kind: "interp" }, n);
    expect(new Set(states).size).toBe(STEPS / PIECES);
    for (const threshold of [0, 3]) {
      const compiled = await hashes({ kind: "jit", threshold }, n);
      expect(compiled.states).toEqual(states);
      if (threshold === 0) expect(compiled.machine.tierStatistics?.compilations).toBeGreaterThan(0);
    }
  },
);

test("snapshots, steps, breakpoints and tracing change nothing in compiled code", async () => {
  const { states } = await hashes({ kind: "interp" }, 1, (machine, step) => {
    if (step % 10 === 5) machine.step();
  });
  const compiled = await hashes({ kind: "jit", threshold: 0 }, 1, (machine, step) => {
    if (step % 10 === 3) machine.restore(machine.snapshot());
    if (step % 10 === 5) machine.step();
    if (step % 10 === 7) machine.core.set_breakpoint(0x20_0100n, step % 20 === 7 ? 1 : 0);
    if (step % 10 === 8) machine.core.set_trace(step % 20 === 8 ? 8 : 0);
  });
  expect(compiled.states).toEqual(states);
});

test("a guest goes on from snapshots of itself in another tier", async () => {
  const snapshots: Snapshot[][] = [];
  /** Takes snapshots, and goes on from those that the run before has taken. */
  const run = async (accel: Accel) => {
    const before = snapshots.at(-1);
    const own: Snapshot[] = [];
    const { states } = await hashes(accel, 2, (machine, step) => {
      if (step % 7 !== 3) return;
      const taken = machine.snapshot();
      machine.restore(before?.[own.length] ?? taken);
      own.push(taken);
    });
    snapshots.push(own);
    return states;
  };
  const states = await run({ kind: "interp" });
  const compiled = { kind: "jit", threshold: 0 } as const;
  for (const accel of [compiled, { kind: "interp" }, { kind: "jit", threshold: 3 }] as const)
    expect(await run(accel)).toEqual(states);
});

test("regions of code that is dropped are given back", async () => {
  const { machine } = await hashes({ kind: "jit", threshold: 0 }, 1);
  const before = machine.tierStatistics;
  expect(before?.compilations).toBeGreaterThan(before?.regions as number);
  machine.core.state_loaded();
  expect(machine.tierStatistics?.regions).toBe(0);
});

test("nothing holds on to regions that are gone", async () => {
  const handlers = (await hashes({ kind: "interp" }, 1)).machine.core.table.length;
  const regions: WeakRef<CallableFunction>[] = [];
  const { machine } = await hashes({ kind: "jit", threshold: 0 }, 1, ({ core: { table } }) => {
    for (let slot = handlers; slot < table.length; slot++) {
      const entry: CallableFunction | null = table.get(slot);
      if (entry !== null) regions.push(new WeakRef(entry));
    }
  });
  expect(regions.length).toBeGreaterThan(0);
  machine.core.state_loaded();
  // What a WeakRef was made for or has given away stays until the end of the job.
  await setImmediate();
  setFlagsFromString("--expose_gc");
  runInNewContext("gc")();
  expect(regions.filter((region) => region.deref() !== undefined)).toEqual([]);
});

test("functions that are called through a table are compiled together with their caller", async () => {
  const functions = [0, 1, 2, 3].map((i) => `function${i}`);
  const kernel = guest((a) => {
    a.jmp("caller").align(0x1000);
    a.label("caller");
    a.inc(ecx).and(ecx, functions.length - 1);
    a.call(dword("table", { index: ecx, scale: 4 })).jmp("caller");
    for (const [i, name] of functions.entries()) {
      a.label(name);
      a.add(eax, i).ret();
    }
    a.align(4).label("table");
    a.dd(...functions);
  });
  const accel = { kind: "jit", threshold: 20 } as const;
  const machine = await Machine.create({ kernel, memory: "4M", accel });
  machine.runSync({ nanoseconds: 100_000 });
  expect(machine.tierStatistics?.compilations).toBe(1);
  expect(machine.tierStatistics?.regions).toBe(1);
});

test("a page that one register has accessed is found anew where its translation has changed", async () => {
  const [directory, page, frames] = [0x20_0000, 0x40_0000, [0x40_0000, 0x80_0000]] as const;
  const large = 0x83;
  const kernel = guest((a) => {
    a.mov(dword(directory), large).mov(dword(directory + 4), frames[0] | large);
    a.mov(eax, directory).mov(cr3, eax).mov(eax, 0x10).mov(cr4, eax);
    a.mov(eax, cr0).or(eax, 0x8000_0000).mov(cr0, eax);
    a.mov(ebx, page).mov(ecx, 400);
    a.label("next");
    a.add(dword(ebx), ecx).add(edx, dword(ebx, { disp: 0xffc }));
    a.mov(dword(ebx, { disp: 0xffc }), ecx).push(ecx);
    a.xor(dword(directory + 4), frames[0] ^ frames[1]);
    a.invlpg(mem(ebx)).pop(eax).dec(ecx).jnz("next");
  });
  const run = async (accel: Accel): Promise<Machine> => {
    const machine = await Machine.create({ kernel, memory: "12M", accel });
    expect(machine.runSync({ nanoseconds: 1_000_000 }).kind).not.toBe("limit");
    return machine;
  };
  const compiled = await run({ kind: "jit", threshold: 20 });
  expect(compiled.tierStatistics?.compilations).toBeGreaterThan(0);
  expect(compiled.stateHash()).toBe((await run({ kind: "interp" })).stateHash());
});

test("code whose segments move is compiled anew a few times, and goes on compiled", async () => {
  const [tables, first] = [0x20_0000, 0x18];
  const bases = [0x21_0000, 0x22_0000, 0x23_0000];
  const kernel = guest((a) => {
    a.mov(ebx, tables);
    const put = (offset: number, low: number, high: number): void => {
      a.mov(dword(ebx, { disp: offset }), low).mov(dword(ebx, { disp: offset + 4 }), high);
    };
    put(0x08, 0x0000_ffff, 0x00cf_9a00);
    put(0x10, 0x0000_ffff, 0x00cf_9200);
    for (const [n, base] of bases.entries())
      put(first + 8 * n, ((base & 0xffff) << 16) | 0xffff, 0x00cf_9200 | (base >>> 16));
    a.mov(dword(ebx, { disp: 0x100 }), (tables << 16) | (first + 8 * bases.length - 1));
    a.mov(dword(ebx, { disp: 0x104 }), tables >>> 16).lgdt(mem(ebx, { disp: 0x100 }));
    a.mov(ecx, 3000).mov(si, first);
    a.label("next");
    // What one segment is changes in every round, what the other one is seldom.
    a.mov(ds, si)
      .add(si, 8)
      .cmp(si, first + 8 * bases.length)
      .jb("same");
    a.mov(si, first);
    a.label("same");
    a.test(ecx, 0x1ff).jnz("stays").mov(es, si);
    a.label("stays");
    a.xor(edx, edx);
    a.label("inner");
    a.add(dword(edx), ecx)
      .mov(eax, dword(edx))
      .add(dword(edx, { segment: es }), eax);
    a.add(edx, 4).cmp(edx, 64).jb("inner");
    a.dec(ecx).jnz("next");
    a.mov(ax, 0x10).mov(ds, ax).mov(es, ax);
  });
  const run = async (accel: Accel): Promise<Machine> => {
    const machine = await Machine.create({ kernel, memory: "4M", accel });
    expect(machine.runSync({ nanoseconds: 10_000_000 }).kind).not.toBe("limit");
    return machine;
  };
  const compiled = await run({ kind: "jit", threshold: 100 });
  const statistics = compiled.tierStatistics;
  expect(statistics?.compilations).toBeGreaterThan(1);
  expect(statistics?.compilations).toBeLessThan(20);
  expect(statistics?.instructions).toBeGreaterThan(0.8 * compiled.core.instructions());
  expect(compiled.stateHash()).toBe((await run({ kind: "interp" })).stateHash());
});

test("code is compiled anew where the precision flag has changed, but not each time", async () => {
  const [exact, inexact, control] = [0x21_0000, 0x21_0008, 0x21_0010];
  /** Sums that are exact, but for those of the last `rounds`, which begin with the flag cleared every so often. */
  const kernelOf = (clear: number): Uint8Array =>
    guest((a) => {
      a.mov(eax, 0x200).mov(cr4, eax);
      a.mov(dword(control), 0x1f80).ldmxcsr(dword(control));
      // 1.0 and 0.1
      a.mov(dword(exact), 0).mov(dword(exact + 4), 0x3ff0_0000);
      a.mov(dword(inexact), 0x9999_999a).mov(dword(inexact + 4), 0x3fb9_9999);
      a.pxor(xmm0, xmm0).mov(ebx, exact).mov(ecx, 200);
      a.label("rounds");
      a.cmp(ecx, 150).jne("same").mov(ebx, inexact);
      a.label("same");
      if (clear > 0) {
        a.test(ecx, clear - 1)
          .jnz("stays")
          .ldmxcsr(dword(control));
        a.label("stays");
      }
      a.mov(edx, 400);
      a.label("next");
      a.addsd(xmm0, qword(ebx)).mulsd(xmm0, qword(exact)).dec(edx).jnz("next");
      a.dec(ecx).jnz("rounds");
      a.stmxcsr(dword(control));
    });
  for (const [clear, most] of [
    [0, 4],
    [2, 8],
  ] as const) {
    const kernel = kernelOf(clear);
    const run = async (accel: Accel): Promise<Machine> => {
      const machine = await Machine.create({ kernel, memory: "4M", accel });
      expect(machine.runSync({ nanoseconds: 10_000_000 }).kind).not.toBe("limit");
      return machine;
    };
    const compiled = await run({ kind: "jit", threshold: 100 });
    const statistics = compiled.tierStatistics;
    expect(statistics?.compilations).toBeGreaterThan(1);
    expect(statistics?.compilations).toBeLessThanOrEqual(most);
    expect(statistics?.instructions).toBeGreaterThan(0.8 * compiled.core.instructions());
    expect(compiled.stateHash()).toBe((await run({ kind: "interp" })).stateHash());
  }
});

test("what is compiled when it is first entered goes on at its end, too", async () => {
  const kernel = guest((a) => {
    a.label("outer");
    a.inc(ecx).test(ecx, 3).jz("other");
    a.add(eax, ecx).jmp("outer");
    a.label("other");
    a.sub(eax, 1).jmp("outer");
  });
  const machine = await Machine.create({
    kernel,
    memory: "4M",
    accel: { kind: "jit", threshold: 0 },
  });
  machine.runSync({ nanoseconds: 100_000 });
  const share = (machine.tierStatistics?.instructions as number) / machine.core.instructions();
  expect(share).toBeGreaterThan(0.9);
});

test("where the host has no room for compiled code a guest is interpreted, to the same end", async () => {
  const kernel = guest((a) => {
    a.mov(ecx, 1000).xor(eax, eax);
    a.label("next");
    a.add(eax, ecx).dec(ecx).jnz("next");
  });
  const run = async (accel: Accel): Promise<Machine> => {
    const machine = await Machine.create({ kernel, memory: "4M", accel });
    expect(machine.runSync({ nanoseconds: 10_000_000 }).kind).not.toBe("limit");
    return machine;
  };
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class {
    constructor() {
      throw new RangeError("out of memory");
    }
  } as unknown as typeof Instance;
  try {
    const machine = await run({ kind: "jit", threshold: 0 });
    expect(machine.tierStatistics?.compilations).toBe(0);
    expect(machine.stateHash()).toBe((await run({ kind: "interp" })).stateHash());
  } finally {
    WebAssembly.Instance = Instance;
  }
});

test("a region of blocks that are seldom entered is compiled when that pays, and not before", async () => {
  const [seldomBlocks, often] = [150, 64];
  const run = async (rounds: number): Promise<Machine> => {
    const kernel = guest((a) => {
      a.mov(ecx, rounds).xor(eax, eax);
      a.label("next");
      a.test(ecx, often - 1).jnz("usual");
      for (let i = 0; i < seldomBlocks; i++) {
        a.add(eax, i).test(ecx, 0x4000_0000).jnz(`block${i}`);
        a.inc(eax);
        a.label(`block${i}`);
      }
      a.label("usual");
      for (let i = 0; i < 10; i++) a.add(eax, ecx);
      a.dec(ecx).jnz("next");
    });
    const machine = await Machine.create({
      kernel,
      memory: "4M",
      accel: { kind: "jit", threshold: 100 },
    });
    expect(machine.runSync({ nanoseconds: 10_000_000 }).kind).not.toBe("limit");
    return machine;
  };
  expect((await run(1000)).tierStatistics?.compilations).toBe(0);
  const long = await run(10_000);
  expect(long.tierStatistics?.instructions).toBeGreaterThan(0.5 * long.core.instructions());
});

test("a loop is compiled before it is hot if it is much of what has been interpreted, and when it is hot anyway", async () => {
  const threshold = 10_000;
  const compilations = async (colds: number, rounds: number): Promise<number | undefined> => {
    const kernel = guest((a) => {
      const loop = (name: string, times: number): void => {
        a.mov(ecx, times);
        a.label(name);
        for (let i = 0; i < 10; i++) a.add(eax, ecx);
        a.dec(ecx).jnz(name);
      };
      for (let i = 0; i < colds; i++) loop(`cold${i}`, threshold / 10);
      loop("loop", rounds);
    });
    const machine = await Machine.create({
      kernel,
      memory: "4M",
      accel: { kind: "jit", threshold },
    });
    expect(machine.runSync({ nanoseconds: 10_000_000 }).kind).not.toBe("limit");
    return machine.tierStatistics?.compilations;
  };
  expect(await compilations(0, 0.25 * threshold)).toBe(0);
  expect(await compilations(0, 0.4 * threshold)).toBe(1);
  expect(await compilations(40, 0.4 * threshold)).toBe(0);
  expect(await compilations(40, 1.2 * threshold)).toBe(1);
});
