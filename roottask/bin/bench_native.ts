// A native program that measures (docs/benchmarks.md): hypercalls, IPC with the roottask, threads, exceptions,
// semaphores, and files by calls of the file service. Arguments, both optional: the most repetitions of a measurement,
// and the most calls in one repetition.

import {
  CRD_OBJ,
  EVENT_STARTUP,
  EXC_PF,
  EXC_UD,
  MTD_RIP_LEN,
  MTD_RSP,
  PERM_ALL,
  SUCCESS,
  UTCB_ITEMS,
} from "../libhedron/abi";
import {
  call,
  createGlobalEc,
  createLocalEc,
  createPt,
  createSc,
  createSm,
  delegateRange,
  ptCtrl,
  revoke,
  smDown,
  smUp,
} from "../libhedron/hypercalls";
import { load64, store32, ud2 } from "../libhedron/x86";
import { SEL_ECHO, SEL_PD, SEL_RAW_ECHO, UTCB_ADDRESS } from "../libhrstd/layout";
import {
  measure,
  measuredLength,
  measuredLine,
  measureWith,
  parseLimit,
  REPETITIONS_MAX,
  startMeasuring,
} from "../libhrstd/measure";
import { LARGE_FILE, measureFile, measureFilesBy, SMALL_FILE } from "../libhrstd/measure_files";
import {
  allocateMemory,
  closeFile,
  exit,
  openFile,
  readFile,
  seekFile,
  stderr,
  stdout,
  writeFile,
} from "../libhrstd/services";
import { reply_at_once, skip_ud2, start_thread } from "../libhrstd/symbol";
import {
  exception_thread as exceptionAddress,
  pong_thread as pongAddress,
  short_thread as shortAddress,
} from "./symbol";

/** Selectors behind those that every program has. */
const EC: u64 = 0x100;
const PT: u64 = 0x101;
const STARTED: u64 = 0x102;
const NEVER: u64 = 0x103;
const PING: u64 = 0x104;
const PONG: u64 = 0x105;
const THREAD_EC: u64 = 0x106;
const THREAD_SC: u64 = 0x107;
/** Events of the second thread. */
const EVENTS: u64 = 0x200;

/** UTCBs of the handler and of the second thread, above all that the allocation service gives away. */
const HANDLER_UTCB: u64 = 0xff00_0000;
const THREAD_UTCB: u64 = 0xff00_1000;
const CPU: u32 = 0;
const PRIORITY: u64 = 1;
const QUANTUM: u64 = 10_000;

const O_WRONLY: u32 = 1;
const O_RDWR: u32 = 2;
const O_CREAT: u32 = 0o100;
const FILE_MODE: u32 = 0o600;

const STACK_BYTES = 16_384;
const stack = memory.data(16_384, 16);
/** For the stub that starts a thread: the handler's UTCB, RIP, RSP. */
const entry = memory.data(24, 8);
const text = memory.data(128);
let status: i32 = 0;
let id: u64 = 0;
let path: u32 = 0;

function print(): void {
  stdout(measuredLine(), measuredLength());
}

function copy(literal: string): u32 {
  for (let i = 0; i < literal.length; i++) store<u8>(text + i, literal.charCodeAt(i));
  return literal.length as u32;
}

/** Says what went wrong; the program goes on and fails in the end. */
function complain(literal: string): void {
  stderr(text, copy("bench_native: "));
  stderr(text, copy(literal));
  stderr(text, copy("\n"));
  status = 1;
}

function nothing(): void {}

function control(): void {
  ptCtrl(PT, id++);
}

function callRaw(): void {
  call(SEL_RAW_ECHO);
}

function callEcho(): void {
  call(SEL_ECHO);
}

function measureCalls(): void {
  if (createPt(PT, SEL_PD, EC, 0, reply_at_once()) !== SUCCESS) {
    complain("cannot create a portal");
    return;
  }
  measure("syscall.native", control);
  print();
  store32(UTCB_ADDRESS + (UTCB_ITEMS as u64), 0);
  measure("ipc.raw.cross", callRaw);
  print();
  store32(UTCB_ADDRESS + (UTCB_ITEMS as u64), 0);
  measure("ipc.regular.cross", callEcho);
  print();
}

