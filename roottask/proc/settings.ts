// Files of /proc/sys that are numbers, or a name: how they are told and written (kernel/sysctl.c of Linux 6.1). Whose they
// are, and what follows from them, is sys.ts'.

import { actor, inGroup } from "../libroottask/credentials";
import { EACCES, EFAULT, EINVAL, ENOMEM } from "../libroottask/errno";
import { create } from "../libroottask/heap";
import {
  newOperations,
  O_ACCMODE,
  O_WRONLY,
  OpenFile,
  POSITION_KEPT,
  SEEK_CUR,
  SEEK_SET,
  seekFrom,
  writable,
} from "../libroottask/open_file";
import { Program, Thread } from "../libroottask/program";
import { copyLiteral, terminatedLength } from "../libroottask/text";
import { Transfer, takeBytes } from "../libroottask/transfer";
import { KIND_FILE, Node } from "../libroottask/tree";
import { addNode, name } from "./entries";
import { begin, byte, bytes, number, passText, signed } from "./writer";

/** What the values are: of 32 bits with and without a sign, of 64 bits without one; or one name that ends in NUL. */
export const SIGNED: u32 = 0;
export const UNSIGNED: u32 = 1;
export const LONG: u32 = 2;
export const NAME: u32 = 3;

/** Where the first value is, for `program`; 0 when memory is out. */
export type Place = (program: Program) => usize;
/** Values at `place` have been written, those before are at `before`: 0, or a negative error that the writer gets. */
export type Written = (place: usize, before: usize) => i64;

/** Characters of a number, and of what is looked at in a write. */
const DIGITS_MAX: u32 = 21;
const TEXT_MAX: u32 = 4095;

@unmanaged
export class Setting {
  kind: u32;
  /** Values, or bytes of a name with its NUL. */
  count: u32;
  least: u64;
  most: u64;
  place: Place;
  written: Written;
}

const storage = memory.data(64);
const line = memory.data(4096);
/** Values before a write: four at most, or a name. */
const before = memory.data(128);

function nothingFollows(_place: usize, _before: usize): i64 {
  return 0;
}

/** Adds a setting of `count` values between `least` and `most`; null when memory is out. */
export function addSetting(
  directory: Node,
  literal: string,
  mode: u32,
  kind: u32,
  count: u32,
  least: u64,
  most: u64,
  place: Place,
): Setting | null {
  const setting = create<Setting>();
  if (setting === null) return null;
  setting.kind = kind;
  setting.count = count;
  setting.least = least;
  setting.most = most;
  setting.place = place;
  setting.written = nothingFollows;
  const length = copyLiteral(name, literal);
  const node = addNode(directory, length, KIND_FILE, mode, changetype<usize>(setting));
  if (node !== null) node.operations = storage;
  return setting;
}

function settingOf(file: OpenFile): Setting {
  return changetype<Setting>(file.node.object);
}

/** No capability counts beside owner and group, which are root. */
function open(_thread: Thread, file: OpenFile): i64 {
  let granted = file.node.mode;
  if (actor.effectiveUser === 0) granted >>= 6;
  else if (inGroup(0)) granted >>= 3;
  let wanted: u32 = (file.flags & O_ACCMODE) === O_WRONLY ? 0 : 4;
  if (writable(file)) wanted |= 2;
  return (wanted & ~granted) === 0 ? 0 : -EACCES;
}

function valueBytes(setting: Setting): u32 {
  return setting.kind === LONG ? 8 : 4;
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  const setting = settingOf(file);
  const place = setting.place(thread.program);
  if (place === 0) return -ENOMEM;
  begin();
  if (setting.kind === NAME) {
    bytes(place, terminatedLength(place, setting.count));
    byte(10);
    return passText(transfer, position);
  }
  // What one read has no room for is lost, as on Linux.
  if (position !== 0) return 0;
  for (let i: u32 = 0; i < setting.count; i++) {
    if (i !== 0) byte(9);
    const at = place + i * valueBytes(setting);
    if (setting.kind === SIGNED) signed(load<i32>(at) as i64);
    else number(setting.kind === LONG ? load<u64>(at) : (load<u32>(at) as u64));
  }
  byte(10);
  return passText(transfer, 0);
}

function isSpace(character: u32): bool {
  return character === 32 || (character >= 9 && character <= 13);
}

/** Where `line`, which has `end` bytes, has something else than spaces from `at` on. */
function skipSpaces(at: u32, end: u32): u32 {
  let next = at;
  while (next < end && isSpace(load<u8>(line + next))) next++;
  return next;
}

/** The value of a digit in any base up to 16; 16 where it is none. */
function digitOf(character: u32): u32 {
  if (character >= 48 && character <= 57) return character - 48;
  const letter = character | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : 16;
}

