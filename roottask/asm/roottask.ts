// The roottask's stubs: its start, and the entry of all its portals. The kernel starts it with the HIP's
// address in RSP and the CPU's number in RDI; a portal handler starts with the portal's id in RDI and RSP as
// it was at the last reply (kernel interface, "reply"). The raw echo service has an entry of its own, so that it costs
// what call and reply cost.

import { HC_REPLY, PAGE_BITS, UTCB_ITEMS } from "../../kernel/abi.ts";
import {
  Assembler,
  eax,
  ebp,
  edi,
  edx,
  mem,
  OUTERMOST,
  r12,
  rbx,
  rdi,
  rip,
  rsi,
  rsp,
  word,
} from "../../tools/asm/index.ts";
import type { ObjectFile } from "../../tools/elf/index.ts";
import { HANDLER_STACK, HANDLER_UTCBS, ROOTTASK_LAYOUT } from "./layout.ts";

/** Offset of the number of typed items in a UTCB's head, 16 bits. */
const TYPED_ITEMS = UTCB_ITEMS + 2;
/** Bits of a portal id below the slot (libroottask/thread.ts). */
const ID_SHIFT = 8;

/** x87, SSE, AVX and AVX-512, as in signal frames (linux/signal_frame.ts). */
const STATE_COMPONENTS = 0xe7;

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

  a.align(16);
  a.label("listen_entry", { global: true });
  a.frame(OUTERMOST);
  a.call("listen").ud2();

  a.align(16);
  a.label("raw_echo_entry", { global: true });
  a.frame(OUTERMOST);
  // The id's slot leads to the message: its words go back as they came, typed items do not.
  a.shr(edi, ID_SHIFT)
    .shl(edi, PAGE_BITS)
    .add(edi, HANDLER_UTCBS + TYPED_ITEMS);
  a.mov(word(rdi), 0);
  a.mov(edi, HC_REPLY).syscall().ud2();

  a.align(16);
  a.label("state_entry", { global: true });
  a.frame(OUTERMOST);
  // The id is where the extended state goes that the EC has been given: by XSAVE, or with its lowest bit by FXSAVE.
  // With the bit above that it is loaded from there.
  a.test(edi, 2).jnz("state_load");
  a.test(edi, 1).jnz("state_fxsave");
  a.mov(eax, STATE_COMPONENTS).xor(edx, edx).xsave64(mem(rdi)).jmp("state_saved");
  a.label("state_fxsave");
  a.and(edi, -64).fxsave64(mem(rdi)).jmp("state_saved");
  a.label("state_load");
  a.test(edi, 1).jnz("state_fxrstor");
  a.and(edi, -64).mov(eax, STATE_COMPONENTS).xor(edx, edx).xrstor64(mem(rdi)).jmp("state_saved");
  a.label("state_fxrstor");
  a.and(edi, -64).fxrstor64(mem(rdi));
  a.label("state_saved");
  a.mov(edi, HC_REPLY).syscall().ud2();

  a.section(".bss.stack", { align: 16 });
  a.label("stack_bottom", { global: true });
  a.space(ROOTTASK_LAYOUT.stack);
  a.label("stack_top", { global: true });
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
