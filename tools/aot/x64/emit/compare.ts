// Emission of comparisons and what is fused with them: set and select, for integers and floats.

import { F32, I32, type Type } from "../../ir/ir.ts";
import { FIRST_SLOT, type Inst } from "../../regalloc/lir.ts";
import { ALU, CC } from "../encoder.ts";
import { CC_FEQ, CC_FNE, CMP } from "../machine.ts";
import { emitMove } from "../moves.ts";
import type { Emission } from "./operands.ts";

/** Emits the comparison part of a fused instruction. */
export function emitCompare(s: Emission, inst: Inst): void {
  const { e } = s;
  const { size, sub } = inst;
  if (sub === CMP.Ucomis) {
    const a = s.loc(inst, 0);
    const prefix = size === 8 ? 0x66 : 0;
    if (inst.mem) e.rm(prefix, false, 0x0f2e, a, s.mem(inst));
    else {
      const b = s.loc(inst, 1);
      if (b >= FIRST_SLOT) e.rm(prefix, false, 0x0f2e, a, s.slot(b));
      else e.rr(prefix, false, 0x0f2e, a, b);
    }
    return;
  }
  if (inst.mem && inst.hasImm) {
    if (sub === CMP.Test) e.testMI(size, s.mem(inst), inst.imm);
    else e.aluMI(size, ALU.CMP, s.mem(inst), inst.imm);
    return;
  }
  const a = s.loc(inst, 0);
  if (sub === CMP.Bt) {
    e.btRI(size, a, inst.imm);
    return;
  }
  if (inst.hasImm) {
    if (sub === CMP.Test) {
      if (a >= FIRST_SLOT) e.testMI(size, s.slot(a), inst.imm);
      else e.testRI(size, a, inst.imm);
    } else if (a >= FIRST_SLOT) e.aluMI(size, ALU.CMP, s.slot(a), inst.imm);
    else e.aluRI(size, ALU.CMP, a, inst.imm);
    return;
  }
  if (inst.mem) {
    e.aluRM(size, ALU.CMP, a, s.mem(inst));
    return;
  }
  const b = s.loc(inst, 1);
  // The instruction that computed the value has compared it with zero.
  const isKnown = a === s.zeroOf && b === a && size === s.zeroSize;
  if (sub === CMP.Test && isKnown && (inst.cc === CC.E || inst.cc === CC.NE)) return;
  if (sub === CMP.Test) e.testRR(size, a, b);
  else if (b >= FIRST_SLOT) e.aluRM(size, ALU.CMP, a, s.slot(b));
  else e.aluRR(size, ALU.CMP, a, b);
}

export function emitCompareSet(s: Emission, inst: Inst): void {
  const { e } = s;
  const to = s.dst(inst);
  if (inst.cc >= CC_FEQ) {
    const ne = inst.cc === CC_FNE;
    // Compared first: the address of a memory operand may be in the result register.
    emitCompare(s, inst);
    e.movImm32(to, ne ? 1 : 0);
    const unordered = s.e.skip(CC.P);
    e.setcc(ne ? CC.NE : CC.E, to);
    s.e.land(unordered);
    return;
  }
  let shares = false;
  for (let i = 0; i < inst.srcs.length; i++) if (s.loc(inst, i) === to) shares = true;
  s.zeroOf = -1;
  if (!shares) e.aluRR(4, ALU.XOR, to, to);
  emitCompare(s, inst);
  e.setcc(inst.cc, to);
  if (shares) e.extend(1, false, 4, to, to);
}

export function emitCompareSelect(s: Emission, inst: Inst): void {
  const { first, type } = inst.aux as { first: number; type: Type };
  const to = s.dst(inst);
  let yes = s.loc(inst, first);
  let no = s.loc(inst, first + 1);
  let { cc } = inst;
  emitCompare(s, inst);
  if (cc === CC_FEQ) {
    const t = yes;
    yes = no;
    no = t;
    cc = CC_FNE;
  }
  if (type < F32) {
    if (cc === CC_FNE) {
      if (yes === to && no !== to) {
        const one = s.e.skip(CC.NE);
        const two = s.e.skip(CC.P);
        emitMove(s, no, to, type);
        s.e.land(one);
        s.e.land(two);
        return;
      }
      if (no !== to) emitMove(s, no, to, type);
      emitCmov(s, type, CC.NE, to, yes);
      emitCmov(s, type, CC.P, to, yes);
      return;
    }
    if (yes === to) {
      emitCmov(s, type, cc ^ 1, to, no);
      return;
    }
    if (no !== to) emitMove(s, no, to, type);
    emitCmov(s, type, cc, to, yes);
    return;
  }
  // Floats have no conditional move.
  if (cc === CC_FNE) {
    if (yes === to) {
      const one = s.e.skip(CC.NE);
      const two = s.e.skip(CC.P);
      if (no !== to) emitMove(s, no, to, type);
      s.e.land(one);
      s.e.land(two);
      return;
    }
    if (no !== to) {
      emitMove(s, no, to, type);
    }
    const differ = s.e.skip(CC.NE);
    const ordered = s.e.skip(CC.NP);
    s.e.land(differ);
    emitMove(s, yes, to, type);
    s.e.land(ordered);
    return;
  }
  if (no === to) {
    const keep = s.e.skip(cc ^ 1);
    if (yes !== to) emitMove(s, yes, to, type);
    s.e.land(keep);
    return;
  }
  if (yes !== to) emitMove(s, yes, to, type);
  const keep = s.e.skip(cc);
  emitMove(s, no, to, type);
  s.e.land(keep);
}

function emitCmov(s: Emission, type: Type, cc: number, to: number, from: number): void {
  const size = type === I32 ? 4 : 8;
  if (from >= FIRST_SLOT) s.e.cmovM(size, cc, to, s.slot(from));
  else s.e.cmov(size, cc, to, from);
}
