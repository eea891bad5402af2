// Heat records: the op before a block's first that counts how often the block is entered from behind, by a call or by
// a look-up, and asks the compiled tier for a region when it has been often enough. The tier replaces the record's
// handler by the region. Blocks have none while the tier is off.

import {
  BLOCK_HEADER,
  HEAT_ENTRY,
  HEAT_FRAME,
  HEAT_LEFT,
  HEAT_OFFSET,
  OP_HANDLER,
  OP_SIZE,
} from "../../state";
import { arenaFlush } from "../memory/code_pages";
import { hot } from "../processor/env";
import { Op } from "./op";

/** Whether blocks get a heat record. */
export let heated: bool = false;
/** Entries after which a new block is hot, at least 1. */
let entries: u32 = 0;

/** Whether links that go ahead lead to the heat record, too: where a block is compiled on its first entry, all of them count. */
export let countsAhead: bool = false;

/** Turns the compiled tier on, for blocks that are entered `threshold` times, or off with 0. Decoded code is dropped. */
export function set_heat(threshold: u32): void {
  heated = threshold != 0;
  entries = threshold;
  countsAhead = threshold == 1;
  arenaFlush();
}

/** Puts a heat record at `at` for a block at `offset` of page frame `frame`; its handler is that of `heatOp`. */
export function appendHeat(at: usize, handler: u32, frame: u32, offset: u32): void {
  store<u32>(at, handler, OP_HANDLER);
  store<u32>(at, entries, HEAT_LEFT);
  store<u32>(at, frame, HEAT_FRAME);
  store<u32>(at, offset, HEAT_OFFSET);
  store<u64>(at, 0, HEAT_ENTRY);
}

export function heatOp(op: Op): usize {
  const left = load<u32>(changetype<usize>(op), HEAT_LEFT) - 1;
  store<u32>(changetype<usize>(op), left, HEAT_LEFT);
  if (left == 0) return become(op);
  // The block's first instruction at once: a step of its own would take as long as that.
  const first = changetype<usize>(op) + OP_SIZE;
  return call_indirect<usize>(load<u32>(first, OP_HANDLER), first);
}

/**
 * Something that the region of the heat record at `at` takes for granted is not so: asks for another region when that has
 * happened as often as the tier has put into the record. Compiled regions call this.
 */
export function assumptionFailed(at: usize): void {
  const left = load<u32>(at, HEAT_LEFT) - 1;
  store<u32>(at, left, HEAT_LEFT);
  if (left == 0) become(changetype<Op>(at));
}

/** Asks for a region; what the tier answers is the next count, or 0 if the record enters a region now. */
function become(op: Op): usize {
  const at = changetype<usize>(op);
  const next = hot(at - BLOCK_HEADER);
  if (next == 0) return at;
  store<u32>(at, next, HEAT_LEFT);
  return at + OP_SIZE;
}
