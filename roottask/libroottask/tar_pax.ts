// pax extended headers (POSIX.1-2001, pax, "pax Extended Header"): records "LENGTH KEY=VALUE\n" that say what
// an ustar header has no room for. Of the standard's keys those that the file tree has a place for are read,
// of GNU tar's those of sparse files; all others are passed over.

import { equalsLiteral, parseDecimal, terminatedLength } from "./text";

/** What is wrong with a header; `paxMessage` says it. */
export const PAX_OK: u32 = 0;
export const PAX_LENGTH: u32 = 1;
export const PAX_END: u32 = 2;
export const PAX_KEY: u32 = 3;
export const PAX_VALUE: u32 = 4;

export function paxMessage(error: u32): string {
  switch (error) {
    case PAX_LENGTH:
      return "malformed pax header, a record does not begin with its length";
    case PAX_END:
      return "malformed pax header, a record's length is wrong";
    case PAX_KEY:
      return "malformed pax header, a record has no equals sign";
    default:
      return "malformed pax header, a value is not a number";
  }
}

/** What the headers say about an entry. Pointers are into the archive; 0 and -1 mean that nothing was said. */
@unmanaged
export class Attributes {
  path: usize;
  pathLength: u32;
  link: usize;
  linkLength: u32;
  size: i64;
  hasTime: bool;
  seconds: i64;
  nanoseconds: u32;
  /** GNU.sparse.major and .minor, -1 without; version 0 comes without them. */
  sparseMajor: i64;
  sparseMinor: i64;
  /** Size of the sparse file unpacked, -1 where it is not sparse. */
  sparseSize: i64;
  /** GNU.sparse.map of version 0.1. */
  sparseMap: usize;
  sparseMapLength: u32;
  /** The header with the segments of version 0.0. */
  sparseRecords: usize;
  sparseRecordsLength: u32;
  sparseName: usize;
  sparseNameLength: u32;
  /** The file is sparse in a format of star's. */
  starSparse: bool;
}

export function clearAttributes(attributes: Attributes): void {
  memory.fill(changetype<usize>(attributes), 0, offsetof<Attributes>());
  attributes.size = -1;
  attributes.sparseMajor = -1;
  attributes.sparseMinor = -1;
  attributes.sparseSize = -1;
}

export function copyAttributes(target: Attributes, source: Attributes): void {
  memory.copy(changetype<usize>(target), changetype<usize>(source), offsetof<Attributes>());
}

/** The record `nextRecord` read. */
let key: usize = 0;
let keyLength: u32 = 0;
export let recordValue: usize = 0;
export let recordLength: u32 = 0;

let text: usize = 0;
let textEnd: usize = 0;
/** What is wrong with the record that ended the header. */
let recordError: u32 = PAX_OK;

/** Begins with the records at [header, header + length). */
export function openRecords(header: usize, length: u32): void {
  text = header;
  textEnd = header + length;
  recordError = PAX_OK;
}

export function recordIs(literal: string): bool {
  return equalsLiteral(key, keyLength, literal);
}

function broken(error: u32): bool {
  recordError = error;
  return false;
}

/** Reads the next record. False at the header's end and where the rest is malformed. */
export function nextRecord(): bool {
  if (text === textEnd || load<u8>(text) === 0) return false;
  let space = text;
  while (space < textEnd && load<u8>(space) !== 32) space++;
  const size = parseDecimal(text, (space - text) as u32);
  if (space === textEnd || size < 0) return broken(PAX_LENGTH);
  if (size > ((textEnd - text) as i64)) return broken(PAX_END);
  const end = text + (size as u32) - 1;
  if (end <= space || load<u8>(end) !== 10) return broken(PAX_END);
  key = space + 1;
  let equals = key;
  while (equals < end && load<u8>(equals) !== 61) equals++;
  if (equals === end) return broken(PAX_KEY);
  keyLength = (equals - key) as u32;
  recordValue = equals + 1;
  recordLength = (end - recordValue) as u32;
  text = end + 1;
  return true;
}

/** A number of the current record; -1 for an empty value, which takes back what was said before. */
function recordNumber(): i64 {
  if (recordLength === 0) return -1;
  const value = parseDecimal(recordValue, recordLength);
  if (value < 0) recordError = PAX_VALUE;
  return value;
}

/** Takes a time "SECONDS.FRACTION", perhaps negative; digits below a nanosecond are rounded down. */
function takeTime(attributes: Attributes): void {
  attributes.hasTime = false;
  if (recordLength === 0) return;
  const end = recordValue + recordLength;
  const negative = load<u8>(recordValue) === 45;
  const first = negative ? recordValue + 1 : recordValue;
  let point = first;
  while (point < end && load<u8>(point) !== 46) point++;
  let seconds = parseDecimal(first, (point - first) as u32);
  let nanoseconds: u32 = 0;
  let unit: u32 = 100_000_000;
  let below = false;
  for (let at = point + 1; at < end; at++) {
    const digit = (load<u8>(at) as i32) - 48;
    if (digit < 0 || digit > 9) seconds = -1;
    nanoseconds += (digit as u32) * unit;
    if (unit === 0 && digit !== 0) below = true;
    unit /= 10;
  }
  if (seconds < 0) {
    recordError = PAX_VALUE;
    return;
  }
  if (negative) {
    seconds = -seconds;
    if (below) nanoseconds++;
    if (nanoseconds !== 0) {
      seconds--;
      nanoseconds = 1_000_000_000 - nanoseconds;
    }
  }
  attributes.hasTime = true;
  attributes.seconds = seconds;
  attributes.nanoseconds = nanoseconds;
}

function takeSparse(attributes: Attributes, header: usize, length: u32): void {
  if (recordIs("GNU.sparse.major")) {
    attributes.sparseMajor = recordNumber();
  } else if (recordIs("GNU.sparse.minor")) {
    attributes.sparseMinor = recordNumber();
  } else if (recordIs("GNU.sparse.size") || recordIs("GNU.sparse.realsize")) {
    attributes.sparseSize = recordNumber();
  } else if (recordIs("GNU.sparse.map")) {
    attributes.sparseMap = recordValue;
    attributes.sparseMapLength = recordLength;
  } else if (recordIs("GNU.sparse.offset")) {
    attributes.sparseRecords = header;
    attributes.sparseRecordsLength = length;
  } else if (recordIs("GNU.sparse.name")) {
    attributes.sparseName = recordValue;
    attributes.sparseNameLength = terminatedLength(recordValue, recordLength);
  }
}

/**
 * Takes what the header at [header, header + length) says into `attributes`. Returns the last fault found,
 * one of PAX_…; what is before and after a malformed value counts.
 */
export function readPax(attributes: Attributes, header: usize, length: u32): u32 {
  openRecords(header, length);
  while (nextRecord()) {
    if (recordIs("path")) {
      attributes.path = recordValue;
      attributes.pathLength = terminatedLength(recordValue, recordLength);
    } else if (recordIs("linkpath")) {
      attributes.link = recordValue;
      attributes.linkLength = terminatedLength(recordValue, recordLength);
    } else if (recordIs("size")) {
      attributes.size = recordNumber();
    } else if (recordIs("mtime")) {
      takeTime(attributes);
    } else if (recordIs("SCHILY.realsize")) {
      attributes.starSparse = true;
    } else {
      takeSparse(attributes, header, length);
    }
  }
  return recordError;
}
