// The kernel around a benchmark: Multiboot 1, long mode with the first GiB and the local APIC mapped to
// themselves for every privilege level, SSE and SYSCALL switched on, an IDT with the workload's gates. Sources:
// Multiboot Specification 0.6.96; Intel SDM vol. 3A 9.8.5, 5.8.8, 6.14. Leaves out a TSS: nothing interrupts ring 3.

import {
  Assembler,
  al,
  ax,
  byte,
  cr0,
  cr3,
  cr4,
  diff,
  ds,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  es,
  esi,
  esp,
  far,
  mem,
  qword,
  r15,
  r15d,
  rax,
  rbx,
  ss,
  sym,
  word,
} from "../../asm/index.ts";
import { benchKernel32 } from "./frame32.ts";
import {
  APIC,
  DEBUG_CONSOLE,
  DEBUG_EXIT,
  linkKernel,
  MARK_END,
  MARK_START,
  MULTIBOOT_MAGIC,
  type Workload,
} from "./workload.ts";

/** Selectors: SYSRET wants user data right below user code. */
export const CODE64 = 0x08;
const DATA = 0x10;
const CODE32 = 0x18;
/** STAR: SYSCALL loads CS = 8, SS = 0x10; SYSRET CS = 0x28, SS = 0x20, both with RPL 3. */
const STAR_HIGH = (0x1b << 16) | CODE64;

/** The page tables map `FAULT_AREA` with the 512 entries of `fault_table`, none present at first. */
export const FAULT_AREA = 0x4000_0000;

/** A page below 1 MiB. */
const TRAMPOLINE = 0x8000;

const MSR_EFER = 0xc000_0080;
const MSR_STAR = 0xc000_0081;
/** Present, writable, user. */
const TABLE = 7;
const LARGE_PAGE = 0x87;

function enterLongMode(a: Assembler): void {
  a.mov(esp, "stack_end");
  a.mov(dword("pml4"), sym("pdpt", TABLE)).mov(dword("pdpt"), sym("low_gib", TABLE));
  a.mov(dword(sym("pdpt", 8)), sym("fault_directory", TABLE));
  a.mov(dword(sym("pdpt", 24)), sym("apic_directory", TABLE));
  a.mov(dword("fault_directory"), sym("fault_table", TABLE));
  const apicEntry = ((APIC >>> 21) & 511) * 8;
  a.mov(dword(sym("apic_directory", apicEntry)), APIC | LARGE_PAGE);
  a.mov(edi, "low_gib").mov(eax, LARGE_PAGE).mov(ecx, 512);
  const next = a.label();
  a.mov(dword(edi), eax)
    .add(eax, 2 << 20)
    .add(edi, 8)
    .dec(ecx)
    .jnz(next);
  switchOn(a);
  a.lgdt(mem("gdt_pointer")).jmp(far(CODE64, "long_mode"));
}

/** Paging and long mode, on any CPU, with the tables that the first one has made. */
function switchOn(a: Assembler): void {
  a.mov(eax, "pml4").mov(cr3, eax);
  // PAE, OSFXSR, OSXMMEXCPT.
  a.mov(eax, cr4).or(eax, 0x620).mov(cr4, eax);
  // SCE, LME.
  a.mov(ecx, MSR_EFER).rdmsr().or(eax, 0x101).wrmsr();
  // PG, NE, MP, PE; not EM, TS, CD, NW.
  a.mov(eax, 0x8000_0033).mov(cr0, eax);
}

/** Where the second CPU starts, in real mode: copied below 1 MiB. Ends in the workload, at the same time as the first. */
function secondCpu(a: Assembler): void {
  a.section(".text").bits(16);
  a.label("trampoline");
  a.cli().xor(ax, ax).mov(ds, ax);
  a.lgdt(mem(diff("trampoline_gdt", "trampoline", TRAMPOLINE)));
  a.mov(eax, cr0).or(eax, 1).mov(cr0, eax);
  // A far jump with an offset of 32 bits.
  a.db(0x66, 0xea).dd("second_32").dw(CODE32);
  a.label("trampoline_gdt");
  a.dw(diff("gdt_end", "gdt", -1)).dd("gdt");
  a.label("trampoline_end");
  a.bits(32);
  a.label("second_32");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(esp, "second_stack_end");
  switchOn(a);
  a.jmp(far(CODE64, "second_64"));
  a.bits(64);
  a.label("second_64");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax);
  a.mov(dword("second_ready"), 1);
  const wait = a.label();
  a.pause().cmp(dword("second_go"), 0).je(wait);
  a.mov(r15d, dword("second_go")).call("workload");
  a.mov(qword("second_result"), rax).mov(dword("second_done"), 1);
  const halt = a.label();
  a.cli().hlt().jmp(halt);
}

