// Copies of blocks, for passes that repeat code. Edges between the blocks are copied, edges from and to
// others are the caller's business.

import type { Block, Func, Value } from "./ir.ts";

/** A copy of `v` without a block; its operands are still those of `v`. */
export function copyValue(f: Func, v: Value): Value {
  const copy = f.value(v.op, v.type, v.args.slice(), v.pos);
  copy.sub = v.sub;
  copy.size = v.size;
  copy.imm = v.imm;
  copy.big = v.big;
  copy.aux = v.aux;
  copy.exact = v.exact;
  return copy;
}

/**
 * Copies `blocks`, which follow each other in block order. `values` tells what stands for values in the copies;
 * what the blocks compute is added, unless it is there. Phis of blocks with predecessors elsewhere must be there.
 */
export function copyBlocks(f: Func, blocks: Block[], values: Map<Value, Value>): Block[] {
  const copies = new Map<Block, Block>();
  for (const block of blocks) copies.set(block, f.newBlock());
  const made: Value[] = [];
  const copyInto = (v: Value, block: Block): Value => {
    const copy = copyValue(f, v);
    copy.block = block;
    made.push(copy);
    return copy;
  };
  for (const block of blocks) {
    const copy = copies.get(block) as Block;
    for (const phi of block.phis) {
      if (values.has(phi)) continue;
      const other = copyInto(phi, copy);
      values.set(phi, other);
      copy.phis.push(other);
    }
    for (const v of block.insts) {
      const other = copyInto(v, copy);
      values.set(v, other);
      copy.insts.push(other);
    }
    copy.term = copyInto(block.term as Value, copy);
    copy.preds = block.preds.map((pred) => copies.get(pred) ?? pred);
    copy.succs = block.succs.map((succ) => copies.get(succ) ?? succ);
  }
  for (const { args } of made) {
    for (let i = 0; i < args.length; i++)
      args[i] = values.get(args[i] as Value) ?? (args[i] as Value);
  }
  return blocks.map((block) => copies.get(block) as Block);
}
