// The benchmark's workloads must do what they say: the same result as in QEMU, and a time that can be told.

import { expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { formatBench, runHere, runInQemu } from "./bench.ts";
import { workloads } from "./workloads.ts";

/** Small enough for a test, large enough to be told from the frame around it. */
const part = (rounds: number): number => Math.max(2, Math.ceil(rounds / 2000));

test.each(workloads)("$name counts its instructions and repeats its result", async (workload) => {
  const [first, second] = [
    await runHere(workload, part(workload.rounds)),
    await runHere(workload, part(workload.rounds)),
  ];
  expect(first.instructions).toBeGreaterThan(part(workload.rounds));
  expect(second).toMatchObject({ result: first.result, instructions: first.instructions });
});

test.skipIf(!hasQemu).each(workloads)("$name has QEMU's result", async (workload) => {
  const rounds = part(workload.rounds);
  expect((await runHere(workload, rounds)).result).toBe((await runInQemu(workload, rounds)).result);
});

test("the table gives speed and ratio, or says that there is none", () => {
  const [workload] = workloads;
  if (workload === undefined) throw new Error("there are no workloads");
  const emulator = { ms: 200, result: 0n, instructions: 50_000_000 };
  const text = formatBench([
    { workload, emulator, qemu: { ms: 100, result: 0n } },
    { workload, emulator, qemu: undefined },
  ]).split("\n");
  expect(text[1]).toMatch(/^integer +200 +250\.0 +100 +2\.00 /);
  expect(text[2]).toMatch(/^integer +200 +250\.0 +- +- /);
  expect(text.at(-1)).toMatch(/^geometric mean +2\.00$/);
});
