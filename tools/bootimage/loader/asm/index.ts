// What both loaders have in assembly.

export { emitHandOff } from "./hand-off.ts";
export { emitPhysicalStubs } from "./stubs.ts";
