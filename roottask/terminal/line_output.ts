// What is written to a terminal, and what it shows of what is typed: output processing (termios(3), c_oflag) and echo. The
// column of the cursor is kept for tabs.

import {
  forgetKept,
  KEPT_AS_IS,
  KEPT_BACK,
  KEPT_BEGIN,
  KEPT_MARK,
  KEPT_TAB,
  KEPT_TAKE_BACK,
  keepByte,
  keepOperation,
  keptArgument,
  keptOperation,
  limitKept,
  nextKept,
} from "./kept_echo";
import { inputAt, Terminal } from "./terminal";
import {
  ECHO,
  ECHOCTL,
  IUTF8,
  OCRNL,
  OLCUC,
  ONLCR,
  ONLRET,
  ONOCR,
  OPOST,
  TABDLY,
  XTABS,
} from "./termios";

/** Most bytes that one byte becomes: a tab of blanks. */
export const EXPANSION: u32 = 8;

const BACKSPACE: u8 = 8;
const TAB: u8 = 9;
const NEWLINE: u8 = 10;
const RETURN: u8 = 13;
const BLANK: u8 = 32;
/** Linux shows this byte without output processing: it is a mark in its queue of what is to be shown. */
const UNPROCESSED: u8 = 255;

/** Bytes on their way to the other end: collected in one call, sent at its end. */
const ROOM: u32 = 4096;
const collected = memory.data(4096);
let count: u32 = 0;

/** Where the cursor was when nothing had been collected of what is shown now. */
let firstColumn: u32 = 0;
let firstLineColumn: u32 = 0;

/** What is shown from now on belongs together: `forgetShown` takes it back. */
export function beginShowing(terminal: Terminal): void {
  showKept(terminal);
  firstColumn = terminal.column;
  firstLineColumn = terminal.lineColumn;
}

/** What has been shown since `beginShowing` and not been sent is forgotten. */
export function forgetShown(terminal: Terminal): void {
  count = 0;
  forgetKept(terminal);
  terminal.column = firstColumn;
  terminal.lineColumn = firstLineColumn;
}

/** Sends what has been collected, or keeps it where the output is stopped (process_echoes() of Linux). */
export function flush(terminal: Terminal): void {
  if (terminal.stopped !== 0) {
    for (let at: u32 = 0; at < count; at++) {
      keepOperation(terminal, KEPT_AS_IS, load<u8>(collected + at));
    }
    count = 0;
    limitKept(terminal);
    return;
  }
  if (count === 0) return;
  const send = terminal.send;
  const length = count;
  count = 0;
  send(terminal, collected, length);
}

function emit(terminal: Terminal, value: u8): void {
  if (count === ROOM) flush(terminal);
  store<u8>(collected + count, value);
  count++;
}

/** A control character of ASCII. */
export function isControl(value: u8): bool {
  return value < 32 || value === 127;
}

/** The byte goes on a character of UTF-8, where the terminal has such. */
export function continues(terminal: Terminal, value: u8): bool {
  return (terminal.settings.iflag & IUTF8) !== 0 && (value & 0xc0) === 0x80;
}

function upper(value: u8): u8 {
  const small = (value >= 97 && value <= 122) || (value >= 0xdf && value !== 0xf7);
  return small ? value - 32 : value;
}

/** Collects `value` as a program has written it. */
export function putOutput(terminal: Terminal, value: u8): void {
  const flags = terminal.settings.oflag;
  if ((flags & OPOST) === 0) {
    emit(terminal, value);
    return;
  }
  let out = value;
  if (value === NEWLINE) {
    if ((flags & ONLRET) !== 0) terminal.column = 0;
    if ((flags & ONLCR) !== 0) {
      terminal.column = 0;
      emit(terminal, RETURN);
    }
    terminal.lineColumn = terminal.column;
  } else if (value === RETURN) {
    if ((flags & ONOCR) !== 0 && terminal.column === 0) return;
    const becomesLine = (flags & OCRNL) !== 0;
    if (becomesLine) out = NEWLINE;
    if (!becomesLine || (flags & ONLRET) !== 0) {
      terminal.column = 0;
      terminal.lineColumn = 0;
    }
  } else if (value === TAB) {
    const blanks: u32 = 8 - (terminal.column & 7);
    terminal.column += blanks;
    if ((flags & TABDLY) === XTABS) {
      for (let i: u32 = 0; i < blanks; i++) emit(terminal, BLANK);
      return;
    }
  } else if (value === BACKSPACE) {
    if (terminal.column !== 0) terminal.column--;
  } else if (!isControl(value)) {
    if ((flags & OLCUC) !== 0) out = upper(value);
    if (!continues(terminal, value)) terminal.column++;
  }
  emit(terminal, out);
}

