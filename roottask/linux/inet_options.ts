// Options of the levels IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP (ip(7), ipv6(7), tcp(7)). They are kept and told; what
// changes something here is said at its option. Of a network that loses nothing, times and sizes change nothing.

import {
  EADDRNOTAVAIL,
  EBUSY,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
} from "../libroottask/errno";
import { dropErrors } from "../libroottask/error_queue";
import {
  AF_INET,
  AF_INET6,
  inetOf,
  isMapped,
  optionValue,
  setValue,
  VALUE_RECVERR,
  VALUE_RECVERR6,
} from "../libroottask/inet";
import { Program } from "../libroottask/program";
import {
  CONNECTED,
  LISTENING,
  Protocol,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  Socket,
} from "../libroottask/socket";
import { copyFrom, get32, got } from "../libroottask/space";
import { SEGMENT_FIRST, segmentOf } from "../libroottask/tcp_held";
import { pushHeld, TCP_ESTABLISHED, tcpState } from "../libroottask/tcp_socket";
import { copyLiteral, equalsLiteral, terminatedLength } from "../libroottask/text";
import { sendCollected } from "../libroottask/udp_socket";
import { getRawOption, isRawOption, setRawOption } from "./raw_options";

export const IPPROTO_IP: i32 = 0;
export const IPPROTO_TCP: i32 = 6;
export const IPPROTO_UDP: i32 = 17;
export const IPPROTO_IPV6: i32 = 41;

/** Options that are numbers, by their places among the values of a socket (libroottask/inet.ts, which has 2 and 7; tcp_held.ts). */
export const VALUE_TOS: u32 = 0;
export const VALUE_TTL: u32 = 1;
export const VALUE_RECVTTL: u32 = 3;
export const VALUE_RECVTOS: u32 = 4;
export const VALUE_HOPS: u32 = 5;
export const VALUE_CLASS: u32 = 6;
export const VALUE_RECVHOPS: u32 = 8;
export const VALUE_RECVCLASS: u32 = 9;
export const VALUE_CORK: u32 = 11;
export const VALUE_OLD_INFO: u32 = 30;
export const VALUE_OLD_HOPS: u32 = 31;

/** Of each option: level, number, what it is at first, least, most, and one of the kinds below, 4 bytes each. */
const ENTRY: u32 = 24;
const table = memory.data(24 * 48);
let entries: u32 = 0;

/** The lowest byte of any number is kept. */
const ANY_BYTE: u32 = 1;
/** On or off. */
const SWITCH: u32 = 2;
/** Within limits; of the second -1 is what it is at first. */
const LIMITED: u32 = 0;
const ORDINARY: u32 = 4;
/** Seconds: 0 is what it is at first, more than the most is the most, less than 0 is -1. */
const SECONDS: u32 = 8;

function option(level: i32, number: u32, usual: i32, least: i32, most: i32, kind: u32): void {
  const at = table + entries * ENTRY;
  store<i32>(at, level);
  store<u32>(at + 4, number);
  store<i32>(at + 8, usual);
  store<i32>(at + 12, least);
  store<i32>(at + 16, most);
  store<u32>(at + 20, kind);
  entries++;
}

