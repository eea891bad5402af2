// Ways into the kernel and out of it: SYSCALL, exceptions and interrupts, idle, and the lock that lets
// one CPU at a time be inside. Intel SDM vol. 3A, 5.8.8 and 6.14. R15 is the window in compiled code.
//
// User registers are saved straight into the EC: RSP0 is the end of its register frame (layout.ts), where traps
// push; SYSCALL stores. Compiled code then runs on the CPU's own stack.

import {
  type Assembler,
  byte,
  cr3,
  dil,
  dword,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  type FrameState,
  frameRegister,
  gs,
  mem,
  qword,
  r8,
  r8d,
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
import {
  EXC_DF,
  EXC_MC,
  EXC_NMI,
  HC_PT_CTRL,
  HC_REPLY,
  HC_SM_CTRL,
  UTCB_FLAGS,
  UTCB_NSCT,
} from "../abi.ts";
import {
  CPU_ATTENTION,
  CPU_EC,
  CPU_FOREIGN,
  CPU_HAZARD,
  CPU_SCRATCH,
  CPU_SELF,
  CPU_STACK,
  CPU_TLB_REQUEST,
  EC_ENTRY,
  EC_ENTRY_BYTES,
  EC_ENTRY_STACK,
  EC_REGS,
  EC_UTCB,
  FRAME_CR2,
  FRAME_CS,
  FRAME_ERR,
  FRAME_RFLAGS,
  FRAME_RIP,
  FRAME_RSP,
  FRAME_SS,
  FRAME_VEC,
  ISR_STRIDE,
  LAPIC_BASE,
  LAPIC_EOI,
  SEL_USER_CODE_L,
  SEL_USER_DATA,
  VEC_IPI_TLB,
  VEC_SPURIOUS,
} from "../layout.ts";
import { IA32_X2APIC } from "../msr_number.ts";
import { WINDOW } from "./boot.ts";
import { entryFrame, interruptFrame, systemCallFrame, userFrame } from "./frame.ts";

/** The trap flag of RFLAGS. */
const RFLAGS_TF = 0x100;
/** RFLAGS behind SYSRET: IF. Bit 1 is always 1. */
const SYSRET_FLAGS = 0x200;

/** Exceptions for which the CPU pushes an error code. Intel SDM vol. 3A, table 6-1. */
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);

const perCpu = (offset: number) => qword({ disp: offset, segment: gs });

/** The general registers in frame order, from RAX down; RSP's place is that of CR2. */
const PUSH_ORDER = [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];
/** What compiled code keeps (System V AMD64, 3.2.1); R15 is the window there and always saved. */
const CALLEE_SAVED = [rbx, rbp, r12, r13, r14];
/** What has to be saved even for a hypercall that comes back to the same EC. R11 holds the user's RSP. */
const VOLATILE = [rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r15];

type Register = (typeof PUSH_ORDER)[number];

/** A place in the frame of the EC that RSP points to. */
const frameField = (offset: number) => qword(rsp, { disp: EC_REGS + offset });
const inFrame = (register: Register) =>
  frameField((PUSH_ORDER.length - 1 - PUSH_ORDER.indexOf(register)) * 8);

function saveRegisters(a: Assembler, registers: readonly Register[]): void {
  for (const register of registers) a.mov(inFrame(register), register);
}

function loadRegisters(a: Assembler, registers: readonly Register[]): void {
  for (const register of registers) a.mov(register, inFrame(register));
}

function pushRegisters(a: Assembler): void {
  for (const register of PUSH_ORDER) {
    // The slot of CR2 is filled in for page faults only.
    if (register === rsp) a.push(0);
    else a.push(register);
  }
}

/** The word of the lock (`emitLock`), and its halves. */
const lockWord = () => qword(rip("kernel_lock_word"));
const lockHolder = () => dword(rip("kernel_lock_word"));
const lockHeir = () => dword(rip("kernel_lock_heir"));

