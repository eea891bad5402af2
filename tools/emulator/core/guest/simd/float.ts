// Packed and scalar floating-point arithmetic: lane functions as in table.ts; results go to scratch, the
// handlers in forms.ts commit them. Round-to-nearest with masked exceptions runs on wasm's own arithmetic
// where the flags are sure; everything else goes to the software floats.
// Follows Intel SDM vol. 1, 11.5 and 4.9; RCPxx and RSQRTxx give 12 good fraction bits.

import { S_MXCSR } from "../../state";
import * as soft from "../softfloat/sse";

export class Quick {
  /** All exceptions masked, round to nearest. FTZ and DAZ do not matter: tiny values never take this path. */
  @inline static allowed(): bool {
    return (load<u32>(S_MXCSR) & 0x7f80) == 0x1f80;
  }

  /** PE is set already, an inexact result changes nothing. */
  @inline static precisionKnown(): bool {
    return (load<u32>(S_MXCSR) & 0x20) != 0;
  }

  @inline static denormal<T>(a: T): bool {
    if (sizeof<T>() == 4) return ((<u32>a) << 1) - 1 < 0xffffff;
    return ((<u64>a) << 1) - 1 < 0x1fffffffffffff;
  }

  /** Finite and larger than the smallest normal: neither overflow, underflow nor NaN. */
  @inline static ordinary<T>(r: T): bool {
    if (sizeof<T>() == 4) return ((<u32>r) << 1) - 0x1000002 < 0xff000000 - 0x1000002;
    return ((<u64>r) << 1) - 0x20000000000002 < 0xffe0000000000000 - 0x20000000000002;
  }

  @inline static isZero<T>(r: T): bool {
    return r << 1 == 0;
  }

  /** Neither NaN nor denormal: comparisons raise nothing. */
  @inline static comparable<T>(a: T): bool {
    if (sizeof<T>() == 4) {
      return !Quick.denormal<T>(a) && (<u32>a & 0x7fffffff) <= 0x7f800000;
    }
    return !Quick.denormal<T>(a) && (<u64>a & 0x7fffffffffffffff) <= 0x7ff0000000000000;
  }

  /** The sum `r` of `a` and `b` (or difference with `negate`) is exact (Knuth's TwoSum). */
  @inline static exactSum32(a: f32, b: f32, r: f32): bool {
    const t = r - a;
    return a - (r - t) + (b - t) == 0;
  }
  @inline static exactSum64(a: f64, b: f64, r: f64): bool {
    const t = r - a;
    return a - (r - t) + (b - t) == 0;
  }

  /** Trailing zeros of the significand of a normal value. */
  @inline static spare(a: u64): i64 {
    return <i64>ctz((a & 0xfffffffffffff) | 0x10000000000000);
  }

  /** The product of two normal binary64 values has at most 53 bits. */
  @inline static exactProduct64(a: u64, b: u64): bool {
    return Quick.spare(a) + Quick.spare(b) >= 53;
  }
}

/** Results of `Arith`: the last operation's result was surely right. */
export let settled: bool = false;

