// The family AF_NETLINK (netlink(7)): NETLINK_ROUTE (rtnetlink.ts) and NETLINK_SOCK_DIAG (sock_diag.ts). A request is answered
// at once, in the queue of the socket that has sent it. Nothing can be changed, and nobody is told of changes.

import {
  EADDRINUSE,
  ECONNREFUSED,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOMEM,
  ENOTTY,
  EOPNOTSUPP,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from "../libroottask/errno";
import { allocate, create, release } from "../libroottask/heap";
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
import { freeMessage, readableBytes, takeFirst } from "../libroottask/socket_messages";
import { put32 } from "../libroottask/space";
import { Transfer, takeBytes } from "../libroottask/transfer";
import { receiveMessage } from "../libroottask/unix_socket";
import { interfaceIoctl, NO_COMMAND } from "./interfaces";
import {
  ANSWER_MAX,
  beginAnswer,
  endAnswer,
  HEAD_BYTES,
  NLM_F_ACK,
  NLM_F_REQUEST,
  putError,
} from "./netlink_answer";
import { NetlinkOptions } from "./netlink_options";
import { respondRoute } from "./rtnetlink";
import { respondDiag, setNetlinkPorts } from "./sock_diag";
import { FAMILY_BYTES, setFamilyError } from "./socket_address";

export const AF_NETLINK: u32 = 16;
/** struct sockaddr_nl. */
const ADDRESS_BYTES: u32 = 12;

/** Messages below are of netlink itself. */
const MESSAGES_FIRST: u32 = 16;
/** Protocols of the family that there are. */
const NETLINK_ROUTE: u32 = 0;
const NETLINK_SOCK_DIAG: u32 = 4;

/** Longest request that is looked at. */
const REQUEST_MAX: u32 = 4096;

const protocol = changetype<Protocol>(memory.data(128));

/** A socket's own: its port, 0 before it has one, and groups. */
@unmanaged
class Netlink extends NetlinkOptions {
  port: u32;
}

/** Options of `socket`, which is of this family. */
export function netlinkOptions(socket: Socket): NetlinkOptions {
  return netlinkOf(socket);
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

/** Answers the request of `length` bytes at `to`. */
function respond(thread: Thread, socket: Socket, to: usize, length: u32): void {
  const flags = load<u16>(to + 6) as u32;
  if ((flags & NLM_F_REQUEST) === 0 || (load<u16>(to + 4) as u32) < MESSAGES_FIRST) {
    if ((flags & NLM_F_ACK) !== 0) putError(0);
    return;
  }
  if (socket.number === NETLINK_SOCK_DIAG) respondDiag(to, length);
  else respondRoute(thread, to, length);
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
    const port = netlinkOf(socket).port;
    beginAnswer(thread, socket, port, request + at, request + REQUEST_MAX);
    respond(thread, socket, request + at, size);
    error = endAnswer();
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
  if (number !== NETLINK_ROUTE && number !== NETLINK_SOCK_DIAG) return null;
  setFamilyError(-ENOMEM);
  const socket = newSocket(protocol, SOCK_DGRAM);
  if (socket === null) return null;
  socket.number = number;
  socket.own = changetype<usize>(create<Netlink>());
  if (socket.own !== 0) return socket;
  closeSocket(socket);
  return null;
}

function portAndGroups(socket: Socket): u64 {
  const own = netlinkOf(socket);
  return ((own.groups as u64) << 32) | (own.port as u64);
}

/** Comes before a socket is made. */
export function initNetlink(): void {
  lastPort = 0;
  setNetlinkPorts(portAndGroups);
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
