// References and tables against V8: random programs of table instructions over several tables, one that
// grows, calls through all of them, and globals of other objects.

import { describe, expect, test } from "vitest";
import type { ObjectFile } from "../elf/object.ts";
import { EXTERNREF, FUNCREF, I32, I64, type ValType } from "../wasm/types.ts";
import { type Bytes, buildModule, i32Const, type ModuleSpec, uleb } from "../wasm/writer.ts";
import { CompileError, compile } from "./compile.ts";
import { type Call, canRunNative, difference, runNative, runV8 } from "./fuzz/harness.ts";
import { Random } from "./fuzz/random.ts";

const SIZES = [6, 4, 3];
/** Exports: name, parameters, result and code. Tables 0 and 1 are of functions, 2 of host references. */
const get = (local: number): Bytes => [0x20, local];
const refTo = (type: ValType): Bytes => (type === FUNCREF ? [0x25, 0] : [0x25, 2]);

interface Export {
  name: string;
  params: ValType[];
  results: ValType[];
  code: Bytes;
}

function exportsOf(): Export[] {
  const out: Export[] = [];
  const add = (name: string, params: ValType[], results: ValType[], code: Bytes): void => {
    out.push({ name, params, results, code });
  };
  ([FUNCREF, FUNCREF, EXTERNREF] as const).forEach((type, t) => {
    add(`size${t}`, [], [I32], [0xfc, 16, t]);
    add(`null${t}`, [I32], [I32], [...get(0), 0x25, t, 0xd1]);
    add(`clear${t}`, [I32], [], [...get(0), 0xd0, type, 0x26, t]);
    // Sets an entry to what another table has at a place.
    const source = type === FUNCREF ? 1 - t : 2;
    add(`set${t}`, [I32, I32], [], [...get(0), ...get(1), 0x25, source, 0x26, t]);
    add(
      `fill${t}`,
      [I32, I32, I32],
      [],
      [...[...get(0), ...get(1), ...refTo(type), ...get(2)], ...[0xfc, 17, t]],
    );
    add(
      `copy${t}`,
      [I32, I32, I32],
      [],
      [...[...get(0), ...get(1), ...get(2)], ...[0xfc, 14, t, type === FUNCREF ? 1 - t : 2]],
    );
    add(`move${t}`, [I32, I32, I32], [], [...get(0), ...get(1), ...get(2), 0xfc, 14, t, t]);
    if (type !== FUNCREF) return;
    add(`init${t}`, [I32, I32, I32], [], [...get(0), ...get(1), ...get(2), 0xfc, 12, 2, t]);
    add(`call${t}`, [I32], [I32], [...get(0), 0x11, 0, t]);
    add(`tail${t}`, [I32], [I32], [...get(0), 0x13, 0, t]);
    add(`func${t}`, [I32], [], [...get(0), 0xd2, t, 0x26, t]);
  });
  add("grow1", [I32, I32], [I32], [...get(0), 0x25, 0, ...get(1), 0xfc, 15, 1]);
  add("grow2", [I32], [I32], [0xd0, EXTERNREF, ...get(0), 0xfc, 15, 2]);
  add("keep", [I32], [], [...get(0), 0x25, 0, 0x24, 0]);
  add("kept", [], [I32], [...i32Const(0), 0x23, 0, 0x26, 0, ...i32Const(0), 0x11, 0, 0]);
  add(
    "choose",
    [I32],
    [I32],
    [
      ...[...i32Const(1), 0xd0, FUNCREF, 0x23, 1, ...get(0), 0x1c, 1, FUNCREF, 0x26, 0],
      ...[...i32Const(1), 0x25, 0, 0xd1],
    ],
  );
  return out;
}

function program(exports: Export[]): Uint8Array {
  const types: { params: ValType[]; results: ValType[] }[] = [
    { params: [], results: [I32] },
    { params: [], results: [] },
    { params: [], results: [I64] },
  ];
  const typeOf = ({ params, results }: Export): number => types.push({ params, results }) - 1;
  const functions = 5;
  return buildModule({
    types,
    imports: [{ module: "stub", name: "run", type: 1 }],
    funcs: [
      // Functions 1…4 return their number, 5 is of another type.
      ...[1, 2, 3, 4].map((n) => ({ type: 0, locals: [], code: i32Const(n) })),
      { type: 2, locals: [], code: [0x42, 5] },
      { type: 0, locals: [], code: [0x10, 0, ...i32Const(0)] },
      ...exports.map((x) => ({ type: typeOf(x), locals: [], code: x.code })),
    ],
    table: SIZES[0] as number,
    tables: [
      { type: FUNCREF, min: SIZES[1] as number, max: 20 },
      { type: EXTERNREF, min: SIZES[2] as number },
    ],
    globals: [
      { type: FUNCREF, mutable: true, init: [0xd0, FUNCREF] },
      { type: FUNCREF, mutable: false, init: [0xd2, ...uleb(3)] },
    ],
    exports: [
      { name: "main", kind: 0, index: functions + 1 },
      ...exports.map(({ name }, i) => ({ name, kind: 0 as const, index: functions + 2 + i })),
    ],
    elements: [
      { offset: 1, funcs: [1, 2, 5] },
      { table: 1, offset: 2, funcs: [4, -1] },
      { funcs: [3, -1, 1, 5] },
      { declarative: true, funcs: [0, 1] },
    ],
    data: [],
  });
}