/** Must be called before a socket is made; the order is that of VALUE_…. */
export function initInetOptions(): void {
  entries = 0;
  option(IPPROTO_IP, 1, 0, 0, 255, ANY_BYTE);
  option(IPPROTO_IP, IP_TTL, 64, 1, 255, ORDINARY);
  option(IPPROTO_IP, 8, 0, 0, 1, SWITCH);
  option(IPPROTO_IP, 12, 0, 0, 1, SWITCH);
  option(IPPROTO_IP, 13, 0, 0, 1, SWITCH);
  option(IPPROTO_IPV6, 16, 64, -1, 255, ORDINARY);
  option(IPPROTO_IPV6, 67, 0, -1, 255, ORDINARY);
  option(IPPROTO_IPV6, 49, 0, 0, 1, SWITCH);
  option(IPPROTO_IPV6, 51, 0, 0, 1, SWITCH);
  option(IPPROTO_IPV6, 66, 0, 0, 1, SWITCH);
  // TCP_MAXSEG.
  option(IPPROTO_TCP, TCP_MAXSEG, 0, 0, 32_767, LIMITED);
  // UDP_CORK.
  option(IPPROTO_UDP, UDP_CORK, 0, 0, 1, SWITCH);
  // IP_MTU_DISCOVER.
  option(IPPROTO_IP, 10, 1, 0, 5, LIMITED);
  option(IPPROTO_IP, IP_MULTICAST_TTL, 1, 0, 255, ORDINARY);
  option(IPPROTO_IP, IP_MULTICAST_LOOP, 1, 0, 1, SWITCH);
  option(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, -1, 255, ORDINARY);
  // IPV6_MULTICAST_LOOP.
  option(IPPROTO_IPV6, 19, 1, 0, 1, LIMITED);
  // And TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_QUICKACK, TCP_USER_TIMEOUT.
  option(IPPROTO_TCP, TCP_NODELAY, 0, 0, 1, SWITCH);
  option(IPPROTO_TCP, TCP_CORK, 0, 0, 1, SWITCH);
  option(IPPROTO_TCP, 4, 7200, 1, 32_767, LIMITED);
  option(IPPROTO_TCP, 5, 75, 1, 32_767, LIMITED);
  option(IPPROTO_TCP, 6, 9, 1, 127, LIMITED);
  option(IPPROTO_TCP, 7, 6, 1, 127, LIMITED);
  option(IPPROTO_TCP, 12, 1, 0, 1, SWITCH);
  option(IPPROTO_TCP, 18, 0, 0, 0x7fff_ffff, LIMITED);
  // TCP_LINGER2.
  option(IPPROTO_TCP, 8, 60, 0, 120, SECONDS);
  option(IPPROTO_IP, IP_RECVERR, 0, 0, 1, SWITCH);
  option(IPPROTO_IPV6, IPV6_RECVERR, 0, 0, 1, SWITCH);
  option(IPPROTO_IP, IP_HDRINCL, 0, 0, 1, SWITCH);
  option(IPPROTO_IPV6, IPV6_HDRINCL, 0, 0, 1, SWITCH);
  // IPV6_2292PKTINFO and IPV6_2292HOPLIMIT, IPV6_MTU_DISCOVER and IPV6_DONTFRAG, for which there are no fragments.
  option(IPPROTO_IPV6, 2, 0, 0, 1, SWITCH);
  option(IPPROTO_IPV6, 8, 0, 0, 1, SWITCH);
  option(IPPROTO_IPV6, 23, 1, 0, 5, LIMITED);
  option(IPPROTO_IPV6, 62, 0, 0, 1, SWITCH);
}

/** Of include/uapi/linux/pkt_sched.h: TC_PRIO_BULK, TC_PRIO_INTERACTIVE, TC_PRIO_INTERACTIVE_BULK. */
const PRIORITY_BULK: u32 = 2;
const PRIORITY_INTERACTIVE: u32 = 6;
const PRIORITY_BOTH: u32 = 4;

/** Gives `socket` the values that options have at first. */
export function defaultValues(socket: Socket): void {
  for (let i: u32 = 0; i < entries; i++) setValue(socket, i, load<i32>(table + i * ENTRY + 8));
}

function isUdp(socket: Socket): bool {
  return socket.number === (IPPROTO_UDP as u32) && socket.type === SOCK_DGRAM;
}

/** The place of an option of `socket`, or -1 where it has none of that level and number. */
function placeOf(socket: Socket, level: i32, number: u32): i32 {
  if (level === IPPROTO_TCP && socket.type !== SOCK_STREAM) return -1;
  if (level === IPPROTO_UDP && !isUdp(socket)) return -1;
  // Of IPv4 everybody is told of it.
  const head = level === IPPROTO_IPV6 && number === IPV6_HDRINCL;
  if (head && socket.type !== SOCK_RAW) return -1;
  if (level === IPPROTO_IPV6 && socket.protocol.family !== AF_INET6) return -1;
  for (let i: u32 = 0; i < entries; i++) {
    const at = table + i * ENTRY;
    if (load<i32>(at) === level && load<u32>(at + 4) === number) return i as i32;
  }
  return -1;
}

