// The emulator as a library for Node: index.ts with machines that read files and bring the compiled core.

export * from "../index.ts";
export { loadDisassembler } from "../inspect/iced.ts";
export { builtCore } from "./core.ts";
export { type GdbListener, listenForGdb } from "./gdb-listener.ts";
export { closeImage, type ImageFileOptions, openImage } from "./image-file.ts";
export {
  type DiskOptions,
  Machine,
  type MachineOptions,
  type ModuleOptions,
} from "./machine.ts";
