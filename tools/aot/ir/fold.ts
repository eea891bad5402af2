// Constant folding and algebraic identities, applied while instructions are made.
// Semantics: WebAssembly core specification, 4.3 "Numerics". Floating point folds only what is
// exact in IEEE 754 round-to-nearest and has no NaN operand, so that NaN bits stay the machine's.

import {
  bitsF32,
  bitsF64,
  Cond,
  F32,
  FCond,
  type Func,
  f32Bits,
  f64Bits,
  I32,
  I64,
  Op,
  SWAPPED_COND,
  type Type,
  type Value,
} from "./ir.ts";

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const _s64 = (x: bigint): bigint => BigInt.asIntN(64, x);

function popcount32(x: number): number {
  let n = 0;
  for (let v = x >>> 0; v !== 0; v &= v - 1) n++;
  return n;
}

/** Result of an i32 operation on constants, or undefined when it would trap. */
function evalI32(op: number, a: number, b: number): number | undefined {
  switch (op) {
    case Op.Add:
      return (a + b) | 0;
    case Op.Sub:
      return (a - b) | 0;
    case Op.Mul:
      return Math.imul(a, b);
    case Op.And:
      return a & b;
    case Op.Or:
      return a | b;
    case Op.Xor:
      return a ^ b;
    case Op.Shl:
      return a << (b & 31);
    case Op.ShrS:
      return a >> (b & 31);
    case Op.ShrU:
      return (a >>> (b & 31)) | 0;
    case Op.Rotl:
      return (b & 31) === 0 ? a : (a << (b & 31)) | (a >>> (32 - (b & 31)));
    case Op.Rotr:
      return (b & 31) === 0 ? a : (a >>> (b & 31)) | (a << (32 - (b & 31)));
    case Op.DivS:
      return b === 0 || (b === -1 && a === -0x80000000) ? undefined : (a / b) | 0;
    case Op.DivU:
      return b === 0 ? undefined : ((a >>> 0) / (b >>> 0)) | 0;
    case Op.RemS:
      return b === 0 ? undefined : (a % b) | 0;
    case Op.RemU:
      return b === 0 ? undefined : ((a >>> 0) % (b >>> 0)) | 0;
  }
  return undefined;
}

function evalI64(op: number, a: bigint, b: bigint): bigint | undefined {
  switch (op) {
    case Op.Add:
      return a + b;
    case Op.Sub:
      return a - b;
    case Op.Mul:
      return a * b;
    case Op.And:
      return a & b;
    case Op.Or:
      return a | b;
    case Op.Xor:
      return a ^ b;
    case Op.Shl:
      return a << (b & 63n);
    case Op.ShrS:
      return a >> (b & 63n);
    case Op.ShrU:
      return u64(a) >> (b & 63n);
    case Op.Rotl:
      return (u64(a) << (b & 63n)) | (u64(a) >> (64n - (b & 63n)));
    case Op.Rotr:
      return (u64(a) >> (b & 63n)) | (u64(a) << (64n - (b & 63n)));
    case Op.DivS:
      return b === 0n || (b === -1n && a === -(1n << 63n)) ? undefined : a / b;
    case Op.DivU:
      return b === 0n ? undefined : u64(a) / u64(b);
    case Op.RemS:
      return b === 0n ? undefined : a % b;
    case Op.RemU:
      return b === 0n ? undefined : u64(a) % u64(b);
    case Op.MulHiU:
      return (u64(a) * u64(b)) >> 64n;
    case Op.MulHiS:
      return (a * b) >> 64n;
  }
  return undefined;
}

export function compareI32(cond: number, a: number, b: number): boolean {
  switch (cond) {
    case Cond.Eq:
      return a === b;
    case Cond.Ne:
      return a !== b;
    case Cond.LtS:
      return a < b;
    case Cond.GeS:
      return a >= b;
    case Cond.GtS:
      return a > b;
    case Cond.LeS:
      return a <= b;
    case Cond.LtU:
      return a >>> 0 < b >>> 0;
    case Cond.GeU:
      return a >>> 0 >= b >>> 0;
    case Cond.GtU:
      return a >>> 0 > b >>> 0;
    default:
      return a >>> 0 <= b >>> 0;
  }
}

function compareI64(cond: number, a: bigint, b: bigint): boolean {
  const ua = u64(a);
  const ub = u64(b);
  switch (cond) {
    case Cond.Eq:
      return a === b;
    case Cond.Ne:
      return a !== b;
    case Cond.LtS:
      return a < b;
    case Cond.GeS:
      return a >= b;
    case Cond.GtS:
      return a > b;
    case Cond.LeS:
      return a <= b;
    case Cond.LtU:
      return ua < ub;
    case Cond.GeU:
      return ua >= ub;
    case Cond.GtU:
      return ua > ub;
    default:
      return ua <= ub;
  }
}

