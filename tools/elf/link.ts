// The linker: places the sections of relocatable objects into loadable segments, resolves symbols and
// relocations and returns an ELF executable. Semantics follow System V ABI (gABI) "Relocation" and AMD64
// psABI 4.4.1 with explicit addends; there are no archives, no dynamic linking and no common symbols.

import { PAGE_SIZE, SegmentFlag, SymbolType } from "./constants.ts";
import { collectDebug } from "./dwarf/collect.ts";
import { debugSections } from "./dwarf/index.ts";
import {
  type AddressTable,
  NO_ADDRESS,
  type ObjectFile,
  type ObjectSection,
  type Relocation,
  type RelocationKind,
} from "./object.ts";
import {
  type Image,
  type ImageSection,
  type ImageSegment,
  type ImageSymbol,
  writeImage,
} from "./write.ts";

export interface LinkSegment {
  /** Also names the symbols `__<name>_start`, `__<name>_end` (virtual) and `__<name>_load_start`, `__<name>_load_end` (physical). */
  name: string;
  flags: "r" | "rx" | "rw" | "rwx";
  /**
   * Virtual address of the first byte. Without it the segment starts at the page of its lowest section
   * with an address of its own, or, where there is none, at the first page behind the previous segment.
   */
  vaddr?: bigint;
  /** Load address of the first byte, or a function from the virtual one; equal to the virtual address by default. */
  paddr?: bigint | ((vaddr: bigint) => bigint);
  /** Virtual address the segment's memory reaches at least, so that a loader keeps everything below it free. */
  end?: bigint;
  /** Section names in the order they are placed; `*` stands for any characters. */
  sections: string[];
}

export interface LinkOptions {
  objects: ObjectFile[];
  segments: LinkSegment[];
  /** Symbol at which execution starts. */
  entry: string;
  /** 64 writes ELF64 for x86-64; 32 wraps the program as ELF32 for i386 with low address halves and a physical entry (Multiboot 1). */
  class: 32 | 64;
  /** Absolute symbols that the objects may refer to. */
  symbols?: Record<string, bigint>;
  /** Writes zeros for the memory behind the data of a segment, so that file and memory size are equal and end on a page. */
  padSegments?: boolean;
  /** Section name patterns that are left out of the program. */
  discard?: string[];
}

/** What is wrong with the objects; `message` has one line per problem. */
export class LinkError extends Error {
  override name = "LinkError";
}

interface PlacedSection {
  object: ObjectFile;
  section: ObjectSection;
  index: number;
  segment: number;
  address: bigint;
  /** Index of the merged output section. */
  output: number;
}

interface Resolved {
  value: bigint;
  from: string;
  /** A number, not a place in the program: it stays where a loader moves the program. */
  constant: boolean;
}

/** A program that a loader may put elsewhere. */
export interface MovableImage {
  image: Image;
  /** Virtual addresses of all fields of 8 bytes that hold an address of the program, ascending. */
  addresses: bigint[];
}

const RELOCATIONS: Record<
  RelocationKind,
  { size: 1 | 2 | 4 | 8; relative: boolean; min: bigint; max: bigint }
> = {
  // 8- and 16-bit absolute fields take signed and unsigned values, as GNU ld does for R_X86_64_8 and _16.
  abs8: { size: 1, relative: false, min: -0x80n, max: 0xffn },
  abs16: { size: 2, relative: false, min: -0x8000n, max: 0xffffn },
  abs32: { size: 4, relative: false, min: 0n, max: 0xffff_ffffn },
  abs32s: { size: 4, relative: false, min: -0x8000_0000n, max: 0x7fff_ffffn },
  abs64: { size: 8, relative: false, min: -(1n << 63n), max: (1n << 64n) - 1n },
  pc8: { size: 1, relative: true, min: -0x80n, max: 0x7fn },
  pc16: { size: 2, relative: true, min: -0x8000n, max: 0x7fffn },
  pc32: { size: 4, relative: true, min: -0x8000_0000n, max: 0x7fff_ffffn },
};

const PAGE = BigInt(PAGE_SIZE);
/** Bytes of a segment in the file, at most: 1 GiB. */
const MAX_FILE = 1n << 30n;

