// Where every portal of the roottask leads: the id says which thread and what happened. System calls and
// failed page faults of foreign programs are passed to the personality, which registers itself here.

import {
  EVENT_RECALL,
  EVENT_STARTUP,
  EXC_AC,
  EXC_BP,
  EXC_BR,
  EXC_DB,
  EXC_DE,
  EXC_GP,
  EXC_MC,
  EXC_MF,
  EXC_NM,
  EXC_NP,
  EXC_OF,
  EXC_PF,
  EXC_SS,
  EXC_TS,
  EXC_UD,
  EXC_XM,
  MEM_R,
  MEM_W,
  MEM_X,
  MTD_GPR_ACDB,
  MTD_GPR_BSD,
  MTD_GPR_R8_R15,
  MTD_RFLAGS,
  MTD_RIP_LEN,
  MTD_RSP,
} from "../libhedron/abi";
import { reply } from "../libhedron/hypercalls";
import { Utcb } from "../libhedron/utcb";
import { endLine, say, sayDecimal, sayHex, sayText } from "./console";
import { endProgram } from "./domain";
import { beginHandling, endHandling } from "./handling";
import { enter, leave } from "./lock";
import { LOG_DEBUG, LOG_ERROR, LOG_TRACE, line, lineAbout, logs, MODULE_EXCEPTIONS } from "./log";
import { handlerUtcb } from "./machine";
import { takeCall } from "./mediator";
import { migrate, mustMove } from "./migration";
import { isMemoryShort, isSpared, makeRoom } from "./out_of_memory";
import { abandon } from "./power";
import { ABI_LINUX, Program, resumeThread, STATE_KILLED, slotAt, Thread } from "./program";
import { RFLAGS_FIXED } from "./rflags";
import { handleService } from "./services";
import {
  accessName,
  FAULT_BEYOND_FILE,
  FAULT_MEMORY,
  FAULT_RIGHTS,
  faultReason,
  refuseMemory,
  touch,
} from "./space";
import { sayTrace } from "./stack_trace";
import { dismiss, isEnding, retire } from "./thread";
import {
  ID_PROBE,
  ID_PROCESSOR_SHIFT,
  ID_SERVICE,
  ID_SHIFT,
  ID_SYSCALL,
  OWN_SLOT,
} from "./thread_slots";

/** Error code of a page fault: the page was present; write; instruction fetch. */
const FAULT_PRESENT: u64 = 1;
const FAULT_WRITE: u64 = 2;
const FAULT_FETCH: u64 = 16;

type Personality = (thread: Thread) => void;
type SignalOf = (thread: Thread, event: u32) => u32;

function noPersonality(_thread: Thread): void {}

let systemCall: Personality = noPersonality;
let threadStart: Personality | null = null;
let threadRecall: Personality | null = null;
let signalOf: SignalOf | null = null;

/**
 * Registers the personality: its system call entry, what it makes of an exception nobody could help, what it
 * adds to the first registers of a thread, and what it does when a thread is recalled.
 */
export function setPersonality(
  call: Personality,
  signal: SignalOf,
  start: Personality,
  recall: Personality,
): void {
  systemCall = call;
  signalOf = signal;
  threadStart = start;
  threadRecall = recall;
}

function eventName(event: u32): string {
  switch (event) {
    case EXC_DE:
      return "#DE divide error";
    case EXC_DB:
      return "#DB debug exception";
    case EXC_BP:
      return "#BP breakpoint";
    case EXC_OF:
      return "#OF overflow";
    case EXC_BR:
      return "#BR bound range exceeded";
    case EXC_UD:
      return "#UD invalid opcode";
    case EXC_NM:
      return "#NM device not available";
    case EXC_TS:
      return "#TS invalid TSS";
    case EXC_NP:
      return "#NP segment not present";
    case EXC_SS:
      return "#SS stack fault";
    case EXC_GP:
      return "#GP general protection";
    case EXC_PF:
      return "#PF page fault";
    case EXC_MF:
      return "#MF x87 floating-point error";
    case EXC_AC:
      return "#AC alignment check";
    case EXC_MC:
      return "#MC machine check";
    case EXC_XM:
      return "#XM SIMD floating-point exception";
    default:
      return "unexpected event";
  }
}

function register(name: string, value: u64): void {
  say(name);
  sayHex(value, 16);
}

