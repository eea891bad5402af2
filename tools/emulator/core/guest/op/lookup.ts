// Decoded blocks: lookup by RIP and links between blocks of one page; decode/block.ts makes them. A block is a
// run of micro-ops inside one physical page; it is found through the page's code map, so that it is shared by
// all CPUs and address spaces. An instruction that crosses a page is decoded afresh every time.

import {
  BLOCK_FIRST,
  BLOCK_HEADER,
  BLOCK_KEY,
  CODE_GENERATION,
  OP_IMM,
  S_BUDGET,
  S_KEY,
  S_LIN_MASK,
  S_RIP,
  S_RIP_BASE,
  S_STOP,
  SCRATCH_BLOCK,
  TLB_CODEMAP,
  TLB_EXEC,
} from "../../state";
import { Mem } from "../memory/access";
import { canonical } from "../memory/canonical";
import { arenaFlush, arenaFree } from "../memory/code_pages";
import { crowded, makeRoom } from "../memory/high_memory";
import { CS, Seg } from "../memory/segments";
import { PAGE_MASK } from "../processor/control_bits";
import { GP, raiseCode } from "../processor/fault";
import { countsAhead } from "./heat";
import { Op } from "./op";

/** First op of the block at S_RIP, or 0 with a fault pending. */
export function lookup(): usize {
  const rip = load<u64>(S_RIP);
  const key = load<u32>(S_KEY);
  let linear = rip;
  if ((key & 3) != 2) {
    if (rip > <u64>Seg.limit(CS)) {
      raiseCode(GP, 0);
      return 0;
    }
    linear = (rip + Seg.base(CS)) & 0xffffffff;
  }
  const e = Mem.entry(linear);
  if (load<u64>(e, TLB_EXEC) == (linear & PAGE_MASK)) {
    const offset = <u32>linear & 0xfff;
    const block = load<u32>(load<u32>(e, TLB_CODEMAP) + (offset << 2));
    if (block != 0 && load<u32>(block, BLOCK_KEY) == key) {
      store<u64>(S_RIP_BASE, rip - <u64>offset);
      return block + BLOCK_HEADER;
    }
  }
  return findBlock();
}

/** Room in the arena that a block may need, with a code map. */
const MOST_ROOM: usize = 0x10000;

/**
 * First op of the block at S_RIP, which a look-up has not found, or 0 with a fault pending: its page is translated, it is
 * decoded. Compiled regions call this.
 */
export function findBlock(): usize {
  if (arenaFree() < MOST_ROOM) arenaFlush();
  if (crowded) makeRoom();
  const rip = load<u64>(S_RIP);
  const key = load<u32>(S_KEY);
  const linear = (key & 3) == 2 ? rip : (rip + Seg.base(CS)) & 0xffffffff;
  return call_indirect<usize>(builder, rip, linear, key);
}

/** For the compiled tier: the block that `lookup` would find at `rip` by itself, or 0. */
export function cached_block(rip: u64): u32 {
  const key = load<u32>(S_KEY);
  const wide = (key & 3) == 2;
  const linear = wide ? rip : (rip + Seg.base(CS)) & 0xffffffff;
  const e = Mem.entry(linear);
  if (load<u64>(e, TLB_EXEC) != (linear & PAGE_MASK)) return 0;
  const block = load<u32>(load<u32>(e, TLB_CODEMAP) + ((<u32>linear & 0xfff) << 2));
  return block != 0 && load<u32>(block, BLOCK_KEY) == key ? block : 0;
}

/** Table index of the block builder (decode/block.ts): called through the table, as it knows all handlers. */
let builder: u32 = 0;
export function setBuilder(index: u32): void {
  builder = index;
}

export function endBlock(op: Op): usize {
  const left = load<i32>(S_BUDGET) - <i32>op.idx;
  store<i32>(S_BUDGET, left);
  const link = <u32>op.imm;
  if (left > 0 && link != 0) return link;
  store<u64>(S_RIP, (load<u64>(S_RIP_BASE) + op.disp) & load<u64>(S_LIN_MASK));
  if (left <= 0) return 0;
  return linkTo(op, op.disp, 0);
}

/** `sub` of a call. */
export const ENTERS: u8 = 0x80;

/** Looks up the block at S_RIP and remembers it in the op when it is in the same page. */
export function linkTo(op: Op, target: i64, which: i32): usize {
  if (<u64>target >= 0x1000) return lookup();
  const generation = load<u32>(CODE_GENERATION);
  const next = lookup();
  // A page walk may have dropped the op's own block, where the next one stands now.
  if (
    next != 0 &&
    next != SCRATCH_BLOCK + BLOCK_HEADER &&
    generation == load<u32>(CODE_GENERATION) &&
    load<u32>(S_STOP) == 0
  ) {
    // Loops and functions count how often they are entered; what goes on ahead need not.
    const ahead =
      !countsAhead && target >= <i64>((op.off & 0xfff) + (op.off >> 12)) && op.sub != ENTERS;
    const link = ahead ? load<u32>(next - BLOCK_HEADER, BLOCK_FIRST) : <u32>next;
    store<u32>(changetype<usize>(op) + (which << 2), link, OP_IMM);
  }
  return next;
}

/** RIP of page-relative `target`. */
function targetRip(op: Op, target: i64): u64 {
  const rip = (load<u64>(S_RIP_BASE) + target) & load<u64>(S_LIN_MASK);
  return op.size == 2 ? rip & 0xffff : rip;
}

/** Checks where a branch goes against the CS limit or for canonical form; #GP(0) pending if it fails. */
export function reachable(target: u64): bool {
  const ok = (load<u32>(S_KEY) & 3) == 2 ? canonical(target) : target <= <u64>Seg.limit(CS);
  if (!ok) raiseCode(GP, 0);
  return ok;
}

export function branchSlow(op: Op, target: i64, which: i32, left: i32): usize {
  const raw = load<u64>(S_RIP_BASE) + target;
  const rip = targetRip(op, target);
  if (!reachable(rip)) {
    // The branch itself faults, and does not count.
    store<i32>(S_BUDGET, left + <i32>op.idx + 1);
    return op.fault();
  }
  store<u64>(S_RIP, rip);
  if (left <= 0) return 0;
  if (rip != raw) return lookup();
  return linkTo(op, target, which);
}

export class Branch {
  /** Ends a block at page-relative `target`; link slot `which` is 0 (taken) or 1 (not taken). */
  @inline static to(op: Op, target: i64, which: i32): usize {
    const left = load<i32>(S_BUDGET) - <i32>op.idx - 1;
    store<i32>(S_BUDGET, left);
    if (left > 0) {
      const link = load<u32>(changetype<usize>(op) + (which << 2), OP_IMM);
      if (link != 0) return link;
    }
    return branchSlow(op, target, which, left);
  }

  /** Whether the branch, if taken, may go where it says; #GP(0) pending if not. A link says that it may. */
  @inline static reaches(op: Op): bool {
    return load<u32>(changetype<usize>(op), OP_IMM) != 0 || reachable(targetRip(op, op.disp));
  }

  @inline static taken(op: Op): usize {
    return Branch.to(op, op.disp, 0);
  }

  @inline static notTaken(op: Op): usize {
    return Branch.to(op, <i64>((op.off & 0xfff) + (op.off >> 12)), 1);
  }
}
