// Code emission: allocated machine instructions → bytes. Frame layout from RSP up: outgoing
// arguments, spill slots, saved registers, return address, incoming arguments. Every function is
// emitted twice: the first pass measures block distances, the second uses short branches.
// May assume a complete allocation and that nothing but moves changes between instructions.
// Guarantees that the code refers to what is elsewhere by fixups only.

import type { TablePlace } from "../ir/build.ts";
import { F32, I32, I64, TrapKind } from "../ir/ir.ts";
import { FIRST_SLOT, type Inst, type LBlock, type LFunc } from "../regalloc/lir.ts";
import type { Allocation } from "../regalloc/resolve.ts";
import { emitCompare, emitCompareSelect, emitCompareSet } from "./emit/compare.ts";
import { emitFloat } from "./emit/float.ts";
import { addSetsFlags, emitAdd, emitAlu, emitDivide, emitUnary } from "./emit/integer.ts";
import { Emission, type EmitContext, type JumpTable, savedRegisters } from "./emit/operands.ts";
import { emitVector } from "./emit/vector.ts";
import { type Address, ALU, at, CC, R10, RAX, RSP, SHIFT } from "./encoder.ts";
import { framedBlocks } from "./frame.ts";
import { branchTargets, layoutBlocks } from "./layout.ts";
import type { FixedCode } from "./lower/operands.ts";
import { CC_FEQ, CC_FNE, M } from "./machine.ts";
import { emitMove, emitParallelMoves, loadFloatConstant, sseBytes } from "./moves.ts";
import { JUMP_TABLE_SYMBOL } from "./symbols.ts";

function emitTwice(s: Emission): void {
  const { c, e } = s;
  const marks = {
    fixups: e.fixups.length,
    traps: c.traps.length,
    positions: c.positions.length,
    jumpTables: c.jumpTables.length,
    jumpTableSize: c.jumpTableSize,
  };
  emitPass(s);
  if (s.fixups.length > 0) {
    // Rewind and emit again with the distances known.
    e.length = s.start;
    e.fixups.length = marks.fixups;
    c.traps.length = marks.traps;
    c.positions.length = marks.positions;
    c.jumpTables.length = marks.jumpTables;
    c.jumpTableSize = marks.jumpTableSize;
    s.measured = { blocks: s.blockOffset, branches: s.branchEnds };
    s.blockOffset = new Int32Array(s.f.blocks.length);
    s.emitted.fill(0);
    s.branchCount = 0;
    s.fixups = [];
    s.trapJumps = [];
    s.tables.clear();
    emitPass(s);
  }
  for (const { offset, target, short } of s.fixups) {
    const distance = (s.blockOffset[target.index] as number) - (offset + (short ? 1 : 4));
    if (short) e.bytes[offset] = distance & 0xff;
    else e.patch32(offset, distance);
  }
  for (let t = marks.jumpTables; t < c.jumpTables.length; t++) {
    const table = c.jumpTables[t] as JumpTable;
    table.targets = table.targets.map((index) => s.blockOffset[index] as number);
  }
}

function emitPass(s: Emission): void {
  const { e } = s;
  s.unwind = [];
  s.steps = [];
  s.order.forEach((block, i) => {
    s.next = s.order[i + 1];
    if (s.aligned[block.index]) alignLoop(s);
    s.blockOffset[block.index] = e.length;
    s.emitted[block.index] = 1;
    s.framed = s.framedBlocks[block.index] === 1;
    const before = block.preds[0];
    if (s.framed && (!before || s.framedBlocks[before.index] === 0)) enterFrame(s);
    emitBlock(s, block);
  });
  emitTraps(s);
}

function emitBlock(s: Emission, block: LBlock): void {
  const { e } = s;
  // What stands in front may have left the frame.
  s.frameRow();
  s.k = block.first;
  s.zeroOf = -1;
  for (const inst of block.insts) {
    const stages = s.a.moves.get(s.k);
    for (const stage of stages ?? []) {
      if (stage.length === 0) continue;
      // Zero is moved by XOR.
      s.zeroOf = -1;
      emitParallelMoves(s, stage);
    }
    s.mark(inst.pos);
    s.steps.push(e.length, s.k);
    emitInstruction(s, inst, block);
    followZeroFlag(s, inst);
    s.k++;
  }
}

/** Whether `inst` sets the zero flag by its result; rotates and LEA do not. */
function setsZeroFlag(s: Emission, inst: Inst): boolean {
  switch (inst.op) {
    case M.Alu:
    case M.Neg:
      return true;
    case M.Add:
      return addSetsFlags(s, inst);
    case M.ShiftImm:
      return inst.sub !== SHIFT.ROL && inst.sub !== SHIFT.ROR && inst.imm !== 0;
  }
  return false;
}

