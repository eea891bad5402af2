// A Multiboot guest that goes to long mode, executes a list of snippets at CPL 0 or 3 and prints for each
// what happened on port 0xE9: vector, error code, offset of RIP in the snippet, CS, flags, CR2 for page
// faults. A snippet that runs to its end reports vector 0x40. With `steps`, debug exceptions are reported in lines of
// their own (offset of RIP, CS, DR6, flags) and the snippet goes on. Follows Intel SDM vol. 3A, chapters 4 to 6.

import {
  Assembler,
  al,
  ax,
  bl,
  byte,
  cr0,
  cr2,
  cr3,
  cr4,
  diff,
  dr6,
  dr7,
  ds,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edx,
  es,
  esp,
  far,
  mem,
  qword,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rsp,
  ss,
  sym,
  word,
} from "../../../asm/index.ts";
import { linkElf } from "../../../elf/index.ts";

export interface Snippet {
  name: string;
  /** Privilege level the snippet runs at. */
  cpl: 0 | 3;
  write(a: Assembler): void;
}

/** Selectors of the guest's GDT. */
export const CODE64 = 0x08;
export const DATA = 0x10;
export const USER_DATA = 0x1b;
export const USER_CODE64 = 0x23;
export const CODE32 = 0x28;
/** A data segment that is not present, a call gate to CODE64, and a TSS. */
export const ABSENT = 0x30;
export const TSS = 0x38;
export const CALL_GATE = 0x48;
/** A descriptor that snippets write, and the first selector behind the table. */
export const SPARE = 0x58;
export const BEYOND = 0x60;

/** Linear addresses with special rights, 2 MiB pages each; snippets live in page 0. */
export const NOT_PRESENT = 0x40_0000;
export const READ_ONLY = 0x60_0000;
export const SUPERVISOR = 0x80_0000;
export const NO_EXECUTE = 0xa0_0000;
export const RESERVED = 0xc0_0000;

const MAGIC = 0x1bad_b002;
const FLAGS = 0x3;
const EFER = 0xc000_0080;
const DONE = 0x40;
const VECTORS_WITH_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);

export interface GuestOptions {
  /** Debug exceptions are reported, and the snippet goes on. */
  steps?: boolean;
  /** Levels of paging; with 5, PML5 entries 0, 1 and 256 lead to the one PML4 table. */
  levels?: 4 | 5;
}

