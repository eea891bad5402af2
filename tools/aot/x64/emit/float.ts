// Emission of floating point: SSE2 arithmetic and the sequences wasm's semantics need for minimum,
// maximum, rounding and conversions (WebAssembly core specification, 4.3.3).

import { F32, F64, f32Bits, f64Bits, TrapKind } from "../../ir/ir.ts";
import { FIRST_SLOT, type Inst } from "../../regalloc/lir.ts";
import { type Address, ALU, CC, SHIFT, XMM15 } from "../encoder.ts";
import { M } from "../machine.ts";
import { emitMove } from "../moves.ts";
import { MASK } from "../pool.ts";
import { POOL_SYMBOL } from "../symbols.ts";
import type { Emission } from "./operands.ts";

function maskAddress(s: Emission, offset: number): Address {
  s.pool.used = true;
  return { base: -1, index: -1, scale: 1, disp: offset, symbol: POOL_SYMBOL };
}

function floatAddress(s: Emission, value: number, size: number): Address {
  const bits = size === 8 ? f64Bits(value) : f32Bits(value);
  return {
    base: -1,
    index: -1,
    scale: 1,
    disp: s.pool.offset(bits, size),
    symbol: POOL_SYMBOL,
  };
}

function emitUcomisMemory(s: Emission, size: number, a: number, m: Address): void {
  s.e.rm(size === 8 ? 0x66 : 0, false, 0x0f2e, a, m);
}

function emitUcomis(s: Emission, size: number, a: number, b: number): void {
  s.e.rr(size === 8 ? 0x66 : 0, false, 0x0f2e, a, b);
}

export function emitFloat(s: Emission, inst: Inst): void {
  const { e } = s;
  const { op, size } = inst;
  const wide = size === 8;
  const to = s.dst(inst);
  switch (op) {
    case M.FAlu: {
      const a = s.loc(inst, 0);
      if (inst.mem) {
        s.place(inst, true);
        e.sseM(wide, inst.sub, to, s.mem(inst));
        return;
      }
      let other = s.loc(inst, 1);
      if (other === to) other = a;
      else if (a !== to) emitMove(s, a, to, wide ? F64 : F32);
      if (other >= FIRST_SLOT) e.sseM(wide, inst.sub, to, s.slot(other));
      else e.sse(wide, inst.sub, to, other);
      return;
    }
    case M.FUnary: {
      const m = inst.mem ? s.mem(inst) : undefined;
      const from = m ? -1 : s.loc(inst, 0);
      // The upper part of the target is merged: clear it to end the dependency.
      if (from !== to) e.rr(0, false, 0x0f57, to, to);
      if (m) e.sseM(wide, inst.sub, to, m);
      else if (from >= FIRST_SLOT) e.sseM(wide, inst.sub, to, s.slot(from));
      else e.sse(wide, inst.sub, to, from);
      return;
    }
    case M.FMask:
      s.place(inst, true);
      e.rm(0, false, 0x0f00 | inst.sub, to, maskAddress(s, inst.imm));
      return;
    case M.FMinMax: {
      s.place(inst, true);
      const b = s.loc(inst, 1);
      emitUcomis(s, size, to, b);
      const nan = s.e.skip(CC.P);
      const differ = s.e.skip(CC.NE);
      // Equal: zeros of different sign; min takes the negative one, max the positive.
      e.rr(0, false, inst.sub === 0x5d ? 0x0f56 : 0x0f54, to, b);
      const done = s.e.skip(-1);
      s.e.land(nan);
      e.sse(wide, 0x58, to, b);
      const done2 = s.e.skip(-1);
      s.e.land(differ);
      e.sse(wide, inst.sub, to, b);
      s.e.land(done);
      s.e.land(done2);
      return;
    }
    case M.FCopysign:
      s.place(inst, true);
      e.rr(0, false, 0x0f28, XMM15, s.loc(inst, 1));
      e.rm(0, false, 0x0f54, XMM15, maskAddress(s, wide ? MASK.Sign64 : MASK.Sign32));
      e.rm(0, false, 0x0f54, to, maskAddress(s, wide ? MASK.Abs64 : MASK.Abs32));
      e.rr(0, false, 0x0f56, to, XMM15);
      return;
    case M.FRound:
      emitRound(s, inst, to);
      return;
    case M.FromInt:
      emitFromInt(s, inst, to);
      return;
    case M.ToInt:
      emitToInt(s, inst, to);
      return;
    case M.Bitcast:
      if (inst.sub === 1) e.rr(0x66, wide, 0x0f7e, s.loc(inst, 0), to);
      else e.rr(0x66, wide, 0x0f6e, to, s.loc(inst, 0));
      return;
  }
  throw new Error(`no encoding for machine instruction ${op}`);
}

