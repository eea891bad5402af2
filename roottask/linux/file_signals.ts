// Signals of descriptors: F_SETOWN, F_SETOWN_EX, F_SETSIG and O_ASYNC of fcntl(2), and the ioctls like them. An open file
// watches what poll(2) watches, and what happens there becomes SIGIO, or the signal that was asked for with what it tells,
// for a thread, a process or a group (fs/fcntl.c, kill_fasync() and send_sigurg()). Sockets send SIGURG to their owner
// whether O_ASYNC is set or not.

import { EFAULT, EINVAL, ENOMEM, ENOTTY, ESRCH } from "../libroottask/errno";
import { create, destroy } from "../libroottask/heap";
import {
  O_ASYNC,
  OpenFile,
  readable,
  setForgetSignals,
  sourceOf,
  writable,
} from "../libroottask/open_file";
import { meantId, seenId } from "../libroottask/pid_numbers";
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "../libroottask/poll_events";
import {
  firstProgram,
  Program,
  programWithId,
  sees,
  Thread,
  threadWithId,
} from "../libroottask/program";
import { AF_UNIX, isSocket, socketOf } from "../libroottask/socket";
import { copyFrom, copyTo, get32, got, put32 } from "../libroottask/space";
import { KIND_PIPE } from "../libroottask/tree";
import { unwatch, Watch, watch } from "../libroottask/watches";
import { SIGIO, SIGURG } from "./signal_numbers";
import { INFO_ADDRESS, SI_KERNEL, signalInfo } from "./signal_queue";
import { fillInfo, raise } from "./signals";
import { SIGNALS } from "./state";

/** Types of struct f_owner_ex, whose other half is an id: thread, process, group; and nobody. */
const F_OWNER_TID: u32 = 0;
const F_OWNER_PID: u32 = 1;
const F_OWNER_PGRP: u32 = 2;
const OWNER_BYTES: u32 = 8;

/** What has happened: si_code of SIGIO, which of other signals is SI_SIGIO where it has meanings of its own. */
const POLL_IN: i32 = 1;
const POLL_OUT: i32 = 2;
const POLL_MSG: i32 = 3;
const POLL_ERR: i32 = 4;
const POLL_PRI: i32 = 5;
const POLL_HUP: i32 = 6;
const SI_SIGIO: i32 = -5;
const POLLMSG: u32 = 0x400;
const POLLRDBAND: u32 = 128;
const POLLWRBAND: u32 = 512;
/** si_band and si_fd. */
const INFO_BAND: usize = INFO_ADDRESS;
const INFO_FD: usize = INFO_ADDRESS + 8;

/** Signals with meanings of si_code of their own: ILL, TRAP, BUS, FPE, SEGV, CHLD, SYS (SIG_SPECIFIC_SICODES_MASK). */
const SPECIFIC: u64 =
  (1 << 3) | (1 << 4) | (1 << 6) | (1 << 7) | (1 << 10) | (1 << 16) | ((1 as u64) << 30);

/** What an open file has to do with signals. */
@unmanaged
class FileSignals {
  file: OpenFile;
  /** Whom they go to: F_OWNER_…, an id, 0 for nobody, and since when who has it lives. */
  type: u32;
  id: u32;
  since: u64;
  /** Real and effective user of who said so. */
  user: u32;
  effectiveUser: u32;
  /** F_SETSIG: 0 for SIGIO with nothing to tell. */
  signal: u32;
  /** The descriptor that O_ASYNC was set by. */
  fd: u32;
  /** POLL… events that were true when it was looked last. */
  seen: u32;
  watch: Watch | null;
}

function signalsOf(file: OpenFile): FileSignals | null {
  return changetype<FileSignals | null>(file.signals);
}

/** The record of `file`, made where it has none; null when memory is out. */
function makeSignals(file: OpenFile): FileSignals | null {
  if (file.signals !== 0) return signalsOf(file);
  const made = create<FileSignals>();
  if (made === null) return null;
  made.file = file;
  file.signals = changetype<usize>(made);
  return made;
}

function forget(file: OpenFile): void {
  const own = signalsOf(file);
  if (own === null) return;
  file.signals = 0;
  const watching = own.watch;
  if (watching !== null) unwatch(watching);
  destroy<FileSignals>(own);
}

/** Must be called before files have owners. */
export function initFileSignals(): void {
  setForgetSignals(forget);
}

/** The owner may be sent signals: it is of the user who made it the owner, or that one was root (sigio_perm()). */
function mayTell(own: FileSignals, thread: Thread): bool {
  if (own.effectiveUser === 0) return true;
  const its = thread.credentials;
  return (
    own.effectiveUser === its.savedUser ||
    own.effectiveUser === its.user ||
    own.user === its.savedUser ||
    own.user === its.user
  );
}

