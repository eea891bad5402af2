// msgget(2), msgsnd(2), msgrcv(2), msgctl(2).

import { Utcb } from "../../libhedron/utcb";
import { CAP_SYS_RESOURCE, capable } from "../../libroottask/credentials";
import {
  E2BIG,
  EACCES,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOMEM,
  ENOMSG,
  EPERM,
} from "../../libroottask/errno";
import { create } from "../../libroottask/heap";
import { seenId } from "../../libroottask/pid_numbers";
import { Program, Thread } from "../../libroottask/program";
import { copyFrom, copyTo, get64, got, put64 } from "../../libroottask/space";
import {
  ANY,
  bytesOf,
  EQUAL,
  findMessage,
  fits,
  freeMessage,
  Message,
  MessageQueue,
  MessageSleeper,
  NOT_EQUAL,
  NUMBERED,
  newMessage,
  newQueue,
  removeQueue,
  sendMessage,
  takeMessage,
  textOf,
  UP_TO,
} from "./messages";
import {
  existing,
  fillPermissions,
  highestPlace,
  IPC_INFO,
  IPC_NOWAIT,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  ipcSpaceHere,
  NEW,
  objectToTell,
  objectWith,
  permitControl,
  permits,
  TO_READ,
  TO_WRITE,
  takePermissions,
  tellError,
} from "./objects";
import { IpcSpace } from "./records";
import { AGAIN, finishAll, letGo, RECEIVES, SENDS, sleep } from "./sleepers";

/** Flags of msgrcv(2), include/uapi/linux/msg.h. */
const MSG_NOERROR: u64 = 0o10000;
const MSG_EXCEPT: u64 = 0o20000;
const MSG_COPY: u64 = 0o40000;
/** Commands of msgctl(2). */
const MSG_STAT: u32 = 11;
const MSG_INFO: u32 = 12;
const MSG_STAT_ANY: u32 = 13;

/** Bytes in front of a message's own: its type. */
const TYPE_BYTES: u64 = 8;
/** What MSG_NOERROR takes at most. */
const ANY_SIZE: u64 = i32.MAX_VALUE as u64;

/** struct msqid64_ds, where its `qbytes` is, and struct msginfo. */
const DS_BYTES: u32 = 120;
const DS_ROOM: usize = 88;
const INFO_BYTES: u32 = 32;
/** What Linux tells of what is not kept: MSGPOOL, MSGMAP and MSGTQL, MSGSSZ, MSGSEG. */
const MSGPOOL: u32 = 512_000;
const MSGMAP: u32 = 16384;
const MSGSSZ: u32 = 16;
const MSGSEG: u16 = 0xffff;
const buffer = memory.data(128);

function queueWith(space: IpcSpace, id: u64): MessageQueue | null {
  return changetype<MessageQueue | null>(objectWith(space.queues, id));
}

/** msgget(key, flags). */
export function sysMsgget(program: Program, regs: Utcb): i64 {
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  const key = regs.rdi as u32;
  const id = existing(space.queues, key, regs.rsi, 0);
  return id === NEW ? newQueue(space, key, regs.rsi) : id;
}

/** A sleeper of `kind`; null when memory is out. */
function newSleeper(kind: u32): MessageSleeper | null {
  const sleeper = create<MessageSleeper>();
  if (sleeper === null) return null;
  sleeper.bytes = offsetof<MessageSleeper>() as u32;
  sleeper.kind = kind;
  return sleeper;
}

/** Waits until `message`, which it frees where that does not come to be, has been sent to `queue`. */
function waitForRoom(thread: Thread, queue: MessageQueue, message: Message): i64 {
  const sleeper = newSleeper(SENDS);
  if (sleeper === null) {
    freeMessage(message);
    return -ENOMEM;
  }
  sleeper.storage = changetype<usize>(message);
  sleeper.storageBytes = bytesOf(message);
  const result = sleep(thread, queue, sleeper, 0);
  // To look again, the message is needed.
  if (result === AGAIN) sleeper.storage = 0;
  letGo(sleeper);
  return result;
}

