// Selection of integer arithmetic: three-address additions, LEA, two-address forms with memory
// operands, multiplication, shifts, division and population count.

import { constBig } from "../../ir/fold.ts";
import { Op, type Value } from "../../ir/ir.ts";
import { Inst, type Mem, Use } from "../../regalloc/lir.ts";
import { ALU, RAX, RCX, RDX, SHIFT } from "../encoder.ts";
import { DIV, M } from "../machine.ts";
import { ALU_OF, bit, bytesOf, immediate, type Selection } from "./operands.ts";

const SHIFT_OF: Record<number, number> = {
  [Op.Shl]: SHIFT.SHL,
  [Op.ShrS]: SHIFT.SAR,
  [Op.ShrU]: SHIFT.SHR,
  [Op.Rotl]: SHIFT.ROL,
  [Op.Rotr]: SHIFT.ROR,
};
const DIV_OF: Record<number, number> = {
  [Op.DivS]: DIV.DivS,
  [Op.DivU]: DIV.DivU,
  [Op.RemS]: DIV.RemS,
  [Op.RemU]: DIV.RemU,
};

export function selectExtend(
  s: Selection,
  v: Value,
  a: Value,
  from: number,
  signed: number,
  to: number,
): void {
  const inst = new Inst(M.Ext, from);
  inst.sub = signed;
  inst.imm = to;
  // A full load below an extension reads fewer bytes: little-endian low part.
  s.use(inst, s.low(a), Use.Any);
  s.define(inst, v);
  s.put(inst);
}

export function selectAdd(s: Selection, v: Value): void {
  const size = bytesOf(v.type);
  let a = v.args[0] as Value;
  let b = v.args[1] as Value;
  const imm = immediate(b);
  const inner = (x: Value): boolean => x.uses === 1 && x.block === s.block && s.vregs[x.id] === 0;
  const scaled = (x: Value): boolean =>
    x.op === Op.Shl &&
    x.args[1]?.op === Op.Const &&
    constBig(x.args[1]) <= 3n &&
    inner(x) &&
    x.args[0]?.op !== Op.Const;
  // base + index * scale + disp in one LEA.
  if (imm !== undefined) {
    if (a.op === Op.Add && inner(a) && immediate(a.args[1] as Value) === undefined) {
      const x = a.args[0] as Value;
      const y = a.args[1] as Value;
      if (x.op !== Op.Const && y.op !== Op.Const && !s.foldable(y, size)) {
        selectLea(s, v, scaled(x) ? y : x, scaled(x) ? x : y, imm);
        return;
      }
    } else if (scaled(a)) {
      selectLea(s, v, undefined, a, imm);
      return;
    }
    const inst = new Inst(M.Add, size);
    inst.hasImm = true;
    inst.imm = imm;
    const r = s.low(a);
    s.use(inst, r, Use.Any);
    inst.dst = s.vreg(v);
    s.out.hint(inst.dst, r);
    s.out.hint(r, inst.dst);
    s.put(inst);
    return;
  }
  const distance = s.fromWindow(b);
  if (distance !== undefined) {
    const lea = new Inst(M.Lea, 8);
    const index = s.use(lea, s.reg(a), Use.Reg);
    lea.mem = { base: index, index: -1, scale: 1, disp: distance, window: true, symbol: undefined };
    s.define(lea, v);
    s.put(lea);
    return;
  }
  if (b.op !== Op.Const) {
    if (scaled(a) && !scaled(b)) {
      const t = a;
      a = b;
      b = t;
    }
    if (scaled(b)) {
      if (a.op === Op.Add && inner(a)) {
        const disp = immediate(a.args[1] as Value);
        if (disp !== undefined) {
          selectLea(s, v, a.args[0] as Value, b, disp);
          return;
        }
      }
      selectLea(s, v, a, b, 0);
      return;
    }
    if (s.foldable(a, size) && !s.foldable(b, size)) {
      const t = a;
      a = b;
      b = t;
    }
    if (s.foldable(b, size)) {
      selectAluLoad(s, v, ALU.ADD, a, b);
      return;
    }
  }
  const inst = new Inst(M.Add, size);
  s.use(inst, s.low(a), Use.Any);
  s.use(inst, s.low(b), Use.Any);
  inst.dst = s.vreg(v);
  for (const src of inst.srcs) {
    s.out.hint(inst.dst, src);
    s.out.hint(src, inst.dst);
  }
  s.put(inst);
}

