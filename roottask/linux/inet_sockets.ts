// The families AF_INET and AF_INET6 (ip(7), ipv6(7), tcp(7), udp(7)): their addresses, and what sockets.ts asks of a
// family. What sockets of ICMP and raw ones do differently is in icmp_sockets.ts.

import { isElsewhere } from "../libroottask/bound_device";
import { CAP_NET_BIND_SERVICE, CAP_NET_RAW, capable } from "../libroottask/credentials";
import { cameHigh, cameLow, camePort } from "../libroottask/datagram_queue";
import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  EDESTADDRREQ,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENODEV,
  ENOMEM,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from "../libroottask/errno";
import { allocate } from "../libroottask/heap";
import {
  AF_INET,
  AF_INET6,
  endClaim,
  FIXED_ADDRESS,
  FIXED_PORT,
  forgetRemote,
  INET_BYTES,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_RAW,
  IPPROTO_TCP,
  IPPROTO_UDP,
  inetOf,
  initPorts,
  isAny,
  isMapped,
  isMulticast,
  isTaken,
  LOOPBACK4,
  LOOPBACK6,
  mapped,
  optionValue,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_NONE,
  routeOf,
  setAny,
  setValue,
  takeAnyPort,
  takePort,
  VALUE_DISCOVER,
  VALUE_HDRINCL,
  VALUE_HDRINCL6,
} from "../libroottask/inet";
import { ICMP_HEAD } from "../libroottask/ip_packet";
import { initPackets } from "../libroottask/ip_receive";
import { OpenFile } from "../libroottask/open_file";
import { Thread } from "../libroottask/program";
import { writesHead } from "../libroottask/raw_delivery";
import { sendRaw, setRaw } from "../libroottask/raw_socket";
import {
  ADDRESS_MAX,
  AF_UNSPEC,
  address,
  CONNECTED,
  closeSocket,
  Message,
  MSG_MORE,
  MSG_OOB,
  NAME_ACCEPTED,
  NAME_OWN,
  newSocket,
  Protocol,
  SHUT_SEND,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  Socket,
  socketOf,
  takeError,
  UNCONNECTED,
} from "../libroottask/socket";
import { receivedFrom } from "../libroottask/socket_messages";
import {
  acceptTcp,
  closeTcp,
  connectTcp,
  disconnectTcp,
  ioctlTcp,
  listenTcp,
  pollTcp,
  receiveTcp,
  sendTcp,
  shutTcp,
  TCP_RECEIVE,
  TCP_SEND_FIRST,
} from "../libroottask/tcp_socket";
import { Transfer } from "../libroottask/transfer";
import {
  closeUdp,
  continueUdp,
  ioctlUdp,
  pollUdp,
  receiveUdp,
  redirectCollected,
  sendUdp,
  setTarget,
  shutUdp,
} from "../libroottask/udp_socket";
import { initEchoes, mayEcho, sendEchoRequest, takeEchoHead } from "./icmp_sockets";
import {
  givenHops,
  givenService,
  givenSource,
  readOutgoing,
  sourceHigh,
  sourceLow,
} from "./inet_control";
import {
  defaultValues,
  VALUE_CLASS,
  VALUE_CORK,
  VALUE_HOPS,
  VALUE_TOS,
  VALUE_TTL,
} from "./inet_options";
import { interfaceIoctl, NO_COMMAND } from "./interfaces";
import { FAMILY_BYTES, setFamilyError } from "./socket_address";

/** struct sockaddr_in; struct sockaddr_in6, which older programs know without its last field. */
const ADDRESS4_BYTES: u32 = 16;
const ADDRESS6_BYTES: u32 = 28;
const ADDRESS6_LEAST: u32 = 24;
/** The bit of `options` for it. */
const SO_BROADCAST: u64 = 6;
/** Mobility headers (RFC 6275), and where Linux has the checksums of its own raw protocols. */
const IPPROTO_MH: u32 = 135;
const CHECKSUM_ICMP6: i32 = 2;
const CHECKSUM_MH: i32 = 4;
/** Ports below need CAP_NET_BIND_SERVICE. */
const PRIVILEGED_PORTS: u32 = 1024;

const tcp4 = changetype<Protocol>(memory.data(128));
const tcp6 = changetype<Protocol>(memory.data(128));
const udp4 = changetype<Protocol>(memory.data(128));
const udp6 = changetype<Protocol>(memory.data(128));
const echo4 = changetype<Protocol>(memory.data(128));
const echo6 = changetype<Protocol>(memory.data(128));
const raw4 = changetype<Protocol>(memory.data(128));
const raw6 = changetype<Protocol>(memory.data(128));

