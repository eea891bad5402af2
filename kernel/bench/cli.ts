// The command `npm run bench:kernel`: the table of paths, where their instructions go, or what another kernel needs.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { listPaths } from "./listing.ts";
import { type Accelerator, measure } from "./measure.ts";
import { countPaths, formatListing, formatPaths } from "./table.ts";

const BUILT = fileURLToPath(new URL("../../build/kernel.elf32", import.meta.url));

interface Options {
  kernel: string;
  listing?: string | true;
  accel?: Accelerator;
}

async function list(kernel: Uint8Array, part: string): Promise<void> {
  for (const [name, listing] of await listPaths(kernel)) {
    if (name.includes(part)) console.log(`${formatListing(name, listing)}\n`);
  }
}

/** Raw ticks, those of user mode included: all there is of a kernel that the emulator does not run. */
async function printTicks(kernel: Uint8Array, accelerator: Accelerator): Promise<void> {
  for (const [name, ticks] of await measure(kernel, accelerator)) {
    console.log(`${name.padEnd(32)}${ticks.toFixed(1).padStart(10)}`);
  }
}

await new Command("bench:kernel")
  .description("counts what the kernel's paths cost")
  .option("--kernel <file>", "a kernel with this interface", BUILT)
  .option("--listing [path]", "print each instruction, of all paths or of those with this name")
  .addOption(
    new Option(
      "--accel <where>",
      "print the ticks of a round there, the user's included (kvm: cycles)",
    ).choices(["emu", "tcg", "kvm"]),
  )
  .action(async ({ kernel: file, listing, accel }: Options) => {
    const kernel = readFileSync(file);
    if (listing !== undefined) await list(kernel, listing === true ? "" : listing);
    else if (accel !== undefined) await printTicks(kernel, accel);
    else console.log(formatPaths(await countPaths(kernel)));
  })
  .parseAsync()
  .catch((error: Error) => {
    console.error(`bench:kernel: ${error.message}`);
    process.exitCode = 1;
  });
