// Direct boot of Multiboot 1 kernels (Multiboot Specification 0.6.96, chapters 3.1–3.3): ELF32,
// ELF64 as GRUB permits, and images described by the header's address fields. Boot information is
// placed as QEMU does where the kernel leaves room: memory map at 0x9000, information structure at 0x9500,
// strings and module list in the page behind the kernel, modules page-aligned behind that. Video modes are left
// out: a kernel that asks for one stays in text mode.

import type { Chipset } from "../devices/chipset.ts";
import { LoadError } from "../load-error.ts";
import { type MemoryMap, memoryMap } from "../platform/memory-map.ts";
import type { Chunk, FlatImage, Input } from "./boot-image.ts";
import { elfImage, isElf } from "./elf-image.ts";
import type { Module } from "./modules.ts";
import { behind, Placement } from "./placement.ts";

export const HEADER_MAGIC = 0x1badb002;
export const BOOT_MAGIC = 0x2badb002;
const SEARCH_BYTES = 8192;

const FLAG_ADDRESSES = 1 << 16;
/** Requirements this loader understands: page alignment, memory information, video mode. */
const KNOWN_REQUIREMENTS = 7;

const MMAP_ADDRESS = 0x9000;
const INFO_ADDRESS = 0x9500;
const INFO_BYTES = 120;
const BOOT_LOADER_NAME = "trihedron";

/** mem, boot device, command line, modules, memory map, boot loader name. */
const INFO_FLAGS = 1 | 2 | 4 | 8 | 0x40 | 0x200;
/** Section headers of an ELF kernel are not handed over, as in QEMU. */
const BOOT_DEVICE = 0x8000ffff;

interface Header {
  offset: number;
  flags: number;
  headerAddr: number;
  loadAddr: number;
  loadEndAddr: number;
  bssEndAddr: number;
  entryAddr: number;
}

/** Finds the Multiboot 1 header, or returns undefined if there is none. */
export function findHeader(data: Uint8Array): Header | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const end = Math.min(data.length, SEARCH_BYTES) - 12;
  for (let at = 0; at <= end; at += 4) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const flags = view.getUint32(at + 4, true);
    if ((HEADER_MAGIC + flags + view.getUint32(at + 8, true)) % 2 ** 32 !== 0) continue;
    const field = (i: number): number =>
      at + 12 + i * 4 + 4 <= data.length ? view.getUint32(at + 12 + i * 4, true) : 0;
    return {
      offset: at,
      flags,
      headerAddr: field(0),
      loadAddr: field(1),
      loadEndAddr: field(2),
      bssEndAddr: field(3),
      entryAddr: field(4),
    };
  }
  return undefined;
}

interface Loaded {
  chunks: Chunk[];
  entry: number;
  end: number;
}

