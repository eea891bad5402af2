// Names of places in a program's code: the file that an address belongs to and the symbol in front of it (System V ABI,
// "Symbol Table"). Places are looked up together, so that each table is read once, and a report reads no more than
// SYMBOLS_MAX symbols. Nothing is trusted: a file may be anything, and change. Left out: debug information, names that
// are only in it, and what compilers make of names.

import { areaAt, Space } from "./areas";
import { PT_LOAD } from "./elf";
import { copyContents } from "./file_pages";
import {
  findImage,
  imageMount,
  imageNode,
  imageOffset,
  readHeader,
  readSegment,
  segmentsOf,
} from "./images";
import { Mount } from "./mount";
import { KIND_FILE, Node } from "./tree";

/** Places that are looked up together at most. */
export const PLACES_MAX: u32 = 32;
/** Symbols that are looked at for all of them, and section headers of a file. */
const SYMBOLS_MAX: u64 = 1 << 18;
const SECTIONS_MAX: u32 = 4096;

const SYMBOL_BYTES: u32 = 24;
const SECTION_BYTES: u32 = 64;
const SHT_SYMTAB: u32 = 2;
const SHT_DYNSYM: u32 = 11;
const STT_NOTYPE: u32 = 0;
const STT_FUNC: u32 = 2;
const STT_GNU_IFUNC: u32 = 10;

/** An address and what is known about it. */
@unmanaged
export class Place {
  address: u64;
  /** What is looked up: the address, or of a place to return to the byte in front of it. */
  wanted: u64;
  /** The file, null where none is there, and the mount it was found through. */
  node: Node | null;
  mount: Mount | null;
  /** Where the file says that `wanted` is. */
  linked: u64;
  /** Value and size of its symbol, and where the name is in the file: 0 where it has none. */
  value: u64;
  size: u64;
  name: u64;
  /** Bytes of the file from the name to the end of all names. */
  nameRoom: u64;
}

const PLACE_BYTES: u32 = offsetof<Place>() as u32;
const places = memory.data(32 * 72);
if (PLACE_BYTES * PLACES_MAX > 32 * 72) ERROR("places");
let placeCount: u32 = 0;

const header = memory.data(64);
const segment = memory.data(56);
const section = memory.data(64);
const names = memory.data(64);
/** A piece of a table, so many symbols. */
const PIECE: u32 = 128;
const piece = memory.data(128 * 24);

export function placeAt(index: u32): Place {
  return changetype<Place>(places + index * PLACE_BYTES);
}

export function countPlaces(): u32 {
  return placeCount;
}

export function forgetPlaces(): void {
  placeCount = 0;
}

let offsetOfPlace: u64 = 0;

/** Finds the file that `place` is in, and its offset there. False: none. */
function findFile(space: Space, place: Place): bool {
  const area = areaAt(space, place.wanted);
  if (area === null) return false;
  const node = area.node;
  if (node !== null) {
    if (node.kind !== KIND_FILE || node.segment !== 0) return false;
    place.node = node;
    place.mount = area.mount;
    offsetOfPlace = area.offset + (place.wanted - area.start);
    return true;
  }
  if (!findImage(space, place.wanted)) return false;
  place.node = imageNode;
  place.mount = imageMount;
  offsetOfPlace = imageOffset;
  return true;
}

/** Where the linker has put byte `offset` of `node`. False: in no segment. */
function link(place: Place, node: Node, offset: u64): bool {
  if (!readHeader(node, header)) return false;
  const count = segmentsOf(header);
  for (let i: u32 = 0; i < count; i++) {
    if (!readSegment(node, header, i, segment) || load<u32>(segment) !== PT_LOAD) continue;
    const within = offset - load<u64>(segment + 8);
    if (offset < load<u64>(segment + 8) || within >= load<u64>(segment + 32)) continue;
    place.linked = load<u64>(segment + 16) + within;
    return true;
  }
  return false;
}

/** Adds a place in `space`: an address of code, or one that is returned to (`returns`). False: there is no room. */
export function addPlace(space: Space, address: u64, returns: bool): bool {
  if (placeCount === PLACES_MAX) return false;
  const place = placeAt(placeCount++);
  memory.fill(changetype<usize>(place), 0, PLACE_BYTES);
  place.address = address;
  place.wanted = returns ? address - 1 : address;
  if (findFile(space, place) && !link(place, place.node as Node, offsetOfPlace)) {
    place.linked = offsetOfPlace;
  }
  return true;
}

/** Where the symbols of a file are and how many, and the names. */
let tableAt: u64 = 0;
let tableCount: u64 = 0;
let namesAt: u64 = 0;
let namesSize: u64 = 0;