function compareFloat(cond: number, a: number, b: number): boolean {
  switch (cond) {
    case FCond.Eq:
      return a === b;
    case FCond.Ne:
      return a !== b;
    case FCond.Lt:
      return a < b;
    case FCond.NotLt:
      return !(a < b);
    case FCond.Gt:
      return a > b;
    case FCond.NotGt:
      return !(a > b);
    case FCond.Le:
      return a <= b;
    case FCond.NotLe:
      return !(a <= b);
    case FCond.Ge:
      return a >= b;
    default:
      return !(a >= b);
  }
}

/** Sign-extended low bits of an integer constant as a bigint. */
export function constBig(v: Value): bigint {
  return v.type === I32 ? BigInt(v.imm) : v.big;
}

const COMMUTATIVE = new Set<number>([Op.Add, Op.Mul, Op.And, Op.Or, Op.Xor, Op.MulHiU, Op.MulHiS]);

/** Exponent when the constant is a power of two (seen unsigned), else -1. */
export function log2(v: Value): number {
  const x = v.type === I32 ? BigInt(v.imm >>> 0) : u64(v.big);
  if (x === 0n || (x & (x - 1n)) !== 0n) return -1;
  return x.toString(2).length - 1;
}

/**
 * Upper bound of an i32 or i64 value seen unsigned, as far as operations up to `depth` levels down
 * tell; else all ones.
 */
export function maxUnsigned(v: Value, depth = 6): bigint {
  const full = v.type === I32 ? 0xffffffffn : 0xffffffffffffffffn;
  if (depth === 0) return full;
  switch (v.op) {
    case Op.Const:
      return v.type === I32 ? BigInt(v.imm >>> 0) : u64(v.big);
    case Op.ICmp:
    case Op.FCmp:
      return 1n;
    case Op.Load:
    case Op.LoadAbs:
    case Op.AtomicLoad:
      return v.sub === 0 && v.size < 8 ? (1n << BigInt(v.size * 8)) - 1n : full;
    case Op.And: {
      const b = v.args[1] as Value;
      return b.op === Op.Const ? maxUnsigned(b, depth - 1) : full;
    }
    case Op.ShrU: {
      const b = v.args[1] as Value;
      if (b.op !== Op.Const) return full;
      return full >> (constBig(b) & (v.type === I32 ? 31n : 63n));
    }
    case Op.ExtendU:
      return maxUnsigned(v.args[0] as Value, depth - 1);
    case Op.Shl: {
      const b = v.args[1] as Value;
      if (b.op !== Op.Const) return full;
      const max =
        maxUnsigned(v.args[0] as Value, depth - 1) << (constBig(b) & (v.type === I32 ? 31n : 63n));
      return max <= full ? max : full;
    }
    case Op.Add: {
      const max =
        maxUnsigned(v.args[0] as Value, depth - 1) + maxUnsigned(v.args[1] as Value, depth - 1);
      return max <= full ? max : full;
    }
    case Op.Clz:
    case Op.Ctz:
    case Op.Popcnt:
      return 64n;
  }
  return full;
}

/**
 * Makes integer binary operation `op` of `a` and `b`, folded where possible.
 * `emit` appends the instruction that remains.
 */
