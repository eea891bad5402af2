// What far calls and far returns have in common with each other and with IRET: the return point on the current
// stack, the checks of the code segment that is returned to, and of the stack of less privilege that comes back
// with it. Follows Intel SDM vol. 2, CALL, RET and IRET, and vol. 3A, 5.8.6.

import { RSP, S_CPL, S_FAULT } from "../../state";
import { push } from "../integer/stack";
import { canonical } from "../memory/canonical";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  CS,
  descAttr,
  descBase,
  descDpl,
  descLimit,
  fetchDescriptor,
  Gdt,
  installDescriptor,
  longMode,
  markAccessed,
  Seg,
  SS,
  setNull,
  setSegment,
} from "../memory/segments";
import { Op } from "../op/op";
import { GP, NP, raiseCode, SSF } from "../processor/fault";

const DPL: u32 = 0x60;
const DPL_SHIFT: u32 = 5;

/** Pushes CS and the next RIP, both or none; false with a stack fault pending. */
export function pushReturnPoint(op: Op, size: i32): bool {
  const before = load<u64>(RSP);
  push(<u64>Seg.selector(CS), size);
  push(op.nextRip(), size);
  if (load<u32>(S_FAULT) == 0) return true;
  store<u64>(RSP, before);
  return false;
}

/** Whether the code segment last checked by `findReturnSegment` is a 64-bit one. */
export let returnsTo64: bool = false;
let returnSelector: u32 = 0;
let returnBase: u64 = 0;
let returnLimit: u32 = 0;
let returnAttr: u32 = 0;

/** Checks selector and offset of a return and marks the descriptor accessed; false with the fault pending. */
export function findReturnSegment(selector: u32, offset: u64): bool {
  const rpl = selector & 3;
  const code = selector & 0xfffc;
  if (code == 0) return refused(GP, 0);
  if (!fetchDescriptor(selector)) return refused(GP, code);
  if (load<u32>(S_FAULT) != 0) return false;
  const attr = descAttr();
  if ((attr & (ATTR_S | 8)) != (ATTR_S | 8) || rpl < load<u32>(S_CPL)) return refused(GP, code);
  if ((attr & 4) != 0 ? descDpl() > rpl : descDpl() != rpl) return refused(GP, code);
  if ((attr & ATTR_P) == 0) return refused(NP, code);
  returnsTo64 = longMode() && (attr & ATTR_L) != 0;
  if (returnsTo64 && (attr & ATTR_DB) != 0) return refused(GP, code);
  if (returnsTo64 ? !canonical(offset) : offset > <u64>descLimit()) return refused(GP, 0);
  returnSelector = selector;
  returnBase = descBase();
  returnLimit = descLimit();
  markAccessed();
  returnAttr = descAttr();
  return true;
}

/** Loads CS with the segment that `findReturnSegment` found. */
export function enterReturnSegment(): void {
  setSegment(CS, returnSelector, returnBase, returnLimit, returnAttr);
}

/**
 * The segments to which systems in long mode return, by their rights: 64-bit code that does not conform, a stack that can
 * be written, both present and accessed before. Which rights these are (SDM vol. 3A, 3.4.5), and their values but for DPL.
 */
const CODE_RIGHTS: u32 = ATTR_L | ATTR_DB | ATTR_P | DPL | ATTR_S | 0xd;
const CODE: u32 = ATTR_L | ATTR_P | ATTR_S | 9;
const STACK_RIGHTS: u32 = ATTR_P | DPL | ATTR_S | 0xb;
const STACK: u32 = ATTR_P | ATTR_S | 3;

/**
 * Loads CS and SS as 64-bit code returns to 64-bit code, mostly, where nothing can fault and nothing is to be marked.
 * False, with nothing done, in all other cases: those of `findReturnSegment` and `loadReturnStack`.
 */
export function enterUsualSegments(cs: u32, rip: u64, ss: u32): bool {
  const rpl = cs & 3;
  if (rpl < load<u32>(S_CPL) || (ss & 3) != rpl || !canonical(rip)) return false;
  const code = Gdt.usual(cs, CODE_RIGHTS, CODE | (rpl << DPL_SHIFT));
  if (code == 0) return false;
  const stack = Gdt.usual(ss, STACK_RIGHTS, STACK | (rpl << DPL_SHIFT));
  if (stack == 0) return false;
  Gdt.install(CS, cs, code);
  Gdt.install(SS, ss, stack);
  return true;
}

/** Checks and loads the SS that a return to privilege `rpl` brings; false with the fault pending. */
export function loadReturnStack(selector: u32, rpl: u32): bool {
  const code = selector & 0xfffc;
  if (code == 0) {
    if (!returnsTo64 || rpl == 3 || (selector & 3) != rpl) return refused(GP, 0);
    setNull(SS, selector);
    return true;
  }
  if (!fetchDescriptor(selector)) return refused(GP, code);
  if (load<u32>(S_FAULT) != 0) return false;
  const attr = descAttr();
  if ((selector & 3) != rpl || (attr & 0x1a) != 0x12 || descDpl() != rpl) return refused(GP, code);
  if ((attr & ATTR_P) == 0) return refused(SSF, code);
  markAccessed();
  installDescriptor(SS, selector);
  return true;
}

function refused(vector: u32, code: u32): bool {
  raiseCode(vector, code);
  return false;
}
