// The roottask's stubs: its start, and the entry of all its portals. The kernel starts it with the HIP's
// address in RSP and the CPU's number in RDI; a portal handler starts with the portal's id in RDI and RSP as
// it was at the last reply (kernel interface, "reply").

import { HC_REPLY } from "../../kernel/abi.ts";
import {
  Assembler,
  ebp,
  edi,
  mem,
  OUTERMOST,
  r12,
  rbx,
  rdi,
  rip,
  rsi,
  rsp,
} from "../../tools/asm/index.ts";
import type { ObjectFile } from "../../tools/elf/index.ts";
import { HANDLER_STACK, ROOTTASK_LAYOUT } from "./layout.ts";

/** `hasStart`: the module has a start function to be called first. */
export function roottaskStubs(hasStart: boolean): ObjectFile {
  const a = new Assembler({ bits: 64, name: "roottask stubs", lines: true });
  a.label("_start", { global: true });
  a.frame(OUTERMOST);
  a.mov(rbx, rsp).mov(r12, rdi);
  a.lea(rsp, rip("stack_top")).xor(ebp, ebp);
  if (hasStart) a.call("__wasm_start");
  a.mov(rdi, rbx).mov(rsi, r12).call("main").ud2();

  a.align(16);
  a.label("portal_entry", { global: true });
  a.frame(OUTERMOST);
  // The kernel enters with RSP as it was at the last reply, which may have been deep in the stack.
  a.dec(rsp)
    .or(rsp, HANDLER_STACK - 1)
    .inc(rsp);
  a.call("portal");
  a.mov(edi, HC_REPLY).syscall().ud2();

  a.section(".bss.stack", { align: 16 });
  a.space(ROOTTASK_LAYOUT.stack);
  a.label("stack_top");
  return a.object();
}

/** A native program starts with RSP at a zero word, argc and argv behind it, and gets that address. */
export function nativeStubs(hasStart: boolean): ObjectFile {
  const a = new Assembler({ bits: 64, name: "native stubs", lines: true });
  a.label("_start", { global: true });
  a.frame(OUTERMOST);
  a.lea(rbx, mem(rsp, { disp: 8 }));
  a.and(rsp, -16).xor(ebp, ebp);
  if (hasStart) a.call("__wasm_start");
  a.mov(rdi, rbx).call("main").ud2();
  return a.object();
}
