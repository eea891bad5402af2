// Regions look at the budget rarely: what they have seen then must last on every way up to where they look again.

import { expect, test } from "vitest";
import { Random } from "../cputest/random.ts";
import { planBudget } from "./budget.ts";
import { structure } from "./flow.ts";

test("on every way through random graphs the budget lasts to the next look", () => {
  const random = new Random(1);
  for (let round = 0; round < 300; round++) {
    const size = 1 + random.below(40);
    const node = (): number => random.below(size);
    const costs = Array.from({ length: size }, () => 1 + random.below(60));
    const edges = costs.map(() => Array.from({ length: random.below(3) }, node));
    // All nodes are reached.
    const entries = [node(), ...costs.keys()].slice(0, size < 20 ? undefined : 1);
    const plan = planBudget(edges, structure(edges, entries), (n) => costs[n] as number);
    let at = entries[0] as number;
    let granted = 0;
    for (let step = 0; step < 200; step++) {
      if (plan.looks.has(at)) granted = plan.need(at);
      granted -= costs[at] as number;
      // The look was for more than this, so something is left at the block's end.
      expect(granted).toBeGreaterThanOrEqual(0);
      const to = edges[at]?.[random.below(2)];
      if (to === undefined) break;
      at = to;
    }
  }
});

test("a region looks again where much is needed, and in each round of a loop", () => {
  // 0 → 1 → 2 ⇄ 3, 100 instructions each
  const edges = [[1], [2], [3], [2]];
  const plan = planBudget(edges, structure(edges, [0]), () => 100);
  expect([...plan.looks].sort()).toEqual([0, 1, 2, 3]);
  const short = planBudget(edges, structure(edges, [0]), () => 10);
  expect([...short.looks].sort()).toEqual([0, 2]);
  expect([0, 1, 2, 3].map(short.need)).toEqual([20, 10, 20, 10]);
});
