// Streams of the families AF_INET and AF_INET6 (tcp(7)) between sockets of this machine. No packets are made: what is sent
// is in the other side's queue at once, and FIN and RST are what they do to it. States and the order in which errors are
// told are Linux's. Left out: TIME_WAIT, connecting a socket to itself, and times (keep-alive, retransmission), since
// nothing is ever lost.

import { PAGE_SIZE } from "../libhedron/abi";
import {
  EADDRINUSE,
  EAGAIN,
  EALREADY,
  ECONNABORTED,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  ENOBUFS,
  ENOMEM,
  ENOTCONN,
  ENOTTY,
  EPIPE,
} from "./errno";
import { allocate, create, destroy } from "./heap";
import {
  dropPort,
  endClaim,
  FIXED_ADDRESS,
  forgetRemote,
  INET_BYTES,
  Inet,
  inetOf,
  isTaken,
  optionValue,
  receiverFor,
  STREAMS,
  setOrigin,
  sharePort,
  takeAnyPort,
  VALUES,
} from "./inet";
import { FIONREAD, OpenFile } from "./open_file";
import { totalPages } from "./pages";
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
  addPending,
  awaitAt,
  CONNECTED,
  CONNECTING,
  closeSocket,
  dropPeer,
  inlinesUrgent,
  keepSocket,
  LISTENING,
  letGo,
  Message,
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  mayWait,
  newSocket,
  popPending,
  SHUT_BOTH,
  SHUT_RECEIVE,
  SHUT_SEND,
  SIOCATMARK,
  SIOCOUTQ,
  Socket,
  socketOf,
  takeError,
  takePending,
  UNCONNECTED,
  untilOf,
} from "./socket";
import {
  append,
  beginReceipt,
  charge,
  freeMessage,
  mayQueue,
  queuedBytes,
  setReceivedFlags,
  takeFirst,
} from "./socket_messages";
import { put32 } from "./space";
import {
  endHold,
  freeHeld,
  heldRoom,
  hold,
  lastHeld,
  limitHold,
  takeHeld,
  VALUE_TCP_CORK,
} from "./tcp_held";
import { fillBytes, Transfer, takeBytes } from "./transfer";
import { pairSockets } from "./unix_socket";
import { notify, READABLE, WRITABLE } from "./watches";

/** What connect(2) has come to (socket->state of Linux). */
export const PHASE_NONE: u32 = 0;
export const PHASE_BEGUN: u32 = 1;
export const PHASE_DONE: u32 = 2;
/** shutdown(2) came after it had failed: only AF_UNSPEC makes another connection possible. */
const PHASE_ENDING: u32 = 3;

/** An urgent byte: none, one to be read, one that has been read. */
const URGENT_NONE: u32 = 0;
const URGENT_THERE: u32 = 1;
const URGENT_READ: u32 = 2;

/** Bytes of a stream that go into one message at most and at least, and what one costs beside. */
const CHUNK: u32 = 32_768;
const CHUNK_MIN: u32 = 256;
const CHUNK_COST: u32 = 128;
/** Share of RAM from which on streams get little room, as a divisor, and that room. */
const SHARE: u32 = 8;
const LITTLE: u32 = 65_536;
/** Buffers that Linux gives connections over lo: to send once connected, to send before, and to receive. */
export const TCP_SEND: u32 = 2_626_560;
export const TCP_SEND_FIRST: u32 = 16_384;
export const TCP_RECEIVE: u32 = 131_072;

/** The connection of `socket` is over: tcp_done() of Linux. */
function finish(socket: Socket): void {
  freeHeld(takeHeld(socket));
  socket.state = UNCONNECTED;
  socket.shut = SHUT_BOTH;
  dropPeer(socket);
  endClaim(socket);
  notify(socket.node, 0);
}

