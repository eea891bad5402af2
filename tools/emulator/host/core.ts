// The CPU core that belongs to this checkout: compiled from its sources where they have changed, and loaded once
// a process.

import { buildCore, CORE_PATH } from "../core/build.ts";
import { compileCore, instantiateCore } from "../core/load.ts";
import type { CoreExports, CoreImports } from "../interface.ts";
import { LoadError } from "../load-error.ts";

let module: Promise<WebAssembly.Module> | undefined;

/** The compiled core. Throws `LoadError` if its file is damaged. */
export function builtCore(): Promise<WebAssembly.Module> {
  module ??= buildCore().then(async (bytes) => {
    try {
      return await compileCore(bytes, CORE_PATH);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      throw new LoadError(`${error.message}; remove the file, and it is made again`);
    }
  });
  return module;
}

/** A fresh instance of the compiled core. Call `create` on its exports before anything else. */
export async function loadCore(imports: CoreImports): Promise<{ exports: CoreExports }> {
  return { exports: await instantiateCore(await builtCore(), imports) };
}
