// The command `npm run bench:calls`: what system calls of Linux programs cost, and where their instructions go.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { listCalls, type Step } from "./calls.ts";

const built = (file: string) => fileURLToPath(new URL(`../../build/${file}`, import.meta.url));

interface Options {
  kernel: string;
  roottask: string;
  listing?: string;
  line: string;
}

function counts(steps: readonly Step[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { room, place } of steps) {
    const owner = `${room}: ${place.replace(/\+0x[0-9a-f]+$/, "")}`;
    found.set(owner, (found.get(owner) ?? 0) + 1);
  }
  return found;
}

await new Command("bench:calls")
  .description("counts the instructions of system calls")
  .option("--kernel <file>", "the kernel", built("kernel.elf32"))
  .option("--roottask <file>", "the roottask", built("roottask-bin"))
  .option("--line <text>", "how the start file starts the program", "linux calls")
  .option("--listing <call>", "print each instruction of this call")
  .action(async ({ kernel, roottask, listing, line }: Options) => {
    const system = { kernel: readFileSync(kernel), roottask: readFileSync(roottask) };
    for (const [name, steps] of await listCalls(system, line)) {
      if (listing !== undefined && listing !== name) continue;
      const rooms = ["kernel", "roottask", "user"].map(
        (room) => `${room} ${steps.filter((step) => step.room === room).length}`,
      );
      console.log(`${name.padEnd(20)}${`${steps.length}`.padStart(8)}   ${rooms.join(", ")}`);
      if (listing === undefined) continue;
      for (const { place, text } of steps) console.log(`  ${place.padEnd(44)}  ${text}`);
      for (const [owner, count] of [...counts(steps)].sort(([, a], [, b]) => b - a)) {
        console.log(`${`${count}`.padStart(6)}  ${owner}`);
      }
    }
  })
  .parseAsync()
  .catch((error: Error) => {
    console.error(`bench:calls: ${error.message}`);
    process.exitCode = 1;
  });
