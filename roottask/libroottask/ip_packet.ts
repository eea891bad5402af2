// Packets of IPv4 and IPv6 as bytes (RFC 791, RFC 8200), and the checksum of the Internet (RFC 1071), which is computed in
// memory's order. A packet is a message whose bytes it is; its addresses are in the message, too.

import { isMapped, mapped } from "./inet";
import { Message, Socket } from "./socket";
import { blankMessage } from "./socket_messages";

/** Heads without options; and of UDP and of ICMP. */
export const HEAD4: u32 = 20;
export const HEAD6: u32 = 40;
export const UDP_HEAD: u32 = 8;
export const ICMP_HEAD: u32 = 8;
/** Longest packet, as far as its head can tell. */
export const PACKET_MAX: u32 = 65_535;
/** Don't fragment; and more fragments with the place of this one, as a 16-bit word in memory's order. */
const DONT_FRAGMENT: u16 = 0x0040;
const FRAGMENT: u16 = 0xff3f;

/** The sum of the `length` bytes at `at`, continuing `sum`; not complemented. */
export function addSum(at: usize, length: u32, sum: u32): u32 {
  let wide: u64 = sum as u64;
  let i: u32 = 0;
  for (; i + 4 <= length; i += 4) wide += load<u32>(at + i) as u64;
  if ((length & 2) !== 0) {
    wide += load<u16>(at + i) as u64;
    i += 2;
  }
  if ((length & 1) !== 0) wide += load<u8>(at + i) as u64;
  while (wide >> 16 !== 0) wide = (wide & 0xffff) + (wide >> 16);
  return wide as u32;
}

/** The checksum that the `length` bytes at `at` have with `sum`: 0 where their own is right. */
export function checksum(at: usize, length: u32, sum: u32): u16 {
  return ~addSum(at, length, sum) as u16;
}

const pseudo = memory.data(40, 8);

/** The sum of the pseudo header of `message` with `length` bytes of `protocol`, RFC 768 and RFC 8200, section 8.1. */
export function pseudoSum(message: Message, protocol: u32, length: u32): u32 {
  if (isMapped(message.toHigh, message.toLow)) {
    store<u32>(pseudo, (message.fromLow >> 32) as u32);
    store<u32>(pseudo + 4, (message.toLow >> 32) as u32);
    store<u16>(pseudo + 8, bswap<u16>(protocol as u16));
    store<u16>(pseudo + 10, bswap<u16>(length as u16));
    return addSum(pseudo, 12, 0);
  }
  store<u64>(pseudo, message.fromHigh);
  store<u64>(pseudo + 8, message.fromLow);
  store<u64>(pseudo + 16, message.toHigh);
  store<u64>(pseudo + 24, message.toLow);
  store<u32>(pseudo + 32, bswap<u32>(length));
  store<u32>(pseudo + 36, bswap<u32>(protocol));
  return addSum(pseudo, 40, 0);
}

let lastId: u16 = 0;

export function isFour(packet: Message): bool {
  return isMapped(packet.toHigh, packet.toLow);
}

/** Bytes in front of what a packet of that family carries. */
export function headBytes(four: bool): u32 {
  return four ? HEAD4 : HEAD6;
}

/** Writes the head of `packet`, whose addresses, hops and service are known; it may be cut into fragments unless `whole`. */
export function putHead(packet: Message, protocol: u32, whole: bool): void {
  const at = packet.data;
  if (isFour(packet)) {
    store<u8>(at, 0x45);
    store<u8>(at + 1, packet.service as u8);
    store<u16>(at + 2, bswap<u16>(packet.length as u16));
    store<u16>(at + 4, bswap<u16>(++lastId));
    store<u16>(at + 6, whole ? DONT_FRAGMENT : 0);
    store<u8>(at + 8, packet.hops as u8);
    store<u8>(at + 9, protocol as u8);
    store<u32>(at + 12, (packet.fromLow >> 32) as u32);
    store<u32>(at + 16, (packet.toLow >> 32) as u32);
    sealHead(at, HEAD4);
    return;
  }
  store<u32>(at, bswap<u32>(0x6000_0000 | ((packet.service & 0xff) << 20)));
  store<u16>(at + 4, bswap<u16>((packet.length - HEAD6) as u16));
  store<u8>(at + 6, protocol as u8);
  store<u8>(at + 7, packet.hops as u8);
  store<u64>(at + 8, packet.fromHigh);
  store<u64>(at + 16, packet.fromLow);
  store<u64>(at + 24, packet.toHigh);
  store<u64>(at + 32, packet.toLow);
}

/** Puts the checksum into the head of IPv4 at `at`, which has `bytes` bytes. */
export function sealHead(at: usize, bytes: u32): void {
  store<u16>(at + 10, 0);
  store<u16>(at + 10, checksum(at, bytes, 0));
}

