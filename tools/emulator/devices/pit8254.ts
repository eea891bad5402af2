// The Intel 8254 interval timer with the PC/AT's speaker gate at port 0x61 (Intel 8254 datasheet,
// "Programming the 8254" and "Read operations"). Counters are functions of virtual time: an alarm
// exists only while somebody listens to IRQ 0. Left out: a count that is written in modes 2 and 3 while
// they run takes effect at once, not at the end of the period.

import type { Device, DeviceKind, PortHandler, Slot } from "./device.ts";
import type { IrqLine } from "./interrupt-lines.ts";
import {
  type Counter,
  counted,
  isTriggered,
  modeOf,
  nextChange,
  output,
  risingEdges,
  timeOf,
  timeWhen,
  value,
  writtenCount,
} from "./pit-counter.ts";
import type { Clock, Timer } from "./timers.ts";

/** Half a period of the refresh request that shows in port 0x61, ns. */
const REFRESH_NS = 15085;

interface Channel extends Counter {
  /** 1 low byte, 2 high byte, 3 both, low first. */
  access: number;
  /** Which byte the next read or write of a two-byte access is for. */
  readHigh: boolean;
  writeHigh: boolean;
  writeLow: number;
  /** A count that was written in modes 1 and 5 waits for the trigger; 0 for none. */
  waiting: number;
  /** Latched count and how many of its bytes are still to be read, low first unless `access` is 2. */
  latched: number;
  latchedBytes: number;
  /** Latched status, -1 for none. */
  latchedStatus: number;
}

