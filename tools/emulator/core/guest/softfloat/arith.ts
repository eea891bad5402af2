// Software floating point: exact sums, products, quotients, roots and fused multiply-adds of unpacked
// finite non-zero operands, as 128-bit significands with a sticky last bit in Sf.rsign/rexp/hi:lo, ready for
// rounding. Special operands are the callers' business.

import { normalize, RC_DOWN, Sf, shiftRightJam, TOP_BIT } from "./format";

/** Low half of the last product or, after `divide128`, the remainder. */
export class Wide {
  static low: u64 = 0;
  static remainder: u64 = 0;
}

/** High half of a 64 × 64 bit product; the low half is left in Wide.low. */
export function multiply64(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const ll = al * bl;
  const m = ah * bl + (ll >> 32);
  const n = al * bh + (m & 0xffffffff);
  Wide.low = (n << 32) | (ll & 0xffffffff);
  return ah * bh + (m >> 32) + (n >> 32);
}

/** (hi:lo) / d for hi < d and d with its top bit set (Knuth, algorithm D with 32-bit digits); remainder in Wide.remainder. */
export function divide128(hi: u64, lo: u64, d: u64): u64 {
  const d1 = d >> 32;
  const d0 = d & 0xffffffff;
  const l1 = lo >> 32;
  const l0 = lo & 0xffffffff;
  let q1 = hi / d1;
  let r = hi - q1 * d1;
  while (q1 >> 32 != 0 || q1 * d0 > ((r << 32) | l1)) {
    q1--;
    r += d1;
    if (r >> 32 != 0) break;
  }
  const u = ((hi << 32) | l1) - q1 * d;
  let q0 = u / d1;
  r = u - q0 * d1;
  while (q0 >> 32 != 0 || q0 * d0 > ((r << 32) | l0)) {
    q0--;
    r += d1;
    if (r >> 32 != 0) break;
  }
  Wide.remainder = ((u << 32) | l0) - q0 * d;
  return (q1 << 32) + q0;
}

/**
 * Sum of Sf.rsign/rexp/hi:lo and sign/exp/hi:lo, both normalized 128-bit significands. False when it is an
 * exact zero, whose sign is then in Sf.rsign (negative only when rounding down).
 */
export function add128(sign: u32, exp: i32, hi: u64, lo: u64): bool {
  let largeSign = Sf.rsign;
  let largeExp = Sf.rexp;
  let largeHi = Sf.hi;
  let largeLo = Sf.lo;
  let smallSign = sign;
  let smallExp = exp;
  if (exp > largeExp || (exp == largeExp && (hi > largeHi || (hi == largeHi && lo > largeLo)))) {
    smallSign = largeSign;
    smallExp = largeExp;
    largeSign = sign;
    largeExp = exp;
    const h = largeHi;
    const l = largeLo;
    largeHi = hi;
    largeLo = lo;
    Sf.hi = h;
    Sf.lo = l;
  } else {
    Sf.hi = hi;
    Sf.lo = lo;
  }
  shiftRightJam(largeExp - smallExp);
  Sf.rsign = largeSign;
  Sf.rexp = largeExp;
  if (largeSign == smallSign) {
    const l = largeLo + Sf.lo;
    const carryLow = <u64>(l < largeLo);
    const h = largeHi + Sf.hi;
    const carry = h < largeHi || (carryLow != 0 && h + 1 == 0);
    Sf.hi = h + carryLow;
    Sf.lo = l;
    if (carry) {
      Sf.lo = (Sf.hi << 63) | (l >> 1) | (l & 1);
      Sf.hi = (Sf.hi >> 1) | TOP_BIT;
      Sf.rexp++;
    }
    return true;
  }
  const l = largeLo - Sf.lo;
  Sf.hi = largeHi - Sf.hi - <u64>(largeLo < Sf.lo);
  Sf.lo = l;
  if (normalize()) return true;
  Sf.rsign = Sf.rc == RC_DOWN ? 1 : 0;
  return false;
}