/** The image as the header's address fields say (3.1.3). */
function addressImage(kernel: Input, header: Header): Loaded {
  const at = (why: string): never => {
    throw new LoadError(
      `kernel ${kernel.name}: Multiboot header at offset 0x${header.offset.toString(16)}: ${why}`,
    );
  };
  if (header.headerAddr < header.loadAddr) {
    at(
      `header_addr 0x${header.headerAddr.toString(16)} is below load_addr 0x${header.loadAddr.toString(16)}`,
    );
  }
  const fileStart = header.offset - (header.headerAddr - header.loadAddr);
  if (fileStart < 0) at("load_addr lies before the start of the file");
  const bytes =
    header.loadEndAddr === 0
      ? kernel.data.length - fileStart
      : header.loadEndAddr - header.loadAddr;
  if (bytes < 0) {
    at(`load_end_addr 0x${header.loadEndAddr.toString(16)} is below load_addr`);
  }
  if (fileStart + bytes > kernel.data.length) {
    at(
      `it loads 0x${bytes.toString(16)} bytes from offset 0x${fileStart.toString(16)}, but the file ends at 0x${kernel.data.length.toString(16)} (truncated?)`,
    );
  }
  const size = header.bssEndAddr === 0 ? bytes : header.bssEndAddr - header.loadAddr;
  if (size < bytes) {
    at(`bss_end_addr 0x${header.bssEndAddr.toString(16)} is below the end of the loaded data`);
  }
  return {
    chunks: [
      {
        address: header.loadAddr,
        data: kernel.data.subarray(fileStart, fileStart + bytes),
        size,
        what: "kernel image",
      },
    ],
    entry: header.entryAddr,
    end: header.loadAddr + size,
  };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

function memoryMapBytes(map: MemoryMap): Uint8Array {
  const view = new DataView(new ArrayBuffer(map.ranges.length * 24));
  map.ranges.forEach((r, i) => {
    const at = i * 24;
    view.setUint32(at, 20, true);
    view.setBigUint64(at + 4, BigInt(r.start), true);
    view.setBigUint64(at + 12, BigInt(r.length), true);
    view.setUint32(at + 20, r.type, true);
  });
  return new Uint8Array(view.buffer);
}

/** Places module list and strings behind the kernel, which ends at `end`, and the modules behind them. */
function placeModules(
  placement: Placement,
  end: number,
  modules: readonly Module[],
  commandLine: string,
) {
  const strings = [...modules.map((m) => m.commandLine), commandLine, BOOT_LOADER_NAME].map(encode);
  const listBytes = modules.length * 16;
  const size = listBytes + strings.reduce((sum, s) => sum + s.length, 0);
  const list = placement.place("boot strings and module list", new Uint8Array(size), behind(end));
  const view = new DataView(list.data.buffer);
  const addresses: number[] = [];
  let at = listBytes;
  for (const s of strings) {
    list.data.set(s, at);
    addresses.push(list.address + at);
    at += s.length;
  }
  let next = list.address + size;
  modules.forEach((m, i) => {
    const { address } = placement.place(`module ${m.file.name}`, m.file.data, behind(next));
    next = address + m.file.data.length;
    view.setUint32(i * 16, address, true);
    view.setUint32(i * 16 + 4, next, true);
    view.setUint32(i * 16 + 8, addresses[i] as number, true);
  });
  return {
    list: list.address,
    commandLine: addresses[modules.length] as number,
    loaderName: addresses[modules.length + 1] as number,
  };
}

/**
 * Lays out a Multiboot 1 kernel with its modules. `append` follows the kernel's file name on the
 * command line. Throws `LoadError`.
 */
export function multiboot1(
  kernel: Input,
  modules: readonly Module[],
  append: string,
  ramBytes: number,
  chipset?: Chipset,
): FlatImage {
  const header = findHeader(kernel.data);
  if (header === undefined) {
    throw new LoadError(
      `kernel ${kernel.name}: no Multiboot header (magic 0x1BADB002 with a valid checksum) in its first ${Math.min(SEARCH_BYTES, kernel.data.length)} bytes`,
    );
  }
  const unknown = header.flags & 0xffff & ~KNOWN_REQUIREMENTS;
  if (unknown !== 0) {
    throw new LoadError(
      `kernel ${kernel.name}: its Multiboot header requires features 0x${unknown.toString(16)}, which Multiboot 0.6.96 does not define`,
    );
  }
  const image: Loaded =
    header.flags & FLAG_ADDRESSES || !isElf(kernel.data)
      ? header.flags & FLAG_ADDRESSES
        ? addressImage(kernel, header)
        : notLoadable(kernel)
      : elfImage(kernel);
  const map = memoryMap(ramBytes, image.chunks, undefined, chipset);
  const placement = new Placement(map);
  for (const chunk of image.chunks) placement.fix(chunk);
  const mmap = placement.place("the memory map", memoryMapBytes(map), { at: MMAP_ADDRESS });
  const info = placement.place("the Multiboot information", new Uint8Array(INFO_BYTES), {
    at: INFO_ADDRESS,
  });
  const commandLine = `${kernel.name} ${append}`;
  const placed = placeModules(placement, image.end, modules, commandLine);
  const view = new DataView(info.data.buffer);
  const fields: [offset: number, value: number][] = [
    [0, INFO_FLAGS],
    [4, (map.ranges[0]?.length ?? 0) >> 10],
    [8, (map.ranges.find((r) => r.start === 0x100000)?.length ?? 0) / 1024],
    [12, BOOT_DEVICE],
    [16, placed.commandLine],
    [20, modules.length],
    [24, placed.list],
    [44, mmap.size],
    [48, mmap.address],
    [64, placed.loaderName],
  ];
  for (const [offset, value] of fields) view.setUint32(offset, value, true);
  return {
    map,
    chunks: placement.chunks,
    entry: {
      mode: "protected32",
      rip: BigInt(image.entry),
      rax: BigInt(BOOT_MAGIC),
      rbx: BigInt(info.address),
      rsi: 0n,
    },
    kernel,
  };
}

function notLoadable(kernel: Input): never {
  throw new LoadError(
    `kernel ${kernel.name}: it is neither an ELF file nor does its Multiboot header have address fields (flag bit 16)`,
  );
}
