// What a PC BIOS leaves in low memory for programs started after it: the BIOS data area and the
// start of the extended one (IBM PC/AT technical reference, "BIOS data area"; Ralf Brown's memory
// list, segment 40h). The interrupt vector table is rom.ts's.

import type { Geometry } from "../../media/geometry.ts";
import { ENHANCED_KEYBOARD } from "./keyboard-services.ts";

/** Bytes to be placed at a physical address. */
export interface Placement {
  address: number;
  data: Uint8Array;
}

/** INT 41h and 46h. */
const FIXED_DISK_VECTORS = [0x41, 0x46] as const;
const FIXED_DISK_TABLES = 0x3d;
const FIXED_DISK_BYTES = 16;

/** Seconds that INT 14h waits for a port. */
const SERIAL_TIMEOUT = 10;

/** What low memory says beside the devices of every board. */
export interface LowMemory {
  /** Start of the extended data area, where conventional memory ends. */
  ebda: number;
  floppies: number;
  /** Geometries of the hard disks. */
  hardDisks: readonly Geometry[];
}

/** A fixed disk parameter table: the drive's geometry (IBM PC/AT technical reference, "FIXED DISK PARAMETER TABLE"). */
function diskTable({ cylinders, heads, sectors }: Geometry): Uint8Array {
  const table = new Uint8Array(FIXED_DISK_BYTES);
  const view = new DataView(table.buffer);
  view.setUint16(0, cylinders, true);
  table[2] = heads;
  // No write precompensation; more than 8 heads.
  view.setUint16(5, 0xffff, true);
  table[8] = heads > 8 ? 8 : 0;
  view.setUint16(12, cylinders, true);
  table[14] = sectors;
  return table;
}

/** The tables of the first two hard disks in the extended data area, and the vectors that point at them. */
function diskTables({ ebda, hardDisks }: LowMemory): Placement[] {
  return hardDisks.slice(0, 2).flatMap((geometry, i) => {
    const address = ebda + FIXED_DISK_TABLES + i * FIXED_DISK_BYTES;
    const vector = new DataView(new ArrayBuffer(4));
    vector.setUint16(0, address - ebda, true);
    vector.setUint16(2, ebda >> 4, true);
    return [
      { address, data: diskTable(geometry) },
      { address: (FIXED_DISK_VECTORS[i] as number) * 4, data: new Uint8Array(vector.buffer) },
    ];
  });
}

/** BDA at 0x400 and EBDA, for a board with serial ports at the given addresses and an 80×25 VGA. */
export function firmwareData(serialPorts: readonly number[], low: LowMemory): Placement[] {
  const { ebda, floppies, hardDisks } = low;
  const bda = new Uint8Array(0x100);
  const view = new DataView(bda.buffer);
  serialPorts.forEach((port, i) => {
    view.setUint16(i * 2, port, true);
    bda[0x7c + i] = SERIAL_TIMEOUT;
  });
  view.setUint16(0x0e, ebda >> 4, true);
  // Equipment: floppies, FPU, pointing device, 80 columns in colour, number of serial ports.
  const diskettes = floppies > 0 ? 1 | ((Math.min(floppies, 4) - 1) << 6) : 0;
  view.setUint16(0x10, 0x0026 | diskettes | (serialPorts.length << 9), true);
  view.setUint16(0x13, ebda >> 10, true);
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
  bda[0x75] = hardDisks.length;
  bda[0x84] = 24;
  bda[0x96] = ENHANCED_KEYBOARD;
  view.setUint16(0x85, 16, true);
  // EBDA: its size in KiB.
  return [
    { address: 0x400, data: bda },
    { address: ebda, data: Uint8Array.of(1) },
    ...diskTables(low),
  ];
}