/** Rounding to an integral value with SSE2: adding and subtracting 2^52 (2^23) rounds to nearest. */
function emitRound(s: Emission, inst: Inst, to: number): void {
  const { e } = s;
  const { size } = inst;
  const wide = size === 8;
  const from = s.loc(inst, 0);
  if (inst.aux) {
    // ROUNDSD/ROUNDSS: nearest, down, up, truncate.
    e.rr(0x66, false, wide ? 0x0f3a0b : 0x0f3a0a, to, from);
    e.u8(inst.sub | 8);
    return;
  }
  const big = wide ? 2 ** 52 : 2 ** 23;
  const abs = maskAddress(s, wide ? MASK.Abs64 : MASK.Abs32);
  const sign = maskAddress(s, wide ? MASK.Sign64 : MASK.Sign32);
  const takeSign = (): void => {
    e.rm(0, false, 0x0f28, XMM15, sign);
    e.rr(0, false, 0x0f54, XMM15, from);
  };
  e.rm(0, false, 0x0f28, to, abs);
  e.rr(0, false, 0x0f54, to, from);
  emitUcomisMemory(s, size, to, floatAddress(s, big, size));
  const integral = s.e.skip(CC.AE);
  e.sseM(wide, 0x58, to, floatAddress(s, big, size));
  e.sseM(wide, 0x5c, to, floatAddress(s, big, size));
  if (inst.sub === 3) {
    // Truncation: the magnitude must not have grown.
    e.rm(0, false, 0x0f28, XMM15, abs);
    e.rr(0, false, 0x0f54, XMM15, from);
    emitUcomis(s, size, to, XMM15);
    const fine = s.e.skip(CC.BE);
    e.sseM(wide, 0x5c, to, floatAddress(s, 1, size));
    s.e.land(fine);
    takeSign();
    e.rr(0, false, 0x0f56, to, XMM15);
  } else {
    takeSign();
    e.rr(0, false, 0x0f56, to, XMM15);
    if (inst.sub !== 0) {
      const floor = inst.sub === 1;
      if (floor) emitUcomis(s, size, to, from);
      else emitUcomis(s, size, from, to);
      const fine = s.e.skip(CC.BE);
      e.sseM(wide, floor ? 0x5c : 0x58, to, floatAddress(s, 1, size));
      // The correction may make a zero: it keeps the sign of the operand.
      e.rm(0, false, 0x0f54, to, abs);
      e.rr(0, false, 0x0f56, to, XMM15);
      s.e.land(fine);
    }
  }
  const done = s.e.skip(-1);
  s.e.land(integral);
  e.rr(0, false, 0x0f28, to, from);
  s.e.land(done);
}

