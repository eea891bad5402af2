// Joins a comparison with the conditional jump that ends its block into one record.

import { OP_SIZE } from "../../state";
import { ALU_RI, ALU_RR, CMP, TEST } from "../integer/alu";
import {
  cmpJccRI32,
  cmpJccRI64,
  cmpJccRR32,
  cmpJccRR64,
  JCC,
  testJccRI32,
  testJccRI64,
  testJccRR32,
  testJccRR64,
} from "../integer/branch";
import { Op } from "../op/op";
import { handlerOf } from "./cursor";

/**
 * Merges CMP or TEST with the Jcc that ends the block (`end` is behind it). Returns the new end of the
 * block. The pair cannot fault, so that the flags need not be seen in between.
 */
export function fuse(first: usize, end: usize): usize {
  const branch = end - OP_SIZE;
  const before = branch - OP_SIZE;
  if (before < first) return end;
  const j = changetype<Op>(branch);
  if (j.sub > 15 || j.h != handlerOf(JCC[<i32>j.sub])) return end;
  const c = changetype<Op>(before);
  const h = c.h;
  let fused: u32 = 0;
  const cmp32 = CMP * 2;
  const test32 = TEST * 2;
  if (h == handlerOf(ALU_RR[cmp32])) fused = handlerOf(cmpJccRR32);
  else if (h == handlerOf(ALU_RR[cmp32 + 1])) fused = handlerOf(cmpJccRR64);
  else if (h == handlerOf(ALU_RI[cmp32])) fused = handlerOf(cmpJccRI32);
  else if (h == handlerOf(ALU_RI[cmp32 + 1])) fused = handlerOf(cmpJccRI64);
  else if (h == handlerOf(ALU_RR[test32])) fused = handlerOf(testJccRR32);
  else if (h == handlerOf(ALU_RR[test32 + 1])) fused = handlerOf(testJccRR64);
  else if (h == handlerOf(ALU_RI[test32])) fused = handlerOf(testJccRI32);
  else if (h == handlerOf(ALU_RI[test32 + 1])) fused = handlerOf(testJccRI64);
  else return end;
  // The branch record takes the comparison's operands; its own position and target stay.
  c.aux = <u32>c.imm;
  c.imm = 0;
  c.h = fused;
  c.off = j.off;
  c.idx = j.idx;
  c.disp = j.disp;
  c.sub = j.sub;
  c.size = j.size;
  return branch;
}
