// What a user network needs of the host, by Node: sockets, the resolver's address, files of a folder.

import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { getServers } from "node:dns";
import { readFileSync, realpathSync, statSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join, sep } from "node:path";
import { LoadError } from "../../load-error.ts";
import type {
  DatagramTaker,
  HostDatagrams,
  HostListener,
  HostStream,
  NetworkHost,
  StreamEvents,
  StreamFailure,
} from "../../net/user/host.ts";

/** What waits for the other side of a connection before the guest is told to wait, bytes. */
const MAX_UNSENT = 256 * 1024;
const MAX_FILE = 256 << 20;
const DNS_PORT = 53;

const FAILURES: Readonly<Record<string, StreamFailure>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EPIPE: "reset",
};

/** A socket as a stream, whose events go to `events`. */
function streamOf(socket: Socket, events: () => StreamEvents): HostStream {
  socket.setNoDelay(true);
  socket.on("connect", () => events().connected());
  socket.on("data", (bytes) => events().data(bytes));
  socket.on("drain", () => events().drained());
  socket.on("end", () => events().ended());
  socket.on("error", (error: NodeJS.ErrnoException) => {
    events().failed(FAILURES[error.code ?? ""] ?? "unreachable");
    socket.destroy();
  });
  return {
    write: (bytes) => {
      if (!socket.writable) return true;
      return socket.write(bytes) || socket.writableLength < MAX_UNSENT;
    },
    end: () => socket.end(),
    flow: (on) => (on ? socket.resume() : socket.pause()),
    destroy: () => socket.destroy(),
  };
}

export class NodeNetwork implements NetworkHost {
  readonly #folder: string | undefined;
  readonly #name: string;

  /** `folder` is what TFTP offers; `name` whose network it is, for messages. */
  constructor(name: string, folder?: string) {
    this.#name = name;
    this.#folder = folder;
  }

  connect(address: string, port: number, events: StreamEvents): HostStream {
    const socket = connect({ host: address, port, allowHalfOpen: true });
    return streamOf(socket, () => events);
  }

  get hasFiles(): boolean {
    return this.#folder !== undefined;
  }

  #fail(address: string, port: number, error: Error): LoadError {
    return new LoadError(`${this.#name}: ${address}:${port}: ${error.message}`);
  }

  async listen(
    address: string,
    port: number,
    accept: (stream: HostStream) => StreamEvents,
  ): Promise<HostListener> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const holder: { events?: StreamEvents } = {};
      const stream = streamOf(socket, () => holder.events as StreamEvents);
      holder.events = accept(stream);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(this.#fail(address, port, error)));
      server.listen({ host: address, port }, resolve);
    });
    const bound = server.address();
    return {
      port: typeof bound === "object" && bound !== null ? bound.port : port,
      close: () => server.close(),
    };
  }

  #datagrams(socket: DatagramSocket, take: DatagramTaker): HostDatagrams {
    let isOpen = true;
    socket.on("message", (bytes, { address, port }) => take(new Uint8Array(bytes), address, port));
    socket.on("error", () => {});
    return {
      send: (bytes, address, port) => {
        if (isOpen) socket.send(bytes, port, address, () => {});
      },
      close: () => {
        if (isOpen) socket.close();
        isOpen = false;
      },
    };
  }

  datagrams(take: DatagramTaker): HostDatagrams {
    return this.#datagrams(createSocket("udp4"), take);
  }

  async bind(
    address: string,
    port: number,
    take: DatagramTaker,
  ): Promise<HostDatagrams & HostListener> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      socket.once("error", (error) => reject(this.#fail(address, port, error)));
      socket.bind({ address, port }, resolve);
    });
    return { ...this.#datagrams(socket, take), port: socket.address().port };
  }

  resolver(): { address: string; port: number } | undefined {
    const server = getServers().find((text) => /^\d+(\.\d+){3}(:\d+)?$/.test(text));
    const [address, port] = server?.split(":") ?? [];
    return address === undefined ? undefined : { address, port: Number(port ?? DNS_PORT) };
  }

  /** A file of the folder, by a name that leads nowhere else, not by links either. */
  file(name: string): Uint8Array | undefined {
    if (this.#folder === undefined) return undefined;
    try {
      const root = realpathSync(this.#folder);
      const path = realpathSync(join(root, name));
      const stat = statSync(path);
      if (!path.startsWith(root + sep) || !stat.isFile() || stat.size > MAX_FILE) return undefined;
      return readFileSync(path);
    } catch {
      return undefined;
    }
  }
}
