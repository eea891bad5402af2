// Ways into the kernel and out of it: SYSCALL, exceptions and interrupts, idle, and the lock that lets
// one CPU at a time be inside. Intel SDM vol. 3A, 5.8.8 and 6.14. R15 is the window in compiled code.
//
// User registers are pushed straight into the EC: RSP0 and the SYSCALL stack are the end of its register
// frame (layout.ts). Compiled code then runs on the CPU's own stack.

import {
  type Assembler,
  byte,
  cr3,
  dword,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  gs,
  mem,
  qword,
  r8,
  r9,
  r10,
  r11,
  r11d,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
  rsp,
} from "../../tools/asm/index.ts";
import { EXC_DF, EXC_MC, EXC_NMI } from "../abi.ts";
import {
  CPU_FRAME,
  CPU_FRAME_END,
  CPU_SCRATCH,
  CPU_STACK,
  CPU_TLB_REQUEST,
  ISR_STRIDE,
  LAPIC_BASE,
  LAPIC_EOI,
  SEL_USER_CODE_L,
  SEL_USER_DATA,
  VEC_IPI_TLB,
  VEC_SPURIOUS,
} from "../layout.ts";
import { WINDOW } from "./boot.ts";

/** Exceptions for which the CPU pushes an error code. Intel SDM vol. 3A, table 6-1. */
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);

const perCpu = (offset: number) => qword({ disp: offset, segment: gs });

/** The general registers in frame order, from RAX down; RSP's place is that of CR2. */
const PUSH_ORDER = [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];

function pushRegisters(a: Assembler): void {
  for (const register of PUSH_ORDER) {
    // The slot of CR2 is filled in for page faults only.
    if (register === rsp) a.push(0);
    else a.push(register);
  }
}

function popRegisters(a: Assembler): void {
  for (const register of [...PUSH_ORDER].reverse()) {
    if (register === rsp) a.lea(rsp, mem(rsp, { disp: 8 }));
    else a.pop(register);
  }
}

/** On the CPU's stack, with the lock and the window, calls `handler` and leaves the kernel as it says. */
function enterKernel(a: Assembler, handler: string): void {
  a.mov(rsp, perCpu(CPU_STACK));
  a.form("Mov_r64_imm64", r15, WINDOW);
  a.call("kernel_lock");
  a.call(handler);
  a.jmp("kernel_leave");
}

function emitSyscall(a: Assembler): void {
  a.align(16);
  a.label("syscall_entry", { global: true });
  a.swapgs();
  // RCX = RIP and R11 = RFLAGS come from the CPU; the interface wants the user's RSP in R11.
  a.mov(perCpu(CPU_SCRATCH), r11);
  a.mov(r11, rsp);
  a.mov(rsp, perCpu(CPU_FRAME_END));
  a.push(SEL_USER_DATA);
  a.push(r11);
  a.push(perCpu(CPU_SCRATCH));
  a.push(SEL_USER_CODE_L);
  a.push(rcx);
  a.push(0);
  a.push(0);
  pushRegisters(a);
  enterKernel(a, "on_syscall");
}

/** EAX: EXIT_SYSRET or EXIT_IRET. */
function emitLeave(a: Assembler): void {
  a.align(16);
  a.label("kernel_leave");
  a.lock.inc(dword(rip("kernel_lock_owner")));
  a.mov(rsp, perCpu(CPU_FRAME));
  a.test(eax, eax);
  a.jne("leave_iret");
  popRegisters(a);
  // run() has made sure that RCX is a user address: SYSRET does not fault on the user's stack.
  a.mov(rsp, r11);
  a.mov(r11d, 0x200);
  a.swapgs();
  a.sysretq();
  a.label("leave_iret");
  popRegisters(a);
  a.add(rsp, 16);
  a.swapgs();
  a.iretq();
}

/** The 256 entries of the IDT. `clearAc`: the CPU has SMAP, which a user's AC flag would turn off in the kernel. */
function emitStubs(a: Assembler, label: string, clearAc: boolean): void {
  a.align(ISR_STRIDE);
  a.label(label, { global: true });
  for (let vector = 0; vector < 256; vector++) {
    a.align(ISR_STRIDE);
    if (clearAc) a.clac();
    if (vector === VEC_IPI_TLB) {
      a.jmp("isr_tlb");
    } else if (vector === EXC_NMI || vector === VEC_SPURIOUS) {
      // Nothing on a PC tells the kernel anything by NMI; returning unblocks the next one.
      a.iretq();
    } else {
      if (!WITH_ERROR_CODE.has(vector)) a.push(0);
      a.form("Pushq_imm32", vector);
      // These two have stacks of their own and end in a panic, wherever they come from.
      a.jmp(vector === EXC_DF || vector === EXC_MC ? "isr_kernel" : "isr_common");
    }
  }
  a.align(ISR_STRIDE);
}

