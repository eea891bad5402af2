// Addresses and ports of the families AF_INET and AF_INET6 (ip(7), ipv6(7)). There is one interface, lo: everything in
// 127.0.0.0/8 and ::1 is this machine, and nothing else can be reached. An address is 16 bytes as two words in memory's
// order, one of IPv4 mapped into IPv6 (::ffff:a.b.c.d). Left out: TIME_WAIT, so ports are free once their sockets are gone.

import { isElsewhere } from "./bound_device";
import { LISTENING, Message, SOCK_RAW, SOCK_STREAM, Socket, UNCONNECTED } from "./socket";

export const AF_INET: u32 = 2;
export const AF_INET6: u32 = 10;

/** Protocols by their numbers (RFC 1700, RFC 8200). */
export const IPPROTO_ICMP: u32 = 1;
export const IPPROTO_TCP: u32 = 6;
export const IPPROTO_UDP: u32 = 17;
export const IPPROTO_ICMPV6: u32 = 58;
export const IPPROTO_RAW: u32 = 255;

/** Options by number that are on or off, as bits of `options` (socket.ts). */
const SO_REUSEADDR: u64 = 2;
const SO_REUSEPORT: u64 = 15;

/** What bind(2) has fixed. */
export const FIXED_ADDRESS: u32 = 1;
export const FIXED_PORT: u32 = 2;

/** Values of options that a socket keeps, i32 each (linux/inet_options.ts). */
export const VALUES: u32 = 48;
/** Places among them: IP_PKTINFO and IPV6_RECVPKTINFO. */
export const VALUE_PKTINFO: u32 = 2;
export const VALUE_PKTINFO6: u32 = 7;
/** IP_MTU_DISCOVER, and its IP_PMTUDISC_DONT. */
export const VALUE_DISCOVER: u32 = 12;
/** IP_RECVERR, IPV6_RECVERR, IP_HDRINCL, IPV6_HDRINCL. */
export const VALUE_RECVERR: u32 = 26;
export const VALUE_RECVERR6: u32 = 27;
export const VALUE_HDRINCL: u32 = 28;
export const VALUE_HDRINCL6: u32 = 29;

/** What a socket of these families has beyond its record; `VALUES` words are behind it. */
@unmanaged
export class Inet {
  localHigh: u64;
  localLow: u64;
  remoteHigh: u64;
  remoteLow: u64;
  /** In the host's order, 0 for none. */
  localPort: u32;
  remotePort: u32;
  /** The port that getsockname(2) tells: of streams the last one it had, though others may have that now. */
  toldPort: u32;
  /** FIXED_…. */
  fixed: u32;
  /** IPV6_V6ONLY. */
  only6: u32;
  /** Neighbours in the list of its port, and of what kind that is. */
  previous: Socket | null;
  next: Socket | null;
  portKind: u32;
  /** What has been sent to it and not been taken, as SO_RCVBUF counts it; and bytes that have been taken. */
  queued: u32;
  taken: u64;
  /**
   * Of datagrams: one that is being put together (MSG_MORE, UDP_CORK). Of streams: the first of those with bytes that are kept
   * back, how many bytes that are, and when they go all the same (tcp_held.ts).
   */
  collected: Message | null;
  /** What has gone wrong with what was sent (error_queue.ts), first and last. */
  errors: Message | null;
  lastError: Message | null;
  /** ICMP_FILTER or ICMP6_FILTER of raw sockets: a bit for each type that does not come, the lowest of IPv4 32 alone. */
  filter0: u64;
  filter1: u64;
  filter2: u64;
  filter3: u64;
  /** IPV6_CHECKSUM: where packets of a raw socket have their checksum; -1 for none. */
  checksumAt: i32;
  held: u32;
  alarm: usize;
  /** How far connect(2) is: PHASE_… (tcp_socket.ts). */
  phase: u32;
  /** A FIN has been sent, has come. */
  finSent: u32;
  finCame: u32;
  /** Of one that listens: those that wait for a place in its queue, first and last. Of one that waits: who for. */
  waiting: Socket | null;
  lastWaiting: Socket | null;
  waitsFor: Socket | null;
  /** The urgent byte: URGENT_…, which it is, and its place in what comes (tcp_socket.ts). */
  urgent: u32;
  urgentByte: u32;
  urgentAt: u64;
}

