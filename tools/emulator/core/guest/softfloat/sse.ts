// Software floating point: the operations of SSE, AVX, FMA and F16C on binary32 (T = u32) and binary64
// (T = u64) values, element by element, with the NaN rules of Intel SDM vol. 1, 4.8.3.5 and table 4-7, and the
// flags of 11.5.2. Call Sf.begin(mxcsr) once per instruction; afterwards Sf.flags has the flags of all
// elements and `unmaskedFlags` says whether #XM is due.

import { addExact, divideExact, multiplyAddExact, multiplyExact, squareRootExact } from "./arith";
import {
  DE,
  Format,
  IE,
  INFINITE,
  PE,
  QNAN,
  RC_DOWN,
  RC_ZERO,
  round,
  roundMagnitude,
  roundToIntegral,
  Sf,
  SNAN,
  toInteger,
  unpack,
  ZE,
  ZERO,
} from "./format";

/** Results of `compare`. */
export const EQUAL: u32 = 0;
export const GREATER: u32 = 1;
export const LESS: u32 = 2;
export const UNORDERED: u32 = 3;

/**
 * Settles Sf.flags at the end of an instruction: with an unmasked IE, DE or ZE in any element the
 * post-computation flags are not reported. Returns the unmasked flags, not 0 if #XM is due.
 */
export function settleFlags(): u32 {
  const unmasked = Sf.flags & ~Sf.masks;
  if ((unmasked & (IE | DE | ZE)) != 0) {
    Sf.flags &= IE | DE | ZE;
    return unmasked & (IE | DE | ZE);
  }
  return unmasked;
}

function isNan(kind: u32): bool {
  return kind >= QNAN;
}

/** Result of a two-operand operation with a NaN: the first NaN, quieted. */
function propagate<T>(a: T, b: T, ka: u32, kb: u32): T {
  if (ka == SNAN || kb == SNAN) Sf.raise(IE);
  return (ka >= QNAN ? a : b) | Format.quietBit<T>();
}

function invalid<T>(): T {
  Sf.raise(IE);
  return Format.indefinite<T>();
}

function signed<T>(sign: u32, magnitude: T): T {
  return sign != 0 ? Format.signBit<T>() | magnitude : magnitude;
}

/** Rounds one operand as a result: it may be tiny. */
function roundOperand<T>(sign: u32, exp: i32, sig: u64): T {
  Sf.rsign = sign;
  Sf.rexp = exp;
  Sf.hi = sig;
  Sf.lo = 0;
  return round<T>();
}

function addSigned<T>(a: T, b: T, negate: u32): T {
  const ka = unpack<T>(a);
  const as = Sf.sign;
  const ae = Sf.exp;
  const am = Sf.sig;
  let denormal = Sf.denormal;
  const kb = unpack<T>(b);
  if (isNan(ka) || isNan(kb)) return propagate<T>(a, b, ka, kb);
  const bs = Sf.sign ^ negate;
  denormal = denormal || Sf.denormal;
  if (ka == INFINITE) {
    if (kb == INFINITE && as != bs) return invalid<T>();
    if (denormal) Sf.raise(DE);
    return signed<T>(as, Format.infinity<T>());
  }
  if (denormal) Sf.raise(DE);
  if (kb == INFINITE) return signed<T>(bs, Format.infinity<T>());
  if (kb == ZERO) {
    if (ka == ZERO) {
      const sign = as == bs ? as : <u32>(Sf.rc == RC_DOWN);
      return signed<T>(sign, 0);
    }
    return roundOperand<T>(as, ae, am);
  }
  if (ka == ZERO) return roundOperand<T>(bs, Sf.exp, Sf.sig);
  if (!addExact(as, ae, am, bs, Sf.exp, Sf.sig)) return signed<T>(Sf.rsign, 0);
  return round<T>();
}

export function add<T>(a: T, b: T): T {
  return addSigned<T>(a, b, 0);
}

export function subtract<T>(a: T, b: T): T {
  return addSigned<T>(a, b, 1);
}

