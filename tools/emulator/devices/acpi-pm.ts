// ACPI power management of the ICH9 and the PIIX4: the block at PMBASE (0x600 with our BIOS) with PM1a event and control, the
// 24-bit PM timer and, with the ICH9, GPE0 and SMI control; GPE0 elsewhere with QEMU's PIIX4; the SMI command port 0xB2 that
// hands ACPI over (ACPI 6.4, 4.8; ICH9 datasheet, 13.8.3; 82371AB datasheet, 7.2). S5 is sleep type 0, S3 is 1, as on QEMU.
// S4 is left out: the DSDT does not offer it.

import { type Chipset, SCI_IRQ } from "./chipset.ts";
import {
  allOnes,
  type BoardPins,
  type Device,
  type DeviceKind,
  type GuestLog,
  type MmioHandler,
  type PortHandler,
  type Slot,
} from "./device.ts";
import type { IrqLine } from "./interrupt-lines.ts";
import type { Clock, Timer } from "./timers.ts";

/** PM timer frequency, Hz (ACPI 6.4, 4.8.2.1). */
const PM_TIMER_HZ = 3579545;
export const SMI_COMMAND_PORT = 0xb2;
export const ACPI_ENABLE = 2;
export const ACPI_DISABLE = 3;
/** SLP_TYP of S5, as the DSDT's \_S5 says. */
export const SLEEP_TYPE_S5 = 0;
export const SLEEP_TYPE_S3 = 1;

const NS = 1_000_000_000;
const TMR_STS = 1;
const PWRBTN_STS = 0x100;
const WAK_STS = 0x8000;
const STATUS_BITS = 0xcf31;
const ENABLE_BITS = 0x4721;
const SCI_EN = 1;
export const SLP_EN = 0x2000;
/**
 * SMI_EN as our BIOS leaves it: global, end of SMI, TCO. There is no system management mode: for firmware of the guest's
 * the command port's interrupt is enabled already, which tells it that somebody else has it, and ACPI is on for good, as with
 * QEMU's smm=off.
 */
const SMI_BY_BIOS = 0x2003;
const SMI_LOCKED = 0x20;

/** What a write of one or two bytes means for a register of 16 bits: the bits written, and those in place of the old ones. */
function halves(
  offset: number,
  value: number,
  size: number,
): { bits: number; merge(old: number): number } {
  const shift = size === 1 ? (offset & 1) * 8 : 0;
  const mask = size === 1 ? 0xff << shift : 0xffff;
  const bits = (value << shift) & mask;
  return { bits, merge: (old) => (old & ~mask) | bits };
}

export class AcpiPm implements Device {
  readonly name: string;
  state = {
    status: 0,
    enable: 0,
    control: 0,
    gpeStatus: 0,
    gpeEnable: 0,
    smiCommand: 0,
    smiStatus: 0,
    smiEnable: 0,
    /** The machine sleeps (S3) and has not been woken. */
    asleep: false,
    /** Half periods of the timer already accounted for in TMR_STS. */
    halfPeriods: 0,
  };
  readonly #sci: IrqLine;
  readonly #clock: Clock;
  readonly #log: GuestLog;
  readonly #pins: BoardPins;
  readonly #chipset: Chipset;
  readonly #timer: Timer;
  readonly #afterReset: { readonly smiEnable: number; readonly control: number };

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#clock = slot.clock;
    this.#log = slot.log;
    this.#pins = slot.pins;
    this.#chipset = slot.board.chipset;
    this.#sci = slot.isaIrq(SCI_IRQ);
    this.#timer = slot.timer(() => this.#update());
    const { bare } = slot.board;
    this.#afterReset = { smiEnable: bare ? SMI_LOCKED : SMI_BY_BIOS, control: bare ? SCI_EN : 0 };
    Object.assign(this.state, this.#afterReset);
    slot.ports(SMI_COMMAND_PORT, 2, this.#smiPorts());
    const { port, bytes, inBlock } = this.#chipset.gpe0;
    if (!inBlock) slot.ports(port, bytes, this.#gpePorts(port));
  }

  reset(): void {
    const now = this.#halfPeriodsNow();
    this.state = {
      status: 0,
      enable: 0,
      gpeStatus: 0,
      gpeEnable: 0,
      smiCommand: 0,
      smiStatus: 0,
      ...this.#afterReset,
      asleep: false,
      halfPeriods: now,
    };
    this.#update();
  }

  /** The power button: an event if the guest enabled it. */
  pressPowerButton(): void {
    this.state.status |= PWRBTN_STS;
    this.#update();
  }

  /** Behind the reset that a wake-up is: the status says so, and what firmware then hands over is ACPI again. */
  wake(): void {
    this.state.status |= WAK_STS;
    this.#update();
  }

  #ticks(): number {
    return Math.floor((this.#clock.now() * PM_TIMER_HZ) / NS);
  }

  #halfPeriodsNow(): number {
    return Math.floor(this.#ticks() / 0x800000);
  }

  #update(): void {
    const s = this.state;
    const half = this.#halfPeriodsNow();
    if (half > s.halfPeriods) {
      // TMR_STS is set whenever bit 23 changes.
      s.halfPeriods = half;
      s.status |= TMR_STS;
    }
    const pm1 = (s.status & s.enable & ENABLE_BITS) !== 0;
    const gpe = (s.gpeStatus & s.gpeEnable) !== 0;
    this.#sci.set((s.control & SCI_EN) !== 0 && (pm1 || gpe));
    if (s.enable & TMR_STS && !(s.status & TMR_STS)) {
      this.#timer.set(Math.ceil(((half + 1) * 0x800000 * NS) / PM_TIMER_HZ) + 1);
    } else {
      this.#timer.cancel();
    }
  }

  /** PMBASE as it is now, -1 while the block is turned off: the function that places it says so. */
  base = -1;

  /** Bytes of the registers at PMBASE. */
  get bytes(): number {
    return this.#chipset.powerBytes;
  }

  /** These registers, which a PCI function places: bytes, words and double words. */
  readonly block: MmioHandler = this.#block();

  #block(): MmioHandler {
    return {
      read: (offset, size) => {
        const aligned = offset & ~3;
        const value = this.#read32(aligned) >>> ((offset & 3) * 8);
        return size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff);
      },
      write: (offset, value, size) => this.#write(offset, value, size),
    };
  }

