// What the machine says of itself (DMTF DSP0134, System Management BIOS 2.8.0): the structures that QEMU's boards have,
// which our BIOS leaves in memory, and firmware by others gets as files of the firmware configuration device.

import type { Chipset } from "../../devices/chipset.ts";
import type { FirmwareFile } from "../../devices/device.ts";
import { GIB, MIB, type RamSizes, ramPieces } from "../memory-map.ts";
import type { Placement } from "./low-memory.ts";
import { checksum, Table } from "./table.ts";

/** Strings of type 0; `release` is major and minor number. */
export interface SmbiosBios {
  vendor?: string;
  version?: string;
  date?: string;
  release?: readonly [number, number];
}

/** Strings of type 1; `uuid` is as text, of zeros unless given. */
export interface SmbiosSystem {
  manufacturer?: string;
  product?: string;
  version?: string;
  serial?: string;
  uuid?: string;
  sku?: string;
  family?: string;
}

/** Strings of type 2, which is there where one of them is. */
export interface SmbiosBaseboard {
  manufacturer?: string;
  product?: string;
  version?: string;
  serial?: string;
  asset?: string;
  location?: string;
}

/** Strings of type 3. */
export interface SmbiosChassis {
  manufacturer?: string;
  version?: string;
  serial?: string;
  asset?: string;
  sku?: string;
}

/** What is to be said instead of what is said by default. */
export interface SmbiosOptions {
  bios?: SmbiosBios;
  system?: SmbiosSystem;
  baseboard?: SmbiosBaseboard;
  chassis?: SmbiosChassis;
  /** Type 11, which is there where one of them is. */
  oemStrings?: readonly string[];
}

export interface SmbiosFacts {
  chipset: Chipset;
  ram: RamSizes;
  cpus: number;
  /** CPUID leaf 1, EAX and EDX. */
  processor: { signature: number; features: number };
  options?: SmbiosOptions | undefined;
}

const MANUFACTURER = "Trihedron";
const BIOS_DATE = "01/01/2026";
const PRODUCTS = {
  q35: "Standard PC (Q35 + ICH9, 2009)",
  pc: "Standard PC (i440FX + PIIX, 1996)",
} as const;

const NONE = 0xffff;
const NO_ERROR_INFORMATION = 0xfffe;
const MEMORY_ARRAY = 0x1000;
/** Memory comes in modules of up to 16 GiB, as in QEMU. */
const MODULE_BYTES = 16 * GIB;
const KIB = 1024;

/** The table under construction. */
class Structures {
  readonly #table = new Table();
  count = 0;
  /** Bytes of the largest structure, its strings included. */
  largest = 0;

  /** A structure: its fields behind the header, in which `strings.of` numbers what is said. */
  add(
    type: number,
    handle: number,
    fields: (body: Table, text: (s?: string) => number) => void,
  ): void {
    const body = new Table();
    const strings: string[] = [];
    fields(body, (s) => (s === undefined || s === "" ? 0 : strings.push(s)));
    const whole = new Table()
      .u8(type, 4 + body.length)
      .u16(handle)
      .append(body.raw());
    for (const s of strings) whole.text(s).u8(0);
    if (strings.length === 0) whole.u8(0);
    whole.u8(0);
    this.#table.append(whole.raw());
    this.count++;
    this.largest = Math.max(this.largest, whole.length);
  }

  raw(): Uint8Array {
    return this.#table.raw();
  }
}

/** The bytes of a UUID as they are stored: the first three parts little-endian (7.2.1). */
function uuidBytes(text = "00000000-0000-0000-0000-000000000000"): number[] {
  const bytes = (text.replaceAll("-", "").match(/../g) ?? []).map((h) => Number.parseInt(h, 16));
  const part = (from: number, to: number): number[] => bytes.slice(from, to).reverse();
  return [...part(0, 4), ...part(4, 6), ...part(6, 8), ...bytes.slice(8)];
}

const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Why options cannot be said, or undefined: strings have no zeros and are not endless, a UUID is one. */
export function smbiosFault(options: SmbiosOptions): string | undefined {
  const { bios = {}, system = {}, baseboard = {}, chassis = {}, oemStrings = [] } = options;
  if (system.uuid !== undefined && !isUuid.test(system.uuid)) return `${system.uuid} is no UUID`;
  const texts = [bios, system, baseboard, chassis].flatMap((part) => Object.values(part));
  for (const text of [...texts, ...oemStrings]) {
    if (typeof text !== "string") continue;
    if (text.includes("\0") || new TextEncoder().encode(text).length > 64) {
      return `"${text.slice(0, 20)}…" is no text of up to 64 bytes`;
    }
  }
  return oemStrings.length > 8
    ? `${oemStrings.length} strings of type 11: expected at most 8`
    : undefined;
}

function biosStructure(all: Structures, { bios = {} }: SmbiosOptions): void {
  const { vendor = MANUFACTURER, version = "1.0", date = BIOS_DATE, release = [0, 0] } = bios;
  all.add(0, 0, (b, text) => {
    b.u8(text(vendor), text(version)).u16(0xf000).u8(text(date), 0);
    // Characteristics are not told; the machine is a virtual one.
    b.u64(8).u8(0, 0x1c, ...release, 0xff, 0xff);
  });
}