function emitInterrupts(a: Assembler): void {
  emitStubs(a, "isr_stubs", false);
  emitStubs(a, "isr_stubs_smap", true);

  // [RSP]: vector, error code, RIP, CS, RFLAGS, RSP, SS.
  a.label("isr_common");
  a.test(byte(rsp, { disp: 24 }), 3);
  a.je("isr_kernel");
  pushRegisters(a);
  a.cld();
  a.swapgs();
  enterKernel(a, "on_trap");

  // A fault in the kernel, or an interrupt while it is idle: only then does it run with interrupts on.
  a.label("isr_kernel");
  const saved = [rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, rbx, rbp, r15];
  for (const register of saved) a.push(register);
  a.cld();
  a.mov(rbp, rsp);
  a.lea(rdi, mem(rsp, { disp: saved.length * 8 }));
  a.mov(ebx, dword(rdi));
  // The window starts at a multiple of 4 GiB: the low half of an address in it is the offset.
  a.mov(edi, edi);
  a.and(rsp, -16);
  a.form("Mov_r64_imm64", r15, WINDOW);
  a.cmp(ebx, 32);
  a.jb("isr_kernel_fault");
  a.push(rdi);
  a.push(rdi);
  a.call("kernel_lock");
  a.pop(rdi);
  a.pop(rdi);
  a.call("on_kernel_trap");
  a.lock.inc(dword(rip("kernel_lock_owner")));
  a.jmp("isr_kernel_done");
  a.label("isr_kernel_fault");
  a.call("on_kernel_trap");
  a.label("isr_kernel_done");
  a.mov(rsp, rbp);
  for (const register of [...saved].reverse()) a.pop(register);
  a.add(rsp, 16);
  a.iretq();

  // Another CPU has changed a page table this one uses and waits until the word is 0.
  a.label("isr_tlb");
  a.push(rax);
  a.mov(rax, cr3);
  a.mov(cr3, rax);
  a.test(byte(rsp, { disp: 16 }), 3);
  a.je("isr_tlb_kernel");
  a.swapgs();
  a.mov(perCpu(CPU_TLB_REQUEST), 0);
  a.swapgs();
  a.jmp("isr_tlb_end");
  a.label("isr_tlb_kernel");
  a.mov(perCpu(CPU_TLB_REQUEST), 0);
  a.label("isr_tlb_end");
  a.form("Mov_r64_imm64", rax, WINDOW + BigInt(LAPIC_BASE) + BigInt(LAPIC_EOI));
  a.mov(dword(rax), 0);
  a.pop(rax);
  a.iretq();
}

/** A ticket lock: fair, so that no CPU waits for ever. */
function emitLock(a: Assembler): void {
  a.align(16);
  a.label("kernel_lock");
  a.mov(eax, 1);
  a.lock.xadd(dword(rip("kernel_lock_next")), eax);
  const wait = a.label();
  a.cmp(eax, dword(rip("kernel_lock_owner")));
  a.je("kernel_locked");
  a.pause();
  // The owner may be waiting for this CPU to forget translations; interrupts are off here.
  a.cmp(perCpu(CPU_TLB_REQUEST), 0);
  a.je(wait);
  a.mov(rcx, cr3);
  a.mov(cr3, rcx);
  a.mov(perCpu(CPU_TLB_REQUEST), 0);
  a.jmp(wait);
  a.label("kernel_locked");
  a.ret();

  a.align(16);
  a.label("idle", { global: true });
  a.push(rax);
  a.lock.inc(dword(rip("kernel_lock_owner")));
  // STI takes effect after the next instruction: no interrupt is lost between the two.
  a.sti();
  a.hlt();
  a.cli();
  a.call("kernel_lock");
  a.pop(rax);
  a.ret();

  a.section(".data");
  a.align(64);
  a.label("kernel_lock_next");
  a.dd(0);
  a.align(64);
  a.label("kernel_lock_owner");
  a.dd(0);
  a.section(".text");
}

/** Functions of the module `stub`: System V AMD64, 32-bit arguments with undefined upper halves. */
function emitFunctions(a: Assembler): void {
  a.align(16);
  a.label("rdmsr_safe", { global: true });
  a.mov(ecx, edi);
  a.label("rdmsr_fault", { global: true });
  a.rdmsr();
  a.mov(esi, esi);
  a.mov(dword(r15, { index: rsi }), eax);
  a.mov(dword(r15, { index: rsi, disp: 4 }), edx);
  a.mov(eax, 1);
  a.ret();
  a.label("wrmsr_safe", { global: true });
  a.mov(ecx, edi);
  a.mov(eax, esi);
  a.mov(rdx, rsi);
  a.shr(rdx, 32);
  a.label("wrmsr_fault", { global: true });
  a.wrmsr();
  a.mov(eax, 1);
  a.ret();
  a.label("msr_fault_resume", { global: true });
  a.xor(eax, eax);
  a.ret();

  a.label("rdfsbase", { global: true });
  a.rdfsbase(rax);
  a.ret();
  a.label("wrfsbase", { global: true });
  a.wrfsbase(rdi);
  a.ret();
  a.label("rdgsbase_user", { global: true });
  a.swapgs();
  a.rdgsbase(rax);
  a.swapgs();
  a.ret();
  a.label("wrgsbase_user", { global: true });
  a.swapgs();
  a.wrgsbase(rdi);
  a.swapgs();
  a.ret();
}

/** Emits everything into `.text`, the lock's words into `.data`. */
export function emitEntries(a: Assembler): void {
  a.section(".text");
  a.bits(64);
  emitSyscall(a);
  emitLeave(a);
  emitInterrupts(a);
  emitLock(a);
  emitFunctions(a);
}
