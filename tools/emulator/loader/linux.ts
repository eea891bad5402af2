// Direct boot of Linux bzImages (Linux Documentation/x86/boot.rst, protocol 2.02 and later): through
// the 64-bit entry point where the kernel has one, else through the 32-bit one, and where it has neither or
// they are not specified yet, as before 2.04, through the 16-bit one of its setup code. Left out: zImages
// (loaded low), EFI handover, setup_data.

import { LoadError } from "../load-error.ts";
import { RSDP_ADDRESS } from "../platform/firmware/acpi-tables.ts";
import { type MemoryMap, MIB, memoryMap } from "../platform/memory-map.ts";
import type { BootImage, BootMachine, Input } from "./boot-image.ts";
import type { Module } from "./modules.ts";
import { PAGE, Placement } from "./placement.ts";

const SECTOR = 512;

/** Offsets in the setup header, which boot_params repeats at the same place. */
const SETUP_SECTS = 0x1f1;
const BOOT_FLAG = 0x1fe;
const HEADER = 0x202;
const HEADER_LENGTH = 0x201;
const VERSION = 0x206;
const TYPE_OF_LOADER = 0x210;
const LOADFLAGS = 0x211;
const CODE32_START = 0x214;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const HEAP_END_PTR = 0x224;
const CMD_LINE_PTR = 0x228;
const INITRD_ADDR_MAX = 0x22c;
const KERNEL_ALIGNMENT = 0x230;
const RELOCATABLE = 0x234;
const XLOADFLAGS = 0x236;
const CMDLINE_SIZE = 0x238;
const PREF_ADDRESS = 0x258;
const INIT_SIZE = 0x260;

/** Offsets in boot_params outside the header. */
const ACPI_RSDP_ADDR = 0x70;
const E820_ENTRIES = 0x1e8;
const E820_TABLE = 0x2d0;

const HDRS = 0x53726448;
const LOADED_HIGH = 1;
const CAN_USE_HEAP = 0x80;
const XLF_KERNEL_64 = 1;
/** "Undefined" boot loader, in the high nibble; the low one is a version. */
const LOADER_UNDEFINED = 0xff;
/** Where code starts behind the 64-bit entry's load address. */
const ENTRY64_OFFSET = 0x200;
const OLDEST_VERSION = 0x0202;
const FIRST_WITH_32_BIT_ENTRY = 0x0204;
const RAMDISK_LAST = 0x37ffffff;

/** Where things go unless the kernel is there. */
const PAGE_TABLES = 0x70000;
const BOOT_PARAMS = 0x90000;
const COMMAND_LINE = 0x91000;
/** Setup code, heap and stack, of which the last two bytes are the top; the command line is behind it. */
const SETUP_SEGMENT = { at: 0x10000, bytes: 0x10000, stack: 0xfff0 } as const;
/** Offset of the end of heap and stack, less 0x200, as the header wants it. */
const HEAP_END = 0xfe00;

/** True if the file carries the setup header of protocol 2.00 or later. */
export function isLinux(data: Uint8Array): boolean {
  if (data.length < 0x268) return false;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return view.getUint16(BOOT_FLAG, true) === 0xaa55 && view.getUint32(HEADER, true) === HDRS;
}

const PAGE_TABLE_BYTES = 6 * PAGE;

/** PML4, PDPT and four page directories at `address` that map the low 4 GiB to themselves with 2 MiB pages. */
function identityMap(address: number): Uint8Array {
  const tables = new BigUint64Array(PAGE_TABLE_BYTES / 8);
  const at = (page: number): bigint => BigInt(address + page * PAGE) | 3n;
  tables[0] = at(1);
  for (let g = 0; g < 4; g++) {
    tables[512 + g] = at(2 + g);
    for (let i = 0; i < 512; i++) {
      tables[512 * (2 + g) + i] = (BigInt(g * 512 + i) << 21n) | 0x83n;
    }
  }
  return new Uint8Array(tables.buffer);
}

/** screen_info for the VGA's 80×25 text mode. */
function describeScreen(params: Uint8Array): void {
  const view = new DataView(params.buffer);
  view.setUint8(6, 3);
  view.setUint8(7, 80);
  view.setUint8(0x0e, 25);
  view.setUint8(0x0f, 1);
  view.setUint16(0x10, 16, true);
}

function describeMemory(p: DataView, map: MemoryMap): void {
  p.setUint8(E820_ENTRIES, map.ranges.length);
  map.ranges.forEach((r, i) => {
    p.setBigUint64(E820_TABLE + i * 20, BigInt(r.start), true);
    p.setBigUint64(E820_TABLE + i * 20 + 8, BigInt(r.length), true);
    p.setUint32(E820_TABLE + i * 20 + 16, r.type, true);
  });
}

/** The setup code with room for its heap and stack. */
function setupCode(code: Uint8Array): Uint8Array {
  const segment = new Uint8Array(SETUP_SEGMENT.bytes);
  segment.set(code);
  return segment;
}

