// `npm run fuzz:tiers`: random programs, interpreted and compiled, must be in the same state at every stop.

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
  .option("--memory <n>", "instead: compile so much code that changes, and watch memory", natural)
  .option("--no-turns", "with --memory: the event loop gets no turn meanwhile")
  .argument("[files...]", "programs that were kept, instead of random ones");

async function main(): Promise<number> {
  program.parse();
  const options = program.opts<Options>();
  const tier = TIERS.find(({ name }) => name === options.tier);
  if (tier === undefined) throw new Error(`there is no tier ${options.tier}`);
  if (options.memory !== undefined) return watchMemory(options.memory, options.turns, tier);
  const pair = new MachinePair(tier.believed, tier.doubted);
  if (program.args.length > 0) return replay(pair, program.args);
  const began = performance.now();
  const { programs, instructions, compiled, ends, failures } = await runCampaign(pair, {
    ...options,
    onProgress: (done) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} programs `);
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
  const seconds = (performance.now() - began) / 1000;
  const ended = [...ends].map(([end, n]) => `${n} ${end}`).join(", ");
  console.log(
    `${programs} programs from seed ${options.seed} on, ${instructions} instructions, ` +
      `${((100 * compiled) / instructions).toFixed(1)} % of them compiled, ` +
      `${(programs / seconds).toFixed(1)} programs/s; ended: ${ended}; ${failures.length} mismatches`,
  );
  return failures.length === 0 ? 0 : 1;
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
