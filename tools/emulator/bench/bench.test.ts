// The benchmark's workloads must do what they say: the same result as in QEMU, and a time that can be told.

import { expect, test } from "vitest";
import { zigBinary } from "../../make/zig.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { type BenchRow, formatBench } from "./bench.ts";
import { compiledWorkloads } from "./compiled-workloads.ts";
import { findCompiler } from "./compiler.ts";
import { legacyWorkloads } from "./legacy-workloads.ts";
import { hasV86, runHere, runInQemu, runInV86 } from "./measure.ts";
import { hasSystem, runSystemHere, runSystemInQemu } from "./system-calls.ts";
import type { Workload } from "./workload.ts";
import { workloads } from "./workloads.ts";

const loops = [...workloads, ...legacyWorkloads];

/** Small enough for a test, large enough to be told from the frame around it. */
const part = (rounds: number): number => Math.max(2, Math.ceil(rounds / 2000));

const compiler = findCompiler(zigBinary());
const compiled = compiler === undefined ? [] : await compiledWorkloads(compiler);
const all = [...loops, ...compiled];

test.each(loops)("$name counts its instructions and repeats its result", async (workload) => {
  const [first, second] = [
    await runHere(workload, part(workload.rounds)),
    await runHere(workload, part(workload.rounds)),
  ];
  expect(first.instructions).toBeGreaterThan(part(workload.rounds));
  expect(second).toMatchObject({ result: first.result, instructions: first.instructions });
});

test.each(loops)("$name executes no more compiled than there is", async (workload) => {
  const rounds = part(workload.rounds);
  const interpreted = await runHere(workload, rounds, { kind: "interp" });
  const { result, instructions, tier } = await runHere(workload, rounds, {
    kind: "jit",
    threshold: 0,
  });
  expect({ result, instructions }).toEqual({
    result: interpreted.result,
    instructions: interpreted.instructions,
  });
  expect(tier?.share).toBeGreaterThan(0);
  expect(tier?.share).toBeLessThanOrEqual(1);
});

test.skipIf(!hasQemu).each(all)("$name has QEMU's result", async (workload) => {
  const rounds = part(workload.rounds);
  expect((await runHere(workload, rounds)).result).toBe((await runInQemu(workload, rounds)).result);
});

test.skipIf(!hasSystem)("the calls of a Linux program are counted, in every tier", async () => {
  const [rounds, each] = [40, 50];
  const interpreted = await runSystemHere(rounds, { kind: "interp" });
  expect(interpreted.instructions).toBeGreaterThan(each * rounds);
  const { result, instructions } = await runSystemHere(rounds, { kind: "jit", threshold: 1000 });
  const { result: expected } = interpreted;
  expect({ result, instructions }).toMatchObject({
    result: expected,
    instructions: interpreted.instructions,
  });
  if (hasQemu) expect((await runSystemInQemu(rounds)).result).toBe(expected);
});

test.skipIf(compiler === undefined)(
  "guests in C compute the same in 32 and in 64 bits",
  async () => {
    for (const narrow of compiled.filter(({ bits }) => bits === 32)) {
      const wide = compiled.find(({ name }) => `${name} (32-bit)` === narrow.name);
      if (wide === undefined) throw new Error(`${narrow.name} is not compiled for 64 bits`);
      const [a, b] = [await runHere(narrow, 3), await runHere(wide, 3)];
      expect(a.result, narrow.name).toBe(b.result);
    }
  },
);

test.skipIf(!hasV86).each(compiled.filter(({ bits }) => bits === 32))(
  "$name has v86's result",
  async (workload) => {
    const { result } = await runHere(workload, part(workload.rounds));
    expect((await runInV86(workload, part(workload.rounds))).result).toBe(result);
  },
);

test("the table gives speed and ratio, or says that there is none", () => {
  const [workload] = workloads;
  if (workload === undefined) throw new Error("there are no workloads");
  const emulator = { ms: 200, result: 0n, instructions: 50_000_000 };
  const tier = { compilations: 3, compileMs: 4, share: 0.995 };
  const other = { ms: 100, result: 0n };
  const text = formatBench([
    { workload, emulator, qemu: other },
    { workload, emulator: { ...emulator, tier }, qemu: undefined, v86: { ...other, ms: 400 } },
  ]).split("\n");
  expect(text[1]).toMatch(/^integer +200 +250\.0 +- +- +- +100 +2\.00 +- +- /);
  expect(text[2]).toMatch(/^integer +200 +250\.0 +99\.5 % +3 +4 +- +- +400 +0\.50 /);
  expect(text.find((line) => line.startsWith("geometric mean"))).toMatch(/ 2\.00 +0\.50$/);
});

test("the loops' mean is of fifteen without the two starred ones, and of nothing else", () => {
  const summed = loops.filter(({ extra }) => !extra);
  expect(summed).toHaveLength(15);
  expect(summed.filter(({ special }) => special).map(({ name }) => name)).toEqual([
    "string copy *",
    "self-modifying *",
  ]);
  const row = (workload: Workload): BenchRow => {
    const ms = workload.extra ? 900 : workload.special ? 1 : 200;
    return {
      workload,
      emulator: { ms, result: 0n, instructions: 1e6 },
      qemu: { ms: 100, result: 0n },
    };
  };
  const text = formatBench(loops.map(row)).split("\n");
  expect(text.find((line) => line.startsWith("loops without *"))).toMatch(/ 2\.00$/);
});
