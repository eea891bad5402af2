// Reader of the userland archive: V7, ustar, pax and GNU tar archives. An entry that the file tree has no
// place for, or that is damaged, is left out with one line in the log, and the others are read. Every number is
// checked against the archive's end before it is used. What is where in a header stands in tar_header.ts,
// tar_pax.ts and tar_sparse.ts; what becomes of an entry in tar_place.ts.

import {
  BLOCK,
  headerNumber,
  isHeader,
  isZero,
  LINK,
  LINK_LENGTH,
  LONG_NUMBER,
  MAGIC,
  MODE,
  NAME,
  NAME_LENGTH,
  numberRight,
  PREFIX,
  PREFIX_LENGTH,
  SHORT_NUMBER,
  SIZE,
  TIME,
  TYPE,
  TYPE_BLOCK_DEVICE,
  TYPE_CHARACTER_DEVICE,
  TYPE_CONTIGUOUS,
  TYPE_CONTINUATION,
  TYPE_DIRECTORY,
  TYPE_DUMP_DIRECTORY,
  TYPE_FIFO,
  TYPE_FILE,
  TYPE_GLOBAL_PAX,
  TYPE_HARD_LINK,
  TYPE_LONG_LINK,
  TYPE_LONG_NAME,
  TYPE_OLD_FILE,
  TYPE_OLD_LONG_NAMES,
  TYPE_PAX,
  TYPE_SOLARIS_PAX,
  TYPE_SPARSE,
  TYPE_SYMBOLIC_LINK,
  TYPE_VOLUME,
} from "./tar_header";
import { closeLog, note, notePlace, openLog, skip, skipRest } from "./tar_log";
import {
  Attributes,
  clearAttributes,
  copyAttributes,
  PAX_OK,
  paxMessage,
  readPax,
} from "./tar_pax";
import { placeDirectory, placeFile, placeHardLink, placeSymbolicLink, TarEntry } from "./tar_place";
import {
  oldListBytes,
  SPARSE_OK,
  sparseData,
  sparseMessage,
  sparseSize,
  unpackOldSparse,
  unpackPaxSparse,
} from "./tar_sparse";
import { equalsLiteral, terminatedLength } from "./text";

const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;

const shortName = memory.data(256);
const attributes = changetype<Attributes>(memory.data(128, 8));
const globals = changetype<Attributes>(memory.data(128, 8));
const entry = changetype<TarEntry>(memory.data(64, 8));

let archive: usize = 0;
let archiveSize: u32 = 0;

/** What the headers before an entry's own say about it. */
let longName: usize = 0;
let longNameLength: u32 = 0;
let longLink: usize = 0;
let longLinkLength: u32 = 0;
let paxSeen: bool = false;
let paxError: u32 = PAX_OK;

function forget(): void {
  longName = 0;
  longLink = 0;
  paxSeen = false;
  paxError = PAX_OK;
  copyAttributes(attributes, globals);
}

/** The entry describes the one that follows, or all that follow. */
function isExtension(type: u8): bool {
  return (
    type === TYPE_PAX ||
    type === TYPE_SOLARIS_PAX ||
    type === TYPE_GLOBAL_PAX ||
    type === TYPE_LONG_NAME ||
    type === TYPE_LONG_LINK
  );
}

function isFile(type: u8): bool {
  return (
    type === TYPE_FILE || type === TYPE_OLD_FILE || type === TYPE_CONTIGUOUS || type === TYPE_SPARSE
  );
}

/** Links, devices, directories, FIFOs: no data belongs to them, yet some writers give a size. */
function isWithoutData(type: u8): bool {
  return type >= TYPE_HARD_LINK && type <= TYPE_FIFO;
}

/** V7 has no type for directories: a file whose name ends in "/" is one. */
function isOldDirectory(type: u8): bool {
  const length = entry.nameLength;
  return isFile(type) && length !== 0 && load<u8>(entry.name + length - 1) === 47;
}

/** Why an entry of type `type` has no place in the tree. */
function typeReason(type: u8): string {
  switch (type) {
    case TYPE_CHARACTER_DEVICE:
      return "character device";
    case TYPE_BLOCK_DEVICE:
      return "block device";
    case TYPE_FIFO:
      return "FIFO";
    case TYPE_VOLUME:
      return "volume label";
    case TYPE_CONTINUATION:
      return "continuation of a file on another volume";
    case TYPE_OLD_LONG_NAMES:
      return "list of long names of GNU tar before 1.13";
    default:
      return "unknown type of entry";
  }
}

