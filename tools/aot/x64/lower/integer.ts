// Selection of integer arithmetic: three-address additions, LEA, two-address forms with memory
// operands, multiplication, shifts, division and population count.

import { constBig } from "../../ir/fold.ts";
import { Op, type Value } from "../../ir/ir.ts";
import { Inst, type Mem, Use } from "../../regalloc/lir.ts";
import { ALU, RAX, RCX, RDX, SHIFT } from "../encoder.ts";
import { DIV, M } from "../machine.ts";
import { LowerCompare } from "./compare.ts";
import { ALU_OF, bit, bytesOf, immediate } from "./operands.ts";

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

export class LowerInteger extends LowerCompare {
  protected extend(v: Value, a: Value, from: number, signed: number, to: number): void {
    const inst = new Inst(M.Ext, from);
    inst.sub = signed;
    inst.imm = to;
    // A full load below an extension reads fewer bytes: little-endian low part.
    this.use(inst, this.reg(a), Use.Any);
    this.define(inst, v);
    this.put(inst);
  }

  protected add(v: Value): void {
    const size = bytesOf(v.type);
    let a = v.args[0] as Value;
    let b = v.args[1] as Value;
    const imm = immediate(b);
    const inner = (x: Value): boolean =>
      x.uses === 1 && x.block === this.block && this.vregs[x.id] === 0;
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
        if (x.op !== Op.Const && y.op !== Op.Const && !this.foldable(y, size)) {
          this.lea(v, scaled(x) ? y : x, scaled(x) ? x : y, imm);
          return;
        }
      } else if (scaled(a)) {
        this.lea(v, undefined, a, imm);
        return;
      }
      const inst = new Inst(M.Add, size);
      inst.hasImm = true;
      inst.imm = imm;
      this.use(inst, this.vreg(a), Use.Any);
      inst.dst = this.vreg(v);
      this.out.hint(inst.dst, this.vreg(a));
      this.out.hint(this.vreg(a), inst.dst);
      this.put(inst);
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
            this.lea(v, a.args[0] as Value, b, disp);
            return;
          }
        }
        this.lea(v, a, b, 0);
        return;
      }
      if (this.foldable(a, size) && !this.foldable(b, size)) {
        const t = a;
        a = b;
        b = t;
      }
      if (this.foldable(b, size)) {
        this.aluMem(v, ALU.ADD, a, b);
        return;
      }
    }
    const inst = new Inst(M.Add, size);
    this.use(inst, this.reg(a), Use.Any);
    this.use(inst, this.reg(b), Use.Any);
    inst.dst = this.vreg(v);
    for (const src of inst.srcs) {
      this.out.hint(inst.dst, src);
      this.out.hint(src, inst.dst);
    }
    this.put(inst);
  }

  protected lea(v: Value, base: Value | undefined, index: Value, disp: number): void {
    const inst = new Inst(M.Lea, bytesOf(v.type));
    const mem: Mem = { base: -1, index: -1, scale: 1, disp, window: false, symbol: undefined };
    inst.mem = mem;
    if (base) mem.base = this.use(inst, this.reg(base), Use.Reg);
    const shift = index.args[1];
    if (
      index.op === Op.Shl &&
      shift?.op === Op.Const &&
      constBig(shift) <= 3n &&
      index.uses === 1 &&
      this.vregs[index.id] === 0
    ) {
      mem.scale = 1 << Number(constBig(shift));
      mem.index = this.use(inst, this.vreg(index.args[0] as Value), Use.Reg);
    } else mem.index = this.use(inst, this.reg(index), Use.Reg);
    this.define(inst, v);
    this.put(inst);
  }

  protected aluMem(v: Value, op: number, a: Value, load: Value): void {
    const inst = new Inst(M.Alu, bytesOf(v.type));
    inst.sub = op;
    this.use(inst, this.reg(a), Use.Any);
    this.foldLoad(inst, load, Use.RegLate);
    this.defineSame(inst, this.vreg(v));
    this.put(inst);
  }

  protected alu(v: Value): void {
    const size = bytesOf(v.type);
    let a = v.args[0] as Value;
    let b = v.args[1] as Value;
    const op = ALU_OF[v.op] as number;
    const imm = immediate(b);
    if (imm !== undefined) {
      if (v.op === Op.And && (imm === 0xff || imm === 0xffff)) {
        this.extend(v, a, imm === 0xff ? 1 : 2, 0, 4);
        return;
      }
      const not = v.op === Op.Xor && imm === -1;
      const inst = new Inst(not ? M.Not : M.Alu, size);
      inst.sub = op;
      if (!not) {
        inst.hasImm = true;
        inst.imm = imm;
      }
      this.use(inst, this.reg(a), Use.Any);
      this.defineSame(inst, this.vreg(v));
      this.put(inst);
      return;
    }
    if (v.op === Op.And && b.op === Op.Const && b.big === 0xffffffffn) {
      this.extend(v, a, 4, 0, 4);
      return;
    }
    if (v.op === Op.Sub && a.op === Op.Const && constBig(a) === 0n) {
      const inst = new Inst(M.Neg, size);
      this.use(inst, this.reg(b), Use.Any);
      this.defineSame(inst, this.vreg(v));
      this.put(inst);
      return;
    }
    const commutative = v.op !== Op.Sub;
    if (commutative && this.foldable(a, size) && !this.foldable(b, size)) {
      const t = a;
      a = b;
      b = t;
    }
    if (this.foldable(b, size)) {
      this.aluMem(v, op, a, b);
      return;
    }
    const inst = new Inst(M.Alu, size);
    inst.sub = op;
    this.use(inst, this.reg(a), Use.Any);
    this.use(inst, this.reg(b), commutative ? Use.Any : Use.AnyLate);
    this.defineSame(inst, this.vreg(v));
    if (commutative) this.out.hint(inst.dst, inst.srcs[1] as number);
    this.put(inst);
  }

  protected mul(v: Value): void {
    const size = bytesOf(v.type);
    let a = v.args[0] as Value;
    let b = v.args[1] as Value;
    const imm = immediate(b);
    if (imm !== undefined) {
      if (imm === 3 || imm === 5 || imm === 9) {
        const inst = new Inst(M.Lea, size);
        const r = this.reg(a);
        const base = this.use(inst, r, Use.Reg);
        inst.mem = { base, index: base, scale: imm - 1, disp: 0, window: false, symbol: undefined };
        this.define(inst, v);
        this.put(inst);
        return;
      }
      const inst = new Inst(M.ImulImm, size);
      inst.imm = imm;
      this.use(inst, this.reg(a), Use.Any);
      this.define(inst, v);
      this.put(inst);
      return;
    }
    if (this.foldable(a, size) && !this.foldable(b, size)) {
      const t = a;
      a = b;
      b = t;
    }
    const inst = new Inst(M.Imul, size);
    this.use(inst, this.reg(a), Use.Any);
    if (this.foldable(b, size)) this.foldLoad(inst, b, Use.RegLate);
    else this.use(inst, this.reg(b), Use.Any);
    this.defineSame(inst, this.vreg(v));
    this.put(inst);
  }

  protected shift(v: Value): void {
    const size = bytesOf(v.type);
    const a = v.args[0] as Value;
    let count = v.args[1] as Value;
    if (count.op === Op.Const) {
      const inst = new Inst(M.ShiftImm, size);
      inst.sub = SHIFT_OF[v.op] as number;
      inst.imm = Number(constBig(count) & BigInt(size * 8 - 1));
      this.use(inst, this.reg(a), Use.Any);
      this.defineSame(inst, this.vreg(v));
      this.put(inst);
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
    this.use(inst, this.reg(a), Use.Any);
    this.useFixed(inst, count, RCX);
    inst.lateClobber = true;
    this.defineSame(inst, this.vreg(v));
    this.put(inst);
  }

  protected divide(v: Value): void {
    const size = bytesOf(v.type);
    const inst = new Inst(M.Div, size);
    inst.sub = DIV_OF[v.op] as number;
    const divisor = v.args[1] as Value;
    this.useFixed(inst, v.args[0] as Value, RAX);
    this.use(inst, this.reg(divisor), Use.RegMid);
    inst.clobbers |= bit(RAX) | bit(RDX);
    // Which checks the divisor makes necessary.
    const constant = divisor.op === Op.Const ? constBig(divisor) : undefined;
    inst.aux = {
      zero: constant === undefined || constant === 0n,
      overflow: constant === undefined || constant === -1n,
    };
    const remainder = v.op === Op.RemS || v.op === Op.RemU;
    this.defineFixed(inst, this.vreg(v), remainder ? RDX : RAX);
    this.put(inst);
  }

  /** Population count without POPCNT: sums of neighbouring bit groups, then a multiplication. */
  protected popcnt(v: Value): void {
    const { type } = v;
    const size = bytesOf(type);
    const x = this.reg(v.args[0] as Value);
    if (this.o.features.popcnt) {
      const inst = new Inst(M.Popcnt, size);
      this.use(inst, x, Use.Any);
      this.define(inst, v);
      this.put(inst);
      return;
    }
    const splat = (byte: bigint): Value =>
      this.f.bits(type, (size === 4 ? 0x01010101n : 0x0101010101010101n) * byte);
    const and = (a: number, byte: bigint): number => {
      const mask = splat(byte);
      const imm = immediate(mask);
      return this.step(M.Alu, ALU.AND, type, a, imm ?? mask);
    };
    const shr = (a: number, n: number): number => this.step(M.ShiftImm, SHIFT.SHR, type, a, n);
    const pairs = this.combine(ALU.SUB, type, x, and(shr(x, 1), 0x55n));
    const nibbles = this.combine(ALU.ADD, type, and(pairs, 0x33n), and(shr(pairs, 2), 0x33n));
    const bytes = and(this.combine(ALU.ADD, type, nibbles, shr(nibbles, 4)), 0x0fn);
    let product: number;
    if (size === 4) product = this.step(M.ImulImm, 0, type, bytes, 0x01010101);
    else {
      const factor = this.reg(splat(1n));
      const inst = new Inst(M.Imul, 8);
      this.use(inst, bytes, Use.Any);
      this.use(inst, factor, Use.Any);
      product = this.out.vreg(type);
      this.defineSame(inst, product);
      this.put(inst);
    }
    const inst = new Inst(M.ShiftImm, size);
    inst.sub = SHIFT.SHR;
    inst.hasImm = true;
    inst.imm = size * 8 - 8;
    this.use(inst, product, Use.Any);
    this.defineSame(inst, this.vreg(v));
    this.put(inst);
  }
}
