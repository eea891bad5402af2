// Selection of memory instructions: loads, stores, read-modify-write, atomics, and the calls of the
// routines behind bulk operations and memory.grow.

import { constBig } from "../../ir/fold.ts";
import { F32, I32, I64, Op, TrapKind, V128, type Value } from "../../ir/ir.ts";
import { Inst, Use } from "../../regalloc/lir.ts";
import { ALU, CC, RAX, RDI, RDX, RSI } from "../encoder.ts";
import { CALLER_SAVED_MASK, CMP, M } from "../machine.ts";
import { HELPER, helperName, PAGES_SYMBOL } from "../symbols.ts";
import { ALU_OF, bytesOf, immediate, type Selection } from "./operands.ts";

export function selectLoad(s: Selection, v: Value): void {
  const isFloat = v.type >= F32;
  if (v.op === Op.AtomicLoad) checkAlignment(s, v);
  const inst = new Inst(isFloat ? M.FLoad : M.Load, v.size);
  inst.sub = v.sub;
  inst.imm = bytesOf(v.type);
  if (v.op === Op.LoadAbs) s.addressAbs(inst, v.args[0] as Value, v.imm, Use.Reg);
  else s.address(inst, v.args[0] as Value, v.imm, Use.Reg, v.exact);
  s.define(inst, v);
  s.put(inst);
}

/** Value operand of a store: an immediate where it has the form, else a register. */
export function storeValue(s: Selection, inst: Inst, value: Value): void {
  const imm =
    value.type === I64 && inst.size < 8 && value.op === Op.Const
      ? Number(BigInt.asIntN(32, value.big))
      : immediate(value);
  if (imm !== undefined) {
    inst.hasImm = true;
    inst.imm = imm;
    return;
  }
  if (value.type >= F32 && value.type !== V128 && value.op === Op.Const) {
    // A float constant is stored as the integer with its bits.
    inst.op = M.Store;
    const bits = s.f.bits(value.type === F32 ? I32 : I64, value.big);
    const asImm = immediate(bits);
    if (asImm !== undefined) {
      inst.hasImm = true;
      inst.imm = asImm;
      return;
    }
    s.use(inst, s.reg(bits), Use.Reg);
    return;
  }
  s.use(inst, inst.size <= 4 ? s.low(value) : s.reg(value), Use.Reg);
}

export function selectStore(s: Selection, v: Value): void {
  const ptr = v.args[0] as Value;
  let value = v.args[1] as Value;
  if (readModifyWrite(s, v)) return;
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
  storeValue(s, inst, value);
  if (v.op === Op.StoreAbs) s.addressAbs(inst, ptr, v.imm, Use.Reg);
  else s.address(inst, ptr, v.imm, Use.Reg, v.exact);
  s.put(inst);
}

/**
 * `store(p, op(load(p), x))` as one instruction with a memory destination; the same for a global, which
 * GlobalSet stores to.
 */
export function readModifyWrite(s: Selection, v: Value): boolean {
  const isGlobal = v.op === Op.GlobalSet;
  const ptr = v.args[0] as Value;
  const value = (isGlobal ? ptr : v.args[1]) as Value;
  const size = isGlobal ? bytesOf(value.type) : v.size;
  const op = ALU_OF[value.op];
  if (op === undefined || value.uses !== 1 || value.block !== s.block || s.vregs[value.id] !== 0)
    return false;
  const loadOp = isGlobal ? Op.GlobalGet : v.op === Op.StoreAbs ? Op.LoadAbs : Op.Load;
  const same = (x: Value): boolean =>
    x.op === loadOp &&
    (isGlobal || x.args[0] === ptr) &&
    x.imm === v.imm &&
    x.size === v.size &&
    x.uses === 1 &&
    x.block === s.block &&
    s.vregs[x.id] === 0 &&
    s.colors[x.id] === s.color;
  let x: Value | undefined;
  if (same(value.args[0] as Value)) x = value.args[1];
  else if (value.op !== Op.Sub && same(value.args[1] as Value)) x = value.args[0];
  if (!x || x === (x === value.args[1] ? value.args[0] : value.args[1])) return false;
  const load = x === value.args[1] ? (value.args[0] as Value) : (value.args[1] as Value);
  const inst = new Inst(M.AluStore, size);
  inst.sub = op;
  const imm = immediate(x);
  if (imm !== undefined) {
    inst.hasImm = true;
    inst.imm = size === 1 ? (imm << 24) >> 24 : size === 2 ? (imm << 16) >> 16 : imm;
  } else s.use(inst, s.reg(x), Use.Reg);
  s.vregs[load.id] = -1;
  s.vregs[value.id] = -1;
  if (isGlobal) inst.mem = s.globalMem(v);
  else if (v.op === Op.StoreAbs) s.addressAbs(inst, ptr, v.imm, Use.Reg);
  else s.address(inst, ptr, v.imm, Use.Reg, v.exact);
  s.put(inst);
  return true;
}

