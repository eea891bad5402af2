// Datagrams of the families AF_INET and AF_INET6 (udp(7)) between sockets of this machine. One that nobody listens for
// comes back as an error where the sender is connected; one that there is no room for is lost, as on Linux. One can be put
// together by several calls (MSG_MORE, UDP_CORK): where it goes and with what is said by the first.

import { isElsewhere } from "./bound_device";
import { deliverDatagram, keptOf, noteAddresses } from "./datagram_queue";
import {
  EACCES,
  EAGAIN,
  EFAULT,
  EMSGSIZE,
  ENETUNREACH,
  ENODEV,
  ENOTCONN,
  ENOTTY,
  EPIPE,
} from "./errno";
import { dropErrors, ORIGIN_LOCAL, queueError, takeQueued } from "./error_queue";
import { NO_PORT, NO_PORT6, sendError, UNREACHABLE, UNREACHABLE6 } from "./icmp";
import {
  DATAGRAMS,
  dropPort,
  firstRaw,
  IPPROTO_UDP,
  inetOf,
  isMapped,
  nextReceiver,
  optionValue,
  ROUTE_BROADCAST,
  ROUTE_NONE,
  receiverFor,
  routeOf,
  setOrigin,
  VALUE_DISCOVER,
  VALUE_RECVERR,
} from "./inet";
import {
  checksum,
  headBytes,
  isFour,
  PACKET_MAX,
  packetLike,
  pseudoSum,
  putHead,
  UDP_HEAD,
} from "./ip_packet";
import { showPacket, timeOfDay } from "./lo";
import { FIONREAD, OpenFile } from "./open_file";
import { isTapped } from "./packet_tap";
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
  beginReceipt,
  copyMessage,
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

/** Gives `to` a datagram, as much as its filter keeps, which sees the head of UDP. */
function give(message: Message, to: Socket): void {
  if (to.filter !== 0) {
    const packet = packetOf(message);
    const at: usize = packet === null ? 0 : packet.data + headBytes(isFour(packet));
    const kept: u32 = packet === null ? 0 : keptOf(packet, at, to);
    if (packet !== null) freeMessage(packet);
    if (kept === 0) {
      freeMessage(message);
      return;
    }
    message.length = max<u32>(kept, UDP_HEAD) - UDP_HEAD;
  }
  deliverDatagram(message, to);
}

/** A datagram for all that have the port. */
function deliverToAll(message: Message): void {
  let to = nextReceiver(null, message.toHigh, message.toLow, message.toPort);
  while (to !== null) {
    const copy = copyMessage(message, 0);
    if (copy !== null) give(copy, to);
    to = nextReceiver(to, message.toHigh, message.toLow, message.toPort);
  }
  freeMessage(message);
}

/** Longest datagram to that address. */
function longestTo(high: u64, low: u64): u64 {
  return isMapped(high, low) ? LONGEST4 : LONGEST6;
}

/** A datagram to the target has been too long: ip_local_error() of Linux. */
function tellTooLong(socket: Socket): void {
  const four = isMapped(targetHigh, targetLow);
  if (!four || optionValue(socket, VALUE_RECVERR) === 0) return;
  const error = queueError(socket, EMSGSIZE as i32, ORIGIN_LOCAL, 0, 0, PACKET_MAX, 0, 0, 0, 0);
  if (error === null) return;
  error.fromLow = targetLow;
  error.fromPort = inetOf(socket).remotePort;
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
  if (isElsewhere(socket)) return -ENODEV;
  const route = routeOf(targetHigh, targetLow);
  if (route === ROUTE_NONE) return -ENETUNREACH;
  if (route === ROUTE_BROADCAST && ((socket.options >> SO_BROADCAST) & 1) === 0) return -EACCES;
  if (length > longestTo(targetHigh, targetLow)) {
    tellTooLong(socket);
    return -EMSGSIZE;
  }
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
  else transmit(message);
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
  if (message !== null) transmit(message);
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

/** The packet that `message` would be, without the checksum of what it carries, as lo leaves it; null when memory is out. */
function packetOf(message: Message): Message | null {
  const length = UDP_HEAD + message.length;
  const packet = packetLike(message.sender, message, length);
  if (packet === null) return null;
  const at = packet.data + headBytes(isFour(packet));
  store<u16>(at, bswap<u16>(message.fromPort as u16));
  store<u16>(at + 2, bswap<u16>(message.toPort as u16));
  store<u16>(at + 4, bswap<u16>(length as u16));
  store<u16>(at + 6, pseudoSum(packet, IPPROTO_UDP, length) as u16);
  memory.copy(at + UDP_HEAD, message.data, message.length);
  const whole = optionValue(message.sender, VALUE_DISCOVER) !== 0;
  putHead(packet, IPPROTO_UDP, whole);
  return packet;
}

/** Somebody sees packets of UDP. */
function isWatched(): bool {
  return isTapped() || firstRaw(IPPROTO_UDP) !== null;
}

/** `message` goes where it is to go. */
function transmit(message: Message): void {
  message.time = timeOfDay();
  if (isWatched()) {
    const packet = packetOf(message);
    if (packet !== null) {
      showPacket(packet);
      freeMessage(packet);
    }
  }
  arrive(message, null);
}

/** `message` comes to those it is for, or comes back as an error: `packet` is what it was in, null where it was in none. */
function arrive(message: Message, packet: Message | null): void {
  setOrigin(message.fromHigh, message.fromLow, message.fromPort);
  if (routeOf(message.toHigh, message.toLow) === ROUTE_BROADCAST) {
    deliverToAll(message);
    return;
  }
  const to = receiverFor(DATAGRAMS, message.toHigh, message.toLow, message.toPort);
  if (to !== null) {
    give(message, to);
    return;
  }
  const lost = packet === null ? packetOf(message) : packet;
  freeMessage(message);
  if (lost === null) return;
  const four = isFour(lost);
  sendError(lost, four ? UNREACHABLE : UNREACHABLE6, four ? NO_PORT : NO_PORT6, 0);
  if (packet === null) freeMessage(lost);
}

/** Takes a datagram out of `packet`, the `length` bytes at `at`, whose checksum is whole. */
export function receiveUdpPacket(packet: Message, at: usize, length: u32): void {
  if (length < UDP_HEAD) return;
  const told = bswap<u16>(load<u16>(at + 4)) as u32;
  if (told < UDP_HEAD || told > length) return;
  const sealed = load<u16>(at + 6) !== 0;
  if (!sealed && !isFour(packet)) return;
  if (sealed && checksum(at, told, pseudoSum(packet, IPPROTO_UDP, told)) !== 0) return;
  const skipped = ((at - packet.data) as u32) + UDP_HEAD;
  const message = copyMessage(packet, skipped);
  if (message === null) return;
  message.length = told - UDP_HEAD;
  message.fromPort = bswap<u16>(load<u16>(at)) as u32;
  message.toPort = bswap<u16>(load<u16>(at + 2)) as u32;
  arrive(message, packet);
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
  if ((flags & MSG_ERRQUEUE) !== 0) return takeQueued(socket, transfer, noteAddresses);
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
  noteAddresses(message);
  if (!peek) {
    inetOf(socket).queued -= message.charge;
    freeMessage(takeFirst(socket));
  }
  return copied < bytes ? -EFAULT : (result as i64);
}

export function pollUdp(socket: Socket): u32 {
  let events: u32 = POLLOUT | POLLWRNORM;
  if (socket.error !== 0 || inetOf(socket).errors !== null) events |= POLLERR;
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
  dropErrors(socket);
  while (socket.first !== null) freeMessage(takeFirst(socket));
  dropPort(socket);
}
