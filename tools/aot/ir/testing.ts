// Calls of functions in a compiled program and in V8, for tests of passes: what both say must be equal.

import { I32, type ValType } from "../../wasm/types.ts";
import { type Bytes, buildModule, i32Const } from "../../wasm/writer.ts";
import { type Call, type RunResult, runNative, runV8 } from "../fuzz/harness.ts";

export interface RunFunction {
  name: string;
  params?: ValType[];
  results?: ValType[];
  locals?: ValType[];
  code: Bytes;
}

/** Index of the first function in the module. */
export const FIRST_FUNCTION = 1;

/** Runs `calls` of `functions`, which share a page of memory, in both engines. */
export function inBoth(
  functions: RunFunction[],
  calls: [name: string, ...args: bigint[]][],
): { native: RunResult; v8: RunResult } {
  const all: RunFunction[] = [
    ...functions,
    { name: "main", results: [I32], code: [0x10, 0, ...i32Const(0)] },
  ];
  const wasm = buildModule({
    memory: { min: 1, max: 1 },
    globals: [],
    elements: [],
    data: [],
    imports: [{ module: "stub", name: "run", type: 0 }],
    types: [
      { params: [], results: [] },
      ...all.map(({ params = [], results = [] }) => ({ params, results })),
    ],
    funcs: all.map(({ locals = [], code }, i) => ({ type: i + 1, locals, code })),
    exports: [
      ...all.map(({ name }, i) => ({ name, kind: 0 as const, index: FIRST_FUNCTION + i })),
      { name: "memory", kind: 2, index: 0 },
    ],
  });
  const list = calls.map(([name, ...args]): Call => {
    const { params = [], results = [] } = functions.find((f) => f.name === name) as RunFunction;
    return { name, params, results, args };
  });
  return { native: runNative(wasm, list, 1, { verify: true }), v8: runV8(wasm, list, 1) };
}
