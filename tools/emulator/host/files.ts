// Files for the machine: kernels, modules, and why one cannot be read.

import { readFileSync, statSync } from "node:fs";
import { LoadError } from "../load-error.ts";
import type { Input } from "../loader/boot-image.ts";
import { type Module, parseModules } from "../loader/modules.ts";

/** The system's reason for a failed call, in words. */
export function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "there is no such file";
    case "EISDIR":
      return "it is a directory";
    case "EACCES":
      return "it may not be read";
    default:
      return (error as Error).message;
  }
}

/** Reads a file for the machine; `what` says what it is for. Throws `LoadError` with the system's reason. */
export function readInput(path: string, what: string): Input {
  try {
    // A device such as /dev/zero has no end.
    if (statSync(path).isCharacterDevice()) throw new Error("it is a device, not a file");
    return { name: path, data: readFileSync(path) };
  } catch (error) {
    throw new LoadError(`${what} ${path}: ${reasonOf(error)}`);
  }
}

/** Reads all modules of an -initrd value. Throws `LoadError`. */
export function readModules(list: string): Module[] {
  return parseModules(list).map(({ path, commandLine }) => ({
    file: readInput(path, "module"),
    commandLine,
  }));
}