/** Finds the entry's name: a pax header's, a GNU long name, or the header's fields. */
function findName(header: usize): void {
  if (attributes.sparseName !== 0) {
    entry.name = attributes.sparseName;
    entry.nameLength = attributes.sparseNameLength;
  } else if (attributes.path !== 0) {
    entry.name = attributes.path;
    entry.nameLength = attributes.pathLength;
  } else if (longName !== 0) {
    entry.name = longName;
    entry.nameLength = longNameLength;
  } else {
    const posix = equalsLiteral(header + MAGIC, 5, "ustar") && load<u8>(header + MAGIC + 5) === 0;
    const prefix = posix ? terminatedLength(header + PREFIX, PREFIX_LENGTH) : 0;
    memory.copy(shortName, header + PREFIX, prefix);
    if (prefix !== 0) store<u8>(shortName + prefix, 47);
    const start = prefix === 0 ? 0 : prefix + 1;
    const length = terminatedLength(header + NAME, NAME_LENGTH);
    memory.copy(shortName + start, header + NAME, length);
    entry.name = shortName;
    entry.nameLength = start + length;
  }
}

function findLink(header: usize): void {
  if (attributes.link !== 0) {
    entry.link = attributes.link;
    entry.linkLength = attributes.linkLength;
  } else if (longLink !== 0) {
    entry.link = longLink;
    entry.linkLength = longLinkLength;
  } else {
    entry.link = header + LINK;
    entry.linkLength = terminatedLength(header + LINK, LINK_LENGTH);
  }
}

/** Reads mode and time; what is no number is replaced, with a line. */
function readStatus(header: usize, directory: bool): void {
  entry.mode = (headerNumber(header + MODE, SHORT_NUMBER) as u32) & 0o7777;
  if (!numberRight) {
    entry.mode = directory ? DIRECTORY_MODE : FILE_MODE;
    note(entry.name, entry.nameLength, "its mode is not a number, 644 or 755 taken");
  }
  entry.seconds = attributes.seconds;
  entry.nanoseconds = attributes.nanoseconds;
  if (attributes.hasTime) return;
  entry.seconds = headerNumber(header + TIME, LONG_NUMBER);
  entry.nanoseconds = 0;
  if (!numberRight) note(entry.name, entry.nameLength, "its time is not a number, 0 taken");
}

/** Unpacks the entry's data where it is sparse. False after a line. */
function unpack(header: usize, type: u8, listBytes: u32): bool {
  entry.capacity = 0;
  let error = SPARSE_OK;
  if (type === TYPE_SPARSE) {
    error = unpackOldSparse(header, listBytes, entry.size);
  } else if (attributes.sparseSize >= 0 || attributes.sparseMajor >= 0) {
    error = unpackPaxSparse(attributes, entry.data, entry.size);
  } else {
    if (attributes.starSparse) skip(entry.name, entry.nameLength, "sparse file in star's format");
    return !attributes.starSparse;
  }
  if (error !== SPARSE_OK) {
    skip(entry.name, entry.nameLength, sparseMessage(error));
    return false;
  }
  entry.data = sparseData;
  entry.size = sparseSize;
  entry.capacity = max<u32>(sparseSize, 1);
  return true;
}

/** Reads the entry whose name and data are known. */
function readEntry(header: usize, type: u8, listBytes: u32): void {
  if (paxError !== PAX_OK) note(entry.name, entry.nameLength, paxMessage(paxError));
  const directory = type === TYPE_DIRECTORY || type === TYPE_DUMP_DIRECTORY || isOldDirectory(type);
  if (!directory && !isFile(type) && type !== TYPE_HARD_LINK && type !== TYPE_SYMBOLIC_LINK) {
    skip(entry.name, entry.nameLength, typeReason(type));
    return;
  }
  readStatus(header, directory);
  findLink(header);
  if (directory) placeDirectory(entry);
  else if (type === TYPE_HARD_LINK) placeHardLink(entry);
  else if (type === TYPE_SYMBOLIC_LINK) placeSymbolicLink(entry);
  else if (unpack(header, type, listBytes)) placeFile(entry);
}

/** Takes what an extension entry says. */
function readExtension(at: u32, type: u8, data: usize, length: u32): void {
  if (type === TYPE_LONG_NAME) {
    longName = data;
    longNameLength = terminatedLength(data, length);
  } else if (type === TYPE_LONG_LINK) {
    longLink = data;
    longLinkLength = terminatedLength(data, length);
  } else if (type === TYPE_GLOBAL_PAX) {
    if (readPax(globals, data, length) !== PAX_OK) {
      notePlace("malformed global pax header,", at, archiveSize);
    }
    if (!paxSeen) copyAttributes(attributes, globals);
  } else {
    paxSeen = true;
    copyAttributes(attributes, globals);
    paxError = readPax(attributes, data, length);
  }
}

