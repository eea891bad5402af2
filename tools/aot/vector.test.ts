// Vector instructions against V8: each of them on edge values of every lane shape, with registers to spare
// and under pressure; vectors as parameters, results, globals and locals; what refuses them.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { VECTOR, type VectorOp, vectorOpcode } from "../wasm/simd.ts";
import { F32, F64, I32, I64, V128, type ValType } from "../wasm/types.ts";
import {
  type Bytes,
  buildModule,
  i32Const,
  type ModuleSpec,
  uleb,
  v128Const,
} from "../wasm/writer.ts";
import { compile } from "./compile.ts";
import { type Call, canRunNative, difference, runNative, runV8 } from "./fuzz/harness.ts";
import { F64_EDGES, f32BitsOf, f64BitsOf, I32_EDGES, Random } from "./fuzz/random.ts";
import { linkLinux } from "./link.ts";

const FEATURES = { sse41: true, popcnt: true };
const RUN = { module: "stub", name: "run", type: 0 };

function moduleOf(
  funcs: { name: string; params: ValType[]; results: ValType[]; locals?: ValType[]; code: Bytes }[],
  extra: Partial<ModuleSpec> = {},
): Uint8Array {
  const types: ModuleSpec["types"] = [
    { params: [], results: [] },
    { params: [], results: [I32] },
  ];
  return buildModule({
    types,
    imports: [RUN],
    funcs: [
      { type: 1, locals: [], code: [0x10, 0, ...i32Const(0)] },
      ...funcs.map(({ params, results, locals = [], code }) => ({
        type: types.push({ params, results }) - 1,
        locals,
        code,
      })),
    ],
    memory: { min: 1, max: 1 },
    globals: [],
    exports: [
      { name: "main", kind: 0, index: 1 },
      ...funcs.map(({ name }, i) => ({ name, kind: 0 as const, index: i + 2 })),
      { name: "memory", kind: 2, index: 0 },
    ],
    elements: [],
    data: [],
    ...extra,
  });
}

/** Random lanes of one shape, edge values preferred. */
function lanes(r: Random): bigint {
  const width = r.pick([8, 16, 32, 64]);
  const floats = width >= 32 && r.chance(50);
  let bits = 0n;
  for (let i = 0; i < 128; i += width) {
    let lane = BigInt(r.chance(70) ? r.pick(I32_EDGES) : r.u32());
    if (floats && r.chance(80)) {
      const edge = r.pick(F64_EDGES);
      lane = width === 32 ? BigInt(f32BitsOf(edge)) : f64BitsOf(edge);
    } else if (r.chance(20)) lane = r.u64();
    bits |= BigInt.asUintN(width, lane) << BigInt(i);
  }
  return bits;
}

const VALUES = 32;
/** `v128.load` and `v128.store`. */
const LOAD = [0xfd, 0, 0, 0];
const STORE = [0xfd, 11, 0, 0];
const get = (local: number): Bytes => [0x20, local];

/** Operand `i` of an instruction: a vector from memory by its number, or a scalar made of one. */
function operand(type: ValType, i: number): Bytes {
  const vector = [...get(i), ...i32Const(VALUES - 1), 0x71, ...i32Const(4), 0x74, ...LOAD];
  switch (type) {
    case I32:
      return [...vector, 0xfd, 27, 1];
    case I64:
      return [...vector, 0xfd, 29, 1];
    case F32:
      return [...vector, 0xfd, 31, 2];
    case F64:
      return [...vector, 0xfd, 33, 0];
    default:
      return vector;
  }
}

/** NaNs in float lanes made canonical: wasm leaves their bits open. */
function canonical(name: string, local: number): Bytes {
  if (!/^f\d\dx\d\.(?!extract|replace|splat|abs|neg|pm|eq|ne|[lg][te])/.test(name)) return [];
  const single = name.startsWith("f32");
  const nan = single ? 0x7fc00000_7fc00000n : 0x7ff80000_00000000n;
  const eq = uleb(vectorOpcode(`${name.slice(0, 5)}.eq`));
  return [
    0x21,
    local,
    ...get(local),
    ...v128Const((nan << 64n) | nan),
    ...get(local),
    ...get(local),
  ].concat([0xfd, ...eq, 0xfd, 82]);
}

/** A function of the numbers of three vectors; it leaves its result at the start of the second page half. */
function instruction(op: VectorOp, sub: number, r: Random, lane: number) {
  const code: Bytes = [];
  const params: ValType[] = [I32, I32, I32];
  if (op.result !== undefined) code.push(...i32Const(0x8000));
  op.params.forEach((type, i) => {
    const pointer = op.size > 0 && i === 0;
    if (pointer) code.push(...get(0), ...i32Const(0xff), 0x71);
    else code.push(...operand(type, i));
  });
  code.push(0xfd, ...uleb(sub));
  if (op.size > 0) code.push(0, ...uleb(op.result === undefined ? 0x8000 : 3));
  if (op.kind === "shuffle") for (let i = 0; i < 16; i++) code.push(r.below(32));
  if (op.kind === "const") code.push(...v128Const(lanes(r)).slice(2));
  if (op.lanes > 0) code.push(lane);
  if (op.result === V128) code.push(...canonical(op.name, 3), ...STORE);
  else if (op.result === I64) code.push(0x37, 0, 0);
  else if (op.result === I32) code.push(0x36, 0, 0);
  else if (op.result === F32) code.push(0x38, 0, 0);
  else if (op.result === F64) code.push(0x39, 0, 0);
  // What is shown: both halves of the result.
  const show = (offset: number): Bytes => [...i32Const(0x8000 + offset), 0x29, 0, 0];
  code.push(...show(0), ...show(8), 0x42, 3, 0x7e, 0x7c);
  return {
    name: `${op.name} ${lane}`,
    params,
    results: [I64] as ValType[],
    locals: [V128] as ValType[],
    code,
  };
}

