// Handlers that run a lane function over an instruction's operands: integer (result straight to the
// destination) and floating-point (result held back until exceptions are known). Legacy, VEX.128 and
// VEX.256 forms differ only here. A 256-bit operation is two lanes, the upper one first, so that sources
// that are narrower than the destination are not overwritten before they are read.

import { S_TMP1 } from "../../state";
import { Op } from "../op/op";
import { beginFloat, endFloat, source, VEX, Vec, WIDE256 } from "./access";

class Run {
  @inline static low(op: Op): u32 {
    return <u32>op.imm;
  }
  @inline static high(op: Op): u32 {
    return <u32>(op.imm >> 32);
  }
  @inline static over(op: Op, b: usize, stride: usize): void {
    const d: usize = op.dst;
    const a = Vec.first(op);
    const f = Vec.lane(op);
    if ((op.sub & WIDE256) != 0) {
      call_indirect<void>(f, d + 16, a + 16, b + stride, Run.high(op));
      call_indirect<void>(f, d, a, b, Run.low(op));
    } else {
      call_indirect<void>(f, d, a, b, Run.low(op));
      if ((op.sub & VEX) != 0) Vec.clearUpper(d);
    }
  }
}

/** Integer operation on registers. */
export function laneRegister(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  Run.over(op, op.src, <usize>(op.size >> 1));
  return op.next();
}

/** Integer operation with a memory operand. */
export function laneMemory(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  Run.over(op, b, <usize>(op.size >> 1));
  return op.next();
}

/** Shift by a count: both lanes see the same 16 bytes. */
export function laneCount(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  Run.over(op, b, 0);
  return op.next();
}

/** Packed floating-point operation. */
export function floatPacked(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  const d: usize = op.dst;
  const a = Vec.first(op);
  const f = Vec.lane(op);
  beginFloat();
  call_indirect<void>(f, <usize>S_TMP1, a, b, Run.low(op));
  if ((op.sub & WIDE256) != 0) {
    call_indirect<void>(f, <usize>S_TMP1 + 16, a + 16, b + <usize>(op.size >> 1), Run.high(op));
    if (!endFloat()) return op.fault();
    v128.store(d, v128.load(S_TMP1));
    v128.store(d, v128.load(S_TMP1, 16), 16);
    return op.next();
  }
  if (!endFloat()) return op.fault();
  v128.store(d, v128.load(S_TMP1));
  if ((op.sub & VEX) != 0) Vec.clearUpper(d);
  return op.next();
}

class Scalar {
  @inline static run<T>(op: Op): usize {
    if (!Vec.ready(op)) return op.fault();
    const b = source(op);
    if (b == 0) return op.fault();
    const d: usize = op.dst;
    const a = Vec.first(op);
    beginFloat();
    call_indirect<void>(Vec.lane(op), <usize>S_TMP1, a, b, Run.low(op));
    if (!endFloat()) return op.fault();
    if ((op.sub & VEX) != 0) {
      v128.store(d, v128.load(a));
      Vec.clearUpper(d);
    }
    store<T>(d, load<T>(S_TMP1));
    return op.next();
  }
}

/** Scalar floating-point operation: the rest of the destination comes from the first source. */
export function floatScalar32(op: Op): usize {
  return Scalar.run<u32>(op);
}

export function floatScalar64(op: Op): usize {
  return Scalar.run<u64>(op);
}

/** Packed conversion to elements of half the width: the result is 8 or 16 bytes, the rest is cleared. */
export function floatNarrow(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  const d: usize = op.dst;
  const f = Vec.lane(op);
  beginFloat();
  store<u64>(S_TMP1, 0, 8);
  call_indirect<void>(f, <usize>S_TMP1, b, b, Run.low(op));
  if ((op.sub & WIDE256) != 0)
    call_indirect<void>(f, <usize>S_TMP1 + 8, b + 16, b + 16, Run.high(op));
  if (!endFloat()) return op.fault();
  v128.store(d, v128.load(S_TMP1));
  if ((op.sub & VEX) != 0) Vec.clearUpper(d);
  return op.next();
}
