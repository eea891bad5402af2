// The kernel's log: COM1 (16550, polled), the debug console port 0xE9 and the screen (screen.ts) get the same
// bytes, so that a machine that lacks one still shows them on another. PC16550D datasheet, table II. No input, no interrupts.

import { DIGITS_MAX, decimal, hexadecimal } from "../tools/screen/guest/digits";
import { putOnScreen } from "./screen";
import { inb, outb } from "./x86";

const COM1: i32 = 0x3f8;
const DEBUGCON: i32 = 0xe9;
const LSR: i32 = 5;
const LSR_THR_EMPTY: i32 = 0x20;
/** A transmitter that is not ready after this many reads of LSR is not there. */
const SPIN_LIMIT: i32 = 100000;

let serialPresent: bool = false;

/** The number in work. */
const digits = memory.data(20);
if (DIGITS_MAX > 20) ERROR("DIGITS_MAX");

/** Sets COM1 to 115200 8N1. Returns its port, or 0 where no 16550 answers. */
export function initConsole(): i32 {
  outb(COM1 + 7, 0x5a);
  serialPresent = inb(COM1 + 7) === 0x5a;
  if (!serialPresent) return 0;
  outb(COM1 + 1, 0);
  outb(COM1 + 3, 0x80);
  outb(COM1 + 0, 1);
  outb(COM1 + 1, 0);
  outb(COM1 + 3, 3);
  outb(COM1 + 2, 7);
  outb(COM1 + 4, 3);
  return COM1;
}

function putByte(byte: i32): void {
  outb(DEBUGCON, byte);
  putOnScreen(byte);
  if (!serialPresent) return;
  let spins = SPIN_LIMIT;
  while ((inb(COM1 + LSR) & LSR_THR_EMPTY) === 0) {
    if (--spins === 0) {
      serialPresent = false;
      return;
    }
  }
  outb(COM1, byte);
}

/** Prints the low byte of every UTF-16 unit of `text`: messages are ASCII. */
export function print(text: string): void {
  const length = text.length;
  const start = changetype<usize>(text);
  for (let i = 0; i < length; i++) {
    putByte(load<u16>(start + ((<usize>i) << 1)));
  }
}

/** Prints bytes up to a zero byte. */
export function printZeroTerminated(start: usize): void {
  for (let at = start; load<u8>(at) !== 0; at++) putByte(load<u8>(at));
}

function putDigits(count: u32): void {
  for (let i: u32 = 0; i < count; i++) putByte(load<u8>(digits + i));
}

export function printHex(value: u64): void {
  print("0x");
  putDigits(hexadecimal(digits, value, 1));
}

export function printDecimal(value: u64): void {
  putDigits(decimal(digits, value));
}

/** One whole line, with the prefix all kernel lines have. */
export function printLine(text: string): void {
  beginLine(text);
  endLine();
}

export function beginLine(text: string): void {
  print("[kernel] ");
  print(text);
}

export function endLine(): void {
  putByte(10);
}
