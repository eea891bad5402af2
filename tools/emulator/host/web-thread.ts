// The thread of `-display web`'s server: it has the connections of all pages and the picture that they show, so that what
// comparing, packing and sending cost is not the machine's. Messages go to the machine's thread and come from there.

import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { availableParallelism } from "node:os";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { WebSocket } from "ws";
import { LoadError } from "../load-error.ts";
import { KeptPicture } from "../pictures/kept-picture.ts";
import {
  MessageError,
  type PageSeen,
  type PictureDrawn,
  type PicturesKey,
} from "../remote/messages.ts";
import { decodeMessage, encodeMessage } from "../remote/wire.ts";
import { PictureStreams, paceFor } from "./picture-streams.ts";
import type { FromServer, ServerOptions, ToServer } from "./web-messages.ts";
import { serveWeb, type WebServer } from "./web-server.ts";

/** What packs pictures for a page is what unpacks them in it. */
const PICTURES_MODULE = "pictures.wasm";
/** Bytes on their way to a page beyond which the machine's thread lets it wait. */
const MAX_UNSENT = 8 << 20;
/** Given to the pages to read the last messages, ms. */
const LINGER_MS = 1000;
/** Browsers have six connections to a host: as many pages may keep one for their pictures, and others are let in. */
const STANDING = 4;
/** With more pages each gives its connection up after so long, ms, and waits for another. */
const TURN_MS = 1000;

/** WebSocket close codes (RFC 6455, 7.4.1). */
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;

interface Page {
  socket: WebSocket;
  /** Under which it asks for its pictures. */
  key: string;
  isBehind: boolean;
}

class WebThread {
  readonly #port: MessagePort;
  readonly #pages = new Map<number, Page>();
  readonly #streams: PictureStreams;
  #server: WebServer | undefined;
  #lastPage = 0;

  constructor(port: MessagePort, picture: KeptPicture) {
    this.#port = port;
    this.#streams = new PictureStreams(picture, paceFor(availableParallelism()));
    this.#streams.onRead = (slot) => this.#say({ kind: "read", slot });
    this.#streams.onWatched = (isWatched) => this.#say({ kind: "watched", isWatched });
    port.on("message", (message: ToServer) => void this.#hear(message));
  }

  async start({ files, port }: ServerOptions): Promise<void> {
    try {
      this.#server = await serveWeb(files, port, {
        onSocket: (socket) => this.#connect(socket),
        onPictures: (query, open) => this.#pictures(query, open),
      });
      this.#say({ kind: "listening", url: this.#server.url });
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.#say({ kind: "failed", reason: error.message });
    }
  }

  #say(message: FromServer): void {
    this.#port.postMessage(message);
  }

  async #hear(message: ToServer): Promise<void> {
    switch (message.kind) {
      case "tell":
        this.#send(message.page, encodeMessage(message.message));
        break;
      case "dismiss":
        this.#pages.get(message.page)?.socket.close(UNSUPPORTED_DATA, message.reason);
        break;
      case "rows":
        this.#streams.take(message.rows);
        break;
      case "close":
        await this.#close();
        this.#say({ kind: "over" });
    }
  }

  #send(number: number, bytes: Uint8Array): void {
    const page = this.#pages.get(number);
    if (page === undefined || page.socket.readyState !== page.socket.OPEN) return;
    page.socket.send(bytes, () => this.#noteUnsent(number, page));
    this.#noteUnsent(number, page);
  }

  #noteUnsent(number: number, page: Page): void {
    const isBehind = page.socket.bufferedAmount >= MAX_UNSENT;
    if (isBehind === page.isBehind) return;
    page.isBehind = isBehind;
    this.#say({ kind: "behind", page: number, isBehind });
  }

  #connect(socket: WebSocket): void {
    const number = ++this.#lastPage;
    const page: Page = { socket, key: randomBytes(16).toString("hex"), isBehind: false };
    this.#pages.set(number, page);
    this.#say({ kind: "opened", page: number });
    const key: PicturesKey = { kind: "pictures", key: page.key };
    this.#send(number, encodeMessage(key));
    socket.on("message", (data, isBinary) => {
      try {
        if (!isBinary) throw new MessageError("expected a binary message");
        this.#receive(number, decodeMessage(bytesOf(data)));
      } catch (error) {
        if (!(error instanceof MessageError)) throw error;
        socket.close(UNSUPPORTED_DATA, error.message);
      }
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      this.#pages.delete(number);
      this.#streams.remove(number);
      this.#streams.seen(number, true);
      this.#say({ kind: "closed", page: number });
    });
  }

  #receive(page: number, message: Record<string, unknown>): void {
    const drawn: PictureDrawn["kind"] = "drawn";
    if (message.kind === drawn) {
      this.#streams.drawn(page);
      return;
    }
    const seen: PageSeen["kind"] = "seen";
    if (message.kind === seen) {
      this.#streams.seen(page, message.isSeen !== false);
      return;
    }
    // A view of all that has come is not to be copied with it.
    const bytes = (message.bytes as Uint8Array).slice();
    this.#say({ kind: "received", page, message: { ...message, bytes } });
  }

  /** A page asks for its pictures. */
  #pictures(query: string, open: () => ServerResponse): void {
    const found = [...this.#pages].find(([, { key }]) => key === query);
    if (found === undefined) return;
    const response = open();
    const [number] = found;
    this.#streams.add(number, response);
    const turn = setInterval(() => {
      if (this.#pages.size > STANDING) this.#streams.remove(number, response);
    }, TURN_MS);
    response.on("error", () => response.destroy());
    response.on("close", () => {
      clearInterval(turn);
      this.#streams.remove(number, response);
    });
  }

  /** Lets the pages read what there is to say, and listens no more. */
  async #close(): Promise<void> {
    const late = new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    await Promise.race([this.#streams.upToDate(), late]);
    const closed = [...this.#pages.values()].map(
      ({ socket }) =>
        new Promise<void>((resolve) => {
          socket.once("close", () => resolve());
          socket.close(GOING_AWAY);
        }),
    );
    this.#streams.end();
    await Promise.race([Promise.all(closed), late]);
    await this.#server?.close();
  }
}

/** A message as `ws` gives it. */
function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

if (parentPort === null) throw new Error("expected to be a thread of an emulator");
const options = workerData as ServerOptions;
const picture = await KeptPicture.of(options.files.get(PICTURES_MODULE) as Uint8Array);
await new WebThread(parentPort, picture).start(options);
