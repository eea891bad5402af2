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

/** A value with those of the same hash that were there before. */
interface Entry {
  value: Value;
  next: Entry | undefined;
}

/** Equal for equal values: a sum over operands, as some operations take them in any order. */
function hash(v: Value): number {
  let operands = 0;
  for (const { id } of v.args) operands = (operands + Math.imul(id + 1, 0x9e3779b1)) | 0;
  const operation = ((v.op * 8 + v.type) * 128 + v.sub) * 32 + v.size;
  return Math.imul(operation ^ Math.imul(v.imm, 0x85ebca6b), 0xc2b2ae35) ^ operands;
}

function isEqual(v: Value, w: Value): boolean {
  if (v.op !== w.op || v.type !== w.type || v.sub !== w.sub || v.size !== w.size) return false;
  if (v.imm !== w.imm || v.aux !== w.aux || v.args.length !== w.args.length) return false;
  if (v.args.every((arg, i) => arg === w.args[i])) return true;
  return COMMUTATIVE.has(v.op) && v.args[0] === w.args[1] && v.args[1] === w.args[0];
}

/** Merges equal pure instructions. `idom` are the immediate dominators by block index. */
export function numberValues(f: Func, idom: Int32Array): void {
  const r = new Replacements();
  const children: number[][] = f.blocks.map(() => []);
  for (let i = 1; i < f.blocks.length; i++) (children[idom[i] as number] as number[]).push(i);
  const table = new Map<number, Entry>();
  // Explicit stack: enter a block, visit its children, then undo its table entries.
  const work: { block: number; added: number[] | undefined }[] = [{ block: 0, added: undefined }];
  while (work.length > 0) {
    const item = work[work.length - 1] as { block: number; added: number[] | undefined };
    if (item.added) {
      for (const h of item.added) {
        const { next } = table.get(h) as Entry;
        if (next) table.set(h, next);
        else table.delete(h);
      }
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
      const h = hash(v);
      const first = table.get(h);
      let known = first;
      while (known && !isEqual(known.value, v)) known = known.next;
      if (known) {
        r.set(v, known.value);
        removed = true;
      } else {
        table.set(h, { value: v, next: first });
        item.added.push(h);
      }
    }
    if (removed) block.insts = block.insts.filter((v) => !r.has(v));
    for (const child of children[item.block] as number[])
      work.push({ block: child, added: undefined });
  }
  r.apply(f);
}
