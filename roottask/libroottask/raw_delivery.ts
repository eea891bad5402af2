// Who of the raw sockets gets a packet (raw(7)): of IPv4 whole, of IPv6 what it carries.

import { isElsewhere } from "./bound_device";
import { deliverPart } from "./datagram_queue";
import {
  AF_INET6,
  firstRaw,
  Inet,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  inetOf,
  isAny,
  optionValue,
  VALUE_HDRINCL,
  VALUE_HDRINCL6,
} from "./inet";
import { checksum, ICMP_HEAD, isFour, pseudoSum } from "./ip_packet";
import { Message, Socket } from "./socket";

/** Type, code and checksum. */
const ICMP6_HEAD: u32 = 4;

/** `socket` has asked for packets of that family between a remote and a local address. */
export function matchesRaw(
  socket: Socket,
  four: bool,
  remoteHigh: u64,
  remoteLow: u64,
  localHigh: u64,
  localLow: u64,
): bool {
  if ((socket.protocol.family === AF_INET6) === four || isElsewhere(socket)) return false;
  const inet = inetOf(socket);
  const has = (inet.remoteHigh | inet.remoteLow) !== 0;
  if (has && (inet.remoteHigh !== remoteHigh || inet.remoteLow !== remoteLow)) return false;
  if (isAny(inet.localHigh, inet.localLow)) return true;
  return inet.localHigh === localHigh && inet.localLow === localLow;
}

/** `socket` sends packets with heads of its own (IP_HDRINCL, IPV6_HDRINCL). */
export function writesHead(socket: Socket): bool {
  const six = socket.protocol.family === AF_INET6;
  return optionValue(socket, six ? VALUE_HDRINCL6 : VALUE_HDRINCL) !== 0;
}

/** The filter of `socket` keeps messages of that type away. */
function isFiltered(socket: Socket, type: u32): bool {
  const at = socket.own + offsetof<Inet>("filter0") + (type >> 3);
  if (socket.protocol.family !== AF_INET6 && type >= 32) return false;
  return ((load<u8>(at) >> ((type & 7) as u8)) & 1) !== 0;
}

/** The checksum of what is carried, where `socket` asks for that (IPV6_CHECKSUM), is right. */
function isChecked(socket: Socket, packet: Message, protocol: u32, at: usize, length: u32): bool {
  const place = inetOf(socket).checksumAt;
  if (place < 0) return true;
  return checksum(at, length, pseudoSum(packet, protocol, length)) === 0;
}

/** Gives raw sockets what `packet` carries: whether there is one for it. */
export function deliverRaw(packet: Message, protocol: u32, at: usize, length: u32): bool {
  const four = isFour(packet);
  const icmp = protocol === (four ? IPPROTO_ICMP : IPPROTO_ICMPV6);
  // What has no head of ICMP does not come to those who might filter it.
  const least: u32 = four ? ICMP_HEAD : ICMP6_HEAD;
  let found = false;
  let socket = firstRaw(protocol);
  while (socket !== null) {
    const next = inetOf(socket).next;
    if (matchesRaw(socket, four, packet.fromHigh, packet.fromLow, packet.toHigh, packet.toLow)) {
      found = true;
      const kept = icmp && (length < least || isFiltered(socket, load<u8>(at) as u32));
      if (!kept && (four || isChecked(socket, packet, protocol, at, length))) {
        deliverPart(packet, four ? packet.data : at, socket);
      }
    }
    socket = next;
  }
  return found;
}
