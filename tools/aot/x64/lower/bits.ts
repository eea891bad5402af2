// Selection of tests of single bits and masks: what lies between a value and a comparison with zero
// (extensions, shifts and masks by constants) only says which bits count.
// TEST, BT: Intel SDM vol. 2.

import { constBig } from "../../ir/fold.ts";
import { I32, Op, type Value } from "../../ir/ir.ts";
import { type Inst, Use } from "../../regalloc/lir.ts";
import { CC } from "../encoder.ts";
import { CMP } from "../machine.ts";
import { bytesOf, type Selection } from "./operands.ts";

const FULL32 = 0xffffffffn;
const FULL64 = 0xffffffffffffffffn;

function full(v: Value): bigint {
  return v.type === I32 ? FULL32 : FULL64;
}

/** One step from `v`, of which the bits `mask` count, to the value they stem from. */
function step(v: Value, mask: bigint): { value: Value; mask: bigint } | undefined {
  const value = v.args[0] as Value;
  const b = v.args[1];
  switch (v.op) {
    case Op.Wrap:
    case Op.ExtendU:
      return { value, mask: mask & FULL32 };
    case Op.ExtendS:
      return mask <= FULL32 ? { value, mask } : undefined;
    case Op.Sext:
      return mask < 1n << BigInt(v.size * 8) ? { value, mask } : undefined;
    case Op.And:
      return b?.op === Op.Const ? { value, mask: mask & constBig(b) & full(v) } : undefined;
    case Op.ShrU:
    case Op.ShrS:
    case Op.Shl: {
      if (b?.op !== Op.Const) return undefined;
      const count = constBig(b) & (v.type === I32 ? 31n : 63n);
      if (v.op === Op.Shl) return { value, mask: mask >> count };
      const shifted = mask << count;
      // An arithmetic shift brings in copies of the sign.
      if (v.op === Op.ShrS && shifted > full(v)) return undefined;
      return { value, mask: shifted & full(v) };
    }
  }
  return undefined;
}

/** Where an instruction tests `mask` of `value`. */
interface TestedBits {
  value: Value;
  mask: bigint;
}

/** The bits that decide whether `v` is zero. What is computed anyway is taken as it is. */
function testedBits(s: Selection, v: Value): TestedBits {
  let value = v;
  let mask = full(v);
  while (value.uses <= 1 && s.vregs[value.id] === 0) {
    const next = step(value, mask);
    // A mask without bits is a constant, for which there is no test.
    if (!next || next.mask === 0n) break;
    ({ value, mask } = next);
  }
  return { value, mask };
}

/** Immediate of a test of `size` bytes for `mask`, or undefined. */
function testImmediate(mask: bigint, size: number): number | undefined {
  if (size < 8) return Number(BigInt.asIntN(32, mask));
  const signed = BigInt.asIntN(64, mask);
  return signed >= -0x80000000n && signed <= 0x7fffffffn ? Number(signed) : undefined;
}

/** Completes `inst` so that it compares `v` with zero; `equal` is whether it asks for zero. */
export function testZero(s: Selection, inst: Inst, v: Value, equal: boolean): void {
  inst.sub = CMP.Test;
  inst.cc = equal ? CC.E : CC.NE;
  if (v.op === Op.And && v.uses === 1 && s.vregs[v.id] === 0 && testTwo(s, inst, v)) return;
  const { value, mask } = testedBits(s, v);
  if (testLoad(s, inst, value, mask)) return;
  const size = bytesOf(value.type);
  inst.size = mask <= FULL32 ? 4 : size;
  if (mask === full(value)) {
    const r = s.low(value);
    s.use(inst, r, Use.Reg);
    s.use(inst, r, Use.Reg);
    return;
  }
  const imm = testImmediate(mask, inst.size);
  inst.hasImm = true;
  if (imm !== undefined) {
    inst.imm = imm;
    s.use(inst, s.low(value), Use.Any);
    return;
  }
  if ((mask & (mask - 1n)) === 0n) {
    inst.sub = CMP.Bt;
    inst.cc = equal ? CC.AE : CC.B;
    inst.imm = mask.toString(2).length - 1;
    s.use(inst, s.reg(value), Use.Reg);
    return;
  }
  inst.hasImm = false;
  const r = s.reg(value);
  const m = s.reg(s.f.bits(value.type, mask));
  s.use(inst, r, Use.Reg);
  s.use(inst, m, Use.Reg);
}

/** TEST of two values. */
function testTwo(s: Selection, inst: Inst, and: Value): boolean {
  const a = and.args[0] as Value;
  const b = and.args[1] as Value;
  if (b.op === Op.Const) return false;
  inst.size = bytesOf(and.type);
  s.use(inst, s.low(a), Use.Reg);
  s.use(inst, s.low(b), Use.Reg);
  return true;
}

/** Tests in memory, with the access that the load is. */
function testLoad(s: Selection, inst: Inst, v: Value, mask: bigint): boolean {
  if (!s.foldableNarrow(v)) return false;
  const size = v.op === Op.GlobalGet ? bytesOf(v.type) : v.size;
  const all = size === 8 ? FULL64 : (1n << BigInt(size * 8)) - 1n;
  const bits = mask & all;
  if (bits === 0n) return false;
  if (bits === all) {
    inst.sub = CMP.Cmp;
    inst.hasImm = true;
    inst.imm = 0;
  } else {
    const imm = testImmediate(bits, size);
    if (imm === undefined) return false;
    inst.hasImm = true;
    inst.imm = imm;
  }
  inst.size = size;
  s.foldLoad(inst, v, Use.Reg);
  return true;
}
