// Which functions' source a piece of code stems from. The optimizer that made the wasm has put functions into each other
// and left but their source positions: a position that lies in another function than the one compiled belongs to an
// inlined call, and the calls between the two are the shortest way from one to the other by the names in the source.

import type { InlinedCall } from "../../elf/index.ts";
import {
  type FunctionDescription,
  type ProgramDescription,
  simpleName,
} from "../../wasm/description.ts";
import type { SourcePosition } from "../wasm/sourcemap.ts";

/** A piece of code, up to the next one's offset, and where it comes from. */
export interface SourceRow {
  offset: number;
  source: SourcePosition | undefined;
  /** In a copy of the function's own body: the call in whose place it stands. */
  call: SourcePosition | undefined;
}

/** Calls between two functions, at most, that are taken to be inlined into each other. */
const MAX_DEPTH = 12;

/** A function inside others, with the function it is called from and the lines on which that names it. */
interface Step {
  callee: FunctionDescription;
  caller: FunctionDescription;
  lines: readonly number[];
}

/** What has been reached from a function so far. */
interface Search {
  reached: Map<FunctionDescription, Step>;
  /** The calls that lead to functions that were asked for, outermost first. */
  ways: Map<FunctionDescription, Step[]>;
  /** What was reached last, and in how many calls. */
  front: FunctionDescription[];
  depth: number;
}

function contains(f: FunctionDescription, { line, column }: SourcePosition): boolean {
  const after = line > f.start[0] || (line === f.start[0] && column >= f.start[1]);
  const before = line < f.end[0] || (line === f.end[0] && column < f.end[1]);
  return after && before;
}

/** Whether both are the same piece of source, as instances of one generic function are. */
export function sameSource(a: FunctionDescription, b: FunctionDescription): boolean {
  return a.file === b.file && a.start[0] === b.start[0] && a.start[1] === b.start[1];
}

/** Answers for the functions of one program. */
export class Scopes {
  private readonly byName = new Map<string, FunctionDescription>();
  private readonly byFile = new Map<string, FunctionDescription[]>();
  private readonly bySimpleName = new Map<string, FunctionDescription[]>();
  private readonly searches = new Map<FunctionDescription, Search>();
  private readonly found = new Map<SourcePosition, FunctionDescription | undefined>();
  private readonly mentioned = new Map<FunctionDescription, FunctionDescription[]>();

  constructor({ functions }: ProgramDescription) {
    const add = (
      map: Map<string, FunctionDescription[]>,
      key: string,
      f: FunctionDescription,
    ): void => {
      const list = map.get(key);
      if (list) list.push(f);
      else map.set(key, [f]);
    };
    for (const f of functions) {
      if (!this.byName.has(f.name)) this.byName.set(f.name, f);
      add(this.byFile, f.file, f);
      add(this.bySimpleName, simpleName(f.label), f);
    }
  }

  /** The function that asc calls `name`. */
  named(name: string | undefined): FunctionDescription | undefined {
    return name === undefined ? undefined : this.byName.get(name);
  }

  /** The innermost function whose source contains the position; remembered, as many instructions share one. */
  at(position: SourcePosition): FunctionDescription | undefined {
    let inner = this.found.get(position);
    if (!inner && !this.found.has(position)) {
      inner = this.innermost(position);
      this.found.set(position, inner);
    }
    return inner;
  }

  private innermost(position: SourcePosition): FunctionDescription | undefined {
    let best: FunctionDescription | undefined;
    for (const f of this.byFile.get(position.file) ?? []) {
      if (!contains(f, position)) continue;
      const inner =
        !best ||
        f.start[0] > best.start[0] ||
        (f.start[0] === best.start[0] && f.start[1] > best.start[1]);
      if (inner) best = f;
    }
    return best;
  }

