// The wire format of service messages: postcard 0.7 (variable-length integers for lengths and variants,
// fixed little-endian for the rest), written to and read from the message area of a UTCB at any address.

import { UTCB_BYTES, UTCB_DATA, UTCB_ITEMS } from "../libhedron/abi";
import { load8, load16, load32, load64, store8, store16, store32, store64 } from "../libhedron/x86";

/** Words in the lower half of the head's item count. */
const WORDS: u64 = 0xffff;
/** Bits of a variable-length integer's last byte that a u64 has room for. */
const LAST_SHIFT: u64 = 63;
const WORD: u64 = 8;

/** Where the message begins, its next byte, its end, and whether the message was too short or too long. */
let start: u64 = 0;
let cursor: u64 = 0;
let end: u64 = 0;
export let wireError: bool = false;

/** Begins to write a message to the UTCB at `address`. */
export function wireWrite(address: u64): void {
  start = address + (UTCB_DATA as u64);
  cursor = start;
  end = start + (UTCB_BYTES as u64);
  wireError = false;
}

/** Begins to read the message in the UTCB at `address`: the words that its head counts, and no more. */
export function wireRead(address: u64): void {
  const words = load32(address + UTCB_ITEMS) & WORDS;
  start = address + (UTCB_DATA as u64);
  cursor = start;
  end = start + min<u64>(words * WORD, UTCB_BYTES);
  wireError = false;
}

/** Goes past `bytes` bytes: their address, or 0 where there are not as many. */
export function wireSkip(bytes: u64): u64 {
  const at = cursor;
  if (bytes > end - at) {
    wireError = true;
    return 0;
  }
  cursor = at + bytes;
  return at;
}

// Fixed integers. What is not there is read as 0.

export function read8(): u64 {
  const at = wireSkip(1);
  return at === 0 ? 0 : load8(at);
}

export function read16(): u64 {
  const at = wireSkip(2);
  return at === 0 ? 0 : load16(at);
}

export function read32(): u64 {
  const at = wireSkip(4);
  return at === 0 ? 0 : load32(at);
}

export function read64(): u64 {
  const at = wireSkip(8);
  return at === 0 ? 0 : load64(at);
}

export function write8(value: u64): void {
  const at = wireSkip(1);
  if (at !== 0) store8(at, value);
}

export function write16(value: u64): void {
  const at = wireSkip(2);
  if (at !== 0) store16(at, value);
}

export function write32(value: u64): void {
  const at = wireSkip(4);
  if (at !== 0) store32(at, value);
}

export function write64(value: u64): void {
  const at = wireSkip(8);
  if (at !== 0) store64(at, value);
}

function readLongVarint(first: u64): u64 {
  let value = first & 127;
  for (let shift: u64 = 7; shift <= LAST_SHIFT; shift += 7) {
    const byte = read8();
    if (shift === LAST_SHIFT && byte > 1) break;
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
  wireError = true;
  return 0;
}

/** A length or variant number. */
export function readVarint(): u64 {
  const first = read8();
  return first < 128 ? first : readLongVarint(first);
}

export function writeVarint(value: u64): void {
  let rest = value;
  while (rest >= 128) {
    write8((rest & 127) | 128);
    rest >>= 7;
  }
  write8(rest);
}

/** Result of `readBytes`. */
export let bytesAddress: u64 = 0;
export let bytesLength: u32 = 0;

/** Text or bytes with their length in front: where they are in the message. False where it is too short. */
export function readBytes(): bool {
  const length = readVarint();
  bytesAddress = wireSkip(length);
  bytesLength = wireError ? 0 : (length as u32);
  return !wireError;
}

/** The `length` bytes at `source`, with their length in front. */
export function writeBytes(source: u64, length: u32): void {
  writeVarint(length as u64);
  const target = wireSkip(length as u64);
  if (target === 0) return;
  const bytes = length as u64;
  let done: u64 = 0;
  for (; done + WORD <= bytes; done += WORD) store64(target + done, load64(source + done));
  for (; done < bytes; done++) store8(target + done, load8(source + done));
}

/** Ends a message: the rest of its last word is cleared, the number of words goes into the head. */
export function wireClose(): void {
  const length = cursor - start;
  const used = length % WORD;
  if (used !== 0) {
    const last = cursor - used;
    store64(last, load64(last) & (((1 as u64) << (used * 8)) - 1));
  }
  store32(start - (UTCB_DATA as u64) + UTCB_ITEMS, (length + WORD - 1) / WORD);
}
