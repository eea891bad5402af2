// Control messages of the families AF_INET and AF_INET6 (ip(7), ipv6(7), RFC 3542): where a datagram has come to, its hops
// and its service, and with one that is sent the same in place of the socket's options. Streams have none. Left out, and
// refused: options of IP and extension headers, flow labels, UDP_SEGMENT, marks and times.

import { LO_INDEX } from "../libroottask/bound_device";
import { cameHops, cameNoted, cameService, wentHigh, wentLow } from "../libroottask/datagram_queue";
import { EINVAL, ENODEV } from "../libroottask/errno";
import {
  EXTENDED_BYTES,
  extended,
  ORIGIN_LOCAL,
  offenderHigh,
  offenderLow,
  tookError,
} from "../libroottask/error_queue";
import {
  AF_INET,
  AF_INET6,
  isAny,
  isMapped,
  LOOPBACK4,
  mapped,
  optionValue,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  routeOf,
  VALUE_PKTINFO,
  VALUE_PKTINFO6,
} from "../libroottask/inet";
import { Program } from "../libroottask/program";
import { Socket } from "../libroottask/socket";

import {
  beginControls,
  controlData,
  controlLevel,
  controlSize,
  controlType,
  nextControl,
  tellControl,
} from "./control_messages";
import {
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  VALUE_OLD_HOPS,
  VALUE_OLD_INFO,
  VALUE_RECVCLASS,
  VALUE_RECVHOPS,
  VALUE_RECVTOS,
  VALUE_RECVTTL,
} from "./inet_options";

const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;
const IP_TOS: i32 = 1;
const IP_TTL: i32 = 2;
const IP_PKTINFO: i32 = 8;
const IPV6_2292PKTINFO: i32 = 2;
const IPV6_2292HOPLIMIT: i32 = 8;
const IPV6_PKTINFO: i32 = 50;
const IPV6_HOPLIMIT: i32 = 52;
const IPV6_TCLASS: i32 = 67;
const IP_RECVERR: i32 = 11;
const IPV6_RECVERR: i32 = 25;
/** struct in_pktinfo: interface, local address, address in the head. struct in6_pktinfo: address, interface. */
const INFO4_BYTES: u32 = 12;
const INFO6_BYTES: u32 = 20;

const told = memory.data(48, 8);

function tellNumber(program: Program, level: i32, type: i32, value: u32, bytes: u32): void {
  store<u32>(told, value);
  tellControl(program, level, type, told, bytes);
}

/** struct sock_extended_err and the address of who found the error, for a socket of IPv4 and of IPv6. */
const ERROR4_BYTES: u32 = EXTENDED_BYTES + 16;
const ERROR6_BYTES: u32 = EXTENDED_BYTES + 28;

/** Tells of the error that has been taken: ip_recv_error(), ipv6_recv_error() of Linux. */
function tellError(program: Program, six: bool): void {
  const at = told + EXTENDED_BYTES;
  memory.fill(told, 0, ERROR6_BYTES);
  memory.copy(told, extended, EXTENDED_BYTES);
  const found = load<u8>(extended + 4) !== ORIGIN_LOCAL;
  if (!six) {
    if (found) {
      store<u16>(at, AF_INET as u16);
      store<u32>(at + 4, (offenderLow >> 32) as u32);
    }
    tellControl(program, IPPROTO_IP, IP_RECVERR, told, ERROR4_BYTES);
    return;
  }
  if (found) {
    store<u16>(at, AF_INET6 as u16);
    store<u64>(at + 8, offenderHigh);
    store<u64>(at + 16, offenderLow);
  }
  tellControl(program, IPPROTO_IPV6, IPV6_RECVERR, told, ERROR6_BYTES);
}

/** Tells of what has been received last what the options of `socket` ask for, and of an error what it is. */
export function tellDatagram(program: Program, socket: Socket): void {
  const local = tookError && load<u8>(extended + 4) === ORIGIN_LOCAL;
  if (!local) tellWay(program, socket);
  if (tookError) tellError(program, socket.protocol.family === AF_INET6);
}