/** The address that has been read last. */
let high: u64 = 0;
let low: u64 = 0;
let port: u32 = 0;

function isSix(socket: Socket): bool {
  return socket.protocol.family === AF_INET6;
}

function familyOf(): u32 {
  return load<u16>(address) as u32;
}

/** Reads an IPv4 address out of the `length` bytes: 0 or a negative error. AF_UNSPEC is taken where `lax`. */
function parse4(length: u32, lax: bool): i64 {
  if (length < ADDRESS4_BYTES) return -EINVAL;
  const family = familyOf();
  if (family !== AF_INET && !(lax && family === AF_UNSPEC)) return -EAFNOSUPPORT;
  high = 0;
  low = mapped(load<u32>(address + 4));
  port = bswap<u16>(load<u16>(address + 2)) as u32;
  return 0;
}

/** The same for a socket of `AF_INET6`. */
function parse6(length: u32): i64 {
  if (length < ADDRESS6_LEAST) return -EINVAL;
  if (familyOf() !== AF_INET6) return -EAFNOSUPPORT;
  high = load<u64>(address + 8);
  low = load<u64>(address + 16);
  port = bswap<u16>(load<u16>(address + 2)) as u32;
  return 0;
}

/**
 * The address is to be one that `socket` sends to. Wildcards are this machine: that of IPv4 the address that `socket` is bound
 * to (ip_route_output_key_hash_rcu() of Linux), that of IPv6 the loopback's, by IPv4 for who is at an address of that.
 */
function resolveAny(socket: Socket): void {
  if (!isAny(high, low)) return;
  const inet = inetOf(socket);
  const atFour = isMapped(inet.localHigh, inet.localLow);
  if (low === 0) low = atFour ? LOOPBACK4 : LOOPBACK6;
  else low = atFour && !isAny(inet.localHigh, inet.localLow) ? inet.localLow : LOOPBACK4;
}

/** Puts an address of the family of `socket` into `address`: its length. */
export function putInet(socket: Socket, ofHigh: u64, ofLow: u64, ofPort: u32): u32 {
  memory.fill(address, 0, ADDRESS_MAX);
  store<u16>(address, socket.protocol.family as u16);
  store<u16>(address + 2, bswap<u16>(ofPort as u16));
  if (!isSix(socket)) {
    store<u32>(address + 4, (ofLow >> 32) as u32);
    return ADDRESS4_BYTES;
  }
  store<u64>(address + 8, ofHigh);
  store<u64>(address + 16, ofLow);
  return ADDRESS6_BYTES;
}

/** The address that has been read may be that of a socket: 0 or a negative error. */
function checkLocal(socket: Socket): i64 {
  const inet = inetOf(socket);
  if (isSix(socket) && isMapped(high, low) && inet.only6 !== 0) return -EINVAL;
  const known = isAny(high, low) || routeOf(high, low) !== ROUTE_NONE || isMulticast(high, low);
  return known ? 0 : -EADDRNOTAVAIL;
}

function bind(_thread: Thread, socket: Socket, length: u32): i64 {
  const inet = inetOf(socket);
  const six = isSix(socket);
  const error = six ? parse6(length) : parse4(length, true);
  if (error !== 0) return error;
  // Of no family there is but the wildcard.
  if (!six && familyOf() === AF_UNSPEC && !isAny(high, low)) return -EAFNOSUPPORT;
  if (six && socket.type === SOCK_STREAM && isMulticast(high, low)) return -EINVAL;
  const wrong = checkLocal(socket);
  if (!six && wrong !== 0) return wrong;
  const privileged = port !== 0 && port < PRIVILEGED_PORTS;
  if (privileged && !capable(CAP_NET_BIND_SERVICE)) return -EACCES;
  if (socket.state !== UNCONNECTED || inet.localPort !== 0) return -EINVAL;
  if (wrong !== 0) return wrong;
  const ofHigh = high;
  const ofLow = low;
  if (port !== 0) {
    if (isTaken(socket, high, low, port)) return -EADDRINUSE;
    takePort(socket, port);
  } else if (!takeAnyPort(socket)) {
    return -EADDRINUSE;
  }
  inet.localHigh = ofHigh;
  inet.localLow = ofLow;
  if (!isAny(ofHigh, ofLow)) inet.fixed |= FIXED_ADDRESS;
  // One of IPv6 is for that alone, unless it is the wildcard.
  if (six && (ofHigh | ofLow) !== 0 && !isMapped(ofHigh, ofLow)) inet.only6 = 1;
  if (port !== 0) inet.fixed |= FIXED_PORT;
  return 0;
}

