// What the archive reader has to say: one line an entry or place, in the roottask's log.

import { endLine, say, sayDecimal, sayText } from "./console";
import { LOG_WARN, line, MODULE_ARCHIVE } from "./log";

/** Lines about one archive; what is beyond them is only counted. */
const LINES_MAX: u32 = 100;
/** Bytes of a name that a line shows. */
const SHOWN_MAX: u32 = 200;

let lines: u32 = 0;

/** Begins with a new archive. */
export function openLog(): void {
  lines = 0;
}

/** Says how many lines were left out. */
export function closeLog(): void {
  if (lines <= LINES_MAX) return;
  line(LOG_WARN, MODULE_ARCHIVE, "archive: ");
  sayDecimal((lines - LINES_MAX) as u64);
  say(" more lines like these left out");
  endLine();
}

function begin(): bool {
  if (++lines > LINES_MAX) return false;
  line(LOG_WARN, MODULE_ARCHIVE, "archive: ");
  return true;
}

function sayName(name: usize, length: u32): void {
  sayText(name, min<u32>(length, SHOWN_MAX));
  if (length > SHOWN_MAX) say("...");
}

/** "NAME: what" */
export function note(name: usize, length: u32, what: string): void {
  if (!begin()) return;
  sayName(name, length);
  say(": ");
  say(what);
  endLine();
}

/** "NAME skipped: why" */
export function skip(name: usize, length: u32, why: string): void {
  if (!begin()) return;
  sayName(name, length);
  say(" skipped: ");
  say(why);
  endLine();
}

/** "NAME skipped: why TARGET" */
export function skipLink(
  name: usize,
  length: u32,
  why: string,
  target: usize,
  targetLength: u32,
): void {
  if (!begin()) return;
  sayName(name, length);
  say(" skipped: ");
  say(why);
  say(" ");
  sayName(target, targetLength);
  endLine();
}

/** "NAME skipped: the archive ends inside it, after SIZE bytes" */
export function skipRest(name: usize, length: u32, size: u32): void {
  if (!begin()) return;
  sayName(name, length);
  say(" skipped: the archive ends inside it, after ");
  sayDecimal(size as u64);
  say(" bytes");
  endLine();
}

/** "what offset OFFSET of SIZE bytes" */
export function notePlace(what: string, offset: u32, size: u32): void {
  if (!begin()) return;
  say(what);
  say(" offset ");
  sayDecimal(offset as u64);
  say(" of ");
  sayDecimal(size as u64);
  say(" bytes");
  endLine();
}
