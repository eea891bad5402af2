// Selection of vector operations: each has a recipe (x64/vector.ts) that says which operands it takes,
// whether it overwrites the first, and what it needs besides.

import { Op, V128, type Value } from "../../ir/ir.ts";
import { Inst, Use } from "../../regalloc/lir.ts";
import { M } from "../machine.ts";
import { VECTOR_RECIPES, type VectorRecipe } from "../vector.ts";
import { bytesOf, type Selection } from "./operands.ts";

export function selectVector(s: Selection, v: Value): void {
  const recipe = VECTOR_RECIPES[v.sub] as VectorRecipe;
  const inst = new Inst(M.Vector, bytesOf(v.type));
  inst.sub = v.sub;
  inst.imm = v.imm;
  inst.aux = v.aux;
  let args = v.args;
  const count = args[1];
  if (recipe.count && count?.op === Op.Const) {
    inst.hasImm = true;
    inst.imm = count.imm;
    args = args.slice(0, 1);
  }
  if (recipe.swapped) args = args.slice().reverse();
  s.o.pool.used = true;
  args.forEach((arg, i) => {
    const first = i === 0 && recipe.same;
    s.use(inst, s.reg(arg), first ? Use.Any : recipe.early ? Use.Reg : Use.RegLate);
  });
  for (let i = 0; i < recipe.temps; i++) s.temp(inst, V128);
  if (recipe.same) s.defineSame(inst, s.vreg(v));
  else s.define(inst, v);
  s.put(inst);
}
