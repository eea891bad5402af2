// The program that runs real-mode state records on the host CPU through KVM (Linux
// Documentation/virt/kvm/api.rst): a static ELF64 that builds a virtual machine of one CPU and a megabyte of
// memory whose interrupt vectors all lead to HLT, and then loads, runs and stores one record after the
// other, as runner.ts does for user mode. A snippet ends with HLT.
import * as r from "../../asm/index.ts";
import { linkElf } from "../../elf/index.ts";
import { Field, RECORD_SIZE, RealMode, VECTOR_TIMEOUT } from "./record.ts";

const SYS = {
  read: 0,
  write: 1,
  open: 2,
  mmap: 9,
  rt_sigaction: 13,
  rt_sigreturn: 15,
  ioctl: 16,
  setitimer: 38,
  exit_group: 231,
} as const;

const KVM = {
  CREATE_VM: 0xae01,
  GET_VCPU_MMAP_SIZE: 0xae04,
  CREATE_VCPU: 0xae41,
  SET_USER_MEMORY_REGION: 0x4020_ae46,
  SET_TSS_ADDR: 0xae47,
  RUN: 0xae80,
  GET_REGS: 0x8090_ae81,
  SET_REGS: 0x4090_ae82,
  GET_SREGS: 0x8138_ae83,
  SET_SREGS: 0x4138_ae84,
  SET_VCPU_EVENTS: 0x4040_aea0,
  GET_XSAVE: 0x9000_aea4,
  SET_XSAVE: 0x5000_aea5,
} as const;

