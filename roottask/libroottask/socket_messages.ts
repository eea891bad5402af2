// What goes from socket to socket: messages in queues, what goes along with them, and what came with the last one.

import { PAGE_SIZE } from "../libhedron/abi";
import { actor } from "./credentials";
import { EFAULT, ENOBUFS } from "./errno";
import { allocate, create, destroy, release } from "./heap";
import { dropFile, OpenFile } from "./open_file";
import { totalPages } from "./pages";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./poll_events";
import { Thread } from "./program";
import { letGo, MESSAGE_COST, Message, SOCK_DGRAM, Socket } from "./socket";
import { Transfer, takeBytes } from "./transfer";
import { notify } from "./watches";

/** Most descriptors a message takes along (SCM_MAX_FD). */
export const RIGHTS_MAX: u32 = 253;

/** Share of RAM, as a divisor, that messages may have, and that open files may have that are in messages alone. */
const SHARE: u32 = 4;
const FLIGHT_SHARE: u32 = 16;
/** What an open file takes, with its node, bytes. */
const FILE_COST: u32 = 512;

/** Open files that have lost their last user while another is being freed. */
let dropped: OpenFile | null = null;
let dropping: bool = false;
/** Open files in messages, each as often as it is there. */
let flying: u32 = 0;

/** Messages can take `count` more open files along. */
export function mayFly(count: u32): bool {
  return flying + count <= (totalPages() / FLIGHT_SHARE) * (PAGE_SIZE / FILE_COST);
}

/**
 * A user of `file` goes. A file that is freed may be a socket with messages that have others: those are freed one after
 * the other, however long the chain is.
 */
export function letFileGo(file: OpenFile): void {
  file.users--;
  if (file.users !== 0) {
    dropFile(file);
    return;
  }
  file.nextDropped = dropped;
  dropped = file;
  if (dropping) return;
  dropping = true;
  while (dropped !== null) {
    const next = dropped as OpenFile;
    dropped = next.nextDropped;
    dropFile(next);
  }
  dropping = false;
}

/** Lets `count` open files go, whose list is at `rights`, and the list. */
function dropList(rights: usize, count: u32): void {
  if (count === 0) return;
  for (let i: u32 = 0; i < count; i++) letFileGo(changetype<OpenFile>(load<usize>(rights + i * 4)));
  release(rights, count * 4);
}

/** The open files that go with `message` are in one more, or one less. */
function fly(message: Message, more: u32): void {
  for (let i: u32 = 0; i < message.rightCount; i++) {
    const file = changetype<OpenFile>(load<usize>(message.rights + i * 4));
    file.inFlight += more;
  }
  flying += more * message.rightCount;
}

/** What goes with `message` is let go. */
export function dropRights(message: Message): void {
  fly(message, -1);
  const count = message.rightCount;
  message.rightCount = 0;
  dropList(message.rights, count);
}

/** What all messages there are cost. */
export let queuedBytes: u32 = 0;

/** Frees a message that is in no queue, and lets its sender send more. */
export function freeMessage(message: Message): void {
  const sender = message.sender;
  dropRights(message);
  if (message.capacity !== 0) release(message.data, message.capacity);
  sender.charged -= message.charge;
  queuedBytes -= message.charge;
  if (sender.dead === 0) notify(sender.node, POLLOUT | POLLWRNORM);
  destroy<Message>(message);
  letGo(sender);
}

/** Takes the first message out of the queue of `socket`, which has one. */
export function takeFirst(socket: Socket): Message {
  const message = socket.first as Message;
  socket.first = message.next;
  if (socket.first === null) socket.last = null;
  socket.messages--;
  return message;
}

/** `message` comes from `from` and costs it `bytes` until it is freed. */
export function charge(message: Message, from: Socket, bytes: u32): void {
  message.charge = 0;
  message.sender = from;
  from.refs++;
  chargeMore(message, bytes);
}

/** `message` costs its sender `bytes` more. */
function chargeMore(message: Message, bytes: u32): void {
  message.charge += bytes;
  message.sender.charged += bytes;
  queuedBytes += bytes;
}

