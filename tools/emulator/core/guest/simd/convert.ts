// Conversions between integers and floating-point values, and between formats. Lane functions for packed
// forms, handlers for those that touch general-purpose registers.
// Follows Intel SDM vol. 2, CVTxx2xx; indefinite values vol. 1, table 4-8 and 11.5.2.

import { S_MXCSR } from "../../state";
import { EA_REGISTER, Op } from "../op/op";
import { fromHalf, fromSigned, narrow, toHalf, toSigned, widen } from "../softfloat/sse";
import { beginFloat, endFloat, memorySource, source, VEX, Vec, WIDE64 } from "./access";
import { Quick } from "./quick";

/** An i32 that binary32 holds exactly needs no rounding. */
function integerTo32(v: i32): u32 {
  if (v >= -0x1000000 && v <= 0x1000000) return reinterpret<u32>(<f32>v);
  return fromSigned<u32>(<i64>v);
}

/** An inexact result changes no flag, and rounding is to nearest with every exception masked. */
function quiet(): bool {
  return (load<u32>(S_MXCSR) & 0x7fa0) == 0x1fa0;
}

function to32From64(a: u64, truncate: bool): u32 {
  const x = reinterpret<f64>(a);
  if (abs<f64>(x) < 2147483647.0 && !Quick.denormal<u64>(a)) {
    const r = truncate ? trunc<f64>(x) : nearest<f64>(x);
    if (r == x || quiet()) return <u32>(<i32>r);
  }
  return <u32>toSigned<u64>(a, 32, truncate);
}

function to32From32(a: u32, truncate: bool): u32 {
  const x = reinterpret<f32>(a);
  if (abs<f32>(x) < 2147483520.0 && !Quick.denormal<u32>(a)) {
    const r = truncate ? trunc<f32>(x) : nearest<f32>(x);
    if (r == x || quiet()) return <u32>(<i32>r);
  }
  return <u32>toSigned<u32>(a, 32, truncate);
}

function toWide(a: u32): u64 {
  const x = reinterpret<f32>(a);
  return Quick.ordinary<u32>(a) ? reinterpret<u64>(<f64>x) : widen(a);
}

function toNarrow(a: u64): u32 {
  if (Quick.ordinary<u64>(a)) {
    const x = reinterpret<f64>(a);
    const r = <f32>x;
    const v = reinterpret<u32>(r);
    if (Quick.ordinary<u32>(v) && (<f64>r == x || quiet())) return v;
  }
  return narrow(a);
}

export function cvtdq2ps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, integerTo32(load<i32>(b)));
  store<u32>(d, integerTo32(load<i32>(b, 4)), 4);
  store<u32>(d, integerTo32(load<i32>(b, 8)), 8);
  store<u32>(d, integerTo32(load<i32>(b, 12)), 12);
}
export function cvtps2dq(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, to32From32(load<u32>(b), false));
  store<u32>(d, to32From32(load<u32>(b, 4), false), 4);
  store<u32>(d, to32From32(load<u32>(b, 8), false), 8);
  store<u32>(d, to32From32(load<u32>(b, 12), false), 12);
}
export function cvttps2dq(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, to32From32(load<u32>(b), true));
  store<u32>(d, to32From32(load<u32>(b, 4), true), 4);
  store<u32>(d, to32From32(load<u32>(b, 8), true), 8);
  store<u32>(d, to32From32(load<u32>(b, 12), true), 12);
}

/** Two i32 to two binary64: always exact. */
export function cvtdq2pd(d: usize, a: usize, b: usize, i: u32): void {
  const low = <f64>load<i32>(b);
  const high = <f64>load<i32>(b, 4);
  store<f64>(d, low);
  store<f64>(d, high, 8);
}
export function cvtps2pd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, toWide(load<u32>(b)));
  store<u64>(d, toWide(load<u32>(b, 4)), 8);
}
export function cvtpd2ps(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, toNarrow(load<u64>(b)));
  store<u32>(d, toNarrow(load<u64>(b, 8)), 4);
}
export function cvtpd2dq(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, to32From64(load<u64>(b), false));
  store<u32>(d, to32From64(load<u64>(b, 8), false), 4);
}
export function cvttpd2dq(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, to32From64(load<u64>(b), true));
  store<u32>(d, to32From64(load<u64>(b, 8), true), 4);
}
export function cvtss2sd(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(d, toWide(load<u32>(b)));
}
export function cvtsd2ss(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, toNarrow(load<u64>(b)));
}

