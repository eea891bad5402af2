// Emission of comparisons and what is fused with them: set and select, for integers and floats.

import { F32, I32, type Type } from "../../ir/ir.ts";
import { FIRST_SLOT, type Inst } from "../../regalloc/lir.ts";
import { ALU, CC } from "../encoder.ts";
import { CC_FEQ, CC_FNE, CMP } from "../machine.ts";
import { emitMove } from "../moves.ts";
import { EmitOperands } from "./operands.ts";

export class EmitCompare extends EmitOperands {
  /** Emits the comparison part of a fused instruction. */
  protected compare(inst: Inst): void {
    const { e } = this;
    const { size, sub } = inst;
    if (sub === CMP.Ucomis) {
      const a = this.loc(inst, 0);
      const prefix = size === 8 ? 0x66 : 0;
      if (inst.mem) e.rm(prefix, false, 0x0f2e, a, this.mem(inst));
      else {
        const b = this.loc(inst, 1);
        if (b >= FIRST_SLOT) e.rm(prefix, false, 0x0f2e, a, this.slot(b));
        else e.rr(prefix, false, 0x0f2e, a, b);
      }
      return;
    }
    if (inst.mem && inst.hasImm) {
      e.aluMI(size, ALU.CMP, this.mem(inst), inst.imm);
      return;
    }
    const a = this.loc(inst, 0);
    if (inst.hasImm) {
      if (sub === CMP.Test) {
        if (a >= FIRST_SLOT) e.testMI(size, this.slot(a), inst.imm);
        else e.testRI(size, a, inst.imm);
      } else if (a >= FIRST_SLOT) e.aluMI(size, ALU.CMP, this.slot(a), inst.imm);
      else e.aluRI(size, ALU.CMP, a, inst.imm);
      return;
    }
    if (inst.mem) {
      e.aluRM(size, ALU.CMP, a, this.mem(inst));
      return;
    }
    const b = this.loc(inst, 1);
    if (sub === CMP.Test) e.testRR(size, a, b);
    else if (b >= FIRST_SLOT) e.aluRM(size, ALU.CMP, a, this.slot(b));
    else e.aluRR(size, ALU.CMP, a, b);
  }

  protected compareSet(inst: Inst): void {
    const { e } = this;
    const to = this.dst(inst);
    if (inst.cc >= CC_FEQ) {
      const ne = inst.cc === CC_FNE;
      // Compared first: the address of a memory operand may be in the result register.
      this.compare(inst);
      e.movImm32(to, ne ? 1 : 0);
      const unordered = this.skip(CC.P);
      e.setcc(ne ? CC.NE : CC.E, to);
      this.land(unordered);
      return;
    }
    let shares = false;
    for (let i = 0; i < inst.srcs.length; i++) if (this.loc(inst, i) === to) shares = true;
    if (!shares) e.aluRR(4, ALU.XOR, to, to);
    this.compare(inst);
    e.setcc(inst.cc, to);
    if (shares) e.extend(1, false, 4, to, to);
  }

  protected compareSelect(inst: Inst): void {
    const { first, type } = inst.aux as { first: number; type: Type };
    const to = this.dst(inst);
    let yes = this.loc(inst, first);
    let no = this.loc(inst, first + 1);
    let { cc } = inst;
    this.compare(inst);
    if (cc === CC_FEQ) {
      const t = yes;
      yes = no;
      no = t;
      cc = CC_FNE;
    }
    if (type < F32) {
      if (cc === CC_FNE) {
        if (yes === to && no !== to) {
          const one = this.skip(CC.NE);
          const two = this.skip(CC.P);
          emitMove(this, no, to, type);
          this.land(one);
          this.land(two);
          return;
        }
        if (no !== to) emitMove(this, no, to, type);
        this.cmov(type, CC.NE, to, yes);
        this.cmov(type, CC.P, to, yes);
        return;
      }
      if (yes === to) {
        this.cmov(type, cc ^ 1, to, no);
        return;
      }
      if (no !== to) emitMove(this, no, to, type);
      this.cmov(type, cc, to, yes);
      return;
    }
    // Floats have no conditional move.
    if (cc === CC_FNE) {
      if (yes === to) {
        const one = this.skip(CC.NE);
        const two = this.skip(CC.P);
        if (no !== to) emitMove(this, no, to, type);
        this.land(one);
        this.land(two);
        return;
      }
      if (no !== to) {
        emitMove(this, no, to, type);
      }
      const differ = this.skip(CC.NE);
      const ordered = this.skip(CC.NP);
      this.land(differ);
      emitMove(this, yes, to, type);
      this.land(ordered);
      return;
    }
    if (no === to) {
      const keep = this.skip(cc ^ 1);
      if (yes !== to) emitMove(this, yes, to, type);
      this.land(keep);
      return;
    }
    if (yes !== to) emitMove(this, yes, to, type);
    const keep = this.skip(cc);
    emitMove(this, no, to, type);
    this.land(keep);
  }

  protected cmov(type: Type, cc: number, to: number, from: number): void {
    const size = type === I32 ? 4 : 8;
    if (from >= FIRST_SLOT) this.e.cmovM(size, cc, to, this.slot(from));
    else this.e.cmov(size, cc, to, from);
  }
}
