// Compiles the kernel's guest code with asc, in this process.

import { existsSync, readFileSync } from "node:fs";
import asc from "assemblyscript/asc";
import { KERNEL_ASC_OPTIONS, KERNEL_ENTRY } from "../options.ts";

export interface CompiledGuest {
  binary: Uint8Array;
  sourceMap: string;
}

/** Returns the wasm module and its source map. Throws asc's messages. */
export async function compileGuest(): Promise<CompiledGuest> {
  const result: CompiledGuest = { binary: new Uint8Array(), sourceMap: "" };
  const root = new URL("../../", import.meta.url);
  const options = [KERNEL_ENTRY, ...KERNEL_ASC_OPTIONS, "--sourceMap", "--outFile", "kernel.wasm"];
  const { error, stderr } = await asc.main(options, {
    readFile: (name) => {
      const file = new URL(name, root);
      return existsSync(file) ? readFileSync(file, "utf8") : null;
    },
    writeFile: (name, contents) => {
      if (name.endsWith(".map")) result.sourceMap = contents.toString();
      else result.binary = new Uint8Array(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error) throw new Error(stderr.toString());
  return result;
}
