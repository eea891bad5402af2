// What tools/emulator/host/core.ts is in the repository, for the npm package: the compiled core is there.

import type { CoreExports, CoreImports } from "../emulator/core/interface.ts";
import { compileCore, instantiateCore } from "../emulator/core/load.ts";

let module: Promise<WebAssembly.Module> | undefined;

async function compile(): Promise<WebAssembly.Module> {
  const { CORE_BASE64 } = await import("./core-bytes.ts");
  return compileCore(Uint8Array.from(atob(CORE_BASE64), (byte) => byte.charCodeAt(0)));
}

/** The compiled core, loaded and compiled once. */
export function builtCore(): Promise<WebAssembly.Module> {
  module ??= compile();
  return module;
}

/** A fresh instance of the compiled core. Call `create` on its exports before anything else. */
export async function loadCore(imports: CoreImports): Promise<{ exports: CoreExports }> {
  return { exports: await instantiateCore(await builtCore(), imports) };
}
