// What NETLINK_SOCK_DIAG tells (sock_diag(7); include/uapi/linux/inet_diag.h and its like): sockets of the families AF_INET,
// AF_INET6, AF_UNIX, AF_NETLINK and AF_PACKET, one or all that match a request. Filters of the kernel's own
// (INET_DIAG_REQ_BYTECODE) keep nothing away: who asks looks again. Nothing is destroyed.

import { EINVAL, ENOENT, EOPNOTSUPP } from "../libroottask/errno";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_RAW,
  IPPROTO_TCP,
  IPPROTO_UDP,
  inetOf,
} from "../libroottask/inet";
import { packetOf } from "../libroottask/packet_tap";
import {
  AF_UNIX,
  CONNECTED,
  cookieOf,
  firstSocket,
  LISTENING,
  SOCK_RAW,
  SOCK_STREAM,
  Socket,
} from "../libroottask/socket";
import { readableBytes } from "../libroottask/socket_messages";
import { tcpState } from "../libroottask/tcp_socket";
import { getInetOption } from "./inet_options";
import {
  attribute,
  beginMessage,
  endMessage,
  HEAD_BYTES,
  NLM_F_DUMP,
  NLM_F_MULTI,
  number,
  put,
  putDone,
  putError,
} from "./netlink_answer";

const SOCK_DIAG_BY_FAMILY: u32 = 20;
const SOCK_DESTROY: u32 = 21;
const AF_NETLINK: u32 = 16;
const AF_PACKET: u32 = 17;
const AF_MAX: u32 = 46;

/** States as those of TCP. */
const ESTABLISHED: u32 = 1;
const CLOSE: u32 = 7;
const LISTEN: u32 = 10;

/** struct inet_diag_req_v2, unix_diag_req, netlink_diag_req and packet_diag_req. */
const INET_REQUEST: u32 = 56;
const UNIX_REQUEST: u32 = 24;
const OTHER_REQUEST: u32 = 20;
/** INET_DIAG_…; what is asked for is a bit less. */
const INET_INFO: u32 = 2;
const INET_CONG: u32 = 4;
const INET_TOS: u32 = 5;
const INET_SKMEMINFO: u32 = 7;
const INET_SHUTDOWN: u32 = 8;
const INET_SKV6ONLY: u32 = 11;
const SKMEM_BYTES: u32 = 36;
/** UDIAG_SHOW_…, and UNIX_DIAG_…. */
const SHOW_NAME: u32 = 1;
const SHOW_VFS: u32 = 2;
const SHOW_PEER: u32 = 4;
const SHOW_ICONS: u32 = 8;
const SHOW_RQLEN: u32 = 16;
const SHOW_UNIX_MEMINFO: u32 = 32;
const SHOW_UID: u32 = 64;
const UNIX_NAME: u32 = 0;
const UNIX_VFS: u32 = 1;
const UNIX_PEER: u32 = 2;
const UNIX_ICONS: u32 = 3;
const UNIX_RQLEN: u32 = 4;
const UNIX_MEMINFO: u32 = 5;
const UNIX_SHUTDOWN: u32 = 6;
const UNIX_UID: u32 = 7;
/** NDIAG_SHOW_MEMINFO and _GROUPS, NDIAG_PROTO_ALL; PACKET_SHOW_INFO. */
const SHOW_MEMINFO: u32 = 1;
const SHOW_GROUPS: u32 = 2;
const ALL_PROTOCOLS: u32 = 255;
const PACKET_INFO_BYTES: u32 = 24;

/** Options of levels that a connection is told with. */
const TCP_INFO: u32 = 11;
const TCP_CONGESTION: u32 = 13;
const option = memory.data(128, 8);

/** What a port is of a socket of netlink; set by netlink.ts, which knows. */
export type PortOf = (socket: Socket) => u64;
let portOf: PortOf = noPort;

function noPort(_socket: Socket): u64 {
  return 0;
}

/** Port, and above it groups, of sockets of netlink are told by `told`. */
export function setNetlinkPorts(told: PortOf): void {
  portOf = told;
}

/** The request: where it is, and what it asks for. */
let at: usize = 0;
let length: u32 = 0;
let states: u32 = 0;

