// What a controller sees in a frame's headers: Ethernet with up to two VLAN tags (IEEE 802.1Q), IPv4 (RFC 791), IPv6 with its
// extension headers (RFC 8200, 4), TCP (RFC 9293, 3.1) and UDP (RFC 768). Nothing is trusted: what does not fit is not there.

import { checksumOf, sumOfWords } from "./checksum.ts";

const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const TYPE_VLAN = 0x8100;
const TYPE_QINQ = 0x88a8;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const TCP_BYTES = 20;
const UDP_BYTES = 8;
const TCP_ACK = 0x10;

/** IPv6 extension headers: hop by hop, routing, fragment, authentication, destination options, mobility. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION = 60;
const EXTENSIONS: readonly number[] = [HOP_BY_HOP, ROUTING, FRAGMENT, 51, DESTINATION, 135];
/** Destination options: one byte of padding, the home address (RFC 6275, 6.3). */
const OPTION_PAD1 = 0;
const OPTION_HOME_ADDRESS = 201;
const ADDRESS_BYTES = 16;

export interface PacketHeaders {
  /** 0 where there is no IP. */
  version: 0 | 4 | 6;
  transport: "tcp" | "udp" | undefined;
  isFragment: boolean;
  /** Offset of the IP header, of what it carries, and of what TCP or UDP carry. */
  ipAt: number;
  transportAt: number;
  payloadAt: number;
  /** Offsets of source and destination address, and of those that extension headers give instead. */
  source: number;
  destination: number;
  homeAddress: number | undefined;
  finalDestination: number | undefined;
  hasExtensions: boolean;
}

const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/** Bytes of Ethernet's header with its tags. */
function linkBytes(frame: Uint8Array): number {
  const type = word(frame, 12);
  if (type === TYPE_QINQ && word(frame, 16) === TYPE_VLAN) return 22;
  return type === TYPE_VLAN || type === TYPE_QINQ ? 18 : 14;
}

export function headersOf(frame: Uint8Array): PacketHeaders {
  const ipAt = linkBytes(frame);
  const type = word(frame, ipAt - 2);
  const none: PacketHeaders = {
    ...{ version: 0, transport: undefined, isFragment: false, hasExtensions: false },
    ...{ ipAt, transportAt: ipAt, payloadAt: ipAt, source: 0, destination: 0 },
    ...{ homeAddress: undefined, finalDestination: undefined },
  };
  if (type === TYPE_IPV4 && frame.length >= ipAt + IPV4_BYTES) return ipv4(frame, none);
  if (type === TYPE_IPV6 && frame.length >= ipAt + IPV6_BYTES) return ipv6(frame, none);
  return none;
}

function ipv4(frame: Uint8Array, none: PacketHeaders): PacketHeaders {
  const { ipAt } = none;
  const first = frame[ipAt] as number;
  const transportAt = ipAt + (first & 15) * 4;
  const h: PacketHeaders = {
    ...none,
    version: 4,
    isFragment: (word(frame, ipAt + 6) & 0x3fff) !== 0,
    transportAt,
    payloadAt: transportAt,
    source: ipAt + 12,
    destination: ipAt + 16,
  };
  return first >> 4 === 4 ? withTransport(frame, h, frame[ipAt + 9] as number) : h;
}

function ipv6(frame: Uint8Array, none: PacketHeaders): PacketHeaders {
  const { ipAt } = none;
  const h: PacketHeaders = {
    ...none,
    ...{ version: 6, transportAt: ipAt + IPV6_BYTES, payloadAt: ipAt + IPV6_BYTES },
    ...{ source: ipAt + 8, destination: ipAt + 24 },
  };
  let next = frame[ipAt + 6] as number;
  while (EXTENSIONS.includes(next)) {
    const at = h.transportAt;
    if (at + 2 > frame.length) return none;
    h.hasExtensions = true;
    if (next === FRAGMENT) h.isFragment = true;
    else if (next === ROUTING) h.finalDestination = finalDestination(frame, at);
    else if (next === DESTINATION) h.homeAddress = homeAddress(frame, at);
    next = frame[at] as number;
    h.transportAt = at + ((frame[at + 1] as number) + 1) * 8;
  }
  h.payloadAt = h.transportAt;
  return withTransport(frame, h, next);
}

