// Where in TypeScript an instruction was written: the nearest caller outside the assembler, from V8's stack
// trace. Types are blanked out before code runs, so lines are the source's own; vitest applies its source maps.

import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("./", import.meta.url));
const repository = fileURLToPath(new URL("../../", import.meta.url));
/** Deep enough to leave the assembler's own methods. */
const DEPTH = 8;

export interface SourcePosition {
  /** Relative to the repository, with forward slashes. */
  file: string;
  line: number;
  column: number;
}

/** Position of the code that called the assembler, or undefined where the runtime does not tell. */
export function callerPosition(): SourcePosition | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEPTH;
  const stack = new Error().stack ?? "";
  Error.stackTraceLimit = limit;
  for (const line of stack.split("\n").slice(1)) {
    const match = /(?:\(|at )(?:async )?((?:file:\/\/)?\/?[^()]+):(\d+):(\d+)\)?$/.exec(line);
    if (!match?.[1]) continue;
    const path = match[1].startsWith("file://") ? fileURLToPath(match[1]) : match[1];
    const isOwn = path.startsWith(here) && !/\.test\.ts$|testdata/.test(path);
    if (isOwn || path.startsWith("node:")) continue;
    const file = relative(repository, path).replaceAll("\\", "/");
    return { file, line: Number(match[2]), column: Number(match[3]) };
  }
  return undefined;
}
