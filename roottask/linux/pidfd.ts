// Descriptors of processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), CLONE_PIDFD of clone(2), P_PIDFD of
// waitid(2). One is readable from the end of its process on, and means nobody when that has been waited for. Left out:
// descriptors of threads (PIDFD_THREAD).

import { Utcb } from "../libhedron/utcb";
import {
  ANONYMOUS_PIDFD,
  closeAnonymous,
  newAnonymousOperations,
  openAnonymous,
} from "../libroottask/anonymous_file";
import { fileAt, usableFileAt } from "../libroottask/descriptors";
import { EBADF, EINVAL, ENOMEM, EPERM, ESPIPE, ESRCH } from "../libroottask/errno";
import { create, destroy } from "../libroottask/heap";
import { O_CLOEXEC, O_NONBLOCK, OpenFile } from "../libroottask/open_file";
import { giveDescriptor } from "../libroottask/open_path";
import { meantId } from "../libroottask/pid_numbers";
import { POLLIN, POLLRDNORM } from "../libroottask/poll_events";
import { isInit, Program, programWithId, sees, Thread, threadWithId } from "../libroottask/program";
import { threadOrRemains } from "../libroottask/remains";
import { Node } from "../libroottask/tree";
import { notify } from "../libroottask/watches";
import { mayInspect } from "./inspect";
import { fillSender, isForged, readInfoOf, sendInfo } from "./signal_calls";
import { SI_USER } from "./signal_queue";

@unmanaged
class ProcessFile {
  node: Node;
  /** The process, or null when it has been waited for. */
  program: Program | null;
  /** Next of those that mean the same process. */
  next: ProcessFile | null;
}

const storage = memory.data(64);

function processFileOf(file: OpenFile): ProcessFile {
  return changetype<ProcessFile>(file.node.object);
}

/** `file` is a descriptor of a process. */
export function isProcessFile(file: OpenFile): bool {
  return changetype<usize>(file.operations) === storage;
}

/** The process that `file`, which is a descriptor of one, means, or null. */
export function processOf(file: OpenFile): Program | null {
  return processFileOf(file).program;
}

function firstOf(program: Program): ProcessFile | null {
  return changetype<ProcessFile | null>(program.processFiles);
}

function openProcessFile(program: Program, flags: u32): OpenFile | null {
  const made = create<ProcessFile>();
  if (made === null) return null;
  const file = openAnonymous(storage, flags);
  if (file === null) {
    destroy<ProcessFile>(made);
    return null;
  }
  made.node = file.node;
  made.program = program;
  made.next = firstOf(program);
  program.processFiles = changetype<usize>(made);
  file.node.object = changetype<usize>(made);
  return file;
}

/** Gives the calling program a descriptor of `process`: it, which closes on exec, or a negative error. */
export function giveProcessFile(caller: Program, process: Program, flags: u32): i64 {
  const file = openProcessFile(process, flags);
  return file === null ? -ENOMEM : giveDescriptor(caller, file, O_CLOEXEC);
}

function release(file: OpenFile): void {
  const made = processFileOf(file);
  const program = made.program;
  if (program !== null) {
    if (firstOf(program) === made) {
      program.processFiles = changetype<usize>(made.next);
    } else {
      let at = firstOf(program) as ProcessFile;
      while (at.next !== made) at = at.next as ProcessFile;
      at.next = made.next;
    }
  }
  destroy<ProcessFile>(made);
  closeAnonymous(file);
}

/** `program` has ended: its descriptors are readable. */
export function processFilesEnd(program: Program): void {
  let at = firstOf(program);
  while (at !== null) {
    notify(at.node, POLLIN | POLLRDNORM);
    at = at.next;
  }
}

/** The record of `program` is about to go: its descriptors mean nobody. */
export function forgetProcessFiles(program: Program): void {
  const forget = forgetDirectory;
  forget(program);
  let at = firstOf(program);
  program.processFiles = 0;
  while (at !== null) {
    const next: ProcessFile | null = at.next;
    at.program = null;
    at.next = null;
    notify(at.node, POLLIN | POLLRDNORM);
    at = next;
  }
}

function poll(file: OpenFile): u32 {
  const program = processFileOf(file).program;
  if (program !== null && isInit(program)) return 0;
  return program === null || (program.alive === 0 && program.closing === 0)
    ? POLLIN | POLLRDNORM
    : 0;
}

