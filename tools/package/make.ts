// The command trihedron-make of the npm package. In the repository make builds the system from its sources; the
// package ships the system built, and its make puts the files where the repository's make does, boots them, and
// checks that they are whole. The targets that compile are the repository's alone and say so.

import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { nearest } from "../cli/nearest.ts";
import { BATCH, BOOT_IMAGE, bootPath, emulatorArguments, IMAGES, INTERACTIVE } from "./images.ts";

/** Images and their hashes in the package, beside the modules. */
const SHIPPED = fileURLToPath(new URL("../images/", import.meta.url));
/** Where they go, as in the repository. */
const FOLDER = "build";
/** Guest RAM and what is around it, in bytes. */
const MEMORY_NEEDED = 1024 ** 3;

/** Targets of the repository's Makefile.ts that need its sources. */
const COMPILING = [
  "microkernel",
  "runtime_environment",
  "roottask",
  "static_foreign_apps",
  "hedron_header",
  "check-syscalls",
  "userland_tarball",
  "bench",
  "clean",
];

interface Options {
  dryRun?: boolean;
  quiet?: boolean;
}

const TARGETS: Record<string, { summary: string; run: (options: Options) => Promise<number> }> = {
  check: {
    summary: "are the files of the system whole, and is this machine large enough?",
    run: async () => check(),
  },
  all: {
    summary: `the system, built, in ${FOLDER}/: ${IMAGES.map(({ name }) => name).join(", ")} (default)`,
    run: async (options) => install(options),
  },
  bootimage: {
    summary: `that as one file for a stick, a disk or a CD, by BIOS and UEFI: ${FOLDER}/${BOOT_IMAGE}`,
    run: (options) => makeImage(options),
  },
  run_nogui: {
    summary: "the system, then boot it in the emulator; the log is qemu_debugcon.txt",
    run: (options) => boot(options, BATCH),
  },
  run: {
    summary: "the same in real time, with monitor (Ctrl-A C) and exit (Ctrl-A X) on the terminal",
    run: (options) => boot(options, INTERACTIVE),
  },
};

/** Something that a person can act on, in one line. */
class ProblemError extends Error {}

const hashOf = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");

/** Hashes of the images as they were shipped. */
function manifest(): Record<string, string> {
  return JSON.parse(readFileSync(join(SHIPPED, "hashes.json"), "utf8")) as Record<string, string>;
}

/** Path of a shipped image that is as it was built. Throws `ProblemError` for any other. */
function shipped(name: string): string {
  const path = join(SHIPPED, name);
  if (!existsSync(path) || hashOf(path) !== manifest()[name]) {
    throw new ProblemError(`${path}: missing or damaged; install the package trihedron again`);
  }
  return path;
}

function check(): number {
  for (const { name } of IMAGES) {
    shipped(name);
    console.log(`${name} is whole`);
  }
  const memory = totalmem();
  const size = `${(memory / 1024 ** 3).toFixed(1)} GiB`;
  console.log(`memory ${size} (1 GiB needed), Node ${process.versions.node}`);
  return memory >= MEMORY_NEEDED ? 0 : 1;
}

/** Copies what is not there or not the same; files are written aside and renamed. */
function install({ dryRun, quiet }: Options): number {
  const say = (text: string): void => {
    if (!quiet) console.error(text);
  };
  let done = 0;
  for (const { name, executable } of IMAGES) {
    const source = shipped(name);
    const target = `${FOLDER}/${name}`;
    if (existsSync(target) && hashOf(target) === hashOf(source)) continue;
    done++;
    if (dryRun) {
      say(`would write ${target}`);
      continue;
    }
    const aside = `${target}.${process.pid}`;
    try {
      mkdirSync(FOLDER, { recursive: true });
      copyFileSync(source, aside);
      chmodSync(aside, executable ? 0o755 : 0o644);
      renameSync(aside, target);
    } catch (error) {
      rmSync(aside, { force: true });
      throw new ProblemError((error as Error).message);
    }
    say(`${target} written`);
  }
  if (done === 0) say(`all: everything is up to date in ${FOLDER}/`);
  return 0;
}

/** The system as one file that BIOS and UEFI start. */
async function makeImage(options: Options): Promise<number> {
  install(options);
  const output = `${FOLDER}/${BOOT_IMAGE}`;
  if (options.dryRun) {
    console.error(`would write ${output}`);
    return 0;
  }
  const { BootImageError, writeBootImage } = await import("../bootimage/index.ts");
  const { builtLoader } = await import("../bootimage/loader/built.ts");
  try {
    await writeBootImage({
      output,
      files: IMAGES.map(({ name }) => ({ path: bootPath(name), source: `${FOLDER}/${name}` })),
      configuration: readFileSync(join(SHIPPED, "boot.conf"), "utf8"),
      loader: await builtLoader(),
    });
  } catch (error) {
    throw error instanceof BootImageError ? new ProblemError(error.message) : error;
  }
  if (!options.quiet) console.error(`${output} written`);
  return 0;
}

async function boot(options: Options, serial: string[]): Promise<number> {
  install(options);
  if (options.dryRun) return 0;
  const { main } = await import("../emulator/host/cli.ts");
  await main([...emulatorArguments(FOLDER), ...serial]);
  // The emulator sets the exit status of the process, or has ended it.
  return Number(process.exitCode ?? 0);
}

function parse(argv: string[]): Command {
  const width = Math.max(...Object.keys(TARGETS).map((name) => name.length));
  const lines = Object.entries(TARGETS).map(([name, { summary }]) => {
    return `  ${name.padEnd(width)}  ${summary}`;
  });
  return new Command("trihedron-make")
    .usage("[options] [target...]")
    .argument("[target...]", "what to make, in this order", ["all"])
    .option("-n, --dry-run", "say what would be written, write and run nothing")
    .option("-s, --quiet", "show nothing but errors and what programs print")
    .addHelpText("after", `\nTargets:\n${lines.join("\n")}`)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "make: ")) })
    .parse(argv, { from: "user" });
}

/** Parses the arguments and runs the targets in order; returns the exit status. */
export async function runShippedMake(argv: string[]): Promise<number> {
  let command: Command;
  try {
    command = parse(argv);
  } catch (error) {
    return (error as { exitCode?: number }).exitCode ?? 1;
  }
  const names = command.processedArgs[0] as string[];
  for (const name of names) {
    if (name === "help") {
      command.outputHelp();
      continue;
    }
    const target = Object.hasOwn(TARGETS, name) ? TARGETS[name] : undefined;
    if (target === undefined) {
      console.error(`make: ${refusal(name)}`);
      return 1;
    }
    try {
      const status = await target.run(command.opts<Options>());
      if (status !== 0) return status;
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      console.error(`make: ${error.message}`);
      return 1;
    }
  }
  return 0;
}

function refusal(name: string): string {
  if (COMPILING.includes(name)) {
    return `${name} needs the sources, which the package does not have; it is a target of the repository`;
  }
  const near = nearest(name, ["help", ...Object.keys(TARGETS)]);
  const guess = near ? `did you mean ${near}? ` : "";
  return `no target is called ${name}; ${guess}trihedron-make help lists all`;
}