describe.skipIf(!canRunNative)("references (need x86-64 Linux)", () => {
  test("tables hold, give back and call what they do in V8", () => {
    const exports = exportsOf();
    const r = new Random(2);
    const wasm = program(exports);
    // Function 0 is the driver's routine: it is set, never called.
    const calls: Call[] = [];
    for (let n = 0; n < 3000; n++) {
      const { name, params, results } = r.pick(exports.filter((x) => x.name !== "func0"));
      const args = params.map(() => BigInt(r.chance(95) ? r.below(6) : -1));
      calls.push({ name, params, results, args });
    }
    const native = runNative(wasm, calls, 0, { verify: true });
    const v8 = runV8(wasm, calls, 0);
    expect(difference(calls, native, v8)).toBeUndefined();
    const traps = new Set(v8.outcomes.map(({ trap }) => trap));
    expect(traps.size).toBeGreaterThan(2);
    expect(v8.outcomes.filter(({ trap }) => trap === 0).length).toBeGreaterThan(1000);
  });
});

test.skipIf(!canRunNative)(
  "a function that only a variable global refers to can be had from it",
  () => {
    const wasm = buildModule({
      types: [
        { params: [], results: [] },
        { params: [], results: [I32] },
      ],
      imports: [{ module: "stub", name: "run", type: 0 }],
      funcs: [
        { type: 1, locals: [], code: [0x10, 0, ...i32Const(0)] },
        { type: 1, locals: [], code: i32Const(7) },
        {
          type: 1,
          locals: [],
          code: [...i32Const(0), 0x23, 0, 0x26, 0, ...i32Const(0), 0x11, 1, 0],
        },
      ],
      tables: [{ type: FUNCREF, min: 1 }],
      globals: [{ type: FUNCREF, mutable: true, init: [0xd2, 2] }],
      exports: [
        { name: "main", kind: 0, index: 1 },
        { name: "call", kind: 0, index: 3 },
      ],
      elements: [],
      data: [],
    });
    const calls: Call[] = [{ name: "call", params: [], results: [I32], args: [] }];
    const native = runNative(wasm, calls, 0, { verify: true });
    expect(native.outcomes).toEqual([{ trap: 0, results: [7n] }]);
    expect(difference(calls, native, runV8(wasm, calls, 0))).toBeUndefined();
  },
);

describe("globals of other objects", () => {
  const spec: ModuleSpec = {
    types: [{ params: [], results: [I32] }],
    imports: [
      { module: "stub", name: "counter", global: I64, mutable: true },
      { module: "stub", name: "limit", global: I32, mutable: false },
    ],
    funcs: [{ type: 0, locals: [], code: [0x23, 0, 0x42, 1, 0x7c, 0x24, 0, 0x23, 1] }],
    globals: [{ type: I32, mutable: true, init: i32Const(7) }],
    exports: [
      { name: "main", kind: 0, index: 0 },
      { name: "own", kind: 3, index: 2 },
    ],
    elements: [],
    data: [],
  };
  const object = (): ObjectFile => compile(buildModule(spec), { target: "native", name: "m" });

  test("are reached by their symbols", () => {
    const { relocations, symbols } = object();
    const names = relocations.filter((x) => x.scope === "global").map(({ symbol }) => symbol);
    expect(new Set(names)).toEqual(new Set(["counter", "limit"]));
    expect(symbols.find(({ name }) => name === "own")).toMatchObject({ value: 0n, size: 4 });
  });

  test("cannot be of other modules or needed before the program runs", () => {
    const refusal = (changed: Partial<ModuleSpec>): string => {
      try {
        compile(buildModule({ ...spec, ...changed }), { target: "native", name: "m" });
        return "";
      } catch (error) {
        expect(error).toBeInstanceOf(CompileError);
        return (error as Error).message;
      }
    };
    const foreign = spec.imports.map((x) => ({ ...x, module: "env" }));
    expect(refusal({ imports: foreign })).toMatch(
      /^m: import section, offset 0x\w+: imported global "env.counter" is not supported/,
    );
    expect(refusal({ globals: [{ type: I32, mutable: false, init: [0x23, 1] }] })).toMatch(
      /is needed before the program runs/,
    );
  });
});
