// Packed and scalar floating-point arithmetic: lane functions as in table.ts; results go to scratch, the
// handlers in forms.ts commit them. Round-to-nearest with masked exceptions runs on wasm's own arithmetic
// where the flags are sure; everything else goes to the software floats.
// Follows Intel SDM vol. 1, 11.5 and 4.9; RCPxx and RSQRTxx give 12 good fraction bits.

import { S_MXCSR } from "../../state";
import * as soft from "../softfloat_sse";

class Quick {
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

export class Arith {
  @inline static add<T>(a: T, b: T): T {
    if (Quick.allowed() && !Quick.denormal<T>(a) && !Quick.denormal<T>(b)) {
      if (sizeof<T>() == 4) {
        const x = reinterpret<f32>(<u32>a);
        const y = reinterpret<f32>(<u32>b);
        const r = x + y;
        const v = reinterpret<u32>(r);
        if (
          (Quick.ordinary<u32>(v) || Quick.isZero<u32>(v)) &&
          (Quick.precisionKnown() || Quick.exactSum32(x, y, r))
        )
          return <T>v;
      } else {
        const x = reinterpret<f64>(<u64>a);
        const y = reinterpret<f64>(<u64>b);
        const r = x + y;
        const v = reinterpret<u64>(r);
        if (
          (Quick.ordinary<u64>(v) || Quick.isZero<u64>(v)) &&
          (Quick.precisionKnown() || Quick.exactSum64(x, y, r))
        )
          return <T>v;
      }
    }
    return soft.add<T>(a, b);
  }

  @inline static sub<T>(a: T, b: T): T {
    if (Quick.allowed() && !Quick.denormal<T>(a) && !Quick.denormal<T>(b)) {
      if (sizeof<T>() == 4) {
        const x = reinterpret<f32>(<u32>a);
        const y = -reinterpret<f32>(<u32>b);
        const r = x + y;
        const v = reinterpret<u32>(r);
        if (
          (Quick.ordinary<u32>(v) || Quick.isZero<u32>(v)) &&
          (Quick.precisionKnown() || Quick.exactSum32(x, y, r))
        )
          return <T>v;
      } else {
        const x = reinterpret<f64>(<u64>a);
        const y = -reinterpret<f64>(<u64>b);
        const r = x + y;
        const v = reinterpret<u64>(r);
        if (
          (Quick.ordinary<u64>(v) || Quick.isZero<u64>(v)) &&
          (Quick.precisionKnown() || Quick.exactSum64(x, y, r))
        )
          return <T>v;
      }
    }
    return soft.subtract<T>(a, b);
  }

  @inline static mul<T>(a: T, b: T): T {
    if (Quick.allowed() && !Quick.denormal<T>(a) && !Quick.denormal<T>(b)) {
      if (sizeof<T>() == 4) {
        const wide = <f64>reinterpret<f32>(<u32>a) * <f64>reinterpret<f32>(<u32>b);
        const r = <f32>wide;
        const v = reinterpret<u32>(r);
        if (Quick.ordinary<u32>(v) && (Quick.precisionKnown() || <f64>r == wide)) return <T>v;
      } else {
        const v = reinterpret<u64>(reinterpret<f64>(<u64>a) * reinterpret<f64>(<u64>b));
        if (
          Quick.ordinary<u64>(v) &&
          (Quick.precisionKnown() || Quick.exactProduct64(<u64>a, <u64>b))
        )
          return <T>v;
      }
    }
    return soft.multiply<T>(a, b);
  }

  @inline static div<T>(a: T, b: T): T {
    if (Quick.allowed() && !Quick.denormal<T>(a) && !Quick.denormal<T>(b)) {
      if (sizeof<T>() == 4) {
        const x = reinterpret<f32>(<u32>a);
        const y = reinterpret<f32>(<u32>b);
        const r = x / y;
        const v = reinterpret<u32>(r);
        if (Quick.ordinary<u32>(v) && (Quick.precisionKnown() || <f64>r * <f64>y == <f64>x))
          return <T>v;
      } else {
        const x = reinterpret<f64>(<u64>a);
        const y = reinterpret<f64>(<u64>b);
        const r = x / y;
        const v = reinterpret<u64>(r);
        if (
          Quick.ordinary<u64>(v) &&
          (Quick.precisionKnown() || (Quick.exactProduct64(v, <u64>b) && r * y == x))
        )
          return <T>v;
      }
    }
    return soft.divide<T>(a, b);
  }