export function exceptionsGuest(
  snippets: readonly Snippet[],
  { steps = false, levels = 4 }: GuestOptions = {},
): Uint8Array {
  const a = new Assembler({ bits: 32, name: "exceptions" });
  a.section(".multiboot", { align: 4 });
  a.dd(MAGIC, FLAGS, -(MAGIC + FLAGS));
  a.section(".text");
  a.label("entry", { global: true });
  a.mov(esp, "stack_end");
  // Page 1 (2–4 MiB) holds this program, page 0 is low memory, then the pages of the cases.
  a.mov(dword("pml4"), sym("pdpt", 7)).mov(dword("pdpt"), sym("pd", 7));
  const page = (n: number, low: number, high = 0): void => {
    a.mov(dword(sym("pd", n * 8)), low).mov(dword(sym("pd", n * 8 + 4)), high);
  };
  page(0, 0x87);
  page(1, 0x20_0087);
  page(2, 0);
  page(3, 0x60_0085);
  page(4, 0x80_0083);
  page(5, 0xa0_0087, 0x8000_0000 | 0);
  page(6, 0xc0_2087);
  if (levels === 5) for (const n of [0, 1, 256]) a.mov(dword(sym("pml5", n * 8)), sym("pml4", 7));
  a.mov(eax, levels === 5 ? "pml5" : "pml4").mov(cr3, eax);
  // PAE, OSFXSR, OSXMMEXCPT, LA57.
  a.mov(eax, levels === 5 ? 0x1620 : 0x620).mov(cr4, eax);
  // LME, NXE, SCE.
  a.mov(ecx, EFER).mov(eax, 0x901).xor(edx, edx).wrmsr();
  a.mov(eax, 0x8001_0033 | 0).mov(cr0, eax);
  a.lgdt(mem("gdt_pointer")).jmp(far(CODE64, "long_mode"));

  a.bits(64);
  a.label("long_mode");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax);
  a.mov(rsp, "stack_end");
  // The TSS descriptor's base and the gates' targets are filled in here: they are split over bytes.
  a.mov(rax, "tss").mov(rbx, "gdt");
  a.mov(mem(rbx, { disp: TSS + 2 }), ax).shr(rax, 16);
  a.mov(byte(rbx, { disp: TSS + 4 }), al);
  a.mov(rax, "stack_end")
    .mov(qword(sym("tss", 4)), rax)
    .mov(qword(sym("tss", 0x24)), rax);
  a.mov(eax, "gate_target")
    .mov(mem(rbx, { disp: CALL_GATE }), ax)
    .shr(eax, 16);
  a.mov(mem(rbx, { disp: CALL_GATE + 6 }), ax);
  a.mov(rdi, "idt").mov(rbx, "stubs");
  a.xor(ecx, ecx);
  const gate = a.label();
  a.mov(rax, rbx).mov(mem(rdi), ax).shr(rax, 16);
  a.mov(dword(rdi, { disp: 2 }), 0x8e01_0008 | 0).mov(mem(rdi, { disp: 6 }), ax);
  a.add(rdi, 16)
    .add(rbx, 16)
    .inc(ecx)
    .cmp(ecx, DONE + 1)
    .jne(gate);
  // DPL 3 for the vector that ends a snippet and for INT3.
  a.mov(byte(sym("idt", DONE * 16 + 5)), 0xee);
  a.mov(byte(sym("idt", 3 * 16 + 5)), 0xee);
  if (steps) {
    // Debug exceptions have a stack of their own: they return.
    a.mov(rax, "step_stack_end").mov(qword(sym("tss", 0x2c)), rax);
    a.mov(rax, "step")
      .mov(word(sym("idt", 16)), ax)
      .shr(rax, 16);
    a.mov(word(sym("idt", 22)), ax).mov(byte(sym("idt", 20)), 2);
    // SYSCALL: STAR, LSTAR, FMASK with TF.
    const wrmsr = (register: number, low: number | string, high: number): void => {
      a.mov(ecx, register).mov(eax, low).mov(edx, high).wrmsr();
    };
    wrmsr(0xc000_0081, 0, CODE64 | (0x13 << 16));
    wrmsr(0xc000_0082, "syscall_entry", 0);
    wrmsr(0xc000_0084, 0x100, 0);
  }
  a.lidt(mem("idt_pointer"));
  a.mov(eax, TSS).ltr(ax);
  a.jmp("next");

  // Vector stubs of 16 bytes each: error code (or 0), vector, common part.
  a.align(16);
  a.label("stubs");
  for (let vector = 0; vector <= DONE; vector++) {
    a.align(16);
    if (!VECTORS_WITH_CODE.has(vector)) a.push(0);
    a.push(vector).jmp("report");
  }

  a.label("report");
  a.cld().mov(ax, DATA).mov(ds, ax).mov(es, ax);
  const field = (offset: number): void => {
    a.mov(rbx, qword(rsp, { disp: offset })).call("print");
  };
  field(0);
  field(8);
  a.mov(rbx, qword(rsp, { disp: 16 }))
    .sub(rbx, qword("snippet_start"))
    .call("print");
  field(24);
  // Status flags, TF, IF, DF, IOPL, NT and VM; RF is left out: TCG does not push it as the manual says.
  a.mov(rbx, qword(rsp, { disp: 32 }))
    .and(rbx, 0x2_7fd7)
    .call("print");
  a.cmp(qword(rsp), 14).jne("no_address");
  a.mov(rbx, cr2).call("print");
  a.label("no_address");
  a.mov(al, 10).out(0xe9, al);
  a.mov(rsp, "stack_end");

  if (steps) {
    a.jmp("next");
    a.label("step");
    // A snippet that would report without end is ended.
    a.inc(dword("reports")).cmp(dword("reports"), 40).jb("few_reports").int(DONE);
    a.label("few_reports");
    a.push(rax).push(rbx).push(rcx).push(rdx);
    a.mov(rbx, qword(rsp, { disp: 32 }))
      .sub(rbx, qword("snippet_start"))
      .call("print");
    a.mov(rbx, qword(rsp, { disp: 40 })).call("print");
    a.mov(rbx, dr6).and(ebx, 0xe00f).call("print");
    // The instruction of a breakpoint is executed with RF.
    a.mov(rbx, dr6)
      .test(bl, 15)
      .jz("no_breakpoint")
      .or(dword(rsp, { disp: 48 }), 0x1_0000);
    a.label("no_breakpoint");
    a.mov(rbx, qword(rsp, { disp: 48 }))
      .and(ebx, 0x700)
      .call("print");
    a.mov(al, 10).out(0xe9, al);
    a.mov(ebx, 0xffff_0ff0 | 0).mov(dr6, rbx);
    a.pop(rdx).pop(rcx).pop(rbx).pop(rax).iretq();
    a.label("syscall_entry");
    a.nop().nop().db(0x48, 0x0f, 0x07);
  }

  a.label("next");
  if (steps) a.xor(eax, eax).mov(dr7, rax).mov(dword("reports"), eax);
  a.mov(ecx, dword("number")).inc(dword("number"));
  a.cmp(ecx, snippets.length).je("end");
  a.mov(rax, qword({ index: rcx, scale: 8, disp: "table" })).mov(qword("snippet_start"), rax);
  a.movzx(edx, byte(rcx, { disp: "levels" }))
    .cmp(edx, 3)
    .je("user");
  a.push(2).popfq().mov(rax, qword("snippet_start")).jmp(rax);
  a.label("user");
  a.push(USER_DATA).push("user_stack_end").push(2).push(USER_CODE64);
  a.push(qword("snippet_start")).iretq();
  a.label("end");
  a.mov(dx, 0xf4).mov(eax, 0).out(dx, eax);
  const halt = a.label();
  a.hlt().jmp(halt);

  a.label("gate_target");
  a.int(DONE);

  // Prints RBX as 16 digits and a space.
  a.label("print");
  a.push(rcx).push(rdx).mov(ecx, 16);
  const digit = a.label();
  a.rol(rbx, 4).mov(edx, 15).and(rdx, rbx);
  a.mov(al, byte(rdx, { disp: "digits" })).out(0xe9, al);
  a.dec(ecx).jnz(digit);
  a.mov(al, 32).out(0xe9, al).pop(rdx).pop(rcx).ret();

  snippets.forEach((s, i) => {
    a.align(16);
    a.label(`snippet_${i}`);
    s.write(a);
    a.int(DONE);
  });

  a.section(".data");
  a.label("digits");
  a.db("0123456789abcdef").align(8);
  a.label("reports");
  a.dq(0);
  a.label("number");
  a.dq(0);
  a.label("snippet_start");
  a.dq(0);
  a.label("table");
  snippets.forEach((_, i) => {
    a.dq(sym(`snippet_${i}`));
  });
  a.label("levels");
  a.db(...snippets.map((s) => s.cpl)).align(8);
  a.label("far_pointer");
  a.dd(0).dw(CALL_GATE).align(8);
  a.label("gdt");
  a.dq(0, 0x0020_9a00_0000_0000n, 0x00cf_9200_0000_ffffn, 0x00cf_f200_0000_ffffn);
  a.dq(0x0020_fa00_0000_0000n, 0x00cf_9a00_0000_ffffn, 0x00cf_1200_0000_ffffn);
  a.dq(0x0000_8900_0000_0067n, 0, 0x0000_ec00_0008_0000n, 0, 0);
  a.label("gdt_end");
  a.label("gdt_pointer");
  a.dw(diff("gdt_end", "gdt", -1)).dq(sym("gdt"));
  a.label("idt_pointer");
  a.dw((DONE + 1) * 16 - 1).dq(sym("idt"));
  a.section(".bss", { align: 4096 });
  for (const table of ["pml5", "pml4", "pdpt", "pd", "idt", "tss"]) {
    a.label(table);
    a.space(4096);
  }
  a.space(4096);
  a.label("stack_end");
  a.space(4096);
  a.label("user_stack_end");
  a.space(4096);
  a.label("step_stack_end");
  return linkElf({
    objects: [a.object()],
    class: 32,
    entry: "entry",
    segments: [
      {
        name: "image",
        flags: "rwx",
        vaddr: 0x20_0000n,
        sections: [".multiboot", ".text", ".data", ".bss"],
      },
    ],
  });
}
