// Phi simplification and dead code elimination: the passes every function needs before lowering.
// Both may assume SSA form only. Afterwards no phi is trivial; after dead code elimination each value
// has a use or an effect, and `uses` is right.

import { type Func, isRemovable, type Value } from "./ir.ts";

/** Follows and shortens a chain of replacements. */
export class Replacements {
  private readonly map = new Map<Value, Value>();

  get size(): number {
    return this.map.size;
  }

  set(from: Value, to: Value): void {
    this.map.set(from, to);
  }

  has(v: Value): boolean {
    return this.map.has(v);
  }

  of(v: Value): Value {
    let to = this.map.get(v);
    if (!to) return v;
    for (let next = this.map.get(to); next; next = this.map.get(to)) to = next;
    this.map.set(v, to);
    return to;
  }

  /** Rewrites all operands of the function. */
  apply(f: Func): void {
    if (this.map.size === 0) return;
    const rewrite = (v: Value): void => {
      const { args } = v;
      for (let i = 0; i < args.length; i++) args[i] = this.of(args[i] as Value);
    };
    for (const block of f.blocks) {
      block.phis.forEach(rewrite);
      block.insts.forEach(rewrite);
      rewrite(block.term as Value);
    }
  }
}

/** Removes phis whose operands are all the same value (or the phi itself). */
export function removeTrivialPhis(f: Func): void {
  const r = new Replacements();
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of f.blocks) {
      for (const phi of block.phis) {
        if (r.has(phi)) continue;
        let same: Value | undefined;
        let trivial = true;
        for (const arg of phi.args) {
          const v = r.of(arg);
          if (v === phi || v === same) continue;
          if (same) {
            trivial = false;
            break;
          }
          same = v;
        }
        if (trivial && same) {
          r.set(phi, same);
          changed = true;
        }
      }
    }
  }
  if (r.size === 0) return;
  const isKept = (phi: Value): boolean => !r.has(phi);
  for (const block of f.blocks) {
    if (!block.phis.every(isKept)) block.phis = block.phis.filter(isKept);
  }
  r.apply(f);
}

/** Removes instructions and phis without a live use and without an effect; sets `uses`. */
export function removeDeadCode(f: Func): void {
  for (const block of f.blocks) {
    for (const v of block.phis) v.uses = 0;
    for (const v of block.insts) v.uses = 0;
  }
  for (const p of f.params) p.uses = 0;
  const work: Value[] = [];
  const use = (v: Value): void => {
    // What has an effect uses its operands in any case.
    if (v.uses++ === 0 && isRemovable(v)) work.push(v);
  };
  for (const block of f.blocks) {
    for (const v of block.insts) if (!isRemovable(v)) v.args.forEach(use);
    (block.term as Value).args.forEach(use);
  }
  for (let v = work.pop(); v; v = work.pop()) v.args.forEach(use);
  const isLive = (v: Value): boolean => v.uses > 0 || !isRemovable(v);
  for (const block of f.blocks) {
    if (!block.insts.every(isLive)) block.insts = block.insts.filter(isLive);
    if (!block.phis.every(isLive)) block.phis = block.phis.filter(isLive);
  }
}
