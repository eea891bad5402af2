// Direct boot of Multiboot 2 kernels (Multiboot2 Specification 2.0, chapter 3) the way GRUB hands
// them over on a BIOS machine: ELF32, ELF64 and address-tag images, information tags for command
// line, loader name, modules, memory, ACPI, framebuffer and ELF sections. EFI and relocation are left
// out: those tags are optional for a BIOS loader, and required unknown ones are refused.

import { FRAMEBUFFER_BASE } from "../devices/vga.ts";
import { LoadError } from "../load-error.ts";
import { rsdp } from "../platform/firmware/acpi-tables.ts";
import { type MemoryMap, memoryMap } from "../platform/memory-map.ts";
import type { BootMachine, Chunk, FlatImage, FramebufferMode, Input } from "./boot-image.ts";
import { elfImage, isElf } from "./elf-image.ts";
import type { Module } from "./modules.ts";
import { behind, Placement } from "./placement.ts";

export const HEADER_MAGIC = 0xe85250d6;
export const BOOT_MAGIC = 0x36d76289;
const SEARCH_BYTES = 32768;
const LOADER_NAME = "trihedron";
const OPTIONAL = 1;

/** Types of header tags (3.1). */
const HeaderTag = {
  End: 0,
  InformationRequest: 1,
  Address: 2,
  Entry: 3,
  ConsoleFlags: 4,
  Framebuffer: 5,
  ModuleAlign: 6,
  EfiBootServices: 7,
  EfiEntry32: 8,
  EfiEntry64: 9,
  Relocatable: 10,
} as const;

/** Types of information tags (3.6). */
const Tag = {
  End: 0,
  CommandLine: 1,
  LoaderName: 2,
  Module: 3,
  BasicMemory: 4,
  MemoryMap: 6,
  Framebuffer: 8,
  ElfSections: 9,
  AcpiOld: 14,
  AcpiNew: 15,
  LoadBase: 21,
} as const;

const PROVIDED: readonly number[] = Object.values(Tag);

interface Header {
  offset: number;
  tags: { type: number; flags: number; fields: number[] }[];
}

/** Finds and parses the header: undefined if there is none. Throws `LoadError` if it is broken. */
export function findHeader2(kernel: Input): Header | undefined {
  const { data } = kernel;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const end = Math.min(data.length, SEARCH_BYTES) - 16;
  for (let at = 0; at <= end; at += 8) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const [architecture, length, checksum] = [4, 8, 12].map((o) =>
      view.getUint32(at + o, true),
    ) as [number, number, number];
    if ((HEADER_MAGIC + architecture + length + checksum) % 2 ** 32 !== 0) continue;
    const bad = (why: string): never => {
      throw new LoadError(
        `kernel ${kernel.name}: Multiboot 2 header at offset 0x${at.toString(16)}: ${why}`,
      );
    };
    if (architecture !== 0) bad(`architecture ${architecture}, expected 0 (i386)`);
    if (at + length > data.length) bad(`it is ${length} bytes long, beyond the end of the file`);
    const tags: Header["tags"] = [];
    let tag = at + 16;
    while (tag + 8 <= at + length) {
      const [type, flags, size] = [
        view.getUint16(tag, true),
        view.getUint16(tag + 2, true),
        view.getUint32(tag + 4, true),
      ];
      if (size < 8 || tag + size > at + length) bad(`tag ${type} has size ${size}`);
      if (type === HeaderTag.End) return { offset: at, tags };
      const fields: number[] = [];
      for (let o = tag + 8; o + 4 <= tag + size; o += 4) fields.push(view.getUint32(o, true));
      tags.push({ type, flags, fields });
      tag += (size + 7) & ~7;
    }
    return bad("it has no end tag");
  }
  return undefined;
}

/** Refuses what the kernel insists on and this loader cannot give. */
function checkRequirements(kernel: Input, header: Header): void {
  const known: readonly number[] = Object.values(HeaderTag);
  for (const tag of header.tags) {
    if (tag.flags & OPTIONAL) continue;
    if (!known.includes(tag.type)) {
      throw new LoadError(
        `kernel ${kernel.name}: it requires Multiboot 2 header tag ${tag.type}, which is not known`,
      );
    }
    if (tag.type !== HeaderTag.InformationRequest) continue;
    const missing = tag.fields.filter((t) => !PROVIDED.includes(t));
    if (missing.length > 0) {
      throw new LoadError(
        `kernel ${kernel.name}: it requires Multiboot 2 information ${missing.join(", ")}, which a BIOS machine without EFI, VBE and network does not have`,
      );
    }
  }
}

