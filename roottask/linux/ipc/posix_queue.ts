// Message queues of POSIX (mq_overview(7)): messages in the order of their priorities, in files that have names in no
// directory but that of a line of the start file. Who waits is served as with those of System V. What a queue may hold at
// most counts against RLIMIT_MSGQUEUE of its maker's user from the beginning.

import { decimal } from "../../../tools/screen/guest/digits";
import { actor } from "../../libroottask/credentials";
import { EFAULT, EINVAL } from "../../libroottask/errno";
import { markChanged, markModified } from "../../libroottask/file_time";
import {
  newOperations,
  OpenFile,
  POSITION_KEPT,
  SEEK_CUR,
  SEEK_SET,
  seekFrom,
} from "../../libroottask/open_file";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../libroottask/poll_events";
import { Thread } from "../../libroottask/program";
import { letGo, Socket } from "../../libroottask/socket";
import { copyLiteral } from "../../libroottask/text";
import { fillBytes, Transfer } from "../../libroottask/transfer";
import { dispose, KIND_FILE, Node, newNode } from "../../libroottask/tree";
import { notify } from "../../libroottask/watches";
import { bytesOf, freeMessage, Message, MessageSleeper } from "./messages";
import { freeIpcSpace, giveUp, keep } from "./objects";
import { IpcSpace, Slept } from "./records";
import { finish, RECEIVES, SENDS } from "./sleepers";

/** Size that stat(2) tells of a queue. */
const FILE_BYTES: u64 = 80;
/** What Linux adds to the bytes of a message for RLIMIT_MSGQUEUE: its record, and one for each priority. */
const RECORD_BYTES: u64 = 48;
export const PRIORITIES: u64 = 32768;

@unmanaged
export class PosixQueue extends Slept {
  next: PosixQueue | null;
  space: IpcSpace;
  node: Node;
  /** Its name, while it has one. */
  name: usize;
  nameLength: u32;
  /** Messages it may have, their largest size, and how many there are. */
  maximum: u64;
  largest: u64;
  count: u64;
  /** Bytes of those. */
  bytes: u64;
  /** Those of highest priority first. */
  first: Message | null;
  /** User that it counts for, and with how many bytes. */
  user: u32;
  charge: u64;
  /** Process that is told when a message comes to the empty queue, 0 for none, by SIGEV_…, signal and value. */
  owner: u32;
  notifies: u32;
  signal: u32;
  value: u64;
  /** Of SIGEV_THREAD: the socket that is told, and what it is told: NOTIFY_COOKIE_BYTES. */
  socket: usize;
  cookie0: u64;
  cookie1: u64;
  cookie2: u64;
  cookie3: u64;
}

const QUEUE_BYTES: u32 = offsetof<PosixQueue>() as u32;
const storage = memory.data(64);
const line = memory.data(128);

type Closing = (queue: PosixQueue) => void;

export function isQueue(file: OpenFile): bool {
  return file.node.operations === storage;
}

export function queueOf(file: OpenFile): PosixQueue {
  return changetype<PosixQueue>(file.node.object);
}

/** What a queue counts against RLIMIT_MSGQUEUE. */
export function chargeFor(maximum: u64, largest: u64): u64 {
  return maximum * (largest + RECORD_BYTES) + min<u64>(maximum, PRIORITIES) * RECORD_BYTES;
}

/** Bytes that the queues of `user` count. */
export function chargeOf(space: IpcSpace, user: u32): u64 {
  let sum: u64 = 0;
  let queue = changetype<PosixQueue | null>(space.posixQueues);
  while (queue !== null) {
    if (queue.user === user) sum += queue.charge;
    queue = queue.next;
  }
  return sum;
}

/** The queue with the name of `length` bytes at `name`, or null. */
export function queueNamed(space: IpcSpace, name: usize, length: u32): PosixQueue | null {
  let queue = changetype<PosixQueue | null>(space.posixQueues);
  while (queue !== null) {
    const may = queue.name !== 0 && queue.nameLength === length;
    if (may && memory.compare(queue.name, name, length) === 0) return queue;
    queue = queue.next;
  }
  return null;
}

/** A new queue with a name and permissions `mode`; null when there can be no more. */
export function newPosixQueue(
  space: IpcSpace,
  name: usize,
  length: u32,
  mode: u32,
  maximum: u64,
  largest: u64,
): PosixQueue | null {
  const queue = changetype<PosixQueue | null>(keep(QUEUE_BYTES));
  if (queue === null) return null;
  queue.name = keep(length);
  const node: Node | null = queue.name === 0 ? null : newNode(KIND_FILE, mode);
  if (node === null) {
    if (queue.name !== 0) giveUp(queue.name, length);
    giveUp(changetype<usize>(queue), QUEUE_BYTES);
    return null;
  }
  memory.copy(queue.name, name, length);
  queue.nameLength = length;
  node.links = 1;
  node.size = FILE_BYTES;
  node.operations = storage;
  node.object = changetype<usize>(queue);
  markModified(node);
  node.accessTime = node.time;
  queue.node = node;
  queue.space = space;
  queue.maximum = maximum;
  queue.largest = largest;
  queue.user = actor.user;
  queue.charge = chargeFor(maximum, largest);
  queue.next = changetype<PosixQueue | null>(space.posixQueues);
  space.posixQueues = changetype<usize>(queue);
  space.posixCount++;
  return queue;
}

