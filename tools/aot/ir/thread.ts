// Jump threading: where a predecessor of a join already knows how the join's branch goes, it goes
// there itself. What is known are constants and comparisons that come in through phis, and the outcome
// of branches above. Joins that only pass on phis of their own are left out of the way first.
// May assume numbered blocks and their dominators, SSA form without trivial phis, and no critical edges; keeps the order of
// blocks. Loop headers stay as they are, so control flow stays reducible.

import { type Block, Cond, type Func, isConst, isPure, NONE, Op, type Value } from "./ir.ts";
import { type Definitions, repairValues } from "./repair.ts";
import { refold } from "./simplify.ts";

/** Instructions that a join may have besides its branch. */
const MAX_COPIED = 3;
/** Dominators that are asked what is known. */
const MAX_ASKED = 12;

function isHeader(block: Block): boolean {
  return block.preds.some((p) => p.index >= block.index);
}

/** The value whose truth decides `v`, and whether it does so inverted. */
function truthOf(v: Value): { value: Value; inverted: boolean } {
  let value = v;
  let inverted = false;
  while (
    value.op === Op.ICmp &&
    (value.sub === Cond.Eq || value.sub === Cond.Ne) &&
    isConst(value.args[1] as Value) &&
    (value.args[1] as Value).imm === 0 &&
    (value.args[1] as Value).big === 0n
  ) {
    if (value.sub === Cond.Eq) inverted = !inverted;
    value = value.args[0] as Value;
  }
  return { value, inverted };
}

/** Whether two values are computed alike from the same operands, or (-1) are opposite comparisons. */
function sameValue(a: Value, b: Value): number {
  if (a === b) return 1;
  if (a.op !== b.op || (a.op !== Op.ICmp && a.op !== Op.FCmp)) return 0;
  if (a.args[0] !== b.args[0] || a.args[1] !== b.args[1]) return 0;
  if (a.sub === b.sub) return 1;
  return a.sub === (b.sub ^ 1) ? -1 : 0;
}

class Threader {
  private readonly f: Func;
  private readonly idom: Int32Array;
  /** By block: blocks to be placed right behind it. */
  private readonly inserted = new Map<Block, Block[]>();
  /** By value of a join that some paths now go around: its values by the block they are known in. */
  private readonly around: Definitions = new Map();
  changed = false;

  constructor(f: Func, idom: Int32Array) {
    this.f = f;
    this.idom = idom;
  }

  run(): void {
    for (const block of this.f.blocks) this.decide(block);
    // The outcome of branches above was asked in terms of blocks that are still as they were.
    for (const block of this.f.blocks) if (this.isCandidate(block)) this.thread(block);
    if (this.inserted.size > 0) this.place();
    repairValues(this.f, this.around);
  }

  /** Puts constants where dominating branches tell the outcome of a branch or of a comparison. */
  private decide(block: Block): void {
    for (const phi of block.phis) {
      phi.args.forEach((arg, i) => {
        if (arg.op !== Op.ICmp && arg.op !== Op.FCmp) return;
        const known = this.known(arg, block.preds[i] as Block);
        if (known !== undefined) phi.args[i] = this.f.i32(known ? 1 : 0);
      });
    }
    const term = block.term as Value;
    if (term.op !== Op.Br || isConst(term.args[0] as Value)) return;
    const known = this.known(term.args[0] as Value, block);
    if (known === undefined) return;
    term.args = [this.f.i32(known ? 1 : 0)];
    this.changed = true;
  }

  /** Whether `v` is true at the end of `block`, if branches above tell. */
  private known(v: Value, block: Block): boolean | undefined {
    const { value, inverted } = truthOf(v);
    let at = block;
    for (let n = 0; n < MAX_ASKED && at.index > 0; n++) {
      const pred = at.preds[0] as Block;
      const term = pred.term as Value;
      if (at.preds.length === 1 && term.op === Op.Br && pred.succs[0] !== pred.succs[1]) {
        const asked = truthOf(term.args[0] as Value);
        const same = sameValue(value, asked.value);
        if (same !== 0) {
          const truth = (pred.succs[0] === at) !== asked.inverted;
          return (same > 0 ? truth : !truth) !== inverted;
        }
      }
      at = this.f.blocks[this.idom[at.index] as number] as Block;
    }
    return undefined;
  }

  private isCandidate(block: Block): boolean {
    const term = block.term as Value;
    if (block.preds.length < 2 || block.phis.length === 0) return false;
    if (term.op !== Op.Br && term.op !== Op.Switch) return false;
    if (block.insts.length > MAX_COPIED || !block.insts.every(isPure)) return false;
    if (!block.preds.every((p) => (p.term as Value).op === Op.Jump)) return false;
    return block.index > 0 && !isHeader(block);
  }

  private thread(join: Block): void {
    this.bypass(join);
    for (const pred of join.preds.slice()) {
      // One predecessor may stay behind, it is merged with the join.
      if (join.preds.length < 2) return;
      this.threadFrom(join, pred);
    }
  }

