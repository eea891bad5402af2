// The physical address map of the boards, and the map of memory that firmware reports
// (INT 15h E820 types, ACPI 6.4 table 15.2). Numbers agree with QEMU's boards for the same `-m`. RAM is
// one piece from 0, and where that would reach into the devices' addresses, a part of it and the rest from 4 GiB on.

import { type Chipset, hasWindow, Q35, WINDOW_BYTES } from "../devices/chipset.ts";

/** A range as E820 reports it: type 1 is usable RAM, 2 reserved. */
export interface MemoryRange {
  start: number;
  /** Bytes. */
  length: number;
  type: 1 | 2;
}

const PAGE = 4096;
export const MIB = 1 << 20;
export const GIB = 2 ** 30;
/** RAM sizes the machine accepts, bytes. */
export const MIN_RAM = 2 * MIB;
export const MAX_RAM = 64 * GIB;
export const FOUR_GIB = 4 * GIB;

export const LAPIC_BASE = 0xfee00000;
const BIOS_BASE = 0xfffc0000;

/** End of conventional memory: the extended BIOS data area is behind it. */
export const EBDA_BASE = 0x9fc00;
const EBDA_BYTES = 0x400;
/** From here to 1 MiB the host bridge decides what is RAM. */
export const SHADOW_START = 0xc0000;
/** The BIOS segment, read-only for guests; firmware tables live in it. */
export const BIOS_SEGMENT = 0xf0000;

/** RAM that firmware keeps, at the top unless a kernel is there: ACPI tables, and one page of its own below. */
const TABLES_BYTES = 0x20000;
const FIRMWARE_BYTES = 0x21000;

export interface RamSizes {
  /** RAM from 0 on, bytes. */
  lowBytes: number;
  /** RAM from 4 GiB on, bytes. */
  highBytes: number;
}

/** The pieces of RAM: where each begins, and its bytes. */
export const ramPieces = ({ lowBytes, highBytes }: RamSizes): [start: number, length: number][] =>
  highBytes > 0
    ? [
        [0, lowBytes],
        [FOUR_GIB, highBytes],
      ]
    : [[0, lowBytes]];

export interface MemoryMap extends RamSizes {
  /** Start of the 256 MiB configuration window, -1 where there is none. */
  ecam: number;
  /** Where ACPI tables are placed; they have 128 KiB. */
  tables: number;
  ranges: MemoryRange[];
}

/** Physical addresses that something takes, bytes. */
interface Taken {
  address: number;
  size: number;
}

/** The highest address above 1 MiB where firmware's RAM is nobody else's; the top of RAM below 4 GiB if there is none. */
function firmwareBase(lowBytes: number, taken: readonly Taken[]): number {
  const top = lowBytes - FIRMWARE_BYTES;
  for (let base = top; base > MIB; ) {
    const there = taken.find(
      (t) => t.size > 0 && t.address < base + FIRMWARE_BYTES && t.address + t.size > base,
    );
    if (there === undefined) return base;
    base = Math.floor((there.address - FIRMWARE_BYTES) / PAGE) * PAGE;
  }
  return top;
}

/**
 * The map for `ramBytes` of RAM (a multiple of 4 KiB, MIN_RAM … MAX_RAM). Firmware keeps out of what a kernel that is
 * loaded without it has `taken`, if it finds room. `conventional` is where memory below 640 KiB ends for others, bytes.
 */
export function memoryMap(
  ramBytes: number,
  taken: readonly Taken[] = [],
  conventional = EBDA_BASE,
  chipset: Chipset = Q35,
): MemoryMap {
  const { limit, kept } = chipset.lowRam;
  const lowBytes = ramBytes < limit ? ramBytes : kept;
  const highBytes = ramBytes - lowBytes;
  const base = firmwareBase(lowBytes, taken);
  const behind = base + FIRMWARE_BYTES;
  const usable = (start: number, end: number): MemoryRange[] =>
    end > start ? [{ start, length: end - start, type: 1 }] : [];
  const reserved = (start: number, length: number): MemoryRange => ({ start, length, type: 2 });
  return {
    lowBytes,
    highBytes,
    ecam: chipset.window,
    tables: behind - TABLES_BYTES,
    ranges: [
      ...usable(0, conventional),
      reserved(conventional, EBDA_BASE + EBDA_BYTES - conventional),
      reserved(BIOS_SEGMENT, 0x10000),
      ...usable(MIB, base),
      reserved(base, FIRMWARE_BYTES),
      ...usable(behind, lowBytes),
      ...(hasWindow(chipset) ? [reserved(chipset.window, WINDOW_BYTES)] : []),
      ...chipset.reserved.map(([start, length]) => reserved(start, length)),
      reserved(BIOS_BASE, 0x40000),
      ...usable(FOUR_GIB, FOUR_GIB + highBytes),
      // The AMD HyperTransport hole below 1 TiB, which QEMU reserves whatever the CPU.
      reserved(0xfd_0000_0000, 0x3_0000_0000),
    ],
  };
}
