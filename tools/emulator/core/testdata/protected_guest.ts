// A Multiboot guest in 32-bit protected mode without paging. It executes a list of snippets at CPL 0 or 3 or as
// virtual-8086 programs and prints for each exception on port 0xE9: vector, error code, offset of EIP in the snippet,
// CS, flags, DR6 for a debug exception, and for a virtual-8086 program SP and the three words it points at. After a
// debug exception the snippet goes on; anything else ends it. Follows Intel SDM vol. 3A, chapters 5 to 7, and vol. 3B,
// chapter 20.

import {
  Assembler,
  al,
  ax,
  byte,
  cr4,
  diff,
  dr6,
  dr7,
  ds,
  dword,
  dx,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  es,
  esp,
  far,
  mem,
  ss,
  sym,
  word,
} from "../../../asm/index.ts";
import { linkElf } from "../../../elf/index.ts";

export interface ProtectedSnippet {
  name: string;
  /** Where it runs. A virtual-8086 program has IOPL 0 unless its flags say otherwise. */
  mode: "ring0" | "ring3" | "vm86";
  /** EFLAGS at its start, besides bit 1 and VM. */
  flags?: number;
  /** CR4. */
  cr4?: number;
  /** Bit n: INT n goes to the program (the redirection bitmap's bit is clear), n below 32. */
  redirected?: number;
  write(a: Assembler): void;
}

export const CODE = 0x08;
export const DATA = 0x10;
export const USER_CODE = 0x1b;
export const USER_DATA = 0x23;
/** A task of this guest's own; the one of `task`, with or without its T bit, CPL 0 and a virtual-8086 program. */
const TSS = 0x28;
export const TASK = 0x30;
export const TASK_TRAPS = 0x38;
export const TASK_VM86 = 0x40;
/** A task gate to TASK_TRAPS, and the vector that has it, too. */
export const TASK_GATE = 0x48;
export const TASK_VECTOR = 0x30;

/** The image is in the segment that virtual-8086 programs have as CS, at its start, and so are their handlers. */
const BASE = 0x1_0000;
export const VM86_CS = BASE >> 4;
const VM86_SS = 0x2000;
const VM86_SP = 0x1000;
/** Ends a snippet at CPL 0 and 3; a virtual-8086 program has UD2. */
const DONE = 0x40;
/** Vectors whose handlers in a virtual-8086 program are UD2, NOP and IRET, IRETD. */
export const VM86_UD2 = 0x10;
export const VM86_IRET = 0x11;
export const VM86_IRETD = 0x12;

const MAGIC = 0x1bad_b002;
const VECTORS_WITH_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);
const VM = 0x2_0000;
/** Reports of debug exceptions in one snippet, after which it is ended. */
const MOST_REPORTS = 40;
const BITMAP = 0x68;
const IO_BITMAP = 0x88;
const TSS_LIMIT = 0x8f;

