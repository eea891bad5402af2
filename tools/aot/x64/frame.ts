// Where a function has its frame. Often the way through a function that is taken most needs none: it
// checks and returns, and only another way makes calls. So the frame is set up at the block that
// dominates all calls, outside of any loop, and left where control leaves what this block dominates.
// Before allocation, values that live into that part are copied there, so that what they need to
// survive calls does not reach back to the function's entry. After it, blocks outside are looked
// through: where one needs a callee-saved register or a stack slot, the frame begins at the entry.

import { dominators } from "../ir/cfg.ts";
import {
  FIRST_SLOT,
  FIRST_VREG,
  Inst,
  type LBlock,
  type LFunc,
  type LLoop,
  Use,
} from "../regalloc/lir.ts";
import type { Allocation } from "../regalloc/resolve.ts";
import { CALLER_SAVED_MASK, M } from "./machine.ts";

function isCall(inst: Inst): boolean {
  return (inst.clobbers & CALLER_SAVED_MASK) === CALLER_SAVED_MASK;
}

/** The block outside of loops that dominates all calls, or 0 for the entry. */
function frameBlock(f: LFunc, idom: Int32Array): number {
  let root = -1;
  for (const block of f.blocks) {
    if (!block.insts.some(isCall)) continue;
    let at = block.index;
    if (root < 0) root = at;
    while (root !== at) {
      if (root > at) root = idom[root] as number;
      else at = idom[at] as number;
    }
  }
  if (root < 0) return 0;
  for (let loop = (f.blocks[root] as LBlock).loop; loop; loop = (f.blocks[root] as LBlock).loop) {
    let outer: LLoop = loop;
    while (outer.parent) outer = outer.parent;
    if (outer.header === 0) return 0;
    root = idom[outer.header] as number;
  }
  return root;
}

/** By block index: whether block `root` dominates it. */
function dominatedBy(root: number, idom: Int32Array): Uint8Array {
  const inside = new Uint8Array(idom.length);
  inside[root] = 1;
  for (let i = root + 1; i < idom.length; i++) inside[i] = inside[idom[i] as number] as number;
  return inside;
}

/** Decides which part of `f` could have the frame alone, and copies what lives into it. */
export function separateFrame(f: LFunc): void {
  if (!f.hasCalls) return;
  const idom = dominators(f);
  const root = frameBlock(f, idom);
  if (root === 0) return;
  const inside = dominatedBy(root, idom);
  const isWayOut = (block: LBlock): boolean => {
    const op = block.insts[block.insts.length - 1]?.op;
    return op === M.Return || op === M.TailCall || op === M.TailCallIndirect;
  };
  if (!f.blocks.some((block) => !inside[block.index] && isWayOut(block))) return;
  f.framePart = inside;
  const home = new Uint8Array(f.types.length);
  for (const block of f.blocks) {
    if (!inside[block.index]) continue;
    for (const phi of block.phis) home[phi.dst - FIRST_VREG] = 1;
    for (const inst of block.insts) if (inst.dst >= FIRST_VREG) home[inst.dst - FIRST_VREG] = 1;
    for (const inst of block.insts) {
      inst.kinds.forEach((kind, i) => {
        if (kind === Use.Temp) home[(inst.srcs[i] as number) - FIRST_VREG] = 1;
      });
    }
  }
  const copies = new Map<number, number>();
  const copied = (operand: number): number => {
    if (operand < FIRST_VREG || home[operand - FIRST_VREG] === 1) return operand;
    let copy = copies.get(operand);
    if (copy === undefined) {
      copy = f.vreg(f.types[operand - FIRST_VREG] as (typeof f.types)[number]);
      copies.set(operand, copy);
    }
    return copy;
  };
  const from = f.blocks[root] as LBlock;
  for (const block of f.blocks) {
    if (inside[block.index]) {
      for (const inst of block.insts) inst.srcs = inst.srcs.map(copied);
    }
    if (block === from) continue;
    for (const phi of block.phis) {
      phi.args = phi.args.map((arg, i) =>
        inside[(block.preds[i] as LBlock).index] ? copied(arg) : arg,
      );
    }
  }
  f.copies = copies;
  const moves: Inst[] = [];
  for (const [operand, copy] of copies) {
    const inst = new Inst(M.Mov, 8);
    inst.srcs = [operand];
    inst.kinds = [Use.Any];
    inst.dst = copy;
    inst.pos = from.insts[0]?.pos ?? 0;
    f.hint(copy, operand);
    for (const hint of f.hints[operand - FIRST_VREG] as number[]) f.hint(copy, hint);
    moves.push(inst);
  }
  from.insts = moves.concat(from.insts);
}

/** Whether a block needs the frame: calls, callee-saved registers (a mask) or stack slots. */
function needsFrame(block: LBlock, a: Allocation, saved: number): boolean {
  const isKept = (location: number): boolean =>
    location >= FIRST_SLOT || (location >= 0 && ((saved >>> location) & 1) === 1);
  const isKeptOperand = (code: number, pos: number): boolean =>
    code >= 0 && isKept(code < FIRST_VREG ? code : a.locate(code, pos));
  return block.insts.some((inst, i) => {
    const k = block.first + i;
    if (isCall(inst) || (inst.clobbers & saved) !== 0) return true;
    if (inst.op === M.StoreOut || inst.op === M.LoadOut) return true;
    if (inst.srcs.some((code) => isKeptOperand(code, k * 4))) return true;
    if (inst.dst >= 0 && isKeptOperand(inst.dst, k * 4 + 2)) return true;
    const stages = a.moves.get(k);
    return stages?.some((moves) => moves.some((m) => isKept(m.from) || isKept(m.to))) ?? false;
  });
}

/** By block index: whether the block runs with the frame. `saved` are the callee-saved registers used. */
export function framedBlocks(f: LFunc, a: Allocation, saved: number): Uint8Array {
  const part = f.framePart;
  if (part && !f.blocks.some((b) => !part[b.index] && needsFrame(b, a, saved))) return part;
  return new Uint8Array(f.blocks.length).fill(1);
}
