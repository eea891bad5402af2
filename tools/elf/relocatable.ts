// Relocatable object files on disk: ELF64 ET_REL for x86-64 with RELA relocations, System V ABI (gABI), "Sections",
// "Symbol Table", "Relocation", and the AMD64 psABI, 4.4. What is written, other linkers take; what is read is an object
// for ours. A section with an address of its own keeps it in its header, which linkers but ours do not look at.

import {
  FileType,
  Machine,
  RecordSize,
  SectionFlag,
  SectionType,
  SHN_ABS,
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
import {
  alignUp,
  concatenated,
  headerRecord,
  StringTable,
  type SymbolRow,
  sectionRecord,
  symbolRecord,
} from "./records.ts";

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

  const strings = new StringTable();
  const symbols: Uint8Array[] = [new Uint8Array(RecordSize[64].symbol)];
  const addSymbol = (row: SymbolRow): number => symbols.push(symbolRecord(64, row, strings)) - 1;
  const nameless = { name: "", value: 0n, size: 0, type: SymbolType.Section, global: false };
  const sectionSymbols = sections.map((_, i) => addSymbol({ ...nameless, home: i + 1 }));
  const localNumbers = new Map<string, number>();
  const globalNumbers = new Map<string, number>();
  const kinds = { func: SymbolType.Function, object: SymbolType.Object, none: SymbolType.None };
  const add = (symbol: ObjectSymbol, numbers: Map<string, number>): void => {
    const home = symbol.section < 0 ? SHN_ABS : symbol.section + 1;
    const number = addSymbol({ ...symbol, type: kinds[symbol.kind], home });
    if (!numbers.has(symbol.name)) numbers.set(symbol.name, number);
  };
  for (const symbol of object.symbols) if (!symbol.global) add(symbol, localNumbers);
  const firstGlobal = symbols.length;
  for (const symbol of object.symbols) if (symbol.global) add(symbol, globalNumbers);
  const numberOf = (target: OutRelocation["symbol"]): number => {
    if ("section" in target) return sectionSymbols[target.section] as number;
    const local = target.local ? localNumbers.get(target.name) : undefined;
    const known = local ?? globalNumbers.get(target.name);
    if (known !== undefined) return known;
    const undefinedHere = { value: 0n, size: 0, type: SymbolType.None, global: true, home: 0 };
    const number = addSymbol({ name: target.name, ...undefinedHere });
    globalNumbers.set(target.name, number);
    return number;
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
    outSection(".symtab", concatenated(symbols), {
      type: SectionType.Symtab,
      align: 8,
      link: symtab + 1,
      info: firstGlobal,
      entrySize: RecordSize[64].symbol,
    }),
    outSection(".strtab", strings.bytes(), { type: SectionType.Strtab }),
  ];
  return file(all);
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
  const names = new StringTable();
  for (const { name } of sections) names.add(name);
  names.add(".shstrtab");
  const all = [...sections, outSection(".shstrtab", names.bytes(), { type: SectionType.Strtab })];
  let end: number = RecordSize[64].header;
  const offsets = all.map(({ align, data }) => {
    const offset = alignUp(end, align);
    end = offset + data.length;
    return offset;
  });
  const table = alignUp(end, 8);
  const headers = concatenated([
    new Uint8Array(RecordSize[64].section),
    ...all.map((section, i) =>
      sectionRecord(64, { ...section, offset: offsets[i] as number }, names),
    ),
  ]);
  const bytes = new Uint8Array(table + headers.length);
  const header = headerRecord({
    class: 64,
    type: FileType.Rel,
    entry: 0n,
    segments: 0,
    sectionTable: table,
    sections: all.length + 1,
  });
  bytes.set(header);
  for (const [i, { data }] of all.entries()) bytes.set(data, offsets[i]);
  bytes.set(headers, table);
  return bytes;
}

/** The object in an object file's bytes, called `name`. Throws `ElfError` where the linker cannot take it. */
export function readRelocatable(bytes: Uint8Array, name: string): ObjectFile {
  const elf = readElf(bytes, name);
  const fail = (what: string): never => {
    throw new ElfError(`${name}: ${what}`);
  };
  if (elf.class !== 64 || elf.type !== FileType.Rel || elf.machine !== Machine.X86_64)
    fail("not a relocatable object for x86-64");
  const headers = elf.readSections();
  const sections: ObjectSection[] = [];
  const indexOf = new Map<number, number>();
  headers.forEach((header, i) => {
    const program = header.type === SectionType.Progbits || header.type === SectionType.Nobits;
    if (!program || header.size === 0n) return;
    const flags = Number(header.flags);
    if (!(flags & SectionFlag.Alloc) && !header.name.startsWith(".debug_")) return;
    // Our linker makes no use of it: .debug_frame says the same.
    if (header.name === ".eh_frame") return;
    indexOf.set(i, sections.length);
    sections.push({
      name: header.name,
      writable: (flags & SectionFlag.Write) !== 0,
      executable: (flags & SectionFlag.Execute) !== 0,
      align: Math.max(1, Number(header.align)),
      data: header.data.slice(),
      memSize: Number(header.size),
      ...(header.address === 0n ? {} : { address: header.address }),
    });
  });
  const symbols: ObjectSymbol[] = [];
  const targets = elf.readSymbols();
  for (const { name: title, value, size, type, binding, section: home } of targets) {
    const section = home === SHN_ABS ? -1 : indexOf.get(home);
    if (home === 0 || section === undefined || title === "" || type > SymbolType.Function) continue;
    const kind =
      type === SymbolType.Function ? "func" : type === SymbolType.Object ? "object" : "none";
    const global = binding !== "local";
    symbols.push({ name: title, section, value, size: Number(size), kind, global });
  }
  const relocations: Relocation[] = [];
  for (const header of headers) {
    const section = indexOf.get(header.info);
    if (header.type !== RELA || section === undefined) continue;
    const view = new DataView(header.data.buffer, header.data.byteOffset, header.data.length);
    for (let at = 0; at + RELA_SIZE <= view.byteLength; at += RELA_SIZE) {
      const type = view.getUint32(at + 8, true);
      const kind = type === PLT32 ? "pc32" : KINDS.get(type);
      // The symbol table's first entry, which is none, is left out.
      const target = targets[view.getUint32(at + 12, true) - 1];
      if (!kind) return fail(`relocation type ${type} is not supported`);
      if (!target) return fail(`a relocation at ${header.offset + at} names no symbol`);
      const offset = Number(view.getBigUint64(at, true));
      const own = indexOf.get(target.section);
      const addend = Number(view.getBigInt64(at + 16, true));
      if (own !== undefined && target.binding === "local")
        relocations.push({
          section,
          offset,
          kind,
          symbol: target.name,
          scope: own,
          addend: addend + Number(target.value),
        });
      else
        relocations.push({ section, offset, kind, symbol: target.name, scope: "global", addend });
    }
  }
  return { name, sections, symbols, relocations };
}
