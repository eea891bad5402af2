// The x87's transcendental instructions: F2XM1, FYL2X, FYL2XP1, FPATAN, FPTAN, FSIN, FCOS, FSINCOS. Series with
// 128-bit significands (wide_float.ts), rounded once: results are the correctly rounded ones but for
// about one case in 2^50. Intel's and AMD's hardware may differ from that and from each other in the last
// bit (Intel SDM vol. 1, 8.3.10). Trigonometric arguments are reduced with the hardware's 66-bit pi
// (same section). Special operands follow the tables of vol. 2.

import { S_FSW, S_FTOP, S_TMP1 } from "../../state";
import { Op } from "../op/op";
import { multiplyExact } from "../softfloat/arith";
import {
  DE,
  IE,
  INFINITE,
  NORMAL,
  PE,
  round80,
  Sf,
  TOP_BIT,
  UE,
  ZE,
  ZERO,
} from "../softfloat/format";
import {
  WIDE_SIZE,
  wideAdd,
  wideCopy,
  wideDivide,
  wideDivideBy,
  wideExponent,
  wideInteger,
  wideIsZero,
  wideMultiply,
  wideNegate,
  wideResult,
  wideScale,
  wideSet,
  wideSign,
  wideSubtract,
} from "../softfloat/wide";
import { setIndefinite, setResult, special1, special2, storeRegister, X80 } from "../softfloat/x80";
import { C2, clearC1, Fpu, notePointers, ready, settle, stackFault } from "./arithmetic";

/** Working numbers. */
const POOL = memory.data(24 * 12);
const X: usize = POOL;
const Y: usize = POOL + WIDE_SIZE;
const SQUARE: usize = POOL + WIDE_SIZE * 2;
const SUM: usize = POOL + WIDE_SIZE * 3;
const TERM: usize = POOL + WIDE_SIZE * 4;
const ONE: usize = POOL + WIDE_SIZE * 5;
const PI_4: usize = POOL + WIDE_SIZE * 6;
const LN2: usize = POOL + WIDE_SIZE * 7;
const SINE: usize = POOL + WIDE_SIZE * 8;
const COSINE: usize = POOL + WIDE_SIZE * 9;
const LOG: usize = POOL + WIDE_SIZE * 10;

/** Bits of precision that series are carried to. */
const ENOUGH: i32 = 90;

