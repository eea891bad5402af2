// Reader of the userland archive into the file tree: POSIX.1-1988 ustar, POSIX.1-2001 pax headers (path,
// linkpath, size), GNU long names (types L and K). Sparse files, devices and multi-volume archives are
// refused. Every number is checked against the archive's end before it is used.

import { EEXIST, ENOMEM } from "./errno";
import { equalsLiteral, parseDecimal, terminatedLength } from "./text";
import {
  attach,
  find,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  makeDirectories,
  Node,
  newNode,
  root,
  walk,
  walkDirectory,
  walkName,
  walkNameLength,
  walkNode,
} from "./tree";

const BLOCK: u32 = 512;
const NAME: u32 = 0;
const MODE: u32 = 100;
const SIZE: u32 = 124;
const TIME: u32 = 136;
const CHECKSUM: u32 = 148;
const TYPE: u32 = 156;
const LINK: u32 = 157;
const MAGIC: u32 = 257;
const PREFIX: u32 = 345;

/** What is wrong with the archive; `tarOffset` says where. */
export const TAR_OK: u32 = 0;
export const TAR_TRUNCATED: u32 = 1;
export const TAR_NOT_TAR: u32 = 2;
export const TAR_CHECKSUM: u32 = 3;
export const TAR_NUMBER: u32 = 4;
export const TAR_TYPE: u32 = 5;
export const TAR_PATH: u32 = 6;
export const TAR_MEMORY: u32 = 7;
export const TAR_LINK: u32 = 8;
export const TAR_PAX: u32 = 9;

/** Offset in bytes of the header the last `readTar` stopped at. */
export let tarOffset: u32 = 0;
/** Files read by the last `readTar`. */
export let tarFiles: u32 = 0;

const nameBuffer = memory.data(512);

let longName: usize = 0;
let longNameLength: u32 = 0;
let longLink: usize = 0;
let longLinkLength: u32 = 0;
let paxSize: i64 = -1;

/** One line that says what a result of `readTar` means. */
export function tarMessage(error: u32): string {
  switch (error) {
    case TAR_TRUNCATED:
      return "the archive ends inside this entry";
    case TAR_NOT_TAR:
      return "no ustar header here";
    case TAR_CHECKSUM:
      return "the header's checksum is wrong";
    case TAR_NUMBER:
      return "a number of the header is not octal";
    case TAR_TYPE:
      return "entries of this type are not supported";
    case TAR_PATH:
      return "the entry's path is not usable";
    case TAR_LINK:
      return "the target of a hard link is missing";
    case TAR_PAX:
      return "the pax header is malformed";
    default:
      return "out of memory";
  }
}

/** An octal field, or GNU base-256; -1 where it is neither. */
function number(field: usize, length: u32): i64 {
  if ((load<u8>(field) & 0x80) !== 0) {
    let value = (load<u8>(field) & 0x3f) as i64;
    for (let i: u32 = 1; i < length; i++) {
      if (value >= 1 << 44) return -1;
      value = (value << 8) | (load<u8>(field + i) as i64);
    }
    return value;
  }
  let i: u32 = 0;
  while (i < length && load<u8>(field + i) === 32) i++;
  let value: i64 = 0;
  for (; i < length; i++) {
    const digit = load<u8>(field + i);
    if (digit === 0 || digit === 32) break;
    if (digit < 48 || digit > 55) return -1;
    value = (value << 3) | ((digit - 48) as i64);
  }
  return value;
}

function checksumRight(header: usize): bool {
  let sum: i64 = 8 * 32;
  for (let i: u32 = 0; i < BLOCK; i++) {
    if (i < CHECKSUM || i >= CHECKSUM + 8) sum += load<u8>(header + i) as i64;
  }
  return number(header + CHECKSUM, 8) === sum;
}

function allZero(block: usize): bool {
  for (let i: u32 = 0; i < BLOCK; i += 8) if (load<u64>(block + i) !== 0) return false;
  return true;
}

/** Takes the records "LENGTH KEY=VALUE\n" of a pax header. */
function readPax(text: usize, length: u32): bool {
  let at: u32 = 0;
  while (at < length && load<u8>(text + at) !== 0) {
    let space = at;
    while (space < length && load<u8>(text + space) !== 32) space++;
    const size = parseDecimal(text + at, space - at);
    if (size < 5 || size > ((length - at) as i64)) return false;
    const end = at + (size as u32) - 1;
    if (end <= space || load<u8>(text + end) !== 10) return false;
    let equals = space + 1;
    while (equals < end && load<u8>(text + equals) !== 61) equals++;
    if (equals >= end) return false;
    const key = text + space + 1;
    const keyLength = equals - space - 1;
    const value = text + equals + 1;
    const valueLength = end - equals - 1;
    if (equalsLiteral(key, keyLength, "path")) {
      longName = value;
      longNameLength = valueLength;
    } else if (equalsLiteral(key, keyLength, "linkpath")) {
      longLink = value;
      longLinkLength = valueLength;
    } else if (equalsLiteral(key, keyLength, "size")) {
      paxSize = parseDecimal(value, valueLength);
      if (paxSize < 0) return false;
    }
    at = end + 1;
  }
  return true;
}

