// Local sockets: unix(7). Who sends is charged for what has not been taken yet, as on Linux, and waits where that is too
// much. Out-of-band bytes of streams are those of unix_urgent.ts. Their names in the file tree are the personality's
// (linux/unix_sockets.ts), sockets that are only in messages to each other those of socket_garbage.ts.

import { nextIn } from "./balanced_tree";
import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOMEM,
  ENOTCONN,
  ENOTTY,
  EPERM,
  EPIPE,
} from "./errno";
import { allocate, create, destroy } from "./heap";
import { enterTree, Keyed, leaveTree, withOrder } from "./keyed_tree";
import { dropMount } from "./mount_users";
import { FIONREAD } from "./open_file";
import { keptBytes, viewMessage } from "./packet_filter";
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "./poll_events";
import { Thread } from "./program";
import {
  awaitAt,
  CONNECTED,
  closeSocket,
  dropPeer,
  LISTENING,
  letGo,
  Message,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  popPending,
  SHUT_BOTH,
  SHUT_RECEIVE,
  SHUT_SEND,
  SIOCATMARK,
  SIOCOUTQ,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  setPeer,
  takeError,
  UNCONNECTED,
  UNIX_NAME_MAX,
  untilOf,
} from "./socket";
import {
  Ancillary,
  append,
  beginReceipt,
  dropAncillary,
  freeMessage,
  goAlong,
  makeMessage,
  messageError,
  noteMessage,
  readableBytes,
  receivedFrom,
  receivedProcess,
  receivedRightCount,
  setReceivedFlags,
  takeAncillary,
  takeFirst,
} from "./socket_messages";
import { put32 } from "./space";
import { bytesEqual, hashOf } from "./text";
import { fillBytes, Transfer } from "./transfer";
import { dispose } from "./tree";
import { atMark, passUrgent, takeUrgent } from "./unix_urgent";
import { notify, READABLE, WRITABLE } from "./watches";

/** Bytes of a stream that go into one message. */
const CHUNK: u32 = 32_768;
/** Messages that wait at a socket others than its peer send to (net.unix.max_dgram_qlen). */
const MESSAGES_MAX: u32 = 10;

/** Both are connected to each other. */
export function pairSockets(a: Socket, b: Socket): void {
  setPeer(a, b);
  setPeer(b, a);
  a.state = CONNECTED;
  b.state = CONNECTED;
}

function removeFirst(socket: Socket): void {
  const was = socket.messages;
  const message = takeFirst(socket);
  // Others than the peer may wait for room at this socket.
  if (was > MESSAGES_MAX) notify(socket.node, POLLOUT | POLLWRNORM);
  freeMessage(message);
}

/**
 * `socket`, of datagrams, is about to have `next` as its peer, or none: what waits at it is lost, and a peer that has been
 * its own is told (unix_dgram_disconnected() of Linux).
 */
export function leavePeer(socket: Socket, next: Socket | null): void {
  const peer = socket.peer;
  if (peer === null || peer === next || socket.first === null) return;
  while (socket.first !== null) removeFirst(socket);
  if (peer.dead !== 0 || peer.peer !== socket) return;
  peer.error = ECONNRESET as u32;
  notify(peer.node, 0);
}

/** `socket`, of datagrams, has no peer any more. */
export function losePeer(socket: Socket): void {
  leavePeer(socket, null);
  dropPeer(socket);
  socket.state = UNCONNECTED;
}

/** The socket's open file is gone. */
export function closeUnix(socket: Socket): void {
  socket.shut = SHUT_BOTH;
  unlist(socket);
  // Packets without bytes count as none, in older kernels (6.1) as any other.
  const unread = readableBytes(socket) !== 0;
  socket.urgent = null;
  while (socket.first !== null) removeFirst(socket);
  closePending(socket);
  const peer = socket.peer;
  if (peer !== null && socket.type !== SOCK_DGRAM && peer.peer === socket) {
    peer.shut = SHUT_BOTH;
    if (unread) peer.error = ECONNRESET as u32;
    notify(peer.node, 0);
  }
  dropPeer(socket);
  const bound = socket.bound;
  const mount = socket.boundMount;
  socket.bound = null;
  socket.boundMount = null;
  if (bound === null) return;
  bound.object = 0;
  bound.users--;
  dispose(bound);
  dropMount(mount);
}

/** Closes the connections that nobody has accepted: their clients are told by an error. */
function closePending(socket: Socket): void {
  for (let waits = popPending(socket); waits !== null; waits = popPending(socket)) {
    const client = waits.peer;
    if (client !== null) client.error = ECONNRESET as u32;
    closeSocket(waits);
  }
}

