// QEMU's isa-debug-exit: writing v ends the machine with the exit status (v << 1) | 1.

import type { Device, DeviceKind, Slot } from "./device.ts";

class DebugExit implements Device {
  readonly name: string;
  state = {};

  constructor(slot: Slot, iobase: number, iosize: number) {
    this.name = slot.name;
    const handler = {
      read: () => 0,
      write: (_port: number, value: number) => slot.pins.exit(((value << 1) | 1) & 0xff),
    };
    slot.ports(iobase, iosize, handler, 7);
  }

  reset(): void {}
}

export const debugExit: DeviceKind<{ iobase: number; iosize: number }> = {
  name: "isa-debug-exit",
  what: "writing V ends the run with status (V << 1) | 1",
  options: {
    iobase: { default: 0x501, minimum: 1, maximum: 0xffff },
    iosize: { default: 2, minimum: 1, maximum: 16 },
  },
  create: (slot, { iobase, iosize }) => new DebugExit(slot, iobase, iosize),
};
