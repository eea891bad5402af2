// AES round instructions and carry-less multiplication: lane functions as in table.ts.
// Follows FIPS 197 (the S-box is computed from its definition, 5.1.1) and Intel SDM vol. 2, AESENC,
// AESDEC, AESIMC, AESKEYGENASSIST, PCLMULQDQ.

/** S-box, inverse S-box. */
const SBOX: usize = memory.data(256, 16);
const INVERSE: usize = memory.data(256, 16);
const STATE: usize = memory.data(16, 16);
/** MixColumns of a column whose row 0 is the substituted byte, others 0; and the inverse. */
const FORWARD: usize = memory.data(1024, 16);
const BACKWARD: usize = memory.data(1024, 16);

/** Multiplication by x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
function double(v: u32): u32 {
  return ((v << 1) ^ ((v >> 7) * 0x11b)) & 0xff;
}

/** Computes the S-boxes: powers of the generator 3 and of its inverse run in opposite directions. */
export function initAes(): void {
  let p: u32 = 1;
  let q: u32 = 1;
  do {
    p = (p ^ double(p)) & 0xff;
    // q = q / 3.
    q ^= q << 1;
    q ^= q << 2;
    q ^= q << 4;
    q &= 0xff;
    if ((q & 0x80) !== 0) q ^= 9;
    const s: u32 = (q ^ rotate(q, 1) ^ rotate(q, 2) ^ rotate(q, 3) ^ rotate(q, 4) ^ 0x63) & 0xff;
    store<u8>(SBOX + p, <u8>s);
    store<u8>(INVERSE + s, <u8>p);
  } while (p !== 1);
  store<u8>(SBOX, 0x63);
  store<u8>(INVERSE + 0x63, 0);
  for (let v: u32 = 0; v < 256; v++) {
    store<u32>(FORWARD + (v << 2), Column.mix(<u32>load<u8>(SBOX + v)));
    store<u32>(BACKWARD + (v << 2), Column.inverseMix(<u32>load<u8>(INVERSE + v)));
  }
}

function rotate(v: u32, n: u32): u32 {
  return (v << n) | (v >> (8 - n));
}

function substitute(word: u32): u32 {
  return (
    <u32>load<u8>(SBOX + (word & 0xff)) |
    ((<u32>load<u8>(SBOX + ((word >> 8) & 0xff))) << 8) |
    ((<u32>load<u8>(SBOX + ((word >> 16) & 0xff))) << 16) |
    ((<u32>load<u8>(SBOX + (word >> 24))) << 24)
  );
}

/** ShiftRows and SubBytes of the state at `a` into STATE. */
function shiftSubstitute(a: usize): void {
  for (let c: u32 = 0; c < 4; c++) {
    for (let r: u32 = 0; r < 4; r++) {
      const from = (((c + r) & 3) << 2) + r;
      store<u8>(STATE + (c << 2) + r, load<u8>(SBOX + <usize>load<u8>(a + from)));
    }
  }
}

function inverseShiftSubstitute(a: usize): void {
  for (let c: u32 = 0; c < 4; c++) {
    for (let r: u32 = 0; r < 4; r++) {
      const from = (((c - r) & 3) << 2) + r;
      store<u8>(STATE + (c << 2) + r, load<u8>(INVERSE + <usize>load<u8>(a + from)));
    }
  }
}

class Column {
  /** Doubles four bytes at once. */
  @inline static double(v: u32): u32 {
    return ((v & 0x7f7f7f7f) << 1) ^ (((v >> 7) & 0x01010101) * 0x1b);
  }
  @inline static mix(v: u32): u32 {
    const d = Column.double(v);
    return d ^ rotr<u32>(v ^ d, 8) ^ rotr<u32>(v, 16) ^ rotr<u32>(v, 24);
  }
  @inline static inverseMix(v: u32): u32 {
    const d2 = Column.double(v);
    const d4 = Column.double(d2);
    const d8 = Column.double(d4);
    const d9 = v ^ d8;
    return d2 ^ d4 ^ d8 ^ rotr<u32>(d2 ^ d9, 8) ^ rotr<u32>(d4 ^ d9, 16) ^ rotr<u32>(d9, 24);
  }
}