export const INET_BYTES: u32 = (offsetof<Inet>() as u32) + VALUES * 4;

export function inetOf(socket: Socket): Inet {
  return changetype<Inet>(socket.own);
}

export function optionValue(socket: Socket, index: u32): i32 {
  return load<i32>(socket.own + offsetof<Inet>() + index * 4);
}

export function setValue(socket: Socket, index: u32, value: i32): void {
  store<i32>(socket.own + offsetof<Inet>() + index * 4, value);
}

/** The lower word of IPv4 addresses without their four bytes. */
const MAPPED: u64 = 0xffff_0000;

/** The lower word of the IPv4 address whose four bytes are `bytes`, the first lowest. */
export function mapped(bytes: u32): u64 {
  return ((bytes as u64) << 32) | MAPPED;
}

export function isMapped(high: u64, low: u64): bool {
  return high === 0 && (low & 0xffff_ffff) === MAPPED;
}

/** 0.0.0.0 or ::. */
export function isAny(high: u64, low: u64): bool {
  return high === 0 && (low === 0 || low === MAPPED);
}

/** 127.0.0.1 and ::1. */
export const LOOPBACK4: u64 = (0x0100_007f << 32) | MAPPED;
export const LOOPBACK6: u64 = 1 << 56;
const BROADCAST4: u64 = (0xffff_ff7f << 32) | MAPPED;

/** Where an address leads. */
export const ROUTE_NONE: u32 = 0;
export const ROUTE_LOCAL: u32 = 1;
export const ROUTE_BROADCAST: u32 = 2;

export function routeOf(high: u64, low: u64): u32 {
  if (isMapped(high, low)) {
    if (((low >> 32) & 0xff) !== 127) return ROUTE_NONE;
    return low === BROADCAST4 ? ROUTE_BROADCAST : ROUTE_LOCAL;
  }
  return high === 0 && low === LOOPBACK6 ? ROUTE_LOCAL : ROUTE_NONE;
}

/** 224.0.0.0/4 and ff00::/8. */
export function isMulticast(high: u64, low: u64): bool {
  return isMapped(high, low) ? ((low >> 32) & 0xf0) === 0xe0 : (high & 0xff) === 0xff;
}

const BUCKETS: u32 = 256;
/**
 * Lists of the sockets that have a port: of streams, of datagrams, of those that send echo requests of ICMP, whose identifier
 * it is, of streams that have been accepted, which have that of who listened, and of raw ones, whose protocol it is.
 */
const lists = memory.data(256 * 5 * 4);
const LISTS_BYTES: u32 = 256 * 5 * 4;
export const STREAMS: u32 = 0;
export const DATAGRAMS: u32 = 1;
export const ECHOES: u32 = 2;
const ACCEPTED: u32 = 3;
const RAW: u32 = 4;
/** A bit for each port of the first three kinds: some socket has it. */
const used = memory.data(3 * 8192);
const USED_BYTES: u32 = 8192;
const USED_KINDS: u32 = 3;

function kindOf(socket: Socket): u32 {
  if (socket.type === SOCK_STREAM) return STREAMS;
  if (socket.type === SOCK_RAW) return RAW;
  return socket.number === IPPROTO_UDP ? DATAGRAMS : ECHOES;
}

function listAt(kind: u32, port: u32): usize {
  return lists + (kind * BUCKETS + (port & (BUCKETS - 1))) * 4;
}

/** The first socket in the list of `kind` where those are that have `port`. */
function firstOf(kind: u32, port: u32): Socket | null {
  return changetype<Socket | null>(load<usize>(listAt(kind, port)));
}

/** The first raw socket of `protocol`; the others follow by `next`. */
export function firstRaw(protocol: u32): Socket | null {
  return firstOf(RAW, protocol);
}

/** The first of those that send echo requests whose identifier may be `port`; the others follow by `next`. */
export function firstEcho(port: u32): Socket | null {
  return firstOf(ECHOES, port);
}

function isUsed(kind: u32, port: u32): bool {
  return ((load<u8>(used + kind * USED_BYTES + (port >> 3)) >> ((port & 7) as u8)) & 1) !== 0;
}

function setUsed(kind: u32, port: u32, on: bool): void {
  const at = used + kind * USED_BYTES + (port >> 3);
  const bit = (1 as u8) << ((port & 7) as u8);
  store<u8>(at, on ? load<u8>(at) | bit : load<u8>(at) & ~bit);
}

