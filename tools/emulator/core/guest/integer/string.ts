// String instructions: MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS with REP. Repetitions work a page at a time where both
// sides are ordinary memory (string_bulk.ts); an iteration is restartable after a fault, and interrupts are taken
// between chunks. Follows Intel SDM vol. 2, REP/REPE/REPNE.

import {
  KEY_FLAT,
  RAX,
  RCX,
  RDI,
  RDX,
  RSI,
  S_BUDGET,
  S_CPU,
  S_EFLAGS,
  S_FAULT,
  S_INSN_INDEX,
  S_KEY,
  S_REPEAT,
  S_RIP,
  S_STOP,
  STOP_CODE,
  STOP_MIDDLE,
  STOP_RUN,
} from "../../state";
import { readForWrite } from "../memory/access";
import { crowded } from "../memory/high_memory";
import { ES, Seg, segmentAddress } from "../memory/segments";
import { leaveTo, Op, readLinear, readRegister, writeLinear, writeRegister } from "../op/op";
import { port_read, port_write } from "../processor/env";
import { budgetAfter } from "../processor/fault";
import { DF, Flags, TF } from "../processor/flags";
import { charge, PORT, spend } from "../processor/latency";
import { ioAllowed } from "./io";
import { advance, bulk, CMPS, compare, LODS, MOVS, SCAS, STOS } from "./string_bulk";

export const INS: u8 = 5;
export const OUTS: u8 = 6;

/** `aux`: bits 0–3 address size, bits 4–5 REP (1 REPE, 2 REPNE), bits 8–11 segment of the source. */

function addressMask(op: Op): u64 {
  const a = op.aux & 15;
  return a == 8 ? 0xffffffffffffffff : a == 4 ? 0xffffffff : 0xffff;
}

function linearOf(seg: i32, offset: u64, size: i32, writing: bool): u64 {
  if ((load<u32>(S_KEY) & 3) == 2) {
    // 64-bit mode: FS and GS alone have bases.
    return seg >= 4 ? offset + Seg.base(seg) : offset;
  }
  if ((load<u32>(S_KEY) & KEY_FLAT) != 0 && (seg == 0 || seg == 2 || seg == 3)) return offset;
  return segmentAddress(seg, offset, size, writing);
}

/** One element. Returns false when a fault is pending (nothing has moved then). */
function element(op: Op, kind: u8, size: i32, mask: u64, step: i64): bool {
  const source = <i32>((op.aux >> 8) & 15);
  if (kind == MOVS) {
    const v = readLinear(linearOf(source, load<u64>(RSI) & mask, size, false), size);
    if (load<u32>(S_FAULT) != 0) return false;
    writeLinear(linearOf(ES, load<u64>(RDI) & mask, size, true), size, v);
    if (load<u32>(S_FAULT) != 0) return false;
    advance(RSI, mask, step);
    advance(RDI, mask, step);
  } else if (kind == STOS) {
    writeLinear(linearOf(ES, load<u64>(RDI) & mask, size, true), size, load<u64>(RAX));
    if (load<u32>(S_FAULT) != 0) return false;
    advance(RDI, mask, step);
  } else if (kind == LODS) {
    const v = readLinear(linearOf(source, load<u64>(RSI) & mask, size, false), size);
    if (load<u32>(S_FAULT) != 0) return false;
    writeRegister(RAX, size, v);
    advance(RSI, mask, step);
  } else if (kind == CMPS) {
    const a = readLinear(linearOf(source, load<u64>(RSI) & mask, size, false), size);
    if (load<u32>(S_FAULT) != 0) return false;
    const b = readLinear(linearOf(ES, load<u64>(RDI) & mask, size, false), size);
    if (load<u32>(S_FAULT) != 0) return false;
    compare(a, b, size);
    advance(RSI, mask, step);
    advance(RDI, mask, step);
  } else if (kind == SCAS) {
    const b = readLinear(linearOf(ES, load<u64>(RDI) & mask, size, false), size);
    if (load<u32>(S_FAULT) != 0) return false;
    compare(readRegister(RAX, size), b, size);
    advance(RDI, mask, step);
  } else if (kind == INS) {
    const port = <i32>load<u16>(RDX);
    if (!ioAllowed(port, size)) return false;
    const at = linearOf(ES, load<u64>(RDI) & mask, size, true);
    readForWrite(at, size);
    if (load<u32>(S_FAULT) != 0) return false;
    const index = load<u32>(S_INSN_INDEX);
    store<u32>(S_INSN_INDEX, <u32>op.idx);
    const v = port_read(load<i32>(S_CPU), port, size);
    store<u32>(S_INSN_INDEX, index);
    charge(PORT);
    writeLinear(at, size, <u64>v);
    advance(RDI, mask, step);
  } else {
    const port = <i32>load<u16>(RDX);
    if (!ioAllowed(port, size)) return false;
    const v = readLinear(linearOf(source, load<u64>(RSI) & mask, size, false), size);
    if (load<u32>(S_FAULT) != 0) return false;
    const index = load<u32>(S_INSN_INDEX);
    store<u32>(S_INSN_INDEX, <u32>op.idx);
    port_write(load<i32>(S_CPU), port, size, <u32>v);
    store<u32>(S_INSN_INDEX, index);
    charge(PORT);
    advance(RSI, mask, step);
  }
  return true;
}

