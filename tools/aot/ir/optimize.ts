// The machine-independent pass pipeline.

import { findByteSwaps } from "./bytes.ts";
import {
  dominators,
  duplicateReturns,
  findLoops,
  foldBranches,
  mergeBlocks,
  numberBlocks,
  removeUnreachable,
} from "./cfg.ts";
import { removeDeadCode, removeTrivialPhis } from "./clean.ts";
import { splitConditions } from "./conditions.ts";
import { reduceDivisions } from "./divide.ts";
import { numberValues } from "./gvn.ts";
import { moveInvariants } from "./invariant.ts";
import type { Func } from "./ir.ts";
import { useRanges } from "./range.ts";
import { inlineRecursion } from "./recursion.ts";
import { simplify } from "./simplify.ts";
import { threadJumps } from "./thread.ts";
import { unrollLoops } from "./unroll.ts";

/** Rounds of threading: each may bring constants to further branches. */
const MAX_ROUNDS = 4;

/** Removes what a changed control flow leaves behind: branches on constants, as far as they lead. */
function cleanUp(f: Func): void {
  for (let round = 0; ; round++) {
    removeUnreachable(f);
    removeTrivialPhis(f);
    if (round === MAX_ROUNDS) break;
    const simplified = simplify(f);
    if (foldBranches(f)) continue;
    if (simplified) removeTrivialPhis(f);
    break;
  }
  mergeBlocks(f);
}

/**
 * Optimizes `f`, which is function `index` of the module's own, in place; afterwards blocks are numbered, loops found
 * and uses counted. With `unroll` code may grow for speed.
 */
export function optimize(f: Func, index: number, unroll: boolean): void {
  cleanUp(f);
  if (inlineRecursion(f, index)) cleanUp(f);
  numberBlocks(f);
  let idom = dominators(f);
  numberValues(f, idom);
  removeDeadCode(f);
  if (splitConditions(f)) {
    numberBlocks(f);
    idom = dominators(f);
  }
  for (let round = 0; round < MAX_ROUNDS && threadJumps(f, idom); round++) {
    cleanUp(f);
    removeDeadCode(f);
    numberBlocks(f);
    idom = dominators(f);
  }
  if (duplicateReturns(f)) {
    numberBlocks(f);
    idom = dominators(f);
  }
  if (unroll) {
    findLoops(f);
    if (unrollLoops(f)) {
      cleanUp(f);
      removeDeadCode(f);
      numberBlocks(f);
      idom = dominators(f);
    }
  }
  useRanges(f, idom);
  reduceDivisions(f);
  findByteSwaps(f);
  numberValues(f, idom);
  removeDeadCode(f);
  findLoops(f);
  // What has met before a loop may be equal.
  if (moveInvariants(f)) {
    numberValues(f, idom);
    removeDeadCode(f);
  }
}
