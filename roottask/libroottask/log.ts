// The roottask's own lines: each has a level and the module it is about, some a program, and is printed where the
// `log=` option of the roottask's command line lets it. Without that option all lines up to "info" are printed, bare, so
// that logs can be compared; with it every line says when it was begun, its level and its module.

import { clockRuns, monotonic } from "./clock";
import { beginLine, mute, say, sayDecimal, sayText, sayZeroPadded } from "./console";
import { Program } from "./program";
import { bytesEqual, copyLiteral, equalsLiteral } from "./text";

export const LOG_OFF: u32 = 0;
export const LOG_ERROR: u32 = 1;
export const LOG_WARN: u32 = 2;
export const LOG_INFO: u32 = 3;
export const LOG_DEBUG: u32 = 4;
export const LOG_TRACE: u32 = 5;
const LEVELS: u32 = 6;
const NO_LEVEL: u32 = 0xffff_ffff;

export const MODULE_MACHINE: u32 = 0;
export const MODULE_ARCHIVE: u32 = 1;
export const MODULE_PROGRAMS: u32 = 2;
export const MODULE_EXCEPTIONS: u32 = 3;
export const MODULE_SERVICES: u32 = 4;
export const MODULE_LINUX: u32 = 5;

/** Items of the option that name a module or program. */
const FILTERS_MAX: u32 = 16;
/** Bytes of the option that are used. */
const TEXT_MAX: u32 = 512;

const NANOSECONDS: u64 = 1_000_000_000;
const MICROSECOND: u64 = 1_000;

@unmanaged
class Filter {
  name: usize;
  length: u32;
  level: u32;
}

let level: u32 = LOG_INFO;
/** The option is there, so lines say more. */
let detailed: bool = false;
let filterCount: u32 = 0;
const filters = memory.data(16 * 12);
/** A copy of the option, which the filters' names are in. */
const text = memory.data(512);
const literals = memory.data(16);

function levelName(value: u32): string {
  switch (value) {
    case LOG_OFF:
      return "off";
    case LOG_ERROR:
      return "error";
    case LOG_WARN:
      return "warn";
    case LOG_INFO:
      return "info";
    case LOG_DEBUG:
      return "debug";
    default:
      return "trace";
  }
}

function moduleName(module: u32): string {
  switch (module) {
    case MODULE_MACHINE:
      return "machine";
    case MODULE_ARCHIVE:
      return "archive";
    case MODULE_PROGRAMS:
      return "programs";
    case MODULE_EXCEPTIONS:
      return "exceptions";
    case MODULE_SERVICES:
      return "services";
    default:
      return "linux";
  }
}

function levelOf(name: usize, length: u32): u32 {
  for (let each: u32 = 0; each < LEVELS; each++) {
    if (equalsLiteral(name, length, levelName(each))) return each;
  }
  return NO_LEVEL;
}

function filterAt(index: u32): Filter {
  return changetype<Filter>(filters + index * (offsetof<Filter>() as u32));
}

/** The level the option gives this name, or NO_LEVEL. The last one counts. */
function filtered(name: usize, length: u32): u32 {
  let found = NO_LEVEL;
  for (let i: u32 = 0; i < filterCount; i++) {
    const filter = filterAt(i);
    if (bytesEqual(filter.name, filter.length, name, length)) found = filter.level;
  }
  return found;
}

/** Forgets an option that was read before. */
export function resetLog(): void {
  level = LOG_INFO;
  detailed = false;
  filterCount = 0;
}

/** One item of the option: "LEVEL" or "NAME=LEVEL". Says what is wrong with it. */
function readItem(item: usize, length: u32): void {
  let name: u32 = 0;
  while (name < length && load<u8>(item + name) !== 61) name++;
  const bare = name === length;
  const start = bare ? item : item + name + 1;
  const found = levelOf(start, bare ? length : length - name - 1);
  if (found !== NO_LEVEL && bare) {
    level = found;
    return;
  }
  if (found !== NO_LEVEL && name !== 0 && filterCount < FILTERS_MAX) {
    const filter = filterAt(filterCount++);
    filter.name = item;
    filter.length = name;
    filter.level = found;
    return;
  }
  beginLine();
  say("option log=: ");
  if (found !== NO_LEVEL && name !== 0) {
    say("more than 16 names");
  } else {
    say('expected "LEVEL" or "NAME=LEVEL" (off, error, warn, info, debug, trace), not "');
    sayText(item, length);
    say('"');
  }
  say("\n");
}

/** Takes the value of the `log=` option: items with colons between them. */
export function readLogOption(value: usize, length: u32): void {
  resetLog();
  detailed = true;
  const size = min<u32>(length, TEXT_MAX);
  memory.copy(text, value, size);
  let start: u32 = 0;
  while (start <= size) {
    let end = start;
    while (end < size && load<u8>(text + end) !== 58) end++;
    readItem(text + start, end - start);
    start = end + 1;
  }
}

/** The last component of a program's path. */
function baseName(name: usize, length: u32): u32 {
  let start = length;
  while (start > 0 && load<u8>(name + start - 1) !== 47) start--;
  return start;
}

/** Whether a line of `wanted` level about `module`, and about `program` where there is one, is printed. */
export function logs(wanted: u32, module: u32, program: Program | null): bool {
  if (filterCount === 0) return wanted <= level;
  let allowed = NO_LEVEL;
  if (program !== null) {
    const name = program.name;
    const length = program.nameLength;
    allowed = filtered(name, length);
    if (allowed === NO_LEVEL) {
      const start = baseName(name, length);
      allowed = filtered(name + start, length - start);
    }
  }
  if (allowed === NO_LEVEL) {
    allowed = filtered(literals, copyLiteral(literals, moduleName(module)));
  }
  return wanted <= (allowed === NO_LEVEL ? level : allowed);
}

/** Begins a line about a program; what is said until `endLine` is printed or not. */
export function lineAbout(
  program: Program | null,
  wanted: u32,
  module: u32,
  literal: string,
): void {
  if (!logs(wanted, module, program)) {
    mute();
    return;
  }
  beginLine();
  if (detailed) {
    const time = clockRuns() ? monotonic() : 0;
    sayDecimal(time / NANOSECONDS);
    say(".");
    sayZeroPadded((time % NANOSECONDS) / MICROSECOND, 6);
    say(" ");
    say(levelName(wanted));
    say(" ");
    say(moduleName(module));
    say(": ");
  }
  say(literal);
}

/** Begins a line about no program. */
export function line(wanted: u32, module: u32, literal: string): void {
  lineAbout(null, wanted, module, literal);
}