/** Frees what nobody can reach any more; its node is about to go. */
function freePosixQueue(queue: PosixQueue): void {
  const space = queue.space;
  if (space.posixQueues === changetype<usize>(queue)) {
    space.posixQueues = changetype<usize>(queue.next);
  } else {
    let at = changetype<PosixQueue>(space.posixQueues);
    while (at.next !== queue) at = at.next as PosixQueue;
    at.next = queue.next;
  }
  space.posixCount--;
  for (let message = queue.first; message !== null; message = queue.first) {
    queue.first = message.next;
    freeMessage(message);
  }
  queue.node.object = 0;
  // Whoever was to be told has ended without closing the queue.
  if (queue.socket !== 0) letGo(changetype<Socket>(queue.socket));
  giveUp(changetype<usize>(queue), QUEUE_BYTES);
  freeIpcSpace(space);
}

/** Takes the name of `queue` away: it goes with the last open file. */
export function unnameQueue(queue: PosixQueue): void {
  const node = queue.node;
  giveUp(queue.name, queue.nameLength);
  queue.name = 0;
  node.links = 0;
  markChanged(node);
  if (node.users !== 0) return;
  freePosixQueue(queue);
  dispose(node);
}

/** Nobody is in `space` any more: its queues are those of who has them open. */
export function leavePosixQueues(space: IpcSpace): void {
  let at = changetype<PosixQueue | null>(space.posixQueues);
  while (at !== null) {
    const next: PosixQueue | null = at.next;
    if (at.name !== 0) unnameQueue(at);
    at = next;
  }
}

/** Puts `message` behind those of its priority, without telling anybody. */
function insert(queue: PosixQueue, message: Message): void {
  let previous: Message | null = null;
  let at = queue.first;
  while (at !== null && at.type >= message.type) {
    previous = at;
    at = at.next;
  }
  message.next = at;
  if (previous === null) queue.first = message;
  else previous.next = message;
  queue.count++;
  queue.bytes += message.size as u64;
}

/** The first of those who wait to receive, or to send; null where nobody does. */
function firstWaiting(queue: PosixQueue, kind: u32): MessageSleeper | null {
  let at = queue.sleepers;
  while (at !== null && at.kind !== kind) at = at.next;
  return changetype<MessageSleeper | null>(at);
}

/**
 * Gives `message`, for which there is room, to who waits for one, or keeps it: true then, and where the queue has been
 * empty, its owner is to be told.
 */
export function putMessage(queue: PosixQueue, message: Message): bool {
  markChanged(queue.node);
  const receiver = firstWaiting(queue, RECEIVES);
  if (receiver !== null) {
    receiver.storage = changetype<usize>(message);
    receiver.storageBytes = bytesOf(message);
    finish(receiver, 0);
    return false;
  }
  insert(queue, message);
  notify(queue.node, POLLIN | POLLRDNORM);
  return true;
}

/** Takes the message of highest priority, which there is; the first who waits for room has its place. */
export function takeFirst(queue: PosixQueue): Message {
  const message = queue.first as Message;
  queue.first = message.next;
  queue.count--;
  queue.bytes -= message.size as u64;
  markChanged(queue.node);
  const sender = firstWaiting(queue, SENDS);
  if (sender === null) {
    notify(queue.node, POLLOUT | POLLWRNORM);
  } else {
    const sent = changetype<Message>(sender.storage);
    sender.storage = 0;
    finish(sender, 0);
    insert(queue, sent);
    notify(queue.node, POLLIN | POLLRDNORM);
  }
  return message;
}

/** Writes `label` and `value`, left-aligned in `width` columns, behind the `length` bytes of the line: its new length. */
function field(length: u32, label: string, value: u64, width: u32): u32 {
  const start = length + copyLiteral(line + length, label);
  const end = start + decimal(line + start, value);
  const stop = max<u32>(end, start + width);
  memory.fill(line + end, 32, stop - end);
  return stop;
}

/** What reading a queue tells: bytes, and who is told of messages. */
function read(_thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  const queue = queueOf(file);
  const told = queue.owner !== 0;
  let length = field(0, "QSIZE:", queue.bytes, 10);
  length = field(length, " NOTIFY:", told ? (queue.notifies as u64) : 0, 5);
  length = field(length, " SIGNO:", told && queue.notifies === 0 ? (queue.signal as u64) : 0, 5);
  length = field(length, " NOTIFY_PID:", queue.owner as u64, 6);
  store<u8>(line + length++, 10);
  if (position >= (length as i64)) return 0;
  const at = position as u32;
  const wanted = min<u64>(transfer.left, (length - at) as u64) as u32;
  const done = fillBytes(transfer, line + at, wanted);
  return done === 0 && wanted !== 0 ? -EFAULT : (done as i64);
}

function seek(file: OpenFile, offset: i64, whence: u32): i64 {
  if (whence !== SEEK_SET && whence !== SEEK_CUR) return -EINVAL;
  const position = seekFrom(whence === SEEK_SET ? 0 : file.position, offset);
  if (position >= 0) file.position = position;
  return position;
}

function poll(file: OpenFile): u32 {
  const queue = queueOf(file);
  let events: u32 = 0;
  if (queue.count !== 0) events |= POLLIN | POLLRDNORM;
  if (queue.count < queue.maximum) events |= POLLOUT | POLLWRNORM;
  return events;
}

function release(file: OpenFile): void {
  const node = file.node;
  if (node.links === 0 && node.users === 1) freePosixQueue(queueOf(file));
}

function nothing(_queue: PosixQueue): void {}

let whenClosed: Closing = nothing;

function close(file: OpenFile): void {
  whenClosed(queueOf(file));
}

/** Must be called before any program runs; `closing` is told when a program closes a descriptor of a queue. */
export function initPosixQueues(closing: Closing): void {
  const operations = newOperations(storage);
  operations.read = read;
  operations.seek = seek;
  operations.poll = poll;
  operations.release = release;
  operations.position = POSITION_KEPT;
  whenClosed = closing;
  operations.close = close;
}
