// What `make bench` runs in the emulator: one small loop for each kind of work a kernel and its programs do.
// Every loop computes a result that depends on all of its steps, so that two machines can be compared.

import {
  type Assembler,
  al,
  byte,
  cr2,
  cr3,
  dword,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  esp,
  mem,
  qword,
  r8,
  r9,
  r11,
  r12,
  r13,
  r14,
  r15,
  r15d,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  st0,
  st1,
  sym,
  xmm0,
  xmm1,
  xmm2,
  xmm3,
  xmm4,
} from "../../asm/index.ts";
import { FAULT_AREA } from "./frame.ts";
import { APIC, DATA_AREA, type Workload } from "./workload.ts";

/** Registers that the APIC has at these offsets (Intel SDM vol. 3A, table 11-1). */
const APIC_EOI = APIC + 0xb0;
const APIC_SPURIOUS = APIC + 0xf0;
const APIC_ICR = APIC + 0x300;
const IPI_VECTOR = 0x40;
const SOFTWARE_VECTOR = 0x41;

/** The next number of a linear congruential sequence in RAX (multiplier and increment: Knuth's MMIX). */
function nextRandom(a: Assembler): void {
  a.imul(rax, r8).add(rax, r9);
}

function startRandom(a: Assembler): void {
  a.mov(eax, 1).mov(r8, 6364136223846793005n).mov(r9, 1442695040888963407n);
}

const FIB_ARGUMENT = 20;
const COPY_BYTES = 16384;
/** Pages that a round of the page-fault loop touches. */
const FAULT_PAGES = 512;