/** Throws `LoadError`. */
export function linuxImage(
  kernel: Input,
  modules: readonly Module[],
  append: string,
  { ramBytes, chipset, hasAcpi = true }: BootMachine,
): BootImage {
  const at = (why: string): never => {
    throw new LoadError(`kernel ${kernel.name}: Linux bzImage: ${why}`);
  };
  const { data } = kernel;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const version = view.getUint16(VERSION, true);
  if (version < OLDEST_VERSION) {
    at(`boot protocol ${version >> 8}.${version & 0xff} is older than 2.02`);
  }
  if (!((data[LOADFLAGS] as number) & LOADED_HIGH)) at("it is a zImage; only bzImages are loaded");
  const setupBytes = ((data[SETUP_SECTS] || 4) + 1) * SECTOR;
  if (setupBytes >= data.length) {
    at(`its setup takes ${setupBytes} bytes, but the file ends at ${data.length} (truncated?)`);
  }
  if (modules.length > 1) at("it takes one initial RAM disk, not a list of modules");
  const text = new TextEncoder().encode(`${append}\0`);
  const limit = version >= 0x0206 ? view.getUint32(CMDLINE_SIZE, true) : 255;
  if (text.length - 1 > limit)
    at(`its command line may be ${limit} bytes long, -append has ${text.length - 1}`);

  const is64 = version >= 0x020c && (view.getUint16(XLOADFLAGS, true) & XLF_KERNEL_64) !== 0;
  const relocatable = version >= 0x0205 && data[RELOCATABLE] === 1;
  const preferred =
    version >= 0x020a && relocatable ? Number(view.getBigUint64(PREF_ADDRESS, true)) : MIB;
  const load = preferred % (view.getUint32(KERNEL_ALIGNMENT, true) || 1) === 0 ? preferred : MIB;
  const body = data.subarray(setupBytes);
  const needed =
    version >= 0x020a ? Math.max(view.getUint32(INIT_SIZE, true), body.length) : body.length;
  const isReal =
    version < FIRST_WITH_32_BIT_ENTRY || (!is64 && view.getUint32(CODE32_START, true) === 0);

  const image = { address: load, data: body, size: needed, what: "the Linux kernel" };
  const map = memoryMap(ramBytes, [image], undefined, chipset);
  const placement = new Placement(map);
  placement.fix(image);
  const setup = isReal
    ? placement.place("its setup code", setupCode(data.subarray(0, setupBytes)), {
        at: SETUP_SEGMENT.at,
        below: MIB,
      })
    : placement.place("boot_params", new Uint8Array(PAGE), { at: BOOT_PARAMS });
  const commandLine = placement.place("the command line", text, {
    at: isReal ? setup.address + SETUP_SEGMENT.bytes : COMMAND_LINE,
    ...(isReal ? { below: MIB } : {}),
  });
  const params = setup.data;
  const p = new DataView(params.buffer);
  if (!isReal) {
    params.set(data.subarray(SETUP_SECTS, HEADER + (data[HEADER_LENGTH] as number)), SETUP_SECTS);
    describeScreen(params);
    describeMemory(p, map);
    if (hasAcpi) p.setBigUint64(ACPI_RSDP_ADDR, BigInt(RSDP_ADDRESS), true);
  }
  p.setUint8(TYPE_OF_LOADER, LOADER_UNDEFINED);
  p.setUint8(LOADFLAGS, (params[LOADFLAGS] as number) | CAN_USE_HEAP);
  p.setUint16(HEAP_END_PTR, HEAP_END, true);
  p.setUint32(CMD_LINE_PTR, commandLine.address, true);

  let pageTables: number | undefined;
  if (is64) {
    const tables = placement.place("page tables", new Uint8Array(PAGE_TABLE_BYTES), {
      at: PAGE_TABLES,
    });
    pageTables = tables.address;
    tables.data = identityMap(pageTables);
  }
  const disk = modules[0]?.file;
  if (disk !== undefined) {
    const max = version >= 0x0203 ? view.getUint32(INITRD_ADDR_MAX, true) : RAMDISK_LAST;
    const { address } = placement.place(`initial RAM disk ${disk.name}`, disk.data, {
      below: max + 1,
      high: true,
    });
    p.setUint32(RAMDISK_IMAGE, address, true);
    p.setUint32(RAMDISK_SIZE, disk.data.length, true);
  }
  const { chunks } = placement;
  if (isReal) {
    const { stack } = SETUP_SEGMENT;
    return { map, chunks, entry: { mode: "real16", segment: setup.address >> 4, stack }, kernel };
  }
  return {
    map,
    chunks,
    entry: {
      mode: is64 ? "long64" : "protected32",
      rip: BigInt(is64 ? load + ENTRY64_OFFSET : load),
      rax: 0n,
      rbx: 0n,
      rsi: BigInt(setup.address),
      cr3: pageTables,
    },
    kernel,
  };
}
