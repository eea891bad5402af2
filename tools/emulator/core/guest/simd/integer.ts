// Packed integer arithmetic, comparison and logic: lane functions (see Lane in table.ts), 16 bytes each.
// Follows Intel SDM vol. 2, instruction pages. MMX forms use the same functions on 8 of the 16 bytes.

export function paddb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.add(v128.load(a), v128.load(b)));
}

export function paddw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.add(v128.load(a), v128.load(b)));
}

export function paddd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.add(v128.load(a), v128.load(b)));
}

export function paddq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i64x2.add(v128.load(a), v128.load(b)));
}

export function psubb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.sub(v128.load(a), v128.load(b)));
}

export function psubw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.sub(v128.load(a), v128.load(b)));
}

export function psubd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.sub(v128.load(a), v128.load(b)));
}

export function psubq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i64x2.sub(v128.load(a), v128.load(b)));
}

export function paddsb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.add_sat_s(v128.load(a), v128.load(b)));
}

export function paddsw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.add_sat_s(v128.load(a), v128.load(b)));
}

export function paddusb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.add_sat_u(v128.load(a), v128.load(b)));
}

export function paddusw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.add_sat_u(v128.load(a), v128.load(b)));
}

export function psubsb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.sub_sat_s(v128.load(a), v128.load(b)));
}

export function psubsw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.sub_sat_s(v128.load(a), v128.load(b)));
}

export function psubusb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.sub_sat_u(v128.load(a), v128.load(b)));
}

export function psubusw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.sub_sat_u(v128.load(a), v128.load(b)));
}

export function pavgb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.avgr_u(v128.load(a), v128.load(b)));
}

export function pavgw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.avgr_u(v128.load(a), v128.load(b)));
}

export function pminub(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.min_u(v128.load(a), v128.load(b)));
}

export function pminsb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.min_s(v128.load(a), v128.load(b)));
}

export function pminuw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.min_u(v128.load(a), v128.load(b)));
}

export function pminsw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.min_s(v128.load(a), v128.load(b)));
}

export function pminud(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.min_u(v128.load(a), v128.load(b)));
}

export function pminsd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.min_s(v128.load(a), v128.load(b)));
}

export function pmaxub(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.max_u(v128.load(a), v128.load(b)));
}

export function pmaxsb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.max_s(v128.load(a), v128.load(b)));
}

export function pmaxuw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.max_u(v128.load(a), v128.load(b)));
}

export function pmaxsw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.max_s(v128.load(a), v128.load(b)));
}

export function pmaxud(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.max_u(v128.load(a), v128.load(b)));
}

export function pmaxsd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.max_s(v128.load(a), v128.load(b)));
}

export function pcmpeqb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.eq(v128.load(a), v128.load(b)));
}

export function pcmpeqw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.eq(v128.load(a), v128.load(b)));
}

export function pcmpeqd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.eq(v128.load(a), v128.load(b)));
}

export function pcmpeqq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i64x2.eq(v128.load(a), v128.load(b)));
}

export function pcmpgtb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.gt_s(v128.load(a), v128.load(b)));
}

export function pcmpgtw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.gt_s(v128.load(a), v128.load(b)));
}

export function pcmpgtd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.gt_s(v128.load(a), v128.load(b)));
}

export function pcmpgtq(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i64x2.gt_s(v128.load(a), v128.load(b)));
}

export function pand(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.and(v128.load(a), v128.load(b)));
}

export function por(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.or(v128.load(a), v128.load(b)));
}

export function pxor(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.xor(v128.load(a), v128.load(b)));
}

export function pmullw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.mul(v128.load(a), v128.load(b)));
}

export function pmulld(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.mul(v128.load(a), v128.load(b)));
}

export function pmaddwd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.dot_i16x8_s(v128.load(a), v128.load(b)));
}

export function pandn(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.andnot(v128.load(b), v128.load(a)));
}

export function pabsb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.abs(v128.load(b)));
}

export function pabsw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.abs(v128.load(b)));
}

export function pabsd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.abs(v128.load(b)));
}

/** Bits 31:16 of the eight products, signed. */
export function pmulhw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const low = i32x4.extmul_low_i16x8_s(x, y);
  const high = i32x4.extmul_high_i16x8_s(x, y);
  v128.store(d, v128.shuffle<u16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15));
}

export function pmulhuw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const low = i32x4.extmul_low_i16x8_u(x, y);
  const high = i32x4.extmul_high_i16x8_u(x, y);
  v128.store(d, v128.shuffle<u16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15));
}

/** Rounded bits 30:15 of the products; -32768 times -32768 wraps, unlike wasm's saturating form. */
export function pmulhrsw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const half = i32x4.splat(0x4000);
  const low = i32x4.shr_s(i32x4.add(i32x4.extmul_low_i16x8_s(x, y), half), 15);
  const high = i32x4.shr_s(i32x4.add(i32x4.extmul_high_i16x8_s(x, y), half), 15);
  v128.store(d, v128.shuffle<u16>(low, high, 0, 2, 4, 6, 8, 10, 12, 14));
}

/** Even 32-bit elements, unsigned. */
export function pmuludq(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  v128.store(
    d,
    i64x2.extmul_low_i32x4_u(
      v128.shuffle<u32>(x, x, 0, 2, 0, 2),
      v128.shuffle<u32>(y, y, 0, 2, 0, 2),
    ),
  );
}

