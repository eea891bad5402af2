// The devices a board can have, in the order in which they are put on it, reset and saved: the one
// place beside its own file that knows a device. A device finds those before it in the list.

import { acpiPm } from "../devices/acpi-pm.ts";
import { ahci } from "../devices/ata/ahci.ts";
import { piix3Ide } from "../devices/ata/ide.ts";
import { debugConsole } from "../devices/debug-console.ts";
import type { DeviceKind } from "../devices/device.ts";
import { dma8237 } from "../devices/dma8237.ts";
import { flash } from "../devices/flash.ts";
import { isaFdc } from "../devices/floppy/fdc.ts";
import { fwCfg } from "../devices/fw-cfg.ts";
import { hpet } from "../devices/hpet.ts";
import { i440fx, piix3, piix4Power } from "../devices/i440fx.ts";
import { i8042 } from "../devices/i8042.ts";
import { ioapic } from "../devices/ioapic.ts";
import { pci } from "../devices/pci.ts";
import { pic8259 } from "../devices/pic8259.ts";
import { pit8254 } from "../devices/pit8254.ts";
import { postPort } from "../devices/post-port.ts";
import { ps2Keyboard } from "../devices/ps2-keyboard.ts";
import { ps2Mouse } from "../devices/ps2-mouse.ts";
import { hostBridge, lpcBridge } from "../devices/q35.ts";
import { resetControl } from "../devices/reset-control.ts";
import { rtc } from "../devices/rtc.ts";
import { uart16550 } from "../devices/uart16550.ts";
import { xhci } from "../devices/usb/xhci.ts";
import { vga } from "../devices/vga.ts";
import { ADDABLE_DEVICES } from "./addable-devices.ts";

export const DEVICE_KINDS: readonly DeviceKind[] = [
  pic8259,
  ioapic,
  pit8254,
  dma8237,
  rtc,
  hpet,
  acpiPm,
  ps2Keyboard,
  ps2Mouse,
  i8042,
  resetControl,
  pci,
  hostBridge,
  lpcBridge,
  i440fx,
  piix3,
  piix4Power,
  flash,
  ahci,
  piix3Ide,
  isaFdc,
  xhci,
  fwCfg,
  postPort,
  uart16550,
  debugConsole,
  ...ADDABLE_DEVICES,
  vga,
];
