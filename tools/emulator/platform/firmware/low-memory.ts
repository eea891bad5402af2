// What a PC BIOS leaves in low memory for programs started after it: the BIOS data area and the
// start of the extended one (IBM PC/AT technical reference, "BIOS data area"; Ralf Brown's memory
// list, segment 40h). The interrupt vector table is left out where no BIOS runs.

import { EBDA_BASE } from "../memory-map.ts";
import type { Placement } from "./acpi-tables.ts";

/** BDA at 0x400 and EBDA, for a board with one serial port and an 80×25 VGA. */
export function firmwareData(): Placement[] {
  const bda = new Uint8Array(0x100);
  const view = new DataView(bda.buffer);
  view.setUint16(0x00, 0x3f8, true);
  view.setUint16(0x0e, EBDA_BASE >> 4, true);
  // Equipment: FPU, pointing device, one serial port.
  view.setUint16(0x10, 0x0206, true);
  view.setUint16(0x13, EBDA_BASE >> 10, true);
  // Keyboard ring buffer, empty.
  view.setUint16(0x1a, 0x1e, true);
  view.setUint16(0x1c, 0x1e, true);
  bda[0x49] = 3;
  view.setUint16(0x4a, 80, true);
  view.setUint16(0x4c, 0x1000, true);
  view.setUint16(0x60, 0x0607, true);
  view.setUint16(0x63, 0x3d4, true);
  view.setUint16(0x80, 0x1e, true);
  view.setUint16(0x82, 0x3e, true);
  bda[0x84] = 24;
  view.setUint16(0x85, 16, true);
  // EBDA: its size in KiB.
  return [
    { address: 0x400, data: bda },
    { address: EBDA_BASE, data: Uint8Array.of(1) },
  ];
}