/** Takes the lock; RAX is changed. `self` holds the address of the per-CPU area, `place` is a prefix for a label. */
function takeLock(a: Assembler, self: Register, place: string): void {
  a.xor(eax, eax);
  a.lock.cmpxchg(lockWord(), self);
  a.je(`${place}_locked`);
  a.call("kernel_lock_wait");
  a.label(`${place}_locked`);
}

function releaseLock(a: Assembler): void {
  a.mov(lockHolder(), 0);
}

/**
 * On the CPU's stack, with the lock and the window, calls `handler`, which gets the argument registers as they are;
 * `self` is where the address of the per-CPU area goes first.
 */
function enterKernel(
  a: Assembler,
  handler: string,
  frame: FrameState,
  self: typeof rdi | typeof rcx = rdi,
): void {
  a.mov(self === rdi ? edi : ecx, dword({ disp: CPU_SELF, segment: gs }));
  a.mov(rsp, perCpu(CPU_STACK));
  a.frame(frame);
  a.form("Mov_r64_imm64", r15, WINDOW);
  takeLock(a, self, handler);
  a.call(handler);
}

/** The user's RSP is in the frame's R11, RIP in RCX. Nothing faults: RCX is a user address. */
function emitSysret(a: Assembler): void {
  a.mov(rsp, inFrame(r11));
  a.frame(systemCallFrame(rcx, rsp));
  a.mov(r11d, SYSRET_FLAGS);
  a.swapgs();
  a.sysretq();
}

/** Calls `handler` with the frame of a trap: the SYSCALL may become an event, or end in IRET. */
function emitWithTrapFrame(a: Assembler, handler: string): void {
  a.frame(userFrame(PUSH_ORDER, "syscall", VOLATILE));
  saveRegisters(a, CALLEE_SAVED);
  a.mov(rax, inFrame(rcx));
  a.mov(frameField(FRAME_RIP), rax);
  a.mov(rax, inFrame(r11));
  a.mov(frameField(FRAME_RSP), rax);
  a.mov(rax, perCpu(CPU_SCRATCH));
  a.mov(frameField(FRAME_RFLAGS), rax);
  a.mov(frameField(FRAME_CS), SEL_USER_CODE_L);
  a.mov(frameField(FRAME_SS), SEL_USER_DATA);
  for (const field of [FRAME_VEC, FRAME_ERR, FRAME_CR2]) a.mov(frameField(field), 0);
  enterKernel(a, handler, entryFrame(PUSH_ORDER, "interrupt"));
  a.jmp("kernel_leave");
}

