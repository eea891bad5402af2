// A machine in a process behind a WebSocket: `-display web`. What is lost is looked for again, as long as the page is there.

import type {
  FromMachine,
  PageSeen,
  PictureDrawn,
  PicturesKey,
  ToMachine,
} from "../remote/messages.ts";
import { decodeMessage, encodeMessage } from "../remote/wire.ts";
import type { Connection, FromConnection } from "./backend.ts";
import { SeenPage } from "./page-seen.ts";
import { StreamedPictures } from "./streamed-pictures.ts";

/** Between two attempts to connect again, ms. */
const RETRY_MS = 1000;
const OVER = "The run is over, and the emulator with it: this is how it ended.";
const LOST = "The emulator does not answer any more; this page tries to reach it again.";
/** RFC 6455, 7.4.1: a message is larger than the other side takes. */
const TOO_BIG = 1009;

/** Names beside the page (host/web-server.ts, bundle.ts). */
const SOCKET = "machine";
const PICTURES = "pictures";
const PICTURE_WORKER = "picture-worker.js";
const PICTURES_MODULE = "pictures.wasm";

export class SocketConnection implements Connection {
  onMessage: (message: FromConnection) => void = () => {};
  onClosed: (reason: string) => void = () => {};
  readonly #base: string;
  readonly #pictures: StreamedPictures;
  readonly #seen = new SeenPage((message) => this.#tell(message));
  #socket: WebSocket | undefined;
  #off = false;

  /** `base` is the address of the page, which the server's names are beside. */
  constructor(base: string) {
    this.#base = base;
    const drawn: PictureDrawn = { kind: "drawn" };
    this.#pictures = new StreamedPictures(
      new URL(PICTURE_WORKER, base),
      new URL(PICTURES_MODULE, base),
      (change) => this.onMessage(change),
      () => this.#tell(drawn),
    );
    this.#connect();
  }

  #connect(): void {
    const url = new URL(SOCKET, this.#base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url.href);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#seen.tell();
    socket.onmessage = ({ data }) => {
      const sent = decodeMessage(new Uint8Array(data as ArrayBuffer)) as unknown as
        | FromMachine
        | PicturesKey;
      if (sent.kind === "pictures") {
        this.#pictures.open(new URL(`${PICTURES}?${sent.key}`, this.#base).href);
        return;
      }
      this.#off = sent.kind === "status" ? sent.state === "off" : this.#off;
      this.onMessage(sent);
    };
    socket.onclose = ({ code }) => {
      this.#pictures.close(this.#off);
      if (this.#off) {
        this.onClosed(OVER);
        return;
      }
      this.onClosed(code === TOO_BIG ? "What was sent is too large for the emulator." : LOST);
      setTimeout(() => this.#connect(), RETRY_MS);
    };
    this.#socket = socket;
  }

  send(message: ToMachine): boolean {
    return this.#tell(message);
  }

  #tell(message: ToMachine | PageSeen | PictureDrawn): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(encodeMessage(message));
    return true;
  }
}
