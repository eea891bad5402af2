// The oracle of the compiled tier: programs are sound and repeatable, a core that is wrong is found out, and no
// program runs differently in the tiers.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { builtCore } from "../host/core.ts";
import type { Accel } from "../jit/accel.ts";
import { runCampaign } from "./campaign.ts";
import { CODE_FRAMES, CODE_SIZE } from "./environment.ts";
import { generateProgram } from "./generate.ts";
import { EVENTS, SYSTEM_CALLS } from "./handlers.ts";
import { MachinePair } from "./machine-pair.ts";
import { type MemorySample, runMemory } from "./memory.ts";
import { handlersInUse, mutantCore } from "./mutant-core.ts";
import { countStatements, MODES, type Program, type Statement } from "./program.ts";
import { TIERS } from "./tiers.ts";

const SEEDS = join(import.meta.dirname, "seeds");
const kept = readdirSync(SEEDS).filter((name) => name.endsWith(".json"));
const INTERPRETER: Accel = { kind: "interp" };
const MUTANTS = 24;
const WITNESSES = 2;

test("a seed gives the same program every time", () => {
  for (let seed = 0; seed < 20; seed++)
    expect(generateProgram(seed)).toEqual(generateProgram(seed));
});

test.each(MODES)(
  "in mode %s most programs come to their end, and none is trivial",
  async (mode) => {
    const core = await builtCore();
    const pair = new MachinePair({ core, accel: INTERPRETER }, { core, accel: INTERPRETER });
    const { programs, instructions, ends, failures } = await runCampaign(pair, {
      count: 40,
      seed: 1,
      mode,
    });
    expect(failures).toEqual([]);
    expect(ends.get("debug-exit") ?? 0).toBeGreaterThan(programs / 2);
    expect(instructions / programs).toBeGreaterThan(500);
  },
);

test.each(MODES)("in mode %s far transfers come back, and system calls", async (mode) => {
  const core = await builtCore();
  const pair = new MachinePair({ core, accel: INTERPRETER }, { core, accel: INTERPRETER });
  const run = async (statements: Statement[]) => {
    const program = {
      ...generateProgram(1, mode),
      timer: 0,
      functions: [statements],
      entries: [0],
    };
    expect(await pair.run({ ...program, stops: [60_000] })).toMatchObject({ end: "debug-exit" });
    const { ram } = await pair.believed(program);
    const [events, calls] = [EVENTS, SYSTEM_CALLS].map((at) =>
      new DataView(ram.read(at, 4).slice().buffer).getUint32(0, true),
    );
    return { events, calls };
  };
  // INC of a byte register has one encoding in all modes.
  const body = [{ bytes: "fec0", loads: [] }];
  const transfers = (["same", "other"] as const).map((to) => ({ kind: "far", to, body }) as const);
  // The program's end is an event, too.
  expect(await run(transfers)).toEqual({ events: 1, calls: 0 });
  if (!mode.startsWith("long")) return;
  const calls = ["system call", "fast system call"];
  const statements = calls.map((action) => ({ kind: "system", action }) as const);
  expect(await run(statements)).toEqual({ events: 1, calls: 2 });
});

test("cores with a fault in one handler are found out, with small programs as witnesses", async () => {
  const core = await builtCore();
  const right = new MachinePair({ core, accel: INTERPRETER }, { core, accel: INTERPRETER });
  const used = new Set<number>();
  const count = 15;
  for (let seed = 1; seed <= count; seed++) {
    const program = generateProgram(seed, "long");
    await right.run(program);
    const { core: exports } = await right.believed(program);
    for (const handler of handlersInUse(exports, CODE_FRAMES, CODE_SIZE)) used.add(handler);
  }
  // A mutant may compute the same, or its operation be of a case that does not come: the next one is tried.
  const witnesses: Program[] = [];
  for (let mutant = 1; witnesses.length < WITNESSES && mutant <= MUTANTS; mutant++) {
    const mutated = { core: await mutantCore(used, mutant), accel: INTERPRETER };
    const pair = new MachinePair({ core, accel: INTERPRETER }, mutated);
    const { failures } = await runCampaign(pair, { count, seed: 1, mode: "long", most: 1 });
    for (const { alone, program } of failures) if (alone) witnesses.push(program);
  }
  expect(witnesses).toHaveLength(WITNESSES);
  for (const { functions } of witnesses) {
    expect(countStatements(functions.flat())).toBeLessThan(12);
  }
});

describe.each(TIERS)("compiled with $name", ({ believed, doubted }) => {
  test("random programs run as interpreted", async () => {
    const pair = new MachinePair(believed, doubted);
    const { failures } = await runCampaign(pair, { count: 150, seed: 1, most: 1 });
    expect(failures).toEqual([]);
  });

  test.each(kept)("the program of %s runs as interpreted", async (name) => {
    const program: Program = JSON.parse(readFileSync(join(SEEDS, name), "utf8"));
    expect(await new MachinePair(believed, doubted).run(program)).not.toHaveProperty("difference");
  });
});

test("processes share a campaign's programs", async () => {
  const loader = join(import.meta.dirname, "../../loader/register.mjs");
  const cli = join(import.meta.dirname, "cli.ts");
  const campaign = ["--count", "5", "--seed", "3", "--jobs", "2"];
  const { stdout } = await execa(process.execPath, ["--import", loader, cli, ...campaign]);
  expect(stdout).toMatch(/^5 programs from seed 3 on, .*; 0 mismatches$/);
});

test("the guest of the memory campaign has every function compiled that it writes", async () => {
  const samples: MemorySample[] = [];
  const options = { compilations: 500, calls: 3, turns: true };
  const accel = { kind: "jit", threshold: 0 } as const;
  await runMemory({ ...options, accel, onSample: (sample) => samples.push(sample) });
  expect(samples.at(-1)?.compilations).toBeGreaterThanOrEqual(500);
  expect(samples.at(-1)?.regions).toBeGreaterThan(0);
});
