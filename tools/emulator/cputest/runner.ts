// The program that runs state records on the host CPU: a static Linux ELF64 for x86-64 that is nothing but
// a signal handler. Every snippet ends in an exception; the handler writes the state that the kernel saved
// in the signal frame (Linux arch/x86/include/uapi/asm/sigcontext.h) to stdout, reads the next record from
// stdin into the same frame and returns to it with rt_sigreturn. It makes do without FSGSBASE (arch_prctl), AVX
// (upper YMM halves are reported unchanged) and interval timers (an endless snippet is then ended from outside).
import * as r from "../../asm/index.ts";
import { linkElf } from "../../elf/index.ts";
import { Field, Memory, RECORD_SIZE, VECTOR_TIMEOUT } from "./record.ts";

/** Linux system call numbers, arch/x86/entry/syscalls/syscall_64.tbl. */
const SYS = {
  read: 0,
  write: 1,
  mmap: 9,
  mprotect: 10,
  rt_sigaction: 13,
  rt_sigreturn: 15,
  setitimer: 38,
  sigaltstack: 131,
  arch_prctl: 158,
  exit_group: 231,
} as const;

/** Offsets in struct ucontext; general registers are `GREG + 8 * index`. */
const GREG = 40;
const GREG_RIP = GREG + 16 * 8;
const GREG_EFLAGS = GREG + 17 * 8;
const GREG_CS = GREG + 18 * 8;
const GREG_ERR = GREG + 19 * 8;
const GREG_TRAPNO = GREG + 20 * 8;
const GREG_CR2 = GREG + 22 * 8;
const FPREGS = 224;
/** Linux' user selectors, arch/x86/include/asm/segment.h. */
const CS_64 = 0x33;
const CS_32 = 0x23;
const USER_DS = 0x2b;
/** Index in gregs of each register in encoding order. */
const GREG_ORDER = [13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7];

/** Standard-format XSAVE area: header after the legacy region, then the upper YMM halves. */
const XSTATE_BV = 512;
const XSAVE_YMM = 576;
const XSTATE_X87_SSE = 3;
const XSTATE_AVX = 4;
/** struct _fpx_sw_bytes at the end of the FXSAVE image: only with this magic number an XSAVE area follows. */
const XSAVE_MAGIC = 464;
const FP_XSTATE_MAGIC1 = 0x4650_5853;
const XSAVE_FEATURES = 472;
/** Bytes of the FXSAVE image in use; what follows belongs to the kernel's frame. */
const FXSAVE_USED = 416;

/** Counts user time: other load or a stopped virtual machine must not end a snippet. */
const ITIMER_VIRTUAL = 1;
const SIGVTALRM = 26;
/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGVTALRM. */
const SIGNALS = [4, 5, 7, 8, 11, SIGVTALRM];
/** Auxiliary vector, include/uapi/linux/auxvec.h, and arch/x86/include/uapi/asm/hwcap2.h: FSGSBASE is enabled. */
const AT_HWCAP2 = 26;
const HWCAP2_FSGSBASE = 2;
/** arch/x86/include/uapi/asm/prctl.h. */
const ARCH = { SET_GS: 0x1001, SET_FS: 0x1002, GET_FS: 0x1003, GET_GS: 0x1004 } as const;
/** SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER. */
const SA_FLAGS = 0x4c00_0004;
const STACK_SIZE = 0x10000;

