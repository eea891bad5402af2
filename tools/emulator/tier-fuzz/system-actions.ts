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

const ACTIONS: Readonly<Record<string, (w: CodeWriter) => void>> = {
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