/** An abstract name, in the tree of all by its hash. */
@unmanaged
class Listed extends Keyed {
  socket: Socket;
}

const abstractNames = memory.data(4);

/** The socket of `type` by the `length` bytes of an abstract name at `name`, or null. */
export function abstractSocket(type: u32, name: usize, length: u32): Socket | null {
  const hash = hashOf(name, length) as u64;
  let listed = changetype<Listed | null>(withOrder(abstractNames, hash));
  while (listed !== null && listed.order === hash) {
    const socket = listed.socket;
    if (socket.type === type && bytesEqual(socket.name, socket.nameLength, name, length)) {
      return socket;
    }
    listed = changetype<Listed | null>(nextIn(listed));
  }
  return null;
}

/** `socket`, which goes, is found by its name no more. */
function unlist(socket: Socket): void {
  if (socket.listed === 0) return;
  const listed = changetype<Listed>(socket.listed);
  socket.listed = 0;
  leaveTree(abstractNames, listed);
  destroy<Listed>(listed);
}

/** Gives `socket` the abstract name of `length` bytes at `name`; false when memory is out. */
export function listSocket(socket: Socket, name: usize, length: u32): bool {
  const listed = create<Listed>();
  if (listed === null) return false;
  if (!nameSocket(socket, name, length)) {
    destroy<Listed>(listed);
    return false;
  }
  listed.socket = socket;
  listed.order = hashOf(name, length) as u64;
  enterTree(abstractNames, listed);
  socket.listed = changetype<usize>(listed);
  return true;
}

/** Gives `socket` the name of `length` bytes at `name`; false when memory is out. */
export function nameSocket(socket: Socket, name: usize, length: u32): bool {
  const copy = allocate(UNIX_NAME_MAX);
  if (copy === 0) return false;
  memory.copy(copy, name, length);
  socket.name = copy;
  socket.nameLength = length;
  return true;
}

/** Nobody will ever take what is sent to `to`. */
function isDeaf(to: Socket): bool {
  return to.dead !== 0 || (to.shut & SHUT_RECEIVE) !== 0;
}

/** `from` cannot send to `to`, which others send to as well and which has enough. */
function isCrowded(from: Socket, to: Socket): bool {
  return from.type === SOCK_DGRAM && to.peer !== from && to.messages > MESSAGES_MAX;
}

/** Waits until `from` may send more: 0 or a negative error. */
function awaitRoom(thread: Thread, from: Socket, mayWait: bool, end: u64): i64 {
  while (true) {
    const failed = takeError(from);
    if (failed !== 0) return failed;
    if ((from.shut & SHUT_SEND) !== 0) return -EPIPE;
    if (from.charged < from.sendBuffer) return 0;
    from.lacksRoom = 1;
    if (!mayWait) return -EAGAIN;
    const error = awaitAt(thread, from, WRITABLE, end);
    if (error !== 0) return error;
  }
}

/** Waits until `to` takes what `from` has made: 0 or a negative error. */
function awaitTaker(thread: Thread, from: Socket, to: Socket, mayWait: bool, end: u64): i64 {
  while (true) {
    // It may have got another peer meanwhile.
    if (from.type === SOCK_DGRAM && maySend(from, to) !== 0) return -EPERM;
    if (to.dead !== 0 && from.type === SOCK_DGRAM) {
      if (from.peer === to) losePeer(from);
      return -ECONNREFUSED;
    }
    if (isDeaf(to)) return -EPIPE;
    if (!isCrowded(from, to)) return 0;
    from.lacksRoom = 1;
    if (!mayWait) return -EAGAIN;
    const error = awaitAt(thread, to, WRITABLE, end);
    if (error !== 0) return error;
    if ((from.shut & SHUT_SEND) !== 0) return -EPIPE;
  }
}

/**
 * Sends `transfer` from `from` to `to`, the last byte out of band where it is `urgent`: bytes, or a negative error. Where there is no `to` (not for a stream), what the
 * message comes to before it would go there, and then the error `missing`, as Linux looks for it last. Open files that were
 * to go along go or are let go.
 */
