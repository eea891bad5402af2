// The chipset functions of QEMU's pc: the 440FX's host bridge (82441FX datasheet, 3.2), the PIIX3's bridge to ISA with PCI
// interrupt routing (82371SB datasheet, 2.2), and the PIIX4's power management (82371AB datasheet, 7.1), which QEMU has in the
// PIIX3's place of USB. There is no USB, and no system management mode.

import { AcpiPm } from "./acpi-pm.ts";
import { I440FX, PM_BASE } from "./chipset.ts";
import type { BoardFacts, BoardPins, Device, DeviceKind, Slot } from "./device.ts";
import { InterruptLines } from "./interrupt-lines.ts";
import { PAM_REGISTERS, pamByFirmware, shadowedAreas } from "./pam.ts";
import type { PciFunction, PciHeader } from "./pci.ts";
import { SMBUS_BYTES, Smbus } from "./piix4-smbus.ts";
import { addPirqRegisters, routePirqs } from "./pirq-routes.ts";
import { IO_SPACE, PMBASE, PmWindow } from "./pm-window.ts";

/** Status: medium DEVSEL timing, fast back-to-back transfers. */
const STATUS = 0x06;
const DEVSEL_MEDIUM = 0x0200;
const FAST_BACK_TO_BACK = 0x0080;

/** Registers that say the same after every reset, whatever they are for: `[register, value]`. */
type Constants = readonly (readonly [number, number])[];

function setAll(fn: PciFunction, constants: Constants): void {
  for (const [register, value] of constants) fn.config[register] = value;
}

const PAM0 = 0x59;
/** DRAM row boundary of the last row as QEMU has it, units of 8 MiB. */
const LAST_ROW = 0x57;
const ROW_BYTES = 8 << 20;
/** SMRAM: its segment is A0000 (bits 2:0), and it is closed for good. */
const SMRAM = 0x72;
const SMRAM_RESET = 0x02;

/** 0:0.0: what of C0000–FFFFF is RAM. */
class HostBridge implements Device {
  readonly name: string;
  state = {};
  readonly #fn: PciFunction;
  readonly #pins: BoardPins;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#pins = slot.pins;
    const { bare, lowBytes, highBytes } = slot.board;
    const fn = slot.pci({
      device: 0,
      vendor: 0x8086,
      deviceId: 0x1237,
      classCode: 0x060000,
      revision: 2,
    });
    this.#fn = fn;
    setAll(fn, [
      [LAST_ROW, Math.min(255, Math.floor((lowBytes + highBytes) / ROW_BYTES))],
      [SMRAM, SMRAM_RESET],
    ]);
    for (let i = 0; i < PAM_REGISTERS; i++) {
      if (!bare) fn.config[PAM0 + i] = pamByFirmware(i);
      // With the bits that have caches used (bit 2), which nothing here depends on.
      fn.allow8(PAM0 + i, i === 0 ? 0x70 : 0x77);
    }
    fn.sealPowerOn();
    fn.onWrite = () => this.#decode();
    this.#decode();
  }

  #decode(): void {
    this.#pins.shadow(shadowedAreas(this.#fn.config.subarray(PAM0, PAM0 + PAM_REGISTERS)));
  }

  reset(): void {}
}

/** ISA clock and recovery times, chip selects, top of memory, the DMA channels' and distributed DMA's, SMI enabling. */
const PIIX3_RESET: Constants = [
  [0x4c, 0x4d],
  [0x4e, 0x03],
  [0x69, 0x02],
  [0x70, 0x80],
  [0x76, 0x0c],
  [0x77, 0x0c],
  [0x78, 0x02],
  [0xa0, 0x08],
  [0xa8, 0x0f],
];

/** 0:1.0. */
class Piix3 implements Device {
  readonly name: string;
  state = {};

  constructor(slot: Slot) {
    this.name = slot.name;
    const lines = slot.find(InterruptLines);
    const { bare, chipset } = slot.board;
    const fn = slot.pci({
      device: chipset.isaBridge,
      vendor: 0x8086,
      deviceId: 0x7000,
      classCode: 0x060100,
      multifunction: true,
    });
    fn.set16(STATUS, DEVSEL_MEDIUM);
    setAll(fn, PIIX3_RESET);
    addPirqRegisters(fn, chipset, bare);
    fn.sealPowerOn();
    fn.onWrite = () => routePirqs(fn, I440FX, lines);
    routePirqs(fn, I440FX, lines);
  }