  #read32(offset: number): number {
    const s = this.state;
    switch (offset) {
      case 0x00:
        this.#update();
        return s.status | (s.enable << 16);
      case 0x04:
        return s.control | (this.#chipset.hasSmiControl ? 0 : 0xffff_0000);
      case 0x08:
        return this.#ticks() & 0xffffff;
    }
    // Nothing else is the PIIX4's, and the bus floats there.
    if (!this.#chipset.hasSmiControl) return allOnes(4);
    const gpe0 = this.#chipset.gpe0.port;
    switch (offset) {
      case gpe0:
        return s.gpeStatus;
      case gpe0 + 8:
        return s.gpeEnable;
      case 0x30:
        return s.smiEnable;
      case 0x34:
        return s.smiStatus;
      default:
        return 0;
    }
  }

  #write(offset: number, value: number, size: number): void {
    const s = this.state;
    // Registers are 16 bits wide; a 32-bit write reaches two of them, a byte one half.
    if (size === 4) {
      this.#write(offset, value & 0xffff, 2);
      this.#write(offset + 2, value >>> 16, 2);
      return;
    }
    const { bits, merge } = halves(offset, value, size);
    switch (offset & ~1) {
      case 0x00:
        this.#update();
        s.status &= ~(bits & STATUS_BITS);
        break;
      case 0x02:
        s.enable = merge(s.enable);
        break;
      case 0x04:
        this.#control(merge(s.control));
        break;
    }
    if (this.#chipset.hasSmiControl) this.#writeIch9(offset & ~1, bits, merge);
    this.#update();
  }

  #writeIch9(offset: number, bits: number, merge: (old: number) => number): void {
    const s = this.state;
    const gpe0 = this.#chipset.gpe0.port;
    if (offset === gpe0) s.gpeStatus &= ~bits;
    else if (offset === gpe0 + 8) s.gpeEnable = merge(s.gpeEnable);
    else if (offset === 0x30) s.smiEnable = merge(s.smiEnable);
  }

  /** GPE0 at ports of its own: status, then enable, 16 bits each. */
  #gpePorts(first: number): PortHandler {
    const s = () => this.state;
    return {
      read: (port) => {
        const value = port - first < 2 ? s().gpeStatus : s().gpeEnable;
        return (value >> (8 * ((port - first) & 1))) & 0xff;
      },
      write: (port, value) => {
        const { bits, merge } = halves(port - first, value, 1);
        if (port - first < 2) s().gpeStatus &= ~bits;
        else s().gpeEnable = merge(s().gpeEnable);
        this.#update();
      },
    };
  }

  #control(value: number): void {
    this.state.control = value & ~SLP_EN;
    if (!(value & SLP_EN)) return;
    const type = (value >> 10) & 7;
    if (type === SLEEP_TYPE_S5) this.#pins.powerOff();
    else if (type === SLEEP_TYPE_S3) {
      this.state.asleep = true;
      this.#pins.suspend();
    } else this.#log.unimplemented(`ACPI sleep type ${type}: S5 (0) and S3 (1) exist`);
  }

  /** Ports 0xB2 (command) and 0xB3 (status). */
  #smiPorts(): PortHandler {
    return {
      read: (port) => (port & 1 ? this.state.smiStatus : this.state.smiCommand),
      write: (port, value) => {
        if (port & 1) {
          this.state.smiStatus = value;
          return;
        }
        this.state.smiCommand = value;
        // What the BIOS's SMI handler does with the two commands the FADT names.
        if (value === ACPI_ENABLE) this.state.control |= SCI_EN;
        else if (value === ACPI_DISABLE) this.state.control &= ~SCI_EN;
        else this.#log.unimplemented(`SMI command 0x${value.toString(16)}`);
        this.#update();
      },
    };
  }
}

export const acpiPm: DeviceKind = {
  name: "acpi-pm",
  what: "power management: PM1, PM timer, GPE0, SMI command port",
  builtIn: true,
  create: (slot) => new AcpiPm(slot),
};
