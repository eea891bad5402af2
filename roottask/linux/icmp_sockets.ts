// Sockets of datagrams of ICMP (icmp(7), "ping_group_range"; net/ipv4/ping.c of Linux): echo requests with an identifier of
// the system's choice, and the replies to them.

import { actor } from "../libroottask/credentials";
import { EFAULT, EINVAL, EMSGSIZE } from "../libroottask/errno";
import { ECHO, ECHO6, launch } from "../libroottask/icmp";
import { AF_INET6, inetOf, optionValue, VALUE_DISCOVER } from "../libroottask/inet";
import { headBytes, ICMP_HEAD, isFour, PACKET_MAX, packetLike } from "../libroottask/ip_packet";
import { rawTarget } from "../libroottask/raw_socket";
import { Socket } from "../libroottask/socket";
import { freeMessage, messageError } from "../libroottask/socket_messages";
import { Transfer, takeBytes } from "../libroottask/transfer";

/** Groups whose processes may have such sockets, first and last: none at first (/proc/sys/net/ipv4/ping_group_range). */
export const echoGroups = memory.data(8, 4);

/** Comes before a socket is made. */
export function initEchoes(): void {
  store<u32>(echoGroups, 1);
  store<u32>(echoGroups + 4, 0);
}

function isAmong(group: u32): bool {
  return group >= load<u32>(echoGroups) && group <= load<u32>(echoGroups + 4);
}

/** Who calls may have a socket of ICMP. */
export function mayEcho(): bool {
  if (isAmong(actor.effectiveGroup)) return true;
  for (let i: u32 = 0; i < actor.groupCount; i++) {
    if (isAmong(load<u32>(actor.groups + i * 4))) return true;
  }
  return false;
}

/** The head of the message that is sent next. */
const head = memory.data(8, 8);

/** Takes the head of an echo request, the only message that may be sent, off `transfer`: 0 or a negative error. */
export function takeEchoHead(socket: Socket, transfer: Transfer): i64 {
  if (takeBytes(transfer, head, ICMP_HEAD) < ICMP_HEAD) return -EFAULT;
  const wanted: u32 = socket.protocol.family === AF_INET6 ? ECHO6 : ECHO;
  return (load<u16>(head) as u32) === wanted ? 0 : -EINVAL;
}

/** Sends the request whose head has been taken, with what is left of `transfer`, as setRaw() has said: bytes, or a negative error. */
export function sendEchoRequest(socket: Socket, transfer: Transfer): i64 {
  const rest = transfer.left as u32;
  const length = ICMP_HEAD + rest;
  const four = isFour(rawTarget);
  if (length + (four ? headBytes(true) : 0) > PACKET_MAX) return -EMSGSIZE;
  const packet = packetLike(socket, rawTarget, length);
  if (packet === null) return messageError;
  const at = packet.data + headBytes(four);
  if (takeBytes(transfer, at + ICMP_HEAD, rest) < rest) {
    freeMessage(packet);
    return -EFAULT;
  }
  store<u64>(at, load<u64>(head));
  store<u16>(at + 4, bswap<u16>(inetOf(socket).localPort as u16));
  launch(packet, length, optionValue(socket, VALUE_DISCOVER) !== 0);
  return length as i64;
}
