// Loop unrolling: small innermost loops that count run several times between two tests, so that the counting,
// the branch and the moves of values that go round are done once for all of them.
// Where the number of iterations is known, only the test that can end the loop stays. Where the bound is a
// value that does not change, a copy of the loop runs while all its iterations are certain, and the loop itself
// does the rest.
// May assume numbered blocks with loops found, SSA form without trivial phis, no critical edges. Leaves
// branches and phis to be cleaned up, blocks not numbered and loops not found.

import { copyBlocks } from "./copy.ts";
import { constBig, foldBinary, foldICmp, foldSelect } from "./fold.ts";
import {
  type Block,
  Cond,
  type Func,
  I32,
  isConst,
  isRemovable,
  type Loop,
  NONE,
  Op,
  SWAPPED_COND,
  type Type,
  type Value,
} from "./ir.ts";
import { type Definitions, repairValues } from "./repair.ts";

/** Iterations side by side at most, and instructions of all of them together. */
const MAX_FACTOR = 8;
const MAX_SIZE = 200;
const MAX_SIZE_COUNTED = 48;
/** Blocks of a loop at most. */
const MAX_BLOCKS = 8;

/** Instructions whose own time makes that of a branch vanish, or that take much code. */
function isLong(v: Value): boolean {
  return (
    v.op === Op.Call ||
    v.op === Op.CallIndirect ||
    v.op === Op.Intrinsic ||
    v.op === Op.Switch ||
    (v.op >= Op.MemoryGrow && v.op <= Op.ElemDrop) ||
    (v.op >= Op.AtomicLoad && v.op <= Op.Fence) ||
    v.op === Op.TableGrow ||
    v.op === Op.TableFill
  );
}

/** How a loop counts: it goes on while `cond` holds for `phi + offset` and `bound`. */
interface Counter {
  phi: Value;
  step: bigint;
  offset: bigint;
  cond: number;
  bound: Value;
  /** The block that tests, and the number of the successor that stays in the loop. */
  test: Block;
  stays: number;
}

interface Shape {
  loop: Loop;
  blocks: Block[];
  /** Blocks between those of the loop that are not part of it. */
  others: Block[];
  before: Block;
  latch: Block;
  size: number;
  counter: Counter;
  /** The test comes before whatever an iteration does. */
  isTestedFirst: boolean;
}

function isInside(loop: Loop, block: Block): boolean {
  return block.loop === loop;
}

function isInvariant(loop: Loop, v: Value): boolean {
  return isConst(v) || v.block === undefined || !isInside(loop, v.block);
}

/** The distance from `phi` to `v`, if `v` is the phi or a constant added to it. */
function distance(v: Value, phi: Value): bigint | undefined {
  if (v === phi) return 0n;
  const by = v.args[1];
  return v.op === Op.Add && v.args[0] === phi && by && isConst(by) ? constBig(by) : undefined;
}

function counterOf(loop: Loop, test: Block, latch: Block): Counter | undefined {
  const term = test.term as Value;
  if (term.op !== Op.Br) return undefined;
  const stays = test.succs.findIndex((succ) => isInside(loop, succ));
  if (isInside(loop, test.succs[1 - stays] as Block)) return undefined;
  const asked = term.args[0] as Value;
  if (asked.op !== Op.ICmp) return undefined;
  const { header } = loop;
  const at = header.preds.indexOf(latch);
  for (const swapped of [false, true]) {
    const [a, bound] = (swapped ? [asked.args[1], asked.args[0]] : asked.args) as [Value, Value];
    if (!isInvariant(loop, bound)) continue;
    const phi = a.op === Op.Phi ? a : (a.args[0] as Value | undefined);
    if (!phi || phi.op !== Op.Phi || phi.block !== header) continue;
    const offset = distance(a, phi);
    const step = distance(phi.args[at] as Value, phi);
    if (offset === undefined || step === undefined || step === 0n) continue;
    const cond = swapped ? (SWAPPED_COND[asked.sub] as number) : asked.sub;
    return { phi, step, offset, cond: stays === 0 ? cond : cond ^ 1, bound, test, stays };
  }
  return undefined;
}

