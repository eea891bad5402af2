// Which instruction-set extensions the CPU model has, as a bit mask: those that CPUID reports.

import { EXTENDED_ECX, LEAF1_ECX, LEAF1_EDX, LEAF7_EBX, modelWord } from "../processor/model";

export const SSE: u32 = 0;
export const SSE2: u32 = 1;
export const SSE3: u32 = 2;
export const SSSE3: u32 = 3;
export const SSE41: u32 = 4;
export const SSE42: u32 = 5;
export const AES: u32 = 6;
export const PCLMUL: u32 = 7;
export const POPCNT: u32 = 8;
export const AVX: u32 = 9;
export const F16C: u32 = 10;
export const RDRAND: u32 = 11;
export const MMX: u32 = 12;
export const AVX2: u32 = 13;
export const BMI1: u32 = 14;
export const BMI2: u32 = 15;
export const LZCNT: u32 = 16;
export const MOVBE: u32 = 17;
export const FMA: u32 = 18;
export const ADX: u32 = 19;
export const SHA: u32 = 20;
export const RDSEED: u32 = 21;

/** Where CPUID has each of them: the model's word times 32, and the bit. */
// prettier-ignore
const REPORTED: StaticArray<i32> = [
  LEAF1_EDX * 32 + 25,
  LEAF1_EDX * 32 + 26,
  LEAF1_ECX * 32 + 0,
  LEAF1_ECX * 32 + 9,
  LEAF1_ECX * 32 + 19,
  LEAF1_ECX * 32 + 20,
  LEAF1_ECX * 32 + 25,
  LEAF1_ECX * 32 + 1,
  LEAF1_ECX * 32 + 23,
  LEAF1_ECX * 32 + 28,
  LEAF1_ECX * 32 + 29,
  LEAF1_ECX * 32 + 30,
  LEAF1_EDX * 32 + 23,
  LEAF7_EBX * 32 + 5,
  LEAF7_EBX * 32 + 3,
  LEAF7_EBX * 32 + 8,
  EXTENDED_ECX * 32 + 5,
  LEAF1_ECX * 32 + 22,
  LEAF1_ECX * 32 + 12,
  LEAF7_EBX * 32 + 19,
  LEAF7_EBX * 32 + 29,
  LEAF7_EBX * 32 + 18,
];

/** Bit n: extension n of the list above exists in the CPU model of this machine. */
export function featureMask(): u32 {
  let mask: u32 = 0;
  for (let i = 0; i < REPORTED.length; i++) {
    const at = unchecked(REPORTED[i]);
    mask |= ((modelWord(at >> 5) >> (at & 31)) & 1) << i;
  }
  return mask;
}

export function has(feature: u32): bool {
  return ((featureMask() >> feature) & 1) != 0;
}