/** A RST has come: tcp_reset() of Linux. */
function reset(socket: Socket): void {
  if (socket.dead !== 0 || socket.state === UNCONNECTED) return;
  const inet = inetOf(socket);
  if (socket.state === CONNECTING) socket.error = ECONNREFUSED as u32;
  else if (inet.finCame !== 0 && inet.finSent === 0) socket.error = EPIPE as u32;
  else socket.error = ECONNRESET as u32;
  stopWaiting(socket);
  finish(socket);
}

/** The other side of `socket`, which is connected, reads, or will be told that it has not. */
function reads(peer: Socket): bool {
  return peer.dead === 0 && ((peer.shut & SHUT_RECEIVE) === 0 || inetOf(peer).finSent === 0);
}

/** What `socket` keeps back is sent. */
export function pushHeld(socket: Socket): void {
  let message = takeHeld(socket);
  if (message === null) return;
  const peer = socket.peer;
  if (socket.state !== CONNECTED || peer === null || !reads(peer)) {
    freeHeld(message);
    if (peer === null) return;
    // A RST comes back.
    reset(peer);
    reset(socket);
    return;
  }
  while (message !== null) {
    const next: Message | null = message.next;
    message.next = null;
    inetOf(peer).queued += message.length;
    append(peer, message);
    message = next;
  }
  pushUncorked(peer);
}

/** Something has come to `socket`: what it keeps back goes, unless TCP_CORK holds it (tcp_data_snd_check() of Linux). */
function pushUncorked(socket: Socket): void {
  if (optionValue(socket, VALUE_TCP_CORK) === 0) pushHeld(socket);
}

function pushOld(socket: usize): void {
  pushHeld(changetype<Socket>(socket));
}

/** Keeps the next bytes of `transfer` back, as many as make a segment, which is sent: how many, or a negative error. */
function holdBytes(socket: Socket, transfer: Transfer): i64 {
  const inet = inetOf(socket);
  const room = heldRoom(socket);
  if (room === 0) pushHeld(socket);
  const fitting = min<u64>(transfer.left, heldRoom(socket) as u64) as u32;
  const last = lastHeld(socket);
  let message: Message | null = last;
  if (last === null || last.length === last.capacity) {
    message = newChunk(socket, max<u32>(min<u32>(fitting, CHUNK), max<u32>(CHUNK_MIN, inet.held)));
    if (message === null) return -ENOBUFS;
  }
  const into = message as Message;
  const asked = min<u32>(fitting, into.capacity - into.length);
  const bytes = takeBytes(transfer, into.data + into.length, asked);
  into.length += bytes;
  inet.held += bytes;
  if (message !== last) {
    if (bytes === 0) freeMessage(into);
    else hold(socket, into);
  }
  if (bytes === 0) return -EFAULT;
  if (heldRoom(socket) === 0) pushHeld(socket);
  else limitHold(socket, pushOld);
  return bytes as i64;
}

/** `socket` sends no more: its FIN comes to the other side. */
function sendFin(socket: Socket): void {
  const inet = inetOf(socket);
  if (inet.finSent !== 0) return;
  pushHeld(socket);
  if (socket.state === UNCONNECTED) return;
  inet.finSent = 1;
  const peer = socket.peer;
  if (peer !== null && peer.dead === 0 && peer.peer === socket) {
    const other = inetOf(peer);
    other.finCame = 1;
    peer.shut |= SHUT_RECEIVE;
    if (other.finSent !== 0) finish(peer);
    else notify(peer.node, 0);
    pushUncorked(peer);
  }
  if (inet.finCame !== 0) finish(socket);
}

/** Takes `client` out of the list of those that wait for a place in a queue. */
function stopWaiting(client: Socket): void {
  const own = inetOf(client);
  const listener = own.waitsFor;
  own.waitsFor = null;
  if (listener === null) return;
  const inet = inetOf(listener);
  const previous = client.previousPending;
  const next = client.nextPending;
  if (previous === null) inet.waiting = next;
  else previous.nextPending = next;
  if (next === null) inet.lastWaiting = previous;
  else next.previousPending = previous;
  client.previousPending = null;
  client.nextPending = null;
  letGo(listener);
}