/** Two i32 in an MMX register or memory to two binary32. */
export function cvtpi2ps(d: usize, a: usize, b: usize, i: u32): void {
  const low = integerTo32(load<i32>(b));
  const high = integerTo32(load<i32>(b, 4));
  store<u32>(d, low);
  store<u32>(d, high, 4);
}
export function cvtps2pi(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, to32From32(load<u32>(b), false));
  store<u32>(d, to32From32(load<u32>(b, 4), false), 4);
}
export function cvttps2pi(d: usize, a: usize, b: usize, i: u32): void {
  store<u32>(d, to32From32(load<u32>(b), true));
  store<u32>(d, to32From32(load<u32>(b, 4), true), 4);
}

// ---- General-purpose registers

class Convert {
  /** CVTSI2SS, CVTSI2SD: T is the float's type. */
  @inline static fromGeneral<T>(op: Op): usize {
    if (!Vec.ready(op)) return op.fault();
    const wide = (op.sub & WIDE64) != 0;
    let b: usize = op.src;
    if (op.ea != EA_REGISTER) {
      b = memorySource(op, wide ? 8 : 4);
      if (b == 0) return op.fault();
    }
    const v = wide ? load<i64>(b) : <i64>load<i32>(b);
    let r: T;
    const limit: i64 = sizeof<T>() == 4 ? 0x1000000 : 0x20000000000000;
    if (v <= limit && v >= -limit) {
      if (sizeof<T>() == 4) r = <T>reinterpret<u32>(<f32>v);
      else r = <T>reinterpret<u64>(<f64>v);
    } else {
      beginFloat();
      r = fromSigned<T>(v);
      if (!endFloat()) return op.fault();
    }
    const d: usize = op.dst;
    if ((op.sub & VEX) != 0) {
      v128.store(d, v128.load(Vec.first(op)));
      Vec.clearUpper(d);
    }
    store<T>(d, r);
    return op.next();
  }

  /** CVTSS2SI, CVTSD2SI and the truncating forms. */
  @inline static toGeneral<T>(op: Op, truncate: bool): usize {
    if (!Vec.ready(op)) return op.fault();
    const b = source(op);
    if (b == 0) return op.fault();
    const bits = (op.sub & WIDE64) != 0 ? 64 : 32;
    if (truncate) {
      // Exact, or inexact with PE masked and known: no flag changes.
      const x: f64 =
        sizeof<T>() == 4 ? <f64>reinterpret<f32>(load<u32>(b)) : reinterpret<f64>(load<u64>(b));
      if (abs<f64>(x) < 2147483648.0) {
        const v = <i32>x;
        if (<f64>v == x || (load<u32>(S_MXCSR) & 0x1060) == 0x1020) {
          store<u64>(op.dst, bits == 64 ? <u64>(<i64>v) : <u64>(<u32>v));
          return op.next();
        }
      }
    }
    beginFloat();
    const v = toSigned<T>(load<T>(b), bits, truncate);
    if (!endFloat()) return op.fault();
    store<u64>(op.dst, bits == 64 ? v : v & 0xffffffff);
    return op.next();
  }
}

export function cvtsi2ss(op: Op): usize {
  return Convert.fromGeneral<u32>(op);
}
export function cvtsi2sd(op: Op): usize {
  return Convert.fromGeneral<u64>(op);
}
export function cvtss2si(op: Op): usize {
  return Convert.toGeneral<u32>(op, false);
}
export function cvttss2si(op: Op): usize {
  return Convert.toGeneral<u32>(op, true);
}
export function cvtsd2si(op: Op): usize {
  return Convert.toGeneral<u64>(op, false);
}
export function cvttsd2si(op: Op): usize {
  return Convert.toGeneral<u64>(op, true);
}

// ---- Half precision (F16C)

export function vcvtph2ps(d: usize, a: usize, b: usize, i: u32): void {
  const h = load<u64>(b);
  store<u32>(d, fromHalf(<u32>h & 0xffff));
  store<u32>(d, fromHalf(<u32>(h >> 16) & 0xffff), 4);
  store<u32>(d, fromHalf(<u32>(h >> 32) & 0xffff), 8);
  store<u32>(d, fromHalf(<u32>(h >> 48) & 0xffff), 12);
}

/** Four binary32 at `a` to binary16 with the immediate's rounding. */
export function vcvtps2ph(d: usize, a: usize, b: usize, i: u32): void {
  store<u16>(d, <u16>toHalf(load<u32>(b), i));
  store<u16>(d, <u16>toHalf(load<u32>(b, 4), i), 2);
  store<u16>(d, <u16>toHalf(load<u32>(b, 8), i), 4);
  store<u16>(d, <u16>toHalf(load<u32>(b, 12), i), 6);
}
