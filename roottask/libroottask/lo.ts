// What goes over lo as a packet: it comes back at once (ip_receive.ts).
// Datagrams of UDP between sockets make one only where somebody looks (udp_socket.ts), streams make none.

import { bootTime, monotonic } from "./clock";
import { carriedAt, carriedBytes, carriedProtocol, isFour, parsePacket } from "./ip_packet";
import {
  ETHERTYPE6,
  FOR_HOST,
  FOR_OTHER,
  FOR_SOME,
  LINK_HEAD,
  tapFrame,
  tapPacket,
} from "./packet_tap";
import { deliverRaw } from "./raw_delivery";
import { Message, Socket } from "./socket";
import { copyMessage, freeMessage } from "./socket_messages";

/** Kinds below are lengths (IEEE 802.3); ETH_P_802_3 and ETH_P_802_2. */
const ETHERTYPE_LEAST: u32 = 1536;
const KIND_802_3: u32 = 1;
const KIND_802_2: u32 = 4;
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
  tapPacket(packet, four, false);
  receiver(packet, four);
  freeMessage(packet);
}

/** The same of one with a head of ours. */
export function carry(packet: Message): void {
  carryBytes(packet, isFour(packet));
}

/** Who the frame at `at` is for, by the address that it begins with: eth_type_trans() of Linux. */
function addressee(at: usize): u32 {
  const to = load<u64>(at) & 0xffff_ffff_ffff;
  if (to === 0) return FOR_HOST;
  // There is none for all: that of lo is this machine's own.
  return (to & 1) === 0 ? FOR_OTHER : FOR_SOME;
}

/** The kind of what is in the frame at `at`; lengths in its place are those of IEEE 802.3. */
function kindOfFrame(at: usize, length: u32): u32 {
  const kind = bswap<u16>(load<u16>(at + 12)) as u32;
  if (kind >= ETHERTYPE_LEAST) return kind;
  const plain = length >= LINK_HEAD + 2 && load<u16>(at + LINK_HEAD) === 0xffff;
  return plain ? KIND_802_3 : KIND_802_2;
}

/** A frame of `sender` is on lo; it is let go. */
export function carryFrame(frame: Message, sender: Socket): void {
  const kind = kindOfFrame(frame.data, frame.length);
  const type = addressee(frame.data);
  frame.time = timeOfDay();
  tapFrame(frame, kind, type, sender);
  // Addresses of IPv4 that are this machine's are none that come from a wire (ip_route_input_slow() of Linux: martians).
  if (type !== FOR_OTHER && kind === ETHERTYPE6) {
    const packet = copyMessage(frame, LINK_HEAD);
    if (packet !== null) {
      receiver(packet, false);
      freeMessage(packet);
    }
  }
  freeMessage(frame);
}

/** Shows those who see packets one whose message goes its own way, and which has no checksum of what it carries yet. */
export function showPacket(packet: Message): void {
  tapPacket(packet, isFour(packet), true);
  if (!parsePacket(packet.data, packet.length, isFour(packet))) return;
  deliverRaw(packet, carriedProtocol, carriedAt, carriedBytes);
}