/** Nobody listens at `socket` any more. */
function stopListening(socket: Socket): void {
  const inet = inetOf(socket);
  while (inet.waiting !== null) reset(inet.waiting as Socket);
  for (let served = popPending(socket); served !== null; served = popPending(socket)) {
    const client = served.peer;
    if (client !== null) reset(client);
    closeSocket(served);
  }
}

function dropQueue(socket: Socket): void {
  while (socket.first !== null) freeMessage(takeFirst(socket));
  inetOf(socket).queued = 0;
}

/** Makes `socket` one that was never connected, but for what bind(2) has fixed: tcp_disconnect() of Linux. */
function disconnect(socket: Socket): void {
  const inet = inetOf(socket);
  if (socket.state === LISTENING) stopListening(socket);
  stopWaiting(socket);
  freeHeld(takeHeld(socket));
  const peer = socket.peer;
  if (peer !== null && peer.peer === socket) reset(peer);
  dropQueue(socket);
  dropPeer(socket);
  inet.finSent = 0;
  inet.finCame = 0;
  inet.urgent = URGENT_NONE;
  inet.taken = 0;
  inet.phase = PHASE_NONE;
  socket.shut = 0;
  // A connection that there was or was to be is one that has been reset.
  if (socket.state === CONNECTED || socket.state === CONNECTING) socket.error = ECONNRESET as u32;
  // A port that came after the connection's end is not the connection's.
  if (socket.state !== UNCONNECTED) endClaim(socket);
  forgetRemote(socket);
  notify(socket.node, 0);
}

export function closeTcp(socket: Socket): void {
  const unread = socket.first !== null;
  if (socket.state === LISTENING) stopListening(socket);
  stopWaiting(socket);
  dropQueue(socket);
  const peer = socket.peer;
  if (peer !== null && peer.peer === socket) {
    // What nobody will read, or is not waited for, is told by a RST.
    if (unread || (socket.lingers !== 0 && socket.lingerTime === 0)) reset(peer);
    else sendFin(socket);
  }
  endHold(socket);
  socket.shut = SHUT_BOTH;
  dropPeer(socket);
  dropPort(socket);
}

/** Connects `client` to `listener`, whose queue has a place. False when memory is out. */
function establish(listener: Socket, client: Socket): bool {
  const served = newSocket(listener.protocol, listener.type);
  if (served === null) return false;
  served.own = allocate(INET_BYTES);
  if (served.own === 0) {
    closeSocket(served);
    return false;
  }
  // Options are inherited.
  memory.copy(served.own + offsetof<Inet>(), listener.own + offsetof<Inet>(), VALUES * 4);
  served.options = listener.options;
  served.lingers = listener.lingers;
  served.lingerTime = listener.lingerTime;
  served.receiveTime = listener.receiveTime;
  served.sendTime = listener.sendTime;
  served.receiveLow = listener.receiveLow;
  served.device = listener.device;
  served.receiveBuffer = listener.receiveBuffer;
  served.sendBuffer = listener.sendBuffer;
  const from = inetOf(client);
  const to = inetOf(served);
  to.localHigh = from.remoteHigh;
  to.localLow = from.remoteLow;
  to.remoteHigh = from.localHigh;
  to.remoteLow = from.localLow;
  to.remotePort = from.localPort;
  to.only6 = inetOf(listener).only6;
  to.fixed = FIXED_ADDRESS;
  to.phase = PHASE_DONE;
  sharePort(served, from.remotePort);
  growBuffer(served);
  growBuffer(client);
  served.shut = listener.shut;
  pairSockets(client, served);
  addPending(listener, served);
  notify(client.node, 0);
  // Who was shut down before it listened accepts what sends nothing: tcp_rcv_state_process() of Linux.
  if ((served.shut & SHUT_SEND) !== 0) sendFin(served);
  return true;
}

