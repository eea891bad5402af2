// What Node's V8 does only if it is asked.

import { setFlagsFromString } from "node:v8";

/** Versions of V8 that know branch hints of WebAssembly modules, but ignore them by default. */
const KNOWS_HINTS = /^1[12]\./;

/** Lets V8 follow the branch hints of modules that it compiles from now on: those of compiled regions. */
export function followBranchHints(): void {
  if (KNOWS_HINTS.test(process.versions.v8))
    setFlagsFromString("--experimental-wasm-branch-hinting");
}
