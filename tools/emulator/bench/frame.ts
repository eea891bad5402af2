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
  esp,
  far,
  mem,
  qword,
  r15,
  rax,
  rbx,
  ss,
  sym,
  word,
} from "../../asm/index.ts";
import { linkElf } from "../../elf/index.ts";

export interface Workload {
  name: string;
  /** What its loop does, in a few words. */
  what: string;
  /** Rounds of the loop in a full measurement: about a second here, or where QEMU is slower, there. */
  rounds: number;
  /** Interrupt vector → label of its handler. */
  gates?: Record<number, string>;
  /**
   * Code of the workload in 64-bit mode, ring 0, interrupts off: R15 holds the number of rounds, at least 1;
   * it returns with RAX as its result. Every register is free.
   */
  code(a: Assembler): void;
}

/** Selectors: SYSRET wants user data right below user code. */
export const CODE64 = 0x08;
const DATA = 0x10;
/** STAR: SYSCALL loads CS = 8, SS = 0x10; SYSRET CS = 0x28, SS = 0x20, both with RPL 3. */
const STAR_HIGH = (0x1b << 16) | CODE64;

/** Free RAM from here on; 128 MiB in all. */
export const DATA_AREA = 16 << 20;
/** The page tables map `FAULT_AREA` with the 512 entries of `fault_table`, none present at first. */
export const FAULT_AREA = 0x4000_0000;
export const APIC = 0xfee0_0000;

export const MARK_START = 0x53;
export const MARK_END = 0x45;
const DEBUG_CONSOLE = 0xe9;
const DEBUG_EXIT = 0xf4;

const MULTIBOOT_MAGIC = 0x1bad_b002;
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
  a.mov(eax, "pml4").mov(cr3, eax);
  // PAE, OSFXSR, OSXMMEXCPT.
  a.mov(eax, cr4).or(eax, 0x620).mov(cr4, eax);
  // SCE, LME.
  a.mov(ecx, MSR_EFER).rdmsr().or(eax, 0x101).wrmsr();
  // PG, NE, MP, PE; not EM, TS, CD, NW.
  a.mov(eax, 0x8000_0033).mov(cr0, eax);
  a.lgdt(mem("gdt_pointer")).jmp(far(CODE64, "long_mode"));
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
  a.lidt(mem("idt_pointer"));
  a.mov(ecx, MSR_STAR).mov(eax, 0).mov(edx, STAR_HIGH).wrmsr();
  a.mov(r15, rounds).xor(eax, eax);
  a.test(r15, r15).jz("end");
  a.mov(al, MARK_START).out(DEBUG_CONSOLE, al);
  a.call("workload");
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

  a.section(".data");
  a.align(8).label("gdt");
  a.dq(0, 0x0020_9a00_0000_0000n, 0x0000_9200_0000_0000n, 0);
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
  a.label("result");
  a.space(8);
  return linkElf({
    objects: [a.object()],
    segments: [
      {
        name: "image",
        flags: "rwx",
        vaddr: 0x10_0000n,
        sections: [".multiboot", ".text", ".data", ".bss"],
      },
    ],
    entry: "entry",
    class: 32,
  });
}