export function multiply<T>(a: T, b: T): T {
  const ka = unpack<T>(a);
  const as = Sf.sign;
  const ae = Sf.exp;
  const am = Sf.sig;
  let denormal = Sf.denormal;
  const kb = unpack<T>(b);
  if (isNan(ka) || isNan(kb)) return propagate<T>(a, b, ka, kb);
  denormal = denormal || Sf.denormal;
  const sign = as ^ Sf.sign;
  if (ka == INFINITE || kb == INFINITE) {
    if (ka == ZERO || kb == ZERO) return invalid<T>();
    if (denormal) Sf.raise(DE);
    return signed<T>(sign, Format.infinity<T>());
  }
  if (denormal) Sf.raise(DE);
  if (ka == ZERO || kb == ZERO) return signed<T>(sign, 0);
  multiplyExact(as, ae, am, Sf.sign, Sf.exp, Sf.sig);
  return round<T>();
}

export function divide<T>(a: T, b: T): T {
  const ka = unpack<T>(a);
  const as = Sf.sign;
  const ae = Sf.exp;
  const am = Sf.sig;
  let denormal = Sf.denormal;
  const kb = unpack<T>(b);
  if (isNan(ka) || isNan(kb)) return propagate<T>(a, b, ka, kb);
  denormal = denormal || Sf.denormal;
  const sign = as ^ Sf.sign;
  if (ka == INFINITE) {
    if (kb == INFINITE) return invalid<T>();
    if (denormal) Sf.raise(DE);
    return signed<T>(sign, Format.infinity<T>());
  }
  if (kb == ZERO) {
    if (ka == ZERO) return invalid<T>();
    Sf.raise(ZE);
    return signed<T>(sign, Format.infinity<T>());
  }
  if (denormal) Sf.raise(DE);
  if (kb == INFINITE || ka == ZERO) return signed<T>(sign, 0);
  divideExact(as, ae, am, Sf.sign, Sf.exp, Sf.sig);
  return round<T>();
}

export function squareRoot<T>(a: T): T {
  const ka = unpack<T>(a);
  if (isNan(ka)) return propagate<T>(a, a, ka, ka);
  if (ka == ZERO) return signed<T>(Sf.sign, 0);
  if (Sf.sign != 0) return invalid<T>();
  if (ka == INFINITE) return a;
  if (Sf.denormal) Sf.raise(DE);
  squareRootExact(Sf.exp, Sf.sig);
  return round<T>();
}

/**
 * (a * b) * (-1)^negateProduct + c * (-1)^negateAddend with one rounding. NaNs go in the order a, b, c.
 */
export function multiplyAdd<T>(a: T, b: T, c: T, negateProduct: u32, negateAddend: u32): T {
  const ka = unpack<T>(a);
  const as = Sf.sign;
  const ae = Sf.exp;
  const am = Sf.sig;
  let denormal = Sf.denormal;
  const kb = unpack<T>(b);
  const bs = Sf.sign;
  const be = Sf.exp;
  const bm = Sf.sig;
  denormal = denormal || Sf.denormal;
  const kc = unpack<T>(c);
  denormal = denormal || Sf.denormal;
  if (isNan(ka) || isNan(kb) || isNan(kc)) {
    if (ka == SNAN || kb == SNAN || kc == SNAN) Sf.raise(IE);
    return (isNan(ka) ? a : isNan(kb) ? b : c) | Format.quietBit<T>();
  }
  const product = as ^ bs ^ negateProduct;
  const cs = Sf.sign ^ negateAddend;
  if (ka == INFINITE || kb == INFINITE) {
    if (ka == ZERO || kb == ZERO) return invalid<T>();
    if (kc == INFINITE && cs != product) return invalid<T>();
    if (denormal) Sf.raise(DE);
    return signed<T>(product, Format.infinity<T>());
  }
  if (denormal) Sf.raise(DE);
  if (kc == INFINITE) return signed<T>(cs, Format.infinity<T>());
  if (ka == ZERO || kb == ZERO) {
    if (kc == ZERO) return signed<T>(product == cs ? cs : <u32>(Sf.rc == RC_DOWN), 0);
    return roundOperand<T>(cs, Sf.exp, Sf.sig);
  }
  if (kc == ZERO) {
    multiplyExact(product, ae, am, 0, be, bm);
    return round<T>();
  }
  if (!multiplyAddExact(product, ae, am, 0, be, bm, cs, Sf.exp, Sf.sig)) {
    return signed<T>(Sf.rsign, 0);
  }
  return round<T>();
}

