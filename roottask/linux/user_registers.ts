// struct user_regs_struct (arch/x86/include/asm/user_64.h): the registers of a thread as core dumps and tracers have them. What
// may be set is what putreg() of arch/x86/kernel/ptrace.c lets through; segments stay what they are.

import { MTD_FS_GS } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { SPACE_END } from "../libroottask/areas";
import { EIO } from "../libroottask/errno";
import { Thread } from "../libroottask/program";
import { RFLAGS_FIXED } from "../libroottask/rflags";
import { linuxThread } from "./state";

export const USER_REGISTERS: u32 = 27;
export const USER_REGISTERS_BYTES: u32 = USER_REGISTERS * 8;

/** Indices that are not in the message: the call's number; segments. */
const CALL: u32 = 15;
const CODE: u32 = 17;
const FLAGS: u32 = 18;
const STACK: u32 = 20;
const FS_BASE: u32 = 21;
const GS_BASE: u32 = 22;
/** Selectors of a 64-bit program's code and stack. */
const CODE_SELECTOR: u64 = 0x33;
const STACK_SELECTOR: u64 = 0x2b;
/** FLAG_MASK: arithmetic, trap, direction, nested task, resume, alignment check. */
const SETTABLE_FLAGS: u64 = 0x5_4dd5;
/** No flag of a message: the processor sets it for itself. */
const RESUME_FLAG: u64 = 0x1_0000;

/** Where register `index` is in a message, 0 where it is not. */
function placeOf(regs: Utcb, index: u32): usize {
  const base = changetype<usize>(regs);
  switch (index) {
    case 0:
      return base + offsetof<Utcb>("r15");
    case 1:
      return base + offsetof<Utcb>("r14");
    case 2:
      return base + offsetof<Utcb>("r13");
    case 3:
      return base + offsetof<Utcb>("r12");
    case 4:
      return base + offsetof<Utcb>("rbp");
    case 5:
      return base + offsetof<Utcb>("rbx");
    case 6:
      return base + offsetof<Utcb>("r11");
    case 7:
      return base + offsetof<Utcb>("r10");
    case 8:
      return base + offsetof<Utcb>("r9");
    case 9:
      return base + offsetof<Utcb>("r8");
    case 10:
      return base + offsetof<Utcb>("rax");
    case 11:
      return base + offsetof<Utcb>("rcx");
    case 12:
      return base + offsetof<Utcb>("rdx");
    case 13:
      return base + offsetof<Utcb>("rsi");
    case 14:
      return base + offsetof<Utcb>("rdi");
    case 16:
      return base + offsetof<Utcb>("rip");
    case FLAGS:
      return base + offsetof<Utcb>("rflags");
    case 19:
      return base + offsetof<Utcb>("rsp");
    default:
      return 0;
  }
}

/** Register `index` of `thread`, which is in a call or event with `regs`. */
export function userRegister(thread: Thread, regs: Utcb, index: u32): u64 {
  const place = placeOf(regs, index);
  if (place !== 0) return load<u64>(place);
  const own = linuxThread(thread);
  switch (index) {
    case CALL:
      return own.call;
    case CODE:
      return CODE_SELECTOR;
    case STACK:
      return STACK_SELECTOR;
    case FS_BASE:
      return own.fsBase;
    case GS_BASE:
      return own.gsBase;
    default:
      return 0;
  }
}

function setBase(thread: Thread, regs: Utcb, index: u32, value: u64): i64 {
  if (value >= SPACE_END) return -EIO;
  const own = linuxThread(thread);
  if (index === FS_BASE) own.fsBase = value;
  else own.gsBase = value;
  regs.fsBase = own.fsBase;
  regs.gsBase = own.gsBase;
  regs.mtd |= MTD_FS_GS;
  return 0;
}

/** Sets it: 0, or -EIO where it cannot have the value. */
export function setUserRegister(thread: Thread, regs: Utcb, index: u32, value: u64): i64 {
  if (index === CALL) {
    linuxThread(thread).call = value;
    return 0;
  }
  if (index === FS_BASE || index === GS_BASE) return setBase(thread, regs, index, value);
  const place = placeOf(regs, index);
  if (place === 0) return userRegister(thread, regs, index) === value ? 0 : -EIO;
  if (index === FLAGS) {
    const kept = regs.rflags & ~SETTABLE_FLAGS;
    regs.rflags = kept | (value & SETTABLE_FLAGS & ~RESUME_FLAG) | RFLAGS_FIXED;
  } else {
    store<u64>(place, value);
  }
  return 0;
}

/** All registers to `at`. */
export function copyUserRegisters(thread: Thread, regs: Utcb, at: usize): void {
  for (let i: u32 = 0; i < USER_REGISTERS; i++) {
    store<u64>(at + i * 8, userRegister(thread, regs, i));
  }
}

/** The first `count` registers from `at`: 0 or -EIO at the first one that cannot be set. */
export function setUserRegisters(thread: Thread, regs: Utcb, at: usize, count: u32): i64 {
  for (let i: u32 = 0; i < count; i++) {
    const error = setUserRegister(thread, regs, i, load<u64>(at + i * 8));
    if (error !== 0) return error;
  }
  return 0;
}