function constants(): void {
  wideSet(ONE, 0, 0, TOP_BIT, 0);
  wideSet(PI_4, 0, -1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1);
  wideSet(LN2, 0, -1, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af);
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

/** Rounds a working number to the result; see `wideResult` for `nudge`. */
function finish(p: usize, nudge: i32): void {
  if (wideIsZero(p)) {
    setZero(wideSign(p));
    return;
  }
  wideResult(p, nudge);
  round80(64);
}

// ---- Series

/** sin(x) to `to` for |x| ≤ pi/4 and a little more. SQUARE holds x². */
function sineSeries(to: usize, x: usize): void {
  wideCopy(to, ONE);
  for (let k: u32 = 13; k >= 1; k--) {
    wideMultiply(to, to, SQUARE);
    wideDivideBy(to, to, 2 * k * (2 * k + 1));
    wideNegate(to);
    wideAdd(to, to, ONE);
  }
  wideMultiply(to, to, x);
}

/** cos(x) to `to`; SQUARE holds x². */
function cosineSeries(to: usize): void {
  wideCopy(to, ONE);
  for (let k: u32 = 13; k >= 1; k--) {
    wideMultiply(to, to, SQUARE);
    wideDivideBy(to, to, (2 * k - 1) * (2 * k));
    wideNegate(to);
    wideAdd(to, to, ONE);
  }
}

/** Sum over k of s^k / (2k + 1) to `to`, where s = SQUARE: atanh(z)/z for s = z², atan(z)/z for s = -z². */
function oddSeries(to: usize): void {
  // s^k falls below 2^-ENOUGH after this many terms.
  const bits = -wideExponent(SQUARE) - 1;
  const terms: i32 = wideIsZero(SQUARE) || bits > ENOUGH ? 1 : ENOUGH / (bits > 0 ? bits : 1) + 2;
  wideSet(to, 0, 0, 0, 0);
  for (let k = terms; k >= 0; k--) {
    wideMultiply(to, to, SQUARE);
    wideDivideBy(TERM, ONE, <u32>(2 * k + 1));
    wideAdd(to, to, TERM);
  }
}

/** log2 of the positive number in X (normalized, 128 bits) to LOG. */
function logarithm(): void {
  let e = wideExponent(X);
  wideScale(X, -e);
  // m in [sqrt(1/2), sqrt(2)): above that take m/2.
  wideSet(TERM, 0, 0, 0xb504f333f9de6484, 0);
  wideSubtract(TERM, X, TERM);
  if (!wideIsZero(TERM) && wideSign(TERM) == 0) {
    e++;
    wideScale(X, -1);
  }
  wideSubtract(Y, X, ONE);
  wideAdd(X, X, ONE);
  ratioLogarithm();
  if (e != 0) {
    wideInteger(TERM, <i64>e);
    wideAdd(LOG, LOG, TERM);
  }
}

/** LOG = log2((1 + z) / (1 - z)) for z = Y / X. */
function ratioLogarithm(): void {
  wideDivide(Y, Y, X);
  wideMultiply(SQUARE, Y, Y);
  oddSeries(SUM);
  wideMultiply(SUM, SUM, Y);
  wideScale(SUM, 1);
  wideDivide(LOG, SUM, LN2);
}

// ---- Functions

/** 2^x - 1. Outside −1 … 1 the result is undefined; the operand stays. */
function powerMinusOne(a: usize): void {
  if (special1(a)) return;
  if (X80.ka == ZERO) {
    setZero(X80.as);
    return;
  }
  if (X80.ka == INFINITE) {
    if (X80.as != 0) setResult(0xbfff, TOP_BIT);
    else setInfinity(0);
    return;
  }
  if (X80.denormal) Sf.raise(DE);
  if (X80.ae >= 0) {
    if (X80.ae == 0 && X80.am == TOP_BIT) {
      if (X80.as != 0) setResult(0xbffe, TOP_BIT);
      else setResult(0x3fff, TOP_BIT);
    } else setResult(X80.high(a), X80.low(a));
    return;
  }
  constants();
  wideSet(X, X80.as, X80.ae, X80.am, 0);
  wideMultiply(X, X, LN2);
  // (e^y - 1) / y = 1 + y/2 (1 + y/3 (1 + …)).
  wideCopy(SUM, ONE);
  for (let n: u32 = 28; n >= 2; n--) {
    wideMultiply(SUM, SUM, X);
    wideDivideBy(SUM, SUM, n);
    wideAdd(SUM, SUM, ONE);
  }
  wideMultiply(SUM, SUM, X);
  finish(SUM, 0);
}

/** y * log2(x): `a` is ST(0) = x, `b` is ST(1) = y. */
function yLog2(a: usize, b: usize): void {
  if (special2(a, b)) return;
  const ys = X80.bs;
  if (X80.ka == ZERO) {
    if (X80.kb == ZERO) invalid();
    else {
      if (X80.kb == NORMAL) Sf.raise(ZE);
      setInfinity(ys ^ 1);
    }
    return;
  }
  if (X80.as != 0) {
    invalid();
    return;
  }
  if (X80.ka == INFINITE) {
    if (X80.kb == ZERO) {
      invalid();
      return;
    }
    if (X80.denormal) Sf.raise(DE);
    setInfinity(ys);
    return;
  }
  const isOne = X80.ae == 0 && X80.am == TOP_BIT;
  if (X80.kb == INFINITE) {
    if (isOne) {
      invalid();
      return;
    }
    if (X80.denormal) Sf.raise(DE);
    setInfinity(ys ^ <u32>(X80.ae < 0));
    return;
  }
  if (X80.denormal) Sf.raise(DE);
  if (isOne) {
    setZero(ys);
    return;
  }
  if (X80.kb == ZERO) {
    setZero(ys ^ <u32>(X80.ae < 0));
    return;
  }
  if (X80.am == TOP_BIT) {
    // A power of two: the logarithm is an integer.
    const e = X80.ae;
    const magnitude = <u64>(e < 0 ? -e : e);
    const shift = clz(magnitude);
    multiplyExact(ys, X80.be, X80.bm, <u32>(e < 0), 63 - <i32>shift, magnitude << shift);
    round80(64);
    // Hardware reports these as inexact as well, and what is denormal then as an underflow.
    Sf.raise((Sf.xhi & 0x7fff) == 0 ? UE | PE : PE);
    return;
  }
  constants();
  wideSet(X, 0, X80.ae, X80.am, 0);
  logarithm();
  timesY();
}

function timesY(): void {
  wideSet(Y, X80.bs, X80.be, X80.bm, 0);
  wideMultiply(LOG, LOG, Y);
  finish(LOG, 0);
}

/** y * log2(x + 1). */
function yLog2PlusOne(a: usize, b: usize): void {
  if (special2(a, b)) return;
  const sign = X80.as ^ X80.bs;
  if (X80.ka == ZERO) {
    if (X80.kb == INFINITE) {
      invalid();
      return;
    }
    if (X80.denormal) Sf.raise(DE);
    setZero(sign);
    return;
  }
  if (X80.ka == INFINITE) {
    if (X80.as != 0 || X80.kb == ZERO) {
      invalid();
      return;
    }
    if (X80.denormal) Sf.raise(DE);
    setInfinity(X80.bs);
    return;
  }
  if (X80.as != 0 && X80.ae >= 0) {
    // 1 + x ≤ 0
    if (X80.ae == 0 && X80.am == TOP_BIT) {
      if (X80.kb == ZERO) invalid();
      else {
        if (X80.kb == NORMAL) Sf.raise(ZE);
        setInfinity(X80.bs ^ 1);
      }
    } else invalid();
    return;
  }
  if (X80.denormal) Sf.raise(DE);
  if (X80.kb == INFINITE) {
    setInfinity(sign);
    return;
  }
  if (X80.kb == ZERO) {
    setZero(sign);
    return;
  }
  constants();
  wideSet(Y, X80.as, X80.ae, X80.am, 0);
  if (X80.ae < -2) {
    // z = x / (2 + x) keeps the precision of a small x.
    wideInteger(TERM, 2);
    wideAdd(X, Y, TERM);
    ratioLogarithm();
  } else {
    wideAdd(X, Y, ONE);
    logarithm();
  }
  timesY();
}

/** The angle of the point (x, y): `a` is ST(0) = x, `b` is ST(1) = y. */
function angle(a: usize, b: usize): void {
  if (special2(a, b)) return;
  if (X80.denormal) Sf.raise(DE);
  constants();
  const ys = X80.bs;
  const xs = X80.as;
  if (X80.ka == INFINITE && X80.kb == INFINITE) {
    wideInteger(SUM, xs != 0 ? 3 : 1);
    wideMultiply(SUM, SUM, PI_4);
    finishAngle(ys);
    return;
  }
  if (X80.kb == ZERO || X80.ka == INFINITE) {
    if (xs == 0) {
      setZero(ys);
      return;
    }
    wideCopy(SUM, PI_4);
    wideScale(SUM, 2);
    finishAngle(ys);
    return;
  }
  if (X80.ka == ZERO || X80.kb == INFINITE) {
    wideCopy(SUM, PI_4);
    wideScale(SUM, 1);
    finishAngle(ys);
    return;
  }
  const steep = X80.be > X80.ae || (X80.be == X80.ae && X80.bm > X80.am);
  wideSet(X, 0, X80.ae, X80.am, 0);
  wideSet(Y, 0, X80.be, X80.bm, 0);
  if (steep) wideDivide(Y, X, Y);
  else wideDivide(Y, Y, X);
  const quotientExact = X80.am == TOP_BIT && !steep;
  arcTangent();
  if (steep) {
    // pi/2 - a
    wideCopy(TERM, PI_4);
    wideScale(TERM, 1);
    wideSubtract(SUM, TERM, SUM);
  }
  if (xs != 0) {
    wideCopy(TERM, PI_4);
    wideScale(TERM, 2);
    wideSubtract(SUM, TERM, SUM);
  }
  if (ys != 0) wideNegate(SUM);
  finish(SUM, quotientExact && xs == 0 ? -1 : 0);
}

function finishAngle(sign: u32): void {
  if (sign != 0) wideNegate(SUM);
  finish(SUM, 0);
}

/** SUM = atan(Y) for 0 < Y ≤ 1; above tan(pi/8) through pi/4 + atan((y - 1) / (y + 1)). */
function arcTangent(): void {
  let offset = false;
  if (wideExponent(Y) >= -1) {
    wideSet(TERM, 0, -2, 0xd413cccfe7799211, 0x65f626cdd52afa7c);
    wideSubtract(TERM, Y, TERM);
    if (wideSign(TERM) == 0) {
      offset = true;
      wideAdd(X, Y, ONE);
      wideSubtract(Y, Y, ONE);
      wideDivide(Y, Y, X);
    }
  }
  if (wideIsZero(Y)) {
    wideCopy(SUM, PI_4);
    return;
  }
  wideMultiply(SQUARE, Y, Y);
  wideNegate(SQUARE);
  oddSeries(SUM);
  wideMultiply(SUM, SUM, Y);
  if (offset) wideAdd(SUM, SUM, PI_4);
}

/** 66-bit pi / 2 as a 128-bit significand of exponent 0: C90FDAA2 2168C234 C. */
const PI_HIGH: u64 = 0xc90fdaa22168c234;
const PI_LOW: u64 = 0xc000000000000000;

/**
 * Reduces the operand in X80.as/ae/am (|x| < 2^63) by multiples of pi/2 to X, |X| ≤ pi/4, and returns
 * the quadrant (multiple modulo 4, for the magnitude). The sign of x is left out.
 */
function reduce(): u32 {
  const e = X80.ae;
  if (e < -1) {
    wideSet(X, 0, e, X80.am, 0);
    return 0;
  }
  // Remainder of am * 2^(e - 63) by pi/2, bit by bit, in units of 2^-127.
  let quadrant: u32 = 0;
  let rh: u64 = e == -1 ? X80.am >> 1 : X80.am;
  let rl: u64 = e == -1 ? X80.am << 63 : 0;
  let over = false;
  for (let i = e; ; i--) {
    const take = over || rh > PI_HIGH || (rh == PI_HIGH && rl >= PI_LOW);
    quadrant = (quadrant << 1) | <u32>take;
    if (take) {
      rh = rh - PI_HIGH - <u64>(rl < PI_LOW);
      rl -= PI_LOW;
    }
    if (i <= 0) break;
    over = (rh & TOP_BIT) != 0;
    rh = (rh << 1) | (rl >> 63);
    rl <<= 1;
  }
  Sf.rsign = 0;
  Sf.rexp = 0;
  // Above pi/4: take the next multiple and a negative rest.
  const half: u64 = PI_HIGH >> 1;
  if (rh > half || (rh == half && rl > PI_LOW >> 1)) {
    const lo = PI_LOW - rl;
    rh = PI_HIGH - rh - <u64>(PI_LOW < rl);
    rl = lo;
    quadrant++;
    Sf.rsign = 1;
  }
  wideFromFixed(X, Sf.rsign, rh, rl);
  return quadrant & 3;
}

/** hi:lo / 2^127 as a number. */
function wideFromFixed(to: usize, sign: u32, hi: u64, lo: u64): void {
  if ((hi | lo) == 0) {
    wideSet(to, 0, 0, 0, 0);
    return;
  }
  let exp = 0;
  if (hi == 0) {
    hi = lo;
    lo = 0;
    exp = -64;
  }
  const shift = clz(hi);
  if (shift != 0) {
    hi = (hi << shift) | (lo >> (64 - shift));
    lo <<= shift;
  }
  wideSet(to, sign, exp - <i32>shift, hi, lo);
}

/** SINE and COSINE of the operand in X80. */
function sineAndCosine(): void {
  constants();
  const quadrant = reduce();
  wideMultiply(SQUARE, X, X);
  sineSeries(SINE, X);
  cosineSeries(COSINE);
  if ((quadrant & 1) != 0) {
    // sin(r + pi/2) = cos r, cos(r + pi/2) = -sin r
    wideCopy(TERM, SINE);
    wideCopy(SINE, COSINE);
    wideCopy(COSINE, TERM);
    wideNegate(COSINE);
  }
  if ((quadrant & 2) != 0) {
    wideNegate(SINE);
    wideNegate(COSINE);
  }
  if (X80.as != 0) wideNegate(SINE);
}

// ---- Instructions

/** F2XM1 (0), FSIN (1), FCOS (2). */
export function transcendental1(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  const which = <u32>op.sub;
  if (which != 0) setC2(false);
  if (Fpu.empty(0)) {
    if (stackFault(false)) Fpu.put(0);
    return op.next();
  }
  const a = Fpu.st(0);
  if (which == 0) powerMinusOne(a);
  else {
    if (special1(a)) {
      // The result is set.
    } else if (X80.ka == INFINITE) invalid();
    else if (X80.ka == ZERO) {
      if (which == 1) setZero(X80.as);
      else setResult(0x3fff, TOP_BIT);
    } else if (X80.ae >= 63) {
      outOfRange();
      return op.next();
    } else {
      if (X80.denormal) Sf.raise(DE);
      sineAndCosine();
      finish(which == 1 ? SINE : COSINE, -1);
    }
  }
  if (settle()) Fpu.put(0);
  return op.next();
}

function outOfRange(): void {
  clearC1();
  setC2(true);
}

function setC2(on: bool): void {
  const fsw = load<u32>(S_FSW) & ~C2;
  store<u32>(S_FSW, on ? fsw | C2 : fsw);
}

/** FYL2X (0), FYL2XP1 (1), FPATAN (2): the result replaces ST(1), then ST(0) is popped. */
export function transcendental2(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  if (Fpu.empty(0) || Fpu.empty(1)) {
    if (!stackFault(false)) return op.next();
  } else {
    const a = Fpu.st(0);
    const b = Fpu.st(1);
    if (op.sub == 0) yLog2(a, b);
    else if (op.sub == 1) yLog2PlusOne(a, b);
    else angle(a, b);
    if (!settle()) return op.next();
  }
  Fpu.put(1);
  Fpu.pop();
  return op.next();
}

/** FPTAN (0) pushes 1.0 after the tangent, FSINCOS (1) the cosine after the sine. */
export function transcendentalPush(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  const sincos = op.sub == 1;
  setC2(false);
  if (Fpu.empty(0) || !Fpu.empty(7)) {
    if (stackFault(!Fpu.empty(0))) {
      Fpu.put(0);
      pushValid();
    }
    return op.next();
  }
  const a = Fpu.st(0);
  // What is pushed: register image in S_TMP1.
  if (special1(a)) storeRegister(S_TMP1, Sf.xhi, Sf.xlo);
  else if (X80.ka == INFINITE) {
    invalid();
    storeRegister(S_TMP1, Sf.xhi, Sf.xlo);
  } else if (X80.ka == ZERO) {
    setZero(X80.as);
    storeRegister(S_TMP1, 0x3fff, TOP_BIT);
  } else if (X80.ae >= 63) {
    outOfRange();
    return op.next();
  } else {
    if (X80.denormal) Sf.raise(DE);
    sineAndCosine();
    if (sincos) {
      finish(COSINE, -1);
      storeRegister(S_TMP1, Sf.xhi, Sf.xlo);
      finish(SINE, -1);
    } else {
      wideDivide(SINE, SINE, COSINE);
      finish(SINE, 0);
      storeRegister(S_TMP1, 0x3fff, TOP_BIT);
    }
  }
  if (!settle()) return op.next();
  Fpu.put(0);
  setResult(X80.high(S_TMP1), X80.low(S_TMP1));
  pushValid();
  return op.next();
}

function pushValid(): void {
  store<u32>(S_FTOP, (load<u32>(S_FTOP) - 1) & 7);
  Fpu.put(0);
}
