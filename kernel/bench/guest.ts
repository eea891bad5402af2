// The roottask behind the table of paths: it goes each way through the kernel some number of times and then that
// number and more, and prints what the time-stamp counter says of both. Where a tick is an instruction (in the
// emulator, in QEMU with -icount shift=0) the difference is exact; under KVM it is in cycles. It is made with the
// assembler and of the interface alone, so that it runs on the reference kernel too.

import {
  dword,
  edi,
  edx,
  esi,
  qword,
  r8,
  r12,
  r13,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
} from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { crd } from "../testing/crd.ts";
import { PROBE_BASE, PROBE_ORDER, Probe } from "../testing/probe.ts";
import type { PathName } from "./paths.ts";

/** How often a path is gone: `few` times, then `few` and `more` times, and both `samples` times over. */
export interface Rounds {
  few: number;
  more: number;
  samples: number;
}

/** The last line of the output. */
export const END = "bench ends";
/** How a line with the ticks of a run starts; the value follows in hexadecimal. */
export const fewLine = (path: PathName): string => `${path}, few rounds: `;
export const manyLine = (path: PathName): string => `${path}, all rounds: `;
/** Symbol of the loop of a path's first run with few rounds. */
export const loopSymbol = (path: PathName): string => `loop: ${path}`;

const PD = abi.ROOT_SEL_PD;
const MAIN_UTCB = 0x7fff_ffff_d000n;
const HANDLER_UTCB = 0x2000_0000;
const SERVER_UTCB = 0x2000_1000;
const FOREIGN_UTCB = 0x2000_2000;

// Selectors of the roottask.
const HANDLER = 0x100;
const PORTAL = 0x101;
const SERVER_PD = 0x110;
const SERVER = 0x111;
const SERVER_PORTAL = 0x112;
const SEMAPHORE = 0x120;
const DONE = 0x121;
const FOREIGN_PD = 0x130;
const FOREIGN = 0x131;
const FOREIGN_SC = 0x132;
const FOREIGN_PORTAL = 0x133;
const STARTUP_PORTAL = 0x134;
// Selectors of the foreign domain.
const SYSCALL_BASE = 64;
const FOREIGN_DONE = 70;
const FOREIGN_ANSWER = 71;

const MESSAGE_WORDS = 64;
/** What this system's roottask asks for when a program makes a foreign system call. */
const SYSCALL_STATE = abi.MTD_GPR_ACDB | abi.MTD_GPR_BSD | abi.MTD_GPR_R8_R15 | abi.MTD_RFLAGS;
const EXCEPTION_STATE = abi.MTD_RIP_LEN | abi.MTD_GPR_ACDB;
const QUANTUM = 10_000n << BigInt(abi.QPD_QUANTUM_SHIFT);

class PathBench extends Probe {
  /** Runs whose ticks are kept: the lines they are printed in, by index in the table of ticks. */
  private readonly runs: string[] = [];
  private readonly rounds: Rounds;

  constructor(rounds: Rounds) {
    super();
    this.rounds = rounds;
  }

  private hypercallOf(id: number, selector: number, flags = 0): void {
    const arg1 = (selector << abi.ARG1_SELECTOR_SHIFT) | (flags << abi.ARG1_FLAGS_SHIFT) | id;
    this.a.mov(edi, arg1).syscall();
  }

  private readTicks(): void {
    this.a.rdtsc().shl(rdx, 32).or(rax, rdx);
  }

  /** Code that goes a path over and over and keeps the ticks; it needs RBX, R12, R13 and no stack. */
  private measure(path: PathName, emit: () => void): void {
    const { a } = this;
    const { few, more, samples } = this.rounds;
    for (let sample = 0; sample < samples; sample++) {
      for (const count of [few, few + more]) {
        const first = sample === 0 && count === few;
        const loop = first ? loopSymbol(path) : this.fresh("loop");
        a.mov(rbx, count);
        this.readTicks();
        a.mov(r12, rax);
        a.label(loop, { global: first });
        emit();
        a.dec(rbx);
        a.jne(loop);
        this.readTicks();
        a.sub(rax, r12);
        a.lea(r13, rip("ticks"));
        a.mov(qword(r13, { disp: this.runs.length * 8 }), rax);
        this.runs.push(count === few ? fewLine(path) : manyLine(path));
      }
    }
  }

