// A roottask that does what no program should: privileged instructions, flags and segments the kernel
// would rather not have, addresses it could trip over. Every step prints the event that came of it; the
// kernel has to be there at the end. What must happen is in the steps, from the Intel SDM, volume 2.

import {
  cr3,
  ds,
  dword,
  eax,
  ecx,
  es,
  farptr64,
  fs,
  gs,
  mem,
  qword,
  r12,
  r13,
  r14,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsp,
  ss,
} from "../../tools/asm/index.ts";
import * as abi from "../abi.ts";
import { Probe } from "./probe.ts";

const HANDLER_UTCB = 0x2000_0000;
const VICTIM_UTCB = 0x2000_1000;
const STATE = abi.MTD_RIP_LEN | abi.MTD_RSP | abi.MTD_RFLAGS | abi.MTD_QUAL | abi.MTD_GPR_R8_R15;

/** The exceptions that a portal waits for. */
const EVENTS = [
  abi.EXC_DE,
  abi.EXC_DB,
  abi.EXC_BP,
  abi.EXC_OF,
  abi.EXC_UD,
  abi.EXC_TS,
  abi.EXC_NP,
  abi.EXC_SS,
  abi.EXC_GP,
  abi.EXC_PF,
  abi.EXC_AC,
];

interface Step {
  name: string;
  /** Vector and error code of the event, or nothing where none may come. */
  event?: [number, number];
  /** Whether the event comes only where the CPU has user-mode instruction prevention. */
  umip?: boolean;
  emit: (probe: Hostile) => void;
}

const KERNEL_TEXT = 0xffff_fffe_0020_0000n;

const setFlags = (flags: number) => (p: Hostile) => {
  p.a.push(flags);
  p.a.popfq();
};

const hypercall = (p: Hostile) => {
  p.load(rdi, 0x33);
  p.a.syscall();
};

