// The machine-independent pass pipeline.

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
import { reduceDivisions } from "./divide.ts";
import { numberValues } from "./gvn.ts";
import type { Func } from "./ir.ts";
import { simplify } from "./simplify.ts";

/** Optimizes `f` in place; afterwards blocks are numbered, loops found and uses counted. */
export function optimize(f: Func): void {
  foldBranches(f);
  removeUnreachable(f);
  removeTrivialPhis(f);
  mergeBlocks(f);
  simplify(f);
  duplicateReturns(f);
  reduceDivisions(f);
  numberBlocks(f);
  numberValues(f, dominators(f));
  removeDeadCode(f);
  findLoops(f);
}
