// execve(2), execveat(2). The new space is made whole beside the old one, so that what can fail fails while the program
// can be told. Scripts with `#!` as fs/binfmt_script.c reads them.

import { SUCCESS } from "../libhedron/abi";
import { reply } from "../libhedron/hypercalls";
import { Utcb } from "../libhedron/utcb";
import { STACK_TOP } from "../libhrstd/layout";
import { Space } from "../libroottask/areas";
import { Credentials, dropCredentials } from "../libroottask/credentials";
import { closeForExec } from "../libroottask/descriptors";
import {
  domainOf,
  endProgram,
  ownFiles,
  setExecutable,
  startProgram,
  useSpace,
} from "../libroottask/domain";
import { ELF_OK, firstInstruction } from "../libroottask/elf";
import {
  E2BIG,
  EAGAIN,
  EFAULT,
  EINVAL,
  ELOOP,
  ENOENT,
  ENOEXEC,
  ENOMEM,
} from "../libroottask/errno";
import { IN_ACCESS, IN_CLOSE_NOWRITE, IN_OPEN, noteFile } from "../libroottask/file_events";
import { copyContents } from "../libroottask/file_pages";
import { leave } from "../libroottask/lock";
import { giveMediator, giveVdso } from "../libroottask/mediator";
import { Mount } from "../libroottask/mount";
import { Program, STATE_KILLED, Thread, takeLeaderId } from "../libroottask/program";
import { dropRemains } from "../libroottask/remains";
import { RFLAGS_FIXED } from "../libroottask/rflags";
import { closeProgramWindows, takeWindows } from "../libroottask/shared_files";
import { destroySpace, get64, got, textLength } from "../libroottask/space";
import { detachThread, dismiss, endOtherThreads } from "../libroottask/thread";
import { Entry, Node, walk, walkEntry, walkMount, walkNode } from "../libroottask/tree";
import {
  becomeExecuted,
  executedCredentials,
  executesSecurely,
  executionError,
} from "./credentials";
import { closeImage, elf, findElf, loadImage, mayExecute } from "./image";
import { executeKeys } from "./keys/rings";
import { RLIMIT_STACK } from "./limit_numbers";
import { pregrantMemory } from "./limits";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  base,
  baseEntry,
  baseMount,
  nodeOrDescriptor,
  path,
  readPath,
} from "./lookup";
import { renameMaker } from "./makers";
import { mayExpand, stackLimit, textsLimit } from "./memory_limits";
import { enterTimes } from "./namespaces/time";
import { mayExecuteMore } from "./process_limit";
import { takeLeadersPlace, tellExecuted } from "./ptrace/tracing";
import { leaveMemory } from "./robust";
import { ownActions, resetActions } from "./signal_actions";
import { giveSignalCode } from "./signal_frame";
import { SIGKILL, SIGSEGV } from "./signal_numbers";
import { beginStack, endStack, pushFrom, pushText, setIds, TEXT_MAX } from "./stack";
import { LinuxThread, linuxThread, NAME_BYTES, softLimit } from "./state";
import { removeTimers } from "./timers";

/** Entries of a vector that are looked at: more do not fit into any stack. */
const ENTRIES_MAX: u64 = 1 << 20;
/** Bytes of a script that are looked at, and how many lead to each other. */
const LINE_MAX: u32 = 256;
const SCRIPTS_MAX: u32 = 5;

const SPACE: u8 = 32;
const TAB: u8 = 9;
const NEWLINE: u8 = 10;
const SLASH: u8 = 47;

/** Words in front of the arguments, from the last to the first: address and length of each. */
const words = memory.data(128);
let wordCount: u32 = 0;
const emptyText = memory.data(8);

function addWord(text: usize, length: u32): void {
  store<usize>(words + wordCount * 8, text);
  store<u32>(words + wordCount * 8 + 4, length);
  wordCount++;
}

function isBlank(value: u8): bool {
  return value === SPACE || value === TAB;
}

/** The first line of each script; words lie there. */
const lines = memory.data(1280);
/** The first two bytes of a file. */
const mark = memory.data(8);

/** The interpreter that script `file`, the one at `depth`, names and its argument become words. Returns 0 or -ENOEXEC. */
function readScript(file: Node, depth: u32): i64 {
  const text = lines + depth * LINE_MAX;
  const limit = min<u64>(file.size, LINE_MAX as u64) as u32;
  copyContents(file, 0, text, limit);
  let end: u32 = 2;
  while (end < limit && load<u8>(text + end) !== NEWLINE && load<u8>(text + end) !== 0) end++;
  const cut = end === limit && file.size > (limit as u64);
  while (end > 2 && isBlank(load<u8>(text + end - 1))) end--;
  let start: u32 = 2;
  while (start < end && isBlank(load<u8>(text + start))) start++;
  if (start === end) return -ENOEXEC;
  let stop = start;
  while (stop < end && !isBlank(load<u8>(text + stop))) stop++;
  // A name that may go on behind what is looked at.
  if (cut && stop === end) return -ENOEXEC;
  let argument = stop;
  while (argument < end && isBlank(load<u8>(text + argument))) argument++;
  if (argument < end) addWord(text + argument, end - argument);
  addWord(text + start, stop - start);
  return 0;
}