function selectLea(
  s: Selection,
  v: Value,
  base: Value | undefined,
  index: Value,
  disp: number,
): void {
  const inst = new Inst(M.Lea, bytesOf(v.type));
  const mem: Mem = { base: -1, index: -1, scale: 1, disp, window: false, symbol: undefined };
  inst.mem = mem;
  if (base) mem.base = s.use(inst, s.low(base), Use.Reg);
  const shift = index.args[1];
  if (
    index.op === Op.Shl &&
    shift?.op === Op.Const &&
    constBig(shift) <= 3n &&
    index.uses === 1 &&
    s.vregs[index.id] === 0
  ) {
    mem.scale = 1 << Number(constBig(shift));
    mem.index = s.use(inst, s.low(index.args[0] as Value), Use.Reg);
  } else mem.index = s.use(inst, s.low(index), Use.Reg);
  s.define(inst, v);
  s.put(inst);
}

function selectAluLoad(s: Selection, v: Value, op: number, a: Value, load: Value): void {
  const inst = new Inst(M.Alu, bytesOf(v.type));
  inst.sub = op;
  s.use(inst, s.low(a), Use.Any);
  s.foldLoad(inst, load, Use.RegLate);
  s.defineSame(inst, s.vreg(v));
  s.put(inst);
}

export function selectAlu(s: Selection, v: Value): void {
  const size = bytesOf(v.type);
  let a = v.args[0] as Value;
  let b = v.args[1] as Value;
  const op = ALU_OF[v.op] as number;
  const imm = immediate(b);
  if (imm !== undefined) {
    if (v.op === Op.And && (imm === 0xff || imm === 0xffff)) {
      selectExtend(s, v, a, imm === 0xff ? 1 : 2, 0, 4);
      return;
    }
    const not = v.op === Op.Xor && imm === -1;
    const inst = new Inst(not ? M.Not : M.Alu, size);
    inst.sub = op;
    if (!not) {
      inst.hasImm = true;
      inst.imm = imm;
    }
    s.use(inst, s.low(a), Use.Any);
    s.defineSame(inst, s.vreg(v));
    s.put(inst);
    return;
  }
  if (v.op === Op.And && b.op === Op.Const && b.big === 0xffffffffn) {
    selectExtend(s, v, a, 4, 0, 4);
    return;
  }
  if (v.op === Op.Sub && a.op === Op.Const && constBig(a) === 0n) {
    const inst = new Inst(M.Neg, size);
    s.use(inst, s.low(b), Use.Any);
    s.defineSame(inst, s.vreg(v));
    s.put(inst);
    return;
  }
  const commutative = v.op !== Op.Sub;
  if (commutative && s.foldable(a, size) && !s.foldable(b, size)) {
    const t = a;
    a = b;
    b = t;
  }
  if (s.foldable(b, size)) {
    selectAluLoad(s, v, op, a, b);
    return;
  }
  const inst = new Inst(M.Alu, size);
  inst.sub = op;
  s.use(inst, s.low(a), Use.Any);
  s.use(inst, s.low(b), commutative ? Use.Any : Use.AnyLate);
  s.defineSame(inst, s.vreg(v));
  if (commutative) s.out.hint(inst.dst, inst.srcs[1] as number);
  s.put(inst);
}

export function selectMul(s: Selection, v: Value): void {
  const size = bytesOf(v.type);
  let a = v.args[0] as Value;
  let b = v.args[1] as Value;
  const imm = immediate(b);
  if (imm !== undefined) {
    if (imm === 3 || imm === 5 || imm === 9) {
      const inst = new Inst(M.Lea, size);
      const r = s.low(a);
      const base = s.use(inst, r, Use.Reg);
      inst.mem = { base, index: base, scale: imm - 1, disp: 0, window: false, symbol: undefined };
      s.define(inst, v);
      s.put(inst);
      return;
    }
    const inst = new Inst(M.ImulImm, size);
    inst.imm = imm;
    s.use(inst, s.low(a), Use.Any);
    s.define(inst, v);
    s.put(inst);
    return;
  }
  if (s.foldable(a, size) && !s.foldable(b, size)) {
    const t = a;
    a = b;
    b = t;
  }
  const inst = new Inst(M.Imul, size);
  s.use(inst, s.low(a), Use.Any);
  if (s.foldable(b, size)) s.foldLoad(inst, b, Use.RegLate);
  else s.use(inst, s.low(b), Use.Any);
  s.defineSame(inst, s.vreg(v));
  s.put(inst);
}