function putCookie(to: usize, socket: Socket): void {
  store<u64>(to, cookieOf(socket));
}

/** struct sk_meminfo: what is queued here, its limit, what is sent and its limit. */
function putMemory(type: u32, socket: Socket): void {
  const to = attribute(type, SKMEM_BYTES);
  const waiting = socket.protocol.family === AF_UNIX ? 0 : queuedOf(socket);
  store<u32>(to, waiting);
  store<u32>(to + 4, socket.receiveBuffer);
  store<u32>(to + 8, socket.charged);
  store<u32>(to + 12, socket.sendBuffer);
}

function isInetFamily(socket: Socket): bool {
  return socket.protocol.family === AF_INET || socket.protocol.family === AF_INET6;
}

function queuedOf(socket: Socket): u32 {
  return isInetFamily(socket) ? inetOf(socket).queued : socket.charged;
}

function stateOf(socket: Socket): u32 {
  if (isInetFamily(socket) && socket.type === SOCK_STREAM) return tcpState(socket);
  if (socket.state === LISTENING) return LISTEN;
  return socket.state === CONNECTED ? ESTABLISHED : CLOSE;
}

function putAddress(to: usize, high: u64, low: u64, six: bool): void {
  if (!six) {
    store<u32>(to, (low >> 32) as u32);
    return;
  }
  store<u64>(to, high);
  store<u64>(to + 8, low);
}

function asked(bit: u32): bool {
  return ((load<u8>(at + HEAD_BYTES + 2) as u32) & (1 << (bit - 1))) !== 0;
}

/** Bytes that wait at `socket`: of streams what can be read, of one that listens connections. */
function waitingOf(socket: Socket): u32 {
  if (socket.state === LISTENING) return socket.pendingCount;
  return socket.type === SOCK_STREAM ? readableBytes(socket) : inetOf(socket).queued;
}

function putInet(socket: Socket, flags: u32): void {
  const inet = inetOf(socket);
  const six = socket.protocol.family === AF_INET6;
  const streams = socket.type === SOCK_STREAM;
  beginMessage(SOCK_DIAG_BY_FAMILY, flags);
  const to = put(72);
  store<u8>(to, socket.protocol.family as u8);
  store<u8>(to + 1, stateOf(socket) as u8);
  store<u16>(to + 4, bswap<u16>(inet.localPort as u16));
  store<u16>(to + 6, bswap<u16>(inet.remotePort as u16));
  putAddress(to + 8, inet.localHigh, inet.localLow, six);
  putAddress(to + 24, inet.remoteHigh, inet.remoteLow, six);
  store<u32>(to + 40, socket.device);
  putCookie(to + 44, socket);
  store<u32>(to + 56, waitingOf(socket));
  store<u32>(to + 60, socket.state === LISTENING ? socket.backlog : 0);
  store<u32>(to + 64, socket.node.owner);
  store<u32>(to + 68, socket.node.inode as u32);
  store<u8>(attribute(INET_SHUTDOWN, 1), socket.shut as u8);
  if (asked(INET_TOS)) attribute(INET_TOS, 1);
  if (six) store<u8>(attribute(INET_SKV6ONLY, 1), inet.only6 as u8);
  if (asked(INET_SKMEMINFO)) putMemory(INET_SKMEMINFO, socket);
  if (streams && asked(INET_INFO)) {
    const bytes = getInetOption(socket, IPPROTO_TCP as i32, TCP_INFO, option) as u32;
    memory.copy(attribute(INET_INFO, bytes), option, bytes);
  }
  if (streams && asked(INET_CONG)) {
    getInetOption(socket, IPPROTO_TCP as i32, TCP_CONGESTION, option);
    memory.copy(attribute(INET_CONG, 6), option, 6);
  }
  endMessage();
}

/** `socket` is of the family and protocol that are asked for, and in use. */
function isAskedInet(socket: Socket, family: u32, protocol: u32): bool {
  if (socket.protocol.family !== family || socket.own === 0) return false;
  if (inetOf(socket).localPort === 0) return false;
  if (protocol === IPPROTO_RAW) {
    const raw = load<u8>(at + HEAD_BYTES + 3) as u32;
    return socket.type === SOCK_RAW && (raw === 0 || raw === socket.number);
  }
  return socket.type !== SOCK_RAW && socket.number === protocol;
}

