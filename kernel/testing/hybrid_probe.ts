// A roottask whose foreign program makes hypercalls: while the flag for them is set in its UTCB its system calls are
// hypercalls, otherwise messages, whether it has an entry for them or not. The program prints each one's status, what
// has been told to whom, and each register that has changed.

import {
  dword,
  qword,
  r8,
  r9,
  r10,
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
import * as abi from "../abi.ts";
import { crd } from "./crd.ts";
import {
  BASE,
  DONE,
  FOREIGN,
  FOREIGN_DONE,
  FOREIGN_PD,
  FOREIGN_UTCB,
  ForeignProbe,
  HANDLER,
  HANDLER_UTCB,
  kept,
  PD,
} from "./foreign_probe.ts";

export const HYBRID_START = "the program starts";
export const HYBRID_END = "the program ends";

const SEMAPHORE = 501;
const SYSTEM_CALLS = 601;
const START = 602;
const FOREIGN_SC = 604;
const SERVICE = 605;
// Selectors of the program.
const FOREIGN_SERVICE = 71;
const FOREIGN_SEMAPHORE = 72;
const NOTHING = 73;
const PORTAL_ID = 7;
/** A flag of the UTCB that means nothing. */
const OTHER_FLAG = 2;

/** Registers that no hypercall changes. */
const KEPT = [rax, rbx, rbp, r8, r9, r10, r12, r13, r14, r15] as const;
const WORDS = ["told", "served", "seen_id", "status", "shown", "stack"];

class HybridProbe extends ForeignProbe {
  private readonly hasEntry: boolean;

  constructor(hasEntry: boolean) {
    super();
    this.hasEntry = hasEntry;
  }

  private emitRoot(): void {
    const { a } = this;
    const obj = (base: number) => crd(abi.CRD_OBJ, base);
    this.createEc("handler", HANDLER, 0, { rdx: HANDLER_UTCB });
    this.hypercall("semaphore for the end", abi.HC_CREATE_SM, DONE, 0, { rsi: PD });
    this.hypercall("semaphore", abi.HC_CREATE_SM, SEMAPHORE, 0, { rsi: PD });
    const state = abi.MTD_GPR_ACDB | abi.MTD_GPR_R8_R15;
    this.createPt("system calls", SYSTEM_CALLS, HANDLER, state, "message");
    this.createPt("start", START, HANDLER, 0, "start");
    this.createPt("service", SERVICE, HANDLER, 0, "service");
    const foreign = { rsi: PD, rax: (BASE << 1) | abi.CREATE_PD_FOREIGN };
    this.hypercall("foreign PD", abi.HC_CREATE_PD, FOREIGN_PD, 0, foreign);
    for (const [from, to] of [
      [SYSTEM_CALLS, BASE],
      [START, abi.EVENT_STARTUP],
      [DONE, FOREIGN_DONE],
      [SERVICE, FOREIGN_SERVICE],
      [SEMAPHORE, FOREIGN_SEMAPHORE],
    ] as const) {
      this.delegate(`selector ${from}`, obj(from), obj(to), 1n, FOREIGN_PD);
    }
    this.createForeign();
    if (this.hasEntry) {
      a.lea(rsi, rip("entry")).add(rsi, 1);
      this.load(rdx, 0);
      this.load(rdi, (FOREIGN << 12) | (abi.EC_CTRL_ENTRY << 8) | abi.HC_EC_CTRL);
      a.syscall();
      a.and(rdi, abi.STATUS_MASK);
      this.show("entry: status", rdi);
    }
    // Nothing is printed before the program's end: that could be in the middle of its lines.
    this.load(rsi, PD);
    this.load(rdx, FOREIGN);
    this.load(rax, (1000n << BigInt(abi.QPD_QUANTUM_SHIFT)) | 2n);
    this.load(rdi, (FOREIGN_SC << abi.ARG1_SELECTOR_SHIFT) | abi.HC_CREATE_SC);
    a.syscall();
    this.hypercall("wait for its end", abi.HC_SM_CTRL, DONE, abi.SM_CTRL_DOWN);
    this.emitEnd(HYBRID_END);
  }

  /** A system call with these flags in the UTCB, and what comes of it. */
  private system(name: string, id: number, selector: number, operation = 0, flags = 1): void {
    const { a } = this;
    for (const word of ["told", "served", "seen_id"]) a.mov(qword(rip(word)), 0);
    this.load(rbx, FOREIGN_UTCB);
    a.mov(dword(rbx, { disp: abi.UTCB_FLAGS }), flags);
    a.mov(dword(rbx, { disp: abi.UTCB_ITEMS }), 1);
    a.mov(qword(rbx, { disp: abi.UTCB_DATA }), 0x40);
    for (const [i, register] of KEPT.entries()) this.load(register, kept(i));
    this.load(rdi, (selector << 12) | (operation << 8) | id);
    this.load(rsi, id === abi.HC_PT_CTRL ? PORTAL_ID : 0);
    // For a down RSI and RDX are the deadline: one that has passed.
    this.load(rdx, 1);
    a.mov(qword(rip("stack")), rsp);
    a.syscall();
    a.mov(qword(rip("status")), rdi);
    this.load(rcx, FOREIGN_UTCB);
    a.mov(dword(rcx, { disp: abi.UTCB_FLAGS }), 0);
    this.showChanged(KEPT);
    this.print(`${name}\n`);
    this.show("  RDI", qword(rip("status")));
    this.show("  messages", qword(rip("told")));
    this.show("  calls", qword(rip("served")));
    a.mov(rcx, rsp).sub(rcx, qword(rip("stack")));
    this.show("  RSP moved by", rcx);
    if (id !== abi.HC_CALL) return;
    this.show("  portal's id", qword(rip("seen_id")));
    this.load(rcx, FOREIGN_UTCB);
    this.show("  word", qword(rcx, { disp: abi.UTCB_DATA }));
  }

  private emitProgram(): void {
    const { a } = this;
    a.label("program");
    this.print(`${HYBRID_START}\n`);
    this.system("pt_ctrl", abi.HC_PT_CTRL, FOREIGN_SERVICE);
    this.system("pt_ctrl of nothing", abi.HC_PT_CTRL, NOTHING);
    this.system("call", abi.HC_CALL, FOREIGN_SERVICE);
    this.system("call of nothing", abi.HC_CALL, NOTHING);
    this.system("call without the flag", abi.HC_CALL, FOREIGN_SERVICE, 0, 0);
    this.system("call with another flag", abi.HC_CALL, FOREIGN_SERVICE, 0, OTHER_FLAG);
    this.system(
      "call with both flags",
      abi.HC_CALL,
      FOREIGN_SERVICE,
      0,
      OTHER_FLAG | abi.UTCB_NSCT,
    );
    this.system("up", abi.HC_SM_CTRL, FOREIGN_SEMAPHORE, abi.SM_CTRL_UP);
    this.system("down", abi.HC_SM_CTRL, FOREIGN_SEMAPHORE, abi.SM_CTRL_DOWN);
    this.system("down too late", abi.HC_SM_CTRL, FOREIGN_SEMAPHORE, abi.SM_CTRL_DOWN);
    this.system("up without the flag", abi.HC_SM_CTRL, FOREIGN_SEMAPHORE, abi.SM_CTRL_UP, 0);
    this.system("down of what was not upped", abi.HC_SM_CTRL, FOREIGN_SEMAPHORE, abi.SM_CTRL_DOWN);
    this.system("up of nothing", abi.HC_SM_CTRL, NOTHING, abi.SM_CTRL_UP);
    this.system("no hypercall", 0x33, 0);
    this.emitProgramEnd();
  }

  private emitHandlers(): void {
    const { a } = this;
    this.emitStartup();

    // RIP and RSP are set from RCX and R11, as handlers of the reference have to.
    a.label("message");
    a.inc(qword(rip("told")));
    this.load(rbx, HANDLER_UTCB);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_RCX })).mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_R8 + 24 }));
    a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
    this.reply();

    a.label("service");
    a.inc(qword(rip("served")));
    a.mov(qword(rip("seen_id")), rdi);
    this.load(rbx, HANDLER_UTCB);
    a.inc(qword(rbx, { disp: abi.UTCB_DATA }));
    this.reply();
  }

  override build(): Uint8Array {
    const { a } = this;
    this.emitStart();
    this.emitRoot();
    this.emitProgram();
    this.emitHandlers();
    this.emitLibrary();
    if (this.hasEntry) {
      // Passes on what comes here, by a system call of its own.
      a.align(0x1000);
      a.label("entry");
      a.mov(rsp, qword(rip("stack")));
      a.push(rcx);
      a.syscall();
      a.ret();
      a.align(0x1000);
    }
    this.emitWords(WORDS);
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable; `hasEntry`: the program's system calls enter user mode, to be passed on there. */
export function buildHybridProbe(hasEntry: boolean): Uint8Array {
  return new HybridProbe(hasEntry).build();
}
