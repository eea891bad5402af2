// Code emission: allocated machine instructions → bytes. Frame layout from RSP up: outgoing
// arguments, spill slots, saved registers, return address, incoming arguments. Every function is
// emitted twice: the first pass measures block distances, the second uses short branches.

import { F32, F64, I32, I64, TrapKind } from "../ir/ir.ts";
import { FIRST_SLOT, type Inst, type LBlock, type LFunc } from "../regalloc/lir.ts";
import type { Allocation } from "../regalloc/resolve.ts";
import { EmitFloat } from "./emit/float.ts";
import type { EmitContext, JumpTable } from "./emit/operands.ts";
import { type Address, ALU, at, CC, R10, RAX, RSP, SHIFT } from "./encoder.ts";
import { branchTargets, layoutBlocks } from "./layout.ts";
import { CC_FEQ, CC_FNE, M } from "./machine.ts";
import { emitMove, emitParallelMoves, loadFloatConstant } from "./moves.ts";
import { JUMP_TABLE_SYMBOL, TABLE_SYMBOL } from "./symbols.ts";

class FunctionEmitter extends EmitFloat {
  run(): void {
    const { c, e } = this;
    const marks = {
      fixups: e.fixups.length,
      traps: c.traps.length,
      positions: c.positions.length,
      jumpTables: c.jumpTables.length,
      jumpTableSize: c.jumpTableSize,
    };
    this.pass();
    if (this.fixups.length > 0) {
      // Rewind and emit again with the distances known.
      e.length = this.start;
      e.fixups.length = marks.fixups;
      c.traps.length = marks.traps;
      c.positions.length = marks.positions;
      c.jumpTables.length = marks.jumpTables;
      c.jumpTableSize = marks.jumpTableSize;
      this.measured = { blocks: this.blockOffset, branches: this.branchEnds };
      this.blockOffset = new Int32Array(this.f.blocks.length);
      this.emitted.fill(0);
      this.branchCount = 0;
      this.fixups = [];
      this.trapJumps = [];
      this.pass();
    }
    for (const { offset, target, short } of this.fixups) {
      const distance = (this.blockOffset[target.index] as number) - (offset + (short ? 1 : 4));
      if (short) e.bytes[offset] = distance & 0xff;
      else e.patch32(offset, distance);
    }
    for (let t = marks.jumpTables; t < c.jumpTables.length; t++) {
      const table = c.jumpTables[t] as JumpTable;
      table.targets = table.targets.map((index) => this.blockOffset[index] as number);
    }
  }

  protected pass(): void {
    const { e } = this;
    for (const r of this.saved) e.push(r);
    if (this.frame > 0) e.aluRI(8, ALU.SUB, RSP, this.frame);
    this.order.forEach((block, i) => {
      this.next = this.order[i + 1];
      this.blockOffset[block.index] = e.length;
      this.emitted[block.index] = 1;
      this.k = block.first;
      for (const inst of block.insts) {
        const stages = this.a.moves.get(this.k);
        if (stages)
          for (const stage of stages) if (stage.length > 0) emitParallelMoves(this, stage);
        this.mark(inst.pos);
        this.instruction(inst, block);
        this.k++;
      }
    });
    this.emitTraps();
  }

  protected emitTraps(): void {
    const sites = new Map<string, number>();
    for (const { offset, kind, pos } of this.trapJumps) {
      const key = `${kind}.${pos}`;
      let site = sites.get(key);
      if (site === undefined) {
        site = this.e.length;
        sites.set(key, site);
        this.mark(pos);
        this.c.traps.push({ offset: site, kind, pos });
        this.e.ud2();
      }
      this.e.patch32(offset, site - (offset + 4));
    }
  }

