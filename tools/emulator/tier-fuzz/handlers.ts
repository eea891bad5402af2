// The system below a program: handlers for all vectors that note what came and from where, and let the program go on.
// A fault is repaired where it can be (an absent page, CR0.TS, a pending x87 exception), otherwise the instruction is
// skipped, by a table of lengths. Vector 0x80 ends a CPU's program, 0x81 starts its timer.

import * as r from "../../asm/index.ts";
import {
  APIC,
  CODE_SIZE,
  type Environment,
  entryAddress,
  FLAT_DATA,
  HANDLERS,
  LENGTHS,
  RECORDS,
  repairOf,
  WINDOW_PAGES,
} from "./environment.ts";

export const END_VECTOR = 0x80;
export const TIMER_SETUP_VECTOR = 0x81;
const TIMER_VECTOR = 0x41;
/** isa-debug-exit. */
export const EXIT_PORT = 0xf4;

/** In RECORDS: counts of each vector, u32. */
const COUNTS = RECORDS;
/** Events so far, u32; CPUs that are done; CPUs there are; the timer's period. */
export const EVENTS = RECORDS + 0x400;
const DONE = RECORDS + 0x404;
export const CPUS = RECORDS + 0x408;
export const PERIOD = RECORDS + 0x40c;
export const SYSTEM_CALLS = RECORDS + 0x410;
/** u64 for each page of the window: its entry once it is present, or 0. */
const REPAIRS = RECORDS + 0x480;
/** Ring of the last events, 32 bytes each: RIP, error code, vector, CR2, RFLAGS. */
const RING = RECORDS + 0x1000;
const RING_SIZE = 0x2000;
/** A program that has had so many events is at its end. */
const MOST_EVENTS = 4000;

/** Exceptions with an error code (Intel SDM vol. 3A, table 6-1). */
const HAS_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);

const SYSTEM_CALL = "system_call";
const FAST_SYSTEM_CALL = "fast_system_call";

const label = (vector: number): string => `vector_${vector}`;

/** The registers that the common part uses, in the width of the mode. */
function registersOf(bits: 16 | 32 | 64) {
  return bits === 64
    ? { a: r.rax, b: r.rbx, c: r.rcx, d: r.rdx, sp: r.rsp }
    : { a: r.eax, b: r.ebx, c: r.ecx, d: r.edx, sp: r.esp };
}

