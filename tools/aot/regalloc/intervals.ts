// Live intervals of virtual and fixed registers, from a liveness analysis over the blocks.
// Terms follow Wimmer and Mössenböck, "Optimized Interval Splitting in a Linear Scan Register
// Allocator" (VEE 2005): ranges, holes, use positions, split children.

import { F32 } from "../ir/ir.ts";
import { FIRST_VREG, type LBlock, type LFunc, Use } from "./lir.ts";

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
    for (let i = 0; i < ranges.length; i += 2) {
      if ((ranges[i] as number) > pos) return false;
      if ((ranges[i + 1] as number) > pos) return true;
    }
    return false;
  }

  /** First use at or after `pos` that needs a register (or any use, with `any`). */
  nextUse(pos: number, any: boolean): number {
    const { uses } = this;
    for (let i = 0; i < uses.length; i++) {
      if ((uses[i] as number) >= pos && (any || this.needs[i])) return uses[i] as number;
    }
    return MAX_POS;
  }

  /** Last use before `pos`, or -1. */
  previousUse(pos: number): number {
    let last = -1;
    for (const use of this.uses) {
      if (use >= pos) break;
      last = use;
    }
    return last;
  }

  /** Splits the interval at `pos`, start < pos < end; the part from `pos` on is returned. */
  split(pos: number): Interval {
    const child = new Interval(this.vreg, this.sse, this.root);
    const { ranges } = this;
    let i = 0;
    while ((ranges[i + 1] as number) <= pos) i += 2;
    if ((ranges[i] as number) < pos) {
      child.ranges = [pos, ...ranges.slice(i + 1)];
      this.ranges = ranges.slice(0, i + 1);
      this.ranges.push(pos);
    } else {
      child.ranges = ranges.slice(i);
      this.ranges = ranges.slice(0, i);
    }
    let u = 0;
    while (u < this.uses.length && (this.uses[u] as number) < pos) u++;
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
  fixed: number[][];
  /** Virtual registers live at the start of each block, by block index. */
  liveIn: number[][];
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

/** Live-in sets of virtual registers that cross a block boundary, as bit sets. */
function liveSets(f: LFunc): { liveIn: Uint32Array[]; liveOut: Uint32Array[]; globals: number[] } {
  const count = f.types.length;
  const home = new Int32Array(count).fill(-1);
  const globalIndex = new Int32Array(count).fill(-1);
  const globals: number[] = [];
  for (const block of f.blocks) {
    for (const phi of block.phis) home[phi.dst - FIRST_VREG] = block.index;
    for (const inst of block.insts)
      if (inst.dst >= FIRST_VREG) home[inst.dst - FIRST_VREG] = block.index;
  }
  const use = (operand: number, block: LBlock): void => {
    if (operand < FIRST_VREG) return;
    const v = operand - FIRST_VREG;
    if (home[v] !== block.index && home[v] !== -1 && globalIndex[v] === -1) {
      globalIndex[v] = globals.length;
      globals.push(operand);
    }
  };
  for (const block of f.blocks) {
    for (const inst of block.insts) for (const src of inst.srcs) use(src, block);
    for (const phi of block.phis) {
      phi.args.forEach((arg, i) => {
        use(arg, block.preds[i] as LBlock);
        // A value that flows into a phi of its own block lives out of it over the back edge.
        if (arg >= FIRST_VREG && globalIndex[arg - FIRST_VREG] === -1) {
          globalIndex[arg - FIRST_VREG] = globals.length;
          globals.push(arg);
        }
      });
    }
  }
  const words = (globals.length + 31) >> 5;
  const gen: Uint32Array[] = [];
  const kill: Uint32Array[] = [];
  const phiOut: Uint32Array[] = [];
  for (const _ of f.blocks) {
    gen.push(new Uint32Array(words));
    kill.push(new Uint32Array(words));
    phiOut.push(new Uint32Array(words));
  }
  const set = (bits: Uint32Array, g: number): void => {
    bits[g >> 5] = (bits[g >> 5] as number) | (1 << (g & 31));
  };
  const has = (bits: Uint32Array, g: number): boolean =>
    ((bits[g >> 5] as number) & (1 << (g & 31))) !== 0;
  for (const block of f.blocks) {
    const g = gen[block.index] as Uint32Array;
    const k = kill[block.index] as Uint32Array;
    for (const phi of block.phis) {
      const d = globalIndex[phi.dst - FIRST_VREG] as number;
      if (d >= 0) set(k, d);
      phi.args.forEach((arg, i) => {
        if (arg >= FIRST_VREG) {
          set(
            phiOut[(block.preds[i] as LBlock).index] as Uint32Array,
            globalIndex[arg - FIRST_VREG] as number,
          );
        }
      });
    }
    for (const inst of block.insts) {
      for (const src of inst.srcs) {
        if (src < FIRST_VREG) continue;
        const s = globalIndex[src - FIRST_VREG] as number;
        if (s >= 0 && !has(k, s)) set(g, s);
      }
      if (inst.dst >= FIRST_VREG) {
        const d = globalIndex[inst.dst - FIRST_VREG] as number;
        if (d >= 0) set(k, d);
      }
    }
  }
  const liveIn = f.blocks.map(() => new Uint32Array(words));
  const liveOut = f.blocks.map(() => new Uint32Array(words));
  for (let changed = true; changed; ) {
    changed = false;
    for (let b = f.blocks.length - 1; b >= 0; b--) {
      const out = liveOut[b] as Uint32Array;
      const into = liveIn[b] as Uint32Array;
      const g = gen[b] as Uint32Array;
      const k = kill[b] as Uint32Array;
      const p = phiOut[b] as Uint32Array;
      const succs = (f.blocks[b] as LBlock).succs;
      for (let w = 0; w < words; w++) {
        let o = p[w] as number;
        for (const succ of succs) o |= (liveIn[succ.index] as Uint32Array)[w] as number;
        const i = ((g[w] as number) | (o & ~(k[w] as number))) >>> 0;
        out[w] = o;
        if (into[w] !== i) {
          into[w] = i;
          changed = true;
        }
      }
    }
  }
  return { liveIn, liveOut, globals };
}

/** Builds the live intervals of `f`. Needs `numberInstructions`. */
export function buildIntervals(f: LFunc): Liveness {
  const { liveIn, liveOut, globals } = liveSets(f);
  const intervals: (Interval | undefined)[] = new Array(f.types.length).fill(undefined);
  const fixed: number[][] = Array.from({ length: FIRST_VREG }, () => []);
  const physicalEnd = new Int32Array(FIRST_VREG).fill(-1);
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
    const out = liveOut[b] as Uint32Array;
    for (let g = 0; g < globals.length; g++) {
      if ((out[g >> 5] as number) & (1 << (g & 31)))
        addRange(get(globals[g] as number).ranges, from, to);
    }
    // A value carried around a loop counts as used at the loop's end, or it would look idle there.
    for (const header of loopEnds.get(b) ?? []) {
      const into = liveIn[header] as Uint32Array;
      for (let g = 0; g < globals.length; g++) {
        if ((into[g >> 5] as number) & (out[g >> 5] as number) & (1 << (g & 31))) {
          const it = get(globals[g] as number);
          const last = it.uses[it.uses.length - 1];
          if (last === undefined || last > to - 1) {
            it.uses.push(to - 1);
            it.needs.push(0);
          }
        }
      }
    }
    for (let k = block.end - 1; k >= block.first; k--) {
      const inst = block.insts[k - block.first] as (typeof block.insts)[number];
      const at = k * 4;
      if (inst.dst >= 0) {
        if (inst.dst < FIRST_VREG) {
          addRange(
            fixed[inst.dst] as number[],
            at + 2,
            Math.max(physicalEnd[inst.dst] as number, at + 3),
          );
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
          addRange(fixed[r] as number[], at + 1, end);
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
        addRange(fixed[r] as number[], from, physicalEnd[r] as number);
        physicalEnd[r] = -1;
      }
    }
  }
  for (const it of intervals) {
    if (!it) continue;
    it.ranges.reverse();
    // Uses inside one instruction may have been collected in any order.
    const order = it.uses.map((_, i) => i);
    order.sort((x, y) => (it.uses[x] as number) - (it.uses[y] as number));
    it.needs = order.map((i) => it.needs[i] as number);
    it.uses = order.map((i) => it.uses[i] as number);
  }
  for (const ranges of fixed) ranges.reverse();
  const liveInLists = liveIn.map((bits) =>
    globals.filter((_, g) => ((bits[g >> 5] as number) & (1 << (g & 31))) !== 0),
  );
  return { intervals, fixed, liveIn: liveInLists };
}