function bandOf(reason: i32): u64 {
  switch (reason) {
    case POLL_IN:
      return (POLLIN | POLLRDNORM) as u64;
    case POLL_OUT:
      return (POLLOUT | POLLWRNORM | POLLWRBAND) as u64;
    case POLL_MSG:
      return (POLLIN | POLLRDNORM | POLLMSG) as u64;
    case POLL_ERR:
      return POLLERR as u64;
    case POLL_PRI:
      return (POLLPRI | POLLRDBAND) as u64;
    default:
      return (POLLHUP | POLLERR) as u64;
  }
}

/** Sends `signal` about `reason` to `thread`, or to all of its process; SIGIO with nothing where it may not queue. */
function sendTo(own: FileSignals, target: Thread, whole: bool, signal: u32, reason: i32): void {
  const program = target.program;
  const thread: Thread | null = whole ? null : target;
  if (signal !== 0) {
    const specific =
      signal !== SIGIO && signal <= 31 && ((SPECIFIC >> ((signal - 1) as u64)) & 1) !== 0;
    fillInfo(signal, specific ? SI_SIGIO : reason);
    store<u64>(signalInfo + INFO_BAND, bandOf(reason));
    store<u32>(signalInfo + INFO_FD, own.fd);
    if (raise(null, program, thread, signal)) return;
  }
  fillInfo(SIGIO, SI_KERNEL);
  raise(null, program, thread, SIGIO);
}

/** The owner where that is one thread or process that lives, as a thread of it; null otherwise. */
function ownerOf(own: FileSignals): Thread | null {
  let thread: Thread | null = null;
  if (own.type === F_OWNER_TID) {
    thread = threadWithId(own.id);
  } else if (own.type === F_OWNER_PID) {
    const program = programWithId(own.id);
    thread = program === null ? null : program.threads;
  }
  return thread !== null && thread.program.since === own.since ? thread : null;
}

/** Sends the owner `signal` about `reason`. */
function tell(own: FileSignals, signal: u32, reason: i32): void {
  if (own.id === 0) return;
  if (own.type !== F_OWNER_PGRP) {
    const thread = ownerOf(own);
    if (thread !== null && mayTell(own, thread)) {
      sendTo(own, thread, own.type === F_OWNER_PID, signal, reason);
    }
    return;
  }
  let program = firstProgram();
  while (program !== null) {
    const next: Program | null = program.next;
    const thread = program.threads;
    if (program.group === own.id && thread !== null && program.personality !== 0) {
      if (mayTell(own, thread)) sendTo(own, thread, true, signal, reason);
    }
    program = next;
  }
}

/** Sends SIGURG to the owner. */
function tellUrgent(own: FileSignals): void {
  const thread = ownerOf(own);
  fillInfo(SIGURG, SI_KERNEL);
  if (own.type !== F_OWNER_PGRP) {
    if (own.id === 0 || thread === null || !mayTell(own, thread)) return;
    raise(null, thread.program, own.type === F_OWNER_PID ? null : thread, SIGURG);
    return;
  }
  let program = firstProgram();
  while (program !== null) {
    const first = program.threads;
    if (program.group === own.id && first !== null && program.personality !== 0) {
      fillInfo(SIGURG, SI_KERNEL);
      if (mayTell(own, first)) raise(null, program, null, SIGURG);
    }
    program = program.next;
  }
}

/** O_ASYNC is set. */
function isOn(own: FileSignals): bool {
  return (own.file.flags & O_ASYNC) !== 0;
}

/** An end of a pipe is told of each read and write, and that the last one at the other end has gone. */
function pipeTold(own: FileSignals, events: u32): void {
  const file = own.file;
  if (readable(file) && (events === 0 || (events & POLLIN) !== 0)) tell(own, own.signal, POLL_IN);
  if (writable(file) && (events === 0 || (events & POLLOUT) !== 0)) tell(own, own.signal, POLL_OUT);
}