function emitSyscall(a: Assembler): void {
  a.align(16);
  a.label("syscall_entry", { global: true });
  a.frame(systemCallFrame(rcx, rsp));
  a.swapgs();
  // RCX = RIP and R11 = RFLAGS come from the CPU; the interface wants the user's RSP in R11.
  a.mov(perCpu(CPU_SCRATCH), r11);
  a.mov(r11, rsp);
  a.mov(rsp, perCpu(CPU_EC));
  a.frame(systemCallFrame(rcx, r11));
  saveRegisters(a, VOLATILE);
  a.cmp(perCpu(CPU_ATTENTION), 0);
  a.jne("syscall_attention");
  a.label("syscall_hypercall");
  // The number is ARG1[7:0].
  a.cmp(dil, HC_REPLY);
  a.jb("syscall_call");
  a.je("syscall_reply");
  a.cmp(dil, HC_PT_CTRL);
  a.je("syscall_pt_ctrl");
  a.cmp(dil, HC_SM_CTRL);
  a.je("syscall_sm_ctrl");

  a.label("syscall_general");
  emitWithTrapFrame(a, "on_syscall");

  // The domain is foreign, or the CPU has a hazard. Hypercalls of a foreign domain go the way of others from here on.
  a.align(16);
  a.label("syscall_attention");
  a.frame(userFrame(PUSH_ORDER, "syscall", VOLATILE));
  a.cmp(dword({ disp: CPU_FOREIGN, segment: gs }), 0);
  a.je("syscall_general");
  // This is the one place where the flag is read: it is in user memory and may change at any time.
  a.mov(rax, qword(rsp, { disp: EC_UTCB }));
  a.test(dword(rax, { disp: UTCB_FLAGS }), UTCB_NSCT);
  a.jne("syscall_hybrid");
  a.cmp(qword(rsp, { disp: EC_ENTRY }), 0);
  a.jne("syscall_mediated");
  a.label("syscall_message");
  emitWithTrapFrame(a, "on_foreign_syscall");

  a.label("syscall_hybrid");
  a.frame(userFrame(PUSH_ORDER, "syscall", VOLATILE));
  a.cmp(dword({ disp: CPU_HAZARD, segment: gs }), 0);
  a.je("syscall_hypercall");
  a.jmp("syscall_general");

  // Messages go to another EC: all registers are saved, and those of the other one loaded.
  for (const [label, handler] of [
    ["syscall_call", "on_call"],
    ["syscall_reply", "on_reply"],
  ] as const) {
    a.align(16);
    a.label(label);
    a.frame(userFrame(PUSH_ORDER, "syscall", VOLATILE));
    saveRegisters(a, CALLEE_SAVED);
    enterKernel(a, handler, entryFrame(PUSH_ORDER, "syscall"));
    a.test(eax, eax);
    a.je("leave_sysret");
    a.jmp("leave_iret");
  }

  // ARG1, ARG2 and ARG3 are where a function's first arguments are.
  for (const [label, handler] of [
    ["syscall_sm_ctrl", "on_sm_ctrl"],
    ["syscall_pt_ctrl", "on_pt_ctrl"],
  ] as const) {
    a.align(16);
    a.label(label);
    a.frame(userFrame(PUSH_ORDER, "syscall", VOLATILE));
    enterKernel(a, handler, entryFrame(PUSH_ORDER, "syscall", VOLATILE), rcx);
    releaseLock(a);
    a.mov(rsp, perCpu(CPU_EC));
    a.frame(userFrame(PUSH_ORDER, "syscall", VOLATILE));
    a.test(eax, eax);
    a.jne("syscall_general");
    loadRegisters(
      a,
      VOLATILE.filter((register) => register !== rdi && register !== r11),
    );
    a.xor(edi, edi);
    emitSysret(a);
  }
}

/**
 * A foreign system call of an EC that has an entry into user mode: code there gets it, with all registers as SYSCALL
 * has left them, RFLAGS included, but for R11, the caller's RSP, and RSP. A message as ever is what the code itself
 * sends, and a call that is stepped through, since the step would end in that code. Nothing but the EC's own state is
 * read, so there is no lock to take.
 */
function emitMediated(a: Assembler): void {
  a.align(16);
  a.label("syscall_mediated");
  a.frame(userFrame(PUSH_ORDER, "syscall", VOLATILE));
  a.test(byte({ disp: CPU_SCRATCH + 1, segment: gs }), RFLAGS_TF >> 8);
  a.jne("syscall_message");
  a.mov(rax, rcx);
  a.sub(rax, qword(rsp, { disp: EC_ENTRY }));
  a.cmp(rax, qword(rsp, { disp: EC_ENTRY_BYTES }));
  a.jb("syscall_message");
  a.mov(rax, qword(rsp, { disp: EC_ENTRY }));
  a.mov(frameField(FRAME_RIP), rax);
  a.mov(rax, qword(rsp, { disp: EC_ENTRY_STACK }));
  a.mov(frameField(FRAME_RSP), rax);
  a.mov(rax, perCpu(CPU_SCRATCH));
  a.mov(frameField(FRAME_RFLAGS), rax);
  a.mov(frameField(FRAME_CS), SEL_USER_CODE_L);
  a.mov(frameField(FRAME_SS), SEL_USER_DATA);
  loadRegisters(a, [rax]);
  a.add(rsp, EC_REGS + FRAME_RIP);
  a.swapgs();
  a.iretq();
}

