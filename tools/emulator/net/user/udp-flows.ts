// The UDP packets of a user network: a socket of the host for each port of the guest's, as long as it is used, and
// those that ports of the host lead to.

import type { DatagramTaker, HostDatagrams, HostListener } from "./host.ts";
import type { Endpoint } from "./packets.ts";

const MAX_FLOWS = 256;
/** Silence after which a socket is closed, ns: QEMU's. */
const IDLE_NS = 240e9;
/** Ports of the gateway that stand for peers of a forward. */
const FIRST_PORT = 32768;
const PORTS = 16384;

interface Flow {
  socket: HostDatagrams;
  used: number;
  /** Whom the guest believes to talk to, where the host talks to somebody else. */
  readonly aliases: Map<string, Endpoint>;
}

/** A peer of a forward, whom the guest sees at a port of the gateway's. */
interface Visitor {
  reply(payload: Uint8Array): void;
  key: string;
}

export interface UdpHost {
  datagrams(take: DatagramTaker): HostDatagrams;
  send(from: Endpoint, to: Endpoint, payload: Uint8Array): void;
  now(): number;
}

const keyOf = ({ address, port }: Endpoint): string => `${address}:${port}`;

export class UdpFlows {
  readonly #host: UdpHost;
  readonly #flows = new Map<string, Flow>();
  /** By guest's endpoint and port of the gateway. */
  readonly #visitors = new Map<string, Visitor>();
  readonly #visitorPorts = new Map<string, number>();
  #port = 0;

  constructor(host: UdpHost) {
    this.#host = host;
  }

  /** Sends what the guest has sent to `to` to `target` of the host's. */
  send(
    from: Endpoint,
    to: Endpoint,
    target: { address: string; port: number },
    payload: Uint8Array,
  ): void {
    const key = keyOf(from);
    const flow = this.#flows.get(key) ?? this.#open(key, from);
    flow.used = this.#host.now();
    flow.aliases.set(`${target.address}:${target.port}`, to);
    flow.socket.send(payload, target.address, target.port);
  }

  #open(key: string, guest: Endpoint): Flow {
    if (this.#flows.size >= MAX_FLOWS) {
      const [oldest] = [...this.#flows].sort(([, a], [, b]) => a.used - b.used);
      if (oldest !== undefined) this.#end(oldest[0], oldest[1]);
    }
    const aliases = new Map<string, Endpoint>();
    const socket = this.#host.datagrams((bytes, address, port) => {
      // Only who has been spoken to is heard.
      const from = aliases.get(`${address}:${port}`);
      if (from !== undefined) this.#host.send(from, guest, bytes);
    });
    const flow = { socket, used: this.#host.now(), aliases };
    this.#flows.set(key, flow);
    return flow;
  }

  #end(key: string, flow: Flow): void {
    flow.socket.close();
    this.#flows.delete(key);
  }

  /** A port of the host whose packets go to the guest, from the gateway. */
  forward(
    guest: Endpoint,
    gateway: number,
    bind: (take: DatagramTaker) => Promise<HostDatagrams & HostListener>,
  ): Promise<HostDatagrams & HostListener> {
    let socket: HostDatagrams | undefined;
    const bound = bind((bytes, address, port) => {
      const reply = (payload: Uint8Array): void => socket?.send(payload, address, port);
      const from = { address: gateway, port: this.#visit(guest, `${address}:${port}`, reply) };
      this.#host.send(from, guest, bytes);
    });
    return bound.then((made) => {
      socket = made;
      return made;
    });
  }

  #visit(guest: Endpoint, peer: string, reply: (payload: Uint8Array) => void): number {
    const key = `${keyOf(guest)}-${peer}`;
    const known = this.#visitorPorts.get(key);
    if (known !== undefined) return known;
    const port = FIRST_PORT + (this.#port++ % PORTS);
    const place = `${keyOf(guest)}-${port}`;
    const before = this.#visitors.get(place);
    if (before !== undefined) this.#visitorPorts.delete(before.key);
    this.#visitors.set(place, { reply, key });
    this.#visitorPorts.set(key, port);
    return port;
  }

  /** Whether a packet of the guest's goes to a peer of a forward. */
  isForwarded(from: Endpoint, to: Endpoint): boolean {
    return this.#visitors.has(`${keyOf(from)}-${to.port}`);
  }

  answer(from: Endpoint, to: Endpoint, payload: Uint8Array): void {
    this.#visitors.get(`${keyOf(from)}-${to.port}`)?.reply(payload);
  }

  poll(now: number): void {
    for (const [key, flow] of this.#flows) if (now - flow.used > IDLE_NS) this.#end(key, flow);
  }

  close(): void {
    for (const [key, flow] of this.#flows) this.#end(key, flow);
  }
}
