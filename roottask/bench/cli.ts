// The command `npm run bench:calls`: what system calls of Linux programs cost, and where their instructions go.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { listCalls, PREGRANTED, type Step, type System } from "./calls.ts";

const built = (file: string) => fileURLToPath(new URL(`../../build/${file}`, import.meta.url));

interface Options {
  kernel: string;
  roottask: string;
  listing?: string;
  mediator: boolean;
}

/** Lines of the start file, for a program whose system calls go to a mediator, which has memory to hand out, or do not. */
const startLines = (isMediated: boolean): string =>
  `${isMediated ? PREGRANTED : "mediator off"}\nlinux calls`;

function inRoom(steps: readonly Step[], room: Step["room"]): number {
  return steps.filter((step) => step.room === room).length;
}

/** Instructions of each function of a call, most first. */
function counts(steps: readonly Step[]): [string, number][] {
  const found = new Map<string, number>();
  for (const { room, place } of steps) {
    const owner = `${room}: ${place.replace(/\+0x[0-9a-f]+$/, "")}`;
    found.set(owner, (found.get(owner) ?? 0) + 1);
  }
  return [...found].sort(([, a], [, b]) => b - a);
}

async function printTable(system: System): Promise<void> {
  const without = await listCalls(system, startLines(false));
  const mediated = await listCalls(system, startLines(true));
  const line = ([name = "", ...columns]: string[]) =>
    name.padEnd(18) + columns.map((column) => column.padStart(10)).join("");
  console.log(
    line([
      "instructions",
      "without",
      "kernel",
      "roottask",
      "mediator",
      "kernel",
      "roottask",
      "program",
    ]),
  );
  for (const [name, steps] of without) {
    const other = mediated.get(name) ?? [];
    const numbers = [
      ...[steps.length, inRoom(steps, "kernel"), inRoom(steps, "roottask")],
      ...[other.length, inRoom(other, "kernel"), inRoom(other, "roottask"), inRoom(other, "user")],
    ];
    console.log(line([name, ...numbers.map(String)]));
  }
}

async function printListing(system: System, call: string, isMediated: boolean): Promise<void> {
  const steps = (await listCalls(system, startLines(isMediated))).get(call);
  if (steps === undefined) throw new Error(`there is no call "${call}"`);
  for (const { place, text } of steps) console.log(`  ${place.padEnd(44)}  ${text}`);
  for (const [owner, count] of counts(steps)) console.log(`${`${count}`.padStart(6)}  ${owner}`);
}

await new Command("bench:calls")
  .description("counts the instructions of system calls, without a mediator and with one")
  .option("--kernel <file>", "the kernel", built("kernel.elf32"))
  .option("--roottask <file>", "the roottask", built("roottask-bin"))
  .option("--listing <call>", "print each instruction of this call")
  .option("--no-mediator", "list the call without a mediator")
  .action(async ({ kernel, roottask, listing, mediator }: Options) => {
    const system = { kernel: readFileSync(kernel), roottask: readFileSync(roottask) };
    if (listing === undefined) await printTable(system);
    else await printListing(system, listing, mediator);
  })
  .parseAsync()
  .catch((error: Error) => {
    console.error(`bench:calls: ${error.message}`);
    process.exitCode = 1;
  });
