// Waiting for descriptors: poll(2), ppoll(2), select(2), pselect6(2).

import { Utcb } from "../libhedron/utcb";
import { filesRoom, usableFileAt } from "../libroottask/descriptors";
import { EBADF, EFAULT, EINTR, EINVAL, ENOMEM } from "../libroottask/errno";
import { expire } from "../libroottask/expiry";
import { callStorage, sourceOf } from "../libroottask/open_file";
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
} from "../libroottask/poll_events";
import { Program, Thread } from "../libroottask/program";
import { waitForWatches } from "../libroottask/readiness";
import { copyFrom, copyTo, get64, got } from "../libroottask/space";
import { watchFor } from "../libroottask/watches";
import { endSuspension, suspendMask } from "./signals";
import { linuxThread } from "./state";
import {
  AT_ONCE,
  endOfMilliseconds,
  endOfTimespec,
  endOfTimeval,
  isOver,
  putRest,
  timeLimit,
} from "./time_limit";

/** Nanoseconds in the units of a timeval. */
const MICROSECOND: u64 = 1000;

/** Looks at what a call asks for, in `storage`, `count` long: how many are ready. */
type Scan = (program: Program, storage: usize, count: u32) => i64;
/** Watches all of that; false when memory is out. */
type WatchAll = (thread: Thread, storage: usize, count: u32) => bool;

function eventsOf(program: Program, fd: i32): u32 {
  const file = usableFileAt(program.files, fd as u64);
  if (file === null) return POLLNVAL;
  const poll = file.operations.poll;
  return poll(file);
}

function watchDescriptor(thread: Thread, fd: i32): bool {
  const file = usableFileAt(thread.program.files, fd as u64);
  return file === null || watchFor(thread, sourceOf(file));
}

/** Waits until `scan` finds something, or `end`: how much, 0 at the end, -EINTR where a signal has come, or -ENOMEM. */
function waitReady(
  thread: Thread,
  storage: usize,
  count: u32,
  end: u64,
  scan: Scan,
  watchAll: WatchAll,
): i64 {
  const program = thread.program;
  expire();
  let ready = scan(program, storage, count);
  if (ready !== 0 || end === AT_ONCE) return ready;
  if (!watchAll(thread, storage, count)) return -ENOMEM;
  while (ready === 0 && !isOver(end)) {
    const interrupted = !waitForWatches(thread, end);
    ready = scan(program, storage, count);
    if (interrupted && ready === 0) return -EINTR;
  }
  return ready;
}

/** struct pollfd: descriptor, events asked for, events returned. */
const POLLFD_BYTES: u32 = 8;
const EVENTS: usize = 4;
const RETURNED: usize = 6;

function scanPolled(program: Program, storage: usize, count: u32): i64 {
  let ready: i64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = storage + i * POLLFD_BYTES;
    const fd = load<i32>(at);
    const wanted = (load<u16>(at + EVENTS) as u32) | POLLERR | POLLHUP | POLLNVAL;
    const events = fd < 0 ? 0 : eventsOf(program, fd) & wanted;
    if (events !== 0) ready++;
    store<u16>(at + RETURNED, events as u16);
  }
  return ready;
}

function watchPolled(thread: Thread, storage: usize, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    if (!watchDescriptor(thread, load<i32>(storage + i * POLLFD_BYTES))) return false;
  }
  return true;
}

/** Fills in the events of `count` descriptors at `address` once there are some, or at `end`. */
function pollAll(thread: Thread, address: u64, count: u32, end: u64): i64 {
  const space = thread.program.space;
  if (count > thread.program.filesLimit) return -EINVAL;
  const bytes = count * POLLFD_BYTES;
  const fds = callStorage(thread, bytes);
  if (fds === 0) return -ENOMEM;
  if (!copyFrom(space, fds, address, bytes)) return -EFAULT;
  const ready = waitReady(thread, fds, count, end, scanPolled, watchPolled);
  for (let i: u32 = 0; i < count; i++) {
    const at = i * POLLFD_BYTES + (RETURNED as u32);
    if (!copyTo(space, address + (at as u64), fds + at, 2)) return -EFAULT;
  }
  return ready;
}

/** poll(fds, count, milliseconds). */
export function sysPoll(thread: Thread, regs: Utcb): i64 {
  return pollAll(thread, regs.rdi, regs.rsi as u32, endOfMilliseconds(regs.rdx as i32));
}

/** ppoll(fds, count, timespec, mask, size): what is left goes to the timespec. */
export function sysPpoll(thread: Thread, regs: Utcb): i64 {
  const error = endOfTimespec(thread.program, regs.rdx);
  if (error !== 0) return error;
  const end = timeLimit;
  const masked = regs.r10 === 0 ? 0 : suspendMask(thread, regs.r10, regs.r8);
  if (masked !== 0) return masked;
  const ready = pollAll(thread, regs.rdi, regs.rsi as u32, end);
  return finish(thread, ready, regs.rdx, end, 1);
}

/** Of personality(2): times are left as they are. */
const STICKY_TIMEOUTS: u32 = 0x400_0000;

/** A call comes to `result`: tells what is left until `end`, and lets go the mask it had, unless a signal has ended it. */
function finish(thread: Thread, result: i64, address: u64, end: u64, unit: u64): i64 {
  const kept = (linuxThread(thread).personality & STICKY_TIMEOUTS) !== 0;
  if (address !== 0 && !kept) putRest(thread.program, address, end, unit);
  if (result !== -EINTR) endSuspension(thread);
  return result;
}

