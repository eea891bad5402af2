// Code emission: allocated machine instructions → bytes. Frame layout from RSP up: outgoing
// arguments, spill slots, saved registers, return address, incoming arguments. Every function is
// emitted twice: the first pass measures block distances, the second uses short branches.

import { F32, F64, f32Bits, f64Bits, I32, I64, TrapKind, type Type, type Value } from "../ir/ir.ts";
import {
  FIRST_SLOT,
  FIRST_VREG,
  type Inst,
  type LBlock,
  type LFunc,
  type Move,
  type RegisterSet,
  Use,
} from "../regalloc/lir.ts";
import type { Allocation } from "../regalloc/resolve.ts";
import {
  type Address,
  ALU,
  at,
  CC,
  type Encoder,
  R10,
  R15,
  RAX,
  RDX,
  RSP,
  SHIFT,
  XMM15,
} from "./encoder.ts";
import { layoutBlocks } from "./layout.ts";
import { CALLEE_SAVED, CC_FEQ, CC_FNE, CMP, DIV, M } from "./machine.ts";
import { emitMove, emitParallelMoves, loadFloatConstant, type MoveContext } from "./moves.ts";
import { type ConstantPool, MASK, POOL_SYMBOL } from "./pool.ts";
import { TABLE_SYMBOL } from "./symbols.ts";

export interface TrapSite {
  /** Offset of the UD2. */
  offset: number;
  kind: number;
  /** File offset of the wasm instruction, 0 when unknown. */
  pos: number;
}

export interface JumpTable {
  /** Offset in the jump table section. */
  offset: number;
  /** Offsets of the targets in the code. */
  targets: number[];
}

/** Everything the code of a module refers to, collected over its functions. */
export interface EmitContext {
  e: Encoder;
  pool: ConstantPool;
  window: boolean;
  registers: RegisterSet;
  traps: TrapSite[];
  /** Code offset and wasm file offset, ascending. */
  positions: { offset: number; pos: number }[];
  jumpTables: JumpTable[];
  jumpTableSize: number;
  tableSize: number;
}

export const JUMP_TABLE_SYMBOL = "__aot_jump_tables";

interface BranchFixup {
  offset: number;
  target: LBlock;
  short: boolean;
}

class FunctionEmitter implements MoveContext {
  readonly e: Encoder;
  readonly pool: ConstantPool;
  private readonly c: EmitContext;
  private readonly f: LFunc;
  private readonly a: Allocation;
  private readonly saved: number[];
  private readonly frame: number;
  private readonly order: LBlock[];
  private readonly start: number;
  private blockOffset: Int32Array;
  private emitted: Uint8Array;
  /** Offsets the first pass found: of blocks, and behind each branch in order. */
  private measured: { blocks: Int32Array; branches: number[] } | undefined;
  private branchEnds: number[] = [];
  private branchCount = 0;
  private fixups: BranchFixup[] = [];
  private trapJumps: { offset: number; kind: number; pos: number }[] = [];
  private next: LBlock | undefined;
  private k = 0;

  constructor(c: EmitContext, f: LFunc, a: Allocation, order: LBlock[]) {
    this.c = c;
    this.e = c.e;
    this.pool = c.pool;
    this.f = f;
    this.a = a;
    this.order = order;
    this.start = c.e.length;
    this.blockOffset = new Int32Array(f.blocks.length);
    this.emitted = new Uint8Array(f.blocks.length);
    const calleeSaved = c.registers.calleeSaved & (c.window ? ~(1 << R15) : -1);
    this.saved = CALLEE_SAVED.filter((r) => (a.used & calleeSaved & (1 << r)) !== 0);
    const body = ((f.outgoing + 7) & ~7) + a.slots * 8;
    // At a call RSP is a multiple of 16; the return address and the pushes come first.
    const pushed = 8 + this.saved.length * 8;
    const aligned = f.hasCalls ? (body + pushed + 15) & ~15 : body + pushed;
    this.frame = aligned - pushed;
  }

  slot(location: number): Address {
    return at(RSP, ((this.f.outgoing + 7) & ~7) + (location - FIRST_SLOT) * 8);
  }

  constant(code: number): Value {
    return this.f.constants[-2 - code] as Value;
  }

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

