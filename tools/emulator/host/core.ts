// The CPU core that belongs to this checkout: compiled from its sources where they have changed, and loaded once
// a process.

import { guestModule } from "../../asc/guest.ts";
import type { CoreExports, CoreImports } from "../core/interface.ts";
import { compileCore, instantiateCore } from "../core/load.ts";
import { CORE_GUEST } from "../core/options.ts";
import { tierOf } from "../jit/tier.ts";
import { accelOfEnvironment } from "./accel.ts";

let module: Promise<WebAssembly.Module> | undefined;

/** The compiled core. Throws the compiler's messages if its sources do not compile. */
export function builtCore(): Promise<WebAssembly.Module> {
  module ??= guestModule(CORE_GUEST).then(({ wasm }) => compileCore(wasm));
  return module;
}

/** A fresh instance of the compiled core, with a compiled tier if the environment asks for one. Call `create` on its exports before anything else. */
export async function loadCore(imports: CoreImports): Promise<{ exports: CoreExports }> {
  const core = await builtCore();
  const tier = tierOf(core, accelOfEnvironment());
  const exports = await instantiateCore(core, imports, tier?.imports);
  tier?.attach(exports);
  return { exports };
}
