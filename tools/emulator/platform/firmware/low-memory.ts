// What a PC BIOS leaves in low memory for programs started after it: the BIOS data area and the
// start of the extended one (IBM PC/AT technical reference, "BIOS data area"; Ralf Brown's memory
// list, segment 40h). The interrupt vector table is rom.ts's.

import { EBDA_BASE } from "../memory-map.ts";
import { ENHANCED_KEYBOARD } from "./keyboard-services.ts";

/** Bytes to be placed at a physical address. */
export interface Placement {
  address: number;
  data: Uint8Array;
}

/** Seconds that INT 14h waits for a port. */
const SERIAL_TIMEOUT = 10;

/** BDA at 0x400 and EBDA, for a board with serial ports at the given addresses and an 80×25 VGA. */
export function firmwareData(serialPorts: readonly number[]): Placement[] {
  const bda = new Uint8Array(0x100);
  const view = new DataView(bda.buffer);
  serialPorts.forEach((port, i) => {
    view.setUint16(i * 2, port, true);
    bda[0x7c + i] = SERIAL_TIMEOUT;
  });
  view.setUint16(0x0e, EBDA_BASE >> 4, true);
  // Equipment: FPU, pointing device, number of serial ports.
  view.setUint16(0x10, 0x0006 | (serialPorts.length << 9), true);
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
  bda[0x96] = ENHANCED_KEYBOARD;
  view.setUint16(0x85, 16, true);
  // EBDA: its size in KiB.
  return [
    { address: 0x400, data: bda },
    { address: EBDA_BASE, data: Uint8Array.of(1) },
  ];
}
