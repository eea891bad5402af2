// Where wasm's own arithmetic on floating-point numbers is right, flags included: it rounds to nearest and tells nothing
// about exceptions. A few instructions find that out for most numbers; functions that are called look at the others
// more closely. Follows Intel SDM vol. 1, 4.9 and 11.5.2; Knuth, "The Art of Computer Programming", 4.2.2.

import { S_MXCSR } from "../../state";

/** Operations, for `Quick` and `Packed`. */
export const ADD: i32 = 0;
export const SUB: i32 = 1;
export const MUL: i32 = 2;
export const DIV: i32 = 3;

/** What the low bits of a binary64 significand are shifted up by that are zero in factors of a surely exact product. */
const ABOVE_HALF: i32 = 37;
/** The same of binary32. */
const ABOVE_HALF32: i32 = 20;

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

  @inline static positive<T>(a: T): bool {
    return a >> (sizeof<T>() == 4 ? 31 : 63) == 0;
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

  /**
   * Values of moderate size: the two highest bits of their exponents differ, which makes them at least 2^-511 and less
   * than 2^513 (2^-63, 2^65). Added to these bits, 1 carries into a clear one or out of them unless they differ: only
   * then is the upper one set.
   */
  @inline static upper<T>(a: T): T {
    return a + (sizeof<T>() == 4 ? <T>0x20000000 : <T>0x2000000000000000);
  }
  /** The same, four times as large: from 2^-509 to 2^515 (2^-61, 2^67). */
  @inline static upperOfResult<T>(r: T): T {
    return r + (sizeof<T>() == 4 ? <T>0x1f000000 : <T>0x1fe0000000000000);
  }

  /**
   * Sizes with which an operation neither overflows nor underflows and has no denormal operand: moderate operands of a
   * sum, which is less than 2^514; the second operand and the result of another one, between which there is only room for
   * a normal first one.
   */
  @inline static moderate<T>(k: i32, a: T, b: T, r: T): bool {
    const set = Quick.upper<T>(b) & (k > SUB ? Quick.upperOfResult<T>(r) : Quick.upper<T>(a));
    if (sizeof<T>() == 4) return <i32>((<u32>set) << 1) < 0;
    return <i64>((<u64>set) << 1) < 0;
  }

  /** The sum `r` of `a` and `b` is exact (Knuth's TwoSum). */
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

  /** A result of moderate size is exact, by a test that fails for many that are. */
  @inline static exact<T>(k: i32, a: T, b: T, r: T): bool {
    if (k == DIV) return false;
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const y = reinterpret<f32>(<u32>b);
      const z = reinterpret<f32>(<u32>r);
      if (k == MUL) return <f64>z == <f64>x * <f64>y;
      return Quick.exactSum32(x, k == SUB ? -y : y, z);
    }
    if (k == MUL) return (<u64>a | <u64>b) << ABOVE_HALF == 0;
    const y = reinterpret<f64>(<u64>b);
    return Quick.exactSum64(reinterpret<f64>(<u64>a), k == SUB ? -y : y, reinterpret<f64>(<u64>r));
  }
}

/** The operation `k` of binary32 values has surely the result `r`, and sets no flags. */
export function sure32(k: i32, a: u32, b: u32, r: u32): bool {
  if (Quick.denormal<u32>(a) || Quick.denormal<u32>(b)) return false;
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  const z = reinterpret<f32>(r);
  const ordinary = Quick.ordinary<u32>(r);
  if (k <= SUB) {
    return (
      (ordinary || Quick.isZero<u32>(r)) &&
      (Quick.precisionKnown() || Quick.exactSum32(x, k == SUB ? -y : y, z))
    );
  }
  if (!ordinary)
    return Quick.isZero<u32>(r) && (Quick.isZero<u32>(a) || (k == MUL && Quick.isZero<u32>(b)));
  if (Quick.precisionKnown()) return true;
  return k == MUL ? <f64>z == <f64>x * <f64>y : <f64>z * <f64>y == <f64>x;
}

/** The same of binary64 values. */
export function sure64(k: i32, a: u64, b: u64, r: u64): bool {
  if (Quick.denormal<u64>(a) || Quick.denormal<u64>(b)) return false;
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  const z = reinterpret<f64>(r);
  const ordinary = Quick.ordinary<u64>(r);
  if (k <= SUB) {
    return (
      (ordinary || Quick.isZero<u64>(r)) &&
      (Quick.precisionKnown() || Quick.exactSum64(x, k == SUB ? -y : y, z))
    );
  }
  if (!ordinary)
    return Quick.isZero<u64>(r) && (Quick.isZero<u64>(a) || (k == MUL && Quick.isZero<u64>(b)));
  if (Quick.precisionKnown()) return true;
  return k == MUL ? Quick.exactProduct64(a, b) : Quick.exactProduct64(r, b) && z * y == x;
}

/** Conditions of `Quick` on all elements of vectors at once. */
export class Packed {
  @inline static upper32(a: v128): v128 {
    return i32x4.add(a, i32x4.splat(0x20000000));
  }
  @inline static upper64(a: v128): v128 {
    return i64x2.add(a, i64x2.splat(0x2000000000000000));
  }