/** EQUAL, GREATER, LESS or UNORDERED. A QNaN raises IE only where `signaling`; an SNaN always. */
export function compare<T>(a: T, b: T, signaling: bool): u32 {
  const ka = unpack<T>(a);
  const as = Sf.sign;
  const ae = Sf.exp;
  const am = Sf.sig;
  let denormal = Sf.denormal;
  const kb = unpack<T>(b);
  if (isNan(ka) || isNan(kb)) {
    if (signaling || ka == SNAN || kb == SNAN) Sf.raise(IE);
    return UNORDERED;
  }
  denormal = denormal || Sf.denormal;
  if (denormal) Sf.raise(DE);
  return order(ka, as, ae, am, kb, Sf.sign, Sf.exp, Sf.sig);
}

/** Order of two operands that are not NaN. */
export function order(ka: u32, as: u32, ae: i32, am: u64, kb: u32, bs: u32, be: i32, bm: u64): u32 {
  if (ka == ZERO && kb == ZERO) return EQUAL;
  if (ka == ZERO) return bs != 0 ? GREATER : LESS;
  if (kb == ZERO) return as != 0 ? LESS : GREATER;
  if (as != bs) return as != 0 ? LESS : GREATER;
  const bigger: u32 = as != 0 ? LESS : GREATER;
  const smaller: u32 = as != 0 ? GREATER : LESS;
  if (ka == INFINITE || kb == INFINITE) {
    if (ka == kb) return EQUAL;
    return ka == INFINITE ? bigger : smaller;
  }
  if (ae != be) return ae > be ? bigger : smaller;
  if (am != bm) return am > bm ? bigger : smaller;
  return EQUAL;
}

/** A denormal operand as the instruction sees it under DAZ. */
function flushed<T>(a: T): T {
  if (!Sf.daz) return a;
  const magnitude = a & ~Format.signBit<T>();
  return magnitude < (<T>1) << (Format.precision<T>() - 1) ? a & Format.signBit<T>() : a;
}

/** MIN: the second operand if either is a NaN or both are zero. */
export function minimum<T>(a: T, b: T): T {
  return compare<T>(a, b, true) == LESS ? flushed<T>(a) : flushed<T>(b);
}

export function maximum<T>(a: T, b: T): T {
  return compare<T>(a, b, true) == GREATER ? flushed<T>(a) : flushed<T>(b);
}

/** ROUNDxx: `control` is the immediate; bit 2 takes the mode from MXCSR, bit 3 suppresses PE. No DE, no UE. */
export function roundIntegral<T>(a: T, control: u32): T {
  const ka = unpack<T>(a);
  if (isNan(ka)) return propagate<T>(a, a, ka, ka);
  if (ka == ZERO) return signed<T>(Sf.sign, 0);
  if (ka == INFINITE) return a;
  const rc = Sf.rc;
  if ((control & 4) == 0) Sf.rc = control & 3;
  const sign = Sf.sign;
  const inexact = roundToIntegral(sign, Sf.exp, Sf.sig);
  Sf.rc = rc;
  if (inexact && (control & 8) == 0) Sf.raise(PE);
  if (Sf.hi == 0) return signed<T>(sign, 0);
  const p = Format.precision<T>();
  const fraction = (Sf.hi << 1) >> (65 - p);
  return signed<T>(sign, ((<T>(Sf.rexp + Format.bias<T>())) << (p - 1)) | <T>fraction);
}