/** A connection has more room to send, unless SO_SNDBUF has been set. */
function growBuffer(socket: Socket): void {
  if (socket.sendBuffer === TCP_SEND_FIRST) socket.sendBuffer = TCP_SEND;
}

/** Lets those in that wait for a place at `listener`. */
function letIn(listener: Socket): void {
  const inet = inetOf(listener);
  while (inet.waiting !== null && listener.pendingCount <= listener.backlog) {
    const client = inet.waiting as Socket;
    stopWaiting(client);
    if (!establish(listener, client)) reset(client);
  }
}

/** Begins to connect `socket`, whose addresses and ports are set: 0 or a negative error. */
function begin(socket: Socket): i64 {
  const inet = inetOf(socket);
  socket.state = CONNECTING;
  socket.error = 0;
  inet.phase = PHASE_BEGUN;
  setOrigin(inet.localHigh, inet.localLow, inet.localPort);
  const listener = receiverFor(STREAMS, inet.remoteHigh, inet.remoteLow, inet.remotePort);
  if (listener === null) {
    reset(socket);
    return 0;
  }
  if (listener.pendingCount <= listener.backlog) {
    if (establish(listener, socket)) return 0;
    disconnect(socket);
    socket.error = 0;
    return -ENOMEM;
  }
  keepSocket(listener);
  inet.waitsFor = listener;
  const waiting = inetOf(listener);
  const last = waiting.lastWaiting;
  socket.previousPending = last;
  if (last === null) waiting.waiting = socket;
  else last.nextPending = socket;
  waiting.lastWaiting = socket;
  return 0;
}

/** Sets where `socket` is to be connected to; a negative error where it cannot be. */
export type Prepare = (socket: Socket) => i64;

/** connect(2): `prepare` comes first where nothing has begun. 0 or a negative error (inet_stream_connect() of Linux). */
export function connectTcp(thread: Thread, file: OpenFile, prepare: Prepare): i64 {
  const socket = socketOf(file);
  const inet = inetOf(socket);
  const end = untilOf(socket.sendTime);
  const waits = mayWait(file, 0);
  let error: i64 = -EALREADY;
  if (inet.phase === PHASE_DONE) return -EISCONN;
  if (inet.phase === PHASE_ENDING) return -EINVAL;
  if (inet.phase === PHASE_NONE) {
    if (socket.state !== UNCONNECTED) return -EISCONN;
    error = prepare(socket);
    if (error !== 0) return error;
    error = begin(socket);
    if (error !== 0) return error;
    if (!waits) return -EINPROGRESS;
    error = -EINPROGRESS;
  }
  while (socket.state === CONNECTING) {
    if (!waits) return error;
    const outcome = awaitAt(thread, socket, WRITABLE, end);
    if (outcome !== 0) return outcome === -EAGAIN ? error : outcome;
  }
  if (socket.state === UNCONNECTED) {
    const failed = takeError(socket);
    disconnect(socket);
    return failed !== 0 ? failed : -ECONNABORTED;
  }
  inet.phase = PHASE_DONE;
  return 0;
}

/** connect(2) with AF_UNSPEC. */
export function disconnectTcp(socket: Socket): i64 {
  disconnect(socket);
  return 0;
}

export function acceptTcp(thread: Thread, file: OpenFile): i64 {
  const listener = socketOf(file);
  if (listener.state !== LISTENING) return -EINVAL;
  const error = takePending(thread, listener, mayWait(file, 0));
  if (error === 0) letIn(listener);
  return error;
}