  @inline static sqrt<T>(a: T): T {
    if (Quick.allowed() && Quick.ordinary<T>(a)) {
      if (sizeof<T>() == 4) {
        const x = reinterpret<f32>(<u32>a);
        const r = sqrt<f32>(x);
        if (x > 0 && (Quick.precisionKnown() || <f64>r * <f64>r == <f64>x))
          return <T>reinterpret<u32>(r);
      } else {
        const x = reinterpret<f64>(<u64>a);
        const r = sqrt<f64>(x);
        const v = reinterpret<u64>(r);
        if (x > 0 && (Quick.precisionKnown() || (Quick.exactProduct64(v, v) && r * r == x)))
          return <T>v;
      }
    }
    return soft.squareRoot<T>(a);
  }

  @inline static min<T>(a: T, b: T): T {
    return soft.minimum<T>(a, b);
  }

  @inline static max<T>(a: T, b: T): T {
    return soft.maximum<T>(a, b);
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
  store<u32>(d, add32(load<u32>(a), load<u32>(b)));
  store<u32>(d, add32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, add32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, add32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function addpd(d: usize, a: usize, b: usize, i: u32): void {
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
  store<u32>(d, sub32(load<u32>(a), load<u32>(b)));
  store<u32>(d, sub32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, sub32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, sub32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function subpd(d: usize, a: usize, b: usize, i: u32): void {
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
  store<u32>(d, mul32(load<u32>(a), load<u32>(b)));
  store<u32>(d, mul32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, mul32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, mul32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function mulpd(d: usize, a: usize, b: usize, i: u32): void {
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
  store<u32>(d, div32(load<u32>(a), load<u32>(b)));
  store<u32>(d, div32(load<u32>(a, 4), load<u32>(b, 4)), 4);
  store<u32>(d, div32(load<u32>(a, 8), load<u32>(b, 8)), 8);
  store<u32>(d, div32(load<u32>(a, 12), load<u32>(b, 12)), 12);
}
export function divpd(d: usize, a: usize, b: usize, i: u32): void {
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

/** DPPS: products selected by immediate bits 4–7, their sum where bits 0–3 are set. */
export function dpps(d: usize, a: usize, b: usize, i: u32): void {
  const p0 = (i & 0x10) != 0 ? mul32(load<u32>(a), load<u32>(b)) : 0;
  const p1 = (i & 0x20) != 0 ? mul32(load<u32>(a, 4), load<u32>(b, 4)) : 0;
  const p2 = (i & 0x40) != 0 ? mul32(load<u32>(a, 8), load<u32>(b, 8)) : 0;
  const p3 = (i & 0x80) != 0 ? mul32(load<u32>(a, 12), load<u32>(b, 12)) : 0;
  const sum = add32(add32(p0, p1), add32(p2, p3));
  store<u32>(d, (i & 1) != 0 ? sum : 0);
  store<u32>(d, (i & 2) != 0 ? sum : 0, 4);
  store<u32>(d, (i & 4) != 0 ? sum : 0, 8);
  store<u32>(d, (i & 8) != 0 ? sum : 0, 12);
}

export function dppd(d: usize, a: usize, b: usize, i: u32): void {
  const p0 = (i & 0x10) != 0 ? mul64(load<u64>(a), load<u64>(b)) : 0;
  const p1 = (i & 0x20) != 0 ? mul64(load<u64>(a, 8), load<u64>(b, 8)) : 0;
  const sum = add64(p0, p1);
  store<u64>(d, (i & 1) != 0 ? sum : 0);
  store<u64>(d, (i & 2) != 0 ? sum : 0, 8);
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
function approximate(r: f32): u32 {
  const v = reinterpret<u32>(r);
  if ((v & 0x7f800000) == 0) return v & 0x80000000;
  if ((v & 0x7f800000) == 0x7f800000) return v;
  return (v + 0x400) & 0xfffff800;
}

function reciprocal(a: u32): u32 {
  if ((a & 0x7fffffff) > 0x7f800000) return a | 0x400000;
  if ((a & 0x7f800000) == 0) return (a & 0x80000000) | 0x7f800000;
  return approximate(<f32>(1.0 / <f64>reinterpret<f32>(a)));
}

function reciprocalRoot(a: u32): u32 {
  if ((a & 0x7fffffff) > 0x7f800000) return a | 0x400000;
  if ((a & 0x7f800000) == 0) return (a & 0x80000000) | 0x7f800000;
  if (a >> 31 != 0) return 0xffc00000;
  return approximate(<f32>(1.0 / sqrt<f64>(<f64>reinterpret<f32>(a))));
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