const steps: Step[] = [
  { name: "CLI", event: [abi.EXC_GP, 0], emit: ({ a }) => a.cli() },
  { name: "HLT", event: [abi.EXC_GP, 0], emit: ({ a }) => a.hlt() },
  { name: "SWAPGS", event: [abi.EXC_GP, 0], emit: ({ a }) => a.swapgs() },
  { name: "WRMSR", event: [abi.EXC_GP, 0], emit: ({ a }) => a.wrmsr() },
  { name: "INVLPG", event: [abi.EXC_GP, 0], emit: ({ a }) => a.invlpg(mem(rax)) },
  { name: "MOV to CR3", event: [abi.EXC_GP, 0], emit: ({ a }) => a.mov(cr3, rax) },
  { name: "LGDT", event: [abi.EXC_GP, 0], emit: ({ a }) => a.lgdt(mem(rsp)) },
  {
    name: "SGDT",
    event: [abi.EXC_GP, 0],
    umip: true,
    emit: ({ a }) => a.sgdt(mem(rsp, { disp: -16 })),
  },
  {
    name: "SIDT",
    event: [abi.EXC_GP, 0],
    umip: true,
    emit: ({ a }) => a.sidt(mem(rsp, { disp: -16 })),
  },
  { name: "SLDT", event: [abi.EXC_GP, 0], umip: true, emit: ({ a }) => a.sldt(eax) },
  { name: "STR", event: [abi.EXC_GP, 0], umip: true, emit: ({ a }) => a.str(eax) },
  { name: "SMSW", event: [abi.EXC_GP, 0], umip: true, emit: ({ a }) => a.smsw(eax) },
  { name: "SYSRET", event: [abi.EXC_GP, 0], emit: ({ a }) => a.sysretq() },
  ...[2, 8, 14, 18, 0x20, 0x80, 0xe0, 0xe7, 0xe8, 0xff].map(
    (vector): Step => ({
      name: `INT ${vector}`,
      // The gate's DPL is 0: error code is the IDT index and the IDT bit.
      event: [abi.EXC_GP, vector * 8 + 2],
      emit: ({ a }) => a.int(vector),
    }),
  ),
  {
    name: "kernel data in DS",
    event: [abi.EXC_GP, 0x10],
    emit: ({ a }) => {
      a.mov(eax, 0x10);
      a.mov(ds, eax);
    },
  },
  {
    name: "user data in all segment registers, then a hypercall",
    emit: (p) => {
      p.a.mov(eax, 0x23);
      for (const register of [ds, es, fs, gs]) p.a.mov(register, eax);
      p.a.mov(ss, eax);
      hypercall(p);
    },
  },
  {
    name: "IRET to the kernel's code segment",
    event: [abi.EXC_GP, 8],
    emit: ({ a }) => {
      a.push(0x10);
      a.push(rsp);
      a.push(2);
      a.push(8);
      a.push(r14);
      a.iretq();
    },
  },
  {
    name: "the other user code segment, then a hypercall and a trap",
    event: [6, 0],
    emit: (p) => {
      const label = p.fresh("other_segment");
      p.a.lea(rax, rip(label));
      p.a.push(0x1b);
      p.a.push(rax);
      p.a.form("Retfq");
      p.a.label(label);
      hypercall(p);
      p.a.ud2();
    },
  },
  { name: "flag NT, then a hypercall", emit: (p) => [setFlags(0x4202)(p), hypercall(p)] },
  { name: "flag NT, then a trap", event: [6, 0], emit: (p) => [setFlags(0x4202)(p), p.a.ud2()] },
  { name: "flags AC and DF, then a hypercall", emit: (p) => [setFlags(0x4_0602)(p), hypercall(p)] },
  { name: "flag TF", event: [abi.EXC_DB, 0], emit: (p) => [setFlags(0x302)(p), p.a.nop()] },
  {
    name: "flag TF across a hypercall",
    event: [abi.EXC_DB, 0],
    emit: (p) => [setFlags(0x302)(p), hypercall(p)],
  },
  {
    name: "RSP in the kernel, then a hypercall and a trap",
    event: [6, 0],
    emit: (p) => {
      p.load(rsp, KERNEL_TEXT);
      hypercall(p);
      p.a.ud2();
    },
  },
  {
    name: "RSP not canonical, then a hypercall and a trap",
    event: [6, 0],
    emit: (p) => {
      p.load(rsp, 1n << 62n);
      hypercall(p);
      p.a.ud2();
    },
  },
  {
    name: "jump into the kernel",
    event: [abi.EXC_PF, 0x15],
    emit: (p) => [p.load(rax, KERNEL_TEXT), p.a.jmp(rax)],
  },
  {
    name: "read the kernel",
    event: [abi.EXC_PF, 5],
    emit: (p) => [p.load(rbx, KERNEL_TEXT), p.a.mov(rax, qword(rbx))],
  },
  {
    name: "write to the information page",
    event: [abi.EXC_PF, 7],
    emit: (p) => [p.load(rbx, abi.USER_ADDR - 4096), p.a.mov(dword(rbx), eax)],
  },
  {
    name: "read the first page",
    event: [abi.EXC_PF, 4],
    emit: ({ a }) => {
      a.mov(eax, dword({ disp: 0 }));
    },
  },
  {
    name: "a far call through a null selector",
    event: [abi.EXC_GP, 0],
    emit: (p) => {
      p.a.push(0);
      p.a.push(0);
      p.a.call(farptr64(rsp));
    },
  },
  {
    name: "a portal at an address that is not canonical",
    emit: (p) => p.callPortal(0x8000_0000_0000n),
  },
  { name: "a portal in the kernel", emit: (p) => p.callPortal(KERNEL_TEXT) },
];

class Hostile extends Probe {
  private portals = 0;

  override fresh(prefix: string): string {
    return super.fresh(prefix);
  }

  /** A handler that is sent to `address` has no portal for its #GP: it dies and the call is aborted. */
  callPortal(address: bigint): void {
    const { a } = this;
    const handler = 0x900 + 2 * this.portals;
    this.portals++;
    const args = { rsi: abi.ROOT_SEL_PD, rdx: VICTIM_UTCB + 4096 * this.portals, r8: 0x600 };
    this.hypercall("  create_ec", abi.HC_CREATE_EC, handler, 0, args);
    const portal = { rsi: abi.ROOT_SEL_PD, rdx: handler, r8: address };
    this.hypercall("  create_pt", abi.HC_CREATE_PT, handler + 1, 0, portal);
    this.hypercall("  call", abi.HC_CALL, handler + 1, 0);
    // hypercall() keeps R12 to R15; RDI is the masked status.
    a.mov(rdx, rdi);
  }