/** Wakes the second CPU and waits until it is there (Intel SDM vol. 3A, 8.4.4.1). */
function wakeSecondCpu(a: Assembler): void {
  a.mov(esi, "trampoline").mov(edi, TRAMPOLINE);
  a.mov(ecx, diff("trampoline_end", "trampoline")).rep.movsb();
  a.mov(ebx, APIC).mov(dword(rbx, { disp: 0x310 }), 1 << 24);
  a.mov(dword(rbx, { disp: 0x300 }), 0x4500);
  a.mov(dword(rbx, { disp: 0x310 }), 1 << 24);
  a.mov(dword(rbx, { disp: 0x300 }), 0x4600 | (TRAMPOLINE >>> 12));
  const wait = a.label();
  a.pause().cmp(dword("second_ready"), 0).je(wait);
}

function setGate(a: Assembler, vector: number, handler: string): void {
  const at = (offset: number) => sym("idt", vector * 16 + offset);
  a.mov(eax, handler)
    .mov(word(at(0)), ax)
    .mov(word(at(2)), CODE64)
    .mov(word(at(4)), 0x8e00);
  a.shr(eax, 16).mov(word(at(6)), ax);
}

/**
 * The workload as a Multiboot kernel. On port 0xE9 it writes `MARK_START`, runs, writes `MARK_END` and the
 * eight bytes of its result; then it ends through isa-debug-exit at 0xF4. With 0 rounds it only starts.
 */
export function benchKernel(workload: Workload, rounds = workload.rounds): Uint8Array {
  if (workload.bits === 32) return benchKernel32(workload, rounds, DEBUG_CONSOLE);
  const two = workload.cpus === 2;
  const a = new Assembler({ bits: 32, name: workload.name });
  a.section(".multiboot", { align: 4 });
  a.dd(MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC);

  a.section(".text", { writable: true });
  a.label("entry", { global: true });
  enterLongMode(a);
  a.bits(64);
  a.label("long_mode");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax);
  for (const [vector, handler] of Object.entries(workload.gates ?? {})) {
    setGate(a, Number(vector), handler);
  }
  a.lidt(mem("idt_pointer")).fninit();
  a.mov(ecx, MSR_STAR).mov(eax, 0).mov(edx, STAR_HIGH).wrmsr();
  a.mov(r15, rounds).xor(eax, eax);
  a.test(r15, r15).jz("end");
  if (two) wakeSecondCpu(a);
  a.mov(al, MARK_START).out(DEBUG_CONSOLE, al);
  if (two) a.mov(dword("second_go"), rounds);
  a.call("workload");
  if (two) {
    const wait = a.label();
    a.pause().cmp(dword("second_done"), 0).je(wait).add(rax, qword("second_result"));
  }
  a.label("end");
  a.mov(qword("result"), rax).mov(al, MARK_END).out(DEBUG_CONSOLE, al);
  a.mov(ebx, "result").mov(ecx, 8);
  const next = a.label();
  a.mov(al, byte(rbx)).out(DEBUG_CONSOLE, al);
  a.inc(ebx).dec(ecx).jnz(next);
  a.mov(dx, DEBUG_EXIT).xor(eax, eax).out(dx, eax);
  const halt = a.label();
  a.cli().hlt().jmp(halt);
  a.align(16).label("workload");
  workload.code(a);
  if (two) secondCpu(a);

  a.section(".data");
  a.align(8).label("gdt");
  a.dq(0, 0x0020_9a00_0000_0000n, 0x0000_9200_0000_0000n, 0x00cf_9a00_0000_ffffn);
  a.dq(0x0000_f200_0000_0000n, 0x0020_fa00_0000_0000n);
  a.label("gdt_end");
  a.label("gdt_pointer");
  a.dw(diff("gdt_end", "gdt", -1)).dd("gdt");
  a.label("idt_pointer");
  a.dw(0xfff).dq("idt");

  a.section(".bss", { align: 4096 });
  const tables = ["pml4", "pdpt", "low_gib", "apic_directory", "fault_directory", "fault_table"];
  for (const table of [...tables, "idt"]) {
    a.label(table);
    a.space(4096);
  }
  a.space(16384);
  a.label("stack_end");
  if (two) {
    a.space(16384);
    a.label("second_stack_end");
    for (const name of ["second_ready", "second_go", "second_done", "second_result"]) {
      a.label(name);
      a.space(8);
    }
  }
  a.label("result");
  a.space(8);
  return linkKernel(a, workload);
}
