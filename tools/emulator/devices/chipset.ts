// The two chipset functions a q35 board cannot do without: the Q35 host bridge (Intel 3 Series
// datasheet, 5.1) with the ECAM window, and the ICH9 LPC bridge (ICH9 datasheet, 13.1) with PMBASE,
// PCI interrupt routing and the root complex base. Values are what firmware leaves behind. The
// registers behind the root complex base are left out: interrupt pins keep their default routes.

import { AcpiPm, PM_BASE, PM_LENGTH } from "./acpi-pm.ts";
import type { BoardPins, Device, DeviceKind, Slot } from "./device.ts";
import { InterruptLines, PIRQS } from "./interrupt-lines.ts";
import { PciBus, type PciFunction } from "./pci.ts";

const PCIEXBAR = 0x60;
const PAM0 = 0x90;
const PMBASE = 0x40;
const ACPI_CONTROL = 0x44;
const ACPI_ENABLED = 0x80;
const RCBA = 0xf0;

/** PIRQx_ROUT: bit 7 takes the line off the ISA IRQ in bits 3:0. */
const PIRQ_WRITABLE = 0x8f;
const PIRQ_OFF = 0x80;
const PIRQ_IRQ = 0x0f;
/** IRQs that a PIRQ may be routed to: 3–7, 9–12, 14 and 15; the other values are reserved. */
const ROUTABLE = 0xdef8;

/** ISA IRQs of PIRQA to PIRQH after firmware. */
const FIRMWARE_ROUTES = [10, 10, 11, 11, 10, 10, 11, 11] as const;

/** Register of PIRQ 0 (A) to 7 (H): 0x60–0x63 and 0x68–0x6B. */
export const pirqRegister = (pirq: number): number => (pirq < 4 ? 0x60 + pirq : 0x64 + pirq);

/**
 * The PIRQ (0–7) behind interrupt pin 1–4 of PCI device 0–31: devices of the chipset (25–31) have A–D,
 * as the reset values of their route registers say (ICH9 datasheet, 10.1.46 to 10.1.52), the bridge
 * for conventional PCI (30) E–H; slots rotate through E–H, as QEMU's q35 wires them.
 */
export function pirqOf(device: number, pin: number): number {
  if (device === 30) return 4 + pin - 1;
  if (device >= 25) return pin - 1;
  return 4 + ((device + pin - 1) & 3);
}

/** ISA IRQ that firmware reports for a PIRQ. */
export const firmwareRoute = (pirq: number): number => FIRMWARE_ROUTES[pirq] as number;

/** Where the configuration window is after a reset, turned off (bit 0); its size by bits 2:1, bytes. */
const PCIEXBAR_RESET = 0xb0000000;
const WINDOW_BYTES = [256 << 20, 128 << 20, 64 << 20] as const;

/**
 * The registers PAM0 to PAM6, in nibbles from the low one of PAM0 on (5.1.15 to 5.1.21): where each begins, and its bytes.
 * Bit 0 has reads reach RAM, bit 1 writes.
 */
const SHADOWED: readonly [nibble: number, start: number, length: number][] = [
  [1, 0xf0000, 0x10000],
  ...Array.from({ length: 12 }, (_, i): [number, number, number] => [
    2 + i,
    0xc0000 + 0x4000 * i,
    0x4000,
  ]),
];