  protected branch(cc: number, target: LBlock): void {
    const { e } = this;
    let short = false;
    if (this.measured) {
      // Behind us offsets are exact; ahead, distances only shrink between the passes.
      const distance = this.emitted[target.index]
        ? (this.blockOffset[target.index] as number) - (e.length + 2)
        : (this.measured.blocks[target.index] as number) -
          (this.measured.branches[this.branchCount] as number);
      short = distance >= -128 && distance <= 127;
    }
    this.branchCount++;
    if (short) {
      e.u8(cc < 0 ? 0xeb : 0x70 | cc);
      this.fixups.push({ offset: e.length, target, short: true });
      e.u8(0);
    } else {
      if (cc >= 0) e.u8(0x0f);
      e.u8(cc < 0 ? 0xe9 : 0x80 | cc);
      this.fixups.push({ offset: e.length, target, short: false });
      e.u32(0);
    }
    if (!this.measured) this.branchEnds.push(e.length);
  }

  protected jump(target: LBlock): void {
    if (target !== this.next) this.branch(-1, target);
  }

  protected branches(cc: number, yes: LBlock, no: LBlock): void {
    if (yes === no) {
      this.jump(yes);
      return;
    }
    if (cc === CC_FEQ) {
      this.branches(CC_FNE, no, yes);
      return;
    }
    if (cc === CC_FNE) {
      // Different or unordered: ZF clear, or PF set.
      this.branch(CC.NE, yes);
      this.branch(CC.P, yes);
      this.jump(no);
      return;
    }
    if (yes === this.next) this.branch(cc ^ 1, no);
    else {
      this.branch(cc, yes);
      this.jump(no);
    }
  }

