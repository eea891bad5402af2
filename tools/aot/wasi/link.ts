// Programs for WASI preview 1 (modules with `_start`): links what such a module imports from
// `wasi_snapshot_preview1` with it, so that it becomes a program for Linux. The contract is docs/toolchain.md.

import { decodeModule } from "../../wasm/decode.ts";
import { printable } from "../../wasm/names.ts";
import { prune } from "../../wasm/prune.ts";
import { WasmError } from "../../wasm/reader.ts";
import type { Module } from "../../wasm/types.ts";
import { CompileError } from "../error.ts";
import { linkInstances, type ModuleFile } from "../instances.ts";
import { wasiModule } from "./module.ts";

const PREVIEW_1 = "wasi_snapshot_preview1";

/** Modules of other versions: `wasi_unstable`, the interfaces of preview 2 and later, threads. */
const OTHER = /^wasi[_:-]/;

function decoded({ file, bytes }: ModuleFile): Module {
  try {
    return decodeModule(bytes);
  } catch (error) {
    if (error instanceof WasmError) throw new CompileError(`${file}: ${error.message}`);
    throw error;
  }
}

function refuseOthers(m: Module, file: string): void {
  const imports = [m.funcImports, m.globalImports, m.tableImports, m.memoryImport ?? []].flat();
  for (const { module, name, offset } of imports) {
    if (module === PREVIEW_1 || !OTHER.test(module)) continue;
    const entry = `"${printable(module)}.${printable(name)}"`;
    const { message } = new WasmError(
      "import section",
      offset,
      `${entry} is of another version of WASI than preview 1 (${PREVIEW_1})`,
    );
    throw new CompileError(`${file}: ${message}`);
  }
}

/** Ends where a module that imports from WASI is no command, as WASI calls a program with `_start`. */
function checkCommand(m: Module, file: string): void {
  const functions = new Set(m.exports.filter((x) => x.kind === "func").map((x) => x.name));
  const refuse = (why: string): never => {
    throw new CompileError(`${file}: ${why}`);
  };
  if (functions.has("_initialize")) {
    refuse("a WASI reactor (it exports _initialize) is a library; a program exports _start alone");
  }
  if (!functions.has("_start")) refuse("a program for WASI exports the function _start");
  if (!m.exports.some((x) => x.kind === "memory" && x.name === "memory")) {
    refuse("a program for WASI exports its memory as memory");
  }
}

/**
 * The module with what it imports from `wasi_snapshot_preview1`, and with no more than that; one that imports
 * nothing from there is returned as it is.
 * @throws CompileError with one line.
 */
export async function linkWasi(main: ModuleFile): Promise<Uint8Array> {
  const module = decoded(main);
  refuseOthers(module, main.file);
  const wanted = module.funcImports.filter((x) => x.module === PREVIEW_1).map((x) => x.name);
  if (wanted.length === 0) return main.bytes;
  checkCommand(module, main.file);
  const bytes = prune(decodeModule(await wasiModule()), new Set(wanted));
  const layer = { name: PREVIEW_1, file: PREVIEW_1, bytes, spare: true };
  // What a program for Linux starts with otherwise is a function among others here.
  return linkInstances(main, [layer], "main");
}
