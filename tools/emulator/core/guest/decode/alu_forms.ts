// Operand forms of the arithmetic instructions, and the special handlers that the common ones have. Follows
// Intel SDM vol. 2D, appendix A, groups 1 and 2.

import {
  ALU_MI,
  ALU_MR,
  ALU_RI,
  ALU_RM,
  ALU_RR,
  CMP,
  SMALL_MI,
  SMALL_MR,
  SMALL_RI,
  SMALL_RM,
  SMALL_RR,
} from "../integer/alu";
import { BY_CL, SHIFT, sar32i, sar64i, shl32i, shl64i, shr32i, shr64i } from "../integer/shift";
import { Op } from "../op/op";
import { allowLock, fetch8, mod, modrmByte, modrmOf, op, sizeBy, sizeIndex, use } from "./cursor";

export function aluRegisterMemory(k: i32, size: i32, toRegister: bool): void {
  modrmOf(size);
  op.sub = <u8>k;
  const small = size < 4;
  const i = k * 2 + (size == 8 ? 1 : 0);
  const s = size == 1 ? 0 : 1;
  if (mod == 3) {
    if (!toRegister) {
      const t = op.dst;
      op.dst = op.src;
      op.src = t;
    }
    use(small ? SMALL_RR[s] : ALU_RR[i]);
  } else if (toRegister) use(small ? SMALL_RM[s] : ALU_RM[i]);
  else {
    allowLock(k < CMP);
    use(small ? SMALL_MR[s] : ALU_MR[i]);
  }
}

/** Operation on r/m (decoded) or the accumulator with `imm`. */
export function aluImmediate(k: i32, size: i32, memoryForm: bool): void {
  op.sub = <u8>k;
  const small = size < 4;
  const i = k * 2 + (size == 8 ? 1 : 0);
  const s = size == 1 ? 0 : 1;
  if (memoryForm) {
    allowLock(k < CMP);
    use(small ? SMALL_MI[s] : ALU_MI[i]);
  } else use(small ? SMALL_RI[s] : ALU_RI[i]);
}

export function shiftGroup(size: i32, count: i32): void {
  modrmOf(size);
  const k = (modrmByte >> 3) & 7;
  op.sub = <u8>k;
  if (count == 0) op.imm = <i64>fetch8();
  else if (count == 1) op.imm = 1;
  else op.sub = <u8>k | BY_CL;
  const n = op.imm & (size == 8 ? 63 : 31);
  if (mod == 3 && count != 2 && n != 0 && size >= 4 && k >= 4) {
    op.imm = n;
    if (k == 5) use(size == 8 ? shr64i : shr32i);
    else if (k == 7) use(size == 8 ? sar64i : sar32i);
    else use(size == 8 ? shl64i : shl32i);
    return;
  }
  use(SHIFT[sizeIndex(size)]);
}

/** XCHG, CMPXCHG, XADD of r/m and a register: `handlers` by operand size. */
export function exchangeForm(b: u32, handlers: StaticArray<(op: Op) => usize>): void {
  const size = sizeBy(b);
  modrmOf(size);
  allowLock(true);
  use(handlers[sizeIndex(size)]);
}