const freshChannel = (gate: boolean): Channel => ({
  control: 3,
  bcd: false,
  count: 0x10000,
  loaded: 0,
  armed: true,
  started: true,
  gate,
  frozen: 0,
  access: 3,
  readHigh: false,
  writeHigh: false,
  writeLow: 0,
  waiting: 0,
  latched: 0,
  latchedBytes: 0,
  latchedStatus: -1,
});

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
    const c = this.#channel(0);
    c.armed = false;
    c.started = false;
    this.#tick();
  }

  #channel(n: number): Channel {
    return this.state.channels[n] as Channel;
  }

  #counted(c: Channel): number {
    return counted(c, this.#clock.now());
  }

  // ---- Channel 0 and IRQ 0

  #tick(): void {
    this.#drive();
    this.#arm();
  }

  #drive(): void {
    const c = this.#channel(0);
    const level = output(c, this.#counted(c));
    if (level === this.state.output) return;
    this.state.output = level;
    this.#irq.set(level && this.state.connected);
  }

  #arm(): void {
    const c = this.#channel(0);
    if (!c.started) {
      this.#timer.cancel();
      return;
    }
    if (!this.#isHeard()) {
      if (this.state.sleptSince < 0) this.state.sleptSince = this.#clock.now();
      this.#timer.cancel();
      return;
    }
    this.state.sleptSince = -1;
    const next = nextChange(c, this.#counted(c));
    if (next === Number.POSITIVE_INFINITY) this.#timer.cancel();
    else this.#timer.set(timeWhen(c, next));
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
      const before = risingEdges(c, counted(c, since));
      if (risingEdges(c, this.#counted(c)) > before) {
        this.#irq.set(false);
        this.#irq.set(this.state.connected);
        this.state.output = true;
      }
      this.state.sleptSince = this.#clock.now();
      this.#drive();
    }
    if (since >= 0 === this.#isHeard()) this.#arm();
  }

  /** Channel `n` was programmed: what channel 0 slept through belongs to the past. */
  #changed(n: number): void {
    if (n !== 0) return;
    this.state.sleptSince = -1;
    this.#tick();
  }

  // ---- Registers

  /** Ports 0x40–0x43. */
  #ports(): PortHandler {
    return {
      read: (port) => ((port & 3) === 3 ? 0 : this.#readCounter(this.#channel(port & 3))),
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
        const refresh = Math.floor(this.#clock.now() / REFRESH_NS) & 1;
        return (
          (c.gate ? 1 : 0) |
          (this.state.speaker ? 2 : 0) |
          (refresh << 4) |
          (output(c, this.#counted(c)) ? 0x20 : 0)
        );
      },
      write: (_port, value) => {
        this.state.speaker = (value & 2) !== 0;
        this.#setGate(this.#channel(2), (value & 1) !== 0);
      },
    };
  }

  /** The gate suspends modes 0 and 4, and starts the others anew when it rises. */
  #setGate(c: Channel, gate: boolean): void {
    if (gate === c.gate) return;
    const now = this.#clock.now();
    if (!gate) {
      if (!isTriggered(c)) c.frozen = this.#counted(c);
      c.gate = false;
      return;
    }
    const mode = modeOf(c);
    const goesOn = mode === 0 || mode === 4;
    c.gate = true;
    if (!c.armed) return;
    if (isTriggered(c)) {
      if (c.waiting > 0) c.count = c.waiting;
      c.waiting = 0;
      c.started = true;
    }
    c.loaded = goesOn ? now - timeOf(c.frozen + 1) : now;
  }

  #control(word: number): void {
    const select = word >> 6;
    if (select === 3) {
      for (let n = 0; n < 3; n++) if (word & (2 << n)) this.#readBack(this.#channel(n), word);
      return;
    }
    const c = this.#channel(select);
    const access = (word >> 4) & 3;
    if (access === 0) {
      this.#latch(c);
      return;
    }
    c.frozen = this.#counted(c);
    c.access = access;
    c.readHigh = false;
    c.writeHigh = false;
    c.control = (word >> 1) & 7;
    c.bcd = (word & 1) !== 0;
    c.armed = false;
    c.started = false;
    c.waiting = 0;
    // A latched count is held until it is read or the counter is programmed anew.
    c.latchedBytes = 0;
    this.#changed(select);
  }

  #readBack(c: Channel, word: number): void {
    if (!(word & 0x20)) this.#latch(c);
    if (!(word & 0x10) && c.latchedStatus < 0) {
      const n = this.#counted(c);
      // Null count: what was written last has not reached the counting element.
      const isNull = !c.armed || !c.started || c.waiting > 0 || n < 0;
      c.latchedStatus =
        (output(c, n) ? 0x80 : 0) |
        (isNull ? 0x40 : 0) |
        (c.access << 4) |
        (c.control << 1) |
        (c.bcd ? 1 : 0);
    }
  }

  #latch(c: Channel): void {
    if (c.latchedBytes > 0) return;
    c.latched = value(c, this.#counted(c));
    c.latchedBytes = c.access === 3 ? 2 : 1;
  }

  #readCounter(c: Channel): number {
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
    const now = value(c, this.#counted(c));
    if (c.access !== 3) return c.access === 2 ? now >> 8 : now & 0xff;
    c.readHigh = !c.readHigh;
    return c.readHigh ? now & 0xff : now >> 8;
  }

  #writeCounter(n: number, byte: number): void {
    const c = this.#channel(n);
    if (c.access === 3 && !c.writeHigh) {
      c.writeLow = byte;
      c.writeHigh = true;
      // Half a count stops mode 0 (datasheet, mode 0: "writing the first byte disables counting").
      if (modeOf(c) === 0) {
        c.frozen = this.#counted(c);
        c.started = false;
        this.#changed(n);
      }
      return;
    }
    const raw = c.access === 3 ? (byte << 8) | c.writeLow : c.access === 2 ? byte << 8 : byte;
    c.writeHigh = false;
    c.armed = true;
    const count = writtenCount(c, raw);
    if (isTriggered(c)) {
      c.waiting = count;
    } else {
      c.count = count;
      c.loaded = this.#clock.now();
      c.frozen = 0;
      c.started = true;
    }
    this.#changed(n);
  }
}

export const pit8254: DeviceKind = {
  name: "pit",
  what: "8254 interval timer and speaker gate",
  builtIn: true,
  create: (slot) => new Pit8254(slot),
};
