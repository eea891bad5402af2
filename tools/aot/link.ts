// Linking of a single compiled object, as the command line and the tests do it. Kernel and
// roottask have their own link steps, with their stubs.

import { type LinkSegment, linkElf } from "../elf/index.ts";
import type { ObjectFile } from "../elf/object.ts";

/** Segments of a static Linux executable. */
export const LINUX_SEGMENTS: LinkSegment[] = [
  { name: "text", flags: "rx", vaddr: 0x400000n, sections: [".text"] },
  { name: "rodata", flags: "r", sections: [".rodata", ".rodata.*"] },
  { name: "data", flags: "rw", sections: [".data", ".data.*", ".bss"] },
];

/** Static ELF64 executable for Linux from an object of target linux. */
export function linkLinux(object: ObjectFile): Uint8Array {
  return linkElf({ objects: [object], segments: LINUX_SEGMENTS, entry: "_start", class: 64 });
}
