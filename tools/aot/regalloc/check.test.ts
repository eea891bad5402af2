// The checker must notice wrong allocations: each of these differs from a right one in one place.

import { expect, test } from "vitest";
import { I64 } from "../ir/ir.ts";
import { checkAllocation } from "./check.ts";
import { Inst, LBlock, LFunc, type Move, Use } from "./lir.ts";
import type { Allocation } from "./resolve.ts";

/** `a ← …; b ← …; use(a, b)` in one block. */
function program(): { f: LFunc; a: number; b: number; use: Inst } {
  const f = new LFunc("f");
  const block = new LBlock(0);
  f.blocks.push(block);
  const [a, b] = [f.vreg(I64), f.vreg(I64)];
  const define = (vreg: number): Inst => {
    const inst = new Inst(0, 8);
    inst.dst = vreg;
    return inst;
  };
  const use = new Inst(1, 8);
  use.srcs = [a, b];
  use.kinds = [Use.Reg, Use.Any];
  block.insts = [define(a), define(b), use];
  block.end = 3;
  return { f, a, b, use };
}

function allocation(
  locate: (code: number, pos: number) => number,
  moves: [number, Move[]][] = [],
): Allocation {
  return {
    locate,
    liveAt: () => undefined,
    moves: new Map(moves.map(([k, list]) => [k, [list]])),
    slots: 4,
    used: 0,
  };
}

test("a right allocation passes, with and without a move", () => {
  const { f, a } = program();
  checkAllocation(
    f,
    allocation((code) => (code === a ? 0 : 1)),
  );
  checkAllocation(
    f,
    allocation(
      (code, pos) => (code === a ? (pos < 8 ? 0 : 2) : 1),
      [[2, [{ from: 0, to: 2, type: I64 }]]],
    ),
  );
});

test("two live values in one register are found", () => {
  const { f } = program();
  expect(() =>
    checkAllocation(
      f,
      allocation(() => 0),
    ),
  ).toThrow(/instruction 2: operand v32 is not in location 0/);
});

test("a missing move is found", () => {
  const { f, a } = program();
  expect(() =>
    checkAllocation(
      f,
      allocation((code, pos) => (code === a ? (pos < 8 ? 0 : 2) : 1)),
    ),
  ).toThrow(/operand v32 is not in location 2/);
});

test("a register operand in memory and one in an overwritten register are found", () => {
  const { f, a, use } = program();
  const spilled = allocation(
    (code, pos) => (code === a ? (pos < 8 ? 0 : 33) : 1),
    [[2, [{ from: 0, to: 33, type: I64 }]]],
  );
  expect(() => checkAllocation(f, spilled)).toThrow(/operand v32 is in memory/);
  use.kinds = [Use.RegMid, Use.Any];
  use.clobbers = 1;
  expect(() =>
    checkAllocation(
      f,
      allocation((code) => (code === a ? 0 : 1)),
    ),
  ).toThrow(/which is overwritten/);
});
