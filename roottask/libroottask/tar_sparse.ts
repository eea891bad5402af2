// Sparse files in tar archives, unpacked into memory: GNU tar's old format (type S) and its pax formats 0.0,
// 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files"). All of them are a list of segments (offset, length)
// and the segments' bytes one after the other; they differ in where the list stands.

import { allocate, release } from "./heap";
import {
  BLOCK,
  headerNumber,
  LONG_NUMBER,
  numberRight,
  SPARSE_MORE,
  SPARSE_SEGMENTS,
  SPARSE_SIZE,
} from "./tar_header";
import {
  Attributes,
  nextRecord,
  openRecords,
  recordIs,
  recordLength,
  recordValue,
} from "./tar_pax";
import { parseDecimal } from "./text";

/** Why a file could not be unpacked. */
export const SPARSE_OK: u32 = 0;
export const SPARSE_MAP: u32 = 1;
export const SPARSE_VERSION: u32 = 2;
export const SPARSE_LARGE: u32 = 3;
export const SPARSE_MEMORY: u32 = 4;

/** A segment in a header: offset and length. Segments in an old header and in a block that follows it. */
const SEGMENT: u32 = 2 * LONG_NUMBER;
const HEADER_SEGMENTS: u32 = 4;
const BLOCK_SEGMENTS: u32 = 21;
const BLOCK_MORE: u32 = 504;

/** The unpacked file. */
export let sparseData: usize = 0;
export let sparseSize: u32 = 0;

/** Packed bytes that are still to be placed. */
let packed: usize = 0;
let packedEnd: usize = 0;

export function sparseMessage(error: u32): string {
  switch (error) {
    case SPARSE_VERSION:
      return "sparse file of an unknown format";
    case SPARSE_LARGE:
      return "sparse file of more than 256 MiB";
    case SPARSE_MEMORY:
      return "out of memory";
    default:
      return "sparse file whose list of segments is malformed";
  }
}

/** Copies the next `length` packed bytes to `offset`. False where either side has no room for them. */
function segment(offset: i64, length: i64): bool {
  if (offset < 0 || length < 0 || length > ((packedEnd - packed) as i64)) return false;
  if (offset > (sparseSize as i64) - length) return false;
  memory.copy(sparseData + (offset as usize), packed, length as usize);
  packed += length as usize;
  return true;
}

/** Segments in `count` pairs of header fields; a field that begins with NUL ends the list. */
function fieldSegments(field: usize, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    const at = field + i * SEGMENT;
    if (load<u8>(at + LONG_NUMBER) === 0) return true;
    const offset = headerNumber(at, LONG_NUMBER);
    if (!numberRight) return false;
    const length = headerNumber(at + LONG_NUMBER, LONG_NUMBER);
    if (!numberRight || !segment(offset, length)) return false;
  }
  return true;
}

/** Bytes of the blocks with more segments behind the header of type S at `header`, `limit` at most; -1 where
 * that is not enough. */
export function oldListBytes(header: usize, limit: u32): i64 {
  let bytes: u32 = 0;
  let more = load<u8>(header + SPARSE_MORE) !== 0;
  while (more) {
    if (limit - bytes < BLOCK) return -1;
    more = load<u8>(header + BLOCK + bytes + BLOCK_MORE) !== 0;
    bytes += BLOCK;
  }
  return bytes as i64;
}

function oldSegments(header: usize, listBytes: u32): bool {
  if (!fieldSegments(header + SPARSE_SEGMENTS, HEADER_SEGMENTS)) return false;
  for (let at: u32 = 0; at < listBytes; at += BLOCK) {
    if (!fieldSegments(header + BLOCK + at, BLOCK_SEGMENTS)) return false;
  }
  return true;
}

