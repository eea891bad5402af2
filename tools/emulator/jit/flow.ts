// Control flow of a region in the structured form that wasm has: dominator tree, loops, and which blocks the dispatcher
// must know. After Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001), and Ramsey, "Beyond Relooper:
// Recursive Translation of Unstructured Control Flow to Structured Control Flow" (2022).

/** Nodes are numbers from 0; the dispatcher is the root above all of them. */
export interface Flow {
  /** Children in the dominator tree, in reverse postorder; those of the dispatcher under `nodes`. */
  readonly children: readonly (readonly number[])[];
  /** Nodes that head a loop whose body they dominate. */
  readonly loops: ReadonlySet<number>;
  /** Nodes that the dispatcher reaches, in the order of their numbers for it: the entries first, as given. */
  readonly targets: readonly number[];
  /** How an edge is taken. */
  edge(from: number, to: number): "forward" | "back" | "dispatch";
}

/** Depth-first postorder from the root; unreachable nodes are left out. */
function postorder(root: number, successors: (node: number) => readonly number[]): number[] {
  const seen = new Set([root]);
  const order: number[] = [];
  const stack: { node: number; next: number }[] = [{ node: root, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const to = successors(top.node)[top.next++];
    if (to === undefined) {
      order.push(top.node);
      stack.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      stack.push({ node: to, next: 0 });
    }
  }
  return order;
}

/**
 * Structures the graph of `edges[node]`, entered at `entries`. An edge that would make a loop with two entries goes
 * through the dispatcher, which then knows its end.
 */
export function structure(edges: readonly (readonly number[])[], entries: readonly number[]): Flow {
  const root = edges.length;
  const targets = [...new Set(entries)];
  for (;;) {
    const successors = (node: number): readonly number[] =>
      node === root ? targets : (edges[node] as readonly number[]);
    const order = postorder(root, successors).reverse();
    const place = new Int32Array(root + 1).fill(-1);
    for (const [i, node] of order.entries()) place[node] = i;
    const parents = dominators(order, place, successors);
    const dominates = (above: number, below: number): boolean => {
      let node = below;
      while (node !== above && node !== root) node = parents[node] as number;
      return node === above;
    };
    const kind = (from: number, to: number): "forward" | "back" | "dispatch" => {
      if ((place[to] as number) > (place[from] as number)) return "forward";
      return dominates(to, from) ? "back" : "dispatch";
    };
    const loops = new Set<number>();
    let missing: number | undefined;
    for (const from of order) {
      if (from === root) continue;
      for (const to of successors(from)) {
        const how = kind(from, to);
        if (how === "back") loops.add(to);
        else if (how === "dispatch" && !targets.includes(to)) missing ??= to;
      }
    }
    if (missing !== undefined) {
      targets.push(missing);
      continue;
    }
    const children: number[][] = Array.from({ length: root + 1 }, () => []);
    for (const node of order) if (node !== root) children[parents[node] as number]?.push(node);
    return { children, loops, targets, edge: kind };
  }
}

/** A graph whose last node may be a copy of node `of`, by which it is entered. */
export interface Entered {
  readonly edges: readonly (readonly number[])[];
  readonly entries: readonly number[];
  readonly flow: Flow;
  readonly of: number | undefined;
}

/**
 * Structures the graph of `edges[node]`, entered at `entries`, the first of which may be entered by a copy of its own if
 * it is `fallenInto`. A compiler's loop begins with what stands before it, so that its first round is one block with that;
 * it joins the loop behind the block to which the others go back. If that one is the entry, it heads all loops, and what
 * is around the inner one looks as if it were inside; otherwise it only leads back.
 */
export function entered(
  edges: readonly (readonly number[])[],
  entries: readonly number[],
  fallenInto: boolean,
): Entered {
  const flow = structure(edges, entries);
  const [of, ...others] = entries;
  if (fallenInto && of !== undefined && flow.loops.has(of)) {
    const last = edges.length;
    const more = [...edges, edges[of] as readonly number[]];
    const copied = structure(more, [last, ...others]);
    if (copied.loops.size < flow.loops.size && copied.targets.length <= flow.targets.length)
      return { edges: more, entries: [last, ...others], flow: copied, of };
  }
  return { edges, entries, flow, of: undefined };
}

/** Immediate dominators of the nodes in `order` (reverse postorder, the root first). */
function dominators(
  order: readonly number[],
  place: Int32Array,
  successors: (node: number) => readonly number[],
): Int32Array {
  const predecessors: number[][] = Array.from(place, () => []);
  for (const from of order) for (const to of successors(from)) predecessors[to]?.push(from);
  const parents = new Int32Array(place.length).fill(-1);
  const root = order[0] as number;
  parents[root] = root;
  const common = (left: number, right: number): number => {
    let a = left;
    let b = right;
    while (a !== b) {
      while ((place[a] as number) > (place[b] as number)) a = parents[a] as number;
      while ((place[b] as number) > (place[a] as number)) b = parents[b] as number;
    }
    return a;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of order) {
      if (node === root) continue;
      let parent = -1;
      for (const from of predecessors[node] as number[]) {
        if (parents[from] === -1) continue;
        parent = parent === -1 ? from : common(parent, from);
      }
      if (parents[node] !== parent) {
        parents[node] = parent;
        changed = true;
      }
    }
  }
  return parents;
}
