// The hand-off: from the loader in long mode, whichever page tables and descriptors the firmware gave it, to a kernel.
// Everything that is needed is in a place outside of all destinations (core/hand_off_layout.ts), so that the moves may
// overwrite loader and firmware. Machine states: Multiboot Specification 0.6.96, 3.2; Multiboot2 Specification 2.0, 3.3
// and 3.5; the Linux x86 boot protocol, "32-bit" and "64-bit boot protocol". Leaving IA-32e mode: Intel SDM vol. 3A,
// 9.8.5.4.

import {
  type Assembler,
  ax,
  cr0,
  cr3,
  cr4,
  ds,
  dword,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  es,
  esi,
  fs,
  gs,
  mem,
  qword,
  r12,
  r13,
  r13d,
  r14,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
  rsp,
  ss,
} from "../../../asm/index.ts";
import {
  ENTER_32,
  ENTER_AS_IS,
  MOVE_BYTES,
  PLACE_CODE,
  PLACE_DIRECTORIES,
  PLACE_ENTRY,
  PLACE_GDT,
  PLACE_GDT_POINTER,
  PLACE_IDT_POINTER,
  PLACE_LIST,
  PLACE_MOVES,
  PLACE_PDPT,
  PLACE_PML4,
  PLACE_PML5,
  PLACE_RAX,
  PLACE_RBX,
  PLACE_RSI,
  PLACE_STACK,
  PLACE_WAY,
} from "../core/hand_off_layout.ts";

/** Selectors that Linux wants, __BOOT_CS and __BOOT_DS; Multiboot kernels get the same. */
const CODE = 0x10;
const DATA = 0x18;
/** Flat descriptors: high and low words of 32-bit code, 64-bit code and data. */
const DESCRIPTOR_LOW = 0x0000_ffff;
const CODE32_HIGH = 0x00cf_9a00;
const CODE64_HIGH = 0x00af_9a00;
const DATA_HIGH = 0x00cf_9200;
const GDT_LIMIT = 0x1f;

const PRESENT_WRITABLE = 3;
const LARGE = 0x80;
const LARGE_PAGE = 0x20_0000;
const DIRECTORY_ENTRIES = 2048;
const TABLE = 0x1000;

const CR4_PAE = 0x20;
const CR4_LA57 = 0x1000;
/** ET and PE; paging, write protection and what hinders the coprocessor off, caches on. */
const CR0_PLAIN = 0x11;
const IA32_EFER = 0xc000_0080;
/** LME and NXE. */
const EFER_LONG = 0x900;

/** Emits `hand_off(place)`: RDI is the place's address. */
export function emitHandOff(a: Assembler): void {
  a.section(".text");
  a.label("hand_off", { global: true });
  a.frame();
  a.cmp(qword(rdi, { disp: PLACE_WAY }), ENTER_AS_IS).jne("hand_off_prepare");
  // The firmware's state stays, its interrupts too.
  a.mov(rax, qword(rdi, { disp: PLACE_RAX })).mov(rbx, qword(rdi, { disp: PLACE_RBX }));
  a.mov(rsi, qword(rdi, { disp: PLACE_RSI }));
  a.cld().jmp(qword(rdi, { disp: PLACE_ENTRY }));

  a.label("hand_off_prepare");
  a.cli().cld();
  a.mov(r13, rdi);
  emitTables(a);
  a.lea(rsi, mem(rip("hand_off_code")));
  a.lea(rdi, mem(r13, { disp: PLACE_CODE }));
  a.lea(rcx, mem(rip("hand_off_code_end"))).sub(rcx, rsi);
  a.rep.movsb();
  a.jmp(r13);
  a.frame(undefined);
  emitCode(a);
}

/** Page tables and descriptors in the place at R13. */
function emitTables(a: Assembler): void {
  a.lea(rdi, mem(r13, { disp: PLACE_PML5 }));
  a.mov(ecx, (PLACE_DIRECTORIES - PLACE_PML5) / 8)
    .xor(eax, eax)
    .rep.stosq();
  const link = (table: number, to: number, index = 0) => {
    a.lea(rax, mem(r13, { disp: to + PRESENT_WRITABLE }));
    a.mov(qword(r13, { disp: table + 8 * index }), rax);
  };
  link(PLACE_PML5, PLACE_PML4);
  link(PLACE_PML4, PLACE_PDPT);
  for (let i = 0; i < 4; i++) link(PLACE_PDPT, PLACE_DIRECTORIES + i * TABLE, i);
  a.mov(eax, PRESENT_WRITABLE | LARGE).mov(ecx, DIRECTORY_ENTRIES);
  const page = a.label();
  a.stosq().add(rax, LARGE_PAGE).dec(ecx).jnz(page);

  const descriptor = (selector: number, high: number) => {
    a.mov(dword(r13, { disp: PLACE_GDT + selector }), DESCRIPTOR_LOW);
    a.mov(dword(r13, { disp: PLACE_GDT + selector + 4 }), high);
  };
  a.xor(eax, eax);
  a.mov(qword(r13, { disp: PLACE_GDT }), rax).mov(qword(r13, { disp: PLACE_GDT + 8 }), rax);
  descriptor(CODE, CODE64_HIGH);
  descriptor(DATA, DATA_HIGH);
  a.cmp(qword(r13, { disp: PLACE_WAY }), ENTER_32).jne("hand_off_descriptors");
  a.mov(dword(r13, { disp: PLACE_GDT + CODE + 4 }), CODE32_HIGH);
  a.label("hand_off_descriptors");
  // Limit in the low 16 bits, base above: eight bytes at an odd word, then the base.
  a.mov(dword(r13, { disp: PLACE_GDT_POINTER }), GDT_LIMIT);
  a.lea(rax, mem(r13, { disp: PLACE_GDT }));
  a.mov(qword(r13, { disp: PLACE_GDT_POINTER + 2 }), rax);
  a.xor(eax, eax);
  a.mov(qword(r13, { disp: PLACE_IDT_POINTER }), rax);
  a.mov(qword(r13, { disp: PLACE_IDT_POINTER + 2 }), rax);
}

