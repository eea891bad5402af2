// Integer instructions on values: constants are computed, what is known about the width of a value saves masks. Follows
// the WebAssembly core specification 2.0, 4.3.2 "Integer Operations".

import {
  alike,
  bitsOf,
  CONST,
  I32,
  I64,
  i32,
  i64,
  node,
  resultOf,
  SELECT,
  same,
  type Value,
} from "./value.ts";

export const I32_EQZ = 0x45;
export const I32_EQ = 0x46;
export const I32_NE = 0x47;
const I32_LT_U = 0x49;
export const I32_GT_S = 0x4a;
const I32_GT_U = 0x4b;
export const I32_LE_S = 0x4c;
const I32_LE_U = 0x4d;
const I32_GE_U = 0x4f;
export const I64_EQZ = 0x50;
export const I64_EQ = 0x51;
export const I64_NE = 0x52;
const I64_LT_U = 0x54;
const I64_GT_U = 0x56;
const I64_LE_U = 0x58;
const I64_GE_U = 0x5a;
export const I32_ADD = 0x6a;
export const I32_SUB = 0x6b;
const I32_MUL = 0x6c;
export const I32_AND = 0x71;
export const I32_OR = 0x72;
export const I32_XOR = 0x73;
export const I32_SHL = 0x74;
const I32_SHR_S = 0x75;
export const I32_SHR_U = 0x76;
const I32_ROTL = 0x77;
const I32_ROTR = 0x78;
const I64_CLZ = 0x79;
const I64_POPCNT = 0x7b;
export const I64_ADD = 0x7c;
export const I64_SUB = 0x7d;
const I64_MUL = 0x7e;
export const I64_AND = 0x83;
export const I64_OR = 0x84;
const I64_XOR = 0x85;
export const I64_SHL = 0x86;
const I64_SHR_S = 0x87;
export const I64_SHR_U = 0x88;
const I64_ROTL = 0x89;
export const WRAP = 0xa7;
export const EXTEND_S = 0xac;
export const EXTEND_U = 0xad;
export const I32_REINTERPRET = 0xbc;
export const I64_REINTERPRET = 0xbd;
export const F32_REINTERPRET = 0xbe;
export const F64_REINTERPRET = 0xbf;
export const I32_EXTEND8 = 0xc0;
export const I32_EXTEND16 = 0xc1;
export const I64_EXTEND8 = 0xc2;
export const I64_EXTEND16 = 0xc3;
export const I64_EXTEND32 = 0xc4;

const MASK32 = 0xffffffffn;
const ALL64 = 0xffffffffffffffffn;

/** Result of a numeric instruction (opcode 0x45 to 0xc4). */
export function unary(op: number, a: Value): Value {
  if (a.op === CONST) {
    const folded = foldUnary(op, a);
    if (folded) return folded;
  }
  switch (op) {
    case I32_EQZ:
    case I64_EQZ:
      return eqz(op, a);
    case WRAP:
      return wrap(a);
    case EXTEND_U:
      if (a.op === WRAP && (a.a as Value).width <= 32) return a.a as Value;
      return node(I64, op, a.width, a);
    case EXTEND_S:
      if (a.width < 32) return unary(EXTEND_U, a);
      if (a.op === WRAP) return unary(I64_EXTEND32, a.a as Value);
      break;
    case I64_EXTEND32:
      return signExtend(op, 32, MASK32, a);
    case I64_EXTEND16:
      return signExtend(op, 16, 0xffffn, a);
    case I64_EXTEND8:
      return signExtend(op, 8, 0xffn, a);
    case I32_EXTEND8:
      return signExtend(op, 8, 0xffn, a);
    case I32_EXTEND16:
      return signExtend(op, 16, 0xffffn, a);
    // The number itself may be asked for, too.
    case I32_REINTERPRET:
      if (a.op === F32_REINTERPRET) return a.a as Value;
      a.uses++;
      break;
    case I64_REINTERPRET:
      if (a.op === F64_REINTERPRET) return a.a as Value;
      a.uses++;
      break;
    case F32_REINTERPRET:
      if (a.op === I32_REINTERPRET) return a.a as Value;
      break;
    case F64_REINTERPRET:
      if (a.op === I64_REINTERPRET) return a.a as Value;
      break;
  }
  const type = resultOf(op);
  const width = op >= I64_CLZ && op <= I64_POPCNT ? 7 : op >= 0x67 && op <= 0x69 ? 6 : fullOf(type);
  return node(type, op, width, a);
}