/** Some socket of that kind has `port`. */
function isAnywhere(kind: u32, port: u32): bool {
  let other = firstOf(kind, port);
  while (other !== null && inetOf(other).localPort !== port) other = inetOf(other).next;
  return other !== null;
}

const EPHEMERAL_FIRST: u32 = 32_768;
const EPHEMERAL_LAST: u32 = 60_999;
let lastPort: u32 = 0;

/** Must be called before a socket gets a port. */
export function initPorts(): void {
  memory.fill(lists, 0, LISTS_BYTES);
  memory.fill(used, 0, USED_KINDS * USED_BYTES);
  lastPort = EPHEMERAL_LAST;
}

/** Gives `socket`, which has none, `port`. */
export function takePort(socket: Socket, port: u32): void {
  enterPort(socket, port, kindOf(socket));
}

/** Gives `socket`, which a client is connected to, the `port` of who listened. */
export function sharePort(socket: Socket, port: u32): void {
  enterPort(socket, port, ACCEPTED);
}

function enterPort(socket: Socket, port: u32, kind: u32): void {
  const inet = inetOf(socket);
  const list = listAt(kind, port);
  inet.portKind = kind;
  if (kind !== RAW) setUsed(kindOf(socket), port, true);
  const first = changetype<Socket | null>(load<usize>(list));
  inet.localPort = port;
  inet.toldPort = port;
  inet.previous = null;
  inet.next = first;
  if (first !== null) inetOf(first).previous = socket;
  store<usize>(list, changetype<usize>(socket));
}

export function dropPort(socket: Socket): void {
  const inet = inetOf(socket);
  if (inet.localPort === 0) return;
  const port = inet.localPort;
  const previous = inet.previous;
  const next = inet.next;
  if (previous === null) store<usize>(listAt(inet.portKind, port), changetype<usize>(next));
  else inetOf(previous).next = next;
  if (next !== null) inetOf(next).previous = previous;
  inet.localPort = 0;
  const kind = kindOf(socket);
  if (kind === RAW) return;
  const isShared = isAnywhere(kind, port) || (kind === STREAMS && isAnywhere(ACCEPTED, port));
  if (!isShared) setUsed(kind, port, false);
}

/** A wildcard of IPv6, unless for that alone, is one of IPv4 as well. */
function covers(low: u64, only6: u32, otherHigh: u64, otherLow: u64): bool {
  if (low === 0) return only6 === 0 || !isMapped(otherHigh, otherLow);
  return isMapped(otherHigh, otherLow);
}

/** Both could be sent the same. */
function overlap(inet: Inet, high: u64, low: u64, only6: u32): bool {
  if (inet.localHigh === high && inet.localLow === low) return true;
  if (isAny(high, low) && covers(low, only6, inet.localHigh, inet.localLow)) return true;
  if (!isAny(inet.localHigh, inet.localLow)) return false;
  return covers(inet.localLow, inet.only6, high, low);
}

function isSet(socket: Socket, option: u64): bool {
  return ((socket.options >> option) & 1) !== 0;
}

/** Both may have one port nevertheless (socket(7): SO_REUSEADDR, SO_REUSEPORT, SO_BINDTODEVICE of two interfaces). */
function share(a: Socket, b: Socket): bool {
  if (a.device !== 0 && b.device !== 0 && a.device !== b.device) return true;
  if (isSet(a, SO_REUSEADDR) && isSet(b, SO_REUSEADDR)) {
    if (a.type !== SOCK_STREAM || !isListening(b)) return true;
  }
  return isSet(a, SO_REUSEPORT) && isSet(b, SO_REUSEPORT) && a.node.owner === b.node.owner;
}

function isListening(socket: Socket): bool {
  return socket.state === LISTENING;
}

/** The connection of `socket` is over, and with it its claim to a port that bind(2) has not fixed. */
export function endClaim(socket: Socket): void {
  if ((inetOf(socket).fixed & FIXED_PORT) === 0) dropPort(socket);
}

/** `socket` cannot have `port` of the address, because others have it. */
export function isTaken(socket: Socket, high: u64, low: u64, port: u32): bool {
  const kind = kindOf(socket);
  if (!isUsed(kind, port)) return false;
  if (isTakenBy(kind, socket, high, low, port)) return true;
  return kind === STREAMS && isTakenBy(ACCEPTED, socket, high, low, port);
}

