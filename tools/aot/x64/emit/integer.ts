// Emission of integer arithmetic whose form depends on where the operands ended up.

import { I32, I64, TrapKind } from "../../ir/ir.ts";
import { FIRST_SLOT, type Inst } from "../../regalloc/lir.ts";
import { ALU, at, CC, RAX, RDX } from "../encoder.ts";
import { DIV, M } from "../machine.ts";
import { emitMove } from "../moves.ts";
import type { Emission } from "./operands.ts";

/** Two-byte opcode with source in register or slot. */
export function emitUnary(s: Emission, inst: Inst, opcode: number): void {
  const from = s.loc(inst, 0);
  const wide = inst.size === 8;
  if (from >= FIRST_SLOT) s.e.rm(0, wide, opcode, s.dst(inst), s.slot(from));
  else s.e.rr(0, wide, opcode, s.dst(inst), from);
}

/** Whether `emitAdd` takes an ADD for `inst`, not an LEA. */
export function addSetsFlags(s: Emission, inst: Inst): boolean {
  const to = s.dst(inst);
  const a = s.loc(inst, 0);
  if (a === to || a >= FIRST_SLOT) return true;
  if (inst.hasImm) return false;
  const b = s.loc(inst, 1);
  return b === to || b >= FIRST_SLOT;
}

export function emitAdd(s: Emission, inst: Inst): void {
  const { e } = s;
  const { size } = inst;
  const to = s.dst(inst);
  const a = s.loc(inst, 0);
  if (inst.hasImm) {
    if (a === to)
      e.aluRI(size, inst.imm === 128 ? ALU.SUB : ALU.ADD, to, inst.imm === 128 ? -128 : inst.imm);
    else if (a >= FIRST_SLOT) {
      e.load(size, false, 8, to, s.slot(a));
      e.aluRI(size, ALU.ADD, to, inst.imm);
    } else e.lea(size, to, at(a, inst.imm));
    return;
  }
  const b = s.loc(inst, 1);
  if (a === to || b === to) {
    const other = a === to ? b : a;
    if (other >= FIRST_SLOT) e.aluRM(size, ALU.ADD, to, s.slot(other));
    else e.aluRR(size, ALU.ADD, to, other);
  } else if (a >= FIRST_SLOT || b >= FIRST_SLOT) {
    const first = a >= FIRST_SLOT ? a : b;
    const second = a >= FIRST_SLOT ? b : a;
    e.load(size, false, 8, to, s.slot(first));
    if (second >= FIRST_SLOT) e.aluRM(size, ALU.ADD, to, s.slot(second));
    else e.aluRR(size, ALU.ADD, to, second);
  } else e.lea(size, to, at(a, 0, b));
}

export function emitAlu(s: Emission, inst: Inst): void {
  const { e } = s;
  const { size } = inst;
  const to = s.dst(inst);
  const imul = inst.op === M.Imul;
  if (inst.hasImm || inst.mem) {
    s.place(inst, true);
    if (inst.mem) {
      if (imul) e.rm(0, size === 8, 0x0faf, to, s.mem(inst));
      else e.aluRM(size, inst.sub, to, s.mem(inst));
    } else e.aluRI(size, inst.sub, to, inst.imm);
    return;
  }
  let other = s.loc(inst, 1);
  const a = s.loc(inst, 0);
  // Commutative operations may find their second operand in the result's register.
  if (other === to) other = a;
  else if (a !== to) emitMove(s, a, to, s.typeOf(inst.srcs[0] as number, size === 4 ? I32 : I64));
  if (other >= FIRST_SLOT) {
    if (imul) e.rm(0, size === 8, 0x0faf, to, s.slot(other));
    else e.aluRM(size, inst.sub, to, s.slot(other));
  } else if (imul) e.rr(0, size === 8, 0x0faf, to, other);
  else e.aluRR(size, inst.sub, to, other);
}

export function emitDivide(s: Emission, inst: Inst): void {
  const { e } = s;
  const { size } = inst;
  const divisor = s.loc(inst, 1);
  const checks = inst.aux as { zero: boolean; overflow: boolean };
  const signed = inst.sub === DIV.DivS || inst.sub === DIV.RemS;
  s.place(inst, false);
  if (checks.zero) {
    e.testRR(size, divisor, divisor);
    s.trapIf(CC.E, TrapKind.DivideByZero, inst.pos);
  }
  let end = -1;
  if (signed && checks.overflow) {
    e.aluRI(size, ALU.CMP, divisor, -1);
    const fine = s.e.skip(CC.NE);
    if (inst.sub === DIV.RemS) {
      e.aluRR(4, ALU.XOR, RDX, RDX);
      end = s.e.skip(-1);
    } else {
      // Only the most negative number overflows: 0 - x sets OF exactly for it.
      e.movRR(size, RDX, RAX);
      e.group3(size, 3, RDX);
      s.trapIf(CC.O, TrapKind.IntegerOverflow, inst.pos);
    }
    s.e.land(fine);
  }
  if (signed) {
    if (size === 8) e.u8(0x48);
    e.u8(0x99);
  } else e.aluRR(4, ALU.XOR, RDX, RDX);
  e.group3(size, signed ? 7 : 6, divisor);
  if (end >= 0) s.e.land(end);
  s.deliver(inst);
}