const fullOf = (type: number): number => (type === I32 ? 32 : type === I64 ? 64 : 0);

function signExtend(op: number, from: number, mask: bigint, a: Value): Value {
  if (a.width < from) return a;
  const and = a.type === I64 ? I64_AND : I32_AND;
  const inner =
    a.op === and && a.b?.op === CONST && (bitsOf(a.b) & mask) === mask ? a.a : undefined;
  return node(a.type, op, fullOf(a.type), inner ?? a);
}

/** Comparisons of integers in pairs of opposites, as their opcodes are but for the first. */
const OPPOSITE = new Map<number, number>();
for (const first of [0x46, 0x51]) {
  // eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
  for (const [x, y] of [
    [0, 1],
    [2, 8],
    [3, 9],
    [4, 6],
    [5, 7],
  ] as const) {
    OPPOSITE.set(first + x, first + y);
    OPPOSITE.set(first + y, first + x);
  }
}

function eqz(op: number, a: Value): Value {
  if (a.nonzero) return i32(0);
  const opposite = OPPOSITE.get(a.op);
  if (opposite !== undefined) return node(I32, opposite, 1, a.a, a.b);
  if ((a.op === I32_EQZ || a.op === I64_EQZ) && op === I32_EQZ) {
    const inner = a.a as Value;
    if (inner.width === 1 && inner.type === I32) return inner;
    if (inner.width === 1) return wrap(inner);
    return binary(
      inner.type === I32 ? I32_NE : I64_NE,
      inner,
      inner.type === I32 ? i32(0) : i64(0n),
    );
  }
  if (a.op === EXTEND_U) return eqz(I32_EQZ, a.a as Value);
  return node(I32, op, 1, a);
}

function wrap(a: Value): Value {
  if (a.op === EXTEND_U || a.op === EXTEND_S) return a.a as Value;
  if (a.op === I64_EXTEND32) return wrap(a.a as Value);
  if (a.op === I64_AND && a.b?.op === CONST && (bitsOf(a.b) & MASK32) === MASK32)
    return wrap(a.a as Value);
  const rotated = rotated32(a);
  if (rotated) return rotated;
  const result = node(I32, WRAP, Math.min(32, a.width), a);
  if (a.nonzero && a.width <= 32) result.nonzero = true;
  return result;
}

function foldUnary(op: number, a: Value): Value | undefined {
  const n = a.n;
  switch (op) {
    case I32_EQZ:
      return i32(n === 0 ? 1 : 0);
    case I64_EQZ:
      return i32(a.bits === 0n ? 1 : 0);
    case WRAP:
      return i32(Number(BigInt.asIntN(32, a.bits)));
    case EXTEND_S:
      return i64(BigInt(n));
    case EXTEND_U:
      return i64(BigInt(n >>> 0));
    case I32_EXTEND8:
      return i32((n << 24) >> 24);
    case I32_EXTEND16:
      return i32((n << 16) >> 16);
    case I64_EXTEND8:
      return i64(BigInt.asIntN(8, a.bits));
    case I64_EXTEND16:
      return i64(BigInt.asIntN(16, a.bits));
    case I64_EXTEND32:
      return i64(BigInt.asIntN(32, a.bits));
    case 0x67:
      return i32(Math.clz32(n));
    case 0x68:
      return i32(n === 0 ? 32 : 31 - Math.clz32(n & -n));
  }
  return undefined;
}

