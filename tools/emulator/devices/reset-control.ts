// The two resets of the chipset that are not the keyboard controller's: port 0xCF9 (ICH9 datasheet,
// 13.7.5) and system control port A, 0x92, with fast reset and fast A20.

import type { Device, PortHandler } from "./device.ts";

export class ResetControl implements Device {
  readonly name = "reset-control";
  state = { cf9: 0, port92: 0x02 };
  onReset: () => void = () => {};
  onA20: (enabled: boolean) => void = () => {};

  reset(): void {
    this.state = { cf9: 0, port92: 0x02 };
    this.onA20(true);
  }

  /** Port 0xCF9: RST_CPU (bit 2) rising resets. */
  cf9Port(): PortHandler {
    return {
      read: () => this.state.cf9,
      write: (_port, value) => {
        const rising = (value & 4) !== 0 && (this.state.cf9 & 4) === 0;
        this.state.cf9 = value & 0x0a;
        if (rising) this.onReset();
      },
    };
  }

  /** Port 0x92: bit 0 resets on a rising edge, bit 1 is the A20 gate. */
  port92(): PortHandler {
    return {
      read: () => this.state.port92,
      write: (_port, value) => {
        const rising = (value & 1) !== 0 && (this.state.port92 & 1) === 0;
        this.state.port92 = value & 0xff;
        this.onA20((value & 2) !== 0);
        if (rising) this.onReset();
      },
    };
  }
}
