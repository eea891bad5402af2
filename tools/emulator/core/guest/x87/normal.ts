// x87 arithmetic, comparison and conversion of normal numbers and zeros: the cases in which nothing but PE can be
// raised. Follows Intel SDM vol. 1, 4.8.4 (rounding), 8.1.5 (control word) and 8.5.6 (precision exception, C1).
// What is not such a case, or rounds other than to nearest, is refused with nothing changed: ../softfloat/x80.ts does
// all cases.

import { S_FCW, S_FSW } from "../../state";
import { divide128, Wide } from "../softfloat/arith";
import { PE, TOP_BIT } from "../softfloat/format";
import { EQUAL, GREATER, LESS } from "../softfloat/sse";

const C1: u32 = 0x200;
/** Control word: PM and rounding control, and their value for "PE masked, to nearest". */
const PM_RC: u32 = 0xc20;
const MASKED_NEAREST: u32 = 0x20;
const PRECISION: u32 = 0x300;

/** What `compareNormal` returns for operands that it does not compare. */
export const REFUSED: u32 = 0xff;

export class Normal {
  @inline static isNormal(high: u32, low: u64): bool {
    return <u32>((high & 0x7fff) - 1) < 0x7ffe && low >> 63 != 0;
  }

  @inline static isZero(high: u32, low: u64): bool {
    return (high & 0x7fff) == 0 && low == 0;
  }

  /** Whether a number with `rest` behind its last bit (bit 63 is half a unit) goes up to the even neighbour or the nearer one. */
  @inline static isUp(odd: bool, rest: u64): bool {
    return rest > TOP_BIT || (rest == TOP_BIT && odd);
  }

  /** Takes PE and C1 into the status word. */
  @inline static setRounded(inexact: bool, up: bool): void {
    const fsw = load<u32>(S_FSW) & ~C1;
    store<u32>(S_FSW, fsw | (inexact ? PE : 0) | (up ? C1 : 0));
  }

  /**
   * The register `to` = a `operation` b, and PE and C1; `operation` is the reg field of D8: 0 ADD, 1 MUL, 4 SUB, 5 SUBR,
   * 6 DIV, 7 DIVR. False leaves all to the general way.
   */
  @inline static compute(operation: u32, to: usize, ah: u32, al: u64, bh: u32, bl: u64): bool {
    if (operation == 1) return multiplyNormal(to, ah, al, bh, bl);
    if (operation == 6) return divideNormal(to, ah, al, bh, bl);
    if (operation == 7) return divideNormal(to, bh, bl, ah, al);
    return addNormal(
      to,
      operation == 5 ? ah ^ 0x8000 : ah,
      al,
      operation == 4 ? bh ^ 0x8000 : bh,
      bl,
    );
  }
}

function exact(to: usize, high: u32, low: u64): bool {
  store<u64>(to, low);
  store<u64>(to, <u64>high, 8);
  Normal.setRounded(false, false);
  return true;
}

/** Rounds hi:lo (bit 63 of hi set, biased exponent `e`) to the precision control's width as the register `to`. */
function finish(to: usize, sign: u32, e: i32, hi: u64, lo: u64): bool {
  const fcw = load<u32>(S_FCW);
  // Rounding may carry into the exponent once.
  if ((fcw & PM_RC) != MASKED_NEAREST || <u32>(e - 1) >= 0x7ffd) return false;
  let unit: u64 = 1;
  if ((fcw & PRECISION) != PRECISION && (fcw & PRECISION) != 0x100) {
    const dropped: u64 = (fcw & PRECISION) != 0 ? 11 : 40;
    unit = (<u64>1) << dropped;
    lo = (hi << (64 - dropped)) | <u64>(lo != 0);
    hi &= 0 - unit;
  }
  const up = Normal.isUp((hi & unit) != 0, lo);
  if (up) {
    hi += unit;
    if (hi == 0) {
      hi = TOP_BIT;
      e++;
    }
  }
  store<u64>(to, hi);
  store<u64>(to, <u64>(sign | <u32>e), 8);
  Normal.setRounded(lo != 0, up);
  return true;
}

