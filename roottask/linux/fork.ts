// New processes: fork(2), vfork(2) and clone(2) without CLONE_THREAD. A child has the pages of its parent
// until one of them writes (libroottask/space.ts, copySpace), or runs in its memory where CLONE_VM says so. Left out:
// namespaces, process descriptors, and sharing of directory, umask or signal actions between processes (CLONE_FS,
// CLONE_SIGHAND), which are refused with EINVAL.

import { SUCCESS } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { domainOf, newChild, reapProgram, startProgram } from "../libroottask/domain";
import { EAGAIN, EFAULT, EINVAL, ENOMEM } from "../libroottask/errno";
import { giveMediator, giveTimePage } from "../libroottask/mediator";
import { grant, takeBack } from "../libroottask/pregrant";
import {
  Program,
  REGISTERS_BYTES,
  STATE_RUNNING,
  Thread,
  threadWithId,
} from "../libroottask/program";
import { copySpace, put32 } from "../libroottask/space";
import { startThread } from "../libroottask/thread";
import { wake } from "../libroottask/wait_queue";
import { shareUndos } from "./ipc/undo";
import { pregrantMemory } from "./limits";
import { giveSignalCode } from "./signal_frame";
import { SIGCHLD } from "./signal_numbers";
import {
  inheritProcessThread,
  inheritProgram,
  linuxProgram,
  linuxThread,
  resetActions,
  SIGNALS,
} from "./state";
import { waitForever } from "./wait";

const CSIGNAL: u64 = 0xff;
const CLONE_VM: u64 = 0x100;
const CLONE_FILES: u64 = 0x400;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_SYSVSEM: u64 = 0x4_0000;
const CLONE_SETTLS: u64 = 0x8_0000;
const CLONE_PARENT_SETTID: u64 = 0x10_0000;
const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
const CLONE_DETACHED: u64 = 0x40_0000;
const CLONE_UNTRACED: u64 = 0x80_0000;
const CLONE_CHILD_SETTID: u64 = 0x100_0000;
const CLONE_IO: u64 = 0x8000_0000;
const CLONE_CLEAR_SIGHAND: u64 = (1 as u64) << 32;
/** What is done, or asks for nothing here. */
const KNOWN: u64 =
  CLONE_VM |
  CLONE_FILES |
  CLONE_VFORK |
  CLONE_PARENT |
  CLONE_SYSVSEM |
  CLONE_SETTLS |
  CLONE_PARENT_SETTID |
  CLONE_CHILD_CLEARTID |
  CLONE_DETACHED |
  CLONE_UNTRACED |
  CLONE_CHILD_SETTID |
  CLONE_IO |
  CLONE_CLEAR_SIGHAND;

/** Key of the wait of a thread that lends its memory; the channel is the thread. */
const LENT: u64 = 1;

/** Gives `child` a copy of its parent's memory. False when memory is out. */
function copyMemory(child: Program, parent: Program): bool {
  const space = domainOf(child);
  if (space === null) return false;
  child.space = space;
  if (!giveSignalCode(child) || !giveMediator(child) || !giveTimePage(child)) return false;
  takeBack(parent.space);
  const copied = copySpace(parent.space, space);
  grant(parent.space);
  if (copied) pregrantMemory(child);
  return copied;
}

/** `child` needs memory of its parent's no more: lets the thread that waits for that go on, if there is one. */
export function returnMemory(child: Program): void {
  const lender = threadWithId(child.lender);
  child.lender = 0;
  if (lender === null || lender.lends !== child.id) return;
  lender.lends = 0;
  wake(changetype<usize>(lender), LENT, 1);
}

