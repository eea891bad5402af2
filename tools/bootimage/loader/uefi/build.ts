// Builds BOOTX64.EFI: the compiled guest code and the stubs, linked as an application for UEFI.

import { compile, linkUefi } from "../../../aot/index.ts";
import { Assembler } from "../../../asm/index.ts";
import { emitLoaderStubs } from "../asm/index.ts";

/** Returns the bytes of the EFI application. Throws the compiler's and linker's errors. */
export function buildUefiLoader(wasm: Uint8Array, sourceMap?: string): Uint8Array {
  const compiled = compile(wasm, { target: "uefi", name: "bootx64", sourceMap });
  const stubs = new Assembler({ bits: 64, name: "bootx64-stubs" });
  emitLoaderStubs(stubs);
  return linkUefi(compiled, stubs.object());
}
