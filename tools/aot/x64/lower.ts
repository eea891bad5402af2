// Instruction selection: IR → machine instructions over virtual registers. Each block is walked
// backwards, so that a value is emitted only when something below uses it and can be folded into
// that use (compare into branch, load into operand, shift and add into address).
// Invariant: a virtual register of type i32 always has a zero upper half.

import { constBig, maxUnsigned } from "../ir/fold.ts";
import {
  type Block,
  type CallTarget,
  Cond,
  F32,
  F64,
  FCond,
  type Func,
  I32,
  I64,
  isRemovable,
  Op,
  type Signature,
  SWAPPED_COND,
  TrapKind,
  type Type,
  type Value,
} from "../ir/ir.ts";
import { Inst, LBlock, LFunc, type Mem, Use } from "../regalloc/lir.ts";
import { ALU, CC, R15, RAX, RCX, RDI, RDX, RSI, SHIFT } from "./encoder.ts";
import {
  assignParams,
  assignResults,
  CALLER_SAVED_MASK,
  CC_FEQ,
  CC_FNE,
  CMP,
  DIV,
  M,
} from "./machine.ts";
import { type ConstantPool, MASK, POOL_SYMBOL } from "./pool.ts";
import { GLOBALS_SYMBOL, HELPER, PAGES_SYMBOL } from "./symbols.ts";

/** A sequence of fixed machine code that stands for an imported function. */
export interface FixedCode {
  /** Register of each argument. */
  args: number[];
  bytes: number[];
  /** Register of the result, or -1. */
  result: number;
  /** Registers overwritten beyond the arguments. */
  clobbers: number[];
}

export interface LowerOptions {
  /** Whether R15 holds the window base; otherwise the window is at 0. */
  window: boolean;
  /** Whether memory has a size below the window that changes (target linux). */
  growable: boolean;
  pool: ConstantPool;
  /** Helper routines that were called. */
  helpers: Set<string>;
  exported: boolean;
  features: { sse41: boolean; popcnt: boolean };
}

const INT_CC: number[] = [CC.E, CC.NE, CC.L, CC.GE, CC.G, CC.LE, CC.B, CC.AE, CC.A, CC.BE];
const ALU_OF: Record<number, number> = {
  [Op.Add]: ALU.ADD,
  [Op.Sub]: ALU.SUB,
  [Op.And]: ALU.AND,
  [Op.Or]: ALU.OR,
  [Op.Xor]: ALU.XOR,
};
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
const FALU_OF: Record<number, number> = {
  [Op.FAdd]: 0x58,
  [Op.FMul]: 0x59,
  [Op.FSub]: 0x5c,
  [Op.FDiv]: 0x5e,
};
const bit = (r: number): number => 1 << r;

function bytesOf(type: Type): number {
  return type === I64 || type === F64 ? 8 : 4;
}

function fitsImm32(big: bigint): boolean {
  return big >= -0x80000000n && big <= 0x7fffffffn;
}

/** Immediate of a constant for an operation of its own width, or undefined when it needs 64 bits. */
function immediate(v: Value): number | undefined {
  if (v.op !== Op.Const || v.type >= F32) return undefined;
  if (v.type === I32) return v.imm;
  return fitsImm32(v.big) ? Number(v.big) : undefined;
}

/** Instructions that no load may be moved across. */
function isBarrier(v: Value): boolean {
  return !isRemovable(v) && v.op !== Op.Load;
}

export class Lowering {
  private readonly f: Func;
  private readonly out: LFunc;
  private readonly o: LowerOptions;
  private readonly vregs: Int32Array;
  private readonly colors: Int32Array;
  private readonly constantCodes = new Map<Value, number>();
  private group: Inst[] = [];
  private color = 0;
  /** Set while a condition is lowered that may be lowered again elsewhere. */
  private shared = false;
  private block: Block | undefined;
  private pos = 0;

  constructor(f: Func, options: LowerOptions) {
    this.f = f;
    this.o = options;
    this.out = new LFunc(f.name);
    this.vregs = new Int32Array(f.valueCount);
    this.colors = new Int32Array(f.valueCount);
  }

  run(): LFunc {
    const { f, out } = this;
    out.blocks = f.blocks.map((b) => {
      const block = new LBlock(b.index);
      block.depth = b.depth;
      return block;
    });
    for (const b of f.blocks) {
      const block = out.blocks[b.index] as LBlock;
      block.preds = b.preds.map((p) => out.blocks[p.index] as LBlock);
      block.succs = b.succs.map((s) => out.blocks[s.index] as LBlock);
      let color = 0;
      for (const v of b.insts) {
        this.colors[v.id] = color;
        if (isBarrier(v)) color++;
      }
      this.colors[(b.term as Value).id] = color;
    }
    out.loops = f.loops.map((loop) => ({
      header: loop.header.index,
      last: loop.last,
      members: new Set([...loop.blocks].map((b) => out.blocks[b.index] as LBlock)),
    }));
    for (let i = f.blocks.length - 1; i >= 0; i--) this.lowerBlock(f.blocks[i] as Block);
    for (const b of f.blocks) {
      const block = out.blocks[b.index] as LBlock;
      block.phis = [];
      for (const phi of b.phis) {
        const dst = this.vregs[phi.id] as number;
        if (dst === 0) continue;
        const args = phi.args.map((arg) => this.code(arg));
        block.phis.push({ dst, args });
        for (const arg of args) {
          out.hint(arg, dst);
          out.hint(dst, arg);
        }
      }
    }
    return out;
  }

