// The vDSO as vdso(7) has it: a shared object whose functions have version LINUX_2.6, in one segment that is read and
// executed where it lies. System V gABI, chapter 5, "Dynamic Section" and "Hash Table"; GNU hash table and symbol
// versions as the Linux Standard Base (Core, 10.7) has them. C libraries look for one of both hash tables.

import { compile } from "../../tools/aot/index.ts";
import { linkElf, type ObjectFile, readElf } from "../../tools/elf/index.ts";
import { systemCallStub } from "./asm.ts";
import { bytesObject } from "./image.ts";

const PAGE = 4096;
/** Code is linked behind the page with the tables, at the image's own address 0. */
const CODE = 0x1000;
const SONAME = "linux-vdso.so.1";
const VERSION = "LINUX_2.6";
const PREFIX = "__vdso_";

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PF_RX = 5;
const PF_R = 4;
const SHT = {
  progbits: 1,
  strtab: 3,
  hash: 5,
  dynamic: 6,
  dynsym: 11,
  gnuHash: 0x6ffffff6,
} as const;
const SHT_GNU_VERDEF = 0x6ffffffd;
const SHT_GNU_VERSYM = 0x6fffffff;
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
const DT = {
  ...{ null: 0, hash: 4, strtab: 5, symtab: 6, strsz: 10, syment: 11, soname: 14 },
  ...{ gnuHash: 0x6ffffef5, versym: 0x6ffffff0, verdef: 0x6ffffffc, verdefnum: 0x6ffffffd },
} as const;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
/** STB_GLOBAL, STT_FUNC. */
const GLOBAL_FUNCTION = 0x12;
const VER_FLG_BASE = 1;

/** The hash function of the gABI. */
export function elfHash(name: string): number {
  let hash = 0;
  for (const byte of Buffer.from(name)) {
    hash = (hash << 4) + byte;
    const top = hash & 0xf0000000;
    hash = (hash ^ (top >>> 24)) & ~top;
  }
  return hash >>> 0;
}

/** That of GNU hash tables. */
export function gnuHash(name: string): number {
  let hash = 5381;
  for (const byte of Buffer.from(name)) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}

/** A byte string of little-endian numbers. */
class Bytes {
  readonly #parts: Buffer[] = [];
  length = 0;

  add(part: Buffer): this {
    this.#parts.push(part);
    this.length += part.length;
    return this;
  }
  u8(value: number): this {
    return this.add(Buffer.from([value]));
  }
  u16(value: number): this {
    const part = Buffer.alloc(2);
    part.writeUInt16LE(value);
    return this.add(part);
  }
  u32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value >>> 0);
    return this.add(part);
  }
  u64(value: number): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    return this.add(part);
  }
  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

interface Exported {
  name: string;
  address: number;
  size: number;
}

interface Section {
  name: string;
  type: number;
  flags: number;
  align: number;
  entry: number;
  link?: string;
  info: number;
  data: Buffer;
}

/** Names one after the other, each with a NUL; the first is empty. */
class Strings {
  readonly #bytes = new Bytes().u8(0);

  add(text: string): number {
    const at = this.#bytes.length;
    this.#bytes.add(Buffer.from(`${text}\0`));
    return at;
  }
  bytes(): Buffer {
    return this.#bytes.bytes();
  }
}

/** One chain with all symbols: there are few. */
function hashTable(count: number): Buffer {
  const table = new Bytes().u32(1).u32(count + 1);
  table.u32(count === 0 ? 0 : 1).u32(0);
  for (let i = 1; i <= count; i++) table.u32(i === count ? 0 : i + 1);
  return table.bytes();
}

/** Likewise, with a Bloom filter that lets everything through. */
function gnuHashTable(names: readonly string[]): Buffer {
  const table = new Bytes().u32(1).u32(1).u32(1).u32(0);
  table.u32(0xffff_ffff).u32(0xffff_ffff).u32(1);
  names.forEach((name, i) => {
    const isLast = i === names.length - 1;
    table.u32((gnuHash(name) & ~1) | (isLast ? 1 : 0));
  });
  return table.bytes();
}

