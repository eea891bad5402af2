// Ranges of integers, and what they allow: constants of pointers move into the offset of the access
// where the addition cannot wrap, shifted indexes are marked as exact, and sign extensions of what is
// not negative are free ones.
//
// A range is what a value is between, seen signed. Ranges follow from operands, and from the branches
// that dominate the place (walk over the dominator tree). The phis of loops are guessed: not below zero
// where they start so, not above their start where they start high, not above what the test at the loop's end
// compares them with; a guess that does not come back over
// the back edges is dropped, and the walk begins again. What remains holds by induction over iterations.
// May assume numbered blocks and their dominators.

import { constBig, foldBinary } from "./fold.ts";
import { type Block, Cond, type Func, I32, I64, Op, Value } from "./ir.ts";

const MIN32 = -0x80000000;
const MAX32 = 0x7fffffff;
/** Beyond this, sums of numbers are not exact: 64-bit values outside count as not known. */
const EXACT = 2 ** 52;
/** Walks until guesses that fail are all dropped at once. */
const MAX_WALKS = 4;

interface Range {
  lo: number;
  hi: number;
}

function fullRange(v: Value): Range {
  return v.type === I32 ? { lo: MIN32, hi: MAX32 } : { lo: -Infinity, hi: Infinity };
}

function isInteger(v: Value): boolean {
  return v.type === I32 || v.type === I64;
}

/** The smallest 2ⁿ - 1 that is not below `x`. */
function allOnes(x: number): number {
  return 2 ** Math.ceil(Math.log2(x + 1)) - 1;
}

const SIGNED: Record<number, number> = {
  [Cond.LtU]: Cond.LtS,
  [Cond.GeU]: Cond.GeS,
  [Cond.GtU]: Cond.GtS,
  [Cond.LeU]: Cond.LeS,
};

/** Whether each way back to the loop's header makes `phi` smaller or leaves it as it is. */
function comesDown(phi: Value, header: Block): boolean {
  return phi.args.every((arg, i) => {
    if ((header.preds[i] as Block).index < header.index || arg === phi) return true;
    const by = arg.args[1];
    if (arg.args[0] !== phi || by?.op !== Op.Const) return false;
    if (arg.op === Op.Add) return constBig(by) < 0n;
    return arg.op === Op.And || arg.op === Op.ShrU || arg.op === Op.ShrS || arg.op === Op.DivU;
  });
}

/** The comparison after which a loop goes back to `header` from `latch`, and with which condition. */
function testOf(latch: Block, header: Block): { test: Value; cond: number } | undefined {
  // The way back is a block of its own where it is one of two.
  const isEdge = latch.insts.length === 0 && latch.preds.length === 1;
  const [block, to] = isEdge ? [latch.preds[0] as Block, latch] : [latch, header];
  const { op, args } = block.term as Value;
  const test = args[0];
  if (op !== Op.Br || test?.op !== Op.ICmp || block.succs[0] === block.succs[1]) return undefined;
  return { test, cond: block.succs[0] === to ? test.sub : test.sub ^ 1 };
}

/** Where a loop may stop counting `phi` up, by the test at its end. */
interface Limit {
  /** The most that the phi may be; a guess, unless `isSure`. */
  value: number;
  isSure: boolean;
}

/** What the test at the end of a loop says of a counter that goes up. */
function limitOf(phi: Value, header: Block): Limit | undefined {
  const back = header.preds.findIndex((p) => p.index >= header.index);
  const latch = header.preds[back] as Block;
  const next = phi.args[back] as Value;
  const by = next.args[1];
  if (header.preds.length !== 2 || next.op !== Op.Add) return undefined;
  if (next.args[0] !== phi || by?.op !== Op.Const) return undefined;
  const found = testOf(latch, header);
  const limit = found?.test.args[1];
  if (found?.test.args[0] !== next || limit?.op !== Op.Const) return undefined;
  const step = Number(constBig(by));
  const end = Number(constBig(limit));
  if (step <= 0 || step > EXACT || end < 0 || end > EXACT) return undefined;
  if (found.cond !== Cond.Ne) return { value: end, isSure: false };
  // Counting from a number in steps that meet the end, it does not go past it.
  const start = phi.args[1 - back] as Value;
  if (start.op !== Op.Const) return undefined;
  const way = end - Number(constBig(start));
  const meets = constBig(start) >= 0n && way > 0 && way % step === 0;
  return meets ? { value: end - step, isSure: true } : undefined;
}

