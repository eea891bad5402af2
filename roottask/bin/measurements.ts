// What the roottask measures itself before it runs programs: IPC within its domain, what it takes to make programs and
// to give memory away, and its own allocator and files (docs/benchmarks.md). No program runs meanwhile.

import {
  CRD_MEM,
  CRD_OBJ,
  MEM_R,
  PAGE_BITS,
  PAGE_SIZE,
  ROOT_SEL_PD,
  SUCCESS,
} from "../libhedron/abi";
import {
  call,
  createLocalEc,
  createPd,
  createPt,
  delegateRange,
  revoke,
} from "../libhedron/hypercalls";
import { SERVICE_ECHO } from "../libhrstd/layout";
import {
  measure,
  measuredLength,
  measuredLine,
  measureWith,
  REPETITIONS_MAX,
  startMeasuring,
} from "../libhrstd/measure";
import { reply_at_once } from "../libhrstd/symbol";
import { put } from "../libroottask/console";
import { closeFile, fileOf } from "../libroottask/descriptors";
import { newProgram, reapProgram } from "../libroottask/domain";
import { allocate, release } from "../libroottask/heap";
import { MEASURED_UTCB, owns } from "../libroottask/machine";
import {
  endCall,
  O_CREAT,
  O_RDWR,
  readFile,
  SEEK_SET,
  seekFile,
  writeFile,
} from "../libroottask/open_file";
import { openPath } from "../libroottask/open_path";
import { ABI_NATIVE, Program, restartNumbers, Thread } from "../libroottask/program";
import {
  SEL_MEASURED_EC,
  SEL_MEASURED_PD,
  SEL_MEASURED_PT,
  THREAD_SERVICES,
} from "../libroottask/selectors";
import { copyLiteral } from "../libroottask/text";
import { transferOf } from "../libroottask/transfer";

/** Memory that is delegated: one GiB from here on, in pieces as large as memory is handed out. */
const GIB_START: u64 = 0x2000_0000;
const GIB_END: u64 = 0x6000_0000;
const GIB_PIECE_ORDER: u64 = 17;
/** Delegating so much takes long enough not to be done as often as the rest. */
const GIB_REPETITIONS: u32 = 20;

const name = memory.data(32);
const bytes = memory.data(8);

/** A program without a file, whose thread and tables are used. */
let program: Program | null = null;
/** Portal of the echo service of its thread. */
let echo: u64 = 0;
let made: Program | null = null;
let piece: usize = 0;

function print(): void {
  put(measuredLine(), measuredLength());
}

function nothing(): void {}

function newDomain(): void {
  createPd(SEL_MEASURED_PD, ROOT_SEL_PD);
}

function destroyDomain(): void {
  revoke(CRD_OBJ, SEL_MEASURED_PD, 0);
}

function callRaw(): void {
  call(SEL_MEASURED_PT);
}

function callEcho(): void {
  call(echo);
}

function newMeasuredProgram(): Program | null {
  return newProgram(ABI_NATIVE, name, copyLiteral(name, "measured"));
}

function measureIpc(cpu: u32, thread: Thread): void {
  let status = createLocalEc(SEL_MEASURED_EC, ROOT_SEL_PD, cpu, MEASURED_UTCB, 0, 0);
  if (status === SUCCESS) {
    status = createPt(SEL_MEASURED_PT, ROOT_SEL_PD, SEL_MEASURED_EC, 0, reply_at_once());
  }
  if (status === SUCCESS) {
    measure("ipc.raw.same", callRaw);
    print();
  }
  revoke(CRD_OBJ, SEL_MEASURED_PT, 0);
  revoke(CRD_OBJ, SEL_MEASURED_EC, 0);
  echo = thread.block + THREAD_SERVICES + (SERVICE_ECHO as u64);
  measure("ipc.regular.same", callEcho);
  print();
}

function makeProgram(): void {
  made = newMeasuredProgram();
}

function reapMade(): void {
  const fresh = made;
  if (fresh !== null) reapProgram(fresh);
}

function delegatePage(): void {
  const page = (piece as u64) >> PAGE_BITS;
  delegateRange(ROOT_SEL_PD, SEL_MEASURED_PD, CRD_MEM, page, page, 0, MEM_R, 0);
}

function delegateGib(): void {
  const step = (1 as u64) << GIB_PIECE_ORDER;
  for (let page = GIB_START >> PAGE_BITS; page < GIB_END >> PAGE_BITS; page += step) {
    delegateRange(ROOT_SEL_PD, SEL_MEASURED_PD, CRD_MEM, page, page, GIB_PIECE_ORDER, MEM_R, 0);
  }
}

function measureMemory(): void {
  piece = allocate(PAGE_SIZE);
  if (piece === 0) return;
  measureWith("delegate.page", "", REPETITIONS_MAX, 1, 1, newDomain, delegatePage, destroyDomain);
  print();
  release(piece, PAGE_SIZE);
  if (!owns(GIB_START, GIB_END)) return;
  measureWith("delegate.gib", "", GIB_REPETITIONS, 1, 1, newDomain, delegateGib, destroyDomain);
  print();
}

function allocateByte(): void {
  release(allocate(1), 1);
}

function allocatePage(): void {
  release(allocate(PAGE_SIZE), PAGE_SIZE);
}

/** Opens a file, writes 8 bytes, reads them again and closes it. */
function useFile(): void {
  const owner = program as Program;
  const thread = owner.threads as Thread;
  const length = copyLiteral(name, "tmp/measured");
  const fd = openPath(
    thread,
    owner.directoryMount,
    owner.directory,
    name,
    length,
    O_CREAT | O_RDWR,
    0o777,
  ) as u64;
  const file = fileOf(thread, fd);
  if (file === null) return;
  transferOf(thread.transfer, null, bytes as u64, 8);
  writeFile(thread, file, thread.transfer);
  seekFile(file, 0, SEEK_SET);
  transferOf(thread.transfer, null, bytes as u64, 8);
  readFile(thread, file, thread.transfer);
  endCall(thread);
  closeFile(owner.files, fd);
}

/** Prints a line for each measurement; `cpu` is the one that the roottask runs on. Called without the lock. */
export function measureRoottask(cpu: u32): void {
  startMeasuring(0, 0);
  print();
  program = newMeasuredProgram();
  const own = program;
  if (own === null) return;
  measureIpc(cpu, own.threads as Thread);
  measureWith("domain.create", "", REPETITIONS_MAX, 1, 1, nothing, newDomain, destroyDomain);
  print();
  measureWith("program.create", "", REPETITIONS_MAX, 1, 1, nothing, makeProgram, reapMade);
  print();
  measureMemory();
  measure("roottask.allocate.1", allocateByte);
  print();
  measure("roottask.allocate.4096", allocatePage);
  print();
  measure("roottask.file", useFile);
  print();
  reapProgram(own);
  restartNumbers();
}