export function shutTcp(socket: Socket, directions: u32): i64 {
  const inet = inetOf(socket);
  if (inet.phase === PHASE_BEGUN) {
    inet.phase = socket.state === CONNECTED ? PHASE_DONE : PHASE_ENDING;
  }
  if (socket.state === LISTENING && (directions & SHUT_RECEIVE) === 0) return 0;
  if (socket.state === LISTENING || socket.state === CONNECTING) {
    disconnect(socket);
    return 0;
  }
  const closed = socket.state === UNCONNECTED;
  socket.shut |= directions;
  if (!closed && (directions & SHUT_SEND) !== 0) sendFin(socket);
  notify(socket.node, 0);
  return closed ? -ENOTCONN : 0;
}

/** Bytes that `from` may have on the way to `to`. */
function roomFor(from: Socket, to: Socket): u32 {
  if (queuedBytes / PAGE_SIZE > totalPages() / SHARE) return LITTLE;
  return from.sendBuffer + to.receiveBuffer;
}

/** Puts the next bytes of `transfer` into the queue of `to`: how many, or a negative error. */
function putBytes(from: Socket, to: Socket, transfer: Transfer): i64 {
  const last = to.last;
  let room: u32 = last === null || last.sender !== from ? 0 : last.capacity - last.length;
  let message: Message | null = last;
  if (room === 0) {
    const wanted = min<u64>(transfer.left, CHUNK as u64) as u32;
    message = newChunk(from, max<u32>(wanted, CHUNK_MIN));
    if (message === null) return -ENOBUFS;
    room = message.capacity;
  }
  const into = message as Message;
  const bytes = takeBytes(
    transfer,
    into.data + into.length,
    min<u64>(room as u64, transfer.left) as u32,
  );
  into.length += bytes;
  inetOf(to).queued += bytes;
  if (message !== last) {
    if (bytes === 0) freeMessage(into);
    else append(to, into);
  } else {
    notify(to.node, POLLIN | POLLRDNORM);
  }
  return bytes === 0 ? -EFAULT : (bytes as i64);
}

/** An empty message with room for `capacity` bytes; null when memory is out, or messages have what they may have of it. */
function newChunk(from: Socket, capacity: u32): Message | null {
  if (!mayQueue(capacity)) return null;
  const message = create<Message>();
  if (message === null) return null;
  message.data = allocate(capacity);
  if (message.data === 0) {
    destroy<Message>(message);
    return null;
  }
  message.capacity = capacity;
  charge(message, from, capacity + CHUNK_COST);
  return message;
}

/** What `socket` is told instead of being let send: its error, or that nobody can be sent to. */
function refusal(thread: Thread, socket: Socket): i64 {
  const failed = takeError(socket);
  const error = failed === 0 ? -EPIPE : failed;
  if (error === -EPIPE) thread.broken = 1;
  return error;
}

/** Waits until `socket`, which is about to be connected, is: 0 or a negative error. */
function awaitConnection(thread: Thread, socket: Socket, waits: bool, end: u64): i64 {
  while (socket.state === CONNECTING) {
    if (!waits) return -EAGAIN;
    const error = awaitAt(thread, socket, WRITABLE, end);
    if (error !== 0) return error;
  }
  return 0;
}

