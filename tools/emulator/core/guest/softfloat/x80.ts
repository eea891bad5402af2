// Software floating point: the x87's operations on double extended operands in registers (16 bytes each:
// significand, then sign and exponent). Results go to Sf.xhi/xlo, flags to Sf.flags. Follows Intel SDM vol. 1,
// 4.8.3 (NaNs, table 4-7), 8.5 (exceptions) and the operation tables of vol. 2.
// Stack and status word are the business of ../x87.

import { addExact, divideExact, multiplyExact, squareRootExact } from "./arith";
import {
  DE,
  IE,
  INFINITE,
  NORMAL,
  normalize,
  OE,
  PE,
  QNAN,
  RC_DOWN,
  RC_ZERO,
  round80,
  roundMagnitude,
  roundToIntegral,
  Sf,
  SNAN,
  TOP_BIT,
  toInteger,
  UE,
  UNSUPPORTED,
  unpack80,
  ZE,
  ZERO,
} from "./format";
import { order, UNORDERED } from "./sse";

const QUIET: u64 = 0x4000000000000000;

/** The two operands of an instruction, unpacked, and its condition codes. */
export class X80 {
  static ka: u32 = 0;
  static as: u32 = 0;
  static ae: i32 = 0;
  static am: u64 = 0;
  static kb: u32 = 0;
  static bs: u32 = 0;
  static be: i32 = 0;
  static bm: u64 = 0;
  /** An operand is denormal; also set by the conversion of a binary32 or binary64 memory operand. */
  static denormal: bool = false;
  /** Significand bits of results: 24, 53 or 64 (precision control). */
  static precision: i32 = 64;
  /** Quotient bits or other condition codes of the last operation. */
  static quotient: u32 = 0;
  static partial: bool = false;
  /** The last remainder operation had numbers as operands: its condition codes are to be set. */
  static reduced: bool = false;

  @inline static high(p: usize): u32 {
    return <u32>load<u16>(p, 8);
  }
  @inline static low(p: usize): u64 {
    return load<u64>(p);
  }
}

export function setResult(high: u32, low: u64): void {
  Sf.xhi = high;
  Sf.xlo = low;
}

/** The real indefinite QNaN. */
export function setIndefinite(): void {
  setResult(0xffff, 0xc000000000000000);
}

function invalid(): void {
  Sf.raise(IE);
  setIndefinite();
}

function setZero(sign: u32): void {
  setResult(sign << 15, 0);
}

function setInfinity(sign: u32): void {
  setResult((sign << 15) | 0x7fff, TOP_BIT);
}

function unpackA(a: usize): void {
  X80.ka = unpack80(X80.high(a), X80.low(a));
  X80.as = Sf.sign;
  X80.ae = Sf.exp;
  X80.am = Sf.sig;
  X80.denormal = X80.denormal || Sf.denormal;
}

function unpackB(b: usize): void {
  X80.kb = unpack80(X80.high(b), X80.low(b));
  X80.bs = Sf.sign;
  X80.be = Sf.exp;
  X80.bm = Sf.sig;
  X80.denormal = X80.denormal || Sf.denormal;
}

/** Unpacks one operand. True if it is a NaN or unsupported: then the result is set. */
export function special1(a: usize): bool {
  unpackA(a);
  if (X80.ka < QNAN) return false;
  if (X80.ka == UNSUPPORTED) {
    invalid();
    return true;
  }
  if (X80.ka == SNAN) Sf.raise(IE);
  setResult(X80.high(a), X80.low(a) | QUIET);
  return true;
}

/** Unpacks two operands. True if one is a NaN or unsupported: then the result is set. */
export function special2(a: usize, b: usize): bool {
  unpackA(a);
  unpackB(b);
  const ka = X80.ka;
  const kb = X80.kb;
  if (ka < QNAN && kb < QNAN) return false;
  if (ka == UNSUPPORTED || kb == UNSUPPORTED) {
    invalid();
    return true;
  }
  if (ka == SNAN || kb == SNAN) Sf.raise(IE);
  let takeA: bool;
  if (ka < QNAN) takeA = false;
  else if (kb < QNAN) takeA = true;
  else if (ka != kb) takeA = ka == QNAN;
  else {
    // Of two NaNs of a kind the larger significand, and of equal ones the positive.
    const x = X80.low(a);
    const y = X80.low(b);
    takeA = x != y ? x > y : X80.as <= X80.bs;
  }
  const p = takeA ? a : b;
  setResult(X80.high(p), X80.low(p) | QUIET);
  return true;
}

function raiseDenormal(): void {
  if (X80.denormal) Sf.raise(DE);
}