/** Sets the peer of `socket` from the address that has been read: 0 or a negative error. */
function setRemote(socket: Socket): i64 {
  const inet = inetOf(socket);
  const six = !isMapped(high, low);
  if (isAny(inet.localHigh, inet.localLow)) {
    inet.localHigh = 0;
    inet.localLow = six ? LOOPBACK6 : LOOPBACK4;
  } else if (six && isMapped(inet.localHigh, inet.localLow)) {
    // Who has a peer keeps it.
    return -EAFNOSUPPORT;
  }
  inet.remoteHigh = high;
  inet.remoteLow = low;
  inet.remotePort = port;
  return takeAnyPort(socket) ? 0 : -EADDRNOTAVAIL;
}

/** Length of the address that `prepareTcp` reads. */
let connectLength: u32 = 0;

function prepareTcp(socket: Socket): i64 {
  let error = isSix(socket) ? parse6(connectLength) : parse4(connectLength, false);
  if (error !== 0) return error;
  resolveAny(socket);
  if (isMapped(high, low) && inetOf(socket).only6 !== 0) return -ENETUNREACH;
  if (isElsewhere(socket)) return -ENODEV;
  if (routeOf(high, low) !== ROUTE_LOCAL) return -ENETUNREACH;
  error = setRemote(socket);
  if (error === 0) return 0;
  endClaim(socket);
  forgetRemote(socket);
  return error;
}

function connectStream(thread: Thread, file: OpenFile, length: u32): i64 {
  if (length < FAMILY_BYTES) return -EINVAL;
  if (familyOf() === AF_UNSPEC) return disconnectTcp(socketOf(file));
  connectLength = length;
  return connectTcp(thread, file, prepareTcp);
}

/** There is a name of `length` bytes for `socket` to send to: of no family, for IPv6 that is none. */
function namesTarget(socket: Socket, length: u32): bool {
  return length !== 0 && !(isSix(socket) && length >= FAMILY_BYTES && familyOf() === AF_UNSPEC);
}

/** Reads where a datagram goes, out of `length` bytes: 0 or a negative error. */
function parseTarget(socket: Socket, length: u32, lax: bool): i64 {
  if (!isSix(socket)) return parse4(length, lax);
  if (length >= FAMILY_BYTES && familyOf() === AF_INET) {
    if (inetOf(socket).only6 !== 0) return lax ? -ENETUNREACH : -EAFNOSUPPORT;
    return parse4(length, false);
  }
  if (lax && length >= FAMILY_BYTES && familyOf() !== AF_INET6) return -EINVAL;
  return parse6(length);
}

function connectDatagrams(_thread: Thread, file: OpenFile, length: u32): i64 {
  const socket = socketOf(file);
  if (length < FAMILY_BYTES) return -EINVAL;
  if (familyOf() === AF_UNSPEC) {
    forgetRemote(socket);
    endClaim(socket);
    if (inetOf(socket).localPort === 0) inetOf(socket).toldPort = 0;
    return 0;
  }
  // Even a call that fails gives a port.
  if (!takeAnyPort(socket)) return -EAGAIN;
  let error = parseTarget(socket, length, false);
  if (error !== 0) return error;
  resolveAny(socket);
  if (isMapped(high, low) && inetOf(socket).only6 !== 0) return -ENETUNREACH;
  if (isElsewhere(socket)) return -ENODEV;
  const route = routeOf(high, low);
  if (route === ROUTE_NONE) return -ENETUNREACH;
  if (route === ROUTE_BROADCAST && (socket.options & ((1 as u64) << SO_BROADCAST)) === 0) {
    return -EACCES;
  }
  error = setRemote(socket);
  if (error !== 0) return error;
  socket.state = CONNECTED;
  redirectCollected(socket);
  return 0;
}

/** A name of `length` bytes for what is put behind `message`: 0 or a negative error, and where it leads does not count. */
function checkContinuation(socket: Socket, message: Message, length: u32): i64 {
  if (!isSix(socket) || length === 0) return 0;
  const four = length >= FAMILY_BYTES && familyOf() === AF_INET;
  if (!four) {
    const error = parse6(length);
    if (error !== 0) return error;
    resolveAny(socket);
    if (!isMapped(high, low)) return 0;
  }
  if (inetOf(socket).only6 !== 0) return -ENETUNREACH;
  return isMapped(message.toHigh, message.toLow) ? 0 : -EINVAL;
}