export function sendTcp(
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  _length: u32,
  flags: u32,
): i64 {
  const socket = socketOf(file);
  const end = untilOf(socket.sendTime);
  const waits = mayWait(file, flags);
  let error = awaitConnection(thread, socket, waits, end);
  if (error !== 0) return error;
  let done: i64 = 0;
  const more = (flags & MSG_MORE) !== 0 || optionValue(socket, VALUE_TCP_CORK) !== 0;
  const holds = more && (flags & MSG_OOB) === 0;
  while (true) {
    const sends = socket.state === CONNECTED && (socket.shut & SHUT_SEND) === 0;
    if (!sends || socket.error !== 0) return done === 0 ? refusal(thread, socket) : done;
    if (transfer.left === 0) break;
    const peer = socket.peer as Socket;
    if (!reads(peer)) {
      // The other side has gone, or reads no more and has said that it will not write: a RST comes back, to what fits.
      const room = roomFor(socket, peer);
      const fitting = socket.charged < room ? room - socket.charged : 1;
      done += min<u64>(transfer.left, fitting as u64) as i64;
      reset(peer);
      reset(socket);
      return done;
    }
    if (socket.charged < roomFor(socket, peer)) {
      if (!holds) pushHeld(socket);
      error = holds ? holdBytes(socket, transfer) : putBytes(socket, peer, transfer);
      if (error > 0) {
        done += error;
        continue;
      }
    } else if (!waits) {
      if (done !== 0) pushHeld(socket);
      socket.lacksRoom = 1;
      error = -EAGAIN;
    } else {
      if (done !== 0) pushHeld(socket);
      socket.lacksRoom = 1;
      error = awaitAt(thread, socket, WRITABLE, end);
      if (error === 0) continue;
    }
    return done === 0 ? error : done;
  }
  if (!holds && done !== 0 && socket.peer !== null) pushUncorked(socket.peer as Socket);
  // The answer to a segment that has gone.
  if (holds && (done as u64) > (inetOf(socket).held as u64)) pushUncorked(socket);
  if ((flags & MSG_OOB) !== 0 && done !== 0) noteUrgent(socket.peer);
  return done;
}

/** The last byte in the queue of `to` is urgent. One before it that would be next to read goes (tcp_check_urg() of Linux). */
function noteUrgent(to: Socket | null): void {
  if (to === null || to.last === null) return;
  const inet = inetOf(to);
  if (isUrgent(inet, inet.taken) && !inlinesUrgent(to) && inet.queued > 1) takeFrom(to, 1);
  const last = to.last as Message;
  inet.urgent = URGENT_THERE;
  inet.urgentByte = load<u8>(last.data + last.length - 1) as u32;
  inet.urgentAt = inet.taken + (inet.queued as u64) - 1;
  notify(to.node, POLLPRI);
}

/** MSG_OOB: tcp_recv_urg() of Linux. */
function receiveUrgent(socket: Socket, transfer: Transfer, flags: u32): i64 {
  const inet = inetOf(socket);
  if (inlinesUrgent(socket) || inet.urgent === URGENT_NONE || inet.urgent === URGENT_READ)
    return -EINVAL;
  if (socket.state === UNCONNECTED && inet.finCame === 0) return -ENOTCONN;
  if ((flags & MSG_PEEK) === 0) inet.urgent = URGENT_READ;
  setReceivedFlags(transfer.left === 0 ? MSG_OOB | MSG_TRUNC : MSG_OOB);
  if (transfer.left === 0 || (flags & MSG_TRUNC) !== 0) return min<u64>(transfer.left, 1) as i64;
  store<u8>(urgentByte, inet.urgentByte as u8);
  return fillBytes(transfer, urgentByte, 1) === 1 ? 1 : -EFAULT;
}

const urgentByte = memory.data(1);

/** The end of what has come: 0, an error, or EAGAIN where more may come. `has`: there are bytes to return. */
function ending(socket: Socket, has: bool): i64 {
  const closed = (socket.shut & SHUT_RECEIVE) !== 0;
  if (has) return socket.error !== 0 || closed || socket.state === UNCONNECTED ? 0 : -EAGAIN;
  if (inetOf(socket).finCame !== 0) return 0;
  const failed = takeError(socket);
  if (failed !== 0) return failed;
  if (closed) return 0;
  return socket.state === UNCONNECTED ? -ENOTCONN : -EAGAIN;
}

/** Bytes of the queue from place `at` on that may be taken at once: up to the end of a message, or the urgent byte. */
function runAt(socket: Socket, message: Message, offset: u32, at: u64): u32 {
  const inet = inetOf(socket);
  const bytes = message.length - offset;
  if (inet.urgent === URGENT_NONE || inet.urgentAt < at) return bytes;
  const before = inet.urgentAt - at;
  return before === 0 ? bytes : (min<u64>(bytes as u64, before) as u32);
}

