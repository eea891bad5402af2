// Pages of the guest's RAM that the core has no room for (StoreImports of core/interface.ts). They lie in pieces of a
// mebibyte, so that a host is asked for memory seldom, and numbers are given again.

import type { StoreImports } from "../core/interface.ts";

const PAGE = 4096;
const PAGES_PER_PIECE = 256;

export class PageStore {
  readonly #pieces: Uint8Array[] = [];
  /** Numbers that were given back, and how many have ever been given. */
  readonly #free: number[] = [];
  #given = 0;

  /** Keeps a copy of a page; its number. Throws `RangeError` where the host has no memory. */
  put(page: Uint8Array): number {
    const number = this.#free.pop() ?? this.#next();
    this.bytes(number).set(page);
    return number;
  }

  #next(): number {
    if (this.#given % PAGES_PER_PIECE === 0)
      this.#pieces.push(new Uint8Array(PAGES_PER_PIECE * PAGE));
    return this.#given++;
  }

  /** The page that is kept under a number. */
  bytes(number: number): Uint8Array {
    const at = (number % PAGES_PER_PIECE) * PAGE;
    return (this.#pieces[Math.floor(number / PAGES_PER_PIECE)] as Uint8Array).subarray(
      at,
      at + PAGE,
    );
  }

  /** The number is free again. */
  drop(number: number): void {
    this.#free.push(number);
  }

  /** What a core asks for; `memory` is the core's. */
  imports(memory: () => WebAssembly.Memory): StoreImports {
    const at = (host: number): Uint8Array => new Uint8Array(memory().buffer, host >>> 0, PAGE);
    return {
      page_out: (host) => this.put(at(host)),
      page_in: (kept, host) => {
        at(host).set(this.bytes(kept));
        this.drop(kept);
      },
    };
  }
}
