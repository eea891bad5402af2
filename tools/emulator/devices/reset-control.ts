// The two resets of the chipset that are not the keyboard controller's: port 0xCF9 (ICH9 datasheet,
// 13.7.5; 82371SB datasheet, 2.5.4) and system control port A, 0x92, with fast reset and fast A20.

import type { BoardPins, Device, DeviceKind, PortHandler, Slot } from "./device.ts";

export class ResetControl implements Device {
  readonly name: string;
  state = { cf9: 0, port92: 0x02 };
  readonly #pins: BoardPins;
  readonly #bits: number;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#pins = slot.pins;
    this.#bits = slot.board.chipset.resetBits;
    slot.ports(0xcf9, 1, this.#cf9Port());
    slot.ports(0x92, 1, this.#port92());
  }

  /** The line has two gates; port 0x92 shows where it is, whoever moved it. */
  showA20(enabled: boolean): void {
    this.state.port92 = (this.state.port92 & ~2) | (enabled ? 2 : 0);
  }

  reset(): void {
    this.state = { cf9: 0, port92: 0x02 };
    this.#pins.setA20(true);
  }

  /** Port 0xCF9: RST_CPU (bit 2) rising resets. */
  #cf9Port(): PortHandler {
    return {
      read: () => this.state.cf9,
      write: (_port, value) => {
        const rising = (value & 4) !== 0 && (this.state.cf9 & 4) === 0;
        this.state.cf9 = value & this.#bits;
        if (rising) this.#pins.reset();
      },
    };
  }

  /** Port 0x92: bit 0 resets on a rising edge, bit 1 is the A20 gate. */
  #port92(): PortHandler {
    return {
      read: () => this.state.port92,
      write: (_port, value) => {
        const rising = (value & 1) !== 0 && (this.state.port92 & 1) === 0;
        this.state.port92 = value & 0xff;
        this.#pins.setA20((value & 2) !== 0, "port92");
        if (rising) this.#pins.reset();
      },
    };
  }
}

export const resetControl: DeviceKind = {
  name: "reset-control",
  what: "reset register 0xCF9, system control port A",
  builtIn: true,
  create: (slot) => new ResetControl(slot),
};