/** `socket` is the one that the request names by addresses and ports. */
function isNamed(socket: Socket): bool {
  const inet = inetOf(socket);
  const id = at + HEAD_BYTES + 8;
  const six = socket.protocol.family === AF_INET6;
  if (load<u16>(id) !== bswap<u16>(inet.localPort as u16)) return false;
  if (load<u16>(id + 2) !== bswap<u16>(inet.remotePort as u16)) return false;
  if (!six) {
    const own = load<u32>(id + 4) === ((inet.localLow >> 32) as u32);
    return own && load<u32>(id + 20) === ((inet.remoteLow >> 32) as u32);
  }
  if (load<u64>(id + 4) !== inet.localHigh || load<u64>(id + 12) !== inet.localLow) return false;
  return load<u64>(id + 20) === inet.remoteHigh && load<u64>(id + 28) === inet.remoteLow;
}

function isProtocol(protocol: u32): bool {
  return protocol === IPPROTO_TCP || protocol === IPPROTO_UDP || protocol === IPPROTO_RAW;
}

function respondInet(family: u32, dump: bool): void {
  const protocol = load<u8>(at + HEAD_BYTES + 1) as u32;
  states = load<u32>(at + HEAD_BYTES + 4);
  const known = isProtocol(protocol);
  let socket: Socket | null = known ? firstSocket() : null;
  while (socket !== null) {
    if (isAskedInet(socket, family, protocol)) {
      if (!dump && isNamed(socket)) {
        putInet(socket, 0);
        return;
      }
      if (dump && ((states >> stateOf(socket)) & 1) !== 0) putInet(socket, NLM_F_MULTI);
    }
    socket = socket.next;
  }
  if (dump) putDone(known ? 0 : -ENOENT, true);
  else putError(-ENOENT);
}

function putUnix(socket: Socket, flags: u32): void {
  const show = load<u32>(at + HEAD_BYTES + 12);
  const peer = socket.peer;
  beginMessage(SOCK_DIAG_BY_FAMILY, flags);
  const to = put(16);
  store<u8>(to, AF_UNIX as u8);
  store<u8>(to + 1, socket.type as u8);
  store<u8>(to + 2, stateOf(socket) as u8);
  store<u32>(to + 4, socket.node.inode as u32);
  putCookie(to + 8, socket);
  if ((show & SHOW_NAME) !== 0 && socket.nameLength !== 0) {
    memory.copy(attribute(UNIX_NAME, socket.nameLength), socket.name, socket.nameLength);
  }
  const bound = socket.bound;
  if ((show & SHOW_VFS) !== 0 && bound !== null) {
    store<u32>(attribute(UNIX_VFS, 8), bound.inode as u32);
  }
  if ((show & SHOW_PEER) !== 0 && peer !== null && peer.dead === 0) {
    number(UNIX_PEER, peer.node.inode as u32);
  }
  if ((show & SHOW_ICONS) !== 0 && socket.state === LISTENING) putPending(socket);
  if ((show & SHOW_RQLEN) !== 0) {
    const listens = socket.state === LISTENING;
    const sizes = attribute(UNIX_RQLEN, 8);
    store<u32>(sizes, listens ? socket.pendingCount : readableBytes(socket));
    store<u32>(sizes + 4, listens ? socket.backlog : 0);
  }
  if ((show & SHOW_UNIX_MEMINFO) !== 0) putMemory(UNIX_MEMINFO, socket);
  if ((show & SHOW_UID) !== 0) number(UNIX_UID, socket.node.owner);
  store<u8>(attribute(UNIX_SHUTDOWN, 1), socket.shut as u8);
  endMessage();
}

/** Most connections that are told of one that listens. */
const PENDING_MAX: u32 = 512;

/** The peers of those that `socket` could accept. */
function putPending(socket: Socket): void {
  const count = min<u32>(socket.pendingCount, PENDING_MAX);
  let to = attribute(UNIX_ICONS, count * 4);
  let waiting = socket.pending;
  for (let i: u32 = 0; i < count && waiting !== null; i++) {
    const peer = waiting.peer;
    store<u32>(to, peer === null ? 0 : (peer.node.inode as u32));
    to += 4;
    waiting = waiting.nextPending;
  }
}

