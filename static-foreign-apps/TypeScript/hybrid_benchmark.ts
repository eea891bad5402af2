// A program for Linux that measures (docs/benchmarks.md): system calls and files, and where it runs on Hedron
// hypercalls and IPC between them. Arguments, all optional: the most repetitions of a measurement, the most calls in one
// repetition (0: no limit), the directory that files are made in (/tmp), and what stands in front of every name.

import {
  ARG1_SELECTOR_SHIFT,
  HC_CALL,
  HC_CREATE_EC,
  HC_CREATE_PT,
  HC_PT_CTRL,
  STATUS_MASK,
  SUCCESS,
  UTCB_DATA,
  UTCB_ITEMS,
  UTCB_NSCT,
  UTCB_R15,
  UTCB_RAX,
  UTCB_RDI,
  UTCB_RDX,
  UTCB_RSI,
} from "../../roottask/libhedron/abi";
import { hybridCall } from "../../roottask/libhrstd/hybrid";
import {
  SEL_ECHO,
  SEL_FOREIGN,
  SEL_PD,
  SEL_RAW_ECHO,
  UTCB_ADDRESS,
} from "../../roottask/libhrstd/layout";
import {
  measure,
  measuredLength,
  measuredLine,
  parseLimit,
  prefixNames,
  startMeasuring,
} from "../../roottask/libhrstd/measure";
import {
  LARGE_FILE,
  measureFile,
  measureFilesBy,
  SMALL_FILE,
} from "../../roottask/libhrstd/measure_files";
import { reply_at_once } from "../../roottask/libhrstd/symbol";
import { createDomain, onHedron, printThroughPortal } from "./lib/hedron";
import { syscall } from "./lib/linux";
import {
  argument,
  argumentCount,
  close,
  exit,
  O_CREAT,
  O_RDWR,
  O_WRONLY,
  openWith,
  read,
  rewindTo,
  STDERR,
  STDOUT,
  unlink,
  write,
  writeAll,
} from "./lib/posix";
import { load64, store32, store64, window } from "./lib/x86";

const SYS_OPEN: u64 = 2;
const SYS_CLOSE: u64 = 3;
const SYS_FSTAT: u64 = 5;
const SYS_GETPID: u64 = 39;
const SYS_SET_TID_ADDRESS: u64 = 218;

/** Selectors behind those that every program has. */
const EC: u64 = 0x100;
const PT: u64 = 0x101;
const DOMAIN: u64 = 0x102;
/** UTCB of the handler of the hop: far from the program's image, and from what mmap gives. */
const HOP_UTCB: u64 = 0x1000_0000;
const CPU: u64 = 0;
/** Words of a message with all general registers: from the UTCB's data up to R15. */
const REGISTER_WORDS: u64 = ((UTCB_R15 + 8 - UTCB_DATA) / 8) as u64;

const FILE_MODE: u32 = 0o600;
const PATH_ROOM: u32 = 4096;
const path = memory.data(4096 + 32);
const word = memory.data(64);
const status = memory.data(144, 8);
const content = memory.data(1_048_576, 16);

let failed: bool = false;
let fd: i64 = 0;
let id: u64 = 0;

function print(): void {
  writeAll(STDOUT, measuredLine(), measuredLength());
}

function copy(literal: string): u32 {
  for (let i = 0; i < literal.length; i++) store<u8>(word + i, literal.charCodeAt(i));
  return literal.length as u32;
}

function say(literal: string): void {
  writeAll(STDOUT, word, copy(literal));
}

/** Says what went wrong; the program goes on and fails in the end. */
function complain(literal: string): void {
  writeAll(STDERR, word, copy(literal));
  failed = true;
}

function getPid(): void {
  syscall(SYS_GETPID, 0, 0, 0, 0, 0, 0);
}

function setTidAddress(): void {
  syscall(SYS_SET_TID_ADDRESS, 0, 0, 0, 0, 0, 0);
}

function fstat(): void {
  syscall(SYS_FSTAT, fd as u64, window() + (status as u64), 0, 0, 0, 0);
}

function openAndClose(): void {
  close(openWith(path, O_CREAT | O_WRONLY, FILE_MODE));
}

