// Modules that are large in one way each, as generators write them: they compile to what V8 makes of
// them, and nothing that a few bytes declare is made room for. How long it takes is not judged.

import { describe, expect, test } from "vitest";
import { I32 } from "../wasm/types.ts";
import { type Bytes, buildModule, i32Const, type ModuleSpec, uleb } from "../wasm/writer.ts";
import { type Call, canRunNative, difference, runNative, runV8 } from "./fuzz/harness.ts";

/** A module whose function `f` has the code given; the functions of `more` follow from index 3 on. */
function program(code: Bytes, extra: Partial<ModuleSpec> = {}, more: Bytes[] = []): Uint8Array {
  return buildModule({
    types: [
      { params: [], results: [] },
      { params: [], results: [I32] },
      { params: [I32], results: [I32] },
    ],
    imports: [{ module: "stub", name: "run", type: 0 }],
    funcs: [
      { type: 1, locals: [], code: [0x10, 0, ...i32Const(0)] },
      { type: 2, locals: [I32, I32], code },
      ...more.map((body) => ({ type: 1, locals: [], code: body })),
    ],
    memory: { min: 1 },
    globals: [],
    exports: [
      { name: "memory", kind: 2, index: 0 },
      { name: "main", kind: 0, index: 1 },
      { name: "f", kind: 0, index: 2 },
    ],
    elements: [],
    data: [],
    ...extra,
  });
}

const repeat = (n: number, part: (i: number) => Bytes): Bytes => {
  const out: Bytes = [];
  for (let i = 0; i < n; i++) for (const byte of part(i)) out.push(byte);
  return out;
};
/** local 1 += n */
const count = (n: number): Bytes => [0x20, 1, ...i32Const(n), 0x6a, 0x21, 1];
const result: Bytes = [0x20, 1];

describe.skipIf(!canRunNative)("large modules (needs x86-64 Linux)", () => {
  const check = (wasm: Uint8Array, ...args: bigint[]): void => {
    const calls = args.map(
      (arg): Call => ({ name: "f", params: [I32], results: [I32], args: [arg] }),
    );
    const native = runNative(wasm, calls, 1, { verify: true });
    expect(difference(calls, native, runV8(wasm, calls, 1))).toBeUndefined();
  };

  test("a function of many loops", () => {
    // Each loop runs three times: local 2 counts down.
    const loop = [
      ...[...i32Const(3), 0x21, 2, 0x03, 0x40, ...count(1)],
      ...[0x20, 2, ...i32Const(1), 0x6b, 0x22, 2, 0x0d, 0, 0x0b],
    ];
    check(program([...repeat(2000, () => loop), ...result]), 0n);
  });

  test("a block with many ways out, and a loop with many continues", () => {
    const out = (i: number): Bytes => [0x20, 0, ...i32Const(i), 0x46, 0x0d, 0, ...count(i)];
    check(program([0x02, 0x40, ...repeat(3000, out), 0x0b, ...result]), 0n, 2n, 2999n, 5000n);
    const again = (i: number): Bytes => [0x20, 1, ...i32Const(i), 0x46, 0x0d, 0];
    const body = [0x03, 0x40, ...count(1), ...repeat(3000, again), 0x0b];
    check(program([...body, ...result]), 0n);
  });

  test("a switch over many cases in as many blocks", () => {
    const n = 2000;
    const code = [
      ...repeat(n, () => [0x02, 0x40]),
      ...[0x20, 0, 0x0e, ...uleb(n - 1)],
      ...repeat(n, (i) => uleb(i)),
      ...repeat(n, (i) => [0x0b, ...count(i)]),
      ...result,
    ];
    check(program(code), 0n, 1n, 1999n, 2000n, -1n);
  });

  test("many functions of one name, many globals, many segments", () => {
    const n = 3000;
    const wasm = program(
      [0x20, 0, 0x11, 1, 0],
      {
        table: n,
        elements: Array.from({ length: n }, (_, i) => ({ offset: i, funcs: [3 + i] })),
        globals: Array.from({ length: n }, (_, i) => ({
          type: I32,
          mutable: true,
          init: i32Const(i * 7),
        })),
        data: Array.from({ length: n }, (_, i) => ({ offset: i * 3, bytes: [i, i >> 8] })),
        funcNames: Array.from({ length: n }, (_, i) => [3 + i, "same"]),
      },
      Array.from({ length: n }, (_, i) => [0x23, ...uleb(i), ...i32Const(i), 0x6a]),
    );
    check(wasm, 0n, 1n, 2999n, 3000n);
  });

  test("a table of a million entries", () => {
    const wasm = program(
      [0x20, 0, 0x11, 1, 0],
      { table: 1_000_000, elements: [{ offset: 0, funcs: new Array(1_000_000).fill(3) }] },
      [i32Const(77)],
    );
    check(wasm, 0n, 999_999n, 1_000_000n);
  });
});
