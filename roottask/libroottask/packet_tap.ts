// Sockets of the family AF_PACKET (packet(7)) and what they see of lo: each packet as it leaves and as it comes, with a head
// of Ethernet that says nothing. Streams make no packets, and are not seen.

import { create, destroy } from "./heap";
import { keptBytes, viewMessage, viewPacket } from "./packet_filter";
import { Message, SOCK_RAW, Socket } from "./socket";
import { append, copyMessage, freeMessage, prefixMessage } from "./socket_messages";

export const ETHERTYPE4: u32 = 0x0800;
export const ETHERTYPE6: u32 = 0x86dd;
/** All kinds (ETH_P_ALL). */
export const ALL_KINDS: u32 = 3;
/** Bytes of a head of Ethernet: addresses and the kind of what follows. */
export const LINK_HEAD: u32 = 14;

/** PACKET_…: for this machine, for some, for another one, sent from here. */
export const FOR_HOST: u32 = 0;
export const FOR_SOME: u32 = 2;
export const FOR_OTHER: u32 = 3;
export const OUTGOING: u32 = 4;

/** Who else is to be heard (PACKET_ADD_MEMBERSHIP), and how often that was asked for. */
@unmanaged
export class Membership {
  next: Membership | null;
  previous: Membership | null;
  /** struct packet_mreq: interface, kind and bytes of the address, the address. */
  index: u32;
  kind: u32;
  address: u64;
  count: u32;
}

/** A socket's own. */
@unmanaged
export class PacketOwn {
  next: Socket | null;
  previous: Socket | null;
  /** The kind of packets it gets, 0 for none; the interface, 0 for all. */
  kind: u32;
  index: u32;
  /** What is queued, as SO_RCVBUF counts it. */
  queued: u32;
  /** PACKET_STATISTICS: since it was asked for last. */
  packets: u32;
  drops: u32;
  /** Options that are on, a bit for each. */
  options: u32;
  version: u32;
  reserve: u32;
  copyThreshold: u32;
  timestamp: u32;
  memberships: Membership | null;
  membershipCount: u32;
}

/** The bit of `options` for PACKET_IGNORE_OUTGOING. */
const IGNORE_OUTGOING: u32 = 23;

export function packetOf(socket: Socket): PacketOwn {
  return changetype<PacketOwn>(socket.own);
}

let first: Socket | null = null;

/** Must be called before a socket is made. */
export function initTaps(): void {
  first = null;
}

/** Somebody sees packets. */
export function isTapped(): bool {
  return first !== null;
}

/** `socket` sees packets from now on. */
export function addTap(socket: Socket): void {
  const next = first;
  packetOf(socket).next = next;
  if (next !== null) packetOf(next).previous = socket;
  first = socket;
}

/** `socket` sees packets no more. */
export function dropTap(socket: Socket): void {
  const own = packetOf(socket);
  const previous = own.previous;
  const next = own.next;
  if (previous !== null) packetOf(previous).next = next;
  else if (first === socket) first = next;
  if (next !== null) packetOf(next).previous = previous;
  while (own.memberships !== null) removeMembership(own, own.memberships as Membership);
}

/** Another membership of `own`; null when memory is out. */
export function addMembership(own: PacketOwn): Membership | null {
  const made = create<Membership>();
  if (made === null) return null;
  const next = own.memberships;
  made.next = next;
  if (next !== null) next.previous = made;
  own.memberships = made;
  own.membershipCount++;
  return made;
}

export function removeMembership(own: PacketOwn, one: Membership): void {
  const previous = one.previous;
  const next = one.next;
  if (previous === null) own.memberships = next;
  else previous.next = next;
  if (next !== null) next.previous = previous;
  own.membershipCount--;
  destroy<Membership>(one);
}

/** Gives `socket` what it keeps of `frame`, a head of Ethernet and what is behind it, of that kind and PACKET_…. */
function give(socket: Socket, frame: Message, kind: u32, type: u32): void {
  const own = packetOf(socket);
  const skipped: u32 = socket.type === SOCK_RAW ? 0 : LINK_HEAD;
  const at = frame.data + skipped;
  viewMessage(at, frame.length - skipped);
  viewPacket(frame.data + LINK_HEAD, frame.data, kind, type);
  const kept = keptBytes(socket);
  if (kept === 0 && socket.filter !== 0) return;
  if (own.queued > socket.receiveBuffer) {
    own.drops++;
    return;
  }
  const copy = copyMessage(frame, skipped);
  if (copy === null) {
    own.drops++;
    return;
  }
  copy.length = kept;
  // Its whole length, what it is, and where it comes from, are told beside it.
  copy.toPort = frame.length - skipped;
  copy.hops = type;
  copy.service = kind;
  copy.fromLow = load<u64>(frame.data + 6) & 0xffff_ffff_ffff;
  own.queued += copy.charge;
  own.packets++;
  append(socket, copy);
}

/** All who see packets of that kind get `frame`, but `sender`, which sends it. */
function show(frame: Message, kind: u32, type: u32, sender: Socket | null): void {
  let socket = first;
  while (socket !== null) {
    const own = packetOf(socket);
    const next = own.next;
    let sees = own.kind === ALL_KINDS || (type !== OUTGOING && own.kind === kind);
    if (type === OUTGOING) {
      sees = sees && socket !== sender && ((own.options >> IGNORE_OUTGOING) & 1) === 0;
    }
    if (sees) give(socket, frame, kind, type);
    socket = next;
  }
}

/** Shows `frame` as it leaves, not to `sender`, and as it comes. */
export function tapFrame(frame: Message, kind: u32, type: u32, sender: Socket | null): void {
  show(frame, kind, OUTGOING, sender);
  show(frame, kind, type, null);
}

/** Shows a packet of the Internet's; `partial`: its checksum is not there yet. */
export function tapPacket(packet: Message, four: bool, partial: bool): void {
  if (first === null) return;
  const frame = prefixMessage(packet, LINK_HEAD);
  if (frame === null) return;
  const kind = four ? ETHERTYPE4 : ETHERTYPE6;
  store<u16>(frame.data + 12, bswap<u16>(kind as u16));
  frame.fromPort = partial ? 1 : 0;
  tapFrame(frame, kind, FOR_HOST, null);
  freeMessage(frame);
}