  protected instruction(inst: Inst, block: LBlock): void {
    const { e } = this;
    const { op, size } = inst;
    switch (op) {
      case M.Mov: {
        const from = this.loc(inst, 0);
        const to = this.dst(inst);
        if (from !== to) emitMove(this, from, to, this.typeOf(inst.dst, I64));
        return;
      }
      case M.MovImm:
        e.movImm(this.dst(inst), inst.aux as bigint);
        return;
      case M.Zext32: {
        const from = this.loc(inst, 0);
        if (from >= FIRST_SLOT) e.load(4, false, 4, this.dst(inst), this.slot(from));
        else e.movRR(4, this.dst(inst), from);
        return;
      }
      case M.FConst:
        loadFloatConstant(this, this.dst(inst), inst.aux as bigint, size);
        return;
      case M.Add:
        this.add(inst);
        return;
      case M.Alu:
      case M.Imul:
        this.alu(inst);
        return;
      case M.Lea:
        e.lea(size, this.dst(inst), this.mem(inst));
        return;
      case M.ImulImm: {
        const from = this.loc(inst, 0);
        const to = this.dst(inst);
        const short = inst.imm >= -128 && inst.imm <= 127;
        if (from >= FIRST_SLOT)
          e.rm(0, size === 8, short ? 0x6b : 0x69, to, this.slot(from), short ? 1 : 4);
        else e.rr(0, size === 8, short ? 0x6b : 0x69, to, from);
        if (short) e.u8(inst.imm & 0xff);
        else e.u32(inst.imm);
        return;
      }
      case M.ShiftImm:
        this.place(inst, true);
        e.shiftImm(size, inst.sub, this.dst(inst), inst.imm);
        return;
      case M.ShiftCl:
        this.place(inst, true);
        e.shiftCl(size, inst.sub, this.dst(inst));
        return;
      case M.Neg:
      case M.Not:
        this.place(inst, true);
        e.group3(size, op === M.Neg ? 3 : 2, this.dst(inst));
        return;
      case M.Div:
        this.divide(inst);
        return;
      case M.MulHi: {
        this.place(inst, false);
        const b = this.loc(inst, 1);
        if (b >= FIRST_SLOT) e.group3M(size, inst.sub ? 5 : 4, this.slot(b));
        else e.group3(size, inst.sub ? 5 : 4, b);
        this.deliver(inst);
        return;
      }
      case M.Clz:
      case M.Ctz: {
        const to = this.dst(inst);
        const bits = size * 8;
        this.unary(inst, op === M.Clz ? 0x0fbd : 0x0fbc);
        // BSR and BSF leave the result undefined for zero.
        const done = this.skip(CC.NE);
        e.movImm32(to, op === M.Clz ? bits * 2 - 1 : bits);
        this.land(done);
        if (op === M.Clz) e.aluRI(4, ALU.XOR, to, bits - 1);
        return;
      }
      case M.Popcnt: {
        const from = this.loc(inst, 0);
        if (from >= FIRST_SLOT) e.rm(0xf3, size === 8, 0x0fb8, this.dst(inst), this.slot(from));
        else e.rr(0xf3, size === 8, 0x0fb8, this.dst(inst), from);
        return;
      }
      case M.Ext: {
        const from = this.loc(inst, 0);
        if (from >= FIRST_SLOT)
          e.load(size, inst.sub === 1, inst.imm, this.dst(inst), this.slot(from));
        else e.extend(size, inst.sub === 1, inst.imm, this.dst(inst), from);
        return;
      }
      case M.Load:
        e.load(size, inst.sub === 1, inst.imm, this.dst(inst), this.mem(inst));
        return;
      case M.Store:
        if (inst.hasImm) e.storeImm(size, inst.imm, this.mem(inst));
        else e.store(size, this.loc(inst, 0), this.mem(inst));
        return;
      case M.AluStore: {
        const m = this.mem(inst);
        if (inst.hasImm) e.aluMI(size, inst.sub, m, inst.imm);
        else e.aluMR(size, inst.sub, m, this.loc(inst, 0));
        return;
      }
      case M.FLoad:
        e.sseM(size === 8, 0x10, this.dst(inst), this.mem(inst));
        return;
      case M.FStore:
        e.sseM(size === 8, 0x11, this.loc(inst, 0), this.mem(inst));
        return;
      case M.CmpSet:
        this.compareSet(inst);
        return;
      case M.CmpBr:
        this.compare(inst);
        this.branches(inst.cc, this.target(block, 0), this.target(block, 1));
        return;
      case M.CmpSel:
        this.compareSelect(inst);
        return;
      case M.CmpTrap:
        this.compare(inst);
        this.trapIf(inst.cc, inst.aux as number, inst.pos);
        return;
      case M.Call:
        this.place(inst, false);
        e.callSymbol(inst.aux as string);
        this.deliver(inst);
        return;
      case M.CallIndirect:
        this.callIndirect(inst);
        return;
      case M.StoreOut: {
        const from = this.loc(inst, 0);
        const type = this.typeOf(inst.srcs[0] as number, I64);
        if (type >= F32) e.sseM(type === F64, 0x11, from, at(RSP, inst.imm));
        else e.store(8, from, at(RSP, inst.imm));
        return;
      }
      case M.LoadOut:
        this.loadStack(inst, at(RSP, inst.imm));
        return;
      case M.LoadIn:
        this.loadStack(inst, this.incoming(inst.imm));
        return;
      case M.StoreIn: {
        const from = this.loc(inst, 0);
        const type = this.typeOf(inst.srcs[0] as number, I64);
        if (type >= F32) e.sseM(type === F64, 0x11, from, this.incoming(inst.imm));
        else e.store(8, from, this.incoming(inst.imm));
        return;
      }
      case M.Jump:
        this.jump(this.target(block, 0));
        return;
      case M.Switch:
        this.switch(inst, block);
        return;
      case M.Return:
        this.place(inst, false);
        this.epilogue();
        return;
      case M.Trap:
        this.c.traps.push({ offset: e.length, kind: inst.sub, pos: inst.pos });
        e.ud2();
        return;
      case M.Fence:
        e.raw([0x0f, 0xae, 0xf0]);
        return;
      case M.Code:
        this.place(inst, false);
        e.raw(inst.aux as number[]);
        this.deliver(inst);
        return;
      case M.SymbolAddress:
        e.movSymbol(this.dst(inst), inst.aux as string);
        return;
      case M.Xchg:
        this.place(inst, true);
        e.sized(size, 0x87, 0x86, this.dst(inst), this.mem(inst), 0);
        return;
      case M.Xadd:
        this.place(inst, true);
        e.u8(0xf0);
        e.sized(size, 0x0fc1, 0x0fc0, this.dst(inst), this.mem(inst), 0);
        return;
      case M.RmwLoop: {
        const m = this.mem(inst);
        const value = this.loc(inst, 0);
        const temp = this.loc(inst, 1);
        e.load(size, false, 4, RAX, m);
        const again = e.length;
        e.movRR(8, temp, RAX);
        e.aluRR(size === 8 ? 8 : 4, inst.sub, temp, value);
        e.u8(0xf0);
        e.sized(size, 0x0fb1, 0x0fb0, temp, m, 0);
        e.u8(0x70 | CC.NE);
        e.u8(again - (e.length + 1));
        this.deliver(inst);
        return;
      }
      case M.Cmpxchg:
        this.place(inst, false);
        e.u8(0xf0);
        e.sized(size, 0x0fb1, 0x0fb0, this.loc(inst, 1), this.mem(inst), 0);
        this.deliver(inst);
        return;
    }
    this.float(inst);
  }