/** Sends `message`, or frees it: 0 or a negative error. */
function send(thread: Thread, space: IpcSpace, id: u64, message: Message, waits: bool): i64 {
  let result: i64 = AGAIN;
  while (result === AGAIN) {
    const queue = queueWith(space, id);
    let error: i64 = 0;
    if (queue === null) error = -EINVAL;
    else if (!permits(queue, TO_WRITE)) error = -EACCES;
    else if (!waits && !fits(queue, message.size)) error = -EAGAIN;
    if (queue === null || error !== 0) {
      freeMessage(message);
      return error;
    }
    if (fits(queue, message.size)) {
      sendMessage(queue, message, thread.program.id);
      return 0;
    }
    result = waitForRoom(thread, queue, message);
  }
  return result;
}

/** msgsnd(id, message, size, flags). */
export function sysMsgsnd(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  if (!get64(program.space, regs.rsi)) return -EFAULT;
  const type = got as i64;
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  if (regs.rdx > (space.msgmax as u64) || (regs.rdi as i32) < 0 || type < 1) return -EINVAL;
  const size = regs.rdx as u32;
  const message = newMessage(type, size);
  if (message === null) return -ENOMEM;
  if (!copyFrom(program.space, textOf(message), regs.rsi + TYPE_BYTES, size)) {
    freeMessage(message);
    return -EFAULT;
  }
  return send(thread, space, regs.rdi, message, (regs.r10 & IPC_NOWAIT) === 0);
}

/** How msgrcv(2) looks for a message: set by `readWish`. */
let wishMode: u32 = 0;
let wishType: i64 = 0;

function readWish(type: i64, flags: u64): void {
  wishType = type;
  if ((flags & MSG_COPY) !== 0) {
    wishMode = NUMBERED;
  } else if (type === 0) {
    wishMode = ANY;
  } else if (type < 0) {
    wishMode = UP_TO;
    wishType = type === i64.MIN_VALUE ? i64.MAX_VALUE : -type;
  } else {
    wishMode = (flags & MSG_EXCEPT) !== 0 ? NOT_EQUAL : EQUAL;
  }
}

/** The message that `waitForMessage` has got. */
let received: Message | null = null;

/** Waits for a message as `readWish` has it. Returns 0, AGAIN or a negative error. */
function waitForMessage(thread: Thread, queue: MessageQueue, limit: u64): i64 {
  const sleeper = newSleeper(RECEIVES);
  if (sleeper === null) return -ENOMEM;
  sleeper.mode = wishMode;
  sleeper.type = wishType;
  sleeper.limit = limit;
  const result = sleep(thread, queue, sleeper, 0);
  received = changetype<Message | null>(sleeper.storage);
  sleeper.storage = 0;
  letGo(sleeper);
  return result;
}

/** Gives the program at most `size` bytes of `message`, and its type: how many, or -EFAULT. */
function deliver(program: Program, message: Message, address: u64, size: u64): i64 {
  if (!put64(program.space, address, message.type as u64)) return -EFAULT;
  const length = min<u64>(size, message.size as u64);
  const to = address + TYPE_BYTES;
  if (!copyTo(program.space, to, textOf(message), length as u32)) return -EFAULT;
  return length as i64;
}

/** MSG_COPY: the message stays where it is. */
function deliverCopy(program: Program, message: Message, address: u64, size: u64): i64 {
  if ((message.size as u64) > size) return -EINVAL;
  return deliver(program, message, address, size);
}

function receive(thread: Thread, space: IpcSpace, regs: Utcb): i64 {
  const program = thread.program;
  const flags = regs.r8;
  const size = regs.rdx;
  const cuts = (flags & MSG_NOERROR) !== 0;
  for (;;) {
    const queue = queueWith(space, regs.rdi);
    if (queue === null) return -EINVAL;
    if (!permits(queue, TO_READ)) return -EACCES;
    readWish(regs.r10 as i64, flags);
    let message = findMessage(queue, wishMode, wishType);
    if (message !== null) {
      if (size < (message.size as u64) && !cuts) return -E2BIG;
      if ((flags & MSG_COPY) !== 0) return deliverCopy(program, message, regs.rsi, size);
      takeMessage(queue, message, program.id);
    } else {
      if ((flags & IPC_NOWAIT) !== 0) return -ENOMSG;
      const result = waitForMessage(thread, queue, cuts ? ANY_SIZE : size);
      if (result === AGAIN) continue;
      if (result !== 0) return result;
      message = received;
    }
    if (message === null) return -ENOMSG;
    const result = deliver(program, message, regs.rsi, size);
    freeMessage(message);
    return result;
  }
}

