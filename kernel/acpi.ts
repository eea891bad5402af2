// ACPI tables, as far as the HIP and the kernel need them: RSDP, RSDT/XSDT, MADT, FADT, MCFG, HPET, DMAR.
// ACPI Specification 6.5, chapter 5.2. AML is not interpreted. Tables have to lie below 4 GiB; one with
// a wrong checksum is ignored with a line in the log.

import { firstMapEntry, loaderRsdp, MEMORY_ACPI_TABLES, nextMapEntry } from "./boot_info";
import { beginLine, endLine, print, printHex, printLine } from "./console";
import { addCpu } from "./cpu";
import { addIoapic } from "./ioapic";
import { isReachable } from "./lapic";
import { inw, outb, pause } from "./x86";

/** Signatures as little-endian numbers. */
const SIG_RSD: u64 = ((<u64>0x20525450) << 32) | 0x20445352;
const SIG_APIC: u32 = 0x43495041;
const SIG_FACP: u32 = 0x50434146;
const SIG_MCFG: u32 = 0x4746434d;
const SIG_HPET: u32 = 0x54455048;
const SIG_DMAR: u32 = 0x52414d44;

const HEADER_BYTES: u32 = 36;
/** More than any firmware's table: a length beyond is taken for garbage. */
const MAX_TABLE_BYTES: u32 = 0x100000;
/** The same of all tables together. */
const MAX_TABLES_BYTES: u64 = 0x400_0000;
const SCI_EN: i32 = 1;

let rootTable: u64 = 0;
let fadt: usize = 0;
let dmar: u64 = 0;
let mcfgStart: u64 = 0;
let mcfgSize: u64 = 0;
let firstBus: u32 = 0;
let hpetStart: u64 = 0;
let hasPic: bool = true;

/** MADT interrupt source overrides: flags + 1 per GSI below 32, 0 where there is none. */
const overrides: usize = memory.data(64);
const OVERRIDES: u32 = 32;

function checksumIsZero(start: usize, bytes: u32): bool {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < bytes; i++) sum += <u32>load<u8>(start + i);
  return (sum & 0xff) === 0;
}

function findRsdp(start: usize, bytes: u32): usize {
  for (let i: u32 = 0; i + 20 <= bytes; i += 16) {
    if (load<u64>(start + i) === SIG_RSD && checksumIsZero(start + i, 20)) return start + i;
  }
  return 0;
}

/** The table at a physical address if it is usable, or 0. */
function validTable(address: u64): usize {
  if (address === 0 || address >> 32 !== 0) return 0;
  const table = <usize>address;
  const length = load<u32>(table, 4);
  const usable =
    length >= HEADER_BYTES && length <= MAX_TABLE_BYTES && address + <u64>length <= 0x100000000;
  if (usable && checksumIsZero(table, length)) return table;
  beginLine("ACPI: ignored a table with a wrong length or checksum at ");
  printHex(address);
  endLine();
  return 0;
}

function parseMadt(madt: usize): void {
  const end = madt + load<u32>(madt, 4);
  hasPic = (load<u32>(madt, 40) & 1) !== 0;
  let at = madt + 44;
  while (at + 2 <= end) {
    const type = load<u8>(at);
    const length = <usize>load<u8>(at, 1);
    if (length < 2 || at + length > end) break;
    if (type === 0 && length >= 8) {
      // Enabled CPUs only; 0xff is the broadcast address.
      if (load<u32>(at, 4) & 1 && load<u8>(at, 3) !== 0xff) {
        addCpu(load<u8>(at, 3), load<u8>(at, 2));
      }
    } else if (type === 9 && length >= 16) {
      // CPUs whose ID does not fit the first kind; the HIP has eight bits for what ACPI calls it.
      const apicId = load<u32>(at, 4);
      if (load<u32>(at, 8) & 1 && isReachable(apicId)) addCpu(apicId, load<u32>(at, 12) & 0xff);
    } else if (type === 1 && length >= 12) {
      addIoapic(load<u8>(at, 2), load<u32>(at, 4), load<u32>(at, 8));
    } else if (type === 2 && length >= 10) {
      const gsi = load<u32>(at, 4);
      if (load<u8>(at, 2) === 0 && gsi < OVERRIDES) {
        store<u16>(overrides + (gsi << 1), load<u16>(at, 8) + 1);
      }
    }
    at += length;
  }
}

function parseMcfg(mcfg: usize): void {
  const end = mcfg + load<u32>(mcfg, 4);
  for (let at = mcfg + 44; at + 16 <= end; at += 16) {
    if (load<u16>(at, 8) !== 0) continue;
    firstBus = load<u8>(at, 10);
    mcfgStart = load<u64>(at);
    mcfgSize = (<u64>(<u32>load<u8>(at, 11) - firstBus + 1)) << 20;
  }
}

function parseTable(table: usize): void {
  const signature = load<u32>(table);
  if (signature === SIG_APIC) parseMadt(table);
  else if (signature === SIG_FACP) fadt = table;
  else if (signature === SIG_MCFG) parseMcfg(table);
  else if (signature === SIG_DMAR) dmar = <u64>table;
  // Address space 0: memory.
  else if (signature === SIG_HPET && load<u8>(table, 40) === 0) hpetStart = load<u64>(table, 44);
}

/**
 * Looks through the memory that firmware keeps ACPI tables in, by the loader's map. EFI firmware tells in a way of its
 * own where the RSDP is, which a loader that speaks the first Multiboot protocol cannot pass on.
 */