/** Notes for which register the zero flag holds behind `inst`. */
function followZeroFlag(s: Emission, inst: Inst): void {
  if (setsZeroFlag(s, inst)) {
    s.zeroOf = s.dst(inst);
    s.zeroSize = inst.size;
  } else if (inst.op === M.Load || inst.op === M.Mov) {
    if (s.dst(inst) === s.zeroOf) s.zeroOf = -1;
  } else if (inst.op !== M.Store) s.zeroOf = -1;
}

/** Instructions up to which a block is repeated in place of a jump to it, by how it ends. */
const MAX_SWITCH = 12;
const MAX_BRANCH = 3;

/**
 * Whether the code of `block` stands here instead of a jump to it. So the dispatch of an interpreter
 * follows each of its operations: each indirect jump has a history of its own, and none is jumped to.
 * And so the test of a loop is also above it.
 */
function isRepeated(s: Emission, block: LBlock): boolean {
  if (block === s.next || block.preds.length < 2) return false;
  if (s.framed !== (s.framedBlocks[block.index] === 1)) return false;
  const last = block.insts[block.insts.length - 1];
  if (last?.op === M.Switch) return block.insts.length <= MAX_SWITCH;
  if (last?.op !== M.CmpBr || block.insts.length > MAX_BRANCH) return false;
  return block.succs.some((succ) => s.targets[succ.index] === s.next);
}

/** Starts the next instruction at a multiple of 16; the measuring pass takes the most that may need. */
function alignLoop(s: Emission): void {
  const { e } = s;
  e.nops(s.measured ? -e.length & 15 : 15);
}

function emitTraps(s: Emission): void {
  const sites = new Map<string, number>();
  for (const { offset, kind, pos, framed } of s.trapJumps) {
    const key = `${kind}.${pos}.${framed}`;
    let site = sites.get(key);
    if (site === undefined) {
      site = s.e.length;
      sites.set(key, site);
      s.framed = framed;
      s.frameRow();
      s.mark(pos);
      s.c.traps.push({ offset: site, kind, pos });
      s.e.ud2();
    }
    s.e.patch32(offset, site - (offset + 4));
  }
}

function emitBranch(s: Emission, cc: number, target: LBlock): void {
  const { e } = s;
  let short = false;
  if (s.measured) {
    // Behind us offsets are exact; ahead, distances only shrink between the passes.
    const distance = s.emitted[target.index]
      ? (s.blockOffset[target.index] as number) - (e.length + 2)
      : (s.measured.blocks[target.index] as number) -
        (s.measured.branches[s.branchCount] as number);
    short = distance >= -128 && distance <= 127;
  }
  s.branchCount++;
  if (short) {
    e.u8(cc < 0 ? 0xeb : 0x70 | cc);
    s.fixups.push({ offset: e.length, target, short: true });
    e.u8(0);
  } else {
    if (cc >= 0) e.u8(0x0f);
    e.u8(cc < 0 ? 0xe9 : 0x80 | cc);
    s.fixups.push({ offset: e.length, target, short: false });
    e.u32(0);
  }
  if (!s.measured) s.branchEnds.push(e.length);
}

function emitJump(s: Emission, target: LBlock): void {
  if (target !== s.next) emitBranch(s, -1, target);
}

function emitBranches(s: Emission, cc: number, yes: LBlock, no: LBlock): void {
  if (yes === no) {
    emitJump(s, yes);
    return;
  }
  if (cc === CC_FEQ) {
    emitBranches(s, CC_FNE, no, yes);
    return;
  }
  if (cc === CC_FNE) {
    // Different or unordered: ZF clear, or PF set.
    emitBranch(s, CC.NE, yes);
    emitBranch(s, CC.P, yes);
    emitJump(s, no);
    return;
  }
  // Of two ways to elsewhere the one back is taken more often.
  const goesBack = yes !== s.next && no !== s.next && s.emitted[no.index] === 1;
  if (yes === s.next || goesBack) {
    emitBranch(s, cc ^ 1, no);
    emitJump(s, yes);
  } else {
    emitBranch(s, cc, yes);
    emitJump(s, no);
  }
}

