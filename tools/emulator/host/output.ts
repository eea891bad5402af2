// Where a guest's bytes go on the host: file descriptors and files. Writes are synchronous, so that
// nothing is lost when the process ends and the order of two streams to one descriptor is kept.

import { closeSync, openSync, writeSync } from "node:fs";
import { LoadError } from "../load-error.ts";

const FLUSH_BYTES = 4096;
/** Pause before a full pipe is tried again, ms. */
const RETRY_MS = 2;

/** Bytes on their way to the host. */
export interface Sink {
  write(byte: number): void;
  flush(): void;
}

export const nullSink: Sink = { write() {}, flush() {} };

export class FdSink implements Sink {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(FLUSH_BYTES);
  #used = 0;
  #closed = false;
  /** The reader at the other end has gone (EPIPE), or the disk is full. */
  onClosed: (error: NodeJS.ErrnoException) => void = () => {};

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(byte: number): void {
    this.#buffer[this.#used++] = byte;
    if (this.#used === FLUSH_BYTES) this.flush();
  }

  text(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.write(byte);
    this.flush();
  }

  flush(): void {
    let done = 0;
    while (done < this.#used && !this.#closed) {
      try {
        done += writeSync(this.#fd, this.#buffer, done, this.#used - done);
      } catch (error) {
        const failure = error as NodeJS.ErrnoException;
        if (failure.code === "EAGAIN") {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
          continue;
        }
        this.#closed = true;
        this.onClosed(failure);
      }
    }
    this.#used = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }
}

/** Creates or empties a file. Throws `LoadError` with the system's reason. */
export function fileSink(path: string, option: string): FdSink {
  try {
    return new FdSink(openSync(path, "w"));
  } catch (error) {
    throw new LoadError(`${option}: cannot write ${path}: ${(error as Error).message}`);
  }
}

/** Writes lines to a sink. */
export function lineWriter(sink: Sink): (line: string) => void {
  return (line) => {
    for (const byte of new TextEncoder().encode(`${line}\n`)) sink.write(byte);
  };
}
