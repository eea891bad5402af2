// SSE4.2 string comparison: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
// Follows Intel SDM vol. 2, 4.1 (imm8 control byte, table 4-1 to 4-7).

import { REGS, S_YMM } from "../../state";
import { CF, OF, SF, setStatusFlags, ZF } from "../flags";
import { Op } from "../op";
import { source, VEX, Vec, WIDE64 } from "./access";

const RAX: usize = REGS;
const RCX: usize = REGS + 8;
const RDX: usize = REGS + 16;

/** Results of `aggregate`. */
let bits: u32 = 0;
let lengthA: i32 = 0;
let lengthB: i32 = 0;

function element(p: usize, n: i32, control: u32): i32 {
  if ((control & 1) !== 0) {
    return (control & 2) !== 0 ? load<i16>(p + (n << 1)) : load<u16>(p + (n << 1));
  }
  return (control & 2) !== 0 ? load<i8>(p + n) : load<u8>(p + n);
}

/** Elements before the first null, at most `count`. */
function implicitLength(p: usize, count: i32, control: u32): i32 {
  let n = 0;
  while (n < count && element(p, n, control & 1) !== 0) n++;
  return n;
}

/** Absolute value of RAX or RDX (32 or 64 bits), saturated to `count`. */
function explicitLength(register: usize, wide: bool, count: i32): i32 {
  const v: i64 = wide ? load<i64>(register) : <i64>load<i32>(register);
  if (v < 0) return v <= -count ? count : <i32>-v;
  return v > count ? count : <i32>v;
}

/** Compares string A (`a`) with string B (`b`); the lengths are set. Leaves IntRes2 in `bits`. */
function aggregate(a: usize, b: usize, control: u32): void {
  const count = (control & 1) !== 0 ? 8 : 16;
  const all: u32 = ((<u32>1) << count) - 1;
  let r: u32 = 0;
  const mode = (control >> 2) & 3;
  for (let j = 0; j < count; j++) {
    let hit = false;
    if (mode === 0) {
      // Equal any: B's element is in set A.
      if (j < lengthB) {
        const y = element(b, j, control);
        for (let i = 0; i < lengthA; i++) hit = hit || element(a, i, control) === y;
      }
    } else if (mode === 1) {
      // Ranges: pairs of limits in A.
      if (j < lengthB) {
        const y = element(b, j, control);
        for (let i = 0; i + 1 < lengthA; i += 2) {
          hit = hit || (y >= element(a, i, control) && y <= element(a, i + 1, control));
        }
      }
    } else if (mode === 2) {
      // Equal each: two elements past their ends are equal.
      if (j < lengthA && j < lengthB) hit = element(a, j, control) === element(b, j, control);
      else hit = j >= lengthA && j >= lengthB;
    } else {
      // Equal ordered: A begins at j in B.
      hit = true;
      for (let i = 0; i < lengthA && i + j < count; i++) {
        if (i + j >= lengthB || element(a, i, control) !== element(b, i + j, control)) hit = false;
      }
    }
    if (hit) r |= (<u32>1) << j;
  }
  if ((control & 0x30) === 0x10) r ^= all;
  else if ((control & 0x30) === 0x30) r ^= ((<u32>1) << lengthB) - 1;
  bits = r & all;
}

function setFlags(control: u32): void {
  const count = (control & 1) !== 0 ? 8 : 16;
  setStatusFlags(
    (bits !== 0 ? CF : 0) |
      (lengthB < count ? ZF : 0) |
      (lengthA < count ? SF : 0) |
      ((bits & 1) !== 0 ? OF : 0),
  );
}

function index(control: u32): void {
  const count: u32 = (control & 1) !== 0 ? 8 : 16;
  let n = count;
  if (bits !== 0) n = (control & 0x40) !== 0 ? 31 - clz<u32>(bits) : ctz<u32>(bits);
  store<u64>(RCX, <u64>n);
}

function mask(op: Op, control: u32): void {
  if ((control & 0x40) === 0) {
    store<u64>(S_YMM, <u64>bits);
    store<u64>(S_YMM, 0, 8);
  } else if ((control & 1) !== 0) {
    for (let n: usize = 0; n < 8; n++) {
      store<u16>(S_YMM + (n << 1), ((bits >> <u32>n) & 1) !== 0 ? 0xffff : 0);
    }
  } else {
    for (let n: usize = 0; n < 16; n++) {
      store<u8>(S_YMM + n, ((bits >> <u32>n) & 1) !== 0 ? 0xff : 0);
    }
  }
  if ((op.sub & VEX) !== 0) Vec.clearUpper(S_YMM);
}

function run(op: Op, isExplicit: bool): bool {
  if (!Vec.ready(op)) return false;
  const b = source(op);
  if (b === 0) return false;
  const control = <u32>op.imm;
  const count = (control & 1) !== 0 ? 8 : 16;
  if (isExplicit) {
    const wide = (op.sub & WIDE64) !== 0;
    lengthA = explicitLength(RAX, wide, count);
    lengthB = explicitLength(RDX, wide, count);
  } else {
    lengthA = implicitLength(op.dst, count, control);
    lengthB = implicitLength(b, count, control);
  }
  aggregate(op.dst, b, control);
  setFlags(control);
  return true;
}

export function pcmpestri(op: Op): usize {
  if (!run(op, true)) return op.fault();
  index(<u32>op.imm);
  return op.next();
}

export function pcmpistri(op: Op): usize {
  if (!run(op, false)) return op.fault();
  index(<u32>op.imm);
  return op.next();
}

export function pcmpestrm(op: Op): usize {
  if (!run(op, true)) return op.fault();
  mask(op, <u32>op.imm);
  return op.next();
}

export function pcmpistrm(op: Op): usize {
  if (!run(op, false)) return op.fault();
  mask(op, <u32>op.imm);
  return op.next();
}
