// Control flow graph: numbering, natural loops, dominators, and its clean-up (constant branches,
// unreachable blocks, straight-line merging). The block order of the builder is kept: dominators
// come first and loops are contiguous.
// Each pass may assume SSA form and keeps it, phis parallel to predecessors, and no critical edges;
// those that need numbers or dominators say so.

import { type Block, type Func, type Loop, Op, type Value } from "./ir.ts";

export function numberBlocks(f: Func): void {
  f.blocks.forEach((block, i) => {
    block.index = i;
  });
}

function removePred(block: Block, pred: Block): void {
  const i = block.preds.indexOf(pred);
  block.preds.splice(i, 1);
  for (const phi of block.phis) phi.args.splice(i, 1);
}

/** Turns the branch at the end of `block`, on constant `cond`, into a jump. */
function foldBranch(block: Block, cond: Value): void {
  const term = block.term as Value;
  let taken: number;
  if (term.op === Op.Br) taken = cond.imm !== 0 ? 0 : 1;
  else {
    const table = term.aux as number[];
    taken = table[Math.min(cond.imm >>> 0, table.length - 1)] as number;
  }
  const target = block.succs[taken] as Block;
  block.succs.forEach((succ, i) => {
    if (i !== taken) removePred(succ, block);
  });
  block.succs = [target];
  term.op = Op.Jump;
  term.args = [];
}

/** Turns branches on constants into jumps; returns whether there were any. */
export function foldBranches(f: Func): boolean {
  let folded = false;
  for (const block of f.blocks) {
    const term = block.term as Value;
    const cond = term.args[0];
    if (cond?.op !== Op.Const || (term.op !== Op.Br && term.op !== Op.Switch)) continue;
    foldBranch(block, cond);
    folded = true;
  }
  return folded;
}

/** Drops blocks that cannot be reached from the entry. */
export function removeUnreachable(f: Func): void {
  const reached = new Uint8Array(f.blockCount);
  const isReached = (block: Block): boolean => reached[block.id] === 1;
  let count = 0;
  const work = [f.blocks[0] as Block];
  for (let block = work.pop(); block; block = work.pop()) {
    if (isReached(block)) continue;
    reached[block.id] = 1;
    count++;
    for (const succ of block.succs) if (!isReached(succ)) work.push(succ);
  }
  if (count === f.blocks.length) return;
  for (const block of f.blocks) {
    if (isReached(block)) continue;
    for (const succ of block.succs) if (isReached(succ)) removePred(succ, block);
  }
  f.blocks = f.blocks.filter(isReached);
}

/** Puts what `block` computes before `succ`, which follows it alone. */
function prepend(block: Block, succ: Block): void {
  succ.insts = block.insts.concat(succ.insts);
  succ.phis = block.phis;
  succ.preds = block.preds;
  for (const v of succ.insts) v.block = succ;
  for (const v of succ.phis) v.block = succ;
  for (const pred of block.preds) {
    pred.succs = pred.succs.map((s) => (s === block ? succ : s));
  }
}

/**
 * Merges a block into its only successor where that has no other predecessor. The merged code
 * stays at the successor's place, which keeps loops contiguous.
 */
export function mergeBlocks(f: Func): void {
  const dead = new Set<Block>();
  for (const block of f.blocks) {
    const succ = block.succs[0];
    if (block.succs.length !== 1 || !succ || succ.preds.length !== 1 || succ.phis.length > 0)
      continue;
    if (succ === block || block === f.blocks[0]) continue;
    dead.add(block);
    prepend(block, succ);
  }
  if (dead.size > 0) f.blocks = f.blocks.filter((block) => !dead.has(block));
  // The entry block absorbs its successor in place instead.
  for (;;) {
    const entry = f.blocks[0] as Block;
    const succ = entry.succs[0];
    if (entry.succs.length !== 1 || !succ || succ.preds.length !== 1 || succ.phis.length > 0) break;
    if (f.blocks[1] !== succ) break;
    for (const v of succ.insts) v.block = entry;
    entry.insts = entry.insts.concat(succ.insts);
    entry.term = succ.term;
    (entry.term as Value).block = entry;
    entry.succs = succ.succs;
    for (const s of succ.succs) s.preds = s.preds.map((p) => (p === succ ? entry : p));
    f.blocks.splice(1, 1);
  }
}

/**
 * Returns directly where a block only jumps to a return: an epilogue is shorter than the way there
 * is long, and paths without calls need no frame. Says whether there were any.
 */
