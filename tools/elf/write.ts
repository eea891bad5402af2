// Serialises a laid out program as an ELF executable of class 32 or 64. Source: System V ABI (gABI),
// "ELF header", "Program header", "Sections", "Symbol table". Leaves out dynamic linking, notes, TLS
// and more than 0xff00 sections or segments.

import {
  DATA_LITTLE_ENDIAN,
  ELF_MAGIC,
  ElfClass,
  EV_CURRENT,
  FileType,
  Machine,
  PAGE_SIZE,
  RecordSize,
  SectionFlag,
  SectionType,
  SegmentType,
  SHN_ABS,
  SymbolBinding,
} from "./constants.ts";

/** An output section. Addresses are virtual; a section without `segment` is not loaded. */
export interface ImageSection {
  name: string;
  address: bigint;
  /** Content of a section that is not loaded; the bytes of a loaded one are its segment's. */
  data: Uint8Array;
  /** Size in the file, bytes. */
  fileSize: number;
  /** Size in memory, bytes; larger than in the file where the tail is zero. */
  memSize: number;
  align: number;
  writable: boolean;
  executable: boolean;
  /** Index into `Image.segments`, or -1 for a section that is not loaded (debug information). */
  segment: number;
}

/** A loadable segment. `data` is its file content from `vaddr` on. */
export interface ImageSegment {
  vaddr: bigint;
  paddr: bigint;
  data: Uint8Array;
  memSize: number;
  /** `SegmentFlag` bits. */
  flags: number;
}

export interface ImageSymbol {
  name: string;
  value: bigint;
  size: number;
  /** `SymbolType` value. */
  type: number;
  global: boolean;
  /** Index into `Image.sections`, or -1 for an absolute symbol. */
  section: number;
}

export interface Image {
  class: 32 | 64;
  entry: bigint;
  segments: ImageSegment[];
  sections: ImageSection[];
  symbols: ImageSymbol[];
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A string table under construction; equal strings share one entry. */
class StringTable {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  #size = 1;

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#size;
    const bytes = new TextEncoder().encode(`${text}\0`);
    this.#parts.push(bytes);
    this.#size += bytes.length;
    this.#offsets.set(text, offset);
    return offset;
  }

  bytes(): Uint8Array {
    return concatenated(this.#parts);
  }
}

/** Little-endian record writer; `word` is 4 or 8 bytes by class, addresses of class 32 keep their low half. */
class Record {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #wide: boolean;
  #at = 0;

  constructor(size: number, elfClass: 32 | 64) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
    this.#wide = elfClass === 64;
  }