/** 0:0.0: the window of PCI configuration, and what of C0000–FFFFF is RAM. */
export class HostBridge implements Device {
  readonly name: string;
  state = {};
  readonly #fn: PciFunction;
  readonly #bus: PciBus;
  readonly #pins: BoardPins;
  #window: { start: number; length: number; end: () => void } | undefined;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#bus = slot.find(PciBus);
    this.#pins = slot.pins;
    const { bare, ecam } = slot.board;
    const fn = slot.pci({
      device: 0,
      vendor: 0x8086,
      deviceId: 0x29c0,
      classCode: 0x060000,
    });
    this.#fn = fn;
    fn.set32(PCIEXBAR, bare ? PCIEXBAR_RESET : ecam | 1);
    fn.allow32(PCIEXBAR, 0xfc000007);
    fn.allow32(PCIEXBAR + 4, 0x0000000f);
    // Our BIOS leaves its segment read-only, and RAM below it.
    for (let i = 0; i < 7; i++) {
      if (!bare) fn.config[PAM0 + i] = i === 0 ? 0x10 : 0x33;
      fn.allow8(PAM0 + i, i === 0 ? 0x30 : 0x33);
    }
    fn.sealPowerOn();
    fn.onWrite = () => this.#decode();
    this.#decode();
  }

  /** Where the configuration window is, or -1 where it is turned off. */
  get windowStart(): number {
    return this.#window?.start ?? -1;
  }

  #decode(): void {
    this.#placeWindow();
    this.#pins.shadow(
      SHADOWED.map(([nibble, start, length]) => {
        const pam = (this.#fn.config[PAM0 + (nibble >> 1)] as number) >> (4 * (nibble & 1));
        return { start, length, readsRam: (pam & 1) !== 0, writesRam: (pam & 2) !== 0 };
      }),
    );
  }

  #placeWindow(): void {
    const fn = this.#fn;
    const register = fn.get32(PCIEXBAR);
    const length = WINDOW_BYTES[(register >> 1) & 3] ?? 0;
    const start = (register & ~(length - 1)) >>> 0;
    const on = register & 1 && length > 0 && start !== 0 && fn.get32(PCIEXBAR + 4) === 0;
    const now = this.#window;
    if (on && now?.start === start && now.length === length) return;
    now?.end();
    // The chipset's own comes before what guests place: of such regions the name decides, and this one is an early one.
    const end = on ? fn.decode("ECAM", "memory", start, length, this.#bus.window) : undefined;
    this.#window = end === undefined ? undefined : { start, length, end };
  }

  reset(): void {}
}

/** 0:1f.0. */
class LpcBridge implements Device {
  readonly name: string;
  state = {};
  readonly #lines: InterruptLines;
  readonly #fn: PciFunction;
  readonly #pm: AcpiPm;
  #power: { start: number; end: () => void } | undefined;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#lines = slot.find(InterruptLines);
    this.#pm = slot.find(AcpiPm);
    const { bare } = slot.board;
    const fn = slot.pci({
      device: 0x1f,
      vendor: 0x8086,
      deviceId: 0x2918,
      classCode: 0x060100,
      revision: 2,
      // SATA is its sibling, and SMBus would be.
      multifunction: true,
    });
    this.#fn = fn;
    fn.set32(PMBASE, bare ? 1 : PM_BASE | 1);
    fn.allow32(PMBASE, 0x0000ff80);
    fn.config[ACPI_CONTROL] = bare ? 0 : ACPI_ENABLED;
    fn.allow8(ACPI_CONTROL, 0x87);
    for (let pirq = 0; pirq < PIRQS; pirq++) {
      fn.config[pirqRegister(pirq)] = bare ? PIRQ_OFF : firmwareRoute(pirq);
      fn.allow8(pirqRegister(pirq), PIRQ_WRITABLE);
    }
    if (!bare) fn.set32(RCBA, 0xfed1c001);
    fn.allow32(RCBA, 0xffffc001);
    fn.sealPowerOn();
    fn.onWrite = () => this.#decode();
    this.#decode();
  }

  #decode(): void {
    for (let pirq = 0; pirq < PIRQS; pirq++) {
      const value = this.#fn.config[pirqRegister(pirq)] as number;
      const irq = value & PIRQ_IRQ;
      this.#lines.route(pirq, !(value & PIRQ_OFF) && ROUTABLE & (1 << irq) ? irq : -1);
    }
    this.#placePower();
  }

  /** Has the power management block show at PMBASE where ACPI is turned on (13.1.13, 13.1.14). */
  #placePower(): void {
    const fn = this.#fn;
    const base = fn.get32(PMBASE) & 0xff80;
    const start = (fn.config[ACPI_CONTROL] as number) & ACPI_ENABLED && base !== 0 ? base : -1;
    if (start === (this.#power?.start ?? -1)) return;
    this.#power?.end();
    this.#power = undefined;
    if (start < 0) return;
    const end = fn.decode(this.#pm.name, "io", start, PM_LENGTH, this.#pm.block);
    this.#power = { start, end };
  }

  reset(): void {}
}

export const hostBridge: DeviceKind = {
  name: "host-bridge",
  what: "Q35 host bridge at 0:0.0",
  builtIn: true,
  create: (slot) => new HostBridge(slot),
};

export const lpcBridge: DeviceKind = {
  name: "lpc-bridge",
  what: "ICH9 LPC bridge at 0:1f.0: PCI interrupt routing, PMBASE",
  builtIn: true,
  create: (slot) => new LpcBridge(slot),
};
