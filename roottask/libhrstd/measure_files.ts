// Measuring files: one of 64 KiB and one of 1 MiB are written and read from start to end, in pieces of every size. The
// program says how a piece is written and read: by system calls of Linux, or by calls of a service.

import { measuredLength, measuredLine, measureWith } from "./measure";

/** Transfers `length` bytes between a file and memory at `memory`; the number transferred, or a negative error. */
export type FileTransfer = (fd: i64, memory: usize, length: u32) => i64;

const KIB: u32 = 1024;
export const SMALL_FILE: u32 = 64 * KIB;
export const LARGE_FILE: u32 = 1024 * KIB;
const REPETITIONS: u32 = 100;

/** Bytes a call transfers, and how names say it. */
const SIZES: u32 = 10;
const sizes = memory.data<u32>([
  1, 16, 256, 4096, 16_384, 32_768, 65_536, 131_072, 262_144, 1_048_576,
]);

function nameOf(index: u32): string {
  switch (index) {
    case 0:
      return "1";
    case 1:
      return "16";
    case 2:
      return "256";
    case 3:
      return "4k";
    case 4:
      return "16k";
    case 5:
      return "32k";
    case 6:
      return "64k";
    case 7:
      return "128k";
    case 8:
      return "256k";
    default:
      return "1m";
  }
}

let file: i64 = 0;
let content: usize = 0;
let fileBytes: u32 = 0;
let pieceBytes: u32 = 0;
/** A transfer was not what it should be. */
let failed: bool = false;

function unset(fd: i64, memory: usize, length: u32): i64 {
  return -1;
}
let writePiece: FileTransfer = unset;
let readPiece: FileTransfer = unset;
let rewindFile: (fd: i64) => void = (fd: i64): void => {};
let print: (text: usize, length: u32) => void = (text: usize, length: u32): void => {};

function transferAll(transfer: FileTransfer): void {
  for (let done: u32 = 0; done < fileBytes; done += pieceBytes) {
    if (transfer(file, content + done, pieceBytes) !== (pieceBytes as i64)) failed = true;
  }
}

function rewind(): void {
  rewindFile(file);
}

function writeAll(): void {
  transferAll(writePiece);
}

function readAll(): void {
  transferAll(readPiece);
}

function nothing(): void {}

/** A byte of the content, which tells its place. */
function patternAt(at: u32): u8 {
  return (at * 7 + (at >> 8)) as u8;
}

function fill(): void {
  for (let at: u32 = 0; at < fileBytes; at++) store<u8>(content + at, patternAt(at));
}

function check(): void {
  for (let at: u32 = 0; at < fileBytes; at++) {
    if (load<u8>(content + at) !== patternAt(at)) failed = true;
  }
}

/** Says how files are accessed and where lines go. */
export function measureFilesBy(
  write: FileTransfer,
  read: FileTransfer,
  rewindTo: (fd: i64) => void,
  printLine: (text: usize, length: u32) => void,
): void {
  writePiece = write;
  readPiece = read;
  rewindFile = rewindTo;
  print = printLine;
}

/**
 * Measures writing and reading the open file `fd` of `bytes` bytes, whose content is kept in as many at `storage`, and
 * prints a line for each size of a piece: its name is `writeName` or `readName` with the size behind it. False where a
 * transfer was short or what is read is not what has been written.
 */
export function measureFile(
  writeName: string,
  readName: string,
  fd: i64,
  storage: usize,
  bytes: u32,
): bool {
  file = fd;
  content = storage;
  fileBytes = bytes;
  fill();
  // The file has its size from here on.
  pieceBytes = bytes;
  rewind();
  writeAll();
  for (let index: u32 = 0; index < SIZES; index++) {
    pieceBytes = load<u32>(sizes + index * 4);
    if (pieceBytes > bytes) break;
    const calls = bytes / pieceBytes;
    fill();
    const size = nameOf(index);
    if (measureWith(writeName, size, REPETITIONS, calls, 1, rewind, writeAll, nothing)) {
      print(measuredLine(), measuredLength());
    }
    memory.fill(content, 0, bytes);
    if (measureWith(readName, size, REPETITIONS, calls, 1, rewind, readAll, nothing)) {
      print(measuredLine(), measuredLength());
      check();
    }
  }
  return !failed;
}
