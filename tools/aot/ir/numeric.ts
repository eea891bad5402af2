// wasm's value types and numeric instructions as IR: for each instruction the function that takes its
// operands from the builder's stack and pushes its result. Chosen by name, from the tables of tools/wasm.

import { NUMERIC, type NumericOp, SATURATING } from "../../wasm/opcodes.ts";
import type { FuncType, ValType } from "../../wasm/types.ts";
import type { Builder } from "./build.ts";
import { foldFCmp, foldFloat } from "./fold.ts";
import { Cond, F32, F64, FCond, I32, I64, Op, type Signature, type Type, V128 } from "./ir.ts";

/** A funcref is the number of a function, an externref whatever 64 bits the host gave; null is 0. */
const TYPES: Record<ValType, Type> = {
  127: I32,
  126: I64,
  125: F32,
  124: F64,
  123: V128,
  112: I32,
  111: I64,
};

export function irType(type: ValType): Type {
  return TYPES[type];
}

export function irSignature(type: FuncType): Signature {
  return { params: type.params.map(irType), results: type.results.map(irType) };
}

const INT_OPS: Record<string, number> = {
  add: Op.Add,
  sub: Op.Sub,
  mul: Op.Mul,
  div_s: Op.DivS,
  div_u: Op.DivU,
  rem_s: Op.RemS,
  rem_u: Op.RemU,
  and: Op.And,
  or: Op.Or,
  xor: Op.Xor,
  shl: Op.Shl,
  shr_s: Op.ShrS,
  shr_u: Op.ShrU,
  rotl: Op.Rotl,
  rotr: Op.Rotr,
};
const INT_UNARY: Record<string, [number, number]> = {
  clz: [Op.Clz, 0],
  ctz: [Op.Ctz, 0],
  popcnt: [Op.Popcnt, 0],
  extend8_s: [Op.Sext, 1],
  extend16_s: [Op.Sext, 2],
  extend32_s: [Op.Sext, 4],
  wrap_i64: [Op.Wrap, 0],
  extend_i32_s: [Op.ExtendS, 0],
  extend_i32_u: [Op.ExtendU, 0],
  reinterpret_f32: [Op.Bitcast, 0],
  reinterpret_f64: [Op.Bitcast, 0],
  reinterpret_i32: [Op.Bitcast, 0],
  reinterpret_i64: [Op.Bitcast, 0],
};
const INT_CONDS: Record<string, number> = {
  eq: Cond.Eq,
  ne: Cond.Ne,
  lt_s: Cond.LtS,
  lt_u: Cond.LtU,
  gt_s: Cond.GtS,
  gt_u: Cond.GtU,
  le_s: Cond.LeS,
  le_u: Cond.LeU,
  ge_s: Cond.GeS,
  ge_u: Cond.GeU,
};
const FLOAT_OPS: Record<string, number> = {
  abs: Op.FAbs,
  neg: Op.FNeg,
  ceil: Op.FCeil,
  floor: Op.FFloor,
  trunc: Op.FTrunc,
  nearest: Op.FNearest,
  sqrt: Op.FSqrt,
  add: Op.FAdd,
  sub: Op.FSub,
  mul: Op.FMul,
  div: Op.FDiv,
  min: Op.FMin,
  max: Op.FMax,
  copysign: Op.FCopysign,
  demote_f64: Op.Demote,
  promote_f32: Op.Promote,
};
const FLOAT_CONDS: Record<string, number> = {
  eq: FCond.Eq,
  ne: FCond.Ne,
  lt: FCond.Lt,
  gt: FCond.Gt,
  le: FCond.Le,
  ge: FCond.Ge,
};

type NumericEmitter = (b: Builder) => void;

/** Emitter of one numeric instruction, chosen once by its name. */
function numericEmitter(info: NumericOp): NumericEmitter {
  const suffix = info.name.slice(4);
  const operand = irType(info.params[0] as ValType);
  const result = irType(info.result);
  const isFloat = operand === F32 || operand === F64;
  if (suffix === "eqz") {
    return (b) => b.push(b.icmp(Cond.Eq, b.pop(), b.f.int(operand, 0)));
  }
  const conversion = /^(trunc|trunc_sat|convert)_[if]\d\d_([su])$/.exec(suffix);
  if (conversion) {
    const op = { trunc: Op.Trunc, trunc_sat: Op.TruncSat, convert: Op.Convert }[
      conversion[1] as string
    ] as number;
    const signed = conversion[2] === "s" ? 1 : 0;
    return (b) => {
      const v = b.emit(op, result, [b.pop()]);
      v.sub = signed;
      b.push(v);
    };
  }
  const unary = INT_UNARY[suffix];
  if (unary) return (b) => b.push(b.unary(unary[0], result, b.pop(), unary[1]));
  if (isFloat) {
    const cond = FLOAT_CONDS[suffix];
    if (cond !== undefined) {
      return (b) => {
        const right = b.pop();
        b.push(foldFCmp(b.f, cond, b.pop(), right, b.emit));
      };
    }
    const op = FLOAT_OPS[suffix] as number;
    if (info.params.length === 1) return (b) => b.push(b.emit(op, result, [b.pop()]));
    return (b) => {
      const right = b.pop();
      b.push(foldFloat(b.f, op, result, [b.pop(), right], b.emit));
    };
  }
  const cond = INT_CONDS[suffix];
  if (cond !== undefined) {
    return (b) => {
      const right = b.pop();
      b.push(b.icmp(cond, b.pop(), right));
    };
  }
  const op = INT_OPS[suffix] as number;
  return (b) => {
    const right = b.pop();
    b.push(b.binary(op, b.pop(), right));
  };
}

/** By opcode. */
export const NUMERIC_EMITTERS = NUMERIC.map((info) => info && numericEmitter(info));
/** By opcode behind prefix 0xfc. */
export const SATURATING_EMITTERS = SATURATING.map(numericEmitter);
