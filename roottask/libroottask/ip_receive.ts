// What this machine does with a packet for it (RFC 1122): its protocol gets it, or it comes back as an error. Left out:
// fragments, which are lost, and segments of TCP that do not come from our own streams, which belong to no connection.

import {
  NO_PROTOCOL,
  NO_PROTOCOL6,
  PARAMETER,
  PARAMETER6,
  receiveIcmp,
  sendError,
  UNREACHABLE,
} from "./icmp";
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  ROUTE_NONE,
  routeOf,
} from "./inet";
import {
  carriedAt,
  carriedBytes,
  carriedProtocol,
  isFour,
  isSealed,
  isWhole,
  parsePacket,
  readAddresses,
  wrongOption,
} from "./ip_packet";
import { setReceiver } from "./lo";
import { deliverRaw } from "./raw_delivery";
import { Message } from "./socket";
import { receiveUdpPacket } from "./udp_socket";

/** Where the head of IPv6 says what comes next. */
const NEXT_HEADER: u32 = 6;

/** Gives what `packet`, which has been parsed, carries to its protocol; `taken`: a raw socket has it. */
function giveOn(packet: Message, four: bool, taken: bool): void {
  const protocol = carriedProtocol;
  if (protocol === IPPROTO_UDP) {
    receiveUdpPacket(packet, carriedAt, carriedBytes);
    return;
  }
  if (protocol === (four ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
    receiveIcmp(packet, carriedAt, carriedBytes);
    return;
  }
  if (protocol === IPPROTO_TCP || taken) return;
  if (four) sendError(packet, UNREACHABLE, NO_PROTOCOL, 0);
  else sendError(packet, PARAMETER6, NO_PROTOCOL6, NEXT_HEADER);
}

/** What Linux looks at before it takes a packet of IPv4. */
function isTaken4(packet: Message): bool {
  const head = packet.data;
  if (!isSealed(head)) return false;
  readAddresses(packet, true);
  const wrong = wrongOption(head, carriedAt);
  if (wrong !== 0) sendError(packet, PARAMETER, 0, wrong << 24);
  return wrong === 0 && isWhole(head);
}

/** Takes a packet of that family, whose bytes are all that is known of it. */
function receive(packet: Message, four: bool): void {
  const head = packet.data;
  if (!parsePacket(head, packet.length, four)) return;
  if (four && !isTaken4(packet)) return;
  readAddresses(packet, four);
  if (isFour(packet) !== four || routeOf(packet.toHigh, packet.toLow) === ROUTE_NONE) return;
  packet.hops = load<u8>(head + (four ? 8 : 7));
  packet.service = four ? (load<u8>(head + 1) as u32) : (bswap<u32>(load<u32>(head)) >> 20) & 0xff;
  // What is behind what the head tells is not part of it.
  packet.length = ((carriedAt - head) as u32) + carriedBytes;
  const taken = deliverRaw(packet, carriedProtocol, carriedAt, carriedBytes);
  giveOn(packet, four, taken);
}

/** Comes before a packet is sent. */
export function initPackets(): void {
  setReceiver(receive);
}
