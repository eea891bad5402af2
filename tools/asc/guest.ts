// Guest programs as wasm: how asc is invoked for all of them (see docs/toolchain.md; a room adds its own
// options), and the one cache of what it made. A cached module counts as long as everything asc looked for
// is as it was, files that were not there included.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Files, hashOf } from "../cache/files.ts";
import { takeLock } from "../cache/lock.ts";
import { packageVersion } from "../cache/packages.ts";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
const CACHE = join(REPOSITORY, "build/guest-cache");
/** What runs asc and describes the program decides what comes out, too. */
const RUNNERS = ["./run.ts", "./describe.ts", "../wasm/description.ts"].map((file) =>
  relative(REPOSITORY, fileURLToPath(new URL(file, import.meta.url))),
);
/** The packages that compile guest programs. */
export const GUEST_COMPILER = ["assemblyscript", "binaryen"];

export interface GuestOptions {
  /** Entry file, relative to the repository. */
  entry: string;
  /** asc options of the room: `--memoryBase`, `--use`, `--initialMemory`, … */
  args?: readonly string[];
  /** asc's optimisation level, 3 unless stated. */
  optimize?: 0 | 1 | 3;
  /** Function names and a source map; true unless stated. */
  debug?: boolean;
  /** Files that are not on disk: path relative to the repository → text. */
  sources?: Readonly<Record<string, string>>;
}

export interface GuestModule {
  wasm: Uint8Array<ArrayBuffer>;
  /** Source map (version 3, JSON) whose sources are relative to the repository; empty without `debug`. */
  sourceMap: string;
  /** Every file that was looked for, relative to the repository: the hash of its content, or `missing`. */
  reads: Readonly<Record<string, string>>;
}

/** What the cache says about a module beside its bytes. */
interface Entry {
  compiler: string;
  sources: string;
  reads: Record<string, string>;
  wasm: string;
  sourceMap: string;
}

/** asc's command line but for the output: no garbage collector, all optimisations, function names kept. */
export function ascArguments(options: GuestOptions): string[] {
  const { entry, args = [], optimize = 3, debug = true } = options;
  const information = debug ? ["--debug", "--sourceMap"] : [];
  return [entry, "--runtime", "stub", `-O${optimize}`, ...information, ...args];
}

/**
 * The compiled guest program, from the cache where nothing it depends on has changed; `fresh` compiles in any
 * case. Processes that ask for the same program at once compile it once. Throws `AscError` with asc's messages.
 */
export async function guestModule(options: GuestOptions, fresh = false): Promise<GuestModule> {
  const args = ascArguments(options);
  const sources = options.sources ?? {};
  // One entry for each way of compiling a program, whatever its text: the cache does not grow with edits.
  const key = hashOf(JSON.stringify([args, Object.keys(sources)])).slice(0, 24);
  const known = {
    compiler: GUEST_COMPILER.map((name) => `${name}@${packageVersion(REPOSITORY, name)}`).join(" "),
    sources: hashOf(JSON.stringify(sources)),
  };
  const found = fresh ? undefined : lookUp(key, known);
  if (found) return found;
  const release = await lock(key);
  try {
    const made = fresh ? undefined : lookUp(key, known);
    if (made) return made;
    const { runAsc } = await import("./run.ts");
    const { wasm, sourceMap, reads } = await runAsc(REPOSITORY, args, sources);
    const files = new Files(REPOSITORY, {});
    const runners = Object.fromEntries(RUNNERS.map((file) => [file, files.hash(file)]));
    const module = { wasm, sourceMap, reads: { ...reads, ...runners } };
    keep(key, module, known);
    return module;
  } finally {
    release();
  }
}

/** Waits for a process that compiles the same; where nothing can be written there is nothing to wait for. */
async function lock(key: string): Promise<() => void> {
  try {
    return await takeLock(join(CACHE, `${key}.lock`), () => undefined);
  } catch {
    return () => undefined;
  }
}

function lookUp(key: string, known: Pick<Entry, "compiler" | "sources">): GuestModule | undefined {
  try {
    const entry = JSON.parse(readFileSync(join(CACHE, `${key}.json`), "utf8")) as Entry;
    if (entry.compiler !== known.compiler || entry.sources !== known.sources) return undefined;
    const files = new Files(REPOSITORY, {});
    for (const [path, hash] of Object.entries(entry.reads)) {
      if (files.hash(path) !== hash) return undefined;
    }
    const wasm = new Uint8Array(readFileSync(join(CACHE, `${key}.wasm`)));
    const sourceMap = readFileSync(join(CACHE, `${key}.wasm.map`), "utf8");
    if (hashOf(wasm) !== entry.wasm || hashOf(sourceMap) !== entry.sourceMap) return undefined;
    return { wasm, sourceMap, reads: entry.reads };
  } catch {
    return undefined;
  }
}

function keep(
  key: string,
  { wasm, sourceMap, reads }: GuestModule,
  known: Pick<Entry, "compiler" | "sources">,
): void {
  const entry = { ...known, reads, wasm: hashOf(wasm), sourceMap: hashOf(sourceMap) };
  const files: [string, string | Uint8Array][] = [
    [`${key}.wasm`, wasm],
    [`${key}.wasm.map`, sourceMap],
    [`${key}.json`, JSON.stringify(entry)],
  ];
  const aside = join(CACHE, `${key}.${process.pid}`);
  try {
    mkdirSync(CACHE, { recursive: true });
    for (const [name, content] of files) {
      writeFileSync(aside, content);
      renameSync(aside, join(CACHE, name));
    }
  } catch {
    // A full disk or a tree that cannot be written to: it is compiled again next time.
    rmSync(aside, { force: true });
  }
}
