// The command `npm run compare:sequences`: random sequences of system calls on this Linux and in the guest.

import { Command } from "commander";
import { diff } from "../diff.ts";
import { makeSystem, whatIsMissing } from "../host.ts";
import { differingSeeds, firstKinds, sequenceProgram, shrink } from "./campaign.ts";

/** Seeds between lines that tell how far it is. */
const STEP = 1000;
/** Differing seeds whose first difference is looked at. */
const LOOKED_AT = 200;

interface Options {
  first: string;
  seeds: string;
  calls: string;
  shrink: string;
}

async function run(options: Options): Promise<void> {
  const data = sequenceProgram();
  const missing = data ? whatIsMissing() : "a C compiler";
  if (data === undefined || missing) {
    console.log(`skipped: ${missing} cannot be had here`);
    return;
  }
  makeSystem();
  const calls = Number(options.calls);
  const end = Number(options.first) + Number(options.seeds);
  const differing: number[] = [];
  for (let first = Number(options.first); first < end; first += STEP) {
    const seeds = Math.min(STEP, end - first);
    differing.push(...(await differingSeeds(data, { first, seeds, calls })));
    const done = first + seeds - Number(options.first);
    console.log(`${done} seeds, ${done * calls} calls, ${differing.length} seeds differ`);
  }
  const kinds = await firstKinds(data, differing.slice(0, LOOKED_AT), calls);
  for (const [kind, { count, seed }] of [...kinds].sort(([, a], [, b]) => b.count - a.count))
    console.log(`${`${count}`.padStart(5)}  ${kind} (seed ${seed})`);
  for (const seed of differing.slice(0, Number(options.shrink))) {
    const found = await shrink(data, seed, calls);
    console.log(`seed ${seed}: ${found ? `calls ${found.kept}` : "alone it does not differ"}`);
    if (found === undefined) continue;
    for (const line of found.linux.trimEnd().split("\n")) console.log(`    ${line}`);
    for (const line of diff(found.linux, found.guest)) console.log(`  ${line}`);
  }
  if (differing.length > 0) process.exitCode = 1;
}

await new Command("compare:sequences")
  .description("runs random sequences of system calls on this Linux and in the guest, and compares")
  .option("--first <seed>", "the first seed", "1")
  .option("--seeds <n>", "how many", "2000")
  .option("--calls <n>", "system calls of each", "500")
  .option("--shrink <n>", "how many of the differing sequences are shrunk", "3")
  .action(run)
  .parseAsync()
  .catch((error: Error) => {
    console.error(`compare:sequences: ${error.message}`);
    process.exitCode = 2;
  });
