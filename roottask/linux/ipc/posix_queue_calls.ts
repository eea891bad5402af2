// mq_open(2), mq_unlink(2), mq_timedsend(2), mq_timedreceive(2), mq_getsetattr(2).

import { Utcb } from "../../libhedron/utcb";
import { bootTime } from "../../libroottask/clock";
import {
  actor,
  CAP_FOWNER,
  CAP_SYS_RESOURCE,
  capable,
  MAY_READ,
  MAY_WRITE,
} from "../../libroottask/credentials";
import { fileAt, fileOf, hasFreeDescriptor } from "../../libroottask/descriptors";
import {
  EACCES,
  EAGAIN,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  EMFILE,
  EMSGSIZE,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOSPC,
  EOVERFLOW,
  EPERM,
  ETIMEDOUT,
} from "../../libroottask/errno";
import { create } from "../../libroottask/heap";
import {
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  OpenFile,
  readable,
  writable,
} from "../../libroottask/open_file";
import { openDescriptor } from "../../libroottask/open_path";
import { permit } from "../../libroottask/permission";
import { Program, Thread } from "../../libroottask/program";
import { copyFrom, copyTo, put32 } from "../../libroottask/space";
import { NAME_MAX } from "../../libroottask/tree";
import { readPath } from "../lookup";
import { limitOf } from "../state";
import { timespec } from "../time";
import { bytesOf, freeMessage, Message, MessageSleeper, newMessage, textOf } from "./messages";
import { ipcSpaceHere } from "./objects";
import { tellOwner } from "./posix_notify";
import {
  chargeFor,
  chargeOf,
  isQueue,
  newPosixQueue,
  PosixQueue,
  PRIORITIES,
  putMessage,
  queueNamed,
  queueOf,
  takeFirst,
  unnameQueue,
} from "./posix_queue";
import { IpcSpace } from "./records";
import { letGo, RECEIVES, SENDS, sleep } from "./sleepers";

/** What those with CAP_SYS_RESOURCE may have, and /proc/sys/fs/mqueue give others: messages of a queue, and their size. */
export const HARD_MSG_MAX: u64 = 65536;
export const HARD_MSGSIZE_MAX: u64 = 1 << 24;

const RLIMIT_MSGQUEUE: u32 = 12;
const SECOND: i64 = 1_000_000_000;

/** struct mq_attr: flags, most messages, their size, how many there are; words. */
const ATTR_BYTES: u32 = 64;
const attributes = memory.data(64);
const name = memory.data(4096);

/** Reads the name at `address`: its length, or a negative error. */
function readName(program: Program, address: u64): i64 {
  const length = readPath(program, name, address);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  for (let i: u32 = 0; i < (length as u32); i++) if (load<u8>(name + i) === 47) return -EACCES;
  const dots =
    load<u8>(name) === 46 && (length === 1 || (length === 2 && load<u8>(name + 1) === 46));
  if (dots) return -EACCES;
  return length > (NAME_MAX as i64) ? -ENAMETOOLONG : length;
}

/** What `attributes` say of a new queue can be had: 0 or a negative error. */
function checkAttributes(program: Program, space: IpcSpace): i64 {
  const maximum = load<u64>(attributes + 8);
  const largest = load<u64>(attributes + 16);
  const more = capable(CAP_SYS_RESOURCE);
  if (space.posixCount >= space.queuesMax && !more) return -ENOSPC;
  if ((maximum as i64) <= 0 || (largest as i64) <= 0) return -EINVAL;
  if (maximum > (more ? HARD_MSG_MAX : (space.msgMax as u64))) return -EINVAL;
  if (largest > (more ? HARD_MSGSIZE_MAX : (space.msgsizeMax as u64))) return -EINVAL;
  const charge = chargeFor(maximum, largest);
  if (charge < largest) return -EOVERFLOW;
  const limit = load<u64>(limitOf(program, RLIMIT_MSGQUEUE));
  const used = chargeOf(space, actor.user);
  return charge > limit || used > limit - charge ? -EMFILE : 0;
}

