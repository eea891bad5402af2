// Linking of a single compiled object, as the command line and the tests do it. Kernel and
// roottask have their own link steps, with their stubs.

import { type LinkSegment, linkElf, linkMovable, type ObjectFile } from "../elf/index.ts";
import { FIRST_SECTION, writePe } from "../pe/index.ts";

/** Segments of a static Linux executable. */
export const LINUX_SEGMENTS: LinkSegment[] = [
  { name: "text", flags: "rx", vaddr: 0x400000n, sections: [".text"] },
  { name: "rodata", flags: "r", sections: [".rodata", ".rodata.*"] },
  { name: "data", flags: "rw", sections: [".data", ".data.*", ".bss"] },
];

/** Static ELF64 executable for Linux from an object of target linux and the stubs it calls, if any. */
export function linkLinux(...objects: ObjectFile[]): Uint8Array {
  return linkElf({ objects, segments: LINUX_SEGMENTS, entry: "_start", class: 64 });
}

/** Segments of an EFI application; each becomes a section of the PE file. */
export const UEFI_SEGMENTS: LinkSegment[] = [
  { name: "text", flags: "rx", vaddr: FIRST_SECTION, sections: [".text", ".text.*"] },
  ...LINUX_SEGMENTS.slice(1),
];

/**
 * EFI application (PE32+) from an object of target uefi and the stubs it calls, if any. Throws `LinkError` and `PeError`.
 */
export function linkUefi(...objects: ObjectFile[]): Uint8Array {
  return writePe(linkMovable({ objects, segments: UEFI_SEGMENTS, entry: "_start" }));
}
