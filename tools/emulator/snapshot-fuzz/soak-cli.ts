// `npm run soak`: a machine under load for hours of its time, saved and restored at random moments, against the same run
// without.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { LoadError } from "../load-error.ts";
import { natural, positive } from "./cli-numbers.ts";
import { runSoak } from "./soak.ts";
import { soakPlan } from "./soak-plan.ts";
import { linuxLoad } from "./testdata/linux-load.ts";

const EXIT_DIFFERENT = 1;

interface Options {
  hours: number;
  every: number;
  restores: number;
  seed: number;
  pause: number;
  keep?: string;
}

const program = new Command("soak")
  .description("Runs Linux under load for hours of its time, with and without snapshots.")
  .option("--hours <n>", "of the guest's time", Number, 8)
  .option("--every <s>", "seconds of the guest's time between comparisons", positive, 600)
  .option("--restores <n>", "random moments of saving and restoring", natural, 100)
  .option("--seed <n>", "seed of the moments and of how the guest is executed", natural, 1)
  .option("--pause <s>", "seconds that the guest sleeps between bursts", positive, 20)
  .option("--keep <folder>", "for what is saved, which stays; otherwise it is removed")
  .parse();

const { hours, every, restores, seed, pause, keep } = program.opts<Options>();
if (!(hours > 0)) program.error("error: --hours: expected a number above 0");
const folder = keep ?? mkdtempSync(join(tmpdir(), "soak-"));
const started = performance.now();
try {
  const plan = soakPlan(linuxLoad(folder, pause, process.env.LINUX_ROOT), {
    end: hours * 3600e9,
    every: every * 1e9,
    saves: restores,
    seed,
  });
  const found = await runSoak(plan, folder, (line) => console.log(line));
  for (const line of found.differences) console.log(line);
  const taken = ((performance.now() - started) / 60e3).toFixed(1);
  console.log(
    `${found.differences.length === 0 ? "no difference" : "DIFFERENT"}: ${found.equal} of ${plan.marks.length} comparisons, ` +
      `${found.restores} restores, ${(found.instructions / 1e9).toFixed(1)} thousand million instructions, ${taken} minutes`,
  );
  if (found.differences.length > 0) process.exitCode = EXIT_DIFFERENT;
} catch (error) {
  if (!(error instanceof LoadError)) throw error;
  console.error(`soak: ${error.message}`);
  process.exitCode = EXIT_DIFFERENT;
} finally {
  if (keep === undefined) rmSync(folder, { recursive: true });
}