  private measurePtCtrl(path: PathName, portal: number): void {
    this.measure(path, () => {
      this.a.mov(esi, 1);
      this.hypercallOf(abi.HC_PT_CTRL, portal);
    });
  }

  private localEc(selector: number, pd: number, utcb: number, stack: string): void {
    this.a.lea(r8, rip(stack)).push(r8);
    this.load(rsi, pd);
    this.load(rdx, utcb);
    this.a.pop(rax);
    this.load(r8, 0x600);
    this.hypercallOf(abi.HC_CREATE_EC, selector);
    this.showStatus(`local EC ${selector.toString(16)}`);
  }

  private showStatus(name: string): void {
    this.a.and(rdi, abi.STATUS_MASK);
    this.show(`${name}: status`, rdi);
  }

  private emitSetUp(): void {
    const obj = (base: number) => crd(abi.CRD_OBJ, base);
    const image = crd(abi.CRD_MEM, PROBE_BASE >> 12, PROBE_ORDER, 7);
    this.localEc(HANDLER, PD, HANDLER_UTCB, "handler_stack");
    this.createPt("portal", PORTAL, HANDLER, 0, "answer");
    this.createPt("portal of #UD", abi.EXC_UD, HANDLER, EXCEPTION_STATE, "exception");
    this.hypercall("server PD", abi.HC_CREATE_PD, SERVER_PD, 0, { rsi: PD });
    this.delegate("image for the server", image, image, 1n, SERVER_PD);
    this.localEc(SERVER, SERVER_PD, SERVER_UTCB, "other_stack");
    this.createPt("portal of the server", SERVER_PORTAL, SERVER, 0, "answer");
    this.hypercall("semaphore", abi.HC_CREATE_SM, SEMAPHORE, 0, { rsi: PD });
    this.hypercall("semaphore for the end", abi.HC_CREATE_SM, DONE, 0, { rsi: PD });
    const foreign = { rsi: PD, rax: (SYSCALL_BASE << 1) | abi.CREATE_PD_FOREIGN };
    this.hypercall("foreign PD", abi.HC_CREATE_PD, FOREIGN_PD, 0, foreign);
    this.delegate("image for the foreign PD", image, image, 1n, FOREIGN_PD);
    this.createPt("foreign portal", FOREIGN_PORTAL, HANDLER, SYSCALL_STATE, "foreign_call");
    this.createPt("startup portal", STARTUP_PORTAL, HANDLER, 0xc, "foreign_start");
    this.delegate("foreign portal", obj(FOREIGN_PORTAL), obj(SYSCALL_BASE), 1n, FOREIGN_PD);
    const startup = obj(abi.EVENT_STARTUP);
    this.delegate("startup portal", obj(STARTUP_PORTAL), startup, 1n, FOREIGN_PD);
    this.delegate("portal", obj(PORTAL), obj(FOREIGN_ANSWER), 1n, FOREIGN_PD);
    this.delegate("semaphore", obj(DONE), obj(FOREIGN_DONE), 1n, FOREIGN_PD);
    this.createEc("foreign EC", FOREIGN, 1, { rsi: FOREIGN_PD, rdx: FOREIGN_UTCB });
  }