/** Tells of the datagram that has been received last what the options of `socket` ask for, in Linux's order. */
function tellWay(program: Program, socket: Socket): void {
  const four = isMapped(wentHigh, wentLow);
  const six = socket.protocol.family === AF_INET6;
  if (six && optionValue(socket, VALUE_PKTINFO6) !== 0) {
    store<u64>(told, wentHigh);
    store<u64>(told + 8, wentLow);
    store<u32>(told + 16, four && !cameNoted && !tookError ? 0 : LO_INDEX);
    tellControl(program, IPPROTO_IPV6, IPV6_PKTINFO, told, INFO6_BYTES);
  }
  if (!four) {
    if (optionValue(socket, VALUE_OLD_INFO) !== 0) {
      store<u64>(told, wentHigh);
      store<u64>(told + 8, wentLow);
      store<u32>(told + 16, LO_INDEX);
      tellControl(program, IPPROTO_IPV6, IPV6_2292PKTINFO, told, INFO6_BYTES);
    }
    if (optionValue(socket, VALUE_RECVHOPS) !== 0) {
      tellNumber(program, IPPROTO_IPV6, IPV6_HOPLIMIT, cameHops, 4);
    }
    if (optionValue(socket, VALUE_OLD_HOPS) !== 0) {
      tellNumber(program, IPPROTO_IPV6, IPV6_2292HOPLIMIT, cameHops, 4);
    }
    if (optionValue(socket, VALUE_RECVCLASS) !== 0) {
      tellNumber(program, IPPROTO_IPV6, IPV6_TCLASS, cameService, 4);
    }
    return;
  }
  if (optionValue(socket, VALUE_PKTINFO) !== 0) {
    // What would answer a broadcast is the interface's own address.
    const local = routeOf(wentHigh, wentLow) === ROUTE_BROADCAST ? LOOPBACK4 : wentLow;
    // Of errors there is the address in the head alone.
    store<u32>(told, cameNoted || tookError ? LO_INDEX : 0);
    store<u32>(told + 4, cameNoted ? ((local >> 32) as u32) : 0);
    store<u32>(told + 8, (wentLow >> 32) as u32);
    tellControl(program, IPPROTO_IP, IP_PKTINFO, told, INFO4_BYTES);
  }
  if (optionValue(socket, VALUE_RECVTTL) !== 0) {
    tellNumber(program, IPPROTO_IP, IP_TTL, cameHops, 4);
  }
  if (optionValue(socket, VALUE_RECVTOS) !== 0) {
    tellNumber(program, IPPROTO_IP, IP_TOS, cameService, 1);
  }
}

/** Control messages that go with the next datagram, of our memory. */
let outgoing: usize = 0;
let outgoingLength: u32 = 0;

/** `length` bytes at `at` go with the datagram that is sent next; 0 bytes again behind it. */
export function setOutgoing(at: usize, length: u32): void {
  outgoing = at;
  outgoingLength = length;
}

/** What `readOutgoing` has found: -1 where the socket's options hold. */
export let givenHops: i32 = -1;
export let givenService: i32 = -1;
/** An address to send from has been given. */
export let givenSource: bool = false;
export let sourceHigh: u64 = 0;
export let sourceLow: u64 = 0;
/** Number of an interface to send over, 0 for any. */
let givenInterface: u32 = 0;

function give4(bytes: u32, number: u32): void {
  givenSource = true;
  sourceHigh = 0;
  sourceLow = mapped(bytes);
  if (number !== 0) givenInterface = number;
}

/** A control message about a socket: those of AF_UNIX mean nothing here. */
function ofSocket(): i64 {
  return controlType === SCM_RIGHTS || controlType === SCM_CREDENTIALS ? 0 : -EINVAL;
}

/** Reads one of IPv4. */
function read4(): i64 {
  if (controlType === IP_PKTINFO) {
    if (controlSize !== INFO4_BYTES) return -EINVAL;
    give4(load<u32>(controlData + 4), load<u32>(controlData));
    return 0;
  }
  const byte = controlType === IP_TOS && controlSize === 1;
  const known = controlType === IP_TOS || controlType === IP_TTL;
  if (!known || (controlSize !== 4 && !byte)) return -EINVAL;
  const value = byte ? (load<u8>(controlData) as i32) : load<i32>(controlData);
  if (value < (controlType === IP_TTL ? 1 : 0) || value > 255) return -EINVAL;
  if (controlType === IP_TTL) givenHops = value;
  else givenService = value;
  return 0;
}

