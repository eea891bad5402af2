// Signals as what a descriptor gives to read: signalfd(2). Whoever looks at the descriptor or reads from it sees the
// signals of its own, whoever has made it.

import { Utcb } from "../libhedron/utcb";
import {
  ANONYMOUS_SIGNALFD,
  closeAnonymous,
  newAnonymousOperations,
  openAnonymous,
} from "../libroottask/anonymous_file";
import { usableFileAt } from "../libroottask/descriptors";
import { EAGAIN, EBADF, EFAULT, EINTR, EINVAL, ENOMEM } from "../libroottask/errno";
import { create, destroy } from "../libroottask/heap";
import { O_CLOEXEC, O_NONBLOCK, OpenFile } from "../libroottask/open_file";
import { giveDescriptor } from "../libroottask/open_path";
import { POLLIN } from "../libroottask/poll_events";
import { currentThread, Program, Thread } from "../libroottask/program";
import { waitAt } from "../libroottask/readiness";
import { get64, got } from "../libroottask/space";
import { fillBytes, Transfer } from "../libroottask/transfer";
import { Node } from "../libroottask/tree";
import { notify, READABLE } from "../libroottask/watches";
import { SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGIO, SIGSEGV, SIGSYS, SIGTRAP } from "./signal_numbers";
import {
  INFO_ADDRESS,
  INFO_CODE,
  INFO_PID,
  INFO_STATUS,
  INFO_UID,
  INFO_VALUE,
  pendingOf,
  SI_KERNEL,
  SI_TIMER,
  SI_USER,
  signalBit,
  signalInfo,
  takeSignal,
  UNBLOCKABLE,
} from "./signal_queue";

const SET_BYTES: u64 = 8;
const NEW: i32 = -1;

/** struct signalfd_siginfo (include/uapi/linux/signalfd.h). */
const BYTES: u32 = 128;
const PID: usize = 12;
const UID: usize = 16;
const FD: usize = 20;
const TID: usize = 24;
const BAND: usize = 28;
const OVERRUN: usize = 32;
const STATUS: usize = 40;
const INT: usize = 44;
const PTR: usize = 48;
const ADDRESS: usize = 72;
const SYSCALL: usize = 84;
const CALL_ADDRESS: usize = 88;
const ARCHITECTURE: usize = 96;

/** Of a siginfo_t that tells of a system call, or of a descriptor. */
const INFO_SYSCALL: usize = 24;
const INFO_ARCHITECTURE: usize = 28;
const INFO_BAND: usize = 16;
const INFO_FD: usize = 24;

@unmanaged
class SignalFile {
  node: Node;
  /** Signals that can be read from it. */
  mask: u64;
  previous: SignalFile | null;
  next: SignalFile | null;
}

const storage = memory.data(64);
const told = memory.data(128);

/** All that are open. */
let files: SignalFile | null = null;

export function isSignalFile(file: OpenFile): bool {
  return changetype<usize>(file.operations) === storage;
}

/** Signals that can be read from it. */
export function maskOf(file: OpenFile): u64 {
  return signalFileOf(file).mask;
}

function signalFileOf(file: OpenFile): SignalFile {
  return changetype<SignalFile>(file.node.object);
}

/** `signal` has been sent to somebody. */
export function tellSignalFiles(signal: u32): void {
  let at = files;
  while (at !== null) {
    if ((at.mask & signalBit(signal)) !== 0) notify(at.node, POLLIN);
    at = at.next;
  }
}

/** An open file from which the signals of `mask` can be read; null when memory is out. */
function openSignalFile(mask: u64, flags: u32): OpenFile | null {
  const made = create<SignalFile>();
  if (made === null) return null;
  const file = openAnonymous(storage, flags);
  if (file === null) {
    destroy<SignalFile>(made);
    return null;
  }
  made.node = file.node;
  made.mask = mask;
  const first = files;
  made.next = first;
  if (first !== null) first.previous = made;
  files = made;
  file.node.object = changetype<usize>(made);
  return file;
}

function release(file: OpenFile): void {
  const made = signalFileOf(file);
  const previous = made.previous;
  const next = made.next;
  if (previous === null) files = next;
  else previous.next = next;
  if (next !== null) next.previous = previous;
  destroy<SignalFile>(made);
  closeAnonymous(file);
}

