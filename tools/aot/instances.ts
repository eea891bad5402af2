// Linking at compile time: a program and the modules it imports from become the one module that is compiled.
// The rules are those of tools/wasm/link.ts; here everything is validated first and errors get file names.

import { decodeModule } from "../wasm/decode.ts";
import { linkModules, MemoriesError, UnlinkableError } from "../wasm/link.ts";
import { WasmError } from "../wasm/reader.ts";
import type { Module } from "../wasm/types.ts";
import { CompileError } from "./error.ts";
import { validateBody } from "./wasm/validate.ts";

export interface ModuleFile {
  /** Names the module in messages. */
  file: string;
  bytes: Uint8Array;
}

function validated({ file, bytes }: ModuleFile): Module {
  try {
    const module = decodeModule(bytes);
    module.funcs.forEach((_, i) => {
      validateBody(module, i);
    });
    return module;
  } catch (error) {
    if (error instanceof WasmError) throw new CompileError(`${file}: ${error.message}`);
    throw error;
  }
}

/**
 * The module `main` linked with `others`, which are instantiated before it in their order; each is known to
 * those behind it by its `name`. The memory of a `spare` one stands for that of `main`. The export `hidden`
 * of `main` is left out. It exports what `main` exports.
 * @throws CompileError with one line.
 */
export function linkInstances(
  main: ModuleFile,
  others: (ModuleFile & { name: string; spare?: boolean })[],
  hidden?: string,
): Uint8Array {
  const inputs = others.map(({ name, spare, ...other }) => ({
    name,
    module: validated(other),
    ...(spare ? { spare } : {}),
  }));
  try {
    const module = validated(main);
    const exports = module.exports.filter(({ name }) => name !== hidden);
    return linkModules(inputs, { ...module, exports });
  } catch (error) {
    if (error instanceof UnlinkableError || error instanceof MemoriesError) {
      throw new CompileError(`${main.file}: cannot be linked: ${error.message}`);
    }
    throw error;
  }
}
