import {
  type Block,
  F32,
  type Func,
  I64,
  isRemovable,
  type Loop,
  Op,
  type Signature,
  type Value,
} from "../ir/ir.ts";
import { Inst, LBlock, type LFunc, type LLoop, Use } from "../regalloc/lir.ts";
import { R15, RAX, RDX } from "./encoder.ts";
import { LowerFloat } from "./lower/float.ts";
import { bit, bytesOf, type FixedCode, type LowerOptions } from "./lower/operands.ts";
import { assignParams, assignResults, M } from "./machine.ts";
import { GLOBALS_SYMBOL } from "./symbols.ts";

/** Instructions that no load may be moved across. */
function isBarrier(v: Value): boolean {
  return !isRemovable(v) && v.op !== Op.Load;
}

export class Lowering extends LowerFloat {
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
    const loops = new Map<Loop, LLoop>();
    for (const loop of f.loops) {
      const parent = loop.parent && loops.get(loop.parent);
      loops.set(loop, { header: loop.header.index, last: loop.last, parent });
    }
    out.loops = [...loops.values()];
    for (const b of f.blocks) {
      if (b.loop) (out.blocks[b.index] as LBlock).loop = loops.get(b.loop);
    }
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

  protected lowerBlock(b: Block): void {
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

  protected terminator(term: Value): void {
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

  protected instruction(v: Value): void {
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
}

export function lowerFunction(f: Func, options: LowerOptions): LFunc {
  return new Lowering(f, options).run();
}

export type { FixedCode, LowerOptions };