/** What a datagram goes with: where from, and hops and service. */
let fromHigh: u64 = 0;
let fromLow: u64 = 0;
let withHops: u32 = 0;
let withService: u32 = 0;

/** Finds what goes with a datagram to the address that has been read: 0 or a negative error. */
function chooseOutgoing(socket: Socket): i64 {
  const inet = inetOf(socket);
  const four = isMapped(high, low);
  const wrong = readOutgoing(socket, four);
  if (wrong !== 0) return wrong;
  fromHigh = 0;
  fromLow = four ? LOOPBACK4 : LOOPBACK6;
  if (givenSource) {
    fromHigh = sourceHigh;
    fromLow = sourceLow;
  } else if (!isAny(inet.localHigh, inet.localLow)) {
    const localFour = isMapped(inet.localHigh, inet.localLow);
    if (localFour && !four) return -EAFNOSUPPORT;
    // An address of IPv6 that only a connection has set is none to send from to one of IPv4.
    if (localFour === four) {
      fromHigh = inet.localHigh;
      fromLow = inet.localLow;
    }
  }
  let hops = givenHops;
  if (hops < 0) hops = optionValue(socket, four ? VALUE_TTL : VALUE_HOPS);
  let service = givenService;
  if (service < 0) service = optionValue(socket, four ? VALUE_TOS : VALUE_CLASS);
  withHops = hops as u32;
  withService = service as u32;
  return 0;
}

/** Takes what `socket` is connected to for what has been read: 0, or -EDESTADDRREQ. */
function targetPeer(socket: Socket): i64 {
  const inet = inetOf(socket);
  if (socket.state !== CONNECTED) return -EDESTADDRREQ;
  high = inet.remoteHigh;
  low = inet.remoteLow;
  port = inet.remotePort;
  return 0;
}

function sendDatagram(
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  length: u32,
  flags: u32,
): i64 {
  const socket = socketOf(file);
  const inet = inetOf(socket);
  // Even a call that fails gives a port.
  if (!takeAnyPort(socket)) return -EAGAIN;
  if (transfer.left > 0xffff) return -EMSGSIZE;
  if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  const more = (flags & MSG_MORE) !== 0 || optionValue(socket, VALUE_CORK) !== 0;
  const collected = inet.collected;
  if (collected !== null) {
    const wrong = checkContinuation(socket, collected, length);
    return wrong !== 0 ? wrong : continueUdp(socket, transfer, more);
  }
  // The wildcard of IPv4 is where it is sent from.
  let toSource = false;
  if (namesTarget(socket, length)) {
    const error = parseTarget(socket, length, true);
    if (error !== 0) return error;
    if (port === 0) return -EINVAL;
    toSource = isAny(high, low) && low !== 0;
    resolveAny(socket);
    if (isMapped(high, low) && inet.only6 !== 0) return -ENETUNREACH;
  } else {
    const error = targetPeer(socket);
    if (error !== 0) return error;
  }
  setTarget(high, low, port);
  const wrong = chooseOutgoing(socket);
  if (wrong !== 0) return wrong;
  if (toSource && givenSource) setTarget(fromHigh, fromLow, port);
  return sendUdp(thread, socket, transfer, fromHigh, fromLow, withHops, withService, more);
}

/** The address that has been read may be sent to by `socket`: 0 or a negative error. */
function checkTarget(socket: Socket): i64 {
  if (isElsewhere(socket)) return -ENODEV;
  const route = routeOf(high, low);
  if (route === ROUTE_NONE) return -ENETUNREACH;
  const broadcasts = (socket.options & ((1 as u64) << SO_BROADCAST)) !== 0;
  return route === ROUTE_BROADCAST && !broadcasts ? -EACCES : 0;
}

/** What a packet of `socket`, of ICMP or raw, goes with, to the address that has been read: 0 or a negative error. */
function preparePacket(socket: Socket): i64 {
  const toSource = isAny(high, low) && low !== 0;
  resolveAny(socket);
  if (isSix(socket) && isMapped(high, low)) return -ENETUNREACH;
  const wrong = chooseOutgoing(socket);
  if (wrong !== 0) return wrong;
  if (toSource && givenSource) {
    high = fromHigh;
    low = fromLow;
  }
  const error = checkTarget(socket);
  if (error !== 0) return error;
  const failed = takeError(socket);
  if (failed !== 0) return failed;
  if ((socket.shut & SHUT_SEND) !== 0) return -EPIPE;
  setRaw(fromHigh, fromLow, high, low, withHops, withService);
  return 0;
}

