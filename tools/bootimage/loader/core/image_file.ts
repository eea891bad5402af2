// Files of the image: found by the file table, /boot/files.tab (tools/bootimage/file-table.ts has its layout), read in
// large pieces to where they are wanted, and held to the table's lengths and checksums. Directories are never walked.

import { BELOW_4_GIB, PAGE } from "./allocator";
import { endLine, print, printBytes, printDecimal, printHex, printSize, put } from "./console";
import { beginFileError, endError, failFile, printStatus } from "./failure";
import { BLOCK, firmware } from "./firmware";
import { tableBlock, tableBytes, tableCrc } from "./parameters";
import { crc32c, zero_physical } from "./stub";
import { load8, load16, load32, load64 } from "./x86";

const HEADER_BYTES: u64 = 16;
const ENTRY_BYTES: u64 = 18;
/** "TRIHTAB1" */
const MAGIC: u64 = 0x3142_4154_4849_5254;
/** Blocks of a piece, 4 MiB: large enough for the medium, small enough for progress and for the caches to help the checksum. */
const PIECE: u32 = 2048;
/** A dot of progress, in bytes. */
const DOT: u64 = 8 << 20;
/** "boot/files.tab" */
const tablePath: usize = memory.data<u8>([
  0x62, 0x6f, 0x6f, 0x74, 0x2f, 0x66, 0x69, 0x6c, 0x65, 0x73, 0x2e, 0x74, 0x61, 0x62,
]);
const TABLE_PATH_LENGTH: i32 = 14;

/** A file of the image. */
@unmanaged
export class ImageFile {
  /** Its name, in linear memory. */
  path: usize;
  pathLength: i32;
  /** First block. */
  block: u32;
  /** Bytes. */
  size: u64;
  /** CRC-32C of the contents. */
  crc: u32;
}

let table: u64 = 0;
let tableEnd: u64 = 0;
let tableEntries: u32 = 0;

/** Bytes that reading a file takes: whole pages, of which blocks are parts. */
export function roomFor(size: u64): u64 {
  return (size + PAGE - 1) & ~(PAGE - 1);
}

/** Says which block could not be read and why; false. */
function readError(file: ImageFile, block: u32, status: u64): bool {
  beginFileError(file.path, file.pathLength);
  print("read error at LBA ");
  printDecimal(block);
  print(" (blocks of 2048 bytes), ");
  printStatus(status);
  return endError();
}

/** One piece; where it fails as a whole, block by block, so that the one at fault is known. */
function readPiece(file: ImageFile, block: u32, count: u32, to: u64): bool {
  if (firmware.readBlocks(block, count, to) === 0) return true;
  for (let i: u32 = 0; i < count; i++) {
    const status = firmware.readBlocks(block + i, 1, to + <u64>i * BLOCK);
    if (status !== 0) return readError(file, block + i, status);
  }
  return true;
}

/**
 * Reads a file to physical memory at `to`, which has `roomFor(size)` bytes, and zeroes what is behind it there. False
 * after an error has been printed: a block that cannot be read, or contents that the table does not know.
 */
export function readFile(file: ImageFile, to: u64): bool {
  let crc: u32 = 0;
  let dots: u64 = DOT;
  for (let done: u64 = 0; done < file.size; ) {
    const left = file.size - done;
    const count = <u32>min<u64>(PIECE, (left + BLOCK - 1) / BLOCK);
    if (!readPiece(file, file.block + <u32>(done / BLOCK), count, to + done)) return false;
    const bytes = min<u64>(left, <u64>count * BLOCK);
    crc = crc32c(to + done, bytes, crc);
    done += bytes;
    for (; done >= dots; dots += DOT) put(46);
  }
  zero_physical(to + file.size, roomFor(file.size) - file.size);
  if (crc === file.crc) return true;
  beginFileError(file.path, file.pathLength);
  print("damaged: CRC-32C is ");
  printHex(crc);
  print(", expected ");
  printHex(file.crc);
  print(" (");
  printDecimal(file.size);
  print(" bytes from LBA ");
  printDecimal(file.block);
  put(41);
  return endError();
}

/** As `readFile`, with the file's name and size before and progress meanwhile. */
export function loadFile(file: ImageFile, to: u64): bool {
  print("loading ");
  printBytes(file.path, file.pathLength);
  print(", ");
  printSize(file.size);
  put(32);
  if (!readFile(file, to)) return false;
  endLine();
  return true;
}

/** Reads the file table; false after an error has been printed. */
export function readFileTable(): bool {
  const file = changetype<ImageFile>(memory.data(offsetof<ImageFile>(), 8));
  file.path = tablePath;
  file.pathLength = TABLE_PATH_LENGTH;
  file.block = tableBlock();
  file.size = tableBytes();
  file.crc = tableCrc();
  if (file.size < HEADER_BYTES) return failFile(file.path, file.pathLength, "is too short");
  table = firmware.allocate(roomFor(file.size), BELOW_4_GIB);
  if (table === 0) return failFile(file.path, file.pathLength, "there is no memory for it");
  if (!readFile(file, table)) return false;
  if (load64(table) !== MAGIC) return failFile(file.path, file.pathLength, "is no file table");
  tableEnd = table + file.size;
  tableEntries = <u32>load32(table + 8);
  return true;
}

function isPath(at: u64, path: usize, length: i32): bool {
  for (let i = 0; i < length; i++) {
    if (<u8>load8(at + i) !== load<u8>(path + i)) return false;
  }
  return true;
}

/** Fills in `out` with the file of this path (no slash in front); false after an error has been printed. */
export function findFile(path: usize, length: i32, out: ImageFile): bool {
  out.path = path;
  out.pathLength = length;
  let at = table + HEADER_BYTES;
  for (let i: u32 = 0; i < tableEntries; i++) {
    if (tableEnd - at < ENTRY_BYTES) break;
    const pathBytes = <i32>load16(at + 16);
    if (tableEnd - at - ENTRY_BYTES < <u64>pathBytes) break;
    if (pathBytes === length && isPath(at + ENTRY_BYTES, path, length)) {
      out.size = load64(at);
      out.block = <u32>load32(at + 8);
      out.crc = <u32>load32(at + 12);
      if (out.size + BLOCK - 1 > (<u64>~out.block) << 11 || out.size >> 43 !== 0) {
        return failFile(path, length, "ends behind the last LBA");
      }
      return true;
    }
    const next = at + ((ENTRY_BYTES + <u64>pathBytes + 7) & ~7);
    if (next > tableEnd) break;
    at = next;
  }
  return failFile(path, length, "is not in the image");
}