/** Links the objects and returns the bytes of the executable. Throws `LinkError` with every problem found. */
export function linkElf(options: LinkOptions): Uint8Array {
  return writeImage(linkImage(options));
}

/**
 * Links the objects to a program that works at any address once the difference is added to the fields listed. Throws
 * `LinkError` with every problem found, fields among them that cannot hold an address anywhere.
 */
export function linkMovable(options: Omit<LinkOptions, "class">): MovableImage {
  const addresses: bigint[] = [];
  const image = linkImage({ ...options, class: 64 }, addresses);
  addresses.sort((a, b) => (a < b ? -1 : 1));
  return { image, addresses };
}

/** The program laid out; fields that hold an address go to `addresses`, where it is given. */
function linkImage(options: LinkOptions, addresses?: bigint[]): Image {
  const layout = placeSections(options);
  const table = collectSymbols(options, layout);
  const contents = relocate(options, layout, table, addresses);
  const entry = table.global.get(options.entry);
  if (!entry) {
    throw new LinkError(
      `entry symbol ${options.entry} is not defined as a global symbol in any object`,
    );
  }

  const segments = layout.segments.map((extent, index) =>
    segmentImage(options, layout, contents, extent, index),
  );
  const sections = [
    ...layout.outputs.map((output) => sectionImage(output, layout, contents)),
    ...debugImages(options, layout),
  ];
  const symbols = imageSymbols(options, layout, table);
  return {
    class: options.class,
    entry: options.class === 32 ? physical(layout, entry.value) : entry.value,
    segments,
    sections,
    symbols,
  };
}

interface Extent {
  name: string;
  vaddr: bigint;
  paddr: bigint;
  end: bigint;
  /** End of the last byte that comes from the file. */
  dataEnd: bigint;
  flags: number;
}

interface OutputSection {
  name: string;
  segment: number;
  parts: PlacedSection[];
}

interface Layout {
  placed: PlacedSection[];
  segments: Extent[];
  outputs: OutputSection[];
}

function isDebug(name: string): boolean {
  return name.startsWith(".debug_") || name === ".comment";
}

function matcher(pattern: string): (name: string) => boolean {
  if (!pattern.includes("*")) return (name) => name === pattern;
  const source = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const expression = new RegExp(`^${source.join(".*")}$`);
  return (name) => expression.test(name);
}