export class Arith {
  /** a + b, or a - b with `negate`, on wasm arithmetic; `settled` says whether result and flags are sure. */
  @inline static quickAdd<T>(a: T, b: T, negate: bool): T {
    settled = false;
    if (!Quick.allowed() || Quick.denormal<T>(a) || Quick.denormal<T>(b)) return 0;
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const y = negate ? -reinterpret<f32>(<u32>b) : reinterpret<f32>(<u32>b);
      const r = x + y;
      const v = reinterpret<u32>(r);
      settled =
        (Quick.ordinary<u32>(v) || Quick.isZero<u32>(v)) &&
        (Quick.precisionKnown() || Quick.exactSum32(x, y, r));
      return <T>v;
    }
    const x = reinterpret<f64>(<u64>a);
    const y = negate ? -reinterpret<f64>(<u64>b) : reinterpret<f64>(<u64>b);
    const r = x + y;
    const v = reinterpret<u64>(r);
    settled =
      (Quick.ordinary<u64>(v) || Quick.isZero<u64>(v)) &&
      (Quick.precisionKnown() || Quick.exactSum64(x, y, r));
    return <T>v;
  }

  @inline static quickMul<T>(a: T, b: T): T {
    settled = false;
    if (!Quick.allowed() || Quick.denormal<T>(a) || Quick.denormal<T>(b)) return 0;
    if (sizeof<T>() == 4) {
      const wide = <f64>reinterpret<f32>(<u32>a) * <f64>reinterpret<f32>(<u32>b);
      const r = <f32>wide;
      const v = reinterpret<u32>(r);
      settled =
        (Quick.ordinary<u32>(v) && (Quick.precisionKnown() || <f64>r == wide)) ||
        (Quick.isZero<u32>(v) && (Quick.isZero<T>(a) || Quick.isZero<T>(b)));
      return <T>v;
    }
    const v = reinterpret<u64>(reinterpret<f64>(<u64>a) * reinterpret<f64>(<u64>b));
    settled =
      (Quick.ordinary<u64>(v) &&
        (Quick.precisionKnown() || Quick.exactProduct64(<u64>a, <u64>b))) ||
      (Quick.isZero<u64>(v) && (Quick.isZero<T>(a) || Quick.isZero<T>(b)));
    return <T>v;
  }

  @inline static quickDiv<T>(a: T, b: T): T {
    settled = false;
    if (!Quick.allowed() || Quick.denormal<T>(a) || Quick.denormal<T>(b)) return 0;
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const y = reinterpret<f32>(<u32>b);
      const r = x / y;
      const v = reinterpret<u32>(r);
      settled =
        (Quick.ordinary<u32>(v) && (Quick.precisionKnown() || <f64>r * <f64>y == <f64>x)) ||
        (Quick.isZero<u32>(v) && Quick.isZero<T>(a));
      return <T>v;
    }
    const x = reinterpret<f64>(<u64>a);
    const y = reinterpret<f64>(<u64>b);
    const r = x / y;
    const v = reinterpret<u64>(r);
    settled =
      (Quick.ordinary<u64>(v) &&
        (Quick.precisionKnown() || (Quick.exactProduct64(v, <u64>b) && r * y == x))) ||
      (Quick.isZero<u64>(v) && Quick.isZero<T>(a));
    return <T>v;
  }

  @inline static quickSqrt<T>(a: T): T {
    settled = false;
    if (!Quick.allowed() || !Quick.ordinary<T>(a)) return 0;
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const r = sqrt<f32>(x);
      settled = x > 0 && (Quick.precisionKnown() || <f64>r * <f64>r == <f64>x);
      return <T>reinterpret<u32>(r);
    }
    const x = reinterpret<f64>(<u64>a);
    const r = sqrt<f64>(x);
    const v = reinterpret<u64>(r);
    settled = x > 0 && (Quick.precisionKnown() || (Quick.exactProduct64(v, v) && r * r == x));
    return <T>v;
  }

  /** MIN (or MAX): the second operand unless the first is smaller (greater). */
  @inline static quickSelect<T>(a: T, b: T, greater: bool): T {
    settled = Quick.comparable<T>(a) && Quick.comparable<T>(b);
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const y = reinterpret<f32>(<u32>b);
      return (greater ? x > y : x < y) ? a : b;
    }
    const x = reinterpret<f64>(<u64>a);
    const y = reinterpret<f64>(<u64>b);
    return (greater ? x > y : x < y) ? a : b;
  }

  @inline static add<T>(a: T, b: T): T {
    const r = Arith.quickAdd<T>(a, b, false);
    return settled ? r : soft.add<T>(a, b);
  }
  @inline static sub<T>(a: T, b: T): T {
    const r = Arith.quickAdd<T>(a, b, true);
    return settled ? r : soft.subtract<T>(a, b);
  }
  @inline static mul<T>(a: T, b: T): T {
    const r = Arith.quickMul<T>(a, b);
    return settled ? r : soft.multiply<T>(a, b);
  }
  @inline static div<T>(a: T, b: T): T {
    const r = Arith.quickDiv<T>(a, b);
    return settled ? r : soft.divide<T>(a, b);
  }
  @inline static sqrt<T>(a: T): T {
    const r = Arith.quickSqrt<T>(a);
    return settled ? r : soft.squareRoot<T>(a);
  }
  @inline static min<T>(a: T, b: T): T {
    const r = Arith.quickSelect<T>(a, b, false);
    return settled ? r : soft.minimum<T>(a, b);
  }
  @inline static max<T>(a: T, b: T): T {
    const r = Arith.quickSelect<T>(a, b, true);
    return settled ? r : soft.maximum<T>(a, b);
  }
}

