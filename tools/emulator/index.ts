// The emulator as a library, for every host: bytes in, functions out, the compiled core among the options. What
// Node adds, paths and the core that is there, is in host/index.ts, which has the same names.

export { CPU_FEATURES, CPU_MODEL_NAMES } from "./core/cpu-models.ts";
export type { CoreSource } from "./core/load.ts";
export { type GdbConnection, type GdbPeer, GdbServer } from "./debug/gdb-server.ts";
export type { GdbArchitecture } from "./debug/gdb-target.ts";
export { GuestEventLog, LOG_ITEMS, type LogItem } from "./debug/log.ts";
export { type Halt, RunControl, type Watchpoint } from "./debug/run-control.ts";
export { KEYS, type Key, keyOfDom, keyOfName } from "./devices/keys.ts";
export type { TextScreen } from "./devices/vga-scanout.ts";
export { Display, type DisplayOptions, type Look, type Rectangle } from "./display.ts";
export type { InputEvent, OutsideEvent, RecordedInput } from "./input.ts";
export type { Disassemble, Line } from "./inspect/disassembly.ts";
export { LoadError } from "./load-error.ts";
export { Machine, type RunLimits, type Stop } from "./machine.ts";
export {
  type DiskOptions,
  MAX_CPUS,
  type MachineOptions,
  type MediaKind,
  type ModuleOptions,
  parseMemory,
} from "./machine-options.ts";
export type { DiskBus } from "./media/disk.ts";
export type { DiskFailure, FailureAction, WriteFailureAction } from "./media/disk-failures.ts";
export type { ImageFormat, ImageSource } from "./media/image.ts";
export type { MonitorHost, SnapshotStore } from "./monitor/command.ts";
export { Monitor } from "./monitor/monitor.ts";
export { CpuAccess } from "./platform/cpu-access.ts";
export type { BootKind, BootOrder } from "./platform/firmware/bios-state.ts";
export type {
  A20Faults,
  A20Method,
  BiosFaults,
  DiskFaults,
  MemoryFaults,
  MemoryService,
  ReadFault,
} from "./platform/firmware/faults.ts";
export type { Picture, RgbaPicture } from "./screen.ts";
export { SerialLine } from "./serial-line.ts";
export type { Snapshot } from "./snapshot.ts";
