// The instruction form the register allocator works on: machine instructions over virtual
// registers, with the constraints of each operand. Independent of the encoding; x64/ fills it in.
//
// Operand codes: 0…15 general registers, 16…31 SSE registers, 32 and up virtual registers,
// -2 and below constants (index `-2 - code` of LFunc.constants).
//
// Instruction k has four positions: 4k (operands are read), 4k+1 (fixed registers are overwritten),
// 4k+2 (the result is written), 4k+3 (the gap before the next instruction).

import type { Type, Value } from "../ir/ir.ts";

export const FIRST_VREG = 32;

/** How an operand is used. Early uses may share a register with the result. */
export const Use = {
  Reg: 0,
  Any: 1,
  /** Live until the result is written. */
  RegLate: 2,
  AnyLate: 3,
  /** Live while fixed registers are overwritten, dead when the result is written. */
  RegMid: 4,
  AnyMid: 5,
  /** No value: a register of its own for the duration of the instruction. */
  Temp: 6,
  /** Moved to register `kind - Fixed` before the instruction. */
  Fixed: 8,
} as const;

export interface Mem {
  /** Index into `srcs`, or -1. */
  base: number;
  index: number;
  scale: number;
  disp: number;
  /** Relative to the window base register. */
  window: boolean;
  /** Data symbol, addressed relative to RIP; then base and index are -1. */
  symbol: string | undefined;
}

export class Inst {
  op: number;
  /** Operand size in bytes. */
  size: number;
  dst = -1;
  srcs: number[] = [];
  kinds: number[] = [];
  /** The result overwrites srcs[0]: it is moved to the result register first. */
  same = false;
  /** Register the machine instruction leaves its result in, or -1. */
  defFixed = -1;
  /** Registers overwritten at 4k+1, as a bit mask. */
  clobbers = 0;
  /** Whether the clobbered registers stay unavailable for the result. */
  lateClobber = false;
  mem: Mem | undefined = undefined;
  hasImm = false;
  imm = 0;
  sub = 0;
  cc = 0;
  aux: unknown = undefined;
  /** Of the wasm instruction, see ../ir/position.ts. */
  pos = 0;

  constructor(op: number, size: number) {
    this.op = op;
    this.size = size;
  }
}

export interface LPhi {
  dst: number;
  /** Operand codes, parallel to the block's predecessors. */
  args: number[];
}

export class LBlock {
  readonly index: number;
  insts: Inst[] = [];
  phis: LPhi[] = [];
  preds: LBlock[] = [];
  succs: LBlock[] = [];
  /** Where the block stands among the predecessors of its only successor. */
  edge = 0;
  /** Which way the branch at the end of its only successor goes from here, if that is known; else -1. */
  ahead = -1;
  depth = 0;
  /** Innermost loop around the block. */
  loop: LLoop | undefined;
  /** Number of the first instruction, and one past the last. */
  first = 0;
  end = 0;

  constructor(index: number) {
    this.index = index;
  }
}

/**
 * Position of `block` among the predecessors of `succ`, as the operands of phis are. There are no
 * critical edges: one with several predecessors is the only successor of each of them.
 */
export function predecessorIndex(block: LBlock, succ: LBlock): number {
  return succ.preds.length === 1 ? 0 : block.edge;
}

export interface LLoop {
  /** Indices of the header and of the last block. */
  header: number;
  last: number;
  parent: LLoop | undefined;
}

export class LFunc {
  readonly name: string;
  blocks: LBlock[] = [];
  loops: LLoop[] = [];
  /** Type by virtual register number - FIRST_VREG. */
  types: Type[] = [];
  /** Preferred registers or related operands by virtual register number - FIRST_VREG. */
  hints: number[][] = [];
  constants: Value[] = [];
  /** Bytes of outgoing stack arguments and results. */
  outgoing = 0;
  hasCalls = false;
  /** By block index: the part that may have the frame alone; undefined where all of it has. */
  framePart: Uint8Array | undefined = undefined;
  /** Virtual register by number of the IR value; 0 and below where it has none. */
  values: Int32Array = new Int32Array(0);
  /** Copies of virtual registers in the part that has the frame. */
  copies: ReadonlyMap<number, number> = new Map();

  constructor(name: string) {
    this.name = name;
  }

  vreg(type: Type): number {
    this.types.push(type);
    this.hints.push([]);
    return FIRST_VREG + this.types.length - 1;
  }

  hint(vreg: number, to: number): void {
    if (vreg >= FIRST_VREG && to >= 0) (this.hints[vreg - FIRST_VREG] as number[]).push(to);
  }
}

/** Registers of a target: allocation order by class, and which ones a callee preserves. */
export interface RegisterSet {
  general: number[];
  sse: number[];
  calleeSaved: number;
}

/** A location: 0…31 a register, 32 and up a stack slot, -2 and below a constant. */
export const FIRST_SLOT = 32;

export interface Move {
  from: number;
  to: number;
  type: Type;
}
