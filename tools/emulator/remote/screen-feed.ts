// The screen of a machine for a picture that is kept in another thread: the rows that may have changed are copied into
// memory that both see, or that is handed over and comes back, and nothing else is done in the machine's thread.

import type { PixelOrder } from "../devices/pixel-order.ts";
import type { Machine } from "../machine.ts";
import { ScreenWatch } from "../screen-watch.ts";

/** Pictures that are on their way at a time: one is drawn while another is being compared. */
const SLOTS = 2;

/** Lines of a picture that may be others now. They are at their places in the picture that `slot` has room for. */
export interface ScreenRows {
  width: number;
  height: number;
  order: PixelOrder;
  /** The picture before was another one: all lines are here. */
  isFresh: boolean;
  /** Stretches of lines, from above: the first one of each, and how many. */
  stretches: [y: number, lines: number][];
  slot: number;
  /** The slot's memory, where it is new or has been handed over. */
  memory?: SlotMemory;
}

/** Memory that both threads see, or one at a time. */
export type SlotMemory = SharedArrayBuffer | ArrayBuffer;

export class ScreenFeed {
  readonly #watch: ScreenWatch;
  readonly #slots: (SlotMemory | undefined)[] = Array(SLOTS).fill(undefined);
  readonly #free: number[] = [...this.#slots.keys()];
  readonly #send: (rows: ScreenRows) => void;
  readonly #isShared: boolean;
  #onReady: () => void = () => {};

  private constructor(watch: ScreenWatch, send: (rows: ScreenRows) => void, isShared: boolean) {
    this.#watch = watch;
    this.#send = send;
    this.#isShared = isShared;
  }

  /** Undefined if the machine has no display adapter. With `isShared` both threads see the memory. */
  static of(
    machine: Machine,
    send: (rows: ScreenRows) => void,
    isShared: boolean,
  ): ScreenFeed | undefined {
    const { vga } = machine.board;
    return vga && new ScreenFeed(new ScreenWatch(machine, vga, true), send, isShared);
  }

  /** Whether there is room: without it what has changed is found by a later look. */
  get isReady(): boolean {
    return this.#free.length > 0;
  }

  /** The next look sends everything: nobody has the picture. */
  forget(): void {
    this.#watch.forget();
  }

  /** The lines in a slot have been read; `memory` is the slot's that was handed over. */
  giveBack(slot: number, memory?: ArrayBuffer): void {
    if (memory !== undefined) this.#slots[slot] = memory;
    this.#free.push(slot);
    this.#onReady();
  }

  /** Resolves when there is room. */
  async ready(): Promise<void> {
    if (this.isReady) return;
    await new Promise<void>((resolve) => {
      this.#onReady = resolve;
    });
  }

  /** Sends what may have changed, if there is room for it. */
  look(): void {
    const slot = this.#free.at(-1);
    if (slot === undefined) return;
    const redraw = this.#watch.look();
    if (redraw === undefined) return;
    const { scanout, isFresh, isStale } = redraw;
    const { width, height, order, rows, rowLines } = scanout;
    const bytes = width * height * Uint32Array.BYTES_PER_ELEMENT;
    const known = this.#slots[slot];
    const memory = known && known.byteLength >= bytes ? known : this.#memoryOf(bytes);
    const pixels = new Uint32Array(memory, 0, width * height);
    const stretches: [number, number][] = [];
    for (let row = 0; row < rows; row++) {
      if (!isStale(row)) continue;
      let end = row + 1;
      while (end < rows && isStale(end)) end++;
      scanout.draw(row, pixels, end - row);
      stretches.push([row * rowLines, (end - row) * rowLines]);
      row = end;
    }
    if (stretches.length === 0 && !isFresh) return;
    this.#free.pop();
    this.#slots[slot] = this.#isShared ? memory : undefined;
    const isTold = memory !== known || !this.#isShared;
    this.#send({
      ...{ width, height, order, isFresh, stretches, slot },
      ...(isTold ? { memory } : {}),
    });
  }

  #memoryOf(bytes: number): SlotMemory {
    return this.#isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  }
}
