// Values of the specification's scripts as wast2json writes them: code that pushes them, code that stores
// results where the process shows them, and the comparison with what is expected, NaN patterns included.

import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ValType } from "../../wasm/types.ts";
import {
  type Bytes,
  f32Const,
  f64Const,
  i32Const,
  i64Const,
  type ModuleSpec,
  uleb,
  v128Const,
} from "../../wasm/writer.ts";

export interface Value {
  type: string;
  /**
   * Bits in decimal, `nan:canonical` or `nan:arithmetic`; `null` or a number for references; for v128 one
   * of these for each lane of `lane_type`.
   */
  value?: string | string[];
  lane_type?: string;
}

const TYPES: Record<string, ValType> = {
  i32: I32,
  i64: I64,
  f32: F32,
  f64: F64,
  v128: V128,
  funcref: FUNCREF,
  externref: EXTERNREF,
};

/** Imported functions that the code of values calls, by their index. */
const [RUN, STORE, AREA, TO_EXTERN, FROM_EXTERN, FROM_FUNC] = [0, 1, 2, 3, 4, 5] as const;

/** Imports of a program that makes calls and shows their results. */
export const HOST_IMPORTS: {
  module: string;
  name: string;
  params: ValType[];
  results: ValType[];
}[] = [
  { module: "stub", name: "run", params: [], results: [] },
  { module: "x86", name: "store64", params: [I64, I64], results: [] },
  { module: "symbol", name: "area", params: [], results: [I64] },
  // A reference is what the host says: the same bits.
  { module: "stub", name: "same", params: [I64], results: [EXTERNREF] },
  { module: "stub", name: "same", params: [EXTERNREF], results: [I64] },
  { module: "stub", name: "same", params: [FUNCREF], results: [I32] },
];

/** Bytes per call in the area of results. */
export const RESULT_BYTES = 256;

/** `main` of the program: makes the calls. */
export const MAIN: ModuleSpec["funcs"][number]["code"] = [0x10, RUN, ...i32Const(0)];

/** Bits of a lane of a vector. */
function laneBits(type: string): number {
  return Number(type.slice(1));
}

function vectorBits({ value, lane_type = "i8" }: Value): bigint {
  const width = laneBits(lane_type);
  return (value as string[]).reduce(
    (bits, lane, i) => bits | (BigInt.asUintN(width, BigInt(lane)) << BigInt(i * width)),
    0n,
  );
}

/** Code that pushes an argument. */
export function pushValue(argument: Value): Bytes {
  const { type, value } = argument;
  const code = TYPES[type] as ValType;
  if (code === V128) return v128Const(vectorBits(argument));
  if (value === "null") return [0xd0, code];
  const bits = BigInt(value as string);
  switch (code) {
    case I32:
      return i32Const(Number(BigInt.asIntN(32, bits)));
    case I64:
      return i64Const(bits);
    case F32:
      return f32Const(Number(bits));
    case F64:
      return f64Const(bits);
    default:
      // Null is 0.
      return [...i64Const(bits + 1n), 0x10, TO_EXTERN];
  }
}

/** Bytes of a value in the area. */
const widthOf = (type: ValType): number => (type === V128 ? 16 : 8);

/** `i64x2.extract_lane`. */
const EXTRACT_I64 = [0xfd, 29];

/** Code that stores the local `local` at `offset` of the area. */
function storeLocal(local: number, type: ValType, offset: number): Bytes {
  const get = [0x20, ...uleb(local)];
  const bits: Partial<Record<ValType, Bytes>> = {
    [I32]: [0xad],
    [F32]: [0xbc, 0xad],
    [F64]: [0xbd],
    [EXTERNREF]: [0x10, FROM_EXTERN],
    [FUNCREF]: [0x10, FROM_FUNC, 0xad],
  };
  const address = [0x10, AREA, ...i64Const(BigInt(offset)), 0x7c];
  if (type === V128) {
    const high = [0x10, AREA, ...i64Const(BigInt(offset + 8)), 0x7c];
    const low = [...address, ...get, ...EXTRACT_I64, 0, 0x10, STORE];
    return [...low, ...high, ...get, ...EXTRACT_I64, 1, 0x10, STORE];
  }
  return [...address, ...get, ...(bits[type] ?? []), 0x10, STORE];
}

/** Code that stores results, which are on the stack, as those of call `n`; locals 0… take them. */
export function storeResults(results: ValType[], n: number): Bytes {
  const code: Bytes = [];
  for (let i = results.length - 1; i >= 0; i--) code.push(0x21, ...uleb(i));
  let offset = n * RESULT_BYTES;
  results.forEach((type, i) => {
    code.push(...storeLocal(i, type, offset));
    offset += widthOf(type);
  });
  return code;
}

/** Whether bits of a float hold an expected pattern. */
function isNan(word: bigint, type: ValType, kind: string): boolean {
  const quiet = type === F64 ? 0x7ff8000000000000n : 0x7fc00000n;
  const rest = word & ~(type === F64 ? 1n << 63n : 1n << 31n);
  return kind === "nan:canonical" ? rest === quiet : (rest & quiet) === quiet;
}

function sameLanes(view: DataView, offset: number, { value, lane_type = "i8" }: Value): boolean {
  const width = laneBits(lane_type);
  const low = view.getBigUint64(offset, true);
  const bits = (view.getBigUint64(offset + 8, true) << 64n) | low;
  return (value as string[]).every((lane, i) => {
    const actual = BigInt.asUintN(width, bits >> BigInt(i * width));
    if (lane.startsWith("nan:")) return isNan(actual, width === 64 ? F64 : F32, lane);
    return actual === BigInt.asUintN(width, BigInt(lane));
  });
}

/** Whether the bytes at `offset` hold the expected value. */
function matches(view: DataView, offset: number, expected: Value): boolean {
  const { type, value } = expected;
  if (typeof value === "object") return sameLanes(view, offset, expected);
  const code = TYPES[type] as ValType;
  const word = view.getBigUint64(offset, true);
  if (code === FUNCREF || code === EXTERNREF) {
    if (value === undefined) return word !== 0n;
    if (value === "null") return word === 0n;
    return code === FUNCREF ? word !== 0n : word === BigInt(value) + 1n;
  }
  if (value?.startsWith("nan:")) return isNan(word, code, value);
  const wide = code === I64 || code === F64;
  return word === BigInt.asUintN(wide ? 64 : 32, BigInt(value as string));
}

/** What is wrong with the results of call `n`, or undefined. */
export function wrongResult(area: DataView, n: number, expected: Value[]): string | undefined {
  let offset = n * RESULT_BYTES;
  for (const [i, value] of expected.entries()) {
    if (!matches(area, offset, value)) {
      const bits = `0x${area.getBigUint64(offset, true).toString(16)}`;
      return `result ${i} is ${bits}, ${value.type} ${value.value ?? "not null"} expected`;
    }
    offset += widthOf(TYPES[value.type] as ValType);
  }
  return undefined;
}

/** Whether the runner knows the type of a value. */
export function isKnown({ type }: Value): boolean {
  return type in TYPES;
}
