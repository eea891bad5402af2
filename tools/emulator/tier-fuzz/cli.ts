// `npm run fuzz:tiers`: random programs, interpreted and compiled, must be in the same state at every stop.

import { fork } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { checkedAccel, DEFAULT_ACCEL } from "../jit/accel.ts";
import { roundsOf } from "../jit/region.ts";
import { runCampaign } from "./campaign.ts";
import { MachinePair } from "./machine-pair.ts";
import { runMemory } from "./memory.ts";
import { countStatements, MODES, type Mode, type Program } from "./program.ts";
import { TIERS, type TierPair } from "./tiers.ts";

interface Options {
  count: number;
  seed: number;
  mode?: Mode;
  tier: string;
  keep: string;
  most: number;
  jobs: number;
  memory?: number;
  turns: boolean;
}

/** What a guest that changes its code for ever may take above what it touches, bytes. */
const MOST_MEMORY = 300 << 20;
/** Calls of a function when it is compiled, until the next is written. */
const CALLS = 3;

function natural(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError("expected a whole number");
  return value;
}

const program = new Command("fuzz:tiers")
  .description("Runs random guest programs interpreted and compiled, and compares the machines.")
  .option("--count <n>", "programs to run", natural, 1000)
  .option("--seed <n>", "seed of the first program", natural, 1)
  .option("--most <n>", "failures after which to end", natural, 10)
  .addOption(new Option("--mode <mode>", "mode of the CPUs; all by default").choices(MODES))
  .addOption(
    new Option("--tier <name>", "what is compared with the interpreter")
      .choices(TIERS.map(({ name }) => name))
      .default(TIERS[0]?.name),
  )
  .option("--keep <dir>", "where failing programs go", "build/fuzz-tiers")
  .option("--jobs <n>", "processes that share the programs", natural, 1)
  .option("--memory <n>", "instead: compile so much code that changes, and watch memory", natural)
  .option("--no-turns", "with --memory: the event loop gets no turn meanwhile")
  .argument("[files...]", "programs that were kept, instead of random ones");

async function main(): Promise<number> {
  program.parse();
  const options = program.opts<Options>();
  const tier = TIERS.find(({ name }) => name === options.tier);
  if (tier === undefined) throw new Error(`there is no tier ${options.tier}`);
  if (options.memory !== undefined) return watchMemory(options.memory, options.turns, tier);
  if (program.args.length > 0)
    return replay(new MachinePair(tier.believed, tier.doubted), program.args);
  const began = performance.now();
  const counts = options.jobs > 1 ? await runJobs(options) : await run(options, tier);
  if (process.send !== undefined) process.send(counts);
  else report(options.seed, counts, (performance.now() - began) / 1000);
  return counts.mismatches === 0 ? 0 : 1;
}

/** What programs have come to, in one process or several. */
interface Counts {
  programs: number;
  instructions: number;
  compiled: number;
  ends: [end: string, programs: number][];
  mismatches: number;
}

async function run(options: Options, tier: TierPair): Promise<Counts> {
  const pair = new MachinePair(tier.believed, tier.doubted);
  const { ends, failures, ...sums } = await runCampaign(pair, {
    ...options,
    onProgress: (done) => {
      if (process.stderr.isTTY && process.send === undefined)
        process.stderr.write(`\r${done} programs `);
    },
    onFailure: (failure) => {
      mkdirSync(options.keep, { recursive: true });
      const file = join(options.keep, `${failure.seed}.json`);
      writeFileSync(file, `${JSON.stringify(failure.program)}\n`);
      const size = countStatements(failure.program.functions.flat());
      const how = failure.alone ? `${size} statements` : "only behind the programs before it";
      console.log(`seed ${failure.seed}: ${failure.difference} (${how}; ${file})`);
    },
  });
  return { ...sums, ends: [...ends], mismatches: failures.length };
}

/** The same in several processes, each with a part of the seeds. Throws if one of them ends before it is done. */
async function runJobs({ count, seed, jobs }: Options): Promise<Counts> {
  const first = (job: number): number => seed + Math.floor((count * job) / jobs);
  const parts = Array.from({ length: jobs }, (_, job) => {
    const part = ["--seed", first(job), "--count", first(job + 1) - first(job), "--jobs", 1];
    const child = fork(process.argv[1] as string, [...process.argv.slice(2), ...part.map(String)]);
    return new Promise<Counts>((resolve, reject) => {
      child.once("message", (counts) => resolve(counts as Counts));
      child.once("exit", () =>
        reject(new Error(`the process from seed ${first(job)} on has died`)),
      );
    });
  });
  const ends = new Map<string, number>();
  const sum = { programs: 0, instructions: 0, compiled: 0, mismatches: 0 };
  for (const counts of await Promise.all(parts)) {
    for (const name of ["programs", "instructions", "compiled", "mismatches"] as const)
      sum[name] += counts[name];
    for (const [end, programs] of counts.ends) ends.set(end, (ends.get(end) ?? 0) + programs);
  }
  return { ...sum, ends: [...ends] };
}

function report(seed: number, counts: Counts, seconds: number): void {
  const { programs, instructions, compiled, ends, mismatches } = counts;
  console.log(
    `${programs} programs from seed ${seed} on, ${instructions} instructions, ` +
      `${((100 * compiled) / instructions).toFixed(1)} % of them compiled, ` +
      `${(programs / seconds).toFixed(1)} programs/s; ` +
      `ended: ${ends.map(([end, n]) => `${n} ${end}`).join(", ")}; ${mismatches} mismatches`,
  );
}

async function watchMemory(
  compilations: number,
  turns: boolean,
  { doubted }: TierPair,
): Promise<number> {
  const accel = checkedAccel(doubted.accel ?? DEFAULT_ACCEL);
  if (accel.kind === "interp") throw new Error("the tier compiles nothing");
  const mebibytes = (bytes: number): string => `${Math.round(bytes / (1 << 20))} MiB`;
  const most = await runMemory({
    compilations,
    turns,
    accel,
    calls: CALLS + (accel.threshold === 0 ? 0 : accel.threshold + roundsOf(accel.threshold)),
    onSample: ({ compilations: done, regions, above }) => {
      console.log(`${done} compilations, ${regions} regions: ${mebibytes(above)}`);
    },
  });
  console.log(`at most ${mebibytes(most)} above what the guest touches`);
  return most <= MOST_MEMORY ? 0 : 1;
}

async function replay(pair: MachinePair, files: readonly string[]): Promise<number> {
  let failed = 0;
  for (const file of files) {
    const { difference } = await pair.run(JSON.parse(readFileSync(file, "utf8")) as Program);
    console.log(`${file}: ${difference ?? "no difference"}`);
    if (difference !== undefined) failed++;
    pair.refresh();
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