/** Low bits of a significand that are zero in both factors of a product that is surely exact. */
const HALF32: i32 = 0xfff;
const HALF64: i64 = 0x7ffffff;

/** Whole vectors: conditions of `Quick` on all elements at once. */
class Packed {
  /** Quotients are exact too seldom to be tested for it. */
  @inline static allowedInexact(): bool {
    return Quick.allowed() && Quick.precisionKnown();
  }
  @inline static exactSum32(a: v128, b: v128, r: v128): bool {
    if (Quick.precisionKnown()) return true;
    const t = f32x4.sub(r, a);
    const error = f32x4.add(f32x4.sub(a, f32x4.sub(r, t)), f32x4.sub(b, t));
    return i32x4.all_true(f32x4.eq(error, f32x4.splat(0)));
  }
  @inline static exactSum64(a: v128, b: v128, r: v128): bool {
    if (Quick.precisionKnown()) return true;
    const t = f64x2.sub(r, a);
    const error = f64x2.add(f64x2.sub(a, f64x2.sub(r, t)), f64x2.sub(b, t));
    return i64x2.all_true(f64x2.eq(error, f64x2.splat(0)));
  }
  @inline static exactProduct32(a: v128, b: v128): bool {
    if (Quick.precisionKnown()) return true;
    return !v128.any_true(v128.and(v128.or(a, b), i32x4.splat(HALF32)));
  }
  @inline static exactProduct64(a: v128, b: v128): bool {
    if (Quick.precisionKnown()) return true;
    return !v128.any_true(v128.and(v128.or(a, b), i64x2.splat(HALF64)));
  }
  @inline static magnitude32(v: v128): v128 {
    return v128.and(v, i32x4.splat(0x7fffffff));
  }
  @inline static magnitude64(v: v128): v128 {
    return v128.and(v, i64x2.splat(0x7fffffffffffffff));
  }
  @inline static zero32(v: v128): v128 {
    return i32x4.eq(Packed.magnitude32(v), i32x4.splat(0));
  }
  @inline static zero64(v: v128): v128 {
    return i64x2.eq(Packed.magnitude64(v), i64x2.splat(0));
  }
  @inline static denormal32(v: v128): v128 {
    return i32x4.lt_u(i32x4.sub(Packed.magnitude32(v), i32x4.splat(1)), i32x4.splat(0x7fffff));
  }
  /** Signed comparison: magnitudes are not negative, and 0 - 1 is excluded by the second term. */
  @inline static denormal64(v: v128): v128 {
    const m = Packed.magnitude64(v);
    return v128.and(i64x2.lt_s(m, i64x2.splat(0x10000000000000)), i64x2.ne(m, i64x2.splat(0)));
  }
  @inline static ordinary32(v: v128): v128 {
    const m = Packed.magnitude32(v);
    return v128.and(i32x4.gt_s(m, i32x4.splat(0x800000)), i32x4.lt_s(m, i32x4.splat(0x7f800000)));
  }
  @inline static ordinary64(v: v128): v128 {
    const m = Packed.magnitude64(v);
    return v128.and(
      i64x2.gt_s(m, i64x2.splat(0x10000000000000)),
      i64x2.lt_s(m, i64x2.splat(0x7ff0000000000000)),
    );
  }
  /** All are normal numbers, and larger than the smallest one where they are results: most are. */
  @inline static plain32(a: v128, b: v128, r: v128): bool {
    const least = f32x4.splat(reinterpret<f32>(0x800000));
    const size = f32x4.abs(r);
    const operands = f32x4.ge(f32x4.pmin(f32x4.abs(a), f32x4.abs(b)), least);
    const result = v128.and(f32x4.gt(size, least), f32x4.lt(size, f32x4.splat(Infinity)));
    return i32x4.all_true(v128.and(operands, result));
  }
  @inline static plain64(a: v128, b: v128, r: v128): bool {
    const least = f64x2.splat(reinterpret<f64>(0x10000000000000));
    const size = f64x2.abs(r);
    const operands = f64x2.ge(f64x2.pmin(f64x2.abs(a), f64x2.abs(b)), least);
    const result = v128.and(f64x2.gt(size, least), f64x2.lt(size, f64x2.splat(Infinity)));
    return i64x2.all_true(v128.and(operands, result));
  }
  /** Sums may be zero; products and quotients only for a zero operand. */
  @inline static sure32(a: v128, b: v128, r: v128, sum: bool): bool {
    if (Packed.plain32(a, b, r)) return true;
    if (v128.any_true(v128.or(Packed.denormal32(a), Packed.denormal32(b)))) return false;
    const zero = sum
      ? Packed.zero32(r)
      : v128.and(Packed.zero32(r), v128.or(Packed.zero32(a), Packed.zero32(b)));
    return i32x4.all_true(v128.or(Packed.ordinary32(r), zero));
  }
  @inline static sure64(a: v128, b: v128, r: v128, sum: bool): bool {
    if (Packed.plain64(a, b, r)) return true;
    if (v128.any_true(v128.or(Packed.denormal64(a), Packed.denormal64(b)))) return false;
    const zero = sum
      ? Packed.zero64(r)
      : v128.and(Packed.zero64(r), v128.or(Packed.zero64(a), Packed.zero64(b)));
    return i64x2.all_true(v128.or(Packed.ordinary64(r), zero));
  }
}