  /** The calls that lead from `outer` to `inner`, outermost first. */
  private way(outer: FunctionDescription, inner: FunctionDescription): Step[] {
    let search = this.searches.get(outer);
    if (!search) {
      search = { reached: new Map(), ways: new Map(), front: [outer], depth: 0 };
      this.searches.set(outer, search);
    }
    let way = search.ways.get(inner);
    if (!way) {
      way = this.findWay(outer, inner, search);
      search.ways.set(inner, way);
    }
    return way;
  }

  private findWay(outer: FunctionDescription, inner: FunctionDescription, search: Search): Step[] {
    const { reached } = search;
    // Most are a call or two away, and a program may be large.
    while (!reached.has(inner) && search.depth < MAX_DEPTH && search.front.length > 0) {
      this.explore(outer, search);
    }
    const steps: Step[] = [];
    for (let at = inner; !sameSource(at, outer); ) {
      const step = reached.get(at);
      if (!step) return [stepTo(inner, outer)];
      steps.unshift(step);
      at = step.caller;
    }
    return steps;
  }

  /** Goes one call further from `outer`. */
  private explore(outer: FunctionDescription, search: Search): void {
    const { reached, front } = search;
    const next: FunctionDescription[] = [];
    for (const caller of front) {
      for (const callee of this.calleesOf(caller)) {
        if (reached.has(callee) || sameSource(callee, outer)) continue;
        reached.set(callee, stepTo(callee, caller));
        next.push(callee);
      }
    }
    search.front = next;
    search.depth++;
  }

  /** The functions that `caller` may call by the names in its source. */
  private calleesOf(caller: FunctionDescription): FunctionDescription[] {
    let known = this.mentioned.get(caller);
    if (!known) {
      known = Object.keys(caller.mentions).flatMap((name) => this.bySimpleName.get(name) ?? []);
      this.mentioned.set(caller, known);
    }
    return known;
  }

  /** The inlined calls in the code of `outer`, which ends at `end`. */
  inlined(outer: FunctionDescription, rows: readonly SourceRow[], end: number): InlinedCall[] {
    const top: InlinedCall[] = [];
    /** The line of each function that ran last: of several calls the nearest one is taken. */
    const lastLine = new Map<FunctionDescription, number>();
    rows.forEach(({ offset, source, call }, i) => {
      const inner = source && this.at(source);
      if (!source || !inner) return;
      const stop = rows[i + 1]?.offset ?? end;
      let level = top;
      if (stop > offset && call) {
        level = extend(level, outer, outer.file, call.line, offset, stop);
      }
      if (stop > offset && !sameSource(inner, outer)) {
        for (const { callee, caller, lines } of this.way(outer, inner)) {
          const line = nearest(lines, lastLine.get(caller) ?? 0);
          level = extend(level, callee, caller.file, line, offset, stop);
        }
      }
      lastLine.set(inner, source.line);
    });
    return top;
  }
}

function stepTo(callee: FunctionDescription, caller: FunctionDescription): Step {
  const name = simpleName(callee.label);
  const lines = Object.hasOwn(caller.mentions, name) ? (caller.mentions[name] as number[]) : [];
  return { callee, caller, lines };
}

/** The one of `lines` that is nearest to the line that ran last; 0 where there is none. */
function nearest(lines: readonly number[], last: number): number {
  let best = lines[0] ?? 0;
  for (const line of lines) if (Math.abs(line - last) < Math.abs(best - last)) best = line;
  return best;
}

/** Adds a range to the call in `level`; returns the calls inside it. */
function extend(
  level: InlinedCall[],
  callee: FunctionDescription,
  file: string,
  line: number,
  start: number,
  end: number,
): InlinedCall[] {
  let call = level.find(
    (each) => each.name === callee.label && each.line === line && each.file === file,
  );
  if (!call) {
    call = { name: callee.label, ranges: [], file, line, variables: [], inlined: [] };
    level.push(call);
  }
  const last = call.ranges[call.ranges.length - 1];
  if (last?.end === start) last.end = end;
  else call.ranges.push({ start, end });
  return call.inlined;
}