/** Format 0.0: pairs of pax records. */
function recordSegments(header: usize, length: u32): bool {
  let offset: i64 = -1;
  openRecords(header, length);
  while (nextRecord()) {
    if (recordIs("GNU.sparse.offset")) {
      offset = parseDecimal(recordValue, recordLength);
    } else if (recordIs("GNU.sparse.numbytes")) {
      if (!segment(offset, parseDecimal(recordValue, recordLength))) return false;
      offset = -1;
    }
  }
  return true;
}

/** Where `listNumber` reads on. */
let list: usize = 0;

/** The decimal number before the next `separator` or `end`; -1 where there is none. */
function listNumber(end: usize, separator: u8): i64 {
  const start = list;
  while (list < end && load<u8>(list) !== separator) list++;
  const value = parseDecimal(start, (list - start) as u32);
  list++;
  return value;
}

/** Format 0.1: "OFFSET,LENGTH,OFFSET,LENGTH…" in one record. */
function mapSegments(map: usize, length: u32): bool {
  const end = map + length;
  list = map;
  while (list < end) {
    const offset = listNumber(end, 44);
    if (!segment(offset, listNumber(end, 44))) return false;
  }
  return true;
}

/** Format 1.0: a count and the pairs, a number a line, padded to whole blocks before the data. */
function leadingSegments(): bool {
  const start = packed;
  const end = packedEnd;
  list = start;
  const count = listNumber(end, 10);
  if (count < 0) return false;
  const pairs = list;
  for (let i: i64 = 0; i < count; i++) {
    if (listNumber(end, 10) < 0 || listNumber(end, 10) < 0) return false;
  }
  const bytes = ((list - start) as u32) + BLOCK - 1;
  if ((bytes & ~(BLOCK - 1)) > ((end - start) as u32)) return false;
  packed = start + (bytes & ~(BLOCK - 1));
  list = pairs;
  for (let i: i64 = 0; i < count; i++) {
    const offset = listNumber(end, 10);
    if (!segment(offset, listNumber(end, 10))) return false;
  }
  return true;
}

/** Largest file that is unpacked, bytes: the largest block of the page allocator. */
const SIZE_MAX: i64 = 1 << 28;

function begin(size: i64, data: usize, length: u32): u32 {
  if (size < 0) return SPARSE_MAP;
  if (size > SIZE_MAX) return SPARSE_LARGE;
  sparseSize = size as u32;
  sparseData = allocate(sparseSize);
  packed = data;
  packedEnd = data + length;
  return sparseData === 0 ? SPARSE_MEMORY : SPARSE_OK;
}

function finish(right: bool): u32 {
  if (right) return SPARSE_OK;
  release(sparseData, sparseSize);
  return SPARSE_MAP;
}

/** Unpacks an entry of type S: `listBytes` of segment list behind the header, then `length` bytes of data. */
export function unpackOldSparse(header: usize, listBytes: u32, length: u32): u32 {
  const size = headerNumber(header + SPARSE_SIZE, LONG_NUMBER);
  if (!numberRight) return SPARSE_MAP;
  const begun = begin(size, header + BLOCK + listBytes, length);
  return begun === SPARSE_OK ? finish(oldSegments(header, listBytes)) : begun;
}

/** Unpacks the `length` bytes at `data` as the pax header says. */
export function unpackPaxSparse(attributes: Attributes, data: usize, length: u32): u32 {
  const major = max<i64>(attributes.sparseMajor, 0);
  const minor = max<i64>(attributes.sparseMinor, 0);
  const leading = major === 1 && minor === 0;
  if (!leading && (major !== 0 || minor > 1)) return SPARSE_VERSION;
  const begun = begin(attributes.sparseSize, data, length);
  if (begun !== SPARSE_OK) return begun;
  if (leading) return finish(leadingSegments());
  if (attributes.sparseMap !== 0) {
    return finish(mapSegments(attributes.sparseMap, attributes.sparseMapLength));
  }
  return finish(recordSegments(attributes.sparseRecords, attributes.sparseRecordsLength));
}