export function add32(a: u32, b: u32): u32 {
  return Arith.add<u32>(a, b);
}
export function add64(a: u64, b: u64): u64 {
  return Arith.add<u64>(a, b);
}
export function sub32(a: u32, b: u32): u32 {
  return Arith.sub<u32>(a, b);
}
export function sub64(a: u64, b: u64): u64 {
  return Arith.sub<u64>(a, b);
}
export function mul32(a: u32, b: u32): u32 {
  return Arith.mul<u32>(a, b);
}
export function mul64(a: u64, b: u64): u64 {
  return Arith.mul<u64>(a, b);
}
export function div32(a: u32, b: u32): u32 {
  return Arith.div<u32>(a, b);
}
export function div64(a: u64, b: u64): u64 {
  return Arith.div<u64>(a, b);
}
export function min32(a: u32, b: u32): u32 {
  return Arith.min<u32>(a, b);
}
export function min64(a: u64, b: u64): u64 {
  return Arith.min<u64>(a, b);
}
export function max32(a: u32, b: u32): u32 {
  return Arith.max<u32>(a, b);
}
export function max64(a: u64, b: u64): u64 {
  return Arith.max<u64>(a, b);
}
export function sqrt32(a: u32): u32 {
  return Arith.sqrt<u32>(a);
}
export function sqrt64(a: u64): u64 {
  return Arith.sqrt<u64>(a);
}