function fold32(op: number, a: number, b: number): number | undefined {
  switch (op) {
    case I32_EQ:
      return a === b ? 1 : 0;
    case I32_NE:
      return a !== b ? 1 : 0;
    case 0x48:
      return a < b ? 1 : 0;
    case 0x49:
      return a >>> 0 < b >>> 0 ? 1 : 0;
    case I32_GT_S:
      return a > b ? 1 : 0;
    case 0x4b:
      return a >>> 0 > b >>> 0 ? 1 : 0;
    case I32_LE_S:
      return a <= b ? 1 : 0;
    case 0x4d:
      return a >>> 0 <= b >>> 0 ? 1 : 0;
    case 0x4e:
      return a >= b ? 1 : 0;
    case I32_GE_U:
      return a >>> 0 >= b >>> 0 ? 1 : 0;
    case I32_ADD:
      return a + b;
    case I32_SUB:
      return a - b;
    case I32_MUL:
      return Math.imul(a, b);
    case 0x6d:
      return b === 0 || (a === -0x80000000 && b === -1) ? undefined : a / b;
    case 0x6e:
      return b === 0 ? undefined : Math.floor((a >>> 0) / (b >>> 0));
    case 0x70:
      return b === 0 ? undefined : (a >>> 0) % (b >>> 0);
    case I32_AND:
      return a & b;
    case I32_OR:
      return a | b;
    case I32_XOR:
      return a ^ b;
    case I32_SHL:
      return a << b;
    case I32_SHR_S:
      return a >> b;
    case I32_SHR_U:
      return a >>> b;
    case I32_ROTL:
      return (a << b) | (a >>> -b);
    case I32_ROTR:
      return (a >>> b) | (a << -b);
  }
  return undefined;
}

function compare64(op: number, a: bigint, b: bigint): boolean | undefined {
  const ua = BigInt.asUintN(64, a);
  const ub = BigInt.asUintN(64, b);
  switch (op) {
    case I64_EQ:
      return a === b;
    case I64_NE:
      return a !== b;
    case 0x53:
      return a < b;
    case 0x54:
      return ua < ub;
    case 0x55:
      return a > b;
    case 0x56:
      return ua > ub;
    case 0x57:
      return a <= b;
    case 0x58:
      return ua <= ub;
    case 0x59:
      return a >= b;
    case I64_GE_U:
      return ua >= ub;
  }
  return undefined;
}

function fold64(op: number, a: bigint, b: bigint): bigint | undefined {
  switch (op) {
    case I64_ADD:
      return a + b;
    case I64_SUB:
      return a - b;
    case I64_MUL:
      return a * b;
    case I64_AND:
      return a & b;
    case I64_OR:
      return a | b;
    case I64_XOR:
      return a ^ b;
    case I64_SHL:
      return a << (b & 63n);
    case I64_SHR_S:
      return a >> (b & 63n);
    case I64_SHR_U:
      return BigInt.asUintN(64, a) >> (b & 63n);
    case 0x80:
      return b === 0n ? undefined : BigInt.asUintN(64, a) / BigInt.asUintN(64, b);
    case 0x82:
      return b === 0n ? undefined : BigInt.asUintN(64, a) % BigInt.asUintN(64, b);
  }
  return undefined;
}

function foldBinary(op: number, a: Value, b: Value): Value | undefined {
  if (a.type === I32) {
    const n = fold32(op, a.n, b.n);
    return n === undefined ? undefined : i32(n);
  }
  if (a.type !== I64) return undefined;
  const compared = compare64(op, a.bits, b.bits);
  if (compared !== undefined) return i32(compared ? 1 : 0);
  const bits = fold64(op, a.bits, b.bits);
  return bits === undefined ? undefined : i64(bits);
}

/** Commutative operations; the constant operand comes second. */
const COMMUTES = new Set([
  I32_EQ,
  I32_NE,
  I64_EQ,
  I64_NE,
  I32_ADD,
  I32_MUL,
  I32_AND,
  I32_OR,
  I32_XOR,
  I64_ADD,
  I64_MUL,
  I64_AND,
  I64_OR,
  I64_XOR,
]);

export function binary(op: number, a: Value, b: Value): Value {
  if (a.op === CONST) {
    if (b.op === CONST) {
      const folded = foldBinary(op, a, b);
      if (folded) return folded;
    } else if (COMMUTES.has(op)) return binary(op, b, a);
  }
  if (a.type === I32 || a.type === I64) {
    const simple = b.op === CONST ? withConstant(op, a, b) : undefined;
    if (simple) return simple;
    if (op === I64_OR) {
      const parts = rotation(a, b, 64);
      if (parts) return binary(I64_ROTL, parts.of, i64(BigInt(parts.by)));
    }
    if (op === I32_ADD) {
      if (a.op === I32_SUB && alike(a.b, b)) return a.a as Value;
      if (b.op === I32_SUB && alike(b.b, a)) return b.a as Value;
    }
    if (equal(a, b)) {
      if (op === I32_XOR || op === I32_SUB) return i32(0);
      if (op === I64_XOR || op === I64_SUB) return i64(0n);
      if (op === I32_AND || op === I32_OR || op === I64_AND || op === I64_OR) return a;
    }
  }
  return node(resultOf(op), op, widthOfResult(op, a, b), a, b);
}

