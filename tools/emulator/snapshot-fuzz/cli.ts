// `npm run fuzz:snapshot`: restores snapshots of random points of a guest's run in further processes, and compares
// how these go on with the run itself.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { machineOptions } from "../host/cli-machine.ts";
import { parseArguments } from "../host/cli-options.ts";
import { UsageError } from "../host/cli-values.ts";
import { LoadError } from "../load-error.ts";
import { runCampaign } from "./campaign.ts";
import { natural, positive } from "./cli-numbers.ts";

interface Options {
  points: number;
  seed: number;
  end?: number;
  reach?: number;
}

const EXIT_DIFFERENT = 1;
const EXIT_USAGE = 2;

const program = new Command("fuzz:snapshot")
  .description("Restores snapshots in other processes and compares how they go on.")
  .usage("[options] MACHINE   (what emu takes: -kernel FILE -initrd FILE -append TEXT -smp N …)")
  .option("--points <n>", "random points at which a snapshot is taken", positive, 10)
  .option("--seed <n>", "seed of the points", natural, 1)
  .option("--end <ms>", "virtual time of the last point; without it, when the guest ends", positive)
  .option("--reach <n>", "later points that each snapshot is followed to; all of them", positive)
  // -h belongs to -hda.
  .helpOption("--help")
  .argument("[machine...]")
  .allowUnknownOption()
  .passThroughOptions();

async function main(): Promise<number> {
  program.parse();
  const { end, ...options } = program.opts<Options>();
  // Runs begin with the same images, and snapshots hold what is written.
  const cli = parseArguments(["-snapshot", ...program.args]);
  if (cli.realTime) throw new UsageError("-rtc clock=host: a run in real time is not repeatable");
  const folder = mkdtempSync(join(tmpdir(), "fuzz-snapshot-"));
  try {
    const found = await runCampaign({
      ...options,
      ...(end === undefined ? {} : { end: end * 1e6 }),
      options: machineOptions(cli),
      folder,
      say: (line) => console.log(line),
    });
    for (const line of found) console.log(line);
    if (found.length > 0) return EXIT_DIFFERENT;
    console.log("no difference");
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof LoadError)) throw error;
  console.error(`fuzz:snapshot: ${error.message}`);
  process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_DIFFERENT;
}