export function selectShift(s: Selection, v: Value): void {
  const size = bytesOf(v.type);
  const a = v.args[0] as Value;
  let count = v.args[1] as Value;
  if (count.op === Op.Const) {
    const inst = new Inst(M.ShiftImm, size);
    inst.sub = SHIFT_OF[v.op] as number;
    inst.imm = Number(constBig(count) & BigInt(size * 8 - 1));
    s.use(inst, s.low(a), Use.Any);
    s.defineSame(inst, s.vreg(v));
    s.put(inst);
    return;
  }
  // The hardware masks the count itself.
  while (count.op === Op.And && count.args[1]?.op === Op.Const) {
    const mask = BigInt(size * 8 - 1);
    if ((constBig(count.args[1]) & mask) !== mask) break;
    count = count.args[0] as Value;
  }
  const inst = new Inst(M.ShiftCl, size);
  inst.sub = SHIFT_OF[v.op] as number;
  s.use(inst, s.low(a), Use.Any);
  s.useFixed(inst, count, RCX);
  inst.lateClobber = true;
  s.defineSame(inst, s.vreg(v));
  s.put(inst);
}

export function selectDivide(s: Selection, v: Value): void {
  const size = bytesOf(v.type);
  const inst = new Inst(M.Div, size);
  inst.sub = DIV_OF[v.op] as number;
  const divisor = v.args[1] as Value;
  s.useFixed(inst, v.args[0] as Value, RAX);
  s.use(inst, s.reg(divisor), Use.RegMid);
  inst.clobbers |= bit(RAX) | bit(RDX);
  // Which checks the divisor makes necessary.
  const constant = divisor.op === Op.Const ? constBig(divisor) : undefined;
  inst.aux = {
    zero: constant === undefined || constant === 0n,
    overflow: constant === undefined || constant === -1n,
  };
  const remainder = v.op === Op.RemS || v.op === Op.RemU;
  s.defineFixed(inst, s.vreg(v), remainder ? RDX : RAX);
  s.put(inst);
}

/** Population count without POPCNT: sums of neighbouring bit groups, then a multiplication. */
export function selectPopcnt(s: Selection, v: Value): void {
  const { type } = v;
  const size = bytesOf(type);
  const x = s.reg(v.args[0] as Value);
  if (s.o.features.popcnt) {
    const inst = new Inst(M.Popcnt, size);
    s.use(inst, x, Use.Any);
    s.define(inst, v);
    s.put(inst);
    return;
  }
  const splat = (byte: bigint): Value =>
    s.f.bits(type, (size === 4 ? 0x01010101n : 0x0101010101010101n) * byte);
  const and = (a: number, byte: bigint): number => {
    const mask = splat(byte);
    const imm = immediate(mask);
    return s.step(M.Alu, ALU.AND, type, a, imm ?? mask);
  };
  const shr = (a: number, n: number): number => s.step(M.ShiftImm, SHIFT.SHR, type, a, n);
  const pairs = s.combine(ALU.SUB, type, x, and(shr(x, 1), 0x55n));
  const nibbles = s.combine(ALU.ADD, type, and(pairs, 0x33n), and(shr(pairs, 2), 0x33n));
  const bytes = and(s.combine(ALU.ADD, type, nibbles, shr(nibbles, 4)), 0x0fn);
  let product: number;
  if (size === 4) product = s.step(M.ImulImm, 0, type, bytes, 0x01010101);
  else {
    const factor = s.reg(splat(1n));
    const inst = new Inst(M.Imul, 8);
    s.use(inst, bytes, Use.Any);
    s.use(inst, factor, Use.Any);
    product = s.out.vreg(type);
    s.defineSame(inst, product);
    s.put(inst);
  }
  const inst = new Inst(M.ShiftImm, size);
  inst.sub = SHIFT.SHR;
  inst.hasImm = true;
  inst.imm = size * 8 - 8;
  s.use(inst, product, Use.Any);
  s.defineSame(inst, s.vreg(v));
  s.put(inst);
}
