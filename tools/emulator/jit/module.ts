// A WebAssembly module of regions: functions that import the core's memory and those of its functions that they call. Not
// its table: V8 keeps every instance that imports a table for as long as there is the table, and tells each of them what
// is put there.

import { I32 } from "../../wasm/types.ts";
import { buildModule, emptyModule } from "../../wasm/writer.ts";
import type { CoreExports } from "../core/interface.ts";
import type { Code, ImportedFunction } from "./code.ts";
import type { CoreCode } from "./core-code.ts";

/** The one type of regions and handlers. */
const HANDLER = 0;
const HANDLERS = "handlers";

/** A function of a module, and its name there. */
export interface NamedCode {
  readonly name: string;
  readonly code: Code;
}

/** The bytes of a module with these functions; `functions` are those of the core that they call, by their index. */
export function moduleOf(
  core: CoreCode,
  functions: readonly ImportedFunction[],
  defined: readonly NamedCode[],
): Uint8Array<ArrayBuffer> {
  const module = emptyModule();
  module.types.push({ params: [I32], results: [I32] });
  for (const imported of functions) {
    if ("handler" in imported) {
      module.imports.push({ module: HANDLERS, name: String(imported.handler), type: HANDLER });
      continue;
    }
    const { params, results } = core.typeNamed(imported.name);
    module.imports.push({ module: "core", name: imported.name, type: module.types.length });
    module.types.push({ params: [...params], results: [...results] });
  }
  // Engines compile accesses below the least size without checks.
  const memory = { min: core.module.memory?.min ?? 0 };
  module.imports.push({ module: "core", name: "memory", memory });
  for (const [n, { name, code }] of defined.entries()) {
    module.funcs.push({ type: HANDLER, locals: code.locals.slice(1), ...code.content() });
    module.exports.push({ name, kind: 0, index: functions.length + n });
  }
  return buildModule(module);
}

/** The functions of such a module, for the core that runs. */
export function instantiate(
  bytes: Uint8Array<ArrayBuffer>,
  functions: readonly ImportedFunction[],
  core: CoreExports,
): Record<string, CallableFunction> {
  const handlers: Record<string, WebAssembly.ImportValue> = {};
  for (const imported of functions) {
    if ("handler" in imported) handlers[imported.handler] = core.table.get(imported.handler);
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    core: core as unknown as WebAssembly.ModuleImports,
    [HANDLERS]: handlers,
  });
  return exports as Record<string, CallableFunction>;
}
