// Random bytes for programs: ChaCha20 (RFC 8439, 2.3) in counter mode, keyed from clock and TSC. There is
// no entropy source behind it: do not use it for secrets.

import { rdtsc } from "../libhedron/x86";

/** Constants of SplitMix64, which spreads the seed over the key. */
const STEP: u64 = ((0x9e37_79b9 as u64) << 32) | 0x7f4a_7c15;
const MIX_1: u64 = ((0xbf58_476d as u64) << 32) | 0x1ce4_e5b9;
const MIX_2: u64 = ((0x94d0_49bb as u64) << 32) | 0x1331_11eb;

const state = memory.data(64);
const output = memory.data(64);
let used: u32 = 64;

/** Keys the generator; `seed` is mixed with the TSC. */
export function seedRandom(seed: u64): void {
  store<u32>(state, 0x6170_7865);
  store<u32>(state + 4, 0x3320_646e);
  store<u32>(state + 8, 0x7962_2d32);
  store<u32>(state + 12, 0x6b20_6574);
  let value = seed ^ rdtsc();
  for (let i: u32 = 16; i < 64; i += 8) {
    value += STEP;
    let mixed = value;
    mixed = (mixed ^ (mixed >> 30)) * MIX_1;
    mixed = (mixed ^ (mixed >> 27)) * MIX_2;
    store<u64>(state + i, mixed ^ (mixed >> 31));
  }
  used = 64;
}

function quarter(a: u32, b: u32, c: u32, d: u32): void {
  const pa = output + a * 4;
  const pb = output + b * 4;
  const pc = output + c * 4;
  const pd = output + d * 4;
  store<u32>(pa, load<u32>(pa) + load<u32>(pb));
  store<u32>(pd, rotl<u32>(load<u32>(pd) ^ load<u32>(pa), 16));
  store<u32>(pc, load<u32>(pc) + load<u32>(pd));
  store<u32>(pb, rotl<u32>(load<u32>(pb) ^ load<u32>(pc), 12));
  store<u32>(pa, load<u32>(pa) + load<u32>(pb));
  store<u32>(pd, rotl<u32>(load<u32>(pd) ^ load<u32>(pa), 8));
  store<u32>(pc, load<u32>(pc) + load<u32>(pd));
  store<u32>(pb, rotl<u32>(load<u32>(pb) ^ load<u32>(pc), 7));
}

function nextBlock(): void {
  memory.copy(output, state, 64);
  for (let round = 0; round < 10; round++) {
    quarter(0, 4, 8, 12);
    quarter(1, 5, 9, 13);
    quarter(2, 6, 10, 14);
    quarter(3, 7, 11, 15);
    quarter(0, 5, 10, 15);
    quarter(1, 6, 11, 12);
    quarter(2, 7, 8, 13);
    quarter(3, 4, 9, 14);
  }
  for (let i: u32 = 0; i < 64; i += 4) {
    store<u32>(output + i, load<u32>(output + i) + load<u32>(state + i));
  }
  store<u64>(state + 48, load<u64>(state + 48) + 1);
  used = 0;
}

/** Fills [target, target + length). */
export function randomBytes(target: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) {
    if (used === 64) nextBlock();
    store<u8>(target + i, load<u8>(output + used));
    used++;
  }
}