/** One column of a round: rows come from four columns (ShiftRows), the table substitutes and mixes. */
class Round {
  @inline static column(table: usize, c0: u32, c1: u32, c2: u32, c3: u32): u32 {
    return (
      load<u32>(table + ((c0 & 0xff) << 2)) ^
      rotl<u32>(load<u32>(table + (((c1 >> 8) & 0xff) << 2)), 8) ^
      rotl<u32>(load<u32>(table + (((c2 >> 16) & 0xff) << 2)), 16) ^
      rotl<u32>(load<u32>(table + ((c3 >> 24) << 2)), 24)
    );
  }
}

export function aesenc(d: usize, a: usize, b: usize, i: u32): void {
  const c0 = load<u32>(a);
  const c1 = load<u32>(a, 4);
  const c2 = load<u32>(a, 8);
  const c3 = load<u32>(a, 12);
  const mixed = i32x4.replace_lane(
    i32x4.replace_lane(
      i32x4.replace_lane(
        i32x4.splat(Round.column(FORWARD, c0, c1, c2, c3)),
        1,
        Round.column(FORWARD, c1, c2, c3, c0),
      ),
      2,
      Round.column(FORWARD, c2, c3, c0, c1),
    ),
    3,
    Round.column(FORWARD, c3, c0, c1, c2),
  );
  v128.store(d, v128.xor(mixed, v128.load(b)));
}

export function aesenclast(d: usize, a: usize, b: usize, i: u32): void {
  shiftSubstitute(a);
  v128.store(d, v128.xor(v128.load(STATE), v128.load(b)));
}

export function aesdec(d: usize, a: usize, b: usize, i: u32): void {
  const c0 = load<u32>(a);
  const c1 = load<u32>(a, 4);
  const c2 = load<u32>(a, 8);
  const c3 = load<u32>(a, 12);
  const mixed = i32x4.replace_lane(
    i32x4.replace_lane(
      i32x4.replace_lane(
        i32x4.splat(Round.column(BACKWARD, c0, c3, c2, c1)),
        1,
        Round.column(BACKWARD, c1, c0, c3, c2),
      ),
      2,
      Round.column(BACKWARD, c2, c1, c0, c3),
    ),
    3,
    Round.column(BACKWARD, c3, c2, c1, c0),
  );
  v128.store(d, v128.xor(mixed, v128.load(b)));
}

export function aesdeclast(d: usize, a: usize, b: usize, i: u32): void {
  inverseShiftSubstitute(a);
  v128.store(d, v128.xor(v128.load(STATE), v128.load(b)));
}

export function aesimc(d: usize, a: usize, b: usize, i: u32): void {
  for (let c: usize = 0; c < 16; c += 4) {
    store<u32>(d + c, Column.inverseMix(load<u32>(b + c)));
  }
}

export function aeskeygenassist(d: usize, a: usize, b: usize, i: u32): void {
  const x1 = substitute(load<u32>(b, 4));
  const x3 = substitute(load<u32>(b, 12));
  store<u32>(d, x1);
  store<u32>(d, rotr<u32>(x1, 8) ^ (i & 0xff), 4);
  store<u32>(d, x3, 8);
  store<u32>(d, rotr<u32>(x3, 8) ^ (i & 0xff), 12);
}

/** PCLMULQDQ: immediate bits 0 and 4 select the halves. */
export function pclmulqdq(d: usize, a: usize, b: usize, i: u32): void {
  const x = load<u64>(a + ((i & 1) << 3));
  let y = load<u64>(b + (((i >> 4) & 1) << 3));
  let low: u64 = 0;
  let high: u64 = 0;
  while (y !== 0) {
    const n = ctz<u64>(y);
    low ^= x << n;
    // Two steps, as a shift by 64 is a shift by 0.
    high ^= (x >> 1) >> (63 - n);
    y &= y - 1;
  }
  store<u64>(d, low);
  store<u64>(d, high, 8);
}
