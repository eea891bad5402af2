// Stubs of programs that measure: reading the time-stamp counter in order, and handlers of portals that do next to
// nothing. A portal handler starts with the portal's id in RDI (kernel interface, "reply"); here the id is an address.

import { HC_REPLY, MTD_RIP_LEN, MTD_RSP, UTCB_MTD, UTCB_RIP, UTCB_RSP } from "../../kernel/abi.ts";
import { Assembler, edi, qword, rax, rdi, rdx } from "../../tools/asm/index.ts";
import type { ObjectFile } from "../../tools/elf/index.ts";

/** Length of UD2. */
const UD2_BYTES = 2;

/**
 * RDTSC after all that comes before and ahead of all that follows: LFENCE on both sides (Intel SDM vol. 2B, RDTSC).
 * Two stubs that differ only in their names, because debuggers tell the start of a repetition from its end by them.
 */
function readCounter(a: Assembler, name: string): void {
  a.align(16).label(name, { global: true });
  a.lfence().rdtsc().lfence();
  a.shl(rdx, 32).or(rax, rdx).ret();
}

function reply(a: Assembler): void {
  a.mov(edi, HC_REPLY).syscall().ud2();
}

export function measuringStubs(): ObjectFile {
  const a = new Assembler({ bits: 64, name: "measuring stubs", lines: true });
  readCounter(a, "measure_begin");
  readCounter(a, "measure_end");

  a.align(16).label("reply_at_once", { global: true });
  reply(a);

  // RDI: the handler's UTCB, with RIP of the EC that met an invalid instruction.
  a.align(16).label("skip_ud2", { global: true });
  a.add(qword(rdi, { disp: UTCB_RIP }), UD2_BYTES);
  reply(a);

  // RDI: three words, the handler's UTCB and the new EC's RIP and RSP.
  a.align(16).label("start_thread", { global: true });
  a.mov(rax, qword(rdi));
  a.mov(rdx, qword(rdi, { disp: 8 })).mov(qword(rax, { disp: UTCB_RIP }), rdx);
  a.mov(rdx, qword(rdi, { disp: 16 })).mov(qword(rax, { disp: UTCB_RSP }), rdx);
  a.mov(qword(rax, { disp: UTCB_MTD }), MTD_RIP_LEN | MTD_RSP);
  reply(a);
  return a.object();
}
