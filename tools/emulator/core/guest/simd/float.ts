// Packed and scalar floating-point arithmetic: lane functions as in table.ts; results go to scratch, the
// handlers in forms.ts commit them. Round-to-nearest with masked exceptions runs on wasm's own arithmetic
// where the flags are sure (quick.ts); everything else goes to the software floats.
// Follows Intel SDM vol. 1, 11.5 and 4.9; RCPxx and RSQRTxx give 12 good fraction bits.

import * as soft from "../softfloat/sse";
import { ADD, DIV, MUL, Packed, Quick, SUB, sure32, sure32x4, sure64, sure64x2 } from "./quick";

/** The arithmetic of one element. */
export class Arith {
  /** The operation `k` on wasm arithmetic. */
  @inline static native<T>(k: i32, a: T, b: T): T {
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const y = reinterpret<f32>(<u32>b);
      if (k == ADD) return <T>reinterpret<u32>(x + y);
      if (k == SUB) return <T>reinterpret<u32>(x - y);
      if (k == MUL) return <T>reinterpret<u32>(x * y);
      return <T>reinterpret<u32>(x / y);
    }
    const x = reinterpret<f64>(<u64>a);
    const y = reinterpret<f64>(<u64>b);
    if (k == ADD) return <T>reinterpret<u64>(x + y);
    if (k == SUB) return <T>reinterpret<u64>(x - y);
    if (k == MUL) return <T>reinterpret<u64>(x * y);
    return <T>reinterpret<u64>(x / y);
  }

  /** What needs a closer look: whether `r` is right, and flags stay as they are. */
  @inline static sure<T>(k: i32, a: T, b: T, r: T): bool {
    return sizeof<T>() == 4 ? sure32(k, <u32>a, <u32>b, <u32>r) : sure64(k, <u64>a, <u64>b, <u64>r);
  }

  @inline static software<T>(k: i32, a: T, b: T): T {
    if (k == ADD) return soft.add<T>(a, b);
    if (k == SUB) return soft.subtract<T>(a, b);
    if (k == MUL) return soft.multiply<T>(a, b);
    return soft.divide<T>(a, b);
  }

  @inline static run<T>(k: i32, a: T, b: T): T {
    if (!Quick.allowed()) return Arith.software<T>(k, a, b);
    const r = Arith.native<T>(k, a, b);
    if (!Quick.moderate<T>(k, a, b, r) || !(Quick.precisionKnown() || Quick.exact<T>(k, a, b, r))) {
      if (!Arith.sure<T>(k, a, b, r)) return Arith.software<T>(k, a, b);
    }
    return r;
  }

  /** The square root of a positive number is surely `r`. */
  @inline static rootSure<T>(a: T, r: T): bool {
    if (!Quick.ordinary<T>(a)) return false;
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const z = <f64>reinterpret<f32>(<u32>r);
      return x > 0 && (Quick.precisionKnown() || z * z == <f64>x);
    }
    const x = reinterpret<f64>(<u64>a);
    const z = reinterpret<f64>(<u64>r);
    return (
      x > 0 && (Quick.precisionKnown() || (Quick.exactProduct64(<u64>r, <u64>r) && z * z == x))
    );
  }

  @inline static root<T>(a: T): T {
    if (sizeof<T>() == 4) return <T>reinterpret<u32>(sqrt<f32>(reinterpret<f32>(<u32>a)));
    return <T>reinterpret<u64>(sqrt<f64>(reinterpret<f64>(<u64>a)));
  }

  @inline static sqrt<T>(a: T): T {
    const r = Arith.root<T>(a);
    return Quick.allowed() && Arith.rootSure<T>(a, r) ? r : soft.squareRoot<T>(a);
  }

  /** MIN (or MAX) of numbers that are comparable: the second operand unless the first is smaller (greater). */
  @inline static select<T>(a: T, b: T, greater: bool): T {
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const y = reinterpret<f32>(<u32>b);
      return (greater ? x > y : x < y) ? a : b;
    }
    const x = reinterpret<f64>(<u64>a);
    const y = reinterpret<f64>(<u64>b);
    return (greater ? x > y : x < y) ? a : b;
  }

  @inline static min<T>(a: T, b: T): T {
    return Quick.comparable<T>(a) && Quick.comparable<T>(b)
      ? Arith.select<T>(a, b, false)
      : soft.minimum<T>(a, b);
  }
  @inline static max<T>(a: T, b: T): T {
    return Quick.comparable<T>(a) && Quick.comparable<T>(b)
      ? Arith.select<T>(a, b, true)
      : soft.maximum<T>(a, b);
  }
}

function software32(k: i32, d: usize, a: usize, b: usize): void {
  for (let i: usize = 0; i < 16; i += 4)
    store<u32>(d + i, Arith.software<u32>(k, load<u32>(a + i), load<u32>(b + i)));
}

