// `npm run fuzz:kernel -- --hypercalls N`: random system calls of several domains on one and two CPUs, compared
// with a model of who holds what. A failing run is cut down and written to the directory given by --keep.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { hasQemu } from "../../tools/testing/host-tools.ts";
import * as abi from "../abi.ts";
import {
  type Capacity,
  generationsInEmulator,
  generationsOnQemu,
} from "../testing/count_generations.ts";
import type { Hardware } from "../testing/machine.ts";
import { EmulatedBoard, QemuBoard } from "./board.ts";
import { Booted } from "./booted.ts";
import { fuzzKernel, replay, runSeed, shrink } from "./campaign.ts";
import { findMutant, MUTANTS } from "./mutants.ts";
import { fromText, toText } from "./operation.ts";

const MOST_FAILURES = 10;
const STEPS_PER_BOOT = 2000;
const SECONDS_BETWEEN_LINES = 30;
/** How long QEMU may take for generations of domains. */
const HOURS = 3;

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

/** Machines take turns: one and two CPUs, with and without process-context identifiers. */
function hardwareOf(seed: number): { cpus: number; pcid: boolean } {
  return { cpus: 1 + (seed % 2), pcid: (seed >> 1) % 2 === 0 };
}

const NAMES = new Map(
  Object.entries(abi)
    .filter(([name]) => name.startsWith("HC_"))
    .map(([name, id]) => [id as number, name.slice(3).toLowerCase()]),
);

async function campaign(o: {
  hypercalls: number;
  seed: number;
  steps: number;
  keep: string;
}): Promise<void> {
  const kernel = await fuzzKernel();
  const start = Date.now();
  let said = start;
  let failures = 0;
  let hypercalls = 0;
  let steps = 0;
  let runs = 0;
  let deepest = 0;
  const byId = new Map<number, { calls: number; good: number }>();
  const summary = () => {
    const seconds = (Date.now() - start) / 1000;
    return `${hypercalls} hypercalls in ${steps} steps of ${runs} runs, ${failures} failures, ${seconds.toFixed(0)} s, ${Math.round(hypercalls / seconds)}/s`;
  };
  for (let seed = o.seed; hypercalls < o.hypercalls && failures < MOST_FAILURES; seed++) {
    const hardware = { ...hardwareOf(seed), kernel };
    const run = await runSeed(seed, o.steps, hardware);
    runs++;
    hypercalls += run.hypercalls;
    steps += run.steps;
    deepest = Math.max(deepest, run.deepest);
    for (const [id, { calls, good }] of run.byId) {
      const entry = byId.get(Math.min(id, 16)) ?? { calls: 0, good: 0 };
      byId.set(Math.min(id, 16), { calls: entry.calls + calls, good: entry.good + good });
    }
    if (run.failure) {
      failures++;
      const { message, operations, log } = run.failure;
      console.log(`seed ${seed}, step ${run.steps}: ${message}`);
      const least = await shrink(operations, hardware);
      const file = join(o.keep, `seed-${seed}.json`);
      mkdirSync(o.keep, { recursive: true });
      const lines = [JSON.stringify(hardwareOf(seed)), ...least.map(toText)];
      writeFileSync(file, `${lines.join("\n")}\n`);
      writeFileSync(`${file}.log`, log);
      console.log(`  ${least.length} steps: npm run fuzz:kernel -- --replay ${file}`);
    }
    if (Date.now() - said > SECONDS_BETWEEN_LINES * 1000) {
      said = Date.now();
      console.log(summary());
    }
  }
  for (const [id, { calls, good }] of [...byId].sort(([a], [b]) => a - b)) {
    console.log(
      `${(NAMES.get(id) ?? "no such").padEnd(14)} ${calls} with a status, ${good} succeed`,
    );
  }
  console.log(`capabilities up to ${deepest} delegations deep`);
  console.log(summary());
  if (failures > 0) process.exitCode = 1;
}

async function again(file: string): Promise<void> {
  const [first = "{}", ...rest] = readFileSync(file, "utf8").trim().split("\n");
  const hardware: Hardware = { ...JSON.parse(first), kernel: await fuzzKernel() };
  const failure = await replay(rest.map(fromText), hardware);
  console.log(failure ?? "does not fail");
  if (failure !== undefined) process.exitCode = 1;
}