function emitInstruction(s: Emission, inst: Inst, block: LBlock): void {
  const { e } = s;
  const { op, size } = inst;
  switch (op) {
    case M.Mov: {
      const from = s.loc(inst, 0);
      const to = s.dst(inst);
      if (from !== to) emitMove(s, from, to, s.typeOf(inst.dst, I64));
      return;
    }
    case M.MovImm:
      e.movImm(s.dst(inst), inst.aux as bigint);
      return;
    case M.Zext32: {
      const from = s.loc(inst, 0);
      if (from >= FIRST_SLOT) e.load(4, false, 4, s.dst(inst), s.slot(from));
      else e.movRR(4, s.dst(inst), from);
      return;
    }
    case M.FConst:
      loadFloatConstant(s, s.dst(inst), inst.aux as bigint, size);
      return;
    case M.Add:
      emitAdd(s, inst);
      return;
    case M.Alu:
    case M.Imul:
      emitAlu(s, inst);
      return;
    case M.Lea:
      e.lea(size, s.dst(inst), s.mem(inst));
      return;
    case M.ImulImm: {
      const from = s.loc(inst, 0);
      const to = s.dst(inst);
      const short = inst.imm >= -128 && inst.imm <= 127;
      if (from >= FIRST_SLOT)
        e.rm(0, size === 8, short ? 0x6b : 0x69, to, s.slot(from), short ? 1 : 4);
      else e.rr(0, size === 8, short ? 0x6b : 0x69, to, from);
      if (short) e.u8(inst.imm & 0xff);
      else e.u32(inst.imm);
      return;
    }
    case M.ShiftImm:
      s.place(inst, true);
      e.shiftImm(size, inst.sub, s.dst(inst), inst.imm);
      return;
    case M.ShiftCl:
      s.place(inst, true);
      e.shiftCl(size, inst.sub, s.dst(inst));
      return;
    case M.Neg:
    case M.Not:
      s.place(inst, true);
      e.group3(size, op === M.Neg ? 3 : 2, s.dst(inst));
      return;
    case M.Bswap:
      s.place(inst, true);
      e.bswap(size, s.dst(inst));
      return;
    case M.Div:
      emitDivide(s, inst);
      return;
    case M.MulHi: {
      s.place(inst, false);
      const b = s.loc(inst, 1);
      if (b >= FIRST_SLOT) e.group3M(size, inst.sub ? 5 : 4, s.slot(b));
      else e.group3(size, inst.sub ? 5 : 4, b);
      s.deliver(inst);
      return;
    }
    case M.Clz:
    case M.Ctz: {
      const to = s.dst(inst);
      const bits = size * 8;
      emitUnary(s, inst, op === M.Clz ? 0x0fbd : 0x0fbc);
      // BSR and BSF leave the result undefined for zero.
      const done = s.e.skip(CC.NE);
      e.movImm32(to, op === M.Clz ? bits * 2 - 1 : bits);
      s.e.land(done);
      if (op === M.Clz) e.aluRI(4, ALU.XOR, to, bits - 1);
      return;
    }
    case M.Popcnt: {
      const from = s.loc(inst, 0);
      if (from >= FIRST_SLOT) e.rm(0xf3, size === 8, 0x0fb8, s.dst(inst), s.slot(from));
      else e.rr(0xf3, size === 8, 0x0fb8, s.dst(inst), from);
      return;
    }
    case M.Ext: {
      const from = s.loc(inst, 0);
      if (from >= FIRST_SLOT) e.load(size, inst.sub === 1, inst.imm, s.dst(inst), s.slot(from));
      else e.extend(size, inst.sub === 1, inst.imm, s.dst(inst), from);
      return;
    }
    case M.Load:
      e.load(size, inst.sub === 1, inst.imm, s.dst(inst), s.mem(inst));
      return;
    case M.Store:
      if (inst.hasImm) e.storeImm(size, inst.imm, s.mem(inst));
      else e.store(size, s.loc(inst, 0), s.mem(inst));
      return;
    case M.AluStore: {
      const m = s.mem(inst);
      if (inst.hasImm) e.aluMI(size, inst.sub, m, inst.imm);
      else e.aluMR(size, inst.sub, m, s.loc(inst, 0));
      return;
    }
    case M.FLoad:
      e.loadSse(size, s.dst(inst), s.mem(inst));
      return;
    case M.FStore:
      e.storeSse(size, s.loc(inst, 0), s.mem(inst));
      return;
    case M.CmpSet:
      emitCompareSet(s, inst);
      return;
    case M.CmpBr:
      emitCompare(s, inst);
      emitBranches(s, inst.cc, targetOf(s, block, 0), targetOf(s, block, 1));
      return;
    case M.CmpSel:
      emitCompareSelect(s, inst);
      return;
    case M.CmpTrap:
      emitCompare(s, inst);
      s.trapIf(inst.cc, inst.aux as number, inst.pos);
      return;
    case M.Call:
      s.place(inst, false);
      e.callSymbol(inst.aux as string);
      s.deliver(inst);
      return;
    case M.CallIndirect:
      emitTableLookup(s, inst);
      e.rm(0, false, 0xff, 2, at(R10, 0, RAX));
      s.deliver(inst);
      return;
    case M.TailCall:
      s.place(inst, false);
      leaveFrame(s);
      e.jumpSymbol(inst.aux as string);
      return;
    case M.TailCallIndirect:
      emitTableLookup(s, inst);
      e.load(8, false, 8, RAX, at(R10, 0, RAX));
      leaveFrame(s);
      e.rr(0, false, 0xff, 4, RAX);
      return;
    case M.StoreOut:
      emitStoreStack(s, inst, at(RSP, inst.imm));
      return;
    case M.LoadOut:
      emitLoadStack(s, inst, at(RSP, inst.imm));
      return;
    case M.LoadIn:
      emitLoadStack(s, inst, s.incoming(inst.imm));
      return;
    case M.StoreIn:
      emitStoreStack(s, inst, s.incoming(inst.imm));
      return;
    case M.Jump: {
      const target = knownTarget(s, block) ?? targetOf(s, block, 0);
      if (s.framed && s.framedBlocks[target.index] === 0) {
        leaveFrame(s);
        s.framed = false;
      }
      if (isRepeated(s, target)) emitBlock(s, target);
      else emitJump(s, target);
      return;
    }
    case M.Switch:
      emitSwitch(s, inst, block);
      return;
    case M.Return:
      s.place(inst, false);
      leaveFrame(s);
      e.ret();
      return;
    case M.Trap:
      s.c.traps.push({ offset: e.length, kind: inst.sub, pos: inst.pos });
      e.ud2();
      return;
    case M.Fence:
      e.raw([0x0f, 0xae, 0xf0]);
      return;
    case M.Code:
      s.place(inst, false);
      emitFixedCode(s, inst.aux as FixedCode);
      s.deliver(inst);
      return;
    case M.SymbolAddress:
      e.movSymbol(s.dst(inst), inst.aux as string);
      return;
    case M.Xchg:
      s.place(inst, true);
      e.sized(size, 0x87, 0x86, s.dst(inst), s.mem(inst), 0);
      return;
    case M.Xadd:
      s.place(inst, true);
      e.u8(0xf0);
      e.sized(size, 0x0fc1, 0x0fc0, s.dst(inst), s.mem(inst), 0);
      return;
    case M.RmwLoop: {
      const m = s.mem(inst);
      const value = s.loc(inst, 0);
      const temp = s.loc(inst, 1);
      e.load(size, false, 4, RAX, m);
      const again = e.length;
      e.movRR(8, temp, RAX);
      e.aluRR(size === 8 ? 8 : 4, inst.sub, temp, value);
      e.u8(0xf0);
      e.sized(size, 0x0fb1, 0x0fb0, temp, m, 0);
      e.u8(0x70 | CC.NE);
      e.u8(again - (e.length + 1));
      s.deliver(inst);
      return;
    }
    case M.Cmpxchg:
      s.place(inst, false);
      e.u8(0xf0);
      e.sized(size, 0x0fb1, 0x0fb0, s.loc(inst, 1), s.mem(inst), 0);
      s.deliver(inst);
      return;
  }
  if (op === M.Vector) emitVector(s, inst);
  else emitFloat(s, inst);
}