/** The sets of select(2): one bit per descriptor, as many as a table has room for. Three that are asked about, three that are answered. */
const SETS: u32 = 3;

/** Bytes of a set of `count` descriptors, at least one word. */
function setBytes(count: u32): u32 {
  return max<u32>((count + 63) / 64, 1) * 8;
}

/** What a descriptor is ready for when its bit stays in the set of readers, of writers, of others. */
const READABLE: u32 = POLLIN | POLLRDNORM | POLLHUP | POLLERR | POLLNVAL;
const WRITABLE: u32 = POLLOUT | POLLWRNORM | POLLERR | POLLNVAL;
const EXCEPTIONAL: u32 = POLLPRI | POLLNVAL;

function eventsOfSet(set: u32): u32 {
  if (set === 0) return READABLE;
  return set === 1 ? WRITABLE : EXCEPTIONAL;
}

function addressOfSet(regs: Utcb, set: u32): u64 {
  if (set === 0) return regs.rsi;
  return set === 1 ? regs.rdx : regs.r10;
}

function bitOf(fd: u32): u8 {
  return ((1 as u32) << (fd & 7)) as u8;
}

/** The descriptor is in one of the sets that are asked about, of `size` bytes each. */
function selected(storage: usize, size: u32, fd: u32): bool {
  const at = storage + (fd >> 3);
  const bits = load<u8>(at) | load<u8>(at + size) | load<u8>(at + 2 * size);
  return (bits & bitOf(fd)) !== 0;
}

function scanSelected(program: Program, storage: usize, count: u32): i64 {
  const size = setBytes(count);
  const answers = storage + SETS * size;
  let ready: i64 = 0;
  memory.fill(answers, 0, SETS * size);
  for (let fd: u32 = 0; fd < count; fd++) {
    if (!selected(storage, size, fd)) continue;
    const events = eventsOf(program, fd as i32);
    for (let set: u32 = 0; set < SETS; set++) {
      const at = set * size + (fd >> 3);
      if ((load<u8>(storage + at) & bitOf(fd)) === 0) continue;
      if ((events & eventsOfSet(set)) === 0) continue;
      store<u8>(answers + at, load<u8>(answers + at) | bitOf(fd));
      ready++;
    }
  }
  return ready;
}

function watchSelected(thread: Thread, storage: usize, count: u32): bool {
  const size = setBytes(count);
  for (let fd: u32 = 0; fd < count; fd++) {
    if (selected(storage, size, fd) && !watchDescriptor(thread, fd as i32)) return false;
  }
  return true;
}

/** Keeps the bits of the sets whose descriptors are ready, once there are some or at `end`. */
function selectAll(thread: Thread, regs: Utcb, end: u64): i64 {
  const program = thread.program;
  if ((regs.rdi as i32) < 0) return -EINVAL;
  // What lies beyond the table is not looked at.
  const count = min<u32>(regs.rdi as u32, filesRoom(program.files));
  const bytes = ((count + 63) / 64) * 8;
  const size = setBytes(count);
  const sets = callStorage(thread, 2 * SETS * size);
  if (sets === 0) return -ENOMEM;
  memory.fill(sets, 0, SETS * size);
  for (let set: u32 = 0; set < SETS; set++) {
    const address = addressOfSet(regs, set);
    const to = sets + set * size;
    if (address !== 0 && !copyFrom(program.space, to, address, bytes)) return -EFAULT;
  }
  for (let fd: u32 = 0; fd < count; fd++) {
    if (selected(sets, size, fd) && usableFileAt(program.files, fd as u64) === null) return -EBADF;
  }
  const ready = waitReady(thread, sets, count, end, scanSelected, watchSelected);
  if (ready < 0) return ready;
  const answers = sets + SETS * size;
  for (let set: u32 = 0; set < SETS; set++) {
    const address = addressOfSet(regs, set);
    if (address === 0) continue;
    if (!copyTo(program.space, address, answers + set * size, bytes)) return -EFAULT;
  }
  return ready;
}

/** select(count, readers, writers, others, timeval): what is left goes to the timeval. */
export function sysSelect(thread: Thread, regs: Utcb): i64 {
  const error = endOfTimeval(thread.program, regs.r8);
  if (error !== 0) return error;
  const end = timeLimit;
  return finish(thread, selectAll(thread, regs, end), regs.r8, end, MICROSECOND);
}

/** pselect6(count, readers, writers, others, timespec, address and size of the mask). */
export function sysPselect(thread: Thread, regs: Utcb): i64 {
  const space = thread.program.space;
  let mask: u64 = 0;
  let size: u64 = 0;
  if (regs.r9 !== 0) {
    if (!get64(space, regs.r9)) return -EFAULT;
    mask = got;
    if (!get64(space, regs.r9 + 8)) return -EFAULT;
    size = got;
  }
  const error = endOfTimespec(thread.program, regs.r8);
  if (error !== 0) return error;
  const end = timeLimit;
  const masked = mask === 0 ? 0 : suspendMask(thread, mask, size);
  if (masked !== 0) return masked;
  return finish(thread, selectAll(thread, regs, end), regs.r8, end, 1);
}
