// Node module hooks that load this repository's TypeScript: types are blanked out (by SWC, as Node does it
// itself), so lines and columns stay and no source map is needed. Packages are never touched: what lies
// below node_modules goes to Node as it is. Stripped text is kept in build/.stripped, one file for each source
// with the hash of what it was made from in its last line, so that the stripper (3.5 MB of wasm) is only loaded
// when a file has changed and the folder grows no further than the repository.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL("../../", import.meta.url));
const cache = join(root, "build/.stripped");
const version = JSON.parse(
  readFileSync(require.resolve("@swc/wasm-typescript/package.json"), "utf8"),
).version;

/** JavaScript of a TypeScript file. Throws a SyntaxError in one line with file, line and column. */
function strip(path) {
  const source = readFileSync(path, "utf8");
  // Files of others (a program that imports ours, a test's scratch folder) are stripped each time.
  if (!path.startsWith(root)) return transform(path, source);
  const seal = `// ${createHash("sha256").update(`${version}\n${source}`).digest("hex")}\n`;
  const kept = `${join(cache, path.slice(root.length))}.js`;
  try {
    const text = readFileSync(kept, "utf8");
    if (text.endsWith(seal)) return text;
  } catch {
    // Not stripped yet.
  }
  const text = `${transform(path, source)}\n${seal}`;
  try {
    mkdirSync(dirname(kept), { recursive: true });
    const aside = `${kept}.${process.pid}`;
    writeFileSync(aside, text);
    renameSync(aside, kept);
  } catch {
    // A tree that cannot be written to is stripped again next time.
  }
  return text;
}

function transform(path, source) {
  try {
    const options = { mode: "strip-only", filename: path };
    return require("@swc/wasm-typescript").transformSync(source, options).code;
  } catch (error) {
    if (error?.startLine === undefined) throw error;
    const { startLine, startColumn, message } = error;
    const problem = new SyntaxError(`${path}:${startLine}:${startColumn + 1}: ${message}`);
    // Node's own code for the same; launch.mjs knows it.
    problem.code = "ERR_INVALID_TYPESCRIPT_SYNTAX";
    throw problem;
  }
}

/** The path of a TypeScript file that no package brought, or undefined for everything else. */
function ours(url) {
  if (!url.startsWith("file:") || !url.split(/[?#]/, 1)[0].endsWith(".ts")) return undefined;
  const path = fileURLToPath(url);
  const inside = path.startsWith(root) ? path.slice(root.length) : path;
  return inside.split(sep).includes("node_modules") ? undefined : path;
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
