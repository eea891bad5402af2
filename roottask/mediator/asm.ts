// The mediator's stub: where system calls of a Linux program enter user mode (docs/kernel-interface.md, "Entry of
// foreign system calls"), and the two ways on. RCX is the address behind the SYSCALL, R11 the program's RSP, RSP the
// end of the thread's page; all else is the program's. Offsets of the labels are in the image's header: whoever finds
// RIP between them knows which registers are where (libroottask/mediator.ts).

import {
  Assembler,
  eax,
  ecx,
  type Operand,
  qword,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
} from "../../tools/asm/index.ts";
import type { ObjectFile } from "../../tools/elf/index.ts";
import {
  ANSWERED,
  FRAME_BYTES,
  FRAME_NUMBER,
  FRAME_R8,
  FRAME_R9,
  FRAME_R10,
  FRAME_RDI,
  FRAME_RDX,
  FRAME_RESULT,
  FRAME_RFLAGS,
  FRAME_RIP,
  FRAME_RSI,
  FRAME_RSP,
  PAGE_COMMIT,
} from "../libhrstd/mediator_layout.ts";

const PAGE_BYTES = 4096;

/** Labels whose places the roottask has to know. */
export const LABELS = {
  saved: "mediator_saved",
  committed: "mediator_committed",
  exit: "mediator_exit",
  forward: "mediator_forward",
  forwarded: "mediator_forwarded",
} as const;

/** The frame's registers, from its end down to RAX; R11, which is nobody's, has the program's RSP as RSP has. */
const PUSHED = [r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, r11, rbx, rdx, rcx, rax];

export function mediatorStub(): ObjectFile {
  const a = new Assembler({ bits: 64, name: "mediator stub" });
  const frame = (offset: number): Operand => qword(rsp, { disp: offset });
  const page = (offset: number): Operand => qword(rsp, { disp: FRAME_BYTES - PAGE_BYTES + offset });
  /** What a call has to leave alone and compiled code does not; then flags and stack. */
  const restore = (): void => {
    a.mov(rdx, frame(FRAME_RDX)).mov(rsi, frame(FRAME_RSI)).mov(rdi, frame(FRAME_RDI));
    a.mov(r8, frame(FRAME_R8)).mov(r9, frame(FRAME_R9)).mov(r10, frame(FRAME_R10));
    a.mov(r11, frame(FRAME_RSP));
    a.add(rsp, FRAME_RFLAGS);
    a.popfq();
    a.mov(rsp, r11);
  };

  a.section(".text.entry", { executable: true });
  a.label("mediator_entry", { global: true });
  a.pushfq();
  a.push(0);
  for (const register of PUSHED) a.push(register);
  a.label(LABELS.saved, { global: true });
  a.cld();
  a.mov(rdi, rsp);
  a.call("mediate");
  a.cmp(eax, ANSWERED);
  a.je(LABELS.exit);
  a.jb(LABELS.forward);
  a.mov(rcx, page(PAGE_COMMIT))
    .mov(rax, page(PAGE_COMMIT + 8))
    .mov(rdx, page(PAGE_COMMIT + 16));
  a.lock.cmpxchg(qword(rcx), rdx);
  // From here on the flag alone says whether the call has had its effect.
  a.label(LABELS.committed, { global: true });
  a.jne(LABELS.forward);
  a.label(LABELS.exit, { global: true });
  a.mov(rax, frame(FRAME_RESULT));
  a.mov(rcx, frame(FRAME_RIP));
  restore();
  a.jmp(rcx);
  a.label(LABELS.forward, { global: true });
  a.mov(rax, frame(FRAME_NUMBER));
  restore();
  a.syscall();
  // The roottask goes on behind the program's SYSCALL.
  a.label(LABELS.forwarded, { global: true });
  a.ud2();
  return a.object();
}

/** The function `copy` of guest/stub.ts. */
export function copyStub(): ObjectFile {
  const a = new Assembler({ bits: 64, name: "copy stub" });
  a.label("copy", { global: true });
  a.mov(rcx, rdx).shr(rcx, 3);
  a.rep.movsq();
  a.mov(rcx, rdx).and(ecx, 7);
  a.rep.movsb();
  a.ret();
  return a.object();
}

/** The functions `wipe` and `wipe_stack` of guest/stub.ts. */
export function wipeStub(): ObjectFile {
  const a = new Assembler({ bits: 64, name: "wipe stub" });
  a.label("wipe", { global: true });
  a.xor(eax, eax).mov(rcx, rsi).shr(rcx, 3);
  a.rep.stosq();
  a.mov(rcx, rsi).and(ecx, 7);
  a.rep.stosb();
  a.ret();
  a.label("wipe_stack", { global: true });
  a.xor(eax, eax).mov(rcx, rsp).sub(rcx, rdi).shr(rcx, 3);
  a.rep.stosq();
  a.ret();
  return a.object();
}

/** The function `system_call` of guest/stub.ts. */
export function systemCallStub(): ObjectFile {
  const a = new Assembler({ bits: 64, name: "system call stub" });
  a.label("system_call", { global: true });
  a.mov(rax, rdi).mov(rdi, rsi).mov(rsi, rdx);
  a.syscall();
  a.ret();
  return a.object();
}
