// SSE4.2 string comparison: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
// Follows Intel SDM vol. 2, 4.1 (imm8 control byte, table 4-1 to 4-7).

import { RAX, RCX, RDX, S_YMM } from "../../state";
import { Op } from "../op/op";
import { CF, OF, SF, setStatusFlags, ZF } from "../processor/flags";
import { source, VEX, Vec, WIDE64 } from "./access";

/** Results of `aggregate`. */
let bits: u32 = 0;
let lengthA: i32 = 0;
let lengthB: i32 = 0;

/** Elements of one size: bytes or, if immediate bit 0 is set, words; masks have a bit for each. */
class Elements {
  @inline static equal(a: v128, b: v128, words: bool): u32 {
    return words ? i16x8.bitmask(i16x8.eq(a, b)) : i8x16.bitmask(i8x16.eq(a, b));
  }

  /** Element `n` of the vector at `p` in every place. */
  @inline static spread(p: usize, n: i32, words: bool): v128 {
    return words ? i16x8.splat(load<i16>(p + (n << 1))) : i8x16.splat(load<i8>(p + n));
  }

  /** Elements of `v` from `low` to `high`. */
  @inline static within(v: v128, low: v128, high: v128, words: bool, signed: bool): u32 {
    if (words) {
      return i16x8.bitmask(
        signed
          ? v128.and(i16x8.ge_s(v, low), i16x8.le_s(v, high))
          : v128.and(i16x8.ge_u(v, low), i16x8.le_u(v, high)),
      );
    }
    return i8x16.bitmask(
      signed
        ? v128.and(i8x16.ge_s(v, low), i8x16.le_s(v, high))
        : v128.and(i8x16.ge_u(v, low), i8x16.le_u(v, high)),
    );
  }
}

/** Elements before the first null, at most `count`. */
function implicitLength(p: usize, count: i32): i32 {
  const nulls = Elements.equal(v128.load(p), i64x2.splat(0), count == 8);
  return nulls == 0 ? count : <i32>ctz<u32>(nulls);
}

/** Absolute value of RAX or RDX (32 or 64 bits), saturated to `count`. */
function explicitLength(register: usize, wide: bool, count: i32): i32 {
  const v: i64 = wide ? load<i64>(register) : <i64>load<i32>(register);
  if (v < 0) return v <= -count ? count : <i32>-v;
  return v > count ? count : <i32>v;
}

/** Compares string A (`a`) with string B (`b`); the lengths are set. Leaves IntRes2 in `bits`. */
function aggregate(a: usize, b: usize, control: u32): void {
  const words = (control & 1) != 0;
  const signed = (control & 2) != 0;
  const all: u32 = words ? 0xff : 0xffff;
  const validA: u32 = ((<u32>1) << lengthA) - 1;
  const validB: u32 = ((<u32>1) << lengthB) - 1;
  const vb = v128.load(b);
  const mode = (control >> 2) & 3;
  let r: u32 = 0;
  if (mode == 0) {
    // Equal any: B's element is in set A.
    for (let i = 0; i < lengthA; i++) r |= Elements.equal(vb, Elements.spread(a, i, words), words);
    r &= validB;
  } else if (mode == 1) {
    // Ranges: pairs of limits in A.
    for (let i = 0; i + 1 < lengthA; i += 2) {
      const low = Elements.spread(a, i, words);
      r |= Elements.within(vb, low, Elements.spread(a, i + 1, words), words, signed);
    }
    r &= validB;
  } else if (mode == 2) {
    // Equal each: two elements past their ends are equal.
    const equal = Elements.equal(v128.load(a), vb, words);
    r = (equal & validA & validB) | (~validA & ~validB);
  } else {
    // Equal ordered: A begins at bit j in B, as far as B's register goes.
    r = all;
    for (let i = 0; i < lengthA; i++) {
      const hits = Elements.equal(vb, Elements.spread(a, i, words), words) & validB;
      r &= (hits >> i) | ~(all >> i);
    }
  }
  if ((control & 0x30) == 0x10) r = ~r;
  else if ((control & 0x30) == 0x30) r ^= validB;
  bits = r & all;
}

function setFlags(control: u32): void {
  const count = (control & 1) !== 0 ? 8 : 16;
  setStatusFlags(
    (bits !== 0 ? CF : 0) |
      (lengthB < count ? ZF : 0) |
      (lengthA < count ? SF : 0) |
      ((bits & 1) !== 0 ? OF : 0),
  );
}

function index(control: u32): void {
  const count: u32 = (control & 1) !== 0 ? 8 : 16;
  let n = count;
  if (bits !== 0) n = (control & 0x40) !== 0 ? 31 - clz<u32>(bits) : ctz<u32>(bits);
  store<u64>(RCX, <u64>n);
}

function mask(op: Op, control: u32): void {
  if ((control & 0x40) === 0) {
    store<u64>(S_YMM, <u64>bits);
    store<u64>(S_YMM, 0, 8);
  } else if ((control & 1) !== 0) {
    for (let n: usize = 0; n < 8; n++) {
      store<u16>(S_YMM + (n << 1), ((bits >> <u32>n) & 1) !== 0 ? 0xffff : 0);
    }
  } else {
    for (let n: usize = 0; n < 16; n++) {
      store<u8>(S_YMM + n, ((bits >> <u32>n) & 1) !== 0 ? 0xff : 0);
    }
  }
  if ((op.sub & VEX) !== 0) Vec.clearUpper(S_YMM);
}

function run(op: Op, isExplicit: bool): bool {
  if (!Vec.ready(op)) return false;
  const b = source(op);
  if (b === 0) return false;
  const control = <u32>op.imm;
  const count = (control & 1) !== 0 ? 8 : 16;
  if (isExplicit) {
    const wide = (op.sub & WIDE64) !== 0;
    lengthA = explicitLength(RAX, wide, count);
    lengthB = explicitLength(RDX, wide, count);
  } else {
    lengthA = implicitLength(op.dst, count);
    lengthB = implicitLength(b, count);
  }
  aggregate(op.dst, b, control);
  setFlags(control);
  return true;
}

export function pcmpestri(op: Op): usize {
  if (!run(op, true)) return op.fault();
  index(<u32>op.imm);
  return op.next();
}

export function pcmpistri(op: Op): usize {
  if (!run(op, false)) return op.fault();
  index(<u32>op.imm);
  return op.next();
}

export function pcmpestrm(op: Op): usize {
  if (!run(op, true)) return op.fault();
  mask(op, <u32>op.imm);
  return op.next();
}

export function pcmpistrm(op: Op): usize {
  if (!run(op, false)) return op.fault();
  mask(op, <u32>op.imm);
  return op.next();
}
