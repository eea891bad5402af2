// The roottask's rooms with a handle for tests: linked into one module that Node instantiates with a mock
// of the kernel (machine.ts). Only tests use it.

import { HIP_EXTENSION_ENTRY, HIP_EXTENSIONS } from "../libhedron/abi";
import { hipValid } from "../libhedron/hip";
import { Utcb } from "../libhedron/utcb";
import { initAlarms } from "../libroottask/alarms";
import { setAwaited } from "../libroottask/deadlock";
import { populateTree } from "../libroottask/devices";
import { newProgram, reapProgram } from "../libroottask/domain";
import { checkElf, ELF_BYTES, Elf } from "../libroottask/elf";
import { initFileKinds } from "../libroottask/file_kinds";
import { initFrames } from "../libroottask/frames";
import { allocate } from "../libroottask/heap";
import { initLock } from "../libroottask/lock";
import { readLogOption, resetLog } from "../libroottask/log";
import { claimRam, findModule, hip, moduleAddress, UTCB_BASE } from "../libroottask/machine";
import {
  attachMediator,
  giveMediator,
  initMediator,
  inMediator,
  leaveMediator,
} from "../libroottask/mediator";
import { firstNamespace, initMounts } from "../libroottask/namespaces";
import {
  addPages,
  allocatePages,
  freePages,
  initPages,
  releasePages,
  STATE_BYTES,
  totalPages,
} from "../libroottask/pages";
import { handlePortal } from "../libroottask/portals";
import { oneProcessor } from "../libroottask/processors";
import {
  ABI_LINUX,
  ABI_NATIVE,
  firstProgram,
  initPrograms,
  leadSession,
  Program,
  Thread,
} from "../libroottask/program";
import { seedRandom } from "../libroottask/random";
import { pointerTo } from "../libroottask/space";
import { openStreams } from "../libroottask/start_streams";
import {
  argument,
  argumentLength,
  LINE_RUN,
  nextStartLine,
  openStartFile,
  startNative,
  startPregrant,
  startSession,
} from "../libroottask/startfile";
import { readTar } from "../libroottask/tar";
import { initThreads } from "../libroottask/thread";
import { ID_SHIFT } from "../libroottask/thread_slots";
import { find, initTree, root, rootMount, walkMount } from "../libroottask/tree";
import { initWaitQueue } from "../libroottask/wait_queue";
import { pregrantMemory } from "../linux/limits";
import { initLinux, prepare } from "../linux/start";
import { reportMissing } from "../linux/table";
import { addProc } from "../proc/proc";
import { addTerminals, initTerminals } from "../terminal/devices";
import { areaFault, listAreas } from "./area_check";

export { faultReason } from "../libroottask/space";

const PAGE: usize = 4096;
/** Results of `launch` beside the loader's. */
export const NO_FILE: u32 = 1000;
export const NO_MEMORY: u32 = 1001;
export const NO_STREAM: u32 = 1002;
export const NOT_A_RUN: u32 = 1100;

/** Programs by their number, and the first thread of each. */
const programs = memory.data(16 * 4);
const threads = memory.data(16 * 4);
let launched: u32 = 0;

function programAt(id: u32): Program {
  return changetype<Program>(load<usize>(programs + id * 4));
}

function threadAt(id: u32): Thread {
  return changetype<Thread>(load<usize>(threads + id * 4));
}

/** Gives the allocator everything from the end of the static data to `end`. */
export function setup(end: u32): void {
  const states = (__heap_base + PAGE - 1) & ~(PAGE - 1);
  initPages(states);
  initFrames();
  addPages((states + STATE_BYTES) as u64, end as u64);
  oneProcessor(0);
  initThreads();
  initWaitQueue();
  initAlarms();
  initPrograms();
  launched = 0;
  resetLog();
  initLock();
  seedRandom(1);
  initFileKinds();
  initTerminals(0);
  initLinux();
  initTree();
  initMounts();
}

/** Where a test puts its hypervisor information page. */
export function informationPage(): usize {
  return hip;
}

/** Claims the RAM that page lists, into a fresh allocator; the number of pages. */
export function claim(): u32 {
  return hipValid(hip) && claimRam() ? totalPages() : 0;
}

/** The page at `address` is free. */
export function pageFree(address: usize): bool {
  let found = false;
  let page = allocatePages(0);
  let last: usize = 0;
  while (page !== 0) {
    if (page === address) found = true;
    store<usize>(page, last);
    last = page;
    page = allocatePages(0);
  }
  while (last !== 0) {
    const next = load<usize>(last);
    releasePages(last, 0);
    last = next;
  }
  return found;
}

export function moduleAt(): usize {
  return findModule("userland") ? moduleAddress : 0;
}

/** Takes the value of the roottask's option `log=`. */
export function logOption(text: usize, length: u32): void {
  readLogOption(text, length);
}