/** What is to be known about a loop that can be unrolled. */
function shapeOf(f: Func, loop: Loop): Shape | undefined {
  const { header } = loop;
  const blocks: Block[] = [];
  const others: Block[] = [];
  let size = 0;
  for (let i = header.index; i <= loop.last; i++) {
    const block = f.blocks[i] as Block;
    if (!isInside(loop, block)) {
      // Not what has loops of its own.
      if (block.loop && block.loop.header.index >= header.index) return undefined;
      others.push(block);
      continue;
    }
    blocks.push(block);
    size += block.insts.length;
    if (blocks.length > MAX_BLOCKS || size > MAX_SIZE / 2) return undefined;
    if (block.insts.some(isLong) || isLong(block.term as Value)) return undefined;
  }
  const latches = header.preds.filter((p) => p.index >= header.index);
  const entries = header.preds.filter((p) => p.index < header.index);
  const [latch, before] = [latches[0], entries[0]];
  if (latches.length !== 1 || entries.length !== 1 || !latch || !before) return undefined;
  if (before.succs.length !== 1 || (latch.term as Value).op !== Op.Jump) return undefined;
  const exits = blocks.flatMap(({ succs }) => succs).filter((succ) => !isInside(loop, succ));
  if (exits.length === 0 || exits.some((e) => e.preds.length > 1 || e.phis.length > 0))
    return undefined;
  const bottom =
    latch.preds.length === 1 && latch.insts.length === 0 ? (latch.preds[0] as Block) : latch;
  const counter = counterOf(loop, header, latch) ?? counterOf(loop, bottom, latch);
  if (!counter) return undefined;
  const isTestedFirst =
    counter.test === header && header.insts.every((v) => isRemovable(v) || v.op === Op.Load);
  return { loop, blocks, others, before, latch, size, counter, isTestedFirst };
}

/** How often the test of a loop passes before it fails, where that is known. */
function passes({ before, loop, counter }: Shape): bigint | undefined {
  const { phi, step, offset, bound } = counter;
  const start = phi.args[loop.header.preds.indexOf(before)] as Value;
  if (!isConst(start) || !isConst(bound)) return undefined;
  const bits = phi.type === I32 ? 32 : 64;
  const wide = 1n << BigInt(bits);
  const isUnsigned = counter.cond >= Cond.LtU;
  const seen = (x: bigint): bigint =>
    isUnsigned ? BigInt.asUintN(bits, x) : BigInt.asIntN(bits, x);
  const [least, most] = isUnsigned ? [0n, wide - 1n] : [-wide / 2n, wide / 2n - 1n];
  const first = seen(constBig(start) + offset);
  const end = seen(constBig(bound));
  let count: bigint;
  switch (counter.cond) {
    case Cond.Ne: {
      const way = end - first;
      return way % step === 0n && way / step >= 0n ? way / step : undefined;
    }
    case Cond.LtS:
    case Cond.LtU:
      count = first >= end ? 0n : (end - first + step - 1n) / step;
      if (step < 0n) return undefined;
      break;
    case Cond.LeS:
    case Cond.LeU:
      count = first > end ? 0n : (end - first) / step + 1n;
      if (step < 0n) return undefined;
      break;
    case Cond.GtS:
    case Cond.GtU:
      count = first <= end ? 0n : (first - end - step - 1n) / -step;
      if (step > 0n) return undefined;
      break;
    case Cond.GeS:
    case Cond.GeU:
      count = first < end ? 0n : (first - end) / -step + 1n;
      if (step > 0n) return undefined;
      break;
    default:
      return undefined;
  }
  const last = first + count * step;
  return last >= least && last <= most ? count : undefined;
}

class Unroller {
  private readonly f: Func;
  private readonly definitions: Definitions = new Map();
  /** What comes before the first block of a loop and behind its last one, and what has left its place. */
  private readonly ahead = new Map<Block, Block[]>();
  private readonly behind = new Map<Block, Block[]>();
  private readonly moved = new Set<Block>();
  changed = false;

  constructor(f: Func) {
    this.f = f;
  }

  run(): void {
    const { f } = this;
    const parents = new Set(f.loops.map(({ parent }) => parent));
    for (const loop of f.loops) {
      const shape = parents.has(loop) ? undefined : shapeOf(f, loop);
      if (shape) this.unroll(shape);
    }
    if (!this.changed) return;
    f.blocks = f.blocks.flatMap((block) => {
      const ahead = this.ahead.get(block) ?? [];
      const behind = this.behind.get(block) ?? [];
      return this.moved.has(block) ? behind : [...ahead, block, ...behind];
    });
    repairValues(f, this.definitions);
  }

