// GUID partition table of a disk with 512-byte sectors (UEFI specification 2.10, 5.3): header and entries behind the
// MBR, and their backup at the disk's end.

import { crc32 } from "../crc32.ts";
import { SECTOR_BYTES } from "./mbr.ts";

export interface GptPartition {
  /** 16 bytes, what kind of partition it is. */
  type: Uint8Array;
  /** 16 bytes, which one it is. */
  id: Uint8Array;
  /** First and last sector. */
  first: number;
  last: number;
  /** Up to 36 UTF-16 units. */
  name: string;
  /** Bits 0 to 2 have common meanings (5.3.3), 48 to 63 those of the type. */
  attributes?: bigint;
}

const ENTRIES = 128;
const ENTRY_BYTES = 128;
const HEADER_BYTES = 92;
const REVISION = 0x00010000;
const ENTRY_SECTORS = (ENTRIES * ENTRY_BYTES) / SECTOR_BYTES;
/** Header and entries: behind the MBR, and again at the disk's end. */
export const GPT_SECTORS = 1 + ENTRY_SECTORS;

export interface GptOptions {
  /** Sectors of the whole disk. */
  sectors: number;
  /** 16 bytes. */
  diskId: Uint8Array;
  partitions: readonly GptPartition[];
}

export interface Gpt {
  /** Sectors from 1 on. */
  primary: Uint8Array;
  /** The disk's last sectors. */
  backup: Uint8Array;
}

export function writeGpt({ sectors, diskId, partitions }: GptOptions): Gpt {
  const entries = new Uint8Array(ENTRIES * ENTRY_BYTES);
  for (const [index, partition] of partitions.entries()) {
    writeEntry(entries.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES), partition);
  }
  const header = (here: number, other: number, table: number): Uint8Array => {
    const bytes = new Uint8Array(SECTOR_BYTES);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode("EFI PART"));
    view.setUint32(8, REVISION, true);
    view.setUint32(12, HEADER_BYTES, true);
    view.setBigUint64(24, BigInt(here), true);
    view.setBigUint64(32, BigInt(other), true);
    view.setBigUint64(40, BigInt(1 + GPT_SECTORS), true);
    view.setBigUint64(48, BigInt(sectors - GPT_SECTORS - 1), true);
    bytes.set(diskId, 56);
    view.setBigUint64(72, BigInt(table), true);
    view.setUint32(80, ENTRIES, true);
    view.setUint32(84, ENTRY_BYTES, true);
    view.setUint32(88, crc32(entries), true);
    view.setUint32(16, crc32(bytes.subarray(0, HEADER_BYTES)), true);
    return bytes;
  };
  const last = sectors - 1;
  const primary = new Uint8Array(GPT_SECTORS * SECTOR_BYTES);
  primary.set(header(1, last, 2));
  primary.set(entries, SECTOR_BYTES);
  const backup = new Uint8Array(GPT_SECTORS * SECTOR_BYTES);
  backup.set(entries);
  backup.set(header(last, 1, last - ENTRY_SECTORS), entries.length);
  return { primary, backup };
}

function writeEntry(entry: Uint8Array, partition: GptPartition): void {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  entry.set(partition.type);
  entry.set(partition.id, 16);
  view.setBigUint64(32, BigInt(partition.first), true);
  view.setBigUint64(40, BigInt(partition.last), true);
  view.setBigUint64(48, partition.attributes ?? 0n, true);
  for (let at = 0; at < partition.name.length; at++) {
    view.setUint16(56 + 2 * at, partition.name.charCodeAt(at), true);
  }
}