function sendEcho(
  _thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  length: u32,
  flags: u32,
): i64 {
  const socket = socketOf(file);
  if (!takeAnyPort(socket)) return -EAGAIN;
  if (transfer.left > 0xffff) return -EMSGSIZE;
  if (transfer.left < (ICMP_HEAD as u64)) return -EINVAL;
  if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  const refused = takeEchoHead(socket, transfer);
  if (refused !== 0) return refused;
  let error: i64 = 0;
  if (length === 0) error = targetPeer(socket);
  else error = isSix(socket) ? parse6(length) : parse4(length, false);
  if (error !== 0) return error;
  error = preparePacket(socket);
  return error !== 0 ? error : sendEchoRequest(socket, transfer);
}

/** Reads where a raw packet goes, out of `length` bytes, and of IPv6 by which protocol: 0 or a negative error. */
function parseRaw(socket: Socket, length: u32): i64 {
  if (!isSix(socket)) return parse4(length, true);
  const error = parse6(length);
  if (error !== 0) return error;
  const other = port !== socket.number && socket.number !== IPPROTO_RAW;
  return port !== 0 && (other || port > 255) ? -EINVAL : 0;
}

function sendRawPacket(
  _thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  length: u32,
  flags: u32,
): i64 {
  const socket = socketOf(file);
  if (transfer.left > 0xffff) return -EMSGSIZE;
  if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  let error: i64 = 0;
  if (namesTarget(socket, length)) error = parseRaw(socket, length);
  else error = targetPeer(socket);
  if (error !== 0) return error;
  const protocol = isSix(socket) && length !== 0 && port !== 0 ? port : socket.number;
  error = preparePacket(socket);
  if (error !== 0) return error;
  const whole = optionValue(socket, VALUE_DISCOVER) !== 0;
  return sendRaw(socket, transfer, protocol, writesHead(socket), whole);
}

/** bind(2) of a raw socket: an address alone, raw_bind() and rawv6_bind() of Linux. */
function bindRaw(_thread: Thread, socket: Socket, length: u32): i64 {
  const inet = inetOf(socket);
  const six = isSix(socket);
  if (six) {
    if (length < ADDRESS6_LEAST || familyOf() !== AF_INET6) return -EINVAL;
    parse6(length);
    if (isMapped(high, low)) return -EADDRNOTAVAIL;
  }
  if (socket.state !== UNCONNECTED || length < ADDRESS4_BYTES) return -EINVAL;
  if (!six) {
    store<u16>(address, AF_INET as u16);
    parse4(length, true);
  }
  const wrong = checkLocal(socket);
  if (wrong !== 0) return wrong;
  inet.localHigh = high;
  inet.localLow = low;
  if (!isAny(high, low)) inet.fixed |= FIXED_ADDRESS;
  return 0;
}

function listenNot(_thread: Thread, _socket: Socket, _backlog: u32): i64 {
  return -EOPNOTSUPP;
}

function acceptNot(_thread: Thread, _file: OpenFile): i64 {
  return -EOPNOTSUPP;
}

function name(socket: Socket, whose: u32): i64 {
  const inet = inetOf(socket);
  if (whose === NAME_OWN) {
    return putInet(socket, inet.localHigh, inet.localLow, inet.toldPort) as i64;
  }
  const there = socket.state === CONNECTED || whose === NAME_ACCEPTED;
  if (inet.remotePort === 0 || !there) return -ENOTCONN;
  return putInet(socket, inet.remoteHigh, inet.remoteLow, inet.remotePort) as i64;
}

/** Streams do not say who has sent. */
function noSender(_socket: Socket): u32 {
  return 0;
}

function sender(socket: Socket): u32 {
  return receivedFrom === null ? 0 : putInet(socket, cameHigh, cameLow, camePort);
}

