// The ACPI tables for firmware by others: one file with all of them, whose pointers count from its beginning, one with the
// RSDP, and the commands by which firmware places both, adds their addresses to the pointers and mends the checksums (QEMU
// hw/acpi/bios-linker-loader.c; ACPI 6.4, 5.2).

import type { FirmwareFile } from "../../devices/device.ts";
import { type AcpiFacts, acpiTables, RSDP_ADDRESS } from "./acpi-tables.ts";
import type { Placement } from "./low-memory.ts";

const TABLES = "etc/acpi/tables";
const RSDP = "etc/acpi/rsdp";
const LOADER = "etc/table-loader";

const COMMAND_BYTES = 128;
const NAME_BYTES = 56;
const ALLOCATE = 1;
const ADD_POINTER = 2;
const ADD_CHECKSUM = 3;
/** Where firmware allocates a file: anywhere below 4 GiB, or in the BIOS segment, where guests look for the RSDP. */
const ZONE_HIGH = 1;
const ZONE_BIOS = 2;
const TABLES_ALIGNMENT = 64;
const RSDP_ALIGNMENT = 16;

/** Of the header of a table: its length and checksum. */
const LENGTH = 4;
const CHECKSUM = 9;
const HEADER_BYTES = 36;
/** Pointers of the FADT to FACS and DSDT, and the extended ones; those of the RSDP to RSDT and XSDT. */
const FADT_POINTERS: readonly Pointer[] = [
  [36, 4],
  [40, 4],
  [132, 8],
  [140, 8],
];
const RSDP_POINTERS: readonly Pointer[] = [
  [16, 4],
  [24, 8],
];
/** Checksums of the RSDP, and how much each is of. */
const RSDP_CHECKSUMS: readonly [offset: number, length: number][] = [
  [8, 20],
  [32, 36],
];

/** Offset and bytes. */
type Pointer = readonly [offset: number, size: number];

class Commands {
  readonly #all: Uint8Array[] = [];

  #add(command: number, fill: (view: DataView, name: (at: number, text: string) => void) => void) {
    const bytes = new Uint8Array(COMMAND_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, command, true);
    fill(view, (at, text) => bytes.set(new TextEncoder().encode(text), at));
    this.#all.push(bytes);
  }

  allocate(file: string, alignment: number, zone: number): void {
    this.#add(ALLOCATE, (view, name) => {
      name(4, file);
      view.setUint32(4 + NAME_BYTES, alignment, true);
      view.setUint8(8 + NAME_BYTES, zone);
    });
  }

  /** Adds the address of the tables to a pointer of `file`. */
  addPointer(file: string, [offset, size]: Pointer): void {
    this.#add(ADD_POINTER, (view, name) => {
      name(4, file);
      name(4 + NAME_BYTES, TABLES);
      view.setUint32(4 + 2 * NAME_BYTES, offset, true);
      view.setUint8(8 + 2 * NAME_BYTES, size);
    });
  }

  /** Has `length` bytes from `start` of `file` add up to 0 by the byte at `offset`. */
  addChecksum(file: string, offset: number, start: number, length: number): void {
    this.#add(ADD_CHECKSUM, (view, name) => {
      name(4, file);
      [offset, start, length].forEach((value, i) => {
        view.setUint32(4 + NAME_BYTES + 4 * i, value, true);
      });
    });
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#all.flatMap((command) => [...command]));
  }
}

/** The pointers of a table, by its signature. */
function pointersOf(signature: string, length: number): readonly Pointer[] {
  const entries = (size: number): Pointer[] =>
    Array.from({ length: (length - HEADER_BYTES) / size }, (_, i) => [
      HEADER_BYTES + size * i,
      size,
    ]);
  if (signature === "RSDT") return entries(4);
  if (signature === "XSDT") return entries(8);
  // The FADT of ACPI 1.0 ends before the extended ones.
  return signature === "FACP" ? FADT_POINTERS.filter(([at, size]) => at + size <= length) : [];
}

interface Files {
  tables: Uint8Array;
  rsdp: Uint8Array;
  loader: Uint8Array;
}

function filesOf(facts: AcpiFacts): Files {
  const placed = acpiTables({ ...facts, map: { ...facts.map, tables: 0 } });
  const isRsdp = (p: Placement): boolean => p.address === RSDP_ADDRESS;
  const tables = placed.filter((p) => !isRsdp(p));
  const rsdp = (placed.find(isRsdp) as Placement).data.slice();
  const bytes = new Uint8Array(Math.max(...tables.map((p) => p.address + p.data.length)));
  const view = new DataView(bytes.buffer);
  const commands = new Commands();
  commands.allocate(RSDP, RSDP_ALIGNMENT, ZONE_BIOS);
  commands.allocate(TABLES, TABLES_ALIGNMENT, ZONE_HIGH);
  for (const { address, data } of tables) {
    bytes.set(data, address);
    const signature = String.fromCharCode(...data.subarray(0, 4));
    const pointers = pointersOf(signature, data.length);
    if (pointers.length === 0) continue;
    for (const [offset, size] of pointers) commands.addPointer(TABLES, [address + offset, size]);
    bytes[address + CHECKSUM] = 0;
    commands.addChecksum(
      TABLES,
      address + CHECKSUM,
      address,
      view.getUint32(address + LENGTH, true),
    );
  }
  for (const pointer of RSDP_POINTERS) commands.addPointer(RSDP, pointer);
  for (const [offset] of RSDP_CHECKSUMS) rsdp[offset] = 0;
  for (const [offset, length] of RSDP_CHECKSUMS) commands.addChecksum(RSDP, offset, 0, length);
  return { tables: bytes, rsdp, loader: commands.bytes() };
}

/** Three files that go together; `facts` are asked for when firmware reads them. */
export function acpiFiles(facts: () => AcpiFacts): FirmwareFile[] {
  return [
    { name: TABLES, contents: () => filesOf(facts()).tables },
    { name: RSDP, contents: () => filesOf(facts()).rsdp },
    { name: LOADER, contents: () => filesOf(facts()).loader },
  ];
}