/** Puts the next `length` bytes of `transfer` behind what `message` has, which is in no queue: 0 or a negative error. */
export function extendMessage(message: Message, transfer: Transfer, length: u32): i64 {
  const wanted = message.length + length;
  if (!mayQueue(length)) return -ENOBUFS;
  if (wanted > message.capacity) {
    const capacity = max<u32>(wanted, message.capacity * 2);
    const data = allocate(capacity);
    if (data === 0) return -ENOBUFS;
    memory.copy(data, message.data, message.length);
    if (message.capacity !== 0) release(message.data, message.capacity);
    message.data = data;
    message.capacity = capacity;
  }
  if (takeBytes(transfer, message.data + message.length, length) < length) return -EFAULT;
  message.length = wanted;
  chargeMore(message, length);
  return 0;
}

/** Messages may have `bytes` more. */
export function mayQueue(bytes: u32): bool {
  return (queuedBytes + bytes) / PAGE_SIZE <= totalPages() / SHARE;
}

/** Why `makeMessage` has made none: a negative error. */
export let messageError: i64 = 0;

/** A message from `from` of `length` bytes, zeroes at first, charged to it; null with `messageError`. */
export function blankMessage(from: Socket, length: u32): Message | null {
  messageError = -ENOBUFS;
  if (!mayQueue(length)) return null;
  const message = create<Message>();
  if (message === null) return null;
  const data: usize = length === 0 ? 0 : allocate(length);
  if (length !== 0 && data === 0) {
    destroy<Message>(message);
    return null;
  }
  message.data = data;
  message.capacity = length;
  message.length = length;
  charge(message, from, length + MESSAGE_COST);
  return message;
}

/** A copy of `message`, which has no descriptors, without its first `skipped` bytes; null when memory is out. */
export function copyMessage(message: Message, skipped: u32): Message | null {
  const copy = blankMessage(message.sender, message.length - skipped);
  if (copy === null) return null;
  copyAbout(copy, message);
  memory.copy(copy.data, message.data + skipped, copy.length);
  return copy;
}

/** What a copy of `message` has beside its bytes. */
function copyAbout(copy: Message, message: Message): void {
  copy.process = message.process;
  copy.user = message.user;
  copy.group = message.group;
  copy.fromHigh = message.fromHigh;
  copy.fromLow = message.fromLow;
  copy.toHigh = message.toHigh;
  copy.toLow = message.toLow;
  copy.fromPort = message.fromPort;
  copy.toPort = message.toPort;
  copy.hops = message.hops;
  copy.service = message.service;
  copy.time = message.time;
}

/** A copy of `message`, which has no descriptors, behind `bytes` zeroes; null when memory is out. */
export function prefixMessage(message: Message, bytes: u32): Message | null {
  const copy = blankMessage(message.sender, bytes + message.length);
  if (copy === null) return null;
  copyAbout(copy, message);
  memory.copy(copy.data + bytes, message.data, message.length);
  return copy;
}

/** A message from `from` of the next `length` bytes of `transfer`, charged to it; null with `messageError`. */
export function makeMessage(
  thread: Thread,
  from: Socket,
  transfer: Transfer,
  length: u32,
): Message | null {
  const message = blankMessage(from, length);
  if (message === null) return null;
  if (takeBytes(transfer, message.data, length) < length) {
    messageError = -EFAULT;
    freeMessage(message);
    return null;
  }
  message.process = thread.program.id;
  message.user = actor.user;
  message.group = actor.group;
  return message;
}

/** Puts `message` into the queue of `to`. */
export function append(to: Socket, message: Message): void {
  const last = to.last;
  if (last === null) to.first = message;
  else last.next = message;
  to.last = message;
  to.messages++;
  notify(to.node, POLLIN | POLLRDNORM);
}

/** What goes with the next message: open files, and whom it says that it comes from, where `sendAs` is set. */
export let sendRights: usize = 0;
export let sendRightCount: u32 = 0;
let sendProcess: u32 = 0;
let sendUser: u32 = 0;
let sendGroup: u32 = 0;
let sendAs: bool = false;

/** Storage for `count` open files that go with the next message; they have been counted as used. */
export function setRights(rights: usize, count: u32): void {
  sendRights = rights;
  sendRightCount = count;
}

