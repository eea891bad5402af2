// From the Multiboot loader to the compiled kernel: headers, page tables with the window, long mode.
// Multiboot Specification 0.6.96, 3.1 and 3.2; Multiboot2 Specification 2.0, 3.1 and 3.5; Intel SDM vol. 3A,
// 9.8.5. The boot CPU only.

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
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  far,
  mem,
  OUTERMOST,
  qword,
  r15,
  rax,
  rbx,
  rip,
  rsp,
} from "../../tools/asm/index.ts";
import {
  CPU_STACK,
  KERNEL_RODATA,
  KERNEL_STACK_SIZE,
  KERNEL_START,
  KERNEL_TEXT,
  SEL_KERN_CODE,
} from "../layout.ts";
import { IA32_EFER } from "../msr_number.ts";

/** Virtual address of physical address 0: docs/toolchain.md. */
export const WINDOW = 0xffff_fffe_0000_0000n;

const MULTIBOOT_HEADER_MAGIC = 0x1badb002;
/** Modules on page boundaries, memory map wanted. */
const MULTIBOOT_FLAGS = 0x3;

const MULTIBOOT2_HEADER_MAGIC = 0xe85250d6;
const MULTIBOOT2_I386 = 0;
/** Header tags: type, flags, fields as 32-bit words. */
const MULTIBOOT2_OPTIONAL = 1;
const MULTIBOOT2_TAGS: readonly (readonly [number, number, ...number[]])[] = [
  // Information wanted: command line, modules, memory map; where there is one, framebuffer, EFI, RSDP.
  [1, 0, 1, 3, 6],
  [1, MULTIBOOT2_OPTIONAL, 8, 11, 12, 14, 15],
  // EGA text mode is fine; so is any framebuffer that the loader is told to set up.
  [4, MULTIBOOT2_OPTIONAL, 2],
  // Modules on page boundaries.
  [6, 0],
  // The end.
  [0, 0],
];

const PRESENT = 0x1;
const WRITABLE = 0x2;
const UNCACHED = 0x18;
const LARGE = 0x80;
/** Kept by loads of CR3 once CR4.PGE is set: the window is the same in every address space. */
const GLOBAL = 0x100;
/** Bit 63 of an entry, in its high half. */
const NO_EXECUTE_HIGH = 0x8000_0000;
const LARGE_PAGE_SHIFT = 21;
const WINDOW_PAGES = 2048;
/** First of the window's page-directory-pointer entries. */
const WINDOW_PDPT_INDEX = Number((WINDOW >> 30n) & 511n);
/** Device registers (IOAPIC, HPET, local APIC, flash) start here on every PC. */
const DEVICES = 0xfe00_0000;

const CR4_PAE = 0x20;
/** SCE, LME, NXE. */
const EFER_BITS = 0x901;
/** PG, WP, NE, ET, MP, PE; caches on. */
const CR0_BITS = 0x8001_0033;

function emitMultiboot2Header(a: Assembler): void {
  // A tag starts at a multiple of eight; its size leaves the padding out.
  const tagBytes = (fields: number) => 8 + 4 * fields;
  const length = MULTIBOOT2_TAGS.reduce(
    (sum, [, , ...fields]) => sum + ((tagBytes(fields.length) + 7) & ~7),
    16,
  );
  a.align(8);
  a.dd(MULTIBOOT2_HEADER_MAGIC, MULTIBOOT2_I386, length);
  a.dd((0x2_0000_0000 - MULTIBOOT2_HEADER_MAGIC - MULTIBOOT2_I386 - length) >>> 0);
  for (const [type, flags, ...fields] of MULTIBOOT2_TAGS) {
    a.align(8);
    a.dw(type, flags);
    a.dd(tagBytes(fields.length), ...fields);
  }
}