/** Bounds that are guessed of a phi at a loop's header. */
interface Guess {
  range: Range;
  low: boolean;
  high: boolean;
  limit: Limit | undefined;
}

/** Levels of a pointer that are searched for constants. */
const MAX_LEVELS = 4;

/**
 * A pointer without the constants in it: `constant` and what remains make the pointer, where nothing wraps.
 * What remains is `value`, or `value`'s operation on what remains of its operands.
 */
interface Rest {
  value: Value;
  operands: [Rest, Rest] | undefined;
  constant: number;
  range: Range;
}

/** Another form of an instruction. */
interface Change {
  value: Value;
  op: number;
  /** Of an access: its new pointer and offset. */
  pointer: Value | Rest | undefined;
  offset: number;
  exact: boolean;
}

class Ranges {
  private readonly f: Func;
  private readonly children: number[][];
  private readonly lo: Float64Array;
  private readonly hi: Float64Array;
  private readonly known: Uint8Array;
  private readonly guesses = new Map<Value, Guess>();
  /** Ranges of the operands of joins' phis, as the predecessors end. */
  private incoming = new Map<Value, Range>();
  private failed = false;
  /** What the ranges of this walk allow to change. */
  private changes: Change[] = [];

  constructor(f: Func, idom: Int32Array) {
    this.f = f;
    this.children = f.blocks.map(() => []);
    for (let i = 1; i < f.blocks.length; i++)
      (this.children[idom[i] as number] as number[]).push(i);
    this.lo = new Float64Array(f.valueCount);
    this.hi = new Float64Array(f.valueCount);
    this.known = new Uint8Array(f.valueCount);
  }

  run(): void {
    for (let n = 0; ; n++) {
      this.failed = false;
      this.incoming = new Map();
      this.changes = [];
      this.walk();
      if (!this.failed) break;
      if (n < MAX_WALKS) continue;
      for (const guess of this.guesses.values()) {
        guess.low = false;
        guess.high = false;
      }
    }
    // Only what holds by guesses that have come true is changed, and no change alters a range.
    const made = new Map<Value, Value[]>();
    for (const { value, op, pointer, offset, exact } of this.changes) {
      value.op = op;
      value.exact = exact;
      if (!pointer) continue;
      value.args[0] = pointer instanceof Value ? pointer : this.make(pointer, value, made);
      value.imm = offset;
    }
    for (const block of new Set([...made.keys()].map((v) => v.block as Block))) {
      block.insts = block.insts.flatMap((v) => [...(made.get(v) ?? []), v]);
    }
  }

  /** Computes what remains of a pointer right before `access`. */
  private make(rest: Rest, access: Value, made: Map<Value, Value[]>): Value {
    const { value, operands } = rest;
    if (!operands) return value;
    const [a, b] = operands.map((operand) => this.make(operand, access, made)) as [Value, Value];
    return foldBinary(this.f, value.op, I32, a, b, (op, type, args) => {
      const v = this.f.value(op, type, args, access.pos);
      v.block = access.block;
      const before = made.get(access);
      if (before) before.push(v);
      else made.set(access, [v]);
      return v;
    });
  }

  of(v: Value): Range {
    if (v.op === Op.Const) {
      const c = v.type === I32 ? v.imm : Number(v.big);
      return Math.abs(c) <= EXACT ? { lo: c, hi: c } : fullRange(v);
    }
    if (this.known[v.id] === 0) return fullRange(v);
    return { lo: this.lo[v.id] as number, hi: this.hi[v.id] as number };
  }

  private set(v: Value, { lo, hi }: Range): void {
    this.lo[v.id] = lo;
    this.hi[v.id] = hi;
    this.known[v.id] = 1;
  }

