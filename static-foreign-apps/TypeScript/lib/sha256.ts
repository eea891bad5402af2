// SHA-256, FIPS 180-4, 6.2.

const STATE = memory.data(32);
const SCHEDULE = memory.data(256);
const BLOCK = memory.data(64);
let blockLength: u32 = 0;
let total: u64 = 0;

/** FIPS 180-4, 4.2.2. */
const K = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** FIPS 180-4, 5.3.3. */
const INITIAL = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

export const DIGEST_BYTES: u32 = 32;

export function sha256Init(): void {
  memory.copy(STATE, INITIAL, 32);
  blockLength = 0;
  total = 0;
}

function schedule(block: usize): void {
  for (let t: u32 = 0; t < 16; t++) {
    store<u32>(SCHEDULE + t * 4, bswap<u32>(load<u32>(block + t * 4)));
  }
  for (let t: u32 = 16; t < 64; t++) {
    const at = SCHEDULE + t * 4;
    const w15 = load<u32>(at - 60);
    const w2 = load<u32>(at - 8);
    const s0 = rotr<u32>(w15, 7) ^ rotr<u32>(w15, 18) ^ (w15 >> 3);
    const s1 = rotr<u32>(w2, 17) ^ rotr<u32>(w2, 19) ^ (w2 >> 10);
    store<u32>(at, load<u32>(at - 64) + s0 + load<u32>(at - 28) + s1);
  }
}

function compress(block: usize): void {
  schedule(block);
  let a = load<u32>(STATE);
  let b = load<u32>(STATE + 4);
  let c = load<u32>(STATE + 8);
  let d = load<u32>(STATE + 12);
  let e = load<u32>(STATE + 16);
  let f = load<u32>(STATE + 20);
  let g = load<u32>(STATE + 24);
  let h = load<u32>(STATE + 28);
  for (let t: u32 = 0; t < 64; t++) {
    const s1 = rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = h + s1 + choice + load<u32>(K + t * 4) + load<u32>(SCHEDULE + t * 4);
    const s0 = rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + s0 + majority;
  }
  store<u32>(STATE, load<u32>(STATE) + a);
  store<u32>(STATE + 4, load<u32>(STATE + 4) + b);
  store<u32>(STATE + 8, load<u32>(STATE + 8) + c);
  store<u32>(STATE + 12, load<u32>(STATE + 12) + d);
  store<u32>(STATE + 16, load<u32>(STATE + 16) + e);
  store<u32>(STATE + 20, load<u32>(STATE + 20) + f);
  store<u32>(STATE + 24, load<u32>(STATE + 24) + g);
  store<u32>(STATE + 28, load<u32>(STATE + 28) + h);
}

/** Takes `length` more bytes. */
export function sha256Update(data: usize, length: u32): void {
  let at = data;
  let left = length;
  total += length as u64;
  while (left !== 0) {
    if (blockLength === 0 && left >= 64) {
      compress(at);
      at += 64;
      left -= 64;
      continue;
    }
    const piece = min<u32>(64 - blockLength, left);
    memory.copy(BLOCK + blockLength, at, piece);
    blockLength += piece;
    at += piece;
    left -= piece;
    if (blockLength === 64) {
      compress(BLOCK);
      blockLength = 0;
    }
  }
}

/** Writes the digest in hexadecimal, 64 characters, to `target`. */
export function sha256Final(target: usize): void {
  const bits = total * 8;
  store<u8>(BLOCK + blockLength, 0x80);
  blockLength++;
  if (blockLength > 56) {
    memory.fill(BLOCK + blockLength, 0, 64 - blockLength);
    compress(BLOCK);
    blockLength = 0;
  }
  memory.fill(BLOCK + blockLength, 0, 56 - blockLength);
  store<u64>(BLOCK + 56, bswap<u64>(bits));
  compress(BLOCK);
  for (let i: u32 = 0; i < 64; i++) {
    const nibble = (load<u32>(STATE + (i >> 3) * 4) >> (28 - (i & 7) * 4)) & 15;
    store<u8>(target + i, (nibble < 10 ? 48 + nibble : 87 + nibble) as u8);
  }
}
