// The two chipset functions a q35 board cannot do without: the Q35 host bridge (Intel 3 Series
// datasheet, 5.1) with the ECAM window, and the ICH9 LPC bridge (ICH9 datasheet, 13.1) with PMBASE,
// PCI interrupt routing and the root complex base. Values are what firmware leaves behind. The
// registers behind the root complex base are left out: interrupt pins keep their default routes.

import { PM_BASE } from "./acpi-pm.ts";
import type { Device, DeviceKind, Slot } from "./device.ts";
import { InterruptLines, PIRQS } from "./interrupt-lines.ts";
import type { PciFunction } from "./pci.ts";

const PCIEXBAR = 0x60;
const PAM0 = 0x90;
const PMBASE = 0x40;
const ACPI_CONTROL = 0x44;
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

/** 0:0.0, with ECAM enabled. */
class HostBridge implements Device {
  readonly name: string;
  state = {};

  constructor(slot: Slot) {
    this.name = slot.name;
    const fn = slot.pci({
      device: 0,
      vendor: 0x8086,
      deviceId: 0x29c0,
      classCode: 0x060000,
    });
    fn.set32(PCIEXBAR, slot.board.ecam | 1);
    // PAM0–6: what C0000–FFFFF reads from and writes to, shadow RAM with a read-only BIOS segment.
    for (let i = 0; i < 7; i++) {
      fn.config[PAM0 + i] = i === 0 ? 0x10 : 0x11;
      fn.allow8(PAM0 + i, i === 0 ? 0x30 : 0x33);
    }
    fn.sealPowerOn();
  }

  reset(): void {}
}

/** 0:1f.0. */
class LpcBridge implements Device {
  readonly name: string;
  state = {};
  readonly #lines: InterruptLines;
  readonly #fn: PciFunction;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#lines = slot.find(InterruptLines);
    const fn = slot.pci({
      device: 0x1f,
      vendor: 0x8086,
      deviceId: 0x2918,
      classCode: 0x060100,
      revision: 2,
      // SATA and SMBus would be its siblings.
      multifunction: true,
    });
    this.#fn = fn;
    fn.set32(PMBASE, PM_BASE | 1);
    fn.config[ACPI_CONTROL] = 0x80;
    for (let pirq = 0; pirq < PIRQS; pirq++) {
      fn.config[pirqRegister(pirq)] = firmwareRoute(pirq);
      fn.allow8(pirqRegister(pirq), PIRQ_WRITABLE);
    }
    fn.set32(RCBA, 0xfed1c001);
    fn.allow32(RCBA, 0xffffc001);
    fn.sealPowerOn();
    fn.onWrite = () => this.#route();
    this.#route();
  }

  #route(): void {
    for (let pirq = 0; pirq < PIRQS; pirq++) {
      const value = this.#fn.config[pirqRegister(pirq)] as number;
      const irq = value & PIRQ_IRQ;
      this.#lines.route(pirq, !(value & PIRQ_OFF) && ROUTABLE & (1 << irq) ? irq : -1);
    }
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