function respondUnix(dump: bool): void {
  const inode = load<u32>(at + HEAD_BYTES + 8);
  states = load<u32>(at + HEAD_BYTES + 4);
  let socket = firstSocket();
  while (socket !== null) {
    if (socket.protocol.family === AF_UNIX) {
      if (!dump && (socket.node.inode as u32) === inode) {
        putUnix(socket, 0);
        return;
      }
      if (dump && ((states >> stateOf(socket)) & 1) !== 0) putUnix(socket, NLM_F_MULTI);
    }
    socket = socket.next;
  }
  if (dump) putDone(0, true);
  else putError(inode === 0 ? -EINVAL : -ENOENT);
}

function putNetlink(socket: Socket): void {
  const show = load<u32>(at + HEAD_BYTES + 8);
  const told = portOf(socket);
  beginMessage(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI);
  const to = put(28);
  store<u8>(to, AF_NETLINK as u8);
  store<u8>(to + 1, SOCK_RAW as u8);
  store<u8>(to + 2, socket.number as u8);
  store<u8>(to + 3, (socket.state === CONNECTED ? 1 : 0) as u8);
  store<u32>(to + 4, told as u32);
  store<u32>(to + 16, socket.node.inode as u32);
  putCookie(to + 20, socket);
  if ((show & SHOW_MEMINFO) !== 0) putMemory(0, socket);
  if ((show & SHOW_GROUPS) !== 0) store<u32>(attribute(1, 4), (told >> 32) as u32);
  endMessage();
}

function putPacket(socket: Socket): void {
  const show = load<u32>(at + HEAD_BYTES + 8);
  beginMessage(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI);
  const to = put(16);
  store<u8>(to, AF_PACKET as u8);
  store<u8>(to + 1, socket.type as u8);
  store<u16>(to + 2, packetOf(socket).kind as u16);
  store<u32>(to + 4, socket.node.inode as u32);
  putCookie(to + 8, socket);
  if ((show & 1) !== 0) attribute(0, PACKET_INFO_BYTES);
  endMessage();
}

/** Sockets of netlink or of packets, which are asked for all at once. */
function respondOther(family: u32): void {
  const protocol = load<u8>(at + HEAD_BYTES + 1) as u32;
  let socket = firstSocket();
  while (socket !== null) {
    if (socket.protocol.family === family) {
      if (family === AF_PACKET) putPacket(socket);
      else if (protocol === ALL_PROTOCOLS || protocol === socket.number) putNetlink(socket);
    }
    socket = socket.next;
  }
  putDone(0, true);
}

/** Bytes of a request about sockets of `family`; 0 where there are none. */
function requestBytes(family: u32): u32 {
  switch (family) {
    case AF_INET:
    case AF_INET6:
      return INET_REQUEST;
    case AF_UNIX:
      return UNIX_REQUEST;
    case AF_NETLINK:
    case AF_PACKET:
      return OTHER_REQUEST;
    default:
      return 0;
  }
}

/** Answers the request of `bytes` bytes at `to`, whose head has been checked. */
export function respondDiag(to: usize, bytes: u32): void {
  const type = load<u16>(to + 4) as u32;
  const dump = ((load<u16>(to + 6) as u32) & NLM_F_DUMP) === NLM_F_DUMP;
  at = to;
  length = bytes;
  if (type !== SOCK_DIAG_BY_FAMILY) {
    putError(type === SOCK_DESTROY ? -EOPNOTSUPP : -EINVAL);
    return;
  }
  if (length < HEAD_BYTES + 2) {
    putError(-EINVAL);
    return;
  }
  const family = load<u8>(at + HEAD_BYTES) as u32;
  const wanted = requestBytes(family);
  if (family >= AF_MAX || (wanted !== 0 && length < HEAD_BYTES + wanted)) {
    putError(-EINVAL);
  } else if (wanted === 0) {
    putError(-ENOENT);
  } else if (wanted === INET_REQUEST) {
    respondInet(family, dump);
  } else if (wanted === UNIX_REQUEST) {
    respondUnix(dump);
  } else if (dump) {
    respondOther(family);
  } else {
    putError(-EOPNOTSUPP);
  }
}
