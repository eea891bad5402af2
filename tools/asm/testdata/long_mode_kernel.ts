// A kernel that needs nothing but the assembler: Multiboot 1 header, page tables, long mode, a line on COM1
// and port 0xe9, exit through isa-debug-exit. Sources: Multiboot Specification 0.6.96, Intel SDM vol. 3A
// 9.8.5 (entering IA-32e mode), PC16550D datasheet.

import type { ObjectFile } from "../../elf/index.ts";
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
  rax,
  rcx,
  rsi,
  ss,
  sym,
} from "../index.ts";

const MULTIBOOT_MAGIC = 0x1bad_b002;
const MULTIBOOT_FLAGS = 0x3;
const CODE64 = 0x08;
const DATA = 0x10;
const COM1 = 0x3f8;
const DEBUG_CONSOLE = 0xe9;
const DEBUG_EXIT = 0xf4;
const EFER = 0xc000_0080;

/** The value written to isa-debug-exit; QEMU's exit status is twice that plus one. */
export const EXIT_VALUE = 0x15;

export function longModeKernel(): ObjectFile {
  const a = new Assembler({ bits: 32, name: "long_mode_kernel" });
  a.section(".multiboot", { align: 4 });
  a.dd(MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS));

  a.section(".text");
  a.label("entry", { global: true });
  a.mov(esp, "stack_end").mov(esi, eax);
  // One 2 MiB page maps the first 2 MiB to themselves.
  a.mov(dword("pml4"), sym("pdpt", 3)).mov(dword("pdpt"), sym("pd", 3)).mov(dword("pd"), 0x83);
  a.mov(eax, "pml4").mov(cr3, eax);
  a.mov(eax, cr4)
    .or(eax, 1 << 5)
    .mov(cr4, eax);
  a.mov(ecx, EFER)
    .rdmsr()
    .or(eax, 1 << 8)
    .wrmsr();
  a.mov(eax, cr0)
    .or(eax, 1 << 31)
    .mov(cr0, eax);
  a.lgdt(mem("gdt_pointer")).jmp(far(CODE64, "long_mode"));

  a.bits(64);
  a.label("long_mode");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax);
  a.mov(edi, esi).mov(rsi, "greeting").call("print");
  a.mov(ebx, edi).mov(ecx, 8);
  const digit = a.label();
  a.rol(ebx, 4).mov(eax, ebx).and(eax, 15);
  a.mov(al, byte(rax, { disp: "digits" }))
    .call("put")
    .dec(ecx)
    .jnz(digit);
  a.mov(al, 10).call("put");
  a.mov(dx, DEBUG_EXIT).mov(eax, EXIT_VALUE).out(dx, eax);
  const halt = a.label();
  a.hlt().jmp(halt);

  a.label("print");
  const next = a.label();
  a.lodsb().test(al, al).jz("printed").call("put").jmp(next);
  a.label("printed");
  a.ret();

  a.label("put");
  a.push(rcx).mov(ecx, eax);
  const wait = a.label();
  a.mov(dx, COM1 + 5)
    .in(al, dx)
    .test(al, 0x20)
    .jz(wait);
  a.mov(eax, ecx).mov(edx, COM1).out(dx, al).out(DEBUG_CONSOLE, al).pop(rcx).ret();

  a.section(".rodata");
  a.label("greeting");
  a.db("long mode, loaded by ", 0);
  a.label("digits");
  a.db("0123456789abcdef").align(8);
  a.label("gdt");
  a.dq(0, 0x0020_9a00_0000_0000n, 0x0000_9200_0000_0000n);
  a.label("gdt_end");
  a.label("gdt_pointer");
  a.dw(diff("gdt_end", "gdt", -1)).dd("gdt");

  a.section(".bss", { align: 4096 });
  for (const table of ["pml4", "pdpt", "pd", "stack"]) {
    a.label(table);
    a.space(4096);
  }
  a.label("stack_end");
  return a.object();
}