/** Emits the boot section (identity-mapped, at KERNEL_START) and the 64-bit start. `hasStart`: the module has a start function. */
export function emitBoot(a: Assembler, hasStart: boolean): void {
  a.section(".boot", { executable: true, align: 16, address: BigInt(KERNEL_START) });
  a.bits(32);
  a.align(4);
  a.dd(
    MULTIBOOT_HEADER_MAGIC,
    MULTIBOOT_FLAGS,
    (0x1_0000_0000 - MULTIBOOT_HEADER_MAGIC - MULTIBOOT_FLAGS) >>> 0,
  );

  emitMultiboot2Header(a);

  // EAX = magic, EBX = boot information; both survive in EDI and ESI.
  a.label("boot_entry", { global: true });
  a.cli();
  a.cld();
  a.mov(edi, eax);
  a.mov(esi, ebx);

  // The window: 2048 large pages, writable and not executable but for the kernel's text and constants.
  a.xor(ecx, ecx);
  const fill = a.label();
  a.mov(eax, ecx);
  a.shl(eax, LARGE_PAGE_SHIFT);
  a.mov(ebx, PRESENT | WRITABLE | LARGE | GLOBAL);
  a.mov(edx, NO_EXECUTE_HIGH);
  a.cmp(eax, KERNEL_TEXT);
  a.jne("boot_not_text");
  a.xor(edx, edx);
  a.jmp("boot_read_only");
  a.label("boot_not_text");
  a.cmp(eax, KERNEL_RODATA);
  a.jne("boot_writable");
  a.label("boot_read_only");
  a.mov(ebx, PRESENT | LARGE | GLOBAL);
  a.label("boot_writable");
  a.cmp(eax, DEVICES);
  a.jb("boot_not_device");
  a.or(ebx, UNCACHED);
  a.label("boot_not_device");
  a.or(eax, ebx);
  a.mov(dword("window_directories", { index: ecx, scale: 8 }), eax);
  a.lea(ebp, mem("window_directories", { index: ecx, scale: 8 }));
  a.mov(dword(ebp, { disp: 4 }), edx);
  a.inc(ecx);
  a.cmp(ecx, WINDOW_PAGES);
  a.jb(fill);

  // Four directories in the window's pointer table, which both page-table roots share.
  a.mov(eax, "window_directories");
  a.or(eax, PRESENT | WRITABLE);
  a.xor(ecx, ecx);
  const link = a.label();
  a.lea(ebp, mem("window_pdpt", { index: ecx, scale: 8 }));
  a.mov(dword(ebp, { disp: WINDOW_PDPT_INDEX * 8 }), eax);
  a.add(eax, 0x1000);
  a.inc(ecx);
  a.cmp(ecx, 4);
  a.jb(link);
  a.mov(eax, "window_pdpt");
  a.or(eax, PRESENT | WRITABLE);
  a.mov(ebp, "boot_pml4");
  a.mov(dword(ebp, { disp: 511 * 8 }), eax);
  a.mov(ebp, "kernel_pml4");
  a.mov(dword(ebp, { disp: 511 * 8 }), eax);

  // The first 2 MiB at their own address, for the instructions around the switch.
  a.mov(eax, "boot_pdpt");
  a.or(eax, PRESENT | WRITABLE);
  a.mov(dword("boot_pml4"), eax);
  a.mov(eax, "boot_directory");
  a.or(eax, PRESENT | WRITABLE);
  a.mov(dword("boot_pdpt"), eax);
  a.mov(dword("boot_directory"), PRESENT | WRITABLE | LARGE);

  a.label("boot_long_mode");
  a.mov(eax, CR4_PAE);
  a.mov(cr4, eax);
  a.mov(eax, "boot_pml4");
  a.mov(cr3, eax);
  a.mov(ecx, IA32_EFER);
  a.rdmsr();
  a.or(eax, EFER_BITS);
  a.wrmsr();
  a.mov(eax, CR0_BITS);
  a.mov(cr0, eax);
  a.lgdt(mem("boot_gdt_pointer"));
  a.jmp(far(SEL_KERN_CODE, "boot_entry64"));

  a.bits(64);
  a.label("boot_entry64");
  a.form("Mov_r64_imm64", rax, "kernel_entry64");
  a.jmp(rax);

  // Application processors start here, copied to AP_START, in real mode with CS:IP = AP_START / 16 : 0. So does the
  // boot CPU after a sleep state: what the firmware makes of the waking vector is the same CS:IP.
  a.align(16);
  a.label("ap_trampoline", { global: true });
  a.bits(16);
  a.cli();
  a.mov(ax, cs);
  a.mov(ds, ax);
  a.mov(eax, CR4_PAE);
  a.mov(cr4, eax);
  a.mov(eax, "boot_pml4");
  a.mov(cr3, eax);
  a.mov(ecx, IA32_EFER);
  a.rdmsr();
  a.or(eax, EFER_BITS);
  a.wrmsr();
  a.lgdt(mem(diff("ap_gdt_pointer", "ap_trampoline")));
  // Paging and protection at once: straight from real mode to long mode.
  a.mov(eax, CR0_BITS);
  a.mov(cr0, eax);
  a.form("Jmp_ptr1632", far(SEL_KERN_CODE, "ap_entry64"));
  a.align(8);
  a.label("ap_gdt_pointer");
  a.dw(23);
  a.dd("boot_gdt");
  a.label("ap_trampoline_end");

  a.bits(64);
  a.label("ap_entry64");
  a.form("Mov_r64_imm64", rax, "kernel_ap_entry");
  a.jmp(rax);

  a.align(8);
  a.label("boot_gdt");
  a.dq(0, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn);
  a.label("boot_gdt_pointer");
  a.dw(23);
  a.dd("boot_gdt");

  a.section(".boot.bss", { writable: true, align: 4096 });
  for (const table of [
    "boot_pml4",
    "boot_pdpt",
    "boot_directory",
    "kernel_pml4",
    "window_pdpt",
    "screen_directory",
  ]) {
    a.label(table, { global: true, kind: "object" });
    a.space(4096);
  }
  a.label("window_directories");
  a.space(4 * 4096);

  a.section(".text");
  a.bits(64);
  a.align(16);
  a.label("kernel_entry64", { global: true });
  a.frame(OUTERMOST);
  a.lea(rsp, rip("boot_stack_end"));
  a.form("Mov_r64_imm64", r15, WINDOW);
  a.mov(eax, "kernel_pml4");
  a.mov(cr3, rax);
  // Segment bases and limits do not matter in 64-bit mode; null selectors say so.
  a.mov(ebx, edi);
  a.mov(ebp, esi);
  if (hasStart) a.call("__wasm_start");
  a.mov(edi, ebx);
  a.mov(esi, ebp);
  a.call("kernel_main");
  a.jmp("kernel_leave");

  // The boot CPU waits with the lock until this one has set itself up; then it competes like all others.
  a.align(16);
  a.label("kernel_ap_entry", { global: true });
  a.frame(OUTERMOST);
  a.mov(eax, "kernel_pml4");
  a.mov(cr3, rax);
  a.form("Mov_r64_imm64", r15, WINDOW);
  a.mov(ebx, dword(rip("ap_cpu")));
  a.mov(rsp, qword(r15, { index: rbx, disp: CPU_STACK }));
  a.mov(edi, ebx);
  a.cmp(dword(rip("ap_wakes")), 0);
  a.jne("kernel_wake");
  a.call("ap_start");
  a.call("kernel_lock");
  a.call("ap_run");
  a.jmp("kernel_leave");
  // The boot CPU, after a sleep state: the lock is as it was then, and nobody else runs.
  a.label("kernel_wake");
  a.mov(dword(rip("kernel_lock_word")), ebx);
  a.mov(dword(rip("kernel_lock_heir")), 0);
  a.mov(dword(rip("ap_wakes")), 0);
  a.call("on_wake");
  a.jmp("kernel_leave");
  a.frame(undefined);

  a.section(".data");
  a.align(8);
  a.label("ap_cpu", { global: true, kind: "object" });
  a.dq(0);
  a.label("ap_wakes", { global: true, kind: "object" });
  a.dd(0);

  a.section(".bss", { writable: true, align: 4096 });
  a.align(4096);
  // The page in front of the stack is taken out of the window (window.ts).
  a.space(4096);
  a.label("boot_stack", { global: true, kind: "object" });
  a.space(KERNEL_STACK_SIZE);
  a.label("boot_stack_end");
}
