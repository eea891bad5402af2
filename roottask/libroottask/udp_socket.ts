// Datagrams of the families AF_INET and AF_INET6 (udp(7)) between sockets of this machine. One that nobody listens for
// comes back as an error where the sender is connected; one that there is no room for is lost, as on Linux. One can be put
// together by several calls (MSG_MORE, UDP_CORK): where it goes and with what is said by the first.

import {
  EACCES,
  EAGAIN,
  ECONNREFUSED,
  EFAULT,
  EMSGSIZE,
  ENETUNREACH,
  ENOTCONN,
  ENOTTY,
  EPIPE,
} from "./errno";
import { allocate, create, destroy } from "./heap";
import {
  dropPort,
  inetOf,
  isAny,
  isMapped,
  nextReceiver,
  optionValue,
  ROUTE_BROADCAST,
  ROUTE_NONE,
  receiverFor,
  routeOf,
  VALUE_PKTINFO,
  VALUE_PKTINFO6,
} from "./inet";
import { FIONREAD, OpenFile } from "./open_file";
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "./poll_events";
import { Thread } from "./program";
import {
  awaitAt,
  CONNECTED,
  Message,
  MSG_ERRQUEUE,
  MSG_PEEK,
  MSG_TRUNC,
  mayWait,
  SHUT_BOTH,
  SHUT_RECEIVE,
  SHUT_SEND,
  SIOCOUTQ,
  Socket,
  socketOf,
  takeError,
  untilOf,
} from "./socket";
import {
  append,
  beginReceipt,
  charge,
  extendMessage,
  freeMessage,
  makeMessage,
  messageError,
  noteMessage,
  readableBytes,
  setReceivedFlags,
  takeFirst,
} from "./socket_messages";
import { put32 } from "./space";
import { fillBytes, Transfer } from "./transfer";
import { notify, READABLE } from "./watches";

/** Longest datagrams: 65535 bytes with the heads of IPv4 and UDP, or that of UDP alone. */
const LONGEST4: u64 = 65_507;
const LONGEST6: u64 = 65_527;
const SO_BROADCAST: u64 = 6;

/** Where the next datagram goes; set by the caller of `sendUdp`. */
let targetHigh: u64 = 0;
let targetLow: u64 = 0;
let targetPort: u32 = 0;

export function setTarget(high: u64, low: u64, port: u32): void {
  targetHigh = high;
  targetLow = low;
  targetPort = port;
}

/** Where the last datagram came from and went to. */
export let cameHigh: u64 = 0;
export let cameLow: u64 = 0;
export let camePort: u32 = 0;
export let wentHigh: u64 = 0;
export let wentLow: u64 = 0;
export let cameHops: u32 = 0;
export let cameService: u32 = 0;
/** It came to a socket that asked for its interface. */
export let cameNoted: bool = false;

/** A copy of `message`, which has no descriptors; null when memory is out. */
function copyOf(message: Message): Message | null {
  const copy = create<Message>();
  if (copy === null) return null;
  memory.copy(changetype<usize>(copy), changetype<usize>(message), offsetof<Message>());
  copy.next = null;
  if (message.capacity !== 0) {
    copy.data = allocate(message.capacity);
    if (copy.data === 0) {
      destroy<Message>(copy);
      return null;
    }
    memory.copy(copy.data, message.data, message.length);
  }
  charge(copy, message.sender, message.charge);
  return copy;
}

/** Puts `message` into the queue of `to`, or loses it where that is full. */
function deliver(message: Message, to: Socket): void {
  const inet = inetOf(to);
  if (inet.queued > to.receiveBuffer) {
    freeMessage(message);
    return;
  }
  inet.queued += message.charge;
  // As on Linux, a datagram of IPv4 that came before the option was set has no interface.
  const asks = optionValue(to, VALUE_PKTINFO) !== 0 || optionValue(to, VALUE_PKTINFO6) !== 0;
  message.noted = asks ? 1 : 0;
  append(to, message);
}

