// SHA-1 and SHA-256 instructions: lane functions as in table.ts, elements of the vectors named as in
// Intel SDM vol. 2 (W0 is bits 127:96). Follows FIPS 180-4 and Intel SDM vol. 2, SHA1RNDS4 and its kin.

export function sha1nexte(d: usize, a: usize, b: usize, i: u32): void {
  const e = rotl<u32>(load<u32>(a, 12), 30);
  v128.store(d, v128.load(b));
  store<u32>(d, load<u32>(d, 12) + e, 12);
}

export function sha1msg1(d: usize, a: usize, b: usize, i: u32): void {
  const x = v128.load(a);
  v128.store(d, v128.xor(x, v128.shuffle<u64>(v128.load(b), x, 1, 2)));
}

export function sha1msg2(d: usize, a: usize, b: usize, i: u32): void {
  const w16 = rotl<u32>(load<u32>(a, 12) ^ load<u32>(b, 8), 1);
  const w17 = rotl<u32>(load<u32>(a, 8) ^ load<u32>(b, 4), 1);
  const w18 = rotl<u32>(load<u32>(a, 4) ^ load<u32>(b), 1);
  const w19 = rotl<u32>(load<u32>(a) ^ w16, 1);
  store<u32>(d, w19);
  store<u32>(d, w18, 4);
  store<u32>(d, w17, 8);
  store<u32>(d, w16, 12);
}

/** The round function of rounds 20 i to 20 i + 19. */
function mix(i: u32, b: u32, c: u32, d: u32): u32 {
  if (i === 0) return (b & c) ^ (~b & d);
  if (i === 2) return (b & c) ^ (b & d) ^ (c & d);
  return b ^ c ^ d;
}

export function sha1rnds4(d: usize, a: usize, b: usize, i: u32): void {
  const quarter = i & 3;
  let k: u32 = 0x5a827999;
  if (quarter === 1) k = 0x6ed9eba1;
  else if (quarter === 2) k = 0x8f1bbcdc;
  else if (quarter === 3) k = 0xca62c1d6;
  let va = load<u32>(a, 12);
  let vb = load<u32>(a, 8);
  let vc = load<u32>(a, 4);
  let vd = load<u32>(a);
  let ve: u32 = 0;
  for (let n: usize = 0; n < 4; n++) {
    const w = load<u32>(b + 12 - (n << 2));
    const t = mix(quarter, vb, vc, vd) + rotl<u32>(va, 5) + w + ve + k;
    ve = vd;
    vd = vc;
    vc = rotl<u32>(vb, 30);
    vb = va;
    va = t;
  }
  store<u32>(d, vd);
  store<u32>(d, vc, 4);
  store<u32>(d, vb, 8);
  store<u32>(d, va, 12);
}

/** Two rounds; `i` is the address of XMM0 with the two words plus constants. */
export function sha256rnds2(d: usize, a: usize, b: usize, i: u32): void {
  let va = load<u32>(b, 12);
  let vb = load<u32>(b, 8);
  let vc = load<u32>(a, 12);
  let vd = load<u32>(a, 8);
  let ve = load<u32>(b, 4);
  let vf = load<u32>(b);
  let vg = load<u32>(a, 4);
  let vh = load<u32>(a);
  for (let n: usize = 0; n < 2; n++) {
    const s1 = rotr<u32>(ve, 6) ^ rotr<u32>(ve, 11) ^ rotr<u32>(ve, 25);
    const t1 = vh + s1 + ((ve & vf) ^ (~ve & vg)) + load<u32>(<usize>i + (n << 2));
    const s0 = rotr<u32>(va, 2) ^ rotr<u32>(va, 13) ^ rotr<u32>(va, 22);
    const t2 = s0 + ((va & vb) ^ (va & vc) ^ (vb & vc));
    vh = vg;
    vg = vf;
    vf = ve;
    ve = vd + t1;
    vd = vc;
    vc = vb;
    vb = va;
    va = t1 + t2;
  }
  store<u32>(d, vf);
  store<u32>(d, ve, 4);
  store<u32>(d, vb, 8);
  store<u32>(d, va, 12);
}

function sigma0(w: u32): u32 {
  return rotr<u32>(w, 7) ^ rotr<u32>(w, 18) ^ (w >> 3);
}

function sigma1(w: u32): u32 {
  return rotr<u32>(w, 17) ^ rotr<u32>(w, 19) ^ (w >> 10);
}

export function sha256msg1(d: usize, a: usize, b: usize, i: u32): void {
  const w0 = load<u32>(a);
  const w1 = load<u32>(a, 4);
  const w2 = load<u32>(a, 8);
  const w3 = load<u32>(a, 12);
  const w4 = load<u32>(b);
  store<u32>(d, w0 + sigma0(w1));
  store<u32>(d, w1 + sigma0(w2), 4);
  store<u32>(d, w2 + sigma0(w3), 8);
  store<u32>(d, w3 + sigma0(w4), 12);
}

export function sha256msg2(d: usize, a: usize, b: usize, i: u32): void {
  const w16 = load<u32>(a) + sigma1(load<u32>(b, 8));
  const w17 = load<u32>(a, 4) + sigma1(load<u32>(b, 12));
  const w18 = load<u32>(a, 8) + sigma1(w16);
  const w19 = load<u32>(a, 12) + sigma1(w17);
  store<u32>(d, w16);
  store<u32>(d, w17, 4);
  store<u32>(d, w18, 8);
  store<u32>(d, w19, 12);
}
