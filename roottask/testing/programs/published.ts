// A native program that knows nothing of libhrstd: it calls the services with the bytes that programs of the published
// environment send, at the published selectors, and prints each answer with the same means. Addresses, selectors and
// bytes are written out here, so that a change of our own numbers cannot hide.

import { call } from "../../libhedron/hypercalls";
import { load32, load64, store8, store32 } from "../../libhedron/x86";

const UTCB: u64 = 0x7fff_ffff_e000;
const ITEMS: u64 = UTCB + 4;
const DATA: u64 = UTCB + 32;
const ALLOCATOR: u64 = 35;
const STDOUT: u64 = 36;
const STDERR: u64 = 37;
const FILE_SYSTEM: u64 = 38;
const ECHO: u64 = 39;
const RAW_ECHO: u64 = 40;
/** Not published; without it the program would have to run for ever. */
const EXIT: u64 = 41;

/** Hallo Welt and a newline, as text. */
const greeting = memory.data<u8>([11, 72, 97, 108, 108, 111, 32, 87, 101, 108, 116, 10]);
/** Alloc { size: 20, align: 4 } */
const allocate = memory.data<u8>([0, 20, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
/** Open { path: "/foo/bar", flags: O_CREAT | O_RDWR, umode: 0o777 } */
const open = memory.data<u8>([0, 8, 47, 102, 111, 111, 47, 98, 97, 114, 0x42, 0, 0, 0, 0xff, 1]);
/** Write { fd: 3, data: EmbeddedSlice("Hallo"), count: 5 } */
const write = memory.data<u8>([3, 3, 0, 0, 0, 2, 5, 72, 97, 108, 108, 111, 5, 0, 0, 0, 0, 0, 0, 0]);
/** LSeek { fd: 3, offset: 1 } */
const seek = memory.data<u8>([2, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
/** Read { fd: 3, user_ptr: filled in, count: 100 } */
const read = memory.data<u8>([1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0]);
const READ_POINTER: usize = 5;
/** Close { fd: 3 } */
const close = memory.data<u8>([4, 3, 0, 0, 0]);
const exit = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0]);

const buffer = memory.data(100);

function send(portal: u64, message: usize, length: u32): u64 {
  for (let i: u32 = 0; i < length; i++) store8(DATA + (i as u64), load<u8>(message + i) as u64);
  store32(ITEMS, ((length + 7) / 8) as u64);
  return call(portal);
}

/** Prints a digit and a newline through the output service. */
function print(value: u64): void {
  store8(DATA, 2);
  store8(DATA + 1, 48 + value);
  store8(DATA + 2, 10);
  store32(ITEMS, 1);
  call(STDOUT);
}

export function main(_start: u64): void {
  send(STDOUT, greeting, 12);
  send(STDERR, greeting, 12);
  send(ALLOCATOR, allocate, 17);
  const block = load64(DATA);
  print(block !== 0 && (block & 4095) === 0 ? 1 : 0);
  send(FILE_SYSTEM, open, 16);
  print(load32(DATA));
  send(FILE_SYSTEM, write, 20);
  print(load64(DATA));
  send(FILE_SYSTEM, seek, 13);
  store<u64>(read + READ_POINTER, buffer as u64);
  send(FILE_SYSTEM, read, 21);
  print(load64(DATA));
  print(load<u8>(buffer) === 97 && load<u8>(buffer + 3) === 111 ? 1 : 0);
  send(FILE_SYSTEM, close, 5);
  send(ECHO, greeting, 12);
  print(load32(ITEMS));
  send(RAW_ECHO, greeting, 12);
  print(load32(ITEMS) === 2 && load32(DATA) === 0x6c61_480b ? 1 : 0);
  send(EXIT, exit, 8);
}

/** First address behind the static data; the linker needs it. */
export function staticEnd(): usize {
  return __heap_base;
}
