// Selection of floating point: SSE arithmetic, roundings, conversions and bit casts.

import { F32, I32, I64, Op, type Value } from "../../ir/ir.ts";
import { Inst, Use } from "../../regalloc/lir.ts";
import { M } from "../machine.ts";
import { MASK } from "../pool.ts";
import { floatOperand } from "./compare.ts";
import { bytesOf, type Selection } from "./operands.ts";

const FALU_OF: Record<number, number> = {
  [Op.FAdd]: 0x58,
  [Op.FMul]: 0x59,
  [Op.FSub]: 0x5c,
  [Op.FDiv]: 0x5e,
};

export function selectFloat(s: Selection, v: Value): void {
  const size = bytesOf(v.type);
  const a = v.args[0] as Value;
  switch (v.op) {
    case Op.FAdd:
    case Op.FMul:
    case Op.FSub:
    case Op.FDiv: {
      let x = a;
      let y = v.args[1] as Value;
      const commutative = v.op === Op.FAdd || v.op === Op.FMul;
      if (commutative && (s.foldable(x, size) || x.op === Op.Const) && !s.foldable(y, size)) {
        const t = x;
        x = y;
        y = t;
      }
      const inst = new Inst(M.FAlu, size);
      inst.sub = FALU_OF[v.op] as number;
      s.use(inst, s.reg(x), Use.Any);
      floatOperand(s, inst, y, commutative ? Use.Any : Use.AnyLate);
      // A folded load's address must survive the move of the first operand.
      s.defineSame(inst, s.vreg(v));
      s.put(inst);
      return;
    }
    case Op.FMin:
    case Op.FMax:
    case Op.FCopysign: {
      const inst = new Inst(v.op === Op.FCopysign ? M.FCopysign : M.FMinMax, size);
      inst.sub = v.op === Op.FMin ? 0x5d : 0x5f;
      s.use(inst, s.reg(a), Use.Any);
      s.use(inst, s.reg(v.args[1] as Value), Use.RegLate);
      s.defineSame(inst, s.vreg(v));
      s.put(inst);
      return;
    }
    case Op.FAbs:
    case Op.FNeg: {
      const inst = new Inst(M.FMask, size);
      s.o.pool.used = true;
      const abs = v.op === Op.FAbs;
      inst.sub = abs ? 0x54 : 0x57;
      inst.imm = size === 8 ? (abs ? MASK.Abs64 : MASK.Sign64) : abs ? MASK.Abs32 : MASK.Sign32;
      s.use(inst, s.reg(a), Use.Any);
      s.defineSame(inst, s.vreg(v));
      s.put(inst);
      return;
    }
    case Op.FSqrt:
    case Op.Demote:
    case Op.Promote: {
      const inst = new Inst(M.FUnary, bytesOf(a.type));
      inst.sub = v.op === Op.FSqrt ? 0x51 : 0x5a;
      floatOperand(s, inst, a, Use.Any);
      s.define(inst, v);
      s.put(inst);
      return;
    }
    case Op.FNearest:
    case Op.FFloor:
    case Op.FCeil:
    case Op.FTrunc: {
      const inst = new Inst(M.FRound, size);
      inst.sub = { [Op.FNearest]: 0, [Op.FFloor]: 1, [Op.FCeil]: 2, [Op.FTrunc]: 3 }[
        v.op
      ] as number;
      inst.aux = s.o.features.sse41;
      s.use(inst, s.reg(a), Use.RegLate);
      s.define(inst, v);
      s.put(inst);
      return;
    }
    case Op.Trunc:
    case Op.TruncSat: {
      const inst = new Inst(M.ToInt, bytesOf(a.type));
      inst.sub = v.sub;
      inst.imm = size;
      inst.aux = v.op === Op.TruncSat;
      s.use(inst, s.reg(a), Use.RegLate);
      // Unused results still trap.
      inst.dst = (s.vregs[v.id] as number) > 0 ? s.vreg(v) : s.out.vreg(v.type);
      s.put(inst);
      return;
    }
    case Op.Convert: {
      const inst = new Inst(M.FromInt, size);
      inst.sub = v.sub;
      // A zero-extended i32 converts as a signed 64-bit number.
      const unsigned32 = a.type === I32 && v.sub === 0;
      inst.imm = a.type === I64 || unsigned32 ? 8 : 4;
      if (unsigned32) inst.sub = 1;
      s.use(inst, s.reg(a), Use.RegLate);
      if (inst.sub === 0) s.temp(inst, I64);
      s.define(inst, v);
      s.put(inst);
      return;
    }
    case Op.Bitcast: {
      const inst = new Inst(M.Bitcast, size);
      inst.sub = v.type >= F32 ? 0 : 1;
      s.use(inst, s.reg(a), Use.Reg);
      s.define(inst, v);
      s.put(inst);
      return;
    }
  }
  throw new Error(`no lowering for operation ${v.op}`);
}
