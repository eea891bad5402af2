// epoll(7): epoll_create(2), epoll_ctl(2), epoll_wait(2) and its relatives. Instances are in libroottask/epoll.ts.

import { Utcb } from "../libhedron/utcb";
import { fileOf, usableFileAt } from "../libroottask/descriptors";
import {
  addInterest,
  changeInterest,
  delivered,
  dropReady,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLWAKEUP,
  Epoll,
  epollOf,
  eventsOf,
  interestIn,
  isEpoll,
  openEpoll,
  removeInterest,
} from "../libroottask/epoll";
import { EBADF, EEXIST, EFAULT, EINTR, EINVAL, ENOENT, ENOMEM, EPERM } from "../libroottask/errno";
import { expire } from "../libroottask/expiry";
import { canPoll, O_CLOEXEC, O_PATH } from "../libroottask/open_file";
import { giveDescriptor } from "../libroottask/open_path";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../libroottask/poll_events";
import { Program, Thread } from "../libroottask/program";
import { waitForWatches } from "../libroottask/readiness";
import { copyFrom, copyTo } from "../libroottask/space";
import { watchFor } from "../libroottask/watches";
import { endSuspension, suspendMask } from "./signals";
import { AT_ONCE, endOfMilliseconds, endOfTimespec, isOver, timeLimit } from "./time_limit";
import { userRange } from "./transfer";

const EPOLL_CTL_ADD: u32 = 1;
const EPOLL_CTL_DEL: u32 = 2;
const EPOLL_CTL_MOD: u32 = 3;

/** What an exclusive entry may ask for. */
const EXCLUSIVE: u32 =
  EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLET | POLLIN | POLLOUT | POLLERR | POLLHUP;

/** struct epoll_event, packed: events, data. */
const EVENT_BYTES: u32 = 12;
const EVENTS_MAX: i32 = (0x7fff_ffff / 12) as i32;
const event = memory.data(16);

function create(program: Program, flags: u32): i64 {
  if ((flags & ~O_CLOEXEC) !== 0) return -EINVAL;
  const file = openEpoll();
  return file === null ? -ENOMEM : giveDescriptor(program, file, flags);
}

/** epoll_create(size): the size counts for nothing, but must be one. */
export function sysEpollCreate(program: Program, regs: Utcb): i64 {
  return (regs.rdi as i32) <= 0 ? -EINVAL : create(program, 0);
}

/** epoll_create1(flags). */
export function sysEpollCreate1(program: Program, regs: Utcb): i64 {
  return create(program, regs.rdi as u32);
}

/** epoll_ctl(epfd, operation, fd, event). */
export function sysEpollCtl(program: Program, regs: Utcb): i64 {
  const operation = regs.rsi as u32;
  const fd = regs.rdx as u32;
  memory.fill(event, 0, EVENT_BYTES);
  if (operation !== EPOLL_CTL_DEL && !copyFrom(program.space, event, regs.r10, EVENT_BYTES)) {
    return -EFAULT;
  }
  const outer = usableFileAt(program.files, regs.rdi);
  const file = usableFileAt(program.files, regs.rdx);
  if (outer === null || file === null) return -EBADF;
  if (!canPoll(file)) return -EPERM;
  if (outer === file || !isEpoll(outer)) return -EINVAL;
  const events = load<u32>(event);
  const data = load<u64>(event + 4);
  if (operation !== EPOLL_CTL_DEL && (events & EPOLLEXCLUSIVE) !== 0) {
    if (operation === EPOLL_CTL_MOD) return -EINVAL;
    if (isEpoll(file) || (events & ~EXCLUSIVE) !== 0) return -EINVAL;
  }
  const epoll = epollOf(outer);
  const entry = interestIn(epoll, file, fd);
  if (operation === EPOLL_CTL_ADD) {
    return entry === null ? addInterest(epoll, file, fd, events, data) : -EEXIST;
  }
  if (operation !== EPOLL_CTL_DEL && operation !== EPOLL_CTL_MOD) return -EINVAL;
  if (entry === null) return -ENOENT;
  if (operation === EPOLL_CTL_DEL) {
    removeInterest(entry);
    return 0;
  }
  if ((entry.events & EPOLLEXCLUSIVE) !== 0) return -EINVAL;
  changeInterest(entry, events, data);
  return 0;
}

/** Writes up to `most` events to `address`: how many, or -EFAULT. */
function harvest(program: Program, epoll: Epoll, address: u64, most: i64): i64 {
  let found: i64 = 0;
  let entry = epoll.firstReady;
  // What stays ready goes behind the last one, and is looked at next time.
  const last = epoll.lastReady;
  while (entry !== null && found < most) {
    const next = entry.nextReady;
    const isLast = entry === last;
    const events = eventsOf(entry);
    if (events === 0) {
      dropReady(entry);
    } else {
      store<u32>(event, events);
      store<u64>(event + 4, entry.data);
      const at = address + ((found * (EVENT_BYTES as i64)) as u64);
      if (!copyTo(program.space, at, event, EVENT_BYTES)) return found === 0 ? -EFAULT : found;
      delivered(entry);
      found++;
    }
    if (isLast) break;
    entry = next;
  }
  return found;
}

/** Waits for events until `end` (time_limit.ts): how many there are, or a negative error. */
function wait(thread: Thread, fd: u64, address: u64, most: i32, end: u64): i64 {
  if (most <= 0 || most > EVENTS_MAX) return -EINVAL;
  if (!userRange(address, (most as u64) * (EVENT_BYTES as u64))) return -EFAULT;
  const file = fileOf(thread, fd);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  if (!isEpoll(file)) return -EINVAL;
  const epoll = epollOf(file);
  expire();
  let found = harvest(thread.program, epoll, address, most as i64);
  if (found !== 0 || end === AT_ONCE) return found;
  if (!watchFor(thread, file.node)) return -ENOMEM;
  while (found === 0 && !isOver(end)) {
    const interrupted = !waitForWatches(thread, end);
    found = harvest(thread.program, epoll, address, most as i64);
    if (interrupted && found === 0) return -EINTR;
  }
  return found;
}

/** epoll_wait(epfd, events, most, milliseconds). */
export function sysEpollWait(thread: Thread, regs: Utcb): i64 {
  return wait(thread, regs.rdi, regs.rsi, regs.rdx as i32, endOfMilliseconds(regs.r10 as i32));
}

/** The same with the mask of `size` bytes at `mask` meanwhile, unless that is 0. */
function waitMasked(thread: Thread, regs: Utcb, end: u64, mask: u64, size: u64): i64 {
  const masked = mask === 0 ? 0 : suspendMask(thread, mask, size);
  if (masked !== 0) return masked;
  const found = wait(thread, regs.rdi, regs.rsi, regs.rdx as i32, end);
  if (found !== -EINTR) endSuspension(thread);
  return found;
}

/** epoll_pwait(epfd, events, most, milliseconds, mask, size). */
export function sysEpollPwait(thread: Thread, regs: Utcb): i64 {
  return waitMasked(thread, regs, endOfMilliseconds(regs.r10 as i32), regs.r8, regs.r9);
}

/** epoll_pwait2(epfd, events, most, timespec, mask, size). */
export function sysEpollPwait2(thread: Thread, regs: Utcb): i64 {
  const error = endOfTimespec(thread.program, regs.r10);
  return error === 0 ? waitMasked(thread, regs, timeLimit, regs.r8, regs.r9) : error;
}