/**
 * Bytes of data behind the header at `at` of an entry that needs none. Where its size field is not 0, what
 * follows decides: a header there means that the size only informs.
 */
function dataOfNothing(at: u32, size: i64): u32 {
  const room = archiveSize - at - BLOCK;
  if (size > (room as i64)) return 0;
  const next = at + BLOCK;
  if (room >= BLOCK && isHeader(archive + next)) return 0;
  const blocks = ((size as u32) + BLOCK - 1) & ~(BLOCK - 1);
  if (room - blocks < BLOCK || blocks > room) return size as u32;
  return isHeader(archive + next + blocks) || isZero(archive + next + blocks) ? (size as u32) : 0;
}

/** Offset of the next header from `at` on, or the archive's size. */
function nextHeader(at: u32): u32 {
  let next = at;
  while (archiveSize - next >= BLOCK) {
    if (isHeader(archive + next)) return next;
    next += BLOCK;
  }
  return archiveSize;
}

function startsWith(a: u8, b: u8): bool {
  return archiveSize > 2 && load<u8>(archive) === a && load<u8>(archive + 1) === b;
}

/** Says that there is no header at `at`, and what it may be instead. */
function noteDamage(at: u32): void {
  if (at !== 0)
    notePlace("no header where one belongs, going on with the next one,", at, archiveSize);
  else if (startsWith(0x1f, 0x8b))
    notePlace("compressed by gzip, unpack it first,", at, archiveSize);
  else if (startsWith(0xfd, 0x37)) notePlace("compressed by xz, unpack it first,", at, archiveSize);
  else if (startsWith(0x42, 0x5a))
    notePlace("compressed by bzip2, unpack it first,", at, archiveSize);
  else if (startsWith(0x28, 0xb5))
    notePlace("compressed by zstd, unpack it first,", at, archiveSize);
  else notePlace("this is not a tar archive,", at, archiveSize);
}

/** Reads the entry at `at`. Returns the offset behind it; the archive's size where it ends too early. */
function readAt(at: u32): u32 {
  const header = archive + at;
  const type = load<u8>(header + TYPE);
  const room = archiveSize - at - BLOCK;
  findName(header);
  let size = headerNumber(header + SIZE, LONG_NUMBER);
  if (!numberRight || size < 0) {
    skip(entry.name, entry.nameLength, "its size is not a number");
    forget();
    return at + BLOCK;
  }
  if (!isExtension(type) && attributes.size >= 0) size = attributes.size;
  if (isWithoutData(type) || isOldDirectory(type)) size = dataOfNothing(at, size) as i64;
  const list = type === TYPE_SPARSE ? oldListBytes(header, room) : 0;
  if (list < 0 || size > (room as i64) - list) {
    skipRest(entry.name, entry.nameLength, archiveSize);
    return archiveSize;
  }
  entry.data = header + BLOCK + (list as u32);
  entry.size = size as u32;
  const end = (list as u32) + ((entry.size + BLOCK - 1) & ~(BLOCK - 1));
  if (isExtension(type)) {
    readExtension(at, type, entry.data, entry.size);
  } else {
    readEntry(header, type, list as u32);
    forget();
  }
  return end > room ? archiveSize : at + BLOCK + end;
}

/** Reads the archive at [tar, tar + size), which has to stay where it is. */
export function readTar(tar: usize, size: u32): void {
  archive = tar;
  archiveSize = size;
  clearAttributes(globals);
  forget();
  openLog();
  let at: u32 = 0;
  while (size - at >= BLOCK) {
    if (isZero(tar + at)) break;
    if (isHeader(tar + at)) {
      at = readAt(at);
    } else {
      noteDamage(at);
      forget();
      at = nextHeader(at);
    }
  }
  noteEnd(at);
  closeLog();
}

/** Says what is odd about the end at `at`. */
function noteEnd(at: u32): void {
  const rest = archiveSize - at;
  if (archiveSize === 0) {
    notePlace("it is empty,", 0, 0);
  } else if (at === 0 && rest < BLOCK) {
    noteDamage(at);
  } else if (rest > 0 && rest < BLOCK) {
    notePlace("the archive ends inside a header,", at, archiveSize);
  } else if (rest >= 2 * BLOCK && isHeader(archive + at + BLOCK)) {
    notePlace(
      "a lone block of zeroes ends the archive before the entry behind it,",
      at,
      archiveSize,
    );
  }
}
