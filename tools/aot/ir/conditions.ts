// Conditions that are computed from conditions: a branch on "a and b" or "a or b" becomes two
// branches, so that no comparison has to be turned into a number first.
// May assume SSA form, counted uses and no critical edges, and keeps block order and edges so. What
// only the second condition needs is computed behind the first branch, unless it may trap.

import { maxUnsigned } from "./fold.ts";
import { type Block, type Func, isConst, isPure, NONE, Op, type Value } from "./ir.ts";

/** `first` decides alone when its truth is `decides`, and then the whole is `as`; else `second` does. */
interface Pair {
  first: Value;
  second: Value;
  decides: boolean;
  as: boolean;
  /** Whether the whole is the opposite of `second`. */
  negated: boolean;
}

function isZero(v: Value | undefined): boolean {
  return v !== undefined && v.op === Op.Const && v.imm === 0 && v.big === 0n;
}

/** Whether a branch can decide `v` as well as an instruction can compute it. */
function isCondition(v: Value, depth: number): boolean {
  if (v.op === Op.ICmp || v.op === Op.FCmp) return true;
  return v.uses === 1 && pairOf(v, depth) !== undefined;
}

/** The two conditions that the truth of `v` consists of, seen `depth` levels down. */
function pairOf(v: Value, depth = 4): Pair | undefined {
  if (depth === 0) return undefined;
  const [a, b, c] = v.args as [Value, Value, Value];
  switch (v.op) {
    case Op.Select: {
      if (isConst(c)) {
        return { first: a, second: b, decides: false, as: !isZero(c), negated: false };
      }
      if (isConst(b)) {
        return { first: a, second: c, decides: true, as: !isZero(b), negated: false };
      }
      return undefined;
    }
    case Op.And:
      if (!isCondition(a, depth - 1) && !isCondition(b, depth - 1)) return undefined;
      if (maxUnsigned(a) > 1n || maxUnsigned(b) > 1n) return undefined;
      return { first: a, second: b, decides: false, as: false, negated: false };
    case Op.Or:
      if (!isCondition(a, depth - 1) && !isCondition(b, depth - 1)) return undefined;
      return { first: a, second: b, decides: true, as: true, negated: false };
    case Op.ICmp: {
      // x = 0 is the opposite of x.
      if (v.sub !== 0 || !isZero(b) || a.uses !== 1) return undefined;
      const inner = pairOf(a, depth - 1);
      return inner && { ...inner, as: !inner.as, negated: !inner.negated };
    }
  }
  return undefined;
}

/** Moves `v`, and what only it needs, from `from` to the start of `to`, where that cannot be noticed. */
function sink(v: Value, from: Block, to: Block): void {
  const moved = new Set<Value>();
  const work = [v];
  for (let w = work.pop(); w; w = work.pop()) {
    if (w.uses !== 1 || w.block !== from || !isPure(w) || moved.has(w)) continue;
    moved.add(w);
    work.push(...w.args);
  }
  if (moved.size === 0) return;
  to.insts = from.insts.filter((w) => moved.has(w)).concat(to.insts);
  from.insts = from.insts.filter((w) => !moved.has(w));
  for (const w of moved) w.block = to;
}

/** Removes the value that combined both conditions, and those that only negated it. */
function remove(condition: Value, pair: Pair): void {
  for (let v = condition; ; v = v.args[0] as Value) {
    const home = v.block as Block;
    home.insts = home.insts.filter((w) => w !== v);
    if (v.args.includes(pair.first) && v.args.includes(pair.second)) return;
  }
}

class Splitter {
  private readonly f: Func;
  changed = false;

  constructor(f: Func) {
    this.f = f;
  }

  run(): void {
    const order: Block[] = [];
    for (const block of this.f.blocks) {
      const blocks = [block];
      for (let i = 0; i < blocks.length; i++) {
        const first = blocks[i] as Block;
        // New blocks come right behind the one that was split, before what was behind it.
        for (let made = this.split(first); made; made = this.split(first))
          blocks.splice(i + 1, 0, ...made);
      }
      for (const b of blocks) order.push(b);
    }
    this.f.blocks = order;
  }

  private terminate(block: Block, op: number, args: Value[], pos: number, succs: Block[]): void {
    const v = this.f.value(op, NONE, args, pos);
    v.block = block;
    block.term = v;
    block.succs = succs;
    for (const succ of succs) succ.preds.push(block);
  }

  /** Splits the branch at the end of `block`; returns the blocks that are new. */
  private split(block: Block): Block[] | undefined {
    const term = block.term as Value;
    const condition = term.args[0];
    if (term.op !== Op.Br || !condition || condition.uses !== 1) return undefined;
    const pair = pairOf(condition);
    if (!pair) return undefined;
    this.changed = true;
    const [yes, no] = block.succs as [Block, Block];
    const decided = pair.as ? yes : no;
    const other = this.f.newBlock();
    // Both ways to where the first condition may lead, each with a block for its edge.
    const early = this.f.newBlock();
    const late = this.f.newBlock();
    term.args = [pair.first];
    block.succs = pair.decides ? [early, other] : [other, early];
    early.preds = [block];
    other.preds = [block];
    const into = (succ: Block, pred: Block): void => {
      succ.preds[succ.preds.indexOf(block)] = pred;
    };
    const onTrue = pair.negated ? no : yes;
    const onFalse = pair.negated ? yes : no;
    into(decided, early);
    decided.phis.forEach((phi) => {
      phi.args.push(phi.args[0] as Value);
    });
    this.terminate(early, Op.Jump, [], term.pos, []);
    early.succs = [decided];
    this.terminate(late, Op.Jump, [], term.pos, [decided]);
    if (decided === onTrue) {
      into(onFalse, other);
      this.terminate(other, Op.Br, [pair.second], term.pos, []);
      other.succs = [late, onFalse];
    } else {
      into(onTrue, other);
      this.terminate(other, Op.Br, [pair.second], term.pos, []);
      other.succs = [onTrue, late];
    }
    late.preds = [other];
    // The pair itself is dead now; a comparison with zero in between has kept it from its uses.
    remove(condition, pair);
    sink(pair.second, block, other);
    return [other, early, late];
  }
}

/** Splits branches on combined conditions; returns whether there were any. */
export function splitConditions(f: Func): boolean {
  const splitter = new Splitter(f);
  splitter.run();
  return splitter.changed;
}
