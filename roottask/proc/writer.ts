// The text of a file that is computed when it is read: put together in one buffer, which is the same for all.

import { decimal, hexadecimal } from "../../tools/screen/guest/digits";
import { EFAULT } from "../libroottask/errno";
import { allocatePages } from "../libroottask/pages";
import { fillBytes, Transfer } from "../libroottask/transfer";

const ORDER: u32 = 5;
/** Bytes that a record of a text may have (sequence.ts); what is more is left out. */
export const TEXT_BYTES: u32 = 4096 << ORDER;

let buffer: usize = 0;
let length: u32 = 0;
const digits = memory.data(32);

/** Must be called first. False when memory is out. */
export function initWriter(): bool {
  buffer = allocatePages(ORDER);
  return buffer !== 0;
}

/** Begins another text. */
export function begin(): void {
  length = 0;
}

/** Passes what has been written, from byte `position` on: how many bytes, or -EFAULT. */
export function passText(transfer: Transfer, position: i64): i64 {
  if (position >= (length as i64)) return 0;
  const at = position as u32;
  const wanted = min<u64>(transfer.left, (length - at) as u64) as u32;
  const done = fillBytes(transfer, buffer + at, wanted);
  return done === 0 && wanted !== 0 ? -EFAULT : (done as i64);
}

export function textStart(): usize {
  return buffer;
}

export function textLength(): u32 {
  return length;
}

/** Takes away what has been written behind the first `count` bytes. */
export function cutBack(count: u32): void {
  length = count;
}

export function byte(value: u8): void {
  if (length < TEXT_BYTES) store<u8>(buffer + length++, value);
}

export function text(literal: string): void {
  for (let i = 0; i < literal.length; i++) byte(literal.charCodeAt(i) as u8);
}

export function bytes(from: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) byte(load<u8>(from + i));
}

/** Room for up to `count` bytes behind the text, which become part of it by `added`. */
export function room(count: u32): usize {
  return length + count <= TEXT_BYTES ? buffer + length : 0;
}

export function added(count: u32): void {
  length += count;
}

export function number(value: u64): void {
  bytes(digits, decimal(digits, value));
}

export function signed(value: i64): void {
  if (value < 0) byte(45);
  number((value < 0 ? -value : value) as u64);
}

/** Right-aligned in `width` columns. */
export function padded(value: u64, width: u32): void {
  const count = decimal(digits, value);
  for (let i = count; i < width; i++) byte(32);
  bytes(digits, count);
}

/** At least `width` hexadecimal digits. */
export function hex(value: u64, width: u32): void {
  bytes(digits, hexadecimal(digits, value, width));
}

/** An octal number of `width` digits. */
export function octal(value: u32, width: u32): void {
  for (let i = width; i > 0; i--) byte((48 + ((value >> ((i - 1) * 3)) & 7)) as u8);
}

/** Two digits behind a point. */
export function hundredths(value: u64): void {
  byte(46);
  byte((48 + ((value / 10) % 10)) as u8);
  byte((48 + (value % 10)) as u8);
}

/** "NAME:<tab>VALUE kB", as a process' status has it. */
export function statusSize(name: string, value: u64): void {
  text(name);
  text(":\t");
  padded(value, 8);
  text(" kB\n");
}

/** "NAME:  VALUE kB". */
export function kibibytes(name: string, value: u64): void {
  text(name);
  byte(58);
  padded(value, 16 - (name.length as u32) + 8);
  text(" kB\n");
}
