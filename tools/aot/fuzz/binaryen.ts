// Modules of Binaryen's generator (`wasm-opt --translate-to-fuzz`, Debian's package binaryen) as input of the
// comparison: what they import becomes their own, and each export gets functions that call it with
// constants and show all its results as one number.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeModule } from "../../wasm/decode.ts";
import { IDENTITY, toSpec } from "../../wasm/rewrite.ts";
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  funcTypeOf,
  I32,
  I64,
  type Module,
  V128,
  type ValType,
} from "../../wasm/types.ts";
import {
  type Bytes,
  buildModule,
  f32Const,
  f64Const,
  i32Const,
  i64Const,
  uleb,
  v128Const,
} from "../../wasm/writer.ts";
import type { Generated } from "./generate.ts";
import { F64_EDGES, f32BitsOf, f64BitsOf, Random, randomArgument } from "./random.ts";

const FEATURES = [
  "simd",
  "multivalue",
  "tail-call",
  "bulk-memory",
  "nontrapping-float-to-int",
  "sign-ext",
  "mutable-globals",
];
/** Export that sets how many loops and calls are left before the program traps. */
const REFILL = "hangLimitInitializer";

/** Whether the generator is installed. */
export function hasBinaryen(): boolean {
  return spawnSync("wasm-opt", ["--version"]).status === 0;
}

/**
 * Binaryen's module of a seed, in which NaNs are zeros. With references only small ones are often valid: they
 * are mixed up with those of later proposals.
 */
function translate(seed: number): Uint8Array {
  const r = new Random(seed);
  const references = seed % 4 === 0;
  const bytes = references ? 2_000 : 20_000;
  const directory = mkdtempSync(join(tmpdir(), "fuzz-"));
  try {
    const [input, output] = [join(directory, "in"), join(directory, "out.wasm")];
    writeFileSync(
      input,
      Uint8Array.from({ length: bytes }, () => r.below(256)),
    );
    const names = references ? [...FEATURES, "reference-types"] : FEATURES;
    const features = names.map((name) => `--enable-${name}`);
    const run = spawnSync(
      "wasm-opt",
      [input, "--translate-to-fuzz", "--denan", ...features, "-o", output],
      { encoding: "utf8" },
    );
    if (run.status !== 0) throw new Error(`wasm-opt: ${run.stderr.split("\n")[0]}`);
    return readFileSync(output);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function argument(r: Random, type: ValType): Bytes {
  switch (type) {
    case I32:
      return i32Const(Number(randomArgument(r, I32)));
    case I64:
      return i64Const(randomArgument(r, I64));
    case F32:
    case F64: {
      const edge = r.pick(F64_EDGES.filter((x) => !Number.isNaN(x)));
      return type === F32 ? f32Const(f32BitsOf(edge)) : f64Const(f64BitsOf(edge));
    }
    case V128:
      return v128Const((r.u64() << 64n) | r.u64());
    default:
      return [0xd0, type];
  }
}

/** A value on the stack → i64 that shows it. */
const SHOW: Partial<Record<ValType, Bytes>> = {
  [I32]: [0xac],
  [I64]: [],
  [F32]: [0xbc, 0xac],
  [F64]: [0xbd],
  [FUNCREF]: [0xd1, 0xac],
  [EXTERNREF]: [0xd1, 0xac],
};

/** What an imported function returns. */
const ZERO: Record<ValType, Bytes> = {
  [I32]: i32Const(0),
  [I64]: i64Const(0n),
  [F32]: f32Const(0),
  [F64]: f64Const(0n),
  [V128]: v128Const(0n),
  [FUNCREF]: [0xd0, FUNCREF],
  [EXTERNREF]: [0xd0, EXTERNREF],
};

/**
 * A module for `seed`, or undefined where V8 does not take it: the generator's idea of references is not
 * that of the specification. `inputs` calls of each export.
 */
export function binaryenModule(seed: number, inputs: number): Generated | undefined {
  const wasm = translate(seed);
  if (!WebAssembly.validate(wasm as BufferSource)) return undefined;
  return { ...instrument(decodeModule(wasm), new Random(seed ^ 0xb1a), inputs), vectors: true };
}

function instrument(m: Module, r: Random, inputs: number): Omit<Generated, "vectors"> {
  const imported = m.funcImports.length;
  // Behind the program's functions; the driver's routine is the only import.
  const func = (index: number): number =>
    index < imported ? 1 + m.funcs.length + index : 1 + index - imported;
  const spec = toSpec(
    m,
    m.globalImports.map(() => 0),
    { ...IDENTITY, func },
  );
  const types = m.types.slice();
  const typeOf = (params: ValType[], results: ValType[]): number =>
    types.push({ params, results }) - 1;
  spec.types = types;
  spec.imports = [{ module: "stub", name: "run", type: typeOf([], []) }];
  const log = uleb(m.globalImports.length + m.globals.length);
  spec.globals.push({ type: I64, mutable: true, init: i64Const(0n) });
  // What the generator's programs tell their host goes into a global.
  const mix: Bytes = [0x23, ...log, 0x42, 31, 0x7e, 0x7c, 0x24, ...log];
  const show = (type: ValType, get: Bytes): Bytes =>
    type === V128
      ? [0, 1].flatMap((lane) => [...get, 0xfd, 29, lane, ...mix])
      : [...get, ...(SHOW[type] as Bytes), ...mix];
  for (const { typeIndex } of m.funcImports) {
    const { params, results } = m.types[typeIndex] as (typeof m.types)[number];
    const code = params.flatMap((type, i) => show(type, [0x20, ...uleb(i)]));
    code.push(...results.flatMap((type) => ZERO[type]));
    spec.funcs.push({ type: typeIndex, locals: [], code });
  }
  const entries: Generated["entries"] = [];
  const exports: typeof spec.exports = [];
  const add = (name: string, type: number, locals: ValType[], code: Bytes): void => {
    spec.funcs.push({ type, locals, code });
    exports.push({ name, kind: 0, index: spec.funcs.length });
  };
  const value = typeOf([], [I64]);
  // A start function may trap: it is called like the others.
  delete spec.start;
  const refill = m.exports.find(({ name }) => name === REFILL);
  const called = m.exports.filter(({ kind, name }) => kind === "func" && name !== REFILL);
  if (m.start !== undefined) called.push({ name: "start", kind: "func", index: m.start });
  for (const [order, x] of called.entries()) {
    const { params, results } = funcTypeOf(m, x.index);
    for (let n = 0; n < (params.length > 0 ? inputs : Math.ceil(inputs / 4)); n++) {
      const code = refill ? [0x10, ...uleb(func(refill.index))] : [];
      code.push(...params.flatMap((type) => argument(r, type)), 0x10, ...uleb(func(x.index)));
      for (let i = results.length - 1; i >= 0; i--) code.push(0x21, ...uleb(i));
      results.forEach((type, i) => {
        code.push(...show(type, [0x20, ...uleb(i)]));
      });
      const name = `${x.name} ${order}.${n}`;
      add(name, value, results, [...code, 0x23, ...log]);
      entries.push({ name, params: [], results: [I64] });
    }
  }
  add("main", typeOf([], [I32]), [], [0x10, 0, ...i32Const(0)]);
  exports.push({ name: "memory", kind: 2, index: 0 });
  spec.exports = exports;
  spec.funcNames = [];
  return { bytes: buildModule(spec), entries };
}