function systemStructures(all: Structures, name: Chipset["name"], options: SmbiosOptions): void {
  const { system = {}, baseboard, chassis = {} } = options;
  all.add(1, 0x100, (b, text) => {
    b.u8(text(system.manufacturer ?? MANUFACTURER), text(system.product ?? PRODUCTS[name]));
    b.u8(text(system.version ?? name), text(system.serial), ...uuidBytes(system.uuid));
    // Woken by the power switch.
    b.u8(6, text(system.sku), text(system.family));
  });
  if (baseboard !== undefined) {
    all.add(2, 0x200, (b, text) => {
      b.u8(text(baseboard.manufacturer ?? MANUFACTURER), text(baseboard.product ?? PRODUCTS[name]));
      b.u8(text(baseboard.version ?? name), text(baseboard.serial), text(baseboard.asset));
      // A hosting board, the motherboard, in the chassis.
      b.u8(1, text(baseboard.location)).u16(0x300).u8(0x0a, 0);
    });
  }
  all.add(3, 0x300, (b, text) => {
    b.u8(text(chassis.manufacturer ?? MANUFACTURER), 1, text(chassis.version ?? name));
    // States are safe, and of its security nothing is known.
    b.u8(text(chassis.serial), text(chassis.asset), 3, 3, 3, 2).u32(0).u8(0, 0, 0, 0);
    b.u8(text(chassis.sku));
  });
}

/** One socket with all of them as its cores, of 2 GHz. */
function processorStructure(all: Structures, { cpus, processor, chipset }: SmbiosFacts): void {
  all.add(4, 0x400, (b, text) => {
    b.u8(text("CPU 0"), 3, 1, text(MANUFACTURER)).u32(processor.signature).u32(processor.features);
    b.u8(text(chipset.name), 0).u16(0).u16(2000).u16(2000).u8(0x41, 1);
    b.u16(NONE).u16(NONE).u16(NONE).u8(0, 0, 0, cpus, cpus, cpus).u16(2).u16(1);
  });
}

function memoryStructures(all: Structures, ram: RamSizes): void {
  const bytes = ram.lowBytes + ram.highBytes;
  const modules = Math.ceil(bytes / MODULE_BYTES);
  all.add(16, MEMORY_ARRAY, (b) => {
    b.u8(1, 3, 6)
      .u32(Math.floor(bytes / KIB))
      .u16(NO_ERROR_INFORMATION)
      .u16(modules)
      .u64(0);
  });
  for (let i = 0; i < modules; i++) {
    const mib = Math.floor(Math.min(MODULE_BYTES, bytes - i * MODULE_BYTES) / MIB);
    all.add(17, 0x1100 + i, (b, text) => {
      b.u16(MEMORY_ARRAY).u16(NO_ERROR_INFORMATION).u16(NONE).u16(NONE).u16(mib);
      b.u8(9, 0, text(`DIMM ${i}`), 0, 7)
        .u16(2)
        .u16(0)
        .u8(text(MANUFACTURER), 0, 0, 0, 0);
      b.u32(0).u16(0).u16(0).u16(0).u16(0);
    });
  }
  ramPieces(ram).forEach(([start, length], i) => {
    all.add(19, 0x1300 + i, (b) => {
      b.u32(start / KIB)
        .u32(Math.floor((start + length) / KIB) - 1)
        .u16(MEMORY_ARRAY)
        .u8(1);
      b.u64(0).u64(0);
    });
  });
}

/** All structures; type 0 is firmware's own where that is not ours, unless options say what it is to be. */
function structures(facts: SmbiosFacts, hasBios: boolean): Structures {
  const { options = {} } = facts;
  const all = new Structures();
  if (hasBios || options.bios !== undefined) biosStructure(all, options);
  systemStructures(all, facts.chipset.name, options);
  processorStructure(all, facts);
  const { oemStrings = [] } = options;
  if (oemStrings.length > 0) {
    all.add(11, 0xe00, (b, text) => {
      for (const s of oemStrings) text(s);
      b.u8(oemStrings.length);
    });
  }
  memoryStructures(all, facts.ram);
  // No errors at the last start; the end.
  all.add(32, 0x2000, (b) => b.u8(0, 0, 0, 0, 0, 0, 0));
  all.add(127, 0x7f00, () => {});
  return all;
}

/** The entry point for a table at an address (5.2.1); firmware that moves the table sums up anew. */
function entryPoint(all: Structures, at: number): Uint8Array {
  const bytes = new Table()
    .text("_SM_")
    .u8(0, 0x1f, 2, 8)
    .u16(all.largest)
    .u8(0, 0, 0, 0, 0, 0)
    .text("_DMI_")
    .u8(0)
    .u16(all.raw().length)
    .u32(at)
    .u16(all.count)
    .u8(0x28)
    .raw();
  bytes[0x15] = checksum(bytes.subarray(0x10));
  bytes[4] = checksum(bytes);
  return bytes;
}

/** In the BIOS segment: the entry point on a 16-byte boundary, and the table behind it. */
export const SMBIOS_ADDRESS = 0xf5000;
const TABLE_ADDRESS = SMBIOS_ADDRESS + 0x20;

export function smbiosTables(facts: SmbiosFacts): Placement[] {
  const all = structures(facts, true);
  return [
    { address: SMBIOS_ADDRESS, data: entryPoint(all, TABLE_ADDRESS) },
    { address: TABLE_ADDRESS, data: all.raw() },
  ];
}

/** For firmware by others, which puts the table where it has room. */
export function smbiosFiles(facts: SmbiosFacts): FirmwareFile[] {
  const all = structures(facts, false);
  return [
    { name: "etc/smbios/smbios-tables", contents: () => all.raw() },
    { name: "etc/smbios/smbios-anchor", contents: () => entryPoint(all, 0) },
  ];
}