/** `bytes` of the first message have been taken. */
function takeFrom(socket: Socket, bytes: u32): void {
  const inet = inetOf(socket);
  const message = socket.first as Message;
  message.taken += bytes;
  inet.taken += bytes as u64;
  inet.queued -= bytes;
  if (message.taken === message.length) freeMessage(takeFirst(socket));
}

/** The urgent byte is at place `at`. */
function isUrgent(inet: Inet, at: u64): bool {
  return inet.urgent !== URGENT_NONE && inet.urgentAt === at;
}

export function receiveTcp(thread: Thread, file: OpenFile, transfer: Transfer, flags: u32): i64 {
  const socket = socketOf(file);
  const inet = inetOf(socket);
  beginReceipt();
  if ((flags & MSG_ERRQUEUE) !== 0) return -EAGAIN;
  if (socket.state === LISTENING) return -ENOTCONN;
  if ((flags & MSG_OOB) !== 0) return receiveUrgent(socket, transfer, flags);
  const end = untilOf(socket.receiveTime);
  const waits = mayWait(file, flags);
  const peek = (flags & MSG_PEEK) !== 0;
  const all =
    (flags & MSG_WAITALL) !== 0 ? transfer.left : min<u64>(socket.receiveLow as u64, transfer.left);
  const target = max<u64>(all, 1) as i64;
  let done: i64 = 0;
  // How far a look goes beyond what has been taken, and where that is.
  let message = socket.first;
  let offset: u32 = message === null ? 0 : message.taken;
  let at = inet.taken;
  do {
    if (isUrgent(inet, at) && done !== 0) break;
    if (message === null) {
      if (done >= target) break;
      const error = ending(socket, done !== 0);
      if (error !== -EAGAIN) return done === 0 ? error : done;
      const outcome = waits ? awaitAt(thread, socket, READABLE, end) : -EAGAIN;
      if (outcome !== 0) return done === 0 ? outcome : done;
      // Others may have read meanwhile: a look begins again behind what it has seen.
      message = socket.first;
      offset = message === null ? 0 : message.taken;
      at = inet.taken;
      let seen = peek ? (done as u64) : 0;
      while (message !== null && seen !== 0) {
        const step = min<u64>(seen, (message.length - offset) as u64) as u32;
        seen -= step as u64;
        at += step as u64;
        offset += step;
        if (offset < message.length) break;
        message = message.next;
        offset = message === null ? 0 : message.taken;
      }
      continue;
    }
    let bytes = runAt(socket, message, offset, at);
    let skip: u32 = 0;
    if (isUrgent(inet, at) && !inlinesUrgent(socket) && transfer.left !== 0) {
      // The urgent byte is not among the others; who wants no bytes stays in front of it.
      skip = 1;
      bytes--;
    }
    bytes = min<u64>(bytes as u64, transfer.left) as u32;
    if ((flags & MSG_TRUNC) !== 0) {
      transfer.left -= bytes as u64;
    } else if (fillBytes(transfer, message.data + offset + skip, bytes) < bytes) {
      return done === 0 ? -EFAULT : done;
    }
    done += bytes as i64;
    at += (bytes + skip) as u64;
    offset += bytes + skip;
    if (!peek) {
      takeFrom(socket, bytes + skip);
      if (inet.urgentAt < at) inet.urgent = URGENT_NONE;
      message = socket.first;
      offset = message === null ? 0 : message.taken;
    } else if (offset === message.length) {
      message = message.next;
      offset = message === null ? 0 : message.taken;
    }
  } while (transfer.left !== 0);
  return done;
}

/** Bytes that can be read before the urgent one. */
function readableNow(socket: Socket): u32 {
  const inet = inetOf(socket);
  const ahead = inet.urgentAt - inet.taken;
  if (inet.urgent === URGENT_NONE || inlinesUrgent(socket) || inet.urgentAt < inet.taken)
    return inet.queued;
  return min<u64>(ahead, inet.queued as u64) as u32;
}