function isScript(file: Node): bool {
  if (file.size <= 2) return false;
  copyContents(file, 0, mark, 2);
  return load<u8>(mark) === 35 && load<u8>(mark + 1) === 33;
}

/** Those who watch `file` see that it is opened and read. */
function noteExecuted(file: Node, entry: Entry | null): void {
  noteFile(file, entry, IN_OPEN);
  noteFile(file, entry, IN_ACCESS);
  noteFile(file, entry, IN_CLOSE_NOWRITE);
}

/** The file that is loaded in the end. */
let image: Node = changetype<Node>(0);
let imageMount: Mount | null = null;

/** Follows scripts from `file`, named by `length` bytes in `path`, to an executable. Returns 0 or a negative error. */
function findImage(program: Program, file: Node, length: u32): i64 {
  wordCount = 0;
  image = file;
  imageMount = baseMount;
  for (let depth: u32 = 0; ; depth++) {
    const error = mayExecute(imageMount, image);
    if (error !== 0) return error;
    noteExecuted(image, depth === 0 ? baseEntry : walkEntry);
    if (!isScript(image)) break;
    if (depth === SCRIPTS_MAX) return -ELOOP;
    if (depth === 0) addWord(path, length);
    const wrong = readScript(image, depth);
    if (wrong !== 0) return wrong;
    const name = words + (wordCount - 1) * 8;
    const lost = walk(
      program.directoryMount,
      program.directory,
      load<usize>(name),
      load<u32>(name + 4),
      true,
    );
    if (lost !== 0) return lost;
    if (walkNode === null) return -ENOENT;
    image = walkNode as Node;
    imageMount = walkMount;
  }
  return findElf(program, image);
}

/** Entries of the vector at `address` up to its 0, or a negative error. */
function vectorLength(space: Space, address: u64): i64 {
  if (address === 0) return 0;
  for (let count: u64 = 0; count < ENTRIES_MAX; count++) {
    if (!get64(space, address + count * 8)) return -EFAULT;
    if (got === 0) return count as i64;
  }
  return -E2BIG;
}

/** Bytes that may still be pushed. */
let room: u64 = 0;

/** Pushes the strings of entries [first, count) of the vector at `address`. Returns 0 or a negative error. */
function pushVector(space: Space, address: u64, first: u64, count: u64): i64 {
  for (let i = count; i > first; i--) {
    if (!get64(space, address + (i - 1) * 8)) return -EFAULT;
    const text = got;
    const length = textLength(space, text, TEXT_MAX);
    if (length === -1) return -EFAULT;
    const bytes = (length as u64) + 9;
    if (length < 0 || bytes > room) return -E2BIG;
    room -= bytes;
    if (!pushFrom(space, text, length as u32)) return -EFAULT;
  }
  return 0;
}

/** Where the program begins. */
let entryStack: u64 = 0;

/** Builds the stack of the space of `program` from the vectors at `argv` and `envp` of `from`. */
function fillStack(
  program: Program,
  from: Space,
  length: u32,
  argv: u64,
  envp: u64,
  vdso: u64,
): i64 {
  const variables = vectorLength(from, envp);
  const given = vectorLength(from, argv);
  if (variables < 0) return variables;
  if (given < 0) return given;
  beginStack(program.space, STACK_TOP);
  const file = pushText(path, length);
  room = textsLimit(program);
  let error = pushVector(from, envp, 0, variables as u64);
  const first: u64 = wordCount === 0 ? 0 : 1;
  if (error === 0) error = pushVector(from, argv, first, max<i64>(given, first as i64) as u64);
  if (error !== 0) return error;
  // Linux gives a program that has no arguments an empty one.
  let count = max<i64>(given - (first as i64), 0) as u32;
  if (wordCount === 0 && given === 0) {
    pushText(emptyText, 0);
    count = 1;
  }
  for (let i: u32 = 0; i < wordCount; i++) {
    pushText(load<usize>(words + i * 8), load<u32>(words + i * 8 + 4));
  }
  entryStack = endStack(elf, count + wordCount, variables as u32, file, vdso);
  return entryStack === 0 ? -ENOMEM : 0;
}

/** Loads the image and its stack into the new space of `program`. */
function fillSpace(program: Program, from: Space, length: u32, argv: u64, envp: u64): i64 {
  if (!giveSignalCode(program) || !giveMediator(program)) return -ENOMEM;
  const vdso = giveVdso(program);
  const size = stackLimit(program);
  if (loadImage(program.space, STACK_TOP, size, imageMount, image) !== ELF_OK) return -ENOMEM;
  program.space.growthLimit = softLimit(program, RLIMIT_STACK);
  return fillStack(program, from, length, argv, envp, vdso);
}

