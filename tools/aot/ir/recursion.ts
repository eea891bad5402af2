// Recursion inlining: a small function that calls itself gets a copy of its body in place of each such call,
// once, so that half of the calls and more are never made. What others call has been inlined where it
// pays by the optimizer that made the wasm; it leaves recursion alone.
// May assume SSA form. Keeps it, and calls of the function in the copies: deep recursion runs out of stack as ever.

import { Replacements } from "./clean.ts";
import { copyBlocks } from "./copy.ts";
import { type Block, type CallTarget, type Func, NONE, Op, type Value } from "./ir.ts";
import { positionInCopy } from "./position.ts";

/** What a function may have that is put into itself: instructions, blocks, calls of itself. */
const MAX_SIZE = 32;
const MAX_BLOCKS = 16;
const MAX_CALLS = 3;

/** The function's calls of itself, or none where it is too large or has loops. */
function ownCalls(f: Func, index: number): Value[] {
  if (f.blocks.length > MAX_BLOCKS || f.signature.results.length > 1) return [];
  const calls: Value[] = [];
  const seen = new Set<Block>();
  let size = 0;
  for (const block of f.blocks) {
    seen.add(block);
    if (block.succs.some((succ) => seen.has(succ))) return [];
    const { op } = block.term as Value;
    if (op === Op.TailCall || op === Op.TailCallIndirect) return [];
    size += block.insts.length;
    for (const v of block.insts) {
      if (v.op === Op.Call && (v.aux as CallTarget).func === index) calls.push(v);
    }
  }
  return size > MAX_SIZE || calls.length > MAX_CALLS ? [] : calls;
}

/** Takes what follows `call` in its block into a block of its own. */
function splitBehind(f: Func, call: Value): Block {
  const block = call.block as Block;
  const rest = f.newBlock();
  const at = block.insts.indexOf(call);
  rest.insts = block.insts.splice(at).slice(1);
  rest.term = block.term;
  rest.succs = block.succs;
  for (const v of rest.insts) v.block = rest;
  (rest.term as Value).block = rest;
  for (const succ of rest.succs) succ.preds = succ.preds.map((p) => (p === block ? rest : p));
  return rest;
}

function jump(f: Func, from: Block, to: Block, pos: number): void {
  const term = f.value(Op.Jump, NONE, [], pos);
  term.block = from;
  from.term = term;
  from.succs = [to];
  to.preds.push(from);
}

/** Puts copies of the body of `f`, which is function `index`, in place of its calls; returns whether there were any. */
export function inlineRecursion(f: Func, index: number): boolean {
  const calls = ownCalls(f, index);
  if (calls.length === 0) return false;
  // All copies are made before the body changes.
  const bodies = calls.map((call) => {
    const values = new Map<Value, Value>();
    f.params.forEach((param, i) => {
      values.set(param, call.args[i] as Value);
    });
    const copies = copyBlocks(f, f.blocks, values);
    const number = f.inlinedCalls.push(call.pos);
    for (const { phis, insts, term } of copies) {
      for (const v of [...phis, ...insts, term as Value]) v.pos = positionInCopy(v.pos, number);
    }
    return copies;
  });
  const replaced = new Replacements();
  calls.forEach((call, i) => {
    const copies = bodies[i] as Block[];
    const block = call.block as Block;
    const rest = splitBehind(f, call);
    jump(f, block, copies[0] as Block, call.pos);
    const results: Value[] = [];
    for (const copy of copies) {
      const term = copy.term as Value;
      if (term.op !== Op.Return) continue;
      results.push(...term.args);
      jump(f, copy, rest, term.pos);
    }
    if (call.type !== NONE) {
      const result = f.value(Op.Phi, call.type, results, call.pos);
      result.block = rest;
      rest.phis.push(result);
      replaced.set(call, result);
    }
    f.blocks.splice(f.blocks.indexOf(block) + 1, 0, ...copies, rest);
  });
  replaced.apply(f);
  return true;
}
