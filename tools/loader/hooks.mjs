// Node module hooks that load this repository's TypeScript: types are blanked out (by SWC, as Node does it
// itself), so lines and columns stay and no source map is needed. Packages are never touched: what lies
// below node_modules goes to Node as it is. Stripped text is kept in build/.stripped, named by the hash of the
// source, so that the stripper (3.5 MB of wasm) is only loaded when a file has changed.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL("../../", import.meta.url));
const cache = join(root, "build/.stripped");
const version = JSON.parse(
  readFileSync(require.resolve("@swc/wasm-typescript/package.json"), "utf8"),
).version;

/** JavaScript of a TypeScript file. Throws a SyntaxError that names file and place. */
function strip(path) {
  const source = readFileSync(path, "utf8");
  const name = createHash("sha256").update(`${version}\n${path}\n${source}`).digest("hex");
  const kept = join(cache, `${name}.js`);
  try {
    return readFileSync(kept, "utf8");
  } catch {
    // Not stripped yet.
  }
  let code;
  try {
    ({ code } = require("@swc/wasm-typescript").transformSync(source, {
      mode: "strip-only",
      filename: path,
    }));
  } catch (error) {
    throw new SyntaxError(`${path}: ${error?.message ?? error}`);
  }
  const text = `${code}\n\n//# sourceURL=${path}`;
  try {
    mkdirSync(cache, { recursive: true });
    const temporary = `${kept}.${process.pid}`;
    writeFileSync(temporary, text);
    renameSync(temporary, kept);
  } catch {
    // A tree that cannot be written to is stripped again next time.
  }
  return text;
}

/** The path of a TypeScript file of ours, or undefined for everything else. */
function ours(url) {
  if (!url.startsWith("file:") || !url.split(/[?#]/, 1)[0].endsWith(".ts")) return undefined;
  const path = fileURLToPath(url);
  return path.includes("node_modules") ? undefined : path;
}

/** For `module.registerHooks`: in the thread that imports. */
export function loadSync(url, context, nextLoad) {
  const path = ours(url);
  if (path === undefined) return nextLoad(url, context);
  return { format: "module", shortCircuit: true, source: strip(path) };
}

/** For `module.register`: in a thread of its own, where Node has nothing better. */
export async function load(url, context, nextLoad) {
  return loadSync(url, context, nextLoad);
}
