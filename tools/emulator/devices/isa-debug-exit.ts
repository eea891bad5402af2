// QEMU's isa-debug-exit: writing v ends the machine with the exit status (v << 1) | 1.

import type { PortHandler } from "./device.ts";

/** Ports QEMU gives the device when the command line does not. */
export const DEBUG_EXIT_DEFAULT = { iobase: 0x501, iosize: 2 } as const;

export function debugExitPorts(onExit: (status: number) => void): PortHandler {
  return {
    read: () => 0,
    write: (_port, value) => onExit(((value << 1) | 1) & 0xff),
  };
}