/** The block a branch to successor `i` really goes to. */
function targetOf(s: Emission, block: LBlock, i: number): LBlock {
  return s.targets[(block.succs[i] as LBlock).index] as LBlock;
}

/**
 * Where a jump to a block that does nothing but branch goes on to, if that is known from here: the first test of a
 * loop that counts from a constant.
 */
function knownTarget(s: Emission, block: LBlock): LBlock | undefined {
  const join = block.succs[0] as LBlock;
  if (block.ahead < 0 || join.insts.length > 1 || s.a.moves.has(join.first)) return undefined;
  if (s.framed !== (s.framedBlocks[join.index] === 1)) return undefined;
  return targetOf(s, join, block.ahead);
}

function emitFixedCode(s: Emission, { bytes, pushed }: FixedCode): void {
  if (!pushed) {
    s.e.raw(bytes);
    return;
  }
  s.e.raw(bytes.slice(0, pushed.from));
  s.unwindRow(s.depth + 8, s.framed ? s.saved.length : 0);
  s.e.raw(bytes.slice(pushed.from, pushed.to));
  s.frameRow();
  s.e.raw(bytes.slice(pushed.to));
}

function emitLoadStack(s: Emission, inst: Inst, m: Address): void {
  const type = s.typeOf(inst.dst, I64);
  if (type >= F32) s.e.loadSse(sseBytes(type), s.dst(inst), m);
  else s.e.load(type === I32 ? 4 : 8, false, 8, s.dst(inst), m);
}