function seekNever(_file: OpenFile, _offset: i64, _whence: u32): i64 {
  return -ESPIPE;
}

/** Must be called before a program is started. */
export function initProcessFiles(): void {
  const operations = newAnonymousOperations(storage, ANONYMOUS_PIDFD);
  operations.seek = seekNever;
  operations.poll = poll;
  operations.release = release;
}

/** pidfd_open(pid, flags). */
export function sysPidfdOpen(program: Program, regs: Utcb): i64 {
  const id = regs.rdi as i32;
  const flags = regs.rsi as u32;
  if ((flags & ~O_NONBLOCK) !== 0 || id <= 0) return -EINVAL;
  const meant = meantId(id as u32);
  const process = programWithId(meant);
  if (process !== null && sees(program, process)) {
    return giveProcessFile(program, process, flags);
  }
  const thread = threadWithId(meant);
  return thread !== null && sees(program, thread.program) ? -EINVAL : -ESRCH;
}

/** Result of `findProcess`: the process, or null when it has been waited for. */
let found: Program | null = null;

/** Finds what descriptor `fd` means. Returns 0 or -EBADF. */
function findProcess(thread: Thread, fd: u64): i64 {
  const file = usableFileAt(thread.files, fd);
  if (file === null || !isProcessFile(file)) return -EBADF;
  found = processOf(file);
  return 0;
}

/** The process that a directory of /proc is about; null where it has gone. */
export type AboutProcess = (node: Node) => Program | null;

function aboutNobody(_node: Node): Program | null {
  return null;
}

let aboutProcess: AboutProcess = aboutNobody;
export type ProcessGone = (program: Program) => void;

function forgetNothing(_program: Program): void {}

let forgetDirectory: ProcessGone = forgetNothing;
let processDirectory: usize = 0;

/** `about` is asked about directories of /proc, which have `refresh`; `forget` is told of processes that are about to go. */
export function setProcessDirectories(
  about: AboutProcess,
  forget: ProcessGone,
  refresh: usize,
): void {
  aboutProcess = about;
  forgetDirectory = forget;
  processDirectory = refresh;
}

/** As `findProcess`, for signals: a directory of /proc about a process means it, too. */
function findReceiver(thread: Thread, fd: u64): i64 {
  const file = usableFileAt(thread.files, fd);
  const directory =
    file !== null && processDirectory !== 0 && file.node.refresh === processDirectory;
  if (file === null || !directory) return findProcess(thread, fd);
  found = aboutProcess(file.node);
  return 0;
}

/** pidfd_send_signal(pidfd, signal, info, flags). */
export function sysPidfdSendSignal(thread: Thread, regs: Utcb): i64 {
  if ((regs.r10 as u32) !== 0) return -EINVAL;
  const error = findReceiver(thread, regs.rdi);
  if (error !== 0) return error;
  const process = found;
  const signal = regs.rsi & 0xffff_ffff;
  if (process !== null && !sees(thread.program, process)) return -EINVAL;
  if (regs.rdx === 0) {
    fillSender(thread, process === null ? thread.program : process, signal, SI_USER);
  } else {
    const wrong = readInfoOf(thread, regs.rdx, signal);
    if (wrong !== 0) return wrong;
    const own = process === thread.program && thread.id === thread.program.id;
    if (isForged() && !own) return -EPERM;
  }
  return process === null ? -ESRCH : sendInfo(thread, process, null, signal);
}

/** pidfd_getfd(pidfd, fd, flags): a descriptor for what descriptor `fd` of the process is. */
export function sysPidfdGetfd(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdx as u32) !== 0) return -EINVAL;
  const error = findProcess(thread, regs.rdi);
  if (error !== 0) return error;
  const process = found;
  if (process === null) return -ESRCH;
  const target = threadOrRemains(process.id);
  if (target === null) return -ESRCH;
  if (!mayInspect(thread, target)) return -EPERM;
  if (target.files === 0) return -EBADF;
  const file = fileAt(target.files, regs.rsi);
  if (file === null) return -EBADF;
  file.users++;
  return giveDescriptor(thread.program, file, O_CLOEXEC);
}