export function duplicateReturns(f: Func): boolean {
  const dead = new Set<Block>();
  for (const block of f.blocks) {
    const term = block.term as Value;
    if (term.op !== Op.Return || block.insts.length > 0 || block.preds.length < 2) continue;
    if (!block.preds.every((p) => (p.term as Value).op === Op.Jump) || block.preds.length > 8)
      continue;
    block.preds.forEach((pred, i) => {
      const args = term.args.map((arg) => {
        const phi = block.phis.indexOf(arg);
        return phi < 0 ? arg : ((block.phis[phi] as Value).args[i] as Value);
      });
      const copy = f.value(Op.Return, 0, args, term.pos);
      copy.block = pred;
      pred.term = copy;
      pred.succs = [];
    });
    dead.add(block);
  }
  if (dead.size > 0) f.blocks = f.blocks.filter((block) => !dead.has(block));
  return dead.size > 0;
}

/**
 * Finds natural loops, outer ones first, and sets `loop`, `depth` of blocks. Needs `numberBlocks`.
 * Inner loops come first and are stepped over as a whole afterwards (Havlak 1997), so that nesting
 * costs nothing.
 */
export function findLoops(f: Func): void {
  f.loops = [];
  for (const block of f.blocks) {
    block.loop = undefined;
    block.depth = 0;
  }
  // By block: the header of the outermost loop known around it, or the block itself.
  const around = Int32Array.from(f.blocks, (_, i) => i);
  const outermost = (index: number): number => {
    let root = index;
    while (around[root] !== root) root = around[root] as number;
    for (let i = index; i !== root; ) {
      const next = around[i] as number;
      around[i] = root;
      i = next;
    }
    return root;
  };
  for (let h = f.blocks.length - 1; h >= 0; h--) {
    const header = f.blocks[h] as Block;
    const work = header.preds.filter((p) => p.index >= h);
    if (work.length === 0) continue;
    const loop: Loop = { header, last: h, parent: undefined, depth: 1 };
    for (let block = work.pop(); block; block = work.pop()) {
      const root = outermost(block.index);
      if (root === h) continue;
      const inner = f.blocks[root] as Block;
      around[root] = h;
      if (inner.loop) {
        inner.loop.parent = loop;
        loop.last = Math.max(loop.last, inner.loop.last);
      } else {
        inner.loop = loop;
        loop.last = Math.max(loop.last, root);
      }
      for (const pred of inner.preds) work.push(pred);
    }
    header.loop = loop;
    f.loops.push(loop);
  }
  f.loops.reverse();
  for (const loop of f.loops) loop.depth = (loop.parent?.depth ?? 0) + 1;
  for (const block of f.blocks) block.depth = block.loop?.depth ?? 0;
}

/** Blocks in an order with dominators first, and their predecessors. */
export interface ControlFlow {
  blocks: { preds: { index: number }[] }[];
}

/**
 * Immediate dominators by block index. Needs `numberBlocks`. One pass suffices, as control flow is
 * reducible and forward edges go forward: a block's dominator is the nearest common one of its
 * predecessors, found by jumps of growing length (Myers, "An applicative random-access stack", 1983).
 */
export function dominators(f: ControlFlow): Int32Array {
  const count = f.blocks.length;
  if (count === 1) return Int32Array.of(0);
  const idom = new Int32Array(count).fill(-1);
  const depth = new Int32Array(count);
  const jump = new Int32Array(count);
  const common = (a: number, b: number): number => {
    let [u, v] = (depth[a] as number) >= (depth[b] as number) ? [a, b] : [b, a];
    while ((depth[u] as number) > (depth[v] as number)) {
      const far = jump[u] as number;
      u = (depth[far] as number) >= (depth[v] as number) ? far : (idom[u] as number);
    }
    while (u !== v) {
      const step = jump[u] !== jump[v] ? jump : idom;
      u = step[u] as number;
      v = step[v] as number;
    }
    return u;
  };
  idom[0] = 0;
  for (let i = 1; i < count; i++) {
    let best = -1;
    for (const { index } of (f.blocks[i] as ControlFlow["blocks"][number]).preds) {
      // A back edge comes from below the block itself.
      if (index < i) best = best < 0 ? index : common(best, index);
    }
    idom[i] = best;
    depth[i] = (depth[best] as number) + 1;
    const far = jump[best] as number;
    const farther = jump[far] as number;
    const even =
      (depth[best] as number) - (depth[far] as number) ===
      (depth[far] as number) - (depth[farther] as number);
    jump[i] = even ? farther : best;
  }
  return idom;
}
