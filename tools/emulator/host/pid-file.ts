// What `-pidfile` asks for.

import { rmSync, writeFileSync } from "node:fs";
import { LoadError } from "../load-error.ts";

/**
 * Writes the number of this process to `path`, a file that is there until the process exits. Who reads it may end
 * the process at once: signals that end a run are to be watched before. Throws `LoadError`.
 */
export function writePidFile(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    throw new LoadError(`-pidfile: cannot write ${path}: ${(error as Error).message}`);
  }
  process.on("exit", () => rmSync(path, { force: true }));
}
