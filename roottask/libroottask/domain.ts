// Programs: a protection domain with its services, from its creation to the moment when nothing of it is
// left. A program ends when a thread of it says so, dies of a signal, or is its last one; its other threads
// are stopped wherever they are, and whoever waits for the program is told when all have ended.

import { CRD_OBJ, PAGE_SIZE, PERM_ALL, ROOT_SEL_PD, SUCCESS } from "../libhedron/abi";
import {
  createForeignPd,
  createPd,
  createSm,
  delegateRange,
  revoke,
  smDown,
  smUp,
} from "../libhedron/hypercalls";
import {
  SEL_ALLOCATE,
  SEL_EC,
  SEL_ECHO,
  SEL_EXIT,
  SEL_FILES,
  SEL_FOREIGN,
  SEL_PD,
  SEL_RAW_ECHO,
  SEL_SC,
  SEL_STDERR,
  SEL_STDOUT,
  SERVICES,
  UTCB_ADDRESS,
} from "../libhrstd/layout";
import { waitForAlarms } from "./alarms";
import { Space } from "./areas";
import { deadline } from "./clock";
import { endLine, sayText } from "./console";
import { actAsRoot } from "./credentials";
import { setAwaited, stuckAwaited } from "./deadlock";
import {
  copyFiles,
  destroyFiles,
  FILES_MAX,
  FILES_SOFT,
  filesAreShared,
  mayCopyFiles,
  newFiles,
  shareFiles,
} from "./descriptors";
import { copyFsState, dropFsState, FsState, newFsState } from "./fs_state";
import { release } from "./heap";
import { endServices } from "./idle";
import { enter, leave } from "./lock";
import { LOG_ERROR, lineAbout, MODULE_PROGRAMS } from "./log";
import { Mount } from "./mount";
import { dropMount, keepMount } from "./mount_users";
import { firstNamespace } from "./namespaces";

import {
  ABI_LINUX,
  firstProgram,
  freeProgramRecord,
  joinStarter,
  newProgramRecord,
  Program,
  SIGKILL,
  STATE_KILLED,
  STATE_RUNNING,
  Thread,
} from "./program";
import { dropRemains } from "./remains";
import { programDone, spaceDomain, THREAD_EC, THREAD_SC, THREAD_SERVICES } from "./selectors";
import { separateFiles, takeWindows } from "./shared_files";
import { block, destroySpace, newSpace } from "./space";
import { freeSpaceSlot, takeSpaceSlot } from "./space_slots";
import { standardInput, standardOutput } from "./standard_streams";
import {
  kickAll,
  newThread,
  prepareThread,
  releaseThread,
  retire,
  runThread,
  setFileState,
  THREAD_UTCBS,
  THREAD_UTCBS_END,
} from "./thread";
import { dispose, Node, root, rootMount, seeFrom } from "./tree";

/**
 * What a program's last threads get to arrive at their handlers, in nanoseconds. One that waits in the
 * kernel for something of its own (native and hybrid programs) never does.
 */
const GRACE: u64 = 1_000_000_000;

/** umask(2) of programs of the start file. */
const UMASK: u32 = 0o22;

const serviceSelectors = memory.data(7 * 8);

/** Makes `node`, found through `mount`, the file the program runs. */
export function setExecutable(program: Program, mount: Mount | null, node: Node): void {
  node.users++;
  keepMount(mount);
  node.executions++;
  dropExecutable(program);
  program.executable = node;
  program.executableMount = mount;
}

function dropExecutable(program: Program): void {
  const node = program.executable;
  const mount = program.executableMount;
  program.executable = null;
  program.executableMount = null;
  if (node === null) return;
  node.executions--;
  node.users--;
  dispose(node);
  dropMount(mount);
}

/**
 * A new program with a first thread, an empty space, its PD and the standard descriptors, or null when
 * memory, slots or kernel objects are out.
 */
export function newProgram(abi: u32, name: usize, nameLength: u32): Program | null {
  const program = newProgramRecord(null);
  if (program === null) return null;
  program.abi = abi;
  program.name = name;
  program.nameLength = nameLength;
  program.filesLimit = FILES_SOFT;
  program.fileLimit = ~(0 as u64);
  if (complete(program)) return program;
  reapProgram(program);
  return null;
}

function complete(program: Program): bool {
  joinStarter(program);
  const thread = newThread(program, null);
  if (thread === null) return false;
  const files = newFiles(standardInput(), standardOutput());
  if (!giveFileState(thread, files, newFsState(firstNamespace(), rootMount(), root(), UMASK)))
    return false;
  program.id = thread.id;
  const space = domainOf(program);
  if (space === null) return false;
  program.space = space;
  return createSm(programDone(program.slot), ROOT_SEL_PD, 0) === SUCCESS;
}

