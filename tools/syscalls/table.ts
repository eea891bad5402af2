// Which calls of Linux the personality answers: read from the table itself, roottask/linux/calls.ts, which is the one
// place that says so. Its lines `onProgram(SYS_name, family.function);` are what is understood.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const CALLS = "roottask/linux/calls.ts";
const NUMBERS = "roottask/linux/numbers.ts";
const ENTRY = /^\s*on(?:Program|Thread)\(SYS_(\w+), \w+\.(\w+)\);$/gm;
const NUMBER = /^export const SYS_(\w+) = (\d+);$/gm;
/** The function that answers ENOSYS and is not named in the log: the call is left out on purpose. */
const ABSENT = "sysAbsent";

export interface CallTable {
  /** Name of a call by number; undefined for a number that Linux does not give out. */
  name(number: number): string | undefined;
  /** Whether the personality has it, has it not, or says so on purpose. */
  status(number: number): "answered" | "refused" | "missing";
}

/** Reads the table below the repository's `root`. Throws where it is not what this file understands. */
export function readCallTable(root: string): CallTable {
  const calls = readFileSync(join(root, CALLS), "utf8");
  const names = new Map<number, string>();
  const numbers = new Map<string, number>();
  for (const [, name = "", number] of readFileSync(join(root, NUMBERS), "utf8").matchAll(NUMBER)) {
    names.set(Number(number), name);
    numbers.set(name, Number(number));
  }
  const functions = new Map<number, string>();
  for (const [, name = "", handler = ""] of calls.matchAll(ENTRY)) {
    const number = numbers.get(name);
    if (number === undefined) throw new Error(`${CALLS}: SYS_${name} is not in ${NUMBERS}`);
    functions.set(number, handler);
  }
  const mentioned = new Set([...calls.matchAll(/\bSYS_(\w+)/g)].map(([, name]) => name));
  if (functions.size !== mentioned.size) {
    throw new Error(
      `${CALLS}: names ${mentioned.size} calls, but enters ${functions.size} of them line by line`,
    );
  }
  return {
    name: (number) => names.get(number),
    status: (number) => {
      const handler = functions.get(number);
      if (handler === undefined) return "missing";
      return handler === ABSENT ? "refused" : "answered";
    },
  };
}
