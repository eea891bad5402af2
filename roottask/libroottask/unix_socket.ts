// Local sockets: unix(7). A socket has a queue of what has been sent to it; who sends is charged for what has not been
// taken yet, as on Linux, and waits where that is too much. Left out: out-of-band bytes, and taking back sockets that are
// only in messages to each other.

import { monotonic } from "./clock";
import { actor } from "./credentials";
import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EINTR,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOMEM,
  ENOTCONN,
  ENOTTY,
  ENXIO,
  EPERM,
  EPIPE,
} from "./errno";
import { allocate, create, destroy, release } from "./heap";
import {
  dropFile,
  FIONREAD,
  newOperations,
  O_NONBLOCK,
  O_RDWR,
  OpenFile,
  openNode,
  setKind,
} from "./open_file";
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "./poll_events";
import { Thread, WAIT_INTERRUPTED, WAIT_TIMED_OUT } from "./program";
import { waitUntil } from "./readiness";
import { put32 } from "./space";
import { fillBytes, Transfer, takeBytes } from "./transfer";
import { dispose, KIND_SOCKET, Node, newNode } from "./tree";
import { notify, READABLE, WRITABLE } from "./watches";

export const SOCK_STREAM: u32 = 1;
export const SOCK_DGRAM: u32 = 2;
export const SOCK_SEQPACKET: u32 = 5;

/** States of a socket. */
export const UNCONNECTED: u32 = 0;
export const LISTENING: u32 = 1;
export const CONNECTED: u32 = 2;

/** Directions that are shut down. */
export const SHUT_RECEIVE: u32 = 1;
export const SHUT_SEND: u32 = 2;
const SHUT_BOTH: u32 = 3;

/** Flags of send(2) and recv(2) that are looked at here. */
export const MSG_PEEK: u32 = 2;
export const MSG_TRUNC: u32 = 0x20;
export const MSG_DONTWAIT: u32 = 0x40;
export const MSG_WAITALL: u32 = 0x100;

/** What may be sent and not been taken, by default, bytes with those that a message costs. */
const BUFFER_BYTES: u32 = 212_992;
const MESSAGE_COST: u32 = 768;
/** Bytes of a stream that go into one message. */
const CHUNK: u32 = 32_768;
/** Messages that wait at a socket others than its peer send to (net.unix.max_dgram_qlen). */
const MESSAGES_MAX: u32 = 10;
/** Longest name. */
export const NAME_MAX: u32 = 108;
/** Most descriptors a message takes along (SCM_MAX_FD). */
export const RIGHTS_MAX: u32 = 253;

/** Bytes that have not been read (TIOCOUTQ). */
const SIOCOUTQ: u32 = 0x5411;

@unmanaged
export class Message {
  next: Message | null;
  /** Who is charged for it; its name is that of the sender. */
  sender: Socket;
  data: usize;
  length: u32;
  /** Bytes that have been taken. */
  taken: u32;
  charge: u32;
  /** Open files that go with it, and how many. */
  rights: usize;
  rightCount: u32;
  process: u32;
  user: u32;
  group: u32;
}

@unmanaged
export class Socket {
  /** Its open file, those that have it as peer, and messages from it. */
  refs: u32;
  type: u32;
  state: u32;
  /** Its open file is gone. */
  dead: u32;
  shut: u32;
  /** What the next call returns, as an error number. */
  error: u32;
  node: Node;
  peer: Socket | null;
  first: Message | null;
  last: Message | null;
  messages: u32;
  /** What it is charged for. */
  charged: u32;
  /** Of one that listens: connections that nobody has accepted, the first, and how many there may be. */
  pending: Socket | null;
  pendingCount: u32;
  backlog: u32;
  nextPending: Socket | null;
  /** Its name, bytes of sun_path; and the node of the tree that it is bound to. */
  name: usize;
  nameLength: u32;
  bound: Node | null;
  /** It is found by its abstract name. */
  listed: u32;
  /** Whom SO_PEERCRED tells of, and what a peer is told of this one. */
  peerProcess: u32;
  peerUser: u32;
  peerGroup: u32;
  process: u32;
  user: u32;
  group: u32;
  passesCredentials: u32;
  sendBuffer: u32;
  receiveBuffer: u32;
  /** Time limits of calls, nanoseconds, 0 for none. */
  sendTime: u64;
  receiveTime: u64;
  /** Options that change nothing: a bit per SO_…. */
  options: u64;
  next: Socket | null;
}

