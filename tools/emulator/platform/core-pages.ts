// Tells the core which pages of the physical address space are RAM and which are read-only; every
// other page is a device's or nobody's.

import { type CoreExports, PageKind } from "../core/interface.ts";
import { VGA_WINDOW, VGA_WINDOW_BYTES } from "../devices/vga.ts";
import { BIOS_SEGMENT, MIB } from "./memory-map.ts";

const PAGE = 4096;

export function mapBoardMemory(core: CoreExports, ramBytes: number): void {
  const map = (start: number, end: number, kind: number): void =>
    core.map_pages(start / PAGE, (end - start) / PAGE, kind);
  map(0, VGA_WINDOW, PageKind.Ram);
  map(VGA_WINDOW, VGA_WINDOW + VGA_WINDOW_BYTES, PageKind.Mmio);
  map(VGA_WINDOW + VGA_WINDOW_BYTES, BIOS_SEGMENT, PageKind.Ram);
  map(BIOS_SEGMENT, MIB, PageKind.Rom);
  map(MIB, ramBytes, PageKind.Ram);
  // The reset vector is 16 bytes below 4 GiB: the BIOS segment shows there as well.
  const top = 0x1_0000_0000 - (MIB - BIOS_SEGMENT);
  core.map_backed(
    top / PAGE,
    (MIB - BIOS_SEGMENT) / PAGE,
    PageKind.Rom,
    core.ram_base() + BIOS_SEGMENT,
  );
}
