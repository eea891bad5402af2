// `bios_call(vector, registers)`: one software interrupt of the BIOS from long mode, and `bios_wait(registers)`, which
// waits for a hardware interrupt, by the System V convention. The BIOS runs in real mode with interrupts on; what it
// changes of the CPU's state stays its own (modes.ts).

import {
  type Assembler,
  ax,
  cs,
  diff,
  ds,
  dword,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  es,
  esi,
  farptr16,
  qword,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rdi,
  rip,
  rsi,
  rsp,
  word,
} from "../../../../asm/index.ts";
import { START } from "../layout.ts";
import { low } from "./modes.ts";

/**
 * Offsets in the register block (`Registers` of guest/registers.ts): EAX, EBX, ECX, EDX, ESI, EDI, EBP, then u16
 * DS, ES and FLAGS.
 */
const GENERAL = [eax, ebx, ecx, edx, esi, edi, ebp];
const DS = 28;
const ES = 30;
const FLAGS = 32;
const BLOCK_DWORDS = 9;
/** Bit 9 of FLAGS, IF. */
const INTERRUPTS_ON = 0x200;
const CALLEE_SAVED = [rbx, rbp, r12, r13, r14, r15];

/** A field of the block in real mode. */
const field = (size: typeof dword, offset: number) =>
  size(diff("call_registers", "start", offset), { segment: cs });

/** In the section ".low", behind the routines of modes.ts. */
export function emitBiosCall(a: Assembler): void {
  a.bits(64);
  a.align(16);
  a.label("bios_call", { global: true });
  // A vector of real mode is the handler's offset and segment.
  a.mov(edi, edi);
  a.mov(eax, dword({ index: rdi, scale: 4 }));
  a.label("call_real");
  a.frame();
  for (const register of CALLEE_SAVED) a.push(register);
  a.mov(dword(rip("call_handler")), eax);
  a.mov(qword(rip("call_block")), rsi);
  a.lea(rdi, rip("call_registers"));
  a.mov(ecx, BLOCK_DWORDS);
  a.rep.movsd();
  a.mov(qword(rip("long_stack")), rsp);
  a.lea(rax, rip("bios_call_returned"));
  a.mov(qword(rip("long_resume")), rax);
  a.mov(word(rip("real_resume")), diff("bios_call_real", "start"));
  a.jmp("to_real");

  a.align(16);
  a.label("bios_wait", { global: true });
  a.mov(rsi, rdi);
  a.mov(eax, (START >> 4) << 16);
  a.mov(ax, diff("wait_handler", "start"));
  a.jmp("call_real");

  a.bits(16);
  a.label("wait_handler");
  a.sti();
  a.hlt();
  a.iret();

  a.label("bios_call_real");
  a.or(field(word, FLAGS), INTERRUPTS_ON);
  for (const [index, register] of GENERAL.entries()) a.mov(register, field(dword, 4 * index));
  a.mov(ds, field(word, DS)).mov(es, field(word, ES));
  // What INT does, with flags of the caller's: they, and where to return to, are on the stack for IRET. Interrupts
  // that have come up while the loader ran are taken behind POPF.
  a.push(field(word, FLAGS));
  a.popf();
  a.pushf();
  a.cli();
  a.call(farptr16(low("call_handler")));
  a.pushf();
  a.cli();
  a.pop(field(word, FLAGS));
  for (const [index, register] of GENERAL.entries()) a.mov(field(dword, 4 * index), register);
  a.mov(field(word, DS), ds).mov(field(word, ES), es);
  a.jmp("to_long");

  a.bits(64);
  a.label("bios_call_returned");
  a.mov(rdi, qword(rip("call_block")));
  a.lea(rsi, rip("call_registers"));
  a.mov(ecx, BLOCK_DWORDS);
  a.rep.movsd();
  for (const register of [...CALLEE_SAVED].reverse()) a.pop(register);
  a.ret();
  a.frame(undefined);

  a.align(8);
  a.label("call_block");
  a.dq(0);
  a.label("call_handler");
  a.dd(0);
  a.label("call_registers");
  a.space(4 * BLOCK_DWORDS);
}
