// The command `npm run compare:sequences`: random sequences of system calls on this Linux and in the guest.

import { Command } from "commander";
import { diff } from "../diff.ts";
import { makeSystem, whatIsMissing } from "../host.ts";
import { runOnKernel } from "../kernel/other-kernel.ts";
import { runOnLinux } from "../linux.ts";
import type { Program } from "../program.ts";
import {
  differingSeeds,
  type Family,
  familyNames,
  firstKinds,
  sequenceProgram,
  shrink,
} from "./campaign.ts";

/** Seeds between lines that tell how far it is. */
const STEP = 1000;
/** Differing seeds whose first difference is looked at. */
const LOOKED_AT = 200;

interface Options {
  first: string;
  seeds: string;
  calls: string;
  shrink: string;
  kernel?: string;
}

/** How many seeds of a family differ. */
async function runFamily(family: Family, options: Options): Promise<number> {
  const calls = Number(options.calls);
  const end = Number(options.first) + Number(options.seeds);
  const differing: number[] = [];
  for (let first = Number(options.first); first < end; first += STEP) {
    const seeds = Math.min(STEP, end - first);
    const found = await differingSeeds([family], { first, seeds, calls });
    differing.push(...(found.get(family.name) ?? []));
    const done = first + seeds - Number(options.first);
    console.log(
      `${family.name}: ${done} seeds, ${done * calls} calls, ${differing.length} seeds differ`,
    );
  }
  const kinds = await firstKinds(family, differing.slice(0, LOOKED_AT), calls);
  for (const [kind, { count, seed }] of [...kinds].sort(([, a], [, b]) => b.count - a.count))
    console.log(`${`${count}`.padStart(5)}  ${kind} (seed ${seed})`);
  const shown = [...kinds.values()].map(({ seed }) => seed);
  for (const seed of shown.slice(0, Number(options.shrink))) {
    const found = await shrink(family, seed, calls);
    console.log(`seed ${seed}: ${found ? `calls ${found.kept}` : "alone it does not differ"}`);
    if (found === undefined) continue;
    for (const line of found.linux.trimEnd().split("\n")) console.log(`    ${line}`);
    for (const line of diff(found.linux, found.guest)) console.log(`  ${line}`);
  }
  return differing.length;
}

async function run(names: string[], options: Options): Promise<void> {
  const all = familyNames();
  const unknown = names.find((name) => !all.includes(name));
  if (unknown) throw new Error(`${unknown} is no family; there are ${all.join(", ")}`);
  const data = sequenceProgram();
  const missing = data ? whatIsMissing() : "a C compiler";
  if (data === undefined || missing) {
    console.log(`skipped: ${missing} cannot be had here`);
    return;
  }
  makeSystem();
  const { kernel } = options;
  const onKernel = (programs: readonly Program[]) => runOnKernel(kernel ?? "", programs);
  const linux = kernel === undefined ? runOnLinux : onKernel;
  for (const name of names.length > 0 ? names : all)
    if ((await runFamily({ data, name, runOnLinux: linux }, options)) > 0) process.exitCode = 1;
}

await new Command("compare:sequences")
  .description("runs random sequences of system calls on this Linux and in the guest, and compares")
  .argument("[family...]", "families of calls, the files of tools/compare-linux/sequences/families")
  .option("--first <seed>", "the first seed", "1")
  .option("--seeds <n>", "how many of each family", "100")
  .option("--calls <n>", "system calls of each", "500")
  .option("--shrink <n>", "how many sequences of a family are shrunk, one of each kind", "3")
  .option("--kernel <file>", "a Linux kernel that QEMU boots in place of this Linux")
  .action(run)
  .parseAsync()
  .catch((error: Error) => {
    console.error(`compare:sequences: ${error.message}`);
    process.exitCode = 2;
  });
