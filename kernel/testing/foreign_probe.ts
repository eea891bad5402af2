// What roottasks have in common that start a foreign program and look at what its system calls do: the program shares
// the roottask's image and its serial line, prints by itself, and wakes the roottask at its end.

import { dword, qword, rax, rbx, rcx, rdi, rip } from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { crd } from "./crd.ts";
import { PROBE_BASE, PROBE_ORDER, Probe } from "./probe.ts";

export const PD = abi.ROOT_SEL_PD;
export const HANDLER_UTCB = 0x2000_0000;
export const FOREIGN_UTCB = 0x2000_2000;
/** Selectors of the roottask. */
export const HANDLER = 400;
export const DONE = 500;
export const FOREIGN_PD = 600;
export const FOREIGN = 603;
/** Selectors of the program: portals of its system calls, and the semaphore DONE. */
export const BASE = 64;
export const FOREIGN_DONE = 70;

type Register = Parameters<Probe["load"]>[0];

/** What the program has in its register `i` when it makes a system call. */
export const kept = (i: number): bigint => 0x1111_1111_1111_1111n * BigInt(i + 1);

export abstract class ForeignProbe extends Probe {
  /** Gives the domain memory and serial line, and makes its EC. */
  protected createForeign(): void {
    const image = crd(abi.CRD_MEM, PROBE_BASE >> 12, PROBE_ORDER, 7);
    this.delegate("memory", image, image, 1n, FOREIGN_PD);
    const com1 = crd(abi.CRD_PIO, 0x3f8, 3);
    this.delegate("serial line", com1, com1, 1n, FOREIGN_PD);
    this.createEc("foreign EC", FOREIGN, 1, { rsi: FOREIGN_PD, rdx: FOREIGN_UTCB });
  }

  /** Shows the registers that are not what they were (`kept`); the word "shown" and RCX are changed. */
  protected showChanged(registers: readonly Register[]): void {
    const { a } = this;
    for (const [i, register] of registers.entries()) {
      const same = this.fresh("same");
      a.mov(qword(rip("shown")), register);
      this.load(rcx, kept(i));
      a.cmp(qword(rip("shown")), rcx);
      a.je(same);
      this.show(`  register ${i}`, qword(rip("shown")));
      a.label(same);
    }
  }

  /** Ends the program: a hypercall wakes the roottask. */
  protected emitProgramEnd(): void {
    const { a } = this;
    this.load(rbx, FOREIGN_UTCB);
    a.mov(dword(rbx, { disp: abi.UTCB_FLAGS }), abi.UTCB_NSCT);
    this.load(rdi, (FOREIGN_DONE << 12) | abi.HC_SM_CTRL);
    a.syscall();
    a.ud2();
  }

  /** The portal "start", for the startup event: the EC begins at "program". */
  protected emitStartup(): void {
    const { a } = this;
    a.label("start");
    this.load(rbx, HANDLER_UTCB);
    a.lea(rax, rip("program")).mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.lea(rax, rip("foreign_stack")).mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
    this.reply();
  }

  /** Words with names, 0 at the beginning. */
  protected emitWords(names: readonly string[]): void {
    const { a } = this;
    for (const name of names) {
      a.label(name);
      a.dq(0);
    }
  }
}