/** Reads one of IPv6 on the way to an address of IPv4: where it comes from is all that holds. */
function readMapped(): i64 {
  if (controlType !== IPV6_PKTINFO) return 0;
  if (controlSize < INFO6_BYTES) return -EINVAL;
  if (!isMapped(load<u64>(controlData), load<u64>(controlData + 8))) return -EINVAL;
  give4(load<u32>(controlData + 12), load<u32>(controlData + 16));
  return 0;
}

/** Reads one of IPv6. */
function read6(): i64 {
  if (controlType === IPV6_PKTINFO || controlType === IPV6_2292PKTINFO) {
    if (controlSize < INFO6_BYTES) return -EINVAL;
    const high = load<u64>(controlData);
    const low = load<u64>(controlData + 8);
    const number = load<u32>(controlData + 16);
    // The first interface that is named holds for all.
    if (number !== 0 && givenInterface !== 0 && number !== givenInterface) return -EINVAL;
    if (number !== 0) givenInterface = number;
    if (givenInterface !== 0 && givenInterface !== LO_INDEX) return -ENODEV;
    if ((high | low) === 0) return 0;
    if (isMapped(high, low) || routeOf(high, low) !== ROUTE_LOCAL) return -EINVAL;
    givenSource = true;
    sourceHigh = high;
    sourceLow = low;
    return 0;
  }
  const hops = controlType === IPV6_HOPLIMIT || controlType === IPV6_2292HOPLIMIT;
  if ((!hops && controlType !== IPV6_TCLASS) || controlSize !== 4) return -EINVAL;
  const value = load<i32>(controlData);
  if (value < -1 || value > 255) return -EINVAL;
  if (hops) givenHops = value;
  else givenService = value;
  return 0;
}

/** All are well formed, and none is about UDP: 0 or -EINVAL. */
function checkOutgoing(): i64 {
  beginControls(outgoing, outgoingLength);
  let found = nextControl();
  while (found > 0) {
    if (controlLevel === IPPROTO_UDP) return -EINVAL;
    found = nextControl();
  }
  return found;
}

function readOne(socket: Socket, four: bool): i64 {
  if (controlLevel === SOL_SOCKET) return ofSocket();
  if (!four) return controlLevel === IPPROTO_IPV6 ? read6() : 0;
  if (controlLevel === IPPROTO_IP) return read4();
  const six = socket.protocol.family === AF_INET6;
  return six && controlLevel === IPPROTO_IPV6 ? readMapped() : 0;
}

/**
 * Reads what `socket` sends along with a datagram, to an address of IPv4 where `four`, into `given…` and `source…`: 0,
 * -EINVAL, or -ENODEV where there is no such interface.
 */
export function readOutgoing(socket: Socket, four: bool): i64 {
  givenHops = -1;
  givenService = -1;
  givenSource = false;
  givenInterface = 0;
  if (outgoingLength === 0) return 0;
  const wrong = checkOutgoing();
  if (wrong !== 0) return wrong;
  beginControls(outgoing, outgoingLength);
  while (nextControl() > 0) {
    const error = readOne(socket, four);
    if (error !== 0) return error;
  }
  if (!four) return 0;
  // The wildcard leaves it to the route.
  if (givenSource && isAny(sourceHigh, sourceLow)) sourceLow = LOOPBACK4;
  if (givenSource && routeOf(sourceHigh, sourceLow) !== ROUTE_LOCAL) return -EINVAL;
  return givenInterface === 0 || givenInterface === LO_INDEX ? 0 : -ENODEV;
}

/** The control messages of `length` bytes at `at` may go with a stream, which they do not change: 0 or -EINVAL. */
export function checkStreamControl(at: usize, length: u32): i64 {
  beginControls(at, length);
  let found = nextControl();
  while (found > 0) {
    if (controlLevel === SOL_SOCKET && ofSocket() !== 0) return -EINVAL;
    found = nextControl();
  }
  return found;
}
