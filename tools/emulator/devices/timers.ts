// Device timers in virtual time. Every timer is named, so that a snapshot can record when it fires;
// the machine's run loop asks for the earliest one and lets due ones fire in order of time.

/** Where virtual time comes from: the core while it runs. */
export interface Clock {
  /** Virtual nanoseconds since power-on. */
  now(): number;
  /** A timer earlier than all others was set while the CPUs run: the run must stop at `when`. */
  shorten(when: number): void;
}

/** One-shot alarm of a device. */
export interface Timer {
  readonly name: string;
  /** Virtual nanoseconds at which it fires, Infinity while it is off. */
  readonly when: number;
  set(when: number): void;
  cancel(): void;
}

class ScheduledTimer implements Timer {
  readonly name: string;
  when = Number.POSITIVE_INFINITY;
  readonly fire: (now: number) => void;
  readonly #owner: Scheduler;

  constructor(owner: Scheduler, name: string, fire: (now: number) => void) {
    this.name = name;
    this.fire = fire;
    this.#owner = owner;
  }

  set(when: number): void {
    this.when = when;
    this.#owner.changed(when);
  }

  cancel(): void {
    if (this.when === Number.POSITIVE_INFINITY) return;
    this.when = Number.POSITIVE_INFINITY;
    this.#owner.changed(Number.POSITIVE_INFINITY);
  }
}

export class Scheduler {
  readonly clock: Clock;
  readonly #timers: ScheduledTimer[] = [];
  #next = Number.POSITIVE_INFINITY;
  #stale = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Registers an alarm; `name` must be unique in the machine. */
  timer(name: string, fire: (now: number) => void): Timer {
    if (this.#timers.some((t) => t.name === name)) throw new Error(`timer ${name} exists already`);
    const timer = new ScheduledTimer(this, name, fire);
    this.#timers.push(timer);
    return timer;
  }

  /** Called by timers whose time changed. */
  changed(when: number): void {
    this.#stale = true;
    if (when < Number.POSITIVE_INFINITY) this.clock.shorten(when);
  }

  /** When the earliest timer fires, or Infinity. */
  next(): number {
    if (this.#stale) {
      this.#next = this.#timers.reduce((min, t) => Math.min(min, t.when), Number.POSITIVE_INFINITY);
      this.#stale = false;
    }
    return this.#next;
  }

  /** Fires every timer due at `now`, the earliest first; equal times in order of registration. */
  runDue(now: number): void {
    while (this.next() <= now) {
      const due = this.#next;
      const timer = this.#timers.find((t) => t.when === due);
      if (timer === undefined) return;
      timer.when = Number.POSITIVE_INFINITY;
      this.#stale = true;
      timer.fire(now);
    }
  }

  save(): Record<string, number> {
    return Object.fromEntries(this.#timers.map((t) => [t.name, t.when]));
  }

  load(saved: Record<string, number>): void {
    for (const t of this.#timers) t.when = saved[t.name] ?? Number.POSITIVE_INFINITY;
    this.#stale = true;
  }
}
