// ICMP (RFC 792, RFC 1122) and ICMPv6 (RFC 4443): echo requests are answered, errors are sent about packets that nobody takes,
// and those that come are told to the sockets whose packets they are about. Left out: redirects, time stamps, neighbours.

import { deliverPart } from "./datagram_queue";
import {
  EACCES,
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPROTO,
} from "./errno";
import { ORIGIN_ICMP, ORIGIN_ICMP6, queueError } from "./error_queue";
import {
  DATAGRAMS,
  firstEcho,
  firstRaw,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_UDP,
  inetOf,
  isAny,
  optionValue,
  ROUTE_LOCAL,
  receiverFor,
  routeOf,
  setOrigin,
  VALUE_RECVERR,
  VALUE_RECVERR6,
} from "./inet";
import {
  carriedAt,
  carriedBytes,
  carriedProtocol,
  checksum,
  HEAD4,
  HEAD6,
  headBytes,
  headFromHigh,
  headFromLow,
  headToHigh,
  headToLow,
  ICMP_HEAD,
  isFour,
  packetLike,
  parsePacket,
  pseudoSum,
  putHead,
  readHead,
  UDP_HEAD,
} from "./ip_packet";
import { carry } from "./lo";
import { matchesRaw, writesHead } from "./raw_delivery";
import { CONNECTED, Message, Socket } from "./socket";
import { notify } from "./watches";

export const ECHO_REPLY: u32 = 0;
export const UNREACHABLE: u32 = 3;
export const ECHO: u32 = 8;
const TIME_EXCEEDED: u32 = 11;
export const PARAMETER: u32 = 12;
export const UNREACHABLE6: u32 = 1;
const TOO_BIG6: u32 = 2;
const TIME_EXCEEDED6: u32 = 3;
export const PARAMETER6: u32 = 4;
export const ECHO6: u32 = 128;
export const ECHO_REPLY6: u32 = 129;
/** Codes of what cannot be reached, and of an unknown next header. */
export const NO_PROTOCOL: u32 = 2;
export const NO_PORT: u32 = 3;
const TOO_BIG: u32 = 4;
/** The time that is over is that for fragments, which is told nobody. */
const LACKS_FRAGMENTS: u32 = 1;
export const NO_PORT6: u32 = 4;
export const NO_PROTOCOL6: u32 = 1;

/** Longest packets with errors: RFC 1812, section 4.3.2.3; RFC 4443, section 2.4. */
const ERROR4_MAX: u32 = 576;
const ERROR6_MAX: u32 = 1280;
/** Precedence of errors, internetwork control. */
const ERROR_SERVICE: u32 = 0xc0;
const HOPS: u32 = 64;

/** Puts the checksum into the ICMP message of `packet`, of `length` bytes. */
function seal(packet: Message, length: u32): void {
  const four = isFour(packet);
  const at = packet.data + headBytes(four);
  const sum: u32 = four ? 0 : pseudoSum(packet, IPPROTO_ICMPV6, length);
  store<u16>(at + 2, 0);
  store<u16>(at + 2, checksum(at, length, sum));
}

/** Sends an ICMP message in `packet` of `length` bytes with its checksum and head; `whole`: not to be cut. */
export function launch(packet: Message, length: u32, whole: bool): void {
  seal(packet, length);
  putHead(packet, isFour(packet) ? IPPROTO_ICMP : IPPROTO_ICMPV6, whole);
  carry(packet);
}

/** A packet back to where `packet` came from, for `length` bytes of ICMP; null when memory is out. */
function answerTo(packet: Message, length: u32): Message | null {
  const answer = packetLike(packet.sender, packet, length);
  if (answer === null) return null;
  answer.fromHigh = packet.toHigh;
  answer.fromLow = packet.toLow;
  answer.toHigh = packet.fromHigh;
  answer.toLow = packet.fromLow;
  answer.hops = HOPS;
  return answer;
}

/** `packet` is one with an error of ICMP, about which there is no other. */
function isError(packet: Message, four: bool): bool {
  if (!parsePacket(packet.data, packet.length, four) || carriedBytes === 0) return true;
  const type = load<u8>(carriedAt) as u32;
  if (!four) return carriedProtocol === IPPROTO_ICMPV6 && type < ECHO6;
  if (carriedProtocol !== IPPROTO_ICMP) return false;
  return type !== ECHO && type !== ECHO_REPLY && (type < 13 || type > 18);
}