  private lowerBlock(b: Block): void {
    this.block = b;
    const reversed: Inst[] = [];
    const flush = (): void => {
      for (let i = this.group.length - 1; i >= 0; i--) reversed.push(this.group[i] as Inst);
      this.group = [];
    };
    for (const succ of b.succs) {
      const p = succ.preds.indexOf(b);
      for (const phi of succ.phis) this.code(phi.args[p] as Value);
    }
    const term = b.term as Value;
    this.pos = term.pos;
    this.color = this.colors[term.id] as number;
    this.terminator(term);
    flush();
    for (let i = b.insts.length - 1; i >= 0; i--) {
      const v = b.insts[i] as Value;
      if (this.vregs[v.id] === 0 && isRemovable(v)) continue;
      if ((this.vregs[v.id] as number) < 0) continue;
      this.pos = v.pos;
      this.color = this.colors[v.id] as number;
      this.instruction(v);
      flush();
    }
    if (b.index === 0) {
      this.params();
      flush();
    }
    (this.out.blocks[b.index] as LBlock).insts = reversed.reverse();
  }

  // Operands.

  /** The value behind unsigned extensions, which are free; of a constant, the extended one. */
  private bare(v: Value): Value {
    let value = v;
    while (value.op === Op.ExtendU) value = value.args[0] as Value;
    if (value !== v && value.op === Op.Const) return this.f.bits(I64, BigInt(value.imm >>> 0));
    return value;
  }

  /** Virtual register of a value; an unsigned extension shares that of its operand. */
  private vreg(v: Value): number {
    const value = this.bare(v);
    if (value.op === Op.Const) return this.reg(value);
    let r = this.vregs[value.id] as number;
    if (r === 0) {
      r = this.out.vreg(value.type);
      this.vregs[value.id] = r;
    }
    return r;
  }

  /** Operand code: a virtual register or a constant. */
  private code(operand: Value): number {
    const v = this.bare(operand);
    if (v.op !== Op.Const) return this.vreg(v);
    let c = this.constantCodes.get(v);
    if (c === undefined) {
      this.out.constants.push(v);
      c = -1 - this.out.constants.length;
      this.constantCodes.set(v, c);
    }
    return c;
  }

  /** Virtual register of a value, constants put into one right here. */
  private reg(operand: Value): number {
    const v = this.bare(operand);
    if (v.op !== Op.Const) return this.vreg(v);
    const r = this.out.vreg(v.type);
    if (v.type >= F32) {
      const inst = this.inst(M.FConst, bytesOf(v.type));
      inst.aux = v.big;
      inst.dst = r;
    } else {
      const inst = this.inst(M.MovImm, 8);
      inst.aux = v.type === I32 ? BigInt(v.imm >>> 0) : v.big;
      inst.dst = r;
    }
    return r;
  }

  private inst(op: number, size: number): Inst {
    const inst = new Inst(op, size);
    inst.pos = this.pos;
    this.group.push(inst);
    return inst;
  }

  /** Appends `inst` made with `new Inst` once its operands are materialized. */
  private put(inst: Inst): Inst {
    inst.pos = this.pos;
    this.group.push(inst);
    return inst;
  }

  private use(inst: Inst, vreg: number, kind: number): number {
    inst.srcs.push(vreg);
    inst.kinds.push(kind);
    if (kind >= Use.Fixed) {
      this.out.hint(vreg, kind - Use.Fixed);
      inst.clobbers |= bit(kind - Use.Fixed);
    }
    return inst.srcs.length - 1;
  }

  private useFixed(inst: Inst, v: Value, register: number): void {
    this.use(inst, this.code(v), Use.Fixed + register);
  }

  private temp(inst: Inst, type: Type): void {
    this.use(inst, this.out.vreg(type), Use.Temp);
  }

  private define(inst: Inst, v: Value): void {
    inst.dst = this.vreg(v);
  }

  private defineSame(inst: Inst, dst: number): void {
    inst.dst = dst;
    inst.same = true;
    const src = inst.srcs[0] as number;
    this.out.hint(dst, src);
    this.out.hint(src, dst);
  }

  private defineFixed(inst: Inst, dst: number, register: number): void {
    inst.dst = dst;
    inst.defFixed = register;
    inst.clobbers |= bit(register);
    this.out.hint(dst, register);
  }

