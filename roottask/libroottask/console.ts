// The log: every byte goes to the serial line (PC16550D at COM1 or where the HIP says), to the debug
// console port 0xe9 of virtual machines and to the screen, in the same order, so that all show the same text. Programs'
// bytes are passed on unchanged; the roottask's own lines start with a prefix on a line of their own (log.ts).

import { decimal, hexadecimal } from "../../tools/screen/guest/digits";
import { putByteOnScreen } from "../../tools/screen/guest/text_screen";
import { inb, outb } from "../libhedron/x86";
import { showScreen } from "./screen";

/** I/O port of the virtual machines' debug console. */
export const DEBUG_CONSOLE_PORT: u32 = 0xe9;
export const COM1: u32 = 0x3f8;
/** Registers of one UART. */
export const SERIAL_PORTS: u32 = 8;

const DATA: u32 = 0;
const INTERRUPT_ENABLE: u32 = 1;
const FIFO_CONTROL: u32 = 2;
const LINE_CONTROL: u32 = 3;
const MODEM_CONTROL: u32 = 4;
const LINE_STATUS: u32 = 5;

/** Interrupt enable: received data available, with the time-out of the FIFO. */
const RECEIVED: i32 = 1;
/** Line status: a byte has arrived; it came with a break. */
const DATA_READY: i32 = 1;
const BREAK: i32 = 0x10;
/** Line status: transmitter holding register (and FIFO) empty. */
const THR_EMPTY: i32 = 0x20;
const FIFO_SIZE: u32 = 16;
/** A line that stays busy this many polls is taken for absent; the debug console still gets the bytes. */
const PATIENCE: u32 = 1_000_000;

let serial: u32 = 0;
/** The port whose receiver is used; unlike `serial` it stays when nobody takes what is sent. */
let receiver: u32 = 0;
let lineStatus: i32 = 0;
let fifoRoom: u32 = 0;
let lineStart: bool = true;
/** The line in work is not printed. */
let muted: bool = false;
const digits = memory.data(24);

/**
 * Sets the UART to 115200 baud, 8 data bits, no parity, FIFO on, no interrupts. What has arrived before stays, where the
 * FIFO has been on.
 */
export function openSerial(port: u32): void {
  serial = port;
  receiver = port;
  outb(port + INTERRUPT_ENABLE, 0);
  outb(port + LINE_CONTROL, 0x80);
  outb(port + DATA, 1);
  outb(port + INTERRUPT_ENABLE, 0);
  outb(port + LINE_CONTROL, 0x03);
  outb(port + FIFO_CONTROL, 0xc1);
  outb(port + MODEM_CONTROL, 0x03);
  fifoRoom = 0;
}

/** The ISA interrupt of the UART, or -1 where it is not at one of a PC's usual places. */
export function serialInterrupt(): i32 {
  if (receiver === COM1 || receiver === COM1 - 0x10) return 4;
  return receiver === COM1 - 0x100 || receiver === COM1 - 0x110 ? 3 : -1;
}

/** The UART interrupts when bytes have arrived, or does not. */
export function listenSerial(on: bool): void {
  outb(receiver + INTERRUPT_ENABLE, on ? RECEIVED : 0);
}

/** A byte has arrived. */
export function serialReady(): bool {
  lineStatus = inb(receiver + LINE_STATUS);
  return (lineStatus & DATA_READY) !== 0;
}

/** The byte that `serialReady` has found came with a break. */
export function isBreak(): bool {
  return (lineStatus & BREAK) !== 0;
}

/** The byte that `serialReady` has found. */
export function takeSerial(): u8 {
  return inb(receiver + DATA) as u8;
}

function serialByte(value: u8): void {
  if (fifoRoom === 0) {
    let polls: u32 = 0;
    while ((inb(serial + LINE_STATUS) & THR_EMPTY) === 0) {
      if (++polls > PATIENCE) {
        serial = 0;
        return;
      }
    }
    fifoRoom = FIFO_SIZE;
  }
  outb(serial + DATA, value);
  fifoRoom--;
}

function putByte(value: u8): void {
  if (serial !== 0) serialByte(value);
  outb(DEBUG_CONSOLE_PORT, value);
  putByteOnScreen(value);
  lineStart = value === 10;
}

/** Bytes of a program. */
export function put(text: usize, length: u32): void {
  putBytes(text, length);
  showScreen();
}

function putBytes(text: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) putByte(load<u8>(text + i));
}

/** What is said until the line ends is not printed. */
export function mute(): void {
  muted = true;
}

/** Begins a line of the roottask's own. */
export function beginLine(): void {
  if (!lineStart) putByte(10);
  say("[roottask] ");
}

export function say(literal: string): void {
  if (muted) return;
  for (let i = 0; i < literal.length; i++) putByte(literal.charCodeAt(i) as u8);
}

export function sayDecimal(value: u64): void {
  if (!muted) putBytes(digits, decimal(digits, value));
}

export function saySigned(value: i64): void {
  if (value < 0) say("-");
  sayDecimal((value < 0 ? -value : value) as u64);
}

/** A number, right-aligned with blanks. */
export function sayPadded(value: u64, width: u32): void {
  sayAligned(value, width, 32);
}

/** A number with zeroes in front of it. */
export function sayZeroPadded(value: u64, width: u32): void {
  sayAligned(value, width, 48);
}

function sayAligned(value: u64, width: u32, filler: u8): void {
  const length = decimal(digits, value);
  sayTimes(filler, width > length ? width - length : 0);
  if (!muted) putBytes(digits, length);
}

export function saySpaces(count: u32): void {
  sayTimes(32, count);
}

function sayTimes(value: u8, count: u32): void {
  if (muted) return;
  for (let i: u32 = 0; i < count; i++) putByte(value);
}

/** Hexadecimal with "0x" in front, at least `width` digits. */
export function sayHex(value: u64, width: u32): void {
  say("0x");
  if (!muted) putBytes(digits, hexadecimal(digits, value, width));
}

/** Text from a file or a program: bytes outside printable ASCII become "?". */
export function sayText(text: usize, length: u32): void {
  if (muted) return;
  for (let i: u32 = 0; i < length; i++) {
    const value = load<u8>(text + i);
    putByte(value >= 32 && value < 127 ? value : 63);
  }
}

export function endLine(): void {
  if (!muted) {
    putByte(10);
    showScreen();
  }
  muted = false;
}