const storage = memory.data(64);
const named = memory.data(64);
let sockets: Socket | null = null;

export function isSocket(file: OpenFile): bool {
  return changetype<usize>(file.operations) === storage;
}

export function socketOf(file: OpenFile): Socket {
  return changetype<Socket>(file.node.object);
}

/** A socket without an open file; null when memory is out. */
export function newSocket(type: u32): Socket | null {
  const node = newNode(KIND_SOCKET, 0o777);
  if (node === null) return null;
  const socket = create<Socket>();
  if (socket === null) {
    dispose(node);
    return null;
  }
  node.links = 1;
  node.operations = storage;
  node.object = changetype<usize>(socket);
  socket.refs = 1;
  socket.type = type;
  socket.node = node;
  socket.sendBuffer = BUFFER_BYTES;
  socket.receiveBuffer = BUFFER_BYTES;
  socket.next = sockets;
  sockets = socket;
  return socket;
}

/** An open file on `socket`; null, and the socket is gone, when memory is out. */
export function openSocket(socket: Socket, flags: u32): OpenFile | null {
  const file = openNode(socket.node, O_RDWR | flags);
  if (file === null) closeSocket(socket);
  return file;
}

export function keepSocket(socket: Socket): void {
  socket.refs++;
}

export function letGo(socket: Socket): void {
  if (--socket.refs !== 0) return;
  if (socket.nameLength !== 0) release(socket.name, NAME_MAX);
  destroy<Socket>(socket);
}

/** Who calls is who is told as the peer of `socket`. */
export function noteOwner(socket: Socket, process: u32): void {
  socket.process = process;
  socket.user = actor.effectiveUser;
  socket.group = actor.effectiveGroup;
}

/** `a` has `b` as its peer, and tells who that is. */
export function setPeer(a: Socket, b: Socket): void {
  dropPeer(a);
  b.refs++;
  a.peer = b;
  a.peerProcess = b.process;
  a.peerUser = b.user;
  a.peerGroup = b.group;
}

export function dropPeer(socket: Socket): void {
  const peer = socket.peer;
  socket.peer = null;
  if (peer !== null) letGo(peer);
}

/** Both are connected to each other. */
export function pairSockets(a: Socket, b: Socket): void {
  setPeer(a, b);
  setPeer(b, a);
  a.state = CONNECTED;
  b.state = CONNECTED;
}

/** What goes with `message` is let go. */
export function dropRights(message: Message): void {
  for (let i: u32 = 0; i < message.rightCount; i++) {
    const file = changetype<OpenFile>(load<usize>(message.rights + i * 4));
    file.users--;
    dropFile(file);
  }
  if (message.rightCount !== 0) release(message.rights, message.rightCount * 4);
  message.rightCount = 0;
}

/** Frees a message that is in no queue, and lets its sender send more. */
export function freeMessage(message: Message): void {
  const sender = message.sender;
  dropRights(message);
  if (message.length !== 0) release(message.data, message.length);
  sender.charged -= message.charge;
  if (sender.dead === 0) notify(sender.node, POLLOUT | POLLWRNORM);
  destroy<Message>(message);
  letGo(sender);
}

function removeFirst(socket: Socket): void {
  const message = socket.first as Message;
  const was = socket.messages;
  socket.first = message.next;
  if (socket.first === null) socket.last = null;
  socket.messages--;
  // Others than the peer may wait for room at this socket.
  if (was > MESSAGES_MAX) notify(socket.node, POLLOUT | POLLWRNORM);
  freeMessage(message);
}

/** The socket's open file is gone. */
export function closeSocket(socket: Socket): void {
  socket.dead = 1;
  socket.shut = SHUT_BOTH;
  const unread = socket.first !== null;
  while (socket.first !== null) removeFirst(socket);
  while (socket.pending !== null) {
    const waits = socket.pending as Socket;
    socket.pending = waits.nextPending;
    const client = waits.peer;
    if (client !== null) client.error = ECONNRESET as u32;
    closeSocket(waits);
  }
  const peer = socket.peer;
  if (peer !== null && socket.type !== SOCK_DGRAM && peer.peer === socket) {
    peer.shut = SHUT_BOTH;
    if (unread) peer.error = ECONNRESET as u32;
    notify(peer.node, 0);
  }
  notify(socket.node, 0);
  dropPeer(socket);
  const bound = socket.bound;
  socket.bound = null;
  if (bound !== null) {
    bound.object = 0;
    bound.users--;
    dispose(bound);
  }
  if (sockets === socket) {
    sockets = socket.next;
  } else {
    let at = sockets as Socket;
    while (at.next !== socket) at = at.next as Socket;
    at.next = socket.next;
  }
  const node = socket.node;
  node.object = 0;
  node.links = 0;
  dispose(node);
  letGo(socket);
}

