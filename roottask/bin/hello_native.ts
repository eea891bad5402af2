// A native program: talks to the roottask's services through portals and makes no Linux system call.

import { load64 } from "../libhedron/x86";
import {
  allocateMemory,
  closeFile,
  exit,
  freeMemory,
  openFile,
  readFile,
  stderr,
  stdout,
} from "../libhrstd/services";

const line = memory.data(256);

function print(literal: string): void {
  for (let i = 0; i < literal.length; i++) store<u8>(line + i, literal.charCodeAt(i));
  stdout(line, literal.length);
}

function complain(literal: string): void {
  for (let i = 0; i < literal.length; i++) store<u8>(line + i, literal.charCodeAt(i));
  stderr(line, literal.length);
}

function printNumber(value: u64): void {
  let at: u32 = 20;
  let rest = value;
  do {
    at--;
    store<u8>(line + at, 48 + ((rest % 10) as u8));
    rest /= 10;
  } while (rest !== 0);
  stdout(line + at, 20 - at);
}

/** Sum of the numbers 0…count-1, through memory from the allocation service. */
function sumThroughMemory(count: u32): u64 {
  const bytes = (count as u64) * 8;
  const numbers = allocateMemory(bytes, 8) as usize;
  if (numbers === 0) return 0;
  for (let i: u32 = 0; i < count; i++) store<u64>(numbers + i * 8, i as u64);
  let sum: u64 = 0;
  for (let i: u32 = 0; i < count; i++) sum += load<u64>(numbers + i * 8);
  freeMemory(numbers as u64, bytes, 8);
  return sum;
}

function copyLiteral(literal: string): u32 {
  for (let i = 0; i < literal.length; i++) store<u8>(line + i, literal.charCodeAt(i));
  return literal.length as u32;
}

/** Prints a file of the archive. */
function printFile(path: string): void {
  const fd = openFile(line, copyLiteral(path), 0, 0);
  if (fd < 0) {
    complain("hello_native: cannot open the file\n");
    return;
  }
  let length = readFile(fd, line, 256);
  while (length > 0) {
    stdout(line, length as u32);
    length = readFile(fd, line, 256);
  }
  closeFile(fd);
}

/** `stack` is the address of argc, argv and the environment. */
export function main(stack: u64): void {
  print("Hello from a native program, with ");
  printNumber(load64(stack));
  print(" arguments\n");
  print("sum of 0..99999 through allocated memory: ");
  printNumber(sumThroughMemory(100_000));
  print("\n");
  printFile("/etc/motd");
  exit(0);
}

/** First address behind the static data; the linker needs it. */
export function staticEnd(): usize {
  return __heap_base;
}