/** to = a + b; a and b are sign and exponent, and significand. */
export function addNormal(to: usize, ah: u32, al: u64, bh: u32, bl: u64): bool {
  if (!Normal.isNormal(ah, al) || !Normal.isNormal(bh, bl)) {
    if (Normal.isZero(bh, bl) && Normal.isNormal(ah, al))
      return finish(to, ah & 0x8000, ah & 0x7fff, al, 0);
    if (Normal.isZero(ah, al) && Normal.isNormal(bh, bl))
      return finish(to, bh & 0x8000, bh & 0x7fff, bl, 0);
    return false;
  }
  let d = <i32>(ah & 0x7fff) - <i32>(bh & 0x7fff);
  if (d < 0 || (d == 0 && al < bl)) {
    d = -d;
    const h = ah;
    ah = bh;
    bh = h;
    const l = al;
    al = bl;
    bl = l;
  }
  let e = <i32>(ah & 0x7fff);
  let lo: u64 = 0;
  if (d != 0) {
    // A difference may lose its leading bit: the bits below the last one count exactly.
    if (d < 64) {
      lo = bl << (64 - <u64>d);
      bl >>= <u64>d;
    } else {
      if (d == 64) lo = bl;
      else if (d < 128) lo = (bl >> (<u64>d - 64)) | <u64>(bl << (128 - <u64>d) != 0);
      else lo = 1;
      bl = 0;
    }
  }
  let hi: u64;
  if (((ah ^ bh) & 0x8000) == 0) {
    hi = al + bl;
    if (hi < al) {
      lo = (hi << 63) | (lo >> 1) | (lo & 1);
      hi = (hi >> 1) | TOP_BIT;
      e++;
    }
  } else {
    hi = al - bl - <u64>(lo != 0);
    lo = 0 - lo;
    if (hi == 0) return false;
    const shift = clz(hi);
    if (shift != 0) {
      hi = (hi << shift) | (lo >> (64 - shift));
      lo <<= shift;
      e -= <i32>shift;
    }
  }
  return finish(to, ah & 0x8000, e, hi, lo);
}

/** to = a * b. */
export function multiplyNormal(to: usize, ah: u32, al: u64, bh: u32, bl: u64): bool {
  const sign = (ah ^ bh) & 0x8000;
  if (!Normal.isNormal(ah, al) || !Normal.isNormal(bh, bl)) {
    const zeroA = Normal.isZero(ah, al);
    const zeroB = Normal.isZero(bh, bl);
    if ((!zeroA && !Normal.isNormal(ah, al)) || (!zeroB && !Normal.isNormal(bh, bl))) return false;
    return exact(to, sign, 0);
  }
  let e = <i32>(ah & 0x7fff) + <i32>(bh & 0x7fff) - 16382;
  const a0 = al & 0xffffffff;
  const a1 = al >> 32;
  const b0 = bl & 0xffffffff;
  const b1 = bl >> 32;
  const m = a1 * b0 + ((a0 * b0) >> 32);
  const n = a0 * b1 + (m & 0xffffffff);
  let hi = a1 * b1 + (m >> 32) + (n >> 32);
  let lo = al * bl;
  if (hi >> 63 == 0) {
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    e--;
  }
  return finish(to, sign, e, hi, lo);
}

/** to = a / b. */
export function divideNormal(to: usize, ah: u32, al: u64, bh: u32, bl: u64): bool {
  if (!Normal.isNormal(bh, bl)) return false;
  const sign = (ah ^ bh) & 0x8000;
  if (!Normal.isNormal(ah, al)) return Normal.isZero(ah, al) && exact(to, sign, 0);
  let e = <i32>(ah & 0x7fff) - <i32>(bh & 0x7fff) + 16383;
  let q: u64;
  if (al < bl) {
    q = divide128(al, 0, bl);
    e--;
  } else q = divide128(al >> 1, al << 63, bl);
  // Below, at or above half of the divisor: the next bit of the quotient, and what is behind it.
  const r = Wide.remainder;
  const half = bl - r;
  const lo: u64 = r == 0 ? 0 : r > half ? TOP_BIT | 1 : r == half ? TOP_BIT : 1;
  return finish(to, sign, e, q, lo);
}

/** EQUAL, GREATER or LESS; nothing is raised. */
export function compareNormal(ah: u32, al: u64, bh: u32, bl: u64): u32 {
  const zeroA = Normal.isZero(ah, al);
  const zeroB = Normal.isZero(bh, bl);
  if ((!zeroA && !Normal.isNormal(ah, al)) || (!zeroB && !Normal.isNormal(bh, bl))) return REFUSED;
  if (zeroA && zeroB) return EQUAL;
  if (((ah ^ bh) & 0x8000) != 0) return (ah & 0x8000) != 0 ? LESS : GREATER;
  if (ah == bh && al == bl) return EQUAL;
  const larger = ah != bh ? ah > bh : al > bl;
  return larger != ((ah & 0x8000) != 0) ? GREATER : LESS;
}
