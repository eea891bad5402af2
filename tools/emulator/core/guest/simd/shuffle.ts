// Shuffles, unpacks, packs, blends and extensions inside 16 bytes: lane functions as in table.ts.
// Follows Intel SDM vol. 2, instruction pages.

export function punpcklbw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(
    d,
    v128.shuffle<u8>(
      v128.load(a),
      v128.load(b),
      0,
      16,
      1,
      17,
      2,
      18,
      3,
      19,
      4,
      20,
      5,
      21,
      6,
      22,
      7,
      23,
    ),
  );
}

export function punpcklwd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.shuffle<u16>(v128.load(a), v128.load(b), 0, 8, 1, 9, 2, 10, 3, 11));
}

export function punpckldq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.shuffle<u32>(v128.load(a), v128.load(b), 0, 4, 1, 5));
}

export function punpcklqdq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.shuffle<u64>(v128.load(a), v128.load(b), 0, 2));
}

export function punpckhbw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(
    d,
    v128.shuffle<u8>(
      v128.load(a),
      v128.load(b),
      8,
      24,
      9,
      25,
      10,
      26,
      11,
      27,
      12,
      28,
      13,
      29,
      14,
      30,
      15,
      31,
    ),
  );
}

export function punpckhwd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.shuffle<u16>(v128.load(a), v128.load(b), 4, 12, 5, 13, 6, 14, 7, 15));
}

export function punpckhdq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.shuffle<u32>(v128.load(a), v128.load(b), 2, 6, 3, 7));
}

export function punpckhqdq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.shuffle<u64>(v128.load(a), v128.load(b), 1, 3));
}

export function packsswb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.narrow_i16x8_s(v128.load(a), v128.load(b)));
}

export function packuswb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.narrow_i16x8_u(v128.load(a), v128.load(b)));
}

export function packssdw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.narrow_i32x4_s(v128.load(a), v128.load(b)));
}

export function packusdw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.narrow_i32x4_u(v128.load(a), v128.load(b)));
}

export function pmovsxbw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.extend_low_i8x16_s(v128.load64_zero(b)));
}

export function pmovzxbw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.extend_low_i8x16_u(v128.load64_zero(b)));
}

export function pmovsxwd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.extend_low_i16x8_s(v128.load64_zero(b)));
}

export function pmovzxwd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.extend_low_i16x8_u(v128.load64_zero(b)));
}

export function pmovsxdq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i64x2.extend_low_i32x4_s(v128.load64_zero(b)));
}

export function pmovzxdq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i64x2.extend_low_i32x4_u(v128.load64_zero(b)));
}

export function pmovsxbd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(b))));
}

export function pmovzxbd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(b))));
}

export function pmovsxbq(d: usize, a: usize, b: usize, i: u32): void {
  const low = <i64>load<i8>(b);
  const high = <i64>load<i8>(b, 1);
  store<i64>(d, low);
  store<i64>(d, high, 8);
}

export function pmovzxbq(d: usize, a: usize, b: usize, i: u32): void {
  const low = <u64>load<u8>(b);
  const high = <u64>load<u8>(b, 1);
  store<u64>(d, low);
  store<u64>(d, high, 8);
}

export function pmovsxwq(d: usize, a: usize, b: usize, i: u32): void {
  const low = <i64>load<i16>(b);
  const high = <i64>load<i16>(b, 2);
  store<i64>(d, low);
  store<i64>(d, high, 8);
}

export function pmovzxwq(d: usize, a: usize, b: usize, i: u32): void {
  const low = <u64>load<u16>(b);
  const high = <u64>load<u16>(b, 2);
  store<u64>(d, low);
  store<u64>(d, high, 8);
}

/** PSHUFB: an index with bit 7 set gives 0. */
export function pshufb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.swizzle(v128.load(a), v128.and(v128.load(b), i8x16.splat(<i8>0x8f))));
}

/** MMX PSHUFB: indices count modulo 8. */
export function pshufbMmx(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.swizzle(v128.load(a), v128.and(v128.load(b), i8x16.splat(<i8>0x87))));
}

export function pshufd(d: usize, a: usize, b: usize, i: u32): void {
  const e0 = load<u32>(b + ((i & 3) << 2));
  const e1 = load<u32>(b + (((i >> 2) & 3) << 2));
  const e2 = load<u32>(b + (((i >> 4) & 3) << 2));
  const e3 = load<u32>(b + (((i >> 6) & 3) << 2));
  store<u32>(d, e0);
  store<u32>(d, e1, 4);
  store<u32>(d, e2, 8);
  store<u32>(d, e3, 12);
}

class Words {
  /** Four words at `b` selected by the immediate. */
  @inline static shuffle(b: usize, i: u32): u64 {
    return (
      <u64>load<u16>(b + ((i & 3) << 1)) |
      ((<u64>load<u16>(b + (((i >> 2) & 3) << 1))) << 16) |
      ((<u64>load<u16>(b + (((i >> 4) & 3) << 1))) << 32) |
      ((<u64>load<u16>(b + (((i >> 6) & 3) << 1))) << 48)
    );
  }
}

export function pshuflw(d: usize, a: usize, b: usize, i: u32): void {
  const low = Words.shuffle(b, i);
  store<u64>(d, load<u64>(b, 8), 8);
  store<u64>(d, low);
}

export function pshufhw(d: usize, a: usize, b: usize, i: u32): void {
  const high = Words.shuffle(b + 8, i);
  store<u64>(d, load<u64>(b));
  store<u64>(d, high, 8);
}