/** Four lines with the registers of an exception message. */
function sayRegisters(program: Program | null, utcb: Utcb): void {
  lineAbout(program, LOG_ERROR, MODULE_EXCEPTIONS, "  rax ");
  sayHex(utcb.rax, 16);
  register(" rbx ", utcb.rbx);
  register(" rcx ", utcb.rcx);
  register(" rdx ", utcb.rdx);
  endLine();
  lineAbout(program, LOG_ERROR, MODULE_EXCEPTIONS, "  rsi ");
  sayHex(utcb.rsi, 16);
  register(" rdi ", utcb.rdi);
  register(" rbp ", utcb.rbp);
  register(" rsp ", utcb.rsp);
  endLine();
  lineAbout(program, LOG_ERROR, MODULE_EXCEPTIONS, "  r8  ");
  sayHex(utcb.r8, 16);
  register(" r9  ", utcb.r9);
  register(" r10 ", utcb.r10);
  register(" r11 ", utcb.r11);
  endLine();
  lineAbout(program, LOG_ERROR, MODULE_EXCEPTIONS, "  r12 ");
  sayHex(utcb.r12, 16);
  register(" r13 ", utcb.r13);
  register(" r14 ", utcb.r14);
  register(" r15 ", utcb.r15);
  endLine();
}

function accessOf(utcb: Utcb): u32 {
  if ((utcb.qual0 & FAULT_FETCH) !== 0) return MEM_X;
  return (utcb.qual0 & FAULT_WRITE) !== 0 ? MEM_W : MEM_R;
}

function sayFault(utcb: Utcb): void {
  say(", ");
  say(accessName(accessOf(utcb)));
  sayHex(utcb.qual1, 1);
  if (faultReason === FAULT_RIGHTS) say(" (not allowed there)");
  else if (faultReason === FAULT_BEYOND_FILE) say(" (beyond the end of the mapped file)");
  else if (faultReason === FAULT_MEMORY) say(" (out of memory)");
  else say(" (nothing mapped there)");
}

/** What else an exception message has. */
function sayState(program: Program, utcb: Utcb): void {
  lineAbout(program, LOG_DEBUG, MODULE_EXCEPTIONS, "  rflags ");
  sayHex(utcb.rflags, 1);
  register(" fs base ", utcb.fsBase);
  register(" gs base ", utcb.gsBase);
  say(" instruction of ");
  sayDecimal(utcb.instructionLength);
  say(" bytes, mtd ");
  sayHex(utcb.mtd, 1);
  endLine();
}

/** Reports the exception of `thread` that ends its program. */
function reportCrash(thread: Thread, event: u32): void {
  const utcb = thread.utcb;
  const program = thread.program;
  lineAbout(program, LOG_ERROR, MODULE_EXCEPTIONS, "crash ");
  sayDecimal(program.number as u64);
  say(" (");
  sayText(program.name, program.nameLength);
  say("): ");
  say(eventName(event));
  say(" at RIP ");
  sayHex(utcb.rip, 1);
  if (event === EXC_PF) sayFault(utcb);
  else if (utcb.qual0 !== 0 && event >= 10 && event <= 17) {
    say(", error code ");
    sayHex(utcb.qual0, 1);
  }
  endLine();
  sayRegisters(program, utcb);
  sayState(program, utcb);
  sayTrace(program, utcb);
}

/** General registers in a UTCB: RAX…R15, 16 words. */
const FIRST_REGISTER: usize = offsetof<Utcb>("rax");
const REGISTERS: usize = 16 * 8;

/** General registers, RIP, RSP and RFLAGS go back with the message. */
export const ALL_REGISTERS: u64 =
  MTD_RIP_LEN | MTD_RSP | MTD_RFLAGS | MTD_GPR_ACDB | MTD_GPR_BSD | MTD_GPR_R8_R15;

function startUp(thread: Thread): void {
  const utcb = thread.utcb;
  const base = changetype<usize>(utcb);
  memory.copy(base + FIRST_REGISTER, thread.registers + FIRST_REGISTER, REGISTERS);
  utcb.rip = thread.entryRip;
  utcb.rsp = thread.entryRsp;
  utcb.rflags = thread.entryFlags;
  utcb.mtd = ALL_REGISTERS;
  const starting = threadStart;
  if (starting !== null && thread.program.abi === ABI_LINUX) starting(thread);
  if (thread.moved === 0) return;
  thread.moved = 0;
  const saved = changetype<Utcb>(thread.registers);
  utcb.fsBase = saved.fsBase;
  utcb.gsBase = saved.gsBase;
}

/** Says which event of a program has come; page faults, of which there are many, at a level of their own. */
function traceEvent(thread: Thread, event: u32): void {
  const level = event === EXC_PF ? LOG_TRACE : LOG_DEBUG;
  if (!logs(level, MODULE_EXCEPTIONS, thread.program)) return;
  lineAbout(thread.program, level, MODULE_EXCEPTIONS, "");
  sayDecimal(thread.program.number as u64);
  say(", thread ");
  sayDecimal(thread.id as u64);
  say(": ");
  if (event === EVENT_STARTUP) {
    say("startup");
  } else if (event === EVENT_RECALL) {
    say("recall");
  } else {
    say(eventName(event));
    if (event === EXC_PF) {
      say(", ");
      say(accessName(accessOf(thread.utcb)));
      sayHex(thread.utcb.qual1, 1);
    }
  }
  if (event !== EVENT_STARTUP) {
    say(" at RIP ");
    sayHex(thread.utcb.rip, 1);
  }
  endLine();
}

