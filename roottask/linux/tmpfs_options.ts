// Options of mount(2) in its last argument: those of every file system (fs/fs_context.c of Linux 6.1) and those of tmpfs
// (tmpfs(5), mm/shmem.c). Left out: mpol=, and huge= but for never, which there is nothing for.

import { PAGE_BITS } from "../libhedron/abi";
import { EINVAL } from "../libroottask/errno";
import { totalPages } from "../libroottask/pages";
import { equalsLiteral } from "../libroottask/text";

/** Flags that options can set or clear. */
const MS_RDONLY: u32 = 1;
const MS_SYNCHRONOUS: u32 = 0x10;
const MS_MANDLOCK: u32 = 0x40;
const MS_DIRSYNC: u32 = 0x80;
const MS_LAZYTIME: u32 = 0x200_0000;

const COMMA: u8 = 44;
const PERCENT: u8 = 37;

/** What the options have said: flags to set and to clear. */
export let optionsSet: u32 = 0;
export let optionsCleared: u32 = 0;
/** What they say of a tmpfs, and whether they do: pages and nodes it may have, 0 for any number; its root. */
export let sizeGiven: bool = false;
export let sizePages: u32 = 0;
export let inodesGiven: bool = false;
export let inodesMost: u32 = 0;
export let modeGiven: bool = false;
export let modeWanted: u32 = 0;
export let ownerGiven: bool = false;
export let ownerWanted: u32 = 0;
export let groupGiven: bool = false;
export let groupWanted: u32 = 0;

function begin(): void {
  optionsSet = 0;
  optionsCleared = 0;
  sizeGiven = false;
  inodesGiven = false;
  modeGiven = false;
  ownerGiven = false;
  groupGiven = false;
}

function isDigit(value: u8): bool {
  return value >= 48 && value <= 57;
}

/** The value of a digit of up to base 16, 16 for none. */
function digit(value: u8): u32 {
  if (isDigit(value)) return value - 48;
  const lower = value | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : 16;
}

/** The number at `from`, and where it ends; in base 16 or 8 where it begins as in C, unless a base is given. */
let parsed: u64 = 0;
let parsedEnd: usize = 0;

function parse(from: usize, end: usize, given: u32): void {
  let base = given;
  let at = from;
  const zero = at < end && load<u8>(at) === 48;
  if (base === 0) {
    base = zero ? 8 : 10;
    const hex = zero && at + 2 < end && (load<u8>(at + 1) | 32) === 120;
    if (hex && digit(load<u8>(at + 2)) < 16) {
      base = 16;
      at += 2;
    }
  }
  parsed = 0;
  while (at < end && digit(load<u8>(at)) < base) {
    parsed = parsed * (base as u64) + (digit(load<u8>(at)) as u64);
    at++;
  }
  parsedEnd = at;
}

/** The number of all of [from, end) is in `parsed`; false where there is none of 32 bits. */
function parseWord(from: usize, end: usize, base: u32): bool {
  // What has more digits has leading zeroes or is too large.
  if (from === end || end - from > 16) return false;
  parse(from, end, base);
  return parsedEnd === end && parsed <= (u32.MAX_VALUE as u64);
}

/** The same with a suffix of a size (memparse()). */
function parseSize(from: usize, end: usize): void {
  parse(from, end, 0);
  if (parsedEnd === end) return;
  const suffix = load<u8>(parsedEnd) | 32;
  let shift: u64 = 0;
  if (suffix === 107) shift = 10;
  else if (suffix === 109) shift = 20;
  else if (suffix === 103) shift = 30;
  else if (suffix === 116) shift = 40;
  else if (suffix === 112) shift = 50;
  else if (suffix === 101) shift = 60;
  if (shift === 0) return;
  parsed <<= shift;
  parsedEnd++;
}

