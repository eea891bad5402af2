// Emission of floating point: SSE2 arithmetic and the sequences wasm's semantics need for minimum,
// maximum, rounding and conversions (WebAssembly core specification, 4.3.3).

import { F32, F64, f32Bits, f64Bits, TrapKind } from "../../ir/ir.ts";
import { FIRST_SLOT, type Inst } from "../../regalloc/lir.ts";
import { type Address, ALU, CC, SHIFT, XMM15 } from "../encoder.ts";
import { M } from "../machine.ts";
import { emitMove } from "../moves.ts";
import { MASK } from "../pool.ts";
import { POOL_SYMBOL } from "../symbols.ts";
import { EmitInteger } from "./integer.ts";

export class EmitFloat extends EmitInteger {
  protected mask(offset: number): Address {
    this.pool.used = true;
    return { base: -1, index: -1, scale: 1, disp: offset, symbol: POOL_SYMBOL };
  }

  protected poolF(value: number, size: number): Address {
    const bits = size === 8 ? f64Bits(value) : f32Bits(value);
    return {
      base: -1,
      index: -1,
      scale: 1,
      disp: this.pool.offset(bits, size),
      symbol: POOL_SYMBOL,
    };
  }

  protected ucomisM(size: number, a: number, m: Address): void {
    this.e.rm(size === 8 ? 0x66 : 0, false, 0x0f2e, a, m);
  }

  protected ucomis(size: number, a: number, b: number): void {
    this.e.rr(size === 8 ? 0x66 : 0, false, 0x0f2e, a, b);
  }

  protected float(inst: Inst): void {
    const { e } = this;
    const { op, size } = inst;
    const wide = size === 8;
    const to = this.dst(inst);
    switch (op) {
      case M.FAlu: {
        const a = this.loc(inst, 0);
        if (inst.mem) {
          this.place(inst, true);
          e.sseM(wide, inst.sub, to, this.mem(inst));
          return;
        }
        let other = this.loc(inst, 1);
        if (other === to) other = a;
        else if (a !== to) emitMove(this, a, to, wide ? F64 : F32);
        if (other >= FIRST_SLOT) e.sseM(wide, inst.sub, to, this.slot(other));
        else e.sse(wide, inst.sub, to, other);
        return;
      }
      case M.FUnary: {
        const m = inst.mem ? this.mem(inst) : undefined;
        const from = m ? -1 : this.loc(inst, 0);
        // The upper part of the target is merged: clear it to end the dependency.
        if (from !== to) e.rr(0, false, 0x0f57, to, to);
        if (m) e.sseM(wide, inst.sub, to, m);
        else if (from >= FIRST_SLOT) e.sseM(wide, inst.sub, to, this.slot(from));
        else e.sse(wide, inst.sub, to, from);
        return;
      }
      case M.FMask:
        this.place(inst, true);
        e.rm(0, false, 0x0f00 | inst.sub, to, this.mask(inst.imm));
        return;
      case M.FMinMax: {
        this.place(inst, true);
        const b = this.loc(inst, 1);
        this.ucomis(size, to, b);
        const nan = this.skip(CC.P);
        const differ = this.skip(CC.NE);
        // Equal: zeros of different sign; min takes the negative one, max the positive.
        e.rr(0, false, inst.sub === 0x5d ? 0x0f56 : 0x0f54, to, b);
        const done = this.skip(-1);
        this.land(nan);
        e.sse(wide, 0x58, to, b);
        const done2 = this.skip(-1);
        this.land(differ);
        e.sse(wide, inst.sub, to, b);
        this.land(done);
        this.land(done2);
        return;
      }
      case M.FCopysign:
        this.place(inst, true);
        e.rr(0, false, 0x0f28, XMM15, this.loc(inst, 1));
        e.rm(0, false, 0x0f54, XMM15, this.mask(wide ? MASK.Sign64 : MASK.Sign32));
        e.rm(0, false, 0x0f54, to, this.mask(wide ? MASK.Abs64 : MASK.Abs32));
        e.rr(0, false, 0x0f56, to, XMM15);
        return;
      case M.FRound:
        this.round(inst, to);
        return;
      case M.FromInt:
        this.fromInt(inst, to);
        return;
      case M.ToInt:
        this.toInt(inst, to);
        return;
      case M.Bitcast:
        if (inst.sub === 1) e.rr(0x66, wide, 0x0f7e, this.loc(inst, 0), to);
        else e.rr(0x66, wide, 0x0f6e, to, this.loc(inst, 0));
        return;
    }
    throw new Error(`no encoding for machine instruction ${op}`);
  }