function alignUp(value: bigint, align: number | bigint): bigint {
  const unit = BigInt(align);
  return ((value + unit - 1n) / unit) * unit;
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function placeSections(options: LinkOptions): Layout {
  const all: PlacedSection[] = options.objects.flatMap((object) =>
    object.sections.map((section, index) => ({
      object,
      section,
      index,
      segment: -1,
      address: 0n,
      output: -1,
    })),
  );
  for (const { object, section } of all) {
    if (section.memSize < section.data.length) {
      throw new LinkError(
        `${object.name}: section ${section.name} has ${section.data.length} bytes of data but a memory size of ${section.memSize}`,
      );
    }
  }
  const segments: Extent[] = [];
  const outputs: OutputSection[] = [];
  const taken = new Set<PlacedSection>();
  const discard = (options.discard ?? []).map(matcher);
  for (const placed of all) {
    if (discard.some((match) => match(placed.section.name))) taken.add(placed);
  }

  for (const [index, spec] of options.segments.entries()) {
    const chosen: PlacedSection[] = [];
    for (const pattern of spec.sections) {
      const match = matcher(pattern);
      for (const placed of all) {
        if (taken.has(placed) || isDebug(placed.section.name) || !match(placed.section.name))
          continue;
        taken.add(placed);
        placed.segment = index;
        chosen.push(placed);
      }
    }
    const before = segments[index - 1];
    const extent = placeSegment(spec, chosen, before ? alignUp(before.end, PAGE) : undefined);
    const clash = segments.find(
      (other) => other.end > other.vaddr && extent.vaddr < other.end && other.vaddr < extent.end,
    );
    if (clash) {
      throw new LinkError(
        `segments ${clash.name} (${hex(clash.vaddr)}-${hex(clash.end)}) and ${extent.name} (${hex(extent.vaddr)}-${hex(extent.end)}) overlap`,
      );
    }
    segments.push(extent);
    for (const placed of [...chosen].sort((a, b) => Number(a.address - b.address))) {
      addToOutput(outputs, placed, index);
    }
  }

  const left = all.filter((placed) => !taken.has(placed) && !isDebug(placed.section.name));
  const stray = left.filter((placed) => placed.section.memSize > 0);
  if (stray.length > 0) {
    throw new LinkError(
      stray
        .map(
          ({ object, section }) =>
            `${object.name}: section ${section.name} (${section.memSize} bytes) belongs to no segment; name it in a segment or in discard`,
        )
        .join("\n"),
    );
  }
  const debug = all.filter((placed) => !taken.has(placed) && isDebug(placed.section.name));
  const offsets = new Map<string, bigint>();
  for (const placed of debug) {
    const offset = alignUp(offsets.get(placed.section.name) ?? 0n, placed.section.align);
    placed.address = offset;
    offsets.set(placed.section.name, offset + BigInt(placed.section.memSize));
    addToOutput(outputs, placed, -1);
  }
  return { placed: all.filter((placed) => placed.output >= 0), segments, outputs };
}

function addToOutput(outputs: OutputSection[], placed: PlacedSection, segment: number): void {
  const last = segment < 0 ? -1 : outputs.length - 1;
  const isNext = (output: OutputSection, index: number): boolean =>
    output.segment === segment &&
    output.name === placed.section.name &&
    (last < 0 || index === last);
  let index = outputs.findIndex(isNext);
  if (index < 0) {
    index = outputs.length;
    outputs.push({ name: placed.section.name, segment, parts: [] });
  }
  outputs[index]?.parts.push(placed);
  placed.output = index;
}

function placeSegment(
  spec: LinkSegment,
  chosen: PlacedSection[],
  next: bigint | undefined,
): Extent {
  const fixed = chosen
    .filter((placed) => placed.section.address !== undefined)
    .sort((a, b) => Number((a.section.address as bigint) - (b.section.address as bigint)));
  for (const placed of fixed) placed.address = placed.section.address as bigint;
  const lowest = fixed[0]?.address;
  const vaddr = spec.vaddr ?? (lowest === undefined ? next : (lowest / PAGE) * PAGE);
  if (vaddr === undefined) {
    throw new LinkError(`segment ${spec.name} is the first one and needs a vaddr`);
  }
  for (const [index, placed] of fixed.entries()) {
    const name = `${placed.object.name}: section ${placed.section.name} at ${hex(placed.address)}`;
    if (placed.address < vaddr) {
      throw new LinkError(
        `${name} lies before its segment ${spec.name}, which starts at ${hex(vaddr)}`,
      );
    }
    const previous = fixed[index - 1];
    if (previous && previous.address + BigInt(previous.section.memSize) > placed.address) {
      throw new LinkError(
        `${name} overlaps ${previous.object.name}: section ${previous.section.name} at ${hex(previous.address)}`,
      );
    }
  }

  let cursor = vaddr;
  for (const placed of chosen) {
    if (placed.section.address !== undefined) continue;
    const size = BigInt(placed.section.memSize);
    let address = alignUp(cursor, placed.section.align);
    for (const other of fixed) {
      const end = other.address + BigInt(other.section.memSize);
      if (address < end && other.address < address + size)
        address = alignUp(end, placed.section.align);
    }
    placed.address = address;
    cursor = address + size;
  }
  let end = vaddr;
  let dataEnd = vaddr;
  for (const placed of chosen) {
    const sectionEnd = placed.address + BigInt(placed.section.memSize);
    if (sectionEnd > end) end = sectionEnd;
    const filled = placed.address + BigInt(placed.section.data.length);
    if (placed.section.data.length > 0 && filled > dataEnd) dataEnd = filled;
  }
  if (spec.end !== undefined && spec.end > end) end = spec.end;
  if (dataEnd - vaddr > MAX_FILE) {
    throw new LinkError(
      `segment ${spec.name} would store ${dataEnd - vaddr} bytes from ${hex(vaddr)} on, more than ${MAX_FILE}: its data lies too far apart`,
    );
  }
  const paddr = typeof spec.paddr === "function" ? spec.paddr(vaddr) : (spec.paddr ?? vaddr);
  return { name: spec.name, vaddr, paddr, end, dataEnd, flags: segmentFlags(spec.flags) };
}

function segmentFlags(flags: LinkSegment["flags"]): number {
  return (
    SegmentFlag.Read |
    (flags.includes("w") ? SegmentFlag.Write : 0) |
    (flags.includes("x") ? SegmentFlag.Execute : 0)
  );
}

function physical(layout: Layout, address: bigint): bigint {
  const extent = layout.segments.find((each) => address >= each.vaddr && address < each.end);
  if (!extent) throw new LinkError(`entry address ${hex(address)} lies in no segment`);
  return address - extent.vaddr + extent.paddr;
}

interface SymbolTable {
  global: Map<string, Resolved>;
  local: Map<ObjectFile, Map<string, Resolved>>;
}

function collectSymbols(options: LinkOptions, layout: Layout): SymbolTable {
  const global = new Map<string, Resolved>();
  const local = new Map<ObjectFile, Map<string, Resolved>>();
  const problems: string[] = [];
  const bases = new Map<ObjectFile, Map<number, bigint>>();
  for (const placed of layout.placed) {
    const map = bases.get(placed.object) ?? new Map<number, bigint>();
    map.set(placed.index, placed.address);
    bases.set(placed.object, map);
  }
  for (const object of options.objects) {
    const own = new Map<string, Resolved>();
    local.set(object, own);
    for (const [index, section] of object.sections.entries()) {
      const base = bases.get(object)?.get(index);
      if (base !== undefined && !own.has(section.name)) {
        own.set(section.name, { value: base, from: object.name, constant: false });
      }
    }
    for (const symbol of object.symbols) {
      const base = symbol.section < 0 ? 0n : bases.get(object)?.get(symbol.section);
      if (base === undefined) continue;
      const constant = symbol.section < 0;
      const resolved = { value: base + symbol.value, from: object.name, constant };
      // Local names may repeat (two functions of one name in different files): a reference by name means the first.
      const isSection = object.sections.some((section) => section.name === symbol.name);
      if (!own.has(symbol.name) || isSection) own.set(symbol.name, resolved);
      if (!symbol.global) continue;
      const other = global.get(symbol.name);
      if (other) {
        problems.push(
          `symbol ${symbol.name} is defined twice: in ${other.from} and in ${object.name}`,
        );
      } else {
        global.set(symbol.name, resolved);
      }
      own.set(symbol.name, resolved);
    }
  }
  if (problems.length > 0) throw new LinkError(problems.join("\n"));
  const define = (name: string, value: bigint, from: string): void => {
    if (!global.has(name)) global.set(name, { value, from, constant: from === "options" });
  };
  for (const [name, value] of Object.entries(options.symbols ?? {})) define(name, value, "options");
  for (const extent of layout.segments) {
    const size = extent.end - extent.vaddr;
    define(`__${extent.name}_start`, extent.vaddr, "linker");
    define(`__${extent.name}_end`, extent.end, "linker");
    define(`__${extent.name}_load_start`, extent.paddr, "linker");
    define(`__${extent.name}_load_end`, extent.paddr + size, "linker");
  }
  return { global, local };
}

/** Applies all relocations; returns the patched content of every placed section. See `linkImage` for `addresses`. */
function relocate(
  options: LinkOptions,
  layout: Layout,
  table: SymbolTable,
  addresses: bigint[] | undefined,
): Map<PlacedSection, Uint8Array> {
  const contents = new Map<PlacedSection, Uint8Array>();
  const lookup = new Map<ObjectFile, Map<number, PlacedSection>>();
  for (const placed of layout.placed) {
    contents.set(placed, placed.section.data.slice());
    const map = lookup.get(placed.object) ?? new Map<number, PlacedSection>();
    map.set(placed.index, placed);
    lookup.set(placed.object, map);
  }
  const undefinedSymbols = new Map<string, string>();
  const problems: string[] = [];
  for (const object of options.objects) {
    for (const relocation of object.relocations) {
      const placed = lookup.get(object)?.get(relocation.section);
      if (!placed) continue;
      const data = contents.get(placed) as Uint8Array;
      const rule = RELOCATIONS[relocation.kind];
      const where = `${object.name}: ${placed.section.name}+0x${relocation.offset.toString(16)}`;
      if (relocation.offset < 0 || relocation.offset + rule.size > data.length) {
        problems.push(
          `${where}: relocation against ${relocation.symbol} lies outside the section's data`,
        );
        continue;
      }
      const symbol = resolve(relocation, object, table, lookup.get(object));
      if (!symbol) {
        if (!undefinedSymbols.has(relocation.symbol))
          undefinedSymbols.set(relocation.symbol, where);
        continue;
      }
      const target = symbol.value + BigInt(relocation.addend);
      const place = placed.address + BigInt(relocation.offset);
      const value = rule.relative ? target - place : target;
      // A sign-extended field also reaches the top 2 GiB of the address space.
      const fits = relocation.kind === "abs32s" ? BigInt.asIntN(64, value) : value;
      if (fits < rule.min || fits > rule.max) {
        problems.push(
          `${where}: ${relocation.kind} relocation against ${relocation.symbol} (${hex(symbol.value)}) out of range: ${hex(fits)} is not in ${hex(rule.min)}..${hex(rule.max)}`,
        );
        continue;
      }
      if (addresses && rule.relative === symbol.constant) {
        if (rule.relative || rule.size < 8) {
          const what = rule.relative ? "leads out of" : "is too short for an address of";
          problems.push(
            `${where}: ${relocation.kind} relocation against ${relocation.symbol} ${what} a program that may be moved`,
          );
        } else addresses.push(place);
      }
      patch(data, relocation.offset, rule.size, value);
    }
    for (const fields of object.addressTables ?? []) {
      const placed = lookup.get(object)?.get(fields.section);
      const target = lookup.get(object)?.get(fields.target);
      if (!placed) continue;
      if (!target) {
        problems.push(`${object.name}: an address table leads to a section left out`);
        continue;
      }
      fillAddresses(contents.get(placed) as Uint8Array, fields, target.address);
      if (!addresses) continue;
      fields.addends.forEach((addend, i) => {
        const offset = fields.offset + i * fields.stride;
        if (addend !== NO_ADDRESS) addresses.push(placed.address + BigInt(offset));
      });
    }
  }
  for (const [name, where] of undefinedSymbols) {
    problems.unshift(`undefined symbol ${name}, first used at ${where}`);
  }
  if (problems.length > 0) throw new LinkError(problems.join("\n"));
  return contents;
}

/** What a relocation's symbol stands for. */
function resolve(
  { symbol, scope }: Relocation,
  object: ObjectFile,
  table: SymbolTable,
  sections: Map<number, PlacedSection> | undefined,
): { value: bigint; constant: boolean } | undefined {
  if (scope === "global") return table.global.get(symbol);
  if (scope === undefined) return table.local.get(object)?.get(symbol) ?? table.global.get(symbol);
  const placed = sections?.get(scope);
  return placed && { value: placed.address, constant: false };
}

/** Stores the addresses of a table; low and high halves apart, which spares a bigint each. */
function fillAddresses(data: Uint8Array, table: AddressTable, base: bigint): void {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const low = Number(base & 0xffff_ffffn);
  const high = Number(base >> 32n);
  table.addends.forEach((addend, i) => {
    if (addend === NO_ADDRESS) return;
    const at = table.offset + i * table.stride;
    const sum = low + addend;
    view.setUint32(at, sum, true);
    view.setUint32(at + 4, high + (sum > 0xffff_ffff ? 1 : 0), true);
  });
}

function patch(data: Uint8Array, offset: number, size: 1 | 2 | 4 | 8, value: bigint): void {
  const view = new DataView(data.buffer, data.byteOffset);
  if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  else if (size === 4) view.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
  else if (size === 2) view.setUint16(offset, Number(BigInt.asUintN(16, value)), true);
  else view.setUint8(offset, Number(BigInt.asUintN(8, value)));
}

function segmentImage(
  options: LinkOptions,
  layout: Layout,
  contents: Map<PlacedSection, Uint8Array>,
  extent: Extent,
  index: number,
): ImageSegment {
  const memEnd = options.padSegments ? alignUp(extent.end, PAGE) : extent.end;
  const fileEnd = options.padSegments ? memEnd : extent.dataEnd;
  const data = new Uint8Array(Number(fileEnd - extent.vaddr));
  for (const placed of layout.placed) {
    if (placed.segment !== index) continue;
    const content = contents.get(placed) as Uint8Array;
    if (content.length > 0) data.set(content, Number(placed.address - extent.vaddr));
  }
  return {
    vaddr: extent.vaddr,
    paddr: extent.paddr,
    data,
    memSize: Number(memEnd - extent.vaddr),
    flags: extent.flags,
  };
}

function sectionImage(
  output: OutputSection,
  layout: Layout,
  contents: Map<PlacedSection, Uint8Array>,
): ImageSection {
  const first = output.parts[0] as PlacedSection;
  const last = output.parts[output.parts.length - 1] as PlacedSection;
  const memSize = Number(last.address + BigInt(last.section.memSize) - first.address);
  const filled = output.parts.filter((part) => part.section.data.length > 0).at(-1);
  const fileSize = filled ? Number(filled.address - first.address) + filled.section.data.length : 0;
  // The bytes of a loaded section are its segment's.
  const data = new Uint8Array(output.segment < 0 ? fileSize : 0);
  if (output.segment < 0) {
    for (const part of output.parts) {
      data.set(contents.get(part) as Uint8Array, Number(part.address - first.address));
    }
  }
  const extent = layout.segments[output.segment];
  return {
    name: output.name,
    address: first.address,
    data,
    fileSize,
    memSize,
    align: output.parts.reduce((most, part) => Math.max(most, part.section.align), 1),
    writable: extent !== undefined && output.parts.some((part) => part.section.writable),
    executable: extent !== undefined && output.parts.some((part) => part.section.executable),
    segment: output.segment,
  };
}

/**
 * Debug sections. A 64-bit program in an ELF32 file gets lines and function names only: DWARF for addresses of 4 bytes
 * cannot say where its values and frames are.
 */
function debugImages(options: LinkOptions, layout: Layout): ImageSection[] {
  const full = options.class === 64;
  const parts = layout.placed.filter((placed) => placed.segment >= 0);
  const { units, frames } = collectDebug(options.objects, parts, full);
  return debugSections(units, frames, full ? 8 : 4).map(({ name, data }) => ({
    name,
    address: 0n,
    data,
    fileSize: data.length,
    memSize: data.length,
    align: 1,
    writable: false,
    executable: false,
    segment: -1,
  }));
}

function imageSymbols(options: LinkOptions, layout: Layout, table: SymbolTable): ImageSymbol[] {
  const kinds = {
    func: SymbolType.Function,
    object: SymbolType.Object,
    none: SymbolType.None,
  } as const;
  const symbols: ImageSymbol[] = [];
  const placedBy = new Map<ObjectFile, Map<number, PlacedSection>>();
  for (const placed of layout.placed) {
    const map = placedBy.get(placed.object) ?? new Map<number, PlacedSection>();
    map.set(placed.index, placed);
    placedBy.set(placed.object, map);
  }
  for (const object of options.objects) {
    for (const symbol of object.symbols) {
      const placed = symbol.section < 0 ? undefined : placedBy.get(object)?.get(symbol.section);
      if (symbol.section >= 0 && !placed) continue;
      symbols.push({
        name: symbol.name,
        value: (placed?.address ?? 0n) + symbol.value,
        size: symbol.size,
        type: kinds[symbol.kind],
        global: symbol.global,
        section: placed ? placed.output : -1,
      });
    }
  }
  for (const [name, resolved] of table.global) {
    if (resolved.from !== "linker" && resolved.from !== "options") continue;
    symbols.push({
      name,
      value: resolved.value,
      size: 0,
      type: SymbolType.None,
      global: true,
      section: -1,
    });
  }
  return symbols;
}
