// Packed shifts: by an immediate, by a count in a register, variable (AVX2); whole-register byte shifts.
// Lane functions as in table.ts. Counts of the element width or more give 0, or the sign for arithmetic
// shifts. Follows Intel SDM vol. 2, PSLLx, PSRLx, PSRAx, PSLLDQ, PSRLDQ, VPSLLVx, VPSRLVx, VPSRAVD.

class Shift {
  @inline static of(op: i32, v: v128, count: u64): v128 {
    const n = <i32>count;
    if (op == 0) return count > 15 ? i64x2.splat(0) : i16x8.shl(v, n);
    if (op == 1) return count > 31 ? i64x2.splat(0) : i32x4.shl(v, n);
    if (op == 2) return count > 63 ? i64x2.splat(0) : i64x2.shl(v, n);
    if (op == 3) return count > 15 ? i64x2.splat(0) : i16x8.shr_u(v, n);
    if (op == 4) return count > 31 ? i64x2.splat(0) : i32x4.shr_u(v, n);
    if (op == 5) return count > 63 ? i64x2.splat(0) : i64x2.shr_u(v, n);
    if (op == 6) return i16x8.shr_s(v, count > 15 ? 15 : n);
    return i32x4.shr_s(v, count > 31 ? 31 : n);
  }
}

export function psllw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(0, v128.load(a), load<u64>(b)));
}

export function psllwi(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(0, v128.load(b), <u64>i));
}

export function pslld(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(1, v128.load(a), load<u64>(b)));
}

export function pslldi(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(1, v128.load(b), <u64>i));
}

export function psllq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(2, v128.load(a), load<u64>(b)));
}

export function psllqi(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(2, v128.load(b), <u64>i));
}

export function psrlw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(3, v128.load(a), load<u64>(b)));
}

export function psrlwi(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(3, v128.load(b), <u64>i));
}

export function psrld(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(4, v128.load(a), load<u64>(b)));
}

export function psrldi(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(4, v128.load(b), <u64>i));
}

export function psrlq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(5, v128.load(a), load<u64>(b)));
}

export function psrlqi(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(5, v128.load(b), <u64>i));
}

export function psraw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(6, v128.load(a), load<u64>(b)));
}

export function psrawi(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(6, v128.load(b), <u64>i));
}

export function psrad(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(7, v128.load(a), load<u64>(b)));
}

export function psradi(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, Shift.of(7, v128.load(b), <u64>i));
}

/** Source bytes with 16 zero bytes after or before them, so that a byte shift is an unaligned load. */
const WINDOW: usize = memory.data(48, 16);

export function pslldq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(WINDOW, v128.load(b), 16);
  v128.store(d, v128.load(WINDOW + 16 - min<u32>(i, 16)));
}

export function psrldq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(WINDOW, v128.load(b), 16);
  v128.store(d, v128.load(WINDOW + 16 + min<u32>(i, 16)));
}

export function vpsllvd(d: usize, a: usize, b: usize, i: u32): void {
  for (let n: usize = 0; n < 16; n += 4) {
    const v = load<u32>(a + n);
    const c = load<u32>(b + n);
    store<u32>(d + n, c > 31 ? 0 : v << c);
  }
}

export function vpsrlvd(d: usize, a: usize, b: usize, i: u32): void {
  for (let n: usize = 0; n < 16; n += 4) {
    const v = load<u32>(a + n);
    const c = load<u32>(b + n);
    store<u32>(d + n, c > 31 ? 0 : v >> c);
  }
}

export function vpsravd(d: usize, a: usize, b: usize, i: u32): void {
  for (let n: usize = 0; n < 16; n += 4) {
    const v = load<i32>(a + n);
    const c = load<u32>(b + n);
    store<i32>(d + n, v >> <i32>min<u32>(c, 31));
  }
}

export function vpsllvq(d: usize, a: usize, b: usize, i: u32): void {
  for (let n: usize = 0; n < 16; n += 8) {
    const v = load<u64>(a + n);
    const c = load<u64>(b + n);
    store<u64>(d + n, c > 63 ? 0 : v << c);
  }
}

export function vpsrlvq(d: usize, a: usize, b: usize, i: u32): void {
  for (let n: usize = 0; n < 16; n += 8) {
    const v = load<u64>(a + n);
    const c = load<u64>(b + n);
    store<u64>(d + n, c > 63 ? 0 : v >> c);
  }
}
