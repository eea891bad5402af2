// memory.copy and memory.fill at every size around the blocks they go in, for every kind of overlap, with
// and without SSE registers; V8 says what memory holds afterwards.

import { expect, test } from "vitest";
import { I32, type ValType } from "../../wasm/types.ts";
import { buildModule, i32Const } from "../../wasm/writer.ts";
import { type Call, canRunNative, runNative, runV8 } from "../fuzz/harness.ts";

const get = (n: number): number[] => [0x20, n];
const params: ValType[] = [I32, I32, I32];
const operands = [...get(0), ...get(1), ...get(2)];

function memoryModule(): Uint8Array {
  return buildModule({
    types: [
      { params: [], results: [] },
      { params: [], results: [I32] },
      { params, results: [] },
    ],
    imports: [{ module: "stub", name: "run", type: 0 }],
    funcs: [
      { type: 1, locals: [], code: [0x10, 0, ...i32Const(0)] },
      { type: 2, locals: [], code: [...operands, 0xfc, 10, 0, 0] },
      { type: 2, locals: [], code: [...operands, 0xfc, 11, 0] },
    ],
    memory: { min: 2 },
    globals: [],
    exports: [
      { name: "memory", kind: 2, index: 0 },
      { name: "main", kind: 0, index: 1 },
      { name: "copy", kind: 0, index: 2 },
      { name: "fill", kind: 0, index: 3 },
    ],
    elements: [],
    data: [
      { offset: 0, bytes: Array.from({ length: 60000 }, (_, i) => (i * 31 + (i >> 8)) & 255) },
    ],
  });
}

const SIZES = [
  ...Array.from({ length: 70 }, (_, i) => i),
  ...[95, 96, 97, 127, 128, 129, 159, 160, 161, 191, 192, 193, 255, 256, 257, 319, 320, 321, 1000],
  ...[1535, 1536, 1537, 1544, 2047],
];
const DISTANCES = [-257, -65, -33, -17, -16, -9, -8, -1, 0, 1, 7, 8, 15, 17, 31, 33, 64, 257, 3000];

function call(name: string, a: number, b: number, n: number): Call {
  return { name, params, results: [], args: [BigInt(a), BigInt(b), BigInt(n)] };
}

test.skipIf(!canRunNative).each(["linux", "kernel"] as const)(
  "copies and fills of every size are exact for target %s (needs x86-64 Linux)",
  (target) => {
    const calls: Call[] = [];
    SIZES.forEach((n, i) => {
      for (const d of DISTANCES) calls.push(call("copy", 20000 + i + d, 20000 + i, n));
      calls.push(call("fill", 50000 + i * 3, i * 7, n));
    });
    for (const n of [16383, 16384, 16385, 20001]) {
      for (const d of [-30000, -17, 5, 18001]) calls.push(call("copy", 31001 + d, 31001, n));
      calls.push(call("fill", 70001, n, n));
    }
    const wasm = memoryModule();
    expect(runNative(wasm, calls, 2, { target }).memory).toEqual(runV8(wasm, calls, 2).memory);
  },
);
