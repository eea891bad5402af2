// The server of `-display web`: one page with its files, WebSockets (RFC 6455) for the machine behind it, and responses
// that go on for its pictures. It listens on 127.0.0.1 alone; who does not know the secret in the address, or comes from
// another origin, gets nothing.

import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { LoadError } from "../load-error.ts";

const ADDRESS = "127.0.0.1";
/** Names under the secret on which WebSockets are opened and pictures are asked for. */
const SOCKET = "machine";
const PICTURES = "pictures";
const PAGE = "index.html";
/** Longest message that is taken, bytes. */
const MAX_MESSAGE = 64 << 20;

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  svg: "image/svg+xml",
  wasm: "application/wasm",
};

const TYPE_OF_BYTES = "application/octet-stream";

/** Nothing but the page's own files; styles that the terminal sets on its elements; WebAssembly. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
} as const;

/** What is done with those who may come in. */
export interface WebHandlers {
  onSocket: (socket: WebSocket) => void;
  /** What follows `?` says which pictures are wanted: an endless response for them, if `open` is called. */
  onPictures?: (query: string, open: () => ServerResponse) => void;
}

export interface WebServer {
  /** Address of the page, with the secret. */
  readonly url: string;
  /** Ends all connections and listens no more. */
  close(): Promise<void>;
}

/** What a request is refused with: status and its reason. */
type Refusal = readonly [status: number, reason: string];

const NOT_FOUND: Refusal = [404, "Not Found"];
const FORBIDDEN: Refusal = [403, "Forbidden"];

class Gate {
  readonly #secret: Buffer;
  /** Names under which this server may be called: other ones are of pages whose name was made to lead here. */
  readonly #hosts: readonly string[];

  constructor(secret: string, port: number) {
    this.#secret = Buffer.from(secret);
    this.#hosts = [`${ADDRESS}:${port}`, `localhost:${port}`];
  }

  /** The name that is asked for, or why the request is refused. */
  nameOf({ headers, url = "" }: IncomingMessage): string | Refusal {
    const { host = "", origin } = headers;
    if (!this.#hosts.includes(host)) return FORBIDDEN;
    if (origin !== undefined && origin !== `http://${host}`) return FORBIDDEN;
    const match = /^\/([^/?]*)\/([^/?]*)(?:\?.*)?$/.exec(url);
    if (match === null || !this.#knows(match[1] as string)) return NOT_FOUND;
    return match[2] as string;
  }

  #knows(word: string): boolean {
    const given = Buffer.from(word);
    return given.length === this.#secret.length && timingSafeEqual(given, this.#secret);
  }
}

/**
 * Serves `files`, by their names, and hands over what else comes. Port 0 is any that is free. Throws `LoadError` if the
 * port is taken.
 */
export async function serveWeb(
  files: ReadonlyMap<string, Uint8Array>,
  port: number,
  { onSocket, onPictures }: WebHandlers,
): Promise<WebServer> {
  const secret = randomBytes(16).toString("hex");
  const server: Server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new LoadError(`-display web: cannot listen on port ${port}: ${error.message}`)),
    );
    server.listen(port, ADDRESS, resolve);
  });
  const bound = server.address();
  const number = typeof bound === "object" && bound !== null ? bound.port : port;
  const gate = new Gate(secret, number);
  server.on("request", (request, response) => answer(gate, files, onPictures, request, response));
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE });
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const name = gate.nameOf(request);
    // Browsers name the origin of every WebSocket; what names none is no page.
    const isPage = request.headers.origin !== undefined;
    const refusal = typeof name !== "string" ? name : !isPage ? FORBIDDEN : undefined;
    if (refusal !== undefined || name !== SOCKET) {
      const [status, reason] = refusal ?? NOT_FOUND;
      stream.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, stream, head, onSocket);
  });
  return {
    url: `http://${ADDRESS}:${number}/${secret}/`,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(
  gate: Gate,
  files: ReadonlyMap<string, Uint8Array>,
  onPictures: WebHandlers["onPictures"],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const refuse = ([status, reason]: Refusal, headers = {}): void => {
    response.writeHead(status, { ...HEADERS, "Content-Type": "text/plain", ...headers });
    response.end(`${reason}\n`);
  };
  const name = gate.nameOf(request);
  if (typeof name !== "string") {
    refuse(name);
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    refuse([405, "Method Not Allowed"], { Allow: "GET, HEAD" });
    return;
  }
  if (name === PICTURES && onPictures !== undefined && request.method === "GET") {
    const [, query = ""] = (request.url ?? "").split("?");
    let isOpen = false;
    onPictures(query, () => {
      isOpen = true;
      response.writeHead(200, { ...HEADERS, "Content-Type": TYPE_OF_BYTES });
      response.flushHeaders();
      return response;
    });
    if (!isOpen) refuse(NOT_FOUND);
    return;
  }
  const file = name === "" ? PAGE : name;
  const bytes = files.get(file);
  if (bytes === undefined) {
    refuse(NOT_FOUND);
    return;
  }
  response.writeHead(200, {
    ...HEADERS,
    "Content-Length": bytes.length,
    "Content-Type": TYPES[file.slice(file.lastIndexOf(".") + 1)] ?? TYPE_OF_BYTES,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}