/** The queue that is opened by the name of `length` bytes; null: `openError`. */
let openError: i64 = 0;

function queueToOpen(
  program: Program,
  space: IpcSpace,
  length: u32,
  flags: u32,
  mode: u32,
): PosixQueue | null {
  const queue = queueNamed(space, name, length);
  if (queue !== null) {
    const access = flags & O_ACCMODE;
    openError = -EEXIST;
    if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return null;
    openError = -EINVAL;
    if (access === O_ACCMODE) return null;
    let wanted: u32 = access === O_WRONLY ? 0 : MAY_READ;
    if (access !== O_RDONLY) wanted |= MAY_WRITE;
    openError = permit(queue.node, wanted);
    return openError === 0 ? queue : null;
  }
  openError = (flags & O_CREAT) !== 0 ? checkAttributes(program, space) : -ENOENT;
  if (openError !== 0) return null;
  openError = -ENOMEM;
  const bits = mode & 0o7777 & ~program.fs.umask;
  const maximum = load<u64>(attributes + 8);
  return newPosixQueue(space, name, length, bits, maximum, load<u64>(attributes + 16));
}

/** mq_open(name, flags, mode, attributes). */
export function sysMqOpen(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  store<u64>(attributes + 8, min<u32>(space.msgDefault, space.msgMax) as u64);
  store<u64>(attributes + 16, min<u32>(space.msgsizeDefault, space.msgsizeMax) as u64);
  if (regs.r10 !== 0 && !copyFrom(program.space, attributes, regs.r10, ATTR_BYTES)) return -EFAULT;
  const flags = regs.rsi as u32;
  const length = readName(program, regs.rdi);
  if (length < 0 && length !== -EACCES) return length;
  if (!hasFreeDescriptor(program.files, program.filesLimit)) return -EMFILE;
  if (length < 0) return length;
  const queue = queueToOpen(program, space, length as u32, flags, regs.rdx as u32);
  if (queue === null) return openError;
  const lasting = flags & (O_ACCMODE | O_NONBLOCK);
  return openDescriptor(thread, null, queue.node, null, lasting | O_CLOEXEC);
}

/** mq_unlink(name). */
export function sysMqUnlink(program: Program, regs: Utcb): i64 {
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  const length = readName(program, regs.rdi);
  if (length < 0) return length;
  const queue = queueNamed(space, name, length as u32);
  if (queue === null) return -ENOENT;
  // Root owns the directory, which is sticky.
  const user = actor.fileUser;
  if (user !== queue.node.owner && user !== 0 && !capable(CAP_FOWNER)) return -EPERM;
  unnameQueue(queue);
  return 0;
}

/** The open file behind `fd` that is a queue, which the call of `thread` holds, or null. */
function queueFile(thread: Thread, fd: u64): OpenFile | null {
  const file = fileOf(thread, fd);
  return file !== null && isQueue(file) && (file.flags & O_PATH) === 0 ? file : null;
}

/** The end of a wait, which is a time of day at `address`: monotonic nanoseconds, 0 for none, or a negative error. */
function endAt(program: Program, address: u64): i64 {
  if (address === 0) return 0;
  const time = timespec(program, address);
  return time < 0 ? time : max<i64>(time - bootTime() * SECOND, 1);
}

/** Waits as `sleeper`, which the caller lets go, until `end`: 0 or a negative error. */
function wait(thread: Thread, queue: PosixQueue, sleeper: MessageSleeper, end: i64): i64 {
  const result = sleep(thread, queue, sleeper, end as u64);
  return result === -EAGAIN ? -ETIMEDOUT : result;
}

function newSleeper(kind: u32): MessageSleeper | null {
  const sleeper = create<MessageSleeper>();
  if (sleeper === null) return null;
  sleeper.bytes = offsetof<MessageSleeper>() as u32;
  sleeper.kind = kind;
  return sleeper;
}