/** Trap unless the effective address of an atomic access is a multiple of its size. */
function checkAlignment(s: Selection, v: Value): void {
  if (v.size === 1) return;
  const inst = new Inst(M.CmpTrap, 4);
  inst.sub = CMP.Test;
  inst.cc = CC.NE;
  inst.aux = TrapKind.Unaligned;
  inst.hasImm = true;
  inst.imm = v.size - 1;
  let ptr = s.reg(v.args[0] as Value);
  if (v.imm % v.size !== 0) ptr = s.step(M.Alu, ALU.ADD, I32, ptr, v.imm % v.size);
  s.use(inst, ptr, Use.Reg);
  s.put(inst);
}

export function selectMemory(s: Selection, v: Value): void {
  switch (v.op) {
    case Op.AtomicStore: {
      checkAlignment(s, v);
      const inst = new Inst(M.Xchg, v.size);
      s.use(inst, s.reg(v.args[1] as Value), Use.Any);
      s.address(inst, v.args[0] as Value, v.imm, Use.RegLate);
      s.defineSame(inst, s.out.vreg((v.args[1] as Value).type));
      s.put(inst);
      return;
    }
    case Op.AtomicRmw:
      selectAtomicRmw(s, v);
      return;
    case Op.AtomicCmpxchg: {
      checkAlignment(s, v);
      const inst = new Inst(M.Cmpxchg, v.size);
      const replacement = s.reg(v.args[2] as Value);
      s.useFixed(inst, v.args[1] as Value, RAX);
      s.use(inst, replacement, Use.RegMid);
      s.address(inst, v.args[0] as Value, v.imm, Use.RegMid);
      const old = s.out.vreg(v.type);
      s.defineFixed(inst, old, RAX);
      s.put(inst);
      narrowResult(s, v, old);
      return;
    }
    case Op.AtomicNotify: {
      checkAlignment(s, v);
      // Nobody can wait on unshared memory: the access is checked and nobody is woken.
      const probe = new Inst(M.Load, 4);
      probe.imm = 4;
      s.address(probe, v.args[0] as Value, v.imm, Use.Reg);
      probe.dst = s.out.vreg(I32);
      s.put(probe);
      const inst = s.inst(M.MovImm, 8);
      inst.aux = 0n;
      s.define(inst, v);
      return;
    }
    case Op.Fence:
      s.inst(M.Fence, 0);
      return;
    case Op.MemorySize: {
      if (s.o.fixedPages !== undefined) {
        const inst = s.inst(M.MovImm, 8);
        inst.aux = BigInt(s.o.fixedPages);
        s.define(inst, v);
        return;
      }
      const inst = s.inst(M.Load, 4);
      inst.imm = 4;
      inst.mem = s.symbolMem(PAGES_SYMBOL, 0);
      s.define(inst, v);
      return;
    }
    case Op.MemoryGrow:
      selectGrow(s, v);
      return;
    case Op.MemoryCopy:
      callHelper(s, v, HELPER.copy, [RDI, RSI, RDX]);
      return;
    case Op.MemoryFill:
      callHelper(s, v, HELPER.fill, [RDI, RAX, RDX]);
      return;
    case Op.MemoryInit:
      callHelper(s, v, helperName(HELPER.init, v.imm), [RDI, RSI, RDX]);
      return;
    case Op.DataDrop:
      callHelper(s, v, helperName(HELPER.drop, v.imm), []);
      return;
    case Op.TableInit:
      callHelper(s, v, helperName(HELPER.tableInit, v.imm, v.aux as number), [RDI, RSI, RDX]);
      return;
    case Op.TableCopy:
      callHelper(s, v, helperName(HELPER.tableCopy, v.imm, v.aux as number), [RDI, RSI, RDX]);
      return;
    case Op.TableFill:
      callHelper(s, v, helperName(HELPER.tableFill, v.imm), [RDI, RSI, RDX]);
      return;
    case Op.TableGrow:
      callHelper(s, v, helperName(HELPER.tableGrow, v.imm), [RSI, RDX]);
      return;
    case Op.ElemDrop:
      callHelper(s, v, helperName(HELPER.elemDrop, v.imm), []);
      return;
  }
  throw new Error(`no lowering for operation ${v.op}`);
}

