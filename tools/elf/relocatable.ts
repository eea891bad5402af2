// Relocatable object files on disk: ELF64 ET_REL for x86-64 with RELA relocations, System V ABI (gABI), "Sections",
// "Symbol Table", "Relocation", and the AMD64 psABI, 4.4. What is written, other linkers take; what is read is an object
// for ours. A section with an address of its own keeps it in its header, which linkers but ours do not look at.

import {
  DATA_LITTLE_ENDIAN,
  ELF_MAGIC,
  ElfClass,
  EV_CURRENT,
  FileType,
  Machine,
  RecordSize,
  SectionFlag,
  SectionType,
  SHN_ABS,
  SymbolBinding,
  SymbolType,
} from "./constants.ts";
import type { OpenDebugField } from "./dwarf/bytes.ts";
import { collectDebug } from "./dwarf/collect.ts";
import { ehFrame } from "./dwarf/frame.ts";
import { debugSections } from "./dwarf/index.ts";
import {
  NO_ADDRESS,
  type ObjectFile,
  type ObjectSection,
  type ObjectSymbol,
  type Relocation,
  type RelocationKind,
} from "./object.ts";
import { ElfError, readElf } from "./read.ts";

/** Relocation types of the psABI, table 4.9. */
const TYPES: Record<RelocationKind, number> = {
  abs64: 1,
  pc32: 2,
  abs32: 10,
  abs32s: 11,
  abs16: 12,
  pc16: 13,
  abs8: 14,
  pc8: 15,
};
const KINDS = new Map(Object.entries(TYPES).map(([kind, type]) => [type, kind as RelocationKind]));
const SECTION_LINK_INFO = 0x40;
const RELA_SIZE = 24;
const RELA = 4;
/** R_X86_64_PLT32: in a static program the function itself. */
const PLT32 = 4;

const { header: HEADER, section: SECTION, symbol: SYMBOL } = RecordSize[64];

/** A relocation on its way into the file: its symbol is a section or one by name. */
interface OutRelocation {
  offset: number;
  type: number;
  symbol: { section: number } | { name: string; local: boolean };
  addend: number;
}

interface OutSection {
  name: string;
  type: number;
  flags: number;
  align: number;
  data: Uint8Array;
  size: number;
  address: bigint;
  link: number;
  info: number;
  entrySize: number;
  relocations: OutRelocation[];
}

/** An ELF string table. */
class Strings {
  #text = "\0";
  readonly #at = new Map<string, number>([["", 0]]);

