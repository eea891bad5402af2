// Emission of vector operations: places the operands and runs the recipe.

import type { Inst } from "../../regalloc/lir.ts";
import { VECTOR_RECIPES, VectorCode, type VectorRecipe } from "../vector.ts";
import type { Emission } from "./operands.ts";

export function emitVector(s: Emission, inst: Inst): void {
  const recipe = VECTOR_RECIPES[inst.sub] as VectorRecipe;
  if (recipe.same) s.place(inst, true);
  const operands = inst.srcs.length - recipe.temps;
  const to = s.dst(inst);
  const at = (i: number): number => s.loc(inst, i);
  recipe.emit(
    new VectorCode(s.e, s.pool, {
      to,
      // What the result overwrites has been moved there.
      a: recipe.same ? to : at(0),
      b: operands > 1 ? at(1) : -1,
      c: operands > 2 ? at(2) : -1,
      temp: recipe.temps > 0 ? at(operands) : -1,
      imm: inst.imm,
      constantCount: inst.hasImm,
      lanes: inst.aux as bigint,
    }),
  );
}