export function pollTcp(socket: Socket): u32 {
  const inet = inetOf(socket);
  if (socket.state === LISTENING) return socket.pending === null ? 0 : POLLIN | POLLRDNORM;
  let events: u32 = socket.error !== 0 ? POLLERR : 0;
  if (socket.shut === SHUT_BOTH || socket.state === UNCONNECTED) events |= POLLHUP;
  if ((socket.shut & SHUT_RECEIVE) !== 0) events |= POLLIN | POLLRDNORM | POLLRDHUP;
  if (socket.state === CONNECTING) return events;
  const skipped: u32 = isUrgent(inet, inet.taken) && !inlinesUrgent(socket) ? 1 : 0;
  if (inet.queued >= socket.receiveLow + skipped) events |= POLLIN | POLLRDNORM;
  if (inet.urgent === URGENT_THERE) events |= POLLPRI;
  const peer = socket.peer;
  if ((socket.shut & SHUT_SEND) !== 0 || peer === null || peer.dead !== 0)
    return events | POLLOUT | POLLWRNORM;
  // A third of the room is free.
  const room = roomFor(socket, peer);
  if (socket.charged <= room - room / 3) events |= POLLOUT | POLLWRNORM;
  return events;
}

/** Bytes that are not where the other side can read them: kept back, or beyond its buffer. */
function unsent(socket: Socket): u32 {
  const peer = socket.peer;
  const held = inetOf(socket).held;
  if (peer === null || peer.dead !== 0) return held;
  const queued = inetOf(peer).queued;
  return held + (queued <= peer.receiveBuffer ? 0 : queued - peer.receiveBuffer);
}

export function ioctlTcp(thread: Thread, socket: Socket, command: u32, argument: u64): i64 {
  const inet = inetOf(socket);
  let value: u32 = 0;
  if (command === SIOCATMARK) value = isUrgent(inet, inet.taken) ? 1 : 0;
  else if (command !== FIONREAD && command !== SIOCOUTQ) return -ENOTTY;
  else if (socket.state === LISTENING) return -EINVAL;
  else value = command === FIONREAD ? readableNow(socket) : unsent(socket);
  return put32(thread.program.space, argument, value) ? 0 : -EFAULT;
}

/** listen(2); 0 or a negative error. */
export function listenTcp(_thread: Thread, socket: Socket, backlog: u32): i64 {
  const inet = inetOf(socket);
  if (inet.phase !== PHASE_NONE) return -EINVAL;
  if (socket.state !== UNCONNECTED && socket.state !== LISTENING) return -EINVAL;
  socket.backlog = backlog;
  if (socket.state === LISTENING) {
    letIn(socket);
    return 0;
  }
  if (inet.localPort === 0) {
    if (!takeAnyPort(socket)) return -EADDRINUSE;
  } else if (isTaken(socket, inet.localHigh, inet.localLow, inet.localPort)) {
    return -EADDRINUSE;
  }
  socket.state = LISTENING;
  return 0;
}

/** States of streams, include/net/tcp_states.h. */
export const TCP_ESTABLISHED: u32 = 1;
const TCP_SYN_SENT: u32 = 2;
const TCP_FIN_WAIT2: u32 = 5;
const TCP_CLOSE: u32 = 7;
const TCP_CLOSE_WAIT: u32 = 8;
const TCP_LISTEN: u32 = 10;

/** The state of a stream as Linux numbers them (include/net/tcp_states.h). */
export function tcpState(socket: Socket): u32 {
  const inet = inetOf(socket);
  if (socket.state === LISTENING) return TCP_LISTEN;
  if (socket.state === CONNECTING) return TCP_SYN_SENT;
  if (socket.state === UNCONNECTED) return TCP_CLOSE;
  if (inet.finSent !== 0) return TCP_FIN_WAIT2;
  return inet.finCame !== 0 ? TCP_CLOSE_WAIT : TCP_ESTABLISHED;
}