/** Of a routing header of type 2 with one segment left (RFC 6275, 6.4). */
function finalDestination(frame: Uint8Array, at: number): number | undefined {
  const isOne = frame[at + 1] === 2 && frame[at + 2] === 2 && frame[at + 3] === 1;
  return isOne && at + 8 + ADDRESS_BYTES <= frame.length ? at + 8 : undefined;
}

function homeAddress(frame: Uint8Array, header: number): number | undefined {
  const end = Math.min(frame.length, header + ((frame[header + 1] as number) + 1) * 8);
  let at = header + 2;
  while (at + 2 < end) {
    const bytes = frame[at] === OPTION_PAD1 ? 1 : (frame[at + 1] as number) + 2;
    if (at + bytes > end) return undefined;
    if (frame[at] === OPTION_HOME_ADDRESS)
      return at + 2 + ADDRESS_BYTES <= frame.length ? at + 2 : undefined;
    at += bytes;
  }
  return undefined;
}

function withTransport(frame: Uint8Array, h: PacketHeaders, protocol: number): PacketHeaders {
  const isTcp = protocol === PROTOCOL_TCP;
  if (!isTcp && protocol !== PROTOCOL_UDP) return h;
  if (h.isFragment) return { ...h, transport: isTcp ? "tcp" : "udp" };
  const bytes = isTcp ? TCP_BYTES : UDP_BYTES;
  if (h.transportAt + bytes > frame.length) return h;
  const header = isTcp ? ((frame[h.transportAt + 12] as number) >> 4) * 4 : bytes;
  return { ...h, transport: isTcp ? "tcp" : "udp", payloadAt: h.transportAt + header };
}

/** Bytes of TCP or UDP by what the headers say. */
function transportBytes(frame: Uint8Array, h: PacketHeaders): number {
  if (h.transport === "udp") return word(frame, h.transportAt + 4);
  const headers = h.transportAt - h.ipAt;
  return h.version === 4
    ? word(frame, h.ipAt + 2) - headers
    : word(frame, h.ipAt + 4) - (headers - IPV6_BYTES);
}

export const isAcknowledgement = (frame: Uint8Array, h: PacketHeaders): boolean =>
  h.transport === "tcp" && !h.isFragment && ((frame[h.transportAt + 13] ?? 0) & TCP_ACK) !== 0;

export const carriesTcpData = (frame: Uint8Array, h: PacketHeaders): boolean =>
  transportBytes(frame, h) > h.payloadAt - h.transportAt;

export const identification = (frame: Uint8Array, h: PacketHeaders): number =>
  word(frame, h.ipAt + 4);

/** Whether the checksum of IPv4's header is right; undefined where there is none. */
export function isIpSumRight(frame: Uint8Array, h: PacketHeaders): boolean | undefined {
  if (h.version !== 4) return undefined;
  return checksumOf(sumOfWords(frame, h.ipAt, h.transportAt)) === 0;
}

/** Whether the checksum of TCP or UDP is right (RFC 9293, 3.1; RFC 8200, 8.1); undefined where it cannot be told. */
export function isTransportSumRight(frame: Uint8Array, h: PacketHeaders): boolean | undefined {
  if (h.transport === undefined || h.isFragment) return undefined;
  if (h.transport === "udp" && word(frame, h.transportAt + 6) === 0) return undefined;
  const length = transportBytes(frame, h) & 0xffff;
  const pseudo =
    sumOfWords(frame, h.source, h.source + 2 * (h.version === 4 ? 4 : ADDRESS_BYTES)) +
    (h.transport === "tcp" ? PROTOCOL_TCP : PROTOCOL_UDP) +
    length;
  return checksumOf(sumOfWords(frame, h.transportAt, h.transportAt + length, pseudo)) === 0;
}
