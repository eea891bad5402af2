// A ring of descriptors in guest memory (Intel 317453, 3.2.6 and 3.4; 82574 datasheet, 7.1.8 and 7.2.7): five registers say
// where it is, how long, and which part of it is the card's: from the head on up to the tail.

import type { RegisterFile } from "./register-file.ts";

/** Bytes of the smallest descriptor, which head and tail count in. */
export const DESCRIPTOR_BYTES = 16;

/** Offsets of a ring's registers. */
export interface RingRegisters {
  low: number;
  high: number;
  length: number;
  head: number;
  tail: number;
}

/** The registers of a ring, by the first one. */
export const ringAt = (first: number): RingRegisters => ({
  low: first,
  high: first + 4,
  length: first + 8,
  head: first + 16,
  tail: first + 24,
});

export class DescriptorRing {
  readonly #registers: RegisterFile;
  readonly #at: RingRegisters;

  constructor(registers: RegisterFile, at: RingRegisters) {
    this.#registers = registers;
    this.#at = at;
  }

  get #head(): number {
    return this.#registers.get(this.#at.head);
  }

  /** Bytes. */
  get length(): number {
    return this.#registers.get(this.#at.length);
  }

  /** Descriptors. */
  get count(): number {
    return Math.floor(this.length / DESCRIPTOR_BYTES);
  }

  get isEmpty(): boolean {
    return this.#head === this.#registers.get(this.#at.tail);
  }

  /** The tail is one of its descriptors. */
  get hasTail(): boolean {
    return this.#registers.get(this.#at.tail) < this.count;
  }

  /** Descriptors that are the card's. */
  get free(): number {
    const [head, tail] = [this.#head, this.#registers.get(this.#at.tail)];
    if (this.count === 0 || head === tail) return 0;
    return head < tail ? tail - head : Math.max(0, this.count + tail - head);
  }

  /** Physical address of the descriptor at the head; the lower four bits of a ring's are zeros. */
  get address(): number {
    const low = this.#registers.get(this.#at.low);
    const base = this.#registers.get(this.#at.high) * 2 ** 32 + low - (low & 15);
    return base + this.#head * DESCRIPTOR_BYTES;
  }

  /** The head goes on by `n` times 16 bytes. */
  advance(n = 1): void {
    const next = this.#head + n;
    this.#registers.set(this.#at.head, next * DESCRIPTOR_BYTES >= this.length ? 0 : next);
  }
}
