// Live intervals of virtual and fixed registers, from a liveness analysis over the blocks.
// Terms follow Wimmer and Mössenböck, "Optimized Interval Splitting in a Linear Scan Register
// Allocator" (VEE 2005): ranges, holes, use positions, split children.
// May assume SSA form and blocks in an order with dominators first. Guarantees that a value's ranges
// cover all positions where it is live, use positions included, and that holes end at block starts.

import { F32 } from "../ir/ir.ts";
import { FIRST_VREG, type LBlock, type LFunc, predecessorIndex, Use } from "./lir.ts";

export const MAX_POS = 0x7fffffff;

/** Part of a virtual register's life that stays in one place. */
export class Interval {
  readonly vreg: number;
  readonly sse: boolean;
  /** Range boundaries, ascending: start0, end0, start1, end1, … */
  ranges: number[] = [];
  /** Use positions, ascending, and whether each needs a register (1) or takes memory (0). */
  uses: number[] = [];
  needs: number[] = [];
  /** Assigned register, or -1: in the stack slot of the virtual register. */
  reg = -1;
  /** Split children in order of position; held by the first interval. */
  parts: Interval[];
  readonly root: Interval;
  /** First range that may still matter to the scan. */
  cursor = 0;

  constructor(vreg: number, sse: boolean, root?: Interval) {
    this.vreg = vreg;
    this.sse = sse;
    this.root = root ?? this;
    this.parts = root ? root.parts : [this];
  }

  get start(): number {
    return this.ranges[0] as number;
  }

  get end(): number {
    return this.ranges[this.ranges.length - 1] as number;
  }

  /** Advances the cursor to `pos`; returns whether the interval covers it. */
  coversAt(pos: number): boolean {
    const { ranges } = this;
    let c = this.cursor;
    while (c < ranges.length && (ranges[c + 1] as number) <= pos) c += 2;
    this.cursor = c;
    return c < ranges.length && (ranges[c] as number) <= pos;
  }

  covers(pos: number): boolean {
    const { ranges } = this;
    const i = firstRange(ranges, pos);
    return i < ranges.length && (ranges[i] as number) <= pos;
  }

  /** First use at or after `pos` that needs a register (or any use, with `any`). */
  nextUse(pos: number, any: boolean): number {
    const { uses, needs } = this;
    let i = lowerBound(uses, pos);
    if (!any) while (i < uses.length && !needs[i]) i++;
    return i < uses.length ? (uses[i] as number) : MAX_POS;
  }

  /** Last use before `pos`, or -1. */
  previousUse(pos: number): number {
    const i = lowerBound(this.uses, pos);
    return i > 0 ? (this.uses[i - 1] as number) : -1;
  }

  /** Splits the interval at `pos`, start < pos < end; the part from `pos` on is returned. */
  split(pos: number): Interval {
    const child = new Interval(this.vreg, this.sse, this.root);
    const { ranges } = this;
    const i = firstRange(ranges, pos);
    if ((ranges[i] as number) < pos) {
      child.ranges = [pos, ...ranges.slice(i + 1)];
      this.ranges = ranges.slice(0, i + 1);
      this.ranges.push(pos);
    } else {
      child.ranges = ranges.slice(i);
      this.ranges = ranges.slice(0, i);
    }
    const u = lowerBound(this.uses, pos);
    child.uses = this.uses.splice(u);
    child.needs = this.needs.splice(u);
    const { parts } = this;
    let at = parts.length;
    while (at > 0 && (parts[at - 1] as Interval).start > pos) at--;
    parts.splice(at, 0, child);
    this.cursor = 0;
    return child;
  }
}

/** First position where ranges `a` and `b` overlap at or after `from`, or MAX_POS. */
export function intersection(a: number[], b: number[], from: number): number {
  let i = firstRange(a, from);
  let j = firstRange(b, from);
  while (i < a.length && j < b.length) {
    const start = Math.max(a[i] as number, b[j] as number);
    if (start < (a[i + 1] as number) && start < (b[j + 1] as number)) return Math.max(start, from);
    if ((a[i + 1] as number) < (b[j + 1] as number)) i += 2;
    else j += 2;
  }
  return MAX_POS;
}

/** Index of the first number that is not below `pos`, in ascending numbers. */
function lowerBound(numbers: number[], pos: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((numbers[mid] as number) < pos) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** Index of the first range that ends after `pos`, by binary search. */
function firstRange(ranges: number[], pos: number): number {
  let low = 0;
  let high = ranges.length >> 1;
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((ranges[2 * mid + 1] as number) <= pos) low = mid + 1;
    else high = mid;
  }
  return low * 2;
}

export interface Liveness {
  /** By virtual register number - FIRST_VREG; undefined where it never lives. */
  intervals: (Interval | undefined)[];
  /** Ranges in which a register is unavailable, by register number. */
  fixed: (number[] | undefined)[];
  /** Virtual registers live at the start of each block, by block index. */
  liveIn: Int32Array[];
}