  /** Visits the dominator tree; what a branch tells holds below the block it leads to. */
  private walk(): void {
    const work: { block: number; undo: (() => void)[] | undefined }[] = [
      { block: 0, undo: undefined },
    ];
    for (let item = work[work.length - 1]; item; item = work[work.length - 1]) {
      if (item.undo) {
        for (let i = item.undo.length - 1; i >= 0; i--) (item.undo[i] as () => void)();
        work.pop();
        continue;
      }
      item.undo = [];
      const block = this.f.blocks[item.block] as Block;
      this.enter(block, item.undo);
      // Predecessors of a join come before it in block order.
      const children = this.children[item.block] as number[];
      for (let i = children.length - 1; i >= 0; i--)
        work.push({ block: children[i] as number, undo: undefined });
    }
  }

  private enter(block: Block, undo: (() => void)[]): void {
    const pred = block.preds[0];
    if (block.preds.length === 1 && pred?.term?.op === Op.Br && pred.succs[0] !== pred.succs[1]) {
      this.learn(pred.term.args[0] as Value, pred.succs[0] === block, undo);
    }
    const isHeader = block.preds.some((p) => p.index >= block.index);
    for (const phi of block.phis) {
      if (!isInteger(phi)) continue;
      const range = this.incoming.get(phi) ?? fullRange(phi);
      if (!isHeader) {
        this.set(phi, range);
        continue;
      }
      let guess = this.guesses.get(phi);
      if (!guess) {
        const limit = limitOf(phi, block);
        guess = { range, low: true, high: limit !== undefined || comesDown(phi, block), limit };
        this.guesses.set(phi, guess);
      }
      // What comes in may have become less certain since the guess was made.
      if (range.lo < 0) guess.low = false;
      const full = fullRange(phi);
      const most = Math.max(range.hi, guess.limit?.value ?? range.hi);
      guess.range = { lo: guess.low ? 0 : full.lo, hi: guess.high ? most : full.hi };
      this.set(phi, guess.range);
    }
    for (const v of block.insts) {
      if (isInteger(v)) this.set(v, this.compute(v));
      this.improve(v);
    }
    for (const succ of block.succs) this.leave(block, succ);
  }

  /** Passes ranges on to the phis of `succ`. */
  private leave(block: Block, succ: Block): void {
    if (succ.phis.length === 0) return;
    const at = succ.preds.indexOf(block);
    for (const phi of succ.phis) {
      if (!isInteger(phi)) continue;
      const arg = phi.args[at] as Value;
      const range = arg === phi ? this.of(phi) : this.of(arg);
      if (succ.index <= block.index) {
        const guess = this.guesses.get(phi);
        if (!guess) continue;
        if (guess.low && range.lo < guess.range.lo) {
          guess.low = false;
          this.failed = true;
        }
        if (guess.high && !guess.limit?.isSure && range.hi > guess.range.hi) {
          guess.high = false;
          this.failed = true;
        }
        continue;
      }
      const known = this.incoming.get(phi);
      this.incoming.set(
        phi,
        known ? { lo: Math.min(known.lo, range.lo), hi: Math.max(known.hi, range.hi) } : range,
      );
    }
  }

  private narrow(v: Value, lo: number, hi: number, undo: (() => void)[]): void {
    if (v.op === Op.Const || !isInteger(v)) return;
    const { id } = v;
    const before = this.of(v);
    const known = this.known[id] as number;
    // A contradiction is a path that is never taken: any range will do.
    const range = { lo: Math.max(before.lo, lo), hi: Math.min(before.hi, hi) };
    if (range.lo > range.hi) return;
    undo.push(() => {
      this.set(v, before);
      this.known[id] = known;
    });
    this.set(v, range);
  }

