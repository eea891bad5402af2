// When a machine's screen is looked at for its viewers: thirty times a second, and less often where looks take long, so that
// the guest keeps most of the thread that both share.

/**
 * Between two ticks of whoever looks, ms. A machine that runs lets timers through every 12 ms or a little later: with fewer
 * ticks than that, looks would wait for the next but one.
 */
export const TICK_MS = 8;
/** From one look to the next, ms. */
const LOOK_MS = 1000 / 30;
/** The part of the time that looking may take. */
const SHARE = 0.14;

export class LookPace {
  readonly #now: () => number;
  /**
   * When the next look is due. Ticks come late: looks are counted from when they were due, not from when they were, those
   * that take long too.
   */
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
    const counted = Math.max(this.#due, start - LOOK_MS);
    this.#due = counted + Math.max(LOOK_MS, (this.#now() - start) / SHARE);
  }
}
