// -netdev socket: two machines, of ours or QEMU's, on a cable that is a TCP connection or UDP packets of the host.

import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { connect, createServer, type Server, type Socket } from "node:net";
import { LoadError } from "../../load-error.ts";
import type { NetworkBackend } from "../../net/backend.ts";
import { FrameReader, framed } from "../../net/frame-stream.ts";

export interface HostAddress {
  host: string;
  port: number;
}

/** Who waits for whom. */
export type SocketRequest =
  | ({ how: "listen" } & HostAddress)
  | ({ how: "connect" } & HostAddress)
  | ({ how: "udp"; local: HostAddress } & HostAddress);

/** What waits for a peer that does not read, bytes: more is lost, as on any network. */
const MAX_UNREAD = 4 << 20;

export class SocketBackend implements NetworkBackend {
  readonly #name: string;
  #server: Server | undefined;
  #peer: Socket | undefined;
  #datagrams: DatagramSocket | undefined;
  #to: HostAddress | undefined;
  onFrame: (frame: Uint8Array) => void = () => {};
  /** One line about what has gone wrong. */
  onTrouble: (what: string) => void = () => {};

  private constructor(name: string) {
    this.#name = name;
  }

  /** Listens, connects or binds; `name` is whose it is. Throws `LoadError`. */
  static async open(request: SocketRequest, name: string): Promise<SocketBackend> {
    const backend = new SocketBackend(name);
    try {
      if (request.how === "listen") await backend.#listen(request);
      else if (request.how === "connect") await backend.#connect(request);
      else await backend.#bind(request, request.local);
    } catch (error) {
      throw new LoadError(`${name}: ${(error as Error).message}`);
    }
    return backend;
  }

  /** The port that is listened on. */
  get port(): number {
    const address = this.#server?.address() ?? this.#datagrams?.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async #listen({ host, port }: HostAddress): Promise<void> {
    // One peer at a time: a cable has two ends.
    const server = createServer((socket) => {
      if (this.#peer === undefined) this.#join(socket);
      else socket.destroy();
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, resolve);
    });
  }

  async #connect({ host, port }: HostAddress): Promise<void> {
    const socket = connect({ host, port });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", resolve);
    });
    this.#join(socket);
  }

  async #bind(to: HostAddress, local: HostAddress): Promise<void> {
    const socket = createSocket("udp4");
    this.#datagrams = socket;
    this.#to = to;
    socket.on("message", (bytes) => this.onFrame(new Uint8Array(bytes)));
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: local.host, port: local.port }, resolve);
    });
    socket.on("error", () => {});
  }

  #join(socket: Socket): void {
    const reader = new FrameReader();
    this.#peer = socket;
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      try {
        for (const frame of reader.read(bytes)) this.onFrame(frame);
      } catch (error) {
        this.onTrouble(
          `${this.#name}: ${(error as Error).message}: the peer speaks something else`,
        );
        socket.destroy();
      }
    });
    socket.on("close", () => {
      if (this.#peer === socket) this.#peer = undefined;
    });
  }

  send(frame: Uint8Array): void {
    const to = this.#to;
    if (to !== undefined) this.#datagrams?.send(frame, to.port, to.host);
    else if (this.#peer?.writable && this.#peer.writableLength < MAX_UNREAD) {
      this.#peer.write(framed(frame));
    }
  }

  poll(): void {}

  close(): void {
    this.#server?.close();
    this.#peer?.destroy();
    this.#datagrams?.close();
    this.#datagrams = undefined;
  }
}
