// The boot catalogue ("El Torito" Bootable CD-ROM Format Specification 1.0, section 2; UEFI specification 2.10,
// 13.3.2.1): one entry for BIOS, one for UEFI, both without emulation.

import { BLOCK_BYTES } from "../parameters.ts";
import { paddedText } from "./fields.ts";

const ENTRY_BYTES = 32;
const VALIDATION = 0x01;
const LAST_SECTION = 0x91;
const BOOTABLE = 0x88;
const PLATFORM_BIOS = 0x00;
const PLATFORM_EFI = 0xef;
/** Sectors of 512 bytes that a BIOS loads to 7C00h: one block, the loader's boot sector. */
const BIOS_SECTORS = 4;
const SECTOR_BYTES = 512;
/** To UEFI 0 sectors are all up to the medium's end: for file systems of more than its 16 bits count. */
const TO_THE_END = 0;

/** What an entry starts. */
export interface BootEntries {
  /** First block of the loader for BIOS. */
  biosBlock: number;
  /** The EFI system partition. */
  efiBlock: number;
  efiBytes: number;
}

/** The catalogue, one block. */
export function writeCatalogue({ biosBlock, efiBlock, efiBytes }: BootEntries): Uint8Array {
  const catalogue = new Uint8Array(BLOCK_BYTES);
  const efiSectors = efiBytes / SECTOR_BYTES;
  const entries = [
    validationEntry(),
    bootEntry(BIOS_SECTORS, biosBlock),
    sectionHeader(),
    bootEntry(efiSectors > 0xffff ? TO_THE_END : efiSectors, efiBlock),
  ];
  for (const [index, entry] of entries.entries()) catalogue.set(entry, index * ENTRY_BYTES);
  return catalogue;
}

function validationEntry(): Uint8Array {
  const entry = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(entry.buffer);
  entry.set([VALIDATION, PLATFORM_BIOS]);
  entry.set(paddedText("TRIHEDRON", 24), 4);
  entry.set([0x55, 0xaa], 30);
  // Its 16 words make zero.
  let sum = 0;
  for (let at = 0; at < ENTRY_BYTES; at += 2) sum += view.getUint16(at, true);
  view.setUint16(28, -sum & 0xffff, true);
  return entry;
}

function sectionHeader(): Uint8Array {
  const entry = new Uint8Array(ENTRY_BYTES);
  entry.set([LAST_SECTION, PLATFORM_EFI, 1, 0]);
  return entry;
}

function bootEntry(sectors: number, block: number): Uint8Array {
  const entry = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(entry.buffer);
  view.setUint8(0, BOOTABLE);
  view.setUint16(6, sectors, true);
  view.setUint32(8, block, true);
  return entry;
}