/** `thread` has `files` and `fs` from now on. False where one of them could not be made; what nobody else has goes. */
function giveFileState(thread: Thread, files: usize, fs: FsState | null): bool {
  if (files !== 0) shareFiles(files);
  if (fs !== null) fs.users++;
  const complete = files !== 0 && fs !== null;
  if (complete) setFileState(thread, files, fs as FsState);
  if (files !== 0) destroyFiles(files);
  if (fs !== null) dropFsState(fs);
  return complete;
}

/** Gives `thread` the open files, working directory and umask of `maker`: the same, or copies. False when memory is out. */
export function passFileState(
  thread: Thread,
  maker: Thread,
  sharesFiles: bool,
  sharesFs: bool,
): bool {
  const files = sharesFiles ? maker.files : copyFiles(maker.files);
  return giveFileState(thread, files, sharesFs ? maker.fs : copyFsState(maker.fs));
}

/** Makes the descriptor table of `thread` one that nobody else has. False when memory is out. */
export function ownFiles(thread: Thread): bool {
  if (!filesAreShared(thread.files)) return true;
  if (thread.program.alive > 1) separateFiles(thread.program);
  return giveFileState(thread, copyFiles(thread.files), thread.fs);
}

/** Nothing but memory keeps `ownFiles` from succeeding, where descriptors from `end` on need not be kept. */
export function mayOwnFiles(thread: Thread, end: u32 = FILES_MAX): bool {
  return !filesAreShared(thread.files) || mayCopyFiles(thread.files, end);
}

/** As `ownFiles` for its working directory and umask. */
export function ownFsState(thread: Thread): bool {
  if (thread.fs.users === 1) return true;
  return giveFileState(thread, thread.files, copyFsState(thread.fs));
}

/**
 * A child of the program of `maker` with a first thread, which has the open files, working directory and umask of
 * `maker`: copies, or the same ones; without a space. Null when memory, slots or kernel objects are out.
 */
export function newChild(maker: Thread, sharesFiles: bool, sharesFs: bool): Program | null {
  const parent = maker.program;
  const program = newProgramRecord(parent);
  if (program === null) return null;
  program.abi = parent.abi;
  program.mediated = parent.mediated;
  program.pregrant = parent.pregrant;
  program.name = parent.name;
  program.nameLength = parent.nameLength;
  program.filesLimit = parent.filesLimit;
  program.fileLimit = parent.fileLimit;
  program.group = parent.group;
  program.session = parent.session;
  program.terminal = parent.terminal;
  program.memoryScore = parent.memoryScore;
  program.leastMemoryScore = parent.leastMemoryScore;
  const executable = parent.executable;
  if (executable !== null) setExecutable(program, parent.executableMount, executable);
  const thread = newThread(program, maker);
  if (thread !== null && passFileState(thread, maker, sharesFiles, sharesFs)) {
    program.id = thread.id;
    if (createSm(programDone(program.slot), ROOT_SEL_PD, 0) === SUCCESS) return program;
  }
  reapProgram(program);
  return null;
}

/** A space with its PD for `program`, nothing in it but what is kept for UTCBs; null when memory is out. */
export function domainOf(program: Program): Space | null {
  const slot = takeSpaceSlot();
  if (slot === 0) return null;
  const space = newSpace(slot, spaceDomain(slot));
  if (space === null) {
    freeSpaceSlot(slot);
    return null;
  }
  if (fillDomain(program, space)) return space;
  destroySpace(space);
  return null;
}

function fillDomain(program: Program, space: Space): bool {
  if (block(space, UTCB_ADDRESS, UTCB_ADDRESS + (PAGE_SIZE as u64)) !== 0) return false;
  if (block(space, THREAD_UTCBS, THREAD_UTCBS_END) !== 0) return false;
  const status =
    program.abi === ABI_LINUX
      ? createForeignPd(space.pd, ROOT_SEL_PD, SEL_FOREIGN)
      : createPd(space.pd, ROOT_SEL_PD);
  return status === SUCCESS;
}

function give(program: Program, from: u64, to: u64): u64 {
  return delegateRange(ROOT_SEL_PD, program.space.pd, CRD_OBJ, from, to, 0, PERM_ALL, 0);
}

/** Gives `program` the services that `thread`, its first one, handles. Returns the kernel's status. */
export function giveServices(program: Program, thread: Thread): u64 {
  store<u64>(serviceSelectors, SEL_STDOUT);
  store<u64>(serviceSelectors + 8, SEL_STDERR);
  store<u64>(serviceSelectors + 16, SEL_ALLOCATE);
  store<u64>(serviceSelectors + 24, SEL_FILES);
  store<u64>(serviceSelectors + 32, SEL_ECHO);
  store<u64>(serviceSelectors + 40, SEL_RAW_ECHO);
  store<u64>(serviceSelectors + 48, SEL_EXIT);
  const first = thread.block + THREAD_SERVICES;
  for (let service: u32 = 0; service < SERVICES; service++) {
    const selector = load<u64>(serviceSelectors + service * 8);
    const status = give(program, first + (service as u64), selector);
    if (status !== SUCCESS) return status;
  }
  return SUCCESS;
}