/** Sends an error about `packet` to where that came from: icmp_send() of Linux. */
export function sendError(packet: Message, type: u32, code: u32, information: u32): void {
  const four = isFour(packet);
  const local = routeOf(packet.toHigh, packet.toLow) === ROUTE_LOCAL;
  if (!local || isError(packet, four)) return;
  if (routeOf(packet.fromHigh, packet.fromLow) !== ROUTE_LOCAL) return;
  const room = (four ? ERROR4_MAX : ERROR6_MAX) - headBytes(four) - ICMP_HEAD;
  const quoted = min<u32>(packet.length, room);
  const answer = answerTo(packet, ICMP_HEAD + quoted);
  if (answer === null) return;
  answer.service = four ? ERROR_SERVICE | (packet.service & 0x1e) : 0;
  const at = answer.data + headBytes(four);
  store<u8>(at, type as u8);
  store<u8>(at + 1, code as u8);
  store<u32>(at + 4, bswap<u32>(information));
  memory.copy(at + ICMP_HEAD, packet.data, quoted);
  launch(answer, ICMP_HEAD + quoted, false);
}

/** Answers the echo request of `length` bytes at `from` in `packet`. */
function answerEcho(packet: Message, from: usize, length: u32): void {
  if (routeOf(packet.toHigh, packet.toLow) !== ROUTE_LOCAL) return;
  const answer = answerTo(packet, length);
  if (answer === null) return;
  const four = isFour(packet);
  const at = answer.data + headBytes(four);
  memory.copy(at, from, length);
  store<u8>(at, (four ? ECHO_REPLY : ECHO_REPLY6) as u8);
  launch(answer, length, false);
}

/** The socket that sends echo requests with the identifier `id` from the address; null for nobody. */
function echoSocket(id: u32, high: u64, low: u64, four: bool): Socket | null {
  let socket = firstEcho(id);
  while (socket !== null) {
    const inet = inetOf(socket);
    const here = isAny(inet.localHigh, inet.localLow);
    const own = inet.localHigh === high && inet.localLow === low;
    const wanted: u32 = four ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    if (inet.localPort === id && socket.number === wanted && (here || own)) return socket;
    socket = inet.next;
  }
  return null;
}

/** Gives an echo reply to who has sent the request. */
function takeReply(packet: Message, at: usize): void {
  const four = isFour(packet);
  const id = bswap<u16>(load<u16>(at + 4)) as u32;
  const socket = echoSocket(id, packet.toHigh, packet.toLow, four);
  if (socket === null) return;
  deliverPart(packet, at, socket);
}

/** What an error means: its number, and that one who does not ask for errors is told as well. */
let meaning: i64 = 0;
let isHard: bool = false;

function mean(error: i64, hard: bool): bool {
  meaning = error;
  isHard = hard;
  return true;
}

/** Of UNREACHABLE: icmp_err_convert of Linux. */
function meanCode(code: u32): bool {
  switch (code) {
    case 0:
    case 11:
      return mean(ENETUNREACH, false);
    case 1:
    case 12:
      return mean(EHOSTUNREACH, false);
    case 2:
      return mean(ENOPROTOOPT, true);
    case 3:
      return mean(ECONNREFUSED, true);
    case 4:
      return mean(EMSGSIZE, false);
    case 5:
      return mean(EOPNOTSUPP, false);
    case 6:
    case 9:
      return mean(ENETUNREACH, true);
    case 7:
      return mean(EHOSTDOWN, true);
    case 8:
      return mean(ENONET, true);
    default:
      return code <= 15 && mean(EHOSTUNREACH, true);
  }
}

function mean4(type: u32, code: u32): bool {
  if (type === UNREACHABLE) return meanCode(code);
  if (type === TIME_EXCEEDED) return code !== LACKS_FRAGMENTS && mean(EHOSTUNREACH, false);
  if (type === PARAMETER) return mean(EPROTO, true);
  return false;
}

/** icmpv6_err_convert() of Linux. */
function mean6(type: u32, code: u32): bool {
  if (type === TOO_BIG6) return mean(EMSGSIZE, false);
  if (type === TIME_EXCEEDED6) return mean(EHOSTUNREACH, false);
  if (type === PARAMETER6) return mean(EPROTO, true);
  if (type !== UNREACHABLE6) return false;
  switch (code) {
    case 0:
      return mean(ENETUNREACH, false);
    case 1:
    case 5:
    case 6:
      return mean(EACCES, true);
    case 4:
      return mean(ECONNREFUSED, true);
    default:
      return mean(EHOSTUNREACH, false);
  }
}

/** The error that is being told: its packet and message; the packet that it is about, and what that carries. */
let errorPacket: Message = changetype<Message>(0);
let errorAt: usize = 0;
let quotedAt: usize = 0;
let quotedEnd: usize = 0;

