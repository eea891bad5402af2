// What both loaders have in assembly.

export { emitPhysicalStubs } from "./stubs.ts";
