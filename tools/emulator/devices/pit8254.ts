// The Intel 8254 interval timer with the PC/AT's speaker gate at port 0x61 (Intel 8254 datasheet,
// all six modes, latch and read-back, binary and BCD). Counters are functions of virtual time: an
// alarm exists only while somebody listens to IRQ 0. Counting by a slow gate on channels 0 and 1 is
// left out, since the PC ties those gates high.

import type { Device, DeviceKind, PortHandler, Slot } from "./device.ts";
import type { IrqLine } from "./interrupt-lines.ts";
import type { Clock, Timer } from "./timers.ts";

/** Input clock, Hz: 14.31818 MHz / 12. */
export const PIT_HZ = 1193182;
const NS = 1_000_000_000;

interface Channel {
  /** Reload value, 1–65536. */
  count: number;
  /** Virtual time at which counting began, ns. */
  loaded: number;
  mode: number;
  bcd: boolean;
  /** 1 low byte, 2 high byte, 3 both, low first. */
  access: number;
  /** Which byte the next read or write of a two-byte access is for. */
  readHigh: boolean;
  writeHigh: boolean;
  writeLow: number;
  /** Latched count and how many of its bytes are still to be read, low first unless `access` is 2. */
  latched: number;
  latchedBytes: number;
  latchedStatus: number;
  gate: boolean;
  /** Ticks counted before a low gate stopped modes 0 and 4. */
  frozen: number;
  /** A count was written since the control word: the counter runs. */
  armed: boolean;
}

const freshChannel = (gate: boolean): Channel => ({
  count: 0x10000,
  loaded: 0,
  mode: 3,
  bcd: false,
  access: 3,
  readHigh: false,
  writeHigh: false,
  writeLow: 0,
  latched: 0,
  latchedBytes: 0,
  latchedStatus: -1,
  gate,
  frozen: 0,
  armed: true,
});

const toBcd = (n: number): number =>
  ((Math.floor(n / 1000) % 10) << 12) |
  ((Math.floor(n / 100) % 10) << 8) |
  ((Math.floor(n / 10) % 10) << 4) |
  (n % 10);
const fromBcd = (n: number): number =>
  (n >> 12) * 1000 + ((n >> 8) & 15) * 100 + ((n >> 4) & 15) * 10 + (n & 15);

const ticksAt = (ns: number): number => Math.floor((ns * PIT_HZ) / NS);

/** The first moment (ns) at which `ticks` periods have passed. */
function timeOf(ticks: number): number {
  let ns = Math.ceil((ticks * NS) / PIT_HZ);
  while (ticksAt(ns) < ticks) ns++;
  return ns;
}

export class Pit8254 implements Device {
  readonly name: string;
  state = {
    channels: [freshChannel(true), freshChannel(true), freshChannel(false)],
    speaker: false,
    /** While nobody listens: time up to which channel 0's edges are known, -1 otherwise. */
    sleptSince: -1,
    output: true,
    /** Channel 0 drives IRQ 0; HPET's legacy replacement takes the line away. */
    connected: true,
  };
  /** Says whether a rising edge of channel 0 could interrupt a CPU now. */
  isHeard: () => boolean = () => true;
  readonly #irq: IrqLine;
  readonly #clock: Clock;
  readonly #timer: Timer;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#clock = slot.clock;
    this.#irq = slot.isaIrq(0);
    this.#timer = slot.timer(() => this.#tick());
    slot.ports(0x40, 4, this.#ports());
    slot.ports(0x61, 1, this.#speakerPort());
  }

  reset(): void {
    this.state = {
      channels: [freshChannel(true), freshChannel(true), freshChannel(false)],
      speaker: false,
      sleptSince: -1,
      output: true,
      connected: this.state.connected,
    };
    for (const c of this.state.channels) c.loaded = this.#clock.now();
    // A BIOS programs channel 0; until then its mode is undefined and it stays silent.
    this.#channel(0).armed = false;
    this.#tick();
  }

  #channel(n: number): Channel {
    return this.state.channels[n] as Channel;
  }

  #elapsed(c: Channel): number {
    if (!c.gate && (c.mode === 0 || c.mode === 4)) return c.frozen;
    return ticksAt(this.#clock.now() - c.loaded);
  }

