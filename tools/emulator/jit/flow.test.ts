// Structured control flow, on graphs of known shape and on random ones: taking edges as the structure says must be
// possible in wasm, so every label that an edge goes to must be open where the edge is.

import { expect, test } from "vitest";
import { entered, type Flow, structure } from "./flow.ts";

/** Visits the tree as it is emitted, and checks each edge against the labels that are open there. */
function check(flow: Flow, edges: readonly (readonly number[])[]): void {
  const root = edges.length;
  const visited = new Set<number>();
  const visit = (node: number, open: ReadonlySet<string>): void => {
    visited.add(node);
    const inside = new Set(open);
    if (flow.loops.has(node)) inside.add(`loop ${node}`);
    const children = flow.children[node] as readonly number[];
    for (const child of children) inside.add(`begin ${child}`);
    for (const to of node === root ? flow.targets : (edges[node] as readonly number[])) {
      const how = node === root ? "forward" : flow.edge(node, to);
      if (how === "forward") expect(inside).toContain(`begin ${to}`);
      else if (how === "back") expect(inside).toContain(`loop ${to}`);
      else expect(flow.targets).toContain(to);
    }
    for (const child of children) {
      inside.delete(`begin ${child}`);
      visit(child, inside);
    }
  };
  visit(root, new Set());
  for (const node of flow.targets) expect(visited).toContain(node);
}

test("a loop with one entry is a loop, and the dispatcher knows the entry alone", () => {
  // 0 → 1 ⇄ 2, 1 → 3
  const edges = [[1], [2, 3], [1], []];
  const flow = structure(edges, [0]);
  check(flow, edges);
  expect([...flow.loops]).toEqual([1]);
  expect(flow.targets).toEqual([0]);
  expect(flow.edge(2, 1)).toBe("back");
});

test("a loop with two entries goes through the dispatcher", () => {
  const edges = [[1, 2], [2], [1]];
  const flow = structure(edges, [0]);
  check(flow, edges);
  expect(flow.targets.length).toBe(2);
  expect([...flow.loops]).toEqual([]);
});

test("a block that branches to itself is a loop", () => {
  const edges = [[0]];
  const flow = structure(edges, [0]);
  check(flow, edges);
  expect([...flow.loops]).toEqual([0]);
});

test("random graphs have a structure in which each edge can be taken", () => {
  let seed = 1;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % n;
  };
  for (let round = 0; round < 2000; round++) {
    const size = 1 + random(14);
    const edges = Array.from({ length: size }, () =>
      Array.from({ length: random(3) }, () => random(size)),
    );
    const entries = Array.from({ length: 1 + random(3) }, () => random(size));
    check(structure(edges, entries), edges);
  }
});

test("a loop that is joined behind the entry is entered by a copy of that", () => {
  // Rounds are 0 → 1 → 0; around them 1 → 2 → 3 → 1, where 3 has a first round's part of 0.
  const ways = [[1], [0, 2], [3], [1]];
  const { edges, entries, flow, of } = entered(ways, [0], true);
  expect(of).toBe(0);
  expect(edges).toEqual([...ways, [1]]);
  expect(entries).toEqual([4]);
  check(flow, edges);
  expect([...flow.loops]).toEqual([1]);
  expect(flow.edge(0, 1)).toBe("back");
});

test("without such a block, or where nothing is gained, there is no copy", () => {
  expect(entered([[1], [0, 2], [3], [1]], [0], false).of).toBeUndefined();
  // 0 ⇄ 1, and around them 1 → 2 → 0
  const ways = [[1], [0, 2], [0]];
  expect(entered(ways, [0], true)).toMatchObject({ edges: ways, entries: [0], of: undefined });
  // Rounds of two ways are joined in two places.
  expect(entered([[1, 2], [0], [0, 3], [1, 2]], [0], true)).toMatchObject({ entries: [0] });
});
