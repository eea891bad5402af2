// Threads: clone(2) of a thread, its end, futex(2). Threads of a program share everything but registers,
// signal mask and UTCB; clone for a new process (fork, vfork) is refused. Priority inheritance and robust
// lists are left out.

import { MTD_FS_GS } from "../libhedron/abi";
import { smUp } from "../libhedron/hypercalls";
import { Utcb } from "../libhedron/utcb";
import { bootTime, deadline, monotonic } from "../libroottask/clock";
import { endLine, line, sayText } from "../libroottask/console";
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, ENOSYS, ETIMEDOUT } from "../libroottask/errno";
import {
  endProcess,
  endThread,
  newThread,
  Process,
  REGISTERS_BYTES,
  STATE_KILLED,
  startThread,
  WAIT_FUTEX,
  WAIT_FUTEX_FOREVER,
  WAIT_TIME,
} from "../libroottask/process";
import { BLOCK_SLEEP } from "../libroottask/selectors";
import { get32, got, put32 } from "../libroottask/space";
import { SIGKILL } from "./signals";
import { taskForThread, taskOf } from "./task";
import { suspend, timespec } from "./time";

const CLONE_THREAD: u64 = 0x1_0000;
const CLONE_SETTLS: u64 = 0x8_0000;
const CLONE_PARENT_SETTID: u64 = 0x10_0000;
const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
const CLONE_CHILD_SETTID: u64 = 0x100_0000;
/** VM, FS, FILES, SIGHAND: what threads share. */
const CLONE_SHARED: u64 = 0xf00;

const FUTEX_WAIT: u32 = 0;
const FUTEX_WAKE: u32 = 1;
const FUTEX_REQUEUE: u32 = 3;
const FUTEX_CMP_REQUEUE: u32 = 4;
const FUTEX_WAIT_BITSET: u32 = 9;
const FUTEX_WAKE_BITSET: u32 = 10;
const FUTEX_CLOCK_REALTIME: u32 = 256;
const FUTEX_COMMAND: u32 = 0x7f;
const ALL_BITS: u64 = 0xffff_ffff;
/** What sched_yield sleeps, in nanoseconds: enough for others to get the processor. */
const YIELD: u64 = 1000;

/** clone(flags, stack, parent's tid address, child's tid address, tls): the new thread's id. */
export function sysClone(process: Process, regs: Utcb): i64 {
  const flags = regs.rdi;
  if ((flags & CLONE_THREAD) === 0) return -ENOSYS;
  if ((flags & CLONE_SHARED) !== CLONE_SHARED || regs.rsi === 0) return -EINVAL;
  const thread = newThread(process.leader);
  if (thread === null) return -EAGAIN;
  const task = taskForThread(taskOf(process));
  if (task === null) return -ENOMEM;
  thread.personality = changetype<usize>(task);
  if ((flags & CLONE_SETTLS) !== 0) task.fsBase = regs.r8;
  if ((flags & CLONE_CHILD_CLEARTID) !== 0) task.clearTid = regs.r10;
  if ((flags & CLONE_PARENT_SETTID) !== 0 && !put32(process.space, regs.rdx, thread.id)) {
    return -EFAULT;
  }
  if ((flags & CLONE_CHILD_SETTID) !== 0 && !put32(process.space, regs.r10, thread.id)) {
    return -EFAULT;
  }
  memory.copy(thread.registers, changetype<usize>(regs), REGISTERS_BYTES);
  changetype<Utcb>(thread.registers).rax = 0;
  thread.entry = regs.rip;
  thread.stack = regs.rsi;
  return startThread(thread) === 0 ? (thread.id as i64) : -EAGAIN;
}

/** Adds the thread-local base to the first registers of a thread. */
export function linuxThread(process: Process): void {
  const task = taskOf(process);
  const regs = process.utcb;
  regs.fsBase = task.fsBase;
  regs.gsBase = task.gsBase;
  regs.mtd |= MTD_FS_GS;
}

/** Wakes up to `count` threads that wait for `address`; the number woken. */
function wake(process: Process, address: u64, count: u64): i64 {
  let woken: i64 = 0;
  let thread: Process | null = process.leader;
  while (thread !== null && (woken as u64) < count) {
    if (thread.waiting >= WAIT_FUTEX && thread.woken === 0 && thread.waitAddress === address) {
      thread.woken = 1;
      smUp(thread.block + BLOCK_SLEEP);
      woken++;
    }
    thread = thread.nextThread;
  }
  return woken;
}