function narrowResult(s: Selection, v: Value, old: number): void {
  if (v.size >= 4 && v.size === bytesOf(v.type)) {
    const inst = new Inst(M.Mov, v.size);
    s.use(inst, old, Use.Any);
    s.define(inst, v);
    s.out.hint(inst.dst, old);
    s.put(inst);
    return;
  }
  const inst = new Inst(M.Ext, v.size);
  inst.sub = 0;
  inst.imm = 4;
  s.use(inst, old, Use.Any);
  s.define(inst, v);
  s.put(inst);
}

function selectAtomicRmw(s: Selection, v: Value): void {
  checkAlignment(s, v);
  const operation = v.aux as string;
  let value = s.reg(v.args[1] as Value);
  const type = (v.args[1] as Value).type;
  const old = s.out.vreg(type);
  if (operation === "add" || operation === "sub" || operation === "xchg") {
    if (operation === "sub") {
      const neg = new Inst(M.Neg, bytesOf(type));
      s.use(neg, value, Use.Any);
      value = s.out.vreg(type);
      s.defineSame(neg, value);
      s.put(neg);
    }
    const inst = new Inst(operation === "xchg" ? M.Xchg : M.Xadd, v.size);
    s.use(inst, value, Use.Any);
    s.address(inst, v.args[0] as Value, v.imm, Use.RegLate);
    s.defineSame(inst, old);
    s.put(inst);
  } else {
    const inst = new Inst(M.RmwLoop, v.size);
    inst.sub = { and: ALU.AND, or: ALU.OR, xor: ALU.XOR }[operation] as number;
    s.use(inst, value, Use.RegLate);
    s.temp(inst, type);
    s.address(inst, v.args[0] as Value, v.imm, Use.RegLate);
    s.defineFixed(inst, old, RAX);
    inst.lateClobber = false;
    s.put(inst);
  }
  narrowResult(s, v, old);
}

function selectGrow(s: Selection, v: Value): void {
  if (s.o.fixedPages === undefined) {
    callHelper(s, v, HELPER.grow, [RDI]);
    return;
  }
  // Growing by 0 gives the size, by anything else -1.
  const test = new Inst(M.CmpSet, 4);
  test.sub = CMP.Test;
  test.cc = CC.NE;
  const pages = s.reg(v.args[0] as Value);
  s.use(test, pages, Use.Reg);
  s.use(test, pages, Use.Reg);
  test.dst = s.out.vreg(I32);
  s.put(test);
  const neg = new Inst(M.Neg, 4);
  s.use(neg, test.dst, Use.Any);
  s.defineSame(neg, s.out.vreg(I32));
  s.put(neg);
  const or = new Inst(M.Alu, 4);
  or.sub = ALU.OR;
  or.hasImm = true;
  or.imm = s.o.fixedPages;
  s.use(or, neg.dst, Use.Any);
  s.defineSame(or, s.vreg(v));
  s.put(or);
}

function callHelper(s: Selection, v: Value, symbol: string, registers: number[]): void {
  s.o.helpers.add(symbol);
  const inst = new Inst(M.Call, 0);
  inst.aux = symbol;
  v.args.forEach((arg, i) => {
    s.useFixed(inst, arg, registers[i] as number);
  });
  inst.clobbers |= CALLER_SAVED_MASK;
  s.out.hasCalls = true;
  if (v.type !== 0 && (s.vregs[v.id] as number) > 0) s.defineFixed(inst, s.vreg(v), RAX);
  s.put(inst);
}
