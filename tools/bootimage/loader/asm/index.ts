// What both loaders have in assembly.

import type { Assembler } from "../../../asm/index.ts";
import { emitHandOff } from "./hand-off.ts";
import { emitPhysicalStubs } from "./stubs.ts";

/** Emits all that core/stub.ts declares. */
export function emitLoaderStubs(a: Assembler): void {
  emitPhysicalStubs(a);
  emitHandOff(a);
}