/** A number for a packet of IPv4 that has none. */
export function nextId(): u16 {
  return bswap<u16>(++lastId);
}

/** A packet from `from` for `length` bytes of a protocol, without its head, with the addresses of `like`; null when memory is out. */
export function packetLike(from: Socket, like: Message, length: u32): Message | null {
  const packet = blankMessage(from, headBytes(isFour(like)) + length);
  if (packet === null) return null;
  packet.process = like.process;
  packet.user = like.user;
  packet.group = like.group;
  packet.fromHigh = like.fromHigh;
  packet.fromLow = like.fromLow;
  packet.toHigh = like.toHigh;
  packet.toLow = like.toLow;
  packet.hops = like.hops;
  packet.service = like.service;
  packet.time = like.time;
  return packet;
}

/** What `parsePacket` has found: the protocol, where what it carries begins, and how many bytes that are. */
export let carriedProtocol: u32 = 0;
export let carriedAt: usize = 0;
export let carriedBytes: u32 = 0;

function parse4(at: usize, length: u32): bool {
  if (length < HEAD4) return false;
  const head = ((load<u8>(at) & 15) as u32) * 4;
  const all = bswap<u16>(load<u16>(at + 2)) as u32;
  if (head < HEAD4 || head > all || all > length) return false;
  carriedProtocol = load<u8>(at + 9) as u32;
  carriedAt = at + head;
  carriedBytes = all - head;
  return true;
}

/** Extension headers that are passed over: hop by hop, routing, destination options (RFC 8200, section 4). */
function isExtension(protocol: u32): bool {
  return protocol === 0 || protocol === 43 || protocol === 60;
}

function parse6(at: usize, length: u32): bool {
  if (length < HEAD6) return false;
  const payload = bswap<u16>(load<u16>(at + 4)) as u32;
  if (payload > length - HEAD6) return false;
  carriedProtocol = load<u8>(at + 6) as u32;
  carriedAt = at + HEAD6;
  carriedBytes = payload;
  while (isExtension(carriedProtocol)) {
    if (carriedBytes < 8) return false;
    const bytes = ((load<u8>(carriedAt + 1) as u32) + 1) * 8;
    if (bytes > carriedBytes) return false;
    carriedProtocol = load<u8>(carriedAt) as u32;
    carriedAt += bytes;
    carriedBytes -= bytes;
  }
  return true;
}

/** Finds what the packet of `length` bytes at `at` carries, which may be one that was cut; false where its head is none. */
export function parsePacket(at: usize, length: u32, four: bool): bool {
  if (length === 0 || load<u8>(at) >> 4 !== (four ? 4 : 6)) return false;
  return four ? parse4(at, length) : parse6(at, length);
}

/** The head of IPv4 at `at`, which has been parsed, has its checksum. */
export function isSealed(at: usize): bool {
  return checksum(at, (carriedAt - at) as u32, 0) === 0;
}

/** It is no fragment. */
export function isWhole(at: usize): bool {
  return (load<u16>(at + 6) & FRAGMENT) === 0;
}

/**
 * The byte of the head of IPv4 at `head` up to `end` from which on its options are wrong (RFC 791, section 3.1), 0 where they are
 * right. What is behind the last one is cleared, as on Linux.
 */
export function wrongOption(head: usize, end: usize): u32 {
  let next = head + HEAD4;
  while (next < end) {
    const kind = load<u8>(next);
    if (kind === 0) {
      memory.fill(next, 0, end - next);
      return 0;
    }
    if (kind === 1) {
      next++;
      continue;
    }
    const bytes: usize = next + 2 > end ? 0 : (load<u8>(next + 1) as usize);
    if (bytes < 2 || bytes > end - next) return (next - head) as u32;
    next += bytes;
  }
  return 0;
}

/** Addresses in the head of the packet at `at`: where it came from and where it went. */
export let headFromHigh: u64 = 0;
export let headFromLow: u64 = 0;
export let headToHigh: u64 = 0;
export let headToLow: u64 = 0;

/** Reads the addresses of the head at `at`. */
export function readHead(at: usize, four: bool): void {
  if (four) {
    headFromHigh = 0;
    headToHigh = 0;
    headFromLow = mapped(load<u32>(at + 12));
    headToLow = mapped(load<u32>(at + 16));
    return;
  }
  headFromHigh = load<u64>(at + 8);
  headFromLow = load<u64>(at + 16);
  headToHigh = load<u64>(at + 24);
  headToLow = load<u64>(at + 32);
}

/** Gives `packet` the addresses of its head. */
export function readAddresses(packet: Message, four: bool): void {
  readHead(packet.data, four);
  packet.fromHigh = headFromHigh;
  packet.fromLow = headFromLow;
  packet.toHigh = headToHigh;
  packet.toLow = headToLow;
}
