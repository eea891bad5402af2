import { Cond, F32, FCond, Op, SWAPPED_COND, type Value } from "../../ir/ir.ts";
import { Inst, Use } from "../../regalloc/lir.ts";
import { CC } from "../encoder.ts";
import { CC_FEQ, CC_FNE, CMP, M } from "../machine.ts";
import { POOL_SYMBOL } from "../symbols.ts";
import { bytesOf, immediate, LowerOperands } from "./operands.ts";

const INT_CC: number[] = [CC.E, CC.NE, CC.L, CC.GE, CC.G, CC.LE, CC.B, CC.AE, CC.A, CC.BE];

export class LowerCompare extends LowerOperands {
  /** Sets the comparison part of `inst` for condition `v`; all operands are early. */
  protected compare(inst: Inst, v: Value): void {
    // A condition with several uses may be compared more than once, its loads must not be.
    this.shared = v.uses !== 1;
    if (v.op === Op.FCmp) this.compareFloat(inst, v);
    else this.compareInt(inst, v);
    this.shared = false;
  }

  protected compareInt(inst: Inst, v: Value): void {
    if (v.op !== Op.ICmp) {
      inst.sub = CMP.Test;
      inst.cc = CC.NE;
      inst.size = 4;
      if (v.op === Op.And && this.testAnd(inst, v)) return;
      const r = this.reg(v);
      this.use(inst, r, Use.Reg);
      this.use(inst, r, Use.Reg);
      return;
    }
    let a = v.args[0] as Value;
    let b = v.args[1] as Value;
    let cond = v.sub;
    const size = bytesOf(a.type);
    inst.size = size;
    const imm = immediate(b);
    if (
      imm === 0 &&
      (cond === Cond.Eq || cond === Cond.Ne) &&
      a.op === Op.And &&
      this.testAnd(inst, a)
    ) {
      inst.sub = CMP.Test;
      inst.cc = INT_CC[cond] as number;
      return;
    }
    if (imm !== undefined) {
      inst.cc = INT_CC[cond] as number;
      if (this.narrowCompare(inst, a, imm, cond)) return;
      if (this.foldable(a, size)) {
        inst.sub = CMP.Cmp;
        inst.hasImm = true;
        inst.imm = imm;
        this.foldLoad(inst, a, Use.Reg);
        return;
      }
      const r = this.reg(a);
      if (imm === 0) {
        inst.sub = CMP.Test;
        this.use(inst, r, Use.Reg);
        this.use(inst, r, Use.Reg);
        return;
      }
      inst.sub = CMP.Cmp;
      inst.hasImm = true;
      inst.imm = imm;
      this.use(inst, r, Use.Any);
      return;
    }
    if (this.foldable(a, size) && !this.foldable(b, size)) {
      const t = a;
      a = b;
      b = t;
      cond = SWAPPED_COND[cond] as number;
    }
    inst.sub = CMP.Cmp;
    inst.cc = INT_CC[cond] as number;
    this.use(inst, this.reg(a), Use.Reg);
    if (this.foldable(b, size)) this.foldLoad(inst, b, Use.Reg);
    else this.use(inst, this.reg(b), Use.Any);
  }

  /** Compares a zero-extended byte or word in memory where the constant fits. */
  protected narrowCompare(inst: Inst, a: Value, imm: number, cond: number): boolean {
    if (a.op !== Op.Load || a.sub !== 0 || a.size > 2) return false;
    const limit = a.size === 1 ? 0xff : 0xffff;
    if (imm < 0 || imm > limit) return false;
    // Signed comparisons of non-negative numbers are unsigned ones of the narrow operands.
    const unsigned = [Cond.Eq, Cond.Ne, Cond.LtU, Cond.GeU, Cond.GtU, Cond.LeU][
      cond >= Cond.LtU ? cond - 4 : cond
    ];
    if (unsigned === undefined) return false;
    if (
      this.shared ||
      a.uses !== 1 ||
      a.block !== this.block ||
      this.vregs[a.id] !== 0 ||
      this.colors[a.id] !== this.color
    )
      return false;
    inst.sub = CMP.Cmp;
    inst.size = a.size;
    inst.hasImm = true;
    inst.imm = a.size === 1 ? (imm << 24) >> 24 : (imm << 16) >> 16;
    inst.cc = INT_CC[unsigned] as number;
    this.foldLoad(inst, a, Use.Reg);
    return true;
  }

  /** TEST for a bitwise and whose result only matters as zero or not. */
  protected testAnd(inst: Inst, and: Value): boolean {
    if (and.uses !== 1 || this.vregs[and.id] !== 0) return false;
    const a = and.args[0] as Value;
    const b = and.args[1] as Value;
    inst.size = bytesOf(and.type);
    const imm = immediate(b);
    if (imm !== undefined) {
      inst.hasImm = true;
      inst.imm = imm;
      this.use(inst, this.reg(a), Use.Any);
    } else {
      this.use(inst, this.reg(a), Use.Reg);
      this.use(inst, this.reg(b), Use.Reg);
    }
    return true;
  }

  protected compareFloat(inst: Inst, v: Value): void {
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
    this.use(inst, this.reg(a), Use.Reg);
    this.floatOperand(inst, b, Use.Any);
  }

  /** Second operand of a float instruction: register, stack, foldable load or pool constant. */
  protected floatOperand(inst: Inst, v: Value, kind: number): void {
    const size = bytesOf(v.type);
    if (v.op === Op.Const) {
      inst.mem = this.symbolMem(POOL_SYMBOL, this.o.pool.offset(v.big, size));
    } else if (this.foldable(v, size)) {
      this.foldLoad(inst, v, kind === Use.AnyLate ? Use.RegLate : Use.Reg);
    } else this.use(inst, this.vreg(v), kind);
  }

  protected select(v: Value): void {
    const inst = new Inst(M.CmpSel, bytesOf(v.type));
    const yes = this.reg(v.args[1] as Value);
    const no = this.reg(v.args[2] as Value);
    this.compare(inst, v.args[0] as Value);
    // The compare has its own size; that of the result follows from its type.
    inst.aux = { first: inst.srcs.length, type: v.type };
    this.use(inst, yes, v.type >= F32 ? Use.Reg : Use.Any);
    this.use(inst, no, v.type >= F32 ? Use.Reg : Use.Any);
    this.define(inst, v);
    this.out.hint(inst.dst, no);
    this.out.hint(no, inst.dst);
    this.out.hint(inst.dst, yes);
    this.put(inst);
  }
}
