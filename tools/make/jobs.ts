// The jobs of the worker processes. Each reads files, writes files and returns JSON; what takes long to load
// (asc, the assembler, the wasm compiler) is loaded when the first job needs it.

import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { GuestOptions } from "../asc/guest.ts";

export interface AscOptions {
  guest: GuestOptions;
  /** Does not ask the cache. */
  fresh: boolean;
  wasm: string;
  /** Where the source map goes, if it is wanted. */
  sourceMap?: string;
}

/** Compiles a guest program; returns what was looked for, with hashes. */
export async function asc(options: AscOptions): Promise<Readonly<Record<string, string>>> {
  const { guestModule } = await import("../asc/guest.ts");
  const { wasm, sourceMap, reads } = await guestModule(options.guest, options.fresh);
  await writeFile(options.wasm, wasm);
  if (options.sourceMap !== undefined) await writeFile(options.sourceMap, sourceMap);
  return reads;
}

export interface LinkOptions {
  /**
   * Absolute path of the TypeScript module and the function of it that makes the executable: `(wasm, sourceMap, ...args)`
   * to its bytes, or to `{ image, symbols }` where there is a file for debuggers as well.
   */
  module: string;
  builder: string;
  args?: unknown[];
  wasm: string;
  sourceMap: string;
  output: string;
  symbols?: string;
}

/** Turns a compiled guest program into an executable through a room's builder. */
export async function link(options: LinkOptions): Promise<void> {
  const room = (await import(pathToFileURL(options.module).href)) as Record<string, unknown>;
  const builder = room[options.builder];
  if (typeof builder !== "function") {
    throw new Error(`${options.module} exports no function ${options.builder}`);
  }
  const wasm = new Uint8Array(await readFile(options.wasm));
  const sourceMap = await readFile(options.sourceMap, "utf8");
  const made = (await builder(wasm, sourceMap, ...(options.args ?? []))) as
    | Uint8Array
    | { image: Uint8Array; symbols: Uint8Array };
  const files = made instanceof Uint8Array ? { image: made, symbols: undefined } : made;
  await writeFile(options.output, files.image, { mode: 0o755 });
  if (options.symbols !== undefined && files.symbols) {
    await writeFile(options.symbols, files.symbols);
  }
}

export interface TarOptions {
  entries: { name: string; path: string; executable: boolean }[];
  output: string;
}

/** Packs files into a reproducible archive. */
export async function tar(options: TarOptions): Promise<void> {
  const { makeTar } = await import("./tar.ts");
  const entries = await Promise.all(
    options.entries.map(async ({ name, path, executable }) => ({
      name,
      data: new Uint8Array(await readFile(path)),
      executable,
    })),
  );
  await writeFile(options.output, await makeTar(entries));
}