/** What `parseNumber` has found: a number, whether "-" is in front of it, and where it ends. */
let parsed: u64 = 0;
let negative: bool = false;
let parsedEnd: u32 = 0;

/** Parses a number of `line` at `start`, decimal, or octal behind a 0, or hexadecimal behind 0x. False where it is none. */
function parseNumber(start: u32, end: u32): bool {
  const last = min<u32>(end, start + DIGITS_MAX);
  let at = start;
  negative = end - start > 1 && load<u8>(line + at) === 45;
  if (negative) at++;
  if (at >= last || digitOf(load<u8>(line + at)) > 9) return false;
  let base: u64 = 10;
  if (load<u8>(line + at) === 48) {
    base = 8;
    const hexadecimal = at + 2 < last && (load<u8>(line + at + 1) | 32) === 120;
    if (hexadecimal && digitOf(load<u8>(line + at + 2)) < 16) {
      base = 16;
      at += 2;
    }
  }
  parsed = 0;
  while (at < last) {
    const digit = digitOf(load<u8>(line + at)) as u64;
    if (digit >= base) break;
    if (parsed > (u64.MAX_VALUE - digit) / base) return false;
    parsed = parsed * base + digit;
    at++;
  }
  parsedEnd = at;
  if (at - start === DIGITS_MAX) return false;
  const behind: u32 = at < end ? load<u8>(line + at) : 10;
  return behind === 32 || behind === 9 || behind === 10;
}

/** Makes value `index` the number that has been parsed: 0 or -EINVAL. */
function keepValue(setting: Setting, place: usize, index: u32): i64 {
  const at = place + index * valueBytes(setting);
  if (setting.kind === SIGNED) {
    if (parsed > (i32.MAX_VALUE as u64) + (negative ? 1 : 0)) return -EINVAL;
    const value: i64 = negative ? -(parsed as i64) : (parsed as i64);
    if (value < (setting.least as i64) || value > (setting.most as i64)) return -EINVAL;
    store<i32>(at, value as i32);
    return 0;
  }
  if (negative || parsed < setting.least || parsed > setting.most) return -EINVAL;
  if (setting.kind === LONG) store<u64>(at, parsed);
  else store<u32>(at, parsed as u32);
  return 0;
}

/** Takes values from the `length` bytes of `line`: how many bytes have been used, or a negative error. */
function takeValues(setting: Setting, place: usize, length: u32): i64 {
  let at: u32 = 0;
  let index: u32 = 0;
  while (index < setting.count) {
    at = skipSpaces(at, length);
    if (at === length) break;
    if (!parseNumber(at, length)) return -EINVAL;
    at = parsedEnd;
    const error = keepValue(setting, place, index);
    if (error !== 0) return error;
    index++;
  }
  return index === 0 ? -EINVAL : (skipSpaces(at, length) as i64);
}

/** Makes the `length` bytes of `line`, up to a line's end, the name from byte `position` on. */
function takeName(setting: Setting, place: usize, length: u32, position: i64): void {
  if (position > (terminatedLength(place, setting.count) as i64)) return;
  let at = place + (position as usize);
  const end = place + (setting.count - 1);
  for (let i: u32 = 0; i < length && at < end; i++) {
    const character = load<u8>(line + i);
    if (character === 0 || character === 10) break;
    store<u8>(at++, character);
  }
  store<u8>(at, 0);
}

function write(thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  const setting = settingOf(file);
  const place = setting.place(thread.program);
  if (place === 0) return -ENOMEM;
  const all = transfer.left as i64;
  const length = min<u64>(transfer.left, TEXT_MAX as u64) as u32;
  if (takeBytes(transfer, line, length) !== length) return -EFAULT;
  if (length === 0) return 0;
  if (setting.kind === NAME) {
    memory.copy(before, place, setting.count);
    takeName(setting, place, length, position);
    const refused = setting.written(place, before);
    return refused !== 0 ? refused : all;
  }
  // Numbers are written from the beginning; what comes behind counts as nothing.
  if (position !== 0) return all;
  memory.copy(before, place, setting.count * valueBytes(setting));
  const used = takeValues(setting, place, length);
  if (used < 0) return used;
  const error = setting.written(place, before);
  return error !== 0 ? error : all - (length as i64) + used;
}

/** There is no end to seek from. */
function seek(file: OpenFile, offset: i64, whence: u32): i64 {
  if (whence !== SEEK_SET && whence !== SEEK_CUR) return -EINVAL;
  const position = seekFrom(whence === SEEK_SET ? 0 : file.position, offset);
  if (position >= 0) file.position = position;
  return position;
}

/** Must be called before the first setting is added. */
export function initSettings(): void {
  const operations = newOperations(storage);
  operations.open = open;
  operations.read = read;
  operations.write = write;
  operations.seek = seek;
  operations.position = POSITION_KEPT;
}
