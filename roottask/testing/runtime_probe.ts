// The parts of libhrstd that need no program around them, with a handle for tests (libhrstd/runtime.test.ts).

import { floatText } from "../libhrstd/decimal";
import { err, out } from "../libhrstd/text";

export { alignedAlloc, calloc, free, malloc, realloc, usableSize } from "../libhrstd/allocator";

const buffer = memory.data(332);

export function textBuffer(): usize {
  return buffer;
}

export function float(value: f64, decimals: u32): u32 {
  return floatText(buffer, value, decimals);
}

export function printDecimal(value: i64, width: u32): void {
  out().decimal(value, width).line();
}

export function printUnsigned(value: u64, width: u32): void {
  out().unsigned(value, width).line();
}

export function printHex(value: u64, width: u32): void {
  out().hex(value, width).line();
}

export function printCharacter(code: u32): void {
  err().character(code).line();
}

export function printMany(count: u32): void {
  for (let i: u32 = 0; i < count; i++) out().text("äöü€😀");
  out().line();
}