  /** Signs say where `Quick.moderate` holds. */
  @inline static moderate32(k: i32, a: v128, b: v128, r: v128): v128 {
    const other = k > SUB ? i32x4.add(r, i32x4.splat(0x1f000000)) : Packed.upper32(a);
    const set = v128.and(Packed.upper32(b), other);
    return i32x4.add(set, set);
  }
  @inline static moderate64(k: i32, a: v128, b: v128, r: v128): v128 {
    const other = k > SUB ? i64x2.add(r, i64x2.splat(0x1fe0000000000000)) : Packed.upper64(a);
    const set = v128.and(Packed.upper64(b), other);
    return i64x2.add(set, set);
  }

  /**
   * Signs say where a result is exact and no flag is set. A sum with one moderate operand is not exact if the other one is
   * denormal.
   */
  @inline static moderateExact32(k: i32, a: v128, b: v128, r: v128): v128 {
    const exact = Packed.exact32(k, a, b, r);
    if (k > SUB) return v128.and(Packed.moderate32(k, a, b, r), exact);
    const set = Packed.upper32(a);
    return v128.and(i32x4.add(set, set), exact);
  }
  @inline static moderateExact64(k: i32, a: v128, b: v128, r: v128): v128 {
    const exact = Packed.exact64(k, a, b, r);
    if (k > SUB) return v128.and(Packed.moderate64(k, a, b, r), exact);
    const set = Packed.upper64(a);
    return v128.and(i64x2.add(set, set), exact);
  }
  @inline static all32(signs: v128): bool {
    return i32x4.bitmask(signs) == 15;
  }
  @inline static all64(signs: v128): bool {
    return i64x2.bitmask(signs) == 3;
  }

  /**
   * Where results are exact. A sum is if it gives back each operand when the other one is taken away: taking the larger
   * one away is exact. A product is where factors have at most half of the significand's bits. Quotients seldom are.
   */
  @inline static exact32(k: i32, a: v128, b: v128, r: v128): v128 {
    if (k == MUL) return i32x4.eq(i32x4.shl(v128.or(a, b), ABOVE_HALF32), i32x4.splat(0));
    if (k == SUB) return v128.and(f32x4.eq(f32x4.sub(a, r), b), f32x4.eq(f32x4.add(r, b), a));
    return v128.and(f32x4.eq(f32x4.sub(r, a), b), f32x4.eq(f32x4.sub(r, b), a));
  }
  @inline static exact64(k: i32, a: v128, b: v128, r: v128): v128 {
    if (k == MUL) return i64x2.eq(i64x2.shl(v128.or(a, b), ABOVE_HALF), i64x2.splat(0));
    if (k == SUB) return v128.and(f64x2.eq(f64x2.sub(a, r), b), f64x2.eq(f64x2.add(r, b), a));
    return v128.and(f64x2.eq(f64x2.sub(r, a), b), f64x2.eq(f64x2.sub(r, b), a));
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
}

/** `sure32` of all elements; one of which it is not so sends all to the software floats. */
export function sure32x4(k: i32, a: v128, b: v128, r: v128): bool {
  if (v128.any_true(v128.or(Packed.denormal32(a), Packed.denormal32(b)))) return false;
  let zero = Packed.zero32(r);
  if (k == MUL) zero = v128.and(zero, v128.or(Packed.zero32(a), Packed.zero32(b)));
  if (k == DIV) zero = v128.and(zero, Packed.zero32(a));
  if (!i32x4.all_true(v128.or(Packed.ordinary32(r), zero))) return false;
  if (Quick.precisionKnown()) return true;
  if (k != DIV && i32x4.all_true(Packed.exact32(k, a, b, r))) return true;
  return (
    sure32(k, i32x4.extract_lane(a, 0), i32x4.extract_lane(b, 0), i32x4.extract_lane(r, 0)) &&
    sure32(k, i32x4.extract_lane(a, 1), i32x4.extract_lane(b, 1), i32x4.extract_lane(r, 1)) &&
    sure32(k, i32x4.extract_lane(a, 2), i32x4.extract_lane(b, 2), i32x4.extract_lane(r, 2)) &&
    sure32(k, i32x4.extract_lane(a, 3), i32x4.extract_lane(b, 3), i32x4.extract_lane(r, 3))
  );
}

/** `sure64` of both elements. */
export function sure64x2(k: i32, a: v128, b: v128, r: v128): bool {
  if (v128.any_true(v128.or(Packed.denormal64(a), Packed.denormal64(b)))) return false;
  let zero = Packed.zero64(r);
  if (k == MUL) zero = v128.and(zero, v128.or(Packed.zero64(a), Packed.zero64(b)));
  if (k == DIV) zero = v128.and(zero, Packed.zero64(a));
  if (!i64x2.all_true(v128.or(Packed.ordinary64(r), zero))) return false;
  if (Quick.precisionKnown()) return true;
  if (k != DIV && i64x2.all_true(Packed.exact64(k, a, b, r))) return true;
  return (
    sure64(k, i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0), i64x2.extract_lane(r, 0)) &&
    sure64(k, i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1), i64x2.extract_lane(r, 1))
  );
}
