// What Node's V8 does only if it is asked.

import { setFlagsFromString } from "node:v8";

/** Versions of V8 that know branch hints of WebAssembly modules, but ignore them by default. */
const KNOWS_HINTS = /^1[12]\./;
/** Versions that have a second register allocator, for functions of more than 8192 virtual registers. */
const HAS_SECOND_ALLOCATOR = /^11\./;

/**
 * Prepares V8 for the modules that it compiles from now on, those of compiled regions: it is to follow their branch
 * hints, and to allocate registers in large functions as in all others.
 */
export function prepareForRegions(): void {
  const { v8 } = process.versions;
  if (KNOWS_HINTS.test(v8)) setFlagsFromString("--experimental-wasm-branch-hinting");
  if (HAS_SECOND_ALLOCATOR.test(v8))
    setFlagsFromString("--no-turbo-use-mid-tier-regalloc-for-huge-functions");
}

/** Node 20's, which decides by this budget which functions of JavaScript to optimize; others do not know the flag. */
const HAS_BUDGET = /^11\.3\./;
/** Bytes of bytecode that a function executes until V8 looks whether to optimize it; V8's own budget is 66 KiB. */
const BUDGET = 500_000;

/**
 * Has V8 optimize less of the process's own JavaScript. Of a run's time that takes little, mostly the compiler of regions,
 * of which V8 optimizes some three hundred functions in other threads, for longer than they save. For a process that is
 * nothing but a run.
 */
export function prepareForRun(): void {
  if (HAS_BUDGET.test(process.versions.v8)) setFlagsFromString(`--interrupt-budget=${BUDGET}`);
}