  /** Adds a memory operand for `ptr + offset` in the window. `kind` is that of its registers. */
  private address(inst: Inst, pointer: Value, constant: number, kind: number): void {
    let ptr = pointer;
    let offset = constant;
    // A constant moves into the displacement where the 32-bit addition cannot wrap.
    while (ptr.op === Op.Add && ptr.args[1]?.op === Op.Const) {
      const inner = ptr.args[0] as Value;
      const added = ptr.args[1].imm;
      if (added < 0 || offset + added >= 0x80000000) break;
      if (maxUnsigned(inner) + BigInt(added) > 0xffffffffn) break;
      offset += added;
      ptr = inner;
    }
    const mem: Mem = {
      base: -1,
      index: -1,
      scale: 1,
      disp: 0,
      window: this.o.window,
      symbol: undefined,
    };
    inst.mem = mem;
    if (ptr.op === Op.Const) {
      const absolute = (ptr.imm >>> 0) + offset;
      if (absolute < 0x80000000) {
        mem.disp = absolute;
        return;
      }
      mem.base = this.use(inst, this.reg(this.f.bits(I64, BigInt(absolute))), kind);
      return;
    }
    if (offset >= 0x80000000) {
      const big = this.reg(this.f.bits(I64, BigInt(offset)));
      const base = this.vreg(ptr);
      const add = new Inst(M.Add, 8);
      this.use(add, base, Use.Reg);
      this.use(add, big, Use.Reg);
      add.dst = this.out.vreg(I64);
      this.put(add);
      mem.base = this.use(inst, add.dst, kind);
      return;
    }
    mem.disp = offset;
    // A scaled index is exact only when the shift loses no bits.
    const shift = ptr.args[1];
    if (
      ptr.op === Op.Shl &&
      shift?.op === Op.Const &&
      shift.imm <= 3 &&
      (this.vregs[ptr.id] === 0 || ptr.uses === 1)
    ) {
      const index = ptr.args[0] as Value;
      if (maxUnsigned(index) << BigInt(shift.imm) <= 0xffffffffn && index.op !== Op.Const) {
        mem.index = this.use(inst, this.vreg(index), kind);
        mem.scale = 1 << shift.imm;
        return;
      }
    }
    mem.base = this.use(inst, this.vreg(ptr), kind);
  }

  /** Adds a memory operand for the 64-bit address `v + offset`. */
  private addressAbs(inst: Inst, v: Value, offset: number, kind: number): void {
    const mem: Mem = { base: -1, index: -1, scale: 1, disp: 0, window: false, symbol: undefined };
    inst.mem = mem;
    let disp = BigInt(offset);
    let base = v;
    if (base.op === Op.Add && base.args[1]?.op === Op.Const && fitsImm32(disp + base.args[1].big)) {
      disp += base.args[1].big;
      base = base.args[0] as Value;
    }
    if (base.op === Op.Const) {
      const absolute = BigInt.asIntN(64, base.big + disp);
      if (fitsImm32(absolute)) {
        mem.disp = Number(absolute);
        return;
      }
    }
    mem.disp = Number(disp);
    mem.base = this.use(inst, this.reg(base), kind);
  }

  private symbolMem(symbol: string, disp: number): Mem {
    return { base: -1, index: -1, scale: 1, disp, window: false, symbol };
  }

  /** Whether `v` is a load (of `size` bytes, unextended) that may happen at the current place. */
  private foldable(v: Value, size: number): boolean {
    if (this.shared || v.uses !== 1 || v.block !== this.block || this.vregs[v.id] !== 0)
      return false;
    if (this.colors[v.id] !== this.color) return false;
    if (v.op === Op.GlobalGet) return size === bytesOf(v.type);
    return v.op === Op.Load && v.size === size && size === bytesOf(v.type);
  }

  /** Gives `inst` the memory operand of the load `v` and marks it as done. */
  private foldLoad(inst: Inst, v: Value, kind: number): void {
    this.vregs[v.id] = -1;
    if (v.op === Op.GlobalGet) inst.mem = this.symbolMem(GLOBALS_SYMBOL, v.imm * 8);
    else this.address(inst, v.args[0] as Value, v.imm, kind);
  }

  // Terminators.

  private terminator(term: Value): void {
    switch (term.op) {
      case Op.Jump:
        this.inst(M.Jump, 0);
        return;
      case Op.Br: {
        const inst = new Inst(M.CmpBr, 4);
        this.compare(inst, term.args[0] as Value);
        this.put(inst);
        return;
      }
      case Op.Switch: {
        const inst = new Inst(M.Switch, 4);
        this.use(inst, this.reg(term.args[0] as Value), Use.RegLate);
        this.temp(inst, I64);
        this.temp(inst, I64);
        inst.aux = term.aux;
        this.put(inst);
        return;
      }
      case Op.Return: {
        const incoming = assignParams(this.f.signature.params);
        const results = assignResults(this.f.signature.results, incoming.size);
        const inst = new Inst(M.Return, 0);
        term.args.forEach((v, i) => {
          const register = results.registers[i] as number;
          if (register >= 0) this.useFixed(inst, v, register);
          else {
            const store = new Inst(M.StoreIn, bytesOf(v.type));
            this.use(store, this.reg(v), Use.Reg);
            store.imm = results.offsets[i] as number;
            this.put(store);
          }
        });
        this.put(inst);
        return;
      }
      case Op.Trap: {
        this.inst(M.Trap, 0).sub = term.sub;
        return;
      }
    }
  }

