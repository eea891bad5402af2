// The vector instructions behind prefix 0xfd: names, types and immediates by opcode.
// Follows the WebAssembly core specification 2.0, 5.4.8 "Vector Instructions".

import { F32, F64, I32, I64, V128, type ValType } from "./types.ts";

export interface VectorOp {
  name: string;
  /** `plain` has no immediate; `extract` and `replace` have a lane; memory instructions a memarg. */
  kind:
    | "plain"
    | "const"
    | "shuffle"
    | "extract"
    | "replace"
    | "load"
    | "store"
    | "loadLane"
    | "storeLane";
  params: ValType[];
  /** Undefined where nothing is left on the stack. */
  result: ValType | undefined;
  /** Bytes that a memory instruction accesses. */
  size: number;
  /** Number of lanes that a lane immediate is below. */
  lanes: number;
}

/** By opcode. */
export const VECTOR: (VectorOp | undefined)[] = [];

const LANE_TYPE: Record<string, ValType> = {
  i8x16: I32,
  i16x8: I32,
  i32x4: I32,
  i64x2: I64,
  f32x4: F32,
  f64x2: F64,
};

function add(opcode: number, name: string, op: Partial<VectorOp>): void {
  VECTOR[opcode] = {
    name,
    kind: "plain",
    params: [V128],
    result: V128,
    size: 0,
    lanes: 0,
    ...op,
  };
}

function lanesOf(name: string): number {
  return Number(name.slice(name.indexOf("x") + 1, name.indexOf(".")));
}

/** Names from `first` on; `_` leaves an opcode out. */
function group(first: number, shape: string, names: string, op: Partial<VectorOp>): void {
  names.split(" ").forEach((name, i) => {
    if (name !== "_") add(first + i, `${shape}.${name}`, op);
  });
}

const UNARY: Partial<VectorOp> = {};
const BINARY: Partial<VectorOp> = { params: [V128, V128] };
const SHIFT: Partial<VectorOp> = { params: [V128, I32] };
const TEST: Partial<VectorOp> = { result: I32 };

[16, 8, 8, 8, 8, 8, 8, 1, 2, 4, 8].forEach((size, opcode) => {
  const names =
    "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u load8_splat load16_splat " +
    "load32_splat load64_splat";
  const name = `v128.${names.split(" ")[opcode]}`;
  add(opcode, name, { kind: "load", params: [I32], size });
});
add(11, "v128.store", { kind: "store", params: [I32, V128], result: undefined, size: 16 });
add(12, "v128.const", { kind: "const", params: [] });
add(13, "i8x16.shuffle", { kind: "shuffle", params: [V128, V128] });
add(14, "i8x16.swizzle", BINARY);
Object.entries(LANE_TYPE).forEach(([shape, type], i) => {
  add(15 + i, `${shape}.splat`, { params: [type] });
});
let next = 21;
for (const [shape, type] of Object.entries(LANE_TYPE)) {
  const lanes = lanesOf(`${shape}.`);
  const suffixes = lanes >= 8 ? ["_s", "_u"] : [""];
  for (const suffix of suffixes) {
    add(next++, `${shape}.extract_lane${suffix}`, { kind: "extract", result: type, lanes });
  }
  add(next++, `${shape}.replace_lane`, { kind: "replace", params: [V128, type], lanes });
}
const COMPARISONS = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
for (const shape of ["i8x16", "i16x8", "i32x4"]) {
  group(next, shape, COMPARISONS, BINARY);
  next += 10;
}
for (const shape of ["f32x4", "f64x2"]) {
  group(next, shape, "eq ne lt gt le ge", BINARY);
  next += 6;
}
add(77, "v128.not", UNARY);
group(78, "v128", "and andnot or xor", BINARY);
add(82, "v128.bitselect", { params: [V128, V128, V128] });
add(83, "v128.any_true", TEST);
[1, 2, 4, 8].forEach((size, i) => {
  const lanes = 16 / size;
  const bits = size * 8;
  add(84 + i, `v128.load${bits}_lane`, { kind: "loadLane", params: [I32, V128], size, lanes });
  add(88 + i, `v128.store${bits}_lane`, {
    kind: "storeLane",
    params: [I32, V128],
    result: undefined,
    size,
    lanes,
  });
});
add(92, "v128.load32_zero", { kind: "load", params: [I32], size: 4 });
add(93, "v128.load64_zero", { kind: "load", params: [I32], size: 8 });
add(94, "f32x4.demote_f64x2_zero", UNARY);
add(95, "f64x2.promote_low_f32x4", UNARY);
group(96, "i8x16", "abs neg popcnt", UNARY);
group(99, "i8x16", "all_true bitmask", TEST);
group(101, "i8x16", "narrow_i16x8_s narrow_i16x8_u", BINARY);
group(103, "f32x4", "ceil floor trunc nearest", UNARY);
group(107, "i8x16", "shl shr_s shr_u", SHIFT);
group(110, "i8x16", "add add_sat_s add_sat_u sub sub_sat_s sub_sat_u", BINARY);
group(116, "f64x2", "ceil floor", UNARY);
group(118, "i8x16", "min_s min_u max_s max_u", BINARY);
add(122, "f64x2.trunc", UNARY);
add(123, "i8x16.avgr_u", BINARY);
group(124, "i16x8", "extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u", UNARY);
group(126, "i32x4", "extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u", UNARY);
group(128, "i16x8", "abs neg", UNARY);
add(130, "i16x8.q15mulr_sat_s", BINARY);
group(131, "i16x8", "all_true bitmask", TEST);
group(133, "i16x8", "narrow_i32x4_s narrow_i32x4_u", BINARY);
const extend = (from: string): string =>
  `extend_low_${from}_s extend_high_${from}_s extend_low_${from}_u extend_high_${from}_u`;