export function addps(d: usize, a: usize, b: usize, i: u32): void {
  if (Quick.allowed()) {
    const x = v128.load(a);
    const y = v128.load(b);
    const r = f32x4.add(x, y);
    if (Packed.sure32(x, y, r, true) && Packed.exactSum32(x, y, r)) {
      v128.store(d, r);
      return;
    }
  }
  store<u32>(d, add32(load<u32>(a), load<u32>(b)));
  store<u32>(d, add32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, add32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, add32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function addpd(d: usize, a: usize, b: usize, i: u32): void {
  if (Quick.allowed()) {
    const x = v128.load(a);
    const y = v128.load(b);
    const r = f64x2.add(x, y);
    if (Packed.sure64(x, y, r, true) && Packed.exactSum64(x, y, r)) {
      v128.store(d, r);
      return;
    }
  }
  store<u64>(d, add64(load<u64>(a), load<u64>(b)));
  store<u64>(d, add64(load<u64>(a, 8), load<u64>(b, 8)), 8);
}
export function addss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, add32(load<u32>(a), load<u32>(b)));
}
export function addsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, add64(load<u64>(a), load<u64>(b)));
}
export function subps(d: usize, a: usize, b: usize, i: u32): void {
  if (Quick.allowed()) {
    const x = v128.load(a);
    const y = v128.load(b);
    const r = f32x4.sub(x, y);
    if (Packed.sure32(x, y, r, true) && Packed.exactSum32(x, f32x4.neg(y), r)) {
      v128.store(d, r);
      return;
    }
  }
  store<u32>(d, sub32(load<u32>(a), load<u32>(b)));
  store<u32>(d, sub32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, sub32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, sub32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function subpd(d: usize, a: usize, b: usize, i: u32): void {
  if (Quick.allowed()) {
    const x = v128.load(a);
    const y = v128.load(b);
    const r = f64x2.sub(x, y);
    if (Packed.sure64(x, y, r, true) && Packed.exactSum64(x, f64x2.neg(y), r)) {
      v128.store(d, r);
      return;
    }
  }
  store<u64>(d, sub64(load<u64>(a), load<u64>(b)));
  store<u64>(d, sub64(load<u64>(a, 8), load<u64>(b, 8)), 8);
}
export function subss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, sub32(load<u32>(a), load<u32>(b)));
}
export function subsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, sub64(load<u64>(a), load<u64>(b)));
}
export function mulps(d: usize, a: usize, b: usize, i: u32): void {
  if (Quick.allowed()) {
    const x = v128.load(a);
    const y = v128.load(b);
    const r = f32x4.mul(x, y);
    if (Packed.sure32(x, y, r, false) && Packed.exactProduct32(x, y)) {
      v128.store(d, r);
      return;
    }
  }
  store<u32>(d, mul32(load<u32>(a), load<u32>(b)));
  store<u32>(d, mul32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, mul32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, mul32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function mulpd(d: usize, a: usize, b: usize, i: u32): void {
  if (Quick.allowed()) {
    const x = v128.load(a);
    const y = v128.load(b);
    const r = f64x2.mul(x, y);
    if (Packed.sure64(x, y, r, false) && Packed.exactProduct64(x, y)) {
      v128.store(d, r);
      return;
    }
  }
  store<u64>(d, mul64(load<u64>(a), load<u64>(b)));
  store<u64>(d, mul64(load<u64>(a, 8), load<u64>(b, 8)), 8);
}
export function mulss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, mul32(load<u32>(a), load<u32>(b)));
}
export function mulsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, mul64(load<u64>(a), load<u64>(b)));
}
export function divps(d: usize, a: usize, b: usize, i: u32): void {
  if (Packed.allowedInexact()) {
    const x = v128.load(a);
    const y = v128.load(b);
    const r = f32x4.div(x, y);
    if (Packed.sure32(x, y, r, false)) {
      v128.store(d, r);
      return;
    }
  }
  store<u32>(d, div32(load<u32>(a), load<u32>(b)));
  store<u32>(d, div32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, div32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, div32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function divpd(d: usize, a: usize, b: usize, i: u32): void {
  if (Packed.allowedInexact()) {
    const x = v128.load(a);
    const y = v128.load(b);
    const r = f64x2.div(x, y);
    if (Packed.sure64(x, y, r, false)) {
      v128.store(d, r);
      return;
    }
  }
  store<u64>(d, div64(load<u64>(a), load<u64>(b)));
  store<u64>(d, div64(load<u64>(a, 8), load<u64>(b, 8)), 8);
}
export function divss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, div32(load<u32>(a), load<u32>(b)));
}
export function divsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, div64(load<u64>(a), load<u64>(b)));
}
export function minps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, min32(load<u32>(a), load<u32>(b)));
  store<u32>(d, min32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, min32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, min32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function minpd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, min64(load<u64>(a), load<u64>(b)));
  store<u64>(d, min64(load<u64>(a, 8), load<u64>(b, 8)), 8);
}
export function minss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, min32(load<u32>(a), load<u32>(b)));
}
export function minsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, min64(load<u64>(a), load<u64>(b)));
}
export function maxps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, max32(load<u32>(a), load<u32>(b)));
  store<u32>(d, max32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, max32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, max32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function maxpd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, max64(load<u64>(a), load<u64>(b)));
  store<u64>(d, max64(load<u64>(a, 8), load<u64>(b, 8)), 8);
}
export function maxss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, max32(load<u32>(a), load<u32>(b)));
}
export function maxsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, max64(load<u64>(a), load<u64>(b)));
}
export function sqrtps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, sqrt32(load<u32>(b)));
  store<u32>(d, sqrt32(load<u32>(b, 4)), 4);
  store<u32>(d, sqrt32(load<u32>(b, 8)), 8);
  store<u32>(d, sqrt32(load<u32>(b, 12)), 12);
}
export function sqrtpd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, sqrt64(load<u64>(b)));
  store<u64>(d, sqrt64(load<u64>(b, 8)), 8);
}
export function sqrtss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, sqrt32(load<u32>(b)));
}
export function sqrtsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, sqrt64(load<u64>(b)));
}