/** Size of a line of memory, as a power of two: moving one forward takes a nanosecond. */
const LINE: u64 = 6;

/**
 * Elements of `kind` that may be done before the budget is used up, at least one while some is left: forward MOVS and
 * STOS take a nanosecond a line, everything else one an element.
 */
function affordable(op: Op, lines: bool, size: i32, mask: u64): u64 {
  const left = budgetAfter(op.idx);
  if (left <= 0) return 0;
  if (!lines) return <u64>left;
  const at = load<u64>(RDI) & mask;
  const stop = ((at >> LINE) + <u64>left) << LINE;
  return (stop - at + <u64>size - 1) / <u64>size;
}

/** All string instructions: `sub` kind, `size` element size. */
export function stringOp(op: Op): usize {
  const kind = op.sub;
  const size = <i32>op.size;
  const mask = addressMask(op);
  const step: i64 = (load<u32>(S_EFLAGS) & DF) != 0 ? -(<i64>size) : <i64>size;
  const rep = (op.aux >> 4) & 3;
  if (rep == 0) {
    if (!element(op, kind, size, mask, step)) return op.fault();
    return op.done();
  }
  const compares = kind == CMPS || kind == SCAS;
  let count = load<u64>(RCX) & mask;
  // The right to a port is checked even if nothing is transferred.
  if (kind >= INS && !ioAllowed(<i32>load<u16>(RDX), size)) return op.fault();
  if (count == 0) return op.next();
  // With TF set each iteration traps.
  const stepping = (load<u32>(S_EFLAGS) & TF) != 0;
  const inBulk = kind < INS && !stepping;
  const lines = (kind == MOVS || kind == STOS) && step > 0;
  const source = <i32>((op.aux >> 8) & 15);
  for (;;) {
    const at = load<u64>(RDI) & mask;
    let n: u64 = 0;
    if (inBulk) {
      const most = min<u64>(count, affordable(op, lines, size, mask));
      if (most > 1) n = bulk(kind, source, size, mask, step < 0, most, rep == 1);
      if (load<u32>(S_FAULT) != 0) return op.fault();
    }
    if (n == 0) {
      if (!element(op, kind, size, mask, step)) return op.fault();
      advance(RCX, mask, -1);
      n = 1;
    }
    count -= n;
    // The time must not depend on which elements could move in bulk: whole lines count, however they moved.
    if (lines) spend(<i32>(((at + n * <u64>size) >> LINE) - (at >> LINE)));
    else spend(<i32>n - 1);
    if (count == 0) return op.done();
    if (compares && Flags.z() != (rep == 1)) return op.next();
    if (!lines) spend(1);
    // Let interrupts in.
    if (stepping || (load<u32>(S_STOP) & STOP_RUN) != 0 || budgetAfter(op.idx) <= 0) break;
    // Leave if code has been overwritten: it may be this. Or to make room for what comes next.
    if (load<u32>(S_STOP) != 0 || crowded) return leaveMiddle(op);
  }
  store<u32>(S_REPEAT, 1);
  return leaveTo(op, op.rip());
}

/** Leaves between iterations as if code had been dropped; nothing but that happens, and no time passes. */
function leaveMiddle(op: Op): usize {
  store<u32>(S_REPEAT, 1);
  store<u32>(S_STOP, STOP_CODE | STOP_MIDDLE);
  store<u64>(S_RIP, op.rip());
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - <i32>op.idx);
  return 0;
}
