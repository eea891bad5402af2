// The two chipset functions a q35 board cannot do without: the Q35 host bridge (Intel 3 Series
// datasheet, 5.1) with the ECAM window, and the ICH9 LPC bridge (ICH9 datasheet, 13.1) with PMBASE,
// PCI interrupt routing and the root complex base. Values are what firmware leaves behind. The
// registers behind the root complex base are left out: interrupt pins keep their default routes.

import { AcpiPm } from "./acpi-pm.ts";
import { PM_BASE, Q35 } from "./chipset.ts";
import type { BoardFacts, BoardPins, Device, DeviceKind, Slot } from "./device.ts";
import { InterruptLines } from "./interrupt-lines.ts";
import { PAM_REGISTERS, pamByFirmware, shadowedAreas } from "./pam.ts";
import { PciBus, type PciFunction } from "./pci.ts";
import { addPirqRegisters, routePirqs } from "./pirq-routes.ts";
import { IO_SPACE, PMBASE, PmWindow } from "./pm-window.ts";

const PCIEXBAR = 0x60;
const PAM0 = 0x90;
const ACPI_CONTROL = 0x44;
const ACPI_ENABLED = 0x80;
const RCBA = 0xf0;

/** Where the configuration window is after a reset, turned off (bit 0); its size by bits 2:1, bytes. */
const PCIEXBAR_RESET = 0xb0000000;
const WINDOW_SIZES = [256 << 20, 128 << 20, 64 << 20] as const;

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
    for (let i = 0; i < PAM_REGISTERS; i++) {
      if (!bare) fn.config[PAM0 + i] = pamByFirmware(i);
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
    this.#pins.shadow(shadowedAreas(this.#fn.config.subarray(PAM0, PAM0 + PAM_REGISTERS)));
  }

  #placeWindow(): void {
    const fn = this.#fn;
    const register = fn.get32(PCIEXBAR);
    const length = WINDOW_SIZES[(register >> 1) & 3] ?? 0;
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
  readonly #power: PmWindow;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#lines = slot.find(InterruptLines);
    const { bare, chipset } = slot.board;
    const fn = slot.pci({
      device: chipset.isaBridge,
      vendor: 0x8086,
      deviceId: 0x2918,
      classCode: 0x060100,
      revision: 2,
      // SATA is its sibling, and SMBus would be.
      multifunction: true,
    });
    this.#fn = fn;
    this.#power = new PmWindow(fn, slot.find(AcpiPm));
    fn.set32(PMBASE, bare ? IO_SPACE : PM_BASE | IO_SPACE);
    fn.config[ACPI_CONTROL] = bare ? 0 : ACPI_ENABLED;
    fn.allow8(ACPI_CONTROL, 0x87);
    addPirqRegisters(fn, chipset, bare);
    if (!bare) fn.set32(RCBA, 0xfed1c001);
    fn.allow32(RCBA, 0xffffc001);
    fn.sealPowerOn();
    fn.onWrite = () => this.#decode();
    this.#decode();
  }

  #decode(): void {
    routePirqs(this.#fn, Q35, this.#lines);
    // The block shows where ACPI is turned on (13.1.13, 13.1.14).
    this.#power.place(((this.#fn.config[ACPI_CONTROL] as number) & ACPI_ENABLED) !== 0);
  }

  reset(): void {}
}

const onQ35 = ({ chipset }: BoardFacts): boolean => chipset === Q35;

export const hostBridge: DeviceKind = {
  name: "host-bridge",
  what: "Q35 host bridge at 0:0.0",
  builtIn: true,
  wanted: onQ35,
  create: (slot) => new HostBridge(slot),
};

export const lpcBridge: DeviceKind = {
  name: "lpc-bridge",
  what: "ICH9 LPC bridge at 0:1f.0: PCI interrupt routing, PMBASE",
  builtIn: true,
  wanted: onQ35,
  create: (slot) => new LpcBridge(slot),
};
