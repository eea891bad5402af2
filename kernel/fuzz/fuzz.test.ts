// A sample of what `npm run fuzz:kernel` runs at length, and that it finds a fault that is put in.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { hasQemu } from "../../tools/testing/host-tools.ts";
import { EmulatedBoard, QemuBoard } from "./board.ts";
import { Booted } from "./booted.ts";
import { fuzzKernel, replay, runSeed, shrink } from "./campaign.ts";
import { findMutant, MUTANTS, mutate } from "./mutants.ts";
import { fromText, toText } from "./operation.ts";

const STEPS = 2500;

it.each([
  { cpus: 1, pcid: false },
  { cpus: 2, pcid: true },
])("nobody gets more or less than the model says, $cpus CPUs, PCIDs $pcid", async (hardware) => {
  const kernel = await fuzzKernel();
  const page = readFileSync(new URL("../../docs/kernel-interface.md", import.meta.url), "utf8");
  const rows = new Set(
    [...page.matchAll(/^\| `([^`]+)` \| (\w+) \|/gm)].map(
      ([, name, status]) => `${name} ${status}`,
    ),
  );
  for (const seed of [11, 12]) {
    const run = await runSeed(seed, STEPS, { ...hardware, kernel });
    expect(run.failure?.message, `seed ${seed}\n${run.failure?.log}`).toBeUndefined();
    expect(run.steps).toBeGreaterThanOrEqual(STEPS);
    expect(run.hypercalls).toBeGreaterThan(STEPS * 0.7);
    const untold = [...run.answers].filter((answer) => !rows.has(answer));
    expect(untold.filter((answer) => !answer.startsWith("reply "))).toEqual([]);
    expect(run.answers.size).toBeGreaterThan(30);
  }
});

it("finds a delegation without intersection, and a failing run can be cut down and run again", async () => {
  const mutant = MUTANTS[0];
  if (mutant === undefined) throw new Error("no mutants");
  expect(await findMutant(mutant, 1, 500)).toBeDefined();
  const hardware = { cpus: 1, kernel: await fuzzKernel(mutate(mutant)) };
  const { failure } = await runSeed(3, 500, hardware);
  const least = await shrink(failure?.operations ?? [], hardware, 40);
  const kept = least.map((operation) => fromText(toText(operation)));
  expect(await replay(kept, hardware)).toContain("expected");
});

it("what the model says of pages and ports holds for user code of the booted kernel", async () => {
  const images = { kernel: await Booted.image(), agents: Booted.agents(), cpus: 2 };
  const booted = Booted.start(await EmulatedBoard.boot(images, "max"), 5);
  for (let step = 0; step < 150; step++) booted.step();
  expect(booted.accesses).toBeGreaterThanOrEqual(450);
  expect(booted.faults).toBeGreaterThan(50);
  expect(booted.faults).toBeLessThan(430);
});

it.skipIf(!hasQemu).each([1, 2])("it does on QEMU with %i CPUs", async (cpus) => {
  const images = { kernel: await Booted.image(), agents: Booted.agents(), cpus };
  const board = new QemuBoard(images, "max");
  try {
    const booted = Booted.start(board, 6);
    for (let step = 0; step < 40; step++) booted.step();
    expect(booted.accesses).toBeGreaterThanOrEqual(120);
    expect(booted.faults).toBeGreaterThan(20);
  } finally {
    board.close();
  }
});

it("finds a processor that is not told of changed translations", async () => {
  const mutant = MUTANTS.find(({ name }) => name.startsWith("other CPUs keep"));
  if (mutant === undefined) throw new Error("no such mutant");
  const images = { kernel: await Booted.image(mutate(mutant)), agents: Booted.agents(), cpus: 2 };
  const booted = Booted.start(await EmulatedBoard.boot(images, "default"), 5);
  expect(() => {
    for (let step = 0; step < 1000; step++) booted.step();
  }).toThrow("on CPU");
});

it("has faults to put in that fit the sources", () => {
  for (const mutant of MUTANTS) expect(Object.keys(mutate(mutant))).toEqual([mutant.file]);
});