  private pass(): void {
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

  private mark(pos: number): void {
    const { positions } = this.c;
    const last = positions[positions.length - 1];
    if (last && last.pos === pos && last.offset >= this.start) return;
    if (last && last.offset === this.e.length) last.pos = pos;
    else positions.push({ offset: this.e.length, pos });
  }

  private emitTraps(): void {
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

  /** Jcc to an out-of-line trap. */
  private trapIf(cc: number, kind: number, pos: number): void {
    this.e.u8(0x0f);
    this.e.u8(0x80 | cc);
    this.trapJumps.push({ offset: this.e.length, kind, pos });
    this.e.u32(0);
  }

  // Branches.

  private branch(cc: number, target: LBlock): void {
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

  private jump(target: LBlock): void {
    if (target !== this.next) this.branch(-1, target);
  }

  private branches(cc: number, yes: LBlock, no: LBlock): void {
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

  /** Forward jump inside one instruction; returns the place to patch. */
  private skip(cc: number): number {
    this.e.u8(cc < 0 ? 0xeb : 0x70 | cc);
    this.e.u8(0);
    return this.e.length;
  }

  private land(from: number): void {
    const distance = this.e.length - from;
    if (distance > 127) throw new Error(`a short jump spans ${distance} bytes`);
    this.e.bytes[from - 1] = distance;
  }

  // Operands.

  private loc(inst: Inst, i: number): number {
    const code = inst.srcs[i] as number;
    return code < FIRST_VREG ? code : this.a.locate(code, this.k * 4);
  }

  private dst(inst: Inst): number {
    return inst.dst < FIRST_VREG ? inst.dst : this.a.locate(inst.dst, this.k * 4 + 2);
  }

  private typeOf(code: number, fallback: Type): Type {
    return code >= FIRST_VREG ? (this.f.types[code - FIRST_VREG] as Type) : fallback;
  }

  private mem(inst: Inst): Address {
    const mem = inst.mem as NonNullable<Inst["mem"]>;
    if (mem.symbol !== undefined)
      return { base: -1, index: -1, scale: 1, disp: mem.disp, symbol: mem.symbol };
    const base = mem.base >= 0 ? this.loc(inst, mem.base) : -1;
    const index = mem.index >= 0 ? this.loc(inst, mem.index) : -1;
    if (!mem.window) return { base, index, scale: mem.scale, disp: mem.disp };
    if (index >= 0) return { base: R15, index, scale: mem.scale, disp: mem.disp };
    return { base: R15, index: base, scale: 1, disp: mem.disp };
  }

  /** Moves fixed operands, and the operand that the result overwrites, into place. */
  private place(inst: Inst, same: boolean): void {
    const moves: Move[] = [];
    for (let i = 0; i < inst.srcs.length; i++) {
      const kind = inst.kinds[i] as number;
      const code = inst.srcs[i] as number;
      if (kind >= Use.Fixed) {
        const type = code < 0 ? this.constant(code).type : this.typeOf(code, I64);
        moves.push({ from: this.loc(inst, i), to: kind - Use.Fixed, type });
      }
    }
    if (same) {
      const code = inst.srcs[0] as number;
      moves.push({
        from: this.loc(inst, 0),
        to: this.dst(inst),
        type: this.typeOf(code, this.typeOf(inst.dst, I64)),
      });
    }
    if (moves.length === 1) {
      const m = moves[0] as Move;
      if (m.from !== m.to) emitMove(this, m.from, m.to, m.type);
    } else if (moves.length > 1) emitParallelMoves(this, moves);
  }

  /** Moves the result out of the register the machine left it in. */
  private deliver(inst: Inst): void {
    if (inst.defFixed < 0 || inst.dst < 0) return;
    const to = this.dst(inst);
    if (to !== inst.defFixed) emitMove(this, inst.defFixed, to, this.typeOf(inst.dst, I64));
  }

  // Instructions.

  private instruction(inst: Inst, block: LBlock): void {
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
  private target(block: LBlock, i: number): LBlock {
    return skipEmpty(this.f, this.a, block.succs[i] as LBlock);
  }

  private incoming(offset: number): Address {
    return at(RSP, this.frame + this.saved.length * 8 + 8 + offset);
  }

  private loadStack(inst: Inst, m: Address): void {
    const type = this.typeOf(inst.dst, I64);
    if (type >= F32) this.e.sseM(type === F64, 0x10, this.dst(inst), m);
    else this.e.load(type === I32 ? 4 : 8, false, 8, this.dst(inst), m);
  }

  private epilogue(): void {
    const { e } = this;
    if (this.frame > 0) e.aluRI(8, ALU.ADD, RSP, this.frame);
    for (let i = this.saved.length - 1; i >= 0; i--) e.pop(this.saved[i] as number);
    e.u8(0xc3);
  }

  /** Two-byte opcode with source in register or slot. */
  private unary(inst: Inst, opcode: number): void {
    const from = this.loc(inst, 0);
    const wide = inst.size === 8;
    if (from >= FIRST_SLOT) this.e.rm(0, wide, opcode, this.dst(inst), this.slot(from));
    else this.e.rr(0, wide, opcode, this.dst(inst), from);
  }

  private add(inst: Inst): void {
    const { e } = this;
    const { size } = inst;
    const to = this.dst(inst);
    const a = this.loc(inst, 0);
    if (inst.hasImm) {
      if (a === to)
        e.aluRI(size, inst.imm === 128 ? ALU.SUB : ALU.ADD, to, inst.imm === 128 ? -128 : inst.imm);
      else if (a >= FIRST_SLOT) {
        e.load(size, false, 8, to, this.slot(a));
        e.aluRI(size, ALU.ADD, to, inst.imm);
      } else e.lea(size, to, at(a, inst.imm));
      return;
    }
    const b = this.loc(inst, 1);
    if (a === to || b === to) {
      const other = a === to ? b : a;
      if (other >= FIRST_SLOT) e.aluRM(size, ALU.ADD, to, this.slot(other));
      else e.aluRR(size, ALU.ADD, to, other);
    } else if (a >= FIRST_SLOT || b >= FIRST_SLOT) {
      const first = a >= FIRST_SLOT ? a : b;
      const second = a >= FIRST_SLOT ? b : a;
      e.load(size, false, 8, to, this.slot(first));
      if (second >= FIRST_SLOT) e.aluRM(size, ALU.ADD, to, this.slot(second));
      else e.aluRR(size, ALU.ADD, to, second);
    } else e.lea(size, to, at(a, 0, b));
  }

  private alu(inst: Inst): void {
    const { e } = this;
    const { size } = inst;
    const to = this.dst(inst);
    const imul = inst.op === M.Imul;
    if (inst.hasImm || inst.mem) {
      this.place(inst, true);
      if (inst.mem) {
        if (imul) e.rm(0, size === 8, 0x0faf, to, this.mem(inst));
        else e.aluRM(size, inst.sub, to, this.mem(inst));
      } else e.aluRI(size, inst.sub, to, inst.imm);
      return;
    }
    let other = this.loc(inst, 1);
    const a = this.loc(inst, 0);
    // Commutative operations may find their second operand in the result's register.
    if (other === to) other = a;
    else if (a !== to)
      emitMove(this, a, to, this.typeOf(inst.srcs[0] as number, size === 4 ? I32 : I64));
    if (other >= FIRST_SLOT) {
      if (imul) e.rm(0, size === 8, 0x0faf, to, this.slot(other));
      else e.aluRM(size, inst.sub, to, this.slot(other));
    } else if (imul) e.rr(0, size === 8, 0x0faf, to, other);
    else e.aluRR(size, inst.sub, to, other);
  }

  private divide(inst: Inst): void {
    const { e } = this;
    const { size } = inst;
    const divisor = this.loc(inst, 1);
    const checks = inst.aux as { zero: boolean; overflow: boolean };
    const signed = inst.sub === DIV.DivS || inst.sub === DIV.RemS;
    this.place(inst, false);
    if (checks.zero) {
      e.testRR(size, divisor, divisor);
      this.trapIf(CC.E, TrapKind.DivideByZero, inst.pos);
    }
    let end = -1;
    if (signed && checks.overflow) {
      e.aluRI(size, ALU.CMP, divisor, -1);
      const fine = this.skip(CC.NE);
      if (inst.sub === DIV.RemS) {
        e.aluRR(4, ALU.XOR, RDX, RDX);
        end = this.skip(-1);
      } else {
        // Only the most negative number overflows: 0 - x sets OF exactly for it.
        e.movRR(size, RDX, RAX);
        e.group3(size, 3, RDX);
        this.trapIf(CC.O, TrapKind.IntegerOverflow, inst.pos);
      }
      this.land(fine);
    }
    if (signed) {
      if (size === 8) e.u8(0x48);
      e.u8(0x99);
    } else e.aluRR(4, ALU.XOR, RDX, RDX);
    e.group3(size, signed ? 7 : 6, divisor);
    if (end >= 0) this.land(end);
    this.deliver(inst);
  }

  /** Emits the comparison part of a fused instruction. */
  private compare(inst: Inst): void {
    const { e } = this;
    const { size, sub } = inst;
    if (sub === CMP.Ucomis) {
      const a = this.loc(inst, 0);
      const prefix = size === 8 ? 0x66 : 0;
      if (inst.mem) e.rm(prefix, false, 0x0f2e, a, this.mem(inst));
      else {
        const b = this.loc(inst, 1);
        if (b >= FIRST_SLOT) e.rm(prefix, false, 0x0f2e, a, this.slot(b));
        else e.rr(prefix, false, 0x0f2e, a, b);
      }
      return;
    }
    if (inst.mem && inst.hasImm) {
      e.aluMI(size, ALU.CMP, this.mem(inst), inst.imm);
      return;
    }
    const a = this.loc(inst, 0);
    if (inst.hasImm) {
      if (sub === CMP.Test) {
        if (a >= FIRST_SLOT) e.testMI(size, this.slot(a), inst.imm);
        else e.testRI(size, a, inst.imm);
      } else if (a >= FIRST_SLOT) e.aluMI(size, ALU.CMP, this.slot(a), inst.imm);
      else e.aluRI(size, ALU.CMP, a, inst.imm);
      return;
    }
    if (inst.mem) {
      e.aluRM(size, ALU.CMP, a, this.mem(inst));
      return;
    }
    const b = this.loc(inst, 1);
    if (sub === CMP.Test) e.testRR(size, a, b);
    else if (b >= FIRST_SLOT) e.aluRM(size, ALU.CMP, a, this.slot(b));
    else e.aluRR(size, ALU.CMP, a, b);
  }

  private compareSet(inst: Inst): void {
    const { e } = this;
    const to = this.dst(inst);
    if (inst.cc >= CC_FEQ) {
      const ne = inst.cc === CC_FNE;
      // Compared first: the address of a memory operand may be in the result register.
      this.compare(inst);
      e.movImm32(to, ne ? 1 : 0);
      const unordered = this.skip(CC.P);
      e.setcc(ne ? CC.NE : CC.E, to);
      this.land(unordered);
      return;
    }
    let shares = false;
    for (let i = 0; i < inst.srcs.length; i++) if (this.loc(inst, i) === to) shares = true;
    if (!shares) e.aluRR(4, ALU.XOR, to, to);
    this.compare(inst);
    e.setcc(inst.cc, to);
    if (shares) e.extend(1, false, 4, to, to);
  }

  private compareSelect(inst: Inst): void {
    const { first, type } = inst.aux as { first: number; type: Type };
    const to = this.dst(inst);
    let yes = this.loc(inst, first);
    let no = this.loc(inst, first + 1);
    let { cc } = inst;
    this.compare(inst);
    if (cc === CC_FEQ) {
      const t = yes;
      yes = no;
      no = t;
      cc = CC_FNE;
    }
    if (type < F32) {
      if (cc === CC_FNE) {
        if (yes === to && no !== to) {
          const one = this.skip(CC.NE);
          const two = this.skip(CC.P);
          emitMove(this, no, to, type);
          this.land(one);
          this.land(two);
          return;
        }
        if (no !== to) emitMove(this, no, to, type);
        this.cmov(type, CC.NE, to, yes);
        this.cmov(type, CC.P, to, yes);
        return;
      }
      if (yes === to) {
        this.cmov(type, cc ^ 1, to, no);
        return;
      }
      if (no !== to) emitMove(this, no, to, type);
      this.cmov(type, cc, to, yes);
      return;
    }
    // Floats have no conditional move.
    if (cc === CC_FNE) {
      if (yes === to) {
        const one = this.skip(CC.NE);
        const two = this.skip(CC.P);
        if (no !== to) emitMove(this, no, to, type);
        this.land(one);
        this.land(two);
        return;
      }
      if (no !== to) {
        emitMove(this, no, to, type);
      }
      const differ = this.skip(CC.NE);
      const ordered = this.skip(CC.NP);
      this.land(differ);
      emitMove(this, yes, to, type);
      this.land(ordered);
      return;
    }
    if (no === to) {
      const keep = this.skip(cc ^ 1);
      if (yes !== to) emitMove(this, yes, to, type);
      this.land(keep);
      return;
    }
    if (yes !== to) emitMove(this, yes, to, type);
    const keep = this.skip(cc);
    emitMove(this, no, to, type);
    this.land(keep);
  }

  private cmov(type: Type, cc: number, to: number, from: number): void {
    const size = type === I32 ? 4 : 8;
    if (from >= FIRST_SLOT) this.e.cmovM(size, cc, to, this.slot(from));
    else this.e.cmov(size, cc, to, from);
  }

  private callIndirect(inst: Inst): void {
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

  private switch(inst: Inst, block: LBlock): void {
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

  // Floats.

  private mask(offset: number): Address {
    this.pool.used = true;
    return { base: -1, index: -1, scale: 1, disp: offset, symbol: POOL_SYMBOL };
  }

  private poolF(value: number, size: number): Address {
    const bits = size === 8 ? f64Bits(value) : f32Bits(value);
    return {
      base: -1,
      index: -1,
      scale: 1,
      disp: this.pool.offset(bits, size),
      symbol: POOL_SYMBOL,
    };
  }

  private ucomisM(size: number, a: number, m: Address): void {
    this.e.rm(size === 8 ? 0x66 : 0, false, 0x0f2e, a, m);
  }

  private ucomis(size: number, a: number, b: number): void {
    this.e.rr(size === 8 ? 0x66 : 0, false, 0x0f2e, a, b);
  }

  private float(inst: Inst): void {
    const { e } = this;
    const { op, size } = inst;
    const wide = size === 8;
    const to = this.dst(inst);
    switch (op) {
      case M.FAlu: {
        const a = this.loc(inst, 0);
        if (inst.mem) {
          this.place(inst, true);
          e.sseM(wide, inst.sub, to, this.mem(inst));
          return;
        }
        let other = this.loc(inst, 1);
        if (other === to) other = a;
        else if (a !== to) emitMove(this, a, to, wide ? F64 : F32);
        if (other >= FIRST_SLOT) e.sseM(wide, inst.sub, to, this.slot(other));
        else e.sse(wide, inst.sub, to, other);
        return;
      }
      case M.FUnary: {
        const m = inst.mem ? this.mem(inst) : undefined;
        const from = m ? -1 : this.loc(inst, 0);
        // The upper part of the target is merged: clear it to end the dependency.
        if (from !== to) e.rr(0, false, 0x0f57, to, to);
        if (m) e.sseM(wide, inst.sub, to, m);
        else if (from >= FIRST_SLOT) e.sseM(wide, inst.sub, to, this.slot(from));
        else e.sse(wide, inst.sub, to, from);
        return;
      }
      case M.FMask:
        this.place(inst, true);
        e.rm(0, false, 0x0f00 | inst.sub, to, this.mask(inst.imm));
        return;
      case M.FMinMax: {
        this.place(inst, true);
        const b = this.loc(inst, 1);
        this.ucomis(size, to, b);
        const nan = this.skip(CC.P);
        const differ = this.skip(CC.NE);
        // Equal: zeros of different sign; min takes the negative one, max the positive.
        e.rr(0, false, inst.sub === 0x5d ? 0x0f56 : 0x0f54, to, b);
        const done = this.skip(-1);
        this.land(nan);
        e.sse(wide, 0x58, to, b);
        const done2 = this.skip(-1);
        this.land(differ);
        e.sse(wide, inst.sub, to, b);
        this.land(done);
        this.land(done2);
        return;
      }
      case M.FCopysign:
        this.place(inst, true);
        e.rr(0, false, 0x0f28, XMM15, this.loc(inst, 1));
        e.rm(0, false, 0x0f54, XMM15, this.mask(wide ? MASK.Sign64 : MASK.Sign32));
        e.rm(0, false, 0x0f54, to, this.mask(wide ? MASK.Abs64 : MASK.Abs32));
        e.rr(0, false, 0x0f56, to, XMM15);
        return;
      case M.FRound:
        this.round(inst, to);
        return;
      case M.FromInt:
        this.fromInt(inst, to);
        return;
      case M.ToInt:
        this.toInt(inst, to);
        return;
      case M.Bitcast:
        if (inst.sub === 1) e.rr(0x66, wide, 0x0f7e, this.loc(inst, 0), to);
        else e.rr(0x66, wide, 0x0f6e, to, this.loc(inst, 0));
        return;
    }
    throw new Error(`no encoding for machine instruction ${op}`);
  }

  /** Rounding to an integral value with SSE2: adding and subtracting 2^52 (2^23) rounds to nearest. */
  private round(inst: Inst, to: number): void {
    const { e } = this;
    const { size } = inst;
    const wide = size === 8;
    const from = this.loc(inst, 0);
    if (inst.aux) {
      // ROUNDSD/ROUNDSS: nearest, down, up, truncate.
      e.rr(0x66, false, wide ? 0x0f3a0b : 0x0f3a0a, to, from);
      e.u8(inst.sub | 8);
      return;
    }
    const big = wide ? 2 ** 52 : 2 ** 23;
    const abs = this.mask(wide ? MASK.Abs64 : MASK.Abs32);
    const sign = this.mask(wide ? MASK.Sign64 : MASK.Sign32);
    const takeSign = (): void => {
      e.rm(0, false, 0x0f28, XMM15, sign);
      e.rr(0, false, 0x0f54, XMM15, from);
    };
    e.rm(0, false, 0x0f28, to, abs);
    e.rr(0, false, 0x0f54, to, from);
    this.ucomisM(size, to, this.poolF(big, size));
    const integral = this.skip(CC.AE);
    e.sseM(wide, 0x58, to, this.poolF(big, size));
    e.sseM(wide, 0x5c, to, this.poolF(big, size));
    if (inst.sub === 3) {
      // Truncation: the magnitude must not have grown.
      e.rm(0, false, 0x0f28, XMM15, abs);
      e.rr(0, false, 0x0f54, XMM15, from);
      this.ucomis(size, to, XMM15);
      const fine = this.skip(CC.BE);
      e.sseM(wide, 0x5c, to, this.poolF(1, size));
      this.land(fine);
      takeSign();
      e.rr(0, false, 0x0f56, to, XMM15);
    } else {
      takeSign();
      e.rr(0, false, 0x0f56, to, XMM15);
      if (inst.sub !== 0) {
        const floor = inst.sub === 1;
        if (floor) this.ucomis(size, to, from);
        else this.ucomis(size, from, to);
        const fine = this.skip(CC.BE);
        e.sseM(wide, floor ? 0x5c : 0x58, to, this.poolF(1, size));
        // The correction may make a zero: it keeps the sign of the operand.
        e.rm(0, false, 0x0f54, to, abs);
        e.rr(0, false, 0x0f56, to, XMM15);
        this.land(fine);
      }
    }
    const done = this.skip(-1);
    this.land(integral);
    e.rr(0, false, 0x0f28, to, from);
    this.land(done);
  }

  private fromInt(inst: Inst, to: number): void {
    const { e } = this;
    const wide = inst.size === 8;
    const from = this.loc(inst, 0);
    const prefix = wide ? 0xf2 : 0xf3;
    e.rr(0, false, 0x0f57, to, to);
    if (inst.sub === 1) {
      e.rr(prefix, inst.imm === 8, 0x0f2a, to, from);
      return;
    }
    // Unsigned 64 bit: halve odd-preserving when the top bit is set, convert, double.
    const temp = this.loc(inst, 1);
    e.testRR(8, from, from);
    const large = this.skip(CC.S);
    e.rr(prefix, true, 0x0f2a, to, from);
    const done = this.skip(-1);
    this.land(large);
    e.movRR(8, temp, from);
    e.shiftImm(8, SHIFT.SHR, temp, 1);
    // Sticky low bit, so that the rounding is that of the full number.
    const even = this.testLowBit(from);
    e.aluRI(8, ALU.OR, temp, 1);
    this.land(even);
    e.rr(prefix, true, 0x0f2a, to, temp);
    e.sse(wide, 0x58, to, to);
    this.land(done);
  }

  private testLowBit(reg: number): number {
    this.e.testRI(4, reg, 1);
    return this.skip(CC.E);
  }

  private toInt(inst: Inst, to: number): void {
    const { e } = this;
    const { size } = inst;
    const wide = size === 8;
    const from = this.loc(inst, 0);
    const signed = inst.sub === 1;
    const bits = inst.imm * 8;
    const saturate = inst.aux as boolean;
    const upper = signed ? 2 ** (bits - 1) : 2 ** bits;
    // Smallest value that still converts is above (unsigned: -1; signed: -2^(bits-1) - 1 when the
    // format can express it, else at least -2^(bits-1)).
    const exclusive = !signed || (bits === 32 && wide);
    const lower = !signed ? -1 : exclusive ? -(2 ** (bits - 1)) - 1 : -(2 ** (bits - 1));
    const cvt = (wideInt: boolean, reg: number, source: number): void =>
      e.rr(wide ? 0xf2 : 0xf3, wideInt, 0x0f2c, reg, source);
    const convert = (): void => {
      if (bits === 32) cvt(!signed, to, from);
      else if (signed) cvt(true, to, from);
      else {
        this.ucomisM(size, from, this.poolF(2 ** 63, size));
        const high = this.skip(CC.AE);
        cvt(true, to, from);
        const done = this.skip(-1);
        this.land(high);
        e.rr(0, false, 0x0f28, XMM15, from);
        e.sseM(wide, 0x5c, XMM15, this.poolF(2 ** 63, size));
        cvt(true, to, XMM15);
        // Set the top bit again: BTC r64, 63.
        e.rr(0, true, 0x0fba, 7, to);
        e.u8(63);
        this.land(done);
      }
    };
    if (!saturate) {
      this.ucomisM(size, from, this.poolF(lower, size));
      // Below or unordered.
      this.trapIf(exclusive ? CC.BE : CC.B, TrapKind.FloatToInt, inst.pos);
      this.ucomisM(size, from, this.poolF(upper, size));
      this.trapIf(CC.AE, TrapKind.FloatToInt, inst.pos);
      convert();
      return;
    }
    const ends: number[] = [];
    this.ucomisM(size, from, this.poolF(lower, size));
    const low = this.skip(exclusive ? CC.BE : CC.B);
    this.ucomisM(size, from, this.poolF(upper, size));
    const high = this.skip(CC.AE);
    convert();
    ends.push(this.skip(-1));
    this.land(high);
    e.movImm(to, signed ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n);
    ends.push(this.skip(-1));
    this.land(low);
    if (signed) {
      e.movImm(to, bits === 32 ? 0x80000000n : -(2n ** 63n));
      this.ucomis(size, from, from);
      ends.push(this.skip(CC.NP));
    }
    e.aluRR(4, ALU.XOR, to, to);
    for (const end of ends) this.land(end);
  }
}

/** Whether a block does nothing but jump on. */
function isEmpty(a: Allocation, block: LBlock): boolean {
  if (block.insts.length !== 1 || block.insts[0]?.op !== M.Jump) return false;
  const stages = a.moves.get(block.first);
  return !stages || stages.every((stage) => stage.length === 0);
}

/** Follows blocks that do nothing. */
export function skipEmpty(f: LFunc, a: Allocation, block: LBlock): LBlock {
  let b = block;
  for (let steps = 0; steps < f.blocks.length && isEmpty(a, b); steps++) {
    const next = b.succs[0] as LBlock;
    if (next === b) break;
    b = next;
  }
  return b;
}

/** Appends the code of `f` to the context's encoder. */
export function emitFunction(c: EmitContext, f: LFunc, a: Allocation): void {
  new FunctionEmitter(
    c,
    f,
    a,
    layoutBlocks(f, (block) => skipEmpty(f, a, block)),
  ).run();
}
