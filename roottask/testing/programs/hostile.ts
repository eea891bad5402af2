// A native program that sends the roottask's services what they must refuse, by real calls: messages that are cut off or
// larger than a UTCB, typed items, pointers of others, buffers across pages that are not there. Prints what is not
// refused.

import { UTCB_BYTES, UTCB_DATA, UTCB_ITEMS, UTCB_WORDS } from "../../libhedron/abi";
import { call } from "../../libhedron/hypercalls";
import { load32, load64, store8, store32, store64 } from "../../libhedron/x86";
import { READ_WRITE } from "../../libhrstd/file";
import {
  ALLOCATE_ALLOC,
  ALLOCATE_FREE,
  FILES_READ,
  FILES_READ_DIRECTORY,
  FILES_WRITE,
  SEL_ALLOCATE,
  SEL_ECHO,
  SEL_EXIT,
  SEL_FILES,
  SEL_RAW_ECHO,
  SEL_STDERR,
  SEL_STDOUT,
  UTCB_ADDRESS,
  WRITE_POINTER,
} from "../../libhrstd/layout";
import { wireClose, wireWrite, write32, write64, writeVarint } from "../../libhrstd/postcard";
import { allocateMemory, exit, openFile, readFile, seekFile } from "../../libhrstd/services";
import { out } from "../../libhrstd/text";

const PAGE: u64 = 4096;
const FAILED: u64 = ~(0 as u64);
const TYPED_SHIFT: u64 = 16;

const path = memory.data<u8>([47, 102, 105, 108, 101]);
const PATH_LENGTH: u32 = 5;
let failures: i32 = 0;

function refused(holds: bool, what: string): void {
  if (holds) return;
  failures++;
  out().text("hostile: not refused: ").text(what).line();
}

function items(): u64 {
  return load32(UTCB_ADDRESS + (UTCB_ITEMS as u64));
}

function setItems(value: u64): void {
  store32(UTCB_ADDRESS + (UTCB_ITEMS as u64), value);
}

function answer(): u64 {
  return load64(UTCB_ADDRESS + (UTCB_DATA as u64));
}

/** Calls with `count` in the head over a buffer full of `byte`; the first word of the answer. */
function send(portal: u64, count: u64, byte: u64): u64 {
  for (let i: u64 = 0; i < (UTCB_BYTES as u64); i++) {
    store8(UTCB_ADDRESS + (UTCB_DATA as u64) + i, byte);
  }
  setItems(count);
  call(portal);
  return answer();
}

function sendJunk(): void {
  const counts = memory.data<u32>([0, 1, 507, 508, 509, 0xffff]);
  for (let i: u32 = 0; i < 6; i++) {
    const count = load<u32>(counts + i * 4) as u64;
    refused(send(SEL_STDOUT, count, 0xff) === FAILED, "output of any length");
    refused(send(SEL_STDERR, count, 0xff) === FAILED, "errors of any length");
    refused(send(SEL_ALLOCATE, count, 0xff) === 0, "an unknown request for memory");
    refused((send(SEL_FILES, count, 0xff) as i32) === -1, "an unknown request for files");
    refused((send(SEL_FILES, count, 0) as i32) === -1, "the empty path");
  }
  // Descriptor 0x0a0a0a0a.
  const fd = send(SEL_FILES, 508, FILES_READ_DIRECTORY) as i32;
  refused(fd === -1, "a directory of no descriptor");
  refused(send(SEL_EXIT, 0, 0) === FAILED, "an exit without status");
}

function sendTypedItems(): void {
  const typed = (3 as u64) << TYPED_SHIFT;
  // Capabilities 32 to 63 of whoever takes them, with all rights.
  for (let i: u64 = 0; i < 3; i++) {
    const item = UTCB_ADDRESS + PAGE - (i + 1) * 16;
    store64(item, (32 << 12) | (5 << 7) | (31 << 2) | 3);
    store64(item + 8, 1);
  }
  setItems(typed | 1);
  call(SEL_ECHO);
  refused(items() === 1, "typed items that come back from echo");
  setItems(typed | 1);
  call(SEL_RAW_ECHO);
  refused(items() === 1, "typed items that come back from raw echo");
  setItems(UTCB_WORDS as u64);
  call(SEL_RAW_ECHO);
  refused(items() === (UTCB_WORDS as u64), "a full message that comes back");
}