/** A datagram for all that have the port. */
function deliverToAll(message: Message, from: Socket): void {
  let to = nextReceiver(from, null, message.toHigh, message.toLow, message.toPort);
  while (to !== null) {
    const copy = copyOf(message);
    if (copy !== null) deliver(copy, to);
    to = nextReceiver(from, to, message.toHigh, message.toLow, message.toPort);
  }
  freeMessage(message);
}

/** Longest datagram to that address. */
function longestTo(high: u64, low: u64): u64 {
  return isMapped(high, low) ? LONGEST4 : LONGEST6;
}

/**
 * Sends `transfer` to what `setTarget` has set, as one datagram with that many hops and that type of service: bytes, or a
 * negative error. `socket` has a local port. Where `more` follows it is kept.
 */
export function sendUdp(
  thread: Thread,
  socket: Socket,
  transfer: Transfer,
  localHigh: u64,
  localLow: u64,
  hops: u32,
  service: u32,
  more: bool,
): i64 {
  const length = transfer.left;
  const inet = inetOf(socket);
  const route = routeOf(targetHigh, targetLow);
  if (route === ROUTE_NONE) return -ENETUNREACH;
  if (route === ROUTE_BROADCAST && ((socket.options >> SO_BROADCAST) & 1) === 0) return -EACCES;
  if (length > longestTo(targetHigh, targetLow)) return -EMSGSIZE;
  const failed = takeError(socket);
  if (failed !== 0) return failed;
  if ((socket.shut & SHUT_SEND) !== 0) return -EPIPE;
  const message = makeMessage(thread, socket, transfer, length as u32);
  if (message === null) return messageError;
  message.fromHigh = localHigh;
  message.fromLow = localLow;
  message.fromPort = inet.localPort;
  message.toHigh = targetHigh;
  message.toLow = targetLow;
  message.toPort = targetPort;
  message.hops = hops;
  message.service = service;
  if (more) inet.collected = message;
  else transmit(socket, message);
  return length as i64;
}

/** Puts `transfer` behind what is kept, and sends that unless `more` follows: bytes, or a negative error, and nothing is kept. */
export function continueUdp(socket: Socket, transfer: Transfer, more: bool): i64 {
  const message = inetOf(socket).collected as Message;
  const length = transfer.left;
  const fits = (message.length as u64) + length <= longestTo(message.toHigh, message.toLow);
  const error = fits ? extendMessage(message, transfer, length as u32) : -EMSGSIZE;
  if (error !== 0) {
    dropCollected(socket);
    return error;
  }
  if (!more) sendCollected(socket);
  return length as i64;
}

/** Sends what is kept, if anything. */
export function sendCollected(socket: Socket): void {
  const inet = inetOf(socket);
  const message = inet.collected;
  inet.collected = null;
  if (message !== null) transmit(socket, message);
}

/** What is kept for an address of IPv4 goes to the peer that `socket` has got of that (__ip4_datagram_connect() of Linux). */
export function redirectCollected(socket: Socket): void {
  const inet = inetOf(socket);
  const message = inet.collected;
  if (message === null || !isMapped(message.toHigh, message.toLow)) return;
  if (!isMapped(inet.remoteHigh, inet.remoteLow)) return;
  message.fromHigh = inet.localHigh;
  message.fromLow = inet.localLow;
  message.fromPort = inet.localPort;
  message.toHigh = inet.remoteHigh;
  message.toLow = inet.remoteLow;
  message.toPort = inet.remotePort;
}

function dropCollected(socket: Socket): void {
  const inet = inetOf(socket);
  const message = inet.collected;
  inet.collected = null;
  if (message !== null) freeMessage(message);
}

