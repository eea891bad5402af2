// Loops that wait, from decode/waiting_loops.ts: their blocks begin with an op that executes one iteration and, if it
// leads back to the start, skips those whose outcome is known, up to the end of the slice. Nothing else happens in a
// slice: devices, other CPUs and interrupts have their turn at its end. Time, instruction count and registers are then
// what they would be if every iteration had been executed.

import {
  M_TSC,
  OP_HANDLER,
  OP_SIZE,
  REGS,
  S_BUDGET,
  S_CHARGED,
  S_FAULT,
  S_LF_AUX,
  S_LF_RES,
  S_RIP,
  WAIT_SAVED,
} from "../../state";
import { arenaFlush } from "../memory/code_pages";
import { now } from "../processor/clock";
import { Op, readRegister, writeRegister } from "./op";

/** The block does not wait. */
export const WAIT_NONE: u32 = 0;
/** What an iteration does depends on memory alone. */
export const WAIT_MEMORY: u32 = 1;
/** The same, and on the time: it ends by the order of two numbers that grow with it. */
export const WAIT_TIME: u32 = 2;
/** It counts a register down to 0 and does nothing else. */
export const WAIT_COUNT: u32 = 3;

const REGISTERS: usize = 16;
const REGISTER_BYTES: usize = REGISTERS << 3;

/** Whether iterations are skipped. */
export let skipping: bool = true;

/** Turns skipping on or off; decoded code is dropped. */
export function set_skipping(on: u32): void {
  skipping = on != 0;
  arenaFlush();
}

/** Table index of `waitOp`: the compiled tier leaves such blocks to it. */
export function wait_handler(): u32 {
  const fn: (op: Op) => usize = waitOp;
  return load<u32>(changetype<usize>(fn));
}

/**
 * Makes the record at `at` begin a block that waits as `kind` says. Its last record is at `last`; `counter` is the
 * address of the register that it counts down, with `width` bytes.
 */
export function appendWait(
  at: usize,
  offset: u32,
  kind: u32,
  last: usize,
  counter: usize,
  width: i32,
): void {
  const op = changetype<Op>(at);
  op.h = wait_handler();
  op.off = <u16>offset;
  op.sub = <u8>kind;
  op.aux = <u32>last;
  op.dst = <u16>counter;
  op.size = <u8>width;
}

/** Executes the records from `at` up to `last`, which is returned; 0 if one of them leaves. */
function upTo(at: usize, last: usize): usize {
  while (at != 0 && at != last)
    at = call_indirect<usize>(load<u32>(at, OP_HANDLER), changetype<Op>(at));
  return at;
}

function skip(iterations: i32, time: i32, charged: i32): void {
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - iterations * time);
  store<i32>(S_CHARGED, load<i32>(S_CHARGED) + iterations * charged);
}

export function waitOp(op: Op): usize {
  const start = changetype<usize>(op);
  const first = start + OP_SIZE;
  const last = <usize>op.aux;
  const budget = load<i32>(S_BUDGET);
  const charged = load<i32>(S_CHARGED);
  const at = upTo(first, last);
  if (at == 0) return 0;
  const next = call_indirect<usize>(load<u32>(at, OP_HANDLER), changetype<Op>(at));
  if (next != start && next != first) return next;
  const left = load<i32>(S_BUDGET);
  const time = budget - left;
  const charges = load<i32>(S_CHARGED) - charged;
  // The last iteration of the slice is executed, as it leaves the block.
  let iterations = (left - 1) / time;
  if (op.sub == WAIT_TIME) skipTime(op, iterations, time, charges);
  else {
    if (op.sub == WAIT_COUNT) {
      const counter = <usize>op.dst;
      const width = <i32>op.size;
      const count = readRegister(counter, width);
      if (<u64>iterations > count - 1) iterations = <i32>(count - 1);
      writeRegister(counter, width, count - <u64>iterations);
    }
    skip(iterations, time, charges);
  }
  return start;
}

/**
 * Skips up to `iterations` of a loop that ends by the time, as many as lead back to its start. The last one of them is
 * executed: if it leads back, and all registers have stayed or gone with the time without wrapping around, then so do
 * those before it, because what they compare is in between.
 */
function skipTime(op: Op, iterations: i32, time: i32, charges: i32): void {
  // A time-stamp counter that is ahead of this CPU's time ticks once a reading.
  if (load<u64>(M_TSC) > <u64>now()) return;
  const first = changetype<usize>(op) + OP_SIZE;
  const last = <usize>op.aux;
  const budget = load<i32>(S_BUDGET);
  const charged = load<i32>(S_CHARGED);
  const tsc = load<u64>(M_TSC);
  const result = load<u64>(S_LF_RES);
  const aux = load<u64>(S_LF_AUX);
  memory.copy(WAIT_SAVED, REGS, REGISTER_BYTES);
  for (let n = iterations; n > 1; n >>= 1) {
    skip(n - 1, time, charges);
    if (leadsBack(op, first, last) && goneWithTime(<u64>(n * time))) return;
    store<u32>(S_FAULT, 0);
    store<i32>(S_BUDGET, budget);
    store<i32>(S_CHARGED, charged);
    store<u64>(M_TSC, tsc);
    store<u64>(S_LF_RES, result);
    store<u64>(S_LF_AUX, aux);
    memory.copy(REGS, WAIT_SAVED, REGISTER_BYTES);
  }
}

/** Executes an iteration; whether it goes to the start, where it does not arrive. */
function leadsBack(op: Op, first: usize, last: usize): bool {
  if (upTo(first, last) == 0) return false;
  // Without budget a branch sets RIP and leaves.
  const budget = load<i32>(S_BUDGET);
  store<i32>(S_BUDGET, 0);
  call_indirect<usize>(load<u32>(last, OP_HANDLER), changetype<Op>(last));
  store<i32>(S_BUDGET, budget + load<i32>(S_BUDGET));
  return load<u32>(S_FAULT) == 0 && load<u64>(S_RIP) == op.rip();
}

/** Whether each register is as it was or has gone `elapsed` up or down, in the same half of 32 and of 64 bits. */
function goneWithTime(elapsed: u64): bool {
  for (let i: usize = 0; i < REGISTER_BYTES; i += 8) {
    const before = load<u64>(WAIT_SAVED + i);
    const after = load<u64>(REGS + i);
    if (after == before) continue;
    if (after - before != elapsed && before - after != elapsed) return false;
    if ((after ^ before) >> 31 != 0) return false;
  }
  return true;
}