/** a + b. False for an exact zero (sign in Sf.rsign). */
export function addExact(as: u32, ae: i32, am: u64, bs: u32, be: i32, bm: u64): bool {
  Sf.rsign = as;
  Sf.rexp = ae;
  Sf.hi = am;
  Sf.lo = 0;
  return add128(bs, be, bm, 0);
}

/** a * b. */
export function multiplyExact(as: u32, ae: i32, am: u64, bs: u32, be: i32, bm: u64): void {
  Sf.hi = multiply64(am, bm);
  Sf.lo = Wide.low;
  Sf.rsign = as ^ bs;
  Sf.rexp = ae + be + 1;
  normalize();
}

/** a / b. */
export function divideExact(as: u32, ae: i32, am: u64, bs: u32, be: i32, bm: u64): void {
  Sf.rsign = as ^ bs;
  let q: u64;
  if (am < bm) {
    q = divide128(am, 0, bm);
    Sf.rexp = ae - be - 1;
  } else {
    q = divide128(am >> 1, am << 63, bm);
    Sf.rexp = ae - be;
  }
  const r = Wide.remainder;
  Sf.hi = q;
  // Above, at or below half of the divisor: the next quotient bit and the sticky bit.
  const half = bm - r;
  Sf.lo = r == 0 ? 0 : r > half ? TOP_BIT | 1 : r == half ? TOP_BIT : 1;
}

/** Square root of a positive number. */
export function squareRootExact(exp: i32, sig: u64): void {
  const odd = (exp & 1) != 0;
  const hi = odd ? sig : sig >> 1;
  const lo = odd ? 0 : sig << 63;
  Sf.rsign = 0;
  Sf.rexp = exp >> 1;
  // First 52 bits from the host's square root, the rest by one Newton step and a final correction.
  const estimate = sqrt(<f64>hi) * 4294967296.0;
  let s: u64 = estimate >= 18446744073709551615.0 ? 0xffffffffffffffff : <u64>estimate;
  let sh = multiply64(s, s);
  let dl = lo - Wide.low;
  let dh = hi - sh - <u64>(lo < Wide.low);
  const error = (<f64>(<i64>dh) * 18446744073709551616.0 + <f64>dl) / (2.0 * <f64>s);
  const step = <i64>floor(error);
  const next = s + <u64>step;
  if (step > 0 && next < s) s = 0xffffffffffffffff;
  else s = next;
  sh = multiply64(s, s);
  dl = lo - Wide.low;
  dh = hi - sh - <u64>(lo < Wide.low);
  while (<i64>dh < 0) {
    // Too large: (s - 1)^2 = s^2 - 2s + 1.
    s--;
    const l = dl + s;
    dh += <u64>(l < dl);
    const l2 = l + s;
    dh += <u64>(l2 < l);
    dl = l2 + 1;
    dh += <u64>(dl == 0);
  }
  while (dh > s >> 63 || (dh == s >> 63 && dl > s << 1)) {
    // Too small: (s + 1)^2 = s^2 + 2s + 1. 2s may have 65 bits.
    const l = dl - s;
    dh -= <u64>(dl < s);
    const l2 = l - s;
    dh -= <u64>(l < s);
    dl = l2 - 1;
    dh -= <u64>(l2 == 0);
    s++;
  }
  Sf.hi = s;
  // The remainder tells whether the root is above s + 1/2.
  Sf.lo = (dh | dl) == 0 ? 0 : dh != 0 || dl > s ? TOP_BIT | 1 : 1;
}

/** a * b + c with one rounding. False for an exact zero (sign in Sf.rsign). */
export function multiplyAddExact(
  as: u32,
  ae: i32,
  am: u64,
  bs: u32,
  be: i32,
  bm: u64,
  cs: u32,
  ce: i32,
  cm: u64,
): bool {
  multiplyExact(as, ae, am, bs, be, bm);
  return add128(cs, ce, cm, 0);
}
