// A native program: it makes no Linux system call. It shows what libhrstd has for such programs: printing, logging,
// memory, floating point and AVX, files by messages and as objects, directories, hypercalls of its own. What it prints is
// the same on every machine, but for lines that begin with "BENCH".

import { SUCCESS } from "../libhedron/abi";
import { createLocalEc, createPt, ptCtrl } from "../libhedron/hypercalls";
import { load64 } from "../libhedron/x86";
import { alignedAlloc, calloc, free, malloc, realloc } from "../libhrstd/allocator";
import {
  CREATE,
  createDirectory,
  Directory,
  deleteDirectory,
  ENTRY_DIRECTORY,
  File,
  isFile,
  metadataOf,
  READ,
  READ_WRITE,
  TRUNCATE,
  unlink,
} from "../libhrstd/file";
import { SEL_PD } from "../libhrstd/layout";
import { debug, error, info, LOG_TRACE, startLog, trace, warn } from "../libhrstd/log";
import { measure, measuredLength, measuredLine, startMeasuring } from "../libhrstd/measure";
import {
  callEcho,
  callRawEcho,
  closeFile,
  exit,
  Metadata,
  openFile,
  readFile,
  seekFile,
  stderr,
  stdout,
  writeFileEmbedded,
} from "../libhrstd/services";
import { reply_at_once } from "../libhrstd/symbol";
import { out } from "../libhrstd/text";
import { avx_dot_product, has_avx } from "./stub";

/** Selectors behind those that every program has. */
const EC: u64 = 1000;
const PT: u64 = 1001;
/** Message buffer of a handler that is never called, above all that the allocation service gives away. */
const HANDLER_UTCB: u64 = 0xff00_0000;

const PAGE: usize = 4096;
/** Numbers in each vector. */
const COUNT: u32 = 1000;

const text = memory.data(256);
const metadata = changetype<Metadata>(memory.data(40));
if (offsetof<Metadata>() > 40) ERROR("metadata");
let failures: i32 = 0;
let portalId: u64 = 0;

function copy(literal: string): u32 {
  for (let i = 0; i < literal.length; i++) store<u8>(text + i, literal.charCodeAt(i));
  return literal.length as u32;
}

/** Says what should be so and is not; the program fails in the end. */
function check(holds: bool, what: string): void {
  if (holds) return;
  error().text("expected: ").text(what).line();
  failures++;
}

/** `start` is the address of argc and argv. */
function greet(start: u64): void {
  const count = load64(start);
  out().text("Hello from a native program, with ").unsigned(count).text(" arguments:");
  for (let i: u64 = 0; i < count; i++)
    out()
      .text(" ")
      .terminated(load64(start + 8 + i * 8));
  out().line();
  stdout(text, copy("standard output is a service\n"));
  stderr(text, copy("standard error is another\n"));
}

function logEachLevel(): void {
  error().text("this is an error").line();
  warn().text("this is a warning").line();
  info().text("this is information").line();
  debug().text("this is for debugging: ").hex(0xdead_beef, 16).line();
  trace().text("this is a trace: ").decimal(-42).line();
}

function useMemory(): void {
  let numbers = malloc(5 * 4);
  for (let i: u32 = 0; i < 5; i++) store<u32>(numbers + i * 4, i + 1);
  numbers = realloc(numbers, 6 * 4);
  store<u32>(numbers + 20, 7);
  out().text("numbers:");
  for (let i: u32 = 0; i < 6; i++)
    out()
      .text(" ")
      .unsigned(load<u32>(numbers + i * 4) as u64);
  out().line();
  const page = alignedAlloc(PAGE, 100);
  check(page % PAGE === 0, "a block that is aligned to a page");
  const zeroes = calloc(1000, 1000);
  let sum: u64 = 0;
  for (let i: u32 = 0; i < 1_000_000; i += 8) sum += load<u64>(zeroes + i);
  check(sum === 0, "a million zeroes");
  for (let i: u32 = 0; i < 100_000; i++) store<u64>(zeroes + i * 8, i as u64);
  for (let i: u32 = 0; i < 100_000; i++) sum += load<u64>(zeroes + i * 8);
  out().text("sum of 0..99999 through allocated memory: ").unsigned(sum).line();
  check(free(numbers) && free(page) && free(zeroes), "blocks that can be given back");
  check(!free(numbers), "a block that is given back once");
}

function useFloatingPoint(): void {
  const a = malloc(COUNT * 8);
  const b = malloc(COUNT * 8);
  let expected: f64 = 0;
  for (let i: u32 = 0; i < COUNT; i++) {
    store<f64>(a + i * 8, (i as f64) * 0.5);
    store<f64>(b + i * 8, ((COUNT - i) as f64) * 0.25);
    expected += load<f64>(a + i * 8) * load<f64>(b + i * 8);
  }
  out().text("square root of 2: ").float(Math.sqrt(2), 15).line();
  out().text("dot product of two vectors: ").float(expected, 3).line();
  // Every sum on the way is exact, so that the order of additions makes no difference.
  if (has_avx() === 0) warn().text("this processor has no AVX").line();
  else check(avx_dot_product(a, b, COUNT) === expected, "the same dot product by AVX");
  free(a);
  free(b);
}

