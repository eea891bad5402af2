// The records that ELF files are made of, as bytes: header, section headers, symbols, string tables. Source: System V
// ABI (gABI), "ELF header", "Sections", "String table", "Symbol table".

import {
  DATA_LITTLE_ENDIAN,
  ELF_MAGIC,
  ElfClass,
  EV_CURRENT,
  Machine,
  RecordSize,
  SymbolBinding,
} from "./constants.ts";

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

/** A string table under construction; equal strings share one entry. */
export class StringTable {
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
export class Record {
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

/** A section header. */
export interface SectionRow {
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

export function sectionRecord(elfClass: 32 | 64, row: SectionRow, names: StringTable): Uint8Array {
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

/** A symbol as it stands in a symbol table. */
export interface SymbolRow {
  name: string;
  value: bigint;
  size: number;
  /** `SymbolType` value. */
  type: number;
  global: boolean;
  /** Index of a section header, 0 for an undefined symbol, or a reserved index such as `SHN_ABS`. */
  home: number;
}

export function symbolRecord(elfClass: 32 | 64, symbol: SymbolRow, names: StringTable): Uint8Array {
  const binding = symbol.global ? SymbolBinding.Global : SymbolBinding.Local;
  const info = (binding << 4) | symbol.type;
  const record = new Record(RecordSize[elfClass].symbol, elfClass).u32(names.add(symbol.name));
  if (elfClass === 64) {
    return record.u8(info).u8(0).u16(symbol.home).word(symbol.value).word(symbol.size).bytes;
  }
  return record.word(symbol.value).word(symbol.size).u8(info).u8(0).u16(symbol.home).bytes;
}

/** What differs between the headers of files for this machine. */
export interface HeaderRow {
  class: 32 | 64;
  /** `FileType` value. */
  type: number;
  entry: bigint;
  /** Program headers, right behind the header. */
  segments: number;
  /** Offset of the section header table. */
  sectionTable: number;
  /** Section headers, the null section included; the last one is that of their names. */
  sections: number;
}

export function headerRecord(row: HeaderRow): Uint8Array {
  const sizes = RecordSize[row.class];
  const wide = row.class === 64;
  const record = new Record(sizes.header, row.class)
    .u32(ELF_MAGIC)
    .u8(wide ? ElfClass.Class64 : ElfClass.Class32)
    .u8(DATA_LITTLE_ENDIAN)
    .u8(EV_CURRENT);
  for (let i = 7; i < 16; i++) record.u8(0);
  return record
    .u16(row.type)
    .u16(wide ? Machine.X86_64 : Machine.I386)
    .u32(EV_CURRENT)
    .word(row.entry)
    .word(row.segments > 0 ? sizes.header : 0)
    .word(row.sectionTable)
    .u32(0)
    .u16(sizes.header)
    .u16(row.segments > 0 ? sizes.program : 0)
    .u16(row.segments)
    .u16(sizes.section)
    .u16(row.sections)
    .u16(row.sections - 1).bytes;
}