  private emitPaths(): void {
    const { a } = this;
    const words = (utcb: bigint | number, count: number) => {
      this.load(rcx, utcb);
      a.mov(dword(rcx, { disp: abi.UTCB_ITEMS }), count);
    };
    const call = (portal: number) => () => this.hypercallOf(abi.HC_CALL, portal);
    this.measurePtCtrl("pt_ctrl", PORTAL);
    words(MAIN_UTCB, 0);
    words(HANDLER_UTCB, 0);
    this.measure("call and reply", call(PORTAL));
    words(MAIN_UTCB, MESSAGE_WORDS);
    words(HANDLER_UTCB, MESSAGE_WORDS);
    this.measure("call and reply, 64 words", call(PORTAL));
    words(MAIN_UTCB, 0);
    this.measure("call and reply, across domains", call(SERVER_PORTAL));
    this.measure("semaphore up and down", () => {
      this.hypercallOf(abi.HC_SM_CTRL, SEMAPHORE, abi.SM_CTRL_UP);
      a.xor(esi, esi).xor(edx, edx);
      this.hypercallOf(abi.HC_SM_CTRL, SEMAPHORE, abi.SM_CTRL_DOWN);
    });
    this.measure("exception", () => a.ud2());
    const sc = { rsi: PD, rdx: FOREIGN, rax: QUANTUM | 2n };
    this.hypercall("SC of the foreign EC", abi.HC_CREATE_SC, FOREIGN_SC, 0, sc);
    this.hypercall("end of the foreign EC", abi.HC_SM_CTRL, DONE, abi.SM_CTRL_DOWN);
    for (const [i, line] of this.runs.entries()) {
      this.printTicks(line, i);
    }
    this.emitEnd(END);
  }

  private printTicks(line: string, index: number): void {
    this.a.lea(rbx, rip("ticks"));
    this.show(line.trim(), qword(rbx, { disp: index * 8 }));
  }

  private emitHandlers(): void {
    const { a } = this;
    const resume = (entry: string, stack: string) => {
      a.lea(rax, rip(entry)).mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
      a.lea(rax, rip(stack)).mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
      a.mov(qword(rbx, { disp: abi.UTCB_MTD }), abi.MTD_RIP_LEN | abi.MTD_RSP);
      this.reply();
    };
    a.label("answer");
    this.reply();

    a.label("exception");
    this.load(rbx, HANDLER_UTCB);
    a.add(qword(rbx, { disp: abi.UTCB_RIP }), 2);
    this.reply();

    a.label("foreign_start");
    this.load(rbx, HANDLER_UTCB);
    resume("foreign", "foreign_stack");

    a.label("foreign_call");
    this.load(rbx, HANDLER_UTCB);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_RCX }));
    a.mov(qword(rbx, { disp: abi.UTCB_RIP }), rax);
    a.mov(rax, qword(rbx, { disp: abi.UTCB_R8 + 24 }));
    a.mov(qword(rbx, { disp: abi.UTCB_RSP }), rax);
    a.mov(qword(rbx, { disp: abi.UTCB_RAX }), 0);
    const mtd = abi.MTD_RIP_LEN | abi.MTD_RSP | abi.MTD_GPR_ACDB;
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), mtd);
    this.reply();

    a.label("foreign");
    this.measure("foreign system call", () => a.mov(rax, 39).syscall());
    this.load(rcx, FOREIGN_UTCB);
    a.mov(dword(rcx, { disp: abi.UTCB_FLAGS }), abi.UTCB_NSCT);
    a.mov(dword(rcx, { disp: abi.UTCB_ITEMS }), 0);
    this.measurePtCtrl("pt_ctrl, foreign domain", FOREIGN_ANSWER);
    this.measure("call and reply, foreign domain", () =>
      this.hypercallOf(abi.HC_CALL, FOREIGN_ANSWER),
    );
    this.hypercallOf(abi.HC_SM_CTRL, FOREIGN_DONE, abi.SM_CTRL_UP);
    a.ud2();
  }

  override build(): Uint8Array {
    // The foreign program is put down first: what it measures is known when the results are printed.
    const { a } = this;
    this.emitHandlers();
    this.emitStart();
    this.emitSetUp();
    this.emitPaths();
    this.emitLibrary();
    a.align(8);
    a.label("ticks");
    a.space(this.runs.length * 8);
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable. */
export function buildPathBench(rounds: Rounds): Uint8Array {
  return new PathBench(rounds).build();
}
