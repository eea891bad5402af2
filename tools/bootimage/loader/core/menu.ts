// The menu, on screen and serial line at once: entries with a bar that arrow keys move, a countdown to the default
// that any key stops, and an editor for the command line of one entry.

import {
  commandLine,
  commandLineLength,
  cursorPlace,
  deleteBefore,
  deleteNext,
  insert,
  moveCursor,
  setCommandLine,
} from "./command_line";
import { defaultEntry, Entry, entryAt, entryCount, timeout } from "./configuration";
import {
  clearConsole,
  columns,
  highlight,
  moveTo,
  print,
  printBytes,
  printDecimal,
  put,
  rows,
} from "./console";
import {
  firmware,
  KEY_DELETE,
  KEY_DOWN,
  KEY_END,
  KEY_HOME,
  KEY_LEFT,
  KEY_RIGHT,
  KEY_UP,
  NO_KEY,
} from "./firmware";
import { KEY_BACKSPACE, KEY_ENTER, KEY_ESCAPE, KEY_TAB, readInput } from "./input";
import { pause } from "./x86";

const LETTER_E: i32 = 0x65;
/** Rows above the entries, and below them. */
const ABOVE: u32 = 2;
const BELOW: u32 = 5;
/** Characters of a command line that scroll at once when the cursor leaves what is shown. */
const STEP: i32 = 8;

let selected: i32 = 0;
/** First entry on the screen. */
let top: i32 = 0;
/** First character of the command line on the screen. */
let left: i32 = 0;

/** Whether there is something to choose, or time to. */
export function hasMenu(): bool {
  return timeout > 0 || (timeout < 0 && entryCount > 1);
}

/** Lets a person choose. Returns the entry; its command line, edited or not, is in command_line.ts. */
export function chooseEntry(): i32 {
  selected = defaultEntry;
  draw();
  let counting = timeout > 0;
  let shown = -1;
  const start = firmware.milliseconds();
  for (;;) {
    const key = readInput();
    if (key !== NO_KEY) {
      if (counting) {
        counting = false;
        clearRow(rows() - 1);
      }
      if (act(key)) break;
    }
    if (counting) {
      const seconds = timeout - <i32>((firmware.milliseconds() - start) / 1000);
      if (seconds <= 0) {
        takeCommandLine(entryAt(selected));
        break;
      }
      if (seconds !== shown) drawCountdown(seconds);
      shown = seconds;
    }
    pause();
  }
  clearConsole();
  return selected;
}

/** What a key does; true where an entry is to start. */
function act(key: i32): bool {
  if (key === KEY_ENTER) {
    takeCommandLine(entryAt(selected));
    return true;
  }
  if (key === KEY_UP && selected > 0) select(selected - 1);
  else if (key === KEY_DOWN && selected + 1 < entryCount) select(selected + 1);
  else if (key === KEY_HOME) select(0);
  else if (key === KEY_END) select(entryCount - 1);
  else if (key === LETTER_E || key === KEY_TAB) return edit();
  return false;
}

function visible(): i32 {
  const all = <i32>rows();
  return max(1, all - <i32>(ABOVE + BELOW));
}

function select(index: i32): void {
  const before = selected;
  selected = index;
  const oldTop = top;
  if (selected < top) top = selected;
  if (selected >= top + visible()) top = selected - visible() + 1;
  if (top === oldTop) {
    drawEntry(before);
    drawEntry(selected);
  } else {
    drawEntries();
  }
}

function draw(): void {
  clearConsole();
  print("Trihedron boot loader");
  if (selected >= top + visible()) top = selected - visible() + 1;
  drawEntries();
  drawHelp();
}

function drawHelp(): void {
  clearRow(rows() - 3);
  print("Up and Down choose, Enter starts, e edits the command line");
}

function drawEntries(): void {
  for (let i = top; i < top + visible(); i++) drawEntry(i);
}

/** One row: title within the columns, or nothing. */
function drawEntry(index: i32): void {
  if (index < top || index >= top + visible()) return;
  moveTo(0, ABOVE + <u32>(index - top));
  if (index < entryCount) {
    const entry = entryAt(index);
    highlight(index === selected);
    put(32);
    const width = <i32>columns() - 3;
    printPadded(entry.title, entry.titleLength, width);
    highlight(false);
  } else {
    printPadded(0, 0, <i32>columns() - 2);
  }
}

/** Exactly `width` characters. */
function printPadded(start: usize, length: i32, width: i32): void {
  let used = 0;
  let bytes = 0;
  while (bytes < length) {
    // Bytes that continue a character of UTF-8 take no place of their own.
    if ((load<u8>(start + bytes) & 0xc0) !== 0x80) {
      if (used === width) break;
      used++;
    }
    bytes++;
  }
  printBytes(start, bytes);
  for (; used < width; used++) put(32);
}

/** Empties a row and goes to its start. */
function clearRow(row: u32): void {
  moveTo(0, row);
  printPadded(0, 0, <i32>columns() - 1);
  moveTo(0, row);
}

function drawCountdown(seconds: i32): void {
  clearRow(rows() - 1);
  print("Starts in ");
  printDecimal(seconds);
  print(seconds === 1 ? " second; any key stops that" : " seconds; any key stops that");
}

/** The editor: true where the entry is to start with what was typed, false after Escape. */
function edit(): bool {
  const entry = entryAt(selected);
  takeCommandLine(entry);
  clearRow(rows() - 3);
  print("Enter starts, Escape goes back. Command line of ");
  printPadded(entry.kernel, entry.kernelLength, max(0, <i32>columns() - 50));
  left = 0;
  for (;;) {
    drawCommandLine();
    let key = NO_KEY;
    while (key === NO_KEY) {
      pause();
      key = readInput();
    }
    if (key === KEY_ENTER) return true;
    if (key === KEY_ESCAPE) break;
    type(key);
  }
  clearRow(rows() - 2);
  drawHelp();
  return false;
}

function type(key: i32): void {
  if (key === KEY_LEFT) moveCursor(-1);
  else if (key === KEY_RIGHT) moveCursor(1);
  else if (key === KEY_HOME) moveCursor(-commandLineLength());
  else if (key === KEY_END) moveCursor(commandLineLength());
  else if (key === KEY_DELETE) deleteNext();
  else if (key === KEY_BACKSPACE) deleteBefore();
  else if (key >= 32 && key < 127) insert(<u8>key);
}

/** The part around the cursor; the row scrolls by steps, so that not each key draws all of it anew elsewhere. */
function drawCommandLine(): void {
  const width = <i32>columns() - 2;
  const cursor = cursorPlace();
  while (cursor < left) left = max(0, left - STEP);
  while (cursor - left >= width) left += STEP;
  moveTo(0, rows() - 2);
  const shown = min(width, commandLineLength() - left);
  for (let i = 0; i < width; i++) {
    // Bytes, not characters: the cursor counts them.
    const byte = i < shown ? <i32>load<u8>(commandLine() + left + i) : 32;
    put(byte < 128 ? byte : 63);
  }
  moveTo(<u32>(cursor - left), rows() - 2);
}

/** Makes an entry's command line the one to edit and start with. */
export function takeCommandLine(entry: Entry): void {
  setCommandLine(entry.commandLine, entry.commandLineLength);
}
