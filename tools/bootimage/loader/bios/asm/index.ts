// The BIOS loader's assembly part: what is linked with the compiled module. The first stages stand alone.

import { Assembler } from "../../../../asm/index.ts";
import type { ObjectFile } from "../../../../elf/index.ts";
import { emitBiosCall } from "./bios-call.ts";
import { emitEntry } from "./entry.ts";
import { emitFaults } from "./faults.ts";
import { emitModes } from "./modes.ts";

export { assembleCdSector, assembleMbr } from "./first-stage.ts";

/** The stubs, in a section ".low" that belongs at START. `hasStart`: the wasm module has a start function. */
export function assembleStubs(hasStart: boolean): ObjectFile {
  const a = new Assembler({ bits: 16, name: "BIOS loader stubs", lines: true });
  a.section(".low", { executable: true, writable: true, align: 16 });
  emitEntry(a, hasStart);
  emitModes(a);
  emitBiosCall(a);
  emitFaults(a);
  return a.object();
}
