// Compiles a guest program with asc, the AssemblyScript compiler, to wasm with names and a source map. The
// options every guest room shares stand here, see docs/toolchain.md; a room adds its own.

import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";
import { MakeError } from "./task.ts";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

export interface GuestOptions {
  /** Entry file, relative to the repository. */
  entry: string;
  /** Options of the room: `--memoryBase`, `--use`, `--initialMemory`, … */
  args?: string[];
}

export interface GuestModule {
  wasm: Uint8Array<ArrayBuffer>;
  /** Source map (version 3, JSON) whose sources are relative to the repository. */
  sourceMap: string;
  /** Every file of the repository that was read. */
  files: string[];
}

/** No garbage collector, all optimisations, function names kept. */
const SHARED = ["--runtime", "stub", "-O3", "--debug", "--sourceMap"];

/** Compiles; throws `MakeError` with asc's messages (file and line) when the program is wrong. */
export async function compileGuest(options: GuestOptions): Promise<GuestModule> {
  const outputs = new Map<string, string | Uint8Array>();
  const files = new Set<string>();
  const log: string[] = [];
  const sink = { write: (text: string | Uint8Array) => log.push(text.toString()) > 0 };
  const readFile = (name: string, base: string): string | null => {
    const path = join(base, name);
    try {
      const text = readFileSync(path, "utf8");
      files.add(relative(REPOSITORY, path));
      return text;
    } catch {
      return null;
    }
  };
  const args = [options.entry, "--outFile", "out.wasm", ...SHARED, ...(options.args ?? [])];
  const result = await main(["--baseDir", REPOSITORY, "--noColors", ...args], {
    stdout: sink,
    stderr: sink,
    readFile,
    writeFile: (name, contents) => {
      outputs.set(name, contents);
    },
    listFiles: () => [],
  });
  const wasm = outputs.get("out.wasm");
  const map = outputs.get("out.wasm.map");
  if (result.error || !(wasm instanceof Uint8Array) || map === undefined) {
    const text = log.join("").trim();
    throw new MakeError(text || `asc ${args.join(" ")}: ${result.error?.message ?? "no output"}`);
  }
  const sourceMap = typeof map === "string" ? map : Buffer.from(map).toString("utf8");
  return { wasm: new Uint8Array(wasm), sourceMap, files: [...files].sort() };
}