  /** What follows for the operands when condition `v` is `truth`. */
  private learn(v: Value, truth: boolean, undo: (() => void)[]): void {
    if (v.op === Op.And && truth) {
      // Not zero, so both sides are not zero.
      for (const arg of v.args) if (arg.op === Op.ICmp) this.learn(arg, true, undo);
      return;
    }
    if (v.op !== Op.ICmp) {
      if (!truth) this.narrow(v, 0, 0, undo);
      return;
    }
    const [a, b] = v.args as [Value, Value];
    let cond = truth ? v.sub : v.sub ^ 1;
    const ra = this.of(a);
    const rb = this.of(b);
    const signed = SIGNED[cond];
    if (signed !== undefined) {
      if (ra.lo >= 0 && rb.lo >= 0) cond = signed;
      else if ((cond === Cond.LtU || cond === Cond.LeU) && rb.lo >= 0) {
        // Below what is not negative, seen unsigned: not negative itself.
        this.narrow(a, 0, cond === Cond.LtU ? rb.hi - 1 : rb.hi, undo);
        return;
      } else if ((cond === Cond.GtU || cond === Cond.GeU) && ra.lo >= 0) {
        this.narrow(b, 0, cond === Cond.GtU ? ra.hi - 1 : ra.hi, undo);
        return;
      } else return;
    }
    switch (cond) {
      case Cond.Eq:
        this.narrow(a, rb.lo, rb.hi, undo);
        this.narrow(b, ra.lo, ra.hi, undo);
        return;
      case Cond.LtS:
        this.narrow(a, -Infinity, rb.hi - 1, undo);
        this.narrow(b, ra.lo + 1, Infinity, undo);
        return;
      case Cond.LeS:
        this.narrow(a, -Infinity, rb.hi, undo);
        this.narrow(b, ra.lo, Infinity, undo);
        return;
      case Cond.GtS:
        this.narrow(a, rb.lo + 1, Infinity, undo);
        this.narrow(b, -Infinity, ra.hi - 1, undo);
        return;
      case Cond.GeS:
        this.narrow(a, rb.lo, Infinity, undo);
        this.narrow(b, -Infinity, ra.hi, undo);
        return;
    }
  }

  private compute(v: Value): Range {
    const full = fullRange(v);
    const range = this.transfer(v, full);
    const inside =
      v.type === I32
        ? range.lo >= MIN32 && range.hi <= MAX32
        : range.lo >= -EXACT && range.hi <= EXACT;
    // What may wrap may be anything; NaN of unbounded operands lands here too.
    return inside && range.lo <= range.hi ? range : full;
  }

