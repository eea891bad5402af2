// String instructions: MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS with REP. Repeated MOVS and STOS work a
// page at a time where both sides are ordinary memory; an iteration is restartable after a fault, and
// interrupts are taken between chunks. Follows Intel SDM vol. 2, REP/REPE/REPNE.

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
  TLB_ADDEND,
  TLB_READ,
  TLB_WRITE,
} from "../../state";
import { Mem, readForWrite } from "../memory/access";
import { CS, ES, FS, GS, Seg, segmentAddress } from "../memory/segments";
import { leaveTo, Op, readLinear, readRegister, writeLinear, writeRegister } from "../op/op";
import { PAGE_MASK } from "../processor/control_bits";
import { port_read, port_write } from "../processor/env";
import { budgetAfter } from "../processor/fault";
import { DF, Flags, TF } from "../processor/flags";
import { ioAllowed } from "./io";

export const MOVS: u8 = 0;
export const CMPS: u8 = 1;
export const STOS: u8 = 2;
export const LODS: u8 = 3;
export const SCAS: u8 = 4;
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

function advance(p: usize, mask: u64, by: i64): void {
  const v = load<u64>(p) + <u64>by;
  if (mask == 0xffff) store<u16>(p, <u16>v);
  else store<u64>(p, v & mask);
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
    advance(RSI, mask, step);
  }
  return true;
}

function compare(a: u64, b: u64, size: i32): void {
  if (size == 8) Flags.sub<u64>(a, b, a - b);
  else if (size == 4) Flags.sub<u32>(a, b, a - b);
  else if (size == 2) Flags.sub<u16>(a, b, a - b);
  else Flags.sub<u8>(a, b, a - b);
}

/** Bytes from `linear` to the end of its page. */
function untilPageEnd(linear: u64): u64 {
  return 0x1000 - (linear & 0xfff);
}

/** Host address of `linear` if reads hit the TLB, else 0. */
function hostForRead(linear: u64): usize {
  const e = Mem.entry(linear);
  if (load<u64>(e, TLB_READ) != (linear & PAGE_MASK)) return 0;
  return <u32>linear + load<u32>(e, TLB_ADDEND);
}

function hostForWrite(linear: u64): usize {
  const e = Mem.entry(linear);
  if (load<u64>(e, TLB_WRITE) != (linear & PAGE_MASK)) return 0;
  return <u32>linear + load<u32>(e, TLB_ADDEND);
}

/** Whether MOVS or STOS runs forward between flat segments, where memory is moved by the line. */
function movesLines(op: Op, kind: u8, step: i64): bool {
  if ((kind != MOVS && kind != STOS) || step < 0) return false;
  if ((load<u32>(S_KEY) & KEY_FLAT) == 0) return false;
  const source = <i32>((op.aux >> 8) & 15);
  return source != FS && source != GS && source != CS;
}

/** Size of a line of memory, as a power of two: moving one takes the time of an instruction. */
const LINE: u64 = 6;

/**
 * Moves as many elements as lie in one page on both sides, and as the budget lets `stringOp` move one by one; 0 if
 * the fast way is not open.
 */
function bulk(op: Op, kind: u8, size: i32, mask: u64, count: u64): u64 {
  const left = budgetAfter(op.idx);
  if (left <= 0) return 0;
  const di = load<u64>(RDI) & mask;
  const to = hostForWrite(di);
  if (to == 0) return 0;
  let bytes = untilPageEnd(di);
  let from: usize = 0;
  if (kind == MOVS) {
    const si = load<u64>(RSI) & mask;
    from = hostForRead(si);
    if (from == 0) return 0;
    if (untilPageEnd(si) < bytes) bytes = untilPageEnd(si);
  }
  let n = bytes / <u64>size;
  if (n > count) n = count;
  const stop = ((di >> LINE) + <u64>left) << LINE;
  const affordable = (stop - di + <u64>size - 1) / <u64>size;
  if (n > affordable) n = affordable;
  if (n < 2) return 0;
  const length = <usize>(n * <u64>size);
  if (kind == MOVS) {
    // A destination inside the source's reach repeats what has just been written.
    if (to > from && to < from + length) {
      if (to - from < <usize>size) return 0;
      for (let i: usize = 0; i < length; i += <usize>size) {
        if (size == 8) store<u64>(to + i, load<u64>(from + i));
        else if (size == 4) store<u32>(to + i, load<u32>(from + i));
        else if (size == 2) store<u16>(to + i, load<u16>(from + i));
        else store<u8>(to + i, load<u8>(from + i));
      }
    } else {
      memory.copy(to, from, length);
    }
    advance(RSI, mask, <i64>length);
  } else {
    const v = load<u64>(RAX);
    if (size == 1 || v == 0) memory.fill(to, <u8>v, length);
    else if (size == 8) for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, v);
    else if (size == 4) for (let i: usize = 0; i < length; i += 4) store<u32>(to + i, <u32>v);
    else for (let i: usize = 0; i < length; i += 2) store<u16>(to + i, <u16>v);
  }
  advance(RDI, mask, <i64>length);
  return n;
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
  const lines = movesLines(op, kind, step);
  for (;;) {
    const line = (load<u64>(RDI) & mask) >> LINE;
    let n: u64 = 0;
    if (lines && !stepping) n = bulk(op, kind, size, mask, count);
    if (n == 0) {
      if (!element(op, kind, size, mask, step)) return op.fault();
      n = 1;
    }
    count -= n;
    advance(RCX, mask, -(<i64>n));
    // The time must not depend on which elements could move in bulk: whole lines count, however they moved.
    const after = (load<u64>(RDI) & mask) >> LINE;
    if (lines && after > line) spend(<i32>(after - line));
    if (count == 0) return op.done();
    if (compares && Flags.z() != (rep == 1)) return op.next();
    if (!lines) spend(1);
    // Let interrupts in.
    if (stepping || (load<u32>(S_STOP) & STOP_RUN) != 0 || budgetAfter(op.idx) <= 0) break;
    // Leave if code has been overwritten: it may be this.
    if (load<u32>(S_STOP) != 0) return leaveMiddle(op);
  }
  store<u32>(S_REPEAT, 1);
  return leaveTo(op, op.rip());
}

/** Leaves between iterations because code has been dropped; nothing but that happens, and no time passes. */
function leaveMiddle(op: Op): usize {
  store<u32>(S_REPEAT, 1);
  store<u32>(S_STOP, STOP_CODE | STOP_MIDDLE);
  store<u64>(S_RIP, op.rip());
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - <i32>op.idx);
  return 0;
}

/** Lets `n` instructions' time pass. */
function spend(n: i32): void {
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - n);
}
