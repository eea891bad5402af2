// The instruction set: names, operand types and immediates by opcode.
// Follows the WebAssembly core specification, 5.4 "Instructions" and appendix A.7, and the threads
// proposal's atomic instructions. Control instructions are handled by name where they are decoded.

import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ValType } from "./types.ts";

export interface NumericOp {
  name: string;
  params: ValType[];
  result: ValType;
}

/** Kind of a memory instruction; `rmw` names the operation of an atomic read-modify-write. */
export interface MemoryOp {
  name: string;
  kind: "load" | "store" | "rmw" | "cmpxchg" | "notify" | "wait";
  type: ValType;
  /** Bytes accessed: 1, 2, 4 or 8. */
  size: 1 | 2 | 4 | 8;
  signed: boolean;
  atomic: boolean;
  rmw?: "add" | "sub" | "and" | "or" | "xor" | "xchg";
}

/** Opcode 0x45…0xc4 → numeric instruction. */
export const NUMERIC: (NumericOp | undefined)[] = [];
/** Opcode after prefix 0xfc, 0…7 → saturating conversion. */
export const SATURATING: NumericOp[] = [];
/** Opcode 0x28…0x3e → load or store. */
export const MEMORY: (MemoryOp | undefined)[] = [];
/** Opcode after prefix 0xfe → atomic memory instruction. */
export const ATOMIC: (MemoryOp | undefined)[] = [];

const TYPE: Record<string, ValType> = { i32: I32, i64: I64, f32: F32, f64: F64 };
const typeOf = (prefix: string): ValType => TYPE[prefix] as ValType;

function group(first: number, type: string, names: string, arity: 1 | 2, result?: string): number {
  const operand = typeOf(type);
  let opcode = first;
  for (const name of names.split(" ")) {
    NUMERIC[opcode++] = {
      name: `${type}.${name}`,
      params: arity === 1 ? [operand] : [operand, operand],
      result: result ? typeOf(result) : operand,
    };
  }
  return opcode;
}

const INT_COMPARE = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const FLOAT_COMPARE = "eq ne lt gt le ge";
const INT_BINARY = "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
let next = group(0x45, "i32", "eqz", 1, "i32");
next = group(next, "i32", INT_COMPARE, 2, "i32");
next = group(next, "i64", "eqz", 1, "i32");
next = group(next, "i64", INT_COMPARE, 2, "i32");
next = group(next, "f32", FLOAT_COMPARE, 2, "i32");
next = group(next, "f64", FLOAT_COMPARE, 2, "i32");
for (const type of ["i32", "i64"]) {
  next = group(next, type, "clz ctz popcnt", 1);
  next = group(next, type, INT_BINARY, 2);
}
for (const type of ["f32", "f64"]) {
  next = group(next, type, "abs neg ceil floor trunc nearest sqrt", 1);
  next = group(next, type, "add sub mul div min max copysign", 2);
}

function conversion(name: string): NumericOp {
  const match = /^(...)\.\w+?_(?:sat_)?([if]\d\d)(?:_[su])?$/.exec(name) as RegExpExecArray;
  return { name, params: [typeOf(match[2] as string)], result: typeOf(match[1] as string) };
}
const CONVERSIONS = [
  "i32.wrap_i64",
  ...["f32_s", "f32_u", "f64_s", "f64_u"].map((t) => `i32.trunc_${t}`),
  "i64.extend_i32_s",
  "i64.extend_i32_u",
  ...["f32_s", "f32_u", "f64_s", "f64_u"].map((t) => `i64.trunc_${t}`),
  ...["i32_s", "i32_u", "i64_s", "i64_u"].map((t) => `f32.convert_${t}`),
  "f32.demote_f64",
  ...["i32_s", "i32_u", "i64_s", "i64_u"].map((t) => `f64.convert_${t}`),
  "f64.promote_f32",
  "i32.reinterpret_f32",
  "i64.reinterpret_f64",
  "f32.reinterpret_i32",
  "f64.reinterpret_i64",
];
for (const name of CONVERSIONS) NUMERIC[next++] = conversion(name);
next = group(next, "i32", "extend8_s extend16_s", 1);
group(next, "i64", "extend8_s extend16_s extend32_s", 1);

for (const to of ["i32", "i64"]) {
  for (const from of ["f32_s", "f32_u", "f64_s", "f64_u"]) {
    SATURATING.push(conversion(`${to}.trunc_sat_${from}`));
  }
}

function memory(name: string, kind: MemoryOp["kind"], atomic: boolean): MemoryOp {
  const type = typeOf(name.slice(0, 3));
  const natural = type === I32 || type === F32 ? 4 : 8;
  const bits = /(?:load|store|rmw)(8|16|32)/.exec(name)?.[1];
  const size = (bits ? Number(bits) / 8 : natural) as MemoryOp["size"];
  return { name, kind, type, size, signed: name.endsWith("_s"), atomic };
}

const LOADS =
  "i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u " +
  "i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u";
const STORES =
  "i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 i64.store32";
next = 0x28;
for (const name of LOADS.split(" ")) MEMORY[next++] = memory(name, "load", false);
for (const name of STORES.split(" ")) MEMORY[next++] = memory(name, "store", false);

const WIDTHS = ["i32.X", "i64.X", "i32.X8_u", "i32.X16_u", "i64.X8_u", "i64.X16_u", "i64.X32_u"];
ATOMIC[0] = { ...memory("i32.notify", "notify", true), name: "memory.atomic.notify" };
ATOMIC[1] = { ...memory("i32.wait", "wait", true), name: "memory.atomic.wait32" };
ATOMIC[2] = { ...memory("i64.wait", "wait", true), name: "memory.atomic.wait64" };
next = 0x10;
for (const w of WIDTHS) ATOMIC[next++] = memory(w.replace("X", "atomic.load"), "load", true);
for (const w of WIDTHS) {
  ATOMIC[next++] = memory(w.replace("X", "atomic.store").replace("_u", ""), "store", true);
}
for (const rmw of ["add", "sub", "and", "or", "xor", "xchg"] as const) {
  for (const w of WIDTHS) {
    const name = w.replace("X", "atomic.rmw").replace("_u", "");
    const op = memory(name, "rmw", true);
    ATOMIC[next++] = {
      ...op,
      name: `${name}.${rmw}${op.size < 4 || w.endsWith("32_u") ? "_u" : ""}`,
      rmw,
    };
  }
}
for (const w of WIDTHS) {
  const name = w.replace("X", "atomic.rmw").replace("_u", "");
  ATOMIC[next++] = { ...memory(name, "cmpxchg", true), name: `${name}.cmpxchg` };
}

/** Proposal that owns a single-byte opcode this compiler does not implement, by opcode. */
export const FOREIGN_OPCODES: Record<number, string> = {
  6: "exception handling",
  7: "exception handling",
  8: "exception handling",
  9: "exception handling",
  10: "exception handling",
  20: "typed function references",
  21: "typed function references",
  24: "exception handling",
  25: "exception handling",
  31: "exception handling",
  211: "garbage collection",
  212: "typed function references",
  213: "typed function references",
  214: "typed function references",
  251: "garbage collection",
};

/** Printable name of a value type. */
export const TYPE_NAME: Record<number, string> = {
  [I32]: "i32",
  [I64]: "i64",
  [F32]: "f32",
  [F64]: "f64",
  [V128]: "v128",
  [FUNCREF]: "funcref",
  [EXTERNREF]: "externref",
};
