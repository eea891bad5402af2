// A network of its own for a guest, as QEMU's -netdev user: a gateway that answers ARP and pings, gives addresses by
// DHCP, hands names to the host's resolver and files out by TFTP, and lets the guest's TCP connections and UDP
// packets be the host's. IPv4 alone, who asks for a router of IPv6 is told that there is none; fragments, IP options and
// pings beyond the gateway go nowhere.

import { checksumOf, sumOfWords } from "../../devices/net/checksum.ts";
import { HEADER_BYTES } from "../../devices/net/network-card.ts";
import type { NetworkBackend } from "../backend.ts";
import { addressText, BROADCAST, isOutside, LOOPBACK } from "./addresses.ts";
import { CLIENT_PORT, DhcpServer, SERVER_PORT } from "./dhcp.ts";
import type { HostDatagrams, HostListener, NetworkHost } from "./host.ts";
import { ALL_NODES_MAC, isSolicitation, noRouter, TYPE_IPV6 } from "./no-router.ts";
import type { Forward, UserNetworkOptions } from "./options.ts";
import * as P from "./packets.ts";
import { Tcp } from "./tcp.ts";
import { TFTP_PORT, TftpServer } from "./tftp.ts";
import { UdpFlows } from "./udp-flows.ts";

const DNS_PORT = 53;
const MAC_BYTES = 6;
const EVERYBODY = new Uint8Array(MAC_BYTES).fill(0xff);
/** Neighbours that are remembered. */
const MAX_NEIGHBOURS = 64;
/** Packets that wait for a neighbour's hardware address, of each. */
const MAX_HELD = 4;

const ECHO_REPLY = 0;
const UNREACHABLE = 3;
const ECHO_REQUEST = 8;
/** Codes of UNREACHABLE (RFC 792, RFC 1812): port, and what an administrator does not allow. */
const PORT = 3;
const PROHIBITED = 13;
/** What ICMP tells of a packet: its header and eight bytes. */
const TOLD_BYTES = 28;

export class UserNetwork implements NetworkBackend {
  readonly options: UserNetworkOptions;
  readonly #host: NetworkHost;
  readonly #dhcp: DhcpServer;
  readonly #tftp: TftpServer;
  readonly #tcp: Tcp;
  readonly #udp: UdpFlows;
  /** Hardware addresses by their IPv4 addresses. */
  readonly #neighbours = new Map<number, Uint8Array>();
  readonly #held = new Map<number, Uint8Array[]>();
  readonly #listeners: (HostListener | HostDatagrams)[] = [];
  #identification = 0;
  #now = 0;
  onFrame: (frame: Uint8Array) => void = () => {};

