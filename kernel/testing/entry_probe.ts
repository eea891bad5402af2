// A roottask whose foreign program has an entry for its system calls (ec_ctrl entry): which calls go there and which
// become messages, and what each side finds in the registers. The program prints, since it is given the serial line.

import {
  dword,
  qword,
  r8,
  r9,
  r10,
  r11,
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

export const ENTRY_END = "entries end";

/** Where RSP is set to; nothing has to be mapped there. */
const STACK = 0x1234_5678_9abc_def0n;
const TF = 0x100;
const FLAGS_CF_DF = 0x401;
/** What the flags may be: the arithmetic ones and DF. */
const FLAGS_SHOWN = 0xcd5;

/** Registers that no way into user mode may change. */
const KEPT = [rax, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r12, r13, r14, r15] as const;

class EntryProbe extends ForeignProbe {
  private entryOf(name: string, selector: number, region: "entry" | bigint, pages: number): void {
    const { a } = this;
    if (region === "entry") a.lea(rsi, rip("entry"));
    else this.load(rsi, region);
    a.add(rsi, pages);
    this.load(rdx, STACK);
    this.load(rdi, (selector << 12) | (abi.EC_CTRL_ENTRY << 8) | abi.HC_EC_CTRL);
    a.syscall();
    a.and(rdi, 0xff);
    this.show(`${name}: status`, rdi);
  }

  private emitRoot(): void {
    const obj = (base: number) => crd(abi.CRD_OBJ, base);
    const state = abi.MTD_GPR_ACDB | abi.MTD_GPR_R8_R15 | abi.MTD_RFLAGS;
    this.createEc("handler", HANDLER, 0, { rdx: HANDLER_UTCB });
    this.hypercall("semaphore", abi.HC_CREATE_SM, DONE, 0, { rsi: PD });
    this.createPt("system calls", 601, HANDLER, state, "message");
    this.createPt("start", 602, HANDLER, 0, "start");
    const foreign = { rsi: PD, rax: (BASE << 1) | 1 };
    this.hypercall("foreign PD", abi.HC_CREATE_PD, FOREIGN_PD, 0, foreign);
    this.delegate("system calls", obj(601), obj(BASE), 1n, FOREIGN_PD);
    this.delegate("start", obj(602), obj(abi.EVENT_STARTUP), 1n, FOREIGN_PD);
    this.delegate("semaphore", obj(DONE), obj(FOREIGN_DONE), 1n, FOREIGN_PD);
    this.createForeign();
    this.delegate("foreign EC for itself", obj(FOREIGN), obj(71), 1n, FOREIGN_PD);
    this.delegate("without permission", crd(abi.CRD_OBJ, FOREIGN, 0, 4), obj(700), 1n);
    const last = BigInt(abi.USER_ADDR) - 0x1000n;
    this.entryOf("entry of an EC that is not foreign", abi.ROOT_SEL_EC, "entry", 1);
    this.entryOf("entry of nothing", 999, "entry", 1);
    this.entryOf("entry without permission", 700, "entry", 1);
    this.entryOf("entry beyond user space", FOREIGN, last, 2);
    this.entryOf("entry in the kernel", FOREIGN, 0xffff_fffe_0020_0000n, 1);
    this.entryOf("entry in the last page", FOREIGN, last, 1);
    this.entryOf("entry", FOREIGN, "entry", 1);
    const sc = { rsi: PD, rdx: FOREIGN, rax: (1000n << 12n) | 2n };
    this.hypercall("run it", abi.HC_CREATE_SC, 604, 0, sc);
    this.hypercall("wait for its end", abi.HC_SM_CTRL, DONE, abi.SM_CTRL_DOWN);
    this.emitEnd(ENTRY_END);
  }

  /** A system call of the program with known registers and flags; what was seen of it is printed. */
  private call(name: string, flags = FLAGS_CF_DF, at?: string): void {
    const { a } = this;
    const behind = this.fresh("behind");
    a.mov(qword(rip("entered")), 0).mov(qword(rip("told")), 0);
    a.push(flags).pop(qword(rip("flags")));
    for (const [i, register] of KEPT.entries()) this.load(register, kept(i));
    a.mov(qword(rip("stack")), rsp);
    if (at !== undefined) a.lea(rcx, rip(behind));
    a.push(qword(rip("flags")));
    a.popfq();
    if (at !== undefined) a.jmp(at);
    else a.syscall();
    a.label(behind);
    a.mov(qword(rip("save")), rsp);
    a.mov(rsp, qword(rip("stack")));
    a.pushfq();
    a.pop(qword(rip("after")));
    a.cld();
    this.showChanged(KEPT);
    this.print(`${name}\n`);
    this.show("  entered", qword(rip("entered")));
    this.show("  message", qword(rip("told")));
    const place = (what: string, from: string) => {
      a.lea(rbx, rip(behind));
      a.mov(rcx, qword(rip(from)));
      a.sub(rcx, rbx);
      this.show(`  ${what}`, rcx);
    };
    const isEntered = this.fresh("is_entered");
    const isOver = this.fresh("is_over");
    a.cmp(qword(rip("entered")), 0).jne(isEntered);
    a.cmp(qword(rip("told")), 0).je(isOver);
    a.label(isEntered);
    if (at === undefined) place("RCX from behind the call", "seen_rcx");
    a.mov(rcx, qword(rip("seen_r11")));
    a.sub(rcx, qword(rip("stack")));
    this.show("  R11 from the caller's RSP", rcx);
    for (const from of ["seen_flags", "after"]) {
      a.mov(rcx, qword(rip(from)));
      a.and(rcx, FLAGS_SHOWN);
      this.show(`  ${from}`, rcx);
    }
    a.label(isOver);
  }

  private emitProgram(): void {
    const { a } = this;
    a.label("program");
    this.call("a call");
    this.show("  RSP at the entry", qword(rip("seen_rsp")));
    this.call("a call with other flags", 0x2 | 0x80);
    this.call("a call of the entry's own", FLAGS_CF_DF, "entry_call");
    this.call("a call that is stepped through", TF);
    this.load(rbx, FOREIGN_UTCB);
    a.mov(dword(rbx), abi.UTCB_NSCT);
    // An unknown hypercall.
    this.load(rdi, 0x33);
    a.syscall();
    a.mov(r12, rdi);
    a.mov(dword(rbx), 0);
    this.show("a hypercall: status", r12);
    this.show("  entered", qword(rip("entered")));
    a.mov(dword(rbx), abi.UTCB_NSCT);
    this.entryOf("no entry any more", 71, 0n, 0);
    this.load(rbx, FOREIGN_UTCB);
    a.mov(dword(rbx), 0);
    this.call("a call without entry");
    this.emitProgramEnd();

    this.emitStartup();

    // Notes what the message says and answers with nothing but the trap flag cleared.
    a.label("message");
    this.load(rbx, HANDLER_UTCB);
    a.inc(qword(rip("told")));
    const note = (offset: number, name: string) => {
      a.mov(rax, qword(rbx, { disp: offset }));
      a.mov(qword(rip(name)), rax);
    };
    note(abi.UTCB_RCX, "seen_rcx");
    note(abi.UTCB_R8 + 24, "seen_r11");
    note(abi.UTCB_RFLAGS, "seen_flags");
    a.and(qword(rbx, { disp: abi.UTCB_RFLAGS }), ~TF);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RFLAGS);
    this.reply();
  }

  /** One page: the entry, and a system call of its own. */
  private emitEntry(): void {
    const { a } = this;
    a.align(0x1000);
    a.label("entry");
    // LEA and MOV leave the flags alone, which are the caller's.
    a.mov(qword(rip("seen_rcx")), rcx);
    a.mov(qword(rip("seen_rsp")), rsp);
    a.mov(qword(rip("seen_r11")), r11);
    a.lea(rsp, rip("other_stack"));
    a.pushfq();
    a.pop(qword(rip("seen_flags")));
    a.push(qword(rip("seen_flags")));
    a.mov(qword(rip("entered")), 1);
    a.popfq();
    a.mov(rsp, r11);
    a.jmp(rcx);
    a.label("entry_call");
    a.mov(qword(rip("own_return")), rcx);
    a.syscall();
    a.jmp(qword(rip("own_return")));
    a.align(0x1000);
  }

  override build(): Uint8Array {
    this.emitStart();
    this.emitRoot();
    this.emitProgram();
    this.emitLibrary();
    this.emitEntry();
    this.emitWords([
      ...["entered", "told", "flags", "stack", "save", "after", "shown", "own_return"],
      ...["seen_rcx", "seen_rsp", "seen_r11", "seen_flags"],
    ]);
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable. */
export function buildEntryProbe(): Uint8Array {
  return new EntryProbe().build();
}