function isFault(signal: u32): bool {
  switch (signal) {
    case SIGILL:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGTRAP:
      return true;
    default:
      return false;
  }
}

function copyWord(to: usize, from: usize): void {
  store<u32>(told + to, load<u32>(signalInfo + from));
}

/** What the kernel has to say of `signal` itself. */
function fillFromKernel(signal: u32): void {
  if (isFault(signal)) {
    store<u64>(told + ADDRESS, load<u64>(signalInfo + INFO_ADDRESS));
  } else if (signal === SIGSYS) {
    store<u64>(told + CALL_ADDRESS, load<u64>(signalInfo + INFO_ADDRESS));
    copyWord(SYSCALL, INFO_SYSCALL);
    copyWord(ARCHITECTURE, INFO_ARCHITECTURE);
  } else if (signal === SIGIO) {
    copyWord(BAND, INFO_BAND);
    copyWord(FD, INFO_FD);
  } else {
    copyWord(PID, INFO_PID);
    copyWord(UID, INFO_UID);
    if (signal === SIGCHLD) copyWord(STATUS, INFO_STATUS);
  }
}

/** Makes `told` of `signalInfo`. */
function fillTold(signal: u32): void {
  const code = load<i32>(signalInfo + INFO_CODE);
  memory.fill(told, 0, BYTES);
  memory.copy(told, signalInfo, 12);
  if (code > SI_USER && code < SI_KERNEL) {
    fillFromKernel(signal);
    return;
  }
  copyWord(code === SI_TIMER ? TID : PID, INFO_PID);
  copyWord(code === SI_TIMER ? OVERRUN : UID, INFO_UID);
  if (code >= 0) return;
  store<u64>(told + PTR, load<u64>(signalInfo + INFO_VALUE));
  copyWord(INT, INFO_VALUE);
}

/** Waits for a signal where none is there, unless the descriptor does not block. Returns it, or a negative error. */
function nextSignal(thread: Thread, file: OpenFile): i64 {
  let signal = takeSignal(thread, signalFileOf(file).mask);
  while (signal === 0) {
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    if (!waitAt(thread, file.node, READABLE)) return -EINTR;
    signal = takeSignal(thread, signalFileOf(file).mask);
  }
  return signal as i64;
}

/** As many signals as there are and as fit; waits for the first alone. */
function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  if (transfer.left < (BYTES as u64)) return -EINVAL;
  let signal = nextSignal(thread, file);
  if (signal < 0) return signal;
  let bytes: i64 = 0;
  while (signal > 0) {
    fillTold(signal as u32);
    if (fillBytes(transfer, told, BYTES) !== BYTES) return bytes === 0 ? -EFAULT : bytes;
    bytes += BYTES as i64;
    if (transfer.left < (BYTES as u64)) break;
    signal = takeSignal(thread, signalFileOf(file).mask) as i64;
  }
  return bytes;
}

function poll(file: OpenFile): u32 {
  return (pendingOf(currentThread()) & signalFileOf(file).mask) !== 0 ? POLLIN : 0;
}

/** Must be called before a program is started. */
export function initSignalFiles(): void {
  files = null;
  const operations = newAnonymousOperations(storage, ANONYMOUS_SIGNALFD);
  operations.read = read;
  operations.poll = poll;
  operations.release = release;
}

/** Makes a descriptor, or gives the one that is there another mask. */
function signalfd(program: Program, regs: Utcb, flags: u32): i64 {
  if (regs.rdx !== SET_BYTES) return -EINVAL;
  if (!get64(program.space, regs.rsi)) return -EFAULT;
  const mask = got & ~UNBLOCKABLE;
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  if ((regs.rdi as i32) === NEW) {
    const file = openSignalFile(mask, flags & O_NONBLOCK);
    return file === null ? -ENOMEM : giveDescriptor(program, file, flags);
  }
  const file = usableFileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  if (!isSignalFile(file)) return -EINVAL;
  signalFileOf(file).mask = mask;
  notify(file.node, POLLIN);
  return regs.rdi as i64;
}

/** signalfd(fd, mask, size). */
export function sysSignalfd(program: Program, regs: Utcb): i64 {
  return signalfd(program, regs, 0);
}

/** signalfd4(fd, mask, size, flags). */
export function sysSignalfd4(program: Program, regs: Utcb): i64 {
  return signalfd(program, regs, regs.r10 as u32);
}
