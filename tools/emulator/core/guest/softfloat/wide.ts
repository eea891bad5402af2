// Floating-point numbers with 128-bit significands, for functions whose 64-bit result must come out right:
// the x87's transcendental instructions. A number is 24 bytes at an address; results are truncated, so each
// operation errs by a few units of 2^-127. No infinities, no NaNs; exponents do not overflow in practice.

import { add128, multiply64, Wide } from "./arith";
import { normalize, Sf, TOP_BIT } from "./format";

/** Size of a number in bytes. */
export const WIDE_SIZE: usize = 24;

@unmanaged
class Number128 {
  /** Value = hi:lo / 2^127 * 2^exp; hi = 0 is zero, otherwise its top bit is set. */
  hi: u64;
  lo: u64;
  exp: i32;
  sign: u32;
}

function at(p: usize): Number128 {
  return changetype<Number128>(p);
}

export function wideSet(to: usize, sign: u32, exp: i32, hi: u64, lo: u64): void {
  const n = at(to);
  n.sign = sign;
  n.exp = exp;
  n.hi = hi;
  n.lo = lo;
}

export function wideCopy(to: usize, from: usize): void {
  memory.copy(to, from, WIDE_SIZE);
}

export function wideInteger(to: usize, value: i64): void {
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  const shift = value == 0 ? 0 : clz(magnitude);
  wideSet(to, <u32>(value < 0), 63 - <i32>shift, magnitude << shift, 0);
}

export function wideIsZero(p: usize): bool {
  return at(p).hi == 0;
}

export function wideSign(p: usize): u32 {
  return at(p).sign;
}

export function wideExponent(p: usize): i32 {
  return at(p).exp;
}

export function wideNegate(p: usize): void {
  at(p).sign ^= 1;
}

/** Multiplies by 2^n. */
export function wideScale(p: usize, n: i32): void {
  at(p).exp += n;
}

export function wideAdd(to: usize, a: usize, b: usize): void {
  const x = at(a);
  const y = at(b);
  if (x.hi == 0) {
    wideCopy(to, b);
    return;
  }
  if (y.hi == 0) {
    wideCopy(to, a);
    return;
  }
  Sf.rsign = x.sign;
  Sf.rexp = x.exp;
  Sf.hi = x.hi;
  Sf.lo = x.lo;
  if (add128(y.sign, y.exp, y.hi, y.lo)) wideSet(to, Sf.rsign, Sf.rexp, Sf.hi, Sf.lo);
  else wideSet(to, 0, 0, 0, 0);
}

export function wideSubtract(to: usize, a: usize, b: usize): void {
  const y = at(b);
  y.sign ^= 1;
  wideAdd(to, a, b);
  if (to != b) y.sign ^= 1;
}

export function wideMultiply(to: usize, a: usize, b: usize): void {
  const x = at(a);
  const y = at(b);
  if (x.hi == 0 || y.hi == 0) {
    wideSet(to, 0, 0, 0, 0);
    return;
  }
  const cross1 = multiply64(x.hi, y.lo);
  const cross2 = multiply64(x.lo, y.hi);
  let hi = multiply64(x.hi, y.hi);
  let lo = Wide.low + cross1;
  hi += <u64>(lo < cross1);
  lo += cross2;
  hi += <u64>(lo < cross2);
  let exp = x.exp + y.exp + 1;
  if ((hi & TOP_BIT) == 0) {
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    exp--;
  }
  wideSet(to, x.sign ^ y.sign, exp, hi, lo);
}

/** to = a / b by long division. */
export function wideDivide(to: usize, a: usize, b: usize): void {
  const x = at(a);
  const y = at(b);
  if (x.hi == 0) {
    wideSet(to, 0, 0, 0, 0);
    return;
  }
  const dh = y.hi;
  const dl = y.lo;
  let rh = x.hi;
  let rl = x.lo;
  let over = false;
  let qh: u64 = 0;
  let ql: u64 = 0;
  for (let i = 0; i < 129; i++) {
    const take = over || rh > dh || (rh == dh && rl >= dl);
    qh = (qh << 1) | (ql >> 63);
    ql = (ql << 1) | <u64>take;
    if (take) {
      rh = rh - dh - <u64>(rl < dl);
      rl -= dl;
    }
    // 129 quotient bits with the first of weight 2^0; when it is 1 the last does not fit and is not computed.
    if (i == 127 && (qh & TOP_BIT) != 0) {
      wideSet(to, x.sign ^ y.sign, x.exp - y.exp, qh, ql);
      return;
    }
    over = (rh & TOP_BIT) != 0;
    rh = (rh << 1) | (rl >> 63);
    rl <<= 1;
  }
  wideSet(to, x.sign ^ y.sign, x.exp - y.exp - 1, qh, ql);
}

/** to = a / n for 0 < n < 2^31. */
export function wideDivideBy(to: usize, a: usize, n: u32): void {
  const x = at(a);
  if (x.hi == 0) {
    wideCopy(to, a);
    return;
  }
  const d = <u64>n;
  let r: u64 = 0;
  // Five 32-bit digits of the quotient: the top one is short of the digits that normalizing takes.
  let q0: u64 = x.hi >> 32;
  r = q0 % d;
  q0 /= d;
  let t = (r << 32) | (x.hi & 0xffffffff);
  const q1 = t / d;
  r = t % d;
  t = (r << 32) | (x.lo >> 32);
  const q2 = t / d;
  r = t % d;
  t = (r << 32) | (x.lo & 0xffffffff);
  const q3 = t / d;
  r = t % d;
  const q4 = (r << 32) / d;
  let hi = (q0 << 32) | q1;
  let lo = (q2 << 32) | q3;
  const lost = clz(hi);
  if (lost != 0) {
    hi = (hi << lost) | (lo >> (64 - lost));
    lo = (lo << lost) | ((q4 << 32) >> (64 - lost));
  }
  wideSet(to, x.sign, x.exp - <i32>lost, hi, lo);
}

/** Leaves the number as an unrounded result in Sf, never exact: below its value where it has no low bits and `nudge` is negative, else above. */
export function wideResult(p: usize, nudge: i32): void {
  const n = at(p);
  Sf.rsign = n.sign;
  Sf.rexp = n.exp;
  Sf.hi = n.hi;
  Sf.lo = n.lo;
  if (nudge < 0 && n.lo == 0) {
    Sf.lo = 0xffffffffffffffff;
    Sf.hi--;
    normalize();
  } else Sf.lo |= 1;
}
