// The command `npm run bench:kernel`: the table of paths, where their instructions go, or what another kernel needs.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { measureContention } from "./contention.ts";
import { listPaths } from "./listing.ts";
import { type Accelerator, measure } from "./measure.ts";
import { countPaths, formatListing, formatPaths } from "./table.ts";

const BUILT = fileURLToPath(new URL("../../build/kernel.elf32", import.meta.url));

interface Options {
  kernel: string;
  listing?: string | true;
  accel?: Accelerator;
  contention?: number;
}

/** How many turns of each kind; a loaded host takes a tenth of a second for one. */
const TURNS = 100;

function parseProcessors(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 2 && count <= 64) return count;
  throw new InvalidArgumentError("expected 2 to 64");
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

async function printWaits(
  kernel: Uint8Array,
  accelerator: Accelerator | undefined,
  processors: number,
): Promise<void> {
  if (accelerator === "emu") throw new Error("--contention is for --accel tcg or kvm");
  const waits = await measureContention(kernel, accelerator ?? "tcg", processors, TURNS);
  for (const { name, longest, mean } of waits) {
    console.log(`${name.padEnd(10)} mean ${mean.toFixed(0)}, longest ${longest} ticks`);
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
  .option(
    "--contention <cpus>",
    "ticks in QEMU for a hypercall and a recall while so many processors ask at once",
    parseProcessors,
  )
  .action(async ({ kernel: file, listing, accel, contention }: Options) => {
    const kernel = readFileSync(file);
    if (contention !== undefined) return printWaits(kernel, accel, contention);
    if (listing !== undefined) await list(kernel, listing === true ? "" : listing);
    else if (accel !== undefined) await printTicks(kernel, accel);
    else console.log(formatPaths(await countPaths(kernel)));
  })
  .parseAsync()
  .catch((error: Error) => {
    console.error(`bench:kernel: ${error.message}`);
    process.exitCode = 1;
  });