/** Everything behind the stubs. `frame` is where, from the base register, the values on the stack are. */
function common(a: r.Assembler, environment: Environment): void {
  const { handlerBits: bits } = environment;
  const { a: ra, b: rb, c: rc, d: rd, sp } = registersOf(bits);
  const wide = bits === 64 ? r.qword : r.dword;
  const real = bits === 16;
  // In real mode the records are behind DS = 0, what lies above 64 KiB behind FS; the frame has words.
  const reach = real ? { segment: r.fs } : {};
  const base = real ? r.ebp : sp;
  const width = bits / 8;
  const saved = real ? 34 : 4 * width + (bits === 32 ? 4 : 0);
  const at = (slot: number) => ({ disp: saved + slot * width });
  const value = (slot: number) => (real ? r.word : wide)(base, at(slot));
  const [VECTOR, ERROR, RIP, FLAGS] = real ? [0, 0, 1, 3] : [0, 1, 2, 4];

  a.label("common");
  if (real) {
    a.pushad().push(r.ds).xor(r.eax, r.eax).mov(r.ds, r.ax);
    a.movzx(r.ebp, r.sp).movzx(r.eax, value(VECTOR));
  } else {
    a.push(ra).push(rb).push(rc).push(rd);
    if (bits === 32) {
      a.push(r.ds).mov(r.eax, FLAT_DATA).mov(r.ds, r.ax);
    }
    a.mov(ra, value(VECTOR));
  }
  a.inc(r.dword({ disp: COUNTS, index: ra, scale: 4 }));
  a.mov(r.ebx, 1).lock.xadd(r.dword(EVENTS), r.ebx);
  a.cmp(r.ebx, MOST_EVENTS).ja("out");
  a.and(r.ebx, RING_SIZE / 32 - 1).shl(r.ebx, 5);
  const note = (slot: number, to: number): void => {
    if (real) a.movzx(r.ecx, value(slot));
    else a.mov(rc, value(slot));
    a.mov(wide(rb, { disp: RING + to }), rc);
  };
  note(RIP as number, 0);
  note(ERROR as number, 8);
  a.mov(r.dword(rb, { disp: RING + 12 }), r.eax);
  if (!real) a.mov(rc, r.cr2).mov(wide(rb, { disp: RING + 16 }), rc);
  note(FLAGS as number, 24);

  a.cmp(r.eax, 0x20).jae("external");
  for (const vector of [3, 4]) a.cmp(r.al, vector).je("leave");
  a.cmp(r.al, 1).je("debug");
  a.cmp(r.al, 7).je("no_device");
  a.cmp(r.al, 16).je("x87_fault");
  if (!real) a.cmp(r.al, 17).je("alignment");
  if (environment.paging !== undefined) a.cmp(r.al, 14).je("page_fault");
  a.label("skip");
  const code = environment.code - environment.bases.cs;
  if (real) a.movzx(r.ecx, value(RIP as number));
  else a.mov(rc, value(RIP as number));
  a.sub(rc, code).cmp(rc, CODE_SIZE).jae("lost");
  a.movzx(r.ecx, r.byte(rc, { disp: LENGTHS, ...reach }))
    .test(r.ecx, r.ecx)
    .jz("lost");
  a.add(value(RIP as number), real ? r.cx : rc);
  a.label("leave");
  if (real) a.pop(r.ds).popad().add(r.sp, 2).iret();
  else {
    if (bits === 32) a.pop(r.ds);
    a.pop(rd)
      .pop(rc)
      .pop(rb)
      .pop(ra)
      .add(sp, 2 * width);
    if (bits === 64) a.iretq();
    else a.iretd();
  }
  // Where no instruction begins: the program is over. Its first instruction says so.
  a.label("lost");
  a.mov(value(RIP as number), code).jmp("leave");
  // Single steps go on for a while.
  a.label("debug");
  // RF: an instruction breakpoint lets its instruction pass.
  if (!real) a.or(value(FLAGS as number), 0x1_0000);
  a.test(r.byte(COUNTS + 4), 15).jnz("leave");
  a.and(value(FLAGS as number), real ? 0xfeff : ~0x100).jmp("leave");
  a.label("no_device");
  a.clts().jmp("leave");
  a.label("x87_fault");
  a.fnclex().jmp("leave");
  if (!real) {
    a.label("alignment");
    a.and(value(FLAGS as number), ~0x4_0000).jmp("leave");
  }
  if (environment.paging !== undefined) {
    a.label("page_fault");
    a.test(value(ERROR as number), 1).jnz("skip");
    a.mov(rc, r.cr2)
      .mov(rd, rc)
      .sub(rc, environment.data)
      .cmp(rc, WINDOW_PAGES * 4096)
      .jae("skip");
    a.shr(rc, 12);
    const entry = {
      disp: entryAddress(environment, 0),
      index: rc,
      scale: bits === 64 ? 8 : 4,
    } as const;
    a.mov(ra, wide({ disp: REPAIRS, index: rc, scale: 8 }))
      .test(ra, ra)
      .jz("skip");
    a.mov(wide(entry), ra).invlpg(r.mem(rd)).jmp("leave");
  }
  const write = (register: number, content: number | r.Reg): void => {
    a.mov(r.ecx, APIC + register).mov(r.dword(bits === 64 ? r.rcx : r.ecx, reach), content);
  };
  a.label("external");
  a.cmp(r.eax, END_VECTOR).je("end").cmp(r.eax, TIMER_SETUP_VECTOR).je("timer");
  a.cmp(r.eax, TIMER_VECTOR).jne("leave");
  write(0xb0, 0);
  a.jmp("leave");
  a.label("timer");
  // SVR, divide by 1, LVT timer periodic, initial count (Intel SDM vol. 3A, 10.5.4).
  write(0xf0, 0x1ff);
  write(0x3e0, 0xb);
  write(0x320, 0x2_0000 | TIMER_VECTOR);
  a.mov(r.eax, r.dword(PERIOD));
  write(0x380, r.eax);
  a.jmp("leave");
  a.label("end");
  a.mov(r.ebx, 1).lock.xadd(r.dword(DONE), r.ebx);
  a.inc(r.ebx).cmp(r.ebx, r.dword(CPUS)).jae("out");
  a.label("stay");
  a.cli().hlt().jmp("stay");
  a.label("out");
  a.mov(r.al, 0).out(EXIT_PORT, r.al).jmp("stay");
}

export interface Handlers {
  bytes: Uint8Array;
  /** Address of a vector's handler. */
  handler(vector: number): number;
  /** Addresses of the targets of SYSCALL and SYSENTER. */
  systemCall: number;
  fastSystemCall: number;
}

const assembled = new Map<string, Handlers>();

/** The handlers of an environment, to be put at HANDLERS. */
export function handlersOf(environment: Environment): Handlers {
  const made = assembled.get(environment.mode);
  if (made !== undefined) return made;
  const bits = environment.handlerBits;
  const a = new r.Assembler({ bits, name: "handlers" });
  for (let vector = 0; vector < 256; vector++) {
    a.label(label(vector));
    if (bits === 16) a.form("Push_imm16", vector);
    else {
      if (!HAS_ERROR.has(vector)) a.push(0);
      a.push(vector);
    }
    a.jmp("common");
  }
  common(a, environment);
  // Where SYSCALL and SYSENTER lead: they are counted, and go back.
  a.label(SYSTEM_CALL);
  if (bits === 64) a.lock.inc(r.dword(SYSTEM_CALLS)).sysretq();
  a.label(FAST_SYSTEM_CALL);
  if (bits === 64) a.lock.inc(r.dword(SYSTEM_CALLS)).sysexitq();
  const { bytes, map } = a.flat({ origin: bits === 16 ? 0 : HANDLERS });
  const origin = bits === 16 ? HANDLERS : 0;
  const handlers = {
    bytes,
    handler: (vector: number) => origin + Number(map.get(label(vector))),
    systemCall: origin + Number(map.get(SYSTEM_CALL)),
    fastSystemCall: origin + Number(map.get(FAST_SYSTEM_CALL)),
  };
  assembled.set(environment.mode, handlers);
  return handlers;
}

/** What the handlers' records hold before a program. */
export function emptyRecords(environment: Environment, cpus: number, period: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(0x1000));
  view.setUint32(CPUS - RECORDS, cpus, true);
  view.setUint32(PERIOD - RECORDS, period, true);
  if (environment.paging !== undefined) {
    for (let page = 0; page < WINDOW_PAGES; page++) {
      view.setBigUint64(REPAIRS - RECORDS + 8 * page, BigInt(repairOf(page)), true);
    }
  }
  return new Uint8Array(view.buffer);
}
