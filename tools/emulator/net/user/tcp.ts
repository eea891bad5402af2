// The TCP connections of a user network: which segment belongs to which.

import type { HostStream, StreamEvents } from "./host.ts";
import { type Endpoint, type Ipv4, TCP } from "./packets.ts";
import { ACK, FIN, plus, RST, readSegment, type Segment, SYN, segmentBytes } from "./segment.ts";
import { TcpConnection } from "./tcp-connection.ts";

const MAX_CONNECTIONS = 1024;
/** Ports of the gateway that forwarded connections come from. */
const FIRST_PORT = 49152;
const PORTS = 16384;

export interface TcpHost {
  /** Sends an IPv4 packet to the guest. */
  send(protocol: number, source: number, destination: number, payload: Uint8Array): void;
  /** Where a connection of the guest's leads; undefined where it may not. */
  target(peer: Endpoint): { address: string; port: number } | undefined;
  connect(address: string, port: number, events: StreamEvents): HostStream;
  now(): number;
}

export class Tcp {
  readonly #host: TcpHost;
  readonly #connections = new Map<string, TcpConnection>();
  #initial = 0x1000;
  #port = 0;

  constructor(host: TcpHost) {
    this.#host = host;
  }

  get count(): number {
    return this.#connections.size;
  }

  receive(packet: Ipv4): void {
    const s = readSegment(packet);
    if (s === undefined) return;
    const guest = { address: packet.source, port: s.sourcePort };
    const peer = { address: packet.destination, port: s.destinationPort };
    const key = keyOf(guest, peer);
    const connection = this.#connections.get(key);
    if (connection !== undefined) connection.receive(s);
    else if ((s.flags & (SYN | ACK | RST)) === SYN) this.#open(key, guest, peer, s);
    else if (!(s.flags & RST)) this.#refuse(guest, peer, s);
  }

  #open(key: string, guest: Endpoint, peer: Endpoint, syn: Segment): void {
    const target = this.#host.target(peer);
    if (target === undefined || this.#connections.size >= MAX_CONNECTIONS) {
      this.#refuse(guest, peer, syn);
      return;
    }
    const connect = (events: StreamEvents): HostStream =>
      this.#host.connect(target.address, target.port, events);
    const host = this.#hostOf(key, guest, peer);
    this.#connections.set(
      key,
      TcpConnection.fromGuest(guest, peer, host, this.#sequence(), syn, connect),
    );
  }

  /** A connection of the host goes to a port of the guest; it comes from `from`. */
  forward(guest: Endpoint, from: number, stream: HostStream): StreamEvents | undefined {
    for (let tries = 0; tries < PORTS; tries++) {
      const peer = { address: from, port: FIRST_PORT + (this.#port++ % PORTS) };
      const key = keyOf(guest, peer);
      if (this.#connections.has(key) || this.#connections.size >= MAX_CONNECTIONS) continue;
      const host = this.#hostOf(key, guest, peer);
      const { connection, events } = TcpConnection.toGuest(
        guest,
        peer,
        host,
        this.#sequence(),
        stream,
      );
      this.#connections.set(key, connection);
      return events;
    }
    return undefined;
  }

  /** The guest with this address can be reached now. */
  reachable(address: number): void {
    for (const c of this.#connections.values()) if (c.guest.address === address) c.retrySyn();
  }

  poll(now: number): void {
    for (const connection of this.#connections.values()) connection.poll(now);
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.abandon();
  }

  #hostOf(key: string, guest: Endpoint, peer: Endpoint) {
    return {
      send: (segment: Segment) => this.#send(guest, peer, segment),
      now: () => this.#host.now(),
      closed: () => this.#connections.delete(key),
    };
  }

  /** Each connection begins elsewhere: what is left of one before it must not fit. */
  #sequence(): number {
    this.#initial = plus(this.#initial, 64021);
    return this.#initial;
  }

  #send(guest: Endpoint, peer: Endpoint, segment: Segment): void {
    this.#host.send(TCP, peer.address, guest.address, segmentBytes(segment, peer, guest));
  }

  /** There is no such connection (RFC 9293, 3.10.7.1). */
  #refuse(guest: Endpoint, peer: Endpoint, s: Segment): void {
    const hasAck = (s.flags & ACK) !== 0;
    const length = s.payload.length + (s.flags & SYN ? 1 : 0) + (s.flags & FIN ? 1 : 0);
    this.#send(guest, peer, {
      sourcePort: peer.port,
      destinationPort: guest.port,
      sequence: hasAck ? s.acknowledgment : 0,
      acknowledgment: hasAck ? 0 : plus(s.sequence, length),
      flags: hasAck ? RST : RST | ACK,
      window: 0,
      payload: new Uint8Array(0),
    });
  }
}

const keyOf = (guest: Endpoint, peer: Endpoint): string =>
  `${guest.address}:${guest.port}-${peer.address}:${peer.port}`;