function readSection(node: Node, first: u64, index: u32, target: usize): bool {
  const size = node.size;
  const end = ((index as u64) + 1) * (SECTION_BYTES as u64);
  if (first > size || end > size - first) return false;
  copyContents(node, first + end - (SECTION_BYTES as u64), target, SECTION_BYTES);
  return true;
}

/** The contents of the section whose header is at `from` are in `node`. */
function inFile(node: Node, from: usize): bool {
  const at = load<u64>(from + 24);
  return at <= node.size && load<u64>(from + 32) <= node.size - at;
}

/** Finds the table of symbols of type `type`. */
function findTable(node: Node, type: u32): bool {
  const first = load<u64>(header + 40);
  const count = min<u32>(load<u16>(header + 60) as u32, SECTIONS_MAX);
  for (let i: u32 = 0; i < count; i++) {
    if (!readSection(node, first, i, section)) return false;
    if (load<u32>(section + 4) !== type || load<u64>(section + 56) !== (SYMBOL_BYTES as u64))
      continue;
    const linked = load<u32>(section + 40);
    if (linked >= count || !readSection(node, first, linked, names)) continue;
    if (!inFile(node, section) || !inFile(node, names)) continue;
    tableAt = load<u64>(section + 24);
    tableCount = load<u64>(section + 32) / (SYMBOL_BYTES as u64);
    namesAt = load<u64>(names + 24);
    namesSize = load<u64>(names + 32);
    return true;
  }
  return false;
}

/** The symbol at `from` is one of code that is in the file. */
function isCode(from: usize): bool {
  const type = (load<u8>(from + 4) & 15) as u32;
  if (type !== STT_FUNC && type !== STT_NOTYPE && type !== STT_GNU_IFUNC) return false;
  return load<u16>(from + 6) !== 0 && (load<u32>(from) as u64) < namesSize;
}

/** The symbol at `from` fits to `place` better than what it has: it reaches to there and begins later, or has a size. */
function fits(place: Place, from: usize): bool {
  const value = load<u64>(from + 8);
  const size = load<u64>(from + 16);
  if (value > place.linked || (size !== 0 && place.linked - value >= size)) return false;
  if (place.name === 0 || value > place.value) return true;
  return value === place.value && place.size === 0 && size !== 0;
}

function offer(node: Node, from: usize): void {
  for (let i: u32 = 0; i < placeCount; i++) {
    const place = placeAt(i);
    if (place.node !== node || !fits(place, from)) continue;
    place.value = load<u64>(from + 8);
    place.size = load<u64>(from + 16);
    place.name = namesAt + (load<u32>(from) as u64);
    place.nameRoom = namesSize - (load<u32>(from) as u64);
  }
}

/** Looks at up to `most` symbols of `node` for all places in it. Returns how many it has looked at. */
function search(node: Node, most: u64): u64 {
  if (!readHeader(node, header) || load<u16>(header + 58) !== SECTION_BYTES) return 0;
  if (!findTable(node, SHT_SYMTAB) && !findTable(node, SHT_DYNSYM)) return 0;
  const count = min<u64>(tableCount, most);
  for (let done: u64 = 0; done < count; done += PIECE as u64) {
    const some = min<u64>(count - done, PIECE as u64) as u32;
    copyContents(node, tableAt + done * (SYMBOL_BYTES as u64), piece, some * SYMBOL_BYTES);
    for (let i: u32 = 0; i < some; i++) {
      const symbol = piece + i * SYMBOL_BYTES;
      if (isCode(symbol)) offer(node, symbol);
    }
  }
  return count;
}

/** The file of place `index` is one of an earlier place. */
function isKnown(index: u32): bool {
  for (let i: u32 = 0; i < index; i++) {
    if (placeAt(i).node === placeAt(index).node) return true;
  }
  return false;
}

/** Finds the symbols of all places. */
export function findSymbols(): void {
  let left = SYMBOLS_MAX;
  for (let i: u32 = 0; i < placeCount; i++) {
    const node = placeAt(i).node;
    if (node !== null && !isKnown(i)) left -= search(node, left);
  }
}

/** The name of the symbol of `place` to `target`, at most `room` bytes, what is no letter replaced. Returns its length. */
export function symbolName(place: Place, target: usize, room: u32): u32 {
  const node = place.node;
  if (node === null || place.name === 0) return 0;
  const length = min<u64>(place.nameRoom, room as u64) as u32;
  copyContents(node, place.name, target, length);
  let end: u32 = 0;
  while (end < length && load<u8>(target + end) !== 0) {
    const letter = load<u8>(target + end);
    if (letter <= 32 || letter >= 127) store<u8>(target + end, 63);
    end++;
  }
  return end;
}
