// What tools/emulator/host/page-files.ts is in the repository, for the npm package: the page is built already.

import { readdir, readFile } from "node:fs/promises";

const FOLDER = new URL("../page/", import.meta.url);

/** The page's files by their names. */
export async function pageFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = await readdir(FOLDER);
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(new URL(name, FOLDER))] as const),
    ),
  );
}
