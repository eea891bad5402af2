// Virtual time: one instruction is one nanosecond, and some take longer (latency.ts); a nanosecond is one TSC tick. The
// executing CPU's clock is the start of its slice plus what it has used of its budget.

import {
  M_SHOWN,
  M_TSC,
  S_BUDGET,
  S_CHARGED,
  S_HELD,
  S_INSN_INDEX,
  S_RESERVE,
  S_TSC_OFFSET,
} from "../../state";
import { charge } from "./latency";

/** Quantum of a CPU while others are active, ns. */
export const QUANTUM: f64 = 10000;

/** Start of the executing CPU's slice, and the time granted to it, ns. */
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
  store<i32>(S_HELD, 0);
  store<i32>(S_CHARGED, 0);
}

/** Instructions executed in this slice. */
export function sliceInstructions(): i32 {
  return sliceUsed() - load<i32>(S_CHARGED);
}

/** Time used in this slice, ns. */
export function sliceUsed(): i32 {
  return sliceLength - load<i32>(S_BUDGET) - load<i32>(S_RESERVE) - load<i32>(S_HELD);
}

/** Virtual time of the executing CPU, ns. */
export function now(): f64 {
  return sliceStart + <f64>(sliceUsed() + load<i32>(S_INSN_INDEX));
}

/**
 * The time that a device is shown, ns: that of the executing CPU, but never less than what a device has been
 * shown before. CPUs take turns, so their own times differ by up to a quantum, and what a CPU reads from a
 * clock that all share may not be less than what another has read before it.
 */
export function shownTime(): f64 {
  const t = Math.max(now(), load<f64>(M_SHOWN));
  store<f64>(M_SHOWN, t);
  return t;
}

/**
 * Lets up to `ns` nanoseconds of the executing CPU pass while it is in an access to a device, as far as nothing is due
 * before: to the end of its slice, and not at all if it has been asked to look up.
 */
export function passTime(ns: i32): void {
  const left = load<i32>(S_BUDGET) + load<i32>(S_HELD) - load<i32>(S_INSN_INDEX) - 1;
  if (load<i32>(S_RESERVE) == 0 && left > 0) charge(min<i32>(ns, left));
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
  // Take it from what is set aside first, if blocks are already being left.
  const left = cut - take(S_RESERVE, cut);
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - (left - take(S_HELD, left)));
}

/** Takes up to `wanted` from the field `from`; returns how much. */
function take(from: usize, wanted: i32): i32 {
  const there = load<i32>(from);
  const taken = min<i32>(there, wanted);
  store<i32>(from, there - taken);
  return taken;
}

/** Gives back the budget that was set aside to leave blocks. */
export function restoreBudget(): void {
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) + load<i32>(S_RESERVE) + load<i32>(S_HELD));
  store<i32>(S_RESERVE, 0);
  store<i32>(S_HELD, 0);
}

/**
 * Greatest lead of a TSC over its CPU's own time, ns: the quantum by which own times differ, and another one
 * for the ticks of readings.
 */
const MAX_LEAD: u64 = 2 * <u64>QUANTUM;

/**
 * TSC of the executing CPU at the instruction with S_INSN_INDEX instructions before it in its block. CPUs take
 * turns, so their own times differ by up to a quantum; software relies on TSCs that do not. A CPU that is
 * behind the latest reading therefore goes on from there, one tick a reading, until its own time has caught
 * up. The lead over its own time is bounded, or many CPUs that only read would drive the TSC ahead of time.
 */
export function readTsc(): u64 {
  let t = <u64>now();
  const latest = load<u64>(M_TSC);
  if (t <= latest) t = latest < t + MAX_LEAD ? latest + 1 : latest;
  store<u64>(M_TSC, t);
  return t + load<u64>(S_TSC_OFFSET);
}

/** Virtual time (ns) at which the executing CPU's TSC has value `tsc`. */
export function tscMoment(tsc: u64): f64 {
  return <f64>(tsc - load<u64>(S_TSC_OFFSET));
}
