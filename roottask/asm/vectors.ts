// Arithmetic on vectors of 256 bits (AVX; Intel SDM vol. 1, ch. 14), which the compiler does not emit: functions of
// hello_native, called by the System V convention.

import {
  Assembler,
  cl,
  eax,
  ecx,
  edi,
  edx,
  esi,
  mem,
  rax,
  rbx,
  rdi,
  rsi,
  xmm0,
  xmm1,
  ymm0,
  ymm1,
} from "../../tools/asm/index.ts";
import type { ObjectFile } from "../../tools/elf/index.ts";

/** CPUID leaf 1, ECX: XSAVE is in use, AVX. */
const FEATURES = (1 << 27) | (1 << 28);
/** XCR0: the state of SSE and AVX is kept. */
const STATE = 6;
/** Numbers in a vector. */
const LANES = 4;

export function vectorStubs(): ObjectFile {
  const a = new Assembler({ bits: 64, name: "vector stubs", lines: true });
  // Whether processor and kernel let programs use AVX.
  a.align(16).label("has_avx", { global: true });
  a.push(rbx).mov(eax, 1).xor(ecx, ecx).cpuid();
  a.and(ecx, FEATURES).cmp(ecx, FEATURES).mov(eax, 0).jne("without");
  a.xor(ecx, ecx).xgetbv();
  a.and(eax, STATE).cmp(eax, STATE).sete(cl).movzx(eax, cl);
  a.label("without");
  a.pop(rbx).ret();

  // Sum of the products of EDX numbers at EDI and at ESI; EDX is a multiple of LANES, not 0.
  a.align(16).label("avx_dot_product", { global: true });
  a.mov(edi, edi).mov(esi, esi).mov(edx, edx).xor(eax, eax);
  a.vxorpd(ymm0, ymm0, ymm0);
  a.label("next");
  a.vmovupd(ymm1, mem(rdi, { index: rax, scale: 8 }));
  a.vmulpd(ymm1, ymm1, mem(rsi, { index: rax, scale: 8 }));
  a.vaddpd(ymm0, ymm0, ymm1);
  a.add(eax, LANES).cmp(eax, edx).jb("next");
  a.vextractf128(xmm1, ymm0, 1).vaddpd(xmm0, xmm0, xmm1).vhaddpd(xmm0, xmm0, xmm0);
  a.vzeroupper().ret();
  return a.object();
}
