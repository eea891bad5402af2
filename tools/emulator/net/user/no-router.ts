// The answer to who looks for a router of IPv6 (RFC 4861, 4.1 and 4.2): there is none, nor addresses to be had. Without
// one firmware waits for it before it boots from the network.

import { checksumOf, sumOfWords } from "../../devices/net/checksum.ts";
import { join, view } from "./packets.ts";

export const TYPE_IPV6 = 0x86dd;
/** The Ethernet address of all nodes of IPv6 (RFC 2464, 7). */
export const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

const HEADER_BYTES = 40;
const ICMPV6 = 58;
const SOLICITATION = 133;
const ADVERTISEMENT = 134;
const MESSAGE_BYTES = 16;
const HOP_LIMIT = 255;
const USUAL_HOPS = 64;

/** fe80::2, and all nodes: ff02::1. */
const OWN = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** Whether an IPv6 packet is a router solicitation. */
export const isSolicitation = (packet: Uint8Array): boolean =>
  packet.length >= HEADER_BYTES + 8 &&
  (packet[0] as number) >> 4 === 6 &&
  packet[6] === ICMPV6 &&
  packet[7] === HOP_LIMIT &&
  packet[HEADER_BYTES] === SOLICITATION;

/** The packet that says so: a router whose lifetime is 0, without prefixes and flags. */
export function noRouter(): Uint8Array {
  const header = new Uint8Array(8);
  view(header).setUint32(0, 0x6000_0000);
  view(header).setUint16(4, MESSAGE_BYTES);
  header[6] = ICMPV6;
  header[7] = HOP_LIMIT;
  const message = new Uint8Array(MESSAGE_BYTES);
  message[0] = ADVERTISEMENT;
  message[4] = USUAL_HOPS;
  const pseudo = join(OWN, ALL_NODES, Uint8Array.of(0, 0, 0, MESSAGE_BYTES, 0, 0, 0, ICMPV6));
  const sum = sumOfWords(message, 0, message.length, sumOfWords(pseudo, 0, pseudo.length));
  view(message).setUint16(2, checksumOf(sum));
  return join(header, OWN, ALL_NODES, message);
}
