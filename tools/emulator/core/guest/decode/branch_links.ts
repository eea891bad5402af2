// Which handlers end a block with links to the blocks behind, for the compiled tier.

import {
  call64,
  callIndirect,
  callRelative,
  cmpJccRI32,
  cmpJccRI64,
  cmpJccRR32,
  cmpJccRR64,
  JCC,
  jmp,
  jmpIndirect,
  loop,
  testJccRI32,
  testJccRI64,
  testJccRR32,
  testJccRR64,
} from "../integer/branch";
import { endBlock } from "../op/lookup";
import { handlerOf } from "./cursor";

/** Handler without links. */
const NONE: u32 = 0;
/** The links that a handler's record can have in OP_IMM: the first, or both. */
const TAKEN: u32 = 1;
const BOTH: u32 = 2;
/** A call: the first link. */
const CALL: u32 = 3;
/** The end of a block without a branch: the first link. */
const FALLS: u32 = 4;
/** Jumps and calls to what is computed. */
const COMPUTED: u32 = 5;
const COMPUTED_CALL: u32 = 6;

/**
 * Links of the records whose handler has table index `handler`: 0 none, 1 taken, 2 both, 3 of a call, 4 of no branch;
 * none, but 5 a jump and 6 a call to a computed address.
 */
export function branch_links(handler: u32): u32 {
  if (handler == handlerOf(endBlock)) return FALLS;
  if (handler == handlerOf(jmp)) return TAKEN;
  if (handler == handlerOf(call64) || handler == handlerOf(callRelative)) return CALL;
  if (handler == handlerOf(loop)) return BOTH;
  if (handler == handlerOf(jmpIndirect)) return COMPUTED;
  if (handler == handlerOf(callIndirect)) return COMPUTED_CALL;
  for (let i = 0; i < JCC.length; i++) if (handler == handlerOf(JCC[i])) return BOTH;
  const fused =
    handler == handlerOf(cmpJccRR32) ||
    handler == handlerOf(cmpJccRI32) ||
    handler == handlerOf(cmpJccRR64) ||
    handler == handlerOf(cmpJccRI64) ||
    handler == handlerOf(testJccRR32) ||
    handler == handlerOf(testJccRI32) ||
    handler == handlerOf(testJccRR64) ||
    handler == handlerOf(testJccRI64);
  return fused ? BOTH : NONE;
}
