// Which instruction-set extensions the CPU model has, as a bit mask; the model is chosen when a machine
// is created. CPUID reports the same set.

import { cpuModel } from "../processor/model";

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

const IVY_BRIDGE: u32 = 0x1fff;
const MAX: u32 = 0x3fffff;

/** Bit n: extension n of the list above exists in the CPU model of this machine. */
export function featureMask(): u32 {
  return cpuModel == 0 ? IVY_BRIDGE : MAX;
}

export function has(feature: u32): bool {
  return ((featureMask() >> feature) & 1) != 0;
}
