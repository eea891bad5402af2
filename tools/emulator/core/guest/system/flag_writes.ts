// Instructions that read and write EFLAGS: PUSHF, POPF, CLC … STD, CLI, STI, CLAC, STAC. Follows Intel SDM vol. 2
// and vol. 3A, 2.3; virtual interrupts vol. 3B, 20.3.

import { S_CPL, S_CR4, S_EFLAGS, S_FAULT, SHADOW_STI } from "../../state";
import { drop, peek, push, stackFault } from "../integer/stack";
import { protectedMode, updateMode, vm86 } from "../memory/segments";
import { selectTlb } from "../memory/tlb";
import { failed, goAfter } from "../op/leave";
import { Op, undefinedOpcode } from "../op/op";
import { CR4_PVI, CR4_VME } from "../processor/control_bits";
import { GP, raiseCode } from "../processor/fault";
import {
  AC,
  DF,
  eflags,
  ID,
  IF,
  IOPL,
  NT,
  RF,
  STATUS,
  setStatusFlags,
  TF,
  VIF,
  VIP,
  VM,
} from "../processor/flags";
import { shadow } from "./segment_moves";

/** Whether the executing code is a virtual-8086 program whose IF is VIF: IOPL below 3, and CR4.VME. */
export function hasVirtualIf(): bool {
  return vm86() && (load<u32>(S_EFLAGS) & IOPL) != IOPL && (load<u64>(S_CR4) & CR4_VME) != 0;
}

/** FLAGS as such a program sees them: IF is VIF, IOPL reads 3. */
export function virtualFlags(): u32 {
  const f = (eflags() & ~IF) | IOPL;
  return (f & VIF) != 0 ? f | IF : f;
}

/**
 * Writes FLAGS for such a program: IF goes to VIF, IOPL stays. False, with nothing written, for what its monitor has
 * to see: TF, and IF while an interrupt is pending for it.
 */
export function writeVirtualFlags(f: u32): bool {
  if ((f & TF) != 0 || ((f & IF) != 0 && (load<u32>(S_EFLAGS) & VIP) != 0)) return false;
  store<u32>(S_EFLAGS, (load<u32>(S_EFLAGS) & ~VIF) | ((f & IF) != 0 ? VIF : 0));
  writeFlags(f, STATUS | TF | DF | NT);
  return true;
}

/**
 * A virtual-8086 program is entered: #GP(0) at its first instruction if an interrupt is pending for it that it lets
 * through (SDM vol. 3B, 20.3.2).
 */
export function checkVirtualInterrupt(): void {
  const both = VIF | VIP;
  if (hasVirtualIf() && (load<u32>(S_EFLAGS) & both) == both) raiseCode(GP, 0);
}

export function pushFlags(op: Op): usize {
  if (vm86() && (load<u32>(S_EFLAGS) & IOPL) != IOPL) {
    if (!hasVirtualIf() || op.size == 4) return failed(op, GP, 0);
    push(<u64>virtualFlags(), 2);
  } else push(<u64>(eflags() & 0xfcffff), <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function popFlags(op: Op): usize {
  const size = <i32>op.size;
  const cpl = load<u32>(S_CPL);
  const iopl = (load<u32>(S_EFLAGS) >> 12) & 3;
  let mask: u32 = STATUS | TF | DF | NT | AC | ID;
  if (vm86()) {
    if (iopl != 3) {
      if (!hasVirtualIf() || size == 4) return failed(op, GP, 0);
      const f = <u32>peek(0, 2);
      if (load<u32>(S_FAULT) != 0) return stackFault(op);
      if (!writeVirtualFlags(f)) return failed(op, GP, 0);
      drop(2);
      return goAfter(op);
    }
    mask |= IF;
  } else {
    if (!protectedMode() || cpl == 0) mask |= IOPL;
    if (!protectedMode() || cpl <= iopl) mask |= IF;
  }
  const f = <u32>peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  drop(size);
  if (size == 2) mask &= 0xffff;
  else if (!vm86()) mask |= RF | (cpl == 0 || !protectedMode() ? VIF | VIP : 0);
  writeFlags(f & ~(RF | VIF | VIP), mask);
  return goAfter(op);
}

/** CLC (`sub` 0), STC (1), CMC (2). */
export function carryOp(op: Op): usize {
  const f = eflags() & STATUS;
  setStatusFlags(op.sub == 0 ? f & ~1 : op.sub == 1 ? f | 1 : f ^ 1);
  return op.next();
}

/** CLD (`sub` 0), STD (1). */
export function directionOp(op: Op): usize {
  const f = load<u32>(S_EFLAGS);
  store<u32>(S_EFLAGS, op.sub == 0 ? f & ~DF : f | DF);
  return op.next();
}

/** Whether CLI and STI act on IF; 2: on VIF; 0: #GP pending. */
function interruptFlagRight(): i32 {
  const f = load<u32>(S_EFLAGS);
  if (!protectedMode()) return 1;
  const iopl = (f >> 12) & 3;
  if (vm86()) {
    if (iopl == 3) return 1;
    if ((load<u64>(S_CR4) & CR4_VME) != 0) return 2;
  } else {
    if (load<u32>(S_CPL) <= iopl) return 1;
    if (load<u32>(S_CPL) == 3 && (load<u64>(S_CR4) & CR4_PVI) != 0) return 2;
  }
  raiseCode(GP, 0);
  return 0;
}

export function cli(op: Op): usize {
  const right = interruptFlagRight();
  if (right == 0) return op.fault();
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~(right == 1 ? IF : VIF));
  return op.next();
}

export function sti(op: Op): usize {
  const right = interruptFlagRight();
  if (right == 0) return op.fault();
  const f = load<u32>(S_EFLAGS);
  if (right == 2) {
    if ((f & VIP) != 0) return failed(op, GP, 0);
    store<u32>(S_EFLAGS, f | VIF);
    return goAfter(op);
  }
  store<u32>(S_EFLAGS, f | IF);
  if ((f & IF) == 0) shadow(SHADOW_STI);
  return goAfter(op);
}

/** CLAC (`sub` 0), STAC (1). */
export function alignmentFlag(op: Op): usize {
  if (load<u32>(S_CPL) != 0) return undefinedOpcode(op);
  const f = load<u32>(S_EFLAGS);
  store<u32>(S_EFLAGS, op.sub == 0 ? f & ~AC : f | AC);
  selectTlb();
  return op.next();
}

/** Writes the status flags and what else of EFLAGS `mask` selects, if the mode is updated behind it or none of `MODE` changes. */
export function setFlags(value: u32, mask: u32): void {
  setStatusFlags(value);
  store<u32>(S_EFLAGS, ((load<u32>(S_EFLAGS) & ~mask) | (value & mask)) & ~STATUS & 0x3fff00);
}

/** Flags that the block key and the TLB set depend on. */
const MODE: u32 = TF | RF | AC | VM;

/** Writes the status flags and what else of EFLAGS `mask` selects, then updates the mode. */
export function writeFlags(value: u32, mask: u32): void {
  if (((load<u32>(S_EFLAGS) ^ value) & mask & MODE) != 0) writeModeFlags(value, mask);
  else setFlags(value, mask);
}

/** The same where one of `MODE` changes: compiled regions leave that to the interpreter. */
export function writeModeFlags(value: u32, mask: u32): void {
  setFlags(value, mask);
  updateMode();
}