/** The image: tables in the first page, `code` behind it. */
function layOut(functions: readonly Exported[], code: Uint8Array): Uint8Array {
  const strings = new Strings();
  const soname = strings.add(SONAME);
  const version = strings.add(VERSION);
  const names = functions.map(({ name }) => strings.add(name));
  const symbols = new Bytes().add(Buffer.alloc(SYMBOL_BYTES));
  const versions = new Bytes().u16(0);
  functions.forEach(({ address, size }, i) => {
    symbols
      .u32(names[i] as number)
      .u8(GLOBAL_FUNCTION)
      .u8(0)
      .u16(CODE_SECTION);
    symbols.u64(address).u64(size);
    versions.u16(2);
  });
  const definition = (index: number, flags: number, name: string, at: number, next: number) =>
    new Bytes()
      .u16(1)
      .u16(flags)
      .u16(index)
      .u16(1)
      .u32(elfHash(name))
      .u32(20)
      .u32(next)
      .u32(at)
      .u32(0)
      .bytes();
  const definitions = Buffer.concat([
    definition(1, VER_FLG_BASE, SONAME, soname, 28),
    definition(2, 0, VERSION, version, 0),
  ]);

  const table = (
    name: string,
    type: number,
    data: Buffer,
    more: Partial<Section> = {},
  ): Section => ({ name, type, flags: SHF_ALLOC, align: 8, entry: 0, info: 0, data, ...more });
  const stringTable = strings.bytes();
  const sections: Section[] = [
    table(".hash", SHT.hash, hashTable(functions.length), { link: ".dynsym", entry: 4 }),
    table(".gnu.hash", SHT.gnuHash, gnuHashTable(functions.map(({ name }) => name)), {
      link: ".dynsym",
    }),
    table(".dynsym", SHT.dynsym, symbols.bytes(), {
      link: ".dynstr",
      entry: SYMBOL_BYTES,
      info: 1,
    }),
    table(".dynstr", SHT.strtab, stringTable, { align: 1 }),
    table(".gnu.version", SHT_GNU_VERSYM, versions.bytes(), { link: ".dynsym", entry: 2 }),
    table(".gnu.version_d", SHT_GNU_VERDEF, definitions, { link: ".dynstr", info: 2 }),
    table(".dynamic", SHT.dynamic, Buffer.alloc(12 * 16), { link: ".dynstr", entry: 16 }),
    table(".text", SHT.progbits, Buffer.from(code), {
      flags: SHF_ALLOC | SHF_EXECINSTR,
      align: PAGE,
    }),
  ];
  let at = HEADER_BYTES + 2 * SEGMENT_BYTES;
  const places = new Map<string, number>();
  for (const { name, align, data } of sections) {
    at = Math.ceil(at / align) * align;
    places.set(name, at);
    at += data.length;
  }
  const place = (name: string): number => places.get(name) as number;
  if (place(".text") !== CODE) throw new Error("the tables of the vDSO do not fit into a page");
  const end = at;
  const dynamic: [number, number][] = [
    [DT.soname, soname],
    [DT.hash, place(".hash")],
    [DT.gnuHash, place(".gnu.hash")],
    [DT.strtab, place(".dynstr")],
    [DT.symtab, place(".dynsym")],
    [DT.strsz, stringTable.length],
    [DT.syment, SYMBOL_BYTES],
    [DT.versym, place(".gnu.version")],
    [DT.verdef, place(".gnu.version_d")],
    [DT.verdefnum, 2],
    [DT.null, 0],
  ];
  const entries = new Bytes();
  for (const [tag, value] of dynamic) entries.u64(tag).u64(value);
  const names2 = new Strings();
  const sectionNames = [...sections.map(({ name }) => name), ".shstrtab"].map((name) =>
    names2.add(name),
  );
  const namesAt = end;
  const headersAt = Math.ceil((namesAt + names2.bytes().length) / 8) * 8;

  const image = Buffer.alloc(headersAt + (sections.length + 2) * SECTION_BYTES);
  const header = new Bytes()
    .add(Buffer.from("\x7fELF\x02\x01\x01", "latin1"))
    .add(Buffer.alloc(9))
    .u16(3)
    .u16(62)
    .u32(1)
    .u64(0)
    .u64(HEADER_BYTES)
    .u64(headersAt)
    .u32(0)
    .u16(HEADER_BYTES)
    .u16(SEGMENT_BYTES)
    .u16(2)
    .u16(SECTION_BYTES)
    .u16(sections.length + 2)
    .u16(sections.length + 1);
  header.u32(PT_LOAD).u32(PF_RX).u64(0).u64(0).u64(0).u64(end).u64(end).u64(PAGE);
  const dynamicAt = place(".dynamic");
  header.u32(PT_DYNAMIC).u32(PF_R).u64(dynamicAt).u64(dynamicAt).u64(dynamicAt);
  header.u64(entries.length).u64(entries.length).u64(8);
  header.bytes().copy(image);
  for (const { name, data } of sections) data.copy(image, place(name));
  entries.bytes().copy(image, dynamicAt);
  names2.bytes().copy(image, namesAt);
  const index = (name: string): number => sections.findIndex((each) => each.name === name) + 1;
  const headers = new Bytes().add(Buffer.alloc(SECTION_BYTES));
  sections.forEach(({ name, type, flags, align, entry, link, info, data }, i) => {
    headers
      .u32(sectionNames[i] as number)
      .u32(type)
      .u64(flags)
      .u64(place(name))
      .u64(place(name));
    headers
      .u64(data.length)
      .u32(link === undefined ? 0 : index(link))
      .u32(info);
    headers.u64(align).u64(entry);
  });
  headers
    .u32(sectionNames.at(-1) as number)
    .u32(SHT.strtab)
    .u64(0)
    .u64(0)
    .u64(namesAt);
  headers.u64(names2.bytes().length).u32(0).u32(0).u64(1).u64(0);
  headers.bytes().copy(image, headersAt);
  return image;
}

/** Index of `.text` among the sections of `layOut`. */
const CODE_SECTION = 8;

/** The image from the compiled module; every function of it that is called __vdso_… is exported. */
export function vdsoImage(wasm: Uint8Array, sourceMap?: string): Uint8Array {
  // As for the mediator: no floating-point register is touched.
  const compiled = compile(wasm, { target: "kernel", name: "vdso", sourceMap });
  const linked = linkElf({
    objects: [compiled, systemCallStub()],
    segments: [
      {
        name: "text",
        flags: "rx",
        vaddr: BigInt(CODE),
        sections: [".text", ".text.*", ".rodata", ".rodata.*"],
      },
    ],
    entry: "__vdso_time",
    class: 64,
  });
  const file = readElf(linked, "vdso");
  const [text, ...others] = file.segments.filter(({ memSize }) => memSize > 0n);
  if (text === undefined || others.length !== 0) throw new Error("the vDSO has data");
  const functions = file
    .readSymbols()
    .filter(({ name, binding }) => binding === "global" && name.startsWith(PREFIX))
    .map(({ name, value, size }) => ({ name, address: Number(value), size: Number(size) }));
  return layOut(functions, text.data);
}

/** What the roottask carries. */
export function vdsoObject(wasm: Uint8Array, sourceMap?: string): ObjectFile {
  return bytesObject("vdso_image", vdsoImage(wasm, sourceMap));
}
