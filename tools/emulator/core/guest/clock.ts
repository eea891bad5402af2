// Virtual time: one instruction is one nanosecond and one TSC tick. The executing CPU's clock is the start
// of its slice plus what it has used of its budget.

import { S_BUDGET, S_INSN_INDEX, S_RESERVE, S_TSC_OFFSET } from "../state";

/** Start of the executing CPU's slice (ns), and the instructions granted to it. */
let sliceStart: f64 = 0;
let sliceLength: i32 = 0;
/** Asked for a shorter slice: the moment at which the executing CPU must look up. */
let sliceEnd: f64 = 0;

export function beginSlice(start: f64, length: i32): void {
  sliceStart = start;
  sliceLength = length;
  sliceEnd = start + <f64>length;
  store<i32>(S_BUDGET, length);
  store<i32>(S_RESERVE, 0);
}

/** Instructions used in this slice. */
export function sliceUsed(): i32 {
  return sliceLength - load<i32>(S_BUDGET) - load<i32>(S_RESERVE);
}

/** Virtual time of the executing CPU, ns. */
export function now(): f64 {
  return sliceStart + <f64>(sliceUsed() + load<i32>(S_INSN_INDEX));
}

/** Something will happen at `moment`: the slice ends there at the latest. */
export function sliceEvent(moment: f64): void {
  if (moment >= sliceEnd) return;
  let length = <i32>Math.ceil(moment - sliceStart);
  const used = sliceUsed();
  if (length < used) length = used;
  const cut = sliceLength - length;
  if (cut <= 0) return;
  sliceLength = length;
  sliceEnd = moment;
  // Take it from the reserve first, if blocks are already being left.
  const reserve = load<i32>(S_RESERVE);
  const fromReserve = min<i32>(reserve, cut);
  store<i32>(S_RESERVE, reserve - fromReserve);
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - (cut - fromReserve));
}

/** Gives the budget that leaveSoon set aside back. */
export function restoreBudget(): void {
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) + load<i32>(S_RESERVE));
  store<i32>(S_RESERVE, 0);
}

export function readTsc(): u64 {
  return <u64>now() + load<u64>(S_TSC_OFFSET);
}
