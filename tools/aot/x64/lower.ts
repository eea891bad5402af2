// Instruction selection: IR → machine instructions over virtual registers, backwards in each block.
// May assume an optimized function: blocks numbered with dominators first, uses counted, no critical
// edges. Guarantees that each value used has one definition, and each operand a constraint that the
// allocator can meet with five registers of a class.

import { foldICmp } from "../ir/fold.ts";
import {
  type Block,
  F32,
  type Func,
  I64,
  isConst,
  isRemovable,
  type Loop,
  Op,
  type Value,
} from "../ir/ir.ts";
import { Inst, LBlock, type LFunc, type LLoop, predecessorIndex, Use } from "../regalloc/lir.ts";
import { R15, RAX, RDX } from "./encoder.ts";
import {
  selectCall,
  selectCallIndirect,
  selectFixedCode,
  selectParams,
  selectResult,
  selectReturn,
  selectTailCall,
} from "./lower/calls.ts";
import { selectCompare, selectSelect } from "./lower/compare.ts";
import { selectFloat } from "./lower/float.ts";
import {
  selectAdd,
  selectAlu,
  selectDivide,
  selectExtend,
  selectMul,
  selectPopcnt,
  selectShift,
} from "./lower/integer.ts";
import {
  readModifyWrite,
  selectLoad,
  selectMemory,
  selectStore,
  storeValue,
} from "./lower/memory.ts";
import {
  bit,
  bytesOf,
  type FixedCode,
  type GlobalPlace,
  type LowerOptions,
  Selection,
} from "./lower/operands.ts";
import { selectVector } from "./lower/vector.ts";
import { M } from "./machine.ts";

/** Instructions that no load may be moved across. */
function isBarrier(v: Value): boolean {
  return !isRemovable(v) && v.op !== Op.Load;
}

/** The number of the successor to which the branch of `join` goes when `join` was reached from predecessor `i`, or -1. */
function wayFrom(f: Func, join: Block, i: number): number {
  const term = join.term as Value;
  const asked = term.args[0];
  if (term.op !== Op.Br || asked?.op !== Op.ICmp) return -1;
  const [a, b] = asked.args.map((v) =>
    v.op === Op.Phi && v.block === join ? (v.args[i] as Value) : v,
  ) as [Value, Value];
  if (!isConst(a) || !isConst(b)) return -1;
  const holds = foldICmp(f, asked.sub, a, b, () => asked);
  return holds.imm !== 0 ? 0 : 1;
}

function selectFunction(s: Selection): LFunc {
  const { f, out } = s;
  out.blocks = f.blocks.map((b) => {
    const block = new LBlock(b.index);
    block.depth = b.depth;
    return block;
  });
  for (const b of f.blocks) {
    const block = out.blocks[b.index] as LBlock;
    block.preds = b.preds.map((p) => out.blocks[p.index] as LBlock);
    if (block.preds.length > 1) {
      block.preds.forEach((pred, i) => {
        pred.edge = i;
        pred.ahead = wayFrom(f, b, i);
      });
    }
    block.succs = b.succs.map((s) => out.blocks[s.index] as LBlock);
    let color = 0;
    for (const v of b.insts) {
      s.colors[v.id] = color;
      if (isBarrier(v)) color++;
    }
    s.colors[(b.term as Value).id] = color;
  }
  const loops = new Map<Loop, LLoop>();
  for (const loop of f.loops) {
    const parent = loop.parent && loops.get(loop.parent);
    loops.set(loop, { header: loop.header.index, last: loop.last, parent });
  }
  out.loops = [...loops.values()];
  for (const b of f.blocks) {
    if (b.loop) (out.blocks[b.index] as LBlock).loop = loops.get(b.loop);
  }
  for (let i = f.blocks.length - 1; i >= 0; i--) selectBlock(s, f.blocks[i] as Block);
  for (const b of f.blocks) {
    const block = out.blocks[b.index] as LBlock;
    block.phis = [];
    for (const phi of b.phis) {
      const dst = s.vregs[phi.id] as number;
      if (dst === 0) continue;
      const args = phi.args.map((arg) => s.code(arg));
      block.phis.push({ dst, args });
      for (const arg of args) {
        out.hint(arg, dst);
        out.hint(dst, arg);
      }
    }
  }
  out.values = s.vregs;
  return out;
}

function selectBlock(s: Selection, b: Block): void {
  s.block = b;
  const reversed: Inst[] = [];
  const flush = (): void => {
    for (let i = s.group.length - 1; i >= 0; i--) reversed.push(s.group[i] as Inst);
    s.group = [];
  };
  for (const succ of b.succs) {
    const into = s.out.blocks[succ.index] as LBlock;
    const p = predecessorIndex(s.out.blocks[b.index] as LBlock, into);
    for (const phi of succ.phis) s.code(phi.args[p] as Value);
  }
  const term = b.term as Value;
  s.pos = term.pos;
  s.color = s.colors[term.id] as number;
  selectTerminator(s, term);
  flush();
  for (let i = b.insts.length - 1; i >= 0; i--) {
    const v = b.insts[i] as Value;
    if (s.vregs[v.id] === 0 && isRemovable(v)) continue;
    if ((s.vregs[v.id] as number) < 0) continue;
    s.pos = v.pos;
    s.color = s.colors[v.id] as number;
    selectInstruction(s, v);
    flush();
  }
  if (b.index === 0) {
    selectParams(s);
    flush();
  }
  (s.out.blocks[b.index] as LBlock).insts = reversed.reverse();
}

