// After the scan: where moves go (split points, block edges, phis), when a spilled value is stored,
// and which stack slot each spilled value gets.
// May assume a finished scan. Guarantees that each value is in its location on every path that reaches
// a position, with the moves it adds.

import { type Type, V128 } from "../ir/ir.ts";
import { buildIntervals, type Interval, numberInstructions } from "./intervals.ts";
import {
  FIRST_SLOT,
  FIRST_VREG,
  type LBlock,
  type LFunc,
  type Move,
  predecessorIndex,
  type RegisterSet,
} from "./lir.ts";
import { LinearScan } from "./scan.ts";

export interface Allocation {
  /** Location of operand `code` at instruction position `pos` (4k … 4k+3). */
  locate(code: number, pos: number): number;
  /** Location of virtual register `vreg` at position `pos`; undefined where it does not hold its value. */
  liveAt(vreg: number, pos: number): number | undefined;
  /** Groups of parallel moves before instruction k, in order. */
  moves: Map<number, Move[][]>;
  slots: number;
  /** Registers written anywhere, as a bit mask. */
  used: number;
}

const STAGE_EDGE_IN = 0;
const STAGE_GAP = 1;
/** Stores of values whose register is overwritten by the instruction that still reads it. */
const STAGE_BEFORE = 2;
const STAGE_EDGE_OUT = 3;

interface PendingMove extends Move {
  at: number;
  stage: number;
  /** Spilled virtual register this move stores, or -1. */
  stores: number;
  depth: number;
}

function frequency(depth: number): number {
  return 10 ** Math.min(depth, 6);
}

/** Allocates registers for `f`. */
export function allocate(f: LFunc, registers: RegisterSet): Allocation {
  numberInstructions(f);
  const live = buildIntervals(f);
  new LinearScan(f, live, registers).run();

  const slotOf = assignSlots(live.intervals, f.types);
  const locationOf = (part: Interval): number =>
    part.reg >= 0 ? part.reg : FIRST_SLOT + (slotOf[part.vreg - FIRST_VREG] as number);
  /** The last part that begins at `pos` or before, else the first one. */
  const partAt = ({ parts }: Interval, pos: number): Interval => {
    let low = 0;
    let high = parts.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if ((parts[mid] as Interval).start <= pos) low = mid;
      else high = mid - 1;
    }
    return parts[low] as Interval;
  };
  const locate = (code: number, pos: number): number =>
    code < FIRST_VREG
      ? code
      : locationOf(partAt(live.intervals[code - FIRST_VREG] as Interval, pos));
  const typeOf = (vreg: number): Type => f.types[vreg - FIRST_VREG] as Type;

  const pending: PendingMove[] = [];
  const blockStarts = new Map<number, LBlock>();
  for (const block of f.blocks) blockStarts.set(block.first * 4, block);
  const blockOf = (inst: number): LBlock => {
    let low = 0;
    let high = f.blocks.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if ((f.blocks[mid] as LBlock).first <= inst) low = mid;
      else high = mid - 1;
    }
    return f.blocks[low] as LBlock;
  };
  for (const it of live.intervals) {
    if (!it) continue;
    const { parts } = it;
    for (let i = 1; i < parts.length; i++) {
      const part = parts[i] as Interval;
      const before = parts[i - 1] as Interval;
      if (blockStarts.has(part.start) || before.end !== part.start) continue;
      const from = locationOf(before);
      const to = locationOf(part);
      if (from === to) continue;
      const at = (part.start + 1) >> 2;
      pending.push({
        from,
        to,
        type: typeOf(it.vreg),
        at,
        stage: (part.start & 3) === 3 ? STAGE_GAP : STAGE_BEFORE,
        stores: part.reg < 0 ? it.vreg : -1,
        depth: blockOf(at).depth,
      });
    }
  }
  for (const block of f.blocks) {
    for (const succ of block.succs) {
      const atEnd = block.succs.length === 1;
      const at = atEnd ? block.end - 1 : succ.first;
      const stage = atEnd ? STAGE_EDGE_OUT : STAGE_EDGE_IN;
      const depth = Math.min(block.depth, succ.depth);
      const end = block.end * 4 - 1;
      const start = succ.first * 4;
      for (const vreg of live.liveIn[succ.index] as Int32Array) {
        // What was never split is where it was.
        if ((live.intervals[vreg - FIRST_VREG] as Interval).parts.length === 1) continue;
        const from = locate(vreg, end);
        const to = locate(vreg, start);
        if (from !== to) {
          pending.push({
            from,
            to,
            type: typeOf(vreg),
            at,
            stage,
            stores: to >= FIRST_SLOT ? vreg : -1,
            depth,
          });
        }
      }
      if (succ.phis.length === 0) continue;
      const p = predecessorIndex(block, succ);
      for (const phi of succ.phis) {
        const from = locate(phi.args[p] as number, end);
        const to = locate(phi.dst, start);
        if (from !== to)
          pending.push({ from, to, type: typeOf(phi.dst), at, stage, stores: -1, depth });
      }
    }
  }

  const storeAtDefinition = chooseStores(f, live.intervals, pending, blockOf, locationOf, typeOf);
  const moves = new Map<number, Move[][]>();
  let used = 0;
  for (const move of pending) {
    if (move.stores >= 0 && storeAtDefinition.has(move.stores) && move.at >= 0) {
      if (!(move.stage === STAGE_GAP && move.depth === -1)) continue;
    }
    let stages = moves.get(move.at);
    if (!stages) {
      stages = [[], [], [], []];
      moves.set(move.at, stages);
    }
    (stages[move.stage] as Move[]).push({ from: move.from, to: move.to, type: move.type });
  }
  let slots = 0;
  for (const it of live.intervals) {
    if (!it) continue;
    for (const part of it.parts) {
      if (part.reg >= 0) used |= 1 << part.reg;
      else {
        const end = (slotOf[it.vreg - FIRST_VREG] as number) + slotsOf(typeOf(it.vreg));
        slots = Math.max(slots, end);
      }
    }
  }
  for (const block of f.blocks) {
    for (const inst of block.insts) {
      used |= inst.clobbers;
      if (inst.dst >= 0 && inst.dst < FIRST_VREG) used |= 1 << inst.dst;
    }
  }
  const liveAt = (vreg: number, pos: number): number | undefined => {
    const it = live.intervals[vreg - FIRST_VREG];
    const part = it && partAt(it, pos);
    return part?.covers(pos) ? locationOf(part) : undefined;
  };
  return { locate, liveAt, moves, slots, used };
}

