// The high precision event timer block: three 64-bit comparators on a 100 MHz counter (IA-PC HPET
// specification 1.0a, 2.3). Timer 0 is periodic-capable, as are the others; FSB delivery is left out
// (its capability bit is clear).

import {
  type Device,
  type DeviceKind,
  type MmioHandler,
  peekRegisters,
  type Slot,
} from "./device.ts";
import type { IrqLine } from "./interrupt-lines.ts";
import type { Clock, Timer } from "./timers.ts";

/** Physical address of the 1 KiB block with the registers. */
export const HPET_BASE = 0xfed00000;
const TIMERS = 3;
/** Counter period in ns; the capability register gives it in femtoseconds. */
const PERIOD_NS = 10;
/** Revision 1, three timers, 64-bit counter, legacy replacement, vendor 8086. */
const CAPABILITIES = 0x8086a201;
const ENABLE = 1n;
const LEGACY = 2n;

const TN_LEVEL = 1n << 1n;
const TN_ENABLE = 1n << 2n;
const TN_PERIODIC = 1n << 3n;
const TN_SET_VALUE = 1n << 6n;
const TN_32BIT = 1n << 8n;
/** Periodic-capable and 64 bits wide; may be routed to GSIs 16–23 and 2 as in the upper half. */
const TN_CAPABILITIES = (1n << 4n) | (1n << 5n);
const TN_ROUTES = 0x00ff0104n << 32n;
const ROUTES = [2, 8, 16, 17, 18, 19, 20, 21, 22, 23] as const;
const TN_WRITABLE = 0x7f4en;

const MASK64 = (1n << 64n) - 1n;
const MASK32 = (1n << 32n) - 1n;

interface Comparator {
  config: bigint;
  comparator: bigint;
  period: bigint;
  /** The low half of the accumulator was just set: the high half of the same access belongs to it. */
  highFollows: boolean;
}

const freshState = () => ({
  config: 0n,
  status: 0,
  /** Counter value while halted, or what it was at `since`. */
  base: 0n,
  since: 0,
  timers: Array.from(
    { length: TIMERS },
    (): Comparator => ({
      config: TN_CAPABILITIES | TN_ROUTES,
      comparator: MASK64,
      period: 0n,
      highFollows: false,
    }),
  ),
});

export class Hpet implements Device {
  readonly name: string;
  state = freshState();
  /** Legacy replacement went on or off: the 8254 and the RTC lose or regain their lines. */
  onLegacy: (on: boolean) => void = () => {};
  /** By number of the IOAPIC pin. */
  readonly #gsis: ReadonlyMap<number, IrqLine>;
  /** IRQ 0 and 8, in legacy replacement mode. */
  readonly #legacyTimer: IrqLine;
  readonly #legacyRtc: IrqLine;
  readonly #clock: Clock;
  readonly #alarms: Timer[];

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#clock = slot.clock;
    this.#gsis = new Map(ROUTES.map((pin) => [pin, slot.gsi(pin)]));
    this.#legacyTimer = slot.isaIrq(0);
    this.#legacyRtc = slot.isaIrq(8);
    this.#alarms = this.state.timers.map((_, n) => slot.timer(() => this.#expire(n), String(n)));
    slot.mmio(HPET_BASE, 0x400, this.#mmio());
  }

  reset(): void {
    for (let n = 0; n < TIMERS; n++) this.#line(n)?.set(false);
    this.state = freshState();
    for (const a of this.#alarms) a.cancel();
    this.onLegacy(false);
  }

  get legacy(): boolean {
    return (this.state.config & LEGACY) !== 0n;
  }

  get #running(): boolean {
    return (this.state.config & ENABLE) !== 0n;
  }

  /** Nanoseconds since counting began: never less than none, whichever CPU asks. */
  #elapsed(): number {
    return Math.max(0, this.#clock.now() - this.state.since);
  }

  #counter(): bigint {
    if (!this.#running) return this.state.base;
    return (this.state.base + BigInt(Math.floor(this.#elapsed() / PERIOD_NS))) & MASK64;
  }

  #timer(n: number): Comparator {
    return this.state.timers[n] as Comparator;
  }

  #line(n: number): IrqLine | undefined {
    if (this.legacy && n === 0) return this.#legacyTimer;
    if (this.legacy && n === 1) return this.#legacyRtc;
    return this.#gsis.get(Number((this.#timer(n).config >> 9n) & 31n));
  }

  #expire(n: number): void {
    const t = this.#timer(n);
    const bit = 1 << n;
    if (t.config & TN_LEVEL) {
      this.state.status |= bit;
      if (t.config & TN_ENABLE) this.#line(n)?.set(true);
    } else if (t.config & TN_ENABLE) {
      this.#line(n)?.pulse();
    }
    if (t.config & TN_PERIODIC && t.period !== 0n) {
      const mask = t.config & TN_32BIT ? MASK32 : MASK64;
      t.comparator = (t.comparator + t.period) & mask;
    }
    this.#arm(n, true);
  }