const multiply = (from: string): string => extend(from).replaceAll("extend", "extmul");
group(135, "i16x8", extend("i8x16"), UNARY);
group(139, "i16x8", "shl shr_s shr_u", SHIFT);
group(142, "i16x8", "add add_sat_s add_sat_u sub sub_sat_s sub_sat_u", BINARY);
add(148, "f64x2.nearest", UNARY);
group(149, "i16x8", "mul min_s min_u max_s max_u _ avgr_u", BINARY);
group(156, "i16x8", multiply("i8x16"), BINARY);
group(160, "i32x4", "abs neg", UNARY);
group(163, "i32x4", "all_true bitmask", TEST);
group(167, "i32x4", extend("i16x8"), UNARY);
group(171, "i32x4", "shl shr_s shr_u", SHIFT);
group(174, "i32x4", "add _ _ sub _ _ _ mul min_s min_u max_s max_u dot_i16x8_s", BINARY);
group(188, "i32x4", multiply("i16x8"), BINARY);
group(192, "i64x2", "abs neg", UNARY);
group(195, "i64x2", "all_true bitmask", TEST);
group(199, "i64x2", extend("i32x4"), UNARY);
group(203, "i64x2", "shl shr_s shr_u", SHIFT);
group(206, "i64x2", "add _ _ sub _ _ _ mul eq ne lt_s gt_s le_s ge_s", BINARY);
group(220, "i64x2", multiply("i32x4"), BINARY);
for (const [first, shape] of [
  [224, "f32x4"],
  [236, "f64x2"],
] as const) {
  group(first, shape, "abs neg _ sqrt", UNARY);
  group(first + 4, shape, "add sub mul div min max pmin pmax", BINARY);
}
group(248, "i32x4", "trunc_sat_f32x4_s trunc_sat_f32x4_u", UNARY);
group(250, "f32x4", "convert_i32x4_s convert_i32x4_u", UNARY);
group(252, "i32x4", "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero", UNARY);
group(254, "f64x2", "convert_low_i32x4_s convert_low_i32x4_u", UNARY);

const BY_NAME = new Map(VECTOR.flatMap((op, code) => (op ? [[op.name, code] as const] : [])));

/** Opcode of a vector instruction. */
export function vectorOpcode(name: string): number {
  const code = BY_NAME.get(name);
  if (code === undefined) throw new Error(`no vector instruction ${name}`);
  return code;
}
