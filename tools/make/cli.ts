// The command line of make: options, the list of targets with one line each, and the order in which they
// run. The targets themselves stand in Makefile.ts.

import { constants } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { nearest } from "../cli/nearest.ts";
import { Builder, type BuildOptions, describe } from "./build.ts";
import { fileProblem, MakeError, type Task } from "./task.ts";

/** A target either brings steps up to date, or does something. */
export interface Target {
  name: string;
  /** One line for `make help`. */
  summary: string;
  /** Steps that are brought up to date. */
  steps?: () => Task[] | Promise<Task[]>;
  /** A line about the result that the person should know, shown after the steps. */
  note?: () => string | undefined;
  /** Adds to the command line of the action, what stands behind `--`, its options and arguments. None by default. */
  options?: (command: Command) => Command;
  /** Runs after the steps, with its parsed command line; its result is the exit status of make. */
  action?: (command: Command) => Promise<number> | number;
}

/** What stands for the number behind a bare `-j`. */
const NO_LIMIT = "unlimited";

interface Options extends BuildOptions {
  jobs?: number;
}

/** Whoever reads our output may stop early (`make help | head`): the end, as SIGPIPE makes it, not a defect. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(128 + constants.signals.SIGPIPE);
}

/** Parses the arguments and runs the targets in order; returns the exit status. */
export async function runMake(root: string, targets: Target[], argv: string[]): Promise<number> {
  process.stdout.on("error", endWithReader);
  const split = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const command = new Command("make")
    .usage("[options] [target...] [-- options and arguments of the last target]")
    .argument("[target...]", "what to make, in this order", ["all"])
    .option("-j, --jobs [n]", "steps at a time: one a processor; -j alone sets no limit", parseJobs)
    .option("-B, --force", "run steps that are up to date too")
    .option("-n, --dry-run", "say what would run, run nothing")
    .option("--verbose", "say why a step runs, and show commands and their output")
    .option("-s, --quiet", "show nothing but errors and what programs print")
    .addHelpText("after", `\nTargets:\n${listTargets(targets)}`)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "make: ")) });
  try {
    command.parse(argv.slice(0, split).map(limitless), { from: "user" });
  } catch (error) {
    return (error as { exitCode?: number }).exitCode ?? 1;
  }
  const options = command.opts<Options>();
  const names = command.processedArgs[0] as string[];
  const chosen: Target[] = [];
  for (const name of names) {
    if (name === "help") {
      command.outputHelp();
      continue;
    }
    const target = targets.find((each) => each.name === name);
    if (!target) {
      const near = nearest(name, ["help", ...targets.map((each) => each.name)]);
      const guess = near ? `did you mean ${near}? ` : "";
      console.error(`make: no target is called ${name}; ${guess}make help lists all`);
      return 1;
    }
    chosen.push(target);
  }
  const runs: { target: Target; own: Command }[] = [];
  for (const [index, target] of chosen.entries()) {
    const isLast = index === chosen.length - 1;
    const own = commandOf(target, isLast ? argv.slice(split + 1) : []);
    if (typeof own === "number") return own;
    runs.push({ target, own });
  }
  for (const { target, own } of runs) {
    const status = await runTarget(root, target, own, options);
    if (status !== 0) return status;
  }
  return 0;
}

/** The command line of a target's action; the exit status where help, or what is wrong with it, has been printed. */
function commandOf(target: Target, argv: string[]): Command | number {
  const own = new Command(`make ${target.name} --`)
    .description(target.summary)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, `make ${target.name}: `)),
    });
  try {
    return (target.options?.(own) ?? own).parse(argv, { from: "user" });
  } catch (error) {
    return (error as { exitCode?: number }).exitCode ?? 1;
  }
}

async function runTarget(
  root: string,
  target: Target,
  own: Command,
  options: Options,
): Promise<number> {
  const builder = new Builder(root, options);
  try {
    const steps = await target.steps?.();
    if (steps && steps.length > 0) {
      const summary = await builder.build(steps);
      builder.progress.line(`${target.name}: ${describe(summary, options.dryRun ?? false)}`);
    }
    const note = target.note?.();
    if (note) builder.progress.line(note);
    if (!target.action) return 0;
    if (options.dryRun) {
      builder.progress.line(`would run ${target.name}`);
      return 0;
    }
    return await target.action(own);
  } catch (error) {
    const problem = fileProblem(error);
    if (problem === undefined && !(error instanceof MakeError)) throw error;
    console.error(problem === undefined ? (error as Error).message : `make: ${problem}`);
    return 1;
  }
}

/** As GNU make takes it, `-j` has a number behind it or none: `-j all` names a target. */
function limitless(argument: string, index: number, argv: string[]): string {
  if (!/^(-[Bns]*j|--jobs)$/.test(argument) || /^-?\d/.test(argv[index + 1] ?? "")) return argument;
  return `${argument}${argument.startsWith("--") ? "=" : ""}${NO_LIMIT}`;
}

function parseJobs(text: string): number {
  if (text === NO_LIMIT) return Number.POSITIVE_INFINITY;
  const jobs = Number(text);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 256) {
    throw new InvalidArgumentError("a whole number from 1 to 256 is needed.");
  }
  return jobs;
}

function listTargets(targets: Target[]): string {
  const rows = [...targets, { name: "help", summary: "this text" }];
  const width = Math.max(...rows.map((row) => row.name.length));
  return rows.map((row) => `  ${row.name.padEnd(width)}  ${row.summary}`).join("\n");
}