function isLate(kind: number): boolean {
  return kind === Use.RegLate || kind === Use.AnyLate;
}

/** Numbers the instructions: sets `first` and `end` of all blocks. */
export function numberInstructions(f: LFunc): void {
  let n = 0;
  for (const block of f.blocks) {
    block.first = n;
    n += block.insts.length;
    block.end = n;
  }
}

const NO_NUMBERS = new Int32Array(0);

/** A growing list of small numbers: a function may have many millions of them. */
class NumberList {
  private numbers = NO_NUMBERS;
  private length = 0;

  push(value: number): void {
    if (this.length === this.numbers.length) {
      const more = new Int32Array(Math.max(8, this.length * 2));
      more.set(this.numbers);
      this.numbers = more;
    }
    this.numbers[this.length++] = value;
  }

  content(): Int32Array {
    return this.length === 0 ? NO_NUMBERS : this.numbers.subarray(0, this.length);
  }
}

/**
 * Virtual registers live at the start of each block, one virtual register after the other: from each block that uses it up to its
 * definition (Boissinot and others, "Computing Liveness Sets for SSA-Form Programs", 2011). Takes
 * as long as the sets are large.
 */
function liveAtStart(f: LFunc): Int32Array[] {
  const count = f.types.length;
  const home = new Int32Array(count).fill(-1);
  for (const block of f.blocks) {
    for (const phi of block.phis) home[phi.dst - FIRST_VREG] = block.index;
    for (const inst of block.insts)
      if (inst.dst >= FIRST_VREG) home[inst.dst - FIRST_VREG] = block.index;
  }
  // By virtual register: the blocks it must be live into, and as ~index those it must leave alive.
  const wanted = new Map<number, number[]>();
  const want = (operand: number, where: number): void => {
    const list = wanted.get(operand);
    if (!list) wanted.set(operand, [where]);
    else if (list[list.length - 1] !== where) list.push(where);
  };
  for (const block of f.blocks) {
    for (const { srcs } of block.insts) {
      for (let i = 0; i < srcs.length; i++) {
        const operand = srcs[i] as number;
        if (operand < FIRST_VREG) continue;
        const at = home[operand - FIRST_VREG];
        if (at !== block.index && at !== -1) want(operand, block.index);
      }
    }
    for (const phi of block.phis) {
      phi.args.forEach((arg, i) => {
        if (arg >= FIRST_VREG) want(arg, ~(block.preds[i] as LBlock).index);
      });
    }
  }
  const liveIn = f.blocks.map(() => new NumberList());
  const inMark = new Int32Array(f.blocks.length);
  const outMark = new Int32Array(f.blocks.length);
  const work: number[] = [];
  for (const [vreg, blocks] of wanted) {
    const enter = (index: number): void => {
      if (inMark[index] === vreg) return;
      inMark[index] = vreg;
      (liveIn[index] as NumberList).push(vreg);
      work.push(index);
    };
    const leave = (index: number): void => {
      if (outMark[index] === vreg) return;
      outMark[index] = vreg;
      if (home[vreg - FIRST_VREG] !== index) enter(index);
    };
    for (const at of blocks) {
      if (at < 0) leave(~at);
      else enter(at);
      for (let index = work.pop(); index !== undefined; index = work.pop()) {
        for (const pred of (f.blocks[index] as LBlock).preds) leave(pred.index);
      }
    }
  }
  return liveIn.map((list) => list.content());
}

/** Puts uses in order: collected backwards, those inside one instruction in any order. */
function sortUses(it: Interval): void {
  const { uses, needs } = it;
  uses.reverse();
  needs.reverse();
  for (let i = 1; i < uses.length; i++) {
    const use = uses[i] as number;
    const need = needs[i] as number;
    let at = i;
    for (; at > 0 && (uses[at - 1] as number) > use; at--) {
      uses[at] = uses[at - 1] as number;
      needs[at] = needs[at - 1] as number;
    }
    uses[at] = use;
    needs[at] = need;
  }
}