/** What sockets of that type and protocol do; null where there is none, and an error in `familyError`. */
function protocolFor(six: bool, type: u32, number: u32): Protocol | null {
  setFamilyError(-EPROTONOSUPPORT);
  if (type === SOCK_RAW) {
    if (number === 0) return null;
    setFamilyError(-EPERM);
    if (!capable(CAP_NET_RAW)) return null;
    return six ? raw6 : raw4;
  }
  if (type === SOCK_STREAM) {
    if (number !== 0 && number !== IPPROTO_TCP) return null;
    return six ? tcp6 : tcp4;
  }
  if (number === (six ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
    setFamilyError(-EACCES);
    if (!mayEcho()) return null;
    return six ? echo6 : echo4;
  }
  if (number !== 0 && number !== IPPROTO_UDP) return null;
  return six ? udp6 : udp4;
}

/** A socket of `family`, type and protocol `number`, as socket(2) has them; null, and an error in `familyError`. */
export function newInetSocket(family: u32, type: u32, number: u32): Socket | null {
  const stream = type === SOCK_STREAM;
  setFamilyError(-EINVAL);
  if (number > 262) return null;
  setFamilyError(-ESOCKTNOSUPPORT);
  if (!stream && type !== SOCK_DGRAM && type !== SOCK_RAW) return null;
  const protocol = protocolFor(family === AF_INET6, type, number);
  if (protocol === null) return null;
  setFamilyError(-ENOMEM);
  const socket = newSocket(protocol, type);
  if (socket === null) return null;
  socket.own = allocate(INET_BYTES);
  if (socket.own === 0) {
    closeSocket(socket);
    return null;
  }
  if (stream) {
    socket.sendBuffer = TCP_SEND_FIRST;
    socket.receiveBuffer = TCP_RECEIVE;
  }
  setAny(socket);
  defaultValues(socket);
  inetOf(socket).checksumAt = -1;
  if (type === SOCK_RAW) beginRaw(socket, number);
  return socket;
}

/** `socket` gets what there is of protocol `number`. */
function beginRaw(socket: Socket, number: u32): void {
  const inet = inetOf(socket);
  socket.number = number;
  takePort(socket, number);
  inet.fixed |= FIXED_PORT;
  if (number === IPPROTO_RAW) setValue(socket, isSix(socket) ? VALUE_HDRINCL6 : VALUE_HDRINCL, 1);
  if (isSix(socket) && number === IPPROTO_ICMPV6) inet.checksumAt = CHECKSUM_ICMP6;
  if (isSix(socket) && number === IPPROTO_MH) inet.checksumAt = CHECKSUM_MH;
}

function ioctl(thread: Thread, socket: Socket, command: u32, argument: u64): i64 {
  const told = interfaceIoctl(thread.program, command, argument, true);
  if (told !== NO_COMMAND) return told;
  if (socket.type === SOCK_STREAM) return ioctlTcp(thread, socket, command, argument);
  return ioctlUdp(thread, socket, command, argument);
}

function setUp(protocol: Protocol, family: u32, number: u32): void {
  const stream = number === IPPROTO_TCP;
  protocol.family = family;
  protocol.number = number;
  protocol.ownBytes = INET_BYTES;
  protocol.bind = bind;
  protocol.connect = stream ? connectStream : connectDatagrams;
  protocol.listen = stream ? listenTcp : listenNot;
  protocol.accept = stream ? acceptTcp : acceptNot;
  protocol.name = name;
  protocol.shut = stream ? shutTcp : shutUdp;
  protocol.send = stream ? sendTcp : sendDatagram;
  protocol.receive = stream ? receiveTcp : receiveUdp;
  protocol.sender = stream ? noSender : sender;
  protocol.poll = stream ? pollTcp : pollUdp;
  protocol.ioctl = ioctl;
  protocol.close = stream ? closeTcp : closeUdp;
}

/** Sockets of ICMP and raw ones are as those of UDP but for what they send, and what raw ones are bound to. */
function setUpPackets(protocol: Protocol, family: u32, number: u32): void {
  setUp(protocol, family, number);
  protocol.send = number === 0 ? sendRawPacket : sendEcho;
  if (number === 0) protocol.bind = bindRaw;
}

/** Comes before a socket is made. */
export function initInetSockets(): void {
  initPorts();
  setUp(tcp4, AF_INET, IPPROTO_TCP);
  setUp(tcp6, AF_INET6, IPPROTO_TCP);
  setUp(udp4, AF_INET, IPPROTO_UDP);
  setUp(udp6, AF_INET6, IPPROTO_UDP);
  setUpPackets(echo4, AF_INET, IPPROTO_ICMP);
  setUpPackets(echo6, AF_INET6, IPPROTO_ICMPV6);
  setUpPackets(raw4, AF_INET, 0);
  setUpPackets(raw6, AF_INET6, 0);
  initEchoes();
  initPackets();
  tcp6.four = tcp4;
  udp6.four = udp4;
}