export function shufps(d: usize, a: usize, b: usize, i: u32): void {
  const e0 = load<u32>(a + ((i & 3) << 2));
  const e1 = load<u32>(a + (((i >> 2) & 3) << 2));
  const e2 = load<u32>(b + (((i >> 4) & 3) << 2));
  const e3 = load<u32>(b + (((i >> 6) & 3) << 2));
  store<u32>(d, e0);
  store<u32>(d, e1, 4);
  store<u32>(d, e2, 8);
  store<u32>(d, e3, 12);
}

export function shufpd(d: usize, a: usize, b: usize, i: u32): void {
  const low = load<u64>(a + ((i & 1) << 3));
  const high = load<u64>(b + ((i & 2) << 2));
  store<u64>(d, low);
  store<u64>(d, high, 8);
}

/** PALIGNR: 32 bytes `a`:`b` shifted right. */
const PAIR: usize = memory.data(64, 16);

export function palignr(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(PAIR, v128.load(b));
  v128.store(PAIR, v128.load(a), 16);
  v128.store(d, v128.load(PAIR + min<u32>(i, 32)));
}

export function palignrMmx(d: usize, a: usize, b: usize, i: u32): void {
  store<u64>(PAIR, load<u64>(b));
  store<u64>(PAIR, load<u64>(a), 8);
  v128.store(PAIR, i64x2.splat(0), 16);
  const r = load<u64>(PAIR + min<u32>(i, 16));
  v128.store(PAIR, i64x2.splat(0), 16);
  store<u64>(d, r);
}

export function movsldup(d: usize, a: usize, b: usize, i: u32): void {
  const v = v128.load(b);
  v128.store(d, v128.shuffle<u32>(v, v, 0, 0, 2, 2));
}

export function movshdup(d: usize, a: usize, b: usize, i: u32): void {
  const v = v128.load(b);
  v128.store(d, v128.shuffle<u32>(v, v, 1, 1, 3, 3));
}

export function movddup(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.load64_splat(b));
}

// ---- Blends

class Blend {
  /** Lanes of `y` where `mask` is set, else of `x`. */
  @inline static by(d: usize, a: usize, b: usize, mask: v128): void {
    v128.store(d, v128.bitselect(v128.load(b), v128.load(a), mask));
  }
}

export function blendps(d: usize, a: usize, b: usize, i: u32): void {
  const bits = v128.and(i32x4.splat(i), i32x4(1, 2, 4, 8));
  Blend.by(d, a, b, i32x4.ne(bits, i32x4.splat(0)));
}

export function blendpd(d: usize, a: usize, b: usize, i: u32): void {
  const bits = v128.and(i64x2.splat(i), i64x2(1, 2));
  Blend.by(d, a, b, i64x2.ne(bits, i64x2.splat(0)));
}

export function pblendw(d: usize, a: usize, b: usize, i: u32): void {
  const bits = v128.and(i16x8.splat(<i16>i), i16x8(1, 2, 4, 8, 16, 32, 64, 128));
  Blend.by(d, a, b, i16x8.ne(bits, i16x8.splat(0)));
}

/** Variable blends: the mask register's address is the immediate. */
export function pblendvb(d: usize, a: usize, b: usize, i: u32): void {
  Blend.by(d, a, b, i8x16.shr_s(v128.load(i), 7));
}

export function blendvps(d: usize, a: usize, b: usize, i: u32): void {
  Blend.by(d, a, b, i32x4.shr_s(v128.load(i), 31));
}

export function blendvpd(d: usize, a: usize, b: usize, i: u32): void {
  Blend.by(d, a, b, i64x2.shr_s(v128.load(i), 63));
}

export function insertps(d: usize, a: usize, b: usize, i: u32): void {
  let r = i32x4.splat(0);
  const v = load<u32>(b + ((i >> 6) << 2));
  v128.store(PAIR, v128.load(a));
  store<u32>(PAIR + (((i >> 4) & 3) << 2), v);
  const keep = i32x4.eq(v128.and(i32x4.splat(i), i32x4(1, 2, 4, 8)), r);
  r = v128.and(v128.load(PAIR), keep);
  v128.store(d, r);
}

/** VPERMILPS and VPERMILPD with a control vector. */
export function vpermilps(d: usize, a: usize, b: usize, i: u32): void {
  const e0 = load<u32>(a + ((load<u32>(b) & 3) << 2));
  const e1 = load<u32>(a + ((load<u32>(b, 4) & 3) << 2));
  const e2 = load<u32>(a + ((load<u32>(b, 8) & 3) << 2));
  const e3 = load<u32>(a + ((load<u32>(b, 12) & 3) << 2));
  store<u32>(d, e0);
  store<u32>(d, e1, 4);
  store<u32>(d, e2, 8);
  store<u32>(d, e3, 12);
}

export function vpermilpd(d: usize, a: usize, b: usize, i: u32): void {
  const low = load<u64>(a + ((load<u32>(b) & 2) << 2));
  const high = load<u64>(a + ((load<u32>(b, 8) & 2) << 2));
  store<u64>(d, low);
  store<u64>(d, high, 8);
}

/** The immediate form: bit 0 and bit 1. */
export function vpermilpdImmediate(d: usize, a: usize, b: usize, i: u32): void {
  const low = load<u64>(b + ((i & 1) << 3));
  const high = load<u64>(b + ((i & 2) << 2));
  store<u64>(d, low);
  store<u64>(d, high, 8);
}
