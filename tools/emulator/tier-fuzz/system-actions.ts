// What a program does besides computing: control registers, flags of the system, clocks, devices, exceptions on
// purpose. In ring 3 many of these fault, and the handlers skip them.

import * as r from "../../asm/index.ts";
import type { CodeWriter } from "./assemble.ts";

const COM1 = 0x3f8;

/** PUSHF, a change of the flags on the stack, POPF. */
function changeFlags(w: CodeWriter, set: number): void {
  if (w.environment.bits === 64) w.a.pushfq().pop(r.rax).or(r.rax, set).push(r.rax).popfq();
  else w.a.pushfd().pop(r.eax).or(r.eax, set).push(r.eax).popfd();
}

/** A bit of a control register is inverted. */
function invert(w: CodeWriter, register: r.Reg, bit: number): void {
  const ax = (w.environment.bits === 64 ? r.rax : r.eax) as r.Reg;
  w.a.mov(ax, register).btc(r.eax, bit).mov(register, ax);
}

/** MXCSR or the x87 control word gets one of some values, in turn. */
function turn(w: CodeWriter, values: readonly number[], load: (at: number) => void): void {
  const first = w.variable(...values.map(BigInt));
  const position = w.variable(0n);
  const { a } = w;
  const eax = w.environment.bits === 64 ? r.rax : r.eax;
  a.mov(r.eax, r.dword(position))
    .inc(r.dword(position))
    .and(r.eax, values.length - 1);
  a.mov(r.eax, r.dword({ disp: first, index: eax, scale: 8 }));
  const chosen = w.variable(0n);
  a.mov(r.dword(chosen), r.eax);
  load(chosen);
}

const EFER = 0xc000_0080;
const GS_BASE = 0xc000_0101;
/** DR7: breakpoint 0 on writes of a byte, on execution; both with LE and GE. */
const BREAK_ON_WRITE = 0x0001_0701;
const BREAK_ON_EXECUTION = 0x0000_0701;

/** Breakpoint 0, of one kind or the other in turn, at an address in a register. */
function debugBreakpoint(w: CodeWriter, kind: number): void {
  const ax = (w.environment.bits === 64 ? r.rax : r.eax) as r.Reg;
  w.a.mov(r.dr0, ax).mov(r.eax, kind).mov(r.dr7, ax);
}

/** A bit of EFER is inverted. */
const invertEfer = ({ a }: CodeWriter, bit: number): unknown =>
  a.mov(r.ecx, EFER).rdmsr().btc(r.eax, bit).wrmsr();

const ACTIONS: Readonly<Record<string, (w: CodeWriter) => unknown>> = {
  "task switched": (w) => invert(w, r.cr0, 3),
  "no x87": (w) => invert(w, r.cr0, 2),
  "write protect": (w) => invert(w, r.cr0, 16),
  "no SSE": (w) => invert(w, r.cr4, 9),
  "SSE exceptions": (w) => invert(w, r.cr4, 10),
  "no XSAVE": (w) => invert(w, r.cr4, 18),
  "time stamps disabled": (w) => invert(w, r.cr4, 2),
  XCR0: ({ a }) => a.xor(r.ecx, r.ecx).xgetbv().xor(r.eax, 4).xsetbv(),
  "interrupts off": ({ a }) => a.cli(),
  "interrupts on": ({ a }) => a.sti(),
  "global pages": (w) => invert(w, r.cr4, 7),
  "no-execute pages": (w) => invertEfer(w, 11),
  "system calls disabled": (w) => invertEfer(w, 0),
  "system call": ({ a }) => a.syscall(),
  "fast system call": (w) => {
    const behind = w.fresh("behind");
    if (w.environment.bits === 64) w.a.mov(r.rdx, behind).mov(r.rcx, r.rsp);
    w.a.sysenter().label(behind);
  },
  "base of GS": ({ a, environment }) =>
    a
      .mov(r.ecx, GS_BASE)
      .mov(r.eax, environment.data + 0x180)
      .xor(r.edx, r.edx)
      .wrmsr(),
  "swapped GS": (w) => (w.environment.bits === 64 ? w.a.swapgs() : w.a.nop()),
  "data breakpoint": (w) => {
    w.a.mov(r.eax, w.environment.data + 0x40);
    debugBreakpoint(w, BREAK_ON_WRITE);
  },
  "instruction breakpoint": (w) => {
    const there = w.fresh("break");
    w.a.mov(w.environment.bits === 64 ? r.rax : r.eax, r.sym(there, w.environment.bases.cs));
    debugBreakpoint(w, BREAK_ON_EXECUTION);
    w.a.label(there);
    w.a.nop();
  },
  "no breakpoints": ({ a, environment }) =>
    a.xor(r.eax, r.eax).mov(r.dr7, environment.bits === 64 ? r.rax : r.eax),
  halt: ({ a }) => a.sti().hlt(),
  serial: ({ a }) => a.mov(r.dx, COM1).and(r.al, 0x3f).add(r.al, 0x30).out(r.dx, r.al),
  ports: ({ a }) => a.in(r.al, 0x71),
  "single steps": (w) => changeFlags(w, 0x100),
  "alignment checks": (w) => changeFlags(w, 0x4_0000),
  MXCSR: (w) =>
    turn(w, [0x1f80, 0x7f80, 0x9fc0, 0x3f80, 0x1fbf, 0x1d80, 0x5f80, 0x1f80], (at) =>
      w.a.ldmxcsr(r.dword(at)),
    ),
  "control word": (w) =>
    turn(w, [0x37f, 0x27f, 0x07f, 0xf7f, 0xb7f, 0x37b, 0x37f, 0x67f], (at) =>
      w.a.fldcw(r.word(at)),
    ),
  "time stamp": ({ a }) => a.rdtsc(),
  "random number": ({ a }) => a.db(0x0f, 0xc7, 0xf0),
  cpuid: ({ a }) => a.and(r.eax, 7).xor(r.ecx, r.ecx).cpuid(),
  pause: ({ a }) => a.pause(),
  breakpoint: ({ a }) => a.int3(),
  undefined: ({ a }) => a.ud2(),
  interrupt: ({ a }) => a.int(0x90),
  "load segment": ({ a }) => a.mov(r.ax, r.ds).mov(r.ds, r.ax),
  "load stack segment": ({ a }) => a.mov(r.ax, r.ss).mov(r.ss, r.ax),
  "A20 gate": ({ a }) => a.in(r.al, 0x92).xor(r.al, 2).out(0x92, r.al),
};

export const SYSTEM_ACTIONS = Object.keys(ACTIONS);

export function emitSystemAction(w: CodeWriter, action: string): void {
  ACTIONS[action]?.(w);
}
