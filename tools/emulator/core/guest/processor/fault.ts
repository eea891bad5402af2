// Pending exceptions, and how the executing CPU is made to look up from its blocks. Vectors as in Intel SDM
// vol. 3A, table 6-1.

import {
  FAULT_ERROR,
  FAULT_SET,
  S_BUDGET,
  S_FAULT,
  S_FAULT_CODE,
  S_HELD,
  S_RESERVE,
  S_STOP,
  STOP_CODE,
  STOP_RUN,
} from "../../state";

/** Makes an exception pending. The first one wins: an instruction raises one fault. */
export function raise(vector: u32): void {
  if (load<u32>(S_FAULT) == 0) store<u32>(S_FAULT, FAULT_SET | vector);
}

export function raiseCode(vector: u32, code: u32): void {
  if (load<u32>(S_FAULT) == 0) {
    store<u32>(S_FAULT, FAULT_SET | FAULT_ERROR | vector);
    store<u32>(S_FAULT_CODE, code);
  }
}

/** Makes the CPU leave its blocks at the next block end. */
export function leaveSoon(): void {
  store<i32>(S_RESERVE, load<i32>(S_RESERVE) + load<i32>(S_BUDGET) + load<i32>(S_HELD));
  store<i32>(S_BUDGET, 0);
  store<i32>(S_HELD, 0);
}

/** Makes the CPU leave after the current instruction, and the run end. */
export function leaveNow(): void {
  store<u32>(S_STOP, load<u32>(S_STOP) | STOP_RUN);
  leaveSoon();
}

/**
 * Makes the CPU leave its block, which may have been dropped, and go on behind the current instruction. Whether
 * there was a block to drop must not show: no event is taken there, unless the block ends there anyway.
 */
export function leaveDroppedCode(): void {
  store<u32>(S_STOP, load<u32>(S_STOP) | STOP_CODE);
  store<i32>(S_HELD, load<i32>(S_HELD) + load<i32>(S_BUDGET));
  store<i32>(S_BUDGET, 0);
}

/** Budget that is left when the instruction with `before` others before it in its block is done. */
export function budgetAfter(before: u32): i32 {
  return load<i32>(S_BUDGET) + load<i32>(S_HELD) - <i32>before - 1;
}

export const GP: u32 = 13;
export const NP: u32 = 11;
export const SSF: u32 = 12;
export const TS: u32 = 10;
export const UD: u32 = 6;
export const NM: u32 = 7;