  /** Lets what jumps to a block that only passes phis on to `join` jump to `join`. */
  private bypass(join: Block): void {
    for (let i = 0; i < join.preds.length; i++) {
      const pred = join.preds[i] as Block;
      if (pred.insts.length > 0 || pred.phis.length === 0 || isHeader(pred)) continue;
      if (this.around.has(pred.phis[0] as Value)) continue;
      // Each phi must go into phis of the join and nowhere else.
      const passed = pred.phis.every(
        (phi) => phi.uses === join.phis.filter((p) => p.args[i] === phi).length,
      );
      if (!passed) continue;
      const sources = pred.preds;
      sources.forEach((source, s) => {
        source.succs = [join];
        join.preds.push(source);
        for (const phi of join.phis) {
          const arg = phi.args[i] as Value;
          phi.args.push(arg.op === Op.Phi && arg.block === pred ? (arg.args[s] as Value) : arg);
        }
      });
      join.preds.splice(i, 1);
      for (const phi of join.phis) phi.args.splice(i, 1);
      pred.preds = [];
      pred.phis = [];
      pred.succs = [];
      this.changed = true;
      i--;
    }
  }

  private threadFrom(join: Block, pred: Block): void {
    const { f } = this;
    const i = join.preds.indexOf(pred);
    const values = new Map<Value, Value>();
    for (const phi of join.phis) values.set(phi, phi.args[i] as Value);
    const made: Value[] = [];
    for (const v of join.insts) {
      const copy = f.value(
        v.op,
        v.type,
        v.args.map((a) => values.get(a) ?? a),
        v.pos,
      );
      copy.sub = v.sub;
      copy.size = v.size;
      copy.imm = v.imm;
      copy.aux = v.aux;
      const folded = refold(f, copy, (op, type, args) => {
        const part = f.value(op, type, args, v.pos);
        part.block = pred;
        made.push(part);
        return part;
      });
      if (!folded) made.push(copy);
      copy.block = pred;
      values.set(v, folded ?? copy);
    }
    const term = join.term as Value;
    const asked = term.args[0] as Value;
    const condition = values.get(asked) ?? asked;
    if (condition === asked) return;
    const target = this.target(term, condition, pred);
    if (target === undefined) {
      // A comparison that only goes through the phi is made by the branch itself.
      const direct =
        (condition.op === Op.ICmp || condition.op === Op.FCmp) &&
        condition.uses <= 1 &&
        join.insts.length <= 1 &&
        term.op === Op.Br;
      if (!direct) return;
    }
    this.changed = true;
    this.split(join);
    join.preds.splice(i, 1);
    for (const phi of join.phis) phi.args.splice(i, 1);
    for (const v of [...join.phis, ...join.insts]) {
      let known = this.around.get(v);
      if (!known) {
        known = new Map();
        this.around.set(v, known);
      }
      known.set(pred, values.get(v) as Value);
    }
    for (const v of made) pred.insts.push(v);
    const targets = join.succs.map((s) => s.succs[0] as Block);
    const pos = (pred.term as Value).pos;
    if (target !== undefined) {
      const to = targets[target] as Block;
      pred.succs = [to];
      to.preds.push(pred);
      return;
    }
    const branch = f.value(term.op, NONE, [condition], pos);
    branch.block = pred;
    pred.term = branch;
    pred.succs = targets.map((to) => this.edge(pred, to, pos));
  }

  /** Number of the successor that the join's branch on `condition` takes, if that is known. */
  private target(term: Value, condition: Value, pred: Block): number | undefined {
    if (isConst(condition)) {
      if (term.op === Op.Br) return condition.imm !== 0 ? 0 : 1;
      const table = term.aux as number[];
      return table[Math.min(condition.imm >>> 0, table.length - 1)] as number;
    }
    if (term.op !== Op.Br) return undefined;
    const known = this.known(condition, pred);
    return known === undefined ? undefined : known ? 0 : 1;
  }

  /** A new block for the edge from `from` to `to`. */
  private edge(from: Block, to: Block, pos: number): Block {
    const block = this.f.newBlock();
    const jump = this.f.value(Op.Jump, NONE, [], pos);
    jump.block = block;
    block.term = jump;
    block.index = from.index;
    block.preds = [from];
    block.succs = [to];
    to.preds.push(block);
    const list = this.inserted.get(from);
    if (list) list.push(block);
    else this.inserted.set(from, [block]);
    return block;
  }

  /** Gives each way out of `join` a block of its own, as its targets get more predecessors. */
  private split(join: Block): void {
    const { pos } = join.term as Value;
    join.succs = join.succs.map((to) => {
      if (this.inserted.get(join)?.includes(to)) return to;
      to.preds.splice(to.preds.indexOf(join), 1);
      return this.edge(join, to, pos);
    });
  }

  private place(): void {
    const order: Block[] = [];
    for (const block of this.f.blocks) {
      order.push(block, ...(this.inserted.get(block) ?? []));
    }
    this.f.blocks = order;
  }
}

/**
 * Threads jumps once through `f`; returns whether anything changed. Needs `numberBlocks` and uses; `idom` are
 * the immediate dominators by block index.
 */
export function threadJumps(f: Func, idom: Int32Array): boolean {
  const threader = new Threader(f, idom);
  threader.run();
  return threader.changed;
}