export function storage(bytes: u32): usize {
  return allocate(bytes);
}

export function free(): u32 {
  return freePages();
}

/** Programs that are there see the fresh tree; the old one stays where it is. */
function showTree(): void {
  let program = firstProgram();
  while (program !== null) {
    const fs = program.fs;
    root().users += 2;
    rootMount().users += 2;
    fs.root = root();
    fs.rootMount = rootMount();
    fs.directory = root();
    fs.directoryMount = rootMount();
    fs.namespace = firstNamespace();
    program = program.next;
  }
}

/** Reads an archive into a fresh tree. False where memory is out for the tree's own nodes. */
export function unpack(tar: usize, size: u32): bool {
  if (!initTree() || !initMounts()) return false;
  readTar(tar, size);
  showTree();
  return populateTree() && addTerminals() && addProc();
}

export function startWith(file: usize, size: u32): void {
  openStartFile(file, size);
}

/** Reads one line; loads its program. LINE kinds other than a run are returned as NOT_A_RUN + kind. */
export function launch(): u32 {
  const kind = nextStartLine();
  if (kind !== LINE_RUN) return NOT_A_RUN + kind;
  const node = find(argument(0), argumentLength(0));
  const mount = walkMount;
  if (node === null) return NO_FILE;
  const abi = startNative ? ABI_NATIVE : ABI_LINUX;
  const program = newProgram(abi, argument(0), argumentLength(0));
  if (program === null) return NO_MEMORY;
  const thread = program.threads as Thread;
  // There is no kernel to put a page there.
  if (changetype<usize>(thread.utcb) >= (UTCB_BASE as usize)) {
    thread.utcb = changetype<Utcb>(allocatePages(0));
  }
  if (startSession) leadSession(program);
  if (!openStreams(program)) return NO_STREAM;
  setAwaited(program);
  launched++;
  store<usize>(programs + launched * 4, changetype<usize>(program));
  store<usize>(threads + launched * 4, changetype<usize>(thread));
  return prepare(program, mount, node);
}

/** Gives program `id` a mediator, as on a kernel that can have them; where its frame is, 0 where there is no image. */
export function giveMediatorTo(id: u32): usize {
  store<u32>(hip + HIP_EXTENSIONS, HIP_EXTENSION_ENTRY);
  const thread = threadAt(id);
  thread.program.mediated = 1;
  if (!initMediator() || !giveMediator(thread.program)) return 0;
  attachMediator(thread);
  return thread.frame;
}

/** Lets the mediator of program `id`, which has one, hand out `bytes` by itself. */
export function pregrantTo(id: u32, bytes: u64): void {
  const program = programAt(id);
  program.pregrant = bytes;
  pregrantMemory(program);
}

/** The roottask's pointer to the page with the words of program `id`, 0 where it has none. */
export function wordsOf(id: u32): usize {
  return programAt(id).fileWords;
}

/** Bytes that the mediator of the program of the next line may hand out by itself. */
export function pregrantOfLine(): u64 {
  return startPregrant;
}

/** The registers in the UTCB of program `id`, interrupted in its mediator, become the program's. */
export function leave(id: u32): void {
  const thread = threadAt(id);
  if (inMediator(thread, thread.utcb.rip)) leaveMediator(thread, thread.utcb);
}

export function count(): u32 {
  return launched;
}

export function utcbOf(id: u32): usize {
  return changetype<usize>(threadAt(id).utcb);
}

export function stateOf(id: u32): u32 {
  return programAt(id).state;
}

export function statusOf(id: u32): u32 {
  return programAt(id).status;
}

export function stackOf(id: u32): u64 {
  return threadAt(id).entryRsp;
}

export function entryOf(id: u32): u64 {
  return threadAt(id).entryRip;
}

export function reap(id: u32): void {
  reportMissing(programAt(id));
  reapProgram(programAt(id));
}

/** A message about `what` of program `id`, to its first thread's handler. */
export function portal(id: u32, what: u32): void {
  handlePortal(((threadAt(id).slot as u64) << ID_SHIFT) | (what as u64));
}

/** The roottask's pointer to a byte of program `id`, 0 where it may not be used with `rights`. */
export function pointer(id: u32, address: u64, rights: u32): usize {
  return pointerTo(programAt(id).space, address, rights);
}

/** 0 where the areas of program `id` are as they have to be (area_check.ts). */
export function faultOfAreas(id: u32): u32 {
  return areaFault(programAt(id).space);
}

/** Writes up to `most` areas of program `id` to `to`, three u64 each; their number. */
export function areasOf(id: u32, to: usize, most: u32): u32 {
  return listAreas(programAt(id).space, to, most);
}

export function checkExecutable(file: usize, size: u32): u32 {
  return checkElf(changetype<Elf>(allocate(ELF_BYTES)), file, size);
}
