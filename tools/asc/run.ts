// Runs asc, the AssemblyScript compiler, in this process and records what it looked for. What it is asked
// to do, and the cache around it, stand in guest.ts.

import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { type APIOptions, main } from "assemblyscript/asc";
import { hashOf, MISSING } from "../cache/files.ts";
import { DESCRIPTION_FIELD, type ProgramDescription } from "../wasm/description.ts";
import { type AscProgram, describeProgram } from "./describe.ts";

/** A guest program that asc does not accept; the message is asc's own, with file and line. */
export class AscError extends Error {
  override name = "AscError";
}

/** What asc made of a guest program. */
export interface AscResult {
  wasm: Uint8Array<ArrayBuffer>;
  /** Source map (version 3, JSON) whose sources are relative to the repository; empty without `--sourceMap`. */
  sourceMap: string;
  /**
   * Every file that was looked for, relative to the repository, with the hash of what was read, or `MISSING`:
   * a file that appears where none was can change what an import means.
   */
  reads: Record<string, string>;
}

/** Errors of reading that mean there is no such file. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "EISDIR"]);

/**
 * Compiles; files in `sources` (path relative to `root` → text) go before those on disk. Throws `AscError`
 * with asc's messages (file and line) when the program is wrong.
 */
export async function runAsc(
  root: string,
  args: readonly string[],
  sources: Readonly<Record<string, string>>,
): Promise<AscResult> {
  const outputs = new Map<string, string | Uint8Array>();
  const reads: Record<string, string> = {};
  const log: string[] = [];
  const sink = { write: (text: string | Uint8Array) => log.push(text.toString()) > 0 };
  const readFile = (name: string, base: string): string | null => {
    const path = relative(root, join(base, name)).replaceAll(sep, "/");
    const own = sources[path];
    if (own !== undefined) return own;
    try {
      const bytes = readFileSync(join(root, path));
      reads[path] = hashOf(bytes);
      return bytes.toString("utf8");
    } catch (error) {
      if (!ABSENT.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
      reads[path] = MISSING;
      return null;
    }
  };
  const outFile = "out.wasm";
  let description: ProgramDescription | undefined;
  class Description {
    declare program: AscProgram;
    afterCompile(): void {
      description = describeProgram(this.program);
    }
  }
  const options = {
    stdout: sink,
    stderr: sink,
    readFile,
    writeFile: (name: string, contents: string | Uint8Array) => {
      outputs.set(name, contents);
    },
    listFiles: () => [],
    // What its package does not declare: asc makes an object of each class and tells it the program.
    transforms: [Description],
  };
  const result = await main(
    ["--baseDir", root, "--noColors", "--outFile", outFile, ...args],
    options as unknown as APIOptions,
  );
  const wasm = outputs.get(outFile);
  if (result.error || !(wasm instanceof Uint8Array)) {
    const text = log.join("").trim();
    throw new AscError(text || `asc ${args.join(" ")}: ${result.error?.message ?? "no output"}`);
  }
  const map = outputs.get(`${outFile}.map`) ?? "";
  const sourceMap = typeof map === "string" ? map : Buffer.from(map).toString("utf8");
  return { wasm: new Uint8Array(wasm), sourceMap: withDescription(sourceMap, description), reads };
}

/** The source map with what is known about the program. */
function withDescription(sourceMap: string, description: ProgramDescription | undefined): string {
  if (sourceMap === "" || !description) return sourceMap;
  const map = JSON.parse(sourceMap) as Record<string, unknown>;
  return JSON.stringify({ ...map, [DESCRIPTION_FIELD]: description });
}
