// Port 0x80, where firmware writes its progress (IBM PC/AT technical reference, "POST"): a latch that
// reads back. Programs also write to it to pass a microsecond.

import type { Device, DeviceKind, Slot } from "./device.ts";

class PostPort implements Device {
  readonly name: string;
  /** The last POST code. */
  state = { code: 0 };

  constructor(slot: Slot) {
    this.name = slot.name;
    slot.ports(0x80, 1, {
      read: () => this.state.code,
      write: (_port, value) => {
        this.state.code = value;
      },
    });
  }

  reset(): void {
    this.state.code = 0;
  }
}

export const postPort: DeviceKind = {
  name: "post",
  what: "POST code port",
  builtIn: true,
  create: (slot) => new PostPort(slot),
};
