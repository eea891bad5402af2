// Ways out of an instruction that need more than its record: a jump that goes on in the next block, a fault
// with its error code, the privilege check.

import { S_BUDGET, S_CPL, S_CR4, S_RIP } from "../../state";
import { CR4_UMIP } from "../processor/control_bits";
import { GP, raiseCode } from "../processor/fault";
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
