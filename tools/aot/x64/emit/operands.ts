// What all emission shares: the frame, locations of operands, moves into fixed registers, and trap
// sites.

import type { TablePlace } from "../../ir/build.ts";
import { I64, type Type, type Value } from "../../ir/ir.ts";
import {
  FIRST_SLOT,
  FIRST_VREG,
  type Inst,
  type LBlock,
  type LFunc,
  type Move,
  type RegisterSet,
  Use,
} from "../../regalloc/lir.ts";
import type { Allocation } from "../../regalloc/resolve.ts";
import { type Address, at, type Encoder, R15, RSP } from "../encoder.ts";
import { loopHeads } from "../layout.ts";
import { CALLEE_SAVED } from "../machine.ts";
import { emitMove, emitParallelMoves, type MoveContext } from "../moves.ts";
import type { ConstantPool } from "../pool.ts";

export interface TrapSite {
  /** Offset of the UD2. */
  offset: number;
  kind: number;
  /** File offset of the wasm instruction, 0 when unknown. */
  pos: number;
}

/** Where the caller's frame is while the code of one function runs: rows of offsets in ascending order. */
export interface FunctionFrame {
  start: number;
  end: number;
  rows: UnwindRow[];
}

/** From `offset` on: bytes from RSP to the CFA, and the callee-saved registers stored below it, the first at -16. */
export interface UnwindRow {
  offset: number;
  depth: number;
  saved: readonly number[];
}

export interface JumpTable {
  /** Offset in the jump table section. */
  offset: number;
  /** Offsets of the targets in the code. */
  targets: number[];
}

/** The code from `offset` on stems from the wasm instruction at file offset `pos`; ascending. */
export interface CodePosition {
  offset: number;
  pos: number;
}

/** Everything the code of a module refers to, collected over its functions. */
export interface EmitContext {
  e: Encoder;
  pool: ConstantPool;
  window: boolean;
  registers: RegisterSet;
  traps: TrapSite[];
  positions: CodePosition[];
  frames: FunctionFrame[];
  jumpTables: JumpTable[];
  jumpTableSize: number;
  tables: TablePlace[];
}

export interface BranchFixup {
  offset: number;
  target: LBlock;
  short: boolean;
}

/** The callee-saved registers that a function overwrites, as a mask. */
export function savedRegisters(c: EmitContext, a: Allocation): number {
  return a.used & c.registers.calleeSaved & (c.window ? ~(1 << R15) : -1);
}

/** State of the emission of one function, and the vocabulary its topics share. */
export class Emission implements MoveContext {
  readonly e: Encoder;
  readonly pool: ConstantPool;
  readonly c: EmitContext;
  readonly f: LFunc;
  readonly a: Allocation;
  readonly saved: number[];
  readonly frame: number;
  readonly order: LBlock[];
  /** Where a branch to a block really goes, by block index. */
  readonly targets: LBlock[];
  readonly start: number;
  /** Blocks that start at an aligned place, by block index. */
  readonly aligned: Uint8Array;
  blockOffset: Int32Array;
  emitted: Uint8Array;
  /** Offsets the first pass found: of blocks, and behind each branch in order. */
  measured: { blocks: Int32Array; branches: number[] } | undefined;
  branchEnds: number[] = [];
  branchCount = 0;
  fixups: BranchFixup[] = [];
  /** Offsets of jump tables by their switch. */
  readonly tables = new Map<Inst, number>();
  trapJumps: { offset: number; kind: number; pos: number; framed: boolean }[] = [];
  /** By block index: whether the block runs with the frame. */
  readonly framedBlocks: Uint8Array;
  /** Whether the place of emission has the frame. */
  framed = true;
  /** The register whose value the zero flag tells of, or -1, and the bytes of it that count. */
  zeroOf = -1;
  zeroSize = 0;
  next: LBlock | undefined;
  k = 0;
  unwind: UnwindRow[] = [];
  /** Instructions in order of their code: offset, then number, of each. */
  steps: number[] = [];

  constructor(
    c: EmitContext,
    f: LFunc,
    a: Allocation,
    order: LBlock[],
    targets: LBlock[],
    framedBlocks: Uint8Array,
  ) {
    this.framedBlocks = framedBlocks;
    this.c = c;
    this.e = c.e;
    this.pool = c.pool;
    this.f = f;
    this.a = a;
    this.order = order;
    this.targets = targets;
    this.aligned = loopHeads(f, order);
    this.start = c.e.length;
    this.blockOffset = new Int32Array(f.blocks.length);
    this.emitted = new Uint8Array(f.blocks.length);
    const saved = savedRegisters(c, a);
    this.saved = CALLEE_SAVED.filter((r) => (saved & (1 << r)) !== 0);
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

  mark(pos: number): void {
    const { positions } = this.c;
    const last = positions[positions.length - 1];
    if (last && last.pos === pos && last.offset >= this.start) return;
    if (last && last.offset === this.e.length) last.pos = pos;
    else positions.push({ offset: this.e.length, pos });
  }

  /** Bytes from RSP to the CFA where the frame is set up. */
  get fullDepth(): number {
    return this.frame + this.saved.length * 8 + 8;
  }

  /** Bytes from RSP to the CFA in the body. */
  get depth(): number {
    return this.framed ? this.fullDepth : 8;
  }

  /** From here on the CFA is RSP + `depth`, and the first `saved` of the registers to save are stored. */
  unwindRow(depth: number, saved: number): void {
    const { unwind, e } = this;
    const last = unwind[unwind.length - 1];
    if (last?.depth === depth && last.saved.length === saved) return;
    if (last?.offset === e.length) unwind.pop();
    unwind.push({ offset: e.length, depth, saved: this.saved.slice(0, saved) });
  }

  /** From here on the frame is as the place of emission has it. */
  frameRow(): void {
    this.unwindRow(this.depth, this.framed ? this.saved.length : 0);
  }

  /** Jcc to an out-of-line trap. */
  trapIf(cc: number, kind: number, pos: number): void {
    this.e.u8(0x0f);
    this.e.u8(0x80 | cc);
    this.trapJumps.push({ offset: this.e.length, kind, pos, framed: this.framed });
    this.e.u32(0);
  }

  loc(inst: Inst, i: number): number {
    const code = inst.srcs[i] as number;
    return code < FIRST_VREG ? code : this.a.locate(code, this.k * 4);
  }

  dst(inst: Inst): number {
    return inst.dst < FIRST_VREG ? inst.dst : this.a.locate(inst.dst, this.k * 4 + 2);
  }

  typeOf(code: number, fallback: Type): Type {
    return code >= FIRST_VREG ? (this.f.types[code - FIRST_VREG] as Type) : fallback;
  }

  mem(inst: Inst): Address {
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
  place(inst: Inst, same: boolean): void {
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
  deliver(inst: Inst): void {
    if (inst.defFixed < 0 || inst.dst < 0) return;
    const to = this.dst(inst);
    if (to !== inst.defFixed) emitMove(this, inst.defFixed, to, this.typeOf(inst.dst, I64));
  }

  incoming(offset: number): Address {
    return at(RSP, this.depth + offset);
  }
}
