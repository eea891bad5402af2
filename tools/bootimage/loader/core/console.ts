// The loader's console: the firmware's text screen and the serial line show the same. Positions and colours, which
// only the menu uses, are the firmware's on the screen and escape sequences (ECMA-48) on the line. Plain text goes
// to the line as it is.

import { DIGITS_MAX, decimal, hexadecimal } from "../../../screen/guest/digits";
import { firmware } from "./firmware";
import { initSerialLine, sendByte } from "./serial_line";

const NEW_LINE: i32 = 10;
const CARRIAGE_RETURN: i32 = 13;
const ESCAPE: i32 = 27;
/** VGA text attributes: grey on black, black on grey. */
const NORMAL: u8 = 0x07;
const REVERSED: u8 = 0x70;
/** What a terminal on the line is taken to have. */
const TERMINAL_COLUMNS: u32 = 80;
const TERMINAL_ROWS: u32 = 24;
/** Smaller screens are treated as if they had these. */
const LEAST_COLUMNS: u32 = 40;
const LEAST_ROWS: u32 = 10;

/** The number in work. */
const digits = memory.data(20);
if (DIGITS_MAX > 20) ERROR("DIGITS_MAX");

/** Whether the firmware still shows what it is given. */
let onScreen: bool = true;
let onLine: bool = false;
/** Whether nothing stands on the current line yet. */
let lineStart: bool = true;

export function initConsole(): void {
  onLine = !firmware.consoleOnSerialLine;
  if (onLine) initSerialLine();
}

/** Once the firmware's services have ended only the serial line is left. */
export function leaveScreen(): void {
  onScreen = false;
  if (onLine) return;
  onLine = true;
  initSerialLine();
}

/** Whether COM1 is the loader's to read and write. */
export function hasSerialLine(): bool {
  return onLine;
}

function send(byte: i32): void {
  if (onLine) sendByte(byte);
}

/** One character on both; what is neither ASCII nor \n becomes a question mark. */
export function put(code: i32): void {
  const shown = (code >= 32 && code < 127) || code === NEW_LINE ? code : 63;
  if (onScreen) firmware.screenPut(shown);
  if (shown === NEW_LINE) send(CARRIAGE_RETURN);
  send(shown);
  lineStart = shown === NEW_LINE;
}

/** Prints ASCII text. */
export function print(text: string): void {
  const start = changetype<usize>(text);
  for (let i = 0; i < text.length; i++) put(load<u16>(start + ((<usize>i) << 1)));
}

export function printLine(text: string): void {
  print(text);
  put(NEW_LINE);
}

export function endLine(): void {
  put(NEW_LINE);
}

/** Goes to the start of a line, if not there. */
export function freshLine(): void {
  if (!lineStart) endLine();
}

/** Prints `length` bytes; UTF-8 beyond ASCII becomes one question mark a character. */
export function printBytes(start: usize, length: i32): void {
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(start + i);
    // Bytes that continue a character stand behind the one that began it.
    if ((byte & 0xc0) !== 0x80) put(byte);
  }
}

export function printDecimal(value: u64): void {
  printBytes(digits, decimal(digits, value));
}

export function printHex(value: u64): void {
  print("0x");
  printBytes(digits, hexadecimal(digits, value, 1));
}

/** A number of bytes in whole KiB or MiB, rounded up; bytes where there are few. */
export function printSize(bytes: u64): void {
  if (bytes < 10 * 1024) {
    printDecimal(bytes);
    print(" bytes");
  } else if (bytes < 10 * 1024 * 1024) {
    printDecimal((bytes + 1023) >> 10);
    print(" KiB");
  } else {
    printDecimal((bytes + 0xf_ffff) >> 20);
    print(" MiB");
  }
}

/** What screen and terminal both have room for. */
export function columns(): u32 {
  return max(LEAST_COLUMNS, min(firmware.screenColumns(), TERMINAL_COLUMNS));
}

export function rows(): u32 {
  return max(LEAST_ROWS, min(firmware.screenRows(), TERMINAL_ROWS));
}

function sendNumber(value: u32): void {
  const count = decimal(digits, value);
  for (let i: u32 = 0; i < count; i++) send(load<u8>(digits + i));
}

/** ESC [ … `final`, with one or two numbers. */
function sendSequence(first: u32, second: u32, final: i32): void {
  send(ESCAPE);
  send(0x5b);
  sendNumber(first);
  if (second > 0) {
    send(0x3b);
    sendNumber(second);
  }
  send(final);
}

export function clearConsole(): void {
  highlight(false);
  firmware.screenClear();
  sendSequence(2, 0, 0x4a);
  moveTo(0, 0);
}

/** Column and row from 0 on. */
export function moveTo(x: u32, y: u32): void {
  firmware.screenAt(x, y);
  sendSequence(y + 1, x + 1, 0x48);
}

/** Text that follows is reversed, or plain again. */
export function highlight(on: bool): void {
  firmware.screenColor(on ? REVERSED : NORMAL);
  sendSequence(on ? 7 : 0, 0, 0x6d);
}
