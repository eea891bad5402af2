// Writes a linked program as a UEFI application: PE32+ for x64 with one section for each segment and the base
// relocations behind them. Source: PE Format (Microsoft); UEFI 2.10, 2.1.1 (UEFI images). Leaves out symbols, debug
// information and signatures. There is no timestamp: the same program is the same file.

import { type MovableImage, SegmentFlag } from "../elf/index.ts";
import { SIGNATURE_POINTER, updateChecksum } from "./checksum.ts";
import {
  BASE_RELOCATION_DIRECTORY,
  DIRECTORIES,
  DllFlag,
  DOS_MAGIC,
  FILE_ALIGNMENT,
  FileFlag,
  MACHINE_AMD64,
  PE_SIGNATURE,
  PE32_PLUS,
  SECTION_ALIGNMENT,
  SectionFlag,
  Size,
  SUBSYSTEM_EFI_APPLICATION,
} from "./constants.ts";
import { relocationTable } from "./relocations.ts";

/** What cannot be written as a PE file; the message is one line. */
export class PeError extends Error {
  override name = "PeError";
}

/** Address that the program is linked for: the default of PE32+. Firmware loads it anywhere. */
export const IMAGE_BASE = 0x1_4000_0000n;
/** Where the first segment starts: the headers take the page before it. */
export const FIRST_SECTION = IMAGE_BASE + BigInt(SECTION_ALIGNMENT);

interface Section {
  name: string;
  /** From the image base. */
  address: number;
  memSize: number;
  data: Uint8Array;
  flags: number;
}

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** PE section names by what a segment may be used for. */
function nameOf(flags: number): string {
  if (flags & SegmentFlag.Execute) return ".text";
  return flags & SegmentFlag.Write ? ".data" : ".rodata";
}

function flagsOf(flags: number): number {
  return (
    SectionFlag.Read |
    (flags & SegmentFlag.Execute
      ? SectionFlag.Execute | SectionFlag.Code
      : SectionFlag.InitializedData) |
    (flags & SegmentFlag.Write ? SectionFlag.Write : 0)
  );
}

/** Address from the image base; the whole program lies in the 2 GiB behind it. */
function relative(address: bigint, what: string): number {
  const distance = address - IMAGE_BASE;
  if (distance < BigInt(SECTION_ALIGNMENT) || distance >= 1n << 31n) {
    throw new PeError(`${what} at 0x${address.toString(16)} is not in the 2 GiB of a PE image`);
  }
  return Number(distance);
}

function sectionsOf({ image, addresses }: MovableImage): Section[] {
  const sections = image.segments
    .filter(({ memSize }) => memSize > 0)
    .map(({ vaddr, data, memSize, flags }): Section => {
      const name = nameOf(flags);
      const address = relative(vaddr, `section ${name}`);
      relative(vaddr + BigInt(memSize), `the end of section ${name}`);
      if (address % SECTION_ALIGNMENT !== 0) {
        throw new PeError(`section ${name} does not start at a page: 0x${vaddr.toString(16)}`);
      }
      return { name, address, memSize, data, flags: flagsOf(flags) };
    });
  sections.sort((a, b) => a.address - b.address);
  const last = sections.at(-1);
  if (!last) throw new PeError("the program is empty");
  const relocations = relocationTable(addresses.map((x) => relative(x, "an address")));
  if (relocations.length > 0) {
    sections.push({
      name: ".reloc",
      address: alignUp(last.address + last.memSize, SECTION_ALIGNMENT),
      memSize: relocations.length,
      data: relocations,
      flags: SectionFlag.Read | SectionFlag.InitializedData | SectionFlag.Discardable,
    });
  }
  return sections;
}

