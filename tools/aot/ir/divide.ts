// Division and remainder by constants become multiplications and shifts.
// After Granlund and Montgomery, "Division by Invariant Integers using Multiplication" (PLDI 1994).
// Unsigned powers of two are already shifts and masks when they get here (fold.ts).

import { Replacements } from "./clean.ts";
import { constBig, foldBinary, foldUnary } from "./fold.ts";
import { type Func, I32, I64, isConst, Op, type Type, type Value } from "./ir.ts";

class Divider {
  private readonly f: Func;
  private readonly emit: (op: number, type: Type, args: Value[]) => Value;

  constructor(f: Func, emit: (op: number, type: Type, args: Value[]) => Value) {
    this.f = f;
    this.emit = emit;
  }

  private op(op: number, a: Value, b: Value): Value {
    return foldBinary(this.f, op, a.type, a, b, this.emit);
  }

  private shift(op: number, a: Value, count: number): Value {
    return count === 0 ? a : this.op(op, a, this.f.int(a.type, count));
  }

  private convert(op: number, type: Type, a: Value): Value {
    return foldUnary(this.f, op, type, 0, a, this.emit);
  }

  /** floor(x / d), d > 1 and no power of two. */
  unsigned(x: Value, d: bigint): Value {
    const { f } = this;
    const bits = x.type === I32 ? 32n : 64n;
    const length = BigInt((d - 1n).toString(2).length);
    // The smallest multiplier of at most `bits` bits whose error stays below the last place.
    let s = 0n;
    let m = 0n;
    for (; s <= length; s++) {
      m = ((1n << (bits + s)) + d - 1n) / d;
      if (m * d - (1n << (bits + s)) <= 1n << s) break;
    }
    if (x.type === I32) {
      const wide = this.convert(Op.ExtendU, I64, x);
      if (m < 1n << 32n) {
        const product = this.op(Op.Mul, wide, f.bits(I64, m));
        return this.convert(Op.Wrap, I32, this.shift(Op.ShrU, product, Number(32n + s)));
      }
      // 2^64 / d rounded up is exact enough for every 32-bit operand.
      const reciprocal = f.bits(I64, ((1n << 64n) + d - 1n) / d);
      return this.convert(Op.Wrap, I32, this.op(Op.MulHiU, wide, reciprocal));
    }
    if (m < 1n << 64n) return this.shift(Op.ShrU, this.op(Op.MulHiU, x, f.bits(I64, m)), Number(s));
    // A 65-bit multiplier: its top bit is an addition, halved so that it does not overflow.
    const high = this.op(Op.MulHiU, x, f.bits(I64, m - (1n << 64n)));
    const half = this.shift(Op.ShrU, this.op(Op.Sub, x, high), 1);
    return this.shift(Op.ShrU, this.op(Op.Add, half, high), Number(s - 1n));
  }

  /** x / d rounded to zero, |d| > 1. */
  signed(x: Value, d: bigint): Value {
    const { f } = this;
    const magnitude = d < 0n ? -d : d;
    const bits = x.type === I32 ? 32 : 64;
    const length = (magnitude - 1n).toString(2).length;
    let q: Value;
    if ((magnitude & (magnitude - 1n)) === 0n) {
      // Negative operands are rounded up by adding 2^length - 1 first.
      const sign = length > 1 ? this.shift(Op.ShrS, x, length - 1) : x;
      const bias = this.shift(Op.ShrU, sign, bits - length);
      q = this.shift(Op.ShrS, this.op(Op.Add, x, bias), length);
    } else {
      const m = (1n << BigInt(bits - 1 + length)) / magnitude + 1n;
      if (x.type === I32) {
        const wide = this.convert(Op.ExtendS, I64, x);
        const product = this.op(Op.Mul, wide, f.bits(I64, m));
        q = this.convert(Op.Wrap, I32, this.shift(Op.ShrS, product, 31 + length));
      } else {
        // The multiplier is 2^63…2^64: as a signed number it lacks 2^64, added back as x.
        const high = this.op(Op.MulHiS, x, f.bits(I64, m));
        q = this.shift(Op.ShrS, this.op(Op.Add, high, x), length - 1);
      }
      q = this.op(Op.Add, q, this.shift(Op.ShrU, x, bits - 1));
    }
    return d < 0n ? this.op(Op.Sub, f.int(x.type, 0), q) : q;
  }

  /** The value that replaces division `v`, or undefined when it stays. */
  replace(v: Value): Value | undefined {
    const [x, divisor] = v.args as [Value, Value];
    if (!isConst(divisor) || isConst(x)) return undefined;
    const unsigned = v.op === Op.DivU || v.op === Op.RemU;
    const d = unsigned
      ? BigInt.asUintN(v.type === I32 ? 32 : 64, constBig(divisor))
      : constBig(divisor);
    const min = -(1n << (v.type === I32 ? 31n : 63n));
    if (d === 0n || d === 1n || d === -1n || d === min) return undefined;
    if (unsigned && (d & (d - 1n)) === 0n) return undefined;
    const q = unsigned ? this.unsigned(x, d) : this.signed(x, d);
    if (v.op === Op.DivU || v.op === Op.DivS) return q;
    return this.op(Op.Sub, x, this.op(Op.Mul, q, divisor));
  }
}

/** Replaces divisions by constants in `f`. */
export function reduceDivisions(f: Func): void {
  const r = new Replacements();
  for (const block of f.blocks) {
    if (!block.insts.some((v) => v.op >= Op.DivS && v.op <= Op.RemU)) continue;
    const insts: Value[] = [];
    let pos = 0;
    const divider = new Divider(f, (op, type, args) => {
      const v = f.value(op, type, args, pos);
      v.block = block;
      insts.push(v);
      return v;
    });
    for (const v of block.insts) {
      for (let i = 0; i < v.args.length; i++) v.args[i] = r.of(v.args[i] as Value);
      pos = v.pos;
      const to = v.op >= Op.DivS && v.op <= Op.RemU ? divider.replace(v) : undefined;
      if (to) r.set(v, to);
      else insts.push(v);
    }
    block.insts = insts;
  }
  r.apply(f);
}
