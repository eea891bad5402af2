// Selection of comparisons, for integers and floats, and of select: compare and consumer are one
// machine instruction.

import { Cond, F32, FCond, Op, SWAPPED_COND, type Value } from "../../ir/ir.ts";
import { Inst, Use } from "../../regalloc/lir.ts";
import { CC } from "../encoder.ts";
import { CC_FEQ, CC_FNE, CMP, M } from "../machine.ts";
import { POOL_SYMBOL } from "../symbols.ts";
import { testZero } from "./bits.ts";
import { bytesOf, immediate, type Selection } from "./operands.ts";

const INT_CC: number[] = [CC.E, CC.NE, CC.L, CC.GE, CC.G, CC.LE, CC.B, CC.AE, CC.A, CC.BE];

/** Sets the comparison part of `inst` for condition `v`; all operands are early. */
export function selectCompare(s: Selection, inst: Inst, v: Value): void {
  // A condition with several uses may be compared more than once, its loads must not be.
  s.shared = v.uses !== 1;
  if (v.op === Op.FCmp) compareFloats(s, inst, v);
  else compareIntegers(s, inst, v);
  s.shared = false;
}

function compareIntegers(s: Selection, inst: Inst, v: Value): void {
  if (v.op !== Op.ICmp) {
    testZero(s, inst, v, false);
    return;
  }
  let a = v.args[0] as Value;
  let b = v.args[1] as Value;
  let cond = v.sub;
  const size = bytesOf(a.type);
  inst.size = size;
  const imm = immediate(b);
  if (imm === 0 && (cond === Cond.Eq || cond === Cond.Ne)) {
    testZero(s, inst, a, cond === Cond.Eq);
    return;
  }
  if (imm !== undefined) {
    inst.cc = INT_CC[cond] as number;
    if (narrowCompare(s, inst, a, imm, cond)) return;
    if (s.foldable(a, size)) {
      inst.sub = CMP.Cmp;
      inst.hasImm = true;
      inst.imm = imm;
      s.foldLoad(inst, a, Use.Reg);
      return;
    }
    const r = s.low(a);
    if (imm === 0) {
      inst.sub = CMP.Test;
      s.use(inst, r, Use.Reg);
      s.use(inst, r, Use.Reg);
      return;
    }
    inst.sub = CMP.Cmp;
    inst.hasImm = true;
    inst.imm = imm;
    s.use(inst, r, Use.Any);
    return;
  }
  if (s.foldable(a, size) && !s.foldable(b, size)) {
    const t = a;
    a = b;
    b = t;
    cond = SWAPPED_COND[cond] as number;
  }
  inst.sub = CMP.Cmp;
  inst.cc = INT_CC[cond] as number;
  s.use(inst, s.low(a), Use.Reg);
  if (s.foldable(b, size)) s.foldLoad(inst, b, Use.Reg);
  else s.use(inst, s.low(b), Use.Any);
}

/** Compares a zero-extended byte or word in memory where the constant fits. */
function narrowCompare(s: Selection, inst: Inst, a: Value, imm: number, cond: number): boolean {
  if (a.op !== Op.Load || a.sub !== 0 || a.size > 2) return false;
  const limit = a.size === 1 ? 0xff : 0xffff;
  if (imm < 0 || imm > limit) return false;
  // Signed comparisons of non-negative numbers are unsigned ones of the narrow operands.
  const unsigned = [Cond.Eq, Cond.Ne, Cond.LtU, Cond.GeU, Cond.GtU, Cond.LeU][
    cond >= Cond.LtU ? cond - 4 : cond
  ];
  if (unsigned === undefined) return false;
  if (!s.foldableNarrow(a)) return false;
  inst.sub = CMP.Cmp;
  inst.size = a.size;
  inst.hasImm = true;
  inst.imm = a.size === 1 ? (imm << 24) >> 24 : (imm << 16) >> 16;
  inst.cc = INT_CC[unsigned] as number;
  s.foldLoad(inst, a, Use.Reg);
  return true;
}

function compareFloats(s: Selection, inst: Inst, v: Value): void {
  let a = v.args[0] as Value;
  let b = v.args[1] as Value;
  let cond = v.sub;
  if (cond === FCond.Lt || cond === FCond.NotLt || cond === FCond.Le || cond === FCond.NotLe) {
    const t = a;
    a = b;
    b = t;
    cond += 2;
  }
  inst.sub = CMP.Ucomis;
  inst.size = bytesOf(a.type);
  inst.cc = [CC_FEQ, CC_FNE, 0, 0, CC.A, CC.BE, 0, 0, CC.AE, CC.B][cond] as number;
  s.use(inst, s.reg(a), Use.Reg);
  floatOperand(s, inst, b, Use.Any);
}

/** Second operand of a float instruction: register, stack, foldable load or pool constant. */
export function floatOperand(s: Selection, inst: Inst, v: Value, kind: number): void {
  const size = bytesOf(v.type);
  if (v.op === Op.Const) {
    inst.mem = s.symbolMem(POOL_SYMBOL, s.o.pool.offset(v.big, size));
  } else if (s.foldable(v, size)) {
    s.foldLoad(inst, v, kind === Use.AnyLate ? Use.RegLate : Use.Reg);
  } else s.use(inst, s.vreg(v), kind);
}

export function selectSelect(s: Selection, v: Value): void {
  const inst = new Inst(M.CmpSel, bytesOf(v.type));
  const yes = s.reg(v.args[1] as Value);
  const no = s.reg(v.args[2] as Value);
  selectCompare(s, inst, v.args[0] as Value);
  // The compare has its own size; that of the result follows from its type.
  inst.aux = { first: inst.srcs.length, type: v.type };
  s.use(inst, yes, v.type >= F32 ? Use.Reg : Use.Any);
  s.use(inst, no, v.type >= F32 ? Use.Reg : Use.Any);
  s.define(inst, v);
  s.out.hint(inst.dst, no);
  s.out.hint(no, inst.dst);
  s.out.hint(inst.dst, yes);
  s.put(inst);
}