  private unroll(shape: Shape): void {
    const count = passes(shape);
    const fits = (factor: number): boolean => shape.size * factor <= MAX_SIZE;
    if (count !== undefined) {
      // The number of the test that fails, from 0: it is always the same copy's.
      for (let factor = MAX_FACTOR; factor > 1; factor >>= 1) {
        const tests = shape.isTestedFirst ? count : count + 1n;
        if (!fits(factor) || tests < BigInt(factor) || tests % BigInt(factor) !== 0n) continue;
        this.repeat(shape, factor, Number(count % BigInt(factor)));
        return;
      }
    }
    if (count !== undefined && count < 4 * MAX_FACTOR) return;
    for (let factor = MAX_FACTOR / 2; factor > 1; factor >>= 1) {
      if (shape.size * factor > MAX_SIZE_COUNTED) continue;
      this.split(shape, factor);
      return;
    }
  }

  /** A block that only jumps to `to`, to which it is a new way. */
  private edge(from: Block, to: Block): Block {
    const block = this.f.newBlock();
    const jump = this.f.value(Op.Jump, NONE, [], (from.term as Value).pos);
    jump.block = block;
    block.term = jump;
    block.preds = [from];
    block.succs = [to];
    to.preds.push(block);
    return block;
  }

  private define(v: Value, block: Block, as: Value): void {
    let known = this.definitions.get(v);
    if (!known) {
      known = new Map();
      this.definitions.set(v, known);
    }
    known.set(block, as);
  }

  /** Leaves out the test in `block`, which is a copy of the loop's. */
  private pass(block: Block, stays: number): void {
    const term = block.term as Value;
    term.op = Op.Jump;
    term.args = [];
    block.succs = [block.succs[stays] as Block];
  }

  /** Copies of the loop's blocks, one after the other, that go round from the last to the first. */
  private copies(shape: Shape, factor: number): { all: Block[][]; first: Map<Value, Value> } {
    const { loop, blocks, latch, before } = shape;
    const { header } = loop;
    const back = header.preds.indexOf(latch);
    const end = blocks.indexOf(latch);
    const all: Block[][] = [];
    const first = new Map<Value, Value>();
    let values = first;
    for (let n = 0; n < factor; n++) {
      const copies = copyBlocks(this.f, blocks, values);
      blocks.forEach((block, i) => {
        const copy = copies[i] as Block;
        for (const v of block.phis) this.define(v, copy, values.get(v) as Value);
        for (const v of block.insts) this.define(v, copy, values.get(v) as Value);
      });
      const from = all[n - 1]?.[end];
      const top = copies[0] as Block;
      if (from) {
        top.preds = [from];
        from.succs = [top];
      }
      all.push(copies);
      // What the header's phis are next time round.
      const next = new Map<Value, Value>();
      for (const phi of header.phis) {
        const arg = phi.args[back] as Value;
        next.set(phi, values.get(arg) ?? arg);
      }
      values = next;
    }
    const top = all[0]?.[0] as Block;
    const bottom = all[factor - 1]?.[end] as Block;
    before.succs = [top];
    bottom.succs = [top];
    top.preds[back] = bottom;
    header.phis.forEach((phi, i) => {
      (top.phis[i] as Value).args[back] = values.get(phi) as Value;
    });
    return { all, first };
  }

  /** Gives the ways out of copies blocks of their own, as their targets get more predecessors. */
  private leave(all: Block[][]): Block[] {
    const edges: Block[] = [];
    for (const block of all.flat()) {
      block.succs = block.succs.map((succ) => {
        if (succ.index < 0) return succ;
        const edge = this.edge(block, succ);
        edges.push(edge);
        return edge;
      });
    }
    return edges;
  }

  /** Puts `order` behind the loop's last block, and behind it what stood between the loop's blocks. */
  private place({ loop, others }: Shape, order: Block[]): void {
    for (const block of others) this.moved.add(block);
    this.behind.set(this.f.blocks[loop.last] as Block, [...order, ...others]);
    this.changed = true;
  }

  /** Repeats the loop's body `factor` times, with the test in repetition `tested` alone. */
  private repeat(shape: Shape, factor: number, tested: number): void {
    const { blocks, counter } = shape;
    const { all } = this.copies(shape, factor);
    const test = blocks.indexOf(counter.test);
    all.forEach((copies, n) => {
      if (n !== tested) this.pass(copies[test] as Block, counter.stays);
    });
    for (const target of this.exits(shape)) target.preds = [];
    const edges = this.leave(all);
    for (const block of blocks) this.moved.add(block);
    this.place(shape, [...all.flat(), ...edges]);
  }

