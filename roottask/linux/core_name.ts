// What core dumps are called: /proc/sys/kernel/core_pattern and core_uses_pid (core(5), format_corename() of fs/coredump.c,
// Linux 6.1), which a line of the start file may set for itself. Left out: patterns that begin with "|", of programs that
// are given the dump.

import { decimal } from "../../tools/screen/guest/digits";
import { bootTime, monotonic } from "../libroottask/clock";
import { allocate, release } from "../libroottask/heap";
import { Program, Thread } from "../libroottask/program";
import { copyLiteral, terminatedLength } from "../libroottask/text";
import { PATH_MAX, pathOf } from "../libroottask/tree";
import { putName } from "./core_notes";
import { hostNames, NAME_FIELD } from "./host_names";
import { RLIMIT_CORE } from "./limit_numbers";
import { linuxProgram, NAME_BYTES, softLimit } from "./state";

/** CORENAME_MAX_SIZE: the pattern with its NUL; behind it, in the same record, whether the process id is added, 4 bytes. */
export const PATTERN_BYTES: u32 = 128;
const RECORD_BYTES: u32 = PATTERN_BYTES + 4;

const PERCENT: u8 = 37;
const SLASH: u8 = 47;
const DOT: u8 = 46;
const MARK: u8 = 33;

const usual = memory.data(132);
const part = memory.data(4096);
const digits = memory.data(24);
const SECOND: u64 = 1_000_000_000;

/** The pattern of `program`, to be read alone. */
function patternOf(program: Program): usize {
  const own = program.entry.corePattern;
  if (own !== 0) return own;
  memory.fill(usual, 0, RECORD_BYTES);
  copyLiteral(usual, "core");
  return usual;
}

/** The pattern of the line of `program`, which can be changed, PATTERN_BYTES; 0 when memory is out. */
export function ownCorePattern(program: Program): usize {
  const entry = program.entry;
  if (entry.corePattern === 0) {
    const record = allocate(RECORD_BYTES);
    if (record === 0) return 0;
    memory.copy(record, patternOf(program), RECORD_BYTES);
    entry.corePattern = record;
  }
  return entry.corePattern;
}

/** The record of `program` is about to go. */
export function forgetCorePattern(program: Program): void {
  if (program.corePattern !== 0) release(program.corePattern, RECORD_BYTES);
  program.corePattern = 0;
}

/** Where the name is put together, room for PATH_MAX bytes, and its bytes so far; more than there is room for are too many. */
let target: usize = 0;
let length: u32 = 0;

function add(character: u8): void {
  if (length < PATH_MAX) store<u8>(target + length, character);
  length++;
}

function addNumber(value: u64): void {
  const count = decimal(digits, value);
  for (let i: u32 = 0; i < count; i++) add(load<u8>(digits + i));
}

/** Adds the `size` bytes at `from` so that they are a part of one name: without "/", and neither empty, "." nor "..". */
function addPart(from: usize, size: u32): void {
  let dots = size <= 2;
  for (let i: u32 = 0; i < size; i++) if (load<u8>(from + i) !== DOT) dots = false;
  for (let i: u32 = 0; i < size; i++) {
    const character = load<u8>(from + i);
    add((dots && i === 0) || character === SLASH ? MARK : character);
  }
  if (size === 0) add(MARK);
}

function addThreadName(thread: Thread): void {
  memory.fill(part, 0, NAME_BYTES);
  putName(thread, part);
  addPart(part, terminatedLength(part, NAME_BYTES));
}

/** Adds the path of what the program runs, or the last name of it. */
function addExecutable(thread: Thread, whole: bool): void {
  const node = thread.program.executable;
  const size = node === null ? -1 : pathOf(thread.program.executableMount, node, part);
  if (size < 0) {
    addThreadName(thread);
    return;
  }
  let start = size as u32;
  while (!whole && start > 0 && load<u8>(part + start - 1) !== SLASH) start--;
  if (whole) start = 0;
  addPart(part + start, (size as u32) - start);
}

/** Adds what `letter` behind "%" stands for; of letters that mean nothing, nothing. */
function addMeant(thread: Thread, letter: u8, signal: u32): void {
  const program = thread.program;
  switch (letter) {
    case PERCENT:
      add(PERCENT);
      break;
    // c, d, e, f, g, h, i, p, s, t, u; C, E, I, P.
    case 99:
      addNumber(softLimit(program, RLIMIT_CORE));
      break;
    case 100:
      addNumber(linuxProgram(program).dumpable as u64);
      break;
    case 101:
      addThreadName(thread);
      break;
    case 102:
      addExecutable(thread, false);
      break;
    case 103:
      addNumber(thread.credentials.group as u64);
      break;
    case 104:
      addPart(hostNames(program), terminatedLength(hostNames(program), NAME_FIELD));
      break;
    case 105:
    case 73:
      addNumber(thread.id as u64);
      break;
    case 112:
    case 80:
      addNumber(program.id as u64);
      break;
    case 115:
      addNumber(signal as u64);
      break;
    case 116:
      addNumber((bootTime() as u64) + monotonic() / SECOND);
      break;
    case 117:
      addNumber(thread.credentials.user as u64);
      break;
    case 67:
      addNumber(thread.processor as u64);
      break;
    case 69:
      addExecutable(thread, true);
      break;
    default:
      break;
  }
}

/**
 * Writes to `to`, which has room for PATH_MAX bytes, what the core dump of `thread` is called, which `signal` ends. Returns
 * its bytes, or 0 where they are none, or too many.
 */
export function coreName(thread: Thread, signal: u32, to: usize): u32 {
  const pattern = patternOf(thread.program);
  target = to;
  length = 0;
  let numbered = false;
  for (let at = pattern; load<u8>(at) !== 0; at++) {
    let character = load<u8>(at);
    if (character !== PERCENT) {
      add(character);
      continue;
    }
    character = load<u8>(++at);
    if (character === 0) break;
    if (character === 112) numbered = true;
    addMeant(thread, character, signal);
  }
  if (!numbered && load<u32>(pattern + PATTERN_BYTES) !== 0) {
    add(DOT);
    addNumber(thread.program.id as u64);
  }
  return length < PATH_MAX ? length : 0;
}
