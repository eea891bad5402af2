// Stubs of both loaders that work on physical memory: copy, zero, CRC-32C (RFC 3720, appendix B.4). 64-bit code,
// System V AMD64 convention, position-independent. CRC-32C is SSE4.2's CRC32 instruction where CPUID has it, and
// otherwise eight bytes a step by tables (Kounavis and Berry, "A Systematic Approach to Building High Performance,
// Software-based, CRC Generators", 2005).

import {
  type Assembler,
  al,
  byte,
  dl,
  dword,
  eax,
  ecx,
  edx,
  esi,
  mem,
  qword,
  r8d,
  r9,
  r10,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
} from "../../../asm/index.ts";

/** The reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f6_3b78;
const SLICES = 8;
/** CPUID leaf 1, ECX. */
const CPUID_SSE42 = 1 << 20;
/** Bytes that one turn of the fast loop takes. */
const TURN = 64;

/** SLICES tables of 256 words: table k is the CRC of a byte with k zero bytes behind it. */
function sliceTables(): Uint32Array {
  const tables = new Uint32Array(SLICES * 256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[i] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256] as number;
    tables[i] = (tables[before & 0xff] as number) ^ (before >>> 8);
  }
  return tables;
}

/** Emits `copy_physical`, `zero_physical` and `crc32c` (core/stub.ts), with what they keep in .rodata and .data. */
export function emitPhysicalStubs(a: Assembler): void {
  emitMoves(a);
  emitCrc(a);
}

function emitMoves(a: Assembler): void {
  a.section(".text");
  // (RDI to, RSI from, RDX bytes)
  a.label("copy_physical", { global: true });
  a.frame();
  a.mov(rcx, rdx).shr(rcx, 3).rep.movsq();
  a.mov(ecx, edx).and(ecx, 7).rep.movsb();
  a.ret();
  // (RDI to, RSI bytes)
  a.label("zero_physical", { global: true });
  a.frame();
  a.xor(eax, eax);
  a.mov(rcx, rsi).shr(rcx, 3).rep.stosq();
  a.mov(ecx, esi).and(ecx, 7).rep.stosb();
  a.ret();
  a.frame(undefined);
}

function emitCrc(a: Assembler): void {
  a.section(".rodata");
  a.align(16);
  a.label("crc32c_tables");
  a.dd(...sliceTables());
  a.section(".data");
  // 0 not known yet, 1 CRC32 instruction, 2 tables.
  a.label("crc32c_way");
  a.dd(0);

  a.section(".text");
  // (RDI at, RSI bytes, EDX seed) -> EAX
  a.label("crc32c", { global: true });
  a.frame();
  a.mov(r8d, edx).not(r8d);
  a.mov(eax, dword(rip("crc32c_way")));
  a.cmp(eax, 1).je("crc32c_fast").ja("crc32c_slices");
  a.push(rbx);
  a.mov(eax, 1).cpuid();
  a.pop(rbx);
  a.test(ecx, CPUID_SSE42).jnz("crc32c_has");
  a.mov(dword(rip("crc32c_way")), 2).jmp("crc32c_slices");
  a.label("crc32c_has");
  a.mov(dword(rip("crc32c_way")), 1);

  a.label("crc32c_fast");
  a.mov(eax, r8d);
  a.mov(rcx, rsi).shr(rcx, 6).jz("crc32c_fast_words");
  const turn = a.label();
  for (let offset = 0; offset < TURN; offset += 8) a.crc32(rax, qword(rdi, { disp: offset }));
  a.add(rdi, TURN).dec(rcx).jnz(turn);
  a.label("crc32c_fast_words");
  a.and(esi, TURN - 1)
    .mov(ecx, esi)
    .shr(ecx, 3)
    .jz("crc32c_fast_bytes");
  const word = a.label();
  a.crc32(rax, qword(rdi)).add(rdi, 8).dec(ecx).jnz(word);
  a.label("crc32c_fast_bytes");
  a.and(esi, 7).jz("crc32c_end");
  const single = a.label();
  a.crc32(eax, byte(rdi)).inc(rdi).dec(esi).jnz(single);
  a.label("crc32c_end");
  a.not(eax).ret();

  a.label("crc32c_slices");
  a.lea(r9, mem(rip("crc32c_tables")));
  a.mov(eax, r8d);
  a.mov(r10, rsi).shr(r10, 3).jz("crc32c_slices_bytes");
  const slice = a.label();
  // The first byte of the eight has the most zero bytes behind it.
  a.mov(edx, dword(rdi, { disp: 4 })).xor(eax, dword(rdi));
  a.xor(r8d, r8d);
  for (let i = 0; i < SLICES; i++) {
    const from = i < 4 ? eax : edx;
    a.movzx(ecx, i < 4 ? al : dl).shr(from, 8);
    a.xor(r8d, dword(r9, { index: rcx, scale: 4, disp: (SLICES - 1 - i) * 1024 }));
  }
  a.mov(eax, r8d).add(rdi, 8).dec(r10).jnz(slice);
  a.label("crc32c_slices_bytes");
  a.and(esi, 7).jz("crc32c_slices_end");
  const rest = a.label();
  a.movzx(ecx, byte(rdi)).xor(ecx, eax).and(ecx, 0xff).shr(eax, 8);
  a.xor(eax, dword(r9, { index: rcx, scale: 4 }));
  a.inc(rdi).dec(esi).jnz(rest);
  a.label("crc32c_slices_end");
  a.not(eax).ret();
  a.frame(undefined);
}
