// Random bytes for programs: ChaCha20 (RFC 8439, 2.3) in counter mode, keyed from clock and TSC. There is
// no entropy source behind it: do not use it for secrets.

import { rdtsc } from "../libhedron/x86";
import {
  CHACHA_BYTES,
  CHACHA_COUNTER,
  CHACHA_KEY,
  makeBlock,
  putConstants,
} from "../libhrstd/chacha20";

/** Constants of SplitMix64, which spreads the seed over the key. */
const STEP: u64 = ((0x9e37_79b9 as u64) << 32) | 0x7f4a_7c15;
const MIX_1: u64 = ((0xbf58_476d as u64) << 32) | 0x1ce4_e5b9;
const MIX_2: u64 = ((0x94d0_49bb as u64) << 32) | 0x1331_11eb;

const state = memory.data(CHACHA_BYTES);
const output = memory.data(CHACHA_BYTES);
let used: u32 = CHACHA_BYTES;

/** Keys the generator; `seed` is mixed with the TSC. */
export function seedRandom(seed: u64): void {
  putConstants<usize>(state);
  let value = seed ^ rdtsc();
  for (let i: u32 = CHACHA_KEY; i < (CHACHA_BYTES as u32); i += 8) {
    value += STEP;
    let mixed = value;
    mixed = (mixed ^ (mixed >> 30)) * MIX_1;
    mixed = (mixed ^ (mixed >> 27)) * MIX_2;
    store<u64>(state + i, mixed ^ (mixed >> 31));
  }
  used = CHACHA_BYTES;
}

function nextBlock(): void {
  makeBlock<usize>(state, output);
  store<u64>(state + CHACHA_COUNTER, load<u64>(state + CHACHA_COUNTER) + 1);
  used = 0;
}

/** Fills [target, target + length). */
export function randomBytes(target: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) {
    if (used === (CHACHA_BYTES as u32)) nextBlock();
    store<u8>(target + i, load<u8>(output + used));
    used++;
  }
}
