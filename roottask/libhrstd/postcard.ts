// The wire format of service messages: postcard 0.7 (variable-length integers for lengths and variants,
// fixed little-endian for the rest), written to and read from the message area of a UTCB at any address.

import { UTCB_BYTES, UTCB_DATA, UTCB_ITEMS } from "../libhedron/abi";
import { load8, load32, store8, store32 } from "../libhedron/x86";

/** Words in the lower half of the head's item count. */
const WORDS: u64 = 0xffff;
/** Bits of a variable-length integer's last byte that a u64 has room for. */
const LAST_SHIFT: u64 = 63;

/** The UTCB in use, the next byte of its message, its end, and whether the message was too short or too long. */
let utcb: u64 = 0;
let cursor: u32 = 0;
let end: u32 = 0;
export let wireError: bool = false;

function open(address: u64, bytes: u32): void {
  utcb = address + (UTCB_DATA as u64);
  cursor = 0;
  end = bytes;
  wireError = false;
}

/** Begins to write a message to the UTCB at `address`. */
export function wireWrite(address: u64): void {
  open(address, UTCB_BYTES);
}

/** Begins to read the message in the UTCB at `address`: the words that its head counts, and no more. */
export function wireRead(address: u64): void {
  const words = load32(address + UTCB_ITEMS) & WORDS;
  open(address, min<u64>(words * 8, UTCB_BYTES) as u32);
}

/** Bytes that still fit or are still there. */
export function wireRoom(): u32 {
  return end - cursor;
}

/** Address of the next byte; `wireSkip` goes past some. */
export function wireAddress(): u64 {
  return utcb + (cursor as u64);
}

export function wireSkip(bytes: u64): void {
  if (bytes > (wireRoom() as u64)) wireError = true;
  else cursor += bytes as u32;
}

function next(): u64 {
  if (cursor >= end) {
    wireError = true;
    return 0;
  }
  return load8(utcb + (cursor++ as u64));
}

export function wireByte(value: u64): void {
  if (cursor >= end) wireError = true;
  else store8(utcb + (cursor++ as u64), value & 255);
}

/** A length or variant number. */
export function readVarint(): u64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift <= LAST_SHIFT; shift += 7) {
    const byte = next();
    if (shift === LAST_SHIFT && byte > 1) break;
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
  wireError = true;
  return 0;
}

export function writeVarint(value: u64): void {
  let rest = value;
  while (rest >= 128) {
    wireByte((rest & 127) | 128);
    rest >>= 7;
  }
  wireByte(rest);
}

/** Result of `readBytes`. */
export let bytesAddress: u64 = 0;
export let bytesLength: u32 = 0;

/** Text or bytes with their length in front: where they are in the message. False where it is too short. */
export function readBytes(): bool {
  const length = readVarint();
  bytesAddress = wireAddress();
  wireSkip(length);
  bytesLength = wireError ? 0 : (length as u32);
  return !wireError;
}

/** A fixed integer of `bytes` bytes. */
export function readFixed(bytes: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < bytes; i++) value |= next() << ((8 * i) as u64);
  return value;
}

export function writeFixed(value: u64, bytes: u32): void {
  for (let i: u32 = 0; i < bytes; i++) wireByte(value >> ((8 * i) as u64));
}

/** Ends a message: the rest of its last word is cleared, the number of words goes into the head. */
export function wireClose(): void {
  while ((cursor & 7) !== 0) wireByte(0);
  store32(utcb - (UTCB_DATA as u64) + UTCB_ITEMS, (cursor / 8) as u64);
}
