// The 82093AA I/O APIC with 24 pins and the EOI register of later versions (Intel 82093AA
// datasheet, section 3; ICH9 datasheet, 13.5). Pins are logical: what the polarity bit says about
// the wire has been settled by the board, as the interrupt source overrides describe it.

import { DELIVERY_EXTINT, DELIVERY_FIXED } from "../core/protocol.ts";
import {
  type Device,
  type DeviceKind,
  type MmioHandler,
  peekRegisters,
  type Slot,
} from "./device.ts";

/** Physical address of the 4 KiB page with the registers. */
export const IOAPIC_BASE = 0xfec00000;
const PINS = 24;
const VERSION = 0x20;

const MASKED = 1 << 16;
const LEVEL = 1 << 15;
const REMOTE_IRR = 1 << 14;
const DELIVERY_PENDING = 1 << 12;
const LOGICAL = 1 << 11;
/** Bits a guest cannot write. */
const READ_ONLY = REMOTE_IRR | DELIVERY_PENDING;

export class IoApic implements Device {
  readonly name: string;
  state = {
    select: 0,
    id: 0,
    /** Low halves of the redirection entries: vector, delivery, mode, mask. */
    low: new Array<number>(PINS).fill(MASKED),
    /** High halves: destination in bits 31:24. */
    high: new Array<number>(PINS).fill(0),
    /** Levels of the pins. */
    lines: 0,
    /** Edges that have not been delivered because the pin is masked. */
    irr: 0,
  };
  /** Sends an interrupt message; returns whether a CPU accepted it. */
  onMessage: (
    destination: number,
    logical: number,
    delivery: number,
    vector: number,
    level: number,
  ) => boolean = () => false;
  /** A pin may have become deliverable (a mask changed). */
  onUnmask: () => void = () => {};

  constructor(slot: Slot) {
    this.name = slot.name;
    slot.mmio(IOAPIC_BASE, 0x1000, this.#mmio());
  }

  reset(): void {
    this.state = {
      select: 0,
      id: 0,
      low: new Array<number>(PINS).fill(MASKED),
      high: new Array<number>(PINS).fill(0),
      lines: 0,
      irr: 0,
    };
  }

  /** True while pin 0–23 is not masked. */
  listens(pin: number): boolean {
    return ((this.state.low[pin] as number) & MASKED) === 0;
  }

  /** Drives a pin. */
  setPin(pin: number, level: boolean): void {
    const s = this.state;
    const bit = 1 << pin;
    const was = (s.lines & bit) !== 0;
    if (level) s.lines |= bit;
    else s.lines &= ~bit;
    const entry = s.low[pin] as number;
    if (entry & LEVEL) {
      if (level) s.irr |= bit;
      else s.irr &= ~bit;
    } else if (level && !was && !(entry & MASKED)) {
      // An edge on a masked pin is lost (datasheet, mask bit).
      s.irr |= bit;
    }
    this.#deliver(pin);
  }

  #deliver(pin: number): void {
    const s = this.state;
    const bit = 1 << pin;
    const entry = s.low[pin] as number;
    if (!(s.irr & bit) || entry & MASKED) return;
    const isLevel = (entry & LEVEL) !== 0;
    if (isLevel && entry & REMOTE_IRR) return;
    const delivery = (entry >> 8) & 7;
    if (!isLevel) s.irr &= ~bit;
    const accepted = this.onMessage(
      (s.high[pin] as number) >>> 24,
      entry & LOGICAL ? 1 : 0,
      delivery,
      entry & 0xff,
      isLevel ? 1 : 0,
    );
    if (isLevel && accepted && delivery !== DELIVERY_EXTINT) s.low[pin] = entry | REMOTE_IRR;
  }

  /** A CPU ended a level-triggered vector. */
  endOfInterrupt(vector: number): void {
    const { low } = this.state;
    for (let pin = 0; pin < PINS; pin++) {
      const entry = low[pin] as number;
      if ((entry & 0xff) !== vector || !(entry & REMOTE_IRR)) continue;
      low[pin] = entry & ~REMOTE_IRR;
      this.#deliver(pin);
    }
  }

  /** Select at 0x00, data at 0x10, EOI at 0x40. */
  #mmio(): MmioHandler {
    const read = (offset: number): number => {
      if (offset === 0) return this.state.select;
      return offset === 0x10 ? this.#readRegister(this.state.select) : 0;
    };
    return {
      read,
      peek: peekRegisters(read),
      write: (offset, value) => {
        if (offset === 0) this.state.select = value & 0xff;
        else if (offset === 0x10) this.#writeRegister(this.state.select, value);
        else if (offset === 0x40) this.endOfInterrupt(value & 0xff);
      },
    };
  }

  #readRegister(index: number): number {
    const s = this.state;
    if (index === 0 || index === 2) return s.id << 24;
    if (index === 1) return ((PINS - 1) << 16) | VERSION;
    const pin = (index - 0x10) >> 1;
    if (index < 0x10 || pin >= PINS) return 0;
    return (index & 1 ? s.high[pin] : s.low[pin]) as number;
  }

  #writeRegister(index: number, value: number): void {
    const s = this.state;
    if (index === 0) {
      s.id = (value >>> 24) & 15;
      return;
    }
    const pin = (index - 0x10) >> 1;
    if (index < 0x10 || pin >= PINS) return;
    if (index & 1) {
      s.high[pin] = value & 0xff000000;
      return;
    }
    const old = s.low[pin] as number;
    let entry = (value & 0x1ffff & ~READ_ONLY) | (old & READ_ONLY);
    // An edge-triggered entry has no remote IRR.
    if (!(entry & LEVEL)) entry &= ~REMOTE_IRR;
    s.low[pin] = entry;
    const bit = 1 << pin;
    if (entry & LEVEL) s.irr = s.lines & bit ? s.irr | bit : s.irr & ~bit;
    else if (old & LEVEL) s.irr &= ~bit;
    if (((entry >> 8) & 7) === DELIVERY_FIXED || !(entry & MASKED)) this.onUnmask();
    this.#deliver(pin);
  }
}

export const ioapic: DeviceKind = {
  name: "ioapic",
  what: "82093AA I/O APIC",
  builtIn: true,
  create: (slot) => new IoApic(slot),
};