/** The path has no ".." that could point above the archive. */
function pathSafe(path: usize, length: u32): bool {
  if (length === 0 || length > 1024) return false;
  let start: u32 = 0;
  for (let i: u32 = 0; i <= length; i++) {
    if (i < length && load<u8>(path + i) === 0) return false;
    if (i < length && load<u8>(path + i) !== 47) continue;
    if (equalsLiteral(path + start, i - start, "..")) return false;
    start = i + 1;
  }
  return true;
}

/** Hangs `node` in at `path`, with the directories on the way. A file that is there is replaced. */
function place(path: usize, length: u32, node: Node): u32 {
  let slash = length;
  while (slash > 0 && load<u8>(path + slash - 1) !== 47) slash--;
  const error = makeDirectories(path, slash, 0o755, node.time);
  if (error === -ENOMEM) return TAR_MEMORY;
  if (error !== 0) return TAR_PATH;
  const placed = walk(root(), path, length, false);
  if (placed !== 0) return TAR_PATH;
  const present = walkNode;
  if (present !== null) {
    if (present.kind !== node.kind || node.kind === KIND_DIRECTORY) return TAR_PATH;
    present.data = node.data;
    present.size = node.size;
    present.mode = node.mode;
    return TAR_OK;
  }
  const attached = attach(walkDirectory as Node, node, walkName, walkNameLength);
  return attached === 0 ? TAR_OK : attached === -EEXIST ? TAR_PATH : TAR_MEMORY;
}

function entry(header: usize, type: u8, data: usize, size: u32): u32 {
  let name = longName;
  let length = longNameLength;
  if (length === 0) {
    const short = terminatedLength(header + NAME, 100);
    const prefix = load<u8>(header + MAGIC + 5) === 0 ? terminatedLength(header + PREFIX, 155) : 0;
    memory.copy(nameBuffer, header + PREFIX, prefix);
    length = prefix;
    if (prefix !== 0) store<u8>(nameBuffer + length++, 47);
    memory.copy(nameBuffer + length, header + NAME, short);
    length += short;
    name = nameBuffer;
  }
  if (!pathSafe(name, length)) return TAR_PATH;
  const mode = number(header + MODE, 8);
  const time = number(header + TIME, 12);
  if (mode < 0 || time < 0) return TAR_NUMBER;
  while (length > 1 && load<u8>(name + length - 1) === 47) length--;

  if (type === 53) {
    const error = makeDirectories(name, length, (mode & 0o7777) as u32, time);
    return error === 0 ? TAR_OK : error === -ENOMEM ? TAR_MEMORY : TAR_PATH;
  }
  let link = longLink;
  let linkLength = longLinkLength;
  if (linkLength === 0) {
    link = header + LINK;
    linkLength = terminatedLength(link, 100);
  }
  const node = newNode(type === 50 ? KIND_LINK : KIND_FILE, (mode & 0o7777) as u32);
  if (node === null) return TAR_MEMORY;
  node.time = time;
  if (type === 49) {
    const target = pathSafe(link, linkLength) ? find(link, linkLength) : null;
    if (target === null || target.kind !== KIND_FILE) return TAR_LINK;
    node.data = target.data;
    node.size = target.size;
  } else if (type === 50) {
    if (linkLength === 0) return TAR_LINK;
    node.data = link;
    node.size = linkLength;
    node.mode = 0o777;
  } else {
    node.data = data;
    node.size = size;
    tarFiles++;
  }
  return place(name, length, node);
}

/** Reads the archive at [tar, tar + size), which has to stay where it is. Returns one of TAR_…. */
export function readTar(tar: usize, size: u32): u32 {
  let at: u32 = 0;
  longNameLength = 0;
  longLinkLength = 0;
  paxSize = -1;
  tarFiles = 0;
  while (true) {
    tarOffset = at;
    if (size - at < BLOCK) return at === 0 || size !== at ? TAR_TRUNCATED : TAR_OK;
    const header = tar + at;
    if (allZero(header)) return TAR_OK;
    if (!equalsLiteral(header + MAGIC, 5, "ustar")) return TAR_NOT_TAR;
    if (!checksumRight(header)) return TAR_CHECKSUM;
    const type = load<u8>(header + TYPE);
    let bytes = number(header + SIZE, 12);
    if (bytes < 0) return TAR_NUMBER;
    if (paxSize >= 0 && type !== 120 && type !== 103) bytes = paxSize;
    if (bytes > ((size - at - BLOCK) as i64)) return TAR_TRUNCATED;
    const length = bytes as u32;
    const data = header + BLOCK;
    if (type === 120) {
      if (!readPax(data, length)) return TAR_PAX;
    } else if (type === 76) {
      longName = data;
      longNameLength = terminatedLength(data, length);
    } else if (type === 75) {
      longLink = data;
      longLinkLength = terminatedLength(data, length);
    } else if (type !== 103) {
      if (type !== 0 && type !== 55 && (type < 48 || type > 53 || type === 51 || type === 52)) {
        return TAR_TYPE;
      }
      const error = entry(header, type, data, length);
      if (error !== TAR_OK) return error;
      longNameLength = 0;
      longLinkLength = 0;
      paxSize = -1;
    }
    const blocks = (length + BLOCK - 1) / BLOCK;
    if (blocks * BLOCK > size - at - BLOCK) return TAR_TRUNCATED;
    at += BLOCK + blocks * BLOCK;
  }
}