function emitFromInt(s: Emission, inst: Inst, to: number): void {
  const { e } = s;
  const wide = inst.size === 8;
  const from = s.loc(inst, 0);
  const prefix = wide ? 0xf2 : 0xf3;
  e.rr(0, false, 0x0f57, to, to);
  if (inst.sub === 1) {
    e.rr(prefix, inst.imm === 8, 0x0f2a, to, from);
    return;
  }
  // Unsigned 64 bit: halve odd-preserving when the top bit is set, convert, double.
  const temp = s.loc(inst, 1);
  e.testRR(8, from, from);
  const large = s.e.skip(CC.S);
  e.rr(prefix, true, 0x0f2a, to, from);
  const done = s.e.skip(-1);
  s.e.land(large);
  e.movRR(8, temp, from);
  e.shiftImm(8, SHIFT.SHR, temp, 1);
  // Sticky low bit, so that the rounding is that of the full number.
  const even = testLowBit(s, from);
  e.aluRI(8, ALU.OR, temp, 1);
  s.e.land(even);
  e.rr(prefix, true, 0x0f2a, to, temp);
  e.sse(wide, 0x58, to, to);
  s.e.land(done);
}

function testLowBit(s: Emission, reg: number): number {
  s.e.testRI(4, reg, 1);
  return s.e.skip(CC.E);
}

function emitToInt(s: Emission, inst: Inst, to: number): void {
  const { e } = s;
  const { size } = inst;
  const wide = size === 8;
  const from = s.loc(inst, 0);
  const signed = inst.sub === 1;
  const bits = inst.imm * 8;
  const saturate = inst.aux as boolean;
  const upper = signed ? 2 ** (bits - 1) : 2 ** bits;
  // Smallest value that still converts is above (unsigned: -1; signed: -2^(bits-1) - 1 when the
  // format can express it, else at least -2^(bits-1)).
  const exclusive = !signed || (bits === 32 && wide);
  const lower = !signed ? -1 : exclusive ? -(2 ** (bits - 1)) - 1 : -(2 ** (bits - 1));
  const cvt = (wideInt: boolean, reg: number, source: number): void =>
    e.rr(wide ? 0xf2 : 0xf3, wideInt, 0x0f2c, reg, source);
  const convert = (): void => {
    if (bits === 32) cvt(!signed, to, from);
    else if (signed) cvt(true, to, from);
    else {
      emitUcomisMemory(s, size, from, floatAddress(s, 2 ** 63, size));
      const high = s.e.skip(CC.AE);
      cvt(true, to, from);
      const done = s.e.skip(-1);
      s.e.land(high);
      e.rr(0, false, 0x0f28, XMM15, from);
      e.sseM(wide, 0x5c, XMM15, floatAddress(s, 2 ** 63, size));
      cvt(true, to, XMM15);
      // Set the top bit again: BTC r64, 63.
      e.rr(0, true, 0x0fba, 7, to);
      e.u8(63);
      s.e.land(done);
    }
  };
  if (!saturate) {
    emitUcomisMemory(s, size, from, floatAddress(s, lower, size));
    // Below or unordered.
    s.trapIf(exclusive ? CC.BE : CC.B, TrapKind.FloatToInt, inst.pos);
    emitUcomisMemory(s, size, from, floatAddress(s, upper, size));
    s.trapIf(CC.AE, TrapKind.FloatToInt, inst.pos);
    convert();
    return;
  }
  const ends: number[] = [];
  emitUcomisMemory(s, size, from, floatAddress(s, lower, size));
  const low = s.e.skip(exclusive ? CC.BE : CC.B);
  emitUcomisMemory(s, size, from, floatAddress(s, upper, size));
  const high = s.e.skip(CC.AE);
  convert();
  ends.push(s.e.skip(-1));
  s.e.land(high);
  e.movImm(to, signed ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n);
  ends.push(s.e.skip(-1));
  s.e.land(low);
  if (signed) {
    e.movImm(to, bits === 32 ? 0x80000000n : -(2n ** 63n));
    emitUcomis(s, size, from, from);
    ends.push(s.e.skip(CC.NP));
  }
  e.aluRR(4, ALU.XOR, to, to);
  for (const end of ends) s.e.land(end);
}
