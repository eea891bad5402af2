// Waiting for descriptors: poll(2), ppoll(2), select(2), pselect6(2). No kind of file changes its readiness
// by itself, so where nothing is ready the call sleeps for its time limit or until a signal comes.

import { Utcb } from "../libhedron/utcb";
import { FILES_MAX, fileAt } from "../libroottask/descriptors";
import { EBADF, EFAULT, EINTR, EINVAL } from "../libroottask/errno";
import {
  OpenFile,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
} from "../libroottask/open_file";
import { Program, Thread } from "../libroottask/program";
import { copyFrom, copyTo, get64, got } from "../libroottask/space";
import { signalPending, suspendMask } from "./signals";
import { sleep, timespec, timeval } from "./time";
import { waitForever } from "./wait";

const MILLISECOND: i64 = 1_000_000;

/** struct pollfd: descriptor, events asked for, events returned. */
const POLLFD_BYTES: u64 = 8;
const pollfd = memory.data(8);

function eventsOf(file: OpenFile): u32 {
  const poll = file.operations.poll;
  return poll(file);
}

/** Fills in the events of `count` descriptors at `address`: how many have some, or a negative error. */
function pollAll(program: Program, address: u64, count: u64): i64 {
  let ready: i64 = 0;
  if ((count & 0xffff_ffff) > (FILES_MAX as u64)) return -EINVAL;
  for (let i: u64 = 0; i < (count & 0xffff_ffff); i++) {
    const at = address + i * POLLFD_BYTES;
    if (!copyFrom(program.space, pollfd, at, POLLFD_BYTES as u32)) return -EFAULT;
    const fd = load<i32>(pollfd);
    let events: u32 = 0;
    if (fd >= 0) {
      const file = fileAt(program.files, fd as u64);
      const wanted = (load<u16>(pollfd + 4) as u32) | POLLERR | POLLHUP;
      events = file === null ? POLLNVAL : eventsOf(file) & wanted;
    }
    if (events !== 0) ready++;
    store<u16>(pollfd + 6, events as u16);
    if (!copyTo(program.space, at, pollfd, POLLFD_BYTES as u32)) return -EFAULT;
  }
  return ready;
}

/** Nothing is ready: sleeps for `wait` nanoseconds, or with `limited` false until a signal comes. */
function waitReady(thread: Thread, limited: bool, wait: i64): i64 {
  if (signalPending(thread)) return -EINTR;
  if (limited) return sleep(thread, wait as u64);
  waitForever(thread, 0, 0);
  return -EINTR;
}

/** poll(fds, count, milliseconds). */
export function sysPoll(thread: Thread, regs: Utcb): i64 {
  const ready = pollAll(thread.program, regs.rdi, regs.rsi);
  const wait = regs.rdx as i32;
  if (ready !== 0 || wait === 0) return ready;
  return waitReady(thread, wait > 0, (wait as i64) * MILLISECOND);
}

/** ppoll(fds, count, timespec, mask, size). */
export function sysPpoll(thread: Thread, regs: Utcb): i64 {
  const wait = regs.rdx === 0 ? 0 : timespec(thread.program, regs.rdx);
  if (wait < 0) return wait;
  const masked = regs.r10 === 0 ? 0 : suspendMask(thread, regs.r10, regs.r8);
  if (masked !== 0) return masked;
  const ready = pollAll(thread.program, regs.rdi, regs.rsi);
  return ready !== 0 ? ready : waitReady(thread, regs.rdx !== 0, wait);
}

/** The sets of select(2): one bit per descriptor, 1024 at most. */
const SET_BYTES: u32 = 128;
const set = memory.data(128);

/** What a descriptor is ready for when its bit stays in the set of readers, of writers, of others. */
const READABLE: u32 = POLLIN | POLLHUP | POLLERR;
const WRITABLE: u32 = POLLOUT | POLLERR;
const EXCEPTIONAL: u32 = POLLPRI;

/** Keeps the bits of the set at `address` whose descriptors are ready; their number, or a negative error. */
function selectSet(program: Program, address: u64, count: u32, events: u32): i64 {
  if (address === 0) return 0;
  const bytes = ((count + 63) / 64) * 8;
  if (!copyFrom(program.space, set, address, bytes)) return -EFAULT;
  let ready: i64 = 0;
  for (let fd: u32 = 0; fd < bytes * 8; fd++) {
    const slot = set + (fd >> 3);
    const mask = ((1 as u32) << (fd & 7)) as u8;
    if ((load<u8>(slot) & mask) === 0) continue;
    const file = fd < count ? fileAt(program.files, fd as u64) : null;
    if (fd < count && file === null) return -EBADF;
    if (file !== null && (eventsOf(file) & events) !== 0) ready++;
    else store<u8>(slot, load<u8>(slot) & ~mask);
  }
  return copyTo(program.space, address, set, bytes) ? ready : -EFAULT;
}

function selectAll(program: Program, regs: Utcb): i64 {
  if ((regs.rdi as i32) < 0) return -EINVAL;
  const count = min<u32>(regs.rdi as u32, SET_BYTES * 8);
  const readers = selectSet(program, regs.rsi, count, READABLE);
  if (readers < 0) return readers;
  const writers = selectSet(program, regs.rdx, count, WRITABLE);
  if (writers < 0) return writers;
  const others = selectSet(program, regs.r10, count, EXCEPTIONAL);
  return others < 0 ? others : readers + writers + others;
}

/** select(count, readers, writers, others, timeval). */
export function sysSelect(thread: Thread, regs: Utcb): i64 {
  const wait = regs.r8 === 0 ? 0 : timeval(thread.program, regs.r8);
  if (wait < 0) return wait;
  const ready = selectAll(thread.program, regs);
  return ready !== 0 ? ready : waitReady(thread, regs.r8 !== 0, wait);
}

/** pselect6(count, readers, writers, others, timespec, address and size of the mask). */
export function sysPselect(thread: Thread, regs: Utcb): i64 {
  const space = thread.program.space;
  const wait = regs.r8 === 0 ? 0 : timespec(thread.program, regs.r8);
  if (wait < 0) return wait;
  if (regs.r9 !== 0) {
    if (!get64(space, regs.r9)) return -EFAULT;
    const set = got;
    if (!get64(space, regs.r9 + 8)) return -EFAULT;
    const masked = set === 0 ? 0 : suspendMask(thread, set, got);
    if (masked !== 0) return masked;
  }
  const ready = selectAll(thread.program, regs);
  return ready !== 0 ? ready : waitReady(thread, regs.r8 !== 0, wait);
}
