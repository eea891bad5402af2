// A WebAssembly module of regions: functions that import the core's memory, its table and those of its functions that
// they call.

import { I32 } from "../../wasm/types.ts";
import { buildModule, emptyModule } from "../../wasm/writer.ts";
import type { CoreExports } from "../core/interface.ts";
import type { Code } from "./code.ts";
import type { CoreCode } from "./core-code.ts";

/** The one type of regions and handlers. */
const HANDLER = 0;
const NAME = "region";

/** The bytes of a module with the function `code`; `names` are the core's functions that it calls, by their index. */
export function regionModule(
  core: CoreCode,
  names: readonly string[],
  code: Code,
): Uint8Array<ArrayBuffer> {
  const module = emptyModule();
  module.types.push({ params: [I32], results: [I32] });
  for (const name of names) {
    const { params, results } = core.typeNamed(name);
    module.imports.push({ module: "core", name, type: module.types.length });
    module.types.push({ params: [...params], results: [...results] });
  }
  module.imports.push(
    // Engines compile accesses below the least size without checks.
    { module: "core", name: "memory", memory: { min: core.module.memory?.min ?? 0 } },
    { module: "core", name: "table", table: { min: 0 } },
  );
  module.funcs.push({ type: HANDLER, locals: code.locals.slice(1), ...code.content() });
  module.exports.push({ name: NAME, kind: 0, index: names.length });
  return buildModule(module);
}

/** The function of such a module, for the core that runs. */
export function instantiateRegion(
  bytes: Uint8Array<ArrayBuffer>,
  core: CoreExports,
): CallableFunction {
  const imports = { core: core as unknown as WebAssembly.ModuleImports };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  return exports[NAME] as CallableFunction;
}
