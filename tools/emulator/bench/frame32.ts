// The kernel around a benchmark in protected mode: flat segments, paging with pages of 4 MiB that map the first
// 128 MiB to themselves, SSE switched on. Source: Intel SDM vol. 3A 4.3.

import {
  Assembler,
  al,
  ax,
  byte,
  cr0,
  cr3,
  cr4,
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
  ss,
} from "../../asm/index.ts";
import {
  DEBUG_EXIT,
  linkKernel,
  MARK_END,
  MARK_START,
  MULTIBOOT_MAGIC,
  type Workload,
} from "./workload.ts";

const CODE = 0x08;
const DATA = 0x10;
const LARGE_PAGE = 0x83;
const PAGES = 32;

/** As `benchKernel`, with its marks and result on any port. */
export function benchKernel32(workload: Workload, rounds: number, port: number): Uint8Array {
  const a = new Assembler({ bits: 32, name: workload.name });
  const put = (): void => {
    a.mov(dx, port).out(dx, al);
  };
  a.section(".multiboot", { align: 4 });
  a.dd(MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC);

  a.section(".text", { writable: true });
  a.label("entry", { global: true });
  a.lgdt(mem("gdt_pointer")).jmp(far(CODE, "flat"));
  a.label("flat");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(esp, "stack_end");
  a.mov(edi, "directory").mov(eax, LARGE_PAGE).mov(ecx, PAGES);
  const next = a.label();
  a.mov(dword(edi), eax)
    .add(eax, 4 << 20)
    .add(edi, 4)
    .dec(ecx)
    .jnz(next);
  a.mov(eax, "directory").mov(cr3, eax);
  // PSE, OSFXSR, OSXMMEXCPT; PG, NE, MP, PE.
  a.mov(eax, cr4).or(eax, 0x610).mov(cr4, eax);
  a.mov(eax, 0x8000_0033).mov(cr0, eax).fninit();
  a.mov(esi, rounds).xor(eax, eax).xor(edx, edx).test(esi, esi).jz("end");
  a.mov(al, MARK_START);
  put();
  a.call("workload");
  a.label("end");
  a.mov(dword("result"), eax).mov(dword("result_high"), edx).mov(al, MARK_END);
  put();
  a.mov(ebx, "result").mov(ecx, 8);
  const digit = a.label();
  a.mov(al, byte(ebx));
  put();
  a.inc(ebx).dec(ecx).jnz(digit);
  a.mov(dx, DEBUG_EXIT).xor(eax, eax).out(dx, eax);
  const halt = a.label();
  a.cli().hlt().jmp(halt);
  a.align(16);
  a.label("workload");
  workload.code(a);

  a.section(".data");
  a.align(8).label("gdt");
  a.dq(0, 0x00cf_9a00_0000_ffffn, 0x00cf_9200_0000_ffffn);
  a.label("gdt_pointer");
  a.dw(23).dd("gdt");

  a.section(".bss", { align: 4096 });
  a.label("directory");
  a.space(4096);
  a.space(16384);
  a.label("stack_end");
  a.label("result");
  a.space(4);
  a.label("result_high");
  a.space(4);
  return linkKernel(a, workload);
}
