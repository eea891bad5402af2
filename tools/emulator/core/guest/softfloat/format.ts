// Software floating point, the foundation: rounding control, exception flags, unpacking of binary32,
// binary64 and double extended operands into one common form, and rounding of exact results back. Follows
// Intel SDM vol. 1, 4.8 and 4.9 (formats, rounding, exceptions; tininess is detected after rounding).
// Arithmetic is in arith.ts, the SSE operations in sse.ts, the x87's in x80.ts.

/** Exception flags, in the order of MXCSR and of the x87 status word. */
export const IE: u32 = 1;
export const DE: u32 = 2;
export const ZE: u32 = 4;
export const OE: u32 = 8;
export const UE: u32 = 16;
export const PE: u32 = 32;

/** Rounding control, encoded as in MXCSR and the x87 control word. */
export const RC_NEAREST: u32 = 0;
export const RC_DOWN: u32 = 1;
export const RC_UP: u32 = 2;
export const RC_ZERO: u32 = 3;

/** Classes of an operand. NaNs are the largest. */
export const ZERO: u32 = 0;
export const NORMAL: u32 = 1;
export const INFINITE: u32 = 2;
export const QNAN: u32 = 3;
export const SNAN: u32 = 4;
/** x87 encodings that the 387 and later do not support: unnormals, pseudo-infinities, pseudo-NaNs. */
export const UNSUPPORTED: u32 = 5;

export const TOP_BIT: u64 = 0x8000000000000000;

/** Modes, flags and the multi-word results of functions. One set for all: nothing here survives an instruction. */
export class Sf {
  /** Rounding mode, RC_*. */
  static rc: u32 = 0;
  /** Exception flags raised since `begin`, IE … PE. */
  static flags: u32 = 0;
  /** Exception masks: bit set = masked. Only UE and OE matter to rounding. */
  static masks: u32 = 0x3f;
  /** Denormal operands count as zero (MXCSR.DAZ). */
  static daz: bool = false;
  /** Tiny results become zero (MXCSR.FTZ with underflow masked). */
  static ftz: bool = false;
  /** The last rounding went away from zero (x87 C1). */
  static up: bool = false;

  /** The operand just unpacked: value = sig / 2^63 * 2^exp, bit 63 of sig set unless the class is not NORMAL. */
  static sign: u32 = 0;
  static exp: i32 = 0;
  static sig: u64 = 0;
  static denormal: bool = false;

  /** Result before rounding: hi:lo / 2^127 * 2^rexp, lo's last bit is sticky. hi = 0 means zero. */
  static rsign: u32 = 0;
  static rexp: i32 = 0;
  static hi: u64 = 0;
  static lo: u64 = 0;

  /** A double extended result: sign and exponent, significand. */
  static xhi: u32 = 0;
  static xlo: u64 = 0;

  /** Starts an SSE/AVX operation: takes the modes from an MXCSR value and clears the flags. */
  static begin(mxcsr: u32): void {
    Sf.rc = (mxcsr >> 13) & 3;
    Sf.masks = (mxcsr >> 7) & 0x3f;
    Sf.daz = (mxcsr & 0x40) != 0;
    Sf.ftz = (mxcsr & 0x8800) == 0x8800;
    Sf.flags = 0;
  }

  /** Starts an x87 operation: takes rounding and masks from the control word and clears the flags. */
  static beginX87(fcw: u32): void {
    Sf.rc = (fcw >> 10) & 3;
    Sf.masks = fcw & 0x3f;
    Sf.daz = false;
    Sf.ftz = false;
    Sf.flags = 0;
    Sf.up = false;
  }

  @inline static raise(flags: u32): void {
    Sf.flags |= flags;
  }
}

/** Constants of binary32 (T = u32) and binary64 (T = u64). */
export class Format {
  /** Significand bits including the leading one. */
  @inline static precision<T>(): i32 {
    return sizeof<T>() == 4 ? 24 : 53;
  }
  @inline static bias<T>(): i32 {
    return sizeof<T>() == 4 ? 127 : 1023;
  }
  @inline static infinity<T>(): T {
    return sizeof<T>() == 4 ? <T>0x7f800000 : <T>0x7ff0000000000000;
  }
  @inline static signBit<T>(): T {
    return sizeof<T>() == 4 ? <T>0x80000000 : <T>0x8000000000000000;
  }
  @inline static quietBit<T>(): T {
    return sizeof<T>() == 4 ? <T>0x400000 : <T>0x8000000000000;
  }
  /** The QNaN that invalid operations give: negative, all other fraction bits clear. */
  @inline static indefinite<T>(): T {
    return sizeof<T>() == 4 ? <T>0xffc00000 : <T>0xfff8000000000000;
  }
}

