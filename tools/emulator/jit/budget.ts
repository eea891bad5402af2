// How far ahead a region looks at the budget. The interpreter does so at the end of each block and leaves there when the
// budget is used up. A region looks at a few places only, whether it lasts up to the next of them, and leaves to the
// interpreter at once where it does not: so a slice ends at the same block in both.

import type { Flow } from "./flow.ts";

/** What is needed is little, because the rest of a slice is interpreted: instructions. */
const MOST_NEEDED = 128;

export interface BudgetPlan {
  /** At the node's start the budget is greater than this: enough up to the end of each block before the next look. */
  need(node: number): number;
  /** Nodes that look at the budget when they begin; all others rely on those before them. */
  readonly looks: ReadonlySet<number>;
}

/** Plans for the graph of `edges[node]`, structured as `flow`; the block of a node takes `cost(node)` of the budget. */
export function planBudget(
  edges: readonly (readonly number[])[],
  flow: Flow,
  cost: (node: number) => number,
): BudgetPlan {
  const looks = new Set<number>([...flow.targets, ...flow.loops]);
  const needs: (number | undefined)[] = new Array(edges.length).fill(undefined);
  const need = (node: number): number => {
    const known = needs[node];
    if (known !== undefined) return known;
    const own = cost(node);
    let most = own;
    for (const to of edges[node] as readonly number[]) {
      if (looks.has(to)) continue;
      // Without heads of loops and what the dispatcher reaches, edges lead ahead only.
      const sum = own + need(to);
      if (sum > MOST_NEEDED) looks.add(to);
      else most = Math.max(most, sum);
    }
    needs[node] = most;
    return most;
  };
  for (const node of [...looks]) need(node);
  return { need, looks };
}
