// Packets as they are in frames: Ethernet, ARP (RFC 826), IPv4 (RFC 791), UDP (RFC 768).

import { checksumOf, sumOfWords } from "../../devices/net/checksum.ts";

export const TYPE_IPV4 = 0x0800;
export const TYPE_ARP = 0x0806;

export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;

/** What a frame can carry (RFC 894). */
export const MTU = 1500;
const IP_HEADER = 20;
const UDP_HEADER = 8;
const ARP_BYTES = 28;
const TIME_TO_LIVE = 64;

export const view = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function ethernet(
  destination: Uint8Array,
  source: Uint8Array,
  type: number,
  payload: Uint8Array,
): Uint8Array {
  return join(destination, source, Uint8Array.of(type >> 8, type & 0xff), payload);
}

export interface Arp {
  operation: number;
  senderMac: Uint8Array;
  sender: number;
  target: number;
}

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/** Reads ARP of Ethernet and IPv4; undefined for anything else. */
export function readArp(bytes: Uint8Array): Arp | undefined {
  if (bytes.length < ARP_BYTES) return undefined;
  const v = view(bytes);
  if (v.getUint32(0) !== 0x0001_0800 || v.getUint16(4) !== 0x0604) return undefined;
  return {
    operation: v.getUint16(6),
    senderMac: bytes.slice(8, 14),
    sender: v.getUint32(14),
    target: v.getUint32(24),
  };
}

export function arp(
  operation: number,
  from: [Uint8Array, number],
  to: [Uint8Array, number],
): Uint8Array {
  const out = new Uint8Array(ARP_BYTES);
  const v = view(out);
  v.setUint32(0, 0x0001_0800);
  v.setUint32(4, 0x0604_0000 | operation);
  out.set(from[0], 8);
  v.setUint32(14, from[1]);
  out.set(to[0], 18);
  v.setUint32(24, to[1]);
  return out;
}

export interface Ipv4 {
  protocol: number;
  source: number;
  destination: number;
  payload: Uint8Array;
  /** As it came, for ICMP to tell of. */
  whole: Uint8Array;
}

/** Reads a packet; undefined where it is none, is wrong, or is a fragment: guests have no need of them. */
export function readIpv4(bytes: Uint8Array): Ipv4 | undefined {
  if (bytes.length < IP_HEADER || (bytes[0] as number) >> 4 !== 4) return undefined;
  const v = view(bytes);
  const header = ((bytes[0] as number) & 15) * 4;
  const length = v.getUint16(2);
  const isWrong = header < IP_HEADER || length < header || length > bytes.length;
  if (isWrong || checksumOf(sumOfWords(bytes, 0, header)) !== 0) return undefined;
  if (v.getUint16(6) & 0x3fff) return undefined;
  return {
    protocol: bytes[9] as number,
    source: v.getUint32(12),
    destination: v.getUint32(16),
    payload: bytes.subarray(header, length),
    whole: bytes.subarray(0, length),
  };
}

/** Packets with this payload, several where one could not hold it. */
export function ipv4(
  protocol: number,
  source: number,
  destination: number,
  payload: Uint8Array,
  identification: number,
): Uint8Array[] {
  const room = (MTU - IP_HEADER) & ~7;
  const packets: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += room) {
    const fits = payload.length <= MTU - IP_HEADER;
    const part = fits ? payload : payload.subarray(at, at + room);
    const isLast = fits || at + room >= payload.length;
    const out = new Uint8Array(IP_HEADER + part.length);
    const v = view(out);
    v.setUint16(0, 0x4500);
    v.setUint16(2, out.length);
    v.setUint16(4, identification);
    v.setUint16(6, (isLast ? 0 : 0x2000) | (at >> 3));
    v.setUint16(8, (TIME_TO_LIVE << 8) | protocol);
    v.setUint32(12, source);
    v.setUint32(16, destination);
    v.setUint16(10, checksumOf(sumOfWords(out, 0, IP_HEADER)));
    out.set(part, IP_HEADER);
    packets.push(out);
    if (fits) break;
  }
  return packets;
}

/** The sum of the pseudo header of UDP and TCP. */
export const pseudoSum = (
  protocol: number,
  source: number,
  destination: number,
  length: number,
): number =>
  protocol +
  length +
  (source >>> 16) +
  (source & 0xffff) +
  (destination >>> 16) +
  (destination & 0xffff);

export interface Udp {
  sourcePort: number;
  destinationPort: number;
  payload: Uint8Array;
}

export function readUdp({ source, destination, payload }: Ipv4): Udp | undefined {
  if (payload.length < UDP_HEADER) return undefined;
  const v = view(payload);
  const length = v.getUint16(4);
  if (length < UDP_HEADER || length > payload.length) return undefined;
  const sum = sumOfWords(payload, 0, length, pseudoSum(UDP, source, destination, length));
  if (v.getUint16(6) !== 0 && checksumOf(sum) !== 0) return undefined;
  return {
    sourcePort: v.getUint16(0),
    destinationPort: v.getUint16(2),
    payload: payload.slice(UDP_HEADER, length),
  };
}

/** An address and a port. */
export interface Endpoint {
  address: number;
  port: number;
}

export function udp(from: Endpoint, to: Endpoint, payload: Uint8Array): Uint8Array {
  const out = join(new Uint8Array(UDP_HEADER), payload);
  const v = view(out);
  v.setUint16(0, from.port);
  v.setUint16(2, to.port);
  v.setUint16(4, out.length);
  const sum = sumOfWords(out, 0, out.length, pseudoSum(UDP, from.address, to.address, out.length));
  v.setUint16(6, checksumOf(sum) || 0xffff);
  return out;
}