/** The same of others of that kind. */
function isTakenBy(kind: u32, socket: Socket, high: u64, low: u64, port: u32): bool {
  const only6 = inetOf(socket).only6;
  let other = firstOf(kind, port);
  while (other !== null) {
    const inet = inetOf(other);
    if (other !== socket && inet.localPort === port && overlap(inet, high, low, only6)) {
      if (!share(socket, other)) return true;
    }
    other = inet.next;
  }
  return false;
}

/** Gives `socket` a port that nobody has, unless it has one. False where there is none. */
export function takeAnyPort(socket: Socket): bool {
  if (inetOf(socket).localPort !== 0) return true;
  for (let tries = EPHEMERAL_LAST - EPHEMERAL_FIRST; tries > 0; tries--) {
    lastPort = lastPort === EPHEMERAL_LAST ? EPHEMERAL_FIRST : lastPort + 1;
    if (isUsed(kindOf(socket), lastPort)) continue;
    takePort(socket, lastPort);
    return true;
  }
  return false;
}

/** Where what is looked for a receiver of comes from; set by `setOrigin`. */
let originHigh: u64 = 0;
let originLow: u64 = 0;
let originPort: u32 = 0;

/** What `receiverFor` and `nextReceiver` are asked about comes from there. */
export function setOrigin(high: u64, low: u64, port: u32): void {
  originHigh = high;
  originLow = low;
  originPort = port;
}

/** How well `socket` matches what is sent from the origin to the address: 0 not at all. */
function score(socket: Socket, high: u64, low: u64): u32 {
  if (isElsewhere(socket)) return 0;
  const inet = inetOf(socket);
  let points: u32 = 1;
  if (socket.device !== 0) points += 2;
  if (inet.localHigh === high && inet.localLow === low) points += 8;
  else if (!isAny(inet.localHigh, inet.localLow)) return 0;
  else if (!covers(inet.localLow, inet.only6, high, low)) return 0;
  if (socket.type === SOCK_STREAM || inet.remotePort === 0) return points;
  const known = inet.remoteHigh === originHigh && inet.remoteLow === originLow;
  return known && inet.remotePort === originPort ? points + 4 : 0;
}

/** Whom the origin reaches at `port` of the address: of STREAMS one that listens, or of DATAGRAMS; null for nobody. */
export function receiverFor(kind: u32, high: u64, low: u64, port: u32): Socket | null {
  let best: Socket | null = null;
  let most: u32 = 0;
  let equals: u32 = 0;
  let other = firstOf(kind, port);
  while (other !== null) {
    const inet = inetOf(other);
    const fits = inet.localPort === port && (kind !== STREAMS || isListening(other));
    const points = fits ? score(other, high, low) : 0;
    if (points > most) {
      best = other;
      most = points;
      equals = 1;
    } else if (points !== 0 && points === most && isSet(other, SO_REUSEPORT)) {
      // Those that share a port take turns by the other side's port.
      equals++;
      if (originPort % equals === 0) best = other;
    }
    other = inet.next;
  }
  return best;
}

/** The next socket of datagrams behind `after` (null: the first) that has `port` and is sent what goes to all. */
export function nextReceiver(after: Socket | null, high: u64, low: u64, port: u32): Socket | null {
  let other = after === null ? firstOf(DATAGRAMS, port) : inetOf(after).next;
  while (other !== null) {
    const inet = inetOf(other);
    if (inet.localPort === port && score(other, high, low) !== 0) return other;
    other = inet.next;
  }
  return null;
}

/** `socket` has no peer and, where bind(2) has not fixed it, no address. */
export function forgetRemote(socket: Socket): void {
  const inet = inetOf(socket);
  inet.remoteHigh = 0;
  inet.remoteLow = 0;
  inet.remotePort = 0;
  socket.state = UNCONNECTED;
  if ((inet.fixed & FIXED_ADDRESS) === 0) setAny(socket);
}

/** The local address is the wildcard of the family. */
export function setAny(socket: Socket): void {
  const inet = inetOf(socket);
  inet.localHigh = 0;
  inet.localLow = socket.protocol.family === AF_INET ? MAPPED : 0;
}
