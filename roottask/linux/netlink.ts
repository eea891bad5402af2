// The family AF_NETLINK (netlink(7), rtnetlink(7)), NETLINK_ROUTE alone: what interfaces and addresses there are. A request
// is answered at once, in the queue of the socket that has sent it. Nothing can be changed, and nobody is told of changes.

import { CAP_NET_ADMIN, hasCapability } from "../libroottask/credentials";
import {
  EADDRINUSE,
  ECONNREFUSED,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOBUFS,
  ENODEV,
  ENOMEM,
  ENOTTY,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from "../libroottask/errno";
import { allocate, create, release } from "../libroottask/heap";
import { AF_INET, AF_INET6 } from "../libroottask/inet";
import { FIONREAD, OpenFile } from "../libroottask/open_file";
import { POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../libroottask/poll_events";
import { Thread } from "../libroottask/program";
import {
  AF_UNSPEC,
  address,
  closeSocket,
  firstSocket,
  MSG_OOB,
  mayWait,
  NAME_OWN,
  newSocket,
  Protocol,
  SIOCOUTQ,
  SOCK_DGRAM,
  SOCK_RAW,
  Socket,
  socketOf,
} from "../libroottask/socket";
import {
  append,
  freeMessage,
  makeMessage,
  messageError,
  readableBytes,
  takeFirst,
} from "../libroottask/socket_messages";
import { put32 } from "../libroottask/space";
import { equalsLiteral, terminatedLength } from "../libroottask/text";
import { closePieces, Transfer, takeBytes, transferOf } from "../libroottask/transfer";
import { receiveMessage } from "../libroottask/unix_socket";
import {
  ARPHRD_LOOPBACK,
  interfaceIoctl,
  LO_FLAGS,
  LO_INDEX,
  LO_MTU,
  LO_QUEUE,
  NO_COMMAND,
} from "./interfaces";
import { FAMILY_BYTES, setFamilyError } from "./socket_address";

export const AF_NETLINK: u32 = 16;
/** struct sockaddr_nl. */
const ADDRESS_BYTES: u32 = 12;

/** struct nlmsghdr: length, type, flags, sequence number, port. */
const HEAD_BYTES: u32 = 16;
const NLMSG_ERROR: u32 = 2;
const NLMSG_DONE: u32 = 3;
const NLM_F_REQUEST: u32 = 1;
const NLM_F_MULTI: u32 = 2;
const NLM_F_ACK: u32 = 4;
const NLM_F_DUMP: u32 = 0x300;
const RTM_NEWLINK: u32 = 16;
const RTM_GETLINK: u32 = 18;
const RTM_NEWADDR: u32 = 20;
const RTM_GETADDR: u32 = 22;
const RTM_GETROUTE: u32 = 26;
/** The kind of a request whose two lowest bits say that it asks. */
const ASKS: u32 = 2;
const RTM_BASE: u32 = 16;
const RTM_MAX: u32 = 123;

const IFLA_ADDRESS: u32 = 1;
const IFLA_BROADCAST: u32 = 2;
const IFLA_IFNAME: u32 = 3;
const IFLA_MTU: u32 = 4;
const IFLA_TXQLEN: u32 = 13;
const IFLA_OPERSTATE: u32 = 16;
const IFA_ADDRESS: u32 = 1;
const IFA_LOCAL: u32 = 2;
const IFA_LABEL: u32 = 3;
const IFA_FLAGS: u32 = 8;
/** IFA_F_PERMANENT, RT_SCOPE_HOST, IFF_LOWER_UP. */
const PERMANENT: u32 = 0x80;
const SCOPE_HOST: u32 = 254;
const LOWER_UP: u32 = 0x1_0000;

/** Longest request that is looked at, and room for an answer. */
const REQUEST_MAX: u32 = 4096;
const ANSWER_MAX: u32 = 512;

const protocol = changetype<Protocol>(memory.data(128));

/** A socket's own: its port, 0 before it has one, and groups. */
@unmanaged
class Netlink {
  port: u32;
  groups: u32;
}

function netlinkOf(socket: Socket): Netlink {
  return changetype<Netlink>(socket.own);
}

let lastPort: u32 = 0;

/** `port` is that of a socket. */
function isTaken(port: u32): bool {
  let socket = firstSocket();
  while (socket !== null) {
    if (socket.protocol === protocol && netlinkOf(socket).port === port) return true;
    socket = socket.next;
  }
  return false;
}

/** Gives `socket` a port unless it has one: that of the process, or one that nobody has. */
function takePort(socket: Socket, process: u32): void {
  const own = netlinkOf(socket);
  if (own.port !== 0) return;
  own.port = process;
  while (isTakenByOther(socket, own.port)) own.port = 0xffff_f000 - lastPort++;
}

function isTakenByOther(socket: Socket, port: u32): bool {
  const own = netlinkOf(socket);
  const had = own.port;
  own.port = 0;
  const taken = isTaken(port);
  own.port = had;
  return taken;
}

function bind(thread: Thread, socket: Socket, length: u32): i64 {
  if (length < ADDRESS_BYTES || (load<u16>(address) as u32) !== AF_NETLINK) return -EINVAL;
  const own = netlinkOf(socket);
  const port = load<u32>(address + 4);
  const groups = load<u32>(address + 8);
  if (own.port !== 0 && port !== own.port) return -EINVAL;
  if (own.port === 0 && port !== 0) {
    if (isTaken(port)) return -EADDRINUSE;
    own.port = port;
  }
  takePort(socket, thread.program.id);
  own.groups = groups;
  return 0;
}

function connect(thread: Thread, file: OpenFile, length: u32): i64 {
  if (length < FAMILY_BYTES) return -EINVAL;
  const family = load<u16>(address) as u32;
  if (family !== AF_NETLINK && family !== AF_UNSPEC) return -EINVAL;
  if (family === AF_UNSPEC) return 0;
  if (length < ADDRESS_BYTES) return -EINVAL;
  // Only the kernel can be talked to.
  if (load<u32>(address + 4) !== 0) return -ECONNREFUSED;
  takePort(socketOf(file), thread.program.id);
  return 0;
}

function listenNot(_thread: Thread, _socket: Socket, _backlog: u32): i64 {
  return -EOPNOTSUPP;
}

function acceptNot(_thread: Thread, _file: OpenFile): i64 {
  return -EOPNOTSUPP;
}

function shutNot(_socket: Socket, _directions: u32): i64 {
  return -EOPNOTSUPP;
}

function putName(port: u32, groups: u32): u32 {
  memory.fill(address, 0, ADDRESS_BYTES);
  store<u16>(address, AF_NETLINK as u16);
  store<u32>(address + 4, port);
  store<u32>(address + 8, groups);
  return ADDRESS_BYTES;
}

function name(socket: Socket, whose: u32): i64 {
  const own = netlinkOf(socket);
  return putName(whose === NAME_OWN ? own.port : 0, whose === NAME_OWN ? own.groups : 0) as i64;
}

/** All messages are the kernel's. */
function sender(_socket: Socket): u32 {
  return putName(0, 0);
}

/** The answer that is being made, how long it is, and where its last message begins. */
let answer: usize = 0;
let answerLength: u32 = 0;
let messageStart: u32 = 0;

function put(bytes: u32): usize {
  const at = answer + answerLength;
  answerLength += (bytes + 3) & ~3;
  return at;
}

/** Begins a message with the head of request `to`. */
function beginMessage(type: u32, flags: u32, to: usize, port: u32): void {
  messageStart = answerLength;
  const at = put(HEAD_BYTES);
  store<u16>(at + 4, type as u16);
  store<u16>(at + 6, flags as u16);
  store<u32>(at + 8, load<u32>(to + 8));
  store<u32>(at + 12, port);
}

function endMessage(): void {
  store<u32>(answer + messageStart, answerLength - messageStart);
}

/** Puts an attribute of `bytes` bytes, zeroes at first: where they are. */
function attribute(type: u32, bytes: u32): usize {
  const at = put(4 + bytes);
  store<u16>(at, (4 + bytes) as u16);
  store<u16>(at + 2, type as u16);
  return at + 4;
}

function putLink(to: usize, port: u32, flags: u32): void {
  beginMessage(RTM_NEWLINK, flags, to, port);
  const info = put(16);
  store<u16>(info + 2, ARPHRD_LOOPBACK as u16);
  store<u32>(info + 4, LO_INDEX);
  store<u32>(info + 8, LO_FLAGS | LOWER_UP);
  store<u16>(attribute(IFLA_IFNAME, 3), 0x6f6c);
  store<u32>(attribute(IFLA_TXQLEN, 4), LO_QUEUE);
  attribute(IFLA_OPERSTATE, 1);
  store<u32>(attribute(IFLA_MTU, 4), LO_MTU);
  attribute(IFLA_ADDRESS, 6);
  attribute(IFLA_BROADCAST, 6);
  endMessage();
}

function putAddressOf(family: u32, to: usize, port: u32): void {
  const four = family === AF_INET;
  beginMessage(RTM_NEWADDR, NLM_F_MULTI, to, port);
  const info = put(8);
  store<u8>(info, family as u8);
  store<u8>(info + 1, four ? 8 : 128);
  store<u8>(info + 2, PERMANENT as u8);
  store<u8>(info + 3, SCOPE_HOST as u8);
  store<u32>(info + 4, LO_INDEX);
  if (four) {
    store<u32>(attribute(IFA_ADDRESS, 4), 0x0100_007f);
    store<u32>(attribute(IFA_LOCAL, 4), 0x0100_007f);
    store<u16>(attribute(IFA_LABEL, 3), 0x6f6c);
  } else {
    store<u8>(attribute(IFA_ADDRESS, 16) + 15, 1);
  }
  store<u32>(attribute(IFA_FLAGS, 4), PERMANENT);
  endMessage();
}

/** Says how request `to` has ended. */
function putError(error: i64, to: usize, port: u32): void {
  beginMessage(NLMSG_ERROR, 0, to, port);
  store<i32>(put(4), error as i32);
  memory.copy(put(HEAD_BYTES), to, HEAD_BYTES);
  endMessage();
}

function putDone(to: usize, port: u32): void {
  beginMessage(NLMSG_DONE, NLM_F_MULTI, to, port);
  put(4);
  endMessage();
}

/** What a request of `type` for all there is gives: 0 or a negative error, which is told. */
function putAll(type: u32, family: u32, to: usize, port: u32): void {
  if (type === RTM_GETLINK) putLink(to, port, NLM_F_MULTI);
  if (type === RTM_GETADDR) {
    if (family === AF_UNSPEC || family === AF_INET) putAddressOf(AF_INET, to, port);
    if (family === AF_UNSPEC || family === AF_INET6) putAddressOf(AF_INET6, to, port);
  }
  putDone(to, port);
}

/** RTM_GETLINK of one interface, by its number or its name. */
function linkError(to: usize, length: u32): i64 {
  if (length < HEAD_BYTES + 16) return -EINVAL;
  const index = load<u32>(to + HEAD_BYTES + 4);
  if (index !== 0) return index === LO_INDEX ? 0 : -ENODEV;
  let at: u32 = HEAD_BYTES + 16;
  while (at + 4 <= length) {
    const bytes = load<u16>(to + at) as u32;
    if (bytes < 4 || bytes > length - at) return -EINVAL;
    const isName = (load<u16>(to + at + 2) as u32) === IFLA_IFNAME && bytes >= 6;
    if (isName)
      return equalsLiteral(to + at + 4, terminatedLength(to + at + 4, bytes - 4), "lo")
        ? 0
        : -ENODEV;
    at += (bytes + 3) & ~3;
  }
  return -EINVAL;
}

/** Answers the request of `length` bytes at `to`, whose head has been checked. */
function respond(thread: Thread, to: usize, length: u32, port: u32): void {
  const type = load<u16>(to + 4) as u32;
  const flags = load<u16>(to + 6) as u32;
  if ((flags & NLM_F_REQUEST) === 0 || type < RTM_BASE) {
    if ((flags & NLM_F_ACK) !== 0) putError(0, to, port);
    return;
  }
  if (type > RTM_MAX) {
    putError(-EOPNOTSUPP, to, port);
    return;
  }
  if ((type & 3) !== ASKS) {
    const may = hasCapability(thread.credentials, CAP_NET_ADMIN);
    putError(may ? -EOPNOTSUPP : -EPERM, to, port);
    return;
  }
  const family: u32 = length > HEAD_BYTES ? (load<u8>(to + HEAD_BYTES) as u32) : AF_UNSPEC;
  const known = type === RTM_GETLINK || type === RTM_GETADDR || type === RTM_GETROUTE;
  if (known && (flags & NLM_F_DUMP) === NLM_F_DUMP) {
    putAll(type, family, to, port);
    return;
  }
  let error: i64 = -EOPNOTSUPP;
  if (type === RTM_GETLINK) {
    error = linkError(to, length);
    if (error === 0) {
      putLink(to, port, 0);
      return;
    }
  } else if (type === RTM_GETROUTE) {
    error = -ENETUNREACH;
  }
  putError(error, to, port);
}

/** The queue of `socket` holds as much as it may. */
export function isFull(socket: Socket): bool {
  return socket.charged > socket.receiveBuffer;
}

/** Puts `length` bytes at `data` into the queue of `socket`, in a call of `thread`: 0 or a negative error. */
export function deliverBytes(thread: Thread, socket: Socket, data: usize, length: u32): i64 {
  const transfer = thread.transfer;
  closePieces(transfer);
  transferOf(transfer, null, data as u64, length as u64);
  const message = makeMessage(thread, socket, transfer, length);
  if (message === null) return messageError;
  append(socket, message);
  return 0;
}

/** Puts what has been answered into the queue of `socket`: 0 or a negative error. */
function deliver(thread: Thread, socket: Socket): i64 {
  if (answerLength === 0) return 0;
  if (!isFull(socket)) return deliverBytes(thread, socket, answer, answerLength);
  socket.error = ENOBUFS as u32;
  return 0;
}

function send(thread: Thread, file: OpenFile, transfer: Transfer, length: u32, flags: u32): i64 {
  const socket = socketOf(file);
  if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  if (length !== 0) {
    if (length < ADDRESS_BYTES || (load<u16>(address) as u32) !== AF_NETLINK) return -EINVAL;
    if (load<u32>(address + 4) !== 0) return -ECONNREFUSED;
  }
  takePort(socket, thread.program.id);
  const bytes = transfer.left;
  if (bytes > (REQUEST_MAX as u64)) return -EMSGSIZE;
  const request = allocate(REQUEST_MAX + ANSWER_MAX);
  if (request === 0) return -ENOBUFS;
  let error: i64 = takeBytes(transfer, request, bytes as u32) < (bytes as u32) ? -EFAULT : 0;
  let at: u32 = 0;
  while (error === 0 && at + HEAD_BYTES <= (bytes as u32)) {
    const size = load<u32>(request + at);
    if (size < HEAD_BYTES || size > (bytes as u32) - at) break;
    answer = request + REQUEST_MAX;
    memory.fill(answer, 0, ANSWER_MAX);
    answerLength = 0;
    respond(thread, request + at, size, netlinkOf(socket).port);
    error = deliver(thread, socket);
    at += (size + 3) & ~3;
  }
  release(request, REQUEST_MAX + ANSWER_MAX);
  return error !== 0 ? error : (bytes as i64);
}

function receive(thread: Thread, file: OpenFile, transfer: Transfer, flags: u32): i64 {
  if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  return receiveMessage(thread, socketOf(file), transfer, flags, mayWait(file, flags));
}

function poll(socket: Socket): u32 {
  const there: u32 = socket.first === null ? 0 : POLLIN | POLLRDNORM;
  return there | POLLOUT | POLLWRNORM | (socket.error !== 0 ? POLLERR : 0);
}

function ioctl(thread: Thread, socket: Socket, command: u32, argument: u64): i64 {
  if (command !== FIONREAD && command !== SIOCOUTQ) {
    const told = interfaceIoctl(thread.program, command, argument, false);
    return told === NO_COMMAND ? -ENOTTY : told;
  }
  const bytes: u32 = command === FIONREAD ? readableBytes(socket) : 0;
  return put32(thread.program.space, argument, bytes) ? 0 : -EFAULT;
}

function close(socket: Socket): void {
  while (socket.first !== null) freeMessage(takeFirst(socket));
}

/** A socket of `type` and protocol `number`, as socket(2) has them; null, and an error in `familyError`. */
export function newNetlinkSocket(type: u32, number: u32): Socket | null {
  setFamilyError(-ESOCKTNOSUPPORT);
  if (type !== SOCK_RAW && type !== SOCK_DGRAM) return null;
  setFamilyError(-EPROTONOSUPPORT);
  if (number !== 0) return null;
  setFamilyError(-ENOMEM);
  const socket = newSocket(protocol, SOCK_DGRAM);
  if (socket === null) return null;
  socket.own = changetype<usize>(create<Netlink>());
  if (socket.own !== 0) return socket;
  closeSocket(socket);
  return null;
}

/** Comes before a socket is made. */
export function initNetlink(): void {
  lastPort = 0;
  protocol.family = AF_NETLINK;
  protocol.number = 0;
  protocol.ownBytes = offsetof<Netlink>() as u32;
  protocol.bind = bind;
  protocol.connect = connect;
  protocol.listen = listenNot;
  protocol.accept = acceptNot;
  protocol.name = name;
  protocol.shut = shutNot;
  protocol.send = send;
  protocol.receive = receive;
  protocol.sender = sender;
  protocol.poll = poll;
  protocol.ioctl = ioctl;
  protocol.close = close;
}