/** An option that sets or clears a flag of every file system. */
function isFlag(key: usize, length: u32): bool {
  let flag: u32 = 0;
  let clears = false;
  if (equalsLiteral(key, length, "ro")) flag = MS_RDONLY;
  else if (equalsLiteral(key, length, "sync")) flag = MS_SYNCHRONOUS;
  else if (equalsLiteral(key, length, "dirsync")) flag = MS_DIRSYNC;
  else if (equalsLiteral(key, length, "mand")) flag = MS_MANDLOCK;
  else if (equalsLiteral(key, length, "lazytime")) flag = MS_LAZYTIME;
  else clears = true;
  if (clears) {
    if (equalsLiteral(key, length, "rw")) flag = MS_RDONLY;
    else if (equalsLiteral(key, length, "async")) flag = MS_SYNCHRONOUS;
    else if (equalsLiteral(key, length, "nomand")) flag = MS_MANDLOCK;
    else if (equalsLiteral(key, length, "nolazytime")) flag = MS_LAZYTIME;
    else return false;
    optionsCleared |= flag;
    optionsSet &= ~flag;
    return true;
  }
  optionsSet |= flag;
  optionsCleared &= ~flag;
  return true;
}

function clamped(value: u64): u32 {
  return min<u64>(value, u32.MAX_VALUE as u64) as u32;
}

/** size= and nr_blocks=: false where the value is none. */
function takeSize(value: usize, end: usize, inPages: bool): bool {
  parseSize(value, end);
  let size = parsed;
  if (!inPages && parsedEnd < end && load<u8>(parsedEnd) === PERCENT) {
    size = ((size * (totalPages() as u64)) << PAGE_BITS) / 100;
    parsedEnd++;
  }
  if (parsedEnd !== end) return false;
  const rest: u64 = (1 << PAGE_BITS) - 1;
  const pages = inPages ? size : (size >> PAGE_BITS) + ((size & rest) !== 0 ? 1 : 0);
  sizePages = clamped(pages);
  sizeGiven = true;
  return true;
}

/** Takes one option of a tmpfs; `value` is 0 where there is none. */
function takeOption(key: usize, length: u32, value: usize, end: usize): bool {
  if (value === 0) {
    return equalsLiteral(key, length, "inode32") || equalsLiteral(key, length, "inode64");
  }
  if (value === end) return false;
  if (equalsLiteral(key, length, "size")) return takeSize(value, end, false);
  if (equalsLiteral(key, length, "nr_blocks")) return takeSize(value, end, true);
  if (equalsLiteral(key, length, "nr_inodes")) {
    parseSize(value, end);
    inodesMost = clamped(parsed);
    inodesGiven = true;
    return parsedEnd === end;
  }
  if (equalsLiteral(key, length, "mode")) {
    if (!parseWord(value, end, 8)) return false;
    modeWanted = (parsed as u32) & 0o7777;
    modeGiven = true;
    return true;
  }
  if (equalsLiteral(key, length, "huge")) {
    return equalsLiteral(value, (end - value) as u32, "never");
  }
  const owner = equalsLiteral(key, length, "uid");
  if (!owner && !equalsLiteral(key, length, "gid")) return false;
  if (!parseWord(value, end, 0) || parsed === (u32.MAX_VALUE as u64)) return false;
  if (owner) {
    ownerWanted = parsed as u32;
    ownerGiven = true;
  } else {
    groupWanted = parsed as u32;
    groupGiven = true;
  }
  return true;
}

/**
 * Reads the `length` bytes of options at `text`, for a tmpfs or for a file system that has none of its own. Returns 0, or
 * -EINVAL where one is unknown or its value is none.
 */
export function readOptions(text: usize, length: u32, tmpfs: bool): i64 {
  begin();
  const end = text + length;
  let at = text;
  while (at < end) {
    let stop = at;
    // A digit behind a comma belongs to the value, as in a list of nodes.
    while (stop < end) {
      const parts = load<u8>(stop) === COMMA;
      const goesOn = tmpfs && stop + 1 < end && isDigit(load<u8>(stop + 1));
      if (parts && !goesOn) break;
      stop++;
    }
    let equals = at;
    while (equals < stop && load<u8>(equals) !== 61) equals++;
    const size = (equals - at) as u32;
    const value: usize = equals === stop ? 0 : equals + 1;
    // What has no name counts for nothing.
    if (size !== 0 && !isFlag(at, size) && !(tmpfs && takeOption(at, size, value, stop))) {
      return -EINVAL;
    }
    at = stop + 1;
  }
  return 0;
}
