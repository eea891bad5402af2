// The wire format of service messages: postcard 0.7 (variable-length integers for lengths and variants,
// fixed little-endian for the rest), written to and read from the message area of a UTCB at any address.

import { UTCB_BYTES, UTCB_DATA, UTCB_ITEMS } from "../libhedron/abi";
import { load8, store8, store32 } from "../libhedron/x86";

/** The UTCB in use, the next byte of its message, and whether the message was too short or too long. */
let utcb: u64 = 0;
let cursor: u32 = 0;
export let wireError: bool = false;

/** Begins to read or write the message in the UTCB at `address`. */
export function wireOpen(address: u64): void {
  utcb = address + (UTCB_DATA as u64);
  cursor = 0;
  wireError = false;
}

/** Bytes that still fit or are still there. */
export function wireRoom(): u32 {
  return UTCB_BYTES - cursor;
}

/** Address of the next byte; `wireSkip` goes past some. */
export function wireAddress(): u64 {
  return utcb + (cursor as u64);
}

export function wireSkip(bytes: u32): void {
  if (bytes > wireRoom()) wireError = true;
  else cursor += bytes;
}

function next(): u64 {
  if (cursor >= (UTCB_BYTES as u32)) {
    wireError = true;
    return 0;
  }
  return load8(utcb + (cursor++ as u64));
}

export function wireByte(value: u64): void {
  if (cursor >= (UTCB_BYTES as u32)) wireError = true;
  else store8(utcb + (cursor++ as u64), value & 255);
}

/** A length or variant number. */
export function readVarint(): u64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 63; shift += 7) {
    const byte = next();
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

/** A fixed integer of `bytes` bytes. */
export function readFixed(bytes: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < bytes; i++) value |= next() << ((8 * i) as u64);
  return value;
}

export function writeFixed(value: u64, bytes: u32): void {
  for (let i: u32 = 0; i < bytes; i++) wireByte(value >> ((8 * i) as u64));
}

/** Ends a message: the number of words it takes goes into the head. */
export function wireClose(): void {
  store32(utcb - (UTCB_DATA as u64) + UTCB_ITEMS, ((cursor + 7) / 8) as u64);
}
