// Floating-point comparison: CMPxx with its 32 predicates, COMIxx and UCOMIxx, and the bit tests PTEST,
// VTESTPS, VTESTPD. Follows Intel SDM vol. 2, CMPPD table 3-1, COMISD, PTEST.

import { Op } from "../op/op";
import { CF, PF, setStatusFlags, ZF } from "../processor/flags";
import { compare, EQUAL, GREATER, LESS } from "../softfloat/sse";
import { beginFloat, endFloat, source, Vec, WIDE256 } from "./access";
import { ADD, Quick } from "./quick";

/** Predicates 0–15: bits LESS = 1, EQUAL = 2, GREATER = 4, UNORDERED = 8 that give true, from predicate 0 on. */
const TRUE_FOR: u64 = 0xf4650b9a7ced8312;
/** Predicates 0–15 that signal for a QNaN; 16–31 are the opposite. */
const SIGNALING: u32 = 0x6666;

class Compare {
  /** `compare` of the software floats, on wasm comparisons where no exception is possible. */
  @inline static order<T>(a: T, b: T, signaling: bool): u32 {
    if (!Quick.moderate<T>(ADD, a, b, a)) {
      if (!Quick.comparable<T>(a) || !Quick.comparable<T>(b)) return compare<T>(a, b, signaling);
    }
    if (sizeof<T>() == 4) {
      const x = reinterpret<f32>(<u32>a);
      const y = reinterpret<f32>(<u32>b);
      return x < y ? LESS : x > y ? GREATER : EQUAL;
    }
    const x = reinterpret<f64>(<u64>a);
    const y = reinterpret<f64>(<u64>b);
    return x < y ? LESS : x > y ? GREATER : EQUAL;
  }

  @inline static mask<T>(a: T, b: T, predicate: u32): T {
    const signals = ((SIGNALING >> (predicate & 15)) & 1) ^ ((predicate >> 4) & 1);
    const order = Compare.order<T>(a, b, signals != 0);
    let bit: u64 = 8;
    if (order == EQUAL) bit = 2;
    else if (order == GREATER) bit = 4;
    else if (order == LESS) bit = 1;
    return ((TRUE_FOR >> ((<u64>(predicate & 15)) << 2)) & bit) != 0 ? ~(<T>0) : 0;
  }

  /** COMIxx: ZF, PF, CF from the order of two values. */
  @inline static flags<T>(op: Op, signaling: bool): usize {
    if (!Vec.ready(op)) return op.fault();
    const b = source(op);
    if (b == 0) return op.fault();
    beginFloat();
    const order = Compare.order<T>(load<T>(op.dst), load<T>(b), signaling);
    if (!endFloat()) return op.fault();
    if (order == EQUAL) setStatusFlags(ZF);
    else if (order == GREATER) setStatusFlags(0);
    else if (order == LESS) setStatusFlags(CF);
    else setStatusFlags(ZF | PF | CF);
    return op.next();
  }
}

function mask32(a: u32, b: u32, i: u32): u32 {
  return Compare.mask<u32>(a, b, i);
}

function mask64(a: u64, b: u64, i: u32): u64 {
  return Compare.mask<u64>(a, b, i);
}

export function cmpps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, mask32(load<u32>(a), load<u32>(b), i));
  store<u32>(d, mask32(load<u32>(a, 4), load<u32>(b, 4), i), 4);
  store<u32>(d, mask32(load<u32>(a, 8), load<u32>(b, 8), i), 8);
  store<u32>(d, mask32(load<u32>(a, 12), load<u32>(b, 12), i), 12);
}
export function cmppd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, mask64(load<u64>(a), load<u64>(b), i));
  store<u64>(d, mask64(load<u64>(a, 8), load<u64>(b, 8), i), 8);
}
export function cmpss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, mask32(load<u32>(a), load<u32>(b), i));
}
export function cmpsd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, mask64(load<u64>(a), load<u64>(b), i));
}

export function comiss(op: Op): usize {
  return Compare.flags<u32>(op, true);
}

export function comisd(op: Op): usize {
  return Compare.flags<u64>(op, true);
}

export function ucomiss(op: Op): usize {
  return Compare.flags<u32>(op, false);
}

export function ucomisd(op: Op): usize {
  return Compare.flags<u64>(op, false);
}

// ---- Bit tests: ZF = no common bit, CF = no bit of the source outside the destination

function testBits(op: Op, mask: v128): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  const d: usize = op.dst;
  let both = v128.and(v128.load(d), v128.load(b));
  let outside = v128.andnot(v128.load(b), v128.load(d));
  if ((op.sub & WIDE256) != 0) {
    both = v128.or(both, v128.and(v128.load(d, 16), v128.load(b, 16)));
    outside = v128.or(outside, v128.andnot(v128.load(b, 16), v128.load(d, 16)));
  }
  const zf: u32 = v128.any_true(v128.and(both, mask)) ? 0 : ZF;
  const cf: u32 = v128.any_true(v128.and(outside, mask)) ? 0 : CF;
  setStatusFlags(zf | cf);
  return op.next();
}

export function ptest(op: Op): usize {
  return testBits(op, i64x2.splat(-1));
}

export function vtestps(op: Op): usize {
  return testBits(op, i32x4.splat(0x80000000));
}

export function vtestpd(op: Op): usize {
  return testBits(op, i64x2.splat(0x8000000000000000));
}