/** A raw call within the domain, which stands for a mediator between the program and its personality. */
function hop(): void {
  hybridCall(HC_CALL | (PT << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0);
}

function hopSetTidAddress(): void {
  hop();
  setTidAddress();
}

function hopFstat(): void {
  hop();
  fstat();
}

function hopOpenAndClose(): void {
  hop();
  const opened = openWith(path, O_CREAT | O_WRONLY, FILE_MODE);
  hop();
  close(opened);
}

/** System call `number` as a message to the portal that the kernel forwards system calls to; its result. */
function messageCall(number: u64, a1: u64, a2: u64, a3: u64): i64 {
  store32(UTCB_ADDRESS + (UTCB_ITEMS as u64), REGISTER_WORDS);
  store64(UTCB_ADDRESS + (UTCB_RAX as u64), number);
  store64(UTCB_ADDRESS + (UTCB_RDI as u64), a1);
  store64(UTCB_ADDRESS + (UTCB_RSI as u64), a2);
  store64(UTCB_ADDRESS + (UTCB_RDX as u64), a3);
  hybridCall(HC_CALL | ((SEL_FOREIGN + CPU) << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0);
  return load64(UTCB_ADDRESS + (UTCB_RAX as u64)) as i64;
}

function messageSetTidAddress(): void {
  messageCall(SYS_SET_TID_ADDRESS, 0, 0, 0);
}

function messageFstat(): void {
  messageCall(SYS_FSTAT, fd as u64, window() + (status as u64), 0);
}

function messageOpenAndClose(): void {
  const at = window() + (path as u64);
  const opened = messageCall(SYS_OPEN, at, (O_CREAT | O_WRONLY) as u64, FILE_MODE as u64);
  messageCall(SYS_CLOSE, opened as u64, 0, 0);
}

function control(): void {
  hybridCall(HC_PT_CTRL | (PT << ARG1_SELECTOR_SHIFT), id++, 0, 0, 0);
}

function callRaw(): void {
  hybridCall(HC_CALL | (SEL_RAW_ECHO << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0);
}

function callEcho(): void {
  hybridCall(HC_CALL | (SEL_ECHO << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0);
}

/** What the kernel and the roottask give a program for Linux: a domain, and a line through a portal. */
function beNative(): void {
  if (createDomain(DOMAIN) !== SUCCESS) complain("hybrid_benchmark: cannot create a domain\n");
  if (printThroughPortal(word, copy("This line goes through a portal.\n")) !== SUCCESS) {
    complain("hybrid_benchmark: cannot print through a portal\n");
  }
}

/** A handler in this domain that replies at once. All its system calls are hypercalls. */
function createHop(): bool {
  const ec = HC_CREATE_EC | (EC << ARG1_SELECTOR_SHIFT);
  if ((hybridCall(ec, SEL_PD, HOP_UTCB | CPU, 0, 0) & STATUS_MASK) !== SUCCESS) return false;
  store32(HOP_UTCB, UTCB_NSCT as u64);
  const pt = HC_CREATE_PT | (PT << ARG1_SELECTOR_SHIFT);
  return (hybridCall(pt, SEL_PD, EC, 0, reply_at_once()) & STATUS_MASK) === SUCCESS;
}

function measureHypercalls(): void {
  measure("syscall.hybrid", control);
  print();
  store32(UTCB_ADDRESS + (UTCB_ITEMS as u64), 0);
  measure("hybrid.ipc.raw", callRaw);
  print();
  store32(UTCB_ADDRESS + (UTCB_ITEMS as u64), 0);
  measure("hybrid.ipc.regular", callEcho);
  print();
  store32(UTCB_ADDRESS + (UTCB_ITEMS as u64), 0);
  measure("hop.set_tid_address", hopSetTidAddress);
  print();
  measure("hop.fstat", hopFstat);
  print();
  measure("hop.open", hopOpenAndClose);
  print();
  measure("hybrid.set_tid_address", messageSetTidAddress);
  print();
  measure("hybrid.fstat", messageFstat);
  print();
  measure("hybrid.open", messageOpenAndClose);
  print();
  if (messageCall(SYS_GETPID, 0, 0, 0) !== syscall(SYS_GETPID, 0, 0, 0, 0, 0, 0)) {
    complain("hybrid_benchmark: a call by message differs\n");
  }
}

function measureCalls(): void {
  measure("syscall.linux", getPid);
  print();
  measure("call.set_tid_address", setTidAddress);
  print();
  measure("call.fstat", fstat);
  print();
  measure("call.open", openAndClose);
  print();
}

function rewind(file: i64): void {
  rewindTo(file, 0);
}

function printLine(text: usize, length: u32): void {
  writeAll(STDOUT, text, length);
}

function measureFiles(): void {
  measureFilesBy(write, read, rewind, printLine);
  const small = measureFile("file.write.64k.", "file.read.64k.", fd, content, SMALL_FILE);
  const large = measureFile("file.write.1m.", "file.read.1m.", fd, content, LARGE_FILE);
  if (!small || !large) complain("hybrid_benchmark: read and written bytes differ\n");
}

/** Number `index` of the arguments, as a limit. */
function limit(index: u32): u32 {
  if (index >= argumentCount()) return 0;
  argument(index, word, 64);
  return parseLimit(window() + (word as u64));
}

/** Puts the path of the file that is used into `path`. */
function makePath(): void {
  const name = "/hybrid_benchmark";
  let length: u32 = 4;
  if (argumentCount() > 3) length = argument(3, path, PATH_ROOM);
  else for (let i = 0; i < 4; i++) store<u8>(path + i, "/tmp".charCodeAt(i));
  for (let i = 0; i < name.length; i++) store<u8>(path + length++, name.charCodeAt(i));
  store<u8>(path + length, 0);
}

export function main(): i32 {
  makePath();
  fd = openWith(path, O_CREAT | O_RDWR, FILE_MODE);
  if (fd < 0) {
    complain("hybrid_benchmark: cannot make a file in the directory\n");
    exit(1);
  }
  if (argumentCount() > 4) {
    argument(4, word, 64);
    prefixNames(window() + (word as u64));
  }
  const hedron = onHedron();
  say("This program for Linux runs on ");
  say(hedron ? "Hedron.\n" : "Linux.\n");
  startMeasuring(limit(1), limit(2));
  print();
  if (hedron) {
    beNative();
    if (createHop()) measureHypercalls();
    else complain("hybrid_benchmark: cannot create a handler\n");
  }
  measureCalls();
  measureFiles();
  close(fd);
  unlink(path);
  exit(failed ? 1 : 0);
  return 0;
}
