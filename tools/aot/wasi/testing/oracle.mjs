// Runs a program for WASI in Node, whose answers are what ours are compared with: FILE, then as JSON the
// arguments, environment and preopened directories.

import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [file, args, env, preopens] = process.argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  args: JSON.parse(args),
  env: JSON.parse(env),
  preopens: JSON.parse(preopens),
});
const module = await WebAssembly.compile(readFileSync(file));
process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