/** What is rotated left in `bits` bits by how much, if a value's shifted halves are `a` and `b`. */
function rotation(a: Value, b: Value, bits: 32 | 64): { of: Value; by: number } | undefined {
  const [up, down] = a.op === I64_SHL ? [a, b] : [b, a];
  if (up.op !== I64_SHL || down.op !== I64_SHR_U) return undefined;
  if (up.b?.op !== CONST || down.b?.op !== CONST) return undefined;
  const [of, by] = [up.a as Value, count(up.b, 64)];
  if (by + count(down.b, 64) !== bits || of.width > bits) return undefined;
  return equal(of, down.a as Value) ? { of, by } : undefined;
}

/** The low half of a value, where that is a rotation in 32 bits that is computed in 64. */
function rotated32(a: Value): Value | undefined {
  const parts = a.op === I64_OR ? rotation(a.a as Value, a.b as Value, 32) : undefined;
  return parts && binary(I32_ROTL, wrap(parts.of), i32(parts.by));
}

/** Whether both are the same by what they are made of: `XOR r, r` reads and masks its register twice. */
function equal(a: Value, b: Value): boolean {
  if (same(a, b)) return true;
  if (a.op !== b.op || a.n !== b.n || a.bits !== b.bits) return false;
  if (a.a === undefined || b.a === undefined || a.c !== undefined) return false;
  if (!same(a.a, b.a)) return false;
  return a.b === undefined || (b.b !== undefined && same(a.b, b.b));
}

function widthOfResult(op: number, a: Value, b: Value): number {
  if (op >= I32_EQZ && op <= 0x66) return 1;
  const full = fullOf(resultOf(op));
  switch (op) {
    case I32_AND:
    case I64_AND:
      return Math.min(a.width, b.width);
    case I32_OR:
    case I32_XOR:
    case I64_OR:
    case I64_XOR:
      return Math.max(a.width, b.width);
    case I32_ADD:
    case I64_ADD:
      return Math.min(full, Math.max(a.width, b.width) + 1);
    case I64_MUL:
    case I32_MUL:
      return Math.min(full, a.width + b.width);
    case I32_SHR_U:
    case I64_SHR_U:
      return b.op === CONST ? Math.max(0, a.width - count(b, full)) : a.width;
    case I32_SHL:
    case I64_SHL:
      return b.op === CONST ? Math.min(full, a.width + count(b, full)) : full;
    case 0x80:
    case 0x82:
    case 0x6e:
    case 0x70:
      return a.width;
  }
  return full;
}

/** Shift count of a constant. */
function count(b: Value, full: number): number {
  return full === 32 ? b.n & 31 : Number(b.bits & 63n);
}