  /**
   * The bound of the test behind which `ahead` further iterations are certain, computed before the loop;
   * undefined where that cannot be said.
   */
  private certain(
    { before, counter }: Shape,
    ahead: bigint,
  ): { cond: number; bound: Value } | undefined {
    const { f } = this;
    const { phi, step } = counter;
    const { type } = phi;
    const bits = type === I32 ? 32 : 64;
    let { cond, bound } = counter;
    const isUnsigned = cond >= Cond.LtU;
    const least = isUnsigned ? 0n : -(1n << BigInt(bits - 1));
    const most = (1n << BigInt(isUnsigned ? bits : bits - 1)) - 1n;
    if (isConst(bound)) {
      const value = isUnsigned ? BigInt.asUintN(bits, constBig(bound)) : constBig(bound);
      if ((cond === Cond.LeS || cond === Cond.LeU) && value < most) {
        cond = cond === Cond.LeS ? Cond.LtS : Cond.LtU;
        bound = f.bits(type, value + 1n);
      } else if ((cond === Cond.GeS || cond === Cond.GeU) && value > least) {
        cond = cond === Cond.GeS ? Cond.GtS : Cond.GtU;
        bound = f.bits(type, value - 1n);
      }
    }
    const up = cond === Cond.LtS || cond === Cond.LtU;
    if (!up && cond !== Cond.GtS && cond !== Cond.GtU) return undefined;
    if (up !== step > 0n) return undefined;
    const way = step * ahead;
    if (way > 0x40000000n || way < -0x40000000n) return undefined;
    const emit = (op: number, t: Type, args: Value[]): Value => {
      const v = f.value(op, t, args, phi.pos);
      v.block = before;
      before.insts.push(v);
      return v;
    };
    // Where the nearer bound would wrap, no iteration is certain.
    const [none, last] = up ? [least, least + way] : [most, most + way];
    const reach = isUnsigned ? (up ? Cond.GeU : Cond.LeU) : up ? Cond.GeS : Cond.LeS;
    const inReach = foldICmp(f, reach, bound, f.bits(type, last), emit);
    const nearer = foldBinary(f, Op.Sub, type, bound, f.bits(type, way), emit);
    return { cond, bound: foldSelect(inReach, nearer, f.bits(type, none), emit) };
  }

  /** Lets `factor` iterations at once run while that many are certain; the loop itself does the rest. */
  private split(shape: Shape, factor: number): void {
    const { loop, blocks, before, counter } = shape;
    const { header } = loop;
    // Where the loop goes on it tests again, and does again what came before the test.
    if (!shape.isTestedFirst) return;
    const certain = this.certain(shape, BigInt(factor - 1));
    if (!certain) return;
    const { all, first } = this.copies(shape, factor);
    all.forEach((copies, n) => {
      if (n > 0) this.pass(copies[0] as Block, counter.stays);
    });
    const top = all[0]?.[0] as Block;
    const term = top.term as Value;
    const asked = header.term?.args[0]?.args as Value[];
    const counted = asked.find((v) => !isInvariant(loop, v)) as Value;
    const test = this.f.value(Op.ICmp, I32, [first.get(counted) as Value, certain.bound], term.pos);
    test.sub = counter.stays === 0 ? certain.cond : certain.cond ^ 1;
    test.block = top;
    top.insts.push(test);
    term.args = [test];
    // The way out of the copies' test leads to the loop, other ways out to where the loop's own go.
    const entry = header.preds.indexOf(before);
    top.succs[1 - counter.stays] = header;
    const edge = this.edge(top, header);
    header.preds.pop();
    header.preds[entry] = edge;
    top.succs[1 - counter.stays] = edge;
    for (const phi of header.phis) phi.args[entry] = first.get(phi) as Value;
    const shared = this.exits(shape).filter((target) =>
      all.some((copies) => copies.some(({ succs }) => succs.includes(target))),
    );
    const own: Block[] = [];
    for (const target of shared) {
      target.preds = [];
      for (const block of blocks) {
        if (!block.succs.includes(target)) continue;
        const way = this.edge(block, target);
        own.push(way);
        block.succs = block.succs.map((succ) => (succ === target ? way : succ));
      }
    }
    this.ahead.set(header, [...all.flat(), edge, ...this.leave(all)]);
    this.place(shape, own);
  }

  private exits({ loop, blocks }: Shape): Block[] {
    return blocks.flatMap(({ succs }) => succs).filter((succ) => !isInside(loop, succ));
  }
}

/** Unrolls loops of `f`; returns whether there were any. */
export function unrollLoops(f: Func): boolean {
  const unroller = new Unroller(f);
  unroller.run();
  return unroller.changed;
}