  add(text: string): number {
    const known = this.#at.get(text);
    if (known !== undefined) return known;
    const at = new TextEncoder().encode(this.#text).length;
    this.#text += `${text}\0`;
    this.#at.set(text, at);
    return at;
  }

  bytes(): Uint8Array {
    return new TextEncoder().encode(this.#text);
  }
}

function outSection(name: string, data: Uint8Array, more: Partial<OutSection> = {}): OutSection {
  return {
    name,
    type: SectionType.Progbits,
    flags: 0,
    align: 1,
    data,
    size: data.length,
    address: 0n,
    link: 0,
    info: 0,
    entrySize: 0,
    relocations: [],
    ...more,
  };
}

function programSection(section: ObjectSection): OutSection {
  const { name, data, memSize, align, address = 0n } = section;
  const flags =
    SectionFlag.Alloc |
    (section.writable ? SectionFlag.Write : 0) |
    (section.executable ? SectionFlag.Execute : 0);
  if (data.length === 0 && memSize > 0)
    return outSection(name, data, {
      type: SectionType.Nobits,
      flags,
      align,
      size: memSize,
      address,
    });
  // A tail of zeros has to be written where there is something in front of it.
  const content = new Uint8Array(memSize);
  content.set(data);
  return outSection(name, content, { flags, align, address });
}

function ownRelocations(object: ObjectFile): OutRelocation[][] {
  const out: OutRelocation[][] = object.sections.map(() => []);
  const locals = new Set(object.symbols.filter((s) => !s.global).map((s) => s.name));
  for (const { section, offset, kind, symbol, scope, addend } of object.relocations) {
    const sectionOfName = object.sections.findIndex(({ name }) => name === symbol);
    let target: OutRelocation["symbol"];
    if (typeof scope === "number") target = { section: scope };
    else if (scope === undefined && sectionOfName >= 0) target = { section: sectionOfName };
    else target = { name: symbol, local: scope === undefined && locals.has(symbol) };
    out[section]?.push({ offset, type: TYPES[kind], symbol: target, addend });
  }
  for (const table of object.addressTables ?? []) {
    table.addends.forEach((addend, i) => {
      if (addend === NO_ADDRESS) return;
      const offset = table.offset + i * table.stride;
      const symbol = { section: table.target };
      out[table.section]?.push({ offset, type: TYPES.abs64, symbol, addend });
    });
  }
  return out;
}

/** The debug sections, and `.eh_frame` for those who unwind at run time. */
function debugInformation(object: ObjectFile, code: number): OutSection[] {
  const first = object.sections.length;
  const parts = [{ object, index: code, address: 0n }];
  const { units, frames } = collectDebug([object], parts, true);
  const sections = debugSections(units, frames, 8);
  const out = sections.map(({ name, data }) => outSection(name, data));
  const relocate = (fields: readonly OpenDebugField[]): OutRelocation[] =>
    fields.map(({ offset, size, target, relative, value }) => ({
      offset,
      type: relative ? TYPES.pc32 : size === 8 ? TYPES.abs64 : TYPES.abs32,
      symbol: {
        section:
          target === undefined ? code : first + sections.findIndex(({ name }) => name === target),
      },
      addend: Number(value),
    }));
  for (const [i, { open }] of sections.entries())
    (out[i] as OutSection).relocations = relocate(open);
  const eh = ehFrame(frames);
  if (eh.length > 0) {
    const relocations = relocate(eh.open);
    out.push(
      outSection(".eh_frame", eh.data(), { flags: SectionFlag.Alloc, align: 8, relocations }),
    );
  }
  return out;
}

/** The bytes of an object file (`.o`). Debug information is that of the object's first executable section. */
export function writeRelocatable(object: ObjectFile): Uint8Array {
  const sections = object.sections.map(programSection);
  for (const [i, relocations] of ownRelocations(object).entries())
    (sections[i] as OutSection).relocations = relocations;
  const code = object.sections.findIndex((section) => section.executable);
  if (code >= 0) sections.push(...debugInformation(object, code));
  // Nothing in the object asks for a stack that is executable.
  sections.push(outSection(".note.GNU-stack", new Uint8Array(0)));

  const strings = new Strings();
  const symbols: Uint8Array[] = [new Uint8Array(SYMBOL)];
  const sectionSymbols = sections.map((_, i) => {
    symbols.push(symbolRecord(0, (SymbolBinding.Local << 4) | SymbolType.Section, i + 1, 0n, 0));
    return symbols.length - 1;
  });
  const localNumbers = new Map<string, number>();
  const globalNumbers = new Map<string, number>();
  const kinds = { func: SymbolType.Function, object: SymbolType.Object, none: SymbolType.None };
  const add = (symbol: ObjectSymbol, numbers: Map<string, number>): void => {
    const binding = symbol.global ? SymbolBinding.Global : SymbolBinding.Local;
    const home = symbol.section < 0 ? SHN_ABS : symbol.section + 1;
    const info = (binding << 4) | kinds[symbol.kind];
    symbols.push(symbolRecord(strings.add(symbol.name), info, home, symbol.value, symbol.size));
    if (!numbers.has(symbol.name)) numbers.set(symbol.name, symbols.length - 1);
  };
  for (const symbol of object.symbols) if (!symbol.global) add(symbol, localNumbers);
  const firstGlobal = symbols.length;
  for (const symbol of object.symbols) if (symbol.global) add(symbol, globalNumbers);
  const numberOf = (target: OutRelocation["symbol"]): number => {
    if ("section" in target) return sectionSymbols[target.section] as number;
    const local = target.local ? localNumbers.get(target.name) : undefined;
    const known = local ?? globalNumbers.get(target.name);
    if (known !== undefined) return known;
    symbols.push(symbolRecord(strings.add(target.name), SymbolBinding.Global << 4, 0, 0n, 0));
    globalNumbers.set(target.name, symbols.length - 1);
    return symbols.length - 1;
  };
  const withRelocations = sections.flatMap((section, i) =>
    section.relocations.length > 0 ? [{ section, number: i + 1 }] : [],
  );
  const symtab = sections.length + withRelocations.length + 1;
  const tables = withRelocations.map(({ section, number }) =>
    outSection(`.rela${section.name}`, relaTable(section.relocations, numberOf), {
      type: RELA,
      flags: SECTION_LINK_INFO,
      align: 8,
      link: symtab,
      info: number,
      entrySize: RELA_SIZE,
    }),
  );
  const all = [
    ...sections,
    ...tables,
    outSection(".symtab", joined(symbols), {
      type: SectionType.Symtab,
      align: 8,
      link: symtab + 1,
      info: firstGlobal,
      entrySize: SYMBOL,
    }),
    outSection(".strtab", strings.bytes(), { type: SectionType.Strtab }),
  ];
  return file(all);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function symbolRecord(
  name: number,
  info: number,
  section: number,
  value: bigint,
  size: number,
): Uint8Array {
  const bytes = new Uint8Array(SYMBOL);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, name, true);
  view.setUint8(4, info);
  view.setUint16(6, section, true);
  view.setBigUint64(8, BigInt.asUintN(64, value), true);
  view.setBigUint64(16, BigInt(size), true);
  return bytes;
}

function relaTable(
  relocations: readonly OutRelocation[],
  numberOf: (target: OutRelocation["symbol"]) => number,
): Uint8Array {
  const bytes = new Uint8Array(relocations.length * RELA_SIZE);
  const view = new DataView(bytes.buffer);
  relocations.forEach(({ offset, type, symbol, addend }, i) => {
    const at = i * RELA_SIZE;
    view.setBigUint64(at, BigInt(offset), true);
    view.setUint32(at + 8, type, true);
    view.setUint32(at + 12, numberOf(symbol), true);
    view.setBigInt64(at + 16, BigInt(addend), true);
  });
  return bytes;
}

/** Header, sections' contents, section header table. */
function file(sections: readonly OutSection[]): Uint8Array {
  const names = new Strings();
  for (const { name } of sections) names.add(name);
  names.add(".shstrtab");
  const all = [...sections, outSection(".shstrtab", names.bytes(), { type: SectionType.Strtab })];
  let end = HEADER;
  const offsets = all.map(({ align, data }) => {
    const offset = Math.ceil(end / align) * align;
    end = offset + data.length;
    return offset;
  });
  const table = Math.ceil(end / 8) * 8;
  const bytes = new Uint8Array(table + (all.length + 1) * SECTION);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ELF_MAGIC, true);
  bytes.set([ElfClass.Class64, DATA_LITTLE_ENDIAN, EV_CURRENT], 4);
  view.setUint16(16, FileType.Rel, true);
  view.setUint16(18, Machine.X86_64, true);
  view.setUint32(20, EV_CURRENT, true);
  view.setBigUint64(40, BigInt(table), true);
  view.setUint16(52, HEADER, true);
  view.setUint16(58, SECTION, true);
  view.setUint16(60, all.length + 1, true);
  view.setUint16(62, all.length, true);
  all.forEach((section, i) => {
    const at = table + (i + 1) * SECTION;
    bytes.set(section.data, offsets[i] as number);
    view.setUint32(at, names.add(section.name), true);
    view.setUint32(at + 4, section.type, true);
    view.setBigUint64(at + 8, BigInt(section.flags), true);
    view.setBigUint64(at + 16, section.address, true);
    view.setBigUint64(at + 24, BigInt(offsets[i] as number), true);
    view.setBigUint64(at + 32, BigInt(section.size), true);
    view.setUint32(at + 40, section.link, true);
    view.setUint32(at + 44, section.info, true);
    view.setBigUint64(at + 48, BigInt(section.align), true);
    view.setBigUint64(at + 56, BigInt(section.entrySize), true);
  });
  return bytes;
}

/** The object in an object file's bytes, called `name`. Throws `ElfError` where the linker cannot take it. */
export function readRelocatable(bytes: Uint8Array, name: string): ObjectFile {
  const elf = readElf(bytes, name);
  const fail = (what: string): never => {
    throw new ElfError(`${name}: ${what}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (elf.class !== 64 || elf.type !== FileType.Rel || elf.machine !== Machine.X86_64)
    fail("not a relocatable object for x86-64");
  const table = Number(view.getBigUint64(40, true));
  const headers = Array.from({ length: view.getUint16(60, true) }, (_, i) => {
    const at = table + i * SECTION;
    if (at + SECTION > bytes.length) fail("the section headers reach beyond the file");
    const long = (offset: number): number => Number(view.getBigUint64(at + offset, true));
    const field = (offset: number): number => view.getUint32(at + offset, true);
    const type = field(4);
    const [offset, size] = [long(24), long(32)];
    if (type !== SectionType.Nobits && offset + size > bytes.length)
      fail(`section ${i} reaches beyond the file`);
    return {
      name: field(0),
      type,
      flags: long(8),
      address: view.getBigUint64(at + 16, true),
      offset,
      size,
      link: field(40),
      info: field(44),
      align: long(48),
    };
  });
  const text = (section: number, offset: number): string => {
    const strings = headers[section] ?? fail(`there is no section ${section}`);
    const start = strings.offset + offset;
    const end = bytes.indexOf(0, start);
    if (offset >= strings.size || end < 0) fail(`section ${section} has no name at ${offset}`);
    return new TextDecoder().decode(bytes.subarray(start, end));
  };
  const nameTable = view.getUint16(62, true);
  const sections: ObjectSection[] = [];
  const indexOf = new Map<number, number>();
  headers.forEach((header, i) => {
    const program = header.type === SectionType.Progbits || header.type === SectionType.Nobits;
    if (!program || header.size === 0) return;
    const title = text(nameTable, header.name);
    if (!(header.flags & SectionFlag.Alloc) && !title.startsWith(".debug_")) return;
    // Our linker makes no use of it: .debug_frame says the same.
    if (title === ".eh_frame") return;
    const empty = header.type === SectionType.Nobits;
    indexOf.set(i, sections.length);
    sections.push({
      name: title,
      writable: (header.flags & SectionFlag.Write) !== 0,
      executable: (header.flags & SectionFlag.Execute) !== 0,
      align: Math.max(1, header.align),
      data: empty ? new Uint8Array(0) : bytes.slice(header.offset, header.offset + header.size),
      memSize: header.size,
      ...(header.address === 0n ? {} : { address: header.address }),
    });
  });
  const symtab = headers.find((header) => header.type === SectionType.Symtab);
  const symbols: ObjectSymbol[] = [];
  const targets: { section: number; value: number; name: string; type: number; global: boolean }[] =
    [];
  for (let at = 0; symtab && at + SYMBOL <= symtab.size; at += SYMBOL) {
    const start = symtab.offset + at;
    const info = view.getUint8(start + 4);
    const home = view.getUint16(start + 6, true);
    const value = view.getBigUint64(start + 8, true);
    const title = text(symtab.link, view.getUint32(start, true));
    const type = info & 15;
    const global = info >> 4 !== SymbolBinding.Local;
    targets.push({ section: home, value: Number(value), name: title, type, global });
    const section = home === SHN_ABS ? -1 : indexOf.get(home);
    if (home === 0 || section === undefined || title === "" || type > SymbolType.Function) continue;
    const kind =
      type === SymbolType.Function ? "func" : type === SymbolType.Object ? "object" : "none";
    const size = Number(view.getBigUint64(start + 16, true));
    symbols.push({ name: title, section, value, size, kind, global });
  }
  const relocations: Relocation[] = [];
  for (const header of headers) {
    const section = indexOf.get(header.info);
    if (header.type !== RELA || section === undefined) continue;
    for (let at = header.offset; at + RELA_SIZE <= header.offset + header.size; at += RELA_SIZE) {
      const type = view.getUint32(at + 8, true);
      const kind = type === PLT32 ? "pc32" : KINDS.get(type);
      const target = targets[view.getUint32(at + 12, true)];
      if (!kind || !target) return fail(`relocation type ${type} is not supported`);
      const offset = Number(view.getBigUint64(at, true));
      const own = indexOf.get(target.section);
      const addend = Number(view.getBigInt64(at + 16, true));
      if (own !== undefined && !target.global)
        relocations.push({
          section,
          offset,
          kind,
          symbol: target.name,
          scope: own,
          addend: addend + target.value,
        });
      else
        relocations.push({ section, offset, kind, symbol: target.name, scope: "global", addend });
    }
  }
  return { name, sections, symbols, relocations };
}