/** msgrcv(id, message, size, type, flags). */
export function sysMsgrcv(thread: Thread, regs: Utcb): i64 {
  const flags = regs.r8;
  if ((regs.rdi as i32) < 0 || (regs.rdx as i64) < 0) return -EINVAL;
  if ((flags & MSG_COPY) !== 0) {
    if ((flags & MSG_EXCEPT) !== 0 || (flags & IPC_NOWAIT) === 0) return -EINVAL;
  }
  const space = ipcSpaceHere();
  return space === null ? -ENOMEM : receive(thread, space, regs);
}

/** IPC_INFO and MSG_INFO. */
function tellInfo(program: Program, space: IpcSpace, command: u32, address: u64): i64 {
  const used = command !== IPC_INFO;
  memory.fill(buffer, 0, INFO_BYTES);
  store<u32>(buffer, used ? space.queues.used : MSGPOOL);
  store<u32>(buffer + 4, used ? (space.messages as u32) : MSGMAP);
  store<u32>(buffer + 8, space.msgmax);
  store<u32>(buffer + 12, space.msgmnb);
  store<u32>(buffer + 16, space.msgmni);
  store<u32>(buffer + 20, MSGSSZ);
  store<u32>(buffer + 24, used ? (space.messageBytes as u32) : MSGMAP);
  store<u16>(buffer + 28, MSGSEG);
  if (!copyTo(program.space, address, buffer, INFO_BYTES)) return -EFAULT;
  return highestPlace(space.queues);
}

/** IPC_STAT and its like. */
function tell(program: Program, space: IpcSpace, id: u64, command: u32, address: u64): i64 {
  const exact = command === IPC_STAT;
  const object = objectToTell(space.queues, id, exact, command === MSG_STAT_ANY);
  if (object === null) return tellError;
  const queue = changetype<MessageQueue>(object);
  memory.fill(buffer, 0, DS_BYTES);
  fillPermissions(queue, buffer);
  store<i64>(buffer + 48, queue.sendTime);
  store<i64>(buffer + 56, queue.receiveTime);
  store<i64>(buffer + 64, queue.changeTime);
  store<u64>(buffer + 72, queue.bytes);
  store<u64>(buffer + 80, queue.count);
  store<u64>(buffer + DS_ROOM, queue.room);
  store<u32>(buffer + 96, seenId(queue.sender));
  store<u32>(buffer + 100, seenId(queue.receiver));
  if (!copyTo(program.space, address, buffer, DS_BYTES)) return -EFAULT;
  return exact ? 0 : (queue.id as i64);
}

/** IPC_SET: who waits looks again, since it may not be allowed any more, or there may be room. */
function set(queue: MessageQueue): i64 {
  const room = load<u64>(buffer + DS_ROOM);
  if (room > (queue.space.msgmnb as u64) && !capable(CAP_SYS_RESOURCE)) return -EPERM;
  const error = takePermissions(queue, buffer);
  if (error !== 0) return error;
  queue.room = room;
  finishAll(queue, AGAIN);
  return 0;
}

/** msgctl(id, command, buffer). */
export function sysMsgctl(program: Program, regs: Utcb): i64 {
  const command = regs.rsi as u32;
  if ((command as i32) < 0 || (regs.rdi as i32) < 0) return -EINVAL;
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  if (command === IPC_INFO || command === MSG_INFO) {
    return tellInfo(program, space, command, regs.rdx);
  }
  if (command === IPC_STAT || command === MSG_STAT || command === MSG_STAT_ANY) {
    return tell(program, space, regs.rdi, command, regs.rdx);
  }
  if (command !== IPC_SET && command !== IPC_RMID) return -EINVAL;
  const sets = command === IPC_SET;
  if (sets && !copyFrom(program.space, buffer, regs.rdx, DS_BYTES)) return -EFAULT;
  const queue = queueWith(space, regs.rdi);
  if (queue === null) return -EINVAL;
  const error = permitControl(queue);
  if (error !== 0) return error;
  if (sets) return set(queue);
  removeQueue(queue);
  return 0;
}
