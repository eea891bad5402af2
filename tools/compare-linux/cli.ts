// The command `npm run compare:linux`: the same programs on this Linux and in the guest, and where they differ.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { hasQemu, QEMU } from "../testing/host-tools.ts";
import { type Comparison, compare, isSame } from "./compare.ts";
import { diff } from "./diff.ts";
import { type Folder, readFolder } from "./folder.ts";
import { makeSystem, whatIsMissing } from "./host.ts";
import { ENGINES, type Engine } from "./machines.ts";

interface Options {
  only?: string;
  seconds: string;
  mediator: boolean;
  processors: string;
  on: Engine;
  quiet?: boolean;
  update?: boolean;
}

/** Writes the differences of a folder down; new ones have what the guest did in place of a reason. */
function update(path: string, folder: Folder, all: readonly Comparison[]): void {
  const seen = new Set(all.map(({ program }) => program.name));
  const known = [...folder.known].filter(([name]) => !seen.has(name));
  for (const each of all) {
    if (isSame(each)) continue;
    const guest = diff(each.right, each.guest).find((line) => line.startsWith("+"));
    const reason = folder.known.get(each.program.name) ?? `guest: ${guest?.slice(1) ?? "less"}`;
    known.push([each.program.name, reason]);
  }
  const sorted = Object.fromEntries(known.sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(join(path, "differences.json"), `${JSON.stringify(sorted, null, 2)}\n`);
}

function show(name: string, { program, right, guest }: Comparison, reason?: string): void {
  console.log(`differs: ${name}/${program.name}${reason ? ` (known: ${reason})` : ""}`);
  for (const line of diff(right, guest)) console.log(`    ${line}`);
}

/** Prints what came of a folder; gives back what is not as it is known to be. */
function report(
  name: string,
  folder: Folder,
  all: readonly Comparison[],
  quiet = false,
): Comparison[] {
  const { known } = folder;
  const differing = all.filter((each) => !isSame(each));
  const fresh = differing.filter(({ program }) => !known.has(program.name));
  const right = all.filter((each) => isSame(each) && known.has(each.program.name));
  for (const each of quiet ? [] : differing) show(name, each, known.get(each.program.name));
  for (const { program } of right)
    console.log(`right now, and listed as different: ${name}/${program.name}`);
  for (const line of folder.skipped) console.log(`skipped: ${line}`);
  console.log(
    `${name}: ${all.length - differing.length} of ${all.length} right, ${differing.length - fresh.length} known to differ, ${fresh.length} differ`,
  );
  return [...fresh, ...right];
}

async function run(folders: string[], options: Options): Promise<void> {
  const missing = options.on === "qemu" && !hasQemu ? QEMU : whatIsMissing();
  if (missing) {
    console.log(`skipped: ${missing} cannot be had here`);
    return;
  }
  makeSystem();
  const read = folders.map(readFolder);
  const wanted = read.map(({ programs }) =>
    programs.filter(
      ({ name }) => options.only === undefined || new RegExp(options.only).test(name),
    ),
  );
  const all = await compare(wanted.flat(), {
    seconds: Number(options.seconds),
    mediated: options.mediator,
    processors: Number(options.processors),
    engine: options.on,
  });
  const unexpected: [name: string, Comparison][] = [];
  for (const [index, folder] of read.entries()) {
    const own = all.filter(({ program }) => wanted[index]?.includes(program));
    const name = own[0]?.program.class ?? folders[index] ?? "";
    if (options.update) update(folders[index] ?? "", folder, own);
    for (const each of report(name, folder, own, options.quiet)) unexpected.push([name, each]);
  }
  if (unexpected.length === 0) return;
  process.exitCode = 1;
  // Once more at the end, where it is found among what is known.
  console.log("not as it is known to be:");
  for (const [name, each] of unexpected) show(name, each);
}

await new Command("compare:linux")
  .description("runs the programs of folders on this Linux and in the guest, and compares")
  .argument("<folders...>", "folders of C, Rust and Go sources, executables, scripts and lists")
  .option("--only <pattern>", "only programs whose name matches this regular expression")
  .option("--seconds <n>", "seconds of the guest after which a program hangs", "5")
  .option("--no-mediator", "without a mediator")
  .option("--processors <n>", "processors of the guest's machine", "1")
  .addOption(
    new Option("--on <machine>", "what the guest runs on").choices(ENGINES).default("emulator"),
  )
  .option("--update", "write what differs into differences.json")
  .option("--quiet", "counts alone")
  .action(run)
  .parseAsync()
  .catch((error: Error) => {
    console.error(`compare:linux: ${error.message}`);
    process.exitCode = 2;
  });