/** The information structure under construction: tags aligned to 8 bytes. */
class Information {
  #bytes: number[] = [0, 0, 0, 0, 0, 0, 0, 0];

  tag(type: number, write: (w: Writer) => void): void {
    const w = new Writer();
    write(w);
    const size = w.bytes.length + 8;
    const head = new Writer().u32(type).u32(size);
    this.#bytes.push(...head.bytes, ...w.bytes);
    while (this.#bytes.length % 8 !== 0) this.#bytes.push(0);
  }

  finish(): Uint8Array {
    this.tag(Tag.End, () => {});
    const out = Uint8Array.from(this.#bytes);
    new DataView(out.buffer).setUint32(0, out.length, true);
    return out;
  }
}

class Writer {
  readonly bytes: number[] = [];

  u8(...values: number[]): this {
    for (const v of values) this.bytes.push(v & 0xff);
    return this;
  }

  u16(v: number): this {
    return this.u8(v, v >>> 8);
  }

  u32(v: number): this {
    return this.u8(v, v >>> 8, v >>> 16, v >>> 24);
  }

  u64(v: number): this {
    return this.u32(v % 2 ** 32).u32(Math.floor(v / 2 ** 32));
  }

  text(t: string): this {
    return this.u8(...new TextEncoder().encode(t), 0);
  }

  raw(data: Uint8Array): this {
    return this.u8(...data);
  }
}

interface Loaded {
  chunks: Chunk[];
  entry: number;
  start: number;
  end: number;
}

function addressImage(kernel: Input, header: Header, fields: number[]): Loaded {
  const [headerAddr, loadAddr, loadEnd, bssEnd] = fields as [number, number, number, number];
  const bad = (why: string): never => {
    throw new LoadError(`kernel ${kernel.name}: Multiboot 2 address tag: ${why}`);
  };
  const fileStart = loadAddr === 0xffffffff ? 0 : header.offset - (headerAddr - loadAddr);
  const base = loadAddr === 0xffffffff ? headerAddr - header.offset : loadAddr;
  if (fileStart < 0 || headerAddr < base) bad("load_addr and header_addr do not fit the file");
  const bytes = loadEnd === 0 ? kernel.data.length - fileStart : loadEnd - base;
  if (bytes < 0 || fileStart + bytes > kernel.data.length) {
    bad(
      `it loads ${bytes} bytes from offset ${fileStart}, but the file has ${kernel.data.length} (truncated?)`,
    );
  }
  const size = bssEnd === 0 ? bytes : bssEnd - base;
  if (size < bytes) bad("bss_end_addr is below the end of the loaded data");
  const data = kernel.data.subarray(fileStart, fileStart + bytes);
  return {
    chunks: [{ address: base, data, size, what: "kernel image" }],
    entry: base,
    start: base,
    end: base + size,
  };
}

/** The mode a framebuffer tag asks for; zeros are "no preference". */
function framebufferMode(fields: number[]): FramebufferMode {
  const [width, height, depth] = fields as [number, number, number];
  return {
    width: width || 1024,
    height: height || 768,
    depth: depth === 15 || depth === 16 || depth === 24 || depth === 32 ? depth : 32,
  };
}

/** Position and size of red, green and blue by depth. */
const COLOUR_FIELDS: Record<number, number[]> = {
  15: [10, 5, 5, 5, 0, 5],
  16: [11, 5, 5, 6, 0, 5],
  24: [16, 8, 8, 8, 0, 8],
  32: [16, 8, 8, 8, 0, 8],
};

function writeFramebuffer(w: Writer, mode: FramebufferMode | undefined): void {
  if (mode === undefined) {
    // EGA text at 0xB8000: 160 bytes a line, 80×25, 16 bits a cell.
    w.u64(0xb8000).u32(160).u32(80).u32(25).u8(16, 2).u16(0);
    return;
  }
  const pitch = mode.width * ((mode.depth + 7) >> 3);
  w.u64(FRAMEBUFFER_BASE).u32(pitch).u32(mode.width).u32(mode.height).u8(mode.depth, 1).u16(0);
  w.u8(...(COLOUR_FIELDS[mode.depth] ?? []));
}

/**
 * Lays out a Multiboot 2 kernel. Throws `LoadError`.
 */
export function multiboot2(
  kernel: Input,
  header: Header,
  modules: readonly Module[],
  append: string,
  machine: BootMachine,
): FlatImage {
  checkRequirements(kernel, header);
  const find = (type: number) => header.tags.find((t) => t.type === type);
  const address = find(HeaderTag.Address);
  let image: Loaded;
  if (address !== undefined) image = addressImage(kernel, header, address.fields);
  else if (isElf(kernel.data)) image = elfImage(kernel);
  else {
    throw new LoadError(
      `kernel ${kernel.name}: it is no ELF file, and its Multiboot 2 header has no address tag`,
    );
  }
  const entry = find(HeaderTag.Entry)?.fields[0] ?? image.entry;

  const wish = find(HeaderTag.Framebuffer);
  const mode = wish !== undefined && machine.hasDisplay ? framebufferMode(wish.fields) : undefined;
  const map = memoryMap(machine.ramBytes, image.chunks, undefined, machine.chipset);
  const describe = (modulesAt: readonly number[]): Uint8Array =>
    information(kernel, modules, append, map, image, mode, machine, modulesAt);
  const placement = new Placement(map);
  for (const chunk of image.chunks) placement.fix(chunk);
  // Its size does not depend on where modules are, and they come behind it.
  const info = placement.place("the Multiboot 2 information", describe([]), behind(image.end));
  let next = info.address + info.size;
  const modulesAt = modules.map(({ file: { name, data } }) => {
    const { address } = placement.place(`module ${name}`, data, behind(next));
    next = address + data.length;
    return address;
  });
  info.data = describe(modulesAt);
  return {
    map,
    chunks: placement.chunks,
    entry: {
      mode: "protected32",
      rip: BigInt(entry),
      rax: BigInt(BOOT_MAGIC),
      rbx: BigInt(info.address),
      rsi: 0n,
    },
    kernel,
    framebuffer: mode,
  };
}

function information(
  kernel: Input,
  modules: readonly Module[],
  append: string,
  map: MemoryMap,
  image: Loaded,
  mode: FramebufferMode | undefined,
  { hasDisplay, hasAcpi = true }: BootMachine,
  modulesAt: readonly number[],
): Uint8Array {
  const info = new Information();
  // GRUB hands over the arguments alone, without the kernel's name.
  info.tag(Tag.CommandLine, (w) => w.text(append));
  info.tag(Tag.LoaderName, (w) => w.text(LOADER_NAME));
  modules.forEach((m, i) => {
    const start = modulesAt[i] ?? 0;
    info.tag(Tag.Module, (w) =>
      w
        .u32(start)
        .u32(start + m.file.data.length)
        .text(m.commandLine),
    );
  });
  const upper = map.ranges.find((r) => r.start === 0x100000);
  info.tag(Tag.BasicMemory, (w) =>
    w.u32((map.ranges[0]?.length ?? 0) >> 10).u32(Math.floor((upper?.length ?? 0) / 1024)),
  );
  info.tag(Tag.MemoryMap, (w) => {
    w.u32(24).u32(0);
    for (const r of map.ranges) w.u64(r.start).u64(r.length).u32(r.type).u32(0);
  });
  if (hasDisplay) info.tag(Tag.Framebuffer, (w) => writeFramebuffer(w, mode));
  if (isElf(kernel.data)) writeSections(info, kernel);
  if (hasAcpi) {
    const root = rsdp(map);
    info.tag(Tag.AcpiOld, (w) => w.raw(root.subarray(0, 20)));
    info.tag(Tag.AcpiNew, (w) => w.raw(root));
  }
  info.tag(Tag.LoadBase, (w) => w.u32(image.start));
  return info.finish();
}

/** Section headers of an ELF kernel as they are in the file; sections that are not loaded are not placed. */
function writeSections(info: Information, kernel: Input): void {
  const { data } = kernel;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const wide = data[4] === 2;
  const offset = wide ? Number(view.getBigUint64(0x28, true)) : view.getUint32(0x20, true);
  const [entrySize, count, names] = [0, 2, 4].map((o) =>
    view.getUint16((wide ? 0x3a : 0x2e) + o, true),
  ) as [number, number, number];
  if (count === 0 || offset + entrySize * count > data.length) return;
  info.tag(Tag.ElfSections, (w) =>
    w
      .u32(count)
      .u32(entrySize)
      .u32(names)
      .raw(data.subarray(offset, offset + entrySize * count)),
  );
}