  /** Level of a channel's OUT pin, datasheet "Mode definitions". */
  #output(c: Channel): boolean {
    if (!c.armed) return c.mode !== 0;
    const d = this.#elapsed(c);
    switch (c.mode) {
      case 0:
      case 1:
        return d >= c.count;
      case 2:
        return !c.gate || d === 0 || d % c.count !== 0;
      case 3:
        return !c.gate || d % c.count < (c.count + 1) >> 1;
      default:
        return d !== c.count;
    }
  }

  /** The counting element's value now. */
  #counter(c: Channel): number {
    const d = this.#elapsed(c);
    let value: number;
    switch (c.mode) {
      case 0:
      case 1:
      case 4:
      case 5:
        value = c.count - d;
        value = ((value % 0x10000) + 0x10000) % 0x10000;
        break;
      case 3:
        // Square wave: the counter is decremented by two.
        value = c.count - ((2 * d) % c.count);
        break;
      default:
        value = c.count - (d % c.count);
    }
    return c.bcd ? toBcd(value % 10000) : value & 0xffff;
  }

  /** Tick numbers (since load) at which OUT changes next, or Infinity. */
  #nextChange(c: Channel): number {
    const d = this.#elapsed(c);
    switch (c.mode) {
      case 0:
      case 1:
        return d < c.count ? c.count : Number.POSITIVE_INFINITY;
      case 2: {
        const base = d - (d % c.count);
        return d === base && d !== 0 ? base + 1 : base + c.count;
      }
      case 3: {
        const base = d - (d % c.count);
        const half = (c.count + 1) >> 1;
        return d - base < half ? base + half : base + c.count;
      }
      default:
        return d < c.count ? c.count : d === c.count ? c.count + 1 : Number.POSITIVE_INFINITY;
    }
  }

  /** How many rising edges of OUT lie in (0, d] ticks since the counter was loaded. */
  #edges(c: Channel, d: number): number {
    switch (c.mode) {
      case 0:
      case 1:
        return d >= c.count ? 1 : 0;
      case 2:
        return d > 0 ? Math.floor((d - 1) / c.count) : 0;
      case 3:
        return Math.floor(d / c.count);
      default:
        return d > c.count ? 1 : 0;
    }
  }

  #tick(): void {
    this.#drive();
    this.#arm();
  }

  #drive(): void {
    const level = this.#output(this.#channel(0));
    if (level === this.state.output) return;
    this.state.output = level;
    this.#irq.set(level && this.state.connected);
  }

  #arm(): void {
    const c = this.#channel(0);
    if (!c.armed) {
      this.#timer.cancel();
      return;
    }
    if (!this.#isHeard()) {
      if (this.state.sleptSince < 0) this.state.sleptSince = this.#clock.now();
      this.#timer.cancel();
      return;
    }
    this.state.sleptSince = -1;
    const next = this.#nextChange(c);
    if (next === Number.POSITIVE_INFINITY) this.#timer.cancel();
    else this.#timer.set(c.loaded + timeOf(next));
  }

  /** Takes IRQ 0 away from channel 0, or gives it back. */
  connect(on: boolean): void {
    this.state.connected = on;
    this.#irq.set(on && this.state.output);
    this.catchUp();
  }

  #isHeard(): boolean {
    return this.state.connected && this.isHeard();
  }

  /** Brings OUT up to date after `isHeard` may have changed or before somebody looks at the line. */
  catchUp(): void {
    const since = this.state.sleptSince;
    if (since >= 0) {
      const c = this.#channel(0);
      const before = this.#edges(c, ticksAt(Math.max(0, since - c.loaded)));
      if (this.#edges(c, this.#elapsed(c)) > before) {
        this.#irq.set(false);
        this.#irq.set(this.state.connected);
        this.state.output = true;
      }
      this.state.sleptSince = this.#clock.now();
      this.#drive();
    }
    if (since >= 0 === this.#isHeard()) this.#arm();
  }

  /** Ports 0x40–0x43. */
  #ports(): PortHandler {
    return {
      read: (port) => ((port & 3) === 3 ? 0 : this.#readCounter(port & 3)),
      write: (port, value) => {
        if ((port & 3) === 3) this.#control(value);
        else this.#writeCounter(port & 3, value);
      },
    };
  }

  /** Port 0x61: speaker gate and data, refresh toggle, channel 2's output. */
  #speakerPort(): PortHandler {
    return {
      read: () => {
        const c = this.#channel(2);
        const refresh = Math.floor(this.#clock.now() / 15085) & 1;
        return (
          (c.gate ? 1 : 0) |
          (this.state.speaker ? 2 : 0) |
          (refresh << 4) |
          (this.#output(c) ? 0x20 : 0)
        );
      },
      write: (_port, value) => {
        this.state.speaker = (value & 2) !== 0;
        this.#setGate(this.#channel(2), (value & 1) !== 0);
      },
    };
  }

  #setGate(c: Channel, gate: boolean): void {
    if (gate === c.gate) return;
    // The gate suspends modes 0 and 4 and (re)starts the others when it rises.
    const suspends = c.mode === 0 || c.mode === 4;
    if (!gate) c.frozen = this.#elapsed(c);
    else c.loaded = this.#clock.now() - (suspends ? timeOf(c.frozen) : 0);
    c.gate = gate;
  }

  #control(value: number): void {
    const select = value >> 6;
    if (select === 3) {
      for (let n = 0; n < 3; n++) if (value & (2 << n)) this.#readBack(this.#channel(n), value);
      return;
    }
    const c = this.#channel(select);
    const access = (value >> 4) & 3;
    if (access === 0) {
      this.#latch(c);
      return;
    }
    c.access = access;
    c.readHigh = false;
    c.writeHigh = false;
    const mode = (value >> 1) & 7;
    c.mode = mode > 5 ? mode - 4 : mode;
    c.bcd = (value & 1) !== 0;
    c.armed = false;
    if (select === 0) {
      this.state.sleptSince = -1;
      this.#tick();
    }
  }

  #readBack(c: Channel, value: number): void {
    if (!(value & 0x20)) this.#latch(c);
    if (!(value & 0x10) && c.latchedStatus < 0) {
      c.latchedStatus =
        (this.#output(c) ? 0x80 : 0) |
        (c.armed ? 0 : 0x40) |
        (c.access << 4) |
        (c.mode << 1) |
        (c.bcd ? 1 : 0);
    }
  }

  #latch(c: Channel): void {
    if (c.latchedBytes > 0) return;
    c.latched = this.#counter(c);
    c.latchedBytes = c.access === 3 ? 2 : 1;
  }

  #readCounter(n: number): number {
    const c = this.#channel(n);
    if (c.latchedStatus >= 0) {
      const status = c.latchedStatus;
      c.latchedStatus = -1;
      return status;
    }
    if (c.latchedBytes > 0) {
      const high = c.access === 2 || (c.access === 3 && c.latchedBytes === 1);
      c.latchedBytes--;
      return high ? c.latched >> 8 : c.latched & 0xff;
    }
    const value = this.#counter(c);
    if (c.access !== 3) return c.access === 2 ? value >> 8 : value & 0xff;
    c.readHigh = !c.readHigh;
    return c.readHigh ? value & 0xff : value >> 8;
  }

  #writeCounter(n: number, value: number): void {
    const c = this.#channel(n);
    if (c.access === 3 && !c.writeHigh) {
      c.writeLow = value;
      c.writeHigh = true;
      return;
    }
    const raw = c.access === 3 ? (value << 8) | c.writeLow : c.access === 2 ? value << 8 : value;
    c.writeHigh = false;
    const count = c.bcd ? fromBcd(raw) : raw;
    c.count = count === 0 ? (c.bcd ? 10000 : 0x10000) : count;
    // Modes 1 and 5 wait for the gate; the others start with the write.
    c.loaded = this.#clock.now();
    c.frozen = 0;
    c.armed = true;
    if (n === 0) {
      this.state.sleptSince = -1;
      this.#tick();
    }
  }
}

export const pit8254: DeviceKind = {
  name: "pit",
  what: "8254 interval timer and speaker gate",
  builtIn: true,
  create: (slot) => new Pit8254(slot),
};
