// Cycles of random call graphs, against a search that follows every call.

import { describe, expect, test } from "vitest";
import { type Calls, INDIRECT, recursion } from "./callgraph.ts";

/** Whether `callee` leads to `caller` over any calls. */
function reaches(
  functions: Calls[],
  imported: number,
  addressed: number[],
  from: number,
  to: number,
) {
  const seen = new Set<number>();
  const todo = [from];
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (node === to) return true;
    if (seen.has(node)) continue;
    seen.add(node);
    if (node === INDIRECT) todo.push(...addressed);
    else {
      const calls = functions[node - imported];
      if (calls) todo.push(...calls.direct, ...(calls.indirect ? [INDIRECT] : []));
    }
  }
  return false;
}

describe("the call graph", () => {
  test("tells which calls can come back to their caller", () => {
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const seen = { yes: 0, no: 0 };
    for (let round = 0; round < 300; round++) {
      const imported = random(3);
      const count = 1 + random(12);
      const pick = (n: number) => Array.from({ length: n }, () => random(imported + count));
      const functions = Array.from({ length: count }, () => ({
        direct: pick(random(3)),
        indirect: random(6) === 0,
      }));
      const addressed = pick(random(3));
      const recurs = recursion(functions, imported, addressed);
      functions.forEach(({ direct, indirect }, i) => {
        for (const callee of [...direct, ...(indirect ? [INDIRECT] : [])]) {
          const expected = reaches(functions, imported, addressed, callee, imported + i);
          expect(recurs(imported + i, callee)).toBe(expected);
          seen[expected ? "yes" : "no"]++;
        }
      });
    }
    expect(seen.yes).toBeGreaterThan(100);
    expect(seen.no).toBeGreaterThan(100);
  });

  test("of a hundred thousand functions in a row takes no stack", () => {
    const count = 100_000;
    const functions = Array.from({ length: count }, (_, i) => ({
      direct: [(i + 1) % count],
      indirect: false,
    }));
    expect(recursion(functions, 0, [])(0, 1)).toBe(true);
    (functions[count - 1] as { direct: number[] }).direct = [];
    expect(recursion(functions, 0, [])(0, 1)).toBe(false);
  });
});
