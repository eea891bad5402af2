// Compiles the kernel's guest code with asc, in this process, once per state of the sources: the result
// is kept in build/kernel-tests under a hash of them.

import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { KERNEL_ASC_OPTIONS, KERNEL_ENTRY } from "../options.ts";

export interface CompiledGuest {
  binary: Uint8Array;
  sourceMap: string;
}

const ROOT = new URL("../../", import.meta.url);
const CACHE = new URL("build/kernel-tests/", ROOT);

function hashSources(): string {
  const hash = createHash("sha256").update(`${asc.version} ${KERNEL_ASC_OPTIONS.join(" ")}`);
  const folder = new URL("kernel/", ROOT);
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue;
    hash.update(`\n${name}\n`).update(readFileSync(new URL(name, folder)));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Writes aside and renames: several test workers may do this at once. */
function keep(name: string, contents: Uint8Array | string): void {
  mkdirSync(CACHE, { recursive: true });
  const aside = new URL(`${name}.${process.pid}`, CACHE);
  writeFileSync(aside, contents);
  renameSync(aside, new URL(name, CACHE));
}

/** Returns the wasm module and its source map. Throws asc's messages. */
export async function compileGuest(): Promise<CompiledGuest> {
  const name = `kernel-${hashSources()}.wasm`;
  const cached = new URL(name, CACHE);
  const cachedMap = new URL(`${name}.map`, CACHE);
  if (existsSync(cached) && existsSync(cachedMap)) {
    return { binary: readFileSync(cached), sourceMap: readFileSync(cachedMap, "utf8") };
  }
  const result: CompiledGuest = { binary: new Uint8Array(), sourceMap: "" };
  const options = [KERNEL_ENTRY, ...KERNEL_ASC_OPTIONS, "--sourceMap", "--outFile", "kernel.wasm"];
  const { error, stderr } = await asc.main(options, {
    readFile: (file) => {
      const path = fileURLToPath(new URL(file, ROOT));
      return existsSync(path) ? readFileSync(path, "utf8") : null;
    },
    writeFile: (file, contents) => {
      if (file.endsWith(".map")) result.sourceMap = contents.toString();
      else result.binary = new Uint8Array(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error) throw new Error(stderr.toString());
  keep(`${name}.map`, result.sourceMap);
  keep(name, result.binary);
  return result;
}