/** Unpacks a binary32 or binary64 operand into Sf.sign/exp/sig/denormal and returns its class. */
export function unpack<T>(bits: T): u32 {
  const p = Format.precision<T>();
  const magnitude = <u64>(bits & ~Format.signBit<T>());
  Sf.sign = (bits & Format.signBit<T>()) != 0 ? 1 : 0;
  Sf.denormal = false;
  const exponent = <i32>(magnitude >> (p - 1));
  const fraction = magnitude & (((<u64>1) << (p - 1)) - 1);
  if (exponent == 2 * Format.bias<T>() + 1) {
    Sf.sig = fraction << (64 - p);
    if (fraction == 0) return INFINITE;
    return (bits & Format.quietBit<T>()) != 0 ? QNAN : SNAN;
  }
  if (exponent == 0) {
    if (fraction == 0 || Sf.daz) {
      Sf.sig = 0;
      return ZERO;
    }
    Sf.denormal = true;
    const shift = <i32>clz(fraction);
    Sf.sig = fraction << shift;
    Sf.exp = 64 - p - shift + 1 - Format.bias<T>();
    return NORMAL;
  }
  Sf.sig = (fraction << (64 - p)) | TOP_BIT;
  Sf.exp = exponent - Format.bias<T>();
  return NORMAL;
}

/** Unpacks a double extended operand into Sf.sign/exp/sig/denormal and returns its class. Pseudo-denormals are denormal. */
export function unpack80(high: u32, low: u64): u32 {
  Sf.sign = (high >> 15) & 1;
  Sf.denormal = false;
  Sf.sig = low;
  const exponent = <i32>(high & 0x7fff);
  if (exponent == 0) {
    if (low == 0) return ZERO;
    Sf.denormal = true;
    const shift = <i32>clz(low);
    Sf.sig = low << shift;
    Sf.exp = -16382 - shift;
    return NORMAL;
  }
  if ((low & TOP_BIT) == 0) return UNSUPPORTED;
  if (exponent == 0x7fff) {
    if (low == TOP_BIT) return INFINITE;
    return (low & 0x4000000000000000) != 0 ? QNAN : SNAN;
  }
  Sf.exp = exponent - 16383;
  return NORMAL;
}

/** Shifts Sf.hi:lo right, collecting what falls out in the last bit. */
export function shiftRightJam(count: i32): void {
  if (count <= 0) return;
  const hi = Sf.hi;
  const lo = Sf.lo;
  if (count < 64) {
    const c = <u64>count;
    const lost = lo << (64 - c);
    Sf.lo = (hi << (64 - c)) | (lo >> c) | <u64>(lost != 0);
    Sf.hi = hi >> c;
  } else if (count == 64) {
    Sf.lo = hi | <u64>(lo != 0);
    Sf.hi = 0;
  } else if (count < 128) {
    const c = <u64>(count - 64);
    const lost = (hi << (64 - c)) | lo;
    Sf.lo = (hi >> c) | <u64>(lost != 0);
    Sf.hi = 0;
  } else {
    Sf.lo = <u64>((hi | lo) != 0);
    Sf.hi = 0;
  }
}

/** Shifts Sf.hi:lo left until bit 127 is set, adjusting Sf.rexp. False if it is zero. */
export function normalize(): bool {
  if (Sf.hi == 0) {
    if (Sf.lo == 0) return false;
    Sf.hi = Sf.lo;
    Sf.lo = 0;
    Sf.rexp -= 64;
  }
  const shift = clz(Sf.hi);
  if (shift != 0) {
    Sf.hi = (Sf.hi << shift) | (Sf.lo >> (64 - shift));
    Sf.lo <<= shift;
    Sf.rexp -= <i32>shift;
  }
  return true;
}

