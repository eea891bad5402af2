// Queues of sockets that receive datagrams or packets of the Internet's protocols, and what is told of the last one.

import { forgetError } from "./error_queue";
import { inetOf, optionValue, VALUE_PKTINFO, VALUE_PKTINFO6 } from "./inet";
import { isFour } from "./ip_packet";
import { keptBytes, viewMessage, viewPacket } from "./packet_filter";
import { ETHERTYPE4, ETHERTYPE6 } from "./packet_tap";
import { Message, Socket } from "./socket";
import { append, copyMessage, freeMessage } from "./socket_messages";

/** Where the last datagram came from and went to. */
export let cameHigh: u64 = 0;
export let cameLow: u64 = 0;
export let camePort: u32 = 0;
export let wentHigh: u64 = 0;
export let wentLow: u64 = 0;
export let cameHops: u32 = 0;
export let cameService: u32 = 0;
/** When it came, nanoseconds since 1970. */
export let cameTime: i64 = 0;
/** It came to a socket that asked for its interface. */
export let cameNoted: bool = false;

/** Tells where `message` came from and went to, and how. */
export function noteAddresses(message: Message): void {
  forgetError();
  cameHigh = message.fromHigh;
  cameLow = message.fromLow;
  camePort = message.fromPort;
  wentHigh = message.toHigh;
  wentLow = message.toLow;
  cameHops = message.hops;
  cameService = message.service;
  cameTime = message.time;
  cameNoted = message.noted !== 0;
}

/** How much `to` keeps of what is at `from` in `packet`, as its filter says. */
export function keptOf(packet: Message, from: usize, to: Socket): u32 {
  const skipped = (from - packet.data) as u32;
  viewMessage(from, packet.length - skipped);
  if (to.filter !== 0) viewPacket(packet.data, 0, isFour(packet) ? ETHERTYPE4 : ETHERTYPE6, 0);
  return keptBytes(to);
}

/** Gives `to` a copy of what is at `from` in `packet`, unless its filter is against that. */
export function deliverPart(packet: Message, from: usize, to: Socket): void {
  const kept = keptOf(packet, from, to);
  if (kept === 0 && to.filter !== 0) return;
  const copy = copyMessage(packet, (from - packet.data) as u32);
  if (copy === null) return;
  copy.length = kept;
  deliverDatagram(copy, to);
}

/** Puts `message` into the queue of `to`, or loses it where that is full. */
export function deliverDatagram(message: Message, to: Socket): void {
  const inet = inetOf(to);
  if (inet.queued > to.receiveBuffer) {
    freeMessage(message);
    return;
  }
  inet.queued += message.charge;
  // As on Linux, a datagram of IPv4 that came before the option was set has no interface.
  const asks = optionValue(to, VALUE_PKTINFO) !== 0 || optionValue(to, VALUE_PKTINFO6) !== 0;
  message.noted = asks ? 1 : 0;
  append(to, message);
}