// ---- Horizontal and alternating

export function haddps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, add32(load<u32>(a), load<u32>(a, 4)));
  store<u32>(d, add32(load<u32>(a, 8), load<u32>(a, 12)), 4);
  store<u32>(d, add32(load<u32>(b), load<u32>(b, 4)), 8);
  store<u32>(d, add32(load<u32>(b, 8), load<u32>(b, 12)), 12);
}
export function haddpd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, add64(load<u64>(a), load<u64>(a, 8)));
  store<u64>(d, add64(load<u64>(b), load<u64>(b, 8)), 8);
}
export function hsubps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, sub32(load<u32>(a), load<u32>(a, 4)));
  store<u32>(d, sub32(load<u32>(a, 8), load<u32>(a, 12)), 4);
  store<u32>(d, sub32(load<u32>(b), load<u32>(b, 4)), 8);
  store<u32>(d, sub32(load<u32>(b, 8), load<u32>(b, 12)), 12);
}
export function hsubpd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, sub64(load<u64>(a), load<u64>(a, 8)));
  store<u64>(d, sub64(load<u64>(b), load<u64>(b, 8)), 8);
}
export function addsubps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, sub32(load<u32>(a), load<u32>(b)));
  store<u32>(d, add32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, sub32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, add32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function addsubpd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, sub64(load<u64>(a), load<u64>(b)));
  store<u64>(d, add64(load<u64>(a, 8), load<u64>(b, 8)), 8);
}

// ---- Rounding to integral values

export function roundps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, soft.roundIntegral<u32>(load<u32>(b), i));
  store<u32>(d, soft.roundIntegral<u32>(load<u32>(b, 4), i), 4);
  store<u32>(d, soft.roundIntegral<u32>(load<u32>(b, 8), i), 8);
  store<u32>(d, soft.roundIntegral<u32>(load<u32>(b, 12), i), 12);
}
export function roundpd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, soft.roundIntegral<u64>(load<u64>(b), i));
  store<u64>(d, soft.roundIntegral<u64>(load<u64>(b, 8), i), 8);
}
export function roundss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, soft.roundIntegral<u32>(load<u32>(b), i));
}
export function roundsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, soft.roundIntegral<u64>(load<u64>(b), i));
}

// ---- Approximations: no exceptions, denormals count as zero

/** 12 fraction bits of a normal result; a smaller one is zero. */
function approximate(r: f64): u32 {
  if (abs<f64>(r) < 1.1754943508222875e-38) return (<u32>(reinterpret<u64>(r) >> 63)) << 31;
  return (reinterpret<u32>(<f32>r) + 0x400) & 0xfffff800;
}

function reciprocal(a: u32): u32 {
  // From 2^126 on the result is tiny or on the border, where the manual leaves the choice: zero.
  if ((a & 0x7fffffff) >= 0x7e800000 && (a & 0x7fffffff) <= 0x7f800000) return a & 0x80000000;
  if ((a & 0x7fffffff) > 0x7f800000) return a | 0x400000;
  if ((a & 0x7f800000) == 0) return (a & 0x80000000) | 0x7f800000;
  return approximate(1.0 / <f64>reinterpret<f32>(a));
}

function reciprocalRoot(a: u32): u32 {
  if ((a & 0x7fffffff) > 0x7f800000) return a | 0x400000;
  if ((a & 0x7f800000) == 0) return (a & 0x80000000) | 0x7f800000;
  if (a >> 31 != 0) return 0xffc00000;
  return approximate(1.0 / sqrt<f64>(<f64>reinterpret<f32>(a)));
}

export function rcpps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, reciprocal(load<u32>(b)));
  store<u32>(d, reciprocal(load<u32>(b, 4)), 4);
  store<u32>(d, reciprocal(load<u32>(b, 8)), 8);
  store<u32>(d, reciprocal(load<u32>(b, 12)), 12);
}
export function rcpss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, reciprocal(load<u32>(b)));
}
export function rsqrtps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, reciprocalRoot(load<u32>(b)));
  store<u32>(d, reciprocalRoot(load<u32>(b, 4)), 4);
  store<u32>(d, reciprocalRoot(load<u32>(b, 8)), 8);
  store<u32>(d, reciprocalRoot(load<u32>(b, 12)), 12);
}
export function rsqrtss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, reciprocalRoot(load<u32>(b)));
}
