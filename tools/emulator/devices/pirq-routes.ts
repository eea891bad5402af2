// The PIRQ routing registers of bridges to ISA (ICH9 datasheet, 13.1.17 and 13.1.19; 82371SB datasheet, 2.2.4): bit 7 takes a
// PIRQ off the ISA IRQ in bits 3:0.

import type { Chipset } from "./chipset.ts";
import type { InterruptLines } from "./interrupt-lines.ts";
import type { PciFunction } from "./pci.ts";

const WRITABLE = 0x8f;
const OFF = 0x80;
const IRQ = 0x0f;
/** IRQs that a PIRQ may be routed to: 3–7, 9–12, 14 and 15; the other values are reserved. */
const ROUTABLE = 0xdef8;

/** Gives a bridge its registers, as they are after a reset or as firmware leaves them. */
export function addPirqRegisters(fn: PciFunction, chipset: Chipset, bare: boolean): void {
  for (let pirq = 0; pirq < chipset.pirqs; pirq++) {
    const register = chipset.pirqRegister(pirq);
    fn.config[register] = bare ? OFF : (chipset.firmwareRoutes[pirq] as number);
    fn.allow8(register, WRITABLE);
  }
}

/** Connects the PIRQs as the registers say. */
export function routePirqs(fn: PciFunction, chipset: Chipset, lines: InterruptLines): void {
  for (let pirq = 0; pirq < chipset.pirqs; pirq++) {
    const value = fn.config[chipset.pirqRegister(pirq)] as number;
    const irq = value & IRQ;
    lines.route(pirq, !(value & OFF) && ROUTABLE & (1 << irq) ? irq : -1);
  }
}
