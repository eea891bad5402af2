// The MC146818A real-time clock and CMOS memory (Motorola datasheet; the PC's extra bytes as in
// IBM PC/AT technical reference and QEMU's pc_cmos_init). The clock is a function of virtual time;
// flags of register C are computed when they are read, alarms exist only for enabled interrupts.

import type { BoardFacts, Device, DeviceKind, PortHandler, Slot } from "./device.ts";
import type { IrqLine } from "./interrupt-lines.ts";
import type { Clock, Timer } from "./timers.ts";

const NS = 1_000_000_000;
export const RTC_IRQ = 8;
const MIB = 1 << 20;
const REG_A = 10;
const REG_B = 11;
const REG_C = 12;
const REG_D = 13;
const CENTURY = 0x32;
const B_SET = 0x80;
const B_PIE = 0x40;
const B_AIE = 0x20;
const B_UIE = 0x10;
const B_BINARY = 0x04;
const B_24H = 0x02;
/** The update cycle: UIP is set this long before the second changes, ns (datasheet, table 6). */
const UPDATE_NS = 244_000;

/**
 * Drives by the type that INT 13h tells of their medium, as QEMU chooses them: 5.25" is 1.2 MB, 3.5" is 1.44 MB, or
 * 2.88 MB where it must.
 */
const CMOS_DRIVES: Readonly<Record<number, number>> = { 1: 2, 2: 2, 3: 4, 4: 4, 5: 5 };

/** Seconds since 1970 in the fields a clock shows. */
interface Fields {
  seconds: number;
  minutes: number;
  hours: number;
  weekday: number;
  day: number;
  month: number;
  year: number;
}

function fieldsOf(epoch: number): Fields {
  const d = new Date(epoch * 1000);
  return {
    seconds: d.getUTCSeconds(),
    minutes: d.getUTCMinutes(),
    hours: d.getUTCHours(),
    weekday: d.getUTCDay() + 1,
    day: d.getUTCDate(),
    month: d.getUTCMonth() + 1,
    year: d.getUTCFullYear(),
  };
}

export class Rtc implements Device {
  readonly name: string;
  state = {
    index: 0,
    /** All 128 bytes; the time bytes are current only while SET is on. */
    ram: new Array<number>(128).fill(0),
    /** Clock = floor(now / 1e9) + epoch, seconds since 1970. */
    epoch: 0,
    flags: 0,
    /** Up to when flags have been computed, ns. */
    seen: 0,
    /** The clock drives IRQ 8; HPET's legacy replacement takes the line away. */
    connected: true,
  };
  readonly #irq: IrqLine;
  readonly #clock: Clock;
  readonly #timer: Timer;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#clock = slot.clock;
    this.#irq = slot.isaIrq(RTC_IRQ);
    this.#timer = slot.timer(() => this.#service());
    slot.ports(0x70, 2, this.#ports());
    this.state.epoch = slot.board.epoch;
    this.#setUp(slot.board);
    this.state.ram[REG_A] = 0x26;
    this.state.ram[REG_B] = B_24H;
    this.state.ram[REG_D] = 0x80;
  }

  /** The battery keeps time and memory; interrupts go off (datasheet, RESET pin). */
  reset(): void {
    this.state.ram[REG_B] = this.#b & ~(B_PIE | B_AIE | B_UIE);
    this.state.flags = 0;
    this.#service();
  }