/** Gives the program of `thread`, its first one, which runs, what that consists of. Returns the kernel's status. */
export function giveFirstObjects(thread: Thread): u64 {
  const program = thread.program;
  return (
    give(program, thread.block + THREAD_EC, SEL_EC) |
    give(program, thread.block + THREAD_SC, SEL_SC)
  );
}

/** Lets a loaded program run. Returns the kernel's status. */
export function startProgram(program: Program): u64 {
  const thread = program.threads as Thread;
  let status = giveServices(program, thread);
  if (status !== SUCCESS) return status;
  status = prepareThread(thread, UTCB_ADDRESS);
  if (status !== SUCCESS) return status;
  status =
    give(program, program.space.pd, SEL_PD) | give(program, thread.block + THREAD_EC, SEL_EC);
  if (status !== SUCCESS) return status;
  program.state = STATE_RUNNING;
  status = runThread(thread);
  return status === SUCCESS ? give(program, thread.block + THREAD_SC, SEL_SC) : status;
}

/** Makes the threads of `program` but `except` end. */
function stop(program: Program, except: Thread | null, state: u32, status: u32): void {
  program.ending = 1;
  program.state = state;
  program.status = status;
  kickAll(program, except);
}

/** Ends the program of `thread`, called in its handler EC with the lock held. Does not return. */
export function endProgram(thread: Thread, state: u32, status: u32): void {
  const program = thread.program;
  stop(program, thread, state, status);
  if (program.alive > 1) smUp(programDone(program.slot));
  retire(thread);
}

/** Ends one thread; the last one ends the program, with its own status (synchronize_group_exit() of Linux). Does not return. */
export function endThread(thread: Thread, status: u32): void {
  const program = thread.program;
  if (program.alive === 1) program.status = status;
  retire(thread);
}

/** Ends a program whose threads wait, from outside. */
function giveUp(program: Program): void {
  lineAbout(program, LOG_ERROR, MODULE_PROGRAMS, "all threads wait for each other: ");
  sayText(program.name, program.nameLength);
  endLine();
  stop(program, null, STATE_KILLED, SIGKILL);
}

/**
 * Waits, called with the lock held, until no thread of `program` can run any more. Nothing is started meanwhile, so that
 * where everybody waits for somebody already it is ended.
 */
export function awaitEnd(program: Program): void {
  const done = programDone(program.slot);
  setAwaited(program);
  while (program.ending === 0) {
    if (stuckAwaited() !== null && !endServices()) giveUp(program);
    waitForAlarms(done);
  }
  setAwaited(null);
  const end = deadline(GRACE);
  let status: u64 = SUCCESS;
  while (program.alive !== 0 && status === SUCCESS) {
    leave();
    status = smDown(done, end);
    enter();
  }
  actAsRoot();
  seeFrom(rootMount(), root());
}

/** Makes `space` the one of `program`, with its pages for files. */
export function useSpace(program: Program, space: Space, entries: usize, words: usize): void {
  program.space = space;
  program.fileEntries = entries;
  program.fileWords = words;
}

/** Takes back what a program has but its record, which tells of its end; its threads have ended. */
export function releaseProgram(program: Program): void {
  if (changetype<usize>(program.space) !== 0) {
    takeWindows(program);
    destroySpace(program.space);
    const next = program.nextSpace;
    if (next !== null) {
      useSpace(program, next, program.nextEntries, program.nextWords);
      takeWindows(program);
      destroySpace(next);
      program.nextSpace = null;
    }
    program.space = changetype<Space>(0);
  }
  dropExecutable(program);
  program.ended = 1;
}

/** Takes back all a program has; its threads have ended, or never run, or are taken away now. */
export function reapProgram(program: Program): void {
  for (let thread = program.threads; thread !== null; thread = program.threads) {
    releaseThread(thread);
  }
  if (program.ended === 0) releaseProgram(program);
  revoke(CRD_OBJ, programDone(program.slot), 0);
  if (program.personality !== 0) release(program.personality, program.personalityBytes);
  program.personality = 0;
  dropRemains(program);
  freeProgramRecord(program);
}

/** Lets every thread of `program` come to its end, called with the lock held by none of them. */
export function killProgram(program: Program, status: u32): void {
  if (program.alive === 0) return;
  if (program.ending === 0) stop(program, null, STATE_KILLED, status);
  else kickAll(program, null);
  smUp(programDone(program.slot));
}

/** Ends and takes back all that descends from `entry`, which has ended, as a PID namespace ends with its process 1. */
export function endDescendants(entry: Program): void {
  let program = firstProgram();
  while (program !== null) {
    if (program.entry === entry) killProgram(program, SIGKILL);
    program = program.next;
  }
  program = firstProgram();
  while (program !== null) {
    if (program.entry === entry && program !== entry) {
      awaitEnd(program);
      reapProgram(program);
      program = firstProgram();
    } else {
      program = program.next;
    }
  }
}
