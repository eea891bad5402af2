// A 16550A serial port with 16-byte FIFOs (National PC16550D datasheet, table II). Transmission
// takes no time, so the transmitter is always empty; reception is paced by one character time per
// FIFO filling. Parity, framing and break are accepted as settings and never occur.

import type { CharacterPort } from "./character-port.ts";
import type { Device, DeviceKind, PortHandler, Slot } from "./device.ts";
import type { IrqLine } from "./interrupt-lines.ts";
import type { Clock, Timer } from "./timers.ts";

/** Where a PC has COM1 to COM4. */
export const COM_PORTS: readonly { iobase: number; irq: number }[] = [
  { iobase: 0x3f8, irq: 4 },
  { iobase: 0x2f8, irq: 3 },
  { iobase: 0x3e8, irq: 4 },
  { iobase: 0x2e8, irq: 3 },
];

const FIFO_SIZE = 16;
/** Receiver trigger levels by FCR bits 7:6. */
const TRIGGER = [1, 4, 8, 14] as const;
/** Base clock divided by 16, Hz. */
const BAUD_BASE = 115200;

const IER_RX = 1;
const IER_THRE = 2;
const IER_LINE = 4;
const IER_MODEM = 8;
const LSR_DR = 1;
const LSR_OE = 2;
const LSR_BI = 0x10;
const LSR_ERRORS = LSR_OE | 0x1c;
const LSR_IDLE = 0x60;
const MCR_LOOP = 0x10;
/** CTS, DSR and DCD of a terminal that is there. */
const MSR_CONNECTED = 0xb0;

const freshState = () => ({
  ier: 0,
  fcr: 0,
  lcr: 0,
  mcr: 0x08,
  /** Sticky error bits of LSR. */
  lsrErrors: 0,
  msrDelta: 0,
  scratch: 0,
  divisor: 12,
  /** Bytes in the receiver. */
  rx: [] as number[],
  /** Bytes on the way from the host. */
  wire: [] as number[],
  threPending: false,
  timeoutPending: false,
});

export class Uart16550 implements Device, CharacterPort {
  readonly name: string;
  state = freshState();
  /** A character leaves the transmitter. */
  onTransmit: (byte: number) => void = () => {};
  readonly #irq: IrqLine;
  readonly #clock: Clock;
  readonly #arrival: Timer;
  readonly #timeout: Timer;