const IP_TTL: u32 = 2;
const IP_HDRINCL: u32 = 3;
const IP_RECVERR: u32 = 11;
const IPV6_RECVERR: u32 = 25;
const IPV6_HDRINCL: u32 = 36;
const IPV6_ADDRFORM: u32 = 1;
const IP_MTU: u32 = 14;
const IP_MULTICAST_TTL: u32 = 33;
const IP_MULTICAST_LOOP: u32 = 34;
const IPV6_MULTICAST_HOPS: u32 = 18;
const IPV6_MTU: u32 = 24;
const IPV6_V6ONLY: u32 = 26;
const UDP_CORK: u32 = 1;
const TCP_NODELAY: u32 = 1;
const TCP_MAXSEG: u32 = 2;
const TCP_CORK: u32 = 3;
const TCP_INFO: u32 = 11;
const TCP_CONGESTION: u32 = 13;
/** Of lo. */
const MTU: i32 = 65_536;
/** The least that IPv6 may be told: RFC 8200, section 5. */
const MTU_LEAST: i32 = 1280;
/** The least segment that may be asked for. */
const SEGMENT_LEAST: i32 = 88;

/** `socket` is connected, and its other side has not said that it will send no more. */
function isConnected(socket: Socket): bool {
  if (socket.type === SOCK_STREAM) return tcpState(socket) === TCP_ESTABLISHED;
  return socket.state === CONNECTED;
}

/** IPV6_ADDRFORM: a socket whose peer has an address of IPv4 is of that family from now on. */
function setForm(socket: Socket, family: i32): i64 {
  const inet = inetOf(socket);
  const collected = inet.collected;
  if (family !== (AF_INET as i32)) return -EINVAL;
  if (collected !== null && socket.type === SOCK_DGRAM) {
    if (!isMapped(collected.toHigh, collected.toLow)) return -EBUSY;
  }
  if (!isConnected(socket)) return -ENOTCONN;
  if (inet.only6 !== 0 || !isMapped(inet.remoteHigh, inet.remoteLow)) return -EADDRNOTAVAIL;
  socket.protocol = socket.protocol.four as Protocol;
  return 0;
}

/** What an option is that is not among the values, as a number; -1 where there is none. */
function computed(socket: Socket, level: i32, number: u32): i64 {
  const inet = inetOf(socket);
  if (level === IPPROTO_IPV6 && socket.protocol.family === AF_INET6) {
    if (number === IPV6_V6ONLY) return inet.only6 as i64;
    if (number === IPV6_ADDRFORM) return isConnected(socket) ? (AF_INET6 as i64) : -ENOTCONN;
  }
  const asksMtu =
    (level === IPPROTO_IP && number === IP_MTU) || (level === IPPROTO_IPV6 && number === IPV6_MTU);
  if (asksMtu) return inet.remotePort !== 0 ? (MTU as i64) : -ENOTCONN;
  if (level === IPPROTO_TCP && number === TCP_MAXSEG && socket.type === SOCK_STREAM) {
    return segmentOf(socket) as i64;
  }
  return -1;
}

/** struct tcp_info: state and options, and what a connection over lo is like. */
export const INFO_BYTES: u32 = 104;

/** Puts what TCP_INFO tells of `socket` at `to`, which has INFO_BYTES of zeroes. */
function putInfo(socket: Socket, to: usize): void {
  store<u8>(to, tcpState(socket) as u8);
  if (socket.state === LISTENING) {
    store<u32>(to + 24, socket.pendingCount);
    store<u32>(to + 28, socket.backlog);
    return;
  }
  // Retransmission after 200 ms, segments, and windows that have not been reduced.
  store<u32>(to + 8, 200_000);
  store<u32>(to + 16, segmentOf(socket) as u32);
  store<u32>(to + 20, SEGMENT_FIRST as u32);
  store<u32>(to + 60, MTU as u32);
  store<u32>(to + 76, 0x7fff_ffff);
  store<u32>(to + 80, 10);
}

/** Room for the value of an option. */
const space = memory.data(128, 8);

/**
 * Puts the value of an option of those levels into `storage`, which has room for INFO_BYTES: its bytes, or a negative
 * error.
 */