export function pmuldq(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  v128.store(
    d,
    i64x2.extmul_low_i32x4_s(
      v128.shuffle<u32>(x, x, 0, 2, 0, 2),
      v128.shuffle<u32>(y, y, 0, 2, 0, 2),
    ),
  );
}

/** Unsigned bytes of `a` times signed bytes of `b`, neighbours added with saturation. */
export function pmaddubsw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const low = i16x8.mul(i16x8.extend_low_i8x16_u(x), i16x8.extend_low_i8x16_s(y));
  const high = i16x8.mul(i16x8.extend_high_i8x16_u(x), i16x8.extend_high_i8x16_s(y));
  v128.store(
    d,
    i16x8.add_sat_s(
      v128.shuffle<u16>(low, high, 0, 2, 4, 6, 8, 10, 12, 14),
      v128.shuffle<u16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15),
    ),
  );
}

/** Sum of absolute differences of each 8 bytes. */
export function psadbw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const differences = v128.or(i8x16.sub_sat_u(x, y), i8x16.sub_sat_u(y, x));
  const pairs = i16x8.extadd_pairwise_i8x16_u(differences);
  const fours = i32x4.extadd_pairwise_i16x8_u(pairs);
  const odd = i64x2.shr_u(fours, 32);
  v128.store(d, v128.and(i64x2.add(fours, odd), i64x2.splat(0xffffffff)));
}

/** PSIGNx: `a` negated, zeroed or kept by the sign of `b`. */
export function psignb(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const negative = i8x16.shr_s(y, 7);
  const r = i8x16.sub(v128.xor(x, negative), negative);
  v128.store(d, v128.andnot(r, i8x16.eq(y, i8x16.splat(0))));
}

export function psignw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const negative = i16x8.shr_s(y, 15);
  const r = i16x8.sub(v128.xor(x, negative), negative);
  v128.store(d, v128.andnot(r, i16x8.eq(y, i16x8.splat(0))));
}

export function psignd(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const negative = i32x4.shr_s(y, 31);
  const r = i32x4.sub(v128.xor(x, negative), negative);
  v128.store(d, v128.andnot(r, i32x4.eq(y, i32x4.splat(0))));
}

export function phaddw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const even = v128.shuffle<u16>(x, y, 0, 2, 4, 6, 8, 10, 12, 14);
  const odd = v128.shuffle<u16>(x, y, 1, 3, 5, 7, 9, 11, 13, 15);
  v128.store(d, i16x8.add(even, odd));
}

export function phaddsw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const even = v128.shuffle<u16>(x, y, 0, 2, 4, 6, 8, 10, 12, 14);
  const odd = v128.shuffle<u16>(x, y, 1, 3, 5, 7, 9, 11, 13, 15);
  v128.store(d, i16x8.add_sat_s(even, odd));
}

export function phsubw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const even = v128.shuffle<u16>(x, y, 0, 2, 4, 6, 8, 10, 12, 14);
  const odd = v128.shuffle<u16>(x, y, 1, 3, 5, 7, 9, 11, 13, 15);
  v128.store(d, i16x8.sub(even, odd));
}

export function phsubsw(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  const even = v128.shuffle<u16>(x, y, 0, 2, 4, 6, 8, 10, 12, 14);
  const odd = v128.shuffle<u16>(x, y, 1, 3, 5, 7, 9, 11, 13, 15);
  v128.store(d, i16x8.sub_sat_s(even, odd));
}

export function phaddd(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  v128.store(
    d,
    i32x4.add(v128.shuffle<u32>(x, y, 0, 2, 4, 6), v128.shuffle<u32>(x, y, 1, 3, 5, 7)),
  );
}

export function phsubd(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  const y = v128.load(b);
  v128.store(
    d,
    i32x4.sub(v128.shuffle<u32>(x, y, 0, 2, 4, 6), v128.shuffle<u32>(x, y, 1, 3, 5, 7)),
  );
}

/** Smallest of eight unsigned words and its index. */
export function phminposuw(d: usize, a: usize, b: usize, i: u32): void {
  let best: u32 = load<u16>(b);
  let index: u32 = 0;
  for (let n: u32 = 1; n < 8; n++) {
    const v: u32 = load<u16>(b + (n << 1));
    if (v < best) {
      best = v;
      index = n;
    }
  }
  store<u64>(d, <u64>(best | (index << 16)));
  store<u64>(d, 0, 8);
}

/** MPSADBW: eight sums of four absolute differences; block offsets in the immediate. */
export function mpsadbw(d: usize, a: usize, b: usize, i: u32): void {
  const from = a + ((i & 4) != 0 ? 4 : 0);
  const block = b + ((i & 3) << 2);
  let low: u64 = 0;
  let high: u64 = 0;
  for (let n: u32 = 0; n < 8; n++) {
    let sum: u32 = 0;
    for (let k: u32 = 0; k < 4; k++) {
      const x: i32 = load<u8>(from + n + k);
      const y: i32 = load<u8>(block + k);
      sum += x > y ? x - y : y - x;
    }
    if (n < 4) low |= (<u64>sum) << ((<u64>n) << 4);
    else high |= (<u64>sum) << ((<u64>(n - 4)) << 4);
  }
  store<u64>(d, low);
  store<u64>(d, high, 8);
}