/** Waits until there is room for `message`, which is in the queue then or freed. */
function waitForRoom(thread: Thread, queue: PosixQueue, message: Message, end: i64): i64 {
  const sleeper = newSleeper(SENDS);
  if (sleeper === null) {
    freeMessage(message);
    return -ENOMEM;
  }
  sleeper.storage = changetype<usize>(message);
  sleeper.storageBytes = bytesOf(message);
  const result = wait(thread, queue, sleeper, end);
  letGo(sleeper);
  return result;
}

/** mq_timedsend(queue, message, size, priority, end). */
export function sysMqTimedsend(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const end = endAt(program, regs.r8);
  if (end < 0) return end;
  if (regs.r10 >= PRIORITIES) return -EINVAL;
  const file = queueFile(thread, regs.rdi);
  if (file === null || !writable(file)) return -EBADF;
  const queue = queueOf(file);
  if (regs.rdx > queue.largest) return -EMSGSIZE;
  const size = regs.rdx as u32;
  const message = newMessage(regs.r10 as i64, size);
  if (message === null) return -ENOMEM;
  let error: i64 = copyFrom(program.space, textOf(message), regs.rsi, size) ? 0 : -EFAULT;
  const full = queue.count === queue.maximum;
  if (error === 0 && full && (file.flags & O_NONBLOCK) !== 0) error = -EAGAIN;
  if (error !== 0) {
    freeMessage(message);
    return error;
  }
  if (full) return waitForRoom(thread, queue, message, end);
  if (putMessage(queue, message) && queue.count === 1) tellOwner(thread, queue);
  return 0;
}

/** The message that `waitForMessage` has got. */
let received: Message | null = null;

function waitForMessage(thread: Thread, queue: PosixQueue, end: i64): i64 {
  const sleeper = newSleeper(RECEIVES);
  if (sleeper === null) return -ENOMEM;
  const result = wait(thread, queue, sleeper, end);
  received = changetype<Message | null>(sleeper.storage);
  sleeper.storage = 0;
  letGo(sleeper);
  return result;
}

/** mq_timedreceive(queue, buffer, size, priority, end). */
export function sysMqTimedreceive(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const end = endAt(program, regs.r8);
  if (end < 0) return end;
  const file = queueFile(thread, regs.rdi);
  if (file === null || !readable(file)) return -EBADF;
  const queue = queueOf(file);
  if (regs.rdx < queue.largest) return -EMSGSIZE;
  let message: Message | null = null;
  if (queue.count !== 0) {
    message = takeFirst(queue);
  } else {
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    const error = waitForMessage(thread, queue, end);
    if (error !== 0) return error;
    message = received;
  }
  if (message === null) return -EAGAIN;
  const size = message.size;
  const told = regs.r10 === 0 || put32(program.space, regs.r10, message.type as u32);
  const done = told && copyTo(program.space, regs.rsi, textOf(message), size);
  freeMessage(message);
  return done ? (size as i64) : -EFAULT;
}

/** mq_getsetattr(queue, new, old). */
export function sysMqGetsetattr(program: Program, regs: Utcb): i64 {
  const sets = regs.rsi !== 0;
  if (sets && !copyFrom(program.space, attributes, regs.rsi, ATTR_BYTES)) return -EFAULT;
  const flags = load<u64>(attributes);
  if (sets && (flags & ~(O_NONBLOCK as u64)) !== 0) return -EINVAL;
  const file = fileAt(program.files, regs.rdi);
  if (file === null || !isQueue(file) || (file.flags & O_PATH) !== 0) return -EBADF;
  const queue = queueOf(file);
  const old = file.flags & O_NONBLOCK;
  if (sets) file.flags = (file.flags & ~O_NONBLOCK) | (flags as u32);
  if (regs.rdx === 0) return 0;
  memory.fill(attributes, 0, ATTR_BYTES);
  store<u64>(attributes, old as u64);
  store<u64>(attributes + 8, queue.maximum);
  store<u64>(attributes + 16, queue.largest);
  store<u64>(attributes + 24, queue.count);
  return copyTo(program.space, regs.rdx, attributes, ATTR_BYTES) ? 0 : -EFAULT;
}
