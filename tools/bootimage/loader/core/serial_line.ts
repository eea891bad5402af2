// COM1, polled, 115200 8N1, where a 16550 answers: PC16550D datasheet, table II. Nothing here waits without an end.

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
const DATA_READY: i32 = 1;
const TRANSMITTER_EMPTY: i32 = 0x20;
/** No port there reads as all ones. */
const NOTHING: i32 = 0xff;
/** A transmitter that is not ready after this many reads, some milliseconds at least, is not there. */
const SPIN_LIMIT: i32 = 100000;

let present: bool = false;

/** Sets the line up, where a scratch register that keeps two values says that it is there. */
export function initSerialLine(): void {
  present = keeps(0x5a) && keeps(0xa5);
  if (!present) return;
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

/** Sends a byte; a line that takes none any more is given up. */
export function sendByte(byte: i32): void {
  if (!present) return;
  let spins = SPIN_LIMIT;
  while ((inb(COM1 + LINE_STATUS) & TRANSMITTER_EMPTY) === 0) {
    if (--spins === 0) {
      present = false;
      return;
    }
  }
  outb(COM1 + DATA, byte);
}

/** The next byte received, or -1. */
export function receiveByte(): i32 {
  if (!present) return -1;
  const status = inb(COM1 + LINE_STATUS) & 0xff;
  if (status === NOTHING || (status & DATA_READY) === 0) return -1;
  return inb(COM1 + DATA) & 0xff;
}