  /** The block a branch to successor `i` really goes to. */
  protected target(block: LBlock, i: number): LBlock {
    return this.targets[(block.succs[i] as LBlock).index] as LBlock;
  }

  protected loadStack(inst: Inst, m: Address): void {
    const type = this.typeOf(inst.dst, I64);
    if (type >= F32) this.e.sseM(type === F64, 0x10, this.dst(inst), m);
    else this.e.load(type === I32 ? 4 : 8, false, 8, this.dst(inst), m);
  }

  protected epilogue(): void {
    const { e } = this;
    if (this.frame > 0) e.aluRI(8, ALU.ADD, RSP, this.frame);
    for (let i = this.saved.length - 1; i >= 0; i--) e.pop(this.saved[i] as number);
    e.u8(0xc3);
  }

  protected callIndirect(inst: Inst): void {
    const { e, c } = this;
    this.place(inst, false);
    e.aluRI(4, ALU.CMP, RAX, c.tableSize);
    this.trapIf(CC.AE, TrapKind.TableIndex, inst.pos);
    e.lea(8, R10, { base: -1, index: -1, scale: 1, disp: 0, symbol: TABLE_SYMBOL });
    e.shiftImm(4, SHIFT.SHL, RAX, 4);
    e.aluMI(4, ALU.CMP, at(R10, 8, RAX), inst.imm);
    this.trapIf(CC.NE, TrapKind.IndirectCall, inst.pos);
    e.rm(0, false, 0xff, 2, at(R10, 0, RAX));
    this.deliver(inst);
  }

  protected switch(inst: Inst, block: LBlock): void {
    const { e, c } = this;
    const index = this.loc(inst, 0);
    const base = this.loc(inst, 1);
    const entry = this.loc(inst, 2);
    const table = inst.aux as number[];
    const fallback = this.target(block, table[table.length - 1] as number);
    const cases = table.length - 1;
    e.aluRI(4, ALU.CMP, index, cases);
    this.branch(CC.AE, fallback);
    e.lea(8, base, {
      base: -1,
      index: -1,
      scale: 1,
      disp: c.jumpTableSize,
      symbol: JUMP_TABLE_SYMBOL,
    });
    e.load(4, true, 8, entry, at(base, 0, index, 4));
    e.aluRR(8, ALU.ADD, entry, base);
    e.rr(0, false, 0xff, 4, entry);
    c.jumpTables.push({
      offset: c.jumpTableSize,
      targets: table.slice(0, cases).map((succ) => this.target(block, succ).index),
    });
    c.jumpTableSize += cases * 4;
  }
}

/** Appends the code of `f` to the context's encoder. */
export function emitFunction(c: EmitContext, f: LFunc, a: Allocation): void {
  const targets = branchTargets(f, a);
  new FunctionEmitter(c, f, a, layoutBlocks(f, targets), targets).run();
}

export type {
  CodePosition,
  EmitContext,
  JumpTable,
  TrapSite,
} from "./emit/operands.ts";
