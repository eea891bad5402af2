// Fused multiply-add: lane functions whose destination holds the first operand when they start; the
// immediate is the variant. Follows Intel SDM vol. 2, VFMADD132PD and its kin; NaN order vol. 1, 14.5.

import { S_TMP1, S_TMP2 } from "../../state";
import { Op } from "../op";
import { multiplyAdd } from "../softfloat_sse";
import { beginFloat, endFloat, source, Vec, WIDE256 } from "./access";

/** Variant bits: operand order, negations, alternation of the addend's sign by element. */
export const ORDER_132: u32 = 0;
export const ORDER_213: u32 = 1;
export const ORDER_231: u32 = 2;
export const NEGATE_PRODUCT: u32 = 4;
export const NEGATE_ADDEND: u32 = 8;
/** Even elements negate the addend (ADDSUB); with NEGATE_ADDEND odd ones do (SUBADD). */
export const ALTERNATE: u32 = 16;

class Fma {
  /** x is the destination's old value, y VEX.vvvv, z r/m. */
  @inline static of<T>(x: T, y: T, z: T, variant: u32, odd: u32): T {
    const negateProduct = (variant >> 2) & 1;
    let negateAddend = (variant >> 3) & 1;
    if ((variant & ALTERNATE) !== 0) negateAddend = negateAddend ^ odd ^ 1;
    const order = variant & 3;
    if (order === ORDER_132) return multiplyAdd<T>(x, z, y, negateProduct, negateAddend);
    if (order === ORDER_213) return multiplyAdd<T>(y, x, z, negateProduct, negateAddend);
    return multiplyAdd<T>(y, z, x, negateProduct, negateAddend);
  }
}

function fma32(d: usize, a: usize, b: usize, i: u32, odd: u32): void {
  store<u32>(d, Fma.of<u32>(load<u32>(d), load<u32>(a), load<u32>(b), i, odd));
}

function fma64(d: usize, a: usize, b: usize, i: u32, odd: u32): void {
  store<u64>(d, Fma.of<u64>(load<u64>(d), load<u64>(a), load<u64>(b), i, odd));
}

export function fmaps(d: usize, a: usize, b: usize, i: u32): void {
  for (let n: u32 = 0; n < 4; n++) fma32(d + (n << 2), a + (n << 2), b + (n << 2), i, n & 1);
}

export function fmapd(d: usize, a: usize, b: usize, i: u32): void {
  fma64(d, a, b, i, 0);
  fma64(d + 8, a + 8, b + 8, i, 1);
}

export function fmass(d: usize, a: usize, b: usize, i: u32): void {
  fma32(d, a, b, i, 0);
}

export function fmasd(d: usize, a: usize, b: usize, i: u32): void {
  fma64(d, a, b, i, 0);
}

/** Packed and scalar forms alike: scalar lanes leave the rest of the destination, which is kept. */
export function fusedMultiply(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b === 0) return op.fault();
  const d: usize = op.dst;
  const a = Vec.first(op);
  const f = Vec.lane(op);
  const i = <u32>op.imm;
  beginFloat();
  v128.store(S_TMP1, v128.load(d));
  call_indirect<void>(f, <usize>S_TMP1, a, b, i);
  if ((op.sub & WIDE256) !== 0) {
    v128.store(S_TMP2, v128.load(d, 16));
    call_indirect<void>(f, <usize>S_TMP2, a + 16, b + 16, i);
  }
  if (!endFloat()) return op.fault();
  v128.store(d, v128.load(S_TMP1));
  if ((op.sub & WIDE256) !== 0) v128.store(d, v128.load(S_TMP2), 16);
  else Vec.clearUpper(d);
  return op.next();
}