function withConstant(op: number, a: Value, b: Value): Value | undefined {
  const zero = b.type === I32 ? b.n === 0 : b.bits === 0n;
  switch (op) {
    case I32_ADD:
    case I64_ADD:
      if (zero) return a;
      if (a.op === op && a.b?.op === CONST) return binary(op, a.a as Value, binary(op, a.b, b));
      return undefined;
    case I32_SUB:
    case I64_SUB:
      if (zero) return a;
      return binary(op === I32_SUB ? I32_ADD : I64_ADD, a, negated(b));
    case I32_OR:
    case I64_OR:
    case I32_XOR:
    case I64_XOR:
      if (zero) return a;
      if (a.op === op && a.b?.op === CONST) return binary(op, a.a as Value, binary(op, a.b, b));
      return undefined;
    case I32_AND:
    case I64_AND:
      return masked(op, a, b, zero);
    case I32_SHL:
    case I64_SHL:
    case I32_SHR_S:
    case I64_SHR_S:
    case I32_ROTL:
    case I32_ROTR:
    case I64_ROTL:
    case 0x8a:
      return count(b, fullOf(a.type)) === 0 ? a : undefined;
    case I32_SHR_U:
    case I64_SHR_U:
      return shiftedRight(op, a, b);
    case I32_MUL:
    case I64_MUL:
      if (zero) return b;
      return (b.type === I32 ? b.n === 1 : b.bits === 1n) ? a : undefined;
    case I32_EQ:
      return zero ? unary(I32_EQZ, a) : undefined;
    case I64_EQ:
      return zero ? unary(I64_EQZ, a) : undefined;
    case I32_NE:
      if (!zero) return undefined;
      if (a.nonzero) return i32(1);
      return a.width === 1 ? a : undefined;
    case I64_NE:
      if (!zero) return undefined;
      if (a.nonzero) return i32(1);
      if (a.op === EXTEND_U) return binary(I32_NE, a.a as Value, i32(0));
      return a.width === 1 ? wrap(a) : undefined;
    case I32_LT_U:
    case I32_GT_U:
    case I32_LE_U:
    case I32_GE_U:
    case I64_LT_U:
    case I64_GT_U:
    case I64_LE_U:
    case I64_GE_U:
      return comparedUnsigned(op, a, b);
  }
  return undefined;
}

/** An unsigned comparison with a constant whose outcome the operand's width tells. */
function comparedUnsigned(op: number, a: Value, b: Value): Value | undefined {
  const bits = bitsOf(b);
  const most = (1n << BigInt(a.width)) - 1n;
  switch (op) {
    case I32_LE_U:
    case I64_LE_U:
      return most <= bits ? i32(1) : undefined;
    case I32_LT_U:
    case I64_LT_U:
      return most < bits ? i32(1) : bits === 0n ? i32(0) : undefined;
    case I32_GT_U:
    case I64_GT_U:
      return most <= bits ? i32(0) : undefined;
  }
  return most < bits ? i32(0) : bits === 0n ? i32(1) : undefined;
}

function negated(b: Value): Value {
  return b.type === I32 ? i32(-b.n) : i64(-b.bits);
}

function masked(op: number, a: Value, b: Value, zero: boolean): Value | undefined {
  if (zero) return b;
  if (a.knownMask !== 0 && (b.n & ~a.knownMask) === 0) return i32(b.n & a.knownBits);
  const mask = bitsOf(b);
  if (covers(mask, a.width)) return a;
  if (a.op === op && a.b?.op === CONST) return binary(op, a.a as Value, binary(op, a.b, b));
  if (a.op === I64_EXTEND32 && mask <= MASK32) return binary(op, a.a as Value, b);
  const rotated = mask === MASK32 && op === I64_AND ? rotated32(a) : undefined;
  if (rotated) return unary(EXTEND_U, rotated);
  // A part of the operand that the mask removes.
  const or = op === I64_AND ? I64_OR : I32_OR;
  if (a.op === or) {
    const [x, y] = [a.a as Value, a.b as Value];
    if (removed(mask, x)) return binary(op, y, b);
    if (removed(mask, y)) return binary(op, x, b);
  }
  const needed = reduced(a, mask, REDUCED_DEPTH);
  return needed === a ? undefined : binary(op, needed, b);
}

/** How deep expressions are reduced. */
const REDUCED_DEPTH = 4;

/** What has the same bits under the mask as the value, without parts that only change others. */
function reduced(value: Value, mask: bigint, depth: number): Value {
  if (depth === 0) return value;
  const { op } = value;
  const [a, b] = [value.a as Value, value.b as Value];
  const next = (operand: Value, under: bigint): Value => reduced(operand, under, depth - 1);
  switch (op) {
    case WRAP:
      return over(value, next(a, mask & MASK32));
    case I32_OR:
    case I64_OR:
      if (removed(mask, a)) return next(b, mask);
      if (removed(mask, b)) return next(a, mask);
      return value;
    case I32_AND:
    case I64_AND:
      return b.op === CONST && (bitsOf(b) & mask) === mask ? next(a, mask) : value;
    case I64_SHR_U:
      if (b.op !== CONST) return value;
      return over(value, next(a, (mask << BigInt(count(b, 64))) & ALL64), b);
    case I32_ADD:
    case I32_SUB:
    case I64_ADD:
    case I64_SUB: {
      // Carries come from below.
      const below = (1n << BigInt(lengthOf(mask))) - 1n;
      return over(value, next(a, below), next(b, below));
    }
  }
  return value;
}