/** Makes the next space of `program` ready. Returns 0 or a negative error. */
function makeSpace(program: Program, length: u32, argv: u64, envp: u64): i64 {
  const space = domainOf(program);
  if (space === null) return -ENOMEM;
  const old = program.space;
  const entries = program.fileEntries;
  const fileWords = program.fileWords;
  useSpace(program, space, 0, 0);
  const error = fillSpace(program, old, length, argv, envp);
  if (error === 0) {
    program.nextSpace = space;
    program.nextEntries = program.fileEntries;
    program.nextWords = program.fileWords;
  } else {
    takeWindows(program);
    destroySpace(space);
  }
  useSpace(program, old, entries, fileWords);
  return error;
}

/** The last name of the path is the thread's. */
function nameThread(thread: Thread, length: u32): void {
  let start = length;
  while (start > 0 && load<u8>(path + start - 1) !== SLASH) start--;
  const own = linuxThread(thread);
  const name = changetype<usize>(own) + offsetof<LinuxThread>("name0");
  memory.fill(name, 0, NAME_BYTES);
  memory.copy(name, path + start, min<u32>(length - start, NAME_BYTES - 1));
}

/** The program of `thread`, whose next space is ready, begins there. Does not return. */
function enterImage(
  thread: Thread,
  entry: u64,
  stack: u64,
  credentials: Credentials,
  secure: bool,
): void {
  const program = thread.program;
  leaveMemory(thread);
  detachThread(thread);
  takeWindows(program);
  destroySpace(program.space);
  useSpace(program, program.nextSpace as Space, program.nextEntries, program.nextWords);
  program.nextSpace = null;
  enterTimes(thread);
  const own = linuxThread(thread);
  own.fsBase = 0;
  own.gsBase = 0;
  own.stackBase = 0;
  own.stackSize = 0;
  const owned = ownFiles(thread) && ownActions(program);
  if (owned) resetActions(program);
  removeTimers(program, false);
  executeKeys(thread);
  becomeExecuted(thread, credentials, secure);
  program.replaced = 1;
  pregrantMemory(program);
  memory.fill(thread.registers, 0, offsetof<Utcb>());
  thread.entryRip = entry;
  thread.entryRsp = stack;
  thread.entryFlags = RFLAGS_FIXED;
  program.separateFiles = 0;
  if (owned) closeForExec(thread.files);
  // What Linux finds out when there is no way back.
  if (!mayExpand(program, 1, 1)) endProgram(thread, STATE_KILLED, SIGSEGV);
  if (!owned || startProgram(program) !== SUCCESS) endProgram(thread, STATE_KILLED, SIGKILL);
  dismiss(thread);
  leave();
  while (true) reply();
}

/** Whom the program that has been made ready acts as. */
let acting: Credentials = changetype<Credentials>(0);

/** Makes ready what `file` is, all but what cannot be undone. Returns 0, with `acting` set, or a negative error. */
function makeReady(thread: Thread, file: Node, length: u32, argv: u64, envp: u64): i64 {
  const program = thread.program;
  const wrong = findImage(program, file, length);
  if (wrong !== 0) return wrong;
  const credentials = executedCredentials(thread, imageMount, image);
  if (credentials === null) return executionError;
  closeProgramWindows(program);
  setIds(credentials, executesSecurely);
  const error = makeSpace(program, length, argv, envp);
  if (error !== 0) dropCredentials(credentials);
  else acting = credentials;
  return error;
}

function execute(thread: Thread, file: Node, length: u32, argv: u64, envp: u64): i64 {
  const program = thread.program;
  const error = makeReady(thread, file, length, argv, envp);
  closeImage();
  if (error !== 0) return error;
  // Others may execute programs while this waits for threads to end.
  const own = acting;
  const secure = executesSecurely;
  const entry = firstInstruction(elf);
  const stack = entryStack;
  nameThread(thread, length);
  setExecutable(program, imageMount, image);
  endOtherThreads(thread);
  tellExecuted(thread, thread.id);
  if (thread.id !== program.id) {
    renameMaker(program, thread.id, program.id);
    takeLeaderId(thread);
    takeLeadersPlace(thread);
    dropRemains(program);
  }
  enterImage(thread, entry, stack, own, secure);
  return 0;
}

/** execve(path, arguments, environment). */
export function sysExecve(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const length = readPath(program, path, regs.rdi);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  if (!mayExecuteMore(thread)) return -EAGAIN;
  const error = nodeOrDescriptor(program, AT_FDCWD, regs.rdi, 0);
  if (error !== 0) return error;
  return execute(thread, base, length as u32, regs.rsi, regs.rdx);
}

/** execveat(directory, path, arguments, environment, flags). */
export function sysExecveat(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const flags = regs.r8 & 0xffff_ffff;
  const length = readPath(program, path, regs.rsi);
  if (length < 0) return length;
  if (length === 0 && (flags & AT_EMPTY_PATH) === 0) return -ENOENT;
  if (!mayExecuteMore(thread)) return -EAGAIN;
  if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) !== 0) return -EINVAL;
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, flags);
  if (error !== 0) return error;
  return execute(thread, base, length as u32, regs.rdx, regs.r10);
}