/** EAX: EXIT_SYSRET or EXIT_IRET. */
function emitLeave(a: Assembler): void {
  a.align(16);
  a.label("kernel_leave");
  a.frame(entryFrame(PUSH_ORDER, "interrupt"));
  a.test(eax, eax);
  a.jne("leave_iret");
  a.label("leave_sysret");
  a.frame(entryFrame(PUSH_ORDER, "syscall"));
  releaseLock(a);
  a.mov(rsp, perCpu(CPU_EC));
  a.frame(userFrame(PUSH_ORDER, "syscall"));
  loadRegisters(
    a,
    PUSH_ORDER.filter((register) => register !== rsp && register !== r11),
  );
  emitSysret(a);
  a.label("leave_iret");
  a.frame(entryFrame(PUSH_ORDER, "interrupt"));
  releaseLock(a);
  a.mov(rsp, perCpu(CPU_EC));
  a.frame(userFrame(PUSH_ORDER, "interrupt"));
  loadRegisters(
    a,
    PUSH_ORDER.filter((register) => register !== rsp),
  );
  a.add(rsp, EC_REGS + FRAME_RIP);
  a.swapgs();
  a.iretq();
}

/** The 256 entries of the IDT. `clearAc`: the CPU has SMAP, which a user's AC flag would turn off in the kernel. */
function emitStubs(a: Assembler, label: string, clearAc: boolean): void {
  a.align(ISR_STRIDE);
  a.label(label, { global: true });
  for (let vector = 0; vector < 256; vector++) {
    a.align(ISR_STRIDE);
    a.frame(interruptFrame(WITH_ERROR_CODE.has(vector) ? 8 : 0));
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
  a.frame(interruptFrame(16));
  a.test(byte(rsp, { disp: 24 }), 3);
  a.je("isr_kernel");
  pushRegisters(a);
  a.cld();
  a.swapgs();
  enterKernel(a, "on_trap", entryFrame(PUSH_ORDER, "interrupt"));
  a.jmp("kernel_leave");

  // A fault in the kernel, or an interrupt while it is idle: only then does it run with interrupts on.
  a.label("isr_kernel");
  a.frame(interruptFrame(16));
  const saved = [rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, rbx, rbp, r15];
  for (const register of saved) a.push(register);
  a.cld();
  a.mov(rbp, rsp);
  const end = 16 + 40 + saved.length * 8;
  a.frameChange({ cfa: { register: frameRegister(rbp), offset: end } });
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
  releaseLock(a);
  a.jmp("isr_kernel_done");
  a.label("isr_kernel_fault");
  a.call("on_kernel_trap");
  a.label("isr_kernel_done");
  a.mov(rsp, rbp);
  a.frameChange({ cfa: { register: frameRegister(rsp), offset: end } });
  for (const register of [...saved].reverse()) a.pop(register);
  a.add(rsp, 16);
  a.iretq();

  // Another CPU has changed a page table this one uses and waits until the word is 0.
  a.label("isr_tlb");
  a.frame(interruptFrame());
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
  a.cmp(dword(rip("lapic_x2")), 0);
  a.jne("isr_tlb_x2");
  a.form("Mov_r64_imm64", rax, WINDOW + BigInt(LAPIC_BASE) + BigInt(LAPIC_EOI));
  a.mov(dword(rax), 0);
  a.label("isr_tlb_ended");
  a.pop(rax);
  a.iretq();
  a.label("isr_tlb_x2");
  a.push(rcx);
  a.push(rdx);
  a.mov(ecx, IA32_X2APIC + (LAPIC_EOI >> 4));
  a.xor(eax, eax);
  a.xor(edx, edx);
  a.wrmsr();
  a.pop(rdx);
  a.pop(rcx);
  a.jmp("isr_tlb_ended");
}

/** Turns of the wait after which a CPU asks to be the next, and those for which others let one that asks go first. */
const PATIENCE = 64;
const COURTESY = 512;

/**
 * The kernel's lock: a word whose low half is the holder's per-CPU area, 0 where there is none. Whoever finds it free
 * takes it, so that a virtual CPU that the host does not run keeps nobody waiting unless it is the holder. A CPU that
 * has waited for some time writes itself into the high half: others then fail to take a free lock, and let it go
 * first, but not for ever: it may have stopped running just then.
 */
function emitLock(a: Assembler): void {
  a.align(16);
  a.label("kernel_lock");
  a.frame();
  a.mov(r8d, dword({ disp: CPU_SELF, segment: gs }));
  takeLock(a, r8, "kernel_lock");
  a.ret();

  // Changes RAX alone. RCX: this CPU; EDX: turns.
  a.label("kernel_lock_wait");
  a.frame();
  a.push(rcx);
  a.push(rdx);
  a.frameChange({ cfa: { register: frameRegister(rsp), offset: 24 } });
  a.mov(ecx, dword({ disp: CPU_SELF, segment: gs }));
  a.xor(edx, edx);
  a.label("kernel_lock_turn");
  a.pause();
  a.inc(edx);
  // The holder may be waiting for this CPU to forget translations; interrupts are off here.
  a.cmp(perCpu(CPU_TLB_REQUEST), 0);
  a.je("kernel_lock_look");
  a.mov(rax, cr3);
  a.mov(cr3, rax);
  a.mov(perCpu(CPU_TLB_REQUEST), 0);
  a.label("kernel_lock_look");
  a.mov(rax, lockWord());
  a.test(eax, eax);
  a.jne("kernel_lock_held");
  a.shr(rax, 32);
  a.je("kernel_lock_try");
  a.cmp(eax, ecx);
  a.je("kernel_lock_try");
  a.cmp(edx, COURTESY);
  a.jb("kernel_lock_turn");
  a.mov(lockHeir(), 0);
  a.label("kernel_lock_try");
  a.xor(eax, eax);
  a.lock.cmpxchg(lockHolder(), ecx);
  a.jne("kernel_lock_turn");
  a.cmp(lockHeir(), ecx);
  a.jne("kernel_lock_taken");
  a.mov(lockHeir(), 0);
  a.label("kernel_lock_taken");
  a.pop(rdx);
  a.pop(rcx);
  a.frameChange({ cfa: { register: frameRegister(rsp), offset: 8 } });
  a.ret();
  a.label("kernel_lock_held");
  a.frameChange({ cfa: { register: frameRegister(rsp), offset: 24 } });
  a.cmp(edx, PATIENCE);
  a.jb("kernel_lock_turn");
  a.shr(rax, 32);
  a.jne("kernel_lock_turn");
  a.lock.cmpxchg(lockHeir(), ecx);
  a.jmp("kernel_lock_turn");

  a.align(16);
  a.label("idle", { global: true });
  a.frame();
  a.push(rax);
  releaseLock(a);
  // STI takes effect after the next instruction: no interrupt is lost between the two.
  a.sti();
  a.hlt();
  a.cli();
  a.call("kernel_lock");
  a.pop(rax);
  a.ret();

  a.align(16);
  a.label("open_window", { global: true });
  a.frame();
  a.push(rax);
  releaseLock(a);
  // What is pending comes after the instruction behind STI.
  a.sti();
  a.nop();
  a.cli();
  a.call("kernel_lock");
  a.pop(rax);
  a.ret();

  // The boot CPU has it from the start, when there is no per-CPU area yet.
  a.section(".data");
  a.align(64);
  a.label("kernel_lock_word");
  a.dd(1);
  a.label("kernel_lock_heir");
  a.dd(0);
  a.label("lapic_x2", { global: true, kind: "object" });
  a.dd(0);
  a.section(".text");
}

/** Functions of the module `stub`: System V AMD64, 32-bit arguments with undefined upper halves. */
function emitFunctions(a: Assembler): void {
  a.align(16);
  a.label("rdmsr_safe", { global: true });
  a.frame();
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
}

/** Emits everything into `.text`, the lock's words into `.data`. */
export function emitEntries(a: Assembler): void {
  a.section(".text");
  a.bits(64);
  emitSyscall(a);
  emitMediated(a);
  emitLeave(a);
  emitInterrupts(a);
  emitLock(a);
  emitFunctions(a);
  a.frame(undefined);
}