/** What every second thread needs: portals for its start, its exceptions and page faults, and semaphores. */
function prepareThreads(): bool {
  let error = createPt(EVENTS + EVENT_STARTUP, SEL_PD, EC, MTD_RIP_LEN | MTD_RSP, start_thread());
  error |= ptCtrl(EVENTS + EVENT_STARTUP, entry as u64);
  error |= createPt(EVENTS + EXC_UD, SEL_PD, EC, MTD_RIP_LEN, skip_ud2());
  error |= ptCtrl(EVENTS + EXC_UD, HANDLER_UTCB);
  error |= delegateRange(SEL_PD, SEL_PD, CRD_OBJ, EXC_PF, EVENTS + EXC_PF, 0, PERM_ALL, 0);
  error |= createSm(STARTED, SEL_PD, 0) | createSm(NEVER, SEL_PD, 0);
  error |= createSm(PING, SEL_PD, 0) | createSm(PONG, SEL_PD, 0);
  return error === SUCCESS;
}

/** Lets a thread begin at `rip` as a function that was called and has nowhere to return to. */
function startAt(rip: u64): void {
  store<u64>(entry, HANDLER_UTCB);
  store<u64>(entry + 8, rip);
  store<u64>(entry + 16, (stack as u64) + (STACK_BYTES as u64) - 8);
  createGlobalEc(THREAD_EC, SEL_PD, CPU, THREAD_UTCB, EVENTS);
  createSc(THREAD_SC, SEL_PD, THREAD_EC, PRIORITY, QUANTUM);
}

function endThread(): void {
  revoke(CRD_OBJ, THREAD_SC, 0);
  revoke(CRD_OBJ, THREAD_EC, 0);
}

// A thread that has been taken away may go on when its semaphores vanish with the program: it ends then, by returning
// to nowhere.

/** Body of the thread whose creation is measured. */
export function short_thread(): void {
  smUp(STARTED);
  smDown(NEVER, 0);
}

/** Body of the other side of the switches. */
export function pong_thread(): void {
  while (smDown(PING, 0) === SUCCESS) smUp(PONG);
}

/** Body of the thread that meets exceptions. */
export function exception_thread(): void {
  measure("exception", ud2);
  short_thread();
}

function createThread(): void {
  startAt(shortAddress());
  smDown(STARTED, 0);
}

function pingPong(): void {
  smUp(PING);
  smDown(PONG, 0);
}

function measureThreads(): void {
  if (!prepareThreads()) {
    complain("cannot create what threads need");
    return;
  }
  startAt(exceptionAddress());
  smDown(STARTED, 0);
  print();
  endThread();
  measureWith("thread.create", "", REPETITIONS_MAX, 1, 1, nothing, createThread, endThread);
  print();
  startAt(pongAddress());
  measureWith("semaphore.switch", "", REPETITIONS_MAX, 1, 2, nothing, pingPong, nothing);
  print();
  endThread();
}

function openAndClose(): void {
  closeFile(openFile(text, path, O_CREAT | O_WRONLY, FILE_MODE));
}

function rewindFile(fd: i64): void {
  seekFile(fd, 0);
}

function measureFiles(): void {
  path = copy("/tmp/bench_native");
  const fd = openFile(text, path, O_CREAT | O_RDWR, FILE_MODE);
  const content = allocateMemory(LARGE_FILE as u64, 8) as usize;
  if (fd < 0 || content === 0) {
    complain("cannot open /tmp/bench_native or have a MiB of memory");
    return;
  }
  measure("service.open", openAndClose);
  print();
  measureFilesBy(writeFile, readFile, rewindFile, stdout);
  const small = measureFile(
    "service.file.write.64k.",
    "service.file.read.64k.",
    fd,
    content,
    SMALL_FILE,
  );
  const large = measureFile(
    "service.file.write.1m.",
    "service.file.read.1m.",
    fd,
    content,
    LARGE_FILE,
  );
  closeFile(fd);
  if (!small || !large) complain("what was read is not what was written");
}

/** `start` is the address of argc, argv and the environment. */
export function main(start: u64): void {
  const count = load64(start);
  startMeasuring(
    count > 1 ? parseLimit(load64(start + 16)) : 0,
    count > 2 ? parseLimit(load64(start + 24)) : 0,
  );
  print();
  if (createLocalEc(EC, SEL_PD, CPU, HANDLER_UTCB, 0, 0) === SUCCESS) {
    measureCalls();
    measureThreads();
  } else {
    complain("cannot create a handler");
  }
  measureFiles();
  exit(status);
}

/** First address behind the static data; the linker needs it. */
export function staticEnd(): usize {
  return __heap_base;
}
