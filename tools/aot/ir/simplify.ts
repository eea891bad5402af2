// Folds again what phi removal has made constant: the identities of fold.ts over a built function,
// in dominance order so that results feed the instructions below them.

import { Replacements } from "./clean.ts";
import { foldBinary, foldFCmp, foldFloat, foldICmp, foldSelect, foldUnary } from "./fold.ts";
import { type Func, isConst, Op, type Type, type Value } from "./ir.ts";

type Emit = (op: number, type: Type, args: Value[]) => Value;

/** The folded form of `v`, or undefined where no rule applies to its operation. */
export function refold(f: Func, v: Value, emit: Emit): Value | undefined {
  const [a, b, c] = v.args as [Value, Value, Value];
  const { op } = v;
  if (op >= Op.Add && op <= Op.MulHiS) return foldBinary(f, op, v.type, a, b, emit);
  if (op === Op.ICmp) return foldICmp(f, v.sub, a, b, emit);
  if (op === Op.FCmp) return foldFCmp(f, v.sub, a, b, emit);
  if (op === Op.Select) return foldSelect(a, b, c, emit);
  if (op >= Op.FAdd && op <= Op.FDiv) return foldFloat(f, op, v.type, v.args, emit);
  const unary =
    op === Op.Clz ||
    op === Op.Ctz ||
    op === Op.Popcnt ||
    op === Op.Bitcast ||
    (op >= Op.Wrap && op <= Op.Sext);
  return unary ? foldUnary(f, op, v.type, v.size, a, emit) : undefined;
}

/** Folds instructions of `f` that have a constant operand; returns whether there were any. */
export function simplify(f: Func): boolean {
  const r = new Replacements();
  for (const block of f.blocks) {
    let insts: Value[] | undefined;
    block.insts.forEach((v, i) => {
      for (let n = 0; n < v.args.length; n++) v.args[n] = r.of(v.args[n] as Value);
      if (v.args.some(isConst)) {
        const made: Value[] = [];
        const to = refold(f, v, (op, type, args) => {
          const value = f.value(op, type, args, v.pos);
          value.block = block;
          made.push(value);
          return value;
        });
        if (to) {
          insts ??= block.insts.slice(0, i);
          for (const value of made) insts.push(value);
          r.set(v, to);
          return;
        }
      }
      insts?.push(v);
    });
    if (insts) block.insts = insts;
  }
  r.apply(f);
  return r.size > 0;
}
