// Registers of 32 bits by their offset, 0 where nothing has been written, and the counters among them (Intel 317453, 13.7;
// 82574 datasheet, 10.2.7), which stay at their maximum and are 0 once they have been read.

import { allOnes, type MmioHandler } from "../device.ts";

const MAX_COUNT = 0xffff_ffff;

/** Lower halves of counters of 64 bits: octets received and sent, good ones and all. */
const WIDE_COUNTERS: readonly number[] = [0x4088, 0x4090, 0x40c0, 0x40c8];

export class RegisterFile {
  readonly #values: () => Record<number, number>;

  /** `values` says where they are now: a snapshot may replace them. */
  constructor(values: () => Record<number, number>) {
    this.#values = values;
  }

  get(register: number): number {
    return this.#values()[register] ?? 0;
  }

  set(register: number, value: number): void {
    this.#values()[register] = value >>> 0;
  }

  /** A counter goes up. */
  count(register: number, amount = 1): void {
    const sum = this.get(register) + amount;
    if (!WIDE_COUNTERS.includes(register)) this.set(register, Math.min(sum, MAX_COUNT));
    else if (sum <= MAX_COUNT) this.set(register, sum);
    else if (this.get(register + 4) === MAX_COUNT) this.set(register, MAX_COUNT);
    else {
      this.set(register, sum - MAX_COUNT - 1);
      this.set(register + 4, this.get(register + 4) + 1);
    }
  }

  /** What a counter has counted, and 0 from now on; of those of 64 bits once the upper half is read. */
  takeCount(register: number): number {
    const value = this.get(register);
    if (WIDE_COUNTERS.includes(register)) return value;
    this.set(register, 0);
    if (WIDE_COUNTERS.includes(register - 4)) this.set(register - 4, 0);
    return value;
  }
}

/** A window onto registers of 32 bits, which are written whole. */
export const registerWindow = (
  read: (register: number) => number,
  write: (register: number, value: number) => void,
): MmioHandler => ({
  read: (offset, size) => ((read(offset & ~3) >>> (8 * (offset & 3))) & allOnes(size)) >>> 0,
  write: (offset, value, size) => {
    if (size === 4 && (offset & 3) === 0) write(offset, value);
  },
});
