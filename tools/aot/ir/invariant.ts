// Loop-invariant code motion: what is dear and the same in every iteration is computed before the loop.
// Operations that are one cheap instruction stay: a register for the whole loop costs more. They move
// along where only what moves needs them.
// May assume numbered blocks with loops found and uses counted. Only pure instructions move, which never
// trap and have no effect: that they are computed although the loop may not run cannot be noticed.

import { type Block, F32, type Func, isPure, type Loop, Op, type Value } from "./ir.ts";

/** Values moved out of one loop at most, by class: integers and floats. */
const MAX_MOVED = 4;

function isDear(v: Value): boolean {
  if (v.op === Op.Mul || v.op === Op.MulHiU || v.op === Op.MulHiS) return true;
  if (v.op >= Op.DivS && v.op <= Op.RemU) return true;
  if (v.op === Op.Clz || v.op === Op.Ctz || v.op === Op.Popcnt) return true;
  return v.op >= Op.FAdd && v.op <= Op.Promote && v.op !== Op.FCmp;
}

function isInside(loop: Loop, block: Block): boolean {
  for (let l = block.loop; l; l = l.parent) if (l === loop) return true;
  return false;
}

class Mover {
  private readonly loop: Loop;
  private readonly before: Block;
  private readonly room = [MAX_MOVED, MAX_MOVED];

  constructor(loop: Loop, before: Block) {
    this.loop = loop;
    this.before = before;
  }

  private isOutside(v: Value): boolean {
    return v.op === Op.Const || v.block === undefined || !isInside(this.loop, v.block);
  }

  /** What has to move so that `v` can, operands first; undefined where something varies. */
  private needed(v: Value, depth: number): Value[] | undefined {
    if (this.isOutside(v)) return [];
    if (depth === 0 || !isPure(v)) return undefined;
    const all: Value[] = [];
    for (const arg of v.args) {
      const more = this.needed(arg, depth - 1);
      if (!more) return undefined;
      for (const w of more) if (!all.includes(w)) all.push(w);
    }
    all.push(v);
    return all;
  }

  /** Returns whether anything moved. */
  run(blocks: Block[]): boolean {
    const { loop, before } = this;
    const moved = new Set<Value>();
    for (let i = loop.header.index; i <= loop.last; i++) {
      const block = blocks[i] as Block;
      if (!isInside(loop, block)) continue;
      for (const v of block.insts) {
        if (!isDear(v) || moved.has(v)) continue;
        const kind = v.type >= F32 ? 1 : 0;
        if ((this.room[kind] as number) === 0) continue;
        const chain = this.needed(v, 4);
        if (!chain || chain.length === 0) continue;
        // What is needed inside as well would be in a register of its own.
        if (chain.some((w) => w !== v && w.uses !== 1)) continue;
        this.room[kind] = (this.room[kind] as number) - 1;
        for (const w of chain) {
          moved.add(w);
          w.block = before;
          before.insts.push(w);
        }
      }
    }
    if (moved.size === 0) return false;
    for (let i = loop.header.index; i <= loop.last; i++) {
      const block = blocks[i] as Block;
      if (block.insts.some((v) => moved.has(v)))
        block.insts = block.insts.filter((v) => !moved.has(v));
    }
    return true;
  }
}

/** Moves dear invariant computations out of the loops of `f`, inner loops first; returns whether there were any. */
export function moveInvariants(f: Func): boolean {
  let moved = false;
  for (let l = f.loops.length - 1; l >= 0; l--) {
    const loop = f.loops[l] as Loop;
    const entries = loop.header.preds.filter((p) => p.index < loop.header.index);
    const before = entries[0];
    // The block before must lead nowhere else.
    if (entries.length !== 1 || !before || before.succs.length !== 1) continue;
    if (new Mover(loop, before).run(f.blocks)) moved = true;
  }
  return moved;
}
