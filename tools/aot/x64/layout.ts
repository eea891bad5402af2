// Order of the blocks in memory: source order, without blocks that do nothing, and with loops
// rotated so that the test of a top-tested loop stands at its bottom (one branch per iteration).
// May assume loops that are contiguous in source order. Guarantees the entry first and each block that
// is a branch target once.

import type { LBlock, LFunc, LLoop } from "../regalloc/lir.ts";
import type { Allocation } from "../regalloc/resolve.ts";
import { M } from "./machine.ts";

/** Whether a block does nothing but jump on, and neither sets up nor leaves the frame. */
function isEmpty(a: Allocation, block: LBlock, framed: Uint8Array): boolean {
  const inFrame = framed[block.index];
  if (inFrame !== framed[block.succs[0]?.index ?? block.index]) return false;
  if (block.preds.some((p) => framed[p.index] !== inFrame)) return false;
  if (block.insts.length !== 1 || block.insts[0]?.op !== M.Jump) return false;
  const stages = a.moves.get(block.first);
  return !stages || stages.every((stage) => stage.length === 0);
}

/** By block index: the block that is reached without blocks that do nothing. */
export function branchTargets(f: LFunc, a: Allocation, framed: Uint8Array): LBlock[] {
  const targets: LBlock[] = [];
  const path: LBlock[] = [];
  for (const block of f.blocks) {
    let b = block;
    path.length = 0;
    while (!targets[b.index]) {
      // Blocks that go round in a circle stay.
      targets[b.index] = b;
      path.push(b);
      if (!isEmpty(a, b, framed)) break;
      b = b.succs[0] as LBlock;
    }
    for (const p of path) targets[p.index] = targets[b.index] as LBlock;
  }
  return targets;
}

function isInside(block: LBlock, loop: LLoop): boolean {
  for (let l = block.loop; l && l.header >= loop.header; l = l.parent) if (l === loop) return true;
  return false;
}

class Layout {
  private readonly f: LFunc;
  private readonly targets: LBlock[];
  readonly order: LBlock[];
  /** Place in the order by block index. */
  private readonly place: Int32Array;

  constructor(f: LFunc, targets: LBlock[]) {
    this.f = f;
    this.targets = targets;
    const entry = f.blocks[0] as LBlock;
    this.order = f.blocks.filter((b) => b === entry || targets[b.index] === b);
    this.place = new Int32Array(f.blocks.length).fill(-1);
    this.order.forEach((b, i) => {
      this.place[b.index] = i;
    });
  }

  /** Moves the header of a top-tested loop behind the loop's last block. */
  rotate(loop: LLoop): void {
    const { order, place, targets } = this;
    const header = this.f.blocks[loop.header] as LBlock;
    const start = place[header.index] as number;
    if (start <= 0) return;
    const test = header.insts[header.insts.length - 1];
    if (test?.op !== M.CmpBr) return;
    const [yes, no] = header.succs.map((s) => targets[s.index]) as [LBlock, LBlock];
    if (isInside(yes, loop) === isInside(no, loop)) return;
    const inside = isInside(yes, loop) ? yes : no;
    if (inside !== order[start + 1]) return;
    // Blocks of the loop that follow the header without a gap.
    let end = start + 1;
    while (end < order.length && isInside(order[end] as LBlock, loop)) end++;
    for (let i = end; i < order.length; i++) {
      const block = order[i] as LBlock;
      if (block.index > loop.last) break;
      if (isInside(block, loop)) return;
    }
    const last = order[end - 1] as LBlock;
    const jump = last.insts[last.insts.length - 1];
    // The last block must go back to the header, and the header on to the block below it.
    if (jump?.op !== M.Jump || targets[(last.succs[0] as LBlock).index] !== header) return;
    order.copyWithin(start, start + 1, end);
    order[end - 1] = header;
    for (let i = start; i < end; i++) place[(order[i] as LBlock).index] = i;
  }
}

/** Blocks in emission order; `targets` are those of `branchTargets`. */
export function layoutBlocks(f: LFunc, targets: LBlock[]): LBlock[] {
  const layout = new Layout(f, targets);
  // Inner loops first: their last block may be the header that was moved.
  const loops = f.loops.slice().sort((a, b) => b.header - a.header);
  for (const loop of loops) layout.rotate(loop);
  return layout.order;
}

/** By block index: the first blocks of innermost loops in emission order. */
export function loopHeads(f: LFunc, order: LBlock[]): Uint8Array {
  const heads = new Uint8Array(f.blocks.length);
  if (f.loops.length === 0) return heads;
  const inner = new Set(f.loops);
  for (const { parent } of f.loops) if (parent) inner.delete(parent);
  for (const block of order) {
    if (block.loop && inner.delete(block.loop)) heads[block.index] = 1;
  }
  return heads;
}