function roundOperand(sign: u32, exp: i32, sig: u64): void {
  Sf.rsign = sign;
  Sf.rexp = exp;
  Sf.hi = sig;
  Sf.lo = 0;
  round80(X80.precision);
}

/** a + b, or a - b where `negate` is 1. */
export function add80(a: usize, b: usize, negate: u32): void {
  if (special2(a, b)) return;
  const bs = X80.bs ^ negate;
  if (X80.ka == INFINITE || X80.kb == INFINITE) {
    if (X80.ka == X80.kb && X80.as != bs) {
      invalid();
      return;
    }
    raiseDenormal();
    setInfinity(X80.ka == INFINITE ? X80.as : bs);
    return;
  }
  raiseDenormal();
  if (X80.kb == ZERO) {
    if (X80.ka == ZERO) setZero(X80.as == bs ? X80.as : <u32>(Sf.rc == RC_DOWN));
    else roundOperand(X80.as, X80.ae, X80.am);
    return;
  }
  if (X80.ka == ZERO) {
    roundOperand(bs, X80.be, X80.bm);
    return;
  }
  if (addExact(X80.as, X80.ae, X80.am, bs, X80.be, X80.bm)) round80(X80.precision);
  else setZero(Sf.rsign);
}

export function multiply80(a: usize, b: usize): void {
  if (special2(a, b)) return;
  const sign = X80.as ^ X80.bs;
  if (X80.ka == INFINITE || X80.kb == INFINITE) {
    if (X80.ka == ZERO || X80.kb == ZERO) {
      invalid();
      return;
    }
    raiseDenormal();
    setInfinity(sign);
    return;
  }
  raiseDenormal();
  if (X80.ka == ZERO || X80.kb == ZERO) {
    setZero(sign);
    return;
  }
  multiplyExact(X80.as, X80.ae, X80.am, X80.bs, X80.be, X80.bm);
  round80(X80.precision);
}

export function divide80(a: usize, b: usize): void {
  if (special2(a, b)) return;
  const sign = X80.as ^ X80.bs;
  if (X80.ka == INFINITE) {
    if (X80.kb == INFINITE) {
      invalid();
      return;
    }
    raiseDenormal();
    setInfinity(sign);
    return;
  }
  if (X80.kb == ZERO) {
    if (X80.ka == ZERO) {
      invalid();
      return;
    }
    Sf.raise(ZE);
    setInfinity(sign);
    return;
  }
  raiseDenormal();
  if (X80.kb == INFINITE || X80.ka == ZERO) {
    setZero(sign);
    return;
  }
  divideExact(X80.as, X80.ae, X80.am, X80.bs, X80.be, X80.bm);
  round80(X80.precision);
}

export function squareRoot80(a: usize): void {
  if (special1(a)) return;
  if (X80.ka == ZERO) {
    setZero(X80.as);
    return;
  }
  if (X80.as != 0) {
    invalid();
    return;
  }
  raiseDenormal();
  if (X80.ka == INFINITE) {
    setInfinity(0);
    return;
  }
  squareRootExact(X80.ae, X80.am);
  round80(X80.precision);
}

/** EQUAL, GREATER, LESS, UNORDERED. FCOM raises IE for every NaN, FUCOM (`quiet`) for SNaNs only. */
export function compare80(a: usize, b: usize, quiet: bool): u32 {
  unpackA(a);
  unpackB(b);
  const ka = X80.ka;
  const kb = X80.kb;
  if (ka >= QNAN || kb >= QNAN) {
    if (!quiet || ka >= SNAN || kb >= SNAN) Sf.raise(IE);
    return UNORDERED;
  }
  raiseDenormal();
  return order(ka, X80.as, X80.ae, X80.am, kb, X80.bs, X80.be, X80.bm);
}

/** FRNDINT. */
export function roundInteger80(a: usize): void {
  if (special1(a)) return;
  if (X80.ka != NORMAL) {
    setResult(X80.high(a), X80.low(a));
    return;
  }
  raiseDenormal();
  if (roundToIntegral(X80.as, X80.ae, X80.am)) Sf.raise(PE);
  if (Sf.hi == 0) setZero(X80.as);
  else setResult((X80.as << 15) | <u32>(Sf.rexp + 16383), Sf.hi);
}

