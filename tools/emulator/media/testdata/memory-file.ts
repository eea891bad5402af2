// A file in memory that grows, that can be full, and that keeps what a process left that died: the file below a format.

import type { WritableFile } from "../qcow2/refcounts.ts";

export class MemoryFile implements WritableFile {
  readonly name: string;
  #buffer: Uint8Array;
  size: number;
  /** Bytes that there is room for. */
  room = 1 << 28;
  /** Writes until the process dies. */
  #writesLeft = Number.POSITIVE_INFINITY;
  /** What is in the file then. */
  #left: Uint8Array | undefined;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.#buffer = new Uint8Array(bytes);
    this.size = bytes.length;
  }

  /** What is in the file, or was when the process died. */
  get bytes(): Uint8Array {
    return this.#left ?? this.#buffer.slice(0, this.size);
  }

  dieAfter(writes: number): void {
    this.#writesLeft = writes;
  }

  read(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    out.set(this.#buffer.subarray(0, this.size).subarray(offset, offset + length));
    return out;
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.#writesLeft-- === 0) this.#left = this.bytes;
    const end = offset + bytes.length;
    if (end > this.room) throw new Error("no space left on device");
    if (end > this.#buffer.length) {
      const longer = new Uint8Array(end * 2);
      longer.set(this.#buffer);
      this.#buffer = longer;
    }
    this.size = Math.max(this.size, end);
    this.#buffer.set(bytes, offset);
  }

  flush(): void {}
}
