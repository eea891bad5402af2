// Tail calls keep the stack as it is: chains of a million calls between functions whose arguments and
// results take different room on it, directly and through the table, entered as the ABI says.

import { describe, expect, test } from "vitest";
import { F64, I32, I64, type ValType } from "../wasm/types.ts";
import { type Bytes, buildModule, i32Const, type ModuleSpec, uleb } from "../wasm/writer.ts";
import { type Call, canRunNative, difference, runNative, runV8 } from "./fuzz/harness.ts";

const LINKS: ValType[][] = [
  [I32, I64],
  [I32, I64, ...new Array(9).fill(I64)],
  [I32, I64, F64, ...new Array(5).fill(I32), ...new Array(9).fill(F64)],
  [I32, I64, ...new Array(4).fill(I64)],
];
const RESULTS: ValType[][] = [[I64], [I64, I32, I64, I32, I64]];

/**
 * Link n of a chain: once the counter is 0 it returns what its arguments are made of; else it calls link
 * n + 1 with the counter one lower and arguments that all depend on its own.
 */
function link(n: number, results: ValType[], indirect: boolean): ModuleSpec["funcs"][number] {
  const own = LINKS[n] as ValType[];
  const next = (n + 1) % LINKS.length;
  const get = (i: number): Bytes => {
    const at = [0x20, ...uleb(i)];
    return { [I32]: [...at, 0xad], [I64]: at, [F64]: [...at, 0xb0] }[own[i] as number] as Bytes;
  };
  // The sum of the arguments behind the counter, each times 31.
  const sum: Bytes = [0x42, n + 1];
  for (let i = 1; i < own.length; i++) sum.push(0x42, 31, 0x7e, ...get(i), 0x7c);
  sum.push(0x42, ...[0xff, 0xff, 0x3f], 0x83);
  const code: Bytes = [0x20, 0, 0x45, 0x04, 0x40];
  for (const type of results) code.push(...sum, ...(type === I32 ? [0xa7] : []));
  code.push(0x0f, 0x0b, 0x20, 0, ...i32Const(1), 0x6b, ...sum);
  (LINKS[next] as ValType[]).slice(2).forEach((type, i) => {
    code.push(...sum, 0x42, i + 1, 0x7c);
    code.push(...(type === I32 ? [0xa7] : type === F64 ? [0xb9] : []));
  });
  if (indirect) code.push(...i32Const(next), 0x13, next, 0);
  else code.push(0x12, next + 1);
  return { type: n, locals: [], code };
}

function chain(results: ValType[], indirect: boolean): Uint8Array {
  const types = LINKS.map((params) => ({ params, results }));
  return buildModule({
    types: [
      ...types,
      { params: [], results: [] },
      { params: [], results: [I32] },
      { params: [I32, I64], results: [I64] },
    ],
    imports: [{ module: "stub", name: "run", type: LINKS.length }],
    funcs: [
      ...LINKS.map((_, n) => link(n, results, indirect)),
      { type: LINKS.length + 1, locals: [], code: [0x10, 0, ...i32Const(0)] },
      // A caller without tail calls of its own: it has something on its stack.
      {
        type: LINKS.length + 2,
        locals: [I64],
        code: [
          ...[0x20, 0, 0x20, 1, 0x42, 5, 0x7e, 0x21, 2, 0x20, 1, 0x10, 1],
          ...results.slice(1).map(() => 0x1a),
          ...[0x20, 2, 0x7d],
        ],
      },
    ],
    table: LINKS.length,
    elements: [{ offset: 0, funcs: LINKS.map((_, n) => n + 1) }],
    globals: [],
    exports: [
      { name: "chain", kind: 0, index: 1 },
      { name: "six", kind: 0, index: 4 },
      { name: "main", kind: 0, index: 5 },
      { name: "caller", kind: 0, index: 6 },
    ],
    data: [],
  });
}

describe.skipIf(!canRunNative)("tail calls (needs x86-64 Linux)", () => {
  const cases = RESULTS.flatMap((results) =>
    [false, true].map((indirect) => ({ results, indirect })),
  );
  test.each(cases)("$results.length results, indirect: $indirect", ({ results, indirect }) => {
    const wasm = chain(results, indirect);
    const calls: Call[] = [];
    for (const count of [0n, 1n, 2n, 3n, 4n, 1_000_000n]) {
      const args = [count, 12345n];
      calls.push({ name: "caller", params: [I32, I64], results: [I64], args });
      // The driver shows the results in registers.
      if (results.length > 1) continue;
      calls.push({ name: "chain", params: [I32, I64], results, args });
      const six = [count, 1n, 2n, 3n, 4n, 5n];
      calls.push({ name: "six", params: LINKS[3] as ValType[], results, args: six });
    }
    for (const registers of [5, 16]) {
      const native = runNative(wasm, calls, 0, { verify: true, registers });
      expect(difference(calls, native, runV8(wasm, calls, 0))).toBeUndefined();
    }
  });
});
