// A roottask whose hypercalls can be measured from outside: each one that counts is between two symbols.

import { r8, r12, rax, rcx, rdi, rdx, rsi } from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { Probe } from "./probe.ts";

export const startSymbol = (operation: string): string => `start: ${operation}`;
export const doneSymbol = (operation: string): string => `done: ${operation}`;
/** Where other threads of it run: interrupts are on there. */
export const RUNNING = [
  "thread runs",
  "thread runs again",
  "handler runs",
  "handler runs again",
] as const;
/** The last line that it prints. */
export const MEASURED = "all is measured";

export abstract class MeasuredProbe extends Probe {
  protected arguments(id: number, selector: number, flags: number, values: bigint[]): void {
    for (const [i, register] of [rsi, rdx, rax, r8].entries()) this.load(register, values[i] ?? 0n);
    this.load(rdi, (BigInt(selector) << 12n) | BigInt((flags << 8) | id));
  }

  /** A hypercall that is measured. */
  protected measure(
    name: string,
    id: number,
    selector: number,
    flags: number,
    values: bigint[],
  ): void {
    this.arguments(id, selector, flags, values);
    this.enter(name);
  }

  /** The same with the registers as they are. */
  protected enter(name: string): void {
    const { a } = this;
    a.label(startSymbol(name), { global: true });
    a.syscall();
    a.label(doneSymbol(name), { global: true });
    a.and(rdi, abi.STATUS_MASK);
    this.show(`${name}: status`, rdi);
  }

  /** A loop with the turn's number in R12. */
  protected times(count: number, emit: () => void): void {
    const { a } = this;
    const loop = this.fresh("loop");
    a.xor(r12, r12);
    a.label(loop);
    emit();
    a.inc(r12);
    a.cmp(r12, count);
    a.jne(loop);
  }

  /** R12 times `step`, as a CRD's base or a selector, is added to a register. */
  protected addTurn(register: typeof rdi, step = 1): void {
    this.a.imul(rcx, r12, step << 12);
    this.a.add(register, rcx);
  }
}