function emitStoreStack(s: Emission, inst: Inst, m: Address): void {
  const from = s.loc(inst, 0);
  const type = s.typeOf(inst.srcs[0] as number, I64);
  if (type >= F32) s.e.storeSse(sseBytes(type), from, m);
  else s.e.store(8, from, m);
}

function enterFrame(s: Emission): void {
  const { e } = s;
  s.unwindRow(8, 0);
  s.saved.forEach((r, i) => {
    e.push(r);
    s.unwindRow(16 + i * 8, i + 1);
  });
  if (s.frame > 0) e.aluRI(8, ALU.SUB, RSP, s.frame);
  s.frameRow();
}

/** Takes back what `enterFrame` has done, where that was run. */
function leaveFrame(s: Emission): void {
  if (!s.framed) return;
  const { e } = s;
  if (s.frame > 0) e.aluRI(8, ALU.ADD, RSP, s.frame);
  s.unwindRow(8 + s.saved.length * 8, s.saved.length);
  for (let i = s.saved.length - 1; i >= 0; i--) {
    e.pop(s.saved[i] as number);
    s.unwindRow(8 + i * 8, i);
  }
}

/** Places the arguments and checks table entry RAX; its address is R10 + RAX afterwards. */
function emitTableLookup(s: Emission, inst: Inst): void {
  const { e, c } = s;
  s.place(inst, false);
  const { symbol, sizeSymbol, min } = c.tables[inst.aux as number] as TablePlace;
  const rip = (of: string): Address => ({ base: -1, index: -1, scale: 1, disp: 0, symbol: of });
  if (sizeSymbol !== undefined) e.aluRM(4, ALU.CMP, RAX, rip(sizeSymbol));
  else e.aluRI(4, ALU.CMP, RAX, min);
  s.trapIf(CC.AE, TrapKind.TableIndex, inst.pos);
  e.lea(8, R10, rip(symbol));
  e.shiftImm(4, SHIFT.SHL, RAX, 4);
  e.aluMI(4, ALU.CMP, at(R10, 8, RAX), inst.imm);
  s.trapIf(CC.NE, TrapKind.IndirectCall, inst.pos);
}

function emitSwitch(s: Emission, inst: Inst, block: LBlock): void {
  const { e, c } = s;
  const index = s.loc(inst, 0);
  const base = s.loc(inst, 1);
  const entry = s.loc(inst, 2);
  const table = inst.aux as number[];
  const fallback = targetOf(s, block, table[table.length - 1] as number);
  const cases = table.length - 1;
  let offset = s.tables.get(inst);
  if (offset === undefined) {
    offset = c.jumpTableSize;
    s.tables.set(inst, offset);
    c.jumpTableSize += cases * 4;
    c.jumpTables.push({
      offset,
      targets: table.slice(0, cases).map((succ) => targetOf(s, block, succ).index),
    });
  }
  e.aluRI(4, ALU.CMP, index, cases);
  emitBranch(s, CC.AE, fallback);
  e.lea(8, base, {
    base: -1,
    index: -1,
    scale: 1,
    disp: offset,
    symbol: JUMP_TABLE_SYMBOL,
  });
  e.load(4, true, 8, entry, at(base, 0, index, 4));
  e.aluRR(8, ALU.ADD, entry, base);
  e.rr(0, false, 0xff, 4, entry);
}

/** What debug information is made of: which instruction each piece of code is, and where its frame's slots are. */
export interface EmittedFunction {
  /** Offset and number of each instruction in order of the code. */
  steps: number[];
  /** The slot's distance from the CFA, bytes. */
  slotOffset(location: number): number;
}

/** Appends the code of `f` to the context's encoder. */
export function emitFunction(c: EmitContext, f: LFunc, a: Allocation): EmittedFunction {
  const framed = framedBlocks(f, a, savedRegisters(c, a));
  const targets = branchTargets(f, a, framed);
  const s = new Emission(c, f, a, layoutBlocks(f, targets), targets, framed);
  emitTwice(s);
  c.frames.push({ start: s.start, end: c.e.length, rows: s.unwind });
  return { steps: s.steps, slotOffset: (location) => s.slot(location).disp - s.fullDepth };
}

export type {
  CodePosition,
  EmitContext,
  FunctionFrame,
  JumpTable,
  TrapSite,
} from "./emit/operands.ts";