/**
 * Decides per spilled value whether it is stored once after its definition or at every transition
 * to memory, whichever runs less often; in the first case the store is added to `pending` with
 * depth -1.
 */
function chooseStores(
  _f: LFunc,
  intervals: (Interval | undefined)[],
  pending: PendingMove[],
  blockOf: (inst: number) => LBlock,
  locationOf: (part: Interval) => number,
  typeOf: (vreg: number) => Type,
): Set<number> {
  const cost = new Map<number, number>();
  for (const move of pending) {
    if (move.stores >= 0)
      cost.set(move.stores, (cost.get(move.stores) ?? 0) + frequency(move.depth));
  }
  const chosen = new Set<number>();
  for (const [vreg, total] of cost) {
    const it = intervals[vreg - FIRST_VREG] as Interval;
    const first = it.parts[0] as Interval;
    // Position 4k+2 is an instruction's result, 4k a phi at the block's start.
    const inst = first.start >> 2;
    const isPhi = (first.start & 3) === 0;
    const depth = blockOf(inst).depth;
    if (first.reg >= 0 && frequency(depth) > total) continue;
    chosen.add(vreg);
    if (first.reg < 0) continue;
    const slot = locationOf({ ...first, reg: -1, vreg } as Interval);
    pending.push({
      from: first.reg,
      to: slot,
      type: typeOf(vreg),
      at: isPhi ? inst : inst + 1,
      stage: STAGE_GAP,
      stores: vreg,
      depth: -1,
    });
  }
  return chosen;
}

/** Slots, of 8 bytes, that a value of the type takes. */
function slotsOf(type: Type): number {
  return type === V128 ? 2 : 1;
}

/**
 * Stack slots by virtual register: values of the same size whose lives do not overlap share one. Slots of
 * different sizes never do, so that a location has one number.
 */
function assignSlots(intervals: (Interval | undefined)[], types: Type[]): Int32Array {
  const slotOf = new Int32Array(intervals.length).fill(-1);
  const spilled: { vreg: number; start: number; end: number }[] = [];
  for (const it of intervals) {
    if (!it || it.parts.every((part) => part.reg >= 0)) continue;
    const last = it.parts[it.parts.length - 1] as Interval;
    spilled.push({ vreg: it.vreg, start: (it.parts[0] as Interval).start, end: last.end });
  }
  spilled.sort((a, b) => a.start - b.start);
  const byEnd = spilled.slice().sort((a, b) => a.end - b.end);
  const free: Record<number, number[]> = { 1: [], 2: [] };
  let ended = 0;
  let slots = 0;
  for (const { vreg, start } of spilled) {
    // Nothing ends before it has started: what is released here has its slot.
    for (; (byEnd[ended] as (typeof spilled)[number]).end <= start; ended++) {
      const index = (byEnd[ended] as (typeof spilled)[number]).vreg - FIRST_VREG;
      free[slotsOf(types[index] as Type)]?.push(slotOf[index] as number);
    }
    const size = slotsOf(types[vreg - FIRST_VREG] as Type);
    let slot = free[size]?.pop();
    if (slot === undefined) {
      slot = slots;
      slots += size;
    }
    slotOf[vreg - FIRST_VREG] = slot;
  }
  return slotOf;
}
