// What a BIOS does after the reset that ends ACPI's S3: nothing but its own devices, then the waking vector of the
// FACS, in real mode (ACPI 6.4, 5.2.10 and 16.3.1). Memory is the operating system's and stays as it is.

import type { CpuAccess } from "../cpu-access.ts";
import type { GuestRam } from "../guest-ram.ts";
import type { MemoryMap } from "../memory-map.ts";
import type { Board } from "../pc.ts";
import { enterRealMode } from "../real-mode.ts";
import { facsAddress } from "./acpi-tables.ts";
import { leaveAsFirmwareDoes } from "./post-firmware.ts";

/** Offset of Firmware_Waking_Vector in the FACS. */
const WAKING_VECTOR = 12;
/** The vector has to be in the first MiB. */
const VECTOR_END = 0x10_0000;

/** The waking vector that the operating system has left, 0 for none. */
export function wakingVector(ram: GuestRam, map: MemoryMap): number {
  const field = ram.read(facsAddress(map) + WAKING_VECTOR, 4);
  const vector = new DataView(field.buffer, field.byteOffset).getUint32(0, true);
  return vector < VECTOR_END ? vector : 0;
}

/** Starts the boot CPU, freshly reset as all CPUs and devices are, at the waking vector. */
export function wakeAt(
  vector: number,
  board: Board,
  cpus: readonly CpuAccess[],
  lowBytes: number,
): void {
  leaveAsFirmwareDoes(board, cpus, lowBytes);
  board.pm.wake();
  enterRealMode(cpus[0] as CpuAccess, vector >> 4, vector & 15);
}
