// What a kernel changes in a system call counts in the program that it returns to, and what the program has accessed
// before does not: translations, alignment checks, breakpoints. Intel SDM vol. 3A, 4.10.4 and 6.15 (#AC), vol. 3B, 18.2.4.

import { expect, test } from "vitest";
import {
  cr0,
  dr0,
  dr7,
  dword,
  eax,
  ecx,
  edi,
  edx,
  mem,
  qword,
  r8w,
  r11,
  r12,
  r14,
  r15,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
} from "../../asm/index.ts";
import { FAULT_AREA } from "../bench/frame.ts";
import { DATA_AREA, type Workload } from "../bench/workload.ts";
import type { Accel } from "../jit/accel.ts";
import { loadLongerGdt } from "./testdata/longer-gdt.ts";
import { resultsOf } from "./testdata/workload-results.ts";

const GDT = DATA_AREA;
const TSS = DATA_AREA + 0x1000;
/** Available 64-bit TSS of 104 bytes at `TSS`. */
const TSS_DESCRIPTOR =
  0x8900_0000_0067n | (BigInt(TSS & 0xff_ffff) << 16n) | (BigInt(TSS >>> 24) << 56n);
const RSP0 = 4;
const RESULTS = DATA_AREA + 0x2000;
const STACK_END = DATA_AREA + 0x8000;
/** Two frames for one page of the program, which know their numbers. */
const FRAMES = [DATA_AREA + 0x1_0000, DATA_AREA + 0x1_1000] as const;
const ROUNDS = 100;
const USER = 7;
const AM = 1 << 18;
const AC = 1 << 18;
/** Reads and writes of eight bytes at DR0. */
const WATCH = 0x000b_0001;
const [REMAP, ALIGN, BREAK, END] = [1, 2, 3, 0];

const workload: Workload = {
  name: "changes",
  what: "system calls that change what a program may access",
  rounds: ROUNDS,
  gates: { 1: "debug", 17: "alignment" },
  code(a) {
    loadLongerGdt(a, GDT, TSS_DESCRIPTOR);
    a.mov(rax, STACK_END)
      .mov(qword(TSS + RSP0), rax)
      .ltr(r8w);
    const msr = (index: number, value: string | number): void => {
      a.mov(ecx, index).mov(eax, value).xor(edx, edx).wrmsr();
    };
    // LSTAR, FMASK: IF and AC.
    msr(0xc000_0082, "system_call");
    msr(0xc000_0084, 0x4_0200);
    a.mov(rax, cr0).or(eax, AM).mov(cr0, rax);
    for (const [n, frame] of FRAMES.entries()) a.mov(rax, n + 1).mov(qword(frame), rax);
    a.mov(rax, FRAMES[0] | USER).mov(qword("fault_table"), rax);
    a.mov(r14, rsp).mov(rsi, FAULT_AREA).mov(edi, RESULTS);
    a.mov(ecx, "user").mov(r11, 2).sysretq();
    // The program: sums of what it reads, in 64 bits each.
    a.label("user");
    a.lea(rsp, mem(rsi, { disp: 0x800 }));
    a.label("round");
    const call = (what: number): void => {
      a.mov(eax, what).syscall();
    };
    const read = (sum: number): void => {
      a.mov(rdx, qword(rsi)).add(qword(rdi, { disp: sum }), rdx);
    };
    read(0);
    call(REMAP);
    // Written first: accesses are fast where both kinds are allowed.
    a.inc(qword(rsi, { disp: 8 }));
    read(8);
    call(ALIGN);
    a.lea(rbx, mem("aligned")).mov(rdx, qword(rsi, { disp: 1 }));
    a.label("aligned");
    call(BREAK);
    a.mov(rdx, qword(rsi)).nop();
    a.dec(r15).jnz("round");
    call(END);
    a.label("system_call");
    a.mov(r12, rsp).mov(rsp, r14).push(rcx);
    a.cmp(eax, REMAP).jb("done").je("remap");
    a.cmp(eax, ALIGN).je("align");
    a.mov(rax, rsi).mov(dr0, rax).mov(eax, WATCH).mov(dr7, rax).jmp("return");
    a.label("remap");
    a.xor(dword("fault_table"), FRAMES[0] ^ FRAMES[1])
      .invlpg(mem(rsi))
      .jmp("return");
    a.label("align");
    a.or(r11, AC);
    a.label("return");
    a.pop(rcx).mov(rsp, r12).sysretq();
    a.label("done");
    a.pop(rcx).ret();
    // On behind the access, without AC.
    a.align(16).label("alignment");
    a.inc(qword(RESULTS + 16))
      .pop(rax)
      .mov(qword(rsp), rbx)
      .and(dword(rsp, { disp: 16 }), ~AC)
      .iretq();
    a.align(16).label("debug");
    a.inc(qword(RESULTS + 24))
      .xor(eax, eax)
      .mov(dr7, rax)
      .iretq();
  },
};

const accels: Accel[] = [{ kind: "interp" }, { kind: "jit", threshold: 0 }];

test.each(accels)("programs see what system calls have changed, with $kind", async (accel) => {
  const results = await resultsOf(workload, accel, RESULTS, 4);
  // Each frame is read in every other round, the other one behind the call; one #AC and one #DB a round.
  const sum = (ROUNDS / 2) * (1 + 2);
  expect(results).toEqual([sum, sum, ROUNDS, ROUNDS].map(BigInt));
});