  private params(): void {
    const { registers, offsets } = assignParams(this.f.signature.params);
    this.pos = this.f.params[0]?.pos ?? this.pos;
    for (const p of this.f.params) {
      if (this.vregs[p.id] === 0) continue;
      const register = registers[p.imm] as number;
      if (register < 0) continue;
      // The ABI leaves the upper half of a 32-bit parameter undefined; our own calls clear it.
      const inst = new Inst(p.type === I32 && this.o.exported ? M.Zext32 : M.Mov, bytesOf(p.type));
      this.use(inst, register, Use.Reg);
      inst.dst = this.vreg(p);
      this.out.hint(inst.dst, register);
      this.put(inst);
    }
    for (const p of this.f.params) {
      if (this.vregs[p.id] === 0 || (registers[p.imm] as number) >= 0) continue;
      const inst = this.inst(M.LoadIn, bytesOf(p.type));
      inst.imm = offsets[p.imm] as number;
      inst.dst = this.vreg(p);
    }
  }

  // Comparisons.

  /** Sets the comparison part of `inst` for condition `v`; all operands are early. */
  private compare(inst: Inst, v: Value): void {
    // A condition with several uses may be compared more than once, its loads must not be.
    this.shared = v.uses !== 1;
    if (v.op === Op.FCmp) this.compareFloat(inst, v);
    else this.compareInt(inst, v);
    this.shared = false;
  }

