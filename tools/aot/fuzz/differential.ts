// One fuzzing step: a random module, random calls, both engines, the comparison.

import type { TargetName } from "../targets/target.ts";
import { binaryenModule } from "./binaryen.ts";
import { type Generated, generateModule } from "./generate.ts";
import { type Call, difference, runNative, runV8 } from "./harness.ts";
import { Random, randomArgument } from "./random.ts";

/** What the largest instruction needs at once, beside the registers it takes for itself. */
export const FEWEST_REGISTERS = 5;

/** Calls of each entry of Binaryen's modules. */
const ROUNDS = 4;

export interface FuzzOptions {
  seed: number;
  functions: number;
  /** Calls of each function. */
  inputs: number;
  /** Tail calls, references and vectors as well. */
  extended?: boolean;
  /** Default linux. Programs of the other targets stay inside their memory. */
  target?: TargetName;
  /** Registers of each class the compiler may use; all 16 by default. */
  registers?: number;
}

export interface FuzzResult {
  seed: number;
  cases: number;
  traps: number;
  module: Generated;
  failure: string | undefined;
}

/** Generates, compiles, runs and compares the module of one seed. */
export function fuzzOnce(options: FuzzOptions): FuzzResult {
  const { seed, functions, inputs, target = "linux", registers = 16, extended = false } = options;
  const module = generateModule(seed, {
    floats: seed % 4 !== 0 && target !== "kernel",
    inBounds: target !== "linux",
    extended,
    functions,
  });
  const r = new Random(seed ^ 0x5eed);
  const calls: Call[] = [];
  for (let n = 0; n < inputs; n++) {
    for (const entry of module.entries) {
      if (entry.params.length === 0 && n > 0) continue;
      calls.push({ ...entry, args: entry.params.map((t) => randomArgument(r, t)) });
    }
  }
  return compare({ seed, target, registers }, module, calls);
}

/**
 * The same with a module of Binaryen's generator for target linux, whose exports are called `inputs` times
 * each; undefined where the seed has none.
 */
export function fuzzBinaryen(
  options: Pick<FuzzOptions, "seed" | "inputs" | "registers">,
): FuzzResult | undefined {
  const { seed, inputs, registers = 16 } = options;
  const module = binaryenModule(seed, inputs);
  if (!module) return undefined;
  // The state that calls leave behind makes each round another one.
  const round = module.entries.map((entry) => ({ ...entry, args: [] }));
  const calls = Array.from({ length: ROUNDS }, () => round).flat();
  return compare({ seed, target: "linux", registers }, module, calls);
}

function compare(
  { seed, target, registers }: { seed: number; target: TargetName; registers: number },
  module: Generated,
  calls: Call[],
): FuzzResult {
  const result = { seed, cases: calls.length, traps: 0, module };
  try {
    const v8 = runV8(module.bytes, calls, 1);
    const modern = seed % 2 === 1 || module.vectors;
    const native = runNative(module.bytes, calls, 1, {
      target,
      verify: true,
      registers,
      features: { sse41: modern, popcnt: modern },
    });
    result.traps = v8.outcomes.filter((o) => o.trap !== 0).length;
    return { ...result, failure: difference(calls, native, v8) };
  } catch (error) {
    return { ...result, failure: error instanceof Error ? error.message : String(error) };
  }
}