/** `message` goes where it is to go from `socket`. */
function transmit(socket: Socket, message: Message): void {
  const inet = inetOf(socket);
  const toHigh = message.toHigh;
  const toLow = message.toLow;
  const toPort = message.toPort;
  const localHigh = message.fromHigh;
  const localLow = message.fromLow;
  // Whom it reaches depends on where it comes from.
  const boundHigh = inet.localHigh;
  const boundLow = inet.localLow;
  const toAll = routeOf(toHigh, toLow) === ROUTE_BROADCAST;
  inet.localHigh = localHigh;
  inet.localLow = localLow;
  if (toAll) deliverToAll(message, socket);
  const to: Socket | null = toAll ? null : receiverFor(socket, toHigh, toLow, toPort);
  inet.localHigh = boundHigh;
  inet.localLow = boundLow;
  if (toAll) return;
  if (to !== null) {
    deliver(message, to);
    return;
  }
  freeMessage(message);
  // Who is connected is told of its peer alone.
  const isPeer = inet.remoteHigh === toHigh && inet.remoteLow === toLow;
  // It comes back to where it was sent from, which is not where one is that is bound to an address of the other family.
  const isHome = isAny(boundHigh, boundLow) || (boundHigh === localHigh && boundLow === localLow);
  if (socket.state === CONNECTED && isHome && isPeer && inet.remotePort === toPort) {
    socket.error = ECONNREFUSED as u32;
    notify(socket.node, 0);
  }
}

/** Waits for a datagram to `socket`: 1, 0 where none will be taken, or a negative error. */
function awaitDatagram(thread: Thread, socket: Socket, waits: bool, end: u64): i64 {
  while (true) {
    const failed = takeError(socket);
    if (failed !== 0) return failed;
    if (socket.first !== null) return 1;
    if (!waits) return -EAGAIN;
    if ((socket.shut & SHUT_RECEIVE) !== 0) return 0;
    const error = awaitAt(thread, socket, READABLE, end);
    if (error !== 0) return error;
  }
}

export function receiveUdp(thread: Thread, file: OpenFile, transfer: Transfer, flags: u32): i64 {
  const socket = socketOf(file);
  beginReceipt();
  if ((flags & MSG_ERRQUEUE) !== 0) return -EAGAIN;
  const found = awaitDatagram(thread, socket, mayWait(file, flags), untilOf(socket.receiveTime));
  beginReceipt();
  if (found <= 0) return found;
  const message = socket.first as Message;
  const bytes = min<u64>(transfer.left, message.length as u64) as u32;
  const peek = (flags & MSG_PEEK) !== 0;
  const copied = fillBytes(transfer, message.data, bytes);
  if (bytes < message.length) setReceivedFlags(MSG_TRUNC);
  const result = (flags & MSG_TRUNC) !== 0 ? message.length : bytes;
  noteMessage(message, peek);
  cameHigh = message.fromHigh;
  cameLow = message.fromLow;
  camePort = message.fromPort;
  wentHigh = message.toHigh;
  wentLow = message.toLow;
  cameHops = message.hops;
  cameService = message.service;
  cameNoted = message.noted !== 0;
  if (!peek) {
    inetOf(socket).queued -= message.charge;
    freeMessage(takeFirst(socket));
  }
  return copied < bytes ? -EFAULT : (result as i64);
}

export function pollUdp(socket: Socket): u32 {
  let events: u32 = POLLOUT | POLLWRNORM;
  if (socket.error !== 0) events |= POLLERR;
  if (socket.shut === SHUT_BOTH) events |= POLLHUP;
  if ((socket.shut & SHUT_RECEIVE) !== 0) events |= POLLRDHUP | POLLIN | POLLRDNORM;
  if (socket.first !== null) events |= POLLIN | POLLRDNORM;
  return events;
}

export function shutUdp(socket: Socket, directions: u32): i64 {
  socket.shut |= directions;
  notify(socket.node, 0);
  return socket.state === CONNECTED ? 0 : -ENOTCONN;
}

export function ioctlUdp(thread: Thread, socket: Socket, command: u32, argument: u64): i64 {
  if (command !== FIONREAD && command !== SIOCOUTQ) return -ENOTTY;
  // What has been sent is with its receiver, or lost.
  const value: u32 = command === FIONREAD ? readableBytes(socket) : 0;
  return put32(thread.program.space, argument, value) ? 0 : -EFAULT;
}

export function closeUdp(socket: Socket): void {
  socket.shut = SHUT_BOTH;
  dropCollected(socket);
  while (socket.first !== null) freeMessage(takeFirst(socket));
  dropPort(socket);
}
