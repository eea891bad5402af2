// When a machine's screen is looked at for its viewers: thirty times a second, and less often where looks take long, so that
// the guest keeps most of the thread that both share.

/** Between two ticks of whoever looks, ms. */
export const TICK_MS = 17;
/** Between two looks at least, ms; a tick may come a little early. */
const LOOK_MS = 2 * TICK_MS - 1;
/** The part of the time that looking may take. */
const SHARE = 0.12;

export class LookPace {
  readonly #now: () => number;
  #due = 0;

  /** `now` is the host's clock, ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** To be called every `TICK_MS`: looks if it is time. */
  tick(look: () => void): void {
    const start = this.#now();
    if (start < this.#due) return;
    look();
    this.#due = start + Math.max(LOOK_MS, (this.#now() - start) / SHARE);
  }
}