/** Lets up to `count` threads that wait for `from` wait for `to`; the number moved. */
function requeue(process: Process, from: u64, to: u64, count: u64): i64 {
  let moved: i64 = 0;
  let thread: Process | null = process.leader;
  while (thread !== null && (moved as u64) < count) {
    if (thread.waiting >= WAIT_FUTEX && thread.woken === 0 && thread.waitAddress === from) {
      thread.waitAddress = to;
      moved++;
    }
    thread = thread.nextThread;
  }
  return moved;
}

/** Every thread of the program but `process` waits for a futex without a time limit. */
function othersStuck(process: Process): bool {
  let thread: Process | null = process.leader;
  while (thread !== null) {
    const stuck = thread.waiting === WAIT_FUTEX_FOREVER && thread.woken === 0;
    if (thread !== process && thread.dead === 0 && !stuck) return false;
    thread = thread.nextThread;
  }
  return true;
}

/** Linux would wait for ever; the roottask has other programs to run. */
function deadlock(process: Process): void {
  line("all threads wait for each other: ");
  sayText(process.name, process.nameLength);
  endLine();
  endProcess(process, STATE_KILLED, SIGKILL);
}

/** Waits for the futex at RDI until monotonic time `end` in nanoseconds, 0 for ever. */
function wait(process: Process, address: u64, end: u64): i64 {
  process.waitAddress = address;
  if (end === 0) {
    if (othersStuck(process)) deadlock(process);
    suspend(process, WAIT_FUTEX_FOREVER, 0);
  } else {
    const now = monotonic();
    if (end <= now) return -ETIMEDOUT;
    suspend(process, WAIT_FUTEX, deadline(end - now));
  }
  if (process.interrupted !== 0) return -EINTR;
  return process.woken !== 0 ? 0 : -ETIMEDOUT;
}

/** The time limit of a wait as monotonic nanoseconds: relative for FUTEX_WAIT, else absolute. */
function limit(process: Process, regs: Utcb, command: u32): i64 {
  if (regs.r10 === 0) return 0;
  const time = timespec(process, regs.r10);
  if (time < 0) return time;
  if (command === FUTEX_WAIT) return time + (monotonic() as i64);
  const realtime = ((regs.rsi as u32) & FUTEX_CLOCK_REALTIME) !== 0;
  return max<i64>(realtime ? time - bootTime() * 1_000_000_000 : time, 1);
}

/** futex(address, operation, value, timeout or count, second address, value). */
export function sysFutex(process: Process, regs: Utcb): i64 {
  const command = (regs.rsi as u32) & FUTEX_COMMAND;
  const address = regs.rdi;
  const value = regs.rdx & ALL_BITS;
  if ((address & 3) !== 0) return -EINVAL;
  if (command === FUTEX_WAKE || command === FUTEX_WAKE_BITSET) return wake(process, address, value);
  if (command === FUTEX_REQUEUE || command === FUTEX_CMP_REQUEUE) {
    if (command === FUTEX_CMP_REQUEUE) {
      if (!get32(process.space, address)) return -EFAULT;
      if (got !== (regs.r9 & ALL_BITS)) return -EAGAIN;
    }
    const woken = wake(process, address, value);
    return woken + requeue(process, address, regs.r8, regs.r10 & ALL_BITS);
  }
  if (command !== FUTEX_WAIT && command !== FUTEX_WAIT_BITSET) return -ENOSYS;
  if (!get32(process.space, address)) return -EFAULT;
  if (got !== value) return -EAGAIN;
  const end = limit(process, regs, command);
  return end < 0 ? end : wait(process, address, end as u64);
}

/** exit(status): ends the thread, and tells who waits for it. */
export function sysExit(process: Process, regs: Utcb): i64 {
  const address = taskOf(process).clearTid;
  if (address !== 0 && process.leader.alive > 1 && put32(process.space, address, 0)) {
    wake(process, address, 1);
  }
  endThread(process, (regs.rdi & 0xff) as u32);
  return 0;
}

/** sched_yield(): lets the other threads run. */
export function sysSchedYield(process: Process, _regs: Utcb): i64 {
  if (process.leader.alive > 1) suspend(process, WAIT_TIME, deadline(YIELD));
  return 0;
}
