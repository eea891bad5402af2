// Reads ELF files of class 32 and 64, little-endian: header, program headers, sections, symbols. Source:
// System V ABI (gABI) chapters 4 and 5. Every offset and count is checked against the file, which may be
// hostile; leaves out big-endian files, extended section numbering and dynamic linking.

import {
  DATA_LITTLE_ENDIAN,
  ELF_MAGIC,
  ElfClass,
  EV_CURRENT,
  RecordSize,
  SectionType,
  SegmentType,
  SymbolBinding,
} from "./constants.ts";

/** The file is not the ELF file that was asked for; the message names the file, the place and what was expected. */
export class ElfError extends Error {
  override name = "ElfError";
}

export interface ElfSegment {
  type: number;
  /** `SegmentFlag` bits. */
  flags: number;
  /** File offset of the content, bytes. */
  offset: number;
  vaddr: bigint;
  paddr: bigint;
  fileSize: number;
  /** Bytes in memory, at least `fileSize` for a loadable segment. */
  memSize: bigint;
  align: bigint;
  /** The content, a view of the file. */
  data: Uint8Array;
}

export interface ElfSection {
  name: string;
  type: number;
  /** `SectionFlag` bits. */
  flags: bigint;
  address: bigint;
  offset: number;
  size: bigint;
  link: number;
  info: number;
  align: bigint;
  entrySize: number;
  /** The content, a view of the file; empty for NOBITS. */
  data: Uint8Array;
}

export interface ElfSymbol {
  name: string;
  value: bigint;
  size: bigint;
  /** `SymbolType` value. */
  type: number;
  binding: "local" | "global" | "weak";
  /** Section header index, or a reserved index such as `SHN_ABS`. */
  section: number;
}

export interface ElfFile {
  class: 32 | 64;
  /** `FileType` value. */
  type: number;
  /** `Machine` value. */
  machine: number;
  entry: bigint;
  segments: ElfSegment[];
  /** Section headers in file order, the null section first. Throws `ElfError` where the table is broken. */
  readSections(): ElfSection[];
  /** Symbols of all `.symtab` sections, the null symbol left out; empty in a stripped file. Throws `ElfError`. */
  readSymbols(): ElfSymbol[];
}

