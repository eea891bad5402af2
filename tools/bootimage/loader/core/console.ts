// The loader's console: the firmware's text screen and COM1 show the same text. The serial line is 115200 8N1 and is
// used where a 16550 answers: PC16550D datasheet, table II.

import { firmware } from "./firmware";
import { inb, outb } from "./x86";

const COM1: i32 = 0x3f8;
/** Registers, from the port on. */
const DATA: i32 = 0;
const DIVISOR_LOW: i32 = 0;
const INTERRUPT_ENABLE: i32 = 1;
const DIVISOR_HIGH: i32 = 1;
const FIFO_CONTROL: i32 = 2;
const LINE_CONTROL: i32 = 3;
const MODEM_CONTROL: i32 = 4;
const LINE_STATUS: i32 = 5;
const SCRATCH: i32 = 7;

const DIVISOR_LATCH: i32 = 0x80;
const EIGHT_BITS: i32 = 3;
/** FIFOs on and emptied. */
const FIFO_RESET: i32 = 7;
/** DTR and RTS. */
const READY: i32 = 3;
const TRANSMITTER_EMPTY: i32 = 0x20;
/** A transmitter that is not ready after this many reads, some milliseconds at least, is not there. */
const SPIN_LIMIT: i32 = 100000;

let serialPresent: bool = false;

/** Sets COM1 up, where a scratch register that keeps two values says that it is there. */
export function initConsole(): void {
  serialPresent = keeps(0x5a) && keeps(0xa5);
  if (!serialPresent) return;
  outb(COM1 + INTERRUPT_ENABLE, 0);
  outb(COM1 + LINE_CONTROL, DIVISOR_LATCH);
  outb(COM1 + DIVISOR_LOW, 1);
  outb(COM1 + DIVISOR_HIGH, 0);
  outb(COM1 + LINE_CONTROL, EIGHT_BITS);
  outb(COM1 + FIFO_CONTROL, FIFO_RESET);
  outb(COM1 + MODEM_CONTROL, READY);
}

function keeps(value: i32): bool {
  outb(COM1 + SCRATCH, value);
  return (inb(COM1 + SCRATCH) & 0xff) === value;
}

function serialPut(code: i32): void {
  if (!serialPresent) return;
  let spins = SPIN_LIMIT;
  while ((inb(COM1 + LINE_STATUS) & TRANSMITTER_EMPTY) === 0) {
    if (--spins === 0) {
      serialPresent = false;
      return;
    }
  }
  outb(COM1 + DATA, code);
}

/** One ASCII character or \n, on both. */
export function put(code: i32): void {
  firmware.screenPut(code);
  if (code === 10) serialPut(13);
  serialPut(code);
}

/** Prints ASCII text. */
export function print(text: string): void {
  const start = changetype<usize>(text);
  for (let i = 0; i < text.length; i++) put(load<u16>(start + ((<usize>i) << 1)));
}

export function printLine(text: string): void {
  print(text);
  put(10);
}
