// The file table of a boot image, /boot/files.tab: by it the loader finds files, and against it everything is
// checked that was read.
//
//   offset size
//        0    8  "TRIHTAB1"
//        8    4  number of entries
//       12    4  CRC-32C of everything behind offset 16
//       16       the entries:
//                  0  8  bytes of the file
//                  8  4  its first block; the others follow it
//                 12  4  CRC-32C of its contents
//                 16  2  bytes of its path
//                 18     path: UTF-8, no slash in front; zeros up to a multiple of 8 from the entry's start
//
// Numbers are little-endian, blocks have 2048 bytes and count from the image's start.

import { crc32c } from "./crc32.ts";
import { BootImageError } from "./error.ts";

export interface FileTableEntry {
  /** In the image, from its root: `boot/boot.conf`. */
  path: string;
  /** Bytes. */
  size: number;
  /** First block. */
  block: number;
  /** CRC-32C of the contents. */
  crc: number;
}

export const FILE_TABLE_MAGIC = "TRIHTAB1";
const HEADER_BYTES = 16;
const ENTRY_BYTES = 18;

const alignedTo8 = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** The table's bytes, entries in the given order. Throws `BootImageError` for a path over 65535 bytes. */
export function writeFileTable(entries: readonly FileTableEntry[]): Uint8Array {
  const paths = entries.map(({ path }) => new TextEncoder().encode(path));
  const sizes = paths.map((path) => alignedTo8(ENTRY_BYTES + path.length));
  const table = new Uint8Array(sizes.reduce((sum, size) => sum + size, HEADER_BYTES));
  const view = new DataView(table.buffer);
  let at = HEADER_BYTES;
  for (const [index, entry] of entries.entries()) {
    const path = paths[index] as Uint8Array;
    if (path.length > 0xffff) {
      throw new BootImageError(`${entry.path.slice(0, 40)}…: the path has more than 65535 bytes`);
    }
    view.setBigUint64(at, BigInt(entry.size), true);
    view.setUint32(at + 8, entry.block, true);
    view.setUint32(at + 12, entry.crc, true);
    view.setUint16(at + 16, path.length, true);
    table.set(path, at + ENTRY_BYTES);
    at += sizes[index] as number;
  }
  table.set(new TextEncoder().encode(FILE_TABLE_MAGIC));
  view.setUint32(8, entries.length, true);
  view.setUint32(12, crc32c(table.subarray(HEADER_BYTES)), true);
  return table;
}

/** Bytes that the table for these paths takes. */
export function fileTableBytes(paths: readonly string[]): number {
  return paths.reduce(
    (sum, path) => sum + alignedTo8(ENTRY_BYTES + Buffer.byteLength(path)),
    HEADER_BYTES,
  );
}

/** The entries of a table. Throws `BootImageError` where it is cut off or damaged. */
export function readFileTable(table: Uint8Array): FileTableEntry[] {
  const damaged = (what: string): BootImageError => new BootImageError(`file table: ${what}`);
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const text = new TextDecoder();
  if (table.length < HEADER_BYTES || text.decode(table.subarray(0, 8)) !== FILE_TABLE_MAGIC) {
    throw damaged(`does not begin with ${FILE_TABLE_MAGIC}`);
  }
  if (view.getUint32(12, true) !== crc32c(table.subarray(HEADER_BYTES))) {
    throw damaged("has another checksum than it says");
  }
  const entries: FileTableEntry[] = [];
  let at = HEADER_BYTES;
  for (let index = 0; index < view.getUint32(8, true); index++) {
    const pathBytes = at + ENTRY_BYTES <= table.length ? view.getUint16(at + 16, true) : 0;
    const end = at + ENTRY_BYTES + pathBytes;
    if (end > table.length) throw damaged(`ends within entry ${index}`);
    entries.push({
      path: text.decode(table.subarray(at + ENTRY_BYTES, end)),
      size: Number(view.getBigUint64(at, true)),
      block: view.getUint32(at + 8, true),
      crc: view.getUint32(at + 12, true),
    });
    at += alignedTo8(ENTRY_BYTES + pathBytes);
  }
  return entries;
}