/** FSCALE: a * 2^trunc(b). */
export function scale80(a: usize, b: usize): void {
  if (special2(a, b)) return;
  if (X80.kb == INFINITE) {
    if (X80.bs == 0 ? X80.ka == ZERO : X80.ka == INFINITE) {
      invalid();
      return;
    }
    raiseDenormal();
    if (X80.ka == INFINITE || (X80.ka != ZERO && X80.bs == 0)) setInfinity(X80.as);
    else setZero(X80.as);
    return;
  }
  raiseDenormal();
  if (X80.ka != NORMAL || X80.kb == ZERO || X80.be < 0) {
    if (X80.ka == NORMAL) {
      const precision = X80.precision;
      X80.precision = 64;
      roundOperand(X80.as, X80.ae, X80.am);
      X80.precision = precision;
    } else setResult(X80.high(a), X80.low(a));
    return;
  }
  // Beyond 2^16 the result overflows or underflows in any case.
  let n: i32 = X80.be > 16 ? 0x18000 : <i32>(X80.bm >> (63 - X80.be));
  if (X80.bs != 0) n = -n;
  Sf.rsign = X80.as;
  Sf.rexp = X80.ae + n;
  Sf.hi = X80.am;
  Sf.lo = 0;
  round80(64);
}

/** FXTRACT: the exponent as result, the significand (or what replaces it) as a register image in `significand`. */
export function extract80(a: usize, significand: usize): void {
  if (special1(a)) storeRegister(significand, Sf.xhi, Sf.xlo);
  else if (X80.ka == INFINITE) {
    storeRegister(significand, X80.high(a), X80.low(a));
    setInfinity(0);
  } else if (X80.ka == ZERO) {
    Sf.raise(ZE);
    storeRegister(significand, X80.high(a), 0);
    setInfinity(1);
  } else {
    raiseDenormal();
    storeRegister(significand, (X80.as << 15) | 16383, X80.am);
    integer80(<i64>X80.ae);
  }
}

/** An integer as a double extended result; exact. */
export function integer80(value: i64): void {
  if (value == 0) {
    setZero(0);
    return;
  }
  const sign = <u32>(value < 0);
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  const shift = clz(magnitude);
  setResult((sign << 15) | <u32>(16383 + 63 - <i32>shift), magnitude << shift);
}

/**
 * FPREM (truncating) and FPREM1 (`nearest`). A difference of exponents of 64 and more is reduced by part:
 * X80.partial is set then; otherwise X80.quotient holds the low three quotient bits.
 */
export function remainder80(a: usize, b: usize, nearest: bool): void {
  X80.partial = false;
  X80.reduced = false;
  X80.quotient = 0;
  if (special2(a, b)) return;
  if (X80.ka == INFINITE || X80.kb == ZERO) {
    invalid();
    return;
  }
  X80.reduced = true;
  raiseDenormal();
  if (X80.ka == ZERO) {
    setZero(X80.as);
    return;
  }
  if (X80.kb == INFINITE) {
    exactResult(X80.as, X80.ae, X80.am);
    return;
  }
  const difference = X80.ae - X80.be;
  const least = nearest ? -1 : 0;
  if (difference < least) {
    exactResult(X80.as, X80.ae, X80.am);
    return;
  }
  let steps = difference;
  let reduce = 0;
  if (difference >= 64) {
    X80.partial = true;
    const n = (difference & 31) | 32;
    reduce = difference - n;
    steps = n;
  }
  // Long division bit by bit: r < 2 b throughout, with one bit above 64 in `over`.
  const d = X80.bm;
  let r = X80.am;
  let q: u64 = 0;
  let over = false;
  let exp = X80.be;
  if (difference < 0) {
    // Half of b or more: only the rounding step is left, at b's scale.
    const low = r << 63;
    if (X80.am > d) {
      // 2 a > b: the quotient rounds to 1 and the remainder is a - b.
      const lo: u64 = 0 - low;
      const hi = d - (r >> 1) - <u64>(lo != 0);
      Sf.rsign = X80.as ^ 1;
      Sf.rexp = exp;
      Sf.hi = hi;
      Sf.lo = lo;
      X80.quotient = 1;
      finishExact();
      return;
    }
    exactResult(X80.as, X80.ae, X80.am);
    return;
  }
  for (let i = steps; ; i--) {
    if (over || r >= d) {
      r -= d;
      q = (q << 1) | 1;
    } else q <<= 1;
    if (i == 0) break;
    over = (r & TOP_BIT) != 0;
    r <<= 1;
  }
  let sign = X80.as;
  if (X80.partial) {
    exp += reduce;
  } else if (nearest) {
    // r < d: round the quotient to nearest, ties to even.
    const rest = d - r;
    if (r > rest || (r == rest && (q & 1) != 0)) {
      r = rest;
      q++;
      sign ^= 1;
    }
  }
  X80.quotient = <u32>(q & 7);
  if (r == 0) {
    setZero(X80.as);
    return;
  }
  Sf.rsign = sign;
  Sf.rexp = exp;
  Sf.hi = r;
  Sf.lo = 0;
  finishExact();
}

/** A result that is exact at full precision; it may be denormal. */
function exactResult(sign: u32, exp: i32, sig: u64): void {
  Sf.rsign = sign;
  Sf.rexp = exp;
  Sf.hi = sig;
  Sf.lo = 0;
  finishExact();
}

