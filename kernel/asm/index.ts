// The kernel's assembly part as one relocatable object.

import { Assembler } from "../../tools/asm/index.ts";
import type { ObjectFile } from "../../tools/elf/index.ts";
import { emitBoot } from "./boot.ts";
import { emitEntries } from "./entry.ts";

export { WINDOW } from "./boot.ts";

/** Assembles the stubs. `hasStart`: the wasm module has a start function, to be called first. */
export function assembleStubs(hasStart: boolean): ObjectFile {
  const a = new Assembler({ bits: 64, name: "kernel stubs", lines: true });
  emitBoot(a, hasStart);
  emitEntries(a);
  return a.object();
}
