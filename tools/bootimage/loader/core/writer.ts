// Writing structures to physical memory, one value behind the other.

import { copy_physical } from "./stub";
import { store8, store16, store32, store64, window } from "./x86";

let at: u64 = 0;
let limit: u64 = 0;
let full: bool = false;

/** Begins at a physical address with room for `bytes` bytes. */
export function beginWriting(address: u64, bytes: u64): void {
  at = address;
  limit = address + bytes;
  full = false;
}

/** Where the next value goes. */
export function position(): u64 {
  return at;
}

/** Whether more has been written than there was room for; what was too much is not there. */
export function isFull(): bool {
  return full;
}

function take(bytes: u64): bool {
  if (bytes <= limit - at) return true;
  full = true;
  return false;
}

export function put8(value: u32): void {
  if (!take(1)) return;
  store8(at, value);
  at += 1;
}

export function put16(value: u32): void {
  if (!take(2)) return;
  store16(at, value);
  at += 2;
}

export function put32(value: u32): void {
  if (!take(4)) return;
  store32(at, value);
  at += 4;
}

export function put64(value: u64): void {
  if (!take(8)) return;
  store64(at, value);
  at += 8;
}

export function putZeros(bytes: u64): void {
  for (let i: u64 = 0; i < bytes; i++) put8(0);
}

/** Bytes of physical memory. */
export function putCopy(from: u64, bytes: u64): void {
  if (!take(bytes)) return;
  copy_physical(at, from, bytes);
  at += bytes;
}

/** Bytes of linear memory, and a zero behind them. */
export function putText(start: usize, length: i32): void {
  putCopy(window() + <u64>start, <u64>length);
  put8(0);
}

/** ASCII, and a zero behind it. */
export function putName(name: string): void {
  const start = changetype<usize>(name);
  for (let i = 0; i < name.length; i++) put8(load<u16>(start + ((<usize>i) << 1)));
  put8(0);
}

/** Zeros up to a multiple of `alignment`, a power of two. */
export function align(alignment: u64): void {
  while ((at & (alignment - 1)) !== 0 && !full) put8(0);
}
