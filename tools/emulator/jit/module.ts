// A WebAssembly module of regions: functions that import the core's memory, and a table of the core's functions that they
// call. These are not imported, because V8 compiles a wrapper for each type of function that a module imports, in case
// that it is one of JavaScript, which takes longer than all else about a small module. Nor is the core's table: V8 keeps
// every instance that imports a table for as long as there is the table, and tells each of them what is put there.

import { I32 } from "../../wasm/types.ts";
import { buildModule, emptyModule } from "../../wasm/writer.ts";
import type { CoreExports } from "../core/interface.ts";
import type { Code, ImportedFunction } from "./code.ts";
import type { CoreCode } from "./core-code.ts";

/** The one type of regions and handlers. */
const HANDLER = 0;
/** Name of the table. */
const CALLED = "called";
const KIND_FUNCTION = 0;
const KIND_TABLE = 1;

/** A function of a module, and its name there. */
export interface NamedCode {
  readonly name: string;
  readonly code: Code;
}

/** The bytes of a module with these functions; `functions` are those of the core that they call, as `Imports` has them. */
export function moduleOf(
  core: CoreCode,
  functions: readonly ImportedFunction[],
  defined: readonly NamedCode[],
): Uint8Array<ArrayBuffer> {
  const module = emptyModule();
  module.types.push({ params: [I32], results: [I32] });
  for (const imported of functions) {
    if ("handler" in imported) continue;
    const { params, results } = core.typeNamed(imported.name);
    module.types.push({ params: [...params], results: [...results] });
  }
  module.tables = [{ min: functions.length, max: functions.length }];
  module.exports.push({ name: CALLED, kind: KIND_TABLE, index: 0 });
  // Engines compile accesses below the least size without checks.
  const memory = { min: core.module.memory?.min ?? 0 };
  module.imports.push({ module: "core", name: "memory", memory });
  for (const [n, { name, code }] of defined.entries()) {
    module.funcs.push({ type: HANDLER, locals: code.locals.slice(1), ...code.content() });
    module.exports.push({ name, kind: KIND_FUNCTION, index: n });
  }
  return buildModule(module);
}

/** The functions of such a module, for the core that runs. */
export function instantiate(
  bytes: Uint8Array<ArrayBuffer>,
  functions: readonly ImportedFunction[],
  core: CoreExports,
): Record<string, CallableFunction> {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    core: { memory: core.memory },
  });
  const called = exports[CALLED] as WebAssembly.Table;
  const named = core as unknown as Record<string, CallableFunction>;
  for (const [place, imported] of functions.entries()) {
    const callee = "handler" in imported ? core.table.get(imported.handler) : named[imported.name];
    called.set(place, callee);
  }
  return exports as Record<string, CallableFunction>;
}