export const workloads: Workload[] = [
  {
    name: "integer",
    what: "add, shift, xor, lea, branch",
    rounds: 60_000_000,
    code(a) {
      a.mov(eax, 0x12345).mov(ebx, 7).xor(edi, edi);
      a.label("loop");
      a.add(rax, rbx).mov(rdx, rax).shr(rdx, 7).xor(rbx, rdx);
      a.lea(rsi, mem(rax, { index: rbx, scale: 4 })).and(esi, 0xffff);
      a.sub(rax, rsi).rol(rbx, 5).test(eax, 0x10).jz("even").inc(rdi);
      a.label("even");
      a.dec(r15).jnz("loop").add(rax, rdi).ret();
    },
  },
  {
    name: "memory",
    what: "loads, stores, read-modify-write over 128 KiB",
    rounds: 40_000_000,
    code(a) {
      const from = DATA_AREA;
      const to = DATA_AREA + (1 << 20);
      a.xor(ebx, ebx).xor(edx, edx).mov(esi, from).mov(edi, to);
      a.label("loop");
      a.mov(rax, qword(rsi, { index: rbx })).add(rax, qword(rsi, { index: rbx, disp: 8 }));
      a.add(rax, rbx).mov(qword(rdi, { index: rbx }), rax);
      a.add(dword(rsi, { index: rbx, disp: 16 }), edx);
      a.movzx(edx, byte(rdi, { index: rbx, disp: 1 }));
      a.add(rbx, 24).and(ebx, 0x1fff8).dec(r15).jnz("loop").ret();
    },
  },
  {
    name: "random access",
    what: "one load and store a step, anywhere in 8 MiB",
    rounds: 9_000_000,
    code(a) {
      startRandom(a);
      a.xor(ecx, ecx).mov(esi, DATA_AREA);
      a.label("loop");
      nextRandom(a);
      a.mov(rdx, rax).shr(rdx, 40).and(edx, 0x7ffff8);
      a.add(rcx, qword(rsi, { index: rdx })).add(rcx, rdx);
      a.mov(qword(rsi, { index: rdx }), rcx)
        .dec(r15)
        .jnz("loop")
        .mov(rax, rcx)
        .ret();
    },
  },
  {
    name: "dispatch",
    what: "indirect jumps as in a bytecode interpreter",
    rounds: 20_000_000,
    code(a) {
      startRandom(a);
      a.xor(ebx, ebx);
      a.label("loop");
      nextRandom(a);
      a.mov(rdx, rax)
        .shr(rdx, 61)
        .jmp(qword("targets", { index: rdx, scale: 8 }));
      const steps: ((a: Assembler) => void)[] = [
        () => a.add(rbx, rax),
        () => a.xor(rbx, rax),
        () => a.sub(rbx, rax),
        () => a.rol(rbx, 3),
        () => a.not(rbx),
        () => a.neg(rbx),
        () => a.inc(rbx),
        () => a.lea(rbx, mem(rbx, { index: rbx })),
      ];
      for (const [i, step] of steps.entries()) {
        a.label(`target${i}`);
        step(a);
        a.jmp("next");
      }
      a.label("next");
      a.dec(r15).jnz("loop").mov(rax, rbx).ret();
      a.align(8).label("targets");
      a.dq(...steps.map((_, i) => `target${i}`));
    },
  },
  {
    name: "calls",
    what: "recursive Fibonacci: call, ret, push, pop",
    rounds: 2_000,
    code(a) {
      a.xor(ebx, ebx);
      a.label("loop");
      a.mov(edi, FIB_ARGUMENT).call("fib").add(rbx, rax).dec(r15).jnz("loop").mov(rax, rbx).ret();
      a.align(16).label("fib");
      a.cmp(edi, 2).jb("leaf");
      a.push(rbx).push(rdi).dec(edi).call("fib").mov(rbx, rax);
      a.pop(rdi).sub(edi, 2).call("fib").add(rax, rbx).pop(rbx).ret();
      a.label("leaf");
      a.mov(eax, edi).ret();
    },
  },
  {
    name: "multiply, divide",
    what: "mul, imul and div of 64 bits",
    rounds: 80_000_000,
    code(a) {
      a.mov(rax, 0x1234_5678_9abc_def1n).mov(ebx, 1_000_003).xor(ecx, ecx);
      a.label("loop");
      a.mul(rax).add(rcx, rdx).imul(rsi, rcx, 77).or(rax, rsi);
      a.xor(edx, edx).div(rbx).add(rcx, rdx).or(rax, 1).add(rax, rcx);
      a.dec(r15).jnz("loop").ret();
    },
  },
  {
    name: "SSE packed",
    what: "mulps, addps, pshufd, paddd, pxor, movaps",
    rounds: 45_000_000,
    code(a) {
      a.mov(esi, DATA_AREA);
      a.mov(eax, 0x3f80_0000).movd(xmm0, eax).pshufd(xmm0, xmm0, 0).movaps(xmm3, xmm0);
      a.mov(eax, 0x3f00_0000).movd(xmm1, eax).pshufd(xmm1, xmm1, 0).pxor(xmm2, xmm2);
      a.label("loop");
      a.mulps(xmm0, xmm1).addps(xmm0, xmm3).movaps(xmm4, xmm0).pshufd(xmm4, xmm4, 0x1b);
      a.paddd(xmm2, xmm4).movaps(mem(rsi), xmm2).pxor(xmm4, mem(rsi)).psrld(xmm4, 3);
      a.paddd(xmm2, xmm4).dec(r15).jnz("loop").movq(rax, xmm2).ret();
    },
  },
  {
    name: "SSE scalar",
    what: "double precision: mul, add, div, sqrt, convert",
    rounds: 30_000_000,
    code(a) {
      a.mov(eax, 1).cvtsi2sd(xmm0, eax).mov(eax, 3).cvtsi2sd(xmm1, eax).pxor(xmm2, xmm2);
      a.label("loop");
      a.cvtsi2sd(xmm3, r15).addsd(xmm0, xmm3).divsd(xmm0, xmm1).sqrtsd(xmm4, xmm0);
      a.mulsd(xmm4, xmm1).addsd(xmm2, xmm4).ucomisd(xmm2, xmm0).cvttsd2si(rdx, xmm4);
      a.add(rbx, rdx).dec(r15).jnz("loop").movq(rax, xmm2).ret();
    },
  },
  {
    name: "x87",
    what: "fld, fmul, fadd, fdiv, fstp with 80 bits",
    rounds: 5_000_000,
    code(a) {
      const factor = qword(rsi);
      const divisor = dword(rsi, { disp: 8 });
      const value = qword(rsi, { disp: 16 });
      a.mov(esi, DATA_AREA).mov(divisor, 5).fninit().fld1().fstp(value).fldpi().fstp(factor);
      a.label("loop");
      a.fld(value).fmul(factor).fld1().faddp(st1, st0).fild(divisor).fdivp(st1, st0).fstp(value);
      a.dec(r15).jnz("loop").mov(rax, value).ret();
    },
  },
  {
    name: "string copy *",
    special: true,
    what: "rep movsb, movsq and stosd of 16 KiB each",
    rounds: 4_000,
    code(a) {
      const from = DATA_AREA + 64;
      const to = DATA_AREA + (1 << 20);
      a.label("loop");
      a.mov(edi, from)
        .mov(eax, ebx)
        .mov(ecx, COPY_BYTES / 4)
        .rep.stosd();
      a.mov(esi, from).mov(edi, to).mov(ecx, COPY_BYTES).rep.movsb();
      a.mov(esi, to)
        .mov(edi, to + (1 << 16))
        .mov(ecx, COPY_BYTES / 8)
        .rep.movsq();
      a.add(ebx, dword(rdi, { disp: -4 }))
        .inc(ebx)
        .dec(r15)
        .jnz("loop")
        .mov(eax, ebx)
        .ret();
    },
  },
  {
    name: "system calls",
    what: "SYSCALL from ring 3, stack switch, SYSRET",
    rounds: 4_000_000,
    code(a) {
      const msr = (index: number, value: string | number): void => {
        a.mov(ecx, index).mov(eax, value).xor(edx, edx).wrmsr();
      };
      // LSTAR, FMASK.
      msr(0xc000_0082, "system_call");
      msr(0xc000_0084, 0x200);
      a.mov(r14, rsp).xor(ebx, ebx).xor(r13, r13).mov(ecx, "user").mov(r11, 2).mov(esi, DATA_AREA);
      a.sysretq();
      a.label("user");
      a.lea(rsp, mem(rsi, { disp: 0x1000 }));
      a.label("loop");
      a.mov(eax, 1).mov(rdi, r15).syscall().add(r13, rax).dec(r15).jnz("loop");
      a.xor(eax, eax).syscall();
      a.label("system_call");
      a.mov(r12, rsp).mov(rsp, r14).test(eax, eax).jz("finish");
      a.push(rcx).push(r11).add(rbx, rdi).mov(rax, rbx).pop(r11).pop(rcx).mov(rsp, r12).sysretq();
      a.label("finish");
      a.mov(rax, r13).ret();
    },
  },
  {
    name: "context switches",
    what: "two processes yield to each other: SYSCALL, CR3, SYSRET",
    rounds: 600_000,
    code(a) {
      const msr = (index: number, value: string | number): void => {
        a.mov(ecx, index).mov(eax, value).xor(edx, edx).wrmsr();
      };
      msr(0xc000_0082, "yield");
      msr(0xc000_0084, 0x200);
      // The other address space has tables of its own for FAULT_AREA, and another page there.
      const [pml4, pdpt, directory, table, page] = [1, 2, 3, 4, 5].map(
        (n) => DATA_AREA + n * 0x1000,
      ) as [number, number, number, number, number];
      for (const [from, to] of [
        ["pml4", pml4],
        ["pdpt", pdpt],
      ] as const) {
        a.mov(esi, from).mov(edi, to).mov(ecx, 512).rep.movsq();
      }
      const entry = (at: number, next: number): void => {
        a.mov(ebx, at).mov(dword(rbx), next | 7);
      };
      entry(pml4, pdpt);
      entry(pdpt + 8, directory);
      entry(directory, table);
      entry(table, page);
      a.mov(dword("fault_table"), (page + 0x1000) | 7);
      // R14: the stack to return on; R12: the context that runs, RBP: the one that waits: RIP, RSP, R13, CR3.
      const context = DATA_AREA + 0x8000;
      a.mov(r14, rsp)
        .mov(r12, context)
        .mov(ebp, context + 64);
      a.mov(qword(rbp), "process").mov(qword(rbp, { disp: 8 }), DATA_AREA + 0xa000);
      a.mov(qword(rbp, { disp: 16 }), 0).mov(qword(rbp, { disp: 24 }), pml4);
      a.mov(rax, cr3).mov(qword(r12, { disp: 24 }), rax);
      a.mov(esp, DATA_AREA + 0xb000)
        .xor(r13, r13)
        .mov(ecx, "process")
        .mov(r11, 2)
        .sysretq();

      a.label("process");
      a.mov(ebx, FAULT_AREA).mov(ecx, 32);
      a.label("touch");
      a.inc(qword(rbx)).add(r13, qword(rbx)).add(rbx, 64).dec(ecx).jnz("touch");
      a.dec(r15).jz("over").mov(eax, 1).syscall().jmp("process");
      a.label("over");
      a.xor(eax, eax).syscall();

      a.label("yield");
      a.test(eax, eax).jz("finish");
      a.mov(qword(r12), rcx)
        .mov(qword(r12, { disp: 8 }), rsp)
        .mov(qword(r12, { disp: 16 }), r13);
      a.xchg(r12, rbp);
      a.mov(rcx, qword(r12))
        .mov(rsp, qword(r12, { disp: 8 }))
        .mov(r13, qword(r12, { disp: 16 }));
      a.mov(rax, qword(r12, { disp: 24 }))
        .mov(cr3, rax)
        .sysretq();
      a.label("finish");
      a.mov(rsp, r14).mov(rax, r13).ret();
    },
  },
  {
    name: "page faults",
    what: "first touch of a page, handler maps it; CR3 reload",
    rounds: 4_000,
    gates: { 14: "page_fault" },
    code(a) {
      a.xor(ebx, ebx);
      a.label("loop");
      a.xor(eax, eax).mov(edi, "fault_table").mov(ecx, FAULT_PAGES).rep.stosq();
      a.mov(rax, cr3).mov(cr3, rax).mov(edi, FAULT_AREA).mov(ecx, FAULT_PAGES);
      a.label("touch");
      a.add(qword(rdi, { disp: 8 }), rcx).add(rbx, qword(rdi, { disp: 8 }));
      a.add(rdi, 4096).dec(ecx).jnz("touch").dec(r15).jnz("loop").mov(rax, rbx).ret();
      a.align(16).label("page_fault");
      a.push(rax).push(rdx).mov(rax, cr2).mov(edx, eax).sub(edx, FAULT_AREA).shr(edx, 12);
      a.mov(eax, edx)
        .shl(eax, 12)
        .add(eax, DATA_AREA + 3);
      a.mov(qword("fault_table", { index: rdx, scale: 8 }), rax);
      a.pop(rdx).pop(rax).add(rsp, 8).iretq();
    },
  },
  {
    name: "interrupts",
    what: "IPI to itself with EOI, INT, IRET",
    rounds: 1_000_000,
    gates: { [IPI_VECTOR]: "ipi", [SOFTWARE_VECTOR]: "software" },
    code(a) {
      a.mov(esi, APIC).mov(dword(rsi, { disp: APIC_SPURIOUS - APIC }), 0x1ff);
      // The 8259As stay quiet: firmware leaves the system timer running.
      a.mov(al, 0xff).out(0x21, al).out(0xa1, al).xor(ebx, ebx).xor(edi, edi).sti();
      a.label("loop");
      a.lea(rdx, mem(rbx, { disp: 1 }));
      // Fixed, edge, assert, to itself.
      a.mov(dword(rsi, { disp: APIC_ICR - APIC }), 0x44000 | IPI_VECTOR);
      a.label("wait");
      a.cmp(rbx, rdx).jne("wait").int(SOFTWARE_VECTOR).dec(r15).jnz("loop");
      a.cli()
        .lea(rax, mem(rbx, { index: rdi, scale: 2 }))
        .ret();
      a.align(16).label("ipi");
      a.inc(rbx)
        .mov(dword(rsi, { disp: APIC_EOI - APIC }), 0)
        .iretq();
      a.align(16).label("software");
      a.inc(rdi).iretq();
    },
  },
  {
    name: "self-modifying *",
    special: true,
    what: "patches an immediate, then calls the code",
    rounds: 400_000,
    code(a) {
      a.xor(ebx, ebx);
      a.label("loop");
      a.mov(dword(sym("patched", 1)), r15d)
        .call("patched")
        .add(rbx, rax);
      a.dec(r15).jnz("loop").mov(rax, rbx).ret();
      a.align(4096).label("patched");
      a.mov(eax, 0x1111_1111).add(rax, 3).ret();
    },
  },
  {
    name: "ports",
    extra: true,
    what: "IN from the interrupt controller",
    rounds: 12_000_000,
    code(a) {
      a.xor(eax, eax).xor(ebx, ebx).mov(al, 0x5a).out(0x21, al);
      a.label("loop");
      a.in(al, 0x21).add(rbx, rax).dec(r15).jnz("loop").mov(rax, rbx).ret();
    },
  },
];
