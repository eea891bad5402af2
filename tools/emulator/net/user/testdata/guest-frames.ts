// Frames as a guest on a user network sends them.

import { checksumOf, sumOfWords } from "../../../devices/net/checksum.ts";
import { addressText, parseAddress } from "../addresses.ts";
import * as P from "../packets.ts";
import { type Segment, segmentBytes } from "../segment.ts";

export const GUEST_MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
export const GATEWAY_MAC = Uint8Array.of(0x52, 0x55, 10, 0, 2, 2);
export const EVERYBODY = new Uint8Array(6).fill(0xff);

export const ip = (text: string): number => parseAddress(text) as number;
export const GUEST = ip("10.0.2.15");
export const GATEWAY = ip("10.0.2.2");

export const arpRequest = (target: string, sender = "10.0.2.15"): Uint8Array =>
  P.ethernet(
    EVERYBODY,
    GUEST_MAC,
    P.TYPE_ARP,
    P.arp(P.ARP_REQUEST, [GUEST_MAC, ip(sender)], [new Uint8Array(6), ip(target)]),
  );

export const ipFrame = (
  protocol: number,
  destination: number,
  payload: Uint8Array,
  source = GUEST,
): Uint8Array =>
  P.ethernet(
    destination === 0xffff_ffff ? EVERYBODY : GATEWAY_MAC,
    GUEST_MAC,
    P.TYPE_IPV4,
    P.ipv4(protocol, source, destination, payload, 7)[0] as Uint8Array,
  );

export function ping(target: string, text = "0123456789"): Uint8Array {
  const message = P.join(
    Uint8Array.of(8, 0, 0, 0, 0x12, 0x34, 0, 1),
    new TextEncoder().encode(text),
  );
  P.view(message).setUint16(2, checksumOf(sumOfWords(message, 0, message.length)));
  return ipFrame(P.ICMP, ip(target), message);
}

export const udpFrame = (
  port: number,
  target: string,
  targetPort: number,
  payload: Uint8Array,
  source = GUEST,
): Uint8Array => {
  const [from, to] = [
    { address: source, port },
    { address: ip(target), port: targetPort },
  ];
  return ipFrame(P.UDP, to.address, P.udp(from, to, payload), source);
};

/** A DHCP message of this type with these options behind it. */
export function dhcp(type: number, options: readonly number[] = [], mac = GUEST_MAC): Uint8Array {
  const message = new Uint8Array(300);
  message.set([1, 1, 6, 0, 0x11, 0x22, 0x33, 0x44]);
  message.set(mac, 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, type, ...options, 255], 236);
  return udpFrame(68, "255.255.255.255", 67, message, 0);
}

export const requestOf = (address: string): number[] => [50, 4, ...address.split(".").map(Number)];

export function tcpFrame(
  port: number,
  target: string,
  targetPort: number,
  segment: Partial<Segment>,
): Uint8Array {
  const from = { address: GUEST, port };
  const to = { address: ip(target), port: targetPort };
  const whole = {
    ...{ sourcePort: port, destinationPort: targetPort, sequence: 0, acknowledgment: 0 },
    ...{ flags: 0, window: 0xffff, payload: new Uint8Array(0) },
    ...segment,
  };
  return ipFrame(P.TCP, to.address, segmentBytes(whole, from, to));
}

/** What is in a frame for the guest, in words. */
export function described(frame: Uint8Array): string {
  const type = P.view(frame).getUint16(12);
  if (type === P.TYPE_ARP) {
    const a = P.readArp(frame.subarray(14));
    return `arp ${a?.operation} ${addressText(a?.sender ?? 0)} for ${addressText(a?.target ?? 0)}`;
  }
  const packet = P.readIpv4(frame.subarray(14));
  if (packet === undefined) return "wrong";
  const way = `${addressText(packet.source)} to ${addressText(packet.destination)}`;
  const u = packet.protocol === P.UDP ? P.readUdp(packet) : undefined;
  if (u !== undefined) {
    return `udp ${way} ${u.sourcePort} ${u.destinationPort} ${new TextDecoder("latin1").decode(u.payload)}`;
  }
  if (packet.protocol === P.ICMP) return `icmp ${packet.payload[0]}.${packet.payload[1]} ${way}`;
  return `protocol ${packet.protocol} ${way}`;
}
