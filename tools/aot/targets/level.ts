// Whether the CPU has level x86-64-v2 (System V AMD64 ABI 1.0, 3.1.1), for programs that need it and start themselves.

import { ALU, CC, type Encoder, RAX, RCX } from "../x64/encoder.ts";

/** Bits of CPUID leaf 1, ECX, that make the level: SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT. */
const LEVEL_2 = (1 << 0) | (1 << 9) | (1 << 13) | (1 << 19) | (1 << 20) | (1 << 23);

/** Appends the question, which overwrites RAX, RBX, RCX and RDX; `land` of the result is where the CPU is enough. */
export function emitLevel2Check(e: Encoder): number {
  e.movImm32(RAX, 1);
  e.raw([0x0f, 0xa2]);
  e.movImm32(RAX, LEVEL_2);
  e.aluRR(4, ALU.AND, RCX, RAX);
  e.aluRR(4, ALU.CMP, RCX, RAX);
  return e.skip(CC.E);
}
