// Fused multiply-add: lane functions whose destination holds the first operand when they start; the
// immediate is the variant. Follows Intel SDM vol. 2, VFMADD132PD and its kin; NaN order vol. 1, 14.5.

import { S_TMP1, S_TMP2 } from "../../state";
import { Op } from "../op/op";
import { multiplyAdd } from "../softfloat/sse";
import { beginFloat, endFloat, source, Vec, WIDE256 } from "./access";
import { Quick } from "./quick";

/** Variant bits: operand order, negations, alternation of the addend's sign by element. */
export const ORDER_132: u32 = 0;
export const ORDER_213: u32 = 1;
export const ORDER_231: u32 = 2;
export const NEGATE_PRODUCT: u32 = 4;
export const NEGATE_ADDEND: u32 = 8;
/** Even elements negate the addend (ADDSUB); with NEGATE_ADDEND odd ones do (SUBADD). */
export const ALTERNATE: u32 = 16;

class Exact {
  /** Error of the rounded sum `s` of `a` and `b` (Knuth's TwoSum). */
  @inline static sumError(a: f64, b: f64, s: f64): f64 {
    const t = s - a;
    return a - (s - t) + (b - t);
  }

  /** Error of the rounded product `p` of `a` and `b` (Dekker, with Veltkamp's splitting). */
  @inline static productError(a: f64, b: f64, p: f64): f64 {
    const ca = a * 134217729.0;
    const ah = ca - (ca - a);
    const al = a - ah;
    const cb = b * 134217729.0;
    const bh = cb - (cb - b);
    const bl = b - bh;
    return al * bl - (p - ah * bh - al * bh - ah * bl);
  }

  /** The sum of `a` and `b` rounded to odd: an inexact one gets its last bit set. */
  @inline static sumToOdd(a: f64, b: f64): f64 {
    const s = a + b;
    const e = Exact.sumError(a, b, s);
    const bits = reinterpret<u64>(s);
    if (e == 0 || (bits & 1) != 0) return s;
    // One step towards the exact sum.
    return reinterpret<f64>(e > 0 == s > 0 ? bits + 1 : bits - 1);
  }

  /** Between 2^-400 and 2^400: no intermediate result over- or underflows. */
  @inline static moderate(a: f64): bool {
    const exponent = <u32>(reinterpret<u64>(a) >> 52) & 0x7ff;
    return exponent - 623 <= 800;
  }
}

/** Whether `fast32` and `fast64` were sure of their result and of its flags. */
let sure: bool = false;

/** Round to odd in binary64 and once more to binary32 gives the correctly rounded result. */
function fast32(x: f32, y: f32, z: f32): u32 {
  const s = Exact.sumToOdd(<f64>x * <f64>y, <f64>z);
  const r = reinterpret<u32>(<f32>s);
  sure = Quick.ordinary<u32>(r) || s == 0;
  return r;
}

/** Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008: algorithm Fma. */
function fast64(x: f64, y: f64, z: f64): u64 {
  const uh = x * y;
  const ul = Exact.productError(x, y, uh);
  const th = z + ul;
  const tl = Exact.sumError(z, ul, th);
  const vh = uh + th;
  const vl = Exact.sumError(uh, th, vh);
  const r = reinterpret<u64>(vh + Exact.sumToOdd(tl, vl));
  sure = Quick.ordinary<u64>(r);
  return r;
}

class Fma {
  /** a * b + c with the signs of the variant. */
  @inline static compute<T>(a: T, b: T, c: T, negateProduct: u32, negateAddend: u32): T {
    if (Quick.allowed() && Quick.precisionKnown()) {
      sure = false;
      if (sizeof<T>() == 4) {
        if (Quick.comparable<T>(a) && Quick.comparable<T>(b) && Quick.comparable<T>(c)) {
          const r = fast32(
            reinterpret<f32>(<u32>a ^ (negateProduct << 31)),
            reinterpret<f32>(<u32>b),
            reinterpret<f32>(<u32>c ^ (negateAddend << 31)),
          );
          if (sure) return <T>r;
        }
      } else {
        const x = reinterpret<f64>(<u64>a ^ ((<u64>negateProduct) << 63));
        const y = reinterpret<f64>(<u64>b);
        const z = reinterpret<f64>(<u64>c ^ ((<u64>negateAddend) << 63));
        if (Exact.moderate(x) && Exact.moderate(y) && (Exact.moderate(z) || z == 0)) {
          const r = fast64(x, y, z);
          if (sure) return <T>r;
        }
      }
    }
    return multiplyAdd<T>(a, b, c, negateProduct, negateAddend);
  }

  /** x is the destination's old value, y VEX.vvvv, z r/m. */
  @inline static choose<T>(x: T, y: T, z: T, variant: u32, odd: u32): T {
    const negateProduct = (variant >> 2) & 1;
    let negateAddend = (variant >> 3) & 1;
    if ((variant & ALTERNATE) != 0) negateAddend = negateAddend ^ odd ^ 1;
    const order = variant & 3;
    if (order == ORDER_132) return Fma.compute<T>(x, z, y, negateProduct, negateAddend);
    if (order == ORDER_213) return Fma.compute<T>(y, x, z, negateProduct, negateAddend);
    return Fma.compute<T>(y, z, x, negateProduct, negateAddend);
  }
}

function fma32(d: usize, a: usize, b: usize, i: u32, odd: u32): void {
  store<u32>(d, Fma.choose<u32>(load<u32>(d), load<u32>(a), load<u32>(b), i, odd));
}

function fma64(d: usize, a: usize, b: usize, i: u32, odd: u32): void {
  store<u64>(d, Fma.choose<u64>(load<u64>(d), load<u64>(a), load<u64>(b), i, odd));
}

export function fmaps(d: usize, a: usize, b: usize, i: u32): void {
  for (let n: u32 = 0; n < 4; n++) fma32(d + (n << 2), a + (n << 2), b + (n << 2), i, n & 1);
}

export function fmapd(d: usize, a: usize, b: usize, i: u32): void {
  fma64(d, a, b, i, 0);
  fma64(d + 8, a + 8, b + 8, i, 1);
}

export function fmass(d: usize, a: usize, b: usize, i: u32): void {
  fma32(d, a, b, i, 0);
}

export function fmasd(d: usize, a: usize, b: usize, i: u32): void {
  fma64(d, a, b, i, 0);
}

/** Packed and scalar forms alike: scalar lanes leave the rest of the destination, which is kept. */
export function fusedMultiply(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b === 0) return op.fault();
  const d: usize = op.dst;
  const a = Vec.first(op);
  const f = Vec.lane(op);
  const i = <u32>op.imm;
  beginFloat();
  v128.store(S_TMP1, v128.load(d));
  call_indirect<void>(f, <usize>S_TMP1, a, b, i);
  if ((op.sub & WIDE256) !== 0) {
    v128.store(S_TMP2, v128.load(d, 16));
    call_indirect<void>(f, <usize>S_TMP2, a + 16, b + 16, i);
  }
  if (!endFloat()) return op.fault();
  v128.store(d, v128.load(S_TMP1));
  if ((op.sub & WIDE256) !== 0) v128.store(d, v128.load(S_TMP2), 16);
  else Vec.clearUpper(d);
  return op.next();
}
