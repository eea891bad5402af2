// The debug console of Bochs and QEMU: bytes written to port 0xE9 appear at the host, reading gives
// 0xE9 so that a guest can tell it is there.

import type { Device, PortHandler } from "./device.ts";

export const DEBUG_CONSOLE_PORT = 0xe9;

export class DebugConsole implements Device {
  readonly name = "debug-console";
  state = {};
  onByte: (byte: number) => void = () => {};

  reset(): void {}

  ports(): PortHandler {
    return {
      read: () => DEBUG_CONSOLE_PORT,
      write: (_port, value) => this.onByte(value),
    };
  }
}