  private emitHandler(): void {
    const { a } = this;
    a.label("event_portal");
    this.load(rbx, HANDLER_UTCB);
    this.show("  event", rdi);
    this.show("  error", qword(rbx, { disp: abi.UTCB_QUAL }));
    const set = (from: number, to: number) => {
      a.mov(rax, qword(rbx, { disp: from }));
      a.mov(qword(rbx, { disp: to }), rax);
    };
    set(abi.UTCB_R8 + 48, abi.UTCB_RIP);
    set(abi.UTCB_R8 + 40, abi.UTCB_RSP);
    this.load(rax, 0x202);
    a.mov(qword(rbx, { disp: abi.UTCB_RFLAGS }), rax);
    this.load(rax, abi.MTD_RIP_LEN | abi.MTD_RSP | abi.MTD_RFLAGS);
    a.mov(qword(rbx, { disp: abi.UTCB_MTD }), rax);
    this.reply();
  }

  private emitStep(step: Step): void {
    const { a } = this;
    const next = this.fresh("resume");
    this.print(`${step.name}\n`);
    a.lea(r14, rip(next));
    a.mov(r13, rsp);
    this.load(r12, 0);
    this.load(rax, 0);
    this.load(rcx, 0);
    a.xor(ecx, ecx);
    step.emit(this);
    a.label(next);
    a.mov(rsp, r13);
    a.push(0x202);
    a.popfq();
  }

  override build(): Uint8Array {
    const { a } = this;
    this.emitStart();

    const args = { rsi: abi.ROOT_SEL_PD, rdx: HANDLER_UTCB, r8: 0x600 };

    this.hypercall("create handler", abi.HC_CREATE_EC, 400, 0, args);
    for (const vector of EVENTS) {
      this.createPt("create_pt", vector, 400, STATE, "event_entry");
      this.hypercall("pt_ctrl", abi.HC_PT_CTRL, vector, 0, { rsi: vector });
    }
    for (const step of steps) this.emitStep(step);
    this.emitEnd("attacks end");
    // The handler's stack: hypercall() passes none to create_ec.
    a.label("event_entry");
    a.lea(rsp, rip("handler_stack"));
    a.jmp("event_portal");
    this.emitHandler();
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

/** The roottask as an ELF executable. */
export function buildHostile(): Uint8Array {
  return new Hostile().build();
}

function errorLine(step: string, error: number): string {
  return step.startsWith("INT ") ? "  error of INT" : `  error ${error.toString(16)}`;
}

/**
 * The serial output between the first and the last step, without the kernel's lines. The error code of
 * INT n is left open: QEMU's software CPU counts IDT entries of 16 bytes there, the manual 8.
 */
export function comparableEvents(serial: string): string[] {
  const lines = serial.split("\n").filter((line) => !line.startsWith("[kernel]"));
  const first = lines.indexOf(steps[0]?.name ?? "");
  const last = lines.findIndex((line) => line.startsWith("delegate the power management port"));
  let step = "";
  return lines.slice(first, last).map((line) => {
    if (!line.startsWith(" ")) step = line;
    return step.startsWith("INT ") && line.startsWith("  error") ? "  error of INT" : line;
  });
}

/** The lines the steps have to print, in order, on a CPU with or without user-mode instruction prevention. */
export function expectedEvents(hasUmip: boolean): string[] {
  return steps.flatMap(({ name, event, umip }) => [
    name,
    ...(event && (hasUmip || !umip)
      ? [`  event ${event[0].toString(16)}`, errorLine(name, event[1])]
      : []),
    ...(name.startsWith("a portal")
      ? ["  create_ec: status 0", "  create_pt: status 0", `  call: status ${abi.ABORT}`]
      : []),
  ]);
}
