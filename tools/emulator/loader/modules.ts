// The list of boot modules as QEMU's -initrd takes it for Multiboot kernels: files separated by
// commas, each with its arguments behind the first space; a doubled comma is a comma.

import { readFileSync } from "node:fs";
import { type Input, LoadError } from "./load-error.ts";

export interface Module {
  file: Input;
  /** The string the kernel sees: file name and arguments, exactly as given. */
  commandLine: string;
}

/** Splits the value of -initrd. Throws `LoadError` for an empty entry. */
export function parseModules(list: string): { path: string; commandLine: string }[] {
  const entries = list.replaceAll(",,", "\0").split(",");
  return entries.map((entry, i) => {
    const commandLine = entry.replaceAll("\0", ",");
    const path = commandLine.split(" ")[0] as string;
    if (path === "") {
      throw new LoadError(
        `-initrd: entry ${i + 1} of "${list}" has no file name; expected "FILE ARGS,FILE ARGS"`,
      );
    }
    return { path, commandLine };
  });
}

/** Reads a file for the machine. Throws `LoadError` with the system's reason. */
export function readInput(path: string, what: string): Input {
  try {
    return { name: path, data: readFileSync(path) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EISDIR"
          ? "it is a directory"
          : code === "EACCES"
            ? "it may not be read"
            : (error as Error).message;
    throw new LoadError(`${what} ${path}: ${reason}`);
  }
}

/** Reads all modules of an -initrd value. */
export function readModules(list: string): Module[] {
  return parseModules(list).map(({ path, commandLine }) => ({
    file: readInput(path, "module"),
    commandLine,
  }));
}