  constructor(slot: Slot, port: { iobase: number; irq: number }) {
    this.name = slot.name;
    this.#clock = slot.clock;
    this.#irq = slot.isaIrq(port.irq);
    this.#arrival = slot.timer(() => this.#arrive(), "receive");
    this.#timeout = slot.timer(() => {
      this.state.timeoutPending = this.state.rx.length > 0;
      this.#update();
    }, "timeout");
    slot.ports(port.iobase, 8, this.#ports());
  }

  reset(): void {
    const wire = this.state.wire;
    this.state = { ...freshState(), wire };
    this.#timeout.cancel();
    if (wire.length > 0) this.#schedule();
    this.#update();
  }

  /** True while a character from the host would interrupt the guest (or is yet to be delivered). */
  get listens(): boolean {
    return (this.state.ier & IER_RX) !== 0;
  }

  get pending(): number {
    return this.state.wire.length;
  }

  /** Bytes typed at the other end of the cable. */
  receive(bytes: Iterable<number>): void {
    for (const byte of bytes) this.state.wire.push(byte & 0xff);
    if (this.state.wire.length > 0 && this.#arrival.when === Number.POSITIVE_INFINITY) {
      this.#schedule();
    }
  }

  /** Nanoseconds one character takes: start, data, parity and stop bits. */
  #characterTime(): number {
    const { lcr, divisor } = this.state;
    const bits = 1 + 5 + (lcr & 3) + (lcr & 8 ? 1 : 0) + (lcr & 4 ? 2 : 1);
    return Math.ceil((bits * 1e9 * Math.max(divisor, 1)) / BAUD_BASE);
  }

  #schedule(): void {
    this.#arrival.set(this.#clock.now() + this.#characterTime());
  }

  #fifoOn(): boolean {
    return (this.state.fcr & 1) !== 0;
  }

  #arrive(): void {
    const s = this.state;
    const room = (this.#fifoOn() ? FIFO_SIZE : 1) - s.rx.length;
    if (room > 0 && !(s.mcr & MCR_LOOP)) {
      s.rx.push(...s.wire.splice(0, room));
      this.#rearmTimeout();
    }
    this.#update();
  }

  /** The character timeout: four character times without the receiver being touched (FIFO mode). */
  #rearmTimeout(): void {
    this.state.timeoutPending = false;
    if (this.#fifoOn() && this.state.rx.length > 0) {
      this.#timeout.set(this.#clock.now() + 4 * this.#characterTime());
    } else {
      this.#timeout.cancel();
    }
  }

  /** Pending interrupt as IIR bits 3:0, table "Interrupt control functions"; 1 is none. */
  #cause(): number {
    const s = this.state;
    if (s.ier & IER_LINE && s.lsrErrors) return 6;
    if (s.ier & IER_RX) {
      const trigger = this.#fifoOn() ? (TRIGGER[s.fcr >> 6] as number) : 1;
      if (s.rx.length >= trigger) return 4;
      if (s.timeoutPending && s.rx.length > 0) return 0x0c;
    }
    if (s.ier & IER_THRE && s.threPending) return 2;
    if (s.ier & IER_MODEM && s.msrDelta & 0x0f) return 0;
    return 1;
  }

  #update(): void {
    this.#irq.set(this.#cause() !== 1);
  }

  /** The eight registers; `port & 7` selects. */
  #ports(): PortHandler {
    return {
      read: (port) => {
        const value = this.#read(port & 7);
        this.#update();
        return value;
      },
      write: (port, value) => {
        this.#write(port & 7, value & 0xff);
        this.#update();
      },
    };
  }

  #read(register: number): number {
    const s = this.state;
    switch (register) {
      case 0: {
        if (s.lcr & 0x80) return s.divisor & 0xff;
        const byte = s.rx.shift() ?? 0;
        this.#rearmTimeout();
        const drained = s.rx.length === 0;
        if (drained && s.wire.length > 0 && this.#arrival.when === Number.POSITIVE_INFINITY) {
          this.#schedule();
        }
        return byte;
      }
      case 1:
        return s.lcr & 0x80 ? s.divisor >> 8 : s.ier;
      case 2: {
        const cause = this.#cause();
        if (cause === 2) s.threPending = false;
        return cause | (this.#fifoOn() ? 0xc0 : 0);
      }
      case 3:
        return s.lcr;
      case 4:
        return s.mcr;
      case 5: {
        const value = LSR_IDLE | s.lsrErrors | (s.rx.length > 0 ? LSR_DR : 0);
        s.lsrErrors &= ~LSR_ERRORS;
        return value;
      }
      case 6: {
        const value = this.#modemStatus() | s.msrDelta;
        s.msrDelta = 0;
        return value;
      }
      default:
        return s.scratch;
    }
  }

  /** In loopback the four outputs drive the four inputs (datasheet, MCR bit 4). */
  #modemStatus(): number {
    const { mcr } = this.state;
    if (!(mcr & MCR_LOOP)) return MSR_CONNECTED;
    return ((mcr & 2) << 3) | ((mcr & 1) << 5) | ((mcr & 0x0c) << 4);
  }

  #write(register: number, value: number): void {
    const s = this.state;
    switch (register) {
      case 0:
        if (s.lcr & 0x80) s.divisor = (s.divisor & 0xff00) | value;
        else this.#transmit(value);
        break;
      case 1:
        if (s.lcr & 0x80) {
          s.divisor = (s.divisor & 0xff) | (value << 8);
        } else {
          // Enabling the THRE interrupt with an empty transmitter raises it at once.
          if (value & IER_THRE && !(s.ier & IER_THRE)) s.threPending = true;
          s.ier = value & 0x0f;
        }
        break;
      case 2:
        this.#fifoControl(value);
        break;
      case 3:
        s.lcr = value;
        break;
      case 4:
        this.#modemControl(value);
        break;
      case 7:
        s.scratch = value;
        break;
    }
  }

  #transmit(value: number): void {
    const s = this.state;
    if (s.mcr & MCR_LOOP) {
      if (s.rx.length < (this.#fifoOn() ? FIFO_SIZE : 1)) s.rx.push(value);
      else {
        s.lsrErrors |= LSR_OE;
        if (!this.#fifoOn()) s.rx[0] = value;
      }
      this.#rearmTimeout();
    } else {
      this.onTransmit(value);
    }
    s.threPending = true;
  }

  #fifoControl(value: number): void {
    const s = this.state;
    const toggled = ((s.fcr ^ value) & 1) !== 0;
    if (toggled || value & 2) {
      s.rx = [];
      s.lsrErrors &= ~LSR_BI;
      this.#rearmTimeout();
      if (s.wire.length > 0) this.#schedule();
    }
    if (toggled || value & 4) s.threPending = true;
    s.fcr = value & 1 ? value & 0xc9 : 0;
  }

  #modemControl(value: number): void {
    const s = this.state;
    const before = this.#modemStatus();
    s.mcr = value & 0x1f;
    const after = this.#modemStatus();
    // Deltas of CTS, DSR and DCD; RI counts on its trailing edge only.
    const changed = (before ^ after) >> 4;
    s.msrDelta |= (changed & 0x0b) | (before & ~after & 0x40 ? 4 : 0);
    if (!(s.mcr & MCR_LOOP) && s.wire.length > 0) this.#schedule();
  }
}

/** Name of COM `index + 1` on the board. */
export const comName = (index: number): string => `com${index + 1}`;

export const uart16550: DeviceKind<{ index: number }> = {
  name: "isa-serial",
  what: "16550A serial port; index 0 to 3 is COM1 to COM4",
  options: { index: { default: 0, minimum: 0, maximum: COM_PORTS.length - 1 } },
  nameOf: ({ index }) => comName(index),
  create: (slot, { index }) =>
    new Uart16550(slot, COM_PORTS[index] as { iobase: number; irq: number }),
};
