// Compiles the core (guest/*.ts, AssemblyScript) to wasm, once per content: the result is cached in
// build/emulator-core.wasm beside the hash of its sources.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { RAM_BASE } from "./state.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../..");
const guest = join(here, "guest");

/** Static data of the core starts above CPU state (see state.ts). */
const MEMORY_BASE = 0x20000;

const FLAGS = [
  "--runtime",
  "stub",
  "-O3",
  "--enable",
  "simd",
  "--memoryBase",
  String(MEMORY_BASE),
  "--initialMemory",
  String(RAM_BASE / 65536),
  "--maximumMemory",
  "65536",
  "--disableWarning",
  "201",
  "--use",
  "abort=",
];

/** Hash of everything that decides the output. */
function sourceHash(): string {
  const hash = createHash("sha256");
  hash.update(FLAGS.join(" "));
  const asc = createRequire(import.meta.url).resolve("assemblyscript/package.json");
  hash.update(readFileSync(asc));
  hash.update(readFileSync(join(here, "state.ts")));
  for (const name of (readdirSync(guest, { recursive: true }) as string[])
    .filter((n) => n.endsWith(".ts"))
    .sort()) {
    hash.update(name);
    hash.update(readFileSync(join(guest, name)));
  }
  return hash.digest("hex");
}

/** Where the compiled core is kept. */
export const CORE_PATH = join(root, "build/emulator-core.wasm");

/**
 * The compiled core; compiles it if its sources have changed. Throws an Error with the compiler's messages
 * if they do not compile.
 */
export async function buildCore(): Promise<Uint8Array> {
  const hash = sourceHash();
  const stamp = `${CORE_PATH}.hash`;
  try {
    if (readFileSync(stamp, "utf8") === hash) return readFileSync(CORE_PATH);
  } catch {
    // Not built yet.
  }
  const asc = await import("assemblyscript/asc");
  const output = new Map<string, Uint8Array>();
  const base = guest;
  const result = await asc.main(["index.ts", "-o", "core.wasm", "--baseDir", base, ...FLAGS], {
    readFile: (name: string, dir: string) => {
      try {
        return readFileSync(join(dir, name), "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (name: string, data: string | Uint8Array) => {
      if (typeof data !== "string") output.set(name, data);
    },
    listFiles: () => [],
  });
  if (result.error) {
    throw new Error(`emulator core: ${result.error.message}\n${result.stderr.toString()}`);
  }
  const wasm = output.get("core.wasm");
  if (!wasm) throw new Error("emulator core: the compiler wrote no output");
  mkdirSync(dirname(CORE_PATH), { recursive: true });
  const temporary = `${CORE_PATH}.${process.pid}`;
  writeFileSync(temporary, wasm);
  renameSync(temporary, CORE_PATH);
  writeFileSync(stamp, hash);
  return wasm;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = Date.now();
  const wasm = await buildCore();
  console.log(`${CORE_PATH}: ${wasm.length} bytes, ${Date.now() - started} ms`);
}