/** What runs in the place, position-independent; R13 is the place. */
function emitCode(a: Assembler): void {
  a.align(16);
  a.label("hand_off_code");
  a.lea(rsp, mem(r13, { disp: PLACE_STACK }));
  a.lgdt(mem(r13, { disp: PLACE_GDT_POINTER })).lidt(mem(r13, { disp: PLACE_IDT_POINTER }));
  // Without global pages nothing of the firmware's tables outlasts the change of CR3; with five levels there is one more.
  a.mov(rax, cr4).and(eax, CR4_LA57).or(eax, CR4_PAE).mov(cr4, rax);
  a.lea(rdx, mem(r13, { disp: PLACE_PML4 }));
  a.lea(rcx, mem(r13, { disp: PLACE_PML5 }));
  a.test(eax, CR4_LA57).cmovnz(rdx, rcx).mov(cr3, rdx);
  emitMoves(a);

  a.cmp(qword(r13, { disp: PLACE_WAY }), ENTER_32).je("hand_off_32");
  a.mov(eax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(fs, ax).mov(gs, ax);
  a.push(CODE).push(qword(r13, { disp: PLACE_ENTRY }));
  a.mov(rax, qword(r13, { disp: PLACE_RAX })).mov(rbx, qword(r13, { disp: PLACE_RBX }));
  a.mov(rsi, qword(r13, { disp: PLACE_RSI }));
  a.xor(ecx, ecx).xor(edx, edx).xor(edi, edi).xor(ebp, ebp);
  a.form("Retfq");

  a.label("hand_off_32");
  a.lea(rax, mem(rip("hand_off_compatibility")));
  a.push(CODE).push(rax).mov(ebp, r13d).form("Retfq");
  a.bits(32);
  a.label("hand_off_compatibility");
  a.mov(eax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(fs, ax).mov(gs, ax);
  a.mov(eax, CR0_PLAIN).mov(cr0, eax);
  a.mov(ecx, IA32_EFER).rdmsr().and(eax, ~EFER_LONG).wrmsr();
  a.xor(eax, eax).mov(cr4, eax);
  a.mov(eax, dword(ebp, { disp: PLACE_RAX })).mov(ebx, dword(ebp, { disp: PLACE_RBX }));
  a.mov(esi, dword(ebp, { disp: PLACE_RSI }));
  a.push(dword(ebp, { disp: PLACE_ENTRY }));
  a.xor(ecx, ecx).xor(edx, edx).xor(edi, edi).xor(ebp, ebp);
  a.ret();
  a.label("hand_off_code_end");
  a.bits(64);
}

/** Copies from whichever end leaves overlapping bytes whole, then zeroes; RBP and R13 stay. */
function emitMoves(a: Assembler): void {
  a.lea(r12, mem(r13, { disp: PLACE_LIST })).mov(r14, qword(r13, { disp: PLACE_MOVES }));
  a.label("hand_off_move");
  a.sub(r14, 1).jc("hand_off_moved");
  a.mov(rdi, qword(r12)).mov(rsi, qword(r12, { disp: 8 }));
  a.mov(rcx, qword(r12, { disp: 16 })).mov(rdx, qword(r12, { disp: 24 }));
  a.cmp(rdi, rsi).ja("hand_off_down");
  a.mov(rbx, rcx).and(ebx, 7).shr(rcx, 3).rep.movsq();
  a.mov(ecx, ebx).rep.movsb();
  a.jmp("hand_off_zero");
  a.label("hand_off_down");
  // From the last byte down; RDI is the end of the copy afterwards.
  a.lea(rax, mem(rdi, { index: rcx })).lea(rsi, mem(rsi, { index: rcx, disp: -1 }));
  a.lea(rdi, mem(rax, { disp: -1 }));
  a.std().rep.movsb().cld();
  a.mov(rdi, rax);
  a.label("hand_off_zero");
  a.xor(eax, eax).mov(rcx, rdx).shr(rcx, 3).rep.stosq();
  a.mov(ecx, edx).and(ecx, 7).rep.stosb();
  a.add(r12, MOVE_BYTES).jmp("hand_off_move");
  a.label("hand_off_moved");
}
