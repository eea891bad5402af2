// Arguments and environment of the process as Linux puts them on its stack (System V AMD64 ABI, 3.4.1), and
// args_* and environ_* of WASI preview 1, which pass them on.

import { EOVERFLOW, SUCCESS } from "./errno";
import { stack } from "./linux";
import { isInside } from "./scratch";
import { load8, load64 } from "./x86";

/** "WASI_PREOPENS=" in little-endian words: the variable that is for this layer alone. */
const NAME_START: u64 = 0x4552505f49534157;
const NAME_END: u64 = 0x3d534e45504f;
const NAME_LENGTH: u64 = 14;

function isOurs(text: u64): bool {
  for (let i: u64 = 0; i < NAME_LENGTH; i++) {
    const word = i < 8 ? NAME_START : NAME_END;
    if (load8(text + i) !== ((word >> ((i & 7) << 3)) & 0xff)) return false;
  }
  return true;
}

/** Address of the pointers to the arguments; a null pointer ends them. */
function argumentsAt(): u64 {
  return stack() + 8;
}

function environmentAt(): u64 {
  return stack() + 16 + (load64(stack()) << 3);
}

/** Address of the value of the variable WASI_PREOPENS; 0 where it is not set. */
export function preopenList(): u64 {
  for (let at = environmentAt(); load64(at) !== 0; at += 8) {
    if (isOurs(load64(at))) return load64(at) + NAME_LENGTH;
  }
  return 0;
}

function lengthOf(text: u64): u64 {
  let length: u64 = 1;
  while (load8(text + length - 1) !== 0) length++;
  return length;
}

/** Stores how many strings the pointers at `at` lead to, and how many bytes they have with their zeros. */
function sizes(at: u64, hidden: bool, countAt: u32, sizeAt: u32): i32 {
  if (!isInside(countAt, 4) || !isInside(sizeAt, 4)) return EOVERFLOW;
  let count: u32 = 0;
  let size: u64 = 0;
  for (; load64(at) !== 0; at += 8) {
    if (hidden && isOurs(load64(at))) continue;
    count++;
    size += lengthOf(load64(at));
  }
  store<u32>(countAt, count);
  store<u32>(sizeAt, <u32>size);
  return SUCCESS;
}

/** Copies the strings to `buffer` and stores pointers to them at `pointers`; nothing where they do not fit. */
function copy(at: u64, hidden: bool, pointers: u32, buffer: u32): i32 {
  let count: u64 = 0;
  let size: u64 = 0;
  for (let i = at; load64(i) !== 0; i += 8) {
    if (hidden && isOurs(load64(i))) continue;
    count++;
    size += lengthOf(load64(i));
  }
  if (!isInside(buffer, size) || !isInside(pointers, count << 2)) return EOVERFLOW;
  for (; load64(at) !== 0; at += 8) {
    const text = load64(at);
    if (hidden && isOurs(text)) continue;
    store<u32>(pointers, buffer);
    pointers += 4;
    const length = <u32>lengthOf(text);
    for (let i: u32 = 0; i < length; i++) store<u8>(buffer++, <u8>load8(text + i));
  }
  return SUCCESS;
}

export function args_sizes_get(countAt: u32, sizeAt: u32): i32 {
  return sizes(argumentsAt(), false, countAt, sizeAt);
}

export function args_get(pointers: u32, buffer: u32): i32 {
  return copy(argumentsAt(), false, pointers, buffer);
}

export function environ_sizes_get(countAt: u32, sizeAt: u32): i32 {
  return sizes(environmentAt(), true, countAt, sizeAt);
}

export function environ_get(pointers: u32, buffer: u32): i32 {
  return copy(environmentAt(), true, pointers, buffer);
}