/** The bytes of the EFI application. Segments begin at pages from `FIRST_SECTION` on. Throws `PeError`. */
export function writePe(program: MovableImage): Uint8Array {
  const sections = sectionsOf(program);
  const headers =
    Size.dosHeader +
    Size.signature +
    Size.fileHeader +
    Size.optionalHeader +
    sections.length * Size.sectionHeader;
  const headerSize = alignUp(headers, FILE_ALIGNMENT);
  let end = headerSize;
  const places = sections.map(({ data }) => {
    const offset = end;
    end += alignUp(data.length, FILE_ALIGNMENT);
    return offset;
  });
  const file = new Uint8Array(end);
  const view = new DataView(file.buffer);
  view.setUint16(0, DOS_MAGIC, true);
  view.setUint32(SIGNATURE_POINTER, Size.dosHeader, true);
  view.setUint32(Size.dosHeader, PE_SIGNATURE, true);
  const fileHeader = Size.dosHeader + Size.signature;
  writeFileHeader(view, fileHeader, sections.length);
  const optionalHeader = fileHeader + Size.fileHeader;
  writeOptionalHeader(view, optionalHeader, {
    entry: relative(program.image.entry, "the entry point"),
    sections,
    headerSize,
  });
  sections.forEach((section, i) => {
    const at = optionalHeader + Size.optionalHeader + i * Size.sectionHeader;
    writeSectionHeader(view, at, section, places[i] as number);
    file.set(section.data, places[i] as number);
  });
  updateChecksum(file);
  return file;
}

function writeFileHeader(view: DataView, at: number, sections: number): void {
  view.setUint16(at, MACHINE_AMD64, true);
  view.setUint16(at + 2, sections, true);
  view.setUint16(at + 16, Size.optionalHeader, true);
  view.setUint16(at + 18, FileFlag.ExecutableImage | FileFlag.LargeAddressAware, true);
}

function writeOptionalHeader(
  view: DataView,
  at: number,
  program: { entry: number; sections: readonly Section[]; headerSize: number },
): void {
  const { entry, sections, headerSize } = program;
  const total = (flag: number): number =>
    sections
      .filter(({ flags }) => flags & flag)
      .reduce((sum, { data }) => sum + alignUp(data.length, FILE_ALIGNMENT), 0);
  const last = sections.at(-1) as Section;
  view.setUint16(at, PE32_PLUS, true);
  view.setUint32(at + 4, total(SectionFlag.Code), true);
  view.setUint32(at + 8, total(SectionFlag.InitializedData), true);
  view.setUint32(at + 16, entry, true);
  const code = sections.find(({ flags }) => flags & SectionFlag.Code);
  view.setUint32(at + 20, code?.address ?? 0, true);
  view.setBigUint64(at + 24, IMAGE_BASE, true);
  view.setUint32(at + 32, SECTION_ALIGNMENT, true);
  view.setUint32(at + 36, FILE_ALIGNMENT, true);
  view.setUint32(at + 56, alignUp(last.address + last.memSize, SECTION_ALIGNMENT), true);
  view.setUint32(at + 60, headerSize, true);
  view.setUint16(at + 68, SUBSYSTEM_EFI_APPLICATION, true);
  view.setUint16(at + 70, DllFlag.HighEntropyVa | DllFlag.DynamicBase | DllFlag.NxCompat, true);
  view.setUint32(at + 108, DIRECTORIES, true);
  const relocations = sections.find(({ name }) => name === ".reloc");
  const directory = at + 112 + BASE_RELOCATION_DIRECTORY * 8;
  view.setUint32(directory, relocations?.address ?? 0, true);
  view.setUint32(directory + 4, relocations?.memSize ?? 0, true);
}

function writeSectionHeader(view: DataView, at: number, section: Section, place: number): void {
  for (let i = 0; i < section.name.length; i++) view.setUint8(at + i, section.name.charCodeAt(i));
  view.setUint32(at + 8, section.memSize, true);
  view.setUint32(at + 12, section.address, true);
  view.setUint32(at + 16, alignUp(section.data.length, FILE_ALIGNMENT), true);
  view.setUint32(at + 20, section.data.length > 0 ? place : 0, true);
  view.setUint32(at + 36, section.flags, true);
}
