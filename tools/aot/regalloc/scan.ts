// Linear scan over live intervals with splitting and second chance.
// After Wimmer and Mössenböck (VEE 2005); intervals of an SSA program never overlap in a hole they
// were not split in, so inactive intervals are compared only with split children.
// May assume the intervals of intervals.ts. Guarantees that no two values share a register at a
// position, and that uses which need a register have one.

import { type Interval, intersection, type Liveness, MAX_POS } from "./intervals.ts";
import { FIRST_VREG, type LBlock, type LFunc, type RegisterSet } from "./lir.ts";

/** By register, for the interval at hand; functions are allocated one after the other. */
const FREE_UNTIL = new Int32Array(FIRST_VREG);
const USE_AT = new Int32Array(FIRST_VREG);
const BLOCKED_AT = new Int32Array(FIRST_VREG);

/** Assigns a register or the stack to every interval and its split children. */
export class LinearScan {
  private readonly f: LFunc;
  private readonly live: Liveness;
  private readonly registers: RegisterSet;
  /** Sorted by start, descending: the next one is the last. */
  private readonly unhandled: Interval[] = [];
  private active: Interval[] = [];
  private inactive: Interval[] = [];
  private readonly blockOf: Int32Array;
  private readonly freeUntil = FREE_UNTIL;
  private readonly useAt = USE_AT;
  private readonly blockedAt = BLOCKED_AT;

  constructor(f: LFunc, live: Liveness, registers: RegisterSet) {
    this.f = f;
    this.live = live;
    this.registers = registers;
    const last = f.blocks[f.blocks.length - 1] as LBlock;
    this.blockOf = new Int32Array(last.end + 1);
    for (const block of f.blocks) this.blockOf.fill(block.index, block.first, block.end);
    this.blockOf[last.end] = last.index;
  }

  run(): void {
    for (const it of this.live.intervals) if (it) this.unhandled.push(it);
    this.unhandled.sort((a, b) => b.start - a.start);
    for (let it = this.unhandled.pop(); it; it = this.unhandled.pop()) this.allocate(it);
  }