/** The value's instruction on other operands. */
function over(value: Value, a: Value, b?: Value): Value {
  if (a === value.a && b === value.b) return value;
  return b === undefined ? unary(value.op, a) : binary(value.op, a, b);
}

/** Number of the highest bit that is set, plus one. */
function lengthOf(bits: bigint): number {
  const high = Number(bits >> 32n);
  return high === 0 ? 32 - Math.clz32(Number(bits & MASK32)) : 64 - Math.clz32(high);
}

/** Whether the mask keeps all of `width` bits. */
function covers(mask: bigint, width: number): boolean {
  const low = (1n << BigInt(width)) - 1n;
  return (mask & low) === low;
}

/** Whether the mask leaves nothing of the value. */
function removed(mask: bigint, value: Value): boolean {
  const low = (1n << BigInt(value.width)) - 1n;
  if ((mask & low) === 0n) return true;
  const shl = value.type === I64 ? I64_SHL : I32_SHL;
  if (value.op === shl && value.b?.op === CONST) {
    const n = BigInt(count(value.b, fullOf(value.type)));
    return mask < 1n << n;
  }
  const and = value.type === I64 ? I64_AND : I32_AND;
  return value.op === and && value.b?.op === CONST && (bitsOf(value.b) & mask) === 0n;
}

function shiftedRight(op: number, a: Value, b: Value): Value | undefined {
  const full = fullOf(a.type);
  const n = count(b, full);
  if (n === 0) return a;
  const wide = full === 64;
  if (n >= a.width) return wide ? i64(0n) : i32(0);
  if (a.op === op && a.b?.op === CONST) {
    const sum = n + count(a.b, full);
    if (sum >= full) return wide ? i64(0n) : i32(0);
    return binary(op, a.a as Value, wide ? i64(BigInt(sum)) : i32(sum));
  }
  const or = wide ? I64_OR : I32_OR;
  if (a.op === or) {
    const [x, y] = [a.a as Value, a.b as Value];
    if (x.width <= n) return binary(op, y, b);
    if (y.width <= n) return binary(op, x, b);
  }
  const shl = wide ? I64_SHL : I32_SHL;
  if (a.op === shl && a.b?.op === CONST && count(a.b, full) === n) {
    if ((a.a as Value).width + n <= full) return a.a;
  }
  // The top bit of something shifted up is one bit of it.
  if (a.op === shl && a.b?.op === CONST && n === full - 1) {
    const at = full - 1 - count(a.b, full);
    const moved = binary(op, a.a as Value, wide ? i64(BigInt(at)) : i32(at));
    return binary(wide ? I64_AND : I32_AND, moved, wide ? i64(1n) : i32(1));
  }
  const and = wide ? I64_AND : I32_AND;
  if (wide && a.op === and && a.b?.op === CONST && bitsOf(a.b) >> BigInt(n) === ALL64 >> BigInt(n))
    return binary(op, a.a as Value, b);
  return undefined;
}

/** `condition` not 0: `a`, otherwise `b`. */
export function select(a: Value, b: Value, condition: Value): Value {
  if (condition.op === CONST) return condition.n !== 0 ? a : b;
  if (condition.nonzero) return a;
  if (a === b) return a;
  if (a.op === CONST && b.op === CONST && a.bits === b.bits && a.n === b.n) return a;
  if (condition.op === I32_EQZ) return select(b, a, condition.a as Value);
  if (condition.width === 1 && a.type === I32) {
    if (a.op === CONST && a.n === 1 && b.width === 1) return binary(I32_OR, condition, b);
    if (b.op === CONST && b.n === 0 && a.width === 1) return binary(I32_AND, condition, a);
    if (a.op === CONST && a.n === 0 && b.op === CONST && b.n === 1)
      return unary(I32_EQZ, condition);
    if (a.op === CONST && a.n === 0 && b.width === 1)
      return binary(I32_AND, unary(I32_EQZ, condition), b);
  }
  const result = node(a.type, SELECT, Math.max(a.width, b.width), a, b, condition);
  if (a.nonzero && b.nonzero) result.nonzero = true;
  return result;
}
