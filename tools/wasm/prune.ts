// Leaving out functions: a module of which only some exports are wanted, with what these need.

import { IDENTITY, rewriteBody, toSpec } from "./rewrite.ts";
import type { FuncBody, Module } from "./types.ts";
import { buildModule } from "./writer.ts";

/** Functions that the given ones call or refer to, themselves included. */
function reachable(m: Module, roots: Iterable<number>): Set<number> {
  const found = new Set(roots);
  const { length: imported } = m.funcImports;
  // The set grows while it is gone through.
  for (const index of found) {
    const body = m.funcs[index - imported];
    if (!body) continue;
    rewriteBody(m, body, {
      ...IDENTITY,
      func: (callee) => {
        found.add(callee);
        return callee;
      },
    });
  }
  return found;
}

/**
 * The valid module with those of its exported functions that `wanted` names; functions that nothing needs any
 * more are left out. Everything else stays.
 */
export function prune(m: Module, wanted: ReadonlySet<string>): Uint8Array<ArrayBuffer> {
  const exports = m.exports.filter(({ kind, name }) => kind !== "func" || wanted.has(name));
  const roots = exports.filter(({ kind }) => kind === "func").map(({ index }) => index);
  for (const { funcs } of m.elements) roots.push(...Array.from(funcs).filter((f) => f >= 0));
  for (const { init } of m.globals) if (init.kind === "func") roots.push(init.index);
  if (m.start !== undefined) roots.push(m.start);
  const { length: imported } = m.funcImports;
  const kept = reachable(m, [...m.funcImports.keys(), ...roots]);
  const places = new Map([...kept].sort((a, b) => a - b).map((index, place) => [index, place]));
  const func = (index: number): number => places.get(index) as number;
  const smaller: Module = {
    ...m,
    exports,
    funcs: m.funcs.filter((_: FuncBody, i) => kept.has(imported + i)),
    funcNames: new Map([...m.funcNames].filter(([index]) => kept.has(index))),
  };
  return buildModule(toSpec(smaller, [], { ...IDENTITY, func }));
}