  /** `passed` is set right after a match: an equal comparator is a full turn away. */
  #arm(n: number, passed = false): void {
    const alarm = this.#alarms[n] as Timer;
    const t = this.#timer(n);
    // A disabled timer sets no status that a guest could tell from a missed one until it enables it.
    if (!this.#running || !(t.config & TN_ENABLE)) {
      alarm.cancel();
      return;
    }
    const mask = t.config & TN_32BIT ? MASK32 : MASK64;
    let distance = (t.comparator - this.#counter()) & mask;
    if (distance === 0n && passed) {
      // One turn of the counter; for 64 bits that never comes.
      distance = mask + 1n;
    }
    const now = this.#clock.now();
    const elapsed = this.#elapsed();
    const when = this.state.since + elapsed - (elapsed % PERIOD_NS) + Number(distance) * PERIOD_NS;
    if (when > Number.MAX_SAFE_INTEGER) alarm.cancel();
    else alarm.set(Math.max(when, now));
  }

  /** 64-bit accesses arrive as two 32-bit ones. */
  #mmio(): MmioHandler {
    const read = (offset: number, size: number): number => {
      const value = this.#read(offset & ~7) >> BigInt((offset & 7) * 8);
      return Number(value & (size === 4 ? MASK32 : (1n << BigInt(size * 8)) - 1n));
    };
    return {
      read,
      peek: peekRegisters(read),
      write: (offset, value, size) => {
        if (size !== 4) return;
        const high = (offset & 4) !== 0;
        const register = offset & ~7;
        const bits = high ? BigInt(value) << 32n : BigInt(value);
        this.#write(register, bits, high ? MASK32 << 32n : MASK32);
      },
    };
  }

  #read(register: number): bigint {
    const s = this.state;
    if (register === 0) return BigInt(CAPABILITIES) | (BigInt(PERIOD_NS * 1_000_000) << 32n);
    if (register === 0x10) return s.config;
    if (register === 0x20) return BigInt(s.status);
    if (register === 0xf0) return this.#counter();
    const n = (register - 0x100) >> 5;
    if (register < 0x100 || n >= TIMERS) return 0n;
    const t = this.#timer(n);
    const which = register & 0x1f;
    return which === 0 ? t.config : which === 8 ? t.comparator : 0n;
  }

  #write(register: number, bits: bigint, mask: bigint): void {
    const s = this.state;
    const merge = (old: bigint): bigint => (old & ~mask) | (bits & mask);
    if (register === 0x10) {
      this.#configure(merge(s.config) & (ENABLE | LEGACY));
    } else if (register === 0x20) {
      const clear = Number(bits & 7n);
      s.status &= ~clear;
      for (let n = 0; n < TIMERS; n++) if (clear & (1 << n)) this.#line(n)?.set(false);
    } else if (register === 0xf0) {
      s.base = merge(this.#counter());
      s.since = this.#clock.now();
      for (let n = 0; n < TIMERS; n++) this.#arm(n);
    } else {
      const n = (register - 0x100) >> 5;
      if (register < 0x100 || n >= TIMERS) return;
      if ((register & 0x1f) === 0) this.#configureTimer(n, merge(this.#timer(n).config));
      else if ((register & 0x1f) === 8) this.#setComparator(n, merge, mask);
    }
  }

  #configure(next: bigint): void {
    const s = this.state;
    const counter = this.#counter();
    const legacyChanged = (s.config ^ next) & LEGACY;
    s.config = next;
    s.base = counter;
    s.since = this.#clock.now();
    if (legacyChanged) this.onLegacy(this.legacy);
    for (let n = 0; n < TIMERS; n++) this.#arm(n);
  }

  #configureTimer(n: number, next: bigint): void {
    const t = this.#timer(n);
    t.config = (next & TN_WRITABLE) | TN_CAPABILITIES | TN_ROUTES;
    if (t.config & TN_32BIT) {
      t.comparator &= MASK32;
      t.period &= MASK32;
    }
    if (!(t.config & TN_ENABLE) || !(t.config & TN_LEVEL)) this.#line(n)?.set(false);
    this.#arm(n);
  }

  #setComparator(n: number, merge: (old: bigint) => bigint, mask: bigint): void {
    const t = this.#timer(n);
    const width = t.config & TN_32BIT ? MASK32 : MASK64;
    const isHigh = mask !== MASK32;
    if (t.config & TN_PERIODIC) {
      // SET_VALUE directs one write to the accumulator as well as to the period (2.3.9.2.2).
      const accumulator = isHigh ? t.highFollows : (t.config & TN_SET_VALUE) !== 0n;
      if (accumulator) t.comparator = merge(t.comparator) & width;
      t.period = merge(t.period) & width;
      t.config &= ~TN_SET_VALUE;
      t.highFollows = accumulator && !isHigh;
    } else {
      t.comparator = merge(t.comparator) & width;
    }
    this.#arm(n);
  }
}

export const hpet: DeviceKind = {
  name: "hpet",
  what: "high precision event timers",
  builtIn: true,
  wanted: ({ without }) => !without.includes("hpet"),
  create: (slot) => new Hpet(slot),
};