  private transfer(v: Value, full: Range): Range {
    const a = v.args[0] as Value;
    const b = v.args[1] as Value;
    const count =
      b?.op === Op.Const ? Number(constBig(b) & (v.type === I32 ? 31n : 63n)) : undefined;
    switch (v.op) {
      case Op.Add: {
        const [x, y] = [this.of(a), this.of(b)];
        return { lo: x.lo + y.lo, hi: x.hi + y.hi };
      }
      case Op.Sub: {
        const [x, y] = [this.of(a), this.of(b)];
        return { lo: x.lo - y.hi, hi: x.hi - y.lo };
      }
      case Op.Mul: {
        const [x, y] = [this.of(a), this.of(b)];
        const corners = [x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi];
        return { lo: Math.min(...corners), hi: Math.max(...corners) };
      }
      case Op.And: {
        const [x, y] = [this.of(a), this.of(b)];
        if (x.lo >= 0 && y.lo >= 0) return { lo: 0, hi: Math.min(x.hi, y.hi) };
        if (x.lo >= 0) return { lo: 0, hi: x.hi };
        return y.lo >= 0 ? { lo: 0, hi: y.hi } : full;
      }
      case Op.Or:
      case Op.Xor: {
        const [x, y] = [this.of(a), this.of(b)];
        if (x.lo < 0 || y.lo < 0 || x.hi > EXACT || y.hi > EXACT) return full;
        return { lo: 0, hi: allOnes(Math.max(x.hi, y.hi)) };
      }
      case Op.Shl: {
        if (count === undefined) return full;
        const x = this.of(a);
        return { lo: x.lo * 2 ** count, hi: x.hi * 2 ** count };
      }
      case Op.ShrU: {
        const x = this.of(a);
        if (count === undefined) return x.lo >= 0 ? { lo: 0, hi: x.hi } : full;
        if (count === 0) return x;
        if (x.lo >= 0)
          return { lo: Math.floor(x.lo / 2 ** count), hi: Math.floor(x.hi / 2 ** count) };
        return { lo: 0, hi: 2 ** ((v.type === I32 ? 32 : 64) - count) - 1 };
      }
      case Op.ShrS: {
        const x = this.of(a);
        if (count === undefined) return x.lo >= 0 ? { lo: 0, hi: x.hi } : full;
        return { lo: Math.floor(x.lo / 2 ** count), hi: Math.floor(x.hi / 2 ** count) };
      }
      case Op.DivU:
      case Op.DivS: {
        const [x, y] = [this.of(a), this.of(b)];
        return x.lo >= 0 && y.lo > 0 ? { lo: 0, hi: Math.floor(x.hi / y.lo) } : full;
      }
      case Op.RemU:
      case Op.RemS: {
        const [x, y] = [this.of(a), this.of(b)];
        if (y.lo <= 0) return full;
        if (x.lo >= 0) return { lo: 0, hi: Math.min(x.hi, y.hi - 1) };
        return v.op === Op.RemU ? { lo: 0, hi: y.hi - 1 } : { lo: 1 - y.hi, hi: y.hi - 1 };
      }
      case Op.ICmp:
      case Op.FCmp:
        return { lo: 0, hi: 1 };
      case Op.Clz:
      case Op.Ctz:
      case Op.Popcnt:
        return { lo: 0, hi: 64 };
      case Op.Load:
      case Op.LoadAbs:
      case Op.AtomicLoad: {
        const bits = v.size * 8;
        if (bits >= (v.type === I32 ? 32 : 64)) return full;
        if (v.sub === 0) return { lo: 0, hi: 2 ** bits - 1 };
        return { lo: -(2 ** (bits - 1)), hi: 2 ** (bits - 1) - 1 };
      }
      case Op.Sext: {
        const x = this.of(a);
        const half = 2 ** (v.size * 8 - 1);
        return x.lo >= -half && x.hi < half ? x : { lo: -half, hi: half - 1 };
      }
      case Op.Wrap:
      case Op.ExtendS:
        return this.of(a);
      case Op.ExtendU: {
        const x = this.of(a);
        return x.lo >= 0 ? x : { lo: 0, hi: 0xffffffff };
      }
      case Op.Select: {
        const [x, y] = [this.of(b), this.of(v.args[2] as Value)];
        return { lo: Math.min(x.lo, y.lo), hi: Math.max(x.hi, y.hi) };
      }
      case Op.MemorySize:
        return { lo: 0, hi: 65536 };
    }
    return full;
  }

  private turn(value: Value, op: number): void {
    this.changes.push({ value, op, pointer: undefined, offset: 0, exact: value.exact });
  }

  /** Notes another form of `v` where the ranges at this place allow it. */
  private improve(v: Value): void {
    switch (v.op) {
      case Op.ExtendS:
        if (this.of(v.args[0] as Value).lo >= 0) this.turn(v, Op.ExtendU);
        return;
      case Op.DivS:
      case Op.RemS: {
        const divisor = v.args[1] as Value;
        if (divisor.op !== Op.Const || constBig(divisor) <= 0n) return;
        if (this.of(v.args[0] as Value).lo < 0) return;
        this.turn(v, v.op === Op.DivS ? Op.DivU : Op.RemU);
        return;
      }
      case Op.Load:
      case Op.Store:
        this.improveAddress(v);
        return;
    }
  }