async function faulty(): Promise<void> {
  for (const mutant of MUTANTS) {
    const found = await findMutant(mutant, 12, 8000);
    if (found === undefined) process.exitCode = 1;
    const what = found ? `seed ${found.seed}, step ${found.step}: ${found.message}` : "NOT FOUND";
    console.log(`${mutant.name}: ${what.split("\n")[0]}`);
  }
}

/** The compiled kernel on both models of CPU in turn; in the emulator two of them, on QEMU also one. */
async function booted(steps: number, seed: number, onQemu: boolean): Promise<void> {
  const kernel = await Booted.image();
  const agents = Booted.agents();
  const start = Date.now();
  let hypercalls = 0;
  let accesses = 0;
  let faults = 0;
  for (let done = 0; done < steps; seed++) {
    const isMax = seed % 2 !== 0;
    const cpus = onQemu ? 1 + ((seed >> 1) % 2) : 2;
    const images = { kernel, agents, cpus };
    const board = onQemu
      ? new QemuBoard(images, isMax ? "max" : "qemu64")
      : await EmulatedBoard.boot(images, isMax ? "max" : "default");
    let step = 0;
    try {
      const machine = Booted.start(board, seed);
      for (; step < STEPS_PER_BOOT && done < steps; step++, done++) machine.step();
      hypercalls += machine.hypercalls;
      accesses += machine.accesses;
      faults += machine.faults;
    } catch (error) {
      console.log(`seed ${seed}, step ${step}, ${cpus} CPUs: ${(error as Error).message}`);
      process.exitCode = 1;
      return;
    } finally {
      board.close();
    }
  }
  const seconds = (Date.now() - start) / 1000;
  console.log(
    `${hypercalls} hypercalls and ${accesses} accesses (${faults} refused) on the booted kernel, ${seconds.toFixed(0)} s`,
  );
}

/** Domains that come and go on two CPUs, in the emulator and on QEMU; the memory of each afterwards. */
async function generations(count: number): Promise<void> {
  const kernel = await Booted.image();
  const each = Math.ceil(count / 2);
  const limit = HOURS * 3_600_000;
  const runs: [string, () => Promise<Capacity>][] = [
    ["emulator", () => generationsInEmulator(kernel, each)],
    ["QEMU, one thread", () => generationsOnQemu(kernel, each, { limit })],
    ["QEMU, two threads", () => generationsOnQemu(kernel, each, { threads: 2, limit })],
  ];
  for (const [where, run] of hasQemu ? runs : runs.slice(0, 1)) {
    const start = Date.now();
    const { before, after, output } = await run();
    const seconds = ((Date.now() - start) / 1000).toFixed(0);
    console.log(
      `${where}: ${2 * each} domains, room for ${before} objects before, ${after} after, ${seconds} s`,
    );
    if (before === after) continue;
    process.exitCode = 1;
    console.log(output);
  }
}

const program = new Command("fuzz:kernel")
  .description("Random system calls, compared with a model of who holds what; domains without end.")
  .option("--hypercalls <n>", "how many to make at least", count, 100_000)
  .option("--seed <n>", "first seed", count, 1)
  .option("--steps <n>", "steps per seed", count, 20_000)
  .option("--keep <dir>", "where failing runs go", "build/fuzz-kernel")
  .option("--replay <file>", "runs what was kept")
  .option("--booted <n>", "steps on the compiled kernel in the emulator, two CPUs", count)
  .option("--qemu <n>", "steps on the compiled kernel on QEMU, one and two CPUs", count)
  .option("--generations <n>", "domains that two CPUs make, use and destroy", count)
  .option("--mutants", "puts faults into the kernel and says whether they are found")
  .action(async (o) => {
    if (o.replay !== undefined) await again(o.replay);
    else if (o.mutants) await faulty();
    else if (o.booted !== undefined) await booted(o.booted, o.seed, false);
    else if (o.generations !== undefined) await generations(o.generations);
    else if (o.qemu !== undefined) await booted(o.qemu, o.seed, true);
    else await campaign(o);
  });

await program.parseAsync();
