// MUL, IMUL, DIV and IDIV in all sizes. Follows Intel SDM vol. 2. Flags that are undefined there are kept: SF, ZF, AF
// and PF of products, all of quotients.

import { RAX, RDX, S_FAULT } from "../../state";
import { EA_REGISTER, Op, readRm, writeRegister } from "../op/op";
import { raise } from "../processor/fault";
import { Flags } from "../processor/flags";
import { productHigh, signedProductHigh, squareHigh } from "./product";

const LOW: u64 = 0xffffffff;

function signExtend(v: u64, size: i32): i64 {
  if (size == 8) return <i64>v;
  if (size == 4) return <i64>(<i32>v);
  if (size == 2) return <i64>(<i16>v);
  return <i64>(<i8>v);
}

/** MUL (`sub` 4), IMUL (5) of the accumulator. */
export function mulAccumulator(op: Op): usize {
  const size = <i32>op.size;
  const b = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const signed = op.sub == 5;
  let overflow: bool;
  if (size == 8) {
    const a = load<u64>(RAX);
    const low = a * b;
    const high = signed
      ? <u64>signedProductHigh(<i64>a, <i64>b)
      : op.ea == EA_REGISTER && op.src == RAX
        ? squareHigh(a)
        : productHigh(a, b);
    store<u64>(RAX, low);
    store<u64>(RDX, high);
    overflow = signed ? <i64>high != <i64>low >> 63 : high != 0;
  } else {
    const a =
      size == 4 ? <u64>load<u32>(RAX) : size == 2 ? <u64>load<u16>(RAX) : <u64>load<u8>(RAX);
    const r = signed ? <u64>(signExtend(a, size) * signExtend(b, size)) : a * b;
    if (size == 1) store<u16>(RAX, <u16>r);
    else {
      writeRegister(RAX, size, r);
      writeRegister(RDX, size, r >> <u64>(size * 8));
    }
    overflow = signed ? signExtend(r, size) != <i64>r : r >> <u64>(size * 8) != 0;
  }
  Flags.carryOverflow(overflow ? 1 : 0, overflow ? 1 : 0);
  return op.next();
}

/** IMUL r, r/m (`sub` 0) and IMUL r, r/m, imm (1). */
export function imul(op: Op): usize {
  const size = <i32>op.size;
  const v = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const a = signExtend(v, size);
  const b = op.sub == 1 ? op.imm : signExtend(load<u64>(<usize>op.dst), size);
  const r = a * b;
  const overflow = size == 8 ? signedProductHigh(a, b) != r >> 63 : signExtend(<u64>r, size) != r;
  writeRegister(<usize>op.dst, size, <u64>r);
  Flags.carryOverflow(overflow ? 1 : 0, overflow ? 1 : 0);
  return op.next();
}

/**
 * One digit (32 bits) of `rest:next` / `d`, where `d` has bit 63 set and rest < d: the estimate from the upper digit of
 * `d` is at most 2 too large. The remainder is `rest:next` less digit * `d`.
 */
function divDigit(rest: u64, next: u64, d: u64): u64 {
  const upper = d >> 32;
  const lower = d & LOW;
  let q = rest / upper;
  let r = rest - q * upper;
  while (q > LOW || q * lower > ((r << 32) | next)) {
    q--;
    r += upper;
    if (r > LOW) break;
  }
  return q;
}

/**
 * Quotient of `high:low` / `d` where high < d. Knuth, The Art of Computer Programming vol. 2, 4.3.1, algorithm D with two
 * digits of 32 bits. Compiled regions call this.
 */
export function wideQuotient(high: u64, low: u64, d: u64): u64 {
  const shift = clz<u64>(d);
  const divisor = d << shift;
  if (shift != 0) high = (high << shift) | (low >> (64 - shift));
  low <<= shift;
  const upper = divDigit(high, low >> 32, divisor);
  const rest = ((high << 32) | (low >> 32)) - upper * divisor;
  return (upper << 32) | divDigit(rest, low & LOW, divisor);
}

/** Signed quotient of `high:low` / `d`, rounded to 0; #DE pending if it does not fit. Compiled regions call this. */
export function wideSignedQuotient(high: u64, low: u64, d: u64): u64 {
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + (low == 0 ? 1 : 0);
  }
  const divisorNegative = <i64>d < 0;
  if (divisorNegative) d = 0 - d;
  if (high < d) {
    const q = high == 0 ? low / d : wideQuotient(high, low, d);
    const minus = negative != divisorNegative;
    if (q <= (minus ? 0x8000000000000000 : 0x7fffffffffffffff)) return minus ? 0 - q : q;
  }
  raise(0);
  return 0;
}

/** DIV (`sub` 6), IDIV (7): #DE on zero or a quotient that does not fit. */
export function divAccumulator(op: Op): usize {
  const size = <i32>op.size;
  const d = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (d == 0) return divideError(op);
  const signed = op.sub == 7;
  if (size != 8) return signed ? divideNarrowSigned(op, size, d) : divideNarrow(op, size, d);
  const high = load<u64>(RDX);
  const low = load<u64>(RAX);
  let q: u64;
  if (signed) {
    if (<i64>high == <i64>low >> 63 && <i64>d != -1) q = <u64>(<i64>low / <i64>d);
    else {
      q = wideSignedQuotient(high, low, d);
      if (load<u32>(S_FAULT) != 0) return op.fault();
    }
  } else if (high == 0) q = quotient(low, d);
  else {
    if (high >= d) return divideError(op);
    q = wideQuotient(high, low, d);
  }
  store<u64>(RAX, q);
  store<u64>(RDX, low - q * d);
  return op.next();
}

/** Processors divide 32 bits faster than 64. */
function quotient(n: u64, d: u64): u64 {
  return (n | d) >> 32 == 0 ? <u64>(<u32>n / <u32>d) : n / d;
}

/** What of RDX:RAX or AX is divided by an operand of 4, 2 or 1 bytes. */
function dividend(size: i32): u64 {
  if (size == 4) return (load<u64>(RDX) << 32) | <u64>load<u32>(RAX);
  if (size == 2) return ((<u64>load<u16>(RDX)) << 16) | <u64>load<u16>(RAX);
  return <u64>load<u16>(RAX);
}

function divideNarrow(op: Op, size: i32, d: u64): usize {
  const n = dividend(size);
  const q = quotient(n, d);
  if (q >> <u64>(size * 8) != 0) return divideError(op);
  return setQuotient(op, size, q, n - q * d);
}

function divideNarrowSigned(op: Op, size: i32, d: u64): usize {
  const n = signExtend(dividend(size), 2 * size);
  const by = signExtend(d, size);
  let q: i64;
  if (by == -1) {
    if (n == i64.MIN_VALUE) return divideError(op);
    q = -n;
  } else if (n == <i64>(<i32>n)) q = <i64>(<i32>n / <i32>by);
  else q = n / by;
  if (signExtend(<u64>q, size) != q) return divideError(op);
  return setQuotient(op, size, <u64>q, <u64>(n - q * by));
}

function setQuotient(op: Op, size: i32, q: u64, r: u64): usize {
  if (size == 1) {
    store<u8>(RAX, <u8>q);
    store<u8>(RAX + 1, <u8>r);
  } else {
    writeRegister(RAX, size, q);
    writeRegister(RDX, size, r);
  }
  return op.next();
}

function divideError(op: Op): usize {
  raise(0);
  return op.fault();
}