/** A socket is told of what comes, of room where it had none, and of what connections come to. */
function socketTold(own: FileSignals, events: u32): void {
  const socket = socketOf(own.file);
  const poll = own.file.operations.poll;
  const ready = poll(own.file);
  const since = ready & ~own.seen;
  own.seen = ready;
  if ((events & POLLPRI) !== 0) tell(own, own.signal, POLL_PRI);
  else if ((events & POLLIN) !== 0) tell(own, own.signal, POLL_IN);
  if ((events & ready & POLLOUT) !== 0 && socket.lacksRoom !== 0) {
    socket.lacksRoom = 0;
    tell(own, own.signal, POLL_OUT);
  }
  if (events !== 0) return;
  if ((since & POLLERR) !== 0) tell(own, own.signal, POLL_ERR);
  else if ((since & POLLHUP) !== 0) tell(own, own.signal, POLL_HUP);
  else if ((since & POLLRDHUP) !== 0) tell(own, own.signal, POLL_IN);
  else if ((since & POLLOUT) !== 0) tell(own, own.signal, POLL_OUT);
  // A FIN is something that has come as well.
  if ((since & POLLRDHUP) !== 0 && socket.protocol.family !== AF_UNIX) {
    tell(own, own.signal, POLL_IN);
  }
}

/** Anything else is told of what can be read and written now. */
function otherTold(own: FileSignals, events: u32): void {
  const poll = own.file.operations.poll;
  const ready = poll(own.file);
  const meant = events === 0 ? ready : ready & events;
  if ((meant & POLLIN) !== 0 && readable(own.file)) tell(own, own.signal, POLL_IN);
  if ((meant & POLLOUT) !== 0 && events !== 0 && writable(own.file))
    tell(own, own.signal, POLL_OUT);
}

function told(watching: Watch, events: u32): bool {
  const own = changetype<FileSignals>(watching.owner);
  const file = own.file;
  if (isSocket(file)) {
    if (file.node.object === 0) return false;
    if ((events & POLLPRI) !== 0) tellUrgent(own);
    if (isOn(own)) socketTold(own, events);
  } else if (isOn(own)) {
    if (file.node.kind === KIND_PIPE) pipeTold(own, events);
    else otherTold(own, events);
  }
  return true;
}

/** What happens to the file of `own` is watched from now on. False when memory is out. */
function beginWatch(own: FileSignals): bool {
  if (own.watch !== null) return true;
  const made = watch(sourceOf(own.file), told, changetype<usize>(own), false);
  if (made === null) return false;
  made.each = 1;
  own.watch = made;
  return true;
}

/** Its kind sends signals. */
function canTell(file: OpenFile): bool {
  return file.operations.signals !== 0;
}

/** Sets O_ASYNC of `file`, by descriptor `fd`, or takes it away: 0, or -ENOMEM. Kinds that send no signals stay without. */
export function setAsync(file: OpenFile, fd: u32, on: bool): i64 {
  if (!canTell(file) || on === ((file.flags & O_ASYNC) !== 0)) return 0;
  if (!on) {
    file.flags &= ~O_ASYNC;
    return 0;
  }
  const own = makeSignals(file);
  if (own === null || !beginWatch(own)) return -ENOMEM;
  const poll = file.operations.poll;
  own.fd = fd;
  own.seen = poll(file);
  file.flags |= O_ASYNC;
  return 0;
}

/** FIOASYNC. */
export function asyncIoctl(program: Program, file: OpenFile, fd: u32, argument: u64): i64 {
  if (!get32(program.space, argument)) return -EFAULT;
  const on = got !== 0;
  if (on === ((file.flags & O_ASYNC) !== 0)) return 0;
  return canTell(file) ? setAsync(file, fd, on) : -ENOTTY;
}

/** The process of `thread` or of another of the same line that has `id` in the meaning of `type`; null where nobody has. */
function processOf(thread: Thread, type: u32, id: u32): Program | null {
  let program: Program | null = null;
  if (type === F_OWNER_PID) {
    program = programWithId(id);
  } else {
    const other = threadWithId(id);
    if (other !== null) program = other.program;
  }
  return program !== null && sees(thread.program, program) ? program : null;
}

/** Makes who has `id` in the meaning of `type` the owner of `file`; 0 is nobody. 0, -ESRCH or -ENOMEM. */
function setOwner(thread: Thread, file: OpenFile, type: u32, id: u32): i64 {
  let since: u64 = 0;
  if (id !== 0 && type === F_OWNER_PGRP) {
    if (!groupLives(thread.program, id)) return -ESRCH;
  } else if (id !== 0) {
    const program = processOf(thread, type, id);
    if (program === null) return -ESRCH;
    since = program.since;
  }
  const own = makeSignals(file);
  if (own === null) return -ENOMEM;
  if (isSocket(file) && !beginWatch(own)) return -ENOMEM;
  own.type = type;
  own.id = id;
  own.since = since;
  own.user = thread.credentials.user;
  own.effectiveUser = thread.credentials.effectiveUser;
  return 0;
}