  /** Rounding to an integral value with SSE2: adding and subtracting 2^52 (2^23) rounds to nearest. */
  protected round(inst: Inst, to: number): void {
    const { e } = this;
    const { size } = inst;
    const wide = size === 8;
    const from = this.loc(inst, 0);
    if (inst.aux) {
      // ROUNDSD/ROUNDSS: nearest, down, up, truncate.
      e.rr(0x66, false, wide ? 0x0f3a0b : 0x0f3a0a, to, from);
      e.u8(inst.sub | 8);
      return;
    }
    const big = wide ? 2 ** 52 : 2 ** 23;
    const abs = this.mask(wide ? MASK.Abs64 : MASK.Abs32);
    const sign = this.mask(wide ? MASK.Sign64 : MASK.Sign32);
    const takeSign = (): void => {
      e.rm(0, false, 0x0f28, XMM15, sign);
      e.rr(0, false, 0x0f54, XMM15, from);
    };
    e.rm(0, false, 0x0f28, to, abs);
    e.rr(0, false, 0x0f54, to, from);
    this.ucomisM(size, to, this.poolF(big, size));
    const integral = this.skip(CC.AE);
    e.sseM(wide, 0x58, to, this.poolF(big, size));
    e.sseM(wide, 0x5c, to, this.poolF(big, size));
    if (inst.sub === 3) {
      // Truncation: the magnitude must not have grown.
      e.rm(0, false, 0x0f28, XMM15, abs);
      e.rr(0, false, 0x0f54, XMM15, from);
      this.ucomis(size, to, XMM15);
      const fine = this.skip(CC.BE);
      e.sseM(wide, 0x5c, to, this.poolF(1, size));
      this.land(fine);
      takeSign();
      e.rr(0, false, 0x0f56, to, XMM15);
    } else {
      takeSign();
      e.rr(0, false, 0x0f56, to, XMM15);
      if (inst.sub !== 0) {
        const floor = inst.sub === 1;
        if (floor) this.ucomis(size, to, from);
        else this.ucomis(size, from, to);
        const fine = this.skip(CC.BE);
        e.sseM(wide, floor ? 0x5c : 0x58, to, this.poolF(1, size));
        // The correction may make a zero: it keeps the sign of the operand.
        e.rm(0, false, 0x0f54, to, abs);
        e.rr(0, false, 0x0f56, to, XMM15);
        this.land(fine);
      }
    }
    const done = this.skip(-1);
    this.land(integral);
    e.rr(0, false, 0x0f28, to, from);
    this.land(done);
  }

  protected fromInt(inst: Inst, to: number): void {
    const { e } = this;
    const wide = inst.size === 8;
    const from = this.loc(inst, 0);
    const prefix = wide ? 0xf2 : 0xf3;
    e.rr(0, false, 0x0f57, to, to);
    if (inst.sub === 1) {
      e.rr(prefix, inst.imm === 8, 0x0f2a, to, from);
      return;
    }
    // Unsigned 64 bit: halve odd-preserving when the top bit is set, convert, double.
    const temp = this.loc(inst, 1);
    e.testRR(8, from, from);
    const large = this.skip(CC.S);
    e.rr(prefix, true, 0x0f2a, to, from);
    const done = this.skip(-1);
    this.land(large);
    e.movRR(8, temp, from);
    e.shiftImm(8, SHIFT.SHR, temp, 1);
    // Sticky low bit, so that the rounding is that of the full number.
    const even = this.testLowBit(from);
    e.aluRI(8, ALU.OR, temp, 1);
    this.land(even);
    e.rr(prefix, true, 0x0f2a, to, temp);
    e.sse(wide, 0x58, to, to);
    this.land(done);
  }

  protected testLowBit(reg: number): number {
    this.e.testRI(4, reg, 1);
    return this.skip(CC.E);
  }

  protected toInt(inst: Inst, to: number): void {
    const { e } = this;
    const { size } = inst;
    const wide = size === 8;
    const from = this.loc(inst, 0);
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
        this.ucomisM(size, from, this.poolF(2 ** 63, size));
        const high = this.skip(CC.AE);
        cvt(true, to, from);
        const done = this.skip(-1);
        this.land(high);
        e.rr(0, false, 0x0f28, XMM15, from);
        e.sseM(wide, 0x5c, XMM15, this.poolF(2 ** 63, size));
        cvt(true, to, XMM15);
        // Set the top bit again: BTC r64, 63.
        e.rr(0, true, 0x0fba, 7, to);
        e.u8(63);
        this.land(done);
      }
    };
    if (!saturate) {
      this.ucomisM(size, from, this.poolF(lower, size));
      // Below or unordered.
      this.trapIf(exclusive ? CC.BE : CC.B, TrapKind.FloatToInt, inst.pos);
      this.ucomisM(size, from, this.poolF(upper, size));
      this.trapIf(CC.AE, TrapKind.FloatToInt, inst.pos);
      convert();
      return;
    }
    const ends: number[] = [];
    this.ucomisM(size, from, this.poolF(lower, size));
    const low = this.skip(exclusive ? CC.BE : CC.B);
    this.ucomisM(size, from, this.poolF(upper, size));
    const high = this.skip(CC.AE);
    convert();
    ends.push(this.skip(-1));
    this.land(high);
    e.movImm(to, signed ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n);
    ends.push(this.skip(-1));
    this.land(low);
    if (signed) {
      e.movImm(to, bits === 32 ? 0x80000000n : -(2n ** 63n));
      this.ucomis(size, from, from);
      ends.push(this.skip(CC.NP));
    }
    e.aluRR(4, ALU.XOR, to, to);
    for (const end of ends) this.land(end);
  }
}