  reset(): void {}
}

const POWER_PLACE = { device: 1, fn: 3 } as const;
/** Device activity B: bit 25 enables the command port's SMI, which says that somebody has it already. */
const SMI_TAKEN = 0x5b;
/** PMREGMISC (7.1.20): bit 0 has the block at PMBASE decoded. */
const POWER_ON = 0x80;
/** SMBBA and SMBHSTCFG (7.1.26, 7.1.27): the SMBus controller's ports, and bit 0 to have them decoded. */
const SMBUS_BASE = 0x90;
const SMBUS_CONTROL = 0xd2;
/** Where QEMU's pc has the SMBus controller after a reset. */
const SMBUS_RESET = 0xb100;
/** What QEMU's pc says of devices behind the bridge, but for the serial ports (67h), which nobody asks it. */
const DEVICES: Constants = [
  [0x5f, 0x10],
  [0x63, 0x60],
];

/** 0:1.3. */
class Piix4Power implements Device {
  readonly name: string;
  state: object;
  readonly #fn: PciFunction;
  readonly #power: PmWindow;
  readonly #smbus: Smbus;
  #shown: { start: number; end: () => void } | undefined;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#smbus = new Smbus();
    this.state = this.#smbus.state;
    const { bare } = slot.board;
    const header: PciHeader = {
      ...POWER_PLACE,
      vendor: 0x8086,
      deviceId: 0x7113,
      classCode: 0x068000,
      revision: 3,
      interruptPin: 1,
    };
    const fn = slot.pci(header);
    this.#fn = fn;
    fn.set16(STATUS, DEVSEL_MEDIUM | FAST_BACK_TO_BACK);
    this.#power = new PmWindow(fn, slot.find(AcpiPm));
    fn.set32(PMBASE, bare ? IO_SPACE : PM_BASE | IO_SPACE);
    setAll(fn, [...DEVICES, [SMI_TAKEN, 2], [POWER_ON, bare ? 0 : 1], [SMBUS_CONTROL, 0x09]]);
    fn.allow8(POWER_ON, 1);
    fn.set32(SMBUS_BASE, (bare ? SMBUS_RESET : PM_BASE + 0x100) | IO_SPACE);
    fn.allow32(SMBUS_BASE, 0x10000 - SMBUS_BYTES);
    fn.allow8(SMBUS_CONTROL, 0x0f);
    fn.sealPowerOn();
    fn.onWrite = () => this.#decode();
    this.#decode();
  }

  #decode(): void {
    const fn = this.#fn;
    this.#power.place(((fn.config[POWER_ON] as number) & 1) !== 0);
    const on = (fn.config[SMBUS_CONTROL] as number) & 1;
    const start = on ? fn.get32(SMBUS_BASE) & (0x10000 - SMBUS_BYTES) : 0;
    if (start === (this.#shown?.start ?? 0)) return;
    this.#shown?.end();
    this.#shown = undefined;
    if (start === 0) return;
    const end = fn.decode("piix4-smbus", "io", start, SMBUS_BYTES, this.#smbus);
    this.#shown = { start, end };
  }

  reset(): void {
    this.#smbus.reset();
    this.state = this.#smbus.state;
  }

  restored(): void {
    this.#smbus.state = this.state as Smbus["state"];
  }
}

const onPc = ({ chipset }: BoardFacts): boolean => chipset === I440FX;

export const i440fx: DeviceKind = {
  name: "i440FX",
  what: "440FX host bridge at 0:0.0",
  builtIn: true,
  wanted: onPc,
  create: (slot) => new HostBridge(slot),
};

export const piix3: DeviceKind = {
  name: "PIIX3",
  what: "PIIX3 bridge to ISA at 0:1.0: PCI interrupt routing",
  builtIn: true,
  wanted: onPc,
  create: (slot) => new Piix3(slot),
};

export const piix4Power: DeviceKind = {
  name: "PIIX4_PM",
  what: "PIIX4 power management at 0:1.3: PMBASE, an SMBus with nothing on it",
  builtIn: true,
  wanted: (facts) => onPc(facts) && !facts.without.includes("acpi"),
  create: (slot) => new Piix4Power(slot),
};
