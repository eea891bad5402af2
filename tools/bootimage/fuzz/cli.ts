// `npm run fuzz:bootimage -- --images N`: random boot images, read by every program at hand that can.

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { checkLarge } from "./large.ts";
import { checkWith, READERS } from "./readers.ts";
import { writeSample } from "./sample.ts";

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

interface Options {
  images: number;
  seed: number;
  keep: string;
  large?: true;
}

async function campaign(options: Options): Promise<number> {
  const isThere = ([program, ...args]: readonly string[]): boolean =>
    program !== undefined && spawnSync(program, args, { stdio: "ignore" }).status === 0;
  const readers = READERS.filter(({ probe }) => isThere(probe));
  for (const { name } of READERS.filter((reader) => !readers.includes(reader))) {
    console.log(`left out, not here: ${name}`);
  }
  mkdirSync(options.keep, { recursive: true });
  let failures = 0;
  if (options.large) {
    const complaints = await checkLarge(options.keep);
    failures += complaints.length > 0 ? 1 : 0;
    for (const line of complaints) console.log(`a file over 4 GiB: ${line}`);
  }
  for (let seed = options.seed; seed < options.seed + options.images; seed++) {
    const path = join(options.keep, `${seed}.img`);
    const sample = await writeSample(seed, path);
    const complaints = [
      ...sample.complaints.map((line) => `file table: ${line}`),
      ...readers.flatMap((reader) =>
        checkWith(reader, sample).map((line) => `${reader.name}: ${line}`),
      ),
    ];
    if (complaints.length === 0) {
      rmSync(path);
      continue;
    }
    failures++;
    console.log(`seed ${seed}, kept as ${path}:`);
    for (const line of complaints.slice(0, 20)) console.log(`  ${line}`);
  }
  console.log(`${options.images} images, ${readers.length} readers, ${failures} failures`);
  return failures === 0 ? 0 : 1;
}

const program = new Command("fuzz:bootimage")
  .description("Has other programs read random boot images.")
  .option("--images <n>", "images to write", count, 100)
  .option("--seed <n>", "first seed", count, 1)
  .option("--keep <dir>", "where images go; those with complaints stay", "build/fuzz-bootimage")
  .option(
    "--large",
    "before them one with a file over 4 GiB, which takes 10 GB of disk for a while",
  )
  .action(async (options: Options) => {
    process.exitCode = await campaign(options);
  });

await program.parseAsync();
