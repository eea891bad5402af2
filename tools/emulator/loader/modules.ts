// The list of boot modules as QEMU's -initrd takes it for Multiboot kernels: files separated by
// commas, each with its arguments behind the first space; a doubled comma is a comma.

import { LoadError } from "../load-error.ts";
import type { Input } from "./boot-image.ts";

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
