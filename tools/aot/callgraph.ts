// Which calls can be part of a recursion: cycles of the call graph, by Tarjan's algorithm (Depth-First Search
// and Linear Graph Algorithms, 1972) without recursion of its own.

/** What a function calls. */
export interface Calls {
  /** Indices of functions, imported ones included. */
  direct: readonly number[];
  /** Whether it calls through a table. */
  indirect: boolean;
}

/** Stands for whatever a call through a table reaches. */
export const INDIRECT = -1;

/**
 * Tells whether a call of `callee` (the index of a function, or INDIRECT) in `caller`, the same way, can come
 * back to `caller`. `functions` are those that are not imported, behind `imported` others, which call nothing;
 * `addressed` are functions that a call through a table may reach.
 */
export function recursion(
  functions: readonly Calls[],
  imported: number,
  addressed: Iterable<number>,
): (caller: number, callee: number) => boolean {
  const nodes = functions.length + 1;
  const table = functions.length;
  const nodeOf = (index: number): number => (index === INDIRECT ? table : index - imported);
  const own = (indices: Iterable<number>): number[] =>
    [...indices].map(nodeOf).filter((node) => node >= 0);
  const reached = own(addressed);
  const successors = (node: number): number[] => {
    const calls = functions[node];
    if (!calls) return reached;
    const direct = own(calls.direct);
    return calls.indirect ? [...direct, table] : direct;
  };

  // Number in order of discovery, 0 for none; the least number that is reached; the component, 0 for none.
  const number = new Uint32Array(nodes);
  const least = new Uint32Array(nodes);
  const component = new Uint32Array(nodes);
  const open: number[] = [];
  let found = 0;
  let components = 0;
  const enter = (node: number) => {
    number[node] = least[node] = ++found;
    open.push(node);
    return { node, next: successors(node), at: 0 };
  };
  for (let root = 0; root < nodes; root++) {
    if (number[root] !== 0) continue;
    const path = [enter(root)];
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const { node } = top;
      const next = top.next[top.at++];
      if (next === undefined) {
        path.pop();
        const low = least[node] as number;
        if (low === number[node]) {
          components++;
          for (let member = -1; member !== node; ) {
            member = open.pop() as number;
            component[member] = components;
          }
        }
        const above = path.at(-1)?.node;
        if (above !== undefined) least[above] = Math.min(least[above] as number, low);
      } else if (number[next] === 0) path.push(enter(next));
      else if (component[next] === 0) {
        least[node] = Math.min(least[node] as number, number[next] as number);
      }
    }
  }
  return (caller, callee) => {
    const to = nodeOf(callee);
    return to >= 0 && component[nodeOf(caller)] === component[to];
  };
}
