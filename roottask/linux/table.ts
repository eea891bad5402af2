// The system call table of the Linux personality: number → function, as arch/x86/entry/syscalls/
// syscall_64.tbl numbers them. Each family fills in its part. A call without an entry returns -ENOSYS and
// is named in the log when the program has ended, so that a missing one is seen.

import { MTD_GPR_ACDB, MTD_RFLAGS, MTD_RIP_LEN, MTD_RSP } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { endLine, say, sayDecimal, sayText } from "../libroottask/console";
import { actAs } from "../libroottask/credentials";
import { EINTR, ENOSYS } from "../libroottask/errno";
import { LOG_WARN, lineAbout, MODULE_LINUX } from "../libroottask/log";
import { callerOf, forwarded, keepsFrames } from "../libroottask/mediator";
import { endCall } from "../libroottask/open_file";
import { Program, Thread } from "../libroottask/program";
import { RFLAGS_DF, RFLAGS_FIXED } from "../libroottask/rflags";
import { expectMemory } from "../libroottask/space";
import { seeFrom } from "../libroottask/tree";
import { freeOver } from "./aio/polls";
import { narrow, widthsOf } from "./arguments";
import { armStep } from "./ptrace/steps";
import { enterCall, leaveCall } from "./ptrace/stops";
import { continuedCall, interruptCall } from "./restart";
import { MODE_NONE } from "./seccomp/numbers";
import { passes } from "./seccomp/verdict";
import { mustRepeat } from "./short_memory";
import { deliverPending, endSuspension, signalPending } from "./signals";
import { LinuxThread, linuxThread, MISSING_BYTES, missingOf } from "./state";

/**
 * A system call: arguments are in RDI, RSI, RDX, R10, R8 and R9 of `regs`, the result goes to RAX. Most work
 * on what a program has; those that concern the calling thread, or let it wait, get the thread.
 */
export type ProgramCall = (program: Program, regs: Utcb) => i64;
export type ThreadCall = (thread: Thread, regs: Utcb) => i64;

export const SYSTEM_CALLS: u32 = MISSING_BYTES * 8;

/** Per call a function, or 0, of the programs' or of the threads' kind. */
const programCalls = memory.data(512 * 4);
const threadCalls = memory.data(512 * 4);

/** Enters `call` for system call `number`. */
export function onProgram(number: u32, call: ProgramCall): void {
  store<usize>(programCalls + number * 4, changetype<usize>(call));
}

export function onThread(number: u32, call: ThreadCall): void {
  store<usize>(threadCalls + number * 4, changetype<usize>(call));
}

/** Remembers that `number` was asked for; numbers beyond the table count as its last. */
function noteMissing(program: Program, number: u64): void {
  const entry = min<u64>(number, (SYSTEM_CALLS - 1) as u64) as u32;
  const slot = missingOf(program) + (entry >> 3);
  store<u8>(slot, load<u8>(slot) | (((1 as u32) << (entry & 7)) as u8));
}

/** Names the calls `program` made that are not there; called when it has ended. */
export function reportMissing(program: Program): void {
  if (program.personality === 0) return;
  const missing = missingOf(program);
  let found = false;
  for (let number: u32 = 0; number < SYSTEM_CALLS; number++) {
    if ((load<u8>(missing + (number >> 3)) & (((1 as u32) << (number & 7)) as u8)) === 0) continue;
    if (!found) {
      lineAbout(program, LOG_WARN, MODULE_LINUX, "");
      sayText(program.name, program.nameLength);
      say(" made system calls that are not supported (ENOSYS):");
      found = true;
    }
    say(" ");
    if (number === SYSTEM_CALLS - 1) say("beyond ");
    sayDecimal(number as u64);
  }
  if (found) endLine();
}

/** Makes call `number` of `thread` with the arguments in `regs`. */
function perform(thread: Thread, number: u64, regs: Utcb): i64 {
  if (number < (SYSTEM_CALLS as u64)) {
    const entry = (number as usize) * 4;
    const ofProgram = load<usize>(programCalls + entry);
    if (ofProgram !== 0) return changetype<ProgramCall>(ofProgram)(thread.program, regs);
    const ofThread = load<usize>(threadCalls + entry);
    if (ofThread !== 0) return changetype<ThreadCall>(ofThread)(thread, regs);
  }
  noteMissing(thread.program, number);
  return -ENOSYS;
}

/** The same with the arguments as wide as the kernel takes them; the program's registers stay as they are. */
function dispatch(thread: Thread, number: u64, regs: Utcb): i64 {
  const widths: u32 = number < (SYSTEM_CALLS as u64) ? widthsOf(number as u32) : 0;
  if (widths === 0) return perform(thread, number, regs);
  const first = regs.rdi;
  const second = regs.rsi;
  const third = regs.rdx;
  const fourth = regs.r10;
  const fifth = regs.r8;
  const sixth = regs.r9;
  narrow(regs, widths);
  const result = perform(thread, number, regs);
  regs.rdi = first;
  regs.rsi = second;
  regs.rdx = third;
  regs.r10 = fourth;
  regs.r8 = fifth;
  regs.r9 = sixth;
  return result;
}

/**
 * The published kernel leaves where the caller goes on to the reply, and tells the flags of an exception before instead
 * of the caller's; calls have DF clear.
 */
function setFrame(regs: Utcb): void {
  regs.rflags = (regs.rflags & ~RFLAGS_DF) | RFLAGS_FIXED;
  regs.mtd = MTD_GPR_ACDB | MTD_RIP_LEN | MTD_RSP | MTD_RFLAGS;
}

/** Makes the call of `thread` in `regs`, whose result is in RAX then. */
function makeCall(thread: Thread, own: LinuxThread, regs: Utcb): void {
  const number = continuedCall(thread, regs.rax);
  if (own.tracee !== 0) regs.rax = -ENOSYS as u64;
  const pages = thread.program.space.resident;
  let result: i64 = 0;
  do {
    expectMemory();
    result = dispatch(thread, number, regs);
    endCall(thread);
    freeOver();
  } while (mustRepeat(thread, result, pages));
  if (own.returning !== 0) {
    own.returning = 0;
  } else {
    regs.rax = result as u64;
  }
  if (result === -EINTR) interruptCall(thread, number, thread.limited !== 0);
  thread.limited = 0;
}

/**
 * Handles the system call in the UTCB of `thread`: user RIP is in RCX or, where the mediator has forwarded it, in its
 * frame; user RSP is in R11.
 */
export function linuxCall(thread: Thread): void {
  const regs = thread.utcb;
  regs.rsp = regs.r11;
  if (regs.rcx === forwarded) {
    regs.rip = callerOf(thread);
    regs.mtd = MTD_GPR_ACDB | MTD_RIP_LEN;
  } else {
    regs.rip = regs.rcx;
    if (keepsFrames) regs.mtd = MTD_GPR_ACDB;
    else setFrame(regs);
  }
  actAs(thread.credentials);
  seeFrom(thread.fs.rootMount, thread.fs.root);
  const own = linuxThread(thread);
  own.call = regs.rax;
  if (own.tracee === 0 || enterCall(thread, regs)) {
    if (own.seccomp === MODE_NONE || passes(thread, regs)) makeCall(thread, own, regs);
  }
  thread.alerted = 0;
  if (own.tracee !== 0) leaveCall(thread, regs);
  if (own.interrupted !== 0 || signalPending(thread)) deliverPending(thread, regs);
  else if (own.suspended !== 0) endSuspension(thread);
  if (own.tracee !== 0) armStep(thread, regs);
}
