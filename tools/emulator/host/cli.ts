// The command `emu`: what its arguments ask for, and how it ends. A run is session.ts's.

import { LoadError } from "../load-error.ts";
import { type CliOptions, helpText, parseArguments } from "./cli-options.ts";
import { UsageError } from "./cli-values.ts";
import { prepareForRun } from "./engine.ts";
import { packageVersion } from "./version.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Entry point of tools/bin/emu. */
export async function main(args: readonly string[]): Promise<void> {
  const fail = (text: string, status: number): never => {
    process.stderr.write(`emu: ${text}\n`);
    process.exit(status);
  };
  let options: CliOptions;
  try {
    options = parseArguments(args);
  } catch (error) {
    if (error instanceof UsageError) return fail(error.message, EXIT_USAGE);
    throw error;
  }
  if (options.help) {
    process.stdout.write(helpText());
    return;
  }
  if (options.version) {
    process.stdout.write(`emu (trihedron) ${packageVersion()}\n`);
    return;
  }
  if (options.listing !== undefined) {
    process.stdout.write(options.listing);
    return;
  }
  for (const text of options.warnings) process.stderr.write(`emu: warning: ${text}\n`);
  prepareForRun();
  // The machine is loaded for runs alone: help and mistakes are said at once.
  const { Session } = await import("./session.ts");
  const session = new Session(options);
  try {
    await session.run();
  } catch (error) {
    session.flush();
    session.restore();
    if (error instanceof UsageError) return fail(error.message, EXIT_USAGE);
    if (error instanceof LoadError) return fail(error.message, EXIT_FAILED);
    throw error;
  }
}
