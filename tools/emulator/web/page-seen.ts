// Whether a page can be seen (HTML, 6.2: "Page visibility"): one that is hidden needs no pictures.

import type { PageSeen } from "../remote/messages.ts";

export class SeenPage {
  readonly #tell: (message: PageSeen) => void;
  readonly #listener = (): void => this.tell();

  /** `tell` hears of every change. */
  constructor(tell: (message: PageSeen) => void) {
    this.#tell = tell;
    document.addEventListener("visibilitychange", this.#listener);
  }

  /** Tells how it is now. */
  tell(): void {
    this.#tell({ kind: "seen", isSeen: !document.hidden });
  }

  /** Tells no more. */
  close(): void {
    document.removeEventListener("visibilitychange", this.#listener);
  }
}