/** What the error says beside its code: a size, or which byte is wrong; of ICMPv6 the word itself. */
function informationOf(four: bool, type: u32, code: u32): u32 {
  const word = bswap<u32>(load<u32>(errorAt + 4));
  if (!four) return word;
  if (type === PARAMETER) return word >> 24;
  return type === UNREACHABLE && code === TOO_BIG ? word & 0xffff : 0;
}

/** Tells `socket` of the error about what begins at `data`, sent to `port`. */
function tell(socket: Socket, data: usize, port: u32): void {
  const four = isFour(errorPacket);
  const asks = optionValue(socket, four ? VALUE_RECVERR : VALUE_RECVERR6) !== 0;
  if (!asks && (!isHard || socket.state !== CONNECTED)) return;
  if (asks) {
    const origin = four ? ORIGIN_ICMP : ORIGIN_ICMP6;
    const type = load<u8>(errorAt) as u32;
    const code = load<u8>(errorAt + 1) as u32;
    const information = informationOf(four, type, code);
    const high = errorPacket.fromHigh;
    const low = errorPacket.fromLow;
    const from = min<usize>(data, quotedEnd);
    const length = (quotedEnd - from) as u32;
    const told = queueError(
      socket,
      meaning as i32,
      origin,
      type,
      code,
      information,
      high,
      low,
      from,
      length,
    );
    if (told !== null) {
      told.fromHigh = headToHigh;
      told.fromLow = headToLow;
      told.fromPort = port;
      told.toHigh = errorPacket.toHigh;
      told.toLow = errorPacket.toLow;
      told.hops = errorPacket.hops;
      told.service = errorPacket.service;
    }
  }
  socket.error = meaning as u32;
  notify(socket.node, 0);
}

/** Tells raw sockets of `protocol` whose packet the error is about. */
function tellRaw(protocol: u32, four: bool, at: usize): void {
  let socket = firstRaw(protocol);
  while (socket !== null) {
    const next = inetOf(socket).next;
    const isOne = matchesRaw(socket, four, headToHigh, headToLow, headFromHigh, headFromLow);
    // Those who write heads themselves get them back.
    if (isOne) tell(socket, writesHead(socket) ? quotedAt : at, 0);
    socket = next;
  }
}

/** Tells who has sent what the error is about. */
function takeError(four: bool): void {
  const length = (quotedEnd - quotedAt) as u32;
  const head: u32 = four ? HEAD4 : HEAD6;
  if (length < head || load<u8>(quotedAt) >> 4 !== (four ? 4 : 6)) return;
  const own: u32 = four ? ((load<u8>(quotedAt) & 15) as u32) * 4 : HEAD6;
  if (own < head || length < own + 8) return;
  const protocol: u32 = load<u8>(quotedAt + (four ? 9 : 6)) as u32;
  const carried = quotedAt + own;
  readHead(quotedAt, four);
  tellRaw(protocol, four, carried);
  readHead(quotedAt, four);
  if (protocol === IPPROTO_UDP) {
    const from = bswap<u16>(load<u16>(carried)) as u32;
    const to = bswap<u16>(load<u16>(carried + 2)) as u32;
    // Who would be sent an answer has sent it.
    setOrigin(headToHigh, headToLow, to);
    const socket = receiverFor(DATAGRAMS, headFromHigh, headFromLow, from);
    if (socket !== null) tell(socket, carried + UDP_HEAD, to);
  } else if (protocol === (four ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
    const id = bswap<u16>(load<u16>(carried + 4)) as u32;
    const socket = echoSocket(id, headFromHigh, headFromLow, four);
    if (socket !== null) tell(socket, carried, 0);
  }
}

/** Takes the ICMP message of `length` bytes at `at` in `packet`. */
export function receiveIcmp(packet: Message, at: usize, length: u32): void {
  const four = isFour(packet);
  const sum: u32 = four ? 0 : pseudoSum(packet, IPPROTO_ICMPV6, length);
  if (length < ICMP_HEAD || checksum(at, length, sum) !== 0) return;
  const type = load<u8>(at) as u32;
  if (type === (four ? ECHO : ECHO6)) {
    answerEcho(packet, at, length);
    return;
  }
  if (type === (four ? ECHO_REPLY : ECHO_REPLY6)) {
    takeReply(packet, at);
    return;
  }
  const code = load<u8>(at + 1) as u32;
  if (!(four ? mean4(type, code) : mean6(type, code))) return;
  errorPacket = packet;
  errorAt = at;
  quotedAt = at + ICMP_HEAD;
  quotedEnd = at + length;
  takeError(four);
}
