// A GDT with one more descriptor than the one that a guest was started with.

import {
  type Assembler,
  cx,
  ecx,
  edi,
  mem,
  qword,
  r8d,
  rax,
  rdi,
  rsi,
  rsp,
  word,
} from "../../../asm/index.ts";

/**
 * Copies the GDT to the address `to`, puts a descriptor of 16 bytes behind it whose upper half is 0, and loads it. R8 is the
 * descriptor's selector; RAX, RCX, RSI and RDI are not kept.
 */
export function loadLongerGdt(a: Assembler, to: number, descriptor: bigint): void {
  a.sub(rsp, 16).sgdt(mem(rsp)).movzx(ecx, word(rsp)).inc(ecx).mov(r8d, ecx);
  a.mov(rsi, qword(rsp, { disp: 2 }))
    .mov(edi, to)
    .rep.movsb();
  a.mov(rax, descriptor)
    .mov(qword(rdi), rax)
    .mov(qword(rdi, { disp: 8 }), 0);
  a.lea(ecx, mem(r8d, { disp: 15 })).mov(word(rsp), cx);
  a.mov(rax, to)
    .mov(qword(rsp, { disp: 2 }), rax)
    .lgdt(mem(rsp))
    .add(rsp, 16);
}