function findRsdpInTables(): usize {
  for (let entry = firstMapEntry(); entry !== 0; entry = nextMapEntry(entry)) {
    if (load<u32>(entry, 16) !== MEMORY_ACPI_TABLES) continue;
    const start = (load<u64>(entry) + 15) & ~(<u64>15);
    const bytes = load<u64>(entry, 8);
    if (start >> 32 !== 0 || bytes > MAX_TABLES_BYTES || start + bytes > 0x100000000) continue;
    const rsdp = findRsdp(<usize>start, <u32>bytes);
    if (rsdp !== 0) return rsdp;
  }
  return 0;
}

/** Finds and reads the tables; false if there is no ACPI. */
export function parseAcpi(): bool {
  const ebda = (<usize>load<u16>(0x40e)) << 4;
  let rsdp = loaderRsdp();
  if (rsdp !== 0 && findRsdp(rsdp, 20) === 0) rsdp = 0;
  if (rsdp === 0 && ebda >= 0x400 && ebda < 0xa0000) rsdp = findRsdp(ebda, 1024);
  if (rsdp === 0) rsdp = findRsdp(0xe0000, 0x20000);
  if (rsdp === 0) rsdp = findRsdpInTables();
  if (rsdp === 0) {
    printLine("ACPI: no RSDP found");
    return false;
  }
  let entryBytes: u32 = 4;
  rootTable = <u64>load<u32>(rsdp, 16);
  if (load<u8>(rsdp, 15) >= 2 && load<u64>(rsdp, 24) !== 0 && load<u64>(rsdp, 24) >> 32 === 0) {
    rootTable = load<u64>(rsdp, 24);
    entryBytes = 8;
  }
  const root = validTable(rootTable);
  if (root === 0) return false;
  const length = load<u32>(root, 4);
  for (let i = HEADER_BYTES; i + entryBytes <= length; i += entryBytes) {
    const entry = entryBytes === 8 ? load<u64>(root + i) : <u64>load<u32>(root + i);
    const table = validTable(entry);
    if (table !== 0) parseTable(table);
  }
  return true;
}

/** Switches from SMM-driven to ACPI power management where the FADT asks for it. */
export function enableAcpi(): void {
  if (fadt === 0) return;
  const command = load<u32>(fadt, 48);
  const enable = load<u8>(fadt, 52);
  const control = <i32>load<u32>(fadt, 64);
  if (command === 0 || enable === 0 || control === 0) return;
  if (inw(control) & SCI_EN) return;
  outb(<i32>command, enable);
  for (let spins = 0; spins < 1000000 && (inw(control) & SCI_EN) === 0; spins++) pause();
  if ((inw(control) & SCI_EN) === 0) {
    beginLine("ACPI: the firmware did not hand over power management");
    print(" (SCI_EN stays 0)");
    endLine();
  }
}

/** MPS INTI flags of a GSI: polarity 1:0, trigger 3:2, 0 for "as the bus". */
export function overrideFlags(gsi: u32): u32 {
  if (gsi >= OVERRIDES) return 0;
  const value = <u32>load<u16>(overrides + (gsi << 1));
  return value === 0 ? 0 : value - 1;
}

/** I/O port of the power management timer, 0 for none. */
export function pmTimerPort(): i32 {
  return fadt === 0 ? 0 : <i32>load<u32>(fadt, 76);
}

/** The timer is 24 bits wide unless FADT flag TMR_VAL_EXT is set. */
export function pmTimerMask(): u32 {
  return load<u32>(fadt, 112) & (1 << 8) ? 0xffffffff : 0xffffff;
}

/** Writes the generic address of PM1a_CNT (`second`: PM1b_CNT), 12 bytes; nothing if there is none. */
export function describePm1Control(out: usize, second: bool): void {
  if (fadt === 0) return;
  const port = load<u32>(fadt + <usize>(second ? 68 : 64));
  if (port === 0) return;
  store<u8>(out, 1);
  store<u8>(out, <u8>(load<u8>(fadt, 89) << 3), 1);
  store<u32>(out, port, 4);
}

/** The FADT, 0 where there is none. */
export function fadtTable(): usize {
  return fadt;
}

/** Address of the FACS, 0 for none: X_FIRMWARE_CTRL, or FIRMWARE_CTRL. ACPI Specification 6.5, 5.2.9. */
export function facsAddress(): usize {
  if (fadt === 0) return 0;
  const extended: u64 = load<u32>(fadt, 4) >= 140 ? load<u64>(fadt, 132) : 0;
  if (extended !== 0) return extended >> 32 === 0 ? <usize>extended : 0;
  return <usize>load<u32>(fadt, 36);
}

/** What the FACS names as the address to go on at after a sleep state, 0 where there is none. */
export function facsWakingVector(): u64 {
  const facs = facsAddress();
  return facs === 0 ? 0 : <u64>load<u32>(facs, 12);
}

export function acpiRootTable(): u64 {
  return rootTable;
}

export function dmarTable(): u64 {
  return dmar;
}

export function mcfgBase(): u64 {
  return mcfgStart;
}

export function mcfgBytes(): u64 {
  return mcfgSize;
}

export function mcfgFirstBus(): u32 {
  return firstBus;
}

export function hpetAddress(): u64 {
  return hpetStart;
}

/** Whether the machine also has a pair of 8259A. */
export function hasLegacyPic(): bool {
  return hasPic;
}
