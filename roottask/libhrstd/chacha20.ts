// The block function of ChaCha20 (RFC 8439, 2.3) in memory. An address is a pointer, or 64 bits where memory is beyond
// those (the mediator's): `Address` is usize or u64. No floating-point register is used.

import { load32, store32 } from "../libhedron/x86";

export const CHACHA_BYTES = 64;
export const CHACHA_KEY_BYTES = 32;
/** Where a state has its key and, behind it, its block counter; here of 64 bits, the nonce is the rest. */
export const CHACHA_KEY = 16;
export const CHACHA_COUNTER = 48;

/** Words of a state or block, and the quarter round on four of them (RFC 8439, 2.1). */
class Words {
  @inline static get<Address>(at: Address, word: u32): u32 {
    return sizeof<Address>() === 8
      ? (load32((at as u64) + ((word * 4) as u64)) as u32)
      : load<u32>((at as usize) + word * 4);
  }

  @inline static set<Address>(at: Address, word: u32, value: u32): void {
    if (sizeof<Address>() === 8) store32((at as u64) + ((word * 4) as u64), value as u64);
    else store<u32>((at as usize) + word * 4, value);
  }

  @inline static quarter<Address>(at: Address, a: u32, b: u32, c: u32, d: u32): void {
    let va = Words.get<Address>(at, a);
    let vb = Words.get<Address>(at, b);
    let vc = Words.get<Address>(at, c);
    let vd = Words.get<Address>(at, d);
    va += vb;
    vd = rotl<u32>(vd ^ va, 16);
    vc += vd;
    vb = rotl<u32>(vb ^ vc, 12);
    va += vb;
    vd = rotl<u32>(vd ^ va, 8);
    vc += vd;
    vb = rotl<u32>(vb ^ vc, 7);
    Words.set<Address>(at, a, va);
    Words.set<Address>(at, b, vb);
    Words.set<Address>(at, c, vc);
    Words.set<Address>(at, d, vd);
  }
}

/** Puts the constants in front of the key: "expand 32-byte k". */
export function putConstants<Address>(state: Address): void {
  Words.set<Address>(state, 0, 0x6170_7865);
  Words.set<Address>(state, 1, 0x3320_646e);
  Words.set<Address>(state, 2, 0x7962_2d32);
  Words.set<Address>(state, 3, 0x6b20_6574);
}

/** The block of `state`, in `output`; both are 64 bytes. */
export function makeBlock<Address>(state: Address, output: Address): void {
  for (let i: u32 = 0; i < 16; i++) Words.set<Address>(output, i, Words.get<Address>(state, i));
  for (let round = 0; round < 10; round++) {
    Words.quarter<Address>(output, 0, 4, 8, 12);
    Words.quarter<Address>(output, 1, 5, 9, 13);
    Words.quarter<Address>(output, 2, 6, 10, 14);
    Words.quarter<Address>(output, 3, 7, 11, 15);
    Words.quarter<Address>(output, 0, 5, 10, 15);
    Words.quarter<Address>(output, 1, 6, 11, 12);
    Words.quarter<Address>(output, 2, 7, 8, 13);
    Words.quarter<Address>(output, 3, 4, 9, 14);
  }
  for (let i: u32 = 0; i < 16; i++) {
    Words.set<Address>(output, i, Words.get<Address>(output, i) + Words.get<Address>(state, i));
  }
}