  /** What a BIOS setup stores about memory and equipment (Ralf Brown's CMOS list). */
  #setUp({ lowBytes, highBytes, cpus, media }: BoardFacts): void {
    const { ram } = this.state;
    const word = (low: number, high: number, value: number): void => {
      ram[low] = value & 0xff;
      ram[high] = value >> 8;
    };
    word(0x15, 0x16, 640);
    const extendedKib = Math.min(0xffff, Math.floor((lowBytes - MIB) / 1024));
    word(0x17, 0x18, extendedKib);
    word(0x30, 0x31, extendedKib);
    word(0x34, 0x35, Math.max(0, Math.min(0xffff, Math.floor((lowBytes - 16 * MIB) / 65536))));
    const highBlocks = Math.min(0xff_ffff, Math.floor(highBytes / 65536));
    word(0x5b, 0x5c, highBlocks & 0xffff);
    ram[0x5d] = highBlocks >> 16;
    const drives = media.floppies.map((floppy) => CMOS_DRIVES[floppy?.driveType ?? 0] ?? 0);
    ram[0x10] = ((drives[0] ?? 0) << 4) | (drives[1] ?? 0);
    // Equipment: FPU, pointing device, whether there are floppy drives and how many more than one.
    const there = drives.filter((type) => type !== 0).length;
    ram[0x14] = 0x06 | (there > 0 ? 1 | ((there - 1) << 6) : 0);
    ram[0x5f] = cpus - 1;
  }

  /** Stores bytes of CMOS memory by their index, as setup does. */
  setUp(bytes: Readonly<Record<number, number>>): void {
    for (const [index, value] of Object.entries(bytes)) this.state.ram[Number(index)] = value;
  }

  /** Takes IRQ 8 away from the clock, or gives it back. */
  connect(on: boolean): void {
    this.state.connected = on;
    this.#service();
  }

  get #b(): number {
    return this.state.ram[REG_B] as number;
  }

  /** Periodic interrupt interval in ns, 0 for none: register A bits 3:0 with the 32.768 kHz divider. */
  get #period(): number {
    const a = this.state.ram[REG_A] as number;
    const rate = a & 15;
    if (rate === 0 || (a & 0x70) > 0x20) return 0;
    return (NS / 32768) * (1 << ((rate <= 2 ? rate + 7 : rate) - 1));
  }

  #seconds(ns: number): number {
    return Math.floor(ns / NS) + this.state.epoch;
  }

  /** Sets the flags for what happened since the last look. */
  #collect(): void {
    const s = this.state;
    const now = this.#clock.now();
    const from = s.seen;
    if (now <= from) return;
    s.seen = now;
    const period = this.#period;
    if (period > 0 && Math.floor(now / period) > Math.floor(from / period)) s.flags |= B_PIE;
    if (this.#b & B_SET) return;
    const first = this.#seconds(from) + 1;
    const last = this.#seconds(now);
    if (last < first) return;
    s.flags |= B_UIE;
    for (let t = last - first >= 86400 ? last - 86399 : first; t <= last; t++) {
      if (this.#alarmAt(t)) {
        s.flags |= B_AIE;
        break;
      }
    }
  }

  /** Alarm bytes of 0xC0 and above match anything. */
  #alarmAt(epoch: number): boolean {
    const f = fieldsOf(epoch);
    const matches = (index: number, value: number): boolean => {
      const alarm = this.state.ram[index] as number;
      return alarm >= 0xc0 || alarm === value;
    };
    return (
      matches(1, this.#encode(f.seconds)) &&
      matches(3, this.#encode(f.minutes)) &&
      matches(5, this.#encodeHours(f.hours))
    );
  }

  /** Raises the interrupt if an enabled flag is set, and arms the timer for the next one. */
  #service(): void {
    this.#collect();
    const enabled = this.#b & (B_PIE | B_AIE | B_UIE);
    this.#irq.set(this.state.connected && (this.state.flags & enabled) !== 0);
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    const period = this.#period;
    if (enabled & B_PIE && period > 0) next = Math.ceil((Math.floor(now / period) + 1) * period);
    if (enabled & (B_AIE | B_UIE)) next = Math.min(next, (Math.floor(now / NS) + 1) * NS);
    if (this.state.flags & enabled) next = Number.POSITIVE_INFINITY;
    if (next === Number.POSITIVE_INFINITY) this.#timer.cancel();
    else this.#timer.set(next);
  }

  #encode(value: number): number {
    return this.#b & B_BINARY ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  #decode(value: number): number {
    return this.#b & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
  }

  #encodeHours(hours: number): number {
    if (this.#b & B_24H) return this.#encode(hours);
    return this.#encode(hours % 12 === 0 ? 12 : hours % 12) | (hours >= 12 ? 0x80 : 0);
  }

  #decodeHours(value: number): number {
    if (this.#b & B_24H) return this.#decode(value);
    return (this.#decode(value & 0x7f) % 12) + (value & 0x80 ? 12 : 0);
  }

  /** Copies the running clock into its ten bytes. */
  #showTime(): void {
    if (this.#b & B_SET) return;
    const { ram } = this.state;
    const f = fieldsOf(this.#seconds(this.#clock.now()));
    ram[0] = this.#encode(f.seconds);
    ram[2] = this.#encode(f.minutes);
    ram[4] = this.#encodeHours(f.hours);
    ram[6] = this.#encode(f.weekday);
    ram[7] = this.#encode(f.day);
    ram[8] = this.#encode(f.month);
    ram[9] = this.#encode(f.year % 100);
    ram[CENTURY] = this.#encode(Math.floor(f.year / 100));
  }

  /** Makes the clock run on from what its bytes say. */
  #setTime(): void {
    const ram = this.state.ram as number[];
    const at = (i: number): number => this.#decode(ram[i] as number);
    const year = at(CENTURY) * 100 + at(9);
    const shown =
      Date.UTC(year, at(8) - 1, at(7), this.#decodeHours(ram[4] as number), at(2), at(0)) / 1000;
    if (Number.isFinite(shown)) {
      this.state.epoch += shown - this.#seconds(this.#clock.now());
    }
  }

  /** Ports 0x70 (index, bit 7 masks NMI) and 0x71 (data). */
  #ports(): PortHandler {
    return {
      read: (port) => (port & 1 ? this.#read(this.state.index) : 0xff),
      write: (port, value) => {
        if (port & 1) this.#write(this.state.index, value);
        else this.state.index = value & 0x7f;
      },
    };
  }

  #read(index: number): number {
    const { ram } = this.state;
    if (index <= 9 || index === CENTURY) {
      // The alarm bytes (odd, below 6) are ordinary memory.
      this.#showTime();
      return ram[index] as number;
    }
    if (index === REG_A) {
      const left = NS - (this.#clock.now() % NS);
      const updating = !(this.#b & B_SET) && left <= UPDATE_NS;
      return ((ram[REG_A] as number) & 0x7f) | (updating ? 0x80 : 0);
    }
    if (index === REG_C) {
      this.#collect();
      const { flags } = this.state;
      const value = flags | (flags & this.#b & 0x70 ? 0x80 : 0);
      this.state.flags = 0;
      this.#service();
      return value;
    }
    return ram[index] as number;
  }

  #write(index: number, value: number): void {
    const { ram } = this.state;
    switch (index) {
      case REG_A:
        this.#collect();
        ram[REG_A] = value & 0x7f;
        break;
      case REG_B: {
        this.#collect();
        this.#showTime();
        const wasSet = (this.#b & B_SET) !== 0;
        // SET also clears UIE (datasheet, register B).
        const next = value & B_SET ? value & ~B_UIE : value;
        if (wasSet && !(next & B_SET)) {
          ram[REG_B] = next;
          this.#setTime();
        }
        ram[REG_B] = next;
        break;
      }
      case REG_C:
      case REG_D:
        return;
      default:
        if (index <= 9 || index === CENTURY) {
          this.#showTime();
          ram[index] = value;
          if (!(this.#b & B_SET) && index !== 1 && index !== 3 && index !== 5) this.#setTime();
        } else {
          ram[index] = value;
        }
    }
    this.#service();
  }
}

export const rtc: DeviceKind = {
  name: "rtc",
  what: "MC146818A clock and CMOS memory",
  builtIn: true,
  create: (slot) => new Rtc(slot),
};
