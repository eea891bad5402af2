// The module `spectest` that scripts of the specification import from, as the test suite's documentation
// describes it: its functions do nothing.

import type { Instance } from "../../wasm/link.ts";
import { FUNCREF, I32, I64, type ValType } from "../../wasm/types.ts";

/** The instance of `spectest`, as the test suite's documentation describes it. */
export const SPECTEST: Instance = {
  module: {
    bytes: Uint8Array.of(0x0b),
    types: [[], [I32], [I64], [0x7d], [0x7c], [I32, 0x7d], [0x7c, 0x7c]].map((params) => ({
      params: params as ValType[],
      results: [],
    })),
    funcImports: [],
    globalImports: [],
    memoryImport: undefined,
    tableImports: [],
    funcs: [0, 1, 2, 3, 4, 5, 6].map((typeIndex) => ({ typeIndex, locals: [], start: 0, end: 1 })),
    tables: [{ type: FUNCREF, min: 10, max: 20 }],
    memory: { min: 1, max: 2 },
    globals: [
      { type: I32, mutable: false, init: { kind: "const", type: I32, bits: 666n } },
      { type: I64, mutable: false, init: { kind: "const", type: I64, bits: 666n } },
      // 666.6 in both formats.
      { type: 0x7d, mutable: false, init: { kind: "const", type: 0x7d, bits: 0x4426a666n } },
      {
        type: 0x7c,
        mutable: false,
        init: { kind: "const", type: 0x7c, bits: 0x4084d4cccccccccdn },
      },
    ],
    exports: [
      ...["", "_i32", "_i64", "_f32", "_f64", "_i32_f32", "_f64_f64"].map((suffix, index) => ({
        name: `print${suffix}`,
        kind: "func" as const,
        index,
      })),
      ...["i32", "i64", "f32", "f64"].map((type, index) => ({
        name: `global_${type}`,
        kind: "global" as const,
        index,
      })),
      { name: "table", kind: "table", index: 0 },
      { name: "memory", kind: "memory", index: 0 },
    ],
    start: undefined,
    elements: [],
    data: [],
    dataCount: undefined,
    declaredFuncs: new Set(),
    funcNames: new Map(),
    globalNames: new Map(),
    sourceMapUrl: undefined,
  },
  imports: { func: [], table: [], memory: [], global: [] },
};
