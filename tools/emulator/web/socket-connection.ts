// A machine in a process behind a WebSocket: `-display web`. What is lost is looked for again, as long as the page is there.

import type { FromMachine, ToMachine } from "../remote/messages.ts";
import { type PackedPixels, unpackPixels } from "../remote/packed-pixels.ts";
import { PictureBuffers } from "../remote/picture-buffers.ts";
import { decodeMessage, encodeMessage } from "../remote/wire.ts";
import type { Connection } from "./backend.ts";

/** Between two attempts to connect again, ms. */
const RETRY_MS = 1000;
const OVER = "The run is over, and the emulator with it: this is how it ended.";
const LOST = "The emulator does not answer any more; this page tries to reach it again.";
/** RFC 6455, 7.4.1: a message is larger than the other side takes. */
const TOO_BIG = 1009;

export class SocketConnection implements Connection {
  onMessage: (message: FromMachine) => void = () => {};
  onClosed: (reason: string) => void = () => {};
  readonly #url: string;
  readonly #buffers = new PictureBuffers();
  #socket: WebSocket | undefined;
  #off = false;

  /** `url` is that of the WebSocket. */
  constructor(url: string) {
    this.#url = url;
    this.#connect();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      const sent = decodeMessage(new Uint8Array(data as ArrayBuffer)) as unknown as
        | FromMachine
        | PackedPixels;
      if (sent.kind === "packed-pixels") {
        this.#draw(sent);
        return;
      }
      this.#off = sent.kind === "status" ? sent.state === "off" : this.#off;
      this.onMessage(sent);
    };
    socket.onclose = ({ code }) => {
      if (this.#off) {
        this.onClosed(OVER);
        return;
      }
      this.onClosed(code === TOO_BIG ? "What was sent is too large for the emulator." : LOST);
      setTimeout(() => this.#connect(), RETRY_MS);
    };
    this.#socket = socket;
  }

  #draw(packed: PackedPixels): void {
    const pixels = unpackPixels(packed, this.#buffers);
    this.onMessage(pixels);
    this.#buffers.giveBack(pixels.bytes.buffer as ArrayBuffer);
  }

  send(message: ToMachine): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(encodeMessage(message));
    return true;
  }
}