export function setSender(process: u32, user: u32, group: u32): void {
  sendAs = true;
  sendProcess = process;
  sendUser = user;
  sendGroup = group;
}

export function clearAncillary(): void {
  sendRights = 0;
  sendRightCount = 0;
  sendAs = false;
}

/** What a call sends along, kept while it waits. */
@unmanaged
export class Ancillary {
  rights: usize;
  count: u32;
  process: u32;
  user: u32;
  group: u32;
  claimed: u32;
}

/** What has been said to go with the next message; null when memory is out, and nothing goes. */
export function takeAncillary(): Ancillary | null {
  const along = create<Ancillary>();
  if (along === null) {
    dropUnsent();
    return null;
  }
  along.rights = sendRights;
  along.count = sendRightCount;
  along.process = sendProcess;
  along.user = sendUser;
  along.group = sendGroup;
  along.claimed = sendAs ? 1 : 0;
  clearAncillary();
  return along;
}

/** What has been said to go with a message that there is none of is let go. */
export function dropUnsent(): void {
  dropList(sendRights, sendRightCount);
  clearAncillary();
}

/** What has not gone with a message is let go. */
export function dropAncillary(along: Ancillary): void {
  dropList(along.rights, along.count);
  destroy<Ancillary>(along);
}

/** User and group of nobody that is known. */
const NOBODY: u32 = 65_534;

/** `along` goes with `message`, and whom it comes from where it says so or one of both is `asked` to tell. */
export function goAlong(message: Message, along: Ancillary, asked: bool): void {
  message.rights = along.rights;
  message.rightCount = along.count;
  fly(message, 1);
  along.count = 0;
  if (along.claimed === 0) {
    if (asked) return;
    message.process = 0;
    message.user = NOBODY;
    message.group = NOBODY;
    return;
  }
  message.process = along.process;
  message.user = along.user;
  message.group = along.group;
}

/** What came with the message that has been received last; the receiver lets it go. */
export let receivedRights: usize = 0;
export let receivedRightCount: u32 = 0;
export let receivedProcess: u32 = 0;
export let receivedUser: u32 = 0;
export let receivedGroup: u32 = 0;
/** Who sent it, which is kept until `endReceipt`; null for nobody. */
export let receivedFrom: Socket | null = null;
/** A message was longer than there was room, MSG_TRUNC. */
export let receivedFlags: u32 = 0;

export function setReceivedFlags(flags: u32): void {
  receivedFlags = flags;
}

export function noteMessage(message: Message, peek: bool): void {
  receivedProcess = message.process;
  receivedUser = message.user;
  receivedGroup = message.group;
  if (receivedFrom === null) {
    message.sender.refs++;
    receivedFrom = message.sender;
  }
  if (message.rightCount === 0) return;
  receivedRights = message.rights;
  receivedRightCount = message.rightCount;
  if (!peek) {
    fly(message, -1);
    message.rightCount = 0;
    return;
  }
  const copy = allocate(message.rightCount * 4);
  receivedRights = copy;
  if (copy === 0) receivedRightCount = 0;
  for (let i: u32 = 0; i < receivedRightCount; i++) {
    const file = changetype<OpenFile>(load<usize>(message.rights + i * 4));
    file.users++;
    store<usize>(copy + i * 4, changetype<usize>(file));
  }
}

/** Comes before a message is received. */
export function beginReceipt(): void {
  receivedProcess = 0;
  receivedUser = 0;
  receivedGroup = 0;
  receivedRightCount = 0;
  receivedFlags = 0;
  receivedFrom = null;
}

/** Comes behind: what nobody has taken is let go. */
export function endReceipt(): void {
  const from = receivedFrom;
  receivedFrom = null;
  if (from !== null) letGo(from);
  dropList(receivedRights, receivedRightCount);
  receivedRightCount = 0;
}

/** Bytes that can be read at once: of datagrams those of the next one. */
export function readableBytes(socket: Socket): u32 {
  let bytes: u32 = 0;
  let message = socket.first;
  while (message !== null) {
    bytes += message.length - message.taken;
    if (socket.type === SOCK_DGRAM) break;
    message = message.next;
  }
  return bytes;
}
