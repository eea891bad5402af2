// Scalar arithmetic in one step: the operations that compilers use for float and double. The result goes
// straight to the destination where `Arith` is sure of it and of the flags; all else takes the general
// way (forms.ts) with the same record. Follows Intel SDM vol. 2, ADDSD and its kin.

import { Op } from "../op/op";
import { source, VEX, Vec } from "./access";
import { Arith, settled } from "./float";
import { floatScalar32, floatScalar64 } from "./forms";

const ADD: i32 = 0;
const SUB: i32 = 1;
const MUL: i32 = 2;
const DIV: i32 = 3;
const SQRT: i32 = 4;
const MIN: i32 = 5;
const MAX: i32 = 6;

class Direct {
  @inline static compute<T>(k: i32, a: T, b: T): T {
    if (k == ADD) return Arith.quickAdd<T>(a, b, false);
    if (k == SUB) return Arith.quickAdd<T>(a, b, true);
    if (k == MUL) return Arith.quickMul<T>(a, b);
    if (k == DIV) return Arith.quickDiv<T>(a, b);
    if (k == SQRT) return Arith.quickSqrt<T>(b);
    return Arith.quickSelect<T>(a, b, k == MAX);
  }

  @inline static run<T>(op: Op, k: i32): usize {
    if (!Vec.ready(op)) return op.fault();
    const b = source(op);
    if (b == 0) return op.fault();
    const a = Vec.first(op);
    const r = Direct.compute<T>(k, load<T>(a), load<T>(b));
    if (!settled) return sizeof<T>() == 4 ? floatScalar32(op) : floatScalar64(op);
    const d: usize = op.dst;
    if ((op.sub & VEX) != 0) {
      v128.store(d, v128.load(a));
      Vec.clearUpper(d);
    }
    store<T>(d, r);
    return op.next();
  }
}

export function addssDirect(op: Op): usize {
  return Direct.run<u32>(op, ADD);
}
export function addsdDirect(op: Op): usize {
  return Direct.run<u64>(op, ADD);
}
export function subssDirect(op: Op): usize {
  return Direct.run<u32>(op, SUB);
}
export function subsdDirect(op: Op): usize {
  return Direct.run<u64>(op, SUB);
}
export function mulssDirect(op: Op): usize {
  return Direct.run<u32>(op, MUL);
}
export function mulsdDirect(op: Op): usize {
  return Direct.run<u64>(op, MUL);
}
export function divssDirect(op: Op): usize {
  return Direct.run<u32>(op, DIV);
}
export function divsdDirect(op: Op): usize {
  return Direct.run<u64>(op, DIV);
}
export function sqrtssDirect(op: Op): usize {
  return Direct.run<u32>(op, SQRT);
}
export function sqrtsdDirect(op: Op): usize {
  return Direct.run<u64>(op, SQRT);
}
export function minssDirect(op: Op): usize {
  return Direct.run<u32>(op, MIN);
}
export function minsdDirect(op: Op): usize {
  return Direct.run<u64>(op, MIN);
}
export function maxssDirect(op: Op): usize {
  return Direct.run<u32>(op, MAX);
}
export function maxsdDirect(op: Op): usize {
  return Direct.run<u64>(op, MAX);
}