export function foldBinary(
  f: Func,
  op: number,
  type: Type,
  a: Value,
  b: Value,
  emit: (op: number, type: Type, args: Value[]) => Value,
): Value {
  if (a.op === Op.Const && b.op === Op.Const) {
    const result = type === I32 ? evalI32(op, a.imm, b.imm) : evalI64(op, a.big, b.big);
    if (result !== undefined) {
      return typeof result === "number" ? f.i32(result) : f.bits(I64, result);
    }
  }
  if (a.op === Op.Const && COMMUTATIVE.has(op)) {
    const t = a;
    a = b;
    b = t;
  }
  const again = (o: number, x: Value, y: Value): Value => foldBinary(f, o, type, x, y, emit);
  if (b.op === Op.Const) {
    const c = constBig(b);
    const a1 = a.args[1];
    switch (op) {
      case Op.Add:
        if (c === 0n) return a;
        // (x + c1) + c2 → x + (c1 + c2), wrapping arithmetic is associative.
        if (a.op === Op.Add && a1?.op === Op.Const) {
          return again(Op.Add, a.args[0] as Value, again(Op.Add, a1, b));
        }
        break;
      case Op.Sub:
        return again(Op.Add, a, f.bits(type, type === I32 ? BigInt(-b.imm | 0) : -b.big));
      case Op.Mul: {
        if (c === 0n) return b;
        if (c === 1n) return a;
        const shift = log2(b);
        if (shift > 0) return again(Op.Shl, a, f.int(type, shift));
        break;
      }
      case Op.And:
        if (c === 0n) return b;
        if (c === -1n) return a;
        if (
          c > 0n &&
          (maxUnsigned(a) & (maxUnsigned(a) + 1n)) === 0n &&
          (maxUnsigned(a) & c) === maxUnsigned(a)
        ) {
          return a;
        }
        if (a.op === Op.And && a1?.op === Op.Const) {
          return again(Op.And, a.args[0] as Value, again(Op.And, a1, b));
        }
        break;
      case Op.Or:
        if (c === 0n) return a;
        if (c === -1n) return b;
        break;
      case Op.Xor:
        if (c === 0n) return a;
        break;
      case Op.Shl:
      case Op.ShrS:
      case Op.ShrU:
      case Op.Rotl:
      case Op.Rotr: {
        const bits = type === I32 ? 32 : 64;
        const count = Number(c & BigInt(bits - 1));
        if (count === 0) return a;
        if (a.op === op && a1?.op === Op.Const && (op === Op.Shl || op === Op.ShrU)) {
          const inner = Number(constBig(a1) & BigInt(bits - 1));
          if (inner + count >= bits) return f.int(type, 0);
          return again(op, a.args[0] as Value, f.int(type, inner + count));
        }
        if (op === Op.ShrS && a.op === Op.Shl && a1?.op === Op.Const) {
          // The classic sign extension by two shifts.
          const inner = Number(constBig(a1) & BigInt(bits - 1));
          if (
            inner === count &&
            (bits - count === 8 || bits - count === 16 || bits - count === 32)
          ) {
            const v = emit(Op.Sext, type, [a.args[0] as Value]);
            v.size = (bits - count) / 8;
            return v;
          }
        }
        if (Number(c) !== count) return again(op, a, f.int(type, count));
        break;
      }
      case Op.DivS:
      case Op.DivU:
        if (c === 1n) return a;
        break;
      case Op.RemS:
        if (c === 1n || c === -1n) return f.int(type, 0);
        break;
      case Op.RemU:
        if (c === 1n) return f.int(type, 0);
        break;
    }
    if (op === Op.DivU || op === Op.RemU) {
      const shift = log2(b);
      if (shift > 0) {
        if (op === Op.DivU) return again(Op.ShrU, a, f.int(type, shift));
        return again(Op.And, a, f.bits(type, (1n << BigInt(shift)) - 1n));
      }
    }
  }
  if (a === b) {
    if (op === Op.Sub || op === Op.Xor) return f.int(type, 0);
    if (op === Op.And || op === Op.Or) return a;
  }
  if (
    a.op === Op.Const &&
    constBig(a) === 0n &&
    (op === Op.Shl || op === Op.ShrS || op === Op.ShrU)
  )
    return a;
  return emit(op, type, [a, b]);
}

/** Makes an integer comparison (result i32), folded where possible. */
export function foldICmp(
  f: Func,
  cond: number,
  a: Value,
  b: Value,
  emit: (op: number, type: Type, args: Value[]) => Value,
): Value {
  if (a.op === Op.Const && b.op === Op.Const) {
    return f.i32(
      (a.type === I32 ? compareI32(cond, a.imm, b.imm) : compareI64(cond, a.big, b.big)) ? 1 : 0,
    );
  }
  if (a.op === Op.Const) return foldICmp(f, SWAPPED_COND[cond] as number, b, a, emit);
  if (a === b) {
    const holds =
      cond === Cond.Eq ||
      cond === Cond.LeS ||
      cond === Cond.LeU ||
      cond === Cond.GeS ||
      cond === Cond.GeU;
    return f.i32(holds ? 1 : 0);
  }
  if (b.op === Op.Const) {
    const c = constBig(b);
    if (c === 0n) {
      // Unsigned comparisons against zero are equality tests or constant.
      if (cond === Cond.LtU) return f.i32(0);
      if (cond === Cond.GeU) return f.i32(1);
      if (cond === Cond.GtU) return foldICmp(f, Cond.Ne, a, b, emit);
      if (cond === Cond.LeU) return foldICmp(f, Cond.Eq, a, b, emit);
      if ((cond === Cond.Eq || cond === Cond.Ne) && (a.op === Op.ICmp || a.op === Op.FCmp)) {
        if (cond === Cond.Ne) return a;
        if (a.op === Op.ICmp)
          return foldICmp(f, a.sub ^ 1, a.args[0] as Value, a.args[1] as Value, emit);
        const v = emit(Op.FCmp, I32, a.args.slice());
        v.sub = a.sub ^ 1;
        return v;
      }
      if ((cond === Cond.Eq || cond === Cond.Ne) && a.op === Op.ExtendU) {
        return foldICmp(f, cond, a.args[0] as Value, f.i32(0), emit);
      }
    }
    if (c === 1n && cond === Cond.LtU) return foldICmp(f, Cond.Eq, a, f.int(a.type, 0), emit);
    if (c === 1n && cond === Cond.GeU) return foldICmp(f, Cond.Ne, a, f.int(a.type, 0), emit);
    if (c === 1n && cond === Cond.LtS) return foldICmp(f, Cond.LeS, a, f.int(a.type, 0), emit);
    if (c === 1n && cond === Cond.GeS) return foldICmp(f, Cond.GtS, a, f.int(a.type, 0), emit);
  }
  const v = emit(Op.ICmp, I32, [a, b]);
  v.sub = cond;
  return v;
}