function allocate(size: u64, align: u64): u64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(ALLOCATE_ALLOC);
  write64(size);
  write64(align);
  wireClose();
  call(SEL_ALLOCATE);
  return answer();
}

function release(address: u64, size: u64): u64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(ALLOCATE_FREE);
  write64(address);
  write64(size);
  write64(8);
  wireClose();
  call(SEL_ALLOCATE);
  return answer();
}

function useMemory(): void {
  refused(allocate(FAILED, 8) === 0, "2^64 - 1 bytes");
  refused(allocate((1 as u64) << 46, 8) === 0, "2^46 bytes below 4 GiB");
  refused(allocate(8, 3) === 0, "an alignment of 3");
  refused(allocate(8, (1 as u64) << 63) === 0, "an alignment of 2^63");
  refused(release(UTCB_ADDRESS, PAGE) === FAILED, "to free the UTCB");
  refused(release((1 as u64) << 47, PAGE) === FAILED, "to free the kernel's half");
  refused(release(0xe000_0000, PAGE) === FAILED, "to free the roottask's memory");
  refused(release(FAILED - PAGE + 1, PAGE) === FAILED, "to free the last page");
}

function transfer(request: u64, fd: i64, address: u64, length: u64): u64 {
  wireWrite(UTCB_ADDRESS);
  writeVarint(request);
  write32(fd as u64);
  if (request === FILES_WRITE) writeVarint(WRITE_POINTER);
  write64(address);
  write64(length);
  wireClose();
  call(SEL_FILES);
  return answer();
}

function useFiles(): void {
  const fd = openFile(path, PATH_LENGTH, READ_WRITE, 0);
  const wrong = memory.data<u64>([
    0, 0x1000, 0xe000_0000, 0x7fff_ffff_e000, 0x7fff_ffff_f000, 0x8000_0000_0000,
    0xffff_8000_0000_0000, 0xffff_ffff_ffff_fff8,
  ]);
  for (let i: u32 = 0; i < 8; i++) {
    const address = load<u64>(wrong + i * 8);
    refused(transfer(FILES_READ, fd, address, 8) === FAILED, "to read to memory of others");
    refused(transfer(FILES_WRITE, fd, address, 8) === FAILED, "to write memory of others");
    refused(transfer(FILES_READ, fd, address, FAILED) === FAILED, "to read without end");
  }
  refused(transfer(FILES_READ, 99, path as u64, 1) === FAILED, "to read from no file");
  refused(transfer(FILES_READ, -1, path as u64, 1) === FAILED, "to read from file -1");
  refused(seekFile(fd, (1 as u64) << 63) === -1, "position 2^63");
  refused(seekFile(fd, 0) === 0, "what is right");
  const page = allocateMemory(PAGE, 8);
  const end = page + PAGE;
  refused(allocate(PAGE, 8) !== 0, "more memory");
  // The page behind is the one that was allocated before, or nothing.
  const next = release(end, PAGE);
  refused(next === 0 || next === FAILED, "to free the next page");
  refused(transfer(FILES_READ, fd, end - 4, 100) === 4, "more than what lies before the end");
  refused(seekFile(fd, 8) === 8 && readFile(fd, page as usize, 100) === 2, "to read past the end");
}

export function main(_start: u64): void {
  sendJunk();
  sendTypedItems();
  useMemory();
  useFiles();
  if (failures === 0) out().text("hostile: all refused").line();
  exit(failures === 0 ? 0 : 1);
}

/** First address behind the static data; the linker needs it. */
export function staticEnd(): usize {
  return __heap_base;
}