export function getInetOption(socket: Socket, level: i32, number: u32, storage: usize): i64 {
  if (level === IPPROTO_TCP && socket.type === SOCK_STREAM) {
    if (number === TCP_INFO) {
      memory.fill(storage, 0, INFO_BYTES);
      putInfo(socket, storage);
      return INFO_BYTES as i64;
    }
    if (number === TCP_CONGESTION) {
      memory.fill(storage, 0, CONGESTION_BYTES);
      copyLiteral(storage, "cubic");
      return CONGESTION_BYTES as i64;
    }
  }
  if (isRawOption(socket, level, number)) return getRawOption(socket, level, number, storage);
  const other = computed(socket, level, number);
  if (other === -ENOTCONN) return other;
  const place = placeOf(socket, level, number);
  if (other < 0 && place >= 0) {
    store<i32>(storage, optionValue(socket, place as u32));
    return 4;
  }
  if (other < 0) return -ENOPROTOOPT;
  store<i32>(storage, other as i32);
  return 4;
}

const CONGESTION_BYTES: u32 = 16;

/** `socket` has options of that level at all. */
function hasLevel(socket: Socket, level: i32): bool {
  if (level === IPPROTO_IP) return true;
  if (level === IPPROTO_TCP) return socket.type === SOCK_STREAM;
  if (level === IPPROTO_UDP) return isUdp(socket);
  return level === IPPROTO_IPV6 && socket.protocol.family === AF_INET6;
}

/** What reading an option of that level gives before anything of it is looked at: 0 or a negative error. */
export function levelError(socket: Socket, level: i32): i64 {
  if (hasLevel(socket, level) || isRawOption(socket, level, 0)) return 0;
  return socket.protocol.family === AF_INET6 ? -ENOPROTOOPT : -EOPNOTSUPP;
}

/** There is an option of that level and number that `socket` can be given. */
function maySet(socket: Socket, level: i32, number: u32): bool {
  if (level === IPPROTO_IPV6) {
    if (number === IPV6_MULTICAST_HOPS && socket.type === SOCK_STREAM) return false;
    if (number === IPV6_ADDRFORM || number === IPV6_V6ONLY || number === IPV6_MTU) return true;
  }
  const head = level === IPPROTO_IP && number === IP_HDRINCL;
  if (head && socket.type !== SOCK_RAW) return false;
  return placeOf(socket, level, number) >= 0;
}

/** The number that an option is to have. */
let given: i32 = 0;

/** Reads `given` from the `length` bytes at `from`, as options of `level` do: 0 or a negative error. */
function readNumber(program: Program, level: i32, from: u64, length: u32): i64 {
  given = 0;
  if (length >= 4) {
    // For IPv6 no address is 0: do_ipv6_setsockopt() of Linux.
    if (level === IPPROTO_IPV6 && from === 0) return 0;
    if (!get32(program.space, from)) return -EFAULT;
    given = got as i32;
    return 0;
  }
  if (level === IPPROTO_TCP || level === IPPROTO_UDP) return -EINVAL;
  if (level === IPPROTO_IPV6 || length === 0) return 0;
  // A byte is enough of options of IPv4.
  if (!copyFrom(program.space, space, from, 1)) return -EFAULT;
  given = load<u8>(space) as i32;
  return 0;
}

/** `length` bytes are enough of an option: of most of IPv4's no byte is 0, do_ip_setsockopt() of Linux. */
function takesLength(level: i32, number: u32, length: u32): bool {
  if (level !== IPPROTO_IP) return length >= 4;
  const asksByte = number === IP_TTL || number === IP_MULTICAST_TTL || number === IP_MULTICAST_LOOP;
  return length !== 0 || !asksByte;
}

