// A machine in a process behind a WebSocket: `-display web`.

import type { FromMachine, ToMachine } from "../remote/messages.ts";
import { decodeMessage, encodeMessage } from "../remote/wire.ts";
import type { Connection } from "./backend.ts";

/** Between two attempts to connect again, ms. */
const RETRY_MS = 1000;

export class SocketConnection implements Connection {
  onMessage: (message: FromMachine) => void = () => {};
  onClosed: (reason: string) => void = () => {};
  readonly #url: string;
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
      const message = decodeMessage(new Uint8Array(data as ArrayBuffer)) as unknown as FromMachine;
      this.#off = message.kind === "status" ? message.state === "off" : this.#off;
      this.onMessage(message);
    };
    socket.onclose = () => {
      if (this.#off) {
        this.onClosed("The run is over.");
        return;
      }
      this.onClosed("The emulator does not answer any more; this page tries to reach it again.");
      setTimeout(() => this.#connect(), RETRY_MS);
    };
    this.#socket = socket;
  }

  send(message: ToMachine): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(encodeMessage(message));
  }
}
