// Sections of an ELF kernel for the boot information: the headers, and the contents of sections that no segment has
// (symbols, names, debug information), whose headers then say where they are. As GRUB does it, for kernels that read
// their own symbols.

import { isInFile, isWide, sectionBytes, sectionCount, sectionNames, sectionOffset } from "./elf";
import { allocateNear } from "./placement";
import { copy_physical } from "./stub";
import { load32, load64, store32, store64 } from "./x86";

const SHT_NOBITS: u64 = 8;
const MOST_ALIGNMENT: u64 = 4096;

/** Headers as the kernel gets them: physical address, number, bytes of one, index of the one with their names. */
export let headersAt: u64 = 0;
export let headerCount: u32 = 0;
export let headerBytes: u32 = 0;
export let headerNames: u32 = 0;

/** A field of a section header, by its offsets in files of both classes. */
function field(header: u64, offset32: u64, offset64: u64): u64 {
  return isWide() ? load64(header + offset64) : load32(header + offset32);
}

/** Bytes of a section that no segment has, 0 where one has it, or the file does not. */
function bytesOutside(header: u64, fileSize: u64): u64 {
  const bytes = field(header, 20, 32);
  if (field(header, 12, 16) !== 0 || load32(header + 4) === SHT_NOBITS) return 0;
  return isInFile(field(header, 16, 24), bytes, fileSize) ? bytes : 0;
}

/** Where in the room for contents a section begins that comes at `offset` or behind. */
function aligned(header: u64, offset: u64): u64 {
  const wish = field(header, 32, 48);
  const power = wish > 1 && (wish & (wish - 1)) === 0 && wish <= MOST_ALIGNMENT;
  const alignment = power ? wish : 8;
  return (offset + alignment - 1) & ~(alignment - 1);
}

/** No sections: of kernels that are no ELF files. */
export function noSections(): void {
  headerCount = 0;
}

/** Places the sections of the ELF file at `at`, which elf.ts has read; false where there is no memory. */
export function placeSections(at: u64, fileSize: u64): bool {
  headerCount = sectionCount;
  headerBytes = sectionBytes;
  headerNames = sectionNames;
  if (headerCount === 0) return true;
  const table = <u64>headerCount * headerBytes;
  const headers = at + sectionOffset;
  let total = table;
  for (let i: u32 = 0; i < headerCount; i++) {
    const header = headers + <u64>i * headerBytes;
    const bytes = bytesOutside(header, fileSize);
    if (bytes > 0) total = aligned(header, total) + bytes;
  }
  headersAt = allocateNear(total);
  if (headersAt === 0) return false;
  copy_physical(headersAt, headers, table);
  let used = table;
  for (let i: u32 = 0; i < headerCount; i++) {
    const header = headersAt + <u64>i * headerBytes;
    const bytes = bytesOutside(header, fileSize);
    if (bytes === 0) continue;
    used = aligned(header, used);
    copy_physical(headersAt + used, at + field(header, 16, 24), bytes);
    if (isWide()) store64(header + 16, headersAt + used);
    else store32(header + 12, headersAt + used);
    used += bytes;
  }
  return true;
}
