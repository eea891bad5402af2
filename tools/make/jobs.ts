// The jobs of the worker processes. Each reads files, writes files and returns JSON; what takes long to load
// (asc, the assembler, the wasm compiler) is loaded when the first job needs it.

import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { GuestOptions } from "./asc.ts";

/** Compiles a guest program; returns the files that were read. */
export async function asc(
  options: GuestOptions & { wasm: string; sourceMap: string },
): Promise<string[]> {
  const { compileGuest } = await import("./asc.ts");
  const module = await compileGuest(options);
  await writeFile(options.wasm, module.wasm);
  await writeFile(options.sourceMap, module.sourceMap);
  return module.files;
}

export interface LinkOptions {
  /** Absolute path of the TypeScript module and the function of it that makes the executable: `(wasm, sourceMap, ...args) => Uint8Array`. */
  module: string;
  builder: string;
  args?: unknown[];
  wasm: string;
  sourceMap: string;
  output: string;
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
  const image = (await builder(wasm, sourceMap, ...(options.args ?? []))) as Uint8Array;
  await writeFile(options.output, image, { mode: 0o755 });
}

/** Compiles the emulator's CPU core into build/, where the emulator looks for it. */
export async function emulatorCore(_options: null): Promise<void> {
  const { buildCore } = await import("../emulator/core/build.ts");
  await buildCore();
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
