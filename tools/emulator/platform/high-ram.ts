// RAM from 4 GiB on as the host sees it. A page is in the core's memory or kept outside, as the core's map says
// (`high_memory` of core/interface.ts); looking at it does not move it.

import type { CoreExports } from "../core/interface.ts";
import { HIGH_FRAME, PAGE_HOST } from "../core/state.ts";
import { LoadError } from "../load-error.ts";
import type { PageStore } from "./page-store.ts";

const PAGE = 4096;
/** Of an entry of the map: the rest is the number of a page that is kept outside. */
const OUT = 0x8000_0000;

export class HighRam {
  readonly #core: CoreExports;
  readonly #store: PageStore;
  readonly #map: number;
  readonly #pages: number;

  /**
   * `bytes` of RAM, of which up to `resident` pages are in the core's memory. Throws `LoadError` if this process has no
   * room for them.
   */
  constructor(core: CoreExports, store: PageStore, bytes: number, resident: number) {
    this.#core = core;
    this.#store = store;
    this.#pages = bytes / PAGE;
    this.#map = bytes === 0 ? 0 : core.high_memory(this.#pages, resident) >>> 0;
    if (bytes > 0 && this.#map === 0) {
      throw new LoadError(
        `RAM above 4 GiB: this process may not have the address space for ${bytes} bytes of it`,
      );
    }
  }

  #entry(page: number): number {
    return new DataView(this.#core.memory.buffer).getUint32(this.#map + 4 * page, true);
  }

  #setEntry(page: number, entry: number): void {
    new DataView(this.#core.memory.buffer).setUint32(this.#map + 4 * page, entry, true);
  }

  /** The bytes of a page where they are, or undefined if it holds zeros and is nowhere. */
  #bytes(entry: number): Uint8Array | undefined {
    if (entry === 0) return undefined;
    if (entry >= OUT) return this.#store.bytes(entry - OUT);
    const { buffer } = this.#core.memory;
    const frame = HIGH_FRAME + entry - 1;
    const host = new DataView(buffer).getUint32(PAGE_HOST + 4 * frame, true) & ~(PAGE - 1);
    return new Uint8Array(buffer, host >>> 0, PAGE);
  }

  /** Copies what is there from byte `offset` behind 4 GiB on. All of it has to be RAM. */
  read(offset: number, into: Uint8Array): void {
    for (const [page, from, at, length] of pieces(offset, into.length)) {
      const bytes = this.#bytes(this.#entry(page));
      if (bytes === undefined) into.fill(0, at, at + length);
      else into.set(bytes.subarray(from, from + length), at);
    }
  }

  /** Writes bytes from byte `offset` behind 4 GiB on. All of it has to be RAM. */
  write(offset: number, bytes: Uint8Array): void {
    for (const [page, to, at, length] of pieces(offset, bytes.length)) {
      this.#change(page, to, bytes.subarray(at, at + length));
    }
  }

  #change(page: number, to: number, bytes: Uint8Array): void {
    const entry = this.#entry(page);
    if (entry === 0) {
      const whole = new Uint8Array(PAGE);
      whole.set(bytes, to);
      this.#setEntry(page, OUT + this.#store.put(whole));
      return;
    }
    this.#bytes(entry)?.set(bytes, to);
    if (entry < OUT) this.#core.frame_written(HIGH_FRAME + entry - 1);
  }

  /** Zeros from now on, from byte `offset` behind 4 GiB on. All of it has to be RAM. */
  clear(offset: number, length: number): void {
    for (const [page, within, , part] of pieces(offset, length)) {
      const entry = this.#entry(page);
      if (entry >= OUT && part === PAGE) {
        this.#store.drop(entry - OUT);
        this.#setEntry(page, 0);
      } else if (entry !== 0) this.#change(page, within, new Uint8Array(part));
    }
  }

  /** The pages that are somewhere, in order: number from 4 GiB on, and bytes that the next change may take away. */
  *pages(): Generator<[page: number, bytes: Uint8Array]> {
    // The entries of later pages are read when it is their turn.
    const entries = new Uint32Array(this.#core.memory.buffer, this.#map, this.#pages);
    for (let page = 0; page < this.#pages; page++) {
      const bytes = this.#bytes(entries[page] as number);
      if (bytes !== undefined) yield [page, bytes];
    }
  }
}

/** The parts of a range in pages: page, place in it, place in the range, bytes. */
function* pieces(
  offset: number,
  length: number,
): Generator<[page: number, within: number, at: number, length: number]> {
  for (let at = 0; at < length; ) {
    const within = (offset + at) % PAGE;
    const part = Math.min(length - at, PAGE - within);
    yield [Math.floor((offset + at) / PAGE), within, at, part];
    at += part;
  }
}
