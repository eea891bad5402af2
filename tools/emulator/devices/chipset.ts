// The two chipset functions a q35 board cannot do without: the Q35 host bridge (Intel 3 Series
// datasheet, 5.1) with the ECAM window, and the ICH9 LPC bridge (ICH9 datasheet, 13.1) with PMBASE,
// interrupt routing and the root complex base. Values are what firmware leaves behind.

import { PM_BASE } from "./acpi-pm.ts";
import { PciFunction } from "./pci.ts";

const PCIEXBAR = 0x60;
const PAM0 = 0x90;
const PMBASE = 0x40;
const ACPI_CONTROL = 0x44;
const PIRQ_A = 0x60;
const RCBA = 0xf0;

/** 0:0.0, with ECAM enabled at `ecam`. */
export function hostBridge(ecam: number): PciFunction {
  const fn = new PciFunction("host-bridge", 0, 0, {
    vendor: 0x8086,
    device: 0x29c0,
    classCode: 0x060000,
    revision: 0,
  });
  // Memory decoding is hardwired on a host bridge.
  fn.set16(4, 0x0007);
  fn.writable[4] = 0;
  fn.writable[5] = 0x01;
  fn.set32(PCIEXBAR, ecam | 1);
  // PAM0–6: what C0000–FFFFF reads from and writes to, shadow RAM with a read-only BIOS segment.
  for (let i = 0; i < 7; i++) {
    fn.config[PAM0 + i] = i === 0 ? 0x10 : 0x11;
    fn.writable[PAM0 + i] = i === 0 ? 0x30 : 0x33;
  }
  return fn;
}

/** 0:1f.0. */
export function lpcBridge(): PciFunction {
  const fn = new PciFunction("lpc-bridge", 0x1f, 0, {
    vendor: 0x8086,
    device: 0x2918,
    classCode: 0x060100,
    revision: 2,
  });
  fn.set16(4, 0x0007);
  fn.set16(6, 0x0200);
  // Multi-function: SATA and SMBus would be its siblings.
  fn.config[0x0e] = 0x80;
  fn.set32(PMBASE, PM_BASE | 1);
  fn.config[ACPI_CONTROL] = 0x80;
  const routes = [10, 10, 11, 11, 10, 10, 11, 11];
  routes.forEach((irq, n) => {
    const at = PIRQ_A + (n < 4 ? n : n + 4);
    fn.config[at] = irq;
    fn.writable[at] = 0x8f;
  });
  fn.set32(RCBA, 0xfed1c001);
  fn.allow32(RCBA, 0xffffc001);
  return fn;
}
