// Between real mode, in which the BIOS runs, and long mode, in which the loader does: Intel SDM vol. 3A, 9.8.5 and
// 9.9. Whatever the BIOS has in its control and descriptor-table registers is kept over the loader's time, and
// taken as it left them at every return: it may work with tables of its own and in protected mode itself.

import {
  type Assembler,
  ax,
  cr0,
  cr3,
  cr4,
  cs,
  diff,
  ds,
  dword,
  eax,
  ecx,
  es,
  far,
  fs,
  gs,
  type Memory,
  mem,
  qword,
  rip,
  rsp,
  sp,
  ss,
  word,
} from "../../../../asm/index.ts";
import { CODE64, EXCEPTIONS, PAGE_TABLES, REAL_STACK, START } from "../layout.ts";

/** Selectors of the loader's descriptor table. */
const DATA = 0x10;
const CODE16 = 0x18;
const DATA16 = 0x20;

const PE = 1;
const PG = 0x8000_0000;
/** PG, NE, ET, MP, PE; caches on. */
const LONG_CR0 = 0x8000_0033;
/** OSXMMEXCPT, OSFXSR, PAE. */
const LONG_CR4 = 0x620;
const IA32_EFER = 0xc000_0080;
const EFER_LME = 0x100;
/** Interrupt vectors at 0, as after reset. */
const IVT_LIMIT = 0x3ff;

/** Something of the section ".low" by its distance from START, for real mode: CS is START / 16. */
export const low = (name: string): Memory => mem(diff(name, "start"), { segment: cs });

/** The routines and their data; the section is ".low". */
export function emitModes(a: Assembler): void {
  emitToLong(a);
  emitToReal(a);
  emitTables(a);
}

/**
 * "to_long": from real mode, jumped to with CS = START / 16, interrupts off. Goes on at the 64-bit address in
 * "long_resume" with RSP from "long_stack" and keeps no registers. A20 need not be on.
 */
function emitToLong(a: Assembler): void {
  a.bits(16);
  a.label("to_long");
  a.cld();
  a.form("Sgdt_m1632", low("bios_gdtr"));
  a.form("Sidt_m1632", low("bios_idtr"));
  a.mov(eax, cr4).mov(dword(low("bios_cr4")), eax);
  a.mov(eax, cr0).mov(dword(low("bios_cr0")), eax);

  a.form("Lgdt_m1632", low("gdtr"));
  a.mov(eax, LONG_CR4).mov(cr4, eax);
  a.mov(eax, PAGE_TABLES).mov(cr3, eax);
  a.mov(ecx, IA32_EFER);
  a.rdmsr();
  a.or(eax, EFER_LME);
  a.wrmsr();
  // Paging and protection at once: straight from real mode to long mode.
  a.mov(eax, LONG_CR0).mov(cr0, eax);
  a.form("Jmp_ptr1632", far(CODE64, "in_long"));

  a.bits(64);
  a.label("in_long");
  a.mov(eax, DATA);
  a.mov(ds, eax).mov(es, eax).mov(ss, eax).mov(fs, eax).mov(gs, eax);
  a.mov(rsp, qword(rip("long_stack")));
  a.form("Lidt_m1664", rip("idtr"));
  a.jmp(qword(rip("long_resume")));
}

/**
 * "to_real": from long mode, jumped to with interrupts off. Goes on in real mode at the offset from START in
 * "real_resume", with the BIOS's control and table registers, CS = START / 16, SS:SP for the BIOS and the other
 * segment registers 0; keeps no other registers.
 */
function emitToReal(a: Assembler): void {
  a.bits(64);
  a.label("to_real");
  a.push(CODE16);
  a.push(diff("in_16", "start"));
  a.form("Retfq");

  a.bits(16);
  a.label("in_16");
  // The limits of real mode stay in the segment registers when protection ends.
  a.mov(ax, DATA16);
  a.mov(ds, ax).mov(es, ax).mov(ss, ax).mov(fs, ax).mov(gs, ax);
  a.mov(eax, cr0);
  a.and(eax, 0xffff_ffff - PG);
  a.mov(cr0, eax);
  a.mov(ecx, IA32_EFER);
  a.rdmsr();
  a.and(eax, 0xffff_ffff - EFER_LME);
  a.wrmsr();
  a.mov(eax, dword(low("bios_cr4"))).mov(cr4, eax);
  a.mov(eax, dword(low("bios_cr0")));
  a.and(eax, 0xffff_ffff - PG - PE);
  a.mov(cr0, eax);
  a.form("Jmp_ptr1616", far(START >> 4, diff("in_real", "start")));
  a.label("in_real");
  a.xor(ax, ax);
  a.mov(ds, ax).mov(es, ax).mov(fs, ax).mov(gs, ax);
  a.mov(ss, ax).mov(sp, REAL_STACK);
  a.form("Lgdt_m1632", low("bios_gdtr"));
  a.form("Lidt_m1632", low("bios_idtr"));
  a.jmp(word(low("real_resume")));
}

function emitTables(a: Assembler): void {
  a.align(8);
  a.label("gdt");
  a.dq(0);
  a.dq(0x00af_9b00_0000_ffffn);
  a.dq(0x00cf_9300_0000_ffffn);
  // Base START.
  a.dq(0x0000_9b00_0000_ffffn | (BigInt(START) << 16n));
  a.dq(0x0000_9300_0000_ffffn);
  a.label("gdtr");
  a.dw(diff("gdtr", "gdt", -1));
  a.dd("gdt");
  a.align(8);
  a.label("bios_gdtr");
  a.space(6);
  a.label("bios_idtr");
  a.dw(IVT_LIMIT);
  a.dd(0);
  a.align(4);
  a.label("bios_cr0");
  a.dd(0);
  a.label("bios_cr4");
  a.dd(0);
  a.label("real_resume");
  a.dw(0);
  a.align(8);
  a.label("long_resume");
  a.dq(0);
  a.label("long_stack");
  a.dq(0);
  a.align(16);
  // Filled in by the compiled part (fault.ts).
  a.label("idt", { global: true, kind: "object" });
  a.space(EXCEPTIONS * 16);
  a.label("idtr");
  a.dw(diff("idtr", "idt", -1));
  a.dq("idt");
}
