// The keys of a terminal in raw mode, one after the other, as Node's readline tells them apart. An Escape that nothing
// follows for a while is the key, and so is Alt with [ or O, which begin sequences.

import { emitKeypressEvents, type Interface } from "node:readline";
import { PassThrough, type Readable } from "node:stream";
import type { Keypress } from "./typed-keys.ts";

/** In this time the rest of a sequence comes, ms. */
const SEQUENCE_MS = 50;

const ESCAPE = 0x1b;
const INTRODUCERS = [0x5b, 0x4f];

export class TerminalInput {
  readonly #parsed = new PassThrough();
  readonly #onKey: (press: Keypress) => void;
  readonly #source: Readable;
  /** ESC [ or ESC O at the end of what came. */
  #begun: Buffer = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Readable, onKey: (press: Keypress) => void) {
    this.#source = source;
    this.#onKey = onKey;
    const timing = { escapeCodeTimeout: SEQUENCE_MS } as unknown as Interface;
    emitKeypressEvents(this.#parsed, timing);
    this.#parsed.on("keypress", (_, press: Keypress) => onKey(press));
    source.on("data", this.#received);
  }

  readonly #received = (data: Buffer): void => {
    clearTimeout(this.#timer);
    const all = Buffer.concat([this.#begun, data]);
    const last = all.length - 1;
    const isBegun = all[last - 1] === ESCAPE && INTRODUCERS.includes(all[last] as number);
    this.#begun = isBegun ? all.subarray(last - 1) : Buffer.alloc(0);
    const ready = isBegun ? all.subarray(0, last - 1) : all;
    if (ready.length > 0) this.#parsed.write(ready);
    if (isBegun) this.#timer = setTimeout(() => this.#isKey(), SEQUENCE_MS);
  };

  #isKey(): void {
    const sequence = this.#begun.toString("latin1");
    this.#begun = Buffer.alloc(0);
    this.#onKey({ sequence, ctrl: false, meta: true, shift: false });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source.off("data", this.#received);
  }
}