  private compareInt(inst: Inst, v: Value): void {
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
  private narrowCompare(inst: Inst, a: Value, imm: number, cond: number): boolean {
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
  private testAnd(inst: Inst, and: Value): boolean {
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

  private compareFloat(inst: Inst, v: Value): void {
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
  private floatOperand(inst: Inst, v: Value, kind: number): void {
    const size = bytesOf(v.type);
    if (v.op === Op.Const) {
      inst.mem = this.symbolMem(POOL_SYMBOL, this.o.pool.offset(v.big, size));
    } else if (this.foldable(v, size)) {
      this.foldLoad(inst, v, kind === Use.AnyLate ? Use.RegLate : Use.Reg);
    } else this.use(inst, this.vreg(v), kind);
  }

  // Instructions.

  private instruction(v: Value): void {
    switch (v.op) {
      case Op.ExtendU:
      case Op.Param:
        return;
      case Op.Add:
        this.add(v);
        return;
      case Op.Sub:
      case Op.And:
      case Op.Or:
      case Op.Xor:
        this.alu(v);
        return;
      case Op.Mul:
        this.mul(v);
        return;
      case Op.Shl:
      case Op.ShrS:
      case Op.ShrU:
      case Op.Rotl:
      case Op.Rotr:
        this.shift(v);
        return;
      case Op.DivS:
      case Op.DivU:
      case Op.RemS:
      case Op.RemU:
        this.divide(v);
        return;
      case Op.MulHiU:
      case Op.MulHiS: {
        const inst = new Inst(M.MulHi, bytesOf(v.type));
        inst.sub = v.op === Op.MulHiS ? 1 : 0;
        this.useFixed(inst, v.args[0] as Value, RAX);
        this.use(inst, this.reg(v.args[1] as Value), Use.AnyMid);
        inst.clobbers |= bit(RAX);
        this.defineFixed(inst, this.vreg(v), RDX);
        this.put(inst);
        return;
      }
      case Op.Clz:
      case Op.Ctz: {
        const inst = new Inst(v.op === Op.Clz ? M.Clz : M.Ctz, bytesOf(v.type));
        this.use(inst, this.reg(v.args[0] as Value), Use.Any);
        this.define(inst, v);
        this.put(inst);
        return;
      }
      case Op.Popcnt:
        this.popcnt(v);
        return;
      case Op.ICmp:
      case Op.FCmp: {
        const inst = new Inst(M.CmpSet, 4);
        this.compare(inst, v);
        this.define(inst, v);
        this.put(inst);
        return;
      }
      case Op.Wrap: {
        const inst = new Inst(M.Zext32, 4);
        this.use(inst, this.reg(v.args[0] as Value), Use.Any);
        this.define(inst, v);
        this.put(inst);
        return;
      }
      case Op.ExtendS:
        this.extend(v, v.args[0] as Value, 4, 1, 8);
        return;
      case Op.Sext:
        this.extend(v, v.args[0] as Value, v.size, 1, bytesOf(v.type));
        return;
      case Op.Select:
        this.select(v);
        return;
      case Op.Load:
      case Op.LoadAbs:
      case Op.AtomicLoad:
        this.load(v);
        return;
      case Op.Store:
      case Op.StoreAbs:
        this.store(v);
        return;
      case Op.GlobalGet: {
        const isFloat = v.type >= F32;
        const inst = this.inst(isFloat ? M.FLoad : M.Load, bytesOf(v.type));
        inst.imm = bytesOf(v.type);
        inst.mem = this.symbolMem(GLOBALS_SYMBOL, v.imm * 8);
        this.define(inst, v);
        return;
      }
      case Op.GlobalSet: {
        const value = v.args[0] as Value;
        const inst = new Inst(value.type >= F32 ? M.FStore : M.Store, bytesOf(value.type));
        this.storeValue(inst, value);
        inst.mem = this.symbolMem(GLOBALS_SYMBOL, v.imm * 8);
        this.put(inst);
        return;
      }
      case Op.Call:
        this.call(v);
        return;
      case Op.CallIndirect: {
        const signature = v.aux as Signature;
        const inst = new Inst(M.CallIndirect, 0);
        inst.imm = v.imm;
        this.arguments(inst, signature, v.args.slice(1));
        this.useFixed(inst, v.args[0] as Value, RAX);
        this.finishCall(inst, v, signature);
        return;
      }
      case Op.Result:
        this.result(v);
        return;
      case Op.Intrinsic:
        this.fixedCode(v);
        return;
      case Op.SymbolAddress: {
        const inst = this.inst(M.SymbolAddress, 8);
        inst.aux = v.aux;
        this.define(inst, v);
        return;
      }
      case Op.WindowBase: {
        const inst = new Inst(M.Mov, 8);
        this.use(inst, R15, Use.Reg);
        this.define(inst, v);
        this.put(inst);
        return;
      }
    }
    if (v.op >= Op.FAdd && v.op <= Op.Bitcast) this.float(v);
    else this.memory(v);
  }

  private extend(v: Value, a: Value, from: number, signed: number, to: number): void {
    const inst = new Inst(M.Ext, from);
    inst.sub = signed;
    inst.imm = to;
    // A full load below an extension reads fewer bytes: little-endian low part.
    this.use(inst, this.reg(a), Use.Any);
    this.define(inst, v);
    this.put(inst);
  }

  private add(v: Value): void {
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

  private lea(v: Value, base: Value | undefined, index: Value, disp: number): void {
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

  private aluMem(v: Value, op: number, a: Value, load: Value): void {
    const inst = new Inst(M.Alu, bytesOf(v.type));
    inst.sub = op;
    this.use(inst, this.reg(a), Use.Any);
    this.foldLoad(inst, load, Use.RegLate);
    this.defineSame(inst, this.vreg(v));
    this.put(inst);
  }

  private alu(v: Value): void {
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

  private mul(v: Value): void {
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

  private shift(v: Value): void {
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

  private divide(v: Value): void {
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

  /** Emits `dst ← a op b` on virtual registers. */
  private step(op: number, sub: number, type: Type, a: number, b: number | Value): number {
    const inst = new Inst(op, bytesOf(type));
    inst.sub = sub;
    this.use(inst, a, Use.Any);
    if (typeof b === "number") {
      inst.hasImm = true;
      inst.imm = b;
    } else this.use(inst, this.reg(b), Use.AnyLate);
    const dst = this.out.vreg(type);
    if (op === M.ImulImm) inst.dst = dst;
    else this.defineSame(inst, dst);
    this.put(inst);
    return dst;
  }

  private combine(sub: number, type: Type, a: number, b: number): number {
    const inst = new Inst(M.Alu, bytesOf(type));
    inst.sub = sub;
    this.use(inst, a, Use.Any);
    this.use(inst, b, Use.AnyLate);
    const dst = this.out.vreg(type);
    this.defineSame(inst, dst);
    this.put(inst);
    return dst;
  }

  /** Population count without POPCNT: sums of neighbouring bit groups, then a multiplication. */
  private popcnt(v: Value): void {
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

  private select(v: Value): void {
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

  // Memory.

  private load(v: Value): void {
    const isFloat = v.type >= F32;
    if (v.op === Op.AtomicLoad) this.alignment(v);
    const inst = new Inst(isFloat ? M.FLoad : M.Load, v.size);
    inst.sub = v.sub;
    inst.imm = bytesOf(v.type);
    if (v.op === Op.LoadAbs) this.addressAbs(inst, v.args[0] as Value, v.imm, Use.Reg);
    else this.address(inst, v.args[0] as Value, v.imm, Use.Reg);
    this.define(inst, v);
    this.put(inst);
  }

  /** Value operand of a store: an immediate where it has the form, else a register. */
  private storeValue(inst: Inst, value: Value): void {
    const imm =
      value.type === I64 && inst.size < 8 && value.op === Op.Const
        ? Number(BigInt.asIntN(32, value.big))
        : immediate(value);
    if (imm !== undefined) {
      inst.hasImm = true;
      inst.imm = imm;
      return;
    }
    if (value.type >= F32 && value.op === Op.Const) {
      // A float constant is stored as the integer with its bits.
      inst.op = M.Store;
      const bits = this.f.bits(value.type === F32 ? I32 : I64, value.big);
      const asImm = immediate(bits);
      if (asImm !== undefined) {
        inst.hasImm = true;
        inst.imm = asImm;
        return;
      }
      this.use(inst, this.reg(bits), Use.Reg);
      return;
    }
    this.use(inst, this.reg(value), Use.Reg);
  }

  private store(v: Value): void {
    const ptr = v.args[0] as Value;
    let value = v.args[1] as Value;
    if (this.readModifyWrite(v)) return;
    // What a narrow store cuts off need not be computed.
    while (
      v.size < 8 &&
      (((value.op === Op.Wrap || value.op === Op.ExtendU || value.op === Op.ExtendS) &&
        v.size <= 4) ||
        (value.op === Op.Sext && value.size >= v.size) ||
        (value.op === Op.And &&
          value.args[1]?.op === Op.Const &&
          BigInt.asUintN(v.size * 8, constBig(value.args[1])) === (1n << BigInt(v.size * 8)) - 1n))
    ) {
      value = value.args[0] as Value;
    }
    const inst = new Inst(value.type >= F32 ? M.FStore : M.Store, v.size);
    this.storeValue(inst, value);
    if (v.op === Op.StoreAbs) this.addressAbs(inst, ptr, v.imm, Use.Reg);
    else this.address(inst, ptr, v.imm, Use.Reg);
    this.put(inst);
  }

  /** `store(p, op(load(p), x))` as one instruction with a memory destination. */
  private readModifyWrite(v: Value): boolean {
    const ptr = v.args[0] as Value;
    const value = v.args[1] as Value;
    const op = ALU_OF[value.op];
    if (
      op === undefined ||
      value.uses !== 1 ||
      value.block !== this.block ||
      this.vregs[value.id] !== 0
    )
      return false;
    const loadOp = v.op === Op.StoreAbs ? Op.LoadAbs : Op.Load;
    const same = (x: Value): boolean =>
      x.op === loadOp &&
      x.args[0] === ptr &&
      x.imm === v.imm &&
      x.size === v.size &&
      x.uses === 1 &&
      x.block === this.block &&
      this.vregs[x.id] === 0 &&
      this.colors[x.id] === this.color;
    let x: Value | undefined;
    if (same(value.args[0] as Value)) x = value.args[1];
    else if (value.op !== Op.Sub && same(value.args[1] as Value)) x = value.args[0];
    if (!x || x === (x === value.args[1] ? value.args[0] : value.args[1])) return false;
    const load = x === value.args[1] ? (value.args[0] as Value) : (value.args[1] as Value);
    const inst = new Inst(M.AluStore, v.size);
    inst.sub = op;
    const imm = immediate(x);
    if (imm !== undefined) {
      inst.hasImm = true;
      inst.imm = v.size === 1 ? (imm << 24) >> 24 : v.size === 2 ? (imm << 16) >> 16 : imm;
    } else this.use(inst, this.reg(x), Use.Reg);
    this.vregs[load.id] = -1;
    this.vregs[value.id] = -1;
    if (v.op === Op.StoreAbs) this.addressAbs(inst, ptr, v.imm, Use.Reg);
    else this.address(inst, ptr, v.imm, Use.Reg);
    this.put(inst);
    return true;
  }

  /** Trap unless the effective address of an atomic access is a multiple of its size. */
  private alignment(v: Value): void {
    if (v.size === 1) return;
    const inst = new Inst(M.CmpTrap, 4);
    inst.sub = CMP.Test;
    inst.cc = CC.NE;
    inst.aux = TrapKind.Unaligned;
    inst.hasImm = true;
    inst.imm = v.size - 1;
    let ptr = this.reg(v.args[0] as Value);
    if (v.imm % v.size !== 0) ptr = this.step(M.Alu, ALU.ADD, I32, ptr, v.imm % v.size);
    this.use(inst, ptr, Use.Reg);
    this.put(inst);
  }

  private memory(v: Value): void {
    switch (v.op) {
      case Op.AtomicStore: {
        this.alignment(v);
        const inst = new Inst(M.Xchg, v.size);
        this.use(inst, this.reg(v.args[1] as Value), Use.Any);
        this.address(inst, v.args[0] as Value, v.imm, Use.RegLate);
        this.defineSame(inst, this.out.vreg((v.args[1] as Value).type));
        this.put(inst);
        return;
      }
      case Op.AtomicRmw:
        this.atomicRmw(v);
        return;
      case Op.AtomicCmpxchg: {
        this.alignment(v);
        const inst = new Inst(M.Cmpxchg, v.size);
        const replacement = this.reg(v.args[2] as Value);
        this.useFixed(inst, v.args[1] as Value, RAX);
        this.use(inst, replacement, Use.RegMid);
        this.address(inst, v.args[0] as Value, v.imm, Use.RegMid);
        const old = this.out.vreg(v.type);
        this.defineFixed(inst, old, RAX);
        this.put(inst);
        this.narrowResult(v, old);
        return;
      }
      case Op.AtomicNotify: {
        this.alignment(v);
        // Nobody can wait on unshared memory: the access is checked and nobody is woken.
        const probe = new Inst(M.Load, 4);
        probe.imm = 4;
        this.address(probe, v.args[0] as Value, v.imm, Use.Reg);
        probe.dst = this.out.vreg(I32);
        this.put(probe);
        const inst = this.inst(M.MovImm, 8);
        inst.aux = 0n;
        this.define(inst, v);
        return;
      }
      case Op.Fence:
        this.inst(M.Fence, 0);
        return;
      case Op.MemorySize: {
        if (!this.o.growable) {
          const inst = this.inst(M.MovImm, 8);
          inst.aux = 65536n;
          this.define(inst, v);
          return;
        }
        const inst = this.inst(M.Load, 4);
        inst.imm = 4;
        inst.mem = this.symbolMem(PAGES_SYMBOL, 0);
        this.define(inst, v);
        return;
      }
      case Op.MemoryGrow:
        this.grow(v);
        return;
      case Op.MemoryCopy:
        this.helper(v, HELPER.copy, [RDI, RSI, RDX]);
        return;
      case Op.MemoryFill:
        this.helper(v, HELPER.fill, [RDI, RAX, RDX]);
        return;
      case Op.MemoryInit:
        this.helper(v, `${HELPER.init}${v.imm}`, [RDI, RSI, RDX]);
        return;
      case Op.DataDrop:
        this.helper(v, `${HELPER.drop}${v.imm}`, []);
        return;
      case Op.TableInit:
        this.helper(v, `${HELPER.tableInit}${v.imm}`, [RDI, RSI, RDX]);
        return;
      case Op.TableCopy:
        this.helper(v, HELPER.tableCopy, [RDI, RSI, RDX]);
        return;
      case Op.ElemDrop:
        this.helper(v, `${HELPER.elemDrop}${v.imm}`, []);
        return;
    }
    throw new Error(`no lowering for operation ${v.op}`);
  }

  private narrowResult(v: Value, old: number): void {
    if (v.size >= 4 && v.size === bytesOf(v.type)) {
      const inst = new Inst(M.Mov, v.size);
      this.use(inst, old, Use.Any);
      this.define(inst, v);
      this.out.hint(inst.dst, old);
      this.put(inst);
      return;
    }
    const inst = new Inst(M.Ext, v.size);
    inst.sub = 0;
    inst.imm = 4;
    this.use(inst, old, Use.Any);
    this.define(inst, v);
    this.put(inst);
  }

  private atomicRmw(v: Value): void {
    this.alignment(v);
    const operation = v.aux as string;
    let value = this.reg(v.args[1] as Value);
    const type = (v.args[1] as Value).type;
    const old = this.out.vreg(type);
    if (operation === "add" || operation === "sub" || operation === "xchg") {
      if (operation === "sub") {
        const neg = new Inst(M.Neg, bytesOf(type));
        this.use(neg, value, Use.Any);
        value = this.out.vreg(type);
        this.defineSame(neg, value);
        this.put(neg);
      }
      const inst = new Inst(operation === "xchg" ? M.Xchg : M.Xadd, v.size);
      this.use(inst, value, Use.Any);
      this.address(inst, v.args[0] as Value, v.imm, Use.RegLate);
      this.defineSame(inst, old);
      this.put(inst);
    } else {
      const inst = new Inst(M.RmwLoop, v.size);
      inst.sub = { and: ALU.AND, or: ALU.OR, xor: ALU.XOR }[operation] as number;
      this.use(inst, value, Use.RegLate);
      this.temp(inst, type);
      this.address(inst, v.args[0] as Value, v.imm, Use.RegLate);
      this.defineFixed(inst, old, RAX);
      inst.lateClobber = false;
      this.put(inst);
    }
    this.narrowResult(v, old);
  }

  private grow(v: Value): void {
    if (this.o.growable) {
      this.helper(v, HELPER.grow, [RDI]);
      return;
    }
    // The window is the memory: growing by 0 gives its size, by anything else -1.
    const test = new Inst(M.CmpSet, 4);
    test.sub = CMP.Test;
    test.cc = CC.NE;
    const pages = this.reg(v.args[0] as Value);
    this.use(test, pages, Use.Reg);
    this.use(test, pages, Use.Reg);
    test.dst = this.out.vreg(I32);
    this.put(test);
    const neg = new Inst(M.Neg, 4);
    this.use(neg, test.dst, Use.Any);
    this.defineSame(neg, this.out.vreg(I32));
    this.put(neg);
    const or = new Inst(M.Alu, 4);
    or.sub = ALU.OR;
    or.hasImm = true;
    or.imm = 65536;
    this.use(or, neg.dst, Use.Any);
    this.defineSame(or, this.vreg(v));
    this.put(or);
  }

  // Calls.

  private helper(v: Value, symbol: string, registers: number[]): void {
    this.o.helpers.add(symbol);
    const inst = new Inst(M.Call, 0);
    inst.aux = symbol;
    v.args.forEach((arg, i) => {
      this.useFixed(inst, arg, registers[i] as number);
    });
    inst.clobbers |= CALLER_SAVED_MASK;
    this.out.hasCalls = true;
    if (v.type !== 0) this.defineFixed(inst, this.vreg(v), RAX);
    this.put(inst);
  }

  private arguments(inst: Inst, signature: Signature, args: Value[]): void {
    const assignment = assignParams(signature.params);
    args.forEach((arg, i) => {
      const register = assignment.registers[i] as number;
      if (register >= 0) this.useFixed(inst, arg, register);
      else {
        const store = new Inst(M.StoreOut, 8);
        this.use(store, this.reg(arg), Use.Reg);
        store.imm = assignment.offsets[i] as number;
        this.put(store);
      }
    });
    const results = assignResults(signature.results, assignment.size);
    this.out.outgoing = Math.max(this.out.outgoing, results.size);
  }

  private finishCall(inst: Inst, v: Value, signature: Signature): void {
    inst.clobbers |= CALLER_SAVED_MASK;
    this.out.hasCalls = true;
    const results = assignResults(signature.results, 0);
    if (signature.results.length > 0 && (this.vregs[v.id] as number) > 0) {
      this.defineFixed(inst, this.vreg(v), results.registers[0] as number);
    }
    this.put(inst);
  }

  private call(v: Value): void {
    const target = v.aux as CallTarget;
    const inst = new Inst(M.Call, 0);
    inst.aux = target.symbol;
    this.arguments(inst, target.signature, v.args);
    this.finishCall(inst, v, target.signature);
    // A foreign function leaves the upper half of a 32-bit result undefined.
    if (target.func < 0 && v.type === I32 && inst.dst >= 0) {
      const raw = this.out.vreg(I32);
      const clear = new Inst(M.Zext32, 4);
      this.use(clear, raw, Use.Any);
      clear.dst = inst.dst;
      this.out.hint(raw, RAX);
      inst.dst = raw;
      this.put(clear);
    }
  }

  private result(v: Value): void {
    const call = v.args[0] as Value;
    const signature =
      call.op === Op.Call ? (call.aux as CallTarget).signature : (call.aux as Signature);
    const results = assignResults(signature.results, assignParams(signature.params).size);
    const register = results.registers[v.imm] as number;
    if (register >= 0) {
      const inst = new Inst(M.Mov, bytesOf(v.type));
      this.use(inst, register, Use.Reg);
      this.define(inst, v);
      this.out.hint(inst.dst, register);
      this.put(inst);
    } else {
      const inst = this.inst(M.LoadOut, bytesOf(v.type));
      inst.imm = results.offsets[v.imm] as number;
      this.define(inst, v);
    }
  }

  private fixedCode(v: Value): void {
    const code = v.aux as FixedCode;
    const inst = new Inst(M.Code, 0);
    inst.aux = code.bytes;
    v.args.forEach((arg, i) => {
      this.useFixed(inst, arg, code.args[i] as number);
    });
    for (const r of code.clobbers) inst.clobbers |= bit(r);
    if (code.result >= 0) {
      this.defineFixed(
        inst,
        (this.vregs[v.id] as number) > 0 ? this.vreg(v) : this.out.vreg(v.type),
        code.result,
      );
    }
    this.put(inst);
  }

  // Floats.

  private float(v: Value): void {
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
        if (
          commutative &&
          (this.foldable(x, size) || x.op === Op.Const) &&
          !this.foldable(y, size)
        ) {
          const t = x;
          x = y;
          y = t;
        }
        const inst = new Inst(M.FAlu, size);
        inst.sub = FALU_OF[v.op] as number;
        this.use(inst, this.reg(x), Use.Any);
        this.floatOperand(inst, y, commutative ? Use.Any : Use.AnyLate);
        // A folded load's address must survive the move of the first operand.
        this.defineSame(inst, this.vreg(v));
        this.put(inst);
        return;
      }
      case Op.FMin:
      case Op.FMax:
      case Op.FCopysign: {
        const inst = new Inst(v.op === Op.FCopysign ? M.FCopysign : M.FMinMax, size);
        inst.sub = v.op === Op.FMin ? 0x5d : 0x5f;
        this.use(inst, this.reg(a), Use.Any);
        this.use(inst, this.reg(v.args[1] as Value), Use.RegLate);
        this.defineSame(inst, this.vreg(v));
        this.put(inst);
        return;
      }
      case Op.FAbs:
      case Op.FNeg: {
        const inst = new Inst(M.FMask, size);
        this.o.pool.used = true;
        const abs = v.op === Op.FAbs;
        inst.sub = abs ? 0x54 : 0x57;
        inst.imm = size === 8 ? (abs ? MASK.Abs64 : MASK.Sign64) : abs ? MASK.Abs32 : MASK.Sign32;
        this.use(inst, this.reg(a), Use.Any);
        this.defineSame(inst, this.vreg(v));
        this.put(inst);
        return;
      }
      case Op.FSqrt:
      case Op.Demote:
      case Op.Promote: {
        const inst = new Inst(M.FUnary, bytesOf(a.type));
        inst.sub = v.op === Op.FSqrt ? 0x51 : 0x5a;
        this.floatOperand(inst, a, Use.Any);
        this.define(inst, v);
        this.put(inst);
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
        inst.aux = this.o.features.sse41;
        this.use(inst, this.reg(a), Use.RegLate);
        this.define(inst, v);
        this.put(inst);
        return;
      }
      case Op.Trunc:
      case Op.TruncSat: {
        const inst = new Inst(M.ToInt, bytesOf(a.type));
        inst.sub = v.sub;
        inst.imm = size;
        inst.aux = v.op === Op.TruncSat;
        this.use(inst, this.reg(a), Use.RegLate);
        // Unused results still trap.
        inst.dst = (this.vregs[v.id] as number) > 0 ? this.vreg(v) : this.out.vreg(v.type);
        this.put(inst);
        return;
      }
      case Op.Convert: {
        const inst = new Inst(M.FromInt, size);
        inst.sub = v.sub;
        // A zero-extended i32 converts as a signed 64-bit number.
        const unsigned32 = a.type === I32 && v.sub === 0;
        inst.imm = a.type === I64 || unsigned32 ? 8 : 4;
        if (unsigned32) inst.sub = 1;
        this.use(inst, this.reg(a), Use.RegLate);
        if (inst.sub === 0) this.temp(inst, I64);
        this.define(inst, v);
        this.put(inst);
        return;
      }
      case Op.Bitcast: {
        const inst = new Inst(M.Bitcast, size);
        inst.sub = v.type >= F32 ? 0 : 1;
        this.use(inst, this.reg(a), Use.Reg);
        this.define(inst, v);
        this.put(inst);
        return;
      }
    }
    throw new Error(`no lowering for operation ${v.op}`);
  }
}

export function lowerFunction(f: Func, options: LowerOptions): LFunc {
  return new Lowering(f, options).run();
}