/** The socket of `type` by the `length` bytes of an abstract name at `name`, or null. */
export function abstractSocket(type: u32, name: usize, length: u32): Socket | null {
  let socket = sockets;
  while (socket !== null) {
    const same = socket.listed !== 0 && socket.type === type && socket.nameLength === length;
    if (same && memory.compare(socket.name, name, length) === 0) return socket;
    socket = socket.next;
  }
  return null;
}

/** Gives `socket` the abstract name of `length` bytes at `name`; false when memory is out. */
export function listSocket(socket: Socket, name: usize, length: u32): bool {
  if (!nameSocket(socket, name, length)) return false;
  socket.listed = 1;
  return true;
}

/** Gives `socket` the name of `length` bytes at `name`; false when memory is out. */
export function nameSocket(socket: Socket, name: usize, length: u32): bool {
  const copy = allocate(NAME_MAX);
  if (copy === 0) return false;
  memory.copy(copy, name, length);
  socket.name = copy;
  socket.nameLength = length;
  return true;
}

/** The time until which a call that may wait `time` nanoseconds (0: for ever) does, as monotonic nanoseconds. */
function untilOf(time: u64): u64 {
  return time === 0 ? 0 : monotonic() + time;
}

/** Waits for `key` of the node of `of`. Returns 0, -EAGAIN where time is up, or -EINTR. */
function awaitAt(thread: Thread, at: Socket, key: u64, end: u64): i64 {
  const outcome = waitUntil(thread, changetype<usize>(at.node), key, end);
  if (outcome === WAIT_INTERRUPTED) return -EINTR;
  return outcome === WAIT_TIMED_OUT ? -EAGAIN : 0;
}

/** The socket's error, which is told once, as a negative number; 0 for none. */
export function takeError(socket: Socket): i64 {
  const error = socket.error;
  socket.error = 0;
  return -(error as i64);
}

/** Nobody will ever take what is sent to `to`. */
function isDeaf(to: Socket): bool {
  return to.dead !== 0 || (to.shut & SHUT_RECEIVE) !== 0;
}

/** `from` cannot send to `to`, which others send to as well and which has enough. */
function isCrowded(from: Socket, to: Socket): bool {
  return from.type === SOCK_DGRAM && to.peer !== from && to.messages > MESSAGES_MAX;
}

/** Waits until `from` may send `bytes` more to `to`: 0 or a negative error. */
function awaitRoom(thread: Thread, from: Socket, to: Socket, mayWait: bool, end: u64): i64 {
  while (true) {
    const failed = takeError(from);
    if (failed !== 0) return failed;
    if ((from.shut & SHUT_SEND) !== 0) return -EPIPE;
    if (isDeaf(to)) return to.dead !== 0 && from.type === SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
    const crowded = isCrowded(from, to);
    if (!crowded && from.charged < from.sendBuffer) return 0;
    if (!mayWait) return -EAGAIN;
    const error = awaitAt(thread, crowded ? to : from, WRITABLE, end);
    if (error !== 0) return error;
  }
}

/** A message of the next `length` bytes of `transfer`; null with `messageError`. */
let messageError: i64 = 0;

function makeMessage(
  thread: Thread,
  from: Socket,
  transfer: Transfer,
  length: u32,
): Message | null {
  messageError = -ENOBUFS;
  const message = create<Message>();
  if (message === null) return null;
  const data: usize = length === 0 ? 0 : allocate(length);
  const missing = length !== 0 && data === 0;
  if (missing || takeBytes(transfer, data, length) < length) {
    if (!missing) messageError = -EFAULT;
    if (data !== 0) release(data, length);
    destroy<Message>(message);
    return null;
  }
  message.data = data;
  message.length = length;
  message.charge = length + MESSAGE_COST;
  message.sender = from;
  from.refs++;
  from.charged += message.charge;
  message.process = thread.program.id;
  message.user = actor.user;
  message.group = actor.group;
  return message;
}