/** The runner as an ELF executable. */
export function assembleRunner(): Uint8Array {
  const a = new r.Assembler({ bits: 64, name: "cputest runner" });
  const syscall = (number: number): void => {
    a.mov(r.eax, number);
    a.syscall();
  };
  const copy = (qwords: number): void => {
    a.mov(r.ecx, qwords);
    a.rep.movsq();
  };
  const clear = (qwords: number): void => {
    a.xor(r.eax, r.eax);
    a.mov(r.ecx, qwords);
    a.rep.stosq();
  };
  const map = (address: number, size: number, protection: number): void => {
    a.mov(r.edi, address);
    a.mov(r.esi, size);
    a.mov(r.edx, protection);
    a.mov(r.r10d, 0x32); // MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
    a.mov(r.r8, -1);
    a.xor(r.r9d, r.r9d);
    syscall(SYS.mmap);
  };
  /** read or write of one record at RSI; leaves for `otherwise` at end of file or on an error. */
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

  /** Leaves for `otherwise` when no XSAVE area follows the FXSAVE image that R13 points to, or one without AVX. */
  const xsaveOrElse = (otherwise: string): void => {
    a.cmp(r.dword(r.r13, { disp: XSAVE_MAGIC }), FP_XSTATE_MAGIC1);
    a.jne(otherwise);
  };
  const avxOrElse = (otherwise: string): void => {
    xsaveOrElse(otherwise);
    a.test(r.byte(r.r13, { disp: XSAVE_FEATURES }), XSTATE_AVX);
    a.je(otherwise);
  };
  /** The bases of FS and GS to or from two quadwords at `at`. */
  const segmentBases = (
    name: string,
    at: (offset: number) => r.Memory,
    byInstruction: (index: 0 | 1, place: r.Memory) => void,
    operations: readonly [number, number],
  ): void => {
    a.cmp(r.byte(r.rip("fsgsbase")), 0);
    a.je(`${name} by call`);
    byInstruction(0, at(Field.fsBase));
    byInstruction(1, at(Field.gsBase));
    a.jmp(`${name} done`);
    a.label(`${name} by call`);
    for (const [i, field] of [Field.fsBase, Field.gsBase].entries()) {
      const stores = operations[i] === ARCH.GET_FS || operations[i] === ARCH.GET_GS;
      if (stores) a.lea(r.rsi, at(field));
      else a.mov(r.rsi, at(field));
      a.mov(r.edi, operations[i] as number);
      syscall(SYS.arch_prctl);
    }
    a.label(`${name} done`);
  };

  a.section(".text");
  a.label("_start", { global: true });
  // Past the arguments and the environment to the auxiliary vector.
  a.mov(r.rsi, r.rsp);
  a.lodsq();
  a.lea(r.rsi, r.mem(r.rsi, { index: r.rax, scale: 8, disp: 8 }));
  a.label("environment");
  a.lodsq();
  a.test(r.rax, r.rax);
  a.jne("environment");
  a.label("auxiliary");
  a.lodsq();
  a.mov(r.rdx, r.rax);
  a.lodsq();
  a.test(r.rdx, r.rdx);
  a.je("started");
  a.cmp(r.rdx, AT_HWCAP2);
  a.jne("auxiliary");
  a.and(r.al, HWCAP2_FSGSBASE);
  a.mov(r.byte(r.rip("fsgsbase")), r.al);
  a.jmp("auxiliary");
  a.label("started");
  // Compatibility mode needs data segments; 64-bit mode does not care.
  a.mov(r.eax, USER_DS);
  for (const segment of [r.ds, r.es, r.fs, r.gs]) a.mov(segment, r.eax);
  map(Memory.code, Memory.codeSize, 7);
  map(Memory.data, Memory.dataSize, 3);
  map(Memory.readOnly, Memory.readOnlySize, 3);
  a.mov(r.edi, Memory.code);
  a.mov(r.ecx, Memory.codeSize);
  a.mov(r.al, 0xcc);
  a.rep.stosb();
  a.mov(r.edi, Memory.readOnly);
  a.xor(r.ecx, r.ecx);
  a.label("pattern");
  a.imul(r.eax, r.ecx, 7);
  a.add(r.eax, 3);
  a.stosb();
  a.inc(r.ecx);
  a.cmp(r.ecx, Memory.readOnlySize);
  a.jb("pattern");
  a.mov(r.edi, Memory.readOnly);
  a.mov(r.esi, Memory.readOnlySize);
  a.mov(r.edx, 1);
  syscall(SYS.mprotect);
  a.lea(r.rdi, r.rip("alternate_stack"));
  a.xor(r.esi, r.esi);
  syscall(SYS.sigaltstack);
  for (const signal of SIGNALS) {
    a.mov(r.edi, signal);
    a.lea(r.rsi, r.rip("action"));
    a.xor(r.edx, r.edx);
    a.mov(r.r10d, 8);
    syscall(SYS.rt_sigaction);
  }
  a.mov(r.edi, ITIMER_VIRTUAL);
  a.lea(r.rsi, r.rip("interval"));
  a.xor(r.edx, r.edx);
  syscall(SYS.setitimer);
  a.int3(); // the first record is read by the handler

  a.label("restorer");
  syscall(SYS.rt_sigreturn);

  // EDI = signal, RDX = ucontext. The snippet may have left AC set, so the flags come first.
  a.label("handler");
  a.push(2);
  a.popfq();
  a.mov(r.rbp, r.rdx);
  a.lea(r.rbx, r.rip("after"));
  a.lea(r.r12, r.rip("before"));
  a.mov(r.r13, r.qword(r.rbp, { disp: FPREGS }));
  a.cmp(r.edi, SIGVTALRM);
  a.jne("exception");
  // The timer only ends a snippet that has been running since the last tick.
  a.mov(r.rax, r.qword(r.rip("count")));
  a.cmp(r.rax, r.qword(r.rip("ticked")));
  a.mov(r.qword(r.rip("ticked")), r.rax);
  a.jne("resume");
  a.mov(r.dword(r.rbx), VECTOR_TIMEOUT);
  a.jmp("collect");
  a.label("exception");
  a.mov(r.eax, r.dword(r.rbp, { disp: GREG_TRAPNO }));
  a.mov(r.dword(r.rbx), r.eax);

  a.label("collect");
  a.cmp(r.qword(r.rip("count")), 0);
  a.je("load");
  for (const [field, from] of [
    [Field.errorCode, GREG_ERR],
    [Field.cr2, GREG_CR2],
    [Field.rip, GREG_RIP],
    [Field.rflags, GREG_EFLAGS],
    ...GREG_ORDER.map((greg, i) => [Field.gpr + 8 * i, GREG + 8 * greg] as const),
  ] as const) {
    a.mov(r.rax, r.qword(r.rbp, { disp: from }));
    a.mov(r.qword(r.rbx, { disp: field }), r.rax);
  }
  segmentBases(
    "store bases",
    (offset) => r.qword(r.rbx, { disp: offset }),
    (index, place) => {
      if (index === 0) a.rdfsbase(r.rax);
      else a.rdgsbase(r.rax);
      a.mov(place, r.rax);
    },
    [ARCH.GET_FS, ARCH.GET_GS],
  );
  a.lea(r.rdi, r.mem(r.rbx, { disp: Field.fx }));
  a.mov(r.rsi, r.r13);
  copy(FXSAVE_USED / 8);
  avxOrElse("without_avx");
  a.lea(r.rdi, r.mem(r.rbx, { disp: Field.ymmHigh }));
  a.lea(r.rsi, r.mem(r.r13, { disp: XSAVE_YMM }));
  copy(32);
  // A component in its initial state is not written to the frame.
  a.test(r.byte(r.r13, { disp: XSTATE_BV }), XSTATE_AVX);
  a.jne("has_avx");
  a.lea(r.rdi, r.mem(r.rbx, { disp: Field.ymmHigh }));
  clear(32);
  a.jmp("has_avx");
  a.label("without_avx");
  a.lea(r.rdi, r.mem(r.rbx, { disp: Field.ymmHigh }));
  a.lea(r.rsi, r.mem(r.r12, { disp: Field.ymmHigh }));
  copy(32);
  xsaveOrElse("has_sse");
  a.label("has_avx");
  a.test(r.byte(r.r13, { disp: XSTATE_BV }), 2);
  a.jne("has_sse");
  a.lea(r.rdi, r.mem(r.rbx, { disp: Field.xmm }));
  clear(32);
  a.label("has_sse");
  a.lea(r.rdi, r.mem(r.rbx, { disp: Field.windowA }));
  a.mov(r.esi, Memory.windowA);
  copy(Memory.windowASize / 8);
  a.lea(r.rdi, r.mem(r.rbx, { disp: Field.windowB }));
  a.mov(r.esi, Memory.windowB);
  copy(Memory.windowBSize / 8);
  a.mov(r.rsi, r.rbx);
  transfer(SYS.write, 1, "failed");

  a.label("load");
  a.inc(r.qword(r.rip("count")));
  a.mov(r.rsi, r.r12);
  transfer(SYS.read, 0, "finished");
  // INT3 everywhere (a snippet may have written to the code pages), then the new code.
  a.mov(r.edi, Memory.code);
  a.mov(r.ecx, Memory.codeSize);
  a.mov(r.al, 0xcc);
  a.rep.stosb();
  a.mov(r.edi, r.dword(r.r12, { disp: Field.codeAddress }));
  a.mov(r.ecx, r.dword(r.r12, { disp: Field.codeLength }));
  a.lea(r.rsi, r.mem(r.r12, { disp: Field.code }));
  a.rep.movsb();
  a.mov(r.edi, Memory.data);
  clear(Memory.dataSize / 8);
  a.mov(r.edi, Memory.windowA);
  a.lea(r.rsi, r.mem(r.r12, { disp: Field.windowA }));
  copy(Memory.windowASize / 8);
  a.mov(r.edi, Memory.windowB);
  a.lea(r.rsi, r.mem(r.r12, { disp: Field.windowB }));
  copy(Memory.windowBSize / 8);
  segmentBases(
    "load bases",
    (offset) => r.qword(r.r12, { disp: offset }),
    (index, place) => {
      a.mov(r.rax, place);
      if (index === 0) a.wrfsbase(r.rax);
      else a.wrgsbase(r.rax);
    },
    [ARCH.SET_FS, ARCH.SET_GS],
  );
  for (const [field, to] of [
    [Field.rip, GREG_RIP],
    [Field.rflags, GREG_EFLAGS],
    ...GREG_ORDER.map((greg, i) => [Field.gpr + 8 * i, GREG + 8 * greg] as const),
  ] as const) {
    a.mov(r.rax, r.qword(r.r12, { disp: field }));
    a.mov(r.qword(r.rbp, { disp: to }), r.rax);
  }
  a.mov(r.word(r.rbp, { disp: GREG_CS }), CS_64);
  a.cmp(r.dword(r.r12, { disp: Field.mode }), 32);
  a.jne("in_64_bit_mode");
  a.mov(r.word(r.rbp, { disp: GREG_CS }), CS_32);
  a.label("in_64_bit_mode");
  a.mov(r.rdi, r.r13);
  a.lea(r.rsi, r.mem(r.r12, { disp: Field.fx }));
  copy(FXSAVE_USED / 8);
  xsaveOrElse("resume");
  a.mov(r.qword(r.r13, { disp: XSTATE_BV }), XSTATE_X87_SSE);
  avxOrElse("resume");
  a.lea(r.rdi, r.mem(r.r13, { disp: XSAVE_YMM }));
  a.lea(r.rsi, r.mem(r.r12, { disp: Field.ymmHigh }));
  copy(32);
  a.or(r.byte(r.r13, { disp: XSTATE_BV }), XSTATE_AVX);

  a.label("resume");
  a.mov(r.rsp, r.rbp);
  syscall(SYS.rt_sigreturn);

  a.label("finished");
  a.mov(r.edi, r.eax); // 0 at end of file
  syscall(SYS.exit_group);
  a.label("failed");
  a.mov(r.edi, 1);
  syscall(SYS.exit_group);

  a.section(".data");
  a.align(8);
  a.label("action");
  a.dq("handler", SA_FLAGS, "restorer", 0);
  a.label("alternate_stack");
  a.dq("stack", 0, STACK_SIZE);
  a.label("interval");
  a.dq(1, 0, 1, 0);
  a.label("count");
  a.dq(0);
  a.label("ticked");
  a.dq(-1);
  a.label("fsgsbase");
  a.dq(0);
  a.section(".bss", { align: 64 });
  a.label("before");
  a.space(RECORD_SIZE);
  a.label("after");
  a.space(RECORD_SIZE);
  a.label("stack");
  a.space(STACK_SIZE);

  return linkElf({
    objects: [a.object()],
    // An address that no random operand is likely to hit.
    segments: [
      { name: "text", flags: "rx", vaddr: 0x5_79b0_0000n, sections: [".text"] },
      { name: "data", flags: "rw", sections: [".data", ".bss"] },
    ],
    entry: "_start",
    class: 64,
  });
}
