// Global value numbering over the dominator tree: equal pure instructions are computed once.
// Operands are compared after replacement, so chains of equal expressions collapse in one walk.
// May assume numbered blocks and their dominators. Guarantees that what it removes had an equal value
// in a dominating place; loads and whatever may trap stay.

import { Replacements } from "./clean.ts";
import { type Block, type Func, isPure, Op, type Value } from "./ir.ts";

const COMMUTATIVE = new Set<number>([
  Op.Add,
  Op.Mul,
  Op.And,
  Op.Or,
  Op.Xor,
  Op.MulHiU,
  Op.MulHiS,
  Op.FAdd,
  Op.FMul,
]);

function key(v: Value): string {
  const ids = v.args.map((a) => a.id);
  if (ids.length === 2 && COMMUTATIVE.has(v.op) && (ids[0] as number) > (ids[1] as number))
    ids.reverse();
  return `${v.op}.${v.type}.${v.sub}.${v.size}.${v.imm}.${v.aux ?? ""}.${ids.join(".")}`;
}

/** Merges equal pure instructions. `idom` are the immediate dominators by block index. */
export function numberValues(f: Func, idom: Int32Array): void {
  const r = new Replacements();
  const children: number[][] = f.blocks.map(() => []);
  for (let i = 1; i < f.blocks.length; i++) (children[idom[i] as number] as number[]).push(i);
  const table = new Map<string, Value>();
  // Explicit stack: enter a block, visit its children, then undo its table entries.
  const work: { block: number; added: string[] | undefined }[] = [{ block: 0, added: undefined }];
  while (work.length > 0) {
    const item = work[work.length - 1] as { block: number; added: string[] | undefined };
    if (item.added) {
      for (const k of item.added) table.delete(k);
      work.pop();
      continue;
    }
    item.added = [];
    const block = f.blocks[item.block] as Block;
    let removed = false;
    for (const v of block.insts) {
      const { args } = v;
      for (let i = 0; i < args.length; i++) args[i] = r.of(args[i] as Value);
      if (!isPure(v)) continue;
      const k = key(v);
      const known = table.get(k);
      if (known) {
        r.set(v, known);
        removed = true;
      } else {
        table.set(k, v);
        item.added.push(k);
      }
    }
    if (removed) block.insts = block.insts.filter((v) => !r.has(v));
    for (const child of children[item.block] as number[])
      work.push({ block: child, added: undefined });
  }
  r.apply(f);
}