function append(to: Socket, message: Message): void {
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
class Ancillary {
  rights: usize;
  count: u32;
  process: u32;
  user: u32;
  group: u32;
  claimed: u32;
}

function attach(message: Message, along: Ancillary): void {
  message.rights = along.rights;
  message.rightCount = along.count;
  along.count = 0;
  if (along.claimed === 0) return;
  message.process = along.process;
  message.user = along.user;
  message.group = along.group;
}

/** Sends `transfer` from `from` to `to`: bytes, or a negative error. Open files that were to go along go or are let go. */
export function sendMessage(
  thread: Thread,
  from: Socket,
  to: Socket,
  transfer: Transfer,
  mayWait: bool,
): i64 {
  const along = create<Ancillary>();
  if (along === null) return -ENOMEM;
  along.rights = sendRights;
  along.count = sendRightCount;
  along.process = sendProcess;
  along.user = sendUser;
  along.group = sendGroup;
  along.claimed = sendAs ? 1 : 0;
  clearAncillary();
  to.refs++;
  const result =
    from.type === SOCK_STREAM
      ? sendStream(thread, from, to, transfer, mayWait, along)
      : sendOne(thread, from, to, transfer, mayWait, along);
  letGo(to);
  if (along.count !== 0) {
    const rest = create<Message>();
    if (rest !== null) {
      rest.rights = along.rights;
      rest.rightCount = along.count;
      dropRights(rest);
      destroy<Message>(rest);
    }
  }
  destroy<Ancillary>(along);
  if (result === -EPIPE && from.type !== SOCK_DGRAM) thread.broken = 1;
  return result;
}

function sendOne(
  thread: Thread,
  from: Socket,
  to: Socket,
  transfer: Transfer,
  mayWait: bool,
  along: Ancillary,
): i64 {
  const length = transfer.left;
  if (length > ((from.sendBuffer - 32) as u64)) return -EMSGSIZE;
  const error = awaitRoom(thread, from, to, mayWait, untilOf(from.sendTime));
  if (error !== 0) return error;
  const message = makeMessage(thread, from, transfer, length as u32);
  if (message === null) return messageError;
  attach(message, along);
  append(to, message);
  return length as i64;
}

function sendStream(
  thread: Thread,
  from: Socket,
  to: Socket,
  transfer: Transfer,
  mayWait: bool,
  along: Ancillary,
): i64 {
  let done: i64 = 0;
  const end = untilOf(from.sendTime);
  if ((from.shut & SHUT_SEND) !== 0) return -EPIPE;
  while (transfer.left !== 0) {
    let error = awaitRoom(thread, from, to, mayWait, end);
    if (error === 0) {
      const length = min<u64>(transfer.left, CHUNK as u64) as u32;
      const message = makeMessage(thread, from, transfer, length);
      if (message === null) {
        error = messageError;
      } else {
        attach(message, along);
        append(to, message);
        done += length as i64;
      }
    }
    if (error !== 0) return done === 0 ? error : done;
  }
  return done;
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

function noteMessage(message: Message, peek: bool): void {
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
function beginReceipt(): void {
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
  if (receivedRightCount === 0) return;
  for (let i: u32 = 0; i < receivedRightCount; i++) {
    const file = changetype<OpenFile>(load<usize>(receivedRights + i * 4));
    file.users--;
    dropFile(file);
  }
  release(receivedRights, receivedRightCount * 4);
  receivedRightCount = 0;
}

/** Waits for a message to `socket`: 1, 0 at the end, or a negative error. */
function awaitMessage(thread: Thread, socket: Socket, mayWait: bool, end: u64): i64 {
  while (socket.first === null) {
    const failed = takeError(socket);
    if (failed !== 0) return failed;
    const deaf = (socket.shut & SHUT_RECEIVE) !== 0;
    if (deaf && (mayWait || socket.type !== SOCK_DGRAM)) return 0;
    if (!mayWait) return -EAGAIN;
    const error = awaitAt(thread, socket, READABLE, end);
    if (error !== 0) return error;
  }
  return 1;
}

/** Receives into `transfer`, with the MSG_… `flags`: bytes, 0 at the end, or a negative error; `endReceipt` comes behind. */
export function receiveMessage(
  thread: Thread,
  socket: Socket,
  transfer: Transfer,
  flags: u32,
  mayWait: bool,
): i64 {
  beginReceipt();
  if (socket.type === SOCK_STREAM) {
    if (socket.state !== CONNECTED) return -EINVAL;
    return receiveStream(thread, socket, transfer, flags, mayWait);
  }
  if (socket.type === SOCK_SEQPACKET && socket.state !== CONNECTED) return -ENOTCONN;
  const found = awaitMessage(thread, socket, mayWait, untilOf(socket.receiveTime));
  beginReceipt();
  if (found <= 0) return found;
  const message = socket.first as Message;
  const bytes = min<u64>(transfer.left, message.length as u64) as u32;
  if (fillBytes(transfer, message.data, bytes) < bytes) return -EFAULT;
  if (bytes < message.length) receivedFlags = MSG_TRUNC;
  const result = (flags & MSG_TRUNC) !== 0 ? message.length : bytes;
  const peek = (flags & MSG_PEEK) !== 0;
  noteMessage(message, peek);
  if (!peek) removeFirst(socket);
  return result as i64;
}

function receiveStream(
  thread: Thread,
  socket: Socket,
  transfer: Transfer,
  flags: u32,
  mayWait: bool,
): i64 {
  const end = untilOf(socket.receiveTime);
  const peek = (flags & MSG_PEEK) !== 0;
  let done: i64 = 0;
  let at: Message | null = null;
  while (transfer.left !== 0) {
    if (!peek || at === null) {
      if (socket.first === null && done !== 0 && (peek || (flags & MSG_WAITALL) === 0)) break;
      const found = awaitMessage(thread, socket, mayWait, end);
      if (done === 0) beginReceipt();
      if (found <= 0) return done === 0 ? found : done;
      at = socket.first;
    }
    const message = at as Message;
    const left = message.length - message.taken;
    const bytes = min<u64>(transfer.left, left as u64) as u32;
    const had = message.rightCount !== 0;
    // Bytes of different senders are told apart by who wants to know them.
    if (done !== 0 && socket.passesCredentials !== 0 && message.process !== receivedProcess) break;
    if (done !== 0 && had && receivedRightCount !== 0) break;
    const copied = fillBytes(transfer, message.data + message.taken, bytes);
    if (copied < bytes) return done === 0 ? -EFAULT : done;
    noteMessage(message, peek);
    done += bytes as i64;
    if (peek) {
      at = message.next;
      if (had || at === null) break;
      continue;
    }
    message.taken += bytes;
    if (message.taken === message.length) removeFirst(socket);
    if (had) break;
  }
  return done;
}

/** The peer that a call without a name sends to; null, and an error in `peerError`. */
export let peerError: i64 = 0;

export function peerOf(socket: Socket): Socket | null {
  const peer = socket.peer;
  if (socket.type === SOCK_DGRAM) {
    peerError = -ENOTCONN;
    if (peer === null || peer.dead === 0) return peer;
    dropPeer(socket);
    peerError = -ECONNREFUSED;
    return null;
  }
  peerError = -ENOTCONN;
  return socket.state === CONNECTED ? peer : null;
}

/** `from` may send to `to`: -EPERM where that has another peer. */
export function maySend(from: Socket, to: Socket): i64 {
  const peer = to.peer;
  return peer === null || peer === from ? 0 : -EPERM;
}

function mayWaitFor(file: OpenFile): bool {
  return (file.flags & O_NONBLOCK) === 0;
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  if (transfer.left === 0) return 0;
  const result = receiveMessage(thread, socketOf(file), transfer, 0, mayWaitFor(file));
  endReceipt();
  return result;
}

function write(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  const socket = socketOf(file);
  const peer = peerOf(socket);
  if (peer === null) return peerError;
  clearAncillary();
  return sendMessage(thread, socket, peer, transfer, mayWaitFor(file));
}

function poll(file: OpenFile): u32 {
  const socket = socketOf(file);
  let events: u32 = 0;
  if (socket.error !== 0) events |= POLLERR;
  if (socket.shut === SHUT_BOTH) events |= POLLHUP;
  if ((socket.shut & SHUT_RECEIVE) !== 0) events |= POLLRDHUP | POLLIN | POLLRDNORM;
  if (socket.first !== null || socket.pending !== null) events |= POLLIN | POLLRDNORM;
  if (socket.type !== SOCK_DGRAM && socket.state === UNCONNECTED) events |= POLLHUP;
  const peer = socket.peer;
  const crowded = peer !== null && isCrowded(socket, peer);
  const room = socket.charged * 4 <= socket.sendBuffer;
  if (socket.state !== LISTENING && room && !crowded) events |= POLLOUT | POLLWRNORM;
  return events;
}

/** Bytes that can be read at once: of datagrams those of the next one. */
function readableBytes(socket: Socket): u32 {
  let bytes: u32 = 0;
  let message = socket.first;
  while (message !== null) {
    bytes += message.length - message.taken;
    if (socket.type === SOCK_DGRAM) break;
    message = message.next;
  }
  return bytes;
}

function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  const socket = socketOf(file);
  if (command !== FIONREAD && command !== SIOCOUTQ) return -ENOTTY;
  if (command === FIONREAD && socket.state === LISTENING) return -EINVAL;
  const bytes = command === FIONREAD ? readableBytes(socket) : socket.charged;
  return put32(thread.program.space, argument, bytes) ? 0 : -EFAULT;
}

function releaseSocket(file: OpenFile): void {
  if (file.node.object !== 0) closeSocket(socketOf(file));
}

/** Names of sockets are for connect(2) alone. */
function openNamed(_thread: Thread, _file: OpenFile): i64 {
  return -ENXIO;
}

/** Shuts directions of `socket` down, and the opposite ones of its peer. */
export function shutSocket(socket: Socket, directions: u32): void {
  socket.shut |= directions;
  const peer = socket.peer;
  if (peer !== null && socket.type !== SOCK_DGRAM) {
    if ((directions & SHUT_RECEIVE) !== 0) peer.shut |= SHUT_SEND;
    if ((directions & SHUT_SEND) !== 0) peer.shut |= SHUT_RECEIVE;
    notify(peer.node, 0);
  }
  notify(socket.node, 0);
}

/** Adds `socket`, which a client has as its peer, to those that `listener` accepts. */
export function addPending(listener: Socket, socket: Socket): void {
  listener.pendingCount++;
  notify(listener.node, POLLIN | POLLRDNORM);
  const first = listener.pending;
  if (first === null) {
    listener.pending = socket;
    return;
  }
  let at = first;
  while (at.nextPending !== null) at = at.nextPending as Socket;
  at.nextPending = socket;
}

/** Waits until `listener`, which the caller keeps, has a place for one more: 0 or a negative error. */
export function awaitPlace(thread: Thread, client: Socket, listener: Socket, mayWait: bool): i64 {
  const end = untilOf(client.sendTime);
  while (true) {
    const listens = listener.state === LISTENING && !isDeaf(listener);
    if (!listens) return -ECONNREFUSED;
    if (listener.pendingCount <= listener.backlog) return 0;
    if (!mayWait) return -EAGAIN;
    const error = awaitAt(thread, listener, WRITABLE, end);
    if (error !== 0) return error;
  }
}

/** What `takePending` has taken. */
export let accepted: Socket | null = null;

/** Waits for a connection to `listener`, and takes it: 0 or a negative error. */
export function takePending(thread: Thread, listener: Socket, mayWait: bool): i64 {
  const end = untilOf(listener.receiveTime);
  while (listener.pending === null) {
    if ((listener.shut & SHUT_RECEIVE) !== 0) return -EINVAL;
    if (!mayWait) return -EAGAIN;
    const error = awaitAt(thread, listener, READABLE, end);
    if (error !== 0) return error;
  }
  const socket = listener.pending as Socket;
  listener.pending = socket.nextPending;
  listener.pendingCount--;
  socket.nextPending = null;
  notify(listener.node, POLLOUT | POLLWRNORM);
  accepted = socket;
  return 0;
}

export function initUnixSockets(): void {
  sockets = null;
  const operations = newOperations(storage);
  operations.read = read;
  operations.write = write;
  operations.poll = poll;
  operations.ioctl = ioctl;
  operations.release = releaseSocket;
  const names = newOperations(named);
  names.open = openNamed;
  setKind(KIND_SOCKET, names);
}
