// Ways out of an instruction that need more than its record: to the next block where nothing is to be done before it, a
// fault with its error code, the privilege check.

import {
  KEY_SINGLE,
  S_BUDGET,
  S_CPL,
  S_CPU,
  S_CR4,
  S_EFLAGS,
  S_EVENTS,
  S_FAULT,
  S_KEY,
  S_RIP,
  S_STOP,
  S_TRAP,
} from "../../state";
import { interruptPending } from "../processor/apic";
import { CR4_UMIP } from "../processor/control_bits";
import { GP, raiseCode } from "../processor/fault";
import { IF } from "../processor/flags";
import { TRAP_BITS } from "../processor/hardware_breakpoints";
import { lookup } from "./lookup";
import { Op } from "./op";

/** Checks CPL 0; #GP(0) pending if not. */
export function requireRing0(): bool {
  if (load<u32>(S_CPL) == 0) return true;
  raiseCode(GP, 0);
  return false;
}

/**
 * Checks that SGDT, SIDT, SLDT, STR and SMSW, which show system state, are allowed here: at CPL 0, or while CR4.UMIP is
 * clear; #GP(0) pending if not.
 */
export function maySeeSystemState(): bool {
  return (load<u64>(S_CR4) & CR4_UMIP) == 0 || requireRing0();
}

export function failed(op: Op, vector: u32, code: u32): usize {
  raiseCode(vector, code);
  return op.fault();
}

/** Continues at `rip`, in the block there if the budget allows. */
export function jumpTo(op: Op, rip: u64): usize {
  store<u64>(S_RIP, rip);
  const left = load<i32>(S_BUDGET) - <i32>op.idx - 1;
  store<i32>(S_BUDGET, left);
  if (left <= 0) return 0;
  return lookup();
}

/**
 * Goes on behind an instruction that may have changed anything: at the block at S_RIP, or 0 where the run loop has to look
 * first. What it does before a block must be nothing here: no fault, trap or event is pending, no interrupt can be taken,
 * instructions are not executed one by one.
 */
export function goOn(): usize {
  if (load<i32>(S_BUDGET) <= 0 || load<u32>(S_FAULT) != 0 || load<u32>(S_STOP) != 0) return 0;
  if ((load<u32>(S_KEY) & KEY_SINGLE) != 0 || load<u32>(S_EVENTS) != 0) return 0;
  if ((load<u32>(S_TRAP) & TRAP_BITS) != 0) return 0;
  if ((load<u32>(S_EFLAGS) & IF) != 0 && interruptPending(load<i32>(S_CPU))) return 0;
  store<u32>(S_TRAP, 0);
  return lookup();
}

/** The instruction is complete and goes to `rip`. */
export function goTo(op: Op, rip: u64): usize {
  store<u64>(S_RIP, rip);
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - <i32>op.idx - 1);
  return goOn();
}

/** The instruction is complete; its block ends behind it. */
export function goAfter(op: Op): usize {
  return goTo(op, op.nextRip());
}