function groupLives(own: Program, id: u32): bool {
  let program = firstProgram();
  while (program !== null) {
    if (program.group === id && program.entry === own.entry) return true;
    program = program.next;
  }
  return false;
}

/** F_SETOWN: a process, or with a negative number a group. */
export function setOwnerNumber(thread: Thread, file: OpenFile, number: i32): i64 {
  if (number === i32.MIN_VALUE) return -EINVAL;
  const type = number < 0 ? F_OWNER_PGRP : F_OWNER_PID;
  return setOwner(thread, file, type, meantId((number < 0 ? -number : number) as u32));
}

/** What was asked for about `file` by descriptor `fd` has happened: a lease on it is in the way, a directory has changed. */
export function tellMessage(file: OpenFile, fd: u32): void {
  const own = signalsOf(file);
  if (own === null) return;
  const before = own.fd;
  own.fd = fd;
  tell(own, own.signal, POLL_MSG);
  own.fd = before;
}

/** A lease on `file` has gone: nobody is its owner any more, and F_SETSIG is undone (lease_modify()). */
export function disownForLease(file: OpenFile): void {
  const own = signalsOf(file);
  if (own === null) return;
  own.id = 0;
  own.signal = 0;
}

/** Makes the process of `thread` the owner of `file`, unless it has one. False when memory is out. */
export function ownIfNobody(thread: Thread, file: OpenFile): bool {
  const own = signalsOf(file);
  if (own !== null && own.id !== 0) return true;
  return setOwner(thread, file, F_OWNER_PID, thread.program.id) === 0;
}

const structure = memory.data(8);

/** F_SETOWN_EX. */
export function setOwnerStructure(thread: Thread, file: OpenFile, address: u64): i64 {
  if (!copyFrom(thread.program.space, structure, address, OWNER_BYTES)) return -EFAULT;
  const type = load<u32>(structure);
  if (type > F_OWNER_PGRP) return -EINVAL;
  return setOwner(thread, file, type, meantId(load<u32>(structure + 4)));
}

/** Id of the owner of `file`, 0 where there is none any more. */
function ownerId(thread: Thread, own: FileSignals | null): u32 {
  if (own === null || own.id === 0) return 0;
  const lives =
    own.type === F_OWNER_PGRP ? groupLives(thread.program, own.id) : ownerOf(own) !== null;
  return lives ? seenId(own.id) : 0;
}

/** F_GETOWN. */
export function ownerNumber(thread: Thread, file: OpenFile): i64 {
  const own = signalsOf(file);
  const id = ownerId(thread, own) as i64;
  return own !== null && own.type === F_OWNER_PGRP ? -id : id;
}

/** F_GETOWN_EX. */
export function tellOwner(thread: Thread, file: OpenFile, address: u64): i64 {
  const own = signalsOf(file);
  store<u32>(structure, own === null ? F_OWNER_TID : own.type);
  store<u32>(structure + 4, ownerId(thread, own));
  return copyTo(thread.program.space, address, structure, OWNER_BYTES) ? 0 : -EFAULT;
}

/** F_SETSIG. */
export function setFileSignal(file: OpenFile, signal: u32): i64 {
  if (signal > SIGNALS) return -EINVAL;
  if (signal === 0 && file.signals === 0) return 0;
  const own = makeSignals(file);
  if (own === null) return -ENOMEM;
  own.signal = signal;
  return 0;
}

/** F_GETSIG. */
export function fileSignal(file: OpenFile): i64 {
  const own = signalsOf(file);
  return own === null ? 0 : (own.signal as i64);
}

/** Commands of sockets that mean F_SETOWN and F_GETOWN, include/uapi/asm-generic/sockios.h. */
const FIOSETOWN: u32 = 0x8901;
const SIOCSPGRP: u32 = 0x8902;
const FIOGETOWN: u32 = 0x8903;
const SIOCGPGRP: u32 = 0x8904;
/** Result of `ownerIoctl` where the command is another. */
export const NO_OWNER_COMMAND: i64 = i64.MIN_VALUE;

/** The ioctls of a socket about its owner. */
export function ownerIoctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  const sets = command === FIOSETOWN || command === SIOCSPGRP;
  const tells = command === FIOGETOWN || command === SIOCGPGRP;
  if (!isSocket(file) || !(sets || tells)) return NO_OWNER_COMMAND;
  const space = thread.program.space;
  if (sets) return get32(space, argument) ? setOwnerNumber(thread, file, got as i32) : -EFAULT;
  return put32(space, argument, ownerNumber(thread, file) as u32) ? 0 : -EFAULT;
}