/** struct kvm_regs: index of each register in encoding order; then RIP and RFLAGS. */
const REGS_ORDER = [0, 2, 3, 1, 6, 7, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
const REGS_RIP = 128;
const REGS_RFLAGS = 136;
/** struct kvm_sregs: offsets of the segments in the order ES CS SS DS FS GS, and of what else is set. */
const SREGS_SEGMENTS = [48, 0, 120, 24, 72, 96];
const SEGMENT_SELECTOR = 12;
const SREGS_IDT_LIMIT = 208 + 8;
const SREGS_CR0 = 224;
const SREGS_CR4 = 248;
/** kvm_run.exit_reason. */
const EXIT_REASON = 8;
const EXIT_HLT = 5;
const XSTATE_BV = 512;
const MEMORY_AT = 0x7_0000_0000n;

/** The runner as an ELF executable. */
export function assembleKvmRunner(): Uint8Array {
  const a = new r.Assembler({ bits: 64, name: "cputest KVM runner" });
  const syscall = (number: number): void => {
    a.mov(r.eax, number);
    a.syscall();
  };
  const ioctl = (descriptor: r.Reg, request: number, argument: string | number): void => {
    a.mov(r.edi, descriptor);
    a.mov(r.esi, request);
    if (typeof argument === "string") a.lea(r.rdx, r.rip(argument));
    else a.mov(r.edx, argument);
    syscall(SYS.ioctl);
  };
  const check = (): void => {
    a.test(r.eax, r.eax);
    a.js("failed");
  };
  const copy = (qwords: number): void => {
    a.mov(r.ecx, qwords);
    a.rep.movsq();
  };
  const transfer = (number: number, descriptor: number, otherwise: string): void => {
    a.mov(r.edx, RECORD_SIZE);
    const again = a.label();
    a.mov(r.edi, descriptor);
    syscall(number);
    a.test(r.rax, r.rax);
    a.jle(otherwise);
    a.add(r.rsi, r.rax);
    a.sub(r.rdx, r.rax);
    a.jne(again);
  };
  // EBP = VM, EBX = CPU, R12 = guest memory, R13 = struct kvm_run.
  const guest = (address: number): r.Memory => r.mem(r.r12, { disp: address });

  a.section(".text");
  a.label("_start", { global: true });
  a.mov(r.edi, 14); // SIGALRM
  a.lea(r.rsi, r.rip("action"));
  a.xor(r.edx, r.edx);
  a.mov(r.r10d, 8);
  syscall(SYS.rt_sigaction);
  a.lea(r.rdi, r.rip("device"));
  a.mov(r.esi, 2); // O_RDWR
  syscall(SYS.open);
  check();
  a.mov(r.r14d, r.eax);
  ioctl(r.r14d, KVM.CREATE_VM, 0);
  check();
  a.mov(r.ebp, r.eax);
  ioctl(r.ebp, KVM.SET_TSS_ADDR, 0xfffb_d000); // needed on Intel, ignored elsewhere
  a.mov(r.rdi, MEMORY_AT);
  a.mov(r.esi, RealMode.memorySize);
  a.mov(r.edx, 3);
  a.mov(r.r10d, 0x32); // MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
  a.mov(r.r8, -1);
  a.xor(r.r9d, r.r9d);
  syscall(SYS.mmap);
  a.mov(r.r12, r.rax);
  ioctl(r.ebp, KVM.SET_USER_MEMORY_REGION, "region");
  check();
  ioctl(r.ebp, KVM.CREATE_VCPU, 0);
  check();
  a.mov(r.ebx, r.eax);
  ioctl(r.r14d, KVM.GET_VCPU_MMAP_SIZE, 0);
  a.mov(r.esi, r.eax);
  a.xor(r.edi, r.edi);
  a.mov(r.edx, 3);
  a.mov(r.r10d, 1); // MAP_SHARED
  a.mov(r.r8d, r.ebx);
  a.xor(r.r9d, r.r9d);
  syscall(SYS.mmap);
  a.mov(r.r13, r.rax);
  ioctl(r.ebx, KVM.GET_SREGS, "sregs");
  check();
  ioctl(r.ebx, KVM.GET_XSAVE, "xsave");
  check();
  a.xor(r.edi, r.edi);
  a.lea(r.rsi, r.rip("interval"));
  a.xor(r.edx, r.edx);
  syscall(SYS.setitimer);

  a.label("next");
  a.inc(r.qword(r.rip("count")));
  a.lea(r.rsi, r.rip("before"));
  transfer(SYS.read, 0, "finished");
  a.lea(r.r14, r.rip("before"));
  a.lea(r.r15, r.rip("sregs"));
  // Memory: zero, vectors that lead to HLT, HLT around the code, the windows.
  a.mov(r.rdi, r.r12);
  a.xor(r.eax, r.eax);
  a.mov(r.ecx, RealMode.memorySize / 8);
  a.rep.stosq();
  a.xor(r.ecx, r.ecx);
  a.label("vectors");
  a.lea(r.eax, r.mem(r.rcx, { disp: RealMode.handlers }));
  a.mov(r.dword(r.r12, { index: r.rcx, scale: 4 }), r.eax);
  a.mov(r.byte(r.r12, { index: r.rcx, disp: RealMode.handlers }), 0xf4);
  a.inc(r.ecx);
  a.cmp(r.ecx, 256);
  a.jb("vectors");
  a.lea(r.rdi, guest(RealMode.code));
  a.mov(r.ecx, RealMode.codeSize);
  a.mov(r.al, 0xf4);
  a.rep.stosb();
  a.mov(r.edi, r.dword(r.r14, { disp: Field.codeAddress }));
  a.add(r.rdi, r.r12);
  a.lea(r.rsi, r.mem(r.r14, { disp: Field.code }));
  a.mov(r.ecx, r.dword(r.r14, { disp: Field.codeLength }));
  a.rep.movsb();
  a.lea(r.rdi, guest(RealMode.windowA));
  a.lea(r.rsi, r.mem(r.r14, { disp: Field.windowA }));
  copy((Field.windowB - Field.windowA) / 8);
  a.lea(r.rdi, guest(RealMode.windowB));
  a.lea(r.rsi, r.mem(r.r14, { disp: Field.windowB }));
  copy((RECORD_SIZE - Field.windowB) / 8);
  for (const [i, segment] of SREGS_SEGMENTS.entries()) {
    a.movzx(r.eax, r.word(r.r14, { disp: Field.segments + 2 * i }));
    a.mov(r.word(r.r15, { disp: segment + SEGMENT_SELECTOR }), r.ax);
    a.shl(r.eax, 4);
    a.mov(r.qword(r.r15, { disp: segment }), r.rax);
  }
  a.mov(r.word(r.r15, { disp: SREGS_IDT_LIMIT }), 0x3ff);
  a.mov(r.qword(r.r15, { disp: SREGS_CR0 }), RealMode.cr0);
  a.mov(r.qword(r.r15, { disp: SREGS_CR4 }), RealMode.cr4);
  for (const [i, index] of REGS_ORDER.entries()) {
    a.mov(r.rax, r.qword(r.r14, { disp: Field.gpr + 8 * i }));
    a.mov(r.qword(r.rip("regs", 8 * index)), r.rax);
  }
  a.mov(r.rax, r.qword(r.r14, { disp: Field.rip }));
  a.mov(r.qword(r.rip("regs", REGS_RIP)), r.rax);
  a.mov(r.rax, r.qword(r.r14, { disp: Field.rflags }));
  a.mov(r.qword(r.rip("regs", REGS_RFLAGS)), r.rax);
  a.lea(r.rdi, r.rip("xsave"));
  a.lea(r.rsi, r.mem(r.r14, { disp: Field.fx }));
  copy(52);
  a.mov(r.qword(r.rip("xsave", XSTATE_BV)), 3);
  ioctl(r.ebx, KVM.SET_SREGS, "sregs");
  check();
  ioctl(r.ebx, KVM.SET_REGS, "regs");
  check();
  ioctl(r.ebx, KVM.SET_XSAVE, "xsave");
  check();
  ioctl(r.ebx, KVM.SET_VCPU_EVENTS, "events");
  check();

  a.label("run");
  ioctl(r.ebx, KVM.RUN, 0);
  a.mov(r.r15d, EXIT_HLT);
  a.test(r.eax, r.eax);
  a.jns("exited");
  // Interrupted: by the second tick during one snippet it is endless.
  a.mov(r.rax, r.qword(r.rip("count")));
  a.cmp(r.rax, r.qword(r.rip("ticked")));
  a.mov(r.qword(r.rip("ticked")), r.rax);
  a.jne("run");
  a.xor(r.r15d, r.r15d);
  a.label("exited");
  a.cmp(r.dword(r.r13, { disp: EXIT_REASON }), EXIT_HLT);
  a.je("halted");
  a.xor(r.r15d, r.r15d);
  a.label("halted");
  ioctl(r.ebx, KVM.GET_REGS, "regs");
  ioctl(r.ebx, KVM.GET_SREGS, "sregs_after");
  ioctl(r.ebx, KVM.GET_XSAVE, "xsave");
  a.lea(r.r14, r.rip("after"));
  // Vector: from the address of the HLT that ended the run.
  a.mov(r.eax, VECTOR_TIMEOUT);
  a.test(r.r15d, r.r15d);
  a.je("classified");
  a.mov(r.rax, r.qword(r.rip("regs", REGS_RIP)));
  a.add(r.rax, r.qword(r.rip("sregs_after", SREGS_SEGMENTS[1] as number)));
  a.sub(r.rax, RealMode.handlers + 1);
  a.cmp(r.rax, 256);
  a.jb("classified");
  a.mov(r.eax, RealMode.vectorEnd);
  a.label("classified");
  a.mov(r.dword(r.r14), r.eax);
  a.mov(r.dword(r.r14, { disp: Field.mode }), 16);
  a.lea(r.r15, r.rip("sregs_after"));
  for (const [i, segment] of SREGS_SEGMENTS.entries()) {
    a.mov(r.ax, r.word(r.r15, { disp: segment + SEGMENT_SELECTOR }));
    a.mov(r.word(r.r14, { disp: Field.segments + 2 * i }), r.ax);
  }
  for (const [i, index] of REGS_ORDER.entries()) {
    a.mov(r.rax, r.qword(r.rip("regs", 8 * index)));
    a.mov(r.qword(r.r14, { disp: Field.gpr + 8 * i }), r.rax);
  }
  a.mov(r.rax, r.qword(r.rip("regs", REGS_RIP)));
  a.mov(r.qword(r.r14, { disp: Field.rip }), r.rax);
  a.mov(r.rax, r.qword(r.rip("regs", REGS_RFLAGS)));
  a.mov(r.qword(r.r14, { disp: Field.rflags }), r.rax);
  a.lea(r.rdi, r.mem(r.r14, { disp: Field.fx }));
  a.lea(r.rsi, r.rip("xsave"));
  copy(52);
  a.lea(r.rdi, r.mem(r.r14, { disp: Field.windowA }));
  a.lea(r.rsi, guest(RealMode.windowA));
  copy((Field.windowB - Field.windowA) / 8);
  a.lea(r.rdi, r.mem(r.r14, { disp: Field.windowB }));
  a.lea(r.rsi, guest(RealMode.windowB));
  copy((RECORD_SIZE - Field.windowB) / 8);
  a.mov(r.rsi, r.r14);
  transfer(SYS.write, 1, "failed");
  a.jmp("next");

  a.label("finished");
  a.mov(r.edi, r.eax);
  syscall(SYS.exit_group);
  a.label("failed");
  a.mov(r.edi, 1);
  syscall(SYS.exit_group);
  a.label("handler");
  a.ret();
  a.label("restorer");
  syscall(SYS.rt_sigreturn);

  a.section(".data");
  a.align(8);
  a.label("device");
  a.db("/dev/kvm", 0);
  a.align(8);
  a.label("action");
  a.dq("handler", 0x0400_0000, "restorer", 0); // SA_RESTORER
  a.label("interval");
  a.dq(1, 0, 1, 0);
  a.label("count");
  a.dq(0);
  a.label("ticked");
  a.dq(-1);
  a.label("region"); // slot, flags, guest address, size, host address
  a.dd(0, 0);
  a.dq(0, RealMode.memorySize, MEMORY_AT);
  a.section(".bss", { align: 64 });
  for (const [name, size] of [
    ["before", RECORD_SIZE],
    ["after", RECORD_SIZE],
    ["regs", 192],
    ["sregs", 320],
    ["sregs_after", 320],
    ["events", 64],
    ["xsave", 4096],
  ] as const) {
    a.align(64);
    a.label(name);
    a.space(size);
  }

  return linkElf({
    objects: [a.object()],
    segments: [
      { name: "text", flags: "rx", vaddr: 0x40_0000n, sections: [".text"] },
      { name: "data", flags: "rw", sections: [".data", ".bss"] },
    ],
    entry: "_start",
    class: 64,
  });
}