export function sendMessage(
  thread: Thread,
  from: Socket,
  to: Socket | null,
  missing: i64,
  transfer: Transfer,
  urgent: bool,
  mayWait: bool,
): i64 {
  const along = takeAncillary();
  if (along === null) return -ENOMEM;
  if (to !== null) to.refs++;
  const result =
    from.type === SOCK_STREAM
      ? sendStream(thread, from, to as Socket, transfer, urgent, mayWait, along)
      : sendOne(thread, from, to, missing, transfer, mayWait, along);
  if (to !== null) letGo(to);
  dropAncillary(along);
  if (result === -EPIPE && from.type === SOCK_STREAM) thread.broken = 1;
  return result;
}

function sendOne(
  thread: Thread,
  from: Socket,
  to: Socket | null,
  missing: i64,
  transfer: Transfer,
  mayWait: bool,
  along: Ancillary,
): i64 {
  const length = transfer.left;
  if (length > ((from.sendBuffer - 32) as u64)) return -EMSGSIZE;
  const end = untilOf(from.sendTime);
  let error = awaitRoom(thread, from, mayWait, end);
  if (error !== 0) return error;
  const message = makeMessage(thread, from, transfer, length as u32);
  if (message === null) return messageError;
  // What a filter keeps away counts as sent.
  if (to !== null && to.filter !== 0) {
    viewMessage(message.data, message.length);
    message.length = keptBytes(to);
    if (message.length === 0) {
      freeMessage(message);
      return length as i64;
    }
  }
  error = to === null ? missing : awaitTaker(thread, from, to, mayWait, end);
  if (error !== 0 || to === null) {
    freeMessage(message);
    return error;
  }
  goAlong(message, along, tellsSender(from, to));
  append(to, message);
  return length as i64;
}

function sendStream(
  thread: Thread,
  from: Socket,
  to: Socket,
  transfer: Transfer,
  urgent: bool,
  mayWait: bool,
  along: Ancillary,
): i64 {
  let done: i64 = 0;
  const end = untilOf(from.sendTime);
  if ((from.shut & SHUT_SEND) !== 0) return -EPIPE;
  while (transfer.left !== 0) {
    let error = awaitRoom(thread, from, mayWait, end);
    if (error === 0) {
      // The last byte is a message of its own.
      const ordinary = urgent ? transfer.left - 1 : transfer.left;
      const alone = ordinary === 0;
      const length = alone ? 1 : (min<u64>(ordinary, CHUNK as u64) as u32);
      const message = makeMessage(thread, from, transfer, length);
      if (message === null) {
        error = messageError;
      } else if (isDeaf(to)) {
        freeMessage(message);
        error = -EPIPE;
      } else {
        goAlong(message, along, tellsSender(from, to));
        if (alone) to.urgent = message;
        append(to, message);
        if (alone) notify(to.node, POLLPRI);
        done += length as i64;
      }
    }
    if (error !== 0) return done === 0 ? error : done;
  }
  return done;
}

/** Who sends is told by `from` or to `to`, or to whoever accepts that (maybe_add_creds() of Linux). */
function tellsSender(from: Socket, to: Socket): bool {
  return from.passesCredentials !== 0 || to.passesCredentials !== 0 || to.file === null;
}

