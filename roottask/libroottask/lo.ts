// What goes over lo as a packet: it comes back at once (ip_receive.ts).
// Datagrams of UDP between sockets make one only where somebody looks (udp_socket.ts), streams make none.

import { bootTime, monotonic } from "./clock";
import { carriedAt, carriedBytes, carriedProtocol, isFour, parsePacket } from "./ip_packet";
import { deliverRaw } from "./raw_delivery";
import { Message } from "./socket";
import { freeMessage } from "./socket_messages";

const SECOND: i64 = 1_000_000_000;

/** Nanoseconds since 1970. */
export function timeOfDay(): i64 {
  return bootTime() * SECOND + (monotonic() as i64);
}

/** Takes a packet of that family, whose bytes are all that is known of it. */
export type Receiver = (packet: Message, four: bool) => void;

function nobody(_packet: Message, _four: bool): void {}

let receiver: Receiver = nobody;

/** Packets go to `next` from now on. */
export function setReceiver(next: Receiver): void {
  receiver = next;
}

/** A packet is on lo, whose bytes are all that is known of it; it is let go. */
export function carryBytes(packet: Message, four: bool): void {
  packet.time = timeOfDay();
  receiver(packet, four);
  freeMessage(packet);
}

/** The same of one with a head of ours. */
export function carry(packet: Message): void {
  carryBytes(packet, isFour(packet));
}

/** Shows raw sockets a packet whose message goes its own way. */
export function showPacket(packet: Message): void {
  if (!parsePacket(packet.data, packet.length, isFour(packet))) return;
  deliverRaw(packet, carriedProtocol, carriedAt, carriedBytes);
}
