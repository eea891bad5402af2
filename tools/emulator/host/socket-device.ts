// A character device on a socket: one peer at a time, as on a cable. Those who connect meanwhile wait for their turn;
// what is sent while there is none is lost, and so is what a peer does not read.

import { lstatSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { LoadError } from "../load-error.ts";
import { type SocketAddress, socketName } from "./chardev.ts";
import { hangUp, LINGER_MS } from "./hang-up.ts";
import type { Sink } from "./output.ts";
import { Telnet, telnetBytes } from "./telnet.ts";

const FLUSH_BYTES = 4096;
/** What waits for a peer that does not read, bytes. */
const MAX_UNREAD = 16 << 20;
/** Peers that wait for the one before them. */
const MAX_WAITING = 8;

export class SocketDevice implements Sink {
  readonly #address: SocketAddress;
  readonly #option: string;
  #server: Server | undefined;
  #peer: Socket | undefined;
  readonly #waiting: Socket[] = [];
  readonly #buffer = new Uint8Array(FLUSH_BYTES);
  #used = 0;
  #connected: () => void = () => {};
  /** Bytes of the peer. */
  onBytes: (bytes: Uint8Array) => void = () => {};
  /** Whether more can be taken: a peer is not read while it says no. */
  mayRead: () => boolean = () => true;
  /** A peer has connected, or has gone. */
  onPeer: (there: boolean) => void = () => {};

  private constructor(address: SocketAddress, option: string) {
    this.#address = address;
    this.#option = option;
  }

  /** Listens or connects; with `wait` resolves when there is a peer. Throws `LoadError`. */
  static async open(
    address: SocketAddress,
    option: string,
    onOpen: (device: SocketDevice) => void = () => {},
  ): Promise<SocketDevice> {
    const device = new SocketDevice(address, option);
    onOpen(device);
    if (address.server) await device.#listen();
    else await device.#connect();
    return device;
  }

  #fail(error: Error): LoadError {
    return new LoadError(`${this.#option} ${socketName(this.#address)}: ${error.message}`);
  }

  async #listen(): Promise<void> {
    const { kind, path, host, port, wait } = this.#address;
    if (kind === "unix") removeSocket(path);
    const server = createServer((socket) => this.#join(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(this.#fail(error)));
      server.listen(kind === "unix" ? { path } : { host, port }, resolve);
    });
    if (!wait || this.#peer !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#connected = resolve;
    });
  }

  async #connect(): Promise<void> {
    const { kind, path, host, port } = this.#address;
    const socket = connect(kind === "unix" ? { path } : { host, port });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", (error) => reject(this.#fail(error)));
      socket.once("connect", resolve);
    });
    this.#join(socket);
  }

  #join(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    if (this.#peer !== undefined) {
      if (this.#waiting.length >= MAX_WAITING) socket.destroy();
      else this.#waiting.push(socket);
      return;
    }
    this.#peer = socket;
    if (this.#address.kind === "tcp") socket.setNoDelay(true);
    const { server, telnet } = this.#address;
    const dialect = telnet ? new Telnet(server, (bytes) => this.#post(bytes)) : undefined;
    socket.on("data", (bytes) => {
      if (socket !== this.#peer) return;
      this.onBytes(dialect?.received(bytes) ?? bytes);
      if (!this.mayRead()) socket.pause();
    });
    socket.on("close", () => this.#left(socket));
    this.onPeer(true);
    this.#connected();
  }

  #left(socket: Socket): void {
    if (socket !== this.#peer) return;
    this.#peer = undefined;
    this.onPeer(false);
    for (;;) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.destroyed) continue;
      this.#join(next);
      return;
    }
  }

  /** The port that is listened on, 0 where there is none. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Somebody is there, or may come. */
  get open(): boolean {
    return this.#peer !== undefined || this.#server !== undefined;
  }

  write(byte: number): void {
    this.#buffer[this.#used++] = byte;
    if (this.#used === FLUSH_BYTES) this.flush();
  }

  /** Sends text after what has been written. */
  text(text: string): void {
    this.flush();
    this.#send(text);
  }

  #send(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    this.#post(this.#address.telnet ? telnetBytes(bytes) : bytes);
  }

  #post(data: Uint8Array): void {
    const peer = this.#peer;
    if (peer?.writable && peer.writableLength < MAX_UNREAD) peer.write(data);
  }

  flush(): void {
    const bytes = this.#buffer.slice(0, this.#used);
    this.#used = 0;
    const peer = this.#peer;
    if (peer?.isPaused() && this.mayRead()) peer.resume();
    if (bytes.length > 0) this.#send(bytes);
  }

  /** Ends the connection; who waits comes next. */
  hangUp(): void {
    this.flush();
    if (this.#peer !== undefined) hangUp(this.#peer);
  }

  /** Resolves when the peer has what was sent, or does not read. */
  async drain(): Promise<void> {
    this.flush();
    const peer = this.#peer;
    if (peer === undefined || peer.writableLength === 0) return;
    await Promise.race([
      new Promise<void>((resolve) => {
        // A write is over after those before it, where there is too little of them for a "drain" as well.
        if (peer.writable) peer.write("", () => resolve());
        else peer.once("close", resolve);
      }),
      new Promise<void>((resolve) => setTimeout(resolve, LINGER_MS)),
    ]);
  }

  /** Leaves nothing behind; safe from an exit handler. */
  close(): void {
    this.#server?.close();
    if (this.#server !== undefined && this.#address.kind === "unix")
      removeSocket(this.#address.path);
    this.#server = undefined;
    for (const socket of [...this.#waiting, ...(this.#peer === undefined ? [] : [this.#peer])]) {
      socket.destroy();
    }
  }
}

/** What an earlier run has left: a socket, and nothing else. */
function removeSocket(path: string): void {
  try {
    if (lstatSync(path).isSocket()) rmSync(path);
  } catch {
    // There is none.
  }
}
