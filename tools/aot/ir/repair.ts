// Repair of SSA form where a value has got further definitions: each use is given the one that reaches it, by
// phis where several do. After Braun and others, "Simple and Efficient Construction of Static Single
// Assignment Form" (CC 2013), from each use upwards, as such values have few.
// May assume that predecessors are known; leaves trivial phis behind.

import { type Block, type Func, Op, type Value } from "./ir.ts";

/** By value: what stands for it from the end of other blocks on. */
export type Definitions = Map<Value, Map<Block, Value>>;

/** Gives each use of a value in `around` the definition that reaches it. */
export function repairValues(f: Func, around: Definitions): void {
  if (around.size === 0) return;
  const starts = new Map<Value, Map<Block, Value>>();
  const pending: { phi: Value; value: Value; block: Block }[] = [];
  const atEnd = (value: Value, block: Block): Value => {
    let v = value;
    for (let at = block; ; ) {
      const known = around.get(v);
      if (!known || at === v.block) return v;
      const there = known.get(at);
      if (there) {
        if (there === v) return v;
        v = there;
        continue;
      }
      // A path that does not come from the value at all is one that cannot be taken.
      if (at.preds.length === 0) return v;
      if (at.preds.length > 1) return joined(v, at);
      at = at.preds[0] as Block;
    }
  };
  const joined = (value: Value, block: Block): Value => {
    let phis = starts.get(value);
    if (!phis) {
      phis = new Map();
      starts.set(value, phis);
    }
    let phi = phis.get(block);
    if (!phi) {
      phi = f.value(Op.Phi, value.type, [], value.pos);
      phi.block = block;
      phis.set(block, phi);
      pending.push({ phi, value, block });
    }
    return phi;
  };
  const atStart = (value: Value, block: Block): Value => {
    if (!around.has(value) || block === value.block || block.preds.length === 0) return value;
    return block.preds.length > 1 ? joined(value, block) : atEnd(value, block.preds[0] as Block);
  };
  for (const block of f.blocks) {
    for (const phi of block.phis) {
      for (let i = 0; i < phi.args.length; i++) {
        phi.args[i] = atEnd(phi.args[i] as Value, block.preds[i] as Block);
      }
    }
    const rewrite = (v: Value): void => {
      for (let i = 0; i < v.args.length; i++) v.args[i] = atStart(v.args[i] as Value, block);
    };
    block.insts.forEach(rewrite);
    rewrite(block.term as Value);
  }
  for (let p = pending.pop(); p; p = pending.pop()) {
    const { phi, value, block } = p;
    phi.args = block.preds.map((pred) => atEnd(value, pred));
    block.phis.push(phi);
  }
}