/** Sets an option of those levels to the `length` bytes at `from`: 0 or a negative error. */
export function setInetOption(
  program: Program,
  socket: Socket,
  level: i32,
  number: u32,
  from: u64,
  length: u32,
): i64 {
  if (isRawOption(socket, level, number)) {
    return setRawOption(program, socket, level, number, from, length);
  }
  if (!hasLevel(socket, level)) return -ENOPROTOOPT;
  if (level === IPPROTO_TCP && number === TCP_CONGESTION) {
    if (length < 1) return -EINVAL;
    const bytes = min<u32>(length, CONGESTION_BYTES - 1);
    memory.fill(space, 0, CONGESTION_BYTES);
    if (!copyFrom(program.space, space, from, bytes)) return -EFAULT;
    return equalsLiteral(space, terminatedLength(space, bytes), "cubic") ? 0 : -ENOENT;
  }
  const known = maySet(socket, level, number);
  // IPv4 reads values of its options alone, the others first of all.
  if (level === IPPROTO_IP && !known) return -ENOPROTOOPT;
  const error = readNumber(program, level, from, length);
  if (error !== 0) return error;
  if (!known) return -ENOPROTOOPT;
  return takesLength(level, number, length) ? setNumber(socket, level, number, given) : -EINVAL;
}

/** What `wanted` seconds are for the option of the table's entry `at`. */
function secondsOf(at: usize, wanted: i32): i32 {
  if (wanted < 0) return -1;
  return wanted === 0 ? load<i32>(at + 8) : min<i32>(wanted, load<i32>(at + 16));
}

/** `wanted` is within the limits of the table's entry `at`. */
function isWithin(at: usize, wanted: i32): bool {
  return wanted >= load<i32>(at + 12) && wanted <= load<i32>(at + 16);
}

/** SO_PRIORITY that comes with IP_TOS, by the two bits below its precedence: rt_tos2priority() of Linux. */
function priorityOf(service: i32): u32 {
  const bits = (service >> 3) & 3;
  if (bits === 0) return 0;
  return bits === 1 ? PRIORITY_BULK : bits === 2 ? PRIORITY_INTERACTIVE : PRIORITY_BOTH;
}

function setNumber(socket: Socket, level: i32, number: u32, wanted: i32): i64 {
  const inet = inetOf(socket);
  if (level === IPPROTO_IPV6 && number === IPV6_ADDRFORM) return setForm(socket, wanted);
  if (level === IPPROTO_IPV6 && number === IPV6_V6ONLY) {
    if (inet.localPort !== 0) return -EINVAL;
    inet.only6 = wanted !== 0 ? 1 : 0;
    return 0;
  }
  // A size of fragments, of which lo makes none.
  if (level === IPPROTO_IPV6 && number === IPV6_MTU) {
    return wanted !== 0 && wanted < MTU_LEAST ? -EINVAL : 0;
  }
  const streams = socket.type === SOCK_STREAM;
  if (level === IPPROTO_IP && number === IP_MULTICAST_TTL && streams) return -EINVAL;
  if (level === IPPROTO_TCP && number === TCP_MAXSEG) {
    if (wanted !== 0 && wanted < SEGMENT_LEAST) return -EINVAL;
  }
  const place = placeOf(socket, level, number);
  if (place < 0) return -ENOPROTOOPT;
  const at = table + (place as u32) * ENTRY;
  const kind = load<u32>(at + 20);
  let value = wanted;
  if (kind === SWITCH) value = wanted !== 0 ? 1 : 0;
  else if (kind === SECONDS) value = secondsOf(at, wanted);
  else if (kind === ORDINARY && wanted === -1) value = load<i32>(at + 8);
  else if (kind !== ANY_BYTE && !isWithin(at, wanted)) return -EINVAL;
  // Congestion marks are the stream's own.
  const marks = (place as u32) === VALUE_TOS || (place as u32) === VALUE_CLASS;
  if (marks && streams) {
    value = (value & ~3) | (optionValue(socket, place as u32) & 3);
  }
  if (kind === ANY_BYTE) {
    if (value !== optionValue(socket, place as u32)) socket.priority = priorityOf(value);
    value &= 0xff;
  }
  setValue(socket, place as u32, value);
  // Who asks no more is not told what there is.
  if ((place as u32) === VALUE_RECVERR && value === 0) dropErrors(socket);
  if ((place as u32) === VALUE_RECVERR6 && value === 0) dropErrors(socket);
  // What has been kept back for more goes.
  if (level === IPPROTO_UDP && value === 0) sendCollected(socket);
  if (level === IPPROTO_TCP) {
    const lets = number === TCP_NODELAY ? value !== 0 : number === TCP_CORK && value === 0;
    if (lets) pushHeld(socket);
  }
  return 0;
}
