// Serialises a laid out program as an ELF executable of class 32 or 64. Source: System V ABI (gABI),
// "ELF header", "Program header", "Sections", "Symbol table". Leaves out dynamic linking, notes, TLS
// and more than 0xff00 sections or segments.

import {
  FileType,
  PAGE_SIZE,
  RecordSize,
  SectionFlag,
  SectionType,
  SegmentType,
  SHN_ABS,
} from "./constants.ts";
import {
  alignUp,
  concatenated,
  headerRecord,
  Record,
  type SectionRow,
  StringTable,
  sectionRecord,
  symbolRecord,
} from "./records.ts";

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
    ...ordered.map((symbol) => {
      const home = symbol.section < 0 ? SHN_ABS : symbol.section + 1;
      return symbolRecord(image.class, { ...symbol, home }, symbolNames);
    }),
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
  const header = headerRecord({
    class: image.class,
    type: FileType.Exec,
    entry: image.entry,
    segments: image.segments.length,
    sectionTable: tableOffset,
    sections: rows.length + 1,
  });
  place(header, 0);
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