/** Whether rounding hi:lo to its first `p` bits (p ≤ 64) goes away from zero. */
function roundsUp(sign: u32, hi: u64, lo: u64, p: i32): bool {
  const rc = Sf.rc;
  if (rc == RC_NEAREST) {
    if (p == 64) {
      if (lo != TOP_BIT) return lo > TOP_BIT;
      return (hi & 1) != 0;
    }
    const rest = hi & (((<u64>1) << (64 - p)) - 1);
    const half = (<u64>1) << (63 - p);
    if (rest != half) return rest > half;
    return lo != 0 || (hi & (half << 1)) != 0;
  }
  const inexact = lo != 0 || (p < 64 && (hi & (((<u64>1) << (64 - p)) - 1)) != 0);
  if (rc == RC_DOWN) return inexact && sign != 0;
  if (rc == RC_UP) return inexact && sign == 0;
  return false;
}

/**
 * Rounds Sf.hi:lo to `p` bits in place (Sf.lo becomes 0, Sf.hi keeps p bits, Sf.rexp may grow by one).
 * Returns whether the result is inexact, and sets Sf.up.
 */
function roundSignificand(p: i32): bool {
  const hi = Sf.hi;
  const lo = Sf.lo;
  const mask: u64 = p == 64 ? 0 : ((<u64>1) << (64 - p)) - 1;
  const inexact = ((hi & mask) | lo) != 0;
  const up = inexact && roundsUp(Sf.rsign, hi, lo, p);
  Sf.up = up;
  let out = hi & ~mask;
  if (up) {
    out += mask + 1;
    // Carry out of the top: 1.11…1 became 10.0. A denormal that was shifted has no top bit to lose.
    if (out == 0) {
      out = TOP_BIT;
      Sf.rexp++;
    }
  }
  Sf.hi = out;
  Sf.lo = 0;
  return inexact;
}

/** Whether a result with exponent one below the smallest reaches it by rounding to `p` bits: then it is not tiny. */
function roundsToSmallest(p: i32): bool {
  const ones: u64 = p == 64 ? 0xffffffffffffffff : ~(((<u64>1) << (64 - p)) - 1);
  return (Sf.hi & ones) == ones && roundsUp(Sf.rsign, Sf.hi, Sf.lo, p);
}

/**
 * Rounds the result Sf.rsign/rexp/hi:lo (normalized, not zero) to binary32 or binary64 and raises OE, UE, PE.
 * With OE or UE unmasked the value returned is not meaningful: SSE instructions then do not write it.
 */
export function round<T>(): T {
  const magnitude = <T>roundMagnitude(Format.precision<T>(), Format.bias<T>());
  return Sf.rsign != 0 ? Format.signBit<T>() | magnitude : magnitude;
}

/** The same for any IEEE format of `p` significand bits and exponent bias `bias`; returns the bits below the sign. */
export function roundMagnitude(p: i32, bias: i32): u64 {
  const smallest = 1 - bias;
  if (Sf.rexp < smallest) {
    const tiny = !(Sf.rexp == smallest - 1 && roundsToSmallest(p));
    if (tiny && Sf.ftz) {
      Sf.raise(UE | PE);
      return 0;
    }
    if (tiny && (Sf.masks & UE) == 0) {
      Sf.raise(roundSignificand(p) ? UE | PE : UE);
      return 0;
    }
    shiftRightJam(smallest - Sf.rexp);
    Sf.rexp = smallest;
    if (roundSignificand(p)) Sf.raise(tiny ? UE | PE : PE);
    // A denormal that rounds up to the smallest normal gets its exponent from the carry into bit p - 1.
    return Sf.hi >> (64 - p);
  }
  const inexact = roundSignificand(p);
  if (Sf.rexp > bias) {
    Sf.raise(inexact || (Sf.masks & OE) != 0 ? OE | PE : OE);
    const infinity = (<u64>(2 * bias + 1)) << (p - 1);
    Sf.up = roundsToInfinity();
    return Sf.up ? infinity : infinity - 1;
  }
  if (inexact) Sf.raise(PE);
  return ((<u64>(Sf.rexp + bias)) << (p - 1)) | ((Sf.hi << 1) >> (65 - p));
}

/** What an overflow becomes, by rounding mode and Sf.rsign: infinity, or the largest finite number. */
function roundsToInfinity(): bool {
  return (
    Sf.rc == RC_NEAREST || (Sf.rc == RC_UP && Sf.rsign == 0) || (Sf.rc == RC_DOWN && Sf.rsign != 0)
  );
}

/**
 * Rounds the result to double extended with `p` significand bits (24, 53 or 64) into Sf.xhi/xlo. With OE or UE
 * unmasked the exponent is biased by 24576 as the x87 does for register destinations (Intel SDM vol. 1, 8.5.4).
 */