export function protectedGuest(snippets: readonly ProtectedSnippet[]): Uint8Array {
  const a = new Assembler({ bits: 32, name: "protected" });
  a.section(".multiboot", { align: 4 });
  a.dd(MAGIC, 3, -(MAGIC + 3));
  a.section(".text");
  a.label("entry", { global: true });
  a.mov(esp, "stack_end").lgdt(mem("gdt_pointer")).jmp(far(CODE, "flat"));
  a.label("flat");
  // No interrupts, though some snippets set IF.
  a.mov(al, 0xff).out(0x21, al).out(0xa1, al);
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax);
  // Descriptors' bases and gates' targets are split over bytes.
  for (const [selector, tss] of [
    [TSS, "tss"],
    [TASK, "tss_task"],
    [TASK_TRAPS, "tss_traps"],
    [TASK_VM86, "tss_vm86"],
  ] as const) {
    a.mov(eax, tss).mov(word(sym("gdt", selector + 2)), ax);
    a.shr(eax, 16).mov(byte(sym("gdt", selector + 4)), al);
  }
  a.mov(edi, "idt").mov(ebx, "stubs").xor(ecx, ecx);
  const gate = a.label();
  a.mov(eax, ebx).mov(mem(edi), ax).shr(eax, 16);
  a.mov(dword(edi, { disp: 2 }), 0xee00_0008 | 0).mov(mem(edi, { disp: 6 }), ax);
  a.add(edi, 8)
    .add(ebx, 16)
    .inc(ecx)
    .cmp(ecx, DONE + 1)
    .jne(gate);
  a.mov(dword(sym("idt", TASK_VECTOR * 8)), TASK_TRAPS << 16);
  a.mov(dword(sym("idt", TASK_VECTOR * 8 + 4)), 0xe500);
  a.lidt(mem("idt_pointer"));
  a.mov(dword(sym("tss", 4)), "stack_end").mov(dword(sym("tss", 8)), DATA);
  a.mov(dword(sym("tss", 0x64)), IO_BITMAP << 16);
  for (const tss of ["tss_task", "tss_traps", "tss_vm86"]) {
    const field = (offset: number, value: number | string): void => {
      a.mov(dword(sym(tss, offset)), value as number);
    };
    field(4, "stack_end");
    field(8, DATA);
    field(0x20, tss === "tss_vm86" ? "vm86_ud2" : "task");
    field(0x24, tss === "tss_vm86" ? VM | 0x18_0002 : 2);
    field(0x38, tss === "tss_vm86" ? VM86_SP : "task_stack_end");
    for (const n of [0, 2, 3, 4, 5]) field(0x48 + 4 * n, tss === "tss_vm86" ? VM86_SS : DATA);
    field(0x4c, tss === "tss_vm86" ? VM86_CS : CODE);
    field(0x64, (IO_BITMAP << 16) | (tss === "tss_traps" ? 1 : 0));
  }
  a.sub(dword(sym("tss_vm86", 0x20)), BASE);
  // The virtual-8086 program's vectors.
  for (const [vector, handler] of [
    [VM86_UD2, "vm86_ud2"],
    [VM86_IRET, "vm86_iret"],
    [VM86_IRETD, "vm86_iretd"],
  ] as const) {
    a.mov(eax, handler).sub(eax, BASE);
    a.or(eax, VM86_CS << 16).mov(dword(vector * 4), eax);
  }
  for (const [msr, value] of [
    [0x174, CODE],
    [0x175, "sysenter_stack_end"],
    [0x176, "sysenter_entry"],
  ] as const) {
    a.mov(ecx, msr)
      .xor(edx, edx)
      .mov(eax, value as number)
      .wrmsr();
  }
  a.jmp("next");

  a.align(16);
  a.label("stubs");
  for (let vector = 0; vector <= DONE; vector++) {
    a.align(16);
    if (!VECTORS_WITH_CODE.has(vector)) a.push(0);
    a.push(vector).jmp("report");
  }

  // Frame: registers (32 bytes), vector, error code, EIP, CS, EFLAGS, ESP, SS.
  a.label("report");
  a.pushad().cld().mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ebp, esp);
  const field = (offset: number): void => {
    a.mov(ebx, dword(ebp, { disp: offset })).call("print");
  };
  field(32);
  field(36);
  a.mov(ebx, dword(ebp, { disp: 40 })).sub(ebx, dword("snippet_start"));
  a.test(dword(ebp, { disp: 48 }), VM)
    .jz("flat_eip")
    .add(ebx, BASE);
  a.label("flat_eip");
  a.call("print");
  field(44);
  // RF is left out: TCG does not push it as the manual says.
  a.mov(ebx, dword(ebp, { disp: 48 }))
    .and(ebx, 0x3e_7fd5)
    .call("print");
  a.cmp(dword(ebp, { disp: 32 }), 1).jne("no_dr6");
  a.mov(ebx, dr6).and(ebx, 0xe00f).call("print");
  a.label("no_dr6");
  a.test(dword(ebp, { disp: 48 }), VM).jz("no_stack");
  a.mov(ecx, dword(ebp, { disp: 52 }))
    .mov(ebx, ecx)
    .call("print");
  a.mov(edi, dword(ebp, { disp: 56 }))
    .shl(edi, 4)
    .add(edi, ecx);
  for (const n of [0, 2, 4]) a.movzx(ebx, word(edi, { disp: n })).call("print");
  a.label("no_stack");
  a.mov(al, 10).out(0xe9, al);
  a.cmp(dword(ebp, { disp: 32 }), 1).jne("next");
  a.mov(ebx, 0xffff_0ff0 | 0).mov(dr6, ebx);
  a.inc(dword("reports")).cmp(dword("reports"), MOST_REPORTS).ja("next");
  // A null DS is all that IRETD would leave at CPL 3.
  a.mov(ax, USER_DATA).mov(ds, ax).mov(es, ax).popad().add(esp, 8).iretd();

  a.label("next");
  a.mov(esp, "stack_end").xor(eax, eax).mov(dr7, eax).mov(dword("reports"), eax);
  // What a task switch has changed: TS, busy bits, the current task.
  a.clts();
  for (const selector of [TSS, TASK, TASK_TRAPS, TASK_VM86]) {
    a.mov(byte(sym("gdt", selector + 5)), 0x89);
  }
  a.mov(eax, TSS).ltr(ax);
  for (const tss of ["tss_task", "tss_traps"]) {
    a.mov(dword(sym(tss, 0x20)), "task").mov(dword(sym(tss, 0x24)), 2);
    a.mov(dword(sym(tss, 0x38)), "task_stack_end");
  }
  a.mov(ecx, dword("number")).inc(dword("number"));
  a.cmp(ecx, snippets.length).je("end");
  const of = (table: string) => dword({ index: ecx, scale: 4, disp: table });
  a.mov(eax, of("starts")).mov(dword("snippet_start"), eax);
  a.mov(eax, of("cr4s")).mov(cr4, eax);
  a.mov(eax, of("redirected"))
    .not(eax)
    .mov(dword(sym("tss", BITMAP)), eax);
  for (let n = 4; n < 32; n += 4) a.mov(dword(sym("tss", BITMAP + n)), -1);
  a.mov(ebx, of("flags")).mov(edx, of("modes"));
  a.cmp(edx, 0).je("ring0").cmp(edx, 3).je("ring3");
  for (let n = 0; n < 4; n++) a.push(VM86_SS);
  a.push(VM86_SS).push(VM86_SP).or(ebx, VM).push(ebx).push(VM86_CS);
  a.mov(eax, dword("snippet_start")).sub(eax, BASE).push(eax).iretd();
  a.label("ring3");
  a.mov(ax, USER_DATA).mov(ds, ax).mov(es, ax);
  a.push(USER_DATA).push("user_stack_end").push(ebx).push(USER_CODE);
  a.push(dword("snippet_start")).iretd();
  a.label("ring0");
  a.push(ebx).push(CODE).push(dword("snippet_start")).iretd();
  a.label("end");
  a.mov(dx, 0xf4).xor(eax, eax).out(dx, eax);
  const halt = a.label();
  a.hlt().jmp(halt);

  a.label("print");
  a.push(ecx).push(edx).mov(ecx, 8);
  const digit = a.label();
  a.rol(ebx, 4).mov(edx, 15).and(edx, ebx);
  a.mov(al, byte(edx, { disp: "digits" })).out(0xe9, al);
  a.dec(ecx).jnz(digit);
  a.mov(al, 32).out(0xe9, al).pop(edx).pop(ecx).ret();

  a.label("task");
  a.nop().nop().int(DONE);
  a.label("sysenter_entry");
  a.nop().sysexit();
  a.bits(16);
  a.label("vm86_ud2");
  a.ud2();
  a.label("vm86_iret");
  a.nop().iret();
  a.label("vm86_iretd");
  a.db(0x66).iret();
  snippets.forEach((s, i) => {
    a.bits(s.mode === "vm86" ? 16 : 32);
    a.align(16);
    a.label(`snippet_${i}`);
    s.write(a);
    if (s.mode === "vm86") a.ud2();
    else a.int(DONE);
  });
  a.bits(32);

  a.section(".data");
  a.label("digits");
  a.db("0123456789abcdef").align(4);
  for (const variable of ["reports", "number", "snippet_start"]) {
    a.label(variable);
    a.dd(0);
  }
  a.label("starts");
  snippets.forEach((_, i) => {
    a.dd(sym(`snippet_${i}`));
  });
  const table = (name: string, value: (s: ProtectedSnippet) => number): void => {
    a.label(name);
    a.dd(...snippets.map(value));
  };
  table("modes", (s) => ({ ring0: 0, ring3: 3, vm86: 86 })[s.mode]);
  table("flags", (s) => 2 | (s.flags ?? 0));
  table("cr4s", (s) => s.cr4 ?? 0);
  table("redirected", (s) => s.redirected ?? 0);
  a.align(8);
  a.label("gdt");
  a.dq(0, 0x00cf_9a00_0000_ffffn, 0x00cf_9200_0000_ffffn);
  a.dq(0x00cf_fa00_0000_ffffn, 0x00cf_f200_0000_ffffn);
  for (let n = 0; n < 4; n++) a.dd(TSS_LIMIT, 0x8900);
  a.dd(TASK_TRAPS << 16, 0xe500);
  a.label("gdt_end");
  a.label("gdt_pointer");
  a.dw(diff("gdt_end", "gdt", -1)).dd(sym("gdt"));
  a.label("idt_pointer");
  a.dw((DONE + 1) * 8 - 1).dd(sym("idt"));
  a.section(".bss", { align: 16 });
  a.label("idt");
  a.space((DONE + 1) * 8);
  for (const tss of ["tss", "tss_task", "tss_traps", "tss_vm86"]) {
    a.label(tss);
    a.space(TSS_LIMIT + 1);
  }
  for (const stack of ["stack", "user_stack", "task_stack", "sysenter_stack"]) {
    a.space(1024);
    a.label(`${stack}_end`);
  }
  a.space(16);
  return linkElf({
    objects: [a.object()],
    class: 32,
    entry: "entry",
    segments: [
      {
        name: "image",
        flags: "rwx",
        vaddr: BigInt(BASE),
        sections: [".multiboot", ".text", ".data", ".bss"],
      },
    ],
  });
}
