// /proc/PID/timens_offsets (time_namespaces(7)): by how much clocks of processes that are made next are ahead.

import { EFAULT, EINVAL, ESRCH } from "../libroottask/errno";
import { Thread } from "../libroottask/program";
import { Transfer, takeBytes } from "../libroottask/transfer";
import { CLOCK_BOOTTIME, CLOCK_MONOTONIC } from "../linux/clock_ids";
import { offsetAt, permitOffsets, rangeOf, setOffset } from "../linux/namespaces/time";
import { linuxThread } from "../linux/state";
import { byte, number, text } from "./writer";

/** Bytes that are looked at: two lines, as blanks may part the numbers. */
const PAGE: u32 = 4096;
const NAME_MOST: u32 = 9;
/** Offsets of one write. */
const OFFSETS: u32 = 2;
const SECOND: i64 = 1_000_000_000;
/** Where a number has so many digits that no range has it. */
const LARGEST: u64 = 1_000_000_000_000_000;

const line = memory.data(4096);
/** Clock u64, seconds i64 and nanoseconds i64 of each offset. */
const offsets = memory.data(2 * 24);

/** Writes `value` right-aligned in `width` columns. */
function padded(value: i64, width: u32): void {
  const negative = value < 0;
  const size = negative ? -value : value;
  let digits: u32 = negative ? 2 : 1;
  for (let rest = size; rest >= 10; rest /= 10) digits++;
  for (; digits < width; digits++) byte(32);
  if (negative) byte(45);
  number(size as u64);
}

function show(name: string, offset: i64): void {
  let seconds = offset / SECOND;
  if (seconds * SECOND > offset) seconds--;
  text(name);
  padded(seconds, 10);
  byte(32);
  padded(offset - seconds * SECOND, 9);
  byte(10);
}

/** Writes those of the children of `thread`. */
export function timeOffsets(thread: Thread): void {
  const record = linuxThread(thread).childrenTimes;
  show("monotonic  ", offsetAt(record, false));
  show("boottime   ", offsetAt(record, true));
}

/** Where the next character of `line` is looked at, and where the line ends. */
let at: u32 = 0;
let end: u32 = 0;
let parsed: i64 = 0;

function character(): u32 {
  return at < end ? load<u8>(line + at) : 0;
}

function skipBlanks(): void {
  while (character() === 32 || (character() >= 9 && character() <= 13)) at++;
}

/** Parses a number into `parsed`. False where there is none. */
function parseNumber(): bool {
  skipBlanks();
  const negative = character() === 45;
  if (negative) at++;
  const start = at;
  let value: u64 = 0;
  for (; character() >= 48 && character() <= 57; at++) {
    value = min<u64>(value * 10 + ((character() - 48) as u64), LARGEST);
  }
  parsed = negative ? -(value as i64) : (value as i64);
  return at > start;
}

function isWord(start: u32, word: string): bool {
  if (at - start !== (word.length as u32)) return false;
  for (let i: u32 = 0; i < at - start; i++) {
    if ((load<u8>(line + start + i) as i32) !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** Parses a clock into `parsed`. False where it has none that can be moved. */
function parseClock(): bool {
  skipBlanks();
  const start = at;
  while (character() > 32 && at - start < NAME_MOST) at++;
  if (isWord(start, "monotonic") || isWord(start, "1")) parsed = CLOCK_MONOTONIC as i64;
  else if (isWord(start, "boottime") || isWord(start, "7")) parsed = CLOCK_BOOTTIME as i64;
  else return false;
  return true;
}

/** Parses the line from `at` to `end` into offset `index`. */
function parseLine(index: u32): bool {
  const target = offsets + index * 24;
  if (!parseClock()) return false;
  store<i64>(target, parsed);
  if (!parseNumber()) return false;
  store<i64>(target + 8, parsed);
  if (!parseNumber() || parsed < 0 || parsed >= SECOND) return false;
  store<i64>(target + 16, parsed);
  return true;
}

/** Sets `count` offsets of the children of `thread`: 0 or a negative error. */
function set(thread: Thread, count: u32): i64 {
  const record = linuxThread(thread).childrenTimes;
  const permitted = permitOffsets(record);
  if (permitted !== 0) return permitted;
  for (let i: u32 = 0; i < count; i++) {
    const wrong = rangeOf(load<i64>(offsets + i * 24 + 8));
    if (wrong !== 0) return wrong;
  }
  for (let i: u32 = 0; i < count; i++) {
    const from = offsets + i * 24;
    const offset = load<i64>(from + 8) * SECOND + load<i64>(from + 16);
    setOffset(record, load<u32>(from), offset);
  }
  return 0;
}

/** Sets those of the children of `target`, null where it has gone: the bytes of two lines at most, or a negative error. */
export function writeTimeOffsets(target: Thread | null, transfer: Transfer, position: i64): i64 {
  if (position !== 0 || transfer.left >= (PAGE as u64)) return -EINVAL;
  const length = transfer.left as u32;
  if (takeBytes(transfer, line, length) !== length) return -EFAULT;
  if (target === null) return -ESRCH;
  let next: u32 = 0;
  let count: u32 = 0;
  do {
    at = next;
    end = at;
    while (end < length && load<u8>(line + end) !== 10) end++;
    next = min<u32>(end + 1, length);
    if (!parseLine(count)) return -EINVAL;
    count++;
  } while (next < length && count < OFFSETS);
  const error = set(target, count);
  return error === 0 ? (next as i64) : error;
}
