// The PIIX4's SMBus host controller (82371AB datasheet, 11.4) with nothing on its bus: each transaction ends at once with the
// error that nobody has answered. Its interrupt, the block buffer's contents and the slave interface are left out.

import type { MmioHandler } from "./device.ts";

export const SMBUS_BYTES = 16;

/** SMBHSTSTS: a device has not answered. */
const DEVICE_ERROR = 0x04;
const STATUS_BITS = 0x1e;
/** SMBHSTCNT: begin, which reads as 0. */
const START = 0x40;
const [STATUS, CONTROL, COMMAND, ADDRESS, DATA0, DATA1] = [0, 2, 3, 4, 5, 6];
/** Registers that keep what is written. */
const KEPT: readonly number[] = [CONTROL, COMMAND, ADDRESS, DATA0, DATA1];

export class Smbus implements MmioHandler {
  state = { registers: new Array<number>(SMBUS_BYTES).fill(0) };

  reset(): void {
    this.state = { registers: new Array<number>(SMBUS_BYTES).fill(0) };
  }

  read(offset: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#byte(offset + i);
    return value;
  }

  #byte(offset: number): number {
    return this.state.registers[offset] ?? 0;
  }

  write(offset: number, value: number, size: number): void {
    for (let i = 0; i < size; i++) this.#write(offset + i, (value >>> (8 * i)) & 0xff);
  }

  #write(offset: number, value: number): void {
    const { registers } = this.state;
    if (offset === STATUS) registers[STATUS] = this.#byte(STATUS) & ~(value & STATUS_BITS);
    if (!KEPT.includes(offset)) return;
    registers[offset] = offset === CONTROL ? value & ~START : value;
    if (offset === CONTROL && value & START) registers[STATUS] = DEVICE_ERROR;
  }
}