/** Bounds-checked little-endian view that knows what it reads, for messages. */
class Reader {
  readonly bytes: Uint8Array;
  readonly file: string;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, file: string) {
    this.bytes = bytes;
    this.file = file;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(problem: string): never {
    throw new ElfError(`${this.file}: ${problem}`);
  }

  /** The range [offset, offset + size) as a view; fails unless it lies in the file. */
  slice(offset: bigint | number, size: bigint | number, what: string): Uint8Array {
    const start = BigInt(offset);
    const end = start + BigInt(size);
    if (end > BigInt(this.bytes.length)) {
      this.fail(
        `${what} is at offset 0x${start.toString(16)} with ${size} bytes, but the file ends at 0x${this.bytes.length.toString(16)} (truncated?)`,
      );
    }
    return this.bytes.subarray(Number(start), Number(end));
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  /** A field of 4 or 8 bytes by class. */
  word(offset: number, elfClass: 32 | 64): bigint {
    return elfClass === 64 ? this.u64(offset) : BigInt(this.u32(offset));
  }
}

/**
 * Parses the header and the program headers of `bytes`; sections and symbols are read when asked for, so
 * that a program with a broken section table still loads. `file` names the input in messages. Throws `ElfError`.
 */
export function readElf(bytes: Uint8Array, file = "ELF file"): ElfFile {
  const reader = new Reader(bytes, file);
  if (bytes.length < 20 || reader.u32(0) !== ELF_MAGIC) {
    reader.fail("not an ELF file: it does not start with 7f 45 4c 46");
  }
  const classByte = reader.u8(4);
  if (classByte !== ElfClass.Class32 && classByte !== ElfClass.Class64) {
    reader.fail(`ELF class ${classByte} at offset 4, expected 1 (32-bit) or 2 (64-bit)`);
  }
  const elfClass = classByte === ElfClass.Class64 ? 64 : 32;
  if (reader.u8(5) !== DATA_LITTLE_ENDIAN) {
    reader.fail(`ELF data encoding ${reader.u8(5)} at offset 5, expected 1 (little-endian)`);
  }
  if (reader.u8(6) !== EV_CURRENT) {
    reader.fail(`ELF version ${reader.u8(6)} at offset 6, expected 1`);
  }
  const sizes = RecordSize[elfClass];
  reader.slice(0, sizes.header, "the ELF header");
  const wide = elfClass === 64;
  const programOffset = reader.word(wide ? 32 : 28, elfClass);
  const sectionOffset = reader.word(wide ? 40 : 32, elfClass);
  const counts = wide ? 54 : 42;
  const programSize = reader.u16(counts);
  const programCount = reader.u16(counts + 2);
  const sectionSize = reader.u16(counts + 4);
  const sectionCount = reader.u16(counts + 6);
  const nameSection = reader.u16(counts + 8);

  const readSections = (): ElfSection[] => {
    if (sectionCount === 0) return [];
    if (sectionSize !== sizes.section) {
      reader.fail(`section header size ${sectionSize}, expected ${sizes.section}`);
    }
    reader.slice(sectionOffset, sectionSize * sectionCount, "the section header table");
    return parseSections(reader, elfClass, Number(sectionOffset), sectionCount, nameSection);
  };
  const segments: ElfSegment[] = [];
  if (programCount > 0) {
    if (programSize !== sizes.program) {
      reader.fail(`program header size ${programSize}, expected ${sizes.program}`);
    }
    reader.slice(programOffset, programSize * programCount, "the program header table");
    for (let i = 0; i < programCount; i++) {
      segments.push(parseSegment(reader, elfClass, Number(programOffset) + i * programSize, i));
    }
  }
  return {
    class: elfClass,
    type: reader.u16(16),
    machine: reader.u16(18),
    entry: reader.word(24, elfClass),
    segments,
    readSections,
    readSymbols: () => parseSymbols(reader, elfClass, readSections()),
  };
}

function parseSegment(reader: Reader, elfClass: 32 | 64, at: number, index: number): ElfSegment {
  const wide = elfClass === 64;
  const type = reader.u32(at);
  const offset = reader.word(at + (wide ? 8 : 4), elfClass);
  const vaddr = reader.word(at + (wide ? 16 : 8), elfClass);
  const paddr = reader.word(at + (wide ? 24 : 12), elfClass);
  const fileSize = reader.word(at + (wide ? 32 : 16), elfClass);
  const memSize = reader.word(at + (wide ? 40 : 20), elfClass);
  const flags = reader.u32(at + (wide ? 4 : 24));
  const align = reader.word(at + (wide ? 48 : 28), elfClass);
  const what = `program header ${index}`;
  // Segments of other types may describe what is not in the file.
  const checked = type === SegmentType.Load;
  if (checked && memSize < fileSize) {
    reader.fail(`${what}: memory size ${memSize} is below file size ${fileSize}`);
  }
  if (checked && vaddr + memSize > 1n << BigInt(elfClass)) {
    reader.fail(`${what}: address 0x${vaddr.toString(16)} plus ${memSize} bytes wraps around`);
  }
  const inFile = offset + fileSize <= BigInt(reader.bytes.length);
  const data =
    checked || inFile
      ? reader.slice(offset, fileSize, `${what}: the segment's content`)
      : new Uint8Array(0);
  return {
    type,
    flags,
    offset: Number(offset),
    vaddr,
    paddr,
    fileSize: data.length,
    memSize,
    align,
    data,
  };
}

function parseSections(
  reader: Reader,
  elfClass: 32 | 64,
  table: number,
  count: number,
  nameSection: number,
): ElfSection[] {
  const wide = elfClass === 64;
  const size = RecordSize[elfClass].section;
  const nameOffsets: number[] = [];
  const sections: ElfSection[] = [];
  for (let i = 0; i < count; i++) {
    const at = table + i * size;
    const type = reader.u32(at + 4);
    const offset = reader.word(at + (wide ? 24 : 16), elfClass);
    const bytes = reader.word(at + (wide ? 32 : 20), elfClass);
    const empty = type === SectionType.Nobits || type === SectionType.Null;
    nameOffsets.push(reader.u32(at));
    sections.push({
      name: "",
      type,
      flags: reader.word(at + 8, elfClass),
      address: reader.word(at + (wide ? 16 : 12), elfClass),
      offset: Number(offset),
      size: bytes,
      link: reader.u32(at + (wide ? 40 : 24)),
      info: reader.u32(at + (wide ? 44 : 28)),
      align: reader.word(at + (wide ? 48 : 32), elfClass),
      entrySize: Number(reader.word(at + (wide ? 56 : 36), elfClass)),
      data: empty ? new Uint8Array(0) : reader.slice(offset, bytes, `the content of section ${i}`),
    });
  }
  if (nameSection === 0) return sections;
  const names = sections[nameSection];
  if (!names)
    reader.fail(`section name table index ${nameSection}, but there are ${count} sections`);
  for (const [i, section] of sections.entries()) {
    section.name = stringAt(reader, names, nameOffsets[i] as number, `section ${i}`);
  }
  return sections;
}

/** Every byte of a name counts, those that look like a byte-order mark too. */
const NAMES = new TextDecoder("utf-8", { ignoreBOM: true });

function stringAt(reader: Reader, table: ElfSection, offset: number, owner: string): string {
  const end = table.data.indexOf(0, offset);
  if (offset >= table.data.length || end < 0) {
    reader.fail(
      `${owner}: name at offset ${offset} of a string table of ${table.data.length} bytes is not there or not ended by a zero`,
    );
  }
  return NAMES.decode(table.data.subarray(offset, end));
}

function parseSymbols(reader: Reader, elfClass: 32 | 64, sections: ElfSection[]): ElfSymbol[] {
  const wide = elfClass === 64;
  const size = RecordSize[elfClass].symbol;
  const symbols: ElfSymbol[] = [];
  for (const section of sections) {
    if (section.type !== SectionType.Symtab) continue;
    const names = sections[section.link];
    if (!names || names.type !== SectionType.Strtab) {
      reader.fail(
        `symbol table ${section.name}: linked section ${section.link} is no string table`,
      );
    }
    if (section.data.length % size !== 0) {
      reader.fail(
        `symbol table ${section.name}: ${section.data.length} bytes are no multiple of the symbol size ${size}`,
      );
    }
    for (let at = section.offset + size; at < section.offset + section.data.length; at += size) {
      const info = reader.u8(at + (wide ? 4 : 12));
      const binding = info >> 4;
      symbols.push({
        name: stringAt(reader, names, reader.u32(at), `symbol at offset 0x${at.toString(16)}`),
        value: reader.word(at + (wide ? 8 : 4), elfClass),
        size: reader.word(at + (wide ? 16 : 8), elfClass),
        type: info & 15,
        binding:
          binding === SymbolBinding.Local
            ? "local"
            : binding === SymbolBinding.Weak
              ? "weak"
              : "global",
        section: reader.u16(at + (wide ? 6 : 14)),
      });
    }
  }
  return symbols;
}
