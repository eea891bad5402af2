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
  let from: Value;
  let made: Value[] = [];
  const emit: Emit = (op, type, args) => {
    const value = f.value(op, type, args, from.pos);
    value.block = from.block;
    made.push(value);
    return value;
  };
  for (const block of f.blocks) {
    let insts: Value[] | undefined;
    for (let i = 0; i < block.insts.length; i++) {
      const v = block.insts[i] as Value;
      const { args } = v;
      for (let n = 0; n < args.length; n++) args[n] = r.of(args[n] as Value);
      if (args.some(isConst)) {
        from = v;
        const to = refold(f, v, emit);
        if (to) {
          insts ??= block.insts.slice(0, i);
          for (const value of made) insts.push(value);
          r.set(v, to);
        } else insts?.push(v);
        if (made.length > 0) made = [];
      } else insts?.push(v);
    }
    if (insts) block.insts = insts;
  }
  r.apply(f);
  return r.size > 0;
}
