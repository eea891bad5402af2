// Emission of integer arithmetic whose form depends on where the operands ended up.

import { I32, I64, TrapKind } from "../../ir/ir.ts";
import { FIRST_SLOT, type Inst } from "../../regalloc/lir.ts";
import { ALU, at, CC, RAX, RDX } from "../encoder.ts";
import { DIV, M } from "../machine.ts";
import { emitMove } from "../moves.ts";
import { EmitCompare } from "./compare.ts";

export class EmitInteger extends EmitCompare {
  /** Two-byte opcode with source in register or slot. */
  protected unary(inst: Inst, opcode: number): void {
    const from = this.loc(inst, 0);
    const wide = inst.size === 8;
    if (from >= FIRST_SLOT) this.e.rm(0, wide, opcode, this.dst(inst), this.slot(from));
    else this.e.rr(0, wide, opcode, this.dst(inst), from);
  }

  protected add(inst: Inst): void {
    const { e } = this;
    const { size } = inst;
    const to = this.dst(inst);
    const a = this.loc(inst, 0);
    if (inst.hasImm) {
      if (a === to)
        e.aluRI(size, inst.imm === 128 ? ALU.SUB : ALU.ADD, to, inst.imm === 128 ? -128 : inst.imm);
      else if (a >= FIRST_SLOT) {
        e.load(size, false, 8, to, this.slot(a));
        e.aluRI(size, ALU.ADD, to, inst.imm);
      } else e.lea(size, to, at(a, inst.imm));
      return;
    }
    const b = this.loc(inst, 1);
    if (a === to || b === to) {
      const other = a === to ? b : a;
      if (other >= FIRST_SLOT) e.aluRM(size, ALU.ADD, to, this.slot(other));
      else e.aluRR(size, ALU.ADD, to, other);
    } else if (a >= FIRST_SLOT || b >= FIRST_SLOT) {
      const first = a >= FIRST_SLOT ? a : b;
      const second = a >= FIRST_SLOT ? b : a;
      e.load(size, false, 8, to, this.slot(first));
      if (second >= FIRST_SLOT) e.aluRM(size, ALU.ADD, to, this.slot(second));
      else e.aluRR(size, ALU.ADD, to, second);
    } else e.lea(size, to, at(a, 0, b));
  }

  protected alu(inst: Inst): void {
    const { e } = this;
    const { size } = inst;
    const to = this.dst(inst);
    const imul = inst.op === M.Imul;
    if (inst.hasImm || inst.mem) {
      this.place(inst, true);
      if (inst.mem) {
        if (imul) e.rm(0, size === 8, 0x0faf, to, this.mem(inst));
        else e.aluRM(size, inst.sub, to, this.mem(inst));
      } else e.aluRI(size, inst.sub, to, inst.imm);
      return;
    }
    let other = this.loc(inst, 1);
    const a = this.loc(inst, 0);
    // Commutative operations may find their second operand in the result's register.
    if (other === to) other = a;
    else if (a !== to)
      emitMove(this, a, to, this.typeOf(inst.srcs[0] as number, size === 4 ? I32 : I64));
    if (other >= FIRST_SLOT) {
      if (imul) e.rm(0, size === 8, 0x0faf, to, this.slot(other));
      else e.aluRM(size, inst.sub, to, this.slot(other));
    } else if (imul) e.rr(0, size === 8, 0x0faf, to, other);
    else e.aluRR(size, inst.sub, to, other);
  }

  protected divide(inst: Inst): void {
    const { e } = this;
    const { size } = inst;
    const divisor = this.loc(inst, 1);
    const checks = inst.aux as { zero: boolean; overflow: boolean };
    const signed = inst.sub === DIV.DivS || inst.sub === DIV.RemS;
    this.place(inst, false);
    if (checks.zero) {
      e.testRR(size, divisor, divisor);
      this.trapIf(CC.E, TrapKind.DivideByZero, inst.pos);
    }
    let end = -1;
    if (signed && checks.overflow) {
      e.aluRI(size, ALU.CMP, divisor, -1);
      const fine = this.skip(CC.NE);
      if (inst.sub === DIV.RemS) {
        e.aluRR(4, ALU.XOR, RDX, RDX);
        end = this.skip(-1);
      } else {
        // Only the most negative number overflows: 0 - x sets OF exactly for it.
        e.movRR(size, RDX, RAX);
        e.group3(size, 3, RDX);
        this.trapIf(CC.O, TrapKind.IntegerOverflow, inst.pos);
      }
      this.land(fine);
    }
    if (signed) {
      if (size === 8) e.u8(0x48);
      e.u8(0x99);
    } else e.aluRR(4, ALU.XOR, RDX, RDX);
    e.group3(size, signed ? 7 : 6, divisor);
    if (end >= 0) this.land(end);
    this.deliver(inst);
  }
}