describe.skipIf(!canRunNative)("vector instructions (need x86-64 Linux)", () => {
  test("each gives what it gives in V8", () => {
    const r = new Random(7);
    const funcs = VECTOR.flatMap((op, sub) => {
      if (!op) return [];
      const count = op.lanes > 0 ? op.lanes : op.kind === "shuffle" ? 8 : 1;
      return Array.from({ length: count }, (_, lane) => instruction(op, sub, r, lane));
    });
    expect(new Set(funcs.map(({ name }) => name.split(" ")[0])).size).toBe(236);
    const bytes: number[] = [];
    for (let n = 0; n < VALUES; n++) bytes.push(...v128Const(lanes(r)).slice(2));
    const wasm = moduleOf(funcs, { data: [{ offset: 0, bytes }] });
    const calls: Call[] = funcs.flatMap(({ name, params, results }) =>
      Array.from({ length: 12 }, () => ({
        name,
        params,
        results,
        args: params.map(() => BigInt(r.u32() | 0)),
      })),
    );
    const v8 = runV8(wasm, calls, 1);
    for (const registers of [5, 16]) {
      const native = runNative(wasm, calls, 1, { verify: true, registers, features: FEATURES });
      expect(difference(calls, native, v8)).toBeUndefined();
    }
  });

  test("vectors are parameters, results, globals, locals and constants", () => {
    const params = [I32, V128, F64, ...new Array(9).fill(V128), I64, V128] as ValType[];
    const results = [V128, I64, V128, V128, F32, V128] as ValType[];
    const sum: Bytes = [0x20, 1];
    for (let i = 3; i < 12; i++) sum.push(0x20, i, 0xfd, ...uleb(174), 0x23, 0, 0xfd, 81);
    const callee = {
      name: "callee",
      params,
      results,
      code: [...sum, 0x24, 0, 0x23, 0, 0x20, 12, 0x20, 13, 0x20, 1, 0x20, 2, 0xb6, 0x20, 3],
    };
    const caller = {
      name: "caller",
      params: [I32] as ValType[],
      results: [I64] as ValType[],
      locals: [V128, V128] as ValType[],
      code: [
        ...[0x20, 0, 0xfd, 17, 0x21, 1, 0x20, 0],
        ...params.slice(1).flatMap((type, i): Bytes => {
          if (type === I64) return [0x20, 0, 0xac];
          if (type === F64) return [0x20, 0, 0xb7];
          return [0x20, 1, ...v128Const(lanes(new Random(i))), 0xfd, ...uleb(174)];
        }),
        // All results meet in one vector.
        ...[0x10, 2, 0x21, 2, 0xbc, 0xfd, 17, 0x20, 2, 0xfd, 81, 0xfd, 81, 0xfd, 81, 0x21, 2],
        ...[0xfd, 18, 0x20, 2, 0xfd, 81, 0xfd, 81],
        ...[0x21, 2, 0x20, 2, 0xfd, 29, 0, 0x20, 2, 0xfd, 29, 1, 0x42, 5, 0x7e, 0x7c],
      ],
    };
    const wasm = moduleOf([callee, caller], {
      globals: [{ type: V128, mutable: true, init: v128Const(0x1234567890abcdefn << 40n) }],
    });
    const calls: Call[] = [1n, -7n, 99n].map((n) => ({
      name: "caller",
      params: [I32],
      results: [I64],
      args: [n],
    }));
    const v8 = runV8(wasm, calls, 0);
    for (const registers of [5, 7, 16]) {
      const native = runNative(wasm, calls, 0, { verify: true, registers, features: FEATURES });
      expect(difference(calls, native, v8)).toBeUndefined();
    }
  });
});

describe("vectors are refused", () => {
  const wasm = moduleOf([{ name: "f", params: [], results: [], code: [...v128Const(1n), 0x1a] }]);

  test("by target kernel, and without x86-64-v2", () => {
    expect(() => compile(wasm, { target: "kernel", name: "m", features: FEATURES })).toThrow(
      /^m: code section, function 2, offset 0x\w+: v128\.const needs SSE, which target kernel does not use$/,
    );
    expect(() => compile(wasm, { target: "linux", name: "m" })).toThrow(
      /v128\.const needs a CPU of level x86-64-v2: compile with --cpu x86-64-v2$/,
    );
  });

  test.skipIf(!canRunNative)("by CPUs below that level at start", () => {
    const program = buildModule({
      types: [{ params: [], results: [I32] }],
      imports: [],
      funcs: [{ type: 0, locals: [], code: [...v128Const(5n), 0xfd, 27, 0] }],
      globals: [],
      exports: [{ name: "main", kind: 0, index: 0 }],
      elements: [],
      data: [],
    });
    const directory = mkdtempSync(join(tmpdir(), "aot-"));
    try {
      const file = join(directory, "program");
      const object = compile(program, { target: "linux", name: "m", features: FEATURES });
      const run = (elf: Uint8Array) => {
        writeFileSync(file, elf);
        chmodSync(file, 0o755);
        return spawnSync(file, { encoding: "utf8" });
      };
      const elf = linkLinux(object);
      expect(run(elf).status).toBe(5);
      // The same program asking for one feature more, which no CPU has: bit 16 of CPUID 1, ECX is reserved.
      const level = Buffer.from([0xb8, 0x01, 0x22, 0x98, 0x00]);
      const place = Buffer.from(elf).indexOf(level);
      expect(place).toBeGreaterThan(0);
      elf[place + 3] = 0x99;
      const old = run(elf);
      expect(old.stderr).toBe("the program needs a CPU of level x86-64-v2\n");
      expect(old.status).toBe(126);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