function handleEvent(thread: Thread, event: u32): void {
  const utcb = thread.utcb;
  traceEvent(thread, event);
  if (event === EVENT_STARTUP) {
    startUp(thread);
    return;
  }
  if (event === EVENT_RECALL) {
    utcb.mtd = 0;
    const recalled = threadRecall;
    if (recalled !== null && thread.program.abi === ABI_LINUX) recalled(thread);
    return;
  }
  if (event === EXC_PF) {
    if (
      touch(thread.program.space, utcb.qual1, accessOf(utcb)) &&
      (utcb.qual0 & (FAULT_PRESENT | FAULT_WRITE)) !== FAULT_PRESENT
    ) {
      // Who is spared may have what is left, as in calls: nobody else is there to be ended.
      if (!isMemoryShort() || makeRoom(thread.program) || isSpared(thread.program)) {
        thread.program.faults++;
        utcb.mtd = 0;
        return;
      }
      refuseMemory();
    } else if (faultReason === FAULT_MEMORY && makeRoom(thread.program)) {
      // It will fault again, until there is room.
      utcb.mtd = 0;
      return;
    }
  }
  if (takeCall(thread, utcb)) {
    systemCall(thread);
    utcb.mtd |= ALL_REGISTERS;
    return;
  }
  if (event === EXC_PF) thread.program.faults++;
  const signal = signalOf;
  const number = signal !== null && thread.program.abi === ABI_LINUX ? signal(thread, event) : 0;
  if (number === 0 && thread.program.abi === ABI_LINUX) return;
  reportCrash(thread, event);
  endProgram(thread, STATE_KILLED, number === 0 ? event : number);
}

/** The roottask itself has failed: say where, and end. */
function ownFailure(processor: u32, event: u32): void {
  const utcb = changetype<Utcb>(handlerUtcb(processor));
  line(LOG_ERROR, MODULE_EXCEPTIONS, "the roottask failed: ");
  say(eventName(event));
  say(" at RIP ");
  sayHex(utcb.rip, 1);
  if (event === EXC_PF) {
    say(", address ");
    sayHex(utcb.qual1, 1);
  }
  endLine();
  sayRegisters(null, utcb);
  abandon();
}

/** Top of the stack of an EC of the roottask's own that is about to start, and where it begins. */
let ownStack: usize = 0;
let ownEntry: u64 = 0;

/** The next EC of the roottask's own domain that gets an SC, on its own processor, begins at `entry`, with its stack's top at `stack`. */
export function prepareOwnStart(entry: u64, stack: usize): void {
  ownEntry = entry;
  ownStack = stack;
}

function startOwn(): void {
  const utcb = changetype<Utcb>(handlerUtcb(0));
  utcb.rip = ownEntry;
  utcb.rsp = ownStack as u64;
  utcb.rflags = RFLAGS_FIXED;
  utcb.mtd = MTD_RIP_LEN | MTD_RSP | MTD_RFLAGS;
}

/** The thread of slot `slot`, with the lock; does not return where it is about to end. */
function enterThread(slot: u32): Thread {
  const thread = slotAt(slot);
  enter();
  // The slot has no thread: its EC is about to die.
  if (thread.id === 0) {
    dismiss(thread);
    leave();
    while (true) reply();
  }
  resumeThread(thread);
  beginHandling(thread);
  if (isEnding(thread)) retire(thread);
  return thread;
}

/** Called by the portal stub with the portal's id; when it returns the stub replies. */
export function handlePortal(id: u64): void {
  const slot = (id >> ID_SHIFT) as u32;
  const what = (id & 0xff) as u32;
  // What happens most often comes first.
  if (what === ID_SYSCALL) {
    const thread = enterThread(slot);
    thread.program.calls++;
    systemCall(thread);
    endHandling(thread);
    leave();
    return;
  }
  if (slot === OWN_SLOT) {
    if (what === EVENT_STARTUP) startOwn();
    else ownFailure((id >> ID_PROCESSOR_SHIFT) as u32, what);
    return;
  }
  if (what === ID_PROBE) {
    slotAt(slot).utcb.items = 0;
    return;
  }
  const thread = enterThread(slot);
  if (what < ID_SERVICE) handleEvent(thread, what);
  else handleService(thread, what - ID_SERVICE);
  if (what < ID_SERVICE && mustMove(thread)) migrate(thread);
  endHandling(thread);
  leave();
}
