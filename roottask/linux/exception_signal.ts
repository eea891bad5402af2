// The signal that a CPU exception becomes and what a handler is told of it, as arch/x86/kernel/traps.c and
// mm/fault.c of Linux decide (sigaction(2), si_code). Left out: the reason of a floating-point exception, which
// only the floating-point state tells; it is reported as a division by zero.

import {
  EXC_AC,
  EXC_BP,
  EXC_DB,
  EXC_DE,
  EXC_MF,
  EXC_NP,
  EXC_PF,
  EXC_SS,
  EXC_UD,
  EXC_XM,
} from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { Thread } from "../libroottask/program";
import { RFLAGS_TF } from "../libroottask/rflags";
import { copyFrom, FAULT_BEYOND_FILE, FAULT_RIGHTS, faultReason } from "../libroottask/space";
import { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP } from "./signal_numbers";

const SI_KERNEL: i32 = 0x80;
const FPE_INTDIV: i32 = 1;
const FPE_FLTDIV: i32 = 3;
const ILL_ILLOPN: i32 = 2;
const TRAP_BRKPT: i32 = 1;
const TRAP_TRACE: i32 = 2;
const SEGV_MAPERR: i32 = 1;
const SEGV_ACCERR: i32 = 2;
const BUS_ADRALN: i32 = 1;
const BUS_ADRERR: i32 = 2;

/** The opcode of INT1, which raises #DB without a step. */
const INT1: u8 = 0xf1;

const opcode = memory.data(8);

/** The signal of exception `event` in a program; a page fault's depends on what the last look-up found. */
export function signalOf(event: u32): u32 {
  switch (event) {
    case EXC_DE:
    case EXC_MF:
    case EXC_XM:
      return SIGFPE;
    case EXC_DB:
    case EXC_BP:
      return SIGTRAP;
    case EXC_UD:
      return SIGILL;
    case EXC_NP:
    case EXC_SS:
    case EXC_AC:
      return SIGBUS;
    case EXC_PF:
      return faultReason === FAULT_BEYOND_FILE ? SIGBUS : SIGSEGV;
    default:
      return SIGSEGV;
  }
}

/** si_code of the signal. */
export function codeOf(thread: Thread, event: u32, regs: Utcb): i32 {
  switch (event) {
    case EXC_DE:
      return FPE_INTDIV;
    case EXC_MF:
    case EXC_XM:
      return FPE_FLTDIV;
    case EXC_DB:
      return isInt1(thread, regs) ? TRAP_BRKPT : TRAP_TRACE;
    case EXC_UD:
      return ILL_ILLOPN;
    case EXC_AC:
      return BUS_ADRALN;
    case EXC_PF:
      if (faultReason === FAULT_BEYOND_FILE) return BUS_ADRERR;
      return faultReason === FAULT_RIGHTS ? SEGV_ACCERR : SEGV_MAPERR;
    default:
      return SI_KERNEL;
  }
}

/** si_addr of the signal: where data were missing, or the instruction; 0 where Linux names no place. */
export function addressOf(event: u32, regs: Utcb): u64 {
  if (event === EXC_PF) return regs.qual1;
  const named = event === EXC_DE || event === EXC_DB || event === EXC_UD;
  return named || event === EXC_MF || event === EXC_XM ? regs.rip : 0;
}

/** Whether a #DB comes from INT1: nothing in the message tells it from a step, but a step leaves TF set. */
function isInt1(thread: Thread, regs: Utcb): bool {
  if ((regs.rflags & RFLAGS_TF) !== 0) return false;
  return copyFrom(thread.program.space, opcode, regs.rip - 1, 1) && load<u8>(opcode) === INT1;
}