/** Builds the live intervals of `f`. Needs `numberInstructions`. */
export function buildIntervals(f: LFunc): Liveness {
  const liveIn = liveAtStart(f);
  const intervals: (Interval | undefined)[] = new Array(f.types.length).fill(undefined);
  const fixed: (number[] | undefined)[] = new Array(FIRST_VREG).fill(undefined);
  const physicalEnd = new Int32Array(FIRST_VREG).fill(-1);
  const rangesOf = (register: number): number[] => {
    let ranges = fixed[register];
    if (!ranges) {
      ranges = [];
      fixed[register] = ranges;
    }
    return ranges;
  };
  const get = (vreg: number): Interval => {
    let it = intervals[vreg - FIRST_VREG];
    if (!it) {
      it = new Interval(vreg, (f.types[vreg - FIRST_VREG] as number) >= F32);
      intervals[vreg - FIRST_VREG] = it;
    }
    return it;
  };
  // Ranges and uses are collected backwards and reversed at the end: ranges as end, start pairs.
  const addRange = (ranges: number[], start: number, end: number): void => {
    const n = ranges.length;
    if (n > 0 && (ranges[n - 1] as number) <= end) {
      // Touches or overlaps the range that follows.
      if ((ranges[n - 1] as number) > start) ranges[n - 1] = start;
      if ((ranges[n - 2] as number) < end) ranges[n - 2] = end;
    } else ranges.push(end, start);
  };
  const cut = (it: Interval, start: number): void => {
    const n = it.ranges.length;
    if (n === 0) it.ranges.push(start + 1, start);
    else it.ranges[n - 1] = start;
  };
  const loopEnds = new Map<number, number[]>();
  for (const loop of f.loops) {
    const list = loopEnds.get(loop.last);
    if (list) list.push(loop.header);
    else loopEnds.set(loop.last, [loop.header]);
  }
  for (let b = f.blocks.length - 1; b >= 0; b--) {
    const block = f.blocks[b] as LBlock;
    const from = block.first * 4;
    const to = block.end * 4;
    // Live at the end is what a successor needs, at its start or for its phis.
    const live = (vreg: number): void => addRange(get(vreg).ranges, from, to);
    for (const succ of block.succs) {
      (liveIn[succ.index] as Int32Array).forEach(live);
      const p = predecessorIndex(block, succ);
      for (const phi of succ.phis) {
        const arg = phi.args[p] as number;
        if (arg >= FIRST_VREG) live(arg);
      }
    }
    // A value carried around a loop counts as used at the loop's end, or it would look idle there.
    const headers = loopEnds.get(b);
    if (headers) {
      const carried = new Set<number>();
      for (const header of headers)
        for (const vreg of liveIn[header] as Int32Array) carried.add(vreg);
      for (const vreg of carried) {
        const it = get(vreg);
        // Only what lives to the block's end has a range from its start on by now.
        if (it.ranges[it.ranges.length - 1] !== from) continue;
        it.uses.push(to - 1);
        it.needs.push(0);
      }
    }
    for (let k = block.end - 1; k >= block.first; k--) {
      const inst = block.insts[k - block.first] as (typeof block.insts)[number];
      const at = k * 4;
      if (inst.dst >= 0) {
        if (inst.dst < FIRST_VREG) {
          addRange(rangesOf(inst.dst), at + 2, Math.max(physicalEnd[inst.dst] as number, at + 3));
          physicalEnd[inst.dst] = -1;
        } else {
          const it = get(inst.dst);
          cut(it, at + 2);
          it.uses.push(at + 2);
          it.needs.push(1);
        }
      }
      if (inst.clobbers !== 0) {
        for (let r = 0; r < FIRST_VREG; r++) {
          if (((inst.clobbers >>> r) & 1) === 0) continue;
          const end = Math.max(physicalEnd[r] as number, at + (inst.lateClobber ? 3 : 2));
          addRange(rangesOf(r), at + 1, end);
          physicalEnd[r] = -1;
        }
      }
      for (let i = 0; i < inst.srcs.length; i++) {
        const src = inst.srcs[i] as number;
        if (src < 0) continue;
        const kind = inst.kinds[i] as number;
        if (src < FIRST_VREG) {
          if ((physicalEnd[src] as number) < 0) physicalEnd[src] = at + 1;
          continue;
        }
        const it = get(src);
        if (kind === Use.Temp) {
          it.ranges.push(at + 3, at);
          it.uses.push(at + 2, at);
          it.needs.push(1, 1);
          continue;
        }
        const end = isLate(kind)
          ? at + 3
          : kind === Use.RegMid || kind === Use.AnyMid
            ? at + 2
            : at + 1;
        addRange(it.ranges, from, end);
        it.uses.push(end - 1);
        it.needs.push(kind === Use.Reg || kind === Use.RegLate || kind === Use.RegMid ? 1 : 0);
      }
    }
    for (const phi of block.phis) {
      const it = get(phi.dst);
      cut(it, from);
      it.uses.push(from);
      it.needs.push(0);
    }
    for (let r = 0; r < FIRST_VREG; r++) {
      if ((physicalEnd[r] as number) >= 0) {
        addRange(rangesOf(r), from, physicalEnd[r] as number);
        physicalEnd[r] = -1;
      }
    }
  }
  for (const it of intervals) {
    if (!it) continue;
    it.ranges.reverse();
    sortUses(it);
  }
  for (const ranges of fixed) ranges?.reverse();
  return { intervals, fixed, liveIn };
}