function finishExact(): void {
  normalize();
  round80(64);
}

// ---- Conversions

/** A binary32 value as double extended in `to`; SNaNs stay SNaNs, a denormal is noted in X80.denormal. */
export function loadSingle(to: usize, bits: u32): void {
  const sign = (bits >> 16) & 0x8000;
  const exponent = (bits >> 23) & 0xff;
  const fraction = (<u64>(bits & 0x7fffff)) << 40;
  if (exponent == 0) {
    if (fraction == 0) {
      storeRegister(to, sign, 0);
      return;
    }
    X80.denormal = true;
    const shift = clz(fraction);
    storeRegister(to, sign | <u32>(16383 - 126 - <i32>shift), fraction << shift);
    return;
  }
  storeRegister(to, sign | (exponent == 0xff ? 0x7fff : exponent + 16256), fraction | TOP_BIT);
}

/** A binary64 value as double extended in `to`, likewise. */
export function loadDouble(to: usize, bits: u64): void {
  const sign = <u32>(bits >> 48) & 0x8000;
  const exponent = <u32>(bits >> 52) & 0x7ff;
  const fraction = (bits & 0xfffffffffffff) << 11;
  if (exponent == 0) {
    if (fraction == 0) {
      storeRegister(to, sign, 0);
      return;
    }
    X80.denormal = true;
    const shift = clz(fraction);
    storeRegister(to, sign | <u32>(16383 - 1022 - <i32>shift), fraction << shift);
    return;
  }
  storeRegister(to, sign | (exponent == 0x7ff ? 0x7fff : exponent + 15360), fraction | TOP_BIT);
}

export function storeRegister(to: usize, high: u32, low: u64): void {
  store<u64>(to, low);
  store<u64>(to, <u64>high, 8);
}

/** A register as binary32 (`p` = 24) or binary64 (`p` = 53). No DE. With OE or UE unmasked the value is not to be stored. */
export function narrow80(a: usize, p: i32): u64 {
  const kind = unpack80(X80.high(a), X80.low(a));
  const width: u64 = p == 24 ? 31 : 63;
  const sign = (<u64>Sf.sign) << width;
  const infinity: u64 = p == 24 ? 0x7f800000 : 0x7ff0000000000000;
  if (kind >= QNAN) {
    if (kind == UNSUPPORTED) {
      Sf.raise(IE);
      return p == 24 ? 0xffc00000 : 0xfff8000000000000;
    }
    if (kind == SNAN) Sf.raise(IE);
    const fraction = ((Sf.sig | QUIET) << 1) >> (65 - p);
    return sign | infinity | fraction;
  }
  if (kind == ZERO) return sign;
  if (kind == INFINITE) return sign | infinity;
  Sf.rsign = Sf.sign;
  Sf.rexp = Sf.exp;
  Sf.hi = Sf.sig;
  Sf.lo = 0;
  return sign | roundMagnitude(p, p == 24 ? 127 : 1023);
}

/** A register as a signed integer of `bits` bits; IE and the integer indefinite if that fails. */
export function toInteger80(a: usize, bits: i32, truncate: bool): u64 {
  const kind = unpack80(X80.high(a), X80.low(a));
  if (kind == ZERO) return 0;
  if (kind != NORMAL) {
    Sf.raise(IE);
    return (<u64>1) << (bits - 1);
  }
  if (truncate) Sf.rc = RC_ZERO;
  return toInteger(Sf.sign, Sf.exp, Sf.sig, bits, true);
}

/** Largest magnitude that FBSTP stores: 18 digits. */
const BCD_MAX: u64 = 999999999999999999;

/** FBSTP: the magnitude, or BCD_MAX + 1 with IE. The sign is left in Sf.rsign. */
export function toBcd80(a: usize): u64 {
  const kind = unpack80(X80.high(a), X80.low(a));
  Sf.rsign = Sf.sign;
  if (kind == ZERO) return 0;
  if (kind != NORMAL) {
    Sf.raise(IE);
    return BCD_MAX + 1;
  }
  const sign = Sf.sign;
  const value = toInteger(sign, Sf.exp, Sf.sig, 64, true);
  Sf.rsign = sign;
  if ((Sf.flags & IE) != 0) return BCD_MAX + 1;
  const magnitude = sign != 0 ? 0 - value : value;
  if (magnitude > BCD_MAX) {
    Sf.flags = (Sf.flags & ~PE) | IE;
    return BCD_MAX + 1;
  }
  return magnitude;
}

/** Flags that say the destination in memory must not be written. */
export const NO_STORE: u32 = IE | OE | UE;