function software64(k: i32, d: usize, a: usize, b: usize): void {
  store<u64>(d, Arith.software<u64>(k, load<u64>(a), load<u64>(b)));
  store<u64>(d, Arith.software<u64>(k, load<u64>(a, 8), load<u64>(b, 8)), 8);
}

/** The arithmetic of whole vectors. */
class Vector {
  @inline static native32(k: i32, x: v128, y: v128): v128 {
    if (k == ADD) return f32x4.add(x, y);
    if (k == SUB) return f32x4.sub(x, y);
    if (k == MUL) return f32x4.mul(x, y);
    return f32x4.div(x, y);
  }
  @inline static native64(k: i32, x: v128, y: v128): v128 {
    if (k == ADD) return f64x2.add(x, y);
    if (k == SUB) return f64x2.sub(x, y);
    if (k == MUL) return f64x2.mul(x, y);
    return f64x2.div(x, y);
  }
  @inline static run32(k: i32, d: usize, a: usize, b: usize): void {
    if (!Quick.allowed()) {
      software32(k, d, a, b);
      return;
    }
    const x = v128.load(a);
    const y = v128.load(b);
    const r = Vector.native32(k, x, y);
    if (Quick.precisionKnown()) {
      if (!Packed.all32(Packed.moderate32(k, x, y, r))) {
        if (!sure32x4(k, x, y, r)) {
          software32(k, d, a, b);
          return;
        }
      }
    } else if (k == DIV || !Packed.all32(Packed.moderateExact32(k, x, y, r))) {
      if (!sure32x4(k, x, y, r)) {
        software32(k, d, a, b);
        return;
      }
    }
    v128.store(d, r);
  }
  @inline static run64(k: i32, d: usize, a: usize, b: usize): void {
    if (!Quick.allowed()) {
      software64(k, d, a, b);
      return;
    }
    const x = v128.load(a);
    const y = v128.load(b);
    const r = Vector.native64(k, x, y);
    if (Quick.precisionKnown()) {
      if (!Packed.all64(Packed.moderate64(k, x, y, r))) {
        if (!sure64x2(k, x, y, r)) {
          software64(k, d, a, b);
          return;
        }
      }
    } else if (k == DIV || !Packed.all64(Packed.moderateExact64(k, x, y, r))) {
      if (!sure64x2(k, x, y, r)) {
        software64(k, d, a, b);
        return;
      }
    }
    v128.store(d, r);
  }
}

export function add32(a: u32, b: u32): u32 {
  return Arith.run<u32>(ADD, a, b);
}
export function add64(a: u64, b: u64): u64 {
  return Arith.run<u64>(ADD, a, b);
}
export function sub32(a: u32, b: u32): u32 {
  return Arith.run<u32>(SUB, a, b);
}
export function sub64(a: u64, b: u64): u64 {
  return Arith.run<u64>(SUB, a, b);
}
export function mul32(a: u32, b: u32): u32 {
  return Arith.run<u32>(MUL, a, b);
}
export function mul64(a: u64, b: u64): u64 {
  return Arith.run<u64>(MUL, a, b);
}
export function div32(a: u32, b: u32): u32 {
  return Arith.run<u32>(DIV, a, b);
}
export function div64(a: u64, b: u64): u64 {
  return Arith.run<u64>(DIV, a, b);
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
  Vector.run32(ADD, d, a, b);
}
export function addpd(d: usize, a: usize, b: usize, i: u32): void {
  Vector.run64(ADD, d, a, b);
}
export function addss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, add32(load<u32>(a), load<u32>(b)));
}
export function addsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, add64(load<u64>(a), load<u64>(b)));
}
export function subps(d: usize, a: usize, b: usize, i: u32): void {
  Vector.run32(SUB, d, a, b);
}
export function subpd(d: usize, a: usize, b: usize, i: u32): void {
  Vector.run64(SUB, d, a, b);
}
export function subss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, sub32(load<u32>(a), load<u32>(b)));
}
export function subsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, sub64(load<u64>(a), load<u64>(b)));
}
export function mulps(d: usize, a: usize, b: usize, i: u32): void {
  Vector.run32(MUL, d, a, b);
}
export function mulpd(d: usize, a: usize, b: usize, i: u32): void {
  Vector.run64(MUL, d, a, b);
}
export function mulss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, mul32(load<u32>(a), load<u32>(b)));
}
export function mulsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, mul64(load<u64>(a), load<u64>(b)));
}
export function divps(d: usize, a: usize, b: usize, i: u32): void {
  Vector.run32(DIV, d, a, b);
}
export function divpd(d: usize, a: usize, b: usize, i: u32): void {
  Vector.run64(DIV, d, a, b);
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