  u8(value: number): this {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  word(value: bigint | number): this {
    if (this.#wide) {
      this.#view.setBigUint64(this.#at, BigInt.asUintN(64, BigInt(value)), true);
      this.#at += 8;
      return this;
    }
    return this.u32(Number(BigInt.asUintN(32, BigInt(value))));
  }
}

interface SectionRow {
  name: string;
  type: number;
  flags: number;
  address: bigint;
  offset: number;
  size: number;
  link: number;
  info: number;
  align: number;
  entrySize: number;
}

/** Returns the bytes of the executable. File offsets of segments equal their virtual address modulo 4096. */
export function writeImage(image: Image): Uint8Array {
  const sizes = RecordSize[image.class];
  const chunks: { offset: number; data: Uint8Array }[] = [];
  let end = sizes.header + sizes.program * image.segments.length;
  const place = (data: Uint8Array, offset: number): number => {
    chunks.push({ offset, data });
    end = Math.max(end, offset + data.length);
    return offset;
  };

  const segmentOffsets = image.segments.map((segment) => {
    const phase = Number(segment.vaddr & BigInt(PAGE_SIZE - 1));
    const offset = Math.ceil((end - phase) / PAGE_SIZE) * PAGE_SIZE + phase;
    return place(segment.data, offset);
  });

  const names = new StringTable();
  const rows: SectionRow[] = [];
  for (const section of image.sections) {
    const segment = image.segments[section.segment];
    const noBits = section.fileSize === 0 && section.memSize > 0;
    const offset = segment
      ? Math.min(
          (segmentOffsets[section.segment] as number) + Number(section.address - segment.vaddr),
          end,
        )
      : place(section.data, alignUp(end, section.align));
    rows.push({
      name: section.name,
      type: noBits ? SectionType.Nobits : SectionType.Progbits,
      flags:
        (segment ? SectionFlag.Alloc : 0) |
        (section.writable ? SectionFlag.Write : 0) |
        (section.executable ? SectionFlag.Execute : 0),
      address: segment ? section.address : 0n,
      offset,
      // A section with a zero tail is as long as the file has it: a reader must find its content.
      size: noBits ? section.memSize : section.fileSize,
      link: 0,
      info: 0,
      align: section.align,
      entrySize: 0,
    });
  }

  const symbolNames = new StringTable();
  const ordered = [
    ...image.symbols.filter((symbol) => !symbol.global),
    ...image.symbols.filter((symbol) => symbol.global),
  ];
  const locals = ordered.filter((symbol) => !symbol.global).length;
  const symtab = concatenated([
    new Uint8Array(sizes.symbol),
    ...ordered.map((symbol) => symbolRecord(image.class, symbol, symbolNames)),
  ]);
  const bare = { flags: 0, address: 0n, link: 0, info: 0, entrySize: 0, align: 1 };
  rows.push({
    ...bare,
    name: ".symtab",
    type: SectionType.Symtab,
    offset: place(symtab, alignUp(end, 8)),
    size: symtab.length,
    // The string table follows; header 0 is the null section.
    link: rows.length + 2,
    info: locals + 1,
    align: 8,
    entrySize: sizes.symbol,
  });
  const strtab = symbolNames.bytes();
  rows.push({
    ...bare,
    name: ".strtab",
    type: SectionType.Strtab,
    offset: place(strtab, end),
    size: strtab.length,
  });
  for (const row of rows) names.add(row.name);
  names.add(".shstrtab");
  const shstrtab = names.bytes();
  rows.push({
    ...bare,
    name: ".shstrtab",
    type: SectionType.Strtab,
    offset: place(shstrtab, end),
    size: shstrtab.length,
  });

  const table = concatenated([
    new Uint8Array(sizes.section),
    ...rows.map((row) => sectionRecord(image.class, row, names)),
  ]);
  const tableOffset = place(table, alignUp(end, 8));
  place(headerRecord(image, tableOffset, rows.length + 1), 0);
  for (const [index, segment] of image.segments.entries()) {
    place(
      programRecord(image.class, segment, segmentOffsets[index] as number),
      sizes.header + index * sizes.program,
    );
  }

  const file = new Uint8Array(end);
  for (const chunk of chunks) file.set(chunk.data, chunk.offset);
  return file;
}

function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

function headerRecord(image: Image, sectionTable: number, sectionCount: number): Uint8Array {
  const sizes = RecordSize[image.class];
  const wide = image.class === 64;
  const record = new Record(sizes.header, image.class)
    .u32(ELF_MAGIC)
    .u8(wide ? ElfClass.Class64 : ElfClass.Class32)
    .u8(DATA_LITTLE_ENDIAN)
    .u8(EV_CURRENT);
  for (let i = 7; i < 16; i++) record.u8(0);
  return record
    .u16(FileType.Exec)
    .u16(wide ? Machine.X86_64 : Machine.I386)
    .u32(EV_CURRENT)
    .word(image.entry)
    .word(sizes.header)
    .word(sectionTable)
    .u32(0)
    .u16(sizes.header)
    .u16(sizes.program)
    .u16(image.segments.length)
    .u16(sizes.section)
    .u16(sectionCount)
    .u16(sectionCount - 1).bytes;
}

function programRecord(elfClass: 32 | 64, segment: ImageSegment, offset: number): Uint8Array {
  const record = new Record(RecordSize[elfClass].program, elfClass).u32(SegmentType.Load);
  if (elfClass === 64) record.u32(segment.flags);
  record
    .word(offset)
    .word(segment.vaddr)
    .word(segment.paddr)
    .word(segment.data.length)
    .word(segment.memSize);
  if (elfClass === 32) record.u32(segment.flags);
  return record.word(PAGE_SIZE).bytes;
}

function sectionRecord(elfClass: 32 | 64, row: SectionRow, names: StringTable): Uint8Array {
  return new Record(RecordSize[elfClass].section, elfClass)
    .u32(names.add(row.name))
    .u32(row.type)
    .word(row.flags)
    .word(row.address)
    .word(row.offset)
    .word(row.size)
    .u32(row.link)
    .u32(row.info)
    .word(row.align)
    .word(row.entrySize).bytes;
}

function symbolRecord(elfClass: 32 | 64, symbol: ImageSymbol, names: StringTable): Uint8Array {
  const binding = symbol.global ? SymbolBinding.Global : SymbolBinding.Local;
  const info = (binding << 4) | symbol.type;
  const section = symbol.section < 0 ? SHN_ABS : symbol.section + 1;
  const record = new Record(RecordSize[elfClass].symbol, elfClass).u32(names.add(symbol.name));
  if (elfClass === 64) {
    return record.u8(info).u8(0).u16(section).word(symbol.value).word(symbol.size).bytes;
  }
  return record.word(symbol.value).word(symbol.size).u8(info).u8(0).u16(section).bytes;
}