/** Makes a one-operand integer operation or conversion between integers, folded where possible. */
export function foldUnary(
  f: Func,
  op: number,
  type: Type,
  size: number,
  a: Value,
  emit: (op: number, type: Type, args: Value[]) => Value,
): Value {
  if (a.op === Op.Const) {
    switch (op) {
      case Op.Wrap:
        return f.bits(I32, a.big);
      case Op.ExtendS:
        return f.bits(I64, BigInt(a.imm));
      case Op.ExtendU:
        return f.bits(I64, BigInt(a.imm >>> 0));
      case Op.Sext:
        return f.bits(type, BigInt.asIntN(size * 8, constBig(a)));
      case Op.Clz:
        if (type === I32) return f.i32(Math.clz32(a.imm));
        return f.bits(I64, a.big === 0n ? 64n : BigInt(64 - u64(a.big).toString(2).length));
      case Op.Ctz: {
        const x = constBig(a);
        if (x === 0n) return f.int(type, type === I32 ? 32 : 64);
        let n = 0;
        for (let v = x; (v & 1n) === 0n; v >>= 1n) n++;
        return f.int(type, n);
      }
      case Op.Popcnt:
        if (type === I32) return f.i32(popcount32(a.imm));
        return f.int(
          I64,
          popcount32(Number(a.big & 0xffffffffn)) +
            popcount32(Number((u64(a.big) >> 32n) & 0xffffffffn)),
        );
      case Op.Bitcast:
        return f.bits(type, BigInt.asUintN(type === F32 || type === I32 ? 32 : 64, constBig(a)));
    }
  }
  if (op === Op.Wrap && (a.op === Op.ExtendS || a.op === Op.ExtendU)) return a.args[0] as Value;
  if (op === Op.Sext && a.op === Op.Sext && a.size <= size) return a;
  if (op === Op.Sext && (a.op === Op.Load || a.op === Op.LoadAbs) && a.sub === 1 && a.size <= size)
    return a;
  const v = emit(op, type, [a]);
  v.size = size;
  return v;
}

/** Makes a float comparison (result i32), folded where possible. */
export function foldFCmp(
  f: Func,
  cond: number,
  a: Value,
  b: Value,
  emit: (op: number, type: Type, args: Value[]) => Value,
): Value {
  if (a.op === Op.Const && b.op === Op.Const) {
    const x = a.type === F32 ? bitsF32(a.big) : bitsF64(a.big);
    const y = b.type === F32 ? bitsF32(b.big) : bitsF64(b.big);
    return f.i32(compareFloat(cond, x, y) ? 1 : 0);
  }
  const v = emit(Op.FCmp, I32, [a, b]);
  v.sub = cond;
  return v;
}

/** Makes float arithmetic; folds add, sub, mul and div of constants whose result is not NaN. */
export function foldFloat(
  f: Func,
  op: number,
  type: Type,
  args: Value[],
  emit: (op: number, type: Type, args: Value[]) => Value,
): Value {
  const [a, b] = args;
  if (a?.op === Op.Const && b?.op === Op.Const && op >= Op.FAdd && op <= Op.FDiv) {
    const x = type === F32 ? bitsF32(a.big) : bitsF64(a.big);
    const y = type === F32 ? bitsF32(b.big) : bitsF64(b.big);
    const r = op === Op.FAdd ? x + y : op === Op.FSub ? x - y : op === Op.FMul ? x * y : x / y;
    // Rounding a binary64 sum, product or quotient of binary32 operands to binary32 is exact.
    if (!Number.isNaN(r)) return f.bits(type, type === F32 ? f32Bits(Math.fround(r)) : f64Bits(r));
  }
  return emit(op, type, args);
}

/** Makes a select, folded where the condition is constant or both sides are equal. */
export function foldSelect(
  cond: Value,
  a: Value,
  b: Value,
  emit: (op: number, type: Type, args: Value[]) => Value,
): Value {
  if (cond.op === Op.Const) return cond.imm !== 0 ? a : b;
  if (a === b) return a;
  return emit(Op.Select, a.type, [cond, a, b]);
}
