// One instance of the CPU core: compiles core/ once per process (its build caches the wasm by
// content) and instantiates it for each machine.

import type { CoreExports, CoreImports } from "../interface.ts";

let compiled: Promise<WebAssembly.Module> | undefined;

async function compile(): Promise<WebAssembly.Module> {
  const { buildCore } = await import("../core/build.ts");
  return WebAssembly.compile((await buildCore()) as BufferSource);
}

export async function instantiateCore(imports: CoreImports): Promise<CoreExports> {
  compiled ??= compile();
  const instance = await WebAssembly.instantiate(await compiled, {
    env: {
      ...imports,
      abort: (_message: number, _file: number, line: number, column: number) => {
        throw new Error(
          `the CPU core stopped at line ${line}, column ${column}: this is a bug in it`,
        );
      },
    },
  });
  return instance.exports as unknown as CoreExports;
}