export function round80(p: i32): void {
  const sign = Sf.rsign << 15;
  if (Sf.rexp < -16382) {
    const tiny = !(Sf.rexp == -16383 && roundsToSmallest(p));
    if (tiny && (Sf.masks & UE) == 0) {
      const inexact = roundSignificand(p);
      Sf.raise(inexact ? UE | PE : UE);
      pack80(sign, Sf.rexp + 24576);
      return;
    }
    shiftRightJam(-16382 - Sf.rexp);
    Sf.rexp = -16382;
    if (roundSignificand(p)) Sf.raise(tiny ? UE | PE : PE);
    Sf.xhi = sign | <u32>((Sf.hi & TOP_BIT) != 0);
    Sf.xlo = Sf.hi;
    return;
  }
  const inexact = roundSignificand(p);
  if (Sf.rexp > 16383) {
    if ((Sf.masks & OE) == 0) {
      Sf.raise(inexact ? OE | PE : OE);
      pack80(sign, Sf.rexp - 24576);
      return;
    }
    Sf.raise(OE | PE);
    const toInfinity = roundsToInfinity();
    Sf.up = toInfinity;
    Sf.xhi = sign | (toInfinity ? 0x7fff : 0x7ffe);
    Sf.xlo = toInfinity ? TOP_BIT : p == 64 ? 0xffffffffffffffff : ~(((<u64>1) << (64 - p)) - 1);
    return;
  }
  if (inexact) Sf.raise(PE);
  pack80(sign, Sf.rexp);
}

/** Stores Sf.hi with an exponent; one that the bias adjustment left out of range becomes zero or infinity, inexactly. */
function pack80(sign: u32, exp: i32): void {
  const biased = exp + 16383;
  if (biased <= 0) {
    Sf.raise(PE);
    Sf.xhi = sign;
    Sf.xlo = 0;
  } else if (biased >= 0x7fff) {
    Sf.raise(PE);
    Sf.up = true;
    Sf.xhi = sign | 0x7fff;
    Sf.xlo = TOP_BIT;
  } else {
    Sf.xhi = sign | <u32>biased;
    Sf.xlo = Sf.hi;
  }
}

/**
 * Rounds the operand sign/exp/sig (value sig / 2^63 * 2^exp, sig normalized or 0) to an integer of `bits` bits
 * (16, 32, 64), signed or not. Sets Sf.up, raises PE; when out of range raises only IE and returns the integer
 * indefinite: the top bit for signed, all ones for unsigned.
 */
export function toInteger(sign: u32, exp: i32, sig: u64, bits: i32, signed: bool): u64 {
  if (sig == 0) return 0;
  const indefinite: u64 = signed ? (<u64>1) << (bits - 1) : 0xffffffffffffffff >> (64 - bits);
  if (exp > 63) {
    Sf.raise(IE);
    return indefinite;
  }
  Sf.hi = sig;
  Sf.lo = 0;
  shiftRightJam(63 - exp);
  const inexact = Sf.lo != 0;
  const up = inexact && roundsUp(sign, Sf.hi, Sf.lo, 64);
  let value = Sf.hi;
  if (up) {
    value++;
    if (value == 0) {
      Sf.raise(IE);
      return indefinite;
    }
  }
  let limit: u64;
  if (signed) limit = ((<u64>1) << (bits - 1)) - <u64>(sign == 0);
  else limit = sign != 0 ? 0 : 0xffffffffffffffff >> (64 - bits);
  if (value > limit) {
    Sf.raise(IE);
    return indefinite;
  }
  if (inexact) Sf.raise(PE);
  Sf.up = up;
  return sign != 0 ? 0 - value : value;
}

/** Rounds to an integral value in place: Sf.rsign/rexp/hi:lo hold it afterwards (hi = 0: zero). Returns whether it was inexact. */
export function roundToIntegral(sign: u32, exp: i32, sig: u64): bool {
  Sf.rsign = sign;
  Sf.rexp = exp;
  Sf.hi = sig;
  Sf.lo = 0;
  Sf.up = false;
  if (exp >= 63) return false;
  shiftRightJam(63 - exp);
  const inexact = Sf.lo != 0;
  const up = inexact && roundsUp(sign, Sf.hi, Sf.lo, 64);
  Sf.hi += <u64>up;
  Sf.lo = 0;
  Sf.rexp = 63;
  Sf.up = up;
  normalize();
  return inexact;
}
