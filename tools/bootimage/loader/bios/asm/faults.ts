// Exceptions in long mode: Intel SDM vol. 3A, 6.14. Each leads to the compiled part, which prints one line.

import { type Assembler, cr2, qword, rax, rcx, rdi, rdx, rsi, rsp } from "../../../../asm/index.ts";
import { EXCEPTIONS, FAULT_ENTRY_BYTES } from "../layout.ts";

/** Exceptions with an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX. */
const WITH_ERROR_CODE = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];

export function emitFaults(a: Assembler): void {
  a.bits(64);
  a.align(FAULT_ENTRY_BYTES);
  a.label("fault_entries", { global: true });
  for (let vector = 0; vector < EXCEPTIONS; vector++) {
    a.align(FAULT_ENTRY_BYTES);
    if (!WITH_ERROR_CODE.includes(vector)) a.push(0);
    a.push(vector);
    a.jmp("fault_common");
  }
  // Above RSP: vector, error code, RIP. There is no way back.
  a.label("fault_common");
  a.cld();
  a.mov(rdi, qword(rsp));
  a.mov(rsi, qword(rsp, { disp: 8 }));
  a.mov(rdx, qword(rsp, { disp: 16 }));
  a.mov(rax, cr2);
  a.mov(rcx, rax);
  a.and(rsp, -16);
  a.call("fault");
  a.ud2();
}
