// Order of the blocks in memory: source order, without blocks that do nothing, and with loops
// rotated so that the test of a top-tested loop stands at its bottom (one branch per iteration).

import type { LBlock, LFunc } from "../regalloc/lir.ts";
import { M } from "./machine.ts";

/** Moves the header of a top-tested loop behind the loop's last block. */
function rotate(
  order: LBlock[],
  header: LBlock,
  members: Set<LBlock>,
  target: (b: LBlock) => LBlock,
): void {
  const start = order.indexOf(header);
  if (start <= 0) return;
  // Blocks of the loop that follow the header without a gap.
  let end = start + 1;
  while (end < order.length && members.has(order[end] as LBlock)) end++;
  if (
    end - start < 2 ||
    [...members].some((b) => target(b) === b && b !== header && order.indexOf(b) >= end)
  )
    return;
  const test = header.insts[header.insts.length - 1];
  if (test?.op !== M.CmpBr) return;
  const [yes, no] = header.succs.map(target) as [LBlock, LBlock];
  if (members.has(yes) === members.has(no)) return;
  const last = order[end - 1] as LBlock;
  const jump = last.insts[last.insts.length - 1];
  // The last block must go back to the header, and the header on to the block below it.
  if (jump?.op !== M.Jump || target(last.succs[0] as LBlock) !== header) return;
  if ((members.has(yes) ? yes : no) !== order[start + 1]) return;
  order.splice(start, 1);
  order.splice(end - 1, 0, header);
}

/** Blocks in emission order; `target` follows blocks that do nothing. */
export function layoutBlocks(f: LFunc, target: (block: LBlock) => LBlock): LBlock[] {
  const entry = f.blocks[0] as LBlock;
  const order = f.blocks.filter((b) => b === entry || target(b) === b);
  // Inner loops first: their last block may be the header that was moved.
  const loops = f.loops.slice().sort((a, b) => b.header - a.header);
  for (const loop of loops) {
    rotate(order, f.blocks[loop.header] as LBlock, loop.members, target);
  }
  return order;
}