  constructor(options: UserNetworkOptions, host: NetworkHost) {
    this.options = options;
    this.#host = host;
    this.#dhcp = new DhcpServer(options);
    const now = (): number => this.#now;
    this.#tftp = new TftpServer({
      hasFiles: host.hasFiles,
      file: (name) => host.file(name),
      send: (server, peer, payload) =>
        this.#sendUdp({ address: server, port: TFTP_PORT }, peer, payload),
      now,
    });
    this.#tcp = new Tcp({
      send: (protocol, source, destination, payload) =>
        this.#sendIp(protocol, source, destination, payload),
      target: (peer) => this.#target(peer),
      connect: (address, port, events) => host.connect(address, port, events),
      now,
    });
    this.#udp = new UdpFlows({
      datagrams: (take) => host.datagrams(take),
      send: (from, to, payload) => this.#sendUdp(from, to, payload),
      now,
    });
  }

  /** Listens at the ports that lead to the guest; their numbers. Throws `LoadError`. */
  async listen(): Promise<number[]> {
    const ports: number[] = [];
    for (const forward of this.options.forwards) {
      const listener = await this.#forward(forward);
      this.#listeners.push(listener);
      ports.push(listener.port);
    }
    return ports;
  }

  #forward({ protocol, host, port, guest, guestPort }: Forward): Promise<HostListener> {
    const to = { address: guest ?? this.options.dhcpStart, port: guestPort };
    const from = this.options.gateway;
    if (protocol === "udp") {
      return this.#udp.forward(to, from, (take) => this.#host.bind(host, port, take));
    }
    return this.#host.listen(host, port, (stream) => {
      const events = this.#tcp.forward(to, from, stream);
      if (events !== undefined) return events;
      stream.destroy();
      const nothing = (): void => {};
      return {
        connected: nothing,
        data: nothing,
        drained: nothing,
        ended: nothing,
        failed: nothing,
      };
    });
  }

  poll(now: number): void {
    this.#now = now;
    this.#tcp.poll(now);
    this.#udp.poll(now);
    this.#tftp.poll(now);
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#tcp.close();
    this.#udp.close();
  }

  // ---- Frames

  send(frame: Uint8Array): void {
    if (frame.length < HEADER_BYTES) return;
    const type = P.view(frame).getUint16(12);
    const payload = frame.subarray(HEADER_BYTES);
    if (type === P.TYPE_ARP) this.#receiveArp(payload);
    else if (type === P.TYPE_IPV4) this.#receiveIp(frame.slice(6, 12), payload);
    else if (type === TYPE_IPV6 && isSolicitation(payload)) {
      const own = this.#macOf(this.options.gateway);
      this.onFrame(P.ethernet(ALL_NODES_MAC, own, TYPE_IPV6, noRouter()));
    }
  }

  /** The hardware address of the gateway, or of who else has an address here: 52:55 and the address, as in QEMU. */
  #macOf(address: number): Uint8Array {
    const out = new Uint8Array(MAC_BYTES);
    P.view(out).setUint16(0, 0x5255);
    P.view(out).setUint32(2, address);
    return out;
  }

  #isInside(address: number): boolean {
    const { network, size } = this.options;
    return Math.floor(address / size) === network / size;
  }

  /** Nobody is told of what has gone to everybody (RFC 1122, 3.2.2). */
  #isBroadcast(address: number): boolean {
    const { network, size } = this.options;
    return address === BROADCAST || address === network + size - 1;
  }

  #isOurs(address: number): boolean {
    return address === this.options.gateway || address === this.options.dns;
  }

  #know(address: number, mac: Uint8Array): void {
    if (!this.#isInside(address) || this.#isOurs(address)) return;
    const isNew = !this.#neighbours.has(address);
    if (isNew && this.#neighbours.size >= MAX_NEIGHBOURS) return;
    this.#neighbours.set(address, mac);
    if (!isNew) return;
    const held = this.#held.get(address) ?? [];
    this.#held.delete(address);
    for (const packet of held) this.#sendPacket(address, packet);
    this.#tcp.reachable(address);
  }

  #receiveArp(bytes: Uint8Array): void {
    const a = P.readArp(bytes);
    if (a === undefined) return;
    // A probe (RFC 5227) has no sender's address: nobody is known by it.
    if (a.sender !== 0) this.#know(a.sender, a.senderMac);
    if (a.operation !== P.ARP_REQUEST || !this.#isOurs(a.target)) return;
    const own = this.#macOf(a.target);
    const reply = P.arp(P.ARP_REPLY, [own, a.target], [a.senderMac, a.sender]);
    this.onFrame(P.ethernet(a.senderMac, own, P.TYPE_ARP, reply));
  }

  // ---- IPv4

  #receiveIp(mac: Uint8Array, bytes: Uint8Array): void {
    const packet = P.readIpv4(bytes);
    if (packet === undefined) return;
    if (packet.source !== 0) this.#know(packet.source, mac);
    if (packet.protocol === P.UDP) this.#receiveUdp(packet);
    else if (!this.#isInside(packet.source)) return;
    else if (packet.protocol === P.TCP) this.#tcp.receive(packet);
    else if (packet.protocol === P.ICMP) this.#receiveIcmp(packet);
  }

  #sendIp(protocol: number, source: number, destination: number, payload: Uint8Array): void {
    this.#identification = (this.#identification + 1) & 0xffff;
    for (const packet of P.ipv4(protocol, source, destination, payload, this.#identification)) {
      this.#sendPacket(destination, packet);
    }
  }

  /** Sends a packet to a guest, or asks who it is. */
  #sendPacket(destination: number, packet: Uint8Array): void {
    const { gateway } = this.options;
    const own = this.#macOf(gateway);
    const mac = destination === BROADCAST ? EVERYBODY : this.#neighbours.get(destination);
    if (mac !== undefined) {
      this.onFrame(P.ethernet(mac, own, P.TYPE_IPV4, packet));
      return;
    }
    const held = this.#held.get(destination) ?? [];
    if (held.length < MAX_HELD) held.push(packet);
    if (this.#held.size < MAX_NEIGHBOURS) this.#held.set(destination, held);
    const request = P.arp(P.ARP_REQUEST, [own, gateway], [new Uint8Array(MAC_BYTES), destination]);
    this.onFrame(P.ethernet(EVERYBODY, own, P.TYPE_ARP, request));
  }

  #sendUdp(from: P.Endpoint, to: P.Endpoint, payload: Uint8Array): void {
    this.#sendIp(P.UDP, from.address, to.address, P.udp(from, to, payload));
  }

  /** Where on the host what the guest sends there goes; undefined where it may not. */
  #target({ address, port }: P.Endpoint): { address: string; port: number } | undefined {
    const { isRestricted, hasLoopback, gateway, dns } = this.options;
    if (isRestricted) return undefined;
    if (address === dns) return port === DNS_PORT ? this.#host.resolver() : undefined;
    if (address === gateway) {
      return hasLoopback ? { address: addressText(LOOPBACK), port } : undefined;
    }
    if (this.#isInside(address) || !isOutside(address)) return undefined;
    return { address: addressText(address), port };
  }

  #receiveUdp(packet: P.Ipv4): void {
    const u = P.readUdp(packet);
    if (u === undefined) return;
    const { gateway } = this.options;
    const isForGateway = packet.destination === gateway || packet.destination === BROADCAST;
    const from = { address: packet.source, port: u.sourcePort };
    const to = { address: packet.destination, port: u.destinationPort };
    if (isForGateway && to.port === SERVER_PORT) {
      const answer = this.#dhcp.answer(u.payload);
      if (answer === undefined) return;
      this.#sendUdp(
        { address: gateway, port: SERVER_PORT },
        { address: BROADCAST, port: CLIENT_PORT },
        answer,
      );
      return;
    }
    if (!this.#isInside(packet.source)) return;
    if (packet.destination === gateway && to.port === TFTP_PORT) {
      this.#tftp.receive(from, gateway, u.payload);
      return;
    }
    if (packet.destination === gateway && this.#udp.isForwarded(from, to)) {
      this.#udp.answer(from, to, u.payload);
      return;
    }
    const target = this.#target(to);
    if (target !== undefined) this.#udp.send(from, to, target, u.payload);
    else if (isOutside(to.address) && !this.#isBroadcast(to.address)) {
      this.#unreachable(packet, this.#isOurs(to.address) ? PORT : PROHIBITED);
    }
  }

  #receiveIcmp(packet: P.Ipv4): void {
    const { payload, source, destination } = packet;
    const isWhole = payload.length >= 8 && checksumOf(sumOfWords(payload, 0, payload.length)) === 0;
    if (!isWhole || payload[0] !== ECHO_REQUEST) return;
    if (!this.#isOurs(destination)) {
      this.#unreachable(packet, PROHIBITED);
      return;
    }
    const reply = payload.slice();
    reply[0] = ECHO_REPLY;
    this.#sendIp(P.ICMP, destination, source, summed(reply));
  }

  /** Tells the guest that a packet has got nowhere. */
  #unreachable({ source, whole }: P.Ipv4, code: number): void {
    const told = whole.subarray(0, TOLD_BYTES);
    const message = P.join(Uint8Array.of(UNREACHABLE, code, 0, 0, 0, 0, 0, 0), told);
    this.#sendIp(P.ICMP, this.options.gateway, source, summed(message));
  }
}

/** With its checksum. */
function summed(message: Uint8Array): Uint8Array {
  P.view(message).setUint16(2, 0);
  P.view(message).setUint16(2, checksumOf(sumOfWords(message, 0, message.length)));
  return message;
}