/** Shows `value` as it is, unless the other end has no room, as for all that is shown. */
export function showRaw(terminal: Terminal, value: u8): void {
  if (terminal.stopped !== 0) {
    keepByte(terminal, value);
    return;
  }
  const room = terminal.room;
  if (room(terminal) < count + EXPANSION) return;
  if (value !== UNPROCESSED) {
    putOutput(terminal, value);
    return;
  }
  emit(terminal, value);
  terminal.column++;
}

/** Shows `value` that has been typed, control characters with a circumflex where ECHOCTL asks for it. */
export function show(terminal: Terminal, value: u8): void {
  const circumflex = (terminal.settings.lflag & ECHOCTL) !== 0 && value !== TAB && isControl(value);
  if (!circumflex) {
    showRaw(terminal, value);
    return;
  }
  if (terminal.stopped !== 0) keepOperation(terminal, value, 0);
  else showControl(terminal, value);
}

function showControl(terminal: Terminal, value: u8): void {
  const room = terminal.room;
  if (room(terminal) < count + EXPANSION) return;
  emit(terminal, 94);
  emit(terminal, value ^ 64);
  terminal.column += 2;
}

/** Shows what has been kept, as settings and cursor are now, where the output goes on. */
export function showKept(terminal: Terminal): void {
  if (terminal.stopped !== 0) return;
  while (nextKept(terminal)) {
    const value = keptArgument;
    if (keptOperation === KEPT_MARK) showRaw(terminal, value);
    else if (keptOperation === KEPT_AS_IS) emit(terminal, value);
    else if (keptOperation === KEPT_BACK) back(terminal);
    else if (keptOperation === KEPT_BEGIN) beginShown(terminal);
    else if (keptOperation === KEPT_TAB) wipeColumns(terminal, value);
    else if (keptOperation === KEPT_TAKE_BACK) takeBackColumn(terminal);
    else showControl(terminal, keptOperation);
  }
}

/** The line that is typed begins where the cursor is. */
export function beginShown(terminal: Terminal): void {
  if (terminal.stopped !== 0) keepOperation(terminal, KEPT_BEGIN, 0);
  else terminal.lineColumn = terminal.column;
}

function back(terminal: Terminal): void {
  if (terminal.stopped !== 0) {
    keepOperation(terminal, KEPT_BACK, 0);
    return;
  }
  const room = terminal.room;
  if (room(terminal) < count + EXPANSION) return;
  emit(terminal, BACKSPACE);
  if (terminal.column !== 0) terminal.column--;
}

/** A byte that ECHOPRT shows takes no column of its own. */
export function takeBackColumn(terminal: Terminal): void {
  if (terminal.stopped !== 0) keepOperation(terminal, KEPT_TAKE_BACK, 0);
  else if (terminal.column !== 0) terminal.column--;
}

function wipe(terminal: Terminal): void {
  showRaw(terminal, BACKSPACE);
  showRaw(terminal, BLANK);
  showRaw(terminal, BACKSPACE);
}

/** Takes a tab, which was before the end of the line, off the screen: back to the column where it began. */
function wipeTab(terminal: Terminal): void {
  let columns: u32 = 0;
  let afterTab = false;
  let at = terminal.head;
  while (at !== terminal.lines) {
    const value = inputAt(terminal, --at);
    if (value === TAB) {
      afterTab = true;
      break;
    }
    if (isControl(value)) {
      if ((terminal.settings.lflag & ECHOCTL) !== 0) columns += 2;
    } else if (!continues(terminal, value)) {
      columns++;
    }
  }
  const said = ((columns & 7) as u8) | (afterTab ? AFTER_TAB : 0);
  if (terminal.stopped !== 0) keepOperation(terminal, KEPT_TAB, said);
  else wipeColumns(terminal, said);
}

/** In front of a tab that is to be wiped there is another one. */
const AFTER_TAB: u8 = 0x80;

/** Goes back over a tab that has so many columns of 8 in front of it, from the line's beginning or, with AFTER_TAB, from a tab on. */
function wipeColumns(terminal: Terminal, said: u8): void {
  let columns = (said & 7) as u32;
  if ((said & AFTER_TAB) === 0) columns += terminal.lineColumn;
  for (let left: u32 = 8 - (columns & 7); left !== 0; left--) back(terminal);
}

/** Takes `value`, which was the last of the line, off the screen. */
export function wipeCharacter(terminal: Terminal, value: u8): void {
  if (value === TAB) {
    wipeTab(terminal);
    return;
  }
  const shown = (terminal.settings.lflag & ECHOCTL) !== 0;
  if (isControl(value) && shown) wipe(terminal);
  if (!isControl(value) || shown) wipe(terminal);
}

/** What is typed is shown. */
export function echoes(terminal: Terminal): bool {
  return (terminal.settings.lflag & ECHO) !== 0;
}
