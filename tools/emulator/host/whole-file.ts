// Files that are there whole or not at all: written beside their place under another name, then renamed.

import { randomUUID } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What the system says of a file, without its name and the call. */
const reason = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "No such file or directory";
  return message.replace(/^E[A-Z]+: /, "").replace(/, \w+( '.*')?$/, "");
};

/** Devices and pipes are written as they are: they have no contents that could be half. */
async function isPlain(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return true;
  }
}

/** Writes a file. Throws `Error` of one line, with what was there before untouched. */
export async function writeWholeFile(path: string, contents: Uint8Array): Promise<void> {
  const plain = await isPlain(path);
  const place = plain ? join(dirname(path), `.${basename(path)}.${randomUUID()}`) : path;
  try {
    const file = await open(place, "w");
    try {
      await file.writeFile(contents);
      if (plain) await file.sync();
    } finally {
      await file.close();
    }
    if (plain) await rename(place, path);
  } catch (error) {
    if (plain) await rm(place, { force: true });
    throw new Error(`failed to open file '${path}': ${reason(error)}`);
  }
}
