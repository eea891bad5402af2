// The compiler room's public face.

export { CompileError, type CompileOptions, compile } from "./compile.ts";
export { linkInstances, type ModuleFile } from "./instances.ts";
export { TRAP_MESSAGES, TrapKind } from "./ir/ir.ts";
export { LINUX_SEGMENTS, linkLinux, linkUefi, UEFI_SEGMENTS } from "./link.ts";
export { exportSymbol } from "./names.ts";
export type { TargetName } from "./targets/target.ts";
export { linkWasi } from "./wasi/link.ts";
