// Raw sockets of the families AF_INET and AF_INET6 (raw(7), RFC 3542): they get a copy of each packet of their protocol, of
// IPv4 with its head, of IPv6 what it carries, and send what they are given, with a head of ours or of their own.

import { EFAULT, EINVAL, EMSGSIZE } from "./errno";
import { IPPROTO_ICMP, inetOf } from "./inet";
import {
  checksum,
  HEAD4,
  HEAD6,
  headBytes,
  isFour,
  nextId,
  PACKET_MAX,
  pseudoSum,
  putHead,
  sealHead,
} from "./ip_packet";
import { carry, carryBytes } from "./lo";
import { Message, Socket } from "./socket";
import { blankMessage, freeMessage, messageError } from "./socket_messages";
import { Transfer, takeBytes } from "./transfer";

/** Where `sendRaw` sends to and from, and with what; set by its caller. */
export const rawTarget = changetype<Message>(memory.data(160, 8));

/** The next raw packet goes from one address to the other, with those hops and that service. */
export function setRaw(
  fromHigh: u64,
  fromLow: u64,
  toHigh: u64,
  toLow: u64,
  hops: u32,
  service: u32,
): void {
  rawTarget.fromHigh = fromHigh;
  rawTarget.fromLow = fromLow;
  rawTarget.toHigh = toHigh;
  rawTarget.toLow = toLow;
  rawTarget.hops = hops;
  rawTarget.service = service;
}

/** Fills in what a head of IPv4 that a program has written leaves open: raw_send_hdrinc() of Linux. */
function complete4(packet: Message): i64 {
  const at = packet.data;
  const head = ((load<u8>(at) & 15) as u32) * 4;
  if (head < HEAD4 || head > packet.length) return -EINVAL;
  if (load<u32>(at + 12) === 0) store<u32>(at + 12, (rawTarget.fromLow >> 32) as u32);
  store<u16>(at + 2, bswap<u16>(packet.length as u16));
  if (load<u16>(at + 4) === 0) store<u16>(at + 4, nextId());
  sealHead(at, head);
  return 0;
}

/** Puts the checksum where `socket` has said that it is: rawv6_push_pending_frames() of Linux. */
function sealAt(socket: Socket, packet: Message, protocol: u32): i64 {
  const place = inetOf(socket).checksumAt;
  if (place < 0) return 0;
  const at = packet.data + HEAD6;
  const length = packet.length - HEAD6;
  if ((place as u32) + 2 > length) return -EINVAL;
  store<u16>(at + (place as usize), 0);
  store<u16>(at + (place as usize), checksum(at, length, pseudoSum(packet, protocol, length)));
  return 0;
}

/** Sends `transfer` as `setRaw` has said, with a head in it where `own`, whole: bytes, or a negative error. */
export function sendRaw(
  socket: Socket,
  transfer: Transfer,
  protocol: u32,
  own: bool,
  whole: bool,
): i64 {
  const length = transfer.left as u32;
  const four = isFour(rawTarget);
  const head = headBytes(four);
  if (own && length < head) return -EINVAL;
  if (length + (own ? 0 : four ? HEAD4 : 0) > PACKET_MAX) return -EMSGSIZE;
  // Linux reads type and code of ICMP for its routes (raw_probe_proto_opt()).
  if (four && !own && protocol === IPPROTO_ICMP && length < 2) return -EFAULT;
  const packet = blankMessage(socket, length + (own ? 0 : head));
  if (packet === null) return messageError;
  const at = packet.data + (own ? 0 : head);
  let error: i64 = takeBytes(transfer, at, length) < length ? -EFAULT : 0;
  packet.fromHigh = rawTarget.fromHigh;
  packet.fromLow = rawTarget.fromLow;
  packet.toHigh = rawTarget.toHigh;
  packet.toLow = rawTarget.toLow;
  packet.hops = rawTarget.hops;
  packet.service = rawTarget.service;
  if (error === 0) {
    if (own) {
      if (four) error = complete4(packet);
    } else {
      if (!four) error = sealAt(socket, packet, protocol);
      putHead(packet, protocol, whole);
    }
  }
  if (error !== 0) {
    freeMessage(packet);
    return error;
  }
  if (own) carryBytes(packet, four);
  else carry(packet);
  return length as i64;
}