/** CVT(T)xx2SI and packed forms: to a signed integer of `bits` bits, or the integer indefinite with IE. No DE. */
export function toSigned<T>(a: T, bits: i32, truncate: bool): u64 {
  const ka = unpack<T>(a);
  if (ka >= INFINITE) {
    Sf.raise(IE);
    return (<u64>1) << (bits - 1);
  }
  if (ka == ZERO) return 0;
  const rc = Sf.rc;
  if (truncate) Sf.rc = RC_ZERO;
  const result = toInteger(Sf.sign, Sf.exp, Sf.sig, bits, true);
  Sf.rc = rc;
  return result;
}

/** CVTSI2xx and packed forms. */
export function fromSigned<T>(value: i64): T {
  if (value == 0) return 0;
  Sf.rsign = <u32>(value < 0);
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  const shift = clz(magnitude);
  Sf.hi = magnitude << shift;
  Sf.lo = 0;
  Sf.rexp = 63 - <i32>shift;
  return round<T>();
}

/** CVTSS2SD, CVTPS2PD. */
export function widen(a: u32): u64 {
  const ka = unpack<u32>(a);
  const sign = (<u64>Sf.sign) << 63;
  if (isNan(ka)) {
    if (ka == SNAN) Sf.raise(IE);
    return sign | 0x7ff8000000000000 | (Sf.sig >> 11);
  }
  if (ka == INFINITE) return sign | 0x7ff0000000000000;
  if (ka == ZERO) return sign;
  if (Sf.denormal) Sf.raise(DE);
  return sign | ((<u64>(Sf.exp + 1023)) << 52) | ((Sf.sig << 1) >> 12);
}

/** CVTSD2SS, CVTPD2PS. */
export function narrow(a: u64): u32 {
  const ka = unpack<u64>(a);
  const sign = Sf.sign << 31;
  if (isNan(ka)) {
    if (ka == SNAN) Sf.raise(IE);
    return sign | 0x7fc00000 | <u32>(Sf.sig >> 40);
  }
  if (ka == INFINITE) return sign | 0x7f800000;
  if (ka == ZERO) return sign;
  if (Sf.denormal) Sf.raise(DE);
  return roundOperand<u32>(Sf.sign, Sf.exp, Sf.sig);
}

/** VCVTPH2PS: binary16 denormals are converted whatever DAZ says, and do not raise DE. */
export function fromHalf(half: u32): u32 {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent == 31) {
    if (fraction == 0) return sign | 0x7f800000;
    if ((fraction & 0x200) == 0) Sf.raise(IE);
    return sign | 0x7fc00000 | (fraction << 13);
  }
  if (exponent == 0) {
    if (fraction == 0) return sign;
    const shift = clz(fraction) - 21;
    return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
  }
  return sign | ((exponent + 112) << 23) | (fraction << 13);
}

/** VCVTPS2PH with the immediate as `control`: bit 2 takes the mode from MXCSR. FTZ does not apply. */
export function toHalf(a: u32, control: u32): u32 {
  const ka = unpack<u32>(a);
  const sign = Sf.sign << 15;
  if (isNan(ka)) {
    if (ka == SNAN) Sf.raise(IE);
    return sign | 0x7e00 | <u32>(Sf.sig >> 53);
  }
  if (ka == INFINITE) return sign | 0x7c00;
  if (ka == ZERO) return sign;
  if (Sf.denormal) Sf.raise(DE);
  const rc = Sf.rc;
  const ftz = Sf.ftz;
  if ((control & 4) == 0) Sf.rc = control & 3;
  Sf.ftz = false;
  Sf.rsign = Sf.sign;
  Sf.rexp = Sf.exp;
  Sf.hi = Sf.sig;
  Sf.lo = 0;
  const magnitude = <u32>roundMagnitude(11, 15);
  Sf.rc = rc;
  Sf.ftz = ftz;
  return sign | magnitude;
}
