// What a user network needs of the host: connections, datagrams, a resolver, files. In an interface, so that nothing
// here knows Node.

/** Why there is no connection, or none any more. */
export type StreamFailure = "refused" | "unreachable" | "reset";

export interface StreamEvents {
  connected(): void;
  data(bytes: Uint8Array): void;
  /** What was written is on its way: more can be. */
  drained(): void;
  /** The other side sends nothing more. */
  ended(): void;
  failed(why: StreamFailure): void;
}

/** A TCP connection of the host. */
export interface HostStream {
  /** False if enough waits already: `drained` will say when to go on. */
  write(bytes: Uint8Array): boolean;
  /** Nothing more is going to be written. */
  end(): void;
  /** Whether data are read from it. */
  flow(on: boolean): void;
  destroy(): void;
}

export interface HostDatagrams {
  send(bytes: Uint8Array, address: string, port: number): void;
  close(): void;
}

export interface HostListener {
  /** The port that it has. */
  readonly port: number;
  close(): void;
}

export type DatagramTaker = (bytes: Uint8Array, address: string, port: number) => void;

export interface NetworkHost {
  connect(address: string, port: number, events: StreamEvents): HostStream;
  /** Listens; `accept` says who follows a connection. Throws `LoadError`. */
  listen(
    address: string,
    port: number,
    accept: (stream: HostStream) => StreamEvents,
  ): Promise<HostListener>;
  /** A socket with a port of its own. */
  datagrams(take: DatagramTaker): HostDatagrams;
  /** One with this address. Throws `LoadError`. */
  bind(address: string, port: number, take: DatagramTaker): Promise<HostDatagrams & HostListener>;
  /** A name server; undefined where there is none. */
  resolver(): { address: string; port: number } | undefined;
  /** TFTP offers files. */
  readonly hasFiles: boolean;
  /** One of them; undefined where there is none of the name. */
  file(name: string): Uint8Array | undefined;
}