  /** What remains of `v` without its constants, and between what numbers that is if nothing wraps. */
  private rest(v: Value, levels: number): Rest {
    const whole = { value: v, operands: undefined, constant: 0, range: this.of(v) };
    if (levels === 0 || !hasConstant(v, levels)) return whole;
    const [a, b] = v.args as [Value, Value];
    const x = this.rest(a, levels - 1);
    const fixed = b.op === Op.Const ? b.imm : undefined;
    if (v.op === Op.Add && fixed !== undefined) {
      return { ...x, constant: x.constant + fixed };
    }
    const y = this.rest(b, levels - 1);
    const operands: [Rest, Rest] = [x, y];
    const { lo, hi } = x.range;
    switch (v.op) {
      case Op.Add:
        return {
          value: v,
          operands,
          constant: x.constant + y.constant,
          range: { lo: lo + y.range.lo, hi: hi + y.range.hi },
        };
      case Op.Sub:
        return {
          value: v,
          operands,
          constant: x.constant - y.constant,
          range: { lo: lo - y.range.hi, hi: hi - y.range.lo },
        };
      case Op.Mul:
      case Op.Shl: {
        const factor = v.op === Op.Mul ? (fixed as number) : 2 ** ((fixed as number) & 31);
        const [p, q] = [lo * factor, hi * factor];
        return {
          value: v,
          operands,
          constant: x.constant * factor,
          range: { lo: Math.min(p, q), hi: Math.max(p, q) },
        };
      }
    }
    return whole;
  }

  private improveAddress(v: Value): void {
    let pointer = v.args[0] as Value;
    let offset = v.imm;
    while (pointer.op === Op.Add) {
      const [inner, added] = pointer.args as [Value, Value];
      if (added.op !== Op.Const) break;
      const { lo, hi } = this.of(inner);
      // Seen unsigned, neither the parts nor the sum may reach 2³², nor the offset what it encodes.
      const constant = added.imm;
      if (lo < 0 || (constant < 0 ? lo + constant < 0 : hi + constant > 0xffffffff)) break;
      const sum = offset + constant;
      if (sum < 0 || sum >= 0x80000000) break;
      pointer = inner;
      offset = sum;
    }
    const rest = this.rest(pointer, MAX_LEVELS);
    if (rest.operands && rest.constant !== 0) {
      const { lo, hi } = rest.range;
      const sum = offset + rest.constant;
      const isWhole = lo >= 0 && lo + rest.constant >= 0 && hi + rest.constant <= 0xffffffff;
      if (isWhole && hi <= 0xffffffff && sum >= 0 && sum < 0x80000000) {
        const exact = rest.value.op === Op.Shl;
        this.changes.push({ value: v, op: v.op, pointer: rest, offset: sum, exact });
        return;
      }
    }
    let exact = false;
    if (pointer.op === Op.Shl) {
      const [index, count] = pointer.args as [Value, Value];
      const { lo, hi } = this.of(index);
      exact = count.op === Op.Const && lo >= 0 && hi * 2 ** (count.imm & 31) <= 0xffffffff;
    }
    if (exact || pointer !== v.args[0])
      this.changes.push({ value: v, op: v.op, pointer, offset, exact });
  }
}

/** Whether there is a constant in the sums and multiples that make pointer `v`. */
function hasConstant(v: Value, levels: number): boolean {
  const [a, b] = v.args as [Value, Value];
  switch (v.op) {
    case Op.Add:
      if (b.op === Op.Const) return true;
      return levels > 0 && (hasConstant(a, levels - 1) || hasConstant(b, levels - 1));
    case Op.Sub:
      return levels > 0 && (hasConstant(a, levels - 1) || hasConstant(b, levels - 1));
    case Op.Mul:
    case Op.Shl:
      return levels > 0 && b.op === Op.Const && hasConstant(a, levels - 1);
  }
  return false;
}

/** Whether ranges could allow another form of `v`. */
function isImprovable(v: Value): boolean {
  switch (v.op) {
    case Op.ExtendS:
      return true;
    case Op.DivS:
    case Op.RemS:
      return (v.args[1] as Value).op === Op.Const;
    case Op.Load:
    case Op.Store: {
      const pointer = v.args[0] as Value;
      if (pointer.op === Op.Shl && (pointer.args[1] as Value).op === Op.Const) return true;
      return hasConstant(pointer, MAX_LEVELS);
    }
  }
  return false;
}

/** Uses ranges of integers in `f`. `idom` are the immediate dominators by block index. */
export function useRanges(f: Func, idom: Int32Array): void {
  if (f.blocks.some(({ insts }) => insts.some(isImprovable))) new Ranges(f, idom).run();
}
