// Scalar arithmetic in one step: the operations that compilers use for float and double. The result goes
// straight to the destination where `Arith` is sure of it and of the flags; all else takes the general
// way (forms.ts) with the same record. Follows Intel SDM vol. 2, ADDSD and its kin.

import { Op } from "../op/op";
import { source, VEX, Vec } from "./access";
import { Arith } from "./float";
import { floatScalar32, floatScalar64 } from "./forms";
import { ADD, DIV, MUL, Quick, SUB } from "./quick";

const SQRT: i32 = 4;
const MIN: i32 = 5;
const MAX: i32 = 6;

class Direct {
  @inline static compute<T>(k: i32, a: T, b: T): T {
    if (k <= DIV) return Arith.native<T>(k, a, b);
    if (k == SQRT) return Arith.root<T>(b);
    return Arith.select<T>(a, b, k == MAX);
  }

  /** The general way. */
  @inline static slowly<T>(op: Op): usize {
    return sizeof<T>() == 4 ? floatScalar32(op) : floatScalar64(op);
  }

  @inline static run<T>(op: Op, k: i32): usize {
    if (!Vec.ready(op)) return op.fault();
    const from = source(op);
    if (from == 0) return op.fault();
    const first = Vec.first(op);
    const a = load<T>(first);
    const b = load<T>(from);
    const r = Direct.compute<T>(k, a, b);
    if (k <= DIV) {
      if (!Quick.allowed()) return Direct.slowly<T>(op);
      const moderate = Quick.moderate<T>(k, a, b, r);
      if (Quick.precisionKnown()) {
        if (!moderate) {
          if (!Arith.sure<T>(k, a, b, r)) return Direct.slowly<T>(op);
        }
      } else if (!moderate || !Quick.exact<T>(k, a, b, r)) {
        if (!Arith.sure<T>(k, a, b, r)) return Direct.slowly<T>(op);
      }
    } else if (k == SQRT) {
      if (!Quick.allowed()) return Direct.slowly<T>(op);
      if (!Quick.precisionKnown() || !Quick.moderate<T>(ADD, b, b, b) || !Quick.positive<T>(b)) {
        if (!Arith.rootSure<T>(b, r)) return Direct.slowly<T>(op);
      }
    } else if (!Quick.moderate<T>(ADD, a, b, b)) {
      if (!Quick.comparable<T>(a) || !Quick.comparable<T>(b)) return Direct.slowly<T>(op);
    }
    const d: usize = op.dst;
    if ((op.sub & VEX) != 0) {
      v128.store(d, v128.load(first));
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