/** One message after the other, as the published environment's program does. */
function useFilesByMessages(): void {
  const message = "Hello, file!";
  const fd = openFile(text, copy("/tmp/by messages"), READ_WRITE | CREATE | TRUNCATE, 0o644);
  check(writeFileEmbedded(fd, text, copy(message)) === 12, "twelve bytes written");
  check(seekFile(fd, 7) === 7, "position 7");
  memory.fill(text, 0, 16);
  check(readFile(fd, text, 100) === 5, "five bytes read");
  out().text("read from position 7: ").bytes(text, 5).line();
  check(seekFile(fd, 0) === 0, "position 0");
  check(readFile(fd, text, 100) === 12, "twelve bytes read");
  out().text("read from the start: ").bytes(text, 12).line();
  check(closeFile(fd) === 0, "a file that closes");
  check(closeFile(fd) === -1, "a file that is closed");
}

function useFileObject(): void {
  const file = File.open("/tmp/object", READ_WRITE | CREATE | TRUNCATE);
  if (file === null) {
    check(false, "a file that opens");
    return;
  }
  check(file.writeAll(text, copy("one line\n")), "a line written");
  check(file.writeAll(text, copy("another line\n")), "another one written");
  check(file.seek(0), "the file's start");
  const length = file.readAll(text, 256);
  check(file.metadata(metadata) && metadata.size === (length as u64), "the size that was read");
  out()
    .bytes(text, length as u32)
    .flush();
  check(file.close(), "a file that closes");
  check(metadataOf("/tmp/object", metadata) && isFile(metadata), "a file with that name");
  out()
    .text("size ")
    .unsigned(metadata.size)
    .text(", links ")
    .unsigned(metadata.links as u64)
    .line();
  check(unlink("/tmp/object") && unlink("/tmp/by messages"), "files that can be unlinked");
  check(!metadataOf("/tmp/object", metadata), "no file with that name any more");
}

function useDirectories(): void {
  check(createDirectory("/tmp/directory"), "a new directory");
  check(createDirectory("/tmp/directory/inner"), "another one in it");
  const file = File.open("/tmp/directory/file", CREATE);
  if (file !== null) file.close();
  const directory = Directory.open("/tmp/directory");
  if (directory === null) {
    check(false, "a directory that opens");
    return;
  }
  out().text("in the directory:");
  while (directory.next()) {
    const entry = directory.entry;
    out().text(" ").bytes(entry.name, entry.nameLength);
    if (entry.type === ENTRY_DIRECTORY) out().text("/");
  }
  out().line();
  check(directory.close(), "a directory that closes");
  check(!deleteDirectory("/tmp/directory"), "a directory that is not empty");
  check(unlink("/tmp/directory/file"), "a file that can be unlinked");
  check(deleteDirectory("/tmp/directory/inner"), "an empty directory");
  check(deleteDirectory("/tmp/directory"), "a directory that has become empty");
}

function printFile(name: string): void {
  const file = File.open(name, READ);
  if (file === null) {
    check(false, name);
    return;
  }
  for (let length = file.read(text, 256); length > 0; length = file.read(text, 256)) {
    out().bytes(text, length as u32);
  }
  out().flush();
  file.close();
}

function controlPortal(): void {
  ptCtrl(PT, portalId++);
}

/** What the cheapest hypercall costs: a portal that nobody calls gets a new id. */
function measureHypercall(): void {
  let status = createLocalEc(EC, SEL_PD, 0, HANDLER_UTCB, 0, 0);
  if (status === SUCCESS) status = createPt(PT, SEL_PD, EC, 0, reply_at_once());
  check(status === SUCCESS, "a portal");
  check(callEcho() === SUCCESS && callRawEcho() === SUCCESS, "echoes");
  startMeasuring(0, 0);
  measure("syscall.native", controlPortal);
  out().bytes(measuredLine(), measuredLength()).flush();
}

/** `start` is the address of argc, argv and the environment. */
export function main(start: u64): void {
  startLog("hello_native", LOG_TRACE);
  greet(start);
  logEachLevel();
  useMemory();
  useFloatingPoint();
  useFilesByMessages();
  useFileObject();
  useDirectories();
  printFile("/etc/motd");
  measureHypercall();
  info().text("done").line();
  exit(failures === 0 ? 0 : 1);
}

/** First address behind the static data; the linker needs it. */
export function staticEnd(): usize {
  return __heap_base;
}
