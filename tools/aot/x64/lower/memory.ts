// Selection of memory instructions: loads, stores, read-modify-write, atomics, and the calls of the
// routines behind bulk operations and memory.grow.

import { constBig } from "../../ir/fold.ts";
import { F32, I32, I64, Op, TrapKind, type Value } from "../../ir/ir.ts";
import { Inst, Use } from "../../regalloc/lir.ts";
import { ALU, CC, RAX, RDI, RDX, RSI } from "../encoder.ts";
import { CALLER_SAVED_MASK, CMP, M } from "../machine.ts";
import { HELPER, PAGES_SYMBOL } from "../symbols.ts";
import { LowerInteger } from "./integer.ts";
import { ALU_OF, bytesOf, immediate } from "./operands.ts";

export class LowerMemory extends LowerInteger {
  protected load(v: Value): void {
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
  protected storeValue(inst: Inst, value: Value): void {
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

  protected store(v: Value): void {
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
  protected readModifyWrite(v: Value): boolean {
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
  protected alignment(v: Value): void {
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

  protected memory(v: Value): void {
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

  protected narrowResult(v: Value, old: number): void {
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

  protected atomicRmw(v: Value): void {
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

  protected grow(v: Value): void {
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

  protected helper(v: Value, symbol: string, registers: number[]): void {
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
}