/** Waits for a message to `socket`: 1, 0 at the end, or a negative error. */
function awaitMessage(thread: Thread, socket: Socket, mayWait: bool, end: u64): i64 {
  // An error is told first, unlike that of a stream.
  while (socket.first === null || socket.error !== 0) {
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

/** The message that `awaitStream` has found. */
let awaited: Message | null = null;

/**
 * Waits for a message to `socket`, a stream, of which a read has `some` bytes, as `awaitMessage` does; 0 also where it ends at
 * an out-of-band byte.
 */
function awaitStream(
  thread: Thread,
  socket: Socket,
  peek: bool,
  some: bool,
  mayWait: bool,
  end: u64,
): i64 {
  while (true) {
    const first = socket.first;
    awaited = first === null ? null : passUrgent(socket, first, peek, some);
    if (awaited !== null) return 1;
    if (some && first !== null) return 0;
    const failed = takeError(socket);
    if (failed !== 0) return failed;
    if ((socket.shut & SHUT_RECEIVE) !== 0) return 0;
    if (!mayWait) return -EAGAIN;
    const error = awaitAt(thread, socket, READABLE, end);
    if (error !== 0) return error;
  }
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
    if ((flags & MSG_OOB) !== 0) return takeUrgent(socket, transfer, flags);
    return receiveStream(thread, socket, transfer, flags, mayWait);
  }
  if (socket.type === SOCK_SEQPACKET && socket.state !== CONNECTED) return -ENOTCONN;
  const found = awaitMessage(thread, socket, mayWait, untilOf(socket.receiveTime));
  beginReceipt();
  if (found <= 0) return found;
  const message = socket.first as Message;
  const bytes = min<u64>(transfer.left, message.length as u64) as u32;
  const filled = fillBytes(transfer, message.data, bytes);
  if (filled < bytes) {
    // It has been received all the same.
    if ((flags & MSG_PEEK) === 0) removeFirst(socket);
    return -EFAULT;
  }
  if (bytes < message.length) setReceivedFlags(MSG_TRUNC);
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
  if (transfer.left === 0) {
    // Who wants nothing waits for something all the same.
    const found = awaitStream(thread, socket, peek, false, mayWait, end);
    beginReceipt();
    if (found <= 0) return found;
    const first = awaited as Message;
    const alone = !peek || first.rightCount !== 0;
    // What comes along with the first byte comes without it as well.
    noteMessage(first, peek);
    if (alone) return 0;
    at = first.next;
  }
  // A look goes on to the next open files that come along, with nothing left to fill: unix_stream_read_generic() of Linux.
  while (transfer.left !== 0 || (peek && at !== null)) {
    if (!peek || at === null) {
      if (socket.first === null && done !== 0 && (peek || (flags & MSG_WAITALL) === 0)) break;
      const found = awaitStream(thread, socket, peek, done !== 0, mayWait, end);
      if (done === 0) beginReceipt();
      if (found <= 0) return done === 0 ? found : done;
      at = awaited;
    } else {
      at = passUrgent(socket, at, true, done !== 0);
      if (at === null) break;
    }
    const message = at as Message;
    const left = message.length - message.taken;
    const bytes = min<u64>(transfer.left, left as u64) as u32;
    const had = message.rightCount !== 0;
    // Bytes of different senders are told apart by who wants to know them.
    const others = receivedFrom !== null && message.process !== receivedProcess;
    if (others && socket.passesCredentials !== 0) break;
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

/** The peer that a call without a name sends to, or null. One of datagrams may be gone, which sending finds out. */
export function peerOf(socket: Socket): Socket | null {
  return socket.type === SOCK_DGRAM || socket.state === CONNECTED ? socket.peer : null;
}

/** `from` may send to `to`: -EPERM where that has another peer. */
export function maySend(from: Socket, to: Socket): i64 {
  const peer = to.peer;
  return peer === null || peer === from ? 0 : -EPERM;
}

export function pollUnix(socket: Socket): u32 {
  let events: u32 = 0;
  if (socket.error !== 0) events |= POLLERR;
  if (socket.shut === SHUT_BOTH) events |= POLLHUP;
  if ((socket.shut & SHUT_RECEIVE) !== 0) events |= POLLRDHUP | POLLIN | POLLRDNORM;
  if (socket.first !== null || socket.pending !== null) events |= POLLIN | POLLRDNORM;
  if (socket.urgent !== null) events |= POLLPRI;
  if (socket.type !== SOCK_DGRAM && socket.state === UNCONNECTED) events |= POLLHUP;
  const peer = socket.peer;
  const crowded = peer !== null && isCrowded(socket, peer);
  const room = socket.charged * 4 <= socket.sendBuffer;
  if (socket.state !== LISTENING && room && !crowded) events |= POLLOUT | POLLWRNORM;
  return events;
}

export function ioctlUnix(thread: Thread, socket: Socket, command: u32, argument: u64): i64 {
  if (command === SIOCATMARK) {
    const mark = atMark(socket);
    if (mark < 0) return mark;
    return put32(thread.program.space, argument, mark as u32) ? 0 : -EFAULT;
  }
  if (command !== FIONREAD && command !== SIOCOUTQ) return -ENOTTY;
  if (command === FIONREAD && socket.state === LISTENING) return -EINVAL;
  const bytes = command === FIONREAD ? readableBytes(socket) : socket.charged;
  return put32(thread.program.space, argument, bytes) ? 0 : -EFAULT;
}

/** Shuts directions of `socket` down, and the opposite ones of its peer. */
export function shutUnix(socket: Socket, directions: u32): void {
  socket.shut |= directions;
  const peer = socket.peer;
  if (peer !== null && socket.type !== SOCK_DGRAM) {
    if ((directions & SHUT_RECEIVE) !== 0) peer.shut |= SHUT_SEND;
    if ((directions & SHUT_SEND) !== 0) peer.shut |= SHUT_RECEIVE;
    // The node of one that is closed has gone.
    if (peer.dead === 0) notify(peer.node, 0);
  }
  notify(socket.node, 0);
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
