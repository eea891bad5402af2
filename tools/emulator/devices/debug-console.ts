// The debug console of Bochs and QEMU: bytes written to port 0xE9 appear at the host, reading gives
// 0xE9 so that a guest can tell it is there.

import type { Device, DeviceKind, Slot } from "./device.ts";

/** What reading gives, whatever the port is. */
const PRESENT = 0xe9;

export class DebugConsole implements Device {
  readonly name: string;
  state = {};
  onByte: (byte: number) => void = () => {};

  constructor(slot: Slot, iobase: number) {
    this.name = slot.name;
    slot.ports(iobase, 1, {
      read: () => PRESENT,
      write: (_port, value) => this.onByte(value),
    });
  }

  reset(): void {}
}

export const debugConsole: DeviceKind<{ iobase: number }> = {
  name: "isa-debugcon",
  what: "console of Bochs and QEMU at port 0xE9",
  options: { iobase: { default: 0xe9, minimum: 1, maximum: 0xffff } },
  create: (slot, { iobase }) => new DebugConsole(slot, iobase),
};