function selectTerminator(s: Selection, term: Value): void {
  switch (term.op) {
    case Op.Jump:
      s.inst(M.Jump, 0);
      return;
    case Op.Br: {
      const inst = new Inst(M.CmpBr, 4);
      selectCompare(s, inst, term.args[0] as Value);
      s.put(inst);
      return;
    }
    case Op.Switch: {
      const inst = new Inst(M.Switch, 4);
      s.use(inst, s.reg(term.args[0] as Value), Use.RegLate);
      s.temp(inst, I64);
      s.temp(inst, I64);
      inst.aux = term.aux;
      s.put(inst);
      return;
    }
    case Op.Return:
      selectReturn(s, term);
      return;
    case Op.TailCall:
    case Op.TailCallIndirect:
      selectTailCall(s, term);
      return;
    case Op.Trap: {
      s.inst(M.Trap, 0).sub = term.sub;
      return;
    }
  }
}

function selectInstruction(s: Selection, v: Value): void {
  switch (v.op) {
    case Op.ExtendU:
    case Op.Param:
      return;
    case Op.Add:
      selectAdd(s, v);
      return;
    case Op.Sub:
    case Op.And:
    case Op.Or:
    case Op.Xor:
      selectAlu(s, v);
      return;
    case Op.Mul:
      selectMul(s, v);
      return;
    case Op.Shl:
    case Op.ShrS:
    case Op.ShrU:
    case Op.Rotl:
    case Op.Rotr:
      selectShift(s, v);
      return;
    case Op.DivS:
    case Op.DivU:
    case Op.RemS:
    case Op.RemU:
      selectDivide(s, v);
      return;
    case Op.MulHiU:
    case Op.MulHiS: {
      const inst = new Inst(M.MulHi, bytesOf(v.type));
      inst.sub = v.op === Op.MulHiS ? 1 : 0;
      s.useFixed(inst, v.args[0] as Value, RAX);
      s.use(inst, s.reg(v.args[1] as Value), Use.AnyMid);
      inst.clobbers |= bit(RAX);
      s.defineFixed(inst, s.vreg(v), RDX);
      s.put(inst);
      return;
    }
    case Op.Bswap: {
      const inst = new Inst(M.Bswap, bytesOf(v.type));
      s.use(inst, s.low(v.args[0] as Value), Use.Any);
      s.defineSame(inst, s.vreg(v));
      s.put(inst);
      return;
    }
    case Op.Clz:
    case Op.Ctz: {
      const inst = new Inst(v.op === Op.Clz ? M.Clz : M.Ctz, bytesOf(v.type));
      s.use(inst, s.reg(v.args[0] as Value), Use.Any);
      s.define(inst, v);
      s.put(inst);
      return;
    }
    case Op.Popcnt:
      selectPopcnt(s, v);
      return;
    case Op.ICmp:
    case Op.FCmp: {
      const inst = new Inst(M.CmpSet, 4);
      selectCompare(s, inst, v);
      s.define(inst, v);
      s.put(inst);
      return;
    }
    case Op.Wrap: {
      if (s.isFreeWrap(v)) return;
      const inst = new Inst(M.Zext32, 4);
      s.use(inst, s.reg(v.args[0] as Value), Use.Any);
      s.define(inst, v);
      s.put(inst);
      return;
    }
    case Op.ExtendS:
      selectExtend(s, v, v.args[0] as Value, 4, 1, 8);
      return;
    case Op.Sext:
      selectExtend(s, v, v.args[0] as Value, v.size, 1, bytesOf(v.type));
      return;
    case Op.Select:
      selectSelect(s, v);
      return;
    case Op.Load:
    case Op.LoadAbs:
    case Op.AtomicLoad:
      selectLoad(s, v);
      return;
    case Op.Store:
    case Op.StoreAbs:
      selectStore(s, v);
      return;
    case Op.GlobalGet: {
      const isFloat = v.type >= F32;
      const inst = s.inst(isFloat ? M.FLoad : M.Load, bytesOf(v.type));
      inst.imm = bytesOf(v.type);
      inst.mem = s.globalMem(v);
      s.define(inst, v);
      return;
    }
    case Op.GlobalSet: {
      if (readModifyWrite(s, v)) return;
      const value = v.args[0] as Value;
      const inst = new Inst(value.type >= F32 ? M.FStore : M.Store, bytesOf(value.type));
      storeValue(s, inst, value);
      inst.mem = s.globalMem(v);
      s.put(inst);
      return;
    }
    case Op.Call:
      selectCall(s, v);
      return;
    case Op.CallIndirect:
      selectCallIndirect(s, v);
      return;
    case Op.Result:
      selectResult(s, v);
      return;
    case Op.Intrinsic:
      selectFixedCode(s, v);
      return;
    case Op.SymbolAddress: {
      const inst = s.inst(M.SymbolAddress, 8);
      inst.aux = v.aux;
      s.define(inst, v);
      return;
    }
    case Op.WindowBase: {
      const inst = new Inst(M.Mov, 8);
      s.use(inst, R15, Use.Reg);
      s.define(inst, v);
      s.put(inst);
      return;
    }
  }
  if (v.op === Op.Vector) selectVector(s, v);
  else if (v.op >= Op.FAdd && v.op <= Op.Bitcast) selectFloat(s, v);
  else selectMemory(s, v);
}

/** Selects instructions for an optimized function. */
export function lowerFunction(f: Func, options: LowerOptions): LFunc {
  return selectFunction(new Selection(f, options));
}

export type { FixedCode, GlobalPlace, LowerOptions };