  private enqueue(it: Interval): void {
    const { unhandled } = this;
    const start = it.start;
    let low = 0;
    let high = unhandled.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((unhandled[mid] as Interval).start > start) low = mid + 1;
      else high = mid;
    }
    unhandled.splice(low, 0, it);
  }

  private expire(pos: number): void {
    const active: Interval[] = [];
    const inactive: Interval[] = [];
    for (const it of this.active) {
      if (it.end <= pos) continue;
      if (it.coversAt(pos)) active.push(it);
      else inactive.push(it);
    }
    for (const it of this.inactive) {
      if (it.end <= pos) continue;
      if (it.coversAt(pos)) active.push(it);
      else inactive.push(it);
    }
    this.active = active;
    this.inactive = inactive;
  }

  private allocate(it: Interval): void {
    this.expire(it.start);
    // A split child that starts with no register use ahead lives on in memory.
    if (!this.tryFree(it)) this.allocateBlocked(it);
    if (it.reg >= 0) this.active.push(it);
  }

  private classRegisters(it: Interval): number[] {
    return it.sse ? this.registers.sse : this.registers.general;
  }

  private fixedUntil(reg: number, it: Interval): number {
    const ranges = this.live.fixed[reg];
    return ranges === undefined ? MAX_POS : intersection(ranges, it.ranges, it.start);
  }

  private hintRegister(it: Interval): number {
    const { freeUntil } = this;
    const end = it.end;
    let second = -1;
    const consider = (h: number): number => {
      if (h < FIRST_VREG) return h;
      const other = this.live.intervals[h - FIRST_VREG];
      if (!other) return -1;
      let reg = -1;
      for (const part of other.parts) {
        if (part.start > it.start) break;
        if (part.reg >= 0) reg = part.reg;
      }
      return reg >= 0 ? reg : other.reg;
    };
    const set = it.sse ? 1 : 0;
    // Where the previous part was, then what the value is related to.
    const hints = this.f.hints[it.vreg - FIRST_VREG] as number[];
    for (const h of hints) {
      const reg = consider(h);
      if (reg < 0 || (reg >= 16 ? 1 : 0) !== set) continue;
      const free = freeUntil[reg] as number;
      if (free >= end) return reg;
      if (second < 0 && free > it.start) second = reg;
    }
    for (const h of hints) {
      if (h < FIRST_VREG) continue;
      for (const sibling of this.f.hints[h - FIRST_VREG] as number[]) {
        if (sibling === it.vreg) continue;
        const reg = consider(sibling);
        if (reg < 0 || (reg >= 16 ? 1 : 0) !== set) continue;
        if ((freeUntil[reg] as number) >= end) return reg;
      }
    }
    return second;
  }

  private tryFree(it: Interval): boolean {
    const { freeUntil } = this;
    const registers = this.classRegisters(it);
    const { start, end } = it;
    freeUntil.fill(-1);
    for (const r of registers) freeUntil[r] = MAX_POS;
    for (const a of this.active) freeUntil[a.reg] = -1;
    if (it !== it.root) {
      for (const i of this.inactive) {
        if (i.sse !== it.sse || (freeUntil[i.reg] as number) < 0) continue;
        const at = intersection(i.ranges, it.ranges, start);
        if (at < (freeUntil[i.reg] as number)) freeUntil[i.reg] = at;
      }
    }
    let best = -1;
    let bestUntil = -1;
    for (const r of registers) {
      let until = freeUntil[r] as number;
      if (until < 0) continue;
      until = Math.min(until, this.fixedUntil(r, it));
      freeUntil[r] = until;
      // The first register that suffices in allocation order; otherwise the longest free one.
      if (bestUntil < end && until > bestUntil) {
        best = r;
        bestUntil = until;
      }
    }
    if (best < 0 || bestUntil <= start) return false;
    const hint = this.hintRegister(it);
    if (
      hint >= 0 &&
      ((freeUntil[hint] as number) >= end || (freeUntil[hint] as number) === bestUntil)
    ) {
      best = hint;
      bestUntil = freeUntil[hint] as number;
    }
    if (bestUntil >= end) {
      it.reg = best;
      return true;
    }
    // A register for a stretch without use is not worth the moves.
    const firstUse = it.nextUse(start, true);
    if (firstUse >= bestUntil || this.heldAcross(it, bestUntil)) return false;
    it.reg = best;
    this.splitBefore(it, bestUntil);
    return true;
  }

  /**
   * Whether `it` needs a register in the instruction at `limit` and beyond that position, and
   * starts too late for another register to take over before the instruction.
   */
  private heldAcross(it: Interval, limit: number): boolean {
    const must = it.nextUse(limit, false);
    return must >> 2 === limit >> 2 && this.reloadGap(must) <= it.start;
  }

  /** Ends `it`, which holds a register, before `limit`; what follows is queued or goes to memory. */
  private splitBefore(it: Interval, limit: number): void {
    const must = it.nextUse(limit, false);
    // An instruction that reads the value before and after `limit` gets it whole from the next part.
    const end = must >> 2 === limit >> 2 ? this.reloadGap(must) : limit;
    const previous = Math.max(it.start, it.previousUse(end));
    const at = this.splitPosition(previous, end);
    if (at > previous) this.enqueue(it.split(at));
    else if (end < limit) this.enqueue(it.split(end));
    // Read by the very instruction that needs the register: stored before it.
    else this.spill(it.split(previous + 1), it.start);
  }

  /**
   * Best gap in (min, max]: a block boundary at the lowest loop depth, the latest of these, or the
   * last gap inside the block. Returns a position ≤ min when there is none.
   */
  private splitPosition(min: number, max: number): number {
    const { blocks } = this.f;
    const minBlock = this.blockOf[min >> 2] as number;
    const maxBlock = this.blockOf[(max - 1) >> 2] as number;
    const latest = this.latestGap(max);
    if (minBlock === maxBlock) return Math.max(latest, min);
    let best = latest > min ? latest : -1;
    let depth = (blocks[maxBlock] as LBlock).depth;
    if ((latest & 3) === 0 && latest === max) {
      depth = Math.min(depth, (blocks[this.blockOf[max >> 2] as number] as LBlock).depth);
    }
    for (let b = maxBlock; b > minBlock; b--) {
      const block = blocks[b] as LBlock;
      // The boundary before block b; its depth is that of the outer one of both sides.
      const boundary = block.first * 4;
      const d = Math.min(block.depth, (blocks[b - 1] as LBlock).depth);
      if (boundary > min && boundary <= max && (best < 0 || d < depth)) {
        best = boundary;
        depth = d;
      }
    }
    return best < 0 ? min : best;
  }

  /** The gap right before the instruction of use position `use`. */
  private reloadGap(use: number): number {
    if (use === MAX_POS) return MAX_POS;
    return this.isBlockStart(use >> 2) ? use & ~3 : (use & ~3) - 1;
  }

  private isBlockStart(inst: number): boolean {
    return (this.f.blocks[this.blockOf[inst] as number] as LBlock).first === inst;
  }

  /** The latest position ≤ max between two instructions of a block, or at a block's start. */
  private latestGap(max: number): number {
    if ((max & 3) === 0 && this.isBlockStart(max >> 2)) return max;
    const after = (max & 3) === 3 ? max >> 2 : (max >> 2) - 1;
    if (this.isBlockStart(after + 1) && after * 4 + 4 <= max) return after * 4 + 4;
    return after * 4 + 3;
  }

  /**
   * Whether the register of `a` can be taken away at `pos`: not from what the instruction there
   * uses or has just begun. What begins with a block begins on its edges and can begin in memory.
   */
  private canTake(a: Interval, pos: number): boolean {
    if (a.nextUse(pos, false) >> 2 === (pos + 1) >> 2) return false;
    // An operand read late has one place from the instruction's start on.
    if ((pos & 3) === 2 && a.nextUse(pos, true) === pos) {
      return Math.max(a.start, a.previousUse(pos)) < (pos & ~3);
    }
    // So can a part that has just begun in a gap, as its value is elsewhere.
    if (a.start === pos && (pos & 3) === 3 && a !== a.root) return true;
    return a.start < pos || ((pos & 3) === 0 && this.isBlockStart(pos >> 2));
  }

  private allocateBlocked(it: Interval): void {
    const { useAt, blockedAt } = this;
    const registers = this.classRegisters(it);
    const { start } = it;
    useAt.fill(-1);
    for (const r of registers) {
      useAt[r] = MAX_POS;
      blockedAt[r] = this.fixedUntil(r, it);
    }
    for (const a of this.active) {
      if (a.sse !== it.sse) continue;
      useAt[a.reg] = this.canTake(a, start) ? a.nextUse(start + 1, true) : start;
    }
    for (const i of this.inactive) {
      if (i.sse !== it.sse || intersection(i.ranges, it.ranges, start) === MAX_POS) continue;
      useAt[i.reg] = Math.min(useAt[i.reg] as number, i.nextUse(start, true));
    }
    const must = it.nextUse(start, false);
    const firstUse = it.nextUse(start, true);
    let best = -1;
    let bestUse = -1;
    for (const r of registers) {
      const until = Math.min(useAt[r] as number, blockedAt[r] as number);
      if (until > bestUse && !this.heldAcross(it, blockedAt[r] as number)) {
        best = r;
        bestUse = until;
      }
    }
    if (bestUse <= firstUse && this.reloadGap(must) > start) {
      // All others are used sooner: this interval waits in memory until it needs a register.
      this.spill(it, start);
      return;
    }
    if (bestUse <= start) {
      throw new Error(`${this.f.name}: no register for an operand at instruction ${start >> 2}`);
    }
    it.reg = best;
    const blocked = blockedAt[best] as number;
    if (blocked < it.end) this.splitBefore(it, blocked);
    for (const a of this.active.slice()) {
      if (a.reg === best) {
        this.active.splice(this.active.indexOf(a), 1);
        this.evict(a, start);
      }
    }
    for (const i of this.inactive.slice()) {
      if (i.reg !== best || intersection(i.ranges, it.ranges, start) === MAX_POS) continue;
      this.inactive.splice(this.inactive.indexOf(i), 1);
      this.evict(i, start);
    }
  }

  /** Takes the register from `it` at `pos`; its first part keeps what lies before. */
  private evict(it: Interval, pos: number): void {
    if (it.start === pos) {
      this.spill(it, pos);
      return;
    }
    if (!it.covers(pos)) {
      // Inside a hole: the part behind it starts anew, at a block's start.
      this.spill(it.split(it.ranges.find((p, i) => (i & 1) === 0 && p > pos) as number), pos);
      return;
    }
    const previous = Math.max(it.start, it.previousUse(pos));
    const at = this.splitPosition(previous, pos);
    this.spill(it.split(at > previous ? at : previous + 1), pos);
  }

  /**
   * Puts `it` into memory up to its next use that needs a register. It may begin before `pos`, where
   * the scan is, but is loaded again only behind it: what lies before is settled.
   */
  private spill(it: Interval, pos: number): void {
    it.reg = -1;
    const must = it.nextUse(it.start, false);
    if (must === MAX_POS) return;
    const from = Math.max(it.start, it.previousUse(must), pos);
    let at = this.splitPosition(from, must);
    if (at <= from) at = this.reloadGap(must);
    if (at > it.start) this.enqueue(it.split(at));
    // It starts at a block whose first instruction reads it: the edges bring it into a register.
    else if (this.isBlockStart(it.start >> 2) && (it.start & 3) === 0) this.enqueue(it);
    else throw new Error(`${this.f.name}: no place to reload at instruction ${must >> 2}`);
  }
}