/** Fills in what the first thread of `child` begins with. Returns 0 or a negative error. */
function prepareChild(child: Program, parent: Thread, regs: Utcb, flags: u64, words: usize): i64 {
  const thread = child.threads as Thread;
  const own = linuxThread(thread);
  inheritProcessThread(thread, parent);
  const stack = load<u64>(words + 16);
  if ((flags & CLONE_SETTLS) !== 0) own.fsBase = load<u64>(words + 24);
  if ((flags & CLONE_CHILD_CLEARTID) !== 0) own.clearTid = load<u64>(words + 8);
  if ((flags & CLONE_PARENT_SETTID) !== 0) {
    if (!put32(parent.program.space, load<u64>(words), child.id)) return -EFAULT;
  }
  memory.copy(thread.registers, changetype<usize>(regs), REGISTERS_BYTES);
  changetype<Utcb>(thread.registers).rax = 0;
  thread.likeSlot = parent.slot;
  thread.entryRip = regs.rip;
  thread.entryRsp = stack === 0 ? regs.rsp : stack;
  return 0;
}

/** Gives `child` its memory and lets it run. Returns 0 or a negative error. */
function startChild(child: Program, parent: Thread, flags: u64, tid: u64): i64 {
  const thread = child.threads as Thread;
  if ((flags & CLONE_VM) !== 0) {
    child.space = parent.program.space;
    child.space.users++;
  } else if (!copyMemory(child, parent.program)) {
    return -ENOMEM;
  }
  if ((flags & CLONE_CHILD_SETTID) !== 0) put32(child.space, tid, child.id);
  child.state = STATE_RUNNING;
  const status =
    (flags & CLONE_VM) !== 0 ? startThread(thread, parent.program) : startProgram(child);
  return status === SUCCESS ? 0 : -EAGAIN;
}

/** Makes a process; `words` are the addresses of parent's and child's id, stack and thread-local base. */
function makeProcess(parent: Thread, regs: Utcb, flags: u64, signal: u32, words: usize): i64 {
  if ((flags & ~KNOWN) !== 0 || signal > SIGNALS) return -EINVAL;
  const child = newChild(parent.program, (flags & CLONE_FILES) !== 0);
  if (child === null) return -EAGAIN;
  child.exitSignal = signal;
  const grandparent = parent.program.parent;
  if ((flags & CLONE_PARENT) !== 0 && grandparent !== null) child.parent = grandparent;
  let error = inheritProgram(child, parent.program) ? 0 : -ENOMEM;
  if (error === 0) linuxProgram(child).maker = parent.id;
  if (error === 0 && (flags & CLONE_SYSVSEM) !== 0) {
    error = shareUndos(child, parent.program) ? 0 : -ENOMEM;
  }
  if (error === 0) error = prepareChild(child, parent, regs, flags, words);
  if (error === 0) error = startChild(child, parent, flags, load<u64>(words + 8));
  if (error !== 0) {
    reapProgram(child);
    return error;
  }
  if ((flags & CLONE_CLEAR_SIGHAND) !== 0) resetActions(child);
  const id = child.id;
  if ((flags & CLONE_VFORK) !== 0) {
    child.lender = parent.id;
    parent.lends = id;
    while (parent.lends === id) waitForever(parent, changetype<usize>(parent), LENT);
  }
  return id as i64;
}

/** clone(2) of a process: flags, stack, parent's id, child's id, thread-local base. */
export function cloneProcess(thread: Thread, regs: Utcb): i64 {
  const words = memory.data(32);
  store<u64>(words, regs.rdx);
  store<u64>(words + 8, regs.r10);
  store<u64>(words + 16, regs.rsi);
  store<u64>(words + 24, regs.r8);
  const flags = regs.rdi & 0xffff_ffff;
  return makeProcess(thread, regs, flags & ~CSIGNAL, (flags & CSIGNAL) as u32, words);
}

function noWords(): usize {
  const words = memory.data(32);
  memory.fill(words, 0, 32);
  return words;
}

/** fork(). */
export function sysFork(thread: Thread, regs: Utcb): i64 {
  return makeProcess(thread, regs, 0, SIGCHLD, noWords());
}

/** vfork(). */
export function sysVfork(thread: Thread, regs: Utcb): i64 {
  return makeProcess(thread, regs, CLONE_VM | CLONE_VFORK, SIGCHLD, noWords());
}
